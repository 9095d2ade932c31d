/* exec, attach and port-forward as the kubelet serves them: a real request through the in-process client, then SPDY as kubectl
 * speaks it. */
#include "tests/unit/sim/net/net_test.h"

#include <stdio.h>
#include <stdlib.h>

#include "sim/upgrade/upgrade.h"

enum { CHANNELS = 5 };
static const char *const names[CHANNELS] = { "error", "stdin", "stdout", "stderr", "resize" };

struct channel {                                       /* the client's end of one stream */
    struct stream *s;
    char   got[512];
    size_t bytes;
    bool   eof, closed;
};

struct world {
    struct loop *l;
    struct vnet *v;
    struct vnet_host *node, *pod;
    struct http_server *http;
    struct http_client *client;
    struct http_call *call;
    int    status;                                     /* of the answer */
    char   body[2048], protocol[64], accepted[256];
    struct spdy *spdy;                                 /* the client's connection */
    bool   client_closed;
    struct channel channel[CHANNELS];
    /* the server's side */
    struct remotecommand *rc;
    struct portforward *pf;
    struct remotecommand_options opt;
    struct err err, why;
    char   seen[512];
    int    drains;
    bool   free_in_ready, free_in_stdin, echo_and_finish;
    struct stream *pf_data[8], *pf_error[8];
    size_t pairs;
};

static void note(struct world *w, const char *fmt, ...)
{
    va_list ap;
    size_t n = strlen(w->seen);
    va_start(ap, fmt);
    vsnprintf(w->seen + n, sizeof w->seen - n, fmt, ap);
    va_end(ap);
}

/* ---- the kubelet's side ---- */
static void on_ready(void *ctx)
{
    struct world *w = ctx;
    note(w, "ready;");
    if (w->free_in_ready) {
        remotecommand_free(w->rc);
        w->rc = NULL;
    }
}

static void on_stdin(void *ctx, struct str b)
{
    struct world *w = ctx;
    note(w, STR_FMT ";", b.n < 64 ? (int)b.n : 3, b.n < 64 ? b.p : "big");
    if (w->free_in_stdin) {
        remotecommand_free(w->rc);
        w->rc = NULL;
    } else if (w->echo_and_finish) {
        remotecommand_write(w->rc, 1, b);
        remotecommand_finish(w->rc, 3, NULL);
        remotecommand_free(w->rc);
        w->rc = NULL;
    }
}

static void on_stdin_eof(void *ctx) { note(ctx, "eof;"); }
static void on_resize(void *ctx, int width, int height) { note(ctx, "%dx%d;", width, height); }
static void on_drain(void *ctx) { ((struct world *)ctx)->drains++; }
static void on_gone(void *ctx, const struct err *why)
{
    struct world *w = ctx;
    note(w, "gone;");
    w->why = *why;
}

static const struct remotecommand_events rc_events = { on_ready, on_stdin, on_stdin_eof, on_resize, on_drain, on_gone };

static void on_pair(void *ctx, int port, struct stream *data, struct stream *error)
{
    struct world *w = ctx;
    note(w, "port %d;", port);
    w->pf_data[w->pairs] = data;
    w->pf_error[w->pairs++] = error;
}

static const struct portforward_events pf_events = { on_pair, on_gone };

static void handler(void *ctx, struct http_exchange *x)
{
    struct world *w = ctx;
    w->opt.loop = w->l;
    if (str_starts(x->path, "/portForward/"))
        w->pf = portforward_new(x, w->l, &pf_events, w, &w->err);
    else if (remotecommand_options_parse(&x->query, &w->opt, &w->err))
        w->rc = remotecommand_new(x, &w->opt, &rc_events, w, &w->err);
    else
        http_respond(x, 400, NULL, "text/plain", str_c(w->err.msg));
}

/* ---- kubectl's side ---- */
static void on_response(void *ctx, const struct http_response *r)
{
    struct world *w = ctx;
    w->status = r->status;
    snprintf(w->protocol, sizeof w->protocol, STR_FMT, STR_ARG(http_headers_get(&r->headers, "x-stream-protocol-version")));
    for (size_t i = 0; i < r->headers.n; i++)
        if (str_eqi(r->headers.v[i].name, STR("X-Accepted-Stream-Protocol-Versions")))
            snprintf(w->accepted + strlen(w->accepted), sizeof w->accepted - strlen(w->accepted), STR_FMT " ",
                     STR_ARG(r->headers.v[i].value));
}

static void on_body(void *ctx, struct str b)
{
    struct world *w = ctx;
    size_t n = strlen(w->body);
    snprintf(w->body + n, sizeof w->body - n, STR_FMT, STR_ARG(b));
}

static void on_client_close(void *ctx, const struct err *why)
{
    (void)why;
    ((struct world *)ctx)->client_closed = true;
}

static const struct spdy_events client_events = { .on_close = on_client_close };
static void on_upgrade(void *ctx, struct stream *s)
{
    struct world *w = ctx;
    w->spdy = spdy_new(w->l, s, false, &client_events, w);
}

static void on_done(void *ctx, const struct err *err)
{
    (void)err;
    ((struct world *)ctx)->call = NULL;
}

static const struct http_call_events call_events = { on_response, on_body, on_upgrade, on_done };

static void ch_data(void *ctx, struct str b)
{
    struct channel *c = ctx;
    size_t n = strlen(c->got);
    c->bytes += b.n;
    if (b.n < sizeof c->got - n)
        snprintf(c->got + n, sizeof c->got - n, STR_FMT, STR_ARG(b));
}

static void ch_eof(void *ctx) { ((struct channel *)ctx)->eof = true; }
static void ch_close(void *ctx, const struct err *why)
{
    struct channel *c = ctx;
    (void)why;
    c->closed = true;
    stream_close(c->s);
    c->s = NULL;
}

static const struct stream_events ch_events = { .on_data = ch_data, .on_eof = ch_eof, .on_close = ch_close };

static void open_with(struct world *w, struct channel *c, const char *const pairs[])
{
    struct arena *a = arena_new();
    struct http_headers h = { .v = NULL };
    for (size_t i = 0; pairs[i] != NULL; i += 2)
        http_headers_add(a, &h, pairs[i], str_c(pairs[i + 1]));
    c->s = spdy_open(w->spdy, &h);
    arena_free(a);
    stream_attach(c->s, &ch_events, c);
    test_turns(w->l, 2);
}

static void open_channel(struct world *w, int i)
{
    open_with(w, &w->channel[i], (const char *const[]){ "streamType", names[i], NULL });
}

static const char kubectl_120[] = "v4.channel.k8s.io|v3.channel.k8s.io|v2.channel.k8s.io|channel.k8s.io";

/* headers: protocol lines separated by |; NULL: none */
static void request(struct world *w, const char *target, const char *upgrade, const char *protocols)
{
    struct arena *a = arena_new();
    struct http_headers h = { .v = NULL };
    if (upgrade != NULL) {
        http_headers_add(a, &h, "Connection", STR("Upgrade"));
        http_headers_add(a, &h, "Upgrade", str_c(upgrade));
    }
    struct str rest = str_c(protocols);
    while (rest.p != NULL)
        http_headers_add(a, &h, "X-Stream-Protocol-Version", str_token(&rest, '|'));
    struct http_call_options opt = { .method = "POST", .url = arena_printf(a, "http://10.0.0.1:10250%s", target), .headers = &h,
                                     .want_upgrade = true,
                                     .ev = &call_events, .ctx = w };
    w->call = http_call_start(w->client, &opt);
    arena_free(a);
    for (int i = 0; i < 50 && w->status == 0; i++)
        test_advance(w->l, (int64_t)NS_PER_MS);
    test_turns(w->l, 3);
}

static struct world *world_new(void)
{
    struct world *w = NEW(struct world);
    w->l = test_loop();
    w->v = vnet_new(w->l);
    w->node = vnet_host_new(w->v, "node");
    w->pod = vnet_host_new(w->v, "pod");
    vnet_host_add_addr(w->node, "10.0.0.1");
    vnet_host_add_addr(w->pod, "10.0.0.2");
    struct http_server_options opt = { .loop = w->l, .name = "test", .handler = handler, .ctx = w };
    w->http = http_server_new(&opt, NULL);
    assert_true(http_server_listen_vnet(w->http, w->node, NULL, 10250, NULL));
    struct http_client_options copt = { .from = w->pod, .user_agent = "kubectl/v1.20.2" };
    w->client = http_client_new(&copt);
    return w;
}

static void world_free(struct world *w)
{
    for (int i = 0; i < CHANNELS; i++)
        stream_close(w->channel[i].s);
    spdy_free(w->spdy);
    remotecommand_free(w->rc);
    portforward_free(w->pf);
    for (size_t i = 0; i < w->pairs; i++) {
        stream_close(w->pf_data[i]);
        stream_close(w->pf_error[i]);
    }
    http_client_free(w->client);
    http_server_free(w->http);
    test_turns(w->l, 4);
    vnet_host_free(w->pod);
    vnet_host_free(w->node);
    vnet_free(w->v);
    loop_free(w->l);
    free(w);
}

/* A world in which the command has begun. */
static struct world *begun(const char *query, const char *protocols, const char *channels)
{
    struct world *w = world_new();
    char target[256];
    snprintf(target, sizeof target, "/exec/default/driver/driver?%s", query);
    request(w, target, "SPDY/3.1", protocols);
    assert_int_equal(w->status, 101);
    assert_non_null(w->spdy);
    for (const char *p = channels; *p != '\0'; p++)
        for (int i = 0; i < CHANNELS; i++)
            if (*p == "eiOEr"[i])
                open_channel(w, i);
    return w;
}

/* ---- tests ---- */
static void handshakes(void **state)
{
    (void)state;
    static const struct { const char *name, *target, *upgrade, *protocols; int status; const char *protocol, *body; } cases[] = {
        { "kubectl 1.20", "/exec/a/b/c?input=1&output=1", "SPDY/3.1", kubectl_120, 101, "v4.channel.k8s.io", "" },
        { "kubectl 1.33", "/exec/a/b/c?stdout=true", "SPDY/3.1", "v5.channel.k8s.io|v4.channel.k8s.io|v3.channel.k8s.io", 101,
          "v4.channel.k8s.io", "" },
        { "one line", "/exec/a/b/c?stdout=true", "spdy/3.1", "v9, v2.channel.k8s.io,channel.k8s.io", 101, "v2.channel.k8s.io", "" },
        { "v1", "/exec/a/b/c?stdout=true", "SPDY/3.1", "channel.k8s.io", 101, "channel.k8s.io", "" },
        { "none in common", "/exec/a/b/c?stdout=true", "SPDY/3.1", "v5.channel.k8s.io|v6.channel.k8s.io", 403, "",
          "unable to upgrade: unable to negotiate protocol: client supports [v5.channel.k8s.io v6.channel.k8s.io], server accepts "
          "[v4.channel.k8s.io v3.channel.k8s.io v2.channel.k8s.io channel.k8s.io]\n" },
        { "no version", "/exec/a/b/c?stdout=true", "SPDY/3.1", NULL, 400, "",
          "unable to upgrade: X-Stream-Protocol-Version is required\n" },
        { "no upgrade", "/exec/a/b/c?stdout=true", NULL, "v4.channel.k8s.io", 400, "", NULL },
        { "websocket", "/exec/a/b/c?stdout=true", "websocket", NULL, 400, "", NULL },
        { "nothing asked", "/exec/a/b/c", "SPDY/3.1", kubectl_120, 400, "", "you must specify at least 1 of stdin, stdout, stderr" },
        { "port-forward", "/portForward/a/b", "SPDY/3.1", "portforward.k8s.io", 101, "portforward.k8s.io", "" },
        { "port-forward as exec", "/portForward/a/b", "SPDY/3.1", "v4.channel.k8s.io", 403, "",
          "unable to upgrade: unable to negotiate protocol: client supports [v4.channel.k8s.io], server accepts "
          "[portforward.k8s.io]\n" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world *w = world_new();
        request(w, cases[i].target, cases[i].upgrade, cases[i].protocols);
        if (w->status != cases[i].status)
            fail_msg("%s: %d %s", cases[i].name, w->status, w->body);
        assert_string_equal(w->protocol, cases[i].protocol);
        if (cases[i].body != NULL)
            assert_string_equal(w->body, cases[i].body);
        else
            assert_memory_equal(w->body, "unable to upgrade: missing upgrade headers in request: http.Header{\"", 68);
        if (cases[i].status == 403)
            assert_true(strlen(w->accepted) > 0);
        assert_int_equal(w->status == 101, w->rc != NULL || w->pf != NULL);
        if (w->status != 101)
            assert_true(w->err.code != ERR_NONE);
        world_free(w);
    }
}

/* How a command's end looks in each version. */
static void verdicts(void **state)
{
    (void)state;
    static const struct { const char *protocol; int code; const char *message, *want; } cases[] = {
        { "v4.channel.k8s.io", 0, NULL, "{\"metadata\":{},\"status\":\"Success\"}" },
        { "v4.channel.k8s.io", 3, NULL,
          "{\"metadata\":{},\"status\":\"Failure\",\"message\":\"command terminated with non-zero exit code: exit status 3\","
          "\"reason\":\"NonZeroExitCode\",\"details\":{\"causes\":[{\"reason\":\"ExitCode\",\"message\":\"3\"}]}}" },
        { "v4.channel.k8s.io", -1, "error executing command in container: x \"y\"",
          "{\"metadata\":{},\"status\":\"Failure\",\"message\":\"Internal error occurred: "
          "error executing command in container: x \\\"y\\\"\",\"reason\":\"InternalError\","
          "\"details\":{\"causes\":[{\"message\":\"error executing command in "
          "container: x \\\"y\\\"\"}]},\"code\":500}" },
        { "v3.channel.k8s.io", 0, NULL, "" },
        { "v2.channel.k8s.io", 137, NULL, "command terminated with non-zero exit code: exit status 137" },
        { "channel.k8s.io", -1, "no", "Internal error occurred: no" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world *w = begun("output=1&error=1", cases[i].protocol, "eOE");
        assert_string_equal(w->seen, "ready;");
        remotecommand_write(w->rc, 1, STR("out"));
        remotecommand_write(w->rc, 2, STR("err"));
        remotecommand_finish(w->rc, cases[i].code, cases[i].message);
        remotecommand_write(w->rc, 1, STR("late"));    /* swallowed */
        remotecommand_free(w->rc);
        w->rc = NULL;
        test_turns(w->l, 5);
        assert_string_equal(w->channel[0].got, cases[i].want);
        assert_string_equal(w->channel[2].got, "out");
        assert_string_equal(w->channel[3].got, "err");
        assert_true(w->channel[0].eof && w->channel[2].eof && w->channel[3].eof);
        assert_false(w->client_closed);                /* it may still be writing */
        if (i % 2 == 0) {
            test_advance(w->l, (int64_t)(11 * NS_PER_S));
            test_turns(w->l, 3);
            assert_true(w->client_closed);
        }
        assert_string_equal(w->seen, "ready;");
        world_free(w);
    }
}

static void input(void **state)
{
    (void)state;
    struct world *w = begun("input=1&output=1&error=1", kubectl_120, "ei");
    stream_write(w->channel[1].s, STR("early;"));      /* before the command runs */
    test_turns(w->l, 3);
    assert_string_equal(w->seen, "");
    open_channel(w, 2);
    open_channel(w, 3);
    test_turns(w->l, 3);
    assert_string_equal(w->seen, "ready;early;;");
    remotecommand_pause_stdin(w->rc, true);
    stream_write(w->channel[1].s, STR("a"));
    stream_shutdown(w->channel[1].s);
    test_turns(w->l, 3);
    assert_string_equal(w->seen, "ready;early;;");
    remotecommand_pause_stdin(w->rc, false);
    test_turns(w->l, 3);
    assert_string_equal(w->seen, "ready;early;;a;eof;");
    spdy_free(w->spdy);                                /* the client goes */
    w->spdy = NULL;
    test_turns(w->l, 4);
    assert_string_equal(w->seen, "ready;early;;a;eof;gone;");
    assert_int_equal(w->why.code, ERR_NONE);
    remotecommand_write(w->rc, 1, STR("void"));
    remotecommand_finish(w->rc, 0, NULL);
    world_free(w);
}

static void terminal(void **state)
{
    (void)state;
    struct world *w = begun("input=1&output=1&error=1&tty=1", kubectl_120, "eiOr");
    assert_string_equal(w->seen, "ready;");
    remotecommand_write(w->rc, 2, STR("both"));        /* one output */
    stream_write(w->channel[4].s, STR("{\"Width\":81,\"Height\":25}\n{\"Width\":80,\"Hei"));
    test_turns(w->l, 3);
    assert_string_equal(w->channel[2].got, "both");
    assert_string_equal(w->seen, "ready;81x25;");
    stream_write(w->channel[4].s, STR("ght\":24}"));
    test_turns(w->l, 3);
    stream_write(w->channel[4].s,
                 STR("}{\"Width\":-1,\"Height\":2}{\"Width\":65536,\"Height\":2}\n{\"Width\":[}{\"Width\":1,\"Height\":65535}"));
    test_turns(w->l, 3);
    assert_string_equal(w->seen, "ready;81x25;80x24;1x65535;");
    stream_abort(w->channel[1].s);                     /* stdin alone is reset: an end of file */
    w->channel[1].s = NULL;
    stream_abort(w->channel[2].s);                     /* and stdout */
    w->channel[2].s = NULL;
    test_turns(w->l, 3);
    remotecommand_write(w->rc, 1, STR("nobody"));
    assert_string_equal(w->seen, "ready;81x25;80x24;1x65535;eof;");
    world_free(w);

    w = begun("input=1&output=1&tty=1", "v2.channel.k8s.io", "eiO");     /* no resize stream before v3 */
    assert_string_equal(w->seen, "ready;");
    open_channel(w, 4);
    assert_true(w->channel[4].closed);
    world_free(w);
}

static void unexpected_streams(void **state)
{
    (void)state;
    struct world *w = begun("output=1", kubectl_120, "eE");
    struct channel other = { .s = NULL }, twice = { .s = NULL };
    assert_true(w->channel[3].closed);                 /* not asked for */
    open_with(w, &other, (const char *const[]){ "streamType", "sideband", NULL });
    open_with(w, &twice, (const char *const[]){ "streamType", "error", NULL });
    assert_true(other.closed && twice.closed);
    assert_string_equal(w->seen, "");
    open_channel(w, 2);
    assert_string_equal(w->seen, "ready;");
    world_free(w);
}

static void no_streams_in_time(void **state)
{
    (void)state;
    struct world *w = begun("input=1&output=1", kubectl_120, "ei");
    test_advance(w->l, (int64_t)(29 * NS_PER_S));
    assert_string_equal(w->seen, "");
    test_advance(w->l, (int64_t)(2 * NS_PER_S));
    test_turns(w->l, 3);
    assert_string_equal(w->seen, "gone;");
    assert_string_equal(w->why.msg, "timed out waiting for client to create streams");
    assert_true(w->client_closed);
    world_free(w);

    w = begun("output=1", kubectl_120, "eO");          /* all there: the timer is off */
    test_advance(w->l, (int64_t)(3600 * NS_PER_S));
    assert_string_equal(w->seen, "ready;");
    world_free(w);
}

static void slow_client(void **state)
{
    (void)state;
    static char bytes[256 * 1024];
    struct world *w = begun("output=1", kubectl_120, "eO");
    stream_pause(w->channel[2].s);
    int polite = 0;
    while (!remotecommand_congested(w->rc) && polite++ < 100) {
        remotecommand_write(w->rc, 1, (struct str){ bytes, sizeof bytes });
        test_turns(w->l, 2);
    }
    assert_true(polite > 1 && polite < 8);
    w->drains = 0;
    stream_resume(w->channel[2].s);
    test_turns(w->l, 6);
    assert_int_equal(w->drains, 1);
    assert_false(remotecommand_congested(w->rc));
    assert_int_equal(w->channel[2].bytes, (size_t)polite * sizeof bytes);
    stream_pause(w->channel[2].s);                     /* an impolite writer loses its client */
    int n = 0;
    for (; n < 200 && strstr(w->seen, "gone") == NULL; n++) {
        remotecommand_write(w->rc, 1, (struct str){ bytes, sizeof bytes });
        test_turns(w->l, 2);
    }
    assert_true(n > 60 && n < 70);
    assert_int_equal(w->why.code, ERR_TOO_LARGE);
    world_free(w);
}

static void freed_inside_events(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->free_in_ready = true;
    request(w, "/exec/a/b/c?output=1&input=1", "SPDY/3.1", kubectl_120);
    for (int i = 0; i < 3; i++)
        open_channel(w, i);
    test_turns(w->l, 4);
    assert_null(w->rc);
    assert_true(w->client_closed && !w->channel[0].eof);   /* it broke off */
    world_free(w);

    for (int finish = 0; finish < 2; finish++) {
        w = begun("output=1&input=1", kubectl_120, "eiO");
        w->free_in_stdin = !finish;
        w->echo_and_finish = finish;
        stream_write(w->channel[1].s, STR("hello"));
        test_turns(w->l, 5);
        assert_null(w->rc);
        assert_int_equal(w->client_closed, !finish);
        assert_string_equal(w->channel[2].got, finish ? "hello" : "");
        assert_int_equal(strlen(w->channel[0].got) > 0, finish);
        world_free(w);
    }
}

static void port_forward(void **state)
{
    (void)state;
    struct world *w = world_new();
    request(w, "/portForward/default/web", "SPDY/3.1", "portforward.k8s.io");
    struct channel *c = w->channel, bad[4] = { { .s = NULL } };
    open_with(w, &c[0], (const char *const[]){ "streamType", "error", "port", "80", "requestID", "0", NULL });
    stream_shutdown(c[0].s);                           /* as kubectl does at once */
    open_with(w, &c[1], (const char *const[]){ "streamType", "data", "port", "80", "requestID", "0", NULL });
    open_with(w, &c[2], (const char *const[]){ "streamType", "error", "port", "8080", NULL });     /* an old client: by the ids */
    open_with(w, &c[3], (const char *const[]){ "streamType", "data", "port", "8080", NULL });
    stream_write(c[1].s, STR("GET /"));
    test_turns(w->l, 3);
    assert_string_equal(w->seen, "port 80;port 8080;");
    struct channel server = { .s = w->pf_data[0] };
    stream_attach(server.s, &ch_events, &server);
    stream_write(server.s, STR("200 OK"));
    test_turns(w->l, 3);
    assert_string_equal(server.got, "GET /");
    assert_string_equal(c[1].got, "200 OK");
    stream_write(w->pf_error[1], STR("connection refused"));
    stream_close(w->pf_error[1]);
    w->pf_error[1] = NULL;
    test_turns(w->l, 3);
    assert_string_equal(c[2].got, "connection refused");
    assert_true(c[2].eof);
    static const char *const rejects[][7] = {
        { "streamType", "data", "requestID", "7" }, { "streamType", "data", "port", "http", "requestID", "7" },
        { "streamType", "data", "port", "0", "requestID", "7" }, { "streamType", "x", "port", "80", "requestID", "7" },
    };
    for (size_t i = 0; i < ARRAY_LEN(rejects); i++) {
        open_with(w, &bad[i], rejects[i]);
        assert_true(bad[i].closed);
    }
    open_with(w, &c[4], (const char *const[]){ "streamType", "error", "port", "80", "requestID", "9", NULL });
    test_advance(w->l, (int64_t)(31 * NS_PER_S));      /* its data stream never comes */
    test_turns(w->l, 3);
    assert_string_equal(c[4].got, "(conn=1, request=9) timed out waiting for streams");
    stream_close(server.s);
    w->pf_data[0] = NULL;
    test_turns(w->l, 3);
    assert_true(c[1].eof);
    spdy_free(w->spdy);
    w->spdy = NULL;
    test_turns(w->l, 3);
    assert_string_equal(w->seen, "port 80;port 8080;gone;");
    world_free(w);

    w = world_new();                                   /* freed with a pair out and half a pair in */
    request(w, "/portForward/default/web", "SPDY/3.1", "portforward.k8s.io");
    open_with(w, &w->channel[0], (const char *const[]){ "streamType", "error", "port", "80", "requestID", "0", NULL });
    open_with(w, &w->channel[1], (const char *const[]){ "streamType", "data", "port", "80", "requestID", "0", NULL });
    open_with(w, &w->channel[2], (const char *const[]){ "streamType", "data", "port", "80", "requestID", "1", NULL });
    test_turns(w->l, 2);
    server = (struct channel){ .s = w->pf_data[0] };
    stream_attach(server.s, &ch_events, &server);
    w->pf_data[0] = NULL;
    portforward_free(w->pf);
    w->pf = NULL;
    test_turns(w->l, 3);
    assert_true(server.closed && w->client_closed);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handshakes), cmocka_unit_test(verdicts), cmocka_unit_test(input), cmocka_unit_test(terminal),
            cmocka_unit_test(unexpected_streams),
        cmocka_unit_test(no_streams_in_time), cmocka_unit_test(slow_client), cmocka_unit_test(freed_inside_events),
        cmocka_unit_test(port_forward),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
