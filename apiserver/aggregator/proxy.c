/* apiserver/aggregator/proxy.c - a request for somebody else's API goes on to its Service, under the front proxy's certificate
 * and with the user's name in headers; the answer flows back as it comes.
 *
 * Upstream: kube-aggregator pkg/apiserver/handler_proxy.go, apimachinery pkg/util/proxy/upgradeaware.go. The backend is reached
 * by the Service's cluster address, which kube-proxy's rules translate; it must show a certificate for NAME.NAMESPACE.svc that
 * the APIService's caBundle vouches for.
 */
#include "apiserver/aggregator/aggregator_priv.h"
#include "apiserver/endpoints/endpoints.h"

struct proxied {
    struct list node;                  /* in aggregator.proxied */
    struct request *r;
    struct apiservice *of;
    struct http_call *call;
    const char *url;
    struct http_headers answer;        /* of a 101 */
    bool upgrading, begun, over;
};

/* ---- refusals ---- */
static void plain(struct request *r, int status, struct str text)
{
    struct http_headers h = { 0 };
    http_headers_add(r->a, &h, "X-Content-Type-Options", STR("nosniff"));
    http_respond(r->x, status, &h, "text/plain; charset=utf-8", text);
}

static void fail(struct proxied *p, const struct err *err)
{
    const char *why = forward_why(p->url, err->msg);
    if (p->of->g->as->opt.minor >= 17) plain(p->r, 503, arena_strf(p->r->a, "error trying to reach service: %s\n", why));
    else
        http_respond(p->r->x, 503, NULL, "text/plain; charset=utf-8", arena_strf(p->r->a, "Error trying to reach service: '%s'", why));
}

/* ---- the life of one ---- */
static void over(struct proxied *p)
{
    list_remove(&p->node);
    p->over = true;
    p->r->x->on_gone = NULL;
    p->r->x->ctx = NULL;
}

static struct proxied *of_exchange(struct http_exchange *x) { return x->ctx; }

static void on_gone(struct http_exchange *x)
{
    struct proxied *p = of_exchange(x);
    list_remove(&p->node);
    p->over = true;
    http_call_cancel(p->call);
}

static void on_response(void *ctx, const struct http_response *resp)
{
    struct proxied *p = ctx;
    struct http_headers h = { 0 };
    p->upgrading = resp->status == 101;
    forward_answer_headers(p->r, resp, &h);
    if (p->upgrading) {
        p->answer = h;
        return;
    }
    struct str type = http_headers_get(&resp->headers, "Content-Type");
    p->begun = true;
    http_begin(p->r->x, resp->status, &h, type.n ? arena_cstr(p->r->a, type) : NULL);
}

static void on_data(void *ctx, struct str bytes)
{
    struct proxied *p = ctx;
    http_write(p->r->x, bytes);
}

static void on_upgrade(void *ctx, struct stream *backend)
{
    struct proxied *p = ctx;
    struct http_exchange *x = p->r->x;
    over(p);
    stream_splice(http_upgrade(x, &p->answer), backend);
}

static void on_done(void *ctx, const struct err *err)
{
    struct proxied *p = ctx;
    if (p->over) return;
    over(p);
    if (err->code == ERR_NONE && p->begun) http_end(p->r->x);
    else if (p->begun) http_abort(p->r->x);
    else fail(p, err);
}

static const struct http_call_events events = { on_response, on_data, on_upgrade, on_done };

void proxied_cancel_all(struct aggregator *g, const struct apiservice *of)
{
    list_for(it, &g->proxied) {
        struct proxied *p = container_of(it, struct proxied, node);
        if (of && p->of != of) continue;
        struct http_exchange *x = p->r->x;
        over(p);
        http_call_cancel(p->call);
        http_abort(x);
    }
}

/* ---- the request as it goes on ---- */
static void user_headers(struct request *r, struct http_headers *h)
{
    http_headers_add(r->a, h, "X-Remote-User", r->user.name);
    for (size_t i = 0; i < r->user.group_count; i++) http_headers_add(r->a, h, "X-Remote-Group", r->user.groups[i]);
    for (size_t i = 0; i < r->user.extra_count; i++) {
        const struct user_extra *e = &r->user.extra[i];
        char *name = arena_printf(r->a, "X-Remote-Extra-" STR_FMT, STR_ARG(percent_encode(r->a, e->key)));
        for (size_t k = 0; k < e->n; k++) http_headers_add(r->a, h, name, e->values[k]);
    }
}

static void forward(struct request *r, struct apiservice *s, struct str base)
{
    struct proxied *p = ARENA_NEW(r->a, struct proxied);
    struct http_headers h = { 0 };
    bool upgrade = http_headers_has(&r->x->headers, "Upgrade");
    forward_request_headers(r, upgrade, &h);
    user_headers(r, &h);
    p->r = r;
    p->of = s;
    p->url = arena_printf(r->a, STR_FMT STR_FMT, STR_ARG(base), STR_ARG(r->x->target));
    struct http_call_options o = { .method = arena_cstr(r->a, r->x->method), .url = p->url, .headers = &h, .body = r->x->body,
                                   .want_upgrade = upgrade, .ev = &events, .ctx = p };
    list_push(&s->g->proxied, &p->node);
    r->x->ctx = p;
    r->x->on_gone = on_gone;
    p->call = http_call_start(s->proxy, &o);
}

/* "/apis/GROUP/VERSION" and below. */
static struct apiservice *of_path(struct request *r)
{
    struct str rest = r->x->path, name;
    if (!str_starts(rest, "/apis/") || !map_len(r->as->aggregator->services)) return NULL;
    rest = str_sub(rest, strlen("/apis/"), rest.n);
    struct str group = str_token(&rest, '/'), version = str_token(&rest, '/');
    if (!group.n || !version.n) return NULL;
    name = arena_strf(r->a, STR_FMT "." STR_FMT, STR_ARG(version), STR_ARG(group));
    return map_get(r->as->aggregator->services, name);
}

bool aggregator_handle(struct request *r)
{
    struct apiservice *s = of_path(r);
    struct err err = { 0 };
    struct str base = STR("");
    if (!s) return false;
    if (!s->available) plain(r, 503, STR("service unavailable\n"));
    else if (s->proxy_error) plain(r, 500, arena_strf(r->a, "%s\n", s->proxy_error));
    else if (!s->proxy || !service_url(s, r->a, &base, &err)) {
        log_msg(LOG_INFO, "apiserver", "error resolving " STR_FMT "/" STR_FMT ": %s", STR_ARG(s->svc_ns), STR_ARG(s->svc_name),
                err.msg);
        plain(r, 503, STR("service unavailable\n"));
    } else forward(r, s, base);
    err_clear(&err);
    return true;
}
