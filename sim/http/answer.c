/* sim/http/answer.c - an exchange's answer as bytes of HTTP/1.1, in the order in which Go's server writes them.
 *
 * Upstream: net/http/server.go, chunkWriter.writeHeader: the handler's headers sorted by name, then Date,
 * Content-Length, Connection, Transfer-Encoding. A large answer is compressed as apiserver
 * pkg/endpoints/handlers/responsewriters/writers.go does: over 128 KiB, level 1, when the client accepts it. Nothing
 * leaves from here: tcp.c holds the bytes until the turn's end.
 */
#include "sim/base/archive.h"
#include "sim/http/edge_priv.h"

#include <stdlib.h>

enum { GZIP_FROM_BYTES = 128 * 1024, GZIP_LEVEL = 1 };

static void put_status(struct strbuf *b, int status)
{
    struct str text = http_status_text(status);
    if (text.n > 0)
        strbuf_addf(b, "HTTP/1.1 %03d " STR_FMT "\r\n", status, STR_ARG(text));
    else
        strbuf_addf(b, "HTTP/1.1 %03d status code %d\r\n", status, status);
}

/* A value from a handler may quote what a client sent: no line of its own comes out of it. */
static void put_header(struct strbuf *b, struct str name, struct str value)
{
    strbuf_add(b, name);
    strbuf_addc(b, ": ");
    for (size_t i = 0; i < value.n; i++)
        strbuf_addch(b, value.p[i] == '\r' || value.p[i] == '\n' ? ' ' : value.p[i]);
    strbuf_addc(b, "\r\n");
}

static void put_headers(struct strbuf *b, const struct http_headers *h)
{
    for (size_t i = 0; i < h->n; i++)
        put_header(b, h->v[i].name, h->v[i].value);
}

static void put_connection(struct strbuf *b, const struct edge_conn *c)
{
    if (!c->keep_alive)
        strbuf_addc(b, "Connection: close\r\n");
    else if (c->http10)
        strbuf_addc(b, "Connection: keep-alive\r\n");
}

/* A handler may end the connection itself. */
static void heed_connection(struct edge_conn *c, struct http_headers *h)
{
    for (size_t i = 0; i < h->n; i++)
        if (str_eqi(h->v[i].name, STR("Connection")) && str_eqi(h->v[i].value, STR("close"))) {
            c->keep_alive = false;
            memmove(&h->v[i], &h->v[i + 1], (h->n - i - 1) * sizeof h->v[0]);
            h->n--;
            return;
        }
}

static bool accepts_gzip(const struct http_headers *h)
{
    struct str rest = http_headers_get(h, "Accept-Encoding");
    while (rest.p != NULL) {
        struct str name, params;
        str_cut(str_token(&rest, ','), ';', &name, &params);
        if (str_eqi(str_trim(name), STR("gzip")) && !str_eqc(str_trim(params), "q=0"))
            return true;
    }
    return false;
}

static void edge_respond(struct exchange *e, int status, struct http_headers *h, struct str body)
{
    struct edge_conn *c = e->carrier;
    struct strbuf b;
    bool has_body = http_status_has_body(status);
    heed_connection(c, h);
    if (has_body && body.n > GZIP_FROM_BYTES && accepts_gzip(&e->x.headers) && !http_headers_has(h, "Content-Encoding")) {
        body = gzip_pack(e->x.arena, body, GZIP_LEVEL);
        http_headers_add(e->x.arena, h, "Content-Encoding", STR("gzip"));
        http_headers_add(e->x.arena, h, "Vary", STR("Accept-Encoding"));
    }
    strbuf_init(&b, SIZE_MAX / 2);                     /* bounded by the answer that the handler already holds */
    put_status(&b, status);
    put_headers(&b, h);
    if (has_body && !http_headers_has(h, "Content-Length"))
        strbuf_addf(&b, "Content-Length: %zu\r\n", body.n);
    put_connection(&b, c);
    strbuf_addc(&b, "\r\n");
    edge_conn_output(c, strbuf_str(&b));
    strbuf_deinit(&b);
    if (has_body && !e->head)
        edge_conn_output(c, body);
    edge_conn_answered(c);
}

static void edge_begin(struct exchange *e, int status, struct http_headers *h)
{
    struct edge_conn *c = e->carrier;
    struct strbuf b;
    heed_connection(c, h);
    c->bodiless = !http_status_has_body(status);
    c->chunked = !c->http10 && !c->bodiless && !http_headers_has(h, "Content-Length");
    if (c->http10 && !http_headers_has(h, "Content-Length"))
        c->keep_alive = false;                     /* HTTP/1.0 knows the end of a body by the end of the connection */
    strbuf_init(&b, SIZE_MAX / 2);
    put_status(&b, status);
    put_headers(&b, h);
    put_connection(&b, c);
    if (c->chunked)
        strbuf_addc(&b, "Transfer-Encoding: chunked\r\n");
    strbuf_addc(&b, "\r\n");
    edge_conn_output(c, strbuf_str(&b));
    strbuf_deinit(&b);
}

static void edge_write(struct exchange *e, struct str bytes)
{
    struct edge_conn *c = e->carrier;
    struct strbuf b;
    if (c->bodiless)
        return;
    if (!c->chunked) {
        edge_conn_output(c, bytes);
        return;
    }
    strbuf_init(&b, SIZE_MAX / 2);
    strbuf_addf(&b, "%zx\r\n", bytes.n);
    strbuf_add(&b, bytes);
    strbuf_addc(&b, "\r\n");
    edge_conn_output(c, strbuf_str(&b));
    strbuf_deinit(&b);
}

static size_t edge_unsent(const struct exchange *e)
{
    const struct edge_conn *c = e->carrier;
    return c->s != NULL ? stream_unsent(c->s) : 0;
}

static void edge_end(struct exchange *e)
{
    struct edge_conn *c = e->carrier;
    if (c->chunked && !e->head)
        edge_conn_output(c, STR("0\r\n\r\n"));
    edge_conn_answered(c);
}

static void edge_abort(struct exchange *e)
{
    struct edge_conn *c = e->carrier;
    c->exchange = NULL;
    edge_conn_finish(c, true);
}

static struct stream *edge_upgrade(struct exchange *e, const struct http_headers *extra)
{
    static const struct http_headers none = { .n = 0 };
    struct edge_conn *c = e->carrier;
    struct strbuf b;
    strbuf_init(&b, LIMIT_HEADER_BYTES);
    put_status(&b, str_eqc(e->x.method, "CONNECT") ? 200 : 101);
    put_headers(&b, extra != NULL ? extra : &none);
    strbuf_addc(&b, "\r\n");
    edge_conn_output(c, strbuf_str(&b));
    strbuf_deinit(&b);
    c->exchange = NULL;
    return tunnel_open(c, e->tap.id);
}

const struct exchange_ops edge_ops = { edge_respond, edge_begin, edge_write, edge_unsent, edge_end, edge_abort, edge_upgrade, NULL };

/* What Go's server writes when there is no request to hand to a handler: no Date, the status as text. A body that is
 * too large is told in the API server's words (apimachinery errors.NewRequestEntityTooLargeError). */
void edge_answer_failure(struct edge_conn *c, int status, const char *detail)
{
    struct strbuf b;
    strbuf_init(&b, LIMIT_HEADER_BYTES);
    put_status(&b, status);
    strbuf_addc(&b, "Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n");
    if (status == 413)
        strbuf_addf(&b, "Request entity too large: limit is %d", LIMIT_BODY_BYTES);
    else
        strbuf_addf(&b, "%d " STR_FMT "%s", status, STR_ARG(http_status_text(status)), detail);
    edge_conn_output(c, strbuf_str(&b));
    strbuf_deinit(&b);
    edge_conn_finish(c, false);
}
