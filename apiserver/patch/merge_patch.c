/* apiserver/patch/merge_patch.c - JSON Merge Patch (RFC 7396): objects merge, null removes, everything else replaces. */
#include "apiserver/patch/patch_priv.h"

static void merge_into(struct arena *a, struct json *target, const struct json *patch);

/* A patch's object used as a value: the nulls in it mean "not there". */
static struct json *without_nulls(struct arena *a, const struct json *patch)
{
    if (!json_is(patch, JSON_OBJECT))
        return json_copy(a, patch);
    struct json *target = json_new_object(a);
    merge_into(a, target, patch);
    return target;
}

static void merge_into(struct arena *a, struct json *target, const struct json *patch)
{
    for (const struct json *p = json_first(patch); p; p = json_next(p)) {
        struct json *old = json_getn(target, json_key(p));
        if (json_is(p, JSON_NULL))
            json_removen(target, json_key(p));
        else if (json_is(p, JSON_OBJECT) && json_is(old, JSON_OBJECT))
            merge_into(a, old, p);
        else
            json_setn(a, target, json_key(p), without_nulls(a, p));
    }
    json_sort_keys(target);            /* Go writes maps: where the patch went, keys are in order */
}

struct json *patch_merge(struct arena *a, const struct json *original, const struct json *patch)
{
    if (!json_is(patch, JSON_OBJECT) || !json_is(original, JSON_OBJECT))
        return without_nulls(a, patch);
    struct json *target = json_copy(a, original);
    merge_into(a, target, patch);
    return target;
}
