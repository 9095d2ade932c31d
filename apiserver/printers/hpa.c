/* apiserver/printers/hpa.c - what an autoscaler aims at: `0%/50%`, `<unknown>/200Mi, 3/1k (avg) + 2 more...`.
 *
 * Upstream: formatHPAMetrics. There it prints the internal type; here the object is in one of four versions, which name the same
 * quantities differently: v2 and v2beta2 have target.averageValue and current.averageValue, v2beta1 and the v1 annotations have
 * targetAverageValue and currentAverageValue, v1 itself has two plain percentages. Statuses are matched to metrics by index.
 */
#include "apiserver/printers/printers_priv.h"

#define ALPHA "autoscaling.alpha.kubernetes.io/"

struct metrics { const struct json *specs, *statuses; };

void print_hpa_reference(struct row *r, const char *arg)
{
    (void)arg;
    const struct json *ref = json_path(r->obj, "spec.scaleTargetRef");
    print_put_str(
        r, arena_strf(r->a, STR_FMT "/" STR_FMT, STR_ARG(json_get_str(ref, "kind")), STR_ARG(json_get_str(ref, "name"))));
}

/* v1 keeps its metrics in annotations, and the CPU target, which comes last, in a field. */
static struct metrics metrics_v1(struct row *r)
{
    struct json *specs = json_parse(r->a, meta_annotation(r->obj, ALPHA "metrics"), NULL);
    struct json *statuses = json_parse(r->a, meta_annotation(r->obj, ALPHA "current-metrics"), NULL);
    const struct json *target = json_path(r->obj, "spec.targetCPUUtilizationPercentage");
    const struct json *current = json_path(r->obj, "status.currentCPUUtilizationPercentage");
    if (!json_is(specs, JSON_ARRAY))
        specs = json_new_array(r->a);
    if (target)
        json_append(specs, json_buildf(r->a, "{'type':'Resource','resource':{'name':'cpu','targetAverageUtilization':%d}}",
                                       json_int(target, 0)));
    if (!json_is(statuses, JSON_ARRAY)) {
        statuses = json_new_array(r->a);
        if (current)
            json_append(statuses,
                        json_buildf(r->a, "{'type':'Resource','resource':{'name':'cpu','currentAverageUtilization':%d}}",
                                    json_int(current, 0)));
    }
    return (struct metrics){ specs, statuses };
}

static struct metrics metrics_of(struct row *r)
{
    if (str_eqc(json_get_str(r->obj, "apiVersion"), "autoscaling/v1"))
        return metrics_v1(r);
    return (struct metrics){ json_path(r->obj, "spec.metrics"), json_path(r->obj, "status.currentMetrics") };
}

/* The quantity called `name` ("averageValue", "value", "averageUtilization") of a source, under either spelling; side
 * is "target" or "current". */
static const struct json *quantity_of(struct row *r, const struct json *source, const char *side, const char *name)
{
    const struct json *nested = json_get(source, side);
    if (json_is(nested, JSON_OBJECT) && (json_get(nested, "type") || json_get(nested, "value") ||
                                         json_get(nested, "averageValue") || json_get(nested, "averageUtilization")))
        return json_get(nested, name);
    const char *flat = arena_printf(r->a, "%s%c%s", side, name[0] - 'a' + 'A', name + 1);
    const struct json *q = json_get(source, flat);
    return q ? q : json_get(source, name);                       /* v2beta1's object source calls its average just that */
}

static struct str text_of(struct row *r, const struct json *q, const char *otherwise)
{
    struct quantity v;
    if (json_type(q) == JSON_NULL)
        return str_c(otherwise);
    struct str text = json_is(q, JSON_STRING) ? json_str(q) : json_text(r->a, q);
    return quantity_parse(text, &v, NULL) ? quantity_text(r->a, v) : text;
}

static struct str percent_of(struct row *r, const struct json *v, const char *otherwise)
{
    return json_type(v) == JSON_NULL ? str_c(otherwise) : arena_strf(r->a, "%" PRId64 "%%", json_int(v, 0));
}

static struct str resource_metric(struct row *r, const struct json *spec, const struct json *status)
{
    const char *prefix = r->minor >= 30 ? arena_printf(r->a, STR_FMT ": ", STR_ARG(json_get_str(spec, "name"))) : "";
    const struct json *target = quantity_of(r, spec, "target", "averageValue");
    struct str current, wanted;
    if (target) {
        current = text_of(r, quantity_of(r, status, "current", "averageValue"), "<unknown>");
        wanted = text_of(r, target, "");
    } else {
        current = percent_of(r, quantity_of(r, status, "current", "averageUtilization"), "<unknown>");
        wanted = percent_of(r, quantity_of(r, spec, "target", "averageUtilization"), "<auto>");
    }
    return arena_strf(r->a, "%s" STR_FMT "/" STR_FMT, prefix, STR_ARG(current), STR_ARG(wanted));
}

static struct str value_metric(struct row *r, const struct json *spec, const struct json *status, const char *name,
                               const char *suffix)
{
    struct str current = text_of(r, quantity_of(r, status, "current", name), "<unknown>");
    struct str target = text_of(r, quantity_of(r, spec, "target", name), "<unknown>");
    return arena_strf(r->a, STR_FMT "/" STR_FMT "%s", STR_ARG(current), STR_ARG(target), suffix);
}

static struct str metric_text(struct row *r, const struct json *metric, const struct json *status)
{
    struct str type = json_get_str(metric, "type");
    if (str_eqc(type, "Resource"))
        return resource_metric(r, json_get(metric, "resource"), json_get(status, "resource"));
    if (str_eqc(type, "ContainerResource") && r->minor >= 20)
        return resource_metric(r, json_get(metric, "containerResource"), json_get(status, "containerResource"));
    if (str_eqc(type, "Pods"))
        return value_metric(r, json_get(metric, "pods"), json_get(status, "pods"), "averageValue", "");
    const char *source = str_eqc(type, "Object") ? "object" : str_eqc(type, "External") ? "external" : NULL;
    if (!source)
        return STR("<unknown type>");
    const struct json *spec = json_get(metric, source);
    bool average = quantity_of(r, spec, "target", "averageValue") && (r->minor >= 20 || str_eqc(type, "External"));
    return value_metric(r, spec, json_get(status, source), average ? "averageValue" : "value", average ? " (avg)" : "");
}

void print_hpa_targets(struct row *r, const char *arg)
{
    (void)arg;
    enum { SHOWN_MAX = 2 };
    struct metrics m = metrics_of(r);
    struct joined j;
    print_join_init(&j, ", ");
    size_t count = json_len(m.specs);
    for (size_t i = 0; i < count && i < SHOWN_MAX; i++)
        print_join_add(&j, metric_text(r, json_at(m.specs, i), json_at(m.statuses, i)));
    if (count > SHOWN_MAX)
        strbuf_addf(&j.b, " + %zu more...", count - SHOWN_MAX);
    print_join_put(r, &j, "<none>");
}
