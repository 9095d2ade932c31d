/* sim/net/tcp.c - a real connection at the edge: TCP on loopback, or the control socket.
 *
 * Reading: libuv's callback only appends to `in` and posts the connection's task, which hands the bytes over; a paused
 * reader, or one that is LIMIT_STREAM_BYTES behind, stops the socket. Writing: bytes are kept in `out` until the edge
 * flushes, at the end of the turn and after the store has committed, so no client ever sees an answer whose effect
 * could still be lost. A peer that does not read is dropped when bytes from earlier turns exceed LIMIT_CONN_OUT_BYTES.
 *
 * Closing: what was written is still sent, then our half is shut, and the socket lingers until the peer has closed too,
 * for at most half a second, as net/http/server.go's closeWriteAndWait does: closing with unread input would send a
 * reset that overtakes the answer. That wait and tcp_deadline are on wall time: they guard against clients and are no
 * part of the simulation.
 */
#include "sim/net/tcp_priv.h"

#include <stdlib.h>

enum { LINGER_MS = 500, READ_CHUNK = 64 * 1024 };

static struct list edges = { &edges, &edges };
static char read_buffer[READ_CHUNK];               /* the loop is one thread, and a read is copied before the next one */

static void conn_end(struct conn *c, enum err_code code, const char *text);
static void conn_send(struct conn *c);
static void conn_owe(struct conn *c, bool owed);

/* ---- the edge of a loop ---- */
static void edge_flush(struct edge *e)
{
    while (!list_empty(&e->dirty)) {
        struct conn *c = container_of(e->dirty.next, struct conn, dirty);
        list_remove(&c->dirty);
        conn_send(c);
    }
}

static void on_flush_task(struct task *t)
{
    edge_flush(container_of(t, struct edge, flush_task));
}

static void on_flush_hook(struct hook *h)
{
    list_for(it, &edges) {
        struct edge *e = container_of(it, struct edge, node);
        if (e->hook == h)
            edge_flush(e);
    }
}

static struct edge *edge_find(const struct loop *l)
{
    list_for(it, &edges) {
        struct edge *e = container_of(it, struct edge, node);
        if (e->loop == l)
            return e;
    }
    return NULL;
}

struct edge *tcp_edge_of(struct loop *l)
{
    struct edge *e = edge_find(l);
    if (e != NULL)
        return e;
    e = NEW(struct edge);
    e->loop = l;
    task_init(&e->flush_task, on_flush_task);
    list_init(&e->dirty);
    list_init(&e->lingering);
    list_init(&e->node);
    list_push(&edges, &e->node);
    return e;
}

void tcp_edge_release(struct edge *e)
{
    if (e->conn_count > 0 || e->listener_count > 0 || e->hook != NULL)
        return;
    task_cancel(&e->flush_task);
    list_remove(&e->node);
    free(e);
}

void tcp_edge_cut_lingering(struct edge *e)
{
    edge_flush(e);
    list_for(it, &e->lingering)
        tcp_conn_destroy(container_of(it, struct conn, linger));
}

void edge_flush_hook(struct loop *l, struct hook *h)
{
    struct edge *e = tcp_edge_of(l);
    ASSERT(e->hook == NULL);
    e->hook = h;
    loop_before_sleep(l, h, on_flush_hook);
}

void edge_stop(struct loop *l)
{
    struct edge *e = edge_find(l);
    if (e == NULL)
        return;
    tcp_edge_cut_lingering(e);
    if (e->hook != NULL)
        hook_remove(e->hook);
    e->hook = NULL;
    tcp_edge_release(e);
}

uint64_t edge_activity(struct loop *l)
{
    return tcp_edge_of(l)->activity;
}

size_t edge_owed(struct loop *l)
{
    return tcp_edge_of(l)->owed;
}

/* ---- reading ---- */
static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
    (void)h, (void)suggested;
    *buf = uv_buf_init(read_buffer, sizeof read_buffer);
}

static void on_read(uv_stream_t *us, ssize_t n, const uv_buf_t *buf);

static void reading_update(struct conn *c)
{
    bool want = !c->ended && !c->got_eof && !c->handle_closing &&
                (c->s.closing || (!c->s.paused && c->in.n < LIMIT_STREAM_BYTES));
    if (want && !c->reading)
        uv_read_start(&c->u.stream, on_alloc, on_read);
    else if (!want && c->reading)
        uv_read_stop(&c->u.stream);
    c->reading = want;
}

static void on_read(uv_stream_t *us, ssize_t n, const uv_buf_t *buf)
{
    struct conn *c = us->data;
    if (n == 0)
        return;
    c->edge->activity++;
    if (n == UV_EOF)
        c->got_eof = true;
    else if (n < 0)
        conn_end(c, ERR_IO, n == UV_ECONNRESET ? "read: connection reset by peer" : uv_strerror((int)n));
    else if (!c->s.closing)
        strbuf_add(&c->in, (struct str){ buf->base, (size_t)n });
    if (c->handle_closing)
        return;
    if (c->s.closing && c->got_eof && !c->writing && c->out.n == 0) {
        tcp_conn_destroy(c);                           /* the peer has read all of it and left: the linger is over */
        return;
    }
    reading_update(c);
    task_post(c->edge->loop, &c->task);
}

static void deliver_data(struct conn *c)
{
    struct strbuf taken = c->in;
    strbuf_init(&c->in, SIZE_MAX / 2);                 /* bounded by reading_update */
    stream_emit_data(&c->s, strbuf_str(&taken));
    strbuf_deinit(&taken);
}

static void conn_deliver(struct task *t)
{
    struct conn *c = container_of(t, struct conn, task);
    if (c->s.closing || c->s.ev == NULL || c->told_close)
        return;
    if (c->in.n > 0 && !c->s.paused)
        deliver_data(c);
    if (!c->s.closing && c->s.congested && stream_unsent(&c->s) <= LIMIT_STREAM_BYTES / 2) {
        c->s.congested = false;
        stream_emit_drain(&c->s);
    }
    if (!c->s.closing && c->got_eof && !c->told_eof && c->in.n == 0) {
        c->told_eof = true;
        stream_emit_eof(&c->s);
    }
    if (!c->s.closing && (c->ended || (c->told_eof && c->shutting && !c->writing))) {
        c->told_close = true;                      /* failed, or both directions have ended */
        stream_emit_close(&c->s, &c->why);
    }
    if (!c->s.closing)
        reading_update(c);
}

/* The connection cannot go on: no more reading or writing, and the owner is told by task. */
static void conn_end(struct conn *c, enum err_code code, const char *text)
{
    if (c->ended || c->handle_closing)
        return;
    c->ended = true;
    err_set(&c->why, code, "%s", text);
    strbuf_reset(&c->out);
    list_remove(&c->dirty);
    if (c->s.closing) {
        tcp_conn_destroy(c);
        return;
    }
    reading_update(c);
    task_post(c->edge->loop, &c->task);
}

/* ---- writing ---- */
static void conn_write(struct stream *s, struct str bytes)
{
    struct conn *c = container_of(s, struct conn, s);
    if (c->ended)
        return;
    if (s->ops->unsent(s) - c->fresh > LIMIT_CONN_OUT_BYTES) {
        conn_end(c, ERR_IO, "write: the client does not read");
        return;
    }
    strbuf_add(&c->out, bytes);
    c->fresh += bytes.n;
    s->congested = s->ops->unsent(s) > LIMIT_STREAM_BYTES;
    if (list_empty(&c->dirty))
        list_push(&c->edge->dirty, &c->dirty);
    if (c->edge->hook == NULL)
        task_post(c->edge->loop, &c->edge->flush_task);
}

static size_t conn_unsent(const struct stream *s)
{
    const struct conn *c = container_of(s, struct conn, s);
    return c->out.n + (c->writing ? c->u.stream.write_queue_size : 0);
}

static void on_shutdown(uv_shutdown_t *req, int status)
{
    struct conn *c = req->data;
    (void)status;
    if (!c->handle_closing && !c->s.closing)
        task_post(c->edge->loop, &c->task);
}

static void on_linger_timeout(uv_timer_t *t)
{
    tcp_conn_destroy(t->data);
}

/* Everything has been sent: pass on the half close, and let a closed connection linger or go. */
static void conn_sent_all(struct conn *c)
{
    if ((c->s.shut || c->s.closing) && !c->shutting && !c->ended) {
        c->shutting = true;
        c->edge->activity++;
        c->shutdown_req.data = c;
        if (uv_shutdown(&c->shutdown_req, &c->u.stream, on_shutdown) < 0 && c->s.closing) {
            tcp_conn_destroy(c);
            return;
        }
    }
    if (!c->s.closing) {
        if (c->s.congested || c->shutting)
            task_post(c->edge->loop, &c->task);
    } else if (c->got_eof || c->ended) {
        tcp_conn_destroy(c);
    } else {
        reading_update(c);
        uv_timer_start(&c->wall, on_linger_timeout, LINGER_MS, 0);
    }
}

static void on_written(uv_write_t *req, int status)
{
    struct conn *c = req->data;
    c->writing = false;
    c->edge->activity++;
    strbuf_reset(&c->sending);
    if (c->handle_closing)
        return;
    if (status < 0)
        conn_end(c, ERR_IO, status == UV_EPIPE ? "write: broken pipe" : uv_strerror(status));
    else
        conn_send(c);
}

static void conn_send(struct conn *c)
{
    c->fresh = 0;
    if (c->handle_closing || c->ended || c->writing)
        return;                                    /* on_written calls again */
    if (c->out.n > 0) {
        uv_buf_t buf = uv_buf_init(c->out.p, (unsigned)c->out.n);
        int n = uv_try_write(&c->u.stream, &buf, 1);
        if (n < 0 && n != UV_EAGAIN) {
            conn_end(c, ERR_IO, n == UV_EPIPE ? "write: broken pipe" : uv_strerror(n));
            return;
        }
        strbuf_consume(&c->out, n > 0 ? (size_t)n : 0);
        c->edge->activity += n > 0;
    }
    if (c->out.n == 0) {
        conn_sent_all(c);
        return;
    }
    struct strbuf empty = c->sending;
    c->sending = c->out;
    c->out = empty;
    c->writing = true;
    c->write_req.data = c;
    uv_buf_t buf = uv_buf_init(c->sending.p, (unsigned)c->sending.n);
    int rc = uv_write(&c->write_req, &c->u.stream, &buf, 1, on_written);
    if (rc < 0) {
        c->writing = false;
        conn_end(c, ERR_IO, uv_strerror(rc));
    }
}

/* ---- life ---- */
static void conn_pause(struct stream *s, bool paused)
{
    struct conn *c = container_of(s, struct conn, s);
    if (!paused)
        task_post(c->edge->loop, &c->task);
    reading_update(c);
}

/* Half close, or close: goes through the flush like everything else that leaves. */
static void flush_later(struct conn *c)
{
    if (list_empty(&c->dirty) && !c->writing)
        list_push(&c->edge->dirty, &c->dirty);
    if (c->edge->hook == NULL)
        task_post(c->edge->loop, &c->edge->flush_task);
}

static void conn_shutdown(struct stream *s)
{
    flush_later(container_of(s, struct conn, s));
}

static void conn_close(struct stream *s, bool drop_unsent)
{
    struct conn *c = container_of(s, struct conn, s);
    conn_owe(c, false);
    uv_timer_stop(&c->wall);
    strbuf_deinit(&c->in);
    strbuf_init(&c->in, SIZE_MAX / 2);
    task_cancel(&c->task);
    if (drop_unsent || c->ended) {
        tcp_conn_destroy(c);
        return;
    }
    list_push(&c->edge->lingering, &c->linger);
    flush_later(c);
}

static const struct stream_ops conn_ops = { conn_write, conn_unsent, conn_pause, conn_shutdown, conn_close };

static void on_handle_closed(uv_handle_t *h)
{
    struct conn *c = h->data;
    if (--c->handles_open > 0)
        return;
    struct edge *e = c->edge;
    strbuf_deinit(&c->in);
    strbuf_deinit(&c->out);
    strbuf_deinit(&c->sending);
    free(c);
    e->conn_count--;
    tcp_edge_release(e);
}

void tcp_conn_destroy(struct conn *c)
{
    if (c->handle_closing)
        return;
    c->handle_closing = true;
    conn_owe(c, false);
    c->edge->activity++;
    task_cancel(&c->task);
    list_remove(&c->dirty);
    list_remove(&c->linger);
    uv_close(&c->u.handle, on_handle_closed);
    uv_close((uv_handle_t *)&c->wall, on_handle_closed);
}

struct conn *tcp_conn_new(struct edge *e, bool unix_socket)
{
    struct conn *c = NEW(struct conn);
    c->s.ops = &conn_ops;
    c->edge = e;
    task_init(&c->task, conn_deliver);
    list_init(&c->dirty);
    list_init(&c->linger);
    strbuf_init(&c->in, SIZE_MAX / 2);
    strbuf_init(&c->out, SIZE_MAX / 2);
    strbuf_init(&c->sending, SIZE_MAX / 2);
    uv_loop_t *uv = loop_uv(e->loop);
    int rc = unix_socket ? uv_pipe_init(uv, &c->u.pipe, 0) : uv_tcp_init(uv, &c->u.tcp);
    ASSERT(rc == 0);
    rc = uv_timer_init(uv, &c->wall);
    ASSERT(rc == 0);
    c->handles_open = 2;
    c->u.handle.data = c->wall.data = c;
    e->conn_count++;
    return c;
}

void tcp_conn_start(struct conn *c)
{
    if (c->u.handle.type == UV_TCP)
        uv_tcp_nodelay(&c->u.tcp, 1);
    reading_update(c);
}

static void on_deadline(uv_timer_t *t)
{
    conn_end(t->data, ERR_TIMEOUT, "i/o timeout");
}

static void conn_owe(struct conn *c, bool owed)
{
    if (c->owed == owed || (owed && c->handle_closing))
        return;
    c->owed = owed;
    if (owed)
        c->edge->owed++;
    else
        c->edge->owed--;
}

void tcp_owe(struct stream *s, bool owed)
{
    ASSERT(s->ops == &conn_ops);
    conn_owe(container_of(s, struct conn, s), owed);
}

void tcp_deadline(struct stream *s, unsigned ms)
{
    ASSERT(s->ops == &conn_ops);
    struct conn *c = container_of(s, struct conn, s);
    if (s->closing || c->handle_closing)
        return;
    if (ms == 0)
        uv_timer_stop(&c->wall);
    else
        uv_timer_start(&c->wall, on_deadline, ms, 0);
}
