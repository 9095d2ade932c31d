/* sim/cmd/up.c - up, down, status, kubeconfig, clock: the cluster's life from the command line.
 *
 * `up` runs the cluster in the foreground; with --detach it forks first, and the parent waits on a pipe for the word that the node is
 * Ready (bare: that the API answers). The data folder is claimed by the store's lock; a stale control socket of a killed cluster is
 * simply replaced.
 */
#include "labs/labs.h"
#include "sim/cmd/cluster.h"
#include "sim/cmd/cmd.h"
#include "sim/cmd/confine.h"
#include "apiserver/store/store.h"
#include "sim/cmd/profile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

enum { DOWN_PATIENCE_MS = 10000 };

/* The seed of a data folder: the one given, else the one it has, else 256 bits from the system, readable by nobody else. */
static bool seed_choose(struct arena *a, const char *dir, const struct options *o, uint8_t seed[32], struct err *err)
{
    const char *path = arena_printf(a, "%s/seed", dir);
    struct str text, bytes;
    if (o->seed_given)
        loop_seed_from_int(seed, o->seed);
    if (file_read(path, 256, a, &text, NULL) && hex_decode(a, str_trim(text), &bytes) && bytes.n == 32) {
        if (o->seed_given && memcmp(seed, bytes.p, 32) != 0)
            return err_set(err, ERR_USAGE,
                           "the data folder holds a cluster of another seed, or of another student: take another --data, or remove "
                           "it");
        memcpy(seed, bytes.p, 32);
        return true;
    }
    if (!o->seed_given && !loop_seed_from_system(seed, err))
        return false;
    return file_write(path, hex_encode(a, (struct str){ (const char *)seed, 32 }), 0600, err);
}

static bool speed_parse(const char *text, uint64_t *milli, struct err *err)
{
    int64_t n;
    if (!text)
        return true;
    if (strcmp(text, "paused") == 0)
        *milli = 0;
    else if (str_int(str_c(text), &n) && n > 0 && n <= 1000)
        *milli = (uint64_t)n * 1000;
    else
        return err_set(err, ERR_USAGE, "--clock is a speed from 1 to 1000, or paused, not \"%s\"", text);
    return true;
}

/* ---- running ---- */
struct running {
    struct cluster *cluster;
    uv_signal_t     term, interrupt;
    int             ready_fd;          /* of the parent's pipe; -1 in the foreground */
    bool            foreground, asleep;
};

/* How the parent is told: R, it is up; U, it is not, and who called it can mend that (a port or a data folder that is another's or
 * cannot be written); E, it is not, for another reason. */
static char ready_letter(const struct err *err)
{
    return !err->code ? 'R' : err->code == ERR_IO || err->code == ERR_USAGE ? 'U' : 'E';
}

static void on_signal(uv_signal_t *s, int signo)
{
    (void)signo;
    cluster_stop(((struct running *)s->data)->cluster);
}

static void say_ready(void *ctx, const struct err *err)
{
    struct running *r = ctx;
    struct strbuf out;
    strbuf_init(&out, 65536);
    if (r->ready_fd >= 0) {
        strbuf_addf(&out, "%c%s", ready_letter(err), err->msg);
        ssize_t n = write(r->ready_fd, out.p, out.n);
        if (n < 0)
            log_msg(LOG_WARN, "cmd", "the command that started this cluster is gone");
        close(r->ready_fd);
        r->ready_fd = -1;
    } else if (err->code) {
        fprintf(stderr, "kubelab: %s\n", err->msg);
    } else if (r->foreground && isatty(2)) {
        fprintf(stderr, "kubelab: the cluster is up; in another terminal: kubelab shell. Control C stops it.\n");
    }
    strbuf_deinit(&out);
    if (err->code || r->asleep)
        cluster_stop(r->cluster);
}

static void on_signal_closed(uv_handle_t *h) { (void)h; }

int up_run(const struct cluster_options *co, int ready_fd)
{
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);          /* a file-size limit is a full disk: the write fails, the cluster goes on */
    struct running r = { .ready_fd = ready_fd, .foreground = ready_fd < 0, .asleep = co->asleep };
    struct err err = { 0 };
    r.cluster = cluster_new(co, say_ready, &r, &err);
    if (!r.cluster) {
        if (ready_fd >= 0 && write(ready_fd, arena_printf(arena_new(), "%c%s", ready_letter(&err), err.msg), strlen(err.msg) + 1) < 0)
            return EXIT_INTERNAL;
        if (ready_fd < 0)
            fprintf(stderr, "kubelab: %s\n", err.msg);
        return ready_letter(&err) == 'U' ? EXIT_USAGE : EXIT_INTERNAL;
    }
    uv_signal_t *signals[] = { &r.term, &r.interrupt };
    for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
        uv_signal_init(loop_uv(cluster_loop(r.cluster)), signals[i]);
        signals[i]->data = &r;
        uv_signal_start(signals[i], on_signal, i ? SIGINT : SIGTERM);
    }
    cluster_run(r.cluster);
    for (size_t i = 0; i < ARRAY_LEN(signals); i++)
        uv_close((uv_handle_t *)signals[i], on_signal_closed);
    cluster_free(r.cluster);
    return EXIT_DONE;
}

/* The child of --detach: a session of its own, its streams closed, its log beside the data. */
static void detach_child(const char *log_path)
{
    setsid();
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC), log_fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    dup2(null_fd, 0);
    dup2(null_fd, 1);
    dup2(log_fd >= 0 ? log_fd : null_fd, 2);
    if (chdir("/") != 0)
        log_msg(LOG_WARN, "cmd", "chdir: %s", strerror(errno));
}

/* *pid: of the cluster's process. tied: it ends with this process, however that ends. */
static bool up_detached(struct arena *a, const struct cluster_options *co, bool tied, pid_t *pid, struct err *err)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0)
        return err_set(err, ERR_INTERNAL, "pipe: %s", strerror(errno));
    const char *log_path = arena_printf(a, "%s/log", co->dir);
    uid_t user = tied ? sandbox_cluster_user() : geteuid();
    if (user != geteuid())
        sandbox_give(co->dir, user);
    *pid = fork();
    if (*pid == 0) {
        close(fds[0]);
        if (user != geteuid() && !confine_become(user))
            _exit(EXIT_INTERNAL);
        if (tied)
            prctl(PR_SET_PDEATHSIG, SIGTERM);
        detach_child(log_path);
        _exit(up_run(co, fds[1]));
    }
    close(fds[1]);
    char text[2048];
    size_t have = 0;
    for (ssize_t n; have < sizeof text - 1 &&
         ((n = read(fds[0], text + have, sizeof text - 1 - have)) > 0 || (n < 0 && errno == EINTR));)
        have += n > 0 ? (size_t)n : 0;
    text[have] = 0;
    close(fds[0]);
    return (have && text[0] == 'R') ||
           err_set(err, have && text[0] == 'U' && !tied ? ERR_USAGE : ERR_INTERNAL, "%s",
                   have ? text + 1 : arena_printf(a, "the cluster ended while it started; see %s", log_path));
}

/* What is wanted and what the data folder says, into co. *to_begin: the lab whose start has to be played yet, or NULL. False: ERR_IO,
 * the folder cannot be used; ERR_USAGE. */
static bool cluster_choose(struct arena *a, const struct options *o, struct cluster_options *co, const struct lab **to_begin,
                           struct err *err)
{
    const char *dir = data_path(a, o, "");
    struct profile profile = { 0 };
    *co = (struct cluster_options){ .port = o->port, .kubelet_port = o->kubelet_port, .seed_explicit = o->seed_given,
                                    .speed_milli = 1000, .durable = o->durable,
                                    .apiserver_args = o->apiserver_args, .apiserver_arg_count = o->apiserver_arg_count };
    if (!dir_make(dir, 0700, err)) {
        err->code = ERR_IO;            /* whatever the reason: another folder is the remedy */
        return false;
    }
    char *full = realpath(dir, NULL);
    co->dir = arena_strdup(a, full ? full : dir);
    free(full);
    bool known = profile_load(a, co->dir, &profile);
    if (!known && access(data_path(a, o, "cluster.json"), F_OK) == 0)
        return err_set(err, ERR_USAGE, "%s/cluster.json says what cluster this is, and cannot be read: take another --data, or remove "
                                       "the folder", co->dir);
    if (!profile_choose(a, &profile, o, known, err) || !seed_choose(a, co->dir, o, co->seed, err) ||
        (!known && !profile_draw(a, &profile, o, co->seed, err)) || !profile_save(a, co->dir, &profile, err) ||
        !speed_parse(o->clock, &co->speed_milli, err))
        return false;
    if (o->start && !time_parse_rfc3339(str_c(o->start), &co->start_ns))
        return err_set(err, ERR_USAGE, "--start is a time like 2020-01-24T23:00:00Z, not \"%s\"", o->start);
    co->minor = profile.minor;
    co->bare = profile.bare;
    co->nodes = profile.nodes;
    co->lab = profile.lab ? profile.lab->name : NULL;
    co->age_ns = profile.lab ? profile.lab->age_ns : 0;
    co->journal = !o->journal || strcmp(o->journal, "false") != 0;
    *to_begin = profile.to_begin ? profile.lab : NULL;
    return true;
}

bool up_tied(struct arena *a, const struct options *o, pid_t *pid, struct err *err)
{
    struct cluster_options co;
    const struct lab *to_begin = NULL;
    *pid = -1;
    bool ok = cluster_choose(a, o, &co, &to_begin, err);
    co.journal = false;                /* its story is somebody's script, which is there anyway */
    return ok && up_detached(a, &co, true, pid, err) && (!to_begin || lab_begin(a, o, to_begin, err));
}

bool up_asleep(struct arena *a, const struct options *o, struct err *err)
{
    struct cluster_options co;
    const struct lab *to_begin = NULL;
    pid_t pid = -1;
    if (!cluster_choose(a, o, &co, &to_begin, err))
        return false;
    co.journal = false;
    co.asleep = true;
    bool ok = up_detached(a, &co, true, &pid, err);
    int status = 0;
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (ok && status != 0)
        ok = err_set(err, ERR_INTERNAL, "the cluster did not end as it should; see %s/log", co.dir);
    /* what else was wanted of it is to be said anew */
    return ok && (unlink(arena_printf(a, "%s/cluster.json", co.dir)) == 0 || err_set(err, ERR_IO, "%s: %s", co.dir, strerror(errno)));
}

/* The clock stands while a lab's start is played, and goes as it should afterwards. */
static bool up_and_begin(struct arena *a, struct options *o, struct cluster_options *co, const struct lab *to_begin, struct err *err)
{
    struct control_reply reply;
    uint64_t speed = co->speed_milli;
    pid_t pid;
    if (!to_begin)
        return up_detached(a, co, false, &pid, err);
    co->speed_milli = 0;
    return up_detached(a, co, false, &pid, err) && lab_begin(a, o, to_begin, err) &&
           control_call(a, o, "POST", "/clock/speed", arena_strf(a, "%" PRIu64, speed), NULL, NULL, &reply, err);
}

int cmd_up(struct options *o)
{
    struct arena *a = arena_new();
    struct err err = { 0 };
    struct cluster_options co;
    const struct lab *to_begin = NULL;
    int status = EXIT_DONE;
    file_write_durably(o->durable);
    bool ok = cluster_choose(a, o, &co, &to_begin, &err);
    if (ok && to_begin && !o->detach)
        ok = err_set(&err, ERR_USAGE, "%s begins with a scenario: start it with 'kubelab lab start %s', or add --detach",
                     to_begin->name, to_begin->name);
    if (ok && o->seed_given && !o->student && isatty(2))
        fprintf(stderr, "kubelab: with --seed the cluster is reproducible, hence its keys are no secret\n");
    if (err.code == ERR_IO) {
        fprintf(stderr, "kubelab: the data folder %s cannot be used: %s; name another one with --data\n", data_path(a, o, ""),
                err.msg);
        status = EXIT_USAGE;
    } else if (!ok) {
        status = control_fail(&err);
    } else if (!o->detach) {
        status = up_run(&co, -1);
    } else if (!up_and_begin(a, o, &co, to_begin, &err)) {
        status = control_fail(&err);
    }
    err_clear(&err);
    arena_free(a);
    return status;
}

/* ---- the other ends ---- */
int cmd_down(struct options *o)
{
    struct arena *a = arena_new();
    struct err err = { 0 };
    struct control_reply reply = { 0 };
    int status = EXIT_DONE;
    if (!control_call(a, o, "POST", "/down", STR_NULL, NULL, NULL, &reply, &err)) {
        status = control_fail(&err);
    } else if (!store_released(data_path(a, o, "kubelab.db"), DOWN_PATIENCE_MS)) {
        fprintf(stderr, "kubelab: the cluster has not ended yet; see %s\n", data_path(a, o, "log"));
        status = EXIT_INTERNAL;
    }
    arena_free(a);
    return status;
}

int cmd_status(struct options *o)
{
    struct arena *a = arena_new();
    struct err err = { 0 };
    struct control_reply reply = { 0 };
    int status = EXIT_DONE;
    if (!control_call(a, o, "GET", "/status", STR_NULL, NULL, NULL, &reply, &err)) {
        status = control_fail(&err);
    } else if (o->json) {
        printf(STR_FMT, STR_ARG(reply.body));
    } else {
        struct json *s = json_parse(a, reply.body, NULL);
        double speed = json_double(json_path(s, "clock.speed"), 0);
        printf("kubernetes  " STR_FMT " at " STR_FMT " (pid %" PRId64 ")\n", STR_ARG(json_get_str(s, "version")),
               STR_ARG(json_get_str(s, "server")), json_get_int(s, "pid", 0));
        if (str_eqc(json_get_str(s, "apiServer"), "down"))
            printf("api server  does not run; on the node, 'docker ps -a' and 'journalctl -u kubelet' say why\n");
        if (json_get_str(s, "lab").n)
            printf("lab         " STR_FMT "\n", STR_ARG(json_get_str(s, "lab")));
        printf("clock       " STR_FMT ", %s\n", STR_ARG(json_path_str(s, "clock.now")),
               speed == 0.0 ? "paused" : arena_printf(a, "speed %g", speed));
        if (json_len(json_get(s, "nodes")) > 1)
            printf("nodes      ");
        for (const struct json *n = json_first(json_get(s, "nodes")); n && json_len(json_get(s, "nodes")) > 1; n = json_next(n))
            printf(" " STR_FMT "%s", STR_ARG(json_get_str(n, "name")), json_next(n) ? "," : "\n");
        printf("data        " STR_FMT "\nkubeconfig  " STR_FMT "\n", STR_ARG(json_get_str(s, "dataDir")),
               STR_ARG(json_get_str(s, "kubeconfig")));
    }
    arena_free(a);
    return status;
}

int cmd_kubeconfig(struct options *o)
{
    struct arena *a = arena_new();
    const char *path = data_path(a, o, "admin.conf");
    struct stat st;
    int status = EXIT_DONE;
    if (stat(path, &st) != 0) {
        fprintf(stderr, "kubelab: no cluster has been started in this data folder (%s): start one with 'kubelab up'\n",
                data_path(a, o, ""));
        status = EXIT_UNREACHABLE;
    } else {
        printf("%s\n", path);
    }
    arena_free(a);
    return status;
}

/* ERR_USAGE: the value is no speed that a clock may have. */
static bool clock_speed(struct arena *a, const struct options *o, const char *value, struct control_reply *reply, struct err *err)
{
    int64_t speed;
    if (!str_int(str_c(value), &speed) || speed < 0 || speed > 1000)
        return err_set(err, ERR_USAGE, "clock speed takes a whole number from 0 (paused) to 1000, not \"%s\"", value);
    return control_call(a, o, "POST", "/clock/speed", arena_strf(a, "%" PRId64, speed * 1000), NULL, NULL, reply, err);
}

int cmd_clock(struct options *o)
{
    if (o->arg_count && strcmp(o->args[0], "until") == 0)
        return clock_until(o);
    struct arena *a = arena_new();
    struct err err = { 0 };
    struct control_reply reply = { 0 };
    const char *verb = o->arg_count ? o->args[0] : "get", *value = o->arg_count > 1 ? o->args[1] : "";
    bool ok, called = true;
    if (strcmp(verb, "advance") == 0 && o->arg_count == 2)
        ok = control_call(a, o, "POST", "/clock/advance", str_c(value), NULL, NULL, &reply, &err);
    else if (strcmp(verb, "pause") == 0 && o->arg_count == 1)
        ok = control_call(a, o, "POST", "/clock/speed", STR("0"), NULL, NULL, &reply, &err);
    else if (strcmp(verb, "speed") == 0 && o->arg_count == 2)
        ok = clock_speed(a, o, value, &reply, &err);
    else if (strcmp(verb, "get") == 0 && o->arg_count <= 1)
        ok = control_call(a, o, "GET", "/status", STR_NULL, NULL, NULL, &reply, &err);
    else
        ok = called = false;
    int status = ok ? EXIT_DONE : called ? control_fail(&err) : command_misused("clock");
    if (ok && strcmp(verb, "get") == 0)
        printf(STR_FMT "\n", STR_ARG(json_path_str(json_parse(a, reply.body, NULL), "clock.now")));
    arena_free(a);
    return status;
}
