/* apiserver/admission/storage.c - claims get the default class.
 *
 * Upstream: kubernetes plugin/pkg/admission/storage/storageclass/setdefault. StorageObjectInUseProtection, which adds finalizers
 * to claims and volumes, is left out as long as no controller takes them off again: a claim must not hang for ever in its
 * deletion.
 */
#include "apiserver/admission/admission_priv.h"

struct default_search { struct arena *a; struct str name; int64_t created; };

static bool visit_class(void *ctx, struct str key, struct object *o) {
    struct default_search *s = ctx;
    const struct json *sc = object_json(o);
    int64_t created = 0;
    (void)key;
    bool is = str_eqc(meta_annotation(sc, "storageclass.kubernetes.io/is-default-class"), "true") ||
              str_eqc(meta_annotation(sc, "storageclass.beta.kubernetes.io/is-default-class"), "true");
    if (!is) return true;
    meta_created_ns(sc, &created);
    if (s->name.n && created <= s->created) return true;
    s->name = arena_str(s->a, meta_name(sc));
    s->created = created;
    return true;
}

bool default_storage_class(struct admission_attrs *t, struct err *err) {
    (void)err;
    if (t->op != ADMIT_CREATE || !attrs_are(t, "", "persistentvolumeclaims", "")) return true;
    struct json *spec = json_ensure(t->r->a, t->obj, "spec");
    if (json_get(spec, "storageClassName") || meta_annotation(t->obj, "volume.beta.kubernetes.io/storage-class").n) return true;
    struct default_search s = { .a = t->r->a };
    admission_list(t, "storage.k8s.io", "storageclasses", STR(""), visit_class, &s);
    if (s.name.n) json_set_str(t->r->a, spec, "storageClassName", s.name);
    return true;
}
