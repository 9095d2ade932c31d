/* apiserver/openapi/help.c - reads the descriptions and finds the one that belongs to a type or a field.
 *
 * They stand apart from the type tables, by package and not by version, because autoscaling/v1 to v2 say the same about the same
 * field, and because only the OpenAPI documents want them: a cluster that nobody asks to explain never reads them. One file per
 * package (README.md has the format). Upstream generates them from the comments of each version's types.go; these are our own.
 *
 * A field's text is looked for in its type as its version has it, in its type, in the type that this one is said to be like, in
 * the same in the package that its package is said to be like, and last in the role that the type plays: an object, a list or a
 * condition.
 */
#include "apiserver/openapi/help.h"

#include <stdlib.h>

EMBED(help_access, "apiserver/openapi/help/access.help")
EMBED(help_apps, "apiserver/openapi/help/apps.help")
EMBED(help_autoscaling, "apiserver/openapi/help/autoscaling.help")
EMBED(help_batch, "apiserver/openapi/help/batch.help")
EMBED(help_cluster, "apiserver/openapi/help/cluster.help")
EMBED(help_core, "apiserver/openapi/help/core.help")
EMBED(help_extend, "apiserver/openapi/help/extend.help")
EMBED(help_lab, "apiserver/openapi/help/lab.help")
EMBED(help_meta, "apiserver/openapi/help/meta.help")
EMBED(help_networking, "apiserver/openapi/help/networking.help")
EMBED(help_policy, "apiserver/openapi/help/policy.help")
EMBED(help_volumes, "apiserver/openapi/help/volumes.help")

static struct str (*const sources[])(void) = {
    help_access, help_apps, help_autoscaling, help_batch, help_cluster, help_core, help_extend, help_lab, help_meta,
    help_networking, help_policy, help_volumes
};

enum { LIKE_MAX = 4 };                               /* types that are like one another, in a chain */

struct help {
    struct arena *a;
    /* "package.Type", "package.Type.field": its text. "package=", "package.Type=": the package or type it is like. */
    struct map   *texts;
};

/* Where the reader is. */
struct place { struct str package, type; };

static struct str next_line(struct str *rest)
{
    struct str line;
    str_cut(*rest, '\n', &line, rest);
    return line;
}

static size_t indent_of(struct str line)
{
    size_t n = 0;
    while (n < line.n && line.p[n] == ' ')
        n++;
    return n;
}

/* The text after the colon and on the lines that go on with it, as one line. */
static const char *read_text(struct help *h, struct str first, struct str *rest)
{
    struct strbuf b;
    strbuf_init(&b, 4096);
    strbuf_add(&b, str_trim(first));
    while (rest->n && indent_of(*rest) == 8) {
        strbuf_addch(&b, ' ');
        strbuf_add(&b, str_trim(next_line(rest)));
    }
    const char *text = arena_cstr(h->a, strbuf_str(&b));
    strbuf_deinit(&b);
    return text;
}

static void put(struct help *h, struct str key, const char *text)
{
    ASSERT(!map_put(h->texts, key, (void *)(uintptr_t)text));        /* our own text says nothing twice */
}

/* "Name: text" or "Name = Other: text", of a type or, indented, of a field of the latest type. */
static void read_entry(struct help *h, struct place *at, struct str line, struct str *rest)
{
    struct str name, text, like = STR_NULL;
    bool field = indent_of(line) == 4;
    ASSERT(str_cut(line, ':', &name, &text) && (field || indent_of(line) == 0));
    name = str_trim(name);
    if (str_cut(name, '=', &name, &like))
        name = str_trim(name), like = str_trim(like);
    if (!field)
        at->type = name;
    struct str key = field ? arena_strf(h->a, STR_FMT "." STR_FMT "." STR_FMT, STR_ARG(at->package), STR_ARG(at->type), STR_ARG(name))
                           : arena_strf(h->a, STR_FMT "." STR_FMT, STR_ARG(at->package), STR_ARG(name));
    const char *words = read_text(h, text, rest);
    if (words[0])
        put(h, key, words);
    if (like.n)
        put(h, arena_strf(h->a, STR_FMT "=", STR_ARG(key)), arena_cstr(h->a, like));
}

/* "package NAME" or "package NAME = OTHER". */
static void read_package(struct help *h, struct place *at, struct str line)
{
    struct str name, like;
    bool alike = str_cut(str_sub(line, strlen("package "), line.n), '=', &name, &like);
    at->package = str_trim(name);
    if (alike)
        put(h, arena_strf(h->a, STR_FMT "=", STR_ARG(at->package)), arena_cstr(h->a, str_trim(like)));
}

struct help *help_read(void)
{
    struct help *h = NEW(struct help);
    h->a = arena_new();
    h->texts = map_new();
    for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
        struct str rest = sources[i]();
        struct place at = { STR_NULL, STR_NULL };
        while (rest.n) {
            struct str line = next_line(&rest);
            if (str_starts(line, "package "))
                read_package(h, &at, line);
            else if (line.n && line.p[0] != '#')
                read_entry(h, &at, line, &rest);
        }
    }
    return h;
}

void help_free(struct help *h)
{
    if (!h)
        return;
    map_free(h->texts, NULL);
    arena_free(h->a);
    free(h);
}

uint64_t help_digest(void)
{
    uint64_t d = 0;
    for (size_t i = 0; i < ARRAY_LEN(sources); i++)
        d = d * 31 + str_hash(sources[i]());
    return d;
}

bool help_each(const struct help *h, size_t *cursor, struct str *name, const char **text)
{
    void *value;
    do
        if (!map_next(h->texts, cursor, name, &value))
            return false;
    while (name->p[name->n - 1] == '=');
    *text = value;
    return true;
}

/* ---- looking up ---- */

/* A name being put together; what does not fit is nobody's. */
struct key { char text[512]; size_t n; };

static void add(struct key *k, struct str part)
{
    size_t n = part.n < sizeof k->text - k->n ? part.n : sizeof k->text - k->n;
    if (n)
        memcpy(k->text + k->n, part.p, n);
    k->n += n;
}

/* last: a field, or nothing for the type itself, or "=". */
static const char *get(const struct help *h, struct str package, struct str version, struct str type, struct str last)
{
    struct key k = { .n = 0 };
    add(&k, package);
    add(&k, STR("."));
    add(&k, version);
    add(&k, version.n ? STR(".") : STR_NULL);
    add(&k, type);
    add(&k, last.n && last.p[0] != '=' ? STR(".") : STR_NULL);
    add(&k, last);
    return map_get(h->texts, (struct str){ k.text, k.n });
}

static const char *in_package(const struct help *h, struct str package, struct str version, struct str type, struct str field)
{
    for (int i = 0; i < LIKE_MAX && type.n; i++) {
        const char *text = get(h, package, version, type, field);
        if (!text)
            text = get(h, package, STR_NULL, type, field);
        if (text)
            return text;
        const char *like = get(h, package, STR_NULL, type, STR("="));
        type = like ? str_c(like) : STR_NULL;
    }
    return NULL;
}

/* "io.k8s.api.apps.v1.Deployment" is package io.k8s.api.apps, version v1, type Deployment. field: empty for the type's own text. */
static const char *look(const struct help *h, const struct type *t, struct str field)
{
    struct str name = str_c(t->name);
    size_t dot[2] = { 0, 0 };                        /* before the version, and before the type */
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] == '.')
            dot[0] = dot[1], dot[1] = i;
    struct str package = str_sub(name, 0, dot[0]), version = str_sub(name, dot[0] + 1, dot[1]),
               type = str_sub(name, dot[1] + 1, name.n);
    const char *text = in_package(h, package, version, type, field);
    if (text)
        return text;
    struct key k = { .n = 0 };
    add(&k, package);
    add(&k, STR("="));
    const char *like = map_get(h->texts, (struct str){ k.text, k.n });
    return like ? in_package(h, str_c(like), version, type, field) : NULL;
}

/* What a type is in its shape: "Object", "List", "Condition", or nothing of the sort. */
static struct str role_of(const struct type *t)
{
    const struct field *api_version = type_field(t, STR("apiVersion")), *kind = type_field(t, STR("kind"));
    if (str_ends(str_c(t->name), "Condition"))
        return STR("Condition");
    if (!api_version || !kind || api_version->proto || kind->proto) /* references have numbers for them, objects an envelope */
        return STR_NULL;
    return str_ends(str_c(t->name), "List") && type_field(t, STR("items")) ? STR("List") : STR("Object");
}

static const char *role_help(const struct help *h, const struct type *t, struct str field)
{
    struct str role = role_of(t);
    return role.n ? get(h, STR("role"), STR_NULL, role, field) : NULL;
}

const char *help_of_type(const struct help *h, const struct type *t)
{
    if (t->custom)
        return t->help;
    const char *text = look(h, t, STR_NULL);
    return text ? text : role_help(h, t, STR_NULL);
}

/* A definition speaks for itself, but for what every object has: nobody needs to write that into it. */
const char *help_of_field(const struct help *h, const struct type *t, const struct field *f)
{
    if (t->custom) {
        bool common = t == t->custom->root &&
                      (strcmp(f->name, "apiVersion") == 0 || strcmp(f->name, "kind") == 0 || strcmp(f->name, "metadata") == 0);
        return f->help || !common ? f->help : role_help(h, t, str_c(f->name));
    }
    const char *text = look(h, t, str_c(f->name));
    return text ? text : role_help(h, t, str_c(f->name));
}
