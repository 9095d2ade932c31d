/* kubelet/stats/resource.c - /metrics/resource: CPU and memory alone, in Prometheus' text, with the sample's own time.
 *
 * Upstream: pkg/kubelet/metrics/collectors/resource_metrics.go (1.20 on), pkg/kubelet/server/stats/prometheus_resource_metrics.go
 * (v1alpha1).
 */
#include "kubelet/stats/stats.h"

#include <stdio.h>

struct writer { struct arena *a; const struct stats_node *n; struct strbuf *out; };

static void head(struct writer *w, const char *name, const char *help, const char *type)
{
    const char *stage = w->n->minor < 18 ? "" : w->n->minor < 29 ? "[ALPHA] " : "[STABLE] ";
    strbuf_addf(w->out, "# HELP %s %s%s\n# TYPE %s %s\n", name, stage, help, name, type);
}

/* Go's strconv 'g' with the shortest digits that read back. */
static const char *number(struct arena *a, double v)
{
    char *text = NULL;
    double back = -1;
    for (int digits = 1; digits <= 17 && back != v; digits++) {  /* NOLINT: exact comparison is meant */
        text = arena_printf(a, "%.*g", digits, v);
        int end = 0;
        if (sscanf(text, "%lf%n", &back, &end) != 1)
            break;
    }
    return text;
}

static const char *cpu_value(struct writer *w, const struct sampler *s) { return number(w->a, (double)s->last.cpu_ns / 1e9); }
static const char *memory_value(struct writer *w, const struct sampler *s) { return number(w->a, (double)s->last.memory_bytes); }

static void each_container(struct writer *w, const char *name, const char *(*value)(struct writer *, const struct sampler *))
{
    for (size_t i = 0; i < w->n->pod_count; i++)
        for (size_t j = 0; j < w->n->pods[i].count; j++) {
            const struct stats_pod *p = &w->n->pods[i];
            const struct stats_container *c = &p->containers[j];
            if (c->s->samples)
                strbuf_addf(w->out, "%s{container=\"%s\",namespace=\"%s\",pod=\"%s\"} %s %" PRId64 "\n", name, c->name, p->ns,
                            p->name, value(w, c->s), c->s->last.time_ns / 1000000);
        }
}

static void each_pod(struct writer *w, const char *name, const char *(*value)(struct writer *, const struct sampler *))
{
    for (size_t i = 0; i < w->n->pod_count; i++) {
        const struct stats_pod *p = &w->n->pods[i];
        if (p->s && p->s->samples)
            strbuf_addf(w->out, "%s{namespace=\"%s\",pod=\"%s\"} %s %" PRId64 "\n", name, p->ns, p->name, value(w, p->s),
                        p->s->last.time_ns / 1000000);
    }
}

static void container_starts(struct writer *w)
{
    head(w, "container_start_time_seconds", "Start time of the container since unix epoch in seconds", "gauge");
    for (size_t i = 0; i < w->n->pod_count; i++)
        for (size_t j = 0; j < w->n->pods[i].count; j++) {
            const struct stats_pod *p = &w->n->pods[i];
            const struct stats_container *c = &p->containers[j];
            strbuf_addf(w->out, "container_start_time_seconds{container=\"%s\",namespace=\"%s\",pod=\"%s\"} %s\n", c->name, p->ns,
                        p->name, number(w->a, (double)c->started_ns / 1e9));
        }
}

void stats_resource(struct arena *a, const struct stats_node *n, struct strbuf *out)
{
    struct writer w = { a, n, out };
    head(&w, "container_cpu_usage_seconds_total", "Cumulative cpu time consumed by the container in core-seconds",
         n->minor < 20 ? "gauge" : "counter");
    each_container(&w, "container_cpu_usage_seconds_total", cpu_value);
    head(&w, "container_memory_working_set_bytes", "Current working set of the container in bytes", "gauge");
    each_container(&w, "container_memory_working_set_bytes", memory_value);
    if (n->minor >= 21)
        container_starts(&w);
    head(&w, "node_cpu_usage_seconds_total", "Cumulative cpu time consumed by the node in core-seconds",
         n->minor < 20 ? "gauge" : "counter");
    strbuf_addf(out, "node_cpu_usage_seconds_total %s %" PRId64 "\n", cpu_value(&w, n->s), n->s->last.time_ns / 1000000);
    head(&w, "node_memory_working_set_bytes", "Current working set of the node in bytes", "gauge");
    strbuf_addf(out, "node_memory_working_set_bytes %s %" PRId64 "\n", memory_value(&w, n->s), n->s->last.time_ns / 1000000);
    if (n->minor >= 20) {
        head(&w, "pod_cpu_usage_seconds_total", "Cumulative cpu time consumed by the pod in core-seconds", "counter");
        each_pod(&w, "pod_cpu_usage_seconds_total", cpu_value);
        head(&w, "pod_memory_working_set_bytes", "Current working set of the pod in bytes", "gauge");
        each_pod(&w, "pod_memory_working_set_bytes", memory_value);
    }
    if (n->minor >= 29) {
        head(&w, "resource_scrape_error", "1 if there was an error while getting container metrics, 0 otherwise", "gauge");
        strbuf_addc(out, "resource_scrape_error 0\n");
    }
    head(&w, "scrape_error", "1 if there was an error while getting container metrics, 0 otherwise", "gauge");
    strbuf_addc(out, "scrape_error 0\n");
}
