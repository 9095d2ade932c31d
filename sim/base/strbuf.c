/* sim/base/strbuf.c - bytes that grow up to a maximum stated at birth.
 *
 * Nothing here fails: what does not fit is dropped and `overflow` is set, from then on nothing more is added (what is
 * there stays a true prefix of what was written), and whoever owns the buffer asks once, at the end.
 */
#include "sim/base/base.h"

#include <stdlib.h>

void strbuf_init(struct strbuf *b, size_t max)
{
    ASSERT(max < SIZE_MAX);
    *b = (struct strbuf){ .max = max };
}

void strbuf_deinit(struct strbuf *b)
{
    free(b->p);
    *b = (struct strbuf){ .max = b->max };
}

void strbuf_reset(struct strbuf *b)
{
    b->n = 0;
    b->overflow = false;
    if (b->p)
        b->p[0] = '\0';
}

/* Makes room for as many of n more bytes as max allows, and the NUL; returns how many. */
static size_t strbuf_room(struct strbuf *b, size_t n)
{
    if (b->overflow)
        return 0;
    if (n > b->max - b->n) {
        n = b->max - b->n;
        b->overflow = true;
    }
    size_t need = b->n + n + 1;
    if (need > b->cap) {
        size_t cap = b->cap > SIZE_MAX / 4 ? need : b->cap * (b->cap < 1024 ? 4 : 2);
        if (cap < 256)
            cap = 256;
        if (cap < need)
            cap = need;
        if (cap > b->max + 1)
            cap = b->max + 1;
        b->p = xrealloc(b->p, cap);
        b->cap = cap;
        b->p[b->n] = '\0';
    }
    return n;
}

void strbuf_add(struct strbuf *b, struct str s)
{
    if (s.n == 0)
        return;
    if (!b->overflow && s.n < b->cap - b->n) {     /* it fits, with its NUL: the usual case */
        memmove(b->p + b->n, s.p, s.n);
        b->n += s.n;
        b->p[b->n] = '\0';
        return;
    }
    bool own = b->p && (uintptr_t)s.p >= (uintptr_t)b->p && (uintptr_t)s.p < (uintptr_t)b->p + b->cap;
    size_t offset = own ? (size_t)(s.p - b->p) : 0;    /* growing may move the bytes that we are asked to repeat */
    size_t n = strbuf_room(b, s.n);
    if (n == 0)
        return;
    memmove(b->p + b->n, own ? b->p + offset : s.p, n);
    b->n += n;
    b->p[b->n] = '\0';
}

void strbuf_addc(struct strbuf *b, const char *s)
{
    strbuf_add(b, str_c(s));
}

void strbuf_addch(struct strbuf *b, char c)
{
    if (b->overflow || b->cap - b->n < 2) {
        strbuf_add(b, (struct str){ &c, 1 });
        return;
    }
    b->p[b->n++] = c;
    b->p[b->n] = '\0';
}

void strbuf_addf(struct strbuf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    strbuf_vaddf(b, fmt, ap);
    va_end(ap);
}

void strbuf_vaddf(struct strbuf *b, const char *fmt, va_list ap)
{
    char small[512];
    va_list again;
    va_copy(again, ap);
    int n = text_vformat(small, sizeof small, fmt, ap);
    ASSERT(n >= 0);
    if ((size_t)n < sizeof small) {
        strbuf_add(b, (struct str){ small, (size_t)n });
    } else {
        char *large = xmalloc((size_t)n + 1);
        text_vformat(large, (size_t)n + 1, fmt, again);
        strbuf_add(b, (struct str){ large, (size_t)n });
        free(large);
    }
    va_end(again);
}

void strbuf_consume(struct strbuf *b, size_t n)
{
    ASSERT(n <= b->n);
    if (n == 0)
        return;
    b->n -= n;
    memmove(b->p, b->p + n, b->n + 1);
}

struct str strbuf_str(const struct strbuf *b)
{
    return (struct str){ b->p, b->n };
}

char *strbuf_detach(struct strbuf *b, size_t *n)
{
    char *p = b->p ? b->p : xcalloc(1, 1);         /* the empty buffer too gives something to free */
    if (n)
        *n = b->n;
    *b = (struct strbuf){ .max = b->max };
    return p;
}
