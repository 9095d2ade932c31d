/* workloads/controllers/replicaset.c - as many pods as asked for (pkg/controller/replicaset/replica_set.go), for ReplicaSets and
 * ReplicationControllers.
 *
 * A sync claims its pods (adopting orphans that match, releasing those that no longer do), creates what is missing in batches of
 * 1, 2, 4..., or deletes what is too many in the order of victims_sort, and writes the status. What it asked for and has not seen
 * yet in its informer is kept as expectations: until they are met it only counts. Simplified: no logarithmic scale-down (v1.22).
 */
#include "workloads/controllers/controllers_priv.h"

#include <stdlib.h>

enum { BURST_REPLICAS = 500 };

struct flavour { const char *api, *group_version, *kind, *resource, *component; };      /* of the owner */
static const struct flavour replica_set = { "apps/v1", "apps/v1", "ReplicaSet", "replicasets", "replicaset-controller" };
static const struct flavour replication = { "v1", "v1", "ReplicationController", "replicationcontrollers", "replication-controller" };

struct replicas {
    struct ctl             ctl;
    const struct flavour  *f;
    struct ctl_watch       owners, pods;
    struct expectations   *expected;
    struct map            *doomed;                 /* uids of pods whose deletion is expected -> key of the owner */
};
struct rs_job {
    struct json         *rs;
    const struct json  **pods; size_t n;           /* active and claimed */
    struct json         *pod;                      /* to be created */
    int64_t              to_create, batch, sent;
    struct err           failure;
    const char          *failure_reason;
};

static struct replicas *replicas_of(struct ctl *c) { return container_of(c, struct replicas, ctl); }

/* ---- what wakes it ---- */
static void observe_deletion(struct replicas *r, const struct json *pod)
{
    char *key = map_take(r->doomed, meta_uid(pod));
    if (key)
        expectations_observe_del(r->expected, str_c(key));
    free(key);
}

static void pod_owner_changed(struct ctl *c, const struct json *pod, bool created)
{
    struct replicas *r = replicas_of(c);
    const struct json *owner = controller_of(&r->owners, r->f->kind, pod);
    if (!owner)
        return;
    struct arena *a = arena_new();
    struct str key = meta_key(a, owner);
    if (created)
        expectations_observe_add(r->expected, key);
    ctl_add(c, key);
    arena_free(a);
}

static void pod_seen(struct ctl *c, const struct json *old, const struct json *now)
{
    struct replicas *r = replicas_of(c);
    if (!now || meta_deleting(now))
        observe_deletion(r, now ? now : old);
    if (!now) {
        pod_owner_changed(c, old, false);
        return;
    }
    if (old && meta_controller(old) && !str_eq(json_get_str(meta_controller(old), "uid"), json_get_str(meta_controller(now), "uid")))
        pod_owner_changed(c, old, false);
    if (meta_controller(now)) {
        pod_owner_changed(c, now, !old);
        const struct json *owner = controller_of(&r->owners, r->f->kind, now);
        int64_t min_ready = owner ? json_path_int(owner, "spec.minReadySeconds", 0) : 0;
        if (old && min_ready > 0 && !pod_is_ready(old) && pod_is_ready(now)) {      /* it becomes available without another event */
            struct arena *a = arena_new();
            ctl_add_after(c, meta_key(a, owner), min_ready * SECOND + SECOND);
            arena_free(a);
        }
    } else if (!old || !json_equal(meta_labels(old), meta_labels(now)) || meta_controller(old)) {
        add_matching(c, &r->owners, now);
    }
}

static void owner_seen(struct ctl *c, const struct json *old, const struct json *now)
{
    if (!now) {
        struct arena *a = arena_new();
        expectations_forget(replicas_of(c)->expected, meta_key(a, old));
        arena_free(a);
    }
    ctl_add_obj(c, now ? now : old);
}

/* ---- status ---- */
static struct json *status_of(struct sync *s, struct rs_job *job)
{
    const struct json *old = json_get(job->rs, "status"), *labels = json_path(job->rs, "spec.template.metadata.labels");
    int64_t ready = 0, available = 0, labelled = 0, now = vtime_now(s->c->loop),
            min_ready = json_path_int(job->rs, "spec.minReadySeconds", 0);
    struct selector *template = selector_from_map(s->a, labels);
    for (size_t i = 0; i < job->n; i++) {
        labelled += selector_matches(template, meta_labels(job->pods[i]));
        ready += pod_is_ready(job->pods[i]);
        available += pod_available(job->pods[i], min_ready, now);
    }
    struct json *st = json_buildf(s->a, "{'replicas':%d}", (int64_t)job->n);
    if (labelled)
        json_set_int(s->a, st, "fullyLabeledReplicas", labelled);
    if (ready)
        json_set_int(s->a, st, "readyReplicas", ready);
    if (available)
        json_set_int(s->a, st, "availableReplicas", available);
    json_set_int(s->a, st, "observedGeneration", json_path_int(job->rs, "metadata.generation", 0));
    struct json *conditions = json_get(old, "conditions") ? json_copy(s->a, json_get(old, "conditions")) : json_new_array(s->a);
    struct json *failure = condition_find(conditions, "ReplicaFailure");
    if (job->failure_reason && !failure)
        condition_set(s->a, conditions, "ReplicaFailure", "True", job->failure_reason, job->failure.msg, now);
    for (size_t i = json_len(conditions); !job->failure_reason && failure && i-- > 0;)
        if (json_at(conditions, i) == failure)
            json_remove_at(conditions, i);
    if (json_len(conditions))
        json_set(s->a, st, "conditions", conditions);
    return st;
}

static void write_status(struct sync *s)
{
    struct rs_job *job = s->data;
    struct json *st = status_of(s, job);
    int64_t min_ready = json_path_int(job->rs, "spec.minReadySeconds", 0), wanted = json_path_int(job->rs, "spec.replicas", 1);
    if (!json_equal(st, json_get(job->rs, "status"))) {
        json_set(s->a, job->rs, "status", json_copy(s->a, st));
        sync_update(s, sync_path(s, replicas_of(s->c)->f->group_version, replicas_of(s->c)->f->resource, job->rs, "status"),
                    job->rs, NULL, NULL);
    }
    if (min_ready > 0 && json_get_int(st, "readyReplicas", 0) == wanted && json_get_int(st, "availableReplicas", 0) != wanted)
        ctl_add_after(s->c, s->key, min_ready * SECOND);
    if (job->failure_reason)
        s->failed = true;
    err_clear(&job->failure);
    sync_wait(s, sync_end);
}

/* ---- too few ---- */
static void create_batch(struct sync *s);

static void failed(struct rs_job *job, const struct err *err, const char *reason)
{
    if (job->failure_reason)
        return;
    job->failure_reason = reason;
    err_set(&job->failure, err->code, "%s", err->msg);
}

static void pod_created(struct op *op, const struct client_result *r, const struct err *err)
{
    struct sync *s = op->s;
    struct rs_job *job = s->data;
    struct replicas *x = replicas_of(s->c);
    if (err->code == ERR_NONE) {
        event_record(s->c->events, job->rs, NULL, "Normal", "SuccessfulCreate", "Created pod: " STR_FMT, STR_ARG(meta_name(r->obj)));
        return;
    }
    expectations_observe_add(x->expected, s->key);  /* it will never be seen */
    if (is_namespace_terminating(err) && s->c->minor >= 17)
        return;
    failed(job, err, "FailedCreate");
    event_record(s->c->events, job->rs, NULL, "Warning", "FailedCreate", "Error creating: %s", err->msg);
}

/* Slow start: a quota or a webhook that refuses one pod is not asked five hundred times. */
static void create_next(struct sync *s)
{
    struct rs_job *job = s->data;
    if (job->failure_reason)
        for (; job->sent < job->to_create; job->sent++)
            expectations_observe_add(replicas_of(s->c)->expected, s->key);
    job->batch *= 2;
    create_batch(s);
}

static void create_batch(struct sync *s)
{
    struct rs_job *job = s->data;
    if (job->sent >= job->to_create) {
        write_status(s);
        return;
    }
    const char *path = client_path(s->a, "v1", "pods", s->ns, STR_NULL, NULL);
    for (int64_t i = 0; i < job->batch && job->sent < job->to_create; i++, job->sent++)
        sync_create(s, path, job->pod, pod_created, NULL);
    sync_wait(s, create_next);
}

/* ---- too many ---- */
static void pod_deleted(struct op *op, const struct client_result *r, const struct err *err)
{
    struct sync *s = op->s;
    struct rs_job *job = s->data;
    const struct json *pod = op->arg;
    (void)r;
    if (err->code == ERR_NONE) {
        event_record(s->c->events, job->rs, NULL, "Normal", "SuccessfulDelete", "Deleted pod: " STR_FMT, STR_ARG(meta_name(pod)));
        return;
    }
    observe_deletion(replicas_of(s->c), pod);
    if (err->code == ERR_NOT_FOUND)
        return;
    failed(job, err, "FailedDelete");
    event_record(s->c->events, job->rs, NULL, "Warning", "FailedDelete", "Error deleting: %s", err->msg);
}

/* Active pods of the same Deployment on the same node: where they crowd, the first one goes. */
static int64_t crowd(struct replicas *r, const struct json *rs, const struct json *pod)
{
    int64_t n = 0;
    size_t cursor = 0;
    struct str node = json_path_str(pod, "spec.nodeName"), family = json_get_str(meta_controller(rs), "uid");
    for (const struct json *other; ctl_next(&r->pods, &cursor, &other);) {
        const struct json *owner = str_eq(json_path_str(other, "spec.nodeName"), node) && pod_is_active(other)
                                   ? controller_of(&r->owners, r->f->kind, other) : NULL;
        n += owner && (str_eq(meta_uid(owner), meta_uid(rs)) ||
                       (family.n && str_eq(json_get_str(meta_controller(owner), "uid"), family)));
    }
    return n;
}

static void delete_pods(struct sync *s, struct rs_job *job, size_t count)
{
    struct replicas *r = replicas_of(s->c);
    struct victim *v = arena_zalloc(s->a, job->n * sizeof *v);
    for (size_t i = 0; i < job->n; i++)
        v[i] = (struct victim){ .pod = job->pods[i],
                                .rank = s->c->minor >= 20 && count < job->n ? crowd(r, job->rs, job->pods[i]) : 0 };
    if (count < job->n)
        victims_sort(v, job->n, s->c->minor);
    expectations_set(r->expected, s->key, 0, (int)count);
    for (size_t i = 0; i < count; i++) {
        struct json *pod = json_copy(s->a, v[i].pod);
        free(map_put(r->doomed, meta_uid(pod), xstrdup(arena_cstr(s->a, s->key))));
        sync_delete(s, sync_path(s, "v1", "pods", pod, NULL), NULL, pod_deleted, pod);
    }
    sync_wait(s, write_status);
}

/* ---- one sync ---- */
static void manage(struct sync *s)
{
    struct rs_job *job = s->data;
    struct replicas *r = replicas_of(s->c);
    if (s->failed) {
        sync_end(s);
        return;
    }
    int64_t wanted = json_path_int(job->rs, "spec.replicas", 1), diff = wanted - (int64_t)job->n;
    if (!expectations_satisfied(r->expected, s->key) || meta_deleting(job->rs) || diff == 0) {
        write_status(s);
    } else if (diff > 0) {
        job->to_create = diff > BURST_REPLICAS ? BURST_REPLICAS : diff;
        job->batch = 1;
        job->pod = pod_from_template(s->a, json_path(job->rs, "spec.template"), job->rs, r->f->api, r->f->kind);
        expectations_set(r->expected, s->key, (int)job->to_create, 0);
        create_batch(s);
    } else {
        delete_pods(s, job, (size_t)(-diff > BURST_REPLICAS ? BURST_REPLICAS : -diff));
    }
}

static void sync_replicas(struct sync *s)
{
    struct replicas *r = replicas_of(s->c);
    const struct json *rs = ctl_get(&r->owners, s->key);
    const struct json *labels = json_path(rs, "spec.selector");
    struct selector *sel = !rs ? NULL : r->f == &replication ? selector_from_map(s->a, labels)
                           : selector_from_json(s->a, labels, NULL);
    if (!rs || !sel) {
        if (!rs)
            expectations_forget(r->expected, s->key);
        sync_end(s);
        return;
    }
    struct rs_job *job = s->data = ARENA_NEW(s->a, struct rs_job);
    job->rs = json_copy(s->a, rs);
    job->pods = arena_alloc(s->a, (informer_count(r->pods.informer) + 1) * sizeof *job->pods);
    size_t cursor = 0;
    for (const struct json *pod; ctl_next(&r->pods, &cursor, &pod);) {
        if (!str_eq(meta_namespace(pod), s->ns) || !pod_is_active(pod))
            continue;
        enum claim claim = claim_of(rs, sel, pod);
        if (claim == CLAIM_ADOPT)
            claim_adopt(s, "v1", "pods", pod, r->f->api, r->f->kind, rs);
        else if (claim == CLAIM_RELEASE)
            claim_release(s, "v1", "pods", pod, rs);
        if (claim == CLAIM_MINE || claim == CLAIM_ADOPT)
            job->pods[job->n++] = json_copy(s->a, pod);        /* outlives this turn */
    }
    sync_wait(s, manage);
}

/* ---- life ---- */
static void *start(const struct controller_context *cc, const struct flavour *f)
{
    struct replicas *r = NEW(struct replicas);
    r->f = f;
    r->expected = expectations_new(cc->loop);
    r->doomed = map_new();
    ctl_init(&r->ctl, cc, f->component, 5, sync_replicas);
    ctl_events(&r->ctl, f->component);
    ctl_watch(&r->ctl, &r->owners, f->group_version, f->resource, owner_seen);
    ctl_watch(&r->ctl, &r->pods, "v1", "pods", pod_seen);
    return r;
}

static void *start_replica_sets(const struct controller_context *cc) { return start(cc, &replica_set); }
static void *start_replication(const struct controller_context *cc) { return start(cc, &replication); }

static void stop(void *state)
{
    struct replicas *r = state;
    list_for(it, &r->ctl.syncs) {
        struct rs_job *job = container_of(it, struct sync, node)->data;
        if (job)
            err_clear(&job->failure);
    }
    ctl_deinit(&r->ctl);
    expectations_free(r->expected);
    map_free(r->doomed, free);
    free(r);
}

const struct controller_ops replicaset_controller = { "replicaset", "replicaset-controller", start_replica_sets, stop };
const struct controller_ops replication_controller = { "replicationcontroller", "replication-controller", start_replication, stop };
