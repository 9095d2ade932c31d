/* workloads/controllers/cronjob.c - Jobs by the clock (pkg/controller/cronjob).
 *
 * A sync strikes finished Jobs from the active list, keeps as many old ones as the history limits say, and when a time has come
 * since the last one makes a Job for the latest such time, unless the concurrency policy forbids it. Names carry the time: in
 * seconds up to v1.20, in minutes later. Upstream's first controller (up to v1.20) looked every ten seconds; this one is woken at
 * the time itself.
 */
#include "workloads/controllers/controllers_priv.h"
#include "workloads/controllers/cron.h"

#include <stdlib.h>

enum { MISSED_MAX = 100 };

struct cronjobs { struct ctl ctl; struct ctl_watch crons, jobs; const char *api; };
struct cron_work { struct json *cron, *status; int64_t due_ns, now; };

static struct cronjobs *of(struct ctl *c) { return container_of(c, struct cronjobs, ctl); }

static void job_seen(struct ctl *c, const struct json *old, const struct json *now)
{
    const struct json *owner = controller_of(&of(c)->crons, "CronJob", now ? now : old);
    if (owner)
        ctl_add_obj(c, owner);
}

static const char *outcome(const struct json *job)
{
    return condition_is_true(job, "Complete") ? "Complete" : condition_is_true(job, "Failed") ? "Failed" : NULL;
}

/* ---- the list of active jobs ---- */
static void update_active(struct sync *s, struct cron_work *w)
{
    struct json *active = json_get(w->status, "active");
    for (size_t i = json_len(active); i-- > 0;) {
        const struct json *ref = json_at(active, i), *job = ctl_lookup(&of(s->c)->jobs, s->ns, json_get_str(ref, "name"));
        const char *how = job ? outcome(job) : NULL;
        if (job && !how)
            continue;
        struct str name = arena_str(s->a, json_get_str(ref, "name"));
        json_remove_at(active, i);
        if (how)
            event_record(s->c->events, w->cron, NULL, "Normal", "SawCompletedJob", "Saw completed job: " STR_FMT ", status: %s",
                         STR_ARG(name), how);
        else
            event_record(s->c->events, w->cron, NULL, "Normal", "MissingJob", "Active job went missing: " STR_FMT, STR_ARG(name));
    }
    if (active && json_len(active) == 0)
        json_remove(w->status, "active");
}

static void trim_history(struct sync *s, struct cron_work *w, const char *how, int64_t limit)
{
    struct ctl_watch *jobs = &of(s->c)->jobs;
    const struct json **old = arena_alloc(s->a, (informer_count(jobs->informer) + 1) * sizeof *old);
    size_t n = 0, cursor = 0;
    for (const struct json *job; ctl_next(jobs, &cursor, &job);) {
        const char *ended = outcome(job);
        if (!meta_owned_by(job, meta_uid(w->cron)) || !ended || strcmp(ended, how) != 0 || meta_deleting(job))
            continue;
        size_t at = n++;
        for (; at > 0 && obj_created_ns(old[at - 1]) > obj_created_ns(job); at--)
            old[at] = old[at - 1];
        old[at] = job;
    }
    for (size_t i = 0; (int64_t)(n - i) > limit && i < n; i++) {
        sync_delete(s, sync_path(s, "batch/v1", "jobs", old[i], NULL),
                    json_buildf(s->a, "{'kind':'DeleteOptions','apiVersion':'v1','propagationPolicy':'Background'}"), NULL, NULL);
        event_record(s->c->events, w->cron, NULL, "Normal", "SuccessfulDelete", "Deleted job " STR_FMT, STR_ARG(meta_name(old[i])));
    }
}

/* ---- a new one ---- */
static void write_status(struct sync *s)
{
    struct cron_work *w = s->data;
    const struct json *had = json_get(w->cron, "status");
    if (!json_equal(w->status, had ? had : json_new_object(s->a))) {
        json_set(s->a, w->cron, "status", w->status);
        sync_update(s, sync_path(s, of(s->c)->api, "cronjobs", w->cron, "status"), w->cron, NULL, NULL);
    }
    sync_wait(s, sync_end);
}

static void job_created(struct op *op, const struct client_result *r, const struct err *err)
{
    struct sync *s = op->s;
    struct cron_work *w = s->data;
    if (err->code == ERR_ALREADY_EXISTS)
        return;
    if (err->code != ERR_NONE) {
        if (is_namespace_terminating(err))
            return;
        sync_fail(s, err);
        event_record(s->c->events, w->cron, NULL, "Warning", "FailedCreate", "Error creating job: %s", err->msg);
        return;
    }
    event_record(s->c->events, w->cron, NULL, "Normal", "SuccessfulCreate", "Created job " STR_FMT, STR_ARG(meta_name(r->obj)));
    json_append(json_ensure_array(s->a, w->status, "active"),
                json_buildf(s->a, "{'kind':'Job','namespace':%S,'name':%S,'uid':%S,'apiVersion':'batch/v1','resourceVersion':%S}",
                meta_namespace(r->obj), meta_name(r->obj), meta_uid(r->obj), json_path_str(r->obj, "metadata.resourceVersion")));
    json_set_str(s->a, w->status, "lastScheduleTime", time_rfc3339(s->a, w->due_ns));
}

static void create_job(struct sync *s, struct cron_work *w)
{
    int64_t unit = s->c->minor > 20 ? 60 : 1;
    struct str name = arena_strf(s->a, STR_FMT "-%" PRId64, STR_ARG(s->name), w->due_ns / SECOND / unit);
    const struct json *template = json_path(w->cron, "spec.jobTemplate"), *meta = json_get(template, "metadata");
    struct json *job = json_buildf(s->a,
                                   "{'kind':'Job','apiVersion':'batch/v1','metadata':{'name':%S,'namespace':%S,"
                                   "'ownerReferences':[%j]},'spec':%j}", name, s->ns,
                                   meta_owner_ref(s->a, of(s->c)->api, "CronJob", s->name, meta_uid(w->cron)),
                                   json_copy(s->a, json_get(template, "spec")));
    static const char *const copied[] = { "labels", "annotations" };
    for (size_t i = 0; i < ARRAY_LEN(copied); i++)
        if (json_len(json_get(meta, copied[i])))
            json_set(s->a, json_get(job, "metadata"), copied[i], json_copy(s->a, json_get(meta, copied[i])));
    sync_create(s, client_path(s->a, "batch/v1", "jobs", s->ns, STR_NULL, NULL), job, job_created, NULL);
}

/* The latest time since the last Job, 0 when none has come. Sets the alarm for the next one. */
static int64_t due(struct sync *s, struct cron_work *w, const struct cron *c)
{
    int64_t from = obj_created_ns(w->cron), last, latest = 0, missed = 0,
            deadline = json_path_int(w->cron, "spec.startingDeadlineSeconds", -1);
    if (time_parse_rfc3339(json_get_str(w->status, "lastScheduleTime"), &last) && last > from)
        from = last;
    if (deadline >= 0 && w->now - deadline * SECOND > from)
        from = w->now - deadline * SECOND;
    int64_t t = cron_next(c, from);
    for (; t >= 0 && t <= w->now; t = cron_next(c, t), missed++)
        latest = t;
    if (t >= 0)
        ctl_add_after(s->c, s->key, t - w->now);
    if (missed > MISSED_MAX) {
        event_record(s->c->events, w->cron, NULL, "Warning", s->c->minor > 20 ? "TooManyMissedTimes" : "FailedNeedsStart",
                     s->c->minor > 20 ? "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock "
                                        "skew"
                                      : "Cannot determine if job needs to be started: too many missed start time (> 100). Set or "
                                        "decrease .spec.startingDeadlineSeconds or check clock skew");
        return s->c->minor > 20 ? latest : 0;
    }
    return latest;
}

static void replace_active(struct sync *s, struct cron_work *w)
{
    for (const struct json *ref = json_first(json_get(w->status, "active")); ref; ref = json_next(ref))
        sync_delete(s, client_path(s->a, "batch/v1", "jobs", s->ns, json_get_str(ref, "name"), NULL),
                    json_buildf(s->a, "{'kind':'DeleteOptions','apiVersion':'v1','propagationPolicy':'Background'}"), NULL, NULL);
    json_remove(w->status, "active");
}

static void sync_cron(struct sync *s)
{
    const struct json *obj = ctl_get(&of(s->c)->crons, s->key);
    struct cron_work *w = s->data = ARENA_NEW(s->a, struct cron_work);
    struct cron c;
    if (!obj || meta_deleting(obj)) {
        sync_end(s);
        return;
    }
    w->cron = json_copy(s->a, obj);
    w->status = json_get(obj, "status") ? json_copy(s->a, json_get(obj, "status")) : json_new_object(s->a);
    w->now = vtime_now(s->c->loop);
    update_active(s, w);
    trim_history(s, w, "Complete", json_path_int(obj, "spec.successfulJobsHistoryLimit", 3));
    trim_history(s, w, "Failed", json_path_int(obj, "spec.failedJobsHistoryLimit", 1));
    struct str text = json_path_str(obj, "spec.schedule"), policy = json_path_str(obj, "spec.concurrencyPolicy");
    if (!cron_parse(text, &c)) {
        event_record(s->c->events, obj, NULL, "Warning", "UnparseableSchedule", "unparseable schedule: \"" STR_FMT "\"",
                     STR_ARG(text));
    } else if (!json_bool(json_path(obj, "spec.suspend"), false)) {
        w->due_ns = due(s, w, &c);
        bool busy = json_len(json_get(w->status, "active")) > 0;
        if (w->due_ns && busy && str_eqc(policy, "Replace"))
            replace_active(s, w);
        if (w->due_ns && !(busy && str_eqc(policy, "Forbid")))
            create_job(s, w);
    }
    sync_wait(s, write_status);
}

static void *start(const struct controller_context *cc)
{
    struct cronjobs *x = NEW(struct cronjobs);
    x->api = cc->minor >= 21 ? "batch/v1" : "batch/v1beta1";
    ctl_init(&x->ctl, cc, "cronjob", 5, sync_cron);
    ctl_events(&x->ctl, "cronjob-controller");
    ctl_watch(&x->ctl, &x->crons, x->api, "cronjobs", ctl_seen_enqueue);
    ctl_watch(&x->ctl, &x->jobs, "batch/v1", "jobs", job_seen);
    return x;
}

static void stop(void *state)
{
    struct cronjobs *x = state;
    ctl_deinit(&x->ctl);
    free(x);
}

const struct controller_ops cronjob_controller = { "cronjob", "cronjob-controller", start, stop };
