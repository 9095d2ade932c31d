/* A whole API server inside the process, with its authorities, and clients of several identities; and rows of requests to run
 * against it in order. */
#ifndef TESTS_AUTH_BED_H
#define TESTS_AUTH_BED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "apiserver/auth/auth.h"

enum who { ADMIN, NODE, OTHER_NODE,
           STRANGER /* a certificate of nobody's CA */, NOBODY /* none */, FRONT_PROXY, IMPOSTOR /* of the front proxy's CA,
           another name */, WHO_COUNT };
struct bed {
    struct loop *loop;
    struct store *store;
    struct vnet *net;
    struct vnet_host *node;
    struct apiserver *as;
    struct rng rng;
    struct trust *roots, *proxy_roots;
    struct key *ca_key, *proxy_key, *sa_key;
    struct cert *ca, *proxy_ca;
    struct http_client *clients[WHO_COUNT];
    bool done;
    int status;
    struct strbuf body;
    char saved[4096];                  /* a token that a step took from an answer, for "$T" in later ones */
};
struct step {
    enum who who;
    const char *method, *path, *headers /* "A: b\nC: d"; $T is replaced */, *body;
    int status;
    const char *want[4];               /* parts of the body; "!x": not in it */
    const char *save;                  /* JSON path of a string to keep as $T; "data:x" decodes base64 */
};

static struct cert *bed_cert(struct bed *b, const char *cn, const char **orgs, struct key *k, struct cert *ca, struct key *ca_key,
                             bool server)
{
    static const char *ips[] = { "192.168.229.132", NULL };
    struct cert_template t = { .cn = cn, .orgs = orgs, .ips = server ? ips : NULL, .not_before_ns = 1500000000 * (int64_t)NS_PER_S,
                               .not_after_ns = 1900000000 * (int64_t)NS_PER_S,
                               .is_ca = !ca, .ext_usage = !ca ? 0 : server ? CERT_EKU_SERVER : CERT_EKU_CLIENT,
                               .key_usage = ca ? CERT_KU_DIGITAL_SIGNATURE : CERT_KU_CERT_SIGN, .serial_len = 8 };
    struct err err = { 0 };
    rng_bytes(&b->rng, t.serial, 8);
    t.serial[0] = 1;
    struct cert *c = cert_issue(&t, k, ca, ca_key, &err);
    if (!c) fail_msg("%s", err.msg);
    return c;
}

static struct identity *bed_identity(struct bed *b, const char *cn, const char *org, struct cert *ca, struct key *ca_key,
                                     bool server)
{
    const char *orgs[] = { org, NULL };
    struct key *k = key_generate_ec(&b->rng);
    struct cert *c = bed_cert(b, cn, org ? orgs : NULL, k, ca, ca_key, server);
    struct identity *id = identity_new(c, k);
    cert_unref(c);
    key_unref(k);
    return id;
}

static void bed_client(struct bed *b, enum who who, struct identity *id)
{
    b->clients[who] = http_client_new(&(struct http_client_options){ .from = b->node, .roots = b->roots, .identity = id,
                                                                     .user_agent = "test/1" });
    if (id) identity_unref(id);
}

static void bed_clients(struct bed *b)
{
    struct key *k = key_generate_ec(&b->rng);
    struct cert *self = bed_cert(b, "kubernetes-admin", NULL, k, NULL, k, false);
    bed_client(b, ADMIN, bed_identity(b, "kubernetes-admin", "system:masters", b->ca, b->ca_key, false));
    bed_client(b, NODE, bed_identity(b, "system:node:ubuntu", "system:nodes", b->ca, b->ca_key, false));
    bed_client(b, OTHER_NODE, bed_identity(b, "system:node:other", "system:nodes", b->ca, b->ca_key, false));
    bed_client(b, STRANGER, identity_new(self, k));
    bed_client(b, NOBODY, NULL);
    bed_client(b, FRONT_PROXY, bed_identity(b, "front-proxy-client", NULL, b->proxy_ca, b->proxy_key, false));
    bed_client(b, IMPOSTOR, bed_identity(b, "somebody", NULL, b->proxy_ca, b->proxy_key, false));
    cert_unref(self);
    key_unref(k);
}

static void bed_up(struct bed *b, int minor)
{
    struct loop_options lo = { .start_vtime_ns = 1579910400 * (int64_t)NS_PER_S };
    struct err err = { 0 };
    *b = (struct bed){ 0 };
    loop_seed_from_int(lo.seed, 1);
    rng_init_seed(&b->rng, lo.seed, "bed");
    b->loop = loop_new(&lo);
    b->store = store_open(&(struct store_options){ .loop = b->loop, .path = ":memory:" }, &err);
    b->net = vnet_new(b->loop);
    b->node = vnet_host_new(b->net, "ubuntu");
    vnet_host_add_addr(b->node, "192.168.229.132");
    b->ca_key = key_generate_ec(&b->rng);
    b->proxy_key = key_generate_ec(&b->rng);
    b->sa_key = key_generate_rsa(&b->rng, 1024);
    b->ca = bed_cert(b, "kubernetes", NULL, b->ca_key, NULL, b->ca_key, false);
    b->proxy_ca = bed_cert(b, "front-proxy-ca", NULL, b->proxy_key, NULL, b->proxy_key, false);
    b->roots = trust_new();
    b->proxy_roots = trust_new();
    trust_add(b->roots, b->ca);
    trust_add(b->proxy_roots, b->proxy_ca);
    struct identity *serving = bed_identity(b, "kube-apiserver", NULL, b->ca, b->ca_key, true),
                    *proxy = bed_identity(b, "front-proxy-client", NULL, b->proxy_ca, b->proxy_key, false);
    struct apiserver_options o = { .loop = b->loop, .store = b->store, .node = b->node, .minor = minor, .git_version = "v1.20.2",
                                   .advertise_ip = "192.168.229.132", .secure_port = 6443,
                                   .serving = serving, .client_ca = b->roots, .requestheader_ca = b->proxy_roots,
                                   .proxy_client = proxy, .token_request = minor >= 20 };
    b->as = apiserver_new(&o, &err);
    if (!b->as) fail_msg("%s", err.msg);
    identity_unref(serving);
    identity_unref(proxy);
    apiserver_start(b->as);
    assert_true(apiserver_ready(b->as));
    apiserver_set_sa_key(b->as, b->sa_key);
    bed_clients(b);
    strbuf_init(&b->body, 1 << 24);
}

static void bed_down(struct bed *b)
{
    for (size_t i = 0; i < WHO_COUNT; i++) http_client_free(b->clients[i]);
    apiserver_free(b->as);
    loop_turn(b->loop);
    vnet_host_free(b->node);
    vnet_free(b->net);
    store_close(b->store);
    strbuf_deinit(&b->body);
    trust_free(b->roots);
    trust_free(b->proxy_roots);
    struct key *keys[] = { b->ca_key, b->proxy_key, b->sa_key };
    for (size_t i = 0; i < 3; i++) key_unref(keys[i]);
    cert_unref(b->ca);
    cert_unref(b->proxy_ca);
    loop_free(b->loop);
}

static void bed_done(void *ctx, const struct http_result *r, const struct err *err)
{
    struct bed *b = ctx;
    b->done = true;
    b->status = r ? r->status : -1;
    strbuf_reset(&b->body);
    strbuf_add(&b->body, r ? r->body : str_c(err->msg));
}

static void bed_advanced(void *ctx) { (void)ctx; }

static void bed_run_ms(struct bed *b, int64_t ms)
{
    loop_advance(b->loop, ms * (int64_t)NS_PER_MS, bed_advanced, b);
    while (loop_advancing(b->loop)) loop_turn(b->loop);
    loop_turn(b->loop);
}

static const char *bed_expand(struct bed *b, struct arena *a, const char *text)
{
    const char *at = text ? strstr(text, "$T") : NULL;
    return at ? arena_printf(a, "%.*s%s%s", (int)(at - text), text, b->saved, at + 2) : text;
}

static void bed_headers(struct arena *a, const char *text, struct http_headers *h)
{
    struct str rest = str_c(text), name, value;
    while (rest.n) {
        struct str line = str_token(&rest, '\n');
        assert_true(str_cut(line, ':', &name, &value));
        http_headers_add(a, h, arena_cstr(a, name), str_trim(value));
    }
}

static void bed_save(struct bed *b, struct arena *a, const char *what)
{
    struct json *j = json_parse(a, strbuf_str(&b->body), NULL);
    bool base64 = !strncmp(what, "data:", 5);
    struct str v = base64 ? json_get_str(json_get(j, "data"), what + 5) : json_path_str(j, what);
    if (base64) assert_true(base64_decode(a, v, &v));
    assert_true(v.n > 0 && v.n < sizeof b->saved);
    memcpy(b->saved, v.p, v.n);
    b->saved[v.n] = 0;
}

static void bed_step(struct bed *b, const struct step *s, size_t row)
{
    struct arena *a = arena_new();
    struct http_headers h = { 0 };
    const char *patch = strcmp(s->method, "PATCH") ? "application/json" : "application/merge-patch+json";
    if (s->body) http_headers_add(a, &h, "Content-Type", str_c(patch));
    bed_headers(a, bed_expand(b, a, s->headers), &h);
    struct http_call_options o = { .method = s->method, .url = arena_printf(a, "https://192.168.229.132:6443%s", s->path),
                                   .headers = &h, .body = str_c(bed_expand(b, a, s->body)) };
    b->done = false;
    http_fetch(b->clients[s->who], &o, bed_done, b);
    for (int i = 0; i < 200 && !b->done; i++) {
        if (i % 10 == 9) bed_run_ms(b, 10);
        loop_turn(b->loop);
    }
    struct str body = strbuf_str(&b->body);
    bool ok = b->done && b->status == s->status;
    for (size_t i = 0; i < ARRAY_LEN(s->want) && s->want[i]; i++) {
        bool absent = s->want[i][0] == '!';
        ok &= (str_find(body, str_c(s->want[i] + absent)) < 0) == absent;
    }
    if (!ok) printf("%.*s\n", (int)body.n, body.p ? body.p : "");
    if (!ok) fail_msg("row %zu: %s %s: %d (wanted %d)", row, s->method, s->path, b->done ? b->status : 0, s->status);
    if (s->save) bed_save(b, a, s->save);
    arena_free(a);
}

static inline void bed_steps(struct bed *b, const struct step *steps, size_t n)
{
    for (size_t i = 0; i < n; i++) bed_step(b, &steps[i], i);
}

static inline void bed_run(int minor, const struct step *steps, size_t n)
{
    struct bed b;
    bed_up(&b, minor);
    bed_steps(&b, steps, n);
    bed_down(&b);
}
#define RUN(minor, steps) bed_run(minor, steps, ARRAY_LEN(steps))

#endif
