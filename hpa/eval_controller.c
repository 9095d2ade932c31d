/* hpa/eval_controller.c - whole passes over records: `kubelab hpa eval controller`.
 *
 * A record holds an autoscaler's spec and a row of ticks; what a tick writes as status is what the next one finds, and
 * the memory goes on too. Upstream's own test cases come as single passes with everything spelt out under "in" ("hpa",
 * "status_before", ...); they are ticks of one.
 */
#include "hpa/hpa_priv.h"

static bool bad(struct err *err, const char *what) { return err_set(err, ERR_PARSE, "%s", what); }

/* ---- in ---- */
static bool read_call(struct reconcile *r, struct metric_call *c, const struct json *answer, struct err *err)
{
    struct str text = json_get_str(answer, "error");
    if (text.n)
        c->error = arena_cstr(r->a, text);
    if (c->kind == CALL_RESOURCE || c->kind == CALL_PODS) {
        if (!eval_samples(r->a, r->cfg->minor, answer, c->container, r->now_ns, &c->samples, &c->error))
            return bad(err, "a metric call holds no samples");
        return true;
    }
    c->value = json_get_int(answer, "value", 0);
    return eval_values(r->a, json_get(answer, "values"), &c->values, &c->value_count) ||
           bad(err, "a metric call's values are not a list");
}

/* Calls are recorded in the order of the spec; a metric that asks nothing (no target) has none. */
static bool read_calls(struct reconcile *r, const struct json *in, struct err *err)
{
    const struct hpa_pod *pods;
    size_t n, next = 0;
    const struct json *list = json_get(in, "metrics");
    if (!eval_pods(r->a, json_get(in, "pods"), r->now_ns, &pods, &n))
        return bad(err, "a tick's pods hold something that is not a pod");
    for (size_t i = 0; i < r->call_count; i++) {
        struct metric_call *c = &r->calls[i];
        c->pods = pods;
        c->pod_count = n;
        if (c->kind == CALL_NONE)
            continue;
        const struct json *answer = json_at(list, next++);
        samples_init(&c->samples, r->a);
        if (!answer)
            c->error = "the record holds no answer to this call";
        else if (!read_call(r, c, answer, err))
            return false;
    }
    return true;
}

/* ---- out ---- */
static struct json *relative(struct arena *a, int64_t at_ns, int64_t now_ns)
{
    return json_new_int(a, (at_ns - now_ns) / SECOND_NS);
}

static struct json *status_out(struct reconcile *r)
{
    struct arena *a = r->a;
    struct json *conditions = json_new_array(a);
    for (size_t i = 0; i < r->status.condition_count; i++) {
        const struct hpa_condition *c = &r->status.conditions[i];
        json_append(conditions, json_buildf(a, "{'message':%s,'reason':%s,'status':%s,'t':%j,'type':%s}", c->message,
                                            c->reason, c->status, relative(a, c->at_ns, r->now_ns), c->type));
    }
    return json_buildf(
        a, "{'conditions':%j,'currentMetrics':%j,'currentReplicas':%d,'desiredReplicas':%d,'lastScaleTime':%j}", conditions,
        json_len(r->status.metrics) ? json_copy(a, r->status.metrics) : NULL, (int64_t)r->status.current,
        (int64_t)r->status.desired, r->status.has_last_scale ? relative(a, r->status.last_scale_ns, r->now_ns) : NULL);
}

static struct json *tick_out(struct reconcile *r, struct json *updates)
{
    if (r->late_event)
        reconcile_event(r, "Warning", "FailedComputeMetricsReplicas", r->late_event);
    struct json *events = r->event_count ? json_new_array(r->a) : NULL;
    for (size_t i = 0; i < r->event_count; i++)
        json_append(events, json_buildf(r->a, "[%s,%s,%s]", r->events[i].type, r->events[i].reason, r->events[i].message));
    return json_buildf(r->a, "{'error':%s,'events':%j,'scale_updates':%j,'status':%j}", r->error, events, updates,
                       hpa_status_equal(&r->before, &r->status) ? NULL : status_out(r));
}

/* ---- a tick ---- */
/* What the PUTs of the scale came to: one, or up to five while they meet conflicts (v1.34). */
static const char *put_scale(struct reconcile *r, const struct json *in, struct json *updates)
{
    const struct json *errors = json_get(in, "scale_update_errors");
    const char *error = NULL;
    for (size_t i = 0; i < 5; i++) {
        struct str text = errors ? json_str(json_at(errors, i)) : json_get_str(in, "scale_update_error");
        error = text.n ? arena_cstr(r->a, text) : NULL;
        json_append(updates, json_new_int(r->a, r->desired));
        if (!error || r->cfg->minor < 34 || !strstr(error, "Operation cannot be fulfilled on "))
            break;
    }
    return error;
}

static struct json *run_tick(struct reconcile *r, const struct json *in, struct err *err)
{
    struct json *updates = json_new_array(r->a);
    struct str get_error = json_get_str(in, "scale_get_error");
    reconcile_init(r);
    if (get_error.n) {
        reconcile_scale_failed(r, arena_cstr(r->a, get_error),
                               arena_printf(r->a, "failed to query scale subresource for %s: ", r->reference));
        return tick_out(r, updates);
    }
    if (!read_calls(r, in, err))
        return NULL;
    reconcile_begin(r);
    if (reconcile_decide(r))
        reconcile_finish(r, r->rescale ? put_scale(r, in, updates) : NULL);
    return tick_out(r, updates);
}

/* ---- records ---- */
static struct json *row_of_ticks(struct reconcile *base, const struct json *ticks, struct err *err)
{
    struct json *out = json_new_array(base->a);
    struct hpa_status status = { 0 };
    size_t i = 0;
    for (const struct json *t = json_first(ticks); t; t = json_next(t), i++) {
        const struct json *in = json_get(t, "in");
        if (!json_is(in, JSON_OBJECT) || !json_is(json_get(in, "t"), JSON_INT)) {
            err_set(err, ERR_PARSE, "tick %zu has no time and input", i);
            return NULL;
        }
        struct reconcile r = *base;
        if (r.why)
            r.why->prefix = arena_printf(r.a, "tick %zu: ", i);
        r.before = status;
        r.now_ns = eval_time(json_get(in, "t"), 0);
        r.spec_replicas = (int32_t)json_get_int(in, "spec", 0);
        r.status_replicas = (int32_t)json_get_int(in, "status", 0);
        r.selector = json_get(in, "selector") ? json_get_str(in, "selector") : STR("app=a");
        struct json *tick = run_tick(&r, in, err);
        if (!tick)
            return NULL;
        json_append(out, tick);
        status = r.status;
    }
    return out;
}

static void read_memory(struct hpa_memory *m, const struct json *in)
{
    for (const struct json *j = json_first(json_get(in, "recommendations_before")); j; j = json_next(j))
        hpa_memory_store(m, SIZE_MAX, (int32_t)json_get_int(j, "r", 0), eval_time(json_get(j, "t"), 0));
    static const char *const keys[] = { "scale_up_events_before", "scale_down_events_before" };
    for (size_t k = 0; k < ARRAY_LEN(keys); k++) {
        struct scale_events *e = k == 0 ? &m->up : &m->down;
        const struct json *list = json_get(in, keys[k]);
        e->v = xcalloc(json_len(list) + 1, sizeof *e->v);
        e->cap = json_len(list) + 1;
        for (const struct json *j = json_first(list); j; j = json_next(j))
            e->v[e->n++] = (struct scale_event){ eval_time(json_get(j, "t"), 0), (int32_t)json_get_int(j, "change", 0),
                                                 json_get_bool(j, "outdated", false) };
    }
}

/* A status in the records' notation: conditions with t instead of lastTransitionTime. */
static void read_status(struct arena *a, const struct json *j, struct hpa_status *out)
{
    hpa_status_read(a, j, out);
    const struct json *conditions = json_get(j, "conditions"), *last = json_get(j, "lastScaleTime");
    for (size_t i = 0; i < out->condition_count; i++)
        out->conditions[i].at_ns = eval_time(json_get(json_at(conditions, i), "t"), 0);
    out->has_last_scale = json_is(last, JSON_INT) || json_is(last, JSON_FLOAT);
    out->last_scale_ns = eval_time(last, 0);
}

static double number(const struct json *in, const char *key, double dflt) { return json_double(json_get(in, key), dflt); }

static struct json *single_pass(struct reconcile *r, struct hpa_config *cfg, const struct json *in, struct err *err)
{
    cfg->tolerance = number(in, "tolerance", cfg->tolerance);
    cfg->up_factor = number(in, "scale_up_limit_factor", cfg->up_factor);
    cfg->cpu_init_ns = eval_time(json_get(in, "cpu_init_s"), 0);
    cfg->ready_delay_ns = eval_time(json_get(in, "ready_delay_s"), 0);
    cfg->down_window_ns = eval_time(json_get(in, "downscale_window_s"), 0);
    cfg->tolerance_gate = json_get_bool(in, "configurable_tolerance_gate", false);
    r->hpa = json_get(in, "hpa");
    r->spec_replicas = (int32_t)json_get_int(in, "scale_spec_replicas", 0);
    r->status_replicas = (int32_t)json_get_int(in, "scale_status_replicas", 0);
    r->selector = json_get_str(in, "scale_selector");
    read_memory(r->memory, in);
    read_status(r->a, json_get(in, "status_before"), &r->before);
    struct json *tick = run_tick(r, in, err), *out = json_new_array(r->a);
    if (!tick)
        return NULL;
    json_append(out, tick);
    return out;
}

struct json *eval_controller(struct arena *a, int minor, const struct json *record, struct why *why, struct err *err)
{
    struct hpa_config cfg = { .minor = minor,
                              .tolerance = 0.1,
                              .up_factor = 2,
                              .cpu_init_ns = 300 * SECOND_NS,
                              .ready_delay_ns = 30 * SECOND_NS,
                              .down_window_ns = 300 * SECOND_NS,
                              .tolerance_gate = minor >= 33,
                              .pod_level_resources = minor >= 34 };
    struct hpa_memory memory = { 0 };
    struct reconcile r = { .a = a, .cfg = &cfg, .memory = &memory, .why = why };
    const struct json *spec = json_get(record, "hpa_spec"), *ticks = json_get(record, "ticks"), *in = json_get(record, "in");
    struct json *out = NULL;
    if (json_is(spec, JSON_OBJECT) && json_is(ticks, JSON_ARRAY)) {
        r.hpa = json_buildf(a, "{'metadata':{'name':'web','namespace':'ns'},'spec':%j}", json_copy(a, spec));
        out = row_of_ticks(&r, ticks, err);
    } else if (json_is(json_get(in, "hpa"), JSON_OBJECT)) {
        out = single_pass(&r, &cfg, in, err);
    } else {
        bad(err, "a record has hpa_spec and ticks");
    }
    hpa_memory_deinit(&memory);
    return out;
}
