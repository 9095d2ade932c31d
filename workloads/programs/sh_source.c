/* workloads/programs/sh_source.c - where commands come from: a terminal with its prompt, a pipe, a script, the text of
 * eval or a trap (busybox ash.c, cmdloop).
 *
 * One complete command is parsed and run at a time, so that a syntax error in line 5 lets lines 1 to 4 run. A command
 * that does not end with its line asks for another one (prompt PS2) and is parsed again from its beginning.
 */
#include "workloads/programs/sh_priv.h"

#include <stdio.h>
#include <stdlib.h>

static void prompt(struct proc *p, struct source *src)
{
    const char *ps = sh_var_get(p, src->continued ? "PS2" : "PS1"), *home = sh_var_get(p, "HOME");
    struct strbuf b;
    strbuf_init(&b, 4096);
    ps = ps ? ps : src->continued ? "> " : "\\w \\$ ";
    for (; *ps; ps++) {
        char c = *ps;
        if (c != '\\' || !ps[1]) {
            strbuf_addch(&b, c);
            continue;
        }
        c = *++ps;
        size_t n = home ? strlen(home) : 0;
        bool in_home = n > 1 && strncmp(p->cwd, home, n) == 0 && (p->cwd[n] == '/' || !p->cwd[n]);
        if (c == 'w' || c == 'W')
            strbuf_addf(&b, "%s%s", in_home ? "~" : "", p->cwd + (in_home ? n : 0));
        else if (c == 'h' || c == 'H')
            strbuf_addc(&b, p->sh->hostname);
        else if (c == 'u')
            strbuf_addc(&b, p->sh->user);
        else if (c == '$')
            strbuf_addch(&b, p->sh->uid == 0 ? '#' : '$');
        else if (c == 'n')
            strbuf_addch(&b, '\n');
        else if (c != '[' && c != ']')
            strbuf_addch(&b, c);
    }
    sh_proc_write(p, 2, strbuf_str(&b));
    strbuf_deinit(&b);
}

static void report_jobs(struct proc *p)
{
    list_for(it, &p->sh->procs) {
        struct proc *kid = container_of(it, struct proc, node);
        if (kid->parent != p || !kid->background || !kid->exited || kid->reaped)
            continue;
        char what[32] = "Done";
        if (kid->status > 128)
            snprintf(what, sizeof what, "%s",
                     kid->status == 128 + SH_SIGTERM   ? "Terminated"
                     : kid->status == 128 + SH_SIGKILL ? "Killed"
                                                       : "Hangup");
        else if (kid->status)
            snprintf(what, sizeof what, "Done(%d)", kid->status);
        sh_proc_printf(p, 2, "[%d]+  %-26s %s\n", kid->job_number, what, kid->job.n ? kid->job.v[0] : "");
        kid->reaped = true;
    }
    bool any = false;
    list_for(it, &p->sh->procs)
        any |= container_of(it, struct proc, node)->background && !container_of(it, struct proc, node)->exited;
    if (!any)
        p->sh->jobs = 0;
}

/* One more line of stdin into the source. False: waiting. */
static bool source_fill(struct proc *p, struct frame *f)
{
    struct source *src = f->source;
    struct strbuf line;
    if (src->interactive && f->state == 0) {
        report_jobs(p);
        prompt(p, src);
        f->state = 1;
    }
    p->sh->at_prompt = src->interactive;
    strbuf_init(&line, LIMIT_SHELL_LINE_BYTES + 2);
    enum read_result r = sh_file_read_line(p, p->fds[0], &line);
    if (r == READ_DATA) {
        memmove(src->text, src->text + src->pos, src->n - src->pos);
        src->n -= src->pos;
        src->pos = 0;
        src->text = xrealloc(src->text, src->n + line.n + 1);
        memcpy(src->text + src->n, line.p, line.n);
        src->n += line.n;
        src->text[src->n] = '\0';
    }
    src->eof |= r == READ_EOF;
    if (r != READ_WAIT) {
        f->state = 0;
        p->sh->at_prompt = false;
    }
    strbuf_deinit(&line);
    return r != READ_WAIT;
}

void sh_step_source(struct proc *p, struct frame *f)
{
    struct source *src = f->source;
    struct unit *u;
    size_t used;
    char error[200];
    if (f->state == 1 && !source_fill(p, f))
        return;
    enum sh_parse r = sh_parse(str_sub((struct str){ src->text, src->n }, src->pos, src->n), &u, &used, error);
    bool more = src->from_stdin && !src->eof;
    if (r == SH_PARSE_INCOMPLETE && more) {
        src->continued = true;
        source_fill(p, f);
        return;
    }
    src->continued = false;
    src->pos += used;
    switch (r) {
    case SH_PARSE_OK: {
        sh_frame_push(p, FRAME_NODE, u, u->root, f->tested);
        sh_unit_unref(u);
        return;
    }
    case SH_PARSE_EMPTY:
        if (more) {
            source_fill(p, f);
            return;
        }
        if (src->interactive)
            sh_proc_printf(p, 2, "\n");
        sh_frame_pop(p, p->status);
        return;
    default:
        sh_proc_printf(p, 2, "%s: %s\n", src->from_stdin || !f->up ? "sh" : p->name, error);
        p->status = 2;
        if (!src->interactive) {
            sh_frame_pop(p, 2);
            p->jump = p->interactive ? JUMP_INTERRUPT : JUMP_EXIT;
        }
    }
}
