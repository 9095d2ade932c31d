/* apiserver/aggregator/apiservice.c - which APIServices there are, followed in the store, and a queue of those whose availability
 * is to be looked at.
 *
 * Upstream: kube-aggregator pkg/apiserver/apiserver.go (AddAPIService, RemoveAPIService) and the queue of
 * pkg/controllers/status/available_controller.go. Changes of an APIService, of its Service or its Endpoints queue it at once;
 * every 30 s all are queued; a failed discovery is tried again after 5 ms, 10 ms, ... 30 s.
 */
#include <stdlib.h>

#include "apiserver/aggregator/aggregator_priv.h"

#define RESYNC_NS ((int64_t)(30 * NS_PER_S))
static const char *const prefixes[3] = { "/registry/apiregistration.k8s.io/apiservices/", "/registry/core/services/",
                                         "/registry/core/endpoints/" };

/* ---- the queue ---- */
static void work_run(struct task *t)
{
    struct aggregator *g = container_of(t, struct aggregator, work);
    while (!list_empty(&g->queue)) {
        struct apiservice *s = container_of(g->queue.next, struct apiservice, queued);
        list_remove(&s->queued);
        apiservice_sync(s);
    }
}

void apiservice_enqueue(struct apiservice *s)
{
    if (list_empty(&s->queued)) list_push(&s->g->queue, &s->queued);
    task_post(s->g->as->loop, &s->g->work);
}

static void on_retry(struct timer *t) { apiservice_enqueue(container_of(t, struct apiservice, retry)); }

static void each(struct aggregator *g, struct str ns, struct str name)
{
    size_t cursor = 0;
    void *v;
    while (map_next(g->services, &cursor, NULL, &v)) {
        struct apiservice *s = v;
        if (!name.n || (str_eq(s->svc_ns, ns) && str_eq(s->svc_name, name))) apiservice_enqueue(s);
    }
}

static void on_resync(struct timer *t)
{
    struct aggregator *g = container_of(t, struct aggregator, resync);
    each(g, STR(""), STR(""));
    if (map_len(g->services)) timer_start(t, RESYNC_NS);
}

/* ---- one APIService ---- */
static void clear(struct apiservice *s)
{
    apiservice_stop_probes(s);
    http_client_free(s->proxy);
    http_client_free(s->prober);
    free(s->proxy_error);
    free(s->spec_text);
    s->proxy = s->prober = NULL;
    s->proxy_error = s->spec_text = NULL;
    arena_free(s->a);
    s->a = NULL;
}

static void apiservice_free(void *v)
{
    struct apiservice *s = v;
    list_remove(&s->queued);
    timer_stop(&s->retry);
    proxied_cancel_all(s->g, s);
    asks_end(s->g, s);
    clear(s);
    arena_free(s->doc_arena);
    free(s->name);
    free(s);
}

static void trust_free_deferred(void *t) { trust_free(t); }

/* The proxy asks for the Service by its DNS name and believes the spec's CA bundle alone, or everybody; the probe believes
 * everybody. */
static void make_clients(struct apiservice *s, const struct json *spec)
{
    struct http_client_options o = { .from = s->g->as->opt.node, .identity = s->g->as->opt.proxy_client,
                                     .user_agent = "Go-http-client/1.1", .insecure_skip_verify = true };
    struct str bundle = json_get_str(spec, "caBundle"), pem;
    struct err err = { 0 };
    if (!o.from) return;
    bool quote = s->g->as->opt.minor >= 19;
    s->prober = http_client_new(&o);
    http_client_quote_urls(s->prober, quote);
    o.user_agent = NULL;
    o.server_name = arena_printf(s->a, STR_FMT "." STR_FMT ".svc", STR_ARG(s->svc_name), STR_ARG(s->svc_ns));
    o.insecure_skip_verify = json_get_bool(spec, "insecureSkipTLSVerify", false);
    if (!o.insecure_skip_verify) {
        struct trust *roots = trust_new();
        arena_defer(s->a, trust_free_deferred, roots);
        o.roots = roots;
        if (bundle.n && (!base64_decode(s->a, bundle, &pem) || !trust_add_pem(roots, pem, &err))) {
            s->proxy_error = xstrdup("unable to load root certificates: unable to parse bytes as PEM block");
            err_clear(&err);
            return;
        }
    }
    s->proxy = http_client_new(&o);
    http_client_quote_urls(s->proxy, quote);
}

static void fill(struct apiservice *s, const struct json *obj, struct str spec_text)
{
    const struct json *spec = json_get(obj, "spec"), *svc = json_get(spec, "service");
    s->a = arena_new();
    s->spec_text = xstrdup(arena_cstr(s->a, spec_text));
    s->group = arena_str(s->a, json_get_str(spec, "group"));
    s->version = arena_str(s->a, json_get_str(spec, "version"));
    s->svc_ns = arena_str(s->a, json_get_str(svc, "namespace"));
    s->svc_name = arena_str(s->a, json_get_str(svc, "name"));
    s->port = (int)json_get_int(svc, "port", 443);
    s->group_priority = (int)json_get_int(spec, "groupPriorityMinimum", 0);
    s->version_priority = (int)json_get_int(spec, "versionPriority", 0);
    make_clients(s, spec);
}

static struct apiservice *apiservice_new(struct aggregator *g, struct str name)
{
    struct apiservice *s = NEW(struct apiservice);
    s->g = g;
    s->name = xmalloc(name.n + 1);
    memcpy(s->name, name.p, name.n);
    s->name[name.n] = 0;
    list_init(&s->queued);
    timer_init(&s->retry, g->as->loop, on_retry);
    for (size_t i = 0; i < PROBE_ATTEMPTS; i++) s->probes[i].of = s;
    map_put(g->services, name, s);
    if (!timer_active(&g->resync)) timer_start(&g->resync, RESYNC_NS);
    return s;
}

static void take(struct aggregator *g, struct object *o)
{
    const struct json *obj = object_json(o), *spec = json_get(obj, "spec");
    struct str name = meta_name(obj);
    struct apiservice *s = map_get(g->services, name);
    if (!json_is(json_get(spec, "service"), JSON_OBJECT)) {        /* null or absent: a local one, there by definition */
        if (s) apiservice_free(map_take(g->services, name));
        return;
    }
    if (!s) s = apiservice_new(g, name);
    s->available = condition_is_true(obj, "Available");
    struct arena *a = arena_new();
    struct str text = json_text(a, spec);
    if (!s->spec_text || !str_eqc(text, s->spec_text)) {
        proxied_cancel_all(g, s);
        asks_end(g, s);
        clear(s);
        fill(s, obj, text);
        apiservice_enqueue(s);
    }
    arena_free(a);
}

/* ---- following the store ---- */
static void on_apiservice(void *ctx, const struct store_event *ev)
{
    struct aggregator *g = ctx;
    if (ev->type != STORE_DELETED) {
        take(g, ev->obj);
        return;
    }
    struct apiservice *s = map_take(g->services, meta_name(object_json(ev->obj)));
    if (s) apiservice_free(s);
}

/* Keys end in /NAMESPACE/NAME. */
static void on_backend(void *ctx, const struct store_event *ev)
{
    struct str name = ev->key, ns = STR_NULL, rest = ev->key;
    while (rest.p) ns = name, name = str_token(&rest, '/');
    each(ctx, ns, name);
}

static bool visit_apiservice(void *ctx, struct str key, struct object *o)
{
    (void)key;
    take(ctx, o);
    return true;
}

struct aggregator *aggregator_new(struct apiserver *as)
{
    struct aggregator *g = NEW(struct aggregator);
    g->as = as;
    g->services = map_new();
    list_init(&g->queue);
    list_init(&g->proxied);
    list_init(&g->asks);
    task_init(&g->work, work_run);
    timer_init(&g->resync, as->loop, on_resync);
    store_list(as->store, str_c(prefixes[0]), STR(""), visit_apiservice, g);
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
        struct err err = { 0 };
        g->watches[i] = store_watch(as->store, str_c(prefixes[i]), store_revision(as->store), i ? on_backend : on_apiservice, g, &err);
        ASSERT(g->watches[i]);
    }
    return g;
}

void aggregator_free(struct aggregator *g)
{
    if (!g) return;
    for (size_t i = 0; i < ARRAY_LEN(g->watches); i++) store_watch_stop(g->watches[i]);
    task_cancel(&g->work);
    timer_stop(&g->resync);
    proxied_cancel_all(g, NULL);
    asks_end(g, NULL);
    map_free(g->services, apiservice_free);
    free(g);
}

/* ---- for discovery ---- */
static int by_priority(const void *x, const void *y)
{
    const struct apiservice *a = *(struct apiservice *const *)x, *b = *(struct apiservice *const *)y;
    int c = str_cmp(a->group, b->group);
    if (a->group_priority != b->group_priority) return b->group_priority - a->group_priority;
    if (c) return c;
    if (a->version_priority != b->version_priority) return b->version_priority - a->version_priority;
    return str_cmp(a->version, b->version);
}

void aggregator_each(struct apiserver *as,
                     void (*visit)(void *ctx, struct str group, struct str version, int group_priority, int version_priority),
                     void *ctx)
{
    struct map *m = as->aggregator->services;
    struct apiservice **v = xcalloc(map_len(m) + 1, sizeof(*v));
    size_t n = 0, cursor = 0;
    void *s;
    while (map_next(m, &cursor, NULL, &s)) v[n++] = s;
    qsort(v, n, sizeof(*v), by_priority);
    for (size_t i = 0; i < n; i++) visit(ctx, v[i]->group, v[i]->version, v[i]->group_priority, v[i]->version_priority);
    free(v);
}

static struct apiservice *find(struct apiserver *as, struct str group, struct str version)
{
    char name[512];
    if (group.n + version.n + 1 >= sizeof name) return NULL;
    memcpy(name, version.p, version.n);
    name[version.n] = '.';
    if (group.n) memcpy(name + version.n + 1, group.p, group.n);
    return map_get(as->aggregator->services, (struct str){ name, version.n + 1 + group.n });
}

const struct json *aggregator_resources(struct apiserver *as, struct str group, struct str version)
{
    struct apiservice *s = find(as, group, version);
    return s ? s->doc : NULL;
}
