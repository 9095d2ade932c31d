/* Keys: drawn the same from the same seed, written and read back, refused when broken. */
#include "tests/unit/sim/pki/pki_test_util.h"

#include <pthread.h>

/* openssl ecparam -name prime256v1 -genkey | openssl pkcs8 -topk8 -nocrypt, and the same key's public half */
static const char pkcs8[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg5bsb+X82SZNcZJ3M\n"
    "VfEsL7Xe50WsPaz/Xb5dXx7bG3qhRANCAAS+Q70cMldZMGlI5KyZPJI2HubMntcE\n"
    "wW6TuAI1RXlrb9VKMaD2tiZLWdKYcPcwnKmI4D/XCryptcterV3V7CuW\n"
    "-----END PRIVATE KEY-----\n";
static const char spki[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEvkO9HDJXWTBpSOSsmTySNh7mzJ7X\n"
    "BMFuk7gCNUV5a2/VSjGg9rYmS1nSmHD3MJypiOA/1wq8qbXLXq1d1ewrlg==\n"
    "-----END PUBLIC KEY-----\n";

static void deterministic(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct key *x = test_key("ca"), *y = test_key("ca"), *z = test_key("other");
    assert_true(str_eq(key_pem(a, x), key_pem(a, y)));
    assert_true(key_same_public(x, y));
    assert_false(key_same_public(x, z));
    assert_true(key_is_private(x) && !key_is_rsa(x));
    key_unref(x);
    key_unref(y);
    key_unref(z);
    key_unref(NULL);
    arena_free(a);
}

static void *make_keys(void *out)
{
    struct key **keys = out;
    for (size_t i = 0; i < 8; i++)
        keys[i] = test_key(i % 2 ? "odd" : "even");
    return NULL;
}

/* Two threads at once make what one makes. */
static void on_threads(void **state)
{
    (void)state;
    struct key *keys[3][8];
    pthread_t threads[2];
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, make_keys, keys[i]), 0);
    make_keys(keys[2]);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (size_t i = 0; i < 3; i++)
        for (size_t j = 0; j < 8; j++)
            assert_true(key_same_public(keys[i][j], keys[2][j % 2]));
    for (size_t i = 0; i < 24; i++)
        key_unref(keys[i / 8][i % 8]);
}

static void check_round_trip(struct key *k, const char *head)
{
    struct arena *a = arena_new();
    struct str pem = key_pem(a, k), pub = key_public_pem(a, k);
    assert_true(str_starts(pem, head));
    struct key *back = key_parse_pem(pem, NULL), *half = key_parse_pem(pub, NULL);
    assert_non_null(back);
    assert_non_null(half);
    assert_true(key_is_private(back) && !key_is_private(half));
    assert_int_equal(key_is_rsa(k), key_is_rsa(half));
    assert_true(key_same_public(k, back) && key_same_public(k, half));
    assert_true(str_eq(key_pem(a, back), pem));
    key_unref(back);
    key_unref(half);
    arena_free(a);
}

static void round_trip(void **state)
{
    (void)state;
    struct key *ec = test_key("ec");
    check_round_trip(ec, "-----BEGIN EC PRIVATE KEY-----\n");
    key_unref(ec);
    struct rng r = test_rng("rsa");
    struct key *rsa = key_generate_rsa(&r, 1024);
    check_round_trip(rsa, "-----BEGIN RSA PRIVATE KEY-----\n");
    key_unref(rsa);
}

static void foreign_forms(void **state)
{
    (void)state;
    struct key *k = key_parse_pem(str_c(pkcs8), NULL), *pub = key_parse_pem(str_c(spki), NULL);
    assert_non_null(k);
    assert_non_null(pub);
    assert_true(key_same_public(k, pub));
    key_unref(k);
    key_unref(pub);
}

static void refused(void **state)
{
    static const char *const texts[] = {
        "", "nonsense", "-----BEGIN PRIVATE KEY-----\n", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "-----BEGIN PUBLIC KEY-----\nMAA=\n-----END PUBLIC KEY-----",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct err err = { 0 };
        assert_null(key_parse_pem(str_c(texts[i]), &err));
        assert_int_equal(err.code, ERR_PARSE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(deterministic), cmocka_unit_test(on_threads),
                                        cmocka_unit_test(round_trip), cmocka_unit_test(foreign_forms),
                                        cmocka_unit_test(refused) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
