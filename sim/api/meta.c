/* sim/api/meta.c - reading metadata of a tree, and the questions about pods that several components ask.
 *
 * Upstream: apimachinery pkg/apis/meta/v1/{unstructured,controller_ref.go,meta.go} and kubernetes pkg/api/v1/pod/util.go.
 * Every reader accepts a tree with no metadata, and NULL.
 */
#include "sim/api/api.h"

static const struct json *metadata(const struct json *obj)
{
    return json_get(obj, "metadata");
}

struct str meta_name(const struct json *obj)
{
    return json_get_str(metadata(obj), "name");
}

struct str meta_namespace(const struct json *obj)
{
    return json_get_str(metadata(obj), "namespace");
}

struct str meta_uid(const struct json *obj)
{
    return json_get_str(metadata(obj), "uid");
}

int64_t meta_rv(const struct json *obj)
{
    int64_t rv = 0;
    return str_int(json_get_str(metadata(obj), "resourceVersion"), &rv) ? rv : 0;
}

struct str meta_key(struct arena *a, const struct json *obj)
{
    struct str ns = meta_namespace(obj), name = meta_name(obj);
    if (ns.n == 0)
        return arena_str(a, name);
    return arena_strf(a, STR_FMT "/" STR_FMT, STR_ARG(ns), STR_ARG(name));
}

const struct json *meta_labels(const struct json *obj)
{
    const struct json *labels = json_get(metadata(obj), "labels");
    return json_is(labels, JSON_OBJECT) ? labels : NULL;
}

struct str meta_label(const struct json *obj, const char *key)
{
    return json_get_str(meta_labels(obj), key);
}

struct str meta_annotation(const struct json *obj, const char *key)
{
    return json_get_str(json_get(metadata(obj), "annotations"), key);
}

bool meta_deleting(const struct json *obj)
{
    return json_get_str(metadata(obj), "deletionTimestamp").n > 0;
}

bool meta_created_ns(const struct json *obj, int64_t *unix_ns)
{
    return time_parse_rfc3339(json_get_str(metadata(obj), "creationTimestamp"), unix_ns);
}

const struct json *meta_controller(const struct json *obj)
{
    const struct json *refs = json_get(metadata(obj), "ownerReferences");
    for (const struct json *ref = json_first(refs); ref; ref = json_next(ref))
        if (json_get_bool(ref, "controller", false))
            return ref;
    return NULL;
}

bool meta_owned_by(const struct json *obj, struct str owner_uid)
{
    const struct json *ref = meta_controller(obj);
    return ref && owner_uid.n > 0 && str_eq(json_get_str(ref, "uid"), owner_uid);
}

struct json *meta_owner_ref(struct arena *a, const char *api_version, const char *kind, struct str name, struct str uid)
{
    return json_buildf(a, "{'apiVersion': %s, 'kind': %s, 'name': %S, 'uid': %S, 'controller': true, 'blockOwnerDeletion': true}",
                       api_version, kind, name, uid);
}

bool pod_is_ready(const struct json *pod)
{
    return condition_is_true(pod, "Ready");
}

bool pod_is_active(const struct json *pod)
{
    struct str phase = json_path_str(pod, "status.phase");
    return !str_eqc(phase, "Succeeded") && !str_eqc(phase, "Failed") && !meta_deleting(pod);
}
