/* tests/unit/sim/base/text_test.c - str: comparing, cutting, numbers. */
#include "sim/base/base.h"

#include <setjmp.h>
#include <cmocka.h>

static void test_compare(void **state)
{
    (void)state;
    assert_true(str_eq(STR_NULL, STR("")));
    assert_true(str_eq(str_c("ab"), STR("ab")));
    assert_false(str_eq(STR("ab"), STR("aB")));
    assert_true(str_eqi(STR("Content-Type"), STR("content-TYPE")));
    assert_false(str_eqi(STR("a["), STR("A{")));
    assert_true(str_eqc(STR("x"), "x"));
    assert_true(str_eqc(STR_NULL, NULL));
    assert_true(str_cmp(STR("a"), STR("ab")) < 0);
    assert_true(str_cmp(STR("b"), STR("ab")) > 0);
    assert_true(str_cmp(STR("\xff"), STR("a")) > 0);
    assert_int_equal(str_cmp(STR_NULL, STR("")), 0);
    assert_true(str_starts(STR("/api/v1"), "/api"));
    assert_false(str_starts(STR("/a"), "/api"));
    assert_true(str_starts(STR_NULL, ""));
    assert_true(str_ends(STR("a.yaml"), ".yaml"));
    assert_false(str_ends(STR("l"), ".yaml"));
    assert_true(str_hash(STR("")) == 14695981039346656037ull);
    assert_true(str_hash(STR("foobar")) == 0x85944171f73967e8ull);  /* from the FNV authors' test vectors */
}

static void test_cutting(void **state)
{
    (void)state;
    assert_true(str_eqc(str_sub(STR("abc"), 1, 99), "bc"));
    assert_true(str_eqc(str_sub(STR("abc"), 7, 2), ""));
    assert_true(str_eqc(str_trim(STR(" \t a b\r\n")), "a b"));
    assert_true(str_eqc(str_trim(STR("  ")), ""));
    assert_int_equal(str_find(STR("abcabc"), STR("ca")), 2);
    assert_int_equal(str_find(STR("abc"), STR("x")), -1);
    assert_int_equal(str_find(STR_NULL, STR("x")), -1);
    assert_int_equal(str_find(STR_NULL, STR_NULL), 0);
    assert_int_equal(str_chr(STR("abc"), 'c'), 2);
    assert_int_equal(str_chr(STR_NULL, 'c'), -1);
    struct str head, tail;
    assert_true(str_cut(STR("k=v=w"), '=', &head, &tail));
    assert_true(str_eqc(head, "k") && str_eqc(tail, "v=w"));
    assert_false(str_cut(STR("k"), '=', &head, &tail));
    assert_true(str_eqc(head, "k") && tail.n == 0);
}

static void test_token(void **state)
{
    (void)state;
    static const struct {
        const char *in, *joined;
    } cases[] = { { "", "[]" }, { "a", "[a]" }, { "a,b", "[a][b]" }, { "a,", "[a][]" }, { ",", "[][]" }, { ",,x", "[][][x]" } };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct strbuf b;
        strbuf_init(&b, 100);
        for (struct str rest = str_c(cases[i].in); rest.p;) {
            struct str piece = str_token(&rest, ',');
            strbuf_addf(&b, "[" STR_FMT "]", STR_ARG(piece));
        }
        assert_string_equal(b.p, cases[i].joined);
        strbuf_deinit(&b);
    }
}

static void test_int(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        bool        ok;
        int64_t     out;
    } cases[] = {
        { "0", true, 0 }, { "-7", true, -7 }, { "+7", true, 7 }, { "007", true, 7 }, { "9223372036854775807", true, INT64_MAX },
        { "-9223372036854775808", true, INT64_MIN }, { "9223372036854775808", false, 0 }, { "-9223372036854775809", false, 0 },
        { "", false, 0 }, { "-", false, 0 }, { "1 ", false, 0 }, { "0x1", false, 0 }, { "1.0", false, 0 }, { "--1", false, 0 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t v = 42;
        assert_int_equal(str_int(str_c(cases[i].in), &v), cases[i].ok);
        assert_true(v == (cases[i].ok ? cases[i].out : 42));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compare), cmocka_unit_test(test_cutting), cmocka_unit_test(test_token), cmocka_unit_test(test_int),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
