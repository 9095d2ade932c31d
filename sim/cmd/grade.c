/* sim/cmd/grade.c - `kubelab grade LAB`: what somebody hands in, judged on a cluster of its own, in virtual time.
 *
 * The lab's `grade:` scenario leads: it says when the submission is applied, what happens to it, and when it is judged. A report is
 * written whatever happens: first one that says that the grading did not end, which the real one replaces, whole or not at all.
 */
#include "sim/cmd/grade.h"
#include "sim/cmd/sandbox.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

/* In wall time, for all of one submission, and of CPU time for its cluster. It takes some seconds at most; but a class's machine
 * may be slow, and then a verdict must not be another: so what computes without end is ended by its CPU time
 * (GRADE_CLUSTER_CPU_S; the script by its own, sandbox.h), and the wall's is for what only waits. */
enum { TIMEOUT_S = 1800, DATA_AWAKE_S = 125 };

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

static bool is_interrupted(const struct grade_run *s) { return s->ops && s->ops->stopped(s->ops->ctx); }
static bool is_stopped(void *ctx) { return timed_out || is_interrupted(ctx); }

/* ---- the report ---- */
static bool report(struct grade_job *j, struct err *err)
{
    struct strbuf out;
    strbuf_init(&out, LIMIT_RESPONSE_BYTES);
    j->format->write(j->a, &j->grade, &out);
    bool ok = true;
    if (j->out)
        ok = file_write(j->out, strbuf_str(&out), 0644, err);
    else
        page_put(stdout, strbuf_str(&out), false);
    strbuf_deinit(&out);
    return ok;
}

static bool report_unfinished(struct grade_job *j, struct err *err)
{
    j->grade.status = GRADE_ERROR;
    j->grade.message = "the grading did not come to its end: its process was killed, or the machine stopped";
    bool ok = !j->out || report(j, err);
    j->grade.message = NULL;
    return ok;
}

/* A report is the same wherever it was made: the scratch folder's path is none of its business. */
static const char *without_path(const struct grade_run *s, const char *msg)
{
    struct str text = str_c(msg), home = str_c(s->stage.home);
    ptrdiff_t at = home.n ? str_find(text, home) : -1;
    if (at < 0)
        return arena_strdup(s->a, msg);
    struct str before = str_sub(text, 0, (size_t)at), after = str_sub(text, (size_t)at + home.n, text.n);
    return arena_printf(s->a, STR_FMT "SCRATCH" STR_FMT, STR_ARG(before), STR_ARG(after));
}

/* ---- the cluster's CPU time ---- */
static void limit_cluster(const struct grade_run *s)
{
    struct rlimit l = { .rlim_cur = GRADE_CLUSTER_CPU_S, .rlim_max = GRADE_CLUSTER_CPU_S + 5 };
    if (s->stage.pid > 0)
        prlimit(s->stage.pid, RLIMIT_CPU, &l, NULL);
}

static bool cluster_used_up(const struct grade_run *s)
{
    siginfo_t info = { 0 };
    return s->stage.pid > 0 && waitid(P_PID, (id_t)s->stage.pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == s->stage.pid &&
           info.si_code != CLD_EXITED && info.si_status == SIGXCPU;
}

/* What a failure was, by who caused it. */
static void conclude(struct grade_run *s, bool ok, const struct timeline *t, const struct err *err)
{
    struct grade *g = &s->j->grade;
    if (t && t->steps) {
        g->begin_ns = t->begin_ns;
        g->steps = t->steps;
    }
    if (timed_out) {
        g->status = GRADE_TIMEOUT;
        g->message = "the grading used up its time (--timeout)";
    } else if (cluster_used_up(s)) {
        g->status = GRADE_TIMEOUT;
        g->message = arena_printf(s->a, "what was handed in kept the cluster busy for more than %d s of CPU time",
                                  GRADE_CLUSTER_CPU_S);
    } else if (is_interrupted(s) || (t && t->interrupted)) {
        g->status = GRADE_INTERRUPTED;
        g->message = "the grading was interrupted";
    } else if (!ok) {
        g->status = GRADE_ERROR;
        g->message = without_path(s, err->msg);
    } else {
        g->status = GRADE_COMPLETE;
    }
}

/* ---- judging ---- */
static void begin(struct grade_job *j, const struct lab *lab)
{
    grade_begin(&j->grade, j->a, lab);
    j->grade.show_hidden = j->o->hidden;
    j->grade.student = j->student;
}

/* The lab's own scenario, whose files are all in the binary: nothing of the folder that grade is called in can take their place. */
static bool read_scenario(struct grade_run *s, struct err *err)
{
    struct grade_job *j = s->j;
    struct options variant = *j->o;
    struct scenario_choice choice;
    variant.student = j->o->key ? j->student : NULL;       /* without the key it is a name on the report and no more */
    if (!variant_choose(s->a, &variant, &choice, err))
        return false;
    choice.lab = j->lab;
    const char *file = arena_printf(s->a, "/kubelab/labs/%s/%s", j->lab->name, j->lab->grade);
    s->sc = scenario_parse_with(s->a, file, lab_file(j->lab->name, j->lab->grade), &choice, err);
    if (!s->sc)
        return false;
    begin(j, lab_find(j->lab->name));              /* with the values of its parameters */
    j->grade.seed = s->sc->seed;
    j->grade.begin_ns = s->sc->start_ns;
    return true;
}

/* What leads the simulation is the grader's, but for what the lab leaves to its students. */
static bool close_steering(struct grade_run *s, struct err *err)
{
    struct control_reply reply;
    const char *names = "";
    for (const struct json *c = json_first(s->j->grade.lab->steers); c; c = json_next(c))
        names = arena_printf(s->a, "%s" STR_FMT ",", names, STR_ARG(json_str(c)));
    return control_call(s->a, &s->stage.cluster, "POST", "/grading", str_c(names), NULL, NULL, &reply, err);
}

static void play(struct grade_run *s)
{
    struct err err = { 0 };
    struct timeline t = { .a = s->a };
    bool ok = stage_begin(&s->stage, s->a, s->sc, &err);
    cluster_pid = s->stage.pid;
    limit_cluster(s);
    ok = ok && close_steering(s, &err) && !timed_out && scenario_run(s->a, s->sc, s->ops, NULL, NULL, &t, &err);
    conclude(s, ok, &t, &err);
    err_clear(&err);
}

/* False: what was handed in cannot be judged; *err says why. */
static bool take_submission(struct grade_run *s, struct err *err)
{
    struct grade *g = &s->j->grade;
    if (!*s->j->submission)
        return err_set(err, ERR_NOT_FOUND, "nothing was handed in");
    const char *copy = arena_printf(s->a, "%s/submission", s->stage.home);
    if (!submission_take(s->a, s->j->submission, s->j->o->script, copy, &g->submission, err))
        return false;
    g->kind = g->submission.script ? "script" : "manifests";
    g->hooks.submit = g->submission.script ? grade_run_script : grade_apply;
    g->hooks.context = g->submission.context;
    return true;
}

/* The machine slept: what is measured of it is there again after two rounds of scraping. */
static void judge_data(struct grade_run *s, struct err *err)
{
    bool ok = s->ops->advance(s->ops->ctx, DATA_AWAKE_S * (int64_t)NS_PER_S, err) && grade_judge(&s->j->grade, s->ops, err);
    conclude(s, ok, NULL, err);
}

static bool take(struct grade_run *s, const char **difference, struct err *err)
{
    const struct options *o = s->j->o;
    s->j->grade.kind = o->data ? "data" : o->journal ? "journal" : s->j->grade.kind;
    if (o->journal)
        return grade_take_journal(s, &cluster_pid, difference, err);
    return o->data ? grade_take_data(s, err) : take_submission(s, err);
}

static void judge(struct grade_run *s)
{
    struct err err = { 0 };
    struct grade *g = &s->j->grade;
    bool as_it_is = s->j->o->data || s->j->o->journal;
    const char *difference = NULL;
    bool taken = take(s, &difference, &err);
    cluster_pid = s->stage.pid;
    limit_cluster(s);
    s->ops->grading = &g->hooks;
    if (!taken && (timed_out || is_interrupted(s))) {
        conclude(s, false, NULL, &err);
    } else if (!taken) {
        g->status = err.code == ERR_IO ? GRADE_ERROR : GRADE_BROKEN;
        g->message = without_path(s, err.msg);
    } else if (difference) {
        g->status = GRADE_DIVERGED;
        g->message = arena_printf(s->a, "the journal does not lead where it led:\n%s", difference);
    } else if (as_it_is) {
        judge_data(s, &err);
    } else {
        play(s);
    }
    err_clear(&err);
}

static int exit_status(const struct grade_run *s)
{
    const struct grade_job *j = s->j;
    const struct grade *g = &j->grade;
    if (s->lab_broken)
        return EXIT_USAGE;
    if (g->status == GRADE_BROKEN && access(j->submission, R_OK) != 0)
        return EXIT_USAGE;
    return g->status == GRADE_ERROR ? EXIT_INTERNAL : grade_passed(g) ? EXIT_DONE : EXIT_FAILED;
}

static void perform(struct grade_run *s)
{
    struct err err = { 0 };
    if (!read_scenario(s, &err) || !stage_open(&s->stage, s->a, "grade", &err)) {
        s->lab_broken = err.code == ERR_PARSE || err.code == ERR_USAGE;
        s->j->grade.status = GRADE_ERROR;
        s->j->grade.message = arena_strdup(s->a, err.msg);
    } else {
        s->ops = labs_ops_new(s->a, &s->stage.cluster, s->stage.home);
        judge(s);
    }
    err_clear(&err);
    timeout_begin(0);
    cluster_pid = 0;
    stage_close(&s->stage);
    scenario_close(s->sc);
}

bool grade_prepare(struct grade_job *j, struct err *err)
{
    struct grade_run s = { .j = j, .a = j->a };
    bool ok = read_scenario(&s, err);
    if (ok && s.sc->set && !j->o->key)
        predicate_set_keep(s.sc->set);
    scenario_close(s.sc);
    return ok;
}

int grade_one(struct grade_job *j)
{
    struct grade_run s = { .j = j, .a = j->a, .stage.shelf = j->shelf, .stopped = is_stopped };
    struct err err = { 0 };
    j->run = &s;
    begin(j, j->lab);
    if (!report_unfinished(j, &err))
        return control_fail(&err);
    timeout_begin(j->timeout_ns);
    perform(&s);
    int status = exit_status(&s);
    if (!report(j, &err))
        status = control_fail(&err);
    if (j->grade.message && j->out && !j->quiet)
        fprintf(stderr, "kubelab: %s\n", j->grade.message);
    return status;
}

/* ---- the command ---- */
static bool choose(struct grade_job *j, struct err *err)
{
    const struct options *o = j->o;
    enum sandbox_level level;
    int64_t budget;
    if (!(j->lab = lab_open(o->args[0], err)))
        return false;
    if (o->checks && !(j->lab = lab_add_checks(j->lab, o->checks, err)))
        return false;
    if (!j->lab->grade)
        return err_set(err, ERR_USAGE, "%s cannot be graded: its lab.yaml has no `grade`", j->lab->name);
    const char *format = o->format ? o->format : o->roster ? "json" : "text";
    if (!(j->format = report_format_find(format)))
        return err_set(err, ERR_USAGE, "--format is one of " REPORT_FORMATS ", not \"%s\"", format);
    if (o->timeout && (!duration_parse_go(str_c(o->timeout), &j->timeout_ns) || j->timeout_ns < (int64_t)NS_PER_S))
        return err_set(err, ERR_USAGE, "--timeout is a duration from 1s, not \"%s\"", o->timeout);
    if (!!o->submission + !!o->data + !!o->journal + !!o->roster != 1)
        return err_set(err, ERR_USAGE, "name what was handed in by one of --submission, --data, --journal and --roster");
    if (o->require_sandbox && !sandbox_level_parse(str_c(o->require_sandbox), &level))
        return err_set(err, ERR_USAGE, "--require-sandbox is one of none, limits, confined and isolated, not \"%s\"",
                       o->require_sandbox);
    if (o->budget && (!duration_parse_go(str_c(o->budget), &budget) || budget <= 0))
        return err_set(err, ERR_USAGE, "--budget is a duration like 90s, 5m or 1h30m, not \"%s\"", o->budget);
    if (o->roster && !o->out)
        return err_set(err, ERR_USAGE, "--roster needs --out: a folder for the reports and the tables");
    return true;
}

int cmd_grade(struct options *o)
{
    struct grade_job j = { .a = arena_new(), .o = o, .student = o->student, .out = o->out, .timeout_ns = TIMEOUT_S * (int64_t)NS_PER_S,
                           .submission = o->data ? o->data : o->journal ? o->journal : o->submission };
    struct err err = { 0 };
    int status = EXIT_USAGE;
    if (o->arg_count != 1)
        command_misused("grade");
    else if (!choose(&j, &err))
        fprintf(stderr, "kubelab: %s\n", err.msg);
    else
        status = o->roster ? grade_roster(&j) : grade_one(&j);
    err_clear(&err);
    arena_free(j.a);
    return status;
}
