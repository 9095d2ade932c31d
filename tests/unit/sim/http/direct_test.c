/* Calls inside the process: names, certificates, answers whole and streamed, upgrades, and every way to part. */
#include "tests/unit/sim/net/net_test.h"

#include <stdio.h>
#include <stdlib.h>

#include "sim/http/http.h"

/* ---- a server with a few paths ---- */
struct world {
    struct loop *l;
    struct vnet *v;
    struct vnet_host *node, *pod;
    struct identity *id;                           /* of the server; NULL refuses handshakes */
    struct trust *roots;
    struct http_server *https, *http;
    struct http_exchange *open;                    /* of /open and /stream */
    int gone;
    char seen[512];                                /* of the last request */
    struct stream *tunnel;
    char told[64];                                 /* what the observer of all exchanges was told */
};

static void on_gone(struct http_exchange *x)
{
    struct world *w = x->ctx;
    w->gone++;
    w->open = NULL;
}

static void tell(struct world *w, const char *what)
{
    snprintf(w->told + strlen(w->told), sizeof w->told - strlen(w->told), "%s ", what);
}

static void told_begin(void *ctx, int status)
{
    char text[16];
    snprintf(text, sizeof text, "%d", status);
    tell(ctx, text);
}

static void told_end(void *ctx, enum http_end how)
{
    static const char *const names[] = { [HTTP_ENDED] = "ended", [HTTP_UPGRADED] = "upgraded", [HTTP_ABORTED] = "aborted",
                                         [HTTP_GONE] = "gone" };
    tell(ctx, names[how]);
}

static const struct http_observer observer = { told_begin, told_end };

static void handler(void *ctx, struct http_exchange *x)
{
    struct world *w = ctx;
    x->ctx = w;
    x->observer = &observer;
    x->observer_ctx = w;
    snprintf(w->seen, sizeof w->seen,
             STR_FMT " " STR_FMT " host=" STR_FMT " ua=" STR_FMT " body=" STR_FMT " from=" STR_FMT " tls=%d cert=" STR_FMT,
             STR_ARG(x->method), STR_ARG(x->target), STR_ARG(http_headers_get(&x->headers, "host")),
             STR_ARG(http_headers_get(&x->headers, "user-agent")),
             STR_ARG(x->body), STR_ARG(x->remote_addr), x->tls, STR_ARG(x->peer_count > 0 ? x->peer_chain[0]->subject_cn : STR_NULL));
    if (str_eqc(x->path, "/open")) {
        x->on_gone = on_gone;
        w->open = x;
    } else if (str_eqc(x->path, "/careless")) {
        w->open = x;                               /* no on_gone: answers whenever it likes */
    } else if (str_eqc(x->path, "/stream")) {
        x->on_gone = on_gone;
        w->open = x;
        http_begin(x, 200, NULL, "application/json");
    } else if (str_eqc(x->path, "/abort")) {
        http_abort(x);
    } else if (str_eqc(x->path, "/up")) {
        w->tunnel = http_upgrade(x, NULL);
        stream_write(w->tunnel, STR("hello"));
    } else {
        http_respond(x, 200, NULL, "text/plain", x->query_text);
    }
}

static struct identity *get_identity(void *ctx)
{
    return ((struct world *)ctx)->id;
}

/* A self-signed certificate for `dns`, valid from now for a day. */
static struct identity *make_identity(struct loop *l, const char *dns)
{
    struct rng r;
    struct err err = { .code = ERR_NONE };
    rng_init(&r, l, dns);
    struct key *k = key_generate_ec(&r);
    const char *names[] = { dns, NULL };
    struct cert_template t = { .cn = dns, .dns_names = names, .not_before_ns = vtime_now(l),
                               .not_after_ns = vtime_now(l) + 86400 * (int64_t)NS_PER_S,
                               .key_usage = CERT_KU_DIGITAL_SIGNATURE, .ext_usage = CERT_EKU_SERVER | CERT_EKU_CLIENT,
                               .serial = { 7 }, .serial_len = 1 };
    struct cert *c = cert_issue(&t, k, NULL, k, &err);
    assert_non_null(c);
    struct identity *id = identity_new(c, k);
    cert_unref(c);
    key_unref(k);
    return id;
}

static int setup(void **state)
{
    struct world *w = NEW(struct world);
    w->l = test_loop();
    w->v = vnet_new(w->l);
    w->node = vnet_host_new(w->v, "ubuntu");
    w->pod = vnet_host_new(w->v, "pod");
    vnet_host_add_addr(w->node, "192.168.229.132");
    vnet_host_add_addr(w->pod, "10.32.0.5");
    vnet_host_add_hosts(w->pod, "192.168.229.132", "ubuntu");
    vnet_host_add_hosts(w->pod, "192.168.229.132", "stranger");
    w->id = make_identity(w->l, "ubuntu");
    w->roots = trust_new();
    trust_add(w->roots, w->id->chain[0]);
    struct http_server_options opt = { .loop = w->l, .name = "test", .handler = handler, .ctx = w };
    w->http = http_server_new(&opt, NULL);
    opt.identity = get_identity;
    opt.identity_ctx = w;
    opt.request_client_cert = true;
    w->https = http_server_new(&opt, NULL);
    assert_true(http_server_listen_vnet(w->http, w->node, NULL, 8080, NULL));
    assert_true(http_server_listen_vnet(w->https, w->node, NULL, 10250, NULL));
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    http_server_free(w->http);
    http_server_free(w->https);
    test_turns(w->l, 2);
    vnet_host_free(w->pod);
    vnet_host_free(w->node);
    vnet_free(w->v);
    identity_unref(w->id);
    trust_free(w->roots);
    loop_free(w->l);
    free(w);
    return 0;
}

/* ---- a client that writes down what happens ---- */
struct record {
    struct http_call *call;
    int  status, dones;
    char body[256], error[512];
    enum err_code code;
    struct stream *tunnel;
    bool cancel_on_response;
};

static void on_response(void *ctx, const struct http_response *r)
{
    struct record *rec = ctx;
    rec->status = r->status;
    if (rec->cancel_on_response)
        http_call_cancel(rec->call);
}

static void on_data(void *ctx, struct str b)
{
    struct record *rec = ctx;
    size_t n = strlen(rec->body);
    snprintf(rec->body + n, sizeof rec->body - n, "[" STR_FMT "]", STR_ARG(b));
}

static void on_upgrade(void *ctx, struct stream *s)
{
    ((struct record *)ctx)->tunnel = s;
}

static void on_done(void *ctx, const struct err *err)
{
    struct record *rec = ctx;
    rec->dones++;
    rec->code = err->code;
    snprintf(rec->error, sizeof rec->error, "%.500s", err->msg);
}

static const struct http_call_events events = { on_response, on_data, on_upgrade, on_done };

static void call(struct record *rec, struct http_client *c, const char *url, int64_t timeout_ns)
{
    struct http_call_options opt = { .method = "GET", .url = url, .timeout_ns = timeout_ns, .want_upgrade = true, .ev = &events,
                                     .ctx = rec };
    *rec = (struct record){ .status = 0 };
    rec->call = http_call_start(c, &opt);
    assert_int_equal(rec->dones, 0);
}

static struct http_client *client(struct world *w, bool insecure, struct identity *id)
{
    struct http_client_options opt = { .from = w->pod, .roots = w->roots, .insecure_skip_verify = insecure, .identity = id,
                                       .user_agent = "test/1" };
    return http_client_new(&opt);
}

/* ---- tests ---- */
static void judgements(void **state)
{
    enum { SECURE, INSECURE, NO_IDENTITY, EXPIRED };
    static const struct { const char *url; int how; int status; const char *body, *error; } cases[] = {
        { "https://ubuntu:10250/x?ok", SECURE, 200, "[ok]", "" },
        { "http://ubuntu:8080/x?plain", SECURE, 200, "[plain]", "" },
        { "https://stranger:10250/x", SECURE, 0, "",
          "Get https://stranger:10250/x: x509: certificate is valid for ubuntu, not stranger" },
        { "https://stranger:10250/x?y", INSECURE, 200, "[y]", "" },
        { "https://192.168.229.132:10250/", SECURE, 0, "", "Get https://192.168.229.132:10250/: x509: cannot validate certificate for "
          "192.168.229.132 because it doesn't contain any IP SANs" },
        { "https://ubuntu:10250/", NO_IDENTITY, 0, "", "Get https://ubuntu:10250/: remote error: tls: internal error" },
        { "https://ubuntu:8080/", SECURE, 0, "", "Get https://ubuntu:8080/: http: server gave HTTP response to HTTPS client" },
        { "http://ubuntu:10250/", SECURE, 400, "[Client sent an HTTP request to an HTTPS server.\n]", "" },
        { "https://ubuntu:1/", SECURE, 0, "", "Get https://ubuntu:1/: dial tcp 192.168.229.132:1: connect: connection refused" },
        { "https://nobody:1/", SECURE, 0, "", "Get https://nobody:1/: dial tcp: lookup nobody on 127.0.0.1:53: read udp "
          "127.0.0.1:32778->127.0.0.1:53: read: connection refused" },
        { "http://ubuntu:8080/abort", SECURE, 0, "", "Get http://ubuntu:8080/abort: EOF" },
        { "gopher://x", SECURE, 0, "", "Get gopher://x: unsupported protocol scheme \"gopher\"" },
        { "https://ubuntu:10250/late", EXPIRED, 0, "",
          "Get https://ubuntu:10250/late: x509: certificate has expired or is not yet valid" },
    };
    struct world *w = *state;
    struct identity *id = w->id;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_client *c = client(w, cases[i].how == INSECURE, NULL);
        struct record r;
        if (cases[i].how == EXPIRED)
            test_advance(w->l, 2 * 86400 * (int64_t)NS_PER_S);
        w->id = cases[i].how == NO_IDENTITY ? NULL : id;
        call(&r, c, cases[i].url, 0);
        test_advance(w->l, NS_PER_S);
        w->id = id;
        assert_int_equal(r.dones, 1);
        assert_string_equal(r.error, cases[i].error);
        assert_int_equal(r.status, cases[i].status);
        assert_string_equal(r.body, cases[i].body);
        http_client_free(c);
    }
}

static void requests_arrive_whole(void **state)
{
    struct world *w = *state;
    struct identity *me = make_identity(w->l, "me");
    struct http_client *c = client(w, false, me);
    identity_unref(me);
    struct record r = { .status = 0 };
    struct http_call_options opt = { .method = "POST", .url = "https://ubuntu:10250/p%20q?a=b", .body = STR("data"), .ev = &events,
                                     .ctx = &r };
    http_call_start(c, &opt);
    test_turns(w->l, 1);
    assert_int_equal(r.dones, 1);
    assert_string_equal(w->seen, "POST /p%20q?a=b host=ubuntu:10250 ua=test/1 body=data from=10.32.0.5:32768 tls=1 cert=me");
    http_client_free(c);
}

static void streams_and_partings(void **state)
{
    struct world *w = *state;
    struct http_client *c = client(w, false, NULL);
    struct record r;
    call(&r, c, "http://ubuntu:8080/stream", 0);
    test_turns(w->l, 1);
    assert_int_equal(r.status, 200);
    http_write(w->open, STR("one"));
    assert_int_equal(http_unsent(w->open), 3);
    test_turns(w->l, 1);
    assert_int_equal(http_unsent(w->open), 0);
    http_write(w->open, STR("two"));
    http_end(w->open);
    test_turns(w->l, 1);
    assert_string_equal(r.body, "[one][two]");
    assert_int_equal(r.dones, 1);
    assert_int_equal(r.code, ERR_NONE);

    call(&r, c, "http://ubuntu:8080/stream", 0);   /* the client leaves */
    test_turns(w->l, 1);
    http_call_cancel(r.call);
    assert_int_equal(w->gone, 0);                  /* never inside the call */
    test_turns(w->l, 1);
    assert_int_equal(w->gone, 1);
    assert_int_equal(r.dones, 0);

    call(&r, c, "http://ubuntu:8080/careless", 0); /* the client leaves, and the handler answers later */
    test_turns(w->l, 1);
    http_call_cancel(r.call);
    test_turns(w->l, 1);
    http_respond(w->open, 200, NULL, "text/plain", STR("to nobody"));
    test_turns(w->l, 1);

    call(&r, c, "http://ubuntu:8080/stream", 0);   /* the client leaves inside an event */
    r.cancel_on_response = true;
    test_turns(w->l, 1);
    assert_int_equal(w->gone, 2);

    call(&r, c, "http://ubuntu:8080/open", NS_PER_S);
    test_advance(w->l, NS_PER_S);
    assert_int_equal(w->gone, 3);
    assert_int_equal(r.code, ERR_TIMEOUT);
    assert_string_equal(r.error,
                        "Get http://ubuntu:8080/open: net/http: request canceled (Client.Timeout exceeded while awaiting headers)");

    http_client_quote_urls(c, true);
    call(&r, c, "http://8.8.8.8:8080/open", NS_PER_S);
    test_advance(w->l, NS_PER_S);
    assert_string_equal(r.error,
                        "Get \"http://8.8.8.8:8080/open\": context deadline exceeded (Client.Timeout exceeded while awaiting "
                        "headers)");

    call(&r, c, "http://ubuntu:8080/open", 0);     /* the client's owner leaves */
    test_turns(w->l, 1);
    http_client_free(c);
    assert_int_equal(r.dones, 1);
    assert_int_equal(r.code, ERR_CANCELED);
    test_turns(w->l, 1);
    assert_int_equal(w->gone, 4);
}

/* An observer is told once of each answer's beginning and once of the end, whichever way it goes. */
static void observed(void **state)
{
    enum { LET, END, CANCEL };
    static const struct { const char *path; int then; const char *told; } cases[] = {
        { "/x", LET, "200 ended " },       { "/stream", END, "200 ended " },      { "/stream", CANCEL, "200 gone " },
        { "/open", CANCEL, "gone " },      { "/abort", LET, "aborted " },         { "/up", LET, "101 upgraded " },
        { "/careless", CANCEL, "200 ended " },
    };
    struct world *w = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_client *c = client(w, false, NULL);
        struct arena *a = arena_new();
        struct record r;
        w->told[0] = '\0';
        w->open = NULL;
        call(&r, c, arena_printf(a, "http://ubuntu:8080%s", cases[i].path), 0);
        test_turns(w->l, 1);
        if (cases[i].then == END)
            http_end(w->open);
        if (cases[i].then == CANCEL)
            http_call_cancel(r.call);
        test_turns(w->l, 1);
        if (strcmp(cases[i].path, "/careless") == 0)
            http_respond(w->open, 200, NULL, NULL, STR_NULL);
        test_turns(w->l, 1);
        if (strcmp(w->told, cases[i].told) != 0)
            fail_msg("%s: %s", cases[i].path, w->told);
        if (strcmp(cases[i].path, "/up") == 0) {
            stream_close(r.tunnel);
            stream_close(w->tunnel);
        }
        http_client_free(c);
        arena_free(a);
    }
}

static void servers_and_hosts_go(void **state)
{
    struct world *w = *state;
    struct http_client *c = client(w, false, NULL);
    struct record r, s;
    call(&r, c, "http://ubuntu:8080/open", 0);
    call(&s, c, "https://ubuntu:10250/stream", 0);
    test_turns(w->l, 1);
    http_server_free(w->http);
    w->http = NULL;
    assert_int_equal(w->gone, 1);
    test_turns(w->l, 1);
    assert_string_equal(r.error, "Get http://ubuntu:8080/open: EOF");
    vnet_host_free(w->node);
    w->node = NULL;
    test_turns(w->l, 1);
    assert_int_equal(w->gone, 2);
    assert_string_equal(s.error, "read tcp 10.32.0.5:32769->192.168.229.132:10250: read: connection reset by peer");
    http_client_free(c);
}

/* The client has left, the handler has not been told yet, and its owner goes: it is told before the server is gone. */
static void told_before_the_end(void **state)
{
    struct world *w = *state;
    struct http_client *c = client(w, false, NULL);
    struct record r;
    call(&r, c, "http://ubuntu:8080/open", 0);
    test_turns(w->l, 1);
    http_call_cancel(r.call);
    assert_int_equal(w->gone, 0);
    http_server_free(w->http);
    w->http = NULL;
    assert_int_equal(w->gone, 1);
    test_turns(w->l, 1);
    assert_int_equal(w->gone, 1);
    http_client_free(c);
}

static void upgrades(void **state)
{
    struct world *w = *state;
    struct http_client *c = client(w, false, NULL);
    struct record r;
    call(&r, c, "http://ubuntu:8080/up", 0);
    test_turns(w->l, 1);
    assert_int_equal(r.status, 101);
    assert_int_equal(r.dones, 1);
    assert_non_null(r.tunnel);
    stream_close(r.tunnel);
    stream_close(w->tunnel);
    http_client_free(c);
    test_turns(w->l, 1);
}

static void on_fetched(void *ctx, const struct http_result *r, const struct err *err)
{
    char *out = ctx;
    if (r != NULL)
        snprintf(out, 256, "%d " STR_FMT " " STR_FMT, r->status, STR_ARG(r->body),
                 STR_ARG(http_headers_get(&r->headers, "content-type")));
    else
        snprintf(out, 256, "%.200s", err->msg);
}

static void fetch(void **state)
{
    struct world *w = *state;
    struct http_client *c = client(w, false, NULL);
    char out[256] = "";
    struct http_call_options opt = { .url = "http://ubuntu:8080/x?whole" };
    http_fetch(c, &opt, on_fetched, out);
    test_turns(w->l, 1);
    assert_string_equal(out, "200 whole text/plain");
    opt.url = "http://ubuntu:9/";
    http_fetch(c, &opt, on_fetched, out);
    test_advance(w->l, NS_PER_S);
    assert_string_equal(out, "Get http://ubuntu:9/: dial tcp 192.168.229.132:9: connect: connection refused");
    http_call_cancel(http_fetch(c, &opt, on_fetched, out));
    http_client_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(judgements, setup, teardown),
        cmocka_unit_test_setup_teardown(requests_arrive_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(streams_and_partings, setup, teardown),
        cmocka_unit_test_setup_teardown(observed, setup, teardown),
        cmocka_unit_test_setup_teardown(servers_and_hosts_go, setup, teardown),
        cmocka_unit_test_setup_teardown(told_before_the_end, setup, teardown),
        cmocka_unit_test_setup_teardown(upgrades, setup, teardown),
        cmocka_unit_test_setup_teardown(fetch, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
