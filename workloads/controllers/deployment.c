/* workloads/controllers/deployment.c - Deployments: from one template to the next without falling below the promised number of
 * pods (pkg/controller/deployment).
 *
 * A sync: claim the ReplicaSets; find (or create) the one with the present template, the newest; give revisions; scale it up and
 * the old ones down as rollout.c computes; clean up old ones; write the status. As upstream, one sync does at most one scaling
 * step of either side and ends with the status; what it changed wakes it again. Files: here the order of steps, rollout.c the
 * arithmetic, deployment_status.c status and conditions.
 */
#include "workloads/controllers/deployment.h"

#include <stdio.h>
#include <stdlib.h>

struct deployments { struct ctl ctl; struct ctl_watch deployments, sets, pods; };

static struct deployments *of(struct ctl *c) { return container_of(c, struct deployments, ctl); }

#define REVISION         "deployment.kubernetes.io/revision"
#define REVISION_HISTORY "deployment.kubernetes.io/revision-history"
#define DESIRED          "deployment.kubernetes.io/desired-replicas"
#define MAX_REPLICAS     "deployment.kubernetes.io/max-replicas"
#define HASH_LABEL       "pod-template-hash"

/* ---- what wakes it ---- */
static void set_seen(struct ctl *c, const struct json *old, const struct json *now)
{
    struct deployments *d = of(c);
    const struct json *rs = now ? now : old, *owner = controller_of(&d->deployments, "Deployment", rs);
    if (owner)
        ctl_add_obj(c, owner);
    else if (now && !meta_controller(now))
        add_matching(c, &d->deployments, now);
}

/* Recreate waits for the last old pod to be gone. */
static void pod_seen(struct ctl *c, const struct json *old, const struct json *now)
{
    struct deployments *d = of(c);
    const struct json *rs = now ? NULL : controller_of(&d->sets, "ReplicaSet", old);
    const struct json *owner = rs ? controller_of(&d->deployments, "Deployment", rs) : NULL;
    if (owner && str_eqc(json_path_str(owner, "spec.strategy.type"), "Recreate"))
        ctl_add_obj(c, owner);
}

/* ---- annotations and revisions ---- */
static const char *const not_copied[] = { "kubectl.kubernetes.io/last-applied-configuration", REVISION, REVISION_HISTORY, DESIRED,
                                          MAX_REPLICAS, "deprecated.deployment.rollback.to" };

static bool is_copied(struct str key)
{
    for (size_t i = 0; i < ARRAY_LEN(not_copied); i++)
        if (str_eqc(key, not_copied[i]))
            return false;
    return true;
}

static struct json *annotations(struct sync *s, struct json *obj)
{
    return json_ensure(s->a, json_ensure(s->a, obj, "metadata"), "annotations");
}

static int64_t int_annotation(const struct json *obj, const char *key, int64_t dflt)
{
    int64_t v;
    return str_int(meta_annotation(obj, key), &v) ? v : dflt;
}

static bool set_int_annotation(struct sync *s, struct json *obj, const char *key, int64_t v)
{
    if (int_annotation(obj, key, -1) == v)
        return false;
    json_set_str(s->a, annotations(s, obj), key, arena_strf(s->a, "%" PRId64, v));
    return true;
}

static bool set_replica_annotations(struct sync *s, struct json *rs)
{
    struct deploy_job *job = s->data;
    bool desired = set_int_annotation(s, rs, DESIRED, job->r.replicas);
    return set_int_annotation(s, rs, MAX_REPLICAS, job->r.replicas + job->r.surge) || desired;
}

/* A ReplicaSet that becomes the newest again (a rollback) takes a new number and remembers those that it had. */
static bool set_new_annotations(struct sync *s, struct json *rs, int64_t revision, bool exists)
{
    struct deploy_job *job = s->data;
    bool changed = false;
    for (const struct json *n = json_first(json_path(job->d, "metadata.annotations")); n; n = json_next(n)) {
        if (!is_copied(json_key(n)) || str_eq(json_str(json_getn(json_path(rs, "metadata.annotations"), json_key(n))), json_str(n)))
            continue;
        json_setn(s->a, annotations(s, rs), json_key(n), json_copy(s->a, n));
        changed = true;
    }
    struct str old = meta_annotation(rs, REVISION), history = meta_annotation(rs, REVISION_HISTORY);
    if (int_annotation(rs, REVISION, 0) < revision) {
        set_int_annotation(s, rs, REVISION, revision);
        changed = true;
        if (old.n)
            json_set_str(s->a, annotations(s, rs), REVISION_HISTORY,
                         history.n ? arena_strf(s->a, STR_FMT "," STR_FMT, STR_ARG(history), STR_ARG(old)) : old);
    }
    return (!exists && set_replica_annotations(s, rs)) || changed;
}

/* ---- views ---- */
static struct rollout_rs view_of(const struct json *rs)
{
    const struct json *st = json_get(rs, "status");
    return (struct rollout_rs){ .replicas = json_path_int(rs, "spec.replicas", 0), .actual = json_get_int(st, "replicas", 0),
                                .ready = json_get_int(st, "readyReplicas", 0),
                                .available = json_get_int(st, "availableReplicas", 0), .desired = int_annotation(rs, DESIRED, -1),
                                .max = int_annotation(rs, MAX_REPLICAS, -1), .created_ns = obj_created_ns(rs), .name = meta_name(rs) };
}

static void set_replace(struct sync *s, size_t i, const struct json *rs)
{
    struct deploy_job *job = s->data;
    job->sets[i] = json_copy(s->a, rs);
    job->views[i] = view_of(job->sets[i]);
}

static bool same_template(struct sync *s, const struct json *x, const struct json *y)
{
    struct json *a = json_copy(s->a, x), *b = json_copy(s->a, y);
    json_remove(json_path(a, "metadata.labels"), HASH_LABEL);
    json_remove(json_path(b, "metadata.labels"), HASH_LABEL);
    return json_equal(json_get(a, "spec"), json_get(b, "spec")) &&
           json_equal(json_path(a, "metadata.labels"), json_path(b, "metadata.labels")) &&
           json_equal(json_path(a, "metadata.annotations"), json_path(b, "metadata.annotations"));
}

/* The oldest of those that have the present template. */
static void find_newest(struct sync *s)
{
    struct deploy_job *job = s->data;
    const struct json *template = json_path(job->d, "spec.template");
    job->r.newest = SIZE_MAX;
    for (size_t i = 0; i < job->r.n; i++)
        if (same_template(s, template, json_path(job->sets[i], "spec.template")) &&
            (job->r.newest == SIZE_MAX || job->views[i].created_ns < job->views[job->r.newest].created_ns))
            job->r.newest = i;
}

static int64_t next_revision(const struct deploy_job *job)
{
    int64_t most = 0;
    for (size_t i = 0; i < job->r.n; i++) {
        int64_t revision = i == job->r.newest ? 0 : int_annotation(job->sets[i], REVISION, 0);
        most = revision > most ? revision : most;
    }
    return most + 1;
}

/* ---- writing the deployment in mid-sync ---- */
static void deployment_written(struct op *op, const struct client_result *r, const struct err *err)
{
    struct deploy_job *job = op->s->data;
    if (err->code != ERR_NONE)
        sync_fail(op->s, err);
    else
        job->d = json_copy(op->s->a, r->obj);
}

static void put_status(struct sync *s)
{
    struct deploy_job *job = s->data;
    sync_update(s, sync_path(s, "apps/v1", "deployments", job->d, "status"), job->d, deployment_written, NULL);
}

static bool has_deadline(const struct deploy_job *job) { return json_path_int(job->d, "spec.progressDeadlineSeconds", 0) > 0; }

static void set_progressing(struct sync *s, const char *status, const char *reason, const char *message)
{
    struct deploy_job *job = s->data;
    struct json *status_obj = json_ensure(s->a, job->d, "status");
    deploy_condition_set(s->a, status_obj, "Progressing", status, reason, message, vtime_now(s->c->loop), NULL);
}

/* ---- scaling one ReplicaSet ---- */
struct scaling { size_t i; int64_t from, to; };

static void scaled(struct op *op, const struct client_result *r, const struct err *err)
{
    struct sync *s = op->s;
    struct deploy_job *job = s->data;
    const struct scaling *sc = op->arg;
    if (err->code != ERR_NONE) {
        sync_fail(s, err);
        return;
    }
    set_replace(s, sc->i, r->obj);
    if (sc->from == sc->to)
        return;
    job->scaled = true;
    struct str name = job->views[sc->i].name;
    const char *way = sc->to > sc->from ? "up" : "down";
    if (s->c->minor >= 26)
        event_record(s->c->events, job->d, NULL, "Normal", "ScalingReplicaSet",
                     "Scaled %s replica set " STR_FMT " from %" PRId64 " to %" PRId64, way, STR_ARG(name), sc->from, sc->to);
    else
        event_record(s->c->events, job->d, NULL, "Normal", "ScalingReplicaSet", "Scaled %s replica set " STR_FMT " to %" PRId64,
                     way, STR_ARG(name), sc->to);
}

static void scale_set(struct sync *s, size_t i, int64_t to)
{
    struct deploy_job *job = s->data;
    struct json *rs = json_copy(s->a, job->sets[i]);
    struct scaling *sc = ARENA_NEW(s->a, struct scaling);
    *sc = (struct scaling){ i, job->views[i].replicas, to };
    if (!set_replica_annotations(s, rs) && sc->from == to)
        return;
    json_set_int(s->a, json_ensure(s->a, rs, "spec"), "replicas", to);
    sync_update(s, sync_path(s, "apps/v1", "replicasets", rs, NULL), rs, scaled, sc);
}

/* Steps one after the other: two may concern the same ReplicaSet. */
static void next_step(struct sync *s)
{
    struct deploy_job *job = s->data;
    if (s->failed || job->step >= job->step_count) {
        job->after_steps(s);
        return;
    }
    struct rollout_step st = job->steps[job->step++];
    scale_set(s, st.rs, st.replicas);
    sync_wait(s, next_step);
}

static void run_steps(struct sync *s, size_t count, void (*then)(struct sync *s))
{
    struct deploy_job *job = s->data;
    job->step = 0;
    job->step_count = count;
    job->after_steps = then;
    next_step(s);
}

/* ---- the newest ReplicaSet ---- */
static void newest_known(struct sync *s)
{
    struct deploy_job *job = s->data;
    if (s->failed)
        sync_end(s);
    else
        job->after_newest(s);
}

static void newest_updated(struct op *op, const struct client_result *r, const struct err *err)
{
    struct deploy_job *job = op->s->data;
    if (err->code != ERR_NONE)
        sync_fail(op->s, err);
    else
        set_replace(op->s, job->r.newest, r->obj);
}

static void refresh_existing(struct sync *s)
{
    struct deploy_job *job = s->data;
    struct json *rs = json_copy(s->a, job->sets[job->r.newest]);
    int64_t min_ready = json_path_int(job->d, "spec.minReadySeconds", 0);
    bool changed = set_new_annotations(s, rs, next_revision(job), true);
    if (changed || json_path_int(rs, "spec.minReadySeconds", 0) != min_ready) {
        json_set_int(s->a, json_get(rs, "spec"), "minReadySeconds", min_ready);
        sync_update(s, sync_path(s, "apps/v1", "replicasets", rs, NULL), rs, newest_updated, NULL);
        sync_wait(s, newest_known);
        return;
    }
    changed = set_int_annotation(s, job->d, REVISION, int_annotation(rs, REVISION, 0));
    if (has_deadline(job) && !condition_find(json_path(job->d, "status.conditions"), "Progressing")) {
        set_progressing(s, "True", "FoundNewReplicaSet",
                        arena_printf(s->a, "Found new replica set \"" STR_FMT "\"", STR_ARG(meta_name(rs))));
        changed = true;
    }
    if (changed)
        put_status(s);
    sync_wait(s, newest_known);
}

static void newest_taken(struct sync *s, const struct json *rs, bool existed)
{
    struct deploy_job *job = s->data;
    int64_t replicas = json_path_int(rs, "spec.replicas", 0);
    struct str name = arena_str(s->a, meta_name(rs));
    job->r.newest = job->r.n++;
    set_replace(s, job->r.newest, rs);
    if (!existed && replicas > 0) {
        if (s->c->minor >= 26)
            event_record(s->c->events, job->d, NULL, "Normal", "ScalingReplicaSet",
                         "Scaled up replica set " STR_FMT " from 0 to %" PRId64, STR_ARG(name), replicas);
        else
            event_record(s->c->events, job->d, NULL, "Normal", "ScalingReplicaSet",
                         "Scaled up replica set " STR_FMT " to %" PRId64, STR_ARG(name), replicas);
    }
    bool changed = set_int_annotation(s, job->d, REVISION, int_annotation(rs, REVISION, 0));
    if (!existed && has_deadline(job)) {
        set_progressing(s, "True", "NewReplicaSetCreated",
                        arena_printf(s->a, "Created new replica set \"" STR_FMT "\"", STR_ARG(name)));
        changed = true;
    }
    if (changed)
        put_status(s);
}

/* The name is taken: by our own earlier attempt, or by a template with the same hash; then the next try counts the collision in. */
static void newest_exists(struct op *op, const struct client_result *r, const struct err *err)
{
    struct sync *s = op->s;
    struct deploy_job *job = s->data;
    if (err->code != ERR_NONE) {
        sync_fail(s, err);
    } else if (meta_owned_by(r->obj, meta_uid(job->d)) &&
               same_template(s, json_path(job->d, "spec.template"), json_path(r->obj, "spec.template"))) {
        newest_taken(s, r->obj, true);
    } else {
        struct json *st = json_ensure(s->a, job->d, "status");
        json_set_int(s->a, st, "collisionCount", json_get_int(st, "collisionCount", 0) + 1);
        put_status(s);
        s->failed = true;
    }
}

static void newest_created(struct op *op, const struct client_result *r, const struct err *err)
{
    struct sync *s = op->s;
    struct deploy_job *job = s->data;
    const char *name = op->arg;
    if (err->code == ERR_NONE) {
        newest_taken(s, r->obj, false);
    } else if (err->code == ERR_ALREADY_EXISTS) {
        sync_get(s, client_path(s->a, "apps/v1", "replicasets", s->ns, str_c(name), NULL), newest_exists, NULL);
    } else {
        sync_fail(s, err);
        if (is_namespace_terminating(err))
            return;
        const char *message = arena_printf(s->a, "Failed to create new replica set \"%s\": %s", name, err->msg);
        event_record(s->c->events, job->d, NULL, "Warning", "ReplicaSetCreateError", "%s", message);
        if (has_deadline(job)) {
            set_progressing(s, "False", "ReplicaSetCreateError", message);
            put_status(s);
        }
    }
}

static void create_newest(struct sync *s)
{
    struct deploy_job *job = s->data;
    const struct json *spec = json_get(job->d, "spec");
    const char *hash = template_hash(s->a, s->c->minor, json_get(spec, "template"),
                                     json_path_int(job->d, "status.collisionCount", -1));
    const char *name = arena_printf(s->a, STR_FMT "-%s", STR_ARG(s->name), hash);
    struct json *template = json_copy(s->a, json_get(spec, "template")), *selector = json_copy(s->a, json_get(spec, "selector"));
    struct json *labels = json_ensure(s->a, json_ensure(s->a, template, "metadata"), "labels");
    json_set_strc(s->a, labels, HASH_LABEL, hash);
    json_set_strc(s->a, json_ensure(s->a, selector, "matchLabels"), HASH_LABEL, hash);
    struct json *rs = json_buildf(s->a,
                                  "{'kind':'ReplicaSet','apiVersion':'apps/v1','metadata':{'name':%s,'namespace':%S,'labels':%j,"
                                  "'ownerReferences':[%j]},'spec':{'replicas':%d,'selector':%j,'template':%j}}",
                                  name, s->ns, json_copy(s->a, labels),
                                  meta_owner_ref(s->a, "apps/v1", "Deployment", s->name, meta_uid(job->d)),
                                  rollout_new_replicas(&job->r), selector, template);
    int64_t min_ready = json_get_int(spec, "minReadySeconds", 0);
    if (min_ready)
        json_set_int(s->a, json_get(rs, "spec"), "minReadySeconds", min_ready);
    set_new_annotations(s, rs, next_revision(job), false);
    sync_create(s, client_path(s->a, "apps/v1", "replicasets", s->ns, STR_NULL, NULL), rs, newest_created, (void *)(uintptr_t)name);
    sync_wait(s, newest_known);
}

/* getAllReplicaSetsAndSyncRevision: then runs with the newest known, or absent when it is not to be created. */
static void with_newest(struct sync *s, bool create, void (*then)(struct sync *s))
{
    struct deploy_job *job = s->data;
    job->after_newest = then;
    if (job->r.newest != SIZE_MAX)
        refresh_existing(s);
    else if (create)
        create_newest(s);
    else
        then(s);
}

/* ---- cleaning up ---- */
static void cleanup(struct sync *s)
{
    struct deploy_job *job = s->data;
    int64_t limit = json_path_int(job->d, "spec.revisionHistoryLimit", -1), olds = 0;
    size_t *order = arena_alloc(s->a, (job->r.n + 1) * sizeof *order), n = 0;
    for (size_t i = 0; i < job->r.n; i++) {
        if (i == job->r.newest || meta_deleting(job->sets[i]))
            continue;
        olds++;
        size_t at = n++;
        for (; at > 0 && job->views[order[at - 1]].created_ns > job->views[i].created_ns; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    for (size_t k = 0; limit >= 0 && limit < INT32_MAX && (int64_t)k < olds - limit; k++) {
        const struct json *rs = job->sets[order[k]];
        const struct rollout_rs *v = &job->views[order[k]];
        if (v->replicas == 0 && v->actual == 0 &&
            json_path_int(rs, "metadata.generation", 0) <= json_path_int(rs, "status.observedGeneration", 0))
            sync_delete(s, sync_path(s, "apps/v1", "replicasets", rs, NULL), NULL, NULL, NULL);
    }
}

/* ---- the ends ---- */
static void finish(struct sync *s, bool rollout)
{
    struct deploy_job *job = s->data;
    if (s->failed) {
        sync_end(s);
        return;
    }
    struct json *st = deploy_status(s, job, rollout);
    int64_t again = rollout ? deploy_requeue_ns(job, st, vtime_now(s->c->loop)) : -1;
    if (!json_equal(st, json_get(job->d, "status"))) {
        json_set(s->a, job->d, "status", st);
        put_status(s);
    } else if (again >= 0) {
        ctl_add_after(s->c, s->key, again);
    }
    sync_wait(s, sync_end);
}

static void finish_rollout(struct sync *s) { finish(s, true); }
static void finish_status(struct sync *s) { finish(s, false); }

static void cleanup_and_finish(struct sync *s)
{
    struct deploy_job *job = s->data;
    if (deploy_complete(job, json_get(job->d, "status")))
        cleanup(s);
    sync_wait(s, finish_rollout);
}

/* ---- rolling update ---- */
static void old_scaled(struct sync *s)
{
    struct deploy_job *job = s->data;
    if (job->scaled || s->failed)
        finish_rollout(s);
    else
        cleanup_and_finish(s);
}

static void new_scaled(struct sync *s)
{
    struct deploy_job *job = s->data;
    if (job->scaled || s->failed)
        finish_rollout(s);
    else
        run_steps(s, rollout_old_steps(&job->r, job->steps), old_scaled);
}

static void rolling(struct sync *s)
{
    struct deploy_job *job = s->data;
    const struct rollout_rs *newest = &job->views[job->r.newest];
    if (newest->replicas != job->r.replicas) {
        int64_t to = newest->replicas > job->r.replicas ? job->r.replicas : rollout_new_replicas(&job->r);
        if (to != newest->replicas)
            scale_set(s, job->r.newest, to);
    }
    sync_wait(s, new_scaled);
}

/* ---- recreate ---- */
static bool old_pods_run(struct sync *s)
{
    struct deploy_job *job = s->data;
    struct deployments *d = of(s->c);
    size_t cursor = 0;
    for (const struct json *pod; ctl_next(&d->pods, &cursor, &pod);) {
        struct str phase = json_path_str(pod, "status.phase");
        if (!str_eq(meta_namespace(pod), s->ns) || str_eqc(phase, "Failed") || str_eqc(phase, "Succeeded"))
            continue;
        for (size_t i = 0; i < job->r.n; i++)
            if (i != job->r.newest && meta_owned_by(pod, meta_uid(job->sets[i])))
                return true;
    }
    return false;
}

static void recreate_up(struct sync *s)
{
    struct deploy_job *job = s->data;
    if (job->views[job->r.newest].replicas != job->r.replicas)
        scale_set(s, job->r.newest, job->r.replicas);
    sync_wait(s, cleanup_and_finish);
}

static void recreate_old_down(struct sync *s)
{
    struct deploy_job *job = s->data;
    if (s->failed || job->scaled || old_pods_run(s))
        finish_rollout(s);
    else
        with_newest(s, true, recreate_up);
}

static void recreate(struct sync *s)
{
    struct deploy_job *job = s->data;
    size_t n = 0;
    for (size_t i = 0; i < job->r.n; i++)
        if (i != job->r.newest && job->views[i].replicas > 0)
            job->steps[n++] = (struct rollout_step){ i, 0 };
    run_steps(s, n, recreate_old_down);
}

/* ---- paused, or its size changed ---- */
static void size_scaled(struct sync *s)
{
    struct deploy_job *job = s->data;
    if (!s->failed && json_path(job->d, "spec.paused") && json_bool(json_path(job->d, "spec.paused"), false))
        cleanup(s);
    sync_wait(s, finish_status);
}

static void scale_only(struct sync *s)
{
    struct deploy_job *job = s->data;
    run_steps(s, rollout_scale_steps(&job->r, job->steps), size_scaled);
}

static bool size_changed(const struct deploy_job *job)
{
    for (size_t i = 0; i < job->r.n; i++)
        if (job->views[i].replicas > 0 && job->views[i].desired >= 0 && job->views[i].desired != job->r.replicas)
            return true;
    return false;
}

/* ---- one sync ---- */
static void choose_way(struct sync *s)
{
    struct deploy_job *job = s->data;
    if (s->failed)
        sync_end(s);
    else if (json_bool(json_path(job->d, "spec.paused"), false) || size_changed(job))
        with_newest(s, false, scale_only);
    else if (job->r.rolling)
        with_newest(s, true, rolling);
    else
        with_newest(s, false, recreate);
}

/* A pause must not count against the deadline: it is a condition of its own. */
static void check_paused(struct sync *s)
{
    struct deploy_job *job = s->data;
    struct str reason = json_get_str(condition_find(json_path(job->d, "status.conditions"), "Progressing"), "reason");
    bool paused = json_bool(json_path(job->d, "spec.paused"), false), known = str_eqc(reason, "DeploymentPaused");
    if (has_deadline(job) && !str_eqc(reason, "ProgressDeadlineExceeded") && paused != known) {
        if (paused)
            set_progressing(s, "Unknown", "DeploymentPaused", "Deployment is paused");
        else
            set_progressing(s, "Unknown", "DeploymentResumed", "Deployment is resumed");
        put_status(s);
    }
    sync_wait(s, choose_way);
}

static void sets_claimed(struct sync *s)
{
    struct deploy_job *job = s->data;
    if (s->failed) {
        sync_end(s);
        return;
    }
    find_newest(s);
    if (meta_deleting(job->d))
        finish_status(s);
    else
        check_paused(s);
}

static void claim_sets(struct sync *s, const struct selector *sel)
{
    struct deployments *d = of(s->c);
    struct deploy_job *job = s->data;
    size_t room = informer_count(d->sets.informer) + 2, cursor = 0;
    job->sets = arena_alloc(s->a, room * sizeof *job->sets);
    job->views = job->r.rs = arena_zalloc(s->a, room * sizeof *job->views);
    job->steps = arena_alloc(s->a, 2 * room * sizeof *job->steps);
    for (const struct json *rs; ctl_next(&d->sets, &cursor, &rs);) {
        if (!str_eq(meta_namespace(rs), s->ns))
            continue;
        enum claim claim = claim_of(job->d, sel, rs);
        if (claim == CLAIM_ADOPT)
            claim_adopt(s, "apps/v1", "replicasets", rs, "apps/v1", "Deployment", job->d);
        else if (claim == CLAIM_RELEASE)
            claim_release(s, "apps/v1", "replicasets", rs, job->d);
        if (claim == CLAIM_MINE)                   /* an adopted one has a new version: it wakes us */
            set_replace(s, job->r.n++, rs);
        else if (claim == CLAIM_ADOPT)
            job->adopted = true;
    }
}

static void adopted(struct sync *s) { sync_end(s); }

static void sync_deployment(struct sync *s)
{
    const struct json *d = ctl_get(&of(s->c)->deployments, s->key);
    struct selector *sel = d ? selector_from_json(s->a, json_path(d, "spec.selector"), NULL) : NULL;
    if (!sel) {
        sync_end(s);
        return;
    }
    if (selector_empty(sel)) {
        event_record(s->c->events, d, NULL, "Warning", "SelectingAll",
                     "This deployment is selecting all pods. A non-empty selector is required.");
        sync_end(s);
        return;
    }
    struct deploy_job *job = s->data = ARENA_NEW(s->a, struct deploy_job);
    job->d = json_copy(s->a, d);
    rollout_resolve(json_get(d, "spec"), &job->r);
    job->r.status_replicas = json_path_int(d, "status.replicas", 0);
    claim_sets(s, sel);
    sync_wait(s, job->adopted ? adopted : sets_claimed);
}

/* ---- life ---- */
static void *start(const struct controller_context *cc)
{
    struct deployments *d = NEW(struct deployments);
    ctl_init(&d->ctl, cc, "deployment", 5, sync_deployment);
    ctl_events(&d->ctl, "deployment-controller");
    ctl_watch(&d->ctl, &d->deployments, "apps/v1", "deployments", ctl_seen_enqueue);
    ctl_watch(&d->ctl, &d->sets, "apps/v1", "replicasets", set_seen);
    ctl_watch(&d->ctl, &d->pods, "v1", "pods", pod_seen);
    return d;
}

static void stop(void *state)
{
    struct deployments *d = state;
    ctl_deinit(&d->ctl);
    free(d);
}

const struct controller_ops deployment_controller = { "deployment", "deployment-controller", start, stop };
