/* kubelet/cgroup/cgroup.h - physics in one place: CPU seconds consumed by runnable work that shares a node's cores under cgroup
 * rules.
 *
 * A node has cores; a cgroup has a weight (from requests), perhaps a quota (from limits), memory, children, runnable threads and
 * a background profile. Between two events each runnable thread's share is constant (max-min fair within weights, at most one
 * core a thread, at most its groups' quotas), so counters are exact at any instant and the cost is per event. Every figure that
 * anyone sees is read off these counters. Models: Linux CFS group scheduling and CFS bandwidth control; cpu.shares and
 * cpu.cfs_quota_us as the kubelet sets them.
 */
#ifndef KUBELET_CGROUP_CGROUP_H
#define KUBELET_CGROUP_CGROUP_H

#include "sim/proc/proc.h"

struct cgroup_tree;
struct cgroup_tree *cgroup_tree_new(struct loop *l, unsigned cores, int64_t memory_bytes, struct rng *noise);
void cgroup_tree_free(struct cgroup_tree *t);
struct cgroup *cgroup_root(struct cgroup_tree *t);
struct cgroup_limits {
    uint64_t shares;                   /* cpu.shares; 0: 1024 */
    int64_t  quota_us, period_us;      /* quota 0: none; period 0: 100000 */
    int64_t  memory_limit_bytes;       /* 0: none */
};
struct cgroup *cgroup_new(struct cgroup *parent, const char *name, const struct cgroup_limits *lim,
                          void (*on_oom)(void *ctx, struct cgroup *g), void *ctx);     /* on_oom may be NULL; by task */
void cgroup_free(struct cgroup *g);    /* its work is cancelled; its counters are folded into the parent's, so that sums never fall */
extern const struct cpu_ops cgroup_cpu_ops;   /* run, cancel, set_memory, set_profile for processes */

struct cgroup_stats {                  /* hierarchical, at vtime_now */
    uint64_t cpu_ns;                   /* consumed since creation */
    uint64_t nr_periods, nr_throttled, throttled_ns;
    int64_t  memory_bytes;             /* working set */
    int64_t  memory_peak_bytes;
    int      runnable;                 /* threads */
    int64_t  created_ns;               /* vtime */
};
void cgroup_stats(struct cgroup *g, struct cgroup_stats *out);
void cgroup_check(struct cgroup_tree *t);     /* invariants: shares sum to at most cores, no thread above one core; ASSERTs */

/* fmin and fmax without a care for NaN, which does not arise, nor a call each. */
static inline double lesser(double a, double b) { return b < a ? b : a; }
static inline double greater(double a, double b) { return b > a ? b : a; }

/* The solver, pure and tested alone: rates (cores) for threads below groups with weights and caps. */
struct share_group { int parent; /* index, -1 root */ double weight, cap; /* cores, HUGE_VAL none */ int threads; double rate;
                     /* out: cores for the whole group */ };
void cpu_solve(struct share_group *g, size_t n, double cores);

/* Kubelet's arithmetic (pkg/kubelet/cm/helpers_linux.go). */
uint64_t milli_cpu_to_shares(int64_t milli);          /* max(2, milli * 1024 / 1000); 0 -> 2 */
int64_t  milli_cpu_to_quota(int64_t milli, int64_t period_us);   /* 0 -> 0; at least 1000 us */
#endif
