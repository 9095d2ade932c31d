/* apiserver/printers/printers.c - Tables: find a resource's columns, write a row.
 *
 * Upstream: pkg/printers/internalversion (the columns) and pkg/printers/tablegenerator.go. What is printed is declared
 * in resources.c; a column says from which and until which server version it is shown, and which function makes its
 * cells. Order of use: printer_find once per request, printer_columns for the frame, printer_row per object.
 */
#include "apiserver/printers/printers_priv.h"

enum { COLUMNS_MAX = 16, VERSIONS = 3, RESOURCES_MAX = 80 };

/* One resource as one server version prints it. Made when first asked for, then kept. */
struct printer {
    int                  minor;        /* 0: not made yet */
    const struct resource *resource;
    size_t               count;
    struct table_column  columns[COLUMNS_MAX];
    const struct column *sources[COLUMNS_MAX];
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

const struct table_column *printer_columns(const struct printer *p, size_t *count)
{
    *count = p->count;
    return p->columns;
}

void printer_row(const struct printer *p, const struct json *obj, int64_t now_ns, struct strbuf *cells,
                 const char **conditions_json)
{
    struct row r = { obj, now_ns, p->minor, arena_new(), cells };
    for (size_t i = 0; i < p->count; i++) {
        strbuf_addch(cells, i ? ',' : '[');
        p->sources[i]->cell(&r, p->sources[i]->arg);
    }
    strbuf_addch(cells, ']');
    arena_free(r.a);
    if (conditions_json)
        *conditions_json = !strcmp(p->resource->name, "pods") && !*p->resource->group ? print_pod_conditions(obj) : NULL;
}
