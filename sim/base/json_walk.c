/* sim/base/json_walk.c - the members of a JSON object or array as pieces of its text, without making a tree: for documents of
 * which most is only passed on.
 *
 * Texts are taken to be JSON that this program wrote; what is none ends the walk early, and nothing is read beyond its end.
 */
#include "sim/base/json.h"

static struct str skip_space(struct str s)
{
    while (s.n && (*s.p == ' ' || *s.p == '\n' || *s.p == '\t' || *s.p == '\r'))
        s = str_sub(s, 1, s.n);
    return s;
}

/* From its opening quote to behind the closing one; 0: it has no end. */
static size_t string_length(struct str s)
{
    size_t i = 1;
    for (; i < s.n && i < 24 && s.p[i] != '\\'; i++)            /* most are short: no call */
        if (s.p[i] == '"')
            return i + 1;
    for (; i < s.n; i++) {
        const char *quote = memchr(s.p + i, '"', s.n - i);
        if (!quote)
            return 0;
        size_t at = (size_t)(quote - s.p), slashes = 0;
        while (at - slashes > 1 && s.p[at - slashes - 1] == '\\')
            slashes++;
        if (slashes % 2 == 0)
            return at + 1;
        i = at;
    }
    return 0;
}

/* A value at the beginning of s; 0: it has no end. */
static size_t value_length(struct str s)
{
    static const bool stops[256] = { ['"'] = true, ['{'] = true, ['['] = true, ['}'] = true, [']'] = true, [','] = true };
    size_t depth = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (!stops[c])
            continue;
        if (c == '"') {
            size_t n = string_length(str_sub(s, i, s.n));
            if (!n)
                return 0;
            i += n - 1;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (c == ',') {
            if (!depth)
                return i;
        } else {
            if (!depth)
                return i;
            if (!--depth)
                return i + 1;
        }
    }
    return depth ? 0 : s.n;
}

bool json_walk_begin(struct json_walk *w, struct str text)
{
    text = skip_space(text);
    *w = (struct json_walk){ .rest = str_sub(text, 1, text.n), .object = text.n && *text.p == '{' };
    return w->object || (text.n && *text.p == '[');
}

bool json_walk_key(struct json_walk *w, struct str *key)
{
    struct str s = skip_space(w->rest);
    if (s.n && *s.p == ',')
        s = skip_space(str_sub(s, 1, s.n));
    *key = STR_NULL;
    if (w->object) {
        size_t n = s.n && *s.p == '"' ? string_length(s) : 0;
        struct str after = skip_space(str_sub(s, n, s.n));
        if (!n || !after.n || *after.p != ':')
            return false;
        *key = str_sub(s, 1, n - 1);
        s = skip_space(str_sub(after, 1, after.n));
    }
    w->rest = s;
    return s.n && *s.p != ']' && *s.p != '}';
}

bool json_walk_value(struct json_walk *w, struct str *value)
{
    size_t n = value_length(w->rest);
    *value = str_trim(str_sub(w->rest, 0, n));
    w->rest = str_sub(w->rest, n, w->rest.n);
    return value->n > 0;
}

bool json_walk_next(struct json_walk *w, struct str *key, struct str *value)
{
    *value = STR_NULL;
    return json_walk_key(w, key) && json_walk_value(w, value);
}

bool json_walk_end(const struct json_walk *w, struct str *rest)
{
    struct str s = skip_space(w->rest);
    *rest = str_sub(s, 1, s.n);
    return s.n && *s.p == (w->object ? '}' : ']');
}

struct str json_walk_member(struct str object, const char *key)
{
    struct json_walk w;
    struct str name, value, found = STR_NULL;
    for (bool more = json_walk_begin(&w, object) && w.object; more && json_walk_next(&w, &name, &value);)
        if (str_eqc(name, key))
            found = value;
    return found;
}
