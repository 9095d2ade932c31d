/* hpa/normalize.c - from what the metrics ask for to what is allowed (horizontal.go: normalizeDesiredReplicas,
 * normalizeDesiredReplicasWithBehaviors).
 *
 * Two steps, each told in a condition: stabilization (AbleToScale) and limits (ScalingLimited). Without spec.behavior
 * the size may at most double in one step, or reach 4; with it the policies say how fast.
 */
#include "hpa/hpa_priv.h"

#include <math.h>

struct verdict { int32_t replicas; const char *reason, *message; };

static const struct verdict
    scale_up_limit = { 0, "ScaleUpLimit", "the desired replica count is increasing faster than the maximum scale rate" },
    scale_down_limit = { 0, "ScaleDownLimit", "the desired replica count is decreasing faster than the maximum scale rate" },
    too_many = { 0, "TooManyReplicas", "the desired replica count is more than the maximum replica count" },
    too_few = { 0, "TooFewReplicas", "the desired replica count is less than the minimum replica count" },
    within_range = { 0, "DesiredWithinRange", "the desired count is within the acceptable range" };

static struct verdict say(struct verdict v, int32_t replicas)
{
    v.replicas = replicas;
    return v;
}

static struct verdict limit_plain(const struct limits *lim, int32_t current, int32_t desired)
{
    int32_t cap = hpa_go_int32(fmax(lim->up_factor * (double)current, 4.0));
    int32_t upper = lim->max > cap ? cap : lim->max;
    if (desired < lim->min)
        return say(too_few, lim->min);
    if (desired > upper)
        return say(lim->max > cap ? scale_up_limit : too_many, upper);
    return say(within_range, desired);
}

static struct verdict limit_rate(const struct hpa_memory *m, const struct limits *lim, const struct behavior *b, int minor,
                                 int32_t current, int32_t desired, int64_t now_ns, struct why *why)
{
    if (desired > current) {
        int32_t limit = behavior_up_limit(m, b, minor, current, now_ns, why);
        limit = limit < current ? current : limit;
        int32_t upper = lim->max > limit ? limit : lim->max;
        if (desired > upper)
            return say(lim->max > limit ? scale_up_limit : too_many, upper);
    } else if (desired < current) {
        int32_t limit = behavior_down_limit(m, b, minor, current, now_ns, why);
        limit = limit > current ? current : limit;
        int32_t lower = lim->min < limit ? limit : lim->min;
        if (desired < lower)
            return say(lim->min < limit ? scale_down_limit : too_few, lower);
    }
    return say(within_range, desired);
}

int32_t hpa_normalize(struct arena *a, struct hpa_memory *m, struct hpa_status *st, const struct limits *lim,
                      const struct behavior *behavior, int minor, int32_t current, int32_t desired, int64_t now_ns,
                      struct why *why)
{
    int32_t stable = behavior ? stabilize_behavior(m, minor, current, desired, now_ns, behavior->up.window_s,
                                                   behavior->down.window_s, why)
                              : stabilize_plain(m, desired, now_ns, lim->down_window_ns, why);
    if (stable == desired)
        hpa_condition_put(a, st, "AbleToScale", "True", "ReadyForNewScale", "recommended size matches current size", now_ns);
    else if (behavior && desired >= current)
        hpa_condition_put(a, st, "AbleToScale", "True", "ScaleUpStabilized",
                          "recent recommendations were lower than current one, applying the lowest recent recommendation",
                          now_ns);
    else
        hpa_condition_put(a, st, "AbleToScale", "True", "ScaleDownStabilized",
                          "recent recommendations were higher than current one, applying the highest recent recommendation",
                          now_ns);

    struct verdict v = behavior ? limit_rate(m, lim, behavior, minor, current, stable, now_ns, why)
                                : limit_plain(lim, current, stable);
    hpa_condition_put(a, st, "ScalingLimited", v.replicas == stable ? "False" : "True", v.reason, v.message, now_ns);
    hpa_why_add(why, "%d is limited to %d: %s", stable, v.replicas, v.reason);
    return v.replicas;
}
