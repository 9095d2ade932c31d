/* sim/api/object.c - an API object: its bytes, and a tree of them while somebody looks.
 *
 * Real components hold decoded Go structs and encode them again for every list, watch and write. Here the encoded text
 * is the object; the API server, the store and every informer share one copy by counting references (object_shared). An
 * object is immutable once published: whoever wants a change copies the tree (json_copy), changes the copy and makes a new object
 * of it. Order of use: object_new | object_from_json, { object_ref | object_json | object_forget_tree }, object_unref
 * by every holder.
 */
#include "sim/api/api.h"

#include <stdlib.h>

struct object *object_new(struct str bytes)
{
    struct object *o = xmalloc(sizeof *o + bytes.n + 1);         /* one allocation: the text follows its record */
    char *text = (char *)(o + 1);
    if (bytes.n)
        memcpy(text, bytes.p, bytes.n);
    text[bytes.n] = '\0';
    *o = (struct object){ .bytes = { text, bytes.n }, .refs = 1 };
    return o;
}

/* ---- sharing: a table of chains, on average not longer than one ---- */
static struct { struct object **buckets; size_t size, n; } table;      /* size is a power of two, or 0 */

static uint64_t hash_of(struct str bytes)
{
    uint64_t h = bytes.n, word;
    size_t i = 0;
    for (; i + sizeof word <= bytes.n; i += sizeof word) {
        memcpy(&word, bytes.p + i, sizeof word);
        h = (h ^ word) * 0x9e3779b97f4a7c15ull;
        h ^= h >> 32;
    }
    return h ^ str_hash(str_sub(bytes, i, bytes.n));
}

static struct object **bucket(uint64_t hash)
{
    return &table.buckets[hash & (table.size - 1)];
}

static void table_add(struct object *o)
{
    o->next = *bucket(o->hash);
    *bucket(o->hash) = o;
}

static void table_grow(void)
{
    struct object **old = table.buckets;
    size_t size = table.size;
    table.size = size ? 2 * size : 512;
    table.buckets = xcalloc(table.size, sizeof(struct object *));
    for (size_t i = 0; i < size; i++)
        for (struct object *o = old[i], *next; o; o = next) {
            next = o->next;
            table_add(o);
        }
    free(old);
}

static void table_remove(struct object *o)
{
    struct object **at = bucket(o->hash);
    while (*at != o)
        at = &(*at)->next;
    *at = o->next;
    if (--table.n > 0)
        return;
    free(table.buckets);
    table.buckets = NULL;
    table.size = 0;
}

struct object *object_shared(struct str bytes)
{
    uint64_t hash = hash_of(bytes);
    if (table.n == table.size)
        table_grow();
    for (struct object *o = *bucket(hash); o; o = o->next)
        if (o->hash == hash && str_eq(o->bytes, bytes))
            return object_ref(o);
    struct object *o = object_new(bytes);
    o->shared = true;
    o->hash = hash;
    table_add(o);
    table.n++;
    return o;
}

struct object *object_from_json(const struct json *j)
{
    struct strbuf text;
    strbuf_init(&text, LIMIT_RESPONSE_BYTES);
    json_write(&text, j, 0);
    ASSERT(!text.overflow);
    struct object *o = object_shared(strbuf_str(&text));
    strbuf_deinit(&text);
    return o;
}

struct object *object_ref(struct object *o)
{
    ASSERT(o->refs > 0);
    o->refs++;
    return o;
}

void object_unref(struct object *o)
{
    if (!o)
        return;
    ASSERT(o->refs > 0);
    if (--o->refs > 0)
        return;
    object_forget_tree(o);
    if (o->shared)
        table_remove(o);
    free(o);
}

const struct json *object_json(struct object *o)
{
    if (o->tree)
        return o->tree;
    o->arena = arena_new();
    o->tree = json_parse(o->arena, o->bytes, NULL);
    if (!o->tree)                                  /* foreign bytes: readers take NULL for an empty object */
        object_forget_tree(o);
    return o->tree;
}

bool object_parsed(const struct object *o)
{
    return o->tree != NULL;
}

void object_forget_tree(struct object *o)
{
    arena_free(o->arena);
    o->arena = NULL;
    o->tree = NULL;
}
