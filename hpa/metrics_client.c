/* hpa/metrics_client.c - samples from the metrics APIs (pkg/controller/podautoscaler/metrics/client.go).
 *
 * metrics.k8s.io is an aggregated API: the request goes to the API server, which hands it to whatever serves the
 * APIService. custom.metrics.k8s.io and external.metrics.k8s.io are asked the same way, and in the lab answer that they
 * are not there. A pod's sample is the sum of its containers'; a container without the resource makes the pod a pod
 * without a sample.
 */
#include "hpa/hpa_priv.h"

#include <stdlib.h>

struct metrics_fetch {
    struct client      *client;
    struct client_call *call;
    struct arena       *a;
    int                 minor;
    struct str          ns, selector;
    struct metric_call *out;
    void              (*done)(void *ctx);
    void               *ctx;
};

/* ---- reading ---- */
static bool sum_pod(const struct raw_metrics *m, int64_t *milli)
{
    *milli = 0;
    for (size_t i = 0; i < m->n; i++) {
        if (!m->v[i].has)
            return false;
        *milli = hpa_go_add(*milli, m->v[i].milli);
    }
    return m->n > 0;
}

static const struct raw_container *container_of_pod(const struct raw_metrics *m, struct str name)
{
    for (size_t i = 0; i < m->n; i++)
        if (str_eq(m->v[i].name, name))
            return &m->v[i];
    return NULL;
}

void samples_from_raw(struct arena *a, int minor, const struct raw_metrics *raw, size_t n, struct str container,
                      struct samples *out, const char **error)
{
    samples_init(out, a);
    if (n == 0) {
        *error = "no metrics returned from resource metrics API";
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const struct raw_metrics *m = &raw[i];
        const struct raw_container *c = container.n ? container_of_pod(m, container) : NULL;
        int64_t milli = c ? c->milli : 0;
        if (container.n && !c && minor < 32) {     /* one such pod spoiled it all */
            *error = arena_printf(a, "failed to get container metrics: container " STR_FMT
                                     " not present in metrics for pod " STR_FMT "/" STR_FMT,
                                  STR_ARG(container),
                                  STR_ARG(m->ns), STR_ARG(m->pod));
            return;
        }
        if (container.n ? c && c->has : sum_pod(m, &milli))
            samples_put(out, m->pod, milli, m->at_ns, m->window_ns);
    }
}

static struct raw_metrics *read_list(struct arena *a, const struct json *items, const char *resource)
{
    struct raw_metrics *out = arena_zalloc(a, (json_len(items) + 1) * sizeof *out), *m = out;
    for (const struct json *item = json_first(items); item; item = json_next(item), m++) {
        *m = (struct raw_metrics){
            .ns = arena_str(a, meta_namespace(item)), .pod = arena_str(a, meta_name(item)), .at_ns = INT64_MIN / 2
        };
        time_parse_rfc3339(json_get_str(item, "timestamp"), &m->at_ns);
        duration_parse_go(json_get_str(item, "window"), &m->window_ns);
        const struct json *containers = json_get(item, "containers");
        m->v = arena_zalloc(a, (json_len(containers) + 1) * sizeof *m->v);
        for (const struct json *c = json_first(containers); c; c = json_next(c)) {
            const struct json *v = json_get(json_get(c, "usage"), resource);
            m->v[m->n++] = (struct raw_container){ arena_str(a, json_get_str(c, "name")), v && !json_is(v, JSON_NULL),
                                                   quantity_json_milli(v, 0) };
        }
    }
    return out;
}

/* ---- asking ---- */
static void finish(struct metrics_fetch *f)
{
    void (*done)(void *) = f->done;
    void *ctx = f->ctx;
    free(f);
    done(ctx);
}

/* The error of an API as client-go words it; what: "get pods.metrics.k8s.io". */
static const char *api_error(struct metrics_fetch *f, const struct client_result *r, const struct err *err, const char *what)
{
    struct err own = { 0 };
    if (r->http_status == 0)
        return arena_strdup(f->a, err->msg);
    status_to_err(r->http_status, r->body, what, &own);
    const char *text = arena_strdup(f->a, own.msg);
    err_clear(&own);
    return text;
}

static void resource_answered(void *ctx, const struct client_result *r, const struct err *err)
{
    struct metrics_fetch *f = ctx;
    if (err->code != ERR_NONE)
        f->out->error = arena_printf(f->a, "unable to fetch metrics from resource metrics API: %s",
                                     api_error(f, r, err, "get pods.metrics.k8s.io"));
    else
        samples_from_raw(f->a, f->minor, read_list(f->a, json_get(r->obj, "items"), f->out->resource),
                         json_len(json_get(r->obj, "items")), f->out->container, &f->out->samples, &f->out->error);
    finish(f);
}

static const char *selector_query(struct arena *a, struct str selector, const char *key, const char *join)
{
    return selector.n ? arena_printf(a, "%s%s=" STR_FMT, join, key, STR_ARG(percent_encode(a, selector))) : "";
}

/* ---- custom metrics: the version by discovery, then the values ---- */
static const struct json *metric_of(const struct metric_call *c)
{
    return json_get(json_get(c->spec, c->kind == CALL_PODS ? "pods" : c->kind == CALL_OBJECT ? "object" : "external"), "metric");
}

static struct str metric_selector(struct arena *a, const struct json *metric)
{
    const struct json *j = json_get(metric, "selector");
    struct selector *s = json_is(j, JSON_OBJECT) ? selector_from_json(a, j, NULL) : NULL;
    return s ? selector_text(a, s) : STR_NULL;
}

static void values_answered(void *ctx, const struct client_result *r, const struct err *err)
{
    struct metrics_fetch *f = ctx;
    struct metric_call *out = f->out;
    const struct json *items = json_get(r->obj, "items");
    const char *which = out->kind == CALL_EXTERNAL ? "external" : "custom";
    const char *what = arena_printf(f->a, "get " STR_FMT ".%s.metrics.k8s.io", STR_ARG(json_get_str(metric_of(out), "name")),
                                    which);
    if (err->code != ERR_NONE) {
        out->error = arena_printf(f->a, "unable to fetch metrics from %s metrics API: %s", which, api_error(f, r, err, what));
    } else if (json_len(items) == 0) {
        out->error = arena_printf(f->a, "no metrics returned from %s metrics API", which);
    } else {
        samples_init(&out->samples, f->a);
        out->values = arena_zalloc(f->a, json_len(items) * sizeof *out->values);
        for (const struct json *i = json_first(items); i; i = json_next(i)) {
            int64_t milli = quantity_json_milli(json_get(i, "value"), 0), at_ns = INT64_MIN / 2;
            time_parse_rfc3339(json_get_str(i, "timestamp"), &at_ns);
            int64_t window_s = json_get_int(i, out->kind == CALL_PODS ? "windowSeconds" : "window", 60);
            samples_put(&out->samples, arena_str(f->a, json_path_str(i, "describedObject.name")), milli, at_ns,
                        window_s * SECOND_NS);
            out->values[out->value_count++] = milli;
        }
        out->value = out->values[0];
    }
    finish(f);
}

static const char *custom_path(struct metrics_fetch *f, struct str version)
{
    struct arena *a = f->a;
    const struct json *metric = metric_of(f->out), *object = json_path(f->out->spec, "object.describedObject");
    struct str name = percent_encode(a, json_get_str(metric, "name"));
    const char *base = arena_printf(a, "/apis/custom.metrics.k8s.io/" STR_FMT "/namespaces/" STR_FMT, STR_ARG(version),
                                    STR_ARG(f->ns));
    const char *by_metric = selector_query(a, metric_selector(a, metric), "metricLabelSelector",
                                           f->out->kind == CALL_PODS ? "&" : "?");
    if (f->out->kind == CALL_PODS)
        return arena_printf(a, "%s/pods/%%2A/" STR_FMT "%s%s", base, STR_ARG(name),
                            selector_query(a, f->selector, "labelSelector", "?"), by_metric);
    struct gvk gvk;
    gvk_parse(json_get_str(object, "apiVersion"), json_get_str(object, "kind"), &gvk);
    /* a guess, as meta.UnsafeGuessKindToResource makes it for regular nouns */
    char *plural = arena_printf(a, STR_FMT "s", STR_ARG(gvk.kind));
    for (char *p = plural; *p; p++)
        *p = *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a') : *p;
    return arena_printf(a, "%s/%s%s" STR_FMT "/" STR_FMT "/" STR_FMT "%s", base, plural, gvk.group.n ? "." : "",
                        STR_ARG(gvk.group), STR_ARG(json_get_str(object, "name")), STR_ARG(name), by_metric);
}

static void custom_group_answered(void *ctx, const struct client_result *r, const struct err *err)
{
    struct metrics_fetch *f = ctx;
    struct str version = json_path_str(r->obj, "preferredVersion.version");
    if (err->code == ERR_NONE && version.n) {
        f->call = client_get(f->client, custom_path(f, version), values_answered, f);
        return;
    }
    const char *text = err->code == ERR_NOT_FOUND || err->code == ERR_NONE
                           ? "no custom metrics API (custom.metrics.k8s.io) registered"
                           : api_error(f, r, err, "get custom.metrics.k8s.io");
    f->out->error = arena_printf(f->a, "unable to fetch metrics from custom metrics API: %s", text);
    finish(f);
}

struct metrics_fetch *metrics_fetch_start(struct client *c, struct arena *a, int minor, struct str ns, struct str selector,
                                          struct metric_call *call, void (*done)(void *ctx), void *ctx)
{
    struct metrics_fetch *f = NEW(struct metrics_fetch);
    *f = (struct metrics_fetch){
        .client = c, .a = a, .minor = minor, .ns = ns, .selector = selector, .out = call, .done = done, .ctx = ctx
    };
    const struct json *metric = metric_of(call);
    struct str name = percent_encode(a, json_get_str(metric, "name"));
    ASSERT(call->kind != CALL_NONE);
    if (call->kind == CALL_RESOURCE)
        f->call = client_get(c,
                             arena_printf(a, "%s%s", client_path(a, "metrics.k8s.io/v1beta1", "pods", ns, STR_NULL, NULL),
                                          selector_query(a, selector, "labelSelector", "?")),
                             resource_answered, f);
    else if (call->kind == CALL_EXTERNAL)
        f->call = client_get(c,
                             arena_printf(a, "/apis/external.metrics.k8s.io/v1beta1/namespaces/" STR_FMT "/" STR_FMT "%s",
                                          STR_ARG(ns), STR_ARG(name),
                                          selector_query(a, metric_selector(a, metric), "labelSelector", "?")),
                             values_answered, f);
    else
        f->call = client_get(c, "/apis/custom.metrics.k8s.io", custom_group_answered, f);
    return f;
}

void metrics_fetch_cancel(struct metrics_fetch *f)
{
    client_cancel(f->call);
    free(f);
}
