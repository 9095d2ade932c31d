/* labs/source.c - a lab's files from a pack (pack.c), or from a folder on disk: all regular files below it, in order of path.
 * What would make a lab unlike what is in the binary is refused: links, files and folders without end, names with odd characters.
 */
#include "labs/labs_priv.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { MAX_FILES = 2000, MAX_DEPTH = 8, MAX_BYTES = 32 * 1024 * 1024 };

struct walk { struct arena *a; struct lab_source *s; size_t bytes; struct err *err; };

static int is_shown(const struct dirent *e) { return e->d_name[0] != '.'; }

static bool walk_folder(struct walk *w, const char *below, int depth);

static bool walk_one(struct walk *w, const char *path, int depth)
{
    struct stat st;
    const char *full = arena_printf(w->a, "%s/%s", w->s->from, path);
    if (lstat(full, &st) != 0)
        return err_set(w->err, ERR_IO, "%s: %s", full, strerror(errno));
    if (S_ISDIR(st.st_mode))
        return walk_folder(w, path, depth + 1);
    if (!S_ISREG(st.st_mode))
        return err_set(w->err, ERR_PARSE, "%s is neither a file nor a folder: a lab has nothing else", full);
    w->bytes += (size_t)st.st_size;
    if (w->s->n == MAX_FILES || w->bytes > MAX_BYTES)
        return err_set(w->err, ERR_PARSE, "%s is too large for a lab: at most %d files and %d MB", w->s->from, MAX_FILES,
                       MAX_BYTES >> 20);
    struct lab_bytes *f = &w->s->v[w->s->n++];
    f->path = path;
    return file_read(full, MAX_BYTES, w->a, &f->bytes, w->err);
}

static bool walk_folder(struct walk *w, const char *below, int depth)
{
    struct dirent **names;
    if (depth > MAX_DEPTH)
        return err_set(w->err, ERR_PARSE, "%s/%s: a lab's folders are at most %d deep", w->s->from, below, MAX_DEPTH);
    int n = scandir(arena_printf(w->a, "%s/%s", w->s->from, below), &names, is_shown, alphasort);
    bool ok = n >= 0 || err_set(w->err, ERR_IO, "%s/%s: %s", w->s->from, below, strerror(errno));
    for (int i = 0; i < n; i++) {
        ok = ok && walk_one(w, arena_printf(w->a, "%s%s%s", below, *below ? "/" : "", names[i]->d_name), depth);
        free(names[i]);
    }
    if (n >= 0)
        free(names);
    return ok;
}

static int by_path(const void *x, const void *y)
{
    return strcmp(((const struct lab_bytes *)x)->path, ((const struct lab_bytes *)y)->path);
}

static struct lab_source *open_folder(struct arena *a, const char *what, const char *full, struct err *err)
{
    struct lab_source *s = ARENA_NEW(a, struct lab_source);
    *s = (struct lab_source){ .from = full, .where = arena_strdup(a, what), .v = arena_zalloc(a, MAX_FILES * sizeof *s->v) };
    struct walk w = { .a = a, .s = s, .err = err };
    if (!walk_folder(&w, "", 0))
        return NULL;
    qsort(s->v, s->n, sizeof *s->v, by_path);
    return s;
}

struct lab_source *source_open(struct arena *a, const char *what, struct err *err)
{
    struct stat st;
    char *real = realpath(what, NULL);
    const char *full = real ? arena_strdup(a, real) : NULL;
    free(real);
    if (!full || stat(full, &st) != 0) {
        err_set(err, ERR_USAGE, "there is no lab \"%s\"; 'kubelab lab list' names them", what);
        return NULL;
    }
    if (S_ISDIR(st.st_mode))
        return open_folder(a, what, full, err);
    struct str bytes;
    if (!S_ISREG(st.st_mode) || !file_read(full, MAX_BYTES, a, &bytes, err)) {
        err_set(err, ERR_USAGE, "%s is no lab: neither a folder nor a pack", what);
        return NULL;
    }
    struct lab_source *s = pack_read(a, what, bytes, err);
    if (s) {
        s->from = full;
        s->pack = true;
    }
    return s;
}
