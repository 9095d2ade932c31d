/* A Go component's command line: words, values and pflag's complaints about them. */
#include "sim/proc/pflag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const struct pflag table[] = {
    { "v", PFLAG_INT, NULL }, { "help", PFLAG_BOOL, NULL }, { "name", PFLAG_STRING, NULL }, { "wait", PFLAG_DURATION, NULL },
    { "on", PFLAG_BOOL, NULL },
    { "rate", PFLAG_FLOAT, NULL }, { "gates", PFLAG_MAP, NULL }, { "ip", PFLAG_IP, NULL },
    { "old", PFLAG_STRING, "use --name instead." }, { "all", PFLAG_LIST, NULL },
};

static const struct pflag *find(void *ctx, struct str name)
{
    (void)ctx;
    return pflag_find(table, sizeof *table, ARRAY_LEN(table), name);
}

static bool keep(void *ctx, const struct pflag *f, struct str text, int64_t number, struct err *err)
{
    (void)err;
    strbuf_addf(ctx, "%s=" STR_FMT "/%" PRId64 " ", f->name, STR_ARG(text), number);
    return true;
}

/* line: words parted by blanks; want: what was kept, the stray word behind "|", or the error. */
static const struct row { const char *line, *want; bool quoted; } rows[] = {
    { "", "|", false },
    { "--name=a --name b --on --on=false", "name=a/0 name=b/0 on=true/1 on=false/0 |", false },
    { "-v 2 -v=3 -v4 -h", "v=2/2 v=3/3 v=4/4 help=true/1 |", false },
    { "--wait 1m30s --rate 0.5 --gates a=true,b=false --ip 10.0.0.1 --all a,b",
      "wait=1m30s/90000000000 rate=0.5/0 gates=a=true,b=false/0 ip=10.0.0.1/0 all=a,b/0 |", false },
    { "one --on two", "on=true/1 |one", false },
    { "--on -- --name x", "on=true/1 |--name", false },
    { "--old x", "old=x/0 |!Flag --old has been deprecated, use --name instead.", false },
    { "-", "|-", false },
    { "--", "|", false },
    { "--nope", "unknown flag: --nope", false },
    { "-x", "unknown shorthand flag: 'x' in -x", false },
    { "--=x", "bad flag syntax: --=x", false },
    { "---x", "bad flag syntax: ---x", false },
    { "--name", "flag needs an argument: --name", false },
    { "-v", "flag needs an argument: 'v' in -v", false },
    { "-v x", "invalid argument \"x\" for \"-v, --v\" flag: strconv.ParseInt: parsing \"x\": invalid syntax", false },
    { "--on=maybe", "invalid argument \"maybe\" for \"--on\" flag: strconv.ParseBool: parsing \"maybe\": invalid syntax", false },
    { "--wait 60", "invalid argument \"60\" for \"--wait\" flag: time: missing unit in duration 60", false },
    { "--wait 60", "invalid argument \"60\" for \"--wait\" flag: time: missing unit in duration \"60\"", true },
    { "--wait 5x", "invalid argument \"5x\" for \"--wait\" flag: time: unknown unit x in duration 5x", false },
    { "--wait soon", "invalid argument \"soon\" for \"--wait\" flag: time: invalid duration soon", false },
    { "--rate x", "invalid argument \"x\" for \"--rate\" flag: strconv.ParseFloat: parsing \"x\": invalid syntax", false },
    { "--gates a", "invalid argument \"a\" for \"--gates\" flag: malformed pair, expect string=string", false },
    { "--ip 10.0.0", "invalid argument \"10.0.0\" for \"--ip\" flag: failed to parse IP: \"10.0.0\"", false },
    { "--ip 10.0.0.1.2", "invalid argument \"10.0.0.1.2\" for \"--ip\" flag: failed to parse IP: \"10.0.0.1.2\"", false },
};

static void check(const struct row *r, size_t row)
{
    struct arena *a = arena_new();
    struct strbuf out;
    struct err err = { 0 };
    char *argv[16] = { "program" };
    size_t n = 1;
    struct str line = str_c(r->line);
    strbuf_init(&out, 4096);
    while (line.p && line.n)
        argv[n++] = arena_cstr(a, str_token(&line, ' '));
    const struct pflag_set set = { find, keep, &out, r->quoted };
    const char *stray = NULL;
    struct json *deprecated = json_new_array(a);
    if (pflag_parse(a, &set, argv, &stray, deprecated, &err)) {
        strbuf_addf(&out, "|%s", stray ? stray : "");
        if (json_len(deprecated))
            strbuf_addf(&out, "!" STR_FMT, STR_ARG(json_str(json_at(deprecated, 0))));
    } else {
        strbuf_reset(&out);
        strbuf_addc(&out, err.msg);
    }
    if (!str_eqc(strbuf_str(&out), r->want))
        fail_msg("row %zu: %s: got %.*s", row, r->line, (int)out.n, out.p);
    err_clear(&err);
    strbuf_deinit(&out);
    arena_free(a);
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        check(&rows[i], i);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
