/* kubelet/cgroup/memory.c - working sets, limits, and the kernel's answer to too much.
 *
 * Models: the memory controller: a charge counts for the group and all above it; past a limit the OOM killer ends a process in
 * the group that met its limit. Programs tell their working set (cpu_ops.set_memory); there are no pages, so page cache, reclaim
 * and swap do not exist. A group over its limit reads as being at it, since the charge that broke the limit never succeeds. Who
 * is told: the limited group's on_oom, or, when it has none (the node itself), the nearest one from the charging group upwards.
 */
#include "kubelet/cgroup/cgroup_priv.h"

static void on_oom(struct task *t)
{
    struct cgroup *g = container_of(t, struct cgroup, oom_task);
    g->on_oom(g->ctx, g);                          /* may free g */
}

void memory_init(struct cgroup *g)
{
    task_init(&g->oom_task, on_oom);
}

static bool over_limit(const struct cgroup *g)
{
    return g->limits.memory_limit_bytes > 0 && g->memory_below > g->limits.memory_limit_bytes;
}

static void tell(struct cgroup *limited, struct cgroup *charger)
{
    struct cgroup *g = limited->on_oom ? limited : charger;
    while (g && !g->on_oom)
        g = g->parent;
    if (g)
        task_post(g->tree->loop, &g->oom_task);
}

int64_t memory_usage(const struct cgroup *g)
{
    return over_limit(g) ? g->limits.memory_limit_bytes : g->memory_below;
}

void memory_set(struct cgroup *g, int64_t bytes)
{
    ASSERT(bytes >= 0);
    int64_t change = bytes - g->memory_own;
    g->memory_own = bytes;
    for (struct cgroup *up = g; up; up = up->parent) {
        up->memory_below += change;
        if (memory_usage(up) > up->memory_peak)
            up->memory_peak = memory_usage(up);
    }
    for (struct cgroup *up = g; up && change > 0; up = up->parent)
        if (over_limit(up)) {
            tell(up, g);
            break;                                 /* the innermost limit kills; what is freed may satisfy the others */
        }
}

void memory_drop_group(struct cgroup *g)
{
    memory_set(g, 0);
    task_cancel(&g->oom_task);
}
