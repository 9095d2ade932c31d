/* apiserver/admission/service_account.c - each pod runs as a ServiceAccount, and finds its token under
 * /var/run/secrets/kubernetes.io/serviceaccount.
 *
 * Upstream: kubernetes plugin/pkg/admission/serviceaccount/admission.go. Up to 1.20 the token is a Secret that a controller made
 * for the account, and the volume bears its name; from 1.21 on it is asked for by the kubelet, bound to the pod, in a projected
 * volume kube-api-access-xxxxx with the cluster's CA and the namespace.
 */
#include "apiserver/admission/admission_priv.h"

#define MOUNT_PATH "/var/run/secrets/kubernetes.io/serviceaccount"

static bool projected(const struct admission_attrs *t) { return t->r->as->opt.minor >= 21; }

/* ---- the token ---- */
struct token_search { const struct json *account; struct str name, uid; struct arena *a; struct str found; size_t best; };

static size_t place_in_references(const struct json *account, struct str secret)
{
    size_t i = 0;
    for (const struct json *s = json_first(json_get(account, "secrets")); s; s = json_next(s), i++)
        if (str_eq(json_get_str(s, "name"), secret)) return i;
    return SIZE_MAX;
}

static bool visit_secret(void *ctx, struct str key, struct object *o)
{
    struct token_search *s = ctx;
    const struct json *secret = object_json(o);
    (void)key;
    if (!str_eqc(json_get_str(secret, "type"), "kubernetes.io/service-account-token")) return true;
    if (!str_eq(meta_annotation(secret, "kubernetes.io/service-account.name"), s->name) ||
        !str_eq(meta_annotation(secret, "kubernetes.io/service-account.uid"), s->uid))
        return true;
    size_t place = place_in_references(s->account, meta_name(secret));
    if (place >= s->best) return true;
    s->best = place;
    s->found = arena_str(s->a, meta_name(secret));
    return true;
}

/* The first of the account's secrets that is a token of it. */
static struct str token_secret(struct admission_attrs *t, const struct json *account)
{
    struct token_search s = { .account = account, .name = meta_name(account), .uid = meta_uid(account), .a = t->r->a,
                              .best = SIZE_MAX };
    admission_list(t, "", "secrets", t->ns, visit_secret, &s);
    return s.found;
}

static bool no_token(struct str account, struct err *err)
{
    err_set(err, ERR_SERVER_TIMEOUT,
            "No API token found for service account \"" STR_FMT "\", retry after the token is automatically created and added to "
                                                                "the service account", STR_ARG(account));
    err_details(err, "{\"name\":\"create pod\",\"kind\":\"serviceaccounts\",\"retryAfterSeconds\":1}");
    return false;
}

/* ---- the volume ---- */
static bool is_token_volume(const struct admission_attrs *t, const struct json *v, struct str secret)
{
    if (projected(t)) return str_starts(json_get_str(v, "name"), "kube-api-access-");
    return str_eq(json_path_str(v, "secret.secretName"), secret);
}

static bool volume_named(const struct json *volumes, struct str name)
{
    for (const struct json *v = json_first(volumes); v; v = json_next(v))
        if (str_eq(json_get_str(v, "name"), name)) return true;
    return false;
}

static struct json *token_volume(const struct admission_attrs *t, struct str name, struct str secret)
{
    struct arena *a = t->r->a;
    if (!projected(t)) return json_buildf(a, "{'name': %S, 'secret': {'secretName': %S, 'defaultMode': 420}}", name, secret);
    return json_buildf(a, "{'name': %S, 'projected': {'sources': [{'serviceAccountToken': {'expirationSeconds': 3607, 'path': "
                          "'token'}},"
                          "{'configMap': {'name': 'kube-root-ca.crt', 'items': [{'key': 'ca.crt', 'path': 'ca.crt'}]}},"
                          "{'downwardAPI': {'items': [{'path': 'namespace', 'fieldRef': {'apiVersion': 'v1', 'fieldPath': "
                          "'metadata.namespace'}}]}}], 'defaultMode': 420}}", name);
}

/* What a container mounts there itself stays. True when somebody got the mount. */
static bool mount_everywhere(struct arena *a, struct json *containers, struct str volume)
{
    bool any = false;
    for (struct json *c = json_first(containers); c; c = json_next(c)) {
        bool taken = false;
        for (const struct json *m = json_first(json_get(c, "volumeMounts")); m && !taken; m = json_next(m))
            taken = str_eqc(json_get_str(m, "mountPath"), MOUNT_PATH);
        if (taken) continue;
        json_append(json_ensure_array(a, c, "volumeMounts"),
                    json_buildf(a, "{'name': %S, 'readOnly': true, 'mountPath': '" MOUNT_PATH "'}", volume));
        any = true;
    }
    return any;
}

static bool mount_token(struct admission_attrs *t, struct json *spec, const struct json *account, struct err *err)
{
    struct arena *a = t->r->a;
    struct str secret = projected(t) ? STR("") : token_secret(t, account), name = STR("");
    if (!projected(t) && !secret.n) return no_token(meta_name(account), err);
    const struct json *volumes = json_get(spec, "volumes");
    for (const struct json *v = json_first(volumes); v && !name.n; v = json_next(v))
        if (is_token_volume(t, v, secret)) name = json_get_str(v, "name");
    bool has = name.n > 0;
    if (!has) name = projected(t) ? name_generate(a, &t->r->as->rng, STR("kube-api-access-")) : secret;
    if (!has && volume_named(volumes, name)) name = name_generate(a, &t->r->as->rng, arena_strf(a, STR_FMT "-", STR_ARG(secret)));
    bool needed = mount_everywhere(a, json_get(spec, "initContainers"), name);
    needed |= mount_everywhere(a, json_get(spec, "containers"), name);
    if (!has && needed) json_append(json_ensure_array(a, spec, "volumes"), token_volume(t, name, secret));
    return true;
}

static bool wants_mount(const struct json *spec, const struct json *account)
{
    return json_get_bool(spec, "automountServiceAccountToken", json_get_bool(account, "automountServiceAccountToken", true));
}

bool service_account_admit(struct admission_attrs *t, struct err *err)
{
    if (!creates_pod(t) || is_mirror_pod(t->obj)) return true;
    struct arena *a = t->r->a;
    struct json *spec = json_ensure(a, t->obj, "spec");
    struct str name = json_get_str(spec, "serviceAccountName");
    if (!name.n) name = json_get_str(spec, "serviceAccount");
    if (!name.n) name = STR("default");
    json_set_str(a, spec, "serviceAccountName", name);
    json_set_str(a, spec, "serviceAccount", name);
    struct object *o = registry_get(t->r->as, STR(""), STR("serviceaccounts"), t->ns, name);
    if (!o)
        return admission_forbid(t, err,
                                "error looking up service account " STR_FMT "/" STR_FMT ": serviceaccount \"" STR_FMT
                                "\" not found", STR_ARG(t->ns), STR_ARG(name), STR_ARG(name));
    const struct json *account = object_json(o), *pull = json_get(account, "imagePullSecrets");
    bool ok = !wants_mount(spec, account) || mount_token(t, spec, account, err);
    if (ok && json_len(pull) && !json_len(json_get(spec, "imagePullSecrets")))
        json_set(a, spec, "imagePullSecrets", json_copy(a, pull));
    object_unref(o);
    return ok;
}

bool service_account_validate(struct admission_attrs *t, struct err *err)
{
    if (!creates_pod(t) || !is_mirror_pod(t->obj)) return true;
    const struct json *spec = json_get(t->obj, "spec");
    if (json_get_str(spec, "serviceAccountName").n) return admission_forbid(t, err, "a mirror pod may not reference service accounts");
    for (const struct json *v = json_first(json_get(spec, "volumes")); v; v = json_next(v)) {
        if (json_get(v, "secret")) return admission_forbid(t, err, "a mirror pod may not reference secrets");
        for (const struct json *s = json_first(json_path(v, "projected.sources")); s; s = json_next(s))
            if (json_get(s, "serviceAccountToken"))
                return admission_forbid(t, err, "a mirror pod may not use ServiceAccountToken volume projections");
    }
    return true;
}
