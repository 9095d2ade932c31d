/* Stabilization, limits and policies: a wish, and what becomes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "hpa/hpa_priv.h"

static const char *reason_of(const struct hpa_status *s, const char *type, const char **status)
{
    for (size_t i = 0; i < s->condition_count; i++)
        if (strcmp(s->conditions[i].type, type) == 0) {
            *status = s->conditions[i].status;
            return s->conditions[i].reason;
        }
    return "";
}

struct tick { int64_t at_s; int32_t current, desired, want; const char *able, *limited_status, *limited; };

static void run(int minor, const char *behavior, int32_t min, int32_t max, const struct tick *ticks, size_t n)
{
    struct arena *a = arena_new();
    struct hpa_memory m = { 0 };
    struct behavior b;
    struct limits lim = { min, max, 2, 300 * SECOND_NS };
    bool has = behavior && behavior_read(a, behavior_defaults(a, json_parse(a, str_c(behavior), NULL)), 300, &b);
    for (size_t i = 0; i < n; i++) {
        struct hpa_status st = { 0 };
        const char *status = "";
        int64_t now = ticks[i].at_s * SECOND_NS;
        hpa_memory_seed(&m, ticks[i].current, now);
        int32_t out = hpa_normalize(a, &m, &st, &lim, has ? &b : NULL, minor, ticks[i].current, ticks[i].desired, now, NULL);
        assert_int_equal(out, ticks[i].want);
        assert_string_equal(reason_of(&st, "AbleToScale", &status), ticks[i].able);
        assert_string_equal(reason_of(&st, "ScalingLimited", &status), ticks[i].limited);
        assert_string_equal(status, ticks[i].limited_status);
        if (out != ticks[i].current && has)
            behavior_store_event(&m, &b, ticks[i].current, out, now);
    }
    hpa_memory_deinit(&m);
    arena_free(a);
}

/* Lab 8: 464 % of 50 % wants 10; doubling (at least 4) and the maximum of 5 stand before that; when the load ends the highest of
 * five minutes holds. */
static void test_lab8(void **state)
{
    (void)state;
    static const struct tick ticks[] = {
        { 0, 1, 0, 1, "ScaleDownStabilized", "False", "DesiredWithinRange" },
        { 15, 1, 10, 4, "ReadyForNewScale", "True", "ScaleUpLimit" },
        { 30, 4, 10, 5, "ReadyForNewScale", "True", "TooManyReplicas" },
        { 45, 5, 0, 5, "ScaleDownStabilized", "True", "TooManyReplicas" },
        { 330, 5, 0, 5, "ScaleDownStabilized", "True", "TooManyReplicas" },
        { 331, 5, 0, 1, "ReadyForNewScale", "True", "TooFewReplicas" },
    };
    run(16, NULL, 1, 5, ticks, ARRAY_LEN(ticks));
}

static void test_policies(void **state)
{
    (void)state;
    static const struct tick slow_up[] = {
        { 0, 4, 40, 6, "ReadyForNewScale", "True", "ScaleUpLimit" },
        { 15, 6, 40, 6, "ReadyForNewScale", "True", "ScaleUpLimit" },
        { 60, 6, 40, 8, "ReadyForNewScale", "True", "ScaleUpLimit" },
        { 61, 8, 7, 8, "ScaleDownStabilized", "False", "DesiredWithinRange" },
    };
    run(34, "{\"scaleUp\":{\"policies\":[{\"type\":\"Pods\",\"value\":2,\"periodSeconds\":60}]}}", 1, 50, slow_up, ARRAY_LEN(slow_up));
    static const struct tick disabled[] = {
        { 0, 4, 1, 4, "ReadyForNewScale", "True", "ScaleDownLimit" },
        { 15, 4, 100, 8, "ReadyForNewScale", "True", "ScaleUpLimit" },
    };
    run(20, "{\"scaleDown\":{\"stabilizationWindowSeconds\":0,\"selectPolicy\":\"Disabled\"}}", 1, 50, disabled, ARRAY_LEN(disabled));
    static const struct tick window_up[] = {
        { 0, 4, 4, 4, "ReadyForNewScale", "False", "DesiredWithinRange" },
        { 15, 4, 6, 4, "ScaleUpStabilized", "False", "DesiredWithinRange" },
        { 61, 4, 6, 6, "ReadyForNewScale", "False", "DesiredWithinRange" },
    };
    run(34, "{\"scaleUp\":{\"stabilizationWindowSeconds\":60}}", 1, 50, window_up, ARRAY_LEN(window_up));
}

/* Both windows at once: v1.21 moves the present size into the corridor, v1.20 looks at the wanted direction alone. */
static void test_corridor(void **state)
{
    (void)state;
    static const char both[] = "{\"scaleUp\":{\"stabilizationWindowSeconds\":300},\"scaleDown\":{\"stabilizationWindowSeconds\":300}}";
    static const struct tick new_way[] = { { 0, 5, 2, 5, "ScaleDownStabilized", "False", "DesiredWithinRange" },
                                           { 15, 5, 9, 5, "ScaleUpStabilized", "False", "DesiredWithinRange" } };
    static const struct tick old_way[] = { { 0, 5, 2, 5, "ScaleDownStabilized", "False", "DesiredWithinRange" },
                                           { 15, 5, 9, 2, "ScaleUpStabilized", "False", "DesiredWithinRange" } };
    run(34, both, 1, 50, new_way, ARRAY_LEN(new_way));
    run(20, both, 1, 50, old_way, ARRAY_LEN(old_way));
}

static void test_conditions(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct hpa_status s = { 0 }, back;
    hpa_condition_put(a, &s, "AbleToScale", "True", "A", "one", 10 * SECOND_NS);
    hpa_condition_put(a, &s, "ScalingActive", "False", "B", "two", 10 * SECOND_NS);
    hpa_condition_put(a, &s, "AbleToScale", "True", "C", "three", 20 * SECOND_NS);
    assert_int_equal(s.condition_count, 2);
    assert_true(s.conditions[0].at_ns == 10 * SECOND_NS);
    assert_string_equal(s.conditions[0].reason, "C");
    hpa_status_read(a, hpa_status_write(a, &s), &back);
    assert_true(hpa_status_equal(&s, &back));
    hpa_condition_put(a, &s, "AbleToScale", "False", "C", "three", 30 * SECOND_NS);
    assert_true(s.conditions[0].at_ns == 30 * SECOND_NS && !hpa_status_equal(&s, &back));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_lab8), cmocka_unit_test(test_policies),
                                        cmocka_unit_test(test_corridor), cmocka_unit_test(test_conditions) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
