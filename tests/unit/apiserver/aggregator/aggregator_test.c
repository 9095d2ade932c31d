/* An APIService on its way from nothing to Available, and what clients see at each step; the proxy's headers, refusals and
 * upgrades. */
#include "apiserver/aggregator/aggregator.h"
#include "tests/unit/apiserver/auth/bed.h"

#define APISERVICES "/apis/apiregistration.k8s.io/v1/apiservices"
#define GV "/apis/metrics.k8s.io/v1beta1"
#define STATUS(status, reason, message) "\"type\":\"Available\",\"status\":\"" status "\",\"lastTransitionTime\":\"", "\"reason\":\"" reason "\",\"message\":\"" message "\""

struct backend { struct vnet_host *host; struct http_server *server; struct identity *id; int status; bool hold; int held, gone; };

static struct identity *backend_identity(void *ctx) { return ((struct backend *)ctx)->id; }

static void echo(void *ctx, struct str bytes) { stream_write(ctx, bytes); }
static void echo_closed(void *ctx, const struct err *why) { (void)why; stream_close(ctx); }
static const struct stream_events echo_events = { .on_data = echo, .on_close = echo_closed };

static void held_gone(struct http_exchange *x) { ((struct backend *)x->ctx)->gone++; }

static void backend_handle(void *ctx, struct http_exchange *x)
{
    struct backend *k = ctx;
    if (k->hold) {                                 /* answered never */
        x->ctx = k;
        x->on_gone = held_gone;
        k->held++;
        return;
    }
    struct str user = http_headers_get(&x->headers, "X-Remote-User"), group = http_headers_get(&x->headers, "X-Remote-Group");
    if (http_headers_has(&x->headers, "Upgrade")) {
        struct http_headers h = { 0 };
        http_headers_add(x->arena, &h, "Upgrade", STR("echo"));
        struct stream *s = http_upgrade(x, &h);
        stream_attach(s, &echo_events, s);
        return;
    }
    if (k->status != 200) {
        http_respond(x, k->status, NULL, "text/plain", STR("no\n"));
        return;
    }
    if (str_eqc(x->path, GV)) {
        bool ok = str_eqc(user, "system:kube-aggregator") && str_eqc(group, "system:masters");
        http_respond(x, 200, NULL, "application/json",
                     ok ? STR("{\"kind\":\"APIResourceList\",\"resources\":[{\"name\":\"pods\"}]}")
                     : STR("{\"kind\":\"APIResourceList\"}"));
        return;
    }
    struct http_headers h = { 0 };
    http_headers_add(x->arena, &h, "X-Backend", STR("yes"));
    http_begin(x, 200, &h, "application/json");
    http_write(x, arena_strf(x->arena, STR_FMT "|" STR_FMT "|" STR_FMT "|cn=" STR_FMT, STR_ARG(x->target), STR_ARG(user),
                             STR_ARG(group), STR_ARG(x->peer_count ? x->peer_chain[0]->subject_cn : STR(""))));
    http_write(x, http_headers_has(&x->headers, "Authorization") ? STR("|authorized") : STR("|"));
    http_end(x);
}

static void backend_up(struct bed *b, struct backend *k)
{
    static const char *dns[] = { "metrics-server.kube-system.svc", NULL };
    struct err err = { 0 };
    struct key *key = key_generate_ec(&b->rng);
    struct cert_template t = { .cn = "metrics", .dns_names = dns, .not_before_ns = 1500000000 * (int64_t)NS_PER_S,
                               .not_after_ns = 1900000000 * (int64_t)NS_PER_S, .ext_usage = CERT_EKU_SERVER,
                               .key_usage = CERT_KU_DIGITAL_SIGNATURE, .serial_len = 2, .serial = { 9, 9 } };
    struct cert *c = cert_issue(&t, key, b->ca, b->ca_key, &err);
    *k = (struct backend){ .host = vnet_host_new(b->net, "metrics-server"), .id = identity_new(c, key), .status = 200 };
    cert_unref(c);
    key_unref(key);
    vnet_host_add_addr(k->host, "10.32.0.5");
    struct http_server_options o = { .loop = b->loop, .name = "metrics", .handler = backend_handle, .ctx = k,
                                     .identity = backend_identity, .identity_ctx = k, .request_client_cert = true };
    k->server = http_server_new(&o, &err);
    assert_true(http_server_listen_vnet(k->server, k->host, NULL, 4443, &err));
}

static void backend_down(struct bed *b, struct backend *k)
{
    http_server_free(k->server);
    loop_turn(b->loop);
    vnet_host_free(k->host);
    identity_unref(k->id);
}

static struct step see(const char *a, const char *b)
{
    return (struct step){ ADMIN, "GET", APISERVICES "/v1beta1.metrics.k8s.io", NULL, NULL, 200, { a, b }, NULL };
}

static void step(struct bed *b, struct step s) { bed_step(b, &s, 0); }
#define SEE(b, status, reason, message) do { const char *w[] = { STATUS(status, reason, message) }; step(b, see(w[0], w[1])); } while (0)

static void create_service(struct bed *b, const char *port)
{
    char body[256];
    snprintf(body, sizeof body,
             "{\"metadata\":{\"name\":\"metrics-server\"},\"spec\":{\"clusterIP\":\"10.106.10.1\",\"ports\":[{\"port\":%s,"
             "\"targetPort\":4443}]}}", port);
    step(b, (struct step){ ADMIN, "POST", "/api/v1/namespaces/kube-system/services", NULL, body, 201, { NULL }, NULL });
}

#define API(extra) "{\"metadata\":{\"name\":\"v1beta1.metrics.k8s.io\"},\"spec\":{\"service\":{\"name\":\"metrics-server\",\"namespace\":\"kube-system\"},\"group\":\"metrics.k8s.io\",\"version\":\"v1beta1\"," extra \
    "\"groupPriorityMinimum\":100,\"versionPriority\":100}}"

static void availability(void **state)
{
    (void)state;
    struct bed b;
    struct backend k;
    struct vip_backend to = { "10.32.0.5", 4443 };
    bed_up(&b, 16);
    backend_up(&b, &k);
    step(&b, (struct step){ ADMIN, "GET", GV "/nodes", NULL, NULL, 404, { NULL }, NULL });
    step(&b, (struct step){ ADMIN, "POST", APISERVICES, NULL, API("\"insecureSkipTLSVerify\":true,"), 201, { NULL }, NULL });
    bed_run_ms(&b, 100);
    SEE(&b, "False", "ServiceNotFound", "service/metrics-server in \\\"kube-system\\\" is not present");
    step(&b, (struct step){ ADMIN, "GET", GV "/nodes", NULL, NULL, 503, { "service unavailable\n", "!Status" }, NULL });
    create_service(&b, "444");
    bed_run_ms(&b, 100);
    SEE(&b, "False", "ServicePortError", "service/metrics-server in \\\"kube-system\\\" is not listening on port 443");
    step(&b, (struct step){ ADMIN, "DELETE", "/api/v1/namespaces/kube-system/services/metrics-server", NULL, NULL, 200, { NULL },
                            NULL });
    create_service(&b, "443");
    bed_run_ms(&b, 100);
    SEE(&b, "False", "EndpointsNotFound", "cannot find endpoints for service/metrics-server in \\\"kube-system\\\"");
    step(&b, (struct step){ ADMIN, "POST", "/api/v1/namespaces/kube-system/endpoints", NULL,
                            "{\"metadata\":{\"name\":\"metrics-server\"},"
                            "\"subsets\":[{\"notReadyAddresses\":[{\"ip\":\"10.32.0.5\"}],\"ports\":[{\"port\":4443}]}]}", 201,
                            { NULL }, NULL });
    bed_run_ms(&b, 100);
    SEE(&b, "False", "MissingEndpoints",
        "endpoints for service/metrics-server in \\\"kube-system\\\" have no addresses with port name \\\"\\\"");
    vip_set(b.node, "10.106.10.1", 443, "TCP", NULL, 0);
    step(&b, (struct step){ ADMIN, "PUT", "/api/v1/namespaces/kube-system/endpoints/metrics-server", NULL,
                            "{\"metadata\":{\"name\":\"metrics-server\"},\"subsets\":[{\"addresses\":[{\"ip\":\"10.32.0.5\"}],"
                            "\"ports\":[{\"port\":4443}]}]}", 200, { NULL }, NULL });
    bed_run_ms(&b, 100);
    SEE(&b, "False", "FailedDiscoveryCheck",
        "failing or missing response from https://10.106.10.1:443/apis/metrics.k8s.io/v1beta1: Get "
        "https://10.106.10.1:443/apis/metrics.k8s.io/v1beta1: dial tcp 10.106.10.1:443: connect: connection refused");
    vip_set(b.node, "10.106.10.1", 443, "TCP", &to, 1);
    k.status = 403;
    bed_run_ms(&b, 31000);
    SEE(&b, "False", "FailedDiscoveryCheck",
        "failing or missing response from https://10.106.10.1:443/apis/metrics.k8s.io/v1beta1: bad status from "
        "https://10.106.10.1:443/apis/metrics.k8s.io/v1beta1: 403");
    k.status = 200;
    bed_run_ms(&b, 31000);
    SEE(&b, "True", "Passed", "all checks passed");
    assert_non_null(json_path(aggregator_resources(b.as, STR("metrics.k8s.io"), STR("v1beta1")), "resources.0.name"));
    step(&b, (struct step){ ADMIN, "GET", GV "/nodes?x=%20y", "Authorization: Bearer z\nX-Remote-Group: evil", NULL, 200,
                            { GV "/nodes?x=%20y|kubernetes-admin|system:masters|cn=front-proxy-client|" , "!authorized", "!evil" },
                            NULL });
    step(&b, (struct step){ NOBODY, "GET", GV "/nodes", NULL, NULL, 403,
                            { "nodes.metrics.k8s.io is forbidden: User \\\"system:anonymous\\\" cannot list resource \\\"nodes\\\" "
                              "in API group \\\"metrics.k8s.io\\\" at the cluster scope" }, NULL });
    step(&b, (struct step){ ADMIN, "GET", "/apis", NULL, NULL, 200, { "metrics.k8s.io/v1beta1" }, NULL });
    vip_set(b.node, "10.106.10.1", 443, "TCP", NULL, 0);
    step(&b, (struct step){ ADMIN, "GET", GV "/nodes", NULL, NULL, 503,
                            { "Error trying to reach service: 'dial tcp 10.106.10.1:443: connect: connection refused'" }, NULL });
    step(&b, (struct step){ ADMIN, "DELETE", APISERVICES "/v1beta1.metrics.k8s.io", NULL, NULL, 200, { NULL }, NULL });
    step(&b, (struct step){ ADMIN, "GET", GV "/nodes", NULL, NULL, 404, { NULL }, NULL });
    backend_down(&b, &k);
    bed_down(&b);
}

static void ready_backend(struct bed *b, struct backend *k, int minor, const char *api)
{
    struct vip_backend to = { "10.32.0.5", 4443 };
    bed_up(b, minor);
    backend_up(b, k);
    vip_set(b->node, "10.106.10.1", 443, "TCP", &to, 1);
    create_service(b, "443");
    step(b, (struct step){ ADMIN, "POST", "/api/v1/namespaces/kube-system/endpoints", NULL,
                           "{\"metadata\":{\"name\":\"metrics-server\"},\"subsets\":[{\"addresses\":[{\"ip\":\"10.32.0.5\"}],"
                           "\"ports\":[{\"port\":4443}]}]}", 201, { NULL }, NULL });
    step(b, (struct step){ ADMIN, "POST", APISERVICES, NULL, api, 201, { NULL }, NULL });
    bed_run_ms(b, 1000);
    SEE(b, "True", "Passed", "all checks passed");
}

static void bundles(void **state)
{
    (void)state;
    struct bed b, probe;
    struct backend k;
    char api[4096];
    struct arena *a = arena_new();
    bed_up(&probe, 20);                            /* its authority is the next bed's: same seed */
    snprintf(api, sizeof api, API("\"caBundle\":\"%s\","), arena_cstr(a, base64_encode(a, cert_pem(a, probe.ca))));
    bed_down(&probe);
    ready_backend(&b, &k, 20, api);
    step(&b, (struct step){ ADMIN, "GET", GV "/nodes", NULL, NULL, 200, { "|kubernetes-admin|" }, NULL });
    step(&b, (struct step){ ADMIN, "PATCH", APISERVICES "/v1beta1.metrics.k8s.io", NULL, "{\"spec\":{\"caBundle\":null}}", 200,
                            { NULL }, NULL });
    bed_run_ms(&b, 1000);
    step(&b, (struct step){ ADMIN, "GET", GV "/nodes", NULL, NULL, 503,
                            { "error trying to reach service: x509: certificate signed by unknown authority\n" }, NULL });
    backend_down(&b, &k);
    bed_down(&b);
    arena_free(a);
}

struct upgraded { struct stream *s; char got[16]; bool done; };
static void got_data(void *ctx, struct str bytes)
{
    struct upgraded *u = ctx;
    assert_true(bytes.n < sizeof u->got);
    memcpy(u->got, bytes.p, bytes.n);
}

static void got_close(void *ctx, const struct err *why) { (void)ctx, (void)why; }
static void on_upgrade(void *ctx, struct stream *s)
{
    static const struct stream_events ev = { .on_data = got_data, .on_close = got_close };
    struct upgraded *u = ctx;
    u->s = s;
    stream_attach(s, &ev, u);
    stream_write(s, STR("hello"));
}

static void on_done(void *ctx, const struct err *err) { (void)err; ((struct upgraded *)ctx)->done = true; }

static void upgrades(void **state)
{
    (void)state;
    static const struct http_call_events ev = { .on_upgrade = on_upgrade, .on_done = on_done };
    struct bed b;
    struct backend k;
    struct upgraded u = { 0 };
    ready_backend(&b, &k, 20, API("\"insecureSkipTLSVerify\":true,"));
    struct arena *a = arena_new();
    struct http_headers h = { 0 };
    http_headers_add(a, &h, "Connection", STR("Upgrade"));
    http_headers_add(a, &h, "Upgrade", STR("echo"));
    http_call_start(b.clients[ADMIN],
                    &(struct http_call_options){ .method = "GET", .url = "https://192.168.229.132:6443" GV "/x", .headers = &h,
                                                 .want_upgrade = true, .ev = &ev, .ctx = &u });
    bed_run_ms(&b, 1000);
    assert_string_equal(u.got, "hello");
    stream_close(u.s);
    bed_run_ms(&b, 10);
    arena_free(a);
    backend_down(&b, &k);
    bed_down(&b);
}

/* The hanging request is cut when its APIService goes: that it ends is enough, and when it does is not what the next step waits
 * for. */
static void cut_off(void *ctx, const struct http_result *r, const struct err *err)
{
    *(int *)ctx += r == NULL && err->code != ERR_NONE;
}

/* What hangs when a client, an APIService or the whole server goes leaves nothing behind. */
static void goes_meanwhile(void **state)
{
    (void)state;
    static const char url[] = "https://192.168.229.132:6443" GV "/x";
    struct bed b;
    struct backend k;
    ready_backend(&b, &k, 34, API("\"insecureSkipTLSVerify\":true,"));
    k.hold = true;
    struct http_call *call = http_fetch(b.clients[ADMIN], &(struct http_call_options){ .method = "GET", .url = url }, bed_done, &b);
    bed_run_ms(&b, 10);
    assert_int_equal(k.held, 1);
    http_call_cancel(call);
    bed_run_ms(&b, 10);
    assert_int_equal(k.gone, 1);
    int cut = 0;
    http_fetch(b.clients[ADMIN], &(struct http_call_options){ .method = "GET", .url = url }, cut_off, &cut);
    bed_run_ms(&b, 36 * 1000);                     /* the probes of the resync hang too, run out of time, and are tried again */
    assert_int_equal(k.held, 12);
    SEE(&b, "False", "FailedDiscoveryCheck",
        "failing or missing response from https://10.106.10.1:443/apis/metrics.k8s.io/v1beta1: Get "
        "\\\"https://10.106.10.1:443/apis/metrics.k8s.io/v1beta1\\\": context deadline exceeded (Client.Timeout exceeded while "
        "awaiting headers)");
    step(&b, (struct step){ ADMIN, "DELETE", APISERVICES "/v1beta1.metrics.k8s.io", NULL, NULL, 200, { NULL }, NULL });
    bed_run_ms(&b, 10);
    assert_int_equal(cut, 1);
    step(&b, (struct step){ ADMIN, "POST", APISERVICES, NULL, API("\"insecureSkipTLSVerify\":true,"), 201, { NULL }, NULL });
    bed_run_ms(&b, 10);                            /* the server goes while its probes hang */
    backend_down(&b, &k);
    bed_down(&b);
}

static void local(void **state)
{
    (void)state;
    static const struct step steps[] = {
        { ADMIN, "GET", APISERVICES "/v1.", NULL, NULL, 200,
          { "\"kube-aggregator.kubernetes.io/automanaged\":\"onstart\"",
            "\"version\":\"v1\",\"groupPriorityMinimum\":18000,\"versionPriority\":1",
            STATUS("True", "Local", "Local APIServices are always available") }, NULL },
        { ADMIN, "GET", APISERVICES "/v1.apps", NULL, NULL, 200,
          { "\"group\":\"apps\"", "\"groupPriorityMinimum\":17800,\"versionPriority\":15" }, NULL },
        { ADMIN, "GET", APISERVICES "/v1.apiregistration.k8s.io", NULL, NULL, 404, { NULL }, NULL },
    };
    RUN(16, steps);
    RUN(34, steps);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(availability), cmocka_unit_test(bundles), cmocka_unit_test(upgrades),
                                        cmocka_unit_test(goes_meanwhile), cmocka_unit_test(local) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
