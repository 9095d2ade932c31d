/* sim/api/condition.c - status.conditions[]: what is true of an object, since when, and why.
 *
 * Each kind has its own condition struct upstream and its own SetXCondition helper (pkg/api/v1/pod/util.go, deployment/util,
 * podautoscaler/horizontal.go's setConditionInList); they agree on this: one entry per type, in order of first appearance, and
 * lastTransitionTime moves only when status does. They differ in one more time: lastProbeTime (pods), lastUpdateTime
 * (deployments), lastHeartbeatTime (nodes), which stands before lastTransitionTime.
 */
#include "sim/api/api.h"

struct json *condition_find(const struct json *conditions, const char *type)
{
    for (struct json *c = json_first(conditions); c; c = json_next(c))
        if (str_eqc(json_get_str(c, "type"), type))
            return c;
    return NULL;
}

bool condition_is_true(const struct json *obj, const char *type)
{
    const struct json *c = condition_find(json_path(obj, "status.conditions"), type);
    return str_eqc(json_get_str(c, "status"), "True");
}

bool condition_set(struct arena *a, struct json *conditions, const char *type, const char *status, const char *reason,
                   const char *message, int64_t now_ns)
{
    return condition_set_ext(a, conditions, type, status, reason, message, now_ns, NULL, -1);
}

static bool same(const struct json *c, const char *key, const char *want)
{
    return str_eqc(json_get_str(c, key), want ? want : "");
}

static struct json *time_node(struct arena *a, int64_t unix_ns)
{
    return unix_ns < 0 ? json_null(a) : json_new_str(a, time_rfc3339(a, unix_ns));
}

/* A changed condition is built anew and takes the old one's place, so that its keys always have upstream's order. */
bool condition_set_ext(struct arena *a, struct json *conditions, const char *type, const char *status, const char *reason,
                       const char *message, int64_t now_ns, const char *extra_time_key, int64_t extra_ns)
{
    ASSERT(json_is(conditions, JSON_ARRAY));
    struct json *old = condition_find(conditions, type);
    bool same_status = old && same(old, "status", status);
    if (same_status && same(old, "reason", reason) && same(old, "message", message))
        return false;
    struct json *c = json_new_object(a);
    json_set_strc(a, c, "type", type);
    json_set_strc(a, c, "status", status);
    if (extra_time_key)
        json_set(a, c, extra_time_key, time_node(a, extra_ns));
    struct json *since = same_status ? json_get(old, "lastTransitionTime") : NULL;
    json_set(a, c, "lastTransitionTime", since ? json_copy(a, since) : time_node(a, now_ns));
    if (reason && *reason)
        json_set_strc(a, c, "reason", reason);
    if (message && *message)
        json_set_strc(a, c, "message", message);
    if (old)
        json_replace(conditions, old, c);
    else
        json_append(conditions, c);
    return true;
}

void condition_set_observed(struct arena *a, struct json *conditions, const char *type, const char *status, int64_t generation,
                            const char *reason, const char *message, int64_t now_ns)
{
    struct json *old = condition_find(conditions, type), *c = json_new_object(a);
    const struct json *since = old && same(old, "status", status) ? json_get(old, "lastTransitionTime") : NULL;
    json_set_strc(a, c, "type", type);
    json_set_strc(a, c, "status", status);
    if (generation)
        json_set_int(a, c, "observedGeneration", generation);
    json_set(a, c, "lastTransitionTime", since ? json_copy(a, since) : time_node(a, now_ns));
    json_set_strc(a, c, "reason", reason);
    json_set_strc(a, c, "message", message);
    if (old)
        json_replace(conditions, old, c);
    else
        json_append(conditions, c);
}

/* Upstream: component-helpers apps/poddisruptionbudget, which the controller and the eviction handler share. */
void disruption_condition_set(struct arena *a, struct json *status, int64_t now_ns)
{
    bool allowed = json_get_int(status, "disruptionsAllowed", 0) > 0;
    condition_set_observed(a, json_ensure_array(a, status, "conditions"), "DisruptionAllowed", allowed ? "True" : "False",
                           json_get_int(status, "observedGeneration", 0), allowed ? "SufficientPods" : "InsufficientPods", "", now_ns);
}
