/* apiserver/schema/structural_validate.c - is a custom resource what its schema says? In the words of go-openapi's validators.
 *
 * Upstream: kube-openapi pkg/validation/{validate,errors}, apiextensions-apiserver pkg/apiserver/validation/validation.go (which
 * makes field errors of them) and pkg/apiserver/schema/listtype. Upstream walks properties in Go's random order; here it is the
 * schema's. Of the alternatives of anyOf and oneOf that all fail, the one with the fewest errors is reported. Formats that are
 * not in the table below are not looked at.
 */
#include "apiserver/schema/structural.h"

#include <arpa/inet.h>

enum { INDEX_IN_BRACKETS_MINOR = 21 };  /* paths of items: list.0 before, list[0] from here on */

struct walk {                          /* one value under one schema */
    struct check *c;
    const struct json *schema, *v;
    struct str path;                   /* "spec.list.0"; empty at the root */
};

static void validate(struct check *c, const struct json *schema, const struct json *v, struct str path);

/* ---- errors ---- */
static struct str field_of(struct str path) { return path.n ? str_sub(path, path.p[0] == '.', path.n) : STR("<nil>"); }

static struct str shown(struct arena *a, const struct json *v)
{
    return json_is(v, JSON_STRING) ? quote_go(a, json_str(v)) : json_text(a, v);
}

/* "PATH in body WORDS", with the bad value before it. */
static void invalid(const struct walk *w, struct str value, const char *fmt, ...) PRINTF(3, 4);
static void invalid(const struct walk *w, struct str value, const char *fmt, ...)
{
    struct strbuf b;
    va_list ap;
    strbuf_init(&b, 16 * 1024);
    va_start(ap, fmt);
    strbuf_vaddf(&b, fmt, ap);
    va_end(ap);
    field_error_add(w->c->out, "FieldValueInvalid", field_of(w->path), "Invalid value: " STR_FMT ": " STR_FMT " in body " STR_FMT,
                    STR_ARG(value), STR_ARG(w->path),
                    STR_ARG(strbuf_str(&b)));
    strbuf_deinit(&b);
}

/* What is said of a whole value stands at no field. */
static void composite(const struct walk *w, const char *fmt, const char *more)
{
    const char *text = arena_printf(w->c->a, fmt, more);
    field_error_add(w->c->out, "FieldValueInvalid", STR("<nil>"), "Invalid value: \"\": " STR_FMT " %s",
                    STR_ARG(quote_go(w->c->a, w->path)), text);
}

/* ---- type ---- */
static const char *type_word(const struct json *v)
{
    switch (json_type(v)) {
    case JSON_BOOL: return "boolean";
    case JSON_INT: return "integer";
    case JSON_FLOAT: return "number";
    case JSON_STRING: return "string";
    case JSON_ARRAY: return "array";
    case JSON_OBJECT: return "object";
    case JSON_NULL: break;
    }
    return "null";
}

static struct str types_of(const struct json *schema)
{
    return json_get_bool(schema, "x-kubernetes-int-or-string", false) ? STR("integer,string") : json_get_str(schema, "type");
}

static bool type_allows(struct str types, const struct json *v)
{
    const char *word = type_word(v);
    while (types.n) {
        struct str t = str_token(&types, ',');
        bool number = str_eqc(t, "number") && json_is(v, JSON_INT);
        bool whole = str_eqc(t, "integer") && json_is(v, JSON_FLOAT) && json_double(v, 0.5) == (double)(int64_t)json_double(v, 0.5);
        if (str_eqc(t, word) || number || whole)
            return true;
    }
    return false;
}

static void check_type(const struct walk *w)
{
    struct str types = types_of(w->schema);
    bool null = json_is(w->v, JSON_NULL);
    if (!types.n || (null && json_get_bool(w->schema, "nullable", false)) || type_allows(types, w->v))
        return;
    const char *word = type_word(w->v);
    invalid(w, quote_go(w->c->a, str_c(word)), "must be of type " STR_FMT ": \"%s\"", STR_ARG(types), word);
}

/* ---- allOf, anyOf, oneOf, not ---- */
static struct field_errors tried(const struct walk *w, const struct json *schema)
{
    struct field_errors e = { .a = w->c->a };
    struct check c = *w->c;
    c.out = &e;
    validate(&c, schema, w->v, w->path);
    return e;
}

static void merge(const struct walk *w, const struct field_errors *e)
{
    for (size_t i = 0; i < e->n; i++)
        field_error_add(w->c->out, e->v[i].type, e->v[i].field, STR_FMT, STR_ARG(e->v[i].message));
}

static void check_alternatives(const struct walk *w, const char *key, bool one)
{
    const struct json *list = json_get(w->schema, key);
    struct field_errors best = { .a = w->c->a };
    int valid = 0;
    for (const struct json *s = json_first(list); s; s = json_next(s)) {
        struct field_errors e = tried(w, s);
        if (!e.n)
            valid++;
        else if (!best.n || e.n < best.n)
            best = e;
    }
    if (!json_len(list) || valid == 1 || (valid && !one))
        return;
    if (!one)
        composite(w, "must validate at least one schema (anyOf)%s", "");
    else
        composite(w, "must validate one and only one schema (oneOf). %s",
                  valid ? arena_printf(w->c->a, "Found %d valid alternatives", valid) : "Found none valid");
    if (!valid)
        merge(w, &best);
}

static void check_junctors(const struct walk *w)
{
    const struct json *all = json_get(w->schema, "allOf"), *not = json_get(w->schema, "not");
    size_t valid = 0;
    check_alternatives(w, "anyOf", false);
    check_alternatives(w, "oneOf", true);
    for (const struct json *s = json_first(all); s; s = json_next(s)) {
        struct field_errors e = tried(w, s);
        valid += !e.n;
        merge(w, &e);
    }
    if (valid != json_len(all))
        composite(w, "must validate all the schemas (allOf)%s", valid ? "" : ". None validated");
    if (not && !tried(w, not).n)
        composite(w, "must not validate the schema (not)%s", "");
}

/* ---- strings ---- */
static bool is_date_time(struct arena *a, struct str s) { (void)a; int64_t ns; return time_parse_rfc3339(s, &ns); }
static bool is_base64(struct arena *a, struct str s) { struct str out; return base64_decode(a, s, &out); }

static bool is_ip(struct arena *a, struct str s, int family)
{
    unsigned char buf[16];
    return inet_pton(family, arena_cstr(a, s), buf) == 1;
}

static bool is_ipv4(struct arena *a, struct str s) { return is_ip(a, s, AF_INET); }
static bool is_ipv6(struct arena *a, struct str s) { return is_ip(a, s, AF_INET6); }

static bool is_cidr(struct arena *a, struct str s)
{
    struct str ip, bits;
    int64_t n;
    bool v6 = str_cut(s, '/', &ip, &bits) && str_chr(ip, ':') >= 0;
    return bits.n && (v6 ? is_ipv6(a, ip) : is_ipv4(a, ip)) && str_int(bits, &n) && n >= 0 && n <= (v6 ? 128 : 32);
}

#define HEX "[0-9a-fA-F]"
static const struct { const char *name, *pattern; bool (*fn)(struct arena *a, struct str s); } formats[] = {
    { "datetime", NULL, is_date_time }, { "byte", NULL, is_base64 }, { "ipv4", NULL, is_ipv4 }, { "ipv6", NULL, is_ipv6 },
    { "cidr", NULL, is_cidr },
    { "date", "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", NULL },
    { "uuid", "^" HEX "{8}-?" HEX "{4}-?" HEX "{4}-?" HEX "{4}-?" HEX "{12}$", NULL },
    { "mac", "^(" HEX "{2}[:-]){5}" HEX "{2}$", NULL },
    { "email", "^[^@ ]+@[^@ ]+$", NULL },
    { "uri", "^([a-zA-Z][a-zA-Z0-9+.-]*:|/)", NULL },
    { "hostname", "^[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(\\.[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*\\.?$", NULL },
    { "hexcolor", "^#?(" HEX "{3}|" HEX "{6})$", NULL },
    { "ssn", "^[0-9]{3}[- ]?[0-9]{2}[- ]?[0-9]{4}$", NULL },
};

static void check_format(const struct walk *w)
{
    struct str format = json_get_str(w->schema, "format"), plain = STR_NULL;
    for (struct str rest = format; rest.n;) {    /* date-time and datetime are one */
        struct str part = str_token(&rest, '-');
        plain = arena_strf(w->c->a, STR_FMT STR_FMT, STR_ARG(plain), STR_ARG(part));
    }
    for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
        if (!str_eqc(plain, formats[i].name))
            continue;
        struct str s = json_str(w->v);
        if (!(formats[i].fn ? formats[i].fn(w->c->a, s) : pattern_matches(w->c->a, str_c(formats[i].pattern), s)))
            invalid(w, quote_go(w->c->a, s), "must be of type " STR_FMT ": " STR_FMT, STR_ARG(format), STR_ARG(quote_go(w->c->a, s)));
    }
}

static int64_t runes(struct str s)
{
    int64_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

static void check_string(const struct walk *w)
{
    struct str s = json_str(w->v), pattern = json_get_str(w->schema, "pattern"), value = quote_go(w->c->a, s);
    int64_t n = runes(s), max = json_get_int(w->schema, "maxLength", INT64_MAX), min = json_get_int(w->schema, "minLength", 0);
    if (n > max)
        invalid(w, value, "should be at most %" PRId64 " chars long", max);
    else if (n < min)
        invalid(w, value, "should be at least %" PRId64 " chars long", min);
    else if (pattern.n && !pattern_matches(w->c->a, pattern, s))
        invalid(w, value, "should match '" STR_FMT "'", STR_ARG(pattern));
    check_format(w);
}

/* ---- numbers ---- */
static void check_bound(const struct walk *w, const char *key, const char *exclusive_key, const char *words, int sign)
{
    const struct json *bound = json_get(w->schema, key);
    bool exclusive = json_get_bool(w->schema, exclusive_key, false);
    double v = json_double(w->v, 0), b = json_double(bound, 0);
    if (!bound || (v - b) * sign < 0 || ((v - b) * sign == 0 && !exclusive))
        return;
    struct str text = json_is(w->v, JSON_INT) ? arena_strf(w->c->a, "%" PRId64, (int64_t)b) : json_text(w->c->a, bound);
    invalid(w, json_text(w->c->a, w->v), "should be %s than %s" STR_FMT, words, exclusive ? "" : "or equal to ", STR_ARG(text));
}

static void check_number(const struct walk *w)
{
    const struct json *factor = json_get(w->schema, "multipleOf");
    double v = json_double(w->v, 0), f = json_double(factor, 0);
    double quotient = f != 0 ? v / f : 0;
    if (factor && f > 0 && quotient != (double)(int64_t)quotient)
        invalid(w, json_text(w->c->a, w->v), "should be a multiple of " STR_FMT, STR_ARG(json_text(w->c->a, factor)));
    check_bound(w, "minimum", "exclusiveMinimum", "greater", -1);
    check_bound(w, "maximum", "exclusiveMaximum", "less", 1);
}

/* ---- lists and objects ---- */
static void check_array(const struct walk *w)
{
    const struct json *items = json_get(w->schema, "items");
    int64_t n = (int64_t)json_len(w->v), max = json_get_int(w->schema, "maxItems", INT64_MAX),
            min = json_get_int(w->schema, "minItems", 0);
    size_t i = 0;
    bool dotted = w->c->minor < INDEX_IN_BRACKETS_MINOR;
    for (const struct json *c = json_first(w->v); c && items; c = json_next(c), i++)
        validate(w->c, items, c, arena_strf(w->c->a, STR_FMT "%s%zu%s", STR_ARG(w->path), dotted ? "." : "[", i, dotted ? "" : "]"));
    if (n < min)
        invalid(w, arena_strf(w->c->a, "%" PRId64, n), "should have at least %" PRId64 " items", min);
    if (n > max)
        invalid(w, arena_strf(w->c->a, "%" PRId64, n), "should have at most %" PRId64 " items", max);
}

static struct str below(const struct walk *w, struct str key)
{
    return w->path.n ? arena_strf(w->c->a, STR_FMT "." STR_FMT, STR_ARG(w->path), STR_ARG(key)) : key;
}

static bool check_counts(const struct walk *w)
{
    int64_t n = (int64_t)json_len(w->v), max = json_get_int(w->schema, "maxProperties", INT64_MAX),
            min = json_get_int(w->schema, "minProperties", 0);
    if (n < min)
        invalid(w, arena_strf(w->c->a, "%" PRId64, min), "should have at least %" PRId64 " properties", min);
    else if (n > max)
        invalid(w, arena_strf(w->c->a, "%" PRId64, max), "should have at most %" PRId64 " properties", max);
    return n >= min && n <= max;
}

static void check_object(const struct walk *w)
{
    const struct json *props = json_get(w->schema, "properties"), *more = json_get(w->schema, "additionalProperties");
    if (!check_counts(w))
        return;
    for (const struct json *c = json_first(w->v); c && json_is(more, JSON_OBJECT); c = json_next(c))
        if (!json_getn(props, json_key(c)))
            validate(w->c, more, c, below(w, json_key(c)));
    for (const struct json *p = json_first(props); p; p = json_next(p)) {
        const struct json *v = json_getn(w->v, json_key(p));
        if (v)
            validate(w->c, p, v, below(w, json_key(p)));
    }
    for (const struct json *k = json_first(json_get(w->schema, "required")); k; k = json_next(k))
        if (!json_getn(w->v, json_str(k)))
            field_error_add(w->c->out, "FieldValueRequired", below(w, json_str(k)), "Required value");
}

static void check_enum_values(const struct walk *w)
{
    const struct json *list = json_get(w->schema, "enum");
    struct str all = STR_NULL;
    for (const struct json *e = json_first(list); e; e = json_next(e)) {
        if (json_equal(e, w->v))
            return;
        struct str one = quote_go(w->c->a, json_is(e, JSON_STRING) ? json_str(e) : json_text(w->c->a, e));
        all = all.n ? arena_strf(w->c->a, STR_FMT ", " STR_FMT, STR_ARG(all), STR_ARG(one)) : one;
    }
    if (list)
        field_error_add(w->c->out, "FieldValueNotSupported", field_of(w->path),
                        "Unsupported value: " STR_FMT ": supported values: " STR_FMT,
                        STR_ARG(json_is(w->v, JSON_NULL) ? STR("\"null\"") : shown(w->c->a, w->v)), STR_ARG(all));
}

static void validate(struct check *c, const struct json *schema, const struct json *v, struct str path)
{
    struct walk w = { c, schema, v, path };
    check_type(&w);
    if (!json_is(v, JSON_NULL)) {
        check_junctors(&w);
        if (json_is(v, JSON_STRING))
            check_string(&w);
        else if (json_is(v, JSON_INT) || json_is(v, JSON_FLOAT))
            check_number(&w);
        else if (json_is(v, JSON_ARRAY))
            check_array(&w);
    }
    check_enum_values(&w);
    if (json_is(v, JSON_OBJECT))
        check_object(&w);
}

void structural_validate(struct check *c, const struct json *schema, const struct json *value)
{
    if (schema)
        validate(c, schema, value, STR_NULL);
}

/* ---- lists of type set and map ---- */

/* What makes an item the same as another: itself, or its keys. */
static const struct json *identity(struct arena *a, const struct json *keys, const struct json *item)
{
    if (!keys)
        return item;
    struct json *id = json_new_object(a);
    for (const struct json *k = json_first(keys); k; k = json_next(k)) {
        const struct json *v = json_getn(item, json_str(k));
        if (v)
            json_setn(a, id, json_str(k), json_copy(a, v));
    }
    return id;
}

/* Go's %#v of a map of scalars. */
static struct str go_map(struct arena *a, const struct json *v)
{
    if (!json_is(v, JSON_OBJECT))
        return shown(a, v);
    struct str all = STR_NULL;
    for (const struct json *c = json_first(v); c; c = json_next(c))
        all = arena_strf(a, STR_FMT "%s" STR_FMT ":" STR_FMT, STR_ARG(all), all.n ? ", " : "", STR_ARG(quote_go(a, json_key(c))),
                         STR_ARG(shown(a, c)));
    return arena_strf(a, "map[string]interface {}{" STR_FMT "}", STR_ARG(all));
}

static void check_members(struct check *c, const struct json *list, const struct json *keys, const struct fpath *p)
{
    size_t i = 0;
    for (const struct json *v = json_first(list); v; v = json_next(v), i++) {
        const struct json *id = identity(c->a, keys, v);
        int seen = 0;
        for (const struct json *u = json_first(list); u != v; u = json_next(u))
            seen += json_equal(identity(c->a, keys, u), id);
        if (seen == 1)
            field_error_add(c->out, "FieldValueDuplicate", fpath_text(c->a, FP_INDEX(p, i)), "Duplicate value: " STR_FMT,
                            STR_ARG(go_map(c->a, id)));
    }
}

void structural_check_lists(struct check *c, const struct json *schema, const struct json *v, const struct fpath *p)
{
    struct str list_type = json_get_str(schema, "x-kubernetes-list-type");
    const struct json *items = json_get(schema, "items"), *more = json_get(schema, "additionalProperties");
    size_t i = 0;
    if (json_is(v, JSON_ARRAY) && (str_eqc(list_type, "set") || str_eqc(list_type, "map")))
        check_members(c, v, str_eqc(list_type, "map") ? json_get(schema, "x-kubernetes-list-map-keys") : NULL, p);
    for (const struct json *k = json_first(v); k; k = json_next(k), i++) {
        const struct json *sub = json_is(v, JSON_ARRAY) ? items : json_getn(json_get(schema, "properties"), json_key(k));
        if (json_is(v, JSON_ARRAY))
            structural_check_lists(c, sub, k, FP_INDEX(p, i));
        else if (sub)
            structural_check_lists(c, sub, k, FP_NAME(p, arena_cstr(c->a, json_key(k))));
        else if (json_is(more, JSON_OBJECT))
            structural_check_lists(c, more, k, FP_KEY(p, json_key(k)));
    }
}
