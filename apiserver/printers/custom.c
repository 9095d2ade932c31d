/* apiserver/printers/custom.c - columns that a CustomResourceDefinition declares (additionalPrinterColumns).
 *
 * Upstream: apiextensions-apiserver pkg/registry/customresource/tableconvertor, client-go util/jsonpath. Of JSONPath: fields with
 * dots or ['quotes'], [n], [*] and [?(@.path=="text")], which is what columns use; the first thing found is the cell.
 */
#include "apiserver/printers/printers_priv.h"

enum { STEPS_MAX = 64 };               /* of one path */

/* ---- paths ---- */

/* What is in brackets at the start of *path: taken off, without them. Quotes may hold brackets. */
static struct str take_bracket(struct str *path)
{
    char quote = 0;
    for (size_t i = 1; i < path->n; i++) {
        char ch = path->p[i];
        if (quote) {
            if (ch == quote)
                quote = 0;
        } else if (ch == '\'' || ch == '"') {
            quote = ch;
        } else if (ch == ']') {
            struct str inside = str_sub(*path, 1, i);
            *path = str_sub(*path, i + 1, path->n);
            return inside;
        }
    }
    *path = STR_NULL;
    return STR_NULL;
}

static struct str unquote(struct str s)
{
    bool quoted = s.n >= 2 && (s.p[0] == '\'' || s.p[0] == '"') && s.p[s.n - 1] == s.p[0];
    return quoted ? str_sub(s, 1, s.n - 1) : s;
}

static const struct json *walk(struct arena *a, const struct json *v, struct str path, int depth);

/* ?(@.type=="Ready") */
static bool filter_accepts(struct arena *a, const struct json *v, struct str filter, int depth)
{
    ptrdiff_t eq = str_find(filter, STR("=="));
    struct str body = str_starts(filter, "?(@") && str_ends(filter, ")") ? str_sub(filter, 3, filter.n - 1) : STR_NULL;
    if (eq < 0)
        return body.n && walk(a, v, str_trim(body), depth);
    struct str left = str_trim(str_sub(filter, 3, (size_t)eq)),
               right = unquote(str_trim(str_sub(filter, (size_t)eq + 2, filter.n - 1)));
    const struct json *got = body.n ? walk(a, v, left, depth) : NULL;
    return got && str_eq(json_is(got, JSON_STRING) ? json_str(got) : json_text(a, got), right);
}

static const struct json *walk_bracket(struct arena *a, const struct json *v, struct str inside, struct str rest, int depth)
{
    int64_t n;
    bool all = str_eqc(inside, "*"), filter = str_starts(inside, "?");
    if (all || filter) {
        for (const struct json *c = json_first(v); c; c = json_next(c)) {
            const struct json *found = all || filter_accepts(a, c, inside, depth + 1) ? walk(a, c, rest, depth + 1) : NULL;
            if (found)
                return found;
        }
        return NULL;
    }
    if (!str_int(inside, &n))
        return walk(a, json_getn(v, unquote(inside)), rest, depth + 1);
    if (n < 0)
        n += (int64_t)json_len(v);
    return json_is(v, JSON_ARRAY) && n >= 0 ? walk(a, json_at(v, (size_t)n), rest, depth + 1) : NULL;
}

static const struct json *walk(struct arena *a, const struct json *v, struct str path, int depth)
{
    if (!v || !path.n || depth > STEPS_MAX)
        return v;
    if (path.p[0] == '[') {
        struct str inside = take_bracket(&path);
        return walk_bracket(a, v, inside, path, depth);
    }
    if (path.p[0] != '.')
        return NULL;
    char *name = arena_alloc(a, path.n + 1);     /* a backslash keeps a dot in a name */
    size_t i = 1, n = 0;
    for (; i < path.n && path.p[i] != '.' && path.p[i] != '['; i++) {
        i += path.p[i] == '\\' && i + 1 < path.n;
        name[n++] = path.p[i];
    }
    struct str rest = str_sub(path, i, path.n), key = { name, n };
    return walk(a, n ? json_getn(v, key) : v, rest, depth + 1);
}

/* ---- cells ---- */
static void put_number(struct row *r, const struct json *v, bool whole)
{
    if (json_is(v, JSON_INT) || (!whole && json_is(v, JSON_FLOAT)))
        json_write(r->out, v, 0);
    else if (json_is(v, JSON_FLOAT))
        print_put_int(r, (int64_t)json_double(v, 0));
    else
        strbuf_addc(r->out, "null");
}

static void put_date(struct row *r, const struct json *v)
{
    int64_t ns;
    if (!json_is(v, JSON_STRING))
        strbuf_addc(r->out, "null");
    else
        print_put_str(r, time_parse_rfc3339(json_str(v), &ns) ? print_age_since(r, json_str(v)) : STR("<invalid>"));
}

static void put_cell(struct row *r, const char *type, const struct json *v)
{
    if (!v || (json_is(v, JSON_NULL) && strcmp(type, "string") != 0))
        strbuf_addc(r->out, "null");
    else if (strcmp(type, "string") == 0)
        print_put_str(r, json_is(v, JSON_STRING) ? json_str(v) : json_is(v, JSON_NULL) ? STR("<nil>") : json_text(r->a, v));
    else if (strcmp(type, "date") == 0)
        put_date(r, v);
    else if (strcmp(type, "boolean") == 0)
        strbuf_addc(r->out, !json_is(v, JSON_BOOL) ? "null" : json_bool(v, false) ? "true" : "false");
    else
        put_number(r, v, strcmp(type, "integer") == 0);
}

void print_custom_row(struct row *r, const struct table_column *columns, const char *const *paths, size_t n)
{
    strbuf_addch(r->out, '[');
    print_put_str(r, json_path_str(r->obj, "metadata.name"));
    for (size_t i = 1; i < n; i++) {
        strbuf_addch(r->out, ',');
        put_cell(r, columns[i].type, walk(r->a, r->obj, str_c(paths[i]), 0));
    }
    strbuf_addch(r->out, ']');
}
