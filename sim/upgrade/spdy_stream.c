/* sim/upgrade/spdy_stream.c - one stream of a SPDY connection as a struct stream.
 *
 * Upstream: github.com/moby/spdystream stream.go. Input is kept in `in` and handed over by a task, so that events never
 * come from inside a call and an owner that has paused, or is not attached yet, loses nothing. Output goes straight
 * into the connection.
 *
 * A stream leaves its connection (st->spdy = NULL) when both halves are closed, when either side resets it, when its
 * owner closes it, or when the connection ends; its memory stays until the owner has closed it. Frames that still come
 * for its id are dropped.
 */
#include <stdlib.h>

#include "sim/upgrade/spdy_priv.h"

static void st_write(struct stream *s, struct str bytes);
static size_t st_unsent(const struct stream *s);
static void st_pause(struct stream *s, bool paused);
static void st_shutdown(struct stream *s);
static void st_close(struct stream *s, bool drop_unsent);
static void st_run(struct task *t);

static const struct stream_ops st_ops = { st_write, st_unsent, st_pause, st_shutdown, st_close };

static struct spdy_stream *st_of(const struct stream *s)
{
    ASSERT(s->ops == &st_ops);
    return container_of(s, struct spdy_stream, s);
}

struct spdy_stream *spdy_stream_new(struct spdy *s, uint32_t id)
{
    struct spdy_stream *st = NEW(struct spdy_stream);
    st->s.ops = &st_ops;
    st->spdy = s;
    st->loop = s->loop;
    st->id = id;
    st->reset_status = SPDY_CANCEL;
    strbuf_init(&st->in, SIZE_MAX / 2);                /* bounded by spdy_hold */
    task_init(&st->task, st_run);
    list_init(&st->node);
    list_push(&s->streams, &st->node);
    s->stream_count++;
    return st;
}

/* Newest first: the stream that talks is most often among the last. */
struct spdy_stream *spdy_stream_find(struct spdy *s, uint32_t id)
{
    for (struct list *it = s->streams.prev; it != &s->streams; it = it->prev) {
        struct spdy_stream *st = container_of(it, struct spdy_stream, node);
        if (st->id == id)
            return st;
    }
    return NULL;
}

uint32_t spdy_stream_id(const struct stream *sub)
{
    return st_of(sub)->id;
}

static void st_leave(struct spdy_stream *st)
{
    struct spdy *s = st->spdy;
    if (s == NULL)
        return;
    st->spdy = NULL;
    st->s.congested = false;
    list_remove(&st->node);
    s->stream_count--;
    spdy_hold(s, 0, st->in.n);
}

void spdy_stream_refuse(struct spdy_stream *st)
{
    ASSERT(!st->replied && st->s.ev == NULL && !st->s.closing);
    stream_abort(&st->s);
}

/* ---- what the connection brings ---------------------------------------------------------------------------------- */
void spdy_stream_reply(struct spdy_stream *st)
{
    if (st->replied || st->spdy == NULL)
        return;
    st->replied = true;
    spdy_send_headers(st->spdy, SPDY_SYN_REPLY, st->id, NULL);
}

void spdy_stream_data(struct spdy_stream *st, struct str bytes)
{
    if (st->eof)
        return;
    strbuf_add(&st->in, bytes);
    task_post(st->loop, &st->task);
    spdy_hold(st->spdy, bytes.n, 0);
}

void spdy_stream_fin(struct spdy_stream *st)
{
    st->eof = true;
    task_post(st->loop, &st->task);
}

void spdy_stream_end(struct spdy_stream *st, const struct err *why)
{
    st_leave(st);
    st->ended = true;
    st->eof = true;
    st->s.shut = true;
    st->why.code = why->code;
    memcpy(st->why.msg, why->msg, sizeof st->why.msg);
    if (why->code != ERR_NONE)
        strbuf_reset(&st->in);
    task_post(st->loop, &st->task);
}

void spdy_stream_drain(struct spdy_stream *st)
{
    if (!st->s.congested)
        return;
    st->s.congested = false;
    st->drained = true;
    task_post(st->loop, &st->task);
}

/* ---- what the owner hears ------------------------------------------------------------------------------------------ */
static void deliver_data(struct spdy_stream *st)
{
    struct strbuf taken = st->in;
    strbuf_init(&st->in, SIZE_MAX / 2);
    if (st->spdy != NULL)
        spdy_hold(st->spdy, 0, taken.n);
    stream_emit_data(&st->s, strbuf_str(&taken));
    strbuf_deinit(&taken);
}

static void deliver(struct spdy_stream *st)
{
    if (st->drained) {
        st->drained = false;
        stream_emit_drain(&st->s);
    }
    if (st->in.n > 0 && !st->s.paused && !st->s.closing)
        deliver_data(st);
    if (st->s.closing || st->told_close || st->in.n > 0)
        return;
    if (st->eof && !st->told_eof && st->why.code == ERR_NONE) {
        st->told_eof = true;
        stream_emit_eof(&st->s);
    }
    if (!st->s.closing && st->told_eof && st->s.shut && !st->ended) {
        st_leave(st);                                  /* both halves are done: the id is spent */
        st->ended = true;
    }
    if (!st->s.closing && st->ended) {
        st->told_close = true;
        stream_emit_close(&st->s, &st->why);
    }
}

static void st_run(struct task *t)
{
    struct spdy_stream *st = container_of(t, struct spdy_stream, task);
    if (!st->s.closing && st->s.ev != NULL && !st->told_close)
        deliver(st);
    if (!st->s.closing)
        return;
    task_cancel(&st->task);
    strbuf_deinit(&st->in);
    err_clear(&st->why);
    free(st);
}

/* ---- what the owner does --------------------------------------------------------------------------------------------- */
static void st_write(struct stream *s, struct str bytes)
{
    struct spdy_stream *st = st_of(s);
    if (st->spdy == NULL)
        return;
    spdy_stream_reply(st);
    if (st->spdy != NULL)
        spdy_send_data(st->spdy, st->id, bytes, false);
    s->congested = st->spdy != NULL && stream_congested(st->spdy->conn);
}

static size_t st_unsent(const struct stream *s)
{
    const struct spdy_stream *st = st_of(s);
    return st->spdy != NULL ? spdy_unsent(st->spdy) : 0;
}

static void st_pause(struct stream *s, bool paused)
{
    struct spdy_stream *st = st_of(s);
    if (!paused)
        task_post(st->loop, &st->task);
}

static void st_shutdown(struct stream *s)
{
    struct spdy_stream *st = st_of(s);
    if (st->spdy != NULL)
        spdy_stream_reply(st);
    if (st->spdy != NULL)
        spdy_send_data(st->spdy, st->id, STR_NULL, true);
    task_post(st->loop, &st->task);
}

/* Both ways of closing leave the peer knowing: FIN where it may read to the end, RST where it should stop at once. */
static void st_close(struct stream *s, bool drop_unsent)
{
    struct spdy_stream *st = st_of(s);
    if (st->spdy != NULL && drop_unsent) {
        spdy_send_reset(st->spdy, st->id, st->reset_status);
    } else if (st->spdy != NULL && !s->shut) {
        spdy_stream_reply(st);
        if (st->spdy != NULL)
            spdy_send_data(st->spdy, st->id, STR_NULL, true);
    }
    st_leave(st);
    strbuf_reset(&st->in);
    task_post(st->loop, &st->task);
}

void spdy_stream_reset(struct stream *sub, enum spdy_status status)
{
    st_of(sub)->reset_status = status;
    stream_abort(sub);
}
