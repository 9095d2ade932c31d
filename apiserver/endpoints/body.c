/* apiserver/endpoints/body.c - what the client sent, as a tree of the kind that the path asks for.
 *
 * JSON, YAML or protobuf; kind and version checked; unknown fields dropped, warned of or refused (fieldValidation). Texts of
 * refusals are those of apiserver pkg/endpoints/handlers/{create,rest}.go (transformDecodeError, summarizeData) and apimachinery
 * pkg/runtime/serializer/json.
 */
#include "apiserver/endpoints/endpoints.h"
#include "apiserver/openapi/openapi.h"

void warn(struct request *r, const char *fmt, ...)
{
    struct strbuf text, quoted;
    va_list ap;
    strbuf_init(&text, 4096);
    strbuf_init(&quoted, 8192);
    va_start(ap, fmt);
    strbuf_vaddf(&text, fmt, ap);
    va_end(ap);
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '"' || text.p[i] == '\\') strbuf_addch(&quoted, '\\');
        strbuf_addch(&quoted, text.p[i]);
    }
    http_headers_addf(r->a, &r->headers, "Warning", "299 - \"" STR_FMT "\"", STR_ARG(strbuf_str(&quoted)));
    strbuf_deinit(&text);
    strbuf_deinit(&quoted);
}

/* Since 1.25 unknown fields are warned of by default; earlier servers know the parameter not at all, but newer clients trust it,
 * so that it is honoured wherever it is sent. */
enum field_validation field_validation_of(const struct request *r)
{
    struct str v = query_get(&r->x->query, "fieldValidation");
    if (!v.n || (r->as->opt.bare && r->as->opt.minor < 25)) return r->as->opt.minor >= 25 ? VALIDATE_WARN : VALIDATE_IGNORE;
    return str_eqc(v, "Strict") ? VALIDATE_STRICT : str_eqc(v, "Warn") ? VALIDATE_WARN : VALIDATE_IGNORE;
}

static struct str summary(struct arena *a, struct str body)
{
    enum { MAX = 30 };
    struct str head = str_sub(body, 0, MAX);
    if (!body.n) return STR("<empty>");
    if (body.p[0] != '{') head = hex_encode(a, head);
    return arena_strf(a, STR_FMT "%s", STR_ARG(head), body.n > MAX ? " ..." : "");
}

enum format { FORMAT_JSON, FORMAT_YAML, FORMAT_PROTOBUF };

static bool content_format(struct request *r, enum format *out, struct err *err)
{
    struct str type = http_headers_get(&r->x->headers, "Content-Type");
    type = str_trim(str_token(&type, ';'));
    if (!type.n || str_eqc(type, "application/json")) *out = FORMAT_JSON;
    else if (str_eqc(type, "application/yaml")) *out = FORMAT_YAML;
    else if (str_eqc(type, "application/vnd.kubernetes.protobuf")) *out = FORMAT_PROTOBUF;
    else
        return err_set(err, ERR_UNSUPPORTED_MEDIA_TYPE,
                       "the body of the request was in an unknown format - accepted media types include: "
                        "application/json, application/yaml, application/vnd.kubernetes.protobuf");
    return true;
}

/* Parse by content type; kind is for the words alone. NULL and an error in parse, to be wrapped, or in err. */
static struct json *parse(struct request *r, struct gvk *gvk, struct err *parse_err, struct err *err)
{
    enum format f = FORMAT_JSON;
    *gvk = (struct gvk){ 0 };
    if (!content_format(r, &f, err)) return NULL;
    if (f == FORMAT_PROTOBUF) return protobuf_decode(r->as->schema, r->a, r->x->body, gvk, err);
    struct json *j = f == FORMAT_JSON ? json_parse(r->a, r->x->body, parse_err) : yaml_parse(r->a, r->x->body, parse_err);
    if (j && !json_is(j, JSON_OBJECT)) {
        err_set(parse_err, ERR_PARSE,
                "json: cannot unmarshal %s into Go value of type struct { APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; "
                "Kind string \"json:\\\"kind,omitempty\\\"\" }",
                json_is(j, JSON_ARRAY) ? "array" : json_is(j, JSON_STRING) ? "string" : json_is(j, JSON_BOOL) ? "bool" : "number");
        return NULL;
    }
    if (j) gvk_parse(json_get_str(j, "apiVersion"), json_get_str(j, "kind"), gvk);
    return j;
}

static bool known_kind(struct request *r, const struct gvk *k)
{
    return schema_kind(r->as->schema, k->group, k->version, k->kind) != NULL;
}

struct str body_kind_mismatch(struct request *r, const struct gvk *got, const struct gvk *want)
{
    struct str gv = gvk_api_version(r->a, got->group, got->version);
    bool same = str_eq(got->kind, want->kind), known = known_kind(r, got);
    if (same && (known || (str_eq(got->version, want->version) && str_eq(got->group, want->group)))) return STR_NULL;
    if (!known)
        return arena_strf(r->a, "no kind \"" STR_FMT "\" is registered for version \"" STR_FMT
                                "\" in scheme \"k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30\"",
                          STR_ARG(got->kind), STR_ARG(gv));
    struct str group = want->group.n ? want->group : STR("core");
    return arena_strf(r->a, "converting (" STR_FMT "." STR_FMT ") to (" STR_FMT "." STR_FMT "): unknown conversion",
                      STR_ARG(got->version), STR_ARG(got->kind),
                      STR_ARG(group), STR_ARG(want->kind));
}

/* A custom resource is decoded whatever it says it is; what it says is validated. */
static bool check_custom_kind(struct request *r, struct json *j, const struct gvk *got, const struct gvk *want, struct err *err)
{
    struct str gv = gvk_api_version(r->a, got->group, got->version), want_gv = gvk_api_version(r->a, want->group, want->version);
    struct field_errors e = { .a = r->a };
    if (!str_eq(gv, want_gv))
        return err_set(err, ERR_BAD_REQUEST,
                       "the API version in the data (" STR_FMT ") does not match the expected API version (" STR_FMT ")",
                       STR_ARG(gv), STR_ARG(want_gv));
    if (!str_eq(got->kind, want->kind)) {
        field_error_add(&e, "FieldValueInvalid", STR("kind"), "Invalid value: \"" STR_FMT "\": must be " STR_FMT,
                        STR_ARG(got->kind), STR_ARG(want->kind));
        return err_invalid(err, want->group, want->kind, meta_name(j), &e);
    }
    json_set_str(r->a, j, "kind", want->kind);
    json_set_str(r->a, j, "apiVersion", want_gv);
    return true;
}

/* A body may leave out what the path says; what it says must agree. */
static bool check_kind(struct request *r, struct json *j, struct gvk *got, const struct gvk *want, struct err *err)
{
    struct str want_gv = gvk_api_version(r->a, want->group, want->version);
    if (!json_get_str(j, "apiVersion").n && !got->version.n) got->group = want->group, got->version = want->version;
    if (!got->kind.n) got->kind = want->kind;
    struct str gv = gvk_api_version(r->a, got->group, got->version);
    if (schema_custom(r->as->schema, want)) return check_custom_kind(r, j, got, want, err);
    struct str other = body_kind_mismatch(r, got, want);
    if (other.n)
        return err_set(err, ERR_BAD_REQUEST, STR_FMT " in version \"" STR_FMT "\" cannot be handled as a " STR_FMT ": " STR_FMT,
                       STR_ARG(got->kind), STR_ARG(got->version), STR_ARG(want->kind), STR_ARG(other));
    if (!str_eq(gv, want_gv))
        return err_set(err, ERR_BAD_REQUEST,
                       "the API version in the data (" STR_FMT ") does not match the expected API version (" STR_FMT ")",
                       STR_ARG(gv), STR_ARG(want_gv));
    json_set_str(r->a, j, "kind", want->kind);
    json_set_str(r->a, j, "apiVersion", want_gv);
    return true;
}

static bool refuse_unknown(struct request *r, const struct gvk *want, const struct str_list *unknown, bool patch, struct err *err)
{
    struct strbuf all;
    strbuf_init(&all, 1200);
    for (size_t i = 0; i < unknown->n; i++) strbuf_addf(&all, "%s" STR_FMT, i ? ", " : "", STR_ARG(unknown->v[i]));
    if (patch) err_set(err, ERR_BAD_REQUEST, "strict decoding error: " STR_FMT, STR_ARG(strbuf_str(&all)));
    else
        err_set(err, ERR_BAD_REQUEST,
                STR_FMT " in version \"" STR_FMT "\" cannot be handled as a " STR_FMT ": strict decoding error: " STR_FMT,
                 STR_ARG(want->kind), STR_ARG(want->version), STR_ARG(want->kind), STR_ARG(strbuf_str(&all)));
    strbuf_deinit(&all);
    (void)r;
    return false;
}

static bool accept_tree(struct request *r, const struct gvk *want, struct json *obj, const struct str_list *unknown, bool patch,
                        struct err *err)
{
    if (field_validation_of(r) == VALIDATE_STRICT && unknown->n) return refuse_unknown(r, want, unknown, patch, err);
    for (size_t i = 0; i < unknown->n; i++) warn(r, STR_FMT, STR_ARG(unknown->v[i]));
    times_shift(r->as, r->a, want, obj, -r->x->time_shift_s);
    return true;
}

bool decode_tree(struct request *r, const struct gvk *want, struct json *obj, struct str body, bool patch, struct err *err)
{
    struct str_list unknown = { 0 }, *collect = field_validation_of(r) == VALIDATE_IGNORE ? NULL : &unknown;
    return schema_decode(r->as->schema, r->a, want, obj, body, collect, err) && accept_tree(r, want, obj, &unknown, patch, err);
}

bool body_decode_patched(struct request *r, const struct gvk *want, struct json *obj, struct str body, struct str patch,
                         struct err *err)
{
    struct str_list unknown = { 0 }, *collect = field_validation_of(r) == VALIDATE_IGNORE ? NULL : &unknown;
    return schema_decode_patched(r->as->schema, r->a, want, obj, body, patch, collect, err) &&
           accept_tree(r, want, obj, &unknown, true, err);
}

struct json *body_decode(struct request *r, const struct gvk *want, struct err *err)
{
    struct gvk got;
    struct err bad = { 0 };
    struct json *j = parse(r, &got, &bad, err);
    if (!j) {
        if (bad.code != ERR_NONE)
            err_set(err, ERR_BAD_REQUEST,
                    "the object provided is unrecognized (must be of type " STR_FMT "): couldn't get version/kind; json parse "
                                                                                    "error: %s (" STR_FMT ")",
                    STR_ARG(want->kind), bad.msg, STR_ARG(summary(r->a, r->x->body)));
        err_clear(&bad);
        return NULL;
    }
    return check_kind(r, j, &got, want, err) && decode_tree(r, want, j, r->x->body, false, err) ? j : NULL;
}

struct json *body_any(struct request *r, struct gvk *gvk, struct err *err)
{
    struct err bad = { 0 };
    if (!r->x->body.n) return NULL;
    struct json *j = parse(r, gvk, &bad, err);
    if (!j && bad.code != ERR_NONE)
        err_set(err, ERR_BAD_REQUEST, "couldn't get version/kind; json parse error: %s", bad.msg);
    err_clear(&bad);
    return j;
}
