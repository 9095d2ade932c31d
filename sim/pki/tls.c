/* sim/pki/tls.c - the server side of TLS 1.2 at the edge: ciphertext in, ciphertext out; sockets are the caller's.
 *
 * What Go's net/http and crypto/tls do for kube-apiserver and kubelet: ALPN http/1.1, ECDHE with AES-GCM or ChaCha20
 * only, session tickets, a client certificate that is asked for and judged later (tls.RequestClientCert), errors in
 * Go's words for the server's log. TLS 1.3 is left out for both versions of mbedTLS: Go 1.12, of which Kubernetes 1.16
 * is made, did not offer it, and a ticket of TLS 1.2 carries the client's certificate, so that an identity survives
 * resumption. A client that shows more than one certificate gets no ticket, for the ticket would keep the first alone.
 *
 * A session is a state machine fed by tls_session_input: handshake, then data, then closed. All output of one turn
 * leaves in one on_output; callbacks may write to the session, shut it down, or free it.
 */
#include "sim/pki/pki_priv.h"

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <stdlib.h>

enum {
    TICKET_LIFETIME_S = 24 * 60 * 60,  /* of real time: mbedTLS reads the wall clock for it */
    RECORD_BYTES = 16 * 1024,
    RECORD_HEAD_BYTES = 5,
    CONTENT_HANDSHAKE = 22
};

struct tls_server {
    struct tls_server_options opt;
    mbedtls_entropy_context    entropy;
    mbedtls_ctr_drbg_context   drbg;
    mbedtls_ssl_ticket_context tickets;
    mbedtls_ssl_config         conf;
    mbedtls_x509_crt           ca_hint;   /* names for the certificate request */
    bool                       has_ca_hint;
};

struct tls_session {
    struct tls_server   *server;
    struct tls_callbacks cb;
    void                *ctx;
    mbedtls_ssl_context  ssl;
    struct identity     *identity;     /* held for the handshake */
    struct strbuf        in, out;      /* ciphertext not yet read; ciphertext not yet handed out */
    size_t               in_at;        /* read up to here */
    struct strbuf        early;        /* plaintext written before the handshake was done */
    struct cert        **peer; size_t peer_count;
    bool eof, started, established, shut, closed, reported, clean;
    bool busy, again, doomed;          /* inside session_run; called from there; to be freed when it leaves */
    struct err why;
};

/* ---- shared configuration ---- */
/* Refuse a ticket for a chain of several certificates (see above). An error here makes mbedTLS send an empty ticket. */
static int ticket_write(void *tickets, const mbedtls_ssl_session *session, unsigned char *start, const unsigned char *end,
                        size_t *n, uint32_t *lifetime)
{
    const mbedtls_x509_crt *peer = session->peer_cert;
    if (peer && peer->next)
        return MBEDTLS_ERR_SSL_FEATURE_UNAVAILABLE;
    return mbedtls_ssl_ticket_write(tickets, session, start, end, n, lifetime);
}

static int accept_any(void *ctx, mbedtls_x509_crt *crt, int depth, uint32_t *flags)
{
    (void)ctx; (void)crt; (void)depth;
    *flags = 0;                        /* judged later, on virtual time, by trust_verify */
    return 0;
}

static void configure_client_certs(struct tls_server *s)
{
    mbedtls_ssl_conf_authmode(&s->conf, s->opt.request_client_cert ? MBEDTLS_SSL_VERIFY_OPTIONAL : MBEDTLS_SSL_VERIFY_NONE);
    mbedtls_ssl_conf_verify(&s->conf, accept_any, NULL);
    const struct trust *hint = s->opt.client_ca_hint;
    for (size_t i = 0; hint && i < trust_count(hint); i++) {
        struct str der = trust_root(hint, i)->der;
        s->has_ca_hint |= mbedtls_x509_crt_parse_der(&s->ca_hint, (const unsigned char *)der.p, der.n) == 0;
    }
    mbedtls_ssl_conf_cert_req_ca_list(&s->conf, s->has_ca_hint ? MBEDTLS_SSL_CERT_REQ_CA_LIST_ENABLED
                                                               : MBEDTLS_SSL_CERT_REQ_CA_LIST_DISABLED);
}

static int configure(struct tls_server *s)
{
    static const char *protocols[] = { "http/1.1", NULL };
    static const int suites[] = {
        MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, 0
    };
    int rc = mbedtls_ctr_drbg_seed(&s->drbg, mbedtls_entropy_func, &s->entropy, NULL, 0);
    if (rc == 0)
        rc = mbedtls_ssl_config_defaults(&s->conf, MBEDTLS_SSL_IS_SERVER, MBEDTLS_SSL_TRANSPORT_STREAM,
                                         MBEDTLS_SSL_PRESET_DEFAULT);
    if (rc == 0)
        rc = mbedtls_ssl_ticket_setup(&s->tickets, mbedtls_ctr_drbg_random, &s->drbg, MBEDTLS_CIPHER_AES_256_GCM,
                                      TICKET_LIFETIME_S);
    if (rc == 0)
        rc = mbedtls_ssl_conf_alpn_protocols(&s->conf, protocols);
    if (rc != 0)
        return rc;
    compat_ssl_conf(&s->conf);
    mbedtls_ssl_conf_rng(&s->conf, mbedtls_ctr_drbg_random, &s->drbg);
    mbedtls_ssl_conf_ciphersuites(&s->conf, suites);
    mbedtls_ssl_conf_session_tickets_cb(&s->conf, ticket_write, mbedtls_ssl_ticket_parse, &s->tickets);
    configure_client_certs(s);
    return 0;
}

struct tls_server *tls_server_new(const struct tls_server_options *opt, struct err *err)
{
    ASSERT(opt->identity != NULL);
    pki_init_once();
    struct tls_server *s = NEW(struct tls_server);
    s->opt = *opt;
    mbedtls_entropy_init(&s->entropy);
    mbedtls_ctr_drbg_init(&s->drbg);
    mbedtls_ssl_ticket_init(&s->tickets);
    mbedtls_ssl_config_init(&s->conf);
    mbedtls_x509_crt_init(&s->ca_hint);
    int rc = configure(s);
    if (rc == 0)
        return s;
    err_set(err, ERR_TLS, "tls: cannot configure a server (mbedTLS -0x%04x)", (unsigned)-rc);
    tls_server_free(s);
    return NULL;
}

void tls_server_free(struct tls_server *s)
{
    if (!s)
        return;
    mbedtls_ssl_config_free(&s->conf);
    mbedtls_ssl_ticket_free(&s->tickets);
    mbedtls_x509_crt_free(&s->ca_hint);
    mbedtls_ctr_drbg_free(&s->drbg);
    mbedtls_entropy_free(&s->entropy);
    free(s);
}

/* ---- a session's life ---- */
static int bio_send(void *ctx, const unsigned char *p, size_t n)
{
    struct tls_session *t = ctx;
    strbuf_add(&t->out, (struct str){ (const char *)p, n });
    return t->out.overflow ? MBEDTLS_ERR_SSL_INTERNAL_ERROR : (int)n;
}

static int bio_recv(void *ctx, unsigned char *p, size_t n)
{
    struct tls_session *t = ctx;
    size_t have = t->in.n - t->in_at;
    if (have == 0)
        return t->eof ? 0 : MBEDTLS_ERR_SSL_WANT_READ;
    n = n < have ? n : have;
    memcpy(p, t->in.p + t->in_at, n);
    t->in_at += n;
    if (t->in_at == t->in.n) {
        strbuf_reset(&t->in);
        t->in_at = 0;
    }
    return (int)n;
}

struct tls_session *tls_session_new(struct tls_server *s, const struct tls_callbacks *cb, void *ctx)
{
    struct tls_session *t = NEW(struct tls_session);
    t->server = s;
    t->cb = *cb;
    t->ctx = ctx;
    strbuf_init(&t->in, LIMIT_CONN_OUT_BYTES);
    strbuf_init(&t->out, LIMIT_CONN_OUT_BYTES);
    strbuf_init(&t->early, LIMIT_CONN_OUT_BYTES);
    mbedtls_ssl_init(&t->ssl);
    int rc = mbedtls_ssl_setup(&t->ssl, &s->conf);
    ASSERT(rc == 0);                   /* it fails for want of memory alone */
    mbedtls_ssl_set_bio(&t->ssl, t, bio_send, bio_recv, NULL);
    return t;
}

static void session_destroy(struct tls_session *t)
{
    mbedtls_ssl_free(&t->ssl);
    identity_unref(t->identity);
    certs_free(t->peer, t->peer_count);
    strbuf_deinit(&t->in);
    strbuf_deinit(&t->out);
    strbuf_deinit(&t->early);
    err_clear(&t->why);
    free(t);
}

void tls_session_free(struct tls_session *t)
{
    if (!t)
        return;
    if (t->busy)
        t->doomed = true;              /* called from one of its callbacks: session_run frees it on its way out */
    else
        session_destroy(t);
}

static void session_close(struct tls_session *t, bool clean)
{
    t->closed = true;
    t->clean = clean;
}

/* Go's words for the alerts of RFC 5246 (crypto/tls/alert.go). */
static const char *alert_text(unsigned alert)
{
    static const struct { uint8_t alert; const char *text; } texts[] = {
        { 10, "unexpected message" },
        { 20, "bad record MAC" },
        { 21, "decryption failed" },
        { 22, "record overflow" },
        { 30, "decompression failure" },
        { 40, "handshake failure" },
        { 42, "bad certificate" },
        { 43, "unsupported certificate" },
        { 44, "revoked certificate" },
        { 45, "expired certificate" },
        { 46, "unknown certificate" },
        { 47, "illegal parameter" },
        { 48, "unknown certificate authority" },
        { 49, "access denied" },
        { 50, "error decoding message" },
        { 51, "error decrypting message" },
        { 70, "protocol version not supported" },
        { 71, "insufficient security level" },
        { 80, "internal error" },
        { 86, "inappropriate fallback" },
        { 90, "user canceled" },
        { 100, "no renegotiation" },
        { 110, "unsupported extension" },
        { 120, "no application protocol" },
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (texts[i].alert == alert)
            return texts[i].text;
    return "alert";
}

static void session_fail(struct tls_session *t, int rc)
{
    if (rc == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE)
        err_set(&t->why, ERR_TLS, "remote error: tls: %s", alert_text(t->ssl.in_msg[1]));
    else if (rc == MBEDTLS_ERR_SSL_CONN_EOF || rc == 0)
        err_set(&t->why, ERR_IO, t->established ? "unexpected EOF" : "EOF");
    else
        err_set(&t->why, ERR_TLS, "tls: %s failed (mbedTLS -0x%04x)", t->established ? "connection" : "handshake", (unsigned)-rc);
    session_close(t, false);
}

/* ---- the first bytes ---- */
static bool looks_like_http(const char *p)
{
    /* net/http tlsRecordHeaderLooksLikeHTTP */
    static const char *const starts[] = { "GET /", "HEAD ", "POST ", "PUT /", "OPTIO" };
    for (size_t i = 0; i < ARRAY_LEN(starts); i++)
        if (memcmp(p, starts[i], RECORD_HEAD_BYTES) == 0)
            return true;
    return false;
}

/* A ClientHello that nobody can answer: Go's server has read it before GetCertificate fails, and then sends
 * internal_error (80). */
static void refuse_without_identity(struct tls_session *t)
{
    const uint8_t *p = (const uint8_t *)t->in.p + t->in_at;
    size_t have = t->in.n - t->in_at, record = RECORD_HEAD_BYTES + (size_t)(p[3] << 8 | p[4]);
    if (have < record)
        return;
    static const char alert[] = { 21, 3, 3, 0, 2, 2, 80 };
    strbuf_add(&t->out, (struct str){ alert, sizeof alert });
    err_set(&t->why, ERR_TLS, "no serving certificate available for the kubelet");
    session_close(t, false);
}

/* Look at the first record's head. True when the handshake may go on. */
static bool session_start(struct tls_session *t)
{
    if (t->started)
        return true;
    if (t->in.n - t->in_at < RECORD_HEAD_BYTES) {
        if (t->eof)
            session_fail(t, MBEDTLS_ERR_SSL_CONN_EOF);
        return false;
    }
    const char *head = t->in.p + t->in_at;
    if (head[0] != CONTENT_HANDSHAKE || head[1] != 3) {
        if (looks_like_http(head))
            strbuf_addc(&t->out, "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n");
        err_set(&t->why, ERR_TLS, looks_like_http(head) ? "client sent an HTTP request to an HTTPS server"
                                                        : "tls: first record does not look like a TLS handshake");
        session_close(t, false);
        return false;
    }
    struct identity *id = t->server->opt.identity(t->server->opt.ctx);
    if (!id) {
        refuse_without_identity(t);
        if (!t->closed && t->eof)
            session_fail(t, MBEDTLS_ERR_SSL_CONN_EOF);
        return false;
    }
    t->started = true;
    t->identity = identity_ref(id);
    int rc = mbedtls_ssl_set_hs_own_cert(&t->ssl, &identity_of(id)->list, &id->key->pk);
    ASSERT(rc == 0);
    return true;
}

/* ---- the handshake ---- */
/* The names of client CAs are given while the request is written, and taken back before the answer is read: with them
 * mbedTLS would verify the client's chain, at the price of a signature check that trust_verify makes again. */
static int handshake(struct tls_session *t)
{
    while (!compat_handshake_is_over(&t->ssl)) {
        if (t->server->has_ca_hint) {
            bool before = t->ssl.state <= MBEDTLS_SSL_CERTIFICATE_REQUEST;
            mbedtls_ssl_set_hs_ca_chain(&t->ssl, before ? &t->server->ca_hint : NULL, NULL);
        }
        int rc = mbedtls_ssl_handshake_step(&t->ssl);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static bool take_peer_chain(struct tls_session *t)
{
    for (const mbedtls_x509_crt *c = mbedtls_ssl_get_peer_cert(&t->ssl); c && c->raw.p; c = c->next) {
        struct cert *cert = cert_parse_der((struct str){ (const char *)c->raw.p, c->raw.len }, &t->why);
        if (!cert)
            return false;
        t->peer = xrealloc(t->peer, (t->peer_count + 1) * sizeof(struct cert *));
        t->peer[t->peer_count++] = cert;
    }
    return true;
}

static bool write_all(struct tls_session *t, struct str s)
{
    while (s.n > 0) {
        int n = mbedtls_ssl_write(&t->ssl, (const unsigned char *)s.p, s.n);
        if (n <= 0) {
            session_fail(t, n);
            return false;
        }
        s = str_sub(s, (size_t)n, s.n);
    }
    return true;
}

/* True when the session is established. */
static bool session_handshake(struct tls_session *t)
{
    if (t->established)
        return true;
    int rc = handshake(t);
    if (rc == MBEDTLS_ERR_SSL_WANT_READ || rc == MBEDTLS_ERR_SSL_WANT_WRITE)
        return false;
    if (rc != 0) {
        session_fail(t, rc);
        return false;
    }
    if (!take_peer_chain(t)) {
        mbedtls_ssl_send_alert_message(&t->ssl, MBEDTLS_SSL_ALERT_LEVEL_FATAL, MBEDTLS_SSL_ALERT_MSG_BAD_CERT);
        session_close(t, false);
        return false;
    }
    t->established = true;
    bool ok = write_all(t, strbuf_str(&t->early));
    strbuf_deinit(&t->early);
    if (ok && t->shut)
        mbedtls_ssl_close_notify(&t->ssl);
    return ok;
}

static void session_read(struct tls_session *t)
{
    unsigned char buf[RECORD_BYTES];
    while (!t->closed && !t->doomed) {
        int n = mbedtls_ssl_read(&t->ssl, buf, sizeof buf);
        if (n > 0)
            t->cb.on_data(t->ctx, (struct str){ (const char *)buf, (size_t)n });
        else if (n == MBEDTLS_ERR_SSL_WANT_READ || n == MBEDTLS_ERR_SSL_WANT_WRITE)
            return;
        else if (n == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY)
            session_close(t, true);
        else if ((n == 0 || n == MBEDTLS_ERR_SSL_CONN_EOF) && t->shut)
            session_close(t, true);    /* we said goodbye; a peer need not answer */
        else
            session_fail(t, n);
    }
}

/* ---- one turn: whatever input allows, then output, then the end ---- */
static void flush(struct tls_session *t)
{
    while (t->out.n > 0 && !t->doomed) {
        struct strbuf batch = t->out;  /* the callback may write more */
        strbuf_init(&t->out, LIMIT_CONN_OUT_BYTES);
        t->cb.on_output(t->ctx, strbuf_str(&batch));
        strbuf_deinit(&batch);
    }
}

static void session_run(struct tls_session *t)
{
    if (t->busy) {                     /* a callback came back in; the loop below goes on with what it brought */
        t->again = true;
        return;
    }
    t->busy = true;
    do {
        t->again = false;
        if (!t->closed && session_start(t) && session_handshake(t))
            session_read(t);
        flush(t);
    } while (t->again && !t->doomed);
    if (t->closed && !t->reported && !t->doomed) {
        t->reported = true;
        t->cb.on_closed(t->ctx, t->clean, t->clean ? NULL : &t->why);
    }
    t->busy = false;
    if (t->doomed)
        session_destroy(t);
}

void tls_session_input(struct tls_session *t, struct str ciphertext)
{
    if (t->closed || t->doomed)
        return;
    if (ciphertext.n == 0)
        t->eof = true;
    strbuf_add(&t->in, ciphertext);
    if (t->in.overflow) {
        err_set(&t->why, ERR_TLS, "tls: oversized record received");
        session_close(t, false);
    }
    session_run(t);
}

void tls_session_write(struct tls_session *t, struct str plaintext)
{
    if (t->closed || t->doomed || t->shut)
        return;
    if (!t->established) {
        strbuf_add(&t->early, plaintext);
        return;
    }
    write_all(t, plaintext);
    session_run(t);
}

void tls_session_shutdown(struct tls_session *t)
{
    if (t->closed || t->doomed || t->shut)
        return;
    t->shut = true;
    if (t->established)
        mbedtls_ssl_close_notify(&t->ssl);
    session_run(t);
}

bool tls_session_established(const struct tls_session *t)
{
    return t->established;
}

struct cert **tls_session_peer_chain(struct tls_session *t, size_t *count)
{
    *count = t->peer_count;
    return t->peer;
}
