/* apiserver/auth/parsed.c - objects of the store in a form that checks can walk, parsed once.
 *
 * An entry remembers which object it was made of and holds a reference to it. Objects are immutable, so comparing the pointer
 * with what the store has now tells whether the entry is still true: a write counts from the instant at which it is made, with no
 * watch to wait for, and what has not changed is never parsed again. Upstream reads informers' caches and so may lag behind a
 * write by some milliseconds.
 */
#include <stdlib.h>

#include "apiserver/auth/auth_priv.h"

struct parsed_cache { struct map *entries; parse_fn *parse; };
struct parsed { struct object *of; struct arena *a; void *value; };

struct parsed_cache *parsed_cache_new(parse_fn *parse)
{
    struct parsed_cache *c = NEW(struct parsed_cache);
    c->entries = map_new();
    c->parse = parse;
    return c;
}

static void entry_free(void *v)
{
    struct parsed *e = v;
    if (!e) return;
    object_unref(e->of);
    arena_free(e->a);
    free(e);
}

void parsed_cache_free(struct parsed_cache *c)
{
    if (!c) return;
    map_free(c->entries, entry_free);
    free(c);
}

void *parsed_get(struct parsed_cache *c, struct str key, struct object *o)
{
    struct parsed *e = map_get(c->entries, key);
    if (e && e->of == o) return e->value;
    e = NEW(struct parsed);
    e->of = object_ref(o);
    e->a = arena_new();
    /* a tree of its own: the object's may be dropped at the end of the turn */
    e->value = c->parse(e->a, json_parse(e->a, o->bytes, NULL));
    entry_free(map_put(c->entries, key, e));
    return e->value;
}

bool parsed_trim(struct parsed_cache *c, size_t max)
{
    if (map_len(c->entries) <= max) return false;
    map_free(c->entries, entry_free);
    c->entries = map_new();
    return true;
}
