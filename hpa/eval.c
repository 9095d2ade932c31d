/* hpa/eval.c - `kubelab hpa eval`: the autoscaler's arithmetic on records, one JSON line in, one JSON line out.
 *
 * A record says what the autoscaler saw; the answer says what it would do. calculator: one metric, one number.
 * sequence: a row of wishes through stabilization and limits. controller: whole passes with events and status
 * (eval_controller.c). What a record itself notes as an answer is not looked at.
 */
#include "hpa/hpa_priv.h"

static bool bad(struct err *err, const char *what) { return err_set(err, ERR_PARSE, "%s", what); }

/* ---- calculator ---- */
enum quantity_kind { ASK_UTILIZATION, ASK_RAW, ASK_PODS, ASK_OBJECT, ASK_OBJECT_PER_POD, ASK_EXTERNAL, ASK_EXTERNAL_PER_POD };
static const struct { const char *name; enum metric_call_kind call; } kinds[] = {
    [ASK_UTILIZATION] = { "resource_utilization", CALL_RESOURCE }, [ASK_RAW] = { "resource_raw", CALL_RESOURCE },
    [ASK_PODS] = { "pods", CALL_PODS },                            [ASK_OBJECT] = { "object", CALL_OBJECT },
    [ASK_OBJECT_PER_POD] = { "object_per_pod", CALL_OBJECT },      [ASK_EXTERNAL] = { "external", CALL_EXTERNAL },
    [ASK_EXTERNAL_PER_POD] = { "external_per_pod", CALL_EXTERNAL },
};

struct calculator_case {
    size_t             kind;
    struct question    q;
    int32_t            current;
    int64_t            target, value, *values;
    size_t             value_count;
    const char        *resource, *error;           /* error: the metrics client's */
    struct str         container;
    struct samples     samples;
};

static bool is_number(const struct json *j) { return json_is(j, JSON_INT) || json_is(j, JSON_FLOAT); }

static bool read_question(struct arena *a, int minor, const struct json *in, struct calculator_case *c, struct err *err)
{
    static const char *const numbers[] = { "current_replicas", "target", "tol_up", "tol_down", "cpu_init_s", "ready_delay_s" };
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        if (!is_number(json_get(in, numbers[i])))
            return err_set(err, ERR_PARSE, "in.%s is not a number", numbers[i]);
    for (c->kind = 0; c->kind < ARRAY_LEN(kinds) && !str_eqc(json_get_str(in, "kind"), kinds[c->kind].name); c->kind++)
        ;
    if (c->kind == ARRAY_LEN(kinds))
        return bad(err, "in.kind is not a kind of metric");
    c->q = (struct question){ .a = a,
                              .minor = minor,
                              .cpu_init_ns = eval_time(json_get(in, "cpu_init_s"), 0),
                              .ready_delay_ns = eval_time(json_get(in, "ready_delay_s"), 0),
                              .tolerance_up = json_double(json_get(in, "tol_up"), 0),
                              .tolerance_down = json_double(json_get(in, "tol_down"), 0),
                              .pod_level_resources = json_get_bool(in, "pod_level_resources", false) && minor >= 34 };
    c->current = (int32_t)json_get_int(in, "current_replicas", 0);
    c->target = json_get_int(in, "target", 0);
    const struct json *resource = json_get(in, "resource");
    c->resource = kinds[c->kind].call != CALL_RESOURCE ? "" : json_str(resource).n ? arena_cstr(a, json_str(resource)) : "cpu";
    c->container = json_get_str(in, "container");
    return eval_pods(a, json_get(in, "pods"), 0, &c->q.pods, &c->q.pod_count) || bad(err, "in.pods is not a list of pods");
}

static bool read_metrics(struct arena *a, int minor, const struct json *m, struct calculator_case *c, struct err *err)
{
    static const char *const calls[] = {
        [CALL_RESOURCE] = "resource", [CALL_PODS] = "pods", [CALL_OBJECT] = "object", [CALL_EXTERNAL] = "external"
    };
    enum metric_call_kind call = kinds[c->kind].call;
    if (!json_is(m, JSON_OBJECT) || (json_get(m, "call") && !str_eqc(json_get_str(m, "call"), calls[call])))
        return bad(err, "in.metrics does not fit in.kind");
    struct str text = json_get_str(m, "error");
    c->error = text.n ? arena_cstr(a, text) : NULL;
    if (call == CALL_RESOURCE || call == CALL_PODS)
        return eval_samples(a, minor, m, c->container, 0, &c->samples, &c->error) || bad(err, "in.metrics holds no samples");
    c->value = json_get_int(m, "value", 0);
    if (call == CALL_OBJECT && !c->error && !is_number(json_get(m, "value")))
        return bad(err, "in.metrics.value is not a number");
    return eval_values(a, json_get(m, "values"), &c->values, &c->value_count) || bad(err, "in.metrics.values is not a list");
}

static bool calculate(struct calculator_case *c, struct calculated *n, struct err *err)
{
    const struct metric_name names = {
        .name = kinds[c->kind].call == CALL_RESOURCE ? c->resource : "qps",
        .ns = STR("ns"),
        .object_kind = STR("Service"),
        .object_name = STR("svc"),
        .selector = "&LabelSelector{MatchLabels:map[string]string{q: x,},MatchExpressions:[]LabelSelectorRequirement{},}"
    };
    if (c->error)
        return metric_unavailable(err, kinds[c->kind].call, &names, c->error);
    switch ((enum quantity_kind)c->kind) {
    case ASK_UTILIZATION:
        return calc_utilization(&c->q, c->current, (int32_t)c->target, c->resource, c->container, &c->samples, n, err);
    case ASK_RAW:
    case ASK_PODS: return calc_plain(&c->q, c->current, c->target, c->resource, &c->samples, n, err);
    case ASK_OBJECT: return calc_object(&c->q, c->current, c->target, c->value, n, err);
    case ASK_OBJECT_PER_POD: calc_object_per_pod(&c->q, c->current, c->target, c->value, n); return true;
    case ASK_EXTERNAL: return calc_external(&c->q, c->current, c->target, c->values, c->value_count, n, err);
    case ASK_EXTERNAL_PER_POD: calc_external_per_pod(&c->q, c->current, c->target, c->values, c->value_count, n); return true;
    }
    return true;
}

static struct json *eval_calculator(struct arena *a, int minor, const struct json *record, struct why *why, struct err *err)
{
    struct calculator_case c = { 0 };
    const struct json *in = json_get(record, "in");
    if (!json_is(in, JSON_OBJECT)) {
        bad(err, "\"in\" is not an object");
        return NULL;
    }
    if (!read_question(a, minor, in, &c, err) || !read_metrics(a, minor, json_get(in, "metrics"), &c, err))
        return NULL;
    c.q.why = why;
    struct calculated n = { 0 };
    struct err failure = { 0 };
    bool ok = calculate(&c, &n, &failure);
    if (!ok)
        n = (struct calculated){ 0 };
    struct json *out = json_buildf(a, "{'error':%j,'raw':%d,'replicas':%d}",
                                   ok ? json_null(a) : json_new_strc(a, failure.msg), n.raw, (int64_t)n.replicas);
    if (c.kind == ASK_UTILIZATION)
        json_set_int(a, out, "utilization", n.percent);
    return out;
}

/* ---- sequence ---- */
static const struct hpa_condition *find(const struct hpa_status *s, const char *type)
{
    static const struct hpa_condition none = { "", "", "", "", 0 };
    for (size_t i = 0; i < s->condition_count; i++)
        if (strcmp(s->conditions[i].type, type) == 0)
            return &s->conditions[i];
    return &none;
}

static bool sequence_tick(struct arena *a, int minor, const struct json *tick, struct hpa_memory *m,
                          const struct limits *lim, const struct behavior *b, int64_t *now_ns, struct json *out,
                          struct why *why)
{
    for (size_t i = 0; i < 3; i++)
        if (!json_is(json_at(tick, i), JSON_INT))
            return false;
    int32_t current = (int32_t)json_int(json_at(tick, 1), 0), desired = (int32_t)json_int(json_at(tick, 2), 0);
    struct hpa_status st = { 0 };
    *now_ns = hpa_go_add(*now_ns, hpa_go_mul(json_int(json_at(tick, 0), 0), (int64_t)NS_PER_MS));
    hpa_memory_seed(m, current, *now_ns);
    int32_t n = hpa_normalize(a, m, &st, lim, b, minor, current, desired, *now_ns, why);
    if (n != current && b)
        behavior_store_event(m, b, current, n, *now_ns);
    const struct hpa_condition *limited = find(&st, "ScalingLimited");
    json_append(out, json_buildf(a, "[%d,%s,%s,%s]", (int64_t)n, find(&st, "AbleToScale")->reason, limited->status,
                                 limited->reason));
    return true;
}

static struct json *eval_sequence(struct arena *a, int minor, const struct json *record, struct why *why, struct err *err)
{
    const struct json *ticks = json_get(record, "ticks"), *defaulted = json_get(record, "behavior_defaulted");
    int64_t window_s = json_get_int(record, "downscale_window_s", 300), now_ns = 0;
    struct limits lim = { (int32_t)json_get_int(record, "min", 0), (int32_t)json_get_int(record, "max", 0), 2,
                          hpa_go_mul(window_s, SECOND_NS) };
    struct behavior b;
    struct hpa_memory m = { 0 };
    if (!json_is(ticks, JSON_ARRAY) || !json_is(json_get(record, "min"), JSON_INT) ||
        !json_is(json_get(record, "max"), JSON_INT)) {
        bad(err, "a sequence has min, max and ticks");
        return NULL;
    }
    if (!json_is(defaulted, JSON_OBJECT))
        defaulted = behavior_defaults(a, json_get(record, "behavior_spec"));
    bool has_behavior = minor >= 18 && behavior_read(a, defaulted, window_s, &b);
    struct json *out = json_new_array(a);
    size_t i = 0;
    for (const struct json *t = json_first(ticks); t && out; t = json_next(t), i++) {
        if (why)
            why->prefix = arena_printf(a, "tick %zu: ", i);
        if (!sequence_tick(a, minor, t, &m, &lim, has_behavior ? &b : NULL, &now_ns, out, why)) {
            err_set(err, ERR_PARSE, "tick %zu is not a list of milliseconds, current and desired replicas", i);
            out = NULL;
        }
    }
    hpa_memory_deinit(&m);
    return out;
}

/* ---- lines ---- */
static const struct mode {
    const char   *name, *key;
    struct json *(*eval)(struct arena *a, int minor, const struct json *record, struct why *why, struct err *err);
} modes[] = { { "calculator", "out", eval_calculator },
              { "sequence", "ticks", eval_sequence },
              { "controller", "ticks", eval_controller } };

/* The files end with a legend, {"messages": {...}}: no record, and no mistake either. */
static bool is_legend(const struct json *j) { return json_len(j) == 1 && json_is(json_get(j, "messages"), JSON_OBJECT); }

static bool eval_line(const struct hpa_eval_options *opt, const struct mode *mode, struct arena *a, struct str line,
                      struct strbuf *out, struct err *err)
{
    const struct json *record = json_parse(a, line, err);
    if (!record || is_legend(record))
        return record;
    if (!json_is(record, JSON_OBJECT))
        return bad(err, "not an object");
    const char *id_key = json_get(record, "id") || !json_get(record, "test") ? "id" : "test";
    const struct json *id = json_get(record, id_key);
    if (!id)
        return bad(err, "a record has an id");
    struct why why = { a, json_new_array(a), NULL };
    struct json *answer = mode->eval(a, opt->minor, record, opt->explain ? &why : NULL, err);
    if (!answer)
        return false;
    struct json *whole = json_buildf(a, "{%k:%j,%k:%j}", id_key, json_copy(a, id), mode->key, answer);
    if (opt->explain)
        json_set(a, whole, "why", why.steps);
    json_write(out, whole, JSON_NO_HTML_ESCAPE);
    strbuf_addch(out, '\n');
    return true;
}

int hpa_eval(const struct hpa_eval_options *opt, struct str input, struct strbuf *out, struct strbuf *err_out)
{
    const struct mode *mode = NULL;
    for (size_t i = 0; i < ARRAY_LEN(modes); i++)
        if (strcmp(opt->mode, modes[i].name) == 0)
            mode = &modes[i];
    if (!mode) {
        strbuf_addf(err_out, "kubelab: hpa eval knows calculator, sequence and controller, not %s\n", opt->mode);
        return 2;
    }
    struct arena *a = arena_new();
    bool ok = true;
    for (size_t line = 1; input.n && ok; line++) {
        struct str text = str_token(&input, '\n');
        struct err err = { 0 };
        if (str_trim(text).n && !eval_line(opt, mode, a, text, out, &err)) {
            strbuf_addf(err_out, "kubelab: line %zu is not a %s record: %s\n", line, mode->name, err.msg);
            ok = false;
        }
        err_clear(&err);
        arena_reset(a);
    }
    arena_free(a);
    return ok ? 0 : 2;
}
