/* sim/cmd/cluster.c - the composition root: who is made when, who is given what, and when the whole is up.
 *
 * Order: loop, store, certificates, virtual network, API server (answers from here on), controllers and scheduler, kubelet. The RSA key of
 * service-account tokens is made on another thread meanwhile. A fresh cluster then gets what `kubeadm init` would have created, as the administrator
 * through the API, and runs in virtual time, as fast as it can, until its node and pods are Ready. A cluster that is to be some hours old is
 * then stopped like a machine that sleeps, the clock goes on, and the same components start again on the same data: what `down` and `up` do.
 */
#include "sim/cmd/cluster.h"
#include "hpa/hpa.h"
#include "labs/labs.h"
#include "metricsd/metricsd.h"
#include "sim/cmd/apiserver_component.h"
#include "sim/cmd/cmd.h"
#include "sim/cmd/node.h"
#include "sim/cmd/service.h"
#include "sim/cmd/components.h"
#include "sim/cmd/etcd_component.h"
#include "sim/cmd/faults.h"
#include "sim/cmd/static_manifest.h"
#include "sim/cmd/host.h"
#include "sim/cmd/look.h"
#include "workloads/load/load.h"
#include "sim/cmd/journal.h"
#include "workloads/programs/programs.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SECOND_NS ((int64_t)NS_PER_S)

enum boot_step { BOOT_API, BOOT_OBJECTS, BOOT_SETTLE, BOOT_AGED, BOOT_DONE };
/* Virtual: give up waiting; how long Ready has to last; and when a kubelet that somebody has stopped or broken is waited for no more. */
enum { BOOT_SETTLE_MAX_S = 600, BOOT_CALM_S = 8, BOOT_HOPELESS_S = 20 };

struct cluster {
    struct cluster_options opt;
    struct arena      *arena;
    struct loop       *loop;
    struct store      *store;
    struct hook        clock_hook, flush_hook;
    int64_t            clock_saved_ns;
    int64_t            life;           /* how often components have started on this data: no two draw the same dice */
    struct vnet       *vnet;
    struct vnet_host  *gateway, *outside;   /* outside: the machine that the virtual ones run on; faults leave alone what begins there */
    struct dns_listener *gateway_dns;
    struct rng         rng, token_rng;
    struct kubeadm_options kubeadm;
    struct kubeadm_pki pki;
    struct key        *sa_key;
    struct apiserver_component *apiserver;
    struct client     *admin;          /* as kubernetes-admin: boot's objects, and what the host's commands ask */
    struct client     *lead;           /* as kubernetes-admin, from outside: scenarios and `kubelab fault` */
    struct client     *hand;           /* as system:kubelab, from outside: of the fault keeper */
    struct fault_keeper *faults;       /* NULL: bare */
    struct client     *watcher;        /* boot's eyes on the pods; gone once it is up, so that nobody takes its watch for the administrator's */
    struct client     *kcm_client, *scheduler_client;
    struct controller_manager *kcm;
    const struct component_host *kcm_host;         /* its process's; NULL: bare */
    struct scheduler  *scheduler;
    struct load       *load;           /* what LoadProfiles ask for; NULL: bare, or not up yet */
    struct node       *nodes[NODES_MAX];
    int                node_count;     /* at least one: the control plane's */
    const char        *server;         /* "https://192.168.229.132:6443" */
    struct looker     *looker;         /* how kubelab's commands look at it, and what is kept of what happened */
    struct control    *control;
    struct journal    *journal;        /* NULL: nothing is recorded */
    struct proxy      *proxy;
    int                edge_port;
    struct http_server *bare_health;
    struct identity   *edge_identity, *edge_of;    /* edge_serving's, and the pair it was made for (compared only) */

    enum boot_step     step;
    struct json       *objects;        /* still to be created */
    int                settle_s, calm_s;
    struct informer   *pods;
    bool               marked, marking; /* the node as control plane */
    void             (*ready)(void *ctx, const struct err *err);
    void              *ctx;
};

static void boot_next(struct cluster *c);

const char *cluster_dir(const struct cluster *c) { return c->opt.dir; }
struct looker *cluster_looker(struct cluster *c) { return c->looker; }
struct journal *cluster_journal(struct cluster *c) { return c->journal; }
struct loop *cluster_loop(struct cluster *c) { return c->loop; }
struct store *cluster_store(struct cluster *c) { return c->store; }
int cluster_node_count(const struct cluster *c) { return c->node_count; }
struct apiserver *cluster_apiserver(const struct cluster *c) { return c->apiserver ? apiserver_component_server(c->apiserver) : NULL; }
struct client *cluster_admin(struct cluster *c) { return c->admin; }
struct client *cluster_operator(struct cluster *c) { return c->lead; }
struct rng *cluster_token_rng(struct cluster *c) { return &c->token_rng; }
bool cluster_is_up(const struct cluster *c) { return c->step == BOOT_DONE; }

struct node *cluster_node(struct cluster *c, struct str name)
{
    int i = name.n ? node_find(name, c->node_count) : 0;
    return i < 0 ? NULL : c->nodes[i];
}

int cluster_edge_port(const struct cluster *c, const struct node *n, int port)
{
    return port == 6443 && n == c->nodes[0] ? c->edge_port : port == 10250 ? n->edge_port : 0;
}

/* No boot has ended on this data: the node's files are still kubeadm's to write. Later they are the node's alone. */
static bool is_fresh(struct cluster *c) { return store_meta_get(c->store, c->arena, "booted").n == 0; }

/* ---- what outlives the process besides objects: lives, the clock; the rest is the nodes' ---- */
/* A new life: dice that no life before has thrown. */
static void life_begin(struct cluster *c)
{
    char text[32];
    str_int(store_meta_get(c->store, c->arena, "life"), &c->life);
    loop_begin_life(c->loop, (uint64_t)c->life);
    snprintf(text, sizeof text, "%" PRId64, ++c->life);
    store_meta_put(c->store, "life", str_c(text));
}

/* Virtual time goes on where it was. */
static void clock_save(struct hook *h)
{
    struct cluster *c = container_of(h, struct cluster, clock_hook);
    if (!c->store)
        return;                        /* it could not be opened */
    for (int i = 0; i < c->node_count && c->nodes[i]; i++)
        node_rules_save(c->nodes[i]);
    int64_t now = vtime_now(c->loop);
    if (now - c->clock_saved_ns < SECOND_NS)
        return;                        /* at most once a virtual second; kill -9 loses less than that */
    c->clock_saved_ns = now;
    char text[32];
    snprintf(text, sizeof text, "%" PRId64, now);
    store_meta_put(c->store, "clock", str_c(text));
}

static int64_t clock_restore(struct cluster *c)
{
    int64_t saved = 0;
    str_int(store_meta_get(c->store, c->arena, "clock"), &saved);
    return saved;
}

/* A run that is told in a journal, or follows one, has to be the same twice: nothing in it may wait for another thread at a place that the wall chooses. */
static bool is_repeatable(const struct cluster *c) { return c->opt.seed_explicit || c->opt.journal || c->opt.replay; }

static void journal_make(struct cluster *c, int64_t start_ns)
{
    if (c->opt.replay)
        replay_attach(c->opt.replay, c);
    else if (c->opt.journal)
        c->journal = journal_new(c->loop, c->store, &c->opt, c->life, start_ns);
}

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

static bool network_make(struct cluster *c, struct err *err)
{
    struct node_options o = { .loop = c->loop, .store = c->store, .vnet = c->vnet = vnet_new(c->loop), .data = c->opt.dir, .minor = c->opt.minor,
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

/* The proxy of the lab's shells. It keeps its port over `down` and `up`, as far as that is free, for the shells that are still open. */
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

/* A real client judges what it is shown by the wall's clock: where that is not the cluster's time, it gets a certificate that is good on both. */
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

static bool keys_pending(void *ctx)
{
    struct cluster *c = ctx;
    return c->opt.bare || !c->sa_key || is_fresh(c);
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

/* The API server begins with what its manifest says. A fresh cluster, or one without a kubelet, cannot do without; any other waits for its static pod. */
static bool apiserver_make(struct cluster *c, struct err *err)
{
    struct apiserver_place place = { .loop = c->loop, .store = c->store, .node = c->nodes[0]->net, .images = c->nodes[0]->images, .minor = c->opt.minor, .bare = c->opt.bare,
                                     .git_version = version_git(c->opt.minor), .node_ip = c->nodes[0]->place.ip, .root = c->nodes[0]->root,
                                     .listen = api_listen, .edge_serving = edge_serving, .keys_pending = keys_pending, .ctx = c };
    struct err why = { 0 };
    for (int i = 0; i < c->opt.apiserver_arg_count; i++)
        if (!apiserver_manifest_set(place.root, c->opt.apiserver_args[i], err))
            return false;
    c->apiserver = apiserver_component_new(&place);
    etcd_component_init(c->loop, place.root, keys_pending, etcd_lost, c);
    etcd_component_boot(c->opt.bare);
    bool up = apiserver_component_boot(c->apiserver, &why);
    if (!up && (is_fresh(c) || c->opt.bare)) {
        err_set(err, why.code, "kube-apiserver: %s", why.msg);
        err_clear(&why);
        return false;
    }
    if (!up)
        log_msg(LOG_WARN, "cmd", "kube-apiserver does not run: %s", why.msg);
    err_clear(&why);
    return (c->edge_port || edge_reserve(c, err)) && kubeadm_kubeconfigs(&c->pki, &c->kubeadm, c->edge_port, c->opt.bare || !is_fresh(c), err);
}

static struct client *client_make(struct cluster *c, const char *name, struct identity *id)
{
    const char *agent = arena_printf(c->arena, "%s/%s (linux/amd64) kubernetes/72c30166", name, version_git(c->opt.minor));
    struct client_options o = { .from = c->nodes[0]->net, .server = c->server, .roots = c->pki.trust_ca, .identity = id, .user_agent = agent, .name = name };
    return client_new(&o);
}

struct bearer { char *token; };
static struct str bearer_token(void *ctx) { return str_c(((struct bearer *)ctx)->token); }

static struct client *client_with_token(void *ctx, const char *service_account, struct str token)
{
    struct cluster *c = ctx;
    struct bearer *b = ARENA_NEW(c->arena, struct bearer);
    b->token = arena_cstr(c->arena, token);
    const char *agent = arena_printf(c->arena, "kube-controller-manager/%s (linux/amd64) kubernetes/72c30166/system:serviceaccount:kube-system:%s", version_git(c->opt.minor), service_account);
    struct client_options o = { .from = c->nodes[0]->net, .server = c->server, .roots = c->pki.trust_ca, .token = bearer_token, .token_ctx = b,
                                .user_agent = agent, .name = arena_strdup(c->arena, service_account) };
    struct client *own = client_new(&o);
    client_set_log(own, c->opt.minor, c->kcm_host ? c->kcm_host->log : NULL, c->kcm_host ? c->kcm_host->ctx : NULL);
    return own;
}

/* ---- the components that a sleeping machine stops ---- */
static const struct controller_ops *const extra_controllers[] = { &hpa_controller, NULL };

/* A bare control plane's controller manager answers for itself on the port where componentstatuses ask; elsewhere its program does. */
static void answer_ok(void *ctx, struct http_exchange *x)
{
    (void)ctx;
    http_respond(x, str_eqc(x->path, "/healthz") ? 200 : 404, NULL, "text/plain; charset=utf-8", str_eqc(x->path, "/healthz") ? STR("ok") : STR_NULL);
}

static void bare_health_listen(struct cluster *c)
{
    struct http_server_options o = { .loop = c->loop, .name = "kube-controller-manager", .handler = answer_ok };
    struct err err = { 0 };
    c->bare_health = http_server_new(&o, &err);
    if (!c->bare_health || !http_server_listen_vnet(c->bare_health, c->nodes[0]->net, "127.0.0.1", 10252, &err))
        log_msg(LOG_WARN, "cmd", "kube-controller-manager: %s", err.msg);
    err_clear(&err);
}

/* Both begin and end as their static pods do (components.c); on a bare control plane, which has no kubelet, as the cluster does. */
static void controller_manager_begin(void *ctx, const struct json *flags, const struct component_host *host)
{
    struct cluster *c = ctx;
    c->kcm_host = host;
    c->kcm_client = client_make(c, "kube-controller-manager", c->pki.controller_manager);
    const struct manager_files own = { .ca_cert = c->pki.ca, .ca_key = c->pki.ca_key, .sa_key = c->sa_key, .root_ca_pem = c->pki.ca_pem };
    const struct manager_files *files = host ? host->files : &own;
    struct controller_manager_options o = {
        .loop = c->loop, .minor = c->opt.minor, .leader_elect = host && !str_eqc(json_get_str(flags, "leader-elect"), "false"), .client = c->kcm_client,
        .client_with_token = client_with_token, .ctx = c, .extra = extra_controllers, .sa_key = files->sa_key, .root_ca_pem = files->root_ca_pem,
        .ca_key = files->ca_key, .ca_cert = files->ca_cert, .flags = flags, .note = notes_add, .note_ctx = looker_notes(c->looker),
    };
    client_set_log(c->kcm_client, c->opt.minor, host ? host->log : NULL, host ? host->ctx : NULL);
    o.lost = host ? host->lost : NULL;
    o.lost_ctx = host ? host->ctx : NULL;
    o.instance = host ? host->instance : NULL;
    c->kcm = controller_manager_start(&o);
    if (!host)
        bare_health_listen(c);
}

static void controller_manager_end(void *ctx)
{
    struct cluster *c = ctx;
    http_server_free(c->bare_health);
    c->bare_health = NULL;
    controller_manager_free(c->kcm);
    client_free(c->kcm_client);        /* with its informers, whose waiters belong to the manager */
    c->kcm = NULL;
    c->kcm_client = NULL;
}

static void scheduler_begin(void *ctx, const struct json *flags, const struct component_host *host)
{
    struct cluster *c = ctx;
    struct str elect = json_get_str(flags, "leader-elect");
    c->scheduler_client = client_make(c, "kube-scheduler", c->pki.scheduler);
    client_set_log(c->scheduler_client, c->opt.minor, host->log, host->ctx);
    c->scheduler = scheduler_start(c->scheduler_client, c->opt.minor, !str_eqc(elect, "false"), host->lost, host->ctx, host->instance);
}

static void scheduler_end(void *ctx)
{
    struct cluster *c = ctx;
    scheduler_free(c->scheduler);
    client_free(c->scheduler_client);
    c->scheduler = NULL;
    c->scheduler_client = NULL;
}

static const struct components_ops components = { controller_manager_begin, controller_manager_end, scheduler_begin, scheduler_end, keys_pending };

/* ---- the machines ---- */
static struct kubeadm_options join_options(const struct cluster *c, const struct node *n)
{
    struct kubeadm_options o = c->kubeadm;
    o.root = n->root;
    o.node_name = n->place.name;
    o.node_ip = n->place.ip;
    return o;
}

/* kubeadm init's token comes of the seed, not of this life: a boot that was killed half-way goes on with the token it began with. */
static void init_rng(const struct cluster *c, struct rng *rng) { rng_init_seed(rng, c->opt.seed, "kubeadm-init"); }

/* The workers, when there is a cluster to join: after a fresh one's objects, else with the control plane's machine. */
static bool workers_start(struct cluster *c, struct err *err)
{
    for (int i = 1; i < c->node_count; i++) {
        struct kubeadm_options o = join_options(c, c->nodes[i]);
        struct rng rng;
        char token[24];
        init_rng(c, &rng);
        kubeadm_first_token(&rng, token);
        if ((is_fresh(c) && !kubeadm_join_files(&o, c->pki.ca_pem, c->server, token, err)) || !node_power_on(c->nodes[i], is_fresh(c), err))
            return false;
    }
    return true;
}

static void workers_joined(struct cluster *c)
{
    for (int i = 1; i < c->node_count; i++) {
        struct kubeadm_options o = join_options(c, c->nodes[i]);
        kubeadm_join_finish(&o);
    }
}

static void machine_stop(struct cluster *c)
{
    apiserver_component_hold(c->apiserver);
    etcd_component_hold();
    for (int i = c->node_count - 1; i >= 0; i--)
        if (c->nodes[i])
            node_power_off(c->nodes[i]);    /* and with the kubelet what its static pods run */
    controller_manager_end(c);         /* a bare one's */
}

static void clients_make(struct cluster *c) { c->admin = client_make(c, "kubeadm", c->pki.admin); }

/* Who is not on the machine, and so neither sleeps with it nor suffers what it suffers: it looks at no certificate, since one may be wrong on purpose. */
static struct client *outside_client(struct cluster *c, const char *name, struct identity *id)
{
    const char *agent = arena_printf(c->arena, "%s/%s (linux/amd64) kubernetes/72c30166", name, version_git(c->opt.minor));
    struct client_options o = { .from = c->outside, .server = c->server, .insecure = true, .identity = id, .user_agent = agent, .name = name };
    return client_new(&o);
}

/* The keeper's certificate needs no key of its own, and lies in no file. */
static struct identity *hand_identity(struct cluster *c, struct err *err)
{
    const char *orgs[] = { "system:masters", NULL };
    struct cert_template t = { .cn = "system:kubelab", .orgs = orgs, .not_before_ns = c->pki.ca->not_before_ns, .not_after_ns = c->pki.ca->not_after_ns,
                               .key_usage = CERT_KU_DIGITAL_SIGNATURE | CERT_KU_KEY_ENCIPHERMENT, .ext_usage = CERT_EKU_CLIENT, .serial = { 0x42 }, .serial_len = 1 };
    struct cert *cert = cert_issue(&t, c->pki.admin->key, c->pki.ca, c->pki.ca_key, err);
    struct identity *id = cert ? identity_new(cert, c->pki.admin->key) : NULL;
    cert_unref(cert);
    return id;
}

static bool faults_make(struct cluster *c, struct err *err)
{
    c->lead = outside_client(c, "kubelab", c->pki.admin);
    if (c->opt.bare)
        return true;
    struct identity *id = hand_identity(c, err);
    if (!id)
        return false;
    c->hand = outside_client(c, "kubelab-faults", id);
    identity_unref(id);
    struct fault_keeper_options o = { .loop = c->loop, .store = c->store, .vnet = c->vnet, .client = c->hand, .pki = &c->pki };
    c->faults = fault_keeper_new(&o);
    return true;
}

static void faults_end(struct cluster *c)
{
    client_free(c->lead);
    client_free(c->hand);
    fault_keeper_free(c->faults);
}

static void watcher_free(struct cluster *c)
{
    client_free(c->watcher);
    c->watcher = NULL;
    c->pods = NULL;
}

static void clients_free(struct cluster *c)
{
    client_free(c->admin);
    c->admin = NULL;
    watcher_free(c);
    c->marking = false;                /* whatever was under way is cancelled */
}

/* ---- boot: step by step, each continuing in boot_next ---- */
static void load_begin(struct cluster *c)
{
    struct load_options o = { .net = c->vnet, .machine = c->nodes[0]->net, .server = c->server, .roots = c->pki.trust_ca, .identity = c->pki.load_generator };
    c->load = load_start(&o);
}

static void boot_finish(struct cluster *c, const struct err *err)
{
    c->step = BOOT_DONE;
    watcher_free(c);
    if (!c->opt.bare)
        load_begin(c);
    looker_began(c->looker);
    store_meta_put(c->store, "booted", STR("1"));
    loop_set_speed(c->loop, c->opt.speed_milli);
    struct err none = { 0 };
    c->ready(c->ctx, err ? err : &none);
}

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
    return ready >= 6 + 2 * (size_t)c->node_count;     /* four static pods, two of coredns; kube-proxy and weave-net everywhere; and what a student added */
}

/* kubeadm's mark-control-plane phase. A node that is alone takes ordinary pods, hence has no taint; with workers beside it, it has kubeadm's. */
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

/* The list of taints is one value: what others have put there stays, and a change meanwhile is a conflict, after which this is done again. */
static void node_to_mark(void *ctx, const struct client_result *r, const struct err *err)
{
    struct cluster *c = ctx;
    c->marking = false;
    if (err->code != ERR_NONE)
        return;
    struct arena *a = arena_new();
    const char *taint = c->opt.minor < 24 ? "node-role.kubernetes.io/master" : "node-role.kubernetes.io/control-plane";
    bool there = false;
    struct json *node = json_copy(a, r->obj), *spec = json_ensure(a, node, "spec"), *taints = json_get(spec, "taints"), *labels = control_plane_labels(c, a);
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
    if (c->node_count > 1 && is_fresh(c)) {
        client_get(c->admin, path, node_to_mark, c);
    } else {
        struct json *patch = json_buildf(a, "{'metadata':{'labels':%j,'annotations':{'kubeadm.alpha.kubernetes.io/cri-socket':'/var/run/dockershim.sock'}}}", control_plane_labels(c, a));
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
    workers_joined(c);
    bool calm = all_ready(c);
    c->calm_s = calm ? c->calm_s + 1 : 0;
    c->settle_s++;
    bool hopeless = c->settle_s >= BOOT_HOPELESS_S && (one_is_down(c) || (!is_fresh(c) && c->settle_s >= 3 * BOOT_HOPELESS_S));
    if (c->calm_s >= BOOT_CALM_S || c->settle_s >= BOOT_SETTLE_MAX_S || hopeless) {
        boot_next(c);
        return;
    }
    loop_advance(c->loop, SECOND_NS, settle_tick, c);
}

static bool settle_begin(struct cluster *c, struct err *err)
{
    if (!workers_start(c, err))
        return false;
    c->watcher = client_make(c, "kubelab", c->pki.admin);
    c->pods = informer_shared(c->watcher, "/api/v1/pods", "");
    c->settle_s = c->calm_s = 0;
    loop_advance(c->loop, SECOND_NS, settle_tick, c);
    return true;
}

/* The machine sleeps for what is left of its age, and wakes. */
static void age_skip(struct cluster *c)
{
    machine_stop(c);
    clients_free(c);
    life_begin(c);
    loop_jump(c->loop, vtime_now(c->loop) + c->opt.age_ns - c->settle_s * SECOND_NS);
    clients_make(c);
    struct err err = { 0 };
    if (!node_power_on(c->nodes[0], is_fresh(c), &err) || !settle_begin(c, &err))
        boot_finish(c, &err);
    err_clear(&err);
}

/* What kubeadm init creates, and what is wrong in the lab from the start. */
static struct json *init_objects(struct cluster *c, struct err *err)
{
    struct rng rng;
    struct kubeadm_options o = c->kubeadm;
    const struct lab *lab = lab_find(c->opt.lab);
    init_rng(c, &rng);
    o.rng = &rng;
    struct json *all = kubeadm_objects(c->arena, &c->pki, &o, err);
    for (const struct json *f = all && lab ? json_first(lab->faults) : NULL; f; f = json_next(f))
        json_append(all, json_copy(c->arena, f));
    return all;
}

static void boot_next(struct cluster *c)
{
    struct err err = { 0 };
    bool fresh = store_meta_get(c->store, c->arena, "booted").n == 0;
    switch (c->step) {
    case BOOT_API:
        c->step = BOOT_OBJECTS;
        components_init(&components, c, arena_printf(c->arena, "%s/node", c->opt.dir));
        if (c->opt.bare) {
            controller_manager_begin(c, NULL, NULL);
            boot_finish(c, NULL);
            return;
        }
        if (!node_power_on(c->nodes[0], fresh, &err)) {
            boot_finish(c, &err);
            return;
        }
        c->objects = fresh ? init_objects(c, &err) : json_new_array(c->arena);
        if (!c->objects) {
            boot_finish(c, &err);
            return;
        }
        /* fall through */
    case BOOT_OBJECTS:
        if (json_len(c->objects)) {
            struct json *obj = json_at(c->objects, 0);             /* faults come from where the one before is not in the way */
            client_create(str_eqc(json_get_str(obj, "kind"), "Fault") ? c->lead : c->admin, kubeadm_object_path(c->arena, obj), obj, object_created, c);
            return;
        }
        c->step = BOOT_SETTLE;
        if (!settle_begin(c, &err))
            boot_finish(c, &err);
        return;
    case BOOT_SETTLE:
        if (c->settle_s >= BOOT_SETTLE_MAX_S)
            log_msg(LOG_WARN, "cmd", "not everything became Ready within %d virtual seconds", BOOT_SETTLE_MAX_S);
        if (fresh && c->opt.age_ns > 0) {
            c->step = BOOT_AGED;
            age_skip(c);
            return;
        }
        /* fall through */
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
    if (is_repeatable(job->c))
        boot_next(job->c);
    free(job);
}

/* In a repeatable run all of booting waits for the key: at which of its turns another thread is ready would show in the order of what follows. */
static void sa_key_make(struct cluster *c)
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
    if (!is_repeatable(c))
        boot_next(c);
}

/* ---- life ---- */
static const struct program_ops *const programs[] = { &httpd_program, &sh_program, &coredns_program, &pause_program, &daemon_program, &metricsd_program, &kube_proxy_program,
                                                    &controller_manager_program, &scheduler_program, &apiserver_program, &etcd_program };

static bool cluster_make(struct cluster *c, struct err *err)
{
    int64_t fresh_ns = (c->opt.start_ns ? c->opt.start_ns : wall_now_ns() / SECOND_NS * SECOND_NS) - c->opt.age_ns;
    struct loop_options lo = { .start_vtime_ns = c->opt.replay ? c->opt.loop_start_ns : fresh_ns, .speed_milli = 0 };
    memcpy(lo.seed, c->opt.seed, sizeof lo.seed);
    c->loop = loop_new(&lo);
    struct store_options so = { .loop = c->loop, .path = arena_printf(c->arena, "%s/kubelab.db", c->opt.dir), .durable = c->opt.durable };
    loop_before_sleep(c->loop, &c->clock_hook, clock_save);
    c->store = store_open(&so, err);
    if (!c->store)
        return false;
    life_begin(c);
    edge_flush_hook(c->loop, &c->flush_hook);
    int64_t resume_ns = c->opt.replay ? c->opt.resume_ns : clock_restore(c);
    if (resume_ns)
        loop_jump(c->loop, resume_ns);
    c->clock_saved_ns = vtime_now(c->loop);
    journal_make(c, lo.start_vtime_ns);
    rng_init(&c->rng, c->loop, "kubeadm");
    rng_init(&c->token_rng, c->loop, arena_printf(c->arena, "kubeadm-token-%" PRId64, vtime_now(c->loop)));    /* not the same again after a restart */
    struct node_place *first = ARENA_NEW(c->arena, struct node_place);
    node_place(0, first);
    c->server = arena_printf(c->arena, "https://%s:6443", first->ip);
    c->kubeadm = (struct kubeadm_options){ .dir = c->opt.dir, .root = node_dir(c->arena, c->opt.dir, 0), .node_name = first->name, .node_ip = first->ip, .minor = c->opt.minor, .git_version = version_git(c->opt.minor),
                                           .now_ns = vtime_now(c->loop), .rng = &c->rng };
    if (!kubeadm_pki_init(&c->pki, &c->kubeadm, c->arena, err) || !network_make(c, err) || (is_fresh(c) && !kubeadm_node_files(&c->kubeadm, err)) ||
        (!c->opt.bare && is_fresh(c) && !kubeadm_service_files(&c->kubeadm, c->pki.node, err)))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(programs); i++)
        program_register(programs[i]);
    if (!apiserver_make(c, err) || !faults_make(c, err))
        return false;
    clients_make(c);
    c->looker = looker_new(c);
    c->control = control_new(c, arena_printf(c->arena, "%s/control.sock", c->opt.dir), err);
    return c->control != NULL;
}

struct cluster *cluster_new(const struct cluster_options *opt, void (*ready)(void *ctx, const struct err *err), void *ctx, struct err *err)
{
    struct cluster *c = NEW(struct cluster);
    c->opt = *opt;
    c->arena = arena_new();
    c->opt.dir = arena_strdup(c->arena, opt->dir);
    c->opt.lab = opt->lab ? arena_strdup(c->arena, opt->lab) : NULL;
    c->node_count = opt->nodes > 1 ? opt->nodes : 1;
    c->ready = ready;
    c->ctx = ctx;
    if (!cluster_make(c, err)) {
        cluster_free(c);
        return NULL;
    }
    sa_key_make(c);
    if (!c->opt.bare)
        kubeadm_etcd_pki_begin(c->loop, &c->kubeadm);
    return c;
}

void cluster_run(struct cluster *c)
{
    loop_run(c->loop);
    journal_stop(c->journal);
}

void cluster_stop(struct cluster *c) { loop_stop(c->loop); }

void cluster_free(struct cluster *c)
{
    if (!c)
        return;
    c->step = BOOT_DONE;
    if (c->loop)
        loop_set_speed(c->loop, 0);    /* what is still to be done takes no time */
    if (c->loop)
        loop_work_wait(c->loop);       /* the key may still be in the making */
    load_free(c->load);
    machine_stop(c);
    for (int i = 0; i < c->node_count && c->nodes[i]; i++)
        node_images_free(c->nodes[i]);
    control_free(c->control);
    looker_free(c->looker);
    proxy_free(c->proxy);
    clients_free(c);
    faults_end(c);
    apiserver_component_free(c->apiserver);
    if (c->loop)
        loop_turn(c->loop);            /* connections of the edge end in a turn of their own */
    if (c->store)
        clock_save(&c->clock_hook);    /* it looks at the network too */
    hook_remove(&c->clock_hook);
    dns_listener_close(c->gateway_dns);
    if (c->vnet) {
        for (int i = 0; i < c->node_count; i++)
            node_free(c->nodes[i]);
        c->node_count = 0;
        vnet_host_free(c->gateway);
        vnet_host_free(c->outside);
        vnet_free(c->vnet);
        c->vnet = NULL;
    }
    if (c->loop)
        edge_stop(c->loop);
    journal_free(c->journal);
    store_close(c->store);
    identity_unref(c->edge_identity);
    kubeadm_pki_deinit(&c->pki);
    key_unref(c->sa_key);
    if (c->loop)
        loop_free(c->loop);
    arena_free(c->arena);
    free(c);
}

struct http_server *cluster_server(struct cluster *c, struct str place)
{
    struct str ip, port;
    struct vnet_endpoint ep;
    int64_t n;
    if (str_eqc(place, "control"))
        return c->control ? control_http(c->control) : NULL;
    bool found = str_cut(place, ':', &ip, &port) && str_int(port, &n) && n > 0 && n < 65536 && vnet_find(c->vnet, ip, (int)n, &ep);
    return found && ep.kind == &http_direct_kind ? ep.server : NULL;
}

void cluster_status(struct cluster *c, struct strbuf *out)
{
    struct arena *a = arena_new();
    struct json *nodes = json_new_array(a);
    for (int i = 0; i < c->node_count && !c->opt.bare; i++)
        json_append(nodes, json_buildf(a, "{'name':%s,'internalIP':%s,'kubeletPort':%d}", c->nodes[i]->place.name, c->nodes[i]->place.ip, (int64_t)c->nodes[i]->edge_port));
    struct json *s = json_buildf(a, "{'pid':%d,'dataDir':%s,'kubeconfig':%s,'server':%s,'kubeletPort':%d,'proxyPort':%d,'caFile':%s,'clock':{'now':%S,'speed':%f},'version':%s,'lab':%s,'apiServer':%s,'nodes':%j}",
        (int64_t)getpid(), c->opt.dir, arena_printf(a, "%s/admin.conf", c->opt.dir), arena_printf(a, "https://127.0.0.1:%d", c->edge_port),
        (int64_t)c->nodes[0]->edge_port, (int64_t)cluster_proxy_port(c, false, NULL), arena_printf(a, "%s/node/etc/kubernetes/pki/ca.crt", c->opt.dir), time_rfc3339(a, vtime_now(c->loop)),
        (double)loop_speed_milli(c->loop) / 1000.0, version_git(c->opt.minor), c->opt.lab,
        apiserver_component_server(c->apiserver) ? "running" : "down", nodes);
    json_write(out, s, JSON_PRETTY);
    strbuf_addch(out, '\n');
    arena_free(a);
}
