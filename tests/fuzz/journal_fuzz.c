/* tests/fuzz/journal_fuzz.c - any bytes are a journal, or an error; and what was read can be used as replay.c does. */
#include "sim/cmd/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct err err = { 0 };
    struct journal_file f;
    bool ok = journal_file_read(a, (struct str){ (const char *)data, size }, &f, &err);
    ASSERT(ok == (err.code == ERR_NONE));
    bool living = false;
    for (size_t i = 0; ok && i < f.n; i++) {
        struct str bytes;
        struct json *j = json_parse(a, f.lines[i].text, NULL);
        ASSERT(j != NULL);
        record_get_bytes(a, j, "body", &bytes);
        ASSERT(f.lines[i].kind != RECORD_UP || !living);
        ASSERT(f.lines[i].kind == RECORD_UP || living || f.lines[i].kind == RECORD_END);
        living = (living || f.lines[i].kind == RECORD_UP) && !record_is_life_end(f.lines[i].kind);
    }
    ASSERT(!living);
    err_clear(&err);
    arena_free(a);
    return 0;
}
