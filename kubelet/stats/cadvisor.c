/* kubelet/stats/cadvisor.c - /metrics/cadvisor: the series that dashboards are made of, read off the same counters.
 *
 * Upstream: cadvisor metrics/prometheus.go with the kubelet's labels (id, name, image, namespace, pod, container). A pod's own
 * cgroup has container="". Simplified: no pause containers, no file systems, no network traffic; user and system time are a fixed
 * split of what was consumed.
 */
#include "kubelet/stats/stats.h"

struct series { const char *name, *help, *type; bool quota_only;
                double (*value)(const struct sampler *s, int64_t limit, uint64_t shares, int64_t quota, int64_t started); };

#define VALUE(id, expr)                                                                                                  \
    static double id(const struct sampler *s, int64_t limit, uint64_t shares, int64_t quota, int64_t started)           \
    {                                                                                                                    \
        (void)s; (void)limit; (void)shares; (void)quota; (void)started;                                                  \
        return (double)(expr);                                                                                           \
    }
VALUE(v_cpu, (double)s->last.cpu_ns / 1e9)
VALUE(v_user, (double)s->last.cpu_ns / 1e9 * 0.75)
VALUE(v_system, (double)s->last.cpu_ns / 1e9 * 0.25)
VALUE(v_periods, s->last.all.nr_periods)
VALUE(v_throttled, s->last.all.nr_throttled)
VALUE(v_throttled_s, (double)s->last.all.throttled_ns / 1e9)
VALUE(v_memory, s->last.memory_bytes)
VALUE(v_rss, s->last.memory_bytes - s->last.memory_bytes / 8)
VALUE(v_cache, s->last.memory_bytes / 8)
VALUE(v_max, s->last.all.memory_peak_bytes)
VALUE(v_shares, shares)
VALUE(v_quota, quota)
VALUE(v_period, 100000)
VALUE(v_limit, limit)
VALUE(v_started, (double)started / 1e9)

static const struct series table[] = {
    { "container_cpu_cfs_periods_total", "Number of elapsed enforcement period intervals.", "counter", true, v_periods },
    { "container_cpu_cfs_throttled_periods_total", "Number of throttled period intervals.", "counter", true, v_throttled },
    { "container_cpu_cfs_throttled_seconds_total", "Total time duration the container has been throttled.", "counter", true,
      v_throttled_s },
    { "container_cpu_system_seconds_total", "Cumulative system cpu time consumed in seconds.", "counter", false, v_system },
    { "container_cpu_usage_seconds_total", "Cumulative cpu time consumed in seconds.", "counter", false, v_cpu },
    { "container_cpu_user_seconds_total", "Cumulative user cpu time consumed in seconds.", "counter", false, v_user },
    { "container_memory_cache", "Number of bytes of page cache memory.", "gauge", false, v_cache },
    { "container_memory_max_usage_bytes", "Maximum memory usage recorded in bytes", "gauge", false, v_max },
    { "container_memory_rss", "Size of RSS in bytes.", "gauge", false, v_rss },
    { "container_memory_usage_bytes", "Current memory usage in bytes, including all memory regardless of when it was accessed",
      "gauge", false, v_memory },
    { "container_memory_working_set_bytes", "Current working set in bytes.", "gauge", false, v_memory },
    { "container_spec_cpu_period", "CPU period of the container.", "gauge", false, v_period },
    { "container_spec_cpu_quota", "CPU quota of the container.", "gauge", true, v_quota },
    { "container_spec_cpu_shares", "CPU share of the container.", "gauge", false, v_shares },
    { "container_spec_memory_limit_bytes", "Memory limit for the container.", "gauge", false, v_limit },
    { "container_start_time_seconds", "Start time of the container since unix epoch in seconds.", "gauge", false, v_started },
};

static void line(struct strbuf *out, const struct series *t, const char *id, const char *name, const char *image, const char *ns,
                 const char *pod, const char *container,
                 const struct sampler *s, int64_t limit, uint64_t shares, int64_t quota, int64_t started)
{
    if (!s || !s->samples || (t->quota_only && quota == 0))
        return;
    bool cpu = t->value == v_cpu;
    strbuf_addf(out, "%s{container=\"%s\",%sid=\"%s\",image=\"%s\",name=\"%s\",namespace=\"%s\",pod=\"%s\"} %.12g %" PRId64 "\n",
                t->name, container, cpu ? "cpu=\"total\"," : "",
                id, image, name, ns, pod, t->value(s, limit, shares, quota, started), s->last.time_ns / 1000000);
}

void stats_cadvisor(struct arena *a, const struct stats_node *n, struct strbuf *out)
{
    strbuf_addc(out, "# HELP cadvisor_version_info A metric with a constant '1' value labeled by kernel version, OS version, "
                     "docker version, cadvisor version & cadvisor revision.\n"
                     "# TYPE cadvisor_version_info gauge\ncadvisor_version_info{cadvisorRevision=\"\",cadvisorVersion=\"\","
                     "dockerVersion=\"Unknown\",kernelVersion=\"4.4.0-171-generic\",osVersion=\"Ubuntu 16.04.6 LTS\"} 1\n");
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        const struct series *t = &table[i];
        strbuf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", t->name, t->help, t->name, t->type);
        line(out, t, "/", "", "", "", "", "", n->s, n->capacity_memory_bytes, 1024, 0, n->boot_ns);
        for (size_t j = 0; j < n->system_count; j++)
            line(out, t, n->system[j].id, "", "", "", "", "", n->system[j].s, 0, 1024, 0, n->system[j].started_ns);
        for (size_t j = 0; j < n->pod_count; j++) {
            const struct stats_pod *p = &n->pods[j];
            line(out, t, p->cgroup_path, "", "", p->ns, p->name, "", p->s, p->memory_limit_bytes, p->shares, p->quota_us,
                 p->started_ns);
            for (size_t k = 0; k < p->count; k++) {
                const struct stats_container *c = &p->containers[k];
                line(out, t, c->id, arena_printf(a, "k8s_%s_%s_%s_%s_0", c->name, p->name, p->ns, p->uid), c->image, p->ns,
                     p->name, c->name, c->s, c->memory_limit_bytes, c->shares,
                     c->quota_us, c->started_ns);
            }
        }
    }
    strbuf_addf(out, "# HELP machine_cpu_cores Number of CPU cores on the machine.\n# TYPE machine_cpu_cores "
                     "gauge\nmachine_cpu_cores %u\n", n->cores);
    strbuf_addf(out, "# HELP machine_memory_bytes Amount of memory installed on the machine.\n# TYPE machine_memory_bytes "
                     "gauge\nmachine_memory_bytes %.12g\n", (double)n->capacity_memory_bytes);
}
