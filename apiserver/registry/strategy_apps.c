/* apiserver/registry/strategy_apps.c - workloads when they are written: generations, statuses, a Job's own selector.
 *
 * Upstream: kubernetes pkg/registry/{apps,batch,policy}/.../strategy.go.
 */
#include "apiserver/registry/registry.h"

static bool zero_replicas(struct request *r, struct json *obj, struct err *err)
{
    (void)err;
    json_set(r->a, obj, "status", json_buildf(r->a, "{'replicas':0}"));
    return true;
}

/* A Job selects its pods by its own uid, unless the user insists (generateSelector). */
static bool job_create(struct request *r, struct json *obj, struct err *err)
{
    (void)err;
    struct json *spec = json_ensure(r->a, obj, "spec");
    if (json_get_bool(spec, "manualSelector", false)) return true;
    struct json *labels = json_ensure(r->a, json_ensure(r->a, json_ensure(r->a, spec, "template"), "metadata"), "labels");
    struct json *match = json_ensure(r->a, json_ensure(r->a, spec, "selector"), "matchLabels");
    struct str uid = meta_uid(obj), name = meta_name(obj);
    if (r->as->opt.minor >= 27) {
        json_set_str(r->a, labels, "batch.kubernetes.io/controller-uid", uid);
        json_set_str(r->a, labels, "batch.kubernetes.io/job-name", name);
    }
    json_set_str(r->a, labels, "controller-uid", uid);
    json_set_str(r->a, labels, "job-name", name);
    json_set_str(r->a, match, r->as->opt.minor >= 27 ? "batch.kubernetes.io/controller-uid" : "controller-uid", uid);
    struct json *meta = json_get(obj, "metadata");
    /* a default, of what is read back */
    if (!json_len(json_get(meta, "labels"))) json_set(r->a, meta, "labels", json_copy(r->a, labels));
    return true;
}

static bool job_update(struct request *r, struct json *obj, const struct json *old, struct err *err)
{
    (void)err;
    const struct json *selector = json_path(old, "spec.selector");
    struct json *spec = json_ensure(r->a, obj, "spec");
    if (!json_is(json_get(spec, "selector"), JSON_OBJECT) && selector) json_set(r->a, spec, "selector", json_copy(r->a, selector));
    return true;
}

/* apps/v1 keeps the internal counter of templates in an annotation. */
#define TEMPLATE_GENERATION "deprecated.daemonset.template.generation"

static void set_template_generation(struct request *r, struct json *obj, int64_t n)
{
    struct json *notes = json_ensure(r->a, json_ensure(r->a, obj, "metadata"), "annotations");
    json_set_str(r->a, notes, TEMPLATE_GENERATION, arena_strf(r->a, "%" PRId64, n));
    json_sort_keys(notes);
}

static bool daemonset_update(struct request *r, struct json *obj, const struct json *old, struct err *err)
{
    (void)err;
    int64_t n = 0;
    str_int(meta_annotation(old, TEMPLATE_GENERATION), &n);
    set_template_generation(r, obj, n + !json_equal(json_path(obj, "spec.template"), json_path(old, "spec.template")));
    return true;
}

/* What Go writes for the counters that have no omitempty. */
static bool daemonset_create(struct request *r, struct json *obj, struct err *err)
{
    (void)err;
    set_template_generation(r, obj, 1);
    json_set(r->a, obj, "status",
             json_buildf(r->a, "{'currentNumberScheduled':0,'numberMisscheduled':0,'desiredNumberScheduled':0,'numberReady':0}"));
    return true;
}

/* Before 1.24 autoscalers are stored as v1, where the target for the CPU is a field and other metrics an annotation: read back,
 * the CPU comes last. */
static void hpa_order_metrics(struct request *r, struct json *obj)
{
    struct json *metrics = json_path(obj, "spec.metrics");
    for (size_t i = 0; r->as->opt.minor < 24 && i < json_len(metrics); i++) {
        const struct json *m = json_at(metrics, i);
        bool target = json_path(m, "resource.target.averageUtilization") || json_path(m, "resource.targetAverageUtilization");
        if (!target || !str_eqc(json_path_str(m, "resource.name"), "cpu")) continue;
        json_append(metrics, json_remove_at(metrics, i));
        return;
    }
}

static bool hpa_create(struct request *r, struct json *obj, struct err *err)
{
    (void)err;
    json_set(r->a, obj, "status", json_buildf(r->a, "{'currentReplicas':0,'desiredReplicas':0}"));
    hpa_order_metrics(r, obj);
    return true;
}

static bool hpa_update(struct request *r, struct json *obj, const struct json *old, struct err *err)
{
    (void)old, (void)err;
    hpa_order_metrics(r, obj);
    return true;
}

static bool pdb_create(struct request *r, struct json *obj, struct err *err)
{
    (void)err;
    json_set(r->a, obj, "status",
             json_buildf(r->a, "{'disruptionsAllowed':0,'currentHealthy':0,'desiredHealthy':0,'expectedPods':0}"));
    return true;
}

const struct strategy strategies_apps[] = {
    { "apps", "deployments", STRATEGY_GENERATION, NULL, NULL, NULL, NULL, NULL, NULL, NULL },
    { "apps", "replicasets", STRATEGY_GENERATION, NULL, NULL, zero_replicas, NULL, NULL, NULL, NULL },
    { "apps", "statefulsets", STRATEGY_GENERATION, NULL, NULL, zero_replicas, NULL, NULL, NULL, NULL },
    { "apps", "daemonsets", STRATEGY_GENERATION, NULL, NULL, daemonset_create, daemonset_update, NULL, NULL, NULL },
    { "batch", "jobs", 0, "status.successful=status.succeeded", "field label \"%s\" not supported for Job", job_create, job_update,
      NULL, NULL, NULL },
    { "autoscaling", "horizontalpodautoscalers", 0, NULL, NULL, hpa_create, hpa_update, NULL, NULL, NULL },
    { "policy", "poddisruptionbudgets", STRATEGY_GENERATION, NULL, NULL, pdb_create, NULL, NULL, NULL, NULL },
    { NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL },
};
