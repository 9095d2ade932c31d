/* apiserver/aggregator/ask.c - a question to an aggregated API by kubelab itself: what a GET through the proxy would bring an
 * administrator, without a request to this server, hence without a trace in any audit.
 *
 * The way is the proxy's (proxy.c): the APIService has to be Available, its Service is dialled by its address under the front
 * proxy's certificate, its own certificate is verified, and it judges the user of the headers by itself.
 */
#include <stdlib.h>

#include "apiserver/aggregator/aggregator_priv.h"

/* Virtual: who has not answered by then does not. */
#define ASK_TIMEOUT_NS (10 * (int64_t)NS_PER_S)

struct aggregated_ask {
    struct list node;                  /* in aggregator.asks */
    const struct apiservice *of;
    struct http_call *call;
    void (*done)(void *ctx, int status, struct str body);
    void *ctx;
};

static void finish(struct aggregated_ask *q, int status, struct str body)
{
    list_remove(&q->node);
    q->done(q->ctx, status, body);
    free(q);
}

static void answered(void *ctx, const struct http_result *r, const struct err *err)
{
    (void)err;
    finish(ctx, r ? r->status : 0, r ? r->body : STR_NULL);
}

struct aggregated_ask *apiserver_ask_aggregated(struct apiserver *as, const char *group, const char *version, const char *resource,
                                                void (*done)(void *ctx, int status, struct str body), void *ctx)
{
    struct arena *a = arena_new();
    struct apiservice *s = map_get(as->aggregator->services, arena_strf(a, "%s.%s", version, group));
    struct http_headers h = { 0 };
    struct err err = { 0 };
    struct str base;
    struct aggregated_ask *q = NULL;
    if (s && s->available && s->proxy && service_url(s, a, &base, &err)) {
        http_headers_add(a, &h, "Accept", STR("application/json"));
        http_headers_add(a, &h, "X-Remote-User", STR("kubernetes-admin"));
        http_headers_add(a, &h, "X-Remote-Group", STR("system:masters"));
        http_headers_add(a, &h, "X-Remote-Group", STR("system:authenticated"));
        struct http_call_options o = { .method = "GET",
                                       .url = arena_printf(a, STR_FMT "/apis/%s/%s/%s", STR_ARG(base), group, version, resource),
                                       .headers = &h, .timeout_ns = ASK_TIMEOUT_NS };
        q = NEW(struct aggregated_ask);
        *q = (struct aggregated_ask){ .of = s, .done = done, .ctx = ctx };
        list_push(&as->aggregator->asks, &q->node);
        q->call = http_fetch(s->proxy, &o, answered, q);
    }
    err_clear(&err);
    arena_free(a);
    return q;
}

void apiserver_ask_cancel(struct aggregated_ask *q)
{
    http_call_cancel(q->call);
    list_remove(&q->node);
    free(q);
}

void asks_end(struct aggregator *g, const struct apiservice *of)
{
    list_for(it, &g->asks) {
        struct aggregated_ask *q = container_of(it, struct aggregated_ask, node);
        if (of && q->of != of) continue;
        http_call_cancel(q->call);
        finish(q, 0, STR_NULL);
    }
}
