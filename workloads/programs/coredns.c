/* workloads/programs/coredns.c - CoreDNS with the plugins of kubeadm's Corefile: kubernetes, forward, health, ready.
 *
 * Watches Services and Endpoints as its service account. A Service's name gives its cluster address, a headless one's
 * the addresses of its endpoints, 10-32-0-5.ns.pod.cluster.local the address it spells (pods insecure). Names outside
 * of cluster.local are forwarded to the resolver of /etc/resolv.conf, the node's, as dnsPolicy Default has it.
 * Upstream: coredns plugin/kubernetes v1.6.2.
 */
#include "sim/client/client.h"
#include "workloads/programs/programs_priv.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { QUERY_CPU_NS = 60 * 1000 };     /* of one query: a cached answer of CoreDNS takes some tens of microseconds */
enum { DEBT_NS = 2 * 1000 * 1000 };    /* owed before it is consumed: the cores are not shared out anew for each query */
#define ZONE ".cluster.local"

struct forward {                       /* a query that the node's resolver is asked */
    struct list       node;
    struct dns_query *query;
    struct dns_lookup lookup;
};

struct coredns {
    struct process       *process;
    struct arena         *arena;       /* token and names of the client */
    struct str            token;
    struct trust         *roots;
    struct client        *client;
    struct informer      *services, *endpoints;
    struct dns_listener  *dns;
    struct health_server *health, *ready, *metrics;
    struct list           forwards;
    struct cpu_work       work;        /* queries' CPU */
    int64_t               owed_ns;
};

static struct str bearer(void *ctx) { return ((struct coredns *)ctx)->token; }
static bool is_ready(void *ctx)
{
    struct coredns *c = ctx;
    return c->services && informer_synced(c->services) && informer_synced(c->endpoints);
}

static const struct health_route health_routes[] = { { "/health", 200, "text/plain; charset=utf-8", "OK", NULL }, { 0 } };
static const struct health_route ready_routes[] = { { "/ready", 200, "text/plain; charset=utf-8", "OK", is_ready }, { 0 } };
static const struct health_route metrics_routes[] = {
    { "/metrics", 200, "text/plain; version=0.0.4",
      "# TYPE coredns_build_info gauge\ncoredns_build_info{version=\"1.6.2\"} 1\n", NULL },
    { 0 }
};

/* ---- CPU ---- */
static void pay(struct coredns *c)
{
    if (c->work.running || c->owed_ns < DEBT_NS)
        return;
    int64_t ns = c->owed_ns;
    c->owed_ns = 0;
    process_cpu(c->process, &c->work, ns);
}

static void paid(struct cpu_work *w)
{
    pay(container_of(w, struct coredns, work));
}

/* ---- answers ---- */
static void add_ip(struct dns_answer *answer, struct str ip)
{
    if (answer->ip_count >= ARRAY_LEN(answer->ips) || ip.n == 0 || ip.n >= sizeof answer->ips[0])
        return;
    memcpy(answer->ips[answer->ip_count], ip.p, ip.n);
    answer->ips[answer->ip_count++][ip.n] = 0;
}

static void answer_headless(struct coredns *c, struct str key, struct str host, struct dns_answer *answer)
{
    struct object *o = informer_get(c->endpoints, key);
    const struct json *subsets = o ? json_get(object_json(o), "subsets") : NULL;
    for (const struct json *s = json_first(subsets); s; s = json_next(s))
        for (const struct json *addr = json_first(json_get(s, "addresses")); addr; addr = json_next(addr))
            if (!host.n || str_eq(host, json_get_str(addr, "hostname")))
                add_ip(answer, json_get_str(addr, "ip"));
}

static void answer_service(struct coredns *c, struct str host, struct str name, struct str ns, struct dns_answer *answer)
{
    char text[256];                                /* a name is no longer, and so are not its parts */
    text_format(text, sizeof text, STR_FMT "/" STR_FMT, STR_ARG(ns), STR_ARG(name));
    struct str key = str_c(text);
    struct object *o = informer_get(c->services, key);
    struct str ip = o ? json_path_str(object_json(o), "spec.clusterIP") : STR_NULL;
    if (str_eqc(ip, "None"))
        answer_headless(c, key, host, answer);
    else if (!host.n)
        add_ip(answer, ip);
    answer->nxdomain = answer->ip_count == 0;
}

static void answer_pod(struct str dashed, struct dns_answer *answer)
{
    char ip[256];
    text_put(ip, sizeof ip, dashed);
    for (char *p = ip; *p; p++)
        if (*p == '-')
            *p = '.';
    int parts[4];
    char rest;
    if (sscanf(ip, "%d.%d.%d.%d%c", &parts[0], &parts[1], &parts[2], &parts[3], &rest) == 4)
        add_ip(answer, str_c(ip));
    answer->nxdomain = answer->ip_count == 0;
}

/* name without the zone: "web1.default.svc", "10-32-0-5.default.pod", "host.web1.default.svc" */
static void answer_cluster(struct coredns *c, struct str name, struct dns_answer *answer)
{
    struct str parts[5] = { STR_NULL };
    size_t n = 0;
    for (struct str rest = name; rest.p && n < ARRAY_LEN(parts); n++)
        parts[n] = str_token(&rest, '.');
    answer->nxdomain = true;
    if (n == 3 && str_eqc(parts[2], "svc"))
        answer_service(c, STR_NULL, parts[0], parts[1], answer);
    else if (n == 4 && str_eqc(parts[3], "svc"))
        answer_service(c, parts[0], parts[1], parts[2], answer);
    else if (n == 3 && str_eqc(parts[2], "pod"))
        answer_pod(parts[0], answer);
}

/* ---- forward ---- */
static void forward_free(struct forward *f)
{
    list_remove(&f->node);
    free(f);
}

static void forwarded(struct dns_lookup *q, const struct err *err)
{
    struct forward *f = container_of(q, struct forward, lookup);
    struct dns_query *query = f->query;
    bool missing = err && str_ends(str_c(err->msg), "no such host");
    query->answer = (struct dns_answer){ .nxdomain = missing, .servfail = err && !missing, .ip_count = err ? 0 : q->ip_count };
    memcpy(query->answer.ips, q->ips, sizeof query->answer.ips);
    forward_free(f);
    query->reply(query);
}

static void forward(struct coredns *c, struct dns_query *query)
{
    struct forward *f = NEW(struct forward);
    list_init(&f->node);
    list_push(&c->forwards, &f->node);
    f->query = query;
    f->lookup.from = process_options(c->process)->net;
    f->lookup.done = forwarded;
    snprintf(f->lookup.name, sizeof f->lookup.name, "%.254s.", query->name);
    dns_lookup_start(&f->lookup);
}

static void on_query(void *ctx, struct dns_query *query)
{
    struct coredns *c = ctx;
    struct str name = str_c(query->name);
    c->owed_ns += QUERY_CPU_NS;
    pay(c);
    if (!str_ends(name, ZONE)) {
        forward(c, query);
        return;
    }
    if (is_ready(c))
        answer_cluster(c, str_sub(name, 0, name.n - strlen(ZONE)), &query->answer);
    else
        query->answer.servfail = true;
    query->reply(query);
}

/* ---- life ---- */
static void coredns_stop(void *state)
{
    struct coredns *c = state;
    const struct process_options *o = process_options(c->process);
    dns_listener_close(c->dns);
    list_for(it, &c->forwards) {
        struct forward *f = container_of(it, struct forward, node);
        dns_lookup_cancel(&f->lookup);
        forward_free(f);
    }
    if (c->work.running)
        o->cpu->cancel(&c->work);
    health_server_free(c->health);
    health_server_free(c->ready);
    health_server_free(c->metrics);
    client_free(c->client);
    trust_free(c->roots);
    arena_free(c->arena);
    free(c);
}

static bool connect_api(struct coredns *c, struct err *err)
{
    struct in_cluster in;
    if (!process_in_cluster(c->process, c->arena, &in, err))
        return false;
    c->token = in.token;
    c->roots = trust_new();
    if (!trust_add_pem(c->roots, in.ca_pem, err))
        return false;
    struct client_options o = { .from = process_options(c->process)->net,
                                .server = in.server,
                                .roots = c->roots,
                                .token = bearer,
                                .token_ctx = c,
                                .user_agent = "coredns/1.6.2 (linux/amd64)",
                                .name = process_options(c->process)->name };
    c->client = client_new(&o);
    c->services = informer_shared(c->client, "/api/v1/services", "");
    c->endpoints = informer_shared(c->client, "/api/v1/endpoints", "");
    return true;
}

static void *coredns_start(struct process *p, struct err *err)
{
    struct coredns *c = NEW(struct coredns);
    c->process = p;
    c->arena = arena_new();
    c->work.done = paid;
    list_init(&c->work.node);
    list_init(&c->forwards);
    if (!connect_api(c, err) || !(c->dns = dns_listen(process_options(p)->net, 53, on_query, c, err)) ||
        !(c->health = health_server_new(p, NULL, 8080, false, health_routes, c, err)) ||
        !(c->ready = health_server_new(p, NULL, 8181, false, ready_routes, c, err)) ||
        !(c->metrics = health_server_new(p, NULL, 9153, false, metrics_routes, c, err))) {
        coredns_stop(c);
        return NULL;
    }
    process_load(p);
    process_printf(p, 1, ".:53\n");
    process_printf(p, 1, "CoreDNS-1.6.2\nlinux/amd64, go1.12.8, 795a3eb\n");
    return c;
}

static void coredns_signal(void *state, int signo)
{
    struct coredns *c = state;
    if (signo == SIGTERM || signo == SIGINT) {
        process_printf(c->process, 1, "[INFO] SIGTERM: Shutting down servers then terminating\n");
        process_exit(c->process, 0);
    }
}

const struct program_ops coredns_program = {
    .name = "coredns", .start = coredns_start, .signal = coredns_signal, .stop = coredns_stop
};
