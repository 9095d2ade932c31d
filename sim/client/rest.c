/* sim/client/rest.c - REST calls of a component (client-go rest/request.go in small).
 *
 * A call is one HTTP exchange whose whole answer is handed over: parsed when it is a 2xx, turned into an error by
 * status_to_err when it is not. Nothing is retried here: callers have work queues for that. Order of use: client_new, {
 * client_get | ... }, client_free.
 */
#include "sim/client/client_priv.h"

#include <stdlib.h>

struct client_call {
    struct list       node;
    struct client    *client;
    struct http_call *http;
    client_done      *done;
    void             *ctx;
    char             *what;            /* "get pods x": for errors of servers that speak no Status */
    bool              unread;          /* nobody wants the answer's tree */
};

struct client *client_new(const struct client_options *opt)
{
    struct client *c = NEW(struct client);
    struct http_client_options ho = {
        .from = opt->from, .roots = opt->roots, .insecure_skip_verify = opt->insecure,
        .identity = opt->identity, .user_agent = opt->user_agent
    };
    c->loop = vnet_loop(vnet_host_net(opt->from));
    c->http = http_client_new(&ho);
    c->server = xstrdup(opt->server);
    c->name = xstrdup(opt->name ? opt->name : "client");
    c->token = opt->token;
    c->token_ctx = opt->token_ctx;
    list_init(&c->calls);
    list_init(&c->informers);
    return c;
}

struct loop *client_loop(struct client *c) { return c->loop; }
struct http_client *client_http(struct client *c) { return c->http; }
void client_set_identity(struct client *c, struct identity *id) { http_client_set_identity(c->http, id); }

static void call_free(struct client_call *call)
{
    list_remove(&call->node);
    free(call->what);
    free(call);
}

void client_cancel(struct client_call *call)
{
    http_call_cancel(call->http);
    call_free(call);
}

void client_answer_unread(struct client_call *call)
{
    call->unread = true;
}

void client_free(struct client *c)
{
    if (!c)
        return;
    list_for(it, &c->informers)
        informer_free(informer_of_node(it));
    list_for(it, &c->calls)
        client_cancel(container_of(it, struct client_call, node));
    http_client_free(c->http);
    free(c->server);
    free(c->name);
    free(c);
}

void client_headers(struct client *c, struct arena *a, struct http_headers *h)
{
    http_headers_add(a, h, "Accept", STR("application/json"));
    if (!c->token)
        return;
    struct str token = c->token(c->token_ctx);
    if (token.n)
        http_headers_addf(a, h, "Authorization", "Bearer " STR_FMT, STR_ARG(token));
}

static void call_done(void *ctx, const struct http_result *r, const struct err *transport)
{
    struct client_call *call = ctx;
    client_done *done = call->done;
    void *done_ctx = call->ctx;
    struct err err = { 0 };
    struct client_result result = { 0 };
    if (!r) {
        err_set(&err, transport->code, "%s", transport->msg);
    } else {
        result = (struct client_result){ .http_status = r->status, .body = r->body, .arena = r->arena };
        if (r->status < 200 || r->status > 299)
            status_to_err(r->status, r->body, call->what, &err);
        else if (r->body.n && !call->unread)
            result.obj = json_parse(r->arena, r->body, NULL);
    }
    call_free(call);
    done(done_ctx, &result, &err);
    err_clear(&err);
}

static struct client_call *call_start(struct client *c, const char *method, const char *verb, const char *path,
                                      const char *content_type, struct str body, client_done *done, void *ctx)
{
    struct arena *a = arena_new();
    struct http_headers h = { 0 };
    client_headers(c, a, &h);
    if (content_type)
        http_headers_add(a, &h, "Content-Type", str_c(content_type));
    struct client_call *call = NEW(struct client_call);
    list_init(&call->node);
    call->client = c;
    call->done = done;
    call->ctx = ctx;
    call->what = xstrdup(arena_printf(a, "%s %s", verb, path));
    list_push(&c->calls, &call->node);
    struct http_call_options o = {
        .method = method, .url = arena_printf(a, "%s%s", c->server, path), .headers = &h, .body = body
    };
    call->http = http_fetch(c->http, &o, call_done, call);
    arena_free(a);
    return call;
}

static struct client_call *call_json(struct client *c, const char *method, const char *verb, const char *path,
                                     const char *content_type, const struct json *j, client_done *done, void *ctx)
{
    struct strbuf text;
    strbuf_init(&text, LIMIT_BODY_BYTES);
    if (j)
        json_write(&text, j, 0);
    struct client_call *call = call_start(c, method, verb, path, j ? content_type : NULL, strbuf_str(&text), done, ctx);
    strbuf_deinit(&text);
    return call;
}

struct client_call *client_get(struct client *c, const char *path, client_done *done, void *ctx)
{
    return call_start(c, "GET", "get", path, NULL, STR_NULL, done, ctx);
}

struct client_call *client_create(struct client *c, const char *path, const struct json *obj, client_done *done, void *ctx)
{
    return call_json(c, "POST", "post", path, "application/json", obj, done, ctx);
}

struct client_call *client_update(struct client *c, const char *path, const struct json *obj, client_done *done, void *ctx)
{
    return call_json(c, "PUT", "put", path, "application/json", obj, done, ctx);
}

struct client_call *client_patch(struct client *c, const char *path, enum client_patch type, const struct json *patch,
                                 client_done *done, void *ctx)
{
    static const char *const types[] = { [PATCH_JSON] = "application/json-patch+json",
                                         [PATCH_MERGE] = "application/merge-patch+json",
                                         [PATCH_STRATEGIC] = "application/strategic-merge-patch+json",
                                         [PATCH_APPLY] = "application/apply-patch+yaml" };
    return call_json(c, "PATCH", "patch", path, types[type], patch, done, ctx);
}

struct client_call *client_delete(struct client *c, const char *path, const struct json *options, client_done *done, void *ctx)
{
    return call_json(c, "DELETE", "delete", path, "application/json", options, done, ctx);
}

const char *client_path(struct arena *a, const char *api_version, const char *resource, struct str ns, struct str name,
                        const char *subresource)
{
    const char *root = strchr(api_version, '/') ? "/apis" : "/api";
    struct str n = ns.n ? arena_strf(a, "/namespaces/" STR_FMT, STR_ARG(ns)) : STR_NULL;
    struct str m = name.n ? arena_strf(a, "/" STR_FMT, STR_ARG(name)) : STR_NULL;
    return arena_printf(a, "%s/%s" STR_FMT "/%s" STR_FMT "%s%s", root, api_version, STR_ARG(n), resource, STR_ARG(m),
                        subresource ? "/" : "", subresource ? subresource : "");
}

bool client_patch_type(struct str name, enum client_patch *type)
{
    static const char *const names[] = { [PATCH_JSON] = "json", [PATCH_MERGE] = "merge", [PATCH_STRATEGIC] = "strategic",
                                         [PATCH_APPLY] = "apply" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eqc(name, names[i])) {
            *type = (enum client_patch)i;
            return true;
        }
    return false;
}

struct client_call *client_call_method(struct client *c, const char *method, const char *path, const char *type,
                                       const struct json *body, client_done *done, void *ctx)
{
    enum client_patch patch = PATCH_MERGE;
    if (strcmp(method, "POST") == 0 && body)
        return client_create(c, path, body, done, ctx);
    if (strcmp(method, "PUT") == 0 && body)
        return client_update(c, path, body, done, ctx);
    if (strcmp(method, "PATCH") == 0 && body && client_patch_type(str_c(type), &patch))
        return client_patch(c, path, patch, body, done, ctx);
    if (strcmp(method, "DELETE") == 0)
        return client_delete(c, path, body, done, ctx);
    return client_get(c, path, done, ctx);
}
