/* hpa/scale_client.c - the target's size, through its scale subresource (client-go/scale and a RESTMapper over discovery).
 *
 * An autoscaler names a kind; the API speaks in resources. The group's document says which versions it has, a version's
 * document which resource has the kind. As upstream, only the group of spec.scaleTargetRef.apiVersion matters, and the
 * versions are tried in the server's order. What was found is remembered; what was not is asked for again each time.
 * Order of use: scale_client_new, {scale_get | scale_put}..., scale_client_free.
 */
#include "hpa/hpa_priv.h"

#include <stdio.h>
#include <stdlib.h>

struct scale_client {
    struct client *client;
    struct map    *mappings;           /* "group/Kind" -> "apps/v1 deployments" */
    struct list    calls;
};

struct scale_call {
    struct list          node;
    struct scale_client *s;
    struct client_call  *call;
    struct arena        *a;
    struct scale_target  target;
    struct str           group, *versions;
    size_t               version_count, version_next;
    struct task          refuse;       /* an apiVersion that is none: answered later all the same */
    scale_done          *done;
    void                *ctx;
};

struct scale_client *scale_client_new(struct client *c)
{
    struct scale_client *s = NEW(struct scale_client);
    s->client = c;
    s->mappings = map_new();
    list_init(&s->calls);
    return s;
}

static void call_free(struct scale_call *c)
{
    list_remove(&c->node);
    task_cancel(&c->refuse);
    arena_free(c->a);
    free(c);
}

void scale_cancel(struct scale_call *c)
{
    if (c->call)
        client_cancel(c->call);
    call_free(c);
}

void scale_client_free(struct scale_client *s)
{
    if (!s)
        return;
    list_for(it, &s->calls)
        scale_cancel(container_of(it, struct scale_call, node));
    map_free(s->mappings, free);
    free(s);
}

static void refuse(struct task *t);

static struct scale_call *call_new(struct scale_client *s, const struct scale_target *t, scale_done *done, void *ctx)
{
    struct scale_call *c = NEW(struct scale_call);
    list_init(&c->node);
    list_push(&s->calls, &c->node);
    c->s = s;
    c->a = arena_new();
    task_init(&c->refuse, refuse);
    c->target = (struct scale_target){ arena_str(c->a, t->ns), arena_str(c->a, t->name), arena_str(c->a, t->kind),
                                       arena_str(c->a, t->api_version) };
    c->done = done;
    c->ctx = ctx;
    return c;
}

static void fail(struct scale_call *c, const char *error, const char *log_prefix)
{
    scale_done *done = c->done;
    void *ctx = c->ctx;
    struct arena *a = c->a;
    c->a = NULL;
    call_free(c);
    done(ctx, NULL, error, log_prefix, false);
    arena_free(a);
}

static struct str mapping_key(struct scale_call *c)
{
    return arena_strf(c->a, STR_FMT "/" STR_FMT, STR_ARG(c->group), STR_ARG(c->target.kind));
}

static const char *scale_path(struct scale_call *c)
{
    struct str api_version, resource;
    if (!str_cut(str_c(map_get(c->s->mappings, mapping_key(c))), ' ', &api_version, &resource))
        return NULL;
    return client_path(c->a, arena_cstr(c->a, api_version), arena_cstr(c->a, resource), c->target.ns, c->target.name, "scale");
}

static void answered(void *ctx, const struct client_result *r, const struct err *err)
{
    struct scale_call *c = ctx;
    c->call = NULL;
    if (err->code != ERR_NONE) {
        const char *prefix = arena_printf(c->a,
                                          "failed to query scale subresource for " STR_FMT "/" STR_FMT "/" STR_FMT ": ",
                                          STR_ARG(c->target.kind), STR_ARG(c->target.ns), STR_ARG(c->target.name));
        scale_done *done = c->done;
        void *done_ctx = c->ctx;
        struct arena *a = c->a;
        c->a = NULL;
        call_free(c);
        done(done_ctx, NULL, err->msg, prefix, err->code == ERR_CONFLICT);
        arena_free(a);
        return;
    }
    scale_done *done = c->done;
    void *done_ctx = c->ctx;
    call_free(c);
    done(done_ctx, r->obj, NULL, "", false);
}

/* ---- discovery ---- */
static void ask_version(struct scale_call *c);
static void get_scale(struct scale_call *c);

static void no_match(struct scale_call *c)
{
    fail(c,
         arena_printf(c->a, "no matches for kind \"" STR_FMT "\" in group \"" STR_FMT "\"", STR_ARG(c->target.kind),
                      STR_ARG(c->group)),
         "unable to determine resource for scale target reference: ");
}

static void version_answered(void *ctx, const struct client_result *r, const struct err *err)
{
    struct scale_call *c = ctx;
    c->call = NULL;
    struct str version = c->versions[c->version_next++];
    if (err->code == ERR_NONE)
        for (const struct json *res = json_first(json_get(r->obj, "resources")); res; res = json_next(res)) {
            struct str name = json_get_str(res, "name");
            if (!str_eq(json_get_str(res, "kind"), c->target.kind) || str_chr(name, '/') >= 0)
                continue;
            const char *found = arena_printf(c->a, STR_FMT " " STR_FMT, STR_ARG(gvk_api_version(c->a, c->group, version)),
                                             STR_ARG(name));
            free(map_put(c->s->mappings, mapping_key(c), xstrdup(found)));
            get_scale(c);
            return;
        }
    ask_version(c);
}

static void ask_version(struct scale_call *c)
{
    if (c->version_next == c->version_count) {
        no_match(c);
        return;
    }
    const char *path = arena_printf(c->a, "%s/" STR_FMT, c->group.n ? "/apis" : "/api",
                                    STR_ARG(gvk_api_version(c->a, c->group, c->versions[c->version_next])));
    c->call = client_get(c->s->client, path, version_answered, c);
}

static void group_answered(void *ctx, const struct client_result *r, const struct err *err)
{
    struct scale_call *c = ctx;
    c->call = NULL;
    if (err->code == ERR_NOT_FOUND) {
        no_match(c);
        return;
    }
    if (err->code != ERR_NONE) {
        fail(c, arena_strdup(c->a, err->msg), "unable to determine resource for scale target reference: ");
        return;
    }
    const struct json *versions = json_get(r->obj, "versions");
    c->versions = arena_zalloc(c->a, (json_len(versions) + 1) * sizeof *c->versions);
    struct str preferred = json_path_str(r->obj, "preferredVersion.version");
    if (preferred.n)
        c->versions[c->version_count++] = arena_str(c->a, preferred);
    for (const struct json *v = json_first(versions); v; v = json_next(v))
        if (!str_eq(json_get_str(v, "version"), preferred))
            c->versions[c->version_count++] = arena_str(c->a, json_get_str(v, "version"));
    ask_version(c);
}

static void get_scale(struct scale_call *c) { c->call = client_get(c->s->client, scale_path(c), answered, c); }

static void refuse(struct task *t)
{
    struct scale_call *c = container_of(t, struct scale_call, refuse);
    fail(c, arena_printf(c->a, "unexpected GroupVersion string: " STR_FMT, STR_ARG(c->target.api_version)),
         "invalid API version in scale target reference: ");
}

static bool parse_group(struct scale_call *c)
{
    struct str version;
    size_t slashes = 0;
    for (size_t i = 0; i < c->target.api_version.n; i++)
        slashes += c->target.api_version.p[i] == '/';
    if (slashes > 1)
        return false;
    if (!str_cut(c->target.api_version, '/', &c->group, &version))
        c->group = STR("");
    return true;
}

struct scale_call *scale_get(struct scale_client *s, const struct scale_target *t, scale_done *done, void *ctx)
{
    struct scale_call *c = call_new(s, t, done, ctx);
    if (!parse_group(c))
        task_post(client_loop(s->client), &c->refuse);
    else if (scale_path(c)) {
        get_scale(c);
    } else if (c->group.n) {
        c->call = client_get(s->client, arena_printf(c->a, "/apis/" STR_FMT, STR_ARG(c->group)), group_answered, c);
    } else {
        c->versions = ARENA_NEW(c->a, struct str);
        c->versions[c->version_count++] = STR("v1");
        ask_version(c);
    }
    return c;
}

struct scale_call *scale_put(struct scale_client *s, const struct scale_target *t, const struct json *scale,
                             scale_done *done, void *ctx)
{
    struct scale_call *c = call_new(s, t, done, ctx);
    parse_group(c);
    c->call = client_update(s->client, scale_path(c), scale, answered, c);
    return c;
}
