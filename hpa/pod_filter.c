/* hpa/pod_filter.c - which pods count: groupPods of pkg/controller/podautoscaler/replica_calculator.go, and the map of
 * samples it looks into.
 *
 * A pod is ready (its sample counts), unready (its sample is put aside; on a scale-up it counts as using nothing),
 * missing (it has no sample; it is assumed to use what would dampen the change), or ignored (on its way out: as if it
 * were not there). Only for CPU does it matter whether the pod is Ready: a starting process burns CPU that says nothing
 * about the load.
 */
#include "hpa/hpa_priv.h"

#include <stdlib.h>

/* ---- samples ---- */
static void free_map(void *p) { map_free(p, NULL); }

void samples_init(struct samples *s, struct arena *a)
{
    *s = (struct samples){ .a = a, .index = map_new() };
    arena_defer(a, free_map, s->index);
}

static struct sample *sample_at(const struct samples *s, struct str pod)
{
    uintptr_t place = s->index ? (uintptr_t)map_get(s->index, pod) : 0;
    return place ? &s->v[place - 1] : NULL;
}

void samples_put(struct samples *s, struct str pod, int64_t milli, int64_t at_ns, int64_t window_ns)
{
    struct sample *old = sample_at(s, pod);
    struct sample value = { pod, milli, at_ns, window_ns, false };
    if (!old || old->removed)
        s->live++;
    if (old) {
        *old = value;
        return;
    }
    if (s->n == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 16;
        s->v = arena_realloc(s->a, s->v, s->cap * sizeof *s->v, cap * sizeof *s->v);
        s->cap = cap;
    }
    s->v[s->n++] = value;
    map_put(s->index, pod, (void *)(uintptr_t)s->n);
}

void samples_remove(struct samples *s, struct str pod)
{
    struct sample *old = sample_at(s, pod);
    if (!old || old->removed)
        return;
    old->removed = true;
    s->live--;
}

const struct sample *samples_find(const struct samples *s, struct str pod)
{
    const struct sample *found = sample_at(s, pod);
    return found && !found->removed ? found : NULL;
}

/* ---- groups ---- */
/* For CPU: is it too early to believe this pod's sample? */
static bool too_early(const struct question *q, const struct hpa_pod *p, const struct sample *s)
{
    if (p->ready == POD_READY_UNSET || !p->has_start)
        return true;
    /* it may still be starting: believe it once it is Ready for a whole window */
    if (hpa_go_add(p->start_ns, q->cpu_init_ns) > q->now_ns)
        return p->ready == POD_READY_FALSE || s->at_ns < hpa_go_add(p->ready_since_ns, s->window_ns);
    /* an old pod that is not Ready counts, unless it never was: its only transition came right after its start */
    return p->ready == POD_READY_FALSE && hpa_go_add(p->start_ns, q->ready_delay_ns) > p->ready_since_ns;
}

static void set_init(struct pod_set *set, const struct question *q)
{
    set->v = arena_alloc(q->a, (q->pod_count + 1) * sizeof *set->v);
    set->because = arena_alloc(q->a, (q->pod_count + 1) * sizeof *set->because);
}

static void set_add(struct pod_set *set, const struct hpa_pod *p, struct why *why, const char *group, const char *because)
{
    set->because[set->n] = because;
    set->v[set->n++] = p;
    hpa_why_add(why, "pod " STR_FMT " is %s: %s", STR_ARG(p->name), group, because);
}

void pods_group(const struct question *q, const struct samples *metrics, const char *resource, struct pod_groups *out)
{
    bool is_cpu = strcmp(resource, "cpu") == 0;
    *out = (struct pod_groups){ 0 };
    set_init(&out->unready, q);
    set_init(&out->missing, q);
    set_init(&out->ignored, q);
    for (size_t i = 0; i < q->pod_count; i++) {
        const struct hpa_pod *p = &q->pods[i];
        const struct sample *s = samples_find(metrics, p->name);
        if (p->deleting || str_eqc(p->phase, "Failed"))
            set_add(&out->ignored, p, q->why, "ignored", p->deleting ? "it is being deleted" : "it has failed");
        else if (str_eqc(p->phase, "Pending"))
            set_add(&out->unready, p, q->why, "unready", "it is pending");
        else if (!s)
            set_add(&out->missing, p, q->why, "missing", "there is no sample of it");
        else if (is_cpu && too_early(q, p, s))
            set_add(&out->unready, p, q->why, "unready", "it is not Ready, or has been for less than the sample's window");
        else
            out->ready++;
    }
    hpa_why_add(q->why, "%zu pods: %zu ready, %zu unready, %zu missing, %zu ignored", q->pod_count, out->ready, out->unready.n,
                out->missing.n, out->ignored.n);
}

size_t pods_ready_count(const struct question *q)
{
    size_t n = 0;
    for (size_t i = 0; i < q->pod_count; i++)
        n += str_eqc(q->pods[i].phase, "Running") && q->pods[i].ready == POD_READY_TRUE;
    return n;
}
