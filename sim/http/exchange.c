/* sim/http/exchange.c - one request and its answer, whatever carries them: Go's http.ResponseWriter and Request in one.
 *
 * A carrier (edge.c, direct.c) makes the exchange and calls the server's handler. The handler answers at once or later
 * with exactly one of http_respond, http_begin .. http_end, http_upgrade, http_abort. If the client leaves first,
 * on_gone is called from a task, and the handler may not touch the exchange any more; a handler that has set no on_gone
 * does not care, and answers an exchange whose carrier is gone: into the void.
 *
 * The exchange lives in its arena. It is freed by a task after the answer, so that a handler may still look at it until
 * it returns.
 */
#include "sim/http/http_priv.h"

static void observe_begin(struct exchange *e, int status)
{
    if (e->x.observer != NULL)
        e->x.observer->on_begin(e->x.observer_ctx, status);
}

static void observe_end(struct exchange *e, enum http_end how)
{
    const struct http_observer *o = e->x.observer;
    e->x.observer = NULL;
    if (o != NULL)
        o->on_end(e->x.observer_ctx, how);
}

static void exchange_free(struct exchange *e)
{
    task_cancel(&e->task);
    tap_sum_end(&e->tap, "gone");
    arena_free(e->x.arena);
}

static void exchange_gone_now(struct exchange *e);

static void exchange_run_task(struct task *t)
{
    struct exchange *e = container_of(t, struct exchange, task);
    if (e->state == EXCHANGE_DONE) {
        exchange_free(e);
        return;
    }
    exchange_gone_now(e);
}

struct exchange *exchange_new(struct http_server *s, struct arena *a, const struct exchange_ops *ops, void *carrier)
{
    struct exchange *e = ARENA_NEW(a, struct exchange);
    e->x.arena = a;
    e->ops = ops;
    e->carrier = carrier;
    e->loop = s->opt.loop;
    task_init(&e->task, exchange_run_task);
    list_init(&e->node);
    list_push(&s->exchanges, &e->node);
    return e;
}

/* Origin form "/path?query", absolute form "http://host/path" (to a proxy), authority form (CONNECT) and "*". */
void exchange_target(struct exchange *e, struct str target)
{
    struct http_exchange *x = &e->x;
    struct str path = target;
    x->target = target;
    if (str_starts(target, "http://") || str_starts(target, "https://")) {
        struct url u;
        if (url_parse(x->arena, target, &u, NULL))
            path = u.query.n > 0 ? arena_strf(x->arena, STR_FMT "?" STR_FMT, STR_ARG(u.path), STR_ARG(u.query)) : u.path;
    }
    str_cut(path, '?', &path, &x->query_text);
    x->path = percent_decode(x->arena, path, false);
    query_parse(x->arena, x->query_text, &x->query);
    e->head = str_eqc(x->method, "HEAD");
}

static void unref_cert(void *cert)
{
    cert_unref(cert);
}

void exchange_peer_chain(struct exchange *e, struct cert *const *chain, size_t n)
{
    if (n == 0)
        return;
    e->x.peer_chain = arena_alloc(e->x.arena, n * sizeof chain[0]);
    e->x.peer_count = n;
    for (size_t i = 0; i < n; i++) {
        e->x.peer_chain[i] = cert_ref(chain[i]);
        arena_defer(e->x.arena, unref_cert, e->x.peer_chain[i]);
    }
}

void exchange_gone(struct exchange *e)
{
    tap_sum_end(&e->tap, "gone");
    e->carrier = NULL;
    if (e->state != EXCHANGE_DONE)
        task_post(e->loop, &e->task);
}

/* Also for an exchange whose on_gone is on its way: the handler's owner may be about to go. */
void exchange_gone_all(struct http_server *s)
{
    list_for(it, &s->exchanges) {
        struct exchange *e = container_of(it, struct exchange, node);
        if (e->carrier != NULL && e->ops->lost != NULL)
            e->ops->lost(e);
        e->carrier = NULL;
    }
    while (!list_empty(&s->exchanges))
        exchange_gone_now(container_of(s->exchanges.next, struct exchange, node));
}

static void exchange_gone_now(struct exchange *e)
{
    void (*on_gone)(struct http_exchange *x) = e->x.on_gone;
    tap_sum_end(&e->tap, "gone");
    e->carrier = NULL;
    task_cancel(&e->task);
    list_remove(&e->node);
    if (on_gone == NULL)
        return;                                    /* the handler will still answer, and that ends it */
    e->state = EXCHANGE_DONE;
    e->x.on_gone = NULL;
    observe_end(e, HTTP_GONE);
    on_gone(&e->x);
    exchange_free(e);
}

/* ---- what handlers call ---- */
static struct exchange *exchange_of(struct http_exchange *x)
{
    return container_of(x, struct exchange, x);
}

static void exchange_done(struct exchange *e, enum http_end how)
{
    observe_end(e, how);
    e->state = EXCHANGE_DONE;
    e->carrier = NULL;
    e->x.on_gone = NULL;
    list_remove(&e->node);
    task_post(e->loop, &e->task);
}

bool http_status_has_body(int status)
{
    return status >= 200 && status != 204 && status != 304;
}

static int by_name(const void *a, const void *b)
{
    const struct http_header *x = a, *y = b;
    return str_cmp(x->name, y->name);
}

/* Go writes a handler's headers sorted by name, then Date and what the server itself adds. Insertion sort keeps equal
 * names in order. The fields of extra are views: a carrier takes its copy before it returns. */
static struct http_headers answer_headers(struct exchange *e, int status, const struct http_headers *extra,
                                          const char *content_type)
{
    struct arena *a = e->x.arena;
    struct http_headers h = { .v = NULL };
    http_headers_view(a, &h, extra);
    if (content_type != NULL && http_status_has_body(status) && !http_headers_has(&h, "Content-Type"))
        http_headers_add(a, &h, "Content-Type", str_c(content_type));
    for (size_t i = 1; i < h.n; i++)
        for (size_t j = i; j > 0 && by_name(&h.v[j - 1], &h.v[j]) > 0; j--) {
            struct http_header swap = h.v[j];
            h.v[j] = h.v[j - 1];
            h.v[j - 1] = swap;
        }
    int64_t now_ns = vtime_now(e->loop) + e->x.time_shift_s * (int64_t)NS_PER_S;
    if (!http_headers_has(&h, "Date"))
        http_headers_add(a, &h, "Date", time_http(a, now_ns));
    return h;
}

void http_respond(struct http_exchange *x, int status, const struct http_headers *extra, const char *content_type,
                  struct str body)
{
    struct exchange *e = exchange_of(x);
    ASSERT(e->state == EXCHANGE_OPEN);
    ASSERT(status >= 200);
    observe_begin(e, status);
    tap_sum_begin(&e->tap, status);
    tap_sum_add(&e->tap, body);
    tap_sum_end(&e->tap, "ended");
    if (e->carrier != NULL) {
        struct http_headers h = answer_headers(e, status, extra, content_type);
        e->ops->respond(e, status, &h, body);
    }
    exchange_done(e, HTTP_ENDED);
}

void http_begin(struct http_exchange *x, int status, const struct http_headers *extra, const char *content_type)
{
    struct exchange *e = exchange_of(x);
    ASSERT(e->state == EXCHANGE_OPEN);
    ASSERT(status >= 200);
    e->state = EXCHANGE_STREAMING;
    observe_begin(e, status);
    tap_sum_begin(&e->tap, status);
    if (e->carrier != NULL) {
        struct http_headers h = answer_headers(e, status, extra, content_type);
        e->ops->begin(e, status, &h);
    }
}

void http_write(struct http_exchange *x, struct str bytes)
{
    struct exchange *e = exchange_of(x);
    ASSERT(e->state == EXCHANGE_STREAMING);
    tap_sum_add(&e->tap, bytes);
    if (e->carrier != NULL && bytes.n > 0 && !e->head)
        e->ops->write(e, bytes);
}

size_t http_unsent(const struct http_exchange *x)
{
    const struct exchange *e = container_of(x, const struct exchange, x);
    return e->carrier != NULL ? e->ops->unsent(e) : 0;
}

void http_end(struct http_exchange *x)
{
    struct exchange *e = exchange_of(x);
    ASSERT(e->state == EXCHANGE_STREAMING);
    tap_sum_end(&e->tap, "ended");
    if (e->carrier != NULL)
        e->ops->end(e);
    exchange_done(e, HTTP_ENDED);
}

void http_abort(struct http_exchange *x)
{
    struct exchange *e = exchange_of(x);
    ASSERT(e->state != EXCHANGE_DONE);
    tap_sum_end(&e->tap, "aborted");
    if (e->carrier != NULL)
        e->ops->abort(e);
    exchange_done(e, HTTP_ABORTED);
}

struct stream *http_upgrade(struct http_exchange *x, const struct http_headers *extra)
{
    struct exchange *e = exchange_of(x);
    ASSERT(e->state == EXCHANGE_OPEN);
    observe_begin(e, 101);
    tap_sum_begin(&e->tap, 101);
    struct stream *s = NULL;
    if (e->carrier != NULL) {
        s = e->ops->upgrade(e, extra);
    } else {
        struct stream *nobody;                     /* the client is gone: the caller gets a stream whose other end is closed */
        stream_pair(e->loop, &s, &nobody);
        stream_close(nobody);
    }
    tap_sum_end(&e->tap, "upgraded");
    exchange_done(e, HTTP_UPGRADED);
    return s;
}
