/* Text folded for a terminal: at words, below where a line's text began; code, tables and long words are left whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "sim/cmd/cmd.h"

static void folds(void **state)
{
    (void)state;
    static const struct { const char *text; size_t width; bool markdown; const char *want; } cases[] = {
        { "short\nand more\n", 40, false, "short\nand more\n" },
        { "one two three four five six seven eight", 0, false, "one two three four five six seven eight" },
        { "one two three four five six seven eight\n\nx\n", 30, false, "one two three four five six\nseven eight\n\nx\n" },
        { "            help: docker image build -t target hpa, then kubectl create", 60, false,
          "            help: docker image build -t target hpa, then\n                  kubectl create" },
        { "# A heading that is longer than its screen is wide\nA paragraph\nof lines  that\nare short.\n- and a bullet\n  of two\n\nlast\n", 30,
          true, "# A heading that is longer than its screen is wide\nA paragraph of lines  that are\nshort.\n- and a bullet of two\n\nlast\n" },
        { "            why:  everything else asks the metrics server for it", 50, false,
          "            why:  everything else asks the metrics\n                  server for it" },
        { "  up           start the cluster, or go on with the one there is", 46, false,
          "  up           start the cluster, or go on\n               with the one there is" },
        { "Usage: kubelab up [--detach] [--port N] [--lab LAB | --bare] [--nodes N]", 34, false,
          "Usage: kubelab up [--detach]\n       [--port N]\n       [--lab LAB | --bare]\n       [--nodes N]" },
        { "- a bullet goes on below its first letter, not below the dash", 40, true,
          "- a bullet goes on below its first\n  letter, not below the dash" },
        { "12. so does a number, however many digits that number has", 40, true,
          "12. so does a number, however many\n    digits that number has" },
        { "see https://example.org/a/very/long/path/that/is/one/word here", 30, true,
          "see\nhttps://example.org/a/very/long/path/that/is/one/word\nhere" },
        { "    kubectl get pods --all-namespaces -o wide\n| a | table is left as it is too, every row |\n```\nfenced code is left as it is "
          "as well\n```\n", 30, true,
          "    kubectl get pods --all-namespaces -o wide\n| a | table is left as it is too, every row |\n```\nfenced code is left as it is "
          "as well\n```\n" },
        { "\xc3\xa4\xc3\xb6\xc3\xbc \xc3\xa4\xc3\xb6\xc3\xbc \xc3\xa4\xc3\xb6\xc3\xbc \xc3\xa4\xc3\xb6\xc3\xbc \xc3\xa4\xc3\xb6\xc3\xbc "
          "\xc3\xa4\xc3\xb6\xc3\xbc \xc3\xa4\xc3\xb6\xc3\xbc", 30, false,
          "\xc3\xa4\xc3\xb6\xc3\xbc \xc3\xa4\xc3\xb6\xc3\xbc \xc3\xa4\xc3\xb6\xc3\xbc \xc3\xa4\xc3\xb6\xc3\xbc \xc3\xa4\xc3\xb6\xc3\xbc "
          "\xc3\xa4\xc3\xb6\xc3\xbc \xc3\xa4\xc3\xb6\xc3\xbc" },
        { "                                        deep text gets the whole line", 50, false,
          "                                        deep text\ngets the whole line" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct strbuf out;
        strbuf_init(&out, 65536);
        page_fold(&out, str_c(cases[i].text), cases[i].width, cases[i].markdown);
        struct arena *a = arena_new();
        assert_string_equal(arena_cstr(a, strbuf_str(&out)), cases[i].want);
        arena_free(a);
        strbuf_deinit(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(folds) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
