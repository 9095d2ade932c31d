/* apiserver/endpoints/component_status.c - componentstatuses: nobody stores them; whoever reads them has the components asked at
 * that moment.
 *
 * Upstream: kubernetes pkg/registry/core/componentstatus/rest.go and pkg/registry/core/rest/storage_core.go
 * (componentStatusStorage): the scheduler and the controller manager are asked on their ports without TLS, on the server's own
 * machine (which kubeadm closes from v1.18 on: both are then called unhealthy, as on a real cluster), etcd where it is reached.
 */
#include "apiserver/endpoints/endpoints.h"

#include <stdlib.h>

static const struct { const char *name, *url; /* NULL: etcd, whom the store's place knows */ } components[] = {
    { "scheduler", "http://127.0.0.1:10251/healthz" },
    { "controller-manager", "http://127.0.0.1:10252/healthz" },
    { "etcd-0", NULL },
};
enum { COMPONENTS = ARRAY_LEN(components), PROBE_TIMEOUT_S = 20, MESSAGE_BYTES = 1000 };

struct round;
struct probe { struct round *round; struct http_call *call; struct str message; bool wanted, healthy; };
struct round { struct request *r; struct probe probes[COMPONENTS]; size_t pending; };

static void round_free(struct round *n)
{
    for (size_t i = 0; i < COMPONENTS; i++)
        if (n->probes[i].call) http_call_cancel(n->probes[i].call);
    n->r->x->on_gone = NULL;
    n->r->open = NULL;
    free(n);
}

static void on_gone(struct http_exchange *x) { round_free(((struct request *)x->ctx)->open); }

static struct object *status_of(struct request *r, size_t i, const struct probe *p)
{
    struct json *j = json_buildf(r->a, "{'kind':'ComponentStatus','apiVersion':'v1','metadata':{'name':%s,'creationTimestamp':null},"
                                 "'conditions':[{'type':'Healthy','status':%s,'message':%S}]}", components[i].name,
                                 p->healthy ? "True" : "False", p->message);
    if (r->as->opt.minor < 20)
        json_set_str(r->a, json_get(j, "metadata"), "selfLink", arena_strf(r->a, "/api/v1/componentstatuses/%s", components[i].name));
    return object_new(json_text(r->a, j));
}

static void respond(struct round *n)
{
    struct request *r = n->r;
    struct object *all[COMPONENTS];
    size_t count = 0;
    for (size_t i = 0; i < COMPONENTS; i++)
        if (n->probes[i].wanted) all[count++] = status_of(r, i, &n->probes[i]);
    round_free(n);
    if (r->info.name.n) respond_object(r, r->res, 200, all[0], false);
    else respond_list(r, all, count);
    for (size_t i = 0; i < count; i++) object_unref(all[i]);
}

/* Any answer from 200 to 399 is a good one; of a refusal its text is told. */
static void on_done(void *ctx, const struct http_result *result, const struct err *err)
{
    struct probe *p = ctx;
    struct round *n = p->round;
    p->call = NULL;
    p->healthy = result && result->status >= 200 && result->status < 400;
    p->message = arena_str(n->r->a, result ? str_sub(result->body, 0, MESSAGE_BYTES) : str_c(err->msg));
    if (--n->pending == 0) respond(n);
}

static void ask(struct round *n, size_t i)
{
    struct probe *p = &n->probes[i];
    struct request *r = n->r;
    p->round = n;
    if (components[i].url) {
        struct http_call_options o = { .method = "GET", .url = components[i].url, .timeout_ns = PROBE_TIMEOUT_S * (int64_t)NS_PER_S };
        p->call = http_fetch(r->as->kubelet_client, &o, on_done, p);
        n->pending++;
        return;
    }
    p->healthy = apiserver_storage_up(r->as);
    p->message = p->healthy ? STR("{\"health\":\"true\"}") : r->as->opt.minor < 19
        ? STR("Get https://127.0.0.1:2379/health: dial tcp 127.0.0.1:2379: connect: connection refused")
        : STR("Get \"https://127.0.0.1:2379/health\": dial tcp 127.0.0.1:2379: connect: connection refused");
}

void handle_component_status(struct request *r)
{
    struct round *n = NEW(struct round);
    struct err err = { 0 };
    size_t wanted = 0;
    n->r = r;
    for (size_t i = 0; i < COMPONENTS; i++)
        wanted += n->probes[i].wanted = !r->info.name.n || str_eqc(r->info.name, components[i].name);
    if (!wanted) {
        free(n);
        err_set(&err, ERR_INTERNAL, "Component not found: " STR_FMT, STR_ARG(r->info.name));
        respond_error(r, &err);
        err_clear(&err);
        return;
    }
    r->open = n;
    r->x->on_gone = on_gone;
    for (size_t i = 0; i < COMPONENTS; i++)
        if (n->probes[i].wanted) ask(n, i);
    if (!n->pending) respond(n);
}
