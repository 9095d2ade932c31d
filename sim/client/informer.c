/* sim/client/informer.c - a reflector and its store: list, then watch, for ever (client-go tools/cache/reflector.go,
 * shared_informer.go).
 *
 * List gives the state and a revision, watch the changes after it. A watch that ends cleanly is taken up where it
 * stopped; a 410, a refusal or a broken list starts over, after a back-off of 0.8 to 30 s and up to as much again by
 * chance. What a list shows once more is told as an update, as client-go does. Objects are kept by "namespace/name" in
 * order of first sight; handlers are called from the task in which the event arrived, and only enqueue. One informer
 * serves everyone who asks its client for the same collection.
 */
#include "sim/client/client_priv.h"

#include <stdlib.h>

struct sync_waiter { struct list node; void (*fn)(void *ctx); void *ctx; };

struct informer {
    struct list       node;            /* client->informers */
    struct client    *client;
    char             *path, *query;
    struct map       *objects;         /* key -> struct object * */
    struct list       handlers;        /* struct informer_handler */
    struct list       waiters;         /* struct sync_waiter */
    struct http_call *call;            /* the list or the watch under way */
    struct strbuf     frame;           /* of the watch: bytes of an unfinished event */
    int64_t           rv;              /* where the next watch starts */
    bool              synced, watching;
    int               refused;         /* the HTTP status of a watch that is not to be; its body gathers in frame */
    struct timer      retry, resync;
    int64_t           retry_ns, retried_ns, resync_ns;      /* the last wait, when it began; the period of resyncs */
    struct rng        rng;
    struct task       announce;        /* tells new handlers what is there, and waiters that it is synced */
    struct list       fresh;           /* handlers that have not been told yet */
    void            (*on_error)(void *ctx, const char *what, const struct err *err);
    void             *on_error_ctx;
};

static void start_list(struct informer *i);
static void start_watch(struct informer *i);

struct informer *informer_of_node(struct list *node) { return container_of(node, struct informer, node); }

/* ---- telling the handlers ---- */
static void tell_add(struct informer *i, struct object *o)
{
    list_for(it, &i->handlers) {
        struct informer_handler *h = container_of(it, struct informer_handler, node);
        if (h->on_add)
            h->on_add(h->ctx, o);
    }
}

static void tell_update(struct informer *i, struct object *old, struct object *o)
{
    list_for(it, &i->handlers) {
        struct informer_handler *h = container_of(it, struct informer_handler, node);
        if (h->on_update)
            h->on_update(h->ctx, old, o);
    }
}

static void tell_delete(struct informer *i, struct object *o)
{
    list_for(it, &i->handlers) {
        struct informer_handler *h = container_of(it, struct informer_handler, node);
        if (h->on_delete)
            h->on_delete(h->ctx, o);
    }
}

static void announce(struct task *t)
{
    struct informer *i = container_of(t, struct informer, announce);
    while (!list_empty(&i->fresh)) {
        struct informer_handler *h = container_of(i->fresh.next, struct informer_handler, node);
        list_remove(&h->node);
        list_push(&i->handlers, &h->node);
        size_t cursor = 0;
        for (struct object *o; h->on_add && informer_next(i, &cursor, &o);)
            h->on_add(h->ctx, o);
    }
    while (i->synced && !list_empty(&i->waiters)) {
        struct sync_waiter *w = container_of(i->waiters.next, struct sync_waiter, node);
        void (*fn)(void *) = w->fn;
        void *ctx = w->ctx;
        list_remove(&w->node);
        free(w);
        fn(ctx);
    }
}

/* ---- the store ---- */
static void store_set(struct informer *i, struct str key, struct object *o)
{
    struct object *old = map_put(i->objects, key, o);
    if (old)
        tell_update(i, old, o);
    else
        tell_add(i, o);
    object_unref(old);
}

static void store_drop(struct informer *i, struct str key, struct object *last)
{
    struct object *old = map_take(i->objects, key);
    if (old)
        tell_delete(i, last ? last : old);
    object_unref(old);
}

/* ---- back-off: from 0.8 s, doubled up to 30 s, anew after two minutes without trouble ---- */
static void retry_later(struct informer *i)
{
    int64_t now = vtime_now(i->client->loop);
    if (now - i->retried_ns > 120 * (int64_t)NS_PER_S)
        i->retry_ns = 0;
    i->retried_ns = now;
    i->retry_ns = i->retry_ns ? i->retry_ns * 2 : 800 * (int64_t)NS_PER_MS;
    if (i->retry_ns > 30 * (int64_t)NS_PER_S)
        i->retry_ns = 30 * (int64_t)NS_PER_S;
    timer_start(&i->retry, i->retry_ns + (int64_t)rng_below(&i->rng, (uint64_t)i->retry_ns));
}

static void on_retry(struct timer *t)
{
    struct informer *i = container_of(t, struct informer, retry);
    if (i->rv && i->synced && i->watching)
        start_watch(i);
    else
        start_list(i);
}

static void report(struct informer *i, const char *what, const struct err *err)
{
    struct arena *a = arena_new();
    bool list = strcmp(what, "list") == 0, own = strstr(i->query, "spec.nodeName") != NULL;
    const char *name = own ? "k8s.io/kubernetes/pkg/kubelet/config/apiserver.go:46" : "k8s.io/client-go/informers/factory.go:134";
    client_say(i->client, 'E', list ? "reflector.go:123" : "reflector.go:280", "reflector.go:138", "%s: Failed to %s %s: %s",
               name, what, kind_of_path(a, i->path), err->msg);
    arena_free(a);
    log_msg(LOG_INFO, i->client->name, "failed to %s %s: %s", what, i->path, err->msg);
    if (i->on_error)
        i->on_error(i->on_error_ctx, what, err);
}

/* ---- list ---- */
static void list_apply(struct informer *i, const struct json *list)
{
    struct arena *a = arena_new();
    struct map *seen = map_new();
    struct str api_version = json_get_str(list, "apiVersion"), kind = json_get_str(list, "kind");
    if (str_ends(kind, "List"))
        kind.n -= strlen("List");
    i->rv = meta_rv(list);
    for (const struct json *item = json_first(json_get(list, "items")); item; item = json_next(item)) {
        struct str key = meta_key(a, item), text = json_text(a, item);
        if (!json_get(item, "kind"))               /* items of a list do not say what they are; here they do, as where they are kept */
            text = arena_strf(a, "{\"kind\":\"" STR_FMT "\",\"apiVersion\":\"" STR_FMT "\"," STR_FMT, STR_ARG(kind),
                              STR_ARG(api_version), STR_ARG(str_sub(text, 1, text.n)));
        map_put(seen, key, i);
        struct object *o = object_shared(text);
        if (o == map_get(i->objects, key)) {       /* told as an update, not a resync, which handlers know by the same object */
            object_unref(o);
            o = object_new(text);
        }
        store_set(i, key, o);
    }
    size_t cursor = 0;
    struct str key;
    void *value;
    while (map_next(i->objects, &cursor, &key, &value))
        if (!map_get(seen, key))
            store_drop(i, arena_str(a, key), NULL);
    map_free(seen, NULL);
    arena_free(a);
}

static void list_done(void *ctx, const struct http_result *r, const struct err *transport)
{
    struct informer *i = ctx;
    i->call = NULL;
    struct err err = { 0 };
    const struct json *list = NULL;
    if (!r)
        err_set(&err, transport->code, "%s", transport->msg);
    else if (r->status != 200)
        status_to_err(r->status, r->body, i->path, &err);
    else
        list = json_parse(r->arena, r->body, &err);
    if (!list) {
        report(i, "list", &err);
        err_clear(&err);
        retry_later(i);
        return;
    }
    list_apply(i, list);
    i->retry_ns = 0;
    i->synced = true;
    if (!list_empty(&i->waiters))
        task_post(i->client->loop, &i->announce);
    start_watch(i);
}

static void start_list(struct informer *i)
{
    struct arena *a = arena_new();
    struct http_headers h = { 0 };
    client_headers(i->client, a, &h);
    i->watching = false;
    struct http_call_options o = { .method = "GET",
                                   .headers = &h,
                                   .url = arena_printf(a, "%s%s?%s%slimit=500&resourceVersion=0", i->client->server, i->path,
                                                       i->query, *i->query ? "&" : "") };
    i->call = http_fetch(i->client->http, &o, list_done, i);
    arena_free(a);
}

/* ---- watch ---- */
/* {"type":"ADDED","object":{...}}, as encoding/json writes it: the object's text stays as it is. */
static bool event_split(struct str line, struct str *type, struct str *object)
{
    struct str rest, middle = STR(",\"object\":");
    if (!str_starts(line, "{\"type\":\"") || !str_cut(str_sub(line, strlen("{\"type\":\""), line.n), '"', type, &rest))
        return false;
    *object = str_sub(rest, middle.n, rest.n - 1);
    return str_eq(str_sub(rest, 0, middle.n), middle) && str_ends(rest, "}}");
}

static void watch_event(struct informer *i, struct str line)
{
    struct str type, text;
    if (!event_split(line, &type, &text))
        return;
    struct arena *a = arena_new();
    struct object *o = object_shared(text);
    const struct json *obj = object_json(o);
    if (str_eqc(type, "ERROR")) {
        i->watching = false;                       /* 410 most likely: what was missed must be listed again */
        struct err err = { 0 };
        err_set(&err, ERR_GONE, STR_FMT, STR_ARG(json_get_str(obj, "message")));
        report(i, "watch", &err);
        err_clear(&err);
    } else if (obj) {
        i->rv = meta_rv(obj);
        if (str_eqc(type, "DELETED"))
            store_drop(i, meta_key(a, obj), o);
        else if (!str_eqc(type, "BOOKMARK"))
            store_set(i, meta_key(a, obj), object_ref(o));
    }
    object_unref(o);
    arena_free(a);
}

static void watch_data(void *ctx, struct str bytes)
{
    struct informer *i = ctx;
    strbuf_add(&i->frame, bytes);
    while (!i->refused) {
        ptrdiff_t end = str_chr(strbuf_str(&i->frame), '\n');
        if (end < 0)
            return;
        watch_event(i, str_sub(strbuf_str(&i->frame), 0, (size_t)end));
        strbuf_consume(&i->frame, (size_t)end + 1);
    }
}

static void watch_response(void *ctx, const struct http_response *r)
{
    struct informer *i = ctx;
    i->refused = r->status == 200 ? 0 : r->status;
    i->watching = !i->refused;
}

static void watch_done(void *ctx, const struct err *err)
{
    struct informer *i = ctx;
    bool broken = i->frame.overflow || err->code != ERR_NONE || !i->watching;
    i->call = NULL;
    if (err->code != ERR_NONE) {
        report(i, "watch", err);
    } else if (i->refused) {
        struct err why = { 0 };
        status_to_err(i->refused, strbuf_str(&i->frame), i->path, &why);
        report(i, "watch", &why);
        err_clear(&why);
    }
    strbuf_reset(&i->frame);
    if (!broken)
        start_watch(i);                            /* its time was over */
    else
        retry_later(i);
}

static void start_watch(struct informer *i)
{
    static const struct http_call_events events = { .on_response = watch_response, .on_data = watch_data, .on_done = watch_done };
    struct arena *a = arena_new();
    struct http_headers h = { 0 };
    client_headers(i->client, a, &h);
    i->watching = true;
    i->refused = 0;
    int timeout_s = 300 + (int)rng_below(&i->rng, 300);
    struct http_call_options o = {
        .method = "GET",
        .headers = &h,
        .ev = &events,
        .ctx = i,
        .url = arena_printf(a, "%s%s?%s%sallowWatchBookmarks=true&resourceVersion=%" PRId64 "&timeoutSeconds=%d&watch=true",
                            i->client->server, i->path, i->query, *i->query ? "&" : "", i->rv, timeout_s)
    };
    i->call = http_call_start(i->client->http, &o);
    arena_free(a);
}

/* ---- life ---- */
static void on_resync(struct timer *t)
{
    struct informer *i = container_of(t, struct informer, resync);
    size_t cursor = 0;
    for (struct object *o; informer_next(i, &cursor, &o);)
        tell_update(i, o, o);
    timer_start(t, i->resync_ns);
}

static struct informer *informer_find(struct client *c, const char *path, const char *query)
{
    list_for(it, &c->informers) {
        struct informer *i = informer_of_node(it);
        if (strcmp(i->path, path) == 0 && strcmp(i->query, query) == 0)
            return i;
    }
    return NULL;
}

struct informer *informer_shared(struct client *c, const char *path, const char *query)
{
    struct informer *i = informer_find(c, path, query);
    if (i)
        return i;
    struct arena *a = arena_new();
    i = NEW(struct informer);
    list_init(&i->node);
    i->client = c;
    i->path = xstrdup(path);
    i->query = xstrdup(query);
    i->objects = map_new();
    list_init(&i->handlers);
    list_init(&i->fresh);
    list_init(&i->waiters);
    strbuf_init(&i->frame, LIMIT_BODY_BYTES * 2);
    timer_init(&i->retry, c->loop, on_retry);
    timer_init(&i->resync, c->loop, on_resync);
    task_init(&i->announce, announce);
    rng_init(&i->rng, c->loop, arena_printf(a, "%s %s?%s", c->name, path, query));
    list_push(&c->informers, &i->node);
    arena_free(a);
    start_list(i);
    return i;
}

static void drop_object(void *o) { object_unref(o); }

void informer_free(struct informer *i)
{
    if (i->call)
        http_call_cancel(i->call);
    timer_stop(&i->retry);
    timer_stop(&i->resync);
    task_cancel(&i->announce);
    list_for(it, &i->waiters)
        free(container_of(it, struct sync_waiter, node));
    list_for(it, &i->handlers)
        list_remove(it);
    list_for(it, &i->fresh)
        list_remove(it);
    list_remove(&i->node);
    map_free(i->objects, drop_object);
    strbuf_deinit(&i->frame);
    free(i->path);
    free(i->query);
    free(i);
}

void informer_add_handler(struct informer *i, struct informer_handler *h)
{
    list_init(&h->node);
    list_push(&i->fresh, &h->node);
    task_post(i->client->loop, &i->announce);
}

void informer_remove_handler(struct informer *i, struct informer_handler *h)
{
    (void)i;
    list_remove(&h->node);
}

void informer_set_resync(struct informer *i, int64_t period_ns)
{
    i->resync_ns = period_ns;
    timer_start(&i->resync, period_ns);
}

bool informer_synced(const struct informer *i) { return i->synced; }

void informer_on_sync(struct informer *i, void (*fn)(void *ctx), void *ctx)
{
    struct sync_waiter *w = NEW(struct sync_waiter);
    list_init(&w->node);
    w->fn = fn;
    w->ctx = ctx;
    list_push(&i->waiters, &w->node);
    if (i->synced)
        task_post(i->client->loop, &i->announce);
}

void informer_on_error(struct informer *i, void (*fn)(void *ctx, const char *what, const struct err *err), void *ctx)
{
    i->on_error = fn;
    i->on_error_ctx = ctx;
}

struct object *informer_get(struct informer *i, struct str key) { return map_get(i->objects, key); }
size_t informer_count(const struct informer *i) { return map_len(i->objects); }

bool informer_next(struct informer *i, size_t *cursor, struct object **o)
{
    struct str key;
    void *value;
    if (!map_next(i->objects, cursor, &key, &value))
        return false;
    *o = value;
    return true;
}
