/* Records of upstream's own answers (v1.34.4, v1.20.15) through hpa_eval. KUBELAB_HPA_RECORDS names a folder with more of them:
 * the same file names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "hpa/hpa.h"

EMBED(calculator_34, "tests/unit/hpa/data/calculator.jsonl")
EMBED(calculator_20, "tests/unit/hpa/data/calculator_v120.jsonl")
EMBED(sequences_34, "tests/unit/hpa/data/sequences.jsonl")
EMBED(sequences_20, "tests/unit/hpa/data/sequences_v120.jsonl")
EMBED(controller_34, "tests/unit/hpa/data/controller.jsonl")

enum { OUT_MAX = 1 << 28 };

/* The recorded answer, in the shape of ours. */
static struct json *wanted(struct arena *a, const char *mode, const struct json *record)
{
    if (strcmp(mode, "calculator") == 0)
        return json_copy(a, json_get(record, "out"));
    struct json *ticks = json_new_array(a);
    for (const struct json *t = json_first(json_get(record, "ticks")); t; t = json_next(t)) {
        if (strcmp(mode, "controller") == 0) {
            json_append(ticks, json_copy(a, json_get(t, "out")));
            continue;
        }
        struct json *row = json_new_array(a);
        for (size_t i = 3; i < json_len(t); i++)
            json_append(row, json_copy(a, json_at(t, i)));
        json_append(ticks, row);
    }
    return ticks;
}

static size_t check(const char *mode, int minor, struct str records)
{
    struct strbuf out, messages;
    size_t n = 0;
    strbuf_init(&out, OUT_MAX);
    strbuf_init(&messages, OUT_MAX);
    assert_int_equal(hpa_eval(&(struct hpa_eval_options){ .mode = mode, .minor = minor }, records, &out, &messages), 0);
    struct str answers = strbuf_str(&out);
    while (records.n && answers.n) {
        struct arena *a = arena_new();
        const struct json *record = json_parse(a, str_token(&records, '\n'), NULL);
        if (json_get(record, "id")) {
            const struct json *answer = json_parse(a, str_token(&answers, '\n'), NULL);
            const struct json *got = json_get(answer, strcmp(mode, "calculator") == 0 ? "out" : "ticks"),
                              *want = wanted(a, mode, record);
            assert_true(json_equal(json_get(answer, "id"), json_get(record, "id")));
            if (!json_equal(got, want))
                assert_string_equal(arena_cstr(a, json_text(a, got)), arena_cstr(a, json_text(a, want)));
            n++;
        }
        arena_free(a);
    }
    strbuf_deinit(&out);
    strbuf_deinit(&messages);
    return n;
}

static void test_samples(void **state)
{
    (void)state;
    assert_int_equal(check("calculator", 34, calculator_34()), 120);
    assert_int_equal(check("calculator", 20, calculator_20()), 80);
    assert_int_equal(check("sequence", 34, sequences_34()), 21);
    assert_int_equal(check("sequence", 20, sequences_20()), 16);
    assert_int_equal(check("controller", 34, controller_34()), 9);
}

static void test_more(void **state)
{
    (void)state;
    static const struct { const char *file, *mode; int minor; } files[] = {
        { "calculator.jsonl", "calculator", 34 }, { "calculator_v120.jsonl", "calculator", 20 }, { "sequences.jsonl", "sequence", 34 },
        { "sequences_v120.jsonl", "sequence", 20 }, { "controller.jsonl", "controller", 34 },
    };
    const char *folder = getenv("KUBELAB_HPA_RECORDS");
    if (!folder)
        skip();
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct arena *a = arena_new();
        struct str text;
        struct err err = { 0 };
        if (!file_read(arena_printf(a, "%s/%s", folder, files[i].file), OUT_MAX, a, &text, &err))
            fail_msg("%s", err.msg);
        assert_true(check(files[i].mode, files[i].minor, text) > 0);
        arena_free(a);
    }
}

static void test_not_records(void **state)
{
    (void)state;
    static const char good[] = "{\"id\":7,\"in\":{\"kind\":\"object\",\"current_replicas\":2,\"target\":100,\"tol_up\":0.1,"
                               "\"tol_down\":0.1,\"cpu_init_s\":300,\"ready_delay_s\":30,"
                               "\"pods\":[],\"metrics\":{\"call\":\"object\",\"value\":105,\"error\":null}}}\n";
    static const char answer[] = "{\"id\":7,\"out\":{\"error\":null,\"raw\":105,\"replicas\":2}}\n";
    static const struct { const char *mode, *second_line, *words; } cases[] = {
        { "calculator", "{\"id\":1", "line 3 is not a calculator record" },
        { "calculator", "17", "line 3 is not a calculator record: not an object" },
        { "calculator", "{}", "line 3 is not a calculator record: a record has an id" },
        { "calculator", "{\"id\":1}", "line 3 is not a calculator record: \"in\" is not an object" },
        { "calculator", "{\"id\":1,\"in\":{}}", "in.current_replicas is not a number" },
        { "sequence", NULL, "line 1 is not a sequence record: a sequence has min, max and ticks" },
        { "controller", NULL, "line 1 is not a controller record: a record has hpa_spec and ticks" },
        { "nonsense", NULL, "hpa eval knows calculator, sequence and controller, not nonsense" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *a = arena_new();
        struct strbuf out, messages;
        strbuf_init(&out, OUT_MAX);
        strbuf_init(&messages, OUT_MAX);
        const char *input = arena_printf(a, "%s\n%s\n", good, cases[i].second_line ? cases[i].second_line : "");
        assert_int_equal(hpa_eval(&(struct hpa_eval_options){ .mode = cases[i].mode, .minor = 34 }, str_c(input), &out, &messages), 2);
        assert_string_equal(arena_cstr(a, strbuf_str(&out)), cases[i].second_line ? answer : "");
        assert_non_null(strstr(arena_cstr(a, strbuf_str(&messages)), cases[i].words));
        strbuf_deinit(&out);
        strbuf_deinit(&messages);
        arena_free(a);
    }
}

static void test_explain(void **state)
{
    (void)state;
    struct strbuf out, messages;
    strbuf_init(&out, OUT_MAX);
    strbuf_init(&messages, OUT_MAX);
    struct str records = calculator_34(), line = str_token(&records, '\n');
    assert_int_equal(hpa_eval(&(struct hpa_eval_options){ .mode = "calculator", .minor = 34, .explain = true }, line, &out,
                              &messages), 0);
    struct arena *a = arena_new();
    assert_true(json_len(json_get(json_parse(a, strbuf_str(&out), NULL), "why")) > 0);
    arena_free(a);
    strbuf_deinit(&out);
    strbuf_deinit(&messages);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_samples), cmocka_unit_test(test_more),
                                        cmocka_unit_test(test_not_records), cmocka_unit_test(test_explain) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
