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
        { 0, SANDBOX_NONE }, { ON(SECCOMP) | ON(LANDLOCK), SANDBOX_NONE }, { ON(LIMITS), SANDBOX_LIMITS },
        { ON(LIMITS) | ON(SECCOMP) | ON(USER), SANDBOX_LIMITS },
        { ON(LIMITS) | ON(LANDLOCK), SANDBOX_LIMITS }, { files, SANDBOX_CONFINED }, { files | ON(PORTS), SANDBOX_CONFINED },
        { files | ON(USER), SANDBOX_CONFINED },
        { files | ON(PORTS) | ON(USER), SANDBOX_ISOLATED }, { files | ON(PORTS) | ON(SCOPE), SANDBOX_ISOLATED },
        { files | ON(PORTS) | ON(NAMESPACES), SANDBOX_ISOLATED },
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
        { "plain\ttext\n", "plain\ttext\n" }, { "\x1b[2Jgone\a", "^[[2Jgone^G" }, { "a\r\nb\rc", "a\nb^Mc" },
        { "caf\xc3\xa9", "caf\xc3\xa9" },
        { "\xff\xc3", "\xef\xbf\xbd\xef\xbf\xbd" }, { "\xc2\x9b" "31m", "\xef\xbf\xbd" "31m" }, { "\x7f", "^?" }, { "", "" },
        { "\xf0\x9f\x98\x80!", "\xf0\x9f\x98\x80!" }, { "\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd" },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_string_equal(arena_cstr(a, sandbox_printable(a, str_c(rows[i].text))), rows[i].shown);
    assert_string_equal(arena_cstr(a, sandbox_printable(a, (struct str){ "a\0b", 3 })), "a^@b");
    arena_free(a);
}

static void log_heads_lose_the_machine(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    static const struct { const char *text, *shown; } rows[] = {
        { "E1128 13:15:36.200885      18 memcache.go:265] \"Unhandled\"\nx\n",
          "E0101 00:00:00.000000       1 memcache.go:265] \"Unhandled\"\nx\n" },
        { "I0101 09:05:07.000001 4194303 a.go:1] b", "I0101 00:00:00.000000       1 a.go:1] b" },
        { "E1128 13:15:36.200885 18 memcache] x", "E1128 13:15:36.200885 18 memcache] x" },
        { "E1128 13:15:36.200885", "E1128 13:15:36.200885" }, { "E", "E" }, { "", "" }, { "\n\n", "\n\n" },
        { "at E1128 13:15:36.200885 18 a.go:1] x", "at E1128 13:15:36.200885 18 a.go:1] x" },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_string_equal(arena_cstr(a, sandbox_steady(a, str_c(rows[i].text))), rows[i].shown);
    arena_free(a);
}

static void limits(void **state)
{
    (void)state;
    struct sandbox_limits l = sandbox_limits_default;
    struct err err = { 0 };
    assert_true(sandbox_limits_parse(STR_NULL, &l, &err));
    assert_memory_equal(&l, &sandbox_limits_default, sizeof l);
    assert_true(sandbox_limits_parse(STR("time=2h,wall=1m30s, cpu=7s,threads=9,memory=64Mi,file=1Ki,disk=2M,output=10,keep=1Mi"),
                                     &l, &err));
    assert_true(l.virtual_ns == 7200 * (int64_t)NS_PER_S && l.wall_s == 90 && l.cpu_s == 7 && l.threads == 9 &&
                l.memory_bytes == 64 << 20);
    assert_true(l.file_bytes == 1024 && l.disk_bytes == 2000000 && l.output_bytes == 10 && l.keep_bytes == 1 << 20);
    static const struct { const char *text, *why; } wrong[] = {
        { "wall", "the limit wall is a duration like 30s, not \"\"" },
        { "wall=0s", "the limit wall is a duration like 30s, not \"0s\"" },
        { "cpu=-1s", "the limit cpu is a duration like 30s, not \"-1s\"" },
        { "threads=1.5", "the limit threads is a whole number, not \"1.5\"" },
        { "disk=all", "the limit disk is a size like 64Mi, not \"all\"" },
        { "keep=1Gi", "the limit keep is a size like 64Mi, not \"1Gi\"" },
        { "speed=2", "there is no limit \"speed\": they are time, wall, cpu, threads, memory, file, disk, output and keep" },
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        assert_false(sandbox_limits_parse(str_c(wrong[i].text), &l, &err));
        assert_string_equal(err.msg, wrong[i].why);
        err_clear(&err);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(levels), cmocka_unit_test(output_is_made_printable),
                                        cmocka_unit_test(log_heads_lose_the_machine), cmocka_unit_test(limits) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
