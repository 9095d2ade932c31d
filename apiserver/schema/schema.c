/* apiserver/schema/schema.c - a schema and what is looked up in it.
 *
 * Models what the API server's runtime.Scheme and its OpenAPI definitions know: which kinds there are, and the shape of each.
 * Types and kinds are sorted arrays, so looking up is a binary search and iteration has a fixed order.
 */
#include "apiserver/schema/schema_priv.h"

#include <stdlib.h>

struct schema *schema_new(int minor, bool bare)
{
    ASSERT(minor == 16 || minor == 20 || minor == 34);
    struct schema *s = NEW(struct schema);
    s->minor = minor;
    s->bare = bare;
    s->a = arena_new();
    schema_load(s);
    return s;
}

void schema_free(struct schema *s)
{
    if (!s)
        return;
    arena_free(s->a);
    free(s);
}

int schema_minor(const struct schema *s)
{
    return s->minor;
}

const struct type *schema_type(const struct schema *s, struct str name)
{
    size_t lo = 0, hi = s->types_n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        int r = str_cmp(name, str_c(s->types[mid].t.name));
        if (r == 0)
            return &s->types[mid].t;
        if (r < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    const struct type *t;
    for (size_t i = 0; (t = custom_type_at(s, i)); i++)
        if (str_eqc(name, t->name))
            return t;
    return NULL;
}

static const struct type *find_kind(const struct schema *s, struct str group, struct str version, struct str kind)
{
    size_t lo = 0, hi = s->kinds_n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        const struct gvk *g = &s->kinds[mid].gvk;
        int r = str_cmp(group, g->group);
        if (!r)
            r = str_cmp(version, g->version);
        if (!r)
            r = str_cmp(kind, g->kind);
        if (r == 0)
            return s->kinds[mid].t;
        if (r < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return NULL;
}

/* DeleteOptions and WatchEvent are registered in every group-version (metav1.AddToGroupVersion); the data names them once. */
const struct type *schema_kind(const struct schema *s, struct str group, struct str version, struct str kind)
{
    const struct type *t = find_kind(s, group, version, kind);
    if (!t && (str_eqc(kind, "DeleteOptions") || str_eqc(kind, "WatchEvent")))
        t = find_kind(s, STR_NULL, STR("v1"), kind);
    if (!t && s->customs) {
        const struct custom_kind *k = schema_custom(s, &(struct gvk){ group, version, kind });
        t = k ? k->root : NULL;
    }
    return t;
}

bool schema_each_kind(const struct schema *s, size_t *cursor, struct gvk *gvk, const struct type **t)
{
    if (*cursor >= s->kinds_n) {
        const struct custom_kind *k = custom_kind_at(s, (*cursor)++ - s->kinds_n);
        if (k)
            *gvk = k->gvk, *t = k->root;
        return k != NULL;
    }
    *gvk = s->kinds[*cursor].gvk;
    *t = s->kinds[(*cursor)++].t;
    return true;
}

bool schema_each_type(const struct schema *s, size_t *cursor, const struct type **t)
{
    if (*cursor >= s->types_n) {
        *t = custom_type_at(s, (*cursor)++ - s->types_n);
        return *t != NULL;
    }
    *t = &s->types[(*cursor)++].t;
    return true;
}

const struct field *type_field(const struct type *t, struct str name)
{
    for (size_t i = 0; i < t->count; i++)
        if (strncmp(t->fields[i].name, name.p ? name.p : "", name.n) == 0 && t->fields[i].name[name.n] == 0)
            return &t->fields[i];
    return NULL;
}

bool gvk_is(const struct gvk *g, const char *group, const char *kind)
{
    return str_eqc(g->group, group) && str_eqc(g->kind, kind);
}

bool field_is_pointer(const struct field *f)
{
    return f->go_type && f->go_type[0] == '*';
}
