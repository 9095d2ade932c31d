/* sim/cmd/cluster_boot.c - from nothing to Ready, or from a machine that slept to one that is awake: step by step, each continuing in
 * boot_next.
 *
 * A fresh cluster gets what `kubeadm init` would have created, as the administrator through the API, and runs in virtual time, as fast
 * as it can, until its node and pods are Ready. One that is to be some hours old is then stopped like a machine that sleeps, the clock
 * goes on, and the same components start again on the same data: what `down` and `up` do.
 */
#include "labs/labs.h"
#include "sim/cmd/apiserver_component.h"
#include "sim/cmd/cluster_priv.h"
#include "sim/cmd/components.h"
#include "sim/cmd/etcd_component.h"
#include "sim/cmd/faults.h"
#include "sim/cmd/look.h"
#include "sim/cmd/service.h"

#include <stdlib.h>

#define SECOND_NS ((int64_t)NS_PER_S)

/* Virtual: give up waiting; how long Ready has to last; and when a kubelet that somebody has stopped or broken is waited for no
 * more. */
enum { BOOT_SETTLE_MAX_S = 600, BOOT_CALM_S = 8, BOOT_HOPELESS_S = 20 };

static void boot_next(struct cluster *c);

/* ---- the end ---- */
static void boot_finish(struct cluster *c, const struct err *err)
{
    c->step = BOOT_DONE;
    cluster_watcher_free(c);
    if (!c->opt.bare)
        cluster_load_begin(c);
    looker_began(c->looker);
    store_meta_put(c->store, "booted", STR("1"));
    loop_set_speed(c->loop, c->opt.speed_milli);
    if (!c->opt.bare) {
        cluster_clock_keep(c);
        cluster_scenarios_keep(c);
    }
    struct err none = { 0 };
    c->ready(c->ctx, err ? err : &none);
}

/* ---- objects, and waiting until all is Ready ---- */
static void object_created(void *ctx, const struct client_result *r, const struct err *err)
{
    struct cluster *c = ctx;
    (void)r;
    if (err->code != ERR_NONE && err->code != ERR_ALREADY_EXISTS)
        log_msg(LOG_WARN, "cmd", "boot: %s", err->msg);
    json_remove_at(c->objects, 0);
    boot_next(c);
}

static bool all_ready(struct cluster *c)
{
    for (int i = 0; i < c->node_count; i++)
        if (!node_ready(c->nodes[i]))
            return false;
    if (!informer_synced(c->pods))
        return false;
    size_t cursor = 0, ready = 0;
    for (struct object *o; informer_next(c->pods, &cursor, &o); ready++)
        if (!pod_is_ready(object_json(o)))
            return false;
    /* four static pods, two of coredns; kube-proxy and weave-net everywhere; and what a student added */
    return ready >= 6 + 2 * (size_t)c->node_count;
}

/* kubeadm's mark-control-plane phase. A node that is alone takes ordinary pods, hence has no taint; with workers beside it, it has
 * kubeadm's. */
static void node_marked(void *ctx, const struct client_result *r, const struct err *err)
{
    struct cluster *c = ctx;
    (void)r;
    c->marked = err->code == ERR_NONE;
    c->marking = false;
}

static struct json *control_plane_labels(const struct cluster *c, struct arena *a)
{
    struct json *labels = json_buildf(a, "{'node-role.kubernetes.io/master':''}");
    if (c->opt.minor >= 20)
        json_set_strc(a, labels, "node-role.kubernetes.io/control-plane", "");
    return labels;
}

/* The list of taints is one value: what others have put there stays, and a change meanwhile is a conflict, after which this is done
 * again. */
static void node_to_mark(void *ctx, const struct client_result *r, const struct err *err)
{
    struct cluster *c = ctx;
    c->marking = false;
    if (err->code != ERR_NONE)
        return;
    struct arena *a = arena_new();
    const char *taint = c->opt.minor < 24 ? "node-role.kubernetes.io/master" : "node-role.kubernetes.io/control-plane";
    bool there = false;
    struct json *node = json_copy(a, r->obj), *labels = control_plane_labels(c, a);
    struct json *spec = json_ensure(a, node, "spec"), *taints = json_get(spec, "taints");
    if (!taints)
        json_set(a, spec, "taints", taints = json_new_array(a));
    for (struct json *t = json_first(taints); t; t = json_next(t))
        there = there || str_eqc(json_get_str(t, "key"), taint);
    if (!there)
        json_append(taints, json_buildf(a, "{'effect':'NoSchedule','key':%s}", taint));
    for (struct json *l = json_first(labels); l; l = json_next(l))
        json_setn(a, json_ensure(a, json_ensure(a, node, "metadata"), "labels"), json_key(l), json_copy(a, l));
    c->marking = true;
    client_update(c->admin, client_path(a, "v1", "nodes", STR_NULL, str_c(c->nodes[0]->place.name), NULL), node, node_marked, c);
    arena_free(a);
}

static void mark_control_plane(struct cluster *c)
{
    if (c->marked || c->marking)
        return;
    struct arena *a = arena_new();
    const char *path = client_path(a, "v1", "nodes", STR_NULL, str_c(c->nodes[0]->place.name), NULL);
    c->marking = true;
    if (c->node_count > 1 && cluster_is_fresh(c)) {
        client_get(c->admin, path, node_to_mark, c);
    } else {
        struct json *patch = json_buildf(a, "{'metadata':{'labels':%j,'annotations':{'kubeadm.alpha.kubernetes.io/cri-socket':"
                                         "'/var/run/dockershim.sock'}}}", control_plane_labels(c, a));
        client_patch(c->admin, path, PATCH_MERGE, patch, node_marked, c);
    }
    arena_free(a);
}

/* A kubelet that somebody has stopped or broken is waited for no more. */
static bool one_is_down(const struct cluster *c)
{
    for (int i = 0; i < c->node_count; i++)
        if (!services_kubelet(c->nodes[i]->services))
            return true;
    return false;
}

static void settle_tick(void *ctx)
{
    struct cluster *c = ctx;
    mark_control_plane(c);
    cluster_workers_joined(c);
    bool calm = all_ready(c);
    c->calm_s = calm ? c->calm_s + 1 : 0;
    c->settle_s++;
    bool hopeless = c->settle_s >= BOOT_HOPELESS_S && (one_is_down(c) || (!cluster_is_fresh(c) && c->settle_s >= 3 * BOOT_HOPELESS_S));
    if (c->calm_s >= BOOT_CALM_S || c->settle_s >= BOOT_SETTLE_MAX_S || hopeless) {
        boot_next(c);
        return;
    }
    loop_advance(c->loop, SECOND_NS, settle_tick, c);
}

static bool settle_begin(struct cluster *c, struct err *err)
{
    if (!cluster_workers_start(c, err))
        return false;
    c->watcher = cluster_client(c, "kubelab", c->pki.admin);
    c->pods = informer_shared(c->watcher, "/api/v1/pods", "");
    c->settle_s = c->calm_s = 0;
    loop_advance(c->loop, SECOND_NS, settle_tick, c);
    return true;
}

/* ---- a cluster of some age: the machine sleeps, and wakes ---- */
static void wake(struct cluster *c)
{
    struct err err = { 0 };
    c->step = BOOT_AGED;
    if (!node_power_on(c->nodes[0], cluster_is_fresh(c), &err) || !settle_begin(c, &err))
        boot_finish(c, &err);
    err_clear(&err);
}

/* For what is left of its age: in this process, or until another one starts on the data. */
static void fall_asleep(struct cluster *c)
{
    int64_t wake_ns = vtime_now(c->loop) + c->opt.age_ns - c->settle_s * SECOND_NS;
    if (c->opt.asleep) {
        struct err none = { 0 };
        cluster_sleep_put(c, wake_ns);
        c->step = BOOT_DONE;
        c->ready(c->ctx, &none);
        return;
    }
    cluster_machine_stop(c);
    cluster_clients_free(c);
    cluster_life_begin(c);
    loop_jump(c->loop, wake_ns);
    cluster_clients_make(c);
    wake(c);
}

/* What kubeadm init creates, and what is wrong in the lab from the start. */
static struct json *init_objects(struct cluster *c, struct err *err)
{
    struct rng rng;
    struct kubeadm_options o = c->kubeadm;
    const struct lab *lab = lab_find(c->opt.lab);
    cluster_init_rng(c, &rng);
    o.rng = &rng;
    struct json *all = kubeadm_objects(c->arena, &c->pki, &o, err);
    for (const struct json *f = all && lab ? json_first(lab->faults) : NULL; f; f = json_next(f))
        json_append(all, json_copy(c->arena, f));
    return all;
}

/* The API answers: the machines are switched on, or woken. True: c->objects are to be made next; else others go on, or it is over. */
static bool boot_machine(struct cluster *c, bool fresh)
{
    struct err err = { 0 };
    c->step = BOOT_OBJECTS;
    cluster_components_begin(c);
    if (c->opt.bare) {
        boot_finish(c, NULL);
        return false;
    }
    if (cluster_sleep_get(c)) {
        c->marked = true;
        apiserver_component_hold(c->apiserver);
        etcd_component_hold();
        wake(c);
        return false;
    }
    bool on = node_power_on(c->nodes[0], fresh, &err);
    c->objects = !on ? NULL : fresh ? init_objects(c, &err) : json_new_array(c->arena);
    if (!c->objects)
        boot_finish(c, &err);
    err_clear(&err);
    return c->objects != NULL;
}

/* One object after the other; faults come from where the one before is not in the way. */
static void create_first(struct cluster *c)
{
    struct json *obj = json_at(c->objects, 0);
    struct client *who = str_eqc(json_get_str(obj, "kind"), "Fault") ? c->lead : c->admin;
    client_create(who, kubeadm_object_path(c->arena, obj), obj, object_created, c);
}

static void settle(struct cluster *c)
{
    struct err err = { 0 };
    c->step = BOOT_SETTLE;
    if (!settle_begin(c, &err))
        boot_finish(c, &err);
    err_clear(&err);
}

static void boot_next(struct cluster *c)
{
    bool fresh = store_meta_get(c->store, c->arena, "booted").n == 0;
    switch (c->step) {
    case BOOT_API:
        if (!boot_machine(c, fresh))
            return;
        /* fall through */
    case BOOT_OBJECTS:
        if (json_len(c->objects))
            create_first(c);
        else
            settle(c);
        return;
    case BOOT_SETTLE:
        if (c->settle_s >= BOOT_SETTLE_MAX_S)
            log_msg(LOG_WARN, "cmd", "not everything became Ready within %d virtual seconds", BOOT_SETTLE_MAX_S);
        if (fresh && c->opt.age_ns > 0)
            fall_asleep(c);
        else
            boot_finish(c, NULL);
        return;
    case BOOT_AGED:
        boot_finish(c, NULL);
        return;
    case BOOT_DONE:
        return;
    }
}

/* ---- the RSA key: made on another thread, the clock standing meanwhile ---- */
struct sa_job { struct cluster *c; struct rng rng; struct key *key; };

static void sa_key_run(void *ctx)
{
    struct sa_job *job = ctx;
    job->key = key_generate_rsa(&job->rng, 2048);
}

static void sa_key_use(struct cluster *c, struct key *k)
{
    c->sa_key = k;
    apiserver_component_keys(c->apiserver);
    if (c->kcm)
        controller_manager_set_sa_key(c->kcm, k);
}

static void sa_key_done(void *ctx)
{
    struct sa_job *job = ctx;
    struct err err = { 0 };
    if (!kubeadm_sa_key_save(&job->c->kubeadm, job->key, &err))
        log_msg(LOG_ERROR, "cmd", "%s", err.msg);
    sa_key_use(job->c, job->key);
    err_clear(&err);
    if (cluster_is_repeatable(job->c))
        boot_next(job->c);
    free(job);
}

/* In a repeatable run all of booting waits for the key: at which of its turns another thread is ready would show in the order of what
 * follows. */
void cluster_boot(struct cluster *c)
{
    struct key *k = kubeadm_sa_key_load(&c->kubeadm);
    if (k) {
        sa_key_use(c, k);
        boot_next(c);
        return;
    }
    struct sa_job *job = NEW(struct sa_job);
    job->c = c;
    rng_init(&job->rng, c->loop, "sa.key");
    loop_work(c->loop, sa_key_run, sa_key_done, job);
    if (!cluster_is_repeatable(c))
        boot_next(c);
}
