/* kubelet/cgroup/cpu.c - CPU time, event by event.
 *
 * Models: the kernel's scheduler as seen by those who wait for it. Between two changes of the set of runnable threads every share
 * is constant, so nothing needs a tick: a change first settles (each thread is charged rate * elapsed), then the solver gives new
 * rates, and one timer waits for the thread that will be done first. The cost is per event and per runnable group; idle groups
 * are never touched.
 *
 * Bandwidth control (CFS quota) is modelled as an average: a group never gets more than quota/period cores. The real one runs at
 * full demand until the quota is gone and then waits for the next period, so a finishing time here is at most one period off. The
 * books are kept as the real one's would read: periods in which it was runnable, those in which it met its quota, and the time it
 * waited then, 1 - quota/demand of each.
 *
 * Exactness: a thread is charged at most what it has left, and the timer is rounded up to a nanosecond, so that no work is lost
 * or done twice; sums are kept in whole nanoseconds and a rest (struct exact_ns).
 */
#include "kubelet/cgroup/cgroup_priv.h"

#include <math.h>
#include <stdlib.h>

static const double nothing_ns = 0.01;             /* less than this left is rounding, not work */

void exact_add(struct exact_ns *e, double ns)
{
    e->part += ns;
    double whole = floor(e->part);
    e->whole += (uint64_t)whole;
    e->part -= whole;
}

void exact_fold(struct exact_ns *into, const struct exact_ns *e)
{
    into->whole += e->whole;
    exact_add(into, e->part);
}

static void solve(struct cgroup_tree *t);

/* ---- runnable threads ---- */
static void count_threads(struct cgroup *g, int change)
{
    g->threads += change;
    for (; g; g = g->parent) {
        bool was_busy = g->threads_below > 0;
        g->threads_below += change;
        if (g->parent && !was_busy)
            list_push(&g->parent->busy, &g->busy_node);
        else if (g->threads_below == 0)
            list_remove(&g->busy_node);
    }
}

static void work_done(struct task *t)
{
    struct cpu_work *w = container_of(t, struct cpu_work, task);
    list_remove(&w->node);
    w->group = NULL;
    w->done(w);
}

static void work_stop(struct cpu_work *w)
{
    list_remove(&w->node);
    w->running = false;
    count_threads(w->group, -1);
}

/* Charges every runnable thread for dt; those that are finished leave the set and are told by task. */
static bool charge_group(struct cgroup *g, double dt)
{
    bool finished = false;
    double most = g->thread_rate * dt;
    list_for(it, &g->works) {
        struct cpu_work *w = container_of(it, struct cpu_work, node);
        double used = w->left_ns - most < nothing_ns ? w->left_ns : most;
        w->left_ns = used == w->left_ns ? 0 : w->left_ns - used;
        exact_add(&g->cpu, used);
        if (w->left_ns > 0)
            continue;
        work_stop(w);
        list_push(&g->finished, &w->node);
        task_post(g->tree->loop, &w->task);
        finished = true;
    }
    return finished;
}

static double quota_cores(const struct cgroup *g)
{
    return g->limits.quota_us > 0 ? (double)g->limits.quota_us / (double)g->limits.period_us : HUGE_VAL;
}

static void charge_quota(struct cgroup *g, double dt)
{
    double quota = quota_cores(g);
    if (quota == HUGE_VAL)
        return;
    exact_add(&g->active, dt);
    if (g->demand <= quota * (1 + 1e-9) || g->rate < quota * (1 - 1e-9))
        return;
    exact_add(&g->bound, dt);
    exact_add(&g->throttled, dt * (1 - quota / g->demand));
}

void cpu_settle(struct cgroup_tree *t)
{
    int64_t now = vtime_now(t->loop);
    double dt = (double)(now - t->settled_ns);
    if (dt <= 0)
        return;
    if (t->dirty)
        solve(t);                                  /* every change settled first, so the new rates hold from settled_ns on */
    t->settled_ns = now;
    bool finished = false;
    for (size_t i = 0; i < t->active_count; i++) {
        charge_quota(t->active[i], dt);
        finished |= charge_group(t->active[i], dt);
    }
    if (finished)
        cpu_changed(t);
}

/* ---- rates ---- */
static void activate(struct cgroup_tree *t, struct cgroup *g)
{
    if (t->active_count == t->active_cap) {
        t->active_cap = t->active_cap ? t->active_cap * 2 : 16;
        t->active = xrealloc(t->active, t->active_cap * sizeof(struct cgroup *));
        t->shares = xrealloc(t->shares, t->active_cap * sizeof *t->shares);
    }
    g->index = (int)t->active_count;
    t->active[t->active_count++] = g;
}

/* Breadth first, so that parents come first; only groups with runnable threads. The root itself is the machine, not a competitor. */
static void collect_active(struct cgroup_tree *t)
{
    t->active_count = 0;
    if (t->root->threads_below > 0)
        activate(t, t->root);
    for (size_t i = 0; i < t->active_count; i++)
        list_for(it, &t->active[i]->busy)
            activate(t, container_of(it, struct cgroup, busy_node));
}

static double cores_for_threads(const struct cgroup_tree *t)
{
    double cores = t->cores, background = (double)t->profile_nanocores * 1e-9;
    return greater(cores - background, cores / 2);    /* a node full of daemons still runs its threads */
}

/* What the solver found, back to the groups: the threads of one group are alike, so each gets an even part of what its children
 * left. */
static void take_rates(struct cgroup_tree *t)
{
    for (size_t i = t->active_count; i-- > 0;) {
        struct cgroup *g = t->active[i];
        g->rate = t->shares[i].rate;
        g->demand = g->threads;
        g->thread_rate = g->rate;
    }
    for (size_t i = t->active_count; i-- > 1;) {
        struct cgroup *g = t->active[i];
        g->parent->demand += lesser(g->demand, quota_cores(g));
        g->parent->thread_rate -= g->rate;
    }
    for (size_t i = 0; i < t->active_count; i++) {
        struct cgroup *g = t->active[i];
        g->demand = lesser(g->demand, t->cores);
        g->thread_rate = g->threads ? lesser(1, greater(0, g->thread_rate) / g->threads) : 0;
    }
}

static void arm_timer(struct cgroup_tree *t)
{
    double first = HUGE_VAL;
    for (size_t i = 0; i < t->active_count; i++)
        list_for(it, &t->active[i]->works)
            first = lesser(first, container_of(it, struct cpu_work, node)->left_ns / t->active[i]->thread_rate);
    if (first == HUGE_VAL)
        timer_stop(&t->timer);
    else
        timer_start_at(&t->timer, t->settled_ns + (int64_t)greater(1, lesser(ceil(first), 9e17)));
}

static void solve(struct cgroup_tree *t)
{
    t->dirty = false;
    collect_active(t);
    for (size_t i = 0; i < t->active_count; i++) {
        const struct cgroup *g = t->active[i];
        t->shares[i] = (struct share_group){ i ? g->parent->index : -1, (double)g->limits.shares, quota_cores(g), g->threads, 0 };
    }
    cpu_solve(t->shares, t->active_count, cores_for_threads(t));
    take_rates(t);
}

void cpu_solve_now(struct cgroup_tree *t)
{
    cpu_settle(t);
    task_cancel(&t->solve_task);
    solve(t);
    arm_timer(t);
}

void cpu_changed(struct cgroup_tree *t)
{
    t->dirty = true;                               /* by task: a burst of changes in one turn is solved once */
    task_post(t->loop, &t->solve_task);
}

static void on_solve(struct task *task)
{
    cpu_solve_now(container_of(task, struct cgroup_tree, solve_task));
}

/* Who is done is told by task and mostly has more work at once: the solver's task comes after those. */
static void on_timer(struct timer *timer)
{
    struct cgroup_tree *t = container_of(timer, struct cgroup_tree, timer);
    cpu_settle(t);
    if (!t->dirty)
        cpu_solve_now(t);
}

/* ---- what processes ask ---- */
void cpu_run(struct cgroup *g, struct cpu_work *w, int64_t cpu_ns)
{
    ASSERT(g && w->done);
    ASSERT(!w->group);                             /* one at a time */
    struct cgroup_tree *t = g->tree;
    cpu_settle(t);
    w->group = g;
    w->left_ns = cpu_ns > 0 ? (double)cpu_ns : 0;
    w->running = cpu_ns > 0;
    list_init(&w->node);
    task_init(&w->task, work_done);
    if (!w->running) {
        list_push(&g->finished, &w->node);
        task_post(t->loop, &w->task);
        return;
    }
    list_push(&g->works, &w->node);
    count_threads(g, 1);
    cpu_changed(t);
}

void cpu_cancel(struct cpu_work *w)
{
    struct cgroup *g = w->group;
    if (!g)
        return;
    cpu_settle(g->tree);
    if (w->running) {
        work_stop(w);
        cpu_changed(g->tree);
    }
    list_remove(&w->node);                         /* finished and not told yet */
    task_cancel(&w->task);
    w->group = NULL;
}

void cpu_drop_group(struct cgroup *g)
{
    while (!list_empty(&g->works))
        cpu_cancel(container_of(g->works.next, struct cpu_work, node));
    while (!list_empty(&g->finished))
        cpu_cancel(container_of(g->finished.next, struct cpu_work, node));
}

void cpu_tree_init(struct cgroup_tree *t)
{
    timer_init(&t->timer, t->loop, on_timer);
    task_init(&t->solve_task, on_solve);
    t->settled_ns = vtime_now(t->loop);
}

void cpu_tree_deinit(struct cgroup_tree *t)
{
    timer_stop(&t->timer);
    task_cancel(&t->solve_task);
    free(t->active);
    free(t->shares);
}
