/* sim/cmd/grade_roster.c - a class graded: a process for each submission, as many at once as there are cores, so that what one of them does to its process is its own affair.
 *
 * Each writes its report itself and tells this process in one line what came of it. Whoever is done when the run is interrupted has been graded; the tables say of the others that they
 * have not.
 */
#include "labs/roster.h"
#include "sim/cmd/grade.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_AT_ONCE = 64, LINE_BYTES = 1024 };

struct student {
    const struct roster_row *row;
    pid_t pid;                         /* while it is graded, else 0 */
    int   fd;                          /* where its line comes from */
    const char *status;                /* grade_status_name; "not graded" */
    char *states;                      /* of each check: P, F, B, U as in enum grade_state; NULL: not known */
};
struct class {
    const struct grade_job *j;
    struct arena *a;
    struct student *v;
    size_t n, begun, done, running;
    bool   terminal;
    const struct grade_check *checks; size_t check_count;
};

static volatile sig_atomic_t interrupted;
static void on_interrupt(int signo) { (void)signo; interrupted = 1; }

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

static _Noreturn void grade_student(const struct class *c, const struct student *s, int fd)
{
    struct grade_job j = *c->j;
    struct strbuf line;
    j.a = arena_new();
    j.quiet = true;
    j.student = s->row->student;
    j.submission = submission_path(c, s->row);
    j.out = arena_printf(j.a, "%s/%s.%s", c->j->o->out, s->row->name, j.format->extension);
    int status = grade_one(&j);
    strbuf_init(&line, LINE_BYTES);
    strbuf_addf(&line, "%s ", grade_status_name(j.grade.status));
    for (size_t i = 0; i < j.grade.n; i++)
        strbuf_addch(&line, letters[j.grade.v[i].state]);
    if (write(fd, line.p, line.n) < 0)
        status = EXIT_INTERNAL;
    _exit(status);
}

static bool begin_student(struct class *c, struct student *s, struct err *err)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0)
        return err_set(err, ERR_IO, "pipe: %s", strerror(errno));
    fflush(NULL);
    s->pid = fork();
    if (s->pid == 0)
        grade_student(c, s, fds[1]);
    close(fds[1]);
    s->fd = fds[0];
    c->begun++;
    c->running += s->pid > 0;
    if (s->pid > 0)
        return true;
    close(fds[0]);
    return err_set(err, ERR_IO, "no process can be made for a submission: %s", strerror(errno));
}

static void end_student(struct class *c, struct student *s)
{
    char text[LINE_BYTES] = "";
    struct str status, states;
    ssize_t n = read(s->fd, text, sizeof text - 1);
    close(s->fd);
    s->pid = 0;
    c->running--;
    c->done++;
    s->status = grade_status_name(GRADE_ERROR);
    if (n > 0 && str_cut(str_c(text), ' ', &status, &states) && states.n == c->check_count) {
        s->status = arena_cstr(c->a, status);
        s->states = arena_cstr(c->a, states);
    }
    if (c->terminal)
        fprintf(stderr, "\r%zu of %zu graded", c->done, c->n);
}

/* ---- the class ---- */
static size_t cores(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return n < 1 ? 1 : n > MAX_AT_ONCE ? MAX_AT_ONCE : (size_t)n;
}

static void stop_all(struct class *c)
{
    for (size_t i = 0; i < c->begun; i++)
        if (c->v[i].pid > 0)
            kill(c->v[i].pid, SIGTERM);
}

static void wait_one(struct class *c, bool *told)
{
    pid_t pid = waitpid(-1, NULL, 0);
    if (interrupted && !*told)
        stop_all(c);
    *told = interrupted;
    for (size_t i = 0; i < c->begun && pid > 0; i++)
        if (c->v[i].pid == pid)
            end_student(c, &c->v[i]);
}

static bool grade_all(struct class *c, struct err *err)
{
    size_t at_once = cores();
    bool ok = true, told = false;
    while (c->running || (ok && !interrupted && c->begun < c->n)) {
        if (ok && !interrupted && c->running < at_once && c->begun < c->n)
            ok = begin_student(c, &c->v[c->begun], err);
        else
            wait_one(c, &told);
    }
    if (c->terminal)
        fprintf(stderr, "\r%*s\r", 40, "");
    return ok;
}

/* ---- the tables ---- */
static int64_t points_of(const struct class *c, const struct student *s, size_t check) { return s->states && s->states[check] == 'P' ? c->checks[check].check->points : 0; }

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
    printf("%zu students: %zu pass every check, %zu do not, %zu could not be graded to the end\n\nfailed  blocked  check\n", c->n, passed, complete - passed, c->n - complete);
    for (size_t k = 0; k < c->check_count; k++)
        printf("%6zu  %7zu  %s\n", count_state(c, k, 'F'), count_state(c, k, 'B') + count_state(c, k, 'U'), c->checks[k].check->name);
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->v[i].status, "complete") != 0)
            printf("%s: %s\n", c->v[i].row->student, c->v[i].status);
}

static bool write_tables(const struct class *c, struct err *err)
{
    static const struct { const char *name; void (*write)(const struct class *c, struct strbuf *out); } tables[] = { { "grades.csv", write_grades }, { "checks.csv", write_checks } };
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
static bool read_roster(struct arena *a, const char *path, struct roster *r, struct err *err)
{
    struct stat st;
    struct str text;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return roster_folder(a, path, r, err);
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

int grade_roster(const struct grade_job *j)
{
    struct class c = { .j = j, .a = j->a, .terminal = isatty(2) };
    struct roster r;
    struct grade model;
    struct err err = { 0 };
    if (!read_roster(c.a, j->o->roster, &r, &err) || !dir_make(j->o->out, 0755, &err)) {
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
    struct sigaction sa = { .sa_handler = on_interrupt };
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
    bool ok = grade_all(&c, &err);
    if (!write_tables(&c, &err) || !ok)
        return control_fail(&err);
    print_summary(&c);
    return class_status(&c);
}
