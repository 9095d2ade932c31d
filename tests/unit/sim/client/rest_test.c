/* Calls to an API server: what goes out, what comes back, and how errors are told. */
#include "tests/unit/sim/client/bed.h"

/* ---- a path per address ---- */
static void paths(void **state)
{
    (void)state;
    static const struct { const char *api, *resource, *ns, *name, *sub, *want; } rows[] = {
        { "v1", "pods", "", "", NULL, "/api/v1/pods" },
        { "v1", "pods", "default", "", NULL, "/api/v1/namespaces/default/pods" },
        { "v1", "pods", "default", "a", "status", "/api/v1/namespaces/default/pods/a/status" },
        { "v1", "nodes", "", "ubuntu", NULL, "/api/v1/nodes/ubuntu" },
        { "apps/v1", "deployments", "x", "web", "scale", "/apis/apps/v1/namespaces/x/deployments/web/scale" },
        { "authentication.k8s.io/v1beta1", "tokenreviews", "", "", NULL, "/apis/authentication.k8s.io/v1beta1/tokenreviews" },
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_string_equal(client_path(a, rows[i].api, rows[i].resource, str_c(rows[i].ns), str_c(rows[i].name), rows[i].sub),
                            rows[i].want);
    arena_free(a);
}

/* ---- verbs ---- */
struct got { int calls, http_status; enum err_code code; char text[2048]; };

static void on_done(void *ctx, const struct client_result *r, const struct err *err)
{
    struct got *g = ctx;
    g->calls++;
    g->http_status = r->http_status;
    g->code = err->code;
    struct arena *a = arena_new();
    snprintf(g->text, sizeof g->text, "%s", err->code ? err->msg : r->obj ? arena_cstr(a, json_text(a, r->obj)) : "no tree");
    arena_free(a);
}

static void serve_echo(struct bed *b, struct http_exchange *x)
{
    (void)b;
    struct str type = http_headers_get(&x->headers, "Content-Type");
    bed_answer(x, 200, arena_printf(x->arena, "{\"type\":\"" STR_FMT "\",\"auth\":\"" STR_FMT "\"}", STR_ARG(type),
                                    STR_ARG(http_headers_get(&x->headers, "Authorization"))));
}

static void verbs(void **state)
{
    struct bed *b = *state;
    b->serve = serve_echo;
    struct arena *a = arena_new();
    struct json *obj = json_buildf(a, "{'a':1}");
    struct got g = { 0 };
    client_get(b->client, "/api/v1/pods?limit=1", on_done, &g);
    assert_int_equal(g.calls, 0);                  /* never inside the call */
    test_turns(b->l, 20);
    assert_int_equal(g.calls, 1);
    assert_string_equal(g.text, "{\"type\":\"\",\"auth\":\"\"}");
    assert_log(b, "GET /api/v1/pods?limit=1\n");
    client_create(b->client, "/p", obj, on_done, &g);
    client_update(b->client, "/p", obj, on_done, &g);
    client_delete(b->client, "/p", NULL, on_done, &g);
    client_delete(b->client, "/p", obj, on_done, &g);
    test_turns(b->l, 40);
    assert_int_equal(g.calls, 5);
    assert_string_equal(g.text, "{\"type\":\"application/json\",\"auth\":\"\"}");
    assert_log(b, "POST /p {\"a\":1}\nPUT /p {\"a\":1}\nDELETE /p\nDELETE /p {\"a\":1}\n");
    static const struct { enum client_patch how; const char *type; } patches[] = {
        { PATCH_JSON, "application/json-patch+json" }, { PATCH_MERGE, "application/merge-patch+json" },
        { PATCH_STRATEGIC, "application/strategic-merge-patch+json" }, { PATCH_APPLY, "application/apply-patch+yaml" },
    };
    for (size_t i = 0; i < ARRAY_LEN(patches); i++) {
        client_patch(b->client, "/p", patches[i].how, obj, on_done, &g);
        test_turns(b->l, 20);
        assert_string_equal(g.text, arena_printf(a, "{\"type\":\"%s\",\"auth\":\"\"}", patches[i].type));
    }
    arena_free(a);
}

/* ---- errors ---- */
static void serve_status(struct bed *b, struct http_exchange *x)
{
    const char *const *row = b->more;
    bed_answer(x, atoi(row[0]), row[1]);
}

static void errors(void **state)
{
    struct bed *b = *state;
    b->serve = serve_status;
    static const struct { const char *answer[2]; enum err_code code; const char *text; } rows[] = {
        { { "200", "" }, ERR_NONE, "no tree" },
        { { "201", "{\"a\":1}" }, ERR_NONE, "{\"a\":1}" },
        { { "404", "{\"kind\":\"Status\",\"status\":\"Failure\",\"message\":\"pods \\\"x\\\" not found\",\"reason\":\"NotFound\","
                   "\"code\":404}" },
          ERR_NOT_FOUND, "pods \"x\" not found" },
        { { "409", "{\"kind\":\"Status\",\"status\":\"Failure\",\"message\":\"changed\",\"reason\":\"Conflict\",\"code\":409}" },
          ERR_CONFLICT, "changed" },
        { { "409", "{\"kind\":\"Status\",\"status\":\"Failure\",\"message\":\"there\",\"reason\":\"AlreadyExists\",\"code\":409}" },
          ERR_ALREADY_EXISTS, "there" },
        { { "404", "404 page not found" }, ERR_NOT_FOUND, "the server could not find the requested resource (get /x)" },
        { { "503", "dead" }, ERR_UNAVAILABLE, "the server is currently unable to handle the request (get /x)" },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct got g = { 0 };
        b->more = (void *)rows[i].answer;
        client_get(b->client, "/x", on_done, &g);
        test_turns(b->l, 20);
        assert_int_equal(g.calls, 1);
        assert_int_equal(g.http_status, atoi(rows[i].answer[0]));
        assert_int_equal(g.code, rows[i].code);
        assert_string_equal(g.text, rows[i].text);
    }
    http_server_free(b->server);
    b->server = NULL;
    struct got g = { 0 };
    client_get(b->client, "/x", on_done, &g);
    test_advance(b->l, S);
    assert_int_equal(g.http_status, 0);
    assert_string_equal(g.text, "Get http://192.168.229.132:8080/x: dial tcp 192.168.229.132:8080: connect: connection refused");
}

/* ---- tokens, and partings ---- */
static struct str token(void *ctx) { return str_c(*(const char **)ctx); }
static void serve_keep(struct bed *b, struct http_exchange *x) { bed_keep(b, x); }

static void tokens_and_partings(void **state)
{
    struct bed *b = *state;
    const char *t = "one";
    struct client_options co = { .from = b->node, .server = "http://192.168.229.132:8080", .token = token, .token_ctx = &t };
    struct client *c = client_new(&co);
    struct got g = { 0 };
    b->serve = serve_echo;
    client_get(c, "/", on_done, &g);
    test_turns(b->l, 20);
    assert_string_equal(g.text, "{\"type\":\"\",\"auth\":\"Bearer one\"}");
    t = "two";                                     /* asked for at each call */
    client_get(c, "/", on_done, &g);
    test_turns(b->l, 20);
    assert_string_equal(g.text, "{\"type\":\"\",\"auth\":\"Bearer two\"}");
    b->serve = serve_keep;
    struct client_call *call = client_get(c, "/", on_done, &g);
    test_turns(b->l, 20);
    client_cancel(call);
    test_turns(b->l, 20);
    assert_int_equal(b->gone, 1);
    client_get(c, "/", on_done, &g);
    test_turns(b->l, 20);
    client_free(c);                                /* cancels without a word */
    test_turns(b->l, 20);
    assert_int_equal(b->gone, 2);
    assert_int_equal(g.calls, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths), BED_TEST(verbs), BED_TEST(errors), BED_TEST(tokens_and_partings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
