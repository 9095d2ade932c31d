/* sim/cmd/host_routes.c - the cluster's side of the host's commands: /host/... on the control socket.
 *
 * /host/api passes one request to the API server as kubernetes-admin, as kubeadm does with /etc/kubernetes/admin.conf: it goes
 * through the virtual network, and through authentication, authorization and admission like anybody's (with `outside` from
 * another machine, as one who leads the cluster does, and no fault on the way). /host/token draws a bootstrap token; /host/proxy
 * names the proxy's port, and starts it; /host/image/... is the daemon's side of docker pull, rmi and tag.
 */
#include "sim/cmd/cluster.h"
#include "sim/cmd/host.h"
#include "sim/cmd/node.h"

#include <stdlib.h>

static void answer(struct http_exchange *x, int status, struct str text)
{
    http_respond(x, status, NULL, "text/plain", text);
}

/* ---- /host/api ---- */
struct api_job { struct http_exchange *x; struct client_call *call; };

static void api_gone(struct http_exchange *x)
{
    struct api_job *job = x->ctx;
    client_cancel(job->call);
    free(job);
}

static void api_done(void *ctx, const struct client_result *r, const struct err *err)
{
    struct api_job *job = ctx;
    struct http_exchange *x = job->x;
    free(job);
    x->on_gone = NULL;
    struct str body = r && r->http_status ? r->body : str_c(err->msg);
    answer(x, 200, arena_strf(x->arena, "%d\n" STR_FMT, r ? r->http_status : 0, STR_ARG(body)));
}

static void post_api(struct cluster *c, struct node *node, struct http_exchange *x)
{
    struct str method = query_get(&x->query, "method");
    enum client_patch patch = PATCH_MERGE;
    const char *path = arena_cstr(x->arena, query_get(&x->query, "path"));
    struct client *admin = query_has(&x->query, "outside") ? cluster_operator(c) : cluster_admin(c);
    (void)node;
    struct err err = { 0 };
    struct json *body = x->body.n ? json_parse(x->arena, x->body, &err) : NULL;
    if (!cluster_is_up(c) || !admin) {
        answer(x, 503, STR("the cluster is still starting: try again in a moment\n"));
        return;
    }
    bool patches = str_eqc(method, "PATCH");
    if (path[0] != '/' || (x->body.n && !body) || (patches && (!body || !client_patch_type(query_get(&x->query, "type"), &patch)))) {
        answer(x, 400, STR("a path and a JSON body are wanted, and of a patch its type\n"));
        err_clear(&err);
        return;
    }
    struct api_job *job = NEW(struct api_job);
    job->x = x;
    x->ctx = job;
    x->on_gone = api_gone;
    job->call = client_call_method(admin, arena_cstr(x->arena, method), path, arena_cstr(x->arena, query_get(&x->query, "type")),
                                   body, api_done, job);
}

/* ---- /host/token: kubeadm draws [a-z0-9]{6}.[a-z0-9]{16} from the system; here it is the cluster's dice ---- */
static void post_token(struct cluster *c, struct node *node, struct http_exchange *x)
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    struct rng *r = cluster_token_rng(c);
    (void)node;
    char token[24];
    for (size_t i = 0; i < 23; i++)
        token[i] = i == 6 ? '.' : alphabet[rng_below(r, 36)];
    token[23] = 0;
    answer(x, 200, str_c(token));
}

static void post_proxy(struct cluster *c, struct node *node, struct http_exchange *x)
{
    struct err err = { 0 };
    int port = cluster_proxy_port(c, true, &err);
    (void)node;
    if (port)
        answer(x, 200, arena_strf(x->arena, "%d", port));
    else
        answer(x, 500, arena_strf(x->arena, "%s\n", err.msg));
    err_clear(&err);
}

/* ---- images: docker pull, rmi and tag ---- */
struct pull_job { struct http_exchange *x; struct cluster *c; };

static void pull_gone(struct http_exchange *x)
{
    ((struct pull_job *)x->ctx)->x = NULL;         /* the pull goes on, as the daemon's does */
}

static void pull_line(void *ctx, struct str text)
{
    struct pull_job *job = ctx;
    if (job->x)
        http_write(job->x, text);
}

static void pull_done(void *ctx, const struct json *record, const struct err *err)
{
    struct pull_job *job = ctx;
    if (job->x) {
        job->x->on_gone = NULL;
        http_write(job->x, record ? STR("\x04""0") : arena_strf(job->x->arena, "\x04%s", err->msg));
        http_end(job->x);
    }
    free(job);
}

static void post_pull(struct cluster *c, struct node *node, struct http_exchange *x)
{
    struct pull_job *job = NEW(struct pull_job);
    *job = (struct pull_job){ x, c };
    x->ctx = job;
    x->on_gone = pull_gone;
    http_begin(x, 200, NULL, "text/plain");
    image_pull_lines(node->images, query_get(&x->query, "ref"), pull_line, pull_done, job);
}

static void post_untag(struct cluster *c, struct node *node, struct http_exchange *x)
{
    struct str ref = query_get(&x->query, "ref");
    (void)c;
    bool there = image_find(node->images, ref) != NULL && image_remove(node->images, ref);
    answer(x, there ? 200 : 404, there ? STR("ok\n") : STR("no such image\n"));
}

static void post_tag(struct cluster *c, struct node *node, struct http_exchange *x)
{
    (void)c;
    struct str from = query_get(&x->query, "from"), to = query_get(&x->query, "to");
    const struct json *record = image_find(node->images, from);
    struct err err = { 0 };
    if (!image_ref_check(to, &err)) {
        answer(x, 400, arena_strf(x->arena, "%s\n", err.msg));
    } else if (!record) {
        answer(x, 404, STR("no such image\n"));
    } else {
        struct json *copy = json_copy(x->arena, record);
        json_set_str(x->arena, copy, "ref", str_c(image_normalize(x->arena, to)));
        image_put_saved(node->images, to, copy, image_files(node->images, from));
        answer(x, 200, STR("ok\n"));
    }
    err_clear(&err);
}

static const struct { const char *method, *path; void (*run)(struct cluster *c, struct node *node, struct http_exchange *x);
                      } routes[] = {
    { "POST", "/host/api", post_api },
    { "POST", "/host/token", post_token },
    { "POST", "/host/proxy", post_proxy },
    { "POST", "/host/image/pull", post_pull },
    { "POST", "/host/image/untag", post_untag },
    { "POST", "/host/image/tag", post_tag },
};

bool host_route(struct cluster *c, struct node *node, struct http_exchange *x)
{
    for (size_t i = 0; i < ARRAY_LEN(routes); i++)
        if (str_eqc(x->method, routes[i].method) && str_eqc(x->path, routes[i].path)) {
            routes[i].run(c, node, x);
            return true;
        }
    return false;
}
