/* workloads/load/times.c - how long answers took, as a histogram: microseconds one by one up to 128, then 128 buckets for each
 * doubling (Gil Tene's HdrHistogram is the model). It costs the same however many there are, and the median of a day is one walk.
 */
#include "workloads/load/load_priv.h"

enum { STEPS = 128, STEPS_LOG = 7, US_MAX = INT32_MAX };

static unsigned width_log(uint64_t us) { return us < STEPS ? 0 : 63u - (unsigned)__builtin_clzll(us) - STEPS_LOG; }

void load_times_add(struct load_times *t, int64_t ns)
{
    uint64_t us = ns <= 0 ? 0 : (uint64_t)ns / NS_PER_US;
    if (us > US_MAX)
        us = US_MAX;
    unsigned shift = width_log(us);
    size_t i = us < STEPS ? us : (size_t)(shift + 1) * STEPS + (us >> shift) - STEPS;
    ASSERT(i < ARRAY_LEN(t->buckets));
    t->buckets[i]++;
    t->n++;
}

/* the middle of bucket i, in ns */
static int64_t bucket_ns(size_t i)
{
    if (i < STEPS)
        return (int64_t)(i * NS_PER_US + NS_PER_US / 2);
    unsigned shift = (unsigned)(i / STEPS) - 1;
    uint64_t low = (uint64_t)(i % STEPS + STEPS) << shift;
    return (int64_t)((low * NS_PER_US) + (NS_PER_US << shift) / 2);
}

int64_t load_times_quantile(const struct load_times *t, unsigned percent)
{
    uint64_t rank = (t->n * percent + 99) / 100, seen = 0;
    for (size_t i = 0; i < ARRAY_LEN(t->buckets) && t->n; i++) {
        seen += t->buckets[i];
        if (seen >= rank && seen)
            return bucket_ns(i);
    }
    return 0;
}

const char *load_times_text(struct arena *a, int64_t ns)
{
    double ms = (double)ns / (double)NS_PER_MS;
    return arena_printf(a, "%.*fms", ms < 1 ? 2 : ms < 10 ? 1 : 0, ms);
}
