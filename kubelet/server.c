/* kubelet/server.c - the kubelet's HTTPS server: who may ask, and what there is to ask.
 *
 * Upstream: pkg/kubelet/server/{server,auth}.go. Every request is authenticated and authorized by the API server (delegated), as
 * access to the subresource of this node that its path stands for: stats, metrics, log, spec, and proxy for all else. /exec and
 * the like are in streaming.c.
 */
#include "kubelet/app_priv.h"
#include "kubelet/kubelet_priv.h"

#include <stdlib.h>

#define TEXT "text/plain; charset=utf-8"

void reply_text(struct http_exchange *x, int status, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    http_respond(x, status, NULL, TEXT, arena_vstrf(x->arena, fmt, ap));
    va_end(ap);
}

/* ---- a view of the node for the statistics ---- */
static const char *cgroup_path(struct arena *a, const struct pod_worker *p)
{
    const char *qos = pod_qos(json_get(p->pod, "spec"));
    return strcmp(qos, "Guaranteed") == 0 ? arena_printf(a, "/kubepods/pod%s", p->uid)
                                          : arena_printf(a, "/kubepods/%s/pod%s",
                                                         strcmp(qos, "Burstable") == 0 ? "burstable" : "besteffort", p->uid);
}

static void view_container(struct arena *a, const struct container *c, const char *pod_path, struct stats_container *out)
{
    const char *id = strstr(c->id, "://");
    *out = (struct stats_container){
        .name = c->name, .id = arena_printf(a, "%s/%s", pod_path, id ? id + 3 : ""), .image = c->image ? c->image : "",
            .s = &c->sampler, .started_ns = c->started_ns,
        .memory_limit_bytes = container_limit(c->spec, "memory", false),
        .shares = milli_cpu_to_shares(container_request(c->spec, "cpu", true)),
        .quota_us = milli_cpu_to_quota(container_limit(c->spec, "cpu", true), 100000),
    };
}

static bool view_pod(struct arena *a, const struct pod_worker *p, struct stats_pod *out)
{
    if (!p->cgroup)
        return false;
    *out = (struct stats_pod){ .name = p->name, .ns = p->ns, .uid = p->uid, .cgroup_path = cgroup_path(a, p),
                               .started_ns = p->start_ns, .s = &p->sampler,
                               .host_network = pod_hostnetwork(p), .shares = 2 };
    out->containers = arena_zalloc(a, (p->count + 1) * sizeof *out->containers);
    for (size_t i = 0; i < p->count; i++)
        if (p->containers[i].state == CONTAINER_RUNNING && p->containers[i].process)
            view_container(a, &p->containers[i], out->cgroup_path, &out->containers[out->count++]);
    const struct json *volumes = json_path(p->pod, "spec.volumes");
    out->volumes = arena_zalloc(a, (json_len(volumes) + 1) * sizeof *out->volumes);
    for (const struct json *v = json_first(volumes); v; v = json_next(v))
        if (!json_get(v, "hostPath"))
            out->volumes[out->volume_count++] = arena_cstr(a, json_get_str(v, "name"));
    return out->count > 0;
}

/* A machine whose clock is wrong stamps its samples with what it takes for now. */
static const struct sampler *stamped(struct kubelet *k, struct arena *a, const struct sampler *s)
{
    int64_t skew_ns = vnet_host_now(k->o.node_net) - vtime_now(k->o.loop);
    if (!skew_ns || !s->samples)
        return s;
    struct sampler *copy = arena_alloc(a, sizeof *copy);
    *copy = *s;
    copy->prev.time_ns += skew_ns;
    copy->last.time_ns += skew_ns;
    return copy;
}

static void stamp_all(struct kubelet *k, struct arena *a, struct stats_node *n)
{
    n->s = stamped(k, a, n->s);
    for (size_t i = 0; i < n->system_count; i++)
        n->system[i].s = stamped(k, a, n->system[i].s);
    for (size_t i = 0; i < n->pod_count; i++) {
        n->pods[i].s = stamped(k, a, n->pods[i].s);
        for (size_t j = 0; j < n->pods[i].count; j++)
            n->pods[i].containers[j].s = stamped(k, a, n->pods[i].containers[j].s);
    }
}

static struct stats_node *view(struct kubelet *k, struct arena *a)
{
    struct stats_node *n = ARENA_NEW(a, struct stats_node);
    *n = (struct stats_node){ .name = k->o.node_name, .version = k->o.version, .minor = k->o.minor, .boot_ns = k->o.boot_ns,
                              .capacity_memory_bytes = k->o.memory_bytes,
                              .cores = k->o.cores, .s = &k->node_sampler };
    struct stats_container system[] = { { .name = "kubelet", .id = "/system.slice/kubelet.service", .s = &k->kubelet_sampler,
                                          .started_ns = k->o.boot_ns },
                                        { .name = "runtime", .id = "/system.slice/docker.service", .s = &k->runtime_sampler,
                                          .started_ns = k->o.boot_ns },
                                        { .name = "pods", .id = "/kubepods", .s = &k->pods_sampler, .started_ns = k->o.boot_ns } };
    n->system = arena_alloc(a, sizeof system);
    memcpy(n->system, system, sizeof system);
    n->system_count = ARRAY_LEN(system);
    n->pods = arena_zalloc(a, (map_len(k->workers) + 1) * sizeof *n->pods);
    size_t cursor = 0;
    void *value;
    while (map_next(k->workers, &cursor, NULL, &value))
        n->pod_count += view_pod(a, value, &n->pods[n->pod_count]);
    stamp_all(k, a, n);
    return n;
}

/* ---- plain answers ---- */
static void serve_healthz(struct kubelet *k, struct http_exchange *x)
{
    (void)k;
    http_respond(x, 200, NULL, TEXT, STR("ok"));
}

typedef void stats_writer(struct arena *a, const struct stats_node *n, struct strbuf *out);
struct stats_job { struct timer late; struct kubelet *k; struct http_exchange *x; const char *type; stats_writer *write; bool empty; };

static void stats_answer(struct stats_job *job)
{
    struct http_exchange *x = job->x;
    struct stats_node *n = view(job->k, x->arena);
    struct strbuf out;
    strbuf_init(&out, LIMIT_RESPONSE_BYTES);
    if (job->empty)
        n->pod_count = 0;
    job->write(x->arena, n, &out);
    x->on_gone = NULL;
    http_respond(x, 200, NULL, job->type, arena_str(x->arena, strbuf_str(&out)));
    strbuf_deinit(&out);
}

static void on_stats_late(struct timer *t) { stats_answer(container_of(t, struct stats_job, late)); }
static void stats_gone(struct http_exchange *x) { timer_stop(&((struct stats_job *)x->ctx)->late); }

static void serve_stats(struct kubelet *k, struct http_exchange *x, const char *type, stats_writer *write)
{
    struct fault *f = kubelet_stats_fault(k);
    const char *how = f ? fault_text(f, "how") : "";
    struct stats_job *job = ARENA_NEW(x->arena, struct stats_job);
    *job = (struct stats_job){ .k = k, .x = x, .type = type, .write = write, .empty = strcmp(how, "empty") == 0 };
    if (strcmp(how, "error") == 0) {
        reply_text(x, 500, "Internal Error: failed to list pod stats: failed to get pod or container map: failed to list all "
                           "containers: "
                           "operation timeout: context deadline exceeded");
    } else if (strcmp(how, "slow") == 0) {
        timer_init(&job->late, k->o.loop, on_stats_late);
        timer_start(&job->late, fault_number(f, "delay"));
        x->ctx = job;
        x->on_gone = stats_gone;
    } else {
        stats_answer(job);
    }
}

static void summary_all(struct arena *a, const struct stats_node *n, struct strbuf *out) { stats_summary(a, n, false, out); }
static void summary_only(struct arena *a, const struct stats_node *n, struct strbuf *out) { stats_summary(a, n, true, out); }

static void serve_summary(struct kubelet *k, struct http_exchange *x)
{
    serve_stats(k, x, "application/json", str_eqc(query_get(&x->query, "only_cpu_and_memory"), "true") ? summary_only : summary_all);
}

#define PROMETHEUS "text/plain; version=0.0.4; charset=utf-8"
static void serve_cadvisor(struct kubelet *k, struct http_exchange *x) { serve_stats(k, x, PROMETHEUS, stats_cadvisor); }
static void serve_resource(struct kubelet *k, struct http_exchange *x) { serve_stats(k, x, PROMETHEUS, stats_resource); }

static void serve_metrics(struct kubelet *k, struct http_exchange *x)
{
    size_t containers = 0, pods = 0, cursor = 0;
    void *value;
    while (map_next(k->workers, &cursor, NULL, &value)) {
        const struct pod_worker *p = value;
        pods += p->step == POD_RUNNING;
        for (size_t i = 0; i < p->count; i++)
            containers += p->containers[i].state == CONTAINER_RUNNING;
    }
    const char *c = k->o.minor < 18 ? "kubelet_running_container_count" : "kubelet_running_containers",
               *p = k->o.minor < 18 ? "kubelet_running_pod_count" : "kubelet_running_pods";
    http_respond(x, 200, NULL, PROMETHEUS, arena_strf(x->arena,
        "# HELP kubelet_node_name The node's name. The count is always 1.\n# TYPE kubelet_node_name "
        "gauge\nkubelet_node_name{node=\"%s\"} 1\n"
        "# HELP %s Number of containers currently running\n# TYPE %s gauge\n%s %zu\n# HELP %s Number of pods currently running\n# "
        "TYPE %s gauge\n%s %zu\n"
        "# HELP process_start_time_seconds Start time of the process since unix epoch in seconds.\n# TYPE "
        "process_start_time_seconds gauge\nprocess_start_time_seconds %.2f\n",
        k->o.node_name, c, c, c, containers, p, p, p, pods, (double)k->started_ns / 1e9));
}

static void serve_pods(struct kubelet *k, struct http_exchange *x)
{
    struct json *items = json_new_array(x->arena);
    size_t cursor = 0;
    void *value;
    while (map_next(k->workers, &cursor, NULL, &value)) {
        struct json *pod = json_copy(x->arena, ((struct pod_worker *)value)->pod);
        json_remove(pod, "kind");
        json_remove(pod, "apiVersion");
        json_set(x->arena, pod, "status", pod_status(value, x->arena));
        json_append(items, pod);
    }
    http_respond(x, 200, NULL, "application/json",
                 json_text(x->arena, json_buildf(x->arena, "{'kind':'PodList','apiVersion':'v1','metadata':{},'items':%j}", items)));
}

static void serve_spec(struct kubelet *k, struct http_exchange *x)
{
    http_respond(x, 200, NULL, "application/json", json_text(x->arena, json_buildf(x->arena,
        "{'num_cores':%d,'cpu_frequency_khz':2592000,'memory_capacity':%d,'machine_id':%s,'system_uuid':%s,'boot_id':%s}",
        (int64_t)k->o.cores, k->o.memory_bytes, k->node.machine_id, k->node.system_uuid, k->node.boot_id)));
}

static const struct { const char *path; int since, before; void (*serve)(struct kubelet *, struct http_exchange *); } pages[] = {
    { "/healthz", 0, 99, serve_healthz },          { "/pods", 0, 99, serve_pods },             { "/pods/", 0, 99, serve_pods },
    { "/runningpods/", 0, 99, serve_pods },
    { "/stats/summary", 0, 99, serve_summary },    { "/metrics", 0, 99, serve_metrics },       { "/spec/", 0, 99, serve_spec },
    { "/spec", 0, 99, serve_spec },
    { "/metrics/cadvisor", 0, 99, serve_cadvisor }, { "/metrics/resource", 18, 99, serve_resource },
    { "/metrics/resource/v1alpha1", 14, 20, serve_resource },
};

/* ---- pages about one container: /verb/namespace/pod[/uid]/container ---- */
struct target { struct str parts[5]; size_t n; };

static void split(struct str path, struct target *t)
{
    struct str rest = str_sub(path, 1, path.n);
    t->n = 0;
    while (rest.p && t->n < ARRAY_LEN(t->parts))
        t->parts[t->n++] = str_token(&rest, '/');
}

static bool serve_target(struct kubelet *k, struct http_exchange *x)
{
    struct target t;
    split(x->path, &t);
    struct str verb = t.n ? t.parts[0] : STR_NULL;
    bool logs = str_eqc(verb, "containerLogs"), forward = str_eqc(verb, "portForward"), exec = str_eqc(verb, "exec"),
         attach = str_eqc(verb, "attach"), run = str_eqc(verb, "run");
    if (!(logs || forward || exec || attach || run) || t.n < (forward ? 3u : 4u))
        return false;
    struct pod_worker *p = kubelet_pod(k, t.parts[1], t.parts[2]);
    struct container *c = p && !forward ? pod_container(p, t.parts[t.n - 1]) : NULL;
    if (!p)
        http_respond(x, 404, NULL, TEXT,
                     logs ? arena_strf(x->arena, "pod \"" STR_FMT "\" does not exist\n", STR_ARG(t.parts[2]))
                     : STR("pod does not exist"));
    else if (forward)
        serve_port_forward(k, x, p);
    else if (!c && logs)
        reply_text(x, 404, "container \"" STR_FMT "\" not found in pod \"%s\"\n", STR_ARG(t.parts[t.n - 1]), p->name);
    else if (logs)
        serve_logs(k, x, p, c);
    else if (!c || c->state != CONTAINER_RUNNING || !c->process)
        reply_text(x, 500, "container not found (\"" STR_FMT "\")", STR_ARG(t.parts[t.n - 1]));
    else if (exec)
        serve_exec(k, x, p, c);
    else if (attach)
        serve_attach(k, x, p, c);
    else
        serve_run(k, x, c);
    return true;
}

static void serve(struct kubelet *k, struct http_exchange *x)
{
    for (size_t i = 0; i < ARRAY_LEN(pages); i++)
        if (str_eqc(x->path, pages[i].path) && k->o.minor >= pages[i].since && k->o.minor < pages[i].before) {
            pages[i].serve(k, x);
            return;
        }
    if (!serve_target(k, x))
        reply_text(x, 404, "404 page not found\n");
}

/* ---- who may ---- */
static const char *verb_of(struct str method)
{
    static const char *const table[][2] = { { "GET", "get" }, { "HEAD", "get" }, { "POST", "create" }, { "PUT", "update" },
                                            { "PATCH", "patch" }, { "DELETE", "delete" } };
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (str_eqc(method, table[i][0]))
            return table[i][1];
    return "";
}

static const char *subresource_of(struct str path)
{
    static const char *const table[][2] = { { "/stats", "stats" }, { "/metrics", "metrics" }, { "/logs", "log" },
                                            { "/spec", "spec" } };
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (str_starts(path, table[i][0]) && (path.n == strlen(table[i][0]) || path.p[strlen(table[i][0])] == '/'))
            return table[i][1];
    return "proxy";
}

static void checked(void *ctx, struct http_exchange *x, const struct delegated_user *u, int status, const char *reason)
{
    struct kubelet *k = ctx;
    const char *verb = verb_of(x->method), *sub = subresource_of(x->path), *user = u ? arena_cstr(x->arena, u->name) : "";
    (void)reason;
    if (status == 200 || (k->o.always_allow && status != 401))
        serve(k, x);
    else if (status == 401)
        reply_text(x, 401, "Unauthorized");
    else if (status == 403)
        reply_text(x, 403, "Forbidden (user=%s, verb=%s, resource=nodes, subresource=%s)", user, verb, sub);
    else
        reply_text(x, 500, "Authorization error (user=%s, verb=%s, resource=nodes, subresource=%s)", user, verb, sub);
}

static void on_request(void *ctx, struct http_exchange *x)
{
    struct kubelet *k = ctx;
    struct delegated_attributes at = { .is_resource = true, .verb = verb_of(x->method), .version = "v1", .resource = "nodes",
                                       .subresource = subresource_of(x->path),
                                       .name = k->o.node_name, .path = arena_cstr(x->arena, x->path) };
    delegated_auth_check(k->auth, x, &at, checked, k);
}

static void auth_trouble(void *ctx, const char *text)
{
    struct kubelet *k = ctx;
    if (k->o.log)
        klog_write(k->o.log, 'E', "server.go:253", "%s", text);
}

bool server_make(struct kubelet *k, struct err *err)
{
    struct delegated_auth_options ao = { .client = k->o.client, .review_version = k->o.minor < 19 ? "v1beta1" : "v1",
                                         .anonymous = k->o.anonymous, .no_tokens = k->o.no_tokens, .token_ttl_ns = 120 * SECOND,
                                         .allow_ttl_ns = 300 * SECOND, .deny_ttl_ns = 30 * SECOND, .trouble = auth_trouble,
                                         .trouble_ctx = k };
    struct http_server_options so = { .loop = k->o.loop, .name = "kubelet", .handler = on_request, .ctx = k,
                                      .identity = k->o.serving, .identity_ctx = k->o.serving_ctx, .no_identity = k->o.no_identity,
                                      .request_client_cert = true };
    k->auth = delegated_auth_new(&ao);
    delegated_auth_set_client_ca(k->auth, k->o.client_ca);
    k->http = http_server_new(&so, err);
    return k->http && http_server_listen_vnet(k->http, k->o.node_net, NULL, k->o.port, err);
}

void server_free(struct kubelet *k)
{
    streaming_stop(k);
    if (k->http)
        http_server_free(k->http);
    if (k->auth)
        delegated_auth_free(k->auth);
}
