/* sim/client/lease.c - leader election (client-go tools/leaderelection): who of several managers acts. Lease 15 s,
 * renewed every 2 s, given up when that has failed for 10 s.
 *
 * The lock is an annotation on an Endpoints object (v1.16, resource lock "endpoints") or a Lease (v1.20). A candidate
 * reads the record; it may take it when it is its own, or when the record it saw has not changed for the lease's
 * duration.
 */
#include "sim/client/client_priv.h"

#include <stdio.h>
#include <stdlib.h>

enum { LEASE_S = 15, RETRY_S = 2, DEADLINE_S = 10 };
#define LEADER_ANNOTATION "control-plane.alpha.kubernetes.io/leader"

struct leader_election {
    struct client      *client;
    char               *name, *identity, *path, *collection;
    bool                use_lease, leading;
    struct client_call *call;
    struct timer        retry, deadline;
    char               *seen;          /* the record as last read, and since when it has looked like that */
    int64_t             seen_ns;
    void              (*on_started)(void *ctx), (*on_stopped)(void *ctx);
    void               *ctx;
};

/* ---- the record, in either form ---- */
static struct json *record_of(struct arena *a, const struct leader_election *e, const struct json *obj)
{
    if (e->use_lease)
        return json_copy(a, json_get(obj, "spec"));
    return json_parse(a, meta_annotation(obj, LEADER_ANNOTATION), NULL);
}

static struct json *record_new(struct arena *a, const struct leader_election *e, const struct json *old)
{
    int64_t now = vtime_now(client_loop(e->client));
    struct str at = e->use_lease ? time_rfc3339_micro(a, now) : time_rfc3339(a, now);
    bool mine = str_eqc(json_get_str(old, "holderIdentity"), e->identity);
    struct str acquired = mine && json_get_str(old, "acquireTime").n ? json_get_str(old, "acquireTime") : at;
    int64_t transitions = json_get_int(old, e->use_lease ? "leaseTransitions" : "leaderTransitions", 0) +
                          (old && !mine && json_get_str(old, "holderIdentity").n ? 1 : 0);
    if (e->use_lease)
        return json_buildf(
            a, "{'holderIdentity':%s,'leaseDurationSeconds':%d,'acquireTime':%S,'renewTime':%S,'leaseTransitions':%d}",
            e->identity, (int64_t)LEASE_S, acquired, at, transitions);
    return json_buildf(
        a, "{'holderIdentity':%s,'leaseDurationSeconds':%d,'acquireTime':%S,'renewTime':%S,'leaderTransitions':%d}",
        e->identity, (int64_t)LEASE_S, acquired, at, transitions);
}

/* old, which is changed for it, or a new one; with the record in it. */
static struct json *lock_object(struct arena *a, const struct leader_election *e, struct json *old, struct json *record)
{
    struct json *obj = old ? old
                           : json_buildf(a, "{'kind':%s,'apiVersion':%s,'metadata':{'name':%s,'namespace':'kube-system'}}",
                                         e->use_lease ? "Lease" : "Endpoints",
                                         e->use_lease ? "coordination.k8s.io/v1" : "v1", e->name);
    if (e->use_lease)
        json_set(a, obj, "spec", record);
    else
        json_set_str(a, json_ensure(a, json_ensure(a, obj, "metadata"), "annotations"), LEADER_ANNOTATION, json_text(a, record));
    return obj;
}

/* ---- the loop ---- */
static void again(struct leader_election *e)
{
    timer_start(&e->retry, RETRY_S * (int64_t)NS_PER_S);
}

void leader_identity(const char *host, const char *instance, char out[LEADER_IDENTITY_MAX])
{
    struct rng r;
    uint8_t seed[32];
    char uuid[37];
    ASSERT(instance);
    sha256(str_c(instance), seed);
    rng_init_seed(&r, seed, "leader identity");
    rng_uuid(&r, uuid);
    snprintf(out, LEADER_IDENTITY_MAX, "%.*s_%s", LEADER_IDENTITY_MAX - 38, host, uuid);
}

static void failed(struct leader_election *e, const char *what, const struct err *err)
{
    bool writes = strcmp(what, "updating") == 0;
    client_say(e->client, 'E', writes ? "leaderelection.go:367" : "leaderelection.go:331",
               writes ? "leaderelection.go:361" : "leaderelection.go:325", "%s%s resource lock kube-system/%s: %s",
               writes ? "Failed to update lock: error " : "error ", what, e->name, err->msg);
}

static void on_deadline(struct timer *t)
{
    struct leader_election *e = container_of(t, struct leader_election, deadline);
    const char *why = "timed out waiting for the condition";
    client_say(e->client, 'I', "leaderelection.go:288", "leaderelection.go:278", "failed to renew lease kube-system/%s: %s",
               e->name, why);
    timer_stop(&e->retry);
    if (e->call)
        client_cancel(e->call);
    e->call = NULL;
    e->leading = false;
    e->on_stopped(e->ctx);
}

static void written(void *ctx, const struct client_result *r, const struct err *err)
{
    struct leader_election *e = ctx;
    (void)r;
    e->call = NULL;
    again(e);
    if (err->code != ERR_NONE) {
        failed(e, "updating", err);
        return;
    }
    timer_start(&e->deadline, DEADLINE_S * (int64_t)NS_PER_S);
    if (e->leading)
        return;
    e->leading = true;
    client_say(e->client, 'I', "leaderelection.go:251", "leaderelection.go:253", "successfully acquired lease kube-system/%s",
               e->name);
    e->on_started(e->ctx);
}

static bool may_take(struct leader_election *e, const struct json *record)
{
    struct str holder = json_get_str(record, "holderIdentity");
    if (holder.n == 0 || str_eqc(holder, e->identity))
        return true;
    struct arena *a = arena_new();
    const char *text = arena_cstr(a, json_text(a, record));
    int64_t now = vtime_now(client_loop(e->client));
    if (!e->seen || strcmp(e->seen, text) != 0) {
        free(e->seen);
        e->seen = xstrdup(text);
        e->seen_ns = now;
    }
    arena_free(a);
    return now - e->seen_ns >= LEASE_S * (int64_t)NS_PER_S;
}

static void read_done(void *ctx, const struct client_result *r, const struct err *err)
{
    struct leader_election *e = ctx;
    e->call = NULL;
    if (err->code == ERR_NOT_FOUND) {
        struct arena *a = arena_new();
        e->call = client_create(e->client, e->collection, lock_object(a, e, NULL, record_new(a, e, NULL)), written, e);
        arena_free(a);
        return;
    }
    struct json *record = r->obj ? record_of(r->arena, e, r->obj) : NULL;
    if (err->code != ERR_NONE)
        failed(e, "retrieving", err);
    if (err->code != ERR_NONE || !may_take(e, record)) {
        again(e);
        return;
    }
    e->call = client_update(e->client, e->path, lock_object(r->arena, e, r->obj, record_new(r->arena, e, record)), written, e);
    client_answer_unread(e->call);
}

static void try_now(struct timer *t)
{
    struct leader_election *e = container_of(t, struct leader_election, retry);
    e->call = client_get(e->client, e->path, read_done, e);
}

struct leader_election *leader_election_new(struct client *c, const char *name, const char *identity, bool use_lease,
                                            void (*on_started)(void *ctx), void (*on_stopped)(void *ctx), void *ctx)
{
    struct leader_election *e = NEW(struct leader_election);
    struct arena *a = arena_new();
    const char *api = use_lease ? "coordination.k8s.io/v1" : "v1", *resource = use_lease ? "leases" : "endpoints";
    e->client = c;
    e->name = xstrdup(name);
    e->identity = xstrdup(identity);
    e->use_lease = use_lease;
    e->path = xstrdup(client_path(a, api, resource, STR("kube-system"), str_c(name), NULL));
    e->collection = xstrdup(client_path(a, api, resource, STR("kube-system"), STR_NULL, NULL));
    e->on_started = on_started;
    e->on_stopped = on_stopped;
    e->ctx = ctx;
    timer_init(&e->retry, client_loop(c), try_now);
    timer_init(&e->deadline, client_loop(c), on_deadline);
    client_say(c, 'I', "leaderelection.go:241", "leaderelection.go:243",
               "attempting to acquire leader lease  kube-system/%s...", name);
    timer_start(&e->retry, 0);
    arena_free(a);
    return e;
}

void leader_election_free(struct leader_election *e)
{
    if (!e)
        return;
    if (e->call)
        client_cancel(e->call);
    timer_stop(&e->retry);
    timer_stop(&e->deadline);
    free(e->name);
    free(e->identity);
    free(e->path);
    free(e->collection);
    free(e->seen);
    free(e);
}
