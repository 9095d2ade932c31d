/* sim/cmd/apiserver_component.h - kube-apiserver as the program of its static pod: which one runs, and whether one runs at all. */
#ifndef SIM_CMD_APISERVER_COMPONENT_H
#define SIM_CMD_APISERVER_COMPONENT_H

#include "apiserver/apiserver.h"
#include "sim/proc/proc.h"

struct apiserver_place {               /* what it gets of the composition root; strings outlive it */
    bool              (*may_steer)(void *ctx, struct str ip, struct str resource, struct str subresource);     /* apiserver_options' */
    struct loop        *loop;
    struct store       *store;
    struct vnet_host   *node;
    struct image_store *images;
    int                 minor;
    bool                bare;          /* no kubelet: the server's life is the cluster's */
    const char         *git_version, *node_ip;
    const char         *root;          /* DATA/node */
    bool              (*listen)(void *ctx, struct http_server *s, struct err *err);   /* open the edge for it */
    bool              (*keys_pending)(void *ctx);                /* keys and certificates that kubeadm makes may still be missing */
    struct identity  *(*edge_serving)(void *ctx, struct identity *serving);  /* see apiserver.h */
    void               *ctx;
};
struct apiserver_component;
struct apiserver_component *apiserver_component_new(const struct apiserver_place *place);    /* one a process */
void apiserver_component_free(struct apiserver_component *c);
/* At the machine's start: what /etc/kubernetes/manifests says runs at once, and the container adopts it when it comes. False: none
 * can be (err says why);
 * the pod's container may bring one later. On a bare control plane nothing else ever starts one. */
bool apiserver_component_boot(struct apiserver_component *c, struct err *err);
/* The machine sleeps, or slept before this process: containers are let go, the server is not. */
void apiserver_component_hold(struct apiserver_component *c);
void apiserver_component_keys(struct apiserver_component *c);    /* the service accounts' keys are on the disk now */
struct apiserver *apiserver_component_server(struct apiserver_component *c);     /* NULL: none runs */
void apiserver_component_storage_lost(struct apiserver_component *c);    /* etcd runs no more: what watches it ends */

extern const struct program_ops apiserver_program;               /* "kube-apiserver" */

#endif
