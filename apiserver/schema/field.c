/* apiserver/schema/field.c - paths to fields, and the errors about them (apimachinery pkg/util/validation/field), as one 422 Status.
 *
 * Validators call check_x, which word an error as field.Error.ErrorBody does; err_invalid makes of them what NewInvalid makes:
 * `Pod "x" is invalid: [a, b]` with one cause for each, duplicates removed.
 */
#include "apiserver/schema/schema_priv.h"

#include <stdio.h>

struct str fpath_text(struct arena *a, const struct fpath *p)
{
    if (!p)
        return STR_NULL;
    struct str up = fpath_text(a, p->up);
    if (p->index >= 0)
        return arena_strf(a, STR_FMT "[%ld]", STR_ARG(up), p->index);
    if (!p->name)
        return up.n ? arena_strf(a, STR_FMT "[" STR_FMT "]", STR_ARG(up), STR_ARG(p->key)) : p->key;
    if (!p->name[0])                           /* upstream's root without a name is taken for a subscript */
        return arena_strf(a, STR_FMT "[]", STR_ARG(up));
    return up.n ? arena_strf(a, STR_FMT ".%s", STR_ARG(up), p->name) : str_c(p->name);
}

/* strconv.Quote for the characters that turn up: quotes, backslashes, control characters. */
struct str quote_go(struct arena *a, struct str text)
{
    char *out = arena_alloc(a, text.n * 4 + 3), *p = out;
    *p++ = '"';
    for (size_t i = 0; i < text.n; i++) {
        unsigned char ch = (unsigned char)text.p[i];
        const char *esc = ch == '"' ? "\\\"" : ch == '\\' ? "\\\\" : ch == '\n' ? "\\n" : ch == '\t' ? "\\t" : ch == '\r' ? "\\r"
                          : NULL;
        if (esc) {
            *p++ = esc[0];
            *p++ = esc[1];
        } else if (ch < 0x20 || ch == 0x7f) {
            p += snprintf(p, 5, "\\x%02x", ch);
        } else {
            *p++ = (char)ch;
        }
    }
    *p++ = '"';
    *p = 0;
    return (struct str){ out, (size_t)(p - out) };
}

char *go_list(struct arena *a, const char *type, const struct json *list)
{
    if (json_len(list) == 0)
        return arena_printf(a, "%s(nil)", type);
    struct str text = arena_strf(a, "%s{", type);
    for (const struct json *m = json_first(list); m; m = json_next(m)) {
        struct str value = quote_go(a, json_str(m));
        text = arena_strf(a, STR_FMT "%s" STR_FMT, STR_ARG(text), m == json_first(list) ? "" : ", ", STR_ARG(value));
    }
    return arena_printf(a, STR_FMT "}", STR_ARG(text));
}

static void add(struct field_errors *e, const char *type, struct str field, struct str message)
{
    if (e->n == e->cap) {
        size_t cap = e->cap ? e->cap * 2 : 8;
        e->v = arena_realloc(e->a, e->v, e->cap * sizeof e->v[0], cap * sizeof e->v[0]);
        e->cap = cap;
    }
    e->v[e->n++] = (struct field_error){ .type = type, .field = field, .message = message };
}

static struct str vformat(struct arena *a, const char *fmt, va_list ap)
{
    struct strbuf b;
    strbuf_init(&b, 64 * 1024);
    strbuf_vaddf(&b, fmt, ap);
    struct str s = arena_str(a, strbuf_str(&b));
    strbuf_deinit(&b);
    return s;
}

void field_error_add(struct field_errors *e, const char *type, struct str field, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct str message = vformat(e->a, fmt, ap);
    va_end(ap);
    add(e, type, arena_str(e->a, field), message);
}

#define FIELD_ERROR(c, type, p, ...) field_error_add((c)->out, type, fpath_text((c)->a, p), __VA_ARGS__)

static void add_invalid(struct check *c, const struct fpath *p, struct str value, struct str detail)
{
    FIELD_ERROR(c, "FieldValueInvalid", p, "Invalid value: " STR_FMT ": " STR_FMT, STR_ARG(value), STR_ARG(detail));
}

void check_required(struct check *c, const struct fpath *p, const char *detail)
{
    FIELD_ERROR(c, "FieldValueRequired", p, "Required value%s%s", detail[0] ? ": " : "", detail);
}

void check_invalid_s(struct check *c, const struct fpath *p, struct str value, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    add_invalid(c, p, quote_go(c->a, value), vformat(c->a, fmt, ap));
    va_end(ap);
}

void check_invalid_i(struct check *c, const struct fpath *p, int64_t value, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    add_invalid(c, p, arena_strf(c->a, "%" PRId64, value), vformat(c->a, fmt, ap));
    va_end(ap);
}

void check_invalid_raw(struct check *c, const struct fpath *p, const char *value, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    add_invalid(c, p, str_c(value), vformat(c->a, fmt, ap));
    va_end(ap);
}

void check_forbidden(struct check *c, const struct fpath *p, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct str detail = vformat(c->a, fmt, ap);
    va_end(ap);
    add(c->out, "FieldValueForbidden", fpath_text(c->a, p),
        arena_strf(c->a, "Forbidden%s" STR_FMT, detail.n ? ": " : "", STR_ARG(detail)));
}

void check_duplicate(struct check *c, const struct fpath *p, struct str value)
{
    FIELD_ERROR(c, "FieldValueDuplicate", p, "Duplicate value: " STR_FMT, STR_ARG(quote_go(c->a, value)));
}

void check_unsupported(struct check *c, const struct fpath *p, struct str value, const char *sorted_list)
{
    struct str rest = str_c(sorted_list), all = STR_NULL;
    while (rest.p) {
        struct str one = quote_go(c->a, str_token(&rest, ','));
        all = all.n ? arena_strf(c->a, STR_FMT ", " STR_FMT, STR_ARG(all), STR_ARG(one)) : one;
    }
    FIELD_ERROR(c, "FieldValueNotSupported", p, "Unsupported value: " STR_FMT ": supported values: " STR_FMT,
                STR_ARG(quote_go(c->a, value)), STR_ARG(all));
}

void check_not_found(struct check *c, const struct fpath *p, struct str value)
{
    FIELD_ERROR(c, "FieldValueNotFound", p, "Not found: " STR_FMT, STR_ARG(quote_go(c->a, value)));
}

/* Three wordings: characters up to v1.18, bytes, and "may not be" from v1.32. */
void check_too_long(struct check *c, const struct fpath *p, size_t max)
{
    struct str message;
    if (c->minor >= 32)
        message = arena_strf(c->a, "Too long: may not be more than %zu bytes", max);
    else
        message = arena_strf(c->a, "Too long: must have at most %zu %s", max, c->minor >= 19 ? "bytes" : "characters");
    add(c->out, "FieldValueTooLong", fpath_text(c->a, p), message);
}

void check_too_many(struct check *c, const struct fpath *p, size_t n, size_t max)
{
    FIELD_ERROR(c, "FieldValueTooMany", p, "Too many: %zu: must have at most %zu items", n, max);
}

bool in_list(struct str value, const char *list)
{
    struct str rest = str_c(list);
    while (rest.p)
        if (str_eq(str_token(&rest, ','), value))
            return true;
    return false;
}

bool check_enum(struct check *c, const struct fpath *p, struct str value, const char *sorted_list)
{
    if (in_list(value, sorted_list))
        return true;
    check_unsupported(c, p, value, sorted_list);
    return false;
}

bool check_non_negative(struct check *c, const struct fpath *p, int64_t v)
{
    if (v >= 0)
        return true;
    check_invalid_i(c, p, v, "must be greater than or equal to 0");
    return false;
}

/* ---- the Status ---- */

static bool seen_before(const struct field_errors *e, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (str_eq(e->v[i].field, e->v[j].field) && str_eq(e->v[i].message, e->v[j].message))
            return true;
    return false;
}

/* causes list every error; the message is the aggregate's, which says each text once. */
bool err_invalid(struct err *err, struct str group, struct str kind, struct str name, const struct field_errors *e)
{
    struct arena *a = arena_new();
    struct strbuf text;
    strbuf_init(&text, 64 * 1024);
    struct json *causes = json_new_array(a);
    size_t distinct = 0;
    for (size_t i = 0; i < e->n; i++) {
        const struct field_error *f = &e->v[i];
        json_append(causes, json_buildf(a, "{'reason': %s, 'message': %S, 'field': %S}", f->type, f->message, f->field));
        if (seen_before(e, i))
            continue;
        strbuf_addf(&text, "%s" STR_FMT ": " STR_FMT, distinct++ ? ", " : "", STR_ARG(f->field), STR_ARG(f->message));
    }
    struct str gk = group.n ? arena_strf(a, STR_FMT "." STR_FMT, STR_ARG(kind), STR_ARG(group)) : kind;
    struct str all = strbuf_str(&text);
    err_set(err, ERR_INVALID, STR_FMT " \"" STR_FMT "\" is invalid: %s" STR_FMT "%s", STR_ARG(gk), STR_ARG(name),
            distinct > 1 ? "[" : "", STR_ARG(all),
            distinct > 1 ? "]" : "");
    struct json *details = json_new_object(a);
    if (name.n)
        json_set_str(a, details, "name", name);
    if (group.n)
        json_set_str(a, details, "group", group);
    if (kind.n)
        json_set_str(a, details, "kind", kind);
    if (json_len(causes))
        json_set(a, details, "causes", causes);
    err_details(err, arena_cstr(a, json_text(a, details)));
    strbuf_deinit(&text);
    arena_free(a);
    return false;
}
