/* sim/upgrade/spdy.c - one SPDY/3.1 connection: frames in, frames out.
 *
 * Upstream: github.com/moby/spdystream connection.go and spdy/{read,write}.go, as kubectl and the kubelet use it. Like
 * there, there is no flow control but the connection's own, WINDOW_UPDATE and SETTINGS are read and ignored, and what
 * no longer belongs to a stream is dropped in silence. Whatever cannot be read ends the connection.
 *
 * Reading order: spdy_new, on_data (cuts bytes into frames), the table of frame types and its handlers, sending, the
 * end. Data frames are handed on as they come, in pieces; control frames are collected whole in `in`.
 *
 * Callbacks into the owner: on_stream from the parser (hence `busy`: the owner may free us meanwhile), everything else
 * from tasks.
 */
#include <stdlib.h>

#include "sim/upgrade/spdy_priv.h"

enum { FRAME_HEADER_BYTES = 8, SPDY_VERSION = 3, SYN_STREAM_FIXED_BYTES = 10 };

static void on_data(void *ctx, struct str bytes);
static void on_eof(void *ctx);
static void on_conn_drain(void *ctx);
static void on_conn_close(void *ctx, const struct err *why);
static void spdy_over(struct spdy *s, const struct err *why, bool abort_conn);
static void spdy_run(struct task *t);

static const struct stream_events conn_events = { on_data, on_eof, on_conn_drain, on_conn_close };

struct spdy *spdy_new(struct loop *l, struct stream *conn, bool server, const struct spdy_events *ev, void *ctx)
{
    struct spdy *s = NEW(struct spdy);
    s->loop = l;
    s->conn = conn;
    s->ev = ev;
    s->ctx = ctx;
    s->server = server;
    s->next_id = s->next_ping = server ? 2 : 1;
    s->codec = spdy_codec_new();
    strbuf_init(&s->in, FRAME_HEADER_BYTES + SPDY_BLOCK_BYTES_MAX + SYN_STREAM_FIXED_BYTES);
    list_init(&s->streams);
    task_init(&s->task, spdy_run);
    stream_attach(conn, &conn_events, s);
    return s;
}

static void spdy_destroy(struct spdy *s)
{
    task_cancel(&s->task);
    spdy_codec_free(s->codec);
    strbuf_deinit(&s->in);
    err_clear(&s->why);
    free(s);
}

void spdy_free(struct spdy *s)
{
    if (s == NULL)
        return;
    if (s->conn != NULL) {
        char body[8] = { 0 };
        put_u32(body, s->peer_id);
        spdy_send_control(s, SPDY_GOAWAY, 0, (struct str){ body, 8 });
    }
    struct err why = { .code = ERR_CANCELED, .msg = "connection closed" };
    s->freed = true;
    spdy_over(s, &why, false);
    if (s->busy == 0)
        spdy_destroy(s);
}

size_t spdy_unsent(const struct spdy *s)
{
    return s->conn != NULL ? stream_unsent(s->conn) : 0;
}

size_t spdy_streams(const struct spdy *s)
{
    return s->stream_count;
}

/* ---- the parser -------------------------------------------------------------------------------------------- */
static bool handle_control(struct spdy *s, struct str frame, struct err *err);
static bool begin_data(struct spdy *s, struct str header, struct err *err);
static bool take_data(struct spdy *s, struct str *rest);
static bool take_frame(struct spdy *s, struct str *rest, struct err *err);

static void on_data(void *ctx, struct str bytes)
{
    struct spdy *s = ctx;
    struct err err = { .code = ERR_NONE };
    s->busy++;
    while (bytes.n > 0 && s->conn != NULL) {
        bool ok = s->data_left > 0 ? take_data(s, &bytes) : take_frame(s, &bytes, &err);
        if (!ok) {
            spdy_over(s, &err, true);
            break;
        }
    }
    if (--s->busy == 0 && s->freed)
        spdy_destroy(s);
}

static bool take_data(struct spdy *s, struct str *rest)
{
    struct str piece = str_sub(*rest, 0, s->data_left);
    *rest = str_sub(*rest, piece.n, rest->n);
    s->data_left -= (uint32_t)piece.n;
    struct spdy_stream *st = spdy_stream_find(s, s->data_id);
    if (st != NULL)
        spdy_stream_data(st, piece);
    if (s->data_left == 0 && s->data_fin && (st = spdy_stream_find(s, s->data_id)) != NULL)
        spdy_stream_fin(st);
    return true;
}

/* Move bytes from rest into `in` until it has n; false: there were not enough. */
static bool collect(struct spdy *s, struct str *rest, size_t n)
{
    struct str piece = str_sub(*rest, 0, s->in.n < n ? n - s->in.n : 0);
    strbuf_add(&s->in, piece);
    *rest = str_sub(*rest, piece.n, rest->n);
    return s->in.n >= n;
}

static bool take_frame(struct spdy *s, struct str *rest, struct err *err)
{
    if (!collect(s, rest, FRAME_HEADER_BYTES))
        return true;
    if (!((unsigned char)s->in.p[0] & 0x80)) {
        bool ok = begin_data(s, strbuf_str(&s->in), err);
        strbuf_reset(&s->in);
        return ok;
    }
    uint32_t length = get_u32(s->in.p + 4) & 0xffffff;
    if (length > SPDY_BLOCK_BYTES_MAX + SYN_STREAM_FIXED_BYTES)
        return err_set(err, ERR_PARSE, "spdy: control frame of %" PRIu32 " bytes", length);
    if (!collect(s, rest, FRAME_HEADER_BYTES + length))
        return true;
    struct strbuf frame = s->in;                       /* taken out: a handler may free everything but not this */
    strbuf_init(&s->in, frame.max);
    bool ok = handle_control(s, strbuf_str(&frame), err);
    strbuf_deinit(&frame);
    return ok;
}

static bool begin_data(struct spdy *s, struct str header, struct err *err)
{
    uint32_t length = get_u32(header.p + 4);
    s->data_id = get_u32(header.p) & 0x7fffffff;
    s->data_fin = (length >> 24) & SPDY_FLAG_FIN;
    s->data_left = length & 0xffffff;
    if (s->data_id == 0)
        return err_set(err, ERR_PARSE, "spdy: data of stream 0");
    struct str none = STR_NULL;
    return s->data_left > 0 || take_data(s, &none);    /* an empty frame brings FIN */
}

/* ---- control frames ------------------------------------------------------------------------------------------ */
struct frame { unsigned flags; struct str body; };

static bool handle_syn_stream(struct spdy *s, const struct frame *f, struct err *err);
static bool handle_headers(struct spdy *s, const struct frame *f, struct err *err);
static bool handle_reset(struct spdy *s, const struct frame *f, struct err *err);
static bool handle_ping(struct spdy *s, const struct frame *f, struct err *err);
static bool handle_goaway(struct spdy *s, const struct frame *f, struct err *err);
static bool handle_nothing(struct spdy *s, const struct frame *f, struct err *err);

static const struct {
    size_t bytes_min;
    bool (*handle)(struct spdy *s, const struct frame *f, struct err *err);
} frame_types[] = {
    [SPDY_SYN_STREAM]    = { SYN_STREAM_FIXED_BYTES, handle_syn_stream },
    [SPDY_SYN_REPLY]     = { 4, handle_headers },
    [SPDY_RST_STREAM]    = { 8, handle_reset },
    [SPDY_SETTINGS]      = { 4, handle_nothing },
    [SPDY_PING]          = { 4, handle_ping },
    [SPDY_GOAWAY]        = { 8, handle_goaway },
    [SPDY_HEADERS]       = { 4, handle_headers },
    [SPDY_WINDOW_UPDATE] = { 8, handle_nothing },
};

static bool handle_control(struct spdy *s, struct str frame, struct err *err)
{
    uint32_t first = get_u32(frame.p), version = (first >> 16) & 0x7fff, type = first & 0xffff;
    struct frame f = { .flags = (unsigned char)frame.p[4], .body = str_sub(frame, FRAME_HEADER_BYTES, frame.n) };
    if (version != SPDY_VERSION)
        return err_set(err, ERR_PARSE, "spdy: version %" PRIu32, version);
    if (type >= ARRAY_LEN(frame_types) || frame_types[type].handle == NULL)
        return err_set(err, ERR_PARSE, "spdy: frame of unknown type %" PRIu32, type);
    if (f.body.n < frame_types[type].bytes_min)
        return err_set(err, ERR_PARSE, "spdy: frame of type %" PRIu32 " cut short", type);
    return frame_types[type].handle(s, &f, err);
}

/* Offer a stream to the owner. It may write, close the stream, or free the connection before it answers. */
static void offer_stream(struct spdy *s, uint32_t id, unsigned flags, const struct http_headers *h)
{
    struct spdy_stream *st = spdy_stream_new(s, id);
    if (flags & SPDY_FLAG_FIN)
        st->eof = true;
    if (flags & SPDY_FLAG_UNIDIRECTIONAL)
        st->s.shut = true;
    bool taken = s->ev->on_stream != NULL && s->ev->on_stream(s->ctx, &st->s, h);
    if (!taken)
        spdy_stream_refuse(st);
    else if (!st->s.closing)
        spdy_stream_reply(st);
}

static bool handle_syn_stream(struct spdy *s, const struct frame *f, struct err *err)
{
    uint32_t id = get_u32(f->body.p) & 0x7fffffff;
    struct arena *a = arena_new();
    struct http_headers h;
    struct err why = { .code = ERR_NONE };
    enum spdy_decoded decoded = spdy_decode(s->codec, str_sub(f->body, SYN_STREAM_FIXED_BYTES, f->body.n), a, &h, &why);
    bool ours = id == 0 || (id % 2 == 1) != s->server;
    if (decoded == SPDY_BLOCK_BROKEN || id == 0) {
        arena_free(a);
        return err_set(err, ERR_PARSE, "%s", why.code != ERR_NONE ? why.msg : "spdy: stream 0");
    }
    if (ours || id <= s->peer_id || decoded == SPDY_BLOCK_BAD) {
        spdy_send_reset(s, id, SPDY_PROTOCOL_ERROR);
    } else if (s->stream_count >= SPDY_STREAMS_MAX || s->goaway) {
        s->peer_id = id;
        spdy_send_reset(s, id, SPDY_REFUSED_STREAM);
    } else {
        s->peer_id = id;
        offer_stream(s, id, f->flags, &h);
    }
    arena_free(a);
    return true;
}

/* SYN_REPLY and HEADERS: nobody here reads them, but the compression must see them. */
static bool handle_headers(struct spdy *s, const struct frame *f, struct err *err)
{
    struct arena *a = arena_new();
    struct http_headers h;
    enum spdy_decoded decoded = spdy_decode(s->codec, str_sub(f->body, 4, f->body.n), a, &h, err);
    arena_free(a);
    struct spdy_stream *st = spdy_stream_find(s, get_u32(f->body.p) & 0x7fffffff);
    if (decoded != SPDY_BLOCK_BROKEN && (f->flags & SPDY_FLAG_FIN) && st != NULL)
        spdy_stream_fin(st);
    return decoded != SPDY_BLOCK_BROKEN;
}

static bool handle_reset(struct spdy *s, const struct frame *f, struct err *err)
{
    (void)err;
    struct spdy_stream *st = spdy_stream_find(s, get_u32(f->body.p) & 0x7fffffff);
    struct err why = { .code = ERR_CANCELED, .msg = "stream reset" };
    if (st != NULL)
        spdy_stream_end(st, &why);
    return true;
}

static bool handle_ping(struct spdy *s, const struct frame *f, struct err *err)
{
    (void)err;
    bool odd = get_u32(f->body.p) % 2 == 1;
    if (odd == s->server)                              /* the peer's own; ours came back otherwise */
        spdy_send_control(s, SPDY_PING, 0, str_sub(f->body, 0, 4));
    return true;
}

static bool handle_goaway(struct spdy *s, const struct frame *f, struct err *err)
{
    (void)f;
    (void)err;
    s->goaway = true;                                  /* what is open goes on; the peer closes when it is done */
    return true;
}

static bool handle_nothing(struct spdy *s, const struct frame *f, struct err *err)
{
    (void)s;
    (void)f;
    (void)err;
    return true;
}

/* ---- sending --------------------------------------------------------------------------------------------------- */
/* A peer that makes us answer but does not read is dropped before it fills our memory. */
static void send_frame(struct spdy *s, const char header[FRAME_HEADER_BYTES], struct str body)
{
    if (s->conn == NULL)
        return;
    stream_write(s->conn, (struct str){ header, FRAME_HEADER_BYTES });
    stream_write(s->conn, body);
    if (stream_unsent(s->conn) > LIMIT_CONN_OUT_BYTES) {
        struct err why = { .code = ERR_TOO_LARGE, .msg = "spdy: the client does not read" };
        spdy_over(s, &why, true);
    }
}

void spdy_send_control(struct spdy *s, enum spdy_frame_type type, unsigned flags, struct str body)
{
    char header[FRAME_HEADER_BYTES];
    put_u32(header, 0x80000000u | (uint32_t)SPDY_VERSION << 16 | (uint32_t)type);
    put_u32(header + 4, (uint32_t)flags << 24 | (uint32_t)body.n);
    send_frame(s, header, body);
}

void spdy_send_data(struct spdy *s, uint32_t id, struct str bytes, bool fin)
{
    do {
        struct str piece = str_sub(bytes, 0, SPDY_DATA_BYTES_MAX);
        bytes = str_sub(bytes, piece.n, bytes.n);
        unsigned flags = fin && bytes.n == 0 ? SPDY_FLAG_FIN : 0;
        char header[FRAME_HEADER_BYTES];
        put_u32(header, id);
        put_u32(header + 4, (uint32_t)flags << 24 | (uint32_t)piece.n);
        send_frame(s, header, piece);
    } while (bytes.n > 0);
}

/* SYN_STREAM has six bytes more than SYN_REPLY: associated stream, priority, slot; all 0. */
void spdy_send_headers(struct spdy *s, enum spdy_frame_type type, uint32_t id, const struct http_headers *h)
{
    struct strbuf body;
    char fixed[SYN_STREAM_FIXED_BYTES] = { 0 };
    put_u32(fixed, id);
    strbuf_init(&body, 4 * SPDY_BLOCK_BYTES_MAX);
    strbuf_add(&body, (struct str){ fixed, type == SPDY_SYN_STREAM ? SYN_STREAM_FIXED_BYTES : 4 });
    spdy_encode(s->codec, h, &body);
    spdy_send_control(s, type, 0, strbuf_str(&body));
    strbuf_deinit(&body);
}

void spdy_send_reset(struct spdy *s, uint32_t id, enum spdy_status status)
{
    char body[8];
    put_u32(body, id);
    put_u32(body + 4, (uint32_t)status);
    spdy_send_control(s, SPDY_RST_STREAM, 0, (struct str){ body, 8 });
}

struct stream *spdy_open(struct spdy *s, const struct http_headers *headers)
{
    if (s->conn == NULL || s->goaway)
        return NULL;
    struct spdy_stream *st = spdy_stream_new(s, s->next_id);
    s->next_id += 2;
    st->replied = true;                                /* the first word is ours */
    spdy_send_headers(s, SPDY_SYN_STREAM, st->id, headers);
    return &st->s;
}

void spdy_ping(struct spdy *s)
{
    char body[4];
    put_u32(body, s->next_ping);
    s->next_ping += 2;
    spdy_send_control(s, SPDY_PING, 0, (struct str){ body, 4 });
}

/* ---- back-pressure and the end ------------------------------------------------------------------------------------ */
void spdy_hold(struct spdy *s, size_t more, size_t less)
{
    ASSERT(s->held + more >= less);
    s->held = s->held + more - less;
    if (s->conn == NULL)
        return;
    if (s->held > LIMIT_STREAM_BYTES)
        stream_pause(s->conn);
    else if (s->held <= LIMIT_STREAM_BYTES / 2)
        stream_resume(s->conn);
}

static void on_conn_drain(void *ctx)
{
    struct spdy *s = ctx;
    list_for(it, &s->streams)
        spdy_stream_drain(container_of(it, struct spdy_stream, node));
    if (s->ev->on_drain != NULL)
        s->ev->on_drain(s->ctx);
}

/* spdystream reads an end of file as the end of the connection, though TCP could still carry our half. */
static void on_eof(void *ctx)
{
    struct err none = { .code = ERR_NONE };
    spdy_over(ctx, &none, false);
}

static void on_conn_close(void *ctx, const struct err *why)
{
    spdy_over(ctx, why, false);
}

/* Ends everything once. The owner hears of it by a task, after the streams' owners, unless it asked for it. */
static void spdy_over(struct spdy *s, const struct err *why, bool abort_conn)
{
    if (s->conn != NULL) {
        struct stream *conn = s->conn;
        s->conn = NULL;
        s->why.code = why->code;
        memcpy(s->why.msg, why->msg, sizeof s->why.msg);
        abort_conn ? stream_abort(conn) : stream_close(conn);
        while (!list_empty(&s->streams))
            spdy_stream_end(container_of(s->streams.next, struct spdy_stream, node), why);
        task_post(s->loop, &s->task);
    }
    if (s->freed)
        task_cancel(&s->task);
}

static void spdy_run(struct task *t)
{
    struct spdy *s = container_of(t, struct spdy, task);
    if (s->ev->on_close != NULL)
        s->ev->on_close(s->ctx, &s->why);
}
