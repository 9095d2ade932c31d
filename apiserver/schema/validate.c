/* apiserver/schema/validate.c - which validator looks at which kind.
 *
 * Models pkg/registry/.../strategy.go's Validate and ValidateUpdate and what they call in pkg/apis/.../validation: metadata
 * first, then the kind. Kinds without a row get the metadata's checks only. The texts live beside their checks: validate_meta,
 * _pod, _containers, _volumes, _workloads, _core, _hpa, _groups, _network,
 * _webhooks. A version's wording is chosen by check.minor.
 */
#include "apiserver/schema/schema_priv.h"

static const struct { const char *group, *kind; enum name_rule rule; kind_check *fn; } kinds[] = {
    { "", "Pod", NAME_SUBDOMAIN, validate_pod },
    { "", "PodTemplate", NAME_SUBDOMAIN, validate_pod_template },
    { "", "ReplicationController", NAME_SUBDOMAIN, validate_replication_controller },
    { "", "Service", NAME_1035, validate_service },
    { "", "ConfigMap", NAME_SUBDOMAIN, validate_config_map },
    { "", "Secret", NAME_SUBDOMAIN, validate_secret },
    { "", "ServiceAccount", NAME_SUBDOMAIN, NULL },
    { "", "Namespace", NAME_LABEL, validate_namespace },
    { "", "Node", NAME_SUBDOMAIN, validate_node },
    { "", "ResourceQuota", NAME_SUBDOMAIN, validate_resource_quota },
    { "", "LimitRange", NAME_SUBDOMAIN, validate_limit_range },
    { "", "Endpoints", NAME_SUBDOMAIN, validate_endpoints },
    { "", "PersistentVolumeClaim", NAME_SUBDOMAIN, validate_pvc },
    { "", "PersistentVolume", NAME_SUBDOMAIN, validate_pv },
    { "", "Event", NAME_SUBDOMAIN, validate_event },
    { "events.k8s.io", "Event", NAME_SUBDOMAIN, validate_event },
    { "apps", "Deployment", NAME_SUBDOMAIN, validate_deployment },
    { "apps", "ReplicaSet", NAME_SUBDOMAIN, validate_replica_set },
    { "apps", "DaemonSet", NAME_SUBDOMAIN, validate_daemon_set },
    { "apps", "StatefulSet", NAME_SUBDOMAIN, validate_stateful_set },
    { "batch", "Job", NAME_SUBDOMAIN, validate_job },
    { "batch", "CronJob", NAME_SUBDOMAIN, validate_cron_job },
    { "autoscaling", "HorizontalPodAutoscaler", NAME_SUBDOMAIN, validate_hpa },
    { "autoscaling", "Scale", NAME_ANY, validate_scale },
    { "rbac.authorization.k8s.io", "Role", NAME_PATH, validate_role },
    { "rbac.authorization.k8s.io", "ClusterRole", NAME_PATH, validate_role },
    { "rbac.authorization.k8s.io", "RoleBinding", NAME_PATH, validate_role_binding },
    { "rbac.authorization.k8s.io", "ClusterRoleBinding", NAME_PATH, validate_role_binding },
    { "certificates.k8s.io", "CertificateSigningRequest", NAME_PATH, validate_csr },
    { "apiregistration.k8s.io", "APIService", NAME_PATH, validate_api_service },
    { "coordination.k8s.io", "Lease", NAME_SUBDOMAIN, validate_lease },
    { "policy", "PodDisruptionBudget", NAME_SUBDOMAIN, validate_pdb },
    { "storage.k8s.io", "StorageClass", NAME_SUBDOMAIN, validate_storage_class },
    { "node.k8s.io", "RuntimeClass", NAME_SUBDOMAIN, validate_runtime_class },
    { "scheduling.k8s.io", "PriorityClass", NAME_SUBDOMAIN, validate_priority_class },
    { "apiextensions.k8s.io", "CustomResourceDefinition", NAME_SUBDOMAIN, validate_crd },
    { "networking.k8s.io", "Ingress", NAME_SUBDOMAIN, validate_ingress },
    { "networking.k8s.io", "IngressClass", NAME_SUBDOMAIN, validate_ingress_class },
    { "networking.k8s.io", "NetworkPolicy", NAME_SUBDOMAIN, validate_network_policy },
    { "discovery.k8s.io", "EndpointSlice", NAME_SUBDOMAIN, validate_endpoint_slice },
    { "admissionregistration.k8s.io", "ValidatingWebhookConfiguration", NAME_SUBDOMAIN, validate_webhooks },
    { "admissionregistration.k8s.io", "MutatingWebhookConfiguration", NAME_SUBDOMAIN, validate_webhooks },
    { "extensions", "Ingress", NAME_SUBDOMAIN, validate_ingress },
    { "lab.kubelab.dev", "LoadProfile", NAME_SUBDOMAIN, validate_load_profile },
    { "lab.kubelab.dev", "Fault", NAME_SUBDOMAIN, validate_fault },
    { "lab.kubelab.dev", "Clock", NAME_SUBDOMAIN, validate_clock },
    { "lab.kubelab.dev", "Scenario", NAME_SUBDOMAIN, validate_scenario },
};

/* Requests that are not kept have no name to check. */
static bool is_transient(const struct gvk *gvk)
{
    static const char *const names[] = { "Binding", "Eviction", "TokenRequest", "DeleteOptions", "Status" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eqc(gvk->kind, names[i]))
            return true;
    return str_ends(gvk->kind, "Review");
}

void schema_validate(const struct schema *s, struct arena *a, const struct gvk *gvk, const struct json *obj, const struct json *old,
                     struct field_errors *out)
{
    if (!out->a)
        out->a = a;
    struct check c = { .s = s, .minor = s->minor, .a = a, .out = out };
    if (is_transient(gvk))
        return;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (!gvk_is(gvk, kinds[i].group, kinds[i].kind))
            continue;
        if (kinds[i].rule != NAME_ANY)
            check_object_meta(&c, gvk, obj, old, kinds[i].rule);
        if (kinds[i].fn)
            kinds[i].fn(&c, gvk, obj, old);
        return;
    }
    const struct custom_kind *k = schema_custom(s, gvk);
    if (k)
        validate_custom(&c, k, obj, old);
    else
        check_object_meta(&c, gvk, obj, old, NAME_SUBDOMAIN);
}
