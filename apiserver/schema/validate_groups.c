/* apiserver/schema/validate_groups.c - RBAC, certificates, APIServices, leases, storage and priority classes.
 *
 * Models pkg/apis/{rbac,certificates,coordination,storage,scheduling,networking}/validation, kube-aggregator's and apiextensions'
 * validation.
 */
#include "apiserver/schema/schema_priv.h"
#include "sim/pki/pki.h"

#define RBAC_GROUP "rbac.authorization.k8s.io"
enum { USER_PRIORITY_MAX = 1000000000, GROUP_PRIORITY_MAX = 20000, VERSION_PRIORITY_MAX = 1000 };

/* ---- RBAC ---- */

static void check_rule(struct check *c, const struct json *r, const struct fpath *p, bool namespaced)
{
    const struct json *urls = json_get(r, "nonResourceURLs"), *groups = json_get(r, "apiGroups"),
                      *resources = json_get(r, "resources");
    if (json_len(json_get(r, "verbs")) == 0)
        check_required(c, FP_NAME(p, "verbs"), "verbs must contain at least one value");
    if (json_len(urls)) {
        if (namespaced)
            check_invalid_raw(c, FP_NAME(p, "nonResourceURLs"), go_list(c->a, "[]string", urls),
                              "namespaced rules cannot apply to non-resource URLs");
        if (json_len(groups) || json_len(resources) || json_len(json_get(r, "resourceNames")))
            check_invalid_raw(c, FP_NAME(p, "nonResourceURLs"), go_list(c->a, "[]string", urls),
                              "rules cannot apply to both regular resources and non-resource URLs");
        return;
    }
    if (json_len(groups) == 0)
        check_required(c, FP_NAME(p, "apiGroups"), "resource rules must supply at least one api group");
    if (json_len(resources) == 0)
        check_required(c, FP_NAME(p, "resources"), "resource rules must supply at least one resource");
}

void validate_role(struct check *c, const struct gvk *gvk, const struct json *obj, const struct json *old)
{
    (void)old;
    size_t i = 0;
    for (const struct json *r = json_first(json_get(obj, "rules")); r; r = json_next(r), i++)
        check_rule(c, r, FP_INDEX(FP_NAME(NULL, "rules"), i), str_eqc(gvk->kind, "Role"));
    const struct json *selectors = json_path(obj, "aggregationRule.clusterRoleSelectors");
    const struct fpath *sp = FP_NAME(FP_NAME(NULL, "aggregationRule"), "clusterRoleSelectors");
    if (json_get(obj, "aggregationRule") && json_len(selectors) == 0)
        check_required(c, sp, "at least one clusterRoleSelector required if aggregationRule is non-nil");
    i = 0;
    for (const struct json *s = json_first(selectors); s; s = json_next(s), i++)
        check_label_selector(c, s, FP_INDEX(sp, i));
}

static void check_subject(struct check *c, const struct json *s, const struct fpath *p, bool namespaced)
{
    struct str name = json_get_str(s, "name"), kind = json_get_str(s, "kind"), group = json_get_str(s, "apiGroup"),
               ns = json_get_str(s, "namespace");
    if (name.n == 0)
        check_required(c, FP_NAME(p, "name"), "");
    if (str_eqc(kind, "ServiceAccount")) {
        if (name.n)
            check_name(c, name, NAME_SUBDOMAIN, false, FP_NAME(p, "name"));
        if (group.n)
            check_unsupported(c, FP_NAME(p, "apiGroup"), group, "");
        if (!namespaced && ns.n == 0)
            check_required(c, FP_NAME(p, "namespace"), "");
    } else if (in_list(kind, "User,Group")) {
        if (!str_eqc(group, RBAC_GROUP))
            check_unsupported(c, FP_NAME(p, "apiGroup"), group, RBAC_GROUP);
    } else {
        check_unsupported(c, FP_NAME(p, "kind"), kind, "ServiceAccount,User,Group");
    }
}

void validate_role_binding(struct check *c, const struct gvk *gvk, const struct json *obj, const struct json *old)
{
    bool namespaced = str_eqc(gvk->kind, "RoleBinding");
    const struct json *ref = json_get(obj, "roleRef");
    const struct fpath *p = FP_NAME(NULL, "roleRef");
    struct str group = json_get_str(ref, "apiGroup"), kind = json_get_str(ref, "kind"), name = json_get_str(ref, "name");
    if (!str_eqc(group, RBAC_GROUP))
        check_unsupported(c, FP_NAME(p, "apiGroup"), group, RBAC_GROUP);
    check_enum(c, FP_NAME(p, "kind"), kind, namespaced ? "Role,ClusterRole" : "ClusterRole");
    if (name.n == 0)
        check_required(c, FP_NAME(p, "name"), "");
    else
        check_name(c, name, NAME_PATH, false, FP_NAME(p, "name"));
    size_t i = 0;
    for (const struct json *s = json_first(json_get(obj, "subjects")); s; s = json_next(s), i++)
        check_subject(c, s, FP_INDEX(FP_NAME(NULL, "subjects"), i), namespaced);
    if (!old || json_equal(ref, json_get(old, "roleRef")))
        return;
    struct str g = quote_go(c->a, group), k = quote_go(c->a, kind), n = quote_go(c->a, name);
    check_invalid_raw(c, p, arena_printf(c->a, "rbac.RoleRef{APIGroup:" STR_FMT ", Kind:" STR_FMT ", Name:" STR_FMT "}",
                                         STR_ARG(g), STR_ARG(k), STR_ARG(n)),
                      "cannot change roleRef");
}

/* ---- certificates ---- */

#define KEY_USAGES "any,cert sign,client auth,code signing,content commitment,crl sign,data encipherment,decipher only,"              \
                   "digital signature,email protection,encipher only,ipsec end system,ipsec tunnel,ipsec user,key agreement,"         \
                   "key encipherment,microsoft sgc,netscape sgc,ocsp signing,s/mime,server auth,signing,timestamping"

/* Known ones, each once; v1beta1 takes any. */
static void check_usages(struct check *c, const struct json *usages, const struct fpath *p)
{
    size_t i = 0;
    for (const struct json *u = json_first(usages); u; u = json_next(u), i++) {
        check_enum(c, FP_INDEX(p, i), json_str(u), KEY_USAGES);
        for (const struct json *e = json_first(usages); e != u; e = json_next(e))
            if (str_eq(json_str(e), json_str(u))) {
                check_duplicate(c, FP_INDEX(p, i), json_str(u));
                break;
            }
    }
}

void validate_csr(struct check *c, const struct gvk *gvk, const struct json *obj, const struct json *old)
{
    const struct json *spec = json_get(obj, "spec");
    const struct fpath *p = FP_NAME(NULL, "spec");
    struct str pem = STR_NULL, signer = json_get_str(spec, "signerName");
    struct err why = { 0 };
    base64_decode(c->a, json_get_str(spec, "request"), &pem);
    if (!old && !csr_check_pem(c->a, pem, &why))
        check_invalid_raw(c, FP_NAME(p, "request"), "[]byte(nil)", "%s", why.msg);
    err_clear(&why);
    if (!old && json_len(json_get(spec, "usages")) == 0)
        check_required(c, FP_NAME(p, "usages"), "usages must be provided");
    if (!old && str_eqc(gvk->version, "v1"))
        check_usages(c, json_get(spec, "usages"), FP_NAME(p, "usages"));
    if (c->minor < 18 && str_eqc(gvk->version, "v1beta1"))
        return;
    if (signer.n == 0) {
        check_required(c, FP_NAME(p, "signerName"), "");
        return;
    }
    struct str domain, path;
    if (!str_cut(signer, '/', &domain, &path))
        check_invalid_s(c, FP_NAME(p, "signerName"), signer,
                        "must be a fully qualified domain and path of the form 'example.com/signer-name'");
    else if (str_eqc(gvk->version, "v1") && str_eqc(signer, "kubernetes.io/legacy-unknown") && !old)
        check_invalid_s(c, FP_NAME(p, "signerName"), signer, "the legacy signerName is not allowed via this API version");
}

/* ---- aggregation ---- */

void validate_api_service(struct check *c, const struct gvk *gvk, const struct json *obj, const struct json *old)
{
    (void)gvk; (void)old;
    const struct json *spec = json_get(obj, "spec"), *service = json_get(spec, "service"), *ca = json_get(spec, "caBundle");
    const struct fpath *p = FP_NAME(NULL, "spec");
    struct str version = json_get_str(spec, "version"), group = json_get_str(spec, "group"), name = meta_name(obj);
    struct str want = arena_strf(c->a, STR_FMT "." STR_FMT, STR_ARG(version), STR_ARG(group));
    if (name.n && !str_eq(name, want))
        check_invalid_s(c, FP_NAME(FP_NAME(NULL, "metadata"), "name"), name, "must be `spec.version+\".\"+spec.group`: " STR_FMT,
                        STR_ARG(quote_go(c->a, want)));
    if (group.n)
        check_name(c, group, NAME_SUBDOMAIN, false, FP_NAME(p, "group"));
    else if (!str_eqc(version, "v1"))
        check_required(c, FP_NAME(p, "group"), "only v1 may have an empty group and it better be legacy kube");
    if (version.n == 0)
        check_required(c, FP_NAME(p, "version"), "");
    else
        check_name(c, version, NAME_1035, false, FP_NAME(p, "version"));
    int64_t gp = json_get_int(spec, "groupPriorityMinimum", 0), vp = json_get_int(spec, "versionPriority", 0);
    bool skip = json_get_bool(spec, "insecureSkipTLSVerify", false);
    if (gp <= 0 || gp > GROUP_PRIORITY_MAX)
        check_invalid_i(c, FP_NAME(p, "groupPriorityMinimum"), gp, "must be positive and less than 20000");
    if (vp <= 0 || vp > VERSION_PRIORITY_MAX)
        check_invalid_i(c, FP_NAME(p, "versionPriority"), vp, "must be positive and less than 1000");
    if (!json_is(service, JSON_OBJECT)) {
        if (json_str(ca).n)
            check_invalid_raw(c, FP_NAME(p, "caBundle"), arena_printf(c->a, "%zu bytes", json_str(ca).n),
                              "local APIServices may not have a caBundle");
        if (skip)
            check_invalid_raw(c, FP_NAME(p, "insecureSkipTLSVerify"), "true", "local APIServices may not have insecureSkipTLSVerify");
        return;
    }
    static const char *const needed[] = { "namespace", "name" };
    for (size_t i = 0; i < ARRAY_LEN(needed); i++)
        if (json_get_str(service, needed[i]).n == 0)
            check_required(c, FP_NAME(FP_NAME(p, "service"), needed[i]), "");
    if (skip && json_str(ca).n)
        check_invalid_raw(c, FP_NAME(p, "insecureSkipTLSVerify"), "true", "may not be true if caBundle is present");
}

/* ---- the rest ---- */

void validate_lease(struct check *c, const struct gvk *gvk, const struct json *obj, const struct json *old)
{
    (void)gvk; (void)old;
    const struct fpath *p = FP_NAME(NULL, "spec");
    const struct json *duration = json_path(obj, "spec.leaseDurationSeconds"), *transitions = json_path(obj, "spec.leaseTransitions");
    if (duration && json_int(duration, 1) <= 0)
        check_invalid_i(c, FP_NAME(p, "leaseDurationSeconds"), json_int(duration, 1), "must be greater than 0");
    if (transitions && json_int(transitions, 0) < 0)
        check_invalid_i(c, FP_NAME(p, "leaseTransitions"), json_int(transitions, 0), "must be greater than or equal to 0");
}

/* How nodes run a class of pods: the name of a handler, which stays. */
void validate_runtime_class(struct check *c, const struct gvk *gvk, const struct json *obj, const struct json *old)
{
    bool v1alpha = str_eqc(gvk->version, "v1alpha1");
    struct str handler = v1alpha ? json_path_str(obj, "spec.runtimeHandler") : json_get_str(obj, "handler");
    const struct json *sched = json_get(obj, "scheduling");
    check_name(c, handler, NAME_LABEL, false, FP_NAME(NULL, "handler"));
    for (const struct json *q = json_first(json_path(obj, "overhead.podFixed")); q; q = json_next(q)) {
        struct quantity amount;
        if (quantity_parse(json_str(q), &amount, NULL) && amount.nano < 0)
            check_invalid_s(c, FP_KEY(FP_NAME(FP_NAME(FP_NAME(NULL, "overhead"), "podFixed"), "limits"), json_key(q)), json_str(q),
                            "must be greater than or equal to 0");
    }
    check_labels(c, json_get(sched, "nodeSelector"), FP_NAME(FP_NAME(NULL, "scheduling"), "nodeSelector"));
    if (old && !str_eq(handler, json_get_str(old, "handler")))
        check_invalid_s(c, FP_NAME(NULL, "handler"), handler, "field is immutable");
}

void validate_storage_class(struct check *c, const struct gvk *gvk, const struct json *obj, const struct json *old)
{
    (void)gvk;
    if (json_get_str(obj, "provisioner").n == 0)
        check_required(c, FP_NAME(NULL, "provisioner"), "");
    else
        check_lower_qualified_name(c, json_get_str(obj, "provisioner"), FP_NAME(NULL, "provisioner"));
    for (const struct json *m = json_first(json_get(obj, "parameters")); m; m = json_next(m))
        if (json_key(m).n == 0)
            check_invalid_s(c, FP_NAME(NULL, "parameters"), STR(""), "field can not be empty.");
    if (json_get(obj, "reclaimPolicy"))
        check_enum(c, FP_NAME(NULL, "reclaimPolicy"), json_get_str(obj, "reclaimPolicy"), "Delete,Retain");
    if (json_get(obj, "volumeBindingMode"))
        check_enum(c, FP_NAME(NULL, "volumeBindingMode"), json_get_str(obj, "volumeBindingMode"), "Immediate,WaitForFirstConsumer");
    if (!old)
        return;
    static const char *const fixed[] = { "parameters", "provisioner", "reclaimPolicy" };
    for (size_t i = 0; i < ARRAY_LEN(fixed); i++) {
        const struct json *now = json_get(obj, fixed[i]), *was = json_get(old, fixed[i]);
        if ((now || was) && !(now && was && json_equal(now, was)))
            check_forbidden(c, FP_NAME(NULL, fixed[i]), "updates to %s are forbidden.", fixed[i]);
    }
    struct str mode = json_get_str(obj, "volumeBindingMode");
    if (!str_eq(mode, json_get_str(old, "volumeBindingMode")))
        check_invalid_s(c, FP_NAME(NULL, "volumeBindingMode"), mode, "field is immutable");
}

void validate_priority_class(struct check *c, const struct gvk *gvk, const struct json *obj, const struct json *old)
{
    (void)gvk;
    int64_t value = json_get_int(obj, "value", 0);
    bool system = in_list(meta_name(obj), "system-cluster-critical,system-node-critical");
    if (!old && !system && str_starts(meta_name(obj), "system-"))
        check_forbidden(c, FP_NAME(FP_NAME(NULL, "metadata"), "name"),
                        "priority class names with 'system-' prefix are reserved for system use only");
    if (!old && !system && value > USER_PRIORITY_MAX)
        check_forbidden(c, FP_NAME(NULL, "value"), "maximum allowed value of a user defined priority is %d", USER_PRIORITY_MAX);
    if (old && value != json_get_int(old, "value", 0))
        check_forbidden(c, FP_NAME(NULL, c->minor >= 26 ? "value" : "Value"), "may not be changed in an update.");
}
