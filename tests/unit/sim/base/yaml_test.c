/* tests/unit/sim/base/yaml_test.c - YAML against sigs.k8s.io/yaml v1.2.0 (the wanted texts were made by it; but keys keep the
 * order of the text, and a second document is refused). */
#include "sim/base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define ERR "error converting YAML to JSON: "
static const struct { const char *in, *want; } cases[] = {
    { "", "null" },
    { "# only a comment\n", "null" },
    { "a: 1\nb: text\nc: [x, {y: z}]\n", "{\"a\":1,\"b\":\"text\",\"c\":[\"x\",{\"true\":\"z\"}]}" },
    { "a: yes\nb: No\nc: on\nd: OFF\ne: y\nf: True\ng: yEs",
      "{\"a\":true,\"b\":false,\"c\":true,\"d\":false,\"e\":true,\"f\":true,\"g\":\"yEs\"}" },
    { "a:\nb: ~\nc: null\nd: NULL\ne: ''", "{\"a\":null,\"b\":null,\"c\":null,\"d\":null,\"e\":\"\"}" },
    { "a: 0x1F\nb: 0777\nc: 0o17\nd: 0b101\ne: 1_000\nf: +5\ng: -0x10\nh: 09\ni: 0x",
      "{\"a\":31,\"b\":511,\"c\":15,\"d\":5,\"e\":1000,\"f\":5,\"g\":-16,\"h\":9,\"i\":\"0x\"}" },
    { "a: .5\nb: 1e3\nc: 1.\nd: 1e400\ne: .\nf: 12:30:45\ng: 1.2.3",
      "{\"a\":0.5,\"b\":1000,\"c\":1,\"d\":\"1e400\",\"e\":\".\",\"f\":\"12:30:45\",\"g\":\"1.2.3\"}" },
    { "a: 2001-01-01\nb: 2001-12-14t21:59:43.10-05:00", "{\"a\":\"2001-01-01\",\"b\":\"2001-12-14t21:59:43.10-05:00\"}" },
    { "a: \"yes\"\nb: '1'\nc: !!str 1\nd: !!int \"12\"\ne: !!float 3\nf: !!binary aGVsbG8=\ng: !own 1",
      "{\"a\":\"yes\",\"b\":\"1\",\"c\":\"1\",\"d\":12,\"e\":3,\"f\":\"hello\",\"g\":\"1\"}" },
    { "1: a\n1.5: b\ntrue: c\non: d\n1000000.0: e\n1e300: f",
      "{\"1\":\"a\",\"1.5\":\"b\",\"true\":\"d\",\"1e+06\":\"e\",\".inf\":\"f\"}" },
    { "a: |\n  one\n  two\nb: >-\n  one\n  two\n", "{\"a\":\"one\\ntwo\\n\",\"b\":\"one two\"}" },
    { "a: &x {k: v, l: 2}\nb:\n  <<: *x\n  l: 3", "{\"a\":{\"k\":\"v\",\"l\":2},\"b\":{\"k\":\"v\",\"l\":3}}" },
    { "<<: [{a: 1}, {a: 2, b: 3}]", "{\"b\":3,\"a\":1}" },
    { "- &a x\n- *a\n- \"<<\"", "[\"x\",\"x\",\"\\u003c\\u003c\"]" },
    { "a: 1\na: 2", "{\"a\":2}" },
    { "{\"json\": [1, \"two\", null]}", "{\"json\":[1,\"two\",null]}" },
    { "--- \na: 1\n---\n", "{\"a\":1}" },
    { "a: 1\n---\nb: 2\n", ERR "yaml: expected a single document in the stream" },
    { "a: 1\nb: 2\nc: d: e\n", ERR "yaml: line 3: mapping values are not allowed in this context" },
    { "a: b: c", ERR "yaml: mapping values are not allowed in this context" },
    { "a: [1, 2", ERR "yaml: line 1: did not find expected ',' or ']'" },
    { "a:\n- b\n c: 1", ERR "yaml: line 3: mapping values are not allowed in this context" },
    { "a: @x", ERR "yaml: found character that cannot start any token" },
    { "a:\n\tb: 1", ERR "yaml: line 2: found character that cannot start any token" },
    { "a: *nope", ERR "yaml: unknown anchor 'nope' referenced" },
    { "a: &y [*y]", ERR "yaml: anchor 'y' value contains itself" },
    { "a: !!int x", ERR "yaml: cannot decode !!str `x` as a !!int" },
    { "<<: 1", ERR "yaml: map merge requires map or sequence of maps as the value" },
    { "a: {{ .Values.x }}", ERR "yaml: invalid map key: map[interface {}]interface {}{\".Values.x\":interface {}(nil)}" },
    { "null: x", ERR "Unsupported map key of type: %!s(<nil>), key: <nil>, value: \"x\"" },
    { "a: .inf", ERR "json: unsupported value: +Inf" },
    { "a: x\x01", ERR "yaml: control characters are not allowed" },
};

static void reads_as_sigs_yaml(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *a = arena_new();
        struct err err = { 0 };
        struct json *j = yaml_parse(a, str_c(cases[i].in), &err);
        assert_string_equal(j ? json_text(a, j).p : err.msg, cases[i].want);
        arena_free(a);
    }
}

static void many_documents(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct err err = { 0 };
    struct json *docs = NULL;
    assert_true(yaml_parse_all(a, STR("---\na: &x 1\n---\n# nothing\n---\n- b\n...\n---\n"), &docs, &err));
    assert_string_equal(json_text(a, docs).p, "[{\"a\":1},[\"b\"]]");
    assert_true(yaml_parse_all(a, STR(""), &docs, &err));
    assert_int_equal(json_len(docs), 0);
    assert_false(yaml_parse_all(a, STR("a: &x 1\n---\nb: *x\n"), &docs, &err));    /* anchors end with their document */
    assert_string_equal(err.msg, ERR "yaml: unknown anchor 'x' referenced");
    arena_free(a);
}

static void laughs_are_refused(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct err err = { 0 };
    struct strbuf b;
    strbuf_init(&b, 65536);
    strbuf_addc(&b, "a0: &a0 [lol,lol,lol,lol,lol,lol,lol,lol,lol]\n");
    for (int i = 1; i < 10; i++)
        strbuf_addf(&b, "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i, i - 1, i - 1, i - 1, i - 1, i - 1,
                    i - 1, i - 1, i - 1, i - 1);
    assert_null(yaml_parse(a, strbuf_str(&b), &err));
    assert_string_equal(err.msg, ERR "yaml: document contains excessive aliasing");
    assert_true(arena_used(a) < 64 * 1024 * 1024);
    strbuf_reset(&b);
    for (int i = 0; i < 500; i++)
        strbuf_addch(&b, '[');
    assert_null(yaml_parse(a, strbuf_str(&b), &err));
    strbuf_deinit(&b);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(reads_as_sigs_yaml), cmocka_unit_test(many_documents),
                                        cmocka_unit_test(laughs_are_refused) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
