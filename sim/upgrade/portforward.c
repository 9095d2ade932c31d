/* sim/upgrade/portforward.c - kubectl port-forward: many forwarded connections over one, each a pair of streams.
 *
 * Upstream: kubernetes pkg/kubelet/cri/streaming/portforward/httpstream.go. The client opens an error stream and a data
 * stream with the same requestid; what is written on the error stream is what kubectl prints. Clients older than
 * requestid count on the ids of the streams: the data stream is the one opened right after its error stream.
 *
 * Order of use: portforward_new, { on_pair }, on_gone, portforward_free. A pair that has been handed out is the callee's alone.
 */
#include <stdlib.h>

#include "sim/upgrade/upgrade.h"

static const char *const protocols[] = { "portforward.k8s.io" };
#define PAIR_TIMEOUT_NS ((int64_t)(30 * NS_PER_S))

struct pair {
    struct portforward *pf;
    struct list    node;
    char           request[32];
    int            port;
    struct stream *data, *error;                   /* NULL: not here yet */
    struct timer   timeout;
    struct task    task;                           /* on_pair, or the timeout's work */
};

struct portforward {
    struct loop *loop;
    const struct portforward_events *ev;
    void        *ctx;
    struct spdy *spdy;
    struct list  pairs;                            /* those not handed out yet */
};

static bool on_stream(void *ctx, struct stream *sub, const struct http_headers *h);
static void on_gone(void *ctx, const struct err *why);
static void on_timeout(struct timer *t);
static void on_task(struct task *t);

static const struct spdy_events connection_events = { .on_stream = on_stream, .on_close = on_gone };

struct portforward *portforward_new(struct http_exchange *x, struct loop *l, const struct portforward_events *ev, void *ctx,
                                    struct err *err)
{
    size_t picked;
    struct stream *conn = upgrade_spdy(x, protocols, ARRAY_LEN(protocols), &picked, err);
    if (conn == NULL)
        return NULL;
    struct portforward *pf = NEW(struct portforward);
    pf->loop = l;
    pf->ev = ev;
    pf->ctx = ctx;
    list_init(&pf->pairs);
    pf->spdy = spdy_new(l, conn, true, &connection_events, pf);
    return pf;
}

/* What a new stream's headers say. The kubelet's log would show the error; the client sees the stream reset. */
static bool check_headers(const struct http_headers *h, int *port, bool *is_data, struct err *err)
{
    struct str text = http_headers_get(h, "port"), type = http_headers_get(h, "streamtype");
    int64_t number;
    if (text.n == 0)
        return err_set(err, ERR_BAD_REQUEST, "\"port\" header is required");
    if (!str_int(text, &number) || number < 0 || number > UINT16_MAX)
        return err_set(err, ERR_BAD_REQUEST, "unable to parse \"" STR_FMT "\" as a port", STR_ARG(text));
    if (number < 1)
        return err_set(err, ERR_BAD_REQUEST, "port \"" STR_FMT "\" must be > 0", STR_ARG(text));
    if (type.n == 0)
        return err_set(err, ERR_BAD_REQUEST, "\"streamType\" header is required");
    *port = (int)number;
    *is_data = str_eqc(type, "data");
    if (!*is_data && !str_eqc(type, "error"))
        return err_set(err, ERR_BAD_REQUEST, "invalid stream type \"" STR_FMT "\"", STR_ARG(type));
    return true;
}

static struct str request_id(struct arena *a, const struct http_headers *h, const struct stream *sub, bool is_data)
{
    struct str id = http_headers_get(h, "requestid");
    if (id.n == 0)
        id = arena_strf(a, "%" PRIu32, spdy_stream_id(sub) - (is_data ? 2 : 0));
    return str_sub(id, 0, sizeof ((struct pair *)0)->request - 1);
}

static struct pair *pair_get(struct portforward *pf, struct str request)
{
    list_for(it, &pf->pairs) {
        struct pair *p = container_of(it, struct pair, node);
        if (str_eqc(request, p->request))
            return p;
    }
    struct pair *p = NEW(struct pair);
    p->pf = pf;
    memcpy(p->request, request.p, request.n);
    timer_init(&p->timeout, pf->loop, on_timeout);
    timer_start(&p->timeout, PAIR_TIMEOUT_NS);
    task_init(&p->task, on_task);
    list_push(&pf->pairs, &p->node);
    return p;
}

static bool on_stream(void *ctx, struct stream *sub, const struct http_headers *h)
{
    struct portforward *pf = ctx;
    struct err err = { .code = ERR_NONE };
    int port;
    bool is_data;
    if (!check_headers(h, &port, &is_data, &err)) {
        log_msg(LOG_INFO, "portforward", "stream rejected: %s", err.msg);
        return false;
    }
    struct arena *a = arena_new();
    struct pair *p = pair_get(pf, request_id(a, h, sub, is_data));
    arena_free(a);
    struct stream **place = is_data ? &p->data : &p->error;
    if (*place != NULL)
        return false;                              /* "data stream already assigned" */
    *place = sub;
    if (is_data)
        p->port = port;
    if (p->data != NULL && p->error != NULL) {
        timer_stop(&p->timeout);
        task_post(pf->loop, &p->task);
    }
    return true;
}

static void on_timeout(struct timer *t)
{
    struct pair *p = container_of(t, struct pair, timeout);
    task_post(p->pf->loop, &p->task);
}

static void pair_free(struct pair *p)
{
    timer_stop(&p->timeout);
    task_cancel(&p->task);
    list_remove(&p->node);
    free(p);
}

static void on_task(struct task *t)
{
    struct pair *p = container_of(t, struct pair, task);
    struct portforward *pf = p->pf;
    struct stream *data = p->data, *error = p->error;
    int port = p->port;
    struct arena *a = arena_new();
    struct str late = arena_strf(a, "(conn=1, request=%s) timed out waiting for streams", p->request);
    pair_free(p);
    if (data != NULL && error != NULL) {
        pf->ev->on_pair(pf->ctx, port, data, error);
    } else {
        if (error != NULL)
            stream_write(error, late);
        stream_close(error);
        stream_abort(data);
    }
    arena_free(a);
}

static void drop_pairs(struct portforward *pf)
{
    while (!list_empty(&pf->pairs)) {
        struct pair *p = container_of(pf->pairs.next, struct pair, node);
        stream_abort(p->data);
        stream_abort(p->error);
        pair_free(p);
    }
}

static void on_gone(void *ctx, const struct err *why)
{
    struct portforward *pf = ctx;
    drop_pairs(pf);
    if (pf->ev->on_gone != NULL)
        pf->ev->on_gone(pf->ctx, why);
}

void portforward_free(struct portforward *pf)
{
    if (pf == NULL)
        return;
    drop_pairs(pf);
    spdy_free(pf->spdy);
    free(pf);
}
