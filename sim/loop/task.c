/* sim/loop/task.c - work that shall happen soon, but not inside the caller: the loop's run queue, and the hooks before it sleeps.
 *
 * Callbacks run to completion and only enqueue; this is the queue. It takes the place of Go's `go func()` where no
 * waiting is meant. First in, first out, so the order of effects is the order of causes. A task is posted or not;
 * posting twice is posting once, which is also how client-go's work queue folds repeated keys.
 */
#include "sim/loop/loop_priv.h"

void task_init(struct task *t, void (*fn)(struct task *t))
{
    ASSERT(fn);
    list_init(&t->node);
    t->fn = fn;
}

void task_post(struct loop *l, struct task *t)
{
    ASSERT(t->fn);
    /* a socket's callback posts it: it runs at the time of the callback, not of the sleep's begin */
    vtime_now(l);
    if (list_empty(&t->node))
        list_push(&l->tasks, &t->node);
}

void task_cancel(struct task *t)
{
    list_remove(&t->node);
}

bool task_posted(const struct task *t)
{
    return !list_empty(&t->node);
}

bool task_drain(struct loop *l, unsigned *budget)
{
    for (; !list_empty(&l->tasks) && *budget; --*budget) {
        struct task *t = container_of(l->tasks.next, struct task, node);
        list_remove(&t->node);
        t->fn(t);                                  /* may free or repost itself */
    }
    return list_empty(&l->tasks);
}

void loop_before_sleep(struct loop *l, struct hook *h, void (*fn)(struct hook *h))
{
    ASSERT(fn);
    h->fn = fn;
    list_init(&h->node);
    list_push(&l->hooks, &h->node);
}

void hook_remove(struct hook *h)
{
    list_remove(&h->node);
}
