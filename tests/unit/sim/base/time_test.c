/* tests/unit/sim/base/time_test.c - instants and durations as Go and kubectl write them. Expected texts were made with Go's time
 * package and k8s.io/apimachinery's duration package. */
#include "sim/base/base.h"

#include <setjmp.h>
#include <cmocka.h>

#define S ((int64_t)NS_PER_S)
#define M (60 * S)
#define H (60 * M)
#define D (24 * H)

static void test_instants(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    int64_t t = 1579909773 * S + 28127001;
    assert_string_equal(time_rfc3339(a, t).p, "2020-01-24T23:49:33Z");
    assert_string_equal(time_rfc3339_micro(a, t).p, "2020-01-24T23:49:33.028127Z");
    assert_string_equal(time_rfc3339_nano(a, t).p, "2020-01-24T23:49:33.028127001Z");
    assert_string_equal(time_http(a, t).p, "Fri, 24 Jan 2020 23:49:33 GMT");
    assert_string_equal(time_klog(a, t).p, "0124 23:49:33.028127");
    assert_string_equal(time_rfc3339_nano(a, -1).p, "1969-12-31T23:59:59.999999999Z");
    assert_string_equal(time_http(a, -1).p, "Wed, 31 Dec 1969 23:59:59 GMT");
    assert_string_equal(time_rfc3339(a, INT64_MAX).p, "2262-04-11T23:47:16Z");
    assert_string_equal(time_rfc3339(a, INT64_MIN).p, "1677-09-21T00:12:43Z");
    assert_string_equal(time_rfc3339(a, 951782400 * S).p, "2000-02-29T00:00:00Z");
    arena_free(a);
}

/* Walks every day of 900 years with a calendar kept by hand. */
static void test_calendar(void **state)
{
    (void)state;
    static const int lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    int year = 1600, mon = 1, day = 1, wday = 6;   /* a Saturday */
    for (int64_t s = time_from_civil(1600, 1, 1, 0, 0, 0); year < 2500; s += 86400, wday = (wday + 1) % 7) {
        int y, m, d, hh, mm, ss, w;
        time_civil(s + 86399, &y, &m, &d, &hh, &mm, &ss, &w);
        assert_true(y == year && m == mon && d == day && w == wday && hh == 23 && mm == 59 && ss == 59);
        assert_true(time_from_civil(year, mon, day, 23, 59, 59) == s + 86399);
        bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        if (++day > lengths[mon - 1] + (mon == 2 && leap)) {
            day = 1;
            if (++mon > 12) {
                mon = 1;
                year++;
            }
        }
    }
    assert_true(time_from_civil(1970, 1, 1, 0, 0, 0) == 0);
    assert_true(time_from_civil(1, 1, 1, 0, 0, 0) == -62135596800);
}

static void test_parse_rfc3339(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        int64_t     ns;
    } good[] = {
        { "1970-01-01T00:00:00Z", 0 }, { "2020-01-24T23:49:33Z", 1579909773 * S },
        { "2020-01-24T23:49:33.5Z", 1579909773 * S + 500000000 },
        { "2020-01-24T23:49:33.028127Z", 1579909773 * S + 28127000 }, { "2020-01-24T23:49:33.0000000019Z", 1579909773 * S + 1 },
        { "2020-01-25T01:19:33+01:30", 1579909773 * S }, { "2020-01-24T15:49:33-08:00", 1579909773 * S },
        { "2000-02-29T00:00:00Z", 951782400 * S }, { "1969-12-31T23:59:59.25Z", -750000000 },
        { "1677-09-21T00:12:43.145224192Z", INT64_MIN }, { "2262-04-11T23:47:16.854775807Z", INT64_MAX },
    };
    static const char *bad[] = {
        "", "2020-01-24", "2020-01-24T23:49:33", "2020-01-24 23:49:33Z", "2020-13-01T00:00:00Z", "2020-00-01T00:00:00Z",
        "2019-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z", "2020-01-32T00:00:00Z", "2020-01-00T00:00:00Z", "2020-01-01T24:00:00Z",
        "2020-01-01T00:60:00Z", "2020-01-01T00:00:60Z",
        "2020-01-01T00:00:00.Z", "2020-01-01T00:00:00z", "2020-01-01T00:00:00Zx", "2020-01-01T00:00:00+0100",
        "2020-01-01T00:00:00+01:00x",
        "2020-01-01T00:00:00+25:00", "20200101T000000Z", "-020-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z",
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        int64_t ns = 42;
        assert_true(time_parse_rfc3339(str_c(good[i].in), &ns));
        assert_true(ns == good[i].ns);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int64_t ns = 42;
        assert_false(time_parse_rfc3339(str_c(bad[i]), &ns));
        assert_true(ns == 42);
    }
}

static void test_duration_go(void **state)
{
    (void)state;
    static const struct {
        int64_t     ns;
        const char *text;
    } cases[] = {
        { 0, "0s" }, { 1, "1ns" }, { 999, "999ns" }, { 1100, "1.1\xc2\xb5s" }, { 2200000, "2.2ms" }, { 1500000, "1.5ms" },
        { 3300 * 1000000LL, "3.3s" },
        { 90 * S + S / 2, "1m30.5s" }, { 4 * M + 5 * S + 1000000, "4m5.001s" }, { 5 * H + 6 * M + 7 * S + 1000000, "5h6m7.001s" },
        { 8 * M + 1, "8m0.000000001s" }, { H, "1h0m0s" }, { 15 * S, "15s" }, { M, "1m0s" }, { 30 * M, "30m0s" }, { -1, "-1ns" },
        { -90 * S, "-1m30s" }, { INT64_MAX, "2562047h47m16.854775807s" }, { INT64_MIN, "-2562047h47m16.854775808s" },
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t back;
        assert_string_equal(duration_go(a, cases[i].ns).p, cases[i].text);
        assert_true(duration_parse_go(str_c(cases[i].text), &back) && back == cases[i].ns);
    }
    arena_free(a);
}

static void test_parse_go(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        int64_t     ns;
    } good[] = {
        { "0", 0 }, { "-0", 0 }, { "1h15m30.918s", H + 15 * M + 30918000000 }, { "-1.5h", -90 * M }, { "+5s", 5 * S },
        { "5.s", 5 * S }, { ".5s", S / 2 },
        { "1.0s", S }, { "10.5s4m", 4 * M + 10 * S + S / 2 }, { "12\xc2\xb5s", 12000 }, { "12\xce\xbcs", 12000 }, { "12us", 12000 },
        { "9223372036854775807ns", INT64_MAX }, { "9223372036854775.807us", INT64_MAX }, { "-9223372036854775808ns", INT64_MIN },
        { "52763797000ns", 52763797000 }, { "0.3333333333333333333h", 20 * M }, { "0.100000000000000000000h", 6 * M },
        { "9007199254.740993s", 9007199254740993000 },
        { "0.830103483285477580700h", 49 * M + 48 * S + 372539827 },
    };
    static const char *bad[] = { "", "3", "-", "s", ".", "-.", ".s", "+.s", "1d", "1 s", "3000000h", "9223372036854775808ns",
        "-9223372036854775809ns",
                                 "1h1", "\x85\x85", "9223372036854ms775us808ns" };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        int64_t ns = 42;
        assert_true(duration_parse_go(str_c(good[i].in), &ns));
        assert_true(ns == good[i].ns);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int64_t ns = 42;
        assert_false(duration_parse_go(str_c(bad[i]), &ns));
        assert_true(ns == 42);
    }
}

static void test_human(void **state)
{
    (void)state;
    static const struct {
        int64_t     ns;
        const char *text;
    } cases[] = {
        { -2 * S, "<invalid>" }, { -2 * S + 1, "0s" }, { -1, "0s" }, { 0, "0s" }, { S - 1, "0s" }, { S, "1s" },
        { 119 * S, "119s" }, { 2 * M, "2m" },
        { 2 * M + S, "2m1s" }, { 191 * S, "3m11s" }, { 10 * M - S, "9m59s" }, { 10 * M, "10m" }, { 10 * M + S, "10m" },
        { 3 * H - S, "179m" }, { 3 * H, "3h" },
        { 3 * H + M, "3h1m" }, { 8 * H - S, "7h59m" }, { 8 * H, "8h" }, { 23 * H + 30 * M, "23h" }, { 24 * H, "24h" },
        { 48 * H - S, "47h" }, { 2 * D, "2d" },
        { 51 * H, "2d3h" }, { 8 * D - S, "7d23h" }, { 8 * D, "8d" }, { 2 * 365 * D - S, "729d" }, { 2 * 365 * D, "2y" },
        { 2 * 365 * D + 30 * D, "2y30d" },
        { 8 * 365 * D - S, "7y364d" }, { 8 * 365 * D, "8y" }, { 8 * 365 * D + 300 * D, "8y" }, { INT64_MAX, "292y" },
        { INT64_MIN, "<invalid>" },
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(duration_human(a, cases[i].ns).p, cases[i].text);
    arena_free(a);
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(time_month_name(1), "January");
    assert_string_equal(time_month_name(12), "December");
    assert_string_equal(time_weekday_name(0), "Sunday");
    assert_string_equal(time_weekday_name(6), "Saturday");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_instants), cmocka_unit_test(test_calendar), cmocka_unit_test(test_parse_rfc3339),
        cmocka_unit_test(test_duration_go), cmocka_unit_test(test_parse_go), cmocka_unit_test(test_human),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
