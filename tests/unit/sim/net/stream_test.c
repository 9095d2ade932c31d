/* Pairs of streams: order, back-pressure, half close, abort, hand-over, and the splice. */
#include "tests/unit/sim/net/net_test.h"

struct end {
    struct stream *s;
    struct strbuf  got;
    int  eofs, drains, closes;
    enum err_code why;
    bool close_on_data;
};

static void on_data(void *ctx, struct str b)
{
    struct end *e = ctx;
    strbuf_add(&e->got, b);
    if (e->close_on_data) {
        stream_close(e->s);
        e->s = NULL;
    }
}

static void on_eof(void *ctx)
{
    ((struct end *)ctx)->eofs++;
}

static void on_drain(void *ctx)
{
    ((struct end *)ctx)->drains++;
}

static void on_close(void *ctx, const struct err *why)
{
    struct end *e = ctx;
    e->closes++;
    e->why = why->code;
}

static const struct stream_events events = { on_data, on_eof, on_drain, on_close };

static void attach(struct end *e, struct stream *s)
{
    *e = (struct end){ .s = s };
    strbuf_init(&e->got, 8 * 1024 * 1024);
    stream_attach(s, &events, e);
}

static void end_free(struct end *e)
{
    stream_close(e->s);
    strbuf_deinit(&e->got);
}

static void pair_delivers_by_task(void **state)
{
    struct loop *l = *state;
    struct stream *sa, *sb;
    struct end a, b;
    stream_pair(l, &sa, &sb);
    attach(&a, sa);
    stream_write(sa, STR("one "));                 /* before the other end is attached */
    test_turns(l, 1);
    attach(&b, sb);
    stream_write(sa, STR("two"));
    assert_int_equal(b.got.n, 0);
    test_turns(l, 1);
    assert_string_equal(b.got.p, "one two");
    stream_shutdown(sa);
    stream_write(sa, STR("ignored"));
    stream_write(sb, STR("answer"));
    test_turns(l, 1);
    assert_int_equal(b.eofs, 1);
    assert_int_equal(b.closes, 0);
    assert_string_equal(a.got.p, "answer");
    stream_write(sb, STR(" last"));
    end_free(&b);
    test_turns(l, 1);
    assert_string_equal(a.got.p, "answer last");
    assert_int_equal(a.eofs, 1);
    assert_int_equal(a.closes, 1);
    assert_int_equal(a.why, ERR_NONE);
    end_free(&a);
    test_turns(l, 1);
}

static void pair_pushes_back(void **state)
{
    struct loop *l = *state;
    struct stream *sa, *sb;
    struct end a, b;
    static char block[LIMIT_STREAM_BYTES];
    stream_pair(l, &sa, &sb);
    attach(&a, sa);
    attach(&b, sb);
    stream_pause(sb);
    stream_write(sa, (struct str){ block, sizeof block });
    assert_false(stream_congested(sa));
    stream_write(sa, STR("x"));
    assert_true(stream_congested(sa));
    test_turns(l, 2);
    assert_int_equal(stream_unsent(sa), sizeof block + 1);
    assert_int_equal(b.got.n, 0);
    stream_resume(sb);
    test_turns(l, 1);
    assert_int_equal(b.got.n, sizeof block + 1);
    assert_int_equal(a.drains, 1);
    assert_false(stream_congested(sa));
    end_free(&a);
    end_free(&b);
    test_turns(l, 1);
}

static void abort_drops_and_resets(void **state)
{
    struct loop *l = *state;
    struct stream *sa, *sb;
    struct end a;
    stream_pair(l, &sa, &sb);
    attach(&a, sa);
    stream_write(sb, STR("never seen"));
    stream_abort(sb);
    test_turns(l, 1);
    assert_int_equal(a.got.n, 0);
    assert_int_equal(a.closes, 1);
    assert_int_equal(a.why, ERR_IO);
    end_free(&a);
    test_turns(l, 1);
}

static void closing_inside_an_event(void **state)
{
    struct loop *l = *state;
    struct stream *sa, *sb;
    struct end a, b;
    stream_pair(l, &sa, &sb);
    attach(&a, sa);
    attach(&b, sb);
    b.close_on_data = true;
    stream_write(sa, STR("go"));
    test_turns(l, 2);
    assert_null(b.s);
    assert_int_equal(b.eofs + b.closes, 0);
    assert_int_equal(a.closes, 1);
    end_free(&a);
    end_free(&b);
    test_turns(l, 1);
}

static void splice_relays_both_ways(void **state)
{
    struct loop *l = *state;
    struct stream *sa, *m1, *m2, *sb;
    struct end a, b;
    static char block[LIMIT_STREAM_BYTES + 1];
    stream_pair(l, &sa, &m1);
    stream_pair(l, &m2, &sb);
    attach(&a, sa);
    attach(&b, sb);
    stream_splice(m1, m2);
    stream_write(sa, STR("ping"));
    stream_write(sb, STR("pong"));
    test_turns(l, 2);
    assert_string_equal(a.got.p, "pong");
    assert_string_equal(b.got.p, "ping");
    stream_pause(sb);                              /* b does not read: a feels it */
    stream_write(sa, (struct str){ block, sizeof block });
    test_turns(l, 2);
    stream_write(sa, (struct str){ block, sizeof block });
    test_turns(l, 2);
    assert_true(stream_congested(sa));
    stream_resume(sb);
    test_turns(l, 3);
    assert_int_equal(b.got.n, 4 + 2 * sizeof block);
    assert_false(stream_congested(sa));
    stream_shutdown(sa);
    test_turns(l, 2);
    assert_int_equal(b.eofs, 1);
    stream_write(sb, STR("!"));
    end_free(&b);
    test_turns(l, 3);
    assert_int_equal(a.got.n, 5);
    assert_int_equal(a.closes, 1);
    assert_int_equal(a.why, ERR_NONE);
    end_free(&a);
    test_turns(l, 2);
}

static int setup(void **state)
{
    *state = test_loop();
    return 0;
}

static int teardown(void **state)
{
    loop_free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pair_delivers_by_task, setup, teardown),
        cmocka_unit_test_setup_teardown(pair_pushes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(abort_drops_and_resets, setup, teardown),
        cmocka_unit_test_setup_teardown(closing_inside_an_event, setup, teardown),
        cmocka_unit_test_setup_teardown(splice_relays_both_ways, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
