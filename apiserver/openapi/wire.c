/* apiserver/openapi/wire.c - protobuf's wire format (protobuf.dev/programming-guides/encoding): varints, tags and lengths. */
#include "apiserver/openapi/wire.h"

static void put_varint(struct strbuf *out, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        strbuf_addch(out, (char)(v | 0x80));
    strbuf_addch(out, (char)v);
}

size_t wire_begin(struct strbuf *out, unsigned field)
{
    put_varint(out, (uint64_t)field << 3 | WIRE_BYTES);
    strbuf_addch(out, 0);                            /* one byte is enough for most lengths; wire_end makes room for more */
    return out->n;
}

void wire_end(struct strbuf *out, size_t start)
{
    if (out->overflow)
        return;
    uint64_t len = out->n - start;
    size_t more = 0;
    for (uint64_t v = len; v >= 0x80; v >>= 7)
        more++;
    for (size_t i = 0; i < more; i++)
        strbuf_addch(out, 0);
    if (out->overflow)
        return;
    memmove(out->p + start + more, out->p + start, len);
    char *p = out->p + start - 1;
    for (; len >= 0x80; len >>= 7)
        *p++ = (char)(len | 0x80);
    *p = (char)len;
}

void wire_bytes(struct strbuf *out, unsigned field, struct str s)
{
    put_varint(out, (uint64_t)field << 3 | WIRE_BYTES);
    put_varint(out, s.n);
    strbuf_add(out, s);
}

void wire_text(struct strbuf *out, unsigned field, const char *s)
{
    if (s && *s)
        wire_bytes(out, field, str_c(s));
}

void wire_bool(struct strbuf *out, unsigned field, bool v)
{
    if (!v)
        return;
    put_varint(out, (uint64_t)field << 3 | WIRE_VARINT);
    strbuf_addch(out, 1);
}

static bool get_varint(struct str *rest, uint64_t *v)
{
    *v = 0;
    for (unsigned i = 0; i < 10 && i < rest->n; i++) {
        uint8_t b = (uint8_t)rest->p[i];
        *v |= (uint64_t)(b & 0x7f) << (7 * i);
        if (!(b & 0x80)) {
            *rest = str_sub(*rest, i + 1, rest->n);
            return true;
        }
    }
    return false;
}

static bool get_fixed(struct str *rest, size_t n, uint64_t *v)
{
    if (rest->n < n)
        return false;
    *v = 0;
    for (size_t i = n; i-- > 0;)
        *v = *v << 8 | (uint8_t)rest->p[i];
    *rest = str_sub(*rest, n, rest->n);
    return true;
}

bool wire_next(struct str *rest, struct wire_field *f, bool *bad)
{
    uint64_t tag, len;
    bool ok = false;
    if (!rest->n)
        return false;
    *f = (struct wire_field){ 0, WIRE_VARINT, 0, STR_NULL };
    if (!get_varint(rest, &tag) || tag >> 3 == 0 || tag >> 3 > 0x1fffffff)
        goto malformed;
    f->number = (unsigned)(tag >> 3);
    f->type = (enum wire_type)(tag & 7);
    if (f->type == WIRE_VARINT)
        ok = get_varint(rest, &f->value);
    else if (f->type == WIRE_FIXED64)
        ok = get_fixed(rest, 8, &f->value);
    else if (f->type == WIRE_FIXED32)
        ok = get_fixed(rest, 4, &f->value);
    else if (f->type == WIRE_BYTES && get_varint(rest, &len) && len <= rest->n) {
        f->bytes = str_sub(*rest, 0, (size_t)len);
        *rest = str_sub(*rest, (size_t)len, rest->n);
        ok = true;
    }
    if (ok)
        return true;
malformed:
    *bad = true;
    return false;
}
