/* hpa/metrics.c - what each metric of the spec proposes, and the highest of them (horizontal.go:
 * computeReplicasForMetrics and computeStatusFor...Metric).
 *
 * The answers of the metrics APIs are already here (struct metric_call); this file puts them to the calculator and
 * words the outcome. A metric that fails has an event of its own; the first failure gives the condition. Since v1.21
 * one failing metric forbids scaling down: it might have asked for more.
 */
#include "hpa/hpa_priv.h"

/* What one metric came to. reason NULL: a proposal; else a failure with the words for event and condition, and for the
 * error of the whole. */
struct outcome { int32_t replicas; const char *metric_name, *reason, *message, *error; struct json *status; };

/* ---- words ---- */
static struct outcome failed(const char *reason, const char *message, const char *error)
{
    return (struct outcome){ .reason = reason, .message = message, .error = error };
}

bool metric_unavailable(struct err *err, enum metric_call_kind kind, const struct metric_name *m, const char *error)
{
    switch (kind) {
    case CALL_RESOURCE: return err_set(err, ERR_IO, "unable to get metrics for resource %s: %s", m->name, error);
    case CALL_OBJECT:      /* the order of the arguments is upstream's */
        return err_set(err, ERR_IO, "unable to get metric %s: " STR_FMT " on " STR_FMT " " STR_FMT "/%s", m->name,
                       STR_ARG(m->object_kind), STR_ARG(m->ns), STR_ARG(m->object_name), error);
    case CALL_EXTERNAL:
        return err_set(err, ERR_IO, "unable to get external metric " STR_FMT "/%s/%s: %s", STR_ARG(m->ns), m->name,
                       m->selector, error);
    case CALL_PODS:
    case CALL_NONE: break;
    }
    return err_set(err, ERR_IO, "unable to get metric %s: %s", m->name, error);
}

/* ---- the spec ---- */
static const struct { const char *type, *key; enum metric_call_kind kind; int since; } sources[] = {
    { "Resource", "resource", CALL_RESOURCE, 16 },
    { "ContainerResource", "containerResource", CALL_RESOURCE, 20 },
    { "Pods", "pods", CALL_PODS, 16 },
    { "Object", "object", CALL_OBJECT, 16 },
    { "External", "external", CALL_EXTERNAL, 16 },
};

static int source_index(const struct json *spec, int minor)
{
    for (size_t i = 0; i < ARRAY_LEN(sources); i++)
        if (str_eqc(json_get_str(spec, "type"), sources[i].type) && minor >= sources[i].since)
            return (int)i;
    return -1;
}

static bool is_set(const struct json *target, const char *key)
{
    const struct json *v = json_get(target, key);
    return v && !json_is(v, JSON_NULL);
}

void metric_call_of_spec(struct arena *a, const struct json *spec, int minor, struct metric_call *out)
{
    *out = (struct metric_call){ .spec = spec, .resource = "" };
    int source = source_index(spec, minor);
    if (source < 0)
        return;
    const struct json *body = json_get(spec, sources[source].key), *target = json_get(body, "target");
    enum metric_call_kind kind = sources[source].kind;
    bool asked = kind == CALL_PODS || is_set(target, "averageValue") ||
                 is_set(target, kind == CALL_RESOURCE ? "averageUtilization" : "value");
    if (!asked)
        return;
    out->kind = kind;
    if (kind == CALL_RESOURCE)
        out->resource = arena_cstr(a, json_get_str(body, "name"));
    if (sources[source].kind == CALL_RESOURCE && strcmp(sources[source].type, "ContainerResource") == 0)
        out->container = json_get_str(body, "container");
}

/* ---- one metric ---- */
static struct json *milli_quantity(struct arena *a, int64_t milli, bool binary)
{
    return json_new_str(a, quantity_text(a, quantity_from_milli(milli, binary ? QUANTITY_BINARY_SI : QUANTITY_DECIMAL_SI)));
}

static struct json *metric_identifier(struct arena *a, const struct json *body)
{
    const struct json *metric = json_get(body, "metric"), *selector = json_get(metric, "selector");
    struct json *out = json_buildf(a, "{'name':%S}", json_get_str(metric, "name"));
    if (json_is(selector, JSON_OBJECT))
        json_set(a, out, "selector", json_copy(a, selector));
    return out;
}

static struct outcome resource_metric(struct reconcile *r, const struct question *q, struct metric_call *c, const char *type,
                                      const char *key)
{
    struct arena *a = r->a;
    const struct json *body = json_get(c->spec, key), *target = json_get(body, "target");
    bool in_container = strcmp(key, "containerResource") == 0;
    const char *reason = in_container ? "FailedGetContainerResourceMetric" : "FailedGetResourceMetric",
               *name = arena_cstr(a, json_get_str(body, "name"));
    bool by_value = is_set(target, "averageValue");
    const char *prefix = r->cfg->minor < 25 ? ""
                         : in_container     ? arena_printf(a, "failed to get " STR_FMT " container metric value: ",
                                                           STR_ARG(json_get_str(body, "container")))
                                            : arena_printf(a, "failed to get %s resource metric value: ", name);
    if (c->kind == CALL_NONE) {
        const char *text =
            r->cfg->minor >= 25
                ? "invalid resource metric source: neither an average utilization target nor an average value (usage) "
                  "target was set"
                : "invalid resource metric source: neither a utilization target nor a value target was set";
        return failed(reason, text, arena_printf(a, "%s%s", prefix, text));
    }
    struct calculated n = { 0 };
    struct err err = { 0 };
    bool ok;
    if (c->error)
        ok = metric_unavailable(&err, c->kind, &(struct metric_name){ .name = name }, c->error);
    else if (by_value)
        ok = calc_plain(q, r->spec_replicas, quantity_json_milli(json_get(target, "averageValue"), 0), name, &c->samples, &n,
                        &err);
    else
        ok = calc_utilization(q, r->spec_replicas, (int32_t)json_get_int(target, "averageUtilization", 0), name,
                              c->container, &c->samples, &n, &err);
    if (!ok) {
        const char *text = arena_printf(a, "failed to get %s %s: %s", name,
                                        by_value && r->cfg->minor >= 26 ? "usage" : "utilization", err.msg);
        /* Event and condition got the whole sentence with the container metrics of v1.20; before, the bare reason, as
         * in Lab 8. */
        return failed(reason, r->cfg->minor < 20 ? arena_strdup(a, err.msg) : text, arena_printf(a, "%s%s", prefix, text));
    }
    struct json *current = json_new_object(a);
    json_set(a, current, "averageValue", milli_quantity(a, n.raw, r->cfg->minor >= 34 && strcmp(name, "memory") == 0));
    if (!by_value)
        json_set_int(a, current, "averageUtilization", n.percent);
    struct json *status = json_buildf(a, "{'name':%s,'current':%j}", name, current);
    if (in_container)
        json_set_str(a, status, "container", json_get_str(body, "container"));
    const char *middle = in_container && r->cfg->minor >= 27 && !by_value ? "container resource" : "resource";
    return (struct outcome){ .replicas = n.replicas,
                             .metric_name = arena_printf(a, "%s %s%s", name, middle,
                                                         by_value ? "" : " utilization (percentage of request)"),
                             .status = json_buildf(a, "{'type':%s,%k:%j}", type, key, status) };
}

static struct outcome pods_metric(struct reconcile *r, const struct question *q, struct metric_call *c)
{
    struct arena *a = r->a;
    const struct json *body = json_get(c->spec, "pods");
    const char *name = arena_cstr(a, json_path_str(body, "metric.name"));
    struct calculated n = { 0 };
    struct err err = { 0 };
    if (c->error ? !metric_unavailable(&err, c->kind, &(struct metric_name){ .name = name }, c->error)
                 : !calc_plain(q, r->spec_replicas, quantity_json_milli(json_path(body, "target.averageValue"), 0), "",
                               &c->samples, &n, &err))
        return failed("FailedGetPodsMetric", arena_strdup(a, err.msg),
                      arena_printf(a, "failed to get pods metric value: %s", err.msg));
    struct json *status = json_buildf(a, "{'metric':%j,'current':{'averageValue':%j}}", metric_identifier(a, body),
                                      milli_quantity(a, n.raw, false));
    return (struct outcome){ .replicas = n.replicas,
                             .metric_name = arena_printf(a, "pods metric %s", name),
                             .status = json_buildf(a, "{'type':'Pods','pods':%j}", status) };
}

static struct outcome object_metric(struct reconcile *r, const struct question *q, struct metric_call *c)
{
    struct arena *a = r->a;
    const struct json *body = json_get(c->spec, "object"), *target = json_get(body, "target"),
                      *object = json_get(body, "describedObject");
    const char *name = arena_cstr(a, json_path_str(body, "metric.name"));
    bool average = str_eqc(json_get_str(target, "type"), "AverageValue") ||
                   (!is_set(target, "value") && is_set(target, "averageValue"));
    if (c->kind == CALL_NONE) {
        const char *text = "invalid object metric source: neither a value target nor an average value target was set";
        return failed("FailedGetObjectMetric", text, arena_printf(a, "failed to get object metric value: %s", text));
    }
    struct calculated n = { 0 };
    struct err err = { 0 };
    bool ok = true;
    struct metric_name names = { .name = name,
                                 .ns = meta_namespace(r->hpa),
                                 .object_kind = json_get_str(object, "kind"),
                                 .object_name = json_get_str(object, "name") };
    if (c->error)
        ok = metric_unavailable(&err, c->kind, &names, c->error);
    else if (average)
        calc_object_per_pod(q, r->status_replicas, quantity_json_milli(json_get(target, "averageValue"), 0), c->value, &n);
    else
        ok = calc_object(q, r->spec_replicas, quantity_json_milli(json_get(target, "value"), 0), c->value, &n, &err);
    if (!ok)
        return failed(
            "FailedGetObjectMetric", arena_strdup(a, err.msg),
            average ? arena_printf(a, "failed to get object metric value: failed to get %s object metric: %s", name, err.msg)
                    : arena_printf(a, "failed to get object metric value: %s", err.msg));
    struct json *status = json_buildf(a, "{'metric':%j,'current':{%k:%j},'describedObject':%j}", metric_identifier(a, body),
                                      average ? "averageValue" : "value", milli_quantity(a, n.raw, false),
                                      json_copy(a, object));
    const char *metric_name = average ? arena_printf(a, "external metric %s(%s)", name,
                                                     label_selector_go(a, json_path(body, "metric.selector")))
                                      : arena_printf(a, STR_FMT " metric %s", STR_ARG(json_get_str(object, "kind")), name);
    return (struct outcome){ .replicas = n.replicas,
                             .metric_name = metric_name,
                             .status = json_buildf(a, "{'type':'Object','object':%j}", status) };
}

static struct outcome external_metric(struct reconcile *r, const struct question *q, struct metric_call *c)
{
    struct arena *a = r->a;
    const struct json *body = json_get(c->spec, "external"), *target = json_get(body, "target");
    const char *name = arena_cstr(a, json_path_str(body, "metric.name")),
               *selector = label_selector_go(a, json_path(body, "metric.selector"));
    const char *prefix = r->cfg->minor >= 25 ? arena_printf(a, "failed to get %s external metric value: ", name) : "";
    bool average = is_set(target, "averageValue");
    if (c->kind == CALL_NONE) {
        const char *text = "invalid external metric source: neither a value target nor an average value target was set";
        return failed("FailedGetExternalMetric", text, arena_printf(a, "%s%s", prefix, text));
    }
    struct calculated n = { 0 };
    struct err err = { 0 };
    bool ok = true;
    if (c->error)
        ok = metric_unavailable(&err, c->kind,
                                &(struct metric_name){ .name = name, .ns = meta_namespace(r->hpa), .selector = selector },
                                c->error);
    else if (average)
        calc_external_per_pod(q, r->status_replicas, quantity_json_milli(json_get(target, "averageValue"), 0), c->values,
                              c->value_count, &n);
    else
        ok = calc_external(q, r->spec_replicas, quantity_json_milli(json_get(target, "value"), 0), c->values, c->value_count,
                           &n, &err);
    if (!ok)
        return failed("FailedGetExternalMetric", arena_strdup(a, err.msg),
                      average ? arena_printf(a, "%sfailed to get %s external metric: %s", prefix, name, err.msg)
                              : arena_printf(a, "%sfailed to get external metric %s: %s", prefix, name, err.msg));
    struct json *status = json_buildf(a, "{'metric':%j,'current':{%k:%j}}", metric_identifier(a, body),
                                      average ? "averageValue" : "value", milli_quantity(a, n.raw, false));
    return (struct outcome){ .replicas = n.replicas, .metric_name = arena_printf(a, "external metric %s(%s)", name, selector),
                             .status = json_buildf(a, "{'type':'External','external':%j}", status) };
}

static struct outcome one_metric(struct reconcile *r, const struct question *q, struct metric_call *c)
{
    int source = source_index(c->spec, r->cfg->minor);
    switch (source < 0 ? CALL_NONE : sources[source].kind) {
    case CALL_RESOURCE: return resource_metric(r, q, c, sources[source].type, sources[source].key);
    case CALL_PODS: return pods_metric(r, q, c);
    case CALL_OBJECT: return object_metric(r, q, c);
    case CALL_EXTERNAL: return external_metric(r, q, c);
    case CALL_NONE: break;
    }
    const char *text = arena_printf(r->a, "unknown metric source type \"" STR_FMT "\"", STR_ARG(json_get_str(c->spec, "type")));
    return failed("InvalidMetricSourceType", text, text);
}

/* ---- all of them ---- */
/* "50m" as Go's AsApproximateFloat64 sees it: 50 times 1e-3. */
static double quantity_double(struct str text)
{
    static const double tenths[] = { 1e0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9 };
    struct quantity q;
    if (!quantity_parse(text, &q, NULL))
        return 0;
    __int128 v = q.nano;
    size_t scale = 9;
    struct str digits = text;
    /* the suffix says the scale; without one the digits after the point do */
    for (const char *s = "num"; text.n && *s; s++)
        if (text.p[text.n - 1] == *s)
            digits.n = 0;
    size_t wanted = digits.n == 0 ? (text.p[text.n - 1] == 'n' ? 9 : text.p[text.n - 1] == 'u' ? 6 : 3) : 0;
    if (digits.n && str_chr(text, '.') >= 0)
        wanted = text.n - (size_t)str_chr(text, '.') - 1;
    for (; scale > wanted && v % 10 == 0; scale--)
        v /= 10;
    return (double)(int64_t)v * tenths[scale];
}

static double tolerance(const struct reconcile *r, const char *direction)
{
    const struct json *t = json_path(json_get(r->hpa, "spec"), direction);
    if (!r->cfg->tolerance_gate || !t || json_is(t, JSON_NULL))
        return r->cfg->tolerance;
    return json_is(t, JSON_STRING) ? quantity_double(json_str(t)) : json_double(t, r->cfg->tolerance);
}

static struct question question_of(const struct reconcile *r, const struct metric_call *c)
{
    return (struct question){ .a = r->a,
                              .why = r->why,
                              .minor = r->cfg->minor,
                              .now_ns = r->now_ns,
                              .cpu_init_ns = r->cfg->cpu_init_ns,
                              .ready_delay_ns = r->cfg->ready_delay_ns,
                              .tolerance_down = tolerance(r, "behavior.scaleDown.tolerance"),
                              .tolerance_up = tolerance(r, "behavior.scaleUp.tolerance"),
                              .pod_level_resources = r->cfg->pod_level_resources,
                              .pods = c->pods,
                              .pod_count = c->pod_count };
}

bool reconcile_metrics(struct reconcile *r, int32_t *replicas, const char **metric_name, const char **error)
{
    struct outcome first_failure = { 0 };
    size_t invalid = 0;
    *replicas = 0;
    *metric_name = "";
    r->metric_statuses = json_new_array(r->a);
    for (size_t i = 0; i < r->call_count; i++) {
        struct question q = question_of(r, &r->calls[i]);
        note_metric(r, &q, &r->calls[i]);
        struct outcome o = one_metric(r, &q, &r->calls[i]);
        json_append(r->metric_statuses, o.reason ? json_buildf(r->a, "{'type':''}") : o.status);
        if (o.reason) {
            reconcile_event(r, "Warning", o.reason, o.message);
            hpa_why_add(r->why, "metric %zu fails: %s", i + 1, o.message);
            if (invalid++ == 0)
                first_failure = o;
            continue;
        }
        hpa_why_add(r->why, "metric %zu, %s, proposes %d", i + 1, o.metric_name, o.replicas);
        if (*replicas == 0 || o.replicas > *replicas) {
            *replicas = o.replicas;
            *metric_name = o.metric_name;
        }
    }
    if (invalid)
        *error = arena_printf(r->a, "invalid metrics (%zu invalid out of %zu), first error is: %s", invalid, r->call_count,
                              first_failure.error);
    if (invalid >= r->call_count || (invalid && r->cfg->minor >= 21 && *replicas < r->spec_replicas)) {
        if (invalid)
            hpa_condition_put(r->a, &r->status, "ScalingActive", "False", first_failure.reason,
                              arena_printf(r->a, "the HPA was unable to compute the replica count: %s", first_failure.message),
                              r->now_ns);
        return false;
    }
    if (r->cfg->minor < 21)
        /* one valid metric was enough, and nobody heard of the others but by their events */
        *error = NULL;
    hpa_condition_put(r->a, &r->status, "ScalingActive", "True", "ValidMetricFound",
                      arena_printf(r->a, "the HPA was able to successfully calculate a replica count from %s", *metric_name),
                      r->now_ns);
    return true;
}
