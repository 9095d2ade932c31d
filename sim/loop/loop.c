/* sim/loop/loop.c - the loop: what happens in a turn, how it sleeps, and how time is moved on purpose.
 *
 * A turn happens in libuv's prepare phase, between the callbacks of the last poll and the next poll:
 *     1. tasks that those callbacks posted;
 *     2. inputs from outside, then each timer that is due, in order; after each of them the tasks that came of it, before the next;
 *     3. the before-sleep hooks (the store's commit, then the edge's flush);
 *     4. how long to sleep: not at all while there is work, else until the next timer at the present speed, else until a socket.
 * In a long run of timers (an advance, a great speed) the turn ends after TIMERS_PER_TURN or TURN_WALL_NS, so that
 * sockets are heard. Nothing that happens depends on where a turn was cut, as hooks only hand on what was decided.
 *
 * An advance makes the same turns, except that time follows it and not the wall.
 */
#include "sim/loop/loop_priv.h"

#include <stdio.h>
#include <stdlib.h>

enum { TIMERS_PER_TURN = 1000, TURN_WALL_NS = 5 * 1000 * 1000 };

static void on_prepare(uv_prepare_t *p);
static void advance_report(struct loop *l);
static void advance_check(struct loop *l);

/* ---- life ---- */

static uint64_t log_time(void *ctx)
{
    const struct loop *l = ctx;
    return (uint64_t)(l->clock.vtime - l->start_vtime);
}

struct loop *loop_new(const struct loop_options *opt)
{
    struct loop *l = NEW(struct loop);
    ASSERT(uv_loop_init(&l->uv) == 0);
    l->uv.data = l;
    uv_prepare_init(&l->uv, &l->prepare);
    uv_idle_init(&l->uv, &l->idle);
    uv_timer_init(&l->uv, &l->wake);
    uv_prepare_start(&l->prepare, on_prepare);
    heap_init(&l->timers);
    list_init(&l->tasks);
    list_init(&l->inputs);
    list_init(&l->hooks);
    list_init(&l->works);
    list_init(&l->advances);
    memcpy(l->seed, opt->seed, sizeof l->seed);
    loop_begin_life(l, 0);
    loop_clock_init(l, opt);
    l->start_vtime = l->clock.vtime;
    log_set_time(log_time, l);
    trace_install(l);
    return l;
}

void loop_free(struct loop *l)
{
    if (!l)
        return;
    ASSERT(list_empty(&l->works));
    list_for(it, &l->advances) {                   /* interrupted: nobody is left to be told */
        list_remove(it);
        free(container_of(it, struct advance, node));
    }
    uv_close((uv_handle_t *)&l->prepare, NULL);
    uv_close((uv_handle_t *)&l->idle, NULL);
    uv_close((uv_handle_t *)&l->wake, NULL);
    for (int i = 0; i < 16 && uv_run(&l->uv, UV_RUN_NOWAIT); i++)
        continue;                                  /* closing callbacks may close more */
    if (uv_loop_close(&l->uv) != 0) {
        uv_print_all_handles(&l->uv, stderr);
        ASSERT(!"loop_free: a handle is still open");
    }
    heap_deinit(&l->timers);
    trace_uninstall(l);
    log_set_time(NULL, NULL);
    explicit_bzero(l->seed, sizeof l->seed);
    explicit_bzero(l->life_seed, sizeof l->life_seed);
    free(l);
}

struct uv_loop_s *loop_uv(struct loop *l)
{
    return &l->uv;
}

/* ---- a turn ---- */

static struct timer *due_timer(struct loop *l)
{
    struct timer *t = loop_next_timer(l);
    return t && !l->clock.holds && t->due_ns <= l->clock.target ? t : NULL;
}

static void fire(struct loop *l, struct timer *t)
{
    if (t->due_ns > l->clock.vtime)
        l->clock.vtime = t->due_ns;
    timer_stop(t);
    loop_event_begin(l);
    t->fn(t);
}

static void run_events(struct loop *l)
{
    unsigned tasks = LIMIT_TASKS_PER_TURN, timers = TIMERS_PER_TURN;
    uint64_t started = uv_hrtime();
    struct timer *t;
    while (task_drain(l, &tasks) && timers && !l->stopping) {
        if (loop_input_run(l))
            continue;
        if (!(t = due_timer(l)))
            break;
        timers--;
        fire(l, t);
        if (uv_hrtime() - started > TURN_WALL_NS) {
            task_drain(l, &tasks);
            break;
        }
    }
}

static void run_hooks(struct loop *l)
{
    list_for(it, &l->hooks) {
        struct hook *h = container_of(it, struct hook, node);
        h->fn(h);
    }
}

static bool more_to_do(struct loop *l)
{
    return !list_empty(&l->tasks) || loop_input_due(l) || due_timer(l) || loop_work_finished(l);
}

static void on_idle(uv_idle_t *idle)
{
    (void)idle;                                    /* its being active is all that is wanted */
}

static void on_wake(uv_timer_t *wake)
{
    (void)wake;                                    /* the turn that follows looks at the clock itself */
}

/* Make the next poll wait for as long as nothing can happen without it. */
static void arm(struct loop *l)
{
    const struct timer *next = loop_next_timer(l);
    int64_t delay = next ? loop_clock_wall_delay_ns(l, next->due_ns) : -1;
    uv_timer_stop(&l->wake);
    if (more_to_do(l) || l->advance_arrived || l->stopping || delay == 0) {
        uv_idle_start(&l->idle, on_idle);
        return;
    }
    uv_idle_stop(&l->idle);
    if (delay > 0) {
        uv_update_time(&l->uv);
        uv_timer_start(&l->wake, on_wake, ((uint64_t)delay + NS_PER_MS - 1) / NS_PER_MS, 0);
    }
}

static void turn(struct loop *l)
{
    loop_clock_sample(l);
    advance_report(l);
    run_events(l);
    loop_clock_settle(l);
    run_hooks(l);
    loop_work_report(l);
    advance_check(l);
    loop_script_check(l);
    arm(l);
    loop_clock_release_sample(l);
}

static void on_prepare(uv_prepare_t *p)
{
    turn(container_of(p, struct loop, prepare));
}

void loop_turn(struct loop *l)
{
    l->stopping = false;
    uv_run(&l->uv, UV_RUN_NOWAIT);                 /* a turn, then a look at the sockets, */
    turn(l);                                       /* and what they brought is dealt with too */
}

void loop_run(struct loop *l)
{
    while (!l->stopping)                           /* also if loop_stop came first */
        uv_run(&l->uv, UV_RUN_ONCE);
    turn(l);                                       /* no timer fires any more; what is under way is committed and flushed */
    l->stopping = false;
}

void loop_stop(struct loop *l)
{
    l->stopping = true;                            /* not uv_stop: that would outlast loop_run and upset the next one */
}

/* ---- advance: time moved on purpose ---- */

static void advance_begin(struct loop *l)
{
    if (l->advance_running || list_empty(&l->advances))
        return;
    const struct advance *adv = container_of(l->advances.next, struct advance, node);
    l->advance_running = true;
    l->advance_arrived = false;
    l->clock.target = l->clock.vtime + adv->ns;
}

void loop_advance(struct loop *l, int64_t ns, void (*done)(void *ctx), void *ctx)
{
    ASSERT(ns >= 0 && ns < INT64_MAX / 4);
    struct advance *adv = NEW(struct advance);
    *adv = (struct advance){ .ns = ns, .done = done, .ctx = ctx };
    list_init(&adv->node);
    list_push(&l->advances, &adv->node);
    vtime_now(l);                                  /* it starts from the present, not from when the loop last looked */
    advance_begin(l);
}

void loop_advance_cancel(struct loop *l, const void *ctx)
{
    list_for(it, &l->advances) {
        struct advance *adv = container_of(it, struct advance, node);
        if (adv->ctx != ctx)
            continue;
        if (l->advance_running && l->advances.next == it) {
            l->advance_running = l->advance_arrived = false;
            l->clock.target = l->clock.vtime;
        }
        list_remove(&adv->node);
        free(adv);
        advance_begin(l);
        return;
    }
}

bool loop_advancing(const struct loop *l)
{
    return l->advance_running;
}

bool loop_idle(struct loop *l)
{
    return !more_to_do(l) && !l->clock.holds && list_empty(&l->works) && !l->advance_running;
}

/* At the end of a turn: has all of it happened? A socket heard from later belongs to the time after. */
static void advance_check(struct loop *l)
{
    if (!l->advance_running || l->clock.holds || more_to_do(l))
        return;
    l->clock.vtime = l->clock.target;
    l->advance_arrived = true;
}

/* At the beginning of the next one: say so, and begin with the next advance. */
static void advance_report(struct loop *l)
{
    if (!l->advance_arrived)
        return;
    struct advance *adv = container_of(l->advances.next, struct advance, node);
    list_remove(&adv->node);
    l->advance_running = l->advance_arrived = false;
    loop_event_begin(l);
    if (adv->done)
        adv->done(adv->ctx);
    free(adv);
    advance_begin(l);
}
