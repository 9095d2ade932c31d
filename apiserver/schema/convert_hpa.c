/* apiserver/schema/convert_hpa.c - HorizontalPodAutoscaler between autoscaling v1, v2beta1, v2beta2 and v2.
 *
 * Models pkg/apis/autoscaling/{annotations.go,v1,v2beta1,v2beta2}/conversion.go. Everything goes through the shape of v2 (the
 * hub, which is also what is stored). What an older version has no field for rides in annotations under
 * autoscaling.alpha.kubernetes.io/: metrics, current-metrics, conditions (v1), behavior (v1, v2beta1: with Go's own field names),
 * scale-up-tolerance and scale-down-tolerance (v2beta2). As upstream, the way there and back is not always the identity: v1 keeps
 * one cpu target and puts it last, and the flat forms always carry a targetValue.
 */
#include "apiserver/schema/schema_priv.h"

#define PREFIX "autoscaling.alpha.kubernetes.io/"
static const char metrics_key[] = PREFIX "metrics", current_key[] = PREFIX "current-metrics", conditions_key[] = PREFIX "conditions",
                  behavior_key[] = PREFIX "behavior", up_key[] = PREFIX "scale-up-tolerance",
                  down_key[] = PREFIX "scale-down-tolerance";
enum { TOLERANCE_MINOR = 33 };         /* from here on the annotation's structs have the field */

/* ---- annotations ---- */

static void annotate(struct arena *a, struct json *obj, const char *key, const struct json *value)
{
    json_set_str(a, json_ensure(a, json_ensure(a, obj, "metadata"), "annotations"), key, json_text(a, value));
}

/* What the annotation holds, or NULL; bad JSON is ignored silently. The key is removed. */
static struct json *take_annotation(struct arena *a, struct json *obj, const char *key)
{
    struct json *annotations = json_path(obj, "metadata.annotations");
    struct json *v = annotations ? json_remove(annotations, key) : NULL;
    if (annotations && json_len(annotations) == 0)
        json_remove(json_get(obj, "metadata"), "annotations");
    return v ? json_parse(a, json_str(v), NULL) : NULL;
}

static void drop_annotations(struct arena *a, struct json *obj)
{
    static const char *const keys[] = { metrics_key, current_key, conditions_key, behavior_key, up_key, down_key };
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        take_annotation(a, obj, keys[i]);
}

/* ---- hub to flat (v1's annotations and v2beta1): members in the order of the flat structs ---- */

static void put(struct arena *a, struct json *to, const char *key, const struct json *v)
{
    if (v)
        json_set(a, to, key, json_copy(a, v));
}

static void put_quantity(struct arena *a, struct json *to, const char *key, const struct json *v)
{
    json_set(a, to, key, v ? json_copy(a, v) : json_new_strc(a, "0"));
}


/* "target" of a spec or "current" of a status; the flat names begin with the same word. */
static struct json *flat_source(struct arena *a, const char *kind, const struct json *src, bool status)
{
    const struct json *metric = json_get(src, "metric"), *value = json_get(src, status ? "current" : "target");
    const char *v_key = status ? "currentValue" : "targetValue", *av_key = status ? "currentAverageValue" : "targetAverageValue";
    const char *au_key = status ? "currentAverageUtilization" : "targetAverageUtilization";
    struct json *f = json_new_object(a);
    if (strcmp(kind, "object") == 0) {
        put(a, f, "target", json_get(src, "describedObject"));
        put(a, f, "metricName", json_get(metric, "name"));
        put_quantity(a, f, v_key, json_get(value, "value"));
        put(a, f, "selector", json_get(metric, "selector"));
        put(a, f, "averageValue", json_get(value, "averageValue"));
    } else if (strcmp(kind, "pods") == 0) {
        put(a, f, "metricName", json_get(metric, "name"));
        put_quantity(a, f, av_key, json_get(value, "averageValue"));
        put(a, f, "selector", json_get(metric, "selector"));
    } else if (strcmp(kind, "external") == 0) {
        put(a, f, "metricName", json_get(metric, "name"));
        put(a, f, "metricSelector", json_get(metric, "selector"));
        if (status)
            put_quantity(a, f, v_key, json_get(value, "value"));
        else
            put(a, f, v_key, json_get(value, "value"));
        put(a, f, av_key, json_get(value, "averageValue"));
    } else {
        put(a, f, "name", json_get(src, "name"));
        put(a, f, au_key, json_get(value, "averageUtilization"));
        if (status)
            put_quantity(a, f, av_key, json_get(value, "averageValue"));
        else
            put(a, f, av_key, json_get(value, "averageValue"));
        put(a, f, "container", json_get(src, "container"));
    }
    return f;
}

static struct json *flat_metric(struct arena *a, const struct json *m, bool status)
{
    static const char *const order[] = { "object", "pods", "resource", "containerResource", "external" };
    struct json *f = json_new_object(a);
    put(a, f, "type", json_get(m, "type"));
    for (size_t i = 0; i < ARRAY_LEN(order); i++)
        if (json_is(json_get(m, order[i]), JSON_OBJECT))
            json_set(a, f, order[i], flat_source(a, order[i], json_get(m, order[i]), status));
    return f;
}

/* ---- flat to hub ---- */

static const char *target_type(const char *kind, const struct json *value, const struct json *average, const struct json *utilization)
{
    if (strcmp(kind, "object") == 0)
        return average ? "AverageValue" : "Value";
    if (strcmp(kind, "pods") == 0)
        return "AverageValue";
    if (strcmp(kind, "external") == 0)
        return value ? "Value" : "AverageValue";
    return utilization ? "Utilization" : "AverageValue";
}

static struct json *hub_source(struct arena *a, const char *kind, const struct json *f, bool status)
{
    bool object = strcmp(kind, "object") == 0, external = strcmp(kind, "external") == 0;
    bool resource = !object && !external && strcmp(kind, "pods") != 0;
    const struct json *value = json_get(f, status ? "currentValue" : "targetValue");
    const struct json *average = json_get(f, object ? "averageValue" : status ? "currentAverageValue" : "targetAverageValue");
    const struct json *utilization = json_get(f, status ? "currentAverageUtilization" : "targetAverageUtilization");
    struct json *src = json_new_object(a), *target = json_new_object(a);
    if (object)
        put(a, src, "describedObject", json_get(f, "target"));
    if (resource) {
        put(a, src, "name", json_get(f, "name"));
        put(a, src, "container", json_get(f, "container"));
    } else {
        struct json *metric = json_new_object(a);
        put(a, metric, "name", json_get(f, "metricName"));
        put(a, metric, "selector", json_get(f, external ? "metricSelector" : "selector"));
        json_set(a, src, "metric", metric);
    }
    if (!status)
        json_set_strc(a, target, "type", target_type(kind, value, average, utilization));
    put(a, target, "value", value);
    put(a, target, "averageValue", average);
    put(a, target, "averageUtilization", utilization);
    json_set(a, src, status ? "current" : "target", target);
    return src;
}

static struct json *hub_metric(struct arena *a, const struct json *f, bool status)
{
    static const char *const order[] = { "object", "pods", "resource", "containerResource", "external" };
    struct json *m = json_new_object(a);
    put(a, m, "type", json_get(f, "type"));
    for (size_t i = 0; i < ARRAY_LEN(order); i++)
        if (json_is(json_get(f, order[i]), JSON_OBJECT))
            json_set(a, m, order[i], hub_source(a, order[i], json_get(f, order[i]), status));
    return m;
}

static struct json *map_metrics(struct arena *a, const struct json *list, bool status,
                                struct json *(*fn)(struct arena *, const struct json *, bool))
{
    struct json *out = json_new_array(a);
    for (const struct json *m = json_first(list); m; m = json_next(m))
        json_append(out, fn(a, m, status));
    return out;
}

static void map_member(struct arena *a, struct json *obj, const char *part, const char *key, bool status,
                       struct json *(*fn)(struct arena *, const struct json *, bool))
{
    struct json *parent = json_get(obj, part);
    if (json_len(json_get(parent, key)))
        json_set(a, parent, key, map_metrics(a, json_get(parent, key), status, fn));
}

/* ---- behavior: Go's internal structs as JSON, capitalised, every member present ---- */

static struct json *or_null(struct arena *a, const struct json *v)
{
    return v ? json_copy(a, v) : json_null(a);
}

static struct json *internal_rules(const struct schema *s, struct arena *a, const struct json *rules)
{
    if (!json_is(rules, JSON_OBJECT))
        return json_null(a);
    struct json *policies = json_get(rules, "policies") ? json_new_array(a) : json_null(a);
    for (const struct json *p = json_first(json_get(rules, "policies")); p; p = json_next(p))
        json_append(policies, json_buildf(a, "{'Type': %j, 'Value': %j, 'PeriodSeconds': %j}", or_null(a, json_get(p, "type")),
                                          or_null(a, json_get(p, "value")), or_null(a, json_get(p, "periodSeconds"))));
    struct json *r = json_buildf(a, "{'StabilizationWindowSeconds': %j, 'SelectPolicy': %j, 'Policies': %j}",
                                 or_null(a, json_get(rules, "stabilizationWindowSeconds")),
                                 or_null(a, json_get(rules, "selectPolicy")), policies);
    if (s->minor >= TOLERANCE_MINOR)
        json_set(a, r, "Tolerance", or_null(a, json_get(rules, "tolerance")));
    return r;
}

static struct json *lower_keys(struct arena *a, const struct json *from)
{
    struct json *to = json_new_object(a);
    for (const struct json *c = json_first(from); c; c = json_next(c)) {
        if (json_is(c, JSON_NULL))
            continue;
        char *key = arena_cstr(a, json_key(c));
        if (key[0] >= 'A' && key[0] <= 'Z')
            key[0] = (char)(key[0] - 'A' + 'a');
        struct json *v;
        if (json_is(c, JSON_OBJECT)) {
            v = lower_keys(a, c);
        } else if (json_is(c, JSON_ARRAY)) {
            v = json_new_array(a);
            for (const struct json *e = json_first(c); e; e = json_next(e))
                json_append(v, lower_keys(a, e));
        } else {
            v = json_copy(a, c);
        }
        json_set(a, to, key, v);
    }
    return to;
}

static void behavior_to_annotation(const struct schema *s, struct arena *a, struct json *obj)
{
    struct json *behavior = json_remove(json_get(obj, "spec"), "behavior");
    if (!json_is(behavior, JSON_OBJECT))
        return;
    struct json *up = internal_rules(s, a, json_get(behavior, "scaleUp")),
                *down = internal_rules(s, a, json_get(behavior, "scaleDown"));
    annotate(a, obj, behavior_key, json_buildf(a, "{'ScaleUp': %j, 'ScaleDown': %j}", up, down));
}

static void behavior_from_annotation(struct arena *a, struct json *obj)
{
    struct json *behavior = take_annotation(a, obj, behavior_key);
    if (json_is(behavior, JSON_OBJECT))
        json_set(a, json_ensure(a, obj, "spec"), "behavior", lower_keys(a, behavior));
}

/* ---- v1 ---- */

static bool is_cpu_utilization(const struct json *m)
{
    return str_eqc(json_get_str(m, "type"), "Resource") && str_eqc(json_path_str(m, "resource.name"), "cpu") &&
           json_path(m, "resource.target.averageUtilization");
}

static void hub_to_v1(const struct schema *s, struct arena *a, struct json *obj)
{
    struct json *spec = json_ensure(a, obj, "spec"), *status = json_ensure(a, obj, "status");
    struct json *metrics = json_remove(spec, "metrics"), *current = json_remove(status, "currentMetrics"),
                *conditions = json_remove(status, "conditions");
    struct json *others = json_new_array(a), *cpu = NULL;
    for (struct json *m = json_first(metrics); m; m = json_next(m)) {
        if (!is_cpu_utilization(m))
            json_append(others, flat_metric(a, m, false));
        else if (!cpu)
            json_set(a, spec, "targetCPUUtilizationPercentage",
                     cpu = json_copy(a, json_path(m, "resource.target.averageUtilization")));
    }
    for (struct json *m = json_first(current); m; m = json_next(m))
        if (str_eqc(json_path_str(m, "resource.name"), "cpu") && json_path(m, "resource.current.averageUtilization"))
            put(a, status, "currentCPUUtilizationPercentage", json_path(m, "resource.current.averageUtilization"));
    if (json_len(others))
        annotate(a, obj, metrics_key, others);
    if (json_len(current))
        annotate(a, obj, current_key, map_metrics(a, current, true, flat_metric));
    if (json_len(conditions))
        annotate(a, obj, conditions_key, conditions);
    behavior_to_annotation(s, a, obj);
}

static struct json *cpu_metric(struct arena *a, int64_t percent)
{
    return json_buildf(a, "{'type': 'Resource', 'resource': {'name': 'cpu', 'target': {'type': 'Utilization', "
                          "'averageUtilization': %d}}}", percent);
}

static void v1_to_hub(struct arena *a, struct json *obj)
{
    struct json *spec = json_ensure(a, obj, "spec"), *status = json_ensure(a, obj, "status");
    struct json *metrics = map_metrics(a, take_annotation(a, obj, metrics_key), false, hub_metric);
    struct json *target = json_remove(spec, "targetCPUUtilizationPercentage");
    if (target)
        json_append(metrics, cpu_metric(a, json_int(target, 0)));
    if (json_len(metrics) == 0)
        json_append(metrics, cpu_metric(a, 80));
    json_set(a, spec, "metrics", metrics);
    struct json *cpu = json_remove(status, "currentCPUUtilizationPercentage");
    if (cpu)
        json_set(a, status, "currentMetrics",
                 json_buildf(a, "[{'type': 'Resource', 'resource': {'name': 'cpu', 'current': {'averageUtilization': %d}}}]",
                             json_int(cpu, 0)));
    struct json *current = take_annotation(a, obj, current_key), *conditions = take_annotation(a, obj, conditions_key);
    if (json_is(current, JSON_ARRAY))
        json_set(a, status, "currentMetrics", map_metrics(a, current, true, hub_metric));
    if (json_is(conditions, JSON_ARRAY))
        json_set(a, status, "conditions", conditions);
    behavior_from_annotation(a, obj);
}

/* ---- v2beta1, v2beta2 ---- */

static void hub_to_v2beta1(const struct schema *s, struct arena *a, struct json *obj)
{
    map_member(a, obj, "spec", "metrics", false, flat_metric);
    map_member(a, obj, "status", "currentMetrics", true, flat_metric);
    behavior_to_annotation(s, a, obj);
}

static void v2beta1_to_hub(struct arena *a, struct json *obj)
{
    map_member(a, obj, "spec", "metrics", false, hub_metric);
    map_member(a, obj, "status", "currentMetrics", true, hub_metric);
    behavior_from_annotation(a, obj);
}

static void tolerance_to_annotation(struct arena *a, struct json *obj, const char *path, const char *key)
{
    struct json *rules = json_path(obj, path), *tolerance = rules ? json_remove(rules, "tolerance") : NULL;
    if (tolerance)
        json_set(a, json_ensure(a, json_ensure(a, obj, "metadata"), "annotations"), key, tolerance);
}

static void tolerance_from_annotation(struct arena *a, struct json *obj, const char *rule, const char *key)
{
    struct json *v = json_getn(json_path(obj, "metadata.annotations"), str_c(key));
    if (v && json_is(json_path(obj, "spec.behavior"), JSON_OBJECT))
        json_set(a, json_ensure(a, json_path(obj, "spec.behavior"), rule), "tolerance", json_copy(a, v));
    take_annotation(a, obj, key);
}

static void v2beta2_to_hub(struct arena *a, struct json *obj)
{
    tolerance_from_annotation(a, obj, "scaleUp", up_key);
    tolerance_from_annotation(a, obj, "scaleDown", down_key);
}

bool convert_hpa(const struct schema *s, struct arena *a, struct json *obj, const struct gvk *from, struct str to, struct err *err)
{
    (void)err;
    if (str_eqc(from->version, "v1"))
        v1_to_hub(a, obj);
    else if (str_eqc(from->version, "v2beta1"))
        v2beta1_to_hub(a, obj);
    else if (str_eqc(from->version, "v2beta2"))
        v2beta2_to_hub(a, obj);
    if (!str_eqc(to, "v2"))
        drop_annotations(a, obj);                /* what an earlier conversion may have left */
    if (str_eqc(to, "v1"))
        hub_to_v1(s, a, obj);
    else if (str_eqc(to, "v2beta1"))
        hub_to_v2beta1(s, a, obj);
    else if (str_eqc(to, "v2beta2")) {
        tolerance_to_annotation(a, obj, "spec.behavior.scaleUp", up_key);
        tolerance_to_annotation(a, obj, "spec.behavior.scaleDown", down_key);
    }
    json_sort_keys(json_path(obj, "metadata.annotations") ? json_path(obj, "metadata.annotations") : json_new_object(a));
    return true;
}

/* ---- defaults ---- */

static void default_rules(struct arena *a, struct json *behavior, const char *key, const char *policies, bool up)
{
    struct json *rules = json_ensure(a, behavior, key);
    if (up && !json_get(rules, "stabilizationWindowSeconds"))
        json_set_int(a, rules, "stabilizationWindowSeconds", 0);
    if (!json_get(rules, "selectPolicy"))
        json_set_strc(a, rules, "selectPolicy", "Max");
    if (!json_get(rules, "policies"))
        json_set(a, rules, "policies", json_buildf(a, policies));
}

/* SetDefaults_HorizontalPodAutoscaler of v2*: cpu 80% when nothing is asked for; a behavior that is there is completed. v1 does
 * this in conversion. */
void default_hpa(const struct schema *s, struct arena *a, const struct gvk *gvk, struct json *obj)
{
    (void)s;
    if (!gvk_is(gvk, "autoscaling", "HorizontalPodAutoscaler") || str_eqc(gvk->version, "v1"))
        return;
    struct json *spec = json_ensure(a, obj, "spec");
    if (json_len(json_get(spec, "metrics")) == 0) {
        struct json *cpu = str_eqc(gvk->version, "v2beta1")
            ? json_buildf(a, "{'type': 'Resource', 'resource': {'name': 'cpu', 'targetAverageUtilization': 80}}") : cpu_metric(a, 80);
        json_append(json_ensure_array(a, spec, "metrics"), cpu);
    }
    struct json *behavior = json_get(spec, "behavior");
    if (!json_is(behavior, JSON_OBJECT))
        return;
    default_rules(a, behavior, "scaleUp",
                  "[{'type': 'Pods', 'value': 4, 'periodSeconds': 15}, {'type': 'Percent', 'value': 100, 'periodSeconds': 15}]", true);
    default_rules(a, behavior, "scaleDown", "[{'type': 'Percent', 'value': 100, 'periodSeconds': 15}]", false);
}
