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
    struct resources   nonzero;        /* used, with what scores assume of containers without requests */
    const struct json **pods; size_t pod_count;    /* bound to it, not finished */
};

/* Why the pod may not run on the node, in the words of v1.<minor>: reasons[0..result), at most FIT_REASONS_MAX; 0 when it
 * may. Texts live in the arena or are static. */
size_t scheduler_filters_run(struct arena *a, int minor, const struct json *pod, const struct node_state *n, const char **reasons,
                             size_t max);
bool scheduler_term_matches(const struct json *term, const struct node_state *n);     /* a nodeSelectorTerm */
/* scores.c: requests, where a container that has none counts as 100m and 200 MB */
struct resources scheduler_nonzero_resources(const struct json *pod);
/* Weighted sums of the default score plugins, higher is better, for n nodes that passed the filters, of `all`. */
void scheduler_scores(int minor, const struct json *pod, const struct node_state *nodes, size_t n, size_t all, int64_t *out);
/* "0/1 nodes are available: 1 Insufficient cpu." from reasons and on how many nodes each was said; from v1.24 on followed
 * by what preemption would bring (nothing: this scheduler evicts nobody). */
struct str scheduler_fit_error(struct arena *a, int minor, size_t node_count, const char *const *reasons,
                               const size_t *counts, size_t n);
/* The path of a rule that the pod requires and that is not simulated, or NULL. Static text. */
const char *scheduler_unknown_rule(const struct json *pod);
bool scheduler_toleration_tolerates(const struct json *tolerations, const struct json *taint);

#endif
