/* The scheduler before an API server that a test scripts: what is bound where, what is said of what fits nowhere, and what wakes
 * it. */
#include "tests/unit/sim/client/bed.h"
#include "workloads/scheduler/scheduler.h"

/* ---- lists as text; watches stay open, one per collection; bindings answer as told ---- */
struct cluster {
    const char *nodes, *pods;
    struct http_exchange *node_watch, *pod_watch;
    int bind_status;
    char writes[4096];                 /* "bind d/a ubuntu", "event Reason message", "condition message" */
};
static struct cluster c;               /* outlives the client, which goes in the teardown */

static void watch_gone(struct http_exchange *x)
{
    struct http_exchange **at = x->ctx;
    *at = NULL;
}

static void note(const char *fmt, ...) PRINTF(1, 2);
static void note(const char *fmt, ...)
{
    va_list ap;
    size_t n = strlen(c.writes);
    va_start(ap, fmt);
    vsnprintf(c.writes + n, sizeof c.writes - n, fmt, ap);
    va_end(ap);
}

static void take_write(struct bed *b, struct http_exchange *x)
{
    (void)b;
    const struct json *body = json_parse(x->arena, x->body, NULL);
    struct str message = json_get_str(body, "message");
    if (str_ends(x->path, "/binding")) {
        note("bind " STR_FMT " " STR_FMT "\n", STR_ARG(json_path_str(body, "metadata.name")),
             STR_ARG(json_path_str(body, "target.name")));
        bed_answer(x, c.bind_status,
                   c.bind_status == 201 ? "{}"
                   : "{\"kind\":\"Status\",\"status\":\"Failure\",\"message\":\"no\",\"code\":409,\"reason\":\"Conflict\"}");
        return;
    }
    if (str_ends(x->path, "/status"))
        note("condition " STR_FMT "\n", STR_ARG(json_get_str(json_at(json_path(body, "status.conditions"), 0), "message")));
    else if (str_eqc(x->method, "POST"))
        note("event " STR_FMT " " STR_FMT "\n", STR_ARG(json_get_str(body, "reason")), STR_ARG(message));
    bed_answer(x, 200, "{}");
}

static void serve(struct bed *b, struct http_exchange *x)
{
    bool nodes = str_eqc(x->path, "/api/v1/nodes");
    struct http_exchange **watch = nodes ? &c.node_watch : &c.pod_watch;
    if (!str_eqc(x->method, "GET")) {
        take_write(b, x);
    } else if (!query_has(&x->query, "watch")) {
        bed_answer(x, 200, nodes ? c.nodes : c.pods);
    } else {
        *watch = x;
        x->ctx = watch;
        x->on_gone = watch_gone;
        http_begin(x, 200, NULL, "application/json");
    }
}

#define NODE(name, cpu) "{\"metadata\":{\"name\":\"" name "\",\"resourceVersion\":\"1\"},\"spec\":{},\"status\":{\"allocatable\":{\"cpu\":\"" cpu "\",\"memory\":\"4Gi\",\"pods\":\"10\"}}}"
#define POD(name, spec) "{\"metadata\":{\"name\":\"" name "\",\"namespace\":\"d\",\"uid\":\"u\",\"resourceVersion\":\"2\"},\"spec\":{" spec "},\"status\":{}}"
#define WANTS(cpu) "\"containers\":[{\"resources\":{\"requests\":{\"cpu\":\"" cpu "\"}}}]"
#define LIST(kind, items) "{\"kind\":\"" kind "List\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"9\"},\"items\":[" items "]}"

static struct scheduler *begin(struct bed *b, const char *nodes, const char *pods)
{
    c = (struct cluster){ .nodes = nodes, .pods = pods, .bind_status = 201 };
    b->serve = serve;
    struct scheduler *s = scheduler_start(b->client, 16, false, NULL, NULL, NULL);
    test_advance(b->l, S / 10);
    return s;
}

static void say(struct bed *b, struct http_exchange *watch, const char *event)
{
    assert_non_null(watch);
    http_write(watch, str_c(event));
    http_write(watch, STR("\n"));
    test_advance(b->l, S / 10);
}

static void assert_writes(const char *want)
{
    if (strcmp(c.writes, want) != 0)
        print_error("got:\n%swant:\n%s", c.writes, want);
    assert_string_equal(c.writes, want);
    *c.writes = '\0';
}

/* The emptier node; what was just bound counts at once; others' pods and finished ones are left alone. */
static void placing(void **state)
{
    struct bed *b = *state;
    struct scheduler *s = begin(b, LIST("Node", NODE("b", "2") "," NODE("a", "2")),
                                LIST("Pod", POD("p1", WANTS("900m")) "," POD("p2", WANTS("1500m")) "," POD("p3", WANTS("1"))
                                            "," POD("bound", WANTS("1") ",\"nodeName\":\"b\"") "," POD("other",
                                                    "\"schedulerName\":\"mine\"")));
    assert_writes("bind p1 a\nevent Scheduled Successfully assigned d/p1 to a\n"
                  "condition 0/2 nodes are available: 2 Insufficient cpu.\n"
                  "bind p3 a\n"
                  "event FailedScheduling 0/2 nodes are available: 2 Insufficient cpu.\n"
                  "event Scheduled Successfully assigned d/p3 to a\n");
    scheduler_free(s);
}

static void no_nodes(void **state)
{
    struct bed *b = *state;
    struct scheduler *s = begin(b, LIST("Node", ""), LIST("Pod", POD("p", "")));
    assert_writes("event FailedScheduling no nodes available to schedule pods\ncondition no nodes available to schedule pods\n");
    say(b, c.node_watch, "{\"type\":\"ADDED\",\"object\":" NODE("n", "2") "}");
    assert_writes("bind p n\nevent Scheduled Successfully assigned d/p to n\n");
    scheduler_free(s);
}

/* A pod that waits is tried again when room may have come: not for a heartbeat, but for a label, a pod that ended, or after a
 * minute. */
static void waking(void **state)
{
    struct bed *b = *state;
    struct scheduler *s = begin(b, LIST("Node", NODE("n", "2")),
                                LIST("Pod", POD("big", WANTS("2")) "," POD("old", WANTS("1") ",\"nodeName\":\"n\"")));
    assert_writes("event FailedScheduling 0/1 nodes are available: 1 Insufficient cpu.\ncondition 0/1 nodes are available: 1 "
                  "Insufficient cpu.\n");
    say(b, c.node_watch, "{\"type\":\"MODIFIED\",\"object\":{\"metadata\":{\"name\":\"n\",\"resourceVersion\":\"10\"},\"spec\":{},"
                         "\"status\":{\"allocatable\":"
                         "{\"cpu\":\"2\",\"memory\":\"4Gi\",\"pods\":\"10\"},\"conditions\":[]}}}");
    assert_writes("");
    /* the same event again: counted; the condition is as far as the pod shows not there yet */
    test_advance(b->l, 61 * S);
    assert_writes("condition 0/1 nodes are available: 1 Insufficient cpu.\n");
    say(b, c.pod_watch, "{\"type\":\"DELETED\",\"object\":" POD("old", "\"nodeName\":\"n\"") "}");
    assert_writes("bind big n\nevent Scheduled Successfully assigned d/big to n\n");
    scheduler_free(s);
}

/* A binding that is refused frees what was assumed, and is tried again. */
static void refused(void **state)
{
    struct bed *b = *state;
    c = (struct cluster){ .nodes = LIST("Node", NODE("n", "2")), .pods = LIST("Pod", POD("p", "")), .bind_status = 409 };
    b->serve = serve;
    struct scheduler *s = scheduler_start(b->client, 16, false, NULL, NULL, NULL);
    test_advance(b->l, 8 * S / 1000);
    assert_true(str_starts(str_c(c.writes), "bind p n\nbind p n\n"));
    c.bind_status = 201;
    *c.writes = '\0';
    test_advance(b->l, S);
    assert_writes("bind p n\nevent Scheduled Successfully assigned d/p to n\n");
    scheduler_free(s);
}

/* What cannot be judged is not placed by chance; the event says which field it is. */
static void not_simulated(void **state)
{
    struct bed *b = *state;
    struct scheduler *s = begin(b, LIST("Node", NODE("n", "2")),
                                LIST("Pod", POD("p", "\"topologySpreadConstraints\":[{\"whenUnsatisfiable\":\"DoNotSchedule\"}]")));
    assert_writes("event FailedScheduling 0/1 nodes are available: spec.topologySpreadConstraints is not simulated.\n"
                  "condition 0/1 nodes are available: spec.topologySpreadConstraints is not simulated.\n");
    scheduler_free(s);
    s = begin(b, LIST("Node", NODE("n", "2")), LIST("Pod", ""));
    scheduler_free(s);                             /* with nothing done, too */
    scheduler_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = { BED_TEST(placing), BED_TEST(no_nodes), BED_TEST(waking), BED_TEST(refused),
                                        BED_TEST(not_simulated) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
