/* sim/net/vip.c - Service addresses: what kube-proxy's iptables rules do to a new connection.
 *
 * Upstream: pkg/proxy/iptables/proxier.go. A Service port has a chain that jumps to one of n endpoint chains with `-m
 * statistic --mode random`, which comes to a uniform choice per connection; without endpoints a REJECT rule answers,
 * which a dialer sees as "connection refused". An address or port that no Service has is not touched and goes on to the
 * route. Each machine has its own rules, as each has its own kernel; a pod's traffic passes its machine's. Simplified: no
 * session affinity, no masquerading (the peer sees the dialer's own address, as it does in iptables mode inside a cluster).
 */
#include "sim/net/net_priv.h"

#include <stdio.h>
#include <stdlib.h>

struct vip {
    size_t             n;
    struct vip_backend b[];
};

/* "TCP 10.96.0.1:443"; put together by hand, since each packet that begins something asks. */
static struct str vip_key(char buf[128], const char *proto, const char *ip, int port)
{
    char digits[12], *end = digits + sizeof digits, *first = end, *p = buf;
    size_t proto_n = strlen(proto), ip_n = strlen(ip);
    ASSERT(proto_n + ip_n < 100 && port >= 0);
    do
        *--first = (char)('0' + port % 10);
    while ((port /= 10) > 0);
    p = mempcpy(p, proto, proto_n);
    *p++ = ' ';
    p = mempcpy(p, ip, ip_n);
    *p++ = ':';
    p = mempcpy(p, first, (size_t)(end - first));
    return (struct str){ buf, (size_t)(p - buf) };
}

static bool same_backends(const struct vip *vip, const struct vip_backend *b, size_t n)
{
    bool same = vip->n == n;
    for (size_t i = 0; same && i < n; i++)
        same = strcmp(vip->b[i].ip, b[i].ip) == 0 && vip->b[i].port == b[i].port;
    return same;
}

/* Program ip:port to go to one of n backends (copied); n is 0 for a Service without endpoints. Replaces what was there. */
void vip_set(struct vnet_host *h, const char *ip, int port, const char *proto, const struct vip_backend *b, size_t n)
{
    char key[128];
    h = h->machine;
    if (!h->vips)
        h->vips = map_new();
    const struct vip *old = map_get(h->vips, vip_key(key, proto, ip, port));
    if (old && same_backends(old, b, n))
        return;
    h->vip_version++;
    struct vip *vip = xcalloc(1, sizeof *vip + n * sizeof vip->b[0]);
    vip->n = n;
    if (n > 0)
        memcpy(vip->b, b, n * sizeof vip->b[0]);
    free(map_put(h->vips, vip_key(key, proto, ip, port), vip));
}

void vip_remove(struct vnet_host *h, const char *ip, int port, const char *proto)
{
    char key[128];
    h = h->machine;
    struct vip *vip = h->vips ? map_take(h->vips, vip_key(key, proto, ip, port)) : NULL;
    h->vip_version += vip != NULL;
    free(vip);
}

void vip_clear(struct vnet_host *h)
{
    h = h->machine;
    map_free(h->vips, free);
    h->vips = NULL;
    h->vip_version++;
}

uint64_t vip_version(const struct vnet_host *h) { return h->machine->vip_version; }

/* "TCP 10.96.0.1:443 192.168.229.132:6443": the key, then the endpoints. */
void vip_save(const struct vnet_host *h, struct strbuf *out)
{
    size_t cursor = 0;
    struct str key;
    void *value;
    while (h->machine->vips && map_next(h->machine->vips, &cursor, &key, &value)) {
        const struct vip *vip = value;
        strbuf_addf(out, STR_FMT, STR_ARG(key));
        for (size_t i = 0; i < vip->n; i++)
            strbuf_addf(out, " %s:%d", vip->b[i].ip, vip->b[i].port);
        strbuf_addch(out, '\n');
    }
}

/* "10.96.0.1:443" */
static bool parse_address(struct str text, char ip[64], int *port)
{
    size_t colon = text.n;
    int64_t n;
    while (colon > 0 && text.p[colon - 1] != ':')
        colon--;
    if (colon < 2 || colon > 64 || !str_int(str_sub(text, colon, text.n), &n) || n < 1 || n > 65535)
        return false;
    memcpy(ip, text.p, colon - 1);
    ip[colon - 1] = 0;
    *port = (int)n;
    return true;
}

static bool next_part(struct str *rest, char separator, struct str *part)
{
    if (!rest->n)
        return false;
    str_cut(*rest, separator, part, rest);
    return true;
}

static bool restore_line(struct vnet_host *h, struct str line)
{
    struct str proto = STR_NULL, word;
    char ip[64];
    int port = 0;
    bool ok = next_part(&line, ' ', &proto) && next_part(&line, ' ', &word) &&
              (str_eqc(proto, "TCP") || str_eqc(proto, "UDP")) && parse_address(word, ip, &port);
    struct vip_backend *b = xcalloc(line.n + 1, sizeof *b);
    size_t n = 0;
    while (ok && next_part(&line, ' ', &word)) {
        ok = parse_address(word, b[n].ip, &b[n].port);
        n++;
    }
    if (ok)
        vip_set(h, ip, port, proto.p[0] == 'T' ? "TCP" : "UDP", b, n);
    free(b);
    return ok;
}

bool vip_restore(struct vnet_host *h, struct str text)
{
    bool all = true;
    struct str line;
    while (next_part(&text, '\n', &line))
        if (line.n && !restore_line(h, line))
            all = false;
    return all;
}

bool vip_translate(struct vnet_host *from, const char *proto, char ip[64], int *port)
{
    char key[128];
    const struct vip *vip = from->machine->vips ? map_get(from->machine->vips, vip_key(key, proto, ip, *port)) : NULL;
    if (vip == NULL)
        return true;
    if (vip->n == 0)
        return false;
    const struct vip_backend *b = &vip->b[vip->n == 1 ? 0 : rng_below(&from->net->rng, vip->n)];
    text_copy(ip, 64, b->ip);
    *port = b->port;
    return true;
}
