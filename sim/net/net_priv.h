/* sim/net/net_priv.h - what vnet.c, vip.c and dns.c know of each other. */
#ifndef SIM_NET_NET_PRIV_H
#define SIM_NET_NET_PRIV_H

#include "sim/net/net.h"

struct vnet {
    struct loop *loop;
    struct list  hosts;                            /* struct vnet_host, in order of creation */
    struct map  *addrs;                            /* ip -> struct vnet_host */
    struct map  *outside;                          /* ip -> &outside_kinds[what] */
    struct rng   rng;                              /* "kube-proxy": which endpoint a connection goes to */
    struct faults *faults;                         /* in force; troubled.c */
    struct fault_watch watch;
    struct task  cut;                              /* looks for connections that a new fault ends */
};

struct vnet_host {
    struct list  node;
    struct vnet *net;
    char        *name;
    struct map  *addrs;                            /* ip -> the host itself; the first is its source address */
    struct list  listeners, dns_listeners;         /* in order of creation */
    struct list  dials, lookups;                   /* under way from here */
    struct list  conns_from, conns_to;             /* struct vnet_conn */
    struct resolv_conf rc;
    struct map  *hosts_file;                       /* lower-case name -> struct hosts_line */
    struct vnet_host *machine;                     /* whose kernel this namespace is of; the machine's own: itself */
    struct map  *vips;                             /* a machine's "TCP 10.96.0.1:443" -> struct vip; NULL until there is one */
    uint64_t     vip_version;                      /* counts the changes of that table */
    bool         spared;                           /* no fault concerns what begins here */
    uint32_t     next_port;                        /* ephemeral ports, as Linux hands them out: 32768..60999 */
};

/* Where a packet for an address ends up. */
enum route { ROUTE_HOST, ROUTE_REFUSE, ROUTE_BLACKHOLE, ROUTE_NO_ROUTE };
enum route vnet_route(struct vnet_host *from, const char *ip, struct vnet_host **to);

/* Source address and a fresh port for traffic from a host to ip. */
void vnet_local_addr(struct vnet_host *from, const char *ip, char local_ip[64], int *local_port);
bool vnet_is_loopback(const char *ip);

/* Translate *ip:*port if it is a Service's by the rules of `from`'s machine; false: it is, and has no endpoints (the packet is
 * rejected). */
bool vip_translate(struct vnet_host *from, const char *proto, char ip[64], int *port);

/* ---- troubled.c ---- */
enum trouble { TROUBLE_NONE, TROUBLE_REFUSED, TROUBLE_SILENCE };
void vnet_trouble_init(struct vnet *v);
void vnet_trouble_free(struct vnet *v);
/* What becomes of a dial that has been translated; delay_ns: how much later it succeeds. Throws the faults' dice. */
enum trouble vnet_trouble(const struct vnet_dial *d, int64_t *delay_ns);
/* is `from` one of those whom its parameter `from` means? */
bool vnet_fault_from(const struct fault *f, const struct vnet_host *from);

void dns_host_free(struct vnet_host *h);           /* drop the host's name servers and what its resolver waits for */

/* How long the network takes to say no. Success takes no virtual time: inside one node it is some 50 us, far below what
 * the model resolves, and so a paused clock can still be asked questions. */
#define NET_REFUSED_NS   (50 * (int64_t)NS_PER_US)      /* a reset; not 0, so that a loop without pause cannot stop the clock */
#define NET_OUTSIDE_NS   (200 * (int64_t)NS_PER_US)     /* a reset from outside of the node */
#define NET_NO_ROUTE_NS  (3 * (int64_t)NS_PER_S)        /* three ARP requests go unanswered */
#define NET_TIMEOUT_NS   (30 * (int64_t)NS_PER_S)       /* net.Dialer.Timeout of Go's default transport */

#endif
