/* labs/unpack.c - archives as people hand them in: what Gradescope, Moodle and GitHub make, GNU's, BSD's and Python's tar, and
 * zip programs. Read with distrust: whoever has made one chooses names, links, sizes and what lies where. Nothing is written
 * here; out come paths that stay below a folder, and bytes within limits, a bomb being stopped while it unfolds.
 *
 * Tar: ustar with GNU's long names and pax's `path` (sim/base/tar.c hands both out). Zip: APPNOTE.TXT's central directory, stored
 * and deflated; no encryption, no ZIP64, not in several parts, which files of 16 MB do not need.
 */
#include "labs/unpack.h"
#include "sim/base/archive.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <zlib.h>

enum { PATH_BYTES = 1024 };

struct reader {
    struct arena *a;
    const struct unpack_limits *limits;
    const struct unpack_sink *sink;
    struct map   *seen;                /* path -> anything: files and the folders that they lie in */
    size_t files, bytes;
    struct err *err;
};

/* ---- what both have ---- */
/* Without empty and `.` parts. NULL with err: it leads out, or is beyond the limits. */
static const char *clean_path(struct reader *r, struct str path)
{
    const char *out = "";
    size_t depth = 0;
    if (!path.n || path.n > PATH_BYTES || memchr(path.p, 0, path.n))
        return err_set(r->err, ERR_INVALID, "the archive has a file without a name, or with one longer than %d bytes", PATH_BYTES),
            NULL;
    if (path.p[0] == '/')
        return err_set(r->err, ERR_INVALID, "the archive has an absolute path, \"" STR_FMT "\": pack a folder", STR_ARG(path)), NULL;
    for (struct str rest = path; rest.p && rest.n;) {
        struct str part = str_token(&rest, '/');
        if (str_eqc(part, ".."))
            return err_set(r->err, ERR_INVALID, "the archive has a path that leads out of it, \"" STR_FMT "\"", STR_ARG(path)), NULL;
        if (!part.n || str_eqc(part, "."))
            continue;
        out = arena_printf(r->a, "%s%s" STR_FMT, out, *out ? "/" : "", STR_ARG(part));
        depth++;
    }
    if (depth > r->limits->depth + 1)
        return err_set(r->err, ERR_TOO_LARGE, "the archive's folders are nested more than %zu deep", r->limits->depth), NULL;
    return out;
}

/* A file where there is a file or a folder already, or in what is a file: who unpacks it would have the one or the other. */
static bool is_new(struct reader *r, const char *path)
{
    static char file, folder;
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        struct str above = { path, (size_t)(slash - path) };
        if (map_get(r->seen, above) == &file)
            return err_set(r->err, ERR_INVALID, "the archive has \"" STR_FMT "\" twice: as a file, and as a folder", STR_ARG(above));
        map_put(r->seen, above, &folder);
    }
    if (map_getc(r->seen, path))
        return err_set(r->err, ERR_INVALID, "the archive has \"%s\" twice", path);
    map_putc(r->seen, path, &file);
    return true;
}

static bool count_file(struct reader *r)
{
    return ++r->files <= r->limits->files || err_set(r->err, ERR_TOO_LARGE, "the archive has more than %zu files", r->limits->files);
}

static bool too_large(struct reader *r)
{
    return err_set(r->err, ERR_TOO_LARGE, "unpacked the archive is larger than %zu MB", r->limits->bytes >> 20);
}

static bool give(struct reader *r, const char *path, struct str bytes)
{
    if (bytes.n > r->limits->bytes - r->bytes)
        return too_large(r);
    r->bytes += bytes.n;
    return is_new(r, path) && r->sink->file(r->sink->ctx, path, bytes);
}

static bool leave_out(struct reader *r, const char *path, const char *why)
{
    r->sink->left_out(r->sink->ctx, path, why);
    return true;
}

static bool damaged(struct reader *r, const char *why) { return err_set(r->err, ERR_INVALID, "the archive is damaged: %s", why); }

/* ---- tar ---- */
/* A pax header's records, "LENGTH KEY=VALUE\n", of which the path counts; empty: it has none. */
static struct str pax_path(struct str records)
{
    struct str path = STR_NULL, head, rest, key, value;
    int64_t n;
    while (str_cut(records, ' ', &head, &rest) && str_int(head, &n) && n > (int64_t)head.n + 2 && n <= (int64_t)records.n) {
        struct str record = str_sub(records, head.n + 1, (size_t)n - 1);
        if (str_cut(record, '=', &key, &value) && str_eqc(key, "path"))
            path = value;
        records = str_sub(records, (size_t)n, records.n);
    }
    return path;
}

static bool tar_entry_read(struct reader *r, const struct tar_entry *e, struct str *name)
{
    struct str named = name->n ? *name : str_c(e->name);
    if (e->type == TAR_LONG_NAME || e->type == 'x') {        /* of the next entry: GNU's, pax's */
        *name = e->type == TAR_LONG_NAME ? tar_long_name(e) : pax_path(e->bytes);
        return true;
    }
    *name = STR_NULL;
    if (e->type == 'g' || e->type == 'K' || e->type == TAR_DIR || (e->type == TAR_FILE && str_ends(named, "/")))
        return true;                               /* of all, of a link, of folders: which are there by their files */
    const char *path = clean_path(r, named);
    if (!path || !count_file(r))
        return false;
    if (e->type == '1' || e->type == '2')
        return leave_out(r, path, "it is a link: links are not followed");
    if (e->type != TAR_FILE && e->type != '7')
        return leave_out(r, path, "it is neither a file nor a folder");
    return !*path || give(r, path, e->bytes);
}

static bool read_tar(struct reader *r, struct str tar)
{
    enum { ENTRIES_PER_FILE = 4 };                 /* folders and long names are entries, too */
    struct tar_entry e;
    struct str name = STR_NULL;
    const char *why = NULL;
    size_t n = 0;
    while (tar_next(&tar, &e, &why)) {
        if (++n > ENTRIES_PER_FILE * r->limits->files)
            return err_set(r->err, ERR_TOO_LARGE, "the archive has more than %zu entries", ENTRIES_PER_FILE * r->limits->files);
        if (!tar_entry_read(r, &e, &name))
            return false;
    }
    return !why || damaged(r, why);
}

/* ---- zip ---- */
enum { END_BYTES = 22, CENTRAL_BYTES = 46, LOCAL_BYTES = 30, COMMENT_MAX = 65535 };
enum { MADE_BY_UNIX = 3, ENCRYPTED = 1, STORED = 0, DEFLATED = 8 };
struct zip_entry { struct str name, packed; uint32_t crc, size; unsigned made_by, flags, method, mode; };

static uint32_t le(struct str s, size_t at, size_t n)
{
    uint32_t v = 0;
    for (size_t i = 0; i < n && at + i < s.n; i++)
        v |= (uint32_t)(unsigned char)s.p[at + i] << 8 * i;
    return v;
}

/* Where the central directory's end record begins; -1: nowhere. It stands last, before a comment. */
static ptrdiff_t zip_end(struct str zip)
{
    for (size_t back = END_BYTES; back <= zip.n && back <= END_BYTES + COMMENT_MAX; back++) {
        size_t at = zip.n - back;
        if (le(zip, at, 4) == 0x06054b50 && le(zip, at + 20, 2) == back - END_BYTES)
            return (ptrdiff_t)at;
    }
    return -1;
}

/* The entry at *at of the central directory, and where its bytes are. */
static bool zip_next(struct reader *r, struct str zip, size_t *at, struct zip_entry *e)
{
    size_t h = *at;
    if (h + CENTRAL_BYTES > zip.n || le(zip, h, 4) != 0x02014b50)
        return damaged(r, "its directory ends early");
    size_t name = le(zip, h + 28, 2), packed = le(zip, h + 20, 4), local = le(zip, h + 42, 4);
    *e = (struct zip_entry){ .made_by = le(zip, h + 5, 1), .flags = le(zip, h + 8, 2), .method = le(zip, h + 10, 2),
                             .crc = le(zip, h + 16, 4), .size = le(zip, h + 24, 4),
                             .mode = le(zip, h + 40, 2), .name = str_sub(zip, h + CENTRAL_BYTES, h + CENTRAL_BYTES + name) };
    *at = h + CENTRAL_BYTES + name + le(zip, h + 30, 2) + le(zip, h + 32, 2);
    if (*at > zip.n || local > zip.n || zip.n - local < LOCAL_BYTES || le(zip, local, 4) != 0x04034b50)
        return damaged(r, "a file is not where its directory says");
    size_t begin = local + LOCAL_BYTES + le(zip, local + 26, 2) + le(zip, local + 28, 2);
    if (begin > zip.n || packed > zip.n - begin)
        return damaged(r, "a file is longer than the rest of it");
    e->packed = str_sub(zip, begin, begin + packed);
    return true;
}

/* No more than it says that it is, which fits what is left of the limit. */
static bool zip_inflate(struct reader *r, const struct zip_entry *e, struct str *out)
{
    char *p = arena_alloc(r->a, e->size + 1);
    z_stream z = { .next_in = (Bytef *)(uintptr_t)e->packed.p, .avail_in = (uInt)e->packed.n, .next_out = (Bytef *)p,
                   .avail_out = (uInt)e->size + 1 };
    ASSERT(inflateInit2(&z, -MAX_WBITS) == Z_OK);
    int rc = inflate(&z, Z_FINISH);
    size_t n = z.total_out;
    inflateEnd(&z);
    *out = (struct str){ p, n };
    return rc == Z_STREAM_END && n == e->size;
}

static bool zip_entry_read(struct reader *r, const struct zip_entry *e)
{
    struct str bytes = e->packed;
    if (str_ends(e->name, "/"))
        return true;
    const char *path = clean_path(r, e->name);
    if (!path || !count_file(r))
        return false;
    unsigned type = e->made_by == MADE_BY_UNIX ? e->mode & S_IFMT : 0;
    if (type == S_IFLNK)
        return leave_out(r, path, "it is a link: links are not followed");
    if (e->flags & ENCRYPTED)
        return leave_out(r, path, "it is encrypted");
    if (e->method != STORED && e->method != DEFLATED)
        return leave_out(r, path, "it is compressed in a way that is not known here: deflate is");
    if (e->size > r->limits->bytes - r->bytes)
        return too_large(r);
    if (e->method == DEFLATED && !zip_inflate(r, e, &bytes))
        return damaged(r, arena_printf(r->a, "%s cannot be unpacked", path));
    if (bytes.n != e->size || crc32(0, (const Bytef *)bytes.p, (uInt)bytes.n) != e->crc)
        return damaged(r, arena_printf(r->a, "%s is not what it was", path));
    return give(r, path, bytes);
}

static bool read_zip(struct reader *r, struct str zip)
{
    ptrdiff_t end = zip_end(zip);
    if (end < 0)
        return damaged(r, "it is cut off, or no zip");
    size_t n = le(zip, (size_t)end + 10, 2), at = le(zip, (size_t)end + 16, 4);
    if (n == 0xffff || at == 0xffffffff)
        return err_set(r->err, ERR_TOO_LARGE, "the archive is a ZIP64: it is larger than anything that is handed in");
    for (size_t i = 0; i < n; i++) {
        struct zip_entry e = { 0 };
        if (!zip_next(r, zip, &at, &e) || !zip_entry_read(r, &e))
            return false;
    }
    return true;
}

/* ---- which one ---- */
static bool is_gzip(struct str b) { return str_starts(b, "\x1f\x8b\x08"); }
static bool is_zip(struct str b) { return str_starts(b, "PK\x03\x04") || str_starts(b, "PK\x05\x06"); }
static bool is_tar(struct str b) { return b.n >= TAR_BLOCK_BYTES && memcmp(b.p + 257, "ustar", 5) == 0; }

bool unpack_is_archive(struct str bytes) { return is_gzip(bytes) || is_zip(bytes) || is_tar(bytes); }

bool unpack_read(struct arena *a, struct str bytes, const struct unpack_limits *limits, const struct unpack_sink *sink,
                 struct err *err)
{
    struct reader r = { .a = a, .limits = limits, .sink = sink, .seen = map_new(), .err = err };
    size_t frame = 4 * limits->files * 2 * TAR_BLOCK_BYTES;        /* headers, and what fills blocks up */
    struct str tar = bytes;
    struct err why = { 0 };
    bool ok;
    if (is_zip(bytes))
        ok = read_zip(&r, bytes);
    else if (is_gzip(bytes) && !gzip_unpack(a, bytes, limits->bytes + frame, &tar, &why))
        ok = why.code == ERR_TOO_LARGE ? too_large(&r) : damaged(&r, why.msg);
    else
        ok = is_tar(tar) ? read_tar(&r, tar)
             : damaged(&r, is_gzip(bytes) ? "what is compressed is no tar" : "it is neither tar nor zip");
    err_clear(&why);
    map_free(r.seen, NULL);
    return ok;
}
