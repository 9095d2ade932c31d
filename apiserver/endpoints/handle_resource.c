/* apiserver/endpoints/handle_resource.c - requests for objects: which handler, and get, create and update.
 *
 * Upstream: apiserver pkg/endpoints/installer.go (routes), pkg/endpoints/handlers/{get,create,update}.go.
 */
#include "apiserver/auth/auth.h"
#include "apiserver/endpoints/audit.h"
#include "apiserver/endpoints/endpoints.h"
#include "apiserver/patch/patch.h"

enum { FIELD_MANAGER_MAX = 128 };      /* bytes */

struct write_options write_options_of(struct request *r)
{
    struct str manager = query_get(&r->x->query, "fieldManager"), agent = http_headers_get(&r->x->headers, "User-Agent");
    if (!manager.n) manager = str_token(&agent, '/');
    if (!manager.n) manager = STR("unknown");
    return (struct write_options){ .manager = str_sub(manager, 0, FIELD_MANAGER_MAX), .admit = true };
}

static bool sub_is(const struct request *r, const char *name) { return str_eqc(r->info.subresource, name); }

static struct object *get_or_error(struct request *r, struct err *err)
{
    const struct resource *res = r->res;
    struct object *o = registry_get(r->as, res->stored.group, res->name, res->namespaced ? r->info.namespace : STR(""), r->info.name);
    if (!o) err_not_found(err, res->group, res->name, r->info.name);
    return o;
}

static void fail(struct request *r, struct err *err)
{
    respond_error(r, err);
    err_clear(err);
}

static void respond_scale(struct request *r, struct object *o, int status, bool committed)
{
    struct err err = { 0 };
    struct json *scale = scale_of(r->as, r->a, r->res, o, &err);
    if (!scale) {
        fail(r, &err);
        return;
    }
    times_shift(r->as, r->a, &r->res->kind, scale, r->x->time_shift_s);
    if (committed) respond_committed(r, status, json_text(r->a, scale));
    else respond_json(r, status, scale);
}

static void handle_get(struct request *r)
{
    struct err err = { 0 };
    int64_t rv;
    struct object *o = resource_version_of(r, &rv, &err) ? get_or_error(r, &err) : NULL;
    if (!o) fail(r, &err);
    else if (sub_is(r, "scale")) respond_scale(r, o, 200, false);
    else respond_object(r, r->res, 200, o, false);
    object_unref(o);
}

/* ---- create ---- */
static bool is_review(const struct resource *res)
{
    return str_eqc(res->group, "authorization.k8s.io") || str_eqc(res->group, "authentication.k8s.io");
}

static void create_virtual(struct request *r, bool (*fn)(struct request *, struct json *, struct err *))
{
    struct err err = { 0 };
    struct json *obj = body_decode(r, &r->res->kind, &err);
    if (obj) schema_default(r->as->schema, r->a, &r->res->kind, obj);
    audit_request_object(r, obj);
    /* What nobody keeps is answered with its managers all the same. */
    if (obj) managed_fields_update(r->a, r->as->schema, &r->res->kind, NULL, obj, write_options_of(r).manager, NULL, r->now_ns);
    if (obj && fn(r, obj, &err)) respond_json(r, 201, obj);
    else fail(r, &err);
}

/* pods/NAME/binding, pods/NAME/eviction, and POST of a v1 Binding, which names its pod itself. */
static void create_pod_verb(struct request *r, bool (*fn)(struct request *, struct json *, struct str, struct err *))
{
    struct err err = { 0 };
    struct gvk gvk;
    struct json *obj = body_any(r, &gvk, &err);
    if (!obj && err.code == ERR_NONE) err_set(&err, ERR_BAD_REQUEST, "the request body is empty");
    audit_request_object(r, obj);
    struct str name = r->info.name.n ? r->info.name : json_path_str(obj, "metadata.name");
    if (obj && fn(r, obj, name, &err)) {
        if (sub_is(r, "eviction") && err.code == ERR_NONE) { /* nothing more to say */ }
        respond_committed(r, 201,
                          STR("{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Success\",\"code\":201}"));
    } else fail(r, &err);
}

bool body_check_name(struct request *r, const struct json *obj, struct err *err)
{
    struct str name = meta_name(obj), ns = meta_namespace(obj);
    if (!name.n)
        return err_set(err, ERR_BAD_REQUEST,
                       "the name of the object (" STR_FMT " based on URL) was undeterminable: name must be provided",
                       STR_ARG(r->info.name));
    if (!str_eq(name, r->info.name))
        return err_set(err, ERR_BAD_REQUEST,
                       "the name of the object (" STR_FMT ") does not match the name on the URL (" STR_FMT ")", STR_ARG(name),
                       STR_ARG(r->info.name));
    if (r->res->namespaced && ns.n && !str_eq(ns, r->info.namespace))
        return err_set(err, ERR_BAD_REQUEST,
                       "the namespace of the object (" STR_FMT ") does not match the namespace on the request (" STR_FMT ")",
                       STR_ARG(ns), STR_ARG(r->info.namespace));
    return true;
}

/* Upstream: apiextensions-apiserver pkg/apiserver/customresource_handler.go. */
static bool err_terminating(struct request *r, struct err *err)
{
    err_set(err, ERR_METHOD_NOT_ALLOWED, "create not allowed while custom resource definition is terminating");
    err_details(err, arena_printf(r->a, "{\"group\":\"" STR_FMT "\",\"kind\":\"" STR_FMT "\"}", STR_ARG(r->res->group),
                                  STR_ARG(r->res->name)));
    return false;
}

static void handle_create(struct request *r)
{
    struct err err = { 0 };
    struct object *out = NULL;
    if (r->res->terminating) {
        err_terminating(r, &err);
        fail(r, &err);
        return;
    }
    if (is_review(r->res->main)) {
        create_virtual(r, review_create);
        return;
    }
    if (sub_is(r, "token")) {
        create_virtual(r, token_request_create);
        return;
    }
    if (sub_is(r, "binding") || (!r->res->group.n && str_eqc(r->res->name, "bindings"))) {
        create_pod_verb(r, pod_bind);
        return;
    }
    if (sub_is(r, "eviction")) {
        create_pod_verb(r, pod_evict);
        return;
    }
    struct json *obj = body_decode(r, &r->res->kind, &err);
    struct write_options o = write_options_of(r);
    if (obj) schema_default(r->as->schema, r->a, &r->res->kind, obj);
    audit_request_object(r, obj);
    if (obj && write_create(r, r->res, obj, &o, &out, &err)) respond_object(r, r->res, 201, out, true);
    else fail(r, &err);
    object_unref(out);
}

/* ---- update ---- */
static void update_scale(struct request *r, struct json *scale)
{
    struct err err = { 0 };
    struct object *old = get_or_error(r, &err), *out = NULL;
    struct write_options o = write_options_of(r);
    if (old && scale_update(r, r->res, scale, old, &o, &out, &err)) respond_scale(r, out, 200, true);
    else fail(r, &err);
    object_unref(old);
    object_unref(out);
}

static bool upsert(struct request *r, struct json *obj, const struct write_options *o, struct object **out, struct err *err)
{
    json_remove(json_get(obj, "metadata"), "resourceVersion");
    return write_create(r, r->res, obj, o, out, err);
}

static void handle_update(struct request *r)
{
    struct err err = { 0 };
    struct object *old = NULL, *out = NULL;
    int status = 200;
    struct json *obj = body_decode(r, &r->res->kind, &err);
    if (!obj || !body_check_name(r, obj, &err)) goto done;
    if (!sub_is(r, "scale")) schema_default(r->as->schema, r->a, &r->res->kind, obj);
    audit_request_object(r, obj);
    if (sub_is(r, "scale")) {
        update_scale(r, obj);
        return;
    }
    struct write_options o = write_options_of(r);
    old = get_or_error(r, &err);
    if (!old && (r->res->strategy->flags & STRATEGY_UPSERT) && !r->res->subresource.n) {
        err_clear(&err);
        status = 201;
        upsert(r, obj, &o, &out, &err);
    } else if (old) write_update(r, r->res, obj, old, &o, &out, &err);
done:
    if (out) respond_object(r, r->res, status, out, true);
    else fail(r, &err);
    object_unref(old);
    object_unref(out);
}

/* ---- which ---- */
static const struct { const char *verb; void (*fn)(struct request *r); } handlers[] = {
    { "get", handle_get }, { "list", handle_list }, { "watch", handle_watch }, { "create", handle_create },
    { "update", handle_update },
    { "patch", handle_patch }, { "delete", handle_delete }, { "deletecollection", handle_deletecollection },
};

/* fieldManager: at most 128 bytes, and printable. */
static void check_manager(struct request *r, struct field_errors *e)
{
    struct str v = query_get(&r->x->query, "fieldManager"), field = STR("fieldManager");
    if (v.n > FIELD_MANAGER_MAX)
        field_error_add(e, "FieldValueTooLong", field,
                        r->as->opt.minor < 32 ? "Too long: must have at most %d %s" : "Too long: may not be more than %d %s",
                        FIELD_MANAGER_MAX, r->as->opt.minor < 19 ? "characters" : "bytes");
    for (size_t i = 0; i < v.n; i++)
        if ((unsigned char)v.p[i] < ' ' || v.p[i] == 127)
            field_error_add(e, "FieldValueInvalid", field, "Invalid value: " STR_FMT ": invalid character U+%04X (at position %zu)",
                            STR_ARG(json_text(r->a, json_new_str(r->a, v))), (unsigned)v.p[i], i);
}

static void check_apply_options(struct request *r, struct field_errors *e)
{
    struct str type = http_headers_get(&r->x->headers, "Content-Type");
    bool apply = str_eqc(str_trim(str_token(&type, ';')), "application/apply-patch+yaml");
    if (!apply && query_has(&r->x->query, "force"))
        field_error_add(e, "FieldValueForbidden", STR("force"), "Forbidden: may not be specified for non-apply patch");
    if (apply && !query_get(&r->x->query, "fieldManager").n)
        field_error_add(e, "FieldValueRequired", STR("fieldManager"), "Required value: is required for apply patch");
}

/* The parameters of writes. Upstream: apimachinery pkg/apis/meta/v1/validation. */
static bool check_options(struct request *r, struct err *err)
{
    static const struct { const char *verb, *kind; } kinds[] = { { "create", "CreateOptions" }, { "update", "UpdateOptions" },
                                                                 { "patch", "PatchOptions" },
                                                                 { "delete", "DeleteOptions" },
                                                                 { "deletecollection", "DeleteOptions" } };
    struct str dry = query_get(&r->x->query, "dryRun");
    struct field_errors e = { .a = r->a };
    const char *kind = NULL;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (str_eqc(r->info.verb, kinds[i].verb)) kind = kinds[i].kind;
    if (!kind) return true;
    if (str_eqc(r->info.verb, "patch")) check_apply_options(r, &e);
    if (!str_eqc(str_c(kind), "DeleteOptions")) check_manager(r, &e);
    r->dry_run = str_eqc(dry, "All");
    if (dry.n && !r->dry_run)
        field_error_add(&e, "FieldValueNotSupported", STR("dryRun"),
                        "Unsupported value: []string{\"" STR_FMT "\"}: supported values: \"All\"", STR_ARG(dry));
    return !e.n || err_invalid(err, STR("meta.k8s.io"), str_c(kind), STR(""), &e);
}

static bool route(struct request *r, struct err *err)
{
    const struct request_info *in = &r->info;
    r->res = registry_find(r->as, in->group, in->version, in->resource, in->subresource);
    if (!r->res) return err_no_resource(err);
    bool nameless = str_eqc(in->verb, "create") || str_eqc(in->verb, "list") || str_eqc(in->verb, "deletecollection");
    if (!(verb_bit(in->verb) & r->res->verbs)) return err_no_method(err);
    if (!in->name.n && (str_eqc(in->verb, "update") || str_eqc(in->verb, "patch"))) return err_no_method(err);
    if (nameless && str_eqc(in->verb, "create") && in->name.n && !in->subresource.n) return err_no_method(err);
    if (r->res->namespaced && !in->namespace.n && !str_eqc(in->verb, "list") && !str_eqc(in->verb, "watch")) return err_no_method(err);
    return check_options(r, err);
}

void handle_resource(struct request *r)
{
    struct err err = { 0 };
    if (!registry_serves_version(r->as, r->info.group, r->info.version)) {
        respond_not_found_page(r);
        return;
    }
    if (!route(r, &err)) {
        fail(r, &err);
        return;
    }
    if (r->res->deprecation.n) warn(r, STR_FMT, STR_ARG(r->res->deprecation));
    if (handle_connect(r)) return;
    if (!r->res->group.n && str_eqc(r->res->name, "componentstatuses")) {
        handle_component_status(r);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(handlers); i++)
        if (str_eqc(r->info.verb, handlers[i].verb)) {
            handlers[i].fn(r);
            return;
        }
    err_no_method(&err);
    fail(r, &err);
}
