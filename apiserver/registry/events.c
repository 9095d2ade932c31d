/* apiserver/registry/events.c - Events are gone an hour (--event-ttl) after they were last written, as etcd's leases do it upstream.
 *
 * One heap of expiries and one timer; what the store holds at the start is given the rest of its hour.
 */
#include "apiserver/registry/registry.h"

#include <stdlib.h>

struct expiry { struct heap_node node; char *key; size_t key_n; };
struct event_ttl { struct apiserver *as; struct heap heap; struct map *by_key; struct timer timer; };

int64_t event_ttl_ns(const struct apiserver *as)
{
    return as->opt.policy.event_ttl_ns ? as->opt.policy.event_ttl_ns : 3600 * (int64_t)NS_PER_S;
}

static struct event_ttl *ttl_of(struct apiserver *as) { return as->registry->event_ttl; }

static void rearm(struct event_ttl *t)
{
    struct heap_node *min = heap_min(&t->heap);
    if (min) timer_start_at(&t->timer, (int64_t)min->key);
    else timer_stop(&t->timer);
}

static void forget(struct event_ttl *t, struct expiry *e)
{
    heap_remove(&t->heap, &e->node);
    map_take(t->by_key, (struct str){ e->key, e->key_n });
    free(e->key);
    free(e);
}

static void expire(struct event_ttl *t, struct str key)
{
    struct arena *a = arena_new();
    struct object *o = store_get(t->as->store, key), *last = NULL;
    const struct resource *res = registry_find(t->as, STR(""), STR("v1"), STR("events"), STR(""));
    struct err err = { 0 };
    if (o && !write_remove(request_internal(t->as, a), res, o, &last, &err))
        log_msg(LOG_WARN, "apiserver", "event not expired: %s", err.msg);
    err_clear(&err);
    object_unref(last);
    object_unref(o);
    arena_free(a);
}

static void on_timer(struct timer *timer)
{
    struct event_ttl *t = container_of(timer, struct event_ttl, timer);
    struct heap_node *min;
    while ((min = heap_min(&t->heap)) && (int64_t)min->key <= vtime_now(t->as->loop)) {
        struct expiry *e = container_of(min, struct expiry, node);
        char *key = xstrdup(e->key);
        forget(t, e);
        expire(t, str_c(key));
        free(key);
    }
    rearm(t);
}

void event_expiry_add(struct apiserver *as, struct str key, int64_t at_ns)
{
    struct event_ttl *t = ttl_of(as);
    if (!t) return;
    struct expiry *e = map_get(t->by_key, key);
    if (e) heap_remove(&t->heap, &e->node);
    else {
        e = NEW(struct expiry);
        e->key = xmalloc(key.n + 1);
        memcpy(e->key, key.p, key.n);
        e->key[key.n] = 0;
        e->key_n = key.n;
        heap_node_init(&e->node);
        map_put(t->by_key, key, e);
    }
    heap_insert(&t->heap, &e->node, (uint64_t)at_ns);
    rearm(t);
}

static bool adopt(void *ctx, struct str key, struct object *o)
{
    struct apiserver *as = ctx;
    int64_t at = 0;
    const struct json *obj = object_json(o);
    if (!time_parse_rfc3339(json_get_str(obj, "lastTimestamp"), &at)) meta_created_ns(obj, &at);
    event_expiry_add(as, key, at + event_ttl_ns(as));
    object_forget_tree(o);
    return true;
}

void event_expiry_start(struct apiserver *as)
{
    struct event_ttl *t = NEW(struct event_ttl);
    t->as = as;
    heap_init(&t->heap);
    t->by_key = map_new();
    timer_init(&t->timer, as->loop, on_timer);
    as->registry->event_ttl = t;
    store_list(as->store, STR("/registry/core/events/"), STR_NULL, adopt, as);
}

void event_expiry_free(struct registry *g)
{
    struct event_ttl *t = g->event_ttl;
    if (!t) return;
    timer_stop(&t->timer);
    struct heap_node *min;
    while ((min = heap_min(&t->heap))) forget(t, container_of(min, struct expiry, node));
    heap_deinit(&t->heap);
    map_free(t->by_key, NULL);
    free(t);
}
