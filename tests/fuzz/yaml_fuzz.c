/* tests/fuzz/yaml_fuzz.c - what is read from YAML must be writable as JSON and come back the same. */
#include "sim/base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct err err = { 0 };
    struct str text = { (const char *)data, size };
    struct json *docs, *j = yaml_parse(a, text, &err);
    if (j) {
        struct json *again = json_parse(a, json_text(a, j), &err);
        ASSERT(again);
        ASSERT(json_equal(j, again));
    } else {
        ASSERT(err.code != ERR_NONE && err.msg[0]);
    }
    err_clear(&err);
    if (yaml_parse_all(a, text, &docs, &err))
        ASSERT(json_is(docs, JSON_ARRAY));
    else
        ASSERT(err.code != ERR_NONE && err.msg[0]);
    err_clear(&err);
    arena_free(a);
    return 0;
}
