/* sim/cmd/grade.c - `kubelab grade LAB`: what somebody hands in, judged on a cluster of its own, in virtual time.
 *
 * The lab's `grade:` scenario leads: it says when the submission is applied, what happens to it, and when it is judged. A report is written whatever happens: first one that says that the
 * grading did not end, which the real one replaces, whole or not at all.
 */
#include "labs/grade.h"
#include "sim/cmd/cmd.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

/* In wall time, for all of it. A grading takes less than a second of a machine's time; a class's machine may be slow. */
enum { TIMEOUT_S = 300 };

struct session {
    struct arena *a;
    struct options *o;
    const struct report_format *format;
    struct scenario *sc;
    struct stage stage;
    struct labs_ops *ops;
    struct grade grade;
};

/* ---- an end in time ---- */
static volatile sig_atomic_t timed_out;
static volatile pid_t cluster_pid;         /* what answers a request that does not end, once it is killed */

static void on_alarm(int signo)
{
    (void)signo;
    timed_out = 1;
    if (cluster_pid > 0)
        kill(cluster_pid, SIGKILL);
}

static void timeout_begin(int64_t ns)
{
    struct sigaction sa = { .sa_handler = on_alarm };
    struct itimerval it = { .it_value = { .tv_sec = (time_t)(ns / (int64_t)NS_PER_S), .tv_usec = ns % (int64_t)NS_PER_S / 1000 } };
    sigaction(SIGALRM, &sa, NULL);
    setitimer(ITIMER_REAL, &it, NULL);
}

static bool is_interrupted(const struct session *s) { return s->ops && s->ops->stopped(s->ops->ctx); }

/* ---- the report ---- */
static bool report(struct session *s, struct err *err)
{
    struct strbuf out;
    strbuf_init(&out, LIMIT_RESPONSE_BYTES);
    s->format->write(s->a, &s->grade, &out);
    bool ok = true;
    if (s->o->out)
        ok = file_write(s->o->out, strbuf_str(&out), 0644, err);
    else
        fwrite(out.p ? out.p : "", 1, out.n, stdout);
    strbuf_deinit(&out);
    return ok;
}

static bool report_unfinished(struct session *s, struct err *err)
{
    s->grade.status = GRADE_ERROR;
    s->grade.message = "the grading did not come to its end: its process was killed, or the machine stopped";
    bool ok = !s->o->out || report(s, err);
    s->grade.message = NULL;
    return ok;
}

/* What a failure was, by who caused it. */
static void conclude(struct session *s, bool ok, const struct timeline *t, const struct err *err)
{
    struct grade *g = &s->grade;
    if (t) {
        g->begin_ns = t->begin_ns;
        g->steps = t->steps;
    }
    if (timed_out) {
        g->status = GRADE_TIMEOUT;
        g->message = "the grading used up its time (--timeout)";
    } else if (is_interrupted(s) || (t && t->interrupted)) {
        g->status = GRADE_INTERRUPTED;
        g->message = "the grading was interrupted";
    } else if (!ok) {
        g->status = GRADE_ERROR;
        g->message = arena_strdup(s->a, err->msg);
    } else {
        g->status = GRADE_COMPLETE;
    }
}

/* ---- judging ---- */
/* The lab's own scenario, whose files are all in the binary: nothing of the folder that grade is called in can take their place. */
static bool read_scenario(struct session *s, const struct lab *lab, struct err *err)
{
    if (!lab->grade)
        return err_set(err, ERR_USAGE, "%s cannot be graded: its lab.yaml has no `grade`", lab->name);
    struct scenario_choice choice;
    struct options seeds = *s->o;
    seeds.student = s->o->key ? s->o->student : NULL;      /* without the key it is a name on the report and no more */
    if (!variant_choose(s->a, &seeds, &choice, err))
        return false;
    choice.lab = lab;
    s->sc = scenario_parse_with(s->a, arena_printf(s->a, "/kubelab/labs/%s/%s", lab->name, lab->grade), lab_file(lab->name, lab->grade), &choice, err);
    if (!s->sc)
        return false;
    grade_begin(&s->grade, s->a, lab_find(lab->name));     /* with the values of its parameters */
    s->grade.seed = s->sc->seed;
    return true;
}

static void play(struct session *s)
{
    struct err err = { 0 };
    struct timeline t = { .a = s->a };
    bool ok = stage_begin(&s->stage, s->a, s->sc, &err);
    cluster_pid = s->stage.pid;
    ok = ok && !timed_out && scenario_run(s->a, s->sc, s->ops, NULL, NULL, &t, &err);
    conclude(s, ok, &t, &err);
    err_clear(&err);
}

static void judge_submission(struct session *s)
{
    struct err err = { 0 };
    struct grade *g = &s->grade;
    if (!submission_take(s->a, s->o->submission, s->o->script, arena_printf(s->a, "%s/submission", s->stage.home), &g->submission, &err)) {
        g->status = err.code == ERR_IO ? GRADE_ERROR : GRADE_BROKEN;
        g->message = arena_strdup(s->a, err.msg);
        err_clear(&err);
        return;
    }
    if (g->submission.script) {
        g->status = GRADE_BROKEN;
        g->message = "a script was handed in, and scripts are not run: hand in manifests";
        return;
    }
    g->hooks.context = g->submission.context;
    s->ops->grading = &g->hooks;
    play(s);
}

/* ---- the command ---- */
static bool choose(struct session *s, int64_t *timeout, struct err *err)
{
    const struct options *o = s->o;
    const struct lab *lab = lab_find(o->arg_count == 1 ? o->args[0] : NULL);
    if (o->arg_count != 1)
        return err_set(err, ERR_USAGE, "usage: kubelab grade LAB --submission FILE|DIR [--format " REPORT_FORMATS "] [--out FILE]");
    if (!lab)
        return err_set(err, ERR_USAGE, "there is no lab \"%s\"; 'kubelab lab list' names them", o->args[0]);
    if (!(s->format = report_format_find(o->format ? o->format : "text")))
        return err_set(err, ERR_USAGE, "--format is one of " REPORT_FORMATS ", not \"%s\"", o->format);
    if (o->timeout && (!duration_parse_go(str_c(o->timeout), timeout) || *timeout < (int64_t)NS_PER_S))
        return err_set(err, ERR_USAGE, "--timeout is a duration from 1s, not \"%s\"", o->timeout);
    if (!o->submission)
        return err_set(err, ERR_USAGE, "nothing was handed in: name it with --submission");
    grade_begin(&s->grade, s->a, lab);
    bool ok = read_scenario(s, lab, err);
    s->grade.show_hidden = o->hidden;
    s->grade.student = o->student;
    return ok;
}

static int exit_status(const struct session *s)
{
    const struct grade *g = &s->grade;
    if (g->status == GRADE_BROKEN && access(s->o->submission, R_OK) != 0)
        return EXIT_USAGE;
    return g->status == GRADE_ERROR ? EXIT_INTERNAL : grade_passed(g) ? EXIT_DONE : EXIT_FAILED;
}

static int perform(struct session *s, int64_t timeout, struct err *err)
{
    if (!report_unfinished(s, err))
        return control_fail(err);
    timeout_begin(timeout);
    if (stage_open(&s->stage, s->a, "grade", err)) {
        s->ops = labs_ops_new(s->a, &s->stage.cluster, s->stage.home);
        judge_submission(s);
    } else {
        s->grade.message = arena_strdup(s->a, err->msg);
    }
    err_clear(err);
    timeout_begin(0);
    cluster_pid = 0;
    stage_close(&s->stage);
    int status = exit_status(s);
    if (!report(s, err))
        status = control_fail(err);
    if (s->grade.message && s->o->out)
        fprintf(stderr, "kubelab: %s\n", s->grade.message);
    return status;
}

int cmd_grade(struct options *o)
{
    struct session s = { .a = arena_new(), .o = o };
    struct err err = { 0 };
    int64_t timeout = TIMEOUT_S * (int64_t)NS_PER_S;
    int status = choose(&s, &timeout, &err) ? perform(&s, timeout, &err) : EXIT_USAGE;
    if (status == EXIT_USAGE && err.code)
        fprintf(stderr, "kubelab: %s\n", err.msg);
    scenario_close(s.sc);
    err_clear(&err);
    arena_free(s.a);
    return status;
}
