/* sim/loop/work.c - work on another thread (making keys, reading archives), while virtual time stands still.
 *
 * To the simulated world such work takes no time: between loop_work and done no timer fires. Several works may finish in any
 * order on the wall, which must not show; their done callbacks come in the order of the loop_work calls, and only when everything
 * else of the present instant has happened: how quick the other thread was must not show either.
 */
#include "sim/loop/loop_priv.h"

#include <stdlib.h>

struct work {
    uv_work_t    req;
    struct list  node;                             /* in loop.works */
    struct loop *loop;
    void       (*run)(void *ctx);
    void       (*done)(void *ctx);
    void        *ctx;
    bool         finished;
};

static void on_thread(uv_work_t *req)
{
    struct work *w = container_of(req, struct work, req);
    w->run(w->ctx);
}

static void on_finished(uv_work_t *req, int status)
{
    struct work *w = container_of(req, struct work, req);
    ASSERT(status == 0);                           /* never cancelled */
    w->finished = true;                            /* the turn that follows says so */
}

/* At the end of a turn. One at a time: what comes of one done callback is over before the next. */
void loop_work_report(struct loop *l)
{
    if (list_empty(&l->works) || !list_empty(&l->tasks) || loop_input_due(l))
        return;
    struct work *w = container_of(l->works.next, struct work, node);
    if (!w->finished)
        return;
    list_remove(&w->node);
    loop_event_begin(l);
    w->done(w->ctx);
    free(w);
    loop_release(l);
}

bool loop_work_finished(const struct loop *l)
{
    return !list_empty(&l->works) && container_of(l->works.next, struct work, node)->finished;
}

void loop_work(struct loop *l, void (*run)(void *ctx), void (*done)(void *ctx), void *ctx)
{
    ASSERT(run && done);
    struct work *w = NEW(struct work);
    *w = (struct work){ .loop = l, .run = run, .done = done, .ctx = ctx };
    list_init(&w->node);
    list_push(&l->works, &w->node);
    loop_hold(l);
    ASSERT(uv_queue_work(&l->uv, &w->req, on_thread, on_finished) == 0);
}

void loop_work_wait(struct loop *l)
{
    while (!list_empty(&l->works))                 /* what is finished is reported by a turn, and nothing may come after it */
        uv_run(&l->uv, loop_work_finished(l) ? UV_RUN_NOWAIT : UV_RUN_ONCE);
}
