/* apiserver/schema/structural.c - pruning and defaulting of custom resources by their definition's schema.
 *
 * Upstream: apiextensions-apiserver pkg/apiserver/schema/{pruning,defaulting}/algorithm.go, defaulting/prunenulls.go. The schema
 * is walked as the JSON it is; a structural schema keeps properties, items and additionalProperties outside of logical junctors,
 * so nothing else is looked at here.
 */
#include "apiserver/schema/structural.h"

static bool flag(const struct json *schema, const char *name) { return json_get_bool(schema, name, false); }

static bool is_meta(struct str key) { return str_eqc(key, "apiVersion") || str_eqc(key, "kind") || str_eqc(key, "metadata"); }

/* What an object's field is: a property, or whatever additionalProperties say. *known: the schema has a word for it. */
static const struct json *field_schema(const struct json *schema, struct str key, bool *known)
{
    const struct json *prop = json_getn(json_get(schema, "properties"), key), *more = json_get(schema, "additionalProperties");
    *known = prop || more;
    return prop ? prop : json_is(more, JSON_OBJECT) ? more : NULL;
}

static void prune(const struct json *schema, struct json *v, bool embedded);

static void prune_object(const struct json *schema, struct json *v, bool embedded, bool keep)
{
    for (struct json *c = json_first(v), *next; c; c = next) {
        bool known;
        const struct json *sub = field_schema(schema, json_key(c), &known);
        next = json_next(c);
        if (embedded && is_meta(json_key(c)))
            continue;
        if (known)
            prune(sub, c, false);
        else if (!keep)
            json_removen(v, json_key(c));
    }
}

static void prune(const struct json *schema, struct json *v, bool embedded)
{
    bool keep = flag(schema, "x-kubernetes-preserve-unknown-fields");
    embedded = embedded || flag(schema, "x-kubernetes-embedded-resource");
    if (json_is(v, JSON_OBJECT))
        prune_object(schema, v, embedded, keep);
    else if (json_is(v, JSON_ARRAY) && (!keep || json_get(schema, "items")))
        for (struct json *c = json_first(v); c; c = json_next(c))
            prune(json_get(schema, "items"), c, false);
}

void structural_prune(const struct json *schema, struct json *value, bool root) { prune(schema, value, root); }

static bool null_without_default(const struct json *v, const struct json *schema)
{
    return json_is(v, JSON_NULL) && schema && !flag(schema, "nullable") && !json_get(schema, "default");
}

void structural_drop_nulls(const struct json *schema, struct json *v)
{
    for (struct json *c = json_first(v), *next; c; c = next) {
        bool known, object = json_is(v, JSON_OBJECT);
        const struct json *sub = object ? field_schema(schema, json_key(c), &known) : json_get(schema, "items");
        next = json_next(c);
        if (object && null_without_default(c, sub))
            json_removen(v, json_key(c));
        else
            structural_drop_nulls(sub, c);
    }
}

/* A default where there is nothing, or a null that may not be one. */
static void fill(struct arena *a, struct json *parent, struct json *v, struct str key, const struct json *schema)
{
    const struct json *dflt = json_get(schema, "default");
    bool bad_null = json_is(v, JSON_NULL) && !flag(schema, "nullable");
    if (!dflt || (v && !bad_null))
        return;
    if (v)
        json_replace(parent, v, json_copy(a, dflt));
    else
        json_setn(a, parent, key, json_copy(a, dflt));
}

void structural_default(struct arena *a, const struct json *schema, struct json *v)
{
    bool known;
    if (!schema)
        return;
    if (json_is(v, JSON_OBJECT))
        for (const struct json *p = json_first(json_get(schema, "properties")); p; p = json_next(p))
            fill(a, v, json_getn(v, json_key(p)), json_key(p), p);
    for (struct json *c = json_first(v), *next; c; c = next) {
        const struct json *sub = json_is(v, JSON_OBJECT) ? field_schema(schema, json_key(c), &known) : json_get(schema, "items");
        next = json_next(c);
        if (json_is(c, JSON_NULL) && sub && json_get(sub, "default") && !flag(sub, "nullable"))
            json_replace(v, c, json_copy(a, json_get(sub, "default")));
        else
            structural_default(a, sub, c);
    }
}
