/* sim/net/dns.c - names: the resolver of each host, and the name servers that it asks.
 *
 * The resolver is Go's own (net/dnsclient_unix.go, Go 1.12), which kubelet, metrics-server and the rest are built with:
 * /etc/hosts first; then the search list of resolv.conf, where a name with at least `ndots` dots is tried as it is
 * first, any other last, and one with a last dot alone; each candidate is asked for up to two times, five seconds
 * apart; an unknown name goes on to the next candidate; the error told at the end is that of the last candidate, under
 * the name that was asked for.
 *
 * A query is a UDP packet: it goes through kube-proxy's translation and the route like a dial. Simplified: A records
 * alone, one name server, no cache.
 */
#include "sim/net/net_priv.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

enum { ATTEMPTS = 2, NAMES_MAX = 8, NAME_LEN_MAX = 254, IPS_MAX = 8, DNS_PORT = 53 };
#define ATTEMPT_NS (5 * (int64_t)NS_PER_S)

struct dns_listener {
    struct list       node;
    struct vnet_host *host;                        /* NULL once the host is gone */
    int               port;
    void            (*on_query)(void *ctx, struct dns_query *q);
    void             *ctx;
    struct list       pending;                     /* queries that it has not answered */
};

/* A query on its way: lives until the server has answered or is gone, even if nobody waits for it any more. */
struct pending {
    struct dns_query q;
    struct list      node;
    struct loop     *loop;
    struct task      task;                         /* the answer's way back */
    struct lookup   *lookup;                       /* NULL: given up */
    struct timer     late;                         /* a fault's delay of the answer */
};

struct lookup {
    struct list        node;                       /* in the host's list */
    struct dns_lookup *q;
    struct vnet_host  *host;
    char               name[256];                  /* as it is: lower case, without the last dot */
    const char        *suffixes[NAMES_MAX];        /* the candidates: what the search list adds to it, or NULL */
    size_t             candidate_count, at;
    int                attempt;
    struct timer       timer;
    enum route         fate;                       /* what it means when the timer fires */
    struct pending    *pending;
    char               local_ip[64];
    int                local_port;
    enum err_code      failure;                    /* of the candidates so far, and why, in Go's words */
    char               why[256];
};

struct hosts_line {
    size_t n;
    char   ips[IPS_MAX][64];
};

static void lookup_ask(struct lookup *l);
static void on_reply(struct dns_query *q);
static void on_answer(struct task *t);
static void on_late(struct timer *t);
static void candidate_name(const struct lookup *l, char out[256]);

/* ---- name servers ---- */
struct dns_listener *dns_listen(struct vnet_host *h, int port, void (*on_query)(void *ctx, struct dns_query *q), void *ctx,
                                struct err *err)
{
    list_for(it, &h->dns_listeners)
        if (container_of(it, struct dns_listener, node)->port == port) {
            err_set(err, ERR_IO, "listen udp :%d: bind: address already in use", port);
            return NULL;
        }
    struct dns_listener *s = NEW(struct dns_listener);
    s->host = h;
    s->port = port;
    s->on_query = on_query;
    s->ctx = ctx;
    list_init(&s->pending);
    list_init(&s->node);
    list_push(&h->dns_listeners, &s->node);
    return s;
}

static struct pending *pending_new(struct lookup *l)
{
    struct pending *p = xmalloc(sizeof *p);        /* not zeroed: there are many, and most of it is room for addresses */
    p->loop = l->host->net->loop;
    p->lookup = l;
    p->q.reply = on_reply;
    p->q.answer.nxdomain = p->q.answer.servfail = false;
    p->q.answer.ip_count = 0;
    candidate_name(l, p->q.name);
    task_init(&p->task, on_answer);
    timer_init(&p->late, p->loop, on_late);
    list_init(&p->node);
    return p;
}

static void pending_free(struct pending *p)
{
    if (p->lookup != NULL) {
        p->lookup->pending = NULL;                 /* it will find out by its timer */
        if (!timer_active(&p->lookup->timer))
            timer_start(&p->lookup->timer, ATTEMPT_NS);
    }
    task_cancel(&p->task);
    timer_stop(&p->late);
    list_remove(&p->node);
    free(p);
}

void dns_listener_close(struct dns_listener *s)
{
    if (s == NULL)
        return;
    while (!list_empty(&s->pending))
        pending_free(container_of(s->pending.next, struct pending, node));
    list_remove(&s->node);
    free(s);
}

static struct dns_listener *server_find(struct vnet_host *h, int port)
{
    list_for(it, &h->dns_listeners) {
        struct dns_listener *s = container_of(it, struct dns_listener, node);
        if (s->port == port)
            return s;
    }
    return NULL;
}

/* ---- the resolver's files ---- */
void vnet_host_set_resolver(struct vnet_host *h, const struct resolv_conf *rc)
{
    ASSERT(rc->search_count <= ARRAY_LEN(rc->search));
    h->rc = *rc;
}

/* Go compares names in /etc/hosts without case and without the last dot. */
static void normalize(char out[256], const char *name)
{
    size_t n = 0;
    for (; name[n] != '\0' && n < 255; n++)
        out[n] = (char)tolower((unsigned char)name[n]);
    if (n > 0 && out[n - 1] == '.')
        n--;
    out[n] = '\0';
}

void vnet_host_add_hosts(struct vnet_host *h, const char *ip, const char *name)
{
    char key[256];
    normalize(key, name);
    struct hosts_line *line = map_getc(h->hosts_file, key);
    if (line == NULL) {
        line = NEW(struct hosts_line);
        map_putc(h->hosts_file, key, line);
    }
    if (line->n < IPS_MAX)
        text_copy(line->ips[line->n++], sizeof line->ips[0], ip);
}

/* Answers that need no server: an address, a line of /etc/hosts, localhost (which every such file has). */
static bool answer_locally(struct vnet_host *h, struct dns_lookup *q)
{
    struct in6_addr addr;
    if (inet_pton(AF_INET, q->name, &addr) == 1 || inet_pton(AF_INET6, q->name, &addr) == 1) {
        text_copy(q->ips[0], sizeof q->ips[0], q->name);
        q->ip_count = 1;
        return true;
    }
    char key[256];
    normalize(key, q->name);
    const struct hosts_line *line = map_getc(h->hosts_file, key);
    if (line != NULL) {
        memcpy(q->ips, line->ips, sizeof q->ips);
        q->ip_count = line->n;
        return true;
    }
    if (strcmp(key, "localhost") != 0)
        return false;
    text_format(q->ips[0], sizeof q->ips[0], "127.0.0.1");
    q->ip_count = 1;
    return true;
}

/* ---- candidates: dnsConfig.nameList ---- */
static void candidate_add(struct lookup *l, const char *suffix)
{
    size_t len = strlen(l->name) + (suffix != NULL ? 1 + strlen(suffix) : 0);
    if (len > 0 && len <= NAME_LEN_MAX && l->candidate_count < NAMES_MAX)
        l->suffixes[l->candidate_count++] = suffix;
}

static void candidates_make(struct lookup *l)
{
    const struct resolv_conf *rc = &l->host->rc;
    normalize(l->name, l->q->name);
    size_t len = strlen(l->q->name);
    int dots = 0;
    for (size_t i = 0; i < len; i++)
        dots += l->q->name[i] == '.';
    bool absolute = len > 0 && l->q->name[len - 1] == '.';
    bool first = absolute || dots >= rc->ndots;
    if (first)
        candidate_add(l, NULL);
    for (size_t i = 0; !absolute && i < rc->search_count; i++)
        candidate_add(l, rc->search[i]);
    if (!first)
        candidate_add(l, NULL);
}

/* The present candidate, absolute, without the last dot. */
static void candidate_name(const struct lookup *l, char out[256])
{
    const char *suffix = l->suffixes[l->at];
    text_copy(out, 256, l->name);
    if (suffix == NULL)
        return;
    size_t n = strlen(out);
    out[n] = '.';                                  /* candidate_add has seen to it that all fits */
    text_copy(out + n + 1, 256 - n - 1, suffix);
}

/* ---- asking ---- */
static void lookup_free(struct lookup *l)
{
    if (l->pending != NULL)
        l->pending->lookup = NULL;                 /* the server may answer; nobody listens */
    timer_stop(&l->timer);
    task_cancel(&l->q->task);
    list_remove(&l->node);
    l->q->priv = NULL;
    free(l);
}

static void lookup_error(const struct lookup *l, struct err *err)
{
    const char *name = l->q->name;
    if (l->failure == ERR_NONE)
        err_set(err, ERR_IO, "lookup %s: no such host", name);
    else if (l->failure == ERR_CANCELED)
        err_set(err, ERR_CANCELED, "lookup %s: %s", name, l->why);
    else
        err_set(err, l->failure, "lookup %s on %s:%d: %s", name, l->host->rc.nameserver, DNS_PORT, l->why);
}

static void lookup_finish(struct lookup *l)
{
    struct dns_lookup *q = l->q;
    struct err err;
    err.code = ERR_NONE;
    err.details = NULL;
    if (q->ip_count == 0)
        lookup_error(l, &err);
    lookup_free(l);
    q->done(q, q->ip_count > 0 ? NULL : &err);
}

static void fail(struct lookup *l, enum err_code code, const char *why)
{
    l->failure = code;
    text_copy(l->why, sizeof l->why, why);
}

/* The present candidate has failed for good. Go prefers the error of the original name only when nothing else has been tried. */
static void candidate_failed(struct lookup *l, enum err_code code, const char *why)
{
    bool as_is = l->suffixes[l->at] == NULL;
    if (l->failure == ERR_NONE || !as_is)
        fail(l, code, why);
    l->attempt = 0;
    if (++l->at < l->candidate_count)
        lookup_ask(l);
    else
        lookup_finish(l);
}

static void attempt_failed(struct lookup *l, enum err_code code, const char *what)
{
    if (++l->attempt < ATTEMPTS)
        lookup_ask(l);
    else
        candidate_failed(l, code, what);
}

static void on_timer(struct timer *t)
{
    static const struct { enum err_code code; const char *text; } fates[] = {
        [ROUTE_HOST] = { ERR_TIMEOUT, "i/o timeout" }, [ROUTE_BLACKHOLE] = { ERR_TIMEOUT, "i/o timeout" },
        [ROUTE_REFUSE] = { ERR_REFUSED, "read: connection refused" }, [ROUTE_NO_ROUTE] = { ERR_IO, "read: no route to host" },
    };
    struct lookup *l = container_of(t, struct lookup, timer);
    char what[256];
    text_format(what, sizeof what, "read udp %s:%d->%s:%d: %s", l->local_ip, l->local_port, l->host->rc.nameserver, DNS_PORT,
             fates[l->fate].text);
    if (l->pending != NULL)
        l->pending->lookup = NULL;
    l->pending = NULL;
    attempt_failed(l, fates[l->fate].code, what);
}

static void on_answer(struct task *t)
{
    struct pending *p = container_of(t, struct pending, task);
    struct lookup *l = p->lookup;
    const struct dns_answer *a = &p->q.answer;
    bool servfail = a->servfail, found = !a->servfail && !a->nxdomain && a->ip_count > 0;
    if (l != NULL && found) {
        memcpy(l->q->ips, a->ips, a->ip_count * sizeof a->ips[0]);
        l->q->ip_count = a->ip_count;
    }
    p->lookup = NULL;
    pending_free(p);
    if (l == NULL)
        return;
    l->pending = NULL;
    timer_stop(&l->timer);
    if (found)
        lookup_finish(l);
    else if (servfail)
        attempt_failed(l, ERR_IO, "server misbehaving");
    else
        candidate_failed(l, ERR_IO, "no such host");
}

static void on_late(struct timer *t)
{
    struct pending *p = container_of(t, struct pending, late);
    task_post(p->loop, &p->task);
}

/* ---- what the faults in force make of an answer ---- */
/* A name is meant as it was asked for, or as the name server sees it. */
static bool fault_concerns(const struct fault *f, const struct pending *p)
{
    return vnet_fault_from(f, p->lookup->host) && (fault_matches(f, "domain", str_c(p->lookup->q->name)) ||
                                                   fault_matches(f, "domain", str_c(p->q.name)));
}

static int64_t spoil(struct pending *p)
{
    int64_t late_ns = 0;
    struct faults *faults = p->lookup->host->net->faults;
    for (struct fault *f = NULL; (f = fault_next(faults, f, FAULT_DNS_NXDOMAIN, FAULT_DNS_SLOW)) != NULL;) {
        if (!fault_concerns(f, p))
            continue;
        if (f->type == FAULT_DNS_SLOW)
            late_ns += fault_number(f, "delay");
        else
            p->q.answer = (struct dns_answer){ .nxdomain = f->type == FAULT_DNS_NXDOMAIN, .servfail = f->type == FAULT_DNS_SERVFAIL };
    }
    return late_ns;
}

static void on_reply(struct dns_query *q)
{
    struct pending *p = container_of(q, struct pending, q);
    ASSERT(!task_posted(&p->task) && !timer_active(&p->late));       /* one answer for one query */
    ASSERT(q->answer.ip_count <= IPS_MAX);
    int64_t late_ns = p->lookup != NULL ? spoil(p) : 0;
    if (late_ns > 0)
        timer_start(&p->late, late_ns);
    else
        task_post(p->loop, &p->task);
}

/* Send the present candidate's query. Runs in a task or a timer, so the server may be called at once. */
static void lookup_ask(struct lookup *l)
{
    static const int64_t delay_ns[] = { [ROUTE_BLACKHOLE] = ATTEMPT_NS,
                                        [ROUTE_REFUSE] = NET_REFUSED_NS, [ROUTE_NO_ROUTE] = NET_NO_ROUTE_NS };
    char ip[64];
    int port = DNS_PORT;
    struct vnet_host *to = NULL;
    struct dns_listener *server = NULL;
    text_copy(ip, sizeof ip, l->host->rc.nameserver);
    l->fate = ROUTE_REFUSE;
    if (vip_translate(l->host, "UDP", ip, &port))
        l->fate = vnet_route(l->host, ip, &to);
    vnet_local_addr(l->host, ip, l->local_ip, &l->local_port);
    if (l->fate == ROUTE_HOST && (server = server_find(to, port)) == NULL)
        l->fate = ROUTE_REFUSE;                    /* ICMP port unreachable */
    if (server == NULL) {
        timer_start(&l->timer, delay_ns[l->fate]);
        return;
    }
    l->pending = pending_new(l);
    list_push(&server->pending, &l->pending->node);
    server->on_query(server->ctx, &l->pending->q);
    if (!task_posted(&l->pending->task))           /* else the answer is there already */
        timer_start(&l->timer, ATTEMPT_NS);
}

static void on_start(struct task *t)
{
    struct dns_lookup *q = container_of(t, struct dns_lookup, task);
    struct lookup *l = q->priv;
    if (q->ip_count == 0 && l->failure == ERR_NONE && l->candidate_count > 0)
        lookup_ask(l);
    else
        lookup_finish(l);
}

void dns_lookup_start(struct dns_lookup *q)
{
    ASSERT(q->done != NULL);
    struct loop *loop = q->from->net->loop;
    struct lookup *l = NEW(struct lookup);
    l->q = q;
    l->host = q->from;
    q->priv = l;
    q->ip_count = 0;
    timer_init(&l->timer, loop, on_timer);
    task_init(&q->task, on_start);
    list_init(&l->node);
    list_push(&q->from->lookups, &l->node);
    if (!answer_locally(q->from, q))
        candidates_make(l);
    task_post(loop, &q->task);
}

void dns_lookup_cancel(struct dns_lookup *q)
{
    if (q->priv != NULL)
        lookup_free(q->priv);
}

/* The host is going: its servers stand alone until their owners close them, its lookups fail by task. */
void dns_host_free(struct vnet_host *h)
{
    list_for(it, &h->dns_listeners) {
        container_of(it, struct dns_listener, node)->host = NULL;
        list_remove(it);
    }
    list_for(it, &h->lookups) {
        struct lookup *l = container_of(it, struct lookup, node);
        list_remove(it);
        timer_stop(&l->timer);
        if (l->pending != NULL)
            l->pending->lookup = NULL;
        l->pending = NULL;
        fail(l, ERR_CANCELED, "operation was canceled");
        task_post(h->net->loop, &l->q->task);
    }
}
