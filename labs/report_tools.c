/* labs/report_tools.c - a grade as classroom tools read it: JUnit XML, Gradescope's and PrairieLearn's results.json, Autolab's
 * last line, TAP 14.
 *
 * Formats: the JUnit schema that Jenkins and Ant's writers agree on (every testsuite with time, timestamp and hostname: virtual
 * ones); Gradescope's autograder specification; PrairieLearn's externalGrading.md; the TAP 14 specification. Text of a submission
 * can hold any bytes: XML gets them escaped, and what XML cannot hold is a question mark.
 */
#include "labs/report.h"

/* ---- JUnit ---- */
static void xml_text(struct strbuf *out, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '&' || c == '<' || c == '>' || c == '"' || c == '\'')
            strbuf_addc(out, c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '"' ? "&quot;" : "&apos;");
        else if (c == '\n' || c == '\t')
            strbuf_addf(out, "&#%d;", c);          /* as it is even in an attribute */
        else
            strbuf_addch(out, c < 32 || c == 127 ? '?' : (char)c);
    }
}

/* Text of other people's making: UTF-8, or else ASCII with question marks; the two code points of UTF-8 that XML forbids are too
 * rare to look for, and no valid UTF-8 of ours has them. */
static void xml_foreign(struct arena *a, struct strbuf *out, struct str s)
{
    bool valid = utf8_valid(s);
    char *copy = arena_cstr(a, s);
    for (size_t i = 0; i < s.n && !valid; i++)
        copy[i] = (char)((unsigned char)copy[i] > 127 ? '?' : copy[i]);
    for (size_t i = 0; valid && i + 2 < s.n; i++)  /* U+FFFE and U+FFFF */
        if (memcmp(copy + i, "\xef\xbf", 2) == 0 && (unsigned char)copy[i + 2] >= 0xbe)
            memset(copy + i, '?', 3);
    xml_text(out, (struct str){ copy, s.n });
}

static void xml_attribute(struct arena *a, struct strbuf *out, const char *name, const char *value)
{
    strbuf_addf(out, " %s=\"", name);
    xml_foreign(a, out, str_c(value));
    strbuf_addch(out, '"');
}

static void junit_case(struct arena *a, const struct grade *g, const struct grade_check *c, struct strbuf *out)
{
    static const char *const elements[] = { [GRADE_FAILED] = "failure", [GRADE_BLOCKED] = "skipped", [GRADE_UNJUDGED] = "error" };
    const char *reason = report_reason(a, g, c);
    strbuf_addc(out, "    <testcase");
    xml_attribute(a, out, "name", c->check->name);
    xml_attribute(a, out, "classname", arena_printf(a, "%s.%s", g->lab->name, c->step->id));
    strbuf_addc(out, " time=\"0\"");
    if (c->state == GRADE_PASSED) {
        strbuf_addc(out, "/>\n");
        return;
    }
    strbuf_addf(out, ">\n      <%s", elements[c->state]);
    xml_attribute(a, out, "message", reason ? reason : c->check->rationale ? c->check->rationale : "it does not hold");
    if (c->state == GRADE_BLOCKED) {
        strbuf_addc(out, "/>\n    </testcase>\n");
        return;
    }
    xml_attribute(a, out, "type", grade_state_name(c->state));
    strbuf_addch(out, '>');
    xml_foreign(a, out, str_c(c->check->help));
    strbuf_addf(out, "</%s>\n    </testcase>\n", elements[c->state]);
}

static size_t count_state(const struct grade *g, const struct lab_step *step, enum grade_state state)
{
    size_t n = 0;
    for (size_t i = 0; i < g->n; i++)
        n += report_shows(g, &g->v[i]) && (!step || g->v[i].step == step) && g->v[i].state == state;
    return n;
}

static void junit_counts(const struct grade *g, const struct lab_step *step, struct strbuf *out)
{
    size_t n[4], all = 0;
    for (unsigned s = 0; s < 4; s++)
        all += n[s] = count_state(g, step, (enum grade_state)s);
    strbuf_addf(out, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\"", all, n[GRADE_FAILED], n[GRADE_UNJUDGED],
                n[GRADE_BLOCKED]);
}

static void junit_suite(struct arena *a, const struct grade *g, const struct lab_step *step, struct strbuf *out)
{
    struct str begin = time_rfc3339(a, g->begin_ns);
    strbuf_addc(out, "  <testsuite");
    xml_attribute(a, out, "name", arena_printf(a, "%s.%s", g->lab->name, step->id));
    junit_counts(g, step, out);
    strbuf_addf(out, " time=\"%" PRId64 "\" timestamp=\"" STR_FMT "\" hostname=\"kubelab\">\n    <properties>\n",
                g->length_ns / (int64_t)NS_PER_S, STR_ARG(str_sub(begin, 0, 19)));
    const struct { const char *name, *value; } properties[] = {
        { "status", grade_status_name(g->status) }, { "summary", grade_headline(a, g) }, { "student", g->student },
        { "seed", arena_printf(a, "%" PRId64, g->seed) },
    };
    for (size_t i = 0; i < ARRAY_LEN(properties); i++) {
        if (!properties[i].value)
            continue;
        strbuf_addc(out, "      <property");
        xml_attribute(a, out, "name", properties[i].name);
        xml_attribute(a, out, "value", properties[i].value);
        strbuf_addc(out, "/>\n");
    }
    strbuf_addc(out, "    </properties>\n");
    for (size_t i = 0; i < g->n; i++)
        if (g->v[i].step == step && report_shows(g, &g->v[i]))
            junit_case(a, g, &g->v[i], out);
    strbuf_addc(out, "    <system-out>");
    struct strbuf lines;
    strbuf_init(&lines, LIMIT_BODY_BYTES);
    report_submission(g, &lines);
    xml_foreign(a, out, step == g->lab->steps ? strbuf_str(&lines) : STR_NULL);
    strbuf_deinit(&lines);
    strbuf_addc(out, "</system-out>\n    <system-err></system-err>\n  </testsuite>\n");
}

void report_junit(struct arena *a, const struct grade *g, struct strbuf *out)
{
    strbuf_addc(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites");
    xml_attribute(a, out, "name", g->lab->name);
    junit_counts(g, NULL, out);
    strbuf_addc(out, ">\n");
    for (const struct lab_step *st = g->lab->steps; st; st = st->next)
        junit_suite(a, g, st, out);
    strbuf_addc(out, "</testsuites>\n");
}

/* ---- what a check's output is, and the whole one's, for tools that show text ---- */
static struct str check_text(struct arena *a, const struct grade *g, const struct grade_check *c)
{
    struct strbuf text;
    const char *reason = report_reason(a, g, c);
    strbuf_init(&text, 65536);
    if (reason)
        strbuf_addf(&text, "%s\n", reason);
    if (c->state == GRADE_FAILED && c->check->rationale)
        strbuf_addf(&text, "Why it matters: %s\n", c->check->rationale);
    if (c->state == GRADE_FAILED && c->check->help)
        strbuf_addf(&text, "Where to look: %s\n", c->check->help);
    struct str done = arena_str(a, strbuf_str(&text));
    strbuf_deinit(&text);
    return done;
}

static struct str whole_text(struct arena *a, const struct grade *g)
{
    struct strbuf text;
    strbuf_init(&text, LIMIT_BODY_BYTES);
    strbuf_addf(&text, "%s: %s\n", g->lab->label, grade_headline(a, g));
    if (g->status != GRADE_COMPLETE)
        strbuf_addf(&text, "%s: %s\n", grade_status_name(g->status), g->message ? g->message : "");
    report_submission(g, &text);
    struct str done = arena_str(a, strbuf_str(&text));
    strbuf_deinit(&text);
    return done;
}

/* ---- Gradescope ---- */
static struct json *gradescope_test(struct arena *a, const struct grade *g, const struct grade_check *c, const char *number)
{
    return json_buildf(a, "{'name':%s,'number':%s,'score':%d,'max_score':%d,'status':%s,'output':%S,'output_format':'text',"
                          "'tags':[%s],'visibility':%s}", c->check->name, number,
                                 c->state == GRADE_PASSED ? c->check->points : 0, c->check->points,
                                 c->state == GRADE_PASSED ? "passed" : "failed", check_text(a, g, c),
                       c->step->id, c->check->hidden ? "hidden" : "visible");
}

/* Every check is in it, whoever sees the file: Gradescope keeps hidden ones from the student. It adds up the scores itself. */
void report_gradescope(struct arena *a, const struct grade *g, struct strbuf *out)
{
    struct json *tests = json_new_array(a);
    const struct lab_step *step = NULL;
    int64_t s = 0, c = 0;
    for (size_t i = 0; i < g->n; i++) {
        s += g->v[i].step != step;
        c = g->v[i].step != step ? 1 : c + 1;
        step = g->v[i].step;
        json_append(tests, gradescope_test(a, g, &g->v[i], arena_printf(a, "%" PRId64 ".%" PRId64, s, c)));
    }
    struct json *j = json_buildf(a,
                                 "{'output':%S,'output_format':'text','visibility':'visible','stdout_visibility':'hidden','tests':%j,"
                                    "'extra_data':{'lab':%s,'status':%s,'seed':%d,'sandbox':%j}}", whole_text(a, g), tests,
                                    g->lab->name, grade_status_name(g->status),
                                 g->seed, g->sandbox ? json_copy(a, g->sandbox) : NULL);
    json_write(out, j, JSON_PRETTY | JSON_NO_HTML_ESCAPE);
    strbuf_addch(out, '\n');
}

/* ---- PrairieLearn, Autolab ---- */
static struct grade_sum sum_of_all(const struct grade *g)
{
    struct grade_sum s = grade_sum(g, false), h = grade_sum(g, true);
    return (struct grade_sum){ s.n + h.n, s.passed + h.passed, s.points + h.points, s.max_points + h.max_points };
}

/* What is no student's fault, or is nothing, counts as no attempt. The score is that of all checks; a student sees the tests,
 * hence not the hidden ones. */
void report_prairielearn(struct arena *a, const struct grade *g, struct strbuf *out)
{
    struct json *tests = json_new_array(a);
    struct grade_sum sum = sum_of_all(g);
    bool gradable = g->status != GRADE_BROKEN && g->status != GRADE_ERROR;
    for (size_t i = 0; i < g->n; i++) {
        const struct grade_check *c = &g->v[i];
        if (report_shows(g, c))
            json_append(tests, json_buildf(a, "{'name':%s,'description':%s,'points':%d,'max_points':%d,'output':%S}",
                                           c->check->name, c->step->title,
                                           c->state == GRADE_PASSED ? c->check->points : 0, c->check->points, check_text(a, g, c)));
    }
    struct json *j = json_buildf(a, "{'gradable':%b,'score':%f,'message':%s,'output':%S,'tests':%j}", gradable,
                                 sum.max_points ? (double)sum.points / (double)sum.max_points : 0.0, grade_headline(a, g),
                                 whole_text(a, g), tests);
    if (!gradable)
        json_set_strc(a, j, "format_errors", g->message ? g->message : grade_status_name(g->status));
    json_write(out, j, JSON_PRETTY | JSON_NO_HTML_ESCAPE);
    strbuf_addch(out, '\n');
}

/* Its last line is what counts, of one problem called "autograded"; what stands before is shown. */
void report_autolab(struct arena *a, const struct grade *g, struct strbuf *out)
{
    report_text(a, g, out);
    json_write(out, json_buildf(a, "{'scores':{'autograded':%d}}", sum_of_all(g).points), JSON_NO_HTML_ESCAPE);
    strbuf_addch(out, '\n');
}

/* ---- TAP ---- */
/* A description is one line, and neither a directive nor the end of one. */
static void tap_description(struct strbuf *out, const char *text)
{
    for (const char *p = text; *p; p++) {
        if (*p == '#' || *p == '\\')
            strbuf_addch(out, '\\');
        strbuf_addch(out, (unsigned char)*p < 32 ? ' ' : *p);
    }
}

void report_tap(struct arena *a, const struct grade *g, struct strbuf *out)
{
    size_t n = 0, number = 0;
    for (size_t i = 0; i < g->n; i++)
        n += report_shows(g, &g->v[i]);
    strbuf_addf(out, "TAP version 14\n1..%zu\n", n);
    for (size_t i = 0; i < g->n; i++) {
        const struct grade_check *c = &g->v[i];
        const char *reason = report_reason(a, g, c);
        if (!report_shows(g, c))
            continue;
        strbuf_addf(out, "%s %zu - ", c->state == GRADE_PASSED ? "ok" : "not ok", ++number);
        tap_description(out, c->check->name);
        strbuf_addch(out, '\n');
        if (c->state == GRADE_PASSED)
            continue;
        strbuf_addf(out, "  ---\n  state: %s\n", grade_state_name(c->state));
        const struct { const char *key, *value; } lines[] = {
            { "message", reason }, { "rationale", c->state == GRADE_FAILED ? c->check->rationale : NULL },
            { "help", c->state == GRADE_FAILED ? c->check->help : NULL },
        };
        for (size_t k = 0; k < ARRAY_LEN(lines); k++) {
            if (!lines[k].value)
                continue;
            strbuf_addf(out, "  %s: ", lines[k].key);
            json_write_string(out, str_c(lines[k].value));         /* a JSON string is a YAML one */
            strbuf_addch(out, '\n');
        }
        strbuf_addc(out, "  ...\n");
    }
    strbuf_addf(out, "# %s: %s\n", g->lab->name, grade_headline(a, g));
    if (g->status != GRADE_COMPLETE && g->message) {
        strbuf_addf(out, "# %s: ", grade_status_name(g->status));
        tap_description(out, g->message);
        strbuf_addch(out, '\n');
    }
}
