/* tests/fuzz/unpack_fuzz.c - any bytes are an archive that was handed in, or an error; so is any tar in good compression. What
 * comes out stays below a folder and within limits. */
#include "labs/unpack.h"
#include "sim/base/archive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_FILES = 20, MAX_BYTES = 1 << 20, MAX_DEPTH = 4 };
struct seen { size_t files, bytes; };

static bool see_file(void *ctx, const char *path, struct str bytes)
{
    struct seen *s = ctx;
    size_t slashes = 0;
    s->bytes += bytes.n;
    for (const char *p = path; *p; p++)
        slashes += *p == '/';
    ASSERT(++s->files <= MAX_FILES && s->bytes <= MAX_BYTES && slashes <= MAX_DEPTH);
    ASSERT(*path && *path != '/' && !strstr(path, "//") && strncmp(path, "../", 3) != 0 && !strstr(path, "/../") &&
           !str_ends(str_c(path), "/.."));
    return true;
}

static void see_left_out(void *ctx, const char *path, const char *why)
{
    (void)ctx;
    ASSERT(path && *why);
}

static void read_one(struct str bytes)
{
    static const struct unpack_limits limits = { MAX_FILES, MAX_BYTES, MAX_DEPTH };
    struct seen seen = { 0 };
    struct unpack_sink sink = { &seen, see_file, see_left_out };
    struct arena *a = arena_new();
    struct err err = { 0 };
    bool ok = unpack_read(a, bytes, &limits, &sink, &err);
    ASSERT(ok || ((err.code == ERR_INVALID || err.code == ERR_TOO_LARGE) &&
                  str_starts(str_c(err.msg), err.code == ERR_TOO_LARGE ? "" : "the archive ")));
    ASSERT(!ok || unpack_is_archive(bytes));
    err_clear(&err);
    arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct str bytes = { (const char *)data, size };
    read_one(bytes);
    read_one(gzip_pack(a, bytes, 1));
    arena_free(a);
    return 0;
}
