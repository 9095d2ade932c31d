/* apiserver/registry/alloc.c - the Services' addresses (--service-cluster-ip-range, kubeadm's 10.96.0.0/12) and their node ports
 * (--service-node-port-range).
 *
 * Upstream keeps bitmaps in etcd (pkg/registry/core/service/{ipallocator,portallocator}); here what is taken is learnt from the
 * Services in the store at the start and kept in step by their strategy. The draw is the API server's own dice; the first address
 * is the kubernetes Service's.
 */
#include "apiserver/registry/registry.h"

#include <stdlib.h>

#define IP_BASE 0x0A600000u            /* 10.96.0.0 */
enum { IP_BITS = 12, PORT_FIRST = 30000, PORT_COUNT = 2768 };

struct alloc {
    struct rng *rng;
    uint32_t    ip_base, ip_count;     /* the range, its first address and its broadcast included */
    unsigned    ip_bits;
    int64_t     port_first, port_count;
    uint8_t    *ips, *ports;           /* one bit each */
    uint32_t    ip_used, port_used;
};

static bool bit(const uint8_t *map, uint32_t i) { return map[i / 8] >> (i % 8) & 1; }

static void bit_set(uint8_t *map, uint32_t i, bool v)
{
    map[i / 8] = (uint8_t)(v ? map[i / 8] | (1u << (i % 8)) : map[i / 8] & ~(1u << (i % 8)));
}

static bool ip_parse(struct str text, uint32_t *out)
{
    uint32_t v = 0;
    for (int i = 0; i < 4; i++) {
        int64_t n;
        if (!str_int(str_token(&text, '.'), &n) || n < 0 || n > 255) return false;
        v = v << 8 | (uint32_t)n;
    }
    *out = v;
    return text.p == NULL;
}

static struct str ip_text(struct arena *a, uint32_t ip)
{
    return arena_strf(a, "%u.%u.%u.%u", ip >> 24, ip >> 16 & 255, ip >> 8 & 255, ip & 255);
}

struct str alloc_first_ip(const struct alloc *al, struct arena *a) { return ip_text(a, al->ip_base + 1); }

bool alloc_ip(struct alloc *al, struct str want, struct arena *a, struct str *out, struct err *err)
{
    uint32_t ip;
    if (want.n) {
        if (!ip_parse(want, &ip)) return err_set(err, ERR_BAD_REQUEST, "must be empty, 'None', or a valid IP address");
        if (ip <= al->ip_base || ip >= al->ip_base + al->ip_count - 1)
            return err_set(err, ERR_BAD_REQUEST, "provided IP is not in the valid range. The range of valid IPs is " STR_FMT "/%u",
                           STR_ARG(ip_text(a, al->ip_base)), al->ip_bits);
        if (bit(al->ips, ip - al->ip_base)) return err_set(err, ERR_ALREADY_EXISTS, "provided IP is already allocated");
    } else {
        if (al->ip_used >= al->ip_count - 3) return err_set(err, ERR_INTERNAL, "failed to allocate a serviceIP: range is full");
        do ip = al->ip_base + 1 + (uint32_t)rng_below(al->rng, al->ip_count - 2);
        while (bit(al->ips, ip - al->ip_base) || ip == al->ip_base + 1);
    }
    bit_set(al->ips, ip - al->ip_base, true);
    al->ip_used++;
    *out = ip_text(a, ip);
    return true;
}

void alloc_ip_release(struct alloc *al, struct str text)
{
    uint32_t ip;
    if (!ip_parse(text, &ip) || ip < al->ip_base || ip >= al->ip_base + al->ip_count || !bit(al->ips, ip - al->ip_base)) return;
    bit_set(al->ips, ip - al->ip_base, false);
    al->ip_used--;
}

bool alloc_port(struct alloc *al, int64_t want, int64_t *out, struct err *err)
{
    uint32_t i;
    if (want) {
        if (want < al->port_first || want >= al->port_first + al->port_count)
            return err_set(err, ERR_BAD_REQUEST,
                           "provided port is not in the valid range. The range of valid ports is %" PRId64 "-%" PRId64, al->port_first,
                           al->port_first + al->port_count - 1);
        i = (uint32_t)(want - al->port_first);
        if (bit(al->ports, i)) return err_set(err, ERR_ALREADY_EXISTS, "provided port is already allocated");
    } else {
        if (al->port_used >= al->port_count) return err_set(err, ERR_INTERNAL, "failed to allocate a nodePort: range is full");
        do i = (uint32_t)rng_below(al->rng, (uint64_t)al->port_count);
        while (bit(al->ports, i));
    }
    bit_set(al->ports, i, true);
    al->port_used++;
    *out = al->port_first + (int64_t)i;
    return true;
}

void alloc_port_release(struct alloc *al, int64_t port)
{
    if (port < al->port_first || port >= al->port_first + al->port_count || !bit(al->ports, (uint32_t)(port - al->port_first))) return;
    bit_set(al->ports, (uint32_t)(port - al->port_first), false);
    al->port_used--;
}

static bool learn(void *ctx, struct str key, struct object *o)
{
    struct alloc *al = ctx;
    struct arena *a = arena_new();
    const struct json *svc = object_json(o);
    struct str ip = json_path_str(svc, "spec.clusterIP"), got;
    int64_t port, health = json_path_int(svc, "spec.healthCheckNodePort", 0);
    (void)key;
    if (health) alloc_port(al, health, &port, NULL);
    if (ip.n && !str_eqc(ip, "None")) alloc_ip(al, ip, a, &got, NULL);
    for (const struct json *p = json_first(json_path(svc, "spec.ports")); p; p = json_next(p))
        if (json_get_int(p, "nodePort", 0)) alloc_port(al, json_get_int(p, "nodePort", 0), &port, NULL);
    arena_free(a);
    return true;
}

struct alloc *alloc_new(struct apiserver *as)
{
    const struct apiserver_policy *p = &as->opt.policy;
    struct alloc *al = NEW(struct alloc);
    al->rng = &as->rng;
    al->ip_base = p->service_bits ? p->service_ip : IP_BASE;
    al->ip_bits = p->service_bits ? p->service_bits : IP_BITS;
    al->ip_count = 1u << (32 - al->ip_bits);
    al->port_first = p->port_count ? p->port_first : PORT_FIRST;
    al->port_count = p->port_count ? p->port_count : PORT_COUNT;
    al->ips = xcalloc(al->ip_count / 8 + 1, 1);
    al->ports = xcalloc((size_t)al->port_count / 8 + 1, 1);
    store_list(as->store, STR("/registry/core/services/"), STR_NULL, learn, al);
    return al;
}

void alloc_free(struct alloc *al)
{
    if (!al) return;
    free(al->ips);
    free(al->ports);
    free(al);
}
