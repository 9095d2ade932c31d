/* workloads/programs/sh_exec.c - runs the tree, one step at a time (upstream: busybox shell/ash.c, evaltree and friends).
 *
 * Every construct is a frame with a state number. A step of the top frame does a little and then pushes a frame for a
 * part of it, pops itself with a status, or leaves the process waiting (for CPU, an operation, input, a child). break,
 * continue, return, exit and control C are jumps: frames are popped until one takes it. Simplified: no job control (fg,
 * bg, control Z); `set -o` options beyond e, f, u, x do not exist.
 */
#include "workloads/programs/sh_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static void step_command(struct proc *p, struct frame *f);

/* ---- frames ---- */
struct frame *sh_frame_push(struct proc *p, enum frame_kind kind, struct unit *u, struct shnode *n, bool tested)
{
    struct frame *f = NEW(struct frame);
    f->kind = kind;
    f->unit = u;
    if (u)
        u->refs++;
    f->node = n;
    f->tested = tested;
    f->restore_status = -1;
    f->up = p->top;
    p->top = f;
    return f;
}

static void push_node(struct proc *p, struct frame *f, struct shnode *n, bool tested)
{
    sh_frame_push(p, FRAME_NODE, f->unit, n, tested);
}

void sh_frame_push_source(struct proc *p, const char *text, size_t n, bool from_stdin, bool interactive)
{
    struct frame *f = sh_frame_push(p, FRAME_SOURCE, NULL, NULL, p->top && p->top->tested);
    f->source = NEW(struct source);
    *f->source = (struct source){ .text = xmalloc(n + 1), .n = n, .from_stdin = from_stdin, .interactive = interactive };
    if (n)
        memcpy(f->source->text, text, n);
    f->source->text[n] = '\0';
}

static void kids_release(struct frame *f)
{
    for (size_t i = 0; i < f->kid_count; i++)
        f->kids[i]->reaped = true;
    free(f->kids);
    f->kids = NULL;
    f->kid_count = 0;
}

static void kid_add(struct frame *f, struct proc *kid)
{
    f->kids = xrealloc(f->kids, (f->kid_count + 1) * sizeof *f->kids);
    f->kids[f->kid_count++] = kid;
}

static void restore_fds(struct proc *p, struct frame *f)
{
    for (int fd = 0; fd < FDS; fd++) {
        if (f->saved_mask >> fd & 1) {
            sh_proc_set_fd(p, fd, f->saved[fd]);
            f->saved[fd] = NULL;
        }
    }
    f->saved_mask = 0;
}

static void restore_vars(struct proc *p, struct frame *f)
{
    /* triples: name, "x" exported or "-", value; a value of "\1" stands for unset */
    for (size_t i = f->saved_vars.n; i >= 3; i -= 3) {
        char **v = f->saved_vars.v + i - 3;
        if (v[2][0] == '\1') {
            sh_var_unset(p, v[0]);
            continue;
        }
        sh_var_set(p, v[0], v[2]);
        struct var *var = map_getc(p->vars, v[0]);
        var->exported = v[1][0] == 'x';
    }
    sh_fields_deinit(&f->saved_vars);
}

static void frame_free(struct proc *p, struct frame *f)
{
    if (f->node && (f->node->kind == SH_LOOP || f->node->kind == SH_FOR) && f->state > 0)
        p->loops--;
    if (f->kind == FRAME_FUNCTION) {
        sh_fields_deinit(&p->params);
        p->params = f->saved_params;
    }
    restore_fds(p, f);
    restore_vars(p, f);
    if (f->run)
        sh_run_free(f->run);
    kids_release(f);
    sh_file_unref(f->subst);
    sh_fields_deinit(&f->memo.results);
    sh_fields_deinit(&f->argv);
    sh_fields_deinit(&f->values);
    sh_unit_unref(f->unit);
    if (f->source)
        free(f->source->text);
    free(f->source);
    free(f);
}

static void pop(struct proc *p)
{
    struct frame *f = p->top;
    p->top = f->up;
    frame_free(p, f);
}

void sh_frame_pop(struct proc *p, int status)
{
    struct frame *f = p->top;
    bool leaf = f->node && (f->node->kind == SH_COMMAND || f->node->kind == SH_PIPE || f->node->kind == SH_SUBSHELL);
    p->status = f->restore_status >= 0 ? f->restore_status : status;
    if (leaf && status != 0 && p->errexit && !f->tested && p->jump == JUMP_NONE)
        p->jump = JUMP_EXIT;
    pop(p);
}

void sh_proc_unwind(struct proc *p)
{
    while (p->top)
        pop(p);
}

void sh_proc_run_trap(struct proc *p, int signo)
{
    int status = p->status;
    char *text = xstrdup(p->trap[signo]);
    sh_frame_push_source(p, text, strlen(text), false, false);
    p->top->restore_status = status;
    free(text);
}

/* ---- children ---- */
static struct proc *spawn(struct proc *p, struct unit *u, struct shnode *n, bool tested)
{
    size_t count = 0;
    list_for(it, &p->sh->procs)
        count++;
    if (count >= PROC_MAX) {
        sh_proc_printf(p, 2, "sh: can't fork: Resource temporarily unavailable\n");
        p->status = 2;
        return NULL;
    }
    struct proc *kid = sh_proc_fork(p);
    if (n)
        sh_frame_push(kid, FRAME_NODE, u, n, tested);
    return kid;
}

static bool all_exited(struct proc *p, struct frame *f)
{
    for (size_t i = 0; i < f->kid_count; i++) {
        if (!f->kids[i]->exited) {
            p->wait_child = true;
            return false;
        }
    }
    return true;
}

static void start_background(struct proc *p, struct frame *f, struct shnode *n)
{
    struct proc *kid = spawn(p, f->unit, n, false);
    if (!kid)
        return;
    kid->background = true;
    p->debt_ns += kid->debt_ns;                    /* who does not wait for it pays for the fork: it is not for nothing */
    kid->debt_ns = 0;
    if (!p->interactive || !p->background)
        sh_proc_set_fd(kid, 0, sh_file_new(FILE_NULL));
    kid->job_number = ++p->sh->jobs;
    sh_fields_add(&kid->job, n->text.p, n->text.n);
    p->last_background = kid->pid;
    p->status = 0;
}

/* ---- expansion that may have to wait. 1 done, 0 waiting, -1 failed ---- */
static int subst_result(struct proc *p, struct frame *f)
{
    if (!all_exited(p, f))
        return 0;
    struct strbuf *b = &f->subst->pipe->buf;
    size_t n = b->n;
    while (n > 0 && b->p[n - 1] == '\n')
        n--;
    sh_fields_add(&f->memo.results, b->p ? b->p : "", n);
    p->status = f->kids[0]->status;
    f->had_subst = true;
    kids_release(f);
    sh_file_unref(f->subst);
    f->subst = NULL;
    return 1;
}

static int subst_start(struct proc *p, struct frame *f, char *text)
{
    struct file *in, *out;
    struct proc *kid = spawn(p, NULL, NULL, false);
    if (!kid) {
        free(text);
        return -1;
    }
    sh_pipe_make(&in, &out);
    in->pipe->unbounded = true;
    sh_proc_set_fd(kid, 1, out);
    f->subst = in;
    kid->interactive = false;
    sh_frame_push_source(kid, text, strlen(text), false, false);
    free(text);
    kid_add(f, kid);
    p->wait_child = true;
    return 0;
}

static int expand(struct proc *p, struct frame *f, const char *raw, enum expand_mode mode, struct fields *out)
{
    if (f->subst && subst_result(p, f) == 0)
        return 0;
    char *command = NULL;
    p->debt_ns += SH_NS_EXPANSION;
    switch (sh_expand(p, &f->memo, raw, mode, out, &command)) {
    case EXPAND_NEED_COMMAND: return subst_start(p, f, command);
    case EXPAND_OK:
        sh_fields_deinit(&f->memo.results);
        return 1;
    default:
        sh_fields_deinit(&f->memo.results);
        p->status = p->status ? p->status : 1;
        if (!p->interactive)
            p->jump = JUMP_EXIT;
        return -1;
    }
}

/* ---- redirections ---- */
static void fd_replace(struct proc *p, struct frame *f, int fd, struct file *with)
{
    if (!(f->saved_mask >> fd & 1)) {
        f->saved[fd] = p->fds[fd];
        f->saved_mask |= 1u << fd;
    } else {
        sh_file_unref(p->fds[fd]);
    }
    p->fds[fd] = with;
}

static bool redirect(struct proc *p, struct frame *f, const struct redirect *r, const char *target)
{
    struct file *file = NULL;
    if (r->heredoc) {
        fd_replace(p, f, r->fd, sh_file_text(target, strlen(target)));
        return true;
    }
    if (r->op[1] == '&') {
        if (strcmp(target, "-") == 0) {
            fd_replace(p, f, r->fd, NULL);
            return true;
        }
        if (target[0] < '0' || target[0] > '9' || target[1] || !p->fds[target[0] - '0']) {
            sh_proc_printf(p, 2, "sh: %s: Bad file descriptor\n", target);
            return false;
        }
        file = sh_file_ref(p->fds[target[0] - '0']);
        fd_replace(p, f, r->fd, file);
        return true;
    }
    int e = sh_file_open(p, target, r->op, &file);
    if (e) {
        bool make = r->op[0] == '>';
        sh_proc_printf(p, 2, "sh: can't %s %s: %s\n", make ? "create" : "open", target,
                       e == ENOENT ? (make ? "nonexistent directory" : "no such file") : sh_strerror(e));
        return false;
    }
    fd_replace(p, f, r->fd, file);
    return true;
}

/* All redirections of the frame's node, from f->index on. 1, 0 or -1 as expand. */
static int redirect_all(struct proc *p, struct frame *f)
{
    for (; f->index < f->node->redirect_count; f->index++) {
        const struct redirect *r = &f->node->redirects[f->index];
        struct fields target = { 0 };
        int done = 1;
        if (r->literal)
            sh_fields_add(&target, r->target, strlen(r->target));
        else
            done = expand(p, f, r->target, r->heredoc ? EXPAND_HEREDOC : EXPAND_TEXT, &target);
        if (done > 0 && !redirect(p, f, r, target.v[0]))
            done = -1;
        sh_fields_deinit(&target);
        if (done <= 0) {
            p->status = done < 0 ? 1 : p->status;
            return done;
        }
    }
    return 1;
}

/* ---- simple commands ---- */
static void save_var(struct proc *p, struct fields *saved, const char *name)
{
    struct var *v = map_getc(p->vars, name);
    sh_fields_add(saved, name, strlen(name));
    sh_fields_add(saved, v && v->exported ? "x" : "-", 1);
    const char *value = v && v->value ? v->value : "\1";
    sh_fields_add(saved, value, strlen(value));
}

void sh_local(struct proc *p, const char *name)
{
    struct frame *f = p->top;
    while (f && f->kind != FRAME_FUNCTION)
        f = f->up;
    if (f)
        save_var(p, &f->saved_vars, name);
}

static void assign_all(struct proc *p, struct frame *f, bool temporary)
{
    for (size_t i = 0; i < f->node->assign_count; i++) {
        char name[256];
        const char *raw = f->node->assigns[i];
        size_t n = strcspn(raw, "=");
        snprintf(name, sizeof name, "%.*s", (int)n, raw);
        if (temporary)
            save_var(p, &f->saved_vars, name);
        if (!sh_var_set(p, name, f->values.v[i])) {
            p->status = 2;
            if (!p->interactive)
                p->jump = JUMP_EXIT;
        } else if (temporary) {
            sh_var_export(p, name);
        }
    }
}

static void trace(struct proc *p, struct frame *f)
{
    struct strbuf b;
    const char *ps4 = sh_var_get(p, "PS4");
    strbuf_init(&b, LIMIT_SHELL_LINE_BYTES);
    strbuf_addc(&b, ps4 ? ps4 : "+ ");
    for (size_t i = 0; i < f->node->assign_count; i++)
        strbuf_addf(&b, "%.*s=%s%s", (int)strcspn(f->node->assigns[i], "="), f->node->assigns[i], f->values.v[i],
                    i + 1 < f->node->assign_count || f->argv.n ? " " : "");
    for (size_t i = 0; i < f->argv.n; i++) {
        bool quote = !*f->argv.v[i] || strpbrk(f->argv.v[i], " \t\n'\"$`\\*?[]|&;<>()");
        strbuf_addf(&b, quote ? "%s'%s'" : "%s%s", i ? " " : "", f->argv.v[i]);
    }
    strbuf_addch(&b, '\n');
    sh_proc_write(p, 2, strbuf_str(&b));
    strbuf_deinit(&b);
}

static void shift_argv(struct fields *argv, size_t by)
{
    for (size_t i = 0; i < by; i++)
        free(argv->v[i]);
    memmove(argv->v, argv->v + by, (argv->n - by) * sizeof *argv->v);
    argv->n -= by;
}

/* `sh ...` or a script: a child with a shell of its own. */
static void start_script(struct proc *p, struct frame *f, bool script)
{
    struct proc *kid = spawn(p, NULL, NULL, false);
    struct fields argv = { 0 };
    if (!kid) {
        sh_frame_pop(p, 2);
        return;
    }
    if (script)
        sh_fields_add(&argv, "sh", 2);
    for (size_t i = 0; i < f->argv.n; i++)
        sh_fields_add(&argv, f->argv.v[i], strlen(f->argv.v[i]));
    kid->debt_ns += SH_NS_EXEC;
    kid->errexit = kid->xtrace = kid->nounset = kid->interactive = false;
    map_free(kid->functions, sh_function_free);
    kid->functions = map_new();
    bool terminal = kid->fds[0] && kid->fds[0]->kind == FILE_TTY;
    sh_load(kid, argv.v, argv.n, terminal);
    sh_fields_deinit(&argv);
    kid_add(f, kid);
    f->state = 6;
    p->wait_child = true;
}

static void start_applet(struct proc *p, struct frame *f, const struct applet *a)
{
    struct run *r = NEW(struct run);
    r->p = p;
    r->frame = f;
    r->argc = (int)f->argv.n;
    r->argv = f->argv.v;
    r->applet = a;
    r->external = !a->builtin;
    r->arena = arena_new();
    f->run = r;
    f->state = 4;
    if (a->builtin) {
        p->debt_ns += SH_NS_BUILTIN;
        return;
    }
    r->pid = p->sh->next_pid++;
    sh_proc_pay(p, (f->replaces ? 0 : SH_NS_FORK) + SH_NS_EXEC + a->cpu_us * 1000ull);
}

static void call_function(struct proc *p, struct frame *f, struct function *fn)
{
    struct frame *call = sh_frame_push(p, FRAME_FUNCTION, fn->unit, fn->body, f->tested);
    call->saved_params = p->params;
    p->params = (struct fields){ 0 };
    for (size_t i = 1; i < f->argv.n; i++)
        sh_fields_add(&p->params, f->argv.v[i], strlen(f->argv.v[i]));
    p->debt_ns += SH_NS_BUILTIN;
    f->state = 5;
    unsigned depth = 0;
    for (struct frame *up = call; up; up = up->up)
        depth++;
    if (depth > 3000) {                            /* ash itself would run out of stack */
        sh_proc_printf(p, 2, "Segmentation fault\n");
        p->status = 139;
        p->jump = p->interactive ? JUMP_INTERRUPT : JUMP_EXIT;
    }
}

static void command_not_found(struct proc *p, const char *name)
{
    char path[1024];
    struct sh_stat st;
    if (strchr(name, '/') && p->sh->ops->vfs.stat(p->sh->ctx, sh_path(p, name, path), &st) == 0) {
        sh_proc_printf(p, 2, "sh: %s: Permission denied\n", name);
        sh_frame_pop(p, 126);
        return;
    }
    sh_proc_printf(p, 2, "sh: %s: not found\n", name);
    sh_frame_pop(p, 127);
}

/* The words are expanded and the redirections made: what is it that is to be run? */
static void dispatch(struct proc *p, struct frame *f)
{
    bool functions = true;
    if (p->xtrace)
        trace(p, f);
    if (f->argv.n == 0) {
        int status = f->had_subst ? p->status : 0;
        p->status = 0;
        assign_all(p, f, false);
        sh_frame_pop(p, p->status ? p->status : status);
        return;
    }
    while (f->argv.n > 1 && (strcmp(f->argv.v[0], "exec") == 0 || strcmp(f->argv.v[0], "busybox") == 0 ||
                             strcmp(f->argv.v[0], "/bin/busybox") == 0 || strcmp(f->argv.v[0], "time") == 0 ||
                             (strcmp(f->argv.v[0], "command") == 0 && f->argv.v[1][0] != '-'))) {
        f->replaces |= strcmp(f->argv.v[0], "exec") == 0;
        if (strcmp(f->argv.v[0], "time") == 0)
            f->started_ns = p->sh->ops->now_ns(p->sh->ctx);
        shift_argv(&f->argv, 1);
        functions = false;
    }
    const char *name = f->argv.v[0];
    if (strcmp(name, "exec") == 0) {               /* only redirections: they stay */
        for (int fd = 0; fd < FDS; fd++)
            sh_file_unref(f->saved[fd]), f->saved[fd] = NULL;
        f->saved_mask = 0;
        assign_all(p, f, false);
        sh_frame_pop(p, 0);
        return;
    }
    assign_all(p, f, true);
    struct function *fn = functions ? map_getc(p->functions, name) : NULL;
    if (fn) {
        call_function(p, f, fn);
        return;
    }
    if (strcmp(path_base(name), "sh") == 0 || strcmp(path_base(name), "ash") == 0) {
        start_script(p, f, false);
        return;
    }
    bool given_path = strchr(name, '/') != NULL;
    const struct applet *a = !given_path || sh_knows(name) ? sh_applet_find(str_c(path_base(name))) : NULL;
    char path[1024];
    struct sh_stat st;
    if (a)
        start_applet(p, f, a);
    else if (given_path && p->sh->ops->vfs.stat(p->sh->ctx, sh_path(p, name, path), &st) == 0 && st.kind == SH_FILE_REGULAR &&
             (st.mode & 0111))
        start_script(p, f, true);
    else
        command_not_found(p, name);
}

static void command_done(struct proc *p, struct frame *f, int status)
{
    if (f->started_ns) {                           /* `time`: what a child used is not told apart from waiting */
        int64_t ms = (p->sh->ops->now_ns(p->sh->ctx) - f->started_ns) / (int64_t)NS_PER_MS;
        sh_proc_printf(p, 2, "real\t%" PRId64 "m %" PRId64 ".%02" PRId64 "s\nuser\t0m 0.00s\nsys\t0m 0.00s\n", ms / 60000,
                       ms / 1000 % 60, ms % 1000 / 10);
    }
    if (f->replaces && p->jump == JUMP_NONE) {
        p->status = status;
        p->jump = JUMP_EXIT;
    }
    sh_frame_pop(p, status);
}

static void step_command(struct proc *p, struct frame *f)
{
    int done = 1;
    switch (f->state) {
    case 0:
        for (; done > 0 && f->index < f->node->word_count; f->index += done > 0)
            done = expand(p, f, f->node->words[f->index], EXPAND_FIELDS, &f->argv);
        break;
    case 1:
        for (; done > 0 && f->index < f->node->assign_count; f->index += done > 0)
            done = expand(p, f, strchr(f->node->assigns[f->index], '=') + 1, EXPAND_TEXT, &f->values);
        break;
    case 2: done = redirect_all(p, f); break;
    case 3: dispatch(p, f); return;
    case 4: {
        enum verdict v = f->run->applet->step(f->run);
        if (p->top != f || v != RUN_DONE)          /* it pushed a frame (eval), or it goes on */
            return;
        int status = f->run->status;
        command_done(p, f, status);
        return;
    }
    case 5: command_done(p, f, p->status); return;
    default:
        if (all_exited(p, f))
            command_done(p, f, f->kids[0]->status);
        return;
    }
    if (done < 0) {
        sh_frame_pop(p, p->status ? p->status : 1);
    } else if (done > 0) {
        f->state++;
        f->index = 0;
    }
}

/* ---- compound commands ---- */
static void step_list(struct proc *p, struct frame *f)
{
    if (f->index == f->node->n) {
        sh_frame_pop(p, p->status);
        return;
    }
    struct shnode *n = f->node->list[f->index++];
    if (n->background)
        start_background(p, f, n);
    else
        push_node(p, f, n, f->tested);
}

static void step_and_or(struct proc *p, struct frame *f)
{
    bool want = f->node->kind == SH_AND;
    int state = f->state++;
    if (state == 0)
        push_node(p, f, f->node->a, true);
    else if (state == 1 && (p->status == 0) == want)
        push_node(p, f, f->node->b, f->tested);
    else
        sh_frame_pop(p, p->status);
}

static void pipe_start(struct proc *p, struct frame *f)
{
    struct file *from = NULL;
    size_t n = f->node->n;
    for (size_t i = 0; i < n; i++) {
        struct file *in = NULL, *out = NULL;
        struct proc *kid = spawn(p, f->unit, f->node->list[i], f->tested);
        if (i + 1 < n)
            sh_pipe_make(&in, &out);
        if (!kid) {
            sh_file_unref(out);
            sh_file_unref(from);
            from = in;
            continue;
        }
        kid->interactive = false;
        if (from)
            sh_proc_set_fd(kid, 0, from);
        if (out)
            sh_proc_set_fd(kid, 1, out);
        from = in;
        kid_add(f, kid);
    }
    sh_file_unref(from);
}

static void step_pipe(struct proc *p, struct frame *f)
{
    bool negate = f->node->negate;
    int status;
    if (f->node->n == 1) {
        if (f->state++ == 0) {
            push_node(p, f, f->node->list[0], true);
            return;
        }
        status = p->status;
    } else {
        if (f->state++ == 0)
            pipe_start(p, f);
        if (!all_exited(p, f))
            return;
        status = f->kid_count ? f->kids[f->kid_count - 1]->status : 2;
    }
    f->tested |= negate;
    sh_frame_pop(p, negate ? !status : status);
}

static void step_subshell(struct proc *p, struct frame *f)
{
    if (f->state++ == 0) {
        struct proc *kid = spawn(p, f->unit, f->node->a, f->tested);
        if (!kid) {
            sh_frame_pop(p, 2);
            return;
        }
        kid->interactive = false;
        kid_add(f, kid);
    }
    if (all_exited(p, f))
        sh_frame_pop(p, f->kids[0]->status);
}

static void step_if(struct proc *p, struct frame *f)
{
    switch (f->state++) {
    case 0: push_node(p, f, f->node->a, true); break;
    case 1:
        if (p->status == 0)
            push_node(p, f, f->node->b, f->tested);
        else if (f->node->c)
            push_node(p, f, f->node->c, f->tested);
        else
            sh_frame_pop(p, 0);
        break;
    default: sh_frame_pop(p, p->status);
    }
}

/* In a loop's frame: takes a break or continue that is meant for it. true: the frame is gone. */
static bool loop_jump(struct proc *p, struct frame *f, int again)
{
    if (p->jump == JUMP_NONE)
        return false;
    if (--p->jump_levels > 0) {
        pop(p);
        return true;
    }
    bool leave = p->jump == JUMP_BREAK;
    p->jump = JUMP_NONE;
    p->status = 0;
    f->state = again;
    if (leave)
        sh_frame_pop(p, 0);
    return leave;
}

static void step_loop(struct proc *p, struct frame *f)
{
    /* 0: enter; 1: condition; 2: decide; after the body 1 again. index: the body's status */
    if (loop_jump(p, f, 1))
        return;
    if (f->state == 0) {
        p->loops++;
        f->state = 1;
    } else if (f->state == 3) {
        f->index = (size_t)p->status;
        f->state = 1;
    }
    if (f->state == 1) {
        f->state = 2;
        p->debt_ns += SH_NS_BUILTIN / 4;
        push_node(p, f, f->node->a, true);
    } else if ((p->status == 0) != f->node->until) {
        f->state = 3;
        push_node(p, f, f->node->b, f->tested);
    } else {
        sh_frame_pop(p, (int)f->index);
    }
}

static void step_for(struct proc *p, struct frame *f)              /* 0: expand the words; 1: next */
{
    if (f->state > 0 && loop_jump(p, f, 1))
        return;
    if (f->state == 0) {
        int done = 1;
        for (; done > 0 && f->index < f->node->word_count; f->index += done > 0)
            done = expand(p, f, f->node->words[f->index], EXPAND_FIELDS, &f->argv);
        if (done <= 0) {
            if (done < 0)
                sh_frame_pop(p, p->status);
            return;
        }
        for (size_t i = 0; !f->node->has_in && i < p->params.n; i++)
            sh_fields_add(&f->argv, p->params.v[i], strlen(p->params.v[i]));
        p->loops++;
        p->status = 0;
        f->index = 0;
        f->state = 1;
    }
    if (f->index == f->argv.n) {
        sh_frame_pop(p, p->status);
        return;
    }
    p->debt_ns += SH_NS_BUILTIN / 4;
    if (!sh_var_set(p, f->node->name, f->argv.v[f->index++])) {
        sh_frame_pop(p, 2);
        return;
    }
    push_node(p, f, f->node->a, f->tested);
}

static void step_case(struct proc *p, struct frame *f)
{
    /* 0: the word; 1: patterns, one by one; 2: the chosen list has run */
    struct fields one = { 0 };
    int done;
    if (f->state == 0) {
        done = expand(p, f, f->node->name, EXPAND_TEXT, &f->values);
        if (done < 0)
            sh_frame_pop(p, p->status);
        else
            f->state = done;
        return;
    }
    if (f->state == 2) {
        sh_frame_pop(p, p->status);
        return;
    }
    size_t k = f->index;
    for (size_t i = 0; i < f->node->n; i++) {
        struct shnode *item = f->node->list[i];
        if (k >= item->word_count) {
            k -= item->word_count;
            continue;
        }
        done = expand(p, f, item->words[k], EXPAND_PATTERN, &one);
        bool match = done > 0 && sh_match(one.v[0], f->values.v[0]);
        sh_fields_deinit(&one);
        if (done < 0)
            sh_frame_pop(p, p->status);
        if (done <= 0)
            return;
        f->index++;
        if (!match)
            return;                                /* the next one at the next step */
        f->state = 2;
        p->status = 0;
        if (item->a)
            push_node(p, f, item->a, f->tested);
        return;
    }
    sh_frame_pop(p, 0);
}

static void step_node(struct proc *p, struct frame *f)
{
    if (f->node->kind == SH_COMMAND) {
        step_command(p, f);
        return;
    }
    if (f->node->redirect_count && !f->replaces) {
        /* of a compound command: made once, before anything else; replaces says that they are */
        int done = redirect_all(p, f);
        if (done < 0)
            sh_frame_pop(p, 1);
        if (done <= 0)
            return;
        f->replaces = true;
        f->index = 0;
    }
    switch (f->node->kind) {
    case SH_LIST: step_list(p, f); break;
    case SH_AND: case SH_OR: step_and_or(p, f); break;
    case SH_PIPE: step_pipe(p, f); break;
    case SH_SUBSHELL: step_subshell(p, f); break;
    case SH_IF: step_if(p, f); break;
    case SH_LOOP: step_loop(p, f); break;
    case SH_FOR: step_for(p, f); break;
    case SH_CASE: step_case(p, f); break;
    case SH_GROUP:
        if (f->state++ == 0)
            push_node(p, f, f->node->a, f->tested);
        else
            sh_frame_pop(p, p->status);
        break;
    case SH_FUNCTION: {
        struct function *fn = NEW(struct function);
        *fn = (struct function){ f->unit, f->node->a };
        fn->unit->refs++;
        fn = map_putc(p->functions, f->node->name, fn);
        if (fn)
            sh_function_free(fn);
        sh_frame_pop(p, 0);
        break;
    }
    default: ASSERT(!"a kind of node");
    }
}

/* ---- jumps ---- */
static void follow_jump(struct proc *p, struct frame *f)
{
    bool loop = f->kind == FRAME_NODE && (f->node->kind == SH_LOOP || f->node->kind == SH_FOR) && f->state > 0;
    switch (p->jump) {
    case JUMP_BREAK: case JUMP_CONTINUE:
        if (loop)
            step_node(p, f);
        else if (f->kind == FRAME_SOURCE && f->source->from_stdin)
            p->jump = JUMP_NONE;
        else
            pop(p);
        break;
    case JUMP_RETURN:
        if (f->kind == FRAME_FUNCTION || f->kind == FRAME_SOURCE)
            p->jump = JUMP_NONE;
        if (f->kind != FRAME_SOURCE || !f->source->interactive)
            pop(p);
        break;
    case JUMP_INTERRUPT:
        if (f->kind == FRAME_SOURCE && f->source->interactive) {
            p->jump = JUMP_NONE;
            p->status = 130;
            f->source->n = f->source->pos = 0;
            f->source->text[0] = '\0';
            f->source->continued = false;
            f->state = 0;
        } else {
            pop(p);
        }
        break;
    default: pop(p);
    }
}

void sh_step(struct proc *p)
{
    struct frame *f = p->top;
    if (!f) {
        if (p->trap[0] && *p->trap[0] && !p->in_trap) {
            p->in_trap = true;
            p->jump = JUMP_NONE;
            sh_proc_run_trap(p, 0);
            return;
        }
        sh_proc_exit(p, p->status);
        return;
    }
    if (p->jump != JUMP_NONE)
        follow_jump(p, f);
    else if (f->kind == FRAME_SOURCE)
        sh_step_source(p, f);
    else if (f->kind == FRAME_NODE)
        step_node(p, f);
    else if (f->state++ == 0)
        push_node(p, f, f->node, f->tested);
    else
        sh_frame_pop(p, p->status);
}
