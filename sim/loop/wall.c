/* sim/loop/wall.c - timers on the wall's clock, for what concerns real clients alone: how long they are watched, never what
 * happens.
 *
 * What they call may look at the simulated world, and may move it on by loop_advance; by itself it must not depend on when it
 * was called.
 */
#include "sim/loop/loop_priv.h"

#include <stdlib.h>

struct wall_timer {
    uv_timer_t uv;
    void     (*fn)(void *ctx);
    void      *ctx;
};

struct wall_timer *wall_timer_new(struct loop *l, void (*fn)(void *ctx), void *ctx)
{
    struct wall_timer *w = NEW(struct wall_timer);
    w->fn = fn;
    w->ctx = ctx;
    ASSERT(uv_timer_init(&l->uv, &w->uv) == 0);
    return w;
}

static void on_wall(uv_timer_t *uv)
{
    const struct wall_timer *w = container_of(uv, struct wall_timer, uv);
    w->fn(w->ctx);
}

void wall_timer_start(struct wall_timer *w, unsigned ms)
{
    uv_update_time(w->uv.loop);
    uv_timer_start(&w->uv, on_wall, ms, 0);
}

static void on_closed(uv_handle_t *h)
{
    free(container_of((uv_timer_t *)h, struct wall_timer, uv));
}

void wall_timer_free(struct wall_timer *w)
{
    if (w)
        uv_close((uv_handle_t *)&w->uv, on_closed);
}
