/* apiserver/openapi/v2_json.c - the document as JSON: OpenAPI v2 whole, and the parts that v3 shares.
 *
 * Upstream: kube-openapi pkg/builder and builder3. v2 keeps models under definitions and parameters with a type; v3
 * keeps models under components.schemas, parameters with a schema, and bodies apart. What a model says is the same, but
 * for references: in v3 a reference may have no siblings, so a property that says more than its type wraps it in allOf.
 */
#include "apiserver/openapi/json_priv.h"

static const char *prefix(const struct doc *d)
{
    return d->v3 ? "#/components/schemas/" : "#/definitions/";
}

static void write_shape(struct doc *d, struct shape s, bool siblings)
{
    if (s.ref && d->v3 && siblings)
        strbuf_addf(d->out, "\"allOf\":[{\"$ref\":\"%s%s\"}]", prefix(d), s.ref);
    else if (s.ref)
        strbuf_addf(d->out, "\"$ref\":\"%s%s\"", prefix(d), s.ref);
    else if (s.format)
        strbuf_addf(d->out, "\"format\":\"%s\",\"type\":\"%s\"", s.format, s.type);
    else
        strbuf_addf(d->out, "\"type\":\"%s\"", s.type);
}

static void write_description(struct doc *d, const char *help)
{
    if (!help)
        return;
    strbuf_addc(d->out, "\"description\":");
    json_write_string(d->out, str_c(help));
    strbuf_addch(d->out, ',');
}

static void write_property(struct doc *d, const struct type *t, const struct field *f)
{
    struct property p = property_of(d->s, f);
    struct extension ext[EXTENSIONS_MAX];
    size_t n = property_extensions(d->a, f, ext);
    const char *help = help_of_field(d->help, t, f);
    bool described = help || n || (d->v3 && f->dflt);
    json_write_string(d->out, str_c(f->name));
    strbuf_addc(d->out, ":{");
    write_description(d, help);
    if (d->v3 && f->dflt)
        strbuf_addf(d->out, "\"default\":%s,", f->dflt);
    write_shape(d, p.self, described);
    if (p.list || p.map) {
        strbuf_addf(d->out, ",\"%s\":{", p.list ? "items" : "additionalProperties");
        write_shape(d, p.elem, false);
        strbuf_addc(d->out, p.list_of_strings ? ",\"items\":{\"type\":\"string\"}}" : "}");
    }
    for (size_t i = 0; i < n; i++)
        strbuf_addf(d->out, ",\"%s\":" STR_FMT, ext[i].name, STR_ARG(ext[i].json));
    strbuf_addch(d->out, '}');
}

static void write_fields(struct doc *d, const struct type *t)
{
    bool any = false;
    for (size_t i = 0; i < t->count; i++) {
        if (!t->fields[i].required)
            continue;
        strbuf_addf(d->out, "%s\"%s\"", any ? "," : ",\"required\":[", t->fields[i].name);
        any = true;
    }
    if (any)
        strbuf_addch(d->out, ']');
    for (size_t i = 0; i < t->count; i++) {
        strbuf_addc(d->out, i ? "," : ",\"properties\":{");
        write_property(d, t, &t->fields[i]);
    }
    if (t->count)
        strbuf_addch(d->out, '}');
}

void json_model(struct doc *d, const struct type *t)
{
    json_write_string(d->out, str_c(t->name));
    strbuf_addc(d->out, ":{");
    struct shape s = scalar_shape(t);
    const char *help = help_of_type(d->help, t);
    if (!s.type) {                             /* what may be anything has words alone */
        strbuf_addc(d->out, help ? "\"description\":" : "");
        if (help)
            json_write_string(d->out, str_c(help));
        strbuf_addch(d->out, '}');
        return;
    }
    write_description(d, help);
    if (d->v3 && t->scalar && s.format && !strcmp(s.format, "int-or-string"))
        strbuf_addc(d->out, "\"format\":\"int-or-string\",\"oneOf\":[{\"type\":\"integer\"},{\"type\":\"string\"}]");
    else if (d->v3 && t->scalar && str_ends(str_c(t->name), ".Quantity"))
        strbuf_addc(d->out, "\"oneOf\":[{\"type\":\"string\"},{\"type\":\"number\"}]");
    else
        write_shape(d, s, false);
    if (!t->scalar && !t->open)
        write_fields(d, t);
    struct str gvks = type_gvks(d->s, d->a, t);
    if (gvks.n)
        strbuf_addf(d->out, ",\"x-kubernetes-group-version-kind\":" STR_FMT, STR_ARG(gvks));
    strbuf_addch(d->out, '}');
}

/* ---- paths ---- */

static void write_parameter(struct doc *d, const char *name, const char *in, const char *type, const char *help)
{
    strbuf_addf(d->out, "{\"description\":\"%s\",\"in\":\"%s\",\"name\":\"%s\"%s,", help, in, name,
                strcmp(in, "path") ? "" : ",\"required\":true");
    strbuf_addf(d->out,
                d->v3 ? "\"schema\":{\"type\":\"%s\",\"uniqueItems\":true}}" : "\"type\":\"%s\",\"uniqueItems\":true}",
                type);
}

/* What goes in: the object itself, a patch of no fixed form, or DeleteOptions. */
static const char *body_type(const struct path *p, const struct operation *op)
{
    if (!strcmp(op->method, "patch"))
        return "io.k8s.apimachinery.pkg.apis.meta.v1.Patch";
    if (!strcmp(op->method, "delete"))
        return "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions";
    return p->type ? p->type->name : NULL;
}

static void write_body(struct doc *d, const struct path *p, const struct operation *op)
{
    const char *type = body_type(p, op);
    struct shape s = { type && schema_type(d->s, str_c(type)) ? type : NULL, "object", NULL };
    bool patch = !strcmp(op->method, "patch"), required = strcmp(op->method, "delete") != 0;
    if (!d->v3) {
        strbuf_addf(d->out, "{\"in\":\"body\",\"name\":\"body\"%s,\"schema\":{", required ? ",\"required\":true" : "");
        write_shape(d, s, false);
        strbuf_addc(d->out, "}}");
        return;
    }
    strbuf_addc(d->out, ",\"requestBody\":{\"content\":{");
    for (size_t i = 0; i < (patch ? patch_media_types_count : 1); i++) {
        strbuf_addf(d->out, "%s\"%s\":{\"schema\":{", i ? "," : "", patch ? patch_media_types[i] : "*/*");
        write_shape(d, s, false);
        strbuf_addc(d->out, "}}");
    }
    strbuf_addf(d->out, "}%s}", required ? ",\"required\":true" : "");
}

static void write_response(struct doc *d, const struct path *p, const struct operation *op)
{
    const char *type = strcmp(op->method, "delete") ? p->type ? p->type->name : NULL
                                                    : "io.k8s.apimachinery.pkg.apis.meta.v1.Status";
    if (p->type && !strcmp(op->action, "list"))
        type = arena_printf(d->a, "%sList", p->type->name);
    struct shape s = { type && schema_type(d->s, str_c(type)) ? type : NULL, "object", NULL };
    strbuf_addc(d->out, d->v3 ? "\"responses\":{\"200\":{\"content\":{\"application/json\":{\"schema\":{"
                              : "\"responses\":{\"200\":{\"description\":\"OK\",\"schema\":{");
    write_shape(d, s, false);
    strbuf_addc(d->out, d->v3 ? "}}},\"description\":\"OK\"}}" : "}}}");
}

static void write_operation(struct doc *d, const struct path *p, const struct operation *op)
{
    const struct query_parameter *q[5];
    size_t n = operation_parameters(op, d->v3 || schema_minor(d->s) >= 25, q);
    strbuf_addf(d->out, "\"%s\":{\"operationId\":\"%s\"", op->method, operation_id(d->a, p, op));
    if (!d->v3 && !strcmp(op->method, "patch"))
        for (size_t i = 0; i < patch_media_types_count; i++)
            strbuf_addf(d->out, "%s\"%s\"%s", i ? "," : ",\"consumes\":[", patch_media_types[i],
                        i + 1 == patch_media_types_count ? "]" : "");
    strbuf_addc(d->out, ",\"parameters\":[");
    if (!d->v3 && op->body)
        write_body(d, p, op);
    for (size_t i = 0; i < n; i++) {
        if (i || (!d->v3 && op->body))
            strbuf_addch(d->out, ',');
        write_parameter(d, q[i]->name, "query", q[i]->type, q[i]->help);
    }
    strbuf_addch(d->out, ']');
    if (d->v3 && op->body)
        write_body(d, p, op);
    strbuf_addch(d->out, ',');
    write_response(d, p, op);
    strbuf_addf(d->out, ",\"x-kubernetes-action\":\"%s\",\"x-kubernetes-group-version-kind\":" STR_FMT "}", op->action,
                STR_ARG(p->gvk_json));
}

void json_path_item(void *ctx, const struct path *p)
{
    struct doc *d = ctx;
    if (d->paths++)
        strbuf_addch(d->out, ',');
    json_write_string(d->out, p->path);
    strbuf_addc(d->out, ":{");
    for (size_t i = 0; i < p->count; i++) {
        write_operation(d, p, &p->ops[i]);
        strbuf_addch(d->out, ',');
    }
    strbuf_addc(d->out, "\"parameters\":[");
    if (p->by_name)
        write_parameter(d, "name", "path", "string", "Name of the object.");
    if (p->by_name && p->by_namespace)
        strbuf_addch(d->out, ',');
    if (p->by_namespace)
        write_parameter(d, "namespace", "path", "string", "Its namespace.");
    strbuf_addc(d->out, "]}");
}

void openapi_v2_json(const struct schema *s, const struct openapi_resource *r, size_t n, struct strbuf *out)
{
    struct doc d = { .s = s, .a = arena_new(), .out = out, .help = help_read() };
    size_t cursor = 0, count = 0;
    const struct type *t;
    strbuf_addf(out, "{\"swagger\":\"2.0\",\"info\":{\"title\":\"Kubernetes\",\"version\":\"v1.%d\"},\"paths\":{",
                schema_minor(s));
    paths_each(s, d.a, r, n, json_path_item, &d);
    strbuf_addc(out, "},\"definitions\":{");
    while (schema_each_type(s, &cursor, &t)) {
        if (count++)
            strbuf_addch(out, ',');
        json_model(&d, t);
    }
    strbuf_addc(out, "}}");
    help_free(d.help);
    arena_free(d.a);
}
