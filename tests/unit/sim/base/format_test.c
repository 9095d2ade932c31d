/* tests/unit/sim/base/format_test.c - text_format says what snprintf says, also where it leaves the work to it, and where nothing
 * fits. */
#include "sim/base/base.h"

#include <limits.h>
#include <setjmp.h>
#include <stdio.h>
#include <cmocka.h>

/* Both of them into every size of buffer up to more than enough. */
#define SAME(...)                                                                                                          \
    for (size_t size = 0; size < 80; size++) {                                                                             \
        char ours[80], theirs[80];                                                                                         \
        memset(ours, '#', sizeof ours);                                                                                    \
        memset(theirs, '#', sizeof theirs);                                                                                \
        assert_int_equal(text_format(ours, size, __VA_ARGS__), snprintf(theirs, size, __VA_ARGS__));                       \
        assert_memory_equal(ours, theirs, sizeof ours);                                                                    \
    }

#pragma GCC diagnostic ignored "-Wformat-truncation"
#pragma GCC diagnostic ignored "-Wformat-zero-length"

static void test_strings(void **state)
{
    (void)state;
    const char *volatile none = NULL;
    struct str s = STR("abcdef");
    SAME("");
    SAME("plain");
    SAME("%s", "");
    SAME("%s:%s", "one", "another one");
    SAME("%8s|%2s|", "right", "wide");
    SAME("%.3s|%.0s|%.9s|%5.2s|", "Monday", "x", "short", "cut");
    SAME(STR_FMT "/" STR_FMT, STR_ARG(s), STR_ARG(str_sub(s, 2, 4)));
    SAME("%.*s|", -1, "all of it");
    SAME("%s", none);
    SAME("%c%c%%", 'a', '\n');
    SAME("a\xff%s", "\xc3\xa9");
}

static void test_numbers(void **state)
{
    (void)state;
    SAME("%d %d %d %i", 0, INT_MAX, INT_MIN, -7);
    SAME("%u %x %08x", UINT_MAX, 0xbeefu, 0x12u);
    SAME("%" PRId64 " %" PRId64 " %" PRIu64 " %016" PRIx64, INT64_MIN, INT64_MAX, UINT64_MAX, (uint64_t)0xfeed);
    SAME("%ld %lu %lld %llu %zu", -1l, 1ul, -1ll, 1ull, (size_t)3);
    SAME("%04d-%02d-%02dT%02d:%02d:%02d.%09dZ", 2020, 1, 24, 23, 49, 33, 5);
    SAME("%5d|%05d|%2d|%05d|", 42, 42, 4242, -42);
}

static void test_left_to_libc(void **state)
{
    (void)state;
    SAME("%s %.2f %d", "before", 1.005, 3);
    SAME("%-8s|%+d|% d|%#x|%.3d|%*d|%5c|", "left", 1, 2, 255u, 7, 6, 42, 'c');
    SAME("%hhd %hu %e %o %X", 300, 70000, 1.5, 8u, 255u);
    SAME("%2000s", "x");
}

static void test_copy(void **state)
{
    (void)state;
    const char *const texts[] = { "", "x", "10.96.0.1" };
    for (size_t i = 0; i < 3; i++)
        for (size_t size = 1; size < 12; size++) {
            char ours[12], theirs[12];
            text_copy(ours, size, texts[i]);
            snprintf(theirs, size, "%s", texts[i]);
            assert_string_equal(ours, theirs);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_copy), cmocka_unit_test(test_strings), cmocka_unit_test(test_numbers),
                                        cmocka_unit_test(test_left_to_libc) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
