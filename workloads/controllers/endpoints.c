/* workloads/controllers/endpoints.c - who stands behind a Service (pkg/controller/endpoint/endpoints_controller.go).
 *
 * The subsets are computed from the Service's ports and the pods that its selector matches, ready and not ready, and written when
 * they differ. Services without selector are left alone: their Endpoints are somebody else's (the API server's own, a user's, a
 * leader's lock).
 */
#include "workloads/controllers/controllers_priv.h"
#include "workloads/controllers/endpoints.h"

#include <stdlib.h>

#define TRIGGER_TIME "endpoints.kubernetes.io/last-change-trigger-time"
#define HEADLESS     "service.kubernetes.io/headless"

struct endpoints { struct ctl ctl; struct ctl_watch services, pods, endpoints; struct map *triggers; /* key -> struct trigger */ };
struct trigger { struct map *pods; int64_t service_ns; };         /* pod name -> boxed int64: when each last became ready or not */

static struct endpoints *of(struct ctl *c) { return container_of(c, struct endpoints, ctl); }

/* ---- what wakes it ---- */
static void services_of_pod(struct ctl *c, struct ctl_watch *services, const struct json *pod)
{
    size_t cursor = 0;
    for (const struct json *svc; ctl_next(services, &cursor, &svc);) {
        const struct json *selector = json_path(svc, "spec.selector");
        if (!str_eq(meta_namespace(svc), meta_namespace(pod)) || json_len(selector) == 0)
            continue;
        struct arena *a = arena_new();
        if (selector_matches(selector_from_map(a, selector), meta_labels(pod)))
            ctl_add_obj(c, svc);
        arena_free(a);
    }
}

static bool pod_endpoint_changed(const struct json *old, const struct json *now)
{
    static const char *const fields[] = { "status.podIP", "status.phase", "spec.nodeName", "spec.hostname", "spec.subdomain",
                                          "spec.readinessGates" };
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (!json_equal(json_path(old, fields[i]), json_path(now, fields[i])))
            return true;
    return pod_is_ready(old) != pod_is_ready(now) || meta_deleting(old) != meta_deleting(now);
}

void services_pod_seen(struct ctl *c, struct ctl_watch *services, const struct json *old, const struct json *now)
{
    bool relabelled = old && now && !json_equal(meta_labels(old), meta_labels(now));
    if (old && now && !relabelled && !pod_endpoint_changed(old, now))
        return;
    if (relabelled)
        services_of_pod(c, services, old);
    services_of_pod(c, services, now ? now : old);
}

static void pod_seen(struct ctl *c, const struct json *old, const struct json *now)
{
    services_pod_seen(c, &of(c)->services, old, now);
}

/* Deleted ones come back; others' are not looked at. */
static void endpoints_seen(struct ctl *c, const struct json *old, const struct json *now)
{
    if (!now && ctl_lookup(&of(c)->services, meta_namespace(old), meta_name(old)))
        ctl_add_obj(c, old);
}

/* ---- when the change happened that is written now ---- */
static void trigger_free(void *p)
{
    struct trigger *t = p;
    map_free(t->pods, free);
    free(t);
}

static int64_t pod_trigger(const struct json *pod)
{
    int64_t at = 0;
    time_parse_rfc3339(json_get_str(condition_find(json_path(pod, "status.conditions"), "Ready"), "lastTransitionTime"), &at);
    return at;
}

/* The earliest change since the last sync; the Service's creation when it is new; 0 when nothing is known to have changed. */
static int64_t last_change(struct endpoints *e, struct str key, const struct json *svc, const struct json *const *pods, size_t n)
{
    struct trigger *t = map_get(e->triggers, key);
    bool known = t;
    int64_t first = 0, service_ns = obj_created_ns(svc);
    if (!t) {
        t = NEW(struct trigger);
        t->pods = map_new();
        map_put(e->triggers, key, t);
    }
    struct map *seen = map_new();
    for (size_t i = 0; i < n; i++) {
        int64_t at = pod_trigger(pods[i]), *before = map_get(t->pods, meta_name(pods[i])), *box;
        if (!at)
            continue;
        box = xmalloc(sizeof *box);
        *box = at;
        free(map_put(seen, meta_name(pods[i]), box));
        if ((!before || at > *before) && (!first || at < first))
            first = at;
    }
    if (service_ns > t->service_ns && (!first || service_ns < first))
        first = service_ns;
    map_free(t->pods, free);
    t->pods = seen;
    t->service_ns = service_ns;
    return known ? first : service_ns;
}

/* ---- one sync ---- */
static void written(struct op *op, const struct client_result *r, const struct err *err)
{
    struct sync *s = op->s;
    const char *verb = op->arg;
    (void)r;
    if (err->code == ERR_NONE || is_namespace_terminating(err))
        return;
    sync_fail(s, err);
    const struct json *svc = ctl_get(&of(s->c)->services, s->key);
    if (svc && err->code != ERR_CONFLICT)
        event_record(s->c->events, svc, NULL, "Warning", strcmp(verb, "create") ? "FailedToUpdateEndpoint" : "FailedToCreateEndpoint",
                     "Failed to %s endpoint for service " STR_FMT ": %s", verb, STR_ARG(s->key), err->msg);
}

static struct json *wanted_labels(struct sync *s, const struct json *svc)
{
    struct json *labels = meta_labels(svc) ? json_copy(s->a, meta_labels(svc)) : json_new_object(s->a);
    struct str ip = json_path_str(svc, "spec.clusterIP");
    json_remove(labels, HEADLESS);
    if (ip.n == 0 || str_eqc(ip, "None"))
        json_set_strc(s->a, labels, HEADLESS, "");
    return labels;
}

static void write_endpoints(struct sync *s, const struct json *svc, struct json *subsets, int64_t changed_ns)
{
    const struct json *old = ctl_get(&of(s->c)->endpoints, s->key);
    struct json *labels = wanted_labels(s, svc), *none = json_new_object(s->a), *empty = json_new_array(s->a);
    if (old && json_equal(json_get(old, "subsets") ? json_get(old, "subsets") : empty, subsets) &&
        json_equal(meta_labels(old) ? meta_labels(old) : none, labels))
        return;
    struct json *e = old ? json_copy(s->a, old)
                     : json_buildf(s->a, "{'kind':'Endpoints','apiVersion':'v1','metadata':{'name':%S,'namespace':%S}}", s->name,
                                   s->ns);
    struct json *meta = json_get(e, "metadata"), *notes = json_ensure(s->a, meta, "annotations");
    json_set(s->a, meta, "labels", labels);
    json_remove(notes, TRIGGER_TIME);
    if (changed_ns)
        json_set_str(s->a, notes, TRIGGER_TIME, time_rfc3339(s->a, changed_ns));
    if (json_len(notes) == 0)
        json_remove(meta, "annotations");
    if (json_len(labels) == 0)
        json_remove(meta, "labels");
    json_set(s->a, e, "subsets", subsets);
    if (old)
        sync_update(s, sync_path(s, "v1", "endpoints", e, NULL), e, written, (void *)(uintptr_t) "update");
    else
        sync_create(s, client_path(s->a, "v1", "endpoints", s->ns, STR_NULL, NULL), e, written, (void *)(uintptr_t) "create");
}

static void sync_endpoints(struct sync *s)
{
    struct endpoints *e = of(s->c);
    const struct json *svc = ctl_get(&e->services, s->key), *selector = json_path(svc, "spec.selector");
    if (!svc) {
        struct trigger *t = map_take(e->triggers, s->key);
        if (t)
            trigger_free(t);
        if (ctl_get(&e->endpoints, s->key))
            sync_delete(s, client_path(s->a, "v1", "endpoints", s->ns, s->name, NULL), NULL, NULL, NULL);
    } else if (json_len(selector)) {
        const struct json **pods = arena_alloc(s->a, (informer_count(e->pods.informer) + 1) * sizeof *pods);
        size_t n = pods_of_service(s->a, &e->pods, svc, pods);
        struct json *subsets = endpoints_subsets(s->a, s->c->minor, svc, pods, n);
        write_endpoints(s, svc, subsets, last_change(e, s->key, svc, pods, n));
    }
    sync_wait(s, sync_end);
}

/* ---- life ---- */
/* What a deleted Service left behind while nobody looked. */
static void ready(struct ctl *c)
{
    size_t cursor = 0;
    for (const struct json *e; ctl_next(&of(c)->endpoints, &cursor, &e);)
        if (!meta_annotation(e, "control-plane.alpha.kubernetes.io/leader").n)
            ctl_add_obj(c, e);
}

static void *start(const struct controller_context *cc)
{
    struct endpoints *e = NEW(struct endpoints);
    e->triggers = map_new();
    ctl_init(&e->ctl, cc, "endpoint", 5, sync_endpoints);
    ctl_events(&e->ctl, "endpoint-controller");
    e->ctl.on_ready = ready;
    ctl_watch(&e->ctl, &e->services, "v1", "services", ctl_seen_enqueue);
    ctl_watch(&e->ctl, &e->pods, "v1", "pods", pod_seen);
    ctl_watch(&e->ctl, &e->endpoints, "v1", "endpoints", endpoints_seen);
    return e;
}

static void stop(void *state)
{
    struct endpoints *e = state;
    ctl_deinit(&e->ctl);
    map_free(e->triggers, trigger_free);
    free(e);
}

const struct controller_ops endpoints_controller = { "endpoint", "endpoint-controller", start, stop };
