/* apiserver/printers/other.c - cells of workloads' status, events, RBAC, certificates, storage, quotas, API services.
 * Upstream: pkg/printers/internalversion/printers.go, and kube-aggregator's pkg/registry/apiservice/rest.go.
 */
#include "apiserver/printers/printers_priv.h"

#include <stdlib.h>

/* ---- workloads ---- */

void print_deployment_ready(struct row *r, const char *arg)
{
    (void)arg;
    cell_fraction(r, "status.readyReplicas|spec.replicas");
}

void print_job_status(struct row *r, const char *arg)
{
    (void)arg;
    static const struct { const char *condition, *word; } order[] = {
        { "Complete", "Complete" }, { "Failed", "Failed" }, { NULL, "Terminating" }, { "Suspended", "Suspended" },
        { "FailureTarget", "FailureTarget" }, { "SuccessCriteriaMet", "SuccessCriteriaMet" },
    };
    const char *word = "Running";
    for (size_t i = ARRAY_LEN(order); i-- > 0;)
        if (order[i].condition ? condition_is_true(r->obj, order[i].condition) : meta_deleting(r->obj))
            word = order[i].word;
    print_put_strc(r, word);
}

void print_job_completions(struct row *r, const char *arg)
{
    (void)arg;
    int64_t succeeded = json_path_int(r->obj, "status.succeeded", 0), parallel = json_path_int(r->obj, "spec.parallelism", 0);
    const struct json *wanted = json_path(r->obj, "spec.completions");
    if (json_type(wanted) != JSON_NULL)
        print_put_str(r, arena_strf(r->a, "%" PRId64 "/%" PRId64, succeeded, json_int(wanted, 0)));
    else if (parallel > 1)
        print_put_str(r, arena_strf(r->a, "%" PRId64 "/1 of %" PRId64, succeeded, parallel));
    else
        print_put_str(r, arena_strf(r->a, "%" PRId64 "/1", succeeded));
}

void print_job_duration(struct row *r, const char *arg)
{
    (void)arg;
    int64_t start, end = r->now_ns;
    if (!time_parse_rfc3339(json_path_str(r->obj, "status.startTime"), &start)) {
        print_put_strc(r, "");
        return;
    }
    struct str done = json_path_str(r->obj, "status.completionTime");
    if (done.n && !time_parse_rfc3339(done, &end))
        end = r->now_ns;
    print_put_str(r, duration_human(r->a, end - start));
}

/* "daemonset.apps/kube-proxy" */
void print_revision_owner(struct row *r, const char *arg)
{
    (void)arg;
    const struct json *owner = meta_controller(r->obj);
    struct gvk k;
    if (!owner) {
        print_put_strc(r, "<none>");
        return;
    }
    gvk_parse(json_get_str(owner, "apiVersion"), json_get_str(owner, "kind"), &k);
    print_put_str(r, arena_strf(r->a, STR_FMT "%s" STR_FMT "/" STR_FMT, STR_ARG(print_go_lower(r->a, k.kind)),
                                k.group.n ? "." : "", STR_ARG(print_go_lower(r->a, k.group)),
                                STR_ARG(json_get_str(owner, "name"))));
}

/* ---- events: v1's and events.k8s.io's fields for the same things ---- */

static struct str first_of(const struct json *obj, const char *v1, const char *events)
{
    struct str s = json_path_str(obj, v1);
    return s.n ? s : json_path_str(obj, events);
}

static const struct json *involved(const struct json *obj)
{
    const struct json *o = json_get(obj, "involvedObject");
    return o ? o : json_get(obj, "regarding");
}

static struct str first_seen(struct row *r)
{
    struct str t = first_of(r->obj, "firstTimestamp", "deprecatedFirstTimestamp");
    return print_age_since(r, t.n ? t : json_get_str(r->obj, "eventTime"));
}

void print_event_first_seen(struct row *r, const char *arg)
{
    (void)arg;
    print_put_str(r, first_seen(r));
}

void print_event_last_seen(struct row *r, const char *arg)
{
    (void)arg;
    struct str t = first_of(r->obj, "lastTimestamp", "deprecatedLastTimestamp"),
               series = json_path_str(r->obj, "series.lastObservedTime");
    if (series.n && r->minor >= 20)
        t = series;
    print_put_str(r, t.n ? print_age_since(r, t) : first_seen(r));
}

void print_event_object(struct row *r, const char *arg)
{
    (void)arg;
    struct str kind = print_go_lower(r->a, json_get_str(involved(r->obj), "kind")), name = json_get_str(involved(r->obj), "name");
    print_put_str(r, arena_strf(r->a, STR_FMT "%s" STR_FMT, STR_ARG(kind), name.n ? "/" : "", STR_ARG(name)));
}

void print_event_subobject(struct row *r, const char *arg)
{
    (void)arg;
    print_put_str(r, json_get_str(involved(r->obj), "fieldPath"));
}

void print_event_source(struct row *r, const char *arg)
{
    (void)arg;
    struct str component = first_of(r->obj, "source.component", "deprecatedSource.component");
    struct str host = first_of(r->obj, "source.host", "deprecatedSource.host");
    if (!component.n && r->minor >= 20)
        component = first_of(r->obj, "reportingComponent", "reportingController");
    if (!host.n && r->minor >= 20)
        host = json_get_str(r->obj, "reportingInstance");
    print_put_str(r, arena_strf(r->a, STR_FMT "%s" STR_FMT, STR_ARG(component), host.n ? ", " : "", STR_ARG(host)));
}

void print_event_message(struct row *r, const char *arg)
{
    (void)arg;
    print_put_str(r, str_trim(first_of(r->obj, "message", "note")));
}

void print_event_count(struct row *r, const char *arg)
{
    (void)arg;
    int64_t n = json_get_int(r->obj, "count", json_get_int(r->obj, "deprecatedCount", 0));
    if (r->minor >= 20 && json_is(json_get(r->obj, "series"), JSON_OBJECT))
        n = json_path_int(r->obj, "series.count", 0);
    else if (r->minor >= 20 && !n)
        n = 1;                                                   /* events of the new API are counted by their series alone */
    print_put_int(r, n);
}

/* ---- RBAC ---- */

void print_binding_role(struct row *r, const char *arg)
{
    (void)arg;
    print_put_str(r, arena_strf(r->a, STR_FMT "/" STR_FMT, STR_ARG(json_path_str(r->obj, "roleRef.kind")),
                                STR_ARG(json_path_str(r->obj, "roleRef.name"))));
}

/* arg: the kind of subject */
void print_binding_subjects(struct row *r, const char *arg)
{
    struct joined j;
    print_join_init(&j, ", ");
    for (const struct json *s = json_first(json_get(r->obj, "subjects")); s; s = json_next(s)) {
        struct str ns = json_get_str(s, "namespace"), name = json_get_str(s, "name");
        if (!str_eqc(json_get_str(s, "kind"), arg))
            continue;
        bool account = str_eqc(json_get_str(s, "kind"), "ServiceAccount") && ns.n;
        print_join_add(&j, account ? arena_strf(r->a, STR_FMT "/" STR_FMT, STR_ARG(ns), STR_ARG(name)) : name);
    }
    print_join_put(r, &j, "");
}

/* ---- certificates ---- */

void print_csr_condition(struct row *r, const char *arg)
{
    (void)arg;
    bool denied = false, approved = false, failed = false;
    for (const struct json *c = json_first(json_path(r->obj, "status.conditions")); c; c = json_next(c)) {
        denied |= str_eqc(json_get_str(c, "type"), "Denied");
        approved |= str_eqc(json_get_str(c, "type"), "Approved");
        failed |= str_eqc(json_get_str(c, "type"), "Failed");
    }
    const char *word = denied ? "Denied" : approved ? "Approved" : "Pending";
    print_put_str(r, arena_strf(r->a, "%s%s%s", word, failed ? ",Failed" : "",
                                json_path_str(r->obj, "status.certificate").n ? ",Issued" : ""));
}

void print_csr_duration(struct row *r, const char *arg)
{
    (void)arg;
    const struct json *s = json_path(r->obj, "spec.expirationSeconds");
    print_put_str(r, json_type(s) == JSON_NULL ? STR("<none>") : duration_human(r->a, json_int(s, 0) * (int64_t)NS_PER_S));
}

/* ---- storage ---- */

void print_volume_phase(struct row *r, const char *arg)
{
    (void)arg;
    print_put_str(r, meta_deleting(r->obj) ? STR("Terminating") : json_path_str(r->obj, "status.phase"));
}

static void put_modes(struct row *r, const struct json *modes)
{
    static const struct { const char *mode, *shown; } known[] = {
        { "ReadWriteOnce", "RWO" }, { "ReadOnlyMany", "ROX" }, { "ReadWriteMany", "RWX" }, { "ReadWriteOncePod", "RWOP" },
    };
    struct joined j;
    print_join_init(&j, ",");
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        bool found = false;
        for (const struct json *m = json_first(modes); m; m = json_next(m))
            found |= str_eqc(json_str(m), known[i].mode);
        if (found)
            print_join_add(&j, str_c(known[i].shown));
    }
    print_join_put(r, &j, "");
}

/* arg: "claim" for claims, whose modes are known once they are bound */
void print_volume_modes(struct row *r, const char *arg)
{
    if (!arg)
        put_modes(r, json_path(r->obj, "spec.accessModes"));
    else
        put_modes(r, json_path_str(r->obj, "spec.volumeName").n ? json_path(r->obj, "status.accessModes") : NULL);
}

void print_claim_capacity(struct row *r, const char *arg)
{
    (void)arg;
    print_put_str(r, json_path_str(r->obj, "spec.volumeName").n ? json_path_str(r->obj, "status.capacity.storage") : STR_NULL);
}

void print_volume_claim(struct row *r, const char *arg)
{
    (void)arg;
    const struct json *c = json_path(r->obj, "spec.claimRef");
    print_put_str(
        r, c ? arena_strf(r->a, STR_FMT "/" STR_FMT, STR_ARG(json_get_str(c, "namespace")), STR_ARG(json_get_str(c, "name")))
                   : STR_NULL);
}

void print_volume_class(struct row *r, const char *arg)
{
    (void)arg;
    struct str beta = meta_annotation(r->obj, "volume.beta.kubernetes.io/storage-class");
    print_put_str(r, beta.n ? beta : json_path_str(r->obj, "spec.storageClassName"));
}

void print_class_name(struct row *r, const char *arg)
{
    (void)arg;
    bool is_default = str_eqc(meta_annotation(r->obj, "storageclass.kubernetes.io/is-default-class"), "true") ||
                      str_eqc(meta_annotation(r->obj, "storageclass.beta.kubernetes.io/is-default-class"), "true");
    print_put_str(r, arena_strf(r->a, STR_FMT "%s", STR_ARG(meta_name(r->obj)), is_default ? " (default)" : ""));
}

/* ---- quotas: "pods: 1/4, requests.cpu: 0/2"; arg "limits" selects the limits ---- */

static int by_key(const void *x, const void *y)
{
    return str_cmp(json_key(*(const struct json *const *)x), json_key(*(const struct json *const *)y));
}

void print_quota_column(struct row *r, const char *arg)
{
    const struct json *hard = json_path(r->obj, "status.hard"), *used = json_path(r->obj, "status.used");
    size_t n = json_len(hard), i = 0;
    const struct json **v = arena_alloc(r->a, (n + 1) * sizeof *v);
    struct joined j;
    print_join_init(&j, ", ");
    for (const struct json *h = json_first(hard); h; h = json_next(h))
        v[i++] = h;
    qsort(v, n, sizeof *v, by_key);
    for (i = 0; i < n; i++) {
        struct str u = json_str(json_getn(used, json_key(v[i])));
        if (str_starts(json_key(v[i]), "limits.") == (arg != NULL))
            print_join_add(&j, arena_strf(r->a, STR_FMT ": " STR_FMT "/" STR_FMT, STR_ARG(json_key(v[i])),
                                          STR_ARG(u.n ? u : STR("0")), STR_ARG(json_str(v[i]))));
    }
    print_join_put(r, &j, "");
}

/* ---- the rest ---- */

void print_apiservice_service(struct row *r, const char *arg)
{
    (void)arg;
    const struct json *s = json_path(r->obj, "spec.service");
    print_put_str(r, !json_is(s, JSON_OBJECT) ? STR("Local")
                                        : arena_strf(r->a, STR_FMT "/" STR_FMT, STR_ARG(json_get_str(s, "namespace")),
                                                     STR_ARG(json_get_str(s, "name"))));
}

void print_apiservice_available(struct row *r, const char *arg)
{
    (void)arg;
    const struct json *c = condition_find(json_path(r->obj, "status.conditions"), "Available");
    struct str status = json_get_str(c, "status");
    if (!c)
        print_put_strc(r, "Unknown");
    else if (str_eqc(status, "True"))
        print_put_str(r, status);
    else
        print_put_str(r, arena_strf(r->a, STR_FMT " (" STR_FMT ")", STR_ARG(status), STR_ARG(json_get_str(c, "reason"))));
}

/* arg: "status" or a member of the Healthy condition */
void print_component_status(struct row *r, const char *arg)
{
    const struct json *c = condition_find(json_get(r->obj, "conditions"), "Healthy");
    if (strcmp(arg, "status"))
        print_put_str(r, json_get_str(c, arg));
    else
        print_put_strc(r, !c ? "Unknown" : str_eqc(json_get_str(c, "status"), "True") ? "Healthy" : "Unhealthy");
}

/* Whether a flow schema's priority level is missing ("?" until the controller has looked). */
void print_missing_level(struct row *r, const char *arg)
{
    (void)arg;
    const struct json *c = condition_find(json_path(r->obj, "status.conditions"), "Dangling");
    struct str s = json_get_str(c, "status");
    print_put_str(r, s.n ? s : STR("?"));
}

/* The object holds nothing that changes by itself: what time it is is known when somebody looks. */
void print_clock_now(struct row *r, const char *arg)
{
    (void)arg;
    print_put_str(r, time_rfc3339(r->a, r->now_ns));
}
