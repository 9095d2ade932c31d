/* sim/net/tcp_priv.h - what the edge's two files share: the life of a connection (tcp.c) and listening and dialing (listen.c). */
#ifndef SIM_NET_TCP_PRIV_H
#define SIM_NET_TCP_PRIV_H

#include <uv.h>

#include "sim/net/net.h"

/* All sockets of one loop. Made by the first of them, gone with the last of them and the hook. */
struct edge {
    struct list  node;
    struct loop *loop;
    struct hook *hook;                             /* flushes; NULL: the task does, at once */
    struct task  flush_task;
    struct list  dirty;                            /* connections that hold output, in the order of their first byte */
    struct list  lingering;                        /* closed by their owner, waiting for the peer to read the rest */
    size_t       conn_count, listener_count;
    size_t       owed;                             /* connections with `owed` */
    uint64_t     activity;                         /* bytes, beginnings and ends, in either direction */
};

struct edge *tcp_edge_of(struct loop *l);
void tcp_edge_release(struct edge *e);                 /* frees it when nothing uses it */
void tcp_edge_cut_lingering(struct edge *e);

struct conn {
    struct stream s;
    struct edge  *edge;
    union { uv_handle_t handle; uv_stream_t stream; uv_tcp_t tcp; uv_pipe_t pipe; } u;
    uv_timer_t    wall;                            /* tcp_deadline, and the wait after close */
    struct task   task;                            /* hands events over */
    struct list   dirty, linger;                   /* nodes in the edge's lists */
    struct strbuf in, out;                         /* read but not handed over; written but not given to the system */
    struct strbuf sending;                         /* given to libuv, which borrows it until the write is done */
    /* of what is unsent: written since the last flush, so not yet the peer's fault */
    size_t        fresh;
    uv_write_t    write_req;
    uv_shutdown_t shutdown_req;
    uv_connect_t  connect_req;
    struct err    why;                             /* of the end, once `ended` */
    int           handles_open;
    bool owed;                                     /* the peer waits for us (tcp_owe) */
    bool reading, writing, shutting, got_eof, told_eof, ended, told_close, handle_closing;
};

struct conn *tcp_conn_new(struct edge *e, bool unix_socket);
void tcp_conn_start(struct conn *c);                   /* connected: begin to read */
void tcp_conn_destroy(struct conn *c);                 /* close the handles now; memory follows in their callbacks */

#endif
