/* May this pod run on that node: each rule, and the words of each refusal in each version. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "workloads/scheduler/scheduler_priv.h"

/* A node of 2 cores, 4Gi and 10 pods that runs one pod on host port 80. */
static void node_make(struct arena *a, struct node_state *n, const char *spec, int64_t used_cpu_milli, int64_t used_pods)
{
    struct json *node = json_buildf(a, "{'metadata':{'name':'ubuntu','labels':{'disk':'ssd','rank':'5'}}}");
    json_set(a, node, "spec", json_parse(a, str_c(spec), NULL));
    const struct json **pods = arena_zalloc(a, sizeof *pods);
    pods[0] = json_parse(a, STR("{\"spec\":{\"containers\":[{\"ports\":[{\"hostPort\":80,\"hostIP\":\"10.0.0.1\"},"
                                "{\"containerPort\":81}]}]}}"), NULL);
    *n = (struct node_state){ .node = node, .name = STR("ubuntu"), .allocatable = { 2000, INT64_C(4) << 30, 10 },
                              .used = { used_cpu_milli, INT64_C(1) << 30, used_pods }, .pods = pods, .pod_count = 1 };
}

#define POD(spec) "{\"spec\":{" spec "}}"
#define CONTAINER(inner) "\"containers\":[{" inner "}]"
#define REQUESTS(r) CONTAINER("\"resources\":{\"requests\":{" r "}}")
#define AFFINITY(terms) "\"affinity\":{\"nodeAffinity\":{\"requiredDuringSchedulingIgnoredDuringExecution\":{\"nodeSelectorTerms\":[" terms "]}}}"
#define EXPRESSION(key, op, values) "{\"matchExpressions\":[{\"key\":\"" key "\",\"operator\":\"" op "\",\"values\":[" values "]}]}"
#define FIELD(op, values) "{\"matchFields\":[{\"key\":\"metadata.name\",\"operator\":\"" op "\",\"values\":[" values "]}]}"
#define TAINT(effect) "{\"taints\":[{\"key\":\"k\",\"value\":\"v\",\"effect\":\"" effect "\"}]}"
#define TOLERATE(t) "\"tolerations\":[{" t "}]"

static const char *refusals(struct arena *a, int minor, const char *pod, const char *spec, int64_t cpu, int64_t pods)
{
    struct node_state n;
    const char *reasons[FIT_REASONS_MAX];
    struct strbuf out;
    node_make(a, &n, spec, cpu, pods);
    size_t count = scheduler_filters_run(a, minor, json_parse(a, str_c(pod), NULL), &n, reasons, FIT_REASONS_MAX);
    strbuf_init(&out, 4096);
    for (size_t i = 0; i < count; i++)
        strbuf_addf(&out, "%s%s", i ? "; " : "", reasons[i]);
    const char *text = arena_cstr(a, strbuf_str(&out));
    strbuf_deinit(&out);
    return text;
}

static void rules(void **state)
{
    (void)state;
    static const struct { const char *pod, *node; int64_t cpu, pods; const char *want; } rows[] = {
        { POD(CONTAINER("")), "{}", 2000, 9, "" },                              /* who asks for nothing fits on a full node */
        { POD(CONTAINER("")), "{}", 0, 10, "Insufficient pods" },
        { POD(REQUESTS("\"cpu\":\"500m\"")), "{}", 1500, 1, "" },
        { POD(REQUESTS("\"cpu\":\"501m\"")), "{}", 1500, 1, "Insufficient cpu" },
        { POD(REQUESTS("\"memory\":\"3Gi\"")), "{}", 0, 1, "" },
        { POD(REQUESTS("\"memory\":\"4Gi\",\"cpu\":3")), "{}", 0, 1, "Insufficient cpu; Insufficient memory" },
        /* init containers run one after the other: the largest counts */
        { POD(REQUESTS("\"cpu\":1") ",\"initContainers\":[{\"resources\":{\"requests\":{\"cpu\":2}}},"
                                    "{\"resources\":{\"requests\":{\"cpu\":2}}}]"), "{}", 0, 1, "" },
        { POD(REQUESTS("\"cpu\":1") ",\"initContainers\":[{\"resources\":{\"requests\":{\"cpu\":2}}}]"), "{}", 1, 1,
          "Insufficient cpu" },
        /* host ports, by address and protocol */
        { POD(CONTAINER("\"ports\":[{\"hostPort\":80}]")), "{}", 0, 1, "node(s) didn't have free ports for the requested pod ports" },
        { POD(CONTAINER("\"ports\":[{\"hostPort\":80,\"hostIP\":\"10.0.0.2\"}]")), "{}", 0, 1, "" },
        { POD(CONTAINER("\"ports\":[{\"hostPort\":80,\"protocol\":\"UDP\"}]")), "{}", 0, 1, "" },
        { POD(CONTAINER("\"ports\":[{\"containerPort\":80}]")), "{}", 0, 1, "" },
        /* node selector and affinity: one term is enough, all of its expressions must hold */
        { POD("\"nodeSelector\":{\"disk\":\"ssd\"}"), "{}", 0, 1, "" },
        { POD("\"nodeSelector\":{\"disk\":\"ssd\",\"x\":\"y\"}"), "{}", 0, 1, "node(s) didn't match node selector" },
        { POD(AFFINITY(EXPRESSION("disk", "In", "\"hdd\",\"ssd\""))), "{}", 0, 1, "" },
        { POD(AFFINITY(EXPRESSION("disk", "NotIn", "\"ssd\""))), "{}", 0, 1, "node(s) didn't match node selector" },
        { POD(AFFINITY(EXPRESSION("none", "NotIn", "\"ssd\""))), "{}", 0, 1, "" },
        { POD(AFFINITY(EXPRESSION("disk", "Exists", ""))), "{}", 0, 1, "" },
        { POD(AFFINITY(EXPRESSION("disk", "DoesNotExist", ""))), "{}", 0, 1, "node(s) didn't match node selector" },
        { POD(AFFINITY(EXPRESSION("rank", "Gt", "\"4\""))), "{}", 0, 1, "" },
        { POD(AFFINITY(EXPRESSION("rank", "Lt", "\"5\""))), "{}", 0, 1, "node(s) didn't match node selector" },
        { POD(AFFINITY(EXPRESSION("disk", "Gt", "\"4\""))), "{}", 0, 1, "node(s) didn't match node selector" },
        { POD(AFFINITY(EXPRESSION("disk", "DoesNotExist", "") "," FIELD("In", "\"ubuntu\""))), "{}", 0, 1, "" },
        { POD(AFFINITY(FIELD("NotIn", "\"ubuntu\""))), "{}", 0, 1, "node(s) didn't match node selector" },
        { POD(AFFINITY("{}")), "{}", 0, 1, "node(s) didn't match node selector" },
        { POD(AFFINITY("")), "{}", 0, 1, "node(s) didn't match node selector" },
        /* taints */
        { POD(CONTAINER("")), TAINT("NoSchedule"), 0, 1, "node(s) had taints that the pod didn't tolerate" },
        { POD(CONTAINER("")), TAINT("NoExecute"), 0, 1, "node(s) had taints that the pod didn't tolerate" },
        { POD(CONTAINER("")), TAINT("PreferNoSchedule"), 0, 1, "" },
        { POD(TOLERATE("\"operator\":\"Exists\"")), TAINT("NoSchedule"), 0, 1, "" },
        { POD(TOLERATE("\"key\":\"k\",\"value\":\"v\"")), TAINT("NoSchedule"), 0, 1, "" },
        { POD(TOLERATE("\"key\":\"k\",\"operator\":\"Equal\",\"value\":\"w\"")), TAINT("NoSchedule"), 0, 1,
          "node(s) had taints that the pod didn't tolerate" },
        { POD(TOLERATE("\"key\":\"k\",\"operator\":\"Exists\",\"effect\":\"NoExecute\"")), TAINT("NoSchedule"), 0, 1,
          "node(s) had taints that the pod didn't tolerate" },
        /* cordoned */
        { POD(CONTAINER("")), "{\"unschedulable\":true}", 0, 1, "node(s) were unschedulable" },
        { POD(TOLERATE("\"key\":\"node.kubernetes.io/unschedulable\",\"operator\":\"Exists\"")), "{\"unschedulable\":true}", 0, 1,
          "" },
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *got = refusals(a, 16, rows[i].pod, rows[i].node, rows[i].cpu, rows[i].pods);
        if (strcmp(got, rows[i].want) != 0)
            fail_msg("row %zu: %s: got \"%s\", want \"%s\"", i, rows[i].pod, got, rows[i].want);
    }
    arena_free(a);
}

/* Up to v1.17 a group of predicates was run to its end; then each filter ends the matter; from v1.23 on in another order. */
static void words(void **state)
{
    (void)state;
#define BUSY_PORT CONTAINER("\"ports\":[{\"hostPort\":80}],\"resources\":{\"requests\":{\"cpu\":3}}")
    static const struct { int minor; const char *pod, *node, *want; } rows[] = {
        { 16, POD("\"nodeSelector\":{\"x\":\"y\"}"), "{}", "node(s) didn't match node selector" },
        { 20, POD("\"nodeSelector\":{\"x\":\"y\"}"), "{}", "node(s) didn't match Pod's node affinity" },
        { 34, POD("\"nodeSelector\":{\"x\":\"y\"}"), "{}", "node(s) didn't match Pod's node affinity/selector" },
        { 16, POD(""), TAINT("NoSchedule"), "node(s) had taints that the pod didn't tolerate" },
        { 20, POD(""), TAINT("NoSchedule"), "node(s) had taint {k: v}, that the pod didn't tolerate" },
        { 34, POD(""), TAINT("NoSchedule"), "node(s) had untolerated taint {k: v}" },
        { 16, POD(BUSY_PORT ",\"nodeSelector\":{\"x\":\"y\"}"), TAINT("NoSchedule"),
          "Insufficient cpu; node(s) didn't have free ports for the requested pod ports; node(s) didn't match node selector" },
        { 20, POD(BUSY_PORT ",\"nodeSelector\":{\"x\":\"y\"}"), TAINT("NoSchedule"), "Insufficient cpu" },
        { 34, POD(BUSY_PORT ",\"nodeSelector\":{\"x\":\"y\"}"), TAINT("NoSchedule"), "node(s) had untolerated taint {k: v}" },
        { 34, POD(BUSY_PORT ",\"nodeSelector\":{\"x\":\"y\"}"), "{}", "node(s) didn't match Pod's node affinity/selector" },
        { 34, POD(BUSY_PORT), "{}", "node(s) didn't have free ports for the requested pod ports" },
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *got = refusals(a, rows[i].minor, rows[i].pod, rows[i].node, 0, 1);
        if (strcmp(got, rows[i].want) != 0)
            fail_msg("row %zu: got \"%s\", want \"%s\"", i, got, rows[i].want);
    }
    arena_free(a);
}

static void sentences(void **state)
{
    (void)state;
    static const char *const some[] = { "node(s) were unschedulable", "Insufficient cpu" };
    static const struct { int minor; size_t nodes, n, counts[2]; const char *want; } rows[] = {
        { 16, 0, 0, { 0 }, "no nodes available to schedule pods" },
        { 34, 0, 0, { 0 }, "no nodes available to schedule pods" },
        { 16, 1, 1, { 1 }, "0/1 nodes are available: 1 node(s) were unschedulable." },
        { 20, 3, 2, { 2, 1 }, "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable." },
        { 34, 3, 2, { 1, 2 }, "0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient cpu. preemption: 0/3 nodes "
                              "are available: "
                              "1 Preemption is not helpful for scheduling, 2 No preemption victims found for incoming pod." },
        { 34, 1, 1, { 1 }, "0/1 nodes are available: 1 node(s) were unschedulable. preemption: 0/1 nodes are available: "
                           "1 Preemption is not helpful for scheduling." },
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *got = arena_cstr(a, scheduler_fit_error(a, rows[i].minor, rows[i].nodes, some, rows[i].counts, rows[i].n));
        if (strcmp(got, rows[i].want) != 0)
            fail_msg("row %zu: got \"%s\", want \"%s\"", i, got, rows[i].want);
    }
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules), cmocka_unit_test(words), cmocka_unit_test(sentences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
