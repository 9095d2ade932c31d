/* Certificates and requests: what is issued reads back the same, and is the same for the same inputs. */
#include "tests/unit/sim/pki/pki_test_util.h"

static void issue_and_read(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct key *ca_key = test_key("ca"), *k = test_key("leaf");
    struct cert *ca = test_ca("kubernetes", ca_key);
    struct cert_template tpl = test_template("system:node:ubuntu");
    tpl.orgs = (const char *[]){ "system:nodes", "a, b=c", NULL };
    tpl.dns_names = (const char *[]){ "ubuntu", "kubernetes.default.svc", NULL };
    tpl.ips = (const char *[]){ "10.96.0.1", "::1", NULL };
    tpl.ext_usage = CERT_EKU_SERVER | CERT_EKU_CLIENT;
    tpl.not_after_ns = INT64_C(2600000000) * (int64_t)NS_PER_S;   /* 2052: a GeneralizedTime */
    struct cert *c = cert_issue(&tpl, k, ca, ca_key, NULL), *again = cert_issue(&tpl, k, ca, ca_key, NULL);
    assert_non_null(c);
    assert_true(str_eq(c->der, again->der));
    assert_str(c->subject_cn, "system:node:ubuntu");
    assert_str(c->issuer_cn, "kubernetes");
    assert_int_equal(c->org_count, 2);
    assert_str(c->orgs[0], "system:nodes");
    assert_str(c->orgs[1], "a, b=c");
    assert_int_equal(c->dns_count, 2);
    assert_str(c->dns_names[1], "kubernetes.default.svc");
    assert_int_equal(c->ip_count, 2);
    assert_str(c->ips[0], "10.96.0.1");
    assert_str(c->ips[1], "::1");
    assert_str(hex_encode(a, c->serial), "810203");
    assert_int_equal(c->not_before_ns, tpl.not_before_ns);
    assert_int_equal(c->not_after_ns, tpl.not_after_ns);
    assert_false(c->is_ca);
    assert_int_equal(c->key_usage, CERT_KU_DIGITAL_SIGNATURE | CERT_KU_KEY_ENCIPHERMENT);
    assert_int_equal(c->ext_usage, CERT_EKU_SERVER | CERT_EKU_CLIENT);
    assert_true(ca->is_ca);
    assert_int_equal(ca->key_usage & CERT_KU_CERT_SIGN, CERT_KU_CERT_SIGN);
    struct key *pub = cert_public_key(c);
    assert_true(key_same_public(pub, k) && !key_is_private(pub));
    key_unref(pub);
    struct cert *back = cert_parse_pem(cert_pem(a, c), NULL);
    assert_true(str_eq(back->der, c->der));
    cert_unref(back);
    cert_unref(again);
    cert_unref(c);
    cert_unref(ca);
    key_unref(ca_key);
    key_unref(k);
    arena_free(a);
}

static void bad_templates(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct key *k = test_key("k");
    struct cert_template tpl = test_template("x");
    tpl.ips = (const char *[]){ "10.0.0", NULL };
    struct err err = { 0 };
    assert_null(cert_issue(&tpl, k, NULL, k, &err));
    assert_string_equal(err.msg, "invalid IP address: 10.0.0");
    assert_int_equal(csr_make(a, k, &tpl, NULL).n, 0);
    struct key *other = test_key("other");
    tpl.ips = NULL;
    assert_null(cert_issue(&tpl, k, NULL, other, &err));
    assert_string_equal(err.msg, "x509: provided PrivateKey doesn't match parent's PublicKey");
    key_unref(other);
    key_unref(k);
    arena_free(a);
}

/* Every truncation and every changed byte parses or is refused, without harm; a changed signed part no longer verifies. */
static void damaged(void **state)
{
    (void)state;
    struct key *k = test_key("ca");
    struct cert *ca = test_ca("kubernetes", k);
    struct trust *t = trust_new();
    trust_add(t, ca);
    char *copy = xmalloc(ca->der.n);
    for (size_t n = 0; n < ca->der.n; n++) {
        struct err err = { 0 };
        memcpy(copy, ca->der.p, ca->der.n);
        assert_null(cert_parse_der((struct str){ copy, n }, &err));
        assert_int_equal(err.code, ERR_PARSE);
        copy[n] ^= 0x11;
        struct cert *c = cert_parse_der((struct str){ copy, ca->der.n }, NULL);
        if (!c)
            continue;
        struct trust_check check = { .now_ns = T0 + DAYS(1), .usage = CERT_EKU_CLIENT };
        assert_false(trust_verify(t, &c, 1, &check, NULL));
        cert_unref(c);
    }
    free(copy);
    trust_free(t);
    cert_unref(ca);
    key_unref(k);
}

static void pem_files(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct key *k = test_key("ca");
    struct cert *ca = test_ca("kubernetes", k), **certs;
    struct str one = cert_pem(a, ca), key = key_pem(a, k);
    struct str all = arena_strf(a, "# a comment\n" STR_FMT "-----BEGIN CERTIFICATE-----\nbroken\n" STR_FMT STR_FMT, STR_ARG(one),
                                STR_ARG(key),
                                STR_ARG(one));
    size_t n;
    assert_true(cert_parse_pem_all(all, &certs, &n, NULL));
    assert_int_equal(n, 2);
    certs_free(certs, n);
    struct err err = { 0 };
    assert_false(cert_parse_pem_all(key, &certs, &n, &err));
    assert_string_equal(err.msg, "data does not contain any valid RSA or ECDSA certificates");
    struct identity *id = identity_parse_pem(all, all, NULL);
    assert_non_null(id);
    assert_int_equal(id->chain_count, 2);
    identity_unref(identity_ref(id));
    identity_unref(id);
    struct key *other = test_key("other");
    assert_null(identity_parse_pem(one, key_pem(a, other), &err));
    assert_string_equal(err.msg, "tls: private key does not match public key");
    assert_null(identity_parse_pem(one, STR("x"), &err));
    assert_string_equal(err.msg, "tls: failed to find any PEM data in key input");
    key_unref(other);
    cert_unref(ca);
    key_unref(k);
    arena_free(a);
}

static void requests(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct key *k = test_key("csr");
    struct cert_template tpl = { .cn = "system:node:ubuntu", .orgs = (const char *[]){ "system:nodes", NULL },
                                 .dns_names = (const char *[]){ "ubuntu", NULL }, .ips = (const char *[]){ "192.168.229.132", NULL } };
    struct str pem = csr_make(a, k, &tpl, NULL);
    struct csr csr;
    assert_true(csr_parse_pem(a, pem, &csr, NULL));
    assert_str(csr.subject_cn, "system:node:ubuntu");
    assert_str(csr.orgs[0], "system:nodes");
    assert_str(csr.dns_names[0], "ubuntu");
    assert_str(csr.ips[0], "192.168.229.132");
    assert_int_equal(csr.org_count + csr.dns_count + csr.ip_count + csr.email_count + csr.uri_count, 3);
    assert_true(key_same_public(csr.public_key, k));
    tpl.dns_names = tpl.ips = NULL;
    assert_true(csr_parse_pem(a, csr_make(a, k, &tpl, NULL), &csr, NULL));
    assert_int_equal(csr.dns_count, 0);

    struct err err = { 0 };
    assert_false(csr_parse_pem(a, key_pem(a, k), &csr, &err));
    assert_string_equal(err.msg, "PEM block type must be CERTIFICATE REQUEST");
    char *forged = arena_cstr(a, pem);
    size_t at = (size_t)str_find(pem, STR("\n")) + 40;             /* inside the subject */
    forged[at] = forged[at] == 'A' ? 'B' : 'A';
    assert_true(csr_check_pem(a, str_c(forged), NULL));          /* posted, it would be held; nobody signs it */
    assert_false(csr_check_pem(a, str_sub(pem, 0, pem.n / 2), NULL));
    assert_false(csr_check_pem(a, key_pem(a, k), NULL));
    assert_false(csr_parse_pem(a, str_c(forged), &csr, &err));
    key_unref(k);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(issue_and_read), cmocka_unit_test(bad_templates), cmocka_unit_test(damaged),
                                        cmocka_unit_test(pem_files), cmocka_unit_test(requests) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
