/* kubelet/pod_worker.c - the life of one pod on this node, as steps that are looked at again whenever something has changed.
 *
 * Upstream: pkg/kubelet/pod_workers.go, kubelet.go syncPod and kuberuntime_manager.go SyncPod. NEW -> MOUNTING -> SANDBOX ->
 * RUNNING -> STOPPED, with KILLING on the way out and REJECTED for a pod that does not fit. pod_kick posts a task; pod_sync then
 * does what is due: it never waits, it leaves a timer or a call behind. One container is started at a time: init containers one
 * after the other until each has succeeded, then the others in order.
 */
#include "kubelet/kubelet_priv.h"

#include <stdlib.h>

static void pod_sync(struct task *t);
static void on_timer(struct timer *t);

static const char *restart_policy(const struct pod_worker *p)
{
    struct str policy = json_path_str(p->pod, "spec.restartPolicy");
    return policy.n ? policy.p : "Always";
}

bool pod_hostnetwork(const struct pod_worker *p) { return json_bool(json_path(p->pod, "spec.hostNetwork"), false); }
void pod_kick(struct pod_worker *p) { task_post(p->k->o.loop, &p->kick); }

int64_t pod_grace_s(const struct pod_worker *p)
{
    int64_t grace = p->grace_s >= 0 ? p->grace_s : json_path_int(p->pod, "spec.terminationGracePeriodSeconds", 30);
    return grace < 2 ? 2 : grace;      /* minimumGracePeriodInSeconds */
}

struct container *pod_container(const struct pod_worker *p, struct str name)
{
    for (size_t i = 0; i < p->count; i++)
        if (str_eqc(name, p->containers[i].name))
            return &p->containers[i];
    return NULL;
}

/* ---- birth and death of the worker ---- */
static void make_containers(struct pod_worker *p)
{
    const struct json *init = json_path(p->pod, "spec.initContainers"), *main = json_path(p->pod, "spec.containers");
    p->init_count = json_len(init);
    p->count = p->init_count + json_len(main);
    p->containers = arena_zalloc(p->arena, (p->count + 1) * sizeof *p->containers);
    size_t i = 0;
    for (const struct json *c = json_first(init); c; c = json_next(c))
        container_init(&p->containers[i++], p, c, true);
    for (const struct json *c = json_first(main); c; c = json_next(c))
        container_init(&p->containers[i++], p, c, false);
}

struct pod_worker *pod_worker_new(struct kubelet *k, const struct json *pod, bool is_static)
{
    struct pod_worker *p = NEW(struct pod_worker);
    p->k = k;
    p->arena = arena_new();
    p->pod = json_copy(p->arena, pod);
    p->uid = arena_cstr(p->arena, meta_uid(pod));
    p->ns = arena_cstr(p->arena, meta_namespace(pod));
    p->name = arena_cstr(p->arena, meta_name(pod));
    p->key = arena_printf(p->arena, "%s/%s", p->ns, p->name);
    p->is_static = is_static;
    p->grace_s = -1;
    p->volumes = map_new();
    p->cond_arena = arena_new();
    p->conditions = json_new_array(p->cond_arena);
    task_init(&p->kick, pod_sync);
    timer_init(&p->timer, k->o.loop, on_timer);
    make_containers(p);
    map_putc(k->workers, p->uid, p);
    const struct json *mirror = is_static ? mirror_of(k, p) : NULL, *status = json_get(is_static ? mirror : pod, "status");
    status_adopt(p, status);
    if (!is_static)
        pod_update(p, pod);
    pod_kick(p);
    return p;
}

static void sandbox_stop(struct pod_worker *p)
{
    sampler_stop(&p->sampler);
    if (p->cgroup)
        cgroup_free(p->cgroup);
    p->cgroup = NULL;
    p->sampler.group = NULL;
    if (p->own_net)
        vnet_host_free(p->net);
    if (p->own_ip)
        kubelet_ip_release(p->k, p->ip);
    p->own_net = p->own_ip = false;
    p->net = NULL;
    volumes_free(p);
    p->volumes = map_new();
}

void pod_worker_free(struct pod_worker *p)
{
    map_take(p->k->workers, str_c(p->uid));
    task_cancel(&p->kick);
    timer_stop(&p->timer);
    status_stop(p);
    refs_free(p);
    for (size_t i = 0; i < p->count; i++)
        container_deinit(&p->containers[i]);
    sandbox_stop(p);
    volumes_free(p);
    free(p->reject_message);
    arena_free(p->cond_arena);
    arena_free(p->arena);
    free(p);
}

/* ---- what the API says ---- */
static void take_image_changes(struct pod_worker *p, const struct json *pod)
{
    static const char *const lists[] = { "spec.initContainers", "spec.containers" };
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        for (const struct json *n = json_first(json_path(pod, lists[i])); n; n = json_next(n)) {
            struct container *c = pod_container(p, json_get_str(n, "name"));
            if (!c || str_eq(json_get_str(c->spec, "image"), json_get_str(n, "image")))
                continue;
            for (struct json *m = json_first(json_path(p->pod, lists[i])); m; m = json_next(m))
                if (str_eq(json_get_str(m, "name"), json_get_str(n, "name")))
                    json_set_str(p->arena, m, "image", json_get_str(n, "image"));
            if (c->state == CONTAINER_RUNNING && !c->killing) {
                struct arena *a = arena_new();
                container_kill(c, pod_grace_s(p) * SECOND,
                               arena_printf(a, "Container %s definition changed, will be restarted", c->name), NULL);
                arena_free(a);
            }
        }
}

void pod_update(struct pod_worker *p, const struct json *pod)
{
    struct json *meta = json_get(p->pod, "metadata");
    const struct json *new_meta = json_get(pod, "metadata");
    take_image_changes(p, pod);
    static const char *const parts[] = { "labels", "annotations" };
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (!json_equal(json_get(meta, parts[i]), json_get(new_meta, parts[i])) && json_get(new_meta, parts[i]))
            json_set(p->arena, meta, parts[i], json_copy(p->arena, json_get(new_meta, parts[i])));
    if (!meta_deleting(pod))
        return;
    int64_t grace = json_get_int(new_meta, "deletionGracePeriodSeconds", -1);
    if (p->deleting && grace >= p->grace_s && p->grace_s >= 0)
        return;
    p->deleting = true;
    p->grace_s = grace;
    pod_kick(p);
}

void pod_removed(struct pod_worker *p)
{
    p->gone = true;
    pod_kick(p);
}

/* ---- admission: pkg/kubelet/lifecycle/predicate.go ---- */
static void add_requests(const struct json *spec, int64_t *milli_cpu, int64_t *memory)
{
    int64_t cpu = 0, mem = 0;
    for (const struct json *c = json_first(json_get(spec, "containers")); c; c = json_next(c)) {
        cpu += container_request(c, "cpu", true);
        mem += container_request(c, "memory", false);
    }
    for (const struct json *c = json_first(json_get(spec, "initContainers")); c; c = json_next(c)) {
        int64_t x = container_request(c, "cpu", true), y = container_request(c, "memory", false);
        cpu = x > cpu ? x : cpu;
        mem = y > mem ? y : mem;
    }
    *milli_cpu += cpu;
    *memory += mem;
}

static bool reject(struct pod_worker *p, const char *what, int64_t requested, int64_t used, int64_t capacity)
{
    struct arena *a = arena_new();
    bool old = p->k->o.minor < 24;
    const char *text = arena_printf(a, "Node didn't have enough resource: %s, requested: %" PRId64 ", used: %" PRId64
                                       ", capacity: %" PRId64, what, requested, used, capacity);
    p->reject_reason = arena_printf(p->arena, "OutOf%s", what);
    p->reject_message = xstrdup(arena_printf(a, "%s%s", old ? "Pod " : "Pod was rejected: ", text));
    event_record(p->k->events, p->pod, NULL, "Warning", p->reject_reason, "%s", text);
    arena_free(a);
    p->step = POD_REJECTED;
    return false;
}

/* What the eviction manager says of a pod that comes while the node is short of something. */
static bool refuse_evicted(struct pod_worker *p, const char *why)
{
    p->reject_reason = "Evicted";
    p->reject_message = xstrdup(why);
    event_record(p->k->events, p->pod, NULL, "Warning", "Evicted", "%s", why);
    p->step = POD_REJECTED;
    return false;
}

static bool admit(struct pod_worker *p)
{
    int64_t cpu = 0, memory = 0, used_cpu = 0, used_memory = 0, pods = 0;
    size_t cursor = 0;
    void *value;
    while (map_next(p->k->workers, &cursor, NULL, &value)) {
        struct pod_worker *other = value;
        if (other == p || other->step == POD_NEW || other->step == POD_STOPPED || other->step == POD_REJECTED)
            continue;
        add_requests(json_get(other->pod, "spec"), &used_cpu, &used_memory);
        pods++;
    }
    add_requests(json_get(p->pod, "spec"), &cpu, &memory);
    if (kubelet_pressure_refuses(p))
        return refuse_evicted(p, kubelet_pressure_refuses(p));
    if (pods + 1 > p->k->o.max_pods)
        return reject(p, "pods", 1, pods, p->k->o.max_pods);
    if (cpu > 0 && used_cpu + cpu > p->k->o.cores * 1000)
        return reject(p, "cpu", cpu, used_cpu, p->k->o.cores * 1000);
    if (memory > 0 && used_memory + memory > node_allocatable_memory(p->k))
        return reject(p, "memory", memory, used_memory, node_allocatable_memory(p->k));
    return true;
}

/* ---- the way up ---- */
static void step_new(struct pod_worker *p)
{
    struct kubelet *k = p->k;
    if (!p->start_ns)
        p->start_ns = vtime_now(k->o.loop);
    /* "services have not yet been read at least once, cannot construct envvars" */
    if (!p->is_static && !informer_synced(k->services)) {
        timer_start(&p->timer, 100 * MS);
        return;
    }
    if (!p->is_static && !p->adopted && !admit(p)) {
        pod_status_changed(p);
        return;
    }
    pod_status_changed(p);
    if (!k->network_ready && !pod_hostnetwork(p) && !p->adopted) {
        if (vtime_now(k->o.loop) - p->network_event_ns > 10 * SECOND) {
            p->network_event_ns = vtime_now(k->o.loop);
            event_record(k->events, p->pod, NULL, "Warning", "NetworkNotReady",
                         "network is not ready: [runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady "
                         "message:docker: network plugin is not ready: cni config uninitialized]");
        }
        timer_start(&p->timer, kubelet_jitter(k, 10 * SECOND, 15 * SECOND));
        return;
    }
    p->step = POD_MOUNTING;
    volumes_log(p);
    p->mount_since_ns = vtime_now(k->o.loop);
    refs_collect(p);
    refs_fetch(p);
}

static void mount_failed(struct pod_worker *p, const struct err *err, struct str volume)
{
    int64_t now = vtime_now(p->k->o.loop);
    event_record(p->k->events, p->pod, NULL, "Warning", "FailedMount", "MountVolume.SetUp failed for volume \"" STR_FMT "\" : %s",
                 STR_ARG(volume), err->msg);
    if (now - p->mount_since_ns > 123 * SECOND) {                /* podAttachAndMountTimeout */
        struct strbuf all;
        strbuf_init(&all, 4096);
        for (const struct json *v = json_first(json_path(p->pod, "spec.volumes")); v; v = json_next(v))
            strbuf_addf(&all, "%s" STR_FMT, all.n ? " " : "", STR_ARG(json_get_str(v, "name")));
        event_record(p->k->events, p->pod, NULL, "Warning", "FailedMount",
                     "Unable to attach or mount volumes: unmounted volumes=[" STR_FMT "], unattached volumes=[%s]: timed out "
                                                                                      "waiting for the condition",
                     STR_ARG(volume), all.p ? all.p : "");
        strbuf_deinit(&all);
        p->mount_since_ns = now;
    }
    p->mount_delay_ns = p->mount_delay_ns ? p->mount_delay_ns * 2 : 500 * MS;
    if (p->mount_delay_ns > 122 * SECOND)
        p->mount_delay_ns = 122 * SECOND;
    timer_start(&p->timer, p->mount_delay_ns);
}

static void step_mounting(struct pod_worker *p)
{
    struct err err = { 0 };
    struct str volume = STR_NULL;
    if (refs_busy(p) || timer_active(&p->timer))
        return;
    if (!volumes_make(p, &err, &volume)) {
        mount_failed(p, &err, volume);
        err_clear(&err);
        return;
    }
    p->step = POD_SANDBOX;
    timer_start(&p->timer, p->adopted ? 0 : kubelet_jitter(p->k, 600 * MS, 1200 * MS));
}

static void resolver_make(struct pod_worker *p)
{
    struct str policy = json_path_str(p->pod, "spec.dnsPolicy");
    struct resolv_conf rc = { .ndots = 5, .search_count = 3 };
    kubelet_copy(rc.nameserver, sizeof rc.nameserver, p->k->o.cluster_dns);
    if (str_eqc(policy, "Default") || str_eqc(policy, "None")) {
        struct str ip = str_c(p->k->o.node_ip);                  /* the node's own: the gateway of its virtual machine */
        while (ip.n && ip.p[ip.n - 1] != '.')
            ip.n--;
        struct arena *a = arena_new();
        rc = (struct resolv_conf){ .ndots = 1 };
        kubelet_copy(rc.nameserver, sizeof rc.nameserver, arena_printf(a, STR_FMT "2", STR_ARG(ip)));
        arena_free(a);
    } else {
        struct arena *a = arena_new();
        kubelet_copy(rc.search[0], sizeof rc.search[0], arena_printf(a, "%s.svc.%s", p->ns, p->k->o.cluster_domain));
        kubelet_copy(rc.search[1], sizeof rc.search[1], arena_printf(a, "svc.%s", p->k->o.cluster_domain));
        kubelet_copy(rc.search[2], sizeof rc.search[2], p->k->o.cluster_domain);
        arena_free(a);
    }
    vnet_host_set_resolver(p->net, &rc);
    vnet_host_add_hosts(p->net, "127.0.0.1", "localhost");
    vnet_host_add_hosts(p->net, p->ip, p->name);
}

/* The pod's cgroup: pkg/kubelet/cm/helpers_linux.go ResourceConfigForPod. */
static void pod_cgroup_make(struct pod_worker *p)
{
    const struct json *spec = json_get(p->pod, "spec");
    const char *qos = pod_qos(spec);
    struct cgroup_limits lim = { .shares = 2 };
    int64_t request = 0, cpu_limit = 0, memory = 0;
    bool all_cpu = true, all_memory = true;
    for (const struct json *c = json_first(json_get(spec, "containers")); c; c = json_next(c)) {
        request += container_request(c, "cpu", true);
        all_cpu = all_cpu && container_limit(c, "cpu", true) > 0;
        all_memory = all_memory && container_limit(c, "memory", false) > 0;
        cpu_limit += container_limit(c, "cpu", true);
        memory += container_limit(c, "memory", false);
    }
    if (strcmp(qos, "BestEffort") != 0) {
        lim.shares = milli_cpu_to_shares(request);
        lim.quota_us = all_cpu ? milli_cpu_to_quota(cpu_limit, 100000) : 0;
        lim.memory_limit_bytes = all_memory ? memory : 0;
    }
    struct arena *a = arena_new();
    p->cgroup = cgroup_new(kubelet_qos_cgroup(p->k, spec), arena_printf(a, "pod%s", p->uid), &lim, NULL, NULL);
    arena_free(a);
    sampler_start(&p->sampler, p->k->o.loop, &p->k->rng, p->cgroup);
}

static void sandbox_start(struct pod_worker *p)
{
    struct kubelet *k = p->k;
    pod_cgroup_make(p);
    if (pod_hostnetwork(p)) {
        p->net = k->o.node_net;
        kubelet_copy(p->ip, sizeof p->ip, k->o.node_ip);
    } else {
        if (!p->own_ip)
            p->own_ip = kubelet_ip_take(k, p->ip, NULL);
        p->net = vnet_host_new(k->o.vnet, p->name);
        vnet_host_set_machine(p->net, k->o.node_net);
        p->own_net = true;
        vnet_host_add_addr(p->net, p->ip);
        resolver_make(p);
    }
    p->step = POD_RUNNING;
    for (size_t i = 0; i < p->count; i++)
        if (p->containers[i].state == CONTAINER_RUNNING)
            container_adopt(&p->containers[i]);
    p->adopted = false;
}

/* ---- running: which container is to be started now? ---- */
static bool should_restart(const struct container *c)
{
    const struct termination *t = c->state == CONTAINER_TERMINATED ? &c->now : &c->last;
    const char *policy = restart_policy(c->pod);
    if (c->init)
        return t->exit_code != 0 && strcmp(policy, "Never") != 0;
    return strcmp(policy, "Always") == 0 || (strcmp(policy, "OnFailure") == 0 && t->exit_code != 0);
}

static void crash_loop(struct container *c, int64_t left_ns)
{
    struct arena *a = arena_new();
    struct pod_worker *p = c->pod;
    const char *who = arena_printf(a, "%s_%s(%s)", p->name, p->ns, p->uid);
    if (c->state == CONTAINER_TERMINATED) {
        free(c->last.message);
        c->last = c->now;
        c->now = (struct termination){ 0 };
    }
    container_set_waiting(c, "CrashLoopBackOff",
                          arena_printf(a, "back-off " STR_FMT " restarting failed container=%s pod=%s",
                                       STR_ARG(duration_go(a, c->crash.delay_ns)), c->name, who));
    const char *field = arena_printf(a, c->init ? "spec.initContainers{%s}" : "spec.containers{%s}", c->name);
    if (p->k->o.minor < 27)
        event_record(p->k->events, p->pod, field, "Warning", "BackOff", "Back-off restarting failed container");
    else
        event_record(p->k->events, p->pod, field, "Warning", "BackOff", "Back-off restarting failed container %s in pod %s",
                     c->name, who);
    int64_t resync = kubelet_jitter(p->k, 10 * SECOND, 15 * SECOND);
    timer_start(&c->timer, left_ns < resync ? left_ns : resync);
    pod_status_changed(p);
    arena_free(a);
}

/* True when the container is on its way, or has to wait: nothing behind it is looked at in this round. */
static void start_or_wait(struct container *c)
{
    struct pod_worker *p = c->pod;
    int64_t left = 0, now = vtime_now(p->k->o.loop);
    if (p->starting || timer_active(&c->timer))
        return;
    const struct termination *t = c->state == CONTAINER_TERMINATED ? &c->now : &c->last;
    if (t->set) {
        if (backoff_waiting(&c->crash, t->finished_ns, now, &left)) {
            crash_loop(c, left);
            return;
        }
        backoff_next(&c->crash, now);
    }
    p->starting = c;
    container_begin(c);
}

/* Are the init containers through? If not, the one whose turn it is has been looked at. *failed: one failed for good. */
static bool init_done(struct pod_worker *p, bool *failed)
{
    for (size_t i = 0; i < p->init_count; i++) {
        struct container *c = &p->containers[i];
        if (c->state == CONTAINER_TERMINATED && c->now.exit_code == 0)
            continue;
        if (c->state == CONTAINER_TERMINATED && !should_restart(c))
            *failed = true;
        else if (c->state != CONTAINER_RUNNING)
            start_or_wait(c);
        return false;
    }
    return true;
}

static void stop_starting(struct pod_worker *p)
{
    struct container *c = p->starting;
    if (!c || c->state == CONTAINER_RUNNING)
        return;
    p->starting = NULL;
    container_cancel_start(c);
}

static bool any_running(const struct pod_worker *p)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->containers[i].state == CONTAINER_RUNNING)
            return true;
    return false;
}

/* Nothing is started any more; when the last container has ended, the pod is what a refused one is. */
static void step_evicted(struct pod_worker *p)
{
    stop_starting(p);
    if (!any_running(p)) {
        sandbox_stop(p);
        p->step = POD_REJECTED;
    }
    pod_status_changed(p);
}

void pod_worker_evict(struct pod_worker *p, const char *message)
{
    p->reject_reason = "Evicted";
    p->reject_message = xstrdup(message);
    event_record(p->k->events, p->pod, NULL, "Warning", "Evicted", "%s", message);
    for (size_t i = 0; i < p->count; i++) {
        struct container *c = &p->containers[i];
        timer_stop(&c->timer);
        if (c->state == CONTAINER_RUNNING && !c->killing)
            container_kill(c, 0, NULL, NULL);
    }
    pod_kick(p);
}

static void step_running(struct pod_worker *p)
{
    bool failed = false, over = true;
    if (p->reject_reason) {
        step_evicted(p);
        return;
    }
    if (init_done(p, &failed)) {
        for (size_t i = p->init_count; i < p->count; i++) {
            struct container *c = &p->containers[i];
            bool again = c->state == CONTAINER_WAITING || (c->state == CONTAINER_TERMINATED && should_restart(c));
            over = over && c->state == CONTAINER_TERMINATED && !again;
            if (again)
                start_or_wait(c);
        }
    } else {
        over = failed;
    }
    if (over && !p->starting && !any_running(p)) {
        p->step = POD_STOPPED;
        sandbox_stop(p);
    }
    pod_status_changed(p);
}

/* ---- the way out ---- */

static void forget(struct pod_worker *p)
{
    struct kubelet *k = p->k;
    bool was_static = p->is_static;
    pod_worker_free(p);
    mirror_sync(k);
    if (was_static)
        file_source_rescan(k);
}

static void step_leaving(struct pod_worker *p)
{
    stop_starting(p);
    for (size_t i = 0; i < p->count; i++) {
        struct container *c = &p->containers[i];
        timer_stop(&c->timer);
        if (c->state != CONTAINER_RUNNING)
            continue;
        struct arena *a = arena_new();
        if (c->killing)
            container_shorten_grace(c, pod_grace_s(p) * SECOND);
        else
            container_kill(c, pod_grace_s(p) * SECOND, arena_printf(a, "Stopping container %s", c->name), NULL);
        arena_free(a);
    }
    if (any_running(p)) {
        p->step = POD_KILLING;
        pod_status_changed(p);
        return;
    }
    if (p->step != POD_STOPPED && p->step != POD_REJECTED) {
        refs_free(p);
        sandbox_stop(p);
        p->step = POD_STOPPED;
        timer_start(&p->timer, kubelet_jitter(p->k, 300 * MS, 1500 * MS));      /* volumes and cgroups are cleaned up */
    }
    pod_status_changed(p);
    if (p->gone && !timer_active(&p->timer))
        forget(p);
}

/* A start that is under way is given up and begun anew later; what docker was told, it does. */
void pod_pause(struct pod_worker *p)
{
    task_cancel(&p->kick);
    status_stop(p);
    for (size_t i = 0; i < p->count; i++) {
        struct container *c = &p->containers[i];
        probes_stop(c);
        if (c->state == CONTAINER_WAITING && c == p->starting)
            container_cancel_start(c);
    }
    p->starting = NULL;
    if (p->step == POD_MOUNTING || p->step == POD_SANDBOX) {
        timer_stop(&p->timer);
        p->step = POD_NEW;
    }
    if (p->step == POD_NEW)
        refs_free(p);
    refs_pause(p);
}

void pod_resume(struct pod_worker *p)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->containers[i].state == CONTAINER_RUNNING && p->containers[i].process && !p->containers[i].killing)
            probes_start(&p->containers[i], true);
    if (p->step == POD_RUNNING)
        volumes_log(p);
    pod_kick(p);
}

static void pod_sync(struct task *t)
{
    struct pod_worker *p = container_of(t, struct pod_worker, kick);
    if (!p->k->source_open)
        return;                        /* nobody is there: pod_resume asks again */
    if (p->deleting || p->gone) {
        step_leaving(p);
        return;
    }
    switch (p->step) {
    case POD_NEW:      step_new(p); break;
    case POD_MOUNTING: step_mounting(p); break;
    case POD_RUNNING:  step_running(p); break;
    case POD_SANDBOX: case POD_KILLING: case POD_STOPPED: case POD_REJECTED: break;
    }
}

static void on_timer(struct timer *t)
{
    struct pod_worker *p = container_of(t, struct pod_worker, timer);
    if (!p->k->source_open)
        return;
    if (!p->deleting && !p->gone && p->step == POD_SANDBOX)
        sandbox_start(p);
    else if (!p->deleting && !p->gone && p->step == POD_MOUNTING)
        refs_fetch(p);
    pod_kick(p);
}
