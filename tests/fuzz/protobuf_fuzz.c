/* Bodies in protobuf, with and without the envelope's prefix. */
#include "apiserver/openapi/openapi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct schema *schema;
    if (!schema)
        schema = schema_new(20, false);
    struct arena *a = arena_new();
    struct err err = { 0 };
    struct gvk gvk;
    struct json *got = protobuf_decode(schema, a, (struct str){ (const char *)data, size }, &gvk, &err);
    ASSERT(got || err.code != ERR_NONE);
    err_clear(&err);
    arena_free(a);
    return 0;
}
