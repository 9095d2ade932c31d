/* sim/client/workqueue.c - keys to be worked on (client-go util/workqueue): a key is processed by one worker at a time,
 * however often it was added; added again while it is processed, it runs once more afterwards. Failures come back with
 * exponential back-off per key.
 */
#include "sim/client/client.h"

#include <stdlib.h>

#define BACKOFF_BASE_NS (5 * (int64_t)NS_PER_MS)
#define BACKOFF_MAX_NS  (1000 * (int64_t)NS_PER_S)

struct item {
    struct workqueue *q;
    struct list       node;            /* in q->ready while waiting */
    char             *key;
    bool              dirty, processing;
    int               requeues;
    struct timer      later;
};

struct workqueue {
    struct loop *loop;
    size_t       workers, busy;
    void       (*process)(void *ctx, struct str key);
    void        *ctx;
    struct map  *items;                /* key -> struct item */
    struct list  ready;
    struct task  work;
};

static void on_later(struct timer *t)
{
    struct item *it = container_of(t, struct item, later);
    workqueue_add(it->q, str_c(it->key));
}

static struct item *item_of(struct workqueue *q, struct str key)
{
    struct item *it = map_get(q->items, key);
    if (it)
        return it;
    it = NEW(struct item);
    it->q = q;
    it->key = xcalloc(1, key.n + 1);
    memcpy(it->key, key.p, key.n);
    list_init(&it->node);
    timer_init(&it->later, q->loop, on_later);
    map_put(q->items, key, it);
    return it;
}

static void item_free(void *p)
{
    struct item *it = p;
    timer_stop(&it->later);
    list_remove(&it->node);
    free(it->key);
    free(it);
}

static void item_release(struct workqueue *q, struct item *it)
{
    if (it->dirty || it->processing || it->requeues || timer_active(&it->later))
        return;
    map_take(q->items, str_c(it->key));
    item_free(it);
}

static void work(struct task *t)
{
    struct workqueue *q = container_of(t, struct workqueue, work);
    while (q->busy < q->workers && !list_empty(&q->ready)) {
        struct item *it = container_of(q->ready.next, struct item, node);
        list_remove(&it->node);
        it->dirty = false;
        it->processing = true;
        q->busy++;
        q->process(q->ctx, str_c(it->key));        /* it may be gone afterwards */
    }
}

struct workqueue *workqueue_new(struct loop *l, const char *name, size_t workers, void (*process)(void *ctx, struct str key),
                                void *ctx)
{
    (void)name;
    struct workqueue *q = NEW(struct workqueue);
    q->loop = l;
    q->workers = workers;
    q->process = process;
    q->ctx = ctx;
    q->items = map_new();
    list_init(&q->ready);
    task_init(&q->work, work);
    return q;
}

void workqueue_free(struct workqueue *q)
{
    if (!q)
        return;
    task_cancel(&q->work);
    map_free(q->items, item_free);
    free(q);
}

void workqueue_add(struct workqueue *q, struct str key)
{
    struct item *it = item_of(q, key);
    if (it->dirty)
        return;
    it->dirty = true;
    if (it->processing)
        return;                                    /* workqueue_done puts it back */
    list_push(&q->ready, &it->node);
    task_post(q->loop, &q->work);
}

void workqueue_add_after(struct workqueue *q, struct str key, int64_t delay_ns)
{
    if (delay_ns <= 0) {
        workqueue_add(q, key);
        return;
    }
    struct item *it = item_of(q, key);
    if (!timer_active(&it->later) || it->later.due_ns > vtime_now(q->loop) + delay_ns)
        timer_start(&it->later, delay_ns);
}

void workqueue_add_rate_limited(struct workqueue *q, struct str key)
{
    struct item *it = item_of(q, key);
    int64_t delay = it->requeues < 18 ? BACKOFF_BASE_NS << it->requeues : BACKOFF_MAX_NS;
    it->requeues++;
    workqueue_add_after(q, key, delay < BACKOFF_MAX_NS ? delay : BACKOFF_MAX_NS);
}

void workqueue_forget(struct workqueue *q, struct str key)
{
    struct item *it = map_get(q->items, key);
    if (!it)
        return;
    it->requeues = 0;
    item_release(q, it);
}

int workqueue_requeues(const struct workqueue *q, struct str key)
{
    const struct item *it = map_get(q->items, key);
    return it ? it->requeues : 0;
}

void workqueue_done(struct workqueue *q, struct str key)
{
    struct item *it = map_get(q->items, key);
    ASSERT(it && it->processing);
    it->processing = false;
    ASSERT(q->busy > 0);
    q->busy--;
    if (it->dirty)
        list_push(&q->ready, &it->node);
    else
        item_release(q, it);
    if (!list_empty(&q->ready))
        task_post(q->loop, &q->work);
}

size_t workqueue_len(const struct workqueue *q)
{
    size_t n = 0;
    for (struct list *it = q->ready.next; it != &q->ready; it = it->next)
        n++;
    return n;
}
