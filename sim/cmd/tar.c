/* sim/cmd/tar.c - a build's context as docker sends it: a ustar archive, written by the command, read by the cluster.
 *
 * 512-byte headers with octal fields, content padded to 512, two empty blocks at the end. The size that the builder prints ("Sending build context to
 * Docker daemon  3.072kB") is this archive's.
 */
#include "sim/cmd/cluster.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { BLOCK = 512, NAME_MAX_BYTES = 100, DEPTH_MAX = 16 };
struct tar_header {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100], magic[8], owner[32], group[32], major[8], minor[8], prefix[155], pad[12];
};
static_assert(sizeof(struct tar_header) == BLOCK, "a tar header is one block");

static unsigned header_sum(const struct tar_header *h)
{
    struct tar_header copy = *h;
    memset(copy.checksum, ' ', sizeof copy.checksum);
    unsigned sum = 0;
    for (size_t i = 0; i < sizeof copy; i++)
        sum += ((const unsigned char *)&copy)[i];
    return sum;
}

static void add_header(struct strbuf *out, const char *name, char type, size_t size, const struct stat *st)
{
    struct tar_header h;
    memset(&h, 0, sizeof h);
    snprintf(h.name, sizeof h.name, "%s", name);
    snprintf(h.mode, sizeof h.mode, "%07o", st->st_mode & 07777);
    snprintf(h.uid, sizeof h.uid, "%07o", 0);
    snprintf(h.gid, sizeof h.gid, "%07o", 0);
    snprintf(h.size, sizeof h.size, "%011zo", size);
    snprintf(h.mtime, sizeof h.mtime, "%011llo", (unsigned long long)st->st_mtime);
    h.type = type;
    memcpy(h.magic, "ustar\0" "00", 8);
    snprintf(h.checksum, sizeof h.checksum, "%06o", header_sum(&h));
    strbuf_add(out, (struct str){ (const char *)&h, sizeof h });
}

static bool add_file(struct strbuf *out, const char *path, const char *name, const struct stat *st, struct err *err)
{
    struct arena *a = arena_new();
    struct str bytes;
    bool ok = file_read(path, LIMIT_BUILD_CONTEXT_BYTES, a, &bytes, err);
    if (ok) {
        static const char zeros[BLOCK];
        add_header(out, name, '0', bytes.n, st);
        strbuf_add(out, bytes);
        strbuf_add(out, (struct str){ zeros, (BLOCK - bytes.n % BLOCK) % BLOCK });
    }
    arena_free(a);
    return ok;
}

static bool add_dir(struct arena *a, struct strbuf *out, const char *dir, const char *prefix, struct str ignore, int depth, struct err *err)
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
        if (ok && !dots && strlen(name) >= NAME_MAX_BYTES - 1)
            ok = err_set(err, ERR_USAGE, "%s: name too long for a build context", name);
        else if (ok && !dots && stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
            if (!ignored)
                add_header(out, arena_printf(a, "%s/", name), '5', 0, &st);
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

bool tar_write_dir(const char *dir, struct strbuf *out, struct err *err)
{
    static const char zeros[2 * BLOCK];
    struct arena *a = arena_new();
    struct str ignore = STR_NULL;
    file_read(arena_printf(a, "%s/.dockerignore", dir), 1 << 20, a, &ignore, NULL);
    bool ok = add_dir(a, out, dir, "", ignore, 0, err);
    strbuf_add(out, (struct str){ zeros, sizeof zeros });
    arena_free(a);
    return ok;
}

static bool octal(const char *field, size_t n, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < n && field[i] && field[i] != ' '; i++) {
        if (field[i] < '0' || field[i] > '7' || *out > UINT32_MAX)
            return false;
        *out = *out * 8 + (uint64_t)(field[i] - '0');
    }
    return true;
}

bool tar_read(struct arena *a, struct str tar, struct vfs *out, struct err *err)
{
    while (tar.n >= BLOCK && tar.p[0]) {
        struct tar_header h;
        memcpy(&h, tar.p, sizeof h);
        uint64_t size, mode, mtime, sum;
        if (!octal(h.size, sizeof h.size, &size) || !octal(h.mode, sizeof h.mode, &mode) || !octal(h.mtime, sizeof h.mtime, &mtime) ||
            !octal(h.checksum, sizeof h.checksum, &sum) || sum != header_sum(&h) || size > tar.n - BLOCK)
            return err_set(err, ERR_BAD_REQUEST, "the build context is not a tar archive");
        const char *name = arena_printf(a, "/%.*s", (int)strnlen(h.name, sizeof h.name), h.name);
        struct str bytes = str_sub(tar, BLOCK, BLOCK + (size_t)size);
        bool ok = h.type == '5' ? vfs_mkdir(out, name, (unsigned)mode) : h.type == '0' ? vfs_put(out, name, bytes, (unsigned)mode, (int64_t)mtime * (int64_t)NS_PER_S) : true;
        if (!ok)
            return err_set(err, ERR_BAD_REQUEST, "the build context has a file and a folder named %s", name);
        size_t skip = BLOCK + ((size_t)size + BLOCK - 1) / BLOCK * BLOCK;
        tar = str_sub(tar, skip, tar.n);
    }
    return true;
}
