/* sim/http/tunnel.c - an edge connection after 101: a stream of bytes for whoever took it (exec, attach, port-forward, CONNECT).
 *
 * Upstream: http.Hijacker. The connection keeps its socket and TLS session and becomes the stream itself. Bytes that
 * came behind the request wait in `in` and are the first that on_data sees. While the owner has paused, the socket is
 * paused too, and so the client.
 */
#include "sim/http/edge_priv.h"

static struct edge_conn *conn_of(const struct stream *s)
{
    return container_of(s, struct edge_conn, tunnel);
}

static void tunnel_write(struct stream *s, struct str bytes)
{
    struct edge_conn *c = conn_of(s);
    edge_conn_output(c, bytes);
    s->congested = c->s != NULL && stream_congested(c->s);
}

static size_t tunnel_unsent(const struct stream *s)
{
    const struct edge_conn *c = conn_of(s);
    return c->s != NULL ? stream_unsent(c->s) : 0;
}

static void tunnel_pause(struct stream *s, bool paused)
{
    struct edge_conn *c = conn_of(s);
    if (!paused)
        edge_conn_wake(c);
    if (c->s != NULL)
        paused ? stream_pause(c->s) : stream_resume(c->s);
}

static void tunnel_shutdown(struct stream *s)
{
    struct edge_conn *c = conn_of(s);
    if (c->s == NULL)
        return;
    if (c->tls != NULL)
        tls_session_shutdown(c->tls);              /* close_notify is TLS's half close */
    else
        stream_shutdown(c->s);
}

static void tunnel_close(struct stream *s, bool drop_unsent)
{
    struct edge_conn *c = conn_of(s);
    c->dead = true;
    edge_conn_finish(c, drop_unsent);
}

static const struct stream_ops tunnel_ops = { tunnel_write, tunnel_unsent, tunnel_pause, tunnel_shutdown, tunnel_close };

struct stream *tunnel_open(struct edge_conn *c)
{
    c->upgraded = true;
    c->tunnel.ops = &tunnel_ops;
    stream_pause(c->s);                            /* until somebody is attached */
    tcp_deadline(c->s, 0);
    edge_conn_wake(c);
    return &c->tunnel;
}

/* From the connection's task or its stream's events: hand over what is due. */
void tunnel_deliver(struct edge_conn *c)
{
    struct stream *t = &c->tunnel;
    if (t->closing || t->ev == NULL)
        return;
    if (c->in.n > 0 && !t->paused) {
        struct strbuf taken = c->in;
        strbuf_init(&c->in, SIZE_MAX / 2);
        stream_emit_data(t, strbuf_str(&taken));
        strbuf_deinit(&taken);
    }
    bool ended = c->eof || c->tls_closed || c->s == NULL;
    if (!t->closing && ended && c->in.n == 0 && !c->told_eof && c->why.code == ERR_NONE) {
        c->told_eof = true;
        stream_emit_eof(t);
    }
    if (!t->closing && !c->told_close && (c->s == NULL || (ended && c->tls != NULL)) &&
        (c->in.n == 0 || c->why.code != ERR_NONE)) {
        c->told_close = true;
        stream_emit_close(t, &c->why);
    }
}
