/* apiserver/endpoints/handle_patch.c - PATCH: the state, patched in the request's version, is written like an update.
 *
 * Upstream: apiserver pkg/endpoints/handlers/patch.go. What upstream retries on conflict cannot conflict here.
 */
#include "apiserver/endpoints/audit.h"
#include "apiserver/endpoints/endpoints.h"
#include "apiserver/patch/patch.h"

enum patch_type { PATCH_JSON, PATCH_MERGE, PATCH_STRATEGIC, PATCH_APPLY };

static bool patch_type_of(struct request *r, enum patch_type *out, struct err *err)
{
    static const char *const types[] = { "application/json-patch+json", "application/merge-patch+json",
                                         "application/strategic-merge-patch+json", "application/apply-patch+yaml" };
    struct str type = http_headers_get(&r->x->headers, "Content-Type");
    type = str_trim(str_token(&type, ';'));
    bool custom = r->res->list_kind.n > 0;
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (str_eqc(type, types[i]) && !(custom && i == PATCH_STRATEGIC)) {
            *out = (enum patch_type)i;
            return true;
        }
    if (custom)                        /* behind no router: the handler itself says it */
        return err_set(err, ERR_UNSUPPORTED_MEDIA_TYPE,
                       "the body of the request was in an unknown format - accepted media types include: %s, %s, %s",
                       types[PATCH_JSON],
                       types[PATCH_MERGE], types[PATCH_APPLY]);
    err_set(err, ERR_UNSUPPORTED_MEDIA_TYPE, "415: Unsupported Media Type");     /* upstream's router says it, before any handler */
    err_details(err, "{}");
    return false;
}

static const char *go_type(const struct json *j)
{
    static const char *const word[] = { [JSON_NULL] = "nil", [JSON_BOOL] = "bool", [JSON_INT] = "number", [JSON_FLOAT] = "number",
                                        [JSON_STRING] = "string",
                                        [JSON_ARRAY] = "array", [JSON_OBJECT] = "object" };
    return word[json_type(j)];
}

/* A strategic patch is a map to upstream from the start; a merge patch may be a list, which then is the result (and no object). */
static struct json *patch_body(struct request *r, enum patch_type type, struct err *err)
{
    struct err bad = { 0 };
    struct json *j = json_parse(r->a, r->x->body, &bad);
    bool container = json_is(j, JSON_OBJECT) || (type == PATCH_MERGE && json_is(j, JSON_ARRAY));
    if (!j && type == PATCH_STRATEGIC) err_set(err, ERR_BAD_REQUEST, "%s", bad.msg);
    else if (!container && type == PATCH_STRATEGIC)
        err_set(err, ERR_BAD_REQUEST, "json: cannot unmarshal %s into Go value of type map[string]interface {}", go_type(j));
    else if (!container) err_set(err, ERR_IO, "Invalid JSON Patch");
    err_clear(&bad);
    return container ? j : NULL;
}

/* What a patch made: the tree, and what Go would quote of it: the patched text, or after a strategic merge the patch. */
struct result { struct json *obj; struct str text, patch; };

static bool patched(struct request *r, enum patch_type type, const struct json *current, struct result *out, struct err *err)
{
    const struct gvk *k = &r->res->kind;
    struct json *patch = type == PATCH_JSON ? NULL : patch_body(r, type, err);
    *out = (struct result){ 0 };
    if (type != PATCH_JSON && !patch) return false;
    if (type == PATCH_STRATEGIC) {
        struct strbuf b;
        strbuf_init(&b, 4096);
        patch_go_print(&b, patch);
        out->patch = arena_str(r->a, strbuf_str(&b));
        strbuf_deinit(&b);
        out->obj = patch_strategic(r->a, r->as->opt.minor, schema_kind(r->as->schema, k->group, k->version, k->kind), current, patch,
                                   err);
        return out->obj != NULL;
    }
    out->obj = type == PATCH_JSON ? patch_json(r->a, current, r->x->body, err) : patch_merge(r->a, current, patch);
    if (!out->obj) return false;
    if (json_is(out->obj, JSON_OBJECT)) json_sort_keys(out->obj);
    out->text = json_text(r->a, out->obj);
    return true;
}

static bool err_patched(struct request *r, struct str text, struct str why, struct err *err)
{
    struct field_errors e = { .a = r->a };
    struct json *quoted = json_new_str(r->a, text);
    field_error_add(&e, "FieldValueInvalid", STR("patch"), "Invalid value: " STR_FMT ": " STR_FMT,
                    STR_ARG(json_text(r->a, quoted)), STR_ARG(why));
    return err_invalid(err, STR(""), STR(""), STR(""), &e);
}

/* A patched text says itself what it is; it must be what it was. */
static bool check_patched_kind(struct request *r, const struct result *p, struct err *err)
{
    const struct gvk *want = &r->res->kind;
    struct gvk got;
    if (!p->text.n) return true;
    if (!json_is(p->obj, JSON_OBJECT)) {
        const char *why = arena_printf(r->a,
                                       "couldn't get version/kind; json parse error: json: cannot unmarshal %s into Go value of "
                                       "type struct { APIVersion string "
                                       "\"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }",
                                       go_type(p->obj));
        return err_patched(r, p->text, str_c(why), err);
    }
    gvk_parse(json_get_str(p->obj, "apiVersion"), json_get_str(p->obj, "kind"), &got);
    if (!got.version.n) got.group = want->group, got.version = want->version;
    if (!got.kind.n) got.kind = want->kind;
    struct str other = body_kind_mismatch(r, &got, want);
    return !other.n || err_patched(r, p->text, other, err);
}

static void set_kind(struct request *r, struct json *obj)
{
    const struct gvk *k = &r->res->kind;
    json_set_str(r->a, obj, "kind", k->kind);
    json_set_str(r->a, obj, "apiVersion", gvk_api_version(r->a, k->group, k->version));
}

/* A patch cannot rename, and cannot make another kind of it. */
static bool decode_patched(struct request *r, const struct result *p, struct err *err)
{
    if (!check_patched_kind(r, p, err)) return false;
    set_kind(r, p->obj);
    return body_decode_patched(r, &r->res->kind, p->obj, p->text, p->patch, err) && body_check_name(r, p->obj, err);
}

static bool patch_scale(struct request *r, enum patch_type type, struct object *old, struct object **out, struct err *err)
{
    struct json *scale = scale_of(r->as, r->a, r->res, old, err);
    if (!scale) return false;
    if (type == PATCH_APPLY) return err_set(err, ERR_UNSUPPORTED_MEDIA_TYPE, "server-side apply of a scale is not supported");
    times_shift(r->as, r->a, &r->res->kind, scale, r->x->time_shift_s);
    struct result p;
    struct write_options o = write_options_of(r);
    return patched(r, type, scale, &p, err) && decode_patched(r, &p, err) && scale_update(r, r->res, p.obj, old, &o, out, err);
}

static bool patch_update(struct request *r, enum patch_type type, struct object *old, struct object **out, struct err *err)
{
    struct json *current = present_json(r->as, r->a, r->res, old);
    times_shift(r->as, r->a, &r->res->kind, current, r->x->time_shift_s);
    struct result p;
    if (!patched(r, type, current, &p, err) || !decode_patched(r, &p, err)) return false;
    schema_default(r->as->schema, r->a, &r->res->kind, p.obj);
    struct write_options o = write_options_of(r);
    return write_update(r, r->res, p.obj, old, &o, out, err);
}

/* ---- server-side apply ---- */
/* The patch must be of the version on the path. Upstream: fieldmanager/structuredmerge.go. */
static bool check_applied(struct request *r, struct json *applied, const struct object *old, struct err *err)
{
    const struct gvk *k = &r->res->kind;
    struct str want = gvk_api_version(r->a, k->group, k->version), got = json_get_str(applied, "apiVersion");
    if (!str_eq(got, want))
        return err_set(err, ERR_BAD_REQUEST,
                       "Incorrect version specified in apply patch. Specified patch version: " STR_FMT ", expected: " STR_FMT,
                       STR_ARG(got.n ? got : STR("/")), STR_ARG(want));
    if (json_len(json_path(applied, "metadata.managedFields")))
        return err_set(err, ERR_BAD_REQUEST, "metadata.managedFields must be nil");
    if (old && !json_path_str(applied, "metadata.name").n)
        json_set_str(r->a, json_ensure(r->a, applied, "metadata"), "name", r->info.name);
    set_kind(r, applied);
    return body_check_name(r, applied, err) && decode_tree(r, k, applied, json_text(r->a, applied), true, err);
}

static bool patch_apply_to(struct request *r, struct object *old, struct object **out, struct err *err)
{
    struct err bad = { 0 };
    struct write_options o = write_options_of(r);
    o.apply = true;
    struct json *applied = yaml_parse(r->a, r->x->body, &bad);
    if (!applied) {
        err_set(err, ERR_BAD_REQUEST, "error decoding YAML: %s", bad.msg);
        err_clear(&bad);
        return false;
    }
    if (!check_applied(r, applied, old, err)) return false;
    struct json *live = old ? present_json(r->as, r->a, r->res, old) : NULL;
    struct json *obj = patch_apply(r->a, r->as->schema, &r->res->kind, live, applied, o.manager, query_bool(&r->x->query, "force"),
                                   r->now_ns, err);
    if (!obj) return false;
    if (!schema_decode(r->as->schema, r->a, &r->res->kind, obj, STR_NULL, NULL, err)) return false;
    schema_default(r->as->schema, r->a, &r->res->kind, obj);
    return old ? write_update(r, r->res, obj, old, &o, out, err) : write_create(r, r->res, obj, &o, out, err);
}

void handle_patch(struct request *r)
{
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
