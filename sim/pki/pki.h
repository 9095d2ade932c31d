/* sim/pki/pki.h - keys, certificates, trust, tokens and TLS, all of mbedTLS behind one door (2.28 and 3.6 alike).
 *
 * Keys and certificates are refcounted and immutable. Deterministic where a cluster's contents must be (keys are drawn from a
 * seeded rng, ECDSA signatures are RFC 6979, serial numbers come from the caller's rng); TLS handshakes draw from the system.
 * Verification happens on virtual time and answers in the words of Go's crypto/x509, which are what students search for.
 */
#ifndef SIM_PKI_PKI_H
#define SIM_PKI_PKI_H

#include "sim/base/base.h"
#include "sim/base/json.h"
#include "sim/loop/loop.h"

/* ---- digests ---- */
void sha256(struct str in, uint8_t out[32]);
struct str sha256_hex(struct arena *a, struct str in);
struct sha256_run;                                 /* the same, piece by piece; end frees it and gives hex */
struct sha256_run *sha256_begin(void);
void sha256_add(struct sha256_run *r, struct str in);
void sha256_end(struct sha256_run *r, char out_hex[65]);
void sha1(struct str in, uint8_t out[20]);                       /* the WebSocket handshake's only */
void hmac_sha256(struct str key, struct str in, uint8_t out[32]);
bool crypto_equal(struct str a, struct str b);                   /* constant time for equal lengths */

/* ---- keys ---- */
struct key;                                                      /* a private key, or a public one alone */
struct key *key_generate_ec(struct rng *r);                      /* P-256; about 5 ms of CPU */
struct key *key_generate_rsa(struct rng *r, unsigned bits);      /* 2048: up to a second; call it from loop_work. Thread-safe. */
/* private (PKCS#1, SEC1, PKCS#8) or public (SPKI); NULL on error */
struct key *key_parse_pem(struct str pem, struct err *err);
struct key *key_ref(struct key *k);
void key_unref(struct key *k);                                   /* accepts NULL */
bool key_is_private(const struct key *k);
bool key_is_rsa(const struct key *k);
struct str key_pem(struct arena *a, const struct key *k);        /* "RSA PRIVATE KEY" or "EC PRIVATE KEY" */
struct str key_public_pem(struct arena *a, const struct key *k); /* "PUBLIC KEY" */
/* SubjectPublicKeyInfo; its SHA-256 names the key in a JWT's kid */
struct str key_spki_der(struct arena *a, const struct key *k);
bool key_same_public(const struct key *a, const struct key *b);

/* ---- certificates ---- */
struct cert {                                                    /* read-only view; owned by the refcount */
    struct str der;
    struct str subject_cn, issuer_cn;
    struct str *orgs;       size_t org_count;                    /* subject O, in order */
    struct str *dns_names;  size_t dns_count;
    struct str *ips;        size_t ip_count;                     /* dotted text */
    struct str *emails;     size_t email_count;
    struct str *uris;       size_t uri_count;
    struct str  serial;                                          /* big endian bytes */
    int64_t     not_before_ns, not_after_ns;                     /* unix ns */
    bool        is_ca;
    unsigned    key_usage, ext_usage;                            /* CERT_KU_*, CERT_EKU_*; 0 when the extension is absent */
    unsigned    refs;                                            /* private */
    void       *priv;                                            /* private */
};
enum { CERT_KU_DIGITAL_SIGNATURE = 1, CERT_KU_KEY_ENCIPHERMENT = 2, CERT_KU_CERT_SIGN = 4, CERT_KU_CRL_SIGN = 8 };
enum { CERT_EKU_SERVER = 1, CERT_EKU_CLIENT = 2, CERT_EKU_ANY = 4, CERT_EKU_OTHER = 8 };
struct cert *cert_parse_der(struct str der, struct err *err);
struct cert *cert_parse_pem(struct str pem, struct err *err);    /* the first CERTIFICATE block */
/* array malloc'ed; each a reference; certs_free */
bool cert_parse_pem_all(struct str pem, struct cert ***certs, size_t *count, struct err *err);
void certs_free(struct cert **certs, size_t count);
struct cert *cert_ref(struct cert *c);
void cert_unref(struct cert *c);
struct str cert_pem(struct arena *a, const struct cert *c);
struct key *cert_public_key(const struct cert *c);               /* new reference */

struct cert_template {                                           /* what to issue */
    const char  *cn;
    const char **orgs, **dns_names, **ips;                       /* NULL-terminated or NULL */
    int64_t      not_before_ns, not_after_ns;
    bool         is_ca;
    unsigned     key_usage, ext_usage;
    uint8_t      serial[20]; size_t serial_len;                  /* non-zero; the caller draws it */
};
/* Sign tpl for subject_key with issuer (NULL: self-signed with issuer_key, which is then subject_key's private half).
 * Extensions: basic constraints, key usage, extended usage, SANs with IP names, subject/authority key ids. Signature
 * SHA-256. NULL on error. */
struct cert *cert_issue(const struct cert_template *tpl, const struct key *subject_key, const struct cert *issuer,
                        const struct key *issuer_key, struct err *err);

/* ---- certificate requests (PKCS#10) ---- */
struct csr {                                                     /* lives in the arena that parsed it, but for the key */
    struct str subject_cn, *orgs; size_t org_count;
    struct str *dns_names, *ips, *emails, *uris; size_t dns_count, ip_count, email_count, uri_count;
    struct key *public_key;                                      /* owned by the arena (deferred unref) */
};
bool csr_parse_pem(struct arena *a, struct str pem, struct csr *out, struct err *err);   /* checks the request's own signature */
bool csr_check_pem(struct arena *a, struct str pem, struct err *err);   /* its form, as when it is posted: any key, no signature */
/* cn, orgs, dns_names, ips are used */
struct str csr_make(struct arena *a, const struct key *k, const struct cert_template *tpl, struct err *err);

/* ---- trust: a pool of roots, and Go's x509.Verify on virtual time ---- */
struct trust;
struct trust *trust_new(void);
void trust_free(struct trust *t);
bool trust_add_pem(struct trust *t, struct str pem, struct err *err);
void trust_add(struct trust *t, struct cert *c);                 /* takes its own reference */
size_t trust_count(const struct trust *t);
struct trust_check {
    int64_t  now_ns;                   /* virtual */
    unsigned usage;                    /* CERT_EKU_SERVER or _CLIENT */
    struct str server_name;            /* DNS name or IP text to match against SANs; empty: no name check (client certificates) */
};
/* Verify chain[0] with the rest as intermediates. Errors (ERR_TLS) in Go 1.12's words, without the later "tls: failed
 * to verify certificate: ": "x509: certificate signed by unknown authority", "x509: certificate has expired or is not
 * yet valid", "x509: cannot validate certificate for 192.168.229.132 because it doesn't contain any IP SANs", "x509:
 * certificate is valid for a, not b", "x509: certificate specifies an incompatible key usage". The
 * order of checks is that of crypto/x509/verify.go in Go 1.12: dates of the leaf, its name, the chain, usages. */
bool trust_verify(const struct trust *t, struct cert *const *chain, size_t count, const struct trust_check *check,
                  struct err *err);

/* ---- identity: what one end of a TLS connection shows ---- */
struct identity {                                                /* refcounted */
    struct cert **chain; size_t chain_count;
    struct key   *key;
    unsigned      refs;
};
struct identity *identity_new(struct cert *leaf, struct key *k); /* takes references of its own */
struct identity *identity_parse_pem(struct str cert_pem, struct str key_pem, struct err *err);
struct identity *identity_ref(struct identity *id);
void identity_unref(struct identity *id);

/* ---- JWT: RS256 compact tokens ---- */
/* header {"alg":"RS256","kid":...}; kid = base64url(SHA-256(SPKI)) */
struct str jwt_sign_rs256(struct arena *a, const struct key *k, struct str claims_json);
/* Split and verify against the key; ERR_UNAUTHORIZED on anything else than RS256 with a good signature. claims is
 * parsed into the arena. */
bool jwt_verify_rs256(struct arena *a, const struct key *k, struct str token, struct json **claims, struct err *err);
/* bootstrap signer: header..signature */
struct str jws_detached_hs256(struct arena *a, struct str key_id, struct str secret, struct str payload);

/* ---- TLS server side at the edge: bytes in, bytes out; no sockets here ---- */
/* shared configuration: session tickets, ALPN http/1.1, TLS 1.2+ */
struct tls_server;
struct tls_server_options {
    /* The identity for a new handshake (borrowed), or NULL to fail it with alert internal_error, as a kubelet without a
     * serving certificate. */
    struct identity *(*identity)(void *ctx);
    void *ctx;
    bool  request_client_cert;         /* ask, but judge later (Go's tls.RequestClientCert) */
    const struct trust *client_ca_hint;/* CA names for the request; may be NULL */
};
struct tls_server *tls_server_new(const struct tls_server_options *opt, struct err *err);
void tls_server_free(struct tls_server *s);
struct tls_session;
struct tls_callbacks {
    void (*on_output)(void *ctx, struct str ciphertext);         /* to be sent */
    void (*on_data)(void *ctx, struct str plaintext);
    /* close_notify or failure; once; the session may be freed after it returns */
    void (*on_closed)(void *ctx, bool clean, const struct err *why);
};
struct tls_session *tls_session_new(struct tls_server *s, const struct tls_callbacks *cb, void *ctx);
void tls_session_input(struct tls_session *t, struct str ciphertext);          /* empty: the peer's end of file */
void tls_session_write(struct tls_session *t, struct str plaintext);
void tls_session_shutdown(struct tls_session *t);                /* close_notify */
bool tls_session_established(const struct tls_session *t);
struct cert **tls_session_peer_chain(struct tls_session *t, size_t *count);    /* borrowed; NULL without a client certificate */
void tls_session_free(struct tls_session *t);

#endif
