/* apiserver/store/watch_cache.c - what happened lately, and who wants to know.
 *
 * Upstream: apiserver pkg/storage/cacher/{watch_cache.go,cacher.go}: a ring of events per resource, filled by one watch
 * on etcd, from which every client's watch is served and may resume. Here one ring serves all resources, since there is
 * one revision counter and one process. Each write is one revision and one event, so an event's place follows from its
 * revision.
 *
 * Delivery is never inside a write: the watcher's task runs later in the turn, in the order in which watchers were
 * woken. A watcher whose prefix did not match sleeps on, and when it is woken starts at that very event. While anybody
 * has something to deliver nothing is evicted, so a burst in one turn may outgrow the ring for that turn, and no
 * watcher ever misses an event.
 */
#include "apiserver/store/store_priv.h"

#include <stdlib.h>

struct store_watcher {
    struct list   node;                            /* in history.watchers */
    struct store *store;
    struct task   task;
    uint64_t      next;                            /* serial number of the next event to look at; meaningful while pending */
    bool          pending, delivering, stopped;
    void        (*on_event)(void *ctx, const struct store_event *ev);
    void         *ctx;
    size_t        prefix_n;
    char          prefix[];
};

/* ---- the ring ---- */

void history_init(struct history *h, size_t max, int64_t rev)
{
    *h = (struct history){ .max = max ? max : LIMIT_WATCH_HISTORY, .compact_rev = rev };
    list_init(&h->watchers);
}

static struct event *ring_at(const struct history *h, uint64_t seq)
{
    return h->ring[(h->head + (size_t)(seq - h->first_seq)) & (h->cap - 1)];
}

static uint64_t end_seq(const struct history *h)
{
    return h->first_seq + h->n;
}

static void drop_oldest(struct history *h)
{
    struct event *e = ring_at(h, h->first_seq);
    h->compact_rev = e->ev.rev;
    h->bytes -= e->ev.obj->bytes.n;
    object_unref(e->ev.obj);
    object_unref(e->ev.prev);
    free(e);
    h->head = (h->head + 1) & (h->cap - 1);
    h->first_seq++;
    h->n--;
}

static void evict(struct history *h)
{
    if (h->pending)
        return;
    while (h->n > h->max || (h->n > 0 && h->bytes > STORE_HISTORY_BYTES))
        drop_oldest(h);
}

void history_deinit(struct history *h)
{
    ASSERT(list_empty(&h->watchers));
    while (h->n)
        drop_oldest(h);
    free(h->ring);
}

static void grow(struct history *h)
{
    size_t cap = h->cap ? h->cap * 2 : 64;
    struct event **ring = xcalloc(cap, sizeof(struct event *));
    for (size_t i = 0; i < h->n; i++)
        ring[i] = ring_at(h, h->first_seq + i);
    free(h->ring);
    h->ring = ring;
    h->cap = cap;
    h->head = 0;
}

static bool wants(const struct store_watcher *w, struct str key)
{
    return key.n >= w->prefix_n && memcmp(key.p, w->prefix, w->prefix_n) == 0;
}

static void wake(struct store_watcher *w, uint64_t seq)
{
    if (w->pending || w->stopped)
        return;
    w->pending = true;
    w->next = seq;
    w->store->history.pending++;
    task_post(w->store->loop, &w->task);
}

void history_add(struct store *s, enum store_event_type type, struct str key, struct object *obj, struct object *prev)
{
    struct history *h = &s->history;
    struct event *e = xmalloc(sizeof *e + key.n + 1);
    memcpy(e->key, key.p, key.n);
    e->key[key.n] = '\0';
    e->ev = (struct store_event){ .type = type, .rev = s->revision, .key = { e->key, key.n }, .obj = obj, .prev = prev };
    if (h->n == h->cap)
        grow(h);
    uint64_t seq = end_seq(h);
    ASSERT(h->compact_rev + (int64_t)h->n + 1 == s->revision);
    h->ring[(h->head + h->n++) & (h->cap - 1)] = e;
    h->bytes += obj->bytes.n;
    list_for(it, &h->watchers) {
        struct store_watcher *w = container_of(it, struct store_watcher, node);
        if (wants(w, e->ev.key))
            wake(w, seq);
    }
    evict(h);
}

bool store_touched(const struct store *s, struct str prefix, int64_t rev)
{
    const struct history *h = &s->history;
    if (rev < h->compact_rev)
        return true;
    for (uint64_t seq = h->first_seq + (uint64_t)(rev - h->compact_rev); seq < end_seq(h); seq++) {
        struct str key = ring_at(h, seq)->ev.key;
        if (key.n >= prefix.n && memcmp(key.p, prefix.p, prefix.n) == 0)
            return true;
    }
    return false;
}

/* What was superseded since from_seq and is now known to the history alone: its text may be asked for again, its tree hardly. */
void history_forget_trees(struct history *h, uint64_t from_seq)
{
    for (uint64_t seq = from_seq < h->first_seq ? h->first_seq : from_seq; seq < end_seq(h); seq++) {
        struct store_event *ev = &ring_at(h, seq)->ev;
        if (ev->prev && ev->prev->refs <= 2)       /* this event's prev and, it may be, the obj of the one before */
            object_forget_tree(ev->prev);
        if (ev->type == STORE_DELETED && ev->obj->refs == 1)
            object_forget_tree(ev->obj);
    }
}

/* ---- watchers ---- */

static void rest(struct store_watcher *w)
{
    w->pending = false;
    w->store->history.pending--;
    evict(&w->store->history);
}

static void deliver(struct task *t)
{
    struct store_watcher *w = container_of(t, struct store_watcher, task);
    struct history *h = &w->store->history;
    uint64_t end = end_seq(h);                     /* what callbacks write is for the next time */
    w->delivering = true;
    while (w->next < end && !w->stopped) {
        struct event *e = ring_at(h, w->next++);
        if (wants(w, e->ev.key))
            w->on_event(w->ctx, &e->ev);
    }
    w->delivering = false;
    if (!w->stopped && w->next < end_seq(h)) {
        task_post(w->store->loop, &w->task);
        return;
    }
    rest(w);
    if (w->stopped)
        free(w);
}

struct store_watcher *store_watch(struct store *s, struct str prefix, int64_t from_rev,
                                  void (*on_event)(void *ctx, const struct store_event *ev), void *ctx, struct err *err)
{
    struct history *h = &s->history;
    if (from_rev < h->compact_rev) {
        err_set(err, ERR_EXPIRED, "too old resource version: %" PRId64 " (%" PRId64 ")", from_rev, h->compact_rev);
        return NULL;
    }
    if (from_rev > s->revision) {
        err_set(err, ERR_TIMEOUT, "Too large resource version: %" PRId64 ", current: %" PRId64, from_rev, s->revision);
        return NULL;
    }
    struct store_watcher *w = xcalloc(1, sizeof *w + prefix.n + 1);
    w->store = s;
    w->on_event = on_event;
    w->ctx = ctx;
    w->prefix_n = prefix.n;
    if (prefix.n)
        memcpy(w->prefix, prefix.p, prefix.n);
    list_init(&w->node);
    task_init(&w->task, deliver);
    list_push(&h->watchers, &w->node);
    if (from_rev < s->revision)
        wake(w, h->first_seq + (uint64_t)(from_rev - h->compact_rev));
    return w;
}

void store_watch_stop(struct store_watcher *w)
{
    ASSERT(!w->stopped);
    list_remove(&w->node);
    w->stopped = true;
    if (w->delivering)                             /* inside its own callback: deliver() frees it */
        return;
    task_cancel(&w->task);
    if (w->pending)
        rest(w);
    free(w);
}
