/* apiserver/registry/sub_scale.c - autoscaling/v1 Scale: the part of a workload that autoscalers and `kubectl scale` see.
 *
 * Upstream: kubernetes pkg/registry/apps/deployment/storage/storage.go (ScaleREST, scaleFromDeployment).
 */
#include "apiserver/registry/registry.h"

static const char *undotted(const char *path) { return path + (path[0] == '.'); }

/* A custom resource keeps its counts where its definition says. Upstream: apiextensions-apiserver
 * pkg/registry/customresource/etcd.go. */
static bool custom_counts(struct arena *a, const struct custom_kind *k, const struct json *obj, struct json *scale, struct err *err)
{
    const struct json *replicas = json_path(obj, undotted(k->spec_replicas));
    if (!replicas)
        return err_set(err, ERR_INTERNAL, "Internal error occurred: the spec replicas field \"%s\" does not exist", k->spec_replicas);
    if (json_int(replicas, 0)) json_set_int(a, json_get(scale, "spec"), "replicas", json_int(replicas, 0));
    json_set_int(a, json_get(scale, "status"), "replicas", json_path_int(obj, undotted(k->status_replicas), 0));
    struct str selector = k->label_selector ? json_path_str(obj, undotted(k->label_selector)) : STR_NULL;
    if (selector.n) json_set_str(a, json_get(scale, "status"), "selector", selector);
    return true;
}

static void set_replicas(struct arena *a, const struct custom_kind *k, struct json *obj, int64_t replicas)
{
    struct str rest = str_c(k ? undotted(k->spec_replicas) : "spec.replicas"), name = str_token(&rest, '.');
    for (; rest.p; name = str_token(&rest, '.')) obj = json_ensure(a, obj, arena_cstr(a, name));
    json_set_int(a, obj, arena_cstr(a, name), replicas);
}

struct json *scale_of(struct apiserver *as, struct arena *a, const struct resource *res, struct object *o, struct err *err)
{
    struct json *obj = present_json(as, a, res, o), *meta = json_get(obj, "metadata"), *spec = json_get(obj, "spec");
    static const char *const carried[] = { "name", "namespace", "uid", "resourceVersion", "creationTimestamp" };
    struct json *out = json_buildf(a,
                                   "{'kind':'Scale','apiVersion':'autoscaling/v1','metadata':{},'spec':{},'status':{'replicas':%d}}",
                                   json_path_int(obj, "status.replicas", 0));
    struct json *into = json_get(out, "metadata");
    for (size_t i = 0; i < ARRAY_LEN(carried); i++) {
        const struct json *v = json_get(meta, carried[i]);
        if (v) json_set(a, into, carried[i], json_copy(a, v));
        if (i == 1 && as->opt.minor < 20) {
            struct str link = json_get_str(meta, "selfLink");
            if (link.n) json_set_str(a, into, "selfLink", arena_strf(a, STR_FMT "/scale", STR_ARG(link)));
        }
    }
    const struct custom_kind *custom = schema_custom(as->schema, &res->main->kind);
    if (custom) return custom_counts(a, custom, obj, out, err) ? out : NULL;
    int64_t replicas = json_get_int(spec, "replicas", 0);
    if (replicas) json_set_int(a, json_get(out, "spec"), "replicas", replicas);
    bool map_selector = !res->group.n;                           /* a ReplicationController's selector is a plain map */
    const struct json *selector = json_get(spec, "selector");
    struct selector *sel = map_selector ? selector_from_map(a, selector) : selector_from_json(a, selector, err);
    if (!sel) return NULL;
    struct str text = selector_text(a, sel);
    if (text.n) json_set_str(a, json_get(out, "status"), "selector", text);
    return out;
}

static bool scale_invalid(struct request *r, const struct resource *res, struct str name, int64_t replicas, struct err *err)
{
    struct field_errors e = { .a = r->a };
    field_error_add(&e, "FieldValueInvalid", STR("spec.replicas"),
                    "Invalid value: %" PRId64 ": must be greater than or equal to 0", replicas);
    (void)res;
    return err_invalid(err, STR("autoscaling"), STR("Scale"), name, &e);
}

enum { SCALE_TRACKED_MINOR = 22 };      /* from here on, who scales owns spec.replicas */

bool scale_update(struct request *r, const struct resource *res, struct json *scale, struct object *old,
                  const struct write_options *o, struct object **out, struct err *err)
{
    struct json *obj = present_json(r->as, r->a, res, old);
    struct str name = meta_name(obj), rv = json_path_str(scale, "metadata.resourceVersion"),
               uid = json_path_str(scale, "metadata.uid");
    int64_t replicas = json_path_int(scale, "spec.replicas", 0);
    if (replicas < 0) return scale_invalid(r, res, name, replicas, err);
    if (rv.n && !str_eq(rv, json_path_str(obj, "metadata.resourceVersion")))
        return err_object_modified(err, res->group, res->name, name);
    if (uid.n && !str_eq(uid, meta_uid(obj))) {
        const char *why = arena_printf(r->a, "Precondition failed: UID in precondition: " STR_FMT ", UID in object meta: " STR_FMT,
                                       STR_ARG(uid), STR_ARG(meta_uid(obj)));
        return err_conflict(err, res->group, res->name, name, why);
    }
    set_replicas(r->a, schema_custom(r->as->schema, &res->main->kind), obj, replicas);
    struct write_options scaled = *o;
    scaled.untracked |= r->as->opt.minor < SCALE_TRACKED_MINOR;
    return write_update(r, res->main, obj, old, &scaled, out, err);
}
