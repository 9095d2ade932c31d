/* sim/http/direct.c - the direct transport: a request's fields go to the server's handler, and the answer's come back,
 * without a byte of HTTP.
 *
 * Between the client's call and the server's exchange stands a link: the call's mailbox. The server's side puts head,
 * body and end into it and posts its task; the client's side empties it from that task. So neither ever runs inside the
 * other's call, and either may leave at any time: the client by direct_close (the handler's on_gone follows), the
 * server by http_abort or its end, the network by tearing a host down.
 */
#include "sim/http/http_priv.h"

const char http_direct_kind = 0;

static void on_link_task(struct task *t)
{
    struct direct_link *d = container_of(t, struct direct_link, task);
    d->on_mail(d);
}

static void link_post(struct direct_link *d)
{
    task_post(d->loop, &d->task);
}

void direct_link_init(struct direct_link *d, struct loop *l, struct arena *a, void (*on_mail)(struct direct_link *d))
{
    *d = (struct direct_link){ .loop = l, .arena = a, .on_mail = on_mail };
    list_init(&d->node);
    task_init(&d->task, on_link_task);
    strbuf_init(&d->body, LIMIT_RESPONSE_BYTES);
}

/* The link has no server's side any more. */
static void link_detach(struct direct_link *d)
{
    d->exchange = NULL;
    list_remove(&d->node);
    vnet_conn_close(&d->conn);
}

/* ---- the server's side ---- */
static void put_head(struct direct_link *d, int status, const struct http_headers *h)
{
    d->status = status;
    http_headers_copy(d->arena, &d->headers, h);
    link_post(d);
}

static void put_body(struct direct_link *d, struct str bytes)
{
    strbuf_add(&d->body, bytes);
    if (d->body.overflow && d->broken == NULL)
        d->broken = "http: response body too large";
    link_post(d);
}

static void put_end(struct direct_link *d)
{
    d->ended = true;
    link_detach(d);
    link_post(d);
}

static void direct_respond(struct exchange *e, int status, struct http_headers *h, struct str body)
{
    struct direct_link *d = e->carrier;
    if (http_status_has_body(status) && !http_headers_has(h, "Content-Length"))
        http_headers_addf(e->x.arena, h, "Content-Length", "%zu", body.n);
    put_head(d, status, h);
    if (http_status_has_body(status) && !e->head)
        put_body(d, body);
    put_end(d);
}

static void direct_begin(struct exchange *e, int status, struct http_headers *h)
{
    put_head(e->carrier, status, h);
}

static void direct_write(struct exchange *e, struct str bytes)
{
    put_body(e->carrier, bytes);
}

static size_t direct_unsent(const struct exchange *e)
{
    const struct direct_link *d = e->carrier;
    return d->body.n;
}

static void direct_end(struct exchange *e)
{
    put_end(e->carrier);
}

static void direct_abort(struct exchange *e)
{
    struct direct_link *d = e->carrier;
    direct_break(d, d->status == 0 ? "EOF" : "unexpected EOF");
}

static struct stream *direct_upgrade(struct exchange *e, const struct http_headers *extra)
{
    static const struct http_headers none = { .n = 0 };
    struct direct_link *d = e->carrier;
    struct stream *server_end;
    stream_pair(d->loop, &server_end, &d->upgraded);
    put_head(d, str_eqc(e->x.method, "CONNECT") ? 200 : 101, extra != NULL ? extra : &none);
    put_end(d);
    return server_end;
}

static const struct exchange_ops direct_ops = {
    direct_respond, direct_begin, direct_write, direct_unsent, direct_end, direct_abort, direct_upgrade, NULL,
};

/* ---- the network's side ---- */
static void on_reset(struct vnet_conn *c)
{
    direct_break(container_of(c, struct direct_link, conn), "read: connection reset by peer");
}

void direct_break(struct direct_link *d, const char *why)
{
    struct exchange *e = d->exchange;
    if (d->broken == NULL)
        d->broken = why;
    link_detach(d);
    if (e != NULL && e->carrier != NULL)
        exchange_gone(e);
    link_post(d);
}

/* ---- the client's side ---- */
/* Make the exchange from the request and call the handler, which may answer before this returns. */
void direct_send(struct direct_link *d, struct http_server *s, const struct direct_request *req)
{
    struct exchange *e = exchange_new(s, req->arena, &direct_ops, d);
    d->exchange = e;
    e->x.method = req->method;
    e->x.headers = req->headers;
    e->x.body = req->body;
    e->x.remote_addr = arena_str(req->arena, str_c(req->remote_addr));
    e->x.tls = s->opt.identity != NULL;
    if (e->x.tls && s->opt.request_client_cert && req->identity != NULL)
        exchange_peer_chain(e, req->identity->chain, req->identity->chain_count);
    exchange_target(e, req->target);
    list_push(&s->direct_links, &d->node);
    vnet_conn_open(&d->conn, req->from, req->dial->peer_ip);
    d->conn.reset = on_reset;
    d->conn.dial = req->dial;
    if (req->body.n > LIMIT_BODY_BYTES) {
        http_respond(&e->x, 413, NULL, "text/plain; charset=utf-8", STR("Request entity too large: limit is 3145728"));
        return;
    }
    s->opt.handler(s->opt.ctx, &e->x);
}

void direct_close(struct direct_link *d)
{
    struct exchange *e = d->exchange;
    link_detach(d);
    if (e != NULL)
        exchange_gone(e);
    task_cancel(&d->task);
    stream_abort(d->upgraded);
    d->upgraded = NULL;
    strbuf_deinit(&d->body);
}
