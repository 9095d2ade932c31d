/* Audit events: what each kind of request leaves in the log, by a policy, and in the trail; against a whole server with its
 * authorities. */
#include "tests/unit/apiserver/auth/bed.h"

#include <unistd.h>

static const char policy[] =
    "apiVersion: audit.k8s.io/v1\n"
    "kind: Policy\n"
    "rules:\n"
    "- {level: RequestResponse, resources: [{group: '', resources: [configmaps]}], omitStages: [RequestReceived], "
    "omitManagedFields: true}\n"
    "- {level: Request, resources: [{group: '', resources: [secrets]}], omitStages: [RequestReceived]}\n"
    "- {level: None, resources: [{group: '', resources: [limitranges]}]}\n"
    "- {level: Metadata}\n";

struct seen { struct strbuf log, trail; size_t lines, rows; int64_t last; };
static void on_line(void *ctx, struct str line)
{
    struct seen *s = ctx;
    assert_true(str_ends(line, "}\n"));
    strbuf_add(&s->log, line);
    s->lines++;
}

static void on_row(void *ctx, int64_t seq, struct str event)
{
    struct seen *s = ctx;
    s->last = seq;
    strbuf_addf(&s->trail, STR_FMT "\n", STR_ARG(event));
    s->rows++;
}

/* log, trail: how many events; want: parts of them all, "!x": not in them. Trail and log are looked at together, but for "T:x",
 * in the trail alone. */
struct row { struct step step; size_t log, trail; const char *want[10]; };

static void check(struct seen *s, const struct row *w, size_t i)
{
    struct arena *a = arena_new();
    struct str log = strbuf_str(&s->log), trail = strbuf_str(&s->trail);
    bool ok = s->lines == w->log && s->rows == w->trail;
    for (size_t k = 0; k < ARRAY_LEN(w->want) && w->want[k] && ok; k++) {
        const char *want = w->want[k];
        bool absent = want[0] == '!', own = !strncmp(want, "T:", 2);
        struct str needle = str_c(want + (own ? 2 : absent));
        bool found = str_find(trail, needle) >= 0 || (!own && str_find(log, needle) >= 0);
        ok = found != absent;
        if (!ok) printf("row %zu: %s\n", i, want);
    }
    for (struct str rest = log; rest.n;) {             /* each line is JSON, in upstream's order of members */
        struct str line = str_token(&rest, '\n');
        struct json *j = json_parse(a, line, NULL);
        assert_non_null(j);
        assert_true(str_eqc(json_key(json_first(j)), "kind"));
    }
    if (!ok)
        fail_msg("row %zu: %zu in the log (wanted %zu), %zu in the trail (wanted %zu)\n%.*s---\n%.*s", i, s->lines, w->log,
                 s->rows, w->trail, (int)log.n, log.p ? log.p : "", (int)trail.n, trail.p ? trail.p : "");
    arena_free(a);
}

static void run_rows(int minor, const char *policy_text, const struct row *rows, size_t n)
{
    struct bed b;
    struct err err = { 0 };
    struct seen s = { .last = 0 };
    bed_up(&b, minor);
    strbuf_init(&s.log, 1 << 20);
    strbuf_init(&s.trail, 1 << 20);
    struct apiserver_audit_log sink = { str_c(policy_text), on_line, &s };
    if (!apiserver_set_audit_log(b.as, &sink, &err)) fail_msg("%s", err.msg);
    store_audit_each(b.store, 0, SIZE_MAX / 4, on_row, &s);
    for (size_t i = 0; i < n; i++) {
        strbuf_reset(&s.log);
        strbuf_reset(&s.trail);
        s.lines = s.rows = 0;
        bed_step(&b, &rows[i].step, i);
        loop_turn(b.loop);
        store_audit_each(b.store, s.last, 1000, on_row, &s);
        check(&s, &rows[i], i);
    }
    bed_down(&b);
    strbuf_deinit(&s.log);
    strbuf_deinit(&s.trail);
}

#define CMS "/api/v1/namespaces/default/configmaps"
#define ADMIN_USER "\"user\":{\"username\":\"kubernetes-admin\",\"groups\":[\"system:masters\",\"system:authenticated\"]}"
#define ALLOWED "\"annotations\":{\"authorization.k8s.io/decision\":\"allow\",\"authorization.k8s.io/reason\":\"\"}}"
#define NOW "\"2020-01-25T00:00:0"

static void requests(void **state)
{
    (void)state;
    static const struct row rows[] = {
        /* a create: the name comes from the body, the objects as sent and answered */
        { { ADMIN, "POST", CMS, NULL, "{\"metadata\":{\"name\":\"a\"},\"data\":{\"k\":\"v\"}}", 201, { NULL }, NULL }, 1, 1,
          { "{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"level\":\"RequestResponse\",\"auditID\":\"",
            "\"stage\":\"ResponseComplete\",\"requestURI\":\"" CMS "\",\"verb\":\"create\"," ADMIN_USER
            ",\"sourceIPs\":[\"192.168.229.132\"],\"userAgent\":\"test/1\",\"objectRef\":{\"resource\":\"configmaps\","
            "\"namespace\":\"default\",\"name\":\"a\",\"apiVersion\":\"v1\"},"
            "\"responseStatus\":{\"metadata\":{},\"code\":201},\"requestObject\":{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\","
            "\"metadata\":{\"name\":\"a\"", "\"responseObject\":{\"kind\":\"ConfigMap\"",
            "\"requestReceivedTimestamp\":" NOW, ALLOWED, "T:\"level\":\"Metadata\"", "!managedFields" } },
        { { ADMIN, "GET", CMS "/a", NULL, NULL, 200, { NULL }, NULL }, 1, 1, { "\"verb\":\"get\"", "\"name\":\"a\"" } },
        { { ADMIN, "GET", CMS "?limit=5&labelSelector=x%3D1", NULL, NULL, 200, { NULL }, NULL }, 1, 1,
          { "\"verb\":\"list\"", "\"requestURI\":\"" CMS "?limit=5\\u0026labelSelector=x%3D1\"", "!\"name\":\"" } },
        { { ADMIN, "PATCH", CMS "/a", NULL, "{\"data\":{\"k\":\"w\"}}", 200, { NULL }, NULL }, 1, 1,
          { "\"verb\":\"patch\"", "\"requestObject\":{\"data\":{\"k\":\"w\"}}" } },
        { { ADMIN, "PUT", CMS "/a", NULL, "{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"1\",\"uid\":\"u\"}}", 409, { NULL },
            NULL }, 1, 1,
          { "\"uid\":\"u\"", "\"resourceVersion\":\"1\"",
            "\"responseStatus\":{\"metadata\":{},\"status\":\"Failure\",\"message\":\"Operation cannot be fulfilled",
            "\"reason\":\"Conflict\",\"details\":{\"name\":\"a\"", "\"code\":409}" } },
        { { ADMIN, "DELETE", CMS "/a", NULL, "{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\",\"gracePeriodSeconds\":0}", 200,
            { NULL }, NULL }, 1, 1,
          { "\"requestObject\":{\"kind\":\"DeleteOptions\"", "\"status\":\"Success\"", "T:\"code\":200}" } },
        { { ADMIN, "DELETE", CMS, NULL, NULL, 200, { NULL }, NULL }, 1, 1, { "\"verb\":\"deletecollection\"" } },
        { { ADMIN, "POST", CMS, NULL, "nonsense", 400, { NULL }, NULL }, 1, 1, { "\"code\":400}", "!requestObject" } },
        /* a level between: what was sent, not what was answered */
        { { ADMIN, "POST", "/api/v1/namespaces/default/secrets", NULL, "{\"metadata\":{\"name\":\"s\"}}", 201, { NULL }, NULL }, 1,
          1, { "\"level\":\"Request\"", "requestObject", "!responseObject" } },
        /* level None, and yet in the trail */
        { { ADMIN, "POST", "/api/v1/namespaces/default/limitranges", NULL,
            "{\"metadata\":{\"name\":\"l\"},\"spec\":{\"limits\":[]}}", 201, { NULL }, NULL }, 0, 1, { "T:limitranges" } },
        /* Metadata, with no stage left out */
        { { ADMIN, "GET", "/apis/apps/v1/namespaces/default/deployments/none", NULL, NULL, 404, { NULL }, NULL }, 2, 1,
          { "\"stage\":\"RequestReceived\"", "\"apiGroup\":\"apps\",\"apiVersion\":\"v1\"", "\"reason\":\"NotFound\"",
            "!requestObject" } },
        { { ADMIN, "PATCH", "/apis/apps/v1/namespaces/default/deployments/none/scale", NULL, "{}", 404, { NULL }, NULL }, 2, 1,
          { "\"subresource\":\"scale\"}" } },
        /* no resource: discovery is not in the trail */
        { { ADMIN, "GET", "/apis/apps", NULL, NULL, 200, { NULL }, NULL }, 2, 0, { "\"requestURI\":\"/apis/apps\"", "!objectRef" } },
        { { ADMIN, "GET", "/metrics", NULL, NULL, 200, { NULL }, NULL }, 2, 1, { "T:\"requestURI\":\"/metrics\"" } },
        /* what stays open: the trail has its beginning, the log beginning and end */
        { { ADMIN, "GET", CMS "?watch=1&resourceVersion=1", NULL, NULL, 200, { NULL }, NULL }, 2, 1,
          { "T:\"stage\":\"ResponseStarted\"", "\"stage\":\"ResponseComplete\"", "\"verb\":\"watch\"" } },
        { { ADMIN, "GET", "/api/v1/namespaces/default/pods/none/log", NULL, NULL, 404, { NULL }, NULL }, 3, 1,
          { "T:\"stage\":\"ResponseStarted\"", "\"subresource\":\"log\"" } },
        /* where from, and with which id */
        { { ADMIN, "GET", CMS, "X-Forwarded-For: junk, 10.0.0.7, 10.0.0.8\nX-Real-Ip: 10.0.0.9\nAudit-ID: mine", NULL, 200,
            { NULL }, NULL }, 1, 1,
          { "\"auditID\":\"mine\"", "\"sourceIPs\":[\"10.0.0.7\",\"10.0.0.9\",\"192.168.229.132\"]" } },
    };
    run_rows(20, policy, rows, ARRAY_LEN(rows));
}

static void identities(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { { ADMIN, "GET", CMS, "Impersonate-User: jane\nImpersonate-Group: a\nImpersonate-Extra-Why: x\nImpersonate-Extra-How: y",
            NULL, 403, { NULL }, NULL }, 1, 1,
          { ADMIN_USER ",\"impersonatedUser\":{\"username\":\"jane\",\"groups\":[\"a\",\"system:authenticated\"],"
                       "\"extra\":{\"how\":[\"y\"],\"why\":[\"x\"]}}", "\"reason\":\"Forbidden\"", "\"code\":403}",
            "\"authorization.k8s.io/decision\":\"forbid\"" } },
        { { ADMIN, "POST", CMS, "Impersonate-User: jane\nImpersonate-Group: system:masters", "{\"metadata\":{\"name\":\"b\"}}",
            201, { NULL }, NULL }, 1, 1, { "T:\"impersonatedUser\":{\"username\":\"jane\"", "io/decision\":\"allow\"" } },
        /* may not: the user who tried, and nobody else */
        { { NODE, "GET", "/version", "Impersonate-User: jane", NULL, 403, { NULL }, NULL }, 2, 1,
          { "\"user\":{\"username\":\"system:node:ubuntu\"", "!impersonatedUser", "T:cannot impersonate resource" } },
        { { NOBODY, "GET", "/api/v1/pods", NULL, NULL, 403, { NULL }, NULL }, 2, 1,
          { "T:\"user\":{\"username\":\"system:anonymous\",\"groups\":[\"system:unauthenticated\"]}", "T:io/decision\":\"forbid\"" } },
        { { NOBODY, "GET", "/healthz", NULL, NULL, 200, { NULL }, NULL }, 2, 0, { "system:public-info-viewer" } },
        { { NOBODY, "GET", CMS, "Authorization: Bearer nonsense", NULL, 401, { NULL }, NULL }, 1, 1,
          { "T:\"stage\":\"ResponseStarted\"", "T:\"user\":{}",
            "\"responseStatus\":{\"metadata\":{},\"status\":\"Failure\",\"message\":\"Authentication failed, attempted: bearer\","
            "\"reason\":\"Unauthorized\",\"code\":401}", "!annotations" } },
        { { STRANGER, "GET", CMS, NULL, NULL, 401, { NULL }, NULL }, 1, 1, { "attempted: x509" } },
        /* components: what they do all day is not in the trail, what they change is, and their refusals are */
        { { NODE, "GET", "/api/v1/nodes/ubuntu", NULL, NULL, 404, { NULL }, NULL }, 2, 0, { NULL } },
        { { NODE, "POST", "/api/v1/nodes", NULL, "{\"metadata\":{\"name\":\"ubuntu\"}}", 201, { NULL }, NULL }, 2, 1,
          { "T:\"name\":\"ubuntu\"" } },
        { { NODE, "PATCH", "/api/v1/nodes/ubuntu/status", NULL, "{\"status\":{\"phase\":\"Running\"}}", 200, { NULL }, NULL }, 2,
          0, { NULL } },
        { { NODE, "POST", "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases", NULL,
            "{\"metadata\":{\"name\":\"ubuntu\"},\"spec\":{}}", 201, { NULL }, NULL }, 2, 0, { NULL } },
        { { NODE, "GET", "/api/v1/namespaces/default/secrets/s", NULL, NULL, 403, { NULL }, NULL }, 1, 1,
          { "T:no relationship found between node" } },
        { { ADMIN, "POST", "/api/v1/namespaces/default/serviceaccounts", NULL, "{\"metadata\":{\"name\":\"default\"}}", 201,
            { NULL }, NULL }, 2, 1, { NULL } },
        { { ADMIN, "POST", "/api/v1/namespaces/default/serviceaccounts/default/token", NULL,
            "{\"spec\":{\"audiences\":[],\"expirationSeconds\":3600}}", 201, { NULL }, "status.token" }, 2, 1,
            { "\"subresource\":\"token\"" } },
        { { NOBODY, "GET", CMS, "Authorization: Bearer $T", NULL, 403, { NULL }, NULL }, 1, 1,
          { "T:\"user\":{\"username\":\"system:serviceaccount:default:default\",\"uid\":\"", "\"system:serviceaccounts:default\"" } },
    };
    run_rows(20, policy, rows, ARRAY_LEN(rows));
}

/* Nothing but refusals without a policy, in the log not even those; and a policy that is none changes nothing. */
static void no_log(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { { ADMIN, "GET", CMS, NULL, NULL, 200, { NULL }, NULL }, 0, 1, { "T:\"level\":\"Metadata\"" } },
        { { NOBODY, "GET", CMS, NULL, NULL, 403, { NULL }, NULL }, 0, 1, { NULL } },
    };
    run_rows(16, "", rows, ARRAY_LEN(rows));
    struct bed b;
    struct err err = { 0 };
    bed_up(&b, 16);
    struct apiserver_audit_log bad = { STR("kind: Policy"), on_line, NULL };
    assert_false(apiserver_set_audit_log(b.as, &bad, &err));
    assert_true(str_starts(str_c(err.msg), "loading audit policy file: failed decoding: Object 'apiVersion' is missing"));
    bed_down(&b);
}

/* An event that is too large loses its objects, and says so. */
static void truncated(void **state)
{
    (void)state;
    struct strbuf body;
    strbuf_init(&body, 1 << 22);
    strbuf_addc(&body, "{\"metadata\":{\"name\":\"big\"},\"data\":{\"k\":\"");
    for (int i = 0; i < 600 * 1024; i++) strbuf_addch(&body, 'x');
    strbuf_addc(&body, "\"}}");
    struct row row = { { ADMIN, "POST", CMS, NULL, body.p, 201, { NULL }, NULL }, 1, 1,
                       { "\"annotations\":{\"audit.k8s.io/truncated\":\"true\",\"authorization.k8s.io/decision\":\"allow\"",
                         "!requestObject" } };
    run_rows(20, policy, &row, 1);
    strbuf_deinit(&body);
}

/* ---- the log as a file ---- */
static size_t lines_of(const char *path)
{
    struct arena *a = arena_new();
    struct str text = STR_NULL;
    size_t n = 0;
    if (!file_read(path, 1 << 20, a, &text, NULL)) n = SIZE_MAX;
    for (size_t i = 0; i < text.n; i++) n += text.p[i] == '\n';
    arena_free(a);
    return n;
}

static void log_file(void **state)
{
    (void)state;
    char dir[] = "/tmp/kubelab-audit-XXXXXX", path[64], old[96];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/audit.log", dir);
    struct loop *l = loop_new(&(struct loop_options){ .start_vtime_ns = 1579910400 * (int64_t)NS_PER_S });
    struct err err = { 0 };
    struct audit_file *f = audit_file_open(l, path, 100, 2, &err);
    assert_non_null(f);
    for (int i = 0; i < 4; i++) {                      /* 40 bytes each: two fit */
        audit_file_write(f, STR("{\"kind\":\"Event\",\"n\":\"xxxxxxxxxxxxxxxxx\"}\n"));
        loop_turn(l);
        loop_advance(l, (int64_t)NS_PER_S, bed_advanced, NULL);
        while (loop_advancing(l)) loop_turn(l);
    }
    assert_int_equal(lines_of(path), 2);
    snprintf(old, sizeof old, "%s/audit-2020-01-25T00-00-02.000.log", dir);
    assert_int_equal(lines_of(old), 2);
    for (int i = 0; i < 6; i++) {
        audit_file_write(f, STR("{\"kind\":\"Event\",\"n\":\"xxxxxxxxxxxxxxxxx\"}\n"));
        loop_turn(l);
        loop_advance(l, (int64_t)NS_PER_S, bed_advanced, NULL);
        while (loop_advancing(l)) loop_turn(l);
    }
    assert_int_equal(lines_of(old), SIZE_MAX);         /* the oldest of three is gone */
    audit_file_close(f);
    f = audit_file_open(l, path, 0, 0, &err);          /* goes on where it was */
    audit_file_write(f, STR("{}\n"));
    audit_file_close(f);
    assert_int_equal(lines_of(path), 3);
    assert_null(audit_file_open(l, "/nonexistent/audit.log", 0, 0, &err));
    assert_string_equal(err.msg, "can't open new logfile: open /nonexistent/audit.log: No such file or directory");
    static const char *const left[] = { "audit.log", "audit-2020-01-25T00-00-04.000.log", "audit-2020-01-25T00-00-06.000.log",
                                        "audit-2020-01-25T00-00-08.000.log" };
    for (size_t i = 0; i < ARRAY_LEN(left); i++) {
        snprintf(old, sizeof old, "%s/%s", dir, left[i]);
        unlink(old);
    }
    assert_int_equal(rmdir(dir), 0);
    loop_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(requests), cmocka_unit_test(identities), cmocka_unit_test(no_log),
                                        cmocka_unit_test(truncated), cmocka_unit_test(log_file) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
