/* workloads/programs/applets.c - busybox: finding an applet by name, its options and its inputs, and what running one costs.
 *
 * Applets are functions that are called until they say that they are done; between calls their state is in the run.
 * Builtin ones are part of the shell; the others cost a fork and an exec. Prices are ns of the simulated node's CPU: a
 * fork of a small static process (page tables, exit and wait included) about 150 us, execve and busybox's start about
 * 200 us, on the lab's node; wget then spends about 270 us in resolver, sockets and copying. So a wget loop against a
 * server that takes 80 ms costs the driver 0.62 ms each 81 ms: the 7 to 10 millicores that the lab shows.
 */
#include "workloads/programs/applets.h"

#include <stdio.h>
#include <stdlib.h>

const uint64_t SH_NS_BUILTIN = 2000, SH_NS_FORK = 150 * 1000, SH_NS_EXEC = 200 * 1000, SH_NS_EXPANSION = 400, SH_NS_PER_KIB = 800;

/* The tables as one map, made at the first question and kept: each command of each shell asks. */
static struct map *applets_by_name(void)
{
    static struct map *all;
    const struct applet *const tables[] = { sh_builtins, sh_text_applets, sh_file_applets, sh_net_applets, sh_tar_applets };
    if (all)
        return all;
    all = map_new();
    for (size_t t = 0; t < ARRAY_LEN(tables); t++)
        for (const struct applet *a = tables[t]; a->name; a++)
            if (!map_getc(all, a->name))
                map_putc(all, a->name, (void *)(uintptr_t)a);
    return all;
}

const struct applet *sh_applet_find(struct str name)
{
    return map_get(applets_by_name(), name);
}

void sh_run_free(struct run *r)
{
    sh_file_unref(r->in);
    if (r->lines)
        strbuf_deinit(r->lines);
    arena_free(r->arena);
    free(r);
}

enum verdict applet_fail(struct run *r, const char *fmt, ...)
{
    char text[1200];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    ERR(r, "%s: %s\n", r->applet->name, text);
    return run_done(r, 1);
}

static int letter_index(const char *spec, char c)
{
    int i = 0;
    for (; *spec; spec++) {
        if (*spec == ':')
            continue;
        if (*spec == c)
            return i;
        i++;
    }
    return -1;
}

int applet_options(struct run *r, const char *spec, uint32_t *flags, const char *values[32])
{
    int i = 1;
    *flags = 0;
    for (; i < r->argc && r->argv[i][0] == '-' && r->argv[i][1]; i++) {
        const char *s = r->argv[i] + 1;
        if (strcmp(s, "-") == 0)
            return i + 1;
        int number = letter_index(spec, '#');
        if (number >= 0 && s[0] >= '0' && s[0] <= '9') {
            *flags |= 1u << number;
            values[number] = s;
            continue;
        }
        for (; *s; s++) {
            int k = letter_index(spec, *s);
            const char *in_spec = k >= 0 ? strchr(spec, *s) : NULL;
            if (k < 0) {
                if (s[0] == '-' && s == r->argv[i] + 1)
                    ERR(r, "%s: unrecognized option '%s'\n", r->applet->name, r->argv[i]);
                else
                    ERR(r, "%s: invalid option -- '%c'\n", r->applet->name, *s);
                if (r->applet->usage)
                    ERR(r, "\nUsage: %s %s\n", r->applet->name, r->applet->usage);
                r->status = 1;
                return -1;
            }
            *flags |= 1u << k;
            if (in_spec[1] != ':')
                continue;
            if (s[1]) {
                values[k] = s + 1;
            } else if (i + 1 < r->argc) {
                values[k] = r->argv[++i];
            } else {
                ERR(r, "%s: option requires an argument -- '%c'\n", r->applet->name, *s);
                r->status = 1;
                return -1;
            }
            break;
        }
    }
    return i;
}

void applet_inputs(struct run *r, int first)
{
    r->inputs = r->argv + first;
    r->input_count = (size_t)(r->argc - first);
    r->input_at = 0;
}

static bool open_next(struct run *r)
{
    if (r->input_count == 0 && r->input_at == 0) {
        r->input_at = 1;
        r->in = sh_file_ref(r->p->fds[0]);
        r->in_name = "-";
        return true;
    }
    while (r->input_at < r->input_count) {
        const char *name = r->inputs[r->input_at++];
        r->in_name = name;
        if (strcmp(name, "-") == 0) {
            r->in = sh_file_ref(r->p->fds[0]);
            return true;
        }
        int e = sh_file_open(r->p, name, "<", &r->in);
        if (e == 0)
            return true;
        ERR(r, "%s: %s'%s': %s\n", r->applet->name, strcmp(r->applet->name, "grep") == 0 ? "" : "can't open ", name,
            sh_strerror(e));
        r->in = NULL;
        r->status = 1;
    }
    return false;
}

static enum read_result run_read(struct run *r, bool line, struct strbuf *out)
{
    for (;;) {
        if (!r->in && !open_next(r))
            return READ_EOF;
        enum read_result result = line ? sh_file_read_line(r->p, r->in, out) : sh_file_read_some(r->p, r->in, out);
        if (result != READ_EOF) {
            r->p->debt_ns += out->n * SH_NS_PER_KIB / 1024 + (line ? 300 : 0);
            return result;
        }
        sh_file_unref(r->in);
        r->in = NULL;
    }
}

enum read_result applet_line(struct run *r, struct strbuf *line)
{
    return run_read(r, true, line);
}

enum read_result applet_some(struct run *r, struct strbuf *bytes)
{
    return run_read(r, false, bytes);
}

void *applet_state(struct run *r, size_t n)
{
    if (!r->state)
        r->state = arena_zalloc(r->arena, n);
    return r->state;
}

struct strbuf *applet_buffer(struct run *r)
{
    if (!r->lines) {
        r->lines = ARENA_NEW(r->arena, struct strbuf);
        strbuf_init(r->lines, LIMIT_RESPONSE_BYTES);
    }
    return r->lines;
}

static struct run *run_of_token(struct sh *s, sh_token t, struct proc **owner)
{
    list_for(it, &s->procs) {
        struct proc *p = container_of(it, struct proc, node);
        if (t && p->token == t && !p->token_done && p->top && p->top->run) {
            *owner = p;
            return p->top->run;
        }
    }
    return NULL;
}

void sh_wget_event(struct sh *s, sh_token t, const struct sh_wget_event *ev)
{
    struct proc *p;
    struct run *r = run_of_token(s, t, &p);
    if (!r)
        return;                                    /* cancelled */
    applet_wget_event(r, ev);
    p->wait_write = NULL;                          /* what arrives is buffered: nobody can be told to wait */
    if (ev->stage == SH_WGET_END || ev->stage == SH_WGET_FAILED)
        p->token_done = true;
    sh_complete(s, 0);
}

void sh_lookup_done(struct sh *s, sh_token t, const struct sh_lookup *answer)
{
    struct proc *p;
    struct run *r = run_of_token(s, t, &p);
    if (!r)
        return;
    applet_lookup_done(r, answer);
    p->token_done = true;
    sh_complete(s, 0);
}
