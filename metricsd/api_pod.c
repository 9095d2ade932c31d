/* metricsd/api_pod.c - PodMetrics: Running pods of the informer with figures from the last tick
 * (pkg/storage/podmetrics/reststorage.go). */
#include "metricsd/metricsd_priv.h"

static struct json *pod_metrics(struct api_request *r, const struct json *pod, const struct pod_point *p, bool in_list)
{
    struct arena *a = r->x->arena;
    struct str ns = meta_namespace(pod), name = meta_name(pod);
    struct json *j = in_list ? json_new_object(a)
                             : json_buildf(a, "{'kind':'PodMetrics','apiVersion':'metrics.k8s.io/v1beta1'}"),
                *containers = json_new_array(a);
    json_set(a, j, "metadata",
             json_buildf(a, "{'name':%S,'namespace':%S,'selfLink':%S,'creationTimestamp':%S}", name, ns,
                         arena_strf(a, "/apis/metrics.k8s.io/v1beta1/namespaces/" STR_FMT "/pods/" STR_FMT, STR_ARG(ns),
                                    STR_ARG(name)),
                         time_rfc3339(a, vtime_now(r->m->loop))));
    json_set_str(a, j, "timestamp", time_rfc3339(a, p->time_ns));
    json_set_strc(a, j, "window", "30s");
    for (size_t i = 0; i < p->count; i++)
        json_append(containers, json_buildf(a, "{'name':%S,'usage':%j}", p->containers[i].name,
                                            metricsd_api_usage(a, p->containers[i].point.cpu_nanocores,
                                                               p->containers[i].point.memory_bytes)));
    json_set(a, j, "containers", containers);
    return j;
}

static const struct pod_point *point_of(struct api_request *r, struct str key)
{
    const struct pod_point *p = map_get(scraper_batch(r->m->scraper)->pods, key);
    if (!p)
        metricsd_klog(r->m, 'E', "reststorage.go:160",
                      "unable to fetch pod metrics for pod " STR_FMT ": no metrics known for pod", STR_ARG(key));
    return p;
}

static bool running(const struct json *pod)
{
    return str_eqc(json_path_str(pod, "status.phase"), "Running");
}

void metricsd_api_pod_list(struct api_request *r)
{
    struct arena *a = r->x->arena;
    struct json *items = json_new_array(a);
    size_t cursor = 0;
    for (struct object *o; informer_next(r->m->pods, &cursor, &o);) {
        const struct json *pod = object_json(o);
        if ((r->ns.n && !str_eq(r->ns, meta_namespace(pod))) || !metricsd_api_selected(r, pod) || !running(pod))
            continue;
        const struct pod_point *p = point_of(r, meta_key(a, pod));
        if (p)
            json_append(items, pod_metrics(r, pod, p, true));
    }
    struct str link = r->ns.n ? arena_strf(a, "/apis/metrics.k8s.io/v1beta1/namespaces/" STR_FMT "/pods", STR_ARG(r->ns))
                              : STR("/apis/metrics.k8s.io/v1beta1/pods");
    metricsd_api_respond(
        r, 200,
        json_buildf(a,
                    "{'kind':'PodMetricsList','apiVersion':'metrics.k8s.io/v1beta1','metadata':{'selfLink':%S},'items':%j}",
                    link, items));
}

void metricsd_api_pod_get(struct api_request *r)
{
    struct arena *a = r->x->arena;
    struct str key = arena_strf(a, STR_FMT "/" STR_FMT, STR_ARG(r->ns), STR_ARG(r->name));
    struct object *o = informer_get(r->m->pods, key);
    struct err err = { 0 };
    const struct pod_point *p = o && running(object_json(o)) ? point_of(r, key) : NULL;
    if (p) {
        metricsd_api_respond(r, 200, pod_metrics(r, object_json(o), p, false));
        return;
    }
    if (!o) {
        metricsd_klog(r->m, 'E', "reststorage.go:117", "Error while getting pod " STR_FMT ": pod \"" STR_FMT "\" not found",
                      STR_ARG(r->name), STR_ARG(r->name));
        err_not_found(&err, STR_NULL, STR("pod"), r->name);
    } else {
        metricsd_klog(r->m, 'E', "reststorage.go:133",
                      "unable to fetch pod metrics for pod " STR_FMT ": no metrics known for pod \"" STR_FMT "\"", STR_ARG(key),
                      STR_ARG(key));
        err_not_found(&err, STR("metrics.k8s.io"), STR("podmetrics"), key);
    }
    metricsd_api_error(r, &err);
    err_clear(&err);
}
