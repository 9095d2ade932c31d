/* tests/unit/sim/loop/rng_test.c - the generator against published vectors, and what is drawn from it. Includes the file under
 * test. */
#include "sim/loop/rng.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static void chacha20_as_in_rfc_8439(void **state)
{
    (void)state;
    /* 2.3.2: key 00 01 .. 1f, counter 1, nonce 00:00:00:09:00:00:00:4a:00:00:00:00 */
    uint32_t key[8], input[4] = { 1, 0x09000000, 0x4a000000, 0 };
    uint8_t out[64];
    static const uint8_t want[16] = { 0x10, 0xf1, 0xe7, 0xe4, 0xd1, 0x3b, 0x59, 0x15, 0x50, 0x0f, 0xdd, 0x1f, 0xa3, 0x20, 0x71, 0xc4 };
    for (unsigned i = 0; i < 8; i++)
        key[i] = (4 * i) | (4 * i + 1) << 8 | (4 * i + 2) << 16 | (4 * i + 3) << 24;
    chacha_block(out, key, input);
    assert_memory_equal(out, want, sizeof want);
}

static void hchacha20_as_in_the_xchacha_draft(void **state)
{
    (void)state;
    /* draft-irtf-cfrg-xchacha 2.2.1: the same key, input 00000009 0000004a 00000000 31415927 */
    uint32_t key[8], input[4] = { 0x09000000, 0x4a000000, 0, 0x27594131 };
    static const uint32_t want[8] = { 0x423b4182, 0xfe7bb227, 0x50420ed3, 0x737d878a, 0xd5e4f9a0, 0x53a8748a, 0x13c42ec1, 0xdcecd326 };
    for (unsigned i = 0; i < 8; i++)
        key[i] = (4 * i) | (4 * i + 1) << 8 | (4 * i + 2) << 16 | (4 * i + 3) << 24;
    derive(key, input);
    assert_memory_equal(key, want, sizeof want);
}

static void streams_depend_on_seed_and_name_alone(void **state)
{
    (void)state;
    static const char *const names[] = { "", "a", "b", "a\x01", "kubelet", "kubelet2", "sixteen bytes...", "sixteen bytes...x" };
    uint64_t first[2 * ARRAY_LEN(names)];
    size_t n = 0;
    for (uint64_t s = 1; s <= 2; s++) {
        uint8_t seed[32];
        loop_seed_from_int(seed, s);
        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
            struct rng r, again;
            rng_init_seed(&r, seed, names[i]);
            rng_init_seed(&again, seed, names[i]);
            first[n++] = rng_u64(&r);
            assert_int_equal(first[n - 1], rng_u64(&again));
        }
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < i; k++)
            assert_true(first[i] != first[k]);
    }
}

/* The n-th life on the same data draws what no other does, and the same again with the same seed. */
static void lives_differ(void **state)
{
    (void)state;
    uint64_t drawn[2][4];
    for (int run = 0; run < 2; run++) {
        struct loop_options opt = { .start_vtime_ns = 1 };
        struct rng r, plain;
        loop_seed_from_int(opt.seed, 8);
        struct loop *l = loop_new(&opt);
        for (uint64_t life = 0; life < 4; life++) {
            loop_begin_life(l, life);
            rng_init(&r, l, "kubelet");
            drawn[run][life] = rng_u64(&r);
        }
        rng_init_seed(&plain, opt.seed, "kubelet");
        assert_true(drawn[run][0] == rng_u64(&plain));
        loop_free(l);
    }
    assert_memory_equal(drawn[0], drawn[1], sizeof drawn[0]);
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < i; j++)
            assert_true(drawn[0][i] != drawn[0][j]);
}

static void draws_are_in_range_and_even(void **state)
{
    (void)state;
    uint8_t seed[32], bytes[200];
    unsigned counts[7] = { 0 };
    double sum = 0, squares = 0;
    struct rng r;
    loop_seed_from_int(seed, 42);
    rng_init_seed(&r, seed, "test");
    for (int i = 0; i < 70000; i++) {
        double u = rng_unit(&r), z = rng_normal(&r);
        assert_true(u >= 0 && u < 1);
        sum += z;
        squares += z * z;
        counts[rng_below(&r, 7)]++;
    }
    for (int i = 0; i < 7; i++)
        assert_in_range(counts[i], 9600, 10400);
    assert_true(fabs(sum / 70000) < 0.02 && fabs(squares / 70000 - 1) < 0.03);
    assert_int_equal(rng_below(&r, 1), 0);
    rng_bytes(&r, bytes, sizeof bytes);
    rng_bytes(&r, bytes, 0);
}

static void names_have_kubernetes_letters(void **state)
{
    (void)state;
    uint8_t seed[32];
    char suffix[6], uuid[37];
    struct rng r;
    assert_true(loop_seed_from_system(seed, NULL));
    rng_init_seed(&r, seed, "names");
    for (int i = 0; i < 100; i++) {
        rng_suffix(&r, suffix, 5);
        assert_int_equal(strspn(suffix, "bcdfghjklmnpqrstvwxz2456789"), 5);
        assert_int_equal(strlen(suffix), 5);
        rng_uuid(&r, uuid);
        assert_int_equal(strlen(uuid), 36);
        assert_int_equal(strspn(uuid, "0123456789abcdef-"), 36);
        assert_int_equal(uuid[14], '4');
        assert_non_null(strchr("89ab", uuid[19]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chacha20_as_in_rfc_8439),         cmocka_unit_test(hchacha20_as_in_the_xchacha_draft),
        cmocka_unit_test(streams_depend_on_seed_and_name_alone), cmocka_unit_test(lives_differ),
        cmocka_unit_test(draws_are_in_range_and_even),
        cmocka_unit_test(names_have_kubernetes_letters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
