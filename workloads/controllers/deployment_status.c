/* workloads/controllers/deployment_status.c - a Deployment's status and conditions (pkg/controller/deployment/progress.go,
 * sync.go calculateStatus). */
#include "workloads/controllers/deployment.h"

/* ---- conditions ---- */
static void condition_drop(struct json *conditions, const char *type)
{
    for (size_t i = json_len(conditions); i-- > 0;)
        if (str_eqc(json_get_str(json_at(conditions, i), "type"), type))
            json_remove_at(conditions, i);
}

void deploy_condition_set(struct arena *a, struct json *status, const char *type, const char *value, const char *reason,
                          const char *message, int64_t now_ns, const struct json *since)
{
    struct json *conditions = json_ensure_array(a, status, "conditions"), *old = condition_find(conditions, type);
    if (old && str_eqc(json_get_str(old, "status"), value) && str_eqc(json_get_str(old, "reason"), reason))
        return;
    struct str now = time_rfc3339(a, now_ns);
    struct str from = since ? json_str(since) : old && str_eqc(json_get_str(old, "status"), value)
                      ? arena_str(a, json_get_str(old, "lastTransitionTime")) : now;
    struct json *c = json_buildf(a, "{'type':%s,'status':%s,'lastUpdateTime':%S,'lastTransitionTime':%S,'reason':%s,'message':%s}",
                                 type, value, now, from, reason, message);
    condition_drop(conditions, type);
    json_append(conditions, c);
}

/* ---- judgement ---- */
static bool has_deadline(const struct deploy_job *job) { return json_path_int(job->d, "spec.progressDeadlineSeconds", 0) > 0; }

bool deploy_complete(const struct deploy_job *job, const struct json *st)
{
    return json_get_int(st, "updatedReplicas", 0) == job->r.replicas && json_get_int(st, "replicas", 0) == job->r.replicas &&
           json_get_int(st, "availableReplicas", 0) == job->r.replicas &&
           json_get_int(st, "observedGeneration", 0) >= json_path_int(job->d, "metadata.generation", 0);
}

static bool progresses(const struct json *old, const struct json *st)
{
    int64_t old_old = json_get_int(old, "replicas", 0) - json_get_int(old, "updatedReplicas", 0);
    int64_t new_old = json_get_int(st, "replicas", 0) - json_get_int(st, "updatedReplicas", 0);
    return json_get_int(st, "updatedReplicas", 0) > json_get_int(old, "updatedReplicas", 0) || new_old < old_old ||
           json_get_int(st, "readyReplicas", 0) > json_get_int(old, "readyReplicas", 0) ||
           json_get_int(st, "availableReplicas", 0) > json_get_int(old, "availableReplicas", 0);
}

static int64_t deadline_ns(const struct deploy_job *job, const struct json *condition)
{
    int64_t updated = 0;
    time_parse_rfc3339(json_get_str(condition, "lastUpdateTime"), &updated);
    return updated + json_path_int(job->d, "spec.progressDeadlineSeconds", 0) * SECOND;
}

static bool timed_out(const struct deploy_job *job, const struct json *condition, int64_t now_ns)
{
    struct str reason = json_get_str(condition, "reason");
    if (!condition || str_eqc(reason, "NewReplicaSetAvailable"))
        return false;
    return str_eqc(reason, "ProgressDeadlineExceeded") || deadline_ns(job, condition) < now_ns;
}

static void judge_progress(struct sync *s, const struct deploy_job *job, struct json *st)
{
    int64_t now = vtime_now(s->c->loop);
    const struct json *old = json_get(job->d, "status"), *current = condition_find(json_get(old, "conditions"), "Progressing");
    if (str_eqc(json_get_str(current, "reason"), "NewReplicaSetAvailable") &&
        json_get_int(st, "replicas", 0) == json_get_int(st, "updatedReplicas", 0))
        return;
    struct str name = job->r.newest == SIZE_MAX ? s->name : job->views[job->r.newest].name;
    const char *subject = arena_printf(s->a, "%s \"" STR_FMT "\"", job->r.newest == SIZE_MAX ? "Deployment" : "ReplicaSet",
                                       STR_ARG(name));
    if (deploy_complete(job, st)) {
        deploy_condition_set(s->a, st, "Progressing", "True", "NewReplicaSetAvailable",
                             arena_printf(s->a, "%s has successfully progressed.", subject), now, NULL);
    } else if (progresses(old, st)) {
        const struct json *since = str_eqc(json_get_str(current, "status"), "True") ? json_get(current, "lastTransitionTime") : NULL;
        condition_drop(json_get(st, "conditions"), "Progressing");
        deploy_condition_set(s->a, st, "Progressing", "True", "ReplicaSetUpdated",
                             arena_printf(s->a, "%s is progressing.", subject), now, since);
    } else if (timed_out(job, condition_find(json_get(st, "conditions"), "Progressing"), now)) {
        deploy_condition_set(s->a, st, "Progressing", "False", "ProgressDeadlineExceeded",
                             arena_printf(s->a, "%s has timed out progressing.", subject), now, NULL);
    }
}

/* What a ReplicaSet could not create shows on its Deployment: the newest one's first. */
static void pass_on_failure(struct sync *s, const struct deploy_job *job, struct json *st)
{
    const struct json *failure = job->r.newest == SIZE_MAX ? NULL
                                 : condition_find(json_path(job->sets[job->r.newest], "status.conditions"), "ReplicaFailure");
    for (size_t i = 0; !failure && i < job->r.n; i++)
        failure = condition_find(json_path(job->sets[i], "status.conditions"), "ReplicaFailure");
    if (!failure) {
        condition_drop(json_get(st, "conditions"), "ReplicaFailure");
        return;
    }
    deploy_condition_set(s->a, st, "ReplicaFailure", arena_cstr(s->a, json_get_str(failure, "status")),
                         arena_cstr(s->a, json_get_str(failure, "reason")),
                         arena_cstr(s->a, json_get_str(failure, "message")), vtime_now(s->c->loop),
                         json_get(failure, "lastTransitionTime"));
}

/* ---- the whole ---- */
static void set_count(struct arena *a, struct json *st, const char *key, int64_t n)
{
    if (n)
        json_set_int(a, st, key, n);
}

struct json *deploy_status(struct sync *s, const struct deploy_job *job, bool rollout)
{
    int64_t actual = 0, ready = 0, available = 0, updated = job->r.newest == SIZE_MAX ? 0 : job->views[job->r.newest].actual;
    for (size_t i = 0; i < job->r.n; i++) {
        actual += job->views[i].actual;
        ready += job->views[i].ready;
        available += job->views[i].available;
    }
    int64_t missing = rollout_total(&job->r) - available, now = vtime_now(s->c->loop);
    const struct json *old = json_get(job->d, "status"), *conditions = json_get(old, "conditions");
    struct json *st = json_new_object(s->a);
    set_count(s->a, st, "observedGeneration", json_path_int(job->d, "metadata.generation", 0));
    set_count(s->a, st, "replicas", actual);
    set_count(s->a, st, "updatedReplicas", updated);
    set_count(s->a, st, "readyReplicas", ready);
    set_count(s->a, st, "availableReplicas", available);
    set_count(s->a, st, "unavailableReplicas", missing > 0 ? missing : 0);
    if (conditions)
        json_set(s->a, st, "conditions", json_copy(s->a, conditions));
    if (json_get(old, "collisionCount"))
        json_set(s->a, st, "collisionCount", json_copy(s->a, json_get(old, "collisionCount")));
    if (available >= job->r.replicas - job->r.unavailable)
        deploy_condition_set(s->a, st, "Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability.",
                             now, NULL);
    else
        deploy_condition_set(s->a, st, "Available", "False", "MinimumReplicasUnavailable",
                             "Deployment does not have minimum availability.", now, NULL);
    if (!rollout)
        return st;
    if (has_deadline(job))
        judge_progress(s, job, st);
    else
        condition_drop(json_get(st, "conditions"), "Progressing");
    pass_on_failure(s, job, st);
    return st;
}

int64_t deploy_requeue_ns(const struct deploy_job *job, const struct json *status, int64_t now_ns)
{
    const struct json *c = condition_find(json_path(job->d, "status.conditions"), "Progressing");
    if (!c || !has_deadline(job) || deploy_complete(job, status) || str_eqc(json_get_str(c, "reason"), "ProgressDeadlineExceeded"))
        return -1;
    int64_t after = deadline_ns(job, c) - now_ns;
    return (after < 0 ? 0 : after) + SECOND;
}
