/* apiserver/schema/defaults.c - what a server fills in when a client leaves it out.
 *
 * Models pkg/apis/.../defaults.go and its generated walkers. Constants are data (d= in types/): the walk sets them wherever their type
 * occurs. Defaults that depend on other fields are functions in defaults_types.c, keyed by the type they complete, called before the
 * type's constants (as upstream, outer before inner), so a constant never hides what was absent.
 */
#include "apiserver/schema/schema_priv.h"

static struct json *literal(struct arena *a, const char *text)
{
    if (strcmp(text, "{}") == 0)
        return json_new_object(a);
    return json_parse(a, str_c(text), NULL);
}

/* Zero means absent unless Go has a pointer there. */
static bool is_unset(const struct field *f, const struct json *v)
{
    if (!v || json_is(v, JSON_NULL))
        return true;
    if (field_is_pointer(f))
        return false;
    return (json_is(v, JSON_STRING) && json_str(v).n == 0) || (json_is(v, JSON_INT) && json_int(v, 1) == 0) ||
           (json_is(v, JSON_ARRAY) && json_len(v) == 0);
}

static void default_object(const struct schema *s, struct arena *a, const struct type *t, struct json *obj);

static void default_field(const struct schema *s, struct arena *a, const struct field *f, struct json *obj)
{
    struct json *v = json_get(obj, f->name);
    if (f->dflt && is_unset(f, v))
        json_set(a, obj, f->name, v = literal(a, f->dflt));
    if (!f->type)
        return;
    if (f->kind == FIELD_OBJECT) {
        if (!v && !field_is_pointer(f) && !f->omitempty)     /* a struct value is there though nobody set it: its defaults are, too */
            json_set(a, obj, f->name, v = json_new_object(a));
        if (json_is(v, JSON_OBJECT))
            default_object(s, a, f->type, v);
        return;
    }
    for (struct json *c = json_first(v); c; c = json_next(c))
        if (json_is(c, JSON_OBJECT))
            default_object(s, a, f->type, c);
}

static void default_object(const struct schema *s, struct arena *a, const struct type *t, struct json *obj)
{
    default_type(s, a, t, obj);
    for (size_t i = 0; i < t->count; i++)
        default_field(s, a, &t->fields[i], obj);
}

void schema_default(const struct schema *s, struct arena *a, const struct gvk *gvk, struct json *obj)
{
    const struct type *t = schema_kind(s, gvk->group, gvk->version, gvk->kind);
    if (!t || !json_is(obj, JSON_OBJECT))
        return;
    if (t->custom) {
        custom_default(t->custom, a, obj);
        return;
    }
    default_object(s, a, t, obj);
    default_hpa(s, a, gvk, obj);
    canonical_object(a, t, obj);
}
