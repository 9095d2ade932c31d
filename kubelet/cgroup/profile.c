/* kubelet/cgroup/profile.c - background load, known by formula: daemons that use a little CPU all the time.
 *
 * Models: etcd, the API server, kubelet and their like on an idle node, whose figures in `kubectl top pod` hover round a mean.
 * The only numbers here that are drawn rather than worked for, and a profile says so by name. rate(t) = mean * (1 + sum of small
 * waves), each with its own period and phase drawn once; its integral is a formula, so the counter is exact at any instant, the
 * same whoever asks and how often, never falls, and costs nothing between questions. The waves add up to at most 8 % either way.
 *
 * Profiles do not compete: what they use is taken off the cores that threads share (cpu.c, cores_for_threads), as a mean.
 */
#include "kubelet/cgroup/cgroup_priv.h"

#include <math.h>

static const struct { double amplitude, period_s; } waves[PROFILE_WAVES] = { { 0.04, 173 }, { 0.025, 71 }, { 0.015, 29 } };

double profile_consumed_ns(const struct profile *p, int64_t now_ns)
{
    double s = (double)(now_ns - p->since_ns) / 1e9, sum = s;
    if (p->mean_nanocores <= 0 || s <= 0)
        return 0;
    for (size_t i = 0; i < PROFILE_WAVES; i++) {
        double omega = 2 * 3.14159265358979323846 / p->period_s[i];
        sum += waves[i].amplitude / omega * (cos(p->phase[i]) - cos(omega * s + p->phase[i]));
    }
    return sum * (double)p->mean_nanocores;
}

void profile_set(struct cgroup *g, const char *name, int64_t mean_nanocores)
{
    struct cgroup_tree *t = g->tree;
    int64_t now = vtime_now(t->loop);
    ASSERT(name && mean_nanocores >= 0);
    cpu_settle(t);
    exact_add(&g->cpu, profile_consumed_ns(&g->profile, now));
    t->profile_nanocores += mean_nanocores - g->profile.mean_nanocores;
    g->profile = (struct profile){ .mean_nanocores = mean_nanocores, .since_ns = now };
    for (size_t i = 0; i < PROFILE_WAVES && mean_nanocores > 0; i++) {
        g->profile.phase[i] = t->noise ? rng_unit(t->noise) * 2 * 3.14159265358979323846 : 0;
        g->profile.period_s[i] = waves[i].period_s * (t->noise ? 0.8 + 0.4 * rng_unit(t->noise) : 1);
    }
    if (t->root->threads_below > 0)
        cpu_changed(t);
}
