/* sim/upgrade/remotecommand.c - exec and attach: which SPDY stream is stdin, and how a command's end is told.
 *
 * Upstream: kubernetes pkg/kubelet/cri/streaming/remotecommand/{httpstream,exec,attach}.go; the client is client-go
 * tools/remotecommand v1..v4.go. The client opens error, stdin, stdout, stderr, resize, each with a header streamtype;
 * when all that were asked for are there, the command starts. From v4 on its end is a metav1.Status in JSON on the
 * error stream; before, a line of text, or nothing for success.
 *
 * Order of use: remotecommand_new, on_ready, output and input, remotecommand_finish, remotecommand_free.
 *
 * The end: the kubelet closes the connection at once, but its commands take their time to start. Ours may end within
 * the turn, while kubectl is still sending the terminal's first size, and a kubectl whose write fails prints that
 * ("v3.go:79] EOF"). So after the verdict the connection is left to the client to close, which kubectl does at once,
 * and is closed here when it has not after 10 s.
 *
 * Simplified: v1 differs from v2 only in name here (its kubelet reset stdin in an odd way that no client of ours
 * needs); a stream that was not asked for, or comes twice, is refused rather than left open.
 */
#include <stdlib.h>

#include "sim/base/json.h"
#include "sim/upgrade/upgrade.h"

enum channel { CHANNEL_ERROR, CHANNEL_STDIN, CHANNEL_STDOUT, CHANNEL_STDERR, CHANNEL_RESIZE, CHANNEL_COUNT };
static const char *const channel_names[CHANNEL_COUNT] = { "error", "stdin", "stdout", "stderr", "resize" };

/* In the kubelet's order; a client's own order decides. Resizing came with v3, the Status in JSON with v4. */
static const char *const protocols[] = { "v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io" };
enum { PROTOCOL_V4, PROTOCOL_V3 };

enum { RESIZE_BYTES_MAX = 4096 };
#define STREAMS_TIMEOUT_NS ((int64_t)(30 * NS_PER_S))
#define PARTING_TIMEOUT_NS ((int64_t)(10 * NS_PER_S))

struct channel_end {
    struct remotecommand *rc;
    struct stream        *s;                       /* NULL: not there yet, not asked for, or given up */
    bool                  wanted, opened;
};

struct remotecommand {
    struct loop *loop;
    const struct remotecommand_events *ev;
    void        *ctx;
    struct spdy *spdy;
    size_t       protocol;                         /* index into protocols */
    bool         tty, ready, finished, stdin_ended;
    bool         over;                             /* the connection has ended */
    bool         parting;                          /* freed by its owner after the verdict; waits for the client to close */
    struct channel_end channel[CHANNEL_COUNT];
    struct strbuf resize;                          /* JSON that is not whole yet */
    struct timer timeout;                          /* for the streams; in the end for the client's leaving */
    struct task  task;                             /* on_ready, or on_gone after a timeout */
};

static bool on_stream(void *ctx, struct stream *sub, const struct http_headers *headers);
static void on_gone(void *ctx, const struct err *why);
static void on_timeout(struct timer *t);
static void on_task(struct task *t);
static void destroy(struct remotecommand *rc);

static const struct spdy_events connection_events = { .on_stream = on_stream, .on_close = on_gone };

static bool asked(const struct query *q, const char *kubelet_name, const char *api_name)
{
    return query_bool(q, kubelet_name) || query_bool(q, api_name);
}

bool remotecommand_options_parse(const struct query *q, struct remotecommand_options *out, struct err *err)
{
    out->has_stdin = asked(q, "input", "stdin");
    out->has_stdout = asked(q, "output", "stdout");
    out->has_stderr = asked(q, "error", "stderr");
    out->tty = query_bool(q, "tty");
    if (out->tty)
        out->has_stderr = false;                   /* a terminal has one output */
    if (!out->has_stdin && !out->has_stdout && !out->has_stderr)
        return err_set(err, ERR_BAD_REQUEST, "you must specify at least 1 of stdin, stdout, stderr");
    return true;
}

struct remotecommand *remotecommand_new(struct http_exchange *x, const struct remotecommand_options *opt,
                                        const struct remotecommand_events *ev, void *ctx, struct err *err)
{
    size_t picked = 0;
    struct stream *conn = upgrade_spdy(x, protocols, ARRAY_LEN(protocols), &picked, err);
    if (conn == NULL)
        return NULL;
    struct remotecommand *rc = NEW(struct remotecommand);
    rc->loop = opt->loop;
    rc->ev = ev;
    rc->ctx = ctx;
    rc->protocol = picked;
    rc->tty = opt->tty;
    rc->channel[CHANNEL_ERROR].wanted = true;
    rc->channel[CHANNEL_STDIN].wanted = opt->has_stdin;
    rc->channel[CHANNEL_STDOUT].wanted = opt->has_stdout;
    rc->channel[CHANNEL_STDERR].wanted = opt->has_stderr && !opt->tty;
    rc->channel[CHANNEL_RESIZE].wanted = opt->tty && picked <= PROTOCOL_V3;
    for (int i = 0; i < CHANNEL_COUNT; i++)
        rc->channel[i].rc = rc;
    strbuf_init(&rc->resize, RESIZE_BYTES_MAX);
    task_init(&rc->task, on_task);
    timer_init(&rc->timeout, opt->loop, on_timeout);
    timer_start(&rc->timeout, STREAMS_TIMEOUT_NS);
    rc->spdy = spdy_new(opt->loop, conn, true, &connection_events, rc);
    return rc;
}

/* ---- the client's streams -------------------------------------------------------------------------------------- */
static bool all_opened(const struct remotecommand *rc)
{
    for (int i = 0; i < CHANNEL_COUNT; i++)
        if (rc->channel[i].wanted && !rc->channel[i].opened)
            return false;
    return true;
}

static bool on_stream(void *ctx, struct stream *sub, const struct http_headers *headers)
{
    struct remotecommand *rc = ctx;
    struct str type = http_headers_get(headers, "streamtype");
    for (int i = 0; i < CHANNEL_COUNT; i++) {
        struct channel_end *c = &rc->channel[i];
        if (!str_eqc(type, channel_names[i]) || !c->wanted || c->opened || rc->finished)
            continue;
        c->s = sub;
        c->opened = true;
        if (all_opened(rc)) {
            timer_stop(&rc->timeout);
            task_post(rc->loop, &rc->task);
        }
        return true;
    }
    return false;
}

static void on_timeout(struct timer *t)
{
    struct remotecommand *rc = container_of(t, struct remotecommand, timeout);
    task_post(rc->loop, &rc->task);
}

static void on_input(void *ctx, struct str bytes);
static void on_input_eof(void *ctx);
static void on_output_drain(void *ctx);
static void on_resize_data(void *ctx, struct str bytes);
static void on_channel_close(void *ctx, const struct err *why);

static const struct stream_events channel_events[CHANNEL_COUNT] = {
    [CHANNEL_ERROR]  = { .on_close = on_channel_close },
    [CHANNEL_STDIN]  = { .on_data = on_input, .on_eof = on_input_eof, .on_close = on_channel_close },
    [CHANNEL_STDOUT] = { .on_drain = on_output_drain, .on_close = on_channel_close },
    [CHANNEL_STDERR] = { .on_drain = on_output_drain, .on_close = on_channel_close },
    [CHANNEL_RESIZE] = { .on_data = on_resize_data, .on_close = on_channel_close },
};

/* Nobody listens to the streams before this, so on_ready comes before the first byte. */
static void on_task(struct task *t)
{
    struct remotecommand *rc = container_of(t, struct remotecommand, task);
    if (rc->parting) {
        destroy(rc);
        return;
    }
    if (!all_opened(rc)) {
        struct err why = { .code = ERR_TIMEOUT, .msg = "timed out waiting for client to create streams" };
        spdy_free(rc->spdy);
        rc->spdy = NULL;
        on_gone(rc, &why);
        return;
    }
    rc->ready = true;
    for (int i = 0; i < CHANNEL_COUNT; i++)
        if (rc->channel[i].s != NULL)
            stream_attach(rc->channel[i].s, &channel_events[i], &rc->channel[i]);
    if (rc->ev->on_ready != NULL)
        rc->ev->on_ready(rc->ctx);
}

static void on_gone(void *ctx, const struct err *why)
{
    struct remotecommand *rc = ctx;
    timer_stop(&rc->timeout);
    task_cancel(&rc->task);
    rc->over = true;
    if (rc->parting)
        destroy(rc);
    else if (!rc->finished && rc->ev->on_gone != NULL)
        rc->ev->on_gone(rc->ctx, why);
}

/* ---- input --------------------------------------------------------------------------------------------------------- */
static void on_input(void *ctx, struct str bytes)
{
    struct remotecommand *rc = ((struct channel_end *)ctx)->rc;
    if (rc->ev->on_stdin != NULL)
        rc->ev->on_stdin(rc->ctx, bytes);
}

static void on_input_eof(void *ctx)
{
    struct remotecommand *rc = ((struct channel_end *)ctx)->rc;
    if (rc->stdin_ended)
        return;
    rc->stdin_ended = true;
    if (rc->ev->on_stdin_eof != NULL)
        rc->ev->on_stdin_eof(rc->ctx);
}

/* The client reset this stream, or all of them go: what is written to it from now on is swallowed. */
static void on_channel_close(void *ctx, const struct err *why)
{
    struct channel_end *c = ctx;
    (void)why;
    stream_close(c->s);
    c->s = NULL;
    if (c == &c->rc->channel[CHANNEL_STDIN])
        on_input_eof(c);
}

/* Objects back to back, {"Width":80,"Height":24}, with or without a newline between. They are flat, so that "}" is their end. */
static void on_resize_data(void *ctx, struct str bytes)
{
    struct channel_end *c = ctx;
    struct remotecommand *rc = c->rc;
    int sizes[2] = { 0, 0 };
    bool any = false;
    struct arena *a = arena_new();
    strbuf_add(&rc->resize, bytes);
    for (ptrdiff_t end; (end = str_chr(strbuf_str(&rc->resize), '}')) >= 0;) {
        const struct json *j = json_parse(a, str_sub(strbuf_str(&rc->resize), 0, (size_t)end + 1), NULL);
        int64_t w = json_get_int(j, "Width", -1), h = json_get_int(j, "Height", -1);
        strbuf_consume(&rc->resize, (size_t)end + 1);
        if (j == NULL || w < 0 || h < 0 || w > UINT16_MAX || h > UINT16_MAX)
            continue;
        sizes[0] = (int)w;
        sizes[1] = (int)h;
        any = true;
    }
    if (rc->resize.overflow)
        strbuf_reset(&rc->resize);                 /* not what a client of ours sends */
    arena_free(a);
    if (any && rc->ev->on_resize != NULL)
        rc->ev->on_resize(rc->ctx, sizes[0], sizes[1]);       /* last: it may free rc */
}

void remotecommand_pause_stdin(struct remotecommand *rc, bool paused)
{
    struct stream *s = rc->channel[CHANNEL_STDIN].s;
    if (s != NULL)
        paused ? stream_pause(s) : stream_resume(s);
}

/* ---- output -------------------------------------------------------------------------------------------------------- */
void remotecommand_write(struct remotecommand *rc, int fd, struct str bytes)
{
    ASSERT(fd == 1 || fd == 2);
    struct stream *s = rc->channel[fd == 1 || rc->tty ? CHANNEL_STDOUT : CHANNEL_STDERR].s;
    if (s != NULL)
        stream_write(s, bytes);
}

bool remotecommand_congested(const struct remotecommand *rc)
{
    for (int i = CHANNEL_STDOUT; i <= CHANNEL_STDERR; i++)
        if (rc->channel[i].s != NULL && stream_congested(rc->channel[i].s))
            return true;
    return false;
}

static void on_output_drain(void *ctx)
{
    struct remotecommand *rc = ((struct channel_end *)ctx)->rc;
    if (!remotecommand_congested(rc) && rc->ev->on_drain != NULL)
        rc->ev->on_drain(rc->ctx);
}

/* ---- the end --------------------------------------------------------------------------------------------------------- */
/* What the error stream says; empty means success in every version. */
static struct str verdict(struct arena *a, size_t protocol, int exit_code, const char *message)
{
    if (message == NULL && exit_code == 0)
        return protocol == PROTOCOL_V4 ? STR("{\"metadata\":{},\"status\":\"Success\"}") : STR_NULL;
    struct str text;
    struct json *status;
    if (message != NULL) {
        text = arena_strf(a, "Internal error occurred: %s", message);
        status = json_buildf(
            a,
            "{'metadata':{},'status':'Failure','message':%S,'reason':'InternalError','details':{'causes':["
            "{'message':%s}]},'code':%d}",
            text, message, (int64_t)500);
    } else {
        text = arena_strf(a, "command terminated with non-zero exit code: exit status %d", exit_code);
        status = json_buildf(a,
                             "{'metadata':{},'status':'Failure','message':%S,'reason':'NonZeroExitCode',"
                             "'details':{'causes':[{'reason':'ExitCode','message':%S}]}}",
                             text, arena_strf(a, "%d", exit_code));
    }
    return protocol == PROTOCOL_V4 ? json_text(a, status) : text;
}

static void close_channel(struct remotecommand *rc, int i, bool abort)
{
    struct stream *s = rc->channel[i].s;
    rc->channel[i].s = NULL;
    if (s != NULL)
        abort ? stream_abort(s) : stream_close(s);
}

void remotecommand_finish(struct remotecommand *rc, int exit_code, const char *message)
{
    ASSERT(!rc->finished);
    rc->finished = true;
    timer_stop(&rc->timeout);
    task_cancel(&rc->task);
    close_channel(rc, CHANNEL_STDOUT, false);
    close_channel(rc, CHANNEL_STDERR, false);
    struct arena *a = arena_new();
    if (rc->channel[CHANNEL_ERROR].s != NULL)
        stream_write(rc->channel[CHANNEL_ERROR].s, verdict(a, rc->protocol, exit_code, message));
    arena_free(a);
    close_channel(rc, CHANNEL_ERROR, false);
    close_channel(rc, CHANNEL_STDIN, false);
    close_channel(rc, CHANNEL_RESIZE, false);
}

void remotecommand_free(struct remotecommand *rc)
{
    if (rc == NULL)
        return;
    if (!rc->finished || rc->over) {
        destroy(rc);
        return;
    }
    rc->parting = true;                            /* the owner, ev and ctx are forgotten */
    timer_start(&rc->timeout, PARTING_TIMEOUT_NS);
}

static void destroy(struct remotecommand *rc)
{
    for (int i = 0; i < CHANNEL_COUNT; i++)
        close_channel(rc, i, true);
    spdy_free(rc->spdy);
    timer_stop(&rc->timeout);
    task_cancel(&rc->task);
    strbuf_deinit(&rc->resize);
    free(rc);
}
