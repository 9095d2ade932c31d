/* apiserver/endpoints/chain.c - the way of a request (apiserver pkg/server/config.go, DefaultBuildHandlerChain): what is asked, who asks, as whom,
 * may they, all of it under the eyes of the audit; then the mux: aggregated APIs, objects, and everything else by path.
 */
#include "apiserver/aggregator/aggregator.h"
#include "apiserver/auth/auth.h"
#include "apiserver/endpoints/audit.h"
#include "apiserver/endpoints/endpoints.h"

static bool authorize(struct request *r, struct err *err) {
    struct attributes at;
    struct str reason = STR_NULL;
    attributes_of(&r->info, &r->user, &at);
    bool allowed = authz_allowed(r->as, &at, r->a, &reason);
    audit_decided(r, allowed, reason);
    return allowed || err_forbidden(err, &at, reason);
}

/* The audit begins when it is known who asks, or that nobody can say. */
static bool authenticate(struct request *r, struct err *err) {
    bool known = authn_request(r, err);
    audit_begin(r, known);
    return known;
}

static bool parse_info(struct request *r, struct err *err) {
    (void)err;
    request_info_parse(r);
    return true;
}

/* The filters, in order; the first that refuses answers. */
static bool (*const filters[])(struct request *r, struct err *err) = { parse_info, authenticate, authn_impersonate, authorize };

/* Objects are etcd's; reviews are not kept. The words are those of its client when a single member is gone (simplified: at once, not after its tries). */
static bool storage_refuses(struct request *r, struct err *err) {
    struct str g = r->info.group;
    if (!r->info.is_resource || str_eqc(g, "authorization.k8s.io") || str_eqc(g, "authentication.k8s.io") || apiserver_storage_up(r->as)) return false;
    const char *old = "all SubConns are in TransientFailure, latest connection error: ", *dial = r->as->opt.minor < 22 ? "dialing dial" : "dialing: dial";
    err_set(err, ERR_IO, "rpc error: code = Unavailable desc = %sconnection error: desc = \"transport: Error while %s tcp 127.0.0.1:2379: connect: connection refused\"",
            r->as->opt.minor < 22 ? old : "", dial);
    return true;
}

static void mux(struct request *r) {
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

void chain_handle(void *ctx, struct http_exchange *x) {
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
    mux(r);
}
