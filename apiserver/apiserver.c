/* apiserver/apiserver.c - puts the rooms of the API server together, in the order in which they need each other, and takes them
 * apart in reverse.
 *
 * As kubernetes cmd/kube-apiserver/app/server.go (CreateServerChain); here aggregator, core and extension server are one mux
 * (endpoints/chain.c). Order of use: apiserver_new (listens inside the virtual network), apiserver_start, then listening at the
 * edge through apiserver_http.
 */
#include "apiserver/apiserver.h"

#include <stdlib.h>

#include "apiserver/admission/admission.h"
#include "apiserver/aggregator/aggregator.h"
#include "apiserver/auth/auth.h"
#include "apiserver/custom/custom.h"
#include "apiserver/endpoints/audit.h"
#include "apiserver/endpoints/endpoints.h"

static struct identity *serving(void *ctx) { return ((struct apiserver *)ctx)->opt.serving; }

static struct identity *edge_serving(void *ctx)
{
    const struct apiserver *as = ctx;
    return as->opt.edge_serving ? as->opt.edge_serving(as->opt.edge_serving_ctx, as->opt.serving) : as->opt.serving;
}

/* What the clock of someone outside is ahead of the virtual one, in whole seconds; nothing while they go together. */
static int64_t clock_shift(void *ctx)
{
    const struct apiserver *as = ctx;
    int64_t ahead = wall_now_ns() - vtime_now(as->loop), half = (int64_t)NS_PER_S / 2;
    return (ahead + (ahead < 0 ? -half : half)) / (int64_t)NS_PER_S;
}

static void on_commit(void *ctx, bool ok, const struct err *why) { pending_flush(ctx, ok ? NULL : why); }

static bool listen(struct apiserver *as, struct err *err)
{
    struct http_server_options o = { .loop = as->loop, .name = "apiserver", .handler = chain_handle, .ctx = as,
                                     .identity = serving, .identity_ctx = as,
                                     .edge_identity = edge_serving, .request_client_cert = true, .time_shift_s = clock_shift,
                                     .shift_ctx = as };
    if (!as->opt.serving) o.identity = NULL;
    as->http = http_server_new(&o, err);
    if (!as->http) return false;
    return !as->opt.node || http_server_listen_vnet(as->http, as->opt.node, as->opt.bind_address, as->opt.secure_port, err);
}

static void make_clients(struct apiserver *as)
{
    if (!as->opt.node) return;
    struct http_client_options o = { .from = as->opt.node, .roots = as->opt.policy.kubelet_ca,
                                     .insecure_skip_verify = !as->opt.policy.kubelet_ca,
                                     .identity = as->opt.kubelet_client, .user_agent = "Go-http-client/1.1" };
    as->kubelet_client = http_client_new(&o);
    http_client_quote_urls(as->kubelet_client, as->opt.minor >= 19);
    struct http_client_options pods = { .from = as->opt.node, .insecure_skip_verify = true, .user_agent = "Go-http-client/1.1" };
    as->pod_client = http_client_new(&pods);
    http_client_quote_urls(as->pod_client, as->opt.minor >= 19);
}

struct apiserver *apiserver_new(const struct apiserver_options *opt, struct err *err)
{
    struct apiserver *as = NEW(struct apiserver);
    as->opt = *opt;
    as->loop = opt->loop;
    as->store = opt->store;
    struct identity *const ids[] = { opt->serving, opt->kubelet_client, opt->proxy_client };
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        if (ids[i]) identity_ref(ids[i]);
    rng_init(&as->rng, as->loop, "apiserver");
    as->schema = schema_new(opt->minor, opt->bare);
    as->watches = watch_set_new();
    as->audit = audit_new(as);
    registry_new(as);
    as->authn = authn_new(as);
    as->authz = authz_new(as);
    as->aggregator = aggregator_new(as);
    as->customs = customs_new(as);
    make_clients(as);
    store_after_commit(as->store, on_commit, as);
    if (listen(as, err)) return as;
    apiserver_free(as);
    return NULL;
}

void apiserver_start(struct apiserver *as)
{
    event_expiry_start(as);
    as->hooks = start_hooks_new(as);
    customs_start(as->customs);
    as->watch_floor = store_revision(as->store);
}

void apiserver_free(struct apiserver *as)
{
    if (!as) return;
    store_after_commit_cancel(as->store, on_commit, as);
    start_hooks_free(as->hooks);
    customs_free(as->customs);
    watch_set_free(as->watches);
    http_server_free(as->http);
    http_client_free(as->kubelet_client);
    http_client_free(as->pod_client);
    aggregator_free(as->aggregator);
    authz_free(as->authz);
    authn_free(as->authn);
    registry_free(as->registry, as);
    audit_free(as->audit);
    schema_free(as->schema);
    apiserver_set_sa_keys(as, NULL, NULL, 0);
    struct identity *const ids[] = { as->opt.serving, as->opt.kubelet_client, as->opt.proxy_client };
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        if (ids[i]) identity_unref(ids[i]);
    free(as);
}

void apiserver_set_sa_keys(struct apiserver *as, struct key *signing, struct key *const *verify, size_t n)
{
    key_unref(as->sa_key);
    for (size_t i = 0; i < as->sa_verify_count; i++) key_unref(as->sa_verify[i]);
    as->sa_key = signing ? key_ref(signing) : NULL;
    as->sa_verify_count = n < ARRAY_LEN(as->sa_verify) ? n : ARRAY_LEN(as->sa_verify);
    for (size_t i = 0; i < as->sa_verify_count; i++) as->sa_verify[i] = key_ref(verify[i]);
}

void apiserver_set_sa_key(struct apiserver *as, struct key *k) { apiserver_set_sa_keys(as, k, &k, k ? 1 : 0); }

struct http_server *apiserver_http(struct apiserver *as) { return as->http; }
bool apiserver_ready(const struct apiserver *as) { return as->ready; }

bool apiserver_storage_up(const struct apiserver *as) { return !as->opt.storage_up || as->opt.storage_up(as->opt.storage_ctx); }
void apiserver_storage_lost(struct apiserver *as) { watches_end(as->watches); }
