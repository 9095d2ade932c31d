/* Phases and conditions from the states of containers (pkg/kubelet/kubelet_pods_test.go TestPodPhaseWith*,
 * status/generate_test.go). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

#include "kubelet/kubelet_priv.h"
#include "tests/unit/sim/net/net_test.h"

/* One letter per container: r running and ready, u running and not ready, 0 succeeded, 1 failed, w waiting, b waiting after an
 * exit. Init containers stand before '|'. */
static const struct { const char *policy, *states, *phase, *ready_reason, *initialized; } cases[] = {
    { "Always", "w", "Pending", "ContainersNotReady", "True" },       { "Always", "r", "Running", "", "True" },
    { "Always", "ru", "Running", "ContainersNotReady", "True" },      { "Always", "rw", "Pending", "ContainersNotReady", "True" },
    { "Always", "0", "Running", "ContainersNotReady", "True" },       { "Always", "b", "Running", "ContainersNotReady", "True" },
    { "Never", "0", "Succeeded", "PodCompleted", "True" },            { "Never", "01", "Failed", "ContainersNotReady", "True" },
    { "Never", "r1", "Running", "ContainersNotReady", "True" },       { "OnFailure", "1", "Running", "ContainersNotReady", "True" },
    { "OnFailure", "00", "Succeeded", "PodCompleted", "True" },       { "Always", "w|w", "Pending", "ContainersNotReady", "False" },
    { "Always", "0|r", "Running", "", "True" },                       { "Never", "1|w", "Failed", "ContainersNotReady", "False" },
    { "Always", "0r|w", "Pending", "ContainersNotReady", "False" },
};

static void set_state(struct container *c, struct pod_worker *p, char letter, bool init)
{
    c->pod = p;
    c->name = "c";
    c->init = init;
    c->state = letter == 'r' || letter == 'u' ? CONTAINER_RUNNING : letter == '0' || letter == '1' ? CONTAINER_TERMINATED
               : CONTAINER_WAITING;
    c->ready = c->started = letter == 'r';
    c->now.set = c->state == CONTAINER_TERMINATED;
    c->now.exit_code = letter == '1';
    c->last.set = letter == 'b';
    c->wait_reason = xstrdup("ContainerCreating");
}

static void test_phases(void **state)
{
    struct loop *l = test_loop();
    struct kubelet k = { .o = { .loop = l, .minor = 16, .node_ip = "192.168.229.132" } };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *a = arena_new();
        struct container containers[8] = { 0 };
        struct pod_worker p = { .k = &k, .containers = containers, .cond_arena = a, .conditions = json_new_array(a),
                                .step = POD_RUNNING, .ip = "10.32.0.9", .start_ns = vtime_now(l) };
        const char *bar = strchr(cases[i].states, '|');
        p.pod = json_buildf(a, "{'spec':{'restartPolicy':%s}}", cases[i].policy);
        for (const char *s = cases[i].states; *s; s++) {
            if (*s == '|') {
                p.init_count = p.count;
                continue;
            }
            set_state(&containers[p.count++], &p, *s, bar && s < bar);
        }
        struct json *status = pod_status(&p, a), *conditions = json_get(status, "conditions");
        assert_string_equal(pod_phase(&p), cases[i].phase);
        assert_true(str_eqc(json_get_str(condition_find(conditions, "Ready"), "reason"), cases[i].ready_reason));
        assert_true(str_eqc(json_get_str(condition_find(conditions, "Initialized"), "status"), cases[i].initialized));
        assert_true(str_eqc(json_get_str(json_at(conditions, 0), "type"), "Initialized"));
        assert_true(str_eqc(json_get_str(json_at(conditions, 3), "type"), "PodScheduled"));
        assert_true(str_eqc(json_path_str(status, "podIPs.0.ip"), "10.32.0.9"));
        for (size_t c = 0; c < p.count; c++)
            free(containers[c].wait_reason);
        arena_free(a);
    }
    loop_free(l);
}

static void test_adopted_status_is_the_same(void **state)
{
    struct loop *l = test_loop();
    struct kubelet k = { .o = { .loop = l, .minor = 16, .node_ip = "192.168.229.132", .pod_cidr_base = "10.32.0." } };
    struct arena *a = arena_new();
    struct err err = { 0 };
    (void)state;
    struct json *told = json_parse(a,
                                   STR("{\"phase\":\"Running\",\"conditions\":[{\"type\":\"Initialized\",\"status\":\"True\","
                                       "\"lastProbeTime\":null,\"lastTransitionTime\":\"2020-01-24T20:00:00Z\"},"
        "{\"type\":\"Ready\",\"status\":\"True\",\"lastProbeTime\":null,\"lastTransitionTime\":\"2020-01-24T20:00:03Z\"},"
        "{\"type\":\"ContainersReady\",\"status\":\"True\",\"lastProbeTime\":null,"
        "\"lastTransitionTime\":\"2020-01-24T20:00:03Z\"},{\"type\":\"PodScheduled\",\"status\":\"True\",\"lastProbeTime\":null,"
        "\"lastTransitionTime\":\"2020-01-24T20:00:00Z\"}],"
        "\"hostIP\":\"192.168.229.132\",\"podIP\":\"10.32.0.7\",\"podIPs\":[{\"ip\":\"10.32.0.7\"}],"
        "\"startTime\":\"2020-01-24T20:00:00Z\",\"containerStatuses\":[{\"name\":\"web\",\"state\":{\"running\":"
        "{\"startedAt\":\"2020-01-24T20:00:03Z\"}},\"lastState\":{\"terminated\":{\"exitCode\":137,\"reason\":\"OOMKilled\","
        "\"startedAt\":\"2020-01-24T19:00:00Z\",\"finishedAt\":\"2020-01-24T20:00:02Z\","
        "\"containerID\":\"docker://aa\"}},\"ready\":true,\"restartCount\":1,\"image\":\"target:latest\","
        "\"imageID\":\"docker://sha256:bb\",\"containerID\":\"docker://cc\",\"started\":true}]}"), &err);
    assert_non_null(told);
    struct container web = { .name = "web", .state = CONTAINER_WAITING };
    struct pod_worker p = { .k = &k, .containers = &web, .count = 1, .cond_arena = a, .conditions = json_new_array(a),
                            .step = POD_NEW };
    web.pod = &p;
    p.pod = json_buildf(a, "{'spec':{'restartPolicy':'Always'}}");
    status_adopt(&p, told);
    assert_true(p.adopted && p.own_ip && k.ip_used[7]);
    assert_int_equal(web.crash.delay_ns, 10 * SECOND);
    assert_true(json_equal(pod_status(&p, a), told));
    free(web.image);
    free(web.image_id);
    arena_free(a);
    loop_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_phases), cmocka_unit_test(test_adopted_status_is_the_same) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
