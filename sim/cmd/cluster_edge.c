/* sim/cmd/cluster_edge.c - the virtual network that a cluster's machines are in, and where its API server is reached from outside. */
#include "labs/labs.h"
#include "sim/cmd/apiserver_component.h"
#include "sim/cmd/cluster_priv.h"
#include "sim/cmd/cmd.h"
#include "sim/cmd/confine.h"
#include "sim/cmd/etcd_component.h"
#include "sim/cmd/faults.h"
#include "sim/cmd/host.h"
#include "sim/cmd/static_manifest.h"
#include "workloads/load/load.h"

#include <stdio.h>

/* ---- network: the nodes, the gateway of their virtual machines, and what lies outside ---- */
/* The provider's resolver knows none of the cluster's names, unless a fault makes it answer for one that it should not know. */
static void gateway_answer(void *ctx, struct dns_query *q)
{
    struct cluster *c = ctx;
    q->answer = (struct dns_answer){ .nxdomain = true };
    struct str name = str_c(q->name);
    for (struct fault *f = NULL; (f = fault_next(vnet_faults(c->vnet), f, FAULT_DNS_STRANGER, FAULT_DNS_STRANGER)) != NULL;) {
        const char *which = fault_text(f, "domain");
        if (*which ? !fault_glob(which, name) : node_find(name, c->node_count) < 0)
            continue;
        /* DOC: lab8-dns - in Lab 8 a node's bare host name leads to a stranger who refuses. */
        q->answer = (struct dns_answer){ .ip_count = 1 };
        snprintf(q->answer.ips[0], sizeof q->answer.ips[0], "%s", fault_text(f, "address"));
    }
    q->reply(q);
}

bool cluster_network_make(struct cluster *c, struct err *err)
{
    c->vnet = vnet_new(c->loop);
    struct node_options o = { .loop = c->loop, .store = c->store, .vnet = c->vnet, .data = c->opt.dir, .minor = c->opt.minor,
                              .kubelet_port = c->opt.kubelet_port, .count = c->node_count };
    for (int i = 0; i < c->node_count; i++)
        c->nodes[i] = node_new(&o, i);
    c->gateway = vnet_host_new(c->vnet, "gateway");
    vnet_host_add_addr(c->gateway, "192.168.229.2");
    c->outside = vnet_host_new(c->vnet, "outside");
    vnet_host_add_addr(c->outside, "192.168.229.254");
    vnet_host_spare(c->outside);
    c->gateway_dns = dns_listen(c->gateway, 53, gateway_answer, c, err);
    vnet_set_outside(c->vnet, "66.96.162.149", VNET_REFUSE);
    return c->gateway_dns != NULL;
}

/* ---- the API server and the edge ---- */
bool cluster_edge_listen(struct http_server *s, int wanted, int usual, int *bound, const char *what, struct err *err)
{
    if (wanted >= 0)
        return http_server_listen_edge(s, "127.0.0.1", wanted, bound, err);
    for (int port = usual; port < usual + 100; port++) {
        struct err e = { 0 };
        if (http_server_listen_edge(s, "127.0.0.1", port, bound, &e)) {
            if (port != usual)
                fprintf(stderr, "kubelab: port %d is taken; %s listens on %d\n", usual, what, port);
            err_clear(&e);
            return true;
        }
        err_clear(&e);
    }
    return err_set(err, ERR_IO, "no free port from %d to %d for %s", usual, usual + 99, what);
}

/* The proxy of the lab's shells. It keeps its port over `down` and `up`, as far as that is free, for shells that are still open. */
int cluster_proxy_port(struct cluster *c, bool start, struct err *err)
{
    int64_t before = 0;
    if (c->proxy || !start)
        return c->proxy ? proxy_port(c->proxy) : 0;
    str_int(store_meta_get(c->store, c->arena, "proxyPort"), &before);
    c->proxy = proxy_new(c, (int)before, err);
    if (!c->proxy)
        return 0;
    char text[16];
    snprintf(text, sizeof text, "%d", proxy_port(c->proxy));
    store_meta_put(c->store, "proxyPort", str_c(text));
    return proxy_port(c->proxy);
}

static void no_answer(void *ctx, struct http_exchange *x)
{
    (void)ctx;
    http_abort(x);
}

static bool api_listen(void *ctx, struct http_server *server, struct err *err)
{
    struct cluster *c = ctx;
    return cluster_edge_listen(server, c->edge_port ? c->edge_port : c->opt.port, 6443, &c->edge_port, "the API server", err);
}

/* Whoever leads it from outside may; a submission may what its lab says, and of nothing the status. */
static bool may_steer(void *ctx, struct str ip, struct str resource, struct str subresource)
{
    const struct cluster *c = ctx;
    if (!c->graded || vnet_spares(c->vnet, ip) || (load_is_at(ip) && str_eqc(subresource, "status")))
        return true;
    for (struct str rest = str_c(c->graded); rest.p && rest.n;)
        if (str_eq(str_token(&rest, ','), resource) && !subresource.n)
            return true;
    return false;
}

void cluster_confine(struct cluster *c, bool yes, bool own_ports)
{
    c->confined = yes;
    c->own_ports = own_ports;
}

/* The cluster's own doors are no secret: their ports stand in the kubeconfig. */
static bool is_own_edge(const struct cluster *c, int port)
{
    for (int i = 0; i < c->node_count; i++)
        if (c->nodes[i]->edge_port == port)
            return true;
    return port == c->edge_port;
}

bool cluster_leads_to(const struct cluster *c, int port)
{
    return !c->confined || is_own_edge(c, port) || (c->own_ports && (port == PORT_KUBECTL_PROXY || port == PORT_USUAL));
}

void cluster_grade(struct cluster *c, struct str resources) { c->graded = arena_cstr(c->arena, resources); }

/* A real client judges what it is shown by the wall's clock: where that is not the cluster's time, it gets a certificate that is good
 * on both. */
static struct identity *edge_serving(void *ctx, struct identity *serving)
{
    struct cluster *c = ctx;
    struct err err = { 0 };
    if (!kubeadm_edge_needed(serving, vtime_now(c->loop)))
        return serving;
    if (c->edge_of != serving) {
        identity_unref(c->edge_identity);
        c->edge_identity = kubeadm_edge_identity(&c->pki, serving, &err);
        c->edge_of = serving;
        err_clear(&err);
    }
    return c->edge_identity ? c->edge_identity : serving;
}

bool cluster_keys_pending(void *ctx)
{
    struct cluster *c = ctx;
    return c->opt.bare || !c->sa_key || cluster_is_fresh(c);
}

static void etcd_lost(void *ctx) { apiserver_component_storage_lost(((struct cluster *)ctx)->apiserver); }

/* The port that a server will have which cannot run yet: bound, and let go again. */
static bool edge_reserve(struct cluster *c, struct err *err)
{
    struct http_server_options o = { .loop = c->loop, .name = "port", .handler = no_answer };
    struct http_server *s = http_server_new(&o, err);
    bool ok = s && api_listen(c, s, err);
    http_server_free(s);
    return ok;
}

bool cluster_apiserver_make(struct cluster *c, struct err *err)
{
    const struct node *n = c->nodes[0];
    struct apiserver_place place = { .loop = c->loop, .store = c->store, .node = n->net, .images = n->images, .minor = c->opt.minor,
                                     .bare = c->opt.bare, .git_version = version_git(c->opt.minor), .node_ip = n->place.ip,
                                     .root = n->root, .listen = api_listen, .edge_serving = edge_serving, .may_steer = may_steer,
                                     .keys_pending = cluster_keys_pending, .ctx = c };
    struct err why = { 0 };
    for (int i = 0; i < c->opt.apiserver_arg_count; i++)
        if (!apiserver_manifest_set(place.root, c->opt.apiserver_args[i], err))
            return false;
    c->apiserver = apiserver_component_new(&place);
    etcd_component_init(c->loop, place.root, cluster_keys_pending, etcd_lost, c);
    etcd_component_boot(c->opt.bare);
    bool up = apiserver_component_boot(c->apiserver, &why);
    if (!up && (cluster_is_fresh(c) || c->opt.bare)) {
        err_set(err, why.code, "kube-apiserver: %s", why.msg);
        err_clear(&why);
        return false;
    }
    if (!up)
        log_msg(LOG_WARN, "cmd", "kube-apiserver does not run: %s", why.msg);
    err_clear(&why);
    return (c->edge_port || edge_reserve(c, err)) &&
           kubeadm_kubeconfigs(&c->pki, &c->kubeadm, c->edge_port, c->opt.bare || !cluster_is_fresh(c), err);
}
