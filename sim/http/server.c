/* sim/http/server.c - a server: one handler behind any number of listeners, on real sockets and in the virtual network.
 *
 * Order of use: http_server_new, http_server_listen_*, then the handler is called for each request; http_server_free
 * ends everything at once: listeners, connections, and exchanges that are still open (their on_gone is called before it
 * returns).
 */
#include "sim/http/http_priv.h"

#include <stdio.h>
#include <stdlib.h>

struct http_server *http_server_new(const struct http_server_options *opt, struct err *err)
{
    ASSERT(opt->loop != NULL);
    ASSERT(opt->handler != NULL);
    struct http_server *s = NEW(struct http_server);
    s->opt = *opt;
    s->name = xstrdup(opt->name != NULL ? opt->name : "http");
    list_init(&s->listeners);
    list_init(&s->edge_conns);
    list_init(&s->direct_links);
    list_init(&s->exchanges);
    if (opt->identity == NULL)
        return s;
    struct tls_server_options tls = { .identity = opt->edge_identity ? opt->edge_identity : opt->identity,
                                      .ctx = opt->identity_ctx,
                                      .request_client_cert = opt->request_client_cert };
    s->tls = tls_server_new(&tls, err);
    if (s->tls == NULL) {
        http_server_free(s);
        return NULL;
    }
    return s;
}

void http_server_free(struct http_server *s)
{
    if (s == NULL)
        return;
    list_for(it, &s->listeners) {
        struct server_listener *l = container_of(it, struct server_listener, node);
        tcp_listener_close(l->tcp);
        vnet_listener_close(l->vnet);
        free(l);
    }
    while (!list_empty(&s->direct_links)) {
        struct direct_link *d = container_of(s->direct_links.next, struct direct_link, node);
        d->exchange = NULL;
        direct_break(d, d->status == 0 ? "EOF" : "unexpected EOF");
    }
    edge_conn_drop_all(s);
    exchange_gone_all(s);
    tls_server_free(s->tls);
    free(s->name);
    free(s);
}

static bool server_add(struct http_server *s, struct tcp_listener *tcp, struct vnet_listener *vnet)
{
    if (tcp == NULL && vnet == NULL)
        return false;
    struct server_listener *l = NEW(struct server_listener);
    l->tcp = tcp;
    l->vnet = vnet;
    list_init(&l->node);
    list_push(&s->listeners, &l->node);
    return true;
}

bool http_server_listen_edge(struct http_server *s, const char *addr, int port, int *bound_port, struct err *err)
{
    struct tcp_listener *t = tcp_listen(s->opt.loop, addr, port, edge_accept, s, err);
    if (t != NULL && bound_port != NULL)
        *bound_port = tcp_listener_port(t);
    return server_add(s, t, NULL);
}

bool http_server_listen_unix(struct http_server *s, const char *path, struct err *err)
{
    ASSERT(s->tls == NULL);                        /* the control socket is guarded by its mode */
    return server_add(s, unix_listen(s->opt.loop, path, edge_accept, s, err), NULL);
}

bool http_server_listen_vnet(struct http_server *s, struct vnet_host *h, const char *ip, int port, struct err *err)
{
    struct vnet_endpoint ep = { .kind = &http_direct_kind, .server = s };
    return server_add(s, NULL, vnet_listen(h, ip, port, ep, err));
}

void http_server_place(const struct http_server *s, char out[80])
{
    list_for(it, (struct list *)(uintptr_t)&s->listeners) {
        const struct server_listener *l = container_of(it, struct server_listener, node);
        if (l->vnet != NULL && vnet_listener_place(l->vnet, out))
            return;
    }
    snprintf(out, 80, "%s", s->name);
}

size_t http_server_connections(const struct http_server *s)
{
    return s->conn_count;
}
