/* The edge, seen through real sockets: conversations as data, then partings, back-pressure and the control socket.
 *
 * The client's end is a plain non-blocking socket in this process; the loop is turned by hand between its reads. */
#include "tests/unit/sim/net/net_test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <zlib.h>

#include "sim/http/http.h"

struct world {
    struct loop *l;
    struct http_server *s;
    int port, gone, requests;
    struct http_exchange *open;
    struct stream *tunnel;
    int tunnel_closed;
    struct hook flush;
};

static void on_gone(struct http_exchange *x)
{
    struct world *w = x->ctx;
    w->gone++;
    w->open = NULL;
}

static void tunnel_data(void *ctx, struct str b)
{
    stream_write(((struct world *)ctx)->tunnel, b);
}

static void tunnel_close(void *ctx, const struct err *why)
{
    struct world *w = ctx;
    (void)why;
    w->tunnel_closed++;
    stream_close(w->tunnel);
    w->tunnel = NULL;
}

static void tunnel_eof(void *ctx)
{
    struct world *w = ctx;
    stream_write(w->tunnel, STR("bye"));
    stream_close(w->tunnel);
    w->tunnel = NULL;
}

static const struct stream_events tunnel_events = { .on_data = tunnel_data, .on_eof = tunnel_eof, .on_close = tunnel_close };

static void handler(void *ctx, struct http_exchange *x)
{
    struct world *w = ctx;
    x->ctx = w;
    w->requests++;
    if (str_eqc(x->path, "/stream")) {
        x->on_gone = on_gone;
        w->open = x;
        http_begin(x, 200, NULL, "text/plain");
    } else if (str_eqc(x->path, "/open")) {
        x->on_gone = on_gone;
        w->open = x;
    } else if (str_eqc(x->path, "/up")) {
        w->tunnel = http_upgrade(x, NULL);
        stream_attach(w->tunnel, &tunnel_events, w);
    } else if (str_eqc(x->path, "/big")) {
        int64_t n = 0;
        str_int(query_get(&x->query, "n"), &n);
        char *p = xcalloc(1, (size_t)n);
        http_respond(x, 200, NULL, "text/plain", (struct str){ p, (size_t)n });
        free(p);
    } else if (str_eqc(x->path, "/none")) {
        http_respond(x, 204, NULL, NULL, STR_NULL);
    } else {
        struct str body = arena_strf(x->arena, STR_FMT " " STR_FMT " %zu", STR_ARG(x->method), STR_ARG(x->path), x->body.n);
        http_respond(x, 200, NULL, "text/plain", body);
    }
}

static int setup(void **state)
{
    struct world *w = NEW(struct world);
    w->l = test_loop();
    edge_flush_hook(w->l, &w->flush);
    struct http_server_options opt = { .loop = w->l, .name = "test", .handler = handler, .ctx = w };
    w->s = http_server_new(&opt, NULL);
    assert_true(http_server_listen_edge(w->s, "127.0.0.1", 0, &w->port, NULL));
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    http_server_free(w->s);
    edge_stop(w->l);
    test_turns(w->l, 3);
    loop_free(w->l);
    free(w);
    return 0;
}

/* ---- the client's end ---- */
static int dial(struct world *w)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t)w->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof in), 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static void say(int fd, struct str bytes, struct world *w)
{
    while (bytes.n > 0) {
        ssize_t n = send(fd, bytes.p, bytes.n, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN)
            return;                                /* refused in the middle: the answer tells */
        if (n > 0)
            bytes = str_sub(bytes, (size_t)n, bytes.n);
        test_turns(w->l, 1);
    }
}

/* Read until `until` has been seen, or the end (until NULL). Returns whether the end was reached. */
static bool hear(int fd, struct strbuf *b, const char *until, struct world *w)
{
    char buf[65536];
    for (int idle = 0; idle < 400;) {
        test_turns(w->l, 1);
        ssize_t n = recv(fd, buf, sizeof buf, 0);
        if (n > 0) {
            strbuf_add(b, (struct str){ buf, (size_t)n });
            idle = 0;
        } else if (n == 0 || errno != EAGAIN) {
            return true;
        } else {
            struct pollfd p = { .fd = fd, .events = POLLIN };
            poll(&p, 1, 1);
            idle++;
        }
        if (until != NULL && b->n > 0 && str_find(strbuf_str(b), str_c(until)) >= 0)
            return false;
    }
    return false;
}

/* Parts of a conversation that would be unwieldy as text. */
static struct str filler(struct arena *a, const char *before, size_t n, const char *after)
{
    char *p = arena_alloc(a, n + 1);
    memset(p, 'x', n);
    p[n] = '\0';
    return arena_strf(a, "%s%s%s", before, p, after);
}

#define OK(body, len) "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nDate: Sat, 25 Jan 2020 00:00:00 GMT\r\nContent-Length: " len "\r\n\r\n" body
#define OK_CLOSE(body, len) \
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nDate: Sat, 25 Jan 2020 00:00:00 GMT\r\nContent-Length: " len "\r\nConnection: close\r\n\r\n" body
#define BAD(status, text) "HTTP/1.1 " status "\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n" text

static const struct { const char *ask, *answer; bool closes; } talks[] = {
    { "GET /a%20b?x HTTP/1.1\r\nHost: h\r\n\r\n", OK("GET /a b 0", "10"), false },
    { "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", OK_CLOSE("GET / 0", "7"), true },
    { "GET / HTTP/1.0\r\n\r\n", OK_CLOSE("GET / 0", "7"), true },
    { "HEAD /h HTTP/1.1\r\nHost: h\r\n\r\n", OK("", "9"), false },
    { "DELETE /none HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 204 No Content\r\nDate: Sat, 25 Jan 2020 00:00:00 GMT\r\n\r\n", false },
    { "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabcGET /q HTTP/1.1\r\nHost: h\r\n\r\n",
      OK("POST /p 3", "9") OK("GET /q 0", "8"), false },
    { "PUT /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\nTrail: er\r\n\r\nGET /q "
      "HTTP/1.1\r\nHost: h\r\n\r\n",
      OK("PUT /c 3", "8") OK("GET /q 0", "8"), false },
    { "POST /e HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n", false },
    { "POST /e HTTP/1.1\r\nHost: h\r\nExpect: wonders\r\nContent-Length: 2\r\n\r\n",
      BAD("417 Expectation Failed", "417 Expectation Failed"), true },
    { "GET http://other/abs?q HTTP/1.1\r\nHost: h\r\n\r\n", OK("GET /abs 0", "10"), false },
    { "garbage\r\n\r\n", BAD("400 Bad Request", "400 Bad Request"), true },
    { "GET / HTTP/1.1\r\n\r\n", BAD("400 Bad Request", "400 Bad Request: missing required Host header"), true },
    { "GET / HTTP/1.1\r\nHost: h\r\nBad Name: x\r\n\r\n", BAD("400 Bad Request", "400 Bad Request"), true },
    { "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", BAD("400 Bad Request", "400 Bad Request"), true },
    { "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
      BAD("400 Bad Request", "400 Bad Request"), true },
    { "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", BAD("400 Bad Request", "400 Bad Request"), true },
    { "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: wat\r\n\r\n", BAD("501 Not Implemented", "501 Not Implemented"), true },
    { "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3145729\r\n\r\n",
      BAD("413 Request Entity Too Large", "Request entity too large: limit is 3145728"), true },
};

static void conversations(void **state)
{
    struct world *w = *state;
    for (size_t i = 0; i < ARRAY_LEN(talks); i++)
        for (int slow = 0; slow < 2; slow++) {     /* at once, and byte by byte */
            struct strbuf b;
            struct str ask = str_c(talks[i].ask);
            strbuf_init(&b, 1 << 20);
            int fd = dial(w);
            for (size_t at = 0; at < ask.n; at += slow ? 1 : ask.n)
                say(fd, str_sub(ask, at, slow ? at + 1 : ask.n), w);
            bool ended = hear(fd, &b, talks[i].closes ? NULL : talks[i].answer, w);
            assert_non_null(b.p);
            assert_string_equal(b.p, talks[i].answer);
            assert_int_equal(ended, talks[i].closes);
            close(fd);
            test_turns(w->l, 3);
            strbuf_deinit(&b);
        }
}

static void oversized(void **state)
{
    struct world *w = *state;
    struct arena *a = arena_new();
    const struct { struct str ask; const char *answer; } cases[] = {
        { filler(a, "GET /", LIMIT_TARGET_BYTES, ""), "HTTP/1.1 431 Request Header Fields Too Large\r\n" },
        { filler(a, "GET / HTTP/1.1\r\nHost: h\r\nX: ", LIMIT_HEADER_BYTES + 1, "\r\n\r\n"),
          "HTTP/1.1 431 Request Header Fields Too Large\r\n" },
        { filler(a, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n300001\r\n", 0x300001, "\r\n0\r\n\r\n"),
          "HTTP/1.1 413 " },
        { filler(a, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3145728\r\n\r\n", LIMIT_BODY_BYTES, ""), "HTTP/1.1 200 OK" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct strbuf b;
        strbuf_init(&b, 1 << 20);
        int fd = dial(w);
        say(fd, cases[i].ask, w);
        hear(fd, &b, cases[i].answer, w);
        assert_true(str_starts(strbuf_str(&b), cases[i].answer));
        close(fd);
        test_turns(w->l, 3);
        strbuf_deinit(&b);
    }
    arena_free(a);
}

static void partings(void **state)
{
    struct world *w = *state;
    static const char *const paths[] = { "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n", "GET /open HTTP/1.1\r\nHost: h\r\n\r\n" };
    struct strbuf b;
    strbuf_init(&b, 1 << 20);
    for (int i = 0; i < 2; i++) {
        int fd = dial(w);
        say(fd, str_c(paths[i]), w);
        test_turns(w->l, 3);
        assert_non_null(w->open);
        close(fd);
        test_turns(w->l, 5);
        assert_int_equal(w->gone, i + 1);
        assert_int_equal(http_server_connections(w->s), 0);
    }
    int fd = dial(w);                              /* truncated: no handler is called */
    int before = w->requests;
    say(fd, STR("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc"), w);
    close(fd);
    test_turns(w->l, 5);
    assert_int_equal(w->requests, before);
    assert_int_equal(http_server_connections(w->s), 0);

    fd = dial(w);                                  /* chunks as they come, then the next request */
    say(fd, str_c(paths[0]), w);
    test_turns(w->l, 2);
    http_write(w->open, STR("hello "));
    hear(fd, &b, "6\r\nhello \r\n", w);
    http_write(w->open, STR("world"));
    http_end(w->open);
    say(fd, STR("GET /next HTTP/1.1\r\nHost: h\r\n\r\n"), w);
    hear(fd, &b, "GET /next 0", w);
    assert_true(str_find(strbuf_str(&b),
                         STR("\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhello \r\n5\r\nworld\r\n0\r\n\r\nHTTP/1.1 200 OK")) > 0);
    strbuf_reset(&b);
    say(fd, str_c(paths[0]), w);                   /* the handler cuts it */
    test_turns(w->l, 2);
    http_abort(w->open);
    assert_true(hear(fd, &b, NULL, w));
    close(fd);

    fd = dial(w);                                  /* the server ends */
    say(fd, str_c(paths[1]), w);
    test_turns(w->l, 2);
    http_server_free(w->s);
    w->s = NULL;
    assert_int_equal(w->gone, 3);
    assert_true(hear(fd, &b, NULL, w));
    close(fd);
    strbuf_deinit(&b);
}

static void held_until_the_flush(void **state)
{
    struct world *w = *state;
    struct strbuf b;
    strbuf_init(&b, 1 << 20);
    int fd = dial(w);
    hook_remove(&w->flush);                        /* as if the store's commit never came */
    say(fd, STR("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), w);
    assert_false(hear(fd, &b, "never", w));
    assert_int_equal(w->requests, 1);
    assert_int_equal(b.n, 0);
    loop_before_sleep(w->l, &w->flush, w->flush.fn);
    hear(fd, &b, "GET / 0", w);
    assert_int_not_equal(b.n, 0);
    close(fd);
    strbuf_deinit(&b);
}

static void slow_readers_go(void **state)
{
    struct world *w = *state;
    static char block[1024 * 1024];
    int fd = dial(w);
    say(fd, STR("GET /stream HTTP/1.1\r\nHost: h\r\n\r\n"), w);
    test_turns(w->l, 2);
    for (int i = 0; i < 60 && w->open != NULL; i++) {
        http_write(w->open, (struct str){ block, sizeof block });
        test_turns(w->l, 1);
    }
    assert_int_equal(w->gone, 1);
    close(fd);
}

static void large_answers(void **state)
{
    struct world *w = *state;
    struct strbuf b;
    strbuf_init(&b, 64 * 1024 * 1024);
    int fd = dial(w);
    say(fd, STR("GET /big?n=30000000 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"), w);
    assert_true(hear(fd, &b, NULL, w));
    assert_in_range(b.n, 30000000, 30000200);
    close(fd);
    strbuf_reset(&b);
    fd = dial(w);
    say(fd, STR("GET /big?n=1000000 HTTP/1.1\r\nHost: h\r\nAccept-Encoding: br, gzip\r\nConnection: close\r\n\r\n"), w);
    assert_true(hear(fd, &b, NULL, w));
    ptrdiff_t head = str_find(strbuf_str(&b), STR("\r\n\r\n"));
    assert_true(str_find(strbuf_str(&b), STR("Content-Encoding: gzip\r\nVary: Accept-Encoding\r\n")) > 0);
    static unsigned char plain[1000001];
    z_stream z = { .next_in = (Bytef *)b.p + head + 4, .avail_in = (uInt)(b.n - (size_t)head - 4), .next_out = plain,
                   .avail_out = sizeof plain };
    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(z.total_out, 1000000);
    inflateEnd(&z);
    close(fd);
    strbuf_deinit(&b);
}

static void tunnels(void **state)
{
    struct world *w = *state;
    struct strbuf b;
    strbuf_init(&b, 1 << 20);
    int fd = dial(w);
    say(fd, STR("GET /up HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nearly "), w);
    hear(fd, &b, "early ", w);
    assert_string_equal(b.p, "HTTP/1.1 101 Switching Protocols\r\n\r\nearly ");
    say(fd, STR("late "), w);
    hear(fd, &b, "late ", w);
    shutdown(fd, SHUT_WR);
    assert_true(hear(fd, &b, NULL, w));            /* what is written before the close arrives */
    assert_true(str_ends(strbuf_str(&b), "early late bye"));
    close(fd);
    strbuf_reset(&b);
    fd = dial(w);                                  /* CONNECT is answered with 200; the server ends, the tunnel stays */
    say(fd, STR("POST /up HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"), w);
    hear(fd, &b, "\r\n\r\n", w);
    http_server_free(w->s);
    w->s = NULL;
    say(fd, STR("still"), w);
    hear(fd, &b, "still", w);
    assert_true(str_ends(strbuf_str(&b), "still"));
    struct linger hard = { .l_onoff = 1, .l_linger = 0 };
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(fd);                                     /* a reset */
    test_turns(w->l, 5);
    assert_int_equal(w->tunnel_closed, 1);
    strbuf_deinit(&b);
}

static void control_socket(void **state)
{
    struct world *w = *state;
    char path[] = "/tmp/kubelab-edge-XXXXXX", sock[64];
    assert_non_null(mkdtemp(path));
    snprintf(sock, sizeof sock, "%s/control", path);
    assert_true(http_server_listen_unix(w->s, sock, NULL));
    struct stat st;
    assert_int_equal(stat(sock, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    struct err err = { .code = ERR_NONE };
    assert_false(http_server_listen_unix(w->s, sock, &err));
    assert_non_null(strstr(err.msg, "address already in use"));
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    snprintf(un.sun_path, sizeof un.sun_path, "%s", sock);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&un, sizeof un), 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    struct strbuf b;
    strbuf_init(&b, 1 << 20);
    say(fd, STR("GET /ctl HTTP/1.1\r\nHost: h\r\n\r\n"), w);
    hear(fd, &b, "GET /ctl 0", w);
    assert_true(str_ends(strbuf_str(&b), "GET /ctl 0"));
    close(fd);
    strbuf_deinit(&b);
    http_server_free(w->s);
    w->s = NULL;
    test_turns(w->l, 2);
    assert_int_equal(access(sock, F_OK), -1);
    rmdir(path);
}

static void too_many(void **state)
{
    struct world *w = *state;
    static int fds[LIMIT_CONN_COUNT + 1];
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        fds[i] = dial(w);
        test_turns(w->l, 1);                       /* newer libuvs accept one a turn, and the backlog is short */
    }
    log_set_level(LOG_ERROR);
    struct strbuf b;
    strbuf_init(&b, 1 << 20);
    assert_true(hear(fds[LIMIT_CONN_COUNT], &b, NULL, w));
    assert_int_equal(http_server_connections(w->s), LIMIT_CONN_COUNT);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        close(fds[i]);
    test_turns(w->l, 5);
    assert_int_equal(http_server_connections(w->s), 0);
    strbuf_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(conversations, setup, teardown),
        cmocka_unit_test_setup_teardown(oversized, setup, teardown),
        cmocka_unit_test_setup_teardown(partings, setup, teardown),
        cmocka_unit_test_setup_teardown(held_until_the_flush, setup, teardown),
        cmocka_unit_test_setup_teardown(slow_readers_go, setup, teardown),
        cmocka_unit_test_setup_teardown(large_answers, setup, teardown),
        cmocka_unit_test_setup_teardown(tunnels, setup, teardown),
        cmocka_unit_test_setup_teardown(control_socket, setup, teardown),
        cmocka_unit_test_setup_teardown(too_many, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
