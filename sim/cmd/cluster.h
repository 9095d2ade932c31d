/* sim/cmd/cluster.h - one cluster in this process: made in order, stopped in reverse. */
#ifndef SIM_CMD_CLUSTER_H
#define SIM_CMD_CLUSTER_H

#include "apiserver/apiserver.h"
#include "kubelet/kubelet.h"
#include "sim/cmd/kubeadm.h"
#include "sim/proc/proc.h"
#include "workloads/controllers/controllers.h"
#include "workloads/scheduler/scheduler.h"

struct cluster_options {
    const char *dir;                   /* the data folder, which exists */
    int         port, kubelet_port;    /* at the edge; -1: the usual one, or the next free */
    uint8_t     seed[32];
    bool        seed_explicit;
    uint64_t    speed_milli;           /* once it is up */
    bool        durable, bare;
    const char *lab;                   /* NULL: none */
    int         minor, nodes;          /* nodes: 1 to NODES_MAX (node.h) */
    const char *const *apiserver_args; int apiserver_arg_count;  /* NAME=VALUE each: they go into kube-apiserver's manifest */
    int64_t     start_ns;              /* where a fresh cluster's clock stands once it is up; 0: the wall's now */
    int64_t     age_ns;                /* a fresh cluster is this old when it comes up (23 hours in the lab) */
    /* a fresh cluster with an age is up once its machine sleeps; who starts on its data next wakes it */
    bool        asleep;
    bool        journal;               /* record what comes from outside (journal.h) */
    /* or let what was recorded happen once more; borrowed, with the two times that its life began with: */
    struct replay *replay;
    int64_t     loop_start_ns, resume_ns;
};
struct cluster;
struct node;
/* ready(ctx, err) once: err->code ERR_NONE when it is up (bare: the API answers; else the node and every pod are Ready and the clock
 * is where it should be). */
struct cluster *cluster_new(const struct cluster_options *opt, void (*ready)(void *ctx, const struct err *err), void *ctx,
                            struct err *err);
void cluster_run(struct cluster *c);   /* until cluster_stop */
void cluster_stop(struct cluster *c);
void cluster_free(struct cluster *c);

const char *cluster_dir(const struct cluster *c);
struct journal *cluster_journal(struct cluster *c);              /* NULL: nothing is recorded */
struct http_server *cluster_server(struct cluster *c, struct str place);       /* by http_server_place; NULL: none is there now */
struct loop *cluster_loop(struct cluster *c);
struct store *cluster_store(struct cluster *c);
struct node *cluster_node(struct cluster *c, struct str name);   /* by name or address; empty: the first; NULL: there is none */
int  cluster_node_count(const struct cluster *c);
struct apiserver *cluster_apiserver(const struct cluster *c);    /* NULL: none runs */
struct looker;
struct looker *cluster_looker(struct cluster *c);                /* look.h */
struct client *cluster_admin(struct cluster *c);                 /* as kubernetes-admin, on the node */
/* as kubernetes-admin, from outside, where no fault reaches: who leads the cluster */
struct clock_keeper;
struct clock_keeper *cluster_clock(struct cluster *c);           /* clock_keeper.h; NULL: bare, or not up yet */
struct client *cluster_operator(struct cluster *c);
struct rng *cluster_token_rng(struct cluster *c);                /* what kubeadm draws tokens from */
/* where 6443 and 10250 of a node are on this machine's loopback; 0: any other port */
int  cluster_edge_port(const struct cluster *c, const struct node *n, int port);
/* A server's door on 127.0.0.1. wanted: a port, 0 any, -1 the usual one or one of the next hundred (said on stderr). */
bool cluster_edge_listen(struct http_server *s, int wanted, int usual, int *bound, const char *what, struct err *err);
int  cluster_proxy_port(struct cluster *c, bool start, struct err *err);   /* proxy.c's; 0: none (yet), or it could not start */
void cluster_status(struct cluster *c, struct strbuf *out);      /* status -o json */
bool cluster_is_up(const struct cluster *c);
/* Who asks is a graded script, which the proxy on loopback leads to no port of this machine but the cluster's, and with own_ports
 * those at which it may listen itself. */
void cluster_confine(struct cluster *c, bool yes, bool own_ports);
bool cluster_leads_to(const struct cluster *c, int port);        /* a port of this machine's */
/* From now on what it runs is graded: of lab.kubelab.dev's objects nobody but who leads it from outside writes others than these
 * ("loadprofiles,"). */
void cluster_grade(struct cluster *c, struct str resources);

/* control.c: the commands' Unix socket */
struct control;
struct control *control_new(struct cluster *c, const char *path, struct err *err);
void control_free(struct control *k);
struct drive;
struct drive *control_drive(struct control *k);
struct http_server *control_http(struct control *k);

/* build_context.c: a folder as docker sends it, and what arrives. Errors: ERR_NOT_FOUND, ERR_USAGE, ERR_TOO_LARGE when written,
 * ERR_BAD_REQUEST when read. */
bool build_context_write(const char *dir, struct strbuf *out, struct err *err);
bool build_context_read(struct arena *a, struct str tar, struct vfs *out, struct err *err);
/* dockerignore.c: the file's text, and a path in the context ("a/b") */
bool dockerignore_excludes(struct str patterns, struct str path);

#endif
