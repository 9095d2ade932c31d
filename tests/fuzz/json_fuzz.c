/* tests/fuzz/json_fuzz.c - whatever parses must write, parse again and be equal; whatever does not must say why. */
#include "sim/base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Of JSON the walk finds every member, and each is JSON again; of anything else it stays within the text. */
static void walk(struct arena *a, struct str text, const struct json *tree)
{
    struct json_walk w;
    struct str key, value;
    size_t n = 0;
    bool whole = json_is(tree, JSON_OBJECT) || json_is(tree, JSON_ARRAY);
    if (!json_walk_begin(&w, text)) {
        ASSERT(!whole);
        return;
    }
    for (; json_walk_next(&w, &key, &value); n++) {
        ASSERT(value.p >= text.p && value.p + value.n <= text.p + text.n);
        ASSERT(!whole || json_equal(json_parse(a, value, NULL), json_at(tree, n)) || w.object);
    }
    ASSERT(!whole || n >= json_len(tree));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct err err = { 0 };
    struct str text = { (const char *)data, size };
    size_t used = 0;
    struct json *j = json_parse(a, text, &err);
    walk(a, text, j);
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
