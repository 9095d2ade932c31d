/* apiserver/registry/resource.c - the table of what is served, read from resources.tsv and groups.tsv for one server version.
 *
 * Upstream spreads this over pkg/controlplane/instance.go (which groups), each group's storage provider (which resources) and the
 * strategies' interfaces (short names, categories); here it is data, taken from the discovery documents of three releases. A row
 * is served when the data names the version and the type tables know the kind: a resource without a type is not there, rather
 * than there and hollow.
 */
#include <stdlib.h>

#include "apiserver/registry/registry.h"

EMBED(resources_tsv, "apiserver/registry/resources.tsv")
EMBED(groups_tsv, "apiserver/registry/groups.tsv")
EMBED(deprecated_tsv, "apiserver/registry/deprecated.tsv")

static const struct { const char *verb; char letter; unsigned bit; } verbs[] = {
    { "create", 'c', VERB_CREATE }, { "delete", 'd', VERB_DELETE }, { "deletecollection", 'D', VERB_DELETECOLLECTION },
    { "get", 'g', VERB_GET },
    { "list", 'l', VERB_LIST }, { "patch", 'p', VERB_PATCH }, { "update", 'u', VERB_UPDATE }, { "watch", 'w', VERB_WATCH },
};

unsigned verb_bit(struct str verb)
{
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (str_eqc(verb, verbs[i].verb)) return verbs[i].bit;
    return 0;
}

static unsigned verbs_of(struct str letters)
{
    unsigned bits = 0;
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (str_eqc(letters, "*") || str_chr(letters, verbs[i].letter) >= 0) bits |= verbs[i].bit;
    return bits;
}

/* "20,34,+16": does the list name our minor? "+16" counts for clusters that are not bare. */
static bool minors_have(struct str list, int minor, bool bare)
{
    while (list.p) {
        struct str m = str_token(&list, ',');
        bool plus = str_starts(m, "+");
        int64_t n = 0;
        if (str_int(str_sub(m, plus, m.n), &n) && n == minor) return !(plus && bare);
    }
    return false;
}

static struct str dash(struct str s) { return str_eqc(s, "-") ? STR_NULL : s; }

static struct str lower(struct arena *a, struct str s)
{
    char *p = arena_cstr(a, s);
    for (size_t i = 0; i < s.n; i++)
        if (p[i] >= 'A' && p[i] <= 'Z') p[i] = (char)(p[i] + 32);
    return (struct str){ p, s.n };
}

static struct str head_of(struct arena *a, const struct gvk *k)
{
    struct str av = gvk_api_version(a, k->group, k->version);
    return arena_strf(a, "{\"kind\":\"" STR_FMT "\",\"apiVersion\":\"" STR_FMT "\",", STR_ARG(k->kind), STR_ARG(av));
}

/* One row: the columns of resources.tsv. */
struct row { struct str group, resource, scope, kind, short_names, categories, verbs, versions; };

static bool row_next(struct str *rest, struct row *row)
{
    while (rest->p) {
        struct str line = str_token(rest, '\n');
        if (!line.n || line.p[0] == '#') continue;
        struct str *cols[] = { &row->group, &row->resource, &row->scope, &row->kind, &row->short_names, &row->categories,
                               &row->verbs, &row->versions };
        for (size_t i = 0; i < ARRAY_LEN(cols); i++) *cols[i] = str_token(&line, '\t');
        if (str_eqc(row->group, "core")) row->group = STR("");
        return true;
    }
    return false;
}

/* "policy/v1beta1:Eviction" or "Pod". */
static void kind_parse(struct str text, const struct resource *res, struct gvk *out)
{
    struct str gv, kind;
    if (str_cut(text, ':', &gv, &kind)) gvk_parse(gv, kind, out);
    else *out = (struct gvk){ res->group, res->version, text };
}

/* --runtime-config=GROUP/VERSION=false */
static bool switched_off(const struct apiserver *as, struct str group, struct str version, struct arena *a)
{
    const struct word_list *off = &as->opt.policy.apis_off;
    struct str name = off->n ? arena_strf(a, STR_FMT "/" STR_FMT, STR_ARG(group.n ? group : STR("api")), STR_ARG(version)) : STR("");
    for (size_t i = 0; i < off->n; i++)
        if (str_eq(off->v[i], name) || (!group.n && str_eq(off->v[i], version))) return true;
    return false;
}

enum { WARNINGS_MINOR = 19 };          /* from here on servers warn */

/* "extensions/v1beta1 Ingress is deprecated in v1.14+, unavailable in v1.22+; use networking.k8s.io/v1 Ingress" (apiserver
 * pkg/endpoints/deprecation). */
static struct str deprecation_of(struct arena *a, int minor, const struct gvk *kind)
{
    struct str rest = deprecated_tsv(), gv = gvk_api_version(a, kind->group, kind->version);
    while (minor >= WARNINGS_MINOR && rest.p) {
        struct str line = str_token(&rest, '\n'), row_gv = str_token(&line, '\t'), row_kind = str_token(&line, '\t'), removed;
        int64_t since = 0;
        if (!str_eq(row_gv, gv) || !str_eq(row_kind, kind->kind) || !str_int(str_token(&line, '\t'), &since) || since > minor)
            continue;
        removed = str_token(&line, '\t');
        struct str text = arena_strf(a, STR_FMT " " STR_FMT " is deprecated in v1.%d+", STR_ARG(gv), STR_ARG(kind->kind), (int)since);
        if (!str_eqc(removed, "0")) text = arena_strf(a, STR_FMT ", unavailable in v1." STR_FMT "+", STR_ARG(text), STR_ARG(removed));
        return str_eqc(line, "-") ? text : arena_strf(a, STR_FMT "; use " STR_FMT, STR_ARG(text), STR_ARG(line));
    }
    return STR_NULL;
}

static void add(struct apiserver *as, struct registry *g, const struct row *row, struct str version)
{
    if (switched_off(as, row->group, version, g->a)) return;
    struct resource *res = &g->v[g->n];
    *res = (struct resource){ .group = row->group, .version = version, .namespaced = str_eqc(row->scope, "N"),
                              .short_names = dash(row->short_names),
                              .categories = dash(row->categories), .verbs = verbs_of(row->verbs) };
    str_cut(row->resource, '/', &res->name, &res->subresource);
    kind_parse(row->kind, res, &res->kind);
    /* The options of connect verbs and of the proxies are query parameters, not bodies: they have no type. */
    bool options = str_ends(res->kind.kind, "Options");
    if (!options && !schema_kind(as->schema, res->kind.group, res->kind.version, res->kind.kind)) {
        log_msg(LOG_DEBUG, "apiserver", "not served, no type: " STR_FMT " " STR_FMT, STR_ARG(row->resource), STR_ARG(version));
        return;
    }
    if (str_eqc(res->subresource, "token") && !as->opt.token_request) return;
    if (!res->subresource.n) res->singular = lower(g->a, res->kind.kind);
    res->deprecation = deprecation_of(g->a, as->opt.minor, &res->kind);
    g->n++;
}

static void load_rows(struct apiserver *as, struct registry *g)
{
    struct str text = resources_tsv();
    struct row row;
    size_t max = 0;
    for (struct str t = text; row_next(&t, &row); )
        for (struct str v = row.versions; v.p; max++) str_token(&v, ' ');
    g->v = arena_zalloc(g->a, max * sizeof *g->v);
    while (row_next(&text, &row)) {
        struct str versions = row.versions;
        while (versions.p) {
            struct str item = str_token(&versions, ' '), version, minors;
            str_cut(item, ':', &version, &minors);
            if (minors_have(minors, as->opt.minor, as->opt.bare)) add(as, g, &row, version);
        }
    }
}

static struct str index_key(char *buf, size_t cap, struct str group, struct str version, struct str name, struct str sub)
{
    size_t n = 0;
    struct str parts[] = { group, version, name, sub };
    for (size_t i = 0; i < 4; i++) {
        if (n + parts[i].n + 1 >= cap) return STR_NULL;
        if (parts[i].n) memcpy(buf + n, parts[i].p, parts[i].n);
        n += parts[i].n;
        buf[n++] = '/';
    }
    return (struct str){ buf, n };
}

const struct resource *registry_find(const struct apiserver *as, struct str group, struct str version, struct str resource,
                                     struct str subresource)
{
    char buf[512];
    struct str key = index_key(buf, sizeof buf, group, version, resource, subresource);
    return key.n ? map_get(as->registry->index, key) : NULL;
}

/* The group whose objects these are: two groups show the same Events, and the same Ingresses. */
static struct str twin_of(const struct resource *res)
{
    if (str_eqc(res->group, "events.k8s.io")) return STR("");
    if (str_eqc(res->group, "extensions") && str_eqc(res->name, "ingresses")) return STR("networking.k8s.io");
    return res->group;
}

static void link_rows(struct apiserver *as, struct registry *g)
{
    char buf[512];
    for (size_t i = 0; i < g->n; i++) {
        struct resource *res = &g->v[i];
        map_put(g->index, index_key(buf, sizeof buf, res->group, res->version, res->name, res->subresource), res);
    }
    for (size_t i = 0; i < g->n; i++) {
        struct resource *res = &g->v[i];
        struct resource *main = map_get(g->index, index_key(buf, sizeof buf, res->group, res->version, res->name, STR("")));
        res->main = main ? main : res;
        res->strategy = strategy_find(twin_of(res), res->name);
        res->has_status = map_get(g->index, index_key(buf, sizeof buf, res->group, res->version, res->name, STR("status"))) != NULL;
        struct gvk own = res->main->kind;
        struct str store_group = twin_of(res);
        struct str sv = schema_storage_version(as->schema, store_group, own.kind);
        res->stored = (struct gvk){ store_group, sv.n ? sv : own.version, own.kind };
        res->head = head_of(g->a, &own);
        res->stored_head = head_of(g->a, &res->stored);
        bool twin = !str_eq(store_group, own.group);
        res->same_shape = !twin &&
                          (str_eq(res->stored.version, own.version) || schema_same_shape(as->schema, &res->stored, own.version));
    }
}

/* ---- groups ---- */
static void group_add_version(struct registry *g, struct api_group *grp, struct str version)
{
    for (size_t i = 0; i < grp->n; i++)
        if (str_eq(grp->versions[i], version)) return;
    grp->versions = arena_realloc(g->a, grp->versions, grp->n * sizeof(struct str), (grp->n + 1) * sizeof(struct str));
    grp->versions[grp->n++] = version;
}

static struct api_group *group_ensure(struct registry *g, struct str name)
{
    struct api_group *grp = map_get(g->groups, name);
    if (grp) return grp;
    grp = ARENA_NEW(g->a, struct api_group);
    grp->name = name;
    map_put(g->groups, name, grp);
    return grp;
}

static bool served(const struct registry *g, struct str group, struct str version)
{
    for (size_t i = 0; i < g->n; i++)
        if (str_eq(g->v[i].group, group) && str_eq(g->v[i].version, version)) return true;
    for (size_t i = 0; i < g->custom_n; i++)
        if (str_eq(g->custom[i]->group, group) && str_eq(g->custom[i]->version, version)) return true;
    return false;
}

/* The order of the data first; versions that only newer clients need come behind, so that they are not preferred. */
static void load_groups(struct apiserver *as, struct registry *g)
{
    struct str text = groups_tsv();
    while (text.p) {
        struct str line = str_token(&text, '\n'), minor = str_token(&line, '\t');
        int64_t n = 0;
        if (!str_int(minor, &n) || n != as->opt.minor) continue;
        while (line.p) {
            struct str item = str_token(&line, ' '), name, versions;
            str_cut(item, ':', &name, &versions);
            while (versions.p) {
                struct str v = str_token(&versions, ',');
                if (served(g, name, v)) group_add_version(g, group_ensure(g, name), v);
            }
        }
    }
    for (size_t i = 0; i < g->n; i++)
        if (g->v[i].group.n) group_add_version(g, group_ensure(g, g->v[i].group), g->v[i].version);
}

bool registry_serves_version(const struct apiserver *as, struct str group, struct str version)
{
    return served(as->registry, group, version);
}

const struct resource *registry_find_any(const struct apiserver *as, struct str group, struct str resource)
{
    const struct api_group *grp = group.n ? map_get(as->registry->groups, group) : NULL;
    for (size_t i = 0; grp && i < grp->n; i++) {
        const struct resource *res = registry_find(as, group, grp->versions[i], resource, STR(""));
        if (res) return res;
    }
    for (size_t i = 0; i < as->registry->custom_n; i++) {
        const struct resource *res = as->registry->custom[i];
        if (str_eq(res->group, group) && str_eq(res->name, resource) && !res->subresource.n) return res;
    }
    return group.n ? NULL : registry_find(as, group, STR("v1"), resource, STR(""));
}

/* ---- custom resources ---- */
const struct resource *registry_each(const struct apiserver *as, size_t *cursor)
{
    const struct registry *g = as->registry;
    size_t i = (*cursor)++;
    return i < g->n ? &g->v[i] : i - g->n < g->custom_n ? g->custom[i - g->n] : NULL;
}

void registry_add(struct apiserver *as, struct resource *res)
{
    struct registry *g = as->registry;
    char buf[512];
    if (g->custom_n == g->custom_cap) {
        g->custom_cap = g->custom_cap ? g->custom_cap * 2 : 16;
        g->custom = xrealloc(g->custom, g->custom_cap * sizeof *g->custom);
    }
    g->custom[g->custom_n++] = res;
    map_put(g->index, index_key(buf, sizeof buf, res->group, res->version, res->name, res->subresource), res);
}

void registry_link(struct apiserver *as, struct resource *res)
{
    char buf[512];
    struct map *index = as->registry->index;
    res->main = map_get(index, index_key(buf, sizeof buf, res->group, res->version, res->name, STR("")));
    res->has_status = map_get(index, index_key(buf, sizeof buf, res->group, res->version, res->name, STR("status"))) != NULL;
}

void registry_remove(struct apiserver *as, struct resource *res)
{
    struct registry *g = as->registry;
    char buf[512];
    for (size_t i = 0; i < g->custom_n; i++) {
        if (g->custom[i] != res) continue;
        memmove(&g->custom[i], &g->custom[i + 1], (--g->custom_n - i) * sizeof *g->custom);
        map_take(g->index, index_key(buf, sizeof buf, res->group, res->version, res->name, res->subresource));
        return;
    }
}

/* v2 before v1 before v1beta2 before v1alpha1 before anything else, by name (apimachinery pkg/version). 0 when it is none of these. */
static int64_t version_rank(struct str v)
{
    static const struct { const char *word; int64_t rank; } stages[] = { { "", 3 }, { "beta", 2 }, { "alpha", 1 } };
    size_t i = 1;
    int64_t major = 0, minor = 0;
    if (!v.n || v.p[0] != 'v') return 0;
    while (i < v.n && v.p[i] >= '0' && v.p[i] <= '9') i++;
    if (!str_int(str_sub(v, 1, i), &major)) return 0;
    for (size_t s = 0; s < ARRAY_LEN(stages); s++) {
        struct str rest = str_sub(v, i, v.n), word = str_c(stages[s].word);
        if (!word.n && !rest.n) return (stages[s].rank << 40) + (major << 20);
        if (word.n && str_starts(rest, stages[s].word) && str_int(str_sub(rest, word.n, rest.n), &minor))
            return (stages[s].rank << 40) + (major << 20) + minor;
    }
    return 0;
}

static int by_rank(const void *x, const void *y)
{
    const struct str *a = x, *b = y;
    int64_t ra = version_rank(*a), rb = version_rank(*b);
    return ra != rb ? (ra < rb) - (ra > rb) : str_cmp(*a, *b);
}

static int by_name(const void *x, const void *y)
{
    return str_cmp(((const struct api_group *)x)->name, ((const struct api_group *)y)->name);
}

static struct api_group *group_of(struct api_group *v, size_t *n, size_t from, struct str name)
{
    for (size_t i = from; i < *n; i++)
        if (str_eq(v[i].name, name)) return &v[i];
    v[*n] = (struct api_group){ .name = name };
    return &v[(*n)++];
}

struct api_group *registry_groups(const struct apiserver *as, struct arena *a, size_t *n)
{
    const struct registry *g = as->registry;
    struct api_group *v = arena_zalloc(a, (map_len(g->groups) + g->custom_n + 1) * sizeof *v);
    size_t cursor = 0;
    void *value;
    *n = 0;
    while (map_next(g->groups, &cursor, NULL, &value)) v[(*n)++] = *(const struct api_group *)value;
    size_t from = *n;
    for (size_t i = 0; i < g->custom_n; i++) {
        struct api_group *of = group_of(v, n, from, g->custom[i]->group);
        bool known = false;
        for (size_t j = 0; j < of->n; j++) known |= str_eq(of->versions[j], g->custom[i]->version);
        if (known) continue;
        of->versions = arena_realloc(a, of->versions, of->n * sizeof(struct str), (of->n + 1) * sizeof(struct str));
        of->versions[of->n++] = g->custom[i]->version;
    }
    if (*n > from) qsort(v + from, *n - from, sizeof *v, by_name);
    for (size_t i = from; i < *n; i++) qsort(v[i].versions, v[i].n, sizeof(struct str), by_rank);
    return v;
}

static const struct strategy strategy_plain = { .resource = "" };

const struct strategy *strategy_find(struct str group, struct str resource)
{
    static const struct strategy *const tables[] = { strategies_core, strategies_apps, strategies_other };
    for (size_t t = 0; t < ARRAY_LEN(tables); t++)
        for (const struct strategy *s = tables[t]; s->resource; s++)
            if (str_eqc(group, s->group) && str_eqc(resource, s->resource)) return s;
    return &strategy_plain;
}

struct registry *registry_new(struct apiserver *as)
{
    struct registry *g = NEW(struct registry);
    g->a = arena_new();
    g->index = map_new();
    g->groups = map_new();
    list_init(&g->pending);
    load_rows(as, g);
    as->registry = g;
    link_rows(as, g);
    load_groups(as, g);
    g->alloc = alloc_new(as);
    return g;
}

void registry_free(struct registry *g, struct apiserver *as)
{
    if (!g) return;
    (void)as;
    ASSERT(list_empty(&g->pending));
    event_expiry_free(g);
    alloc_free(g->alloc);
    free(g->custom);
    map_free(g->index, NULL);
    map_free(g->groups, NULL);
    arena_free(g->a);
    free(g);
}
