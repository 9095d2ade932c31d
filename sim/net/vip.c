/* sim/net/vip.c - Service addresses: what kube-proxy's iptables rules do to a new connection.
 *
 * Upstream: pkg/proxy/iptables/proxier.go. A Service port has a chain that jumps to one of n endpoint chains with `-m statistic --mode random`,
 * which comes to a uniform choice per connection; without endpoints a REJECT rule answers, which a dialer sees as "connection refused".
 * An address or port that no Service has is not touched and goes on to the route.
 * Simplified: no session affinity, no masquerading (the peer sees the dialer's own address, as it does in iptables mode inside a cluster).
 */
#include "sim/net/net_priv.h"

#include <stdio.h>
#include <stdlib.h>

struct vip {
    size_t             n;
    struct vip_backend b[];
};

static struct str vip_key(char buf[128], const char *proto, const char *ip, int port)
{
    int n = snprintf(buf, 128, "%s %s:%d", proto, ip, port);
    ASSERT(n > 0 && n < 128);
    return (struct str){ buf, (size_t)n };
}

/* Program ip:port to go to one of n backends (copied); n is 0 for a Service without endpoints. Replaces what was there. */
void vip_set(struct vnet *v, const char *ip, int port, const char *proto, const struct vip_backend *b, size_t n)
{
    char key[128];
    struct vip *vip = xcalloc(1, sizeof *vip + n * sizeof vip->b[0]);
    vip->n = n;
    if (n > 0)
        memcpy(vip->b, b, n * sizeof vip->b[0]);
    free(map_put(v->vips, vip_key(key, proto, ip, port), vip));
}

void vip_remove(struct vnet *v, const char *ip, int port, const char *proto)
{
    char key[128];
    free(map_take(v->vips, vip_key(key, proto, ip, port)));
}

bool vip_translate(struct vnet *v, const char *proto, char ip[64], int *port)
{
    char key[128];
    const struct vip *vip = map_get(v->vips, vip_key(key, proto, ip, *port));
    if (vip == NULL)
        return true;
    if (vip->n == 0)
        return false;
    const struct vip_backend *b = &vip->b[vip->n == 1 ? 0 : rng_below(&v->rng, vip->n)];
    snprintf(ip, 64, "%s", b->ip);
    *port = b->port;
    return true;
}
