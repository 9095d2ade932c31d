/* workloads/controllers/small.c - two controllers that hardly fill a page each: the node's TTL annotation, and pods that nobody
 * will ever collect.
 *
 * Upstream: pkg/controller/ttl (how long a kubelet may cache secrets: 0 s up to 100 nodes) and pkg/controller/podgc (every 20 s:
 * pods on nodes that are gone, for 40 s at least, and pods that are terminating without ever having been bound).
 */
#include "workloads/controllers/controllers_priv.h"

#include <stdlib.h>

/* ---- ttl ---- */
#define TTL_ANNOTATION "node.alpha.kubernetes.io/ttl"
struct ttl { struct ctl ctl; struct ctl_watch nodes; };

static void node_seen(struct ctl *c, const struct json *old, const struct json *now)
{
    (void)old;
    if (now)
        ctl_add_obj(c, now);
}

static const char *ttl_of(size_t nodes)
{
    static const struct { size_t up_to; const char *ttl; } bounds[] = { { 100, "0" }, { 500, "15" }, { 1000, "30" },
                                                                        { 2000, "60" }, { SIZE_MAX, "300" } };
    size_t i = 0;
    while (nodes > bounds[i].up_to)
        i++;
    return bounds[i].ttl;
}

static void sync_ttl(struct sync *s)
{
    struct ttl *t = container_of(s->c, struct ttl, ctl);
    const struct json *node = ctl_get(&t->nodes, s->key);
    const char *ttl = ttl_of(informer_count(t->nodes.informer));
    if (node && !str_eqc(meta_annotation(node, TTL_ANNOTATION), ttl))
        sync_patch(s, sync_path(s, "v1", "nodes", node, NULL), PATCH_STRATEGIC,
                   json_buildf(s->a, "{'metadata':{'annotations':{'" TTL_ANNOTATION "':%s}}}", ttl), NULL, NULL);
    sync_wait(s, sync_end);
}

static void *start_ttl(const struct controller_context *cc)
{
    struct ttl *t = NEW(struct ttl);
    ctl_init(&t->ctl, cc, "ttl", 5, sync_ttl);
    ctl_watch(&t->ctl, &t->nodes, "v1", "nodes", node_seen);
    return t;
}

static void stop_ttl(void *state)
{
    struct ttl *t = state;
    ctl_deinit(&t->ctl);
    free(t);
}

const struct controller_ops ttl_controller = { "ttl", "ttl-controller", start_ttl, stop_ttl };

/* ---- pod garbage ---- */
#define POD_GC_PERIOD     (20 * SECOND)
#define POD_GC_QUARANTINE (40 * SECOND)
struct pod_gc { struct ctl ctl; struct ctl_watch pods, nodes; struct timer tick; struct map *missing;
                /* node name -> boxed time at which it was first missed */ };

static void on_tick(struct timer *t) { ctl_add(&container_of(t, struct pod_gc, tick)->ctl, STR("all")); }

static bool long_missing(struct pod_gc *g, struct str node, int64_t now)
{
    if (ctl_get(&g->nodes, node)) {
        free(map_take(g->missing, node));
        return false;
    }
    int64_t *since = map_get(g->missing, node);
    if (!since) {
        since = xmalloc(sizeof *since);
        *since = now;
        map_put(g->missing, node, since);
    }
    return now - *since >= POD_GC_QUARANTINE;
}

static void sync_pod_gc(struct sync *s)
{
    struct pod_gc *g = container_of(s->c, struct pod_gc, ctl);
    int64_t now = vtime_now(s->c->loop);
    size_t cursor = 0;
    for (const struct json *pod; ctl_next(&g->pods, &cursor, &pod);) {
        struct str node = json_path_str(pod, "spec.nodeName");
        if (node.n ? long_missing(g, node, now) : meta_deleting(pod))
            sync_delete(s, sync_path(s, "v1", "pods", pod, NULL),
                        json_buildf(s->a, "{'kind':'DeleteOptions','apiVersion':'v1','gracePeriodSeconds':0}"), NULL, NULL);
    }
    timer_start(&g->tick, POD_GC_PERIOD);
    sync_wait(s, sync_end);
}

static void *start_pod_gc(const struct controller_context *cc)
{
    struct pod_gc *g = NEW(struct pod_gc);
    g->missing = map_new();
    ctl_init(&g->ctl, cc, "podgc", 1, sync_pod_gc);
    timer_init(&g->tick, cc->loop, on_tick);
    ctl_watch(&g->ctl, &g->pods, "v1", "pods", NULL);
    ctl_watch(&g->ctl, &g->nodes, "v1", "nodes", NULL);
    timer_start(&g->tick, POD_GC_PERIOD);
    return g;
}

static void stop_pod_gc(void *state)
{
    struct pod_gc *g = state;
    timer_stop(&g->tick);
    ctl_deinit(&g->ctl);
    map_free(g->missing, free);
    free(g);
}

const struct controller_ops pod_gc_controller = { "podgc", "pod-garbage-collector", start_pod_gc, stop_pod_gc };
