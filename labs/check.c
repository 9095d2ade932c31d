/* labs/check.c - a lab's checks against one document, and the report of it. The model of feedback is check50's: a check that
 * depends on one that has not passed is not judged; one that fails says why it matters and where to look. */
#include "labs/labs.h"

size_t checks_count(const struct lab *lab)
{
    size_t n = 0;
    for (const struct lab_step *st = lab->steps; st; st = st->next)
        for (const struct lab_check *c = st->checks; c; c = c->next)
            n++;
    return n;
}

void checks_texts(const struct lab *lab, const char **texts)
{
    for (const struct lab_step *st = lab->steps; st; st = st->next)
        for (const struct lab_check *c = st->checks; c; c = c->next)
            *texts++ = c->jq;
}

static const struct check_outcome *outcome_find(const struct check_report *r, const char *name)
{
    for (size_t i = 0; i < r->n; i++)
        if (strcmp(r->v[i].check->name, name) == 0)
            return &r->v[i];
    return NULL;
}

static void judge(struct arena *a, const struct predicate_result *result, struct check_outcome *o)
{
    o->state = result->verdict == PREDICATE_TRUE ? CHECK_PASSED : CHECK_FAILED;
    if (result->verdict == PREDICATE_ERROR)
        o->message = arena_printf(a, "it could not be judged: " STR_FMT, STR_ARG(result->text));
    else if (result->verdict == PREDICATE_LIMIT)
        o->message = arena_printf(a, "it could not be judged: its expression was stopped: " STR_FMT, STR_ARG(result->text));
}

/* A check of another step that was not asked for is judged too where one depends on it, but not counted: hence `wanted`. */
static bool is_wanted(const struct lab_step *st, const char *step) { return !step || strcmp(st->id, step) == 0; }

static void sum(struct check_report *r, const char *step)
{
    size_t kept = 0;
    for (size_t i = 0; i < r->n; i++) {
        struct check_outcome o = r->v[i];
        if (!is_wanted(o.step, step))
            continue;
        r->v[kept++] = o;
        r->max_points += o.check->points;
        r->passed += o.state == CHECK_PASSED;
        r->points += o.state == CHECK_PASSED ? o.check->points : 0;
    }
    r->n = kept;
}

/* Where one of them is no jq: each by itself, so that the others are judged. */
static void eval_each(struct arena *a, struct str document, const struct check_report *r, struct predicate_result *results)
{
    for (size_t i = 0; i < r->n; i++) {
        struct err err = { 0 };
        struct predicate_set *one = predicate_set_new(&r->v[i].check->jq, 1, NULL, &err);
        results[i] = one ? predicate_set_eval_one(one, a, document, 0)
                     : (struct predicate_result){ PREDICATE_ERROR, arena_str(a, str_c(err.msg)) };
        predicate_set_free(one);
        err_clear(&err);
    }
}

/* All are evaluated; those whose condition has not passed are not judged by what came out. */
static void judge_all(struct arena *a, const struct checks_compiled *c, struct str document, struct check_report *r)
{
    size_t n = r->n, *which = arena_zalloc(a, (n + 1) * sizeof *which);
    struct predicate_result *results = arena_zalloc(a, (n + 1) * sizeof *results);
    for (size_t i = 0; i < n; i++)
        which[i] = c->first + i;
    if (predicate_set_ready(c->set, NULL, NULL))
        predicate_set_eval(c->set, a, document, which, n, results);
    else
        eval_each(a, document, r, results);
    for (size_t i = 0; i < n; i++) {
        const char *depends = r->v[i].check->depends;
        r->n = i;                      /* what it depends on stands above it */
        const struct check_outcome *before = depends ? outcome_find(r, depends) : NULL;
        if (!before || before->state == CHECK_PASSED)
            judge(a, &results[i], &r->v[i]);
    }
    r->n = n;
}

static struct predicate_set *compile(struct arena *a, const struct lab *lab, struct err *err)
{
    size_t n = checks_count(lab);
    const char **texts = arena_zalloc(a, (n + 1) * sizeof *texts);
    checks_texts(lab, texts);
    return predicate_set_new(texts, n, NULL, err);
}

static const char *where_is(const struct lab *lab, size_t nth)
{
    for (const struct lab_step *st = lab->steps; st; st = st->next)
        for (const struct lab_check *c = st->checks; c; c = c->next)
            if (nth-- == 0)
                return c->where;
    return lab->name;
}

bool checks_compile(const struct lab *lab, struct err *err)
{
    struct arena *a = arena_new();
    struct err why = { 0 };
    size_t wrong = 0;
    struct predicate_set *set = compile(a, lab, &why);
    bool ok = set && predicate_set_ready(set, &wrong, &why);
    predicate_set_free(set);
    if (!ok)
        err_set(err, ERR_PARSE, "%s: %s", where_is(lab, wrong), why.msg);
    err_clear(&why);
    arena_free(a);
    return ok;
}

bool checks_run(struct arena *a, const struct labs_ops *ops, const struct lab *lab, const struct checks_compiled *compiled,
                const char *step, const struct document_of *of,
                struct check_report *r, struct err *err)
{
    struct predicate_set *own = compiled && compiled->lab == lab ? NULL : compile(a, lab, err);    /* while the cluster is asked */
    struct checks_compiled c = own ? (struct checks_compiled){ lab, own, 0 } : compiled ? *compiled : (struct checks_compiled){ NULL };
    struct document_of with = of ? *of : (struct document_of){ NULL };
    with.lab = lab->name;
    with.params = with.params ? with.params : lab->params;
    *r = (struct check_report){ .lab = lab, .v = arena_zalloc(a, (checks_count(lab) + 1) * sizeof *r->v) };
    for (const struct lab_step *st = lab->steps; st; st = st->next)
        for (const struct lab_check *k = st->checks; k; k = k->next)
            r->v[r->n++] = (struct check_outcome){ st, k, CHECK_BLOCKED, NULL };
    struct str text = c.set ? document_make(a, ops, &with, err) : STR_NULL;
    if (text.n)
        judge_all(a, &c, text, r);
    predicate_set_free(own);
    sum(r, step);
    return text.n > 0;
}

static const char *const states[] = { [CHECK_PASSED] = "passed", [CHECK_FAILED] = "failed", [CHECK_BLOCKED] = "not judged" };

void check_report_text(const struct check_report *r, struct strbuf *out)
{
    static const char *const marks[] = { [CHECK_PASSED] = "ok      ", [CHECK_FAILED] = "not ok  ", [CHECK_BLOCKED] = "-       " };
    const struct lab_step *step = NULL;
    for (size_t i = 0; i < r->n; i++) {
        const struct check_outcome *o = &r->v[i];
        if (o->step != step)
            strbuf_addf(out, "%s%s: %s\n", step ? "\n" : "", o->step->id, o->step->title);
        step = o->step;
        strbuf_addf(out, "  %s%s\n", marks[o->state], o->check->name);
        if (o->state == CHECK_BLOCKED)
            strbuf_addf(out, "            not judged: \"%s\" has to pass first\n", o->check->depends);
        if (o->state == CHECK_FAILED && o->message)
            strbuf_addf(out, "            %s\n", o->message);
        if (o->state == CHECK_FAILED && o->check->rationale)
            strbuf_addf(out, "            why:  %s\n", o->check->rationale);
        if (o->state == CHECK_FAILED && o->check->help)
            strbuf_addf(out, "            help: %s\n", o->check->help);
    }
    strbuf_addf(out, "\n%zu of %zu checks pass; %" PRId64 " of %" PRId64 " points\n", r->passed, r->n, r->points, r->max_points);
}

struct json *check_report_json(struct arena *a, const struct check_report *r)
{
    struct json *checks = json_new_array(a);
    for (size_t i = 0; i < r->n; i++) {
        const struct check_outcome *o = &r->v[i];
        bool failed = o->state == CHECK_FAILED;
        json_append(checks, json_buildf(a,
                                        "{'step':%s,'name':%s,'state':%s,'points':%d,'maxPoints':%d,'depends':%s,'message':%s,"
                                        "'rationale':%s,'help':%s}", o->step->id,
            o->check->name, states[o->state], o->state == CHECK_PASSED ? o->check->points : 0, o->check->points, o->check->depends,
            o->message,
            failed ? o->check->rationale : NULL, failed ? o->check->help : NULL));
    }
    return json_buildf(a, "{'lab':%s,'passed':%d,'total':%d,'points':%d,'maxPoints':%d,'checks':%j}", r->lab->name,
                       (int64_t)r->passed, (int64_t)r->n, r->points,
                       r->max_points, checks);
}

static bool in_names(const struct json *names, const char *name)
{
    for (const struct json *c = json_first(names); c; c = json_next(c))
        if (str_eqc(json_str(c), name))
            return true;
    return false;
}

void check_report_differs(const struct check_report *r, const struct json *fails, struct strbuf *out)
{
    for (size_t i = 0; i < r->n; i++) {
        const struct check_outcome *o = &r->v[i];
        bool to_fail = in_names(fails, o->check->name);
        if (to_fail != (o->state == CHECK_FAILED) && !(fails && o->state == CHECK_BLOCKED))
            strbuf_addf(out, "%s%s \"%s\"%s%s", out->n ? "; " : "", to_fail ? "did not fail:" : "did not pass:", o->check->name,
                        o->message ? ": " : "",
                        o->message ? o->message : "");
    }
}
