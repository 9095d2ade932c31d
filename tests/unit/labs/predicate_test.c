/* jq expressions in a child: what holds, what is said of what is wrong, and that nothing without end gets away with it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "labs/labs.h"

#define DOC "{\"clock\":{\"now\":\"2020-01-24T23:00:00Z\",\"seconds\":1579906800},\"n\":3,\"list\":[1,2,3],\"name\":\"web1\"}"

static struct predicate_result eval(struct arena *a, const char *jq, const struct predicate_limits *limits)
{
    struct err err = { 0 };
    struct predicate_result r;
    struct predicate *p = predicate_new(jq, limits, &err);
    assert_non_null(p);
    predicate_eval(p, a, STR(DOC), &r);
    predicate_free(p);
    return r;
}

static void verdicts(void **state)
{
    (void)state;
    static const struct { const char *jq; enum predicate_verdict verdict; const char *text; } cases[] = {
        { ".n == 3", PREDICATE_TRUE, "true" }, { ".n == 4", PREDICATE_FALSE, "false" }, { ".n", PREDICATE_TRUE, "3" }, { ".none", PREDICATE_FALSE, "null" },
        { "empty", PREDICATE_FALSE, "" }, { ".list[] > 0", PREDICATE_TRUE, "true" }, { ".list[] > 1", PREDICATE_FALSE, "false" }, { "0", PREDICATE_TRUE, "0" },
        { "now == 1579906800", PREDICATE_TRUE, "true" }, { "$document.name == \"web1\"", PREDICATE_TRUE, "true" }, { ".n == 3 # as it should be", PREDICATE_TRUE, "true" },
        { "env | length == 1", PREDICATE_TRUE, "true" }, { ".name | test(\"^web[0-9]$\")", PREDICATE_TRUE, "true" },
        { "error(\"mine\")", PREDICATE_ERROR, "mine" }, { ".n | keys", PREDICATE_ERROR, "number (3) has no keys" }, { "halt", PREDICATE_ERROR, "halt has no place in a check" },
        { "range(0; 20000) | true", PREDICATE_LIMIT, "it has more than 10000 outputs" },
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct predicate_result r = eval(a, cases[i].jq, NULL);
        assert_string_equal(arena_cstr(a, r.text), cases[i].text);
        assert_int_equal(r.verdict, cases[i].verdict);
    }
    arena_free(a);
}

static void no_jq(void **state)
{
    (void)state;
    static const struct { const char *jq, *says; } cases[] = {
        { ".n ==", "syntax error, unexpected" }, { "nonesuch(1)", "nonesuch/1 is not defined at <top-level>, line 1" }, { "true) , (false", "syntax error" },
        { "import \"a\" as a; true", "syntax error" }, { "$nobody", "$nobody is not defined" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = { 0 };
        struct predicate *p = predicate_new(cases[i].jq, NULL, &err);
        assert_non_null(p);
        assert_false(predicate_ready(p, &err));
        assert_int_equal(err.code, ERR_PARSE);
        assert_true(str_find(str_c(err.msg), str_c(cases[i].says)) >= 0);
        predicate_free(p);
        err_clear(&err);
    }
}

static void without_end(void **state)
{
    (void)state;
    static const struct { const char *jq, *says; } cases[] = {
        { "last(repeat(1))", "it did not end within 1 s of CPU" }, { "def f: f; f", "it did not end within 1 s of CPU" },
        { "[limit(1e9; repeat(\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"))] | length", "it " },
    };
    struct predicate_limits limits = { .cpu_s = 1, .wall_s = 20, .memory_bytes = 256u << 20, .output_bytes = 1024 };
    struct arena *a = arena_new();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct predicate_result r = eval(a, cases[i].jq, &limits);
        assert_int_equal(r.verdict, PREDICATE_LIMIT);
        assert_true(str_starts(r.text, cases[i].says));
    }
    arena_free(a);
}

/* One that was stopped answers the next document all the same. */
static void again(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct err err = { 0 };
    struct predicate_result r;
    struct predicate_limits limits = { .cpu_s = 1, .wall_s = 20, .memory_bytes = 256u << 20, .output_bytes = 1024 };
    struct predicate *p = predicate_new("if .endless then last(repeat(1)) else .ok end", &limits, &err);
    predicate_eval(p, a, STR("{\"endless\":true}"), &r);
    assert_int_equal(r.verdict, PREDICATE_LIMIT);
    predicate_eval(p, a, STR("{\"ok\":true}"), &r);
    assert_int_equal(r.verdict, PREDICATE_TRUE);
    predicate_eval(p, a, STR("this is no JSON"), &r);
    assert_int_not_equal(r.verdict, PREDICATE_TRUE);
    predicate_free(p);
    arena_free(a);
}

/* Compiled into one, each is still itself: its comment ends with it, what has no end ends alone, and the document is sent once. */
static void several(void **state)
{
    (void)state;
    static const char *const jq[] = { ".a == 1 # as it was", "error(\"no\")", "last(repeat(1))", "false, true", "$document.a == 1 and now == 5 and . == $document", "empty" };
    static const enum predicate_verdict verdicts[] = { PREDICATE_TRUE, PREDICATE_ERROR, PREDICATE_LIMIT, PREDICATE_FALSE, PREDICATE_TRUE, PREDICATE_FALSE };
    const struct predicate_limits limits = { .cpu_s = 1, .wall_s = 30, .memory_bytes = 512u << 20, .output_bytes = 1024 };
    struct arena *a = arena_new();
    struct err err = { 0 };
    struct predicate *p = predicates_new(jq, ARRAY_LEN(jq), &limits, &err);
    struct str document = STR("{\"a\":1,\"clock\":{\"seconds\":5}}");
    assert_true(predicate_ready(p, &err));
    for (size_t i = 0; i < ARRAY_LEN(jq); i++) {
        struct predicate_result r;
        predicates_eval(p, i, a, i ? NULL : &document, &r);
        assert_int_equal(r.verdict, verdicts[i]);
    }
    predicate_free(p);
    static const char *const wrong[] = { "true", "(" };
    p = predicates_new(wrong, 2, NULL, &err);
    assert_false(predicate_ready(p, &err));
    predicate_free(p);
    err_clear(&err);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(verdicts), cmocka_unit_test(no_jq), cmocka_unit_test(several), cmocka_unit_test(without_end), cmocka_unit_test(again) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
