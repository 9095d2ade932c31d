/* sim/loop/timer.c - timers: owners embed them, a heap on virtual time orders them.
 *
 * What time.Timer and client-go's clock package are to Go code. A timer is started for an instant, not for a span of
 * waiting: in its callback vtime_now is that instant. Equal instants fire in the order of starting (the heap numbers
 * its insertions). Order of use: timer_init, { timer_start | timer_start_at | timer_stop }. The callback may restart or
 * free its own timer.
 */
#include "sim/loop/loop_priv.h"

struct timer *timer_of_node(struct heap_node *n)
{
    return container_of(n, struct timer, node);
}

void timer_init(struct timer *t, struct loop *l, void (*fn)(struct timer *t))
{
    ASSERT(l && fn);
    *t = (struct timer){ .loop = l, .fn = fn, .due_ns = -1 };
    heap_node_init(&t->node);
}

void timer_start_at(struct timer *t, int64_t due_vtime_ns)
{
    ASSERT(t->fn);                                 /* timer_init was forgotten */
    int64_t now = vtime_now(t->loop);
    timer_stop(t);
    t->due_ns = due_vtime_ns > now ? due_vtime_ns : now;   /* what should have been, is now */
    heap_insert(&t->loop->timers, &t->node, (uint64_t)t->due_ns);
}

void timer_start(struct timer *t, int64_t delay_ns)
{
    int64_t now = vtime_now(t->loop);
    if (delay_ns > INT64_MAX - now)
        delay_ns = INT64_MAX - now;
    timer_start_at(t, delay_ns > 0 ? now + delay_ns : now);
}

void timer_stop(struct timer *t)
{
    if (t->due_ns < 0)
        return;
    heap_remove(&t->loop->timers, &t->node);
    t->due_ns = -1;
}

bool timer_active(const struct timer *t)
{
    return t->due_ns >= 0;
}

struct timer *loop_next_timer(struct loop *l)
{
    struct heap_node *n = heap_min(&l->timers);
    return n ? timer_of_node(n) : NULL;
}
