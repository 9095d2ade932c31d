/* sim/cmd/cluster_priv.h - what the files of the composition root share.
 *
 * cluster.c makes and ends the whole; cluster_edge.c: the network, and the API server at its edge; cluster_parts.c: the components,
 * each with its client; cluster_boot.c: from nothing to Ready.
 */
#ifndef SIM_CMD_CLUSTER_PRIV_H
#define SIM_CMD_CLUSTER_PRIV_H

#include "sim/cmd/cluster.h"
#include "sim/cmd/node.h"

enum boot_step { BOOT_API, BOOT_OBJECTS, BOOT_SETTLE, BOOT_AGED, BOOT_DONE };

struct cluster {
    struct cluster_options opt;
    struct arena      *arena;
    struct loop       *loop;
    struct store      *store;
    struct hook        clock_hook, flush_hook;
    int64_t            clock_saved_ns;
    int64_t            life;           /* how often components have started on this data: no two draw the same dice */
    struct vnet       *vnet;
    struct vnet_host  *gateway;
    struct vnet_host  *outside;        /* the machine that the virtual ones run on; faults leave alone what begins there */
    struct dns_listener *gateway_dns;
    struct rng         rng, token_rng;
    struct kubeadm_options kubeadm;
    struct kubeadm_pki pki;
    struct key        *sa_key;
    struct apiserver_component *apiserver;
    struct client     *admin;          /* as kubernetes-admin: boot's objects, and what the host's commands ask */
    struct client     *lead;           /* as kubernetes-admin, from outside: scenarios and `kubelab fault` */
    struct client     *hand;           /* as system:kubelab, from outside: of the keepers of faults and the clock */
    struct fault_keeper *faults;       /* NULL: bare */
    struct clock_keeper *clock;        /* NULL: bare, or not up yet */
    struct scenario_keeper *scenarios; /* likewise */
    struct client     *watcher;        /* boot's eyes on the pods; then gone: nobody shall take its watch for the administrator's */
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
    /* a script asks, and of this machine's ports it may reach none, or its own (cluster_confine) */
    bool               confined, own_ports;
    /* resources of lab.kubelab.dev that a submission may write, a comma after each; NULL: nothing is graded */
    const char        *graded;
    void             (*ready)(void *ctx, const struct err *err);
    void              *ctx;
};


/* ---- cluster.c ---- */
/* No boot has ended on this data: the node's files are still kubeadm's to write. Later they are the node's alone. */
bool cluster_is_fresh(struct cluster *c);
/* A run that is told in a journal, or follows one, has to be the same twice: nothing in it may wait for another thread at a place that
 * the wall chooses. */
bool cluster_is_repeatable(const struct cluster *c);
/* A fresh cluster whose machine sleeps until then (virtual); 0: it does not. */
void cluster_sleep_put(struct cluster *c, int64_t wake_ns);
int64_t cluster_sleep_get(struct cluster *c);
void cluster_life_begin(struct cluster *c);            /* a new life: dice that no life before has thrown */

/* ---- cluster_edge.c ---- */
bool cluster_network_make(struct cluster *c, struct err *err);
/* The API server begins with what its manifest says. A fresh cluster, or one without a kubelet, cannot do without; any other waits for
 * its static pod. */
bool cluster_apiserver_make(struct cluster *c, struct err *err);
bool cluster_keys_pending(void *ctx);                  /* the keys of service accounts are still being made; ctx: the cluster */

/* ---- cluster_parts.c ---- */
struct client *cluster_client(struct cluster *c, const char *name, struct identity *id);   /* on the control plane's machine */
void cluster_clients_make(struct cluster *c);
void cluster_clients_free(struct cluster *c);
void cluster_watcher_free(struct cluster *c);
bool cluster_faults_make(struct cluster *c, struct err *err);
/* from now on the Clock object and the clock are alike; it ends with the faults */
void cluster_clock_keep(struct cluster *c);
void cluster_scenarios_keep(struct cluster *c);        /* from now on Scenario objects are played */
void cluster_faults_end(struct cluster *c);
void cluster_load_begin(struct cluster *c);
void cluster_components_begin(struct cluster *c);      /* their static pods start them; a bare control plane has its manager at once */
/* kubeadm init's token comes of the seed, not of this life: a boot that was killed half-way goes on with the token it began with. */
void cluster_init_rng(const struct cluster *c, struct rng *rng);
bool cluster_workers_start(struct cluster *c, struct err *err);
void cluster_workers_joined(struct cluster *c);
void cluster_machine_stop(struct cluster *c);          /* every machine goes off, and with its kubelet what runs in its containers */

/* ---- cluster_boot.c ---- */
void cluster_boot(struct cluster *c);                  /* begins; ready is told when it is up */

#endif
