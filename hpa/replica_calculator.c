/* hpa/replica_calculator.c - the formula (pkg/controller/podautoscaler/replica_calculator.go, v1.16 to v1.34).
 *
 *     replicas = ceil(ratio * pods that were counted),   ratio = usage / target
 *
 * and everything below is caution: a ratio near 1 changes nothing (tolerance); pods without a sample are assumed to use
 * what would dampen the change; a change that caution turns into its opposite is dropped. The ratio is taken twice:
 * once over the samples there are, and once more with the assumptions put in. What is reported is the first; what
 * decides is the second. Shape of every function: false and err with upstream's words, or *out.
 */
#include "hpa/hpa_priv.h"

#include <math.h>

/* Since v1.33 the bounds are computed, before it the distance: 1.1 is within 0.1 of 1 the new way only (|1 - 1.1| is
 * 0.10000000000000009). */
static bool within(const struct question *q, double ratio)
{
    if (q->minor >= 33)
        return 1.0 - q->tolerance_down <= ratio && ratio <= 1.0 + q->tolerance_up;
    return fabs(1.0 - ratio) <= q->tolerance_up;
}

static bool opposite(double x, double y) { return (x < 1.0 && y > 1.0) || (x > 1.0 && y < 1.0); }

static void remove_samples(struct samples *s, const struct pod_set *pods)
{
    for (size_t i = 0; i < pods->n; i++)
        samples_remove(s, pods->v[i]->name);
}

static void assume_zero(struct samples *s, const struct pod_set *pods)
{
    for (size_t i = 0; i < pods->n; i++)
        samples_put(s, pods->v[i]->name, 0, 0, 0);
}

static int32_t scaled(const struct question *q, double ratio, size_t pods)
{
    int32_t n = hpa_go_int32(ceil(ratio * (double)pods));
    hpa_why_add(q->why, "ceil(%s * %zu) = %d", hpa_number(q->why, ratio), pods, n);
    return n;
}

/* The first look at pods and samples, alike for percentages and plain values. */
static bool sort_out(const struct question *q, struct samples *s, const char *resource, struct pod_groups *g, struct err *err)
{
    if (q->pod_count == 0)
        return err_set(err, ERR_IO, "no pods returned by selector while calculating replica count");
    pods_group(q, s, resource, g);
    if (q->minor >= 18)                            /* in v1.16 samples of pods on their way out still counted */
        remove_samples(s, &g->ignored);
    remove_samples(s, &g->unready);
    return true;
}

static bool any_samples(const struct question *q, const struct samples *s, struct err *err)
{
    if (s->live)
        return true;
    return err_set(err, ERR_IO,
                   q->minor >= 27 ? "did not receive metrics for targeted pods (pods might be unready)"
                                  : "did not receive metrics for any ready pods");
}

/* Nobody is missing or unready in a way that matters: the ratio as it is. */
static int32_t first_answer(const struct question *q, double ratio, int32_t current, size_t ready)
{
    if (within(q, ratio)) {
        hpa_why_add(q->why, "ratio %s is within tolerance: stay at %d", hpa_number(q->why, ratio), current);
        return current;
    }
    return scaled(q, ratio, ready);
}

/* With the assumptions put in: stay if the change has become too small or has turned round. */
static int32_t second_answer(const struct question *q, double before, double ratio, int32_t current, size_t counted,
                             bool check_direction)
{
    hpa_why_add(q->why, "with assumptions the ratio is %s over %zu pods", hpa_number(q->why, ratio), counted);
    if (within(q, ratio) || opposite(before, ratio)) {
        hpa_why_add(q->why, "within tolerance, or the direction has turned: stay at %d", current);
        return current;
    }
    int32_t n = scaled(q, ratio, counted);
    if (check_direction && ((ratio < 1.0 && n > current) || (ratio > 1.0 && n < current))) {
        hpa_why_add(q->why, "%d would move against the ratio: stay at %d", n, current);
        return current;
    }
    return n;
}

static void assume_requests(const struct question *q, struct samples *s, const struct requests *r,
                            const struct pod_set *missing, int32_t target_percent)
{
    int64_t percent = q->minor >= 26 && target_percent > 100 ? target_percent : 100;
    for (size_t i = 0; i < missing->n; i++) {
        int64_t request = r->v[(uintptr_t)map_get(r->index, missing->v[i]->name) - 1];
        samples_put(s, missing->v[i]->name, hpa_go_mul(request, percent) / 100, 0, 0);
    }
    hpa_why_add(q->why, "on a scale-down missing pods are taken to use %" PRId64 "%% of their requests", percent);
}

bool calc_utilization(const struct question *q, int32_t current, int32_t target_percent, const char *resource,
                      struct str container, struct samples *s, struct calculated *out, struct err *err)
{
    struct pod_groups g;
    struct requests req;
    struct ratio first, second;
    *out = (struct calculated){ 0 };
    if (!sort_out(q, s, resource, &g, err))
        return false;
    if (q->minor >= 27 && !any_samples(q, s, err))
        return false;
    if (!requests_of_pods(q, resource, container, &req, err))
        return false;
    if (!any_samples(q, s, err) || !ratio_to_requests(s, &req, target_percent, &first, err))
        return false;
    out->percent = first.percent;
    out->raw = first.average_milli;
    hpa_why_add(q->why, "usage is %d%% of requests, the target %d%%: ratio %s", first.percent, target_percent,
                hpa_number(q->why, first.ratio));

    bool up_with_unready = g.unready.n > 0 && first.ratio > 1.0;
    if (!up_with_unready && g.missing.n == 0) {
        out->replicas = first_answer(q, first.ratio, current, g.ready);
        return true;
    }
    if (first.ratio < 1.0)
        assume_requests(q, s, &req, &g.missing, target_percent);
    else if (first.ratio > 1.0)
        assume_zero(s, &g.missing);
    if (up_with_unready)
        assume_zero(s, &g.unready);
    if (!ratio_to_requests(s, &req, target_percent, &second, err))
        return false;
    out->replicas = second_answer(q, first.ratio, second.ratio, current, s->live, true);
    return true;
}

bool calc_plain(const struct question *q, int32_t current, int64_t target_milli, const char *resource, struct samples *s,
                struct calculated *out, struct err *err)
{
    struct pod_groups g;
    struct ratio first, second;
    *out = (struct calculated){ 0 };
    if (!sort_out(q, s, resource, &g, err) || !any_samples(q, s, err))
        return false;
    ratio_to_target(s, target_milli, &first);
    out->raw = first.average_milli;
    hpa_why_add(q->why, "usage averages %" PRId64 "m, the target is %" PRId64 "m: ratio %s", first.average_milli,
                target_milli, hpa_number(q->why, first.ratio));

    bool up_with_unready = g.unready.n > 0 && first.ratio > 1.0;
    if (!up_with_unready && g.missing.n == 0) {
        out->replicas = first_answer(q, first.ratio, current, g.ready);
        return true;
    }
    if (first.ratio < 1.0) {
        for (size_t i = 0; i < g.missing.n; i++)
            samples_put(s, g.missing.v[i]->name, target_milli, 0, 0);
    } else if (first.ratio > 1.0 || q->minor < 21) {
        assume_zero(s, &g.missing);                /* up to v1.20 also when the ratio is exactly 1 */
    }
    if (up_with_unready)
        assume_zero(s, &g.unready);
    ratio_to_target(s, target_milli, &second);
    out->replicas = second_answer(q, first.ratio, second.ratio, current, s->live, q->minor >= 21);
    return true;
}

/* ---- one number for all pods: Object and External ---- */
static int32_t capped(const struct question *q, double replicas)
{
    return q->minor >= 34 && replicas > INT32_MAX ? INT32_MAX : hpa_go_int32(ceil(replicas));
}

static bool total_to_replicas(const struct question *q, int32_t current, double ratio, int32_t *out, struct err *err)
{
    if (current == 0) {                            /* scale from zero: no tolerance, no pods to count */
        *out = hpa_go_int32(ceil(ratio));
        hpa_why_add(q->why, "no replicas now: ceil(%s) = %d", hpa_number(q->why, ratio), *out);
        return true;
    }
    if (within(q, ratio)) {
        hpa_why_add(q->why, "ratio %s is within tolerance: stay at %d", hpa_number(q->why, ratio), current);
        *out = current;
        return true;
    }
    if (q->pod_count == 0)
        return err_set(err, ERR_IO,
                       "unable to calculate ready pods: no pods returned by selector while calculating replica count");
    size_t ready = pods_ready_count(q);
    *out = capped(q, ratio * (double)ready);
    hpa_why_add(q->why, "ratio %s, %zu pods running and ready: %d", hpa_number(q->why, ratio), ready, *out);
    return true;
}

bool calc_object(const struct question *q, int32_t current, int64_t target_milli, int64_t value_milli,
                 struct calculated *out, struct err *err)
{
    *out = (struct calculated){ .raw = value_milli };
    return total_to_replicas(q, current, (double)value_milli / (double)target_milli, &out->replicas, err);
}

static int32_t average_to_replicas(const struct question *q, int32_t status_replicas, int64_t target_milli, int64_t total,
                                   bool cap)
{
    double ratio = (double)total / ((double)target_milli * (double)status_replicas);
    if (within(q, ratio)) {
        hpa_why_add(q->why, "ratio %s is within tolerance: stay at %d", hpa_number(q->why, ratio), status_replicas);
        return status_replicas;
    }
    double wanted = ceil((double)total / (double)target_milli);
    int32_t n = cap ? capped(q, wanted) : hpa_go_int32(wanted);
    hpa_why_add(q->why, "ratio %s: ceil(%" PRId64 " / %" PRId64 ") = %d", hpa_number(q->why, ratio), total,
                target_milli, n);
    return n;
}

void calc_object_per_pod(const struct question *q, int32_t status_replicas, int64_t target_milli, int64_t value_milli,
                         struct calculated *out)
{
    *out = (struct calculated){ .replicas = average_to_replicas(q, status_replicas, target_milli, value_milli, false),
                                .raw = hpa_go_int64(ceil((double)value_milli / (double)status_replicas)) };
}

bool calc_external(const struct question *q, int32_t current, int64_t target_milli, const int64_t *values, size_t n,
                   struct calculated *out, struct err *err)
{
    int64_t total = 0;
    for (size_t i = 0; i < n; i++) {
        if (q->minor >= 34 && values[i] > 0 && total > INT64_MAX - values[i]) {
            total = INT64_MAX;
            break;
        }
        total = hpa_go_add(total, values[i]);
    }
    *out = (struct calculated){ .raw = total };
    return total_to_replicas(q, current, (double)total / (double)target_milli, &out->replicas, err);
}

void calc_external_per_pod(const struct question *q, int32_t status_replicas, int64_t target_milli, const int64_t *values,
                           size_t n, struct calculated *out)
{
    int64_t total = 0;
    for (size_t i = 0; i < n; i++) {
        total = hpa_go_add(total, values[i]);
        if (q->minor >= 34 && total < 0) {
            total = INT64_MAX;
            break;
        }
    }
    bool full = q->minor >= 34 && (double)total >= 9223372036854775807.0;
    *out = (struct calculated){ .replicas = average_to_replicas(q, status_replicas, target_milli, total, true),
                                .raw = full ? INT64_MAX : hpa_go_int64(ceil((double)total / (double)status_replicas)) };
}
