/* workloads/programs/sh_builtins.c - the commands that are part of ash, and those of busybox that ash runs without a
 * fork (echo, printf, test ...).
 *
 * Upstream: busybox shell/ash.c, coreutils/{echo,printf,test}.c. Those with a price of their own also exist as programs
 * (`kubectl exec pod -- echo`).
 */
#include "workloads/programs/applets.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static enum verdict do_true(struct run *r)
{
    return run_done(r, 0);
}

static enum verdict do_false(struct run *r)
{
    return run_done(r, 1);
}

/* Escapes of echo -e and printf. Returns false at \c. echo's octal numbers begin with \0. */
static bool escaped(const char **at, struct strbuf *out, bool echo)
{
    static const char FROM[] = "abefnrtv\\", TO[] = "\a\b\033\f\n\r\t\v\\";
    const char *s = *at + 1;
    const char *hit = *s ? strchr(FROM, *s) : NULL;
    int v = 0, n = 0;
    if (*s == 'c') {
        return false;
    } else if (hit) {
        strbuf_addch(out, TO[hit - FROM]);
        s++;
    } else if (*s >= '0' && *s <= '7' && (!echo || *s == '0')) {
        for (s += echo; n < 3 && *s >= '0' && *s <= '7'; n++)
            v = v * 8 + (*s++ - '0');
        strbuf_addch(out, (char)v);
    } else if (*s == 'x' && strchr("0123456789abcdefABCDEF", s[1]) && s[1]) {
        for (s++; n < 2 && *s && strchr("0123456789abcdefABCDEF", *s); n++, s++)
            v = v * 16 + (*s <= '9' ? *s - '0' : (*s | 32) - 'a' + 10);
        strbuf_addch(out, (char)v);
    } else {
        strbuf_addch(out, '\\');
    }
    *at = s;
    return true;
}

static enum verdict do_echo(struct run *r)
{
    bool newline = true, escapes = false;
    int i = 1;
    struct strbuf *b = applet_buffer(r);
    for (; i < r->argc && r->argv[i][0] == '-' && r->argv[i][1] && strspn(r->argv[i] + 1, "neE") == strlen(r->argv[i] + 1); i++) {
        for (const char *c = r->argv[i] + 1; *c; c++) {
            newline &= *c != 'n';
            escapes = *c == 'e' ? true : *c == 'E' ? false : escapes;
        }
    }
    for (int first = i; i < r->argc; i++) {
        if (i > first)
            strbuf_addch(b, ' ');
        for (const char *c = r->argv[i]; *c;) {
            if (escapes && *c == '\\') {
                if (!escaped(&c, b, true)) {
                    sh_proc_write(r->p, 1, strbuf_str(b));
                    return run_done(r, 0);
                }
            } else {
                strbuf_addch(b, *c++);
            }
        }
    }
    if (newline)
        strbuf_addch(b, '\n');
    sh_proc_write(r->p, 1, strbuf_str(b));
    return run_done(r, 0);
}

static void printf_one(struct run *r, struct strbuf *b, const char *spec, size_t n, char conv, const char *arg)
{
    char f[40], *end = NULL;
    size_t k = n < 24 ? n : 24;
    memcpy(f, spec, k);
    if (conv == 's' || conv == 'c') {
        f[k++] = 's';
        f[k] = '\0';
        char one[2] = { arg[0], '\0' };
        char *text = arena_printf(r->arena, "%s", conv == 'c' ? one : arg);
        char *big = xmalloc(strlen(text) + 4096);
        int64_t width = 0;
        for (const char *c = f; *c; c++)
            width = *c >= '0' && *c <= '9' ? width * 10 + (*c - '0') : *c == '.' ? 0 : width;
        if (width < 4000) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            snprintf(big, strlen(text) + 4096, f, text);
#pragma GCC diagnostic pop
            strbuf_addc(b, big);
        }
        free(big);
        return;
    }
    f[k] = '\0';
    if (strspn(f, "%-+ #0123456789.") < k || k > 12)
        return;
    bool quoted = arg[0] == '\'' || arg[0] == '"';
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    char out[5000];
    if (strchr("fFeEgG", conv)) {
        double d = strtod(arg, &end);
        f[k++] = conv;
        f[k] = '\0';
        snprintf(out, sizeof out, f, d);
    } else {
        long long v = quoted ? (unsigned char)arg[1] : strtoll(arg, &end, 0);
        memcpy(f + k, "ll", 2);
        f[k + 2] = conv;
        f[k + 3] = '\0';
        snprintf(out, sizeof out, f, v);
    }
#pragma GCC diagnostic pop
    if (!quoted && *arg && end && *end) {
        ERR(r, "printf: %s: invalid number\n", arg);
        r->status = 1;
    }
    strbuf_addc(b, out);
}

static enum verdict do_printf(struct run *r)
{
    struct strbuf *b = applet_buffer(r);
    int arg = 2;
    if (r->argc < 2) {
        ERR(r, "Usage: printf FORMAT [ARG]...\n");
        return run_done(r, 1);
    }
    r->status = 0;
    do {
        int before = arg;
        for (const char *f = r->argv[1]; *f;) {
            if (*f == '\\') {
                if (!escaped(&f, b, false))
                    goto out;
            } else if (*f != '%') {
                strbuf_addch(b, *f++);
            } else if (f[1] == '%') {
                strbuf_addch(b, '%');
                f += 2;
            } else {
                size_t n = 1 + strspn(f + 1, "-+ #0");
                n += strspn(f + n, "0123456789");
                n += f[n] == '.' ? 1 + strspn(f + n + 1, "0123456789") : 0;
                char conv = f[n];
                const char *value = arg < r->argc ? r->argv[arg++] : "";
                if (conv == 'b') {
                    for (const char *c = value; *c;)
                        if (*c != '\\')
                            strbuf_addch(b, *c++);
                        else if (!escaped(&c, b, true))
                            goto out;
                } else if (conv && strchr("sdiuxXocfFeEgG", conv)) {
                    printf_one(r, b, f, n, conv, value);
                } else {
                    ERR(r, "printf: %s: invalid format\n", f);
                    return run_done(r, 1);
                }
                f += n + 1;
            }
        }
        if (arg == before)
            break;
    } while (arg < r->argc);
out:
    sh_proc_write(r->p, 1, strbuf_str(b));
    return run_done(r, r->status);
}

/* ---- test ---- */
struct test { struct run *r; char **v; int n, at; bool error; };
static bool test_or(struct test *t);

static bool test_file(struct test *t, char op, const char *name)
{
    struct sh_stat st;
    char path[1024];
    int64_t fd;
    if (op == 't')
        return str_int(str_c(name), &fd) && fd >= 0 && fd < FDS && t->r->p->fds[fd] && t->r->p->sh->tty &&
               (t->r->p->fds[fd]->kind == FILE_TTY || t->r->p->fds[fd]->kind == FILE_OUT);
    if (t->r->p->sh->ops->vfs.stat(t->r->p->sh->ctx, sh_path(t->r->p, name, path), &st) != 0)
        return strncmp(path, "/dev/", 5) == 0 && strcmp(path, "/dev/null") == 0 && strchr("erwc", op);
    switch (op) {
    case 'f': return st.kind == SH_FILE_REGULAR;
    case 'd': return st.kind == SH_FILE_DIR;
    case 's': return st.size_bytes > 0;
    case 'x': return st.kind == SH_FILE_DIR || (st.mode & 0111);
    case 'c': case 'b': case 'p': case 'S': return op == 'c' && st.kind == SH_FILE_DEVICE;
    case 'L': case 'h': return false;
    default: return true;                          /* e r w: root may */
    }
}

static int64_t test_number(struct test *t, const char *s)
{
    int64_t v = 0;
    struct str text = str_trim(str_c(s));
    if (text.n && text.p[0] == '+')
        text = str_sub(text, 1, text.n);
    if (!str_int(text, &v) && !t->error) {
        ERR(t->r, "sh: %s: bad number\n", s);
        t->error = true;
    }
    return v;
}

static bool is_binary(const char *s)
{
    static const char *const OPS[] = { "=", "==", "!=", "<", ">", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-nt", "-ot", "-ef" };
    for (size_t i = 0; i < ARRAY_LEN(OPS); i++)
        if (strcmp(OPS[i], s) == 0)
            return true;
    return false;
}

static bool test_binary(struct test *t, const char *a, const char *op, const char *b)
{
    if (op[0] != '-') {
        int c = strcmp(a, b);
        return op[0] == '=' ? c == 0 : op[0] == '!' ? c != 0 : op[0] == '<' ? c < 0 : c > 0;
    }
    if (strcmp(op, "-nt") == 0 || strcmp(op, "-ot") == 0 || strcmp(op, "-ef") == 0) {
        char path[1024];
        struct sh_stat x = { 0 }, y = { 0 };
        struct sh *s = t->r->p->sh;
        s->ops->vfs.stat(s->ctx, sh_path(t->r->p, a, path), &x);
        s->ops->vfs.stat(s->ctx, sh_path(t->r->p, b, path), &y);
        return op[1] == 'n' ? x.mtime_ns > y.mtime_ns : op[1] == 'o' ? x.mtime_ns < y.mtime_ns : strcmp(a, b) == 0;
    }
    int64_t x = test_number(t, a), y = test_number(t, b);
    switch (op[1] << 8 | op[2]) {
    case 'e' << 8 | 'q': return x == y;
    case 'n' << 8 | 'e': return x != y;
    case 'l' << 8 | 't': return x < y;
    case 'l' << 8 | 'e': return x <= y;
    case 'g' << 8 | 't': return x > y;
    default: return x >= y;
    }
}

static bool test_primary(struct test *t)
{
    if (t->at >= t->n) {
        t->error = true;
        return false;
    }
    const char *s = t->v[t->at];
    int left = t->n - t->at;
    if (left >= 3 && is_binary(t->v[t->at + 1])) {
        t->at += 3;
        return test_binary(t, s, t->v[t->at - 2], t->v[t->at - 1]);
    }
    if (strcmp(s, "!") == 0 && left > 1) {
        t->at++;
        return !test_primary(t);
    }
    if (strcmp(s, "(") == 0 && left > 1) {
        t->at++;
        bool v = test_or(t);
        if (t->at < t->n && strcmp(t->v[t->at], ")") == 0)
            t->at++;
        else
            t->error = true;
        return v;
    }
    if (s[0] == '-' && s[1] && !s[2] && left >= 2 && strchr("nzefdsrwxtcbpSLhuv", s[1])) {
        t->at += 2;
        const char *arg = t->v[t->at - 1];
        return s[1] == 'n'   ? *arg != '\0'
               : s[1] == 'z' ? *arg == '\0'
               : s[1] == 'v' ? sh_var_get(t->r->p, arg) != NULL
                             : test_file(t, s[1], arg);
    }
    t->at++;
    return *s != '\0';
}

static bool test_and(struct test *t)
{
    bool v = test_primary(t);
    while (!t->error && t->at < t->n && strcmp(t->v[t->at], "-a") == 0) {
        t->at++;
        v &= test_primary(t);
    }
    return v;
}

static bool test_or(struct test *t)
{
    bool v = test_and(t);
    while (!t->error && t->at < t->n && strcmp(t->v[t->at], "-o") == 0) {
        t->at++;
        v |= test_and(t);
    }
    return v;
}

static enum verdict do_test(struct run *r)
{
    struct test t = { .r = r, .v = r->argv + 1, .n = r->argc - 1 };
    const char *name = r->argv[0];
    if (name[strlen(name) - 1] == '[') {
        bool twice = strlen(name) > 1 && name[strlen(name) - 2] == '[';
        if (t.n == 0 || strcmp(t.v[t.n - 1], twice ? "]]" : "]") != 0) {
            ERR(r, "sh: missing %s\n", twice ? "]]" : "]");
            return run_done(r, 2);
        }
        t.n--;
    }
    if (t.n == 0)
        return run_done(r, 1);
    bool v = test_or(&t);
    if (t.at < t.n && !t.error) {
        ERR(r, "sh: %s: unknown operand\n", t.v[t.at]);
        t.error = true;
    }
    return run_done(r, t.error ? 2 : !v);
}

/* ---- variables ---- */
static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list_vars(struct run *r, const char *prefix, bool exported)
{
    struct fields lines = { 0 };
    size_t at = 0;
    struct str key;
    void *value;
    while (map_next(r->p->vars, &at, &key, &value)) {
        struct var *v = value;
        if (!v->value || (exported && !v->exported))
            continue;
        char *line = arena_printf(r->arena, "%s" STR_FMT "='%s'\n", prefix, STR_ARG(key), v->value);
        sh_fields_add(&lines, line, strlen(line));
    }
    if (lines.n)
        qsort(lines.v, lines.n, sizeof *lines.v, by_text);
    for (size_t i = 0; i < lines.n; i++)
        sh_proc_write(r->p, 1, str_c(lines.v[i]));
    sh_fields_deinit(&lines);
}

static enum verdict do_export(struct run *r)       /* export, readonly, local */
{
    char kind = r->applet->name[0];
    int i = 1;
    r->status = 0;
    if (r->argc > 1 && strcmp(r->argv[1], "-p") == 0)
        i++;
    if (i >= r->argc && kind != 'l')
        list_vars(r, kind == 'e' ? "export " : "readonly ", true);
    for (; i < r->argc; i++) {
        char *name = arena_strdup(r->arena, r->argv[i]), *eq = strchr(name, '=');
        if (eq)
            *eq++ = '\0';
        if (!sh_name_start(name[0])) {
            ERR(r, "sh: %s: %s: bad variable name\n", r->applet->name, name);
            return run_done(r, 2);
        }
        if (kind == 'l')
            sh_local(r->p, name);
        if (eq && !sh_var_set(r->p, name, eq))
            r->status = 1;
        if (kind == 'e')
            sh_var_export(r->p, name);
        if (kind == 'l' && !eq)
            sh_var_set(r->p, name, "");
        if (kind == 'r') {
            sh_var_export(r->p, name);
            struct var *v = map_getc(r->p->vars, name);
            v->readonly = true;
        }
    }
    return run_done(r, r->status);
}

static enum verdict do_unset(struct run *r)
{
    bool functions = r->argc > 1 && strcmp(r->argv[1], "-f") == 0;
    for (int i = 1; i < r->argc; i++) {
        if (r->argv[i][0] == '-')
            continue;
        if (functions) {
            void *f = map_take(r->p->functions, str_c(r->argv[i]));
            if (f)
                sh_function_free(f);
        } else {
            sh_var_unset(r->p, r->argv[i]);
        }
    }
    return run_done(r, 0);
}

static enum verdict do_set(struct run *r)
{
    struct proc *p = r->p;
    int i = 1;
    if (r->argc == 1)
        list_vars(r, "", false);
    for (; i < r->argc && (r->argv[i][0] == '-' || r->argv[i][0] == '+') && r->argv[i][1]; i++) {
        bool on = r->argv[i][0] == '-';
        if (strcmp(r->argv[i], "--") == 0)
            break;
        for (const char *c = r->argv[i] + 1; *c; c++) {
            const char *name = *c == 'o' && i + 1 < r->argc ? r->argv[++i] : NULL;
            char flag = !name                          ? *c
                        : strcmp(name, "errexit") == 0 ? 'e'
                        : strcmp(name, "xtrace") == 0  ? 'x'
                        : strcmp(name, "nounset") == 0 ? 'u'
                        : strcmp(name, "noglob") == 0  ? 'f'
                                                       : '?';
            switch (flag) {
            case 'e': p->errexit = on; break;
            case 'x': p->xtrace = on; break;
            case 'u': p->nounset = on; break;
            case 'f': p->noglob = on; break;
            default:
                ERR(r, "sh: set: illegal option %c%s\n", on ? '-' : '+', name ? name : (char[]){ *c, '\0' });
                return run_done(r, 2);
            }
            if (name)
                break;
        }
    }
    if (i < r->argc) {
        i += strcmp(r->argv[i], "--") == 0;
        struct fields params = { 0 };
        for (; i < r->argc; i++)
            sh_fields_add(&params, r->argv[i], strlen(r->argv[i]));
        sh_fields_deinit(&p->params);
        p->params = params;
    }
    return run_done(r, 0);
}

static enum verdict do_shift(struct run *r)
{
    int64_t n = 1;
    struct fields *v = &r->p->params;
    if (r->argc > 1 && (!str_int(str_c(r->argv[1]), &n) || n < 0)) {
        ERR(r, "sh: shift: Illegal number: %s\n", r->argv[1]);
        return run_done(r, 2);
    }
    if ((size_t)n > v->n)
        return run_done(r, 1);
    for (size_t i = 0; i < (size_t)n; i++)
        free(v->v[i]);
    if (n)
        memmove(v->v, v->v + n, (v->n - (size_t)n) * sizeof *v->v);
    v->n -= (size_t)n;
    return run_done(r, 0);
}

/* The line read is cut at IFS into the names; the last one gets the rest. */
static void read_split(struct run *r, int first, char *line, bool raw)
{
    const char *ifs = sh_var_get(r->p, "IFS");
    ifs = ifs ? ifs : " \t\n";
    static char reply_name[] = "REPLY", *reply[] = { reply_name };
    char **names = first < r->argc ? r->argv + first : reply;
    int count = first < r->argc ? r->argc - first : 1;
    for (int i = 0; i < count; i++) {
        struct strbuf b;
        strbuf_init(&b, LIMIT_SHELL_LINE_BYTES * 2);
        bool last = i == count - 1;
        while (*line && strchr(ifs, *line) && strchr(" \t\n", *line) && (first < r->argc))
            line++;
        for (; *line && (last || !strchr(ifs, *line)); line++) {
            if (*line == '\\' && !raw && line[1])
                line++;
            strbuf_addch(&b, *line);
        }
        if (*line)
            line++;
        while (last && first < r->argc && b.n > 0 && strchr(ifs, b.p[b.n - 1]) && strchr(" \t\n", b.p[b.n - 1]))
            b.p[--b.n] = '\0';
        sh_var_set(r->p, names[i], b.p ? b.p : "");
        strbuf_deinit(&b);
    }
}

static enum verdict do_read(struct run *r)
{
    uint32_t flags;
    const char *values[32];
    int first = applet_options(r, "rp:sn:t:", &flags, values);
    if (first < 0)
        return run_done(r, 2);
    if (flags & (8 | 16)) {
        ERR(r, "sh: read: options -n and -t are not in kubelab's busybox\n");
        return run_done(r, 2);
    }
    if (r->phase++ == 0 && (flags & 2))
        ERR(r, "%s", values[1]);
    struct strbuf *b = applet_buffer(r);
    size_t before = b->n;
    enum read_result result = sh_file_read_line(r->p, r->p->fds[0], b);
    if (result == READ_WAIT)
        return RUN_WAIT;
    bool ended = b->n > before && b->p[b->n - 1] == '\n';
    if (ended)
        b->p[--b->n] = '\0';
    if (ended && !(flags & 1) && b->n > 0 && b->p[b->n - 1] == '\\') {
        b->p[--b->n] = '\0';                       /* goes on in the next line */
        return RUN_AGAIN;
    }
    read_split(r, first, b->p ? b->p : (char[]){ "" }, flags & 1);
    return run_done(r, !ended);
}

/* ---- places ---- */
static enum verdict do_cd(struct run *r)
{
    const char *to = r->argc > 1 ? r->argv[1] : sh_var_get(r->p, "HOME");
    char path[1024];
    struct sh_stat st;
    bool back = to && strcmp(to, "-") == 0;
    if (back)
        to = sh_var_get(r->p, "OLDPWD");
    if (!to || !*to)
        return run_done(r, to ? 0 : 1);
    sh_path(r->p, to, path);
    int e = strcmp(path, "/") == 0 ? 0 : r->p->sh->ops->vfs.stat(r->p->sh->ctx, path, &st);
    if (e || (strcmp(path, "/") != 0 && st.kind != SH_FILE_DIR)) {
        ERR(r, "sh: cd: can't cd to %s: %s\n", to, e ? sh_strerror(e) : "Not a directory");
        return run_done(r, 1);
    }
    sh_var_set(r->p, "OLDPWD", r->p->cwd);
    free(r->p->cwd);
    r->p->cwd = xstrdup(path);
    sh_var_set(r->p, "PWD", path);
    if (back)
        OUT(r, "%s\n", path);
    return run_done(r, 0);
}

static enum verdict do_pwd(struct run *r)
{
    OUT(r, "%s\n", r->p->cwd);
    return run_done(r, 0);
}

/* ---- flow ---- */
static int number_or(struct run *r, int dflt)
{
    int64_t n = dflt;
    if (r->argc > 1 && !str_int(str_c(r->argv[1]), &n)) {
        ERR(r, "sh: %s: Illegal number: %s\n", r->applet->name, r->argv[1]);
        n = 2;
    }
    return (int)(n & 0xffff);
}

static enum verdict do_break(struct run *r)
{
    int n = number_or(r, 1);
    if (r->p->loops > 0) {
        r->p->jump = r->applet->name[0] == 'b' ? JUMP_BREAK : JUMP_CONTINUE;
        r->p->jump_levels = n < 1 ? 1 : n > r->p->loops ? r->p->loops : n;
    }
    return run_done(r, 0);
}

static enum verdict do_return(struct run *r)
{
    int status = number_or(r, r->p->status);
    r->p->jump = JUMP_RETURN;
    return run_done(r, status & 255);
}

static enum verdict do_exit(struct run *r)
{
    int status = number_or(r, r->p->status);
    r->p->jump = JUMP_EXIT;
    return run_done(r, status & 255);
}

static enum verdict do_eval(struct run *r)
{
    if (r->phase++ > 0)
        return run_done(r, r->p->status);
    struct strbuf *b = applet_buffer(r);
    for (int i = 1; i < r->argc; i++)
        strbuf_addf(b, "%s%s", i > 1 ? " " : "", r->argv[i]);
    r->p->status = 0;
    sh_frame_push_source(r->p, b->p ? b->p : "", b->n, false, false);
    return RUN_AGAIN;
}

static enum verdict do_source(struct run *r)
{
    struct file *f;
    if (r->phase++ > 0)
        return run_done(r, r->p->status);
    if (r->argc < 2)
        return run_done(r, 2);
    int e = sh_file_open(r->p, r->argv[1], "<", &f);
    if (e) {
        ERR(r, "sh: .: can't open '%s': %s\n", r->argv[1], sh_strerror(e));
        return run_done(r, 2);
    }
    r->p->status = 0;
    sh_frame_push_source(r->p, f->data, f->n, false, false);
    sh_file_unref(f);
    return RUN_AGAIN;
}

/* ---- processes ---- */
static const struct { const char *name; int signo; } SIGNALS[] = {
    { "EXIT", 0 },  { "HUP", 1 },   { "INT", 2 },   { "QUIT", 3 },  { "KILL", 9 },  { "USR1", 10 }, { "USR2", 12 },
    { "PIPE", 13 }, { "ALRM", 14 }, { "TERM", 15 }, { "CHLD", 17 }, { "CONT", 18 }, { "STOP", 19 }, { "WINCH", 28 },
};
static int signal_number(const char *s)
{
    int64_t n;
    if (str_int(str_c(s), &n))
        return n >= 0 && n < 32 ? (int)n : -1;
    if (strncmp(s, "SIG", 3) == 0)
        s += 3;
    for (size_t i = 0; i < ARRAY_LEN(SIGNALS); i++)
        if (str_eqi(str_c(s), str_c(SIGNALS[i].name)))
            return SIGNALS[i].signo;
    return -1;
}

static enum verdict do_trap(struct run *r)
{
    struct proc *p = r->p;
    if (r->argc < 2) {
        for (size_t i = 0; i < ARRAY_LEN(SIGNALS); i++)
            if (p->trap[SIGNALS[i].signo])
                OUT(r, "trap -- '%s' %s\n", p->trap[SIGNALS[i].signo], SIGNALS[i].name);
        return run_done(r, 0);
    }
    int i = strcmp(r->argv[1], "--") == 0 ? 2 : 1;
    const char *action = r->argc > i + 1 ? r->argv[i++] : "-";
    for (; i < r->argc; i++) {
        int signo = signal_number(r->argv[i]);
        if (signo < 0) {
            ERR(r, "sh: trap: %s: invalid signal specification\n", r->argv[i]);
            return run_done(r, 1);
        }
        free(p->trap[signo]);
        p->trap[signo] = strcmp(action, "-") == 0 ? NULL : xstrdup(action);
    }
    return run_done(r, 0);
}

static struct proc *job(struct run *r, const char *spec)
{
    int64_t n;
    bool by_job = spec[0] == '%';
    if (!str_int(str_c(spec + by_job), &n))
        n = by_job && !strcmp(spec, "%%") ? r->p->sh->jobs : -1;
    list_for(it, &r->p->sh->procs) {
        struct proc *kid = container_of(it, struct proc, node);
        if (!kid->reaped && (by_job ? kid->background && kid->job_number == (int)n : kid->pid == (int)n))
            return kid;
    }
    return NULL;
}

static enum verdict do_wait(struct run *r)
{
    struct proc *p = r->p;
    int status = 0;
    for (int i = 1; i < r->argc; i++) {
        struct proc *kid = job(r, r->argv[i]);
        if (!kid || kid->parent != p) {
            status = 127;
            continue;
        }
        if (!kid->exited) {
            p->wait_child = true;
            return RUN_WAIT;
        }
        status = kid->status;
        if (i == r->argc - 1)
            kid->reaped = true;
    }
    list_for(it, &p->sh->procs) {
        struct proc *kid = container_of(it, struct proc, node);
        if (r->argc > 1 || kid->parent != p || !kid->background || kid->reaped)
            continue;
        if (!kid->exited) {
            p->wait_child = true;
            return RUN_WAIT;
        }
        kid->reaped = true;
    }
    return run_done(r, status);
}

static enum verdict do_jobs(struct run *r)
{
    list_for(it, &r->p->sh->procs) {
        struct proc *kid = container_of(it, struct proc, node);
        if (kid->background && kid->parent == r->p && !kid->reaped && kid->job.n)
            OUT(r, "[%d]+  %-26s %s\n", kid->job_number, kid->exited ? "Done" : "Running", kid->job.v[0]);
    }
    return run_done(r, 0);
}

static enum verdict do_kill(struct run *r)
{
    int signo = SH_SIGTERM, i = 1;
    r->status = 0;
    if (r->argc > 1 && strcmp(r->argv[1], "-l") == 0) {
        for (size_t k = 1; k < ARRAY_LEN(SIGNALS); k++)
            OUT(r, "%2d) %s\n", SIGNALS[k].signo, SIGNALS[k].name);
        return run_done(r, 0);
    }
    if (r->argc > 1 && r->argv[1][0] == '-' && r->argv[1][1]) {
        const char *name = strcmp(r->argv[1], "-s") == 0 && r->argc > 2 ? r->argv[++i] : r->argv[1] + 1;
        i++;
        signo = signal_number(name);
        if (signo < 0) {
            ERR(r, "sh: bad signal name '%s'\n", name);
            return run_done(r, 1);
        }
    }
    if (i >= r->argc) {
        ERR(r, "sh: you need to specify whom to kill\n");
        return run_done(r, 1);
    }
    for (; i < r->argc; i++) {
        struct sh *s = r->p->sh;
        struct proc *kid = job(r, r->argv[i]);
        int64_t pid = 0;
        if (!kid && !str_int(str_c(r->argv[i]), &pid)) {
            ERR(r, "sh: invalid number '%s'\n", r->argv[i]);
            r->status = 1;
        } else if (!kid && !(s->ops->kill && s->ops->kill(s->ctx, (int)pid, signo))) {
            ERR(r, "sh: can't kill pid %s: No such process\n", r->argv[i]);
            r->status = 1;
        } else if (kid == r->p && signo != 0) {
            kid->pending |= 1u << signo;           /* taken at the next step: this frame is in use */
            if (kid->pid == 1 && !kid->trap[signo])
                kid->pending &= ~(1u << signo);
        } else if (kid && signo != 0) {
            sh_proc_kill(kid, signo);
        }
    }
    return run_done(r, r->status);
}

static enum verdict do_type(struct run *r)         /* type NAME..., command -v NAME, which */
{
    bool v = r->applet->name[0] == 'c', which = r->applet->name[0] == 'w';
    int i = v ? 2 : 1;
    static const char *const KEYWORDS[] = { "if", "then", "else", "elif", "fi", "for", "while", "until",
                                            "do", "done", "case", "esac", "{",  "}",   "!" };
    r->status = 0;
    for (; i < r->argc; i++) {
        const char *name = r->argv[i];
        const struct applet *a = sh_applet_find(str_c(name));
        bool keyword = false;
        for (size_t k = 0; k < ARRAY_LEN(KEYWORDS); k++)
            keyword |= strcmp(KEYWORDS[k], name) == 0;
        if (map_getc(r->p->functions, name) && !which)
            OUT(r, v ? "%s\n" : "%s is a function\n", name);
        else if (keyword && !which)
            OUT(r, v ? "%s\n" : "%s is a shell keyword\n", name);
        else if (a && a->builtin && !which)
            OUT(r, v ? "%s\n" : "%s is a shell builtin\n", name);
        else if ((a && a->cpu_us) || strcmp(name, "sh") == 0 || strcmp(name, "ash") == 0)
            OUT(r, v || which ? "/bin/%s\n" : "%s is /bin/%s\n", name, name);
        else {
            if (!v && !which)
                ERR(r, "sh: type: %s: not found\n", name);
            r->status = which ? 1 : 127;
        }
    }
    return run_done(r, r->status);
}

static enum verdict do_umask(struct run *r)
{
    if (r->argc < 2)
        OUT(r, "0022\n");
    else
        ERR(r, "sh: umask: file modes are not in kubelab's busybox\n");
    return run_done(r, r->argc > 1);
}

static enum verdict do_history(struct run *r)
{
    for (size_t i = 0; i < r->p->sh->history.n; i++)
        OUT(r, "%4zu %s\n", i, r->p->sh->history.v[i]);
    return run_done(r, 0);
}

static enum verdict do_refused(struct run *r)
{
    ERR(r, "sh: %s: not in kubelab's busybox\n", r->argv[0]);
    return run_done(r, 127);
}

const struct applet sh_builtins[] = {
    { ":", do_true, true, 0, NULL },          { "true", do_true, true, 5, NULL },
    { "false", do_false, true, 5, NULL },     { "echo", do_echo, true, 20, NULL },
    { "printf", do_printf, true, 25, NULL },  { "test", do_test, true, 15, NULL },
    { "[", do_test, true, 15, NULL },         { "[[", do_test, true, 15, NULL },
    { "export", do_export, true, 0, NULL },   { "readonly", do_export, true, 0, NULL },
    { "local", do_export, true, 0, NULL },    { "unset", do_unset, true, 0, NULL },
    { "set", do_set, true, 0, NULL },         { "shift", do_shift, true, 0, NULL },
    { "read", do_read, true, 0, NULL },       { "cd", do_cd, true, 0, NULL },
    { "pwd", do_pwd, true, 15, NULL },        { "break", do_break, true, 0, NULL },
    { "continue", do_break, true, 0, NULL },  { "return", do_return, true, 0, NULL },
    { "exit", do_exit, true, 0, NULL },       { "eval", do_eval, true, 0, NULL },
    { ".", do_source, true, 0, NULL },        { "source", do_source, true, 0, NULL },
    { "trap", do_trap, true, 0, NULL },       { "wait", do_wait, true, 0, NULL },
    { "jobs", do_jobs, true, 0, NULL },       { "kill", do_kill, true, 30, NULL },
    { "type", do_type, true, 0, NULL },       { "command", do_type, true, 0, NULL },
    { "which", do_type, false, 60, NULL },    { "umask", do_umask, true, 0, NULL },
    { "history", do_history, true, 0, NULL }, { "fg", do_refused, true, 0, NULL },
    { "bg", do_refused, true, 0, NULL },      { "alias", do_refused, true, 0, NULL },
    { "getopts", do_refused, true, 0, NULL }, { "ulimit", do_refused, true, 0, NULL },
    { "let", do_refused, true, 0, NULL },     { 0 },
};
