/* Leader election against one lock: made, renewed, left alone while another renews it, taken once it has stood still. */
#include "tests/unit/sim/client/bed.h"

/* ---- an object that is kept: GET, POST, PUT; a PUT may be refused ---- */
struct lock { char object[2048]; bool conflict; int puts; };

static void serve(struct bed *b, struct http_exchange *x)
{
    struct lock *k = b->more;
    if (str_eqc(x->method, "GET") && !*k->object) {
        bed_answer(x, 404, "{\"kind\":\"Status\",\"status\":\"Failure\",\"message\":\"none\",\"reason\":\"NotFound\",\"code\":404}");
        return;
    }
    if (k->conflict && str_eqc(x->method, "PUT")) {
        bed_answer(x, 409, "{\"kind\":\"Status\",\"status\":\"Failure\",\"message\":\"changed\",\"reason\":\"Conflict\","
                           "\"code\":409}");
        return;
    }
    k->puts += str_eqc(x->method, "PUT");
    if (x->body.n)
        snprintf(k->object, sizeof k->object, STR_FMT, STR_ARG(x->body));
    bed_answer(x, 200, k->object);
}

static void on_started(void *ctx) { ++*(int *)ctx; }
static void on_stopped(void *ctx) { (void)ctx; }

/* The lock's record, in either form. */
static const char *record(struct bed *b, struct arena *a, bool lease)
{
    struct lock *k = b->more;
    const struct json *obj = json_parse(a, str_c(k->object), NULL);
    return lease ? arena_cstr(a, json_text(a, json_get(obj, "spec")))
                 : arena_cstr(a, meta_annotation(obj, "control-plane.alpha.kubernetes.io/leader"));
}

static void first(struct bed *b, bool lease, const char *path, const char *made, const char *renewed)
{
    struct arena *a = arena_new();
    struct lock k = { .puts = 0 };
    int started = 0;
    b->serve = serve;
    b->more = &k;
    struct leader_election *e = leader_election_new(b->client, "kube-scheduler", "ubuntu_1", lease, on_started, on_stopped, &started);
    test_advance(b->l, S / 2);
    assert_int_equal(started, 1);
    assert_non_null(strstr(bed_log(b, a), path));
    assert_string_equal(record(b, a, lease), made);
    test_advance(b->l, 2 * S);
    assert_int_equal(k.puts, 1);
    assert_string_equal(record(b, a, lease), renewed);
    test_advance(b->l, 20 * S);
    assert_int_equal(k.puts, 11);                  /* every two seconds */
    assert_int_equal(started, 1);
    leader_election_free(e);
    leader_election_free(NULL);
    b->more = NULL;
    arena_free(a);
}

static void lease_lock(void **state)
{
    first(*state, true, "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-scheduler",
          "{\"holderIdentity\":\"ubuntu_1\",\"leaseDurationSeconds\":15,\"acquireTime\":\"2020-01-25T00:00:00.000000Z\","
          "\"renewTime\":\"2020-01-25T00:00:00.000000Z\",\"leaseTransitions\":0}",
          "{\"holderIdentity\":\"ubuntu_1\",\"leaseDurationSeconds\":15,\"acquireTime\":\"2020-01-25T00:00:00.000000Z\","
          "\"renewTime\":\"2020-01-25T00:00:02.000000Z\",\"leaseTransitions\":0}");
}

static void endpoints_lock(void **state)
{
    first(*state, false, "/api/v1/namespaces/kube-system/endpoints/kube-scheduler",
          "{\"holderIdentity\":\"ubuntu_1\",\"leaseDurationSeconds\":15,\"acquireTime\":\"2020-01-25T00:00:00Z\","
          "\"renewTime\":\"2020-01-25T00:00:00Z\",\"leaderTransitions\":0}",
          "{\"holderIdentity\":\"ubuntu_1\",\"leaseDurationSeconds\":15,\"acquireTime\":\"2020-01-25T00:00:00Z\","
          "\"renewTime\":\"2020-01-25T00:00:02Z\",\"leaderTransitions\":0}");
}

static void other_holds(struct lock *k, int second)
{
    snprintf(k->object, sizeof k->object,
             "{\"kind\":\"Lease\",\"apiVersion\":\"coordination.k8s.io/v1\",\"metadata\":{\"name\":\"x\",\"labels\":{\"a\":\"b\"}},"
             "\"spec\":{\"holderIdentity\":"
             "\"other\",\"leaseDurationSeconds\":15,\"acquireTime\":\"2020-01-24T00:00:00.000000Z\","
             "\"renewTime\":\"2020-01-25T00:00:%02d.000000Z\",\"leaseTransitions\":3}}",
             second);
}

static void takeover(void **state)
{
    struct bed *b = *state;
    struct arena *a = arena_new();
    struct lock k = { .puts = 0 };
    int started = 0;
    b->serve = serve;
    b->more = &k;
    other_holds(&k, 0);
    struct leader_election *e = leader_election_new(b->client, "x", "me", true, on_started, on_stopped, &started);
    for (int second = 2; second < 40; second += 2) {           /* a holder that renews is left alone, for ever */
        test_advance(b->l, 2 * S);
        other_holds(&k, second);
    }
    assert_int_equal(k.puts, 0);
    test_advance(b->l, 14 * S);
    assert_int_equal(started, 0);
    k.conflict = true;                             /* another candidate was faster */
    test_advance(b->l, 4 * S);
    assert_int_equal(started, 0);
    k.conflict = false;
    test_advance(b->l, 3 * S);
    assert_int_equal(started, 1);
    const struct json *lease = json_parse(a, str_c(k.object), NULL);
    assert_true(str_eqc(json_path_str(lease, "spec.holderIdentity"), "me"));
    assert_int_equal(json_path_int(lease, "spec.leaseTransitions", 0), 4);
    assert_true(str_starts(json_path_str(lease, "spec.acquireTime"), "2020-01-25T00:00:5"));
    assert_true(str_eqc(json_path_str(lease, "metadata.labels.a"), "b"));      /* the rest of the object stays */
    leader_election_free(e);
    arena_free(a);
}

/* A lock that its holder gave up is free at once; a lock of one's own is, too (a restart under the same name). */
static void free_at_once(void **state)
{
    struct bed *b = *state;
    static const char *const objects[] = {
        "{\"kind\":\"Lease\",\"metadata\":{},\"spec\":{\"holderIdentity\":\"\",\"leaseTransitions\":2}}",
        "{\"kind\":\"Lease\",\"metadata\":{},\"spec\":{\"holderIdentity\":\"me\",\"leaseTransitions\":2}}",
        "{\"kind\":\"Lease\",\"metadata\":{}}",
    };
    for (size_t i = 0; i < ARRAY_LEN(objects); i++) {
        struct lock k = { .puts = 0 };
        int started = 0;
        b->serve = serve;
        b->more = &k;
        snprintf(k.object, sizeof k.object, "%s", objects[i]);
        struct leader_election *e = leader_election_new(b->client, "x", "me", true, on_started, on_stopped, &started);
        test_advance(b->l, S);
        assert_int_equal(started, 1);
        leader_election_free(e);
    }
}

/* Ten seconds without a renewal are the end of it: nobody acts on a lease that may be another's. */
static void note_end(void *ctx) { *(int *)ctx += 100; }

static void say(void *ctx, char severity, const char *where, const char *text)
{
    struct strbuf *out = ctx;
    strbuf_addf(out, "%c %s %s\n", severity, where, text);
}

static void lost(void **state)
{
    struct bed *b = *state;
    struct lock k = { .puts = 0 };
    struct strbuf said;
    int told = 0;
    strbuf_init(&said, 65536);
    b->serve = serve;
    b->more = &k;
    client_set_log(b->client, 16, say, &said);
    struct leader_election *e = leader_election_new(b->client, "x", "me", true, on_started, note_end, &told);
    test_advance(b->l, 5 * S);
    assert_int_equal(told, 1);
    k.conflict = true;
    test_advance(b->l, 8 * S);
    assert_int_equal(told, 1);
    test_advance(b->l, 3 * S);
    assert_int_equal(told, 101);
    test_advance(b->l, 60 * S);        /* nor does it try again */
    assert_int_equal(told, 101);
    assert_non_null(strstr(said.p, "E leaderelection.go:367 Failed to update lock: error updating resource lock kube-system/x: "));
    assert_non_null(strstr(said.p,
                           "I leaderelection.go:288 failed to renew lease kube-system/x: timed out waiting for the condition\n"));
    client_set_log(b->client, 16, NULL, NULL);
    leader_election_free(e);
    strbuf_deinit(&said);
    b->more = NULL;
}

static void identities(void **state)
{
    (void)state;
    char one[LEADER_IDENTITY_MAX], again[LEADER_IDENTITY_MAX], other[LEADER_IDENTITY_MAX];
    leader_identity("ubuntu", "docker://11", one);
    leader_identity("ubuntu", "docker://11", again);
    leader_identity("ubuntu", "docker://12", other);
    assert_string_equal(one, again);               /* the same container after a sleep */
    assert_string_not_equal(one, other);
    assert_int_equal(strlen(one), strlen("ubuntu_") + 36);
    assert_int_equal(strncmp(one, "ubuntu_", 7), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { BED_TEST(lease_lock), BED_TEST(endpoints_lock), BED_TEST(takeover), BED_TEST(free_at_once),
                                        BED_TEST(lost),
                                        cmocka_unit_test(identities) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
