/* sim/cmd/build_context.c - a build's context as docker sends it: a tar archive, written by the command, read by the cluster.
 *
 * The size that the builder prints ("Sending build context to Docker daemon  3.072kB") is this archive's.
 */
#include "sim/base/archive.h"
#include "sim/cmd/cluster.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { DEPTH_MAX = 16 };

static void add_entry(struct strbuf *out, const char *name, char type, struct str bytes, const struct stat *st)
{
    struct tar_entry e = { .type = type, .mode = st->st_mode & 07777, .mtime_s = st->st_mtime, .bytes = bytes };
    snprintf(e.name, sizeof e.name, "%s", name);
    tar_add(out, &e);
}

static bool add_file(struct strbuf *out, const char *path, const char *name, const struct stat *st, struct err *err)
{
    struct arena *a = arena_new();
    struct str bytes;
    bool ok = file_read(path, LIMIT_BUILD_CONTEXT_BYTES, a, &bytes, err);
    if (ok)
        add_entry(out, name, TAR_FILE, bytes, st);
    arena_free(a);
    return ok;
}

static bool add_dir(struct arena *a, struct strbuf *out, const char *dir, const char *prefix, struct str ignore, int depth,
                    struct err *err)
{
    bool exceptions = str_find(ignore, STR("!")) >= 0;         /* then something below an ignored folder may be wanted */
    if (depth > DEPTH_MAX)
        return err_set(err, ERR_USAGE, "%s: folders are nested too deeply for a build context", dir);
    struct dirent **entries;
    int n = scandir(dir, &entries, NULL, alphasort);
    if (n < 0)
        return err_set(err, ERR_NOT_FOUND, "unable to prepare context: path \"%s\" not found", dir);
    bool ok = true;
    for (int i = 0; i < n; i++) {
        const char *base = entries[i]->d_name;
        const char *path = arena_printf(a, "%s/%s", dir, base), *name = arena_printf(a, "%s%s", prefix, base);
        struct stat st;
        bool dots = strcmp(base, ".") == 0 || strcmp(base, "..") == 0, ignored = !dots && dockerignore_excludes(ignore, str_c(name));
        if (ok && !dots && strlen(name) >= TAR_NAME_BYTES)
            ok = err_set(err, ERR_USAGE, "%s: name too long for a build context", name);
        else if (ok && !dots && stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
            if (!ignored)
                add_entry(out, arena_printf(a, "%s/", name), TAR_DIR, STR_NULL, &st);
            if (!ignored || exceptions)
                ok = add_dir(a, out, path, arena_printf(a, "%s/", name), ignore, depth + 1, err);
        } else if (ok && !dots && !ignored && S_ISREG(st.st_mode)) {
            ok = add_file(out, path, name, &st, err);
        }
        if (ok && out->overflow)
            ok = err_set(err, ERR_TOO_LARGE, "the build context is larger than %zu bytes", out->max);
        free(entries[i]);
    }
    free(entries);
    return ok;
}

bool build_context_write(const char *dir, struct strbuf *out, struct err *err)
{
    struct arena *a = arena_new();
    struct str ignore = STR_NULL;
    file_read(arena_printf(a, "%s/.dockerignore", dir), 1 << 20, a, &ignore, NULL);
    bool ok = add_dir(a, out, dir, "", ignore, 0, err);
    tar_end(out);
    arena_free(a);
    return ok;
}

bool build_context_read(struct arena *a, struct str tar, struct vfs *out, struct err *err)
{
    struct tar_entry e;
    const char *why;
    while (tar_next(&tar, &e, &why)) {
        const char *name = arena_printf(a, "/%s", e.name);
        bool ok = e.type == TAR_DIR    ? vfs_mkdir(out, name, e.mode)
                  : e.type == TAR_FILE ? vfs_put(out, name, e.bytes, e.mode, e.mtime_s * (int64_t)NS_PER_S)
                                       : true;
        if (!ok)
            return err_set(err, ERR_BAD_REQUEST, "the build context has a file and a folder named %s", name);
    }
    return !why || err_set(err, ERR_BAD_REQUEST, "the build context is not a tar archive: %s", why);
}
