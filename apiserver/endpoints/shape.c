/* apiserver/endpoints/shape.c - objects as Tables and as bare metadata (apiserver pkg/endpoints/handlers/response.go; kubernetes
 * pkg/printers). */
#include "apiserver/endpoints/audit.h"
#include "apiserver/endpoints/endpoints.h"
#include "apiserver/printers/printers.h"

/* The text of "metadata" in an object's text: it follows the head, so it is found by counting braces, without a parse. */
static struct str metadata_text(struct str s)
{
    ptrdiff_t at = str_find(s, STR("\"metadata\":{"));
    if (at < 0) return STR("{}");
    size_t from = (size_t)at + 11, depth = 0;
    for (size_t i = from; i < s.n; i++) {
        if (s.p[i] == '"') {
            for (i++; i < s.n && s.p[i] != '"'; i++) i += s.p[i] == '\\';
        } else if (s.p[i] == '{' || s.p[i] == '[') depth++;
        else if ((s.p[i] == '}' || s.p[i] == ']') && !--depth) return str_sub(s, from, i + 1);
    }
    return STR("{}");
}

struct str partial_metadata(struct arena *a, struct str text, const char *meta_version)
{
    return arena_strf(a, "{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/%s\",\"metadata\":" STR_FMT "}",
                      meta_version, STR_ARG(metadata_text(text)));
}

/* ---- tables ---- */
bool table_init(struct table *t, struct request *r, const struct resource *res, const char *meta_version, struct err *err)
{
    struct str include = query_get(&r->x->query, "includeObject");
    *t = (struct table){ .r = r, .a = r->a, .res = res, .meta_version = meta_version, .include = INCLUDE_METADATA };
    if (str_eqc(include, "None")) t->include = INCLUDE_NONE;
    else if (str_eqc(include, "Object")) t->include = INCLUDE_OBJECT;
    else if (include.n && !str_eqc(include, "Metadata"))
        return err_set(err, ERR_BAD_REQUEST, "unrecognized includeObject value: \"" STR_FMT "\"", STR_ARG(include));
    t->printer = res->printer ? res->printer : printer_find(r->as->opt.minor, res->group, res->version, res->name);
    return true;
}

void table_begin(struct table *t, struct strbuf *out, struct str list_meta, bool columns)
{
    size_t n = 0;
    const struct table_column *c = printer_columns(t->printer, &n);
    strbuf_addf(out, "{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/%s\",\"metadata\":" STR_FMT ",\"columnDefinitions\":",
                t->meta_version, STR_ARG(list_meta));
    if (!columns) strbuf_addc(out, "null");
    for (size_t i = 0; columns && i < n; i++) {
        strbuf_addc(out, i ? ",{\"name\":" : "[{\"name\":");
        json_write_string(out, str_c(c[i].name));
        strbuf_addf(out, ",\"type\":\"%s\",\"format\":\"%s\",\"description\":", c[i].type, c[i].format ? c[i].format : "");
        json_write_string(out, str_c(c[i].description));
        strbuf_addf(out, ",\"priority\":%d}", c[i].priority);
    }
    strbuf_addc(out, columns ? n ? "],\"rows\":[" : "[],\"rows\":[" : ",\"rows\":[");
    t->rows = 0;
}

void table_row(struct table *t, struct strbuf *out, struct object *o)
{
    const char *conditions = NULL;
    struct request *r = t->r;
    const struct json *obj = object_json(o);
    if (!t->res->same_shape) obj = present_json(r->as, t->a, t->res, o);
    strbuf_addc(out, t->rows++ ? ",{\"cells\":" : "{\"cells\":");
    printer_row(t->printer, obj, r->now_ns, out, &conditions);
    if (conditions) strbuf_addf(out, ",\"conditions\":%s", conditions);
    strbuf_addc(out, ",\"object\":");
    struct str text = t->include == INCLUDE_NONE ? STR("null") : present(r->as, t->a, t->res, o, r->x->time_shift_s);
    strbuf_add(out, t->include == INCLUDE_METADATA ? partial_metadata(t->a, text, t->meta_version) : text);
    strbuf_addch(out, '}');
}

void table_end(struct table *t, struct strbuf *out)
{
    (void)t;
    strbuf_addc(out, "]}");
}

/* ---- one object ---- */
static struct str one_row_table(struct request *r, const struct resource *res, struct object *o, const char *meta_version,
                                struct err *err)
{
    struct table t;
    struct strbuf out;
    if (!table_init(&t, r, res, meta_version, err)) return STR_NULL;
    strbuf_init(&out, LIMIT_RESPONSE_BYTES);
    table_begin(&t, &out, arena_strf(r->a, "{\"resourceVersion\":\"%" PRId64 "\"}", o->rv), true);
    table_row(&t, &out, o);
    table_end(&t, &out);
    struct str text = arena_str(r->a, strbuf_str(&out));
    strbuf_deinit(&out);
    return text;
}

void respond_object(struct request *r, const struct resource *res, int status, struct object *o, bool committed)
{
    struct negotiated n;
    struct err err = { 0 };
    struct str text;
    if (!negotiate(r, true, &n, &err)) goto failed;
    if (n.shape == SHAPE_PARTIAL_LIST) {
        err_set(&err, ERR_NOT_ACCEPTABLE, "the requested object is not a list");
        goto failed;
    }
    if (n.shape == SHAPE_TABLE) text = one_row_table(r, res, o, n.meta_version, &err);
    else text = present(r->as, r->a, res, o, r->x->time_shift_s);
    if (!text.n) goto failed;
    if (n.shape == SHAPE_OBJECT && r->x->time_shift_s) audit_response_object(r, status, text, present(r->as, r->a, res, o, 0));
    if (n.shape == SHAPE_PARTIAL) text = partial_metadata(r->a, text, n.meta_version);
    if (committed) respond_committed(r, status, text);
    else respond_bytes(r, status, text);
    return;
failed:
    respond_error(r, &err);
    err_clear(&err);
}
