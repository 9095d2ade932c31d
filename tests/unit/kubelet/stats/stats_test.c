/* Rates from samples, and the three forms, against counters that are given. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "kubelet/stats/stats.h"

#define S ((int64_t)1000000000)
#define T0 ((int64_t)1579910400 * S)

static void test_rate(void **state)
{
    static const struct { int64_t t; uint64_t from, to, want; } cases[] = {
        { 10 * S, 0, 10000000000ull, 1000000000ull }, { 15 * S, 1000, 1000, 0 }, { 12 * S, 5, 2400000005ull, 200000000ull },
        { 0, 0, 5, 0 }, { 10 * S, 5, 1, 0 },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct sample a = { .time_ns = T0, .cpu_ns = cases[i].from }, b = { .time_ns = T0 + cases[i].t, .cpu_ns = cases[i].to };
        assert_int_equal(samples_nanocores(&a, &b), cases[i].want);
    }
}

static struct sampler sampler_of(uint64_t cpu0, uint64_t cpu1, int64_t memory)
{
    return (struct sampler){ .samples = 2, .prev = { .time_ns = T0, .cpu_ns = cpu0 },
                             .last = { .time_ns = T0 + 10 * S, .cpu_ns = cpu1, .memory_bytes = memory, .all.created_ns = T0 } };
}

static struct sampler node_s, pod_s, web_s;
static struct stats_container web[1];
static struct stats_pod pods[1];

static struct stats_node node_of(int minor)
{
    node_s = sampler_of(0, 1400000000, 2091909120);
    pod_s = sampler_of(0, 2000000, 10485760);
    web_s = sampler_of(0, 2000000, 10485760);
    web[0] = (struct stats_container){ .name = "target", .id = "/kubepods/x", .image = "target:latest", .s = &web_s,
                                       .started_ns = T0 };
    pods[0] = (struct stats_pod){ .name = "web1", .ns = "default", .uid = "u", .cgroup_path = "/kubepods", .started_ns = T0,
                                  .s = &pod_s, .containers = web, .count = 1 };
    return (struct stats_node){ .name = "ubuntu", .minor = minor, .boot_ns = T0, .capacity_memory_bytes = 4126908416, .cores = 2,
                                .s = &node_s, .pods = pods, .pod_count = 1 };
}

static void test_summary(void **state)
{
    struct arena *a = arena_new();
    struct strbuf out;
    struct stats_node n = node_of(16);
    (void)state;
    strbuf_init(&out, 1024 * 1024);
    stats_summary(a, &n, true, &out);
    struct json *j = json_parse(a, strbuf_str(&out), NULL);
    assert_int_equal(json_path_int(j, "node.cpu.usageNanoCores", -1), 140000000);
    assert_int_equal(json_path_int(j, "node.memory.workingSetBytes", -1), 2091909120);
    assert_int_equal(json_path_int(j, "pods.0.containers.0.cpu.usageNanoCores", -1), 200000);
    assert_int_equal(json_path_int(j, "pods.0.containers.0.cpu.usageCoreNanoSeconds", -1), 2000000);
    assert_true(str_eqc(json_path_str(j, "pods.0.containers.0.cpu.time"), "2020-01-25T00:00:10Z"));
    assert_null(json_path(j, "node.fs"));
    assert_null(json_path(j, "pods.0.ephemeral-storage"));
    strbuf_reset(&out);
    stats_summary(a, &n, false, &out);
    j = json_parse(a, strbuf_str(&out), NULL);
    assert_non_null(json_path(j, "node.fs"));
    assert_non_null(json_path(j, "node.rlimit"));
    assert_non_null(json_path(j, "pods.0.network"));
    strbuf_deinit(&out);
    arena_free(a);
}

static void test_resource(void **state)
{
    struct arena *a = arena_new();
    struct strbuf out;
    struct stats_node old = node_of(16), newer = node_of(20);
    (void)state;
    strbuf_init(&out, 1024 * 1024);
    stats_resource(a, &old, &out);
    assert_non_null(strstr(out.p,
                           "container_cpu_usage_seconds_total{container=\"target\",namespace=\"default\",pod=\"web1\"} 0.002 "
                           "1579910410000\n"));
    assert_non_null(strstr(out.p, "node_cpu_usage_seconds_total 1.4 1579910410000\n"));
    assert_null(strstr(out.p, "pod_cpu_usage_seconds_total"));
    strbuf_reset(&out);
    stats_resource(a, &newer, &out);
    assert_non_null(strstr(out.p,
                           "# HELP pod_cpu_usage_seconds_total [ALPHA] Cumulative cpu time consumed by the pod in core-seconds\n"));
    strbuf_reset(&out);
    stats_cadvisor(a, &newer, &out);
    assert_non_null(strstr(out.p, "container_cpu_usage_seconds_total{container=\"target\",cpu=\"total\","));
    assert_null(strstr(out.p, "container_cpu_cfs_periods_total{container=\"target\""));         /* no limit, no quota */
    strbuf_deinit(&out);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_rate), cmocka_unit_test(test_summary), cmocka_unit_test(test_resource) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
