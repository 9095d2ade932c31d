/* apiserver/admission/chain.c - the plugins in upstream's order, as a table: first all that change the object, then all that
 * judge it.
 *
 * Upstream: kubernetes pkg/kubeapiserver/options/plugins.go (AllOrderedPlugins), apiserver pkg/admission/chain.go, with what
 * kubeadm enables (the defaults of the version and NodeRestriction). Not here: the webhooks and policies of
 * admissionregistration.k8s.io, PodSecurity, PVC resize checks.
 */
#include <stdio.h>

#include "apiserver/admission/admission_priv.h"

static const struct plugin plugins[] = {
    { "AlwaysAdmit", 0, NULL, NULL, true },
    { "NamespaceLifecycle", 0, namespace_lifecycle, NULL, false },
    { "AlwaysPullImages", 0, always_pull_images, NULL, true },
    { "LimitRanger", 0, limit_ranger_admit, limit_ranger_validate, false },
    { "ServiceAccount", 0, service_account_admit, service_account_validate, false },
    { "NodeRestriction", 0, node_restriction, NULL, true },
    { "TaintNodesByCondition", 0, taint_nodes_by_condition, NULL, false },
    { "Priority", 0, priority_admit, priority_validate, false },
    { "DefaultTolerationSeconds", 0, default_tolerations, NULL, false },
    { "DefaultStorageClass", 0, default_storage_class, NULL, false },
    { "StorageObjectInUseProtection", 0, protect_storage, NULL, false },
    { "RuntimeClass", 20, runtime_class_admit, NULL, false },
    { "CertificateApproval", 18, NULL, certificate_approval, false },
    { "CertificateSigning", 18, NULL, certificate_signing, false },
    { "CertificateSubjectRestriction", 18, NULL, certificate_subject, false },
    { "ResourceQuota", 0, NULL, resource_quota, false },
    { "AlwaysDeny", 0, NULL, always_deny, true },
};
/* Those of upstream that do nothing here: on or off, nobody sees it. */
static const char *const without_effect[] = {
    "PersistentVolumeClaimResize", "MutatingAdmissionWebhook", "ValidatingAdmissionWebhook", "DefaultIngressClass",
    "PersistentVolumeLabel", "NamespaceExists", "DenyEscalatingExec", "DenyExecOnPrivileged",
};
/* Known upstream, not modelled: they may be off, not on. */
static const char *const refused[] = {
    "EventRateLimit", "ExtendedResourceToleration", "ImagePolicyWebhook", "LimitPodHardAntiAffinityTopology", "NamespaceAutoProvision",
    "OwnerReferencesPermissionEnforcement", "PodNodeSelector", "PodPreset", "PodSecurityPolicy", "PodTolerationRestriction",
    "SecurityContextDeny",
};

/* ---- --enable-admission-plugins and --disable-admission-plugins ---- */
static bool listed(const struct word_list *l, const char *name)
{
    for (size_t i = 0; i < l->n; i++)
        if (str_eqc(l->v[i], name)) return true;
    return false;
}

static bool is_on(const struct apiserver *as, const struct plugin *p)
{
    const struct apiserver_policy *set = &as->opt.policy;
    if (as->opt.minor < p->since || listed(&set->plugins_off, p->name)) return false;
    bool kubeadm = !set->plugins_on.v && !strcmp(p->name, "NodeRestriction");
    return !p->optional || kubeadm || listed(&set->plugins_on, p->name);
}

enum admission_known admission_known(struct str name, int minor)
{
    for (size_t i = 0; i < ARRAY_LEN(plugins); i++)
        if (str_eqc(name, plugins[i].name))
            return minor >= plugins[i].since || !strcmp(plugins[i].name, "RuntimeClass") ? ADMISSION_MODELLED : ADMISSION_UNKNOWN;
    for (size_t i = 0; i < ARRAY_LEN(without_effect); i++)
        if (str_eqc(name, without_effect[i])) return ADMISSION_MODELLED;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        if (str_eqc(name, refused[i])) return ADMISSION_REFUSED;
    return ADMISSION_UNKNOWN;
}

/* ---- what plugins share ---- */
bool attrs_are(const struct admission_attrs *t, const char *group, const char *resource, const char *sub)
{
    return str_eqc(t->group, group) && str_eqc(t->resource, resource) && str_eqc(t->sub, sub);
}

bool creates_pod(const struct admission_attrs *t) { return t->op == ADMIT_CREATE && attrs_are(t, "", "pods", ""); }

bool is_mirror_pod(const struct json *pod)
{
    return json_get(json_path(pod, "metadata.annotations"), "kubernetes.io/config.mirror") != NULL;
}

static struct str shown_name(const struct admission_attrs *t)
{
    if (t->name.n) return t->name;
    const struct json *meta = json_get(t->obj ? t->obj : t->old, "metadata");
    struct str base = json_get_str(meta, "generateName"), name = json_get_str(meta, "name");
    bool unborn = t->op == ADMIT_CREATE && base.n; /* upstream draws the name after the plugins that change objects */
    return unborn ? base : name.n ? name : STR("Unknown");
}

bool admission_forbid(const struct admission_attrs *t, struct err *err, const char *fmt, ...)
{
    char why[1400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why, sizeof why, fmt, ap);
    va_end(ap);
    return err_forbidden_object(err, t->group, t->resource, shown_name(t), why);
}

void admission_list(const struct admission_attrs *t, const char *group, const char *resource, struct str ns,
                    bool (*visit)(void *ctx, struct str key, struct object *o), void *ctx)
{
    struct str prefix = registry_key(t->r->a, str_c(group), str_c(resource), ns, STR(""));
    store_list(t->r->as->store, prefix, STR(""), visit, ctx);
}

struct str admission_join(struct arena *a, const struct str *v, size_t n, const char *between)
{
    struct str out = STR("");
    for (size_t i = 0; i < n; i++) out = arena_strf(a, STR_FMT "%s" STR_FMT, STR_ARG(out), i ? between : "", STR_ARG(v[i]));
    return out;
}

/* ---- the chain ---- */
static void attrs_of(struct request *r, enum admission_op op, struct json *obj, const struct json *old, struct admission_attrs *t)
{
    const struct request_info *in = &r->info;
    *t = (struct admission_attrs){ .r = r, .op = op, .group = in->group, .resource = in->resource, .sub = in->subresource,
                                   .ns = in->namespace, .name = in->name, .obj = obj, .old = old };
    const struct json *any = obj ? obj : old;
    if (!t->name.n && op != ADMIT_CREATE) t->name = meta_name(any);
    if (meta_namespace(any).n) t->ns = meta_namespace(any);
}

bool admission_mutate(struct request *r, enum admission_op op, struct json *obj, const struct json *old, struct err *err)
{
    struct admission_attrs t;
    attrs_of(r, op, obj, old, &t);
    for (size_t i = 0; i < ARRAY_LEN(plugins); i++)
        if (plugins[i].admit && is_on(r->as, &plugins[i]) && !plugins[i].admit(&t, err)) return false;
    return true;
}

bool admission_validate(struct request *r, enum admission_op op, struct json *obj, const struct json *old, struct err *err)
{
    struct admission_attrs t;
    attrs_of(r, op, obj, old, &t);
    if (op == ADMIT_CREATE && obj) t.name = meta_name(obj);   /* by now it has one */
    for (size_t i = 0; i < ARRAY_LEN(plugins); i++)
        if (plugins[i].validate && is_on(r->as, &plugins[i]) && !plugins[i].validate(&t, err)) return false;
    return true;
}
