/* sim/net/net.h - streams of bytes, and the virtual network that the cluster lives in.
 *
 * A stream is one end of a two-way connection. In-process connections are pairs of queues (pipe.c); the edge is
 * loopback TCP (tcp.c). The virtual network has hosts (network namespaces: the node's, one per pod), addresses,
 * listeners, Service addresses (vip.c, programmed by kube-proxy) and name servers (dns.c). Every connection inside the
 * process is made with vnet_dial, so that routes, refusals and faults apply to it; error texts are those of Go's net
 * package.
 */
#ifndef SIM_NET_NET_H
#define SIM_NET_NET_H

#include "sim/base/base.h"
#include "sim/fault/fault.h"
#include "sim/loop/loop.h"

/* ---- stream ------------------------------------------------------------------------------------------------- */
struct stream;
struct stream_events {                 /* all optional */
    void (*on_data)(void *ctx, struct str bytes);          /* bytes live until it returns */
    void (*on_eof)(void *ctx);                             /* the peer will write no more */
    void (*on_drain)(void *ctx);                           /* writable again after stream_congested was true */
    /* once, last: the peer or the network closed; why->code is ERR_NONE for a clean end */
    void (*on_close)(void *ctx, const struct err *why);
};
/* After on_close the stream is dead but still the owner's: it is freed by stream_close, which may be called inside any event. */
/* events must outlive the stream; may be called again to hand the stream over; data that came before is delivered next
 * turn */
void stream_attach(struct stream *s, const struct stream_events *ev, void *ctx);
void stream_write(struct stream *s, struct str bytes);     /* copies; never blocks; ignored after shutdown or close */
/* more than LIMIT_STREAM_BYTES wait for the peer: a polite writer stops until on_drain */
bool stream_congested(const struct stream *s);
size_t stream_unsent(const struct stream *s);              /* bytes waiting */
void stream_pause(struct stream *s);                       /* no on_data until stream_resume (back-pressure to the peer) */
void stream_resume(struct stream *s);
void stream_shutdown(struct stream *s);                    /* half close: peer sees on_eof after what was written */
/* both ways; what was written is still delivered; no event of this end comes any more; frees it. Accepts NULL. */
void stream_close(struct stream *s);
void stream_abort(struct stream *s);                       /* as close, but unsent bytes are dropped */
/* in-process; delivery is by task, never re-entrant */
void stream_pair(struct loop *l, struct stream **a, struct stream **b);
void stream_splice(struct stream *a, struct stream *b);    /* relay both ways with back-pressure; owns both from now on */

/* For implementers of further kinds (TCP, a SPDY stream): embed and fill. See pipe.c for the pattern. Rules: events
 * come from a task, never from inside ops; while ev is NULL or paused is set no data is emitted; stream_attach calls
 * ops->pause(s, s->paused), which must schedule what waits; after each stream_emit_* check `closing`, since the callee
 * may have closed the stream. The wrappers keep shut, paused and closing; the kind keeps congested. */
struct stream_ops {
    void   (*write)(struct stream *s, struct str bytes);
    size_t (*unsent)(const struct stream *s);
    void   (*pause)(struct stream *s, bool paused);
    void   (*shutdown)(struct stream *s);
    void   (*close)(struct stream *s, bool drop_unsent);   /* frees the memory, now or later */
};
struct stream {
    const struct stream_ops    *ops;
    const struct stream_events *ev;    /* NULL until attached; implementers call it through stream_emit_* */
    void                       *ctx;
    bool congested, paused, shut, closing;
};
void stream_emit_data(struct stream *s, struct str bytes);
void stream_emit_eof(struct stream *s);
void stream_emit_drain(struct stream *s);
void stream_emit_close(struct stream *s, const struct err *why);

/* ---- edge: real TCP on 127.0.0.1 ------------------------------------------------------------------------------- */
struct tcp_listener;
/* port 0 takes a free one. on_accept gets an attached-to-nobody stream and the peer's "127.0.0.1:41234". NULL and
 * ERR_IO ("address already in use"...) on failure. Output of edge streams is held until the loop's flush hook, which
 * runs after the store's commit; an edge stream whose peer does not read past LIMIT_CONN_OUT_BYTES is aborted, so a
 * slow client never holds up the clock. */
struct tcp_listener *tcp_listen(struct loop *l, const char *addr, int port,
                                void (*on_accept)(void *ctx, struct stream *s, struct str peer_addr), void *ctx, struct err *err);
int  tcp_listener_port(const struct tcp_listener *t);
void tcp_listener_close(struct tcp_listener *t);
/* A Unix socket (the control socket), mode 0600, same semantics. */
struct tcp_listener *unix_listen(struct loop *l, const char *path,
                                 void (*on_accept)(void *ctx, struct stream *s, struct str peer), void *ctx,
                                 struct err *err);
/* register after the store's commit hook: writes out what edge streams hold. Without it a task flushes at once */
void edge_flush_hook(struct loop *l, struct hook *h);
/* at the end of the process: takes the hook back and cuts what still lingers; accepts a loop without edge */
void edge_stop(struct loop *l);
/* Edge streams only: unless called again within ms of wall time, the stream ends with on_close(ERR_TIMEOUT); 0 takes
 * the deadline off. It guards against clients that stall, so it runs on wall time and is no part of the simulation. */
void tcp_deadline(struct stream *s, unsigned ms);
/* What a driven command is watched by. The activity changes whenever bytes, a beginning or an end come or leave over any
 * edge stream. tcp_owe: whoever reads this stream waits for us until it is called with false, or the stream is closed;
 * edge_owed counts those that wait. */
uint64_t edge_activity(struct loop *l);
void tcp_owe(struct stream *s, bool owed);
size_t edge_owed(struct loop *l);
/* Connect out of the process on loopback (a real metrics-server in metricsd's place). */
void tcp_dial(struct loop *l, const char *addr, int port, void (*done)(void *ctx, struct stream *s, const struct err *err),
              void *ctx);

/* ---- virtual network ----------------------------------------------------------------------------------------- */
struct vnet;
struct vnet_host;                      /* a network namespace with addresses and a resolver */
struct vnet_listener;
struct vnet *vnet_new(struct loop *l);
void vnet_free(struct vnet *v);        /* every host must be gone */
struct loop *vnet_loop(struct vnet *v);
/* what is wrong in this cluster at the moment; everybody on its network may ask */
struct faults *vnet_faults(struct vnet *v);
struct vnet_host *vnet_host_new(struct vnet *v, const char *name);
void vnet_host_free(struct vnet_host *h);                  /* resets its connections and listeners */
/* The namespace of a pod is on this machine (a host that is its own machine), by whose Service rules it goes; it must outlive it.
 * Without this call a host is a machine of its own. */
void vnet_host_set_machine(struct vnet_host *h, struct vnet_host *machine);
/* Faults leave alone what begins on this host: it is where they are steered from. */
void vnet_host_spare(struct vnet_host *h);
bool vnet_spares(struct vnet *v, struct str ip);           /* is that one of its addresses? */
/* Virtual now by the clock of that machine, which a fault may have put wrong: what its programs judge dates by. */
int64_t vnet_host_now(const struct vnet_host *h);
const char *vnet_host_name(const struct vnet_host *h);
struct vnet *vnet_host_net(struct vnet_host *h);
/* 127.0.0.1 and localhost belong to every host without being added */
void vnet_host_add_addr(struct vnet_host *h, const char *ip);
struct str vnet_host_addr(const struct vnet_host *h);      /* the first address */

/* What a listener hands to a dialer is opaque to the network: sim/http's direct transport passes its server here. */
struct vnet_endpoint { const void *kind; void *server; };  /* kind: an address that names the protocol (e.g. &http_direct_kind) */
/* ERR_IO "listen tcp :80: bind: address already in use" */
struct vnet_listener *vnet_listen(struct vnet_host *h, const char *ip /* NULL: any */, int port, struct vnet_endpoint ep,
                                  struct err *err);
void vnet_listener_close(struct vnet_listener *l);
/* "10.32.0.5:80", by which vnet_find finds it; false: its host is gone */
bool vnet_listener_place(const struct vnet_listener *l, char out[80]);
/* What listens there, without a dial; false: nobody */
bool vnet_find(struct vnet *v, struct str ip, int port, struct vnet_endpoint *out);

/* Dial ip:port from a host: VIP translation, then route, then the listener. Calls done once, in a later task (never
 * inside the call), after the network's latency. err texts: "dial tcp 10.32.0.5:80: connect: connection refused", "...:
 * connect: no route to host", "...: i/o timeout". */
struct vnet_dial {
    struct vnet_host *from;
    char   ip[64]; int port;
    struct vnet_endpoint ep;           /* result */
    char   peer_ip[64]; int peer_port; /* result: where it went after translation */
    char   local_ip[64]; int local_port; /* result: the dialer's own address as the peer sees it */
    void (*done)(struct vnet_dial *d, const struct err *err);  /* err NULL: connected */
    struct timer timer;                /* private */
    struct task  task;                 /* private */
    struct list  node;                 /* private */
    int    trouble;                    /* private: enum trouble */
};
void vnet_dial_start(struct vnet_dial *d);                 /* caller fills from, ip, port, done */
void vnet_dial_cancel(struct vnet_dial *d);
/* How much longer so many round trips over the connection take than the none that they take in a network without faults. Throws
 * dice: ask once. */
int64_t vnet_round_trips(const struct vnet_dial *d, unsigned count);
/* Is whoever answered the dial still there? Else `ep` leads nowhere. For who has waited since. */
bool vnet_dial_alive(const struct vnet_dial *d);

/* A transport that keeps a connection over the network registers it, so that it is cut when the host of either end goes. reset is
 * called inside vnet_host_free, once, with the connection already unregistered: it must only enqueue. The same when a fault begins
 * that ends it. */
struct vnet_conn {
    struct list from_node, to_node;
    void (*reset)(struct vnet_conn *c);
    const struct vnet_dial *dial;      /* how it was made, or NULL: by it a fault knows which connections it ends. Lives as long. */
};
void vnet_conn_open(struct vnet_conn *c, struct vnet_host *from, const char *peer_ip);
void vnet_conn_close(struct vnet_conn *c);                 /* legal when closed or zeroed */

/* Addresses outside of the cluster. */
enum vnet_outside { VNET_REFUSE, VNET_BLACKHOLE, VNET_NO_ROUTE };
/* default for unknown addresses: VNET_NO_ROUTE inside 10/8 and 192.168/16, else BLACKHOLE */
void vnet_set_outside(struct vnet *v, const char *ip, enum vnet_outside what);

/* Service addresses: what kube-proxy's iptables rules do, on the machine that h is on. A port with no backend refuses
 * (REJECT). Choice is uniform from the network's rng. */
struct vip_backend { char ip[64]; int port; };
void vip_set(struct vnet_host *h, const char *ip, int port, const char *proto /* "TCP" or "UDP" */, const struct vip_backend *b,
             size_t n);
void vip_remove(struct vnet_host *h, const char *ip, int port, const char *proto);
void vip_clear(struct vnet_host *h);
/* The table as text, a line per Service port, as iptables-save and iptables-restore: it is the kernel's, and outlives
 * who wrote it. The version grows with every change. */
uint64_t vip_version(const struct vnet_host *h);
void vip_save(const struct vnet_host *h, struct strbuf *out);
bool vip_restore(struct vnet_host *h, struct str text);     /* adds to what is there; false: a line was not understood and skipped */

/* ---- names ------------------------------------------------------------------------------------------------------ */
struct dns_answer { bool nxdomain, servfail; char ips[8][64]; size_t ip_count; };
/* A name server listens on UDP 53 of its host. It fills q->answer, which comes empty, and calls q->reply(q) once, at once or later;
 * queries that are open when the listener is closed are dropped by the network and must not be answered any more. name is absolute,
 * lower case, without the last dot. */
struct dns_query { char name[256]; struct dns_answer answer; void (*reply)(struct dns_query *q); };
struct dns_listener;
struct dns_listener *dns_listen(struct vnet_host *h, int port, void (*on_query)(void *ctx, struct dns_query *q), void *ctx,
                                struct err *err);
void dns_listener_close(struct dns_listener *l);
/* The resolver of a host: /etc/hosts lines, then resolv.conf. ndots as in glibc/Go (1 on a host, 5 in a pod). */
struct resolv_conf { char nameserver[64]; char search[6][128]; size_t search_count; int ndots; };
void vnet_host_set_resolver(struct vnet_host *h, const struct resolv_conf *rc);
void vnet_host_add_hosts(struct vnet_host *h, const char *ip, const char *name);   /* an /etc/hosts line */
/* Look a name up from a host. IP text answers itself. err as Go's: "lookup ubuntu on 10.96.0.10:53: no such host",
 * "...: server misbehaving", "...: read udp 10.32.0.5:41234->10.96.0.10:53: i/o timeout". Never calls done inside the
 * call. */
struct dns_lookup {
    struct vnet_host *from;
    char   name[256];
    char   ips[8][64]; size_t ip_count;                    /* result */
    void (*done)(struct dns_lookup *q, const struct err *err); /* err NULL: found */
    void  *priv;                       /* private */
    struct task task;                  /* private */
};
void dns_lookup_start(struct dns_lookup *q);               /* caller fills from, name, done */
void dns_lookup_cancel(struct dns_lookup *q);

#endif
