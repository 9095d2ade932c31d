/* Who asks, and whether they may: certificates, front proxies, tokens, nobody; and how long an answer is believed. */
#include "tests/unit/sim/client/bed.h"

#define MINUTE (60 * S)

/* ---- the extension server that asks: every request of it is checked, and answered with the outcome ---- */
struct guard {
    struct bed           *b;
    struct vnet_host     *pod;
    struct http_server   *server;      /* https, asks for client certificates */
    struct identity      *id;
    struct trust         *roots, *client_ca, *proxy_ca;
    struct delegated_auth *auth;
    int                   checked;
    char                  trouble[256];
};

static void on_checked(void *ctx, struct http_exchange *x, const struct delegated_user *u, int status, const char *reason)
{
    struct guard *g = ctx;
    g->checked++;
    struct strbuf text;
    strbuf_init(&text, 4096);
    strbuf_addf(&text, "%d", status);
    if (u)
        strbuf_addf(&text, " " STR_FMT, STR_ARG(u->name));
    for (size_t i = 0; u && i < u->group_count; i++)
        strbuf_addf(&text, "," STR_FMT, STR_ARG(u->groups[i]));
    strbuf_addf(&text, " %s", reason);
    http_respond(x, 200, NULL, "text/plain", strbuf_str(&text));
    strbuf_deinit(&text);
}

static void guarded(void *ctx, struct http_exchange *x)
{
    struct guard *g = ctx;
    const char *path = arena_cstr(x->arena, x->path);
    struct delegated_attributes at = { .verb = "get", .path = path };
    if (str_starts(x->path, "/nodes"))
        at = (struct delegated_attributes){ .is_resource = true, .verb = "get", .version = "v1", .resource = "nodes",
                                            .subresource = "stats", .name = "ubuntu" };
    delegated_auth_check(g->auth, x, &at, on_checked, g);
}

/* ---- the API server: tokens "good" and "worse", and a user that may not ---- */
static void serve(struct bed *b, struct http_exchange *x)
{
    (void)b;
    struct json *body = json_parse(x->arena, x->body, NULL);
    if (str_eqc(json_get_str(body, "kind"), "TokenReview")) {
        struct str token = json_path_str(body, "spec.token");
        bed_answer(x, 201, str_eqc(token, "good")
                               ? "{\"status\":{\"authenticated\":true,\"user\":{\"username\":\"robot\",\"uid\":\"1\","
                                 "\"groups\":[\"g\",\"system:authenticated\"]}}}"
                           : str_eqc(token, "bare") ? "{\"status\":{\"authenticated\":true,\"user\":{\"username\":\"robot\"}}}"
                                                    : "{\"status\":{\"authenticated\":false}}");
        return;
    }
    bool no = str_eqc(json_path_str(body, "spec.user"), "evil") || str_eqc(json_path_str(body, "spec.user"), "system:anonymous");
    bed_answer(x, 201, no ? "{\"status\":{\"allowed\":false,\"reason\":\"you may not\"}}"
               : "{\"status\":{\"allowed\":true,\"reason\":\"because\"}}");
}

static void serve_dead(struct bed *b, struct http_exchange *x)
{
    (void)b;
    bed_answer(x, 503, "dead");
}

static void serve_keep(struct bed *b, struct http_exchange *x) { bed_keep(b, x); }

/* ---- certificates ---- */
static struct identity *issue(struct loop *l, const char *cn, const char *org, const struct identity *ca, bool is_ca)
{
    struct rng r;
    rng_init(&r, l, cn);
    struct key *k = key_generate_ec(&r);
    const char *names[] = { cn, NULL }, *orgs[] = { org, NULL };
    struct cert_template t = { .cn = cn, .orgs = org ? orgs : NULL, .dns_names = names, .not_before_ns = T_START - S,
                               .not_after_ns = T_START + 86400 * S,
                               .key_usage = CERT_KU_DIGITAL_SIGNATURE | (is_ca ? CERT_KU_CERT_SIGN : 0), .is_ca = is_ca,
                               .ext_usage = is_ca ? 0 : CERT_EKU_SERVER | CERT_EKU_CLIENT, .serial = { 7 }, .serial_len = 1 };
    struct cert *c = cert_issue(&t, k, ca ? ca->chain[0] : NULL, ca ? ca->key : k, NULL);
    assert_non_null(c);
    struct identity *id = identity_new(c, k);
    cert_unref(c);
    key_unref(k);
    return id;
}

static struct identity *guard_identity(void *ctx) { return ((struct guard *)ctx)->id; }

static void note_trouble(void *ctx, const char *text) { snprintf(((struct guard *)ctx)->trouble, 256, "%s", text); }

static void guard_open(struct guard *g, struct bed *b, bool anonymous, const char *version)
{
    *g = (struct guard){ .b = b };
    g->pod = vnet_host_new(b->v, "pod");
    vnet_host_add_addr(g->pod, "10.32.0.5");
    vnet_host_add_hosts(b->node, "10.32.0.5", "guard");
    g->id = issue(b->l, "guard", NULL, NULL, false);
    g->roots = trust_new();
    trust_add(g->roots, g->id->chain[0]);
    struct http_server_options so = { .loop = b->l, .name = "guard", .handler = guarded, .ctx = g, .identity = guard_identity,
                                      .identity_ctx = g, .request_client_cert = true };
    g->server = http_server_new(&so, NULL);
    assert_true(http_server_listen_vnet(g->server, g->pod, NULL, 443, NULL));
    struct delegated_auth_options ao = { .client = b->client, .review_version = version, .anonymous = anonymous,
                                         .token_ttl_ns = 2 * MINUTE, .allow_ttl_ns = 5 * MINUTE, .deny_ttl_ns = MINUTE / 2,
                                         .trouble = note_trouble, .trouble_ctx = g };
    g->auth = delegated_auth_new(&ao);
}

static void guard_close(struct guard *g)
{
    http_server_free(g->server);
    test_turns(g->b->l, 4);
    delegated_auth_free(g->auth);
    vnet_host_free(g->pod);
    identity_unref(g->id);
    trust_free(g->roots);
    trust_free(g->client_ca);
    trust_free(g->proxy_ca);
}

/* ---- asking the guard ---- */
static void on_answer(void *ctx, const struct http_result *r, const struct err *err)
{
    if (r)
        snprintf(ctx, 256, STR_FMT, STR_ARG(r->body));
    else
        snprintf(ctx, 256, "%.200s", err->msg);
}

struct ask { const char *path; struct identity *as; const char *headers[6]; };

static const char *answer(struct guard *g, const struct ask *q)
{
    static char text[256];
    *text = '\0';
    struct http_client_options co = { .from = g->b->node, .roots = g->roots, .identity = q->as };
    struct http_client *c = http_client_new(&co);
    struct arena *a = arena_new();
    struct http_headers h = { 0 };
    for (size_t i = 0; i + 1 < ARRAY_LEN(q->headers) && q->headers[i]; i += 2)
        http_headers_add(a, &h, q->headers[i], str_c(q->headers[i + 1]));
    struct http_call_options o = { .method = "GET", .url = arena_printf(a, "https://guard:443%s", q->path), .headers = &h };
    http_fetch(c, &o, on_answer, text);
    test_turns(g->b->l, 80);
    http_client_free(c);
    arena_free(a);
    return text;
}

static void assert_answer(struct guard *g, struct ask q, const char *want)
{
    assert_string_equal(answer(g, &q), want);
}

/* ---- the tests ---- */
static void tokens(void **state)
{
    struct bed *b = *state;
    struct guard g;
    guard_open(&g, b, true, "v1beta1");
    b->serve = serve;
    struct ask good = { "/nodes", NULL, { "Authorization", "Bearer good" } };
    assert_answer(&g, good, "200 robot,g,system:authenticated because");
    assert_log(b, "POST /apis/authentication.k8s.io/v1beta1/tokenreviews {\"kind\":\"TokenReview\","
                  "\"apiVersion\":\"authentication.k8s.io/v1beta1\","
                  "\"metadata\":{},\"spec\":{\"token\":\"good\"}}\n"
                  "POST /apis/authorization.k8s.io/v1beta1/subjectaccessreviews {\"kind\":\"SubjectAccessReview\",\"apiVersion\":"
                  "\"authorization.k8s.io/v1beta1\",\"metadata\":{},\"spec\":{\"resourceAttributes\":{\"verb\":\"get\","
                  "\"version\":\"v1\",\"resource\":\"nodes\","
                  "\"subresource\":\"stats\",\"name\":\"ubuntu\"},\"user\":\"robot\",\"group\":[\"g\",\"system:authenticated\"],"
                  "\"uid\":\"1\"}}\n");
    assert_answer(&g, good, "200 robot,g,system:authenticated because");
    assert_log(b, "");                             /* both are known */
    assert_answer(&g, (struct ask){ "/", NULL, { "Authorization", "bearer good" } }, "200 robot,g,system:authenticated because");
    assert_int_equal(b->requests, 3);              /* the same token, another question */
    test_advance(b->l, 2 * MINUTE + S);
    assert_answer(&g, good, "200 robot,g,system:authenticated because");
    assert_int_equal(b->requests, 4);              /* the token is asked about again, what it may is still believed */
    test_advance(b->l, 5 * MINUTE);
    assert_answer(&g, good, "200 robot,g,system:authenticated because");
    assert_int_equal(b->requests, 6);
    assert_answer(&g, (struct ask){ "/", NULL, { "Authorization", "Bearer bad" } }, "401 Unauthorized");
    assert_answer(&g, (struct ask){ "/", NULL, { "Authorization", "Bearer bad" } }, "401 Unauthorized");
    assert_int_equal(b->requests, 7);
    assert_answer(&g, (struct ask){ "/", NULL, { "Authorization", "Bearer bare" } }, "200 robot,system:authenticated because");
    guard_close(&g);
}

static void nobody(void **state)
{
    struct bed *b = *state;
    struct guard g;
    guard_open(&g, b, true, "v1");
    b->serve = serve;
    assert_answer(&g, (struct ask){ "/stats", NULL, { 0 } }, "403 system:anonymous,system:unauthenticated you may not");
    assert_log(b, "POST /apis/authorization.k8s.io/v1/subjectaccessreviews {\"kind\":\"SubjectAccessReview\","
                  "\"apiVersion\":\"authorization.k8s.io/v1\","
                  "\"metadata\":{},\"spec\":{\"nonResourceAttributes\":{\"path\":\"/stats\",\"verb\":\"get\"},"
                  "\"user\":\"system:anonymous\","
                  "\"groups\":[\"system:unauthenticated\"]}}\n");
    assert_answer(&g, (struct ask){ "/stats", NULL, { "Authorization", "Bearer " } },
                  "403 system:anonymous,system:unauthenticated you may not");
    assert_answer(&g, (struct ask){ "/stats", NULL, { "Authorization", "Basic eA==" } },
                  "403 system:anonymous,system:unauthenticated you may not");
    assert_answer(&g, (struct ask){ "/stats", NULL, { "Authorization", "Bearer  good" } },
                  "403 system:anonymous,system:unauthenticated you may not");
    assert_log(b, "");
    test_advance(b->l, MINUTE / 2 + S);            /* a refusal is believed for a shorter time */
    assert_answer(&g, (struct ask){ "/stats", NULL, { 0 } }, "403 system:anonymous,system:unauthenticated you may not");
    assert_int_equal(b->requests, 2);
    guard_close(&g);
    guard_open(&g, b, false, "v1");
    assert_answer(&g, (struct ask){ "/stats", NULL, { 0 } }, "401 Unauthorized");
    guard_close(&g);
}

static void certificates(void **state)
{
    struct bed *b = *state;
    struct guard g;
    guard_open(&g, b, true, "v1");
    b->serve = serve;
    struct identity *ca = issue(b->l, "kubernetes", NULL, NULL, true), *other = issue(b->l, "other", NULL, NULL, true);
    struct identity *admin = issue(b->l, "admin", "system:masters", ca, false), *evil = issue(b->l, "evil", NULL, ca, false);
    struct identity *stranger = issue(b->l, "admin", "system:masters", other, false);
    struct ask as_admin = { "/", admin, { 0 } };
    assert_answer(&g, as_admin, "403 system:anonymous,system:unauthenticated you may not");   /* no CA is known yet */
    g.client_ca = trust_new();
    trust_add(g.client_ca, ca->chain[0]);
    delegated_auth_set_client_ca(g.auth, g.client_ca);
    assert_answer(&g, as_admin, "200 admin,system:masters,system:authenticated because");
    assert_answer(&g, (struct ask){ "/", evil, { 0 } }, "403 evil,system:authenticated you may not");
    assert_answer(&g, (struct ask){ "/", stranger, { 0 } }, "401 Unauthorized");               /* a bad certificate is not nobody's */
    assert_string_equal(g.trouble,
                        "Unable to authenticate the request due to an error: x509: certificate signed by unknown authority");
    assert_answer(&g, (struct ask){ "/", stranger, { "Authorization", "Bearer good" } }, "200 robot,g,system:authenticated because");
    test_advance(b->l, 86401 * S);
    guard_close(&g);
    identity_unref(ca);
    identity_unref(other);
    identity_unref(admin);
    identity_unref(evil);
    identity_unref(stranger);
}

/* Without somebody who knows tokens, one is nothing. */
static void no_tokens(void **state)
{
    struct bed *b = *state;
    struct guard g;
    b->serve = serve;
    struct ask good = { "/", NULL, { "Authorization", "Bearer good" } };
    for (int anonymous = 0; anonymous < 2; anonymous++) {
        guard_open(&g, b, anonymous, "v1");
        assert_answer(&g, good, "200 robot,g,system:authenticated because");
        delegated_auth_free(g.auth);
        struct delegated_auth_options ao = { .client = b->client, .review_version = "v1", .anonymous = anonymous, .no_tokens = true };
        g.auth = delegated_auth_new(&ao);
        assert_answer(&g, good, anonymous ? "403 system:anonymous,system:unauthenticated you may not" : "401 Unauthorized");
        guard_close(&g);
    }
}

static void front_proxy(void **state)
{
    struct bed *b = *state;
    struct guard g;
    guard_open(&g, b, true, "v1");
    b->serve = serve;
    struct identity *ca = issue(b->l, "front-proxy-ca", NULL, NULL, true);
    struct identity *proxy = issue(b->l, "front-proxy-client", NULL, ca, false), *liar = issue(b->l, "liar", NULL, ca, false);
    static const char *const names[] = { "front-proxy-client" };
    g.proxy_ca = trust_new();
    trust_add(g.proxy_ca, ca->chain[0]);
    delegated_auth_set_requestheader(g.auth, g.proxy_ca, names, 1);
    struct ask through = { "/", proxy, { "X-Remote-User", "jane", "X-Remote-Group", "a", "x-remote-group", "system:authenticated" } };
    assert_answer(&g, through, "200 jane,a,system:authenticated because");
    through.headers[4] = NULL;
    assert_answer(&g, through, "200 jane,a,system:authenticated because");     /* whoever was authenticated is in that group */
    through.as = liar;                             /* a name that is not on the list */
    assert_answer(&g, through, "403 system:anonymous,system:unauthenticated you may not");
    through.as = NULL;
    assert_answer(&g, through, "403 system:anonymous,system:unauthenticated you may not");
    delegated_auth_set_requestheader(g.auth, g.proxy_ca, NULL, 0);             /* no list: any name */
    through.as = liar;
    assert_answer(&g, through, "200 jane,a,system:authenticated because");
    guard_close(&g);
    identity_unref(ca);
    identity_unref(proxy);
    identity_unref(liar);
}

/* An API server that cannot tell: 401 for who, 500 for whether; and nothing of it is believed later. */
static void api_server_away(void **state)
{
    struct bed *b = *state;
    struct guard g;
    guard_open(&g, b, true, "v1");
    b->serve = serve_dead;
    struct ask good = { "/", NULL, { "Authorization", "Bearer good" } };
    assert_answer(&g, good, "401 Unauthorized");
    assert_answer(&g, (struct ask){ "/", NULL, { 0 } },
                  "500 system:anonymous,system:unauthenticated the server is currently unable to handle the request "
                  "(post /apis/authorization.k8s.io/v1/subjectaccessreviews)");
    b->serve = serve;
    assert_answer(&g, good, "200 robot,g,system:authenticated because");
    guard_close(&g);
}

/* Whoever leaves while the API server thinks is not answered; nor is anybody once the guard goes. */
static void partings(void **state)
{
    struct bed *b = *state;
    struct guard g;
    guard_open(&g, b, true, "v1");
    b->serve = serve_keep;
    assert_answer(&g, (struct ask){ "/", NULL, { 0 } }, "Get https://guard:443/: context canceled");
    test_turns(b->l, 20);
    assert_int_equal(b->gone, 1);                  /* and so is the question */
    struct http_client_options co = { .from = b->node, .roots = g.roots };
    struct http_client *c = http_client_new(&co);
    char text[256] = "";
    struct http_call_options o = { .method = "GET", .url = "https://guard:443/" };
    http_fetch(c, &o, on_answer, text);
    test_turns(b->l, 40);
    delegated_auth_free(g.auth);
    g.auth = NULL;
    http_client_free(c);
    assert_int_equal(g.checked, 0);
    guard_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BED_TEST(tokens), BED_TEST(nobody), BED_TEST(certificates), BED_TEST(no_tokens), BED_TEST(front_proxy),
            BED_TEST(api_server_away), BED_TEST(partings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
