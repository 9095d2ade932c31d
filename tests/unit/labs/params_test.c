/* Parameters: declared, drawn by name, put into texts, and where errors point. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "labs/params.h"
#include "sim/loop/loop.h"

static struct json *draw(struct arena *a, const char *yaml, uint64_t seed, const struct json *set, struct err *err)
{
    struct spec s;
    struct param *list = NULL;
    struct json *values = NULL, *j = params_head(&s, a, "p.yaml", str_c(yaml), err);
    uint8_t bytes[32];
    loop_seed_from_int(bytes, seed);
    return j && params_read(&s, json_get(j, "parameters"), &list) && params_draw(a, true, list, bytes, set, &values, err) ? values
           : NULL;
}

static void declarations_that_are_wrong(void **state)
{
    (void)state;
    static const struct { const char *text, *says; } cases[] = {
        { "parameters: 5\n", "p.yaml:1:13: parameters is a mapping of names to values" },
        { "parameters:\n  a-b: [1]\n", "p.yaml:2:3: \"a-b\" is no parameter's name: letters, digits and _, a letter first" },
        { "parameters: {a: []}\n", "p.yaml:1:17: a has between 1 and 1000 choices" },
        { "parameters: {a: 5}\n", "p.yaml:1:17: a is a list of choices, {from, to, step}, {jq: EXPRESSION} or {value: X}" },
        { "parameters: {a: {}}\n", "p.yaml:1:17: a is one of {from, to, step}, {jq: EXPRESSION} and {value: X}" },
        { "parameters: {a: {jq: '1', value: 2}}\n", "p.yaml:1:17: a is one of " },
        { "parameters: {a: {from: 1}}\n", "p.yaml:1:17: from, to and step are numbers, and from and to are needed" },
        { "parameters: {a: {from: 5, to: 1}}\n", "p.yaml:1:17: from, to and step have to give between 1 and 1000000 values" },
        { "parameters: {a: {from: 1, to: 2, step: 0}}\n", "p.yaml:1:17: from, to and step have to give" },
        { "parameters:\n  a: {jq: '$params.b +'}\n", "p.yaml:2:3: a cannot be derived: syntax error" },
        { "parameters:\n  a: {jq: 'empty'}\n", "p.yaml:2:3: a cannot be derived: its expression gives nothing" },
        { "parameters:\n  a: {jq: 'error(\"no\")'}\n", "p.yaml:2:3: a cannot be derived: " },
        { "parameters:\n  a: {value: \"x\\ny\"}\n",
          "p.yaml:2:3: the value of a is longer than 65536 bytes or has more than one line" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *a = arena_new();
        struct err err = { 0 };
        assert_null(draw(a, cases[i].text, 1, NULL, &err));
        if (!str_starts(str_c(err.msg), cases[i].says))
            assert_string_equal(err.msg, cases[i].says);
        err_clear(&err);
        arena_free(a);
    }
}

/* Each has dice of its own; all values come up; derived ones see those above. */
static void draws(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    static const char few[] = "parameters:\n  k: {from: 100, to: 300, step: 50}\n  c: [red, green, blue]\n";
    static const char more[] = "parameters:\n  first: [1, 2, 3]\n  k: {from: 100, to: 300, step: 50}\n  c: [red, green, blue]\n"
                               "  half: {from: 0.5, to: 1.5, step: 0.5}\n  twice: {jq: '$params.k * 2'}\n  word: {jq: "
                               "'\"\\(.params.c)-\\($params.twice)\"'}\n";
    unsigned seen = 0, colours = 0;
    for (uint64_t seed = 0; seed < 40; seed++) {
        const struct json *x = draw(a, few, seed, NULL, NULL), *y = seed < 3 ? draw(a, more, seed, NULL, NULL) : NULL;
        int64_t n = json_get_int(x, "k", 0);
        assert_true(n >= 100 && n <= 300 && n % 50 == 0);
        seen |= 1u << (n - 100) / 50;
        colours |= str_eqc(json_get_str(x, "c"), "red") ? 1 : str_eqc(json_get_str(x, "c"), "green") ? 2 : 4;
        if (!y)
            continue;
        assert_int_equal(json_get_int(y, "k", 0), n);
        assert_true(str_eq(json_get_str(y, "c"), json_get_str(x, "c")));
        assert_int_equal(json_get_int(y, "twice", 0), 2 * n);
        assert_string_equal(arena_cstr(a, json_get_str(y, "word")),
                            arena_printf(a, STR_FMT "-%d", STR_ARG(json_get_str(x, "c")), (int)(2 * n)));
    }
    assert_int_equal(seen, 31);
    assert_int_equal(colours, 7);
    arena_free(a);
}

static void set_by_hand(void **state)
{
    (void)state;
    static const char yaml[] = "parameters:\n  k: {from: 1, to: 9}\n  c: [100m, 200m]\n  d: {jq: '$params.k'}\n  s: {value: "
                               "\"7\"}\n  i: {value: 7}\n";
    static const struct { const char *set, *name, *value, *says; } cases[] = {
        { "k=5", "k", "5", NULL }, { "k=5", "d", "5", NULL }, { "c=200m", "c", "\"200m\"", NULL }, { "s=8", "s", "\"8\"", NULL },
        { "i=8", "i", "8", NULL },
        { "k=10", NULL, NULL, "k is a number from 1 to 9, not 10" }, { "k=x", NULL, NULL, "k is a number from 1 to 9, not x" },
        { "c=300m", NULL, NULL, "c is one of [\"100m\",\"200m\"], not 300m" },
        { "d=1", NULL, NULL, "d is derived from other parameters: set those" },
        { "e=1", NULL, NULL, "no parameter is called \"e\"" }, { "e", NULL, NULL, "a parameter is set as name=value, not as \"e\"" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *a = arena_new();
        struct err err = { 0 };
        struct json *set = json_new_object(a), *v = params_set(a, set, cases[i].set, &err) ? draw(a, yaml, 3, set, &err) : NULL;
        assert_string_equal(err.msg, cases[i].says ? cases[i].says : "");
        if (v)
            assert_string_equal(arena_cstr(a, json_text(a, json_get(v, cases[i].name))), cases[i].value);
        err_clear(&err);
        arena_free(a);
    }
}

static void texts(void **state)
{
    (void)state;
    static const struct { const char *text, *is, *says; } cases[] = {
        { "", "", NULL }, { "no parameters, $ {x} and $x", "no parameters, $ {x} and $x", NULL }, { "${n}", "5", NULL },
        { "a${w}b${n}c", "ahello worldb5c", NULL },
        { "$${n} ${n}", "${n} 5", NULL }, { "$$${n}", "$${n}", NULL }, { "${l}", "[1,\"a\"]", NULL }, { "${z}", "null", NULL },
        { "x\n y ${nope}", NULL, "t:2:4: no parameter is called \"nope\"; $${ is the text itself" },
        { "${n} ${", NULL, "t:1:6: this ${ has no closing brace in its line; $${ is the text itself" },
        { "${n\n}", NULL, "t:1:1: this ${ has no closing brace" }, { "${}", NULL, "t:1:1: no parameter is called \"\"" },
    };
    struct arena *a = arena_new();
    const struct json *values = json_parse(a, STR("{\"n\":5,\"w\":\"hello world\",\"l\":[1,\"a\"],\"z\":null}"), NULL);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = { 0 };
        struct str out = STR_NULL;
        bool ok = params_replace(a, "t", str_c(cases[i].text), values, &out, NULL, &err);
        assert_int_equal(ok, cases[i].is != NULL);
        if (ok)
            assert_string_equal(arena_cstr(a, out), cases[i].is);
        else if (!str_starts(str_c(err.msg), cases[i].says))
            assert_string_equal(err.msg, cases[i].says);
        assert_int_equal(params_mask(a, str_c(cases[i].text)).n, strlen(cases[i].text));
        err_clear(&err);
    }
    assert_string_equal(arena_cstr(a, params_mask(a, STR("a: {b: ${cd}, e: $${f}}"))), "a: {b: _____, e: ___f}}");
    arena_free(a);
}

/* An error in a line with values points at what was written. */
static void columns(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct param_shift *shifts;
    struct str out;
    const struct json *values = json_parse(a, STR("{\"n\":\"a long value\",\"m\":1}"), NULL);
    /*                                            1234567890123456789 */
    assert_true(params_replace(a, "t", STR("k: 1\nx: ${n} ${m} HERE\ny: HERE"), values, &out, &shifts, NULL));
    assert_string_equal(arena_cstr(a, out), "k: 1\nx: a long value 1 HERE\ny: HERE");
    assert_int_equal(params_column(shifts, 2, 19), 14);
    assert_int_equal(params_column(shifts, 2, 4), 4);
    assert_int_equal(params_column(shifts, 3, 4), 4);
    static const char lab[] = "name: x\nlabel: X\ntitle: t\nkubernetesVersion: v1.16\nparameters: {long_name_of_it: [1]}\nsteps: "
                              "[{id: a${long_name_of_it}, title: b, odd: 1}]\n";
    struct err err = { 0 };
    assert_null(lab_parse(a, "l.yaml", str_c(lab), &err));
    assert_true(str_starts(str_c(err.msg), "l.yaml:6:45: a step has no \"odd\""));
    err_clear(&err);
    arena_free(a);
}

static void variants(void **state)
{
    (void)state;
    struct str key = STR("0123456789abcdef");
    int64_t one = params_variant(key, "alice", "lab8");
    assert_true(one > 0 && one == params_variant(key, "alice", "lab8"));
    assert_true(one != params_variant(key, "bob", "lab8") && one != params_variant(key, "alice", "lab9") &&
                one != params_variant(STR("0123456789abcdeg"), "alice", "lab8"));
    assert_true(params_variant(key, "a", "bc") != params_variant(key, "ab", "c"));
    /* from another hand: printf 'alice\0lab8' | openssl dgst -sha256 -hmac 0123456789abcdef */
    assert_int_equal(one, 8494966371507237807);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(declarations_that_are_wrong), cmocka_unit_test(draws), cmocka_unit_test(set_by_hand),
            cmocka_unit_test(texts), cmocka_unit_test(columns),
        cmocka_unit_test(variants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
