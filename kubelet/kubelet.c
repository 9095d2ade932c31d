/* kubelet/kubelet.c - the node agent put together: what it owns, in which order it starts, and how it is taken apart.
 *
 * Upstream: pkg/kubelet/kubelet.go. Pods come from two sources, the API (an informer on the pods bound here) and a folder of
 * manifests; each becomes a worker (pod_worker.c). The sources are opened when the API's list is there, so that what ran before
 * this process is taken over and not started again; if the API does not answer within 10 s, static pods start without it.
 */
#include "kubelet/app_priv.h"
#include "kubelet/kubelet_priv.h"

#include <stdio.h>
#include <stdlib.h>

void kubelet_copy(char *to, size_t size, const char *text)
{
    struct str cut = str_sub(str_c(text), 0, size - 1);
    memcpy(to, cut.p ? cut.p : "", cut.n);
    to[cut.n] = 0;
}

int64_t kubelet_jitter(struct kubelet *k, int64_t low_ns, int64_t high_ns)
{
    return low_ns + (int64_t)rng_below(&k->rng, (uint64_t)(high_ns - low_ns) + 1);
}

bool kubelet_docker(const struct kubelet *k) { return k->o.minor < 24; }
struct http_server *kubelet_http(struct kubelet *k) { return k->http; }

/* ---- resources ---- */
static int64_t resource(const struct json *spec, const char *list, const char *what, bool milli)
{
    const struct json *q = json_get(json_get(json_get(spec, "resources"), list), what);
    return !q ? 0 : milli ? quantity_json_milli(q, 0) : quantity_json_value(q, 0);
}

int64_t container_limit(const struct json *spec, const char *what, bool milli) { return resource(spec, "limits", what, milli); }

int64_t container_request(const struct json *spec, const char *what, bool milli)
{
    if (json_get(json_get(json_get(spec, "resources"), "requests"), what))
        return resource(spec, "requests", what, milli);
    return container_limit(spec, what, milli);
}

const char *pod_qos(const struct json *spec)
{
    static const char *const what[] = { "cpu", "memory" };
    bool any = false, guaranteed = true;
    for (const struct json *c = json_first(json_get(spec, "containers")); c; c = json_next(c))
        for (size_t i = 0; i < ARRAY_LEN(what); i++) {
            int64_t request = container_request(c, what[i], true), limit = container_limit(c, what[i], true);
            any = any || request > 0 || limit > 0;
            guaranteed = guaranteed && limit > 0 && request == limit;
        }
    return !any ? "BestEffort" : guaranteed ? "Guaranteed" : "Burstable";
}

struct cgroup *kubelet_qos_cgroup(struct kubelet *k, const struct json *spec)
{
    const char *qos = pod_qos(spec);
    return strcmp(qos, "BestEffort") == 0 ? k->besteffort : strcmp(qos, "Burstable") == 0 ? k->burstable : k->kubepods;
}

/* ---- addresses ---- */
static int ip_index(const struct kubelet *k, const char *ip)
{
    size_t n = strlen(k->o.pod_cidr_base);
    int64_t last;
    return strncmp(ip, k->o.pod_cidr_base, n) == 0 && str_int(str_c(ip + n), &last) && last > 1 && last < 255 ? (int)last : -1;
}

bool kubelet_ip_take(struct kubelet *k, char ip[64], const char *wanted)
{
    int at = wanted ? ip_index(k, wanted) : -1;
    for (int i = 2; !wanted && i < 255 && at < 0; i++)
        if (!k->ip_used[i])
            at = i;
    if (at < 0 || k->ip_used[at])
        return false;
    k->ip_used[at] = true;
    if (!wanted)
        snprintf(ip, 64, "%s%d", k->o.pod_cidr_base, at);
    return true;
}

void kubelet_ip_release(struct kubelet *k, const char *ip)
{
    int at = ip_index(k, ip);
    if (at >= 0)
        k->ip_used[at] = false;
}

/* ---- the API's pods ---- */
static void on_pod(void *ctx, struct object *o)
{
    struct kubelet *k = ctx;
    const struct json *pod = object_json(o);
    if (!k->source_open)
        return;
    if (meta_annotation(pod, "kubernetes.io/config.mirror").n) {
        mirror_sync(k);
        return;
    }
    struct pod_worker *p = map_get(k->workers, meta_uid(pod));
    if (p)
        pod_update(p, pod);
    else
        pod_worker_new(k, pod, false);
}

static void on_pod_update(void *ctx, struct object *old, struct object *o)
{
    struct kubelet *k = ctx;
    struct pod_worker *p = map_get(k->workers, meta_uid(object_json(old)));
    if (p && !str_eq(meta_uid(object_json(old)), meta_uid(object_json(o))))
        pod_removed(p);                /* deleted and made anew between two looks */
    on_pod(ctx, o);
}

static void on_pod_delete(void *ctx, struct object *o)
{
    struct kubelet *k = ctx;
    struct pod_worker *p = map_get(k->workers, meta_uid(object_json(o)));
    if (p && !p->is_static)
        pod_removed(p);
    mirror_sync(k);
}

struct pod_worker *kubelet_pod(struct kubelet *k, struct str ns, struct str name)
{
    size_t cursor = 0;
    void *value;
    while (map_next(k->workers, &cursor, NULL, &value)) {
        struct pod_worker *p = value;
        if (str_eqc(ns, p->ns) && str_eqc(name, p->name) && !(p->gone && p->step == POD_STOPPED))
            return p;
    }
    return NULL;
}

/* Workers that an agent before this one had, and whose pods are no more: HandlePodCleanups. */
static void orphans_remove(struct kubelet *k, bool resume)
{
    size_t cursor = 0;
    void *value;
    while (map_next(k->workers, &cursor, NULL, &value)) {
        struct pod_worker *p = value;
        struct object *o = informer_get(k->pods, str_c(p->key));
        if (!p->is_static && informer_synced(k->pods) && !(o && str_eqc(meta_uid(object_json(o)), p->uid)))
            pod_removed(p);
        else if (resume)
            pod_resume(p);
    }
    if (resume)
        klog_write(k->o.log, 'I', "reconciler.go:154", "Reconciler: start to sync state");
}

static void sources_open(struct kubelet *k)
{
    if (k->source_open)
        return;
    k->source_open = true;
    timer_stop(&k->open_timer);
    size_t cursor = 0;
    for (struct object *o; informer_next(k->pods, &cursor, &o);)
        on_pod(k, o);
    orphans_remove(k, true);
    file_source_start(k);
}

static void on_open(struct timer *t)
{
    struct kubelet *k = container_of(t, struct kubelet, open_timer);
    bool synced = informer_synced(k->pods) && informer_synced(k->services);
    if (k->source_open && synced)
        orphans_remove(k, false);      /* the list came late */
    else if (synced || vtime_now(k->o.loop) - k->started_ns >= 10 * SECOND)
        sources_open(k);
    if (!synced)
        timer_start(t, 100 * MS);
}

/* ---- the network plugin: CNI is configured when weave runs; the node stays Ready while weave restarts ---- */
void kubelet_network_ready(struct kubelet *k)
{
    if (k->network_ready)
        return;
    k->network_ready = true;
    node_changed(k);
    size_t cursor = 0;
    void *value;
    while (map_next(k->workers, &cursor, NULL, &value)) {
        struct pod_worker *p = value;
        if (p->step == POD_NEW)
            timer_stop(&p->timer);
        pod_kick(p);
    }
}

/* ---- cgroups of the machine ---- */
enum { MIB = 1024 * 1024, KUBELET_NANOCORES = 30 * 1000 * 1000, KUBELET_MEMORY = 88 * MIB };

static struct cgroup *system_group(struct kubelet *k, const char *name, const char *profile, int64_t nanocores, int64_t memory_bytes)
{
    struct cgroup *g = cgroup_new(k->system, name, &(struct cgroup_limits){ 0 }, NULL, NULL);
    cgroup_cpu_ops.set_profile(g, profile, nanocores);
    cgroup_cpu_ops.set_memory(g, memory_bytes);
    return g;
}

static void cgroups_make(struct kubelet *k)
{
    k->cpus = cgroup_tree_new(k->o.loop, k->o.cores, k->o.memory_bytes, &k->cpu_noise);
    struct cgroup *root = cgroup_root(k->cpus);
    k->system = cgroup_new(root, "system.slice", &(struct cgroup_limits){ 0 }, NULL, NULL);
    k->system_kubelet = system_group(k, "kubelet.service", "kubelet", KUBELET_NANOCORES, KUBELET_MEMORY);
    k->system_runtime = system_group(k, "docker.service", "runtime", 25 * 1000 * 1000, 180ll * MIB);
    /* the desktop and what else the virtual machine runs */
    k->system_misc = system_group(k, "user.slice", "idle", 40 * 1000 * 1000, 1128ll * MIB);
    k->kubepods = cgroup_new(root, "kubepods", &(struct cgroup_limits){ .shares = milli_cpu_to_shares(k->o.cores * 1000) }, NULL,
                             NULL);
    k->burstable = cgroup_new(k->kubepods, "burstable", &(struct cgroup_limits){ .shares = 1024 }, NULL, NULL);
    k->besteffort = cgroup_new(k->kubepods, "besteffort", &(struct cgroup_limits){ .shares = 2 }, NULL, NULL);
}

static void cgroups_free(struct kubelet *k)
{
    struct cgroup *all[] = { k->burstable, k->besteffort, k->kubepods, k->system_kubelet, k->system_runtime, k->system_misc,
                             k->system };
    struct sampler *samplers[] = { &k->node_sampler, &k->kubelet_sampler, &k->runtime_sampler, &k->pods_sampler };
    for (size_t i = 0; i < ARRAY_LEN(samplers); i++)
        sampler_stop(samplers[i]);
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (all[i])
            cgroup_free(all[i]);
    if (k->cpus)
        cgroup_tree_free(k->cpus);
}

/* ---- logs reach the disk now and then ---- */
static void logs_save(struct kubelet *k)
{
    size_t cursor = 0;
    void *value;
    while (map_next(k->workers, &cursor, NULL, &value)) {
        struct pod_worker *p = value;
        for (size_t i = 0; i < p->count; i++)
            if (p->containers[i].log && p->containers[i].log->saved < p->containers[i].log->lines_dropped + p->containers[i].log->n)
                container_save_log(&p->containers[i]);
    }
}

static void on_flush(struct timer *t)
{
    timer_start(t, 30 * SECOND);       /* also while the agent is stopped: docker writes them */
    logs_save(container_of(t, struct kubelet, flush_timer));
}

/* ---- life ---- */
static void options_copy(struct kubelet *k, const struct kubelet_options *opt)
{
    k->o = *opt;
    k->o.node_name = arena_strdup(k->arena, opt->node_name);
    k->o.node_ip = arena_strdup(k->arena, opt->node_ip);
    k->o.pod_cidr_base = arena_strdup(k->arena, opt->pod_cidr_base);
    k->o.version = arena_strdup(k->arena, opt->version);
    k->o.stream_prefix = arena_strdup(k->arena, opt->stream_prefix ? opt->stream_prefix : "");
    k->o.etc_hosts = arena_strdup(k->arena, opt->etc_hosts ? opt->etc_hosts : "");
    k->o.manifests_dir = opt->manifests_dir ? arena_strdup(k->arena, opt->manifests_dir) : NULL;
    k->o.log_dir = opt->log_dir ? arena_strdup(k->arena, opt->log_dir) : NULL;
    k->o.cluster_dns = arena_strdup(k->arena, opt->cluster_dns ? opt->cluster_dns : "10.96.0.10");
    k->o.cluster_domain = arena_strdup(k->arena, opt->cluster_domain ? opt->cluster_domain : "cluster.local");
    k->o.max_pods = opt->max_pods ? opt->max_pods : 110;
}

static void clients_make(struct kubelet *k)
{
    struct http_client_options ho = { .from = k->o.node_net, .insecure_skip_verify = true };
    struct arena *a = arena_new();
    k->probe_http = http_client_new(&ho);
    http_client_quote_urls(k->probe_http, k->o.minor >= 19);
    k->events = event_recorder_new(k->o.client, "kubelet", k->o.node_name);
    k->pods = informer_shared(k->o.client, "/api/v1/pods", arena_printf(a, "fieldSelector=spec.nodeName%%3D%s", k->o.node_name));
    k->services = informer_shared(k->o.client, "/api/v1/services", "");
    arena_free(a);
}

struct kubelet *kubelet_new(const struct kubelet_options *opt, struct err *err)
{
    struct kubelet *k = NEW(struct kubelet);
    k->arena = arena_new();
    options_copy(k, opt);
    list_init(&k->pulls);
    list_init(&k->sessions);
    k->workers = map_new();
    k->host_paths = map_new();
    rng_init(&k->rng, opt->loop, arena_printf(k->arena, "%skubelet", k->o.stream_prefix));
    rng_init(&k->cpu_noise, opt->loop, arena_printf(k->arena, "%skubelet/cpu", k->o.stream_prefix));
    k->node_ref = json_buildf(k->arena, "{'kind':'Node','metadata':{'name':%s,'uid':%s}}", k->o.node_name, k->o.node_name);
    timer_init(&k->open_timer, opt->loop, on_open);
    timer_init(&k->flush_timer, opt->loop, on_flush);
    trouble_init(k);
    cgroups_make(k);
    clients_make(k);
    node_init(k);
    if (!server_make(k, err)) {
        kubelet_free(k);
        return NULL;
    }
    return k;
}

static void samplers_start(struct kubelet *k)
{
    if (k->samplers_on)
        return;
    k->samplers_on = true;
    sampler_start(&k->node_sampler, k->o.loop, &k->rng, cgroup_root(k->cpus));
    sampler_start(&k->kubelet_sampler, k->o.loop, &k->rng, k->system_kubelet);
    sampler_start(&k->runtime_sampler, k->o.loop, &k->rng, k->system_runtime);
    sampler_start(&k->pods_sampler, k->o.loop, &k->rng, k->kubepods);
}

void kubelet_start(struct kubelet *k)
{
    k->started = true;
    k->started_ns = vtime_now(k->o.loop);
    samplers_start(k);
    k->pods_handler = (struct informer_handler){ .on_add = on_pod, .on_update = on_pod_update, .on_delete = on_pod_delete, .ctx = k };
    informer_add_handler(k->pods, &k->pods_handler);
    node_start(k);
    timer_start(&k->open_timer, 0);
    timer_start(&k->flush_timer, 30 * SECOND);
    trouble_start(k);
}

/* ---- the agent alone: systemctl stop kubelet ---- */
void kubelet_stop(struct kubelet *k)
{
    if (k->stopped)
        return;
    k->stopped = true;
    if (k->started)
        informer_remove_handler(k->pods, &k->pods_handler);
    k->started = k->source_open = false;
    timer_stop(&k->open_timer);
    timer_stop(&k->evict_timer);
    server_free(k);
    k->http = NULL;
    k->auth = NULL;
    node_stop(k);
    k->node = (struct node_status){ 0 };
    file_source_stop(k);
    k->files = (struct file_source){ 0 };
    size_t cursor = 0;
    void *value;
    while (map_next(k->workers, &cursor, NULL, &value))
        pod_pause(value);
    puller_stop(k);
    if (k->events)
        event_recorder_free(k->events);
    k->events = NULL;
    k->pods = k->services = NULL;
    k->o.client = NULL;
    k->o.log = NULL;
    cgroup_cpu_ops.set_profile(k->system_kubelet, "kubelet", 0);
    cgroup_cpu_ops.set_memory(k->system_kubelet, 0);
}

bool kubelet_again(struct kubelet *k, const struct kubelet_options *opt, struct err *err)
{
    ASSERT(k->stopped);
    options_copy(k, opt);
    http_client_free(k->probe_http);
    clients_make(k);
    node_init(k);
    k->stopped = false;
    cgroup_cpu_ops.set_profile(k->system_kubelet, "kubelet", KUBELET_NANOCORES);
    cgroup_cpu_ops.set_memory(k->system_kubelet, KUBELET_MEMORY);
    if (server_make(k, err))
        return true;
    kubelet_stop(k);
    return false;
}

void kubelet_usage(struct kubelet *k, struct kubelet_usage *out)
{
    struct cgroup_stats st;
    cgroup_stats(k->system_kubelet, &st);
    *out = (struct kubelet_usage){ st.cpu_ns, st.memory_bytes };
}

static void drop_vfs(void *v) { vfs_free(v); }

void kubelet_free(struct kubelet *k)
{
    if (!k)
        return;
    if (timer_active(&k->flush_timer))
        logs_save(k);
    timer_stop(&k->flush_timer);
    kubelet_stop(k);
    trouble_free(k);
    size_t cursor = 0;
    void *value;
    while (map_next(k->workers, &cursor, NULL, &value))
        pod_worker_free(value);
    map_free(k->workers, NULL);
    map_free(k->host_paths, drop_vfs);
    if (k->events)
        event_recorder_free(k->events);
    if (k->probe_http)
        http_client_free(k->probe_http);
    cgroups_free(k);
    arena_free(k->arena);
    free(k);
}
