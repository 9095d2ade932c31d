/* tests/fuzz/lab_fuzz.c - any text is a lab, or an error that says where. */
#include "labs/labs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct err err = { 0 };
    const struct lab *lab = lab_parse(a, "f.yaml", (struct str){ (const char *)data, size }, &err);
    if (!lab)
        ASSERT(err.code == ERR_PARSE && str_starts(str_c(err.msg), "f.yaml:"));
    for (const struct lab_step *st = lab ? lab->steps : NULL; st; st = st->next)
        for (const struct lab_check *c = st->checks; c; c = c->next)
            ASSERT(c->name && c->jq && c->points >= 0);
    err_clear(&err);
    arena_free(a);
    return 0;
}
