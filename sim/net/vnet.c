/* sim/net/vnet.c - the network that the cluster lives in: hosts (network namespaces), addresses, listeners, and dialing.
 *
 * A dial goes through the same stations as a packet: kube-proxy's translation (vip.c), the route, then the listener on
 * the host that has the address. It ends in Go's words for what came back: a reset is "connection refused", unanswered
 * ARP is "no route to host", silence is "i/o timeout". Hosts are the node's own namespace and one for each pod; whoever
 * tears one down cuts everything that goes through it.
 *
 * Order of use: vnet_new, vnet_host_new, vnet_host_add_addr, vnet_listen; then vnet_dial_start from any host.
 * Simplified: no packets and no bandwidth; a connection is refused or there (net_priv.h has the delays).
 */
#include "sim/net/net_priv.h"

#include <stdio.h>
#include <stdlib.h>

struct vnet_listener {
    struct list          node;
    struct vnet_host    *host;                     /* NULL once the host is gone; the owner still closes it */
    char                 ip[64];                   /* "" for any */
    int                  port;
    struct vnet_endpoint ep;
};

static enum vnet_outside outside_kinds[] = { VNET_REFUSE, VNET_BLACKHOLE, VNET_NO_ROUTE };

enum { PORT_FIRST = 32768, PORT_LAST = 60999 };

/* ---- the network and its hosts ---- */
struct vnet *vnet_new(struct loop *l)
{
    struct vnet *v = NEW(struct vnet);
    v->loop = l;
    list_init(&v->hosts);
    v->addrs = map_new();
    v->outside = map_new();
    rng_init(&v->rng, l, "kube-proxy");
    vnet_trouble_init(v);
    return v;
}

void vnet_free(struct vnet *v)
{
    if (v == NULL)
        return;
    ASSERT(list_empty(&v->hosts));
    vnet_trouble_free(v);
    map_free(v->addrs, NULL);
    map_free(v->outside, NULL);
    free(v);
}

struct loop *vnet_loop(struct vnet *v)
{
    return v->loop;
}

struct faults *vnet_faults(struct vnet *v)
{
    return v->faults;
}

struct vnet_host *vnet_host_new(struct vnet *v, const char *name)
{
    struct vnet_host *h = NEW(struct vnet_host);
    h->net = v;
    h->name = xstrdup(name);
    h->addrs = map_new();
    h->hosts_file = map_new();
    struct list *heads[] = { &h->listeners, &h->dns_listeners, &h->dials, &h->lookups, &h->conns_from, &h->conns_to };
    for (size_t i = 0; i < ARRAY_LEN(heads); i++)
        list_init(heads[i]);
    text_format(h->rc.nameserver, sizeof h->rc.nameserver, "127.0.0.1");      /* what Go assumes without a resolv.conf */
    h->rc.ndots = 1;
    h->next_port = PORT_FIRST;
    h->machine = h;
    list_init(&h->node);
    list_push(&v->hosts, &h->node);
    return h;
}

const char *vnet_host_name(const struct vnet_host *h)
{
    return h->name;
}

void vnet_host_spare(struct vnet_host *h)
{
    h->spared = true;
}

bool vnet_spares(struct vnet *v, struct str ip)
{
    const struct vnet_host *h = map_get(v->addrs, ip);
    return h != NULL && h->spared;
}

void vnet_host_set_machine(struct vnet_host *h, struct vnet_host *machine)
{
    ASSERT(machine->machine == machine);
    h->machine = machine;
}

struct vnet *vnet_host_net(struct vnet_host *h)
{
    return h->net;
}

void vnet_host_add_addr(struct vnet_host *h, const char *ip)
{
    struct vnet_host *before = map_putc(h->net->addrs, ip, h);
    if (before != NULL && before != h)
        log_msg(LOG_WARN, "vnet", "%s moves from %s to %s", ip, before->name, h->name);
    map_putc(h->addrs, ip, h);
}

struct str vnet_host_addr(const struct vnet_host *h)
{
    size_t cursor = 0;
    struct str ip;
    void *value;
    return map_next(h->addrs, &cursor, &ip, &value) ? ip : STR("127.0.0.1");
}

static void reset_conns(struct list *head, bool from)
{
    while (!list_empty(head)) {
        struct vnet_conn *c = from ? container_of(head->next, struct vnet_conn, from_node)
                                   : container_of(head->next, struct vnet_conn, to_node);
        vnet_conn_close(c);
        c->reset(c);
    }
}

static void cancel_dials(struct vnet_host *h);

void vnet_host_free(struct vnet_host *h)
{
    if (h == NULL)
        return;
    list_for(it, &h->listeners) {
        container_of(it, struct vnet_listener, node)->host = NULL;
        list_remove(it);
    }
    cancel_dials(h);
    dns_host_free(h);
    reset_conns(&h->conns_from, true);
    reset_conns(&h->conns_to, false);
    size_t cursor = 0;
    struct str ip;
    void *value;
    while (map_next(h->addrs, &cursor, &ip, &value))
        if (map_get(h->net->addrs, ip) == h)
            map_take(h->net->addrs, ip);
    list_remove(&h->node);
    map_free(h->addrs, NULL);
    map_free(h->hosts_file, free);
    map_free(h->vips, free);
    free(h->name);
    free(h);
}

/* ---- listeners ---- */
static struct vnet_listener *listener_find(struct vnet_host *h, const char *ip, int port)
{
    list_for(it, &h->listeners) {
        struct vnet_listener *l = container_of(it, struct vnet_listener, node);
        if (l->port == port && (l->ip[0] == '\0' || strcmp(l->ip, ip) == 0))
            return l;
    }
    return NULL;
}

/* Would bind(2) refuse ip (NULL: any) beside what is there? */
static bool port_in_use(struct vnet_host *h, const char *ip, int port)
{
    list_for(it, &h->listeners) {
        struct vnet_listener *l = container_of(it, struct vnet_listener, node);
        if (l->port == port && (ip == NULL || l->ip[0] == '\0' || strcmp(l->ip, ip) == 0))
            return true;
    }
    return false;
}

struct vnet_listener *vnet_listen(struct vnet_host *h, const char *ip, int port, struct vnet_endpoint ep, struct err *err)
{
    const char *shown = ip != NULL ? ip : "";
    if (ip != NULL && strcmp(ip, "0.0.0.0") == 0)
        ip = NULL;
    if (port_in_use(h, ip, port)) {
        err_set(err, ERR_IO, "listen tcp %s:%d: bind: address already in use", shown, port);
        return NULL;
    }
    if (ip != NULL && !vnet_is_loopback(ip) && map_getc(h->addrs, ip) == NULL) {
        err_set(err, ERR_IO, "listen tcp %s:%d: bind: cannot assign requested address", shown, port);
        return NULL;
    }
    struct vnet_listener *l = NEW(struct vnet_listener);
    l->host = h;
    text_copy(l->ip, sizeof l->ip, ip != NULL ? ip : "");
    l->port = port;
    l->ep = ep;
    list_init(&l->node);
    list_push(&h->listeners, &l->node);
    return l;
}

void vnet_listener_close(struct vnet_listener *l)
{
    if (l == NULL)
        return;
    list_remove(&l->node);
    free(l);
}

bool vnet_listener_place(const struct vnet_listener *l, char out[80])
{
    if (l->host == NULL)
        return false;
    struct str ip = l->ip[0] != '\0' ? str_c(l->ip) : vnet_host_addr(l->host);
    snprintf(out, 80, STR_FMT ":%d", STR_ARG(ip), l->port);
    return true;
}

bool vnet_find(struct vnet *v, struct str ip, int port, struct vnet_endpoint *out)
{
    char text[64];
    struct vnet_host *h = map_get(v->addrs, ip);
    snprintf(text, sizeof text, STR_FMT, STR_ARG(str_sub(ip, 0, sizeof text - 1)));
    const struct vnet_listener *l = h != NULL ? listener_find(h, text, port) : NULL;
    if (l != NULL)
        *out = l->ep;
    return l != NULL;
}

/* ---- routes ---- */
bool vnet_is_loopback(const char *ip)
{
    return strncmp(ip, "127.", 4) == 0;
}

void vnet_set_outside(struct vnet *v, const char *ip, enum vnet_outside what)
{
    map_putc(v->outside, ip, &outside_kinds[what]);
}

enum route vnet_route(struct vnet_host *from, const char *ip, struct vnet_host **to)
{
    static const enum route of_kind[] = {
        [VNET_REFUSE] = ROUTE_REFUSE, [VNET_BLACKHOLE] = ROUTE_BLACKHOLE, [VNET_NO_ROUTE] = ROUTE_NO_ROUTE
    };
    *to = vnet_is_loopback(ip) ? from : map_getc(from->net->addrs, ip);
    if (*to != NULL)
        return ROUTE_HOST;
    const enum vnet_outside *what = map_getc(from->net->outside, ip);
    if (what != NULL)
        return of_kind[*what];
    bool near = strncmp(ip, "10.", 3) == 0 || strncmp(ip, "192.168.", 8) == 0;     /* on a link of ours: nobody answers ARP */
    return near ? ROUTE_NO_ROUTE : ROUTE_BLACKHOLE;
}

void vnet_local_addr(struct vnet_host *from, const char *ip, char local_ip[64], int *local_port)
{
    bool own = vnet_is_loopback(ip) || map_getc(from->addrs, ip) != NULL;
    struct str first = vnet_host_addr(from);
    if (own)
        text_copy(local_ip, 64, ip);          /* to oneself: source and destination are the same */
    else
        text_put(local_ip, 64, first);
    *local_port = (int)from->next_port;
    from->next_port = from->next_port == PORT_LAST ? PORT_FIRST : from->next_port + 1;
}

/* ---- dialing ---- */
/* After translation and delay: is there still a listener? Calls done. */
static void dial_finish(struct vnet_dial *d)
{
    struct err err = { .code = ERR_NONE };
    struct vnet_host *to = NULL;
    struct vnet_listener *l = NULL;
    enum route route = ROUTE_REFUSE;
    list_remove(&d->node);
    if (d->from == NULL) {
        err_set(&err, ERR_CANCELED, "dial tcp %s:%d: operation was canceled", d->ip, d->port);
        d->done(d, &err);
        return;
    }
    if (d->trouble == TROUBLE_SILENCE)
        route = ROUTE_BLACKHOLE;
    else if (d->peer_port != 0 && d->trouble != TROUBLE_REFUSED)     /* 0: a Service without endpoints */
        route = vnet_route(d->from, d->peer_ip, &to);
    if (route == ROUTE_HOST)
        l = listener_find(to, d->peer_ip, d->peer_port);
    if (l != NULL)
        d->ep = l->ep;
    else if (route == ROUTE_BLACKHOLE)
        err_set(&err, ERR_TIMEOUT, "dial tcp %s:%d: i/o timeout", d->ip, d->port);
    else if (route == ROUTE_NO_ROUTE)
        err_set(&err, ERR_IO, "dial tcp %s:%d: connect: no route to host", d->ip, d->port);
    else
        err_set(&err, ERR_REFUSED, "dial tcp %s:%d: connect: connection refused", d->ip, d->port);
    trace_event(d->from->net->loop, "vnet", "%s dials %s:%d (%s:%d)%s", d->from->name, d->ip, d->port, d->peer_ip, d->peer_port,
                l == NULL ? " in vain" : "");
    d->done(d, l != NULL ? NULL : &err);
}

static void on_dial_timer(struct timer *t)
{
    dial_finish(container_of(t, struct vnet_dial, timer));
}

static void on_dial_task(struct task *t)
{
    dial_finish(container_of(t, struct vnet_dial, task));
}

/* How long until the answer: -1, a task's time, for a success, and for whoever leads the cluster from outside, perhaps while its
 * clock stands. */
static int64_t dial_delay_ns(struct vnet_dial *d)
{
    static const int64_t delay_ns[] = { [ROUTE_HOST] = NET_REFUSED_NS, [ROUTE_REFUSE] = NET_OUTSIDE_NS,
                                        [ROUTE_BLACKHOLE] = NET_TIMEOUT_NS, [ROUTE_NO_ROUTE] = NET_NO_ROUTE_NS };
    struct vnet_host *to = NULL;
    int64_t late_ns;
    d->trouble = vnet_trouble(d, &late_ns);
    if (d->from->spared)
        return -1;
    if (d->trouble == TROUBLE_SILENCE)
        return NET_TIMEOUT_NS;
    if (d->peer_port == 0 || d->trouble == TROUBLE_REFUSED)
        return NET_REFUSED_NS + late_ns;
    enum route route = vnet_route(d->from, d->peer_ip, &to);
    if (route == ROUTE_HOST && listener_find(to, d->peer_ip, d->peer_port) != NULL)
        return late_ns > 0 ? late_ns : -1;
    return delay_ns[route] + late_ns;
}

void vnet_dial_start(struct vnet_dial *d)
{
    struct vnet *v = d->from->net;
    ASSERT(d->done != NULL);
    text_copy(d->peer_ip, sizeof d->peer_ip, d->ip);
    d->peer_port = d->port;
    if (!vip_translate(d->from, "TCP", d->peer_ip, &d->peer_port))
        d->peer_port = 0;
    d->ep = (struct vnet_endpoint){ NULL, NULL };
    vnet_local_addr(d->from, d->peer_ip, d->local_ip, &d->local_port);
    timer_init(&d->timer, v->loop, on_dial_timer);
    task_init(&d->task, on_dial_task);
    list_init(&d->node);
    list_push(&d->from->dials, &d->node);
    int64_t delay_ns = dial_delay_ns(d);
    if (delay_ns < 0)
        task_post(v->loop, &d->task);
    else
        timer_start(&d->timer, delay_ns);
}

void vnet_dial_cancel(struct vnet_dial *d)
{
    timer_stop(&d->timer);
    task_cancel(&d->task);
    list_remove(&d->node);
}

bool vnet_dial_alive(const struct vnet_dial *d)
{
    struct vnet_host *to = NULL;
    if (vnet_route(d->from, d->peer_ip, &to) != ROUTE_HOST)
        return false;
    const struct vnet_listener *l = listener_find(to, d->peer_ip, d->peer_port);
    return l != NULL && l->ep.server == d->ep.server;
}

/* The host is going: its dials fail by task, since the dialers may be in the middle of something. */
static void cancel_dials(struct vnet_host *h)
{
    while (!list_empty(&h->dials)) {
        struct vnet_dial *d = container_of(h->dials.next, struct vnet_dial, node);
        list_remove(&d->node);
        timer_stop(&d->timer);
        d->from = NULL;
        task_post(h->net->loop, &d->task);
    }
}

/* ---- connections that transports keep ---- */
void vnet_conn_open(struct vnet_conn *c, struct vnet_host *from, const char *peer_ip)
{
    struct vnet_host *to = NULL;
    list_init(&c->from_node);
    list_init(&c->to_node);
    list_push(&from->conns_from, &c->from_node);
    if (vnet_route(from, peer_ip, &to) == ROUTE_HOST)
        list_push(&to->conns_to, &c->to_node);
}

void vnet_conn_close(struct vnet_conn *c)
{
    if (c->from_node.next == NULL)
        return;                                    /* zeroed: never opened */
    list_remove(&c->from_node);
    list_remove(&c->to_node);
}
