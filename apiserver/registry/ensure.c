/* apiserver/registry/ensure.c - writes of the server itself: what must be there is created, or brought to what it should be. */
#include "apiserver/registry/registry.h"

bool registry_ensure(struct apiserver *as, const char *group, const char *version, const char *resource, struct json *obj,
                     bool update, struct arena *a, struct err *err)
{
    const struct resource *res = registry_find(as, str_c(group), str_c(version), str_c(resource), STR(""));
    if (!res) return err_set(err, ERR_NOT_FOUND, "the server could not find the requested resource");
    struct request *r = request_internal(as, a);
    struct write_options o = { .manager = STR("kube-apiserver") };
    struct json *copy = json_copy(a, obj);
    r->info.namespace = meta_namespace(copy);
    if (!schema_decode(as->schema, a, &res->kind, copy, STR_NULL, NULL, err)) return false;
    schema_default(as->schema, a, &res->kind, copy);
    struct object *old = registry_get(as, res->stored.group, res->name, res->namespaced ? r->info.namespace : STR(""),
                                      meta_name(copy)), *out = NULL;
    if (old && !update) {
        object_unref(old);
        return true;
    }
    /* What is there is what we mean to replace: kinds that insist on a resourceVersion get it. */
    if (old)
        json_set_str(a, json_ensure(a, copy, "metadata"), "resourceVersion",
                     json_path_str(object_json(old), "metadata.resourceVersion"));
    bool ok = old ? write_update(r, res, copy, old, &o, &out, err) : write_create(r, res, copy, &o, &out, err);
    object_unref(out);
    object_unref(old);
    return ok;
}
