/* apiserver/printers/network.c - cells of Services, Endpoints, EndpointSlices, Ingresses and nodes.
 * Upstream: printService, formatEndpoints, formatHosts, printNode in pkg/printers/internalversion/printers.go.
 */
#include "apiserver/printers/printers_priv.h"

#include <stdlib.h>

/* ---- nodes ---- */

void print_node_status(struct row *r, const char *arg)
{
    (void)arg;
    const struct json *ready = condition_find(json_path(r->obj, "status.conditions"), "Ready");
    const char *status = !ready ? "Unknown" : str_eqc(json_get_str(ready, "status"), "True") ? "Ready" : "NotReady";
    bool cordoned = json_bool(json_path(r->obj, "spec.unschedulable"), false);
    print_put_str(r, arena_strf(r->a, "%s%s", status, cordoned ? ",SchedulingDisabled" : ""));
}

static int by_text(const void *x, const void *y)
{
    return str_cmp(*(const struct str *)x, *(const struct str *)y);
}

/* Sort, drop what is there twice, join with commas. */
static void put_set(struct row *r, struct str *v, size_t n, const char *when_empty)
{
    struct joined j;
    print_join_init(&j, ",");
    if (n)
        qsort(v, n, sizeof *v, by_text);
    for (size_t i = 0; i < n; i++)
        if (!i || !str_eq(v[i], v[i - 1]))
            print_join_add(&j, v[i]);
    print_join_put(r, &j, when_empty);
}

void print_node_roles(struct row *r, const char *arg)
{
    (void)arg;
    static const char prefix[] = "node-role.kubernetes.io/";
    const struct json *labels = meta_labels(r->obj);
    struct str *roles = arena_alloc(r->a, (json_len(labels) + 1) * sizeof *roles);
    size_t n = 0;
    for (const struct json *l = json_first(labels); l; l = json_next(l)) {
        struct str k = json_key(l);
        if (str_starts(k, prefix) && k.n > sizeof prefix - 1)
            roles[n++] = str_sub(k, sizeof prefix - 1, k.n);
        else if (str_eqc(k, "kubernetes.io/role") && json_str(l).n)
            roles[n++] = json_str(l);
    }
    put_set(r, roles, n, "<none>");
}

/* arg: the address type */
void print_node_address(struct row *r, const char *arg)
{
    struct str found = STR("<none>");
    const struct json *list = json_path(r->obj, "status.addresses");
    for (size_t i = json_len(list); i-- > 0;)
        if (str_eqc(json_get_str(json_at(list, i), "type"), arg))
            found = json_get_str(json_at(list, i), "address");
    print_put_str(r, found);
}

/* ---- Services ---- */

void print_service_cluster_ip(struct row *r, const char *arg)
{
    (void)arg;
    struct str ip = json_str(json_at(json_path(r->obj, "spec.clusterIPs"), 0));
    if (!ip.n)
        ip = json_path_str(r->obj, "spec.clusterIP");
    print_put_str(r, ip.n ? ip : STR("<none>"));
}

static size_t balancer_addresses(const struct json *obj, struct str *v)
{
    size_t n = 0;
    for (const struct json *i = json_first(json_path(obj, "status.loadBalancer.ingress")); i; i = json_next(i)) {
        struct str ip = json_get_str(i, "ip"), host = json_get_str(i, "hostname");
        if (ip.n || host.n)
            v[n++] = ip.n ? ip : host;
    }
    return n;
}

void print_service_external_ip(struct row *r, const char *arg)
{
    (void)arg;
    struct str type = json_path_str(r->obj, "spec.type");
    const struct json *external = json_path(r->obj, "spec.externalIPs");
    if (str_eqc(type, "ExternalName")) {
        print_put_str(r, json_path_str(r->obj, "spec.externalName"));
        return;
    }
    if (!str_eqc(type, "LoadBalancer")) {
        cell_list(r, "spec.externalIPs|<none>");
        return;
    }
    struct str *v = arena_alloc(r->a, (json_len(json_path(r->obj, "status.loadBalancer.ingress")) + json_len(external) + 1) *
                                          sizeof *v);
    size_t n = balancer_addresses(r->obj, v);
    if (!json_len(external)) {
        put_set(r, v, n, "<pending>");
        return;
    }
    struct joined j;
    print_join_init(&j, ",");
    for (size_t i = 0; i < n; i++)
        print_join_add(&j, v[i]);
    for (const struct json *e = json_first(external); e; e = json_next(e))
        print_join_add(&j, json_str(e));
    print_join_put(r, &j, "<pending>");
}

void print_service_ports(struct row *r, const char *arg)
{
    (void)arg;
    struct joined j;
    print_join_init(&j, ",");
    for (const struct json *p = json_first(json_path(r->obj, "spec.ports")); p; p = json_next(p)) {
        struct str protocol = json_get_str(p, "protocol");
        int64_t port = json_get_int(p, "port", 0), node_port = json_get_int(p, "nodePort", 0);
        if (node_port)
            print_join_add(&j, arena_strf(r->a, "%" PRId64 ":%" PRId64 "/" STR_FMT, port, node_port, STR_ARG(protocol)));
        else
            print_join_add(&j, arena_strf(r->a, "%" PRId64 "/" STR_FMT, port, STR_ARG(protocol)));
    }
    print_join_put(r, &j, "<none>");
}

/* ---- Endpoints: the first three, and how many more ---- */

enum { SHOWN_MAX = 3 };

static struct str host_port(struct row *r, struct str ip, const struct json *port)
{
    if (!port)
        return ip;
    bool v6 = str_chr(ip, ':') >= 0;
    return arena_strf(r->a, "%s" STR_FMT "%s:%" PRId64, v6 ? "[" : "", STR_ARG(ip), v6 ? "]" : "", json_get_int(port, "port", 0));
}

static void add_addresses(struct row *r, struct joined *j, const struct json *addresses, const struct json *port, size_t *count)
{
    for (const struct json *a = json_first(addresses); a; a = json_next(a), ++*count)
        if (*count < SHOWN_MAX)
            print_join_add(j, host_port(r, json_is(a, JSON_STRING) ? json_str(a) : json_get_str(a, "ip"), port));
}

static void put_shown(struct row *r, struct joined *j, size_t count, const char *when_empty)
{
    if (count > SHOWN_MAX)
        strbuf_addf(&j->b, " + %zu more...", count - SHOWN_MAX);
    print_join_put(r, j, when_empty);
}

void print_endpoints_list(struct row *r, const char *arg)
{
    (void)arg;
    const struct json *subsets = json_get(r->obj, "subsets");
    struct joined j;
    size_t count = 0;
    print_join_init(&j, ",");
    for (const struct json *s = json_first(subsets); s; s = json_next(s)) {
        const struct json *ports = json_get(s, "ports");
        if (!json_len(ports))
            add_addresses(r, &j, json_get(s, "addresses"), NULL, &count);
        for (const struct json *p = json_first(ports); p; p = json_next(p))
            add_addresses(r, &j, json_get(s, "addresses"), p, &count);
    }
    put_shown(r, &j, count, json_len(subsets) ? "" : "<none>");
}

void print_slice_ports(struct row *r, const char *arg)
{
    (void)arg;
    struct joined j;
    size_t count = 0;
    print_join_init(&j, ",");
    for (const struct json *p = json_first(json_get(r->obj, "ports")); p; p = json_next(p), count++) {
        const struct json *number = json_get(p, "port");
        struct str name = json_get_str(p, "name");
        if (count < SHOWN_MAX)
            print_join_add(&j, json_type(number) != JSON_NULL ? json_text(r->a, number) : name.n ? name : STR("*"));
    }
    put_shown(r, &j, count, "<unset>");
}

void print_slice_endpoints(struct row *r, const char *arg)
{
    (void)arg;
    struct joined j;
    size_t count = 0;
    print_join_init(&j, ",");
    for (const struct json *e = json_first(json_get(r->obj, "endpoints")); e; e = json_next(e))
        add_addresses(r, &j, json_get(e, "addresses"), NULL, &count);
    put_shown(r, &j, count, "<unset>");
}

/* ---- Ingresses ---- */

void print_ingress_hosts(struct row *r, const char *arg)
{
    (void)arg;
    struct joined j;
    size_t count = 0;
    print_join_init(&j, ",");
    for (const struct json *rule = json_first(json_path(r->obj, "spec.rules")); rule; rule = json_next(rule)) {
        struct str host = json_get_str(rule, "host");
        if (host.n && count++ < SHOWN_MAX)
            print_join_add(&j, host);
    }
    put_shown(r, &j, count, "*");
}

void print_ingress_address(struct row *r, const char *arg)
{
    (void)arg;
    struct str *v = arena_alloc(r->a, (json_len(json_path(r->obj, "status.loadBalancer.ingress")) + 1) * sizeof *v);
    put_set(r, v, balancer_addresses(r->obj, v), "");
}

void print_ingress_ports(struct row *r, const char *arg)
{
    (void)arg;
    print_put_strc(r, json_len(json_path(r->obj, "spec.tls")) ? "80, 443" : "80");
}

void print_ingress_class_parameters(struct row *r, const char *arg)
{
    (void)arg;
    print_kind_and_name(r, "spec.parameters|<none>");
}
