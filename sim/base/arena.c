/* sim/base/arena.c - bump allocation: many small results, one death.
 *
 * An arena starts as one block of 1 KB, which also holds the arena's own record, since there are thousands of small ones (one per
 * cached API object). Blocks double up to 64 KB. A request that is large beside them gets a block of its own, and the room left
 * in the current one is still used. Blocks that come back are kept for the next arena, a quarter of a MB of them a thread: most
 * arenas live for one request, and malloc would split and join its chunks for each. Built with the address sanitizer, memory not
 * handed out is poisoned, so that overruns and use after arena_reset are reported as they would be for malloc.
 */
#include "sim/base/base.h"

#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#define HAVE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAVE_ASAN 1
#endif
#endif
#ifdef HAVE_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(p, n)   ASAN_POISON_MEMORY_REGION(p, n)
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#define KEEPS_NONE 1                               /* what is used after its end is to be seen */
#define GAP 16                                     /* between two allocations, so that overruns hit something poisoned */
#else
#define POISON(p, n)   ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#define KEEPS_NONE 0
#define GAP 0
#endif

enum { ALIGN = 16, FIRST_BYTES = 1024, BLOCK_BYTES_MAX = 64 * 1024, SIZES = 7, SPARE_BYTES_MAX = 256 * 1024 };

struct block {
    struct block *next;                            /* an older block */
    size_t        cap, n;                          /* bytes of data, bytes taken */
    _Alignas(ALIGN) char data[];
};
struct deferred {
    struct deferred *next;                         /* the one registered before */
    void (*fn)(void *);
    void *arg;
};
struct arena {
    struct block    *current, *extra;              /* bumped now (may be `first`); all blocks but `first`, latest first */
    struct deferred *deferred;
    char            *last;                         /* latest allocation from `current`: may grow in place */
    size_t           used_bytes, next_block_bytes;
    _Alignas(ALIGN) struct block first;
};

/* ---- spare blocks, of 1, 2, 4 .. 64 KB ---- */
struct spare { struct spare *next; };
static _Thread_local struct { struct spare *of[SIZES]; size_t bytes; } spares;

/* Which of the sizes; SIZES: none of them, a block made for one large request. */
static size_t size_index(size_t bytes)
{
    size_t i = 0;
    while (i < SIZES && (size_t)FIRST_BYTES << i != bytes)
        i++;
    return i;
}

static void *memory_take(size_t bytes)
{
    size_t i = size_index(bytes);
    struct spare *s = i < SIZES ? spares.of[i] : NULL;
    if (!s)
        return xmalloc(bytes);
    spares.of[i] = s->next;
    spares.bytes -= bytes;
    return s;
}

static void memory_give(void *p, size_t bytes)
{
    size_t i = size_index(bytes);
    struct spare *s = p;
    if (KEEPS_NONE || i == SIZES || spares.bytes + bytes > SPARE_BYTES_MAX) {
        free(p);
        return;
    }
    s->next = spares.of[i];
    spares.of[i] = s;
    spares.bytes += bytes;
}

void arena_thread_ends(void)
{
    for (size_t i = 0; i < SIZES; i++)
        for (struct spare *s = spares.of[i], *next; s; s = next) {
            next = s->next;
            free(s);
        }
    memset(&spares, 0, sizeof spares);
}

/* ---- arenas ---- */
static size_t round_up(size_t n)
{
    ASSERT(n <= SIZE_MAX - 2 * ALIGN - sizeof(struct block));
    return (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
}

static void arena_start(struct arena *a)
{
    a->current = &a->first;
    a->extra = NULL;
    a->deferred = NULL;
    a->last = NULL;
    a->used_bytes = 0;
    a->next_block_bytes = 2 * FIRST_BYTES;
    a->first.n = 0;
    POISON(a->first.data, a->first.cap);
}

struct arena *arena_new(void)
{
    struct arena *a = memory_take(FIRST_BYTES);
    a->first.cap = FIRST_BYTES - offsetof(struct arena, first) - offsetof(struct block, data);
    arena_start(a);
    return a;
}

/* Runs what was deferred, latest first, then gives back every block but the first. A deferred call may still use the arena. */
static void arena_finish(struct arena *a)
{
    while (a->deferred) {
        struct deferred *d = a->deferred;
        a->deferred = d->next;
        d->fn(d->arg);
    }
    for (struct block *b = a->extra, *next; b; b = next) {
        next = b->next;
        memory_give(b, offsetof(struct block, data) + b->cap);
    }
}

void arena_free(struct arena *a)
{
    if (!a)
        return;
    arena_finish(a);
    UNPOISON(a->first.data, a->first.cap);
    memory_give(a, FIRST_BYTES);
}

void arena_reset(struct arena *a)
{
    arena_finish(a);
    arena_start(a);
}

static struct block *block_new(struct arena *a, size_t cap)
{
    struct block *b = memory_take(offsetof(struct block, data) + cap);
    b->cap = cap;
    b->n = 0;
    b->next = a->extra;
    a->extra = b;
    POISON(b->data, cap);
    return b;
}

static char *block_take(struct block *b, size_t n, size_t rounded)
{
    char *p = b->data + b->n;
    b->n += rounded;
    UNPOISON(p, n);
    return p;
}

void *arena_alloc(struct arena *a, size_t n)
{
    size_t rounded = round_up(n) + GAP;
    a->used_bytes += n;
    if (rounded > a->current->cap - a->current->n) {
        if (rounded > a->next_block_bytes / 4)
            return block_take(block_new(a, rounded), n, rounded);
        a->current = block_new(a, a->next_block_bytes - offsetof(struct block, data));
        if (a->next_block_bytes < BLOCK_BYTES_MAX)
            a->next_block_bytes *= 2;
    }
    return a->last = block_take(a->current, n, rounded);
}

void *arena_zalloc(struct arena *a, size_t n)
{
    return memset(arena_alloc(a, n), 0, n);
}

void *arena_realloc(struct arena *a, void *p, size_t old_n, size_t new_n)
{
    struct block *b = a->current;
    if (p && p == a->last) {                       /* the latest allocation: move the end only */
        size_t offset = (size_t)((char *)p - b->data), rounded = round_up(new_n) + GAP;
        if (rounded <= b->cap - offset) {
            b->n = offset + rounded;
            a->used_bytes += new_n - old_n;
            POISON((char *)p, b->cap - offset);
            UNPOISON(p, new_n);
            return p;
        }
    }
    void *q = arena_alloc(a, new_n);
    size_t keep = old_n < new_n ? old_n : new_n;
    if (p && keep)
        memcpy(q, p, keep);
    return q;
}

struct str arena_str(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.n + 1);
    if (s.n)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return (struct str){ p, s.n };
}

char *arena_cstr(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.n + 1);
    if (s.n)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
    return s ? arena_cstr(a, str_c(s)) : NULL;
}

static char *arena_vprintf(struct arena *a, size_t *n_out, const char *fmt, va_list ap)
{
    char small[256];
    va_list again;
    va_copy(again, ap);
    int n = text_vformat(small, sizeof small, fmt, ap);
    ASSERT(n >= 0);
    char *p = arena_alloc(a, (size_t)n + 1);
    if ((size_t)n < sizeof small)
        memcpy(p, small, (size_t)n + 1);
    else
        text_vformat(p, (size_t)n + 1, fmt, again);
    va_end(again);
    *n_out = (size_t)n;
    return p;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    size_t n;
    va_list ap;
    va_start(ap, fmt);
    char *p = arena_vprintf(a, &n, fmt, ap);
    va_end(ap);
    return p;
}

struct str arena_strf(struct arena *a, const char *fmt, ...)
{
    size_t n;
    va_list ap;
    va_start(ap, fmt);
    char *p = arena_vprintf(a, &n, fmt, ap);
    va_end(ap);
    return (struct str){ p, n };
}

struct str arena_vstrf(struct arena *a, const char *fmt, va_list ap)
{
    size_t n;
    char *p = arena_vprintf(a, &n, fmt, ap);
    return (struct str){ p, n };
}

void arena_defer(struct arena *a, void (*fn)(void *), void *arg)
{
    struct deferred *d = ARENA_NEW(a, struct deferred);
    *d = (struct deferred){ a->deferred, fn, arg };
    a->deferred = d;
}

size_t arena_used(const struct arena *a)
{
    return a->used_bytes;
}
