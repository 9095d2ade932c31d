/* tests/unit/sim/cmd/record_test.c - a journal's file: what is read, and what is refused with its line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "sim/base/archive.h"
#include "sim/cmd/journal.h"

#define HEAD "{\"journal\":\"kubelab\",\"format\":1,\"seed\":\"0300000000000000000000000000000000000000000000000000000000000000\"}\n"
#define UP "{\"kind\":\"up\"}\n"
#define ASK "{\"kind\":\"request\",\"n\":5,\"t\":10}\n"
#define END "{\"kind\":\"end\",\"n\":9,\"t\":20}\n"

static void a_whole_one(void **state)
{
    struct arena *a = arena_new();
    struct journal_file f;
    (void)state;
    const char *text = HEAD UP ASK "{\"kind\":\"answer\",\"id\":5}\n{\"kind\":\"gone\",\"id\":5,\"n\":7,"
                                   "\"t\":10}\n{\"kind\":\"stop\",\"n\":8,\"t\":11}\n"
                       UP ASK "{\"kind\":\"killed\",\"n\":6,\"t\":11}\n{\"kind\":\"end\"}\n";
    assert_true(journal_file_read(a, str_c(text), &f, NULL));
    assert_int_equal(f.n, 9);
    assert_int_equal(f.lines[1].kind, RECORD_REQUEST);
    assert_int_equal(f.lines[1].id, 5);
    assert_int_equal(f.lines[3].line, 5);
    assert_int_equal(f.seed.n, 32);
    assert_int_equal(f.seed.p[0], 3);
    struct str packed = gzip_pack(a, str_c(text), 9);
    assert_true(journal_file_read(a, packed, &f, NULL));
    assert_int_equal(f.n, 9);
    assert_false(journal_file_read(a, str_sub(packed, 0, packed.n - 9), &f, NULL));
    arena_free(a);
}

static void broken_ones(void **state)
{
    static const struct { const char *text, *why; } cases[] = {
        { "", "empty" },
        { HEAD, "end is missing" },
        { "{\"journal\":\"other\"}\n", "line 1: this is no journal" },
        { "[]\n", "line 1: this is no journal" },
        { "\x7f" "ELF\n", "line 1: this is no journal" },
        { "{\"journal\":\"kubelab\",\"format\":2}\n", "line 1: the journal has format 2" },
        { "{\"journal\":\"kubelab\",\"format\":1,\"seed\":\"03\"}\n", "line 1: the seed" },
        { HEAD UP "{\"kind\":\"end\",", "line 3: the file is cut off" },
        { HEAD UP ASK, "after line 3" },
        { HEAD UP ASK "nothing\n" END, "line 4: this is no JSON object" },
        { HEAD UP ASK "[1]\n" END, "line 4: this is no JSON object" },
        { HEAD UP "{\"kind\":\"wish\",\"n\":6,\"t\":10}\n" END, "line 3: there is no record of the kind \"wish\"" },
        { HEAD ASK END, "line 2: this belongs to a life" },
        { HEAD UP UP END, "line 3: a life begins while" },
        { HEAD UP ASK ASK END, "line 4: its number is that of" },
        { HEAD UP ASK "{\"kind\":\"step\",\"n\":4,\"t\":10}\n" END, "line 4: its number or time is before" },
        { HEAD UP ASK "{\"kind\":\"step\",\"n\":6,\"t\":9}\n" END, "line 4: its number or time is before" },
        { HEAD UP ASK "{\"kind\":\"step\",\"n\":6,\"t\":9223372036854775807}\n" END, "line 4: its number or time is before" },
        { HEAD UP ASK "{\"kind\":\"gone\",\"n\":6,\"t\":10,\"id\":4}\n" END, "line 4: it is of a request that there was not" },
        { HEAD UP ASK "{\"kind\":\"stop\",\"n\":6,\"t\":10}\n" UP "{\"kind\":\"answer\",\"id\":5}\n" END,
          "line 6: it is of a request that there was not" },
        { HEAD UP END "{\"kind\":\"end\"}\n", "line 4: something follows" },
        { HEAD "{\"kind\":\"end\"}\n", "line 2: this belongs to a life" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *a = arena_new();
        struct journal_file f;
        struct err err = { 0 };
        assert_false(journal_file_read(a, str_c(cases[i].text), &f, &err));
        if (str_find(str_c(err.msg), str_c(cases[i].why)) < 0)
            fail_msg("case %zu: %s", i, err.msg);
        err_clear(&err);
        arena_free(a);
    }
}

static void bytes_go_both_ways(void **state)
{
    const struct str samples[] = { STR(""), STR("plain"), STR("with \0 inside"), STR("\xff\xfe not text"),
                                   STR("J\xc3\xbcrgen <b>&\"\\\n\t\x01"), STR("\xe2\x80\xa8") };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        struct arena *a = arena_new();
        struct json *j = json_new_object(a);
        struct strbuf text;
        struct str out;
        strbuf_init(&text, 4096);
        record_set_bytes(a, j, "body", samples[i]);
        json_write(&text, j, JSON_NO_HTML_ESCAPE);
        assert_true(str_chr(strbuf_str(&text), '\n') < 0);       /* a record is a line */
        assert_true(record_get_bytes(a, json_parse(a, strbuf_str(&text), NULL), "body", &out));
        assert_true(str_eq(out, samples[i]));
        strbuf_deinit(&text);
        arena_free(a);
    }
}

static void files_of_nodes_alone(void **state)
{
    (void)state;
    assert_true(journal_file_belongs(STR("node/etc/kubernetes/manifests/x.yaml")));
    assert_true(journal_file_belongs(STR("nodes/worker1/var/lib/kubelet/config.yaml")));
    static const char *const not[] = { "", "/etc/passwd", "node/etc/", "node/../seed", "node/etc/../../../x", "node/etc//x",
                                       "seed", "kubelab.db", "nodes/etc/x", "nodes/a/b/etc/x",
                                       "node/var/log/pods/x", "node/etc/./x", "nodes/../node/etc/x" };
    for (size_t i = 0; i < ARRAY_LEN(not); i++)
        if (journal_file_belongs(str_c(not[i])))
            fail_msg("%s is none", not[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_whole_one), cmocka_unit_test(broken_ones),
                                        cmocka_unit_test(bytes_go_both_ways), cmocka_unit_test(files_of_nodes_alone) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
