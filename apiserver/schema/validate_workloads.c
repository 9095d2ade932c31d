/* apiserver/schema/validate_workloads.c - Deployments, ReplicaSets, DaemonSets, StatefulSets, ReplicationControllers, Jobs,
 * CronJobs, budgets, scales.
 *
 * Models pkg/apis/{apps,batch,policy}/validation. Selectors are immutable once created; templates must match them.
 */
#include "apiserver/schema/schema_priv.h"

enum { CRON_NAME_MAX = 52 };

/* %#v of a map and of a LabelSelector, as the messages quote them. */
static struct str go_map(struct arena *a, const struct json *map)
{
    if (json_len(map) == 0)
        return STR("map[string]string(nil)");
    struct str text = STR("map[string]string{");
    for (const struct json *m = json_first(map); m; m = json_next(m)) {
        struct str key = quote_go(a, json_key(m)), value = quote_go(a, json_str(m));
        text = arena_strf(a, STR_FMT "%s" STR_FMT ":" STR_FMT, STR_ARG(text), m == json_first(map) ? "" : ", ", STR_ARG(key),
                          STR_ARG(value));
    }
    return arena_strf(a, STR_FMT "}", STR_ARG(text));
}

static char *go_selector(struct arena *a, const struct json *sel)
{
    struct str labels = go_map(a, json_get(sel, "matchLabels")), list = STR("[]v1.LabelSelectorRequirement(nil)");
    const struct json *exprs = json_get(sel, "matchExpressions");
    if (json_len(exprs)) {
        list = STR("[]v1.LabelSelectorRequirement{");
        for (const struct json *e = json_first(exprs); e; e = json_next(e)) {
            struct str key = quote_go(a, json_get_str(e, "key")), op = quote_go(a, json_get_str(e, "operator")),
                       values = str_c(go_list(a, "[]string", json_get(e, "values")));
            list = arena_strf(a, STR_FMT "%sv1.LabelSelectorRequirement{Key:" STR_FMT ", Operator:" STR_FMT ", Values:" STR_FMT "}",
                              STR_ARG(list), e == json_first(exprs) ? "" : ", ", STR_ARG(key), STR_ARG(op), STR_ARG(values));
        }
        list = arena_strf(a, STR_FMT "}", STR_ARG(list));
    }
    return arena_printf(a, "v1.LabelSelector{MatchLabels:" STR_FMT ", MatchExpressions:" STR_FMT "}", STR_ARG(labels), STR_ARG(list));
}

/* ---- shared pieces ---- */

static bool same(const struct json *x, const struct json *y)
{
    return (!x && !y) || (x && y && json_equal(x, y));
}

/* "Always" is the only policy of templates that controllers keep running. */
static void check_template_restart(struct check *c, const struct json *tmpl, const struct fpath *p)
{
    struct str policy = json_path_str(tmpl, "spec.restartPolicy");
    if (!str_eqc(policy, "Always"))
        check_unsupported(c, FP_NAME(FP_NAME(p, "spec"), "restartPolicy"), policy, "Always");
    if (json_path(tmpl, "spec.activeDeadlineSeconds"))
        check_forbidden(c, FP_NAME(FP_NAME(p, "spec"), "activeDeadlineSeconds"), "must not be specified");
}

static void check_selector(struct check *c, const struct json *spec, const struct fpath *p, const char *kind)
{
    const struct json *sel = json_get(spec, "selector");
    if (!json_is(sel, JSON_OBJECT)) {
        check_required(c, FP_NAME(p, "selector"), "");
        return;
    }
    check_label_selector(c, sel, FP_NAME(p, "selector"));
    if (json_len(sel) == 0)
        check_invalid_raw(c, FP_NAME(p, "selector"), go_selector(c->a, sel), "empty selector is invalid for %s", kind);
}

/* Labels of the template against the selector, then the template itself. */
static void check_selected_template(struct check *c, const struct json *spec, const struct fpath *p)
{
    const struct json *sel = json_get(spec, "selector"), *tmpl = json_get(spec, "template");
    const struct json *labels = json_path(tmpl, "metadata.labels");
    const struct fpath *tp = FP_NAME(p, "template");
    /* no selector matches nothing */
    bool matches = json_is(sel, JSON_OBJECT) ? !json_len(sel) || selector_matches_labels(c, sel, labels) : false;
    if (!matches)
        check_invalid_raw(c, FP_NAME(FP_NAME(tp, "metadata"), "labels"), arena_cstr(c->a, go_map(c->a, labels)),
                          "`selector` does not match template `labels`");
    check_pod_template(c, tmpl, tp);
    check_template_restart(c, tmpl, tp);
}

static void check_selector_unchanged(struct check *c, const struct json *spec, const struct json *old, const struct fpath *p)
{
    if (old && !same(json_get(spec, "selector"), json_path(old, "spec.selector")))
        check_invalid_raw(c, FP_NAME(p, "selector"), go_selector(c->a, json_get(spec, "selector")), "field is immutable");
}

static void check_counts(struct check *c, const struct json *spec, const struct fpath *p, const char *const *fields, size_t n)
{
    for (size_t i = 0; i < n; i++)
        check_non_negative(c, FP_NAME(p, fields[i]), json_get_int(spec, fields[i], 0));
}

/* A number or "25%". */
static void check_int_or_percent(struct check *c, const struct json *v, const struct fpath *p)
{
    if (json_is(v, JSON_INT)) {
        check_non_negative(c, p, json_int(v, 0));
    } else if (json_is(v, JSON_STRING)) {
        struct str s = json_str(v);
        int64_t percent;
        if (!str_ends(s, "%") || !str_int(str_sub(s, 0, s.n - 1), &percent) || percent < 0)
            check_invalid_s(c, p, s,
                            "a valid percent string must be a numeric string followed by an ending '%%' (e.g. '1%%',  or '93%%', "
                            "regex used for validation is '[0-9]+%%')");
    }
}

static bool is_zero_intstr(const struct json *v)
{
    return json_is(v, JSON_STRING) ? str_eqc(json_str(v), "0%") || str_eqc(json_str(v), "0") : json_int(v, 0) == 0;
}

static void check_not_over_100(struct check *c, const struct json *v, const struct fpath *p)
{
    int64_t percent;
    struct str s = json_str(v);
    if (json_is(v, JSON_STRING) && str_ends(s, "%") && str_int(str_sub(s, 0, s.n - 1), &percent) && percent > 100)
        check_invalid_s(c, p, s, "must not be greater than 100%%");
}

/* ---- kinds ---- */

static void check_strategy(struct check *c, const struct json *s, const struct fpath *p)
{
    struct str type = json_get_str(s, "type");
    const struct json *r = json_get(s, "rollingUpdate");
    const struct fpath *rp = FP_NAME(p, "rollingUpdate");
    if (str_eqc(type, "Recreate")) {
        if (r)
            check_forbidden(c, rp, "may not be specified when strategy `type` is 'Recreate'");
    } else if (!str_eqc(type, "RollingUpdate")) {
        check_unsupported(c, c->minor >= 18 ? FP_NAME(p, "type") : p, type, "Recreate,RollingUpdate");
    } else if (!r) {
        check_required(c, rp, "this should be defaulted and never be nil");
    } else {
        const struct json *down = json_get(r, "maxUnavailable"), *surge = json_get(r, "maxSurge");
        check_int_or_percent(c, down, FP_NAME(rp, "maxUnavailable"));
        check_int_or_percent(c, surge, FP_NAME(rp, "maxSurge"));
        if (is_zero_intstr(down) && is_zero_intstr(surge)) {
            char *text = json_is(down, JSON_STRING) ? arena_cstr(c->a, quote_go(c->a, json_str(down)))
                         : arena_printf(c->a, "%" PRId64, json_int(down, 0));
            check_invalid_raw(c, FP_NAME(rp, "maxUnavailable"), text, "may not be 0 when `maxSurge` is 0");
        }
        check_not_over_100(c, down, FP_NAME(rp, "maxUnavailable"));
    }
}

void validate_deployment(struct check *c, const struct gvk *gvk, const struct json *obj, const struct json *old)
{
    (void)gvk;
    const struct json *spec = json_get(obj, "spec");
    const struct fpath *p = FP_NAME(NULL, "spec");
    check_non_negative(c, FP_NAME(p, "replicas"), json_get_int(spec, "replicas", 0));
    check_selector(c, spec, p, "deployment");
    check_selected_template(c, spec, p);
    check_strategy(c, json_get(spec, "strategy"), FP_NAME(p, "strategy"));
    static const char *const counts[] = { "minReadySeconds", "revisionHistoryLimit" };
    check_counts(c, spec, p, counts, ARRAY_LEN(counts));
    const struct json *deadline = json_get(spec, "progressDeadlineSeconds");
    if (deadline) {
        check_non_negative(c, FP_NAME(p, "progressDeadlineSeconds"), json_int(deadline, 0));
        if (json_int(deadline, 0) <= json_get_int(spec, "minReadySeconds", 0))
            check_invalid_i(c, FP_NAME(p, "progressDeadlineSeconds"), json_int(deadline, 0), "must be greater than minReadySeconds");
    }
    check_selector_unchanged(c, spec, old, p);
}

void validate_replica_set(struct check *c, const struct gvk *gvk, const struct json *obj, const struct json *old)
{
    (void)gvk;
    const struct json *spec = json_get(obj, "spec");
    const struct fpath *p = FP_NAME(NULL, "spec");
    static const char *const counts[] = { "replicas", "minReadySeconds" };
    check_counts(c, spec, p, counts, ARRAY_LEN(counts));
    check_selector(c, spec, p, "deployment");    /* upstream's own slip */
    check_selected_template(c, spec, p);
    check_selector_unchanged(c, spec, old, p);
}

void validate_daemon_set(struct check *c, const struct gvk *gvk, const struct json *obj, const struct json *old)
{
    (void)gvk;
    const struct json *spec = json_get(obj, "spec"), *strategy = json_get(spec, "updateStrategy");
    const struct fpath *p = FP_NAME(NULL, "spec"), *sp = FP_NAME(p, "updateStrategy");
    check_selector(c, spec, p, "daemonset");
    check_selected_template(c, spec, p);
    static const char *const counts[] = { "minReadySeconds", "revisionHistoryLimit" };
    check_counts(c, spec, p, counts, ARRAY_LEN(counts));
    struct str type = json_get_str(strategy, "type");
    if (str_eqc(type, "RollingUpdate")) {
        const struct json *down = json_path(strategy, "rollingUpdate.maxUnavailable"),
                          *surge = json_path(strategy, "rollingUpdate.maxSurge");
        const struct fpath *rp = FP_NAME(sp, "rollingUpdate");
        check_int_or_percent(c, down, FP_NAME(rp, "maxUnavailable"));
        check_not_over_100(c, down, FP_NAME(rp, "maxUnavailable"));
        if (is_zero_intstr(down) && (!surge || is_zero_intstr(surge)))
            check_invalid_i(c, FP_NAME(rp, "maxUnavailable"), 0, "cannot be 0%s", c->minor >= 22 ? " when maxSurge is 0" : "");
    } else if (!str_eqc(type, "OnDelete")) {
        check_unsupported(c, FP_NAME(sp, "type"), type, "RollingUpdate,OnDelete");
    }
    check_selector_unchanged(c, spec, old, p);
}

/* Only some fields of a StatefulSet may change; the others are compared with these taken out. */
static void check_stateful_set_update(struct check *c, const struct json *spec, const struct json *old)
{
    static const char *const free_fields[] = { "replicas", "template", "updateStrategy", "minReadySeconds",
                                               "persistentVolumeClaimRetentionPolicy",
                                               "ordinals", "revisionHistoryLimit" };
    size_t n = c->minor >= 33 ? 7 : c->minor >= 27 ? 6 : c->minor >= 22 ? 4 : 3;
    struct json *now = json_copy(c->a, spec), *was = json_copy(c->a, old);
    for (size_t i = 0; i < n; i++) {
        json_remove(now, free_fields[i]);
        json_remove(was, free_fields[i]);
    }
    if (json_equal(now, was))
        return;
    const char *fields = c->minor >= 33
                         ? "'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', "
                           "'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds'"
                       : c->minor >= 27 ? "'replicas', 'ordinals', 'template', 'updateStrategy', "
                                          "'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds'"
                       : c->minor >= 22 ? "'replicas', 'template', 'updateStrategy' and 'minReadySeconds'"
                       : "'replicas', 'template', and 'updateStrategy'";
    check_forbidden(c, FP_NAME(NULL, "spec"), "updates to statefulset spec for fields other than %s are forbidden", fields);
}

/* Upstream leaves the containers unchecked, since volumes may come from claim templates. */
static void check_claimed_template(struct check *c, const struct json *spec, const struct fpath *p)
{
    const struct json *sel = json_get(spec, "selector"), *tmpl = json_get(spec, "template"), *meta = json_get(tmpl, "metadata");
    const struct fpath *tp = FP_NAME(p, "template");
    if (!json_is(sel, JSON_OBJECT) || (json_len(sel) && !selector_matches_labels(c, sel, json_get(meta, "labels"))))
        check_invalid_raw(c, FP_NAME(FP_NAME(tp, "metadata"), "labels"), arena_cstr(c->a, go_map(c->a, json_get(meta, "labels"))),
                          "`selector` does not match template `labels`");
    check_labels(c, json_get(meta, "labels"), FP_NAME(tp, "labels"));
    check_annotations(c, json_get(meta, "annotations"), FP_NAME(tp, "annotations"));
    check_template_restart(c, tmpl, tp);
}

void validate_stateful_set(struct check *c, const struct gvk *gvk, const struct json *obj, const struct json *old)
{
    (void)gvk;
    const struct json *spec = json_get(obj, "spec"), *strategy = json_get(spec, "updateStrategy");
    const struct fpath *p = FP_NAME(NULL, "spec");
    if (old)
        check_stateful_set_update(c, spec, json_get(old, "spec"));
    check_enum(c, FP_NAME(p, "podManagementPolicy"), json_get_str(spec, "podManagementPolicy"), "OrderedReady,Parallel");
    struct str type = json_get_str(strategy, "type");
    if (str_eqc(type, "RollingUpdate"))
        check_non_negative(c, FP_NAME(FP_NAME(FP_NAME(p, "updateStrategy"), "rollingUpdate"), "partition"),
                           json_path_int(strategy, "rollingUpdate.partition", 0));
    else if (str_eqc(type, "OnDelete") && json_get(strategy, "rollingUpdate"))
        check_invalid_raw(c, FP_NAME(FP_NAME(p, "updateStrategy"), "rollingUpdate"), "\"null\"",
                          "only allowed for updateStrategy 'RollingUpdate'");
    else if (!str_eqc(type, "OnDelete"))
        check_invalid_raw(c, FP_NAME(p, "updateStrategy"),
                          go_print(c->a, c->s, "io.k8s.api.apps.v1.StatefulSetUpdateStrategy", strategy),
                          "must be 'RollingUpdate' or 'OnDelete'");
    check_non_negative(c, FP_NAME(p, "replicas"), json_get_int(spec, "replicas", 0));
    check_selector(c, spec, p, "statefulset");
    check_claimed_template(c, spec, p);
}

void validate_replication_controller(struct check *c, const struct gvk *gvk, const struct json *obj, const struct json *old)
{
    (void)gvk; (void)old;
    const struct json *spec = json_get(obj, "spec"), *sel = json_get(spec, "selector"), *tmpl = json_get(spec, "template");
    const struct fpath *p = FP_NAME(NULL, "spec"), *tp = FP_NAME(p, "template");
    static const char *const counts[] = { "minReadySeconds", "replicas" };
    check_counts(c, spec, p, counts, ARRAY_LEN(counts));
    if (json_len(sel) == 0)
        check_required(c, FP_NAME(p, "selector"), "");
    if (!tmpl) {
        check_required(c, tp, "");
        return;
    }
    const struct json *labels = json_path(tmpl, "metadata.labels");
    for (const struct json *m = json_first(sel); m; m = json_next(m))
        if (!str_eq(json_str(json_getn(labels, json_key(m))), json_str(m))) {
            check_invalid_raw(c, FP_NAME(FP_NAME(tp, "metadata"), "labels"), arena_cstr(c->a, go_map(c->a, labels)),
                              "`selector` does not match template `labels`");
            break;
        }
    check_pod_template(c, tmpl, tp);
    check_template_restart(c, tmpl, tp);
}

static void check_job_spec(struct check *c, const struct json *spec, const struct fpath *p)
{
    static const char *const counts[] = { "parallelism", "completions", "activeDeadlineSeconds", "backoffLimit",
                                          "ttlSecondsAfterFinished" };
    check_counts(c, spec, p, counts, ARRAY_LEN(counts));
    const struct fpath *tp = FP_NAME(p, "template");
    check_pod_template(c, json_get(spec, "template"), tp);
    struct str policy = json_path_str(json_get(spec, "template"), "spec.restartPolicy");
    if (str_eqc(policy, "Always") && c->minor >= 20)
        check_required(c, FP_NAME(FP_NAME(tp, "spec"), "restartPolicy"), "valid values: \"OnFailure\", \"Never\"");
    else if (!in_list(policy, "OnFailure,Never"))
        check_unsupported(c, FP_NAME(FP_NAME(tp, "spec"), "restartPolicy"), policy, "OnFailure,Never");
}

/* Unless the user insists, a Job's selector is the one that the server made of its uid. */
static void check_generated_selector(struct check *c, const struct json *obj, const struct fpath *p)
{
    const struct json *spec = json_get(obj, "spec"), *sel = json_get(spec, "selector"),
                      *labels = json_path(spec, "template.metadata.labels");
    if (!sel) {
        check_required(c, FP_NAME(p, "selector"), "");
        return;
    }
    check_label_selector(c, sel, FP_NAME(p, "selector"));
    const char *key = c->minor >= 27 ? "batch.kubernetes.io/controller-uid" : "controller-uid";
    const struct json *match = json_get(sel, "matchLabels");
    bool own = json_len(match) == 1 && str_eq(json_get_str(match, key), meta_uid(obj)) &&
               json_len(json_get(sel, "matchExpressions")) == 0;
    if (!own && !json_get_bool(spec, "manualSelector", false))
        check_invalid_raw(c, FP_NAME(p, "selector"), go_selector(c->a, sel), "`selector` not auto-generated");
    if (!selector_matches_labels(c, sel, labels))
        check_invalid_raw(c, FP_NAME(FP_NAME(FP_NAME(p, "template"), "metadata"), "labels"), arena_cstr(c->a, go_map(c->a, labels)),
                          "`selector` does not match template `labels`");
}

void validate_job(struct check *c, const struct gvk *gvk, const struct json *obj, const struct json *old)
{
    (void)gvk;
    const struct json *spec = json_get(obj, "spec");
    const struct fpath *p = FP_NAME(NULL, "spec");
    check_generated_selector(c, obj, p);
    check_job_spec(c, spec, p);
    if (!old)
        return;
    check_selector_unchanged(c, spec, old, p);
    if (!same(json_get(spec, "completions"), json_path(old, "spec.completions")) && c->minor < 27)
        check_invalid_i(c, FP_NAME(p, "completions"), json_get_int(spec, "completions", 0), "field is immutable");
    bool suspended = json_get_bool(json_get(old, "spec"), "suspend", false);
    if (!same(json_get(spec, "template"), json_path(old, "spec.template")) && !suspended)
        check_invalid_raw(c, FP_NAME(p, "template"),
                          go_print(c->a, c->s, "io.k8s.api.core.v1.PodTemplateSpec", json_get(spec, "template")),
                          "field is immutable");
}

/* The fields of a schedule, or 5 for a descriptor that is known. Ranges within the fields are the controller's business. */
static size_t cron_fields(struct str schedule)
{
    if (str_starts(schedule, "@"))
        return in_list(schedule, "@yearly,@annually,@monthly,@weekly,@daily,@midnight,@hourly") || str_starts(schedule, "@every ")
               ? 5 : 0;
    size_t fields = 0;
    bool in_field = false;
    for (size_t i = 0; i < schedule.n; i++) {
        bool space = schedule.p[i] == ' ' || schedule.p[i] == '\t';
        fields += !space && !in_field;
        in_field = !space;
    }
    return fields;
}

static void check_schedule(struct check *c, struct str schedule, const struct fpath *p)
{
    size_t fields = cron_fields(schedule);
    if (schedule.n == 0)
        check_required(c, p, "");
    else if (fields == 0)
        check_invalid_s(c, p, schedule, "Unrecognized descriptor: " STR_FMT, STR_ARG(schedule));
    else if (fields != 5)
        check_invalid_s(c, p, schedule, "%sxpected exactly 5 fields, found %zu: " STR_FMT, c->minor < 21 ? "E" : "e", fields,
                        STR_ARG(schedule));
}

void validate_cron_job(struct check *c, const struct gvk *gvk, const struct json *obj, const struct json *old)
{
    (void)gvk;
    const struct json *spec = json_get(obj, "spec"), *job = json_path(spec, "jobTemplate.spec");
    const struct fpath *p = FP_NAME(NULL, "spec"), *jp = FP_NAME(FP_NAME(p, "jobTemplate"), "spec");
    if (!old && meta_name(obj).n > CRON_NAME_MAX)          /* a Job's name has 11 characters more */
        check_invalid_s(c, FP_NAME(FP_NAME(NULL, "metadata"), "name"), meta_name(obj), "must be no more than %d characters",
                        CRON_NAME_MAX);
    check_schedule(c, json_get_str(spec, "schedule"), FP_NAME(p, "schedule"));
    static const char *const counts[] = { "startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit" };
    check_counts(c, spec, p, counts, ARRAY_LEN(counts));
    check_enum(c, FP_NAME(p, "concurrencyPolicy"), json_get_str(spec, "concurrencyPolicy"), "Allow,Forbid,Replace");
    check_job_spec(c, job, jp);
    if (json_get(job, "selector"))
        check_invalid_raw(c, FP_NAME(jp, "selector"), go_selector(c->a, json_get(job, "selector")),
                          "`selector` will be auto-generated");
    if (json_get_bool(job, "manualSelector", false))
        field_error_add(c->out, "FieldValueNotSupported", fpath_text(c->a, FP_NAME(jp, "manualSelector")),
                        "Unsupported value: true: supported values: \"nil\", \"false\"");
}

void validate_pdb(struct check *c, const struct gvk *gvk, const struct json *obj, const struct json *old)
{
    (void)old;
    const struct json *spec = json_get(obj, "spec"), *min = json_get(spec, "minAvailable"), *max = json_get(spec, "maxUnavailable");
    const struct fpath *p = FP_NAME(NULL, "spec");
    if (min && max)
        check_invalid_raw(c, p, go_print(c->a, c->s, str_eqc(gvk->version, "v1") ? "io.k8s.api.policy.v1.PodDisruptionBudgetSpec"
                                                     : "io.k8s.api.policy.v1beta1.PodDisruptionBudgetSpec", spec),
                          "minAvailable and maxUnavailable cannot be both set");
    check_int_or_percent(c, min, FP_NAME(p, "minAvailable"));
    check_not_over_100(c, min, FP_NAME(p, "minAvailable"));
    check_int_or_percent(c, max, FP_NAME(p, "maxUnavailable"));
    check_not_over_100(c, max, FP_NAME(p, "maxUnavailable"));
    check_label_selector(c, json_get(spec, "selector"), FP_NAME(p, "selector"));
}

void validate_scale(struct check *c, const struct gvk *gvk, const struct json *obj, const struct json *old)
{
    (void)gvk; (void)old;
    check_non_negative(c, FP_NAME(FP_NAME(NULL, "spec"), "replicas"), json_path_int(obj, "spec.replicas", 0));
}
