/* sim/cmd/proxy.c - a way into the cluster for clients on the student's machine that honour proxy variables: curl, kubectl, wget,
 * python.
 *
 * The lab's shell sets http_proxy and https_proxy to this listener on loopback. CONNECT and plain requests for an address of the
 * cluster (the node's, a Service's, a pod's) are dialled from a node, the user of the proxy's URL (http://worker1@...; without
 * one the first), through the virtual network, so that kube-proxy's rules, refusals and faults apply. What answers there is a
 * server of ours: it is given a listener on loopback, and the two sockets are spliced; so TLS and HTTP are those of every other
 * client. The nodes' 6443 and 10250 have such listeners anyway. "localhost" is the node that one asks from for 6443 and 10250,
 * else this machine (a port-forward, the student's own server), and where nobody listens there, the node again. Nothing else is
 * proxied.
 */
#include "sim/cmd/cluster.h"
#include "sim/cmd/host.h"
#include "sim/cmd/journal.h"
#include "sim/cmd/node.h"
#include "sim/http/http.h"

#include <stdio.h>
#include <stdlib.h>

enum { HEAD_MAX = 64 * 1024, HEAD_WAIT_MS = 30000, SERVERS_MAX = 256 };

struct back { void *server; int port; };           /* a server of the virtual network, and its listener on loopback */
struct proxy {
    struct cluster      *cluster;
    struct loop         *loop;
    struct tcp_listener *listener;
    struct list          conns, leads;
    struct back          backs[SERVERS_MAX];
    size_t               back_count;
};
/* A dial into the virtual network, which is done even if its client has left: it is an input (loop.h), and what follows is the
 * cluster's. */
struct lead { struct list node; struct conn *conn; struct node *from; struct input input; struct vnet_dial dial; bool begun; };
struct conn {
    struct list      node;
    struct proxy    *proxy;                        /* NULL: it ended while a dial was under way */
    struct node     *from;                         /* whose shell it asks from */
    struct stream   *s;                            /* the client */
    struct strbuf    in;
    bool             connect, dialing;
    struct str       rest;                         /* what goes to the server first; lives in the arena */
    char             target[300];
    bool             node_next;                    /* "localhost": if nobody listens on this machine, the node may */
    struct lead     *lead;                         /* NULL: none is under way */
    char             ip[64];
    int              port;
    struct arena    *arena;
};

/* ---- where things lead ---- */
static bool parse_ip(struct str s, unsigned char out[4])
{
    int n = 0;
    for (struct str rest = s; rest.p && n < 5;) {
        int64_t v;
        struct str part = str_token(&rest, '.');
        if (n == 4 || part.n > 3 || !str_int(part, &v) || v < 0 || v > 255)
            return false;
        out[n++] = (unsigned char)v;
    }
    return n == 4;
}

enum proxy_target proxy_classify(struct str host, int port, int nodes, char ip[64])
{
    unsigned char b[4];
    bool is_ip = parse_ip(host, b),
         local = str_eqi(host, STR("localhost")) || str_eqc(host, "::1") || str_eqc(host, "[::1]") || (is_ip && b[0] == 127);
    struct node_place place = { 0 };
    int node = node_find(host, nodes);
    bool service = is_ip && b[0] == 10 && b[1] >= 96 && b[1] < 112, pod = is_ip && b[0] == 10 && b[1] >= 32 && b[1] < 48;
    if (port < 1 || port > 65535 || !(local || node >= 0 || service || pod))
        return PROXY_REFUSE;
    if (node >= 0)
        node_place(node, &place);
    snprintf(ip, 64, STR_FMT, STR_ARG(local ? STR("127.0.0.1") : node >= 0 ? str_c(place.ip) : host));
    return local ? PROXY_LOCAL : PROXY_CLUSTER;
}

/* ---- one connection ---- */
static void conn_free(struct conn *c)
{
    list_remove(&c->node);
    if (c->lead)
        c->lead->conn = NULL;
    stream_close(c->s);
    c->s = NULL;
    if (c->dialing) {                              /* a TCP dial cannot be called back: the last of it is done when it ends */
        c->proxy = NULL;
        return;
    }
    strbuf_deinit(&c->in);
    arena_free(c->arena);
    free(c);
}

static void refuse(struct conn *c, int status, const char *why)
{
    struct str body = arena_strf(c->arena, "kubelab: %s: %s\n", c->target, why);
    stream_write(c->s, arena_strf(c->arena,
                                  "HTTP/1.1 %d " STR_FMT "\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\nConnection: "
                                                         "close\r\n\r\n" STR_FMT, status,
                                  STR_ARG(http_status_text(status)), body.n, STR_ARG(body)));
    conn_free(c);
}

static void dial_vnet(struct conn *c);

static void on_dialed(void *ctx, struct stream *s, const struct err *err)
{
    struct conn *c = ctx;
    c->dialing = false;
    if (!c->proxy) {
        stream_close(s);
        list_init(&c->node);
        conn_free(c);
    } else if (!s && c->node_next) {
        c->node_next = false;
        dial_vnet(c);
    } else if (!s) {
        refuse(c, 502, err->msg);
    } else {
        if (c->connect)
            stream_write(c->s, STR("HTTP/1.1 200 Connection established\r\n\r\n"));
        stream_write(s, c->rest);
        struct stream *client = c->s;
        c->s = NULL;
        conn_free(c);
        tcp_owe(client, false);                    /* from here on the server behind it does */
        stream_resume(client);
        stream_splice(client, s);
    }
}

static void dial_local(struct conn *c, int port)
{
    c->dialing = true;
    tcp_dial(c->proxy->loop, "127.0.0.1", port, on_dialed, c);
}

/* The loopback listener of a server that lives in the virtual network: made the first time. Servers end with their pods, and
 * their listeners with them; when another has come to be at the same place in memory it is listed again, which is noticed by
 * nobody being there on the port. */
static int back_port(struct proxy *p, void *server, struct err *err)
{
    int port = 0;
    for (size_t i = 0; i < p->back_count; i++)
        if (p->backs[i].server == server) {
            struct err e = { 0 };
            struct tcp_listener *probe = tcp_listen(p->loop, "127.0.0.1", p->backs[i].port, NULL, NULL, &e);
            err_clear(&e);
            if (!probe)
                return p->backs[i].port;           /* taken: by the server, still */
            tcp_listener_close(probe);
            p->backs[i] = p->backs[--p->back_count];
            break;
        }
    if (!http_server_listen_edge(server, "127.0.0.1", 0, &port, err))
        return 0;
    if (p->back_count == SERVERS_MAX)
        p->backs[0] = p->backs[--p->back_count];
    p->backs[p->back_count++] = (struct back){ server, port };
    return port;
}

static void on_vnet(struct vnet_dial *d, const struct err *err)
{
    struct lead *l = container_of(d, struct lead, dial);
    struct conn *c = l->conn;
    struct vnet_dial to_dial = *d;
    struct err e = { 0 };
    list_remove(&l->node);
    free(l);
    if (!c)
        return;
    c->lead = NULL;
    if (err) {
        refuse(c, 502, err->msg);
        return;
    }
    struct node *to = strcmp(to_dial.peer_ip, "127.0.0.1") == 0 ? c->from : cluster_node(c->proxy->cluster, str_c(to_dial.peer_ip));
    int port = to ? cluster_edge_port(c->proxy->cluster, to, to_dial.peer_port) : 0;
    if (!port && to_dial.ep.kind == &http_direct_kind)
        port = back_port(c->proxy, to_dial.ep.server, &e);
    if (port)
        dial_local(c, port);
    else
        refuse(c, 502, e.code ? e.msg : "what listens there does not speak HTTP");
    err_clear(&e);
}

static void on_lead(struct input *in)
{
    struct lead *l = container_of(in, struct lead, input);
    if (!l->conn) {
        list_remove(&l->node);
        free(l);
        return;
    }
    l->begun = true;
    journal_dial(cluster_journal(l->conn->proxy->cluster), l->conn->from, l->dial.ip, l->dial.port);
    vnet_dial_start(&l->dial);
}

static void dial_vnet(struct conn *c)
{
    struct lead *l = c->lead = NEW(struct lead);
    l->conn = c;
    l->dial = (struct vnet_dial){ .from = c->from->net, .port = c->port, .done = on_vnet };
    snprintf(l->dial.ip, sizeof l->dial.ip, "%s", c->ip);
    list_init(&l->node);
    list_push(&c->proxy->leads, &l->node);
    input_init(&l->input, on_lead);
    input_post(c->proxy->loop, &l->input);
}

/* ---- the request ---- */
static void lead(struct conn *c, struct str host, int port)
{
    char ip[64];
    enum proxy_target t = proxy_classify(host, port, cluster_node_count(c->proxy->cluster), ip);
    snprintf(c->target, sizeof c->target, STR_FMT ":%d", STR_ARG(str_sub(host, 0, 255)), port);
    if (t == PROXY_REFUSE) {
        refuse(c, 403, "this proxy leads into the lab's cluster alone (the node's, Services' and pods' addresses)");
        return;
    }
    c->port = port;
    snprintf(c->ip, sizeof c->ip, "%s", ip);
    stream_pause(c->s);
    struct cluster *cl = c->proxy->cluster;
    struct node *to = t == PROXY_LOCAL ? c->from : cluster_node(cl, str_c(ip));
    int edge = to ? cluster_edge_port(cl, to, port) : 0;
    /* the API server's, and this is a worker */
    bool other = t == PROXY_LOCAL && !edge && cluster_edge_port(cl, cluster_node(cl, STR_NULL), port);
    bool machine = t == PROXY_LOCAL && !other && cluster_leads_to(cl, port);
    c->node_next = t == PROXY_LOCAL && !edge && machine;
    if (edge || machine)
        dial_local(c, edge ? edge : port);
    else
        dial_vnet(c);
}

static bool split_port(struct str authority, int dflt, struct str *host, int *port)
{
    ptrdiff_t colon = -1;
    int64_t n = dflt;
    for (size_t i = 0; i < authority.n; i++)
        colon = authority.p[i] == ':' ? (ptrdiff_t)i : authority.p[i] == ']' ? -1 : colon;
    *host = colon < 0 ? authority : str_sub(authority, 0, (size_t)colon);
    bool ok = colon < 0 ? dflt > 0 : str_int(str_sub(authority, (size_t)colon + 1, authority.n), &n);
    *port = (int)n;
    return ok && host->n > 0 && n > 0 && n < 65536;
}

/* Basic credentials, of which the user says from which node one asks. */
static struct node *asker(struct conn *c, struct str headers)
{
    struct cluster *cl = c->proxy->cluster;
    struct str name, value, text = STR_NULL;
    while (headers.p && headers.n) {
        str_cut(str_trim(str_token(&headers, '\n')), ':', &name, &value);
        value = str_trim(value);
        if (str_eqi(name, STR("Proxy-Authorization")) && str_starts(value, "Basic ") &&
            base64_decode(c->arena, str_trim(str_sub(value, 6, value.n)), &text))
            str_cut(text, ':', &text, &value);
    }
    struct node *n = cluster_node(cl, text);
    return n ? n : cluster_node(cl, STR_NULL);
}

/* "GET http://10.1.2.3/x HTTP/1.1" becomes the origin's form; one request per connection, since the next may be for somebody else. */
static struct str origin_form(struct arena *a, struct str method, struct str path, struct str version, struct str headers,
                              struct str after)
{
    struct strbuf out;
    strbuf_init(&out, 2 * HEAD_MAX + after.n + 1024);
    strbuf_addf(&out, STR_FMT " " STR_FMT " " STR_FMT "\r\n", STR_ARG(method), STR_ARG(path.n ? path : STR("/")), STR_ARG(version));
    while (headers.p && headers.n) {
        struct str line = str_trim(str_token(&headers, '\n')), name, value;
        str_cut(line, ':', &name, &value);
        if (line.n && !str_eqi(name, STR("Connection")) && !str_eqi(name, STR("Proxy-Connection")) &&
            !str_eqi(name, STR("Proxy-Authorization")))
            strbuf_addf(&out, STR_FMT "\r\n", STR_ARG(line));
    }
    strbuf_addc(&out, "Connection: close\r\n\r\n");
    strbuf_add(&out, after);
    struct str text = arena_str(a, strbuf_str(&out));
    strbuf_deinit(&out);
    return text;
}

static void on_head(struct conn *c, struct str head, struct str after)
{
    struct str line, headers, method, target, version, host, path = STR_NULL;
    int port = 0;
    str_cut(head, '\n', &line, &headers);
    str_cut(str_trim(line), ' ', &method, &target);
    str_cut(target, ' ', &target, &version);
    c->connect = str_eqc(method, "CONNECT");
    bool plain = str_starts(target, "http://");
    if (plain) {
        struct str rest = str_sub(target, 7, target.n);
        size_t n = 0;
        while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?')
            n++;
        path = str_sub(rest, n, rest.n);
        target = str_sub(rest, 0, n);
        if (path.n && path.p[0] == '?')
            path = arena_strf(c->arena, "/" STR_FMT, STR_ARG(path));
    }
    if (!str_starts(version, "HTTP/1.") || !(c->connect || plain) || !split_port(target, plain ? 80 : 0, &host, &port)) {
        snprintf(c->target, sizeof c->target, "request");
        refuse(c, 400, "this is a proxy: it takes CONNECT host:port, and http://host/path");
        return;
    }
    host = arena_str(c->arena, host);
    c->from = asker(c, headers);
    c->rest = c->connect ? arena_str(c->arena, after) : origin_form(c->arena, method, path, version, headers, after);
    lead(c, host, port);
}

static void on_data(void *ctx, struct str bytes)
{
    struct conn *c = ctx;
    if (c->lead || c->dialing) {                /* came before the pause took hold */
        c->rest = arena_strf(c->arena, STR_FMT STR_FMT, STR_ARG(c->rest), STR_ARG(bytes));
        return;
    }
    strbuf_add(&c->in, bytes);
    ptrdiff_t end = str_find(strbuf_str(&c->in), STR("\r\n\r\n"));
    if (end < 0 && c->in.n > HEAD_MAX) {
        snprintf(c->target, sizeof c->target, "request");
        refuse(c, 431, "its head is too long");
    } else if (end >= 0) {
        tcp_deadline(c->s, 0);
        tcp_owe(c->s, true);
        on_head(c, str_sub(strbuf_str(&c->in), 0, (size_t)end), str_sub(strbuf_str(&c->in), (size_t)end + 4, c->in.n));
    }
}

static void on_eof(void *ctx)
{
    struct conn *c = ctx;
    if (!c->lead && !c->dialing)
        conn_free(c);
}

static void on_close(void *ctx, const struct err *why)
{
    (void)why;
    conn_free(ctx);
}

static const struct stream_events conn_events = { .on_data = on_data, .on_eof = on_eof, .on_close = on_close };

static void on_accept(void *ctx, struct stream *s, struct str peer)
{
    struct proxy *p = ctx;
    struct conn *c = NEW(struct conn);
    (void)peer;
    c->proxy = p;
    c->s = s;
    c->arena = arena_new();
    strbuf_init(&c->in, LIMIT_BODY_BYTES);
    list_init(&c->node);
    list_push(&p->conns, &c->node);
    tcp_deadline(s, HEAD_WAIT_MS);
    stream_attach(s, &conn_events, c);
}

/* ---- life ---- */
struct proxy *proxy_new(struct cluster *c, int port, struct err *err)
{
    struct proxy *p = NEW(struct proxy);
    struct err first = { 0 };
    p->cluster = c;
    p->loop = cluster_loop(c);
    list_init(&p->conns);
    list_init(&p->leads);
    p->listener = port ? tcp_listen(p->loop, "127.0.0.1", port, on_accept, p, &first) : NULL;
    if (!p->listener)
        p->listener = tcp_listen(p->loop, "127.0.0.1", 0, on_accept, p, err);
    err_clear(&first);
    if (p->listener)
        return p;
    free(p);
    return NULL;
}

int proxy_port(const struct proxy *p) { return tcp_listener_port(p->listener); }

void proxy_free(struct proxy *p)
{
    if (!p)
        return;
    tcp_listener_close(p->listener);
    while (!list_empty(&p->conns))
        conn_free(container_of(p->conns.next, struct conn, node));
    list_for(it, &p->leads) {
        struct lead *l = container_of(it, struct lead, node);
        input_cancel(&l->input);
        if (l->begun)
            vnet_dial_cancel(&l->dial);
        free(l);
    }
    free(p);
}
