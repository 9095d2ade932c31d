/* hpa/stabilization.c - do not follow every wobble: the recommendations of the recent past (horizontal.go:
 * stabilizeRecommendation and stabilizeRecommendationWithBehaviors).
 *
 * Without spec.behavior the highest recommendation of the last five minutes wins, so that only scaling down is delayed.
 * With it each direction has a window of its own. The list is not sorted: a new entry overwrites the last one that is
 * too old to matter. A fresh autoscaler begins with its present size as its only recommendation, and so cannot shrink
 * for the first window. It all lives in the controller's memory alone: a restart forgets it.
 */
#include "hpa/hpa_priv.h"

#include <stdlib.h>

void hpa_memory_deinit(struct hpa_memory *m)
{
    free(m->recs);
    free(m->up.v);
    free(m->down.v);
    *m = (struct hpa_memory){ 0 };
}

void hpa_memory_store(struct hpa_memory *m, size_t reuse, int32_t replicas, int64_t now_ns)
{
    struct recommendation r = { now_ns, replicas };
    if (reuse != SIZE_MAX) {
        m->recs[reuse] = r;
        return;
    }
    if (m->rec_count == m->rec_cap) {
        m->rec_cap = m->rec_cap ? m->rec_cap * 2 : 32;
        m->recs = xrealloc(m->recs, m->rec_cap * sizeof *m->recs);
    }
    m->recs[m->rec_count++] = r;
}

void hpa_memory_seed(struct hpa_memory *m, int32_t replicas, int64_t now_ns)
{
    if (m->rec_count == 0)
        hpa_memory_store(m, SIZE_MAX, replicas, now_ns);
}

int32_t stabilize_plain(struct hpa_memory *m, int32_t desired, int64_t now_ns, int64_t window_ns, struct why *why)
{
    int64_t cutoff = hpa_go_add(now_ns, hpa_go_mul(window_ns, -1));
    int32_t highest = desired;
    int64_t highest_at_ns = now_ns;
    size_t old = SIZE_MAX;
    for (size_t i = 0; i < m->rec_count; i++) {
        const struct recommendation *r = &m->recs[i];
        if (r->at_ns < cutoff)
            old = i;
        else if (r->replicas > highest || (r->replicas == highest && highest > desired && r->at_ns > highest_at_ns)) {
            highest = r->replicas;
            highest_at_ns = r->at_ns;
        }
    }
    hpa_memory_store(m, old, desired, now_ns);
    if (highest > desired)
        hpa_why_add(why, "the highest recommendation of the last %" PRId64 " s holds: %d, of %" PRId64 " s ago (now %d)",
                    window_ns / SECOND_NS, highest, (now_ns - highest_at_ns) / SECOND_NS, desired);
    else
        hpa_why_add(why, "no recommendation of the last %" PRId64 " s is higher: %d", window_ns / SECOND_NS, desired);
    return highest;
}

/* v1.18 to v1.20: only the window of the direction that is wanted. */
static int32_t stabilize_one_way(struct hpa_memory *m, int32_t current, int32_t desired, int64_t now_ns, int64_t up_s,
                                 int64_t down_s)
{
    bool up = desired >= current;
    int64_t cutoff = hpa_go_add(now_ns, hpa_go_mul(up ? up_s : down_s, -SECOND_NS)),
            obsolete = hpa_go_add(now_ns, hpa_go_mul(up_s > down_s ? up_s : down_s, -SECOND_NS));
    int32_t best = desired;
    size_t old = SIZE_MAX;
    for (size_t i = 0; i < m->rec_count; i++) {
        const struct recommendation *r = &m->recs[i];
        if (r->at_ns > cutoff && (up ? r->replicas < best : r->replicas > best))
            best = r->replicas;
        if (r->at_ns < obsolete)
            old = i;
    }
    hpa_memory_store(m, old, desired, now_ns);
    return best;
}

/* From v1.21 on: the present size is lifted to the lowest of the up window and lowered to the highest of the down window. */
static int32_t stabilize_both_ways(struct hpa_memory *m, int32_t current, int32_t desired, int64_t now_ns, int64_t up_s,
                                   int64_t down_s)
{
    int64_t up_cutoff = hpa_go_add(now_ns, hpa_go_mul(up_s, -SECOND_NS)),
            down_cutoff = hpa_go_add(now_ns, hpa_go_mul(down_s, -SECOND_NS));
    int32_t lowest = desired, highest = desired;
    size_t old = SIZE_MAX;
    for (size_t i = 0; i < m->rec_count; i++) {
        const struct recommendation *r = &m->recs[i];
        if (r->at_ns > up_cutoff && r->replicas < lowest)
            lowest = r->replicas;
        if (r->at_ns > down_cutoff && r->replicas > highest)
            highest = r->replicas;
        if (r->at_ns < up_cutoff && r->at_ns < down_cutoff)
            old = i;
    }
    hpa_memory_store(m, old, desired, now_ns);
    int32_t out = current < lowest ? lowest : current;
    return out > highest ? highest : out;
}

int32_t stabilize_behavior(struct hpa_memory *m, int minor, int32_t current, int32_t desired, int64_t now_ns,
                           int64_t up_window_s, int64_t down_window_s, struct why *why)
{
    int32_t out = (minor >= 21 ? stabilize_both_ways : stabilize_one_way)(m, current, desired, now_ns, up_window_s,
                                                                          down_window_s);
    hpa_why_add(why, "stabilized over %" PRId64 " s up and %" PRId64 " s down: %d becomes %d", up_window_s, down_window_s,
                desired, out);
    return out;
}
