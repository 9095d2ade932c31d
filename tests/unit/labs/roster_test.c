/* Rosters: what is read, what is refused and where, and what becomes of names that are no file names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "labs/roster.h"

static void tables(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct roster r;
    struct err err = { 0 };
    assert_true(roster_parse(a, "r.csv",
                             STR("\xef\xbb\xbf" "Email,Student,SUBMISSION\r\na@x,ada, ada/ \r\n\r\n,\"Grace \"\"Amazing\"\" H., "
                                                "PhD\",\"g\nh\"\n,..,\n,m\xc3\xbcller/1,x"), &r, &err));
    static const struct { const char *student, *name, *submission; unsigned line; } rows[] = {
        { "ada", "ada", "ada/", 2 }, { "Grace \"Amazing\" H., PhD", "Grace%20%22Amazing%22%20H.%2C%20PhD", "g\nh", 4 },
        { "..", "%2E.", "", 6 },
        { "m\xc3\xbcller/1", "m%C3%BCller%2F1", "x", 7 },
    };
    assert_int_equal(r.n, ARRAY_LEN(rows));
    for (size_t i = 0; i < r.n; i++) {
        assert_string_equal(r.v[i].student, rows[i].student);
        assert_string_equal(r.v[i].name, rows[i].name);
        assert_string_equal(r.v[i].submission, rows[i].submission);
        assert_int_equal(r.v[i].line, rows[i].line);
    }
    arena_free(a);
}

static void errors(void **state)
{
    (void)state;
    static const struct { const char *text, *says; } cases[] = {
        { "", "r.csv:1: it is empty" },
        { "student,submission\n", "r.csv:2: there is no student in it" },
        { "name,submission\nx,y\n", "r.csv:1: the first line names the columns, and none of them is \"student\"" },
        { "student\nx\n", "r.csv:1: the first line names the columns, and none of them is \"submission\"" },
        { "student;submission\nx;y\n", "r.csv:1: the first line names the columns, and none of them is \"student\": save the table with "
                                        "commas between its fields" },
        { "student,Student,submission\nx,z,y\n",
          "r.csv:1: the first line names the columns, and more than one of them is \"student\"" },
        { "student,submission\nx,y\nz,w\nx,v\n", "r.csv:4: student \"x\" stands in line 2 already" },
        { "student,submission\nx,y,z\n", "r.csv:2: there are 3 fields, and the first line has 2" },
        { "student,submission\n ,y\n", "r.csv:2: the student has no name" },
        { "student,submission\n\"x\ny,z\n", "r.csv:2: a quote is opened and never closed" },
        { "student,submission\n\"x\" y,z\n", "r.csv:2: after a closing quote comes a comma or the end of the line" },
        { "student,submission\nx\"y,z\n",
          "r.csv:2: a quote stands in the middle of a field: put the whole field in quotes and double it" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *a = arena_new();
        struct roster r;
        struct err err = { 0 };
        assert_false(roster_parse(a, "r.csv", str_c(cases[i].text), &r, &err));
        assert_string_equal(err.msg, cases[i].says);
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(tables), cmocka_unit_test(errors) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
