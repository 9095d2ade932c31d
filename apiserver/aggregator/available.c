/* apiserver/aggregator/available.c - is an APIService available? The checks in upstream's order, the first that fails being the
 * answer.
 *
 * Upstream: kube-aggregator pkg/controllers/status/available_controller.go (sync). The Service must exist and listen on the port,
 * its Endpoints must have a ready address, and one of five parallel GETs of the discovery document must succeed. The result is
 * the condition Available, which the proxy and kubectl read.
 */
#include <stdlib.h>

#include "apiserver/aggregator/aggregator_priv.h"
#include "apiserver/registry/registry.h"

struct verdict { const char *status, *reason; struct str message; };
#define BACKOFF_MIN_NS ((int64_t)(5 * NS_PER_MS))
#define BACKOFF_MAX_NS ((int64_t)(30 * NS_PER_S))

/* ---- what came out ---- */
static void write_status(struct apiservice *s, const struct verdict *v)
{
    struct apiserver *as = s->g->as;
    struct arena *a = arena_new();
    struct err err = { 0 };
    const struct resource *res = registry_find(as, STR("apiregistration.k8s.io"), STR("v1"), STR("apiservices"), STR("status"));
    struct object *old = registry_get(as, STR("apiregistration.k8s.io"), STR("apiservices"), STR(""), str_c(s->name)), *out = NULL;
    struct request *r = request_internal(as, a);
    struct write_options o = { .manager = STR("kube-apiserver") };
    if (res && old) {
        struct json *obj = present_json(as, a, res->main, old),
                    *conditions = json_ensure_array(a, json_ensure(a, obj, "status"), "conditions");
        r->res = res;
        r->info.name = str_c(s->name);
        r->info.resource = res->name;
        r->info.subresource = STR("status");
        if (condition_set(a, conditions, "Available", v->status, v->reason, arena_cstr(a, v->message), r->now_ns) &&
            !write_update(r, res, obj, old, &o, &out, &err))
            log_msg(LOG_WARN, "apiserver", "%s: status not written: %s", s->name, err.msg);
    }
    s->available = !strcmp(v->status, "True");
    err_clear(&err);
    object_unref(out);
    object_unref(old);
    arena_free(a);
}

static void settle(struct apiservice *s, const struct verdict *v)
{
    write_status(s, v);
    s->failures = 0;
    timer_stop(&s->retry);
}

/* ---- the discovery probe ---- */
void apiservice_stop_probes(struct apiservice *s)
{
    for (size_t i = 0; i < PROBE_ATTEMPTS; i++) {
        if (s->probes[i].call) http_call_cancel(s->probes[i].call);
        s->probes[i].call = NULL;
    }
    s->probing = 0;
    free(s->probe_url);
    s->probe_url = NULL;
}

static void keep_document(struct apiservice *s, struct str body)
{
    struct arena *a = arena_new();
    struct err err = { 0 };
    struct json *doc = json_parse(a, body, &err);
    err_clear(&err);
    if (!json_is(doc, JSON_OBJECT)) {
        arena_free(a);
        return;
    }
    arena_free(s->doc_arena);
    s->doc_arena = a;
    s->doc = doc;
}

static void discovery_failed(struct apiservice *s, struct str why)
{
    struct verdict v = { "False", "FailedDiscoveryCheck", why };
    write_status(s, &v);
    log_msg(LOG_INFO, "apiserver", "%s failed with: " STR_FMT, s->name, STR_ARG(why));
    int64_t wait = BACKOFF_MIN_NS;
    for (unsigned i = 0; i < s->failures && wait < BACKOFF_MAX_NS; i++) wait *= 2;
    s->failures++;
    timer_start(&s->retry, wait < BACKOFF_MAX_NS ? wait : BACKOFF_MAX_NS);
}

static void on_probe(void *ctx, const struct http_result *res, const struct err *err)
{
    struct probe *p = ctx;
    struct apiservice *s = p->of;
    p->call = NULL;
    s->probing--;
    if (res && res->status >= 200 && res->status < 300) {
        struct verdict v = { "True", "Passed", STR("all checks passed") };
        keep_document(s, res->body);
        apiservice_stop_probes(s);
        settle(s, &v);
        return;
    }
    if (s->probing) return;                        /* the others may still succeed */
    struct arena *a = arena_new();
    struct str why = res ? arena_strf(a, "failing or missing response from %s: bad status from %s: %d", s->probe_url, s->probe_url,
                                      res->status)
                         : arena_strf(a, "failing or missing response from %s: %s", s->probe_url, err->msg);
    apiservice_stop_probes(s);
    discovery_failed(s, why);
    arena_free(a);
}

static void probe(struct apiservice *s, struct str url)
{
    struct arena *a = arena_new();
    struct http_headers h = { 0 };
    apiservice_stop_probes(s);
    http_headers_add(a, &h, "X-Remote-User", STR("system:kube-aggregator"));
    http_headers_add(a, &h, "X-Remote-Group", STR("system:masters"));
    s->probe_url = xstrdup(arena_printf(a, STR_FMT "/apis/" STR_FMT "/" STR_FMT, STR_ARG(url), STR_ARG(s->group),
                                        STR_ARG(s->version)));
    for (size_t i = 0; i < PROBE_ATTEMPTS; i++) {
        struct http_call_options o = { .method = "GET", .url = s->probe_url, .headers = &h, .timeout_ns = (int64_t)(5 * NS_PER_S) };
        s->probing++;
        s->probes[i].call = http_fetch(s->prober, &o, on_probe, &s->probes[i]);
    }
    arena_free(a);
}

/* ---- the checks before it ---- */
static const struct json *port_of(const struct json *service, int port)
{
    for (const struct json *p = json_first(json_path(service, "spec.ports")); p; p = json_next(p))
        if (json_get_int(p, "port", 0) == port) return p;
    return NULL;
}

static bool ready_address(const struct json *endpoints, struct str port_name)
{
    for (const struct json *sub = json_first(json_get(endpoints, "subsets")); sub; sub = json_next(sub)) {
        if (!json_len(json_get(sub, "addresses"))) continue;
        for (const struct json *p = json_first(json_get(sub, "ports")); p; p = json_next(p))
            if (str_eq(json_get_str(p, "name"), port_name)) return true;
    }
    return false;
}

static struct verdict no(struct arena *a, const char *reason, const struct apiservice *s, const char *before, const char *after)
{
    struct str m = arena_strf(a, "%sservice/" STR_FMT " in \"" STR_FMT "\"%s", before, STR_ARG(s->svc_name), STR_ARG(s->svc_ns),
                              after);
    return (struct verdict){ "False", reason, m };
}

/* Only a Service with a cluster address says what it listens on and what is behind it. */
static bool check_service(struct apiservice *s, struct arena *a, const struct json *service, struct verdict *out)
{
    struct str type = json_path_str(service, "spec.type");
    if (type.n && !str_eqc(type, "ClusterIP")) return true;
    const struct json *port = port_of(service, s->port);
    if (!port) {
        *out = no(a, "ServicePortError", s, "", arena_printf(a, " is not listening on port %d", s->port));
        return false;
    }
    struct str name = json_get_str(port, "name");
    struct object *o = registry_get(s->g->as, STR(""), STR("endpoints"), s->svc_ns, s->svc_name);
    bool ready = o && ready_address(object_json(o), name);
    if (!o) *out = no(a, "EndpointsNotFound", s, "cannot find endpoints for ", "");
    else if (!ready)
        *out = no(a, "MissingEndpoints", s, "endpoints for ",
                  arena_printf(a, " have no addresses with port name \"" STR_FMT "\"", STR_ARG(name)));
    object_unref(o);
    return ready;
}

/* --enable-aggregator-routing: past kube-proxy, to one of the ready addresses by chance (apiserver pkg/util/proxy/proxy.go,
 * ResolveEndpoint). */
static bool endpoint_url(struct apiservice *s, struct arena *a, struct str port_name, struct str *out, struct err *err)
{
    struct object *o = registry_get(s->g->as, STR(""), STR("endpoints"), s->svc_ns, s->svc_name);
    for (const struct json *sub = json_first(json_get(o ? object_json(o) : NULL, "subsets")); sub && !out->n; sub = json_next(sub)) {
        const struct json *ready = json_get(sub, "addresses");
        for (const struct json *p = json_first(json_len(ready) ? json_get(sub, "ports") : NULL); p && !out->n; p = json_next(p)) {
            if (!str_eq(json_get_str(p, "name"), port_name)) continue;
            const struct json *one = json_at(ready, rng_below(&s->g->as->rng, json_len(ready)));
            *out = arena_strf(a, "https://" STR_FMT ":%" PRId64, STR_ARG(json_get_str(one, "ip")), json_get_int(p, "port", 0));
        }
    }
    object_unref(o);
    return out->n || err_set(err, ERR_UNAVAILABLE, "no endpoints available for service \"" STR_FMT "\"", STR_ARG(s->svc_name));
}

bool service_url(struct apiservice *s, struct arena *a, struct str *out, struct err *err)
{
    struct object *o = registry_get(s->g->as, STR(""), STR("services"), s->svc_ns, s->svc_name);
    const struct json *spec = o ? json_get(object_json(o), "spec") : NULL;
    struct str ip = json_get_str(spec, "clusterIP"), external = json_get_str(spec, "externalName");
    bool named = str_eqc(json_get_str(spec, "type"), "ExternalName");
    if (!o) err_not_found(err, STR(""), STR("service"), s->svc_name);
    else if (named) *out = arena_strf(a, "https://" STR_FMT ":%d", STR_ARG(external), s->port);
    else if (!ip.n || str_eqc(ip, "None"))
        err_set(err, ERR_UNAVAILABLE, "unable to route to service with ClusterIP \"" STR_FMT "\"", STR_ARG(ip));
    else if (!port_of(object_json(o), s->port))
        err_set(err, ERR_UNAVAILABLE, "no service port %d found for service \"" STR_FMT "\"", s->port, STR_ARG(s->svc_name));
    else if (s->g->as->opt.policy.aggregator_routing)
        endpoint_url(s, a, json_get_str(port_of(object_json(o), s->port), "name"), out, err);
    else *out = arena_strf(a, "https://" STR_FMT ":%d", STR_ARG(ip), s->port);
    bool ok = o && out->n;
    object_unref(o);
    return ok;
}

void apiservice_sync(struct apiservice *s)
{
    struct arena *a = arena_new();
    struct err err = { 0 };
    struct object *o = registry_get(s->g->as, STR(""), STR("services"), s->svc_ns, s->svc_name);
    struct verdict v = no(a, "ServiceNotFound", s, "", " is not present");
    struct str url = STR("");
    if (!o || !check_service(s, a, object_json(o), &v)) {
        apiservice_stop_probes(s);
        settle(s, &v);
    } else if (!service_url(s, a, &url, &err)) {
        discovery_failed(s, arena_str(a, str_c(err.msg)));
    } else if (s->prober) {
        probe(s, url);
    }
    err_clear(&err);
    object_unref(o);
    arena_free(a);
}
