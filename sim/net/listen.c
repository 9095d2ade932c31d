/* sim/net/listen.c - where edge connections come from: listeners on 127.0.0.1, the control socket, and dialing out on loopback.
 *
 * Order of use: tcp_listen or unix_listen, on_accept for each client with a stream that nobody is attached to yet,
 * tcp_listener_close. Past LIMIT_CONN_COUNT a client is accepted and dropped at once, which it sees as a reset rather
 * than as a hang. IPv4 only: a name that is not an IPv4 address is refused, so that nothing listens on more than was
 * asked for.
 */
#include "sim/net/tcp_priv.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 128 };

struct tcp_listener {
    struct edge *edge;
    union { uv_handle_t handle; uv_stream_t stream; uv_tcp_t tcp; uv_pipe_t pipe; } u;
    void (*on_accept)(void *ctx, struct stream *s, struct str peer_addr);
    void  *ctx;
    int    port;                                   /* 0: a Unix socket */
};

static void format_addr(const struct sockaddr_in *in, char *out, size_t cap)
{
    char ip[32] = "";
    uv_ip4_name(in, ip, sizeof ip);
    snprintf(out, cap, "%s:%d", ip, ntohs(in->sin_port));
}

static void on_connection(uv_stream_t *server, int status)
{
    struct tcp_listener *t = server->data;
    if (status < 0)
        return;
    struct conn *c = tcp_conn_new(t->edge, t->port == 0);
    t->edge->activity++;
    if (uv_accept(server, &c->u.stream) < 0 || t->edge->conn_count > LIMIT_CONN_COUNT) {
        if (t->edge->conn_count > LIMIT_CONN_COUNT)
            log_msg(LOG_WARN, "edge", "more than %d connections: a client was turned away", LIMIT_CONN_COUNT);
        c->s.closing = true;
        tcp_conn_destroy(c);
        return;
    }
    char peer[64] = "@";                           /* what Go prints for the peer of a Unix socket */
    struct sockaddr_in in;
    int len = sizeof in;
    if (t->port != 0 && uv_tcp_getpeername(&c->u.tcp, (struct sockaddr *)&in, &len) == 0)
        format_addr(&in, peer, sizeof peer);
    tcp_conn_start(c);
    t->on_accept(t->ctx, &c->s, str_c(peer));
}

static void on_listener_closed(uv_handle_t *h)
{
    struct tcp_listener *t = h->data;
    struct edge *e = t->edge;
    free(t);
    if (--e->listener_count == 0)
        tcp_edge_cut_lingering(e);                     /* nothing is served any more: do not hold up the end of the loop */
    tcp_edge_release(e);
}

static struct tcp_listener *listener_new(struct loop *l, bool unix_socket,
                                         void (*on_accept)(void *ctx, struct stream *s, struct str peer), void *ctx)
{
    struct tcp_listener *t = NEW(struct tcp_listener);
    t->edge = tcp_edge_of(l);
    t->edge->listener_count++;
    t->on_accept = on_accept;
    t->ctx = ctx;
    int rc = unix_socket ? uv_pipe_init(loop_uv(l), &t->u.pipe, 0) : uv_tcp_init(loop_uv(l), &t->u.tcp);
    ASSERT(rc == 0);
    t->u.handle.data = t;
    return t;
}

static int listen_tcp(struct tcp_listener *t, const char *addr, int port)
{
    struct sockaddr_in in;
    int len = sizeof in;
    int rc = uv_ip4_addr(strcmp(addr, "localhost") == 0 ? "127.0.0.1" : addr, port, &in);
    if (rc == 0)
        rc = uv_tcp_bind(&t->u.tcp, (const struct sockaddr *)&in, 0);
    if (rc == 0)
        rc = uv_listen(&t->u.stream, BACKLOG, on_connection);
    if (rc == 0)
        rc = uv_tcp_getsockname(&t->u.tcp, (struct sockaddr *)&in, &len);
    t->port = ntohs(in.sin_port);
    return rc;
}

struct tcp_listener *tcp_listen(struct loop *l, const char *addr, int port,
                                void (*on_accept)(void *ctx, struct stream *s, struct str peer_addr), void *ctx, struct err *err)
{
    struct tcp_listener *t = listener_new(l, false, on_accept, ctx);
    int rc = listen_tcp(t, addr, port);
    if (rc == 0)
        return t;
    err_set(err, ERR_IO, "listen tcp %s:%d: bind: %s", addr, port, uv_strerror(rc));
    tcp_listener_close(t);
    return NULL;
}

/* A socket file whose process is gone refuses connections; it may be replaced. One that answers belongs to somebody. */
static bool socket_is_stale(const char *path)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    memcpy(un.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool refused = connect(fd, (const struct sockaddr *)&un, sizeof un) < 0 && errno == ECONNREFUSED;
    close(fd);
    return refused;
}

static int listen_unix(struct tcp_listener *t, const char *path)
{
    struct sockaddr_un un;
    if (strlen(path) >= sizeof un.sun_path)
        return UV_ENAMETOOLONG;
    if (access(path, F_OK) == 0 && socket_is_stale(path))
        unlink(path);
    mode_t before = umask(0177);                   /* never, not even for a moment, open to others */
    int rc = uv_pipe_bind(&t->u.pipe, path);
    umask(before);
    return rc == 0 ? uv_listen(&t->u.stream, BACKLOG, on_connection) : rc;
}

struct tcp_listener *unix_listen(struct loop *l, const char *path,
                                 void (*on_accept)(void *ctx, struct stream *s, struct str peer), void *ctx, struct err *err)
{
    struct tcp_listener *t = listener_new(l, true, on_accept, ctx);
    int rc = listen_unix(t, path);
    if (rc == 0)
        return t;
    err_set(err, ERR_IO, "listen unix %s: bind: %s", path, uv_strerror(rc));
    tcp_listener_close(t);
    return NULL;
}

int tcp_listener_port(const struct tcp_listener *t)
{
    return t->port;
}

void tcp_listener_close(struct tcp_listener *t)
{
    if (t != NULL)
        uv_close(&t->u.handle, on_listener_closed);
}

/* ---- dialing ---- */
struct dial {
    struct conn *conn;
    char         addr[64];
    int          port;
    void       (*done)(void *ctx, struct stream *s, const struct err *err);
    void        *ctx;
    int          rc;
    struct task  task;                             /* when it fails before libuv would call back */
};

static const char *connect_error(int rc)
{
    return rc == UV_ETIMEDOUT ? "i/o timeout" : uv_strerror(rc);
}

static void dial_finish(struct dial *d)
{
    struct conn *c = d->conn;
    if (d->rc == 0) {
        tcp_conn_start(c);
        d->done(d->ctx, &c->s, NULL);
    } else {
        struct err err = { .code = ERR_NONE };
        err_set(&err, d->rc == UV_ECONNREFUSED ? ERR_REFUSED : ERR_IO, "dial tcp %s:%d: connect: %s", d->addr, d->port,
                connect_error(d->rc));
        c->s.closing = true;
        tcp_conn_destroy(c);
        d->done(d->ctx, NULL, &err);
    }
    free(d);
}

static void on_connected(uv_connect_t *req, int status)
{
    struct dial *d = req->data;
    d->rc = status;
    dial_finish(d);
}

static void on_dial_task(struct task *t)
{
    dial_finish(container_of(t, struct dial, task));
}

void tcp_dial(struct loop *l, const char *addr, int port, void (*done)(void *ctx, struct stream *s, const struct err *err),
              void *ctx)
{
    struct dial *d = NEW(struct dial);
    d->conn = tcp_conn_new(tcp_edge_of(l), false);
    snprintf(d->addr, sizeof d->addr, "%s", addr);
    d->port = port;
    d->done = done;
    d->ctx = ctx;
    d->conn->connect_req.data = d;
    task_init(&d->task, on_dial_task);
    struct sockaddr_in in;
    d->rc = uv_ip4_addr(addr, port, &in);
    if (d->rc == 0)
        d->rc = uv_tcp_connect(&d->conn->connect_req, &d->conn->u.tcp, (const struct sockaddr *)&in, on_connected);
    if (d->rc < 0)
        task_post(l, &d->task);
}
