/* sim/loop/rng.c - the dice: streams by name out of one seed of 256 bits.
 *
 * A stream is ChaCha20 (RFC 8439) under a key of its own, which is made from the seed and the name by HChaCha20 (the
 * key derivation of XChaCha20), name block by name block. Keys and tokens are drawn from such streams, so they have to
 * be as good as the seed: whoever sees one stream learns nothing of another, nor of the seed. One stream per consumer:
 * one that draws more shifts nobody else's.
 */
#include "sim/loop/loop_priv.h"

#include <math.h>
#include <stdio.h>

static uint32_t load32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void store32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

#define QUARTER(a, b, c, d)                                                                          \
    (x[a] += x[b], x[d] = rot(x[d] ^ x[a], 16), x[c] += x[d], x[b] = rot(x[b] ^ x[c], 12), x[a] += x[b], \
     x[d] = rot(x[d] ^ x[a], 8), x[c] += x[d], x[b] = rot(x[b] ^ x[c], 7))

static uint32_t rot(uint32_t v, int n)
{
    return v << n | v >> (32 - n);
}

/* The 20 rounds on constants, key and `input` (counter and nonce), without the final addition. */
static void chacha_rounds(uint32_t x[16], const uint32_t key[8], const uint32_t input[4])
{
    static const uint32_t constants[4] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 };   /* "expand 32-byte k" */
    memcpy(x, constants, 16);
    memcpy(x + 4, key, 32);
    memcpy(x + 12, input, 16);
    for (int i = 0; i < 10; i++) {
        QUARTER(0, 4, 8, 12);
        QUARTER(1, 5, 9, 13);
        QUARTER(2, 6, 10, 14);
        QUARTER(3, 7, 11, 15);
        QUARTER(0, 5, 10, 15);
        QUARTER(1, 6, 11, 12);
        QUARTER(2, 7, 8, 13);
        QUARTER(3, 4, 9, 14);
    }
}

static void chacha_block(uint8_t out[64], const uint32_t key[8], const uint32_t input[4])
{
    uint32_t x[16], start[16] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 };
    memcpy(start + 4, key, 32);
    memcpy(start + 12, input, 16);
    chacha_rounds(x, key, input);
    for (int i = 0; i < 16; i++)
        store32(out + 4 * i, x[i] + start[i]);
}

/* HChaCha20: a new key from a key and 16 bytes. */
static void derive(uint32_t key[8], const uint32_t input[4])
{
    uint32_t x[16];
    chacha_rounds(x, key, input);
    memcpy(key, x, 16);
    memcpy(key + 4, x + 12, 16);
}

void rng_init_seed(struct rng *r, const uint8_t seed[32], const char *name)
{
    size_t n = strlen(name);
    *r = (struct rng){ .used = sizeof r->block };
    for (int i = 0; i < 8; i++)
        r->key[i] = load32(seed + 4 * i);
    uint32_t length[4] = { (uint32_t)n, 0x6d616e72, 0, 0 };    /* the length first: no name is the beginning of another */
    derive(r->key, length);
    for (size_t at = 0; at < n; at += 16) {
        uint8_t chunk[16] = { 0 };
        uint32_t words[4];
        memcpy(chunk, name + at, n - at < 16 ? n - at : 16);
        for (int i = 0; i < 4; i++)
            words[i] = load32(chunk + 4 * i);
        derive(r->key, words);
    }
}

void rng_init(struct rng *r, const struct loop *l, const char *name)
{
    rng_init_seed(r, l->life_seed, name);
}

void loop_begin_life(struct loop *l, uint64_t n)
{
    struct rng r;
    char name[40];
    snprintf(name, sizeof name, "life %" PRIu64, n);
    rng_init_seed(&r, l->seed, name);
    if (n)
        rng_bytes(&r, l->life_seed, sizeof l->life_seed);
    else
        memcpy(l->life_seed, l->seed, sizeof l->seed);
    explicit_bzero(&r, sizeof r);
}

void rng_bytes(struct rng *r, void *out, size_t n)
{
    uint8_t *o = out;
    while (n > 0) {
        if (r->used == sizeof r->block) {
            const uint32_t input[4] = { (uint32_t)r->counter, (uint32_t)(r->counter >> 32), 0, 0 };
            chacha_block(r->block, r->key, input);
            r->counter++;
            r->used = 0;
        }
        size_t take = sizeof r->block - r->used < n ? sizeof r->block - r->used : n;
        memcpy(o, r->block + r->used, take);
        memset(r->block + r->used, 0, take);       /* what was given out is not kept */
        r->used += (uint32_t)take;
        o += take;
        n -= take;
    }
}

uint64_t rng_u64(struct rng *r)
{
    uint8_t b[8];
    rng_bytes(r, b, sizeof b);
    return load32(b) | (uint64_t)load32(b + 4) << 32;
}

uint64_t rng_below(struct rng *r, uint64_t n)
{
    ASSERT(n > 0);
    /* 2^64 mod n: as many values are thrown away, so that all remainders are equally likely */
    uint64_t uneven = (0 - n) % n, v;
    do
        v = rng_u64(r);
    while (v < uneven);
    return v % n;
}

double rng_unit(struct rng *r)
{
    return (double)(rng_u64(r) >> 11) * 0x1p-53;
}

double rng_normal(struct rng *r)
{
    double u = 1.0 - rng_unit(r), v = rng_unit(r); /* Box and Muller; u is never 0 */
    return sqrt(-2.0 * log(u)) * cos(2.0 * 3.14159265358979323846 * v);
}

void rng_suffix(struct rng *r, char *out, size_t n)
{
    static const char letters[] = "bcdfghjklmnpqrstvwxz2456789";   /* no vowels and no 0, 1, 3: no words, nothing to misread */
    for (size_t i = 0; i < n; i++)
        out[i] = letters[rng_below(r, sizeof letters - 1)];
    out[n] = '\0';
}

void rng_uuid(struct rng *r, char out[37])
{
    static const char hex[] = "0123456789abcdef";
    uint8_t b[16];
    rng_bytes(r, b, sizeof b);
    b[6] = (uint8_t)(0x40 | (b[6] & 0x0f));        /* version 4, RFC 4122 variant */
    b[8] = (uint8_t)(0x80 | (b[8] & 0x3f));
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *out++ = '-';
        *out++ = hex[b[i] >> 4];
        *out++ = hex[b[i] & 15];
    }
    *out = '\0';
}

void loop_seed_from_int(uint8_t seed[32], uint64_t n)
{
    memset(seed, 0, 32);
    store32(seed, (uint32_t)n);
    store32(seed + 4, (uint32_t)(n >> 32));
}

bool loop_seed_from_system(uint8_t seed[32], struct err *err)
{
    int rc = uv_random(NULL, NULL, seed, 32, 0, NULL);
    return rc == 0 || err_set(err, ERR_IO, "read random bytes from the system: %s", uv_strerror(rc));
}
