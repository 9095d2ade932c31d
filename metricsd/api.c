/* metricsd/api.c - the server's HTTP face: health, discovery and metrics.k8s.io/v1beta1, each request authenticated and
 * authorized by the API server.
 *
 * Upstream: pkg/apiserver/generic, pkg/storage, and the generic API server of release 1.14. Every path, discovery and
 * health included, is judged by a SubjectAccessReview. Tables are not spoken: kubectl prints NAME and AGE itself.
 */
#include "metricsd/metricsd_priv.h"

enum { REQUEST_CPU_NS = 400 * 1000 };
#define GROUP_PATH   "/apis/metrics.k8s.io"
#define VERSION_PATH GROUP_PATH "/v1beta1"

typedef void route_fn(struct api_request *r);
static route_fn get_ok, get_health, get_health_check, get_metrics;
#define VERSION_ENTRY "{'groupVersion':'metrics.k8s.io/v1beta1','version':'v1beta1'}"
#define GROUP_MEMBERS "'name':'metrics.k8s.io','versions':[" VERSION_ENTRY "],'preferredVersion':" VERSION_ENTRY
#define GROUP     "{'kind':'APIGroup','apiVersion':'v1'," GROUP_MEMBERS "}"
#define RESOURCES "{'kind':'APIResourceList','apiVersion':'v1','groupVersion':'metrics.k8s.io/v1beta1','resources':["                 \
                  "{'name':'nodes','singularName':'','namespaced':false,'kind':'NodeMetrics','verbs':['get','list']},"              \
                  "{'name':'pods','singularName':'','namespaced':true,'kind':'PodMetrics','verbs':['get','list']}]}"
/* Paths that are no resources: a document that never changes, or who answers. */
static const struct route { const char *path, *document; route_fn *run;
} routes[] = {
    { "/",
      "{'paths':['/apis','/apis/metrics.k8s.io','/apis/metrics.k8s.io/v1beta1','/healthz','/healthz/healthz','/healthz/log',"
      "'/healthz/ping','/healthz/poststarthook/generic-apiserver-start-informers','/metrics','/openapi/v2','/version']}",
      NULL },
    { "/apis", "{'kind':'APIGroupList','apiVersion':'v1','groups':[{" GROUP_MEMBERS "}]}", NULL },
    { GROUP_PATH, GROUP, NULL },
    { GROUP_PATH "/", GROUP, NULL },
    { VERSION_PATH, RESOURCES, NULL },
    { VERSION_PATH "/", RESOURCES, NULL },
    { "/healthz", NULL, get_health },
    { "/healthz/healthz", NULL, get_health_check },
    { "/healthz/log", NULL, get_ok },
    { "/healthz/ping", NULL, get_ok },
    { "/healthz/poststarthook/generic-apiserver-start-informers", NULL, get_ok },
    { "/version",
      "{'major':'','minor':'','gitVersion':'v0.0.0-master+$Format:%%h$','gitCommit':'','gitTreeState':'',"
      "'buildDate':'1970-01-01T00:00:00Z','goVersion':'go1.10.3','compiler':'gc','platform':'linux/amd64'}",
      NULL },
    { "/metrics", NULL, get_metrics },
};

/* ---- answers ---- */
void metricsd_api_respond(struct api_request *r, int status, const struct json *j)
{
    struct strbuf out;
    struct str agent = http_headers_get(&r->x->headers, "User-Agent");
    bool pretty = query_bool(&r->x->query, "pretty") || str_starts(agent, "curl/") || str_starts(agent, "Mozilla/") ||
                  str_starts(agent, "Wget/");
    strbuf_init(&out, LIMIT_RESPONSE_BYTES);
    json_write(&out, j, pretty ? JSON_PRETTY : 0);
    if (!pretty)
        strbuf_addch(&out, '\n');
    http_respond(r->x, status, NULL, "application/json", strbuf_str(&out));
    strbuf_deinit(&out);
}

void metricsd_api_error(struct api_request *r, const struct err *err)
{
    struct json *status = json_parse(r->x->arena, status_text(r->x->arena, err), NULL);
    metricsd_api_respond(r, err_http(err->code), status);
}

struct json *metricsd_api_usage(struct arena *a, int64_t cpu_nanocores, int64_t memory_bytes)
{
    return json_buildf(a, "{'cpu':%S,'memory':%S}", quantity_text(a, quantity_from_nano(cpu_nanocores, QUANTITY_DECIMAL_SI)),
                       quantity_text(a, quantity_from_int(memory_bytes, QUANTITY_BINARY_SI)));
}

bool metricsd_api_selected(const struct api_request *r, const struct json *obj)
{
    if (!selector_matches(r->labels, meta_labels(obj)))
        return false;
    for (size_t i = 0; i < r->fields.n; i++) {
        const struct field_term *t = &r->fields.v[i];
        struct str have = str_eqc(t->key, "metadata.name") ? meta_name(obj) : meta_namespace(obj);
        if (str_eq(have, t->value) == t->not_equal)
            return false;
    }
    return true;
}

/* ---- health and figures of its own ---- */
static void get_ok(struct api_request *r)
{
    http_respond(r->x, 200, NULL, "text/plain; charset=utf-8", STR("ok"));
}

static void get_health(struct api_request *r)
{
    const char *why;
    if (scraper_healthy(r->m->scraper, &why))
        get_ok(r);
    else
        http_respond(
            r->x, 500, NULL, "text/plain; charset=utf-8",
            STR("[+]ping ok\n[+]log ok\n[+]poststarthook/generic-apiserver-start-informers ok\n"
                "[-]healthz failed: reason withheld\nhealthz check failed\n"));
}

static void get_health_check(struct api_request *r)
{
    const char *why;
    if (scraper_healthy(r->m->scraper, &why))
        get_ok(r);
    else
        http_respond(r->x, 500, NULL, "text/plain; charset=utf-8", arena_strf(r->x->arena, "internal server error: %s\n", why));
}

static void get_metrics(struct api_request *r)
{
    struct arena *a = r->x->arena;
    const struct json *c = scraper_counters(r->m->scraper, a);
    struct str text = arena_strf(
        a,
        "# HELP metrics_server_kubelet_summary_scrapes_total Total number of attempted Summary API scrapes done by Metrics Server\n"
        "# TYPE metrics_server_kubelet_summary_scrapes_total counter\n"
        "metrics_server_kubelet_summary_scrapes_total{success=\"false\"} %" PRId64 "\n"
        "metrics_server_kubelet_summary_scrapes_total{success=\"true\"} %" PRId64 "\n"
        "# HELP metrics_server_scraper_last_time_seconds Last time metrics-server performed a scrape since unix epoch in seconds.\n"
        "# TYPE metrics_server_scraper_last_time_seconds gauge\n"
        "metrics_server_scraper_last_time_seconds{source=\"kubelet_summary\"} %" PRId64 "\n",
        json_get_int(c, "failure", 0), json_get_int(c, "success", 0), json_get_int(c, "last_ns", 0) / (int64_t)NS_PER_S);
    http_respond(r->x, 200, NULL, "text/plain; version=0.0.4", text);
}

/* ---- resources ---- */
struct target { bool is_resource, pods; struct str ns, name; };

static struct target parse_path(struct str path)
{
    struct target t = { 0 };
    if (!str_starts(path, VERSION_PATH "/"))
        return t;
    struct str rest = str_sub(path, strlen(VERSION_PATH "/"), path.n), head = str_token(&rest, '/');
    if (str_eqc(head, "namespaces") && rest.p) {
        t.ns = str_token(&rest, '/');
        head = rest.p ? str_token(&rest, '/') : STR_NULL;
        t.pods = t.is_resource = str_eqc(head, "pods");
    } else {
        t.pods = str_eqc(head, "pods");
        t.is_resource = t.pods || str_eqc(head, "nodes");
    }
    t.name = rest.p ? str_token(&rest, '/') : STR_NULL;
    t.is_resource = t.is_resource && !rest.p;
    return t;
}

static bool selectors(struct api_request *r, struct err *err)
{
    r->labels = selector_parse(r->x->arena, query_get(&r->x->query, "labelSelector"), err);
    return r->labels && field_selector_parse(r->x->arena, query_get(&r->x->query, "fieldSelector"), &r->fields, err);
}

static void serve_resource(struct api_request *r, const struct target *t)
{
    struct err err = { 0 };
    r->ns = t->ns;
    r->name = t->name;
    if (!str_eqc(r->x->method, "GET"))
        err_set(&err, ERR_METHOD_NOT_ALLOWED, "the server does not allow this method on the requested resource");
    else if (query_bool(&r->x->query, "watch"))
        err_set(&err, ERR_METHOD_NOT_ALLOWED, "watch is not supported on resources of kind \"%s.metrics.k8s.io\"",
                t->pods ? "pods" : "nodes");
    else if (selectors(r, &err)) {
        (t->name.n ? (t->pods ? metricsd_api_pod_get : metricsd_api_node_get)
                   : (t->pods ? metricsd_api_pod_list : metricsd_api_node_list))(r);
        return;
    }
    metricsd_api_error(r, &err);
    err_clear(&err);
}

static void serve(struct api_request *r, const struct target *t)
{
    if (t->is_resource) {
        serve_resource(r, t);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(routes); i++)
        if (str_eqc(r->x->path, routes[i].path)) {
            if (routes[i].document)
                metricsd_api_respond(r, 200, json_buildf(r->x->arena, routes[i].document));
            else
                routes[i].run(r);
            return;
        }
    http_respond(r->x, 404, NULL, "text/plain; charset=utf-8", STR("404 page not found\n"));
}

/* ---- who, and whether ---- */
static void forbidden(struct api_request *r, const struct target *t, const struct delegated_user *u)
{
    struct err err = { 0 };
    const char *verb = t->name.n ? "get" : "list", *resource = t->pods ? "pods" : "nodes";
    struct str scope = t->ns.n ? arena_strf(r->x->arena, "in the namespace \"" STR_FMT "\"", STR_ARG(t->ns))
                               : STR("at the cluster scope");
    if (t->is_resource)
        err_set(&err, ERR_FORBIDDEN,
                "%s.metrics.k8s.io is forbidden: User \"" STR_FMT
                "\" cannot %s resource \"%s\" in API group \"metrics.k8s.io\" " STR_FMT,
                resource, STR_ARG(u->name), verb, resource, STR_ARG(scope));
    else
        err_set(&err, ERR_FORBIDDEN, "forbidden: User \"" STR_FMT "\" cannot get path \"" STR_FMT "\"", STR_ARG(u->name),
                STR_ARG(r->x->path));
    metricsd_api_error(r, &err);
    err_clear(&err);
}

static void checked(void *ctx, struct http_exchange *x, const struct delegated_user *u, int status, const char *reason)
{
    struct api_request r = { .x = x, .m = ctx };
    struct target t = parse_path(x->path);
    struct err err = { 0 };
    metricsd_spend(r.m, REQUEST_CPU_NS);
    if (status == 200) {
        serve(&r, &t);
    } else if (status == 403) {
        forbidden(&r, &t, u);
    } else {
        err_set(&err, status == 401 ? ERR_UNAUTHORIZED : ERR_INTERNAL, "%s", status == 401 ? "Unauthorized" : reason);
        metricsd_api_error(&r, &err);
        err_clear(&err);
    }
}

void metricsd_api_handle(void *ctx, struct http_exchange *x)
{
    struct metricsd *m = ctx;
    struct target t = parse_path(x->path);
    struct arena *a = x->arena;
    struct delegated_attributes at = { .is_resource = t.is_resource,
                                       .verb = t.is_resource && !t.name.n ? "list" : "get",
                                       .path = arena_cstr(a, x->path) };
    if (t.is_resource) {
        at.ns = arena_cstr(a, t.ns);
        at.group = "metrics.k8s.io";
        at.version = "v1beta1";
        at.resource = t.pods ? "pods" : "nodes";
        at.name = arena_cstr(a, t.name);
    }
    delegated_auth_check(m->auth, x, &at, checked, m);
}
