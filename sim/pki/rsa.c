/* sim/pki/rsa.c - RSA's private side, quickly: primes are found and tokens are signed with the arithmetic below.
 *
 * A fresh cluster makes one RSA key and signs some forty tokens with it: half of what its boot costs. mbedTLS defends its
 * arithmetic against those who measure it; inside a simulator there are none (key.c), so here is the textbook, a third
 * cheaper: Montgomery multiplication in limbs of 64 bits, a window of four bits, the Chinese remainders (RFC 8017, 5.1.2
 * and 8.2), and a finer sieve before the test of a prime. Keys and signatures are what anybody's would be, and every
 * version of mbedTLS gets the same key from the same seed.
 *
 * Not for secrets that others may time. Runs on any thread.
 */
#include "sim/pki/pki_priv.h"

enum { LIMBS_MAX = 32, BYTES_MAX = LIMBS_MAX * 8, WINDOW = 4 };  /* of a factor: keys of up to 4096 bits */
enum { SMALL_MAX = 1 << 15, SPAN = 4096, ROUNDS = 6 };           /* trial division; candidates (odd ones) from a start; Miller-Rabin */

typedef unsigned __int128 wide;

struct modulus {
    size_t   n;                                    /* limbs, least significant first */
    uint64_t m[LIMBS_MAX];                         /* odd */
    uint64_t inverse;                              /* -1 / m[0] modulo 2^64 */
    uint64_t one[LIMBS_MAX], square[LIMBS_MAX];    /* R and R^2 modulo m, where R is 2^(64 n) */
};

/* ---- limbs ---- */
static void limbs_read(uint64_t *v, size_t n, const mbedtls_mpi *x)
{
    uint8_t bytes[BYTES_MAX];
    ASSERT(mbedtls_mpi_write_binary(x, bytes, n * 8) == 0);
    for (size_t i = 0; i < n; i++) {
        const uint8_t *b = bytes + (n - 1 - i) * 8;
        v[i] = 0;
        for (int k = 0; k < 8; k++)
            v[i] = v[i] << 8 | b[k];
    }
}

static void limbs_write(mbedtls_mpi *x, const uint64_t *v, size_t n)
{
    uint8_t bytes[BYTES_MAX];
    for (size_t i = 0; i < n; i++)
        for (int k = 0; k < 8; k++)
            bytes[(n - 1 - i) * 8 + (size_t)k] = (uint8_t)(v[i] >> (56 - 8 * k));
    ASSERT(mbedtls_mpi_read_binary(x, bytes, n * 8) == 0);
}

static bool less(const uint64_t *a, const uint64_t *b, size_t n)
{
    while (n-- > 0)
        if (a[n] != b[n])
            return a[n] < b[n];
    return false;
}

static void subtract(uint64_t *a, const uint64_t *b, size_t n)
{
    uint64_t borrow = 0;
    for (size_t i = 0; i < n; i++) {
        wide d = (wide)a[i] - b[i] - borrow;
        a[i] = (uint64_t)d;
        borrow = (uint64_t)(d >> 64) & 1;
    }
}

static void twice(const struct modulus *m, uint64_t *v)
{
    uint64_t top = v[m->n - 1] >> 63;
    for (size_t i = m->n; i-- > 1;)
        v[i] = v[i] << 1 | v[i - 1] >> 63;
    v[0] <<= 1;
    if (top || !less(v, m->m, m->n))
        subtract(v, m->m, m->n);
}

/* ---- modulo an odd number ---- */
static void modulus_init(struct modulus *m, const uint64_t *v, size_t n)
{
    ASSERT(n >= 1 && n <= LIMBS_MAX && (v[0] & 1) && v[n - 1]);
    *m = (struct modulus){ .n = n, .inverse = 1 };
    memcpy(m->m, v, n * sizeof *v);
    for (int i = 0; i < 6; i++)                    /* Newton: each step doubles the bits that are right */
        m->inverse *= 2 - v[0] * m->inverse;
    m->inverse = 0 - m->inverse;
    uint64_t x[LIMBS_MAX] = { 1 };
    for (size_t i = 0; i < 64 * n; i++)
        twice(m, x);
    memcpy(m->one, x, sizeof x);
    for (size_t i = 0; i < 64 * n; i++)
        twice(m, x);
    memcpy(m->square, x, sizeof x);
}

/* out = a b / R; out may be a or b. */
static void multiply(const struct modulus *m, uint64_t *out, const uint64_t *a, const uint64_t *b)
{
    uint64_t t[LIMBS_MAX + 2] = { 0 };
    size_t n = m->n;
    for (size_t i = 0; i < n; i++) {
        wide v = 0;
        for (size_t j = 0; j < n; j++) {
            v = (wide)a[j] * b[i] + t[j] + (uint64_t)(v >> 64);
            t[j] = (uint64_t)v;
        }
        v = (wide)t[n] + (uint64_t)(v >> 64);
        t[n] = (uint64_t)v;
        t[n + 1] = (uint64_t)(v >> 64);
        uint64_t q = t[0] * m->inverse;
        v = (wide)q * m->m[0] + t[0];
        for (size_t j = 1; j < n; j++) {
            v = (wide)q * m->m[j] + t[j] + (uint64_t)(v >> 64);
            t[j - 1] = (uint64_t)v;
        }
        v = (wide)t[n] + (uint64_t)(v >> 64);
        t[n - 1] = (uint64_t)v;
        t[n] = t[n + 1] + (uint64_t)(v >> 64);
    }
    if (t[n] || !less(t, m->m, n))
        subtract(t, m->m, n);
    memcpy(out, t, n * sizeof *t);
}

/* out = base^exponent R, of a base that is below m; all of n limbs. */
static void power(const struct modulus *m, uint64_t *out, const uint64_t *base, const uint64_t *exponent)
{
    uint64_t table[1 << WINDOW][LIMBS_MAX];
    memcpy(table[0], m->one, sizeof m->one);
    multiply(m, table[1], base, m->square);
    for (size_t i = 2; i < ARRAY_LEN(table); i++)
        multiply(m, table[i], table[i - 1], table[1]);
    uint64_t x[LIMBS_MAX];
    memcpy(x, m->one, sizeof x);
    for (size_t at = 64 * m->n; at > 0;) {
        at -= WINDOW;
        for (int i = 0; i < WINDOW; i++)
            multiply(m, x, x, x);
        multiply(m, x, x, table[exponent[at / 64] >> at % 64 & ((1 << WINDOW) - 1)]);
    }
    memcpy(out, x, m->n * sizeof *x);
}

/* out = 2^exponent R. */
static void power_of_two(const struct modulus *m, uint64_t *out, const uint64_t *exponent)
{
    memcpy(out, m->one, m->n * sizeof *out);
    for (size_t at = 64 * m->n; at-- > 0;) {
        multiply(m, out, out, out);
        if (exponent[at / 64] >> at % 64 & 1)
            twice(m, out);
    }
}

/* ---- primes ---- */
/* Miller-Rabin with the first primes as bases: the candidates are random, so the bases need not be. */
static bool is_prime(const uint64_t *v, size_t n)
{
    static const uint64_t bases[ROUNDS] = { 2, 3, 5, 7, 11, 13 };          /* the first tells nearly all, and quickest */
    struct modulus m;
    uint64_t minus_one[LIMBS_MAX], d[LIMBS_MAX], x[LIMBS_MAX];
    size_t shift = 0;
    modulus_init(&m, v, n);
    memcpy(minus_one, v, n * sizeof *v);           /* -1 times R: m - R mod m */
    subtract(minus_one, m.one, n);
    memcpy(d, v, n * sizeof *v);
    d[0] -= 1;
    for (; !(d[0] & 1); shift++) {
        for (size_t i = 0; i + 1 < n; i++)
            d[i] = d[i] >> 1 | d[i + 1] << 63;
        d[n - 1] >>= 1;
    }
    for (size_t round = 0; round < ROUNDS; round++) {
        uint64_t base[LIMBS_MAX] = { bases[round] };
        if (round == 0)
            power_of_two(&m, x, d);
        else
            power(&m, x, base, d);
        bool good = memcmp(x, m.one, n * sizeof *x) == 0;
        for (size_t i = 0; i < shift && !good; i++) {
            good = memcmp(x, minus_one, n * sizeof *x) == 0;
            multiply(&m, x, x, x);
        }
        if (!good)
            return false;
    }
    return true;
}

static uint64_t remainder_of(const uint64_t *v, size_t n, uint64_t by)
{
    wide r = 0;
    while (n-- > 0)
        r = (r << 64 | v[n]) % by;
    return (uint64_t)r;
}

/* Of the odd numbers from v on: which have a small factor, or are 1 modulo e? */
static void sieve(const uint64_t *v, size_t n, bool composite[SPAN])
{
    static const uint64_t e = 65537;
    bool small[SMALL_MAX] = { false };             /* not a prime */
    memset(composite, 0, SPAN);
    for (uint64_t p = 3; p < SMALL_MAX; p += 2) {
        if (small[p])
            continue;
        for (uint64_t k = p * p; k < SMALL_MAX; k += 2 * p)
            small[k] = true;
        uint64_t r = remainder_of(v, n, p), first = r ? p - r : 0;               /* the first distance that p divides */
        for (uint64_t at = first % 2 ? first + p : first; at / 2 < SPAN; at += 2 * p)
            composite[at / 2] = true;
    }
    uint64_t r = (remainder_of(v, n, e) + e - 1) % e, at = r ? e - r : 0;
    for (at = at % 2 ? at + e : at; at / 2 < SPAN; at += 2 * e)
        composite[at / 2] = true;
}

/* The first prime from a random start whose two highest bits are set, so that the product of two has all its bits. */
static void prime_draw(struct rng *r, uint64_t *v, size_t n)
{
    for (;;) {
        bool composite[SPAN];
        for (size_t i = 0; i < n; i++)
            v[i] = rng_u64(r);
        v[0] |= 1;
        v[n - 1] |= (uint64_t)3 << 62;
        sieve(v, n, composite);
        size_t at = 0;
        for (size_t next = 0; next < SPAN; next++) {
            if (composite[next])
                continue;
            uint64_t low = v[0] + 2 * (next - at);
            if (low < v[0])
                break;                             /* a carry, once in a blue moon: draw again */
            v[0] = low;
            at = next;
            if (is_prime(v, n))
                return;
        }
    }
}

bool rsa_generate(mbedtls_rsa_context *rsa, struct rng *r, unsigned bits)
{
    size_t n = bits / 128;
    uint64_t p[LIMBS_MAX], q[LIMBS_MAX];
    mbedtls_mpi P, Q, E;
    if (bits % 128 != 0 || n > LIMBS_MAX)
        return false;
    mbedtls_mpi_init(&P);
    mbedtls_mpi_init(&Q);
    mbedtls_mpi_init(&E);
    prime_draw(r, p, n);
    do
        prime_draw(r, q, n);
    while (q[n - 1] == p[n - 1]);                  /* factors near each other are found */
    bool swap = less(p, q, n);
    limbs_write(&P, swap ? q : p, n);
    limbs_write(&Q, swap ? p : q, n);
    ASSERT(mbedtls_mpi_lset(&E, 65537) == 0);
    ASSERT(mbedtls_rsa_import(rsa, NULL, &P, &Q, NULL, &E) == 0 && mbedtls_rsa_complete(rsa) == 0);
    mbedtls_mpi_free(&P);
    mbedtls_mpi_free(&Q);
    mbedtls_mpi_free(&E);
    return true;
}

/* ---- signing ---- */
/* out = x^exponent modulo factor, which is odd and has n limbs. */
static int power_modulo(mbedtls_mpi *out, const mbedtls_mpi *x, const mbedtls_mpi *exponent, const mbedtls_mpi *factor, size_t n)
{
    struct modulus m;
    uint64_t v[LIMBS_MAX], e[LIMBS_MAX], plain[LIMBS_MAX] = { 1 };
    int rc = mbedtls_mpi_mod_mpi(out, x, factor);
    if (rc != 0)
        return rc;
    limbs_read(v, n, factor);
    modulus_init(&m, v, n);
    limbs_read(v, n, out);
    limbs_read(e, n, exponent);
    power(&m, v, v, e);
    multiply(&m, v, v, plain);                     /* out of Montgomery's form */
    limbs_write(out, v, n);
    return 0;
}

/* EMSA-PKCS1-v1_5 of a SHA-256 sum, in as many bytes as the key has. */
static void encode_sha256(uint8_t *out, size_t n, const uint8_t hash[32])
{
    static const uint8_t info[] = { 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                    0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20 };
    size_t padding = n - sizeof info - 32 - 3;
    out[0] = 0;
    out[1] = 1;
    memset(out + 2, 0xff, padding);
    out[2 + padding] = 0;
    memcpy(out + 3 + padding, info, sizeof info);
    memcpy(out + n - 32, hash, 32);
}

bool rsa_sign_sha256(const mbedtls_rsa_context *rsa, const uint8_t hash[32], uint8_t *sig, size_t *sig_len)
{
    size_t bytes = mbedtls_rsa_get_len(rsa), n = bytes / 16;
    mbedtls_mpi v[8], *P = &v[0], *Q = &v[1], *DP = &v[2], *DQ = &v[3], *QP = &v[4], *s1 = &v[5], *s2 = &v[6], *x = &v[7];
    uint8_t encoded[2 * BYTES_MAX];
    if (bytes % 16 != 0 || n > LIMBS_MAX || bytes < 128)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(v); i++)
        mbedtls_mpi_init(&v[i]);
    encode_sha256(encoded, bytes, hash);
    bool ok = mbedtls_rsa_export(rsa, NULL, P, Q, NULL, NULL) == 0 && mbedtls_rsa_export_crt(rsa, DP, DQ, QP) == 0 &&
              mbedtls_mpi_bitlen(P) == 64 * n && mbedtls_mpi_bitlen(Q) == 64 * n &&        /* of another shape: not here */
              mbedtls_mpi_read_binary(x, encoded, bytes) == 0 &&
              power_modulo(s1, x, DP, P, n) == 0 && power_modulo(s2, x, DQ, Q, n) == 0 &&
              mbedtls_mpi_sub_mpi(s1, s1, s2) == 0 && mbedtls_mpi_mul_mpi(s1, s1, QP) == 0 && mbedtls_mpi_mod_mpi(s1, s1, P) == 0 &&
              mbedtls_mpi_mul_mpi(s1, s1, Q) == 0 && mbedtls_mpi_add_mpi(s1, s1, s2) == 0 &&
              mbedtls_mpi_write_binary(s1, sig, bytes) == 0;
    for (size_t i = 0; i < ARRAY_LEN(v); i++)
        mbedtls_mpi_free(&v[i]);
    *sig_len = bytes;
    return ok;
}
