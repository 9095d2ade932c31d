/* The command line of metrics-server v0.3.6: what is taken, and Go's words for what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "metricsd/metricsd_priv.h"

static void defaults(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct metricsd_flags f;
    char *none[] = { NULL }, *name[] = { "/metrics-server", "words", "are", "ignored", NULL };
    char **lines[] = { none, name };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        assert_true(metricsd_flags_parse(a, lines[i], &f, NULL));
        assert_int_equal(f.metric_resolution_ns, 60 * (int64_t)NS_PER_S);
        assert_int_equal(f.kubelet_port, 10250);
        assert_int_equal(f.secure_port, 443);
        assert_false(f.kubelet_insecure_tls || f.completely_insecure);
        assert_null(f.kubelet_ca_file);
        assert_int_equal(f.address_type_count, 5);
        assert_true(str_eqc(f.address_types[0], "Hostname") && str_eqc(f.address_types[4], "ExternalIP"));
    }
    arena_free(a);
}

static void values(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct metricsd_flags f;
    char *argv[] = { "ms", "--kubelet-insecure-tls", "--kubelet-preferred-address-types=InternalIP,ExternalIP",
                     "--metric-resolution", "15s",
                     "--secure-port=4443", "--kubelet-port", "10255", "--cert-dir=/tmp",
                     "--deprecated-kubelet-completely-insecure=true", "--kubelet-certificate-authority=/ca", NULL };
    assert_true(metricsd_flags_parse(a, argv, &f, NULL));
    assert_true(f.kubelet_insecure_tls && f.completely_insecure);
    assert_int_equal(f.metric_resolution_ns, 15 * (int64_t)NS_PER_S);
    assert_int_equal(f.secure_port, 4443);
    assert_int_equal(f.kubelet_port, 10255);
    assert_string_equal(f.cert_dir, "/tmp");
    assert_string_equal(f.kubelet_ca_file, "/ca");
    assert_int_equal(f.address_type_count, 2);
    assert_true(str_eqc(f.address_types[1], "ExternalIP"));
    char *off[] = { "ms", "--kubelet-insecure-tls=true", "--kubelet-insecure-tls=false", NULL };
    assert_true(metricsd_flags_parse(a, off, &f, NULL));
    assert_false(f.kubelet_insecure_tls);
    arena_free(a);
}

static void refusals(void **state)
{
    (void)state;
    static const struct { char *a, *b; const char *want; } rows[] = {
        { "--foo", NULL, "unknown flag: --foo" },
        { "--foo=1", NULL, "unknown flag: --foo" },
        { "-v", NULL, "unknown shorthand flag: 'v' in -v" },
        { "--kubelet-port", NULL, "flag needs an argument: --kubelet-port" },
        { "--kubelet-port=x", NULL,
          "invalid argument \"x\" for \"--kubelet-port\" flag: strconv.ParseInt: parsing \"x\": invalid syntax" },
        { "--kubelet-insecure-tls=maybe", NULL,
          "invalid argument \"maybe\" for \"--kubelet-insecure-tls\" flag: strconv.ParseBool: parsing \"maybe\": invalid syntax" },
        { "--metric-resolution", "1", "invalid argument \"1\" for \"--metric-resolution\" flag: time: missing unit in duration 1" },
        { "--metric-resolution", "5x",
          "invalid argument \"5x\" for \"--metric-resolution\" flag: time: unknown unit x in duration 5x" },
        { "--metric-resolution", "soon", "invalid argument \"soon\" for \"--metric-resolution\" flag: time: invalid duration soon" },
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct metricsd_flags f;
        struct err err = { 0 };
        char *argv[] = { "ms", rows[i].a, rows[i].b, NULL };
        if (metricsd_flags_parse(a, argv, &f, &err) || strcmp(err.msg, rows[i].want) != 0)
            fail_msg("row %zu: %s", i, err.msg);
        err_clear(&err);
    }
    arena_free(a);
}

/* Only documented flags are in the usage; the deprecated one is not. */
static void usage(void **state)
{
    (void)state;
    struct strbuf out;
    strbuf_init(&out, 65536);
    metricsd_flags_usage(&out);
    assert_true(str_starts(strbuf_str(&out), "Launch metrics-server\n\nUsage:\n   [flags]\n\nFlags:\n      --cert-dir string "));
    assert_true(str_find(strbuf_str(&out), STR("--metric-resolution duration")) > 0);
    assert_true(str_find(strbuf_str(&out), STR("completely-insecure")) < 0);
    strbuf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(defaults), cmocka_unit_test(values), cmocka_unit_test(refusals),
                                        cmocka_unit_test(usage) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
