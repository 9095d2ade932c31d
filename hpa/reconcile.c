/* hpa/reconcile.c - one pass over one autoscaler (horizontal.go: reconcileAutoscaler), without the waiting.
 *
 * Upstream's function asks the API in its midst; here it is cut where it asks, so that the pieces stay pure: begin
 * (after GET scale), decide (after the metrics), finish (after PUT scale). Events and the new status are collected for
 * the caller to send.
 */
#include "hpa/hpa_priv.h"

void reconcile_event(struct reconcile *r, const char *type, const char *reason, const char *message)
{
    if (r->event_count == r->event_cap) {
        size_t cap = r->event_cap ? r->event_cap * 2 : 8;
        r->events = arena_realloc(r->a, r->events, r->event_cap * sizeof *r->events, cap * sizeof *r->events);
        r->event_cap = cap;
    }
    r->events[r->event_count++] = (struct hpa_event){ type, reason, arena_strdup(r->a, message) };
}

static void put(struct reconcile *r, const char *type, const char *status, const char *reason, const char *message)
{
    hpa_condition_put(r->a, &r->status, type, status, reason, message, r->now_ns);
}

/* before must be filled in by the caller: the status as the API knows it. */
void reconcile_init(struct reconcile *r)
{
    const struct json *spec = json_get(r->hpa, "spec"), *target = json_get(spec, "scaleTargetRef"),
                      *metrics = json_get(spec, "metrics");
    r->status = r->before;
    r->reference = arena_printf(r->a, STR_FMT "/" STR_FMT "/" STR_FMT, STR_ARG(json_get_str(target, "kind")),
                                STR_ARG(meta_namespace(r->hpa)), STR_ARG(json_get_str(target, "name")));
    r->min = (int32_t)json_get_int(spec, "minReplicas", 1);
    r->max = (int32_t)json_get_int(spec, "maxReplicas", 0);
    r->has_behavior = r->cfg->minor >= 18 &&
                      behavior_read(r->a, json_get(spec, "behavior"), r->cfg->down_window_ns / SECOND_NS, &r->behavior);
    r->calls = arena_zalloc(r->a, (json_len(metrics) + 1) * sizeof *r->calls);
    r->call_count = 0;
    for (const struct json *m = json_first(metrics); m; m = json_next(m))
        metric_call_of_spec(r->a, m, r->cfg->minor, &r->calls[r->call_count++]);
}

void reconcile_scale_failed(struct reconcile *r, const char *message, const char *log_prefix)
{
    reconcile_event(r, "Warning", "FailedGetScale", message);
    put(r, "AbleToScale", "False", "FailedGetScale",
        arena_printf(r->a, "the HPA controller was unable to get the target's current scale: %s", message));
    r->error = arena_printf(r->a, "%s%s", log_prefix, message);
}

/* labels.Parse was reworded after v1.20. */
static const char *selector_words(struct arena *a, int minor, const char *msg)
{
    static const char old_words[] = "'=', '!=', '==', 'in', notin'";
    const char *at = strstr(msg, old_words);
    if (minor <= 20 || !at)
        return msg;
    return arena_printf(a, "%.*sin, notin, =, ==, !=, gt, lt%s", (int)(at - msg), msg, at + sizeof old_words - 1);
}

static bool check_selector(struct reconcile *r, const char **error)
{
    struct err err = { 0 };
    if (r->selector.n == 0) {
        *error = "selector is required";
        reconcile_event(r, "Warning", "SelectorRequired", *error);
        put(r, "ScalingActive", "False", "InvalidSelector", "the HPA target's scale is missing a selector");
        return false;
    }
    r->parsed_selector = selector_parse(r->a, r->selector, &err);
    if (!r->parsed_selector) {
        *error = arena_printf(r->a, "couldn't convert selector into a corresponding internal selector object: %s",
                              selector_words(r->a, r->cfg->minor, err.msg));
        err_clear(&err);
        reconcile_event(r, "Warning", "InvalidSelector", *error);
        put(r, "ScalingActive", "False", "InvalidSelector", *error);
        return false;
    }
    return true;
}

static bool outside(const struct reconcile *r) { return r->spec_replicas > r->max || r->spec_replicas < r->min; }

void reconcile_begin(struct reconcile *r)
{
    put(r, "AbleToScale", "True", "SucceededGetScale", "the HPA controller was able to get the target's current scale");
    hpa_memory_seed(r->memory, r->spec_replicas, r->now_ns);
    r->desired = r->spec_replicas;
    r->reason = "";
    r->wants_metrics = !(r->spec_replicas == 0 && r->min != 0) && !outside(r);
    hpa_why_add(r->why, "%s has %d replicas; allowed are %d to %d", r->reference, r->spec_replicas, r->min, r->max);
}

/* setStatus of upstream: everything but the conditions anew. */
static void fill_status(struct reconcile *r, int32_t desired, struct json *metrics, bool rescaled)
{
    r->status.current = r->spec_replicas;
    r->status.desired = desired;
    r->status.metrics = metrics;
    if (rescaled) {
        r->status.has_last_scale = true;
        r->status.last_scale_ns = r->now_ns;
    }
}

static bool decide_by_metrics(struct reconcile *r)
{
    const char *error = NULL, *metric_name = "";
    int32_t proposed = 0;
    bool ok = check_selector(r, &error);
    if (ok && r->ambiguous) {
        error = r->ambiguous;
        reconcile_event(r, "Warning", "AmbiguousSelector", error);
        put(r, "ScalingActive", "False", "AmbiguousSelector", error);
        ok = false;
    }
    if (!ok || !reconcile_metrics(r, &proposed, &metric_name, &error)) {
        fill_status(r, r->status.desired, r->cfg->minor >= 29 ? r->metric_statuses : r->status.metrics, false);
        r->late_event = error;
        r->error = arena_printf(r->a, "failed to compute desired number of replicas based on listed metrics for %s: %s",
                                r->reference, error ? error : "");
        return false;
    }
    r->error = error;                              /* of some metric; the others were enough */
    int32_t desired = proposed > 0 ? proposed : 0;
    if (desired > r->spec_replicas)
        r->reason = arena_printf(r->a, "%s above target", metric_name);
    else if (desired < r->spec_replicas)
        r->reason = "All metrics below target";
    struct limits lim = { r->min, r->max, r->cfg->up_factor, r->cfg->down_window_ns };
    r->desired = hpa_normalize(r->a, r->memory, &r->status, &lim, r->has_behavior ? &r->behavior : NULL, r->cfg->minor,
                               r->spec_replicas, desired, r->now_ns, r->why);
    return true;
}

bool reconcile_decide(struct reconcile *r)
{
    if (r->spec_replicas == 0 && r->min != 0) {
        r->desired = 0;
        put(r, "ScalingActive", "False", "ScalingDisabled", "scaling is disabled since the replica count of the target is zero");
        return true;
    }
    if (r->spec_replicas > r->max) {
        r->desired = r->max;
        r->reason = "Current number of replicas above Spec.MaxReplicas";
    } else if (r->spec_replicas < r->min) {
        r->desired = r->min;
        r->reason = "Current number of replicas below Spec.MinReplicas";
    } else if (!decide_by_metrics(r)) {
        return false;
    }
    r->rescale = r->desired != r->spec_replicas;
    hpa_why_add(r->why, r->rescale ? "scale from %d to %d" : "stay at %d", r->spec_replicas, r->desired);
    return true;
}

void reconcile_finish(struct reconcile *r, const char *update_error)
{
    struct arena *a = r->a;
    if (r->rescale && update_error) {
        reconcile_event(r, "Warning", "FailedRescale",
                        arena_printf(a, "New size: %d; reason: %s; error: %s", r->desired, r->reason, update_error));
        put(r, "AbleToScale", "False", "FailedUpdateScale",
            arena_printf(a, "the HPA controller was unable to update the target scale: %s", update_error));
        fill_status(r, r->status.desired, r->cfg->minor >= 29 ? r->metric_statuses : r->status.metrics, false);
        r->error = arena_printf(a, "failed to rescale %s: %s", r->reference, update_error);
        return;
    }
    if (r->rescale) {
        r->rescaled = true;
        put(r, "AbleToScale", "True", "SucceededRescale",
            arena_printf(a, "the HPA controller was able to update the target scale to %d", r->desired));
        reconcile_event(r, "Normal", "SuccessfulRescale", arena_printf(a, "New size: %d; reason: %s", r->desired, r->reason));
        if (r->has_behavior)
            behavior_store_event(r->memory, &r->behavior, r->spec_replicas, r->desired, r->now_ns);
    }
    fill_status(r, r->desired, r->metric_statuses, r->rescale);
}
