/* sim/proc/build_run.c - RUN: commands that arrange files, executed for real on the image's files.
 *
 * Stands for /bin/sh and a handful of coreutils inside of a build container: lists with && || ; and new lines, quotes,
 * variables, patterns, > and >>, and the commands of the table below. Whatever else is asked for is not there and is
 * told so with status 127, as a shell tells it: no command succeeds without having done its work. Simplified: no pipes,
 * substitutions, loops or subshells (a syntax error); no owners, so chown checks its arguments and changes nothing.
 */
#include "sim/proc/build_priv.h"

enum token_kind { T_END, T_WORD, T_AND, T_OR, T_SEMI, T_OUT, T_APPEND, T_BAD };
struct token { enum token_kind kind; struct str raw; };
struct argv { const char **v; size_t n; };

struct run {                                       /* one RUN under way */
    struct arena     *a;
    struct build_run *r;
    struct json      *env;
    struct strbuf    *capture;                     /* standard output, when it is redirected */
    bool              exit_on_error, exited;
};

static void put_text(struct run *x, int fd, const char *text)
{
    if (fd == 1 && x->capture)
        strbuf_addc(x->capture, text);
    else if (x->r->out)
        x->r->out(x->r->ctx, str_c(text));
}
#define SAY(x, fd, ...) put_text((x), (fd), arena_printf((x)->a, __VA_ARGS__))

static const char *path_of(struct run *x, const char *word)
{
    const char *p = vfs_normalize(x->a, x->r->cwd, word);
    return p ? p : "/\x01";                        /* longer than a path can be: a name that never exists */
}

static int complain(struct run *x, const char *command, const char *text, const char *file, const char *why)
{
    SAY(x, 2, x->r->ash ? "%s: %s%s: %s\n" : "%s: %s'%s': %s\n", command, x->r->ash ? "" : text, file, why);
    return 1;
}

static const char no_file[] = "No such file or directory";

/* Leading options of one letter each go to `flags`; the rest stays. False: one that is not in `known`. */
static bool options(struct run *x, struct argv *args, const char *known, char *flags)
{
    const char *command = args->v[0];
    size_t n = 0;
    while (args->n > 1 && args->v[1][0] == '-' && args->v[1][1]) {
        const char *option = args->v[1];
        args->v++;
        args->n--;
        if (strcmp(option, "--") == 0)
            break;
        for (const char *c = option + 1; *c; c++) {
            if (!strchr(known, *c) || n > 30) {
                SAY(x, 2, x->r->ash ? "%s: unrecognized option: %c\n" : "%s: invalid option -- '%c'\n", command, *c);
                return false;
            }
            flags[n++] = *c;
        }
    }
    args->v[0] = command;
    flags[n] = 0;
    return true;
}

static int missing_operand(struct run *x, const char *command)
{
    SAY(x, 2, "%s: missing operand\n", command);
    return 1;
}

/* ---- commands ---- */
typedef void each_fn(struct run *x, const char *path, void *ctx);

static void walk(struct run *x, const char *path, bool recursive, each_fn *fn, void *ctx)
{
    struct vfs_stat st;
    struct str name;
    size_t cursor = 0;
    fn(x, path, ctx);
    while (recursive && vfs_stat(x->r->files, path, &st) && st.is_dir && vfs_next(x->r->files, path, &cursor, &name))
        walk(x, arena_printf(x->a, "%s/" STR_FMT, path, STR_ARG(name)), true, fn, ctx);
}

static bool octal(const char *s, unsigned *mode)
{
    unsigned v = 0;
    size_t n = strlen(s);
    for (const char *c = s; *c; c++) {
        if (*c < '0' || *c > '7')
            return false;
        v = v * 8 + (unsigned)(*c - '0');
    }
    *mode = v;
    return n >= 1 && n <= 5 && v <= 07777;
}

/* One clause of a symbolic mode, [ugoa]*[+-=][rwxXst]*, applied to *mode. */
static bool symbolic(struct str clause, bool is_dir, unsigned *mode)
{
    unsigned who = 0, bits = 0;
    size_t i = 0;
    for (; i < clause.n && strchr("ugoa", clause.p[i]); i++)
        who |= clause.p[i] == 'u' ? 04700 : clause.p[i] == 'g' ? 02070 : clause.p[i] == 'o' ? 01007 : 07777;
    if (who == 0)
        who = 07777 & ~022u;                       /* none named: all, less the umask */
    if (i >= clause.n || !strchr("+-=", clause.p[i]))
        return false;
    char op = clause.p[i++];
    for (; i < clause.n; i++) {
        static const struct {
            char letter;
            unsigned bits;
        } letters[] = { { 'r', 0444 }, { 'w', 0222 }, { 'x', 0111 }, { 's', 06000 }, { 't', 01000 } };
        size_t k = 0;
        while (k < ARRAY_LEN(letters) && letters[k].letter != clause.p[i])
            k++;
        if (k == ARRAY_LEN(letters) && clause.p[i] != 'X')
            return false;
        bits |= k < ARRAY_LEN(letters) ? letters[k].bits : is_dir || (*mode & 0111) ? 0111u : 0;
    }
    bits &= who;
    *mode = op == '+' ? *mode | bits : op == '-' ? *mode & ~bits : (*mode & ~(who & 0777)) | bits;
    return true;
}

struct chmod { const char *how; bool bad; };

static void chmod_one(struct run *x, const char *path, void *ctx)
{
    struct chmod *c = ctx;
    struct vfs_stat st;
    unsigned mode;
    if (!vfs_stat(x->r->files, path, &st))
        return;
    if (!octal(c->how, &mode)) {
        mode = st.mode;
        for (struct str rest = str_c(c->how); rest.p;)
            c->bad = !symbolic(str_token(&rest, ','), st.is_dir, &mode) || c->bad;
    }
    if (!c->bad)
        vfs_chmod(x->r->files, path, mode);
}

static int do_chmod(struct run *x, struct argv args)
{
    char flags[32] = "";
    bool minus = args.n > 1 && args.v[1][0] == '-' && strchr("rwxXst", args.v[1][1]);       /* chmod -x file */
    int status = 0;
    if (!minus && !options(x, &args, "Rfvc", flags))
        return 1;
    if (args.n < 3)
        return missing_operand(x, "chmod");
    struct chmod c = { .how = args.v[1] };
    for (size_t i = 2; i < args.n; i++) {
        if (vfs_stat(x->r->files, path_of(x, args.v[i]), NULL))
            walk(x, path_of(x, args.v[i]), strchr(flags, 'R') != NULL, chmod_one, &c);
        else
            status = complain(x, "chmod", "cannot access ", args.v[i], no_file);
    }
    if (c.bad)
        SAY(x, 2, "chmod: invalid mode: '%s'\n", c.how);
    return c.bad ? 1 : status;
}

static int do_chown(struct run *x, struct argv args)
{
    char flags[32];
    int status = 0;
    const char *command = args.v[0];
    if (!options(x, &args, "Rfvh", flags))
        return 1;
    if (args.n < 3)
        return missing_operand(x, command);
    if (!build_user_known(x->a, x->r->files, str_c(strcmp(command, "chgrp") == 0 ? "" : args.v[1]), NULL)) {
        SAY(x, 2, x->r->ash ? "%s: unknown user %s\n" : "%s: invalid user: '%s'\n", command, args.v[1]);
        return 1;
    }
    for (size_t i = 2; i < args.n; i++)
        if (!vfs_stat(x->r->files, path_of(x, args.v[i]), NULL))
            status = complain(x, command, "cannot access ", args.v[i], no_file);
    return status;
}

static int do_mkdir(struct run *x, struct argv args)
{
    char flags[32];
    int status = 0;
    if (!options(x, &args, "pv", flags))
        return 1;
    if (args.n < 2)
        return missing_operand(x, "mkdir");
    for (size_t i = 1; i < args.n; i++) {
        const char *path = path_of(x, args.v[i]), *parent = vfs_normalize(x->a, path, "..");
        bool there = vfs_stat(x->r->files, path, NULL), p = strchr(flags, 'p') != NULL;
        if (there && !p)
            status = complain(x, "mkdir", "cannot create directory ", args.v[i], "File exists");
        else if (!p && !vfs_stat(x->r->files, parent, NULL))
            status = complain(x, "mkdir", "cannot create directory ", args.v[i], no_file);
        else if (!vfs_mkdir(x->r->files, path, 0755))
            status = complain(x, "mkdir", "cannot create directory ", args.v[i], there ? "File exists" : "Not a directory");
    }
    return status;
}

static int do_rm(struct run *x, struct argv args)
{
    char flags[32];
    int status = 0;
    if (!options(x, &args, "rRfvd", flags))
        return 1;
    bool force = strchr(flags, 'f') != NULL, recursive = strpbrk(flags, "rR") != NULL;
    if (args.n < 2 && !force)
        return missing_operand(x, "rm");
    for (size_t i = 1; i < args.n; i++) {
        struct vfs_stat st;
        const char *path = path_of(x, args.v[i]);
        if (!vfs_stat(x->r->files, path, &st))
            status = force ? status : complain(x, "rm", "cannot remove ", args.v[i], no_file);
        else if (st.is_dir && !recursive)
            status = complain(x, "rm", "cannot remove ", args.v[i], "Is a directory");
        else if (!vfs_remove(x->r->files, path))
            status = complain(x, "rm", "cannot remove ", args.v[i], "Device or resource busy");
    }
    return status;
}

static int do_rmdir(struct run *x, struct argv args)
{
    int status = args.n < 2 ? missing_operand(x, "rmdir") : 0;
    for (size_t i = 1; i < args.n; i++) {
        struct vfs_stat st;
        struct str name;
        size_t cursor = 0;
        const char *path = path_of(x, args.v[i]);
        if (!vfs_stat(x->r->files, path, &st) || !st.is_dir)
            status = complain(x, "rmdir", "failed to remove ", args.v[i],
                              vfs_stat(x->r->files, path, NULL) ? "Not a directory" : no_file);
        else if (vfs_next(x->r->files, path, &cursor, &name) || !vfs_remove(x->r->files, path))
            status = complain(x, "rmdir", "failed to remove ", args.v[i], "Directory not empty");
    }
    return status;
}

struct copying { const char *from, *to; bool failed, keep_times; };

static void copy_one(struct run *x, const char *path, void *ctx)
{
    struct copying *c = ctx;
    struct vfs_stat st;
    struct str bytes;
    const char *to = arena_printf(x->a, "%s%s", c->to, path + strlen(c->from));
    if (!vfs_stat(x->r->files, path, &st))
        return;
    if (st.is_dir)
        c->failed = !vfs_mkdir(x->r->files, to, st.mode) || c->failed;
    else
        c->failed = !vfs_read(x->r->files, path, &bytes) ||
                    !vfs_put(x->r->files, to, bytes, st.mode, c->keep_times ? st.mtime_ns : x->r->now_ns) || c->failed;
}

/* cp and mv: to a folder, or one file to one name. */
static int do_copy(struct run *x, struct argv args)
{
    char flags[32];
    int status = 0;
    struct vfs_stat st, target;
    const char *command = args.v[0];
    bool move = strcmp(command, "mv") == 0;
    if (!options(x, &args, move ? "fnv" : "rRafpvT", flags))
        return 1;
    if (args.n < 3)
        return missing_operand(x, command);
    const char *to = path_of(x, args.v[args.n - 1]);
    bool into = vfs_stat(x->r->files, to, &target) && target.is_dir;
    if (args.n > 3 && !into)
        return complain(x, command, "target ", args.v[args.n - 1], "Not a directory");
    for (size_t i = 1; i + 1 < args.n; i++) {
        const char *from = path_of(x, args.v[i]), *base = strrchr(from, '/');
        struct copying c = { from, into ? arena_printf(x->a, "%s%s", to, base) : to, false, move || strpbrk(flags, "ap") };
        if (!vfs_stat(x->r->files, from, &st)) {
            status = complain(x, command, "cannot stat ", args.v[i], no_file);
            continue;
        }
        if (st.is_dir && !move && !strpbrk(flags, "rRa")) {
            SAY(x, 2, "cp: -r not specified; omitting directory '%s'\n", args.v[i]);
            status = 1;
            continue;
        }
        size_t n = strlen(from);
        if (strcmp(from, c.to) == 0 || (st.is_dir && strncmp(c.to, from, n) == 0 && (from[1] == 0 || c.to[n] == '/'))) {
            status = complain(x, command, "cannot copy ", args.v[i],
                              "source and destination are the same or one holds the other");
            continue;
        }
        walk(x, from, true, copy_one, &c);
        if (c.failed)
            status = complain(x, command, "cannot create ", c.to, "No space left on device");
        else if (move)
            vfs_remove(x->r->files, from);
    }
    return status;
}

static int do_touch(struct run *x, struct argv args)
{
    int status = args.n < 2 ? missing_operand(x, "touch") : 0;
    for (size_t i = 1; i < args.n; i++) {
        struct vfs_stat st = { .mode = 0644 };
        struct str bytes = STR_NULL;
        const char *path = path_of(x, args.v[i]), *parent = vfs_normalize(x->a, path, "..");
        bool there = vfs_stat(x->r->files, path, &st);
        if (there && st.is_dir)
            continue;
        vfs_read(x->r->files, path, &bytes);
        if ((!there && !vfs_stat(x->r->files, parent, NULL)) || !vfs_put(x->r->files, path, bytes, st.mode, x->r->now_ns))
            status = complain(x, "touch", "cannot touch ", args.v[i], no_file);
    }
    return status;
}

static int do_echo(struct run *x, struct argv args)
{
    bool newline = args.n < 2 || strcmp(args.v[1], "-n") != 0;
    for (size_t i = newline ? 1 : 2; i < args.n; i++)
        SAY(x, 1, "%s%s", args.v[i], i + 1 < args.n ? " " : "");
    if (newline)
        put_text(x, 1, "\n");
    return 0;
}

static int do_cat(struct run *x, struct argv args)
{
    int status = 0;
    for (size_t i = 1; i < args.n; i++) {
        struct str bytes;
        const char *path = path_of(x, args.v[i]);
        if (vfs_read(x->r->files, path, &bytes)) {
            if (x->capture)
                strbuf_add(x->capture, bytes);
            else if (x->r->out)
                x->r->out(x->r->ctx, bytes);
            continue;
        }
        SAY(x, 2, "cat: %s%s: %s\n", x->r->ash ? "can't open " : "", args.v[i],
            vfs_stat(x->r->files, path, NULL) ? "Is a directory" : no_file);
        status = 1;
    }
    return status;
}

static int do_ls(struct run *x, struct argv args)
{
    struct str name;
    size_t cursor = 0;
    struct vfs_stat st;
    char flags[32];
    if (!options(x, &args, "1aA", flags))
        return 2;
    const char *word = args.n > 1 ? args.v[1] : ".", *path = path_of(x, word);
    if (!vfs_stat(x->r->files, path, &st))
        return complain(x, "ls", "cannot access ", word, no_file) + 1;
    if (!st.is_dir)
        SAY(x, 1, "%s\n", word);
    while (st.is_dir && vfs_next(x->r->files, path, &cursor, &name))
        if (name.p[0] != '.' || flags[strcspn(flags, "aA")])
            SAY(x, 1, STR_FMT "\n", STR_ARG(name));
    return 0;
}

static int do_cd(struct run *x, struct argv args)
{
    struct vfs_stat st;
    const char *path = path_of(x, args.n > 1 ? args.v[1] : "/root");
    if (vfs_stat(x->r->files, path, &st) && st.is_dir) {
        x->r->cwd = path;
        return 0;
    }
    SAY(x, 2, "/bin/sh: 1: cd: can't cd to %s\n", args.n > 1 ? args.v[1] : "/root");
    return 2;
}

static int do_pwd(struct run *x, struct argv args)
{
    (void)args;
    SAY(x, 1, "%s\n", x->r->cwd);
    return 0;
}

static int do_set(struct run *x, struct argv args)
{
    for (size_t i = 1; i < args.n; i++) {
        if (strcmp(args.v[i], "-e") != 0) {
            SAY(x, 2, "/bin/sh: 1: set: Illegal option %s\n", args.v[i]);
            return 2;
        }
        x->exit_on_error = true;
    }
    return 0;
}

static int do_exit(struct run *x, struct argv args)
{
    int64_t status = 0;
    x->exited = true;
    return args.n > 1 && str_int(str_c(args.v[1]), &status) ? (int)(status & 255) : 0;
}

static int do_true(struct run *x, struct argv args) { (void)x; (void)args; return 0; }
static int do_false(struct run *x, struct argv args) { (void)x; (void)args; return 1; }

static const struct { const char *name; int (*fn)(struct run *x, struct argv args); bool builtin; } commands[] = {
    { "chmod", do_chmod, false }, { "chown", do_chown, false }, { "chgrp", do_chown, false }, { "mkdir", do_mkdir, false },
    { "rm", do_rm, false },       { "rmdir", do_rmdir, false }, { "cp", do_copy, false },     { "mv", do_copy, false },
    { "touch", do_touch, false }, { "echo", do_echo, false },   { "cat", do_cat, false },     { "ls", do_ls, false },
    { "pwd", do_pwd, false },     { "true", do_true, false },   { "false", do_false, false }, { "cd", do_cd, true },
    { "set", do_set, true },      { "exit", do_exit, true },    { ":", do_true, true },
};

static int run_command(struct run *x, struct argv args, bool in_shell)
{
    const char *name = args.v[0];
    static const char *const folders[] = { "/bin/", "/usr/bin/", "/sbin/", "/usr/sbin/" };
    for (size_t i = 0; i < ARRAY_LEN(folders); i++)
        name += str_starts(str_c(name), folders[i]) ? strlen(folders[i]) : 0;
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(name, commands[i].name) == 0 && (in_shell || !commands[i].builtin)) {
            args.v[0] = name;
            return commands[i].fn(x, args);
        }
    SAY(x, 2, x->r->ash ? "/bin/sh: %s: not found\n" : "/bin/sh: 1: %s: not found\n", args.v[0]);
    return 127;
}

/* ---- the shell ---- */
static struct token next_token(struct str *rest)
{
    static const struct {
        const char *text;
        enum token_kind kind;
    } signs[] = { { "&&", T_AND }, { "||", T_OR }, { ">>", T_APPEND }, { ">", T_OUT }, { ";", T_SEMI }, { "\n", T_SEMI },
                  { "|", T_BAD },  { "&", T_BAD }, { "<", T_BAD },     { "(", T_BAD }, { ")", T_BAD },  { "`", T_BAD } };
    while (rest->n && (*rest->p == ' ' || *rest->p == '\t' || *rest->p == '\r'))
        *rest = str_sub(*rest, 1, rest->n);
    for (size_t i = 0; i < ARRAY_LEN(signs); i++)
        if (str_starts(*rest, signs[i].text)) {
            struct token t = { signs[i].kind, str_sub(*rest, 0, strlen(signs[i].text)) };
            *rest = str_sub(*rest, t.raw.n, rest->n);
            return t;
        }
    struct token t = { rest->n ? T_WORD : T_END, { rest->p, 0 } };
    char quote = 0;
    while (t.raw.n < rest->n) {
        char c = rest->p[t.raw.n];
        if (!quote && strchr(" \t\r\n;&|<>()`", c))
            break;
        if (c == '\\' && quote != '\'' && t.raw.n + 1 < rest->n)
            t.raw.n++;
        else if (quote == c)
            quote = 0;
        else if (!quote && (c == '"' || c == '\''))
            quote = c;
        if (c == '$' && quote != '\'' && t.raw.n + 1 < rest->n && rest->p[t.raw.n + 1] == '(')
            t.kind = T_BAD;                        /* command substitution */
        t.raw.n++;
    }
    size_t digits = 0;
    while (digits < t.raw.n && t.raw.p[digits] >= '0' && t.raw.p[digits] <= '9')
        digits++;
    bool numbered = t.raw.n && digits == t.raw.n && t.raw.n < rest->n && rest->p[t.raw.n] == '>';     /* 2> is not known here */
    t.kind = quote || numbered ? T_BAD : t.kind;
    *rest = str_sub(*rest, t.raw.n, rest->n);
    return t;
}

static void add_word(struct run *x, struct argv *args, const char *word)
{
    args->v = arena_realloc(x->a, args->v, args->n * sizeof *args->v, (args->n + 1) * sizeof *args->v);
    args->v[args->n++] = word;
}

/* Quotes, variables, then patterns; a pattern that matches nothing stays as it is. */
static void expand_word(struct run *x, struct argv *args, struct str raw)
{
    const char *word = build_expand(x->a, raw, x->env);
    bool quoted = str_chr(raw, '"') >= 0 || str_chr(raw, '\'') >= 0 || str_chr(raw, '\\') >= 0;
    if (!*word && !quoted)
        return;
    const char *full = !quoted && strpbrk(word, "*?[") ? vfs_normalize(x->a, x->r->cwd, word) : NULL;
    struct json *found = full ? build_glob(x->a, x->r->files, full) : NULL;
    if (json_len(found) == 0)
        add_word(x, args, word);
    for (const struct json *f = json_first(found); f; f = json_next(f))
        add_word(x, args, arena_cstr(x->a, json_str(f)));
}

static bool assignment(struct run *x, struct str raw)
{
    struct str name, value;
    if (!str_cut(raw, '=', &name, &value) || name.n == 0)
        return false;
    for (size_t i = 0; i < name.n; i++)
        if (!(name.p[i] == '_' || (name.p[i] >= 'a' && name.p[i] <= 'z') || (name.p[i] >= 'A' && name.p[i] <= 'Z') ||
              (i && name.p[i] >= '0' && name.p[i] <= '9')))
            return false;
    build_env_set(x->a, x->env, name, str_c(build_expand(x->a, value, x->env)));
    return true;
}

static int redirect(struct run *x, struct argv args, const char *target, bool append)
{
    struct strbuf text;
    struct str old = STR_NULL;
    struct vfs_stat st = { .mode = 0644 };
    const char *path = path_of(x, target), *parent = vfs_normalize(x->a, path, "..");
    bool there = vfs_stat(x->r->files, path, &st), to_null = strcmp(path, "/dev/null") == 0;
    if (!to_null && ((there && st.is_dir) || (!there && !vfs_stat(x->r->files, parent, NULL)))) {
        SAY(x, 2, "/bin/sh: 1: cannot create %s: %s\n", target, there ? "Is a directory" : "Directory nonexistent");
        return 2;
    }
    strbuf_init(&text, VFS_BYTES);
    if (append && vfs_read(x->r->files, path, &old))
        strbuf_add(&text, old);
    x->capture = &text;
    int status = args.n ? run_command(x, args, true) : 0;
    x->capture = NULL;
    if (!to_null && (text.overflow || !vfs_put(x->r->files, path, strbuf_str(&text), st.mode, x->r->now_ns))) {
        SAY(x, 2, "/bin/sh: 1: %s: No space left on device\n", target);
        status = 2;
    }
    strbuf_deinit(&text);
    return status;
}

/* One simple command up to && || ; or the end. `skip`: read it, but do not run it. Returns its status, or -1 on a
 * syntax error. */
static int simple(struct run *x, struct str *rest, bool skip, struct token *end)
{
    struct argv args = { 0 };
    const char *target = NULL;
    bool append = false;
    for (;;) {
        *end = next_token(rest);
        if (end->kind == T_OUT || end->kind == T_APPEND) {
            append = end->kind == T_APPEND;
            *end = next_token(rest);
            if (end->kind != T_WORD)
                return -1;
            target = build_expand(x->a, end->raw, x->env);
        } else if (end->kind == T_WORD) {
            if (!skip && (args.n || !assignment(x, end->raw)))
                expand_word(x, &args, end->raw);
        } else {
            break;
        }
    }
    if (end->kind == T_BAD)
        return -1;
    if (skip || (args.n == 0 && !target))
        return 0;
    if (args.n && strcmp(args.v[0], "export") == 0) {
        for (size_t i = 1; i < args.n; i++)
            assignment(x, str_c(args.v[i]));
        return 0;
    }
    return target ? redirect(x, args, target, append) : run_command(x, args, true);
}

int build_run_shell(struct arena *a, struct build_run *r, struct str script)
{
    struct run x = { .a = a, .r = r, .env = json_copy(a, r->env) };
    struct token end = { T_SEMI, STR(";") };
    int status = 0;
    while (end.kind != T_END && !x.exited) {
        bool skip = (end.kind == T_AND && status != 0) || (end.kind == T_OR && status == 0);
        int got = simple(&x, &script, skip, &end);
        if (got < 0) {
            SAY(&x, 2, "/bin/sh: 1: Syntax error: \"%s\" unexpected\n",
                end.raw.n ? arena_cstr(a, str_sub(end.raw, 0, 60)) : "end of file");
            return 2;
        }
        status = skip ? status : got;
        if (x.exit_on_error && !skip && status != 0 && end.kind != T_OR && end.kind != T_AND)
            break;
    }
    return status;
}

int build_run_argv(struct arena *a, struct build_run *r, char **argv, size_t argc)
{
    struct run x = { .a = a, .r = r, .env = json_copy(a, r->env) };
    struct argv args = { 0 };
    if (argc == 3 && strcmp(argv[1], "-c") == 0 && (strcmp(argv[0], "/bin/sh") == 0 || strcmp(argv[0], "sh") == 0))
        return build_run_shell(a, r, str_c(argv[2]));
    for (size_t i = 0; i < argc; i++)
        add_word(&x, &args, argv[i]);
    return run_command(&x, args, false);
}
