/* apiserver/endpoints/health.c - healthz, livez, readyz with their checks, version, metrics, and the index of paths.
 *
 * Upstream: apiserver pkg/server/healthz/healthz.go, pkg/server/routes/{version,index,metrics}.go.
 */
#include "apiserver/endpoints/endpoints.h"

struct check { const char *name; bool ready_only; };
static const struct check checks[] = {
    { "ping", false }, { "log", false }, { "etcd", false }, { "informer-sync", true },
    { "poststarthook/generic-apiserver-start-informers", false },
    { "poststarthook/start-apiextensions-informers", false }, { "poststarthook/start-apiextensions-controllers", false },
    { "poststarthook/crd-informer-synced", false }, { "poststarthook/bootstrap-controller", false },
    { "poststarthook/rbac/bootstrap-roles", false },
    { "poststarthook/scheduling/bootstrap-system-priority-classes", false },
    { "poststarthook/start-cluster-authentication-info-controller", false },
    { "poststarthook/start-kube-aggregator-informers", false }, { "poststarthook/apiservice-registration-controller", false },
    { "poststarthook/apiservice-status-available-controller", false }, { "poststarthook/kube-apiserver-autoregistration", false },
    { "autoregister-completion", false },
    { "poststarthook/apiservice-openapi-controller", false }, { "shutdown", true },
};

/* The store answers for etcd; the hooks for themselves. */
static bool check_ok(struct apiserver *as, const struct check *c)
{
    if (!strcmp(c->name, "etcd")) return apiserver_storage_up(as) && store_healthy(as->store, NULL);
    return strncmp(c->name, "poststarthook/", 14) != 0 || apiserver_ready(as);
}

static bool excluded(const struct request *r, const char *name)
{
    for (size_t i = 0; i < r->x->query.n; i++)
        if (str_eqc(r->x->query.v[i].name, "exclude") && str_eqc(r->x->query.v[i].value, name)) return true;
    return false;
}

static void report(struct request *r, const char *endpoint)
{
    struct strbuf out;
    bool ok = true, ready = !strcmp(endpoint, "readyz");
    strbuf_init(&out, 8192);
    for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
        if (checks[i].ready_only && !ready) continue;
        bool skip = excluded(r, checks[i].name), good = skip || check_ok(r->as, &checks[i]);
        ok &= good;
        if (skip) strbuf_addf(&out, "[+]%s excluded: ok\n", checks[i].name);
        else if (good) strbuf_addf(&out, "[+]%s ok\n", checks[i].name);
        else strbuf_addf(&out, "[-]%s failed: reason withheld\n", checks[i].name);
    }
    bool verbose = query_has(&r->x->query, "verbose");
    if (ok && !verbose) strbuf_reset(&out);
    if (ok && verbose) strbuf_addf(&out, "%s check passed\n", endpoint);
    else if (ok) strbuf_addc(&out, "ok");
    else strbuf_addf(&out, "%s check failed\n", endpoint);
    http_headers_add(r->a, &r->headers, "X-Content-Type-Options", STR("nosniff"));
    respond_text(r, ok ? 200 : 500, "text/plain; charset=utf-8", strbuf_str(&out));
    strbuf_deinit(&out);
}

static bool one_check(struct request *r, struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
        if (!str_eqc(name, checks[i].name)) continue;
        bool ok = check_ok(r->as, &checks[i]);
        struct str text = ok ? STR("ok") : STR("internal server error: reason withheld\n");
        respond_text(r, ok ? 200 : 500, "text/plain; charset=utf-8", text);
        return true;
    }
    return false;
}

static void version(struct request *r)
{
    static const struct { int minor; const char *go, *date, *commit; } builds[] = {
        { 16, "go1.13.6", "2020-01-15T08:18:29Z", "72c30166b2105cd7d3350f2c28a219e6abcd79eb" },
        { 20, "go1.15.5", "2021-01-13T13:20:00Z", "faecb196815e248d3ecfb03c680a4507229c2a56" },
        { 34, "go1.24.6", "2025-08-27T10:15:59Z", "f28b4c9efbca5c5c0af716d9f2d5702667ee8a45" } };
    size_t i = 0;
    while (i + 1 < ARRAY_LEN(builds) && builds[i].minor != r->as->opt.minor) i++;
    struct json *j = json_buildf(r->a,
                                 "{'major':'1','minor':%S,'gitVersion':%s,'gitCommit':%s,'gitTreeState':'clean','buildDate':%s,"
                                 "'goVersion':%s,'compiler':'gc','platform':'linux/amd64'}",
                                 arena_strf(r->a, "%d", r->as->opt.minor), r->as->opt.git_version, builds[i].commit,
                                 builds[i].date, builds[i].go);
    struct strbuf out;                                           /* always indented, as upstream's WriteRawJSON */
    strbuf_init(&out, 4096);
    json_write(&out, j, JSON_PRETTY);
    respond_text(r, 200, "application/json", strbuf_str(&out));
    strbuf_deinit(&out);
}

static void metrics(struct request *r)
{
    struct apiserver *as = r->as;
    const struct registry *g = as->registry;
    struct strbuf out;
    strbuf_init(&out, 1 << 20);
    strbuf_addc(&out, "# HELP apiserver_storage_objects Number of stored objects at the time of last check split by kind.\n# TYPE "
                      "apiserver_storage_objects gauge\n");
    for (size_t i = 0; i < g->n; i++) {
        const struct resource *res = &g->v[i];
        if (res->subresource.n || !(res->verbs & VERB_LIST) || registry_find_any(as, res->group, res->name) != res) continue;
        strbuf_addf(&out, "apiserver_storage_objects{resource=\"" STR_FMT "%s" STR_FMT "\"} %zu\n", STR_ARG(res->name),
                    res->group.n ? "." : "", STR_ARG(res->group),
                    store_count(as->store, resource_prefix(r->a, res, STR(""))));
    }
    size_t watches = 0;
    list_for(it, &as->watches->watches) watches++;
    strbuf_addf(&out, "# HELP apiserver_longrunning_requests Gauge of all active long-running apiserver requests.\n# TYPE "
                      "apiserver_longrunning_requests gauge\n"
                "apiserver_longrunning_requests{verb=\"WATCH\"} %zu\n", watches);
    strbuf_addf(&out, "# HELP kubernetes_build_info A metric with a constant '1' value labeled by major, minor, git version.\n# "
                      "TYPE kubernetes_build_info gauge\n"
                "kubernetes_build_info{gitVersion=\"%s\",major=\"1\",minor=\"%d\"} 1\n", as->opt.git_version, as->opt.minor);
    respond_text(r, 200, "text/plain; version=0.0.4; charset=utf-8", strbuf_str(&out));
    strbuf_deinit(&out);
}

/* The paths: for "/" those of the whole server; for a path that nobody knows, before 1.22, those of the last server of the
 * delegation chain, which is the one for custom resources (hence the short list). */
static const char *const extension_paths[] = {
    "/apis", "/apis/", "/apis/apiextensions.k8s.io", "/apis/apiextensions.k8s.io/v1", "/apis/apiextensions.k8s.io/v1beta1",
        "/healthz", "/healthz/etcd", "/healthz/log",
    "/healthz/ping", "/healthz/poststarthook/crd-informer-synced", "/healthz/poststarthook/generic-apiserver-start-informers",
    "/healthz/poststarthook/priority-and-fairness-config-consumer", "/healthz/poststarthook/priority-and-fairness-filter",
    "/healthz/poststarthook/start-apiextensions-controllers", "/healthz/poststarthook/start-apiextensions-informers", "/livez",
    "/livez/etcd", "/livez/log", "/livez/ping",
    "/livez/poststarthook/crd-informer-synced", "/livez/poststarthook/generic-apiserver-start-informers",
    "/livez/poststarthook/priority-and-fairness-config-consumer",
    "/livez/poststarthook/priority-and-fairness-filter", "/livez/poststarthook/start-apiextensions-controllers",
    "/livez/poststarthook/start-apiextensions-informers",
    "/metrics", "/openapi/v2", "/readyz", "/readyz/etcd", "/readyz/informer-sync", "/readyz/log", "/readyz/ping",
    "/readyz/poststarthook/crd-informer-synced",
    "/readyz/poststarthook/generic-apiserver-start-informers", "/readyz/poststarthook/priority-and-fairness-config-consumer",
    "/readyz/poststarthook/priority-and-fairness-filter", "/readyz/poststarthook/start-apiextensions-controllers",
    "/readyz/poststarthook/start-apiextensions-informers",
    "/readyz/shutdown", "/version",
};

static struct json *all_paths(struct request *r)
{
    struct json *list = json_buildf(r->a, "['/api','/api/v1','/apis','/apis/']");
    size_t n;
    const struct api_group *g = registry_groups(r->as, r->a, &n);
    for (size_t k = 0; k < n; k++) {
        json_append(list, json_new_str(r->a, arena_strf(r->a, "/apis/" STR_FMT, STR_ARG(g[k].name))));
        for (size_t i = 0; i < g[k].n; i++)
            json_append(list, json_new_str(r->a,
                                           arena_strf(r->a, "/apis/" STR_FMT "/" STR_FMT, STR_ARG(g[k].name),
                                                      STR_ARG(g[k].versions[i]))));
    }
    static const char *const rest[] = { "/healthz", "/livez", "/metrics", "/openapi/v2", "/readyz", "/version" };
    for (size_t i = 0; i < ARRAY_LEN(rest); i++) json_append(list, json_new_strc(r->a, rest[i]));
    return list;
}

void respond_index(struct request *r, int status)
{
    struct json *list = json_new_array(r->a);
    bool fairness = r->as->opt.minor >= 18;
    for (size_t i = 0; status == 404 && i < ARRAY_LEN(extension_paths); i++)
        if (fairness || !strstr(extension_paths[i], "priority-and-fairness"))
            json_append(list, json_new_strc(r->a, extension_paths[i]));
    if (status != 404) list = all_paths(r);
    struct strbuf out;
    strbuf_init(&out, 1 << 16);
    json_write(&out, json_buildf(r->a, "{'paths':%j}", list), JSON_PRETTY);
    respond_text(r, status, "application/json", strbuf_str(&out));
    strbuf_deinit(&out);
}

static void no_method(struct request *r)
{
    struct err err = { 0 };
    err_no_method(&err);
    respond_error(r, &err);
    err_clear(&err);
}

bool handle_health(struct request *r)
{
    static const char *const endpoints[] = { "healthz", "livez", "readyz" };
    struct str p = r->x->path;
    for (size_t i = 0; i < ARRAY_LEN(endpoints); i++) {
        struct str root = arena_strf(r->a, "/%s", endpoints[i]);
        if (str_eq(p, root) || (str_starts(p, root.p) && p.n == root.n + 1 && p.p[root.n] == '/')) {
            report(r, endpoints[i]);
            return true;
        }
        if (str_starts(p, arena_printf(r->a, "/%s/", endpoints[i]))) return one_check(r, str_sub(p, root.n + 1, p.n));
    }
    if ((str_eqc(p, "/version") || str_eqc(p, "/version/")) && str_eqc(r->x->method, "GET")) version(r);
    else if (str_eqc(p, "/version") || str_eqc(p, "/version/")) no_method(r);
    else if (str_eqc(p, "/metrics")) metrics(r);
    else if (str_eqc(p, "/")) respond_index(r, 200);
    else return false;
    return true;
}
