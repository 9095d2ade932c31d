/* workloads/controllers/job.c - Jobs: pods that run to their end (pkg/controller/job/job_controller.go, as of v1.16 to v1.21:
 * counts in status, no indexes).
 *
 * A sync counts the job's pods by phase, judges whether it has failed (too many failures, too long), creates or deletes pods, and
 * writes the status. After a failure the replacement waits 10 s, 20 s, ... 6 min, the first one not at all. Simplified: no
 * indexed completions, no pod failure policy, no tracking by finalizers (v1.26): a pod that somebody deletes before it was
 * counted is not counted.
 */
#include "workloads/controllers/controllers_priv.h"

#include <stdlib.h>

#define BACKOFF_NS     (10 * SECOND)
#define BACKOFF_MAX_NS (360 * SECOND)

struct jobs { struct ctl ctl; struct ctl_watch jobs, pods; struct expectations *expected; struct map *doomed, *not_before; };
struct job_work {
    struct json         *job, *pod;
    const struct json  **active; size_t active_count;
    int64_t              succeeded, failed, restarts, started_ns;
    const char          *failure, *failure_message;
};

static struct jobs *of(struct ctl *c) { return container_of(c, struct jobs, ctl); }

/* ---- what wakes it ---- */
static bool has_phase(const struct json *pod, const char *phase) { return str_eqc(json_path_str(pod, "status.phase"), phase); }

static void hold_back(struct ctl *c, struct str key, const struct json *job)
{
    int64_t failed = json_path_int(job, "status.failed", 0), *until = xmalloc(sizeof *until);
    int64_t delay = failed < 1 ? 0 : failed > 6 ? BACKOFF_MAX_NS : BACKOFF_NS << (failed - 1);
    *until = vtime_now(c->loop) + (delay > BACKOFF_MAX_NS ? BACKOFF_MAX_NS : delay);
    free(map_put(of(c)->not_before, key, until));
}

static void pod_seen(struct ctl *c, const struct json *old, const struct json *now)
{
    struct jobs *j = of(c);
    const struct json *pod = now ? now : old, *job = controller_of(&j->jobs, "Job", pod);
    if (!now || meta_deleting(now)) {
        char *key = map_take(j->doomed, meta_uid(pod));
        if (key)
            expectations_observe_del(j->expected, str_c(key));
        free(key);
    }
    if (!job)
        return;
    struct arena *a = arena_new();
    struct str key = meta_key(a, job);
    if (!old)
        expectations_observe_add(j->expected, key);
    if (old && now && !has_phase(old, "Failed") && has_phase(now, "Failed"))
        hold_back(c, key, job);
    ctl_add(c, key);
    arena_free(a);
}

static void job_seen(struct ctl *c, const struct json *old, const struct json *now)
{
    struct arena *a = arena_new();
    if (!now) {
        expectations_forget(of(c)->expected, meta_key(a, old));
        free(map_take(of(c)->not_before, meta_key(a, old)));
    }
    ctl_add_obj(c, now ? now : old);
    arena_free(a);
}

/* ---- judging ---- */
static bool is_finished(const struct json *job) { return condition_is_true(job, "Complete") || condition_is_true(job, "Failed"); }

static void judge(struct sync *s, struct job_work *w)
{
    int64_t limit = json_path_int(w->job, "spec.backoffLimit", 6), deadline = json_path_int(w->job, "spec.activeDeadlineSeconds", -1);
    bool on_failure = str_eqc(json_path_str(w->job, "spec.template.spec.restartPolicy"), "OnFailure");
    int64_t left = deadline < 0 ? 1 : w->started_ns + deadline * SECOND - vtime_now(s->c->loop);
    if (w->failed > limit || (on_failure && (limit == 0 ? w->restarts > 0 : w->restarts >= limit))) {
        w->failure = "BackoffLimitExceeded";
        w->failure_message = "Job has reached the specified backoff limit";
    } else if (left <= 0) {
        w->failure = "DeadlineExceeded";
        w->failure_message = "Job was active longer than specified deadline";
    } else if (deadline >= 0) {
        ctl_add_after(s->c, s->key, left);
    }
}

/* ---- status ---- */
static void set_count(struct arena *a, struct json *st, const char *key, int64_t n)
{
    json_remove(st, key);
    if (n)
        json_set_int(a, st, key, n);
}

static void finish_with(struct sync *s, struct json *st, const char *type, const char *reason, const char *message)
{
    struct str now = time_rfc3339(s->a, vtime_now(s->c->loop));
    struct json *c = json_buildf(s->a, "{'type':%s,'status':'True','lastProbeTime':%S,'lastTransitionTime':%S}", type, now, now);
    if (reason)
        json_set_strc(s->a, c, "reason", reason);
    if (message)
        json_set_strc(s->a, c, "message", message);
    json_append(json_ensure_array(s->a, st, "conditions"), c);
    if (!reason || s->c->minor >= 32)
        json_set_str(s->a, st, "completionTime", now);
}

static bool is_complete(const struct job_work *w, int64_t active)
{
    const struct json *completions = json_path(w->job, "spec.completions");
    return completions ? w->succeeded >= json_int(completions, 1) : w->succeeded > 0 && active == 0;
}

static void write_status(struct sync *s)
{
    struct job_work *w = s->data;
    int64_t active = w->failure ? 0 : (int64_t)w->active_count;
    struct json *st = json_ensure(s->a, w->job, "status"), *before = json_copy(s->a, st);
    if (!json_get(st, "startTime"))
        json_set_str(s->a, st, "startTime", time_rfc3339(s->a, w->started_ns));
    if (w->failure) {
        finish_with(s, st, "Failed", w->failure, w->failure_message);
        event_record(s->c->events, w->job, NULL, "Warning", w->failure, "%s", w->failure_message);
    } else if (is_complete(w, active)) {
        finish_with(s, st, "Complete", NULL, NULL);
        if (s->c->minor >= 18)
            event_record(s->c->events, w->job, NULL, "Normal", "Completed", "Job completed");
    }
    set_count(s->a, st, "active", active);
    set_count(s->a, st, "succeeded", w->succeeded);
    set_count(s->a, st, "failed", w->failed + (w->failure ? (int64_t)w->active_count : 0));
    if (!json_equal(st, before))
        sync_update(s, sync_path(s, "batch/v1", "jobs", w->job, "status"), w->job, NULL, NULL);
    sync_wait(s, sync_end);
}

/* ---- pods ---- */
static void pod_created(struct op *op, const struct client_result *r, const struct err *err)
{
    struct sync *s = op->s;
    struct job_work *w = s->data;
    if (err->code == ERR_NONE) {
        w->active_count++;
        event_record(s->c->events, w->job, NULL, "Normal", "SuccessfulCreate", "Created pod: " STR_FMT, STR_ARG(meta_name(r->obj)));
        return;
    }
    expectations_observe_add(of(s->c)->expected, s->key);
    if (is_namespace_terminating(err))
        return;
    sync_fail(s, err);
    event_record(s->c->events, w->job, NULL, "Warning", "FailedCreate", "Error creating: %s", err->msg);
}

static void pod_deleted(struct op *op, const struct client_result *r, const struct err *err)
{
    struct sync *s = op->s;
    struct job_work *w = s->data;
    const struct json *pod = op->arg;
    (void)r;
    if (err->code == ERR_NONE) {
        event_record(s->c->events, w->job, NULL, "Normal", "SuccessfulDelete", "Deleted pod: " STR_FMT, STR_ARG(meta_name(pod)));
        return;
    }
    char *key = map_take(of(s->c)->doomed, meta_uid(pod));
    if (key)
        expectations_observe_del(of(s->c)->expected, s->key);
    free(key);
    if (err->code != ERR_NOT_FOUND)
        sync_fail(s, err);
}

static void delete_pods(struct sync *s, size_t count)
{
    struct job_work *w = s->data;
    struct victim *v = arena_zalloc(s->a, (w->active_count + 1) * sizeof *v);
    for (size_t i = 0; i < w->active_count; i++)
        v[i].pod = w->active[i];
    victims_sort(v, w->active_count, s->c->minor);
    expectations_set(of(s->c)->expected, s->key, 0, (int)count);
    for (size_t i = 0; i < count; i++) {
        free(map_put(of(s->c)->doomed, meta_uid(v[i].pod), xstrdup(arena_cstr(s->a, s->key))));
        sync_delete(s, sync_path(s, "v1", "pods", v[i].pod, NULL), NULL, pod_deleted, (void *)(uintptr_t)v[i].pod);
    }
    if (!w->failure)
        w->active_count -= count;
}

static void manage(struct sync *s, struct job_work *w)
{
    const struct json *completions = json_path(w->job, "spec.completions");
    int64_t parallelism = json_path_int(w->job, "spec.parallelism", 1), active = (int64_t)w->active_count, want = parallelism;
    if (completions) {
        int64_t left = json_int(completions, 1) - w->succeeded;
        want = left < parallelism ? left : parallelism;
    } else if (w->succeeded > 0) {
        want = active < parallelism ? active : parallelism;
    }
    want = want < 0 ? 0 : want;
    if (active > want) {
        delete_pods(s, (size_t)(active - want));
    } else if (active < want) {
        expectations_set(of(s->c)->expected, s->key, (int)(want - active), 0);
        w->pod = pod_from_template(s->a, json_path(w->job, "spec.template"), w->job, "batch/v1", "Job");
        for (int64_t i = active; i < want; i++)
            sync_create(s, client_path(s->a, "v1", "pods", s->ns, STR_NULL, NULL), w->pod, pod_created, NULL);
    }
}

/* ---- one sync ---- */
static void count(struct sync *s, struct job_work *w)
{
    struct selector *sel = selector_from_json(s->a, json_path(w->job, "spec.selector"), NULL);
    size_t cursor = 0;
    w->active = arena_alloc(s->a, (informer_count(of(s->c)->pods.informer) + 1) * sizeof *w->active);
    for (const struct json *pod; sel && ctl_next(&of(s->c)->pods, &cursor, &pod);) {
        if (!str_eq(meta_namespace(pod), s->ns) || claim_of(w->job, sel, pod) != CLAIM_MINE)
            continue;
        w->succeeded += has_phase(pod, "Succeeded");
        w->failed += has_phase(pod, "Failed");
        if (pod_is_active(pod))
            w->active[w->active_count++] = json_copy(s->a, pod);
        for (const struct json *c = json_first(json_path(pod, "status.containerStatuses")); c && pod_is_active(pod); c = json_next(c))
            w->restarts += json_get_int(c, "restartCount", 0);
    }
}

static void sync_job(struct sync *s)
{
    struct jobs *j = of(s->c);
    const struct json *job = ctl_get(&j->jobs, s->key);
    const int64_t *until = map_get(j->not_before, s->key);
    if (!job || is_finished(job)) {
        sync_end(s);
        return;
    }
    if (until && *until > vtime_now(s->c->loop)) {
        ctl_add_after(s->c, s->key, *until - vtime_now(s->c->loop));
        sync_end(s);
        return;
    }
    struct job_work *w = s->data = ARENA_NEW(s->a, struct job_work);
    w->job = json_copy(s->a, job);
    if (!time_parse_rfc3339(json_path_str(job, "status.startTime"), &w->started_ns))
        w->started_ns = vtime_now(s->c->loop);
    count(s, w);
    judge(s, w);
    if (w->failure)
        delete_pods(s, w->active_count);
    else if (expectations_satisfied(j->expected, s->key) && !meta_deleting(job))
        manage(s, w);
    sync_wait(s, write_status);
}

static void *start(const struct controller_context *cc)
{
    struct jobs *j = NEW(struct jobs);
    j->expected = expectations_new(cc->loop);
    j->doomed = map_new();
    j->not_before = map_new();
    ctl_init(&j->ctl, cc, "job", 5, sync_job);
    ctl_events(&j->ctl, "job-controller");
    ctl_watch(&j->ctl, &j->jobs, "batch/v1", "jobs", job_seen);
    ctl_watch(&j->ctl, &j->pods, "v1", "pods", pod_seen);
    return j;
}

static void stop(void *state)
{
    struct jobs *j = state;
    ctl_deinit(&j->ctl);
    expectations_free(j->expected);
    map_free(j->doomed, free);
    map_free(j->not_before, free);
    free(j);
}

const struct controller_ops job_controller = { "job", "job-controller", start, stop };
