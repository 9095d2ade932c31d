/* tests/unit/sim/base/json_test.c - JSON trees against the behaviour of Go's encoding/json (the wanted texts were made by Go). */
#include "sim/base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static const struct { const char *in, *want; } round_trips[] = {
    { "{}", "{}" },
    { " [ ] ", "[]" },
    { "{\"a\" : [1 , 2.50, {\"b\":null}], \"c\":true}", "{\"a\":[1,2.5,{\"b\":null}],\"c\":true}" },
    { "{\"a\":1,\"b\":2,\"a\":3}", "{\"b\":2,\"a\":3}" },
    { "9223372036854775807", "9223372036854775807" },
    { "-9223372036854775808", "-9223372036854775808" },
    { "9007199254740993", "9007199254740993" },
    { "9223372036854775808", "9223372036854776000" },
    { "1e21", "1e+21" },
    { "1e20", "100000000000000000000" },
    { "0.000001", "0.000001" },
    { "1e-7", "1e-7" },
    { "1.5e-10", "1.5e-10" },
    { "5e-324", "5e-324" },
    { "-0.25", "-0.25" },
    { "1.0", "1" },
    { "0.1", "0.1" },
    { "0.30000000000000004", "0.30000000000000004" },
    { "\"<&>\\u2028\\/\\n\\u0001\"", "\"\\u003c\\u0026\\u003e\\u2028/\\n\\u0001\"" },
    { "\"\\u00e9\\ud83d\\ude00\"", "\"\xc3\xa9\xf0\x9f\x98\x80\"" },
    { "\"\\ud800x\"", "\"\xef\xbf\xbdx\"" },
    { "\"\xff\"", "\"\xef\xbf\xbd\"" },
    { "\"a\\u0000b\"", "\"a\\u0000b\"" },
    { "{\"a\\u0000b\":1,\"a\":2}", "{\"a\\u0000b\":1,\"a\":2}" },
};

static void text_to_tree_to_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(round_trips); i++) {
        struct arena *a = arena_new();
        struct err err = { 0 };
        struct json *j = json_parse(a, str_c(round_trips[i].in), &err);
        if (!j)
            fail_msg("%s: %s", round_trips[i].in, err.msg);
        assert_string_equal(json_text(a, j).p, round_trips[i].want);
        assert_true(json_equal(j, json_copy(a, j)));
        arena_free(a);
    }
}

static const struct { const char *in, *want; } errors[] = {
    { "", "unexpected end of JSON input" },
    { "  ", "unexpected end of JSON input" },
    { "{\"a\":1", "unexpected end of JSON input" },
    { "\"abc", "unexpected end of JSON input" },
    { "x", "invalid character 'x' looking for beginning of value" },
    { "[1,]", "invalid character ']' looking for beginning of value" },
    { "{\"a\":1,}", "invalid character '}' looking for beginning of object key string" },
    { "{a:1}", "invalid character 'a' looking for beginning of object key string" },
    { "{\"a\" 1}", "invalid character '1' after object key" },
    { "{\"a\":1 \"b\"}", "invalid character '\"' after object key:value pair" },
    { "[1 2]", "invalid character '2' after array element" },
    { "{} x", "invalid character 'x' after top-level value" },
    { "01", "invalid character '1' after top-level value" },
    { "tru", "invalid character ' ' in literal true (expecting 'e')" },
    { "nul]", "invalid character ']' in literal null (expecting 'l')" },
    { "-", "invalid character ' ' in numeric literal" },
    { "1.x", "invalid character 'x' after decimal point in numeric literal" },
    { "1ex", "invalid character 'x' in exponent of numeric literal" },
    { "\"\\q\"", "invalid character 'q' in string escape code" },
    { "\"\\u12g4\"", "invalid character 'g' in \\u hexadecimal character escape" },
    { "\"a\nb\"", "invalid character '\\n' in string literal" },
    { "\"a\x01\"", "invalid character '\\x01' in string literal" },
    { "'a'", "invalid character '\\'' looking for beginning of value" },
    { "\xe9", "invalid character '\xc3\xa9' looking for beginning of value" },
    { "1e999", "json: cannot unmarshal number 1e999 into Go value of type float64" },
};

static void errors_read_as_gos(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        struct arena *a = arena_new();
        struct err err = { 0 };
        assert_null(json_parse(a, str_c(errors[i].in), &err));
        assert_int_equal(err.code, ERR_PARSE);
        assert_string_equal(err.msg, errors[i].want);
        assert_null(json_parse(a, str_c(errors[i].in), NULL));
        arena_free(a);
    }
}

static void depth_is_bounded(void **state)
{
    (void)state;
    char text[4096];
    struct arena *a = arena_new();
    struct err err = { 0 };
    memset(text, '[', LIMIT_JSON_DEPTH);
    memset(text + LIMIT_JSON_DEPTH, ']', LIMIT_JSON_DEPTH);
    assert_non_null(json_parse(a, (struct str){ text, 2 * LIMIT_JSON_DEPTH }, &err));
    memset(text, '[', sizeof text);
    assert_null(json_parse(a, (struct str){ text, sizeof text }, &err));
    assert_string_equal(err.msg, "exceeded max depth");
    arena_free(a);
}

static void prefix_leaves_the_rest(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct str text = STR(" {\"a\":1}{\"b\":2} x");
    size_t used;
    assert_non_null(json_parse_prefix(a, text, &used, NULL));
    assert_int_equal(used, 8);
    assert_non_null(json_parse_prefix(a, str_sub(text, used, text.n), &used, NULL));
    assert_int_equal(used, 7);
    arena_free(a);
}

static void readers_forgive(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct json *j = json_parse(a,
                                STR("{\"i\":7,\"f\":2.0,\"h\":2.5,\"b\":true,\"s\":\"x\",\"n\":null,\"l\":[{\"k\":\"v\"},5],"
                                    "\"E\":{\"d\":1}}"), NULL);
    assert_int_equal(json_type(NULL), JSON_NULL);
    assert_false(json_is(NULL, JSON_NULL));
    assert_true(json_is(json_get(j, "n"), JSON_NULL));
    assert_int_equal(json_get_int(j, "i", -1), 7);
    assert_int_equal(json_type(json_get(j, "f")), JSON_FLOAT);
    assert_int_equal(json_get_int(j, "f", -1), 2);
    assert_int_equal(json_get_int(j, "h", -1), -1);
    assert_int_equal(json_get_int(j, "s", -1), -1);
    assert_true(json_double(json_get(j, "i"), 0) == 7.0);
    assert_true(json_get_bool(j, "b", false));
    assert_true(json_get_bool(j, "none", true));
    assert_null(json_get(j, "e"));                 /* case matters */
    assert_int_equal(json_path_int(j, "E.d", -1), 1);
    assert_true(str_eqc(json_path_str(j, "l.0.k"), "v"));
    assert_int_equal(json_path_int(j, "l.1", -1), 5);
    assert_null(json_path(j, "l.2.k"));
    assert_null(json_path(j, "s.x"));
    assert_int_equal(json_get_str(NULL, "x").n, 0);
    assert_int_equal(json_len(json_get(j, "l")), 2);
    assert_int_equal(json_len(j), 8);
    assert_null(json_at(json_get(j, "l"), 2));
    assert_true(str_eqc(json_key(json_first(j)), "i"));
    assert_int_equal(json_key(json_first(json_get(j, "l"))).n, 0);
    arena_free(a);
}

static void trees_change(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct json *o = json_new_object(a), *l = json_ensure_array(a, o, "l");
    for (int i = 0; i < 3; i++)
        json_append(l, json_new_int(a, i));
    json_insert(l, 0, json_new_strc(a, "first"));
    json_insert(l, 4, json_new_strc(a, "last"));
    json_insert(l, 2, json_null(a));
    assert_string_equal(json_text(a, o).p, "{\"l\":[\"first\",0,null,1,2,\"last\"]}");
    assert_true(str_eqc(json_str(json_remove_at(l, 5)), "last"));
    json_remove_at(l, 0);
    assert_null(json_remove_at(l, 9));
    json_append(l, json_new_bool(a, false));       /* the list's end is still known */
    json_replace(l, json_at(l, 0), json_new_strc(a, "zero"));
    json_replace(l, json_at(l, 4), json_new_strc(a, "end"));
    json_append(l, json_new_int(a, 9));
    assert_string_equal(json_text(a, o).p, "{\"l\":[\"zero\",null,1,2,\"end\",9]}");
    json_set_int(a, o, "z", 1);
    json_set_str(a, o, "b", STR("x"));
    json_set_bool(a, o, "l", true);                /* in place */
    json_set_strc(a, json_ensure(a, o, "deep"), "k", "v");
    assert_ptr_equal(json_ensure(a, o, "deep"), json_get(o, "deep"));
    assert_string_equal(json_text(a, o).p, "{\"l\":true,\"z\":1,\"b\":\"x\",\"deep\":{\"k\":\"v\"}}");
    json_sort_keys(o);
    assert_string_equal(json_text(a, o).p, "{\"b\":\"x\",\"deep\":{\"k\":\"v\"},\"l\":true,\"z\":1}");
    struct json *moved = json_remove(o, "deep");
    assert_null(json_remove(o, "deep"));
    json_append(l, moved);
    assert_int_equal(json_key(moved).n, 0);
    json_remove(o, "b");
    json_remove(o, "z");
    json_replace(o, json_get(o, "l"), json_new_int(a, 5));  /* an only child */
    json_set_int(a, o, "m", 6);
    assert_string_equal(json_text(a, o).p, "{\"l\":5,\"m\":6}");
    arena_free(a);
}

static void equality_ignores_order_of_keys(void **state)
{
    (void)state;
    static const struct { const char *a, *b; bool equal; } cases[] = {
        { "{\"a\":1,\"b\":[1,2]}", "{\"b\":[1,2],\"a\":1.0}", true },
        { "[1,2]", "[2,1]", false },
        { "{\"a\":1}", "{\"a\":1,\"b\":2}", false },
        { "{\"a\":null}", "{\"b\":null}", false },
        { "9007199254740993", "9007199254740992", false },
        { "\"1\"", "1", false },
        { "null", "false", false },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *a = arena_new();
        assert_int_equal(json_equal(json_parse(a, str_c(cases[i].a), NULL), json_parse(a, str_c(cases[i].b), NULL)), cases[i].equal);
        arena_free(a);
    }
}

static void pretty_is_gos_indent(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct strbuf b;
    strbuf_init(&b, 4096);
    json_write(&b, json_parse(a, STR("{\"a\":{},\"b\":[],\"c\":[1,{\"d\":\"<\"}]}"), NULL), JSON_PRETTY | JSON_NO_HTML_ESCAPE);
    assert_string_equal(b.p, "{\n  \"a\": {},\n  \"b\": [],\n  \"c\": [\n    1,\n    {\n      \"d\": \"<\"\n    }\n  ]\n}");
    strbuf_deinit(&b);
    arena_free(a);
}

static void templates_build_trees(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct json *j = json_buildf(a,
                                 " {'kind': %s, \"n\": %d, 'ok': %b, 'f': %f, 'spec': %j, 'name': %S, %k: [1, -2.5, null, 'x', {}],"
                                 " 'e': [ ], 'none': %s} ", "Po\"d",
                                 (int64_t)9007199254740993, 1, 0.5, json_new_array(a), STR("web"), "app.kubernetes.io/name", NULL);
    assert_string_equal(json_text(a, j).p,
                        "{\"kind\":\"Po\\\"d\",\"n\":9007199254740993,\"ok\":true,\"f\":0.5,\"spec\":[],\"name\":\"web\","
                                           "\"app.kubernetes.io/name\":[1,-2.5,null,\"x\",{}],\"e\":[],\"none\":null}");
    arena_free(a);
}

/* Far more keys than the pairwise comparison is meant for, each twice. */
static void duplicates_among_many_keys(void **state)
{
    (void)state;
    enum { KEYS = 20000 };
    struct arena *a = arena_new();
    struct strbuf b;
    strbuf_init(&b, 4 * 1024 * 1024);
    for (int i = 0; i < 2 * KEYS; i++)
        strbuf_addf(&b, "%c\"key%d\":%d", i ? ',' : '{', i % KEYS, i);
    strbuf_addch(&b, '}');
    struct json *j = json_parse(a, strbuf_str(&b), NULL);
    assert_int_equal(json_len(j), KEYS);
    assert_int_equal(json_get_int(j, "key7", 0), KEYS + 7);
    strbuf_deinit(&b);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_to_tree_to_text),     cmocka_unit_test(errors_read_as_gos),    cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(prefix_leaves_the_rest),   cmocka_unit_test(readers_forgive),       cmocka_unit_test(trees_change),
        cmocka_unit_test(equality_ignores_order_of_keys), cmocka_unit_test(pretty_is_gos_indent),
        cmocka_unit_test(templates_build_trees),
        cmocka_unit_test(duplicates_among_many_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
