/* apiserver/openapi/v3.c - OpenAPI v3: an index, and one document per group-version with just the models that it can reach.
 *
 * Upstream: kube-openapi pkg/handler3 and builder3. kubectl 1.27 and later read the index, then the documents they
 * need, and keep those by their URL; so the hash in the URL changes with whatever the document is made from.
 */
#include "apiserver/openapi/json_priv.h"

#include <stdlib.h>

/* Marks by place in the schema's order, which is by name. */
struct reach {
    const struct schema *s;
    const struct type  **types;        /* every type, sorted by name */
    bool                *marked;
    size_t               n;
};

static int by_name(const void *key, const void *member)
{
    return strcmp(((const struct type *)key)->name, (*(const struct type *const *)member)->name);
}

static int in_order(const void *x, const void *y)
{
    return by_name(*(const struct type *const *)x, y);
}

static void reach_type(struct reach *r, const struct type *t)
{
    const struct type **at = t ? bsearch(t, r->types, r->n, sizeof *r->types, by_name) : NULL;
    if (!at || r->marked[at - r->types])
        return;
    r->marked[at - r->types] = true;
    for (size_t i = 0; i < t->count; i++) {
        struct property p = property_of(r->s, &t->fields[i]);
        if (p.self.ref)
            reach_type(r, schema_type(r->s, str_c(p.self.ref)));
        if ((p.list || p.map) && p.elem.ref)
            reach_type(r, schema_type(r->s, str_c(p.elem.ref)));
    }
}

static void reach_path(void *ctx, const struct path *p)
{
    reach_type(ctx, p->type);
}

static void reach_open(struct reach *r, const struct schema *s)
{
    size_t cursor = 0;
    const struct type *t;
    *r = (struct reach){ .s = s };
    while (schema_each_type(s, &cursor, &t))
        r->n++;
    r->types = xcalloc(r->n + 1, sizeof *r->types);
    r->marked = xcalloc(r->n + 1, sizeof *r->marked);
    cursor = 0;
    for (size_t i = 0; schema_each_type(s, &cursor, &t); i++)
        r->types[i] = t;
    qsort(r->types, r->n, sizeof *r->types, in_order);
}

static void reach_close(struct reach *r)
{
    free(r->types);
    free(r->marked);
}

static uint64_t mix(uint64_t h, const char *s)
{
    return (h ^ str_hash(str_c(s))) * 1099511628211ull;
}

/* Of everything that shapes any document, so that no client keeps what another build said. */
static uint64_t schema_digest(const struct schema *s)
{
    uint64_t h = 14695981039346656037ull + (unsigned)schema_minor(s) + help_digest();
    size_t cursor = 0;
    const struct type *t;
    while (schema_each_type(s, &cursor, &t)) {
        h = mix(h, t->name);
        for (size_t i = 0; i < t->count; i++) {
            const struct field *f = &t->fields[i];
            h = mix(mix(mix(mix(h + (uint64_t)f->kind * 31 + f->required, f->name), f->type_name), f->patch_merge_key),
                    f->list_type);
            h = mix(mix(h, f->dflt), f->help);
        }
        h = mix(h, t->help);
    }
    return h;
}

void openapi_v3_index(const struct schema *s, const struct openapi_resource *r, size_t n, struct strbuf *out)
{
    struct arena *a = arena_new();
    struct map *seen = map_new();
    struct str path;
    void *value;
    uint64_t digest = schema_digest(s);
    for (size_t i = 0; i < n; i++)
        map_put(seen, group_version_path(a, r[i].group, r[i].version), seen);
    strbuf_addc(out, "{\"paths\":{");
    for (size_t cursor = 0, count = 0; map_next(seen, &cursor, &path, &value); count++) {
        uint64_t h = digest ^ str_hash(path);
        for (size_t i = 0; i < n; i++)
            if (str_eq(path, group_version_path(a, r[i].group, r[i].version)))
                h = mix(mix(mix(h, r[i].resource), r[i].kind), r[i].verbs);
        strbuf_addf(out, "%s\"" STR_FMT "\":{\"serverRelativeURL\":\"/openapi/v3/" STR_FMT "?hash=%016" PRIX64 "\"}",
                    count ? "," : "", STR_ARG(path), STR_ARG(path), h);
    }
    strbuf_addc(out, "}}");
    map_free(seen, NULL);
    arena_free(a);
}

static void reach_kinds(struct reach *reach, struct str group, struct str version)
{
    size_t cursor = 0;
    struct gvk g;
    const struct type *t;
    while (schema_each_kind(reach->s, &cursor, &g, &t))
        if (str_eq(g.group, group) && str_eq(g.version, version))
            reach_type(reach, t);
    reach_type(reach, schema_type(reach->s, STR("io.k8s.apimachinery.pkg.apis.meta.v1.Status")));
    reach_type(reach, schema_type(reach->s, STR("io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions")));
    reach_type(reach, schema_type(reach->s, STR("io.k8s.apimachinery.pkg.apis.meta.v1.Patch")));
}

bool openapi_v3_document(const struct schema *s, const struct openapi_resource *r, size_t n, struct str group,
                         struct str version, struct strbuf *out)
{
    struct openapi_resource *mine = xcalloc(n + 1, sizeof *mine);
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        if (str_eqc(group, r[i].group) && str_eqc(version, r[i].version))
            mine[count++] = r[i];
    if (count) {
        struct doc d = { .s = s, .a = arena_new(), .out = out, .help = help_read(), .v3 = true };
        struct reach reach;
        reach_open(&reach, s);
        reach_kinds(&reach, group, version);
        paths_each(s, d.a, mine, count, reach_path, &reach);
        strbuf_addf(out, "{\"openapi\":\"3.0.0\",\"info\":{\"title\":\"Kubernetes\",\"version\":\"v1.%d\"},\"paths\":{",
                    schema_minor(s));
        paths_each(s, d.a, mine, count, json_path_item, &d);
        strbuf_addc(out, "},\"components\":{\"schemas\":{");
        size_t written = 0;
        for (size_t i = 0; i < reach.n; i++) {
            if (!reach.marked[i])
                continue;
            if (written++)
                strbuf_addch(out, ',');
            json_model(&d, reach.types[i]);
        }
        strbuf_addc(out, "}}}");
        reach_close(&reach);
        help_free(d.help);
        arena_free(d.a);
    }
    free(mine);
    return count > 0;
}
