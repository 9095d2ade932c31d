/* sim/cmd/scenario.c - `kubelab scenario run FILE`: a script of what happens when, played on a fresh cluster of its own with its
 * clock standing between the steps.
 *
 * The cluster lives in a scratch folder and is gone afterwards; what is kept is in --out: timeline.json, timeline.csv and
 * timeline.svg, written also when the scenario fails or is interrupted.
 */
#include "labs/labs.h"
#include "sim/cmd/cmd.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct play { struct arena *a; struct options *o; struct scenario *sc; struct stage stage;
              struct scenario_choice choice; struct scenario_plan plan; struct str text; bool json; };

static void say(void *ctx, const char *line)
{
    struct play *p = ctx;
    if (p->json)
        return;
    printf("%s\n", line);
    fflush(stdout);
}

static bool read_file(struct play *p, const char *file, struct err *err)
{
    if (!file_read(file, LIMIT_YAML_BYTES, p->a, &p->text, err))
        return err_set(err, ERR_USAGE, "%s", arena_strdup(p->a, err->msg));
    if (!variant_choose(p->a, p->o, &p->choice, err) || !scenario_plan(p->a, file, p->text, &p->plan, err))
        return false;
    if (p->o->seed_given) {            /* one seed, in the place of those of the file */
        p->plan.seeds = json_new_array(p->a);
        json_append(p->plan.seeds, json_new_int(p->a, (int64_t)p->o->seed));
    }
    struct scenario_choice first = p->choice;
    if (p->plan.many && !first.student) {          /* the first of all runs, so that mistakes are known before anything starts */
        first.seed_given = true;
        first.seed = json_int(json_first(p->plan.seeds), 1);
    }
    p->sc = scenario_parse_with(p->a, file, p->text, &first, err);
    return p->sc != NULL;
}

static bool write_results(struct play *p, const struct timeline *t, struct err *err)
{
    const struct { const char *name; struct str bytes; } files[] = {
        { "timeline.json", timeline_json(t) }, { "timeline.csv", timeline_csv(t) }, { "timeline.svg", timeline_svg(t) },
    };
    if (p->json)
        fwrite(files[0].bytes.p, 1, files[0].bytes.n, stdout);
    if (!p->o->out)
        return true;
    bool ok = true;
    for (size_t i = 0; i < ARRAY_LEN(files) && ok; i++)
        ok = file_write(arena_printf(p->a, "%s/%s", p->o->out, files[i].name), files[i].bytes, 0644, err);
    return ok;
}

static int perform(struct play *p, struct err *err)
{
    const struct scenario *sc = p->sc;
    struct timeline t;
    bool ok = stage_play(&p->stage, p->a, sc, say, p, &t, err);
    struct err late = { 0 };
    if (!write_results(p, &t, &late) && ok)
        ok = err_set(err, late.code, "%s", late.msg);
    err_clear(&late);
    if (!ok)
        return err->code == ERR_REFUSED ? EXIT_UNREACHABLE : EXIT_INTERNAL;
    say(p, arena_printf(p->a, "\n%s: %s; %zu of %zu steps as expected", sc->name,
                        t.interrupted ? "interrupted" : t.failed ? "failed" : "passed", t.passed, t.passed + t.failed));
    return t.failed || t.interrupted ? EXIT_FAILED : EXIT_DONE;
}

int cmd_scenario(struct options *o)
{
    struct play p = { .a = arena_new(), .o = o, .json = o->json };
    struct err err = { 0 };
    int status = EXIT_USAGE;
    if (o->arg_count != 2 || strcmp(o->args[0], "run") != 0)
        command_misused("scenario");
    else if (!read_file(&p, o->args[1], &err) || (o->out && !dir_make(o->out, 0755, &err)))
        status = err.code == ERR_INTERNAL ? EXIT_INTERNAL : EXIT_USAGE;
    else if (p.plan.many)
        status = scenario_grid(p.a, o, o->args[1], p.text, &p.choice, &p.plan, &err);
    else
        status = stage_open(&p.stage, p.a, "scenario", &err) ? perform(&p, &err) : EXIT_INTERNAL;
    if (err.code)
        fprintf(stderr, "kubelab: %s\n", err.msg);
    stage_close(&p.stage);
    scenario_close(p.sc);
    err_clear(&err);
    arena_free(p.a);
    return status;
}
