/* sim/cmd/copy.c - a folder copied with distrust: regular files, folders and the node's own links; sockets are a running cluster's,
 * and what else there is, nobody wants. */
#include "sim/cmd/cmd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_DEPTH = 24 };
struct copier { struct arena *a; const struct copy_rules *rules; size_t files, bytes; struct err *err; };

static bool failed(struct copier *c)
{
    return err_set(c->err, ERR_IO, "%s cannot be copied: %s", c->rules->what, strerror(errno));
}

static bool counts(struct copier *c, size_t bytes)
{
    c->bytes += bytes;
    if (c->files > c->rules->files)
        return err_set(c->err, ERR_TOO_LARGE, "%s has more than %zu files", c->rules->what, c->rules->files);
    return c->bytes <= c->rules->bytes ||
           err_set(c->err, ERR_TOO_LARGE, "%s is larger than %zu MB", c->rules->what, c->rules->bytes >> 20);
}

static bool copy_bytes(struct copier *c, int from, int to)
{
    char chunk[64 * 1024];
    ssize_t n;
    while ((n = read(from, chunk, sizeof chunk)) > 0) {
        if (!counts(c, (size_t)n))
            return false;
        if (write(to, chunk, (size_t)n) != n)
            return failed(c);
    }
    return n == 0 || failed(c);
}

static bool copy_file(struct copier *c, int from, const char *to, const struct stat *st)
{
    mode_t mode = st->st_mode & c->rules->mode;
    c->files++;
    if (!counts(c, 0))
        return false;
    int fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return failed(c);
    bool ok = copy_bytes(c, from, fd) && (mode == 0600 || fchmod(fd, mode) == 0 || failed(c));
    close(fd);
    return ok;
}

/* The node has two links: to the certificate of now, which lies beside it, and to a unit that is enabled, which is never followed. Any
 * other is left out: what it leads to is the machine's. */
static bool copy_link(struct copier *c, int dir, const char *name, const char *copy)
{
    char target[512];
    ssize_t n = readlinkat(dir, name, target, sizeof target - 1);
    if (n <= 0 || n >= (ssize_t)sizeof target - 1)
        return true;
    target[n] = 0;
    bool beside = !strchr(target, '/') && strcmp(target, ".") != 0 && strcmp(target, "..") != 0;
    if (!beside && strcmp(target, arena_printf(c->a, "/lib/systemd/system/%s", name)) != 0)
        return true;
    return symlink(target, copy) == 0 || failed(c);
}

static bool copy_folder(struct copier *c, int dir, const char *to, mode_t mode, int depth);

static bool copy_entry(struct copier *c, int dir, const char *name, const char *to, int depth)
{
    struct stat st;
    const char *copy = arena_printf(c->a, "%s/%s", to, name);
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode) && !S_ISLNK(st.st_mode)))
        return true;
    if (S_ISLNK(st.st_mode))
        return copy_link(c, dir, name, copy);
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | (S_ISDIR(st.st_mode) ? O_DIRECTORY : 0));
    if (fd < 0)
        return err_set(c->err, ERR_INVALID, "%s cannot be read: %s: %s", c->rules->what, name, strerror(errno));
    bool ok = S_ISDIR(st.st_mode) ? copy_folder(c, fd, copy, st.st_mode, depth + 1) : copy_file(c, fd, copy, &st);
    close(fd);
    return ok;
}

static bool copy_folder(struct copier *c, int dir, const char *to, mode_t mode, int depth)
{
    struct dirent **names;
    if (depth > MAX_DEPTH)
        return err_set(c->err, ERR_TOO_LARGE, "the folders of %s are nested more than %d deep", c->rules->what, MAX_DEPTH);
    mode = (mode & c->rules->mode) | 0700;
    if (mkdir(to, 0700) != 0 || (mode != 0700 && chmod(to, mode) != 0))
        return failed(c);
    int n = scandirat(dir, ".", &names, NULL, alphasort);
    bool ok = n >= 0 || err_set(c->err, ERR_INVALID, "%s cannot be read: %s", c->rules->what, strerror(errno));
    for (int i = 0; i < n; i++) {
        bool dots = strcmp(names[i]->d_name, ".") == 0 || strcmp(names[i]->d_name, "..") == 0;
        ok = ok && (dots || copy_entry(c, dir, names[i]->d_name, to, depth));
        free(names[i]);
    }
    if (n >= 0)
        free(names);
    return ok;
}

bool folder_copy(struct arena *a, int from, const char *to, const struct copy_rules *rules, struct err *err)
{
    struct copier c = { .a = a, .rules = rules, .err = err };
    struct stat st;
    return (fstat(from, &st) == 0 || failed(&c)) && copy_folder(&c, from, to, st.st_mode, 0);
}
