/* sim/api/quantity.c - "200m", "170Mi", "1e3": amounts of CPU, memory and whatever is counted.
 *
 * Upstream: apimachinery pkg/api/resource/{quantity.go,suffix.go,amount.go}. There a quantity is an int64 with a power
 * of ten, or, when that does not do, an arbitrary decimal; values finer than 1e-9 round up, away from zero. So a
 * 128-bit count of nanos holds everything but decimal values above 1.7e29, which are clamped here. Kept from upstream,
 * odd as they are:
 *   - "M" alone is 0; a binary value is capped at 2^63-1 and one below 1 becomes decimal; 1e21 in decimal SI is written
 *   without a suffix;
 *   - a text in nearly canonical form is stored as it was typed ("1.500" stays "1.500", "0.5" becomes "500m"):
 *   quantity_stored_text.
 */
#include "sim/api/api.h"

#include <stdlib.h>

typedef __int128 nanos;
#define NANOS_MAX ((nanos)(~(unsigned __int128)0 >> 1))
#define NANO      1000000000

/* digits that surely fit an int64: upstream's fast path, which decides what is kept as typed */
enum { DIGITS_FAST = 18 };

/* A text cut into its parts; exponent is of two for binary suffixes, else of ten. */
struct parts {
    bool       negative;
    struct str num, denom, suffix;                 /* num without leading zeros, but at least "0" */
    bool       has_digits;
    int64_t    exponent;
    enum quantity_format format;
};

static const struct { const char *text; int exponent; enum quantity_format format; } suffixes[] = {
    { "", 0, QUANTITY_DECIMAL_SI },   { "n", -9, QUANTITY_DECIMAL_SI }, { "u", -6, QUANTITY_DECIMAL_SI },
    { "m", -3, QUANTITY_DECIMAL_SI }, { "k", 3, QUANTITY_DECIMAL_SI },  { "M", 6, QUANTITY_DECIMAL_SI },
    { "G", 9, QUANTITY_DECIMAL_SI },  { "T", 12, QUANTITY_DECIMAL_SI }, { "P", 15, QUANTITY_DECIMAL_SI },
    { "E", 18, QUANTITY_DECIMAL_SI }, { "Ki", 10, QUANTITY_BINARY_SI }, { "Mi", 20, QUANTITY_BINARY_SI },
    { "Gi", 30, QUANTITY_BINARY_SI }, { "Ti", 40, QUANTITY_BINARY_SI }, { "Pi", 50, QUANTITY_BINARY_SI },
    { "Ei", 60, QUANTITY_BINARY_SI },
};

static const char *suffix_of(int exponent, enum quantity_format format)
{
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++)
        if (suffixes[i].exponent == exponent && (suffixes[i].format == format || exponent == 0))
            return suffixes[i].text;
    return "";
}

/* ---- parse ---- */

static size_t span(struct str s, size_t from, const char *set)
{
    size_t i = from;
    while (i < s.n && s.p[i] && strchr(set, s.p[i]))
        i++;
    return i;
}

static bool wrong_format(struct err *err)
{
    return err_set(err, ERR_BAD_REQUEST,
                   "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
}

static bool split(struct str s, struct parts *p, struct err *err)
{
    static const char digits[] = "0123456789";
    *p = (struct parts){ .num = STR("0") };
    if (s.n == 0)
        return wrong_format(err);
    size_t i = s.p[0] == '-' || s.p[0] == '+', from = i;
    p->negative = s.p[0] == '-';
    i = span(s, i, "0");
    size_t end = span(s, i, digits);
    if (end > i)
        p->num = str_sub(s, i, end);
    p->has_digits = end > from;
    i = end;
    if (i < s.n && s.p[i] == '.') {
        end = span(s, i + 1, digits);
        p->denom = str_sub(s, i + 1, end);
        p->has_digits |= p->denom.n > 0;
        i = end;
    }
    size_t suffix_at = i;
    i = span(s, i, "eEinumkKMGTP");
    if (i < s.n && (s.p[i] == '+' || s.p[i] == '-'))
        i++;
    i = span(s, i, digits);
    p->suffix = str_sub(s, suffix_at, i);
    return i == s.n || wrong_format(err);
}

static bool interpret(struct parts *p, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        if (str_eqc(p->suffix, suffixes[i].text)) {
            p->exponent = suffixes[i].exponent;
            p->format = suffixes[i].format;
            return true;
        }
    }
    p->format = QUANTITY_DECIMAL_EXPONENT;
    if (p->suffix.n > 1 && (p->suffix.p[0] == 'e' || p->suffix.p[0] == 'E') &&
        str_int(str_sub(p->suffix, 1, p->suffix.n), &p->exponent))
        return true;
    return err_set(err, ERR_BAD_REQUEST, "unable to parse quantity's suffix");
}

/* Does upstream parse this with int64 arithmetic? Only then can it keep the text; the other path also needs digits to
 * stand there. */
static bool is_fast(const struct parts *p)
{
    int64_t digits = (int64_t)(p->num.n + p->denom.n);
    if (p->format == QUANTITY_BINARY_SI)
        return p->denom.n == 0 && 15 - (int64_t)p->num.n - p->exponent * 3 / 10 - 1 >= 0;
    return digits <= DIGITS_FAST && p->exponent > -100 && p->exponent - (int64_t)p->denom.n >= -9;
}

/* digits[0..n) is a decimal number; multiply by two. There is room in front: *digits moves. */
static void double_digits(char **digits, size_t *n)
{
    int carry = 0;
    for (size_t i = *n; i-- > 0;) {
        int v = ((*digits)[i] - '0') * 2 + carry;
        (*digits)[i] = (char)('0' + v % 10);
        carry = v / 10;
    }
    if (carry) {
        *--*digits = '1';
        ++*n;
    }
}

/* digits * 10^shift nanos, rounded up, clamped. */
static nanos scale_digits(const char *digits, size_t n, int64_t shift)
{
    while (n > 0 && *digits == '0')
        digits++, n--;
    if (n == 0)
        return 0;
    int64_t keep = (int64_t)n + shift;             /* digits of the result */
    if (keep <= 0)
        return 1;
    if (keep > 39)
        return NANOS_MAX;
    nanos v = 0;
    for (int64_t i = 0; i < keep; i++)
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, i < (int64_t)n ? digits[i] - '0' : 0, &v))
            return NANOS_MAX;
    for (size_t i = (size_t)keep; i < n; i++)
        if (digits[i] != '0')
            return v == NANOS_MAX ? v : v + 1;
    return v;
}

static nanos magnitude(const struct parts *p)
{
    enum { GROWTH = 20 };                          /* 2^60 has 19 digits */
    size_t n = p->num.n + p->denom.n;
    char *buf = xmalloc(GROWTH + n), *digits = buf + GROWTH;
    memcpy(digits, p->num.p, p->num.n);
    if (p->denom.n)
        memcpy(digits + p->num.n, p->denom.p, p->denom.n);
    int64_t exponent10 = p->exponent;
    if (p->format == QUANTITY_BINARY_SI) {
        for (int64_t i = 0; i < p->exponent; i++)
            double_digits(&digits, &n);
        exponent10 = 0;
    }
    if (exponent10 > 1000000)
        exponent10 = 1000000;
    if (exponent10 < -1000000000)
        exponent10 = -1000000000;
    nanos v = scale_digits(digits, n, exponent10 + 9 - (int64_t)p->denom.n);
    free(buf);
    return v;
}

static bool parse(struct str text, struct parts *p, struct quantity *out, struct err *err)
{
    if (!split(text, p, err) || !interpret(p, err))
        return false;
    bool fast = is_fast(p);
    if (!fast && !p->has_digits)
        return err_set(err, ERR_BAD_REQUEST, "unable to parse numeric part of quantity");
    nanos v = magnitude(p), cap = (nanos)INT64_MAX * NANO;
    enum quantity_format format = p->format;
    if (format == QUANTITY_BINARY_SI && v > cap)
        v = cap;
    if (!fast && format == QUANTITY_BINARY_SI && v > 0 && v < NANO)
        format = QUANTITY_DECIMAL_SI;
    *out = (struct quantity){ .nano = p->negative ? -v : v, .format = format };
    return true;
}

bool quantity_parse(struct str text, struct quantity *out, struct err *err)
{
    struct parts p;
    struct quantity q;
    if (!parse(text, &p, &q, err))
        return false;
    *out = q;
    return true;
}

/* ---- canonical form ---- */

static struct str write_int(struct arena *a, nanos v, const char *suffix)
{
    char buf[64], *p = buf + sizeof buf;
    size_t suffix_n = strlen(suffix);
    p -= suffix_n;
    memcpy(p, suffix, suffix_n);
    unsigned __int128 u = v < 0 ? -(unsigned __int128)v : (unsigned __int128)v;
    do
        *--p = (char)('0' + (int)(u % 10));
    while (u /= 10);
    if (v < 0)
        *--p = '-';
    return arena_str(a, (struct str){ p, (size_t)(buf + sizeof buf - p) });
}

static struct str decimal_text(struct arena *a, nanos v, enum quantity_format format)
{
    int exponent = -9;
    while (v % 1000 == 0) {                        /* the largest power of 1000 that leaves an integer */
        v /= 1000;
        exponent += 3;
    }
    if (format == QUANTITY_DECIMAL_SI || exponent == 0)
        return write_int(a, v, suffix_of(exponent, QUANTITY_DECIMAL_SI));
    return write_int(a, v, arena_printf(a, "e%d", exponent));
}

struct str quantity_text(struct arena *a, struct quantity q)
{
    if (q.nano == 0)
        return STR("0");
    nanos bound = (nanos)1024 * NANO;
    if (q.format != QUANTITY_BINARY_SI)
        return decimal_text(a, q.nano, q.format);
    if ((q.nano > -bound && q.nano < bound) || q.nano % NANO != 0)
        return decimal_text(a, q.nano, QUANTITY_DECIMAL_SI);     /* rather another form than another value */
    nanos v = q.nano / NANO;
    int exponent = 0;
    while (v % 1024 == 0) {
        v /= 1024;
        exponent += 10;
    }
    return write_int(a, v, suffix_of(exponent, QUANTITY_BINARY_SI));
}

/* Upstream keeps the client's spelling when the int64 path finds the mantissa to be reduced. */
static bool kept_as_typed(struct str text, const struct parts *p)
{
    if (str_eqc(text, "0"))
        return true;
    if (!is_fast(p))
        return false;
    if (p->format == QUANTITY_BINARY_SI) {
        int64_t v = 0;
        return str_int(p->num, &v) && (v & 7) != 0;
    }
    char shifted[DIGITS_FAST + 1];
    size_t n = p->num.n + p->denom.n;
    memcpy(shifted, p->num.p, p->num.n);
    if (p->denom.n)
        memcpy(shifted + p->num.n, p->denom.p, p->denom.n);
    struct str digits = { shifted, n };
    return (p->exponent - (int64_t)p->denom.n) % 3 == 0 && !str_ends(digits, "000") && shifted[0] != '0';
}

bool quantity_stored_text(struct arena *a, struct str text, struct str *out, struct err *err)
{
    struct parts p;
    struct quantity q;
    text = str_trim(text);
    if (!parse(text, &p, &q, err))
        return false;
    *out = kept_as_typed(text, &p) ? arena_str(a, text) : quantity_text(a, q);
    return true;
}

/* ---- arithmetic ---- */

static int64_t divide_away(nanos v, nanos unit)
{
    nanos q = v / unit, rest = v % unit;
    q += rest > 0 ? 1 : rest < 0 ? -1 : 0;
    return q > INT64_MAX ? INT64_MAX : q < INT64_MIN ? INT64_MIN : (int64_t)q;
}

int64_t quantity_milli(struct quantity q)
{
    return divide_away(q.nano, NANO / 1000);
}

int64_t quantity_value(struct quantity q)
{
    return divide_away(q.nano, NANO);
}

struct quantity quantity_from_nano(int64_t nano, enum quantity_format f)
{
    return (struct quantity){ .nano = nano, .format = f };
}

struct quantity quantity_from_milli(int64_t milli, enum quantity_format f)
{
    return (struct quantity){ .nano = (nanos)milli * (NANO / 1000), .format = f };
}

struct quantity quantity_from_int(int64_t v, enum quantity_format f)
{
    return (struct quantity){ .nano = (nanos)v * NANO, .format = f };
}

int quantity_cmp(struct quantity a, struct quantity b)
{
    return a.nano < b.nano ? -1 : a.nano > b.nano;
}

/* A number in JSON is read by its text, as Quantity.UnmarshalJSON does. */
static bool from_json(const struct json *j, struct quantity *q)
{
    if (json_is(j, JSON_STRING))
        return quantity_parse(str_trim(json_str(j)), q, NULL);
    if (!json_is(j, JSON_INT) && !json_is(j, JSON_FLOAT))
        return false;
    struct arena *a = arena_new();
    bool ok = quantity_parse(json_text(a, j), q, NULL);
    arena_free(a);
    return ok;
}

int64_t quantity_json_milli(const struct json *j, int64_t dflt)
{
    struct quantity q;
    return from_json(j, &q) ? quantity_milli(q) : dflt;
}

int64_t quantity_json_value(const struct json *j, int64_t dflt)
{
    struct quantity q;
    return from_json(j, &q) ? quantity_value(q) : dflt;
}
