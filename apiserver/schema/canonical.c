/* apiserver/schema/canonical.c - an object as Go's encoder would write it: keys in the struct's order, maps sorted, empty values
 * dropped or kept.
 *
 * A real server decodes into structs and encodes them again, so what is absent and what is zero become the same thing for plain
 * fields, and fields without omitempty (or struct values, for which omitempty does nothing) are written though nobody set them:
 * "resources":{}, "strategy":{}, "status":{"loadBalancer":{}}, "creationTimestamp":null in a pod template. Pointers keep what
 * they were given.
 */
#include "apiserver/schema/schema_priv.h"

/* Would Go's omitempty leave this value of a plain (not pointer) field out? */
static bool is_empty(const struct json *v)
{
    switch (json_type(v)) {
    case JSON_NULL: return true;
    case JSON_BOOL: return !json_bool(v, false);
    case JSON_INT: return json_int(v, 1) == 0;
    case JSON_FLOAT: return json_double(v, 1) == 0;
    case JSON_STRING: return json_str(v).n == 0;
    case JSON_ARRAY: case JSON_OBJECT: return json_len(v) == 0;
    }
    return false;
}

/* What Go writes for a field nobody set. */
static struct json *zero_value(struct arena *a, const struct field *f)
{
    if (field_is_pointer(f))
        return json_null(a);
    switch (f->kind) {
    case FIELD_STRING: return json_new_strc(a, "");
    case FIELD_BOOL: return json_new_bool(a, false);
    case FIELD_INT32: case FIELD_INT64: case FIELD_INTSTR: case FIELD_DOUBLE: return json_new_int(a, 0);
    case FIELD_QUANTITY: return json_new_strc(a, "0");
    case FIELD_DURATION: return json_new_strc(a, "0s");
    case FIELD_OBJECT: return json_new_object(a);
    case FIELD_BYTES: case FIELD_TIME: case FIELD_MICROTIME: case FIELD_LIST: case FIELD_MAP: case FIELD_ANY: break;
    }
    return json_null(a);
}

static void canonical_value(struct arena *a, const struct field *f, struct json *v)
{
    if (f->kind == FIELD_MAP && json_is(v, JSON_OBJECT))
        json_sort_keys(v);
    if (!f->type)
        return;
    if (f->kind == FIELD_OBJECT) {
        if (json_is(v, JSON_OBJECT))
            canonical_object(a, f->type, v);
    } else {
        for (struct json *c = json_first(v); c; c = json_next(c))
            if (json_is(c, JSON_OBJECT))
                canonical_object(a, f->type, c);
    }
}

/* Struct values, as opposed to pointers, slices and the like, are never empty to Go. */
static bool droppable(const struct field *f, const struct json *v)
{
    if (!f->omitempty || field_is_pointer(f) || f->kind == FIELD_OBJECT || f->kind == FIELD_ANY)
        return json_is(v, JSON_NULL) && f->omitempty;
    return is_empty(v);
}

void canonical_object(struct arena *a, const struct type *t, struct json *obj)
{
    struct json *child[TYPE_FIELDS_MAX];
    if (t->custom) {
        custom_sort(obj);
        return;
    }
    if (t->count == 0)
        return;                                  /* anything goes (RawExtension and its like) */
    for (size_t i = 0; i < t->count; i++)
        child[i] = json_remove(obj, t->fields[i].name);
    for (size_t i = 0; i < t->count; i++) {
        const struct field *f = &t->fields[i];
        struct json *v = child[i];
        bool dropped = !v || droppable(f, v);
        if (dropped && f->omitempty)
            continue;
        if (!v || json_is(v, JSON_NULL))
            v = zero_value(a, f);
        json_set(a, obj, f->name, v);
        canonical_value(a, f, v);
    }
}

void schema_canonical(const struct schema *s, struct arena *a, const struct gvk *gvk, struct json *obj)
{
    const struct type *t = schema_kind(s, gvk->group, gvk->version, gvk->kind);
    if (t && json_is(obj, JSON_OBJECT))
        canonical_object(a, t, obj);
}
