/* sim/http/replay.c - a request that comes from a journal: a carrier without a socket.
 *
 * What edge.c makes of bytes is made of a journal's fields here: an exchange that counts as one of the edge (its writes are
 * answered after the commit, its times are shifted), and after an upgrade a tunnel. Answers go nowhere but to the tap, as those
 * of every request do. Who replays says when the client sent more, or left; nothing happens by itself.
 */
#include "sim/http/http_priv.h"

#include <stdlib.h>

struct http_replay {
    struct exchange *exchange;                     /* NULL once answered */
    struct stream    tunnel;                       /* after an upgrade */
    struct tap_sum   tunnel_tap;
    bool             upgraded, closed;             /* closed: the tunnel's owner is done with it */
    bool             told_eof, told_close;
    bool             released;                     /* free it when the owner closes */
};

/* ---- the tunnel ---- */
static struct http_replay *replay_of(const struct stream *s)
{
    return container_of(s, struct http_replay, tunnel);
}

static void tunnel_write(struct stream *s, struct str bytes)
{
    tap_sum_add(&replay_of(s)->tunnel_tap, bytes);
}

static size_t tunnel_unsent(const struct stream *s)
{
    (void)s;
    return 0;
}

static void tunnel_pause(struct stream *s, bool paused)
{
    (void)s, (void)paused;                         /* what comes, came when it was not */
}

static void tunnel_shutdown(struct stream *s)
{
    (void)s;
}

static void tunnel_close(struct stream *s, bool drop_unsent)
{
    struct http_replay *r = replay_of(s);
    (void)drop_unsent;
    tap_sum_end(&r->tunnel_tap, "tunnel");
    r->closed = true;
    if (r->released)
        free(r);
}

static const struct stream_ops tunnel_ops = { tunnel_write, tunnel_unsent, tunnel_pause, tunnel_shutdown, tunnel_close };

/* ---- the answer ---- */
static void replay_done(struct exchange *e)
{
    ((struct http_replay *)e->carrier)->exchange = NULL;
}

static void replay_respond(struct exchange *e, int status, struct http_headers *h, struct str body)
{
    (void)status, (void)h, (void)body;
    replay_done(e);
}

static void replay_begin(struct exchange *e, int status, struct http_headers *h)
{
    (void)e, (void)status, (void)h;
}

static void replay_write(struct exchange *e, struct str bytes)
{
    (void)e, (void)bytes;
}

static size_t replay_unsent(const struct exchange *e)
{
    (void)e;
    return 0;
}

static struct stream *replay_upgrade(struct exchange *e, const struct http_headers *extra)
{
    struct http_replay *r = e->carrier;
    (void)extra;
    r->upgraded = true;
    r->tunnel.ops = &tunnel_ops;
    r->tunnel_tap.id = e->tap.id;
    tap_sum_begin(&r->tunnel_tap, 101);
    replay_done(e);
    return &r->tunnel;
}

static const struct exchange_ops replay_ops = {
    replay_respond, replay_begin, replay_write, replay_unsent, replay_done, replay_done, replay_upgrade, replay_done,
};

/* ---- the client's side ---- */
struct http_replay *http_replay_request(struct http_server *s, const struct http_replay_request *req)
{
    struct http_replay *r = NEW(struct http_replay);
    struct arena *a = arena_new();
    struct exchange *e = exchange_new(s, a, &replay_ops, r);
    ASSERT(req->id != 0);
    r->exchange = e;
    e->tap.id = req->id;
    e->x.method = arena_str(a, req->method);
    e->x.body = arena_str(a, req->body);
    e->x.remote_addr = arena_str(a, req->remote_addr);
    http_headers_copy(a, &e->x.headers, &req->headers);
    e->x.tls = s->tls != NULL;
    e->x.edge = true;
    e->x.time_shift_s = req->time_shift_s;
    exchange_peer_chain(e, req->peer_chain, req->peer_count);
    exchange_target(e, arena_str(a, req->target));
    s->opt.handler(s->opt.ctx, &e->x);
    return r;
}

static void emit(struct http_replay *r, enum http_tap_what what, struct str bytes, const struct err *why)
{
    static const struct err clean = { 0 };
    if (what == HTTP_TAP_DATA)
        stream_emit_data(&r->tunnel, bytes);
    else if (what == HTTP_TAP_DRAIN)
        stream_emit_drain(&r->tunnel);
    else if (what == HTTP_TAP_EOF)
        stream_emit_eof(&r->tunnel);
    else
        stream_emit_close(&r->tunnel, why != NULL ? why : &clean);
}

bool http_replay_input(struct http_replay *r, enum http_tap_what what, struct str bytes, const struct err *why)
{
    struct exchange *e = r->exchange;
    if (what == HTTP_TAP_GONE) {
        r->exchange = NULL;
        if (e != NULL)
            exchange_gone(e);
        return e != NULL;
    }
    bool more = what == HTTP_TAP_DATA || what == HTTP_TAP_EOF;
    if (!r->upgraded || r->closed || r->tunnel.ev == NULL || r->told_close || (r->told_eof && more))
        return false;
    r->told_eof = r->told_eof || what == HTTP_TAP_EOF;
    r->told_close = what == HTTP_TAP_CLOSE;
    emit(r, what, bytes, why);
    return true;
}

void http_replay_free(struct http_replay *r)
{
    if (r == NULL)
        return;
    if (r->exchange != NULL)
        exchange_gone(r->exchange);
    r->exchange = NULL;
    if (r->upgraded && !r->closed)
        r->released = true;                        /* the owner still has the stream */
    else
        free(r);
}
