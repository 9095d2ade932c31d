/* apiserver/registry/strategy_core.c - what is particular about the core group's kinds when they are written.
 *
 * Upstream: kubernetes pkg/registry/core/{pod,service,namespace,secret,node,...}/strategy.go; quality of service:
 * pkg/apis/core/v1/helper/qos.
 */
#include "apiserver/registry/registry.h"

/* ---- pods ---- */
struct qos_sum { bool any, requests_equal_limits, complete; };

static void qos_container(const struct json *c, struct qos_sum *q)
{
    static const char *const names[] = { "cpu", "memory" };
    for (size_t i = 0; i < 2; i++) {
        const struct json *limit = json_get(json_path(c, "resources.limits"), names[i]),
                          *request = json_get(json_path(c, "resources.requests"), names[i]);
        int64_t l = quantity_json_milli(limit, 0), n = quantity_json_milli(request, 0);
        if (l > 0 || n > 0) q->any = true;
        if (l <= 0) q->complete = false;
        if (request && n != l) q->requests_equal_limits = false;
    }
}

static const char *qos_class(const struct json *pod)
{
    static const char *const lists[] = { "containers", "initContainers" };
    struct qos_sum q = { false, true, true };
    for (size_t i = 0; i < 2; i++)
        for (const struct json *c = json_first(json_get(json_get(pod, "spec"), lists[i])); c; c = json_next(c)) qos_container(c, &q);
    return !q.any ? "BestEffort" : q.complete && q.requests_equal_limits ? "Guaranteed" : "Burstable";
}

static bool pod_create(struct request *r, struct json *obj, struct err *err)
{
    (void)err;
    json_set(r->a, obj, "status", json_buildf(r->a, "{'phase':'Pending','qosClass':%s}", qos_class(obj)));
    return true;
}

static bool pod_update(struct request *r, struct json *obj, const struct json *old, struct err *err)
{
    (void)err;
    struct str qos = json_path_str(old, "status.qosClass");
    if (qos.n && !json_path_str(obj, "status.qosClass").n) json_set_str(r->a, json_ensure(r->a, obj, "status"), "qosClass", qos);
    return true;
}

/* ---- services ---- */
static bool has_cluster_ip(const struct json *svc)
{
    return !str_eqc(json_path_str(svc, "spec.type"), "ExternalName") && !str_eqc(json_path_str(svc, "spec.clusterIP"), "None");
}

static bool has_node_ports(const struct json *svc)
{
    struct str type = json_path_str(svc, "spec.type");
    return str_eqc(type, "NodePort") || str_eqc(type, "LoadBalancer");
}

static bool service_invalid(struct request *r, const struct json *svc, struct str field, struct str shown, const struct err *why,
                            struct err *err)
{
    if (why->code == ERR_INTERNAL) return err_set(err, ERR_INTERNAL, "%s", why->msg);
    struct field_errors e = { .a = r->a };
    field_error_add(&e, "FieldValueInvalid", field, "Invalid value: " STR_FMT ": %s", STR_ARG(shown), why->msg);
    return err_invalid(err, STR(""), STR("Service"), meta_name(svc), &e);
}

static bool service_take_ip(struct request *r, struct json *svc, struct err *err)
{
    struct json *spec = json_ensure(r->a, svc, "spec");
    struct str want = json_get_str(spec, "clusterIP"), ip;
    struct err why = { 0 };
    bool ok = alloc_ip(r->as->registry->alloc, want, r->a, &ip, &why), dual = r->as->opt.minor >= 20;
    if (!ok && dual && why.code != ERR_INTERNAL) {
        struct str text = arena_str(r->a, str_c(why.msg));
        err_set(&why, ERR_BAD_REQUEST, "failed to %s ip:" STR_FMT " with error:" STR_FMT,
                r->as->opt.minor >= 22 ? "allocate" : "allocated", STR_ARG(want), STR_ARG(text));
        return service_invalid(r, svc, STR("spec.clusterIPs"), arena_strf(r->a, "[]string{\"" STR_FMT "\"}", STR_ARG(want)), &why,
                               err);
    }
    if (!ok)
        return service_invalid(r, svc, STR("spec.clusterIP"), arena_strf(r->a, "\"" STR_FMT "\"", STR_ARG(want)), &why, err);
    json_set_str(r->a, spec, "clusterIP", ip);
    return true;
}

static bool service_take_ports(struct request *r, struct json *svc, const struct json *old, struct err *err)
{
    struct alloc *al = r->as->registry->alloc;
    size_t i = 0;
    for (struct json *p = json_first(json_path(svc, "spec.ports")); p; p = json_next(p), i++) {
        int64_t want = json_get_int(p, "nodePort", 0), got;
        bool kept = false;
        for (const struct json *q = json_first(json_path(old, "spec.ports")); q && want; q = json_next(q))
            kept |= json_get_int(q, "nodePort", 0) == want;
        if (kept) continue;
        struct err why = { 0 };
        if (!alloc_port(al, want, &got, &why))
            return service_invalid(r, svc, arena_strf(r->a, "spec.ports[%zu].nodePort", i), arena_strf(r->a, "%" PRId64, want),
                                   &why, err);
        json_set_int(r->a, p, "nodePort", got);
    }
    return true;
}

/* A load balancer that leads to local endpoints only asks each node, at one more port, whether it has any. */
static bool needs_health_port(const struct json *svc)
{
    return str_eqc(json_path_str(svc, "spec.type"), "LoadBalancer") &&
           str_eqc(json_path_str(svc, "spec.externalTrafficPolicy"), "Local");
}

static bool service_take_health_port(struct request *r, struct json *svc, const struct json *old, struct err *err)
{
    int64_t want = json_path_int(svc, "spec.healthCheckNodePort", 0), had = json_path_int(old, "spec.healthCheckNodePort", 0), got;
    struct err why = { 0 };
    if (!needs_health_port(svc) || (want && want == had)) return true;
    if (!alloc_port(r->as->registry->alloc, want, &got, &why))
        return err_set(err, ERR_INTERNAL, "failed to allocate requested HealthCheck NodePort %" PRId64 ": %s", want, why.msg);
    json_set_int(r->a, json_get(svc, "spec"), "healthCheckNodePort", got);
    return true;
}

static void service_drop_ports(struct apiserver *as, const struct json *from, const struct json *still)
{
    for (const struct json *p = json_first(json_path(from, "spec.ports")); p; p = json_next(p)) {
        int64_t port = json_get_int(p, "nodePort", 0);
        bool kept = false;
        for (const struct json *q = json_first(json_path(still, "spec.ports")); q; q = json_next(q))
            kept |= json_get_int(q, "nodePort", 0) == port;
        if (port && !kept) alloc_port_release(as->registry->alloc, port);
    }
    int64_t health = json_path_int(from, "spec.healthCheckNodePort", 0);
    if (health && health != json_path_int(still, "spec.healthCheckNodePort", 0)) alloc_port_release(as->registry->alloc, health);
}

static void service_cluster_ips(struct request *r, struct json *svc)
{
    struct json *spec = json_get(svc, "spec");
    struct str ip = json_get_str(spec, "clusterIP");
    if (r->as->opt.minor < 20) return;
    if (!ip.n || str_eqc(json_get_str(spec, "type"), "ExternalName")) {
        json_remove(spec, "clusterIPs");
        return;
    }
    json_set(r->a, spec, "clusterIPs", json_buildf(r->a, "[%S]", ip));
    if (r->as->opt.minor < 23) return;
    if (!json_get(spec, "ipFamilies")) json_set(r->a, spec, "ipFamilies", json_buildf(r->a, "['IPv4']"));
    if (!json_get(spec, "ipFamilyPolicy")) json_set_strc(r->a, spec, "ipFamilyPolicy", "SingleStack");
}

static bool same_node_ports(const struct json *a, const struct json *b)
{
    const struct json *x = json_first(json_path(a, "spec.ports")), *y = json_first(json_path(b, "spec.ports"));
    for (; x && y; x = json_next(x), y = json_next(y))
        if (json_get_int(x, "nodePort", 0) != json_get_int(y, "nodePort", 0)) return false;
    return !x && !y;
}

/* What the new type has no use for goes, unless the client changed it too (dropTypeDependentFields, since 1.20); so does the
 * traffic policy, always. */
static void service_drop_unused(struct request *r, struct json *obj, const struct json *old)
{
    struct json *spec = json_get(obj, "spec");
    if (has_node_ports(old) && !has_node_ports(obj)) {
        json_remove(spec, "externalTrafficPolicy");
        json_remove(spec, "healthCheckNodePort");
    } else if (needs_health_port(old) && !needs_health_port(obj)) {
        json_remove(spec, "healthCheckNodePort");
    }
    if (r->as->opt.minor < 20) return;
    bool was_external = str_eqc(json_path_str(old, "spec.type"), "ExternalName"),
         external = str_eqc(json_get_str(spec, "type"), "ExternalName");
    if (!was_external && external && str_eq(json_get_str(spec, "clusterIP"), json_path_str(old, "spec.clusterIP"))) {
        json_remove(spec, "clusterIP");
        json_remove(spec, "clusterIPs");
    }
    if (!json_get_str(spec, "clusterIP").n) json_remove(spec, "clusterIPs");
    if (!has_node_ports(old) || has_node_ports(obj) || !same_node_ports(obj, old)) return;
    for (struct json *p = json_first(json_get(spec, "ports")); p; p = json_next(p)) json_remove(p, "nodePort");
}

/* A client that replaces a Service need not repeat what the server chose for it (patchAllocatedValues). */
static bool service_update(struct request *r, struct json *obj, const struct json *old, struct err *err)
{
    (void)err;
    struct json *spec = json_ensure(r->a, obj, "spec");
    service_drop_unused(r, obj, old);
    if (has_cluster_ip(old) && !str_eqc(json_get_str(spec, "type"), "ExternalName") && !json_get_str(spec, "clusterIP").n)
        json_set_str(r->a, spec, "clusterIP", json_path_str(old, "spec.clusterIP"));
    if (needs_health_port(obj) && needs_health_port(old) && !json_get_int(spec, "healthCheckNodePort", 0))
        json_set_int(r->a, spec, "healthCheckNodePort", json_path_int(old, "spec.healthCheckNodePort", 0));
    if (!has_node_ports(obj) || !has_node_ports(old)) return true;
    for (struct json *p = json_first(json_get(spec, "ports")); p; p = json_next(p))
        for (const struct json *q = json_first(json_path(old, "spec.ports")); q && !json_get_int(p, "nodePort", 0); q = json_next(q))
            if (json_get_int(p, "port", 0) == json_get_int(q, "port", 0) &&
                str_eq(json_get_str(p, "protocol"), json_get_str(q, "protocol")))
                json_set_int(r->a, p, "nodePort", json_get_int(q, "nodePort", 0));
    return true;
}

static bool service_store(struct request *r, struct json *obj, const struct json *old, struct err *err)
{
    struct alloc *al = r->as->registry->alloc;
    bool had_ip = old && has_cluster_ip(old), wants_ip = has_cluster_ip(obj);
    if (old && r->dry_run) return true;
    if (wants_ip && !had_ip && !service_take_ip(r, obj, err)) return false;
    if (has_node_ports(obj) && (!service_take_ports(r, obj, old, err) || !service_take_health_port(r, obj, old, err))) {
        if (wants_ip && !had_ip) alloc_ip_release(al, json_path_str(obj, "spec.clusterIP"));
        return false;
    }
    if (had_ip && !wants_ip) {
        alloc_ip_release(al, json_path_str(old, "spec.clusterIP"));
        if (str_eqc(json_path_str(obj, "spec.type"), "ExternalName")) json_remove(json_get(obj, "spec"), "clusterIP");
    }
    if (old) service_drop_ports(r->as, old, obj);
    service_cluster_ips(r, obj);
    return true;
}

static void service_removed(struct apiserver *as, const struct json *obj)
{
    if (has_cluster_ip(obj)) alloc_ip_release(as->registry->alloc, json_path_str(obj, "spec.clusterIP"));
    service_drop_ports(as, obj, NULL);
}

static bool service_create(struct request *r, struct json *obj, struct err *err)
{
    (void)err;
    json_set(r->a, obj, "status", json_buildf(r->a, "{'loadBalancer':{}}"));
    return true;
}

/* ---- namespaces ---- */
static bool namespace_create(struct request *r, struct json *obj, struct err *err)
{
    (void)err;
    json_set(r->a, obj, "spec", json_buildf(r->a, "{'finalizers':['kubernetes']}"));
    json_set(r->a, obj, "status", json_buildf(r->a, "{'phase':'Active'}"));
    if (r->as->opt.minor >= 21)
        json_set_str(r->a, json_ensure(r->a, json_get(obj, "metadata"), "labels"), "kubernetes.io/metadata.name", meta_name(obj));
    return true;
}

/* spec.finalizers change through /finalize alone. */
static bool namespace_update(struct request *r, struct json *obj, const struct json *old, struct err *err)
{
    (void)err;
    if (!str_eqc(r->info.subresource, "finalize")) {
        const struct json *spec = json_get(old, "spec");
        json_set(r->a, obj, "spec", spec ? json_copy(r->a, spec) : json_new_object(r->a));
    } else {
        const struct json *status = json_get(old, "status");
        if (status) json_set(r->a, obj, "status", json_copy(r->a, status));
    }
    if (r->as->opt.minor >= 21)
        json_set_str(r->a, json_ensure(r->a, json_get(obj, "metadata"), "labels"), "kubernetes.io/metadata.name", meta_name(obj));
    return true;
}

/* ---- secrets ---- */
static bool secret_update(struct request *r, struct json *obj, const struct json *old, struct err *err)
{
    if (!json_get_str(obj, "type").n) json_set_str(r->a, obj, "type", json_get_str(old, "type"));
    (void)err;
    return true;
}

/* ---- volumes ---- */
static bool pending_create(struct request *r, struct json *obj, struct err *err)
{
    (void)err;
    json_set(r->a, obj, "status", json_buildf(r->a, "{'phase':'Pending'}"));
    return true;
}

#define POD_FIELDS "spec.nodeName,spec.restartPolicy,spec.schedulerName,spec.serviceAccountName,status.phase,status.podIP,"          \
                   "status.nominatedNodeName,spec.hostNetwork"
#define EVENT_FIELDS "involvedObject.kind,involvedObject.namespace,involvedObject.name,involvedObject.uid,"                           \
                     "involvedObject.apiVersion,involvedObject.resourceVersion,involvedObject.fieldPath,reason,reportingComponent,"  \
                     "source=source.component|reportingComponent,type"

const struct strategy strategies_core[] = {
    { "", "pods", STRATEGY_GRACEFUL, POD_FIELDS, "field label not supported: %s", pod_create, pod_update, NULL, NULL, NULL },
    { "", "services", STRATEGY_UPSERT, "spec.clusterIP,spec.type", NULL, service_create, service_update, NULL, service_store,
      service_removed },
    { "", "namespaces", STRATEGY_FINALIZE, "status.phase,name=metadata.name", "field label not supported: %s", namespace_create,
      namespace_update, NULL, NULL, NULL },
    { "", "secrets", 0, "type", "field label not supported: %s", NULL, secret_update, NULL, NULL, NULL },
    { "", "events", STRATEGY_UPSERT, EVENT_FIELDS, "field label not supported: %s", NULL, NULL, NULL, NULL, NULL },
    { "", "nodes", STRATEGY_KEEP_STATUS, "spec.unschedulable", "field label not supported: %s", NULL, NULL, NULL, NULL, NULL },
    { "", "endpoints", STRATEGY_UPSERT, NULL, NULL, NULL, NULL, NULL, NULL, NULL },
    { "", "limitranges", STRATEGY_UPSERT, NULL, NULL, NULL, NULL, NULL, NULL, NULL },
    { "", "podtemplates", STRATEGY_UPSERT, NULL, NULL, NULL, NULL, NULL, NULL, NULL },
    { "", "replicationcontrollers", STRATEGY_GENERATION, "status.replicas", "field label %s not supported", NULL, NULL, NULL, NULL,
      NULL },
    { "", "persistentvolumes", 0, NULL, NULL, pending_create, NULL, NULL, NULL, NULL },
    { "", "persistentvolumeclaims", 0, NULL, NULL, pending_create, NULL, NULL, NULL, NULL },
    { NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL },
};
