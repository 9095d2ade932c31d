/* tests/fuzz/params_fuzz.c - any text declares parameters and holds references to them, or there is an error that says where. */
#include "labs/params.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t seed[32];
    struct arena *a = arena_new();
    struct err err = { 0 };
    struct spec s;
    struct param *list = NULL;
    struct param_shift *shifts = NULL;
    struct json *values = NULL;
    struct str text = { (const char *)data, size }, out;
    struct json *j = params_head(&s, a, "f.yaml", text, &err);
    ASSERT(params_mask(a, text).n == size);
    if (j && params_read(&s, json_get(j, "parameters"), &list) && params_read_grid(&s, json_get(j, "grid"), &list) &&
        params_draw(a, false, list, seed, NULL, &values, &err) && params_replace(a, "f.yaml", text, values, &out, &shifts, &err))
        for (unsigned i = 0; i < 200; i++)
            ASSERT(params_column(shifts, 1 + i % 3, i) <= size + 200);
    if (err.code)
        ASSERT(err.code == ERR_PARSE && (str_starts(str_c(err.msg), "f.yaml:")));
    err_clear(&err);
    arena_free(a);
    return 0;
}
