/* sim/cmd/replay_command.c - kubelab journal export, and kubelab replay.
 *
 * A journal is handed in as one file: a line of head with the seed, then the data folder's records, then how the run looked when
 * it was exported. It is replayed life by life, each in a process of its own, as it was lived: on one data folder, which is made
 * for it. What a process finds goes through a pipe, one line of JSON.
 */
#include "sim/base/archive.h"
#include "sim/cmd/cluster.h"
#include "sim/cmd/cmd.h"
#include "sim/cmd/journal.h"
#include "sim/cmd/node.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- export ---- */
struct export {
    struct arena *a;
    struct strbuf out;
    int64_t       last, until;         /* numbers of rows: the last one seen, and the last one wanted; until < 0: all */
    struct str    kind;                /* of the last one */
    struct err   *err;
};

static void add_record(void *ctx, int64_t seq, struct str record)
{
    struct export *e = ctx;
    struct arena *a = arena_new();
    if ((e->until >= 0 && seq > e->until) || e->err->code)
        return;
    if (seq != e->last + 1)
        err_set(e->err, ERR_INTERNAL,
                "the journal has a hole: its records %" PRId64 " to %" PRId64 " could not be written, the disk was full",
                e->last + 1, seq - 1);
    e->last = seq;
    e->kind = arena_str(e->a, json_get_str(json_parse(a, record, NULL), "kind"));
    strbuf_add(&e->out, record);
    strbuf_addch(&e->out, '\n');
    arena_free(a);
}

static bool export_running(struct export *e, const struct options *o)
{
    struct control_reply reply = { 0 };
    struct str number, end, line;
    if (!control_call(e->a, o, "GET", "/journal/end", STR_NULL, NULL, NULL, &reply, e->err))
        return false;
    str_cut(str_trim(reply.body), ' ', &number, &end);
    str_int(number, &e->until);
    while (e->last < e->until && !e->err->code) {
        struct arena *a = arena_new();
        int64_t before = e->last, seq = 0;
        struct str page = STR_NULL;
        if (control_call(a, o, "GET", arena_printf(a, "/journal?after=%" PRId64, e->last), STR_NULL, NULL, NULL, &reply, e->err))
            page = reply.body;
        while (page.n && !e->err->code) {
            str_cut(str_token(&page, '\n'), ' ', &number, &line);
            str_int(number, &seq);
            add_record(e, seq, line);
        }
        arena_free(a);
        if (e->last == before && !e->err->code)
            err_set(e->err, ERR_INTERNAL, "the journal ends before its end");
    }
    if (!str_eqc(e->kind, "full"))
        strbuf_addf(&e->out, STR_FMT "\n", STR_ARG(end));
    return e->err->code == ERR_NONE;
}

/* No cluster runs here: the folder is read as it lies. A life without an end was killed; where, its last commit tells. */
static bool export_folder(struct export *e, const char *db)
{
    struct loop_options lo = { .start_vtime_ns = 1 };
    struct loop *l = loop_new(&lo);
    struct store_options so = { .loop = l, .path = db };
    struct store *s = access(db, F_OK) == 0 ? store_open(&so, e->err) : NULL;
    uint64_t events = 0;
    int64_t t = 0;
    char digest[65];
    if (s)
        store_journal_each(s, 0, SIZE_MAX / 2, add_record, e);
    if (s && !str_eqc(e->kind, "stop") && !str_eqc(e->kind, "full") && store_journal_position(s, &events, &t)) {
        store_digest(s, digest);
        strbuf_addf(&e->out, "{\"kind\":\"killed\",\"n\":%" PRIu64 ",\"t\":%" PRId64 ",\"store\":\"%s\"}\n", events + 1, t, digest);
    }
    if (!str_eqc(e->kind, "full"))
        strbuf_addc(&e->out, "{\"kind\":\"end\"}\n");
    store_close(s);
    loop_free(l);
    if (!s && !e->err->code)
        err_set(e->err, ERR_REFUSED, "no cluster has been started in this data folder: there is no %s", db);
    if (!e->last && !e->err->code)
        err_set(e->err, ERR_USAGE,
                "this data folder has no journal: its cluster was started with --journal=false, or by an older kubelab");
    return e->err->code == ERR_NONE;
}

static bool add_head(struct export *e, const struct options *o)
{
    struct str seed;
    if (!file_read(data_path(e->a, o, "seed"), 256, e->a, &seed, NULL))
        return err_set(e->err, ERR_REFUSED, "no cluster has been started in this data folder (%s)", data_path(e->a, o, ""));
    json_write(&e->out, json_buildf(e->a, "{'journal':'kubelab','format':%d,'seed':%S}", (int64_t)JOURNAL_FORMAT, str_trim(seed)), 0);
    strbuf_addch(&e->out, '\n');
    return true;
}

static bool journal_export(struct arena *a, const struct options *o, const char *path, struct err *err)
{
    struct export e = { .a = a, .until = -1, .err = err };
    struct err refused = { 0 };
    strbuf_init(&e.out, LIMIT_JOURNAL_FILE_BYTES);
    bool ok = add_head(&e, o);
    if (ok && !export_running(&e, o)) {
        ok = err->code == ERR_REFUSED && e.last == 0;
        if (ok) {
            refused = *err;
            *err = (struct err){ 0 };
            e.until = -1;
            ok = export_folder(&e, data_path(a, o, "kubelab.db"));
        }
    }
    struct str bytes = strbuf_str(&e.out);
    if (ok && e.out.overflow)
        ok = err_set(err, ERR_INTERNAL, "the journal is larger than %d MB", LIMIT_JOURNAL_FILE_BYTES / (1024 * 1024));
    if (ok && str_ends(str_c(path), ".gz"))
        bytes = gzip_pack(a, bytes, 9);
    ok = ok && file_write(path, bytes, 0600, err);
    if (ok && isatty(2))
        fprintf(stderr, "kubelab: %s holds the cluster's seed, hence its keys, and every token that was sent: who gets it can be "
                        "this cluster's administrator\n", path);
    strbuf_deinit(&e.out);
    err_clear(&refused);
    return ok;
}

int cmd_journal(struct options *o)
{
    struct arena *a = arena_new();
    struct err err = { 0 };
    bool called = o->arg_count == 2 && strcmp(o->args[0], "export") == 0;
    int status = !called ? command_misused("journal") : journal_export(a, o, o->args[1], &err) ? EXIT_DONE : control_fail(&err);
    err_clear(&err);
    arena_free(a);
    return status;
}

/* ---- replay: one life, in a process of its own ---- */
struct life {
    const struct journal_file *file;
    size_t          first;
    struct replay  *replay;
    struct cluster *cluster;
    int             fd;
    bool            keep, tied;        /* it is the last, and shall go on; it ends with the process that replays, however that ends */
    volatile pid_t *pid;               /* of its process while there is one; may be NULL */
};

static void on_done(void *ctx, const char *difference, unsigned line)
{
    struct life *life = ctx;
    struct arena *a = arena_new();
    const struct record_line *end = replay_end(life->replay);
    struct json *j = json_buildf(a, "{'same':%b,'inputs':%d,'line':%d,'difference':%s}", !difference,
                                 (int64_t)replay_inputs(life->replay), (int64_t)line, difference);
    struct str text = arena_strf(a, STR_FMT "\n", STR_ARG(json_text(a, j)));
    ssize_t n = write(life->fd, text.p, text.n);
    bool stays = life->keep && !difference, lives_on = end->kind == RECORD_STOP && !difference;
    if (n != (ssize_t)text.n || !(stays || lives_on))
        /* nobody wants this folder any more, or it is to be as a killed process leaves it */
        _exit(EXIT_DONE);
    close(life->fd);
    if (!stays)
        cluster_stop(replay_cluster(life->replay));
    arena_free(a);
}

static void options_of(struct arena *a, const struct json *up, struct cluster_options *co)
{
    const struct json *args = json_get(up, "apiserverArgs");
    const char **v = arena_zalloc(a, (json_len(args) + 1) * sizeof *v);
    for (size_t i = 0; i < json_len(args); i++)
        v[co->apiserver_arg_count++] = arena_cstr(a, json_str(json_at(args, i)));
    co->apiserver_args = v;
    co->minor = (int)json_get_int(up, "minor", 0);
    co->bare = json_get_bool(up, "bare", false);
    co->lab = json_get_str(up, "lab").n ? arena_cstr(a, json_get_str(up, "lab")) : NULL;
    co->nodes = (int)json_get_int(up, "nodes", 1);
    co->age_ns = json_get_int(up, "age", 0);
    co->speed_milli = (uint64_t)(json_get_int(up, "speed", 0) & INT32_MAX);
    co->loop_start_ns = json_get_int(up, "start", 0);
    co->resume_ns = json_get_int(up, "now", 0);
}

/* Does not return. */
static void live(struct life *life, struct cluster_options *co)
{
    struct arena *a = arena_new();
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC),
        log_fd = open(arena_printf(a, "%s/log", co->dir), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    setsid();
    if (life->tied)
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(null_fd, 0);
    dup2(null_fd, 1);
    dup2(log_fd >= 0 ? log_fd : null_fd, 2);
    co->replay = life->replay = replay_new(life->file, life->first, on_done, life);
    int status = up_run(co, -1);
    replay_free(life->replay);
    _exit(status);
}

static bool up_is_sane(const struct json *up, unsigned line, struct err *err)
{
    int64_t minor = json_get_int(up, "minor", 0), nodes = json_get_int(up, "nodes", 1), start = json_get_int(up, "start", 0);
    int64_t resume = json_get_int(up, "now", 0), age = json_get_int(up, "age", 0);
    for (const struct json *arg = json_first(json_get(up, "apiserverArgs")); arg; arg = json_next(arg))
        if (str_chr(json_str(arg), '=') < 1 || json_str(arg).p[0] == '-' || str_chr(json_str(arg), '\n') >= 0)
            return err_set(err, ERR_PARSE, "line %u: a flag of kube-apiserver is NAME=VALUE", line);
    if (str_chr(json_get_str(up, "lab"), '/') >= 0 || str_chr(json_path_str(up, "profile.lab"), '/') >= 0)
        return err_set(err, ERR_PARSE, "line %u: a lab's name has no slash", line);
    if (minor < 1 || minor > 99 || strcmp(version_git((int)minor), "v0.0.0") == 0 || nodes < 1 || nodes > NODES_MAX)
        return err_set(err, ERR_PARSE, "line %u: there is no such cluster: v1.%" PRId64 " with %" PRId64 " nodes", line, minor, nodes);
    if (start <= 0 || resume < start || resume > INT64_MAX / 2 || age < 0 || age > INT64_MAX / 8)
        return err_set(err, ERR_PARSE, "line %u: the life's times cannot be", line);
    return true;
}

/* cluster.json as it was, but for where on another machine the lab lay. */
static bool profile_write(struct arena *a, const char *dir, const struct json *up, struct err *err)
{
    struct json *profile = json_copy(a, json_get(up, "profile"));
    if (!profile || json_type(profile) != JSON_OBJECT)
        profile = json_new_object(a);
    json_remove(profile, "from");
    json_set_int(a, profile, "minor", json_get_int(up, "minor", 0));
    json_set_int(a, profile, "nodes", json_get_int(up, "nodes", 1));
    json_set_bool(a, profile, "bare", json_get_bool(up, "bare", false));
    return file_write(arena_printf(a, "%s/cluster.json", dir), json_text(a, profile), 0600, err);
}

/* Its report in a; NULL with err set. */
static struct json *run_life(struct arena *a, struct life *life, const char *dir, struct err *err)
{
    const struct record_line *first = &life->file->lines[life->first];
    const struct json *up = json_parse(a, first->text, NULL);
    struct cluster_options co = { .dir = dir, .seed_explicit = true };
    int fds[2];
    options_of(a, up, &co);
    memcpy(co.seed, life->file->seed.p, sizeof co.seed);
    if (!up_is_sane(up, first->line, err) || !profile_write(a, dir, up, err))
        return NULL;
    if (pipe2(fds, O_CLOEXEC) != 0) {
        err_set(err, ERR_INTERNAL, "pipe: %s", strerror(errno));
        return NULL;
    }
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        close(fds[0]);
        life->fd = fds[1];
        live(life, &co);
    }
    if (life->pid)
        *life->pid = pid;
    close(fds[1]);
    struct strbuf text;
    char chunk[4096];
    strbuf_init(&text, 65536);
    for (ssize_t n; (n = read(fds[0], chunk, sizeof chunk)) > 0 || (n < 0 && errno == EINTR);)
        strbuf_add(&text, (struct str){ chunk, n > 0 ? (size_t)n : 0 });
    close(fds[0]);
    struct json *report = json_parse(a, arena_str(a, strbuf_str(&text)), NULL);
    strbuf_deinit(&text);
    if (life->keep && report && json_get_bool(report, "same", false))
        return report;
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    if (life->pid)
        *life->pid = 0;
    if (!report)
        err_set(err, ERR_INTERNAL, "the cluster ended while it was replayed; see %s/log", dir);
    return report;
}

/* ---- replay: all of them ---- */
static bool is_empty_dir(const char *path)
{
    DIR *d = opendir(path);
    int n = 0;
    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n <= 2;
}

static const char *folder_make(struct arena *a, const char *data, struct str seed, struct err *err)
{
    const char *dir = data ? arena_strdup(a, data) : scratch_make(a, "replay", err);
    if (!dir || (data && !dir_make(dir, 0700, err)))
        return NULL;
    if (data && !is_empty_dir(dir)) {
        err_set(err, ERR_USAGE, "the folder %s is not empty: a replay makes a cluster of its own", dir);
        return NULL;
    }
    char *full = realpath(dir, NULL);
    dir = arena_strdup(a, full ? full : dir);
    free(full);
    return file_write(arena_printf(a, "%s/seed", dir), hex_encode(a, seed), 0600, err) ? dir : NULL;
}

struct outcome { int64_t inputs; int lives; const struct record_line *end; struct json *different; };

static bool run_lives(struct arena *a, const struct journal_file *f, const char *dir, const struct life *how, struct outcome *out,
                      struct err *err)
{
    for (size_t i = 0; i < f->n; i++) {
        if (record_is_life_end(f->lines[i].kind))
            out->end = &f->lines[i];
        if (f->lines[i].kind != RECORD_UP)
            continue;
        struct life life = { .file = f, .first = i, .tied = how->tied, .pid = how->pid };
        size_t last = i;
        while (!record_is_life_end(f->lines[last].kind))
            last++;
        life.keep = how->keep && (f->lines[last].kind == RECORD_END || f->lines[last].kind == RECORD_FULL);
        struct json *report = run_life(a, &life, dir, err);
        if (!report)
            return false;
        out->inputs += json_get_int(report, "inputs", 0);
        out->lives++;
        out->end = &f->lines[last];
        if (!json_get_bool(report, "same", false)) {
            out->different = report;
            return true;
        }
    }
    return true;
}

static void print_outcome(struct arena *a, const struct options *o, const struct outcome *out, const char *dir)
{
    const char *kept = o->keep && !out->different ? dir : NULL;
    const struct json *d = out->different, *end = out->end ? json_parse(a, out->end->text, NULL) : NULL;
    bool full = out->end && out->end->kind == RECORD_FULL;
    if (o->json) {
        struct json *j = json_buildf(a, "{'same':%b,'inputs':%d,'lives':%d,'complete':%b}", !d, out->inputs, (int64_t)out->lives,
                                     !full);
        if (d) {
            json_set_int(a, j, "line", json_get_int(d, "line", 0));
            json_set_str(a, j, "difference", json_get_str(d, "difference"));
        }
        if (kept)
            json_set_strc(a, j, "data", kept);
        printf(STR_FMT "\n", STR_ARG(json_text(a, j)));
    } else if (d) {
        printf("the replay differs:\n" STR_FMT "\n", STR_ARG(json_get_str(d, "difference")));
    } else {
        printf("the same: %" PRId64 " inputs in %d %s", out->inputs, out->lives, out->lives == 1 ? "life" : "lives");
        if (json_get_str(end, "store").n)
            printf("; store " STR_FMT, STR_ARG(json_get_str(end, "store")));
        printf("\n%s", full ? "the journal is full there: what came later is not known\n" : "");
        if (kept)
            printf("the cluster goes on, its clock paused: --data %s\n", kept);
    }
}

bool replay_kept(struct arena *a, const struct journal_file *f, const char *dir, volatile pid_t *pid, const char **difference,
                 struct err *err)
{
    struct outcome out = { 0 };
    *difference = NULL;
    if (!folder_make(a, dir, f->seed, err) ||
        !run_lives(a, f, dir, &(struct life){ .keep = true, .tied = true, .pid = pid }, &out, err))
        return false;
    if (out.different)
        *difference = arena_cstr(a, json_get_str(out.different, "difference"));
    return true;
}

int cmd_replay(struct options *o)
{
    struct arena *a = arena_new();
    struct err err = { 0 };
    struct journal_file f = { 0 };
    struct outcome out = { 0 };
    struct str bytes;
    const char *dir = NULL, *path = o->arg_count == 1 ? o->args[0] : NULL;
    bool ok = false;
    if (!path)
        err_set(&err, ERR_USAGE, "name one file that 'kubelab journal export' has written: kubelab replay FILE");
    else if (file_read(path, LIMIT_JOURNAL_FILE_BYTES, a, &bytes, &err) && !journal_file_read(a, bytes, &f, &err))
        err_prefix(&err, "%s: ", path);
    else if (!err.code && (dir = folder_make(a, o->data, f.seed, &err)) != NULL)
        ok = run_lives(a, &f, dir, &(struct life){ .keep = o->keep }, &out, &err);
    if (ok)
        print_outcome(a, o, &out, dir);
    bool keep = o->keep && ok && !out.different;
    if (dir && !o->data && !keep && err.code != ERR_INTERNAL)
        scratch_remove(dir);
    int status = ok ? (out.different ? EXIT_FAILED : EXIT_DONE) : EXIT_INTERNAL;
    if (!ok)
        fprintf(stderr, "kubelab: %s\n", err.msg);
    if (!ok && (err.code == ERR_USAGE || err.code == ERR_PARSE || err.code == ERR_NOT_FOUND || err.code == ERR_TOO_LARGE))
        status = EXIT_USAGE;
    err_clear(&err);
    arena_free(a);
    return status;
}
