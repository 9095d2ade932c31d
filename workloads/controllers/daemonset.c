/* workloads/controllers/daemonset.c - one pod on every node that will have it (pkg/controller/daemon/daemon_controller.go,
 * update.go).
 *
 * Pods are bound by the default scheduler (since v1.12): each carries a node affinity for the name of its node. Every template is
 * kept as a ControllerRevision, whose hash labels the pods (daemonset_history.c); a rolling update deletes old pods, up to
 * maxUnavailable at a time, and the next sync creates new ones. Simplified: failed pods are deleted without the back-off per
 * node; no maxSurge (v1.21).
 */
#include "workloads/controllers/daemonset.h"

#include <stdlib.h>

struct daemonsets {
    struct ctl           ctl;
    struct ctl_watch     sets, pods, nodes, revisions;
    struct expectations *expected;
    struct map          *doomed;       /* uid -> key */
};

static struct daemonsets *of(struct ctl *c) { return container_of(c, struct daemonsets, ctl); }
struct ctl_watch *daemon_revisions(struct ctl *c) { return &of(c)->revisions; }

/* ---- what wakes it ---- */
static void observe_deletion(struct daemonsets *d, const struct json *pod)
{
    char *key = map_take(d->doomed, meta_uid(pod));
    if (key)
        expectations_observe_del(d->expected, str_c(key));
    free(key);
}

static void pod_seen(struct ctl *c, const struct json *old, const struct json *now)
{
    struct daemonsets *d = of(c);
    const struct json *pod = now ? now : old, *owner = controller_of(&d->sets, "DaemonSet", pod);
    if (!now || meta_deleting(now))
        observe_deletion(d, pod);
    if (!owner) {
        if (now && !meta_controller(now) && (!old || !json_equal(meta_labels(old), meta_labels(now))))
            add_matching(c, &d->sets, now);
        return;
    }
    struct arena *a = arena_new();
    struct str key = meta_key(a, owner);
    int64_t min_ready = json_path_int(owner, "spec.minReadySeconds", 0);
    if (!old)
        expectations_observe_add(d->expected, key);
    ctl_add(c, key);
    if (old && now && min_ready > 0 && !pod_is_ready(old) && pod_is_ready(now))
        ctl_add_after(c, key, min_ready * SECOND + SECOND);
    arena_free(a);
}

static void add_all(struct ctl *c)
{
    size_t cursor = 0;
    for (const struct json *ds; ctl_next(&of(c)->sets, &cursor, &ds);)
        ctl_add_obj(c, ds);
}

/* Heartbeats are not news. */
static void node_seen(struct ctl *c, const struct json *old, const struct json *now)
{
    if (!old || !now || !json_equal(meta_labels(old), meta_labels(now)) ||
        !json_equal(json_get(old, "spec"), json_get(now, "spec")) || node_is_ready(old) != node_is_ready(now))
        add_all(c);
}

static void set_seen(struct ctl *c, const struct json *old, const struct json *now)
{
    if (!now) {
        struct arena *a = arena_new();
        expectations_forget(of(c)->expected, meta_key(a, old));
        arena_free(a);
    }
    ctl_add_obj(c, now ? now : old);
}

static void revision_seen(struct ctl *c, const struct json *old, const struct json *now)
{
    const struct json *owner = controller_of(&of(c)->sets, "DaemonSet", now ? now : old);
    if (owner)
        ctl_add_obj(c, owner);
}

/* ---- nodes ---- */
static void add_toleration(struct sync *s, struct json *tolerations, const char *key, const char *effect)
{
    struct json *want = json_buildf(s->a, "{'key':%s,'operator':'Exists','effect':%s}", key, effect);
    for (const struct json *t = json_first(tolerations); t; t = json_next(t))
        if (json_equal(t, want))
            return;
    json_append(tolerations, want);
}

/* A daemon is not evicted from a node in trouble: it may be what repairs it. */
static void add_tolerations(struct sync *s, struct json *spec)
{
    static const char *const keys[][2] = {
        { "node.kubernetes.io/not-ready", "NoExecute" }, { "node.kubernetes.io/unreachable", "NoExecute" },
        { "node.kubernetes.io/disk-pressure", "NoSchedule" },
        { "node.kubernetes.io/memory-pressure", "NoSchedule" }, { "node.kubernetes.io/pid-pressure", "NoSchedule" },
        { "node.kubernetes.io/unschedulable", "NoSchedule" } };
    struct json *tolerations = json_ensure_array(s->a, spec, "tolerations");
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        add_toleration(s, tolerations, keys[i][0], keys[i][1]);
    if (json_get_bool(spec, "hostNetwork", false))
        add_toleration(s, tolerations, "node.kubernetes.io/network-unavailable", "NoSchedule");
}

struct should { bool run, stay; };

static struct should should_run(struct sync *s, const struct daemon_job *job, const struct json *node)
{
    static const char *const both[] = { "NoSchedule", "NoExecute", NULL }, *const execute[] = { "NoExecute", NULL };
    struct json *spec = json_copy(s->a, json_path(job->ds, "spec.template.spec"));
    struct str fixed = json_get_str(spec, "nodeName");
    const struct json *taints = json_path(node, "spec.taints");
    add_tolerations(s, spec);
    if ((fixed.n && !str_eq(fixed, meta_name(node))) || !node_selected(spec, node))
        return (struct should){ false, false };
    if (taint_untolerated(taints, json_get(spec, "tolerations"), both))
        return (struct should){ false, !taint_untolerated(taints, json_get(spec, "tolerations"), execute) };
    return (struct should){ true, true };
}

/* The node that a pod is on, or will be. */
static struct str target_node(const struct json *pod)
{
    struct str bound = json_path_str(pod, "spec.nodeName");
    if (bound.n)
        return bound;
    const struct json *affinity = json_path(pod, "spec.affinity.nodeAffinity");
    const struct json *terms = json_path(affinity, "requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms");
    for (const struct json *t = json_first(terms); t; t = json_next(t))
        for (const struct json *f = json_first(json_get(t, "matchFields")); f; f = json_next(f))
            if (str_eqc(json_get_str(f, "key"), "metadata.name"))
                return json_str(json_first(json_get(f, "values")));
    return STR_NULL;
}

/* Pods of this daemon set on a node, oldest first. */
static size_t pods_on(struct sync *s, const struct daemon_job *job, struct str node, const struct json **out)
{
    size_t n = 0;
    (void)s;
    for (size_t i = 0; i < job->n; i++) {
        if (!str_eq(target_node(job->pods[i]), node))
            continue;
        size_t at = n++;
        for (; at > 0 && obj_created_ns(out[at - 1]) > obj_created_ns(job->pods[i]); at--)
            out[at] = out[at - 1];
        out[at] = job->pods[i];
    }
    return n;
}

/* ---- pods ---- */
static void pod_created(struct op *op, const struct client_result *r, const struct err *err)
{
    struct sync *s = op->s;
    struct daemon_job *job = s->data;
    if (err->code == ERR_NONE) {
        event_record(s->c->events, job->ds, NULL, "Normal", "SuccessfulCreate", "Created pod: " STR_FMT, STR_ARG(meta_name(r->obj)));
        return;
    }
    expectations_observe_add(of(s->c)->expected, s->key);
    if (is_namespace_terminating(err))
        return;
    sync_fail(s, err);
    event_record(s->c->events, job->ds, NULL, "Warning", "FailedCreate", "Error creating: %s", err->msg);
}

static void create_pod(struct sync *s, struct str node)
{
    struct daemon_job *job = s->data;
    struct json *pod = pod_from_template(s->a, json_path(job->ds, "spec.template"), job->ds, "apps/v1", "DaemonSet");
    struct json *spec = json_get(pod, "spec"), *labels = json_ensure(s->a, json_get(pod, "metadata"), "labels");
    struct str generation = meta_annotation(job->ds, "deprecated.daemonset.template.generation");
    json_set_str(s->a, labels, "controller-revision-hash", job->hash);
    if (generation.n)
        json_set_str(s->a, labels, "pod-template-generation", generation);
    struct json *required = json_ensure(s->a, json_ensure(s->a, json_ensure(s->a, spec, "affinity"), "nodeAffinity"),
                                        "requiredDuringSchedulingIgnoredDuringExecution");
    struct json *by_name = json_buildf(s->a, "{'key':'metadata.name','operator':'In','values':[%S]}", node);
    /* What the template requires besides has been judged already: only the name stays (ReplaceDaemonSetPodNodeNameNodeAffinity). */
    json_set(s->a, required, "nodeSelectorTerms", json_buildf(s->a, "[{'matchFields':[%j]}]", by_name));
    add_tolerations(s, spec);
    sync_create(s, client_path(s->a, "v1", "pods", s->ns, STR_NULL, NULL), pod, pod_created, NULL);
}

static void pod_deleted(struct op *op, const struct client_result *r, const struct err *err)
{
    struct sync *s = op->s;
    struct daemon_job *job = s->data;
    const struct json *pod = op->arg;
    (void)r;
    if (err->code == ERR_NONE) {
        event_record(s->c->events, job->ds, NULL, "Normal", "SuccessfulDelete", "Deleted pod: " STR_FMT, STR_ARG(meta_name(pod)));
        return;
    }
    observe_deletion(of(s->c), pod);
    if (err->code == ERR_NOT_FOUND)
        return;
    sync_fail(s, err);
    event_record(s->c->events, job->ds, NULL, "Warning", "FailedDelete", "Error deleting: %s", err->msg);
}

/* Carry out what was decided: names of nodes to be given a pod, pods to be deleted. */
static bool carry_out(struct sync *s, const struct str *nodes, size_t creates, const struct json **pods, size_t deletes)
{
    struct daemonsets *d = of(s->c);
    if (creates + deletes == 0)
        return false;
    expectations_set(d->expected, s->key, (int)creates, (int)deletes);
    for (size_t i = 0; i < deletes; i++) {
        free(map_put(d->doomed, meta_uid(pods[i]), xstrdup(arena_cstr(s->a, s->key))));
        sync_delete(s, sync_path(s, "v1", "pods", pods[i], NULL), NULL, pod_deleted, (void *)(uintptr_t)pods[i]);
    }
    for (size_t i = 0; i < creates; i++)
        create_pod(s, nodes[i]);
    return true;
}

/* ---- status ---- */
static bool is_updated(const struct daemon_job *job, const struct json *pod)
{
    struct str generation = meta_annotation(job->ds, "deprecated.daemonset.template.generation"),
               hash = meta_label(pod, "controller-revision-hash");
    return (generation.n && str_eq(generation, meta_label(pod, "pod-template-generation"))) ||
           (job->hash.n && str_eq(hash, job->hash));
}

static void set_count(struct arena *a, struct json *st, const char *key, int64_t n)
{
    if (n)
        json_set_int(a, st, key, n);
}

static void write_status(struct sync *s)
{
    struct daemon_job *job = s->data;
    int64_t desired = 0, current = 0, wrong = 0, ready = 0, available = 0, updated = 0,
            min_ready = json_path_int(job->ds, "spec.minReadySeconds", 0);
    const struct json **here = arena_alloc(s->a, (job->n + 1) * sizeof *here);
    size_t cursor = 0;
    for (const struct json *node; ctl_next(&of(s->c)->nodes, &cursor, &node);) {
        struct should should = should_run(s, job, node);
        size_t n = pods_on(s, job, meta_name(node), here);
        if (!should.run) {
            wrong += n > 0;
            continue;
        }
        desired++;
        if (n == 0)
            continue;
        current++;
        ready += pod_is_ready(here[0]);
        available += pod_available(here[0], min_ready, vtime_now(s->c->loop));
        updated += is_updated(job, here[0]);
    }
    struct json *st = json_buildf(s->a,
                                  "{'currentNumberScheduled':%d,'numberMisscheduled':%d,'desiredNumberScheduled':%d,"
                                  "'numberReady':%d}", current, wrong, desired, ready);
    set_count(s->a, st, "observedGeneration", json_path_int(job->ds, "metadata.generation", 0));
    set_count(s->a, st, "updatedNumberScheduled", updated);
    set_count(s->a, st, "numberAvailable", available);
    set_count(s->a, st, "numberUnavailable", desired - available);
    if (json_path(job->ds, "status.collisionCount"))
        json_set(s->a, st, "collisionCount", json_copy(s->a, json_path(job->ds, "status.collisionCount")));
    if (!json_equal(st, json_get(job->ds, "status"))) {
        struct json *ds = json_copy(s->a, job->ds);
        json_set(s->a, ds, "status", st);
        sync_update(s, sync_path(s, "apps/v1", "daemonsets", ds, "status"), ds, NULL, NULL);
    }
    if (min_ready > 0 && ready != available)
        ctl_add_after(s->c, s->key, min_ready * SECOND);
    sync_wait(s, sync_end);
}

/* ---- rolling update: old pods go, as many at a time as may be missing ---- */
static void rolled(struct sync *s)
{
    daemon_cleanup(s);
    write_status(s);
}

static void roll(struct sync *s)
{
    struct daemon_job *job = s->data;
    const struct json **here = arena_alloc(s->a, (job->n + 1) * sizeof *here),
                      **doomed = arena_alloc(s->a, (job->n + 1) * sizeof *doomed),
                      **fine = arena_alloc(s->a, (job->n + 1) * sizeof *fine);
    size_t cursor = 0, deletes = 0, candidates = 0;
    int64_t desired = 0, unavailable = 0, max = 1, min_ready = json_path_int(job->ds, "spec.minReadySeconds", 0);
    for (const struct json *node; ctl_next(&of(s->c)->nodes, &cursor, &node);) {
        if (!should_run(s, job, node).run)
            continue;
        desired++;
        size_t n = pods_on(s, job, meta_name(node), here);
        bool available = false;
        for (size_t i = 0; i < n; i++) {
            bool ok = pod_available(here[i], min_ready, vtime_now(s->c->loop)) && !meta_deleting(here[i]);
            available = available || ok;
            if (is_updated(job, here[i]) || meta_deleting(here[i]))
                continue;
            if (ok)
                fine[candidates++] = here[i];
            else
                doomed[deletes++] = here[i];       /* it serves nobody: nothing is lost */
        }
        unavailable += !available;
    }
    intstr_scaled(json_path(job->ds, "spec.updateStrategy.rollingUpdate.maxUnavailable"), desired, true, &max);
    for (size_t i = 0; i < candidates && unavailable < max; i++, unavailable++)
        doomed[deletes++] = fine[i];
    carry_out(s, NULL, 0, doomed, deletes);
    sync_wait(s, rolled);
}

/* ---- one sync ---- */
static void managed(struct sync *s)
{
    struct daemon_job *job = s->data;
    bool rolling = !str_eqc(json_path_str(job->ds, "spec.updateStrategy.type"), "OnDelete");
    if (s->failed)
        sync_end(s);
    else if (rolling && expectations_satisfied(of(s->c)->expected, s->key))
        roll(s);
    else
        rolled(s);
}

static void manage(struct sync *s)
{
    struct daemonsets *d = of(s->c);
    struct daemon_job *job = s->data;
    if (s->failed || job->hash.n == 0) {
        sync_end(s);
        return;
    }
    if (meta_deleting(job->ds)) {
        write_status(s);
        return;
    }
    if (!expectations_satisfied(d->expected, s->key)) {
        write_status(s);
        return;
    }
    struct str *nodes = arena_alloc(s->a, (informer_count(d->nodes.informer) + 1) * sizeof *nodes);
    const struct json **here = arena_alloc(s->a, (job->n + 1) * sizeof *here),
                      **doomed = arena_alloc(s->a, (job->n + 1) * sizeof *doomed);
    size_t creates = 0, deletes = 0, cursor = 0;
    for (const struct json *node; ctl_next(&d->nodes, &cursor, &node);) {
        struct should should = should_run(s, job, node);
        size_t n = pods_on(s, job, meta_name(node), here), running = 0;
        for (size_t i = 0; i < n; i++) {
            bool failed = str_eqc(json_path_str(here[i], "status.phase"), "Failed");
            if (meta_deleting(here[i]))
                continue;
            if (failed && should.stay)
                event_record(s->c->events, job->ds, NULL, "Warning", "FailedDaemonPod",
                             "Found failed daemon pod " STR_FMT "/" STR_FMT " on node " STR_FMT ", will try to kill it",
                             STR_ARG(s->ns), STR_ARG(meta_name(here[i])), STR_ARG(meta_name(node)));
            if (failed || !should.stay || running)
                doomed[deletes++] = here[i];
            else
                running++;
        }
        if (should.run && n == 0)
            nodes[creates++] = arena_str(s->a, meta_name(node));
    }
    for (size_t i = 0; i < job->n; i++)            /* meant for a node that is gone, and never bound */
        if (!json_path_str(job->pods[i], "spec.nodeName").n && !meta_deleting(job->pods[i]) &&
            !ctl_get(&d->nodes, target_node(job->pods[i])))
            doomed[deletes++] = job->pods[i];
    carry_out(s, nodes, creates, doomed, deletes);
    sync_wait(s, managed);
}

static void claimed(struct sync *s)
{
    if (s->failed)
        sync_end(s);
    else
        daemon_history(s, manage);
}

static void sync_daemonset(struct sync *s)
{
    struct daemonsets *d = of(s->c);
    const struct json *ds = ctl_get(&d->sets, s->key);
    struct selector *sel = ds ? selector_from_json(s->a, json_path(ds, "spec.selector"), NULL) : NULL;
    if (!sel) {
        if (!ds)
            expectations_forget(d->expected, s->key);
        sync_end(s);
        return;
    }
    if (selector_empty(sel)) {
        event_record(s->c->events, ds, NULL, "Warning", "SelectingAll",
                     "This daemon set is selecting all pods. A non-empty selector is required.");
        sync_end(s);
        return;
    }
    struct daemon_job *job = s->data = ARENA_NEW(s->a, struct daemon_job);
    job->ds = json_copy(s->a, ds);
    job->pods = arena_alloc(s->a, (informer_count(d->pods.informer) + 1) * sizeof *job->pods);
    size_t cursor = 0;
    for (const struct json *pod; ctl_next(&d->pods, &cursor, &pod);) {
        if (!str_eq(meta_namespace(pod), s->ns))
            continue;
        enum claim claim = claim_of(ds, sel, pod);
        if (claim == CLAIM_ADOPT)
            claim_adopt(s, "v1", "pods", pod, "apps/v1", "DaemonSet", ds);
        else if (claim == CLAIM_RELEASE)
            claim_release(s, "v1", "pods", pod, ds);
        if (claim == CLAIM_MINE || claim == CLAIM_ADOPT)
            job->pods[job->n++] = json_copy(s->a, pod);
    }
    sync_wait(s, claimed);
}

/* ---- life ---- */
static void *start(const struct controller_context *cc)
{
    struct daemonsets *d = NEW(struct daemonsets);
    d->expected = expectations_new(cc->loop);
    d->doomed = map_new();
    ctl_init(&d->ctl, cc, "daemonset", 2, sync_daemonset);
    ctl_events(&d->ctl, "daemonset-controller");
    ctl_watch(&d->ctl, &d->sets, "apps/v1", "daemonsets", set_seen);
    ctl_watch(&d->ctl, &d->revisions, "apps/v1", "controllerrevisions", revision_seen);
    ctl_watch(&d->ctl, &d->pods, "v1", "pods", pod_seen);
    ctl_watch(&d->ctl, &d->nodes, "v1", "nodes", node_seen);
    return d;
}

static void stop(void *state)
{
    struct daemonsets *d = state;
    ctl_deinit(&d->ctl);
    expectations_free(d->expected);
    map_free(d->doomed, free);
    free(d);
}

const struct controller_ops daemonset_controller = { "daemonset", "daemon-set-controller", start, stop };
