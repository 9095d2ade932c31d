/* kubelet/cgroup/tree.c - the hierarchy of groups, and what can be read off it.
 *
 * Models: /sys/fs/cgroup as the kubelet lays it out (kubepods, burstable, pod<uid>, a container): here only groups with limits;
 * the layout is the kubelet's. Counters are hierarchical when read: own plus all below. A group that goes leaves its counters to
 * its parent, so that a parent's sums never fall, as in the kernel.
 */
#include "kubelet/cgroup/cgroup_priv.h"

#include <math.h>
#include <stdlib.h>

static struct cgroup *group_make(struct cgroup_tree *t, struct cgroup *parent, const char *name, const struct cgroup_limits *lim)
{
    struct cgroup *g = NEW(struct cgroup);
    g->tree = t;
    g->parent = parent;
    g->name = xstrdup(name);
    g->created_ns = vtime_now(t->loop);
    list_init(&g->siblings);
    list_init(&g->children);
    list_init(&g->works);
    list_init(&g->finished);
    list_init(&g->busy);
    list_init(&g->busy_node);
    if (lim)
        g->limits = *lim;
    ASSERT(g->limits.quota_us >= 0 && g->limits.period_us >= 0 && g->limits.memory_limit_bytes >= 0);
    g->limits.shares = g->limits.shares ? g->limits.shares : 1024;
    g->limits.period_us = g->limits.period_us ? g->limits.period_us : 100000;
    memory_init(g);
    if (parent)
        list_push(&parent->children, &g->siblings);
    return g;
}

struct cgroup_tree *cgroup_tree_new(struct loop *l, unsigned cores, int64_t memory_bytes, struct rng *noise)
{
    ASSERT(l && cores > 0);
    struct cgroup_tree *t = NEW(struct cgroup_tree);
    t->loop = l;
    t->cores = cores;
    t->memory_bytes = memory_bytes;
    t->noise = noise;
    t->root = group_make(t, NULL, "/", &(struct cgroup_limits){ .memory_limit_bytes = memory_bytes });
    cpu_tree_init(t);
    return t;
}

void cgroup_tree_free(struct cgroup_tree *t)
{
    if (!t)
        return;
    struct cgroup *root = t->root;
    cgroup_free(root);
    cpu_tree_deinit(t);
    free(t);
}

struct cgroup *cgroup_root(struct cgroup_tree *t)
{
    return t->root;
}

struct cgroup *cgroup_new(struct cgroup *parent, const char *name, const struct cgroup_limits *lim,
                          void (*on_oom)(void *ctx, struct cgroup *g), void *ctx)
{
    ASSERT(parent);
    struct cgroup *g = group_make(parent->tree, parent, name, lim);
    g->on_oom = on_oom;
    g->ctx = ctx;
    return g;
}

void cgroup_free(struct cgroup *g)
{
    if (!g)
        return;
    struct cgroup_tree *t = g->tree;
    while (!list_empty(&g->children))
        cgroup_free(container_of(g->children.next, struct cgroup, siblings));
    cpu_settle(t);
    cpu_drop_group(g);
    memory_drop_group(g);
    if (g->profile.mean_nanocores)
        profile_set(g, "idle", 0);                 /* its part so far joins g->cpu */
    if (g->parent) {
        exact_fold(&g->parent->cpu, &g->cpu);
        list_remove(&g->siblings);                 /* if it was among the active groups, dropping its threads has marked them stale */
    }
    free(g->name);
    free(g);
}

/* ---- reading ---- */
static void add_cpu(const struct cgroup *g, int64_t now_ns, struct exact_ns *sum)
{
    exact_fold(sum, &g->cpu);
    exact_add(sum, profile_consumed_ns(&g->profile, now_ns));
    for (const struct list *it = g->children.next; it != &g->children; it = it->next)
        add_cpu(container_of(it, struct cgroup, siblings), now_ns, sum);
}

void cgroup_stats(struct cgroup *g, struct cgroup_stats *out)
{
    cpu_settle(g->tree);
    struct exact_ns sum = { 0 };
    add_cpu(g, vtime_now(g->tree->loop), &sum);
    uint64_t period_ns = (uint64_t)g->limits.period_us * NS_PER_US;
    *out = (struct cgroup_stats){
        .cpu_ns = sum.whole + (sum.part > 1 - 1e-6),            /* a rest that rounding left just below a whole one */
        .nr_periods = g->active.whole / period_ns,
        .nr_throttled = g->bound.whole / period_ns,
        .throttled_ns = g->throttled.whole,
        .memory_bytes = memory_usage(g),
        .memory_peak_bytes = g->memory_peak,
        .runnable = g->threads_below,
        .created_ns = g->created_ns,
    };
}

static void check_group(const struct cgroup *g)
{
    int threads = 0, below = 0;
    int64_t memory = g->memory_own;
    double rate = 0;
    for (const struct list *it = g->works.next; it != &g->works; it = it->next) {
        const struct cpu_work *w = container_of(it, struct cpu_work, node);
        ASSERT(w->running && w->group == g && w->left_ns > 0);
        threads++;
    }
    for (const struct list *it = g->children.next; it != &g->children; it = it->next) {
        const struct cgroup *c = container_of(it, struct cgroup, siblings);
        ASSERT(c->parent == g && c->tree == g->tree);
        check_group(c);
        below += c->threads_below;
        memory += c->memory_below;
        rate += c->threads_below ? c->rate : 0;
    }
    ASSERT(threads == g->threads && threads + below == g->threads_below);
    ASSERT(memory == g->memory_below);
    if (g->threads_below == 0)
        return;
    ASSERT(g->thread_rate <= 1 && (g->threads == 0 || g->thread_rate > 0));
    ASSERT(fabs(rate + g->thread_rate * g->threads - g->rate) < 1e-6);
    ASSERT(g->rate <= g->tree->cores * (1 + 1e-9));
    if (g->limits.quota_us)
        ASSERT(g->rate <= (double)g->limits.quota_us / (double)g->limits.period_us * (1 + 1e-9));
}

void cgroup_check(struct cgroup_tree *t)
{
    cpu_settle(t);
    if (t->dirty)
        cpu_solve_now(t);
    check_group(t->root);
}

const struct cpu_ops cgroup_cpu_ops = { .run = cpu_run, .cancel = cpu_cancel, .set_memory = memory_set, .set_profile = profile_set };

/* ---- the kubelet's arithmetic: pkg/kubelet/cm/helpers_linux.go ---- */
uint64_t milli_cpu_to_shares(int64_t milli)
{
    int64_t shares = milli > 0 ? milli * 1024 / 1000 : 0;
    return shares < 2 ? 2 : (uint64_t)shares;      /* MinShares; a request of nothing is the least, not the default */
}

int64_t milli_cpu_to_quota(int64_t milli, int64_t period_us)
{
    if (milli == 0)
        return 0;
    int64_t quota = milli * period_us / 1000;
    return quota < 1000 ? 1000 : quota;            /* MinQuotaPeriod: the kernel refuses less than a millisecond */
}
