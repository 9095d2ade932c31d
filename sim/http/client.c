/* sim/http/client.c - the client inside the process: what Go's net/http.Client does, minus the bytes.
 *
 * A call resolves the host's name with its own host's resolver, dials the addresses in order (the first error is the
 * one told), judges the server's certificate as crypto/tls would, and sends the request by the direct transport. Errors
 * carry Go's words, wrapped as url.Error does. Simplified: each call dials anew; with connections costing nothing, a
 * pool would only hide faults (a real one keeps a connection to a pod that has left the Service). No redirects, no
 * cookies, no HTTP/2.
 *
 * Order of use: http_client_new, http_call_start ... on_response, on_data*, on_done (or http_call_cancel), http_client_free.
 */
#include "sim/http/http_priv.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

struct http_client {
    struct http_client_options opt;
    char       *server_name, *user_agent;
    bool        quote_urls;
    struct identity **retired; size_t retired_count;   /* certificates of before: a call under way may still show one */
    struct list calls;                             /* in order of start */
};

struct http_call {
    struct http_client *client;
    struct list         node;
    struct arena       *arena;                     /* the call's own: dies with it */
    struct loop        *loop;
    struct http_call_events ev;
    void               *ctx;
    const char         *method, *url_text;
    struct url          url;
    bool                want_upgrade;
    struct direct_request req;                     /* its arena passes to the exchange */
    struct dns_lookup   lookup;
    struct vnet_dial    dial;
    size_t              ip_at;                     /* which address is being dialed */
    struct timer        late;                      /* round trips that take time: of the handshake, then of the request */
    struct direct_link  link;
    struct timer        timeout;
    struct task         fail_task;                 /* an error known before anything was sent */
    struct err          err;                       /* the first one */
    bool                connected, told_response;
    bool                delivering, over;          /* in an event; to be freed when that returns */
};

static void call_free(struct http_call *c);
static void call_fail(struct http_call *c);
static void on_found(struct dns_lookup *q, const struct err *err);
static void on_dialed(struct vnet_dial *d, const struct err *err);
static void on_mail(struct direct_link *d);
static void wait_round_trips(struct http_call *c, unsigned count, void (*then)(struct timer *t));
static void on_secured(struct timer *t);

/* ---- client ---- */
struct http_client *http_client_new(const struct http_client_options *opt)
{
    ASSERT(opt->from != NULL);
    struct http_client *c = NEW(struct http_client);
    c->opt = *opt;
    c->server_name = xstrdup(opt->server_name);
    c->user_agent = xstrdup(opt->user_agent != NULL ? opt->user_agent : "Go-http-client/1.1");
    c->opt.identity = opt->identity != NULL ? identity_ref(opt->identity) : NULL;
    list_init(&c->calls);
    return c;
}

void http_client_quote_urls(struct http_client *c, bool quote)
{
    c->quote_urls = quote;
}

void http_client_set_identity(struct http_client *c, struct identity *id)
{
    if (c->opt.identity == id)
        return;
    if (c->opt.identity != NULL) {
        c->retired = xrealloc(c->retired, (c->retired_count + 1) * sizeof(*c->retired));
        c->retired[c->retired_count++] = c->opt.identity;
    }
    c->opt.identity = id != NULL ? identity_ref(id) : NULL;
}

static void call_finish(struct http_call *c, const struct err *err);

void http_client_free(struct http_client *c)
{
    if (c == NULL)
        return;
    while (!list_empty(&c->calls)) {
        struct http_call *call = container_of(c->calls.next, struct http_call, node);
        err_clear(&call->err);
        err_set(&call->err, ERR_CANCELED, "context canceled");
        call_fail(call);
    }
    identity_unref(c->opt.identity);
    for (size_t i = 0; i < c->retired_count; i++)
        identity_unref(c->retired[i]);
    free(c->retired);
    free(c->server_name);
    free(c->user_agent);
    free(c);
}

/* ---- a call's end ---- */
/* Let go of everything that could call back, and of the client. */
static void call_release(struct http_call *c)
{
    list_remove(&c->node);
    timer_stop(&c->timeout);
    timer_stop(&c->late);
    task_cancel(&c->fail_task);
    dns_lookup_cancel(&c->lookup);
    if (c->dial.done != NULL)
        vnet_dial_cancel(&c->dial);
    direct_close(&c->link);
    arena_free(c->req.arena);
    c->req.arena = NULL;
    c->over = true;
}

static void call_free(struct http_call *c)
{
    err_clear(&c->err);
    arena_free(c->arena);                          /* c itself lives there */
}

static void call_finish(struct http_call *c, const struct err *err)
{
    bool outermost = !c->delivering;
    call_release(c);
    c->delivering = true;
    if (c->ev.on_done != NULL)
        c->ev.on_done(c->ctx, err);
    if (outermost)
        call_free(c);
}

void http_call_cancel(struct http_call *c)
{
    if (c->over)
        return;                                    /* inside its own on_done */
    call_release(c);
    if (!c->delivering)
        call_free(c);
}

/* url.Error: `Get URL: why`, the method capitalized. */
static void wrap_error(const struct http_call *c, struct err *err)
{
    const char *quote = c->client->quote_urls ? "\"" : "";
    char verb[32];
    text_copy(verb, sizeof verb, c->method);
    for (size_t i = 1; verb[i] != '\0'; i++)
        verb[i] = (char)tolower((unsigned char)verb[i]);
    err_prefix(err, "%s %s%s%s: ", verb, quote, c->url_text, quote);
}

static void call_fail(struct http_call *c)
{
    struct err err = c->err;
    c->err.details = NULL;
    if (!c->told_response)
        wrap_error(c, &err);
    call_finish(c, &err);
    err_clear(&err);
}

static void on_fail_task(struct task *t)
{
    call_fail(container_of(t, struct http_call, fail_task));
}

/* Go < 1.15 speaks of a canceled request, later ones of the context; the two also differ by how far the call had come. */
static void on_timeout(struct timer *t)
{
    struct http_call *c = container_of(t, struct http_call, timeout);
    const char *text;
    if (c->client->quote_urls)
        text = c->told_response ? "context deadline exceeded (Client.Timeout or context cancellation while reading body)"
                                : "context deadline exceeded (Client.Timeout exceeded while awaiting headers)";
    else
        text =
            c->told_response ? "net/http: request canceled (Client.Timeout exceeded while reading body)"
            : c->connected
                ? "net/http: request canceled (Client.Timeout exceeded while awaiting headers)"
                : "net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)";
    err_clear(&c->err);
    err_set(&c->err, ERR_TIMEOUT, "%s", text);
    call_fail(c);
}

/* ---- start ---- */
static void request_build(struct http_call *c, const struct http_call_options *opt)
{
    struct arena *a = arena_new();
    struct direct_request *req = &c->req;
    const struct url *u = &c->url;
    bool default_port = u->port == (str_eqc(u->scheme, "https") ? 443 : 80);
    const char *open = str_chr(u->host, ':') >= 0 ? "[" : "", *close = open[0] != '\0' ? "]" : "";
    req->arena = a;
    req->method = arena_str(a, str_c(c->method));
    req->target = u->query.n > 0 ? arena_strf(a, STR_FMT "?" STR_FMT, STR_ARG(u->path), STR_ARG(u->query))
                                 : arena_str(a, u->path);
    req->body = arena_str(a, opt->body);
    req->identity = c->client->opt.identity;
    req->from = c->client->opt.from;
    if (opt->headers == NULL || !http_headers_has(opt->headers, "Host")) {
        if (default_port)
            http_headers_addf(a, &req->headers, "Host", "%s" STR_FMT "%s", open, STR_ARG(u->host), close);
        else
            http_headers_addf(a, &req->headers, "Host", "%s" STR_FMT "%s:%d", open, STR_ARG(u->host), close, u->port);
    }
    if (opt->headers == NULL || !http_headers_has(opt->headers, "User-Agent"))
        http_headers_add(a, &req->headers, "User-Agent", str_c(c->client->user_agent));
    if (opt->body.n > 0)
        http_headers_addf(a, &req->headers, "Content-Length", "%zu", opt->body.n);
    http_headers_copy(a, &req->headers, opt->headers);
}

struct http_call *http_call_start(struct http_client *client, const struct http_call_options *opt)
{
    struct arena *a = arena_new();
    struct http_call *c = ARENA_NEW(a, struct http_call);
    c->client = client;
    c->arena = a;
    c->loop = vnet_loop(vnet_host_net(client->opt.from));
    c->ev = *opt->ev;
    c->ctx = opt->ctx;
    c->method = arena_strdup(a, opt->method != NULL ? opt->method : "GET");
    c->url_text = arena_strdup(a, opt->url);
    c->want_upgrade = opt->want_upgrade;
    list_init(&c->node);
    list_push(&client->calls, &c->node);
    direct_link_init(&c->link, c->loop, a, on_mail);
    task_init(&c->fail_task, on_fail_task);
    timer_init(&c->timeout, c->loop, on_timeout);
    timer_init(&c->late, c->loop, on_secured);
    if (opt->timeout_ns > 0)
        timer_start(&c->timeout, opt->timeout_ns);
    if (!url_parse(a, str_c(c->url_text), &c->url, &c->err)) {
        task_post(c->loop, &c->fail_task);
        return c;
    }
    request_build(c, opt);
    c->lookup.from = client->opt.from;
    c->lookup.done = on_found;
    text_put(c->lookup.name, sizeof c->lookup.name, c->url.host);
    dns_lookup_start(&c->lookup);
    return c;
}

/* ---- connecting ---- */
static void dial_next(struct http_call *c)
{
    c->dial = (struct vnet_dial){ .from = c->client->opt.from, .port = c->url.port, .done = on_dialed };
    memcpy(c->dial.ip, c->lookup.ips[c->ip_at++], sizeof c->dial.ip);
    vnet_dial_start(&c->dial);
}

static void on_found(struct dns_lookup *q, const struct err *err)
{
    struct http_call *c = container_of(q, struct http_call, lookup);
    if (err != NULL) {
        err_set(&c->err, err->code, "dial tcp: %s", err->msg);
        call_fail(c);
        return;
    }
    dial_next(c);
}

/* What a TLS handshake between the two would come to. False: err has crypto/tls's or net/http's words. */
static bool judge_tls(struct http_call *c, struct http_server *s, struct err *err)
{
    const struct http_client_options *opt = &c->client->opt;
    if (s->opt.identity == NULL)
        return err_set(err, ERR_TLS, "http: server gave HTTP response to HTTPS client");
    const struct identity *id = s->opt.identity(s->opt.identity_ctx);
    if (id == NULL) {
        char remote[96];
        text_format(remote, sizeof remote, "%s:%d", c->dial.local_ip, c->dial.local_port);
        if (s->opt.no_identity != NULL)
            s->opt.no_identity(s->opt.identity_ctx, str_c(remote));
        return err_set(err, ERR_TLS, "remote error: tls: internal error");
    }
    if (opt->insecure_skip_verify)
        return true;
    struct trust_check check = {
        .now_ns = vnet_host_now(opt->from), .usage = CERT_EKU_SERVER,
        .server_name = c->client->server_name != NULL ? str_c(c->client->server_name) : c->url.host,
    };
    if (opt->roots == NULL)
        return err_set(err, ERR_TLS, "x509: certificate signed by unknown authority");
    return trust_verify(opt->roots, id->chain, id->chain_count, &check, err);
}

/* crypto/tls answers plain HTTP on its port with this much HTTP/1.0. */
static void answer_plain_on_tls(struct http_call *c)
{
    c->link.status = 400;
    strbuf_add(&c->link.body, STR("Client sent an HTTP request to an HTTPS server.\n"));
    c->link.ended = true;
    task_post(c->loop, &c->link.task);
}

static void on_dialed(struct vnet_dial *d, const struct err *err)
{
    struct http_call *c = container_of(d, struct http_call, dial);
    if (err != NULL) {
        if (c->err.code == ERR_NONE)
            err_set(&c->err, err->code, "%s", err->msg);
        if (err->code != ERR_CANCELED && c->ip_at < c->lookup.ip_count)
            dial_next(c);
        else
            call_fail(c);
        return;
    }
    err_clear(&c->err);
    wait_round_trips(c, str_eqc(c->url.scheme, "https") ? 2 : 0, on_secured);
}

/* ---- connected: what is left takes no time, unless the network is in trouble ---- */
static void wait_round_trips(struct http_call *c, unsigned count, void (*then)(struct timer *t))
{
    int64_t ns = vnet_round_trips(&c->dial, count);
    timer_init(&c->late, c->loop, then);
    if (ns > 0)
        timer_start(&c->late, ns);
    else
        then(&c->late);
}

/* While its packets were on their way the server may have gone. */
static bool peer_gone(struct http_call *c)
{
    const struct vnet_dial *d = &c->dial;
    if (vnet_dial_alive(d))
        return false;
    err_set(&c->err, ERR_IO, "read tcp %s:%d->%s:%d: read: connection reset by peer", d->local_ip, d->local_port, d->ip, d->port);
    call_fail(c);
    return true;
}

static void on_sent(struct timer *t)
{
    struct http_call *c = container_of(t, struct http_call, late);
    if (peer_gone(c))
        return;
    struct direct_request req = c->req;
    c->req.arena = NULL;
    req.dial = &c->dial;
    text_format(req.remote_addr, sizeof req.remote_addr, "%s:%d", c->dial.local_ip, c->dial.local_port);
    direct_send(&c->link, c->dial.ep.server, &req);
}

/* The handshake is over, as far as its packets go: was it a success? */
static void on_secured(struct timer *t)
{
    struct http_call *c = container_of(t, struct http_call, late);
    struct vnet_dial *d = &c->dial;
    if (peer_gone(c))
        return;
    c->connected = true;
    if (d->ep.kind != &http_direct_kind) {
        err_set(&c->err, ERR_IO, "EOF");           /* something listens that does not speak HTTP */
        call_fail(c);
        return;
    }
    struct http_server *s = d->ep.server;
    if (str_eqc(c->url.scheme, "https") ? !judge_tls(c, s, &c->err) : s->opt.identity != NULL) {
        if (c->err.code == ERR_NONE)
            answer_plain_on_tls(c);
        else
            call_fail(c);
        return;
    }
    wait_round_trips(c, 1, on_sent);
}

/* ---- the answer ---- */
static void tell_response(struct http_call *c)
{
    struct http_response r = { .status = c->link.status, .headers = c->link.headers };
    c->told_response = true;
    if (c->ev.on_response != NULL)
        c->ev.on_response(c->ctx, &r);
}

static void tell_data(struct http_call *c)
{
    struct strbuf taken = c->link.body;
    strbuf_init(&c->link.body, LIMIT_RESPONSE_BYTES);
    if (c->ev.on_data != NULL)
        c->ev.on_data(c->ctx, strbuf_str(&taken));
    strbuf_deinit(&taken);
}

static void tell_upgrade(struct http_call *c)
{
    struct stream *s = c->link.upgraded;
    c->link.upgraded = NULL;
    if (c->want_upgrade && c->ev.on_upgrade != NULL)
        c->ev.on_upgrade(c->ctx, s);
    else
        stream_close(s);
}

static void tell_end(struct http_call *c)
{
    static const struct err none = { .code = ERR_NONE };
    if (c->link.broken == NULL) {
        call_finish(c, &none);
        return;
    }
    if (strncmp(c->link.broken, "read:", 5) == 0)
        err_set(&c->err, ERR_IO, "read tcp %s:%d->%s:%d: %s", c->dial.local_ip, c->dial.local_port, c->dial.ip, c->dial.port,
                c->link.broken);
    else
        err_set(&c->err, ERR_IO, "%s", c->link.broken);
    call_fail(c);
}

/* Empty the mailbox. Every event may cancel the call, or free its client. */
static void on_mail(struct direct_link *d)
{
    struct http_call *c = container_of(d, struct http_call, link);
    c->delivering = true;
    if (d->status != 0 && !c->told_response)
        tell_response(c);
    if (!c->over && d->body.n > 0)
        tell_data(c);
    if (!c->over && d->upgraded != NULL)
        tell_upgrade(c);
    if (!c->over && d->body.n == 0 && (d->ended || d->broken != NULL))
        tell_end(c);
    c->delivering = false;
    if (c->over)
        call_free(c);
}

/* ---- http_fetch: the whole answer at once ---- */
struct fetch {
    struct arena *arena;
    struct http_result result;
    struct strbuf body;
    void (*done)(void *ctx, const struct http_result *r, const struct err *err);
    void *ctx;
};

static void fetch_on_response(void *ctx, const struct http_response *r)
{
    struct fetch *f = ctx;
    f->result.status = r->status;
    http_headers_copy(f->arena, &f->result.headers, &r->headers);
}

static void fetch_on_data(void *ctx, struct str bytes)
{
    struct fetch *f = ctx;
    strbuf_add(&f->body, bytes);
}

static void fetch_on_done(void *ctx, const struct err *err)
{
    struct fetch *f = ctx;
    f->result.body = strbuf_str(&f->body);
    f->result.arena = f->arena;
    if (f->done != NULL)
        f->done(f->ctx, err->code == ERR_NONE ? &f->result : NULL, err);
    f->done = NULL;
}

static void fetch_deinit(void *ctx)
{
    struct fetch *f = ctx;
    strbuf_deinit(&f->body);
    arena_free(f->arena);
}

struct http_call *http_fetch(struct http_client *client, const struct http_call_options *opt,
                             void (*done)(void *ctx, const struct http_result *r, const struct err *err), void *ctx)
{
    static const struct http_call_events events = { .on_response = fetch_on_response,
                                                    .on_data = fetch_on_data,
                                                    .on_done = fetch_on_done };
    struct fetch *f = NEW(struct fetch);
    f->arena = arena_new();
    f->done = done;
    f->ctx = ctx;
    strbuf_init(&f->body, LIMIT_RESPONSE_BYTES);
    struct http_call_options own = *opt;
    own.ev = &events;
    own.ctx = f;
    struct http_call *c = http_call_start(client, &own);
    arena_defer(c->arena, free, f);                /* runs last: deferred calls go in reverse order */
    arena_defer(c->arena, fetch_deinit, f);        /* also when the call is cancelled */
    return c;
}
