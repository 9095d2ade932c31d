/* A kubelet's summary into points: what is stored, what is complained about, what costs the whole pod. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "metricsd/metricsd_priv.h"

static char said[4096];
static void complain(void *ctx, const char *text)
{
    (void)ctx;
    size_t n = strlen(said);
    snprintf(said + n, sizeof said - n, "%s\n", text);
}

#define CPU(time, rate) "\"cpu\":{\"time\":\"" time "\",\"usageNanoCores\":" rate "}"
#define MEMORY(time, set) "\"memory\":{\"time\":\"" time "\",\"workingSetBytes\":" set "}"
#define T1 "2020-01-25T00:00:01Z"
#define T2 "2020-01-25T00:00:02Z"
#define POD(name, containers) "{\"podRef\":{\"name\":\"" name "\",\"namespace\":\"d\"},\"containers\":[" containers "]}"

static void points(void **state)
{
    (void)state;
    struct batch *b = metricsd_batch_new();
    *said = '\0';
    assert_true(metricsd_decode_summary(b,
                                        STR("{\"node\":{\"nodeName\":\"ubuntu\"," CPU(T1, "250000000") "," MEMORY(T2,
                                                "1048576") "},\"pods\":["
                                               POD("web", "{\"name\":\"a\"," CPU(T2, "1") "," MEMORY(T2,
                                                       "2") "},{\"name\":\"b\"," CPU(T1, "3") "," MEMORY(T2, "4") "}") ","
                                               POD("empty", "") "]}"), "192.168.229.132", complain, NULL, NULL));
    assert_string_equal(said, "");
    const struct metrics_point *n = map_getc(b->nodes, "ubuntu");
    assert_int_equal(n->cpu_nanocores, 250000000);
    assert_int_equal(n->memory_bytes, 1048576);
    assert_int_equal(n->time_ns, INT64_C(1579910401) * (int64_t)NS_PER_S);
    const struct pod_point *p = map_getc(b->pods, "d/web");
    assert_int_equal(p->count, 2);
    assert_true(str_eqc(p->containers[1].name, "b"));
    assert_int_equal(p->containers[1].point.memory_bytes, 4);
    assert_int_equal(p->time_ns, INT64_C(1579910401) * (int64_t)NS_PER_S);     /* the earliest container's */
    assert_int_equal(((const struct pod_point *)map_getc(b->pods, "d/empty"))->count, 0);
    metricsd_batch_free(b);
}

static void missing(void **state)
{
    (void)state;
#define NODE_OK "\"node\":{\"nodeName\":\"n\"," CPU(T1, "1") "," MEMORY(T1, "1") "}"
    static const struct { const char *body, *want; bool pod_kept; } rows[] = {
        { "{" NODE_OK ",\"pods\":[" POD("p", "{\"name\":\"c\"," CPU(T1, "1") "," MEMORY(T1, "1") "}") "]}", "", true },
        { "{" NODE_OK ",\"pods\":[" POD("p", "{\"name\":\"c\",\"cpu\":{\"time\":\"" T1 "\"}," MEMORY(T1, "1") "}") "]}",
          "unable to get CPU for container \"c\" in pod d/p on node \"ip\", discarding data: missing cpu usage metric\n", false },
        { "{" NODE_OK ",\"pods\":[" POD("p", "{\"name\":\"c\"," CPU(T1, "1") ",\"memory\":{\"time\":\"" T1 "\"}}") "]}",
          "unable to get memory for container \"c\" in pod d/p on node \"ip\", discarding data: missing memory usage metric\n",
          false },
        { "{" NODE_OK ",\"pods\":[" POD("p", "{\"name\":\"c\"}") "]}",
          "unable to get a valid timestamp for metric point for container \"c\" in pod d/p on node \"ip\", discarding data: no "
          "non-zero timestamp on either CPU or memory\n", false },
        /* one container without figures costs the others theirs */
        { "{" NODE_OK ",\"pods\":[" POD("p",
                                        "{\"name\":\"a\"," CPU(T1, "1") "," MEMORY(T1, "1") "},{\"name\":\"c\"," CPU(T1,
                                                "1") "}") "]}",
          "unable to get memory for container \"c\" in pod d/p on node \"ip\", discarding data: missing memory usage metric\n",
          false },
        { "{\"node\":{\"nodeName\":\"n\"," MEMORY(T1, "1") "},\"pods\":[]}",
          "unable to get CPU for node \"ip\", discarding data: missing cpu usage metric\n", false },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct batch *b = metricsd_batch_new();
        *said = '\0';
        assert_true(metricsd_decode_summary(b, str_c(rows[i].body), "ip", complain, NULL, NULL));
        if (strcmp(said, rows[i].want) != 0 || (map_getc(b->pods, "d/p") != NULL) != rows[i].pod_kept || !map_getc(b->nodes, "n"))
            fail_msg("row %zu: %s", i, said);
        metricsd_batch_free(b);
    }
}

static void no_summary(void **state)
{
    (void)state;
    struct batch *b = metricsd_batch_new();
    struct err err = { 0 };
    assert_false(metricsd_decode_summary(b, STR("<html>"), "ip", complain, NULL, &err));
    assert_true(str_starts(str_c(err.msg), "failed to parse output. Response: \"<html>\". Error: "));
    assert_int_equal(map_len(b->nodes), 0);
    err_clear(&err);
    metricsd_batch_free(b);
    metricsd_batch_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(points), cmocka_unit_test(missing), cmocka_unit_test(no_summary) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
