/* sim/cmd/node.h - one machine of the cluster: its name and addresses, its place in the virtual network, its images, its systemd
 * with the kubelet, its files. */
#ifndef SIM_CMD_NODE_H
#define SIM_CMD_NODE_H

#include "sim/base/base.h"

struct loop;
struct store;
struct vnet;
struct vnet_host;
struct image_store;
struct services;

/* ---- who is where (pure) ---- */
enum { NODES_MAX = 16 };
/* Node 0 is "ubuntu", the control plane, at 192.168.229.132; the others are worker1, worker2 ... at .133, .134 ... pod_base:
 * "10.32.0.", where its pods' addresses begin. */
struct node_place { char name[16], ip[16], pod_base[16]; };
void node_place(int index, struct node_place *out);
int  node_find(struct str name_or_ip, int count);                /* -1: none of the first `count` */
const char *node_dir(struct arena *a, const char *data, int index);              /* its / on the disk: DATA/node, DATA/nodes/worker1 */

/* ---- a machine ---- */
struct node {
    struct node_place   place;
    int                 index;
    const char         *root;          /* node_dir */
    struct vnet_host   *net;
    struct image_store *images;
    struct services    *services;      /* NULL while the machine is off */
    int                 edge_port;     /* of its kubelet at 127.0.0.1; 0: not yet */
    int                 wanted_port;   /* what it should be: -1 the usual one, or the next free; 0 any */
    uint64_t            vips_saved;    /* version of its Service rules that the store has */
    const char         *hosts;         /* lines of its /etc/hosts about the others */
    struct loop        *loop;
    struct store       *store;
    struct vnet        *vnet;
    int                 minor;
    struct arena       *arena;
};
struct node_options { struct loop *loop; struct store *store; struct vnet *vnet; const char *data; int minor, kubelet_port,
                      count /* of nodes */; };
struct node *node_new(const struct node_options *o, int index);  /* in the network, with its Service rules and images; off */
/* The machine comes up; fresh: its kubelet is enabled first, as the package does when it is installed. */
bool node_power_on(struct node *n, bool fresh, struct err *err);
void node_power_off(struct node *n);        /* the machine goes off, and its containers; accepts one that is off */
void node_free(struct node *n);        /* after node_power_off and node_images_free; accepts NULL */
void node_images_free(struct node *n); /* builds and pulls under way end without a word */
bool node_ready(const struct node *n);
void node_rules_save(struct node *n);  /* its Service rules, if they have changed */

#endif
