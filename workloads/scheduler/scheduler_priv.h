/* workloads/scheduler/scheduler_priv.h - what the queue, the filters, the scores and the binding share. */
#ifndef WORKLOADS_SCHEDULER_SCHEDULER_PRIV_H
#define WORKLOADS_SCHEDULER_SCHEDULER_PRIV_H

#include "workloads/scheduler/scheduler.h"

enum { FIT_NODES_MAX = 64, FIT_REASONS_MAX = 16 };

/* What a pod asks for, and what a node has left of it. */
struct resources { int64_t cpu_milli, memory_bytes; int64_t pods; };
/* sum of containers, at least the largest init container */
struct resources scheduler_resources_of_pod(const struct json *pod);

struct node_state {                    /* one node as the scheduler sees it in this cycle */
    const struct json *node;
    struct str         name;
    struct resources   allocatable, used;
    const struct json **pods; size_t pod_count;    /* bound to it, not finished */
};

/* Why the pod may not run on the node, in the words of v1.<minor>: reasons[0..result), at most FIT_REASONS_MAX; 0 when it
 * may. Texts live in the arena or are static. */
size_t scheduler_filters_run(struct arena *a, int minor, const struct json *pod, const struct node_state *n, const char **reasons,
                             size_t max);
/* Higher is better: least requested (cpu and memory averaged), 0 to 100. */
int64_t scheduler_score_node(const struct json *pod, const struct node_state *n);
/* "0/1 nodes are available: 1 Insufficient cpu." from reasons and on how many nodes each was said; from v1.24 on followed
 * by what preemption would bring (nothing: this scheduler evicts nobody). */
struct str scheduler_fit_error(struct arena *a, int minor, size_t node_count, const char *const *reasons,
                               const size_t *counts, size_t n);
/* The path of a rule that the pod requires and that is not simulated, or NULL. Static text. */
const char *scheduler_unknown_rule(const struct json *pod);
bool scheduler_toleration_tolerates(const struct json *tolerations, const struct json *taint);

#endif
