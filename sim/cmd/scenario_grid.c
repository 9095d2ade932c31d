/* sim/cmd/scenario_grid.c - a scenario with a grid or several seeds: every combination on a cluster of its own, as many side by side
 * as there are cores; a time line of each, and what compares them: summary.csv, summary.json and compare.svg.
 */
#include "labs/labs.h"
#include "sim/cmd/cmd.h"

#include <ctype.h>
#include <stdio.h>

struct grid {
    struct arena *a;
    struct options *o;
    const char *file, *scratch;
    const char *shelf;                 /* where runs of one seed have their clusters from; NULL: each run has a seed of its own */
    struct str text;
    struct scenario_choice choice;
    const struct scenario_plan *plan;
    size_t seeds;
    bool json;
};

static const struct json *set_of(const struct grid *g, size_t i) { return json_at(g->plan->combinations, i / g->seeds); }
static int64_t seed_of(const struct grid *g, size_t i) { return json_int(json_at(g->plan->seeds, i % g->seeds), 1); }

static struct str value_of(struct arena *a, const struct json *v) { return json_is(v, JSON_STRING) ? json_str(v) : json_text(a, v); }

/* "request=100m,target=50" */
static void add_combination(const struct grid *g, size_t i, struct strbuf *out)
{
    for (const struct json *v = json_first(set_of(g, i)); v; v = json_next(v))
        strbuf_addf(out, "%s" STR_FMT "=" STR_FMT, out->n ? "," : "", STR_ARG(json_key(v)), STR_ARG(value_of(g->a, v)));
}

/* A picture has all seeds of a combination in it. */
static const char *picture_name(const struct grid *g, size_t i)
{
    struct strbuf out;
    strbuf_init(&out, 2000);
    add_combination(g, i, &out);
    if (g->seeds > 1)
        strbuf_addf(&out, "%s%zu seeds", out.n ? ", " : "", g->seeds);
    const char *name = out.n ? arena_cstr(g->a, strbuf_str(&out)) : "1 seed";
    strbuf_deinit(&out);
    return name;
}

/* "request=100m,target=50,seed=3": a folder's name, so without odd characters. */
static const char *run_name(const struct grid *g, size_t i)
{
    struct strbuf out;
    strbuf_init(&out, 200);
    add_combination(g, i, &out);
    if (g->seeds > 1 || !out.n)
        strbuf_addf(&out, "%sseed=%" PRId64, out.n ? "," : "", seed_of(g, i));
    char *name = arena_cstr(g->a, strbuf_str(&out));
    for (char *p = name; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("=,.-_", *p))
            *p = '_';
    if (out.overflow)
        name = arena_printf(g->a, "run-%zu", i + 1);
    strbuf_deinit(&out);
    return name;
}

/* ---- one run, in a process of its own ---- */
static bool write_run(const struct grid *g, size_t i, const struct timeline *t, struct err *err)
{
    const struct { const char *name; struct str bytes; } files[] = {
        { "timeline.json", timeline_json(t) }, { "timeline.csv", timeline_csv(t) }, { "timeline.svg", timeline_svg(t) },
    };
    const char *dir = g->o->out ? arena_printf(g->a, "%s/%s", g->o->out, run_name(g, i)) : NULL;
    bool ok = file_write(arena_printf(g->a, "%s/%zu", g->scratch, i), files[0].bytes, 0600, err) && (!dir || dir_make(dir, 0755, err));
    for (size_t k = 0; k < ARRAY_LEN(files) && ok && dir; k++)
        ok = file_write(arena_printf(g->a, "%s/%s", dir, files[k].name), files[k].bytes, 0644, err);
    return ok;
}

static int run_one(void *ctx, size_t i)
{
    const struct grid *g = ctx;
    struct err err = { 0 };
    struct stage stage = { .pid = -1 };
    struct timeline t = { 0 };
    struct scenario_choice choice = g->choice;
    struct json *set = json_copy(g->a, set_of(g, i));
    for (const struct json *v = json_first(g->choice.set); v; v = json_next(v))
        json_setn(g->a, set, json_key(v), json_copy(g->a, v));
    choice.set = set;
    choice.seed_given = choice.student == NULL;
    choice.seed = seed_of(g, i);
    struct scenario *sc = scenario_parse_with(g->a, g->file, g->text, &choice, &err);
    stage.shelf = g->shelf;
    bool ok = sc && stage_open(&stage, g->a, "scenario", &err) && stage_play(&stage, g->a, sc, NULL, NULL, &t, &err);
    if (t.a)                           /* also what there is of one that broke off */
        ok = write_run(g, i, &t, &err) && ok;
    if (err.code)
        fprintf(stderr, "kubelab: %s: %s\n", run_name(g, i), err.msg);
    int status = err.code == ERR_PARSE || err.code == ERR_USAGE ? EXIT_USAGE : !ok ? EXIT_INTERNAL : t.failed || t.interrupted
                 ? EXIT_FAILED : EXIT_DONE;
    stage_close(&stage);
    scenario_close(sc);
    return status;
}

static void run_done(void *ctx, size_t i, int status)
{
    struct grid *g = ctx;
    if (!g->json)
        printf("%-7s %s\n", status == EXIT_DONE ? "passed" : "FAILED", run_name(g, i));
    fflush(stdout);
}

/* ---- all of them ---- */
/* rows: of the table; runs: of the slide. False: one of them left nothing. */
static bool collect(const struct grid *g, size_t n, struct json *rows, struct json *runs)
{
    size_t columns = g->plan->columns ? g->plan->columns : 1;
    bool good = true;
    for (size_t i = 0; i < n; i++) {
        struct str text = STR_NULL;
        struct json *t = file_read(arena_printf(g->a, "%s/%zu", g->scratch, i), LIMIT_RESPONSE_BYTES, g->a, &text, NULL)
                         ? json_parse(g->a, text, NULL) : NULL;
        struct json *row = json_copy(g->a, set_of(g, i)), *figures = timeline_summary(g->a, t, g->plan->plot_hpa);
        json_set_int(g->a, row, "seed", seed_of(g, i));
        for (const struct json *c = json_first(figures); c; c = json_next(c))
            json_setn(g->a, row, json_key(c), json_copy(g->a, c));
        if (!t)
            json_set_strc(g->a, row, "verdict", "broken");
        good = good && str_eqc(json_get_str(row, "verdict"), "passed");
        json_append(rows, row);
        size_t cell = i / g->seeds;
        json_append(runs, json_buildf(g->a,
                                      "{'label':%s,'row':%d,'column':%d,'first':%b,'seeds':%d,'hpa':%s,'verdict':%S,'samples':%j}",
                                      picture_name(g, i), (int64_t)(cell / columns), (int64_t)(cell % columns), i % g->seeds == 0,
                                      (int64_t)g->seeds,
            g->plan->plot_hpa, json_get_str(row, "verdict"), t ? json_copy(g->a, json_get(t, "samples")) : json_new_array(g->a)));
    }
    return good;
}

static bool write_all(const struct grid *g, const struct json *rows, const struct json *runs, struct err *err)
{
    struct strbuf csv, json;
    strbuf_init(&csv, LIMIT_RESPONSE_BYTES);
    strbuf_init(&json, LIMIT_RESPONSE_BYTES);
    compare_csv(g->a, rows, &csv);
    json_write(&json, json_buildf(g->a, "{'scenario':%s,'runs':%j}", g->plan->name, json_copy(g->a, rows)),
               JSON_PRETTY | JSON_NO_HTML_ESCAPE);
    strbuf_addch(&json, '\n');
    const struct { const char *name; struct str bytes; } files[] = {
        { "summary.csv", strbuf_str(&csv) }, { "summary.json", strbuf_str(&json) },
        { "compare.svg", compare_svg(g->a, g->plan->name, runs) },
    };
    if (g->json)
        fwrite(json.p, 1, json.n, stdout);
    bool ok = !g->o->out || dir_make(g->o->out, 0755, err);
    for (size_t i = 0; i < ARRAY_LEN(files) && ok && g->o->out; i++)
        ok = file_write(arena_printf(g->a, "%s/%s", g->o->out, files[i].name), files[i].bytes, 0644, err);
    strbuf_deinit(&csv);
    strbuf_deinit(&json);
    return ok;
}

int scenario_grid(struct arena *a, struct options *o, const char *file, struct str text, const struct scenario_choice *choice,
                  const struct scenario_plan *plan,
                  struct err *err)
{
    struct grid g = { .a = a, .o = o, .file = file, .text = text, .choice = *choice, .plan = plan, .seeds = json_len(plan->seeds),
                      .json = o->json };
    size_t n = json_len(plan->combinations) * g.seeds;
    if (!(g.scratch = scratch_make(a, "grid", err)))
        return EXIT_INTERNAL;
    scratch_let_in(g.scratch);
    if (json_len(plan->combinations) > 1)
        g.shelf = arena_printf(a, "%s/shelf", g.scratch);
    struct json *rows = json_new_array(a), *runs = json_new_array(a);
    bool whole = pool_run(n, "played", run_one, run_done, &g), good = collect(&g, n, rows, runs);
    bool written = write_all(&g, rows, runs, err);
    struct strbuf out;
    strbuf_init(&out, LIMIT_RESPONSE_BYTES);
    compare_text(a, rows, &out);
    if (!g.json)
        printf("\n" STR_FMT "\n%s: %s\n", STR_ARG(strbuf_str(&out)), plan->name,
               !whole ? "interrupted" : good ? "passed in every run" : "not every run passed");
    strbuf_deinit(&out);
    scratch_remove(g.scratch);
    return !written ? EXIT_INTERNAL : whole && good ? EXIT_DONE : EXIT_FAILED;
}
