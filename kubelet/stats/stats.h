/* kubelet/stats/stats.h - what the kubelet tells of CPU and memory: samples of the cgroups' counters, and the three forms they
 * are served in.
 *
 * A sampler looks at one cgroup every 10 to 30 s, as cAdvisor's housekeeping does, and keeps the last two samples; usageNanoCores
 * is the difference of the two, so it lags by a sample and is 0 before the second. Upstream: cadvisor manager/container.go,
 * kubernetes pkg/kubelet/stats/{helper,cadvisor_stats_provider}.go, pkg/kubelet/server/stats,
 * pkg/kubelet/metrics/collectors/resource_metrics.go.
 */
#ifndef KUBELET_STATS_STATS_H
#define KUBELET_STATS_STATS_H

#include "kubelet/cgroup/cgroup.h"
#include "sim/base/json.h"

struct sample { int64_t time_ns; uint64_t cpu_ns; int64_t memory_bytes; struct cgroup_stats all; };
struct sampler {
    struct timer   timer;
    struct cgroup *group;
    struct rng    *rng;                /* borrowed: the kubelet's */
    int            samples;            /* 0, 1 or 2 are kept */
    struct sample  prev, last;
    int64_t        interval_ns;
};
void sampler_start(struct sampler *s, struct loop *l, struct rng *rng, struct cgroup *g);     /* takes the first sample at once */
void sampler_stop(struct sampler *s);                            /* legal when never started; what was sampled stays readable */
uint64_t sampler_nanocores(const struct sampler *s);             /* 0 until there are two samples */
uint64_t samples_nanocores(const struct sample *prev, const struct sample *last);   /* pure */

/* ---- a view of the node, put together by the kubelet for one answer ---- */
struct stats_container {
    const char *name, *id, *image;     /* id: cgroup path, for /metrics/cadvisor */
    const struct sampler *s;
    int64_t     started_ns, memory_limit_bytes;
    uint64_t    shares; int64_t quota_us;
};
struct stats_pod {
    const char *name, *ns, *uid, *cgroup_path;
    int64_t     started_ns, memory_limit_bytes;
    uint64_t    shares; int64_t quota_us;
    const struct sampler *s;
    struct stats_container *containers; size_t count;
    const char **volumes; size_t volume_count;
    bool        host_network;
};
struct stats_node {
    const char *name, *version;
    int         minor;
    int64_t     boot_ns, capacity_memory_bytes;
    unsigned    cores;
    const struct sampler *s;
    struct stats_container *system; size_t system_count;         /* kubelet, pods, runtime */
    struct stats_pod *pods; size_t pod_count;
};
/* /stats/summary, pretty JSON */
void stats_summary(struct arena *a, const struct stats_node *n, bool only_cpu_and_memory, struct strbuf *out);
/* /metrics/resource and v1alpha1, by n->minor */
void stats_resource(struct arena *a, const struct stats_node *n, struct strbuf *out);
void stats_cadvisor(struct arena *a, const struct stats_node *n, struct strbuf *out);         /* /metrics/cadvisor, the main series */

#endif
