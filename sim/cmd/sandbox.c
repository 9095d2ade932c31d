/* sim/cmd/sandbox.c - a student's script: its folder, its processes, its budgets, what it came to. The measures themselves are in
 * confine*.c.
 *
 * Four processes, from outside in. This one reads the output and watches the budgets. Its child, the keeper, only waits, so that
 * somebody is left to end all when the script kills its supervisor. The supervisor is a driven command (drive.h): the cluster
 * looks at what lives below it. Its child confines itself and becomes the script. Nothing of ours survives the exec: no
 * descriptor, no variable of the environment but those made here.
 */
#include "sim/cmd/confine.h"
#include "sim/cmd/drive.h"
#include "sim/cmd/host.h"
#include "sim/cmd/quiescence.h"
#include "sim/http/http.h"
#include "sim/loop/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

const struct sandbox_limits sandbox_limits_default = {
    .virtual_ns = 3600 * (int64_t)NS_PER_S, .wall_s = 1200, .cpu_s = 120, .threads = 400, .memory_bytes = 768u << 20,
    .file_bytes = 64u << 20, .disk_bytes = 128u << 20, .output_bytes = 16u << 20, .keep_bytes = 256u << 10,
};
enum { TICK_MS = 250, TICKS_PER_DISK_LOOK = 2 };

/* What its output calls the folders whose names are dice. */
#define SHOWN_HOME "/home/user"
#define SHOWN_DATA "/home/user/.local/state/kubelab"
#define NODE_ADDRESS "192.168.229.132"

static const struct { const char *name; } levels[] = { { "none" }, { "limits" }, { "confined" }, { "isolated" } };

const char *sandbox_level_name(enum sandbox_level level) { return levels[level].name; }

bool sandbox_level_parse(struct str name, enum sandbox_level *level)
{
    for (size_t i = 0; i < ARRAY_LEN(levels); i++)
        if (str_eqc(name, levels[i].name)) {
            *level = (enum sandbox_level)i;
            return true;
        }
    return false;
}

/* ---- its folder ---- */
bool sandbox_open(struct arena *a, struct sandbox *box, struct err *err)
{
    *box = (struct sandbox){ .folder = scratch_make(a, "run", err) };
    char *full = box->folder ? realpath(box->folder, NULL) : NULL;
    if (!full)
        return box->folder ? err_set(err, ERR_IO, "%s: %s", box->folder, strerror(errno)) : false;
    box->folder = arena_strdup(a, full);
    free(full);
    box->home = arena_printf(a, "%s/home", box->folder);
    return dir_make(box->home, 0755, err) && dir_make(arena_printf(a, "%s/tmp", box->folder), 0755, err) &&
           dir_make(arena_printf(a, "%s/data", box->folder), 0755, err);
}

static int open_up(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)ftw;
    if (type == FTW_DNR || (type == FTW_D && (st->st_mode & S_IRWXU) != S_IRWXU))
        chmod(path, S_IRWXU);
    return 0;
}

void sandbox_close(struct sandbox *box)
{
    enum { DEPTH_MAX = 64 };
    if (!box->folder)
        return;
    /* a folder below an unreadable one is met the next time */
    for (int i = 0; i < DEPTH_MAX && access(box->folder, F_OK) == 0; i++) {
        nftw(box->folder, open_up, 16, FTW_PHYS);
        scratch_remove(box->folder);
    }
    box->folder = NULL;
}

static uid_t giving_to;

static int give(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return lchown(path, giving_to, giving_to) != 0;
}

void sandbox_give(const char *path, uid_t uid)
{
    giving_to = uid;
    nftw(path, give, 16, FTW_PHYS);
}

/* Only root can, and only root wants to. */
static void hand_over(const struct confinement *c, uid_t uid)
{
    char node[2][4200];
    snprintf(node[0], sizeof node[0], "%s/node", c->data);
    snprintf(node[1], sizeof node[1], "%s/nodes", c->data);
    const char *const folders[] = { c->box->home, c->tmp, c->view, node[0], node[1] };
    if (geteuid() != 0)
        return;
    for (size_t i = 0; i < (c->cluster_is_anothers ? 3 : ARRAY_LEN(folders)); i++)
        sandbox_give(folders[i], uid);
    chmod(c->box->folder, 0711);
}

/* ---- getting ready ---- */
struct run {
    struct arena *a;
    const struct sandbox *box;
    const struct sandbox_job *job;
    struct sandbox_limits limits;
    struct confinement c;
    int    door;                       /* the connection that keeps the door open; -1 */
    int    turn;                       /* the machine's two ports are its (sandbox_ports.c); -1: it does not name them */
    /* ports on loopback, and where they lead in the cluster */
    struct { int64_t port; const char *shown; } edges[2 * CONFINE_PORTS_MAX]; size_t edge_n;
    char **argv;
};

static void add_readable(struct run *r, const char *path)
{
    char *full = realpath(path, NULL);
    if (full && r->c.readable_n < CONFINE_PATHS_MAX)
        r->c.readable[r->c.readable_n++] = arena_strdup(r->a, full);
    free(full);
}

/* The folders of PATH, where their files lead (a kubectl that is a link), and this program: the file alone, since a key may lie
 * beside it. */
static void find_readable(struct run *r)
{
    struct str path = str_c(getenv("PATH") ? getenv("PATH") : "");
    if (self_path())
        add_readable(r, self_path());
    while (path.p && path.n) {
        struct str one = str_token(&path, ':');
        if (one.n && one.p[0] == '/')
            add_readable(r, arena_cstr(r->a, one));
    }
    for (size_t i = 0; host_command_names[i]; i++) {
        const char *program = host_find_program(r->a, host_command_names[i]);
        char *full = program ? realpath(program, NULL) : NULL;
        if (full) {
            *strrchr(full, '/') = 0;
            add_readable(r, full[0] ? full : "/");
        }
        free(full);
    }
}

static void add_port(struct run *r, int64_t port)
{
    if (port > 0 && port < 65536 && r->c.port_n < CONFINE_PORTS_MAX)
        r->c.ports[r->c.port_n++] = (uint16_t)port;
}

/* A port that differs from run to run, and the address in the cluster that it stands for: the output has that. */
static void add_edge(struct run *r, int64_t port, const char *shown)
{
    add_port(r, port);
    if (port > 0 && r->edge_n < ARRAY_LEN(r->edges)) {
        r->edges[r->edge_n].port = port;
        r->edges[r->edge_n++].shown = shown;
    }
}

/* The cluster's ports, and those of the machine that it has for its own programs. */
static bool find_ports(struct run *r, struct err *err)
{
    struct control_reply reply;
    if (!control_call(r->a, r->job->cluster, "POST", "/host/proxy", STR_NULL, NULL, NULL, &reply, err))
        return false;
    int64_t port = 0;
    if (str_int(str_trim(reply.body), &port))
        add_edge(r, port, "127.0.0.1:3128");
    if (!control_call(r->a, r->job->cluster, "GET", "/status", STR_NULL, NULL, NULL, &reply, err))
        return false;
    const struct json *s = json_parse(r->a, reply.body, NULL);
    struct url server;
    if (url_parse(r->a, json_get_str(s, "server"), &server, NULL))
        add_edge(r, server.port, NODE_ADDRESS ":6443");
    add_edge(r, json_get_int(s, "kubeletPort", 0), NODE_ADDRESS ":10250");
    for (const struct json *n = json_first(json_get(s, "nodes")); n; n = json_next(n))
        add_edge(r, json_get_int(n, "kubeletPort", 0), arena_printf(r->a, STR_FMT ":10250", STR_ARG(json_get_str(n, "internalIP"))));
    if (r->c.own_ports) {
        add_port(r, PORT_KUBECTL_PROXY);
        add_port(r, PORT_USUAL);
    }
    return true;
}

static bool link_node(struct run *r, const char *name, struct err *err)
{
    const char *from = arena_printf(r->a, "%s/%s", r->c.data, name), *to = arena_printf(r->a, "%s/%s", r->c.view, name);
    unlink(to);
    rmdir(to);
    return access(from, F_OK) != 0 || symlink(from, to) == 0 || err_set(err, ERR_IO, "cannot make %s: %s", to, strerror(errno));
}

/* What the script has for the cluster's folder: the commands, the administrator's kubeconfig, the nodes' files, and (open_door) a
 * socket. */
static bool link_nodes(struct run *r, struct err *err) { return link_node(r, "node", err) && link_node(r, "nodes", err); }

static bool make_view(struct run *r, struct err *err)
{
    struct str text;
    return shell_make_bin(r->a, arena_printf(r->a, "%s/bin", r->c.view), err) &&
           file_read(arena_printf(r->a, "%s/admin.conf", r->c.data), LIMIT_BODY_BYTES, r->a, &text, err) &&
           file_write(arena_printf(r->a, "%s/admin.conf", r->c.view), text, 0600, err) && link_nodes(r, err);
}

static bool open_door(struct run *r, struct err *err)
{
    const char *path = arena_printf(r->a, "%s/control.sock", r->c.view);
    char key[128];
    size_t n = 0;
    unlink(path);
    if (r->c.cluster_is_anothers)
        sandbox_give(r->c.view, r->c.uid);         /* it makes the socket there */
    chmod(r->box->folder, 0711);
    r->door = control_send(r->a, r->job->cluster, "POST",
                           arena_printf(r->a, "/door?path=" STR_FMT "%s", STR_ARG(percent_encode(r->a, str_c(path))),
                                        r->c.own_ports ? "&ports" : ""),
                           STR_NULL, err);
    if (r->door < 0 || !control_begun(r->a, r->door, err))
        return false;
    while (n < sizeof key && recv(r->door, key + n, 1, 0) == 1 && key[n] != '\n')
        n++;
    control_key_set((struct str){ key, n });
    return true;
}

/* The clock and the socket are everybody's again once the cluster has closed the connection. */
static void close_door(struct run *r)
{
    char rest[64];
    if (r->door < 0)
        return;
    shutdown(r->door, SHUT_WR);
    while (recv(r->door, rest, sizeof rest, 0) > 0)
        continue;
    close(r->door);
    r->door = -1;
}

static void begin(struct run *r, struct arena *a, const struct sandbox *box, const struct sandbox_job *job)
{
    *r = (struct run){ .a = a, .box = box, .job = job, .limits = job->limits ? *job->limits : sandbox_limits_default, .door = -1,
                       .turn = -1 };
    char *full = realpath(data_path(a, job->cluster, ""), NULL);
    r->c = (struct confinement){
        .box = box, .limits = &r->limits, .data = full ? arena_strdup(a, full) : data_path(a, job->cluster, ""),
            .view = arena_printf(a, "%s/data", box->folder),
        .tmp = arena_printf(a, "%s/tmp", box->folder), .uid = confine_spare_user(), .on = (1u << MEASURE_COUNT) - 1,
    };
    struct stat st;
    if (geteuid() == 0 && stat(r->c.data, &st) == 0 && st.st_uid != 0) {
        r->c.cluster_is_anothers = true;
        r->c.uid = st.st_uid;
    }
    r->c.threads_before = confine_threads_of(geteuid() == 0 ? r->c.uid : geteuid());
    free(full);
    find_readable(r);
}

static void report_measures(struct run *r, struct sandbox_result *out)
{
    out->level = sandbox_level_of(r->c.on);
    out->measures = json_new_array(r->a);
    for (size_t i = 0; i < MEASURE_COUNT; i++) {
        bool on = r->c.on & 1u << i;
        struct json *m = json_buildf(r->a, "{'name':%s,'on':%b}", confine_names[i], on);
        if (!on)
            json_set_str(r->a, m, "why", str_c(r->c.why[i] ? r->c.why[i] : "this is no Linux"));
        json_append(out->measures, m);
    }
}

/* What is tried is tried with the links as they are, and namespaces make folders of them: where those are not to be had, they are
 * links again. */
static bool try_measures(struct run *r, struct sandbox_result *out, struct err *err)
{
    hand_over(&r->c, r->c.uid);
    confine_try(r->a, &r->c);
    if (!(r->c.on & 1u << MEASURE_USER))
        hand_over(&r->c, geteuid());
    report_measures(r, out);
    return r->c.on & 1u << MEASURE_NAMESPACES || link_nodes(r, err);
}

void sandbox_probe(struct arena *a, const struct sandbox *box, const struct sandbox_job *job, struct sandbox_result *out)
{
    struct run r;
    *out = (struct sandbox_result){ .why = "" };
    struct err err = { 0 };
    begin(&r, a, box, job);
    try_measures(&r, out, &err);
    err_clear(&err);
    hand_over(&r.c, geteuid());
}

/* ---- the script's side ---- */
struct entering { struct run *r; int ready; };

/* Whatever the grader has open or in its environment is not the script's. */
static void close_others(void)
{
    enum { NR_CLOSE_RANGE = 436, ONLY_ON_EXEC = 4 };
    if (syscall(NR_CLOSE_RANGE, 3u, ~0u, ONLY_ON_EXEC) != 0)
        for (int fd = 3; fd < 4096; fd++)
            fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/* In the child: nothing of the student's has run yet. */
static void enter(void *ctx)
{
    struct entering *e = ctx;
    const char *why = "";
    close_others();
    setsid();
    umask(022);
    if (chdir(e->r->box->home) != 0)
        why = strerror(errno);
    enum sandbox_measure m = *why ? MEASURE_USER : confine_enter(&e->r->c, &why);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (m == MEASURE_COUNT && chdir(e->r->box->home) == 0)
        return;
    char text[600];
    int n = snprintf(text, sizeof text, "%s: %s", m < MEASURE_COUNT ? confine_names[m] : "home", why);
    _exit(write(e->ready, text, (size_t)n) == n ? 126 : 127);
}

static void make_environment(struct run *r)
{
    const char *path = arena_printf(r->a, "%s/bin/driven:%s/bin:%s", r->c.view, r->c.view,
                                    getenv("PATH") ? getenv("PATH") : "/usr/local/bin:/usr/bin:/bin");
    const struct { const char *name, *value; } fixed[] = {
        { "PATH", path }, { "HOME", r->box->home }, { "TMPDIR", r->c.on & 1u << MEASURE_NAMESPACES ? "/tmp" : r->c.tmp },
        { "USER", "user" }, { "LOGNAME", "user" },
        { "SHELL", "/bin/bash" }, { "LANG", "C.UTF-8" }, { "TZ", "UTC" }, { "TERM", "dumb" }, { "KUBELAB_DRIVEN", "1" },
        { "KUBELAB_NO_NAMESPACES", "1" },
#ifdef __SANITIZE_ADDRESS__            /* the commands of the lab's host look for leaks by ptrace */
        { "ASAN_OPTIONS", "detect_leaks=0" },
#endif
    };
    clearenv();
    for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
        setenv(fixed[i].name, fixed[i].value, 1);
    shell_environment(r->a, r->job->cluster, r->c.view, 0);
}

/* How it came out, over a pipe. */
struct report { struct drive_outcome outcome; bool ran; char why[512]; };

static _Noreturn void supervise(struct run *r, int output, int ready, int report)
{
    struct err err = { 0 };
    struct report out = { 0 };
    struct options cluster = { .data = r->c.data };
    int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    bool able = !r->c.cluster_is_anothers || confine_become(r->c.uid);
    r->job = &(struct sandbox_job){ .cluster = &cluster };
    make_environment(r);
    dup2(null_fd, 0);
    dup2(output, 1);
    dup2(output, 2);
    struct entering e = { r, ready };
    struct drive_job job = { .argv = r->argv, .budget = duration_go(r->a, r->limits.virtual_ns).p, .enter = enter, .ctx = &e };
    out.ran = able ? drive_run(r->a, &cluster, &job, &out.outcome, &err)
              : err_set(&err, ERR_IO, "it cannot become the cluster's user");
    snprintf(out.why, sizeof out.why, "%.*s", (int)sizeof out.why - 1, err.msg);
    ssize_t n = write(report, &out, sizeof out);
    _exit(n == sizeof out ? 0 : 1);
}

static pid_t supervisor;

static void on_term(int sig)
{
    kill(supervisor, sig);
}

/* It waits; and ends what is left when its supervisor was killed. */
static _Noreturn void keep(struct run *r, int output, int ready, int report)
{
    struct sigaction sa = { .sa_handler = on_term };
    int status = 0;
    quiescence_adopt_orphans();
    fflush(NULL);
    supervisor = fork();
    if (supervisor == 0)
        supervise(r, output, ready, report);
    close(output);
    close(ready);
    sigaction(SIGTERM, &sa, NULL);
    signal(SIGINT, SIG_IGN);
    while (waitpid(supervisor, &status, 0) < 0 && errno == EINTR)
        continue;
    quiescence_end_all(getpid());
    _exit(0);
}

/* ---- watching ---- */
struct watch {
    struct run *r;
    pid_t  keeper;
    int    output, ready, report;
    struct strbuf text;
    size_t seen;
    int64_t began_ns;
    enum sandbox_end end;
    unsigned ticks;
};

static uint64_t disk_used, disk_allowed;

static int add_size(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)path, (void)ftw;
    disk_used += type == FTW_F || type == FTW_D ? (uint64_t)st->st_blocks * 512 + 512 : 512;
    return disk_used > disk_allowed;               /* enough is known */
}

static bool disk_full(const struct run *r)
{
    disk_used = 0;
    disk_allowed = r->limits.disk_bytes;
    nftw(r->box->folder, add_size, 16, FTW_PHYS | FTW_MOUNT);
    return disk_used > disk_allowed;
}

static enum sandbox_end over_budget(struct watch *w)
{
    const struct sandbox_limits *l = &w->r->limits;
    struct tree_usage u;
    if (w->r->job->stopped && w->r->job->stopped(w->r->job->ctx))
        return SANDBOX_INTERRUPTED;
    if (wall_now_ns() - w->began_ns > (int64_t)l->wall_s * (int64_t)NS_PER_S)
        return SANDBOX_WALL;
    tree_usage(w->keeper, &u);
    if (u.threads > l->threads)
        return SANDBOX_THREADS;
    if (u.cpu_ms > (uint64_t)l->cpu_s * 1000)
        return SANDBOX_CPU;
    if (u.memory_bytes > l->memory_bytes)
        return SANDBOX_MEMORY;
    return w->ticks++ % TICKS_PER_DISK_LOOK == 0 && disk_full(w->r) ? SANDBOX_DISK : SANDBOX_ENDED;
}

/* False at the end. */
static bool take_output(struct watch *w)
{
    char chunk[65536];
    ssize_t n = read(w->output, chunk, sizeof chunk);
    if (n <= 0)
        return n < 0 && (errno == EINTR || errno == EAGAIN);
    struct str piece = { chunk, (size_t)n };
    size_t room = w->text.n < w->r->limits.keep_bytes ? w->r->limits.keep_bytes - w->text.n : 0;
    strbuf_add(&w->text, str_sub(piece, 0, room));
    w->seen += (size_t)n;
    return true;
}

static void end_it(struct watch *w, enum sandbox_end why)
{
    if (w->end == SANDBOX_ENDED)
        kill(w->keeper, SIGTERM);
    w->end = w->end == SANDBOX_ENDED ? why : w->end;
}

/* Until the keeper has gone, and with it all that could write. */
static void watch(struct watch *w, struct report *report)
{
    bool open_output = true, open_report = true;
    int64_t looked = wall_now_ns();
    size_t have = 0;
    while (open_report || open_output) {
        struct pollfd p[2] = { { .fd = open_output ? w->output : -1, .events = POLLIN },
                               { .fd = open_report ? w->report : -1, .events = POLLIN } };
        poll(p, 2, TICK_MS);
        if (p[0].revents)
            open_output = take_output(w);
        if (p[1].revents) {
            ssize_t n = read(w->report, (char *)report + have, sizeof *report - have);
            have += n > 0 ? (size_t)n : 0;
            open_report = n > 0 || (n < 0 && errno == EINTR);
        }
        if (w->seen > w->r->limits.output_bytes)
            end_it(w, SANDBOX_OUTPUT);
        if (open_report && wall_now_ns() - looked > TICK_MS * (int64_t)NS_PER_MS) {
            enum sandbox_end over = over_budget(w);
            if (over != SANDBOX_ENDED)
                end_it(w, over);
            looked = wall_now_ns();
        }
    }
    if (have != sizeof *report)
        *report = (struct report){ .why = "its supervisor was killed" };
}

/* ---- what it came to ---- */
static const char *in_words(struct run *r, enum sandbox_end end)
{
    const struct sandbox_limits *l = &r->limits;
    struct arena *a = r->a;
    switch (end) {
    case SANDBOX_ENDED: return "";
    case SANDBOX_VIRTUAL:
        return arena_printf(a, "it used up its " STR_FMT " of virtual time and was ended", STR_ARG(duration_go(a, l->virtual_ns)));
    case SANDBOX_WALL: return arena_printf(a, "it was still running after %u s and was ended", l->wall_s);
    case SANDBOX_CPU: return arena_printf(a, "it used up its %u s of CPU time and was ended", l->cpu_s);
    case SANDBOX_THREADS: return arena_printf(a, "it had more than %u processes and threads at once and was ended", l->threads);
    case SANDBOX_MEMORY: return arena_printf(a, "it used more than %zu MiB of memory and was ended", l->memory_bytes >> 20);
    case SANDBOX_DISK: return arena_printf(a, "it wrote more than %zu MiB of files and was ended", l->disk_bytes >> 20);
    case SANDBOX_OUTPUT: return arena_printf(a, "it printed more than %zu MiB and was ended", l->output_bytes >> 20);
    case SANDBOX_INTERRUPTED: return "it was interrupted";
    case SANDBOX_BROKEN: break;
    }
    return "its supervisor was killed, or its cluster went away: its result is unknown";
}

static struct str replace_all(struct arena *a, struct str text, const char *what, const char *with)
{
    struct strbuf out;
    ptrdiff_t at;
    strbuf_init(&out, 8 * text.n + 64);
    while (text.n && (at = str_find(text, str_c(what))) >= 0) {
        strbuf_add(&out, str_sub(text, 0, (size_t)at));
        strbuf_addf(&out, "%s", with);
        text = str_sub(text, (size_t)at + strlen(what), text.n);
    }
    strbuf_add(&out, text);
    struct str done = arena_str(a, strbuf_str(&out));
    strbuf_deinit(&out);
    return done;
}

static struct str shown(struct run *r, struct str text)
{
    const struct { const char *what, *with; } names[] = { { r->c.view, SHOWN_DATA }, { r->c.data, SHOWN_DATA },
                                                          { r->box->home, SHOWN_HOME }, { r->c.tmp, "/tmp" } };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        text = replace_all(r->a, text, names[i].what, names[i].with);
    for (size_t i = 0; i < r->edge_n; i++)
        text = replace_all(r->a, text, arena_printf(r->a, "127.0.0.1:%" PRId64, r->edges[i].port), r->edges[i].shown);
    return sandbox_steady(r->a, sandbox_printable(r->a, text));
}

static void conclude(struct watch *w, const struct report *report, struct sandbox_result *out)
{
    out->end = w->end;
    if (out->end == SANDBOX_ENDED && report->outcome.used_up[0])
        out->end = SANDBOX_VIRTUAL;
    if (out->end == SANDBOX_ENDED && (!report->ran || report->outcome.lost))
        out->end = SANDBOX_BROKEN;
    out->status = out->end == SANDBOX_ENDED ? report->outcome.status : -1;
    out->why = in_words(w->r, out->end);
    out->output_cut = w->seen > w->text.n;
    out->output = shown(w->r, strbuf_str(&w->text));
}

/* ---- all of it ---- */
static bool choose_argv(struct run *r, struct err *err)
{
    const char *path = arena_printf(r->a, "%s/%s", r->box->home, r->job->script);
    char head[2] = "";
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        if (fd >= 0)
            close(fd);
        return err_set(err, ERR_USAGE, "the script %s cannot be read, or is no file", r->job->script);
    }
    bool own = read(fd, head, 2) == 2 && head[0] == '#' && head[1] == '!';
    if (own && fchmod(fd, st.st_mode | S_IXUSR | S_IRUSR) != 0)
        own = false;
    close(fd);
    r->argv = arena_alloc(r->a, 3 * sizeof *r->argv);
    r->argv[0] = own ? arena_printf(r->a, "./%s", r->job->script) : arena_strdup(r->a, "bash");
    r->argv[1] = own ? NULL : arena_printf(r->a, "./%s", r->job->script);
    r->argv[2] = NULL;
    return true;
}

/* Without anybody who could be killed in its stead: the keeper's own answer to the end of its work. */
static void start(struct watch *w, int output[2], int ready[2], int report[2])
{
    fflush(NULL);
    w->keeper = fork();
    if (w->keeper == 0) {
        close(output[0]);
        close(ready[0]);
        close(report[0]);
        keep(w->r, output[1], ready[1], report[1]);
    }
    close(output[1]);
    close(ready[1]);
    close(report[1]);
    w->output = output[0];
    w->ready = ready[0];
    w->report = report[0];
    w->began_ns = wall_now_ns();
}

static bool perform(struct run *r, struct sandbox_result *out, struct err *err)
{
    int output[2], ready[2], reports[2], status;
    struct report report = { 0 };
    struct watch w = { .r = r, .end = SANDBOX_ENDED };
    char refusal[600];
    if (pipe2(output, O_CLOEXEC) != 0 || pipe2(ready, O_CLOEXEC) != 0 || pipe2(reports, O_CLOEXEC) != 0)
        return err_set(err, ERR_IO, "pipe: %s", strerror(errno));
    strbuf_init(&w.text, r->limits.keep_bytes + 1);
    start(&w, output, ready, reports);
    watch(&w, &report);
    ssize_t refused = read(w.ready, refusal, sizeof refusal);
    while (w.keeper > 0 && waitpid(w.keeper, &status, 0) < 0 && errno == EINTR)
        continue;
    close(w.output);
    close(w.ready);
    close(w.report);
    conclude(&w, &report, out);
    strbuf_deinit(&w.text);
    if (refused > 0)
        return err_set(err, ERR_IO, "the sandbox could not be made as it was tried before: %.*s", (int)refused, refusal);
    if (!report.ran && report.why[0] && out->end == SANDBOX_BROKEN && strcmp(report.why, "its supervisor was killed") != 0)
        return err_set(err, ERR_REFUSED, "%s", report.why);
    return true;
}

static bool take_turn(struct run *r, struct err *err)
{
    r->c.own_ports = sandbox_ports_named(r->box->home);
    r->turn = r->c.own_ports ? sandbox_ports_take(r->job->stopped, r->job->ctx) : -1;
    return !r->c.own_ports || r->turn >= 0 ||
           err_set(err, ERR_IO, "another script has the ports %d and %d of this machine", PORT_KUBECTL_PROXY, PORT_USUAL);
}

static bool run(struct run *r, struct sandbox_result *out, struct err *err)
{
    if (!choose_argv(r, err) || !take_turn(r, err) || !make_view(r, err) || !find_ports(r, err) || !open_door(r, err) ||
        !try_measures(r, out, err))
        return false;
    if (out->level >= r->job->require)
        return perform(r, out, err);
    const char *missing = "";
    for (size_t i = 0; i < MEASURE_COUNT; i++)
        if (!(r->c.on & 1u << i))
            missing = arena_printf(r->a, "%s; %s: %s", missing, confine_names[i], r->c.why[i]);
    return err_set(err, ERR_FORBIDDEN,
                   "this machine confines a script to the level \"%s\", and \"%s\" is required: nothing was run%s",
                   sandbox_level_name(out->level),
                   sandbox_level_name(r->job->require), missing);
}

bool sandbox_run(struct arena *a, const struct sandbox *box, const struct sandbox_job *job, struct sandbox_result *out,
                 struct err *err)
{
    struct run r;
    *out = (struct sandbox_result){ .why = "", .status = -1 };
    begin(&r, a, box, job);
    bool ok = run(&r, out, err);
    close_door(&r);
    if (r.turn >= 0)
        close(r.turn);
    hand_over(&r.c, geteuid());
    return ok;
}
