/* The queue's promises: one worker per key, one more round for what came meanwhile, back-off per key. */
#include "tests/unit/sim/client/bed.h"

struct shop {
    struct loop *l;
    struct workqueue *q;
    char done[512];                    /* keys in the order of processing, with the virtual milliseconds */
    bool hold;                         /* process() leaves the key unfinished */
    int  again;                        /* process() adds its own key so many times more */
};

static void process(void *ctx, struct str key)
{
    struct shop *s = ctx;
    size_t n = strlen(s->done);
    snprintf(s->done + n, sizeof s->done - n, STR_FMT "@%d ", STR_ARG(key), (int)((vtime_now(s->l) - T_START) / 1000000));
    if (s->again > 0) {
        s->again--;
        workqueue_add(s->q, key);
    }
    if (!s->hold)
        workqueue_done(s->q, key);
}

static int setup(void **state)
{
    struct shop *s = NEW(struct shop);
    s->l = test_loop();
    s->q = workqueue_new(s->l, "test", 2, process, s);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct shop *s = *state;
    workqueue_free(s->q);
    loop_free(s->l);
    free(s);
    return 0;
}

static void assert_done(struct shop *s, const char *want)
{
    test_turns(s->l, 3);
    assert_string_equal(s->done, want);
    *s->done = '\0';
}

static void adding(void **state)
{
    struct shop *s = *state;
    workqueue_add(s->q, STR("a"));
    workqueue_add(s->q, STR("b"));
    workqueue_add(s->q, STR("a"));                 /* waits already */
    assert_int_equal(workqueue_len(s->q), 2);
    assert_done(s, "a@0 b@0 ");
    s->again = 1;
    workqueue_add(s->q, STR("a"));
    assert_done(s, "a@0 a@0 ");
}

static void one_worker_per_key(void **state)
{
    struct shop *s = *state;
    s->hold = true;
    workqueue_add(s->q, STR("a"));
    assert_done(s, "a@0 ");
    workqueue_add(s->q, STR("a"));                 /* in work: once more afterwards, and once only */
    workqueue_add(s->q, STR("a"));
    workqueue_add(s->q, STR("b"));
    workqueue_add(s->q, STR("c"));
    assert_done(s, "b@0 ");                        /* two workers */
    assert_int_equal(workqueue_len(s->q), 1);
    workqueue_done(s->q, STR("a"));
    assert_done(s, "c@0 ");
    workqueue_done(s->q, STR("b"));
    assert_done(s, "a@0 ");
    workqueue_done(s->q, STR("c"));
    workqueue_done(s->q, STR("a"));
    assert_done(s, "");
}

static void later(void **state)
{
    struct shop *s = *state;
    workqueue_add_after(s->q, STR("a"), 300 * 1000000);
    workqueue_add_after(s->q, STR("a"), 100 * 1000000);        /* the earliest counts */
    workqueue_add_after(s->q, STR("a"), 200 * 1000000);
    workqueue_add_after(s->q, STR("b"), 0);
    test_advance(s->l, S);
    assert_done(s, "b@0 a@100 ");
    workqueue_add_after(s->q, STR("a"), 500 * 1000000);
    workqueue_add(s->q, STR("a"));                             /* does not unsay the other */
    test_advance(s->l, S);
    assert_done(s, "a@1000 a@1500 ");
}

static void back_off(void **state)
{
    struct shop *s = *state;
    static const int64_t waits_ms[] = { 5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 5120, 10240, 20480, 40960, 81920, 163840,
                                        327680, 655360, 1000000, 1000000 };
    int64_t at_ms = 0;
    char want[64];
    for (size_t i = 0; i < ARRAY_LEN(waits_ms); i++) {
        assert_int_equal(workqueue_requeues(s->q, STR("a")), i);
        workqueue_add_rate_limited(s->q, STR("a"));
        test_advance(s->l, waits_ms[i] * 1000000);
        at_ms += waits_ms[i];
        snprintf(want, sizeof want, "a@%d ", (int)at_ms);
        assert_done(s, want);
    }
    workqueue_forget(s->q, STR("a"));
    workqueue_forget(s->q, STR("nobody"));
    assert_int_equal(workqueue_requeues(s->q, STR("a")), 0);
    workqueue_add_rate_limited(s->q, STR("a"));
    workqueue_add_rate_limited(s->q, STR("b"));
    test_advance(s->l, 5 * 1000000);
    snprintf(want, sizeof want, "a@%d b@%d ", (int)at_ms + 5, (int)at_ms + 5);
    assert_done(s, want);
}

/* A queue that goes with keys in every state leaves nothing behind (the leak checker looks). */
static void going(void **state)
{
    struct shop *s = *state;
    s->hold = true;
    workqueue_add(s->q, STR("working"));
    test_turns(s->l, 2);
    workqueue_add(s->q, STR("working"));
    workqueue_add(s->q, STR("waiting"));
    workqueue_add_after(s->q, STR("later"), S);
    workqueue_add_rate_limited(s->q, STR("failed"));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = { T(adding), T(one_worker_per_key), T(later), T(back_off), T(going) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
