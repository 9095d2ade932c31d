/* A server inside the process, and requests in rows: what each row does is there for the next. For the tests of several rooms. */
#ifndef TESTS_UNIT_APISERVER_ENDPOINTS_BED_H
#define TESTS_UNIT_APISERVER_ENDPOINTS_BED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/apiserver_weak.c"

struct step {
    const char *method, *path, *type, *accept, *body;
    int status;
    const char *want[4];               /* parts of the body; "!x": not in it */
};
struct bed {
    struct loop *loop;
    struct store *store;
    struct vnet *net;
    struct vnet_host *node;
    struct apiserver *as;
    struct http_client *client;
    bool done;
    int status;
    struct strbuf body;
};

static void bed_up(struct bed *b, int minor, bool bare)
{
    struct loop_options lo = { .start_vtime_ns = 1579910400 * (int64_t)NS_PER_S };
    struct err err = { 0 };
    *b = (struct bed){ 0 };
    loop_seed_from_int(lo.seed, 1);
    b->loop = loop_new(&lo);
    b->store = store_open(&(struct store_options){ .loop = b->loop, .path = ":memory:" }, &err);
    b->net = vnet_new(b->loop);
    b->node = vnet_host_new(b->net, "ubuntu");
    vnet_host_add_addr(b->node, "192.168.229.132");
    struct apiserver_options o = { .loop = b->loop, .store = b->store, .node = b->node, .minor = minor, .bare = bare,
                                   .git_version = "v1.20.2",
                                   .advertise_ip = "192.168.229.132", .secure_port = 6443, .client_ca_pem = STR("CA") };
    b->as = apiserver_new(&o, &err);
    assert_non_null(b->as);
    apiserver_start(b->as);
    b->client = http_client_new(&(struct http_client_options){ .from = b->node, .user_agent = "test/1" });
    strbuf_init(&b->body, 1 << 24);
}

static void bed_down(struct bed *b)
{
    http_client_free(b->client);
    apiserver_free(b->as);
    loop_turn(b->loop);
    vnet_host_free(b->node);
    vnet_free(b->net);
    store_close(b->store);
    strbuf_deinit(&b->body);
    loop_free(b->loop);
}

static void on_done(void *ctx, const struct http_result *r, const struct err *err)
{
    struct bed *b = ctx;
    b->done = true;
    b->status = r ? r->status : -1;
    strbuf_reset(&b->body);
    strbuf_add(&b->body, r ? r->body : str_c(err->msg));
}

static void on_advanced(void *ctx) { (void)ctx; }

static void request(struct bed *b, const struct step *s)
{
    struct arena *a = arena_new();
    struct http_headers h = { 0 };
    if (s->type) http_headers_add(a, &h, "Content-Type", str_c(s->type));
    if (s->accept) http_headers_add(a, &h, "Accept", str_c(s->accept));
    const char *url = arena_printf(a, "http://192.168.229.132:6443%s", s->path);
    struct http_call_options o = { .method = s->method, .url = url, .headers = &h, .body = str_c(s->body) };
    b->done = false;
    http_fetch(b->client, &o, on_done, b);
    for (int i = 0; i < 200 && !b->done; i++) {
        if (i % 10 == 9) loop_advance(b->loop, 100 * (int64_t)NS_PER_MS, on_advanced, b);
        loop_turn(b->loop);
    }
    arena_free(a);
}

static void check(struct bed *b, const struct step *s, size_t row)
{
    request(b, s);
    struct str body = strbuf_str(&b->body);
    bool ok = b->done && b->status == s->status;
    for (size_t i = 0; i < ARRAY_LEN(s->want) && s->want[i]; i++) {
        bool absent = s->want[i][0] == '!';
        ok &= (str_find(body, str_c(s->want[i] + absent)) < 0) == absent;
    }
    if (!ok)
        fail_msg("row %zu: %s %s: %d (wanted %d)\n%.*s", row, s->method, s->path, b->done ? b->status : 0, s->status, (int)body.n,
                 body.p ? body.p : "");
}

static void run(int minor, bool bare, const struct step *steps, size_t n)
{
    struct bed b;
    bed_up(&b, minor, bare);
    for (size_t i = 0; i < n; i++) check(&b, &steps[i], i);
    bed_down(&b);
}

#endif
