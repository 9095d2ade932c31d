/* tests/fuzz/jwt_fuzz.c - bearer tokens of strangers. The key is fixed; nothing the fuzzer makes may verify. */
#include "sim/pki/pki.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct key *k;
    if (!k) {
        struct rng r;
        rng_init_seed(&r, (const uint8_t[32]){ 1 }, "fuzz");
        k = key_generate_rsa(&r, 1024);
    }
    struct arena *a = arena_new();
    struct json *claims;
    ASSERT(!jwt_verify_rs256(a, k, (struct str){ (const char *)data, n }, &claims, NULL));
    arena_free(a);
    return 0;
}
