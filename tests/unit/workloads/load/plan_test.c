/* What a LoadProfile wants when: levels, ramps, the instants at which the number of clients changes, arrivals; and specs that are
 * refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "workloads/load/load_priv.h"

#define S ((int64_t)NS_PER_S)

static bool read_plan(struct load_plan *p, const char *stages, struct err *err)
{
    struct arena *a = arena_new();
    struct str text = arena_strf(a, "{\"service\":\"web\",\"timeout\":\"10s\",\"arrivals\":\"Even\",\"stages\":[%s]}", stages);
    bool ok = load_plan_read(json_parse(a, text, NULL), p, err);
    arena_free(a);
    return ok;
}

static void plan_of(struct load_plan *p, const char *stages)
{
    struct err err = { 0 };
    if (!read_plan(p, stages, &err))
        fail_msg("%s: %s", stages, err.msg);
}

#define STEPS "{\"duration\":\"1m\",\"clients\":2},{\"duration\":\"40s\",\"clients\":6,\"ramp\":true},{\"duration\":\"10s\",\"clients\":0},{\"clients\":3}"

static void levels(void **state)
{
    (void)state;
    struct load_plan p;
    static const struct { int64_t at_s; size_t clients; } rows[] = {
        { 0, 2 }, { 59, 2 }, { 60, 2 }, { 64, 2 }, { 65, 3 }, { 74, 3 }, { 75, 4 }, { 85, 5 }, { 95, 6 }, { 99, 6 }, { 100, 0 },
        { 110, 3 }, { 1000000, 3 },
    };
    plan_of(&p, STEPS);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(load_plan_clients(&p, rows[i].at_s * S), rows[i].clients);
    assert_int_equal(load_plan_at(&p, 60 * S) - p.stages, 1);
    assert_int_equal(load_plan_at(&p, 1000000 * S) - p.stages, 3);
    plan_of(&p, "{\"duration\":\"1m\",\"clients\":2}");
    assert_null(load_plan_at(&p, 60 * S));
    assert_int_equal(load_plan_clients(&p, 60 * S), 0);
}

/* Every change is announced, at the nanosecond, and nothing else is. */
static void changes(void **state)
{
    (void)state;
    static const int64_t want_s[] = { 60, 65, 75, 85, 95, 100, 110 };
    struct load_plan p;
    int64_t t = 0;
    plan_of(&p, STEPS);
    for (size_t i = 0; i < ARRAY_LEN(want_s); i++)
        assert_int_equal(t = load_plan_change(&p, t), want_s[i] * S);
    assert_true(load_plan_change(&p, t) == LOAD_FOREVER);
    plan_of(&p, "{\"duration\":\"3s\",\"clients\":0},{\"duration\":\"1000h\",\"clients\":1000,\"ramp\":true},"
                "{\"duration\":\"1000h\",\"clients\":1,\"ramp\":true}");
    size_t before = 0, n = 0;
    for (t = load_plan_change(&p, 0); t != LOAD_FOREVER && load_plan_at(&p, t); t = load_plan_change(&p, t), n++) {
        size_t now = load_plan_clients(&p, t);
        assert_true(now == before || now == before + 1 || now + 1 == before);
        assert_true(now == load_plan_clients(&p, t - 1) || load_plan_at(&p, t)->begin_ns == t || now != before);
        before = now;
    }
    assert_int_equal(before, 1);
    assert_in_range(n, 1999, 2003);
}

/* How many requests, one by one, come in the first `seconds`. */
static size_t arrivals_in(const struct load_plan *p, int64_t seconds)
{
    size_t n = 0;
    for (int64_t t = load_plan_arrival(p, 0, 1); t <= seconds * S; t = load_plan_arrival(p, t, 1))
        n++;
    return n;
}

static void arrivals(void **state)
{
    (void)state;
    struct load_plan p;
    plan_of(&p, "{\"requestsPerSecond\":\"4\"}");
    assert_int_equal(load_plan_arrival(&p, 0, 1), S / 4);
    assert_int_equal(load_plan_arrival(&p, S, 0.5), S + S / 8);
    assert_int_equal(arrivals_in(&p, 3600), 4 * 3600);
    /* a ramp from 0 to 10 in 20 s: half of 10 times 20 */
    plan_of(&p, "{\"requestsPerSecond\":10,\"duration\":\"20s\",\"ramp\":true},{\"duration\":\"10s\",\"clients\":4},"
                "{\"requestsPerSecond\":\"2500m\",\"duration\":\"10s\"}");
    assert_int_equal(load_plan_arrival(&p, 0, 1), 2 * S);
    assert_int_equal(load_plan_arrival(&p, 0, 100), 20 * S - 1);
    assert_in_range(arrivals_in(&p, 20), 99, 100);
    assert_int_equal(load_plan_arrival(&p, 20 * S, 1), 30 * S + 4 * S / 10);       /* the clients' stage has no arrivals */
    assert_int_equal(load_plan_arrival(&p, 0, 110), 34 * S);
    assert_true(load_plan_arrival(&p, 0, 126) == LOAD_FOREVER);
    plan_of(&p, "{\"requestsPerSecond\":0}");
    assert_true(load_plan_arrival(&p, 0, 1) == LOAD_FOREVER);
    /* down to nothing */
    plan_of(&p, "{\"requestsPerSecond\":10,\"duration\":\"10s\"},{\"requestsPerSecond\":0,\"duration\":\"10s\",\"ramp\":true}");
    assert_in_range(arrivals_in(&p, 100), 149, 150);
}

static void refusals(void **state)
{
    (void)state;
    static const struct { const char *stages, *want; } rows[] = {
        { "", "0 stages are not from 1 to 32" },
        { "{}", "stage 1 needs either clients or requestsPerSecond" },
        { "{\"clients\":1,\"requestsPerSecond\":\"1\"}", "stage 1 needs either clients or requestsPerSecond" },
        { "{\"clients\":1},{\"clients\":2}", "stage 1 has no duration, and is not the last" },
        { "{\"clients\":1001}", "stage 1: from 0 to 1000 clients are possible" },
        { "{\"clients\":-1}", "stage 1: from 0 to 1000 clients are possible" },
        { "{\"requestsPerSecond\":\"1001\"}", "stage 1: from 0 to 1000 requests per second are possible" },
        { "{\"requestsPerSecond\":\"many\"}", "stage 1: from 0 to 1000 requests per second are possible" },
        { "{\"clients\":1,\"duration\":\"soon\"}", "stage 1: \"soon\" is no duration from 1ns to 1000h" },
        { "{\"clients\":1,\"duration\":\"0s\"}", "stage 1: \"0s\" is no duration from 1ns to 1000h" },
        { "{\"clients\":1,\"ramp\":true}", "stage 1: a ramp needs a duration" },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct load_plan p;
        struct err err = { 0 };
        assert_false(read_plan(&p, rows[i].stages, &err));
        assert_string_equal(err.msg, rows[i].want);
        err_clear(&err);
    }
}

static void times(void **state)
{
    (void)state;
    struct load_times *t = NEW(struct load_times);
    struct arena *a = arena_new();
    assert_int_equal(load_times_quantile(t, 50), 0);
    for (int64_t ms = 1; ms <= 1000; ms++)
        load_times_add(t, ms * (int64_t)NS_PER_MS);
    static const struct { unsigned percent; int64_t ms; } rows[] = { { 1, 10 }, { 50, 500 }, { 95, 950 }, { 100, 1000 } };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t got = load_times_quantile(t, rows[i].percent), want = rows[i].ms * (int64_t)NS_PER_MS;
        assert_true(got > want - want / 120 && got < want + want / 120);
    }
    memset(t, 0, sizeof *t);
    load_times_add(t, -1);
    load_times_add(t, INT64_MAX);
    assert_int_equal(t->n, 2);
    assert_string_equal(load_times_text(a, 85 * (int64_t)NS_PER_MS), "85ms");
    assert_string_equal(load_times_text(a, 310000), "0.31ms");
    assert_string_equal(load_times_text(a, 12034 * (int64_t)NS_PER_MS), "12034ms");
    arena_free(a);
    free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(levels), cmocka_unit_test(changes), cmocka_unit_test(arrivals),
                                        cmocka_unit_test(refusals), cmocka_unit_test(times) };
    return cmocka_run_group_tests_name("workloads/load plan", tests, NULL, NULL);
}
