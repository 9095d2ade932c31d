/* Dialing: who answers, in which words, after how long; Services; hosts that go away. */
#include "tests/unit/sim/net/net_test.h"

#include <stdio.h>

static const char kind = 0;
static int servers[3];

struct result { struct vnet_dial d; int calls; struct err err; int64_t at_ns; struct loop *l; };

static void on_done(struct vnet_dial *d, const struct err *err)
{
    struct result *r = container_of(d, struct result, d);
    r->calls++;
    r->at_ns = vtime_now(r->l);
    r->err.code = ERR_NONE;
    if (err != NULL)
        err_set(&r->err, err->code, "%s", err->msg);
}

static void dial(struct result *r, struct vnet_host *from, const char *ip, int port)
{
    *r = (struct result){ .l = vnet_loop(vnet_host_net(from)) };
    r->d.from = from;
    r->d.port = port;
    r->d.done = on_done;
    snprintf(r->d.ip, sizeof r->d.ip, "%s", ip);
    vnet_dial_start(&r->d);
    assert_int_equal(r->calls, 0);
}

static struct vnet_listener *serve(struct vnet_host *h, const char *ip, int port, int *server)
{
    struct vnet_endpoint ep = { &kind, server };
    struct err err = { .code = ERR_NONE };
    struct vnet_listener *l = vnet_listen(h, ip, port, ep, &err);
    assert_non_null(l);
    return l;
}

static void errors_are_gos(void **state)
{
    (void)state;
    static const struct { const char *ip; int port; int64_t after_ns; const char *error; enum err_code code; } cases[] = {
        { "10.32.0.5", 80, 0, NULL, ERR_NONE },
        { "127.0.0.1", 22, 0, NULL, ERR_NONE },
        { "10.32.0.5", 81, 50000, "dial tcp 10.32.0.5:81: connect: connection refused", ERR_REFUSED },
        { "127.0.0.1", 23, 50000, "dial tcp 127.0.0.1:23: connect: connection refused", ERR_REFUSED },
        { "66.96.162.149", 10250, 200000, "dial tcp 66.96.162.149:10250: connect: connection refused", ERR_REFUSED },
        { "10.32.0.99", 80, 3000000000, "dial tcp 10.32.0.99:80: connect: no route to host", ERR_IO },
        { "8.8.8.8", 80, 30000000000, "dial tcp 8.8.8.8:80: i/o timeout", ERR_TIMEOUT },
        { "10.96.0.9", 80, 50000, "dial tcp 10.96.0.9:80: connect: connection refused", ERR_REFUSED },   /* no endpoints */
    };
    struct loop *l = test_loop();
    struct vnet *v = vnet_new(l);
    struct vnet_host *node = vnet_host_new(v, "ubuntu"), *pod = vnet_host_new(v, "web");
    vnet_host_add_addr(node, "192.168.229.132");
    vnet_host_add_addr(pod, "10.32.0.5");
    struct vnet_listener *web = serve(pod, NULL, 80, &servers[0]), *ssh = serve(node, "127.0.0.1", 22, &servers[1]);
    vnet_set_outside(v, "66.96.162.149", VNET_REFUSE);
    vip_set(node, "10.96.0.9", 80, "TCP", NULL, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct result r;
        int64_t start_ns = vtime_now(l);
        dial(&r, node, cases[i].ip, cases[i].port);
        test_advance(l, 31000000000);
        assert_int_equal(r.calls, 1);
        assert_int_equal(r.at_ns - start_ns, cases[i].after_ns);
        assert_int_equal(r.err.code, cases[i].code);
        assert_string_equal(r.err.msg, cases[i].error != NULL ? cases[i].error : "");
        assert_ptr_equal(r.d.ep.kind, cases[i].error != NULL ? NULL : &kind);
    }
    struct err err = { .code = ERR_NONE };
    assert_null(vnet_listen(pod, NULL, 80, (struct vnet_endpoint){ &kind, NULL }, &err));
    assert_string_equal(err.msg, "listen tcp :80: bind: address already in use");
    assert_null(vnet_listen(pod, "10.0.0.1", 80, (struct vnet_endpoint){ &kind, NULL }, &err));
    vnet_listener_close(web);
    vnet_listener_close(ssh);
    vnet_host_free(node);
    vnet_host_free(pod);
    vnet_free(v);
    loop_free(l);
}

/* Every backend gets its share, and the same seed gives the same choices. */
static void services_choose(void **state)
{
    (void)state;
    char picks[2][61] = { "", "" };
    for (int run = 0; run < 2; run++) {
        struct loop *l = test_loop();
        struct vnet *v = vnet_new(l);
        struct vnet_host *from = vnet_host_new(v, "from"), *pods[3];
        struct vnet_listener *ls[3];
        struct vip_backend b[3];
        for (int i = 0; i < 3; i++) {
            snprintf(b[i].ip, sizeof b[i].ip, "10.32.0.%d", i + 2);
            b[i].port = 8080;
            pods[i] = vnet_host_new(v, b[i].ip);
            vnet_host_add_addr(pods[i], b[i].ip);
            ls[i] = serve(pods[i], NULL, 8080, &servers[i]);
        }
        vip_set(from, "10.96.0.1", 80, "TCP", b, 3);
        int hits[3] = { 0 };
        for (int i = 0; i < 60; i++) {
            struct result r;
            dial(&r, from, "10.96.0.1", 80);
            test_turns(l, 1);
            assert_int_equal(r.calls, 1);
            assert_int_equal(r.d.peer_port, 8080);
            long k = (int *)r.d.ep.server - servers;
            hits[k]++;
            picks[run][i] = (char)('a' + k);
        }
        for (int i = 0; i < 3; i++)
            assert_in_range(hits[i], 10, 32);
        vip_remove(from, "10.96.0.1", 80, "TCP");
        struct result r;
        dial(&r, from, "10.96.0.1", 80);
        test_advance(l, 4000000000);
        assert_string_equal(r.err.msg, "dial tcp 10.96.0.1:80: connect: no route to host");
        for (int i = 0; i < 3; i++) {
            vnet_listener_close(ls[i]);
            vnet_host_free(pods[i]);
        }
        vnet_host_free(from);
        vnet_free(v);
        loop_free(l);
    }
    assert_string_equal(picks[0], picks[1]);
}

static int resets;

static void on_reset(struct vnet_conn *c)
{
    (void)c;
    resets++;
}

static void hosts_go_away(void **state)
{
    (void)state;
    struct loop *l = test_loop();
    struct vnet *v = vnet_new(l);
    struct vnet_host *a = vnet_host_new(v, "a"), *b = vnet_host_new(v, "b");
    vnet_host_add_addr(b, "10.32.0.2");
    struct vnet_listener *ls = serve(b, NULL, 80, &servers[0]);
    struct vnet_conn c1 = { .reset = on_reset }, c2 = { .reset = on_reset };
    vnet_conn_open(&c1, a, "10.32.0.2");
    vnet_conn_open(&c2, a, "10.32.0.2");
    vnet_conn_close(&c2);
    struct result toward, cancelled, from;
    dial(&toward, a, "10.32.0.2", 80);
    dial(&cancelled, a, "10.32.0.2", 80);
    vnet_dial_cancel(&cancelled.d);
    dial(&from, b, "8.8.8.8", 80);
    vnet_host_free(b);
    assert_int_equal(resets, 1);
    test_turns(l, 1);
    assert_int_equal(cancelled.calls, 0);
    assert_int_equal(from.err.code, ERR_CANCELED);
    assert_int_equal(toward.calls, 1);
    assert_int_not_equal(toward.err.code, ERR_NONE);
    vnet_listener_close(ls);
    vnet_host_free(a);
    vnet_free(v);
    loop_free(l);
}

/* What is saved is what is restored; other text is refused line by line. */
static void services_outlive_their_writer(void **state)
{
    (void)state;
    static const char saved[] = "TCP 10.96.0.1:443 192.168.229.132:6443\nTCP 10.96.0.9:80\nUDP 10.96.0.10:53 10.32.0.2:53 "
                                "10.32.0.3:53\n";
    struct loop *l = test_loop();
    struct vnet *v = vnet_new(l);
    struct vnet_host *h = vnet_host_new(v, "ubuntu");
    struct strbuf out;
    uint64_t version = vip_version(h);
    assert_true(vip_restore(h, str_c(saved)));
    assert_int_not_equal(vip_version(h), version);
    version = vip_version(h);
    static const struct vip_backend same = { "192.168.229.132", 6443 };
    vip_set(h, "10.96.0.1", 443, "TCP", &same, 1);
    vip_remove(h, "10.96.0.1", 444, "TCP");
    assert_int_equal(vip_version(h), version);
    strbuf_init(&out, 65536);
    vip_save(h, &out);
    assert_true(str_eqc(strbuf_str(&out), saved));
    strbuf_deinit(&out);
    vip_clear(h);
    assert_int_not_equal(vip_version(h), version);
    static const char *const wrong[] = { "TCP\n", "TCP x\n", "ICMP 10.96.0.1:1\n", "TCP 10.96.0.1:70000\n", "TCP 10.96.0.1:1 2\n",
                                         "TCP :1\n" };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_false(vip_restore(h, str_c(wrong[i])));
    assert_true(vip_restore(h, STR_NULL));
    vnet_host_free(h);
    vnet_free(v);
    loop_free(l);
}

/* Each machine has its own rules; a pod goes by those of the machine that it is on. */
static void rules_are_a_machines(void **state)
{
    (void)state;
    struct loop *l = test_loop();
    struct vnet *v = vnet_new(l);
    struct vnet_host *machines[2] = { vnet_host_new(v, "ubuntu"), vnet_host_new(v, "worker1") }, *pod = vnet_host_new(v, "web"),
                     *to = vnet_host_new(v, "to");
    struct vip_backend backend = { "10.32.0.9", 8080 };
    struct result r;
    vnet_host_add_addr(to, backend.ip);
    vnet_host_set_machine(pod, machines[1]);
    struct vnet_listener *ls = serve(to, NULL, 8080, &servers[0]);
    vip_set(machines[0], "10.96.0.1", 80, "TCP", &backend, 1);
    dial(&r, pod, "10.96.0.1", 80);
    test_advance(l, 4000000000);
    assert_string_equal(r.err.msg, "dial tcp 10.96.0.1:80: connect: no route to host");
    vip_set(pod, "10.96.0.1", 80, "TCP", &backend, 1);         /* as a process of that machine does */
    assert_int_equal(vip_version(machines[1]), 1);
    vip_clear(machines[0]);
    dial(&r, pod, "10.96.0.1", 80);
    test_turns(l, 1);
    assert_int_equal(r.calls, 1);
    assert_ptr_equal(r.d.ep.server, &servers[0]);
    vnet_listener_close(ls);
    vnet_host_free(pod);
    vnet_host_free(to);
    for (int i = 0; i < 2; i++)
        vnet_host_free(machines[i]);
    vnet_free(v);
    loop_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_are_gos),
        cmocka_unit_test(services_choose),
        cmocka_unit_test(services_outlive_their_writer),
        cmocka_unit_test(rules_are_a_machines),
        cmocka_unit_test(hosts_go_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
