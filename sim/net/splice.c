/* sim/net/splice.c - join two streams: what a tunnel does (the API server's CONNECT, exec and port-forward proxies).
 *
 * Bytes of either side are written to the other; a side whose other is congested is paused until that drains. Ends of
 * file are passed on, and when both directions have ended, or either side is gone, both streams are closed and the
 * splice is no more. Upstream: apimachinery pkg/util/proxy/upgradeaware.go, two io.Copy and a wait for the first to
 * end.
 */
#include <stdlib.h>

#include "sim/net/net.h"

struct splice_side {
    struct splice *splice;
    struct stream *s;
    bool           ended;                          /* it will send no more */
};

struct splice {
    struct splice_side side[2];
};

static struct splice_side *other(struct splice_side *side)
{
    return &side->splice->side[side == &side->splice->side[0]];
}

static void splice_end(struct splice *sp, bool drop)
{
    for (int i = 0; i < 2; i++)
        drop ? stream_abort(sp->side[i].s) : stream_close(sp->side[i].s);
    free(sp);
}

static void on_data(void *ctx, struct str bytes)
{
    struct splice_side *side = ctx, *to = other(side);
    stream_write(to->s, bytes);
    if (stream_congested(to->s))
        stream_pause(side->s);
}

static void on_drain(void *ctx)
{
    stream_resume(other(ctx)->s);
}

static void on_eof(void *ctx)
{
    struct splice_side *side = ctx;
    side->ended = true;
    if (other(side)->ended)
        splice_end(side->splice, false);
    else
        stream_shutdown(other(side)->s);
}

static void on_close(void *ctx, const struct err *why)
{
    struct splice_side *side = ctx;
    splice_end(side->splice, why->code != ERR_NONE);
}

static const struct stream_events splice_events = { on_data, on_eof, on_drain, on_close };

/* Takes both streams. Neither may be used, paused or closed by the caller any more. */
void stream_splice(struct stream *a, struct stream *b)
{
    struct splice *sp = NEW(struct splice);
    sp->side[0] = (struct splice_side){ .splice = sp, .s = a };
    sp->side[1] = (struct splice_side){ .splice = sp, .s = b };
    stream_attach(a, &splice_events, &sp->side[0]);
    stream_attach(b, &splice_events, &sp->side[1]);
}
