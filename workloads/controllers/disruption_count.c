/* workloads/controllers/disruption_count.c - what a PodDisruptionBudget allows: numbers and percentages, pods that are about to go,
 * status (pkg/controller/disruption: getExpectedPodCount, buildDisruptedPodMap, countHealthyPods, updatePdbStatus, failSafe). */
#include "workloads/controllers/disruption.h"

bool budget_needs_scale(const struct json *spec)
{
    return json_get(spec, "maxUnavailable") || json_is(json_get(spec, "minAvailable"), JSON_STRING);
}

/* Both round up: a third of ten pods that may be away is four, and so is a third that must be there. */
bool budget_desired(const struct json *spec, struct budget_count *out)
{
    const struct json *max = json_get(spec, "maxUnavailable"), *min = json_get(spec, "minAvailable");
    int64_t n = 0;
    out->desired = 0;
    if (!max && !min)
        return true;
    if (!intstr_scaled(max ? max : min, out->expected, true, &n))
        return false;
    out->desired = max ? out->expected - n : n;
    if (max && out->desired < 0)
        out->desired = 0;
    return true;
}

struct json *budget_disrupted(struct arena *a, const struct json *pdb, const struct json *const *pods, size_t n, int64_t now_ns,
                              int64_t *recheck_ns, void (*late)(void *ctx, const struct json *pod), void *ctx)
{
    const struct json *before = json_path(pdb, "status.disruptedPods");
    struct json *still = json_new_object(a);
    *recheck_ns = 0;
    for (size_t i = 0; i < n; i++) {
        const struct json *since = json_getn(before, meta_name(pods[i]));
        int64_t ns = 0;
        if (!since || meta_deleting(pods[i]))
            continue;
        time_parse_rfc3339(json_str(since), &ns);
        ns += DISRUPTION_DELETION_TIMEOUT_NS;
        if (ns < now_ns) {
            if (late)
                late(ctx, pods[i]);
            continue;
        }
        json_setn(a, still, meta_name(pods[i]), json_copy(a, since));
        if (!*recheck_ns || ns < *recheck_ns)
            *recheck_ns = ns;
    }
    return still;
}

int64_t budget_healthy(const struct json *const *pods, size_t n, const struct json *disrupted)
{
    int64_t healthy = 0;
    for (size_t i = 0; i < n; i++)
        healthy += !meta_deleting(pods[i]) && !json_getn(disrupted, meta_name(pods[i])) && pod_is_ready(pods[i]);
    return healthy;
}

struct json *budget_status(struct arena *a, int minor, const struct json *pdb, const struct budget_count *count,
                           const struct json *disrupted, int64_t now_ns)
{
    int64_t allowed = count->healthy - count->desired, generation = json_path_int(pdb, "metadata.generation", 0);
    if (count->expected <= 0 || allowed < 0)       /* a budget without pods is safe until the first ones are counted */
        allowed = 0;
    struct json *st = json_new_object(a);
    if (generation)
        json_set_int(a, st, "observedGeneration", generation);
    if (json_len(disrupted))
        json_set(a, st, "disruptedPods", json_copy(a, disrupted));
    json_set_int(a, st, "disruptionsAllowed", allowed);
    json_set_int(a, st, "currentHealthy", count->healthy);
    json_set_int(a, st, "desiredHealthy", count->desired);
    json_set_int(a, st, "expectedPods", count->expected);
    if (minor < 21)
        return st;
    const struct json *conditions = json_path(pdb, "status.conditions");
    json_set(a, st, "conditions", conditions ? json_copy(a, conditions) : json_new_array(a));
    disruption_condition_set(a, st, now_ns);
    return st;
}

struct json *budget_failed_status(struct arena *a, int minor, const struct json *pdb, const char *why, int64_t now_ns)
{
    const struct json *before = json_get(pdb, "status");
    struct json *st = before ? json_copy(a, before) : json_new_object(a);
    json_set_int(a, st, "disruptionsAllowed", 0);
    if (minor >= 21)
        condition_set_observed(a, json_ensure_array(a, st, "conditions"), "DisruptionAllowed", "False",
                               json_get_int(st, "observedGeneration", 0), "SyncFailed", why, now_ns);
    return st;
}
