/* Verification: the words of Go's crypto/x509 for each way in which a chain can be wrong. */
#include "tests/unit/sim/pki/pki_test_util.h"

struct world {                         /* a CA, another of the same name, an intermediate, and an expired CA */
    struct key *ca_key, *other_key, *mid_key, *leaf_key;
    struct cert *ca, *namesake, *mid, *stranger;
};

static struct world w;

static int make_world(void **state)
{
    (void)state;
    w = (struct world){ test_key("ca"), test_key("other"), test_key("mid"), test_key("leaf"), NULL, NULL, NULL, NULL };
    w.ca = test_ca("kubernetes", w.ca_key);
    struct cert_template tpl = test_template("kubernetes");
    tpl.is_ca = true;
    tpl.ext_usage = 0;
    tpl.key_usage = CERT_KU_CERT_SIGN;
    w.namesake = cert_issue(&tpl, w.other_key, NULL, w.other_key, NULL);
    tpl.cn = "mid";
    w.mid = cert_issue(&tpl, w.mid_key, w.ca, w.ca_key, NULL);
    w.stranger = test_ca("stranger", w.other_key);
    return 0;
}

static int free_world(void **state)
{
    (void)state;
    struct key *keys[] = { w.ca_key, w.other_key, w.mid_key, w.leaf_key };
    struct cert *certs[] = { w.ca, w.namesake, w.mid, w.stranger };
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        key_unref(keys[i]);
        cert_unref(certs[i]);
    }
    return 0;
}

enum signer { BY_CA, BY_NAMESAKE, BY_MID, BY_SELF, BY_STRANGER };

static const struct {
    const char  *what;
    enum signer  signer;
    const char  *cn, *dns, *dns2, *ip;
    unsigned     ext_usage;            /* 0: server */
    int          now_days;             /* after T0; 0: one */
    const char  *name;
    unsigned     usage;                /* 0: server */
    const char  *want;                 /* NULL: verifies */
} cases[] = {
    { .what = "good by name", .dns = "ubuntu", .name = "ubuntu" },
    { .what = "names ignore case and a last dot", .dns = "Ubuntu.Lab", .name = "ubuntu.lab." },
    { .what = "wildcard", .dns = "*.lab", .name = "node1.lab" },
    { .what = "wildcard is one label", .dns = "*.lab", .name = "a.b.lab",
      .want = "x509: certificate is valid for *.lab, not a.b.lab" },
    { .what = "good by address", .dns = "ubuntu", .ip = "192.168.229.132", .name = "192.168.229.132" },
    { .what = "good by bracketed address", .ip = "::1", .name = "[0:0::1]" },
    { .what = "address without IP SANs", .dns = "ubuntu", .name = "192.168.229.132",
      .want = "x509: cannot validate certificate for 192.168.229.132 because it doesn't contain any IP SANs" },
    { .what = "address is looked for before the signer", .signer = BY_SELF, .dns = "ubuntu", .name = "192.168.229.132",
      .want = "x509: cannot validate certificate for 192.168.229.132 because it doesn't contain any IP SANs" },
    { .what = "address as a DNS name does not count", .dns = "10.0.0.5", .name = "10.0.0.5",
      .want = "x509: cannot validate certificate for 10.0.0.5 because it doesn't contain any IP SANs" },
    { .what = "another address", .ip = "10.0.0.5", .name = "192.168.1.10",
      .want = "x509: certificate is valid for 10.0.0.5, not 192.168.1.10" },
    { .what = "another name", .dns = "a", .dns2 = "b", .name = "node1", .want = "x509: certificate is valid for a, b, not node1" },
    { .what = "common name counts without SANs", .cn = "ubuntu", .name = "ubuntu" },
    { .what = "common name does not count with SANs", .cn = "ubuntu", .ip = "10.0.0.5", .name = "ubuntu",
      .want = "x509: certificate is not valid for any names, but wanted to match ubuntu" },
    { .what = "no names", .cn = "ubuntu@1579878000", .name = "ubuntu",
      .want = "x509: certificate is not valid for any names, but wanted to match ubuntu" },
    { .what = "self-signed", .signer = BY_SELF, .dns = "ubuntu", .name = "ubuntu",
      .want = "x509: certificate signed by unknown authority" },
    { .what = "another CA", .signer = BY_STRANGER, .dns = "ubuntu", .name = "ubuntu",
      .want = "x509: certificate signed by unknown authority" },
    { .what = "a CA of the same name", .signer = BY_NAMESAKE, .dns = "ubuntu", .name = "ubuntu",
      .want = "x509: certificate signed by unknown authority (possibly because of \"x509: ECDSA verification failure\" while "
              "trying to verify "
              "candidate authority certificate \"kubernetes\")" },
    { .what = "through an intermediate", .signer = BY_MID, .dns = "ubuntu", .name = "ubuntu" },
    { .what = "the intermediate has expired", .signer = BY_MID, .now_days = 366, .dns = "ubuntu", .name = "ubuntu",
      .want = "x509: certificate has expired or is not yet valid" },
    { .what = "expired", .now_days = 4000, .dns = "ubuntu", .name = "other",
      .want = "x509: certificate has expired or is not yet valid" },
    { .what = "not yet valid", .now_days = -1, .dns = "ubuntu", .name = "ubuntu",
      .want = "x509: certificate has expired or is not yet valid" },
    { .what = "a server's used by a client", .dns = "ubuntu", .name = "", .usage = CERT_EKU_CLIENT,
      .want = "x509: certificate specifies an incompatible key usage" },
    { .what = "any usage", .cn = "x", .ext_usage = CERT_EKU_ANY, .name = "", .usage = CERT_EKU_CLIENT },
    { .what = "a client's", .cn = "x", .ext_usage = CERT_EKU_CLIENT, .name = "", .usage = CERT_EKU_CLIENT },
};

static struct cert *case_leaf(size_t i)
{
    const struct { const struct cert *cert; const struct key *key; } signers[] = {
        [BY_CA] = { w.ca, w.ca_key }, [BY_NAMESAKE] = { w.namesake, w.other_key }, [BY_MID] = { w.mid, w.mid_key },
        [BY_SELF] = { NULL, w.leaf_key }, [BY_STRANGER] = { w.stranger, w.other_key },
    };
    struct cert_template tpl = test_template(cases[i].cn ? cases[i].cn : "ubuntu@1579878000");
    const char *dns[] = { cases[i].dns, cases[i].dns2, NULL }, *ips[] = { cases[i].ip, NULL };
    tpl.dns_names = dns;
    tpl.ips = ips;
    tpl.not_after_ns = T0 + DAYS(3000);
    if (cases[i].ext_usage)
        tpl.ext_usage = cases[i].ext_usage;
    struct cert *leaf = cert_issue(&tpl, w.leaf_key, signers[cases[i].signer].cert, signers[cases[i].signer].key, NULL);
    assert_non_null(leaf);
    return leaf;
}

static void table(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct trust *t = trust_new();
    assert_true(trust_add_pem(t, cert_pem(a, w.ca), NULL));
    trust_add(t, w.ca);
    assert_int_equal(trust_count(t), 1);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct cert *chain[] = { case_leaf(i), w.mid };
        struct trust_check check = { .now_ns = T0 + DAYS(cases[i].now_days ? cases[i].now_days : 1),
                                     .usage = cases[i].usage ? cases[i].usage : CERT_EKU_SERVER, .server_name = str_c(cases[i].name) };
        for (int twice = 0; twice < 2; twice++) {                /* the second time from remembered signatures */
            struct err err = { 0 };
            bool ok = trust_verify(t, chain, ARRAY_LEN(chain), &check, &err);
            if (ok != (cases[i].want == NULL) || (!ok && strcmp(err.msg, cases[i].want) != 0))
                fail_msg("%s: %s", cases[i].what, ok ? "verifies" : err.msg);
            assert_int_equal(err.code, ok ? ERR_NONE : ERR_TLS);
        }
        cert_unref(chain[0]);
    }
    trust_free(t);
    arena_free(a);
}

static void own_certificate_as_root(void **state)
{
    (void)state;
    struct cert_template tpl = test_template("ubuntu");
    struct cert *c = cert_issue(&tpl, w.leaf_key, NULL, w.leaf_key, NULL);
    struct trust *t = trust_new();
    trust_add(t, c);
    struct trust_check check = { .now_ns = T0, .usage = CERT_EKU_SERVER, .server_name = STR("ubuntu") };
    assert_true(trust_verify(t, &c, 1, &check, NULL));
    check.now_ns = c->not_after_ns;
    assert_true(trust_verify(t, &c, 1, &check, NULL));
    check.now_ns++;
    assert_false(trust_verify(t, &c, 1, &check, NULL));
    trust_free(t);
    trust_free(NULL);
    cert_unref(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(table), cmocka_unit_test(own_certificate_as_root) };
    return cmocka_run_group_tests(tests, make_world, free_world);
}
