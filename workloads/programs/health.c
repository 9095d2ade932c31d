/* workloads/programs/health.c - the health endpoints that probes of the control plane and the add-ons ask. */
#include "workloads/programs/programs_priv.h"

#include <stdlib.h>

struct health_server {
    struct http_server        *http;
    const struct health_route *routes;
    void                      *ctx;
    struct identity           *identity;
};

static void handle(void *ctx, struct http_exchange *x)
{
    struct health_server *h = ctx;
    for (const struct health_route *r = h->routes; r->path; r++) {
        if (!str_eqc(x->path, r->path))
            continue;
        bool ok = !r->ok || r->ok(h->ctx);
        http_respond(x, ok ? r->status : 503, NULL, r->type, ok ? str_c(r->body) : STR_NULL);
        return;
    }
    http_respond(x, 404, NULL, "text/plain; charset=utf-8", STR("404 page not found\n"));
}

static struct identity *get_identity(void *ctx)
{
    return ((struct health_server *)ctx)->identity;
}

/* Components make themselves a certificate when they are given none (apiserver's GenerateSelfSignedCertKey). */
static struct identity *self_signed(struct loop *l, const char *name, struct err *err)
{
    struct rng r;
    const char *dns[] = { "localhost", NULL }, *ips[] = { "127.0.0.1", NULL };
    struct cert_template t = { .cn = name,
                               .dns_names = dns,
                               .ips = ips,
                               .not_before_ns = vtime_now(l),
                               .not_after_ns = vtime_now(l) + 365ll * 24 * 3600 * (int64_t)NS_PER_S,
                               .key_usage = CERT_KU_DIGITAL_SIGNATURE | CERT_KU_KEY_ENCIPHERMENT,
                               .ext_usage = CERT_EKU_SERVER,
                               .serial = { 1 },
                               .serial_len = 1 };
    rng_init(&r, l, name);
    struct key *k = key_generate_ec(&r);
    struct cert *c = cert_issue(&t, k, NULL, k, err);
    struct identity *id = c ? identity_new(c, k) : NULL;
    cert_unref(c);
    key_unref(k);
    return id;
}

struct health_server *health_server_new(struct process *p, const char *ip, int port, bool tls,
                                        const struct health_route *routes, void *ctx, struct err *err)
{
    const struct process_options *o = process_options(p);
    struct health_server *h = NEW(struct health_server);
    h->routes = routes;
    h->ctx = ctx;
    struct http_server_options so = { .loop = o->loop, .name = o->name, .handler = handle, .ctx = h };
    if (tls && !(h->identity = self_signed(o->loop, o->name, err))) {
        free(h);
        return NULL;
    }
    if (tls) {
        so.identity = get_identity;
        so.identity_ctx = h;
    }
    h->http = http_server_new(&so, err);
    if (!h->http || !http_server_listen_vnet(h->http, o->net, ip, port, err)) {
        health_server_free(h);
        return NULL;
    }
    return h;
}

void health_server_free(struct health_server *h)
{
    if (!h)
        return;
    http_server_free(h->http);
    identity_unref(h->identity);
    free(h);
}
