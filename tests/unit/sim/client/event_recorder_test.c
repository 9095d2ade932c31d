/* The correlator: what becomes a new event, what a higher count of an old one, what is told together, and what is not told. */
#include "tests/unit/sim/client/bed.h"

static void serve(struct bed *b, struct http_exchange *x)
{
    (void)b;
    bed_answer(x, str_eqc(x->method, "POST") ? 201 : 200, "{}");
}

/* The bodies of the requests so far, parsed: {verb, path, body} each. */
static struct json *writes(struct bed *b, struct arena *a)
{
    struct json *list = json_new_array(a);
    struct str rest = str_c(bed_log(b, a)), line;
    while (rest.p && (line = str_token(&rest, '\n')).n) {
        struct str verb, path, body;
        str_cut(line, ' ', &verb, &body);
        str_cut(body, ' ', &path, &body);
        struct json *w = json_new_object(a);
        json_set_str(a, w, "verb", verb);
        json_set_str(a, w, "path", path);
        json_set(a, w, "body", json_parse(a, body, NULL));
        json_append(list, w);
    }
    return list;
}

static struct json *pod(struct arena *a, const char *name, const char *rv)
{
    return json_buildf(a, "{'kind':'Pod','apiVersion':'v1','metadata':{'name':%s,'namespace':'x','uid':'u','resourceVersion':%s}}",
                       name, rv);
}

/* A new event says everything; the same again counts, whatever the object's revision is by then. */
static void counting(void **state)
{
    struct bed *b = *state;
    b->serve = serve;
    struct arena *a = arena_new();
    struct event_recorder *r = event_recorder_new(b->client, "kubelet", "ubuntu");
    event_record(r, pod(a, "p", "7"), "spec.containers{web}", "Normal", "Pulled", "got %d", 1);
    test_turns(b->l, 20);
    struct json *w = json_at(writes(b, a), 0);
    assert_true(str_eqc(json_get_str(w, "path"), "/api/v1/namespaces/x/events"));
    const struct json *e = json_get(w, "body");
    struct str name = arena_str(a, json_path_str(e, "metadata.name"));
    assert_true(str_starts(name, "p."));
    assert_int_equal(name.n, 2 + 16);              /* the nanosecond, in hex */
    json_remove(json_get(w, "body"), "metadata");
    assert_string_equal(arena_cstr(a, json_text(a, e)),
                        "{\"kind\":\"Event\",\"apiVersion\":\"v1\",\"involvedObject\":{\"kind\":\"Pod\",\"namespace\":\"x\","
                        "\"name\":\"p\",\"uid\":\"u\","
                        "\"apiVersion\":\"v1\",\"resourceVersion\":\"7\",\"fieldPath\":\"spec.containers{web}\"},"
                        "\"reason\":\"Pulled\",\"message\":\"got 1\","
                        "\"source\":{\"component\":\"kubelet\",\"host\":\"ubuntu\"},\"firstTimestamp\":\"2020-01-25T00:00:00Z\","
                        "\"lastTimestamp\":\"2020-01-25T00:00:00Z\",\"count\":1,\"type\":\"Normal\",\"eventTime\":null,"
                        "\"reportingComponent\":\"\",\"reportingInstance\":\"\"}");
    test_advance(b->l, 3 * S);
    event_record(r, pod(a, "p", "9"), "spec.containers{web}", "Normal", "Pulled", "got %d", 1);
    test_turns(b->l, 20);
    w = json_at(writes(b, a), 0);
    assert_true(str_eqc(json_get_str(w, "verb"), "PATCH"));
    assert_true(str_ends(json_get_str(w, "path"), arena_cstr(a, name)));
    assert_string_equal(arena_cstr(a, json_text(a, json_get(w, "body"))),
                        "{\"count\":2,\"lastTimestamp\":\"2020-01-25T00:00:03Z\",\"message\":\"got 1\"}");
    /* another message, another type, another field: events of their own */
    event_record(r, pod(a, "p", "9"), "spec.containers{web}", "Normal", "Pulled", "got %d", 2);
    event_record(r, pod(a, "p", "9"), "spec.containers{web}", "Warning", "Pulled", "got %d", 1);
    event_record(r, pod(a, "p", "9"), "spec.containers{db}", "Normal", "Pulled", "got %d", 1);
    test_turns(b->l, 60);
    struct json *all = writes(b, a);
    assert_int_equal(json_len(all), 3);
    for (const struct json *it = json_first(all); it; it = json_next(it))
        assert_true(str_eqc(json_get_str(it, "verb"), "POST"));
    event_recorder_free(r);
    arena_free(a);
}

/* An object without a namespace has its events in the namespace "default". */
static void cluster_scoped(void **state)
{
    struct bed *b = *state;
    b->serve = serve;
    struct arena *a = arena_new();
    struct event_recorder *r = event_recorder_new(b->client, "kube-proxy", NULL);
    event_record(r, json_buildf(a, "{'kind':'Node','apiVersion':'v1','metadata':{'name':'ubuntu','uid':'ubuntu'}}"), NULL,
                 "Normal", "Starting", "Starting.");
    test_turns(b->l, 20);
    struct json *w = json_at(writes(b, a), 0);
    assert_true(str_eqc(json_get_str(w, "path"), "/api/v1/namespaces/default/events"));
    assert_true(str_eqc(json_path_str(w, "body.metadata.namespace"), "default"));
    assert_string_equal(arena_cstr(a, json_text(a, json_path(w, "body.source"))), "{\"component\":\"kube-proxy\"}");
    event_recorder_free(r);
    arena_free(a);
}

/* The tenth message of a kind within ten minutes, and those after it, are told as one event with a growing count. */
static void aggregation(void **state)
{
    struct bed *b = *state;
    b->serve = serve;
    struct arena *a = arena_new();
    struct event_recorder *r = event_recorder_new(b->client, "c", NULL);
    for (int i = 1; i <= 12; i++)
        event_record(r, pod(a, "p", "7"), NULL, "Normal", "Why", "message %d", i);
    event_record(r, pod(a, "p", "7"), NULL, "Normal", "Why", "message %d", 3);     /* known: counted by itself */
    test_turns(b->l, 300);
    struct json *all = writes(b, a);
    assert_int_equal(json_len(all), 13);
    for (size_t i = 0; i < 9; i++)
        assert_string_equal(arena_cstr(a, json_path_str(json_at(all, i), "body.message")), arena_printf(a, "message %zu", i + 1));
    static const struct { size_t at; const char *verb, *message; int count; } rows[] = {
        { 9, "POST", "(combined from similar events): message 10", 1 },
        { 10, "PATCH", "(combined from similar events): message 11", 2 },
        { 11, "PATCH", "(combined from similar events): message 12", 3 },
        { 12, "PATCH", "message 3", 2 },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct json *w = json_at(all, rows[i].at);
        assert_true(str_eqc(json_get_str(w, "verb"), rows[i].verb));
        assert_string_equal(arena_cstr(a, json_path_str(w, "body.message")), rows[i].message);
        assert_int_equal(json_path_int(w, "body.count", 0), rows[i].count);
    }
    test_advance(b->l, 601 * S);                   /* forgotten */
    event_record(r, pod(a, "p", "7"), NULL, "Normal", "Why", "message %d", 20);
    test_turns(b->l, 20);
    assert_string_equal(arena_cstr(a, json_path_str(json_at(writes(b, a), 0), "body.message")), "message 20");
    event_recorder_free(r);
    arena_free(a);
}

/* 25 at once per source and object, whatever their kind or field; then one in five minutes. What was not told is counted. */
static void spam(void **state)
{
    struct bed *b = *state;
    b->serve = serve;
    struct arena *a = arena_new();
    struct event_recorder *r = event_recorder_new(b->client, "c", NULL);
    for (int i = 0; i < 40; i++)
        event_record(r, pod(a, "p", "7"), i % 2 ? "spec.containers{a}" : "spec.containers{b}", "Normal", "Why", "again");
    event_record(r, pod(a, "q", "7"), NULL, "Normal", "Why", "another pod");
    test_turns(b->l, 600);
    struct json *all = writes(b, a);
    assert_int_equal(json_len(all), 26);
    test_advance(b->l, 299 * S);
    event_record(r, pod(a, "p", "7"), "spec.containers{a}", "Normal", "Why", "again");
    test_turns(b->l, 20);
    assert_int_equal(json_len(writes(b, a)), 0);
    test_advance(b->l, 2 * S);
    event_record(r, pod(a, "p", "7"), "spec.containers{a}", "Normal", "Why", "again");
    test_turns(b->l, 20);
    all = writes(b, a);
    assert_int_equal(json_len(all), 1);
    assert_int_equal(json_path_int(json_at(all, 0), "body.count", 0), 22);
    event_recorder_free(r);
    arena_free(a);
}

/* One after the other, in the order of recording. An event that has expired meanwhile is made anew, under its name. */
static void serve_expired(struct bed *b, struct http_exchange *x)
{
    if (str_eqc(x->method, "PATCH"))
        bed_answer(x, 404, "{\"kind\":\"Status\",\"status\":\"Failure\",\"message\":\"events \\\"x\\\" not found\","
                           "\"reason\":\"NotFound\",\"code\":404}");
    else
        serve(b, x);
}

static void expired(void **state)
{
    struct bed *b = *state;
    b->serve = serve_expired;
    struct arena *a = arena_new();
    struct event_recorder *r = event_recorder_new(b->client, "c", NULL);
    event_record(r, pod(a, "p", "7"), NULL, "Normal", "Why", "first");
    event_record(r, pod(a, "p", "7"), NULL, "Normal", "Why", "first");
    event_record(r, pod(a, "p", "7"), NULL, "Normal", "Why", "second");
    test_turns(b->l, 100);
    struct json *all = writes(b, a);
    assert_int_equal(json_len(all), 4);
    static const char *const verbs[] = { "POST", "PATCH", "POST", "POST" };
    for (size_t i = 0; i < 4; i++)
        assert_true(str_eqc(json_get_str(json_at(all, i), "verb"), verbs[i]));
    assert_true(str_eq(json_path_str(json_at(all, 0), "body.metadata.name"), json_path_str(json_at(all, 2), "body.metadata.name")));
    assert_int_equal(json_path_int(json_at(all, 2), "body.count", 0), 2);
    event_recorder_free(r);
    arena_free(a);
}

/* A server that cannot be reached is tried again; one that refuses is not. */
static void serve_refuse(struct bed *b, struct http_exchange *x)
{
    (void)b;
    bed_answer(x, 403, "{\"kind\":\"Status\",\"status\":\"Failure\",\"message\":\"no\",\"reason\":\"Forbidden\",\"code\":403}");
}

static void server_away(void **state)
{
    struct bed *b = *state;
    b->serve = serve;
    struct arena *a = arena_new();
    struct event_recorder *r = event_recorder_new(b->client, "c", NULL);
    http_server_free(b->server);
    event_record(r, pod(a, "p", "7"), NULL, "Normal", "Why", "first");
    event_record(r, pod(a, "p", "7"), NULL, "Normal", "Why", "second");
    test_advance(b->l, 60 * S);
    assert_true(bed_listen(b));
    test_advance(b->l, 10 * S);
    struct json *all = writes(b, a);
    assert_int_equal(json_len(all), 2);
    assert_true(str_eqc(json_path_str(json_at(all, 0), "body.message"), "first"));
    assert_true(str_eqc(json_path_str(json_at(all, 0), "body.lastTimestamp"), "2020-01-25T00:00:00Z"));
    http_server_free(b->server);
    event_record(r, pod(a, "p", "7"), NULL, "Normal", "Why", "lost");
    test_advance(b->l, 150 * S);                   /* eleven more times; then it is given up */
    assert_true(bed_listen(b));
    test_advance(b->l, 60 * S);
    assert_int_equal(json_len(writes(b, a)), 0);
    b->serve = serve_refuse;
    event_record(r, pod(a, "p", "7"), NULL, "Normal", "Why", "refused");
    test_advance(b->l, 60 * S);
    assert_int_equal(json_len(writes(b, a)), 1);
    event_recorder_free(r);
    arena_free(a);
}

/* A recorder that goes while its server thinks: the answer finds nobody, and harms nobody. */
static void serve_keep(struct bed *b, struct http_exchange *x) { bed_keep(b, x); }

static void going(void **state)
{
    struct bed *b = *state;
    b->serve = serve_keep;
    struct arena *a = arena_new();
    struct event_recorder *r = event_recorder_new(b->client, "c", NULL);
    event_record(r, pod(a, "p", "7"), NULL, "Normal", "Why", "first");
    event_record(r, pod(a, "p", "7"), NULL, "Normal", "Why", "second");
    test_turns(b->l, 20);
    assert_non_null(b->kept);
    event_recorder_free(r);
    if (b->kept)
        bed_answer(bed_take(b), 201, "{}");
    test_turns(b->l, 20);
    event_recorder_free(NULL);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BED_TEST(counting), BED_TEST(cluster_scoped), BED_TEST(aggregation), BED_TEST(spam), BED_TEST(expired),
            BED_TEST(server_away), BED_TEST(going),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
