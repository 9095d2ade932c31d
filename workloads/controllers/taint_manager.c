/* workloads/controllers/taint_manager.c - NoExecute taints (pkg/controller/nodelifecycle/scheduler/taint_manager.go).
 *
 * A pod that tolerates all NoExecute taints of its node for ever stays; one that tolerates them for a time goes when the shortest
 * time is over, counted from when this manager first saw the taint; one that does not goes at once. Keys are pods; the time of an
 * eviction is kept per pod, and cancelled when the taints go.
 */
#include "workloads/controllers/taint_manager.h"

#include <stdlib.h>

struct taint_manager {
    struct ctl        ctl;
    struct ctl_watch *nodes, *pods;
    struct map       *due;             /* pod key -> boxed time of its eviction */
};

static struct taint_manager *of(struct ctl *c) { return container_of(c, struct taint_manager, ctl); }

void taint_manager_pod(struct taint_manager *t, const struct json *old, const struct json *now)
{
    if (!now || !old || !json_equal(json_get(old, "spec"), json_get(now, "spec")))
        ctl_add_obj(&t->ctl, now ? now : old);
}

static bool has_no_execute(const struct json *node)
{
    for (const struct json *taint = json_first(json_path(node, "spec.taints")); taint; taint = json_next(taint))
        if (str_eqc(json_get_str(taint, "effect"), "NoExecute"))
            return true;
    return false;
}

void taint_manager_node(struct taint_manager *t, const struct json *old, const struct json *now)
{
    if (!now || (old && json_equal(json_path(old, "spec.taints"), json_path(now, "spec.taints"))) ||
        (!has_no_execute(now) && !(old && has_no_execute(old))))
        return;
    size_t cursor = 0;
    for (const struct json *pod; t->pods->informer && ctl_next(t->pods, &cursor, &pod);)
        if (str_eq(json_path_str(pod, "spec.nodeName"), meta_name(now)))
            ctl_add_obj(&t->ctl, pod);
}

/* Seconds for which all taints are tolerated: 0 not at all, -1 for ever. */
static int64_t tolerated_s(const struct json *node, const struct json *pod)
{
    int64_t shortest = -1;
    for (const struct json *taint = json_first(json_path(node, "spec.taints")); taint; taint = json_next(taint)) {
        bool tolerated = false;
        if (!str_eqc(json_get_str(taint, "effect"), "NoExecute"))
            continue;
        for (const struct json *tol = json_first(json_path(pod, "spec.tolerations")); tol; tol = json_next(tol)) {
            if (!toleration_matches(tol, taint))
                continue;
            tolerated = true;
            int64_t s = json_get_int(tol, "tolerationSeconds", -1);
            if (json_get(tol, "tolerationSeconds") && (shortest < 0 || s < shortest))
                shortest = s < 0 ? 0 : s;
        }
        if (!tolerated)
            return 0;
    }
    return shortest;
}

static void cancel(struct sync *s, const struct json *pod)
{
    int64_t *due = map_take(of(s->c)->due, s->key);
    if (due && pod)
        event_record(s->c->events, pod, NULL, "Normal", "TaintManagerEviction", "Cancelling deletion of Pod " STR_FMT,
                     STR_ARG(s->key));
    free(due);
}

static void evict(struct sync *s, const struct json *pod)
{
    event_record(s->c->events, pod, NULL, "Normal", "TaintManagerEviction", "Marking for deletion Pod " STR_FMT, STR_ARG(s->key));
    free(map_take(of(s->c)->due, s->key));
    sync_delete(s, sync_path(s, "v1", "pods", pod, NULL), NULL, NULL, NULL);
}

static void sync_pod(struct sync *s)
{
    struct taint_manager *t = of(s->c);
    const struct json *pod = ctl_get(t->pods, s->key), *node = pod ? ctl_get(t->nodes, json_path_str(pod, "spec.nodeName")) : NULL;
    int64_t stays = !node || meta_deleting(pod) ? -1 : tolerated_s(node, pod), now = vtime_now(s->c->loop);
    if (stays < 0) {
        cancel(s, pod && !meta_deleting(pod) ? pod : NULL);
    } else {
        int64_t *due = map_get(t->due, s->key);
        if (!due) {
            due = xmalloc(sizeof *due);
            *due = now + stays * SECOND;
            map_put(t->due, s->key, due);
        }
        if (now >= *due)
            evict(s, pod);
        else
            ctl_add_after(s->c, s->key, *due - now);
    }
    sync_wait(s, sync_end);
}

struct taint_manager *taint_manager_new(const struct controller_context *cc, struct ctl_watch *nodes, struct ctl_watch *pods)
{
    struct taint_manager *t = NEW(struct taint_manager);
    t->nodes = nodes;
    t->pods = pods;
    t->due = map_new();
    ctl_init(&t->ctl, cc, "noexec_taint", 8, sync_pod);
    ctl_events(&t->ctl, "taint-controller");
    return t;
}

void taint_manager_free(struct taint_manager *t)
{
    if (!t)
        return;
    ctl_deinit(&t->ctl);
    map_free(t->due, free);
    free(t);
}
