/* apiserver/endpoints/discovery.c - /api, /apis, /apis/GROUP, /apis/GROUP/VERSION, and all of it at once (aggregated discovery,
 * since 1.26).
 *
 * Upstream: apiserver pkg/endpoints/discovery/{root,group,version}.go, .../discovery/aggregated; kube-aggregator
 * pkg/apiserver/handler_apis.go merges the groups of APIServices that point elsewhere, by their priorities.
 */
#include "apiserver/aggregator/aggregator.h"
#include "apiserver/endpoints/endpoints.h"

static struct json *string_list(struct arena *a, struct str list)
{
    struct json *out = json_new_array(a);
    while (list.p && list.n) json_append(out, json_new_str(a, str_token(&list, ',')));
    return out;
}

/* Sorted; of custom resources in the order in which upstream's code has them. */
static struct json *verb_list(struct arena *a, const struct resource *res)
{
    static const char *const names[] = { "create", "delete", "deletecollection", "get", "list", "patch", "update", "watch" };
    static const char *const custom[] = { "delete", "deletecollection", "get", "list", "patch", "create", "update", "watch" };
    struct json *out = json_new_array(a);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *verb = res->list_kind.n ? custom[i] : names[i];
        bool gone = res->terminating && !res->subresource.n && (verb_bit(str_c(verb)) & (VERB_CREATE | VERB_PATCH | VERB_UPDATE));
        if (!gone && (res->verbs & verb_bit(str_c(verb)))) json_append(out, json_new_strc(a, verb));
    }
    return out;
}

static bool foreign_kind(const struct resource *res)
{
    return !str_eq(res->kind.group, res->group) || !str_eq(res->kind.version, res->version);
}

/* ---- one group version ---- */
static struct json *resource_entry(struct request *r, const struct resource *res)
{
    struct arena *a = r->a;
    struct str name = res->subresource.n ? arena_strf(a, STR_FMT "/" STR_FMT, STR_ARG(res->name), STR_ARG(res->subresource))
                      : res->name;
    bool singular = (r->as->opt.minor >= 27 || res->list_kind.n) && !res->subresource.n;
    struct json *j = json_buildf(a, "{'name':%S,'singularName':%S,'namespaced':%b}", name, singular ? res->singular : STR(""),
                                 (int)res->namespaced);
    if (foreign_kind(res)) {
        if (res->kind.group.n) json_set_str(a, j, "group", res->kind.group);
        json_set_str(a, j, "version", res->kind.version);
    }
    json_set_str(a, j, "kind", res->kind.kind);
    json_set(a, j, "verbs", verb_list(a, res));
    if (res->short_names.n) json_set(a, j, "shortNames", string_list(a, res->short_names));
    if (res->categories.n) json_set(a, j, "categories", string_list(a, res->categories));
    return j;
}

static void group_version(struct request *r, struct str group, struct str version)
{
    struct json *list = json_new_array(r->a);
    size_t cursor = 0;
    const struct resource *res;
    while ((res = registry_each(r->as, &cursor)))
        if (str_eq(res->group, group) && str_eq(res->version, version)) json_append(list, resource_entry(r, res));
    if (!json_len(list)) {
        respond_not_found_page(r);
        return;
    }
    struct json *j = group.n
                     ? json_buildf(r->a, "{'kind':'APIResourceList','apiVersion':'v1','groupVersion':%S,'resources':%j}",
                                   gvk_api_version(r->a, group, version), list)
                             : json_buildf(r->a, "{'kind':'APIResourceList','groupVersion':%S,'resources':%j}", version, list);
    respond_json(r, 200, j);
}

/* ---- groups ---- */
static struct json *version_entry(struct arena *a, struct str group, struct str version)
{
    return json_buildf(a, "{'groupVersion':%S,'version':%S}", gvk_api_version(a, group, version), version);
}

static struct json *group_entry(struct arena *a, struct str name, const struct str *versions, size_t n)
{
    struct json *list = json_new_array(a);
    for (size_t i = 0; i < n; i++) json_append(list, version_entry(a, name, versions[i]));
    return json_buildf(a, "{'name':%S,'versions':%j,'preferredVersion':%j}", name, list, version_entry(a, name, versions[0]));
}

struct found { struct str group; int priority; struct str versions[16]; size_t n; };
struct aggregated { struct request *r; struct found *v; size_t n; };

static void collect(void *ctx, struct str group, struct str version, int group_priority, int version_priority)
{
    struct aggregated *g = ctx;
    (void)version_priority;
    struct found *f = NULL;
    for (size_t i = 0; i < g->n; i++)
        if (str_eq(g->v[i].group, group)) f = &g->v[i];
    if (!f) {
        g->v = arena_realloc(g->r->a, g->v, g->n * sizeof *g->v, (g->n + 1) * sizeof *g->v);
        f = &g->v[g->n++];
        *f = (struct found){ .group = arena_str(g->r->a, group), .priority = group_priority };
    }
    if (f->n < ARRAY_LEN(f->versions)) f->versions[f->n++] = arena_str(g->r->a, version);
}

static struct aggregated aggregated_groups(struct request *r)
{
    struct aggregated g = { r, NULL, 0 };
    aggregator_each(r->as, collect, &g);
    return g;
}

static struct json *local_groups(struct request *r)
{
    struct json *list = json_new_array(r->a);
    size_t n;
    const struct api_group *g = registry_groups(r->as, r->a, &n);
    for (size_t i = 0; i < n; i++) json_append(list, group_entry(r->a, g[i].name, g[i].versions, g[i].n));
    return list;
}

static void group_list(struct request *r)
{
    struct json *list = local_groups(r);
    struct aggregated g = aggregated_groups(r);
    for (size_t i = 0; i < g.n; i++) json_append(list, group_entry(r->a, g.v[i].group, g.v[i].versions, g.v[i].n));
    respond_json(r, 200, json_buildf(r->a, "{'kind':'APIGroupList','apiVersion':'v1','groups':%j}", list));
}

static void one_group(struct request *r, struct str name)
{
    struct json *j = NULL;
    size_t groups;
    const struct api_group *own = registry_groups(r->as, r->a, &groups);
    for (size_t i = 0; i < groups; i++)
        if (str_eq(own[i].name, name)) j = group_entry(r->a, own[i].name, own[i].versions, own[i].n);
    struct aggregated g = aggregated_groups(r);
    for (size_t i = 0; !j && i < g.n; i++)
        if (str_eq(g.v[i].group, name)) j = group_entry(r->a, g.v[i].group, g.v[i].versions, g.v[i].n);
    if (!j) {
        respond_not_found_page(r);
        return;
    }
    struct json *out = json_buildf(r->a, "{'kind':'APIGroup','apiVersion':'v1'}");
    for (struct json *c = json_first(j), *next; c; c = next) {
        next = json_next(c);
        json_setn(r->a, out, json_key(c), json_copy(r->a, c));
    }
    respond_json(r, 200, out);
}

static void legacy_versions(struct request *r)
{
    struct str address = arena_strf(r->a, "%s:%d", r->as->opt.advertise_ip, r->as->opt.secure_port);
    respond_json(r, 200, json_buildf(r->a,
                                     "{'kind':'APIVersions','versions':['v1'],"
                                     "'serverAddressByClientCIDRs':[{'clientCIDR':'0.0.0.0/0','serverAddress':%S}]}", address));
}

/* ---- aggregated discovery: groups, versions, resources and subresources in one document ---- */
static struct json *kind_entry(struct arena *a, const struct resource *res)
{
    return json_buildf(a, "{'group':%S,'version':%S,'kind':%S}", res->kind.group, res->kind.version, res->kind.kind);
}

static struct json *resource_all(struct request *r, const struct resource *res)
{
    struct arena *a = r->a;
    const struct resource *s;
    size_t cursor = 0;
    struct json *j = json_buildf(a, "{'resource':%S,'responseKind':%j,'scope':%s,'singularResource':%S,'verbs':%j}", res->name,
                                 kind_entry(a, res),
                                 res->namespaced ? "Namespaced" : "Cluster", res->singular, verb_list(a, res));
    struct json *subs = json_new_array(a);
    if (res->short_names.n) json_set(a, j, "shortNames", string_list(a, res->short_names));
    if (res->categories.n) json_set(a, j, "categories", string_list(a, res->categories));
    while ((s = registry_each(r->as, &cursor))) {
        if (!s->subresource.n || s->main != res) continue;
        json_append(subs, json_buildf(a, "{'subresource':%S,'responseKind':%j,'verbs':%j}", s->subresource, kind_entry(a, s),
                                      verb_list(a, s)));
    }
    if (json_len(subs)) json_set(a, j, "subresources", subs);
    return j;
}

static struct json *version_all(struct request *r, struct str group, struct str version)
{
    struct json *list = json_new_array(r->a);
    const struct resource *res;
    size_t cursor = 0;
    while ((res = registry_each(r->as, &cursor)))
        if (!res->subresource.n && str_eq(res->group, group) && str_eq(res->version, version)) json_append(list, resource_all(r, res));
    return json_buildf(r->a, "{'version':%S,'resources':%j,'freshness':'Current'}", version, list);
}

/* A discovery document of an aggregated server (APIResourceList) in the aggregated form; NULL resources: it has not been reached,
 * hence stale. */
static struct json *foreign_version(struct request *r, struct str group, struct str version)
{
    const struct json *known = aggregator_resources(r->as, group, version),
                      *list = json_is(known, JSON_ARRAY) ? known : json_get(known, "resources");
    struct json *out = json_new_array(r->a);
    for (const struct json *c = json_first(list); c; c = json_next(c)) {
        struct str name = json_get_str(c, "name");
        if (str_chr(name, '/') >= 0) continue;
        const struct json *verbs = json_get(c, "verbs");
        struct json *e = json_buildf(r->a,
                                     "{'resource':%S,'responseKind':{'group':%S,'version':%S,'kind':%S},'scope':%s,"
                                     "'singularResource':%S,'verbs':%j}", name, group, version,
                                     json_get_str(c, "kind"), json_get_bool(c, "namespaced", false) ? "Namespaced" : "Cluster",
                                     json_get_str(c, "singularName"),
                                     verbs ? json_copy(r->a, verbs) : json_new_array(r->a));
        static const char *const lists[] = { "shortNames", "categories" };
        for (size_t i = 0; i < ARRAY_LEN(lists); i++)
            if (json_get(c, lists[i])) json_set(r->a, e, lists[i], json_copy(r->a, json_get(c, lists[i])));
        json_append(out, e);
    }
    return json_buildf(r->a, "{'version':%S,'resources':%j,'freshness':%s}", version, out, known ? "Current" : "Stale");
}

static struct json *group_all(struct request *r, struct str name, const struct str *versions, size_t n, bool own)
{
    struct json *list = json_new_array(r->a),
                *meta = name.n ? json_buildf(r->a, "{'name':%S,'creationTimestamp':null}", name)
                : json_buildf(r->a, "{'creationTimestamp':null}");
    for (size_t i = 0; i < n; i++) json_append(list, own ? version_all(r, name, versions[i]) : foreign_version(r, name, versions[i]));
    return json_buildf(r->a, "{'metadata':%j,'versions':%j}", meta, list);
}

static void discovery_all(struct request *r, bool core, const char *version)
{
    struct json *items = json_new_array(r->a);
    struct str v1 = STR("v1");
    size_t n;
    const struct api_group *own = registry_groups(r->as, r->a, &n);
    if (core) json_append(items, group_all(r, STR(""), &v1, 1, true));
    for (size_t i = 0; !core && i < n; i++) json_append(items, group_all(r, own[i].name, own[i].versions, own[i].n, true));
    struct aggregated g = { r, NULL, 0 };
    if (!core) g = aggregated_groups(r);
    for (size_t i = 0; i < g.n; i++) json_append(items, group_all(r, g.v[i].group, g.v[i].versions, g.v[i].n, false));
    struct json *j = json_buildf(r->a, "{'kind':'APIGroupDiscoveryList','apiVersion':%S,'metadata':{},'items':%j}",
                                 arena_strf(r->a, "apidiscovery.k8s.io/%s", version), items);
    const char *type = arena_printf(r->a, "application/json;g=apidiscovery.k8s.io;v=%s;as=APIGroupDiscoveryList", version);
    http_headers_add(r->a, &r->headers, "Vary", STR("Accept"));
    respond_text(r, 200, type, json_text(r->a, j));
}

/* The version asked for, or NULL: v2 (1.30) or v2beta1 (1.26); emulated older versions serve both unless they are bare. */
static const char *aggregated_version(const struct request *r)
{
    struct str accept = http_headers_get(&r->x->headers, "Accept");
    if (r->as->opt.bare && r->as->opt.minor < 26) return NULL;
    while (accept.p) {
        struct str clause = str_token(&accept, ',');
        if (str_find(clause, STR("as=APIGroupDiscoveryList")) < 0) continue;
        return str_find(clause, STR("v=v2beta1")) >= 0 ? "v2beta1" : "v2";
    }
    return NULL;
}

void handle_discovery(struct request *r)
{
    struct str p = r->x->path, parts[4];
    size_t n = 0;
    if (!str_eqc(r->x->method, "GET") && !str_eqc(r->x->method, "HEAD")) {
        struct err err = { 0 };
        err_no_method(&err);
        respond_error(r, &err);
        err_clear(&err);
        return;
    }
    while (p.n && p.p[p.n - 1] == '/') p.n--;
    p = str_sub(p, 1, p.n);
    while (p.p && n < 4) parts[n++] = str_token(&p, '/');
    bool core = str_eqc(parts[0], "api");
    const char *all = n == 1 ? aggregated_version(r) : NULL;
    if (all) discovery_all(r, core, all);
    else if (n == 1 && core) legacy_versions(r);
    else if (n == 1) group_list(r);
    else if (n == 2 && core) group_version(r, STR(""), parts[1]);
    else if (n == 2) one_group(r, parts[1]);
    else if (n == 3 && !core) group_version(r, parts[1], parts[2]);
    else respond_not_found_page(r);
}
