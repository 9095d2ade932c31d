/* sim/base/gzip.c - bytes in and out of gzip's frame, whole: answers of the API server, journals, packs of labs. */
#include "sim/base/archive.h"

#include <zlib.h>

enum { GZIP_WINDOW_BITS = 15 + 16 /* zlib: with gzip's frame */, GZIP_MEM_LEVEL = 8 /* zlib's default */ };

struct str gzip_pack(struct arena *a, struct str bytes, int level)
{
    z_stream z = { .next_in = (Bytef *)(uintptr_t)bytes.p, .avail_in = (uInt)bytes.n };
    ASSERT(deflateInit2(&z, level, Z_DEFLATED, GZIP_WINDOW_BITS, GZIP_MEM_LEVEL, Z_DEFAULT_STRATEGY) == Z_OK);
    size_t cap = deflateBound(&z, (uLong)bytes.n);
    char *out = arena_alloc(a, cap);
    z.next_out = (Bytef *)out;
    z.avail_out = (uInt)cap;
    ASSERT(deflate(&z, Z_FINISH) == Z_STREAM_END);
    size_t n = z.total_out;
    deflateEnd(&z);
    return (struct str){ out, n };
}

bool gzip_unpack(struct arena *a, struct str bytes, size_t max, struct str *out, struct err *err)
{
    z_stream z = { .next_in = (Bytef *)(uintptr_t)bytes.p, .avail_in = (uInt)bytes.n };
    struct strbuf b;
    char chunk[65536];
    int rc;
    strbuf_init(&b, max);
    ASSERT(inflateInit2(&z, GZIP_WINDOW_BITS) == Z_OK);
    do {
        z.next_out = (Bytef *)chunk;
        z.avail_out = sizeof chunk;
        rc = inflate(&z, Z_NO_FLUSH);
        strbuf_add(&b, (struct str){ chunk, sizeof chunk - z.avail_out });
    } while (rc == Z_OK && !b.overflow);
    inflateEnd(&z);
    bool ok = rc == Z_STREAM_END && !z.avail_in && !b.overflow;
    if (b.overflow)
        err_set(err, ERR_TOO_LARGE, "unpacked it is larger than %zu MB", max / (1024 * 1024));
    else if (rc == Z_STREAM_END && z.avail_in)
        err_set(err, ERR_PARSE, "something follows its gzip data at byte %lu", z.total_in);
    else if (!ok)
        err_set(err, ERR_PARSE, "its gzip data are damaged or cut off near byte %lu", z.total_in);
    else
        *out = arena_str(a, strbuf_str(&b));
    strbuf_deinit(&b);
    return ok;
}
