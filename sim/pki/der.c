/* sim/pki/der.c - ASN.1 DER: reading forwards, writing backwards.
 *
 * Written here rather than taken from mbedTLS so that both of its versions read the same certificates, requests and
 * names: 2.28 neither reads nor writes IP names, and knows no attributes of requests. The writer runs from the end of
 * its buffer to the front, because an element's length stands ahead of its contents: write the contents, then der_close
 * puts length and tag before them.
 */
#include "sim/pki/pki_priv.h"

bool der_next(struct str *in, unsigned *tag, struct str *body, struct str *whole)
{
    const uint8_t *p = (const uint8_t *)in->p;
    if (in->n < 2 || (p[0] & 0x1f) == 0x1f)              /* tags above 30 have no place in a certificate */
        return false;
    size_t head = 2, len = p[1];
    if (len >= 0x80) {
        size_t bytes = len & 0x7f;
        if (bytes == 0 || bytes > 4 || in->n < 2 + bytes)   /* 0 is BER's indefinite length */
            return false;
        len = 0;
        for (size_t i = 0; i < bytes; i++)
            len = len << 8 | p[2 + i];
        head += bytes;
    }
    if (len > in->n - head)
        return false;
    *tag = p[0];
    *body = (struct str){ in->p + head, len };
    if (whole)
        *whole = (struct str){ in->p, head + len };
    *in = (struct str){ in->p + head + len, in->n - head - len };
    return true;
}

bool der_take(struct str *in, unsigned want_tag, struct str *body)
{
    struct str rest = *in;
    unsigned tag;
    if (!der_next(&rest, &tag, body, NULL) || tag != want_tag)
        return false;
    *in = rest;
    return true;
}

static bool two_digits(struct str s, size_t at, int *out)
{
    if (at + 2 > s.n || s.p[at] < '0' || s.p[at] > '9' || s.p[at + 1] < '0' || s.p[at + 1] > '9')
        return false;
    *out = (s.p[at] - '0') * 10 + (s.p[at + 1] - '0');
    return true;
}

bool der_time(unsigned tag, struct str body, int64_t *unix_ns)
{
    int century = 0, year, part[5];
    size_t at = 0;
    if (tag == DER_GENERALIZED_TIME) {
        if (!two_digits(body, 0, &century))
            return false;
        at = 2;
    } else if (tag != DER_UTC_TIME) {
        return false;
    }
    if (!two_digits(body, at, &year))
        return false;
    for (size_t i = 0; i < 5; i++)
        if (!two_digits(body, at + 2 + 2 * i, &part[i]))
            return false;
    if (body.n != at + 13 || body.p[at + 12] != 'Z')
        return false;
    if (part[0] < 1 || part[0] > 12 || part[1] < 1 || part[1] > 31 || part[2] > 23 || part[3] > 59 || part[4] > 59)
        return false;
    if (tag == DER_UTC_TIME)
        century = year < 50 ? 20 : 19;
    int64_t seconds = time_from_civil(century * 100 + year, part[0], part[1], part[2], part[3], part[4]);
    const int64_t bound = INT64_MAX / (int64_t)NS_PER_S;   /* 1677 to 2262; a date outside of it is cut to the bound */
    seconds = seconds > bound ? bound : seconds < -bound ? -bound : seconds;
    *unix_ns = seconds * (int64_t)NS_PER_S;
    return true;
}

void der_out_init(struct der_out *o, struct arena *a, size_t cap)
{
    *o = (struct der_out){ .buf = arena_alloc(a, cap), .cap = cap, .at = cap };
}

void der_put(struct der_out *o, const void *bytes, size_t n)
{
    ASSERT(n <= o->at);                /* the maker of the buffer reckons its size from what will be written */
    o->at -= n;
    if (n > 0)
        memcpy(o->buf + o->at, bytes, n);
}

void der_put_str(struct der_out *o, struct str s)
{
    der_put(o, s.p, s.n);
}

void der_close(struct der_out *o, unsigned tag, size_t mark)
{
    ASSERT(mark >= o->at);
    size_t len = mark - o->at;
    uint8_t head[6];
    size_t n = sizeof head;
    if (len < 0x80) {
        head[--n] = (uint8_t)len;
    } else {
        uint8_t bytes = 0;
        for (size_t rest = len; rest > 0; rest >>= 8, bytes++)
            head[--n] = (uint8_t)(rest & 0xff);
        head[--n] = (uint8_t)(0x80 | bytes);
    }
    head[--n] = (uint8_t)tag;
    der_put(o, head + n, sizeof head - n);
}

void der_put_bits(struct der_out *o, struct str bytes)
{
    size_t mark = o->at;
    der_put_str(o, bytes);
    der_put(o, "\0", 1);               /* no unused bits */
    der_close(o, DER_BIT_STRING, mark);
}

struct str der_out_str(const struct der_out *o)
{
    return (struct str){ (const char *)o->buf + o->at, o->cap - o->at };
}
