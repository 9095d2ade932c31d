/* tests/unit/sim/loop/loop_test.c - turns, timers, tasks, hooks, work and advances, in the order in which they are promised. */
#include "sim/loop/loop_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>
#include <uv.h>

#include <cmocka.h>

static struct strbuf happened;                     /* what the callbacks write into, in order */
static struct loop *loop;

static const int64_t START = 1579909773 * (int64_t)NS_PER_S;
#define S(n) ((int64_t)(n) * (int64_t)NS_PER_S)

static int setup_paused(void **state)
{
    (void)state;
    struct loop_options opt = { .start_vtime_ns = START, .speed_milli = 0 };
    loop = loop_new(&opt);
    strbuf_init(&happened, 65536);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    loop_free(loop);
    strbuf_deinit(&happened);
    return 0;
}

static double now_s(void)
{
    return (double)(vtime_now(loop) - START) / 1e9;
}

static void done(void *ctx)
{
    strbuf_addf(&happened, "%s@%g ", (const char *)ctx, now_s());
    loop_stop(loop);
}

static void note(void *ctx)
{
    strbuf_addf(&happened, "%s@%g ", (const char *)ctx, now_s());
}

static void expect_happened(const char *want)
{
    assert_string_equal(happened.p ? happened.p : "", want);
    strbuf_reset(&happened);
}

struct named {
    struct timer timer;
    struct task  task;
    struct hook  hook;
    const char  *name;
    int          again;                            /* what is left of repetitions */
    struct task *posts;
};

static void on_timer(struct timer *t)
{
    struct named *n = container_of(t, struct named, timer);
    assert_false(timer_active(t));
    strbuf_addf(&happened, "%s@%g ", n->name, now_s());
    if (n->again-- > 0)
        timer_start(t, S(1));
    if (n->posts)
        task_post(loop, n->posts);
}

static void on_task(struct task *t)
{
    struct named *n = container_of(t, struct named, task);
    strbuf_addf(&happened, "%s@%g ", n->name, now_s());
    if (n->again-- > 0)
        task_post(loop, t);
    if (n->posts)
        task_post(loop, n->posts);
}

static void on_hook(struct hook *h)
{
    struct named *n = container_of(h, struct named, hook);
    if (n->again-- > 0)
        strbuf_addf(&happened, "%s ", n->name);
}

#define MAKE(var, label)                 \
    struct named var = { .name = label };\
    timer_init(&var.timer, loop, on_timer); \
    task_init(&var.task, on_task)

static void timers_fire_in_order_and_ties_as_started(void **state)
{
    (void)state;
    MAKE(a, "a");
    MAKE(b, "b");
    MAKE(c, "c");
    MAKE(d, "d");
    timer_start(&c.timer, S(2));
    timer_start(&a.timer, S(1));
    timer_start(&b.timer, S(2));
    timer_start(&d.timer, S(1));
    timer_start(&d.timer, S(2));                   /* restarted: is now the last of those at 2 s */
    assert_ptr_equal(loop_next_timer(loop), &a.timer);
    assert_int_equal(c.timer.due_ns, START + S(2));
    loop_advance(loop, S(3), done, "done");
    assert_true(loop_advancing(loop));
    loop_run(loop);
    assert_false(loop_advancing(loop));
    expect_happened("a@1 c@2 b@2 d@2 done@3 ");
    assert_int_equal(a.timer.due_ns, -1);
    assert_null(loop_next_timer(loop));
}

static void stopped_and_past_timers(void **state)
{
    (void)state;
    MAKE(a, "a");
    MAKE(b, "b");
    timer_stop(&a.timer);                          /* legal when not running */
    timer_start(&a.timer, S(1));
    timer_start(&b.timer, -5);
    assert_true(timer_active(&a.timer));
    timer_stop(&a.timer);
    loop_advance(loop, S(5), done, "done");
    loop_run(loop);
    expect_happened("b@0 done@5 ");
    timer_start_at(&b.timer, START);               /* in the past: now */
    assert_int_equal(b.timer.due_ns, START + S(5));
    loop_turn(loop);
    expect_happened("b@5 ");
}

static void tasks_run_before_the_next_timer(void **state)
{
    (void)state;
    MAKE(t1, "t1");
    MAKE(t2, "t2");
    MAKE(x, "x");
    MAKE(y, "y");
    t1.posts = &x.task;
    x.posts = &y.task;
    x.again = 2;
    timer_start(&t1.timer, S(1));
    timer_start(&t2.timer, S(1));
    loop_advance(loop, S(1), done, "done");
    loop_run(loop);
    expect_happened("t1@1 x@1 x@1 y@1 x@1 y@1 t2@1 done@1 ");
}

static void posting_twice_is_once_and_cancel_works(void **state)
{
    (void)state;
    MAKE(a, "a");
    MAKE(b, "b");
    task_post(loop, &a.task);
    task_post(loop, &b.task);
    task_post(loop, &a.task);
    assert_true(task_posted(&a.task));
    task_cancel(&b.task);
    assert_false(task_posted(&b.task));
    loop_turn(loop);
    expect_happened("a@0 ");
}

static void hooks_run_in_order_after_tasks(void **state)
{
    (void)state;
    MAKE(a, "task");
    struct named commit = { .name = "commit", .again = 1 }, flush = { .name = "flush", .again = 1 };
    loop_before_sleep(loop, &commit.hook, on_hook);
    loop_before_sleep(loop, &flush.hook, on_hook);
    task_post(loop, &a.task);
    loop_turn(loop);
    expect_happened("task@0 commit flush ");
    hook_remove(&commit.hook);
    commit.again = flush.again = 1;
    task_post(loop, &a.task);
    loop_turn(loop);
    expect_happened("task@0 flush ");
    hook_remove(&flush.hook);
}

static void advance_ends_after_tasks_and_hooks(void **state)
{
    (void)state;
    MAKE(t, "t");
    MAKE(x, "x");
    struct named commit = { .name = "commit", .again = 1 };
    loop_before_sleep(loop, &commit.hook, on_hook);
    t.posts = &x.task;
    timer_start(&t.timer, S(4));
    loop_advance(loop, S(4), done, "done");
    loop_run(loop);
    expect_happened("t@4 x@4 commit done@4 ");
    hook_remove(&commit.hook);
}

static void advances_queue_up(void **state)
{
    (void)state;
    MAKE(t, "t");
    t.again = 3;
    timer_start(&t.timer, S(1));
    loop_advance(loop, S(2), note, "first");
    loop_advance(loop, 0, note, "second");
    loop_advance(loop, S(1), done, "third");
    loop_run(loop);
    expect_happened("t@1 t@2 first@2 second@2 t@3 third@3 ");
    timer_stop(&t.timer);
}

static void on_cancelling_timer(struct timer *t)
{
    on_timer(t);
    loop_advance_cancel(loop, "first");
    loop_advance_cancel(loop, "third");            /* not begun yet */
    loop_advance_cancel(loop, "nobody's");
}

/* Who is cancelled stops where the clock is; who waits behind begins there. */
static void advances_are_cancelled(void **state)
{
    (void)state;
    MAKE(t, "t");
    MAKE(u, "u");
    timer_init(&t.timer, loop, on_cancelling_timer);
    timer_start(&t.timer, S(2));
    timer_start(&u.timer, S(4));
    loop_advance(loop, S(9), note, "first");
    loop_advance(loop, S(3), note, "second");
    loop_advance(loop, S(5), note, "third");
    loop_advance(loop, S(1), done, "fourth");
    loop_run(loop);
    expect_happened("t@2 u@4 second@5 fourth@6 ");
}

static void advance_again(void *ctx)
{
    note(ctx);
    loop_advance(loop, S(2), done, "inner");
}

static void on_advancing_timer(struct timer *t)
{
    on_timer(t);
    loop_advance(loop, S(10), advance_again, "outer");
}

static void advance_from_callbacks(void **state)
{
    (void)state;
    MAKE(t, "t");
    MAKE(u, "u");
    timer_init(&t.timer, loop, on_advancing_timer);
    timer_start(&t.timer, 0);
    timer_start(&u.timer, S(11));
    loop_run(loop);
    expect_happened("t@0 outer@10 u@11 inner@12 ");
}

static void many_timers_in_one_advance(void **state)
{
    (void)state;
    MAKE(t, "t");
    t.again = 500;
    timer_start(&t.timer, S(1));
    loop_advance(loop, S(400), done, "done");
    loop_run(loop);
    assert_true(str_ends(strbuf_str(&happened), "t@399 t@400 done@400 "));
    timer_stop(&t.timer);
}

static void paused_time_stands(void **state)
{
    (void)state;
    MAKE(t, "t");
    MAKE(u, "u");
    timer_start(&t.timer, 1);
    timer_start(&u.timer, 0);                      /* due now: needs no time to pass */
    for (int i = 0; i < 5; i++) {
        usleep(1000);
        loop_turn(loop);
    }
    assert_int_equal(vtime_now(loop), START);
    expect_happened("u@0 ");
    timer_stop(&t.timer);
}

static void speed_drives_time(void **state)
{
    (void)state;
    MAKE(t, "t");
    MAKE(end, "end");
    t.again = 8;
    timer_start(&t.timer, S(1));
    loop_advance(loop, S(20), done, "done");       /* speed 0 until here, an advance is not touched by a change */
    loop_set_speed(loop, 1000 * 1000);
    assert_int_equal(loop_speed_milli(loop), 1000 * 1000);
    loop_run(loop);
    assert_true(str_starts(strbuf_str(&happened), "t@1 t@2 t@3 t@4 t@5 t@6 t@7 t@8 t@9 done@"));
    strbuf_reset(&happened);
    int64_t before = vtime_now(loop);
    usleep(20 * 1000);
    int64_t passed = vtime_now(loop) - before;     /* 20 ms of wall at 1000 times */
    assert_true(passed == 0 || passed >= S(20));   /* 0 if loop_run's last turn still holds its sample */
    loop_turn(loop);
    assert_true(vtime_now(loop) - before >= S(20));
    assert_true(vtime_now(loop) - before <= S(1000));      /* never more than a second of wall at once */
    loop_set_speed(loop, 0);
    before = vtime_now(loop);
    usleep(2000);
    loop_turn(loop);
    assert_int_equal(vtime_now(loop), before);
}

static void on_stop_timer(struct timer *t)
{
    struct named *n = container_of(t, struct named, timer);
    assert_int_equal(vtime_now(loop), START + S(n->again));
    if (++n->again > 200)
        loop_stop(loop);
    else
        timer_start_at(t, START + S(n->again));
}

static void timers_see_their_due_time_at_speed(void **state)
{
    (void)state;
    MAKE(t, "t");
    timer_init(&t.timer, loop, on_stop_timer);
    t.again = 1;
    timer_start(&t.timer, S(1));
    loop_set_speed(loop, 20 * 1000 * 1000);
    loop_run(loop);
    assert_int_equal(t.again, 201);
}

static void hold_stops_timers_but_not_tasks(void **state)
{
    (void)state;
    MAKE(t, "t");
    MAKE(x, "x");
    loop_set_speed(loop, 1000 * 1000);
    loop_hold(loop);
    loop_hold(loop);
    int64_t held = vtime_now(loop);
    timer_start(&t.timer, 0);
    task_post(loop, &x.task);
    usleep(3000);
    loop_turn(loop);
    loop_release(loop);
    loop_turn(loop);
    assert_int_equal(vtime_now(loop), held);
    assert_false(task_posted(&x.task));
    assert_true(timer_active(&t.timer));
    loop_release(loop);
    loop_turn(loop);
    assert_false(timer_active(&t.timer));
}

static void slow(void *ctx)
{
    (void)ctx;
    usleep(20 * 1000);
}

static void quick(void *ctx)
{
    (void)ctx;
}

static void work_holds_time_and_ends_in_order(void **state)
{
    (void)state;
    MAKE(t, "t");
    timer_start(&t.timer, S(1));
    loop_advance(loop, S(2), done, "done");
    loop_work(loop, slow, note, "slow");
    loop_work(loop, quick, note, "quick");
    loop_run(loop);
    expect_happened("slow@0 quick@0 t@1 done@2 ");
}

/* A work that is finished but not reported yet is waited for without a sleep that nobody would end. */
static void run_nothing(void *ctx) { (void)ctx; }

static void finished_work_is_waited_for(void **state)
{
    (void)state;
    loop_work(loop, run_nothing, note, "done");
    for (int i = 0; i < 1000 && !loop_work_finished(loop); i++) {
        uv_run(loop_uv(loop), UV_RUN_NOWAIT);
        usleep(1000);
    }
    loop_work_wait(loop);
    expect_happened("done@0 ");
}

/* A socket's readiness in the middle of a long advance is seen before the advance is over. */
static uv_async_t async;
static double heard_at;

static void on_async(uv_async_t *handle)
{
    heard_at = now_s();
    uv_close((uv_handle_t *)handle, NULL);
}

static void on_sender(struct timer *t)
{
    struct named *n = container_of(t, struct named, timer);
    if (n->again++ == 10)
        uv_async_send(&async);
    timer_start(t, S(1));
}

static void sockets_are_heard_during_an_advance(void **state)
{
    (void)state;
    MAKE(t, "t");
    uv_async_init(loop_uv(loop), &async, on_async);
    timer_init(&t.timer, loop, on_sender);
    timer_start(&t.timer, S(1));
    loop_advance(loop, S(10000), done, "done");
    loop_run(loop);
    assert_true(heard_at >= 10 && heard_at <= 2100);
    expect_happened("done@10000 ");
    timer_stop(&t.timer);
}

/* A callback after a long sleep sees the present, and a task it posts does too; never later than the next timer. */
static void on_late_async(uv_async_t *handle)
{
    note("socket");
    uv_close((uv_handle_t *)handle, NULL);
    loop_stop(loop);
}

static void send_later(void *ctx)
{
    usleep(30 * 1000);
    uv_async_send(ctx);
}

static void callbacks_after_a_sleep_see_the_present(void **state)
{
    (void)state;
    uv_thread_t thread;
    uv_async_init(loop_uv(loop), &async, on_late_async);
    uv_thread_create(&thread, send_later, &async);
    loop_set_speed(loop, 1000);
    loop_run(loop);
    uv_thread_join(&thread);
    double passed = now_s();
    assert_true(passed >= 0.025 && passed < 10);
    assert_true(str_starts(strbuf_str(&happened), "socket@0.0") || passed > 0.09);
}

static uint64_t digest_of_run(int64_t start, int events, char out[33])
{
    struct loop_options opt = { .start_vtime_ns = start };
    struct loop *l = loop_new(&opt);
    for (int i = 0; i < events; i++)
        trace_event(l, "test", "event %d of a run with a text that is longer than eight bytes", i);
    trace_digest(l, out);
    loop_free(l);
    return (uint64_t)events;
}

static void digest_tells_runs_apart(void **state)
{
    (void)state;
    char a[33], b[33], c[33], zero[33];
    digest_of_run(START, 100, a);
    digest_of_run(START + S(7), 100, b);
    digest_of_run(START, 101, c);
    digest_of_run(START, 0, zero);
    assert_string_equal(a, b);
    assert_string_not_equal(a, c);
    assert_string_not_equal(a, zero);
    assert_int_equal(strlen(a), 32);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup_paused, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(timers_fire_in_order_and_ties_as_started),
        CASE(stopped_and_past_timers),
        CASE(tasks_run_before_the_next_timer),
        CASE(posting_twice_is_once_and_cancel_works),
        CASE(hooks_run_in_order_after_tasks),
        CASE(advance_ends_after_tasks_and_hooks),
        CASE(advances_queue_up),
        CASE(advance_from_callbacks),
        CASE(advances_are_cancelled),
        CASE(finished_work_is_waited_for),
        CASE(many_timers_in_one_advance),
        CASE(paused_time_stands),
        CASE(speed_drives_time),
        CASE(timers_see_their_due_time_at_speed),
        CASE(hold_stops_timers_but_not_tasks),
        CASE(work_holds_time_and_ends_in_order),
        CASE(sockets_are_heard_during_an_advance),
        CASE(callbacks_after_a_sleep_see_the_present),
        CASE(digest_tells_runs_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
