/* metrics.k8s.io/v1beta1 and what stands beside it: paths, selectors, refusals, and which pods are shown. */
#include "tests/unit/metricsd/bed.h"

static void begin(struct bed *b)
{
    b->nodes = NODE("ubuntu", "192.168.229.132");
    b->pods = POD("d", "web", "Running") "," POD("d", "done", "Succeeded") "," POD("k", "dns", "Running") "," POD("k", "new",
            "Running");
    b->summary = SUMMARY("ubuntu",
                         POD_FIGURES("d", "web", "80000000", "10485760") "," POD_FIGURES("d", "done", "1",
                                                                                         "1") "," POD_FIGURES("k", "dns", "1500",
                                                                                                 "1"));
    bed_start(b, NULL);
    test_advance(b->l, 60 * S);
}

#define V "/apis/metrics.k8s.io/v1beta1"
static void paths(void **state)
{
    struct bed *b = *state;
    begin(b);
    static const struct { const char *method, *path; int status; const char *body; } rows[] = {
        { "GET", V "/nodes/ubuntu", 200,
          "{\"kind\":\"NodeMetrics\",\"apiVersion\":\"metrics.k8s.io/v1beta1\",\"metadata\":{\"name\":\"ubuntu\",\"selfLink\":" },
        { "GET", V "/nodes/ubuntu", 200,
          "\"timestamp\":\"2020-01-25T00:01:00Z\",\"window\":\"30s\",\"usage\":{\"cpu\":\"250m\",\"memory\":\"1Mi\"}}\n" },
        { "GET", V "/nodes", 200,
          "{\"kind\":\"NodeMetricsList\",\"apiVersion\":\"metrics.k8s.io/v1beta1\",\"metadata\":{\"selfLink\":\"" V "/nodes\"},\"items\":[{\"metadata\":{\"name\":\"ubuntu\"" },
        { "GET", V "/nodes?labelSelector=l%3Dother", 200, "\"items\":[]}" },
        { "GET", V "/nodes/none", 404, "\"message\":\"nodemetrics.metrics.k8s.io \\\"none\\\" not found\"" },
        { "GET", V "/namespaces/d/pods/web", 200,
          "\"containers\":[{\"name\":\"c\",\"usage\":{\"cpu\":\"80m\",\"memory\":\"10Mi\"}}]}\n" },
        { "GET", V "/namespaces/d/pods/web/", 404, "404 page not found\n" },
        { "GET", V "/namespaces/d/pods/none", 404, "\"message\":\"pod \\\"none\\\" not found\"" },
        /* no figures yet */
        { "GET", V "/namespaces/k/pods/new", 404, "\"message\":\"podmetrics.metrics.k8s.io \\\"k/new\\\" not found\"" },
        /* not running */
        { "GET", V "/namespaces/d/pods/done", 404, "\"message\":\"podmetrics.metrics.k8s.io \\\"d/done\\\" not found\"" },
        { "GET", V "/namespaces/d/pods?labelSelector=app%20in%20(web,x)", 200, "\"metadata\":{\"name\":\"web\",\"namespace\":\"d\"" },
        { "GET", V "/pods?fieldSelector=metadata.namespace%3Dk", 200,
          "\"selfLink\":\"" V "/pods\"},\"items\":[{\"metadata\":{\"name\":\"dns\"" },
        { "GET", V "/pods?fieldSelector=metadata.name!%3Dweb", 200, "\"items\":[{\"metadata\":{\"name\":\"dns\"" },
        { "GET", V "/pods?labelSelector=%2C%2C", 400, "\"reason\":\"BadRequest\"" },
        { "GET", V "/pods?watch=true", 405, "\"reason\":\"MethodNotAllowed\"" },
        { "DELETE", V "/namespaces/d/pods/web", 405, "the server does not allow this method on the requested resource" },
        { "GET", V "/things", 404, "404 page not found\n" },
        { "GET", V, 200, "{\"kind\":\"APIResourceList\",\"apiVersion\":\"v1\",\"groupVersion\":\"metrics.k8s.io/v1beta1\","
                         "\"resources\":[{\"name\":\"nodes\"" },
        { "GET", "/apis", 200, "{\"kind\":\"APIGroupList\"" },
        { "GET", "/apis/metrics.k8s.io", 200, "{\"kind\":\"APIGroup\"" },
        { "GET", "/healthz/ping", 200, "ok" },
        { "GET", "/", 200, "{\"paths\":[\"/apis\"" },
        { "GET", "/version?pretty=true", 200, "{\n  \"major\": \"\"" },
        { "GET", "/nowhere", 404, "404 page not found\n" },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bed_answer w = bed_ask(b, rows[i].method, rows[i].path);
        if (w.status != rows[i].status || !strstr(w.body, rows[i].body))
            fail_msg("row %zu: %s: %d %s", i, rows[i].path, w.status, w.body);
    }
    struct bed_answer all = bed_ask(b, "GET", V "/pods");
    assert_null(strstr(all.body, "done"));         /* not running */
    assert_null(strstr(all.body, "\"new\""));
    assert_true(str_find(strbuf_str(&b->out),
                         STR("reststorage.go:160] unable to fetch pod metrics for pod k/new: no metrics known for pod\n")) >= 0);
}

/* Nothing is answered without the API server's word, discovery included. */
static void refused(void **state)
{
    struct bed *b = *state;
    b->denied = true;
    begin(b);
    static const struct { const char *path, *message; } rows[] = {
        { V "/nodes", "nodes.metrics.k8s.io is forbidden: User \\\"system:anonymous\\\" cannot list resource \\\"nodes\\\" in API "
                      "group \\\"metrics.k8s.io\\\" at the cluster scope" },
        { V "/namespaces/d/pods",
          "pods.metrics.k8s.io is forbidden: User \\\"system:anonymous\\\" cannot list resource \\\"pods\\\" in API group "
          "\\\"metrics.k8s.io\\\" in the namespace \\\"d\\\"" },
        { "/apis", "forbidden: User \\\"system:anonymous\\\" cannot get path \\\"/apis\\\"" },
        { "/healthz", "forbidden: User \\\"system:anonymous\\\" cannot get path \\\"/healthz\\\"" },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bed_answer w = bed_ask(b, "GET", rows[i].path);
        if (w.status != 403 || !strstr(w.body, rows[i].message))
            fail_msg("row %zu: %d %s", i, w.status, w.body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { BED_TEST(paths), BED_TEST(refused) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
