/* tests/fuzz/php_fuzz.c - any bytes as a PHP file: the engine answers within its limits, the same each time, and frees what it
 * took. */
#include "workloads/programs/php.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct php_options opt;
    struct php_result a, b;
    struct arena *arena = arena_new();
    php_options_init(&opt);
    opt.operations_max = 20000;
    opt.memory_bytes_max = 4 * 1024 * 1024;
    opt.output_bytes_max = 256 * 1024;
    php_run(arena, (struct str){ (const char *)data, size }, &opt, &a);
    php_run(arena, (struct str){ (const char *)data, size }, &opt, &b);
    ASSERT(str_eq(a.output, b.output));
    ASSERT(a.cpu_ns == b.cpu_ns);
    ASSERT(a.error == b.error);
    if (a.error != PHP_ERROR_NONE)
        ASSERT(a.error_text.n > 0 || a.error == PHP_ERROR_TIME);
    arena_free(arena);
    return 0;
}
