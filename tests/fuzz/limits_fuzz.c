/* tests/fuzz/limits_fuzz.c - a script's limits as a command line has them: taken, each within its bounds and more than nothing, or
 * refused in words; and what was taken twice is the same. */
#include "sim/cmd/sandbox.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct sandbox_limits usual = { .virtual_ns = 1, .wall_s = 1, .cpu_s = 1, .threads = 1, .memory_bytes = 1, .file_bytes = 1,
                                             .disk_bytes = 1, .output_bytes = 1, .keep_bytes = 1 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = { (const char *)data, size };
    struct sandbox_limits l = usual, again = usual;
    struct err err = { 0 };
    if (sandbox_limits_parse(text, &l, &err)) {
        ASSERT(l.virtual_ns > 0 && l.wall_s > 0 && l.wall_s <= 86400 && l.cpu_s > 0 && l.cpu_s <= 86400);
        ASSERT(l.threads > 0 && l.threads <= 100000 && l.memory_bytes > 0 && l.keep_bytes > 0 && l.keep_bytes <= 64 << 20);
        ASSERT(sandbox_limits_parse(text, &again, &err) && again.memory_bytes == l.memory_bytes && again.virtual_ns == l.virtual_ns);
    } else {
        ASSERT(err.code == ERR_USAGE && err.msg[0]);
    }
    err_clear(&err);
    return 0;
}
