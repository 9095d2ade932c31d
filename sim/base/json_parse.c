/* sim/base/json_parse.c - JSON text to tree, as strict as Go's encoding/json and in its words.
 *
 * Models encoding/json/scanner.go and decode.go, through which every body passes that a real API server reads; a
 * student who sends a stray comma is told "invalid character '}' looking for beginning of object key string" here as
 * there. cJSON's own parser is not used: it lets through leading zeros, control characters and trailing bytes, folds
 * integers into doubles, ends strings at \u0000, and has one error for everything. Checking first and letting cJSON
 * parse again would read each body twice; so this one pass checks and makes the (cJSON) nodes.
 *
 * Recursive descent, bounded by LIMIT_JSON_DEPTH. Go's scanner acts on the end of input as if one more blank came;
 * `fail` does too.
 */
#include "sim/base/json_priv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct parser {
    struct arena *a;
    const char   *p, *end;                         /* next byte, and past the last */
    /* strings are cut from here, so that a key costs its length and not an aligned block */
    char         *slab;
    size_t        slab_left;
    unsigned      depth;
    /* the first number past the doubles; reported if the syntax is right, as Go does */
    struct str    too_big;
    struct err   *err;
};

static struct json *parse_value(struct parser *p);

/* ---- errors ---- */

/* Go's quoteChar: the byte as a rune, quoted as strconv.Quote does, but in single quotes. */
static void quote_char(unsigned char c, char out[16])
{
    static const char *const named[] = { ['\a'] = "\\a", ['\b'] = "\\b", ['\t'] = "\\t", ['\n'] = "\\n", ['\v'] = "\\v",
                                         ['\f'] = "\\f", ['\r'] = "\\r", ['\''] = "\\'", ['\\'] = "\\\\" };
    if (c < ARRAY_LEN(named) && named[c])
        snprintf(out, 16, "%s", named[c]);
    else if (c < 0x20 || c == 0x7f)
        snprintf(out, 16, "\\x%02x", c);
    else if (c < 0x7f)
        snprintf(out, 16, "%c", c);
    else if (c <= 0xa0 || c == 0xad)
        snprintf(out, 16, "\\u%04x", c);
    else
        snprintf(out, 16, "%c%c", 0xc0 | c >> 6, 0x80 | (c & 0x3f));
}

/* is a blank allowed at this place? INSIDE a literal it is the blank that Go names */
enum where { BETWEEN, INSIDE };

static struct json *fail(struct parser *p, enum where where, const char *context)
{
    char quoted[16];
    if (p->p >= p->end && where == BETWEEN) {
        err_set(p->err, ERR_PARSE, "unexpected end of JSON input");
    } else {
        quote_char(p->p < p->end ? (unsigned char)*p->p : ' ', quoted);
        err_set(p->err, ERR_PARSE, "invalid character '%s' %s", quoted, context);
    }
    return NULL;
}

static void skip_space(struct parser *p)
{
    while (p->p < p->end && (*p->p == ' ' || *p->p == '\n' || *p->p == '\r' || *p->p == '\t'))
        p->p++;
}

static bool at(const struct parser *p, char c)
{
    return p->p < p->end && *p->p == c;
}

/* ---- strings ---- */

static char *cut(struct parser *p, size_t n)
{
    enum { SLAB_MAX = 4096 };
    if (n > p->slab_left) {
        size_t rest = (size_t)(p->end - p->p) + n;
        size_t size = rest < SLAB_MAX ? rest : SLAB_MAX;
        if (n * 4 > size)
            return arena_alloc(p->a, n);           /* a long one gets its own block */
        p->slab = arena_alloc(p->a, size);
        p->slab_left = size;
    }
    char *s = p->slab;
    p->slab += n;
    p->slab_left -= n;
    return s;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static unsigned hex4(const char *s)
{
    unsigned v = 0;
    for (int i = 0; i < 4; i++)
        v = v << 4 | (unsigned)hex_digit(s[i]);
    return v;
}

static size_t put_utf8(char *o, unsigned r)
{
    if (r < 0x80) {
        o[0] = (char)r;
        return 1;
    }
    if (r < 0x800) {
        o[0] = (char)(0xc0 | r >> 6);
        o[1] = (char)(0x80 | (r & 0x3f));
        return 2;
    }
    if (r < 0x10000) {
        o[0] = (char)(0xe0 | r >> 12);
        o[1] = (char)(0x80 | (r >> 6 & 0x3f));
        o[2] = (char)(0x80 | (r & 0x3f));
        return 3;
    }
    o[0] = (char)(0xf0 | r >> 18);
    o[1] = (char)(0x80 | (r >> 12 & 0x3f));
    o[2] = (char)(0x80 | (r >> 6 & 0x3f));
    o[3] = (char)(0x80 | (r & 0x3f));
    return 4;
}

/* Length of the valid UTF-8 sequence at s, 0 if there is none. */
static size_t utf8_len(const char *s, const char *end)
{
    size_t max = (size_t)(end - s);
    for (size_t n = 1; n <= 4 && n <= max; n++) {
        if (utf8_valid((struct str){ s, n }))
            return n;
    }
    return 0;
}

/* Unescape [s, end), already checked, into out; what is not UTF-8, and half of a surrogate pair, becomes U+FFFD as in Go. */
static size_t unescape(char *out, const char *s, const char *end)
{
    static const char single[256] = {
        ['b'] = '\b', ['f'] = '\f', ['n'] = '\n', ['r'] = '\r', ['t'] = '\t', ['"'] = '"', ['\\'] = '\\', ['/'] = '/'
    };
    char *o = out;
    while (s < end) {
        unsigned char c = (unsigned char)*s;
        if (c == '\\' && s[1] != 'u') {
            *o++ = single[(unsigned char)s[1]];
            s += 2;
        } else if (c == '\\') {
            unsigned r = hex4(s + 2);
            s += 6;
            if (r >= 0xd800 && r < 0xdc00 && end - s >= 6 && s[0] == '\\' && s[1] == 'u' && (hex4(s + 2) & 0xfc00) == 0xdc00) {
                r = 0x10000 + ((r - 0xd800) << 10) + (hex4(s + 2) - 0xdc00);
                s += 6;
            } else if (r >= 0xd800 && r < 0xe000) {
                r = 0xfffd;
            }
            o += put_utf8(o, r);
        } else if (c < 0x80) {
            *o++ = *s++;
        } else {
            size_t n = utf8_len(s, end);
            if (n) {
                memcpy(o, s, n);
                o += n;
                s += n;
            } else {
                o += put_utf8(o, 0xfffd);
                s++;
            }
        }
    }
    return (size_t)(o - out);
}

/* At the byte after a backslash: check the escape and step over it. */
static bool check_escape(struct parser *p)
{
    if (p->p >= p->end || !strchr("bfnrt\\/\"u", *p->p) || !*p->p)
        return fail(p, INSIDE, "in string escape code");
    if (*p->p++ != 'u')
        return true;
    for (int i = 0; i < 4; i++, p->p++) {
        if (p->p >= p->end || hex_digit(*p->p) < 0)
            return fail(p, INSIDE, "in \\u hexadecimal character escape");
    }
    return true;
}

/* Bytes that stand for themselves: ASCII, no control characters, neither quote nor backslash. */
static const bool in_strings[256] = { [' ' ... '!'] = true, ['#' ... '['] = true, [']' ... 0x7f] = true };

/* At the opening quote. The bytes end in a NUL beyond *len. */
static bool parse_string(struct parser *p, char **out, uint32_t *len)
{
    const char *start = ++p->p;
    bool plain = true;
    for (;;) {
        while (p->p < p->end && in_strings[(unsigned char)*p->p])
            p->p++;
        if (p->p >= p->end || *p->p == '"')
            break;
        unsigned char c = (unsigned char)*p->p;
        if (c < 0x20)
            return fail(p, INSIDE, "in string literal");
        p->p++;
        if (c >= 0x80)
            plain = false;
        if (c == '\\') {
            plain = false;
            if (!check_escape(p))
                return false;
        }
    }
    if (p->p >= p->end)
        return fail(p, BETWEEN, "");
    size_t raw = (size_t)(p->p - start), n = raw;
    if (!plain && !utf8_valid((struct str){ start, raw }))
        n = raw * 3;                               /* every byte may become U+FFFD */
    char *s = cut(p, n + 1);
    if (plain)
        memcpy(s, start, raw);
    else
        n = unescape(s, start, p->p);
    s[n] = '\0';
    ASSERT(n < UINT32_MAX);
    *out = s;
    *len = (uint32_t)n;
    p->p++;
    return true;
}

/* ---- numbers and words ---- */

static bool digits(struct parser *p, const char *context)
{
    if (p->p >= p->end || *p->p < '0' || *p->p > '9')
        return fail(p, INSIDE, context);
    while (p->p < p->end && *p->p >= '0' && *p->p <= '9')
        p->p++;
    return true;
}

/* An integer without fraction and exponent that fits, as k8s.io/apimachinery/pkg/util/json decides it; everything else
 * is a double. */
static struct json *make_number(struct parser *p, struct str text, bool integral)
{
    int64_t v;
    if (integral && str_int(text, &v))
        return json_new_int(p->a, v);
    char small[64], *z = text.n < sizeof small ? small : arena_alloc(p->a, text.n + 1);
    memcpy(z, text.p, text.n);
    z[text.n] = '\0';
    double d = strtod(z, NULL);
    if (!isfinite(d)) {
        if (!p->too_big.n)
            p->too_big = text;
        d = 0;
    }
    return json_new_double(p->a, d);
}

static struct json *parse_number(struct parser *p)
{
    const char *start = p->p;
    bool integral = true;
    if (*p->p == '-')
        p->p++;
    if (at(p, '0'))
        p->p++;                                    /* no digit may follow: the caller finds it out of place */
    else if (!digits(p, "in numeric literal"))
        return NULL;
    if (at(p, '.')) {
        p->p++;
        integral = false;
        if (!digits(p, "after decimal point in numeric literal"))
            return NULL;
    }
    if (at(p, 'e') || at(p, 'E')) {
        p->p++;
        integral = false;
        if (at(p, '+') || at(p, '-'))
            p->p++;
        if (!digits(p, "in exponent of numeric literal"))
            return NULL;
    }
    return make_number(p, (struct str){ start, (size_t)(p->p - start) }, integral);
}

static struct json *parse_word(struct parser *p, const char *word, int type)
{
    char context[64];
    for (const char *w = word; *w; w++, p->p++) {
        if (p->p < p->end && *p->p == *w)
            continue;
        snprintf(context, sizeof context, "in literal %s (expecting '%c')", word, *w);
        return fail(p, INSIDE, context);
    }
    return json_node_new(p->a, type);
}

/* ---- containers ---- */

static struct json *parse_array(struct parser *p)
{
    struct json *arr = json_node_new(p->a, cJSON_Array);
    p->p++;
    skip_space(p);
    if (at(p, ']')) {
        p->p++;
        return arr;
    }
    for (;;) {
        struct json *val = parse_value(p);
        if (!val)
            return NULL;
        json_node_link(arr, val);
        skip_space(p);
        if (at(p, ']'))
            break;
        if (!at(p, ','))
            return fail(p, BETWEEN, "after array element");
        p->p++;
    }
    p->p++;
    return arr;
}

static struct json *parse_member(struct parser *p)
{
    char *key;
    uint32_t len;
    if (!at(p, '"'))
        return fail(p, BETWEEN, "looking for beginning of object key string");
    if (!parse_string(p, &key, &len))
        return NULL;
    skip_space(p);
    if (!at(p, ':'))
        return fail(p, BETWEEN, "after object key");
    p->p++;
    struct json *val = parse_value(p);
    if (val) {
        val->c.string = key;
        val->key_len = len;
    }
    return val;
}

static struct json *parse_object(struct parser *p)
{
    struct json *obj = json_node_new(p->a, cJSON_Object);
    size_t count = 0;
    p->p++;
    skip_space(p);
    if (at(p, '}')) {
        p->p++;
        return obj;
    }
    for (;;) {
        struct json *val = parse_member(p);
        if (!val)
            return NULL;
        json_node_link(obj, val);
        count++;
        skip_space(p);
        if (at(p, '}'))
            break;
        if (!at(p, ','))
            return fail(p, BETWEEN, "after object key:value pair");
        p->p++;
        skip_space(p);
    }
    p->p++;
    json_node_drop_duplicates(obj, count);
    return obj;
}

static struct json *parse_container(struct parser *p)
{
    if (++p->depth > LIMIT_JSON_DEPTH) {
        err_set(p->err, ERR_PARSE, "exceeded max depth");
        return NULL;
    }
    struct json *j = *p->p == '{' ? parse_object(p) : parse_array(p);
    p->depth--;
    return j;
}

static struct json *parse_string_value(struct parser *p)
{
    struct json *j = json_node_new(p->a, cJSON_String);
    return parse_string(p, &j->c.valuestring, &j->str_len) ? j : NULL;
}

static struct json *parse_value(struct parser *p)
{
    skip_space(p);
    switch (p->p < p->end ? *p->p : ' ') {
    case '{':
    case '[': return parse_container(p);
    case '"': return parse_string_value(p);
    case 't': return parse_word(p, "true", cJSON_True);
    case 'f': return parse_word(p, "false", cJSON_False);
    case 'n': return parse_word(p, "null", cJSON_NULL);
    case '-':
    case '0': case '1': case '2': case '3': case '4':
    case '5': case '6': case '7': case '8': case '9': return parse_number(p);
    default:  return fail(p, BETWEEN, "looking for beginning of value");
    }
}

static struct json *parse_text(struct arena *a, struct str text, size_t *used, struct err *err)
{
    struct parser p = { .a = a, .p = text.p ? text.p : "", .err = err };
    const char *start = p.p;
    p.end = start + text.n;
    struct json *j = parse_value(&p);
    if (j && !used) {
        skip_space(&p);
        if (p.p < p.end)
            return fail(&p, BETWEEN, "after top-level value");
    }
    if (j && p.too_big.n) {
        err_set(err, ERR_PARSE, "json: cannot unmarshal number " STR_FMT " into Go value of type float64", STR_ARG(p.too_big));
        return NULL;
    }
    if (j && used)
        *used = (size_t)(p.p - start);
    return j;
}

struct json *json_parse_prefix(struct arena *a, struct str text, size_t *used, struct err *err)
{
    ASSERT(used);
    return parse_text(a, text, used, err);
}

struct json *json_parse(struct arena *a, struct str text, struct err *err)
{
    return parse_text(a, text, NULL, err);
}
