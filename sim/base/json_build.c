/* sim/base/json_build.c - json_buildf: a tree from a template in the source, with holes for values.
 *
 * The place where Go code would fill a struct. Templates are literals in our own source, so a template that is not JSON is a bug,
 * and found by the first test that passes over it. Values go in as nodes, never as text: nothing needs quoting, nothing
 * can be injected.
 */
#include "sim/base/json_priv.h"

#include <stdio.h>

struct builder {
    struct arena *a;
    const char   *p;                               /* next character of the template */
    const char   *fmt;
    va_list       args;
};

static struct json *build_value(struct builder *b);

static void bad_format(const struct builder *b, const char *what)
{
    fprintf(stderr, "json_buildf: %s at \"%.40s\" in: %s\n", what, b->p, b->fmt);
    ASSERT(!"json_buildf: the format is not JSON");
}

static void skip_space(struct builder *b)
{
    while (*b->p == ' ' || *b->p == '\n' || *b->p == '\t')
        b->p++;
}

static void expect(struct builder *b, char c)
{
    skip_space(b);
    if (*b->p != c)
        bad_format(b, "unexpected character");
    b->p++;
}

/* 'text': all up to the next quote stands for itself. */
static struct str quoted(struct builder *b)
{
    const char *start = ++b->p, *end = strchr(start, '\'');
    if (!end)
        bad_format(b, "missing quote");
    b->p = end + 1;
    return (struct str){ start, (size_t)(end - start) };
}

static struct json *string_or_null(struct builder *b, const char *s)
{
    return s ? json_new_strc(b->a, s) : json_null(b->a);
}

static struct json *build_hole(struct builder *b)
{
    struct json *j;
    b->p += 2;
    switch (b->p[-1]) {
    case 's': return string_or_null(b, va_arg(b->args, const char *));
    case 'S': return json_new_str(b->a, va_arg(b->args, struct str));
    case 'd': return json_new_int(b->a, va_arg(b->args, int64_t));
    case 'f': return json_new_double(b->a, va_arg(b->args, double));
    case 'b': return json_new_bool(b->a, va_arg(b->args, int));
    case 'j':
        j = va_arg(b->args, struct json *);
        return j ? j : json_null(b->a);
    default:
        b->p -= 2;
        bad_format(b, "unknown hole");
        return NULL;
    }
}

static struct json *build_object(struct builder *b)
{
    struct json *obj = json_new_object(b->a);
    b->p++;
    skip_space(b);
    for (bool empty = *b->p == '}'; !empty;) {
        struct str key = STR_NULL;
        skip_space(b);
        if (*b->p == '\'') {
            key = quoted(b);
        } else if (b->p[0] == '%' && b->p[1] == 'k') {
            key = str_c(va_arg(b->args, const char *));
            b->p += 2;
        } else if (*b->p == '"') {
            key = json_str(build_value(b));
        } else {
            bad_format(b, "no key");
        }
        expect(b, ':');
        json_setn(b->a, obj, key, build_value(b));
        skip_space(b);
        if (*b->p == '}')
            break;
        expect(b, ',');
    }
    b->p++;
    return obj;
}

static struct json *build_array(struct builder *b)
{
    struct json *arr = json_new_array(b->a);
    b->p++;
    skip_space(b);
    for (bool empty = *b->p == ']'; !empty;) {
        json_append(arr, build_value(b));
        skip_space(b);
        if (*b->p == ']')
            break;
        expect(b, ',');
    }
    b->p++;
    return arr;
}

static struct json *build_literal(struct builder *b)
{
    struct err err = { 0 };
    size_t used;
    struct json *j = json_parse_prefix(b->a, str_c(b->p), &used, &err);
    if (!j)
        bad_format(b, err.msg);
    else
        b->p += used;
    return j;
}

static struct json *build_value(struct builder *b)
{
    skip_space(b);
    switch (*b->p) {
    case '{':  return build_object(b);
    case '[':  return build_array(b);
    case '%':  return build_hole(b);
    case '\'': return json_new_str(b->a, quoted(b));
    default:   return build_literal(b);
    }
}

struct json *json_buildf(struct arena *a, const char *fmt, ...)
{
    struct builder b = { .a = a, .p = fmt, .fmt = fmt };
    va_start(b.args, fmt);
    struct json *j = build_value(&b);
    va_end(b.args);
    skip_space(&b);
    if (*b.p)
        bad_format(&b, "text after the value");
    return j;
}
