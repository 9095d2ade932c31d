/* Where a pod runs best, against sums worked out by hand from upstream's formulas: two nodes of 2 cores and 4 GiB. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "workloads/scheduler/scheduler_priv.h"

#define OWNED(uid) "\"metadata\":{\"ownerReferences\":[{\"kind\":\"ReplicaSet\",\"uid\":\"" uid "\",\"controller\":true}]}"
#define POD(more) "{" more ",\"spec\":{\"containers\":[{\"image\":\"web\"}]}}"
#define BARE POD("\"metadata\":{}")
#define NODE(spec, status) "{\"metadata\":{\"labels\":{\"disk\":\"ssd\"}},\"spec\":{" spec "},\"status\":{" status "}}"

static void fill(struct arena *a, struct node_state *n, const char *node, const char *pods)
{
    struct json *list = json_parse(a, str_c(pods), NULL);
    *n = (struct node_state){ .node = json_parse(a, str_c(node), NULL), .allocatable = { 2000, INT64_C(4) << 30, 110 } };
    n->pods = arena_zalloc(a, (json_len(list) + 1) * sizeof *n->pods);
    for (struct json *p = json_first(list); p; p = json_next(p)) {
        struct resources r = scheduler_nonzero_resources(p);
        n->pods[n->pod_count++] = p;
        n->nonzero.cpu_milli += r.cpu_milli;
        n->nonzero.memory_bytes += r.memory_bytes;
    }
}

static void sums(void **state)
{
    (void)state;
    static const struct { int minor; const char *pod, *node[2], *pods[2]; int64_t want[2]; } rows[] = {
        /* An empty node: balanced 100 - |5 - 4.88| = 99, least (95 + 95) / 2 = 95, no taints 100. */
        { 20, BARE, { NODE("", ""), NODE("", "") }, { "[]", "[]" }, { 294, 294 } },
        /* v1.16 gives everyone 100 for spreading when there is no group. */
        { 16, BARE, { NODE("", ""), NODE("", "") }, { "[]", "[]" }, { 394, 394 } },
        /* One pod without requests there already: least (90 + 90) / 2. */
        { 20, BARE, { NODE("", ""), NODE("", "") }, { "[" BARE "]", "[]" }, { 289, 294 } },
        /* Of one's own group: 1 * ln 4 + 2 = 3 against 2, so (5 - 3) * 100 / 3 = 66 and 100, twice. */
        { 20, POD(OWNED("u")), { NODE("", ""), NODE("", "") }, { "[" POD(OWNED("u")) "]", "[]" }, { 289 + 132, 294 + 200 } },
        { 16, POD(OWNED("u")), { NODE("", ""), NODE("", "") }, { "[" POD(OWNED("u")) "]", "[]" }, { 289, 394 } },
        /* Another group's pods count for nothing. */
        { 16, POD(OWNED("v")), { NODE("", ""), NODE("", "") }, { "[" POD(OWNED("u")) "]", "[]" }, { 389, 394 } },
        /* PreferNoSchedule is a wish, of which the newest versions make three. */
        { 20, BARE, { NODE("\"taints\":[{\"key\":\"k\",\"effect\":\"PreferNoSchedule\"}]", ""), NODE("", "") }, { "[]", "[]" },
          { 194, 294 } },
        { 34, BARE, { NODE("\"taints\":[{\"key\":\"k\",\"effect\":\"PreferNoSchedule\"}]", ""), NODE("", "") }, { "[]", "[]" },
          { 194, 494 } },
        /* 523 MiB on one of two nodes: (261.5 - 23) / 977. */
        { 20, BARE, { NODE("", "\"images\":[{\"names\":[\"web@sha256:1\",\"web:latest\"],\"sizeBytes\":548405248}]"),
                      NODE("", "") }, { "[]", "[]" }, { 318, 294 } },
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct node_state n[2];
        int64_t got[2];
        for (int k = 0; k < 2; k++)
            fill(a, &n[k], rows[i].node[k], rows[i].pods[k]);
        scheduler_scores(rows[i].minor, json_parse(a, str_c(rows[i].pod), NULL), n, 2, 2, got);
        for (int k = 0; k < 2; k++)
            if (got[k] != rows[i].want[k])
                fail_msg("row %zu, node %d: got %" PRId64 ", want %" PRId64, i, k, got[k], rows[i].want[k]);
    }
    arena_free(a);
}

static void preferences(void **state)
{
    (void)state;
    static const char wishful[] = "{\"metadata\":{},\"spec\":{\"containers\":[{\"image\":\"web\"}],\"affinity\":{\"nodeAffinity\":{"
        "\"preferredDuringSchedulingIgnoredDuringExecution\":[{\"weight\":7,"
        "\"preference\":{\"matchExpressions\":[{\"key\":\"disk\",\"operator\":\"In\",\"values\":[\"ssd\"]}]}}]}}}}";
    struct arena *a = arena_new();
    struct node_state n[2];
    int64_t got[2];
    fill(a, &n[0], NODE("", ""), "[]");
    fill(a, &n[1], "{\"metadata\":{},\"spec\":{}}", "[]");
    scheduler_scores(20, json_parse(a, str_c(wishful), NULL), n, 2, 2, got);
    assert_int_equal(got[0] - got[1], 100);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(sums), cmocka_unit_test(preferences) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
