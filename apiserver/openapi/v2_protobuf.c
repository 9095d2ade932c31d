/* apiserver/openapi/v2_protobuf.c - OpenAPI v2 as gnostic's openapi_v2.Document, the form in which kubectl up to 1.26
 * asks for it.
 *
 * Field numbers are those of gnostic-models' openapiv2/OpenAPIv2.proto; the table below names each that is used. Vendor
 * extensions travel as YAML in an Any; JSON is YAML, so JSON is what is written. Content is the same as v2_json.c's.
 */
#include "apiserver/openapi/help.h"
#include "apiserver/openapi/openapi_priv.h"
#include "apiserver/openapi/wire.h"

enum {
    DOCUMENT_SWAGGER = 1, DOCUMENT_INFO = 2, DOCUMENT_PATHS = 8, DOCUMENT_DEFINITIONS = 9, INFO_TITLE = 1,
    INFO_VERSION = 2, NAMED_NAME = 1,
    NAMED_VALUE = 2, /* NamedSchema, NamedAny, NamedPathItem, NamedResponseValue */
    ANY_YAML = 2,
    DEFINITIONS_ITEM = 1, PROPERTIES_ITEM = 1, PATHS_PATH = 2, RESPONSES_CODE = 1, SCHEMA_REF = 1,
    SCHEMA_FORMAT = 2, SCHEMA_DESCRIPTION = 4, SCHEMA_REQUIRED = 19, SCHEMA_ADDITIONAL = 21, SCHEMA_TYPE = 22,
    SCHEMA_ITEMS = 23, SCHEMA_PROPERTIES = 25, SCHEMA_EXTENSION = 31, ADDITIONAL_SCHEMA = 1, TYPE_VALUE = 1,
    ITEMS_SCHEMA = 1,
    PATH_PARAMETERS = 9,
    OPERATION_ID = 5, OPERATION_CONSUMES = 7, OPERATION_PARAMETERS = 8, OPERATION_RESPONSES = 9,
    OPERATION_EXTENSION = 13, ITEM_PARAMETER = 1, PARAMETER_BODY = 1, PARAMETER_NON_BODY = 2,
    NON_BODY_QUERY = 3, NON_BODY_PATH = 4, BODY_NAME = 2, BODY_IN = 3, BODY_REQUIRED = 4, BODY_SCHEMA = 5,
    SUB_REQUIRED = 1, SUB_IN = 2, SUB_DESCRIPTION = 3, SUB_NAME = 4, QUERY_TYPE = 6, QUERY_UNIQUE = 20,
    PATH_TYPE = 5, PATH_UNIQUE = 19, VALUE_RESPONSE = 1, RESPONSE_DESCRIPTION = 1, RESPONSE_SCHEMA = 2,
    SCHEMA_ITEM_SCHEMA = 1,
};

struct proto_doc {
    const struct schema *s;
    struct arena        *a;
    struct strbuf       *out;
    struct help         *help;
};

static void put_extension(struct strbuf *out, unsigned field, const char *name, struct str json)
{
    size_t named = wire_begin(out, field);
    wire_text(out, NAMED_NAME, name);
    size_t any = wire_begin(out, NAMED_VALUE);
    wire_bytes(out, ANY_YAML, json);
    wire_end(out, any);
    wire_end(out, named);
}

/* The fields of a Schema message that say what a value is. */
static void put_shape(struct proto_doc *d, struct shape s)
{
    if (s.ref) {
        wire_bytes(d->out, SCHEMA_REF, arena_strf(d->a, "#/definitions/%s", s.ref));
        return;
    }
    wire_text(d->out, SCHEMA_FORMAT, s.format);
    size_t type = wire_begin(d->out, SCHEMA_TYPE);
    wire_text(d->out, TYPE_VALUE, s.type);
    wire_end(d->out, type);
}

static void put_items(struct proto_doc *d, struct shape s)
{
    size_t items = wire_begin(d->out, SCHEMA_ITEMS), schema = wire_begin(d->out, ITEMS_SCHEMA);
    put_shape(d, s);
    wire_end(d->out, schema);
    wire_end(d->out, items);
}

static void put_property(struct proto_doc *d, const struct type *t, const struct field *f)
{
    struct property p = property_of(d->s, f);
    struct extension ext[EXTENSIONS_MAX];
    size_t n = property_extensions(d->a, f, ext);
    size_t named = wire_begin(d->out, PROPERTIES_ITEM);
    wire_text(d->out, NAMED_NAME, f->name);
    size_t schema = wire_begin(d->out, NAMED_VALUE);
    put_shape(d, p.self);
    wire_text(d->out, SCHEMA_DESCRIPTION, help_of_field(d->help, t, f));
    if (p.list)
        put_items(d, p.elem);
    if (p.map) {
        size_t additional = wire_begin(d->out, SCHEMA_ADDITIONAL), value = wire_begin(d->out, ADDITIONAL_SCHEMA);
        put_shape(d, p.elem);
        if (p.list_of_strings)
            put_items(d, (struct shape){ NULL, "string", NULL });
        wire_end(d->out, value);
        wire_end(d->out, additional);
    }
    for (size_t i = 0; i < n; i++)
        put_extension(d->out, SCHEMA_EXTENSION, ext[i].name, ext[i].json);
    wire_end(d->out, schema);
    wire_end(d->out, named);
}

static void put_model(struct proto_doc *d, const struct type *t)
{
    size_t named = wire_begin(d->out, DEFINITIONS_ITEM);
    wire_text(d->out, NAMED_NAME, t->name);
    size_t schema = wire_begin(d->out, NAMED_VALUE);
    put_shape(d, scalar_shape(t));
    wire_text(d->out, SCHEMA_DESCRIPTION, help_of_type(d->help, t));
    for (size_t i = 0; i < t->count && !t->open; i++)
        if (t->fields[i].required)
            wire_text(d->out, SCHEMA_REQUIRED, t->fields[i].name);
    if (t->count && !t->scalar && !t->open) {
        size_t properties = wire_begin(d->out, SCHEMA_PROPERTIES);
        for (size_t i = 0; i < t->count; i++)
            put_property(d, t, &t->fields[i]);
        wire_end(d->out, properties);
    }
    struct str gvks = type_gvks(d->s, d->a, t);
    if (gvks.n)
        put_extension(d->out, SCHEMA_EXTENSION, "x-kubernetes-group-version-kind", gvks);
    wire_end(d->out, schema);
    wire_end(d->out, named);
}

/* ---- paths ---- */

static void put_parameter(struct proto_doc *d, unsigned field, const char *name, const char *in, const char *type,
                          const char *help)
{
    bool path = !strcmp(in, "path");
    size_t item = wire_begin(d->out, field), parameter = wire_begin(d->out, ITEM_PARAMETER),
           non_body = wire_begin(d->out, PARAMETER_NON_BODY);
    size_t sub = wire_begin(d->out, path ? NON_BODY_PATH : NON_BODY_QUERY);
    wire_bool(d->out, SUB_REQUIRED, path);
    wire_text(d->out, SUB_IN, in);
    wire_text(d->out, SUB_DESCRIPTION, help);
    wire_text(d->out, SUB_NAME, name);
    wire_text(d->out, path ? PATH_TYPE : QUERY_TYPE, type);
    wire_bool(d->out, path ? PATH_UNIQUE : QUERY_UNIQUE, true);
    wire_end(d->out, sub);
    wire_end(d->out, non_body);
    wire_end(d->out, parameter);
    wire_end(d->out, item);
}

static struct shape known(struct proto_doc *d, const char *type)
{
    return (struct shape){ type && schema_type(d->s, str_c(type)) ? type : NULL, "object", NULL };
}

static void put_body(struct proto_doc *d, const struct path *p, const struct operation *op)
{
    bool deletes = !strcmp(op->method, "delete");
    const char *type = !strcmp(op->method, "patch") ? "io.k8s.apimachinery.pkg.apis.meta.v1.Patch"
                       : deletes                    ? "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions"
                       : p->type                    ? p->type->name
                                                    : NULL;
    size_t item = wire_begin(d->out, OPERATION_PARAMETERS), parameter = wire_begin(d->out, ITEM_PARAMETER),
           body = wire_begin(d->out, PARAMETER_BODY);
    wire_text(d->out, BODY_NAME, "body");
    wire_text(d->out, BODY_IN, "body");
    wire_bool(d->out, BODY_REQUIRED, !deletes);
    size_t schema = wire_begin(d->out, BODY_SCHEMA);
    put_shape(d, known(d, type));
    wire_end(d->out, schema);
    wire_end(d->out, body);
    wire_end(d->out, parameter);
    wire_end(d->out, item);
}

static void put_response(struct proto_doc *d, const struct path *p, const struct operation *op)
{
    const char *type = p->type ? p->type->name : NULL;
    if (!strcmp(op->method, "delete"))
        type = "io.k8s.apimachinery.pkg.apis.meta.v1.Status";
    else if (type && !strcmp(op->action, "list"))
        type = arena_printf(d->a, "%sList", type);
    size_t responses = wire_begin(d->out, OPERATION_RESPONSES), code = wire_begin(d->out, RESPONSES_CODE);
    wire_text(d->out, NAMED_NAME, "200");
    size_t value = wire_begin(d->out, NAMED_VALUE), response = wire_begin(d->out, VALUE_RESPONSE);
    wire_text(d->out, RESPONSE_DESCRIPTION, "OK");
    size_t item = wire_begin(d->out, RESPONSE_SCHEMA), schema = wire_begin(d->out, SCHEMA_ITEM_SCHEMA);
    put_shape(d, known(d, type));
    wire_end(d->out, schema);
    wire_end(d->out, item);
    wire_end(d->out, response);
    wire_end(d->out, value);
    wire_end(d->out, code);
    wire_end(d->out, responses);
}

static unsigned method_field(const char *method)
{
    /* fields 2 to 8 of PathItem */
    static const char *const order[] = { "get", "put", "post", "delete", "options", "head", "patch" };
    unsigned i = 0;
    while (strcmp(order[i], method))
        i++;
    return i + 2;
}

static void put_operation(struct proto_doc *d, const struct path *p, const struct operation *op)
{
    const struct query_parameter *q[5];
    size_t n = operation_parameters(op, schema_minor(d->s) >= 25, q);
    size_t operation = wire_begin(d->out, method_field(op->method));
    wire_text(d->out, OPERATION_ID, operation_id(d->a, p, op));
    if (!strcmp(op->method, "patch"))
        for (size_t i = 0; i < patch_media_types_count; i++)
            wire_text(d->out, OPERATION_CONSUMES, patch_media_types[i]);
    if (op->body)
        put_body(d, p, op);
    for (size_t i = 0; i < n; i++)
        put_parameter(d, OPERATION_PARAMETERS, q[i]->name, "query", q[i]->type, q[i]->help);
    put_response(d, p, op);
    put_extension(d->out, OPERATION_EXTENSION, "x-kubernetes-action", arena_strf(d->a, "\"%s\"", op->action));
    put_extension(d->out, OPERATION_EXTENSION, "x-kubernetes-group-version-kind", p->gvk_json);
    wire_end(d->out, operation);
}

static void put_path(void *ctx, const struct path *p)
{
    struct proto_doc *d = ctx;
    size_t named = wire_begin(d->out, PATHS_PATH);
    wire_bytes(d->out, NAMED_NAME, p->path);
    size_t item = wire_begin(d->out, NAMED_VALUE);
    for (size_t i = 0; i < p->count; i++)
        put_operation(d, p, &p->ops[i]);
    if (p->by_name)
        put_parameter(d, PATH_PARAMETERS, "name", "path", "string", "Name of the object.");
    if (p->by_namespace)
        put_parameter(d, PATH_PARAMETERS, "namespace", "path", "string", "Its namespace.");
    wire_end(d->out, item);
    wire_end(d->out, named);
}

void openapi_v2_protobuf(const struct schema *s, const struct openapi_resource *r, size_t n, struct strbuf *out)
{
    struct proto_doc d = { s, arena_new(), out, help_read() };
    wire_text(out, DOCUMENT_SWAGGER, "2.0");
    size_t info = wire_begin(out, DOCUMENT_INFO);
    wire_text(out, INFO_TITLE, "Kubernetes");
    wire_bytes(out, INFO_VERSION, arena_strf(d.a, "v1.%d", schema_minor(s)));
    wire_end(out, info);
    size_t paths = wire_begin(out, DOCUMENT_PATHS), cursor = 0;
    paths_each(s, d.a, r, n, put_path, &d);
    wire_end(out, paths);
    size_t definitions = wire_begin(out, DOCUMENT_DEFINITIONS);
    const struct type *t;
    while (schema_each_type(s, &cursor, &t))
        put_model(&d, t);
    wire_end(out, definitions);
    help_free(d.help);
    arena_free(d.a);
}
