/* workloads/programs/sh_proc.c - the small kernel under the shell: processes, the terminal's line discipline, signals, and who may
 * run. Open files and pipes are sh_file.c.
 *
 * What Linux does for busybox: fork copies variables and shares files; a terminal in cooked mode echoes, edits a line and turns
 * control C into SIGINT for the foreground. Scheduling is round robin, one step each, until everybody waits; it is entered from
 * every public function and never from inside an operation. The shell's own CPU is paid in small debts.
 */
#include "workloads/programs/sh_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { SHELL_BYTES = 700 * 1024, PROC_BYTES = 250 * 1024, INPUT_MAX = 16 * 1024 * 1024, HISTORY_MAX = 100 };
static const uint64_t SPIN_FREE_NS = NS_PER_S;     /* so long a program that only computes is followed step by step */
static const uint64_t DEBT_MAX_NS = 2 * NS_PER_MS; /* what a process may have used before it has to ask for CPU */

static void run_all(struct sh *s);

/* ---- variables ---- */
static void var_free(void *v)
{
    free(((struct var *)v)->value);
    free(v);
}

const char *sh_var_get(struct proc *p, const char *name)
{
    struct var *v = map_getc(p->vars, name);
    return v ? v->value : NULL;
}

bool sh_var_set(struct proc *p, const char *name, const char *value)
{
    struct var *v = map_getc(p->vars, name);
    if (v && v->readonly) {
        sh_proc_printf(p, 2, "sh: %s: is read only\n", name);
        return false;
    }
    if (!v) {
        v = NEW(struct var);
        map_putc(p->vars, name, v);
    }
    char *old = v->value;
    v->value = xstrdup(value);
    free(old);
    return true;
}

void sh_var_export(struct proc *p, const char *name)
{
    struct var *v = map_getc(p->vars, name);
    if (!v) {
        v = NEW(struct var);
        map_putc(p->vars, name, v);
    }
    v->exported = true;
}

void sh_var_unset(struct proc *p, const char *name)
{
    struct var *v = map_take(p->vars, str_c(name));
    if (v)
        var_free(v);
}

void sh_function_free(void *f)
{
    sh_unit_unref(((struct function *)f)->unit);
    free(f);
}

/* ---- processes ---- */
static struct proc *proc_new(struct sh *s, struct proc *parent)
{
    struct proc *p = NEW(struct proc);
    p->sh = s;
    p->parent = parent;
    p->pid = s->next_pid++;
    p->vars = map_new();
    p->functions = map_new();
    list_push(&s->procs, &p->node);
    return p;
}

static void proc_free(struct proc *p)
{
    sh_proc_unwind(p);
    for (int i = 0; i < FDS; i++)
        sh_file_unref(p->fds[i]);
    map_free(p->vars, var_free);
    map_free(p->functions, sh_function_free);
    sh_fields_deinit(&p->params);
    sh_fields_deinit(&p->job);
    for (size_t i = 0; i < ARRAY_LEN(p->trap); i++)
        free(p->trap[i]);
    free(p->name);
    free(p->cwd);
    list_remove(&p->node);
    free(p);
}

static void fields_copy(struct fields *to, const struct fields *from)
{
    for (size_t i = 0; i < from->n; i++)
        sh_fields_add(to, from->v[i], strlen(from->v[i]));
}

struct proc *sh_proc_fork(struct proc *parent)
{
    struct proc *p = proc_new(parent->sh, parent);
    size_t at = 0;
    struct str key;
    void *value;
    while (map_next(parent->vars, &at, &key, &value)) {
        struct var *v = NEW(struct var);
        *v = *(struct var *)value;
        v->value = xstrdup(v->value);
        map_put(p->vars, key, v);
    }
    for (at = 0; map_next(parent->functions, &at, &key, &value);) {
        struct function *f = NEW(struct function);
        *f = *(struct function *)value;
        f->unit->refs++;
        map_put(p->functions, key, f);
    }
    for (int i = 0; i < FDS; i++)
        p->fds[i] = sh_file_ref(parent->fds[i]);
    fields_copy(&p->params, &parent->params);
    p->name = xstrdup(parent->name);
    p->cwd = xstrdup(parent->cwd);
    p->status = parent->status;
    p->errexit = parent->errexit;
    p->xtrace = parent->xtrace;
    p->nounset = parent->nounset;
    p->noglob = parent->noglob;
    p->background = parent->background;
    p->debt_ns = SH_NS_FORK;
    return p;
}

static void drop_token(struct proc *p)
{
    if (p->token && !p->token_done && p->sh->ops->cancel)
        p->sh->ops->cancel(p->sh->ctx, p->token);
    p->token = 0;
    p->token_done = false;
}

static void stop_waiting(struct proc *p)
{
    drop_token(p);
    p->wait_read = p->wait_write = NULL;
    p->wait_child = false;
}

void sh_proc_exit(struct proc *p, int status)
{
    if (p->exited)
        return;
    stop_waiting(p);
    sh_proc_unwind(p);
    for (int i = 0; i < FDS; i++)
        sh_proc_set_fd(p, i, NULL);
    p->exited = true;
    p->status = status & 255;
    list_for(it, &p->sh->procs) {                  /* orphans go to the first process, which does not care about them */
        struct proc *kid = container_of(it, struct proc, node);
        if (kid->parent == p)
            kid->parent = NULL;
    }
    if (p == p->sh->first) {
        p->sh->exited = true;
        p->sh->exit_status = p->status;
    }
}

struct proc *sh_proc_by_pid(struct sh *s, int pid)
{
    list_for(it, &s->procs) {
        struct proc *p = container_of(it, struct proc, node);
        if (p->pid == pid && !p->exited)
            return p;
    }
    return NULL;
}

sh_token sh_proc_wait_token(struct proc *p)
{
    ASSERT(p->token == 0);
    p->token = ++p->sh->next_token;
    p->token_done = false;
    p->spun = 0;
    return p->token;
}

void sh_proc_pay(struct proc *p, uint64_t ns)
{
    sh_token t = sh_proc_wait_token(p);
    ns += p->debt_ns;
    p->debt_ns = 0;
    p->sh->ops->cpu(p->sh->ctx, t, ns);
}

/* ---- signals ---- */
void sh_proc_kill(struct proc *p, int signo)
{
    if (p->exited)
        return;
    bool first = p == p->sh->first;
    if (signo == SH_SIGKILL) {
        sh_proc_exit(p, 128 + SH_SIGKILL);
        return;
    }
    if (signo <= 0 || signo >= 32)
        return;
    if (!p->trap[signo]) {
        bool ignored = (p->interactive && signo != SH_SIGHUP && signo != SH_SIGINT) ||
                       (first && p->pid == 1 && !(p->interactive && signo == SH_SIGINT));
        if (ignored || signo == 17 || signo == 18 || signo == 28)      /* CHLD, CONT, WINCH are ignored by default */
            return;
        if (!(p->interactive && signo == SH_SIGINT)) {
            sh_proc_exit(p, 128 + signo);
            return;
        }
    }
    p->pending |= 1u << signo;
    if (p->trap[signo] && p->top && p->token == 0)
        return;
    stop_waiting(p);                               /* interrupted: the frame notices the pending signal first */
}

/* Control C: everything in the foreground gets SIGINT. An interactive shell survives and drops what it was doing. */
static void interrupt(struct sh *s)
{
    list_for(it, &s->procs) {
        struct proc *p = container_of(it, struct proc, node);
        if (!p->background && !p->exited)
            sh_proc_kill(p, SH_SIGINT);
    }
}

/* Before a process steps: what its pending signals make of it. */
static void take_signals(struct proc *p)
{
    for (int signo = 1; p->pending && signo < 32 && !p->exited; signo++) {
        if (!(p->pending >> signo & 1))
            continue;
        p->pending &= ~(1u << signo);
        if (p->trap[signo] && *p->trap[signo])
            sh_proc_run_trap(p, signo);
        else if (p->trap[signo])
            continue;                              /* trap '' INT: ignored */
        else if (signo == SH_SIGINT && p->interactive)
            p->jump = JUMP_INTERRUPT;
        else
            sh_proc_exit(p, 128 + signo);
    }
}

/* ---- scheduling ---- */
static bool ready(struct proc *p)
{
    if (p->exited)
        return false;
    if (p->token)
        return p->token_done;
    if (p->wait_read)
        return p->pending || sh_file_readable(p, p->wait_read, p->wait_line);
    if (p->wait_write)
        return p->pending || p->wait_write->pipe->buf.n < PIPE_BYTES || p->wait_write->pipe->readers == 0;
    return !p->wait_child || p->pending;
}

/* Who computes without end is not followed step by step for ever: from its second second of CPU time on, what it does counts as more
 * and more of what it would have done. Its CPU time is what it would be, and our own some seconds at most, however long it goes on. */
static void spin(struct proc *p)
{
    uint64_t spun = p->spun + 1, times = spun / (SPIN_FREE_NS / DEBT_MAX_NS);
    sh_proc_pay(p, times ? (times - 1) * p->debt_ns : 0);
    p->spun = spun;
}

static void step(struct proc *p)
{
    p->wait_read = p->wait_write = NULL;
    p->wait_child = false;
    if (p->token) {
        p->token = 0;
        p->token_done = false;
    }
    take_signals(p);
    if (p->exited)
        return;
    if (p->debt_ns > DEBT_MAX_NS && p->jump == JUMP_NONE) {
        spin(p);
        return;
    }
    sh_step(p);
}

/* A child's exit wakes its parent; children that nobody will ask about are freed. */
static void reap(struct sh *s)
{
    list_for(it, &s->procs) {
        struct proc *p = container_of(it, struct proc, node);
        if (!p->exited || p == s->first)
            continue;
        if (p->parent && !p->reaped) {
            p->parent->wait_child &= p->notified;  /* once: it looks, and may go on waiting for another */
            p->notified = true;
            continue;
        }
        if (!p->parent || p->reaped)
            proc_free(p);
    }
}

static void run_all(struct sh *s)
{
    if (s->running || s->told)
        return;
    s->running = true;
    for (bool progress = true; progress && !s->exited;) {
        progress = false;
        list_for(it, &s->procs) {
            struct proc *p = container_of(it, struct proc, node);
            if (!ready(p) || s->exited)
                continue;
            step(p);
            progress = true;
            if (p->exited)
                break;                             /* the list may change below */
        }
        reap(s);
    }
    s->running = false;
    if (s->exited && !s->told) {
        s->told = true;
        list_for(it, &s->procs) {
            struct proc *p = container_of(it, struct proc, node);
            stop_waiting(p);
        }
        s->ops->exited(s->ctx, s->exit_status);
    }
}

void sh_complete(struct sh *s, sh_token t)
{
    list_for(it, &s->procs) {
        struct proc *p = container_of(it, struct proc, node);
        if (p->token == t && t)
            p->token_done = true;
    }
    run_all(s);
}

/* ---- the terminal ---- */
static void echo(struct sh *s, const char *text)
{
    sh_terminal_write(s, str_c(text));
}

static void line_erase(struct sh *s)
{
    for (; s->line.n > 0; s->line.n--)
        if (((unsigned char)s->line.p[s->line.n - 1] & 0xc0) != 0x80)    /* a UTF-8 character takes one column */
            echo(s, "\b \b");
    if (s->line.p)
        s->line.p[0] = '\0';
}

static void line_take(struct sh *s, const char *text)
{
    line_erase(s);
    strbuf_addc(&s->line, text);
    echo(s, text);
}

static void history_move(struct sh *s, int by)                     /* busybox's editor, as far as the arrow keys go */
{
    if (!s->at_prompt || (by < 0 ? s->history_at == 0 : s->history_at >= s->history.n))
        return;
    s->history_at = s->history_at + (size_t)by;
    line_take(s, s->history_at < s->history.n ? s->history.v[s->history_at] : "");
}

static void line_done(struct sh *s)
{
    echo(s, "\n");
    if (s->at_prompt && s->line.n) {
        if (s->history.n == HISTORY_MAX) {
            free(s->history.v[0]);
            memmove(s->history.v, s->history.v + 1, --s->history.n * sizeof *s->history.v);
        }
        sh_fields_add(&s->history, s->line.p, s->line.n);
    }
    s->history_at = s->history.n;
    strbuf_add(&s->input, strbuf_str(&s->line));
    strbuf_addch(&s->input, '\n');
    strbuf_reset(&s->line);
}

static void tty_byte(struct sh *s, unsigned char c)
{
    if (s->escape) {                               /* ESC [ A and the like */
        if (s->escape == 2 || c != '[') {
            history_move(s, s->escape == 2 && c == 'A' ? -1 : s->escape == 2 && c == 'B' ? 1 : 0);
            s->escape = s->escape == 2 && c >= '0' && c <= '9' ? 2 : 0;
        } else {
            s->escape = 2;
        }
        return;
    }
    switch (c) {
    case 27: s->escape = 1; break;
    case '\r': case '\n': line_done(s); break;
    case 3:
        echo(s, "^C");
        echo(s, "\n");
        strbuf_reset(&s->line);
        strbuf_reset(&s->input);
        interrupt(s);
        break;
    case 4:
        if (s->line.n == 0)
            s->tty_eof = true;
        break;
    case 8: case 127:
        while (s->line.n > 0) {
            bool whole = ((unsigned char)s->line.p[--s->line.n] & 0xc0) != 0x80;
            s->line.p[s->line.n] = '\0';
            if (whole) {
                echo(s, "\b \b");
                break;
            }
        }
        break;
    case 21: line_erase(s); break;
    case 12: if (s->at_prompt) echo(s, "\033[H\033[J"); break;
    default:
        if ((c < 32 && c != '\t') || s->line.n >= LIMIT_SHELL_LINE_BYTES)
            break;
        strbuf_addch(&s->line, (char)c);
        s->ops->write(s->ctx, 1, (struct str){ (char *)&c, 1 });
    }
}

void sh_input(struct sh *s, struct str bytes)
{
    if (!s->tty && !s->stdin_eof)
        strbuf_add(&s->input, bytes);
    s->stdin_eof = s->stdin_eof || s->input.overflow;                /* what did not fit is not skipped: it ends there */
    for (size_t i = 0; s->tty && i < bytes.n && !s->exited; i++) {
        tty_byte(s, (unsigned char)bytes.p[i]);
        if (bytes.p[i] == '\r' || bytes.p[i] == '\n' || bytes.p[i] == 3 || bytes.p[i] == 4)
            run_all(s);                            /* what follows is typed after it was read, if somebody reads */
    }
    run_all(s);
}

void sh_input_eof(struct sh *s)
{
    s->stdin_eof = true;
    if (s->tty)
        sh_signal(s, SH_SIGHUP);
    run_all(s);
}

void sh_resize(struct sh *s, int columns, int rows)
{
    s->columns = columns;
    s->rows = rows;
}

void sh_signal(struct sh *s, int signo)
{
    if (s->exited)
        return;
    if (signo == SH_SIGKILL) {
        list_for(it, &s->procs) {
            struct proc *p = container_of(it, struct proc, node);
            sh_proc_exit(p, 128 + SH_SIGKILL);
        }
    } else if (signo == SH_SIGINT && s->tty) {
        interrupt(s);
    } else if (signo == SH_SIGHUP && s->first->pid != 1 && !s->first->trap[SH_SIGHUP]) {
        sh_proc_exit(s->first, 128 + SH_SIGHUP);
    } else {
        sh_proc_kill(s->first, signo);
    }
    run_all(s);
}

/* ---- life ---- */
static bool is_shell(const char *name)
{
    return strcmp(name, "sh") == 0 || strcmp(name, "ash") == 0;
}

bool sh_knows(const char *program)
{
    const char *name = path_base(program);
    if (strchr(program, '/') && strncmp(program, "/bin/", 5) != 0 && strncmp(program, "/usr/bin/", 9) != 0 &&
        strncmp(program, "/sbin/", 6) != 0 && strncmp(program, "/usr/sbin/", 10) != 0)
        return false;
    const struct applet *a = sh_applet_find(str_c(name));
    return is_shell(name) || strcmp(name, "busybox") == 0 || (a && a->cpu_us > 0);
}

static void set_environment(struct proc *p, const struct sh_options *opt)
{
    const char *const DEFAULTS[][2] = { { "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" },
                                               { "HOME", opt->uid ? "/" : "/root" },
                                               { "SHLVL", "1" } };
    for (size_t i = 0; i < opt->env_count; i++) {
        char name[256];
        size_t n = strcspn(opt->env[i], "=");
        if (!opt->env[i][n] || n >= sizeof name)
            continue;
        memcpy(name, opt->env[i], n);
        name[n] = '\0';
        sh_var_set(p, name, opt->env[i] + n + 1);
        sh_var_export(p, name);
    }
    for (size_t i = 0; i < ARRAY_LEN(DEFAULTS); i++) {
        if (!sh_var_get(p, DEFAULTS[i][0])) {
            sh_var_set(p, DEFAULTS[i][0], DEFAULTS[i][1]);
            sh_var_export(p, DEFAULTS[i][0]);
        }
    }
    if (!sh_var_get(p, "HOSTNAME")) {
        sh_var_set(p, "HOSTNAME", p->sh->hostname);
        sh_var_export(p, "HOSTNAME");
    }
    sh_var_set(p, "PWD", p->cwd);
    sh_var_set(p, "IFS", " \t\n");
    sh_var_set(p, "PS4", "+ ");
    sh_var_set(p, "OPTIND", "1");
}

/* sh [-eixu] [-c script [name args...]] [file args...]; no arguments: commands from stdin. */
void sh_load(struct proc *p, char **argv, size_t argc, bool interactive)
{
    bool command = false;
    size_t i = 0;
    free(p->name);
    p->name = xstrdup(argv[i++]);
    for (; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
        if (strcmp(argv[i], "--") == 0) {
            i++;
            break;
        }
        for (const char *c = argv[i] + 1; *c; c++) {
            p->errexit |= *c == 'e';
            p->xtrace |= *c == 'x';
            p->nounset |= *c == 'u';
            command |= *c == 'c';
        }
    }
    const char *first = i < argc ? argv[i++] : NULL;
    struct file *f = NULL;
    if (command) {
        f = sh_file_text(first ? first : "", first ? strlen(first) : 0);
        first = i < argc ? argv[i++] : NULL;
    } else if (first) {
        int e = sh_file_open(p, first, "<", &f);
        if (e) {
            sh_proc_printf(p, 2, "%s: can't open '%s': %s\n", path_base(p->name), first, sh_strerror(e));
            sh_proc_exit(p, 2);
            return;
        }
    }
    if (first) {
        free(p->name);
        p->name = xstrdup(first);
    }
    sh_fields_deinit(&p->params);
    for (; i < argc; i++)
        sh_fields_add(&p->params, argv[i], strlen(argv[i]));
    p->interactive = !f && interactive;
    sh_frame_push_source(p, f ? f->data : "", f ? f->n : 0, !f, p->interactive);
    sh_file_unref(f);
}

/* The first process: a shell, or an applet's own argv, quoted into a script of one command. */
static void load(struct sh *s, struct proc *p, const struct sh_options *opt)
{
    size_t i = opt->argc > 1 && strcmp(path_base(opt->argv[0]), "busybox") == 0;
    if (is_shell(path_base(opt->argv[i]))) {
        struct fields argv = { 0 };
        for (; i < opt->argc; i++)
            sh_fields_add(&argv, opt->argv[i], strlen(opt->argv[i]));
        sh_load(p, argv.v, argv.n, s->tty);
        sh_fields_deinit(&argv);
        return;
    }
    struct strbuf b;
    strbuf_init(&b, LIMIT_SHELL_LINE_BYTES * 16);
    strbuf_addc(&b, "exec");
    for (; i < opt->argc; i++) {
        strbuf_addc(&b, " '");
        for (const char *c = opt->argv[i]; *c; c++)
            strbuf_addc(&b, *c == '\'' ? "'\\''" : (char[]){ *c, '\0' });
        strbuf_addch(&b, '\'');
    }
    p->name = xstrdup(opt->argv[0]);
    sh_frame_push_source(p, b.p, b.n, false, false);
    strbuf_deinit(&b);
}

struct sh *sh_new(const struct sh_options *opt)
{
    struct sh *s = NEW(struct sh);
    ASSERT(opt->ops && opt->argc > 0);
    s->ops = opt->ops;
    s->ctx = opt->ctx;
    s->tty = opt->tty;
    s->stdin_eof = !opt->stdin_open;
    s->next_pid = opt->pid > 0 ? opt->pid : 1;
    s->columns = 80;
    s->rows = 24;
    s->random = str_hash(str_c(opt->hostname));
    s->hostname = xstrdup(opt->hostname ? opt->hostname : "localhost");
    s->user = xstrdup(opt->user ? opt->user : "root");
    s->uid = opt->uid;
    s->gid = opt->gid;
    list_init(&s->procs);
    strbuf_init(&s->input, INPUT_MAX);
    strbuf_init(&s->line, LIMIT_SHELL_LINE_BYTES);
    struct proc *p = s->first = proc_new(s, NULL);
    p->cwd = xstrdup(opt->cwd && *opt->cwd ? opt->cwd : "/");
    p->fds[0] = sh_file_new(s->tty ? FILE_TTY : FILE_STDIN);
    p->fds[1] = sh_file_new(FILE_OUT);
    p->fds[1]->fd = 1;
    p->fds[2] = sh_file_new(FILE_OUT);
    p->fds[2]->fd = 2;
    set_environment(p, opt);
    load(s, p, opt);
    return s;
}

void sh_start(struct sh *s)
{
    s->first->debt_ns += SH_NS_EXEC;
    run_all(s);
}

void sh_free(struct sh *s)
{
    if (!s)
        return;
    ASSERT(!s->running);
    list_for(it, &s->procs)
        stop_waiting(container_of(it, struct proc, node));
    list_for(it, &s->procs)
        proc_free(container_of(it, struct proc, node));
    strbuf_deinit(&s->input);
    strbuf_deinit(&s->line);
    sh_fields_deinit(&s->history);
    free(s->hostname);
    free(s->user);
    free(s);
}

bool sh_exited(const struct sh *s, int *status)
{
    if (s->exited && status)
        *status = s->exit_status;
    return s->exited;
}

uint64_t sh_memory_bytes(const struct sh *s)
{
    uint64_t bytes = SHELL_BYTES + s->input.n;
    list_for(it, &s->procs) {
        const struct proc *p = container_of(it, struct proc, node);
        const struct run *r = p->exited || !p->top ? NULL : p->top->run;
        bytes += p->exited ? 0u : (uint64_t)PROC_BYTES + (r ? (uint64_t)PROC_BYTES : 0u);
        bytes += r && r->lines ? r->lines->n : 0u;
    }
    return bytes;
}

void sh_processes(const struct sh *s, void (*each)(void *each_ctx, const struct sh_process_info *p), void *each_ctx)
{
    list_for(it, &s->procs) {
        const struct proc *p = container_of(it, struct proc, node);
        if (p->exited)
            continue;
        struct run *r = p->top ? p->top->run : NULL;
        each(each_ctx, &(struct sh_process_info){ p->pid, s->user, p->name });
        char command[256] = "";
        for (int i = 0; r && r->external && i < r->argc; i++)
            snprintf(command + strlen(command), sizeof command - strlen(command), "%s%s", i ? " " : "", r->argv[i]);
        if (r && r->external)
            each(each_ctx, &(struct sh_process_info){ r->pid, s->user, command });
    }
}
