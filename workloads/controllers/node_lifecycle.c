/* workloads/controllers/node_lifecycle.c - whether nodes are alive, and what that means for their pods
 * (pkg/controller/nodelifecycle).
 *
 * Every five seconds each node is looked at: when neither its lease nor its heartbeats have moved for 40 s, its conditions become
 * Unknown. What the conditions say is repeated as taints: NoSchedule at once, NoExecute for a node that is not ready or
 * unreachable, and gone when it is well again. The pods of a node that stops being ready are marked not ready. Evictions are
 * taint_manager.c's. Simplified: no eviction rate limits, no zones.
 */
#include "workloads/controllers/controllers_priv.h"
#include "workloads/controllers/taint_manager.h"

#include <stdlib.h>

#define PERIOD_NS  (5 * SECOND)
#define GRACE_NS   (40 * SECOND)       /* --node-monitor-grace-period */
#define STARTUP_NS (60 * SECOND)       /* --node-startup-grace-period */
#define NOT_READY   "node.kubernetes.io/not-ready"
#define UNREACHABLE "node.kubernetes.io/unreachable"

struct health {                        /* what was last seen of a node, and when it last changed */
    int64_t probe_ns;
    char   *heartbeat, *renewed;
    bool    registered;
};
struct lifecycle {
    struct ctl        ctl;
    struct ctl_watch  nodes, leases, pods;
    struct map       *health;          /* name -> struct health */
    struct timer      tick;
    int64_t           grace_ns;
    struct taint_manager *taints;
};

static struct lifecycle *of(struct ctl *c) { return container_of(c, struct lifecycle, ctl); }

static void health_free(void *p)
{
    struct health *h = p;
    free(h->heartbeat);
    free(h->renewed);
    free(h);
}

static struct json *node_reference(struct arena *a, struct str name)
{
    return json_buildf(a, "{'kind':'Node','apiVersion':'v1','metadata':{'name':%S,'uid':%S}}", name, name);
}

/* ---- what wakes it ---- */
static void node_seen(struct ctl *c, const struct json *old, const struct json *now)
{
    struct lifecycle *l = of(c);
    if (!now) {
        struct health *h = map_take(l->health, meta_name(old));
        struct arena *a = arena_new();
        if (h) {
            event_record(c->events, node_reference(a, meta_name(old)), NULL, "Normal", "RemovingNode",
                         "Node " STR_FMT " event: Removing Node " STR_FMT " from Controller",
                         STR_ARG(meta_name(old)), STR_ARG(meta_name(old)));
            health_free(h);
        }
        arena_free(a);
    } else if (!old || !json_equal(json_get(old, "spec"), json_get(now, "spec")) ||
               !str_eq(json_get_str(condition_find(json_path(old, "status.conditions"), "Ready"), "status"),
                       json_get_str(condition_find(json_path(now, "status.conditions"), "Ready"), "status"))) {
        ctl_add_obj(c, now);
    }
    if (l->taints)
        taint_manager_node(l->taints, old, now);
}

static void pod_seen(struct ctl *c, const struct json *old, const struct json *now)
{
    if (of(c)->taints)
        taint_manager_pod(of(c)->taints, old, now);
}

static void on_tick(struct timer *t)
{
    struct lifecycle *l = container_of(t, struct lifecycle, tick);
    size_t cursor = 0;
    for (const struct json *node; ctl_next(&l->nodes, &cursor, &node);)
        ctl_add_obj(&l->ctl, node);
    timer_start(t, PERIOD_NS);
}

static void ready(struct ctl *c)
{
    struct lifecycle *l = of(c);
    size_t cursor = 0;
    for (const struct json *node; ctl_next(&l->nodes, &cursor, &node);)
        taint_manager_node(l->taints, NULL, node);
    on_tick(&l->tick);
}

/* ---- health ---- */
static bool moved(char **seen, struct str now)
{
    if (*seen && str_eqc(now, *seen))
        return false;
    free(*seen);
    *seen = xcalloc(1, now.n + 1);
    if (now.n)
        memcpy(*seen, now.p, now.n);
    return true;
}

static bool is_silent(struct sync *s, const struct json *node, struct health *h)
{
    struct lifecycle *l = of(s->c);
    const struct json *r = condition_find(json_path(node, "status.conditions"), "Ready");
    const struct json *lease = ctl_lookup(&l->leases, STR("kube-node-lease"), s->name);
    int64_t now = vtime_now(s->c->loop);
    bool beat = moved(&h->heartbeat, json_get_str(r, "lastHeartbeatTime"));
    beat = moved(&h->renewed, json_path_str(lease, "spec.renewTime")) || beat;
    if (beat || !h->probe_ns)
        h->probe_ns = now;
    return now > h->probe_ns + (r ? l->grace_ns : STARTUP_NS);
}

/* All four conditions: nobody knows any more. */
static bool make_unknown(struct sync *s, struct json *node)
{
    static const char *const types[] = { "Ready", "MemoryPressure", "DiskPressure", "PIDPressure" };
    struct json *conditions = json_ensure_array(s->a, json_ensure(s->a, node, "status"), "conditions");
    struct str now = time_rfc3339(s->a, vtime_now(s->c->loop));
    bool changed = false;
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        struct json *c = condition_find(conditions, types[i]);
        if (!c) {
            json_append(conditions, json_buildf(s->a,
                                                "{'type':%s,'status':'Unknown','lastHeartbeatTime':%S,'lastTransitionTime':%S,"
                                                "'reason':'NodeStatusNeverUpdated','message':'Kubelet never posted node status.'}",
                                                types[i], json_path_str(node, "metadata.creationTimestamp"), now));
            changed = true;
        } else if (!str_eqc(json_get_str(c, "status"), "Unknown")) {
            json_set_strc(s->a, c, "status", "Unknown");
            json_set_str(s->a, c, "lastTransitionTime", now);
            json_set_strc(s->a, c, "reason", "NodeStatusUnknown");
            json_set_strc(s->a, c, "message", "Kubelet stopped posting node status.");
            changed = true;
        }
    }
    return changed;
}

/* The pods of a node that is not ready serve nobody: endpoints must know. */
static void mark_pods_not_ready(struct sync *s)
{
    struct lifecycle *l = of(s->c);
    size_t cursor = 0;
    for (const struct json *pod; ctl_next(&l->pods, &cursor, &pod);) {
        if (!str_eq(json_path_str(pod, "spec.nodeName"), s->name) || !pod_is_ready(pod))
            continue;
        struct json *copy = json_copy(s->a, pod), *c = condition_find(json_path(copy, "status.conditions"), "Ready");
        json_set_strc(s->a, c, "status", "False");
        json_set_str(s->a, c, "lastTransitionTime", time_rfc3339(s->a, vtime_now(s->c->loop)));
        sync_update(s, sync_path(s, "v1", "pods", pod, "status"), copy, NULL, NULL);
        event_record(s->c->events, pod, NULL, "Warning", "NodeNotReady", "Node is not ready");
    }
}

/* ---- taints ---- */
static void want_taint(struct sync *s, struct json *list, const char *key, const char *effect, const struct json *have)
{
    for (const struct json *t = json_first(have); t; t = json_next(t))
        if (str_eqc(json_get_str(t, "key"), key) && str_eqc(json_get_str(t, "effect"), effect)) {
            json_append(list, json_copy(s->a, t));         /* with the time at which it came */
            return;
        }
    struct json *taint = json_buildf(s->a, "{'key':%s,'effect':%s}", key, effect);
    json_set_str(s->a, taint, "timeAdded", time_rfc3339(s->a, vtime_now(s->c->loop)));
    json_append(list, taint);
}

static bool is_ours(struct str key)
{
    static const char *const keys[] = { NOT_READY, UNREACHABLE, "node.kubernetes.io/memory-pressure",
                                        "node.kubernetes.io/disk-pressure",
                                        "node.kubernetes.io/pid-pressure", "node.kubernetes.io/network-unavailable",
                                        "node.kubernetes.io/unschedulable" };
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (str_eqc(key, keys[i]))
            return true;
    return false;
}

static struct json *wanted_taints(struct sync *s, const struct json *node)
{
    static const char *const pressures[][2] = { { "MemoryPressure", "node.kubernetes.io/memory-pressure" },
                                                { "DiskPressure", "node.kubernetes.io/disk-pressure" },
                                                { "PIDPressure", "node.kubernetes.io/pid-pressure" },
                                                { "NetworkUnavailable", "node.kubernetes.io/network-unavailable" } };
    const struct json *have = json_path(node, "spec.taints"), *r = condition_find(json_path(node, "status.conditions"), "Ready");
    struct json *list = json_new_array(s->a);
    for (const struct json *t = json_first(have); t; t = json_next(t))
        if (!is_ours(json_get_str(t, "key")) ||
            (str_eqc(json_get_str(t, "effect"), "NoExecute") && !str_eqc(json_get_str(t, "key"), NOT_READY) &&
             !str_eqc(json_get_str(t, "key"), UNREACHABLE)))
            json_append(list, json_copy(s->a, t));
    const char *trouble = str_eqc(json_get_str(r, "status"), "False") ? NOT_READY : str_eqc(json_get_str(r, "status"), "Unknown")
                          ? UNREACHABLE : NULL;
    if (trouble)
        want_taint(s, list, trouble, "NoSchedule", have);
    for (size_t i = 0; i < ARRAY_LEN(pressures); i++)
        if (condition_is_true(node, pressures[i][0]))
            want_taint(s, list, pressures[i][1], "NoSchedule", have);
    if (json_bool(json_path(node, "spec.unschedulable"), false))
        want_taint(s, list, "node.kubernetes.io/unschedulable", "NoSchedule", have);
    if (trouble)
        want_taint(s, list, trouble, "NoExecute", have);
    if (!r)                            /* not heard of yet: the taint that admission gave stays */
        for (const struct json *t = json_first(have); t; t = json_next(t))
            if (str_eqc(json_get_str(t, "key"), NOT_READY))
                json_append(list, json_copy(s->a, t));
    return list;
}

static bool same_taints(const struct json *a, const struct json *b)
{
    if (json_len(a) != json_len(b))
        return false;
    for (const struct json *x = json_first(a); x; x = json_next(x)) {
        bool found = false;
        for (const struct json *y = json_first(b); y && !found; y = json_next(y))
            found = json_equal(x, y);
        if (!found)
            return false;
    }
    return true;
}

static void write_taints(struct sync *s, const struct json *node)
{
    struct json *want = wanted_taints(s, node);
    if (same_taints(want, json_path(node, "spec.taints")))
        return;
    struct json *patch = json_buildf(s->a, "{'metadata':{'resourceVersion':%S},'spec':{'taints':%j}}",
                                     json_path_str(node, "metadata.resourceVersion"), json_len(want) ? want : NULL);
    sync_patch(s, sync_path(s, "v1", "nodes", node, NULL), PATCH_MERGE, patch, NULL, NULL);
}

/* ---- one sync ---- */
static void health_written(struct op *op, const struct client_result *r, const struct err *err)
{
    struct sync *s = op->s;
    if (err->code != ERR_NONE) {
        sync_fail(s, err);
        return;
    }
    write_taints(s, r->obj);
}

static void sync_node(struct sync *s)
{
    struct lifecycle *l = of(s->c);
    const struct json *seen = ctl_get(&l->nodes, s->key);
    if (!seen) {
        sync_end(s);
        return;
    }
    struct health *h = map_get(l->health, s->name);
    if (!h) {
        h = NEW(struct health);
        map_put(l->health, s->name, h);
    }
    if (!h->registered) {
        h->registered = true;
        event_record(s->c->events, node_reference(s->a, s->name), NULL, "Normal", "RegisteredNode",
                     "Node " STR_FMT " event: Registered Node " STR_FMT " in Controller",
                     STR_ARG(s->name), STR_ARG(s->name));
    }
    bool was_ready = node_is_ready(seen);
    struct json *node = is_silent(s, seen, h) ? json_copy(s->a, seen) : NULL;
    if (node && make_unknown(s, node)) {
        if (was_ready) {
            event_record(s->c->events, node_reference(s->a, s->name), NULL, "Normal", "NodeNotReady",
                         "Node " STR_FMT " status is now: NodeNotReady", STR_ARG(s->name));
            mark_pods_not_ready(s);
        }
        sync_update(s, sync_path(s, "v1", "nodes", node, "status"), node, health_written, NULL);
    } else {
        write_taints(s, seen);
    }
    sync_wait(s, sync_end);
}

/* ---- life ---- */
static void *start(const struct controller_context *cc)
{
    struct lifecycle *l = NEW(struct lifecycle);
    l->health = map_new();
    if (!duration_parse_go(json_get_str(cc->flags, "node-monitor-grace-period"), &l->grace_ns))
        l->grace_ns = GRACE_NS;
    ctl_init(&l->ctl, cc, "nodelifecycle", 8, sync_node);
    ctl_events(&l->ctl, "node-controller");
    timer_init(&l->tick, cc->loop, on_tick);
    l->ctl.on_ready = ready;
    l->taints = taint_manager_new(cc, &l->nodes, &l->pods);
    ctl_watch(&l->ctl, &l->nodes, "v1", "nodes", node_seen);
    ctl_watch(&l->ctl, &l->leases, "coordination.k8s.io/v1", "leases", NULL);
    ctl_watch(&l->ctl, &l->pods, "v1", "pods", pod_seen);
    return l;
}

static void stop(void *state)
{
    struct lifecycle *l = state;
    timer_stop(&l->tick);
    taint_manager_free(l->taints);
    ctl_deinit(&l->ctl);
    map_free(l->health, health_free);
    free(l);
}

const struct controller_ops node_lifecycle_controller = { "nodelifecycle", "node-controller", start, stop };
