/* apiserver/schema/validate_network.c - NetworkPolicies, Ingresses and their classes, EndpointSlices.
 *
 * Models pkg/apis/{networking,discovery}/validation. An Ingress is checked in the shape it was asked for in: a v1beta1 one is told of
 * `backend` and `servicePort`, a v1 one of `defaultBackend` and `service.port.number`.
 */
#include "apiserver/schema/schema_priv.h"

#include <arpa/inet.h>

enum { STRICT_SUBSET_MINOR = 19, INGRESS_V1_MINOR = 19, CONTROLLER_NAME_MAX = 250, POLICY_TYPES_MAX = 2,
       SLICE_ENDPOINTS_MAX = 1000, SLICE_ADDRESSES_MAX = 100, SLICE_TOPOLOGY_MAX = 16 };

/* ---- addresses ---- */

bool ip_parse(struct arena *a, struct str text, struct ip_net *out)
{
    char *copy = arena_cstr(a, text);
    bool v6 = str_chr(text, ':') >= 0;
    out->bytes = v6 ? 16 : 4;
    out->bits = v6 ? 128 : 32;
    return inet_pton(v6 ? AF_INET6 : AF_INET, copy, out->ip) == 1;
}

bool cidr_parse(struct arena *a, struct str text, struct ip_net *out)
{
    struct str ip, length;
    int64_t bits;
    if (!str_cut(text, '/', &ip, &length) || !ip_parse(a, ip, out) || !str_int(length, &bits) || bits < 0 || bits > out->bits)
        return false;
    out->bits = (int)bits;
    for (size_t i = 0; i < out->bytes; i++) {              /* the network's address, as net.ParseCIDR gives it */
        int keep = out->bits - (int)i * 8;
        unsigned mask = keep >= 8 ? 0xffu : keep <= 0 ? 0u : 0xffu << (8 - keep) & 0xffu;
        out->ip[i] = (uint8_t)(out->ip[i] & mask);
    }
    return true;
}

static bool cidr_contains(const struct ip_net *net, const struct ip_net *ip)
{
    if (net->bytes != ip->bytes)
        return false;
    for (int i = 0; i < net->bits; i++)
        if ((net->ip[i / 8] ^ ip->ip[i / 8]) & (0x80 >> (i % 8)))
            return false;
    return true;
}

/* ---- NetworkPolicy ---- */

static void check_ip_block(struct check *c, const struct json *block, const struct fpath *p)
{
    struct str cidr = json_get_str(block, "cidr");
    struct ip_net net, inner;
    if (cidr.n == 0) {
        check_required(c, FP_NAME(p, "cidr"), "");
        return;
    }
    if (!cidr_parse(c->a, cidr, &net)) {
        check_invalid_s(c, FP_NAME(p, "cidr"), cidr, "not a valid CIDR");
        return;
    }
    size_t i = 0;
    for (const struct json *e = json_first(json_get(block, "except")); e; e = json_next(e), i++) {
        const struct fpath *ep = FP_INDEX(FP_NAME(p, "except"), i);
        if (!cidr_parse(c->a, json_str(e), &inner)) {
            check_invalid_s(c, ep, json_str(e), "not a valid CIDR");
            return;
        }
        bool inside = cidr_contains(&net, &inner);
        if (c->minor >= STRICT_SUBSET_MINOR && (!inside || net.bits >= inner.bits)) {
            check_invalid_s(c, ep, json_str(e), "must be a strict subset of `cidr`");
        } else if (!inside) {
            char text[INET6_ADDRSTRLEN];
            inet_ntop(inner.bytes == 4 ? AF_INET : AF_INET6, inner.ip, text, sizeof text);
            check_invalid_raw(c, ep, text, "not within CIDR range");
        }
    }
}

static void check_peer(struct check *c, const struct json *peer, const struct fpath *p)
{
    static const char *const selectors[] = { "podSelector", "namespaceSelector" };
    const struct json *block = json_get(peer, "ipBlock");
    size_t n = block != NULL;
    for (size_t i = 0; i < ARRAY_LEN(selectors); i++) {
        n += json_get(peer, selectors[i]) != NULL;
        check_label_selector(c, json_get(peer, selectors[i]), FP_NAME(p, selectors[i]));
    }
    if (block)
        check_ip_block(c, block, FP_NAME(p, "ipBlock"));
    if (n == 0)
        check_required(c, p, "must specify a peer");
    else if (n > 1 && block)
        check_forbidden(c, p, "may not specify both ipBlock and another peer");
}

static void check_policy_port(struct check *c, const struct json *o, const struct fpath *p)
{
    const struct json *port = json_get(o, "port"), *end = json_get(o, "endPort");
    if (json_get(o, "protocol"))
        check_enum(c, FP_NAME(p, "protocol"), json_get_str(o, "protocol"), "TCP,UDP,SCTP");
    if (json_is(port, JSON_STRING))
        check_port_name(c, json_str(port), FP_NAME(p, "port"));
    else if (port)
        check_port_number(c, json_int(port, 0), FP_NAME(p, "port"));
    if (!end)
        return;
    if (!port)
        check_invalid_i(c, FP_NAME(p, "endPort"), json_int(end, 0), "may not be specified when `port` is not specified");
    else if (json_is(port, JSON_STRING))
        check_invalid_i(c, FP_NAME(p, "endPort"), json_int(end, 0), "may not be specified when `port` is non-numeric");
    else if (json_int(end, 0) < json_int(port, 0))
        check_invalid_i(c, FP_NAME(p, "endPort"), json_int(end, 0), "must be greater than or equal to `port`");
}

void validate_network_policy(struct check *c, const struct gvk *gvk, const struct json *obj, const struct json *old)
{
    (void)gvk; (void)old;
    static const struct { const char *rules, *peers; } ways[] = { { "ingress", "from" }, { "egress", "to" } };
    const struct json *spec = json_get(obj, "spec"), *types = json_get(spec, "policyTypes");
    const struct fpath *p = FP_NAME(NULL, "spec");
    check_label_selector(c, json_get(spec, "podSelector"), FP_NAME(p, "podSelector"));
    for (size_t w = 0; w < ARRAY_LEN(ways); w++) {
        size_t i = 0;
        for (const struct json *r = json_first(json_get(spec, ways[w].rules)); r; r = json_next(r), i++) {
            const struct fpath *rp = FP_INDEX(FP_NAME(p, ways[w].rules), i);
            size_t j = 0;
            for (const struct json *o = json_first(json_get(r, "ports")); o; o = json_next(o), j++)
                check_policy_port(c, o, FP_INDEX(FP_NAME(rp, "ports"), j));
            j = 0;
            for (const struct json *o = json_first(json_get(r, ways[w].peers)); o; o = json_next(o), j++)
                check_peer(c, o, FP_INDEX(FP_NAME(rp, ways[w].peers), j));
        }
    }
    if (json_len(types) > POLICY_TYPES_MAX) {
        check_invalid_raw(c, FP_NAME(p, "policyTypes"), go_list(c->a, "[]networking.PolicyType", types),
                          "may not specify more than two policyTypes");
        return;
    }
    size_t i = 0;
    for (const struct json *t = json_first(types); t; t = json_next(t), i++)
        check_enum(c, FP_INDEX(FP_NAME(p, "policyTypes"), i), json_str(t), "Ingress,Egress");
}

/* ---- Ingress ---- */

/* A reference to an object of the same namespace, or of none. */
static void check_typed_reference(struct check *c, const struct json *ref, const struct fpath *p)
{
    static const char *const needed[] = { "kind", "name" };
    if (json_get(ref, "apiGroup"))
        check_name(c, json_get_str(ref, "apiGroup"), NAME_SUBDOMAIN, false, FP_NAME(p, "apiGroup"));
    for (size_t i = 0; i < ARRAY_LEN(needed); i++)
        if (json_get_str(ref, needed[i]).n == 0)
            check_required(c, FP_NAME(p, needed[i]), arena_printf(c->a, "%s is required", needed[i]));
        else
            check_name(c, json_get_str(ref, needed[i]), NAME_PATH, false, FP_NAME(p, needed[i]));
}

struct backend {
    struct str  service, port_name;
    int64_t     port;
    bool        has_service;
    const char *service_field, *name_field, *number_field;           /* what an error is called by */
};

static struct backend backend_of(const struct json *b, bool v1)
{
    const struct json *service = json_get(b, "service"), *port = v1 ? json_get(service, "port") : json_get(b, "servicePort");
    if (v1)
        return (struct backend){ json_get_str(service, "name"), json_get_str(port, "name"), json_get_int(port, "number", 0),
                                 service != NULL, "service.name", "service.port.name", "service.port.number" };
    struct str name = json_get_str(b, "serviceName"), port_name = json_str(port);
    int64_t number = json_is(port, JSON_INT) ? json_int(port, 0) : 0;
    return (struct backend){ name, port_name, number, name.n || port_name.n || number, "serviceName", "servicePort", "servicePort" };
}

/* Before there was networking/v1: no service means that its name is missing. */
static void check_old_backend(struct check *c, const struct backend *b, const struct fpath *p)
{
    if (b->service.n == 0) {
        check_required(c, FP_NAME(p, "serviceName"), "");
        return;
    }
    check_name(c, b->service, NAME_1035, false, FP_NAME(p, "serviceName"));
    if (b->port_name.n)
        check_port_name(c, b->port_name, FP_NAME(p, "servicePort"));
    else
        check_port_number(c, b->port, FP_NAME(p, "servicePort"));
}

static void check_backend(struct check *c, const struct json *backend, bool v1, const struct fpath *p)
{
    struct backend b = backend_of(backend, v1);
    const struct json *resource = json_get(backend, "resource");
    if (resource && b.has_service) {
        check_invalid_s(c, p, STR(""), "cannot set both resource and service backends");
        return;
    }
    if (resource) {
        check_typed_reference(c, resource, FP_NAME(p, "resource"));
        return;
    }
    if (c->minor < INGRESS_V1_MINOR) {
        check_old_backend(c, &b, p);
        return;
    }
    if (!b.has_service) {
        check_invalid_s(c, p, STR(""), "resource or service backend is required");
        return;
    }
    if (b.service.n == 0)
        check_required(c, FP_NAME(p, b.service_field), "");
    else
        check_name(c, b.service, NAME_1035, false, FP_NAME(p, b.service_field));
    if (b.port_name.n && b.port)
        check_invalid_s(c, p, STR(""), "cannot set both port name & port number");
    else if (b.port_name.n)
        check_port_name(c, b.port_name, FP_NAME(p, b.name_field));
    else if (b.port)
        check_port_number(c, b.port, FP_NAME(p, b.number_field));
    else
        check_required(c, p, "port name or number is required");
}

static void check_http_path(struct check *c, const struct json *o, bool v1, const struct fpath *p)
{
    static const char *const within[] = { "//", "/./", "/../", "%2f", "%2F" }, *const ends[] = { "/..", "/." };
    struct str path = json_get_str(o, "path"), type = json_get_str(o, "pathType");
    bool strict = in_list(type, "Exact,Prefix"), typed = c->minor >= INGRESS_V1_MINOR;
    if (typed && type.n == 0) {
        check_required(c, FP_NAME(p, "pathType"), "pathType must be specified");
        return;
    }
    if (typed && !strict && !str_eqc(type, "ImplementationSpecific"))
        check_unsupported(c, FP_NAME(p, "pathType"), type, "Exact,ImplementationSpecific,Prefix");
    else if (!str_starts(path, "/") && (path.n || strict))
        check_invalid_s(c, FP_NAME(p, "path"), path, "must be an absolute path");
    for (size_t i = 0; i < ARRAY_LEN(within) && strict; i++)
        if (str_find(path, str_c(within[i])) >= 0)
            check_invalid_s(c, FP_NAME(p, "path"), path, "must not contain '%s'", within[i]);
    for (size_t i = 0; i < ARRAY_LEN(ends) && strict; i++)
        if (str_ends(path, ends[i]))
            check_invalid_s(c, FP_NAME(p, "path"), path, "cannot end with '%s'", ends[i]);
    check_backend(c, json_get(o, "backend"), v1, FP_NAME(p, "backend"));
}

static void check_host(struct check *c, struct str host, const struct fpath *p)
{
    struct ip_net ip;
    if (ip_parse(c->a, host, &ip))
        check_invalid_s(c, p, host, "must be a DNS name, not an IP address");
    if (str_chr(host, '*') >= 0)
        check_wildcard_name(c, host, p);
    else
        check_name(c, host, NAME_SUBDOMAIN, false, p);
}

/* v1beta1 has always let wrong rules of a wildcard's host pass. */
static void check_ingress_rule(struct check *c, const struct json *r, bool v1, const struct fpath *p)
{
    const struct json *http = json_get(r, "http"), *paths = json_get(http, "paths");
    struct str host = json_get_str(r, "host");
    if (host.n)
        check_host(c, host, FP_NAME(p, "host"));
    if (!http || (!v1 && str_chr(host, '*') >= 0))
        return;
    const struct fpath *pp = FP_NAME(FP_NAME(p, "http"), "paths");
    if (json_len(paths) == 0)
        check_required(c, pp, "");
    size_t i = 0;
    for (const struct json *o = json_first(paths); o; o = json_next(o), i++)
        check_http_path(c, o, v1, FP_INDEX(pp, i));
}

static void check_ingress_tls(struct check *c, const struct json *tls, bool v1, const struct fpath *lp)
{
    size_t i = 0;
    for (const struct json *t = json_first(tls); t; t = json_next(t), i++) {
        const struct fpath *p = FP_INDEX(lp, i);
        struct str secret = json_get_str(t, "secretName");
        size_t j = 0;
        for (const struct json *h = json_first(json_get(t, "hosts")); h; h = json_next(h), j++)
            if (str_chr(json_str(h), '*') >= 0)
                check_wildcard_name(c, json_str(h), FP_INDEX(FP_NAME(p, "hosts"), j));
            else
                check_name(c, json_str(h), NAME_SUBDOMAIN, false, FP_INDEX(FP_NAME(p, "hosts"), j));
        if (v1 && secret.n)
            check_name(c, secret, NAME_SUBDOMAIN, false, FP_NAME(p, "secretName"));
    }
}

void validate_ingress(struct check *c, const struct gvk *gvk, const struct json *obj, const struct json *old)
{
    const struct json *spec = json_get(obj, "spec"), *rules = json_get(spec, "rules"), *class = json_get(spec, "ingressClassName");
    bool v1 = str_eqc(gvk->version, "v1");
    const char *dflt = v1 ? "defaultBackend" : "backend";
    const struct fpath *p = FP_NAME(NULL, "spec");
    if (json_len(rules) == 0 && !json_get(spec, dflt))
        check_invalid_raw(c, p, rules ? "[]networking.IngressRule{}" : "[]networking.IngressRule(nil)",
                          "either `%s` or `rules` must be specified", dflt);
    if (json_get(spec, dflt))
        check_backend(c, json_get(spec, dflt), v1, FP_NAME(p, dflt));
    size_t i = 0;
    for (const struct json *r = json_first(rules); r; r = json_next(r), i++)
        check_ingress_rule(c, r, v1, FP_INDEX(FP_NAME(p, "rules"), i));
    check_ingress_tls(c, json_get(spec, "tls"), v1, FP_NAME(p, "tls"));
    if (class)
        check_name(c, json_str(class), NAME_SUBDOMAIN, false, FP_NAME(p, "ingressClassName"));
    struct str annotation = meta_annotation(obj, "kubernetes.io/ingress.class");
    if (!old && class && annotation.n && c->minor < 30)
        check_invalid_s(c, FP_NAME(FP_NAME(NULL, "annotations"), "kubernetes.io/ingress.class"), annotation,
                        "can not be set when the class field is also set");
    else if (!old && class && annotation.n && !str_eq(annotation, json_str(class)))
        check_invalid_s(c, FP_NAME(FP_NAME(NULL, "annotations"), "kubernetes.io/ingress.class"), annotation,
                        "must match `ingressClassName` when both are specified");
}

/* "acme.io/foo": a domain and what an HTTP path may have. */
static void check_domain_path(struct check *c, struct str text, const struct fpath *p)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~%!$&'()*+,;=:@/";
    struct str domain, path;
    if (text.n == 0) {
        check_required(c, p, "");
        return;
    }
    if (!str_cut(text, '/', &domain, &path) || domain.n == 0 || path.n == 0) {
        check_invalid_s(c, p, text, "must be a domain-prefixed path (such as \"acme.io/foo\")");
        return;
    }
    check_name(c, domain, NAME_SUBDOMAIN, false, p);
    for (size_t i = 0; i < path.n; i++)
        if (!path.p[i] || !strchr(allowed, path.p[i])) {
            check_invalid_s(c, p, path, "Invalid path (regex used for validation is "
                                        "'[A-Za-z0-9/\\-._~%%!$&'()*+,;=:]+')");
            return;
        }
}

void validate_ingress_class(struct check *c, const struct gvk *gvk, const struct json *obj, const struct json *old)
{
    (void)gvk;
    const struct json *spec = json_get(obj, "spec"), *parameters = json_get(spec, "parameters");
    const struct fpath *p = FP_NAME(NULL, "spec");
    struct str controller = json_get_str(spec, "controller");
    if (old && !str_eq(controller, json_path_str(old, "spec.controller")))
        check_invalid_s(c, FP_NAME(p, "controller"), controller, "field is immutable");
    if (controller.n > CONTROLLER_NAME_MAX)
        check_too_long(c, FP_NAME(p, "controller"), CONTROLLER_NAME_MAX);
    check_domain_path(c, controller, FP_NAME(p, "controller"));
    if (parameters)
        check_typed_reference(c, parameters, FP_NAME(p, "parameters"));
}

/* ---- EndpointSlice ---- */

static void check_slice_address(struct check *c, struct str type, struct str address, const struct fpath *p)
{
    struct ip_net ip;
    bool is_ip = ip_parse(c->a, address, &ip);
    if (str_eqc(type, "IPv4") && (!is_ip || ip.bytes != 4))
        check_invalid_s(c, p, address, "must be a valid IPv4 address");
    if (str_eqc(type, "IPv6") && (!is_ip || ip.bytes != 16))
        check_invalid_s(c, p, address, "must be a valid IPv6 address");
    if (in_list(type, "IPv4,IPv6"))
        check_special_ip(c, address, p);
    else if (str_eqc(type, "FQDN"))
        check_name(c, address, NAME_SUBDOMAIN, false, p);
}

static void check_slice_endpoint(struct check *c, struct str type, const struct json *e, const struct fpath *p)
{
    const struct json *addresses = json_get(e, "addresses"), *topology = json_get(e, "topology");
    if (json_len(addresses) == 0)
        check_required(c, FP_NAME(p, "addresses"), "must contain at least 1 address");
    else if (json_len(addresses) > SLICE_ADDRESSES_MAX)
        check_too_many(c, FP_NAME(p, "addresses"), json_len(addresses), SLICE_ADDRESSES_MAX);
    size_t i = 0;
    for (const struct json *a = json_first(addresses); a; a = json_next(a), i++)
        check_slice_address(c, type, json_str(a), FP_INDEX(FP_NAME(p, "addresses"), i));
    if (json_get(e, "nodeName"))
        check_name(c, json_get_str(e, "nodeName"), NAME_SUBDOMAIN, false, FP_NAME(p, "nodeName"));
    const struct fpath *tp = FP_NAME(p, c->minor >= 21 ? "deprecatedTopology" : "topology");
    if (json_len(topology) > SLICE_TOPOLOGY_MAX)
        check_too_many(c, tp, json_len(topology), SLICE_TOPOLOGY_MAX);
    check_labels(c, topology, tp);
    if (json_get(e, "hostname"))
        check_name(c, json_get_str(e, "hostname"), NAME_LABEL, false, FP_NAME(p, "hostname"));
}

static void check_slice_ports(struct check *c, const struct json *ports, const struct fpath *lp)
{
    size_t i = 0;
    for (const struct json *o = json_first(ports); o; o = json_next(o), i++) {
        const struct fpath *p = FP_INDEX(lp, i);
        struct str name = json_get_str(o, "name");
        if (name.n)
            check_name(c, name, NAME_LABEL, false, FP_NAME(p, "name"));
        for (const struct json *e = json_first(ports); e != o; e = json_next(e))
            if (str_eq(json_get_str(e, "name"), name)) {
                check_duplicate(c, FP_NAME(p, "name"), name);
                break;
            }
        if (!json_get(o, "protocol"))
            check_required(c, FP_NAME(p, "protocol"), "");
        else
            check_enum(c, FP_NAME(p, "protocol"), json_get_str(o, "protocol"), "SCTP,TCP,UDP");
        if (json_get(o, "appProtocol"))
            check_qualified_name(c, json_get_str(o, "appProtocol"), FP_NAME(p, "appProtocol"));
    }
}

void validate_endpoint_slice(struct check *c, const struct gvk *gvk, const struct json *obj, const struct json *old)
{
    (void)gvk;
    struct str type = json_get_str(obj, "addressType");
    const struct json *endpoints = json_get(obj, "endpoints");
    const struct fpath *p = FP_NAME(NULL, "endpoints");
    if (type.n == 0)
        check_required(c, FP_NAME(NULL, "addressType"), "");
    else
        check_enum(c, FP_NAME(NULL, "addressType"), type, "FQDN,IPv4,IPv6");
    if (json_len(endpoints) > SLICE_ENDPOINTS_MAX)
        check_too_many(c, p, json_len(endpoints), SLICE_ENDPOINTS_MAX);
    size_t i = 0;
    for (const struct json *e = json_first(endpoints); e && i < SLICE_ENDPOINTS_MAX; e = json_next(e), i++)
        check_slice_endpoint(c, type, e, FP_INDEX(p, i));
    check_slice_ports(c, json_get(obj, "ports"), FP_NAME(NULL, "ports"));
    if (old && !str_eq(type, json_get_str(old, "addressType")))
        check_invalid_s(c, FP_NAME(NULL, "addressType"), type, "field is immutable");
}
