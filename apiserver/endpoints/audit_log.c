/* apiserver/endpoints/audit_log.c - the audit log as a file: lines appended at the end of each turn, and a full file put aside.
 *
 * Upstream: apiserver pkg/server/options/audit.go (--audit-log-path, -maxsize, -maxbackup), and natefinch/lumberjack for the
 * rotation and the names of what was put aside: audit.log becomes audit-2020-01-24T23-49-33.028.log. When the file cannot be
 * written its lines are lost, as upstream's in mode batch, and it is said once. --audit-log-maxage is not looked at: that is a
 * matter of wall time, which files here do not live in.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "apiserver/apiserver_priv.h"

enum { BUFFER_BYTES = 4 * 1024 * 1024, FULL_BYTES = 100 * 1024 * 1024, BACKUPS_MAX = 1024 };

struct audit_file {
    struct loop  *loop;
    struct hook   hook;
    char         *path;
    int           fd;
    int64_t       size, max_bytes;
    int           max_backups;
    struct strbuf lines;                               /* of this turn */
    bool          failing;
};

static bool open_file(struct audit_file *f, struct err *err)
{
    f->fd = open(f->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (f->fd < 0) return err_set(err, ERR_IO, "can't open new logfile: open %s: %s", f->path, strerror(errno));
    f->size = lseek(f->fd, 0, SEEK_END);
    return true;
}

/* ---- rotation ---- */
/* The folder, and the file's name before and after its last dot: "audit" and ".log". */
struct parts { struct str dir, stem, ext; };

static struct parts parts_of(const struct audit_file *f)
{
    struct str path = str_c(f->path), name = str_c(path_base(f->path));
    size_t dot = name.n;
    while (dot && name.p[dot - 1] != '.') dot--;
    if (!dot) dot = name.n + 1;
    struct str dir = path.n > name.n ? str_sub(path, 0, path.n - name.n) : STR("./");
    return (struct parts){ dir, str_sub(name, 0, dot - 1), str_sub(name, dot - 1, name.n) };
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static bool is_backup(const struct parts *p, struct str name)
{
    enum { STAMP = sizeof "-2020-01-24T23-49-33.028" - 1 };
    if (name.n != p->stem.n + STAMP + p->ext.n || !str_eq(str_sub(name, 0, p->stem.n), p->stem)) return false;
    return name.p[p->stem.n] == '-' && str_eq(str_sub(name, p->stem.n + STAMP, name.n), p->ext);
}

/* Their names sort as they were made; the oldest go. */
static void remove_old(const struct audit_file *f, const struct parts *p, struct arena *a)
{
    DIR *d = opendir(arena_cstr(a, p->dir));
    char *names[BACKUPS_MAX];
    size_t n = 0;
    for (struct dirent *e; d && n < BACKUPS_MAX && (e = readdir(d));)
        if (is_backup(p, str_c(e->d_name))) names[n++] = arena_strdup(a, e->d_name);
    if (d) closedir(d);
    qsort(names, n, sizeof names[0], by_name);
    for (size_t i = 0; i + (size_t)f->max_backups < n; i++) unlink(arena_printf(a, STR_FMT "%s", STR_ARG(p->dir), names[i]));
}

static void rotate(struct audit_file *f)
{
    struct arena *a = arena_new();
    struct parts p = parts_of(f);
    char *stamp = arena_cstr(a, str_sub(time_rfc3339_micro(a, vtime_now(f->loop)), 0, strlen("2020-01-24T23:49:33.028")));
    stamp[13] = stamp[16] = '-';
    const char *aside = arena_printf(a, STR_FMT STR_FMT "-%s" STR_FMT, STR_ARG(p.dir), STR_ARG(p.stem), stamp, STR_ARG(p.ext));
    struct err err = { 0 };
    close(f->fd);
    if (rename(f->path, aside) != 0) log_msg(LOG_WARN, "apiserver", "audit log: can't rename log file: %s", strerror(errno));
    if (!open_file(f, &err)) log_msg(LOG_WARN, "apiserver", "audit log: %s", err.msg);
    err_clear(&err);
    if (f->max_backups) remove_old(f, &p, a);
    arena_free(a);
}

/* ---- lines ---- */
static void flush(struct audit_file *f)
{
    struct str rest = strbuf_str(&f->lines);
    if (rest.n && f->fd < 0) open_file(f, NULL);
    if (rest.n && f->fd >= 0 && f->size && f->size + (int64_t)rest.n > f->max_bytes) rotate(f);
    while (rest.n && f->fd >= 0) {
        ssize_t n = write(f->fd, rest.p, rest.n);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        f->size += n;
        rest = str_sub(rest, (size_t)n, rest.n);
    }
    if (rest.n && !f->failing) log_msg(LOG_WARN, "apiserver", "audit log: lines are lost: write %s: %s", f->path, strerror(errno));
    f->failing = rest.n > 0;
    strbuf_reset(&f->lines);
}

static void before_sleep(struct hook *h) { flush(container_of(h, struct audit_file, hook)); }

void audit_file_write(void *audit_file, struct str line)
{
    struct audit_file *f = audit_file;
    if (f->lines.n + line.n > BUFFER_BYTES) flush(f);
    strbuf_add(&f->lines, line);
}

struct audit_file *audit_file_open(struct loop *l, const char *path, int64_t max_bytes, int max_backups, struct err *err)
{
    struct audit_file *f = NEW(struct audit_file);
    f->loop = l;
    f->path = xstrdup(path);
    f->max_bytes = max_bytes > 0 ? max_bytes : FULL_BYTES;
    f->max_backups = max_backups;
    strbuf_init(&f->lines, BUFFER_BYTES);
    if (!open_file(f, err)) {
        free(f->path);
        free(f);
        return NULL;
    }
    loop_before_sleep(l, &f->hook, before_sleep);
    return f;
}

void audit_file_close(struct audit_file *f)
{
    if (!f) return;
    flush(f);
    hook_remove(&f->hook);
    if (f->fd >= 0) close(f->fd);
    strbuf_deinit(&f->lines);
    free(f->path);
    free(f);
}
