/* apiserver/schema/validate_core.c - Services, ConfigMaps, Secrets, Namespaces, quotas, limits, Endpoints, Events.
 *
 * Models the corresponding parts of pkg/apis/core/validation/validation.go.
 */
#include "apiserver/schema/schema_priv.h"

enum { DATA_BYTES_MAX = 1024 * 1024, DUAL_STACK_MINOR = 20, AFFINITY_SECONDS_MAX = 86400, KUBELET_PORT = 10250 };

static bool same(const struct json *x, const struct json *y)
{
    return (!x && !y) || (x && y && json_equal(x, y));
}

static bool is_ip(struct check *c, struct str text)
{
    struct ip_net ip;
    return ip_parse(c->a, text, &ip);
}

/* ---- Service ---- */

static void check_service_port(struct check *c, const struct json *spec, const struct json *port, const struct fpath *p,
                               bool need_name)
{
    const struct json *ports = json_get(spec, "ports"), *target = json_get(port, "targetPort");
    struct str name = json_get_str(port, "name"), protocol = json_get_str(port, "protocol"), type = json_get_str(spec, "type");
    if (name.n == 0) {
        if (need_name)
            check_required(c, FP_NAME(p, "name"), "");
    } else {
        check_name(c, name, NAME_LABEL, false, FP_NAME(p, "name"));
        for (const struct json *o = json_first(ports); o != port; o = json_next(o))
            if (str_eq(json_get_str(o, "name"), name)) {
                check_duplicate(c, FP_NAME(p, "name"), name);
                break;
            }
    }
    check_port_number(c, json_get_int(port, "port", 0), FP_NAME(p, "port"));
    if (protocol.n == 0)
        check_required(c, FP_NAME(p, "protocol"), "");
    else
        check_enum(c, FP_NAME(p, "protocol"), protocol, "SCTP,TCP,UDP");
    if (json_is(target, JSON_STRING))
        check_port_name(c, json_str(target), FP_NAME(p, "targetPort"));
    else
        check_port_number(c, json_int(target, 0), FP_NAME(p, "targetPort"));
    if (json_get(port, "appProtocol"))
        check_qualified_name(c, json_get_str(port, "appProtocol"), FP_NAME(p, "appProtocol"));
    if (json_get_int(port, "nodePort", 0) && str_eqc(type, "ClusterIP"))
        check_forbidden(c, FP_NAME(p, "nodePort"), "may not be used when `type` is 'ClusterIP'");
}

static void check_service_ports(struct check *c, const struct json *spec, const struct fpath *p)
{
    const struct json *ports = json_get(spec, "ports");
    bool headless = str_eqc(json_get_str(spec, "clusterIP"), "None"), external = str_eqc(json_get_str(spec, "type"), "ExternalName");
    if (json_len(ports) == 0 && !headless && !external)
        check_required(c, FP_NAME(p, "ports"), "");
    size_t i = 0;
    for (const struct json *o = json_first(ports); o; o = json_next(o), i++)
        check_service_port(c, spec, o, FP_INDEX(FP_NAME(p, "ports"), i), json_len(ports) > 1);
}

/* The same protocol and port twice, quoted as Go prints the struct that upstream compares by. */
static void check_distinct_ports(struct check *c, const struct json *ports, const struct fpath *p)
{
    size_t i = 0;
    for (const struct json *o = json_first(ports); o; o = json_next(o), i++)
        for (const struct json *e = json_first(ports); e != o; e = json_next(e)) {
            if (!same(json_get(e, "port"), json_get(o, "port")) || !same(json_get(e, "protocol"), json_get(o, "protocol")))
                continue;
            struct str protocol = quote_go(c->a, json_get_str(o, "protocol"));
            field_error_add(c->out, "FieldValueDuplicate", fpath_text(c->a, FP_INDEX(p, i)),
                            "Duplicate value: core.ServicePort{Name:\"\", Protocol:" STR_FMT
                            "%s, Port:%" PRId64 ", TargetPort:intstr.IntOrString{Type:0, IntVal:0, StrVal:\"\"}, NodePort:0}",
                            STR_ARG(protocol),
                            c->minor >= 18 ? ", AppProtocol:(*string)(nil)" : "", json_get_int(o, "port", 0));
            break;
        }
}

/* One protocol's node port twice. */
static void check_distinct_node_ports(struct check *c, const struct json *ports, const struct fpath *p)
{
    size_t i = 0;
    for (const struct json *o = json_first(ports); o; o = json_next(o), i++)
        for (const struct json *e = json_first(ports); e != o && json_get_int(o, "nodePort", 0); e = json_next(e))
            if (same(json_get(e, "nodePort"), json_get(o, "nodePort")) && same(json_get(e, "protocol"), json_get(o, "protocol"))) {
                field_error_add(c->out, "FieldValueDuplicate", fpath_text(c->a, FP_NAME(FP_INDEX(p, i), "nodePort")),
                                "Duplicate value: %" PRId64, json_get_int(o, "nodePort", 0));
                break;
            }
}

static void check_affinity_config(struct check *c, const struct json *spec, const struct fpath *sp)
{
    static const char why[] = "when session affinity type is ClientIP";
    const struct json *config = json_get(spec, "sessionAffinityConfig"), *client = json_get(config, "clientIP"),
                      *seconds = json_get(client, "timeoutSeconds");
    const struct fpath *p = FP_NAME(sp, "sessionAffinityConfig"), *cp = FP_NAME(p, "clientIP");
    if (!str_eqc(json_get_str(spec, "sessionAffinity"), "ClientIP")) {
        if (config && str_eqc(json_get_str(spec, "sessionAffinity"), "None"))
            check_forbidden(c, p, "must not be set when session affinity is None");
        return;
    }
    if (!config || !client || !seconds)
        check_required(c, !config ? p : !client ? cp : FP_NAME(cp, "timeoutSeconds"), why);
    else if (json_int(seconds, 0) <= 0 || json_int(seconds, 0) > AFFINITY_SECONDS_MAX)
        check_invalid_i(c, FP_NAME(cp, "timeoutSeconds"), json_int(seconds, 0), "must be greater than 0 and less than %d",
                        AFFINITY_SECONDS_MAX);
}

static void check_source_ranges(struct check *c, const struct json *spec, const struct fpath *sp)
{
    const struct json *ranges = json_get(spec, "loadBalancerSourceRanges");
    const struct fpath *p = FP_NAME(sp, "LoadBalancerSourceRanges");
    struct str shown = STR("[");
    struct ip_net net;
    bool good = true;
    if (json_len(ranges) == 0)
        return;
    if (!str_eqc(json_get_str(spec, "type"), "LoadBalancer"))
        check_forbidden(c, p, "may only be used when `type` is 'LoadBalancer'");
    for (const struct json *r = json_first(ranges); r; r = json_next(r)) {
        good = good && cidr_parse(c->a, json_str(r), &net);
        shown = arena_strf(c->a, STR_FMT "%s" STR_FMT, STR_ARG(shown), r == json_first(ranges) ? "" : " ", STR_ARG(json_str(r)));
    }
    if (!good)
        check_invalid_s(c, p, arena_strf(c->a, STR_FMT "]", STR_ARG(shown)),
                        "must be a list of IP ranges. For example, 10.240.0.0/24,10.250.0.0/24 ");
}

/* What only traffic from outside has: a policy, and a port at which nodes say whether they have an endpoint. */
static void check_external_traffic(struct check *c, const struct json *spec, const struct fpath *p)
{
    struct str policy = json_get_str(spec, "externalTrafficPolicy");
    if (policy.n && !in_list(policy, "Cluster,Local"))
        check_invalid_s(c, FP_NAME(p, "externalTrafficPolicy"), policy, "ExternalTrafficPolicy must be empty, Cluster or Local");
    if (json_get_int(spec, "healthCheckNodePort", 0) < 0)
        check_invalid_i(c, FP_NAME(p, "healthCheckNodePort"), json_get_int(spec, "healthCheckNodePort", 0),
                        "HealthCheckNodePort must be not less than 0");
}

static void check_service_update(struct check *c, const struct json *spec, const struct json *old, const struct fpath *p)
{
    struct str ip = json_get_str(spec, "clusterIP"), was = json_get_str(old, "clusterIP");
    bool external = str_eqc(json_get_str(spec, "type"), "ExternalName") || str_eqc(json_get_str(old, "type"), "ExternalName");
    if (external || was.n == 0 || str_eq(ip, was))
        return;
    if (c->minor < DUAL_STACK_MINOR) {
        check_invalid_s(c, FP_NAME(p, "clusterIP"), ip, "field is immutable");
        return;
    }
    struct str quoted = quote_go(c->a, ip);
    check_invalid_raw(c, FP_INDEX(FP_NAME(p, "clusterIPs"), 0),
                      ip.n ? arena_printf(c->a, "[]string{" STR_FMT "}", STR_ARG(quoted)) : "[]string(nil)", "%s",
                      ip.n ? "may not change once set" : "primary clusterIP can not be unset");
}

static void check_cluster_ip(struct check *c, struct str type, struct str ip, const struct fpath *p)
{
    bool dual = c->minor >= DUAL_STACK_MINOR;
    const struct fpath *ip_path = dual ? FP_INDEX(FP_NAME(p, "clusterIPs"), 0) : FP_NAME(p, "clusterIP");
    if (ip.n == 0)
        return;
    if (str_eqc(type, "ExternalName"))
        check_forbidden(c, FP_NAME(p, dual ? "clusterIPs" : "clusterIP"),
                        dual ? "may not be set for ExternalName services" : "must be empty for ExternalName services");
    else if (str_eqc(ip, "None") && in_list(type, "LoadBalancer,NodePort"))
        check_invalid_s(c, ip_path, ip, "may not be set to 'None' for " STR_FMT " services", STR_ARG(type));
    else if (!str_eqc(ip, "None") && !is_ip(c, ip) && dual)
        check_invalid_s(c, ip_path, ip, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)");
    else if (!str_eqc(ip, "None") && !is_ip(c, ip))
        check_invalid_s(c, ip_path, ip, "must be empty, 'None', or a valid IP address");
}

void validate_service(struct check *c, const struct gvk *gvk, const struct json *obj, const struct json *old)
{
    (void)gvk;
    const struct json *spec = json_get(obj, "spec");
    const struct fpath *p = FP_NAME(NULL, "spec");
    struct str type = json_get_str(spec, "type"), affinity = json_get_str(spec, "sessionAffinity"),
               ip = json_get_str(spec, "clusterIP");
    size_t before = c->out->n;
    if (old)
        check_service_update(c, spec, json_get(old, "spec"), p);
    check_service_ports(c, spec, p);
    check_labels(c, json_get(spec, "selector"), FP_NAME(p, "selector"));
    if (affinity.n == 0)
        check_required(c, FP_NAME(p, "sessionAffinity"), "");
    else
        check_enum(c, FP_NAME(p, "sessionAffinity"), affinity, "ClientIP,None");
    check_affinity_config(c, spec, p);
    check_cluster_ip(c, type, ip, p);
    size_t i = 0;
    for (const struct json *e = json_first(json_get(spec, "externalIPs")); e; e = json_next(e), i++)
        if (!is_ip(c, json_str(e)))
            check_invalid_s(c, FP_INDEX(FP_NAME(p, "externalIPs"), i), json_str(e), "must be a valid IP address, (e.g. 10.9.8.7%s)",
                            c->minor >= 20 ? " or 2001:db8::ffff" : "");
        else
            check_special_ip(c, json_str(e), FP_INDEX(FP_NAME(p, "externalIPs"), i));
    i = 0;
    for (const struct json *o = json_first(json_get(spec, "ports")); o && str_eqc(type, "LoadBalancer"); o = json_next(o), i++)
        if (json_get_int(o, "port", 0) == KUBELET_PORT)
            check_invalid_i(c, FP_INDEX(FP_NAME(p, "ports"), i), KUBELET_PORT,
                            "may not expose port %d externally since it is used by kubelet", KUBELET_PORT);
    if (type.n == 0)
        check_required(c, FP_NAME(p, "type"), "");
    else
        check_enum(c, FP_NAME(p, "type"), type, "ClusterIP,ExternalName,LoadBalancer,NodePort");
    if (str_eqc(type, "ExternalName")) {
        struct str name = json_get_str(spec, "externalName");
        if (name.n)
            check_name(c, str_ends(name, ".") ? str_sub(name, 0, name.n - 1) : name, NAME_SUBDOMAIN, false,
                       FP_NAME(p, "externalName"));
        else
            check_required(c, FP_NAME(p, "externalName"), "");
    }
    check_distinct_node_ports(c, json_get(spec, "ports"), FP_NAME(p, "ports"));
    check_distinct_ports(c, json_get(spec, "ports"), FP_NAME(p, "ports"));
    check_source_ranges(c, spec, p);
    check_external_traffic(c, spec, p);
    struct str policy = json_get_str(spec, "externalTrafficPolicy");
    /* a check of its own, afterwards */
    if (policy.n && (str_eqc(type, "ClusterIP") || str_eqc(type, "ExternalName")) && (c->out->n == before || c->minor >= 26))
        check_invalid_s(c, FP_NAME(p, "externalTrafficPolicy"), policy,
                        c->minor >= 26 ? "may only be set for externally-accessible services"
                        : "ExternalTrafficPolicy can only be set on NodePort and LoadBalancer service");
    int64_t health = json_get_int(spec, "healthCheckNodePort", 0);
    bool needed = str_eqc(type, "LoadBalancer") && str_eqc(policy, "Local");
    if (health > 0 && !needed && (c->out->n == before || c->minor >= 26))
        check_invalid_i(c, FP_NAME(p, "healthCheckNodePort"), health, "%s",
                        c->minor >= 26 ? "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
                        : "HealthCheckNodePort can only be set on LoadBalancer service with ExternalTrafficPolicy=Local");
}

/* ---- ConfigMap and Secret ---- */

static size_t check_data(struct check *c, const struct json *data, const char *field, const struct json *other)
{
    size_t bytes = 0;
    const struct fpath *p = FP_NAME(NULL, field);
    for (const struct json *d = json_first(data); d; d = json_next(d)) {
        struct str key = json_key(d);
        bool ok = key.n > 0;
        for (size_t i = 0; i < key.n; i++)
            ok = ok && key.p[i] && strchr("-._abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", key.p[i]);
        if (key.n > 253)
            check_invalid_s(c, FP_KEY(p, key), key, "must be no more than 253 characters");
        if (!ok)
            check_invalid_s(c, FP_KEY(p, key), key,
                            "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or "
                            "'KEY_NAME',  "
                            "or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')");
        if (str_eqc(key, ".") || str_eqc(key, ".."))
            check_invalid_s(c, FP_KEY(p, key), key, "must not be '" STR_FMT "'", STR_ARG(key));
        else if (str_starts(key, ".."))
            check_invalid_s(c, FP_KEY(p, key), key, "must not start with '..'");
        if (json_getn(other, key))
            check_invalid_s(c, FP_KEY(p, key), key, "duplicate of key present in %s",
                            strcmp(field, "data") == 0 ? "binaryData" : "data");
        bytes += json_str(d).n;
    }
    return bytes;
}

static void check_frozen(struct check *c, const struct json *obj, const struct json *old, const char *const *fields, size_t n)
{
    if (!json_get_bool(old, "immutable", false))
        return;
    if (!json_get_bool(obj, "immutable", false))
        check_forbidden(c, FP_NAME(NULL, "immutable"), "field is immutable when `immutable` is set");
    for (size_t i = 0; i < n; i++)
        if (!same(json_get(obj, fields[i]), json_get(old, fields[i])))
            check_forbidden(c, FP_NAME(NULL, fields[i]), "field is immutable when `immutable` is set");
}

void validate_config_map(struct check *c, const struct gvk *gvk, const struct json *obj, const struct json *old)
{
    (void)gvk;
    static const char *const fields[] = { "data", "binaryData" };
    if (old)
        check_frozen(c, obj, old, fields, ARRAY_LEN(fields));
    const struct json *data = json_get(obj, "data"), *binary = json_get(obj, "binaryData");
    size_t bytes = check_data(c, data, "data", binary) + check_data(c, binary, "binaryData", data) * 3 / 4;
    if (bytes > DATA_BYTES_MAX)
        check_too_long(c, FP_NAME(NULL, ""), DATA_BYTES_MAX);
}

static void check_secret_json(struct check *c, const struct json *data, struct str key)
{
    struct str text;
    struct err bad = { 0 };
    if (!base64_decode(c->a, json_str(json_getn(data, key)), &text))
        return;
    const struct json *j = json_parse(c->a, text, &bad);
    if (j && !json_is(j, JSON_OBJECT))
        err_set(&bad, ERR_PARSE, "json: cannot unmarshal %s into Go value of type map[string]interface {}",
                json_is(j, JSON_ARRAY) ? "array" : json_is(j, JSON_STRING) ? "string" : json_is(j, JSON_BOOL) ? "bool" : "number");
    if (bad.code != ERR_NONE)
        check_invalid_s(c, FP_KEY(FP_NAME(NULL, "data"), key), STR("<secret contents redacted>"), "%s", bad.msg);
    err_clear(&bad);
}

void validate_secret(struct check *c, const struct gvk *gvk, const struct json *obj, const struct json *old)
{
    (void)gvk;
    static const struct { const char *type, *key; } needs[] = {
        { "kubernetes.io/dockercfg", ".dockercfg" }, { "kubernetes.io/dockerconfigjson", ".dockerconfigjson" },
        { "kubernetes.io/tls", "tls.crt" }, { "kubernetes.io/tls", "tls.key" },
    };
    /* Upstream's own slip: a format that is never filled in. */
    const struct fpath *slip = FP_NAME(NULL, "data[%s]");
    struct str type = json_get_str(obj, "type");
    const struct json *data = json_get(obj, "data");
    if (old && !str_eq(type, json_get_str(old, "type")))
        check_invalid_s(c, FP_NAME(NULL, "type"), type, "field is immutable");
    static const char *const fields[] = { "data" };
    if (old)
        check_frozen(c, obj, old, fields, ARRAY_LEN(fields));
    if (check_data(c, data, "data", NULL) * 3 / 4 > DATA_BYTES_MAX)
        check_too_long(c, FP_NAME(NULL, "data"), DATA_BYTES_MAX);
    if (str_eqc(type, "kubernetes.io/service-account-token") && meta_annotation(obj, "kubernetes.io/service-account.name").n == 0)
        check_required(c, FP_KEY(FP_NAME(FP_NAME(NULL, "metadata"), "annotations"), STR("kubernetes.io/service-account.name")), "");
    for (size_t i = 0; i < ARRAY_LEN(needs); i++)
        if (str_eqc(type, needs[i].type) && !json_getn(data, str_c(needs[i].key)))
            check_required(c, FP_KEY(FP_NAME(NULL, "data"), str_c(needs[i].key)), "");
        else if (str_eqc(type, needs[i].type) && str_starts(str_c(needs[i].key), ".docker"))
            check_secret_json(c, data, str_c(needs[i].key));
    if (str_eqc(type, "kubernetes.io/ssh-auth") && json_get_str(data, "ssh-privatekey").n == 0)
        check_required(c, FP_KEY(slip, STR("ssh-privatekey")), "");
    if (str_eqc(type, "kubernetes.io/basic-auth") && !json_get(data, "username") && !json_get(data, "password")) {
        check_required(c, FP_KEY(slip, STR("username")), "");
        check_required(c, FP_KEY(slip, STR("password")), "");
    }
}

/* ---- the others ---- */

void validate_namespace(struct check *c, const struct gvk *gvk, const struct json *obj, const struct json *old)
{
    (void)gvk; (void)old;
    size_t i = 0;
    for (const struct json *f = json_first(json_path(obj, "spec.finalizers")); f; f = json_next(f), i++) {
        const struct fpath *p = FP_INDEX(FP_NAME(FP_NAME(NULL, "spec"), "finalizers"), i);
        check_qualified_name(c, json_str(f), p);
        if (str_chr(json_str(f), '/') < 0 && !str_eqc(json_str(f), "kubernetes"))
            check_invalid_s(c, p, json_str(f), "name is neither a standard finalizer name nor is it fully qualified");
    }
}

/* One taint of a key for each effect; upstream stops at the second. */
static void check_taints(struct check *c, const struct json *taints, const struct fpath *lp)
{
    size_t i = 0;
    for (const struct json *t = json_first(taints); t; t = json_next(t), i++) {
        const struct fpath *p = FP_INDEX(lp, i);
        struct str key = json_get_str(t, "key"), effect = json_get_str(t, "effect"), value = json_get_str(t, "value");
        check_qualified_name(c, key, FP_NAME(p, "key"));
        check_label_value(c, value, FP_NAME(p, "value"));
        if (effect.n == 0)
            check_required(c, FP_NAME(p, "effect"), "");
        else
            check_enum(c, FP_NAME(p, "effect"), effect, "NoSchedule,PreferNoSchedule,NoExecute");
        for (const struct json *e = json_first(taints); e != t; e = json_next(e))
            if (str_eq(json_get_str(e, "key"), key) && str_eq(json_get_str(e, "effect"), effect)) {
                struct str k = quote_go(c->a, key), v = quote_go(c->a, value), f = quote_go(c->a, effect);
                field_error_add(c->out, "FieldValueDuplicate", fpath_text(c->a, p),
                                "Duplicate value: core.Taint{Key:" STR_FMT ", Value:" STR_FMT ", Effect:" STR_FMT
                                ", TimeAdded:(*v1.Time)(nil)}: taints must be unique by key and effect pair",
                                STR_ARG(k), STR_ARG(v), STR_ARG(f));
                return;
            }
    }
}

void validate_node(struct check *c, const struct gvk *gvk, const struct json *obj, const struct json *old)
{
    (void)gvk;
    check_taints(c, json_path(obj, "spec.taints"), FP_NAME(FP_NAME(NULL, "spec"), "taints"));
    struct str cidr = json_path_str(obj, "spec.podCIDR"), old_cidr = json_path_str(old, "spec.podCIDR");
    if (old && old_cidr.n && !str_eq(cidr, old_cidr))
        check_forbidden(c, FP_NAME(FP_NAME(NULL, "spec"), "podCIDRs"),
                        "node updates may not change podCIDR except from \"\" to valid");
    if (old && json_path_str(old, "spec.providerID").n &&
        !str_eq(json_path_str(old, "spec.providerID"), json_path_str(obj, "spec.providerID")))
        check_forbidden(c, FP_NAME(FP_NAME(NULL, "spec"), "providerID"),
                        "node updates may not change providerID except from \"\" to valid");
}

static void check_amounts(struct check *c, const struct json *list, const struct fpath *lp)
{
    for (const struct json *r = json_first(list); r; r = json_next(r)) {
        const struct fpath *p = FP_KEY(lp, json_key(r));
        struct quantity q;
        check_qualified_name(c, json_key(r), p);
        if (quantity_parse(json_str(r), &q, NULL) && q.nano < 0)
            check_invalid_s(c, p, json_str(r), "must be greater than or equal to 0");
    }
}

#define QUOTA_POD_COMPUTE "cpu,memory,limits.cpu,limits.memory,requests.cpu,requests.memory"
#define QUOTA_STANDARD "cpu,memory,ephemeral-storage,limits.cpu,limits.memory,limits.ephemeral-storage,pods,"        \
                       "resourcequotas,services,replicationcontrollers,secrets,persistentvolumeclaims,configmaps,"                  \
                       "services.nodeports,services.loadbalancers"

#define QUOTA_SCOPES "Terminating,NotTerminating,BestEffort,NotBestEffort,PriorityClass,CrossNamespacePodAffinity"

/* Which pods are counted; the scope for those that ask for nothing counts pods alone. */
static void check_quota_scopes(struct check *c, const struct json *scopes, const struct json *hard, const struct fpath *p)
{
    const char *shown = go_list(c->a, "[]core.ResourceQuotaScope", scopes);
    bool has[4] = { false };
    static const char *const names[] = { "BestEffort", "NotBestEffort", "Terminating", "NotTerminating" };
    for (const struct json *s = json_first(scopes); s; s = json_next(s)) {
        for (size_t i = 0; i < ARRAY_LEN(names); i++)
            has[i] = has[i] || str_eqc(json_str(s), names[i]);
        if (!in_list(json_str(s), QUOTA_SCOPES))
            check_invalid_raw(c, p, shown, "unsupported scope");
        for (const struct json *r = json_first(hard); r; r = json_next(r)) {
            struct str key = json_key(r);
            bool standard = in_list(key, QUOTA_STANDARD "," QUOTA_POD_COMPUTE ",requests.storage,requests.ephemeral-storage");
            bool fits = str_eqc(key, "pods") || (!str_eqc(json_str(s), "BestEffort") && in_list(key, QUOTA_POD_COMPUTE));
            if (standard && !fits)
                check_invalid_raw(c, p, shown, "unsupported scope applied to resource");
        }
    }
    if (has[0] && has[1])
        check_invalid_raw(c, p, shown, "conflicting scopes");
    if (has[2] && has[3])
        check_invalid_raw(c, p, shown, "conflicting scopes");
}

/* An expression on a scope: only a priority class is compared by its name, the others are there or not. */
static void check_scope_selector(struct check *c, const struct json *list, const struct json *hard, const struct fpath *lp)
{
    size_t i = 0;
    struct json *scopes = json_new_array(c->a);
    for (const struct json *e = json_first(list); e; e = json_next(e), i++) {
        const struct fpath *p = FP_INDEX(lp, i);
        struct str scope = json_get_str(e, "scopeName"), op = json_get_str(e, "operator");
        size_t n = json_len(json_get(e, "values"));
        if (!in_list(scope, QUOTA_SCOPES))
            check_invalid_s(c, FP_NAME(p, "scopeName"), scope, "unsupported scope");
        else
            json_append(scopes, json_new_str(c->a, scope));
        if (in_list(scope, "BestEffort,NotBestEffort,Terminating,NotTerminating,CrossNamespacePodAffinity") && !str_eqc(op, "Exists"))
            check_invalid_s(c, FP_NAME(p, "operator"), op,
                            "must be 'Exist' only operator when scope is any of ResourceQuotaScopeTerminating, "
                            "ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort%s",
                            c->minor >= 21 ? ", ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"
                                           : " and ResourceQuotaScopeNotBestEffort");
        if (in_list(op, "In,NotIn") && n == 0)
            check_required(c, FP_NAME(p, "values"), "must be atleast one value when `operator` is 'In' or 'NotIn' for scope selector");
        else if (in_list(op, "Exists,DoesNotExist") && n)
            check_invalid_raw(c, FP_NAME(p, "values"), go_list(c->a, "[]string", json_get(e, "values")),
                              "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector");
        else if (!in_list(op, "In,NotIn,Exists,DoesNotExist"))
            check_invalid_s(c, FP_NAME(p, "operator"), op, "not a valid selector operator");
    }
    check_quota_scopes(c, scopes, hard, lp);
}

void validate_resource_quota(struct check *c, const struct gvk *gvk, const struct json *obj, const struct json *old)
{
    (void)gvk;
    const struct json *hard = json_path(obj, "spec.hard"), *scopes = json_path(obj, "spec.scopes");
    const struct fpath *p = FP_NAME(FP_NAME(NULL, "spec"), "hard");
    for (const struct json *r = json_first(hard); r; r = json_next(r)) {
        bool standard = str_starts(json_key(r), "requests.") || str_starts(json_key(r), "hugepages-") ||
                        in_list(json_key(r), QUOTA_STANDARD);
        if (str_chr(json_key(r), '/') >= 0 || standard)
            continue;
        check_invalid_s(c, FP_KEY(p, json_key(r)), json_key(r), "must be a standard resource type or fully qualified");
        check_invalid_s(c, FP_KEY(p, json_key(r)), json_key(r), "must be a standard resource for quota");
    }
    check_amounts(c, hard, p);
    check_quota_scopes(c, scopes, hard, FP_NAME(FP_NAME(NULL, "spec"), "scopes"));
    check_scope_selector(c, json_path(obj, "spec.scopeSelector.matchExpressions"), hard,
                         FP_NAME(FP_NAME(FP_NAME(NULL, "spec"), "scopeSelector"), "matchExpressions"));
    if (old && !same(scopes, json_path(old, "spec.scopes")))
        check_invalid_raw(c, FP_NAME(FP_NAME(NULL, "spec"), "scopes"), go_list(c->a, "[]core.ResourceQuotaScope", scopes),
                          "field is immutable");
}

static void check_order(struct check *c, const struct json *item, const char *low, const char *high, const char *low_word,
                        const char *high_word,
                        const struct fpath *p)
{
    for (const struct json *l = json_first(json_get(item, low)); l; l = json_next(l)) {
        const struct json *h = json_getn(json_get(item, high), json_key(l));
        struct quantity x, y;
        struct str lv = json_str(l), hv = json_str(h);
        if (h && quantity_parse(lv, &x, NULL) && quantity_parse(hv, &y, NULL) && quantity_cmp(x, y) > 0)
            check_invalid_s(c, FP_KEY(FP_NAME(p, low), json_key(l)), lv, "%s value " STR_FMT " is greater than %s value " STR_FMT,
                            low_word, STR_ARG(lv), high_word,
                            STR_ARG(hv));
    }
}

void validate_limit_range(struct check *c, const struct gvk *gvk, const struct json *obj, const struct json *old)
{
    (void)gvk; (void)old;
    static const char *const lists[] = { "max", "min", "default", "defaultRequest" };
    size_t i = 0;
    for (const struct json *item = json_first(json_path(obj, "spec.limits")); item; item = json_next(item), i++) {
        const struct fpath *p = FP_INDEX(FP_NAME(FP_NAME(NULL, "spec"), "limits"), i);
        for (const struct json *e = json_first(json_path(obj, "spec.limits")); e != item; e = json_next(e))
            if (same(json_get(e, "type"), json_get(item, "type"))) {
                check_duplicate(c, FP_NAME(p, "type"), json_get_str(item, "type"));
                break;
            }
        for (size_t j = 0; j < ARRAY_LEN(lists); j++)
            check_amounts(c, json_get(item, lists[j]), FP_NAME(p, lists[j]));
        check_order(c, item, "min", "max", "min", "max", p);
        check_order(c, item, "min", "defaultRequest", "min", "default request", p);
        check_order(c, item, "defaultRequest", "max", "default request", "max", p);
        check_order(c, item, "defaultRequest", "default", "default request", "default limit", p);
        check_order(c, item, "min", "default", "min", "default", p);
        check_order(c, item, "default", "max", "default", "max", p);
    }
}

/* Addresses that mean something else on every node cannot be where a Service leads. */
void check_special_ip(struct check *c, struct str ip, const struct fpath *p)
{
    if (!is_ip(c, ip))
        check_invalid_s(c, p, ip, "must be a valid IP address");
    else if (str_eqc(ip, "0.0.0.0") || str_eqc(ip, "::"))
        check_invalid_s(c, p, ip, "may not be unspecified (0.0.0.0%s)", c->minor >= 19 ? " or ::" : "");
    else if (str_starts(ip, "127.") || str_eqc(ip, "::1"))
        check_invalid_s(c, p, ip, "may not be in the loopback range (127.0.0.0/8%s)", c->minor >= 21 ? ", ::1/128" : "");
    else if (str_starts(ip, "169.254."))
        check_invalid_s(c, p, ip, "may not be in the link-local range (169.254.0.0/16%s)", c->minor >= 21 ? ", fe80::/10" : "");
    else if (str_starts(ip, "224.0.0."))
        check_invalid_s(c, p, ip, "may not be in the link-local multicast range (224.0.0.0/24%s)",
                        c->minor >= 21 ? ", ff02::/10" : "");
}

static void check_addresses(struct check *c, const struct json *list, const struct fpath *lp)
{
    size_t i = 0;
    for (const struct json *a = json_first(list); a; a = json_next(a), i++) {
        const struct fpath *p = FP_NAME(FP_INDEX(lp, i), "ip");
        if (json_get_str(a, "hostname").n)
            check_name(c, json_get_str(a, "hostname"), NAME_LABEL, false, FP_NAME(FP_INDEX(lp, i), "hostname"));
        if (json_get(a, "nodeName"))
            check_name(c, json_get_str(a, "nodeName"), NAME_SUBDOMAIN, false, FP_NAME(FP_INDEX(lp, i), "nodeName"));
        if (!is_ip(c, json_get_str(a, "ip")))
            check_invalid_s(c, p, json_get_str(a, "ip"), "must be a valid IP address, (e.g. 10.9.8.7%s)",
                            c->minor >= 20 ? " or 2001:db8::ffff" : "");
        check_special_ip(c, json_get_str(a, "ip"), p);
    }
}

void validate_endpoints(struct check *c, const struct gvk *gvk, const struct json *obj, const struct json *old)
{
    (void)gvk; (void)old;
    size_t i = 0;
    for (const struct json *s = json_first(json_get(obj, "subsets")); s; s = json_next(s), i++) {
        const struct fpath *p = FP_INDEX(FP_NAME(NULL, "subsets"), i);
        if (json_len(json_get(s, "addresses")) == 0 && json_len(json_get(s, "notReadyAddresses")) == 0)
            check_required(c, p, "must specify `addresses` or `notReadyAddresses`");
        check_addresses(c, json_get(s, "addresses"), FP_NAME(p, "addresses"));
        check_addresses(c, json_get(s, "notReadyAddresses"), FP_NAME(p, "notReadyAddresses"));
        size_t j = 0, n = json_len(json_get(s, "ports"));
        for (const struct json *o = json_first(json_get(s, "ports")); o; o = json_next(o), j++) {
            const struct fpath *op = FP_INDEX(FP_NAME(p, "ports"), j);
            if (n > 1 && json_get_str(o, "name").n == 0)
                check_required(c, FP_NAME(op, "name"), "");
            else if (json_get_str(o, "name").n)
                check_name(c, json_get_str(o, "name"), NAME_LABEL, false, FP_NAME(op, "name"));
            check_port_number(c, json_get_int(o, "port", 0), FP_NAME(op, "port"));
            if (json_get_str(o, "protocol").n == 0)
                check_required(c, FP_NAME(op, "protocol"), "");
            else
                check_enum(c, FP_NAME(op, "protocol"), json_get_str(o, "protocol"), "SCTP,TCP,UDP");
            if (json_get(o, "appProtocol"))
                check_qualified_name(c, json_get_str(o, "appProtocol"), FP_NAME(op, "appProtocol"));
        }
    }
}

/* Events that say when they happened are of the new kind, and say who reports, and what was done. */
static void check_new_event(struct check *c, const struct json *e, const char *controller, const char *note)
{
    enum { REPORTER_MAX = 128, MESSAGE_MAX = 1024 };
    static const char *const needed[] = { "reportingInstance", "action", "reason" };
    if (json_get_str(e, controller).n == 0)
        check_required(c, FP_NAME(NULL, controller), "");
    check_qualified_name(c, json_get_str(e, controller), FP_NAME(NULL, controller));
    for (size_t i = 0; i < ARRAY_LEN(needed); i++) {
        struct str value = json_get_str(e, needed[i]);
        if (value.n == 0)
            check_required(c, FP_NAME(NULL, needed[i]), "");
        if (value.n > REPORTER_MAX)
            check_invalid_s(c, FP_NAME(NULL, needed[i]), STR(""), "can have at most %d characters", REPORTER_MAX);
    }
    if (json_get_str(e, note).n > MESSAGE_MAX)
        check_invalid_s(c, FP_NAME(NULL, "message"), STR(""), "can have at most %d characters", MESSAGE_MAX);
}

/* events.k8s.io/v1 takes only Events of the new kind. */
static void check_event_v1(struct check *c, const struct json *e)
{
    static const struct { const char *field, *said; } old_fields[] = {
        { "deprecatedFirstTimestamp", "firstTimestamp" }, { "deprecatedLastTimestamp", "lastTimestamp" },
        { "deprecatedCount", "count" },
    };
    struct str type = json_get_str(e, "type");
    if (json_get_str(e, "eventTime").n == 0)
        check_required(c, FP_NAME(NULL, "eventTime"), "");
    if (!in_list(type, "Normal,Warning"))
        check_invalid_s(c, FP_NAME(NULL, "type"), STR(""), "has invalid value: " STR_FMT, STR_ARG(type));
    for (size_t i = 0; i < ARRAY_LEN(old_fields); i++)
        if (json_get_str(e, old_fields[i].field).n || json_get_int(e, old_fields[i].field, 0))
            check_invalid_s(c, FP_NAME(NULL, old_fields[i].said), STR(""), "needs to be unset");
    if (json_path_str(e, "deprecatedSource.component").n || json_path_str(e, "deprecatedSource.host").n)
        check_invalid_s(c, FP_NAME(NULL, "source"), STR(""), "needs to be unset");
}

void validate_event(struct check *c, const struct gvk *gvk, const struct json *obj, const struct json *old)
{
    bool core = gvk->group.n == 0, timed = json_get_str(obj, "eventTime").n > 0;
    struct str ns = json_path_str(obj, core ? "involvedObject.namespace" : "regarding.namespace"), own = meta_namespace(obj);
    bool cluster_scoped = ns.n == 0 && (own.n == 0 || str_eqc(own, "default") || str_eqc(own, "kube-system"));
    if (!cluster_scoped && !str_eq(ns, own))
        check_invalid_s(c, FP_NAME(FP_NAME(NULL, "involvedObject"), "namespace"), ns, "does not match event.namespace");
    if (timed)
        check_new_event(c, obj, core ? "reportingComponent" : "reportingController", core ? "message" : "note");
    if (!core && !old && str_eqc(gvk->version, "v1"))
        check_event_v1(c, obj);
}
