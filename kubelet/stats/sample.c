/* kubelet/stats/sample.c - cAdvisor's housekeeping: look at a cgroup now and then, keep the last two looks.
 *
 * Upstream: cadvisor manager/container.go. The interval is 10 s, grows to 15 s while nothing changes, and each wait is drawn
 * uniformly from one to two intervals, so samples are 10 to 30 s apart. The first sample is taken when the container starts;
 * until the second its rate is 0.
 */
#include "kubelet/stats/stats.h"

#define HOUSEKEEPING_NS     (10 * (int64_t)NS_PER_S)
#define HOUSEKEEPING_MAX_NS (15 * (int64_t)NS_PER_S)

static void take(struct sampler *s)
{
    s->prev = s->last;
    cgroup_stats(s->group, &s->last.all);
    s->last.time_ns = vtime_now(s->timer.loop);
    s->last.cpu_ns = s->last.all.cpu_ns;
    s->last.memory_bytes = s->last.all.memory_bytes;
    if (s->samples < 2)
        s->samples++;
}

static void plan(struct sampler *s)
{
    bool same = s->samples == 2 && s->prev.cpu_ns == s->last.cpu_ns && s->prev.memory_bytes == s->last.memory_bytes;
    s->interval_ns = same ? s->interval_ns * 2 : HOUSEKEEPING_NS;
    if (s->interval_ns > HOUSEKEEPING_MAX_NS)
        s->interval_ns = HOUSEKEEPING_MAX_NS;
    timer_start(&s->timer, s->interval_ns + (int64_t)rng_below(s->rng, (uint64_t)s->interval_ns));
}

static void on_timer(struct timer *t)
{
    struct sampler *s = container_of(t, struct sampler, timer);
    take(s);
    plan(s);
}

void sampler_start(struct sampler *s, struct loop *l, struct rng *rng, struct cgroup *g)
{
    *s = (struct sampler){ .group = g, .rng = rng, .interval_ns = HOUSEKEEPING_NS };
    timer_init(&s->timer, l, on_timer);
    take(s);
    plan(s);
}

void sampler_stop(struct sampler *s)
{
    if (s->timer.loop)
        timer_stop(&s->timer);
}

uint64_t samples_nanocores(const struct sample *prev, const struct sample *last)
{
    if (last->time_ns <= prev->time_ns || last->cpu_ns < prev->cpu_ns)
        return 0;
    return (uint64_t)((double)(last->cpu_ns - prev->cpu_ns) / (double)(last->time_ns - prev->time_ns) * 1e9);
}

uint64_t sampler_nanocores(const struct sampler *s) { return s->samples == 2 ? samples_nanocores(&s->prev, &s->last) : 0; }
