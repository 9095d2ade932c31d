/* The controller against an API server of a few lines: what it asks, when, and what it writes. */
#include "tests/unit/sim/net/net_test.h"

#include <stdio.h>
#include <stdlib.h>

#include "hpa/hpa.h"

#define S ((int64_t)NS_PER_S)

struct world {
    struct loop *l;
    struct vnet *v;
    struct vnet_host *node;
    struct http_server *server;
    struct client *client;
    struct http_exchange *watch;
    void *controller;
    struct controller_context cc;
    int minor, usage, metrics_status;
    int64_t replicas;
    bool conflict_once;
    const char *request;               /* of the pod's container */
    struct strbuf log;                 /* calls, one line each */
    struct strbuf noted;               /* what the last pass noted, as text */
    char status[8192], events[16384];
};

static void on_note(void *ctx, struct str key, const struct json *note)
{
    struct world *w = ctx;
    assert_true(str_eqc(key, "default/web1"));
    strbuf_reset(&w->noted);
    json_write(&w->noted, note, JSON_NO_HTML_ESCAPE);
}

static void gone(struct http_exchange *x) { ((struct world *)x->ctx)->watch = NULL; }

static const char hpa_json[] =
    "{\"kind\":\"HorizontalPodAutoscaler\",\"apiVersion\":\"autoscaling/%s\",\"metadata\":{\"name\":\"web1\","
    "\"namespace\":\"default\",\"uid\":\"u\",\"resourceVersion\":\"5\"},"
    "\"spec\":{\"scaleTargetRef\":{\"kind\":\"Deployment\",\"name\":\"web1\",\"apiVersion\":\"apps/v1\"},\"minReplicas\":1,"
    "\"maxReplicas\":5,"
    "\"metrics\":[{\"type\":\"Resource\",\"resource\":{\"name\":\"cpu\",\"target\":{\"type\":\"Utilization\","
    "\"averageUtilization\":50}}}]},"
    "\"status\":{\"currentReplicas\":0,\"desiredReplicas\":0}}";

static const char *pods_json(struct arena *a, struct world *w)
{
    return arena_printf(a, "{\"items\":[{\"metadata\":{\"name\":\"p\",\"namespace\":\"default\",\"labels\":{\"app\":\"web1\"}},"
                           "\"spec\":{\"containers\":[{\"name\":\"target\",\"resources\":{%s}}]},"
                           "\"status\":{\"phase\":\"Running\",\"startTime\":\"2020-01-24T20:00:00Z\","
                           "\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\","
                           "\"lastTransitionTime\":\"2020-01-24T20:00:05Z\"}]}}]}",
                        w->request);
}

static const char *metrics_json(struct arena *a, struct world *w)
{
    if (w->usage < 0)
        return "{\"items\":[]}";
    return arena_printf(a, "{\"items\":[{\"metadata\":{\"name\":\"p\",\"namespace\":\"default\"},"
                           "\"timestamp\":\"2020-01-25T00:00:00Z\",\"window\":\"30s\",\"containers\":[{\"name\":\"target\","
                           "\"usage\":{\"cpu\":\"%dm\"}}]}]}",
                        w->usage);
}

static int answer(struct world *w, struct http_exchange *x, const char **body)
{
    struct arena *a = x->arena;
    bool put = str_eqc(x->method, "PUT");
    const char *version = w->minor >= 23 ? "v2" : "v2beta2";
    const char *hpa = arena_printf(a, hpa_json, version);
    if (str_eqc(x->path, arena_printf(a, "/apis/autoscaling/%s/horizontalpodautoscalers", version))) {
        *body = arena_printf(a, "{\"kind\":\"List\",\"metadata\":{\"resourceVersion\":\"9\"},\"items\":[%s]}", hpa);
    } else if (str_eqc(x->path, "/apis/apps")) {
        *body = "{\"versions\":[{\"groupVersion\":\"apps/v1\",\"version\":\"v1\"}],\"preferredVersion\":{\"version\":\"v1\"}}";
    } else if (str_eqc(x->path, "/apis/apps/v1")) {
        *body = "{\"resources\":[{\"name\":\"deployments\",\"kind\":\"Deployment\"},{\"name\":\"deployments/scale\","
                "\"kind\":\"Scale\"}]}";
    } else if (str_ends(x->path, "/web1/scale")) {
        if (put && w->conflict_once) {
            w->conflict_once = false;
            *body = "{\"kind\":\"Status\",\"status\":\"Failure\",\"reason\":\"Conflict\",\"code\":409,\"message\":\"Operation "
                    "cannot be fulfilled on deployments.apps \\\"web1\\\": changed\"}";
            return 409;
        }
        if (put)
            w->replicas = json_path_int(json_parse(a, x->body, NULL), "spec.replicas", -1);
        *body = arena_printf(a, "{\"kind\":\"Scale\",\"spec\":{\"replicas\":%d},\"status\":{\"replicas\":%d,"
                                "\"selector\":\"app=web1\"}}", (int)w->replicas, (int)w->replicas);
    } else if (str_eqc(x->path, "/api/v1/namespaces/default/pods")) {
        *body = pods_json(a, w);
    } else if (str_starts(x->path, "/apis/metrics.k8s.io/")) {
        *body = w->metrics_status == 200 ? metrics_json(a, w) : "404 page not found";
        return w->metrics_status;
    } else if (str_ends(x->path, "/web1/status")) {
        snprintf(w->status, sizeof w->status, STR_FMT, STR_ARG(json_text(a, json_get(json_parse(a, x->body, NULL), "status"))));
        *body = hpa;
    } else {
        const struct json *event = json_parse(a, x->body, NULL);
        size_t n = strlen(w->events);
        snprintf(w->events + n, sizeof w->events - n, STR_FMT ": " STR_FMT "\n", STR_ARG(json_get_str(event, "reason")),
                 STR_ARG(json_get_str(event, "message")));
        *body = "{}";
    }
    return 200;
}

static void handler(void *ctx, struct http_exchange *x)
{
    struct world *w = ctx;
    if (query_bool(&x->query, "watch")) {
        x->ctx = w;
        x->on_gone = gone;
        w->watch = x;
        http_begin(x, 200, NULL, "application/json");
        return;
    }
    const char *body = "";
    bool event = str_ends(x->path, "/events");
    int status = answer(w, x, &body);
    if (!event)
        strbuf_addf(&w->log, "%d " STR_FMT " " STR_FMT "%s" STR_FMT "\n", (int)(vtime_now(w->l) / S - 1579910400),
                    STR_ARG(x->method), STR_ARG(x->path), x->query_text.n ? "?" : "",
                    STR_ARG(x->query_text));
    http_respond(x, status, NULL, status == 404 ? "text/plain" : "application/json", str_c(body));
}

static struct world *world_up(int minor)
{
    struct world *w = NEW(struct world);
    w->minor = minor;
    w->replicas = 1;
    w->metrics_status = 200;
    w->request = "\"requests\":{\"cpu\":\"200m\"}";
    strbuf_init(&w->log, 1 << 20);
    strbuf_init(&w->noted, 1 << 20);
    w->l = test_loop();
    w->v = vnet_new(w->l);
    w->node = vnet_host_new(w->v, "ubuntu");
    vnet_host_add_addr(w->node, "192.168.229.132");
    w->server = http_server_new(&(struct http_server_options){ .loop = w->l, .name = "api", .handler = handler, .ctx = w }, NULL);
    assert_true(http_server_listen_vnet(w->server, w->node, NULL, 8080, NULL));
    w->client = client_new(&(struct client_options){ .from = w->node, .server = "http://192.168.229.132:8080",
                                                     .user_agent = "test", .name = "hpa" });
    w->cc = (struct controller_context){ .loop = w->l, .client = w->client, .minor = minor, .note = on_note, .note_ctx = w };
    w->controller = hpa_controller.start(&w->cc);
    return w;
}

static void world_down(struct world *w)
{
    hpa_controller.stop(w->controller);
    client_free(w->client);
    http_server_free(w->server);
    test_turns(w->l, 2);
    vnet_host_free(w->node);
    vnet_free(w->v);
    loop_free(w->l);
    strbuf_deinit(&w->log);
    strbuf_deinit(&w->noted);
    free(w);
}

static void until(struct world *w, int64_t s)
{
    test_advance(w->l, (1579910400 + s) * S - vtime_now(w->l));
    test_turns(w->l, 20);
}

static bool has(const char *text, const char *part) { return strstr(text, part) != NULL; }

/* Not before 15 s; then the calls in upstream's order; then every 15 s. */
static void test_order(void **state)
{
    (void)state;
    struct world *w = world_up(16);
    w->usage = 928;
    until(w, 14);
    assert_string_equal(w->log.p, "0 GET /apis/autoscaling/v2beta2/horizontalpodautoscalers?limit=500&resourceVersion=0\n");
    strbuf_reset(&w->log);
    until(w, 16);
    assert_string_equal(w->log.p, "15 GET /apis/apps\n"
                                  "15 GET /apis/apps/v1\n"
                                  "15 GET /apis/apps/v1/namespaces/default/deployments/web1/scale\n"
                                  "15 GET /api/v1/namespaces/default/pods?labelSelector=app%3Dweb1\n"
                                  "15 GET /apis/metrics.k8s.io/v1beta1/namespaces/default/pods?labelSelector=app%3Dweb1\n"
                                  "15 PUT /apis/apps/v1/namespaces/default/deployments/web1/scale\n"
                                  "15 PUT /apis/autoscaling/v2beta2/namespaces/default/horizontalpodautoscalers/web1/status\n");
    assert_int_equal(w->replicas, 4);
    assert_true(has(w->events,
                    "SuccessfulRescale: New size: 4; reason: cpu resource utilization (percentage of request) above target\n"));
    assert_true(has(w->status, "\"currentReplicas\":1,\"desiredReplicas\":4"));
    assert_true(has(w->status, "{\"name\":\"cpu\",\"current\":{\"averageValue\":\"928m\",\"averageUtilization\":464}}"));
    assert_true(has(w->status, "\"lastScaleTime\":\"2020-01-25T00:00:15Z\""));
    assert_true(has(w->status, "the HPA controller was able to update the target scale to 4"));
    strbuf_reset(&w->log);
    until(w, 29);
    assert_int_equal(w->log.n, 0);
    until(w, 31);
    assert_true(has(w->log.p, "30 GET /apis/apps/v1/namespaces/default/deployments/web1/scale\n"));
    assert_int_equal(w->replicas, 5);
    world_down(w);
}

/* What a pass saw, weighed and did, for who asks afterwards: the pod's figure, the recommendation, what came of it, or what failed. */
static void test_note(void **state)
{
    (void)state;
    struct world *w = world_up(20);
    w->usage = 928;
    until(w, 16);
    struct arena *a = arena_new();
    const struct json *note = json_parse(a, strbuf_str(&w->noted), NULL), *metric = json_at(json_get(note, "metrics"), 0);
    const struct json *pod = json_at(json_get(metric, "pods"), 0);
    assert_true(str_eqc(json_get_str(metric, "resource"), "cpu"));
    assert_int_equal(json_get_int(metric, "targetPercent", 0), 50);
    assert_true(str_eqc(json_get_str(pod, "name"), "p") && str_eqc(json_get_str(pod, "state"), "counted"));
    assert_int_equal(json_get_int(pod, "usageMilli", 0), 928);
    assert_int_equal(json_get_int(pod, "requestMilli", 0), 200);
    assert_int_equal(json_get_int(pod, "percent", 0), 464);
    const struct json *recommended = json_get(note, "recommendations");    /* what there was, then what the metric proposes */
    assert_int_equal(json_get_int(json_at(recommended, 0), "replicas", 0), 1);
    assert_int_equal(json_get_int(json_at(recommended, 1), "replicas", 0), 10);
    w->metrics_status = 404;
    until(w, 31);
    note = json_parse(a, strbuf_str(&w->noted), NULL);
    metric = json_at(json_get(note, "metrics"), 0);
    assert_true(str_find(json_get_str(metric, "error"), STR("the server could not find the requested resource")) >= 0);
    assert_null(json_get(metric, "pods"));
    arena_free(a);
    world_down(w);
}

/* What a student meets when the metrics server or a request is missing. */
static void test_troubles(void **state)
{
    (void)state;
    static const struct { int minor, usage, status; const char *request, *event, *failed; } cases[] = {
        { 16, 1, 404, "\"requests\":{\"cpu\":\"200m\"}",
          "FailedGetResourceMetric: unable to get metrics for resource cpu: unable to fetch metrics from resource metrics API: the "
          "server could not find the requested resource (get pods.metrics.k8s.io)\n",
          "FailedComputeMetricsReplicas: invalid metrics (1 invalid out of 1), first error is: failed to get cpu utilization: "
          "unable to get" },
        { 16, -1, 200, "\"requests\":{\"cpu\":\"200m\"}",
          "FailedGetResourceMetric: unable to get metrics for resource cpu: no metrics returned from resource metrics API\n",
          "FailedComputeMetricsReplicas: " },
        { 16, 1, 200, "", "FailedGetResourceMetric: missing request for cpu\n",
          "FailedComputeMetricsReplicas: invalid metrics (1 invalid out of 1), first error is: failed to get cpu utilization: "
          "missing request for cpu\n" },
        { 34, 1, 200, "", "FailedGetResourceMetric: failed to get cpu utilization: missing request for cpu in container target of "
                          "Pod p\n",
          "first error is: failed to get cpu resource metric value: failed to get cpu utilization: missing request for cpu in "
          "container target of Pod p\n" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world *w = world_up(cases[i].minor);
        w->usage = cases[i].usage;
        w->metrics_status = cases[i].status;
        w->request = cases[i].request;
        until(w, 16);
        assert_true(has(w->events, cases[i].event) && has(w->events, cases[i].failed));
        assert_true(has(w->status, "\"type\":\"ScalingActive\",\"status\":\"False\""));
        assert_int_equal(w->replicas, 1);
        world_down(w);
    }
}

/* v1.34 tries again after a conflict, older ones report it. */
static void test_conflict(void **state)
{
    (void)state;
    struct world *w = world_up(34);
    w->usage = 928;
    w->conflict_once = true;
    until(w, 16);
    assert_int_equal(w->replicas, 4);
    assert_true(has(w->events, "SuccessfulRescale"));
    world_down(w);
    w = world_up(20);
    w->usage = 928;
    w->conflict_once = true;
    until(w, 16);
    assert_int_equal(w->replicas, 1);
    assert_true(has(w->events,
                    "FailedRescale: New size: 4; reason: cpu resource utilization (percentage of request) above target; error: "
                    "Operation cannot be fulfilled on deployments.apps \"web1\": changed\n"));
    assert_true(has(w->status, "\"reason\":\"FailedUpdateScale\""));
    world_down(w);
}

/* Stopped in the midst of anything, nothing is left over (the leak checker looks). */
static void test_stop_anywhere(void **state)
{
    (void)state;
    for (int turns = 0; turns < 24; turns++) {
        struct world *w = world_up(34);
        w->usage = 928;
        w->conflict_once = true;
        test_turns(w->l, 10);
        bool done = false;
        loop_advance(w->l, 15 * S, test_done, &done);
        for (int i = 0; i < turns && !done; i++)
            loop_turn(w->l);
        world_down(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_order), cmocka_unit_test(test_note), cmocka_unit_test(test_troubles),
                                        cmocka_unit_test(test_conflict), cmocka_unit_test(test_stop_anywhere) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
