/* tests/unit/sim/api/selector_test.c - label and field selectors: canonical text, matching, and upstream's words for what is wrong. */
#include "sim/api/api.h"

#include <setjmp.h>
#include <cmocka.h>

static const char *const label_sets[] = { "{}", "{\"a\":\"b\"}", "{\"a\":\"\",\"x\":\"5\"}",
                                          "{\"a\":\"c\",\"in\":\"in\",\"x\":\"7\"}" };

static void test_good(void **state)
{
    (void)state;
    static const struct { const char *text, *canonical, *matches; } cases[] = {
        { "", "", "tttt" },
        { "a", "a", "fttt" },
        { "!a", "!a", "tfff" },
        { "a=b", "a=b", "ftff" },
        { "a==b", "a==b", "ftff" },
        { "a!=b", "a!=b", "tftt" },
        { "a=", "a=", "fftf" },
        { "x in (7, 5,5),a", "a,x in (5,7)", "fftt" },
        { "a notin (b,c)", "a notin (b,c)", "tftf" },
        { "in=in", "in=in", "ffft" },
        { "in in (in)", "in in (in)", "ffft" },
        { "x>5", "x>5", "ffft" },
        { "x<6", "x<6", "fftf" },
        { "a in ()", "a in ()", "fftf" },
        { "a in (,c)", "a in (,c)", "fftt" },
        { " x = 5 , a ", "a,x=5", "fftf" },
        { "a,", NULL, "found '', expected: identifier after ','" },
        { "a==b,,(", NULL, "found ',', expected: identifier after ','" },
        { "(", NULL, "found '(', expected: !, identifier, or 'end of string'" },
        { "a b", NULL, "unable to parse requirement: found 'b', expected: '=', '!=', '==', 'in', notin'" },
        { "!", NULL, "unable to parse requirement: found '', expected: identifier" },
        { "!a=b", NULL, "found '=', expected: ',' or 'end of string'" },
        { "a in b", NULL, "unable to parse requirement: found 'b' expected: '('" },
        { "a in (b", NULL, "unable to parse requirement: found '', expected: ',' or ')'" },
        { "a in (=", NULL, "unable to parse requirement: found '=', expected: ',', ')' or identifier" },
        { "a in (,", NULL, "unable to parse requirement: found '', expected: ',', or identifier" },
        { "a=(", NULL, "unable to parse requirement: found '(', expected: identifier" },
        { "x>y", NULL, "unable to parse requirement: for 'Gt', 'Lt' operators, the value must be an integer" },
        { "-bad", NULL,
          "unable to parse requirement: invalid label key \"-bad\": name part must consist of alphanumeric characters, '-', '_' or "
          "'.', and "
          "must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "
          "validation is "
          "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')" },
        { "a=-b", NULL,
          "unable to parse requirement: invalid label value: \"-b\": at key: \"a\": a valid label must be an empty string or "
          "consist of "
          "alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or "
          "'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *a = arena_new();
        struct err err = { 0 };
        struct selector *s = selector_parse(a, str_c(cases[i].text), &err);
        if (cases[i].canonical) {
            assert_non_null(s);
            assert_string_equal(arena_cstr(a, selector_text(a, s)), cases[i].canonical);
            for (size_t k = 0; k < ARRAY_LEN(label_sets); k++)
                assert_int_equal(selector_matches(s, json_parse(a, str_c(label_sets[k]), NULL)), cases[i].matches[k] == 't');
        } else {
            assert_null(s);
            assert_string_equal(err.msg, cases[i].matches);
            assert_int_equal(err.code, ERR_BAD_REQUEST);
        }
        arena_free(a);
    }
}

static void test_from_json(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    static const struct { const char *json, *text; } cases[] = {
        { "{\"matchLabels\":{\"b\":\"1\",\"a\":\"2\"}}", "a=2,b=1" },
        { "{\"matchLabels\":{\"b\":\"1\"},\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"In\",\"values\":[\"y\",\"x\"]},"
          "{\"key\":\"c\",\"operator\":\"DoesNotExist\"}]}", "a in (x,y),b=1,!c" },
        { "{}", "" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct selector *s = selector_from_json(a, json_parse(a, str_c(cases[i].json), NULL), NULL);
        assert_string_equal(arena_cstr(a, selector_text(a, s)), cases[i].text);
    }
    assert_true(selector_empty(selector_from_json(a, json_new_object(a), NULL)));
    assert_true(selector_empty(NULL) && selector_matches(NULL, NULL));
    struct selector *nothing = selector_from_json(a, NULL, NULL);
    assert_false(selector_empty(nothing) || selector_matches(nothing, NULL));
    struct err err = { 0 };
    assert_null(selector_from_json(a, json_parse(a, STR("{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"Gt\"}]}"), NULL), &err));
    assert_string_equal(err.msg, "\"Gt\" is not a valid pod selector operator");
    struct selector *map = selector_from_map(a, json_parse(a, STR("{\"run\":\"web\"}"), NULL));
    assert_true(selector_matches(map, json_parse(a, STR("{\"x\":\"y\",\"run\":\"web\"}"), NULL)));
    assert_false(selector_matches(map, NULL));
    arena_free(a);
}

static void test_fields(void **state)
{
    (void)state;
    static const struct { const char *text, *want; } cases[] = {
        { "", "" },
        { "metadata.name=c3", "metadata.name=c3" },
        { "status.phase!=Running,metadata.name==x", "metadata.name=x;status.phase!=Running" },
        { "a=x\\,y\\=z\\\\", "a=x,y=z\\" },
        { "=,a=", "a=" },
        { "a", "ERR invalid selector: 'a'; can't understand 'a'" },
        { "a=b=c", "ERR invalid field selector: unescaped character in value: 61" },
        { "a=\\x", "ERR invalid field selector: invalid escape sequence: \\x" },
        { "a=\\", "ERR invalid field selector: invalid escape sequence: \\" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *a = arena_new();
        struct strbuf b;
        strbuf_init(&b, 4096);
        struct field_selector fs;
        struct err err = { 0 };
        if (!field_selector_parse(a, str_c(cases[i].text), &fs, &err))
            strbuf_addf(&b, "ERR %s", err.msg);
        for (size_t k = 0; err.code == ERR_NONE && k < fs.n; k++)
            strbuf_addf(&b, "%s" STR_FMT "%s" STR_FMT, k ? ";" : "", STR_ARG(fs.v[k].key), fs.v[k].not_equal ? "!=" : "=",
                        STR_ARG(fs.v[k].value));
        assert_string_equal(arena_cstr(a, strbuf_str(&b)), cases[i].want);
        strbuf_deinit(&b);
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_good), cmocka_unit_test(test_from_json), cmocka_unit_test(test_fields) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
