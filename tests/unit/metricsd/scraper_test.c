/* The tick, and the program around it: when nodes are asked, what of their answers stays, what the log says. */
#include "tests/unit/metricsd/bed.h"

static bool logged(struct bed *b, const char *text) { return str_find(strbuf_str(&b->out), str_c(text)) >= 0; }

/* The first tick is empty; figures come with the second and are gone as soon as the node fails. */
static void ticks(void **state)
{
    struct bed *b = *state;
    b->nodes = NODE("ubuntu", "192.168.229.132");
    b->summary = SUMMARY("ubuntu", "");
    bed_start(b, NULL);
    assert_true(logged(b, "Generated self-signed cert (apiserver.local.config/certificates/apiserver.crt, "));
    assert_true(logged(b, "Serving securely on [::]:443\n"));
    assert_int_equal(b->scrapes, 0);
    assert_string_equal(bed_ask(b, "GET", "/healthz").body, "ok");
    assert_int_equal(bed_ask(b, "GET", "/apis/metrics.k8s.io/v1beta1/nodes/ubuntu").status, 404);
    test_advance(b->l, 60 * S);
    assert_int_equal(b->scrapes, 1);
    assert_string_equal(b->asked, "/stats/summary?only_cpu_and_memory=true");
    assert_int_equal(bed_ask(b, "GET", "/apis/metrics.k8s.io/v1beta1/nodes/ubuntu").status, 200);
    b->kubelet_status = 403;
    b->summary = "Forbidden (user=x, verb=get, resource=nodes, subresource=stats)";
    strbuf_reset(&b->out);
    test_advance(b->l, 60 * S);
    assert_true(logged(b, "E0125 00:02:"));
    assert_true(logged(b, "       1 manager.go:111] unable to fully collect metrics: unable to fully scrape metrics from source "
                          "kubelet_summary:ubuntu: "
                          "unable to fetch metrics from Kubelet ubuntu (192.168.229.132): request failed - \"403 Forbidden\", "
                          "response: "
                          "\"Forbidden (user=x, verb=get, resource=nodes, subresource=stats)\"\n"));
    assert_int_equal(bed_ask(b, "GET", "/apis/metrics.k8s.io/v1beta1/nodes/ubuntu").status, 404);      /* nothing old is kept */
    assert_int_equal(bed_ask(b, "GET", "/healthz").status, 500);
    assert_string_equal(bed_ask(b, "GET", "/healthz/healthz").body,
                        "internal server error: there was an error collecting or saving metrics in the last collection tick\n");
    assert_non_null(strstr(bed_ask(b, "GET", "/metrics").body, "metrics_server_kubelet_summary_scrapes_total{success=\"false\"} 1\n"
                                                               "metrics_server_kubelet_summary_scrapes_total{success=\"true\"} 1\n"));
}

/* Of several nodes one that fails does not cost the others; all that went wrong is told in one line. */
static void several(void **state)
{
    struct bed *b = *state;
    b->nodes = NODE("a", "192.168.229.132") "," NODE("b", "10.1.1.1") ",{\"metadata\":{\"name\":\"c\",\"resourceVersion\":\"1\"}}";
    b->summary = SUMMARY("a", "");
    vnet_set_outside(b->v, "10.1.1.1", VNET_REFUSE);
    bed_start(b, "--metric-resolution=30s");
    test_advance(b->l, 31 * S);
    assert_true(logged(b, "unable to fully collect metrics: [unable to extract connection information for node \"c\": node c had "
                          "no addresses that matched types "
                          "[InternalIP], unable to fully scrape metrics from source kubelet_summary:b: unable to fetch metrics "
                          "from Kubelet b (10.1.1.1): "
                          "Get http://10.1.1.1:10255/stats/summary?only_cpu_and_memory=true: dial tcp 10.1.1.1:10255: connect: "
                          "connection refused]\n"));
    assert_int_equal(bed_ask(b, "GET", "/apis/metrics.k8s.io/v1beta1/nodes/a").status, 200);
    assert_int_equal(bed_ask(b, "GET", "/healthz").status, 200);
}

/* A kubelet that says nothing is waited for nine tenths of the resolution. */
static void silence(void **state)
{
    struct bed *b = *state;
    b->nodes = NODE("ubuntu", "192.168.229.132");
    bed_start(b, NULL);
    test_advance(b->l, 60 * S + 53 * S);
    assert_false(logged(b, "unable to fully collect"));
    test_advance(b->l, 2 * S);
    assert_true(logged(b, "Client.Timeout exceeded while awaiting headers)\n"));
}

/* No figures in the summary: complained about, the node is stored all the same. */
static void no_figures(void **state)
{
    struct bed *b = *state;
    b->nodes = NODE("ubuntu", "192.168.229.132");
    b->summary = "{\"node\":{\"nodeName\":\"ubuntu\"},\"pods\":[]}";
    bed_start(b, NULL);
    test_advance(b->l, 61 * S);
    assert_true(logged(b, "kubelet_summary:ubuntu: unable to get a valid timestamp for metric point for node \"192.168.229.132\", "
                          "discarding data: "
                          "no non-zero timestamp on either CPU or memory\n"));
    b->summary = "no JSON";
    strbuf_reset(&b->out);
    test_advance(b->l, 60 * S);
    assert_true(logged(b, "unable to fetch metrics from Kubelet ubuntu (192.168.229.132): failed to parse output. Response: \"no "
                          "JSON\". Error: "));
}

/* Starts that fail end as the Go program does. */
static void bad_starts(void **state)
{
    struct bed *b = *state;
    bed_start(b, "--nonsense");
    assert_int_equal(b->exit_status, 2);
    assert_true(str_starts(strbuf_str(&b->out), "Error: unknown flag: --nonsense\nLaunch metrics-server\n"));
    assert_true(logged(b, "\npanic: unknown flag: --nonsense\n\ngoroutine 1 [running]:\nmain.main()\n"));
    process_free(b->p);
    strbuf_reset(&b->out);
    b->config_status = 403;
    b->exit_status = -1;
    bed_start(b, NULL);
    assert_int_equal(b->exit_status, 2);
    assert_true(logged(b, "Unable to get configmap/extension-apiserver-authentication in kube-system.  Usually fixed by 'kubectl "
                          "create rolebinding"));
    assert_true(logged(b, "panic: configmaps is forbidden\n"));
    process_free(b->p);
    strbuf_reset(&b->out);
    b->exit_status = -1;
    vfs_remove(b->files, "/var/run/secrets/kubernetes.io/serviceaccount/token");
    bed_start(b, NULL);
    assert_true(logged(b, "Error: open /var/run/secrets/kubernetes.io/serviceaccount/token: no such file or directory\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = { BED_TEST(ticks), BED_TEST(several), BED_TEST(silence), BED_TEST(no_figures),
                                        BED_TEST(bad_starts) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
