/* apiserver/openapi/model.c - types and resources as OpenAPI sees them; the encodings (v2_json, v2_protobuf, v3) only
 * write it down.
 *
 * Upstream: kube-openapi's builder walks Go structs and go-restful routes. Here the walk is over the type tables and
 * the list of resources.
 */
#include "apiserver/openapi/openapi_priv.h"

#define META "io.k8s.apimachinery.pkg.apis.meta.v1."

const char *const patch_media_types[] = { "application/json-patch+json", "application/merge-patch+json",
                                          "application/strategic-merge-patch+json", "application/apply-patch+yaml" };
const size_t patch_media_types_count = ARRAY_LEN(patch_media_types);

static const struct { enum field_kind kind; const char *ref, *type, *format; } scalars[] = {
    { FIELD_STRING, NULL, "string", NULL },
    { FIELD_BOOL, NULL, "boolean", NULL },
    { FIELD_INT32, NULL, "integer", "int32" },
    { FIELD_INT64, NULL, "integer", "int64" },
    { FIELD_DOUBLE, NULL, "number", "double" },
    { FIELD_BYTES, NULL, "string", "byte" },
    { FIELD_TIME, META "Time", "string", "date-time" },
    { FIELD_MICROTIME, META "MicroTime", "string", "date-time" },
    { FIELD_DURATION, META "Duration", "string", NULL },
    { FIELD_QUANTITY, "io.k8s.apimachinery.pkg.api.resource.Quantity", "string", NULL },
    { FIELD_INTSTR, "io.k8s.apimachinery.pkg.util.intstr.IntOrString", "string", "int-or-string" },
    { FIELD_OBJECT, NULL, "object", NULL },
    { FIELD_ANY, NULL, "object", NULL },
};

static struct shape shape_of(const struct schema *s, enum field_kind kind, const char *type_name)
{
    for (size_t i = 0; i < ARRAY_LEN(scalars); i++) {
        if (scalars[i].kind != kind)
            continue;
        const char *ref = scalars[i].ref ? scalars[i].ref : type_name;
        bool known = ref && schema_type(s, str_c(ref));
        return (struct shape){ known ? ref : NULL, scalars[i].type, scalars[i].format };
    }
    return (struct shape){ NULL, "object", NULL };
}

struct property property_of(const struct schema *s, const struct field *f)
{
    struct property p = { .list = f->kind == FIELD_LIST, .map = f->kind == FIELD_MAP, .field = f };
    if (!p.list && !p.map) {
        p.self = shape_of(s, f->kind, f->type_name);
        return p;
    }
    p.self = (struct shape){ NULL, p.list ? "array" : "object", NULL };
    p.list_of_strings = f->elem == FIELD_LIST;
    p.elem = p.list_of_strings ? (struct shape){ NULL, "array", NULL } : shape_of(s, f->elem, f->type_name);
    return p;
}

static bool ends_with(const char *name, const char *suffix)
{
    return str_ends(str_c(name), suffix);
}

struct shape scalar_shape(const struct type *t)
{
    static const char *const anything[] = { ".v1.JSON", ".v1beta1.JSON", ".JSONSchemaPropsOrArray", ".JSONSchemaPropsOrBool",
                                            ".JSONSchemaPropsOrStringArray" };
    for (size_t i = 0; i < ARRAY_LEN(anything); i++)
        if (ends_with(t->name, anything[i]))
            return (struct shape){ NULL, NULL, NULL };
    if (!t->scalar)
        return (struct shape){ NULL, "object", NULL };
    if (ends_with(t->name, ".IntOrString"))
        return (struct shape){ NULL, "string", "int-or-string" };
    if (ends_with(t->name, "Time"))
        return (struct shape){ NULL, "string", "date-time" };
    return (struct shape){ NULL, "string", NULL };
}

static struct str quoted(struct arena *a, const char *s)
{
    return arena_strf(a, "\"%s\"", s);
}

size_t property_extensions(struct arena *a, const struct field *f, struct extension v[EXTENSIONS_MAX])
{
    size_t n = 0;
    if (f->list_map_keys) {
        struct strbuf b;
        strbuf_init(&b, 1024);
        for (struct str rest = str_c(f->list_map_keys); rest.p;)
            strbuf_addf(&b, "%s\"" STR_FMT "\"", b.n ? "," : "[", STR_ARG(str_token(&rest, ',')));
        strbuf_addch(&b, ']');
        v[n++] = (struct extension){ "x-kubernetes-list-map-keys", arena_str(a, strbuf_str(&b)) };
        strbuf_deinit(&b);
    }
    if (f->kind == FIELD_MAP && f->list_type)
        v[n++] = (struct extension){ "x-kubernetes-map-type", STR("\"atomic\"") };   /* the tables say map-atomic */
    else if (f->list_type)
        v[n++] = (struct extension){ "x-kubernetes-list-type", quoted(a, f->list_type) };
    if (f->patch_merge_key)
        v[n++] = (struct extension){ "x-kubernetes-patch-merge-key", quoted(a, f->patch_merge_key) };
    if (f->patch_strategy)
        v[n++] = (struct extension){ "x-kubernetes-patch-strategy", quoted(a, f->patch_strategy) };
    return n;
}

static struct str gvk_json(struct arena *a, struct str group, struct str version, struct str kind)
{
    return arena_strf(a, "{\"group\":\"" STR_FMT "\",\"kind\":\"" STR_FMT "\",\"version\":\"" STR_FMT "\"}", STR_ARG(group),
                      STR_ARG(kind), STR_ARG(version));
}

struct str type_gvks(const struct schema *s, struct arena *a, const struct type *t)
{
    struct strbuf b;
    size_t cursor = 0;
    struct gvk g;
    const struct type *of;
    strbuf_init(&b, 64 * 1024);
    while (schema_each_kind(s, &cursor, &g, &of))
        if (of == t)
            strbuf_addf(&b, "%c" STR_FMT, b.n ? ',' : '[', STR_ARG(gvk_json(a, g.group, g.version, g.kind)));
    if (b.n)
        strbuf_addch(&b, ']');
    struct str text = arena_str(a, strbuf_str(&b));
    strbuf_deinit(&b);
    return text;
}

/* ---- paths ---- */

struct str group_version_path(struct arena *a, const char *group, const char *version)
{
    return *group ? arena_strf(a, "apis/%s/%s", group, version) : arena_strf(a, "api/%s", version);
}

static bool has_verb(const struct openapi_resource *r, const char *verb)
{
    for (struct str rest = str_c(r->verbs); rest.p;)
        if (str_eqc(str_trim(str_token(&rest, ',')), verb))
            return true;
    return false;
}

static const struct { const char *verb; bool by_name; struct operation op; } verbs[] = {
    { "list", false, { "get", "list", false, false } },
    { "create", false, { "post", "post", true, true } },
    { "deletecollection", false, { "delete", "deletecollection", true, true } },
    { "get", true, { "get", "get", false, false } },
    { "update", true, { "put", "put", true, true } },
    { "patch", true, { "patch", "patch", true, true } },
    { "delete", true, { "delete", "delete", true, true } },
};

/* Subresources are all below {name}, and created there too (pods/x/binding). */
static void add_operations(struct path *p)
{
    bool sub = strchr(p->r->resource, '/') != NULL;
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        bool here = sub ? verbs[i].by_name || !strcmp(verbs[i].verb, "create") : verbs[i].by_name == p->by_name;
        if (here && has_verb(p->r, verbs[i].verb) && p->count < ARRAY_LEN(p->ops))
            p->ops[p->count++] = verbs[i].op;
    }
}

static struct str path_text(struct arena *a, const struct openapi_resource *r, bool by_namespace, bool by_name)
{
    struct str base = group_version_path(a, r->group, r->version), resource, sub;
    bool has_sub = str_cut(str_c(r->resource), '/', &resource, &sub);
    return arena_strf(a, "/" STR_FMT "%s/" STR_FMT "%s%s" STR_FMT, STR_ARG(base),
                      by_namespace ? "/namespaces/{namespace}" : "", STR_ARG(resource), by_name ? "/{name}" : "",
                      has_sub ? "/" : "", STR_ARG(sub));
}

void paths_each(const struct schema *s, struct arena *a, const struct openapi_resource *r, size_t n,
                void (*fn)(void *ctx, const struct path *p), void *ctx)
{
    for (size_t i = 0; i < n; i++) {
        const char *group = r[i].kind_version ? (r[i].kind_group ? r[i].kind_group : "") : r[i].group;
        const char *version = r[i].kind_version ? r[i].kind_version : r[i].version;
        bool sub = strchr(r[i].resource, '/') != NULL;
        struct path p = { .r = &r[i], .type = schema_kind(s, str_c(group), str_c(version), str_c(r[i].kind)),
                          .gvk_json = gvk_json(a, str_c(group), str_c(version), str_c(r[i].kind)) };
        for (int by_name = sub; by_name <= 1; by_name++) {
            p.by_name = by_name;
            p.by_namespace = r[i].namespaced;
            p.path = path_text(a, &r[i], p.by_namespace, p.by_name);
            p.count = 0;
            add_operations(&p);
            if (p.count)
                fn(ctx, &p);
        }
        if (!r[i].namespaced || sub || !has_verb(&r[i], "list"))
            continue;
        p.by_name = p.by_namespace = false;                      /* across all namespaces there is only listing */
        p.path = path_text(a, &r[i], false, false);
        p.count = 1;
        p.ops[0] = verbs[0].op;
        fn(ctx, &p);
    }
}

static const struct query_parameter dry_run = { "dryRun", "string", "All: do everything but store the result." };
static const struct query_parameter field_manager = { "fieldManager", "string", "Who makes the change, for managedFields." };
static const struct query_parameter field_validation = { "fieldValidation", "string",
                                                         "Ignore, Warn or Strict: what becomes of unknown fields." };
static const struct query_parameter force = { "force", "boolean", "Take over fields that other managers own (apply only)." };
static const struct query_parameter label_selector = { "labelSelector", "string", "Restrict by labels." };
static const struct query_parameter field_selector = { "fieldSelector", "string", "Restrict by fields." };
static const struct query_parameter watch = { "watch", "boolean", "Stream changes instead of listing." };

size_t operation_parameters(const struct operation *op, bool validation, const struct query_parameter *v[5])
{
    size_t n = 0;
    bool deletes = !strcmp(op->method, "delete");
    if (!strcmp(op->action, "list"))
        v[n++] = &field_selector, v[n++] = &label_selector, v[n++] = &watch;
    if (op->writes)
        v[n++] = &dry_run;
    if (op->writes && !deletes)
        v[n++] = &field_manager;
    if (op->writes && !deletes && validation)
        v[n++] = &field_validation;
    if (!strcmp(op->action, "patch"))
        v[n++] = &force;
    return n;
}

static void add_words(struct strbuf *b, struct str s)
{
    bool start = true;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (letter)
            strbuf_addch(b, start && c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c);
        start = !letter;
    }
}

/* listCoreV1NamespacedPod, patchAppsV1NamespacedDeploymentScale, listCoreV1PodForAllNamespaces */
const char *operation_id(struct arena *a, const struct path *p, const struct operation *op)
{
    static const struct { const char *action, *word; } words[] = {
        { "get", "read" },
        { "list", "list" },
        { "post", "create" },
        { "put", "replace" },
        { "patch", "patch" },
        { "delete", "delete" },
        { "deletecollection", "deleteCollection" },
    };
    struct strbuf b;
    struct str group, rest, resource, sub;
    strbuf_init(&b, 1024);
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (!strcmp(words[i].action, op->action))
            strbuf_addc(&b, words[i].word);
    str_cut(str_c(p->r->group), '.', &group, &rest);
    add_words(&b, group.n ? group : STR("core"));
    add_words(&b, str_c(p->r->version));
    if (p->by_namespace)
        strbuf_addc(&b, "Namespaced");
    bool has_sub = str_cut(str_c(p->r->resource), '/', &resource, &sub);
    add_words(&b, has_sub ? resource : str_c(p->r->kind));
    add_words(&b, sub);
    if (p->r->namespaced && !p->by_namespace)
        strbuf_addc(&b, "ForAllNamespaces");
    const char *id = arena_cstr(a, strbuf_str(&b));
    strbuf_deinit(&b);
    return id;
}
