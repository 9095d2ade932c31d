/* sim/base/file.c - whole files in and out. Error texts are what Go's os package prints: "open /x: no such file or directory".
 *
 * A missing file is ERR_NOT_FOUND, one over the maximum ERR_TOO_LARGE, all else ERR_IO. Writing is atomic: a reader, or a
 * restart after a crash, sees the old bytes or the new ones. These calls block; they are for start-up, the node's few files and
 * the data folder.
 */
#include "sim/base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* errno as Go words it: libc's text, beginning in lower case. Returns false. */
static bool fail(struct err *err, const char *verb, const char *path, int error)
{
    const char *text = strerror(error);
    char first = text[0];
    if (first >= 'A' && first <= 'Z' && !(text[1] >= 'A' && text[1] <= 'Z'))
        first = (char)(first + ('a' - 'A'));
    return err_set(err, error == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s %s: %c%s", verb, path, first, text[0] ? text + 1 : "");
}

static const struct file_watch *watch;
static void *watch_ctx;

void file_watch_set(const struct file_watch *w, void *ctx)
{
    watch = w;
    watch_ctx = ctx;
}

void file_look(const char *path)
{
    if (watch)
        watch->looked(watch_ctx, path);
}

static bool read_all(int fd, struct strbuf *b)
{
    char chunk[16 * 1024];
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n == 0)
            return true;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        strbuf_add(b, (struct str){ chunk, (size_t)n });
        if (b->overflow)
            return true;
    }
}

bool file_read(const char *path, size_t max, struct arena *a, struct str *out, struct err *err)
{
    file_look(path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail(err, "open", path, errno);
    struct strbuf b;
    strbuf_init(&b, max);
    bool ok = read_all(fd, &b);
    int error = errno;
    close(fd);
    if (!ok)
        fail(err, "read", path, error);
    else if (b.overflow)
        ok = err_set(err, ERR_TOO_LARGE, "read %s: larger than %zu bytes", path, max);
    else
        *out = arena_str(a, strbuf_str(&b));
    strbuf_deinit(&b);
    return ok;
}

static bool write_all(int fd, struct str bytes)
{
    while (bytes.n > 0) {
        ssize_t n = write(fd, bytes.p, bytes.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        bytes = str_sub(bytes, (size_t)n, bytes.n);
    }
    return true;
}

const char *path_base(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    return slash ? slash + 1 : path ? path : "";
}

/* Makes the new name itself durable. Some file systems cannot sync a folder; the bytes are safe all the same. */
static void sync_parent(struct arena *a, const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;
    const char *dir = !slash ? "." : n == 0 ? "/" : arena_cstr(a, (struct str){ path, n });
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)fsync(fd);
    close(fd);
}

static bool durable;

void file_write_durably(bool yes)
{
    durable = yes;
}

static bool write_temporary(const char *tmp, const char *path, struct str bytes, unsigned mode, struct err *err)
{
    unlink(tmp);                                   /* left by a process of the same number that crashed */
    int fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(err, "open", path, errno);
    bool ok = fchmod(fd, (mode_t)mode) == 0 && write_all(fd, bytes) && (!durable || fsync(fd) == 0);
    int error = errno;
    if (close(fd) != 0 && ok) {
        ok = false;
        error = errno;
    }
    return ok ? true : fail(err, "write", path, error);
}

/* A device is written to, and never replaced: `--out /dev/null` by root would else leave a file there. A link is not followed. */
static bool is_device(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISCHR(st.st_mode);
}

static bool write_device(const char *path, struct str bytes, struct err *err)
{
    int fd = open(path, O_WRONLY | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return fail(err, "open", path, errno);
    bool ok = write_all(fd, bytes);
    int error = errno;
    close(fd);
    return ok ? true : fail(err, "write", path, error);
}

bool file_write(const char *path, struct str bytes, unsigned mode, struct err *err)
{
    if (is_device(path))
        return write_device(path, bytes, err);
    struct arena *a = arena_new();
    const char *tmp = arena_printf(a, "%s.tmp-%ld", path, (long)getpid());
    bool ok = write_temporary(tmp, path, bytes, mode, err);
    if (ok && rename(tmp, path) != 0)
        ok = fail(err, "rename", path, errno);
    if (!ok)
        unlink(tmp);
    else if (durable)
        sync_parent(a, path);
    if (ok && watch)
        watch->wrote(watch_ctx, path);
    arena_free(a);
    return ok;
}

static bool make_one(const char *path, mode_t mode, struct err *err)
{
    struct stat st;
    if (mkdir(path, mode) == 0)
        return true;
    int error = errno;
    if (stat(path, &st) == 0) {                    /* also when the parent is read-only: existing is success */
        if (S_ISDIR(st.st_mode))
            return true;
        error = ENOTDIR;
    }
    return fail(err, "mkdir", path, error);
}

bool dir_make(const char *path, unsigned mode, struct err *err)
{
    struct stat st;
    if (*path == '\0')
        return fail(err, "mkdir", path, ENOENT);
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))   /* mostly it is there: a container's, each time its log is saved */
        return true;
    char *copy = xstrdup(path);
    bool ok = true;
    for (char *slash = strchr(copy + 1, '/'); ok && slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        ok = make_one(copy, (mode_t)mode | 0700, err);
        *slash = '/';
    }
    ok = ok && make_one(copy, (mode_t)mode, err);
    free(copy);
    return ok;
}
