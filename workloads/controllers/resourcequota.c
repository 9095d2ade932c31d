/* workloads/controllers/resourcequota.c - how much of its quota a namespace uses (pkg/controller/resourcequota).
 *
 * Counts what quotas can limit: objects (pods, services, configmaps, secrets, ..., count/<resource>.<group>), and what pods
 * request. The API server's admission charges new objects; this sets the figures right, when a counted object goes and every five
 * minutes. Scopes other than none are left to admission.
 */
#include "workloads/controllers/controllers_priv.h"

#include <stdlib.h>

#define RESYNC_NS (300 * SECOND)

static const struct counted { const char *quota, *count, *api_version, *resource; } counted[] = {
    { "pods", "count/pods", "v1", "pods" },
    { "services", "count/services", "v1", "services" },
    { "configmaps", "count/configmaps", "v1", "configmaps" },
    { "secrets", "count/secrets", "v1", "secrets" },
    { "replicationcontrollers", "count/replicationcontrollers", "v1", "replicationcontrollers" },
    { "persistentvolumeclaims", "count/persistentvolumeclaims", "v1", "persistentvolumeclaims" },
    { "resourcequotas", "count/resourcequotas", "v1", "resourcequotas" },
    { NULL, "count/deployments.apps", "apps/v1", "deployments" },
    { NULL, "count/replicasets.apps", "apps/v1", "replicasets" },
    { NULL, "count/statefulsets.apps", "apps/v1", "statefulsets" },
    { NULL, "count/jobs.batch", "batch/v1", "jobs" },
};
enum { PODS = 0, SERVICES = 1, QUOTAS = 6 };           /* indices of counted */

struct quotas { struct ctl ctl; struct ctl_watch watches[ARRAY_LEN(counted)]; struct timer tick; };

static struct quotas *of(struct ctl *c) { return container_of(c, struct quotas, ctl); }

static void add_namespace(struct ctl *c, struct str ns)
{
    struct ctl_watch *quotas = &of(c)->watches[QUOTAS];
    size_t cursor = 0;
    for (const struct json *q; quotas->informer && ctl_next(quotas, &cursor, &q);)
        if (str_eq(meta_namespace(q), ns))
            ctl_add_obj(c, q);
}

static bool is_over(const struct json *pod)
{
    struct str phase = json_path_str(pod, "status.phase");
    return str_eqc(phase, "Succeeded") || str_eqc(phase, "Failed");
}

static void object_seen(struct ctl *c, const struct json *old, const struct json *now)
{
    if (!old || !now || is_over(old) != is_over(now))
        add_namespace(c, meta_namespace(now ? now : old));
}

static void quota_seen(struct ctl *c, const struct json *old, const struct json *now)
{
    if (now && (!old || !json_equal(json_get(old, "spec"), json_get(now, "spec"))))
        ctl_add_obj(c, now);
    object_seen(c, old, now);
}

static void on_tick(struct timer *t)
{
    struct quotas *q = container_of(t, struct quotas, tick);
    size_t cursor = 0;
    for (const struct json *obj; ctl_next(&q->watches[QUOTAS], &cursor, &obj);)
        ctl_add_obj(&q->ctl, obj);
    timer_start(t, RESYNC_NS);
}

/* ---- counting ---- */
static __int128 container_sum(const struct json *containers, const char *list, const char *resource)
{
    __int128 sum = 0;
    for (const struct json *c = json_first(containers); c; c = json_next(c)) {
        struct quantity q;
        struct str text = json_get_str(json_get(json_get(c, "resources"), list), resource);
        if (text.n && quantity_parse(text, &q, NULL))
            sum += q.nano;
    }
    return sum;
}

static __int128 container_most(const struct json *containers, const char *list, const char *resource)
{
    __int128 most = 0;
    for (const struct json *c = json_first(containers); c; c = json_next(c)) {
        struct quantity q;
        struct str text = json_get_str(json_get(json_get(c, "resources"), list), resource);
        if (text.n && quantity_parse(text, &q, NULL) && q.nano > most)
            most = q.nano;
    }
    return most;
}

/* "requests.cpu", "cpu", "limits.memory"...: the sum over live pods; the larger of all containers together and the largest init
 * container. */
static bool pod_resources(struct sync *s, struct str name, struct quantity *out)
{
    const char *list = str_starts(name, "limits.") ? "limits" : "requests";
    ptrdiff_t dot = str_chr(name, '.');
    const char *resource = arena_cstr(s->a,
                                      dot > 0 && (str_starts(name, "limits.") || str_starts(name, "requests."))
                                      ? str_sub(name, (size_t)dot + 1, name.n) : name);
    if (strcmp(resource, "cpu") && strcmp(resource, "memory") && strcmp(resource, "ephemeral-storage"))
        return false;
    size_t cursor = 0;
    *out = (struct quantity){ 0, strcmp(resource, "cpu") ? QUANTITY_BINARY_SI : QUANTITY_DECIMAL_SI };
    for (const struct json *pod; ctl_next(&of(s->c)->watches[PODS], &cursor, &pod);) {
        if (!str_eq(meta_namespace(pod), s->ns) || is_over(pod))
            continue;
        __int128 sum = container_sum(json_path(pod, "spec.containers"), list, resource),
            init = container_most(json_path(pod, "spec.initContainers"), list, resource);
        out->nano += sum > init ? sum : init;
    }
    return true;
}

static int64_t count_objects(struct sync *s, size_t i, bool live_only)
{
    int64_t n = 0;
    size_t cursor = 0;
    for (const struct json *obj; ctl_next(&of(s->c)->watches[i], &cursor, &obj);)
        n += str_eq(meta_namespace(obj), s->ns) && !(live_only && is_over(obj));
    return n;
}

static int64_t count_services(struct sync *s, const char *type)
{
    int64_t n = 0;
    size_t cursor = 0;
    for (const struct json *obj; ctl_next(&of(s->c)->watches[SERVICES], &cursor, &obj);)
        n += str_eq(meta_namespace(obj), s->ns) && str_eqc(json_path_str(obj, "spec.type"), type);
    return n;
}

static bool usage(struct sync *s, struct str name, struct str *text)
{
    struct quantity q;
    int64_t n = -1;
    for (size_t i = 0; i < ARRAY_LEN(counted); i++)
        if ((counted[i].quota && str_eqc(name, counted[i].quota)) || str_eqc(name, counted[i].count))
            n = count_objects(s, i, i == PODS && str_eqc(name, "pods"));
    if (str_eqc(name, "services.nodeports"))
        n = count_services(s, "NodePort") + count_services(s, "LoadBalancer");
    else if (str_eqc(name, "services.loadbalancers"))
        n = count_services(s, "LoadBalancer");
    if (n >= 0)
        q = quantity_from_int(n, QUANTITY_DECIMAL_SI);
    else if (!pod_resources(s, name, &q))
        return false;
    *text = quantity_text(s->a, q);
    return true;
}

static void sync_quota(struct sync *s)
{
    const struct json *quota = ctl_get(&of(s->c)->watches[QUOTAS], s->key), *hard = json_path(quota, "spec.hard");
    if (!quota || json_len(json_path(quota, "spec.scopes")) || json_path(quota, "spec.scopeSelector")) {
        sync_end(s);
        return;
    }
    struct json *used = json_new_object(s->a);
    for (const struct json *h = json_first(hard); h; h = json_next(h)) {
        struct str text;
        if (usage(s, json_key(h), &text))
            json_setn(s->a, used, json_key(h), json_new_str(s->a, text));
        else if (json_getn(json_path(quota, "status.used"), json_key(h)))
            json_setn(s->a, used, json_key(h), json_copy(s->a, json_getn(json_path(quota, "status.used"), json_key(h))));
    }
    struct json *st = json_buildf(s->a, "{'hard':%j,'used':%j}", hard ? json_copy(s->a, hard) : json_new_object(s->a), used);
    if (!json_equal(st, json_get(quota, "status"))) {
        struct json *copy = json_copy(s->a, quota);
        json_set(s->a, copy, "status", st);
        sync_update(s, sync_path(s, "v1", "resourcequotas", copy, "status"), copy, NULL, NULL);
    }
    sync_wait(s, sync_end);
}

static void *start(const struct controller_context *cc)
{
    struct quotas *q = NEW(struct quotas);
    ctl_init(&q->ctl, cc, "resourcequota", 5, sync_quota);
    timer_init(&q->tick, cc->loop, on_tick);
    for (size_t i = 0; i < ARRAY_LEN(counted); i++)
        ctl_watch(&q->ctl, &q->watches[i], counted[i].api_version, counted[i].resource, i == QUOTAS ? quota_seen : object_seen);
    timer_start(&q->tick, RESYNC_NS);
    return q;
}

static void stop(void *state)
{
    struct quotas *q = state;
    timer_stop(&q->tick);
    ctl_deinit(&q->ctl);
    free(q);
}

const struct controller_ops resourcequota_controller = { "resourcequota", "resourcequota-controller", start, stop };
