/* Known answers of the digests (FIPS 180, RFC 4231). */
#include "tests/unit/sim/pki/pki_test_util.h"

static struct str hex(struct arena *a, const uint8_t *p, size_t n)
{
    return hex_encode(a, (struct str){ (const char *)p, n });
}

static void known_answers(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    uint8_t out[32];
    assert_str(sha256_hex(a, STR("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_str(sha256_hex(a, STR_NULL), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    sha1(STR("abc"), out);
    assert_str(hex(a, out, 20), "a9993e364706816aba3e25717850c26c9cd0d89d");
    hmac_sha256(STR("Jefe"), STR("what do ya want for nothing?"), out);
    assert_str(hex(a, out, 32), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    arena_free(a);
}

static void equality(void **state)
{
    (void)state;
    assert_true(crypto_equal(STR("token"), STR("token")));
    assert_false(crypto_equal(STR("token"), STR("tokeN")));
    assert_false(crypto_equal(STR("token"), STR("toke")));
    assert_true(crypto_equal(STR_NULL, STR("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(known_answers), cmocka_unit_test(equality) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
