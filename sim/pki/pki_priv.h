/* sim/pki/pki_priv.h - what the files of this room share, and the one place that knows which mbedTLS this is.
 *
 * mbedTLS 2.28 (Debian 12) and 3.6 (Debian 13) differ in signatures (3.x wants a random source to parse a key, and
 * sizes of buffers), in hidden fields and in the names of a few settings. The static functions at the end hide that; no
 * other file asks for the version.
 */
#ifndef SIM_PKI_PKI_PRIV_H
#define SIM_PKI_PKI_PRIV_H

#define MBEDTLS_ALLOW_PRIVATE_ACCESS

#include "sim/pki/pki.h"

#include <mbedtls/version.h>

#include <mbedtls/ecdsa.h>
#include <mbedtls/ecp.h>
#include <mbedtls/md.h>
#include <mbedtls/pk.h>
#include <mbedtls/rsa.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_ticket.h>
#include <mbedtls/x509_crt.h>
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
#include <psa/crypto.h>
#endif

enum {
    PKI_SIGNATURE_MAX = 1024,          /* bytes: RSA 8192 */
    PKI_KEY_DER_MAX   = 8192,          /* bytes: a private RSA 8192 key is about 4.7 kB */
    PKI_PEM_FILE_MAX  = 4 * 1024 * 1024
};

/* ---- key.c ---- */
void pki_init_once(void);                                        /* before the first use of mbedTLS; any thread */
struct key {
    mbedtls_pk_context pk;
    struct str         spki;           /* SubjectPublicKeyInfo, malloc'ed: a key's identity */
    bool               is_private;
    unsigned           refs;
};
struct key *key_parse_spki(struct str spki_der, struct err *err);
/* Is k private, and does it belong to that public one? A parsed private key may state a public key that is not its own. */
bool key_is_pair(const struct key *pub, const struct key *k);
/* Sign SHA-256(data). sig holds PKI_SIGNATURE_MAX bytes. */
bool key_sign_sha256(const struct key *k, struct str data, uint8_t *sig, size_t *sig_len, struct err *err);
bool key_verify(const struct key *k, mbedtls_md_type_t md, struct str data, struct str sig);
int pki_rng_draw(void *rng, unsigned char *out, size_t n);       /* mbedTLS' shape of rng_bytes */

/* ---- pem.c ---- */
struct pem_block { struct str type, der; };
/* The next well-formed block of *rest, which is advanced; false when there is none. The DER lies in the arena. */
bool pem_next(struct arena *a, struct str *rest, struct pem_block *out);
struct str pem_encode(struct arena *a, const char *type, struct str der);

/* ---- der.c: reading forwards, writing backwards ---- */
enum {
    DER_BOOLEAN = 0x01, DER_INTEGER = 0x02, DER_BIT_STRING = 0x03, DER_OCTET_STRING = 0x04, DER_NULL = 0x05, DER_OID = 0x06,
    DER_ENUMERATED = 0x0a, DER_UTF8_STRING = 0x0c, DER_PRINTABLE_STRING = 0x13, DER_IA5_STRING = 0x16, DER_UTC_TIME = 0x17,
    DER_GENERALIZED_TIME = 0x18, DER_SEQUENCE = 0x30, DER_SET = 0x31, DER_CONTEXT = 0x80, DER_CONSTRUCTED = 0x20
};
/* Take one element off *in: its contents, and if `whole` is given also the element itself. False at the end or when malformed. */
bool der_next(struct str *in, unsigned *tag, struct str *body, struct str *whole);
bool der_take(struct str *in, unsigned want_tag, struct str *body);   /* false, *in untouched, when the next element is another */
bool der_time(unsigned tag, struct str body, int64_t *unix_ns);
struct der_out { uint8_t *buf; size_t cap, at; };                /* at moves down from cap */
void der_out_init(struct der_out *o, struct arena *a, size_t cap);
void der_put(struct der_out *o, const void *bytes, size_t n);
void der_put_str(struct der_out *o, struct str s);
/* what was written since at == mark becomes the element's contents */
void der_close(struct der_out *o, unsigned tag, size_t mark);
void der_put_bits(struct der_out *o, struct str bytes);          /* a BIT STRING of whole bytes */
struct str der_out_str(const struct der_out *o);

/* ---- names.c: subjects and subject alternative names, alike in certificates and requests ---- */
enum san_kind { SAN_EMAIL, SAN_DNS, SAN_URI, SAN_IP, SAN_KINDS };
struct x509_names {
    struct str  cn;
    struct str *orgs; size_t org_count;
    struct str *san[SAN_KINDS]; size_t san_count[SAN_KINDS];
    bool        has_san;
};
bool x509_subject_parse(struct arena *a, struct str name_body, struct x509_names *out);
bool x509_san_parse(struct arena *a, struct str ext_value, struct x509_names *out, struct err *err);
void x509_subject_write(struct der_out *o, const struct cert_template *tpl);
/* The extension itself, as an element of Extensions; false when the template has no names. ERR_PARSE on a malformed IP. */
bool x509_san_write(struct der_out *o, const struct cert_template *tpl, struct err *err);
void x509_extension_write(struct der_out *o, struct str oid, bool critical, size_t mark);
size_t x509_template_bytes(const struct cert_template *tpl);     /* an upper bound of names and SANs in DER */
bool pki_ip_parse(struct str text, uint8_t out[16], size_t *n);      /* n is 4 or 16 */
struct str pki_ip_text(struct arena *a, const uint8_t *ip, size_t n);/* as Go's net.IP.String */
extern const struct str oid_san, oid_basic_constraints, oid_key_usage, oid_ext_usage, oid_subject_key_id, oid_authority_key_id;

/* ---- cert.c ---- */
struct cert_priv {                     /* struct cert's hidden half */
    struct cert   pub;
    struct arena *mem;                 /* everything the certificate points to */
    struct key   *key;
    struct str    tbs, sig, sig_alg;   /* sig_alg: the OID's bytes */
    struct str    issuer_raw, subject_raw;   /* whole Name elements */
    struct str    subject_key_id, authority_key_id;
    struct str    san_raw;             /* the extension's value, for telling certificates apart */
    bool          has_san, has_basic, has_key_usage, unhandled_critical;
    int           version, path_len;   /* path_len -1: no limit */
    struct key   *verified_by;         /* the last key under which the signature was good: a fact that cannot change; or NULL */
};
const struct cert_priv *cert_of(const struct cert *c);
/* NULL if c's signature was made by parent's key; else Go's words for why not. */
const char *cert_check_signature(const struct cert *c, const struct cert *parent);
const char *pki_signature_check(struct str sig_alg_oid, struct str tbs, struct str sig, const struct key *k);
extern const struct str der_alg_rsa_sha256, der_alg_ecdsa_sha256;      /* whole AlgorithmIdentifiers */

/* ---- trust.c ---- */
const struct cert *trust_root(const struct trust *t, size_t i);

/* ---- identity.c ---- */
struct identity_priv {
    struct identity  pub;
    mbedtls_x509_crt list;             /* the chain as mbedTLS wants it, linked */
};
struct identity_priv *identity_of(struct identity *id);

/* ---- the versions of mbedTLS ---- */
#if MBEDTLS_VERSION_NUMBER >= 0x03000000

static inline bool compat_handshake_is_over(mbedtls_ssl_context *ssl) { return mbedtls_ssl_is_handshake_over(ssl) != 0; }
static inline void compat_init(void) { ASSERT(psa_crypto_init() == PSA_SUCCESS); }
static inline int compat_pk_parse_key(mbedtls_pk_context *pk, struct str der, int (*rng)(void *, unsigned char *, size_t),
                                      void *ctx)
{
    return mbedtls_pk_parse_key(pk, (const unsigned char *)der.p, der.n, NULL, 0, rng, ctx);
}

static inline int compat_pk_check_pair(mbedtls_pk_context *pub, mbedtls_pk_context *prv,
                                       int (*rng)(void *, unsigned char *, size_t), void *ctx)
{
    return mbedtls_pk_check_pair(pub, prv, rng, ctx);
}

static inline int compat_pk_sign(mbedtls_pk_context *pk, mbedtls_md_type_t md, const uint8_t *hash, size_t hash_len, uint8_t *sig,
                                 size_t cap, size_t *n, int (*rng)(void *, unsigned char *, size_t), void *ctx)
{
    return mbedtls_pk_sign(pk, md, hash, hash_len, sig, cap, n, rng, ctx);
}

static inline int compat_ecdsa_sign(mbedtls_ecp_keypair *ec, mbedtls_md_type_t md, const uint8_t *hash, size_t hash_len,
                                    uint8_t *sig, size_t cap, size_t *n, int (*rng)(void *, unsigned char *, size_t),
                                    void *ctx)
{
    return mbedtls_ecdsa_write_signature(ec, md, hash, hash_len, sig, cap, n, rng, ctx);
}

/* TLS 1.2 alone, from both sides: what a Kubernetes 1.16 serves, and session tickets that carry the client's certificate. */
static inline void compat_ssl_conf(mbedtls_ssl_config *conf)
{
    static const uint16_t groups[] = { MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1, MBEDTLS_SSL_IANA_TLS_GROUP_X25519,
                                       MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1, MBEDTLS_SSL_IANA_TLS_GROUP_NONE };
    mbedtls_ssl_conf_min_tls_version(conf, MBEDTLS_SSL_VERSION_TLS1_2);
    mbedtls_ssl_conf_max_tls_version(conf, MBEDTLS_SSL_VERSION_TLS1_2);
    mbedtls_ssl_conf_groups(conf, groups);
}

#else

static inline bool compat_handshake_is_over(mbedtls_ssl_context *ssl) { return ssl->state == MBEDTLS_SSL_HANDSHAKE_OVER; }
static inline void compat_init(void) { }
static inline int compat_pk_parse_key(mbedtls_pk_context *pk, struct str der, int (*rng)(void *, unsigned char *, size_t),
                                      void *ctx)
{
    (void)rng; (void)ctx;
    return mbedtls_pk_parse_key(pk, (const unsigned char *)der.p, der.n, NULL, 0);
}

static inline int compat_pk_check_pair(mbedtls_pk_context *pub, mbedtls_pk_context *prv,
                                       int (*rng)(void *, unsigned char *, size_t), void *ctx)
{
    (void)rng; (void)ctx;
    return mbedtls_pk_check_pair(pub, prv);
}

static inline int compat_pk_sign(mbedtls_pk_context *pk, mbedtls_md_type_t md, const uint8_t *hash, size_t hash_len, uint8_t *sig,
                                 size_t cap, size_t *n, int (*rng)(void *, unsigned char *, size_t), void *ctx)
{
    (void)cap; (void)rng; (void)ctx;   /* without a source of randomness RSA is not blinded, which takes a fifth less time */
    return mbedtls_pk_sign(pk, md, hash, hash_len, sig, n, NULL, NULL);
}

static inline int compat_ecdsa_sign(mbedtls_ecp_keypair *ec, mbedtls_md_type_t md, const uint8_t *hash, size_t hash_len,
                                    uint8_t *sig, size_t cap, size_t *n, int (*rng)(void *, unsigned char *, size_t),
                                    void *ctx)
{
    (void)cap;
    return mbedtls_ecdsa_write_signature(ec, md, hash, hash_len, sig, n, rng, ctx);
}

static inline void compat_ssl_conf(mbedtls_ssl_config *conf)
{
    static const mbedtls_ecp_group_id curves[] = { MBEDTLS_ECP_DP_SECP256R1, MBEDTLS_ECP_DP_CURVE25519, MBEDTLS_ECP_DP_SECP384R1,
                                                   MBEDTLS_ECP_DP_NONE };
    mbedtls_ssl_conf_min_version(conf, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
    mbedtls_ssl_conf_max_version(conf, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
    mbedtls_ssl_conf_curves(conf, curves);
}

#endif
#endif
