/* sim/net/stream.c - one end of a two-way connection, whatever carries it.
 *
 * What Go spreads over net.Conn, io.Reader and io.Writer is one structure with a table of five operations here. The
 * kinds are pipe.c (inside the process), tcp.c (the edge), and those of other rooms (SPDY streams, upgraded
 * connections). This file holds what all kinds share: the rules of shutdown, pause and close, so that a kind sees each
 * of them at most once and never after its end.
 */
#include "sim/net/net.h"

void stream_attach(struct stream *s, const struct stream_events *ev, void *ctx)
{
    ASSERT(!s->closing);
    s->ev = ev;
    s->ctx = ctx;
    s->ops->pause(s, s->paused);                   /* what came before this owner is scheduled now */
}

void stream_write(struct stream *s, struct str bytes)
{
    if (!s->shut && !s->closing && bytes.n > 0)
        s->ops->write(s, bytes);
}

bool stream_congested(const struct stream *s)
{
    return s->congested;
}

size_t stream_unsent(const struct stream *s)
{
    return s->ops->unsent(s);
}

void stream_pause(struct stream *s)
{
    if (!s->paused && !s->closing) {
        s->paused = true;
        s->ops->pause(s, true);
    }
}

void stream_resume(struct stream *s)
{
    if (s->paused && !s->closing) {
        s->paused = false;
        s->ops->pause(s, false);
    }
}

void stream_shutdown(struct stream *s)
{
    if (!s->shut && !s->closing) {
        s->shut = true;
        s->ops->shutdown(s);
    }
}

static void close_once(struct stream *s, bool drop_unsent)
{
    if (s == NULL)
        return;
    ASSERT(!s->closing);
    s->closing = true;
    s->ev = NULL;
    s->ops->close(s, drop_unsent);
}

void stream_close(struct stream *s)
{
    close_once(s, false);
}

void stream_abort(struct stream *s)
{
    close_once(s, true);
}

void stream_emit_data(struct stream *s, struct str bytes)
{
    if (s->ev != NULL && s->ev->on_data != NULL)
        s->ev->on_data(s->ctx, bytes);
}

void stream_emit_eof(struct stream *s)
{
    if (s->ev != NULL && s->ev->on_eof != NULL)
        s->ev->on_eof(s->ctx);
}

void stream_emit_drain(struct stream *s)
{
    if (s->ev != NULL && s->ev->on_drain != NULL)
        s->ev->on_drain(s->ctx);
}

void stream_emit_close(struct stream *s, const struct err *why)
{
    if (s->ev != NULL && s->ev->on_close != NULL)
        s->ev->on_close(s->ctx, why);
}
