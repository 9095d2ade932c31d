/* workloads/controllers/rollout.c - the arithmetic of a rollout. See rollout.h for where it stands upstream. */
#include "workloads/controllers/rollout.h"

#include <stdlib.h>

static int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }

void rollout_resolve(const struct json *spec, struct rollout *out)
{
    int64_t surge = 0, unavailable = 0;
    const struct json *rolling = json_path(spec, "strategy.rollingUpdate");
    out->replicas = json_get_int(spec, "replicas", 1);
    out->rolling = !str_eqc(json_path_str(spec, "strategy.type"), "Recreate");
    if (out->rolling) {
        intstr_scaled(json_get(rolling, "maxSurge"), out->replicas, true, &surge);
        intstr_scaled(json_get(rolling, "maxUnavailable"), out->replicas, false, &unavailable);
        if (surge == 0 && unavailable == 0)
            unavailable = 1;
        if (out->replicas == 0)
            unavailable = 0;
    }
    out->surge = surge;
    out->unavailable = min64(unavailable, out->replicas);
}

int64_t rollout_total(const struct rollout *r)
{
    int64_t n = 0;
    for (size_t i = 0; i < r->n; i++)
        n += r->rs[i].replicas;
    return n;
}

int64_t rollout_new_replicas(const struct rollout *r)
{
    int64_t have = r->newest == SIZE_MAX ? 0 : r->rs[r->newest].replicas, total = rollout_total(r), max = r->replicas + r->surge;
    if (!r->rolling)
        return r->replicas;
    if (total >= max)
        return have;
    return have + min64(max - total, r->replicas - have);
}

/* ---- old ones ---- */
/* Indices of the old ReplicaSets that still want pods, oldest first, ties by name. */
static size_t old_by_age(const struct rollout *r, size_t *order)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++) {
        if (i == r->newest || r->rs[i].replicas == 0)
            continue;
        size_t at = n++;
        for (; at > 0; at--) {
            const struct rollout_rs *before = &r->rs[order[at - 1]], *one = &r->rs[i];
            if (before->created_ns < one->created_ns ||
                (before->created_ns == one->created_ns && str_cmp(before->name, one->name) <= 0))
                break;
            order[at] = order[at - 1];
        }
        order[at] = i;
    }
    return n;
}

size_t rollout_old_steps(const struct rollout *r, struct rollout_step *steps)
{
    const struct rollout_rs *newest = r->newest == SIZE_MAX ? NULL : &r->rs[r->newest];
    int64_t min_available = r->replicas - r->unavailable, available = 0;
    int64_t budget = rollout_total(r) - min_available - (newest ? newest->replicas - newest->available : 0);
    size_t *order = xcalloc(r->n + 1, sizeof *order), olds = old_by_age(r, order), count = 0;
    int64_t *left = xcalloc(r->n + 1, sizeof *left), cleaned = 0;
    for (size_t i = 0; i < r->n; i++) {
        left[i] = r->rs[i].replicas;
        available += r->rs[i].available;
    }
    for (size_t k = 0; k < olds && cleaned < budget; k++) {          /* pods that serve nobody go first */
        size_t i = order[k];
        int64_t unhealthy = min64(budget - cleaned, left[i] - r->rs[i].available);
        if (unhealthy <= 0)
            continue;
        left[i] -= unhealthy;
        cleaned += unhealthy;
        steps[count++] = (struct rollout_step){ i, left[i] };
    }
    int64_t to_stop = budget > 0 ? available - min_available : 0, stopped = 0;
    for (size_t k = 0; k < olds && stopped < to_stop; k++) {
        size_t i = order[k];
        int64_t down = min64(left[i], to_stop - stopped);
        if (down <= 0)
            continue;
        left[i] -= down;
        stopped += down;
        steps[count++] = (struct rollout_step){ i, left[i] };
    }
    free(order);
    free(left);
    return count;
}

/* ---- proportional scaling ---- */
static const struct rollout *sorting;
static bool sorting_up;

/* By size, larger first; among equals the newer first when growing, the older first when shrinking. */
static int cmp_size(const void *a, const void *b)
{
    const struct rollout_rs *x = &sorting->rs[*(const size_t *)a], *y = &sorting->rs[*(const size_t *)b];
    if (x->replicas != y->replicas)
        return x->replicas > y->replicas ? -1 : 1;
    if (x->created_ns != y->created_ns)
        return (x->created_ns > y->created_ns) == sorting_up ? -1 : 1;
    return str_cmp(x->name, y->name);
}

static int64_t round_half_away(double v) { return (int64_t)(v < 0 ? v - 0.5 : v + 0.5); }

static int64_t proportion(const struct rollout *r, const struct rollout_rs *rs, int64_t to_add, int64_t added)
{
    if (rs->replicas == 0 || to_add == 0 || to_add == added)
        return 0;
    int64_t fraction = -rs->replicas, allowed = to_add - added;
    if (r->replicas != 0) {
        int64_t annotated = rs->max >= 0 ? rs->max : r->status_replicas;
        fraction = annotated ? round_half_away((double)(rs->replicas * (r->replicas + r->surge)) / (double)annotated) -
                   rs->replicas : 0;
    }
    return to_add > 0 ? min64(fraction, allowed) : fraction > allowed ? fraction : allowed;
}

static size_t active_or_latest(const struct rollout *r)
{
    size_t active = 0, found = SIZE_MAX, latest = SIZE_MAX;
    for (size_t i = 0; i < r->n; i++) {
        if (r->rs[i].replicas > 0) {
            active++;
            found = i;
        }
        if (i != r->newest && (latest == SIZE_MAX || r->rs[i].created_ns > r->rs[latest].created_ns))
            latest = i;
    }
    if (active == 0)
        return r->newest != SIZE_MAX ? r->newest : latest;
    return active == 1 ? found : SIZE_MAX;
}

static bool saturated(const struct rollout *r)
{
    const struct rollout_rs *rs = r->newest == SIZE_MAX ? NULL : &r->rs[r->newest];
    return rs && rs->desired == r->replicas && rs->replicas == r->replicas && rs->available == r->replicas;
}

static size_t proportional(const struct rollout *r, struct rollout_step *steps)
{
    size_t n = 0, *order = xcalloc(r->n + 1, sizeof *order);
    for (size_t i = 0; i < r->n; i++)
        if (r->rs[i].replicas > 0)
            order[n++] = i;
    int64_t to_add = (r->replicas > 0 ? r->replicas + r->surge : 0) - rollout_total(r), added = 0;
    sorting = r;
    sorting_up = to_add > 0;
    if (to_add != 0)
        qsort(order, n, sizeof *order, cmp_size);
    for (size_t k = 0; k < n; k++) {
        int64_t share = proportion(r, &r->rs[order[k]], to_add, added);
        steps[k] = (struct rollout_step){ order[k], r->rs[order[k]].replicas + share };
        added += share;
    }
    if (n && to_add != added)
        steps[0].replicas = steps[0].replicas + to_add - added < 0 ? 0 : steps[0].replicas + to_add - added;
    free(order);
    return n;
}

size_t rollout_scale_steps(const struct rollout *r, struct rollout_step *steps)
{
    size_t only = active_or_latest(r), n = 0;
    if (only != SIZE_MAX) {
        steps[0] = (struct rollout_step){ only, r->replicas };
        return r->rs[only].replicas != r->replicas;
    }
    if (saturated(r)) {
        for (size_t i = 0; i < r->n; i++)
            if (i != r->newest && r->rs[i].replicas > 0)
                steps[n++] = (struct rollout_step){ i, 0 };
        return n;
    }
    return r->rolling ? proportional(r, steps) : 0;
}
