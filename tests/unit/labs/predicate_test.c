/* jq expressions in a child: what holds, what is said of what is wrong, and that nothing without end gets away with it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "labs/labs.h"

#define DOC "{\"clock\":{\"now\":\"2020-01-24T23:00:00Z\",\"seconds\":1579906800},\"n\":3,\"list\":[1,2,3],\"name\":\"web1\",\"params\":{\"load\":2}}"

static struct predicate_set *set_of(const char *const *texts, size_t n, const struct predicate_limits *limits)
{
    struct err err = { 0 };
    struct predicate_set *p = predicate_set_new(texts, n, limits, &err);
    assert_non_null(p);
    return p;
}

static struct predicate_result eval(struct arena *a, const char *jq, const struct predicate_limits *limits)
{
    struct predicate_set *p = set_of(&jq, 1, limits);
    struct predicate_result r = predicate_set_eval_one(p, a, STR(DOC), 0);
    predicate_set_free(p);
    return r;
}

static void verdicts(void **state)
{
    (void)state;
    static const struct { const char *jq; enum predicate_verdict verdict; const char *text; } cases[] = {
        { ".n == 3", PREDICATE_TRUE, "true" }, { ".n == 4", PREDICATE_FALSE, "false" }, { ".n", PREDICATE_TRUE, "3" },
        { ".none", PREDICATE_FALSE, "null" },
        { "empty", PREDICATE_FALSE, "" }, { ".list[] > 0", PREDICATE_TRUE, "true" }, { ".list[] > 1", PREDICATE_FALSE, "false" },
        { "0", PREDICATE_TRUE, "0" },
        { "now == 1579906800", PREDICATE_TRUE, "true" }, { "$document.name == \"web1\"", PREDICATE_TRUE, "true" },
        { ".n == 3 # as it should be", PREDICATE_TRUE, "true" },
        { "env | length == 1", PREDICATE_TRUE, "true" }, { ".name | test(\"^web[0-9]$\")", PREDICATE_TRUE, "true" },
        { "error(\"mine\")", PREDICATE_ERROR, "mine" }, { ".n | keys", PREDICATE_ERROR, "number (3) has no keys" },
        { "halt", PREDICATE_ERROR, "halt has no place in a check" },
        { "range(0; 20000) | true", PREDICATE_LIMIT, "it has more than 10000 outputs" },
        { "$params.load == 2", PREDICATE_TRUE, "true" },
        { "def f: 3; .n == f", PREDICATE_TRUE, "true" }, { "\"(\" | length == 1 # )(", PREDICATE_TRUE, "true" },
        { "\"a)\\(.n)(\" == \"a)3(\"", PREDICATE_TRUE, "true" },
        { "$ENV | length == 1", PREDICATE_TRUE, "true" }, { ". == $document", PREDICATE_TRUE, "true" },
        { ".list | length == 3", PREDICATE_TRUE, "true" },
    };
    struct arena *a = arena_new();
    struct predicate_result r[ARRAY_LEN(cases)];
    const char *texts[ARRAY_LEN(cases)];
    size_t which[ARRAY_LEN(cases)];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        texts[i] = cases[i].jq;
        which[i] = i;
    }
    for (int kept = 0; kept < 2; kept++) {                       /* a set that compiles, and one that finds its program compiled */
        struct predicate_set *p = set_of(texts, ARRAY_LEN(cases), NULL);
        for (int again = 0; again < 2; again++) {
            predicate_set_eval(p, a, STR(DOC), which, ARRAY_LEN(cases), r);
            for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                assert_string_equal(arena_cstr(a, r[i].text), cases[i].text);
                assert_int_equal(r[i].verdict, cases[i].verdict);
            }
        }
        predicate_set_keep(p);
        predicate_set_free(p);
    }
    arena_free(a);
}

static void no_jq(void **state)
{
    (void)state;
    static const struct { const char *jq, *says; } cases[] = {
        { ".n ==", "syntax error, unexpected" }, { "nonesuch(1)", "nonesuch/1 is not defined at <top-level>, line 1" },
        { "true) , (false", "syntax error" },
        { "import \"a\" as a; true", "syntax error" }, { "$nobody", "$nobody is not defined" },
        { "1); (2", "syntax error" }, { "\"\\(1", "syntax error" }, { "[(])", "syntax error" }, { "}", "syntax error" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = { 0 };
        const char *texts[] = { ".n", cases[i].jq, ".list" };
        size_t wrong = 9;
        struct predicate_set *p = set_of(texts, ARRAY_LEN(texts), NULL);
        assert_false(predicate_set_ready(p, &wrong, &err));
        assert_int_equal(err.code, ERR_PARSE);
        assert_int_equal(wrong, 1);
        if (str_find(str_c(err.msg), str_c(cases[i].says)) < 0)
            assert_string_equal(err.msg, cases[i].says);
        predicate_set_free(p);
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
    struct predicate_limits limits = { .cpu_s = 1, .wall_s = 20, .memory_bytes = 256u << 20 };
    struct arena *a = arena_new();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct predicate_result r = eval(a, cases[i].jq, &limits);
        assert_int_equal(r.verdict, PREDICATE_LIMIT);
        assert_true(str_starts(r.text, cases[i].says));
    }
    arena_free(a);
}

/* One without end costs itself alone: those before and behind it are judged, and the next document is as well. */
static void among_others(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct predicate_limits limits = { .cpu_s = 1, .wall_s = 20, .memory_bytes = 256u << 20 };
    const char *texts[] = { ".ok", "if .endless then last(repeat(1)) else .ok end",
                            "if .endless then [limit(1e9; repeat(\"aaaaaaaaaaaaaaaaaaaa\"))] else true end", ".ok == true" };
    struct predicate_set *p = set_of(texts, ARRAY_LEN(texts), &limits);
    struct predicate_result r[4];
    predicate_set_eval(p, a, STR("{\"ok\":true,\"endless\":true}"), (const size_t[]){ 0, 1, 2, 3 }, 4, r);
    assert_int_equal(r[0].verdict, PREDICATE_TRUE);
    assert_int_equal(r[1].verdict, PREDICATE_LIMIT);
    assert_int_equal(r[2].verdict, PREDICATE_LIMIT);
    assert_int_equal(r[3].verdict, PREDICATE_TRUE);
    predicate_set_eval(p, a, STR("{\"ok\":true}"), (const size_t[]){ 3, 1 }, 2, r);
    assert_int_equal(r[0].verdict, PREDICATE_TRUE);
    assert_int_equal(r[1].verdict, PREDICATE_TRUE);
    static const char *const no_json[] = { "this is no JSON", "", "{\"ok\":true", "{\"ok\":tru}", "[1,", "{\"a\":[1,2}" };
    for (size_t i = 0; i < ARRAY_LEN(no_json); i++)
        assert_int_equal(predicate_set_eval_one(p, a, str_c(no_json[i]), 0).verdict, PREDICATE_ERROR);
    assert_int_equal(predicate_set_eval_one(p, a, STR("{\"ok\":true}"), 0).verdict, PREDICATE_TRUE);
    predicate_set_free(p);
    arena_free(a);
}

static uint32_t seed = 12345;
static uint32_t dice(uint32_t n)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % n;
}

/* Arrays that lose, gain and change elements, members that come and go: what is sent is only the difference, what is seen is the
 * whole. */
static struct str some_document(struct arena *a, unsigned *numbers, size_t n)
{
    struct strbuf b;
    strbuf_init(&b, 4096);
    strbuf_addf(&b, "{\"n\":%u,\"empty\":{},\"none\":[],\"list\":[", dice(3));
    for (size_t i = 0; i < n; i++)
        strbuf_addf(&b, i ? ", %u" : "%u", numbers[i]);
    strbuf_addc(&b, "]");
    for (unsigned k = 0; k < 3; k++) {
        if (dice(4) == 0)
            continue;
        strbuf_addf(&b, ",\"o%u\":{\"x\":", k);
        uint32_t v = dice(4);
        if (k == 0)
            strbuf_addf(&b, "%u", v);
        else if (dice(2))
            strbuf_addf(&b, "[{\"n\":%u}]", v);
        else
            strbuf_addf(&b, "{\"n\":\"]%u\"}", v);
        strbuf_addf(&b, ",\"y\":[%u,%u]}", dice(2), dice(2));
    }
    strbuf_addc(&b, "}");
    struct str text = arena_str(a, strbuf_str(&b));
    strbuf_deinit(&b);
    return text;
}

static void differences(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    const char *all[] = { "." };
    unsigned numbers[200], next = 0;
    size_t n = 0;
    struct predicate_set *p = set_of(all, 1, NULL);
    for (int turn = 0; turn < 300; turn++) {
        size_t gone = n ? dice(dice(10) ? 3 : 60) : 0, at = n ? dice((uint32_t)n) : 0;
        gone = gone < n - at ? gone : n - at;
        memmove(numbers + at, numbers + at + gone, (n - at - gone) * sizeof *numbers);
        n -= gone;
        for (unsigned add = dice(4); add && n < 100; add--) {
            at = n ? dice((uint32_t)n) : 0;
            memmove(numbers + at + 1, numbers + at, (n - at) * sizeof *numbers);
            numbers[at] = next++ % 50;
            n++;
        }
        struct str text = some_document(a, numbers, n);
        struct predicate_result r = predicate_set_eval_one(p, a, text, 0);
        assert_int_equal(r.verdict, PREDICATE_TRUE);
        const struct json *seen = json_parse(a, r.text, NULL), *meant = json_parse(a, text, NULL);
        assert_non_null(seen);
        assert_true(json_equal(seen, meant));
    }
    predicate_set_free(p);
    arena_free(a);
}

static void many(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    static const char *texts[PREDICATES_MAX + 1];
    struct err err = { 0 };
    for (unsigned i = 0; i <= PREDICATES_MAX; i++)
        texts[i] = arena_printf(a, ".n == %u", i);
    assert_null(predicate_set_new(texts, PREDICATES_MAX + 1, NULL, &err));
    assert_int_equal(err.code, ERR_PARSE);
    struct predicate_set *p = set_of(texts, PREDICATES_MAX, NULL);
    assert_int_equal(predicate_set_eval_one(p, a, STR("{\"n\":511}"), 511).verdict, PREDICATE_TRUE);
    assert_int_equal(predicate_set_eval_one(p, a, STR("{\"n\":511}"), 510).verdict, PREDICATE_FALSE);
    predicate_set_free(p);
    err_clear(&err);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(verdicts), cmocka_unit_test(no_jq), cmocka_unit_test(without_end),
                                        cmocka_unit_test(among_others),
                                        cmocka_unit_test(differences), cmocka_unit_test(many) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
