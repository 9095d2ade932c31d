/* sim/cmd/journal_files.c - which of the nodes' files were written by somebody else than the cluster: a student with sudo and an
 * editor.
 *
 * What the cluster itself writes goes through file_write, and is remembered by inode, time and size. When a component looks at a
 * file (file_look, before it reads, lists or asks) that is not as it was left, somebody else was there. It is told at that
 * moment, and not when the file was written: nothing in the cluster can have noticed before. Only files that components read are
 * watched; container logs are the cluster's own.
 */
#include "sim/cmd/journal.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

struct stamp { int64_t mtime_ns, size; };
struct journal_files {
    char       *dir;                               /* with a slash at its end */
    struct map *stamps;                            /* device and inode -> struct stamp, as it was left or seen */
    struct map *there;                             /* path -> itself: was there when it was last looked at */
    void      (*seen)(void *ctx, const char *path, unsigned mode, struct str text);
    void       *ctx;
    bool        busy;                              /* reading for ourselves */
};

/* Below a node's root. */
static const char *const roots[] = { "etc/", "lib/systemd/", "var/lib/kubelet/" };

/* "node/etc/x" or "nodes/worker1/etc/x" -> "etc/x"; empty: neither */
static struct str in_node(struct str path)
{
    struct str head, rest = STR_NULL;
    str_cut(path, '/', &head, &rest);
    if (str_eqc(head, "nodes"))
        str_cut(rest, '/', &head, &rest);
    else if (!str_eqc(head, "node"))
        rest = STR_NULL;
    return rest;
}

bool journal_file_belongs(struct str path)
{
    struct str rest = in_node(path), part, words = path;
    bool below = false;
    for (size_t i = 0; i < ARRAY_LEN(roots); i++)
        below = below || (str_starts(rest, roots[i]) && rest.n > strlen(roots[i]));
    while (words.p) {
        part = str_token(&words, '/');
        if (!part.n || str_eqc(part, ".") || str_eqc(part, "..") || str_chr(part, '\0') >= 0)
            return false;
    }
    return below;
}

/* NULL: not one of ours */
static const char *relative(const struct journal_files *f, const char *path)
{
    size_t n = strlen(f->dir);
    return strncmp(path, f->dir, n) == 0 && journal_file_belongs(str_c(path + n)) ? path + n : NULL;
}

static struct str inode_key(const struct stat *st, char buf[64])
{
    int n = snprintf(buf, 64, "%llu %llu", (unsigned long long)st->st_dev, (unsigned long long)st->st_ino);
    return (struct str){ buf, (size_t)n };
}

static void remember(struct journal_files *f, const struct stat *st)
{
    char buf[64];
    struct stamp *s = NEW(struct stamp);
    *s = (struct stamp){ st->st_mtim.tv_sec * (int64_t)NS_PER_S + st->st_mtim.tv_nsec, st->st_size };
    free(map_put(f->stamps, inode_key(st, buf), s));
}

static bool is_known(const struct journal_files *f, const struct stat *st)
{
    char buf[64];
    const struct stamp *s = map_get(f->stamps, inode_key(st, buf));
    return s && s->mtime_ns == st->st_mtim.tv_sec * (int64_t)NS_PER_S + st->st_mtim.tv_nsec && s->size == st->st_size;
}

static bool read_quietly(struct journal_files *f, struct arena *a, const char *path, struct str *text)
{
    struct err err = { 0 };
    f->busy = true;
    bool ok = file_read(path, LIMIT_YAML_BYTES, a, text, &err);
    f->busy = false;
    err_clear(&err);
    return ok;
}

static void look_at_file(struct journal_files *f, const char *path)
{
    const char *name = relative(f, path);
    struct stat st;
    if (!name)
        return;
    struct arena *a = arena_new();
    struct str text = STR_NULL;
    if (stat(path, &st) != 0) {
        if (map_take(f->there, str_c(name)))
            f->seen(f->ctx, name, 0, STR_NULL);
    } else if (S_ISREG(st.st_mode)) {
        map_put(f->there, str_c(name), f);
        if (!is_known(f, &st) && read_quietly(f, a, path, &text)) {
            remember(f, &st);
            f->seen(f->ctx, name, st.st_mode & 07777, text.p ? text : STR(""));
        }
    }
    arena_free(a);
}

/* What was in it and is gone. */
static void look_for_lost(struct journal_files *f, const char *dir)
{
    struct arena *a = arena_new();
    struct str path;
    void *value;
    const char *prefix = arena_printf(a, "%s/", dir + strlen(f->dir));
    for (size_t cursor = 0; map_next(f->there, &cursor, &path, &value);)
        if (str_starts(path, prefix) && str_chr(str_sub(path, strlen(prefix), path.n), '/') < 0)
            look_at_file(f, arena_printf(a, "%s" STR_FMT, f->dir, STR_ARG(path)));
    arena_free(a);
}

static void look_at_dir(struct journal_files *f, const char *path, DIR *d)
{
    struct arena *a = arena_new();
    for (struct dirent *e; (e = readdir(d));)
        if (e->d_name[0] != '.')
            look_at_file(f, arena_printf(a, "%s/%s", path, e->d_name));
    look_for_lost(f, path);
    arena_free(a);
}

static void on_look(void *ctx, const char *path)
{
    struct journal_files *f = ctx;
    if (f->busy || strncmp(path, f->dir, strlen(f->dir)) != 0)
        return;
    DIR *d = opendir(path);
    if (d) {
        look_at_dir(f, path, d);
        closedir(d);
    } else {
        look_at_file(f, path);
    }
}

static void on_wrote(void *ctx, const char *path)
{
    struct journal_files *f = ctx;
    const char *name = relative(f, path);
    struct stat st;
    if (!name || stat(path, &st) != 0)
        return;
    remember(f, &st);
    map_put(f->there, str_c(name), f);
}

/* ---- all of them ---- */
struct all {
    struct journal_files *f;
    struct arena *a;
    char        **paths;
    size_t        n;
};

static void collect(struct all *all, const char *dir)
{
    DIR *d = opendir(dir);
    struct stat st;
    for (struct dirent *e; d && (e = readdir(d));) {
        char *path = arena_printf(all->a, "%s/%s", dir, e->d_name);
        if (e->d_name[0] == '.' || lstat(path, &st) != 0)
            continue;
        if (S_ISDIR(st.st_mode))
            collect(all, path);
        if (!S_ISREG(st.st_mode) || !relative(all->f, path))
            continue;
        all->paths = arena_realloc(all->a, all->paths, all->n * sizeof *all->paths, (all->n + 1) * sizeof *all->paths);
        all->paths[all->n++] = path;
    }
    if (d)
        closedir(d);
}

static int by_name(const void *x, const void *y) { return strcmp(*(char *const *)x, *(char *const *)y); }

void journal_files_all(struct journal_files *f, void (*visit)(void *ctx, const char *path, unsigned mode, struct str text), void *ctx)
{
    struct all all = { .f = f, .a = arena_new() };
    struct str text;
    struct stat st;
    collect(&all, arena_printf(all.a, "%snode", f->dir));
    collect(&all, arena_printf(all.a, "%snodes", f->dir));
    if (all.n)
        qsort(all.paths, all.n, sizeof *all.paths, by_name);
    for (size_t i = 0; i < all.n; i++)
        if (stat(all.paths[i], &st) == 0 && read_quietly(f, all.a, all.paths[i], &text)) {
            remember(f, &st);
            map_put(f->there, str_c(all.paths[i] + strlen(f->dir)), f);
            visit(ctx, all.paths[i] + strlen(f->dir), st.st_mode & 07777, text.p ? text : STR(""));
        }
    arena_free(all.a);
}

/* ---- life ---- */
static const struct file_watch watch = { on_look, on_wrote };

struct journal_files *journal_files_new(const char *dir, void (*seen)(void *ctx, const char *path, unsigned mode, struct str text),
                                        void *ctx)
{
    struct journal_files *f = NEW(struct journal_files);
    struct arena *a = arena_new();
    f->dir = xstrdup(arena_printf(a, "%s/", dir));
    f->stamps = map_new();
    f->there = map_new();
    f->seen = seen;
    f->ctx = ctx;
    arena_free(a);
    file_watch_set(&watch, f);
    return f;
}

void journal_files_free(struct journal_files *f)
{
    if (!f)
        return;
    file_watch_set(NULL, NULL);
    map_free(f->stamps, free);
    map_free(f->there, NULL);
    free(f->dir);
    free(f);
}
