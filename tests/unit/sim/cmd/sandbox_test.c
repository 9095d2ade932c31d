/* The sandbox's pure half: which measures make which level, and what a script's output becomes. */
#include "sim/cmd/sandbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define ON(m) (1u << MEASURE_##m)

static void levels(void **state)
{
    (void)state;
    const unsigned files = ON(LIMITS) | ON(LANDLOCK) | ON(SECCOMP);
    static const char *const names[] = { "none", "limits", "confined", "isolated" };
    const struct { unsigned on; enum sandbox_level level; } rows[] = {
        { 0, SANDBOX_NONE }, { ON(SECCOMP) | ON(LANDLOCK), SANDBOX_NONE }, { ON(LIMITS), SANDBOX_LIMITS }, { ON(LIMITS) | ON(SECCOMP) | ON(USER), SANDBOX_LIMITS },
        { ON(LIMITS) | ON(LANDLOCK), SANDBOX_LIMITS }, { files, SANDBOX_CONFINED }, { files | ON(PORTS), SANDBOX_CONFINED }, { files | ON(USER), SANDBOX_CONFINED },
        { files | ON(PORTS) | ON(USER), SANDBOX_ISOLATED }, { files | ON(PORTS) | ON(SCOPE), SANDBOX_ISOLATED }, { files | ON(PORTS) | ON(NAMESPACES), SANDBOX_ISOLATED },
        { (1u << MEASURE_COUNT) - 1, SANDBOX_ISOLATED },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(sandbox_level_of(rows[i].on), rows[i].level);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        enum sandbox_level level;
        assert_true(sandbox_level_parse(str_c(names[i]), &level));
        assert_string_equal(sandbox_level_name(level), names[i]);
    }
    enum sandbox_level level;
    assert_false(sandbox_level_parse(STR("full"), &level));
    assert_false(sandbox_level_parse(STR_NULL, &level));
}

static void output_is_made_printable(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    static const struct { const char *text, *shown; } rows[] = {
        { "plain\ttext\n", "plain\ttext\n" }, { "\x1b[2Jgone\a", "^[[2Jgone^G" }, { "a\r\nb\rc", "a\nb^Mc" }, { "caf\xc3\xa9", "caf\xc3\xa9" },
        { "\xff\xc3", "\xef\xbf\xbd\xef\xbf\xbd" }, { "\xc2\x9b" "31m", "\xef\xbf\xbd" "31m" }, { "\x7f", "^?" }, { "", "" },
        { "\xf0\x9f\x98\x80!", "\xf0\x9f\x98\x80!" }, { "\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd" },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_string_equal(arena_cstr(a, sandbox_printable(a, str_c(rows[i].text))), rows[i].shown);
    assert_string_equal(arena_cstr(a, sandbox_printable(a, (struct str){ "a\0b", 3 })), "a^@b");
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(levels), cmocka_unit_test(output_is_made_printable) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
