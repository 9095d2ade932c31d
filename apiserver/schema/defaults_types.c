/* apiserver/schema/defaults_types.c - the defaults that depend on other fields, one function per type that has some.
 *
 * Models SetDefaults_X of pkg/apis/{core,apps,batch,rbac,networking,certificates,apiextensions}/.../defaults.go. A function sees
 * its object before the constants below it are filled in. Fields of versions that do not have them are dropped by canonical.c,
 * except where noted.
 */
#include "apiserver/schema/schema_priv.h"

static bool absent(const struct json *obj, const char *key)
{
    return json_type(json_get(obj, key)) == JSON_NULL;
}

static void set_absent(struct arena *a, struct json *obj, const char *key, struct json *v)
{
    if (absent(obj, key))
        json_set(a, obj, key, v);
}

/* A string field whose zero is "". */
static struct str or_default(const struct json *obj, const char *key, const char *dflt)
{
    struct str v = json_get_str(obj, key);
    return v.n ? v : str_c(dflt);
}

/* ---- pods ---- */

/* The tag "latest", said or implied, means the image may change. A digest has no tag; a name that cannot be parsed has none either. */
static bool tag_is_latest(struct str image)
{
    if (image.n == 0 || str_chr(image, '@') >= 0)
        return false;
    size_t slash = image.n;
    while (slash > 0 && image.p[slash - 1] != '/')
        slash--;
    struct str last = str_sub(image, slash, image.n);
    ptrdiff_t colon = str_chr(last, ':');
    for (size_t i = 0; i < image.n; i++)         /* the reference grammar has no capitals before the tag */
        if (image.p[i] >= 'A' && image.p[i] <= 'Z' && (colon < 0 || i < slash + (size_t)colon) && i >= slash)
            return false;
    return colon < 0 || str_eqc(str_sub(last, (size_t)colon + 1, last.n), "latest");
}

static void container_defaults(const struct schema *s, struct arena *a, struct json *obj)
{
    (void)s;
    if (json_get_str(obj, "imagePullPolicy").n == 0)
        json_set_strc(a, obj, "imagePullPolicy", tag_is_latest(json_get_str(obj, "image")) ? "Always" : "IfNotPresent");
}

static void host_ports(struct arena *a, const struct json *containers)
{
    for (struct json *c = json_first(containers); c; c = json_next(c))
        for (struct json *p = json_first(json_get(c, "ports")); p; p = json_next(p))
            if (json_get_int(p, "hostPort", 0) == 0)
                json_set_int(a, p, "hostPort", json_get_int(p, "containerPort", 0));
}

static void host_network_ports(struct arena *a, const struct json *spec)
{
    if (!json_get_bool(spec, "hostNetwork", false))
        return;
    host_ports(a, json_get(spec, "containers"));
    host_ports(a, json_get(spec, "initContainers"));
}

/* Up to v1.27 a template gets its host ports as well; later only the pod itself. */
static void pod_spec_defaults(const struct schema *s, struct arena *a, struct json *obj)
{
    if (s->minor < 28)
        host_network_ports(a, obj);
    /* conversion keeps the two names of one field equal */
    if (absent(obj, "serviceAccountName") && !absent(obj, "serviceAccount"))
        json_set(a, obj, "serviceAccountName", json_copy(a, json_get(obj, "serviceAccount")));
    if (json_get_str(obj, "serviceAccountName").n)
        json_set(a, obj, "serviceAccount", json_copy(a, json_get(obj, "serviceAccountName")));
}

static void requests_from_limits(struct arena *a, const struct json *containers)
{
    for (struct json *c = json_first(containers); c; c = json_next(c)) {
        const struct json *limits = json_path(c, "resources.limits");
        for (struct json *l = json_first(limits); l; l = json_next(l)) {
            struct json *requests = json_ensure(a, json_get(c, "resources"), "requests");
            if (!json_getn(requests, json_key(l)))
                json_setn(a, requests, json_key(l), json_copy(a, l));
        }
    }
}

static void pod_defaults(const struct schema *s, struct arena *a, struct json *obj)
{
    struct json *spec = json_ensure(a, obj, "spec");
    requests_from_limits(a, json_get(spec, "containers"));
    requests_from_limits(a, json_get(spec, "initContainers"));
    set_absent(a, spec, "enableServiceLinks", json_new_bool(a, true));
    if (s->minor >= 28)
        host_network_ports(a, spec);
}

static void volume_defaults(const struct schema *s, struct arena *a, struct json *obj)
{
    (void)s;
    size_t sources = json_len(obj) - (json_get(obj, "name") ? 1 : 0);
    if (sources == 0)
        json_set(a, obj, "emptyDir", json_new_object(a));
    struct json *image = json_get(obj, "image");
    if (json_is(image, JSON_OBJECT) && json_get_str(image, "pullPolicy").n == 0)
        json_set_strc(a, image, "pullPolicy", tag_is_latest(json_get_str(image, "reference")) ? "Always" : "IfNotPresent");
}

/* ---- other core types ---- */

/* What the internal type does not have is moved where it is kept (conversion, that is). */
static void secret_defaults(const struct schema *s, struct arena *a, struct json *obj)
{
    (void)s;
    struct json *plain = json_remove(obj, "stringData");
    if (!json_len(plain))
        return;
    struct json *data = json_ensure(a, obj, "data");
    for (const struct json *c = json_first(plain); c; c = json_next(c))
        json_setn(a, data, json_key(c), json_new_str(a, base64_encode(a, json_str(c))));
    json_sort_keys(data);
}

static void daemon_set_defaults(const struct schema *s, struct arena *a, struct json *obj)
{
    (void)s;
    struct json *notes = json_ensure(a, json_ensure(a, obj, "metadata"), "annotations");
    set_absent(a, notes, "deprecated.daemonset.template.generation", json_new_strc(a, "0"));
    json_sort_keys(notes);
}

static void service_spec_defaults(const struct schema *s, struct arena *a, struct json *obj)
{
    struct str affinity = or_default(obj, "sessionAffinity", "None"), type = or_default(obj, "type", "ClusterIP");
    if (str_eqc(affinity, "None"))
        json_remove(obj, "sessionAffinityConfig");
    if (str_eqc(affinity, "ClientIP")) {
        struct json *ip = json_ensure(a, json_ensure(a, obj, "sessionAffinityConfig"), "clientIP");
        set_absent(a, ip, "timeoutSeconds", json_new_int(a, 10800));
    }
    bool external = str_eqc(type, "NodePort") || str_eqc(type, "LoadBalancer");
    if (external && json_get_str(obj, "externalTrafficPolicy").n == 0)
        json_set_strc(a, obj, "externalTrafficPolicy", "Cluster");
    if (s->minor >= 22 && (external || str_eqc(type, "ClusterIP")))
        set_absent(a, obj, "internalTrafficPolicy", json_new_strc(a, "Cluster"));
    if (s->minor >= 22 && str_eqc(type, "LoadBalancer"))
        set_absent(a, obj, "allocateLoadBalancerNodePorts", json_new_bool(a, true));
}

static void service_port_defaults(const struct schema *s, struct arena *a, struct json *obj)
{
    (void)s;
    struct json *target = json_get(obj, "targetPort");
    if (!target || json_int(target, 1) == 0 || (json_is(target, JSON_STRING) && json_str(target).n == 0))
        json_set_int(a, obj, "targetPort", json_get_int(obj, "port", 0));
}

/* An address of a load balancer is a virtual one unless said otherwise. */
static void service_defaults(const struct schema *s, struct arena *a, struct json *obj)
{
    if (s->minor < 30 || !str_eqc(json_path_str(obj, "spec.type"), "LoadBalancer"))
        return;
    for (struct json *i = json_first(json_path(obj, "status.loadBalancer.ingress")); i; i = json_next(i))
        if (json_get_str(i, "ip").n)
            set_absent(a, i, "ipMode", json_new_strc(a, "VIP"));
}

static void labels_from_template(struct arena *a, struct json *obj, bool selector)
{
    struct json *labels = json_path(obj, "spec.template.metadata.labels");
    if (json_len(labels) == 0)
        return;
    if (selector && json_len(json_path(obj, "spec.selector")) == 0)
        json_set(a, json_get(obj, "spec"), "selector", json_copy(a, labels));
    struct json *meta = json_ensure(a, obj, "metadata");
    if (json_len(json_get(meta, "labels")) == 0)
        json_set(a, meta, "labels", json_copy(a, labels));
}

static void replication_controller_defaults(const struct schema *s, struct arena *a, struct json *obj)
{
    (void)s;
    labels_from_template(a, obj, true);
}

static void node_status_defaults(const struct schema *s, struct arena *a, struct json *obj)
{
    (void)s;
    if (absent(obj, "allocatable") && json_len(json_get(obj, "capacity")))
        json_set(a, obj, "allocatable", json_copy(a, json_get(obj, "capacity")));
}

static void namespace_defaults(const struct schema *s, struct arena *a, struct json *obj)
{
    struct str name = meta_name(obj);
    if (s->minor >= 21 && name.n)
        json_set_str(a, json_ensure(a, json_get(obj, "metadata"), "labels"), "kubernetes.io/metadata.name", name);
}

static void copy_missing(struct arena *a, const struct json *from, struct json *to)
{
    for (struct json *c = json_first(from); c; c = json_next(c))
        if (!json_getn(to, json_key(c)))
            json_setn(a, to, json_key(c), json_copy(a, c));
}

static void limit_range_item_defaults(const struct schema *s, struct arena *a, struct json *obj)
{
    (void)s;
    if (!str_eqc(json_get_str(obj, "type"), "Container"))
        return;
    struct json *dflt = json_ensure(a, obj, "default"), *request = json_ensure(a, obj, "defaultRequest");
    copy_missing(a, json_get(obj, "max"), dflt);
    copy_missing(a, dflt, request);
    copy_missing(a, json_get(obj, "min"), request);
}

/* ---- workloads ---- */

static void deployment_strategy_defaults(const struct schema *s, struct arena *a, struct json *obj)
{
    (void)s;
    if (!str_eqc(or_default(obj, "type", "RollingUpdate"), "RollingUpdate"))
        return;
    struct json *r = json_ensure(a, obj, "rollingUpdate");
    set_absent(a, r, "maxUnavailable", json_new_strc(a, "25%"));
    set_absent(a, r, "maxSurge", json_new_strc(a, "25%"));
}

static void daemon_set_strategy_defaults(const struct schema *s, struct arena *a, struct json *obj)
{
    if (!str_eqc(or_default(obj, "type", "RollingUpdate"), "RollingUpdate"))
        return;
    struct json *r = json_ensure(a, obj, "rollingUpdate");
    set_absent(a, r, "maxUnavailable", json_new_int(a, 1));
    if (s->minor >= 22)
        set_absent(a, r, "maxSurge", json_new_int(a, 0));
}

static void stateful_set_strategy_defaults(const struct schema *s, struct arena *a, struct json *obj)
{
    bool unsaid = json_get_str(obj, "type").n == 0;
    if (!unsaid && !str_eqc(json_get_str(obj, "type"), "RollingUpdate"))
        return;
    if (!unsaid && s->minor < 22 && absent(obj, "rollingUpdate"))
        return;
    set_absent(a, json_ensure(a, obj, "rollingUpdate"), "partition", json_new_int(a, 0));
}

static void stateful_set_spec_defaults(const struct schema *s, struct arena *a, struct json *obj)
{
    if (s->minor >= 27)
        json_ensure(a, obj, "persistentVolumeClaimRetentionPolicy");
    for (struct json *c = json_first(json_get(obj, "volumeClaimTemplates")); c && s->minor >= 17; c = json_next(c)) {
        json_set_strc(a, c, "kind", "PersistentVolumeClaim");
        json_set_strc(a, c, "apiVersion", "v1");
    }
}

static void job_defaults(const struct schema *s, struct arena *a, struct json *obj)
{
    struct json *spec = json_ensure(a, obj, "spec");
    if (absent(spec, "completions") && absent(spec, "parallelism"))
        json_set_int(a, spec, "completions", 1);
    set_absent(a, spec, "parallelism", json_new_int(a, 1));
    set_absent(a, spec, "backoffLimit", json_new_int(a, absent(spec, "backoffLimitPerIndex") ? 6 : INT32_MAX));
    labels_from_template(a, obj, false);
    if (s->minor < 24)
        return;
    set_absent(a, spec, "completionMode", json_new_strc(a, "NonIndexed"));
    set_absent(a, spec, "suspend", json_new_bool(a, false));
    set_absent(a, spec, "podReplacementPolicy", json_new_strc(a, absent(spec, "podFailurePolicy") ? "TerminatingOrFailed" : "Failed"));
    set_absent(a, spec, "manualSelector", json_new_bool(a, false));
}

/* ---- the rest ---- */

static void subject_defaults(const struct schema *s, struct arena *a, struct json *obj)
{
    (void)s;
    struct str kind = json_get_str(obj, "kind");
    if (json_get_str(obj, "apiGroup").n == 0 && (str_eqc(kind, "User") || str_eqc(kind, "Group")))
        json_set_strc(a, obj, "apiGroup", "rbac.authorization.k8s.io");
}

static void network_policy_spec_defaults(const struct schema *s, struct arena *a, struct json *obj)
{
    (void)s;
    if (json_len(json_get(obj, "policyTypes")))
        return;
    struct json *types = json_new_array(a);
    json_append(types, json_new_strc(a, "Ingress"));
    if (json_len(json_get(obj, "egress")))
        json_append(types, json_new_strc(a, "Egress"));
    json_set(a, obj, "policyTypes", types);
}

static bool has_usage(const struct json *usages, const char *usage)
{
    for (const struct json *u = json_first(usages); u; u = json_next(u))
        if (str_eqc(json_str(u), usage))
            return true;
    return false;
}

/* DefaultSignerNameFromSpec: by usages and by the subject. The request is searched for its subject's strings instead of being
 * parsed. */
static void csr_spec_defaults(const struct schema *s, struct arena *a, struct json *obj)
{
    if (s->minor < 18 || json_get_str(obj, "signerName").n)
        return;
    struct str pem, der = STR_NULL;
    if (base64_decode(a, json_get_str(obj, "request"), &pem)) {
        ptrdiff_t from = str_find(pem, STR("REQUEST-----\n")), to = str_find(pem, STR("\n-----END"));
        if (from >= 0 && to > from + 13)
            base64_decode(a, str_sub(pem, (size_t)from + 13, (size_t)to), &der);
    }
    const struct json *usages = json_get(obj, "usages");
    bool node = str_find(der, STR("system:nodes")) >= 0 && str_find(der, STR("system:node:")) >= 0 &&
                str_starts(json_get_str(obj, "username"), "system:node:");
    bool bootstrap = str_find(der, STR("system:nodes")) >= 0 && str_find(der, STR("system:node:")) >= 0;
    bool common = json_len(usages) == 3 && has_usage(usages, "digital signature") && has_usage(usages, "key encipherment");
    const char *signer = "kubernetes.io/legacy-unknown";
    if (common && bootstrap && has_usage(usages, "client auth"))
        signer = "kubernetes.io/kube-apiserver-client-kubelet";
    else if (common && node && has_usage(usages, "server auth"))
        signer = "kubernetes.io/kubelet-serving";
    json_set_strc(a, obj, "signerName", signer);
}

/* Upstream's internal version has the list alone. */
static void node_spec_defaults(const struct schema *s, struct arena *a, struct json *obj)
{
    struct str cidr = json_get_str(obj, "podCIDR");
    struct json *list = json_get(obj, "podCIDRs");
    if (s->minor < 16 || (!cidr.n && json_len(list) == 0))
        return;
    if (!cidr.n)
        json_set_str(a, obj, "podCIDR", json_str(json_first(list)));
    else if (json_len(list) == 0 || !str_eq(json_str(json_first(list)), cidr))
        json_set(a, obj, "podCIDRs", json_buildf(a, "[%S]", cidr));
}

static void crd_spec_defaults(const struct schema *s, struct arena *a, struct json *obj)
{
    (void)s;
    struct json *names = json_ensure(a, obj, "names");
    struct str kind = json_get_str(names, "kind");
    if (json_get_str(names, "singular").n == 0 && kind.n) {
        char *lower = arena_cstr(a, kind);
        for (char *p = lower; *p; p++)
            if (*p >= 'A' && *p <= 'Z')
                *p = (char)(*p - 'A' + 'a');
        json_set_strc(a, names, "singular", lower);
    }
    if (json_get_str(names, "listKind").n == 0 && kind.n)
        json_set_str(a, names, "listKind", arena_strf(a, STR_FMT "List", STR_ARG(kind)));
    struct str version = json_get_str(obj, "version");   /* v1beta1: the singular field and the list name one thing */
    if (version.n && json_len(json_get(obj, "versions")) == 0)
        json_append(json_ensure_array(a, obj, "versions"), json_buildf(a, "{'name': %S, 'served': true, 'storage': true}", version));
    else if (!version.n && json_get(obj, "version"))
        json_remove(obj, "version");
}

static const struct { const char *type; void (*fn)(const struct schema *s, struct arena *a, struct json *obj); } functions[] = {
    { "core.v1.Pod", pod_defaults },
    { "core.v1.PodSpec", pod_spec_defaults },
    { "core.v1.Container", container_defaults },
    { "core.v1.EphemeralContainer", container_defaults },
    { "core.v1.Volume", volume_defaults },
    { "core.v1.Secret", secret_defaults },
    { "core.v1.Service", service_defaults },
    { "core.v1.ServiceSpec", service_spec_defaults },
    { "core.v1.ServicePort", service_port_defaults },
    { "core.v1.ReplicationController", replication_controller_defaults },
    { "core.v1.NodeSpec", node_spec_defaults },
    { "core.v1.NodeStatus", node_status_defaults },
    { "core.v1.Namespace", namespace_defaults },
    { "core.v1.LimitRangeItem", limit_range_item_defaults },
    { "apps.v1.DeploymentStrategy", deployment_strategy_defaults },
    { "apps.v1.DaemonSet", daemon_set_defaults },
    { "apps.v1.DaemonSetUpdateStrategy", daemon_set_strategy_defaults },
    { "apps.v1.StatefulSetUpdateStrategy", stateful_set_strategy_defaults },
    { "apps.v1.StatefulSetSpec", stateful_set_spec_defaults },
    { "batch.v1.Job", job_defaults },
    { "rbac.v1.Subject", subject_defaults },
    { "rbac.v1beta1.Subject", subject_defaults },
    { "networking.v1.NetworkPolicySpec", network_policy_spec_defaults },
    { "certificates.v1beta1.CertificateSigningRequestSpec", csr_spec_defaults },
};

void default_type(const struct schema *s, struct arena *a, const struct type *t, struct json *obj)
{
    if (str_ends(str_c(t->name), ".CustomResourceDefinitionSpec"))
        crd_spec_defaults(s, a, obj);
    if (strncmp(t->name, "io.k8s.api.", 11) != 0)
        return;
    for (size_t i = 0; i < ARRAY_LEN(functions); i++)
        if (strcmp(functions[i].type, t->name + 11) == 0)
            functions[i].fn(s, a, obj);
}
