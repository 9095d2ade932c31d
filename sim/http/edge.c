/* sim/http/edge.c - a connection from outside: socket, TLS if the server has an identity, requests one after another.
 *
 * Upstream: net/http/server.go, conn.serve. Bytes come from the stream, pass the TLS session, and wait in `in` until
 * the request in front has been answered. Everything that happens to a connection happens in its stream's events or in
 * its own task, but what the cluster gets to see of it: a parsed request, a client that left before its answer (on_gone,
 * as Go cancels the request's context), a tunnel's bytes. These are inputs of the loop (loop.h), so that their place among all
 * events is known, and can be the same again (sim/cmd/journal.c).
 *
 * Stalling clients are dropped on wall time: LIMIT_HANDSHAKE_MS for the TLS handshake, LIMIT_REQUEST_IDLE_MS between
 * bytes of one request. A connection that is idle between requests may stay.
 */
#include "sim/http/edge_priv.h"

#include <stdio.h>
#include <stdlib.h>

static void conn_process(struct edge_conn *c);

enum { TLS_PIECE = 256 * 1024 };                   /* the session's own buffer is bounded; the stream takes any amount */

/* ---- output and end ---- */
void edge_conn_output(struct edge_conn *c, struct str plain)
{
    if (c->tls == NULL && c->s != NULL)
        stream_write(c->s, plain);
    for (size_t at = 0; c->tls != NULL && c->s != NULL && at < plain.n; at += TLS_PIECE)
        tls_session_write(c->tls, str_sub(plain, at, at + TLS_PIECE));
}

static void conn_free(struct edge_conn *c)
{
    ASSERT(c->s == NULL);
    task_cancel(&c->task);
    input_cancel(&c->input);
    tap_sum_end(&c->tunnel_tap, "tunnel");
    if (c->server != NULL) {
        list_remove(&c->node);
        c->server->conn_count--;
    }
    tls_session_free(c->tls);
    http_parser_free(c->parser);
    arena_free(c->arena);
    strbuf_deinit(&c->in);
    free(c);
}

void edge_conn_wake(struct edge_conn *c)
{
    task_post(c->loop, &c->task);
}

/* The client is gone or has to go. The connection stays in memory until its exchange has heard of that, and an upgraded one until its
 * owner closes the tunnel. */
void edge_conn_finish(struct edge_conn *c, bool drop)
{
    c->gone = true;
    if (c->exchange != NULL)
        input_post(c->loop, &c->input);
    if (c->s != NULL && c->tls != NULL && !drop && !c->tls_closed)
        tls_session_shutdown(c->tls);
    struct stream *s = c->s;
    c->s = NULL;
    if (s != NULL)
        drop ? stream_abort(s) : stream_close(s);
    if (!c->upgraded && c->exchange == NULL && !c->ready)
        c->dead = true;
    edge_conn_wake(c);
}

void edge_conn_answered(struct edge_conn *c)
{
    c->exchange = NULL;
    if (c->s != NULL)
        tcp_owe(c->s, false);
    if (!c->keep_alive || c->gone)
        edge_conn_finish(c, false);
    else
        edge_conn_wake(c);                              /* the next request may be waiting */
}

static void on_task(struct task *t)
{
    struct edge_conn *c = container_of(t, struct edge_conn, task);
    if (c->dead) {
        conn_free(c);
    } else if (c->upgraded) {
        tunnel_wake(c);
    } else if (c->tls_closed && c->s != NULL) {
        edge_conn_finish(c, false);
    } else if (c->s != NULL) {
        conn_process(c);
    }
}

/* ---- requests ---- */
static void dispatch(struct edge_conn *c)
{
    const struct parsed_request *r = http_parser_request(c->parser);
    struct http_server *s = c->server;
    struct exchange *e = exchange_new(s, c->arena, &edge_ops, c);
    c->arena = NULL;                               /* passes to the exchange */
    c->exchange = e;
    c->keep_alive = r->keep_alive;
    c->http10 = r->minor == 0;
    c->chunked = c->bodiless = false;
    e->x.method = r->method;
    e->x.headers = r->headers;
    e->x.body = r->body;
    e->x.remote_addr = arena_str(e->x.arena, str_c(c->peer));
    e->x.tls = c->tls != NULL;
    e->x.edge = true;
    e->x.time_shift_s = c->time_shift_s;
    if (c->tls != NULL) {
        size_t n = 0;
        struct cert **chain = tls_session_peer_chain(c->tls, &n);
        if (chain != NULL)
            exchange_peer_chain(e, chain, n);
    }
    exchange_target(e, r->target);
    e->tap.id = tap_request(s, &e->x);
    s->opt.handler(s->opt.ctx, &e->x);
}

/* One thing that came from outside reaches the cluster. */
static void on_input(struct input *in)
{
    struct edge_conn *c = container_of(in, struct edge_conn, input);
    if (c->upgraded) {
        tunnel_deliver(c);
    } else if (c->ready) {
        c->ready = false;
        c->processing = true;
        dispatch(c);
        c->processing = false;
        if (c->eof && c->s != NULL && !c->upgraded)
            edge_conn_finish(c, false);            /* it will ask no more, and who does not listen gets no answer */
        else if (c->gone)
            input_post(c->loop, &c->input);        /* it left right after it had asked */
    } else if (c->gone) {
        struct exchange *e = c->exchange;
        c->exchange = NULL;
        c->dead = true;
        if (e != NULL) {
            tap_input(e->tap.id, HTTP_TAP_GONE, STR_NULL, NULL);
            exchange_gone(e);
        }
        edge_conn_wake(c);
    }
}

/* Use what is in `in`: a request, or a part of one. */
static void process_step(struct edge_conn *c)
{
    static const struct str go_on = { "HTTP/1.1 100 Continue\r\n\r\n", 25 };
    if (c->arena == NULL) {
        c->arena = arena_new();
        c->continued = false;
        http_parser_begin(c->parser, c->arena);
    }
    size_t used = http_parser_feed(c->parser, strbuf_str(&c->in));
    strbuf_consume(&c->in, used);
    const char *detail = "";
    int status;
    switch (http_parser_state(c->parser)) {
    case PARSE_DONE:
        tcp_deadline(c->s, 0);
        tcp_owe(c->s, true);
        c->ready = true;
        input_post(c->loop, &c->input);
        return;
    case PARSE_FAILED:
        status = http_parser_failure(c->parser, &detail);
        edge_answer_failure(c, status, detail);
        return;
    case PARSE_BODY:
        if (http_parser_expects_continue(c->parser) && !c->continued)
            edge_conn_output(c, go_on);
        c->continued = true;
        break;
    case PARSE_HEAD:
        break;
    }
    tcp_deadline(c->s, LIMIT_REQUEST_IDLE_MS);
}

static void conn_process(struct edge_conn *c)
{
    if (c->s != NULL && !c->upgraded && c->exchange == NULL && !c->ready && c->in.n > 0)
        process_step(c);
    if (c->upgraded || c->s == NULL)
        return;
    if (c->in.n > LIMIT_STREAM_BYTES)
        stream_pause(c->s);                        /* a client that pipelines faster than it is answered */
    else
        stream_resume(c->s);
    if (!c->ready && c->eof)
        edge_conn_finish(c, false);
}

/* ---- TLS ---- */
static void on_tls_output(void *ctx, struct str ciphertext)
{
    struct edge_conn *c = ctx;
    if (c->s != NULL)
        stream_write(c->s, ciphertext);
}

static void on_plain(void *ctx, struct str bytes)
{
    struct edge_conn *c = ctx;
    strbuf_add(&c->in, bytes);
}

static void on_tls_closed(void *ctx, bool clean, const struct err *why)
{
    struct edge_conn *c = ctx;
    if (!clean && !c->established && why != NULL)
        log_msg(LOG_INFO, c->server->name, "http: TLS handshake error from %s: %s", c->peer, why->msg);
    if (!clean && !c->established && why != NULL && c->server->opt.no_identity != NULL &&
        str_starts(str_c(why->msg), "no serving certificate"))
        c->server->opt.no_identity(c->server->opt.identity_ctx, str_c(c->peer));
    if (!clean && why != NULL)
        err_set(&c->why, why->code, "%s", why->msg);
    c->tls_closed = true;
    edge_conn_wake(c);
}

static const struct tls_callbacks tls_callbacks = { on_tls_output, on_plain, on_tls_closed };

/* crypto/tls: tlsRecordHeaderLooksLikeHTTP, and what net/http answers then. */
static bool refuse_plain(struct edge_conn *c, struct str bytes)
{
    static const char *const verbs[] = { "GET /", "HEAD ", "POST ", "PUT /", "OPTIO" };
    bool plain = false;
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        plain = plain || str_starts(bytes, verbs[i]);
    if (!plain)
        return false;
    log_msg(LOG_INFO, c->server->name,
            "http: TLS handshake error from %s: tls: first record does not look like a TLS handshake", c->peer);
    stream_write(c->s, STR("HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"));
    c->tls_closed = true;
    edge_conn_finish(c, false);
    return true;
}

static void tls_input(struct edge_conn *c, struct str bytes)
{
    if (!c->any_input && refuse_plain(c, bytes))
        return;
    c->any_input = true;
    if (c->tls_closed)
        return;
    tls_session_input(c->tls, bytes);
    if (!c->established && tls_session_established(c->tls)) {
        c->established = true;
        tcp_deadline(c->s, LIMIT_REQUEST_IDLE_MS);
    }
}

/* ---- the stream's events ---- */
static void on_data(void *ctx, struct str bytes)
{
    struct edge_conn *c = ctx;
    if (c->tls != NULL)
        tls_input(c, bytes);
    else
        strbuf_add(&c->in, bytes);
    if (c->s == NULL)
        return;
    if (c->upgraded)
        tunnel_wake(c);
    else
        conn_process(c);
}

static void on_eof(void *ctx)
{
    struct edge_conn *c = ctx;
    c->eof = true;
    if (c->tls != NULL && !c->tls_closed)
        tls_session_input(c->tls, STR_NULL);
    if (c->upgraded)
        tunnel_wake(c);
    else if (c->s != NULL && !c->ready)
        edge_conn_finish(c, false);
}

static void on_drain(void *ctx)
{
    struct edge_conn *c = ctx;
    if (!c->upgraded || !c->tunnel.congested)
        return;
    c->tunnel.congested = false;
    c->drained = true;
    tunnel_wake(c);
}

static void on_close(void *ctx, const struct err *why)
{
    struct edge_conn *c = ctx;
    if (c->why.code == ERR_NONE && why->code != ERR_NONE)
        err_set(&c->why, why->code, "%s", why->msg);
    c->eof = c->tls_closed = true;
    edge_conn_finish(c, true);
}

static const struct stream_events conn_events = { on_data, on_eof, on_drain, on_close };

/* ---- life ---- */
void edge_accept(void *server, struct stream *s, struct str peer)
{
    struct http_server *srv = server;
    struct edge_conn *c = NEW(struct edge_conn);
    c->server = srv;
    c->loop = srv->opt.loop;
    c->s = s;
    c->parser = http_parser_new();
    strbuf_init(&c->in, SIZE_MAX / 2);                 /* bounded by pausing the stream */
    task_init(&c->task, on_task);
    input_init(&c->input, on_input);
    snprintf(c->peer, sizeof c->peer, STR_FMT, STR_ARG(peer));
    if (srv->opt.time_shift_s != NULL)
        c->time_shift_s = srv->opt.time_shift_s(srv->opt.shift_ctx);
    if (srv->tls != NULL)
        c->tls = tls_session_new(srv->tls, &tls_callbacks, c);
    list_init(&c->node);
    list_push(&srv->edge_conns, &c->node);
    srv->conn_count++;
    tcp_deadline(s, srv->tls != NULL ? LIMIT_HANDSHAKE_MS : LIMIT_REQUEST_IDLE_MS);
    stream_attach(s, &conn_events, c);
}

/* A tunnel outlives its server, but its TLS session uses the server's configuration. */
static void tls_drop(struct edge_conn *c)
{
    tls_session_free(c->tls);
    c->tls = NULL;
}

/* The server ends; handlers are told by exchange_gone_all. Upgraded connections belong to whoever took the stream, and
 * only lose their server. */
void edge_conn_drop_all(struct http_server *s)
{
    while (!list_empty(&s->edge_conns)) {
        struct edge_conn *c = container_of(s->edge_conns.next, struct edge_conn, node);
        list_remove(&c->node);
        s->conn_count--;
        c->exchange = NULL;
        c->server = NULL;
        c->ready = false;
        if (c->upgraded && c->tls == NULL)
            continue;
        edge_conn_finish(c, true);
        if (c->dead && !c->processing)
            conn_free(c);
        else if (!c->dead)
            tls_drop(c);
    }
}
