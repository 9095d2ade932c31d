/* apiserver/printers/printers.c - Tables: find a resource's columns, write a row.
 *
 * Upstream: pkg/printers/internalversion (the columns) and pkg/printers/tablegenerator.go. What is printed is declared
 * in resources.c; a column says from which and until which server version it is shown, and which function makes its
 * cells. Order of use: printer_find once per request, printer_columns for the frame, printer_row per object.
 */
#include "apiserver/printers/printers_priv.h"

enum { COLUMNS_MAX = 32, VERSIONS = 3, RESOURCES_MAX = 80 };

/* One resource as one server version prints it. Made when first asked for, then kept. */
struct printer {
    int                  minor;        /* 0: not made yet */
    const struct resource *resource;
    size_t               count;
    struct table_column  columns[COLUMNS_MAX];
    const struct column *sources[COLUMNS_MAX];
    const char          *paths[COLUMNS_MAX];       /* of a custom resource's columns, instead of sources */
};

static struct printer printers[VERSIONS][RESOURCES_MAX];

static const struct printer *make(struct printer *p, const struct resource *res, int minor)
{
    if (p->minor)
        return p;
    p->minor = minor;
    p->resource = res;
    for (size_t i = 0; i < res->count; i++) {
        const struct column *c = &res->columns[i];
        if ((c->since && minor < c->since) || (c->until && minor > c->until))
            continue;
        ASSERT(p->count < COLUMNS_MAX);
        p->columns[p->count] = (struct table_column){ c->name, c->type, c->format, c->help, c->priority };
        p->sources[p->count++] = c;
    }
    return p;
}

/* The beta and the stable home of one thing print alike. */
static bool same_group(struct str asked, struct str version, const struct resource *res)
{
    if (str_eqc(asked, res->group))
        return true;
    (void)version;
    return str_eqc(asked, "extensions") && !strcmp(res->group, "networking.k8s.io");
}

const struct printer *printer_find(int minor, struct str group, struct str version, struct str resource)
{
    size_t v = minor < 20 ? 0 : minor < 34 ? 1 : 2, i = 0;
    ASSERT(printer_resources_count < RESOURCES_MAX);
    while (i < printer_resources_count &&
           !(str_eqc(resource, printer_resources[i].name) && same_group(group, version, &printer_resources[i]) &&
             minor >= printer_resources[i].since))
        i++;
    return make(&printers[v][i], i < printer_resources_count ? &printer_resources[i] : &print_default_resource, minor);
}

static void add_custom(struct arena *a, struct printer *p, const struct json *c)
{
    const char *path = arena_cstr(a, json_get_str(c, "jsonPath"));
    struct str help = json_get_str(c, "description"), format = json_get_str(c, "format");
    if (p->count == COLUMNS_MAX)
        return;
    p->paths[p->count] = path;
    p->columns[p->count++] = (struct table_column){ arena_cstr(a, json_get_str(c, "name")), arena_cstr(a, json_get_str(c, "type")),
                                                    format.n ? arena_cstr(a, format) : NULL,
        help.n ? arena_cstr(a, help) : arena_printf(a, "Custom resource definition column (in JSONPath format): %s", path),
        (int)json_get_int(c, "priority", 0) };
}

const struct printer *printer_custom(struct arena *a, int minor, const struct json *columns)
{
    struct printer *p = ARENA_NEW(a, struct printer);
    const struct column *name = &print_default_resource.columns[0];
    p->minor = minor;
    p->columns[p->count++] = (struct table_column){ name->name, name->type, name->format, name->help, 0 };
    if (!json_len(columns))
        columns = json_buildf(a, "[{'name':'Age','type':'date','jsonPath':'.metadata.creationTimestamp','description':%s}]",
                              "CreationTimestamp is a timestamp representing the server time when this object was created.");
    for (const struct json *c = json_first(columns); c; c = json_next(c))
        add_custom(a, p, c);
    return p;
}

const struct table_column *printer_columns(const struct printer *p, size_t *count)
{
    *count = p->count;
    return p->columns;
}

void printer_row(const struct printer *p, const struct json *obj, int64_t now_ns, struct strbuf *cells,
                 const char **conditions_json)
{
    struct row r = { obj, now_ns, p->minor, arena_new(), cells };
    if (!p->resource) {
        print_custom_row(&r, p->columns, p->paths, p->count);
        arena_free(r.a);
        return;
    }
    for (size_t i = 0; i < p->count; i++) {
        strbuf_addch(cells, i ? ',' : '[');
        p->sources[i]->cell(&r, p->sources[i]->arg);
    }
    strbuf_addch(cells, ']');
    arena_free(r.a);
    if (conditions_json)
        *conditions_json = !strcmp(p->resource->name, "pods") && !*p->resource->group ? print_pod_conditions(obj) : NULL;
}
