/* labs/spec.c - YAML into structs by a table of fields; every error names its file, line and column. */
#include "labs/params.h"
#include "sim/api/api.h"

#include <stdio.h>

const char *spec_where(const struct spec *s, struct yaml_mark at)
{
    return at.line ? arena_printf(s->a, "%s:%u:%u", s->file, at.line, params_column(s->shifts, at.line, at.column)) : s->file;
}

static bool fail_at(struct spec *s, struct yaml_mark at, const char *fmt, va_list ap)
{
    char what[1200];
    vsnprintf(what, sizeof what, fmt, ap);
    return err_set(s->err, ERR_PARSE, "%s: %s", spec_where(s, at), what);
}

bool spec_fail(struct spec *s, const struct json *node, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fail_at(s, yaml_mark(s->marks, node), fmt, ap);
    va_end(ap);
    return false;
}

bool spec_fail_key(struct spec *s, const struct json *node, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fail_at(s, yaml_key_mark(s->marks, node), fmt, ap);
    va_end(ap);
    return false;
}

const char *spec_words(struct arena *a, const char *msg)
{
    static const char *const prefixes[] = { "error converting YAML to JSON: ", "yaml: " };
    struct str s = str_c(msg), line, rest;
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
        if (str_starts(s, prefixes[i]))
            s = str_sub(s, strlen(prefixes[i]), s.n);
    if (str_starts(s, "line ") && str_cut(s, ':', &line, &rest))
        s = str_trim(rest);
    if (str_eqc(s, "found character that cannot start any token"))
        return "a text cannot begin with this character unless it is in quotes, and lines are indented with spaces, not with tabs";
    return arena_cstr(a, s);
}

struct json *spec_open(struct spec *s, struct arena *a, const char *file, struct str text, struct err *err)
{
    struct err e = { 0 };
    *s = (struct spec){ .a = a, .file = file, .err = err };
    struct json *j = yaml_parse_marked(a, text, &s->marks, &e);
    if (j && json_is(j, JSON_OBJECT))
        return j;
    struct yaml_mark at = j ? yaml_mark(s->marks, j) : yaml_wrong(s->marks);       /* an empty text has none */
    const char *what = j ? "this is not a mapping of keys to values" : spec_words(a, e.msg);
    err_set(err, ERR_PARSE, "%s:%u:%u: %s", file, at.line ? at.line : 1, at.column ? at.column : 1, what);
    err_clear(&e);
    return NULL;
}

static bool read_text(struct spec *s, const struct json *v, const char *key, const char **out)
{
    struct str t = json_str(v);
    if (json_is(v, JSON_BOOL) || json_is(v, JSON_INT) || json_is(v, JSON_FLOAT))
        return spec_fail(s, v, "%s is a text, and without quotes this is " STR_FMT " to YAML", key, STR_ARG(json_text(s->a, v)));
    if (!json_is(v, JSON_STRING))
        return spec_fail(s, v, "%s is a text", key);
    if (!t.n || memchr(t.p, 0, t.n))
        return spec_fail(s, v, "%s is empty", key);
    *out = arena_cstr(s->a, t);
    return true;
}

static bool read_names(struct spec *s, struct json *v, const char *key)
{
    if (!json_is(v, JSON_ARRAY))
        return spec_fail(s, v, "%s is a list", key);
    for (const struct json *c = json_first(v); c; c = json_next(c))
        if (!json_is(c, JSON_STRING))
            return spec_fail(s, c, "%s is a list of texts", key);
    return true;
}

static bool read_value(struct spec *s, struct json *v, const struct spec_field *f, void *to)
{
    switch (f->type) {
    case SPEC_TEXT:
        return read_text(s, v, f->key, to);
    case SPEC_VERSION:
        if (!read_text(s, v, f->key, to))
            return false;
        return version_minor(*(const char **)to) >= 0 || spec_fail(s, v, "%s is one of " KUBERNETES_VERSIONS, f->key);
    case SPEC_INT:
        if (!json_is(v, JSON_INT) || json_int(v, -1) < 0)
            return spec_fail(s, v, "%s is a whole number from 0", f->key);
        *(int64_t *)to = json_int(v, 0);
        return true;
    case SPEC_BOOL:
        if (!json_is(v, JSON_BOOL))
            return spec_fail(s, v, "%s is true or false", f->key);
        *(bool *)to = json_bool(v, false);
        return true;
    case SPEC_DURATION:
        if (!json_is(v, JSON_STRING) || !duration_parse_go(json_str(v), to) || *(int64_t *)to < 0)
            return spec_fail(s, v, "%s is a duration: write it as 90s, 5m or 1h30m", f->key);
        return true;
    case SPEC_TIME:
        if (!json_is(v, JSON_STRING) || !time_parse_rfc3339(json_str(v), to))
            return spec_fail(s, v, "%s is a time like 2020-01-24T23:00:00Z", f->key);
        return true;
    case SPEC_NAMES:
        *(struct json **)to = v;
        return read_names(s, v, f->key);
    case SPEC_LIST:
        if (!json_is(v, JSON_ARRAY))
            return spec_fail(s, v, "%s is a list", f->key);
        /* fall through */
    case SPEC_ANY:
        *(struct json **)to = v;
        return true;
    }
    return false;
}

static const struct spec_field *field_find(const struct spec_field *fields, size_t count, struct str key)
{
    for (size_t i = 0; i < count; i++)
        if (str_eqc(key, fields[i].key))
            return &fields[i];
    return NULL;
}

static bool fail_unknown(struct spec *s, const struct json *c, const char *what, const struct spec_field *fields, size_t count)
{
    struct strbuf known;
    strbuf_init(&known, 512);
    for (size_t i = 0; i < count; i++)
        strbuf_addf(&known, "%s%s", i ? ", " : "", fields[i].key);
    spec_fail_key(s, c, "%s has no \"" STR_FMT "\": it has %s", what, STR_ARG(json_key(c)), known.p);
    strbuf_deinit(&known);
    return false;
}

bool spec_read(struct spec *s, const struct json *obj, const char *what, const struct spec_field *fields, size_t count, void *out)
{
    if (!json_is(obj, JSON_OBJECT))
        return spec_fail(s, obj, "%s is a mapping of keys to values", what);
    for (struct json *c = json_first(obj); c; c = json_next(c)) {
        const struct spec_field *f = field_find(fields, count, json_key(c));
        if (!f)
            return fail_unknown(s, c, what, fields, count);
        if (!read_value(s, c, f, (char *)out + f->offset))
            return false;
    }
    for (size_t i = 0; i < count; i++)
        if (fields[i].required && !json_get(obj, fields[i].key))
            return spec_fail(s, obj, "%s needs \"%s\"", what, fields[i].key);
    return true;
}
