/* sim/pki/digest.c - SHA-256, SHA-1, HMAC and the comparison that takes the same time for every wrong answer.
 *
 * mbedtls_md is the interface that kept its shape from 2.28 to 3.6, so all digests go through it.
 */
#include "sim/pki/pki.h"
#include "sim/pki/pki_priv.h"

#include <stdlib.h>

static void digest(mbedtls_md_type_t type, struct str in, uint8_t *out)
{
    const mbedtls_md_info_t *info = mbedtls_md_info_from_type(type);
    ASSERT(info != NULL);
    ASSERT(mbedtls_md(info, (const unsigned char *)(in.p ? in.p : ""), in.n, out) == 0);
}

void sha256(struct str in, uint8_t out[32])
{
    digest(MBEDTLS_MD_SHA256, in, out);
}

struct str sha256_hex(struct arena *a, struct str in)
{
    uint8_t sum[32];
    sha256(in, sum);
    return hex_encode(a, (struct str){ (const char *)sum, sizeof sum });
}

struct sha256_run { mbedtls_md_context_t md; };

struct sha256_run *sha256_begin(void)
{
    struct sha256_run *r = NEW(struct sha256_run);
    mbedtls_md_init(&r->md);
    ASSERT(mbedtls_md_setup(&r->md, mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), 0) == 0);
    ASSERT(mbedtls_md_starts(&r->md) == 0);
    return r;
}

void sha256_add(struct sha256_run *r, struct str in)
{
    ASSERT(mbedtls_md_update(&r->md, (const unsigned char *)(in.p ? in.p : ""), in.n) == 0);
}

void sha256_end(struct sha256_run *r, char out_hex[65])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char sum[32];
    ASSERT(mbedtls_md_finish(&r->md, sum) == 0);
    mbedtls_md_free(&r->md);
    free(r);
    for (size_t i = 0; i < sizeof sum; i++) {
        out_hex[2 * i] = digits[sum[i] >> 4];
        out_hex[2 * i + 1] = digits[sum[i] & 15];
    }
    out_hex[64] = '\0';
}

void sha1(struct str in, uint8_t out[20])
{
    digest(MBEDTLS_MD_SHA1, in, out);
}

void hmac_sha256(struct str key, struct str in, uint8_t out[32])
{
    const mbedtls_md_info_t *info = mbedtls_md_info_from_type(MBEDTLS_MD_SHA256);
    ASSERT(info != NULL);
    ASSERT(mbedtls_md_hmac(info, (const unsigned char *)(key.p ? key.p : ""), key.n,
                           (const unsigned char *)(in.p ? in.p : ""), in.n, out) == 0);
}

bool crypto_equal(struct str a, struct str b)
{
    if (a.n != b.n)
        return false;
    unsigned char diff = 0;
    for (size_t i = 0; i < a.n; i++)
        diff |= (unsigned char)(a.p[i] ^ b.p[i]);
    return diff == 0;
}
