/* What the tests of clients share: a virtual network with one API server that a test scripts, and a client of it.
 *
 * Every request is written into `log` as "METHOD target body"; serve() answers it, or keeps it (bed_keep). The clock stands
 * until test_advance moves it.
 */
#ifndef TESTS_CLIENT_BED_H
#define TESTS_CLIENT_BED_H

#include "tests/unit/sim/net/net_test.h"

#include <stdio.h>
#include <stdlib.h>

#include "sim/client/client.h"

#define S (int64_t)NS_PER_S
#define T_START ((int64_t)1579910400 * S)

struct bed {
    struct loop        *l;
    struct vnet        *v;
    struct vnet_host   *node;
    struct http_server *server;
    struct client      *client;
    void              (*serve)(struct bed *b, struct http_exchange *x);
    struct strbuf       log;
    int                 requests;
    struct http_exchange *kept;        /* an exchange that a test answers later; NULL when its client left */
    int                 gone;
    void               *more;          /* of the test */
};

static inline void bed_answer(struct http_exchange *x, int status, const char *body)
{
    http_respond(x, status, NULL, "application/json", str_c(body));
}

static inline void bed_on_gone(struct http_exchange *x)
{
    struct bed *b = x->ctx;
    b->kept = b->kept == x ? NULL : b->kept;
    b->gone++;
}

static inline void bed_keep(struct bed *b, struct http_exchange *x)
{
    x->ctx = b;
    x->on_gone = bed_on_gone;
    b->kept = x;
}

/* The kept exchange's end, so that its client may be answered without being told that it left. */
static inline struct http_exchange *bed_take(struct bed *b)
{
    struct http_exchange *x = b->kept;
    assert_non_null(x);
    b->kept = NULL;
    return x;
}

static inline void bed_handle(void *ctx, struct http_exchange *x)
{
    struct bed *b = ctx;
    b->requests++;
    strbuf_addf(&b->log, STR_FMT " " STR_FMT "%s" STR_FMT "\n", STR_ARG(x->method), STR_ARG(x->target), x->body.n ? " " : "",
                STR_ARG(x->body));
    b->serve(b, x);
}

static inline bool bed_listen(struct bed *b)
{
    struct http_server_options so = { .loop = b->l, .name = "api", .handler = bed_handle, .ctx = b };
    b->server = http_server_new(&so, NULL);
    return http_server_listen_vnet(b->server, b->node, NULL, 8080, NULL);
}

static inline int bed_setup(void **state)
{
    struct bed *b = NEW(struct bed);
    log_set_level(LOG_ERROR);
    b->l = test_loop();
    b->v = vnet_new(b->l);
    b->node = vnet_host_new(b->v, "ubuntu");
    vnet_host_add_addr(b->node, "192.168.229.132");
    strbuf_init(&b->log, 1 << 20);
    assert_true(bed_listen(b));
    struct client_options co = { .from = b->node, .server = "http://192.168.229.132:8080", .user_agent = "test", .name = "test" };
    b->client = client_new(&co);
    *state = b;
    return 0;
}

static inline int bed_teardown(void **state)
{
    struct bed *b = *state;
    client_free(b->client);
    test_turns(b->l, 4);
    http_server_free(b->server);
    test_turns(b->l, 4);
    vnet_host_free(b->node);
    vnet_free(b->v);
    strbuf_deinit(&b->log);
    loop_free(b->l);
    free(b);
    return 0;
}

/* What was asked since the last look. */
static inline const char *bed_log(struct bed *b, struct arena *a)
{
    const char *text = arena_cstr(a, strbuf_str(&b->log));
    strbuf_reset(&b->log);
    return text;
}

static inline void assert_log(struct bed *b, const char *want)
{
    struct arena *a = arena_new();
    const char *got = bed_log(b, a);
    if (strcmp(got, want) != 0)
        print_error("got:\n%swant:\n%s", got, want);
    assert_string_equal(got, want);
    arena_free(a);
}
#define BED_TEST(f) cmocka_unit_test_setup_teardown(f, bed_setup, bed_teardown)
#endif
