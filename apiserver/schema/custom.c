/* apiserver/schema/custom.c - kinds that arrive at run time: the schema in a CustomResourceDefinition becomes types like those of
 * the tables.
 *
 * The types serve everybody who reads them (server-side apply, OpenAPI, times on shifted clocks); what a custom resource may hold
 * is decided on the schema itself (structural.h). Objects are written as Go writes maps: keys sorted at every level. Upstream:
 * apiextensions-apiserver pkg/apiserver/customresource_handler.go (schemaCoercingDecoder, unstructuredDefaulter) and
 * pkg/controller/openapi/builder.
 */
#include "apiserver/schema/structural.h"

enum { DEPTH_MAX = 32 };               /* of nested types; deeper is anything */

const struct custom_kind *schema_custom(const struct schema *s, const struct gvk *gvk)
{
    for (const struct custom_kind *k = s->customs; k; k = k->next)
        if (str_eq(k->gvk.group, gvk->group) && str_eq(k->gvk.version, gvk->version) && str_eq(k->gvk.kind, gvk->kind))
            return k;
    return NULL;
}

const struct type *custom_type_at(const struct schema *s, size_t i)
{
    for (const struct custom_kind *k = s->customs; k; k = k->next)
        for (const struct custom_type *t = k->types; t; t = t->next)
            if (!i--)
                return &t->rec.t;
    return NULL;
}

const struct custom_kind *custom_kind_at(const struct schema *s, size_t i)
{
    const struct custom_kind *k = s->customs;
    while (k && i--)
        k = k->next;
    return k;
}

/* ---- types ---- */
static const struct type *make_type(struct custom_kind *k, struct arena *a, const char *name, const struct json *schema, int depth);

static const char *description(struct arena *a, const struct json *schema)
{
    struct str text = json_get_str(schema, "description");
    return text.n ? arena_cstr(a, text) : NULL;
}

static enum field_kind scalar_kind(const struct json *schema)
{
    static const struct { const char *word; enum field_kind kind; } words[] = {
        { "string", FIELD_STRING }, { "boolean", FIELD_BOOL }, { "integer", FIELD_INT64 }, { "number", FIELD_DOUBLE } };
    struct str type = json_get_str(schema, "type");
    if (json_get_bool(schema, "x-kubernetes-int-or-string", false))
        return FIELD_INTSTR;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_eqc(type, words[i].word))
            return words[i].kind;
    return FIELD_ANY;
}

/* The kind of a value; an object with properties of its own becomes a type. */
static enum field_kind value_kind(struct custom_kind *k, struct arena *a, const char *name, const struct json *schema, int depth,
                                  const struct type **t)
{
    *t = NULL;
    if (!json_len(json_get(schema, "properties")) || depth >= DEPTH_MAX ||
        json_get_bool(schema, "x-kubernetes-preserve-unknown-fields", false))
        return scalar_kind(schema);
    *t = make_type(k, a, name, schema, depth + 1);
    return FIELD_OBJECT;
}

static void fill_field(struct custom_kind *k, struct arena *a, struct field *f, const char *owner, const struct json *schema,
                       int depth)
{
    const struct json *items = json_get(schema, "items"), *more = json_get(schema, "additionalProperties"),
                      *keys = json_get(schema, "x-kubernetes-list-map-keys");
    const char *name = arena_printf(a, "%s.%s", owner, f->name);
    struct str list = json_get_str(schema, "x-kubernetes-list-type"), all = STR_NULL;
    f->omitempty = true;
    f->help = description(a, schema);
    if (json_is(items, JSON_OBJECT)) {
        f->kind = FIELD_LIST;
        f->elem = value_kind(k, a, name, items, depth, &f->type);
        f->list_type = list.n ? arena_cstr(a, list) : "atomic";
        for (const struct json *key = json_first(keys); key; key = json_next(key))
            all = arena_strf(a, STR_FMT "%s" STR_FMT, STR_ARG(all), all.n ? "," : "", STR_ARG(json_str(key)));
        f->list_map_keys = all.n ? arena_cstr(a, all) : NULL;
    } else if (json_is(more, JSON_OBJECT)) {
        f->kind = FIELD_MAP;
        f->elem = value_kind(k, a, name, more, depth, &f->type);
    } else {
        f->kind = value_kind(k, a, name, schema, depth, &f->type);
    }
    f->type_name = f->type ? f->type->name : NULL;
}

static bool is_required(const struct json *schema, struct str name)
{
    for (const struct json *r = json_first(json_get(schema, "required")); r; r = json_next(r))
        if (str_eq(json_str(r), name))
            return true;
    return false;
}

static struct type *new_type(struct custom_kind *k, struct arena *a, const char *name, size_t fields)
{
    struct custom_type *t = ARENA_NEW(a, struct custom_type);
    t->rec.t = (struct type){ .name = name, .go_name = "unstructured.Unstructured",
                              .fields = arena_zalloc(a, (fields + 1) * sizeof(struct field)), .custom = k };
    t->next = k->types;
    k->types = t;
    return &t->rec.t;
}

static const struct type *make_type(struct custom_kind *k, struct arena *a, const char *name, const struct json *schema, int depth)
{
    const struct json *props = json_get(schema, "properties");
    struct type *t = new_type(k, a, name, json_len(props));
    for (const struct json *p = json_first(props); p; p = json_next(p)) {
        struct field *f = &t->fields[t->count++];
        f->name = arena_cstr(a, json_key(p));
        f->required = is_required(schema, json_key(p));
        fill_field(k, a, f, name, p, depth);
    }
    return t;
}

/* "com.example.stable.v1.CronTab": the group's parts in reverse. */
static const char *definition_name(struct arena *a, const struct gvk *gvk)
{
    struct str reversed = STR_NULL, rest = gvk->group;
    while (rest.p) {
        struct str part = str_token(&rest, '.');
        reversed = reversed.n ? arena_strf(a, STR_FMT "." STR_FMT, STR_ARG(part), STR_ARG(reversed)) : part;
    }
    return arena_printf(a, STR_FMT "." STR_FMT "." STR_FMT, STR_ARG(reversed), STR_ARG(gvk->version), STR_ARG(gvk->kind));
}

/* The object itself: apiVersion, kind and metadata, whether the schema speaks of them or not. */
static void make_root(struct custom_kind *k, struct arena *a)
{
    const struct json *props = json_get(k->schema, "properties");
    const struct type *meta = schema_type(k->owner, STR("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"));
    const char *name = definition_name(a, &k->gvk);
    struct type *t = new_type(k, a, name, json_len(props) + 3);
    t->help = description(a, k->schema);
    t->fields[t->count++] = (struct field){ .name = "apiVersion", .kind = FIELD_STRING, .omitempty = true };
    t->fields[t->count++] = (struct field){ .name = "kind", .kind = FIELD_STRING, .omitempty = true };
    t->fields[t->count++] = (struct field){ .name = "metadata", .kind = FIELD_OBJECT, .type = meta, .type_name = meta->name,
                                            .omitempty = true };
    for (const struct json *p = json_first(props); p; p = json_next(p)) {
        struct str key = json_key(p);
        if (in_list(key, "apiVersion,kind,metadata"))
            continue;
        struct field *f = &t->fields[t->count++];
        f->name = arena_cstr(a, key);
        f->required = is_required(k->schema, key);
        fill_field(k, a, f, name, p, 0);
    }
    t->open = k->keep_unknown || !k->schema || json_get_bool(k->schema, "x-kubernetes-preserve-unknown-fields", false);
    k->root = t;
}

void schema_custom_add(struct schema *s, struct arena *a, struct custom_kind *k)
{
    k->owner = s;
    k->types = NULL;
    make_root(k, a);
    k->next = s->customs;
    s->customs = k;
}

void schema_custom_remove(struct schema *s, struct custom_kind *k)
{
    for (struct custom_kind **at = &s->customs; *at; at = &(*at)->next)
        if (*at == k) {
            *at = k->next;
            return;
        }
}

/* ---- values ---- */
void custom_sort(struct json *v)
{
    if (json_is(v, JSON_OBJECT))
        json_sort_keys(v);
    for (struct json *c = json_first(v); c; c = json_next(c))
        custom_sort(c);
}

void custom_prune(const struct custom_kind *k, struct json *obj)
{
    if (!k->keep_unknown)
        structural_prune(k->schema, obj, true);
    if (k->schema)
        structural_drop_nulls(k->schema, obj);
}

void custom_default(const struct custom_kind *k, struct arena *a, struct json *obj)
{
    if (!k->keep_unknown)
        structural_default(a, k->schema, obj);
    custom_sort(obj);
}

/* ---- validation ---- */
static const struct json *at_path(const struct json *obj, const char *path)
{
    return path ? json_path(obj, path + (path[0] == '.')) : NULL;
}

/* A count that the scale subresource reads. */
static void check_replicas(struct check *c, const struct json *obj, const char *path)
{
    const struct json *v = at_path(obj, path);
    const struct fpath *p = FP_NAME(NULL, path);
    int64_t n = json_int(v, 0);
    if (v && !json_is(v, JSON_INT))
        check_invalid_i(c, p, 0, "%s accessor error: " STR_FMT " is of the type %s, expected int64", path,
                        STR_ARG(json_is(v, JSON_STRING) ? json_str(v) : json_text(c->a, v)),
                        json_is(v, JSON_STRING) ? "string" : json_is(v, JSON_FLOAT) ? "float64" : json_is(v, JSON_BOOL) ? "bool"
                        : "map[string]interface {}");
    else if (n < 0)
        check_invalid_i(c, p, n, "should be a non-negative integer");
    else if (n > INT32_MAX)
        check_invalid_i(c, p, n, "should be less than or equal to %d", INT32_MAX);
}

void validate_custom(struct check *c, const struct custom_kind *k, const struct json *obj, const struct json *old)
{
    check_object_meta(c, &k->gvk, obj, old, NAME_SUBDOMAIN);
    structural_validate(c, k->schema, obj);
    if (k->spec_replicas)
        check_replicas(c, obj, k->spec_replicas);
    if (k->status_replicas)
        check_replicas(c, obj, k->status_replicas);
    structural_check_lists(c, k->schema, obj, NULL);
}
