/* apiserver/printers/cells.c - cells that many resources share, and the writing of a cell. */
#include "apiserver/printers/printers_priv.h"

#include <stdlib.h>

void print_put_str(struct row *r, struct str s)
{
    json_write_string(r->out, s);
}

void print_put_strc(struct row *r, const char *s)
{
    print_put_str(r, str_c(s));
}

void print_put_int(struct row *r, int64_t v)
{
    strbuf_addf(r->out, "%" PRId64, v);
}

struct str print_age_since(struct row *r, struct str rfc3339)
{
    int64_t then;
    return time_parse_rfc3339(rfc3339, &then) ? duration_human(r->a, r->now_ns - then) : STR("<unknown>");
}

struct str print_go_lower(struct arena *a, struct str s)
{
    struct str copy = arena_str(a, s);
    for (char *p = (char *)(uintptr_t)copy.p, *end = p + copy.n; p < end; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p + 'a' - 'A');
    return copy;
}

void print_join_init(struct joined *j, const char *separator)
{
    strbuf_init(&j->b, LIMIT_BODY_BYTES);
    j->separator = separator;
    j->n = 0;
}

void print_join_add(struct joined *j, struct str s)
{
    if (j->n++)
        strbuf_addc(&j->b, j->separator);
    strbuf_add(&j->b, s);
}

void print_join_put(struct row *r, struct joined *j, const char *when_empty)
{
    print_put_str(r, j->n ? strbuf_str(&j->b) : str_c(when_empty));
    strbuf_deinit(&j->b);
}

static int by_key(const void *x, const void *y)
{
    return str_cmp(json_key(*(const struct json *const *)x), json_key(*(const struct json *const *)y));
}

struct str print_format_labels(struct arena *a, const struct json *labels)
{
    size_t n = json_len(labels), i = 0;
    if (!n)
        return STR("<none>");
    const struct json **v = arena_alloc(a, n * sizeof *v);
    for (const struct json *c = json_first(labels); c; c = json_next(c))
        v[i++] = c;
    qsort(v, n, sizeof *v, by_key);
    struct joined j;
    print_join_init(&j, ",");
    for (i = 0; i < n; i++)
        print_join_add(&j, arena_strf(a, STR_FMT "=" STR_FMT, STR_ARG(json_key(v[i])), STR_ARG(json_str(v[i]))));
    struct str s = arena_str(a, strbuf_str(&j.b));
    strbuf_deinit(&j.b);
    return s;
}

/* "path|text when absent or empty" */
static const struct json *split(struct row *r, const char *arg, struct str *otherwise)
{
    struct str path, rest;
    str_cut(str_c(arg), '|', &path, &rest);
    *otherwise = rest;
    return json_path(r->obj, arena_cstr(r->a, path));
}

void cell_name(struct row *r, const char *arg)
{
    (void)arg;
    print_put_str(r, meta_name(r->obj));
}

void cell_age(struct row *r, const char *arg)
{
    (void)arg;
    print_put_str(r, print_age_since(r, json_path_str(r->obj, "metadata.creationTimestamp")));
}

void cell_created_at(struct row *r, const char *arg)
{
    (void)arg;
    struct str t = json_path_str(r->obj, "metadata.creationTimestamp");
    print_put_str(r, t.n ? t : STR("0001-01-01T00:00:00Z"));           /* Go prints its zero time */
}

/* arg: path|otherwise */
void cell_text(struct row *r, const char *arg)
{
    struct str otherwise;
    const struct json *v = split(r, arg, &otherwise);
    if (json_is(v, JSON_STRING))
        print_put_str(r, json_str(v).n ? json_str(v) : otherwise);
    else
        print_put_str(r, json_type(v) == JSON_NULL ? otherwise : json_text(r->a, v));
}

/* arg: path; absent is 0 */
void cell_number(struct row *r, const char *arg)
{
    print_put_int(r, json_path_int(r->obj, arg, 0));
}

/* arg: path|otherwise ("true" or "false"); a JSON boolean */
void cell_flag(struct row *r, const char *arg)
{
    struct str otherwise;
    const struct json *v = split(r, arg, &otherwise);
    strbuf_addc(r->out, json_bool(v, str_eqc(otherwise, "true")) ? "true" : "false");
}

/* arg: path|otherwise; the words True and False in a string column, or what is said for nil */
void cell_flag_text(struct row *r, const char *arg)
{
    struct str otherwise;
    const struct json *v = split(r, arg, &otherwise);
    if (json_is(v, JSON_BOOL))
        print_put_strc(r, json_bool(v, false) ? "True" : "False");
    else
        print_put_str(r, otherwise);
}

/* arg: paths, comma-separated; how many children they have together */
void cell_count(struct row *r, const char *arg)
{
    size_t n = 0;
    for (struct str rest = str_c(arg); rest.p;)
        n += json_len(json_path(r->obj, arena_cstr(r->a, str_token(&rest, ','))));
    print_put_int(r, (int64_t)n);
}

static void container_cell(struct row *r, const char *path, const char *member)
{
    struct joined j;
    print_join_init(&j, ",");
    for (const struct json *c = json_first(json_path(r->obj, path)); c; c = json_next(c))
        print_join_add(&j, json_get_str(c, member));
    print_join_put(r, &j, "");
}

/* arg: path of the containers */
void cell_containers(struct row *r, const char *arg)
{
    container_cell(r, arg, "name");
}

void cell_images(struct row *r, const char *arg)
{
    container_cell(r, arg, "image");
}

/* arg: path of a metav1.LabelSelector */
void cell_selector(struct row *r, const char *arg)
{
    const struct json *ls = json_path(r->obj, arg);
    struct err err = { 0 };
    struct selector *s = json_is(ls, JSON_OBJECT) ? selector_from_json(r->a, ls, &err) : NULL;
    struct str text = s ? selector_text(r->a, s) : STR_NULL;
    print_put_str(r, err.code ? STR("<error>") : text.n ? text : STR("<none>"));
    err_clear(&err);
}

/* arg: path of a map */
void cell_labels(struct row *r, const char *arg)
{
    print_put_str(r, print_format_labels(r->a, json_path(r->obj, arg)));
}

/* arg: path|otherwise of a list of strings */
void cell_list(struct row *r, const char *arg)
{
    struct str otherwise;
    struct joined j;
    print_join_init(&j, ",");
    for (const struct json *c = json_first(split(r, arg, &otherwise)); c; c = json_next(c))
        print_join_add(&j, json_str(c));
    print_join_put(r, &j, arena_cstr(r->a, otherwise));
}

/* arg: path|path; "2/3" of two numbers */
void cell_fraction(struct row *r, const char *arg)
{
    struct str of;
    int64_t part = json_int(split(r, arg, &of), 0);
    print_put_str(r, arena_strf(r->a, "%" PRId64 "/%" PRId64, part, json_path_int(r->obj, arena_cstr(r->a, of), 0)));
}

/* arg: path|otherwise of a time; its age */
void print_age_at(struct row *r, const char *arg)
{
    struct str otherwise, t = json_str(split(r, arg, &otherwise));
    print_put_str(r, t.n ? print_age_since(r, t) : otherwise);
}

/* arg: path of {kind, name, apiVersion|apiGroup}|otherwise; "kind.group/name" */
void print_kind_and_name(struct row *r, const char *arg)
{
    struct str otherwise;
    const struct json *o = split(r, arg, &otherwise);
    struct str group = json_get_str(o, "apiGroup");
    if (!json_is(o, JSON_OBJECT))
        print_put_str(r, otherwise);
    else
        print_put_str(r, arena_strf(r->a, STR_FMT "%s" STR_FMT "/" STR_FMT, STR_ARG(json_get_str(o, "kind")), group.n ? "." : "",
                                    STR_ARG(group), STR_ARG(json_get_str(o, "name"))));
}
