/* Real sockets, both ends in this process: dialing out, half close, deadlines, listeners' errors. */
#include "tests/unit/sim/net/net_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct end { struct stream *s; char got[64], error[256]; int eofs, closes; enum err_code why; };
struct world { struct loop *l; struct tcp_listener *t; struct end server, client; char peer[64]; };

static void on_data(void *ctx, struct str b)
{
    struct end *e = ctx;
    size_t n = strlen(e->got);
    snprintf(e->got + n, sizeof e->got - n, STR_FMT, STR_ARG(b));
}

static void on_eof(void *ctx)
{
    ((struct end *)ctx)->eofs++;
}

static void on_close(void *ctx, const struct err *why)
{
    struct end *e = ctx;
    e->closes++;
    e->why = why->code;
}

static const struct stream_events events = { .on_data = on_data, .on_eof = on_eof, .on_close = on_close };

static void on_accept(void *ctx, struct stream *s, struct str peer)
{
    struct world *w = ctx;
    w->server.s = s;
    snprintf(w->peer, sizeof w->peer, STR_FMT, STR_ARG(peer));
    stream_attach(s, &events, &w->server);
}

static void on_dialed(void *ctx, struct stream *s, const struct err *err)
{
    struct world *w = ctx;
    w->client.s = s;
    if (s != NULL)
        stream_attach(s, &events, &w->client);
    else
        snprintf(w->client.error, sizeof w->client.error, "%.200s", err->msg);
}

/* The system needs a moment between two turns. */
static void spin(struct loop *l)
{
    for (int i = 0; i < 10; i++) {
        loop_turn(l);
        usleep(500);
    }
}

static int setup(void **state)
{
    struct world *w = NEW(struct world);
    struct err err = { .code = ERR_NONE };
    w->l = test_loop();
    w->t = tcp_listen(w->l, "127.0.0.1", 0, on_accept, w, &err);
    assert_non_null(w->t);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    stream_close(w->client.s);
    stream_close(w->server.s);
    tcp_listener_close(w->t);
    edge_stop(w->l);
    spin(w->l);
    loop_free(w->l);
    free(w);
    return 0;
}

static void both_ways(void **state)
{
    struct world *w = *state;
    tcp_dial(w->l, "127.0.0.1", tcp_listener_port(w->t), on_dialed, w);
    assert_null(w->client.s);
    spin(w->l);
    assert_non_null(w->client.s);
    assert_non_null(w->server.s);
    assert_true(strncmp(w->peer, "127.0.0.1:", 10) == 0);
    stream_write(w->client.s, STR("ask"));
    stream_shutdown(w->client.s);
    stream_write(w->client.s, STR("ignored"));
    spin(w->l);
    assert_string_equal(w->server.got, "ask");
    assert_int_equal(w->server.eofs, 1);
    stream_write(w->server.s, STR("answer"));      /* the other half is still open */
    stream_close(w->server.s);
    w->server.s = NULL;
    spin(w->l);
    assert_string_equal(w->client.got, "answer");
    assert_int_equal(w->client.eofs, 1);
    assert_int_equal(w->client.closes, 1);
    assert_int_equal(w->client.why, ERR_NONE);
}

static void deadlines(void **state)
{
    struct world *w = *state;
    tcp_dial(w->l, "127.0.0.1", tcp_listener_port(w->t), on_dialed, w);
    spin(w->l);
    tcp_deadline(w->server.s, 1);
    tcp_deadline(w->server.s, 0);
    spin(w->l);
    assert_int_equal(w->server.closes, 0);
    tcp_deadline(w->server.s, 1);
    spin(w->l);
    assert_int_equal(w->server.closes, 1);
    assert_int_equal(w->server.why, ERR_TIMEOUT);
    stream_abort(w->server.s);
    w->server.s = NULL;
    spin(w->l);
    assert_int_equal(w->client.closes + w->client.eofs > 0, 1);
}

static void refusals(void **state)
{
    struct world *w = *state;
    char want[256];
    struct err err = { .code = ERR_NONE };
    int port = tcp_listener_port(w->t);
    assert_null(tcp_listen(w->l, "127.0.0.1", port, on_accept, w, &err));
    snprintf(want, sizeof want, "listen tcp 127.0.0.1:%d: bind: address already in use", port);
    assert_string_equal(err.msg, want);
    assert_null(tcp_listen(w->l, "::1", 0, on_accept, w, &err));
    tcp_listener_close(w->t);
    spin(w->l);
    tcp_dial(w->l, "127.0.0.1", port, on_dialed, w);
    spin(w->l);
    snprintf(want, sizeof want, "dial tcp 127.0.0.1:%d: connect: connection refused", port);
    assert_string_equal(w->client.error, want);
    w->client.error[0] = '\0';
    tcp_dial(w->l, "not an address", 1, on_dialed, w);
    assert_string_equal(w->client.error, "");
    spin(w->l);
    assert_string_not_equal(w->client.error, "");
    w->t = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(both_ways, setup, teardown),
        cmocka_unit_test_setup_teardown(deadlines, setup, teardown),
        cmocka_unit_test_setup_teardown(refusals, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
