/* sim/base/format.c - printf's language, spoken quickly.
 *
 * Names, addresses, headers and times are formatted some thirty times for every request inside; libc's vsnprintf sets up
 * a FILE for each and asks the locale. This one knows the conversions that the code is made of: %s, %c, %d, %i, %u, %x
 * with a width, zeros, a precision for strings, and the lengths l, ll and z. Whatever else stands in a format (%f, %-8s,
 * %+d) sends the whole call to vsnprintf, so that the result is always vsnprintf's, byte for byte.
 */
#include "sim/base/base.h"

#include <stdio.h>

struct out {
    char  *p;                                      /* room for size bytes, with the NUL */
    size_t size, n;                                /* n counts what does not fit, too */
};

struct spec {
    bool     zeros, wide;                          /* %0..; an argument of 64 bits */
    int      width, precision;                     /* precision -1: none given */
    char     conversion;
};

static inline void put_char(struct out *o, char c)
{
    if (o->n + 1 < o->size)
        o->p[o->n] = c;
    o->n++;
}

static void put(struct out *o, const char *s, size_t n)
{
    if (o->n + n < o->size)
        memcpy(o->p + o->n, s, n);
    else if (o->n + 1 < o->size)
        memcpy(o->p + o->n, s, o->size - 1 - o->n);
    o->n += n;
}

/* What stands in a format up to its end or the next %, which is where it returns to. Runs are short: a loop beats the library. */
static inline const char *put_plain(struct out *o, const char *f)
{
    size_t n = o->n;
    for (; *f && *f != '%'; f++, n++)
        if (n + 1 < o->size)
            o->p[n] = *f;
    o->n = n;
    return f;
}

static inline void pad(struct out *o, char c, int have, int want)
{
    for (; have < want; have++)
        put_char(o, c);
}

static void put_number(struct out *o, const struct spec *s, uint64_t v, bool negative)
{
    char digits[24], *end = digits + sizeof digits, *p = end;
    if (s->conversion == 'x')
        do
            *--p = "0123456789abcdef"[v % 16];
        while ((v /= 16) != 0);
    else
        do
            *--p = (char)('0' + v % 10);
        while ((v /= 10) != 0);
    int n = (int)(end - p) + negative;
    if (!s->zeros)
        pad(o, ' ', n, s->width);
    if (negative)
        put_char(o, '-');
    if (s->zeros)
        pad(o, '0', n, s->width);
    while (p < end)
        put_char(o, *p++);
}

static void put_string(struct out *o, const struct spec *s, const char *text)
{
    size_t n = s->precision < 0 ? strlen(text) : strnlen(text, (size_t)s->precision);
    pad(o, ' ', n < INT32_MAX ? (int)n : INT32_MAX, s->width);
    put(o, text, n);
}

static int take_number(const char **f)
{
    int v = 0;
    for (; **f >= '0' && **f <= '9' && v < 1000; (*f)++)
        v = v * 10 + (**f - '0');
    return v;
}

/* What stands after a % up to its conversion, on which *f is left; a * takes its number from ap. */
static inline struct spec take_spec(const char **f, va_list *ap)
{
    struct spec s = { .precision = -1 };
    for (; **f == '0'; (*f)++)
        s.zeros = true;
    s.width = take_number(f);
    if (**f == '.') {
        (*f)++;
        s.precision = **f == '*' ? va_arg(*ap, int) : take_number(f);
        *f += **f == '*';
    }
    for (; **f == 'l' || **f == 'z'; (*f)++)
        s.wide = true;
    s.conversion = **f;
    return s;
}

/* One conversion; false when it is not one of ours. */
static bool put_one(struct out *o, const struct spec *s, va_list *ap)
{
    if (s->conversion == 's' && !s->zeros && !s->wide) {
        const char *text = va_arg(*ap, const char *);
        if (text)
            put_string(o, s, text);
        return text != NULL;
    }
    if (s->conversion == '%' || s->conversion == 'c') {
        put_char(o, s->conversion == 'c' && !s->width ? (char)va_arg(*ap, int) : '%');
        return !s->width;
    }
    if (s->precision >= 0)
        return false;
    if (s->conversion == 'd' || s->conversion == 'i') {
        int64_t v = s->wide ? va_arg(*ap, long) : va_arg(*ap, int);
        put_number(o, s, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, v < 0);
        return true;
    }
    if (s->conversion != 'u' && s->conversion != 'x')
        return false;
    put_number(o, s, s->wide ? va_arg(*ap, unsigned long) : va_arg(*ap, unsigned), false);
    return true;
}

_Static_assert(sizeof(long) == sizeof(int64_t) && sizeof(size_t) == sizeof(long) && sizeof(long long) == sizeof(long),
               "l, ll and z are one length");

static bool format_all(struct out *o, const char *f, va_list *ap)
{
    for (; *f; f++) {
        f = put_plain(o, f);
        if (!*f)
            break;
        f++;
        struct spec s = take_spec(&f, ap);
        if (!put_one(o, &s, ap))
            return false;
    }
    if (o->size)
        o->p[o->n < o->size ? o->n : o->size - 1] = '\0';
    return true;
}

int text_vformat(char *p, size_t size, const char *format, va_list ap)
{
    struct out o = { p, size, 0 };
    va_list quick;
    va_copy(quick, ap);
    bool done = format_all(&o, format, &quick);
    va_end(quick);
    return done ? (int)o.n : vsnprintf(p, size, format, ap);
}

void text_put(char *p, size_t size, struct str s)
{
    size_t n = s.n < size ? s.n : size - 1;
    if (n)
        memcpy(p, s.p, n);
    p[n] = '\0';
}

void text_copy(char *p, size_t size, const char *text)
{
    text_put(p, size, (struct str){ text, strnlen(text, size - 1) });
}

int text_format(char *p, size_t size, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    int n = text_vformat(p, size, format, ap);
    va_end(ap);
    return n;
}
