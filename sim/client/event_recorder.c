/* sim/client/event_recorder.c - events: what components tell students (client-go tools/record/event.go,
 * events_cache.go, v0.16 to v0.34).
 *
 * An event passes the correlator: aggregation (the tenth and later messages of a kind within ten minutes become one
 * "(combined from similar events): ..."), counting (the same message again is a PATCH of count and lastTimestamp instead
 * of a new object), and a spam filter (a burst of 25 per source and object, then one in five minutes; what it drops has
 * been counted). Events are sent one after the other, in the order of recording. A server that refuses one has the last
 * word; one that cannot be reached is tried again, twelve times in two minutes.
 */
#include "sim/client/client_priv.h"

#include <stdio.h>
#include <stdlib.h>

enum { SPAM_BURST = 25, SIMILAR_MAX = 10, TRIES_MAX = 12, MEMORY_MAX = 4096, MESSAGE_MAX_BYTES = 1024, QUEUE_MAX = 1000 };
#define SPAM_REFILL_NS  (300 * (int64_t)NS_PER_S)
#define SIMILAR_NS      (600 * (int64_t)NS_PER_S)
#define RETRY_NS        (10 * (int64_t)NS_PER_S)

struct spam { double tokens; int64_t last_ns; };
struct similar { struct map *messages; int64_t last_ns; };
struct known { char *name; int64_t count, first_ns; };     /* an event object that exists, or is about to */

struct pending {                       /* one write, waiting its turn */
    struct list node;
    char       *path;                  /* of the collection, or of the object when it is a patch */
    char       *body;
    char       *create_path, *create_body; /* when the patched object has expired: NULL for creations */
};

struct event_recorder {
    struct client *client;
    char          *component, *host;
    struct map    *spam, *similar, *known;
    struct rng     rng;
    int64_t        last_name_ns;
    struct list    queue;              /* struct pending */
    size_t         queued;
    struct client_call *call;          /* the first of the queue is on its way */
    struct timer   retry;              /* or waits for the server to come back */
    int            tries;
};

static void send_next(struct event_recorder *r);
static void on_retry(struct timer *t);

/* ---- memory ---- */
static void similar_free(void *p)
{
    struct similar *s = p;
    map_free(s->messages, NULL);
    free(s);
}

static void known_free(void *p)
{
    free(((struct known *)p)->name);
    free(p);
}

static void pending_free(struct pending *p)
{
    list_remove(&p->node);
    free(p->path);
    free(p->body);
    free(p->create_path);
    free(p->create_body);
    free(p);
}

static void forget_all_when_full(struct map **m, void (*free_value)(void *))
{
    if (map_len(*m) < MEMORY_MAX)
        return;
    map_free(*m, free_value);
    *m = map_new();
}

struct event_recorder *event_recorder_new(struct client *c, const char *component, const char *host)
{
    struct event_recorder *r = NEW(struct event_recorder);
    r->client = c;
    r->component = xstrdup(component);
    r->host = xstrdup(host);
    rng_init(&r->rng, client_loop(c), component);
    r->spam = map_new();
    r->similar = map_new();
    r->known = map_new();
    list_init(&r->queue);
    timer_init(&r->retry, client_loop(c), on_retry);
    return r;
}

void event_recorder_free(struct event_recorder *r)
{
    if (!r)
        return;
    if (r->call)
        client_cancel(r->call);
    timer_stop(&r->retry);
    list_for(it, &r->queue)
        pending_free(container_of(it, struct pending, node));
    map_free(r->spam, free);
    map_free(r->similar, similar_free);
    map_free(r->known, known_free);
    free(r->component);
    free(r->host);
    free(r);
}

/* ---- the correlator ---- */
static bool spam_allows(struct event_recorder *r, struct str source_and_object, int64_t now)
{
    struct spam *s = map_get(r->spam, source_and_object);
    if (!s) {
        forget_all_when_full(&r->spam, free);
        s = NEW(struct spam);
        *s = (struct spam){ SPAM_BURST, now };
        map_put(r->spam, source_and_object, s);
    }
    s->tokens += (double)(now - s->last_ns) / (double)SPAM_REFILL_NS;
    s->tokens = s->tokens > SPAM_BURST ? SPAM_BURST : s->tokens;
    s->last_ns = now;
    if (s->tokens < 1)
        return false;
    s->tokens -= 1;
    return true;
}

/* Whether this message is one too many of its kind. One too many is not remembered, so that those before it stay known. */
static bool is_similar(struct event_recorder *r, struct str kind_of_event, struct str message, int64_t now)
{
    struct similar *s = map_get(r->similar, kind_of_event);
    if (!s) {
        forget_all_when_full(&r->similar, similar_free);
        s = NEW(struct similar);
        s->messages = map_new();
        map_put(r->similar, kind_of_event, s);
    }
    if (now - s->last_ns > SIMILAR_NS) {
        map_free(s->messages, NULL);
        s->messages = map_new();
    }
    s->last_ns = now;
    if (!map_get(s->messages, message)) {
        if (map_len(s->messages) + 1 >= SIMILAR_MAX)
            return true;
        map_put(s->messages, message, s);
    }
    return false;
}

/* ---- the object ---- */
static struct json *reference(struct arena *a, const struct json *obj, const char *field_path)
{
    const struct json *meta = json_get(obj, "metadata");
    struct json *ref = json_new_object(a);
    static const struct { const char *key, *from; bool in_meta; } fields[] = {
        { "kind", "kind", false }, { "namespace", "namespace", true }, { "name", "name", true }, { "uid", "uid", true },
        { "apiVersion", "apiVersion", false }, { "resourceVersion", "resourceVersion", true },
    };
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        struct str v = json_get_str(fields[i].in_meta ? meta : obj, fields[i].from);
        if (v.n)
            json_set_str(a, ref, fields[i].key, v);
    }
    if (field_path)
        json_set_strc(a, ref, "fieldPath", field_path);
    return ref;
}

static struct json *event_object(struct event_recorder *r, struct arena *a, struct json *ref, const char *type,
                                 const char *reason, struct str message, const struct known *k, int64_t now)
{
    struct str ns = json_get_str(ref, "namespace");
    struct json *source = json_buildf(a, "{'component':%s}", r->component);
    if (r->host)
        json_set_strc(a, source, "host", r->host);
    return json_buildf(
        a,
        "{'kind':'Event','apiVersion':'v1','metadata':{'name':%s,'namespace':%S},'involvedObject':%j,'reason':%s,"
        "'message':%S,'source':%j,"
        "'firstTimestamp':%S,'lastTimestamp':%S,'count':%d,'type':%s,'eventTime':null,'reportingComponent':'',"
        "'reportingInstance':''}",
        k->name, ns.n ? ns : STR("default"), json_copy(a, ref), reason, message, source, time_rfc3339(a, k->first_ns),
        time_rfc3339(a, now), k->count, type);
}

/* ---- sending ---- */
static void done_with(struct event_recorder *r, struct pending *p)
{
    pending_free(p);
    r->queued--;
    r->tries = 0;
}

static void on_retry(struct timer *t)
{
    send_next(container_of(t, struct event_recorder, retry));
}

static void sent(void *ctx, const struct client_result *result, const struct err *err)
{
    struct event_recorder *r = ctx;
    struct pending *p = container_of(r->queue.next, struct pending, node);
    r->call = NULL;
    if (result->http_status == 0 && ++r->tries < TRIES_MAX) {  /* the first wait is a part of it, lest all come at once */
        timer_start(&r->retry, r->tries == 1 ? (int64_t)rng_below(&r->rng, (uint64_t)RETRY_NS) : RETRY_NS);
        return;
    }
    if (err->code == ERR_NOT_FOUND && p->create_path) {        /* it had expired: make it anew */
        free(p->path);
        free(p->body);
        p->path = p->create_path;
        p->body = p->create_body;
        p->create_path = p->create_body = NULL;
    } else {
        if (err->code != ERR_NONE)
            log_msg(LOG_INFO, r->component, "event not recorded: %s", err->msg);
        done_with(r, p);
    }
    send_next(r);
}

static void send_next(struct event_recorder *r)
{
    if (r->call || timer_active(&r->retry) || list_empty(&r->queue))
        return;
    struct pending *p = container_of(r->queue.next, struct pending, node);
    struct arena *a = arena_new();
    struct json *body = json_parse(a, str_c(p->body), NULL);
    if (p->create_path)
        r->call = client_patch(r->client, p->path, PATCH_STRATEGIC, body, sent, r);
    else
        r->call = client_create(r->client, p->path, body, sent, r);
    arena_free(a);
}

static void enqueue(struct event_recorder *r, struct arena *a, struct str ns, const struct json *event, const struct known *k)
{
    if (r->queued >= QUEUE_MAX)
        return;                                    /* as the broadcaster does when its channel is full */
    struct pending *p = NEW(struct pending);
    list_init(&p->node);
    struct str space = ns.n ? ns : STR("default");
    char *collection = xstrdup(client_path(a, "v1", "events", space, STR_NULL, NULL)),
         *whole = xstrdup(arena_cstr(a, json_text(a, event)));
    if (k->count == 1) {
        p->path = collection;
        p->body = whole;
    } else {
        struct json *patch = json_buildf(a, "{'count':%d,'lastTimestamp':%S,'message':%S}", k->count,
                                         json_get_str(event, "lastTimestamp"), json_get_str(event, "message"));
        p->path = xstrdup(client_path(a, "v1", "events", space, str_c(k->name), NULL));
        p->body = xstrdup(arena_cstr(a, json_text(a, patch)));
        p->create_path = collection;
        p->create_body = whole;
    }
    list_push(&r->queue, &p->node);
    r->queued++;
    send_next(r);
}

static struct known *known_event(struct event_recorder *r, struct str key, struct str object_name, int64_t now)
{
    struct known *k = map_get(r->known, key);
    if (!k) {
        forget_all_when_full(&r->known, known_free);
        k = NEW(struct known);
        struct arena *a = arena_new();
        /* Names are made of the nanosecond, and lists are in the names' order. Virtual time stands while much happens:
         * what a real clock would add is drawn. */
        r->last_name_ns = (now > r->last_name_ns ? now : r->last_name_ns) + 1 + (int64_t)rng_below(&r->rng, 50 * NS_PER_US);
        k->name = xstrdup(arena_printf(a, STR_FMT ".%" PRIx64, STR_ARG(object_name), (uint64_t)r->last_name_ns));
        arena_free(a);
        k->first_ns = now;
        map_put(r->known, key, k);
    }
    k->count++;
    return k;
}

void event_record(struct event_recorder *r, const struct json *regarding, const char *field_path, const char *type,
                  const char *reason, const char *fmt, ...)
{
    if (!r)
        return;
    struct arena *a = arena_new();
    char text[MESSAGE_MAX_BYTES + 1];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    int64_t now = vtime_now(client_loop(r->client));
    struct json *ref = reference(a, regarding, field_path);
    struct json *object = json_copy(a, ref);
    /* an object that has changed is still the same one, and so is a pod of which another container speaks */
    json_remove(object, "resourceVersion");
    json_remove(object, "fieldPath");
    struct str source_and_object = arena_strf(a, "%s %s " STR_FMT, r->component, r->host ? r->host : "",
                                              STR_ARG(json_text(a, object)));
    struct str kind_of_event = arena_strf(a, STR_FMT " %s %s", STR_ARG(source_and_object), type, reason), message = str_c(text);
    struct str key = kind_of_event;
    if (is_similar(r, kind_of_event, message, now))
        message = arena_strf(a, "(combined from similar events): " STR_FMT, STR_ARG(message));
    else
        key = arena_strf(a, STR_FMT " %s " STR_FMT, STR_ARG(kind_of_event), field_path ? field_path : "", STR_ARG(message));
    struct known *k = known_event(r, key, json_get_str(ref, "name"), now);
    if (spam_allows(r, source_and_object, now))
        enqueue(r, a, json_get_str(ref, "namespace"), event_object(r, a, ref, type, reason, message, k, now), k);
    arena_free(a);
}
