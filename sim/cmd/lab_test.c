/* sim/cmd/lab_test.c - `kubelab lab test`: does a lab hold what it promises? Its reference solution passes every check, and each wrong
 * solution fails in exactly the checks that it names, for several seeds (and so several variants), each on a cluster of its own.
 */
#include "sim/cmd/profile.h"

#include <stdio.h>
#include <stdlib.h>

enum { SEEDS_USUAL = 3 };

struct tested { const char *what, *scenario; bool right; int64_t passed, failed; };
struct test {
    struct arena *a;
    const struct lab *lab;
    struct options *o;
    const char *folder;                /* scratch: what each job has to say, by its number, and a shelf for each seed */
    struct tested *v; size_t n;
    int64_t seeds;
    size_t *ended;                     /* of each seed's runs */
    struct json *failures;             /* {what, scenario, seed, why} */
};

/* The runs of one seed come one after another, and share what they begin with. */
static struct tested *tested_of(const struct test *t, size_t job) { return &t->v[job % t->n]; }
static int64_t seed_of(const struct test *t, size_t job) { return 1 + (int64_t)(job / t->n); }
static const char *shelf_of(const struct test *t, size_t job) { return arena_printf(t->a, "%s/seed-%zu", t->folder, job / t->n); }

/* ---- a job: in a process of its own ---- */
static bool same_names(const struct json *x, const struct json *y)
{
    for (const struct json *c = json_first(x); c; c = json_next(c)) {
        bool found = false;
        for (const struct json *d = json_first(y); d && !found; d = json_next(d))
            found = str_eq(json_str(c), json_str(d));
        if (!found)
            return false;
    }
    return true;
}

/* A scenario that has checks of its own says in them what is to fail; the lab has to say the same. *own: it has any. */
static bool agrees(struct arena *a, const struct scenario *sc, const struct json *fails, bool *own, struct str *why)
{
    struct json *said = json_new_array(a);
    *own = false;
    for (const struct scenario_step *st = sc->steps; st; st = st->next) {
        *own = *own || st->action == ACTION_CHECK;
        for (const struct json *c = st->action == ACTION_CHECK ? json_first(st->fails) : NULL; c; c = json_next(c))
            json_append(said, json_copy(a, c));
    }
    if (!*own || (same_names(said, fails) && same_names(fails, said)))
        return true;
    *why = arena_strf(a, "lab.yaml says that it fails " STR_FMT ", and the scenario " STR_FMT,
                      STR_ARG(fails ? json_text(a, fails) : STR("[]")), STR_ARG(json_text(a, said)));
    return false;
}

static struct str first_failed(struct arena *a, const struct timeline *tl)
{
    for (const struct json *s = json_first(tl->steps); s; s = json_next(s))
        if (!json_get_bool(s, "ok", true))
            return arena_strf(a, "line %" PRId64 ", " STR_FMT ": " STR_FMT, json_get_int(s, "line", 0),
                              STR_ARG(json_get_str(s, "name")), STR_ARG(json_get_str(s, "message")));
    return STR("it was interrupted");
}

/* lab: as it is seen with the run's values, on which they may depend. */
static const struct json *fails_of(const struct lab *lab, const struct tested *x)
{
    for (const struct lab_wrong *w = x->right ? NULL : lab->wrong; w; w = w->next)
        if (strcmp(w->scenario, x->scenario) == 0)
            return w->fails;
    return NULL;
}

/* Empty: it went as it should. */
static struct str judge_run(const struct test *t, const struct tested *x, struct stage *stage, const struct scenario *sc,
                            struct err *err)
{
    struct timeline tl;
    struct check_report report;
    struct strbuf wrong;
    struct str why = STR_NULL;
    const struct json *fails = fails_of(lab_find(t->lab->name), x);
    bool own;
    if (!agrees(t->a, sc, fails, &own, &why) || !stage_play(stage, t->a, sc, NULL, NULL, &tl, err))
        return why;
    if (tl.failed || tl.interrupted)
        return first_failed(t->a, &tl);
    if (own)
        return STR_NULL;
    struct document_of of = { .history = tl.samples, .params = sc->params };
    if (!checks_run(t->a, stage->ops, lab_find(t->lab->name), NULL, NULL, &of, &report, err))
        return STR_NULL;
    strbuf_init(&wrong, LIMIT_BODY_BYTES);
    check_report_differs(&report, fails, &wrong);
    why = arena_str(t->a, strbuf_str(&wrong));
    strbuf_deinit(&wrong);
    return why;
}

/* The scenario of a run, with the values of its seed. NULL with err set: one of the lab's files is wrong. */
static struct scenario *scenario_of(const struct test *t, size_t job, struct err *err)
{
    const struct tested *x = tested_of(t, job);
    struct scenario_choice choice = { .seed_given = true, .seed = seed_of(t, job), .lab = t->lab };
    const char *file = arena_printf(t->a, "%s/%s", lab_from(t->lab) ? lab_from(t->lab) : t->lab->name, x->scenario);
    return scenario_parse_with(t->a, file, lab_file(t->lab->name, x->scenario), &choice, err);
}

/* What is wrong in a file is told once, not by every run of it. */
static bool are_files_right(const struct test *t, struct err *err)
{
    bool ok = checks_compile(t->lab, err);
    for (size_t i = 0; i < t->n && ok; i++) {
        struct scenario *sc = scenario_of(t, i, err);
        ok = sc != NULL;
        scenario_close(sc);
    }
    return ok;
}

static int job(void *ctx, size_t i)
{
    const struct test *t = ctx;
    const struct tested *x = tested_of(t, i);
    struct err err = { 0 };
    struct stage stage = { .pid = -1 };
    struct str why = STR_NULL;
    struct scenario *sc = scenario_of(t, i, &err);
    stage.shelf = shelf_of(t, i);
    if (sc && stage_open(&stage, t->a, "test", &err))
        why = judge_run(t, x, &stage, sc, &err);
    if (err.code)
        why = arena_strf(t->a, "%s", err.msg);
    stage_close(&stage);
    scenario_close(sc);
    if (why.n && !file_write(arena_printf(t->a, "%s/%zu", t->folder, i), why, 0600, NULL))
        return EXIT_INTERNAL;
    return why.n ? EXIT_FAILED : EXIT_DONE;
}

/* ---- results ---- */
static void job_done(void *ctx, size_t i, int status)
{
    struct test *t = ctx;
    struct tested *x = tested_of(t, i);
    struct str why = STR_NULL;
    if (++t->ended[i / t->n] == t->n)
        scratch_remove(shelf_of(t, i));
    *(status == EXIT_DONE ? &x->passed : &x->failed) += 1;
    if (status == EXIT_DONE)
        return;
    if (!file_read(arena_printf(t->a, "%s/%zu", t->folder, i), LIMIT_BODY_BYTES, t->a, &why, NULL))
        why = arena_strf(t->a, "its process ended with %d", status);
    json_append(t->failures,
                json_buildf(t->a, "{'what':%s,'scenario':%s,'seed':%d,'why':%S}", x->what, x->scenario, seed_of(t, i), why));
    if (!t->o->json)
        printf("%s, seed %" PRId64 ": " STR_FMT "\n", x->what, seed_of(t, i), STR_ARG(why));
    fflush(stdout);
}

static void list_tested(struct test *t)
{
    size_t wrongs = 0;
    for (const struct lab_wrong *w = t->lab->wrong; w; w = w->next)
        wrongs++;
    t->v = arena_zalloc(t->a, (wrongs + 1) * sizeof *t->v);
    if (t->lab->solution)
        t->v[t->n++] = (struct tested){ .what = "the reference solution", .scenario = t->lab->solution, .right = true };
    for (const struct lab_wrong *w = t->lab->wrong; w; w = w->next)
        t->v[t->n++] = (struct tested){ .what = arena_printf(t->a, "wrong: %s", w->name), .scenario = w->scenario };
}

static bool print_results(const struct test *t, bool whole)
{
    bool good = whole && t->n > 0;
    struct json *rows = json_new_array(t->a);
    for (size_t i = 0; i < t->n; i++) {
        const struct tested *x = &t->v[i];
        good = good && x->passed == t->seeds;
        json_append(rows, json_buildf(t->a, "{'what':%s,'scenario':%s,'passed':%d,'failed':%d}", x->what, x->scenario, x->passed,
                                      x->failed));
        if (!t->o->json)
            printf("%-6s %4" PRId64 " of %" PRId64 " seeds  %s\n", x->passed == t->seeds ? "ok" : "not ok", x->passed, t->seeds,
                   x->what);
    }
    if (t->o->json) {
        struct strbuf out;
        strbuf_init(&out, LIMIT_RESPONSE_BYTES);
        json_write(&out, json_buildf(t->a, "{'lab':%s,'seeds':%d,'ok':%b,'runs':%j,'failures':%j}", t->lab->name, t->seeds, good,
                                     rows, t->failures), JSON_PRETTY | JSON_NO_HTML_ESCAPE);
        printf(STR_FMT "\n", STR_ARG(strbuf_str(&out)));
        strbuf_deinit(&out);
    } else {
        printf("\n%s: %s\n", t->lab->name,
               !t->n ? "it has neither a solution nor wrong ones" : !whole ? "interrupted" : good ? "it holds what it promises"
               : "it does not hold what it promises");
    }
    return good;
}

int lab_test(struct options *o, const struct lab *lab)
{
    struct err err = { 0 };
    struct test t = { .a = arena_new(), .lab = lab, .o = o, .seeds = o->seeds ? o->seeds : SEEDS_USUAL };
    int status = EXIT_INTERNAL;
    t.failures = json_new_array(t.a);
    list_tested(&t);
    t.ended = arena_zalloc(t.a, (size_t)t.seeds * sizeof *t.ended);
    if (!are_files_right(&t, &err)) {
        status = control_fail(&err);
    } else if ((t.folder = scratch_make(t.a, "tests", &err))) {
        scratch_let_in(t.folder);
        bool whole = pool_run(t.n * (size_t)t.seeds, "played", job, job_done, &t);
        status = print_results(&t, whole) ? EXIT_DONE : EXIT_FAILED;
        scratch_remove(t.folder);
    } else {
        fprintf(stderr, "kubelab: %s\n", err.msg);
    }
    err_clear(&err);
    arena_free(t.a);
    return status;
}
