/* apiserver/endpoints/chain.c - the way of a request (apiserver pkg/server/config.go, DefaultBuildHandlerChain): what is asked,
 * who asks, as whom, may they, all of it under the eyes of the audit; then the mux: aggregated APIs, objects, and everything else
 * by path.
 */
#include "apiserver/aggregator/aggregator.h"
#include "apiserver/auth/auth.h"
#include "apiserver/endpoints/audit.h"
#include "apiserver/endpoints/endpoints.h"

static bool authorize(struct request *r, struct err *err)
{
    struct attributes at;
    struct str reason = STR_NULL;
    attributes_of(&r->info, &r->user, &at);
    bool allowed = authz_allowed(r->as, &at, r->a, &reason);
    audit_decided(r, allowed, reason);
    return allowed || err_forbidden(err, &at, reason);
}

/* The audit begins when it is known who asks, or that nobody can say. */
static bool authenticate(struct request *r, struct err *err)
{
    bool known = authn_request(r, err);
    audit_begin(r, known);
    return known;
}

static bool parse_info(struct request *r, struct err *err)
{
    (void)err;
    request_info_parse(r);
    return true;
}

/* While something is graded, what leads the simulation is the grader's: by where a request comes from, since an administrator can
 * be anybody. */
static bool steer(struct request *r, struct err *err)
{
    const struct apiserver_options *o = &r->as->opt;
    struct str v = r->info.verb, ip, port;
    bool reads = str_eqc(v, "get") || str_eqc(v, "list") || str_eqc(v, "watch");
    if (!o->may_steer || reads || !r->info.is_resource || !str_eqc(r->info.group, "lab.kubelab.dev")) return true;
    str_cut(r->x->remote_addr, ':', &ip, &port);
    if (o->may_steer(o->steer_ctx, ip, r->info.resource, r->info.subresource)) return true;
    struct attributes at;
    struct str why = STR("what is graded does not lead the simulation");
    attributes_of(&r->info, &r->user, &at);
    audit_decided(r, false, why);
    return err_forbidden(err, &at, why);
}

/* The filters, in order; the first that refuses answers. */
static bool (*const filters[])(struct request *r, struct err *err) = { parse_info, authenticate, authn_impersonate, authorize, steer };

/* Objects are etcd's; reviews are not kept. The words are those of its client when a single member is gone (simplified: at once,
 * not after its tries). */
static bool storage_refuses(struct request *r, struct err *err)
{
    struct str g = r->info.group;
    if (!r->info.is_resource || str_eqc(g, "authorization.k8s.io") || str_eqc(g, "authentication.k8s.io") ||
        apiserver_storage_up(r->as))
        return false;
    const char *old = "all SubConns are in TransientFailure, latest connection error: ",
               *dial = r->as->opt.minor < 22 ? "dialing dial" : "dialing: dial";
    err_set(err, ERR_IO, "rpc error: code = Unavailable desc = %sconnection error: desc = \"transport: Error while %s tcp "
                         "127.0.0.1:2379: connect: connection refused\"",
            r->as->opt.minor < 22 ? old : "", dial);
    return true;
}

static void mux(struct request *r)
{
    struct str p = r->x->path;
    struct err err = { 0 };
    if (aggregator_handle(r)) return;
    if (storage_refuses(r, &err)) {
        respond_error(r, &err);
        err_clear(&err);
    } else if (r->info.is_resource) handle_resource(r);
    else if (str_eqc(p, "/api") || str_eqc(p, "/apis") || str_starts(p, "/api/") || str_starts(p, "/apis/")) handle_discovery(r);
    else if (str_starts(p, "/openapi/")) handle_openapi(r);
    else if (!handle_health(r)) respond_not_found_page(r);
}

/* ---- api-slow: a fault, but for who comes from where faults are steered ---- */
static int64_t slowness_ns(struct request *r)
{
    struct vnet *net = vnet_host_net(r->as->opt.node);
    struct str ip, port;
    int64_t ns = 0;
    for (struct fault *f = NULL; (f = fault_next(vnet_faults(net), f, FAULT_API_SLOW, FAULT_API_SLOW)) != NULL;)
        if (fault_matches(f, "user", r->user.name)) ns += fault_number(f, "delay");
    return ns && str_cut(r->x->remote_addr, ':', &ip, &port) && vnet_spares(net, ip) ? 0 : ns;
}

static void late_gone(struct http_exchange *x) { timer_stop(&((struct request *)x->ctx)->late); }

static void on_late(struct timer *t)
{
    struct request *r = container_of(t, struct request, late);
    r->x->on_gone = NULL;
    r->now_ns = vtime_now(r->as->loop);
    mux(r);
}

void chain_handle(void *ctx, struct http_exchange *x)
{
    struct request *r = ARENA_NEW(x->arena, struct request);
    struct err err = { 0 };
    r->x = x;
    r->a = x->arena;
    r->as = ctx;
    r->now_ns = vtime_now(r->as->loop);
    r->start_rev = store_revision(r->as->store);
    list_init(&r->node);
    x->ctx = r;
    for (size_t i = 0; i < ARRAY_LEN(filters); i++)
        if (!filters[i](r, &err)) {
            respond_error(r, &err);
            err_clear(&err);
            return;
        }
    int64_t late_ns = slowness_ns(r);
    if (!late_ns) {
        mux(r);
        return;
    }
    timer_init(&r->late, r->as->loop, on_late);
    timer_start(&r->late, late_ns);
    x->on_gone = late_gone;
}
