/* kubelet/runtime.c - containers: create, start, exit, stop; what dockershim and docker do for
 * pkg/kubelet/kuberuntime/kuberuntime_container.go.
 *
 * A start is pull, create (the cgroup, the files, the environment), run (the process), each taking the virtual time it takes. An
 * exit is noticed within a second, as by the pod lifecycle event generator. A kill is the preStop hook, the image's stop signal,
 * the grace period, SIGKILL.
 */
#include "kubelet/kubelet_priv.h"

#include <signal.h>
#include <stdlib.h>

static void on_timer(struct timer *t);
static void on_grace(struct timer *t);

static void container_event(struct container *c, const char *type, const char *reason, const char *text)
{
    struct arena *a = arena_new();
    event_record(c->pod->k->events, c->pod->pod,
                 arena_printf(a, c->init ? "spec.initContainers{%s}" : "spec.containers{%s}", c->name), type, reason, "%s", text);
    arena_free(a);
}

static void set_text(char **slot, const char *text)
{
    char *copy = xstrdup(text);
    free(*slot);
    *slot = copy;
}

void container_init(struct container *c, struct pod_worker *pod, const struct json *spec, bool init)
{
    struct loop *l = pod->k->o.loop;
    c->pod = pod;
    c->spec = spec;
    c->name = arena_cstr(pod->arena, json_get_str(spec, "name"));
    c->init = init;
    c->state = CONTAINER_WAITING;
    set_text(&c->wait_reason, pod->init_count ? "PodInitializing" : "ContainerCreating");
    timer_init(&c->timer, l, on_timer);
    timer_init(&c->grace, l, on_grace);
    crash_init(c);
    list_init(&c->attached);
    list_init(&c->execs);
}

void container_set_waiting(struct container *c, const char *reason, const char *message)
{
    c->state = CONTAINER_WAITING;
    set_text(&c->wait_reason, reason);
    set_text(&c->wait_message, message);
}

/* ---- other processes of a container ---- */
struct exec {
    struct list       node;
    struct container *c;
    struct process   *process;
    struct cgroup    *cgroup;
    const struct exec_events *ev;
    void             *ctx;
    struct arena     *arena;
    struct task       over;
    int               status;
    bool              exited;
};

static void exec_output(void *ctx, int fd, struct str bytes)
{
    struct exec *e = ctx;
    if (e->ev && e->ev->output)
        e->ev->output(e->ctx, fd, bytes);
}

static void exec_over(struct task *t)
{
    struct exec *e = container_of(t, struct exec, over);
    if (e->ev && e->ev->exited)
        e->ev->exited(e->ctx, e->status);
}

static void exec_exited(void *ctx, int status, int signo, const char *reason)
{
    struct exec *e = ctx;
    (void)reason;
    e->exited = true;
    e->status = signo ? 128 + signo : status;
    task_post(e->c->pod->k->o.loop, &e->over);
}

static const struct process_io exec_io = { exec_output, exec_exited };

struct process *exec_process(struct exec *e) { return e->process; }

void exec_free(struct exec *e)
{
    if (!e)
        return;
    list_remove(&e->node);
    task_cancel(&e->over);
    process_free(e->process);
    if (e->cgroup)
        cgroup_free(e->cgroup);
    arena_free(e->arena);
    free(e);
}

/* The container goes: whoever listens hears 137. */
static void execs_end(struct container *c)
{
    list_for(it, &c->execs) {
        struct exec *e = container_of(it, struct exec, node);
        list_remove(it);
        process_free(e->process);
        e->process = NULL;
        cgroup_free(e->cgroup);
        e->cgroup = NULL;
        if (!e->exited) {
            e->exited = true;
            e->status = 137;
            task_post(c->pod->k->o.loop, &e->over);
        }
    }
}

/* ---- programs ---- */
static struct str base_name(struct str path)
{
    for (size_t i = path.n; i > 0; i--)
        if (path.p[i - 1] == '/')
            return str_sub(path, i, path.n);
    return path;
}

/* Images made from scratch have no /bin, hence no shell. */
static bool has_shell(const struct container *c)
{
    struct vfs *files = c->files ? c->files : image_files(c->pod->k->o.images, json_get_str(c->spec, "image"));
    struct vfs_stat st;
    return files && vfs_stat(files, "/bin", &st);
}

static bool is_own(const struct json *record, const char *list, struct str base)
{
    const struct json *first = json_first(json_get(record, list));
    return first && str_eq(base, base_name(json_str(first)));
}

/* Which program is argv[0] in this image? Its own entrypoint, a program of this name, or, where there is a shell, what the
 * shell's applets know. */
const struct program_ops *container_program(const struct container *c, const struct json *record, char **argv)
{
    struct str base = base_name(str_c(argv[0])), own = json_get_str(record, "program");
    bool shell = has_shell(c);
    if (is_own(record, "entrypoint", base) || is_own(record, "cmd", base) || str_eq(base, own))
        return program_find(own);
    if (!shell)                        /* its one program, under whatever path; nothing else can be run in it */
        return c->process ? NULL : program_find(own);
    const struct program_ops *named = str_eqc(own, "sh") ? NULL : program_find(base);
    return named ? named : program_find(STR("sh"));
}

struct exec *exec_start(struct container *c, char **argv, bool stdin_open, bool tty, const struct exec_events *ev, void *ctx,
                        struct err *err)
{
    struct kubelet *k = c->pod->k;
    const struct program_ops *ops = argv[0] ? container_program(c, c->record, argv) : NULL;
    if (!ops) {
        err_set(err, ERR_NOT_FOUND, "exec: \"%s\": executable file not found in $PATH", argv[0] ? argv[0] : "");
        return NULL;
    }
    const struct process_options *main = process_options(c->process);
    struct exec *e = NEW(struct exec);
    list_init(&e->node);
    task_init(&e->over, exec_over);
    e->c = c;
    e->ev = ev;
    e->ctx = ctx;
    e->arena = arena_new();
    e->cgroup = cgroup_new(c->cgroup, "exec", &(struct cgroup_limits){ 0 }, NULL, NULL);
    struct process_options o = *main;
    size_t n = 0;
    while (argv[n])
        n++;
    o.argv = arena_zalloc(e->arena, (n + 1) * sizeof *o.argv);
    for (size_t i = 0; i < n; i++)
        o.argv[i] = arena_strdup(e->arena, argv[i]);
    o.loop = k->o.loop;
    o.cgroup = e->cgroup;
    o.stdin_open = stdin_open;
    o.stdin_once = false;
    o.tty = tty;
    o.io = &exec_io;
    o.io_ctx = e;
    list_push(&c->execs, &e->node);
    e->process = process_start(ops, &o, err);
    if (e->process)
        return e;
    exec_free(e);
    return NULL;
}

/* ---- the present instance ---- */
static void instance_free(struct container *c)
{
    probes_stop(c);
    execs_end(c);
    c->hook = NULL;
    sampler_stop(&c->sampler);
    c->sampler.group = NULL;
    process_free(c->process);
    c->process = NULL;
    if (c->cgroup)
        cgroup_free(c->cgroup);
    c->cgroup = NULL;
    vfs_free(c->files);
    c->files = NULL;
    c->record = NULL;
    arena_free(c->run);
    c->run = NULL;
    timer_stop(&c->grace);
    timer_stop(&c->crash_timer);
}

void container_deinit(struct container *c)
{
    timer_stop(&c->timer);
    if (c->waiting_pull)
        pull_abandon(c->waiting_pull);
    if (c->process)
        instance_free(c);
    probes_stop(c);
    vfs_free(c->files);
    if (c->cgroup)
        cgroup_free(c->cgroup);
    arena_free(c->run);
    list_for(it, &c->attached)
        list_remove(it);
    container_log_free(c->log);
    container_log_free(c->previous_log);
    free(c->wait_reason);
    free(c->wait_message);
    free(c->image);
    free(c->image_id);
    free(c->kill_message);
    free(c->now.message);
    free(c->last.message);
}

static void log_path(const struct container *c, struct arena *a, const char **path)
{
    const struct pod_worker *p = c->pod;
    *path = NULL;
    if (!p->k->o.log_dir)
        return;
    const char *dir = arena_printf(a, "%s/%s_%s_%s/%s", p->k->o.log_dir, p->ns, p->name, p->uid, c->name);
    if (dir_make(dir, 0755, NULL))
        *path = arena_printf(a, "%s/%d.log", dir, c->restarts);
}

static void save_log(struct container *c)
{
    struct arena *a = arena_new();
    const char *path;
    log_path(c, a, &path);
    if (path && c->log)
        container_log_save(c->log, path);
    arena_free(a);
}

void container_save_log(struct container *c) { save_log(c); }

static void new_log(struct container *c)
{
    container_log_free(c->previous_log);
    c->previous_log = c->log;
    c->log = container_log_new(c->pod->k->o.loop);
}

static void load_logs(struct container *c)
{
    struct arena *a = arena_new();
    struct loop *l = c->pod->k->o.loop;
    const char *path;
    log_path(c, a, &path);
    if (path)
        c->log = container_log_load(l, path);
    if (!c->log)
        c->log = container_log_new(l);
    c->log->ended = c->state != CONTAINER_RUNNING;
    arena_free(a);
}

/* ---- exit ---- */
static void note_exit(struct container *c, int code, int signo, const char *reason, const char *message)
{
    struct termination *t = &c->now;
    free(t->message);
    *t = (struct termination){ .set = true, .exit_code = code, .signal = signo, .started_ns = c->started_ns,
                               .finished_ns = vtime_now(c->pod->k->o.loop), .message = xstrdup(message) };
    kubelet_copy(t->reason, sizeof t->reason, reason);
    memcpy(t->id, c->id, sizeof t->id);
    c->state = CONTAINER_TERMINATED;
    c->ready = c->started = c->killing = false;
    free(c->kill_message);
    c->kill_message = NULL;
}

static void on_exited(void *ctx, int status, int signo, const char *reason)
{
    struct container *c = ctx;
    struct kubelet *k = c->pod->k;
    bool oom = c->oom || (reason && strcmp(reason, "OOMKilled") == 0);
    int code = signo ? 128 + signo : status;
    if (c->log) {
        container_log_end(c->log);
        save_log(c);
    }
    list_for(it, &c->attached) {
        struct attached *t = container_of(it, struct attached, node);
        list_remove(it);
        t->ended(t, code);
    }
    instance_free(c);
    c->oom = false;
    note_exit(c, code, 0, oom ? "OOMKilled" : code == 0 ? "Completed" : "Error", NULL);
    trace_event(k->o.loop, "kubelet", "%s/%s exited %d", c->pod->key, c->name, code);
    c->step = START_NONE;
    timer_start(&c->timer, kubelet_jitter(k, 50 * MS, 1000 * MS));              /* relisted every second */
}

static void on_output(void *ctx, int fd, struct str bytes)
{
    struct container *c = ctx;
    container_log_write(c->log, fd, bytes);
    list_for(it, &c->attached) {
        struct attached *t = container_of(it, struct attached, node);
        t->output(t, fd, bytes);
    }
}

static const struct process_io container_io = { on_output, on_exited };

static void on_oom(void *ctx, struct cgroup *g)
{
    struct container *c = ctx;
    (void)g;
    c->oom = true;
    if (c->process)
        process_kill(c->process, SIGKILL);
}

/* ---- start ---- */
static void start_over(struct container *c)
{
    struct pod_worker *p = c->pod;
    c->step = START_NONE;
    if (p->starting == c)
        p->starting = NULL;
    pod_status_changed(p);
    pod_kick(p);
}

void container_begin(struct container *c)
{
    if (c->state == CONTAINER_TERMINATED) {
        free(c->last.message);
        c->last = c->now;
        c->now = (struct termination){ 0 };
        container_set_waiting(c, c->pod->init_count ? "PodInitializing" : "ContainerCreating", NULL);
    }
    c->step = START_PULL;
    image_ensure(c);
}

void container_cancel_start(struct container *c)
{
    if (c->waiting_pull)
        pull_abandon(c->waiting_pull);
    timer_stop(&c->timer);
    instance_free(c);
    c->step = START_NONE;
    container_set_waiting(c, c->pod->init_count ? "PodInitializing" : "ContainerCreating", NULL);
}

void container_image_failed(struct container *c, const char *reason, const char *message)
{
    container_set_waiting(c, reason, message);
    timer_start(&c->timer, kubelet_jitter(c->pod->k, 10 * SECOND, 15 * SECOND));
    start_over(c);
}

void container_image_ready(struct container *c, const struct json *record)
{
    arena_free(c->run);
    c->run = arena_new();
    c->record = json_copy(c->run, record);
    c->step = START_CREATE;
    timer_start(&c->timer, kubelet_jitter(c->pod->k, 60 * MS, 180 * MS));
}

static void make_id(struct container *c)
{
    uint8_t raw[32];
    struct arena *a = arena_new();
    rng_bytes(&c->pod->k->rng, raw, sizeof raw);
    struct str id = arena_strf(a, "%s://" STR_FMT, kubelet_docker(c->pod->k) ? "docker" : "containerd",
                               STR_ARG(hex_encode(a, (struct str){ (const char *)raw, sizeof raw })));
    memcpy(c->id, id.p, id.n + 1);
    arena_free(a);
}

/* docker-pullable://repo@sha256:... for what came from a registry, docker://sha256:... for what was built here. */
static void note_image(struct container *c)
{
    struct arena *a = arena_new();
    struct str ref = json_get_str(c->spec, "image"), digest = json_get_str(c->record, "digest"), id = json_get_str(c->record, "id");
    char *shown = image_display(a, ref);
    struct str repo = str_c(shown);
    for (size_t i = repo.n; i > 0 && repo.p[i - 1] != '/'; i--)
        if (repo.p[i - 1] == ':' || repo.p[i - 1] == '@')
            repo.n = i - 1;
    set_text(&c->image, shown);
    if (kubelet_docker(c->pod->k))
        set_text(&c->image_id, digest.n ? arena_printf(a, "docker-pullable://" STR_FMT "@" STR_FMT, STR_ARG(repo), STR_ARG(digest))
                 : arena_printf(a, "docker://" STR_FMT, STR_ARG(id)));
    else
        set_text(&c->image_id, digest.n ? arena_printf(a, STR_FMT "@" STR_FMT, STR_ARG(repo), STR_ARG(digest))
                 : arena_printf(a, STR_FMT, STR_ARG(id)));
    arena_free(a);
}

/* The cgroup: pkg/kubelet/kuberuntime/kuberuntime_container_linux.go generateLinuxContainerConfig. */
static void make_cgroup(struct container *c)
{
    struct cgroup_limits lim = { .shares = milli_cpu_to_shares(container_request(c->spec, "cpu", true)),
                                 .quota_us = milli_cpu_to_quota(container_limit(c->spec, "cpu", true), 100000),
                                 .memory_limit_bytes = container_limit(c->spec, "memory", false) };
    c->cgroup = cgroup_new(c->pod->cgroup, strstr(c->id, "://") + 3, &lim, on_oom, c);
}

/* Docker from 20.10 on opens low ports to everybody in a pod's own network; containerd up to 1.7 and older Dockers do not. */
static bool open_ports(const struct container *c)
{
    return kubelet_docker(c->pod->k) && c->pod->k->o.minor >= 20 && !pod_hostnetwork(c->pod);
}

static struct run_as_ask whose(const struct container *c)
{
    const struct pod_worker *p = c->pod;
    struct run_as_ask q = { .pod = json_get(p->pod, "spec"), .container = c->spec, .image_user = json_get_str(c->record, "user"),
                            .who = "", .unprivileged_ports = open_ports(c) };
    if (p->k->o.minor >= 20)
        q.who = arena_printf(c->run, " (pod: \"%s_%s(%s)\", container: %s)", p->name, p->ns, p->uid, c->name);
    if (c->files)
        vfs_read(c->files, "/etc/passwd", &q.passwd);
    return q;
}

static bool create(struct container *c, char ***argv, char ***env, struct err *err)
{
    struct run_as_ask q = whose(c);
    if (!run_as_verify(&q, err) || !environment_make(c, c->record, env, argv, err))
        return false;
    note_image(c);
    vfs_free(c->files);
    struct vfs *base = image_files(c->pod->k->o.images, json_get_str(c->spec, "image"));
    c->files = base ? vfs_layered(base) : vfs_new();
    volumes_mount(c, c->files);
    make_cgroup(c);
    return true;
}

static bool launch(struct container *c, char **argv, char **env, struct err *err)
{
    struct pod_worker *p = c->pod;
    struct kubelet *k = p->k;
    struct str workdir = json_get_str(c->spec, "workingDir");
    if (!workdir.n)
        workdir = json_get_str(c->record, "workdir");
    const struct program_ops *ops = argv[0] ? container_program(c, c->record, argv) : NULL;
    if (!ops)
        return err_set(err, ERR_NOT_FOUND, "exec: \"%s\": executable file not found in $PATH", argv[0] ? argv[0] : "");
    struct run_as_ask q = whose(c);
    struct run_as as;
    if (!run_as_find(c->run, &q, &as, err))
        return false;
    struct process_options o = {
        .loop = k->o.loop,
        .name = arena_printf(c->run, "%s/%s", p->key, c->name),
        .id = c->id,
        .argv = argv,
        .env = env,
        .mounts = kubelet_host_mounts(c->run, json_get(p->pod, "spec"), c->spec),
        .cwd = workdir.n ? arena_cstr(c->run, workdir) : "/",
        .user = as.user,
        .uid = as.uid,
        .gid = as.gid,
        .no_low_ports = !as.low_ports,
        .hostname = pod_hostnetwork(p) ? k->o.node_name : p->name,
        .pod_namespace = p->ns,
        .pod_name = p->name,
        .pod_ip = p->ip,
        .node_name = k->o.node_name,
        .net = p->net,
        .cgroup = c->cgroup,
        .cpu = &cgroup_cpu_ops,
        .files = c->files,
        .image = c->record,
        .stdin_open = json_get_bool(c->spec, "stdin", false),
        .stdin_once = json_get_bool(c->spec, "stdinOnce", false),
        .tty = json_get_bool(c->spec, "tty", false),
        .io = &container_io,
        .io_ctx = c,
    };
    c->process = process_start(ops, &o, err);
    return c->process != NULL;
}

static void became_running(struct container *c, bool adopted)
{
    struct kubelet *k = c->pod->k;
    c->state = CONTAINER_RUNNING;
    c->killing = c->oom = false;
    sampler_start(&c->sampler, k->o.loop, &k->rng, c->cgroup);
    probes_start(c, adopted);
    crash_look(c);
    if (strcmp(c->name, "weave") == 0 && pod_hostnetwork(c->pod))
        kubelet_network_ready(k);
}

static void step_create(struct container *c)
{
    struct err err = { 0 };
    char **argv = NULL, **env = NULL;
    make_id(c);
    if (!create(c, &argv, &env, &err)) {
        c->id[0] = 0;
        struct arena *a = arena_new();
        container_event(c, "Warning", "Failed", arena_printf(a, "Error: %s", err.msg));
        arena_free(a);
        for (size_t i = 0; i < c->pod->ref_count; i++)           /* it may be there when the container is looked at again */
            c->pod->refs[i].done = c->pod->refs[i].done && c->pod->refs[i].obj != NULL;
        container_image_failed(c, "CreateContainerConfigError", err.msg);
        err_clear(&err);
        refs_fetch(c->pod);
        return;
    }
    c->created_ns = vtime_now(c->pod->k->o.loop);
    if (c->last.set)
        c->restarts++;
    new_log(c);
    struct arena *a = arena_new();
    container_event(c, "Normal", "Created",
                    arena_printf(a, c->pod->k->o.minor < 31 ? "Created container %s" : "Created container: %s", c->name));
    arena_free(a);
    c->step = START_RUN;
    timer_start(&c->timer, kubelet_jitter(c->pod->k, 150 * MS, 450 * MS));
}

/* What Go's %q makes of it, without the outer quotes. */
const char *kubelet_quoted(struct arena *a, const char *text)
{
    struct strbuf b;
    strbuf_init(&b, 64 * 1024);
    for (; *text; text++)
        strbuf_addf(&b, "%s%c", *text == '"' || *text == '\\' ? "\\" : "", *text);
    char *out = arena_cstr(a, strbuf_str(&b));
    strbuf_deinit(&b);
    return out;
}

static void cannot_run(struct container *c, struct err *err)
{
    struct arena *a = arena_new();
    const char *why = kubelet_docker(c->pod->k)
        ? arena_printf(a, "OCI runtime create failed: container_linux.go:349: starting container process caused \"%s\": unknown",
                       kubelet_quoted(a, err->msg))
        : arena_printf(a, "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create "
                          "failed: unable to start container process: %s: unknown", err->msg);
    const char *full = kubelet_docker(c->pod->k)
                       ? arena_printf(a, "failed to start container \"%s\": Error response from daemon: %s", c->name, why) : why;
    container_event(c, "Warning", "Failed", arena_printf(a, "Error: %s", full));
    c->started_ns = vtime_now(c->pod->k->o.loop);
    container_log_end(c->log);
    instance_free(c);
    note_exit(c, 127, 0, kubelet_docker(c->pod->k) ? "ContainerCannotRun" : "StartError", why);
    timer_start(&c->timer, kubelet_jitter(c->pod->k, 500 * MS, 1000 * MS));
    arena_free(a);
    start_over(c);
}

static void step_run(struct container *c)
{
    struct err err = { 0 };
    char **argv = NULL, **env = NULL;
    if (!environment_make(c, c->record, &env, &argv, &err) || !launch(c, argv, env, &err)) {
        cannot_run(c, &err);
        err_clear(&err);
        return;
    }
    c->started_ns = vtime_now(c->pod->k->o.loop);
    c->ready = c->started = false;
    became_running(c, false);
    struct arena *a = arena_new();
    container_event(c, "Normal", "Started", arena_printf(a, "Started container %s", c->name));
    arena_free(a);
    trace_event(c->pod->k->o.loop, "kubelet", "%s/%s started", c->pod->key, c->name);
    start_over(c);
}

static void on_timer(struct timer *t)
{
    struct container *c = container_of(t, struct container, timer);
    if (c->step == START_CREATE)
        step_create(c);
    else if (c->step == START_RUN)
        step_run(c);
    else {
        pod_status_changed(c->pod);
        pod_kick(c->pod);
    }
}

/* ---- adoption: it ran before this process, and goes on ---- */
void container_adopt(struct container *c)
{
    struct err err = { 0 };
    const struct json *record = image_find(c->pod->k->o.images, json_get_str(c->spec, "image"));
    char **argv = NULL, **env = NULL;
    c->adopting = false;
    arena_free(c->run);
    c->run = arena_new();
    c->record = record ? json_copy(c->run, record) : NULL;
    load_logs(c);
    c->pod->starting = NULL;
    if (!record || !create(c, &argv, &env, &err) || !launch(c, argv, env, &err)) {
        log_msg(LOG_WARN, "kubelet", "%s/%s ran before and cannot go on: %s", c->pod->key, c->name,
                record ? err.msg : "its image is gone");
        err_clear(&err);
        instance_free(c);
        note_exit(c, 255, 0, "Error", NULL);
        return;
    }
    became_running(c, true);
}

/* ---- stop ---- */
static int stop_signal(const struct container *c)
{
    static const struct { const char *name; int signo; } names[] = {
        { "TERM", SIGTERM }, { "INT", SIGINT },   { "QUIT", SIGQUIT }, { "WINCH", SIGWINCH },
        { "USR1", SIGUSR1 }, { "USR2", SIGUSR2 }, { "HUP", SIGHUP },   { "KILL", SIGKILL },
    };
    struct str name = json_get_str(c->record, "stopsignal"), bare = str_starts(name, "SIG") ? str_sub(name, 3, name.n) : name;
    int64_t number;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eqc(bare, names[i].name))
            return names[i].signo;
    return str_int(name, &number) ? (int)number : SIGTERM;
}

static void send_stop(struct container *c)
{
    if (c->process)
        process_kill(c->process, stop_signal(c));
}

static void hook_exited(void *ctx, int status)
{
    struct container *c = ctx;
    struct exec *e = c->hook;
    if (status) {
        struct arena *a = arena_new();
        container_event(c, "Warning", "FailedPreStopHook",
                        arena_printf(a, "Exec lifecycle hook failed - error: command exited with %d", status));
        arena_free(a);
    }
    c->hook = NULL;
    exec_free(e);
    send_stop(c);
}

static const struct exec_events hook_events = { NULL, hook_exited };

/* preStop exec: the signal waits for it. */
static bool hook_start(struct container *c)
{
    const struct json *command = json_path(c->spec, "lifecycle.preStop.exec.command");
    if (!json_len(command))
        return false;
    char **argv = arena_zalloc(c->run, (json_len(command) + 1) * sizeof *argv);
    size_t n = 0;
    for (const struct json *w = json_first(command); w; w = json_next(w))
        argv[n++] = arena_cstr(c->run, json_str(w));
    struct err err = { 0 };
    c->hook = exec_start(c, argv, false, false, &hook_events, c, &err);
    if (!c->hook)
        container_event(c, "Warning", "FailedPreStopHook", err.msg);
    err_clear(&err);
    return c->hook != NULL;
}

void container_kill(struct container *c, int64_t grace_ns, const char *event, const char *why)
{
    if (c->state != CONTAINER_RUNNING || c->killing)
        return;
    if (!c->process) {                 /* it was to be adopted, and its pod goes first */
        note_exit(c, 137, 0, "Error", NULL);
        return;
    }
    c->killing = true;
    set_text(&c->kill_message, why);
    if (event)
        container_event(c, "Normal", "Killing", event);
    probes_stop(c);
    timer_start(&c->grace, grace_ns);
    if (!hook_start(c))
        send_stop(c);
}

void container_shorten_grace(struct container *c, int64_t grace_ns)
{
    if (c->killing && timer_active(&c->grace) && vtime_now(c->pod->k->o.loop) + grace_ns < c->grace.due_ns)
        timer_start(&c->grace, grace_ns);
}

static void on_grace(struct timer *t)
{
    struct container *c = container_of(t, struct container, grace);
    if (c->process)
        process_kill(c->process, SIGKILL);
}
