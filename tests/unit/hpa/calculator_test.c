/* The formula, the groups and the words, as tables: Lab 8's numbers first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "hpa/hpa_priv.h"

#define NOW (1000000 * SECOND_NS)

/* A pod in one letter: r ready and old, y young (started 60 s ago, Ready for 10 s), n not Ready for 100 s, p pending, d being
 * deleted, f failed, m without a sample, q without a request. */
static struct hpa_pod pod_of(struct arena *a, char letter, size_t i, int64_t request)
{
    struct hpa_pod p = { .name = arena_strf(a, "p%zu", i), .phase = STR("Running"), .has_start = true,
                         .start_ns = NOW - 3600 * SECOND_NS, .ready = POD_READY_TRUE,
                         .ready_since_ns = NOW - 3590 * SECOND_NS };
    p.containers = ARENA_NEW(a, struct hpa_container);
    p.containers[0] = (struct hpa_container){ .name = STR("target"), .has_request = letter != 'q', .request_milli = request };
    p.container_count = 1;
    if (letter == 'y') {
        p.start_ns = NOW - 60 * SECOND_NS;
        p.ready_since_ns = NOW - 10 * SECOND_NS;
    } else if (letter == 'n') {
        p.ready = POD_READY_FALSE;
    } else if (letter == 'p') {
        p.phase = STR("Pending");
    } else if (letter == 'f') {
        p.phase = STR("Failed");
    }
    p.deleting = letter == 'd';
    return p;
}

static const struct row {
    int minor; const char *pods; int64_t usage, request; int32_t current, target, want, percent; const char *error;
} rows[] = {
    /* Lab 8: 200m requested, target 50 % */
    { 16, "r", 1, 200, 1, 50, 0, 0, NULL },            /* idle: 1m is 0 %, ceil(0 * 1) is 0; the minimum lifts it (normalize_test) */
    { 16, "r", 928, 200, 1, 50, 10, 464, NULL },
    { 16, "rrrrr", 167, 200, 5, 50, 9, 83, NULL },     /* the lab's 83 %: ceil(1.66 * 5) */
    { 16, "r", 105, 200, 1, 50, 1, 52, NULL },         /* 1.04 is within tolerance */
    { 16, "r", 111, 200, 1, 50, 2, 55, NULL },         /* 55.5 %, cut off to 55: |1 - 1.1| is a hair over 0.1 */
    { 20, "rr", 111, 200, 2, 50, 3, 55, NULL },
    { 34, "rr", 111, 200, 2, 50, 2, 55, NULL },        /* since v1.33 1.1 is within */
    { 34, "rr", 90, 200, 2, 50, 2, 45, NULL },
    /* groups */
    { 34, "ry", 200, 200, 2, 50, 2, 100, NULL },       /* the young one counts as 0 on a scale-up: 50 % */
    { 34, "rry", 200, 200, 3, 50, 4, 100, NULL },
    { 34, "ryp", 10, 200, 3, 50, 1, 5, NULL },         /* on a scale-down it does not count at all */
    { 34, "rm", 20, 200, 2, 50, 2, 10, NULL },         /* the missing one is taken to use 100 % */
    { 34, "rrrm", 10, 200, 4, 100, 2, 5, NULL },
    { 34, "rm", 150, 100, 2, 200, 2, 150, NULL },      /* down, with target 200: the missing one uses 200 %: 1.75/2 = 0.875 * 2 */
    { 34, "rdf", 200, 200, 3, 50, 2, 100, NULL },      /* on their way out: as if they were not there */
    { 16, "rd", 200, 200, 2, 50, 2, 100, NULL },
    { 34, "n", 200, 200, 1, 50, 2, 100, NULL },        /* not Ready now, but once was, long after its start: counts */
    /* words */
    { 34, "", 1, 200, 1, 50, 0, 0, "no pods returned by selector while calculating replica count" },
    { 34, "p", 1, 200, 1, 50, 0, 0, "did not receive metrics for targeted pods (pods might be unready)" },
    { 20, "y", 1, 200, 1, 50, 0, 0, "did not receive metrics for any ready pods" },
    { 16, "y", 1, 200, 1, 50, 0, 0, "did not receive metrics for any ready pods" },
    { 16, "q", 1, 200, 1, 50, 0, 0, "missing request for cpu" },
    { 34, "q", 1, 200, 1, 50, 0, 0, "missing request for cpu in container target of Pod p0" },
    { 20, "qp", 1, 200, 1, 50, 0, 0, "missing request for cpu" },
    { 34, "r", 1, 0, 1, 50, 0, 0, "no metrics returned matched known pods" },
};

static void run_row(const struct row *t)
{
    struct arena *a = arena_new();
    struct hpa_pod pods[8];
    struct samples s;
    struct calculated out;
    struct err err = { 0 };
    size_t n = strlen(t->pods);
    samples_init(&s, a);
    for (size_t i = 0; i < n; i++) {
        pods[i] = pod_of(a, t->pods[i], i, t->request);
        if (t->pods[i] == 'n')
            pods[i].ready_since_ns = NOW - 100 * SECOND_NS;
        if (t->pods[i] != 'm')
            samples_put(&s, pods[i].name, t->usage, NOW - 5 * SECOND_NS, 30 * SECOND_NS);
    }
    struct question q = { .a = a, .minor = t->minor, .now_ns = NOW, .cpu_init_ns = 300 * SECOND_NS,
                          .ready_delay_ns = 30 * SECOND_NS, .tolerance_down = 0.1, .tolerance_up = 0.1,
                          .pods = pods, .pod_count = n };
    bool ok = calc_utilization(&q, t->current, t->target, "cpu", STR_NULL, &s, &out, &err);
    assert_string_equal(err.msg, t->error ? t->error : "");
    assert_int_equal(ok, t->error == NULL);
    if (ok) {
        assert_int_equal(out.percent, t->percent);
        assert_int_equal(out.replicas, t->want);
    }
    arena_free(a);
}

static void test_utilization(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        run_row(&rows[i]);
}

static void test_never_ready(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct hpa_pod p = pod_of(a, 'n', 0, 200);     /* its transition came 10 s after its start: it never was Ready */
    struct question q = { .a = a, .minor = 34, .now_ns = NOW, .cpu_init_ns = 300 * SECOND_NS, .ready_delay_ns = 30 * SECOND_NS,
                          .pods = &p, .pod_count = 1 };
    struct samples s;
    struct pod_groups g;
    samples_init(&s, a);
    samples_put(&s, p.name, 100, NOW, 30 * SECOND_NS);
    pods_group(&q, &s, "cpu", &g);
    assert_int_equal(g.unready.n, 1);
    pods_group(&q, &s, "memory", &g);              /* for other resources readiness does not matter */
    assert_int_equal(g.ready, 1);
    p.ready_since_ns = p.start_ns + 31 * SECOND_NS;
    pods_group(&q, &s, "cpu", &g);
    assert_int_equal(g.ready, 1);
    arena_free(a);
}

static void test_go(void **state)
{
    (void)state;
    static const struct { double in; int32_t out; } cases[] = { { 2.9, 2 }, { -2.9, -2 }, { 2147483647.5, INT32_MAX },
                                                                { 2147483648.0, INT32_MIN }, { 1e300, INT32_MIN },
                                                               { -2147483648.5, INT32_MIN } };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(hpa_go_int32(cases[i].in), cases[i].out);
    assert_true(hpa_go_int64(1e300) == INT64_MIN && hpa_go_int64(0.0 / 1e-300) == 0);
    assert_true(hpa_go_add(INT64_MAX, 1) == INT64_MIN && hpa_go_mul(INT64_MAX, 2) == -2);
}

static void test_external(void **state)
{
    (void)state;
    static const int64_t flood[] = { INT64_MAX, INT64_MAX }, some[] = { 15000, 15001 };
    struct hpa_pod pods[2] = { { .phase = STR("Running"), .ready = POD_READY_TRUE },
                               { .phase = STR("Running"), .ready = POD_READY_FALSE } };
    struct question q = { .minor = 34, .tolerance_down = 0.1, .tolerance_up = 0.1, .pods = pods, .pod_count = 2 };
    struct calculated out;
    assert_true(calc_external(&q, 2, 10000, some, 2, &out, NULL));
    assert_int_equal(out.replicas, 4);             /* ceil(3.0001 * the one that is Ready) */
    assert_true(calc_external(&q, 0, 10000, some, 2, &out, NULL));
    assert_int_equal(out.replicas, 4);
    assert_true(calc_external(&q, 2, 1, flood, 2, &out, NULL));
    assert_true(out.replicas == INT32_MAX && out.raw == INT64_MAX);
    calc_external_per_pod(&q, 3, 10000, some, 2, &out);
    assert_true(out.replicas == 3 && out.raw == 10001);
    calc_external_per_pod(&q, 3, 1, flood, 2, &out);
    assert_true(out.replicas == INT32_MAX && out.raw == INT64_MAX);
    calc_object_per_pod(&q, 0, 1000, 3500, &out);
    assert_true(out.replicas == 4 && out.raw == INT64_MIN);
}

static void test_selector_text(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    static const struct { const char *json, *text; } cases[] = {
        { "null", "nil" },
        { "{\"matchLabels\":{\"q\":\"x\",\"a\":\"b\"}}",
          "&LabelSelector{MatchLabels:map[string]string{a: b,q: x,},MatchExpressions:[]LabelSelectorRequirement{},}" },
        { "{\"matchExpressions\":[{\"key\":\"k\",\"operator\":\"In\",\"values\":[\"x\",\"y\"]}]}",
          "&LabelSelector{MatchLabels:map[string]string{},"
          "MatchExpressions:[]LabelSelectorRequirement{LabelSelectorRequirement{Key:k,Operator:In,Values:[x y],},},}" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(label_selector_go(a, json_parse(a, str_c(cases[i].json), NULL)), cases[i].text);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_utilization), cmocka_unit_test(test_never_ready),
                                        cmocka_unit_test(test_go), cmocka_unit_test(test_external),
                                        cmocka_unit_test(test_selector_text) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
