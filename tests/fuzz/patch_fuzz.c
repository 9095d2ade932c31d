/* Patches: first byte picks the kind, the rest is `document LF patch`. Nothing may crash, leak or change the document.
 * Server-side apply takes the document for a Deployment, managedFields and all.
 */
#include "tests/unit/apiserver/patch/types.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct str in = { (const char *)data + 1, size - 1 }, doc, patch;
    str_cut(in, '\n', &doc, &patch);
    struct arena *a = arena_new();
    struct err err = { 0 };
    struct json *d = json_parse(a, doc, NULL), *p = json_parse(a, patch, NULL);
    static struct schema *schema;
    static const struct gvk deployment = { { "apps", 4 }, { "v1", 2 }, { "Deployment", 10 } };
    if (!schema)
        schema = schema_new(20, false);
    if (d) {
        struct str before = json_text(a, d);
        if (data[0] % 4 == 0)
            patch_json(a, d, patch, &err);
        else if (data[0] % 4 == 1 && p)
            patch_merge(a, d, p);
        else if (data[0] % 4 == 3 && p && json_is(d, JSON_OBJECT))
            patch_apply(a, schema, &deployment, d, p, STR("fuzz"), data[0] & 4, 0, &err);
        else if (p && json_is(d, JSON_OBJECT))
            patch_strategic(a, 34, &top_type, d, p, &err);
        ASSERT(str_eq(before, json_text(a, d)));
    }
    err_clear(&err);
    arena_free(a);
    return 0;
}
