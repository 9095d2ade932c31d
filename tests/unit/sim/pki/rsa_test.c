/* RSA's private side: the keys are mbedTLS's idea of a key, the signatures are bit for bit what mbedTLS signs. */
#include "tests/unit/sim/pki/pki_test_util.h"

#include "sim/pki/pki_priv.h"

static void check_key(unsigned bits, const char *name)
{
    struct rng r = test_rng(name), again = test_rng(name);
    struct key *k = key_generate_rsa(&r, bits), *same = key_generate_rsa(&again, bits);
    mbedtls_rsa_context *rsa = mbedtls_pk_rsa(k->pk);
    assert_true(key_same_public(k, same));
    assert_int_equal(mbedtls_pk_get_bitlen(&k->pk), bits);
    assert_int_equal(mbedtls_rsa_check_privkey(rsa), 0);
    for (int i = 0; i < 3; i++) {
        uint8_t hash[32], ours[PKI_SIGNATURE_MAX], theirs[PKI_SIGNATURE_MAX];
        size_t n = 0, m = 0;
        char text[32];
        snprintf(text, sizeof text, "message %d", i);
        sha256(str_c(text), hash);
        assert_true(key_sign_sha256(k, str_c(text), ours, &n, NULL));
        assert_int_equal(compat_pk_sign(&k->pk, MBEDTLS_MD_SHA256, hash, 32, theirs, sizeof theirs, &m, pki_rng_draw, &r), 0);
        assert_int_equal(n, m);
        assert_memory_equal(ours, theirs, n);
        assert_true(key_verify(k, MBEDTLS_MD_SHA256, str_c(text), (struct str){ (const char *)ours, n }));
    }
    key_unref(k);
    key_unref(same);
}

static void keys_and_signatures(void **state)
{
    (void)state;
    check_key(1024, "a");
    check_key(1024, "b");
    check_key(1152, "nine limbs");
    check_key(2048, "a cluster's");
    check_key(1032, "left to mbedTLS");
}

/* Probable primes by mbedTLS's own test, with random bases. */
static void factors_are_primes(void **state)
{
    (void)state;
    struct rng r = test_rng("primes");
    for (int i = 0; i < 4; i++) {
        struct key *k = key_generate_rsa(&r, 1024);
        mbedtls_mpi f[2];
        for (int j = 0; j < 2; j++)
            mbedtls_mpi_init(&f[j]);
        assert_int_equal(mbedtls_rsa_export(mbedtls_pk_rsa(k->pk), NULL, &f[0], &f[1], NULL, NULL), 0);
        for (int j = 0; j < 2; j++) {
            assert_int_equal(mbedtls_mpi_is_prime_ext(&f[j], 40, pki_rng_draw, &r), 0);
            mbedtls_mpi_free(&f[j]);
        }
        key_unref(k);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(keys_and_signatures), cmocka_unit_test(factors_are_primes) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
