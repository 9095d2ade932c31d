/* tests/fuzz/scenario_fuzz.c - any text is a scenario, or an error that says where. Files are not read and expressions not
 * compiled. */
#include "labs/labs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct err err = { 0 };
    struct scenario *sc = scenario_read(a, "f.yaml", (struct str){ (const char *)data, size }, &err);
    if (!sc)
        ASSERT(err.code == ERR_PARSE && str_starts(str_c(err.msg), "f.yaml:"));
    for (struct scenario_step *st = sc ? sc->steps : NULL; st; st = st->next)
        ASSERT(st->name && st->line > 0 && !st->when && !st->expect);
    err_clear(&err);
    arena_free(a);
    return 0;
}
