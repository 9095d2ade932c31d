/* kubelet/cgroup/cgroup_priv.h - a node of the tree, as its four files see it. */
#ifndef KUBELET_CGROUP_CGROUP_PRIV_H
#define KUBELET_CGROUP_CGROUP_PRIV_H

#include "kubelet/cgroup/cgroup.h"

/* Background load in closed form: mean * (t + noise(t)), noise a sum of waves with phases of its own (profile.c). */
enum { PROFILE_WAVES = 3 };
struct profile {
    int64_t mean_nanocores;                        /* 0: none */
    int64_t since_ns;                              /* vtime at which it began */
    double  phase[PROFILE_WAVES], period_s[PROFILE_WAVES];
};

/* Whole nanoseconds and what is left below one: sums of millions of settlements stay exact where a double alone would round. */
struct exact_ns { uint64_t whole; double part; };

struct cgroup {
    struct cgroup_tree  *tree;
    struct cgroup       *parent;
    struct list          siblings, children;
    char                *name;
    struct cgroup_limits limits;
    int64_t              created_ns;
    /* cpu */
    /* cpu_work.node: runnable threads of this very group; those done and not told yet */
    struct list          works, finished;
    struct list          busy, busy_node;          /* children with runnable threads in them; the node in the parent's such list */
    int                  threads, threads_below;   /* here; here and in all groups below */
    double               thread_rate;              /* cores for each thread of this group */
    double               demand;                   /* cores it could use, were there no quota */
    double               rate;                     /* cores it gets, all below included */
    struct exact_ns      cpu;                      /* consumed here, by threads, ended profiles and groups that are gone */
    struct exact_ns      active, bound, throttled; /* with a quota: time runnable, time at its quota, time kept waiting */
    int                  index;                    /* in the solver's array during a solve */
    struct profile       profile;
    /* memory */
    int64_t              memory_own, memory_below; /* working set here; here and below */
    int64_t              memory_peak;
    void               (*on_oom)(void *ctx, struct cgroup *g);
    void                *ctx;
    struct task          oom_task;
};

struct cgroup_tree {
    struct loop   *loop;
    struct cgroup *root;
    struct rng    *noise;
    unsigned       cores;
    int64_t        memory_bytes;
    int64_t        profile_nanocores;              /* sum of all profiles' means */
    /* groups with runnable threads here or below, parents first; the last solve's order */
    struct cgroup **active;
    struct share_group *shares;                    /* the solver's array, parallel to active */
    size_t         active_count, active_cap;
    int64_t        settled_ns;                     /* counters are right up to here */
    bool           dirty;                          /* rates are stale: solve_task is posted */
    struct timer   timer;                          /* the next completion */
    struct task    solve_task;
};

/* cpu.c */
void cpu_settle(struct cgroup_tree *t);            /* counters up to vtime_now at the present rates */
void cpu_changed(struct cgroup_tree *t);           /* rates are to be solved again before time goes on */
void cpu_solve_now(struct cgroup_tree *t);
void cpu_run(struct cgroup *g, struct cpu_work *w, int64_t cpu_ns);
void cpu_cancel(struct cpu_work *w);
void cpu_drop_group(struct cgroup *g);             /* cancels its threads */
void cpu_tree_init(struct cgroup_tree *t);
void cpu_tree_deinit(struct cgroup_tree *t);
void exact_add(struct exact_ns *e, double ns);
void exact_fold(struct exact_ns *into, const struct exact_ns *e);

/* profile.c */
void profile_set(struct cgroup *g, const char *name, int64_t mean_nanocores);
double profile_consumed_ns(const struct profile *p, int64_t now_ns);       /* since it began; never falls */

/* memory.c */
void memory_set(struct cgroup *g, int64_t bytes);
void memory_init(struct cgroup *g);
void memory_drop_group(struct cgroup *g);
int64_t memory_usage(const struct cgroup *g);
#endif
