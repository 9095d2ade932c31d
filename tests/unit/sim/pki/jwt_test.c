/* Tokens: shape, signature, and every way of not being a good RS256 token. */
#include "tests/unit/sim/pki/pki_test_util.h"

static void tokens(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct rng r = test_rng("sa");
    struct key *sa = key_generate_rsa(&r, 2048), *other = test_key("other");
    struct key *pub = key_parse_pem(key_public_pem(a, sa), NULL);
    struct str token = jwt_sign_rs256(a, sa, STR("{\"sub\":\"system:serviceaccount:kube-system:default\"}"));
    assert_true(str_starts(token, "eyJhbGciOiJSUzI1NiIsImtpZCI6I"));   /* {"alg":"RS256","kid":" as in a real cluster's */
    struct json *claims = NULL;
    assert_true(jwt_verify_rs256(a, pub, token, &claims, NULL));
    assert_str(json_get_str(claims, "sub"), "system:serviceaccount:kube-system:default");

    struct err err = { 0 };
    assert_false(jwt_verify_rs256(a, other, token, &claims, &err));
    assert_int_equal(err.code, ERR_UNAUTHORIZED);
    for (size_t i = 0; i + 1 < token.n; i += 7) {                /* the last character may hold unused bits */
        char *bad = arena_cstr(a, token);
        bad[i] = bad[i] == 'A' ? 'B' : 'A';
        assert_false(jwt_verify_rs256(a, pub, str_c(bad), &claims, &err));
        assert_false(jwt_verify_rs256(a, pub, str_sub(token, 0, i), &claims, &err));
        assert_int_equal(err.code, ERR_UNAUTHORIZED);
    }
    struct str none = arena_strf(a, STR_FMT "." STR_FMT ".", STR_ARG(base64url_encode(a, STR("{\"alg\":\"none\"}"))),
                                 STR_ARG(base64url_encode(a, STR("{}"))));
    assert_false(jwt_verify_rs256(a, pub, none, &claims, &err));
    assert_false(jwt_verify_rs256(a, pub, STR_NULL, &claims, &err));
    key_unref(pub);
    key_unref(sa);
    key_unref(other);
    arena_free(a);
}

/* The wanted text is Python's: hmac.new(secret, header + "." + payload, sha256). */
static void detached(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    assert_str(jws_detached_hs256(a, STR("abcdef"), STR("0123456789abcdef"), STR("apiVersion: v1\n")),
               "eyJhbGciOiJIUzI1NiIsImtpZCI6ImFiY2RlZiJ9..K1chermAQEq0rdqy-ehj0VDfmA_ytv8Wzh9g26FldrE");
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(tokens), cmocka_unit_test(detached) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
