/* sim/api/names.c - which names are legal, why not, and names that the server makes up.
 *
 * Upstream: apimachinery pkg/util/validation/validation.go (the reasons are told word for word, v1.20, since students
 * search for them) and apiserver pkg/storage/names/generate.go. The regular expressions are short enough to be walked
 * by hand.
 */
#include "sim/api/api_priv.h"

enum { LABEL_MAX = 63, SUBDOMAIN_MAX = 253, NAME_MAX_GENERATED = 63, SUFFIX_LEN = 5 };

static bool is_lower_alnum(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
static bool is_alnum(char c) { return is_lower_alnum(c) || (c >= 'A' && c <= 'Z'); }

/* [a-z0-9]([-a-z0-9]*[a-z0-9])? */
static bool label_form(struct str s)
{
    if (s.n == 0 || !is_lower_alnum(s.p[0]) || !is_lower_alnum(s.p[s.n - 1]))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!is_lower_alnum(s.p[i]) && s.p[i] != '-')
            return false;
    return true;
}

static bool subdomain_form(struct str s)
{
    struct str rest = s;
    do {
        if (!label_form(str_token(&rest, '.')))
            return false;
    } while (rest.p);
    return true;
}

/* ([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9] */
bool name_is_qualified_part(struct str s)
{
    if (s.n == 0 || !is_alnum(s.p[0]) || !is_alnum(s.p[s.n - 1]))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!is_alnum(s.p[i]) && s.p[i] != '-' && s.p[i] != '_' && s.p[i] != '.')
            return false;
    return true;
}

bool name_is_dns1123_label(struct str s)
{
    return s.n <= LABEL_MAX && label_form(s);
}

bool name_is_dns1123_subdomain(struct str s)
{
    return s.n > 0 && s.n <= SUBDOMAIN_MAX && subdomain_form(s);
}

bool name_is_dns1035_label(struct str s)
{
    return name_is_dns1123_label(s) && s.p[0] >= 'a';
}

bool name_is_qualified(struct str s)
{
    struct strbuf why;
    strbuf_init(&why, 4096);
    qualified_name_reasons(&why, s);
    bool ok = why.n == 0;
    strbuf_deinit(&why);
    return ok;
}

bool label_value_valid(struct str s)
{
    return s.n <= LABEL_MAX && (s.n == 0 || name_is_qualified_part(s));
}

/* ---- why not ---- */

#define QUALIFIED_WHY                                                                                                   \
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character "  \
    "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
#define SUBDOMAIN_WHY                                                                                                          \
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end "   \
    "with an alphanumeric character (e.g. 'example.com', regex used for validation is "                                        \
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
#define VALUE_WHY                                                                                                              \
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end "    \
    "with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "               \
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"

static void reason(struct strbuf *out, const char *part, const char *why)
{
    strbuf_addf(out, "%s%s%s", out->n ? "; " : "", part, why);
}

static void prefix_reasons(struct strbuf *out, struct str prefix)
{
    if (prefix.n == 0) {
        reason(out, "prefix part ", "must be non-empty");
        return;
    }
    if (prefix.n > SUBDOMAIN_MAX)
        reason(out, "prefix part ", "must be no more than 253 characters");
    if (!subdomain_form(prefix))
        reason(out, "prefix part ", SUBDOMAIN_WHY);
}

void qualified_name_reasons(struct strbuf *out, struct str name)
{
    struct str prefix, rest;
    if (str_cut(name, '/', &prefix, &rest)) {
        if (str_chr(rest, '/') >= 0) {
            reason(out, "a qualified name ",
                   QUALIFIED_WHY " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')");
            return;
        }
        prefix_reasons(out, prefix);
        name = rest;
    }
    if (name.n == 0)
        reason(out, "name part ", "must be non-empty");
    else if (name.n > LABEL_MAX)
        reason(out, "name part ", "must be no more than 63 characters");
    if (!name_is_qualified_part(name))
        reason(out, "name part ", QUALIFIED_WHY);
}

void label_value_reasons(struct strbuf *out, struct str value)
{
    if (value.n > LABEL_MAX)
        reason(out, "", "must be no more than 63 characters");
    if (value.n > 0 && !name_is_qualified_part(value))
        reason(out, "", VALUE_WHY);
}

/* ---- names made up ---- */

struct str name_generate(struct arena *a, struct rng *r, struct str base)
{
    char suffix[SUFFIX_LEN + 1];
    rng_suffix(r, suffix, SUFFIX_LEN);
    base = str_sub(base, 0, NAME_MAX_GENERATED - SUFFIX_LEN);
    return arena_strf(a, STR_FMT "%s", STR_ARG(base), suffix);
}

/* ---- Go's %q ---- */

static size_t utf8_sequence(const unsigned char *p, size_t n, uint32_t *rune)
{
    static const struct { unsigned char mask, lead; uint32_t min; } forms[] = {
        { 0x80, 0x00, 0 }, { 0xe0, 0xc0, 0x80 }, { 0xf0, 0xe0, 0x800 }, { 0xf8, 0xf0, 0x10000 },
    };
    for (size_t k = 0; k < ARRAY_LEN(forms); k++) {
        if ((p[0] & forms[k].mask) != forms[k].lead || k >= n)
            continue;
        uint32_t v = p[0] & (unsigned char)~forms[k].mask;
        size_t i = 1;
        for (; i <= k && (p[i] & 0xc0) == 0x80; i++)
            v = v << 6 | (p[i] & 0x3fu);
        *rune = v;
        return i == k + 1 && v >= forms[k].min && v <= 0x10ffff && (v < 0xd800 || v > 0xdfff) ? k + 1 : 0;
    }
    return 0;
}

void go_quote(struct strbuf *out, struct str s)
{
    static const char named[] = "\aa\bb\ff\nn\rr\tt\vv\"\"\\\\";  /* pairs: byte, its letter */
    strbuf_addch(out, '"');
    for (size_t i = 0; i < s.n;) {
        uint32_t rune = 0;
        size_t len = utf8_sequence((const unsigned char *)s.p + i, s.n - i, &rune);
        const char *pair = NULL;
        for (size_t k = 0; len == 1 && k + 1 < sizeof named; k += 2)
            if (named[k] == s.p[i])
                pair = named + k;
        if (pair)
            strbuf_addf(out, "\\%c", pair[1]);
        else if (len == 0 || (len == 1 && (rune < 0x20 || rune == 0x7f)))
            strbuf_addf(out, "\\x%02x", (unsigned)(unsigned char)s.p[i]);
        else if ((rune >= 0x80 && rune <= 0xa0) || (rune >= 0x2000 && rune <= 0x200f) || rune == 0xad || rune == 0xfeff)
            /* not printable; Go's table is longer, but these are the ones met */
            strbuf_addf(out, "\\u%04x", (unsigned)rune);
        else
            strbuf_add(out, (struct str){ s.p + i, len });
        i += len ? len : 1;
    }
    strbuf_addch(out, '"');
}
