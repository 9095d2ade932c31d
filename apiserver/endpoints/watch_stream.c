/* apiserver/endpoints/watch_stream.c - GET ?watch=true: one JSON frame a line, for as long as the client stays.
 *
 * Without a resourceVersion (or with 0) the client first gets what is there as ADDED; then the store's events, each seen through
 * the selectors: what begins to match is ADDED, what no longer does is DELETED. Bookmarks tell clients that asked for them how
 * far they are. A client that does not read is dropped when its unsent bytes pass the bound, so it never holds up the others.
 * Upstream: apiserver pkg/endpoints/handlers/watch.go, pkg/storage/cacher/{cacher,cache_watcher}.go.
 */
#include "apiserver/endpoints/endpoints.h"

#include <stdlib.h>

enum { BOOKMARK_PERIOD_S = 60, TIMEOUT_MIN_S = 1800 };

struct watch {
    struct list     node;              /* in the server's set */
    struct request *r;
    struct filter   filter;
    struct negotiated shape;
    struct table    table;
    bool            columns_sent, bookmarks, closing;
    struct store_watcher *from;
    struct timer    timeout, bookmark;
    struct task     bookmark_task;
    int64_t         bookmark_rev;
};

struct watch_set *watch_set_new(void)
{
    struct watch_set *s = NEW(struct watch_set);
    list_init(&s->watches);
    list_init(&s->relays);
    return s;
}

static void watch_free(struct watch *w)
{
    list_remove(&w->node);
    if (w->from) store_watch_stop(w->from);
    timer_stop(&w->timeout);
    timer_stop(&w->bookmark);
    task_cancel(&w->bookmark_task);
    w->r->x->on_gone = NULL;
    free(w);
}

static void on_gone(struct http_exchange *x) { watch_free(((struct request *)x->ctx)->open); }

static void watch_end(struct watch *w)
{
    struct http_exchange *x = w->r->x;
    watch_free(w);
    http_end(x);
}

void watches_end(struct watch_set *s)
{
    list_for(it, &s->watches) watch_end(container_of(it, struct watch, node));
}

void watch_set_drop(struct watch_set *s, const struct resource *res)
{
    list_for(it, &s->watches) {
        struct watch *w = container_of(it, struct watch, node);
        if (w->r->res == res) watch_end(w);
    }
}

void watches_each(const struct watch_set *s, struct strbuf *out)
{
    list_for(it, &s->watches) {
        const struct request *r = container_of(it, struct watch, node)->r;
        struct str field = query_get(&r->x->query, "fieldSelector"), label = query_get(&r->x->query, "labelSelector");
        strbuf_addf(out, STR_FMT "\t" STR_FMT "\t" STR_FMT "%s" STR_FMT "\t" STR_FMT "\n", STR_ARG(r->user.name), STR_ARG(r->x->path),
                    STR_ARG(field), field.n && label.n ? " " : field.n || label.n ? "" : "<all>", STR_ARG(label),
                    STR_ARG(http_headers_get(&r->x->headers, "User-Agent")));
    }
}

void watch_set_free(struct watch_set *s)
{
    if (!s) return;
    watches_end(s);
    relay_drop_all(s);
    free(s);
}

/* ---- frames ---- */
static void frame(struct watch *w, const char *type, struct str object)
{
    struct strbuf b;
    strbuf_init(&b, LIMIT_RESPONSE_BYTES);
    strbuf_addf(&b, "{\"type\":\"%s\",\"object\":", type);
    strbuf_add(&b, object);
    strbuf_addc(&b, "}\n");
    http_write(w->r->x, strbuf_str(&b));
    strbuf_deinit(&b);
}

static void frame_table(struct watch *w, const char *type, struct object *o, struct arena *a)
{
    struct strbuf b;
    strbuf_init(&b, LIMIT_RESPONSE_BYTES);
    w->table.a = a;
    w->r->now_ns = vtime_now(w->r->as->loop);
    table_begin(&w->table, &b, arena_strf(a, "{\"resourceVersion\":\"%" PRId64 "\"}", o->rv), !w->columns_sent);
    w->columns_sent = true;
    table_row(&w->table, &b, o);
    table_end(&w->table, &b);
    frame(w, type, strbuf_str(&b));
    strbuf_deinit(&b);
}

static void send(struct watch *w, const char *type, struct object *o)
{
    struct arena *a = arena_new();
    struct request *r = w->r;
    if (w->shape.shape == SHAPE_TABLE) frame_table(w, type, o, a);
    else {
        struct str text = present(r->as, a, r->res, o, r->x->time_shift_s);
        if (w->shape.shape != SHAPE_OBJECT) text = partial_metadata(a, text, w->shape.meta_version);
        frame(w, type, text);
    }
    arena_free(a);
}

static void send_bookmark(struct watch *w, int64_t rev, bool initial_end)
{
    struct request *r = w->r;
    struct arena *a = arena_new();
    const char *annotations = initial_end ? ",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}" : "";
    struct str object = arena_strf(a, STR_FMT "\"metadata\":{\"resourceVersion\":\"%" PRId64 "\",\"creationTimestamp\":null%s}}",
                                   STR_ARG(r->res->head), rev, annotations);
    if (w->shape.shape == SHAPE_TABLE)
        object = arena_strf(a, "{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/%s\",\"metadata\":{\"resourceVersion\":\"%" PRId64
                               "\"},\"columnDefinitions\":null,\"rows\":[]}",
                            w->shape.meta_version, rev);
    else if (w->shape.shape != SHAPE_OBJECT) object = partial_metadata(a, object, w->shape.meta_version);
    frame(w, "BOOKMARK", object);
    arena_free(a);
}

/* ---- events ---- */
/* It stopped matching: the client is shown its last matching state at the event's revision. */
static void send_left(struct watch *w, const struct store_event *ev)
{
    struct arena *a = arena_new();
    struct json *j = json_copy(a, object_json(ev->prev));
    json_set_str(a, json_ensure(a, j, "metadata"), "resourceVersion", arena_strf(a, "%" PRId64, ev->rev));
    struct object *o = object_from_json(j);
    o->rv = ev->rev;
    send(w, "DELETED", o);
    object_unref(o);
    arena_free(a);
}

static void on_event(void *ctx, const struct store_event *ev)
{
    struct watch *w = ctx;
    bool now = ev->type != STORE_DELETED && filter_matches(&w->filter, ev->obj);
    bool before = ev->type == STORE_DELETED ? filter_matches(&w->filter, ev->obj) : ev->prev && filter_matches(&w->filter, ev->prev);
    if (now) send(w, before ? "MODIFIED" : "ADDED", ev->obj);
    else if (before && ev->type == STORE_DELETED) send(w, "DELETED", ev->obj);
    else if (before) send_left(w, ev);
    if (http_unsent(w->r->x) <= LIMIT_CONN_OUT_BYTES) return;
    struct http_exchange *x = w->r->x;
    log_msg(LOG_INFO, "apiserver", "watch of " STR_FMT " dropped: its client does not read", STR_ARG(x->path));
    watch_free(w);
    http_abort(x);
}

static void on_bookmark_task(struct task *t)
{
    struct watch *w = container_of(t, struct watch, bookmark_task);
    send_bookmark(w, w->bookmark_rev, false);
    if (w->closing) watch_end(w);
}

/* By task, and with the revision of now: the events up to it are queued before the task. */
static void on_bookmark(struct timer *t)
{
    struct watch *w = container_of(t, struct watch, bookmark);
    w->bookmark_rev = store_revision(w->r->as->store);
    task_post(w->r->as->loop, &w->bookmark_task);
    timer_start(&w->bookmark, BOOKMARK_PERIOD_S * (int64_t)NS_PER_S);
}

static void on_timeout(struct timer *t)
{
    struct watch *w = container_of(t, struct watch, timeout);
    if (!w->bookmarks) {
        watch_end(w);
        return;
    }
    w->closing = true;
    w->bookmark_rev = store_revision(w->r->as->store);
    task_post(w->r->as->loop, &w->bookmark_task);
}

/* ---- start ---- */
static bool send_existing(void *ctx, struct str key, struct object *o)
{
    struct watch *w = ctx;
    (void)key;
    if (filter_matches(&w->filter, o)) send(w, "ADDED", o);
    return true;
}

static bool timeout_of(struct request *r, int64_t *seconds, struct err *err)
{
    struct str text = query_get(&r->x->query, "timeoutSeconds");
    *seconds = TIMEOUT_MIN_S + (int64_t)rng_below(&r->as->rng, TIMEOUT_MIN_S);
    int64_t n;
    if (!text.n) return true;
    if (!str_int(text, &n))
        return err_set(err, ERR_BAD_REQUEST, "strconv.ParseInt: parsing \"" STR_FMT "\": invalid syntax", STR_ARG(text));
    if (n > 0) *seconds = n;
    return true;
}

static bool initial_events(struct request *r, bool *wanted, struct err *err)
{
    *wanted = false;
    if (r->as->opt.minor < 27 || !query_bool(&r->x->query, "sendInitialEvents")) return true;
    *wanted = true;
    if (str_eqc(query_get(&r->x->query, "resourceVersionMatch"), "NotOlderThan")) return true;
    struct field_errors e = { .a = r->a };
    field_error_add(&e, "FieldValueForbidden", STR("resourceVersionMatch"),
                    "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
    return err_invalid(err, STR("meta.k8s.io"), STR("ListOptions"), STR(""), &e);
}

static void error_frame(struct watch *w, struct err *err)
{
    if (w->r->as->opt.minor < 18 && err->code == ERR_EXPIRED) err->code = ERR_GONE;
    frame(w, "ERROR", status_text(w->r->a, err));
}

static void begin(struct watch *w, int64_t rv, bool existing, bool initial_end)
{
    struct request *r = w->r;
    struct err err = { 0 };
    http_headers_add(r->a, &r->headers, "Cache-Control", STR("no-cache, private"));
    http_begin(r->x, 200, &r->headers, "application/json");
    struct str prefix = resource_prefix(r->a, r->res, r->info.namespace);
    if (existing) {
        rv = store_revision(r->as->store);
        store_list(r->as->store, prefix, STR_NULL, send_existing, w);
        if (initial_end) send_bookmark(w, rv, true);
    }
    if (rv < r->as->watch_floor)
        err_set(&err, ERR_EXPIRED, "too old resource version: %" PRId64 " (%" PRId64 ")", rv, r->as->watch_floor);
    else w->from = store_watch(r->as->store, prefix, rv, on_event, w, &err);
    if (w->from) return;
    error_frame(w, &err);
    err_clear(&err);
    watch_end(w);
}

static bool prepare(struct watch *w, int64_t *rv, int64_t *seconds, bool *initial, struct err *err)
{
    struct request *r = w->r;
    const struct query *q = &r->x->query;
    struct str fields = query_get(q, "fieldSelector");
    if (!negotiate(r, true, &w->shape, err)) return false;
    if (r->info.name.n && !fields.n) fields = arena_strf(r->a, "metadata.name=" STR_FMT, STR_ARG(r->info.name));
    if (!filter_parse(r->a, r->res, query_get(q, "labelSelector"), fields, &w->filter, err)) return false;
    if (!resource_version_of(r, rv, err)) return false;
    if (w->shape.shape == SHAPE_TABLE && !table_init(&w->table, r, r->res, w->shape.meta_version, err)) return false;
    return timeout_of(r, seconds, err) && initial_events(r, initial, err) && check_version_match(r, true, err);
}

void handle_watch(struct request *r)
{
    struct err err = { 0 };
    int64_t rv = 0, seconds = 0;
    bool initial = false;
    struct watch *w = NEW(struct watch);
    w->r = r;
    list_init(&w->node);
    if (!prepare(w, &rv, &seconds, &initial, &err)) {
        free(w);
        respond_error(r, &err);
        err_clear(&err);
        return;
    }
    list_push(&r->as->watches->watches, &w->node);
    r->open = w;
    r->x->on_gone = on_gone;
    timer_init(&w->timeout, r->as->loop, on_timeout);
    timer_init(&w->bookmark, r->as->loop, on_bookmark);
    task_init(&w->bookmark_task, on_bookmark_task);
    timer_start(&w->timeout, seconds * (int64_t)NS_PER_S);
    w->bookmarks = query_bool(&r->x->query, "allowWatchBookmarks");
    if (w->bookmarks) timer_start(&w->bookmark, BOOKMARK_PERIOD_S * (int64_t)NS_PER_S);
    begin(w, rv, rv == 0 || initial, initial);
}
