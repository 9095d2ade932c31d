/* apiserver/endpoints/look.c - what the API server holds and whom it keeps posted, for `kubelab debug`: lines of cells with tabs
 * between.
 *
 * No request, no audit row; a real cluster tells some of it under /metrics (apiserver_storage_objects,
 * apiserver_longrunning_requests).
 */
#include "apiserver/endpoints/endpoints.h"

struct sum { size_t n, bytes; };

static bool add_object(void *ctx, struct str key, struct object *o)
{
    struct sum *s = ctx;
    (void)key;
    s->n++;
    s->bytes += o->bytes.n;
    return true;
}

void apiserver_look_objects(struct apiserver *as, struct strbuf *out)
{
    const struct registry *g = as->registry;
    struct arena *a = arena_new();
    strbuf_addc(out, "RESOURCE\tOBJECTS\tBYTES\n");
    for (size_t i = 0; i < g->n; i++) {
        const struct resource *res = &g->v[i];
        struct sum s = { 0 };
        if (res->subresource.n || !(res->verbs & VERB_LIST) || registry_find_any(as, res->group, res->name) != res)
            continue;
        store_list(as->store, resource_prefix(a, res, STR("")), STR_NULL, add_object, &s);
        if (s.n)
            strbuf_addf(out, STR_FMT "%s" STR_FMT "\t%zu\t%zu\n", STR_ARG(res->name), res->group.n ? "." : "", STR_ARG(res->group),
                        s.n,
                        s.bytes);
    }
    arena_free(a);
}

void apiserver_look_watchers(struct apiserver *as, struct strbuf *out)
{
    strbuf_addc(out, "USER\tWATCHES\tSELECTED BY\tAGENT\n");
    watches_each(as->watches, out);
}
