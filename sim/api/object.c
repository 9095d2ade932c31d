/* sim/api/object.c - an API object: its bytes, and a tree of them while somebody looks.
 *
 * Real components hold decoded Go structs and encode them again for every list, watch and write. Here the encoded text
 * is the object; the API server, the store and every informer share one copy by counting references. An object is
 * immutable once published: whoever wants a change copies the tree (json_copy), changes the copy and makes a new object
 * of it. Order of use: object_new | object_from_json, { object_ref | object_json | object_forget_tree }, object_unref
 * by every holder.
 */
#include "sim/api/api.h"

#include <stdlib.h>

struct object *object_new(struct str bytes) {
    struct object *o = xcalloc(1, sizeof *o + bytes.n + 1);      /* one allocation: the text follows its record */
    char *text = (char *)(o + 1);
    if (bytes.n)
        memcpy(text, bytes.p, bytes.n);
    o->bytes = (struct str){ text, bytes.n };
    o->refs = 1;
    return o;
}

struct object *object_from_json(const struct json *j) {
    struct strbuf text;
    strbuf_init(&text, LIMIT_RESPONSE_BYTES);
    json_write(&text, j, 0);
    ASSERT(!text.overflow);
    struct object *o = object_new(strbuf_str(&text));
    strbuf_deinit(&text);
    return o;
}

struct object *object_ref(struct object *o) {
    ASSERT(o->refs > 0);
    o->refs++;
    return o;
}

void object_unref(struct object *o) {
    if (!o)
        return;
    ASSERT(o->refs > 0);
    if (--o->refs > 0)
        return;
    object_forget_tree(o);
    free(o);
}

const struct json *object_json(struct object *o) {
    if (o->tree)
        return o->tree;
    o->arena = arena_new();
    o->tree = json_parse(o->arena, o->bytes, NULL);
    if (!o->tree)                                  /* foreign bytes: readers take NULL for an empty object */
        object_forget_tree(o);
    return o->tree;
}

void object_forget_tree(struct object *o) {
    arena_free(o->arena);
    o->arena = NULL;
    o->tree = NULL;
}
