/* The resolver: candidates in Go's order, /etc/hosts, and the words of every failure. */
#include "tests/unit/sim/net/net_test.h"

#include <stdio.h>
#include <stdlib.h>

struct server { char asked[1024]; const char *known; bool servfail, mute; struct dns_query *kept; };

static void on_query(void *ctx, struct dns_query *q)
{
    struct server *s = ctx;
    size_t n = strlen(s->asked);
    snprintf(s->asked + n, sizeof s->asked - n, "%s%s", n > 0 ? " " : "", q->name);
    if (s->mute) {
        s->kept = q;
        return;
    }
    q->answer.servfail = s->servfail;
    if (s->known != NULL && strcmp(q->name, s->known) == 0) {
        snprintf(q->answer.ips[0], sizeof q->answer.ips[0], "10.96.0.1");
        q->answer.ip_count = 1;
    } else {
        q->answer.nxdomain = true;
    }
    q->reply(q);
}

struct result { struct dns_lookup q; int calls; struct err err; };

static void on_done(struct dns_lookup *q, const struct err *err)
{
    struct result *r = container_of(q, struct result, q);
    r->calls++;
    if (err != NULL)
        err_set(&r->err, err->code, "%s", err->msg);
}

static void look(struct result *r, struct vnet_host *from, const char *name)
{
    *r = (struct result){ .calls = 0 };
    r->q.from = from;
    r->q.done = on_done;
    snprintf(r->q.name, sizeof r->q.name, "%s", name);
    dns_lookup_start(&r->q);
    assert_int_equal(r->calls, 0);
}

struct world { struct loop *l; struct vnet *v; struct vnet_host *pod, *dns; struct dns_listener *ls; struct server server; };

static int setup(void **state)
{
    static const struct resolv_conf rc = { .nameserver = "10.96.0.10",
                                           .search = { "default.svc.cluster.local", "svc.cluster.local", "cluster.local" },
                                           .search_count = 3, .ndots = 5 };
    static const struct vip_backend backend = { "10.32.0.2", 53 };
    struct world *w = NEW(struct world);
    w->l = test_loop();
    w->v = vnet_new(w->l);
    w->pod = vnet_host_new(w->v, "pod");
    w->dns = vnet_host_new(w->v, "coredns");
    vnet_host_add_addr(w->pod, "10.32.0.5");
    vnet_host_add_addr(w->dns, "10.32.0.2");
    vnet_host_set_resolver(w->pod, &rc);
    vip_set(w->pod, "10.96.0.10", 53, "UDP", &backend, 1);
    w->ls = dns_listen(w->dns, 53, on_query, &w->server, NULL);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    dns_listener_close(w->ls);
    vnet_host_free(w->pod);
    vnet_host_free(w->dns);
    vnet_free(w->v);
    test_turns(w->l, 1);
    loop_free(w->l);
    free(w);
    return 0;
}

static void candidates_in_order(void **state)
{
    static const struct { const char *name, *known, *asked, *error; } cases[] = {
        { "php-apache", "php-apache.default.svc.cluster.local", "php-apache.default.svc.cluster.local", "" },
        { "a.b", "a.b.svc.cluster.local", "a.b.default.svc.cluster.local a.b.svc.cluster.local", "" },
        { "kubernetes.default.svc.cluster.local.", "kubernetes.default.svc.cluster.local", "kubernetes.default.svc.cluster.local",
          "" },
        { "a.b.c.d.e.f", NULL, "a.b.c.d.e.f a.b.c.d.e.f.default.svc.cluster.local a.b.c.d.e.f.svc.cluster.local "
                               "a.b.c.d.e.f.cluster.local",
          "lookup a.b.c.d.e.f on 10.96.0.10:53: no such host" },
        { "Ubuntu", NULL, "ubuntu.default.svc.cluster.local ubuntu.svc.cluster.local ubuntu.cluster.local ubuntu",
          "lookup Ubuntu on 10.96.0.10:53: no such host" },
        { "10.0.0.1", NULL, "", "" },
        { "localhost", NULL, "", "" },
        { "Hosted.", NULL, "", "" },
    };
    struct world *w = *state;
    vnet_host_add_hosts(w->pod, "10.32.0.5", "hosted");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct result r;
        w->server = (struct server){ .known = cases[i].known };
        look(&r, w->pod, cases[i].name);
        test_turns(w->l, 1);
        assert_int_equal(r.calls, 1);
        assert_string_equal(w->server.asked, cases[i].asked);
        assert_string_equal(r.err.msg, cases[i].error);
        assert_int_equal(r.q.ip_count, cases[i].error[0] == '\0');
    }
}

static void failures(void **state)
{
    struct world *w = *state;
    struct result r;
    w->server = (struct server){ .servfail = true };
    look(&r, w->pod, "x.");
    test_turns(w->l, 1);
    assert_string_equal(w->server.asked, "x x");
    assert_string_equal(r.err.msg, "lookup x. on 10.96.0.10:53: server misbehaving");

    w->server = (struct server){ .mute = true };   /* silence: two times five seconds */
    look(&r, w->pod, "x.");
    test_advance(w->l, 9999999999);
    assert_int_equal(r.calls, 0);
    test_advance(w->l, 1);
    assert_string_equal(r.err.msg, "lookup x. on 10.96.0.10:53: read udp 10.32.0.5:32771->10.96.0.10:53: i/o timeout");
    w->server.kept->answer.nxdomain = true;
    w->server.kept->reply(w->server.kept);         /* too late: nobody listens */
    test_turns(w->l, 1);

    look(&r, w->pod, "y.");
    dns_lookup_cancel(&r.q);
    test_advance(w->l, 20000000000);
    assert_int_equal(r.calls, 0);

    dns_listener_close(w->ls);
    w->ls = NULL;
    look(&r, w->pod, "x.");
    test_advance(w->l, 1000000000);
    assert_string_equal(r.err.msg, "lookup x. on 10.96.0.10:53: read udp 10.32.0.5:32773->10.96.0.10:53: read: connection refused");
}

static void host_without_resolv_conf(void **state)
{
    struct world *w = *state;
    struct result r;
    look(&r, w->dns, "x");
    vnet_host_free(w->dns);                        /* in the middle of it */
    w->dns = vnet_host_new(w->v, "again");
    test_turns(w->l, 1);
    assert_int_equal(r.err.code, ERR_CANCELED);
    look(&r, w->dns, "x");
    test_advance(w->l, 1000000000);
    assert_string_equal(r.err.msg, "lookup x on 127.0.0.1:53: read udp 127.0.0.1:32769->127.0.0.1:53: read: connection refused");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(candidates_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(failures, setup, teardown),
        cmocka_unit_test_setup_teardown(host_without_resolv_conf, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
