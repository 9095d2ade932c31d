/* sim/net/troubled.c - what the faults in force (sim/fault) make of connections: refused, dropped, slow, lossy.
 *
 * Loss is met as TCP meets it. A lost SYN, or the answer to it, is sent again after 1, 3, 7 ... seconds (Linux, RFC 6298); a lost
 * segment of a connection that is there after 0.2, 0.6, 1.4 ... seconds, the least that Linux waits. Both directions are at risk.
 * Connecting gives up after the 30 s of Go's dialer.
 * Simplified: delay and loss are met where something is waited for, when connecting, in the TLS handshake and before an answer's
 * first byte; what follows on the same connection comes at once. When a port begins to refuse or to be silent, the connections to
 * it are cut; with a real firewall they would hang until somebody notices.
 */
#include "sim/net/net_priv.h"

#include <stdlib.h>

#define SYN_RETRY_NS     ((int64_t)NS_PER_S)
#define SEGMENT_RETRY_NS (200 * (int64_t)NS_PER_MS)

/* Is a host, by its name, its machine's or an address, one that the pattern means? */
static bool host_named(const struct fault *f, const char *param, const struct vnet_host *h)
{
    return fault_matches(f, param, str_c(h->name)) || fault_matches(f, param, str_c(h->machine->name));
}

bool vnet_fault_from(const struct fault *f, const struct vnet_host *from)
{
    return !from->spared && host_named(f, "from", from);
}

static bool dial_concerned(const struct fault *f, const struct vnet_dial *d)
{
    int64_t port = fault_number(f, "port");
    struct vnet_host *to = NULL;
    if ((port && port != d->port && port != d->peer_port) || !vnet_fault_from(f, d->from))
        return false;
    if (strncmp(fault_text(f, "host"), "service/", 8) == 0)
        return f->address[0] && strcmp(f->address, d->ip) == 0;
    if (fault_matches(f, "host", str_c(d->ip)) || fault_matches(f, "host", str_c(d->peer_ip)))
        return true;
    return d->peer_port != 0 && vnet_route(d->from, d->peer_ip, &to) == ROUTE_HOST && fault_matches(f, "host", str_c(to->name));
}

/* In how many tries in a row one of two packets was lost. */
static unsigned losses(struct fault *f, unsigned max)
{
    double lost = (double)fault_number(f, "percent") / 100, through = (1 - lost) * (1 - lost);
    unsigned n = 0;
    while (n < max && rng_unit(&f->rng) >= through)
        n++;
    return n;
}

enum trouble vnet_trouble(const struct vnet_dial *d, int64_t *delay_ns)
{
    const struct faults *fs = d->from->net->faults;
    *delay_ns = 0;
    for (struct fault *f = NULL; (f = fault_next(fs, f, FAULT_CONNECTION_REFUSED, FAULT_CONNECTION_LOSSY)) != NULL;) {
        if (!dial_concerned(f, d))
            continue;
        if (f->type == FAULT_CONNECTION_REFUSED)
            return TROUBLE_REFUSED;
        if (f->type == FAULT_CONNECTION_BLACKHOLE)
            return TROUBLE_SILENCE;
        *delay_ns += f->type == FAULT_CONNECTION_SLOW ? fault_number(f, "delay") : ((1 << losses(f, 6)) - 1) * SYN_RETRY_NS;
    }
    return *delay_ns >= NET_TIMEOUT_NS ? TROUBLE_SILENCE : TROUBLE_NONE;
}

int64_t vnet_round_trips(const struct vnet_dial *d, unsigned count)
{
    const struct faults *fs = d->from->net->faults;
    int64_t ns = 0;
    for (struct fault *f = NULL; (f = fault_next(fs, f, FAULT_CONNECTION_SLOW, FAULT_CONNECTION_LOSSY)) != NULL;)
        for (unsigned i = 0; i < count && dial_concerned(f, d); i++)
            ns += f->type == FAULT_CONNECTION_SLOW ? fault_number(f, "delay") : ((1 << losses(f, 12)) - 1) * SEGMENT_RETRY_NS;
    return ns;
}

/* ---- connections that are there when a fault begins ---- */
static bool conn_troubled(const struct vnet_conn *c, const struct faults *fs)
{
    for (struct fault *f = NULL; (f = fault_next(fs, f, FAULT_CONNECTION_REFUSED, FAULT_CONNECTION_BLACKHOLE)) != NULL;)
        if (c->dial && c->dial->from && dial_concerned(f, c->dial))
            return true;
    return false;
}

static struct vnet_conn *troubled_conn(struct vnet *v)
{
    list_for(it, &v->hosts) {
        struct vnet_host *h = container_of(it, struct vnet_host, node);
        list_for(at, &h->conns_from)
            if (conn_troubled(container_of(at, struct vnet_conn, from_node), v->faults))
                return container_of(at, struct vnet_conn, from_node);
    }
    return NULL;
}

/* A reset may end others too: each time the search begins anew. */
static void cut(struct task *t)
{
    struct vnet *v = container_of(t, struct vnet, cut);
    for (struct vnet_conn *c; (c = troubled_conn(v)) != NULL;) {
        vnet_conn_close(c);
        c->reset(c);
    }
}

static void on_faults(struct fault_watch *w)
{
    struct vnet *v = container_of(w, struct vnet, watch);
    if (fault_next(v->faults, NULL, FAULT_CONNECTION_REFUSED, FAULT_CONNECTION_BLACKHOLE))
        task_post(v->loop, &v->cut);
}

void vnet_trouble_init(struct vnet *v)
{
    v->faults = faults_new(v->loop);
    task_init(&v->cut, cut);
    fault_watch(v->faults, &v->watch, on_faults);
}

void vnet_trouble_free(struct vnet *v)
{
    task_cancel(&v->cut);
    fault_unwatch(&v->watch);
    faults_free(v->faults);
}

/* ---- clocks ---- */
int64_t vnet_host_now(const struct vnet_host *h)
{
    int64_t now = vtime_now(h->net->loop);
    for (struct fault *f = NULL; !h->spared && (f = fault_next(h->net->faults, f, FAULT_CLOCK_SKEW, FAULT_CLOCK_SKEW)) != NULL;)
        if (host_named(f, "host", h))
            now += fault_number(f, "offset");
    return now;
}
