/* sim/net/pipe.c - a connection inside the process: two queues of bytes, and the pattern for every other kind of stream.
 *
 * Each end owns the queue of what it has not read yet. Writing appends to the other end's queue and posts the pipe's
 * one task; the task hands over what is due, end 0 first, then end 1, so the order never depends on addresses. An end
 * that was closed leaves its last bytes in the other's queue; the memory of both goes when both are closed and no event
 * is being delivered.
 *
 * Simplified: delivery takes no virtual time (a connection inside one node takes microseconds), and there are no segments.
 */
#include <stdlib.h>

#include "sim/net/net.h"

struct pipe_end {
    struct stream s;
    struct pipe  *pipe;
    struct strbuf in;                              /* bytes from the peer, not yet handed over */
    bool told_eof, told_close;
    bool cut;                                      /* closed by abort: the peer is told so */
};

struct pipe {
    struct loop    *loop;
    struct task     task;
    struct pipe_end end[2];
};

static struct pipe_end *peer_of(const struct pipe_end *e)
{
    return &e->pipe->end[e == &e->pipe->end[0]];
}

static void pipe_post(struct pipe *p)
{
    task_post(p->loop, &p->task);
}

static void pipe_write(struct stream *s, struct str bytes)
{
    struct pipe_end *e = container_of(s, struct pipe_end, s), *peer = peer_of(e);
    if (peer->s.closing)
        return;                                    /* nobody will read it; on_close is on its way */
    strbuf_add(&peer->in, bytes);
    s->congested = peer->in.n > LIMIT_STREAM_BYTES;
    pipe_post(e->pipe);
}

static size_t pipe_unsent(const struct stream *s)
{
    return peer_of(container_of(s, struct pipe_end, s))->in.n;
}

static void pipe_pause(struct stream *s, bool paused)
{
    if (!paused)
        pipe_post(container_of(s, struct pipe_end, s)->pipe);
}

static void pipe_shutdown(struct stream *s)
{
    pipe_post(container_of(s, struct pipe_end, s)->pipe);
}

static void pipe_close(struct stream *s, bool drop_unsent)
{
    struct pipe_end *e = container_of(s, struct pipe_end, s), *peer = peer_of(e);
    e->cut = drop_unsent;
    strbuf_deinit(&e->in);
    if (drop_unsent)
        strbuf_reset(&peer->in);
    pipe_post(e->pipe);
}

/* Hand the queue to e. The bytes are taken out first: the reader may write, pause or close while it looks at them. */
static void deliver_data(struct pipe_end *e)
{
    struct strbuf taken = e->in;
    strbuf_init(&e->in, SIZE_MAX / 2);                 /* bounded by the polite writer, see stream_congested */
    stream_emit_data(&e->s, strbuf_str(&taken));
    strbuf_deinit(&taken);
    struct pipe_end *peer = peer_of(e);
    if (peer->s.congested && !peer->s.closing && e->in.n <= LIMIT_STREAM_BYTES / 2) {
        peer->s.congested = false;
        stream_emit_drain(&peer->s);
    }
}

static void deliver_end(struct pipe_end *e)
{
    struct pipe_end *peer = peer_of(e);
    if (peer->s.closing && peer->cut) {
        struct err why = { .code = ERR_IO, .msg = "read: connection reset by peer" };
        e->told_close = true;
        stream_emit_close(&e->s, &why);
        return;
    }
    if (!e->told_eof) {
        e->told_eof = true;
        stream_emit_eof(&e->s);
    }
    if (!e->s.closing && peer->s.closing) {
        struct err none = { .code = ERR_NONE };
        e->told_close = true;
        stream_emit_close(&e->s, &none);
    }
}

static void deliver(struct pipe_end *e)
{
    struct pipe_end *peer = peer_of(e);
    if (e->s.closing || e->s.ev == NULL || e->told_close)
        return;
    if (e->in.n > 0 && !e->s.paused)
        deliver_data(e);
    if (e->s.closing || e->told_close || e->in.n > 0)
        return;                                    /* more came meanwhile, and with it another task */
    if (peer->s.closing || (peer->s.shut && !e->told_eof))
        deliver_end(e);
}

static void pipe_run(struct task *t)
{
    struct pipe *p = container_of(t, struct pipe, task);
    deliver(&p->end[0]);
    deliver(&p->end[1]);
    if (!p->end[0].s.closing || !p->end[1].s.closing)
        return;
    task_cancel(&p->task);
    strbuf_deinit(&p->end[0].in);
    strbuf_deinit(&p->end[1].in);
    free(p);
}

static const struct stream_ops pipe_ops = { pipe_write, pipe_unsent, pipe_pause, pipe_shutdown, pipe_close };

/* Two connected ends, each to be closed by its owner. Nothing leaks when both are closed and the loop's tasks have run
 * once more. */
void stream_pair(struct loop *l, struct stream **a, struct stream **b)
{
    struct pipe *p = NEW(struct pipe);
    p->loop = l;
    task_init(&p->task, pipe_run);
    for (int i = 0; i < 2; i++) {
        p->end[i].s.ops = &pipe_ops;
        p->end[i].pipe = p;
        strbuf_init(&p->end[i].in, SIZE_MAX / 2);
    }
    *a = &p->end[0].s;
    *b = &p->end[1].s;
}
