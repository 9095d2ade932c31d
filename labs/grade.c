/* labs/grade.c - a submission's grade as it comes about: what was applied, and for each check of the lab what the last step that
 * came to it found. */
#include "labs/grade.h"
#include "labs/labs_priv.h"

/* ---- checks ---- */
static struct grade_check *find_check(struct grade *g, const char *name)
{
    for (size_t i = 0; i < g->n; i++)
        if (strcmp(g->v[i].check->name, name) == 0)
            return &g->v[i];
    return NULL;
}

static void judged(void *ctx, const struct check_report *r, int64_t since_begin_ns)
{
    static const enum grade_state states[] = { [CHECK_PASSED] = GRADE_PASSED, [CHECK_FAILED] = GRADE_FAILED,
                                               [CHECK_BLOCKED] = GRADE_BLOCKED };
    struct grade *g = ctx;
    for (size_t i = 0; i < r->n; i++) {
        struct grade_check *c = find_check(g, r->v[i].check->name);
        if (!c)
            continue;
        c->state = states[r->v[i].state];
        c->message = r->v[i].message ? arena_strdup(g->a, r->v[i].message) : NULL;
        c->at_ns = since_begin_ns;
    }
    g->length_ns = since_begin_ns;
}

void grade_begin(struct grade *g, struct arena *a, const struct lab *lab)
{
    *g = (struct grade){ .a = a, .lab = lab, .kind = "manifests", .objects = json_new_array(a) };
    for (const struct lab_step *st = lab->steps; st; st = st->next)
        for (const struct lab_check *c = st->checks; c; c = c->next)
            g->n++;
    g->v = arena_zalloc(a, (g->n + 1) * sizeof *g->v);
    size_t i = 0;
    for (const struct lab_step *st = lab->steps; st; st = st->next)
        for (const struct lab_check *c = st->checks; c; c = c->next)
            g->v[i++] = (struct grade_check){ .step = st, .check = c, .state = GRADE_UNJUDGED };
    g->hooks = (struct labs_grading){ .ctx = g, .lab = lab, .submit = grade_apply, .judged = judged };
}

bool grade_judge(struct grade *g, const struct labs_ops *ops, struct err *err)
{
    struct check_report r;
    struct document_of of = { .params = g->lab->params };
    if (!ops->now(ops->ctx, &g->begin_ns, err) || !checks_run(g->a, ops, g->lab, NULL, NULL, &of, &r, err))
        return false;
    judged(g, &r, 0);
    return true;
}

/* ---- the submission ---- */
bool grade_apply(void *ctx, struct arena *a, const struct labs_ops *ops, bool *good, const char **what, struct err *err)
{
    struct grade *g = ctx;
    size_t refused = 0, n = 0;
    for (const struct json *c = json_first(g->submission.objects); c; c = json_next(c), n++) {
        const struct json *o = json_get(c, "object");
        struct object_request q = { "PATCH", "apply", "?fieldManager=kubectl&force=true", o };
        const char *wrong = NULL;
        if (!object_send(a, ops, o, &q, &wrong, err))
            return false;
        refused += wrong != NULL;
        json_append(g->objects, json_buildf(g->a, "{'source':%S,'object':%S,'ok':%b,'message':%s}", json_get_str(c, "source"),
                                            arena_strf(g->a, STR_FMT "/" STR_FMT, STR_ARG(json_get_str(o, "kind")),
                                                       STR_ARG(json_path_str(o, "metadata.name"))), !wrong, wrong));
    }
    *good = n && !refused;
    *what = !n ? "there is no manifest in it"
            : arena_printf(a, "%zu object%s applied, %zu refused", n - refused, n - refused == 1 ? "" : "s", refused);
    return true;
}

/* ---- the sum ---- */
struct grade_sum grade_sum(const struct grade *g, bool hidden)
{
    struct grade_sum s = { 0 };
    for (size_t i = 0; i < g->n; i++) {
        const struct lab_check *c = g->v[i].check;
        bool passed = g->v[i].state == GRADE_PASSED;
        if (c->hidden != hidden)
            continue;
        s.n++;
        s.passed += passed;
        s.points += passed ? c->points : 0;
        s.max_points += c->points;
    }
    return s;
}

bool grade_passed(const struct grade *g)
{
    struct grade_sum seen = grade_sum(g, false), hidden = grade_sum(g, true);
    return g->status == GRADE_COMPLETE && seen.passed == seen.n && hidden.passed == hidden.n;
}

const char *grade_status_name(enum grade_status s)
{
    static const char *const names[] = { [GRADE_COMPLETE] = "complete", [GRADE_BROKEN] = "broken", [GRADE_TIMEOUT] = "timeout",
                                         [GRADE_INTERRUPTED] = "interrupted",
                                         [GRADE_DIVERGED] = "diverged", [GRADE_ERROR] = "error" };
    return names[s];
}

const char *grade_state_name(enum grade_state s)
{
    static const char *const names[] = { [GRADE_PASSED] = "passed", [GRADE_FAILED] = "failed", [GRADE_BLOCKED] = "blocked",
                                         [GRADE_UNJUDGED] = "not judged" };
    return names[s];
}

const char *grade_headline(struct arena *a, const struct grade *g)
{
    struct grade_sum seen = grade_sum(g, false), hidden = grade_sum(g, true);
    if (!hidden.n)
        return arena_printf(a, "%zu of %zu checks pass", seen.passed, seen.n);
    const char *rest = g->show_hidden ? arena_printf(a, "%zu of %zu hidden ones", hidden.passed, hidden.n)
                       : arena_printf(a, "%zu hidden", hidden.n);
    return arena_printf(a, "%zu of %zu visible checks pass; %s", seen.passed, seen.n, rest);
}
