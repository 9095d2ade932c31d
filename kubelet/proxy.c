/* kubelet/proxy.c - kube-proxy, a program like any other: watches Services and Endpoints as its service account, and programs the
 * node's Service addresses.
 *
 * Upstream: cmd/kube-proxy, pkg/proxy/iptables. It reads the mounted configuration (config.conf, kubeconfig.conf) and its token,
 * and writes rules: here vip_set on the network of its process. Changes within 100 ms are written together. Simplified: no
 * session affinity, no node ports from outside.
 */
#include "kubelet/kubelet_priv.h"

#include <stdlib.h>

struct kube_proxy {
    struct process  *process;
    struct arena    *arena;
    struct client   *client;
    struct trust    *roots;
    char            *token;
    struct informer *services, *endpoints;
    struct informer_handler on_service, on_endpoints;
    struct event_recorder *events;
    struct map      *rules;            /* "ip:port/proto" -> struct rule * */
    struct timer     sync;
    bool             synced;           /* at least once */
};
struct rule { char ip[64], proto[8]; int port; bool seen; };

static struct str token_of(void *ctx) { return str_c(((struct kube_proxy *)ctx)->token); }

/* ---- rules ---- */
enum { BACKENDS_MAX = 1024 };

/* The ready addresses behind one port of a Service. */
static size_t backends(const struct json *endpoints, struct str port_name, struct vip_backend *out)
{
    size_t n = 0;
    for (const struct json *s = json_first(json_get(endpoints, "subsets")); s; s = json_next(s))
        for (const struct json *p = json_first(json_get(s, "ports")); p; p = json_next(p)) {
            if (!str_eq(json_get_str(p, "name"), port_name))
                continue;
            for (const struct json *a = json_first(json_get(s, "addresses")); a && n < BACKENDS_MAX; a = json_next(a)) {
                struct str ip = str_sub(json_get_str(a, "ip"), 0, sizeof out[n].ip - 1);
                memset(&out[n], 0, sizeof out[n]);
                memcpy(out[n].ip, ip.p ? ip.p : "", ip.n);
                out[n++].port = (int)json_get_int(p, "port", 0);
            }
        }
    return n;
}

static void set_rule(struct kube_proxy *x, const char *ip, int port, const char *proto, const struct vip_backend *b, size_t n)
{
    char *key = arena_printf(x->arena, "%s:%d/%s", ip, port, proto);
    struct rule *r = map_getc(x->rules, key);
    if (!r) {
        r = NEW(struct rule);
        kubelet_copy(r->ip, sizeof r->ip, ip);
        kubelet_copy(r->proto, sizeof r->proto, proto);
        r->port = port;
        map_putc(x->rules, key, r);
    }
    r->seen = true;
    vip_set(process_options(x->process)->net, ip, port, proto, b, n);
}

static void write_service(struct kube_proxy *x, const struct json *svc)
{
    struct str ip = json_path_str(svc, "spec.clusterIP");
    if (!ip.n || str_eqc(ip, "None"))
        return;
    struct arena *a = arena_new();
    struct object *o = informer_get(x->endpoints, meta_key(a, svc));
    struct vip_backend *b = arena_zalloc(a, BACKENDS_MAX * sizeof *b);
    for (const struct json *p = json_first(json_path(svc, "spec.ports")); p; p = json_next(p)) {
        struct str proto = json_get_str(p, "protocol");
        size_t n = o ? backends(object_json(o), json_get_str(p, "name"), b) : 0;
        set_rule(x, arena_cstr(a, ip), (int)json_get_int(p, "port", 0), proto.n ? arena_cstr(a, proto) : "TCP", b, n);
    }
    arena_free(a);
}

static void drop_rules(struct kube_proxy *x, bool all)
{
    size_t cursor = 0;
    struct str key;
    void *value;
    while (map_next(x->rules, &cursor, &key, &value)) {
        struct rule *r = value;
        if (r->seen && !all)
            continue;
        vip_remove(process_options(x->process)->net, r->ip, r->port, r->proto);
        map_take(x->rules, key);
        free(r);
    }
}

static void on_sync(struct timer *t)
{
    struct kube_proxy *x = container_of(t, struct kube_proxy, sync);
    if (!informer_synced(x->services) || !informer_synced(x->endpoints)) {
        timer_start(t, 100 * MS);
        return;
    }
    size_t cursor = 0;
    struct str key;
    void *value;
    /* what the kube-proxy before has left; the table is replaced as a whole, as by iptables-restore */
    if (!x->synced)
        vip_clear(process_options(x->process)->net);
    x->synced = true;
    while (map_next(x->rules, &cursor, &key, &value))
        ((struct rule *)value)->seen = false;
    cursor = 0;
    for (struct object *o; informer_next(x->services, &cursor, &o);)
        write_service(x, object_json(o));
    drop_rules(x, false);
    arena_reset(x->arena);
}

static void changed(struct kube_proxy *x)
{
    if (!timer_active(&x->sync))
        timer_start(&x->sync, 100 * MS);
}

static void on_change(void *ctx, struct object *o)
{
    (void)o;
    changed(ctx);
}

/* Leader election writes its lock into Endpoints every two seconds: only what rules are made of counts. */
static void on_endpoints_update(void *ctx, struct object *old, struct object *o)
{
    if (old != o && !json_equal(json_get(object_json(old), "subsets"), json_get(object_json(o), "subsets")))
        changed(ctx);
}

static void on_service_update(void *ctx, struct object *old, struct object *o)
{
    if (old != o)
        changed(ctx);
}

/* ---- configuration ---- */
static bool mounted(struct kube_proxy *x, const char *path, struct str *out, struct err *err)
{
    return vfs_read(process_options(x->process)->files, path, out) ||
           err_set(err, ERR_NOT_FOUND, "open %s: no such file or directory", path);
}

static bool configure(struct kube_proxy *x, struct arena *a, const char **server, struct err *err)
{
    const char *config = "/var/lib/kube-proxy/config.conf";
    struct str text, ca, token;
    for (char **v = process_options(x->process)->argv; *v; v++)
        if (strncmp(*v, "--config=", 9) == 0)
            config = *v + 9;
    if (!mounted(x, config, &text, err))
        return err_prefix(err, "failed complete: ");
    struct json *c = yaml_parse(a, text, err);
    const char *kubeconfig = c ? arena_cstr(a, json_path_str(c, "clientConnection.kubeconfig")) : "";
    if (!c || !mounted(x, kubeconfig, &text, err))
        return false;
    struct json *k = yaml_parse(a, text, err), *cluster = json_get(json_at(json_get(k, "clusters"), 0), "cluster"),
                *user = json_get(json_at(json_get(k, "users"), 0), "user");
    if (!k || !mounted(x, arena_cstr(a, json_get_str(cluster, "certificate-authority")), &ca, err) ||
        !mounted(x, arena_cstr(a, json_get_str(user, "tokenFile")), &token, err))
        return false;
    *server = arena_cstr(a, json_get_str(cluster, "server"));
    x->token = xstrdup(arena_cstr(a, str_trim(token)));
    return trust_add_pem(x->roots, ca, err);
}

/* ---- life ---- */
static void stop(void *state)
{
    struct kube_proxy *x = state;
    timer_stop(&x->sync);
    if (x->client) {
        informer_remove_handler(x->services, &x->on_service);
        informer_remove_handler(x->endpoints, &x->on_endpoints);
        event_recorder_free(x->events);
        client_free(x->client);
    }
    /* What was programmed stays, as iptables rules do when kube-proxy dies. */
    map_free(x->rules, free);
    trust_free(x->roots);
    free(x->token);
    arena_free(x->arena);
    free(x);
}

static void load(struct process *p)
{
    const struct process_options *o = process_options(p);
    const struct json *l = json_get(o->image, "load");
    struct arena *a = arena_new();
    if (o->cpu && o->cgroup)
        o->cpu->set_profile(o->cgroup, arena_cstr(a, json_get_str(l, "profile")), json_get_int(l, "mean_nanocores", 0));
    process_set_memory(p, json_get_int(l, "memory_bytes", 20 * 1024 * 1024));
    arena_free(a);
}

static void *start(struct process *p, struct err *err)
{
    const struct process_options *o = process_options(p);
    struct kube_proxy *x = NEW(struct kube_proxy);
    struct arena *a = arena_new();
    struct err why = { 0 };
    const char *server = "";
    (void)err;
    x->process = p;
    x->arena = arena_new();
    x->roots = trust_new();
    x->rules = map_new();
    timer_init(&x->sync, o->loop, on_sync);
    load(p);
    if (!configure(x, a, &server, &why)) {
        process_printf(p, 2, "F server.go:490] %s\n", why.msg);
        process_exit(p, 255);
    } else {
        const char *host = process_getenv(p, "NODE_NAME");
        struct client_options co = { .from = o->net, .server = server, .roots = x->roots, .token = token_of, .token_ctx = x,
                                     .user_agent = "kube-proxy/v1 (linux/amd64) kubernetes", .name = "kube-proxy" };
        x->client = client_new(&co);
        x->events = event_recorder_new(x->client, "kube-proxy", o->node_name);
        x->services = informer_shared(x->client, "/api/v1/services", "");
        x->endpoints = informer_shared(x->client, "/api/v1/endpoints", "");
        x->on_service = (struct informer_handler){ .on_add = on_change, .on_update = on_service_update, .on_delete = on_change,
                                                   .ctx = x };
        x->on_endpoints = (struct informer_handler){ .on_add = on_change, .on_update = on_endpoints_update, .on_delete = on_change,
                                                     .ctx = x };
        informer_add_handler(x->services, &x->on_service);
        informer_add_handler(x->endpoints, &x->on_endpoints);
        timer_start(&x->sync, 100 * MS);
        struct json *ref = json_buildf(a, "{'kind':'Node','metadata':{'name':%s,'uid':%s}}", host ? host : o->node_name,
                                       host ? host : o->node_name);
        event_record(x->events, ref, NULL, "Normal", "Starting", "Starting kube-proxy.");
    }
    err_clear(&why);
    arena_free(a);
    return x;
}

static void on_signal(void *state, int signo)
{
    struct kube_proxy *x = state;
    if (signo == 15 || signo == 2)
        process_exit(x->process, 0);
}

const struct program_ops kube_proxy_program = { .name = "kube-proxy", .start = start, .signal = on_signal, .stop = stop };
