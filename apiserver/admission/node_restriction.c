/* apiserver/admission/node_restriction.c - what a kubelet may write: its own Node, its own pods' status, mirror pods, its lease.
 *
 * Upstream: kubernetes plugin/pkg/admission/noderestriction/admission.go. The Node authorizer (auth/node_authorizer.c) decides on
 * verbs and resources; this plugin looks into the objects.
 */
#include "apiserver/admission/admission_priv.h"

#define NODE_FMT "node \"" STR_FMT "\" "

/* ---- pods ---- */
static bool refers_to_secrets(const struct json *spec)
{
    for (const struct json *v = json_first(json_get(spec, "volumes")); v; v = json_next(v))
        if (json_get(v, "secret") || json_get(v, "configMap") || json_get(v, "persistentVolumeClaim")) return true;
    return false;
}

static bool create_pod(struct admission_attrs *t, struct str node, struct err *err)
{
    const struct json *spec = json_get(t->obj, "spec");
    if (!is_mirror_pod(t->obj))
        return admission_forbid(t, err,
                                "pod does not have \"kubernetes.io/config.mirror\" annotation, " NODE_FMT
                                "can only create mirror pods",
                                STR_ARG(node));
    if (!str_eq(json_get_str(spec, "nodeName"), node))
        return admission_forbid(t, err, NODE_FMT "can only create pods with spec.nodeName set to itself", STR_ARG(node));
    if (json_get_str(spec, "serviceAccountName").n)
        return admission_forbid(t, err, NODE_FMT "can not create pods that reference a service account", STR_ARG(node));
    return !refers_to_secrets(spec) || admission_forbid(t, err, NODE_FMT "can not create pods that reference secrets", STR_ARG(node));
}

static bool on_pods(struct admission_attrs *t, struct str node, struct err *err)
{
    struct str where = json_path_str(t->old, "spec.nodeName");
    if (str_eqc(t->sub, "status")) {
        if (!str_eq(where, node))
            return admission_forbid(t, err, NODE_FMT "can only update pod status for pods with spec.nodeName set to itself",
                                    STR_ARG(node));
        return json_equal(json_path(t->obj, "metadata.labels"), json_path(t->old, "metadata.labels")) ||
               admission_forbid(t, err, NODE_FMT "cannot update labels through pod status", STR_ARG(node));
    }
    if (t->op == ADMIT_CREATE && !t->sub.n) return create_pod(t, node, err);
    if (t->op == ADMIT_DELETE)
        return str_eq(where, node) ||
               admission_forbid(t, err, NODE_FMT "can only delete pods with spec.nodeName set to itself", STR_ARG(node));
    return true;
}

/* ---- nodes ---- */
static bool label_is_kubelets(struct str key)
{
    static const char *const allowed[] = {
        "kubernetes.io/hostname", "kubernetes.io/os", "kubernetes.io/arch", "beta.kubernetes.io/os", "beta.kubernetes.io/arch",
            "beta.kubernetes.io/instance-type",
        "node.kubernetes.io/instance-type", "failure-domain.beta.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/region",
        "failure-domain.kubernetes.io/zone",
        "failure-domain.kubernetes.io/region", "topology.kubernetes.io/zone", "topology.kubernetes.io/region",
        "node.kubernetes.io/exclude-from-external-load-balancers",
    };
    static const char *const prefixes[] = { "kubelet.kubernetes.io", "node.kubernetes.io" };
    struct str domain, name;
    if (!str_cut(key, '/', &domain, &name)) return true;
    for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
        if (str_eqc(key, allowed[i])) return true;
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
        if (str_eqc(domain, prefixes[i]) || (str_ends(domain, prefixes[i]) && domain.p[domain.n - strlen(prefixes[i]) - 1] == '.'))
            return true;
    bool restricted = str_eqc(domain, "node-restriction.kubernetes.io") || str_ends(domain, ".node-restriction.kubernetes.io");
    bool reserved = str_eqc(domain, "kubernetes.io") || str_ends(domain, ".kubernetes.io") || str_eqc(domain, "k8s.io") ||
                    str_ends(domain, ".k8s.io");
    return !restricted && !reserved;
}

/* Labels that differ and are not a kubelet's to set; joined by ", ". */
static struct str foreign_labels(struct arena *a, const struct json *have, const struct json *was)
{
    struct str out = STR("");
    for (int pass = 0; pass < 2; pass++) {
        const struct json *these = pass ? was : have, *those = pass ? have : was;
        for (const struct json *l = json_first(these); l; l = json_next(l)) {
            const struct json *other = json_getn(those, json_key(l));
            bool changed = pass ? !other : !other || !str_eq(json_str(other), json_str(l));
            if (changed && !label_is_kubelets(json_key(l)))
                out = arena_strf(a, STR_FMT "%s" STR_FMT, STR_ARG(out), out.n ? ", " : "", STR_ARG(json_key(l)));
        }
    }
    return out;
}

static bool on_nodes(struct admission_attrs *t, struct str node, struct err *err)
{
    struct str name = t->name.n ? t->name : meta_name(t->obj);
    struct arena *a = t->r->a;
    if (!str_eq(name, node))
        return admission_forbid(t, err, NODE_FMT "is not allowed to modify node \"" STR_FMT "\"", STR_ARG(node), STR_ARG(name));
    if (t->op == ADMIT_DELETE) return true;
    const struct json *labels = json_path(t->obj, "metadata.labels");
    struct str foreign = foreign_labels(a, labels, json_path(t->old, "metadata.labels"));
    if (t->op == ADMIT_CREATE && foreign.n)
        return admission_forbid(t, err, NODE_FMT "is not allowed to set the following labels: " STR_FMT, STR_ARG(node),
                                STR_ARG(foreign));
    if (t->op != ADMIT_UPDATE) return true;
    if (!json_equal(json_path(t->obj, "spec.taints"), json_path(t->old, "spec.taints")) &&
        json_len(json_path(t->obj, "spec.taints")) + json_len(json_path(t->old, "spec.taints")) > 0 && !t->sub.n)
        return admission_forbid(t, err, NODE_FMT "is not allowed to modify taints", STR_ARG(node));
    return !foreign.n || admission_forbid(t, err, NODE_FMT "is not allowed to modify labels: " STR_FMT, STR_ARG(node),
                                          STR_ARG(foreign));
}

/* ---- leases and the like ---- */
static bool on_leases(struct admission_attrs *t, struct str node, struct err *err)
{
    if (!str_eqc(t->ns, "kube-node-lease"))
        return admission_forbid(t, err, "can only access leases in the \"kube-node-lease\" system namespace");
    struct str name = t->op == ADMIT_CREATE ? meta_name(t->obj) : t->name;
    return str_eq(name, node) || admission_forbid(t, err, "can only access node lease with the same name as the requesting node");
}

static bool on_csinodes(struct admission_attrs *t, struct str node, struct err *err)
{
    struct str name = t->op == ADMIT_CREATE ? meta_name(t->obj) : t->name;
    return str_eq(name, node) || admission_forbid(t, err, "can only access CSINode with the same name as the requesting node");
}

static const struct { const char *group, *resource; bool (*check)(struct admission_attrs *t, struct str node, struct err *err);
                      } checks[] = {
    { "", "pods", on_pods }, { "", "nodes", on_nodes }, { "coordination.k8s.io", "leases", on_leases },
    { "storage.k8s.io", "csinodes", on_csinodes },
};

bool node_restriction(struct admission_attrs *t, struct err *err)
{
    const struct user *u = &t->r->user;
    if (!user_in_group(u, "system:nodes") || !str_starts(u->name, "system:node:")) return true;
    struct str node = str_sub(u->name, strlen("system:node:"), u->name.n);
    for (size_t i = 0; i < ARRAY_LEN(checks); i++)
        if (str_eqc(t->group, checks[i].group) && str_eqc(t->resource, checks[i].resource)) return checks[i].check(t, node, err);
    return true;
}
