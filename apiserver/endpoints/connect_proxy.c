/* apiserver/endpoints/connect_proxy.c - services/NAME/proxy/PATH and pods/NAME/proxy/PATH: pages of pods by way of the API server.
 *
 * Upstream (v1.20): kubernetes pkg/registry/core/service/storage/rest.go and pkg/registry/core/pod/strategy.go (ResourceLocation),
 * apimachinery pkg/util/net/port_split.go, pkg/util/proxy/{upgradeaware,transport}.go. A Service's request goes to one of its ready
 * pods, not to its cluster address. A name may be "NAME", "NAME:PORT" or "SCHEME:NAME:PORT". Simplified: links in HTML are not
 * rewritten.
 */
#include "apiserver/endpoints/endpoints.h"

#include <arpa/inet.h>

struct target { struct str scheme, name, port; };

/* False: it is none. */
static bool target_parse(struct str id, struct target *t)
{
    struct str rest = id, parts[3] = { STR_NULL };
    size_t n = 0;
    for (; rest.p && n < 3; n++)
        parts[n] = str_token(&rest, ':');
    if (rest.p)
        return false;
    *t = (struct target){ .scheme = n == 3 ? parts[0] : STR(""), .name = parts[n == 3], .port = n > 1 ? parts[n - 1] : STR("") };
    return t->name.n && (!t->scheme.n || str_eqc(t->scheme, "http") || str_eqc(t->scheme, "https"));
}

static struct json *read_object(struct request *r, const char *resource, struct str name, struct err *err)
{
    struct object *o = registry_get(r->as, STR(""), str_c(resource), r->info.namespace, name);
    if (!o) {
        err_not_found(err, STR(""), str_c(resource), name);
        return NULL;
    }
    struct json *j = json_copy(r->a, object_json(o));
    object_unref(o);
    return j;
}

static const char *url_of(struct request *r, const struct target *t, struct str ip, struct str port)
{
    bool v6 = str_chr(ip, ':') >= 0;
    struct str scheme = t->scheme.n ? t->scheme : STR("http");
    return arena_printf(r->a, STR_FMT "://%s" STR_FMT "%s%s" STR_FMT, STR_ARG(scheme), v6 ? "[" : "", STR_ARG(ip), v6 ? "]" : "",
                        port.n ? ":" : "", STR_ARG(port));
}

/* ---- services ---- */
/* A port by number stands for the name it has in the Service. */
static bool port_name(struct request *r, struct target *t, struct err *err)
{
    int64_t number;
    if (!str_int(t->port, &number))
        return true;
    const struct json *svc = read_object(r, "services", t->name, err);
    for (const struct json *p = json_first(json_path(svc, "spec.ports")); p; p = json_next(p))
        if (json_get_int(p, "port", 0) == number) {
            t->port = json_get_str(p, "name");
            return true;
        }
    return svc && err_set(err, ERR_UNAVAILABLE, "no service port %" PRId64 " found for service \"" STR_FMT "\"", number,
                          STR_ARG(t->name));
}

/* A pod that is there and has that address. */
static bool address_is_a_pods(struct request *r, const struct json *address)
{
    struct object *o = registry_get(r->as, STR(""), STR("pods"), json_path_str(address, "targetRef.namespace"),
                                    json_path_str(address, "targetRef.name"));
    bool is = o && str_eq(json_path_str(object_json(o), "status.podIP"), json_get_str(address, "ip"));
    object_unref(o);
    return is;
}

static const char *subset_url(struct request *r, const struct target *t, const struct json *subset)
{
    const struct json *addresses = json_get(subset, "addresses");
    size_t n = json_len(addresses);
    for (const struct json *p = n ? json_first(json_get(subset, "ports")) : NULL; p; p = json_next(p)) {
        if (!str_eq(json_get_str(p, "name"), t->port))
            continue;
        size_t first = rng_below(&r->as->rng, n);
        for (size_t i = 0; i < n; i++) {
            const struct json *address = json_at(addresses, (first + i) % n);
            if (address_is_a_pods(r, address))
                return url_of(r, t, json_get_str(address, "ip"), arena_strf(r->a, "%" PRId64, json_get_int(p, "port", 0)));
        }
    }
    return NULL;
}

static const char *service_url(struct request *r, struct target *t, struct err *err)
{
    const struct json *endpoints = port_name(r, t, err) ? read_object(r, "endpoints", t->name, err) : NULL;
    const struct json *subsets = json_get(endpoints, "subsets");
    size_t n = json_len(subsets), first = n ? rng_below(&r->as->rng, n) : 0;
    const char *url = NULL;
    for (size_t i = 0; i < n && !url; i++)
        url = subset_url(r, t, json_at(subsets, (first + i) % n));
    if (endpoints && !url)
        err_set(err, ERR_UNAVAILABLE, "no endpoints available for service \"" STR_FMT "\"", STR_ARG(n ? r->info.name : t->name));
    return url;
}

/* ---- pods ---- */
static bool may_be_reached(struct arena *a, struct str ip)
{
    struct in_addr v4;
    struct in6_addr v6;
    const char *text = arena_cstr(a, ip);
    if (inet_pton(AF_INET, text, &v4) == 1) {
        uint32_t n = ntohl(v4.s_addr);
        return n >> 24 != 127 && n >> 16 != 0xa9fe && n != 0;
    }
    return inet_pton(AF_INET6, text, &v6) == 1 && !IN6_IS_ADDR_LOOPBACK(&v6) && !IN6_IS_ADDR_LINKLOCAL(&v6) &&
           !IN6_IS_ADDR_MC_NODELOCAL(&v6);
}

/* The first port that a container declares. */
static struct str first_port(struct arena *a, const struct json *pod)
{
    for (const struct json *c = json_first(json_path(pod, "spec.containers")); c; c = json_next(c))
        if (json_len(json_get(c, "ports")))
            return arena_strf(a, "%" PRId64, json_get_int(json_at(json_get(c, "ports"), 0), "containerPort", 0));
    return STR("");
}

static const char *pod_url(struct request *r, struct target *t, struct err *err)
{
    const struct json *pod = read_object(r, "pods", t->name, err);
    struct str ip = json_path_str(pod, "status.podIP");
    if (!pod)
        return NULL;
    if (!may_be_reached(r->a, ip)) {
        err_set(err, ERR_BAD_REQUEST, "address not allowed");
        return NULL;
    }
    return url_of(r, t, ip, t->port.n ? t->port : first_port(r->a, pod));
}

/* ---- the request ---- */
/* What stands behind "proxy" in the request's target: a path and a query. */
static struct str rest_of(struct request *r)
{
    ptrdiff_t at = str_find(r->x->target, STR("/proxy"));
    return at < 0 ? STR("") : str_sub(r->x->target, (size_t)at + strlen("/proxy"), r->x->target.n);
}

/* Relative links need a last slash. */
static void redirect(struct request *r, struct str rest)
{
    struct str path = str_sub(r->x->target, 0, r->x->target.n - rest.n);
    http_headers_add(r->a, &r->headers, "Location", arena_strf(r->a, STR_FMT "/" STR_FMT, STR_ARG(path), STR_ARG(rest)));
    http_respond(r->x, 301, &r->headers, NULL, STR(""));
}

bool connect_proxy(struct request *r, struct err *err)
{
    struct target t;
    bool pods = str_eqc(r->info.resource, "pods");
    if (!target_parse(r->info.name, &t))
        return err_set(err, ERR_BAD_REQUEST, "invalid %s request \"" STR_FMT "\"", pods ? "pod" : "service", STR_ARG(r->info.name));
    const char *base = pods ? pod_url(r, &t, err) : service_url(r, &t, err);
    struct str rest = rest_of(r);
    bool upgrade = http_headers_has(&r->x->headers, "Upgrade");
    if (!base)
        return false;
    if (!upgrade && (!rest.n || rest.p[0] == '?'))
        redirect(r, rest);
    else
        relay_page(r, arena_printf(r->a, "%s%s" STR_FMT, base, rest.n && rest.p[0] == '/' ? "" : "/", STR_ARG(rest)), upgrade);
    return true;
}
