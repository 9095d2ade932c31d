/* sim/cmd/grade_roster.c - a class graded: a process for each submission, as many at once as there are cores, so that what one of them
 * does to its process is its own affair.
 *
 * Each writes its report itself and leaves a line that says what came of it. Whoever is done when the run is interrupted has been
 * graded; the tables say of the others that they have not. Where all are judged with the same seed, their clusters are booted once
 * (shelf.c).
 */
#include "labs/roster.h"
#include "sim/cmd/grade.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINE_BYTES = 1024 };

struct student {
    const struct roster_row *row;
    const char *status;                /* grade_status_name; "not graded" */
    char *states;                      /* of each check: P, F, B, U as in enum grade_state; NULL: not known */
};
struct class {
    const struct grade_job *j;
    struct arena *a;
    const char *folder;                /* scratch: each job's line, by its number, and the shelf */
    const char *shelf;                 /* NULL: each has a seed of its own */
    struct student *v;
    size_t n;
    const struct grade_check *checks; size_t check_count;
};

static const char letters[] = { [GRADE_PASSED] = 'P', [GRADE_FAILED] = 'F', [GRADE_BLOCKED] = 'B', [GRADE_UNJUDGED] = 'U' };

/* ---- one student ---- */
static const char *submission_path(const struct class *c, const struct roster_row *row)
{
    const char *roster = c->j->o->roster, *slash = strrchr(roster, '/');
    struct stat st;
    if (!*row->submission || row->submission[0] == '/')
        return row->submission;
    if (stat(roster, &st) == 0 && S_ISDIR(st.st_mode))
        return arena_printf(c->a, "%s/%s", roster, row->submission);
    return slash ? arena_printf(c->a, "%.*s/%s", (int)(slash - roster), roster, row->submission) : row->submission;
}

static const char *line_path(const struct class *c, size_t i) { return arena_printf(c->a, "%s/%zu", c->folder, i); }

/* In a process of its own. */
static int grade_student(void *ctx, size_t i)
{
    const struct class *c = ctx;
    const struct roster_row *row = c->v[i].row;
    struct grade_job j = *c->j;
    struct strbuf line;
    j.a = arena_new();
    j.quiet = true;
    j.shelf = c->shelf;
    j.student = row->student;
    j.submission = submission_path(c, row);
    j.out = arena_printf(j.a, "%s/%s.%s", c->j->o->out, row->name, j.format->extension);
    int status = grade_one(&j);
    strbuf_init(&line, LINE_BYTES);
    strbuf_addf(&line, "%s ", grade_status_name(j.grade.status));
    for (size_t k = 0; k < j.grade.n; k++)
        strbuf_addch(&line, letters[j.grade.v[k].state]);
    return file_write(line_path(c, i), strbuf_str(&line), 0600, NULL) ? status : EXIT_INTERNAL;
}

static void student_done(void *ctx, size_t i, int exit_status)
{
    struct class *c = ctx;
    struct student *s = &c->v[i];
    struct str text, status, states;
    bool stopped = exit_status == 128 + SIGTERM || exit_status == 128 + SIGINT;        /* before it had begun in earnest */
    s->status = grade_status_name(stopped ? GRADE_INTERRUPTED : GRADE_ERROR);
    if (file_read(line_path(c, i), LINE_BYTES, c->a, &text, NULL) && str_cut(text, ' ', &status, &states) &&
        states.n == c->check_count) {
        s->status = arena_cstr(c->a, status);
        s->states = arena_cstr(c->a, states);
    }
}

/* ---- the tables ---- */
static int64_t points_of(const struct class *c, const struct student *s, size_t check)
{
    return s->states && s->states[check] == 'P' ? c->checks[check].check->points : 0;
}

static void add_field(struct strbuf *out, const char *text)
{
    strbuf_addch(out, ',');
    roster_csv_field(out, str_c(text));
}

static void write_grades(const struct class *c, struct strbuf *out)
{
    strbuf_addc(out, "student,status,score,max_score,passed,checks");
    for (size_t k = 0; k < c->check_count; k++)
        add_field(out, c->checks[k].check->name);
    for (size_t i = 0; i < c->n; i++) {
        const struct student *s = &c->v[i];
        int64_t score = 0, max = 0;
        size_t passed = 0;
        for (size_t k = 0; k < c->check_count; k++) {
            score += points_of(c, s, k);
            max += c->checks[k].check->points;
            passed += s->states && s->states[k] == 'P';
        }
        strbuf_addch(out, '\n');
        roster_csv_field(out, str_c(s->row->student));
        add_field(out, s->status);
        strbuf_addf(out, ",%" PRId64 ",%" PRId64 ",%zu,%zu", score, max, passed, c->check_count);
        for (size_t k = 0; k < c->check_count; k++)
            if (s->states && s->states[k] != 'U')
                strbuf_addf(out, ",%" PRId64, points_of(c, s, k));
            else
                strbuf_addch(out, ',');
    }
    strbuf_addch(out, '\n');
}

static size_t count_state(const struct class *c, size_t check, char state)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n; i++)
        n += (c->v[i].states ? c->v[i].states[check] : 'U') == state;
    return n;
}

static void write_checks(const struct class *c, struct strbuf *out)
{
    strbuf_addc(out, "check,step,points,hidden,passed,failed,blocked,not judged\n");
    for (size_t k = 0; k < c->check_count; k++) {
        const struct grade_check *g = &c->checks[k];
        roster_csv_field(out, str_c(g->check->name));
        add_field(out, g->step->id);
        strbuf_addf(out, ",%" PRId64 ",%s", g->check->points, g->check->hidden ? "yes" : "no");
        for (size_t i = 0; i < ARRAY_LEN(letters); i++)
            strbuf_addf(out, ",%zu", count_state(c, k, letters[i]));
        strbuf_addch(out, '\n');
    }
}

static bool is_all_passed(const struct class *c, const struct student *s)
{
    return strcmp(s->status, "complete") == 0 && s->states && strspn(s->states, "P") == c->check_count;
}

static void print_summary(const struct class *c)
{
    size_t passed = 0, complete = 0;
    for (size_t i = 0; i < c->n; i++) {
        passed += is_all_passed(c, &c->v[i]);
        complete += strcmp(c->v[i].status, "complete") == 0;
    }
    printf("%zu student%s: %zu pass every check, %zu do not, %zu could not be graded to the end\n\n", c->n,
           c->n == 1 ? "" : "s", passed, complete - passed, c->n - complete);
    printf("failed  blocked  check\n");
    for (size_t k = 0; k < c->check_count; k++)
        printf("%6zu  %7zu  %s\n", count_state(c, k, 'F'), count_state(c, k, 'B') + count_state(c, k, 'U'), c->checks[k].check->name);
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->v[i].status, "complete") != 0)
            printf("%s: %s\n", c->v[i].row->student, c->v[i].status);
}

static bool write_tables(const struct class *c, struct err *err)
{
    static const struct { const char *name; void (*write)(const struct class *c, struct strbuf *out); } tables[] = {
        { "grades.csv", write_grades }, { "checks.csv", write_checks },
    };
    bool ok = true;
    for (size_t i = 0; i < ARRAY_LEN(tables) && ok; i++) {
        struct strbuf out;
        strbuf_init(&out, LIMIT_RESPONSE_BYTES);
        tables[i].write(c, &out);
        ok = file_write(arena_printf(c->a, "%s/%s", c->j->o->out, tables[i].name), strbuf_str(&out), 0644, err);
        strbuf_deinit(&out);
    }
    return ok;
}

/* ---- the command ---- */
/* Where the results of an earlier grading lie among the submissions, they are nobody's. False: nothing else is there. */
static bool leave_out(struct arena *a, const char *dir, const char *out, struct roster *r, struct err *err)
{
    struct stat results, st;
    size_t n = 0;
    if (stat(out, &results) != 0)
        return true;
    for (size_t i = 0; i < r->n; i++)
        if (stat(arena_printf(a, "%s/%s", dir, r->v[i].submission), &st) != 0 || st.st_dev != results.st_dev ||
            st.st_ino != results.st_ino)
            r->v[n++] = r->v[i];
    r->n = n;
    return n || err_set(err, ERR_NOT_FOUND, "%s: there is no submission in it", dir);
}

static bool read_roster(struct arena *a, const char *path, const char *out, struct roster *r, struct err *err)
{
    struct stat st;
    struct str text;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return roster_folder(a, path, r, err) && leave_out(a, path, out, r, err);
    return file_read(path, ROSTER_BYTES_MAX, a, &text, err) && roster_parse(a, path, text, r, err);
}

static int class_status(const struct class *c)
{
    int status = EXIT_DONE;
    for (size_t i = 0; i < c->n; i++) {
        if (strcmp(c->v[i].status, grade_status_name(GRADE_ERROR)) == 0)
            return EXIT_INTERNAL;
        if (!is_all_passed(c, &c->v[i]))
            status = EXIT_FAILED;
    }
    return status;
}

static bool grade_all(struct class *c, struct err *err)
{
    if (!(c->folder = scratch_make(c->a, "class", err)))
        return false;
    scratch_let_in(c->folder);
    if (!c->j->o->key)                 /* with it each has a seed of its own, and nothing is shared */
        c->shelf = arena_printf(c->a, "%s/shelf", c->folder);
    pool_run(c->n, "graded", grade_student, student_done, c);
    scratch_remove(c->folder);
    return true;
}

int grade_roster(struct grade_job *j)
{
    struct class c = { .j = j, .a = j->a };
    struct roster r;
    struct grade model;
    struct err err = { 0 };
    struct grade_job first = *j;       /* what is wrong with the lab or the key is known before anybody is graded */
    bool ok = read_roster(c.a, j->o->roster, j->o->out, &r, &err);
    if (ok)
        first.student = r.v[0].student;
    if (!ok || !grade_prepare(&first, &err) || !dir_make(j->o->out, 0755, &err)) {
        fprintf(stderr, "kubelab: %s\n", err.msg);
        return EXIT_USAGE;
    }
    grade_begin(&model, c.a, j->lab);
    c.checks = model.v;
    c.check_count = model.n;
    c.n = r.n;
    c.v = arena_zalloc(c.a, (r.n + 1) * sizeof *c.v);
    for (size_t i = 0; i < r.n; i++)
        c.v[i] = (struct student){ .row = &r.v[i], .status = "not graded" };
    if (!grade_all(&c, &err) || !write_tables(&c, &err))
        return control_fail(&err);
    print_summary(&c);
    return class_status(&c);
}
