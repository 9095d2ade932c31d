/* tests/fuzz/json_fuzz.c - whatever parses must write, parse again and be equal; whatever does not must say why. */
#include "sim/base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct err err = { 0 };
    struct str text = { (const char *)data, size };
    size_t used = 0;
    struct json *j = json_parse(a, text, &err);
    if (j) {
        struct str once = json_text(a, j);
        struct json *again = json_parse(a, once, &err);
        ASSERT(again);
        ASSERT(json_equal(j, again));
        struct json *copy = json_copy(a, j);
        ASSERT(json_equal(copy, j));
        ASSERT(json_parse_prefix(a, text, &used, &err));
        ASSERT(used <= size);
    } else {
        ASSERT(err.code == ERR_PARSE && err.msg[0]);
    }
    err_clear(&err);
    arena_free(a);
    return 0;
}
