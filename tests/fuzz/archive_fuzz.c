/* tests/fuzz/archive_fuzz.c - archives: what gzip's frame holds, or the bytes themselves, read as tar to its end or to where it
 * is damaged. What was read and may be written comes back the same, and every step takes a block at least, so that no input keeps
 * a reader for long. */
#include "sim/base/archive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_BYTES = 1 << 20 };

static void same_again(const struct tar_entry *e)
{
    struct strbuf out;
    struct tar_entry again;
    const char *why;
    strbuf_init(&out, 2 * MAX_BYTES);
    tar_add(&out, e);
    tar_end(&out);
    struct str rest = strbuf_str(&out);
    ASSERT(tar_next(&rest, &again, &why));
    ASSERT(strcmp(again.name, e->name) == 0 && again.type == e->type && again.mode == e->mode && str_eq(again.bytes, e->bytes));
    ASSERT(!tar_next(&rest, &again, &why) && !why && rest.n == (size_t)2 * TAR_BLOCK_BYTES);
    strbuf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct str tar = { (const char *)data, size };
    struct err err = { 0 };
    struct tar_entry e;
    const char *why;
    if (size > 1 && data[0] == 0x1f && !gzip_unpack(a, tar, MAX_BYTES, &tar, &err))
        ASSERT(err.code == ERR_PARSE || err.code == ERR_TOO_LARGE);
    for (size_t before = tar.n; tar_next(&tar, &e, &why); before = tar.n) {
        ASSERT(tar.n + TAR_BLOCK_BYTES <= before && e.bytes.n <= before);
        if (strlen(e.name) <= TAR_NAME_BYTES && e.bytes.n <= MAX_BYTES)
            same_again(&e);
    }
    err_clear(&err);
    arena_free(a);
    return 0;
}
