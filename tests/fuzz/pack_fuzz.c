/* tests/fuzz/pack_fuzz.c - any bytes are a pack of a lab, or an error; and so is any archive in good compression. */
#include "labs/labs_priv.h"

#include <zlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_one(const void *p, size_t n)
{
    struct arena *a = arena_new();
    struct err err = { 0 };
    const struct lab_source *s = pack_read(a, "f.lab", (struct str){ p, n }, &err);
    ASSERT(s || (err.code == ERR_PARSE && str_starts(str_c(err.msg), "f.lab is no pack")));
    for (size_t i = 0; s && i < s->n; i++)
        ASSERT(s->v[i].path[0] != '/' && !strstr(s->v[i].path, ".."));
    if (s && !lab_of_source(a, s, NULL, &err))
        ASSERT(err.code == ERR_PARSE);
    err_clear(&err);
    arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned char out[65536];
    z_stream z = { .next_in = (Bytef *)(uintptr_t)data, .avail_in = (uInt)size, .next_out = out, .avail_out = sizeof out };
    read_one(data, size);
    if (deflateInit2(&z, 1, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK && deflate(&z, Z_FINISH) == Z_STREAM_END)
        read_one(out, sizeof out - z.avail_out);
    deflateEnd(&z);
    return 0;
}
