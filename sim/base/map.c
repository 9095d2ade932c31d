/* sim/base/map.c - str -> pointer, hashed for looking up and iterated in the order of insertion.
 *
 * Two arrays, as in CPython's dict: `entries` in order of insertion, and `slots`, an open-addressing index of positions in it. A
 * removed entry stays as a tombstone (value NULL) until the entries are compacted, which also rebuilds the index.
 *
 * A cursor of map_next is not a position but the serial number of the next entry to look at, so it survives compaction:
 * whatever is removed or added while iterating, an entry that is there all the time is visited exactly once. Keys are
 * NUL-terminated copies.
 */
#include "sim/base/base.h"

#include <stdlib.h>

struct entry {
    char    *key;
    void    *value;                                /* NULL: removed */
    size_t   key_n;
    uint64_t hash;
    size_t   serial;                               /* ascending through the array */
};
struct map {
    struct entry *entries;
    uint32_t     *slots;                           /* position + 1, or 0 where nothing ever was; slot_count is a power of two */
    size_t        n, cap;                          /* entries in use (with tombstones), allocated */
    size_t        live, dead_head;                 /* entries with a value; tombstones at the very beginning (queues make many) */
    size_t        slot_count, next_serial;
};
enum { CAP_MIN = 8 };

struct map *map_new(void)
{
    return NEW(struct map);
}

void map_free(struct map *m, void (*free_value)(void *))
{
    if (!m)
        return;
    for (size_t i = 0; i < m->n; i++) {
        if (m->entries[i].value && free_value)
            free_value(m->entries[i].value);
        free(m->entries[i].key);
    }
    free(m->entries);
    free(m->slots);
    free(m);
}

/* For the index alone: eight bytes at a time, which keys of paths and addresses are long enough for. */
static uint64_t hash_of(struct str key)
{
    uint64_t h = key.n, word;
    const char *p = key.p;
    for (size_t left = key.n; left; ) {
        size_t n = left < sizeof word ? left : sizeof word;
        word = 0;
        memcpy(&word, p, n);
        h = (h ^ word) * 0x9e3779b97f4a7c15ull;
        h ^= h >> 32;
        p += n;
        left -= n;
    }
    return h;
}

static struct entry *map_find(const struct map *m, struct str key, uint64_t hash)
{
    if (m->live == 0)
        return NULL;
    for (size_t i = hash & (m->slot_count - 1); m->slots[i]; i = (i + 1) & (m->slot_count - 1)) {
        struct entry *e = &m->entries[m->slots[i] - 1];
        if (e->hash == hash && e->value && str_eq((struct str){ e->key, e->key_n }, key))
            return e;
    }
    return NULL;
}

static void slot_add(struct map *m, size_t position)
{
    size_t i = m->entries[position].hash & (m->slot_count - 1);
    while (m->slots[i])
        i = (i + 1) & (m->slot_count - 1);
    m->slots[i] = (uint32_t)(position + 1);
}

/* Drops the tombstones and makes room for twice the living. */
static void map_rebuild(struct map *m)
{
    size_t cap = CAP_MIN, n = 0;
    while (cap < m->live * 2)
        cap *= 2;
    ASSERT(cap < UINT32_MAX / 2);
    struct entry *entries = xmalloc(cap * sizeof *entries);
    for (size_t i = 0; i < m->n; i++)
        if (m->entries[i].value)
            entries[n++] = m->entries[i];
    free(m->entries);
    free(m->slots);
    m->entries = entries;
    m->n = n;
    m->cap = cap;
    m->dead_head = 0;
    m->slot_count = cap * 2;                       /* at most half full, counting tombstones */
    m->slots = xcalloc(m->slot_count, sizeof *m->slots);
    for (size_t i = 0; i < n; i++)
        slot_add(m, i);
}

void *map_get(const struct map *m, struct str key)
{
    struct entry *e = map_find(m, key, hash_of(key));
    return e ? e->value : NULL;
}

void *map_put(struct map *m, struct str key, void *value)
{
    ASSERT(value);
    uint64_t hash = hash_of(key);
    struct entry *e = map_find(m, key, hash);
    if (e) {                                       /* keeps its place in the order */
        void *old = e->value;
        e->value = value;
        return old;
    }
    char *copy = xmalloc(key.n + 1);               /* before anything moves: the key may be another entry's */
    if (key.n)
        memcpy(copy, key.p, key.n);
    copy[key.n] = '\0';
    if (m->n == m->cap)
        map_rebuild(m);
    m->entries[m->n] = (struct entry){ copy, value, key.n, hash, m->next_serial++ };
    slot_add(m, m->n++);
    m->live++;
    return NULL;
}

void *map_take(struct map *m, struct str key)
{
    struct entry *e = map_find(m, key, hash_of(key));
    if (!e)
        return NULL;
    void *value = e->value;
    free(e->key);
    e->key = NULL;
    e->value = NULL;
    m->live--;
    while (m->dead_head < m->n && !m->entries[m->dead_head].value)
        m->dead_head++;
    if (m->n > 4 * CAP_MIN && m->live < m->n / 4)
        map_rebuild(m);
    return value;
}

size_t map_len(const struct map *m)
{
    return m->live;
}

/* The position of the first entry whose serial is not below `serial`. Without tombstones lost to compaction it is a
 * subtraction. */
static size_t position_of(const struct map *m, size_t serial)
{
    size_t lo = m->dead_head, hi = m->n;
    if (lo == hi || serial <= m->entries[lo].serial)
        return lo;
    size_t guess = lo + (serial - m->entries[lo].serial);
    if (guess < hi && m->entries[guess].serial == serial)
        return guess;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (m->entries[mid].serial < serial)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

bool map_next(const struct map *m, size_t *cursor, struct str *key, void **value)
{
    for (size_t i = position_of(m, *cursor); i < m->n; i++) {
        const struct entry *e = &m->entries[i];
        if (!e->value)
            continue;
        *cursor = e->serial + 1;
        if (key)
            *key = (struct str){ e->key, e->key_n };
        if (value)
            *value = e->value;
        return true;
    }
    return false;
}

void *map_getc(const struct map *m, const char *key)
{
    return map_get(m, str_c(key));
}

void *map_putc(struct map *m, const char *key, void *value)
{
    return map_put(m, str_c(key), value);
}
