/* labs/report.c - a grade for people (text) and for programs (JSON, in the manner of check50: a check that could not be judged is
 * null, one that failed says why it matters and where to look). Nothing in them depends on the machine: no wall time, no path, no
 * port; the same submission and seed give the same bytes.
 */
#include "labs/grade.h"
#include "labs/report.h"

bool report_shows(const struct grade *g, const struct grade_check *c) { return g->show_hidden || !c->check->hidden; }

struct grade_sum report_sum(const struct grade *g)
{
    struct grade_sum s = grade_sum(g, false), h = grade_sum(g, true);
    if (g->show_hidden)
        s = (struct grade_sum){ s.n + h.n, s.passed + h.passed, s.points + h.points, s.max_points + h.max_points };
    return s;
}

const char *report_reason(struct arena *a, const struct grade *g, const struct grade_check *c)
{
    if (c->state == GRADE_BLOCKED)
        return arena_printf(a, "not judged: \"%s\" has to pass first", c->check->depends);
    if (c->state == GRADE_UNJUDGED && g->status == GRADE_COMPLETE)
        return "not judged: no step of the grading came to it";
    if (c->state == GRADE_UNJUDGED)
        return arena_printf(a, "not judged: %s", g->message ? g->message : "the grading ended before");
    return c->message;
}

/* ---- text ---- */
static void text_check(struct arena *a, const struct grade *g, const struct grade_check *c, struct strbuf *out)
{
    static const char *const marks[] = { [GRADE_PASSED] = "ok", [GRADE_FAILED] = "not ok", [GRADE_BLOCKED] = "-",
                                         [GRADE_UNJUDGED] = "-" };
    const char *reason = report_reason(a, g, c);
    strbuf_addf(out, "  %-6s  %s%s (%" PRId64 " of %" PRId64 ")\n", marks[c->state], c->check->name,
                c->check->hidden ? " [hidden]" : "",
                c->state == GRADE_PASSED ? c->check->points : 0, c->check->points);
    if (c->state == GRADE_PASSED)
        return;
    if (reason)
        strbuf_addf(out, "          %s\n", reason);
    if (c->state == GRADE_FAILED && c->check->rationale)
        strbuf_addf(out, "          why:  %s\n", c->check->rationale);
    if (c->state == GRADE_FAILED && c->check->help)
        strbuf_addf(out, "          help: %s\n", c->check->help);
}

/* Names and output of other people's making may hold any bytes: what is no text, or would steer a terminal, is a question mark. */
static void make_text(struct str part)
{
    char *p = (char *)(uintptr_t)part.p;
    bool valid = utf8_valid(part);
    for (size_t i = 0; i < part.n; i++) {
        unsigned char c = (unsigned char)p[i];
        if (c == 127 || (c < 32 && c != '\n' && c != '\t') || (c > 127 && !valid))
            p[i] = '?';
    }
}

void report_submission(const struct grade *g, struct strbuf *out)
{
    size_t refused = 0, from = out->n;
    for (const struct json *o = json_first(g->objects); o; o = json_next(o))
        refused += !json_get_bool(o, "ok", false);
    if (json_len(g->objects))
        strbuf_addf(out, "%zu object%s applied, %zu refused\n", json_len(g->objects) - refused,
                    json_len(g->objects) - refused == 1 ? "" : "s", refused);
    for (const struct json *o = json_first(g->objects); o; o = json_next(o))
        if (!json_get_bool(o, "ok", false))
            strbuf_addf(out, "  " STR_FMT ": " STR_FMT ": " STR_FMT "\n", STR_ARG(json_get_str(o, "source")),
                        STR_ARG(json_get_str(o, "object")), STR_ARG(json_get_str(o, "message")));
    for (const struct json *p = json_first(g->submission.problems); p; p = json_next(p))
        strbuf_addf(out, "  " STR_FMT ": " STR_FMT "\n", STR_ARG(json_get_str(p, "source")), STR_ARG(json_get_str(p, "message")));
    if (g->output)
        strbuf_addf(out, "what the script printed:\n%s%s", g->output,
                    *g->output && g->output[strlen(g->output) - 1] != '\n' ? "\n" : "");
    make_text(str_sub(strbuf_str(out), from, out->n));
}

void report_text(struct arena *a, const struct grade *g, struct strbuf *out)
{
    struct grade_sum sum = report_sum(g);
    const struct lab_step *step = NULL;
    strbuf_addf(out, "%s: %s; %" PRId64 " of %" PRId64 " points\n", g->lab->label, grade_headline(a, g), sum.points, sum.max_points);
    if (g->student)
        strbuf_addf(out, "student: %s\n", g->student);
    if (g->status != GRADE_COMPLETE)
        strbuf_addf(out, "%s: %s\n", grade_status_name(g->status), g->message ? g->message : "");
    make_text(strbuf_str(out));
    for (size_t i = 0; i < g->n; i++) {
        if (!report_shows(g, &g->v[i]))
            continue;
        if (g->v[i].step != step)
            strbuf_addf(out, "\n%s: %s\n", g->v[i].step->id, g->v[i].step->title);
        step = g->v[i].step;
        text_check(a, g, &g->v[i], out);
    }
    strbuf_addc(out, "\nwhat was handed in: ");
    strbuf_addf(out, "%s\n", g->kind);
    report_submission(g, out);
}

/* ---- JSON ---- */
static struct json *json_check(struct arena *a, const struct grade *g, const struct grade_check *c)
{
    bool judged = c->state == GRADE_PASSED || c->state == GRADE_FAILED;
    const char *reason = report_reason(a, g, c);
    struct json *log = json_new_array(a), *cause = NULL;
    if (reason)
        json_append(log, json_new_strc(a, reason));
    if (c->state == GRADE_FAILED)
        cause = json_buildf(a, "{'rationale':%s,'help':%s}", c->check->rationale, c->check->help);
    struct json *passed = judged ? json_new_bool(a, c->state == GRADE_PASSED) : NULL;
    struct json *data = judged ? json_buildf(a, "{'judgedAt':%S}", duration_go(a, c->at_ns)) : json_new_object(a);
    return json_buildf(a, "{'name':%s,'description':%s,'step':%s,'passed':%j,'points':%d,'max_points':%d,'hidden':%b,'log':%j,"
                          "'cause':%j,'data':%j,'dependency':%s}", c->check->name,
                       c->step->title, c->step->id, passed, c->state == GRADE_PASSED ? c->check->points : 0, c->check->points,
                       c->check->hidden, log, cause, data, c->check->depends);
}

static struct json *json_sum(struct arena *a, struct grade_sum s)
{
    return json_buildf(a, "{'passed':%d,'total':%d,'points':%d,'max_points':%d}", (int64_t)s.passed, (int64_t)s.n, s.points,
                       s.max_points);
}

static struct json *json_submission(struct arena *a, const struct grade *g)
{
    return json_buildf(a, "{'kind':%s,'objects':%j,'problems':%j,'output':%s}", g->kind, json_copy(a, g->objects),
                       g->submission.problems ? json_copy(a, g->submission.problems) : json_new_array(a), g->output);
}

static void write_json(struct arena *a, const struct grade *g, struct strbuf *out)
{
    struct json *results = json_new_array(a);
    struct grade_sum sum = report_sum(g), hidden = grade_sum(g, true);
    for (size_t i = 0; i < g->n; i++)
        if (report_shows(g, &g->v[i]))
            json_append(results, json_check(a, g, &g->v[i]));
    struct json *j = json_buildf(a,
                                 "{'version':'1','slug':%s,'student':%s,'seed':%d,'status':%s,'message':%s,'summary':%s,'score':%d,"
                                 "'max_score':%d,'visible':%j,'hidden':%j,"
                                    "'results':%j,'submission':%j,'sandbox':%j,'steps':%j}",
        g->lab->name, g->student, g->seed, grade_status_name(g->status), g->message, grade_headline(a, g), sum.points,
        sum.max_points, json_sum(a, grade_sum(g, false)),
        g->show_hidden ? json_sum(a, hidden) : json_buildf(a, "{'total':%d}", (int64_t)hidden.n), results, json_submission(a, g),
        g->sandbox ? json_copy(a, g->sandbox) : NULL,
        g->show_hidden && g->steps ? json_copy(a, g->steps) : NULL);
    json_write(out, j, JSON_PRETTY | JSON_NO_HTML_ESCAPE);
    strbuf_addch(out, '\n');
}

static const struct report_format formats[] = {
    { "text", "txt", report_text }, { "json", "json", write_json }, { "junit", "xml", report_junit },
    { "gradescope", "json", report_gradescope },
    { "prairielearn", "json", report_prairielearn }, { "autolab", "txt", report_autolab }, { "tap", "tap", report_tap },
};

const struct report_format *report_format_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(formats); i++)
        if (strcmp(formats[i].name, name) == 0)
            return &formats[i];
    return NULL;
}
