/* sim/cmd/grade_take.c - the other ways to hand something in: a script, run in the lab's shell as far as it is confined; a cluster's
 * data folder, judged as it is; and a journal, replayed first. */
#include "sim/cmd/grade.h"
#include "apiserver/store/store.h"
#include "sim/cmd/journal.h"
#include "sim/cmd/profile.h"
#include "sim/cmd/record.h"
#include "sim/cmd/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* ---- a script ---- */
/* What the student finds at home: what the lab gives, and what was handed in. */
static bool fill_home(struct grade_run *run, const struct sandbox *box, struct err *err)
{
    struct submission again;
    return lab_files_write(run->j->grade.lab, box->home, false, err) &&
           submission_take(run->a, run->j->submission, run->j->o->script, box->home, &again, err);
}

static bool run_in(struct grade_run *run, const struct sandbox *box, struct sandbox_result *r, struct err *err)
{
    const struct options *o = run->j->o;
    struct sandbox_limits limits = sandbox_limits_default;
    struct sandbox_job job = { .cluster = &run->stage.cluster, .script = run->j->grade.submission.script, .limits = &limits,
                               .stopped = run->stopped, .ctx = run };
    if (o->budget && !duration_parse_go(str_c(o->budget), &limits.virtual_ns))
        return err_set(err, ERR_USAGE, "--budget is a duration");
    if (o->require_sandbox && !sandbox_level_parse(str_c(o->require_sandbox), &job.require))
        return err_set(err, ERR_USAGE, "--require-sandbox is a level");
    return fill_home(run, box, err) && sandbox_run(run->a, box, &job, r, err);
}

/* As a line that was typed, for checks of the transcript: the script as it was handed in, and what it printed. */
static void note_ran(struct grade *g, const struct sandbox_result *r)
{
    struct str text;
    const char *path = arena_printf(g->a, "%s/%s", g->submission.dir, g->submission.script);
    if (!file_read(path, LIMIT_YAML_BYTES, g->a, &text, NULL))
        text = STR("a script that is too large to be told");
    g->hooks.ran.line = arena_cstr(g->a, sandbox_printable(g->a, text));
    g->hooks.ran.status = r->status;
    g->hooks.ran.output = arena_str(g->a, r->output);
}

bool grade_run_script(void *ctx, struct arena *a, const struct labs_ops *ops, bool *good, const char **what, struct err *err)
{
    struct grade *g = ctx;
    struct grade_run *run = container_of(g, struct grade_job, grade)->run;
    struct sandbox box = { 0 };
    struct sandbox_result r = { 0 };
    (void)ops;
    bool ok = sandbox_open(a, &box, err) && run_in(run, &box, &r, err);
    if (r.measures)
        g->sandbox = json_buildf(g->a, "{'level':%s,'measures':%j}", sandbox_level_name(r.level), json_copy(g->a, r.measures));
    if (ok) {
        g->output = arena_cstr(g->a, r.output);
        note_ran(g, &r);
        *good = r.end == SANDBOX_ENDED && r.status == 0;
        *what = r.end != SANDBOX_ENDED ? arena_strdup(g->a, r.why) : arena_printf(g->a, "the script ended with status %d", r.status);
    }
    sandbox_close(&box);
    return ok;
}

/* ---- a data folder ---- */
static const struct copy_rules handed_in = { .what = "the data folder", .mode = 0700, .files = 20000, .bytes = 512 * 1024 * 1024 };

/* What the folder says of itself is the student's word: the lab, where it is from and its values are the grader's. */
static bool profile_mend(struct grade_run *run, struct err *err)
{
    const char *path = arena_printf(run->a, "%s/cluster.json", run->stage.data);
    const struct lab *lab = run->j->grade.lab;
    struct str text;
    const struct json *was = file_read(path, LIMIT_BODY_BYTES, run->a, &text, NULL) ? json_parse(run->a, text, NULL) : NULL;
    if (!str_eqc(json_get_str(was, "lab"), lab->name))
        return err_set(err, ERR_INVALID, "this is no data folder of %s", lab->label);
    struct profile p = { .minor = (int)json_get_int(was, "minor", 16), .nodes = (int)json_get_int(was, "nodes", 1), .lab = lab };
    return profile_save(run->a, run->stage.data, &p, err);
}

static bool start_as_it_is(struct grade_run *run, struct err *err)
{
    struct options up = { .data = run->stage.data, .port = 0, .kubelet_port = 0, .clock = "paused" };
    return up_tied(run->a, &up, &run->stage.pid, err) ||
           err_set(err, ERR_INVALID, "its cluster does not start: %s", arena_strdup(run->a, err->msg));
}

bool grade_take_data(struct grade_run *run, struct err *err)
{
    const char *from = run->j->submission;
    int fd = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_set(err, ERR_NOT_FOUND, "the data folder cannot be read: %s: %s", path_base(from), strerror(errno));
    bool ok = store_released(arena_printf(run->a, "%s/kubelab.db", from), 0) ||
              err_set(err, ERR_INVALID, "the data folder is in use: stop its cluster with 'kubelab down', or hand in a copy");
    ok = ok && folder_copy(run->a, fd, run->stage.data, &handed_in, err) && profile_mend(run, err);
    close(fd);
    return ok && start_as_it_is(run, err);
}

/* ---- a journal ---- */
/* The lab that it was played in has to be the grader's, with the values that this student was given. */
static bool is_of_lab(struct grade_run *run, const struct journal_file *f, struct err *err)
{
    const struct lab *lab = lab_find(run->j->lab->name);
    const struct json *up = f->n ? json_parse(run->a, f->lines[0].text, NULL) : NULL, *params = json_path(up, "profile.params");
    if (!str_eqc(json_get_str(up, "lab"), lab->name) || !str_eqc(json_path_str(up, "profile.lab"), lab->name))
        return err_set(err, ERR_INVALID, "this is no journal of %s", lab->label);
    if (json_len(lab->params) && !json_equal(params, lab->params))
        return err_set(err, ERR_INVALID, "this is a journal of %s with other values than this student's", lab->label);
    return true;
}

/* Virtual time costs CPU time, so much that a week is more than anybody's work and less than anybody's patience. */
static bool is_short(const struct journal_file *f, struct err *err)
{
    enum { DAYS_MAX = 7 };
    int64_t sum = 0, from = 0, max = DAYS_MAX * 24 * 3600 * (int64_t)NS_PER_S;
    for (size_t i = 0; i < f->n; i++) {
        int64_t t = f->lines[i].t;
        if (f->lines[i].kind == RECORD_UP || !from) {
            from = f->lines[i].kind == RECORD_UP ? 0 : t;
        } else if (t > from) {
            sum += t - from < max ? t - from : max + 1;
            from = t;
        }
        if (sum > max)
            return err_set(err, ERR_TOO_LARGE, "the journal tells of more than %d days of virtual time", DAYS_MAX);
    }
    return true;
}

bool grade_take_journal(struct grade_run *run, volatile pid_t *pid, const char **difference, struct err *err)
{
    struct str bytes;
    struct journal_file f = { 0 };
    if (!file_read(run->j->submission, LIMIT_JOURNAL_FILE_BYTES, run->a, &bytes, err))
        return err_set(err, ERR_NOT_FOUND, "the journal cannot be read: %s", path_base(run->j->submission));
    if (!journal_file_read(run->a, bytes, &f, err) || !is_of_lab(run, &f, err) || !is_short(&f, err))
        return false;
    struct rlimit was, less;
    getrlimit(RLIMIT_CPU, &was);
    less = was;
    less.rlim_cur = was.rlim_max < GRADE_CLUSTER_CPU_S ? was.rlim_max : GRADE_CLUSTER_CPU_S;
    setrlimit(RLIMIT_CPU, &less);                  /* the lives that are replayed inherit it */
    bool ok = replay_kept(run->a, &f, run->stage.data, pid, difference, err);
    setrlimit(RLIMIT_CPU, &was);
    run->stage.pid = *pid > 0 ? *pid : -1;
    if (!ok || *difference || *pid > 0)
        return ok;
    return start_as_it_is(run, err);
}
