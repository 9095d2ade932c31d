/* apiserver/endpoints/snapshot.c - what an administrator's lists would show at this moment, for kubelab itself: no request, hence
 * no trace in any audit.
 *
 * As handle_list.c writes them: stored texts between two brackets; a tree is made only where a version differs in shape from what
 * is stored.
 */
#include "apiserver/endpoints/endpoints.h"

struct snapshot { struct apiserver *as; struct arena *a; const struct resource *res; struct strbuf *out; size_t n; };

static bool add_item(void *ctx, struct str key, struct object *o)
{
    struct snapshot *s = ctx;
    (void)key;
    if (s->n++) strbuf_addch(s->out, ',');
    strbuf_add(s->out, present_item(s->as, s->a, s->res, o, 0));
    return true;
}

static void add_list(struct apiserver *as, const struct resource *res, struct strbuf *out)
{
    struct snapshot s = { as, arena_new(), res, out, 0 };
    strbuf_addch(out, '[');
    store_list(as->store, resource_prefix(s.a, res, STR_NULL), STR_NULL, add_item, &s);
    strbuf_addch(out, ']');
    arena_free(s.a);
}

bool apiserver_snapshot_list(struct apiserver *as, const char *group, const char *version, const char *resource, struct strbuf *out)
{
    const struct resource *res = registry_find(as, str_c(group), str_c(version), str_c(resource), STR(""));
    if (res) add_list(as, res, out);
    return res != NULL;
}

/* Events have a place of their own; the statuses of components are older than health checks, and no objects. */
static bool is_listed(const struct apiserver *as, const struct resource *res)
{
    if (res->subresource.n || !(res->verbs & VERB_LIST) || str_eqc(res->name, "events") || str_eqc(res->name, "componentstatuses"))
        return false;
    return registry_find_any(as, res->group, res->name) == res;
}

void apiserver_snapshot(struct apiserver *as, struct strbuf *out)
{
    const struct resource *res;
    size_t cursor = 0, n = 0;
    strbuf_addch(out, '{');
    while ((res = registry_each(as, &cursor))) {
        if (!is_listed(as, res)) continue;
        if (n++) strbuf_addch(out, ',');
        strbuf_addf(out, "\"" STR_FMT "%s" STR_FMT "\":", STR_ARG(res->name), res->group.n ? "." : "", STR_ARG(res->group));
        add_list(as, res, out);
    }
    strbuf_addch(out, '}');
}
