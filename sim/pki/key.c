/* sim/pki/key.c - private and public keys: RSA and the NIST curves.
 *
 * Kubeadm 1.16 makes RSA 2048 keys; the kubelet's bootstrap makes P-256 ones (client-go util/certificate). kubelab uses
 * P-256 wherever nobody reads the algorithm, since an RSA key costs a hundred times as much.
 *
 * A key that belongs to the cluster's contents is drawn from a seeded stream: the same seed makes the same key, and
 * since ECDSA signatures are RFC 6979's, the same certificates. mbedTLS also wants random numbers to blind its
 * arithmetic against an observer of the process' timing; there is none to defend against in a simulator, so blinding
 * comes from a fixed stream and cannot change a result.
 *
 * Generation and parsing may run on any thread. One key must be used by one thread at a time, because signing fills the
 * key's table of multiples (a third faster from the second signature on).
 */
#include "sim/pki/pki_priv.h"

#include <pthread.h>
#include <stdlib.h>

static pthread_once_t pki_once = PTHREAD_ONCE_INIT;
static pthread_mutex_t base_lock = PTHREAD_MUTEX_INITIALIZER;    /* guards base_group */
/* P-256; it remembers multiples of the base point, which makes each key after the first cheaper */
static mbedtls_ecp_group base_group;

static void pki_init(void)
{
    compat_init();
    mbedtls_ecp_group_init(&base_group);
    ASSERT(mbedtls_ecp_group_load(&base_group, MBEDTLS_ECP_DP_SECP256R1) == 0);
}

void pki_init_once(void)
{
    ASSERT(pthread_once(&pki_once, pki_init) == 0);
}

int pki_rng_draw(void *rng, unsigned char *out, size_t n)
{
    rng_bytes(rng, out, n);
    return 0;
}

static void blinding_init(struct rng *r)
{
    static const uint8_t seed[32] = { 0 };
    rng_init_seed(r, seed, "pki blinding");
}

/* An empty key with one reference. */
static struct key *key_new(bool is_private)
{
    pki_init_once();
    struct key *k = NEW(struct key);
    k->refs = 1;
    k->is_private = is_private;
    mbedtls_pk_init(&k->pk);
    return k;
}

/* Remember the public half's DER; the last step of making a key. */
static struct key *key_finish(struct key *k)
{
    unsigned char der[PKI_KEY_DER_MAX];
    int n = mbedtls_pk_write_pubkey_der(&k->pk, der, sizeof der);     /* written at the end of the buffer */
    ASSERT(n > 0);
    char *copy = xmalloc((size_t)n);
    memcpy(copy, der + sizeof der - (size_t)n, (size_t)n);
    k->spki = (struct str){ copy, (size_t)n };
    return k;
}

/* The public point of a secret. */
static void base_multiply(mbedtls_ecp_point *q, const mbedtls_mpi *d)
{
    struct rng blinding;
    blinding_init(&blinding);
    pthread_mutex_lock(&base_lock);
    int rc = mbedtls_ecp_mul(&base_group, q, d, &base_group.G, pki_rng_draw, &blinding);
    pthread_mutex_unlock(&base_lock);
    ASSERT(rc == 0);
}

struct key *key_generate_ec(struct rng *r)
{
    struct key *k = key_new(true);
    ASSERT(mbedtls_pk_setup(&k->pk, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY)) == 0);
    mbedtls_ecp_keypair *ec = mbedtls_pk_ec(k->pk);
    ASSERT(mbedtls_ecp_group_load(&ec->grp, MBEDTLS_ECP_DP_SECP256R1) == 0);
    uint8_t secret[32];
    do {
        /* drawn here and not by mbedTLS, so that every version makes the same key of the same seed */
        rng_bytes(r, secret, sizeof secret);
        ASSERT(mbedtls_mpi_read_binary(&ec->d, secret, sizeof secret) == 0);
    } while (mbedtls_ecp_check_privkey(&ec->grp, &ec->d) != 0);
    base_multiply(&ec->Q, &ec->d);
    return key_finish(k);
}

struct key *key_generate_rsa(struct rng *r, unsigned bits)
{
    ASSERT(bits >= 1024 && bits <= 8192);
    struct key *k = key_new(true);
    ASSERT(mbedtls_pk_setup(&k->pk, mbedtls_pk_info_from_type(MBEDTLS_PK_RSA)) == 0);
    ASSERT(mbedtls_rsa_gen_key(mbedtls_pk_rsa(k->pk), pki_rng_draw, r, bits, 65537) == 0);
    return key_finish(k);
}

static bool parse_private(struct key *k, struct str der)
{
    struct rng blinding;
    blinding_init(&blinding);
    return compat_pk_parse_key(&k->pk, der, pki_rng_draw, &blinding) == 0;
}

static bool parse_public(struct key *k, struct str der)
{
    unsigned char *p = (unsigned char *)(uintptr_t)der.p;        /* read only, in spite of its type */
    const unsigned char *end = p + der.n;
    return mbedtls_pk_parse_subpubkey(&p, end, &k->pk) == 0 && p == end;
}

static bool key_is_supported(const struct key *k)
{
    mbedtls_pk_type_t type = mbedtls_pk_get_type(&k->pk);
    return type == MBEDTLS_PK_ECKEY || (type == MBEDTLS_PK_RSA && mbedtls_pk_get_bitlen(&k->pk) <= PKI_SIGNATURE_MAX * 8);
}

static struct key *key_parse_der(struct str der, bool is_private)
{
    struct key *k = key_new(is_private);
    bool ok = is_private ? parse_private(k, der) : parse_public(k, der);
    if (ok && key_is_supported(k))
        return key_finish(k);
    key_unref(k);
    return NULL;
}

struct key *key_parse_spki(struct str spki_der, struct err *err)
{
    struct key *k = key_parse_der(spki_der, false);
    if (!k)
        err_set(err, ERR_PARSE, "x509: unknown or malformed public key");
    return k;
}

struct key *key_parse_pem(struct str pem, struct err *err)
{
    static const struct { const char *type; bool is_private; } kinds[] = {
        { "RSA PRIVATE KEY", true }, { "EC PRIVATE KEY", true }, { "PRIVATE KEY", true }, { "PUBLIC KEY", false },
    };
    struct arena *a = arena_new();
    struct key *k = NULL;
    struct pem_block block;
    while (!k && pem_next(a, &pem, &block))
        for (size_t i = 0; i < ARRAY_LEN(kinds) && !k; i++)
            if (str_eqc(block.type, kinds[i].type))
                k = key_parse_der(block.der, kinds[i].is_private);
    arena_free(a);
    if (!k)
        err_set(err, ERR_PARSE, "data does not contain a valid RSA or ECDSA private key");   /* client-go util/keyutil */
    return k;
}

struct key *key_ref(struct key *k)
{
    k->refs++;
    return k;
}

void key_unref(struct key *k)
{
    if (!k)
        return;
    ASSERT(k->refs > 0);
    if (--k->refs > 0)
        return;
    mbedtls_pk_free(&k->pk);
    free((void *)(uintptr_t)k->spki.p);
    free(k);
}

bool key_is_private(const struct key *k)
{
    return k->is_private;
}

bool key_is_rsa(const struct key *k)
{
    return mbedtls_pk_get_type(&k->pk) == MBEDTLS_PK_RSA;
}

struct str key_pem(struct arena *a, const struct key *k)
{
    ASSERT(k->is_private);
    unsigned char der[PKI_KEY_DER_MAX];
    int n = mbedtls_pk_write_key_der((mbedtls_pk_context *)(uintptr_t)&k->pk, der, sizeof der);
    ASSERT(n > 0);
    return pem_encode(a, key_is_rsa(k) ? "RSA PRIVATE KEY" : "EC PRIVATE KEY",
                      (struct str){ (const char *)der + sizeof der - (size_t)n, (size_t)n });
}

struct str key_public_pem(struct arena *a, const struct key *k)
{
    return pem_encode(a, "PUBLIC KEY", k->spki);
}

struct str key_spki_der(struct arena *a, const struct key *k)
{
    return arena_str(a, k->spki);
}

bool key_same_public(const struct key *a, const struct key *b)
{
    return str_eq(a->spki, b->spki);
}

static bool ec_pair_matches(const mbedtls_ecp_keypair *ec)
{
    mbedtls_ecp_point q;
    mbedtls_ecp_point_init(&q);
    base_multiply(&q, &ec->d);
    bool same = mbedtls_ecp_point_cmp(&q, &ec->Q) == 0;
    mbedtls_ecp_point_free(&q);
    return same;
}

bool key_is_pair(const struct key *pub, const struct key *k)
{
    struct rng blinding;
    mbedtls_pk_context *pk = (mbedtls_pk_context *)(uintptr_t)&k->pk;
    if (!k->is_private || !key_same_public(pub, k))
        return false;
    if (!key_is_rsa(k) && mbedtls_pk_ec(*pk)->grp.id == MBEDTLS_ECP_DP_SECP256R1)
        return ec_pair_matches(mbedtls_pk_ec(*pk));    /* a third of the time, since multiples of the base point are there */
    blinding_init(&blinding);
    return compat_pk_check_pair(pk, pk, pki_rng_draw, &blinding) == 0;
}

static const mbedtls_md_info_t *hash_data(mbedtls_md_type_t md, struct str data, uint8_t hash[MBEDTLS_MD_MAX_SIZE])
{
    const mbedtls_md_info_t *info = mbedtls_md_info_from_type(md);
    if (info && mbedtls_md(info, (const unsigned char *)data.p, data.n, hash) != 0)
        return NULL;
    return info;
}

bool key_sign_sha256(const struct key *k, struct str data, uint8_t *sig, size_t *sig_len, struct err *err)
{
    ASSERT(k->is_private);
    uint8_t hash[32];
    sha256(data, hash);
    struct rng blinding;
    blinding_init(&blinding);
    mbedtls_pk_context *pk = (mbedtls_pk_context *)(uintptr_t)&k->pk;
    int rc;
    if (key_is_rsa(k))
        rc = compat_pk_sign(pk, MBEDTLS_MD_SHA256, hash, sizeof hash, sig, PKI_SIGNATURE_MAX, sig_len, pki_rng_draw, &blinding);
    else                               /* past mbedtls_pk, which copies the key and so forgets its table each time */
        rc = compat_ecdsa_sign(mbedtls_pk_ec(*pk), MBEDTLS_MD_SHA256, hash, sizeof hash, sig, PKI_SIGNATURE_MAX, sig_len,
                               pki_rng_draw, &blinding);
    return rc == 0 ? true : err_set(err, ERR_INTERNAL, "x509: signing failed (mbedTLS -0x%04x)", (unsigned)-rc);
}

bool key_verify(const struct key *k, mbedtls_md_type_t md, struct str data, struct str sig)
{
    uint8_t hash[MBEDTLS_MD_MAX_SIZE];
    const mbedtls_md_info_t *info = hash_data(md, data, hash);
    if (!info)
        return false;
    mbedtls_pk_context *pk = (mbedtls_pk_context *)(uintptr_t)&k->pk;
    const unsigned char *bytes = (const unsigned char *)sig.p;
    if (key_is_rsa(k))
        return mbedtls_pk_verify(pk, md, hash, mbedtls_md_get_size(info), bytes, sig.n) == 0;
    return mbedtls_ecdsa_read_signature(mbedtls_pk_ec(*pk), hash, mbedtls_md_get_size(info), bytes, sig.n) == 0;
}
