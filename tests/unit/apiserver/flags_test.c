/* kube-apiserver's flags: which are known to which version, what values are, and what they make of the server
 * (cmd/kube-apiserver/app/options). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

#include "apiserver/auth/auth.h"
#include "apiserver/flags.h"

#define KEY "/pki/"
/* Files of the test's node: a pair, its certificate as everybody's root, and a key of the service accounts. */
struct node { struct str cert, key, ca; };

static bool read_file(void *ctx, struct arena *a, const char *path, struct str *text, struct err *err)
{
    const struct node *n = ctx;
    (void)a;
    if (!str_starts(str_c(path), KEY)) return err_set(err, ERR_NOT_FOUND, "open %s: no such file or directory", path);
    *text = str_ends(str_c(path), "csv") ? STR("# who\nsecret,ann,1,\"dev,ops\"\n,nobody,2\nsecret,bob,3\n\"a,b\",eve,4\n") :
            str_ends(str_c(path), "short") ? STR("secret,ann\n") : str_ends(str_c(path), "crt") ? n->cert
                : str_ends(str_c(path), "bad") ? STR("nothing") : n->key;
    return true;
}

static void make_node(struct arena *a, struct node *n)
{
    struct rng r;
    uint8_t seed[32] = { 1 };
    rng_init_seed(&r, seed, "flags");
    struct key *k = key_generate_ec(&r);
    struct cert_template t = { .cn = "kube-apiserver", .not_after_ns = (int64_t)4e18, .is_ca = true, .serial = { 1 },
                               .serial_len = 1 };
    struct cert *c = cert_issue(&t, k, NULL, k, NULL);
    n->cert = cert_pem(a, c);
    n->key = key_pem(a, k);
    cert_unref(c);
    key_unref(k);
}

static char **words(struct arena *a, const char *line)
{
    struct str rest = str_c(line);
    char **argv = arena_zalloc(a, (rest.n + 3) * sizeof *argv);
    size_t n = 0;
    argv[n++] = arena_strdup(a, "kube-apiserver");
    while (rest.p && rest.n) argv[n++] = arena_cstr(a, str_token(&rest, ' '));
    return argv;
}

/* ---- the command line ---- */
static const struct { int minor; const char *line, *flag, *want; } parsed[] = {
    { 16, "--secure-port=6443", "secure-port", "6443" },
    { 16, "--secure-port 6444 --v=2", "secure-port", "6444" },
    { 16, "--anonymous-auth", "anonymous-auth", "true" },
    { 16, "-v2", "v", "2" },
    { 16, "--runtime-config=batch/v1=false --runtime-config=apps/v1=true", "runtime-config", "batch/v1=false,apps/v1=true" },
    { 16, "--service-account-key-file=a --service-account-key-file=b", "service-account-key-file", "b" },
    { 16, "--foo=bar", NULL, "unknown flag: --foo" },
    { 16, "--secure-port=x", NULL,
      "invalid argument \"x\" for \"--secure-port\" flag: strconv.ParseInt: parsing \"x\": invalid syntax" },
    { 16, "--event-ttl=1", NULL, "invalid argument \"1\" for \"--event-ttl\" flag: time: missing unit in duration 1" },
    { 16, "--anonymous-auth=maybe", NULL,
      "invalid argument \"maybe\" for \"--anonymous-auth\" flag: strconv.ParseBool: parsing \"maybe\": invalid syntax" },
    { 16, "--advertise-address=ubuntu", NULL,
      "invalid argument \"ubuntu\" for \"--advertise-address\" flag: failed to parse IP: \"ubuntu\"" },
    { 16, "--secure-port", NULL, "flag needs an argument: --secure-port" },
    { 16, "--oidc-issuer-url=https://x", NULL, "--oidc-issuer-url=https://x is known but not modelled here: leave it out" },
    { 16, "--insecure-port=8080", NULL, "--insecure-port=8080 is known but not modelled here: leave it out" },
    { 16, "--insecure-port=0", "insecure-port", "0" },
    { 16, "-x", NULL, "unknown shorthand flag: 'x' in -x" },
    { 16, "serve", NULL, "unknown command \"serve\" for \"kube-apiserver\"" },
    { 20, "serve", NULL, "\"kube-apiserver\" does not take any arguments, got [\"serve\"]" },
    { 16, "--enable-priority-and-fairness=false", NULL, "unknown flag: --enable-priority-and-fairness" },
    { 20, "--enable-priority-and-fairness=false", "enable-priority-and-fairness", "false" },
    { 20, "--basic-auth-file=x", NULL, "unknown flag: --basic-auth-file" },
};

static void command_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(parsed); i++) {
        struct arena *a = arena_new();
        struct err err = { 0 };
        const struct json *flags = apiserver_flags_parse(a, parsed[i].minor, words(a, parsed[i].line), NULL, &err);
        if (parsed[i].flag) {
            assert_non_null(flags);
            assert_string_equal(arena_cstr(a, apiserver_flag(flags, parsed[i].flag)), parsed[i].want);
        } else {
            assert_null(flags);
            assert_string_equal(err.msg, parsed[i].want);
        }
        err_clear(&err);
        arena_free(a);
    }
}

static void deprecated_lines(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct json *lines = json_new_array(a);
    assert_non_null(apiserver_flags_parse(a, 16, words(a, "--insecure-port=0"), lines, NULL));
    assert_non_null(apiserver_flags_parse(a, 20, words(a, "--insecure-port=0"), lines, NULL));
    assert_int_equal(json_len(lines), 2);
    assert_true(str_eqc(json_str(json_at(lines, 0)),
                        "Flag --insecure-port has been deprecated, This flag will be removed in a future version."));
    assert_true(str_eqc(json_str(json_at(lines, 1)),
                        "Flag --insecure-port has been deprecated, This flag has no effect now and will be removed in v1.24."));
    arena_free(a);
}

/* ---- what it makes of the server; want NULL: it starts ---- */
#define ENOUGH "--etcd-servers=https://127.0.0.1:2379 --service-cluster-ip-range=10.96.0.0/12 --authorization-mode=Node,RBAC --tls-cert-file=/pki/a.crt --tls-private-key-file=/pki/a.key "
static const struct { int minor; bool pending; const char *line, *want; } loaded[] = {
    { 16, false, ENOUGH, NULL },
    { 16, false, ENOUGH "--client-ca-file=/pki/ca.crt --service-account-key-file=/pki/sa.key", NULL },
    { 20, false, ENOUGH, "--service-account-signing-key-file and --service-account-issuer are required flags" },
    { 20, false, ENOUGH "--service-account-issuer=x",
      "--service-account-signing-key-file, --service-account-issuer, and --api-audiences should be specified together" },
    { 20, false, ENOUGH "--service-account-issuer=x --service-account-signing-key-file=/pki/sa.key", NULL },
    { 16, false, ENOUGH "--client-ca-file=/gone.crt", "unable to load client CA file: open /gone.crt: no such file or directory" },
    { 16, false, ENOUGH "--client-ca-file=/pki/x.bad",
      "unable to load client CA file: data does not contain any valid RSA or ECDSA certificates" },
    { 16, false, ENOUGH "--tls-cert-file=/gone.crt", "unable to load server certificate: open /gone.crt: no such file or directory" },
    { 16, false, ENOUGH "--service-account-key-file=/gone.pub",
      "invalid authentication config: open /gone.pub: no such file or directory" },
    { 16, true, ENOUGH "--service-account-key-file=/gone.pub", NULL },
    { 16, false, ENOUGH "--etcd-cafile=/gone.crt", "open /gone.crt: no such file or directory" },
    { 16, false, ENOUGH "--authorization-mode=Bogus", "authorization-mode \"Bogus\" is not a valid mode" },
    { 16, false, ENOUGH "--authorization-mode=RBAC", "authorization-mode \"RBAC\" has mode specified more than once" },
    { 16, false, ENOUGH "--enable-admission-plugins=Bogus", "enable-admission-plugins plugin \"Bogus\" is unknown" },
    { 16, false, ENOUGH "--enable-admission-plugins=PodSecurityPolicy",
      "enable-admission-plugins plugin \"PodSecurityPolicy\" is known but not modelled here" },
    { 16, false, ENOUGH "--disable-admission-plugins=PodSecurityPolicy,LimitRanger", NULL },
    { 16, false, ENOUGH "--enable-admission-plugins=Bogus --secure-port=0",
      "[--secure-port 0 must be between 1 and 65535, inclusive. It cannot be turned off with 0, enable-admission-plugins plugin "
      "\"Bogus\" is unknown]" },
    { 16, false, "--tls-cert-file=/pki/a.crt --tls-private-key-file=/pki/a.key", "--etcd-servers must be specified" },
    { 16, false, ENOUGH "--token-auth-file=/pki/short",
      "invalid authentication config: token file '/pki/short' must have at least 3 columns (token, user name, user uid), found 2" },
    { 20, false, ENOUGH "--service-account-issuer=x --service-account-signing-key-file=/pki/sa.key --token-auth-file=/gone",
      "open /gone: no such file or directory" },
    { 16, false, ENOUGH "--service-node-port-range=9-3",
      "invalid argument \"9-3\" for \"--service-node-port-range\" flag: unable to parse port range" },
};

static bool load(struct arena *a, int minor, bool pending, const char *line, struct node *n, struct apiserver_config *c,
                 struct err *err)
{
    struct apiserver_files files = { read_file, n, pending };
    const struct json *flags = apiserver_flags_parse(a, minor, words(a, line), NULL, err);
    return flags && apiserver_config_load(a, flags, minor, "192.168.229.132", &files, c, err);
}

static void configuration(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(loaded); i++) {
        struct arena *a = arena_new();
        struct node n;
        struct apiserver_config c = { 0 };
        struct err err = { 0 };
        make_node(a, &n);
        bool ok = load(a, loaded[i].minor, loaded[i].pending, loaded[i].line, &n, &c, &err);
        if (loaded[i].want) assert_string_equal(err.msg, loaded[i].want);
        assert_int_equal(ok, loaded[i].want == NULL);
        apiserver_config_deinit(&c);
        err_clear(&err);
        arena_free(a);
    }
}

static void effects(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct node n;
    struct apiserver_config c = { 0 };
    make_node(a, &n);
    assert_true(load(a, 16, false,
                     ENOUGH "--service-cluster-ip-range=10.50.0.0/16 --service-node-port-range=31000-31009 --event-ttl=10m "
                            "--anonymous-auth=false "
                     "--enable-bootstrap-token-auth --enable-aggregator-routing --runtime-config=batch/v1beta1=false "
                     "--requestheader-allowed-names= "
                     "--kubelet-preferred-address-types=Hostname --bind-address=127.0.0.1 --default-not-ready-toleration-seconds=30", &n, &c, NULL));
    const struct apiserver_options *o = &c.options;
    const struct apiserver_policy *p = &o->policy;
    assert_int_equal(p->service_ip, 0x0A320000u);
    assert_int_equal(p->service_bits, 16);
    assert_int_equal(p->port_first, 31000);
    assert_int_equal(p->port_count, 10);
    assert_int_equal(p->event_ttl_ns, 600 * (int64_t)NS_PER_S);
    assert_true(p->no_anonymous && !p->no_bootstrap_tokens && p->aggregator_routing && p->proxy_any_name);
    assert_int_equal(p->apis_off.n, 1);
    assert_true(str_eqc(p->address_types.v[0], "Hostname"));
    assert_string_equal(o->bind_address, "127.0.0.1");
    assert_string_equal(o->advertise_ip, "192.168.229.132");
    assert_int_equal(p->not_ready_s, 30);
    assert_int_equal(p->authorization[0], AUTHZ_NODE);
    assert_int_equal(p->authorization[1], AUTHZ_RBAC);
    assert_int_equal(p->authorization[2], AUTHZ_END);
    assert_false(o->token_request);
    assert_null(p->tokens);
    apiserver_config_deinit(&c);
    assert_true(load(a, 16, false, ENOUGH "--token-auth-file=/pki/who.csv", &n, &c, NULL));
    assert_int_equal(c.options.policy.tokens->n, 3);
    const struct static_token *t = c.options.policy.tokens->v;
    assert_true(str_eqc(t[0].token, "secret") && str_eqc(t[0].user.name, "ann") && str_eqc(t[0].user.uid, "1"));
    assert_int_equal(t[0].user.group_count, 2);
    assert_true(str_eqc(t[0].user.groups[1], "ops"));
    assert_true(str_eqc(t[2].token, "a,b") && str_eqc(t[2].user.name, "eve") && !t[2].user.group_count);
    apiserver_config_deinit(&c);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(command_line), cmocka_unit_test(deprecated_lines),
                                        cmocka_unit_test(configuration), cmocka_unit_test(effects) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
