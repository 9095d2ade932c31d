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
    tap_sum_add(&c->tunnel_tap, bytes);
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
    tap_sum_end(&c->tunnel_tap, "tunnel");
    edge_conn_finish(c, drop_unsent);
}

static const struct stream_ops tunnel_ops = { tunnel_write, tunnel_unsent, tunnel_pause, tunnel_shutdown, tunnel_close };

struct stream *tunnel_open(struct edge_conn *c, uint64_t tap_id)
{
    c->upgraded = true;
    c->tunnel.ops = &tunnel_ops;
    c->tunnel_tap.id = tap_id;
    tap_sum_begin(&c->tunnel_tap, 101);
    if (c->s != NULL) {
        stream_pause(c->s);                        /* until somebody is attached */
        tcp_deadline(c->s, 0);
    }
    edge_conn_wake(c);
    return &c->tunnel;
}

/* ---- what is due to the owner, one thing at a time ---- */
enum tunnel_due { DUE_NOTHING, DUE_DATA, DUE_DRAIN, DUE_EOF, DUE_CLOSE };

static enum tunnel_due tunnel_due(const struct edge_conn *c)
{
    const struct stream *t = &c->tunnel;
    bool ended = c->eof || c->tls_closed || c->s == NULL;
    if (t->closing || t->ev == NULL || c->told_close)
        return DUE_NOTHING;
    if (c->in.n > 0 && !t->paused)
        return DUE_DATA;
    if (c->drained)
        return DUE_DRAIN;
    if (ended && c->in.n == 0 && !c->told_eof && c->why.code == ERR_NONE)
        return DUE_EOF;
    if ((c->s == NULL || (ended && c->tls != NULL)) && (c->in.n == 0 || c->why.code != ERR_NONE))
        return DUE_CLOSE;
    return DUE_NOTHING;
}

void tunnel_wake(struct edge_conn *c)
{
    if (tunnel_due(c) != DUE_NOTHING)
        input_post(c->loop, &c->input);
}

static void deliver_data(struct edge_conn *c)
{
    struct strbuf taken = c->in;
    strbuf_init(&c->in, SIZE_MAX / 2);
    tap_input(c->tunnel_tap.id, HTTP_TAP_DATA, strbuf_str(&taken), NULL);
    stream_emit_data(&c->tunnel, strbuf_str(&taken));
    strbuf_deinit(&taken);
}

void tunnel_deliver(struct edge_conn *c)
{
    switch (tunnel_due(c)) {
    case DUE_NOTHING:
        return;
    case DUE_DATA:
        deliver_data(c);
        break;
    case DUE_DRAIN:
        c->drained = false;
        tap_input(c->tunnel_tap.id, HTTP_TAP_DRAIN, STR_NULL, NULL);
        stream_emit_drain(&c->tunnel);
        break;
    case DUE_EOF:
        c->told_eof = true;
        tap_input(c->tunnel_tap.id, HTTP_TAP_EOF, STR_NULL, NULL);
        stream_emit_eof(&c->tunnel);
        break;
    case DUE_CLOSE:
        c->told_close = true;
        tap_input(c->tunnel_tap.id, HTTP_TAP_CLOSE, STR_NULL, &c->why);
        stream_emit_close(&c->tunnel, &c->why);
        break;
    }
    tunnel_wake(c);
}
