/* apiserver/endpoints/handle_patch.c - PATCH: the state, patched in the request's version, is written like an update.
 *
 * Upstream: apiserver pkg/endpoints/handlers/patch.go. What upstream retries on conflict cannot conflict here.
 */
#include "apiserver/endpoints/audit.h"
#include "apiserver/endpoints/endpoints.h"
#include "apiserver/patch/patch.h"

enum patch_type { PATCH_JSON, PATCH_MERGE, PATCH_STRATEGIC, PATCH_APPLY };

static bool patch_type_of(struct request *r, enum patch_type *out, struct err *err) {
    static const char *const types[] = { "application/json-patch+json", "application/merge-patch+json", "application/strategic-merge-patch+json", "application/apply-patch+yaml" };
    struct str type = http_headers_get(&r->x->headers, "Content-Type");
    type = str_trim(str_token(&type, ';'));
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (str_eqc(type, types[i])) {
            *out = (enum patch_type)i;
            return true;
        }
    err_set(err, ERR_UNSUPPORTED_MEDIA_TYPE, "415: Unsupported Media Type");     /* upstream's router says it, before any handler */
    err_details(err, "{}");
    return false;
}

static const char *go_type(const struct json *j) {
    switch (json_type(j)) {
    case JSON_STRING: return "string";
    case JSON_ARRAY: return "array";
    case JSON_BOOL: return "bool";
    default: return "number";
    }
}

static struct json *patch_object(struct request *r, struct err *err) {
    struct err bad = { 0 };
    struct json *j = json_parse(r->a, r->x->body, &bad);
    if (!j) err_set(err, ERR_BAD_REQUEST, "%s", bad.msg);
    else if (!json_is(j, JSON_OBJECT)) {
        err_set(err, ERR_BAD_REQUEST, "json: cannot unmarshal %s into Go value of type map[string]interface {}", go_type(j));
        j = NULL;
    }
    err_clear(&bad);
    return j;
}

static struct json *patched(struct request *r, enum patch_type type, const struct json *current, struct err *err) {
    const struct gvk *k = &r->res->kind;
    if (type == PATCH_JSON) return patch_json(r->a, current, r->x->body, err);
    struct json *patch = patch_object(r, err);
    if (!patch) return NULL;
    if (type == PATCH_MERGE) return patch_merge(r->a, current, patch);
    return patch_strategic(r->a, schema_kind(r->as->schema, k->group, k->version, k->kind), current, patch, err);
}

/* A patch cannot rename, and cannot make another kind of it. */
static bool check_patched(struct request *r, struct json *obj, struct err *err) {
    const struct gvk *k = &r->res->kind;
    struct str name = meta_name(obj), ns = meta_namespace(obj);
    if (!json_is(obj, JSON_OBJECT)) return err_set(err, ERR_BAD_REQUEST, "json: cannot unmarshal %s into Go value of type map[string]interface {}", go_type(obj));
    json_set_str(r->a, obj, "kind", k->kind);
    json_set_str(r->a, obj, "apiVersion", gvk_api_version(r->a, k->group, k->version));
    if (!str_eq(name, r->info.name))
        return err_set(err, ERR_BAD_REQUEST, "the name of the object (" STR_FMT ") does not match the name on the URL (" STR_FMT ")", STR_ARG(name), STR_ARG(r->info.name));
    if (r->res->namespaced && ns.n && !str_eq(ns, r->info.namespace))
        return err_set(err, ERR_BAD_REQUEST, "the namespace of the object (" STR_FMT ") does not match the namespace on the request (" STR_FMT ")", STR_ARG(ns), STR_ARG(r->info.namespace));
    return true;
}

static bool decode_patched(struct request *r, struct json *obj, struct err *err) {
    return check_patched(r, obj, err) && decode_tree(r, &r->res->kind, obj, json_text(r->a, obj), true, err);
}

static bool patch_scale(struct request *r, enum patch_type type, struct object *old, struct object **out, struct err *err) {
    struct json *scale = scale_of(r->as, r->a, r->res, old, err);
    if (!scale) return false;
    if (type == PATCH_APPLY) return err_set(err, ERR_UNSUPPORTED_MEDIA_TYPE, "server-side apply of a scale is not supported");
    times_shift(r->as, r->a, &r->res->kind, scale, r->x->time_shift_s);
    struct json *obj = patched(r, type, scale, err);
    struct write_options o = write_options_of(r);
    return obj && decode_patched(r, obj, err) && scale_update(r, r->res, obj, old, &o, out, err);
}

static bool patch_update(struct request *r, enum patch_type type, struct object *old, struct object **out, struct err *err) {
    struct json *current = present_json(r->as, r->a, r->res, old);
    times_shift(r->as, r->a, &r->res->kind, current, r->x->time_shift_s);
    struct json *obj = patched(r, type, current, err);
    if (!obj || !decode_patched(r, obj, err)) return false;
    schema_default(r->as->schema, r->a, &r->res->kind, obj);
    struct write_options o = write_options_of(r);
    return write_update(r, r->res, obj, old, &o, out, err);
}

/* ---- server-side apply ---- */
static bool apply_manager(struct request *r, struct write_options *o, struct err *err) {
    *o = write_options_of(r);
    o->apply = true;
    if (query_get(&r->x->query, "fieldManager").n) return true;
    struct field_errors e = { .a = r->a };
    field_error_add(&e, "FieldValueRequired", STR("fieldManager"), "Required value: is required for apply patch");
    return err_invalid(err, STR("meta.k8s.io"), STR("PatchOptions"), STR(""), &e);
}

static bool patch_apply_to(struct request *r, struct object *old, struct object **out, struct err *err) {
    struct err bad = { 0 };
    struct write_options o;
    if (!apply_manager(r, &o, err)) return false;
    struct json *applied = yaml_parse(r->a, r->x->body, &bad);
    if (!applied) {
        err_set(err, ERR_BAD_REQUEST, "error decoding YAML: %s", bad.msg);
        err_clear(&bad);
        return false;
    }
    if (!json_path_str(applied, "metadata.name").n) json_set_str(r->a, json_ensure(r->a, applied, "metadata"), "name", r->info.name);
    if (json_len(json_path(applied, "metadata.managedFields"))) return err_set(err, ERR_BAD_REQUEST, "metadata.managedFields must be nil");
    if (!decode_patched(r, applied, err)) return false;
    struct json *live = old ? present_json(r->as, r->a, r->res, old) : NULL;
    struct json *obj = patch_apply(r->a, r->as->schema, &r->res->kind, live, applied, o.manager, query_bool(&r->x->query, "force"), r->now_ns, err);
    if (!obj) return false;
    if (!schema_decode(r->as->schema, r->a, &r->res->kind, obj, STR_NULL, NULL, err)) return false;
    schema_default(r->as->schema, r->a, &r->res->kind, obj);
    return old ? write_update(r, r->res, obj, old, &o, out, err) : write_create(r, r->res, obj, &o, out, err);
}

void handle_patch(struct request *r) {
    struct err err = { 0 };
    enum patch_type type = PATCH_JSON;
    const struct resource *res = r->res;
    struct object *out = NULL, *old = NULL;
    bool scale = str_eqc(res->subresource, "scale");
    audit_request_patch(r);
    if (!patch_type_of(r, &type, &err)) goto done;
    old = registry_get(r->as, res->stored.group, res->name, res->namespaced ? r->info.namespace : STR(""), r->info.name);
    if (!old && (type != PATCH_APPLY || res->subresource.n)) err_not_found(&err, res->group, res->name, r->info.name);
    else if (scale) patch_scale(r, type, old, &out, &err);
    else if (type == PATCH_APPLY) patch_apply_to(r, old, &out, &err);
    else patch_update(r, type, old, &out, &err);
done:
    if (!out) respond_error(r, &err);
    else if (scale) {
        struct json *j = scale_of(r->as, r->a, res, out, &err);
        times_shift(r->as, r->a, &res->kind, j, r->x->time_shift_s);
        respond_committed(r, 200, json_text(r->a, j));
    } else respond_object(r, res, old ? 200 : 201, out, true);
    err_clear(&err);
    object_unref(old);
    object_unref(out);
}
