/* Faults of the network: who is refused, who waits, for how long, and that all is well again afterwards. */
#include "tests/unit/sim/net/net_test.h"

#include <stdio.h>

#define S ((int64_t)NS_PER_S)
static const char kind = 0;
static int server;

struct bed {
    struct loop *l;
    struct vnet *v;
    struct vnet_host *node, *pod, *outside;
    struct vnet_listener *web;
    struct arena *a;
    struct vnet_dial d;
    struct dns_lookup q;
    int64_t began_ns, took_ns;
    int calls;
    struct err err;
};

static void bed_make(struct bed *b)
{
    struct err err = { 0 };
    *b = (struct bed){ .l = test_loop(), .a = arena_new() };
    b->v = vnet_new(b->l);
    b->node = vnet_host_new(b->v, "ubuntu");
    b->pod = vnet_host_new(b->v, "web1-abc");
    b->outside = vnet_host_new(b->v, "outside");
    vnet_host_spare(b->outside);
    vnet_host_add_addr(b->node, "192.168.229.132");
    vnet_host_add_addr(b->pod, "10.32.0.5");
    vnet_host_set_machine(b->pod, b->node);
    b->web = vnet_listen(b->pod, NULL, 80, (struct vnet_endpoint){ &kind, &server }, &err);
    assert_non_null(b->web);
}

static void bed_free(struct bed *b)
{
    vnet_listener_close(b->web);
    vnet_host_free(b->outside);
    vnet_host_free(b->pod);
    vnet_host_free(b->node);
    vnet_free(b->v);
    loop_free(b->l);
    arena_free(b->a);
}

static void done(struct bed *b, const struct err *err)
{
    b->calls++;
    b->took_ns = vtime_now(b->l) - b->began_ns;
    b->err = (struct err){ 0 };
    if (err != NULL)
        err_set(&b->err, err->code, "%s", err->msg);
}

static void on_dialed(struct vnet_dial *d, const struct err *err) { done(container_of(d, struct bed, d), err); }
static void on_found(struct dns_lookup *q, const struct err *err) { done(container_of(q, struct bed, q), err); }

static const char *dial(struct bed *b, struct vnet_host *from)
{
    b->d = (struct vnet_dial){ .from = from, .ip = "10.32.0.5", .port = 80, .done = on_dialed };
    b->calls = 0;
    b->began_ns = vtime_now(b->l);
    vnet_dial_start(&b->d);
    test_advance(b->l, 40 * S);
    assert_int_equal(b->calls, 1);
    return b->err.code == ERR_NONE ? "" : b->err.msg;
}

static struct fault *begin(struct bed *b, enum fault_type type, const char *parameters)
{
    return fault_begin(vnet_faults(b->v), "f", type, json_buildf(b->a, parameters));
}

static void ports_refuse_or_are_silent(void **state)
{
    (void)state;
    static const struct { enum fault_type type; const char *parameters, *error; int64_t after_ns; } rows[] = {
        { FAULT_CONNECTION_REFUSED, "{'host':'10.32.0.5'}", "dial tcp 10.32.0.5:80: connect: connection refused", 50000 },
        { FAULT_CONNECTION_REFUSED, "{'host':'web1-*','port':'80','from':'ubuntu'}",
          "dial tcp 10.32.0.5:80: connect: connection refused", 50000 },
        { FAULT_CONNECTION_BLACKHOLE, "{'host':'*'}", "dial tcp 10.32.0.5:80: i/o timeout", 30 * S },
        { FAULT_CONNECTION_SLOW, "{'host':'web1-*','delay':'2s'}", "", 2 * S },
        { FAULT_CONNECTION_SLOW, "{'host':'web1-*','delay':'31s'}", "dial tcp 10.32.0.5:80: i/o timeout", 30 * S },
        { FAULT_CONNECTION_LOSSY, "{'host':'web1-*','percent':'100'}", "dial tcp 10.32.0.5:80: i/o timeout", 30 * S },
        { FAULT_CONNECTION_REFUSED, "{'host':'web1-*','port':'81'}", "", 0 },
        { FAULT_CONNECTION_REFUSED, "{'host':'web2-*'}", "", 0 },
        { FAULT_CONNECTION_REFUSED, "{'host':'*','from':'worker1'}", "", 0 },
        { FAULT_CONNECTION_REFUSED, "{'host':'service/default/web1'}", "", 0 },      /* nobody has said where that is */
    };
    struct bed b;
    bed_make(&b);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fault *f = begin(&b, rows[i].type, rows[i].parameters);
        assert_string_equal(dial(&b, b.node), rows[i].error);
        assert_int_equal(b.took_ns, rows[i].after_ns);
        assert_string_equal(dial(&b, b.outside), "");        /* where faults are steered from */
        fault_end(f);
        assert_string_equal(dial(&b, b.node), "");
        assert_int_equal(b.took_ns, 0);
    }
    bed_free(&b);
}

static void delays_add_up(void **state)
{
    (void)state;
    struct bed b;
    bed_make(&b);
    struct fault *one = begin(&b, FAULT_CONNECTION_SLOW, "{'host':'web1-*','delay':'2s'}"),
        *two = begin(&b, FAULT_CONNECTION_SLOW, "{'host':'10.32.0.5','delay':'300ms'}");
    assert_string_equal(dial(&b, b.node), "");
    assert_int_equal(b.took_ns, 2300 * (int64_t)NS_PER_MS);
    assert_int_equal(vnet_round_trips(&b.d, 3), 6900 * (int64_t)NS_PER_MS);
    fault_end(one);
    assert_int_equal(vnet_round_trips(&b.d, 1), 300 * (int64_t)NS_PER_MS);
    fault_end(two);
    assert_int_equal(vnet_round_trips(&b.d, 1), 0);
    bed_free(&b);
}

/* One in ten packets: about one dial in five waits, for 1, 3, 7 ... seconds; the same dice each time. */
static void loss_is_met_as_tcp_does(void **state)
{
    (void)state;
    int64_t sums[2] = { 0 };
    for (int run = 0; run < 2; run++) {
        struct bed b;
        int late = 0;
        bed_make(&b);
        begin(&b, FAULT_CONNECTION_LOSSY, "{'host':'web1-*'}");
        for (int i = 0; i < 1000; i++) {
            bool given_up = *dial(&b, b.node);                   /* five in a row, one in four thousand */
            int64_t s = b.took_ns / S;
            assert_true(b.took_ns % S == 0 && (given_up ? s == 30 : ((s + 1) & s) == 0));
            late += s > 0;
            sums[run] += b.took_ns;
        }
        assert_in_range(late, 150, 230);
        bed_free(&b);
    }
    assert_int_equal(sums[0], sums[1]);
}

static bool cut[2];
static void on_reset(struct vnet_conn *c);
static struct { struct vnet_conn conn; struct vnet_dial dial; } kept[2];
static void on_reset(struct vnet_conn *c) { cut[c == &kept[1].conn] = true; }

static void connections_are_cut_when_a_port_begins_to_refuse(void **state)
{
    (void)state;
    struct bed b;
    bed_make(&b);
    struct vnet_host *from[] = { b.node, b.outside };
    for (int i = 0; i < 2; i++) {
        assert_string_equal(dial(&b, from[i]), "");
        kept[i].dial = b.d;
        vnet_conn_open(&kept[i].conn, from[i], b.d.peer_ip);
        kept[i].conn.reset = on_reset;
        kept[i].conn.dial = &kept[i].dial;
    }
    struct fault *slow = begin(&b, FAULT_CONNECTION_SLOW, "{'host':'web1-*'}");
    test_turns(b.l, 2);
    assert_false(cut[0]);
    struct fault *f = begin(&b, FAULT_CONNECTION_REFUSED, "{'host':'web1-*'}");
    test_turns(b.l, 2);
    assert_true(cut[0]);
    assert_false(cut[1]);
    fault_end(f);
    fault_end(slow);
    vnet_conn_close(&kept[1].conn);
    bed_free(&b);
}

static void on_query(void *ctx, struct dns_query *q)
{
    (void)ctx;
    q->answer = (struct dns_answer){ .ip_count = 1, .ips = { "10.96.0.7" } };
    q->reply(q);
}

static const char *lookup(struct bed *b, const char *name)
{
    b->q = (struct dns_lookup){ .from = b->node, .done = on_found };
    snprintf(b->q.name, sizeof b->q.name, "%s", name);
    b->calls = 0;
    b->began_ns = vtime_now(b->l);
    dns_lookup_start(&b->q);
    test_advance(b->l, 40 * S);
    assert_int_equal(b->calls, 1);
    return b->err.code == ERR_NONE ? "" : b->err.msg;
}

static void names_are_spoilt(void **state)
{
    (void)state;
    static const struct { enum fault_type type; const char *parameters, *error; int64_t after_ns; } rows[] = {
        { FAULT_DNS_NXDOMAIN, "{'domain':'web1'}", "lookup web1 on 10.32.0.5:53: no such host", 0 },
        { FAULT_DNS_NXDOMAIN, "{'domain':'*'}", "lookup web1 on 10.32.0.5:53: no such host", 0 },
        { FAULT_DNS_NXDOMAIN, "{'domain':'web1.default'}", "", 0 },          /* then the name as it is */
        { FAULT_DNS_NXDOMAIN, "{'domain':'web2'}", "", 0 },
        { FAULT_DNS_NXDOMAIN, "{'domain':'web1','from':'web1-*'}", "", 0 },
        { FAULT_DNS_SERVFAIL, "{}", "lookup web1 on 10.32.0.5:53: server misbehaving", 0 },
        { FAULT_DNS_SLOW, "{}", "", 3 * S },
        { FAULT_DNS_SLOW, "{'delay':'6s'}", "i/o timeout", 20 * S },
    };
    struct bed b;
    struct err err = { 0 };
    struct resolv_conf rc = { .nameserver = "10.32.0.5", .search = { "default" }, .search_count = 1, .ndots = 1 };
    bed_make(&b);
    vnet_host_set_resolver(b.node, &rc);
    struct dns_listener *dns = dns_listen(b.pod, 53, on_query, NULL, &err);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fault *f = begin(&b, rows[i].type, rows[i].parameters);
        const char *error = lookup(&b, "web1");
        assert_true(rows[i].error[0] ? strstr(error, rows[i].error) != NULL : !*error);
        assert_int_equal(b.took_ns, rows[i].after_ns);
        fault_end(f);
        assert_string_equal(lookup(&b, "web1"), "");
    }
    dns_listener_close(dns);
    bed_free(&b);
}

static void clocks_are_of_machines(void **state)
{
    (void)state;
    struct bed b;
    bed_make(&b);
    int64_t now = vtime_now(b.l);
    struct fault *f = begin(&b, FAULT_CLOCK_SKEW, "{'host':'ubuntu','offset':'-25h'}"),
        *g = begin(&b, FAULT_CLOCK_SKEW, "{'host':'web1-*','offset':'1h'}");
    assert_int_equal(vnet_host_now(b.node), now - 25 * 3600 * S);
    assert_int_equal(vnet_host_now(b.pod), now - 24 * 3600 * S);
    assert_int_equal(vnet_host_now(b.outside), now);
    fault_end(f);
    fault_end(g);
    assert_int_equal(vnet_host_now(b.pod), now);
    bed_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ports_refuse_or_are_silent), cmocka_unit_test(delays_add_up), cmocka_unit_test(loss_is_met_as_tcp_does),
        cmocka_unit_test(connections_are_cut_when_a_port_begins_to_refuse), cmocka_unit_test(names_are_spoilt),
            cmocka_unit_test(clocks_are_of_machines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
