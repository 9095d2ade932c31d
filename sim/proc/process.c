/* sim/proc/process.c - a running program: its arguments, its standard streams, its signals and its end.
 *
 * Models: what containerd-shim and the kernel do for the first process of a container. The kubelet makes one per
 * container and one per exec; the program behind program_ops does the rest. Nothing that the program calls here calls
 * it back before it returned: its end (exit or kill) is a task, in which first the program is stopped and then the
 * maker is told, once.
 *
 * Order of use: process_start, { process_input, process_kill ... }, io->exited, process_free.
 */
#include "sim/proc/proc_priv.h"

#include <stdlib.h>

enum { FIRST_UNPRIVILEGED_PORT = 1024 /* net.ipv4.ip_unprivileged_port_start */ };

struct process {
    struct process_options    opt;                 /* a copy in the arena */
    const struct program_ops *ops;
    struct arena             *arena;
    void                     *state;               /* the program's; NULL before start returned and after stop */
    struct strbuf             early;               /* input that came before the program had started */
    bool                      started, eof, ending, ended, memory_set;
    int                       status, signal;
    const char               *reason;
    struct task               end_task, input_task;
    uint64_t                  served;
};

static char **copy_strings(struct arena *a, char **v)
{
    size_t n = 0;
    while (v && v[n])
        n++;
    char **out = arena_alloc(a, (n + 1) * sizeof *out);
    for (size_t i = 0; i < n; i++)
        out[i] = arena_strdup(a, v[i]);
    out[n] = NULL;
    return out;
}

static void copy_options(struct process *p, const struct process_options *o)
{
    static const size_t texts[] = {
        offsetof(struct process_options, name),     offsetof(struct process_options, cwd),
        offsetof(struct process_options, hostname), offsetof(struct process_options, pod_namespace),
        offsetof(struct process_options, pod_name), offsetof(struct process_options, pod_ip),
        offsetof(struct process_options, node_name), offsetof(struct process_options, user)
    };
    p->opt = *o;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        const char **text = (const char **)(void *)((char *)&p->opt + texts[i]);
        *text = *text ? arena_strdup(p->arena, *text) : "";
    }
    if (!p->opt.cwd[0])
        p->opt.cwd = "/";
    if (!p->opt.user[0])
        p->opt.user = "root";
    p->opt.argv = copy_strings(p->arena, o->argv);
    p->opt.env = copy_strings(p->arena, o->env);
    if (o->files)
        p->opt.files = vfs_ref(o->files);
}

static void program_stop(struct process *p)
{
    void *state = p->state;
    p->state = NULL;
    if (state)
        p->ops->stop(state);
    if (p->memory_set)
        p->opt.cpu->set_memory(p->opt.cgroup, 0);
    p->memory_set = false;
}

static void on_end(struct task *t)
{
    struct process *p = container_of(t, struct process, end_task);
    task_cancel(&p->input_task);
    program_stop(p);
    p->ended = true;
    trace_event(p->opt.loop, "process", "%s exited %d signal %d %s", p->opt.name, p->status, p->signal, p->reason);
    if (p->opt.io && p->opt.io->exited)
        p->opt.io->exited(p->opt.io_ctx, p->status, p->signal, p->reason);       /* may free p */
}

static void on_early_input(struct task *t)
{
    struct process *p = container_of(t, struct process, input_task);
    size_t n = 0;
    char *bytes = strbuf_detach(&p->early, &n);
    if (n && p->state && p->ops->input)
        p->ops->input(p->state, (struct str){ bytes, n });
    free(bytes);
    if (p->eof && p->state && p->ops->input_eof)
        p->ops->input_eof(p->state);
}

struct process *process_start(const struct program_ops *ops, const struct process_options *opt, struct err *err)
{
    ASSERT(ops && ops->start && ops->stop);
    ASSERT(opt->loop && opt->argv);
    struct process *p = NEW(struct process);
    p->ops = ops;
    p->reason = "";
    p->arena = arena_new();
    task_init(&p->end_task, on_end);
    task_init(&p->input_task, on_early_input);
    strbuf_init(&p->early, PROCESS_INPUT_BYTES);
    copy_options(p, opt);
    p->state = ops->start(p, err);
    if (!p->state) {
        process_free(p);
        return NULL;
    }
    p->started = true;
    if (p->early.n || p->eof)
        task_post(p->opt.loop, &p->input_task);
    trace_event(p->opt.loop, "process", "%s started %s", p->opt.name, ops->name);
    return p;
}

void process_served(struct process *p) { p->served++; }
uint64_t process_served_count(const struct process *p) { return p->served; }

void process_free(struct process *p)
{
    if (!p)
        return;
    task_cancel(&p->end_task);
    task_cancel(&p->input_task);
    program_stop(p);
    strbuf_deinit(&p->early);
    vfs_free(p->opt.files);
    arena_free(p->arena);
    free(p);
}

/* ---- what the program asks ---- */
const struct process_options *process_options(const struct process *p)
{
    return &p->opt;
}

void *process_state(struct process *p)
{
    return p->state;
}

const char *process_getenv(const struct process *p, const char *name)
{
    size_t n = strlen(name);
    const char *found = NULL;
    for (char **e = p->opt.env; *e; e++)           /* the last one counts, as when an image's variable is set again by the pod */
        if (strncmp(*e, name, n) == 0 && (*e)[n] == '=')
            found = *e + n + 1;
    return found;
}

void process_write(struct process *p, int fd, struct str bytes)
{
    ASSERT(fd == 1 || fd == 2);
    if (bytes.n && !p->ended && p->opt.io && p->opt.io->output)
        p->opt.io->output(p->opt.io_ctx, p->opt.tty ? 1 : fd, bytes);            /* a terminal has one way out */
}

void process_printf(struct process *p, int fd, const char *fmt, ...)
{
    struct strbuf b;
    va_list ap;
    strbuf_init(&b, LIMIT_LOG_FILE_BYTES);
    va_start(ap, fmt);
    strbuf_vaddf(&b, fmt, ap);
    va_end(ap);
    process_write(p, fd, strbuf_str(&b));
    strbuf_deinit(&b);
}

void process_cpu(struct process *p, struct cpu_work *w, int64_t cpu_ns)
{
    ASSERT(p->opt.cpu && p->opt.cgroup);
    p->opt.cpu->run(p->opt.cgroup, w, cpu_ns);
}

void process_set_memory(struct process *p, int64_t bytes)
{
    if (!p->opt.cpu || !p->opt.cgroup)
        return;
    p->memory_set = true;
    p->opt.cpu->set_memory(p->opt.cgroup, bytes);
}

static void end(struct process *p, int status, int signal, const char *reason)
{
    if (p->ending)
        return;
    p->ending = true;
    p->status = status;
    p->signal = signal;
    p->reason = reason;
    task_post(p->opt.loop, &p->end_task);
}

void process_exit(struct process *p, int status)
{
    end(p, status & 255, 0, "");
}

/* ---- what the maker brings ---- */
void process_input(struct process *p, struct str bytes)
{
    if (p->ending || p->eof || !p->opt.stdin_open || bytes.n == 0)
        return;
    if (!p->started || task_posted(&p->input_task))
        strbuf_add(&p->early, bytes);
    else if (p->ops->input)
        p->ops->input(p->state, bytes);
}

void process_input_eof(struct process *p)
{
    if (p->ending || p->eof || !p->opt.stdin_open)
        return;
    p->eof = true;
    if (p->started && !task_posted(&p->input_task) && p->ops->input_eof)
        p->ops->input_eof(p->state);
}

void process_resize(struct process *p, int width, int height)
{
    if (!p->ending && p->started && p->opt.tty && p->ops->resize)
        p->ops->resize(p->state, width, height);
}

void process_kill(struct process *p, int signo)
{
    if (p->ending)
        return;
    if (signo == 9)
        end(p, 128 + 9, 9, "");
    else if (p->started && p->ops->signal)
        p->ops->signal(p->state, signo);
}

void process_oom_kill(struct process *p)
{
    end(p, 128 + 9, 9, "OOMKilled");
}

bool process_running(const struct process *p)
{
    return !p->ending;
}

bool process_may_bind(const struct process *p, const char *ip, int port, struct err *err)
{
    return port >= FIRST_UNPRIVILEGED_PORT || !p->opt.no_low_ports ||
           err_set(err, ERR_FORBIDDEN, "listen tcp %s:%d: bind: permission denied", ip, port);
}
