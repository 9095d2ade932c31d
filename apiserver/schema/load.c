/* apiserver/schema/load.c - the types' text, embedded in the binary, becomes tables.
 *
 * One line is one fact (types/ *.types; README.md has the columns): T lines begin a type, the lines after it that begin with a
 * tab are its fields in Go's order. Types, fields and attributes carry the server versions that have them, so one text serves
 * every version. The text is copied once into the schema's arena, its tabs and newlines become NULs, and all names point into
 * that copy. Types marked x exist in old clusters too unless these are bare: newer clients do not work without them. They have
 * their newest shape. Upstream: k8s.io/api's types.go of each version for order, names and numbers; the servers' own OpenAPI
 * documents for the rest.
 */
#include "apiserver/schema/schema_priv.h"

#include <stdlib.h>

EMBED(types_admissionregistration_v1, "apiserver/schema/types/admissionregistration_v1.types")
EMBED(types_admissionregistration_v1beta1, "apiserver/schema/types/admissionregistration_v1beta1.types")
EMBED(types_apiextensions_v1, "apiserver/schema/types/apiextensions_v1.types")
EMBED(types_apiextensions_v1beta1, "apiserver/schema/types/apiextensions_v1beta1.types")
EMBED(types_apiregistration_v1, "apiserver/schema/types/apiregistration_v1.types")
EMBED(types_apiregistration_v1beta1, "apiserver/schema/types/apiregistration_v1beta1.types")
EMBED(types_apps_v1, "apiserver/schema/types/apps_v1.types")
EMBED(types_authentication_v1, "apiserver/schema/types/authentication_v1.types")
EMBED(types_authentication_v1beta1, "apiserver/schema/types/authentication_v1beta1.types")
EMBED(types_authorization_v1, "apiserver/schema/types/authorization_v1.types")
EMBED(types_authorization_v1beta1, "apiserver/schema/types/authorization_v1beta1.types")
EMBED(types_autoscaling_v1, "apiserver/schema/types/autoscaling_v1.types")
EMBED(types_autoscaling_v2, "apiserver/schema/types/autoscaling_v2.types")
EMBED(types_autoscaling_v2beta1, "apiserver/schema/types/autoscaling_v2beta1.types")
EMBED(types_autoscaling_v2beta2, "apiserver/schema/types/autoscaling_v2beta2.types")
EMBED(types_batch_v1, "apiserver/schema/types/batch_v1.types")
EMBED(types_batch_v1beta1, "apiserver/schema/types/batch_v1beta1.types")
EMBED(types_certificates_v1, "apiserver/schema/types/certificates_v1.types")
EMBED(types_certificates_v1beta1, "apiserver/schema/types/certificates_v1beta1.types")
EMBED(types_coordination_v1, "apiserver/schema/types/coordination_v1.types")
EMBED(types_coordination_v1beta1, "apiserver/schema/types/coordination_v1beta1.types")
EMBED(types_core_v1, "apiserver/schema/types/core_v1.types")
EMBED(types_discovery_v1, "apiserver/schema/types/discovery_v1.types")
EMBED(types_discovery_v1beta1, "apiserver/schema/types/discovery_v1beta1.types")
EMBED(types_events_v1, "apiserver/schema/types/events_v1.types")
EMBED(types_events_v1beta1, "apiserver/schema/types/events_v1beta1.types")
EMBED(types_extensions_v1beta1, "apiserver/schema/types/extensions_v1beta1.types")
EMBED(types_flowcontrol_v1, "apiserver/schema/types/flowcontrol_v1.types")
EMBED(types_flowcontrol_v1beta1, "apiserver/schema/types/flowcontrol_v1beta1.types")
EMBED(types_lab_v1, "apiserver/schema/types/lab_v1.types")
EMBED(types_meta, "apiserver/schema/types/meta.types")
EMBED(types_networking_v1, "apiserver/schema/types/networking_v1.types")
EMBED(types_networking_v1beta1, "apiserver/schema/types/networking_v1beta1.types")
EMBED(types_node_v1, "apiserver/schema/types/node_v1.types")
EMBED(types_node_v1beta1, "apiserver/schema/types/node_v1beta1.types")
EMBED(types_policy_v1, "apiserver/schema/types/policy_v1.types")
EMBED(types_policy_v1beta1, "apiserver/schema/types/policy_v1beta1.types")
EMBED(types_rbac_v1, "apiserver/schema/types/rbac_v1.types")
EMBED(types_rbac_v1beta1, "apiserver/schema/types/rbac_v1beta1.types")
EMBED(types_resource_v1, "apiserver/schema/types/resource_v1.types")
EMBED(types_scheduling_v1, "apiserver/schema/types/scheduling_v1.types")
EMBED(types_scheduling_v1beta1, "apiserver/schema/types/scheduling_v1beta1.types")
EMBED(types_storage_v1, "apiserver/schema/types/storage_v1.types")
EMBED(types_storage_v1beta1, "apiserver/schema/types/storage_v1beta1.types")

static struct str (*const sources[])(void) = {
    types_admissionregistration_v1, types_admissionregistration_v1beta1, types_apiextensions_v1,
    types_apiextensions_v1beta1, types_apiregistration_v1, types_apiregistration_v1beta1, types_apps_v1,
    types_authentication_v1, types_authentication_v1beta1, types_authorization_v1, types_authorization_v1beta1,
    types_autoscaling_v1, types_autoscaling_v2, types_autoscaling_v2beta1, types_autoscaling_v2beta2, types_batch_v1,
    types_batch_v1beta1, types_certificates_v1, types_certificates_v1beta1, types_coordination_v1,
    types_coordination_v1beta1, types_core_v1, types_discovery_v1, types_discovery_v1beta1, types_events_v1,
    types_events_v1beta1, types_extensions_v1beta1, types_flowcontrol_v1, types_flowcontrol_v1beta1, types_lab_v1, types_meta,
    types_networking_v1, types_networking_v1beta1, types_node_v1, types_node_v1beta1, types_policy_v1,
    types_policy_v1beta1, types_rbac_v1, types_rbac_v1beta1, types_resource_v1, types_scheduling_v1,
    types_scheduling_v1beta1, types_storage_v1, types_storage_v1beta1
};

enum { NEWEST_MINOR = 34 };

/* A line's cells; the text is cut in place. */
struct cells { char *v[24]; size_t n; };

static char *next_line(char **text)
{
    char *line = *text;
    if (!*line)
        return NULL;
    char *end = strchr(line, '\n');
    ASSERT(end != NULL);                         /* our own text: every line ends */
    *end = 0;
    *text = end + 1;
    return line;
}

static void split(char *line, struct cells *c)
{
    c->n = 0;
    for (char *p = line; p; ) {
        ASSERT(c->n < ARRAY_LEN(c->v));
        c->v[c->n++] = p;
        p = strchr(p, '\t');
        if (p)
            *p++ = 0;
    }
}

/* "-" all, "16-20", "20-34", "34", "16,34"; an x at the end is somebody else's business. */
static bool in_versions(const char *spec, int minor)
{
    if (spec[0] == '-')
        return true;
    int from = 0, to = 0;
    char sep = 0;
    for (const char *p = spec; *p; p++) {
        if (*p >= '0' && *p <= '9')
            to = to * 10 + (*p - '0');
        else if (*p == '-' || *p == ',')
            sep = *p, from = to, to = 0;
    }
    if (sep == '-')
        return minor >= from && minor <= to;
    return minor == to || (sep == ',' && minor == from);
}

static const struct { const char *word; enum field_kind kind; const char *type_name; } words[] = {
    { "string", FIELD_STRING, NULL }, { "bool", FIELD_BOOL, NULL }, { "int32", FIELD_INT32, NULL }, { "int64", FIELD_INT64, NULL },
    { "double", FIELD_DOUBLE, NULL }, { "bytes", FIELD_BYTES, NULL }, { "any", FIELD_ANY, NULL },
    { "time", FIELD_TIME, "io.k8s.apimachinery.pkg.apis.meta.v1.Time" },
    { "microtime", FIELD_MICROTIME, "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime" },
    { "duration", FIELD_DURATION, NULL },
    { "quantity", FIELD_QUANTITY, "io.k8s.apimachinery.pkg.api.resource.Quantity" },
    { "intstr", FIELD_INTSTR, "io.k8s.apimachinery.pkg.util.intstr.IntOrString" },
};

/* One value's kind; a type's name is left in *type_name for resolve_types. */
static enum field_kind parse_word(const char *w, const char **type_name)
{
    *type_name = NULL;
    if (strncmp(w, "[]", 2) == 0)
        return FIELD_LIST;
    if (strncmp(w, "any:", 4) == 0) {
        *type_name = w + 4;
        return FIELD_ANY;
    }
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcmp(words[i].word, w) == 0) {
            *type_name = words[i].type_name;
            return words[i].kind;
        }
    *type_name = w;
    return FIELD_OBJECT;
}

static void parse_wire(struct field *f, const char *w)
{
    if (strncmp(w, "[]", 2) == 0 || strncmp(w, "{}", 2) == 0) {
        f->kind = w[0] == '[' ? FIELD_LIST : FIELD_MAP;
        f->elem = parse_word(w + 2, &f->type_name);
    } else {
        f->kind = parse_word(w, &f->type_name);
    }
}

static unsigned parse_proto(const char *w)
{
    unsigned outer = 0, n = 0;
    for (; *w; w++) {
        if (*w == '.')
            outer = n, n = 0;
        else
            n = n * 10 + (unsigned)(*w - '0');
    }
    return outer << 16 | n;
}

static void parse_flag(struct field *f, const char **embed, char *flag, int minor)
{
    if (flag[0] == '@') {
        char *body = strchr(flag, ':');
        ASSERT(body != NULL);
        *body++ = 0;
        if (!in_versions(flag + 1, minor))
            return;
        flag = body;
    }
    if (strcmp(flag, "!") == 0)
        f->required = true;
    else if (strcmp(flag, "+") == 0)
        f->omitempty = false;
    else if (strncmp(flag, "in=", 3) == 0)
        *embed = flag + 3;
    else if (strncmp(flag, "ps=", 3) == 0)
        f->patch_strategy = flag + 3;
    else if (strncmp(flag, "pk=", 3) == 0)
        f->patch_merge_key = flag + 3;
    else if (strncmp(flag, "lt=", 3) == 0)
        f->list_type = flag + 3;
    else if (strncmp(flag, "lk=", 3) == 0)
        f->list_map_keys = flag + 3;
    else if (strncmp(flag, "e=", 2) == 0)
        f->enums = flag + 2;
    else
        ASSERT(strncmp(flag, "d=", 2) == 0), f->dflt = flag + 2;
}

/* "\tname wire gotype goname proto versions flags..." */
static bool parse_field(char *line, int minor, struct field *f, const char **embed)
{
    struct cells c;
    split(line, &c);
    ASSERT(c.n >= 7);
    if (!in_versions(c.v[6], minor))
        return false;
    *f = (struct field){ .name = c.v[1], .omitempty = true, .proto = parse_proto(c.v[5]) };
    *embed = NULL;
    parse_wire(f, c.v[2]);
    if (c.v[3][0] != '-')
        f->go_type = c.v[3], f->go_name = c.v[4];
    for (size_t i = 7; i < c.n; i++)
        parse_flag(f, embed, c.v[i], minor);
    return true;
}

static void add_kinds(struct schema *s, char *list, const struct type *t)
{
    for (char *p = list; p && *p != '-'; ) {
        char *end = strchr(p, ';');
        struct str text = { p, end ? (size_t)(end - p) : strlen(p) }, rest;
        struct kind_rec *k = &s->kinds[s->kinds_n++];
        str_cut(text, '/', &k->gvk.group, &rest);
        str_cut(rest, '/', &k->gvk.version, &k->gvk.kind);
        k->t = t;
        p = end ? end + 1 : NULL;
    }
}

/* The fields of the type whose T line was just read; leaves *text at the next T line. */
static void load_fields(struct schema *s, struct type_rec *r, char **text, int minor, bool keep)
{
    struct field f[TYPE_FIELDS_MAX];
    const char *embed[TYPE_FIELDS_MAX];
    size_t n = 0;
    bool any_embed = false;
    while (**text == '\t') {
        char *line = next_line(text);
        if (!keep)
            continue;
        ASSERT(n < TYPE_FIELDS_MAX);
        if (parse_field(line, minor, &f[n], &embed[n]))
            any_embed |= embed[n] != NULL, n++;
    }
    if (!keep || n == 0)
        return;
    r->t.fields = arena_alloc(s->a, n * sizeof f[0]);
    memcpy(r->t.fields, f, n * sizeof f[0]);
    r->t.count = n;
    if (any_embed) {
        r->embed = arena_alloc(s->a, n * sizeof embed[0]);
        memcpy(r->embed, embed, n * sizeof embed[0]);
    }
}

/* The version whose shape the type has in this schema, or 0: it is not there. */
static int shape_of(const struct schema *s, const char *versions)
{
    if (in_versions(versions, s->minor))
        return s->minor;
    bool extra = versions[strlen(versions) - 1] == 'x';
    return extra && !s->bare ? NEWEST_MINOR : 0;
}

static void load_source(struct schema *s, struct str source)
{
    char *text = arena_cstr(s->a, source);
    while (*text) {
        char *line = next_line(&text);
        if (line[0] != 'T')
            continue;                            /* comment */
        struct cells c;
        split(line, &c);
        ASSERT(c.n == 6);
        int minor = shape_of(s, c.v[3]);
        struct type_rec *r = &s->types[s->types_n];
        load_fields(s, r, &text, minor, minor != 0);
        if (!minor)
            continue;
        r->t.name = c.v[1];
        r->t.go_name = c.v[2];
        if (strcmp(c.v[4], "-") != 0)
            r->t.scalar = c.v[4];
        add_kinds(s, c.v[5], NULL);
        for (size_t i = s->kinds_n; i-- > 0 && !s->kinds[i].t; )
            s->kinds[i].t = (const struct type *)(uintptr_t)(s->types_n + 1);    /* an index until types are sorted */
        s->types_n++;
    }
}

static int cmp_types(const void *a, const void *b)
{
    return strcmp(((const struct type_rec *)a)->t.name, ((const struct type_rec *)b)->t.name);
}

static int cmp_kinds(const void *a, const void *b)
{
    const struct gvk *x = &((const struct kind_rec *)a)->gvk, *y = &((const struct kind_rec *)b)->gvk;
    int r = str_cmp(x->group, y->group);
    if (!r)
        r = str_cmp(x->version, y->version);
    return r ? r : str_cmp(x->kind, y->kind);
}

static const struct type *find_type(const struct schema *s, const char *name)
{
    struct type_rec key = { .t = { .name = name } };
    struct type_rec *r = bsearch(&key, s->types, s->types_n, sizeof key, cmp_types);
    return r ? &r->t : NULL;
}

/* Names of types, of the same package unless they are full, become pointers. */
static void resolve_types(struct schema *s)
{
    for (size_t i = 0; i < s->types_n; i++) {
        struct type *t = &s->types[i].t;
        size_t prefix = (size_t)(strrchr(t->name, '.') + 1 - t->name);
        for (size_t j = 0; j < t->count; j++) {
            struct field *f = &t->fields[j];
            enum field_kind kind = f->kind == FIELD_LIST || f->kind == FIELD_MAP ? f->elem : f->kind;
            if (!f->type_name || (kind != FIELD_OBJECT && kind != FIELD_ANY))
                continue;
            char full[256];
            size_t n = strlen(f->type_name), pkg = strchr(f->type_name, '.') ? 0 : prefix;
            ASSERT(pkg + n < sizeof full);
            memcpy(full, t->name, pkg);
            memcpy(full + pkg, f->type_name, n + 1);
            const struct type *target = find_type(s, full);
            ASSERT(target != NULL);
            f->type_name = target->name;
            if (kind == FIELD_OBJECT)
                f->type = target;
        }
    }
}

/* How many types and kinds there can be at most: every T line, and one more kind for each semicolon in it. */
static void count_lines(size_t *types, size_t *kinds)
{
    *types = *kinds = 0;
    for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
        struct str text = sources[i]();
        bool t_line = false;
        for (size_t j = 0; j < text.n; j++) {
            if (j == 0 || text.p[j - 1] == '\n')
                t_line = text.p[j] == 'T', *types += t_line, *kinds += t_line;
            *kinds += t_line && text.p[j] == ';';
        }
    }
}

void schema_load(struct schema *s)
{
    size_t types, kinds;
    count_lines(&types, &kinds);
    s->types = arena_zalloc(s->a, (types + 1) * sizeof s->types[0]);
    s->kinds = arena_zalloc(s->a, (kinds + 1) * sizeof s->kinds[0]);
    for (size_t i = 0; i < ARRAY_LEN(sources); i++)
        load_source(s, sources[i]());
    for (size_t i = 0; i < s->kinds_n; i++)      /* an index becomes the type's name, which sorting does not move */
        s->kinds[i].t = (const struct type *)(const void *)s->types[(uintptr_t)s->kinds[i].t - 1].t.name;
    qsort(s->types, s->types_n, sizeof s->types[0], cmp_types);
    for (size_t i = 0; i < s->kinds_n; i++)
        s->kinds[i].t = find_type(s, (const char *)(const void *)s->kinds[i].t);
    qsort(s->kinds, s->kinds_n, sizeof s->kinds[0], cmp_kinds);
    resolve_types(s);
}

const char *type_embed(const struct type *t, const struct field *f)
{
    const struct type_rec *r = (const struct type_rec *)(const void *)t;
    return r->embed ? r->embed[f - t->fields] : NULL;
}
