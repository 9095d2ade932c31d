/* kubelet/cgroup/cpu_solver.c - who gets how much of the cores: hierarchical weighted max-min fairness, as arithmetic and nothing
 * else.
 *
 * Models: Linux CFS group scheduling (kernel/sched/fair.c) in the long run. In each group its threads (weight 1024, nice 0, at
 * most one core each) and its child groups (weight cpu.shares, at most what they can use and what their quota allows) compete as
 * equals. What one cannot use goes to the others by weight: the water is poured until each vessel is full or the water is gone.
 *
 * Simplified: cores are divisible and a thread moves freely between them, where the kernel balances run queues every few
 * milliseconds. Two passes: bottom up what each group can use at most, top down what it gets.
 */
#include "kubelet/cgroup/cgroup.h"

#include <math.h>
#include <stdlib.h>

static const double thread_weight = 1024;          /* NICE_0_LOAD against cpu.shares */

struct vessel { double weight, most, got; int child; /* -1: the threads of the group, together */ };

static bool fills_before(const struct vessel *a, const struct vessel *b)
{
    double la = a->most / a->weight, lb = b->most / b->weight;
    return la < lb || (la <= lb && a->child < b->child);
}

/* By insertion: they are few, and this runs for every change of every group. */
static void sort_by_level(struct vessel *v, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct vessel one = v[i];
        size_t at = i;
        for (; at > 0 && fills_before(&one, &v[at - 1]); at--)
            v[at] = v[at - 1];
        v[at] = one;
    }
}

/* Pours `amount` into v: those that fill up at the lowest level first. */
static void pour(struct vessel *v, size_t n, double amount)
{
    double weights = 0;
    if (n == 1) {                                  /* most groups have one runnable member */
        v[0].got = lesser(v[0].most, amount);
        return;
    }
    for (size_t i = 0; i < n; i++)
        weights += v[i].weight;
    sort_by_level(v, n);
    for (size_t i = 0; i < n; i++) {
        double fair = weights > 0 ? amount * v[i].weight / weights : 0;
        /* the last takes the rest without a rounding step */
        v[i].got = i + 1 == n ? lesser(v[i].most, amount) : lesser(v[i].most, fair);
        amount = greater(0, amount - v[i].got);
        weights -= v[i].weight;
    }
}

/* The members of group i (or of the top, i == -1) start at first[i + 1]; next[] chains siblings. */
struct family { int *first, *next; double *most; struct vessel *v; };

static void share_out(struct share_group *g, const struct family *f, int i, double amount)
{
    size_t n = 0;
    if (i >= 0 && g[i].threads > 0)
        f->v[n++] = (struct vessel){ thread_weight * g[i].threads, g[i].threads, 0, -1 };
    for (int c = f->first[i + 1]; c >= 0; c = f->next[c])
        f->v[n++] = (struct vessel){ g[c].weight, f->most[c], 0, c };
    pour(f->v, n, amount);
    for (size_t k = 0; k < n; k++)
        if (f->v[k].child >= 0)
            g[f->v[k].child].rate = f->v[k].got;
}

/* Is there enough for all, and does no quota bind? Then each gets what it can use, and nothing has to be poured. */
static bool all_satisfied(struct share_group *g, size_t n, double cores)
{
    double wanted = 0;
    for (size_t i = 0; i < n; i++)
        g[i].rate = g[i].threads;
    for (size_t i = n; i-- > 0;) {                 /* children come after their parents */
        ASSERT(g[i].parent >= -1 && g[i].parent < (int)i);
        ASSERT(g[i].weight > 0 && g[i].cap >= 0 && g[i].threads >= 0);
        if (g[i].rate > g[i].cap)
            return false;
        *(g[i].parent >= 0 ? &g[g[i].parent].rate : &wanted) += g[i].rate;
    }
    return wanted <= cores;
}

void cpu_solve(struct share_group *g, size_t n, double cores)
{
    if (n == 0 || all_satisfied(g, n, cores))
        return;
    enum { FEW = 64 };                             /* runnable groups that need no memory from elsewhere */
    int first[FEW + 1], next[FEW];
    double most[FEW];
    struct vessel v[FEW + 1];
    struct family f = { first, next, most, v };
    if (n > FEW)
        f = (struct family){ xmalloc((n + 1) * sizeof *first), xmalloc(n * sizeof *next), xmalloc(n * sizeof *most),
                             xmalloc((n + 1) * sizeof *v) };
    for (size_t i = 0; i <= n; i++)
        f.first[i] = -1;
    for (size_t i = 0; i < n; i++)
        f.most[i] = 0;
    for (size_t i = n; i-- > 0;) {                 /* so their `most` is final when the parent's turn comes */
        f.most[i] = lesser(g[i].cap, f.most[i] + g[i].threads);
        f.next[i] = f.first[g[i].parent + 1];
        f.first[g[i].parent + 1] = (int)i;
        if (g[i].parent >= 0)
            f.most[g[i].parent] += f.most[i];
    }
    share_out(g, &f, -1, cores);
    for (size_t i = 0; i < n; i++)
        share_out(g, &f, (int)i, g[i].rate);
    if (n <= FEW)
        return;
    free(f.first);
    free(f.next);
    free(f.most);
    free(f.v);
}
