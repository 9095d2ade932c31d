/* Schedules: when they are next due, and what is none. */
#include "workloads/controllers/cron.h"

#include <setjmp.h>
#include <cmocka.h>

static void next_test(void **state)
{
    static const struct { const char *schedule, *after, *next; } cases[] = {
        { "* * * * *", "2020-01-24T23:49:33Z", "2020-01-24T23:50:00Z" },
        { "*/15 * * * *", "2020-01-24T23:49:33Z", "2020-01-25T00:00:00Z" },
        { "0 9-17/4 * * mon-fri", "2020-01-24T17:30:00Z", "2020-01-27T09:00:00Z" },
        { "30 4 1,15 * *", "2020-01-15T04:30:00Z", "2020-02-01T04:30:00Z" },
        { "0 0 13 * 5", "2020-01-01T00:00:00Z", "2020-01-03T00:00:00Z" },      /* the 13th or a Friday */
        { "0 0 29 feb *", "2021-01-01T00:00:00Z", "2024-02-29T00:00:00Z" },
        { "@hourly", "2020-01-24T23:00:00Z", "2020-01-25T00:00:00Z" },
        { "@every 90s", "2020-01-24T23:00:00Z", "2020-01-24T23:01:30Z" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *a = arena_new();
        struct cron c;
        int64_t after;
        assert_true(cron_parse(str_c(cases[i].schedule), &c));
        assert_true(time_parse_rfc3339(str_c(cases[i].after), &after));
        assert_string_equal(arena_cstr(a, time_rfc3339(a, cron_next(&c, after))), cases[i].next);
        arena_free(a);
    }
}

static void refused_test(void **state)
{
    static const char *const texts[] = { "", "* * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 7",
                                         "5-1 * * * *", "*/0 * * * *", "a * * * *", "* * * * * *", "@never" };
    struct cron c;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_false(cron_parse(str_c(texts[i]), &c));
    assert_true(cron_parse(STR("0 0 31 feb *"), &c));
    assert_int_equal(cron_next(&c, 0), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(next_test), cmocka_unit_test(refused_test) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
