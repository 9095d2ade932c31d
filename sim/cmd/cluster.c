/* sim/cmd/cluster.c - the composition root: who is made when, who is given what, and how the whole ends.
 *
 * Order: loop, store, certificates, virtual network, API server (answers from here on), then cluster_boot.c: controllers and
 * scheduler, kubelet. The RSA key of service-account tokens is made on another thread meanwhile. It ends in reverse.
 */
#include "sim/cmd/apiserver_component.h"
#include "sim/cmd/cluster_priv.h"
#include "sim/cmd/cmd.h"
#include "sim/cmd/components.h"
#include "sim/cmd/etcd_component.h"
#include "sim/cmd/faults.h"
#include "sim/cmd/host.h"
#include "sim/cmd/journal.h"
#include "sim/cmd/look.h"
#include "sim/cmd/scenario_keeper.h"
#include "metricsd/metricsd.h"
#include "workloads/load/load.h"
#include "workloads/programs/programs.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SECOND_NS ((int64_t)NS_PER_S)
const char *cluster_dir(const struct cluster *c) { return c->opt.dir; }
struct looker *cluster_looker(struct cluster *c) { return c->looker; }
struct journal *cluster_journal(struct cluster *c) { return c->journal; }
struct loop *cluster_loop(struct cluster *c) { return c->loop; }
struct store *cluster_store(struct cluster *c) { return c->store; }
int cluster_node_count(const struct cluster *c) { return c->node_count; }
struct apiserver *cluster_apiserver(const struct cluster *c) { return c->apiserver ? apiserver_component_server(c->apiserver) : NULL; }
struct client *cluster_admin(struct cluster *c) { return c->admin; }
struct client *cluster_operator(struct cluster *c) { return c->lead; }
struct clock_keeper *cluster_clock(struct cluster *c) { return c->clock; }
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

bool cluster_is_fresh(struct cluster *c) { return store_meta_get(c->store, c->arena, "booted").n == 0; }

/* ---- what outlives the process besides objects: lives, the clock; the rest is the nodes' ---- */
void cluster_life_begin(struct cluster *c)
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

void cluster_sleep_put(struct cluster *c, int64_t wake_ns)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRId64, wake_ns);
    store_meta_put(c->store, "asleep", str_c(text));
}

int64_t cluster_sleep_get(struct cluster *c)
{
    int64_t wake_ns = 0;
    if (cluster_is_fresh(c))
        str_int(store_meta_get(c->store, c->arena, "asleep"), &wake_ns);
    return wake_ns;
}

bool cluster_is_repeatable(const struct cluster *c) { return c->opt.seed_explicit || c->opt.journal || c->opt.replay; }

static void journal_make(struct cluster *c, int64_t start_ns)
{
    if (c->opt.replay)
        replay_attach(c->opt.replay, c);
    else if (c->opt.journal)
        c->journal = journal_new(c->loop, c->store, &c->opt, c->life, start_ns);
}

/* ---- life ---- */
static const struct program_ops *const programs[] = {
    &httpd_program, &sh_program, &coredns_program, &pause_program, &daemon_program, &metricsd_program, &kube_proxy_program,
    &controller_manager_program, &scheduler_program, &apiserver_program, &etcd_program,
};

/* Loop and store, and the virtual time at which this life begins. */
static bool clock_make(struct cluster *c, struct err *err)
{
    int64_t fresh_ns = (c->opt.start_ns ? c->opt.start_ns : wall_now_ns() / SECOND_NS * SECOND_NS) - c->opt.age_ns;
    struct loop_options lo = { .start_vtime_ns = c->opt.replay ? c->opt.loop_start_ns : fresh_ns, .speed_milli = 0 };
    memcpy(lo.seed, c->opt.seed, sizeof lo.seed);
    c->loop = loop_new(&lo);
    struct store_options so = { .loop = c->loop, .path = arena_printf(c->arena, "%s/kubelab.db", c->opt.dir),
                                .durable = c->opt.durable };
    loop_before_sleep(c->loop, &c->clock_hook, clock_save);
    c->store = store_open(&so, err);
    if (!c->store)
        return false;
    cluster_life_begin(c);
    edge_flush_hook(c->loop, &c->flush_hook);
    int64_t resume_ns = c->opt.replay ? c->opt.resume_ns : cluster_sleep_get(c) ? cluster_sleep_get(c) : clock_restore(c);
    if (resume_ns)
        loop_jump(c->loop, resume_ns);
    c->clock_saved_ns = vtime_now(c->loop);
    journal_make(c, lo.start_vtime_ns);
    return true;
}

/* What kubeadm leaves on the node: keys, certificates, manifests, the kubelet's unit. */
static bool files_make(struct cluster *c, struct err *err)
{
    struct node_place *first = ARENA_NEW(c->arena, struct node_place);
    node_place(0, first);
    c->server = arena_printf(c->arena, "https://%s:6443", first->ip);
    rng_init(&c->rng, c->loop, "kubeadm");
    /* not the same again after a restart */
    rng_init(&c->token_rng, c->loop, arena_printf(c->arena, "kubeadm-token-%" PRId64, vtime_now(c->loop)));
    c->kubeadm = (struct kubeadm_options){ .dir = c->opt.dir, .root = node_dir(c->arena, c->opt.dir, 0), .node_name = first->name,
                                           .node_ip = first->ip, .minor = c->opt.minor, .git_version = version_git(c->opt.minor),
                                           .now_ns = vtime_now(c->loop), .rng = &c->rng };
    return kubeadm_pki_init(&c->pki, &c->kubeadm, c->arena, err) && cluster_network_make(c, err) &&
           (!cluster_is_fresh(c) || kubeadm_node_files(&c->kubeadm, err)) &&
           (c->opt.bare || !cluster_is_fresh(c) || kubeadm_service_files(&c->kubeadm, c->pki.node, err));
}

static bool cluster_make(struct cluster *c, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(programs); i++)
        program_register(programs[i]);
    if (!clock_make(c, err) || !files_make(c, err) || !cluster_apiserver_make(c, err) || !cluster_faults_make(c, err))
        return false;
    cluster_clients_make(c);
    c->looker = looker_new(c);
    if (c->opt.asleep)
        return true;                   /* nobody will have anything to say to it */
    c->control = control_new(c, arena_printf(c->arena, "%s/control.sock", c->opt.dir), err);
    return c->control != NULL;
}

struct cluster *cluster_new(const struct cluster_options *opt, void (*ready)(void *ctx, const struct err *err), void *ctx,
                            struct err *err)
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
    cluster_boot(c);
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
    scenario_keeper_free(c->scenarios);
    cluster_machine_stop(c);
    for (int i = 0; i < c->node_count && c->nodes[i]; i++)
        node_images_free(c->nodes[i]);
    control_free(c->control);
    looker_free(c->looker);
    proxy_free(c->proxy);
    cluster_clients_free(c);
    cluster_faults_end(c);
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

static struct json *nodes_status(const struct cluster *c, struct arena *a)
{
    struct json *nodes = json_new_array(a);
    for (int i = 0; i < c->node_count && !c->opt.bare; i++)
        json_append(nodes, json_buildf(a, "{'name':%s,'internalIP':%s,'kubeletPort':%d}", c->nodes[i]->place.name,
                                       c->nodes[i]->place.ip, (int64_t)c->nodes[i]->edge_port));
    return nodes;
}

void cluster_status(struct cluster *c, struct strbuf *out)
{
    struct arena *a = arena_new();
    struct json *s = json_buildf(a, "{'pid':%d,'dataDir':%s,'kubeconfig':%s,'server':%s,'kubeletPort':%d,'proxyPort':%d,'caFile':%s,"
                                 "'clock':{'now':%S,'speed':%f},'version':%s,'lab':%s,'apiServer':%s,'nodes':%j}",
        (int64_t)getpid(), c->opt.dir, arena_printf(a, "%s/admin.conf", c->opt.dir),
        arena_printf(a, "https://127.0.0.1:%d", c->edge_port), (int64_t)c->nodes[0]->edge_port,
        (int64_t)cluster_proxy_port(c, false, NULL),
        arena_printf(a, "%s/node/etc/kubernetes/pki/ca.crt", c->opt.dir), time_rfc3339(a, vtime_now(c->loop)),
        (double)loop_speed_milli(c->loop) / 1000.0, version_git(c->opt.minor), c->opt.lab,
        apiserver_component_server(c->apiserver) ? "running" : "down", nodes_status(c, a));
    json_write(out, s, JSON_PRETTY);
    strbuf_addch(out, '\n');
    arena_free(a);
}
