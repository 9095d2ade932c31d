/* metricsd/api_node.c - NodeMetrics: the informer's nodes, those that the last tick has figures for
 * (pkg/storage/nodemetrics/reststorage.go). */
#include "metricsd/metricsd_priv.h"

static struct json *node_metrics(struct api_request *r, struct str name, const struct metrics_point *p, bool in_list)
{
    struct arena *a = r->x->arena;
    struct json *j = in_list ? json_new_object(a)
                             : json_buildf(a, "{'kind':'NodeMetrics','apiVersion':'metrics.k8s.io/v1beta1'}");
    json_set(a, j, "metadata",
             json_buildf(a, "{'name':%S,'selfLink':%S,'creationTimestamp':%S}", name,
                         arena_strf(a, "/apis/metrics.k8s.io/v1beta1/nodes/" STR_FMT, STR_ARG(name)),
                         time_rfc3339(a, vtime_now(r->m->loop))));
    json_set_str(a, j, "timestamp", time_rfc3339(a, p->time_ns));
    json_set_strc(a, j, "window", "30s");          /* a constant of v0.3.6: what cAdvisor's rate is taken over */
    json_set(a, j, "usage", metricsd_api_usage(a, p->cpu_nanocores, p->memory_bytes));
    return j;
}

static const struct metrics_point *point_of(struct api_request *r, struct str name)
{
    const struct metrics_point *p = map_get(scraper_batch(r->m->scraper)->nodes, name);
    if (!p)
        metricsd_klog(r->m, 'E', "reststorage.go:135",
                      "unable to fetch node metrics for node \"" STR_FMT "\": no metrics known for node", STR_ARG(name));
    return p;
}

void metricsd_api_node_list(struct api_request *r)
{
    struct arena *a = r->x->arena;
    struct json *items = json_new_array(a);
    size_t cursor = 0;
    for (struct object *o; informer_next(r->m->nodes, &cursor, &o);) {
        if (!metricsd_api_selected(r, object_json(o)))
            continue;
        struct str name = meta_name(object_json(o));
        const struct metrics_point *p = point_of(r, name);
        if (p)
            json_append(items, node_metrics(r, name, p, true));
    }
    metricsd_api_respond(
        r, 200,
        json_buildf(
            a,
            "{'kind':'NodeMetricsList','apiVersion':'metrics.k8s.io/v1beta1','metadata':"
            "{'selfLink':'/apis/metrics.k8s.io/v1beta1/nodes'},'items':%j}",
            items));
}

void metricsd_api_node_get(struct api_request *r)
{
    const struct metrics_point *p = point_of(r, r->name);
    struct err err = { 0 };
    if (p) {
        metricsd_api_respond(r, 200, node_metrics(r, r->name, p, false));
        return;
    }
    metricsd_klog(r->m, 'E', "reststorage.go:118",
                  "unable to fetch node metrics for node \"" STR_FMT "\": no metrics known for node \"" STR_FMT "\"",
                  STR_ARG(r->name), STR_ARG(r->name));
    err_not_found(&err, STR("metrics.k8s.io"), STR("nodemetrics"), r->name);
    metricsd_api_error(r, &err);
    err_clear(&err);
}
