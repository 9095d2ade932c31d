/* kubelet/status_manager.c - what the API is told of a pod: computed whole, sent when it differs from what was last accepted.
 *
 * Upstream: pkg/kubelet/status/{status_manager,generate}.go and kubelet_pods.go generateAPIPodStatus. One patch is under way at a
 * time; what changes meanwhile goes with the next. When a deleted pod's containers have stopped and that has been told, the
 * object is deleted with grace period 0 and its uid as precondition.
 */
#include "kubelet/app_priv.h"
#include "kubelet/kubelet_priv.h"

#include <stdlib.h>

/* ---- phase: getPhase ---- */
static bool init_failed(const struct pod_worker *p, bool *pending)
{
    bool never = str_eqc(json_path_str(p->pod, "spec.restartPolicy"), "Never");
    for (size_t i = 0; i < p->init_count; i++) {
        const struct container *c = &p->containers[i];
        if (c->state == CONTAINER_TERMINATED && c->now.exit_code == 0)
            continue;
        *pending = true;
        return never && c->state == CONTAINER_TERMINATED;
    }
    return false;
}

const char *pod_phase(const struct pod_worker *p)
{
    struct str policy = json_path_str(p->pod, "spec.restartPolicy");
    bool always = !policy.n || str_eqc(policy, "Always"), pending = false;
    size_t running = 0, waiting = 0, stopped = 0, succeeded = 0;
    if (p->step == POD_REJECTED)
        return "Failed";
    if (init_failed(p, &pending))
        return "Failed";
    for (size_t i = p->init_count; i < p->count; i++) {
        const struct container *c = &p->containers[i];
        if (c->state == CONTAINER_RUNNING)
            running++;
        else if (c->state == CONTAINER_TERMINATED) {
            stopped++;
            succeeded += c->now.exit_code == 0;
        } else if (c->last.set)
            stopped++;
        else
            waiting++;
    }
    if (pending || waiting > 0)
        return "Pending";
    if (running > 0)
        return "Running";
    if (always)
        return "Running";
    if (stopped == succeeded)
        return "Succeeded";
    return str_eqc(policy, "Never") ? "Failed" : "Running";
}

/* ---- container statuses ---- */
static struct json *terminated_json(struct arena *a, const struct termination *t)
{
    struct json *j = json_new_object(a), *inner = json_new_object(a);
    json_set_int(a, inner, "exitCode", t->exit_code);
    if (t->signal)
        json_set_int(a, inner, "signal", t->signal);
    if (t->reason[0])
        json_set_strc(a, inner, "reason", t->reason);
    if (t->message)
        json_set_strc(a, inner, "message", t->message);
    json_set(a, inner, "startedAt", t->started_ns ? json_new_str(a, time_rfc3339(a, t->started_ns)) : json_null(a));
    json_set_str(a, inner, "finishedAt", time_rfc3339(a, t->finished_ns));
    if (t->id[0])
        json_set_strc(a, inner, "containerID", t->id);
    json_set(a, j, "terminated", inner);
    return j;
}

static struct json *state_json(struct arena *a, const struct container *c)
{
    if (c->state == CONTAINER_RUNNING)
        return json_buildf(a, "{'running':{'startedAt':%S}}", time_rfc3339(a, c->started_ns));
    if (c->state == CONTAINER_TERMINATED)
        return terminated_json(a, &c->now);
    struct json *inner = json_new_object(a), *j = json_new_object(a);
    json_set_strc(a, inner, "reason", c->wait_reason);
    if (c->wait_message)
        json_set_strc(a, inner, "message", c->wait_message);
    json_set(a, j, "waiting", inner);
    return j;
}

static struct json *container_json(struct arena *a, const struct container *c)
{
    struct json *j = json_new_object(a);
    bool ready = c->init ? c->state == CONTAINER_TERMINATED && c->now.exit_code == 0 : c->ready;
    bool known = c->image && (c->state != CONTAINER_WAITING || c->last.set);
    json_set_strc(a, j, "name", c->name);
    json_set(a, j, "state", state_json(a, c));
    json_set(a, j, "lastState", c->last.set ? terminated_json(a, &c->last) : json_new_object(a));
    json_set_bool(a, j, "ready", ready);
    json_set_int(a, j, "restartCount", c->restarts);
    if (known)
        json_set_strc(a, j, "image", c->image);
    else
        json_set_str(a, j, "image", json_get_str(c->spec, "image"));
    json_set_strc(a, j, "imageID", known ? c->image_id : "");
    const char *id = c->state == CONTAINER_WAITING ? c->last.id : c->id;
    if (id[0])
        json_set_strc(a, j, "containerID", id);
    if (!c->init || c->pod->k->o.minor >= 28)
        json_set_bool(a, j, "started", c->state == CONTAINER_RUNNING && c->started);
    return j;
}

/* ---- conditions: GeneratePodReadyCondition and its kin ---- */
static void cond(struct pod_worker *p, const char *type, const char *status, const char *reason, const char *message)
{
    condition_set_ext(p->cond_arena, p->conditions, type, status, reason, message, vtime_now(p->k->o.loop), "lastProbeTime", -1);
}

static char *unready(struct arena *a, const struct pod_worker *p, bool init)
{
    struct strbuf names;
    strbuf_init(&names, 64 * 1024);
    for (size_t i = init ? 0 : p->init_count; i < (init ? p->init_count : p->count); i++) {
        const struct container *c = &p->containers[i];
        bool ok = init ? c->state == CONTAINER_TERMINATED && c->now.exit_code == 0 : c->ready;
        if (!ok)
            strbuf_addf(&names, "%s%s", names.n ? " " : "", c->name);
    }
    char *text = names.n ? arena_printf(a, "containers with %s status: [%s]", init ? "incomplete" : "unready", names.p) : NULL;
    strbuf_deinit(&names);
    return text;
}

static void compute_conditions(struct pod_worker *p, struct arena *a, const char *phase)
{
    char *incomplete = unready(a, p, true), *unhealthy = unready(a, p, false);
    bool done = strcmp(phase, "Succeeded") == 0, failed = strcmp(phase, "Failed") == 0;
    if (p->k->o.minor >= 29)
        cond(p, "PodReadyToStartContainers", p->step == POD_RUNNING || p->step == POD_KILLING ? "True" : "False", NULL, NULL);
    if (!incomplete)
        cond(p, "Initialized", "True", done ? "PodCompleted" : NULL, NULL);
    else
        cond(p, "Initialized", "False", "ContainersNotInitialized", incomplete);
    static const char *const ready_types[] = { "Ready", "ContainersReady" };
    for (size_t i = 0; i < ARRAY_LEN(ready_types); i++) {
        if (done)
            cond(p, ready_types[i], "False", "PodCompleted", NULL);
        else if (failed && p->k->o.minor >= 27)
            cond(p, ready_types[i], "False", "PodFailed", NULL);
        else if (unhealthy)
            cond(p, ready_types[i], "False", "ContainersNotReady", unhealthy);
        else
            cond(p, ready_types[i], "True", NULL, NULL);
    }
    cond(p, "PodScheduled", "True", NULL, NULL);
}

static struct json *rejected_status(struct pod_worker *p, struct arena *a)
{
    return json_buildf(a, "{'phase':'Failed','message':%s,'reason':%s,'startTime':%S}", p->reject_message, p->reject_reason,
                       time_rfc3339(a, p->start_ns));
}

struct json *pod_status(struct pod_worker *p, struct arena *a)
{
    if (p->step == POD_REJECTED)
        return rejected_status(p, a);
    const char *phase = pod_phase(p);
    compute_conditions(p, a, phase);
    struct json *s = json_new_object(a);
    json_set_strc(a, s, "phase", phase);
    json_set(a, s, "conditions", json_copy(a, p->conditions));
    json_set_strc(a, s, "hostIP", p->k->o.node_ip);
    if (p->k->o.minor >= 28)
        json_set(a, s, "hostIPs", json_buildf(a, "[{'ip':%s}]", p->k->o.node_ip));
    if (p->ip[0]) {
        json_set_strc(a, s, "podIP", p->ip);
        json_set(a, s, "podIPs", json_buildf(a, "[{'ip':%s}]", p->ip));
    }
    json_set_str(a, s, "startTime", time_rfc3339(a, p->start_ns));
    struct json *init = json_new_array(a), *main = json_new_array(a);
    for (size_t i = 0; i < p->count; i++)
        json_append(p->containers[i].init ? init : main, container_json(a, &p->containers[i]));
    if (json_len(init))
        json_set(a, s, "initContainerStatuses", init);
    json_set(a, s, "containerStatuses", main);
    return s;
}

/* ---- sending ---- */
static bool all_stopped(const struct pod_worker *p)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->containers[i].state == CONTAINER_RUNNING)
            return false;
    return p->step == POD_STOPPED || p->step == POD_REJECTED;
}

static void on_status_timer(struct timer *t)
{
    struct pod_worker *p = container_of(t, struct pod_worker, status_timer);
    p->status_turn = p->status_waiting;
    p->status_waiting = false;
    status_sync(p);
}

static void status_after(struct pod_worker *p, int64_t delay_ns)
{
    if (!p->status_timer.loop)
        timer_init(&p->status_timer, p->k->o.loop, on_status_timer);
    timer_start(&p->status_timer, delay_ns);
}

static void retry_later(struct pod_worker *p)
{
    if (!p->status_waiting)
        status_after(p, 10 * SECOND);
}

/* An update is a GET and a PATCH, and the kubelet's client has --kube-api-qps=5 and --kube-api-burst=10: first come, first
 * served. It is what keeps a ReplicaSet whose pods this node turns away from spinning at one instant. */
static bool my_turn(struct pod_worker *p)
{
    enum { BURST = 5 };
    const int64_t each = 400 * MS, now = vtime_now(p->k->o.loop);
    if (p->status_turn || p->status_waiting) {
        bool now_ours = p->status_turn;
        p->status_turn = false;
        return now_ours;
    }
    int64_t *next = &p->k->status_next_ns, wait;
    *next = *next < now ? now : *next;
    wait = *next - now - (BURST - 1) * each;
    *next += each;
    if (wait <= 0)
        return true;
    p->status_waiting = true;
    status_after(p, wait);
    return false;
}

static void deleted(void *ctx, const struct client_result *r, const struct err *err)
{
    struct pod_worker *p = ctx;
    (void)r;
    p->delete_call = NULL;
    if (err->code == ERR_NONE)
        return;                        /* the informer tells the rest */
    if (err->code == ERR_NOT_FOUND || err->code == ERR_CONFLICT) {
        pod_removed(p);
        return;
    }
    p->finished_delete = false;
    retry_later(p);
}

static void delete_object(struct pod_worker *p)
{
    struct arena *a = arena_new();
    struct json *o = json_buildf(a, "{'kind':'DeleteOptions','apiVersion':'v1','gracePeriodSeconds':0,'preconditions':{'uid':%s}}",
                                 p->uid);
    p->finished_delete = true;
    p->delete_call = client_delete(p->k->o.client, client_path(a, "v1", "pods", str_c(p->ns), str_c(p->name), NULL), o, deleted, p);
    arena_free(a);
}

static void drop(struct str *s)
{
    free((char *)s->p);
    *s = STR_NULL;
}

static void sent(void *ctx, const struct client_result *r, const struct err *err)
{
    struct pod_worker *p = ctx;
    (void)r;
    p->status_call = NULL;
    if (err->code == ERR_NONE) {
        drop(&p->status_sent);
        p->status_sent = p->status_sending;
        p->status_sending = STR_NULL;
        status_sync(p);
        return;
    }
    drop(&p->status_sending);
    if (err->code == ERR_NOT_FOUND)
        return;                        /* deleted meanwhile; the informer knows or will */
    klog_write(p->k->o.log, 'W', "status_manager.go:529", "Failed to update status for pod \"%s_%s(%s)\": %s", p->name, p->ns,
               p->uid, err->msg);
    retry_later(p);
}

/* A pod that was evicted had been told of at length; nothing of that is in its last status. */
static void take_out_the_rest(struct arena *a, struct json *status)
{
    static const char *const gone[] = { "conditions", "containerStatuses", "initContainerStatuses", "hostIP", "hostIPs", "podIP",
                                        "podIPs", "qosClass" };
    for (size_t i = 0; i < ARRAY_LEN(gone); i++)
        json_set(a, status, gone[i], json_null(a));
}

static void send(struct pod_worker *p, struct arena *a, struct json *status, struct str text, struct str uid)
{
    char *copy = xmalloc(text.n + 1);
    memcpy(copy, text.p, text.n);
    p->status_sending = (struct str){ copy, text.n };
    struct json *order = json_new_array(a);
    for (const struct json *c = json_first(p->conditions); c; c = json_next(c))
        json_append(order, json_buildf(a, "{'type':%S}", json_get_str(c, "type")));
    if (json_len(json_get(status, "conditions")))
        json_set(a, status, "$setElementOrder/conditions", order);
    if (p->step == POD_REJECTED)
        take_out_the_rest(a, status);
    struct json *patch = json_buildf(a, "{'metadata':{'uid':%S},'status':%j}", uid, status);
    p->status_call = client_patch(p->k->o.client, client_path(a, "v1", "pods", str_c(p->ns), str_c(p->name), "status"),
                                  PATCH_STRATEGIC, patch, sent, p);
}

void status_sync(struct pod_worker *p)
{
    if (!p->k->source_open)
        return;
    const struct json *mirror = p->is_static ? mirror_of(p->k, p) : NULL;
    if (p->status_call || p->delete_call || p->gone || p->adopted || (p->is_static && (!mirror || meta_deleting(mirror))))
        return;
    struct arena *a = arena_new();
    struct json *status = pod_status(p, a);
    struct str text = json_text(a, status);
    if (mirror && !str_eqc(meta_uid(mirror), p->mirror_uid)) {   /* another object, which has been told nothing */
        drop(&p->status_sent);
        kubelet_copy(p->mirror_uid, sizeof p->mirror_uid, arena_cstr(a, meta_uid(mirror)));
    }
    if (!p->status_sent.p || !str_eq(text, p->status_sent)) {
        if (my_turn(p))
            send(p, a, status, text, p->is_static ? meta_uid(mirror) : str_c(p->uid));
    } else if (p->deleting && !p->is_static && all_stopped(p) && !timer_active(&p->timer) && !p->finished_delete)
        delete_object(p);
    arena_free(a);
}

void pod_status_changed(struct pod_worker *p) { status_sync(p); }

void status_stop(struct pod_worker *p)
{
    if (p->status_call)
        client_cancel(p->status_call);
    if (p->delete_call)
        client_cancel(p->delete_call);
    p->status_call = p->delete_call = NULL;
    if (p->status_timer.loop)
        timer_stop(&p->status_timer);
    p->status_waiting = p->status_turn = false;
    drop(&p->status_sent);
    drop(&p->status_sending);
}

/* ---- adoption: the status of the API says what this node did before ---- */
static void adopt_termination(struct termination *t, const struct json *j)
{
    if (!j)
        return;
    t->set = true;
    t->exit_code = (int)json_get_int(j, "exitCode", 0);
    t->signal = (int)json_get_int(j, "signal", 0);
    time_parse_rfc3339(json_get_str(j, "startedAt"), &t->started_ns);
    time_parse_rfc3339(json_get_str(j, "finishedAt"), &t->finished_ns);
    struct arena *a = arena_new();
    kubelet_copy(t->reason, sizeof t->reason, arena_cstr(a, json_get_str(j, "reason")));
    kubelet_copy(t->id, sizeof t->id, arena_cstr(a, json_get_str(j, "containerID")));
    if (json_get(j, "message"))
        t->message = xstrdup(arena_cstr(a, json_get_str(j, "message")));
    arena_free(a);
}

static void adopt_container(struct pod_worker *p, const struct json *s)
{
    struct container *c = pod_container(p, json_get_str(s, "name"));
    if (!c)
        return;
    const struct json *running = json_path(s, "state.running"), *ended = json_path(s, "state.terminated"),
                      *waiting = json_path(s, "state.waiting");
    struct arena *a = arena_new();
    c->restarts = (int)json_get_int(s, "restartCount", 0);
    adopt_termination(&c->last, json_path(s, "lastState.terminated"));
    kubelet_copy(c->id, sizeof c->id, arena_cstr(a, json_get_str(s, "containerID")));
    c->image = xstrdup(arena_cstr(a, json_get_str(s, "image")));
    c->image_id = xstrdup(arena_cstr(a, json_get_str(s, "imageID")));
    if (c->restarts > 0) {             /* how long the next restart has to wait */
        c->crash.delay_ns = c->restarts > 5 ? BACKOFF_MAX_S * SECOND : BACKOFF_FIRST_S * SECOND << (c->restarts - 1);
        c->crash.updated_ns = c->last.finished_ns;
    }
    if (running) {
        c->state = CONTAINER_RUNNING;
        c->adopting = p->adopted = true;
        time_parse_rfc3339(json_get_str(running, "startedAt"), &c->started_ns);
        c->created_ns = c->started_ns;
        c->ready = json_get_bool(s, "ready", false);
        c->started = json_get_bool(s, "started", c->ready);
    } else if (ended) {
        c->state = CONTAINER_TERMINATED;
        adopt_termination(&c->now, ended);
    } else if (c->last.set && waiting) {
        container_set_waiting(c, arena_cstr(a, json_get_str(waiting, "reason")),
                              json_get(waiting, "message") ? arena_cstr(a, json_get_str(waiting, "message")) : NULL);
    }
    arena_free(a);
}

void status_adopt(struct pod_worker *p, const struct json *status)
{
    static const char *const lists[] = { "initContainerStatuses", "containerStatuses" };
    struct str phase = json_get_str(status, "phase"), ip = json_get_str(status, "podIP");
    bool over = str_eqc(phase, "Succeeded") || str_eqc(phase, "Failed");
    struct arena *a = arena_new();
    time_parse_rfc3339(json_get_str(status, "startTime"), &p->start_ns);
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        for (const struct json *s = json_first(json_get(status, lists[i])); s; s = json_next(s))
            adopt_container(p, s);
    for (const struct json *c = json_first(json_get(status, "conditions")); c; c = json_next(c))
        if (json_len(json_get(status, "containerStatuses")))
            json_append(p->conditions, json_copy(p->cond_arena, c));
    kubelet_copy(p->ip, sizeof p->ip, arena_cstr(a, ip));
    if (p->ip[0] && !pod_hostnetwork(p) && !over)
        p->own_ip = kubelet_ip_take(p->k, p->ip, p->ip);         /* before a new pod gets it */
    if (over && json_len(json_get(status, "containerStatuses"))) {
        p->step = POD_STOPPED;
        p->adopted = false;
    } else if (over) {
        p->step = POD_REJECTED;
        p->reject_reason = arena_cstr(p->arena, json_get_str(status, "reason"));
        p->reject_message = xstrdup(arena_cstr(a, json_get_str(status, "message")));
    }
    arena_free(a);
}
