/* sim/http/http_priv.h - what the files of the room share.
 *
 * Reading order: headers.c url.c negotiate.c (values), exchange.c (one request and its answer, apart from what carries
 * it), server.c, then the two carriers: direct.c with client.c (inside), and parse.c edge.c answer.c tunnel.c (real
 * sockets).
 */
#ifndef SIM_HTTP_HTTP_PRIV_H
#define SIM_HTTP_HTTP_PRIV_H

#include "sim/http/http.h"

/* ---- tap.c: what is told of one request or tunnel ---- */
struct sha256_run;
struct tap_sum { uint64_t id, bytes; int status; struct sha256_run *run; };    /* id 0: nobody watches */
uint64_t tap_request(const struct http_server *s, const struct http_exchange *x);
void tap_input(uint64_t id, enum http_tap_what what, struct str bytes, const struct err *why);
void tap_sum_begin(struct tap_sum *t, int status);
void tap_sum_add(struct tap_sum *t, struct str bytes);
void tap_sum_end(struct tap_sum *t, const char *how);           /* tells; nothing is told after it */

/* ---- exchange.c ---- */
struct exchange;
struct exchange_ops {
    /* what carries the answer; headers are complete but for length and connection */
    void (*respond)(struct exchange *e, int status, struct http_headers *h, struct str body);
    void (*begin)(struct exchange *e, int status, struct http_headers *h);
    void (*write)(struct exchange *e, struct str bytes);
    size_t (*unsent)(const struct exchange *e);
    void (*end)(struct exchange *e);
    void (*abort)(struct exchange *e);
    struct stream *(*upgrade)(struct exchange *e, const struct http_headers *extra);
    void (*lost)(struct exchange *e);              /* or NULL: the server ends, and the exchange without an answer */
};
enum exchange_state { EXCHANGE_OPEN, EXCHANGE_STREAMING, EXCHANGE_DONE };
struct exchange {                                  /* lives in its own arena */
    struct http_exchange       x;
    const struct exchange_ops *ops;
    void                      *carrier;            /* connection or call; NULL when the client is gone */
    struct list                node;               /* in the server's list while not done */
    struct loop               *loop;
    struct task                task;               /* tells on_gone, or frees */
    enum exchange_state        state;
    bool                       head;               /* a HEAD request: the answer has no body */
    struct tap_sum             tap;
};
/* Takes the arena. The caller fills method, target, headers and body, then calls exchange_target. */
struct exchange *exchange_new(struct http_server *s, struct arena *a, const struct exchange_ops *ops, void *carrier);
void exchange_target(struct exchange *e, struct str target);                   /* sets target, path, query_text, query */
void exchange_peer_chain(struct exchange *e, struct cert *const *chain, size_t n); /* references of its own */
void exchange_gone(struct exchange *e);            /* the client left: on_gone by task; the carrier is not used any more */
void exchange_gone_all(struct http_server *s);     /* the same for all, at once: the server ends */
bool http_status_has_body(int status);

/* ---- server.c ---- */
struct server_listener { struct list node; struct tcp_listener *tcp; struct vnet_listener *vnet; };
struct http_server {
    struct http_server_options opt;
    char              *name;
    struct tls_server *tls;                        /* NULL: plain */
    struct list        listeners, edge_conns, direct_links, exchanges;
    size_t             conn_count;
};

/* ---- direct.c: a call's mailbox, filled by the server's side, emptied by the client's task ---- */
struct direct_link {
    struct loop     *loop;
    struct list      node;                         /* in the server's direct_links */
    struct exchange *exchange;                     /* NULL once answered, or lost */
    struct vnet_conn conn;
    struct task      task;                         /* runs on_mail */
    void           (*on_mail)(struct direct_link *d);
    struct arena    *arena;                        /* the call's: headers of the answer are put here */
    int              status;                       /* 0: no head yet */
    struct http_headers headers;
    struct strbuf    body;                         /* arrived, not handed over */
    struct stream   *upgraded;
    bool             ended;                        /* all of the answer is here */
    const char      *broken;                       /* why the rest will not come, in Go's words */
};
struct direct_request {
    struct arena       *arena;                     /* passes to the exchange */
    struct str          method, target, body;
    struct http_headers headers;
    char                remote_addr[80];
    struct identity    *identity;                  /* client certificate or NULL */
    struct vnet_host   *from;
    const struct vnet_dial *dial;                  /* which led here; lives as long as the link */
};
void direct_link_init(struct direct_link *d, struct loop *l, struct arena *a, void (*on_mail)(struct direct_link *d));
void direct_send(struct direct_link *d, struct http_server *s, const struct direct_request *req);
void direct_close(struct direct_link *d);          /* from any state; the server's handler is told */
void direct_break(struct direct_link *d, const char *why);

/* ---- edge.c ---- */
void edge_accept(void *server, struct stream *s, struct str peer);
void edge_conn_drop_all(struct http_server *s);    /* at the server's end */

#endif
