/* sim/base/heap.c - a binary min-heap of nodes that sit inside their owners; what timers are kept in.
 *
 * Each insertion takes a number; equal keys leave in that order. Determinism rests on it: timers due at one instant fire as set.
 * A node knows its place, so it leaves the heap in O(log n) without a search.
 */
#include "sim/base/base.h"

#include <stdlib.h>

void heap_init(struct heap *h)
{
    *h = (struct heap){ 0 };
}

void heap_deinit(struct heap *h)
{
    for (size_t i = 0; i < h->n; i++)
        h->v[i]->index = SIZE_MAX;
    free(h->v);
    *h = (struct heap){ 0 };
}

void heap_node_init(struct heap_node *n)
{
    *n = (struct heap_node){ .index = SIZE_MAX };
}

static bool before(const struct heap_node *a, const struct heap_node *b)
{
    return a->key != b->key ? a->key < b->key : a->seq < b->seq;
}

static void place(struct heap *h, size_t i, struct heap_node *n)
{
    h->v[i] = n;
    n->index = i;
}

/* Puts n where it belongs on the way up from the hole at i. */
static void sift_up(struct heap *h, size_t i, struct heap_node *n)
{
    while (i > 0 && before(n, h->v[(i - 1) / 2])) {
        place(h, i, h->v[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    place(h, i, n);
}

static void sift_down(struct heap *h, size_t i, struct heap_node *n)
{
    for (size_t child; (child = 2 * i + 1) < h->n; i = child) {
        if (child + 1 < h->n && before(h->v[child + 1], h->v[child]))
            child++;
        if (!before(h->v[child], n))
            break;
        place(h, i, h->v[child]);
    }
    place(h, i, n);
}

void heap_insert(struct heap *h, struct heap_node *n, uint64_t key)
{
    ASSERT(n->index == SIZE_MAX);
    if (h->n == h->cap) {
        h->cap = h->cap ? h->cap * 2 : 16;
        h->v = xrealloc(h->v, h->cap * sizeof *h->v);
    }
    n->key = key;
    n->seq = h->seq++;
    sift_up(h, h->n++, n);
}

void heap_remove(struct heap *h, struct heap_node *n)
{
    size_t hole = n->index;
    if (hole == SIZE_MAX)
        return;
    ASSERT(hole < h->n && h->v[hole] == n);
    struct heap_node *last = h->v[--h->n];
    n->index = SIZE_MAX;
    if (last == n)
        return;
    if (hole > 0 && before(last, h->v[(hole - 1) / 2]))
        sift_up(h, hole, last);
    else
        sift_down(h, hole, last);
}

struct heap_node *heap_min(const struct heap *h)
{
    return h->n ? h->v[0] : NULL;
}
