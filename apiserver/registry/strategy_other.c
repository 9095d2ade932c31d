/* apiserver/registry/strategy_other.c - certificates, RBAC, aggregation, scheduling, networking and leases when they are written.
 *
 * Upstream: kubernetes pkg/registry/{certificates,rbac,scheduling,networking,coordination,discovery}/..., kube-aggregator
 * pkg/registry/apiservice.
 */
#include "apiserver/auth/auth.h"
#include "apiserver/registry/registry.h"

/* ---- certificate signing requests: who asks is not for the asker to say ---- */
static bool csr_create(struct request *r, struct json *obj, struct err *err)
{
    (void)err;
    struct json *spec = json_ensure(r->a, obj, "spec");
    const struct user *u = &r->user;
    json_set_str(r->a, spec, "username", u->name);
    json_remove(spec, "uid");
    json_remove(spec, "groups");
    json_remove(spec, "extra");
    if (u->uid.n) json_set_str(r->a, spec, "uid", u->uid);
    if (u->group_count) {
        struct json *groups = json_ensure_array(r->a, spec, "groups");
        for (size_t i = 0; i < u->group_count; i++) json_append(groups, json_new_str(r->a, u->groups[i]));
    }
    for (size_t i = 0; i < u->extra_count; i++) {
        struct json *list = json_new_array(r->a);
        for (size_t k = 0; k < u->extra[i].n; k++) json_append(list, json_new_str(r->a, u->extra[i].values[k]));
        json_setn(r->a, json_ensure(r->a, spec, "extra"), u->extra[i].key, list);
    }
    return true;
}

static void stamp_conditions(struct request *r, struct json *status)
{
    for (struct json *c = json_first(json_get(status, "conditions")); c; c = json_next(c)) {
        if (!json_get_str(c, "lastUpdateTime").n) json_set_str(r->a, c, "lastUpdateTime", time_rfc3339(r->a, r->now_ns));
        if (r->as->opt.minor >= 19 && !json_get_str(c, "lastTransitionTime").n)
            json_set_str(r->a, c, "lastTransitionTime", time_rfc3339(r->a, r->now_ns));
    }
}

/* /approval changes the conditions alone; /status the certificate (and failure conditions, since 1.19); the object itself keeps
 * spec and status. */
static bool csr_update(struct request *r, struct json *obj, const struct json *old, struct err *err)
{
    (void)err;
    const struct json *spec = json_get(old, "spec"), *status = json_get(old, "status");
    json_set(r->a, obj, "spec", spec ? json_copy(r->a, spec) : json_new_object(r->a));
    bool approval = str_eqc(r->info.subresource, "approval"), on_status = str_eqc(r->info.subresource, "status");
    if (approval) {
        struct json *conditions = json_remove(json_get(obj, "status"), "conditions"),
                    *kept = status ? json_copy(r->a, status) : json_new_object(r->a);
        json_remove(kept, "conditions");
        if (conditions) json_set(r->a, kept, "conditions", conditions);
        json_set(r->a, obj, "status", kept);
        stamp_conditions(r, kept);
    } else if (on_status && r->as->opt.minor < 19) {
        const struct json *conditions = json_get(status, "conditions");
        if (conditions) json_set(r->a, json_ensure(r->a, obj, "status"), "conditions", json_copy(r->a, conditions));
    } else if (on_status) {
        stamp_conditions(r, json_get(obj, "status"));
    }
    return true;
}

/* ---- RBAC: nobody grants what they do not hold ---- */
static bool rbac_create(struct request *r, struct json *obj, struct err *err)
{
    return !r->x || authz_check_escalation(r, obj, NULL, err);
}

static bool rbac_update(struct request *r, struct json *obj, const struct json *old, struct err *err)
{
    return !r->x || authz_check_escalation(r, obj, old, err);
}

/* ---- APIServices: those without a Service are ours, and there ---- */
static bool apiservice_create(struct request *r, struct json *obj, struct err *err)
{
    (void)err;
    struct json *status = json_new_object(r->a);
    json_set(r->a, obj, "status", status);
    if (json_is(json_path(obj, "spec.service"), JSON_OBJECT)) return true;
    condition_set(r->a, json_ensure_array(r->a, status, "conditions"), "Available", "True", "Local",
                  "Local APIServices are always available", r->now_ns);
    return true;
}

/* ---- definitions of custom resources: which version is, or was, stored ---- */
static void add_stored_version(struct request *r, struct json *crd)
{
    struct json *status = json_ensure(r->a, crd, "status"), *stored = json_ensure_array(r->a, status, "storedVersions");
    for (const struct json *v = json_first(json_path(crd, "spec.versions")); v; v = json_next(v)) {
        bool known = !json_get_bool(v, "storage", false);
        for (const struct json *s = json_first(stored); s; s = json_next(s)) known |= str_eq(json_str(s), json_get_str(v, "name"));
        if (!known) json_append(stored, json_new_str(r->a, json_get_str(v, "name")));
    }
}

static bool crd_create(struct request *r, struct json *obj, struct err *err)
{
    (void)err;
    json_set(r->a, obj, "status", json_new_object(r->a));
    add_stored_version(r, obj);
    struct gvk kind;
    gvk_parse(json_get_str(obj, "apiVersion"), json_get_str(obj, "kind"), &kind);
    schema_canonical(r->as->schema, r->a, &kind, obj);
    return true;
}

static bool crd_update(struct request *r, struct json *obj, const struct json *old, struct err *err)
{
    (void)old, (void)err;
    if (!r->info.subresource.n) add_stored_version(r, obj);
    return true;
}

const struct strategy strategies_other[] = {
    { "certificates.k8s.io", "certificatesigningrequests", 0, "spec.signerName", "field label not supported: %s", csr_create,
      csr_update, NULL, NULL, NULL },
    { "rbac.authorization.k8s.io", "roles", STRATEGY_UPSERT, NULL, NULL, rbac_create, rbac_update, NULL, NULL, NULL },
    { "rbac.authorization.k8s.io", "rolebindings", STRATEGY_UPSERT, NULL, NULL, rbac_create, rbac_update, NULL, NULL, NULL },
    { "rbac.authorization.k8s.io", "clusterroles", STRATEGY_UPSERT, NULL, NULL, rbac_create, rbac_update, NULL, NULL, NULL },
    { "rbac.authorization.k8s.io", "clusterrolebindings", STRATEGY_UPSERT, NULL, NULL, rbac_create, rbac_update, NULL, NULL, NULL },
    { "apiregistration.k8s.io", "apiservices", STRATEGY_CONDITIONAL, NULL, NULL, apiservice_create, NULL, NULL, NULL, NULL },
    { "apiextensions.k8s.io", "customresourcedefinitions", STRATEGY_GENERATION | STRATEGY_CONDITIONAL | STRATEGY_CLEANUP, NULL,
      NULL, crd_create, crd_update,
      NULL, NULL, NULL },
    { "scheduling.k8s.io", "priorityclasses", STRATEGY_GENERATION_ALL, NULL, NULL, NULL, NULL, NULL, NULL, NULL },
    { "networking.k8s.io", "ingresses", STRATEGY_GENERATION, NULL, NULL, NULL, NULL, NULL, NULL, NULL },
    { "networking.k8s.io", "networkpolicies", STRATEGY_GENERATION, NULL, NULL, NULL, NULL, NULL, NULL, NULL },
    { "networking.k8s.io", "ingressclasses", STRATEGY_GENERATION, NULL, NULL, NULL, NULL, NULL, NULL, NULL },
    { "coordination.k8s.io", "leases", STRATEGY_UPSERT | STRATEGY_CONDITIONAL, NULL, NULL, NULL, NULL, NULL, NULL, NULL },
    { "discovery.k8s.io", "endpointslices", STRATEGY_GENERATION_ALL, NULL, NULL, NULL, NULL, NULL, NULL, NULL },
    { "admissionregistration.k8s.io", "mutatingwebhookconfigurations", STRATEGY_GENERATION_ALL, NULL, NULL, NULL, NULL, NULL, NULL,
      NULL },
    { "admissionregistration.k8s.io", "validatingwebhookconfigurations", STRATEGY_GENERATION_ALL, NULL, NULL, NULL, NULL, NULL,
      NULL, NULL },
    { "flowcontrol.apiserver.k8s.io", "flowschemas", STRATEGY_GENERATION, NULL, NULL, NULL, NULL, NULL, NULL, NULL },
    { "flowcontrol.apiserver.k8s.io", "prioritylevelconfigurations", STRATEGY_GENERATION, NULL, NULL, NULL, NULL, NULL, NULL, NULL },
    { "lab.kubelab.dev", "clocks", STRATEGY_GENERATION, NULL, NULL, NULL, NULL, NULL, NULL, NULL },
    { "lab.kubelab.dev", "faults", STRATEGY_GENERATION, NULL, NULL, NULL, NULL, NULL, NULL, NULL },
    { "lab.kubelab.dev", "scenarios", STRATEGY_GENERATION, NULL, NULL, NULL, NULL, NULL, NULL, NULL },
    { "lab.kubelab.dev", "loadprofiles", STRATEGY_GENERATION, NULL, NULL, NULL, NULL, NULL, NULL, NULL },
    { NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL },
};
