/* workloads/controllers/discovery.c - what the server serves, as those controllers need it that care for objects of every kind
 * (client-go discovery, ServerPreferredResources): each resource once, in its group's preferred version or else in the next that
 * has it. Order of use: sync_discover in a sync. */
#include "workloads/controllers/controllers_priv.h"

struct version_list { struct api_resources *out; const char *group, *api_version; int rank; };

static void failed(struct sync *s, struct api_resources *out, const char *api_version, const struct err *err)
{
    out->failed = arena_printf(s->a, "%s%s%s: %s", out->failed ? out->failed : "", out->failed ? ", " : "", api_version, err->msg);
    out->failed_count++;
}

static struct api_resource *slot(struct sync *s, struct api_resources *out, const char *group, struct str resource)
{
    for (size_t i = 0; i < out->n; i++)
        if (str_eqc(resource, out->v[i].resource) && strcmp(out->v[i].group, group) == 0)
            return &out->v[i];
    if (out->n == out->cap) {
        size_t cap = out->cap ? out->cap * 2 : 64;
        out->v = arena_realloc(s->a, out->v, out->cap * sizeof *out->v, cap * sizeof *out->v);
        out->cap = cap;
    }
    out->v[out->n] = (struct api_resource){ .rank = INT32_MAX };
    return &out->v[out->n++];
}

static bool has_verb(const struct json *resource, const char *verb)
{
    for (const struct json *v = json_first(json_get(resource, "verbs")); v; v = json_next(v))
        if (str_eqc(json_str(v), verb))
            return true;
    return false;
}

static void resources_known(struct op *op, const struct client_result *r, const struct err *err)
{
    struct sync *s = op->s;
    const struct version_list *l = op->arg;
    if (err->code != ERR_NONE) {
        failed(s, l->out, l->api_version, err);
        return;
    }
    for (const struct json *res = json_first(json_get(r->obj, "resources")); res; res = json_next(res)) {
        struct str name = json_get_str(res, "name");
        if (str_chr(name, '/') >= 0)
            continue;                  /* a subresource */
        struct api_resource *at = slot(s, l->out, l->group, name);
        if (at->rank <= l->rank)
            continue;
        *at = (struct api_resource){ l->group, l->api_version, arena_cstr(s->a, name), arena_cstr(s->a, json_get_str(res, "kind")),
                                     l->rank, json_get_bool(res, "namespaced", false),
                                     has_verb(res, "list"), has_verb(res, "watch"), has_verb(res, "delete"),
                                     has_verb(res, "deletecollection") };
    }
}

static void ask_version(struct sync *s, struct api_resources *out, const char *group, const char *api_version, int rank)
{
    struct version_list *l = ARENA_NEW(s->a, struct version_list);
    *l = (struct version_list){ out, group, api_version, rank };
    sync_get(s, arena_printf(s->a, "%s/%s", *group ? "/apis" : "/api", api_version), resources_known, l);
}

static void groups_known(struct op *op, const struct client_result *r, const struct err *err)
{
    struct sync *s = op->s;
    struct api_resources *out = op->arg;
    if (err->code != ERR_NONE) {
        failed(s, out, "/apis", err);
        return;
    }
    for (const struct json *g = json_first(json_get(r->obj, "groups")); g; g = json_next(g)) {
        const char *name = arena_cstr(s->a, json_get_str(g, "name"));
        struct str preferred = json_path_str(g, "preferredVersion.groupVersion");
        int rank = 1;
        for (const struct json *v = json_first(json_get(g, "versions")); v; v = json_next(v)) {
            struct str gv = json_get_str(v, "groupVersion");
            ask_version(s, out, name, arena_cstr(s->a, gv), str_eq(gv, preferred) ? 0 : rank++);
        }
    }
}

void sync_discover(struct sync *s, struct api_resources *out, void (*then)(struct sync *s))
{
    ask_version(s, out, "", "v1", 0);
    sync_get(s, "/apis", groups_known, out);
    sync_wait(s, then);
}
