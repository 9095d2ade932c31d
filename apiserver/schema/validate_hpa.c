/* apiserver/schema/validate_hpa.c - HorizontalPodAutoscalers.
 *
 * Models pkg/apis/autoscaling/validation/validation.go. Any version of the object is brought to the hub's shape first (v2, or
 * v2beta2 where that is the newest), as upstream validates its internal type; hence field paths are those of v2. Scaling to zero
 * is an alpha gate, which is off.
 */
#include "apiserver/schema/schema_priv.h"

enum { SWITCHED_MINOR = 20, CONTAINER_RESOURCE_MINOR = 20, API_GROUP_MINOR = 34, WINDOW_MAX = 3600, PERIOD_MAX = 1800 };

static void check_segment(struct check *c, const struct json *ref, const char *key, const struct fpath *p)
{
    struct str v = json_get_str(ref, key);
    if (v.n == 0)
        check_required(c, FP_NAME(p, key), "");
    else
        check_name(c, v, NAME_PATH, false, FP_NAME(p, key));
}

static void check_reference(struct check *c, const struct json *ref, const struct fpath *p)
{
    check_segment(c, ref, "kind", p);
    check_segment(c, ref, "name", p);
}

/* From v1.34 the target's apiVersion is parsed, unless it was like that before. */
static void check_target_group(struct check *c, const struct json *ref, const struct json *old_ref, const struct fpath *p)
{
    struct str api = json_get_str(ref, "apiVersion"), group, version;
    if (c->minor < API_GROUP_MINOR || (old_ref && str_eq(api, json_get_str(old_ref, "apiVersion"))))
        return;
    if (!str_cut(api, '/', &group, &version)) {
        if (!str_eqc(json_get_str(ref, "kind"), "ReplicationController"))
            check_invalid_s(c, FP_NAME(p, "apiVersion"), api, "apiVersion must specify API group");
    } else if (str_chr(version, '/') >= 0) {
        check_invalid_s(c, FP_NAME(p, "apiVersion"), api, "unexpected GroupVersion string: " STR_FMT, STR_ARG(api));
    } else if (group.n == 0) {
        check_invalid_s(c, FP_NAME(p, "apiVersion"), api, "apiVersion must specify API group");
    }
}

static bool positive(const struct json *v)
{
    struct quantity q;
    return quantity_parse(json_str(v), &q, NULL) && q.nano > 0;
}

/* %#v of a Quantity, as field.Invalid prints a pointer to one. */
static char *go_quantity(struct arena *a, const struct json *v)
{
    struct quantity q = { 0 };
    struct str text = json_str(v);
    quantity_parse(text, &q, NULL);
    bool zero = str_eqc(text, "0"), whole = q.nano % 1000000000 == 0;
    int64_t value = whole ? quantity_value(q) : quantity_milli(q);
    static const char *const formats[] = { "DecimalSI", "BinarySI", "DecimalExponent" };
    return arena_printf(a, "resource.Quantity{i:resource.int64Amount{value:%" PRId64 ", scale:%d}, "
                        "d:resource.infDecAmount{Dec:(*inf.Dec)(nil)}, s:" STR_FMT ", Format:\"%s\"}", value,
                        whole ? 0 : -3, STR_ARG(quote_go(a, text)), zero ? "" : formats[q.format]);
}

static void check_target(struct check *c, const struct json *t, const struct fpath *p)
{
    struct str type = json_get_str(t, "type");
    if (type.n == 0)
        check_required(c, FP_NAME(p, "type"), "must specify a metric target type");
    if (!in_list(type, "Utilization,Value,AverageValue"))
        check_invalid_s(c, FP_NAME(p, "type"), type, "must be either Utilization, Value, or AverageValue");
    static const char *const amounts[] = { "value", "averageValue" };
    for (size_t i = 0; i < ARRAY_LEN(amounts); i++) {
        const struct json *v = json_get(t, amounts[i]);
        if (v && !positive(v))
            check_invalid_raw(c, FP_NAME(p, amounts[i]), go_quantity(c->a, v), "must be positive");
    }
    const struct json *percent = json_get(t, "averageUtilization");
    if (percent && json_int(percent, 0) < 1)
        check_invalid_i(c, FP_NAME(p, "averageUtilization"), json_int(percent, 0), "must be greater than 0");
}

static void check_identifier(struct check *c, const struct json *m, const struct fpath *p)
{
    struct str name = json_get_str(m, "name");
    if (name.n == 0)
        check_required(c, FP_NAME(p, "name"), "must specify a metric name");
    else
        check_name(c, name, NAME_PATH, false, FP_NAME(p, "name"));
}

static void check_object_source(struct check *c, const struct json *s, const struct fpath *p)
{
    const struct json *t = json_get(s, "target");
    check_reference(c, json_get(s, "describedObject"), FP_NAME(p, "describedObject"));
    check_identifier(c, json_get(s, "metric"), FP_NAME(p, "metric"));
    check_target(c, t, FP_NAME(p, "target"));
    if (!json_get(t, "value") && !json_get(t, "averageValue"))
        check_required(c, FP_NAME(FP_NAME(p, "target"), "averageValue"),
                       "must set either a target value for metric or a per-pod target");
}

static void check_external_source(struct check *c, const struct json *s, const struct fpath *p)
{
    const struct json *t = json_get(s, "target");
    check_identifier(c, json_get(s, "metric"), FP_NAME(p, "metric"));
    check_target(c, t, FP_NAME(p, "target"));
    if (!json_get(t, "value") && !json_get(t, "averageValue"))
        check_required(c, FP_NAME(FP_NAME(p, "target"), "averageValue"),
                       "must set either a target value for metric or a per-pod target");
    if (json_get(t, "value") && json_get(t, "averageValue"))
        check_forbidden(c, FP_NAME(FP_NAME(p, "target"), "value"), "may not set both a target value for metric and a per-pod target");
}

static void check_pods_source(struct check *c, const struct json *s, const struct fpath *p)
{
    const struct json *t = json_get(s, "target");
    check_identifier(c, json_get(s, "metric"), FP_NAME(p, "metric"));
    check_target(c, t, FP_NAME(p, "target"));
    if (!json_get(t, "averageValue") || !positive(json_get(t, "averageValue")))
        check_required(c, FP_NAME(FP_NAME(p, "target"), "averageValue"), "must specify a positive target averageValue");
}

static void check_resource_source(struct check *c, const struct json *s, const struct fpath *p, bool container)
{
    const struct json *t = json_get(s, "target");
    const struct fpath *tp = FP_NAME(p, "target");
    if (json_get_str(s, "name").n == 0)
        check_required(c, FP_NAME(p, "name"), "must specify a resource name");
    if (container && json_get_str(s, "container").n == 0)
        check_required(c, FP_NAME(p, "container"), "must specify a container");
    check_target(c, t, tp);
    if (!json_get(t, "averageUtilization") && !json_get(t, "averageValue"))
        check_required(c, FP_NAME(tp, "averageUtilization"), "must set either a target raw value or a target utilization");
    if (json_get(t, "averageUtilization") && json_get(t, "averageValue"))
        check_forbidden(c, FP_NAME(tp, "averageValue"), "may not set both a target raw value and a target utilization");
}

static void check_metric(struct check *c, const struct json *m, const struct fpath *p)
{
    static const struct { const char *type, *field; } sources[] = {     /* in upstream's order */
        { "Object", "object" }, { "External", "external" }, { "Pods", "pods" }, { "Resource", "resource" },
        { "ContainerResource", "containerResource" },
    };
    const char *supported = c->minor >= CONTAINER_RESOURCE_MINOR ? "ContainerResource,External,Object,Pods,Resource"
                            : "External,Object,Pods,Resource";
    struct str type = json_get_str(m, "type");
    const char *expected = NULL;
    size_t present = 0;
    if (type.n == 0)
        check_required(c, FP_NAME(p, "type"), "must specify a metric source type");
    check_enum(c, FP_NAME(p, "type"), type, supported);
    for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
        const struct json *s = json_get(m, sources[i].field);
        if (in_list(type, supported) && str_eqc(type, sources[i].type))
            expected = sources[i].field;
        if (!json_is(s, JSON_OBJECT) || present++ > 0)
            continue;
        const struct fpath *sp = FP_NAME(p, sources[i].field);
        if (i == 0)
            check_object_source(c, s, sp);
        else if (i == 1)
            check_external_source(c, s, sp);
        else if (i == 2)
            check_pods_source(c, s, sp);
        else
            check_resource_source(c, s, sp, i == 4);
    }
    if (!expected && c->minor < SWITCHED_MINOR) {    /* any type is taken for a field's name, in lower case */
        char *field = arena_cstr(c->a, type);
        for (char *ch = field; *ch; ch++)
            *ch = (char)(*ch >= 'A' && *ch <= 'Z' ? *ch + 'a' - 'A' : *ch);
        expected = field;
    }
    if (expected && !json_get(m, expected))
        check_required(c, FP_NAME(p, expected), "must populate information for the given metric source");
    if (!expected)
        check_unsupported(c, FP_NAME(p, "type"), type, supported);
    for (size_t i = 0; present != 1 && i < ARRAY_LEN(sources); i++)
        if (json_get(m, sources[i].field) && (!expected || strcmp(expected, sources[i].field) != 0))
            check_forbidden(c, FP_NAME(p, sources[i].field), "must populate the given metric source only");
}

static void check_metrics(struct check *c, const struct json *metrics, const struct json *min, const struct fpath *p)
{
    bool from_outside = false;
    size_t i = 0;
    for (const struct json *m = json_first(metrics); m; m = json_next(m), i++) {
        check_metric(c, m, FP_INDEX(p, i));
        from_outside = from_outside || in_list(json_get_str(m, "type"), "Object,External");
    }
    if (min && json_int(min, 1) == 0 && !from_outside)
        check_forbidden(c, p, "must specify at least one Object or External metric to support scaling to zero replicas");
}

static void check_policy(struct check *c, const struct json *pol, const struct fpath *p)
{
    int64_t value = json_get_int(pol, "value", 0), period = json_get_int(pol, "periodSeconds", 0);
    check_enum(c, FP_NAME(p, "type"), json_get_str(pol, "type"), "Percent,Pods");
    if (value <= 0)
        check_invalid_i(c, FP_NAME(p, "value"), value, "must be greater than zero");
    if (period <= 0)
        check_invalid_i(c, FP_NAME(p, "periodSeconds"), period, "must be greater than zero");
    if (period > PERIOD_MAX)
        check_invalid_i(c, FP_NAME(p, "periodSeconds"), period, "must be less than or equal to %d", PERIOD_MAX);
}

static void check_rules(struct check *c, const struct json *rules, const struct fpath *p)
{
    if (!json_is(rules, JSON_OBJECT))
        return;
    const struct json *policies = json_get(rules, "policies"), *tolerance = json_get(rules, "tolerance");
    int64_t window = json_get_int(rules, "stabilizationWindowSeconds", 0);
    if (window < 0)
        check_invalid_i(c, FP_NAME(p, "stabilizationWindowSeconds"), window, "must be greater than or equal to zero");
    if (window > WINDOW_MAX)
        check_invalid_i(c, FP_NAME(p, "stabilizationWindowSeconds"), window, "must be less than or equal to %d", WINDOW_MAX);
    if (json_get(rules, "selectPolicy"))
        check_enum(c, FP_NAME(p, "selectPolicy"), json_get_str(rules, "selectPolicy"), "Disabled,Max,Min");
    if (json_len(policies) == 0)
        check_required(c, FP_NAME(p, "policies"), "must specify at least one Policy");
    size_t i = 0;
    for (const struct json *pol = json_first(policies); pol; pol = json_next(pol), i++)
        check_policy(c, pol, FP_INDEX(FP_NAME(p, "policies"), i));
    struct quantity q;
    if (tolerance && quantity_parse(json_str(tolerance), &q, NULL) && q.nano < 0)
        check_invalid_s(c, FP_NAME(p, "tolerance"), json_str(tolerance), "must be greater than or equal to 0");
}

void validate_hpa(struct check *c, const struct gvk *gvk, const struct json *obj, const struct json *old)
{
    struct json *hub = json_copy(c->a, obj);
    convert_hpa(c->s, c->a, hub, gvk, STR("v2"), NULL);
    const struct json *spec = json_get(hub, "spec"), *min = json_get(spec, "minReplicas");
    const struct fpath *p = FP_NAME(NULL, "spec");
    int64_t max = json_get_int(spec, "maxReplicas", 0);
    int64_t lowest = old && json_path_int(old, "spec.minReplicas", 1) == 0 ? 0 : 1;
    if (min && json_int(min, 1) < lowest)
        check_invalid_i(c, FP_NAME(p, "minReplicas"), json_int(min, 1), "must be greater than or equal to %" PRId64, lowest);
    if (max < 1)
        check_invalid_i(c, FP_NAME(p, "maxReplicas"), max, "must be greater than 0");
    if (min && max < json_int(min, 1))
        check_invalid_i(c, FP_NAME(p, "maxReplicas"), max, "must be greater than or equal to `minReplicas`");
    const struct json *ref = json_get(spec, "scaleTargetRef");
    check_reference(c, ref, FP_NAME(p, "scaleTargetRef"));
    check_target_group(c, ref, json_path(old, "spec.scaleTargetRef"), FP_NAME(p, "scaleTargetRef"));
    check_metrics(c, json_get(spec, "metrics"), min, FP_NAME(p, "metrics"));
    const struct json *behavior = json_get(spec, "behavior");
    check_rules(c, json_get(behavior, "scaleUp"), FP_NAME(FP_NAME(p, "behavior"), "scaleUp"));
    check_rules(c, json_get(behavior, "scaleDown"), FP_NAME(FP_NAME(p, "behavior"), "scaleDown"));
}
