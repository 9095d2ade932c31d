/* apiserver/printers/pod.c - the cells of a pod, above all STATUS.
 *
 * Upstream: printPod in pkg/printers/internalversion/printers.go. STATUS is no field of a pod: it is worked out from
 * the phase, the reason, the init containers in order, the containers from last to first (so the first one that
 * complains wins), and deletion.
 */
#include "apiserver/printers/printers_priv.h"

struct pod_summary {
    struct str  reason;
    int64_t     restarts, ready, total;
    int64_t     last_restart_ns;       /* 0: none known */
};

static bool has_status(const struct json *pod, const char *type)
{
    return str_eqc(json_get_str(condition_find(json_path(pod, "status.conditions"), type), "status"), "True");
}

static void count_restart(struct pod_summary *s, const struct json *container)
{
    int64_t finished;
    s->restarts += json_get_int(container, "restartCount", 0);
    if (time_parse_rfc3339(json_path_str(container, "lastState.terminated.finishedAt"), &finished) &&
        finished > s->last_restart_ns)
        s->last_restart_ns = finished;
}

/* Reason of a terminated container, or its signal or exit code. */
static struct str terminated_reason(struct row *r, const struct json *terminated, const char *prefix)
{
    struct str reason = json_get_str(terminated, "reason");
    int64_t signal = json_get_int(terminated, "signal", 0);
    if (reason.n)
        return arena_strf(r->a, "%s" STR_FMT, prefix, STR_ARG(reason));
    if (signal)
        return arena_strf(r->a, "%sSignal:%" PRId64, prefix, signal);
    return arena_strf(r->a, "%sExitCode:%" PRId64, prefix, json_get_int(terminated, "exitCode", 0));
}

/* Containers with restartPolicy Always among the init containers (sidecars, from 1.28). */
static bool is_sidecar(const struct json *pod, struct str name)
{
    for (const struct json *c = json_first(json_path(pod, "spec.initContainers")); c; c = json_next(c))
        if (str_eq(json_get_str(c, "name"), name))
            return str_eqc(json_get_str(c, "restartPolicy"), "Always");
    return false;
}

/* The first init container that is not done tells the story. Returns whether the pod is still initializing. */
static bool summarize_init(struct row *r, struct pod_summary *s, struct pod_summary *sidecars)
{
    int64_t i = 0;
    for (const struct json *c = json_first(json_path(r->obj, "status.initContainerStatuses")); c; c = json_next(c), i++) {
        bool sidecar = r->minor >= 28 && is_sidecar(r->obj, json_get_str(c, "name"));
        count_restart(s, c);
        if (sidecar)
            count_restart(sidecars, c);
        const struct json *terminated = json_path(c, "state.terminated");
        struct str waiting = json_path_str(c, "state.waiting.reason");
        if (terminated && !json_get_int(terminated, "exitCode", 0))
            continue;
        if (sidecar && json_get_bool(c, "started", false)) {
            s->ready += json_get_bool(c, "ready", false);
            continue;
        }
        if (terminated)
            s->reason = terminated_reason(r, terminated, "Init:");
        else if (waiting.n && !str_eqc(waiting, "PodInitializing"))
            s->reason = arena_strf(r->a, "Init:" STR_FMT, STR_ARG(waiting));
        else
            s->reason = arena_strf(r->a, "Init:%" PRId64 "/%zu", i, json_len(json_path(r->obj, "spec.initContainers")));
        return true;
    }
    return false;
}

static void summarize_containers(struct row *r, struct pod_summary *s)
{
    const struct json *list = json_path(r->obj, "status.containerStatuses");
    bool running = false;
    for (size_t i = json_len(list); i-- > 0;) {
        const struct json *c = json_at(list, i), *terminated = json_path(c, "state.terminated");
        struct str waiting = json_path_str(c, "state.waiting.reason");
        count_restart(s, c);
        if (waiting.n) {
            s->reason = waiting;
        } else if (terminated) {
            s->reason = terminated_reason(r, terminated, "");
        } else if (json_get_bool(c, "ready", false) && json_path(c, "state.running")) {
            running = true;
            s->ready++;
        }
    }
    if (running && str_eqc(s->reason, "Completed"))
        s->reason = r->minor < 18 || has_status(r->obj, "Ready") ? STR("Running") : STR("NotReady");
}

static struct pod_summary summarize(struct row *r)
{
    struct pod_summary s = { .total = (int64_t)json_len(json_path(r->obj, "spec.containers")) }, sidecars = { .total = 0 };
    struct str phase = json_path_str(r->obj, "status.phase"), reason = json_path_str(r->obj, "status.reason");
    s.reason = reason.n ? reason : phase;
    const struct json *scheduled = condition_find(json_path(r->obj, "status.conditions"), "PodScheduled");
    if (r->minor >= 26 && str_eqc(json_get_str(scheduled, "reason"), "SchedulingGated"))
        s.reason = STR("SchedulingGated");
    if (r->minor >= 28)
        for (const struct json *c = json_first(json_path(r->obj, "spec.initContainers")); c; c = json_next(c))
            s.total += str_eqc(json_get_str(c, "restartPolicy"), "Always");
    bool initializing = summarize_init(r, &s, &sidecars);
    if (!initializing || (r->minor >= 28 && has_status(r->obj, "Initialized"))) {
        s.restarts = sidecars.restarts;                          /* what init containers did is history now */
        s.last_restart_ns = sidecars.last_restart_ns;
        summarize_containers(r, &s);
    }
    if (!meta_deleting(r->obj))
        return s;
    bool ended = str_eqc(phase, "Succeeded") || str_eqc(phase, "Failed");
    if (str_eqc(reason, "NodeLost"))
        s.reason = STR("Unknown");
    else if (r->minor < 27 || !ended)
        s.reason = STR("Terminating");
    return s;
}

void print_pod_ready(struct row *r, const char *arg)
{
    (void)arg;
    struct pod_summary s = summarize(r);
    print_put_str(r, arena_strf(r->a, "%" PRId64 "/%" PRId64, s.ready, s.total));
}

void print_pod_status(struct row *r, const char *arg)
{
    (void)arg;
    print_put_str(r, summarize(r).reason);
}

void print_pod_restarts(struct row *r, const char *arg)
{
    (void)arg;
    struct pod_summary s = summarize(r);
    if (r->minor < 22)
        print_put_int(r, s.restarts);
    else if (!s.restarts || !s.last_restart_ns)
        print_put_str(r, arena_strf(r->a, "%" PRId64, s.restarts));
    else
        print_put_str(r, arena_strf(r->a, "%" PRId64 " (" STR_FMT " ago)", s.restarts,
                                    STR_ARG(duration_human(r->a, r->now_ns - s.last_restart_ns))));
}

void print_pod_ip(struct row *r, const char *arg)
{
    (void)arg;
    struct str ip = json_get_str(json_at(json_path(r->obj, "status.podIPs"), 0), "ip");
    if (!ip.n)
        ip = json_path_str(r->obj, "status.podIP");
    print_put_str(r, ip.n ? ip : STR("<none>"));
}

void print_pod_gates(struct row *r, const char *arg)
{
    (void)arg;
    const struct json *gates = json_path(r->obj, "spec.readinessGates");
    size_t open = 0;
    for (const struct json *g = json_first(gates); g; g = json_next(g))
        open += has_status(r->obj, arena_cstr(r->a, json_get_str(g, "conditionType")));
    print_put_str(r, json_len(gates) ? arena_strf(r->a, "%zu/%zu", open, json_len(gates)) : STR("<none>"));
}

const char *print_pod_conditions(const struct json *pod)
{
    struct str phase = json_path_str(pod, "status.phase");
    if (str_eqc(phase, "Succeeded"))
        return "[{\"type\":\"Completed\",\"status\":\"True\",\"reason\":\"Succeeded\",\"message\":\"The pod has "
               "completed successfully.\"}]";
    if (str_eqc(phase, "Failed"))
        return "[{\"type\":\"Completed\",\"status\":\"True\",\"reason\":\"Failed\",\"message\":\"The pod failed.\"}]";
    return NULL;
}
