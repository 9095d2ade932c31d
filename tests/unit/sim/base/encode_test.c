/* tests/unit/sim/base/encode_test.c - base64 (RFC 4648's vectors, and what Go refuses), hex, percent, UTF-8. */
#include "sim/base/base.h"

#include <setjmp.h>
#include <cmocka.h>

static void test_base64(void **state)
{
    (void)state;
    static const struct {
        const char *plain, *std, *url;
    } cases[] = {
        { "", "", "" }, { "f", "Zg==", "Zg" }, { "fo", "Zm8=", "Zm8" }, { "foo", "Zm9v", "Zm9v" }, { "foob", "Zm9vYg==", "Zm9vYg" },
        { "fooba", "Zm9vYmE=", "Zm9vYmE" }, { "foobar", "Zm9vYmFy", "Zm9vYmFy" }, { "\xfb\xff\xfe", "+//+", "-__-" },
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str plain = str_c(cases[i].plain), out;
        assert_string_equal(base64_encode(a, plain).p, cases[i].std);
        assert_string_equal(base64url_encode(a, plain).p, cases[i].url);
        assert_true(base64_decode(a, str_c(cases[i].std), &out) && str_eq(out, plain));
        assert_true(base64url_decode(a, str_c(cases[i].url), &out) && str_eq(out, plain));
    }
    struct str out;
    assert_true(base64_decode(a, STR("Zm9v\r\nYg=\n=\n"), &out) && str_eqc(out, "foob"));
    static const char *bad[] = { "Z", "Zg", "Zg=", "Zm8", "Zg==Zg==", "=", "====", "Zg===", "Zm9v=", "Zm9v====", "Z===",
        "Zg=x", "Z g=", "-__-", "Zm9vY===" };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(base64_decode(a, str_c(bad[i]), &out));
    static const char *bad_url[] = { "Z", "Zg==", "+//+", "Zm 8" };
    for (size_t i = 0; i < ARRAY_LEN(bad_url); i++)
        assert_false(base64url_decode(a, str_c(bad_url[i]), &out));
    arena_free(a);
}

static void test_hex_and_percent(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct str out;
    assert_string_equal(hex_encode(a, STR("\x00\xaf~")).p, "00af7e");
    assert_true(hex_decode(a, STR("00Af7e"), &out) && str_eq(out, STR("\x00\xaf~")));
    assert_false(hex_decode(a, STR("0"), &out));
    assert_false(hex_decode(a, STR("0g"), &out));
    static const struct {
        const char *in;
        bool        plus;
        const char *out;
    } cases[] = {
        { "a%20b", false, "a b" }, { "a+b", true, "a b" }, { "a+b", false, "a+b" }, { "%2Fx%2f", false, "/x/" },
        { "100%", false, "100%" },
        { "%4", false, "%4" }, { "%zz%41", false, "%zzA" }, { "", false, "" }, { "%%41", false, "%A" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(percent_decode(a, str_c(cases[i].in), cases[i].plus).p, cases[i].out);
    assert_string_equal(percent_encode(a, STR("a/b c=~\xc3\xa9")).p, "a%2Fb%20c%3D~%C3%A9");
    arena_free(a);
}

static void test_utf8(void **state)
{
    (void)state;
    static const char *good[] = { "", "a\x7f", "\xc2\x80", "\xc3\xa9", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xef\xbf\xbf",
        "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf" };
    static const char *bad[] = { "\x80", "\xc0\x80", "\xc1\xbf", "\xc3", "\xc3(", "\xe0\x9f\xbf", "\xe2\x82", "\xed\xa0\x80",
        "\xf0\x8f\xbf\xbf",
                                 "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff" };
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_true(utf8_valid(str_c(good[i])));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(utf8_valid(str_c(bad[i])));
    assert_true(utf8_valid(STR("a\0b")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base64), cmocka_unit_test(test_hex_and_percent), cmocka_unit_test(test_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
