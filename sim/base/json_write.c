/* sim/base/json_write.c - tree to text, byte for byte as Go's encoding/json writes it.
 *
 * Models encoding/json/encode.go and indent.go: what `kubectl get -o json --raw` and curl show, what managers hash.
 * Kept: no blanks in the compact form; < > & escaped for HTML's sake, and U+2028, U+2029; shortest doubles; "{}" and
 * "[]" for what is empty. Not kept: Go sorts a map's keys, a tree keeps the order it was made in (Go's structs do so
 * too).
 */
#include "sim/base/json_priv.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void write_value(struct strbuf *out, const struct json *j, unsigned flags, unsigned depth);

/* ---- strings ---- */

static void write_escape(struct strbuf *out, unsigned char c)
{
    switch (c) {
    case '"':  strbuf_add(out, STR("\\\"")); break;
    case '\\': strbuf_add(out, STR("\\\\")); break;
    case '\n': strbuf_add(out, STR("\\n")); break;
    case '\r': strbuf_add(out, STR("\\r")); break;
    case '\t': strbuf_add(out, STR("\\t")); break;
    default:   strbuf_addf(out, "\\u%04x", c); break;
    }
}

/* The sequence at s begins with a byte >= 0x80: how many bytes to step over, and what to write in their stead (NULL:
 * themselves). */
static size_t high_bytes(const char *s, const char *end, const char **instead)
{
    size_t max = (size_t)(end - s);
    *instead = NULL;
    for (size_t n = 2; n <= 4 && n <= max; n++) {
        if (!utf8_valid((struct str){ s, n }))
            continue;
        if (n == 3 && memcmp(s, "\xe2\x80\xa8", 3) == 0)
            *instead = "\\u2028";
        if (n == 3 && memcmp(s, "\xe2\x80\xa9", 3) == 0)
            *instead = "\\u2029";
        return n;
    }
    *instead = "\\ufffd";
    return 1;
}

/* Bytes that some flags may change; all others go out as they are. */
static const bool special[256] = { [0 ... 0x1f] = true, ['"'] = true, ['\\'] = true, ['<'] = true, ['>'] = true, ['&'] = true,
                                   [0x80 ... 0xff] = true };

static void write_string(struct strbuf *out, struct str s, unsigned flags)
{
    const char *p = s.p, *end = s.p + s.n, *done = s.p, *instead;
    strbuf_addch(out, '"');
    for (;;) {
        while (p < end && !special[(unsigned char)*p])
            p++;
        if (p == end)
            break;
        unsigned char c = (unsigned char)*p;
        if (c >= 0x80) {
            size_t n = high_bytes(p, end, &instead);
            if (instead) {
                strbuf_add(out, (struct str){ done, (size_t)(p - done) });
                strbuf_addc(out, instead);
                done = p + n;
            }
            p += n;
        } else if (c < 0x20 || c == '"' || c == '\\' || (!(flags & JSON_NO_HTML_ESCAPE) && (c == '<' || c == '>' || c == '&'))) {
            strbuf_add(out, (struct str){ done, (size_t)(p - done) });
            write_escape(out, c);
            done = ++p;
        } else {
            p++;
        }
    }
    if (done < end)
        strbuf_add(out, (struct str){ done, (size_t)(end - done) });
    strbuf_addch(out, '"');
}

void json_write_string(struct strbuf *out, struct str s)
{
    write_string(out, s, 0);
}

/* ---- numbers ---- */

/* The fewest significant digits (in 1.5e10 form) that read back as v. Fifteen always survive text and back, so that cutting their
 * zeros gives the shortest form for most; only beneath the normal range may fewer do. */
static void shortest_digits(double v, char *buf, size_t size)
{
    for (int digits = v < DBL_MIN ? 1 : 15; digits <= 17; digits++) {
        snprintf(buf, size, "%.*e", digits - 1, v);
        double back = strtod(buf, NULL);
        if (back >= v && back <= v)
            return;
    }
}

size_t json_format_double(double v, char *buf, size_t size)
{
    char text[40], digits[24];
    if (v == 0.0)
        return (size_t)snprintf(buf, size, signbit(v) ? "-0" : "0");
    shortest_digits(fabs(v), text, sizeof text);
    char *e = strchr(text, 'e');
    int exponent = atoi(e + 1), n = 0;
    for (const char *t = text; t < e; t++) {
        if (*t != '.')
            digits[n++] = *t;
    }
    while (n > 1 && digits[n - 1] == '0')
        n--;
    digits[n] = '\0';
    const char *sign = v < 0 ? "-" : "";
    if (exponent < -6 || exponent >= 21)
        return (size_t)snprintf(buf, size, "%s%c%s%se%c%02d", sign, digits[0], n > 1 ? "." : "", digits + 1,
                                exponent < 0 ? '-' : '+', abs(exponent));
    if (exponent < 0)
        return (size_t)snprintf(buf, size, "%s0.%.*s%s", sign, -exponent - 1, "000000", digits);
    if (n <= exponent + 1)
        return (size_t)snprintf(buf, size, "%s%s%.*s", sign, digits, exponent + 1 - n, "000000000000000000000");
    return (size_t)snprintf(buf, size, "%s%.*s.%s", sign, exponent + 1, digits, digits + exponent + 1);
}

static void write_number(struct strbuf *out, const struct json *j)
{
    char buf[48];
    if (j->c.type & NODE_INTEGER) {
        char *p = buf + sizeof buf;
        uint64_t v = j->integer < 0 ? 0 - (uint64_t)j->integer : (uint64_t)j->integer;
        do
            *--p = (char)('0' + v % 10);
        while (v /= 10);
        if (j->integer < 0)
            *--p = '-';
        strbuf_add(out, (struct str){ p, (size_t)(buf + sizeof buf - p) });
        return;
    }
    size_t n = json_format_double(j->c.valuedouble, buf, sizeof buf);
    if (n > 4 && buf[n - 4] == 'e' && buf[n - 3] == '-' && buf[n - 2] == '0') {
        buf[n - 2] = buf[n - 1];                   /* Go turns e-09 into e-9 */
        n--;
    }
    strbuf_add(out, (struct str){ buf, n });
}

/* ---- containers ---- */

static void new_line(struct strbuf *out, unsigned flags, unsigned depth)
{
    if (!(flags & JSON_PRETTY))
        return;
    strbuf_addch(out, '\n');
    while (depth--)
        strbuf_add(out, STR("  "));
}

static void write_children(struct strbuf *out, const struct json *j, unsigned flags, unsigned depth)
{
    bool object = node_kind(j) == cJSON_Object;
    strbuf_addch(out, object ? '{' : '[');
    for (const struct json *c = node_first(j); c; c = node_next(c)) {
        new_line(out, flags, depth + 1);
        if (object) {
            write_string(out, node_key(c), flags);
            strbuf_add(out, flags & JSON_PRETTY ? STR(": ") : STR(":"));
        }
        write_value(out, c, flags, depth + 1);
        if (node_next(c))
            strbuf_addch(out, ',');
    }
    if (node_first(j))
        new_line(out, flags, depth);
    strbuf_addch(out, object ? '}' : ']');
}

static void write_value(struct strbuf *out, const struct json *j, unsigned flags, unsigned depth)
{
    switch (json_type(j)) {
    case JSON_NULL:   strbuf_add(out, STR("null")); break;
    case JSON_BOOL:   strbuf_add(out, json_bool(j, false) ? STR("true") : STR("false")); break;
    case JSON_INT:
    case JSON_FLOAT:  write_number(out, j); break;
    case JSON_STRING: write_string(out, json_str(j), flags); break;
    case JSON_ARRAY:
    case JSON_OBJECT: write_children(out, j, flags, depth); break;
    }
}

void json_write(struct strbuf *out, const struct json *j, unsigned flags)
{
    write_value(out, j, flags, 0);
}

struct str json_text(struct arena *a, const struct json *j)
{
    struct strbuf b;
    strbuf_init(&b, SIZE_MAX / 2);
    json_write(&b, j, 0);
    struct str text = arena_str(a, strbuf_str(&b));
    strbuf_deinit(&b);
    return text;
}
