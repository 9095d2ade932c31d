/* workloads/controllers/subsets.c - the arithmetic of Endpoints (pkg/controller/endpoint, pkg/api/v1/endpoints/util.go
 * RepackSubsets).
 *
 * Every port that a pod serves is a pair of port and address; addresses with the same set of ports come into one subset. Ports
 * are ordered by the MD5 of their Go dump, as upstream: it looks arbitrary in `kubectl get endpoints`, and is.
 */
#include "workloads/controllers/endpoints.h"

#include <stdlib.h>

/* ---- MD5 (RFC 1321): an order, not a protection ---- */
static const uint32_t md5_k[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501, 0x698098d8, 0x8b44f7af,
        0xffff5bb1, 0x895cd7be, 0x6b901122,
    0xfd987193, 0xa679438e, 0x49b40821, 0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681,
    0xe7d3fbc8, 0x21e1cde6, 0xc33707d6,
    0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a, 0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c,
    0xa4beea44, 0x4bdecfa9, 0xf6bb4b60,
    0xbebfbc70, 0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665, 0xf4292244,
    0x432aff97, 0xab9423a7, 0xfc93a039,
    0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1, 0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235,
    0x2ad7d2bb, 0xeb86d391 };
static const uint8_t md5_r[16] = { 7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21 };

static void md5_block(uint32_t h[4], const uint8_t *p)
{
    uint32_t w[16], a = h[0], b = h[1], c = h[2], d = h[3];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)p[4 * i] | (uint32_t)p[4 * i + 1] << 8 | (uint32_t)p[4 * i + 2] << 16 | (uint32_t)p[4 * i + 3] << 24;
    for (int i = 0; i < 64; i++) {
        uint32_t f = i < 16 ? (b & c) | (~b & d) : i < 32 ? (d & b) | (~d & c) : i < 48 ? b ^ c ^ d : c ^ (b | ~d);
        int g = i < 16 ? i : i < 32 ? (5 * i + 1) % 16 : i < 48 ? (3 * i + 5) % 16 : (7 * i) % 16;
        uint32_t t = a + f + md5_k[i] + w[g];
        unsigned r = md5_r[i / 16 * 4 + i % 4];
        a = d;
        d = c;
        c = b;
        b += t << r | t >> (32 - r);
    }
    h[0] += a;
    h[1] += b;
    h[2] += c;
    h[3] += d;
}

void md5(struct str in, uint8_t out[16])
{
    uint32_t h[4] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476 };
    size_t whole = in.n / 64 * 64, rest = in.n - whole;
    for (size_t i = 0; i < whole; i += 64)
        md5_block(h, (const uint8_t *)in.p + i);
    uint8_t tail[128] = { 0 };
    size_t tail_n = rest < 56 ? 64 : 128;
    if (rest)
        memcpy(tail, in.p + whole, rest);
    tail[rest] = 0x80;
    for (int i = 0; i < 8; i++)
        tail[tail_n - 8 + (size_t)i] = (uint8_t)((uint64_t)in.n * 8 >> 8 * i);
    md5_block(h, tail);
    if (tail_n == 128)
        md5_block(h, tail + 64);
    for (int i = 0; i < 16; i++)
        out[i] = (uint8_t)(h[i / 4] >> 8 * (i % 4));
}

/* ---- services and pods ---- */
bool service_publishes_not_ready(const struct json *svc)
{
    return json_bool(json_path(svc, "spec.publishNotReadyAddresses"), false) ||
           str_eqc(meta_annotation(svc, "service.alpha.kubernetes.io/tolerate-unready-endpoints"), "true");
}

size_t pods_of_service(struct arena *a, struct ctl_watch *pods, const struct json *svc, const struct json **out)
{
    struct selector *sel = selector_from_map(a, json_path(svc, "spec.selector"));
    size_t cursor = 0, n = 0;
    for (const struct json *pod; ctl_next(pods, &cursor, &pod);)
        if (str_eq(meta_namespace(pod), meta_namespace(svc)) && selector_matches(sel, meta_labels(pod)))
            out[n++] = pod;
    return n;
}

bool service_port_on_pod(const struct json *port, const struct json *pod, int64_t *number)
{
    const struct json *target = json_get(port, "targetPort");
    struct str name = json_str(target), protocol = json_get_str(port, "protocol");
    if (name.n == 0) {
        *number = json_int(target, json_get_int(port, "port", 0));
        return true;
    }
    for (const struct json *c = json_first(json_path(pod, "spec.containers")); c; c = json_next(c))
        for (const struct json *p = json_first(json_get(c, "ports")); p; p = json_next(p)) {
            struct str own = json_get_str(p, "protocol");
            if (str_eq(json_get_str(p, "name"), name) && str_eq(own.n ? own : STR("TCP"), protocol.n ? protocol : STR("TCP"))) {
                *number = json_get_int(p, "containerPort", 0);
                return true;
            }
        }
    return false;
}

/* A pod that will not become ready any more is no endpoint, not even a not-ready one. */
static bool may_become_ready(const struct json *pod)
{
    struct str policy = json_path_str(pod, "spec.restartPolicy"), phase = json_path_str(pod, "status.phase");
    if (str_eqc(policy, "Never"))
        return !str_eqc(phase, "Failed") && !str_eqc(phase, "Succeeded");
    return !str_eqc(policy, "OnFailure") || !str_eqc(phase, "Succeeded");
}

static struct json *address_of(struct arena *a, const struct json *svc, const struct json *pod)
{
    struct json *address = json_buildf(a, "{'ip':%S}", json_path_str(pod, "status.podIP"));
    struct str hostname = json_path_str(pod, "spec.hostname"), node = json_path_str(pod, "spec.nodeName");
    if (hostname.n && str_eq(json_path_str(pod, "spec.subdomain"), meta_name(svc)))
        json_set_str(a, address, "hostname", hostname);
    if (node.n)
        json_set_str(a, address, "nodeName", node);
    json_set(a, address, "targetRef",
             json_buildf(a, "{'kind':'Pod','namespace':%S,'name':%S,'uid':%S,'resourceVersion':%S}", meta_namespace(pod),
                         meta_name(pod), meta_uid(pod),
                                                  json_path_str(pod, "metadata.resourceVersion")));
    return address;
}

/* ---- repacking ---- */
struct member { struct json *address; bool ready; struct str ip; bool *ports; };       /* ports[i]: it serves port i */

static struct str port_hash(struct arena *a, int minor, const struct json *p)
{
    struct str name = json_get_str(p, "name"), protocol = json_get_str(p, "protocol");
    char *sum = arena_alloc(a, 16);
    md5(arena_strf(a, "(v1.EndpointPort){Name:(string)" STR_FMT " Port:(int32)%" PRId64 " Protocol:(v1.Protocol)" STR_FMT "%s}",
                   STR_ARG(name), json_get_int(p, "port", 0),
                   STR_ARG(protocol), minor >= 18 ? " AppProtocol:(*string)<nil>" : ""), (uint8_t *)sum);
    return (struct str){ sum, 16 };
}

static int cmp_members(const void *x, const void *y)
{
    const struct member *a = x, *b = y;
    int c = str_cmp(a->ip, b->ip);
    return c ? c : str_cmp(json_path_str(a->address, "targetRef.uid"), json_path_str(b->address, "targetRef.uid"));
}

static struct json *subset_of(struct arena *a, const struct member *m, size_t n, bool *taken, size_t first,
                              struct json *const *ports, size_t port_count, bool portless)
{
    struct json *ready = json_new_array(a), *not_ready = json_new_array(a), *list = json_new_array(a), *subset = json_new_object(a);
    for (size_t i = first; i < n; i++) {
        if (taken[i] || memcmp(m[i].ports, m[first].ports, port_count * sizeof *m[i].ports) != 0)
            continue;
        taken[i] = true;
        json_append(m[i].ready ? ready : not_ready, m[i].address);
    }
    for (size_t p = 0; p < port_count && !portless; p++)
        if (m[first].ports[p])
            json_append(list, json_copy(a, ports[p]));
    if (json_len(ready))
        json_set(a, subset, "addresses", ready);
    if (json_len(not_ready))
        json_set(a, subset, "notReadyAddresses", not_ready);
    if (json_len(list))
        json_set(a, subset, "ports", list);
    return subset;
}

/* All (port, number) pairs that occur, ordered by hash. */
static size_t distinct_ports(struct arena *a, int minor, const struct json *svc, const struct json *const *pods, size_t n,
                             struct json **ports)
{
    size_t count = 0;
    for (const struct json *p = json_first(json_path(svc, "spec.ports")); p; p = json_next(p))
        for (size_t i = 0; i < n; i++) {
            int64_t number;
            if (!service_port_on_pod(p, pods[i], &number))
                continue;
            struct json *ep = json_new_object(a);
            if (json_get_str(p, "name").n)
                json_set_str(a, ep, "name", json_get_str(p, "name"));
            json_set_int(a, ep, "port", number);
            json_set_str(a, ep, "protocol", json_get_str(p, "protocol").n ? json_get_str(p, "protocol") : STR("TCP"));
            size_t at = count;
            struct str hash = port_hash(a, minor, ep);
            bool known = false;
            for (size_t k = 0; k < count; k++)
                known = known || json_equal(ports[k], ep);
            if (known)
                continue;
            for (count++; at > 0 && str_cmp(port_hash(a, minor, ports[at - 1]), hash) > 0; at--)
                ports[at] = ports[at - 1];
            ports[at] = ep;
        }
    return count;
}

static bool serves(const struct json *svc, const struct json *pod, const struct json *ep)
{
    for (const struct json *p = json_first(json_path(svc, "spec.ports")); p; p = json_next(p)) {
        int64_t number;
        if (str_eq(json_get_str(p, "name"), json_get_str(ep, "name")) && service_port_on_pod(p, pod, &number) &&
            number == json_get_int(ep, "port", 0) &&
            str_eq(json_get_str(p, "protocol").n ? json_get_str(p, "protocol") : STR("TCP"), json_get_str(ep, "protocol")))
            return true;
    }
    return false;
}

struct json *endpoints_subsets(struct arena *a, int minor, const struct json *svc, const struct json *const *pods, size_t n)
{
    size_t spec_ports = json_len(json_path(svc, "spec.ports")), members = 0;
    bool all = service_publishes_not_ready(svc), portless = spec_ports == 0 && str_eqc(json_path_str(svc, "spec.clusterIP"), "None");
    struct json **ports = arena_alloc(a, (spec_ports * n + 1) * sizeof *ports), *subsets = json_new_array(a);
    size_t port_count = distinct_ports(a, minor, svc, pods, n, ports);
    struct member *m = arena_zalloc(a, (n + 1) * sizeof *m);
    for (size_t i = 0; i < n; i++) {
        bool ready = all || pod_is_ready(pods[i]), any = portless;
        if (!json_path_str(pods[i], "status.podIP").n || (!all && meta_deleting(pods[i])) || (!ready && !may_become_ready(pods[i])))
            continue;
        bool *has = arena_zalloc(a, (port_count + 1) * sizeof *has);
        for (size_t p = 0; p < port_count; p++)
            any = (has[p] = serves(svc, pods[i], ports[p])) || any;
        if (any)
            m[members++] = (struct member){ address_of(a, svc, pods[i]), ready, json_path_str(pods[i], "status.podIP"), has };
    }
    qsort(m, members, sizeof *m, cmp_members);
    bool *taken = arena_zalloc(a, (members + 1) * sizeof *taken);
    for (size_t i = 0; i < members; i++)
        if (!taken[i])
            json_append(subsets, subset_of(a, m, members, taken, i, ports, port_count, portless));
    return subsets;
}
