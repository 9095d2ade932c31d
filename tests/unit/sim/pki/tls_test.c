/* TLS sessions against a client of mbedTLS in memory: handshake, client certificates, resumption, refusals, garbage. */
#include "sim/pki/pki_priv.h"
#include "tests/unit/sim/pki/pki_test_util.h"

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>

/* ---- the client ---- */
struct client {
    mbedtls_entropy_context  entropy;
    mbedtls_ctr_drbg_context drbg;
    mbedtls_ssl_config       conf;
    mbedtls_ssl_context      ssl;
    struct strbuf            in, out;
    bool                     eof;
};

static int client_send(void *ctx, const unsigned char *p, size_t n)
{
    struct client *c = ctx;
    strbuf_add(&c->out, (struct str){ (const char *)p, n });
    return (int)n;
}

static int client_recv(void *ctx, unsigned char *p, size_t n)
{
    struct client *c = ctx;
    if (c->in.n == 0)
        return c->eof ? 0 : MBEDTLS_ERR_SSL_WANT_READ;
    n = n < c->in.n ? n : c->in.n;
    memcpy(p, c->in.p, n);
    strbuf_consume(&c->in, n);
    return (int)n;
}

static void client_init(struct client *c, struct identity *id, const char **alpn)
{
    memset(c, 0, sizeof *c);
    strbuf_init(&c->in, LIMIT_CONN_OUT_BYTES);
    strbuf_init(&c->out, LIMIT_CONN_OUT_BYTES);
    mbedtls_entropy_init(&c->entropy);
    mbedtls_ctr_drbg_init(&c->drbg);
    mbedtls_ssl_config_init(&c->conf);
    mbedtls_ssl_init(&c->ssl);
    assert_int_equal(mbedtls_ctr_drbg_seed(&c->drbg, mbedtls_entropy_func, &c->entropy, NULL, 0), 0);
    assert_int_equal(mbedtls_ssl_config_defaults(&c->conf, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM,
                                                 MBEDTLS_SSL_PRESET_DEFAULT), 0);
    mbedtls_ssl_conf_rng(&c->conf, mbedtls_ctr_drbg_random, &c->drbg);
    mbedtls_ssl_conf_authmode(&c->conf, MBEDTLS_SSL_VERIFY_NONE);
    if (alpn)
        assert_int_equal(mbedtls_ssl_conf_alpn_protocols(&c->conf, alpn), 0);
    if (id)
        assert_int_equal(mbedtls_ssl_conf_own_cert(&c->conf, &identity_of(id)->list, &id->key->pk), 0);
    assert_int_equal(mbedtls_ssl_setup(&c->ssl, &c->conf), 0);
    mbedtls_ssl_set_bio(&c->ssl, c, client_send, client_recv, NULL);
}

static void client_deinit(struct client *c)
{
    mbedtls_ssl_free(&c->ssl);
    mbedtls_ssl_config_free(&c->conf);
    mbedtls_ctr_drbg_free(&c->drbg);
    mbedtls_entropy_free(&c->entropy);
    strbuf_deinit(&c->in);
    strbuf_deinit(&c->out);
}

/* ---- the server ---- */
struct peer {                          /* one server session and what it reported */
    struct tls_session *t;
    struct client      *client;
    struct strbuf       data;
    int                 closed;
    bool                clean, echo, free_in_data;
    char                why[sizeof ((struct err *)0)->msg];
};

struct lab { struct key *ca_key, *key, *client_key; struct cert *ca, *leaf, *client_leaf; struct identity *id, *client_id;
             struct trust *trust; };
static struct lab lab;

static struct identity *identity_cb(void *ctx)
{
    return ctx;
}

static void on_output(void *ctx, struct str s)
{
    struct peer *p = ctx;
    strbuf_add(&p->client->in, s);
}

static void on_data(void *ctx, struct str s)
{
    struct peer *p = ctx;
    strbuf_add(&p->data, s);
    if (p->echo)
        tls_session_write(p->t, s);
    if (p->free_in_data)
        tls_session_free(p->t);
}

static void on_closed(void *ctx, bool clean, const struct err *why)
{
    struct peer *p = ctx;
    p->closed++;
    p->clean = clean;
    p->client->eof = true;
    assert_true((why == NULL) == clean);
    snprintf(p->why, sizeof p->why, "%s", why ? why->msg : "");
}

static const struct tls_callbacks callbacks = { on_output, on_data, on_closed };

static struct tls_server *server_new(struct identity *id, bool ask, bool hint)
{
    struct tls_server_options opt = { .identity = identity_cb, .ctx = id, .request_client_cert = ask,
                                      .client_ca_hint = hint ? lab.trust : NULL };
    struct tls_server *s = tls_server_new(&opt, NULL);
    assert_non_null(s);
    return s;
}

static void peer_init(struct peer *p, struct tls_server *s, struct client *c)
{
    memset(p, 0, sizeof *p);
    p->client = c;
    strbuf_init(&p->data, LIMIT_CONN_OUT_BYTES);
    p->t = tls_session_new(s, &callbacks, p);
}

static void peer_deinit(struct peer *p)
{
    tls_session_free(p->t);
    strbuf_deinit(&p->data);
}

/* Carry the client's bytes over, `step` at a time. */
static void carry(struct client *c, struct peer *p, size_t step)
{
    while (c->out.n > 0) {
        tls_session_input(p->t, str_sub(strbuf_str(&c->out), 0, step));
        strbuf_consume(&c->out, step < c->out.n ? step : c->out.n);
    }
}

static int shake(struct client *c, struct peer *p, size_t step)
{
    for (int i = 0; i < 20; i++) {
        int rc = mbedtls_ssl_handshake(&c->ssl);
        carry(c, p, step);
        if (rc != MBEDTLS_ERR_SSL_WANT_READ)
            return rc;
    }
    return MBEDTLS_ERR_SSL_WANT_READ;
}

static int make_lab(void **state)
{
    (void)state;
    lab.ca_key = test_key("ca");
    lab.key = test_key("server");
    lab.client_key = test_key("client");
    lab.ca = test_ca("kubernetes", lab.ca_key);
    struct cert_template tpl = test_template("kube-apiserver");
    tpl.dns_names = (const char *[]){ "ubuntu", NULL };
    tpl.ips = (const char *[]){ "127.0.0.1", NULL };
    lab.leaf = cert_issue(&tpl, lab.key, lab.ca, lab.ca_key, NULL);
    struct cert_template client = test_template("kubernetes-admin");
    client.orgs = (const char *[]){ "system:masters", NULL };
    client.ext_usage = CERT_EKU_CLIENT;
    lab.client_leaf = cert_issue(&client, lab.client_key, lab.ca, lab.ca_key, NULL);
    lab.id = identity_new(lab.leaf, lab.key);
    lab.client_id = identity_new(lab.client_leaf, lab.client_key);
    lab.trust = trust_new();
    trust_add(lab.trust, lab.ca);
    return 0;
}

static int free_lab(void **state)
{
    (void)state;
    trust_free(lab.trust);
    identity_unref(lab.id);
    identity_unref(lab.client_id);
    cert_unref(lab.leaf);
    cert_unref(lab.client_leaf);
    cert_unref(lab.ca);
    key_unref(lab.ca_key);
    key_unref(lab.key);
    key_unref(lab.client_key);
    return 0;
}

/* ---- the tests ---- */
static void exchange(struct client *c, struct peer *p, struct str text)
{
    unsigned char buf[4096];
    assert_int_equal(mbedtls_ssl_write(&c->ssl, (const unsigned char *)text.p, text.n), text.n);
    carry(c, p, 7);
    assert_true(str_eq(strbuf_str(&p->data), text));
    int n = mbedtls_ssl_read(&c->ssl, buf, sizeof buf);
    assert_int_equal(n, text.n);
    assert_memory_equal(buf, text.p, text.n);
}

static void data_both_ways(void **state)
{
    (void)state;
    struct tls_server *s = server_new(lab.id, false, false);
    struct client c;
    struct peer p;
    client_init(&c, NULL, (const char *[]){ "h2", "http/1.1", NULL });
    peer_init(&p, s, &c);
    p.echo = true;
    assert_int_equal(shake(&c, &p, 1), 0);
    assert_true(tls_session_established(p.t));
    assert_string_equal(mbedtls_ssl_get_alpn_protocol(&c.ssl), "http/1.1");
    exchange(&c, &p, STR("GET /api/v1/nodes HTTP/1.1\r\n\r\n"));
    size_t n;
    assert_null(tls_session_peer_chain(p.t, &n));
    assert_int_equal(n, 0);
    assert_int_equal(mbedtls_ssl_close_notify(&c.ssl), 0);
    carry(&c, &p, SIZE_MAX);
    assert_int_equal(p.closed, 1);
    assert_true(p.clean);
    tls_session_input(p.t, STR("late"));
    tls_session_input(p.t, STR_NULL);
    tls_session_write(p.t, STR("late"));
    tls_session_shutdown(p.t);
    assert_int_equal(p.closed, 1);
    peer_deinit(&p);
    client_deinit(&c);
    tls_server_free(s);
}

static void large_answer_and_shutdown(void **state)
{
    (void)state;
    struct tls_server *s = server_new(lab.id, true, false);
    struct client c;
    struct peer p;
    client_init(&c, NULL, NULL);
    peer_init(&p, s, &c);
    enum { BIG = 300000 };
    char *big = xmalloc(BIG), *got = xmalloc(BIG);
    for (size_t i = 0; i < BIG; i++)
        big[i] = (char)(i * 7);
    tls_session_write(p.t, (struct str){ big, BIG / 2 });        /* before the handshake: kept */
    assert_int_equal(shake(&c, &p, SIZE_MAX), 0);
    tls_session_write(p.t, (struct str){ big + BIG / 2, BIG / 2 });
    tls_session_shutdown(p.t);
    size_t n = 0;
    int rc;
    while ((rc = mbedtls_ssl_read(&c.ssl, (unsigned char *)got + n, BIG - n)) > 0 && (n += (size_t)rc) < BIG)
        ;
    assert_int_equal(n, BIG);
    assert_memory_equal(big, got, BIG);
    assert_int_equal(mbedtls_ssl_read(&c.ssl, (unsigned char *)got, BIG), MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY);
    assert_int_equal(p.closed, 0);
    tls_session_input(p.t, STR_NULL);                            /* the peer goes without a word, which is fine after our goodbye */
    assert_int_equal(p.closed, 1);
    assert_true(p.clean);
    free(big);
    free(got);
    peer_deinit(&p);
    client_deinit(&c);
    tls_server_free(s);
}

static void check_admin(struct peer *p)
{
    size_t n;
    struct cert **chain = tls_session_peer_chain(p->t, &n);
    assert_int_equal(n, 1);
    assert_str(chain[0]->subject_cn, "kubernetes-admin");
    assert_str(chain[0]->orgs[0], "system:masters");
    struct trust_check check = { .now_ns = T0 + DAYS(1), .usage = CERT_EKU_CLIENT };
    assert_true(trust_verify(lab.trust, chain, n, &check, NULL));
}

/* A client certificate is seen in a full handshake, and again when its session is resumed by ticket. */
static void client_certificate_and_resumption(void **state)
{
    (void)state;
    for (int hint = 0; hint < 2; hint++) {
        struct tls_server *s = server_new(lab.id, true, hint);
        struct client c;
        struct peer p;
        client_init(&c, lab.client_id, NULL);
        peer_init(&p, s, &c);
        assert_int_equal(shake(&c, &p, SIZE_MAX), 0);
        check_admin(&p);
        mbedtls_ssl_session session;
        mbedtls_ssl_session_init(&session);
        assert_int_equal(mbedtls_ssl_get_session(&c.ssl, &session), 0);
        peer_deinit(&p);

        assert_int_equal(mbedtls_ssl_session_reset(&c.ssl), 0);
        strbuf_reset(&c.in);
        strbuf_reset(&c.out);
        assert_int_equal(mbedtls_ssl_set_session(&c.ssl, &session), 0);
        peer_init(&p, s, &c);
        p.echo = true;
        assert_int_equal(mbedtls_ssl_handshake(&c.ssl), MBEDTLS_ERR_SSL_WANT_READ);
        size_t hello = c.out.n;
        carry(&c, &p, SIZE_MAX);
        assert_true(hello > 0 && c.in.n < 1000);                 /* no certificate came: the session was resumed */
        assert_int_equal(shake(&c, &p, SIZE_MAX), 0);
        check_admin(&p);
        exchange(&c, &p, STR("again"));
        mbedtls_ssl_session_free(&session);
        peer_deinit(&p);
        client_deinit(&c);
        tls_server_free(s);
    }
}

static void no_identity(void **state)
{
    (void)state;
    struct tls_server *s = server_new(NULL, false, false);
    struct client c;
    struct peer p;
    client_init(&c, NULL, NULL);
    peer_init(&p, s, &c);
    assert_int_equal(shake(&c, &p, 3), MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE);
    assert_int_equal(c.ssl.in_msg[1], MBEDTLS_SSL_ALERT_MSG_INTERNAL_ERROR);
    assert_int_equal(p.closed, 1);
    assert_string_equal(p.why, "no serving certificate available for the kubelet");
    peer_deinit(&p);
    client_deinit(&c);
    tls_server_free(s);
}

static void refusals(void **state)
{
    (void)state;
    struct tls_server *s = server_new(lab.id, false, false);
    struct client c;
    struct peer p;
    client_init(&c, NULL, (const char *[]){ "h2", NULL });
    peer_init(&p, s, &c);
    assert_int_equal(shake(&c, &p, SIZE_MAX), MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE);
    assert_int_equal(c.ssl.in_msg[1], 120);
    assert_true(p.closed == 1 && !p.clean);
    peer_deinit(&p);
    client_deinit(&c);

    client_init(&c, NULL, NULL);                                 /* the client says that it does not know our CA */
    peer_init(&p, s, &c);
    assert_int_equal(mbedtls_ssl_handshake(&c.ssl), MBEDTLS_ERR_SSL_WANT_READ);
    carry(&c, &p, SIZE_MAX);
    tls_session_input(p.t, (struct str){ "\x15\x03\x03\x00\x02\x02\x2a", 7 });
    assert_string_equal(p.why, "remote error: tls: bad certificate");
    peer_deinit(&p);
    client_deinit(&c);
    tls_server_free(s);
}

static void not_tls(void **state)
{
    static const struct { const char *in, *out, *why; } rows[] = {
        { "GET / HTTP/1.1\r\n\r\n", "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n",
          "client sent an HTTP request to an HTTPS server" },
        { "SSH-2.0-x\r\n", "", "tls: first record does not look like a TLS handshake" },
        { "", "", "EOF" },
        { "\x16\x03", "", "EOF" },
        { "\x16\x03\x01\x00\x30\x01", "", "EOF" },
    };
    (void)state;
    struct tls_server *s = server_new(lab.id, false, false);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct client c = { 0 };
        strbuf_init(&c.in, LIMIT_CONN_OUT_BYTES);
        struct peer p;
        peer_init(&p, s, &c);
        size_t n = i == 4 ? 6 : strlen(rows[i].in);
        if (n > 0)
            tls_session_input(p.t, (struct str){ rows[i].in, n });
        if (!p.closed)
            tls_session_input(p.t, STR_NULL);
        assert_int_equal(p.closed, 1);
        assert_string_equal(p.why, rows[i].why);
        assert_str(strbuf_str(&c.in), rows[i].out);
        peer_deinit(&p);
        strbuf_deinit(&c.in);
    }
    tls_server_free(s);
}

/* A first flight cut off or changed anywhere closes the session once, or leaves it waiting; nothing else. */
static void damaged_hello(void **state)
{
    (void)state;
    struct tls_server *s = server_new(lab.id, true, true);
    struct client c;
    client_init(&c, NULL, NULL);
    assert_int_equal(mbedtls_ssl_handshake(&c.ssl), MBEDTLS_ERR_SSL_WANT_READ);
    char *copy = xmalloc(c.out.n);
    for (size_t i = 0; i < c.out.n; i += 5) {
        struct peer p;
        memcpy(copy, c.out.p, c.out.n);
        copy[i] = (char)(copy[i] ^ 0x5a);
        peer_init(&p, s, &c);
        tls_session_input(p.t, (struct str){ copy, c.out.n });
        if (!p.closed)
            tls_session_input(p.t, STR_NULL);
        assert_int_equal(p.closed, 1);
        assert_false(p.clean);
        peer_deinit(&p);
        peer_init(&p, s, &c);
        if (i > 0)
            tls_session_input(p.t, (struct str){ c.out.p, i });
        tls_session_input(p.t, STR_NULL);
        assert_int_equal(p.closed, 1);
        peer_deinit(&p);
    }
    free(copy);
    client_deinit(&c);
    tls_server_free(s);
}

static void freed_in_a_callback(void **state)
{
    (void)state;
    struct tls_server *s = server_new(lab.id, false, false);
    struct client c;
    struct peer p;
    client_init(&c, NULL, NULL);
    peer_init(&p, s, &c);
    assert_int_equal(shake(&c, &p, SIZE_MAX), 0);
    p.free_in_data = true;
    assert_int_equal(mbedtls_ssl_write(&c.ssl, (const unsigned char *)"x", 1), 1);
    carry(&c, &p, SIZE_MAX);
    assert_int_equal(p.data.n, 1);
    assert_int_equal(p.closed, 0);
    p.t = NULL;
    peer_deinit(&p);
    client_deinit(&c);
    tls_server_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_both_ways), cmocka_unit_test(large_answer_and_shutdown),
            cmocka_unit_test(client_certificate_and_resumption),
        cmocka_unit_test(no_identity), cmocka_unit_test(refusals), cmocka_unit_test(not_tls), cmocka_unit_test(damaged_hello),
        cmocka_unit_test(freed_in_a_callback),
    };
    return cmocka_run_group_tests(tests, make_lab, free_lab);
}
