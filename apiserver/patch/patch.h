/* apiserver/patch/patch.h - the four patch types. Pure functions on trees; originals are not changed; results live in
 * the arena. */
#ifndef APISERVER_PATCH_PATCH_H
#define APISERVER_PATCH_PATCH_H

#include "apiserver/schema/schema.h"

/* RFC 6902 as evanphx/json-patch answers: ERR_BAD_REQUEST for a malformed patch, ERR_INVALID (422 `the server rejected
 * our request due to an error in our request`) when an operation cannot be applied. NULL on error. */
struct json *patch_json(struct arena *a, const struct json *original, struct str patch, struct err *err);
struct json *patch_merge(struct arena *a, const struct json *original, const struct json *patch);                  /* RFC 7396 */
/* Strategic merge, apimachinery pkg/util/strategicpatch: patchStrategy/patchMergeKey from the type, $patch: delete|replace|merge,
 * $setElementOrder/x, $deleteFromPrimitiveList/x, $retainKeys. Servers of a minor version before 27 put a value that is new in as it
 * is, with its directives; later ones take these out. Errors are the upstream texts (ERR_BAD_REQUEST or ERR_INVALID). */
struct json *patch_strategic(struct arena *a, int minor, const struct type *t, const struct json *original, const struct json *patch,
                             struct err *err);
/* Go's %v and %s of a decoded JSON value: map[a:1 b:[x y]], <nil>. Upstream's errors are full of it. */
void patch_go_print(struct strbuf *out, const struct json *j);
/* Server-side apply: merge `applied` into live (NULL: create) for a manager. Conflicts: ERR_CONFLICT `Apply failed with
 * 1 conflict: conflict with "kubectl-client-side-apply" using apps/v1: .spec.replicas` with details.causes
 * FieldManagerConflict, unless force. managedFields of the result are updated. */
struct json *patch_apply(struct arena *a, const struct schema *s, const struct gvk *gvk, const struct json *live,
                         const struct json *applied, struct str manager, bool force, int64_t now_ns, struct err *err);
/* Track an update in metadata.managedFields (operation Update), as every write does from v1.18 on (v1.16, v1.17: only
 * objects that were once applied). */
void managed_fields_update(struct arena *a, const struct schema *s, const struct gvk *gvk, const struct json *old,
                           struct json *obj, struct str manager, const char *subresource, int64_t now_ns);

#endif
