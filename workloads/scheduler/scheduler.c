/* workloads/scheduler/scheduler.c - kube-scheduler: one pod at a time, the best node that will have it
 * (pkg/scheduler/scheduler.go).
 *
 * Unbound pods are keys in a work queue. A cycle looks at every node through the filters, takes the best score (scores.c;
 * of equals, any) and posts a Binding. A pod that fits nowhere gets an event and condition PodScheduled=False, and is tried
 * again when a node or a bound pod changes, or after a minute. What was bound in this process counts at once (the scheduler's
 * cache "assumes" it), before the informer has seen it.
 *
 * Simplified: no preemption, no inter-pod affinity, no topologySpreadConstraints of a pod's own, no volume binding, no
 * extenders. Where such a rule is a preference it is left aside; a pod that requires it is not placed, and its event names
 * the field.
 */
#include "workloads/scheduler/scheduler_priv.h"

#include <stdio.h>
#include <stdlib.h>

#define RETRY_NS (60 * (int64_t)NS_PER_S)

struct cycle {                         /* one pod being bound */
    struct list       node;
    struct scheduler *s;
    char             *key, *node_name;
    struct client_call *call;
};

struct scheduler {
    struct client           *client;
    struct loop             *loop;
    int                      minor;
    struct leader_election  *election;
    void                   (*lost)(void *ctx);
    void                    *lost_ctx;
    struct informer         *pods, *nodes;
    struct informer_handler  on_pod, on_node;
    struct workqueue        *queue;
    struct event_recorder   *events;
    struct map              *waiting;  /* keys of pods that fit nowhere -> anything */
    struct map              *assumed;  /* key -> node name, until the informer shows it bound */
    struct list              cycles;
    struct rng               rng;      /* which of equally good nodes */
    char                     identity[LEADER_IDENTITY_MAX];
};

/* ---- what there is ---- */
static bool wants_us(const struct json *pod)
{
    const struct json *spec = json_get(pod, "spec");
    struct str name = json_get_str(spec, "schedulerName");
    return json_get_str(spec, "nodeName").n == 0 && (name.n == 0 || str_eqc(name, "default-scheduler")) && !meta_deleting(pod);
}

static struct str bound_node(struct scheduler *s, struct arena *a, const struct json *pod)
{
    struct str node = json_path_str(pod, "spec.nodeName");
    return node.n ? node : str_c(map_get(s->assumed, meta_key(a, pod)));
}

static bool finished(const struct json *pod)
{
    struct str phase = json_path_str(pod, "status.phase");
    return str_eqc(phase, "Succeeded") || str_eqc(phase, "Failed");
}

static void node_fill(struct scheduler *s, struct arena *a, struct node_state *n, const struct json *node)
{
    const struct json *allocatable = json_path(node, "status.allocatable");
    *n = (struct node_state){ .node = node, .name = meta_name(node) };
    n->allocatable = (struct resources){ quantity_json_milli(json_get(allocatable, "cpu"), 0),
                                         quantity_json_value(json_get(allocatable, "memory"), 0),
                                         quantity_json_value(json_get(allocatable, "pods"), 110) };
    n->pods = arena_alloc(a, (informer_count(s->pods) + 1) * sizeof *n->pods);
    size_t cursor = 0;
    for (struct object *o; informer_next(s->pods, &cursor, &o);) {
        const struct json *pod = object_json(o);
        if (finished(pod) || !str_eq(bound_node(s, a, pod), n->name))
            continue;
        struct resources r = scheduler_resources_of_pod(pod);
        n->used.cpu_milli += r.cpu_milli;
        n->used.memory_bytes += r.memory_bytes;
        n->used.pods += 1;
        r = scheduler_nonzero_resources(pod);
        n->nonzero.cpu_milli += r.cpu_milli;
        n->nonzero.memory_bytes += r.memory_bytes;
        n->pods[n->pod_count++] = pod;
    }
}

/* ---- failure ---- */
static void condition_patched(void *ctx, const struct client_result *r, const struct err *err)
{
    (void)ctx;
    (void)r;
    if (err->code != ERR_NONE)
        log_msg(LOG_INFO, "scheduler", "condition not written: %s", err->msg);
}

static void report_failure(struct scheduler *s, struct arena *a, const struct json *pod, struct str message)
{
    event_record(s->events, pod, NULL, "Warning", "FailedScheduling", STR_FMT, STR_ARG(message));
    const struct json *old = condition_find(json_path(pod, "status.conditions"), "PodScheduled");
    if (str_eq(json_get_str(old, "message"), message))
        return;
    struct json *patch = json_buildf(
        a,
        "{'status':{'conditions':[{'type':'PodScheduled','status':'False','lastProbeTime':null,"
        "'lastTransitionTime':%S,'reason':'Unschedulable','message':%S}]}}",
        old ? json_get_str(old, "lastTransitionTime") : time_rfc3339(a, vtime_now(s->loop)), message);
    client_patch(s->client, client_path(a, "v1", "pods", meta_namespace(pod), meta_name(pod), "status"), PATCH_STRATEGIC,
                 patch, condition_patched, s);
}

/* ---- binding ---- */
static void cycle_free(struct cycle *c)
{
    list_remove(&c->node);
    free(c->key);
    free(c->node_name);
    free(c);
}

static void bound(void *ctx, const struct client_result *r, const struct err *err)
{
    struct cycle *c = ctx;
    struct scheduler *s = c->s;
    struct str key = str_c(c->key);
    (void)r;
    struct object *o = informer_get(s->pods, key);
    if (err->code != ERR_NONE) {
        log_msg(LOG_INFO, "scheduler", "%s not bound: %s", c->key, err->msg);
        free(map_take(s->assumed, key));
        if (err->code != ERR_NOT_FOUND)
            workqueue_add_rate_limited(s->queue, key);
    } else {
        workqueue_forget(s->queue, key);
        if (o)
            event_record(s->events, object_json(o), NULL, "Normal", "Scheduled", "Successfully assigned %s to %s", c->key,
                         c->node_name);
    }
    workqueue_done(s->queue, key);
    cycle_free(c);
}

static void bind(struct scheduler *s, struct arena *a, struct str key, const struct json *pod, struct str node)
{
    struct cycle *c = NEW(struct cycle);
    list_init(&c->node);
    list_push(&s->cycles, &c->node);
    c->s = s;
    c->key = xstrdup(arena_cstr(a, key));
    c->node_name = xstrdup(arena_cstr(a, node));
    free(map_put(s->assumed, key, xstrdup(c->node_name)));
    struct json *binding = json_buildf(
        a,
        "{'kind':'Binding','apiVersion':'v1','metadata':{'name':%S,'namespace':%S,'uid':%S},'target':{'kind':'Node','name':%S}}",
        meta_name(pod), meta_namespace(pod), meta_uid(pod), node);
    c->call = client_create(s->client, client_path(a, "v1", "pods", meta_namespace(pod), meta_name(pod), "binding"), binding,
                            bound, c);
}

/* ---- one cycle ---- */
static void count_reason(const char **reasons, size_t *counts, size_t *n, const char *reason)
{
    for (size_t i = 0; i < *n; i++)
        if (strcmp(reasons[i], reason) == 0) {
            counts[i]++;
            return;
        }
    if (*n < FIT_REASONS_MAX) {
        reasons[*n] = reason;
        counts[(*n)++] = 1;
    }
}

/* The best of the nodes that would have the pod; selectHost of generic_scheduler.go. */
static struct str select_node(struct scheduler *s, struct arena *a, const struct json *pod, const struct node_state *fit, size_t n,
                              size_t all)
{
    int64_t *scores = arena_alloc(a, n * sizeof *scores);
    size_t best = 0;
    uint64_t equals = 1;
    if (n == 1)
        return fit[0].name;
    scheduler_scores(s->minor, pod, fit, n, all, scores);
    for (size_t i = 1; i < n; i++) {
        if (scores[i] > scores[best]) {
            best = i;
            equals = 1;
        } else if (scores[i] == scores[best] && rng_below(&s->rng, ++equals) == 0) {
            best = i;
        }
    }
    return fit[best].name;
}

static bool choose(struct scheduler *s, struct arena *a, const struct json *pod, struct str *best, struct str *why_not)
{
    const char *reasons[FIT_REASONS_MAX], *own[FIT_REASONS_MAX];
    size_t counts[FIT_REASONS_MAX], n = 0, cursor = 0, nodes = 0, fits = 0;
    struct node_state *fit = arena_alloc(a, (informer_count(s->nodes) + 1) * sizeof *fit);
    for (struct object *o; informer_next(s->nodes, &cursor, &o); nodes++) {
        node_fill(s, a, &fit[fits], object_json(o));
        size_t refused = scheduler_filters_run(a, s->minor, pod, &fit[fits], own, FIT_REASONS_MAX);
        for (size_t i = 0; i < refused; i++)
            count_reason(reasons, counts, &n, own[i]);
        fits += refused == 0;
    }
    if (fits)
        *best = select_node(s, a, pod, fit, fits, nodes);
    else
        *why_not = scheduler_fit_error(a, s->minor, nodes, reasons, counts, n);
    return fits > 0;
}

static void schedule_one(void *ctx, struct str key)
{
    struct scheduler *s = ctx;
    struct object *o = informer_get(s->pods, key);
    const struct json *pod = o ? object_json(o) : NULL;
    struct arena *a = arena_new();
    struct str node = STR_NULL, why_not = STR_NULL;
    const char *unknown = scheduler_unknown_rule(pod);
    map_take(s->waiting, key);
    if (!pod || !wants_us(pod) || map_get(s->assumed, key)) {
        workqueue_done(s->queue, key);
    } else if (unknown) {
        report_failure(s, a, pod,
                       arena_strf(a, "0/%zu nodes are available: %s is not simulated.", informer_count(s->nodes), unknown));
        workqueue_done(s->queue, key);
    } else if (choose(s, a, pod, &node, &why_not)) {
        bind(s, a, key, pod, node);
    } else {
        report_failure(s, a, pod, why_not);
        map_put(s->waiting, key, s);
        workqueue_add_after(s->queue, key, RETRY_NS);
        workqueue_done(s->queue, key);
    }
    arena_free(a);
}

/* ---- what wakes it ---- */
static void wake_waiting(struct scheduler *s)
{
    size_t cursor = 0;
    struct str key;
    void *value;
    while (map_next(s->waiting, &cursor, &key, &value))
        workqueue_add_rate_limited(s->queue, key);
}

static void pod_seen(void *ctx, struct object *o)
{
    struct scheduler *s = ctx;
    const struct json *pod = object_json(o);
    struct arena *a = arena_new();
    struct str key = meta_key(a, pod);
    if (json_path_str(pod, "spec.nodeName").n) {
        free(map_take(s->assumed, key));
        if (finished(pod))
            wake_waiting(s);
    } else if (wants_us(pod) && !map_get(s->waiting, key)) {
        workqueue_add(s->queue, key);
    }
    arena_free(a);
}

static void pod_updated(void *ctx, struct object *old, struct object *o)
{
    (void)old;
    pod_seen(ctx, o);
}

static void pod_gone(void *ctx, struct object *o)
{
    struct scheduler *s = ctx;
    struct arena *a = arena_new();
    struct str key = meta_key(a, object_json(o));
    free(map_take(s->assumed, key));
    map_take(s->waiting, key);
    wake_waiting(s);
    arena_free(a);
}

/* Heartbeats change a node every few seconds; only what a filter looks at wakes the pods that wait. */
static void node_updated(void *ctx, struct object *old, struct object *o)
{
    struct scheduler *s = ctx;
    const struct json *was = object_json(old), *now = object_json(o);
    if (!json_equal(json_get(was, "spec"), json_get(now, "spec")) || !json_equal(meta_labels(was), meta_labels(now)) ||
        !json_equal(json_path(was, "status.allocatable"), json_path(now, "status.allocatable")))
        wake_waiting(s);
}

static void node_changed(void *ctx, struct object *o)
{
    (void)o;
    wake_waiting(ctx);
}

/* ---- life ---- */
static void run(void *ctx)
{
    struct scheduler *s = ctx;
    s->pods = informer_shared(s->client, "/api/v1/pods", "");
    s->nodes = informer_shared(s->client, "/api/v1/nodes", "");
    s->on_pod = (struct informer_handler){ .on_add = pod_seen, .on_update = pod_updated, .on_delete = pod_gone, .ctx = s };
    s->on_node = (struct informer_handler){
        .on_add = node_changed, .on_update = node_updated, .on_delete = node_changed, .ctx = s
    };
    informer_add_handler(s->nodes, &s->on_node);
    informer_add_handler(s->pods, &s->on_pod);
}

static void stop_leading(void *ctx)
{
    struct scheduler *s = ctx;
    if (s->lost)
        s->lost(s->lost_ctx);
}

struct scheduler *scheduler_start(struct client *client, int minor, bool leader_elect, void (*lost)(void *ctx), void *ctx,
                                  const char *instance)
{
    struct scheduler *s = NEW(struct scheduler);
    s->client = client;
    s->lost = lost;
    s->lost_ctx = ctx;
    s->loop = client_loop(client);
    s->minor = minor;
    s->waiting = map_new();
    s->assumed = map_new();
    list_init(&s->cycles);
    s->queue = workqueue_new(s->loop, "scheduler", 1, schedule_one, s);
    s->events = event_recorder_new(client, "default-scheduler", NULL);
    rng_init(&s->rng, s->loop, "scheduler ties");
    if (leader_elect)
        leader_identity("ubuntu", instance, s->identity);
    if (leader_elect)
        s->election = leader_election_new(client, "kube-scheduler", s->identity, minor >= 20, run, stop_leading, s);
    else
        run(s);
    return s;
}

void scheduler_free(struct scheduler *s)
{
    if (!s)
        return;
    leader_election_free(s->election);
    if (s->pods) {
        informer_remove_handler(s->pods, &s->on_pod);
        informer_remove_handler(s->nodes, &s->on_node);
    }
    list_for(it, &s->cycles) {
        struct cycle *c = container_of(it, struct cycle, node);
        client_cancel(c->call);
        cycle_free(c);
    }
    event_recorder_free(s->events);
    workqueue_free(s->queue);
    map_free(s->waiting, NULL);
    map_free(s->assumed, free);
    free(s);
}
