/* sim/cmd/cluster_parts.c - the parts of a cluster that come and go: clients with their identities, the control plane's components,
 * the machines, faults and load. */
#include "hpa/hpa.h"
#include "sim/cmd/apiserver_component.h"
#include "sim/cmd/clock_keeper.h"
#include "sim/cmd/cluster_priv.h"
#include "sim/cmd/cmd.h"
#include "sim/cmd/components.h"
#include "sim/cmd/drive.h"
#include "sim/cmd/etcd_component.h"
#include "sim/cmd/faults.h"
#include "sim/cmd/look.h"
#include "sim/cmd/scenario_keeper.h"
#include "sim/cmd/service.h"
#include "workloads/load/load.h"

/* ---- clients ---- */
struct client *cluster_client(struct cluster *c, const char *name, struct identity *id)
{
    const char *agent = arena_printf(c->arena, "%s/%s (linux/amd64) kubernetes/72c30166", name, version_git(c->opt.minor));
    struct client_options o = { .from = c->nodes[0]->net, .server = c->server, .roots = c->pki.trust_ca, .identity = id,
                                .user_agent = agent, .name = name };
    return client_new(&o);
}

struct bearer { char *token; };
static struct str bearer_token(void *ctx) { return str_c(((struct bearer *)ctx)->token); }

static struct client *client_with_token(void *ctx, const char *service_account, struct str token)
{
    struct cluster *c = ctx;
    struct bearer *b = ARENA_NEW(c->arena, struct bearer);
    b->token = arena_cstr(c->arena, token);
    const char *agent = arena_printf(c->arena, "kube-controller-manager/%s (linux/amd64) kubernetes/72c30166/"
                                     "system:serviceaccount:kube-system:%s", version_git(c->opt.minor), service_account);
    struct client_options o = { .from = c->nodes[0]->net, .server = c->server, .roots = c->pki.trust_ca, .token = bearer_token,
                                .token_ctx = b, .user_agent = agent, .name = arena_strdup(c->arena, service_account) };
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
    bool known = str_eqc(x->path, "/healthz");
    http_respond(x, known ? 200 : 404, NULL, "text/plain; charset=utf-8", known ? STR("ok") : STR_NULL);
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
    c->kcm_client = cluster_client(c, "kube-controller-manager", c->pki.controller_manager);
    const struct manager_files own = { .ca_cert = c->pki.ca, .ca_key = c->pki.ca_key, .sa_key = c->sa_key,
                                       .root_ca_pem = c->pki.ca_pem };
    const struct manager_files *files = host ? host->files : &own;
    struct controller_manager_options o = {
        .loop = c->loop, .minor = c->opt.minor, .leader_elect = host && !str_eqc(json_get_str(flags, "leader-elect"), "false"),
        .client = c->kcm_client, .client_with_token = client_with_token, .ctx = c, .extra = extra_controllers,
        .sa_key = files->sa_key, .root_ca_pem = files->root_ca_pem,
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
    c->scheduler_client = cluster_client(c, "kube-scheduler", c->pki.scheduler);
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

static const struct components_ops components = {
    controller_manager_begin, controller_manager_end, scheduler_begin, scheduler_end, cluster_keys_pending,
};

void cluster_components_begin(struct cluster *c)
{
    components_init(&components, c, c->nodes[0]->root);
    if (c->opt.bare)
        controller_manager_begin(c, NULL, NULL);
}

/* ---- the machines ---- */
static struct kubeadm_options join_options(const struct cluster *c, const struct node *n)
{
    struct kubeadm_options o = c->kubeadm;
    o.root = n->root;
    o.node_name = n->place.name;
    o.node_ip = n->place.ip;
    return o;
}

void cluster_init_rng(const struct cluster *c, struct rng *rng) { rng_init_seed(rng, c->opt.seed, "kubeadm-init"); }

/* The workers, when there is a cluster to join: after a fresh one's objects, else with the control plane's machine. */
bool cluster_workers_start(struct cluster *c, struct err *err)
{
    for (int i = 1; i < c->node_count; i++) {
        struct kubeadm_options o = join_options(c, c->nodes[i]);
        struct rng rng;
        char token[24];
        cluster_init_rng(c, &rng);
        kubeadm_first_token(&rng, token);
        if ((cluster_is_fresh(c) && !kubeadm_join_files(&o, c->pki.ca_pem, c->server, token, err)) ||
            !node_power_on(c->nodes[i], cluster_is_fresh(c), err))
            return false;
    }
    return true;
}

void cluster_workers_joined(struct cluster *c)
{
    for (int i = 1; i < c->node_count; i++) {
        struct kubeadm_options o = join_options(c, c->nodes[i]);
        kubeadm_join_finish(&o);
    }
}

void cluster_machine_stop(struct cluster *c)
{
    apiserver_component_hold(c->apiserver);
    etcd_component_hold();
    for (int i = c->node_count - 1; i >= 0; i--)
        if (c->nodes[i])
            node_power_off(c->nodes[i]);    /* and with the kubelet what its static pods run */
    controller_manager_end(c);         /* a bare one's */
}

void cluster_clients_make(struct cluster *c) { c->admin = cluster_client(c, "kubeadm", c->pki.admin); }

/* ---- who leads from outside: faults, load ---- */
/* Who is not on the machine, and so neither sleeps with it nor suffers what it suffers: it looks at no certificate, since one may be
 * wrong on purpose. */
static struct client *outside_client(struct cluster *c, const char *name, struct identity *id)
{
    const char *agent = arena_printf(c->arena, "%s/%s (linux/amd64) kubernetes/72c30166", name, version_git(c->opt.minor));
    struct client_options o = { .from = c->outside, .server = c->server, .insecure = true, .identity = id, .user_agent = agent,
                                .name = name };
    return client_new(&o);
}

/* The keeper's certificate needs no key of its own, and lies in no file. */
static struct identity *hand_identity(struct cluster *c, struct err *err)
{
    const char *orgs[] = { "system:masters", NULL };
    const struct cert *ca = c->pki.ca;
    struct cert_template t = { .cn = "system:kubelab", .orgs = orgs,
                               .not_before_ns = ca->not_before_ns, .not_after_ns = ca->not_after_ns,
                               .key_usage = CERT_KU_DIGITAL_SIGNATURE | CERT_KU_KEY_ENCIPHERMENT, .ext_usage = CERT_EKU_CLIENT,
                               .serial = { 0x42 }, .serial_len = 1 };
    struct cert *cert = cert_issue(&t, c->pki.admin->key, c->pki.ca, c->pki.ca_key, err);
    struct identity *id = cert ? identity_new(cert, c->pki.admin->key) : NULL;
    cert_unref(cert);
    return id;
}

bool cluster_faults_make(struct cluster *c, struct err *err)
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

void cluster_faults_end(struct cluster *c)
{
    client_free(c->lead);
    client_free(c->hand);
    fault_keeper_free(c->faults);
    clock_keeper_free(c->clock);
    c->clock = NULL;
}

static uint64_t get_speed(void *ctx) { return drive_speed_milli(control_drive(((struct cluster *)ctx)->control)); }
static void set_speed(void *ctx, uint64_t milli) { drive_set_speed(control_drive(((struct cluster *)ctx)->control), milli); }

void cluster_clock_keep(struct cluster *c)
{
    struct clock_keeper_options o = { .loop = c->loop, .store = c->store, .client = c->hand, .get = get_speed, .set = set_speed,
                                      .ctx = c };
    c->clock = clock_keeper_new(&o);
}

void cluster_scenarios_keep(struct cluster *c)
{
    struct scenario_keeper_options o = { .loop = c->loop, .store = c->store, .client = c->hand, .looker = c->looker,
                                         .lab = c->opt.lab };
    c->scenarios = scenario_keeper_new(&o);
}

void cluster_watcher_free(struct cluster *c)
{
    client_free(c->watcher);
    c->watcher = NULL;
    c->pods = NULL;
}

void cluster_clients_free(struct cluster *c)
{
    client_free(c->admin);
    c->admin = NULL;
    cluster_watcher_free(c);
    c->marking = false;                /* whatever was under way is cancelled */
}

void cluster_load_begin(struct cluster *c)
{
    struct load_options o = { .net = c->vnet, .machine = c->nodes[0]->net, .server = c->server, .roots = c->pki.trust_ca,
                              .identity = c->pki.load_generator };
    c->load = load_start(&o);
}
