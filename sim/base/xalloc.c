/* sim/base/xalloc.c - allocation that cannot fail: out of memory ends the process here, so nobody writes that branch.
 *
 * Whoever calls xmalloc frees with free(). A request for 0 bytes still gives a pointer of its own.
 */
#include "sim/base/base.h"

#include <stdio.h>
#include <stdlib.h>

enum { SMALL_BYTES = 1024 };

static _Noreturn void out_of_memory(size_t n)
{
    fprintf(stderr, "kubelab: out of memory (asked for %zu bytes)\n", n);
    abort();
}

void *xmalloc(size_t n)
{
    void *p = malloc(n ? n : 1);
    if (!p)
        out_of_memory(n);
    return p;
}

/* Apart, since a compiler that sees malloc and memset side by side makes calloc of them. */
static __attribute__((noinline)) void *zeroed(void *p, size_t n)
{
    return memset(p, 0, n);
}

/* Small ones are zeroed by hand: glibc's calloc passes by the thread's store of chunks that were freed lately, which malloc
 * takes from; and where nobody takes, what is freed goes the long way, too. */
void *xcalloc(size_t count, size_t size)
{
    if (count && size && size <= SMALL_BYTES && count <= SMALL_BYTES / size)
        return zeroed(xmalloc(count * size), count * size);
    void *p = count && size ? calloc(count, size) : calloc(1, 1);
    if (!p)
        out_of_memory(count * size);
    return p;
}

void *xrealloc(void *p, size_t n)
{
    void *q = realloc(p, n ? n : 1);
    if (!q)
        out_of_memory(n);
    return q;
}

char *xstrdup(const char *s)
{
    if (!s)
        return NULL;
    size_t n = strlen(s) + 1;
    return memcpy(xmalloc(n), s, n);
}
