/* labs/run.c - a scenario played: the virtual clock is led from step to step and from sample to sample, so that each happens at
 * its exact time whatever the machine does. Nothing here waits in wall time.
 */
#include "labs/labs_priv.h"

#include <stdio.h>

struct runner {
    struct arena *a;
    const struct scenario *sc;
    const struct labs_ops *ops;
    struct timeline *t;
    struct err   *err;
    int64_t       now_ns, next_sample_ns;      /* since the beginning */
    struct json  *transcript;          /* {t, line, status, output} of each line that was run */
    struct arena *scratch;             /* of one look at the cluster */
    void        (*say)(void *ctx, const char *line);
    void         *ctx;
};

static const char *clock_text(struct arena *a, int64_t ns)
{
    return arena_printf(a, "%02" PRId64 ":%02" PRId64, ns / (int64_t)NS_PER_S / 60, ns / (int64_t)NS_PER_S % 60);
}

/* ---- time ---- */
static bool sample_now(struct runner *r)
{
    arena_reset(r->scratch);
    while (r->next_sample_ns <= r->now_ns)
        r->next_sample_ns += r->ops->samples ? r->sc->sample_ns : INT64_MAX / 2;
    if (!r->ops->samples)
        return true;
    return sample_take(r->a, r->scratch, r->ops, r->t, r->now_ns, r->err);
}

/* What was done besides has moved the clock itself. */
static bool catch_up(struct runner *r)
{
    int64_t now = 0;
    if (!r->ops->now(r->ops->ctx, &now, r->err))
        return false;
    r->now_ns = now - r->t->begin_ns;
    return r->now_ns < r->next_sample_ns || sample_now(r);
}

/* False when nobody answers any more, or somebody wants an end. */
static bool advance_to(struct runner *r, int64_t target)
{
    while (r->now_ns < target) {
        int64_t next = r->next_sample_ns < target ? r->next_sample_ns : target;
        if (r->ops->stopped && r->ops->stopped(r->ops->ctx)) {
            r->t->interrupted = true;
            return false;
        }
        if (!r->ops->advance(r->ops->ctx, next - r->now_ns, r->err))
            return false;
        r->now_ns = next;
        if (r->now_ns == r->next_sample_ns && !sample_now(r))
            return false;
    }
    return true;
}

/* ---- what a step came to ---- */
static void note_band(struct arena *a, struct json *row, const struct scenario_step *st)
{
    json_set_strc(a, row, "object", st->text);
    json_set_bool(a, row, "clear", st->clear);
    if (st->lasts_ns)
        json_set(a, row, "lasts", json_new_double(a, (double)st->lasts_ns / 1e9));
}

PRINTF(4, 5) static void record(struct runner *r, const struct scenario_step *st, bool ok, const char *fmt, ...)
{
    char what[1600];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    json_append(r->t->steps,
                json_buildf(r->a, "{'t':%f,'time':%S,'line':%d,'name':%s,'action':%s,'ok':%b,'message':%s}", (double)r->now_ns / 1e9,
                                         time_rfc3339(r->a, r->t->begin_ns + r->now_ns), (int64_t)st->line, st->name,
                                         action_name(st->action), ok, what));
    if (st->action == ACTION_FAULT || st->action == ACTION_LOAD)           /* what the plot draws as a band */
        note_band(r->a, json_at(r->t->steps, json_len(r->t->steps) - 1), st);
    *(ok ? &r->t->passed : &r->t->failed) += 1;
    if (r->say)
        r->say(r->ctx, arena_printf(r->a, "%s  %-6s  %s%s%s%s", clock_text(r->a, r->now_ns), ok ? "ok" : "FAILED", st->name,
                                    ok ? "" : arena_printf(r->a, " (%s:%u)", r->sc->file, st->line), *what ? ": " : "", what));
}

static struct document_of document_of(const struct runner *r)
{
    return (struct document_of){ .lab = r->sc->lab, .params = r->sc->params, .history = r->ops->samples ? r->t->samples : NULL,
                                 .transcript = r->transcript };
}

/* The document of this moment, as text; empty when nobody answers. */
static struct str look(struct runner *r)
{
    arena_reset(r->scratch);
    struct document_of of = document_of(r);
    return document_make(r->scratch, r->ops, &of, r->err);
}

/* ---- objects ---- */
/* What the API server says of an answer it refused: Status.message. */
static const char *refusal(struct arena *a, int status, struct str reply)
{
    struct str message = json_get_str(json_parse(a, reply, NULL), "message");
    return arena_printf(a, STR_FMT " (%d)", STR_ARG(message.n ? message : str_sub(reply, 0, 300)), status);
}

bool object_send(struct arena *a, const struct labs_ops *ops, const struct json *o, const struct object_request *q,
                 const char **wrong, struct err *err)
{
    struct err e = { 0 };
    struct str reply, name = json_path_str(o, "metadata.name");
    int status = 0;
    *wrong = NULL;
    const char *path = document_path(a, ops, json_get_str(o, "apiVersion"), json_get_str(o, "kind"),
                                     json_path_str(o, "metadata.namespace"), arena_cstr(a, name), &e);
    bool ok = path && ops->api(ops->ctx, a, q->method, arena_printf(a, "%s%s", path, q->query), q->type, q->body, &status, &reply, &e);
    /* the cluster is as it was made to be */
    bool no_kind_or_server = !ok && (e.code == ERR_NOT_FOUND || e.code == ERR_UNAVAILABLE);
    if (ok && status >= 300)
        *wrong = refusal(a, status, reply);
    else if (!ok && no_kind_or_server)
        *wrong = arena_strdup(a, e.msg);
    else if (!ok)
        err_set(err, e.code, "%s", e.msg);
    bool reached = ok || no_kind_or_server;
    err_clear(&e);
    return reached;
}

static bool do_objects(struct runner *r, const struct scenario_step *st)
{
    const char *wrong = NULL;
    size_t n = 0;
    arena_reset(r->scratch);
    for (const struct json *o = json_first(st->objects); o && !wrong; o = json_next(o), n++) {
        struct object_request q = { "DELETE", NULL, "", NULL };
        bool made = (st->action == ACTION_FAULT || st->action == ACTION_LOAD) && !st->clear;
        if (st->action == ACTION_APPLY || made)
            q = (struct object_request){ "PATCH", "apply", "?fieldManager=scenario&force=true", o };
        else if (st->action == ACTION_PATCH)
            q = (struct object_request){ "PATCH", st->patch_type, "", st->patch };
        if (!object_send(r->scratch, r->ops, o, &q, &wrong, r->err))
            return false;
        if (wrong)
            record(r, st, false, STR_FMT " " STR_FMT ": %s", STR_ARG(json_get_str(o, "kind")),
                   STR_ARG(json_path_str(o, "metadata.name")), wrong);
    }
    if (!wrong && st->text)            /* a fault or a load, which its name tells */
        record(r, st, true, "%s", "");
    else if (!wrong)
        record(r, st, true, "%zu object%s", n, n == 1 ? "" : "s");
    return true;
}

/* ---- conditions ---- */
/* Look now and then for at most ns, until the condition (its index in the scenario's set) holds (or, for `good` false, until it
 * does not). *met: that came. */
static bool look_until(struct runner *r, size_t condition, bool good, int64_t ns, int64_t every, struct predicate_result *result,
                       bool *met)
{
    int64_t end = r->now_ns + ns;
    for (;;) {
        struct str doc = look(r);
        if (!doc.n)
            return false;
        *result = predicate_set_eval_one(r->sc->set, r->scratch, doc, condition);
        *met = (result->verdict == PREDICATE_TRUE) == good;
        if (*met || result->verdict == PREDICATE_LIMIT || r->now_ns >= end)
            return true;
        int64_t next = r->now_ns + every;
        if (!advance_to(r, next < end ? next : end))
            return false;
    }
}

/* *go: it holds; else it did not within its time, which has been recorded. */
static bool wait_for(struct runner *r, const struct scenario_step *st, bool *go)
{
    struct predicate_result result;
    if (!look_until(r, st->when, true, st->timeout_ns, st->every_ns, &result, go))
        return false;
    if (!*go && result.verdict == PREDICATE_FALSE)
        record(r, st, false, "within " STR_FMT " it never held: %s", STR_ARG(duration_go(r->a, st->timeout_ns)), st->when_jq);
    else if (!*go)
        record(r, st, false, "its condition could not be judged: " STR_FMT, STR_ARG(result.text));
    return true;
}

/* At once, within a time, or all the time: what it did, and when that was known. */
static bool do_expect(struct runner *r, const struct scenario_step *st)
{
    struct predicate_result result;
    int64_t began = r->now_ns;
    bool always = st->always_ns > 0, met = false;
    if (!look_until(r, st->expect, !always, always ? st->always_ns : st->within_ns, st->look_ns, &result, &met))
        return false;
    bool ok = result.verdict == PREDICATE_TRUE;
    const char *what = "", *after = duration_go(r->a, r->now_ns - began).p;
    if (!ok && result.verdict != PREDICATE_FALSE)
        what = arena_printf(r->a, "it could not be judged: " STR_FMT, STR_ARG(result.text));
    else if (always)
        what = ok ? arena_printf(r->a, "it held for %s", after)
               : arena_printf(r->a, "after %s it did not hold: %s", after, st->expect_jq);
    else if (st->within_ns)
        what = ok ? arena_printf(r->a, "it held after %s", after)
               : arena_printf(r->a, "within %s it never held: %s", after, st->expect_jq);
    else if (!ok)
        what = arena_printf(r->a, "it does not hold: %s", st->expect_jq);
    record(r, st, ok, "%s", what);
    return true;
}

static bool do_clock(struct runner *r, const struct scenario_step *st)
{
    if (st->expect_jq)
        return do_expect(r, st);
    if (!advance_to(r, r->now_ns + st->clock_ns))
        return false;
    record(r, st, true, "%s", duration_go(r->a, st->clock_ns).p);
    return true;
}

/* ---- the other actions ---- */
/* Those that are to fail fail, those that depend on them may go unjudged, all others pass. */
static bool do_check(struct runner *r, const struct scenario_step *st)
{
    const struct labs_grading *g = r->ops->grading;
    const struct lab *lab = g && strcmp(g->lab->name, st->text) == 0 ? g->lab : lab_find(st->text);
    struct check_report report;
    struct strbuf wrong;
    struct document_of of = document_of(r);
    arena_reset(r->scratch);
    if (!checks_run(r->scratch, r->ops, lab, &st->compiled, st->check_step, &of, &report, r->err))
        return false;
    if (g && lab == g->lab) {          /* the submission is judged, not the scenario */
        g->judged(g->ctx, &report, r->now_ns);
        record(r, st, true, "%zu of %zu checks of %s pass", report.passed, report.n, st->text);
        return true;
    }
    strbuf_init(&wrong, 1200);
    check_report_differs(&report, st->fails, &wrong);
    if (wrong.n)
        record(r, st, false, "%s", wrong.p);
    else
        record(r, st, true, "%zu of %zu checks of %s pass, as expected", report.passed, report.n, st->text);
    strbuf_deinit(&wrong);
    return true;
}

static void note_line(struct runner *r, const char *line, int status, struct str output)
{
    json_append(r->transcript,
                json_buildf(r->a, "{'t':%f,'line':%s,'status':%d,'output':%S}", (double)r->now_ns / 1e9, line, (int64_t)status,
                            output));
}

static bool do_run(struct runner *r, const struct scenario_step *st)
{
    int status = 0;
    struct str output = STR_NULL;
    struct err err = { 0 };
    bool ended = r->ops->shell(r->ops->ctx, r->a, st->text, &status, &output, &err), reached = catch_up(r);
    note_line(r, st->text, status, output);
    if (!ended)
        record(r, st, false, "%s", err.msg);
    else if (status)
        record(r, st, false, "it ended with %d%s" STR_FMT, status, str_trim(output).n ? ": " : ", and printed nothing",
               STR_ARG(str_trim(output)));
    else
        record(r, st, true, STR_FMT, STR_ARG(str_trim(output)));
    err_clear(&err);
    return reached;
}

static bool do_build(struct runner *r, const struct scenario_step *st)
{
    struct err err = { 0 };
    const struct labs_grading *g = r->ops->grading;
    const char *beside = st->dir[0] == '/' ? st->dir : arena_printf(r->a, "%s/%s", r->sc->dir, st->dir);
    if (g && strcmp(st->dir, "submission") == 0)
        beside = g->context;
    bool ok = beside ? r->ops->build(r->ops->ctx, beside, st->dir, st->text, &err)
              : err_set(&err, ERR_NOT_FOUND, "the submission has no Dockerfile");
    bool reached = catch_up(r);
    record(r, st, ok, "%s", ok ? st->text : err.msg);
    err_clear(&err);
    return reached;
}

static bool do_submit(struct runner *r, const struct scenario_step *st)
{
    const struct labs_grading *g = r->ops->grading;
    const char *what = "nothing was handed in: 'kubelab grade' plays this scenario with a submission";
    bool good = false;
    if (g && (!g->submit(g->ctx, r->a, r->ops, &good, &what, r->err) || !catch_up(r)))
        return false;
    if (g && g->ran.line)
        note_line(r, g->ran.line, g->ran.status, g->ran.output);
    record(r, st, good, "%s", what);
    return true;
}

static bool act(struct runner *r, const struct scenario_step *st)
{
    switch (st->action) {
    case ACTION_APPLY:
    case ACTION_PATCH:
    case ACTION_FAULT:
    case ACTION_LOAD:
    case ACTION_DELETE: return do_objects(r, st);
    case ACTION_CLOCK:  return do_clock(r, st);
    case ACTION_EXPECT: return do_expect(r, st);
    case ACTION_CHECK:  return do_check(r, st);
    case ACTION_RUN:    return do_run(r, st);
    case ACTION_BUILD:  return do_build(r, st);
    case ACTION_SUBMIT: return do_submit(r, st);
    }
    return false;
}

static bool play(struct runner *r)
{
    for (const struct scenario_step *st = r->sc->steps; st; st = st->next) {
        bool go = true;
        if (st->at_ns >= 0 && st->at_ns < r->now_ns) {
            record(r, st, false, "it is %s already: the steps before took longer", duration_go(r->a, r->now_ns).p);
            continue;
        }
        if (!advance_to(r, st->at_ns) || (st->when_jq && !wait_for(r, st, &go)))
            return false;
        go = go || (r->ops->grading && st->action == ACTION_CHECK);              /* what never came about is judged all the same */
        if (go && !act(r, st))
            return false;
    }
    return advance_to(r, r->sc->duration_ns);
}

bool scenario_run(struct arena *a, const struct scenario *sc, const struct labs_ops *ops, void (*say)(void *ctx, const char *line),
                  void *ctx, struct timeline *t, struct err *err)
{
    *t = (struct timeline){ .a = a, .scenario = sc, .steps = json_new_array(a), .samples = json_new_array(a) };
    struct runner r = { .a = a, .sc = sc, .ops = ops, .t = t, .err = err, .transcript = json_new_array(a), .scratch = arena_new(),
                        .say = say, .ctx = ctx };
    bool ok = ops->now(ops->ctx, &t->begin_ns, err) && sample_now(&r) && play(&r);
    arena_free(r.scratch);
    return ok || t->interrupted;
}
