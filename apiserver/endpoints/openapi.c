/* apiserver/endpoints/openapi.c - serves what apiserver/openapi writes; documents are made when they are first asked for. */
#include "apiserver/openapi/openapi.h"
#include "apiserver/endpoints/endpoints.h"

static struct openapi_resource *resources(struct request *r, size_t *n)
{
    const struct registry *g = r->as->registry;
    struct openapi_resource *v = arena_zalloc(r->a, (g->n + g->custom_n + 1) * sizeof *v);
    const struct resource *res;
    size_t cursor = 0;
    for (size_t i = 0; (res = registry_each(r->as, &cursor)); i++) {
        struct strbuf verbs;
        static const char *const names[] = { "create", "delete", "deletecollection", "get", "list", "patch", "update", "watch" };
        strbuf_init(&verbs, 128);
        for (size_t k = 0; k < ARRAY_LEN(names); k++)
            if (res->verbs & verb_bit(str_c(names[k]))) strbuf_addf(&verbs, "%s%s", verbs.n ? "," : "", names[k]);
        v[i] = (struct openapi_resource){
            .group = arena_cstr(r->a, res->group), .version = arena_cstr(r->a, res->version), .kind = arena_cstr(r->a, res->kind.kind),
            .resource = res->subresource.n ? arena_printf(r->a, STR_FMT "/" STR_FMT, STR_ARG(res->name), STR_ARG(res->subresource))
            : arena_cstr(r->a, res->name),
            .verbs = arena_cstr(r->a, strbuf_str(&verbs)), .kind_group = arena_cstr(r->a, res->kind.group),
            .kind_version = arena_cstr(r->a, res->kind.version),
            .namespaced = res->namespaced,
        };
        strbuf_deinit(&verbs);
    }
    *n = g->n + g->custom_n;
    return v;
}

static void respond_buffer(struct request *r, const char *type, struct strbuf *out)
{
    respond_text(r, 200, type, strbuf_str(out));
    strbuf_deinit(out);
}

static void v2(struct request *r)
{
    size_t n;
    struct openapi_resource *v = resources(r, &n);
    struct str accept = http_headers_get(&r->x->headers, "Accept");
    bool protobuf = str_find(accept, STR("com.github.proto-openapi.spec.v2")) >= 0;
    struct strbuf out;
    strbuf_init(&out, LIMIT_RESPONSE_BYTES);
    if (protobuf) openapi_v2_protobuf(r->as->schema, v, n, &out);
    else openapi_v2_json(r->as->schema, v, n, &out);
    /* Servers before 1.25 left the type to Go's sniffing; the media type that clients name is no valid one for Go's own parser. */
    const char *type = r->as->opt.minor < 25 ? "application/octet-stream"
                       : "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
    respond_buffer(r, protobuf ? type : "application/json", &out);
}

static void v3(struct request *r, struct str rest)
{
    size_t n;
    struct openapi_resource *v = resources(r, &n);
    struct strbuf out;
    strbuf_init(&out, LIMIT_RESPONSE_BYTES);
    struct str group = STR(""), version, prefix = str_token(&rest, '/');
    bool ok = true;
    if (!prefix.n) openapi_v3_index(r->as->schema, v, n, &out);
    else {
        if (str_eqc(prefix, "apis")) group = str_token(&rest, '/');
        version = rest;
        ok = version.n && openapi_v3_document(r->as->schema, v, n, group, version, &out);
    }
    if (ok) respond_buffer(r, "application/json", &out);
    else {
        strbuf_deinit(&out);
        respond_not_found_page(r);
    }
}

void handle_openapi(struct request *r)
{
    struct str p = r->x->path;
    bool has_v3 = !r->as->opt.bare || r->as->opt.minor >= 24;
    while (p.n > 1 && p.p[p.n - 1] == '/') p.n--;
    if (str_eqc(p, "/openapi/v2")) v2(r);
    else if (has_v3 && str_eqc(p, "/openapi/v3")) v3(r, STR(""));
    else if (has_v3 && str_starts(p, "/openapi/v3/")) v3(r, str_sub(p, 12, p.n));
    else respond_not_found_page(r);
}
