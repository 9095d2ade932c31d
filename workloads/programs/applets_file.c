/* workloads/programs/applets_file.c - busybox's commands about files, the machine and time: ls, env, date, sleep, ps
 * ... (coreutils/, procps/).
 *
 * Everything they tell comes from the container: its files, its host name, virtual time. Simplified: no owners but
 * root, no links, no permissions to change.
 */
#include "workloads/programs/applets.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static int stat_of(struct run *r, const char *name, struct sh_stat *st, char path[1024])
{
    return r->p->sh->ops->vfs.stat(r->p->sh->ctx, sh_path(r->p, name, path), st);
}

/* ---- ls ---- */
static void collect(void *ctx, const char *name)
{
    sh_fields_add(ctx, name, strlen(name));
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void ls_long(struct run *r, const char *name, const struct sh_stat *st)
{
    char mode[11] = "-rwxrwxrwx";
    int y, mo, d, h, mi, s, w;
    mode[0] = st->kind == SH_FILE_DIR ? 'd' : st->kind == SH_FILE_DEVICE ? 'c' : '-';
    unsigned bits = st->mode & 0777 ? st->mode & 0777 : st->kind == SH_FILE_DIR ? 0755u : 0644u;
    for (int i = 0; i < 9; i++)
        if (!(bits >> (8 - i) & 1))
            mode[1 + i] = '-';
    time_civil(st->mtime_ns / (int64_t)NS_PER_S, &y, &mo, &d, &h, &mi, &s, &w);
    OUT(r, "%s    1 root     root     %9" PRIu64 " %.3s %2d %02d:%02d %s\n", mode, st->size_bytes, time_month_name(mo), d, h,
        mi, name);
}

static void ls_names(struct run *r, struct fields *names, const char *dir, bool all, bool lng, bool one, bool reverse)
{
    char full[1200], path[1024];
    struct sh_stat st;
    if (names->n)
        qsort(names->v, names->n, sizeof *names->v, by_text);
    size_t longest = 0, shown = 0;
    for (size_t i = 0; i < names->n; i++)
        if (all || names->v[i][0] != '.')
            longest = strlen(names->v[i]) > longest ? strlen(names->v[i]) : longest, shown++;
    size_t width = longest + 2,
           columns = one || !r->p->sh->tty || r->p->fds[1]->kind != FILE_OUT ? 1 : (size_t)r->p->sh->columns / width;
    columns = columns ? columns : 1;
    size_t rows = (shown + columns - 1) / columns, k = 0;
    char **list = arena_alloc(r->arena, (shown + 1) * sizeof *list);
    for (size_t i = 0; i < names->n; i++)
        if (all || names->v[i][0] != '.')
            list[k++] = names->v[reverse ? names->n - 1 - i : i];
    for (size_t row = 0; lng ? row < shown : row < rows; row++) {
        if (lng) {
            snprintf(full, sizeof full, "%s%s%s", dir, *dir ? "/" : "", list[row]);
            if (stat_of(r, full, &st, path) == 0)
                ls_long(r, list[row], &st);
            continue;
        }
        for (size_t c = 0; c < columns && c * rows + row < shown; c++) {
            const char *name = list[c * rows + row];
            bool last = c + 1 >= columns || (c + 1) * rows + row >= shown;
            OUT(r, "%-*s%s", last ? 0 : (int)width, name, last ? "\n" : "");
        }
    }
}

static enum verdict do_ls(struct run *r)
{
    uint32_t flags;
    const char *values[32];
    char path[1024];
    struct sh_stat st;
    int first = applet_options(r, "la1AhdrtRFp", &flags, values);
    struct fields files = { 0 };
    if (first < 0)
        return run_done(r, 1);
    bool many = r->argc - first > 1, any = false;
    r->status = 0;
    char dot[] = ".", *here[] = { dot };
    char **names = first < r->argc ? r->argv + first : here;
    int count = first < r->argc ? r->argc - first : 1;
    for (int i = 0; i < count; i++) {
        int e = strcmp(sh_path(r->p, names[i], path), "/") == 0 ? (st.kind = SH_FILE_DIR, 0) : stat_of(r, names[i], &st, path);
        if (e) {
            ERR(r, "ls: %s: %s\n", names[i], sh_strerror(e));
            r->status = 1;
        } else if (st.kind != SH_FILE_DIR || flags & 32) {
            sh_fields_add(&files, names[i], strlen(names[i]));
            any = true;
        }
    }
    ls_names(r, &files, "", true, flags & 1, flags & 4, flags & 64);
    sh_fields_deinit(&files);
    for (int i = 0; i < count && !(flags & 32); i++) {
        if (strcmp(sh_path(r->p, names[i], path), "/") != 0 && (stat_of(r, names[i], &st, path) != 0 || st.kind != SH_FILE_DIR))
            continue;
        if (many)
            OUT(r, "%s%s:\n", any ? "\n" : "", names[i]);
        any = true;
        r->p->sh->ops->vfs.list(r->p->sh->ctx, path, collect, &files);
        if (flags & 2) {
            sh_fields_add(&files, ".", 1);
            sh_fields_add(&files, "..", 2);
        }
        if (flags & 1)
            OUT(r, "total %zu\n", files.n * 4);
        ls_names(r, &files, path, flags & (2 | 8), flags & 1, flags & 4, flags & 64);
        sh_fields_deinit(&files);
    }
    return run_done(r, r->status);
}

/* ---- changing files ---- */
static enum verdict do_mkdir(struct run *r)
{
    uint32_t flags;
    const char *values[32];
    char path[1024];
    int first = applet_options(r, "pm:", &flags, values);
    if (first < 0)
        return run_done(r, 1);
    r->status = 0;
    for (int i = first; i < r->argc; i++) {
        sh_path(r->p, r->argv[i], path);
        int e = 0;
        for (char *c = path + 1; flags & 1; c++) { /* each parent */
            if (*c && *c != '/')
                continue;
            char saved = *c;
            *c = '\0';
            e = r->p->sh->ops->vfs.mkdir(r->p->sh->ctx, path);
            e = e == EEXIST ? 0 : e;
            *c = saved;
            if (!saved || e)
                break;
        }
        if (!(flags & 1))
            e = r->p->sh->ops->vfs.mkdir(r->p->sh->ctx, path);
        if (e) {
            ERR(r, "mkdir: can't create directory '%s': %s\n", r->argv[i], sh_strerror(e));
            r->status = 1;
        }
    }
    return run_done(r, r->status);
}

static int remove_tree(struct run *r, const char *path, unsigned depth)
{
    struct sh_stat st;
    struct sh *s = r->p->sh;
    int e = s->ops->vfs.stat(s->ctx, path, &st);
    if (e == 0 && st.kind == SH_FILE_DIR && depth < 50) {
        struct fields names = { 0 };
        s->ops->vfs.list(s->ctx, path, collect, &names);
        for (size_t i = 0; i < names.n; i++)
            remove_tree(r, arena_printf(r->arena, "%s/%s", path, names.v[i]), depth + 1);
        sh_fields_deinit(&names);
    }
    return e ? e : s->ops->vfs.remove(s->ctx, path);
}

static enum verdict do_rm(struct run *r)           /* rm and rmdir */
{
    uint32_t flags;
    const char *values[32];
    char path[1024];
    struct sh_stat st;
    bool rmdir = strcmp(r->applet->name, "rmdir") == 0;
    int first = applet_options(r, "frRi", &flags, values);
    if (first < 0)
        return run_done(r, 1);
    r->status = 0;
    for (int i = first; i < r->argc; i++) {
        int e = stat_of(r, r->argv[i], &st, path);
        if (e == 0 && st.kind == SH_FILE_DIR && !rmdir && !(flags & 6))
            e = EISDIR;
        else if (e == 0 && rmdir && st.kind != SH_FILE_DIR)
            e = ENOTDIR;
        else if (e == 0)
            e = rmdir ? r->p->sh->ops->vfs.remove(r->p->sh->ctx, path) : remove_tree(r, path, 0);
        if (e && !(e == ENOENT && flags & 1)) {
            ERR(r, e == EISDIR ? "%s: '%s' is a directory\n" : "%s: can't remove '%s': %s\n", r->applet->name, r->argv[i],
                sh_strerror(e));
            r->status = 1;
        }
    }
    return run_done(r, r->status);
}

static enum verdict do_touch(struct run *r)
{
    char path[1024];
    r->status = 0;
    for (int i = 1; i < r->argc; i++) {
        int e = r->p->sh->ops->vfs.write(r->p->sh->ctx, sh_path(r->p, r->argv[i], path), STR_NULL, true);
        if (e) {
            ERR(r, "touch: %s: %s\n", r->argv[i], sh_strerror(e));
            r->status = 1;
        }
    }
    return run_done(r, r->status);
}

static enum verdict do_cp(struct run *r)           /* cp and mv, of files */
{
    uint32_t flags;
    const char *values[32];
    char from[1024], to[1024], target[2100];
    struct sh_stat st;
    struct str bytes;
    struct sh *s = r->p->sh;
    int first = applet_options(r, "farpi", &flags, values);
    if (first < 0 || r->argc - first < 2) {
        ERR(r, "Usage: %s [OPTIONS] SOURCE... DEST\n", r->applet->name);
        return run_done(r, 1);
    }
    r->status = 0;
    for (int i = first; i < r->argc - 1; i++) {
        bool dir = stat_of(r, r->argv[r->argc - 1], &st, to) == 0 && st.kind == SH_FILE_DIR;
        snprintf(target, sizeof target, dir ? "%s/%s" : "%s", to, path_base(r->argv[i]));
        int e = stat_of(r, r->argv[i], &st, from);
        if (e == 0 && st.kind == SH_FILE_DIR) {
            ERR(r, "%s: omitting directory '%s'\n", r->applet->name, r->argv[i]);
            r->status = 1;
            continue;
        }
        e = e ? e : s->ops->vfs.read(s->ctx, from, r->arena, &bytes);
        if (e) {
            ERR(r, "%s: can't stat '%s': %s\n", r->applet->name, r->argv[i], sh_strerror(e));
            r->status = 1;
            continue;
        }
        e = s->ops->vfs.write(s->ctx, target, bytes, false);
        if (e) {
            ERR(r, "%s: can't create '%s': %s\n", r->applet->name, target, sh_strerror(e));
            r->status = 1;
        } else if (r->applet->name[0] == 'm') {
            s->ops->vfs.remove(s->ctx, from);
        }
    }
    return run_done(r, r->status);
}

static enum verdict do_basename(struct run *r)     /* basename and dirname */
{
    if (r->argc < 2)
        return applet_fail(r, "missing operand");
    char *s = arena_strdup(r->arena, r->argv[1]);
    size_t n = strlen(s);
    while (n > 1 && s[n - 1] == '/')
        s[--n] = '\0';
    char *slash = strrchr(s, '/');
    if (r->applet->name[0] == 'd') {
        if (slash)
            slash[slash == s] = '\0';
        OUT(r, "%s\n", slash ? s : ".");
        return run_done(r, 0);
    }
    char *base = slash && n > 1 ? slash + 1 : s;
    if (r->argc > 2 && strlen(base) > strlen(r->argv[2]) && str_ends(str_c(base), r->argv[2]))
        base[strlen(base) - strlen(r->argv[2])] = '\0';
    OUT(r, "%s\n", base);
    return run_done(r, 0);
}

/* ---- who and where ---- */
static enum verdict do_env(struct run *r)
{
    size_t at = 0;
    struct str key;
    void *value;
    if (r->argc > 1)
        return applet_fail(r, "running programs is not in kubelab's busybox");
    while (map_next(r->p->vars, &at, &key, &value)) {
        struct var *v = value;
        if (v->exported && v->value)
            OUT(r, STR_FMT "=%s\n", STR_ARG(key), v->value);
    }
    return run_done(r, 0);
}

static enum verdict do_hostname(struct run *r)
{
    if (r->argc > 1 && r->argv[1][0] != '-')
        return applet_fail(r, "sethostname: Operation not permitted");
    OUT(r, "%s\n", r->p->sh->hostname);
    return run_done(r, 0);
}

static bool is_number(const char *text)
{
    int64_t n;
    return str_int(str_c(text), &n);
}

static enum verdict do_whoami(struct run *r)
{
    const char *user = r->p->sh->user;
    if (is_number(user))
        return applet_fail(r, "unknown uid %s", user);
    OUT(r, "%s\n", user);
    return run_done(r, 0);
}

/* "(wheel)", out of /etc/group; nothing where it is not there */
static const char *group_in_brackets(struct run *r, int64_t gid)
{
    struct sh *s = r->p->sh;
    struct str text;
    if (s->ops->vfs.read(s->ctx, "/etc/group", r->arena, &text) != 0)
        return "";
    while (text.p) {
        struct str line = str_token(&text, '\n'), name = str_token(&line, ':');
        int64_t n;
        if (line.p && (str_token(&line, ':'), line.p) && str_int(str_token(&line, ':'), &n) && n == gid)
            return arena_printf(r->arena, "(" STR_FMT ")", STR_ARG(name));
    }
    return "";
}

static enum verdict do_id(struct run *r)
{
    struct sh *s = r->p->sh;
    if (r->argc > 1 && (strcmp(r->argv[1], "-u") == 0 || strcmp(r->argv[1], "-g") == 0))
        OUT(r, "%" PRId64 "\n", r->argv[1][1] == 'u' ? s->uid : s->gid);
    else if (s->uid == 0 && s->gid == 0)
        OUT(r, "uid=0(root) gid=0(root) groups=10(wheel)\n");
    else if (is_number(s->user))
        OUT(r, "uid=%" PRId64 " gid=%" PRId64 "%s\n", s->uid, s->gid, group_in_brackets(r, s->gid));
    else
        OUT(r, "uid=%" PRId64 "(%s) gid=%" PRId64 "%s\n", s->uid, s->user, s->gid, group_in_brackets(r, s->gid));
    return run_done(r, 0);
}

static enum verdict do_uname(struct run *r)
{
    uint32_t flags;
    const char *values[32];
    int first = applet_options(r, "asnrvmpio", &flags, values);
    if (first < 0)
        return run_done(r, 1);
    const char *parts[] = { "Linux", r->p->sh->hostname, "4.15.0-74-generic", "#84-Ubuntu SMP Thu Dec 19 08:06:28 UTC 2019",
                            "x86_64" };
    bool any = false;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (!(flags & 1 || (flags == 0 && i == 0) || flags >> (i + 1) & 1))
            continue;
        OUT(r, "%s%s", any ? " " : "", parts[i]);
        any = true;
    }
    OUT(r, flags & (1 | 256) ? "%sGNU/Linux\n" : "%s\n", flags & (1 | 256) && any ? " " : "");
    return run_done(r, 0);
}

static void ps_line(void *ctx, const struct sh_process_info *p)
{
    struct run *r = ctx;
    OUT(r, "%5d %-8s  0:00 %s\n", p->pid, p->user, p->command);
}

static enum verdict do_ps(struct run *r)
{
    struct sh *s = r->p->sh;
    OUT(r, "PID   USER     TIME  COMMAND\n");
    if (s->ops->processes)
        s->ops->processes(s->ctx, ps_line, r);
    sh_processes(s, ps_line, r);
    return run_done(r, 0);
}

static enum verdict do_clear(struct run *r)
{
    OUT(r, "\033[H\033[J");
    return run_done(r, 0);
}

static enum verdict do_nproc(struct run *r)
{
    OUT(r, "2\n");
    return run_done(r, 0);
}

/* ---- time ---- */
static enum verdict do_date(struct run *r)
{
    const char *format = "%a %b %e %H:%M:%S %Z %Y";
    for (int i = 1; i < r->argc; i++) {
        if (r->argv[i][0] == '+')
            format = r->argv[i] + 1;
        else if (strcmp(r->argv[i], "-R") == 0)
            format = "%a, %d %b %Y %H:%M:%S +0000";
        else if (strcmp(r->argv[i], "-u") != 0)
            return applet_fail(r, "'%s' is not in kubelab's busybox", r->argv[i]);
    }
    int64_t ns = r->p->sh->ops->now_ns(r->p->sh->ctx), t = ns / (int64_t)NS_PER_S;
    int y, mo, d, h, mi, s, w;
    time_civil(t, &y, &mo, &d, &h, &mi, &s, &w);
    for (const char *f = format; *f; f++) {
        if (*f != '%' || !f[1]) {
            OUT(r, "%c", *f);
            continue;
        }
        switch (*++f) {
        case 'Y': OUT(r, "%d", y); break;
        case 'y': OUT(r, "%02d", y % 100); break;
        case 'm': OUT(r, "%02d", mo); break;
        case 'd': OUT(r, "%02d", d); break;
        case 'e': OUT(r, "%2d", d); break;
        case 'H': OUT(r, "%02d", h); break;
        case 'I': OUT(r, "%02d", h % 12 ? h % 12 : 12); break;
        case 'M': OUT(r, "%02d", mi); break;
        case 'S': OUT(r, "%02d", s); break;
        case 'N': OUT(r, "%09" PRId64, ns % (int64_t)NS_PER_S); break;
        case 'p': OUT(r, "%s", h < 12 ? "AM" : "PM"); break;
        case 's': OUT(r, "%" PRId64, t); break;
        case 'a': OUT(r, "%.3s", time_weekday_name(w)); break;
        case 'A': OUT(r, "%s", time_weekday_name(w)); break;
        case 'b': case 'h': OUT(r, "%.3s", time_month_name(mo)); break;
        case 'B': OUT(r, "%s", time_month_name(mo)); break;
        case 'F': OUT(r, "%d-%02d-%02d", y, mo, d); break;
        case 'D': OUT(r, "%02d/%02d/%02d", mo, d, y % 100); break;
        case 'T': OUT(r, "%02d:%02d:%02d", h, mi, s); break;
        case 'R': OUT(r, "%02d:%02d", h, mi); break;
        case 'u': OUT(r, "%d", w ? w : 7); break;
        case 'w': OUT(r, "%d", w); break;
        case 'Z': OUT(r, "UTC"); break;
        case 'z': OUT(r, "+0000"); break;
        case 'n': OUT(r, "\n"); break;
        case 't': OUT(r, "\t"); break;
        case '%': OUT(r, "%%"); break;
        default: OUT(r, "%%%c", *f);
        }
    }
    OUT(r, "\n");
    return run_done(r, 0);
}

static enum verdict do_sleep(struct run *r)
{
    static const struct { char suffix; double seconds; } UNITS[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
    double total = 0;
    if (r->phase++ > 0)
        return run_done(r, 0);
    if (r->argc < 2) {
        ERR(r, "BusyBox v1.31.1 multi-call binary.\n\nUsage: sleep [N]...\n");
        return run_done(r, 1);
    }
    for (int i = 1; i < r->argc; i++) {
        char *end;
        double v = strtod(r->argv[i], &end), unit = 1;
        bool ok = end != r->argv[i] && v >= 0 && isfinite(v);
        for (size_t k = 0; k < ARRAY_LEN(UNITS); k++) {
            if (ok && *end == UNITS[k].suffix && !end[1]) {
                unit = UNITS[k].seconds;
                end++;
            }
        }
        if (!ok || *end)
            return applet_fail(r, "invalid number '%s'", r->argv[i]);
        total += v * unit;
    }
    total = total > 1e9 ? 1e9 : total;
    r->p->sh->ops->sleep(r->p->sh->ctx, sh_proc_wait_token(r->p), (uint64_t)(total * 1e9));
    return RUN_WAIT;
}

static enum verdict do_missing(struct run *r)
{
    ERR(r, "%s: this applet is not in kubelab's busybox\n", r->argv[0]);
    return run_done(r, 127);
}

const struct applet sh_file_applets[] = {
    { "ls", do_ls, false, 90, "[-1AaCxdLHRFplinshrSXvctu] [-w WIDTH] [FILE]..." },
    { "mkdir", do_mkdir, false, 60, "[OPTIONS] DIRECTORY..." },
    { "rm", do_rm, false, 60, "[-irf] FILE..." },
    { "rmdir", do_rm, false, 60, NULL },
    { "touch", do_touch, false, 60, NULL },
    { "cp", do_cp, false, 70, NULL },
    { "mv", do_cp, false, 70, NULL },
    { "basename", do_basename, false, 50, NULL },
    { "dirname", do_basename, false, 50, NULL },
    { "env", do_env, false, 50, NULL },
    { "printenv", do_env, false, 50, NULL },
    { "hostname", do_hostname, false, 50, NULL },
    { "whoami", do_whoami, false, 50, NULL },
    { "id", do_id, false, 50, NULL },
    { "uname", do_uname, false, 50, "[-amnrspvio]" },
    { "ps", do_ps, false, 300, NULL },
    { "clear", do_clear, false, 40, NULL },
    { "nproc", do_nproc, false, 40, NULL },
    { "date", do_date, false, 60, NULL },
    { "sleep", do_sleep, false, 40, NULL },
    /* in the real busybox, and often tried: refused by name instead of "not found" */
    { "vi", do_missing, false, 50, NULL },
    { "top", do_missing, false, 50, NULL },
    { "awk", do_missing, false, 50, NULL },
    { "find", do_missing, false, 50, NULL },
    { "xargs", do_missing, false, 50, NULL },
    { "ping", do_missing, false, 50, NULL },
    { "nc", do_missing, false, 50, NULL },
    { "telnet", do_missing, false, 50, NULL },
    { "ip", do_missing, false, 50, NULL },
    { "ifconfig", do_missing, false, 50, NULL },
    { "netstat", do_missing, false, 50, NULL },
    { "free", do_missing, false, 50, NULL },
    { "df", do_missing, false, 50, NULL },
    { "du", do_missing, false, 50, NULL },
    { "mount", do_missing, false, 50, NULL },
    { "gzip", do_missing, false, 50, NULL },
    { "watch", do_missing, false, 50, NULL },
    { "timeout", do_missing, false, 50, NULL },
    { "less", do_missing, false, 50, NULL },
    { "more", do_missing, false, 50, NULL },
    { "chmod", do_missing, false, 50, NULL },
    { "chown", do_missing, false, 50, NULL },
    { "ln", do_missing, false, 50, NULL },
    { "dd", do_missing, false, 50, NULL },
    { "md5sum", do_missing, false, 50, NULL },
    { "expr", do_missing, false, 50, NULL },
    { "uptime", do_missing, false, 50, NULL },
    { "traceroute", do_missing, false, 50, NULL },
    { "httpd", do_missing, false, 50, NULL },
    { "su", do_missing, false, 50, NULL },
    { "killall", do_missing, false, 50, NULL },
    { 0 },
};
