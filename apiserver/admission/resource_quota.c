/* apiserver/admission/resource_quota.c - ResourceQuotas: a namespace's objects and their requests together stay under a bound.
 *
 * Upstream: kubernetes plugin/pkg/admission/resourcequota, pkg/quota/v1/evaluator/core. Upstream keeps what is used in the
 * quota's status and charges it at each write; here it is counted at each create from the objects that are there, which cannot
 * drift. Scopes are honoured for BestEffort, NotBestEffort, Terminating and NotTerminating.
 */
#include <stdlib.h>

#include "apiserver/admission/admission_priv.h"

struct usage { struct str name; struct quantity value; };
struct usages { struct usage v[64]; size_t n; };

static void use(struct usages *u, struct str name, struct quantity q)
{
    for (size_t i = 0; i < u->n; i++)
        if (str_eq(u->v[i].name, name)) {
            u->v[i].value.nano += q.nano;
            return;
        }
    if (u->n < ARRAY_LEN(u->v)) u->v[u->n++] = (struct usage){ name, q };
}

static const struct usage *used(const struct usages *u, struct str name)
{
    for (size_t i = 0; i < u->n; i++)
        if (str_eq(u->v[i].name, name)) return &u->v[i];
    return NULL;
}

static void use_one(struct usages *u, struct str name) { use(u, name, quantity_from_int(1, QUANTITY_DECIMAL_SI)); }

/* ---- what an object uses ---- */
static bool take_quantity(const struct json *list, struct str name, struct quantity *q)
{
    const struct json *j = json_getn(list, name);
    return j && quantity_parse(json_str(j), q, NULL);
}

/* Containers add up; an init container runs alone, so only the largest of either counts. */
static void pod_list(struct arena *a, struct usages *u, const struct json *spec, const char *list, const char *prefix, bool plain)
{
    struct usages sum = { .n = 0 };
    struct quantity q;
    for (const struct json *c = json_first(json_get(spec, "containers")); c; c = json_next(c)) {
        const struct json *l = json_get(json_get(c, "resources"), list);
        for (const struct json *k = json_first(l); k; k = json_next(k))
            if (take_quantity(l, json_key(k), &q)) use(&sum, json_key(k), q);
    }
    for (const struct json *c = json_first(json_get(spec, "initContainers")); c; c = json_next(c)) {
        const struct json *l = json_get(json_get(c, "resources"), list);
        for (const struct json *k = json_first(l); k; k = json_next(k)) {
            if (!take_quantity(l, json_key(k), &q)) continue;
            const struct usage *have = used(&sum, json_key(k));
            if (!have) use(&sum, json_key(k), q);
            else if (quantity_cmp(have->value, q) < 0)
                use(&sum, json_key(k), (struct quantity){ q.nano - have->value.nano, q.format });
        }
    }
    for (size_t i = 0; i < sum.n; i++) {
        use(u, arena_strf(a, "%s" STR_FMT, prefix, STR_ARG(sum.v[i].name)), sum.v[i].value);
        bool short_name = plain &&
                          (str_eqc(sum.v[i].name, "cpu") || str_eqc(sum.v[i].name, "memory") ||
                           str_eqc(sum.v[i].name, "ephemeral-storage"));
        if (short_name) use(u, sum.v[i].name, sum.v[i].value);
    }
}

static void pod_usage(struct arena *a, struct usages *u, const struct json *pod)
{
    struct str phase = json_path_str(pod, "status.phase");
    if (str_eqc(phase, "Succeeded") || str_eqc(phase, "Failed")) return;
    use_one(u, STR("pods"));
    pod_list(a, u, json_get(pod, "spec"), "requests", "requests.", true);
    pod_list(a, u, json_get(pod, "spec"), "limits", "limits.", false);
}

static void service_usage(struct arena *a, struct usages *u, const struct json *svc)
{
    struct str type = json_path_str(svc, "spec.type");
    int64_t ports = (int64_t)json_len(json_path(svc, "spec.ports"));
    (void)a;
    use_one(u, STR("services"));
    if (str_eqc(type, "LoadBalancer")) use_one(u, STR("services.loadbalancers"));
    if (str_eqc(type, "NodePort") || str_eqc(type, "LoadBalancer"))
        use(u, STR("services.nodeports"), quantity_from_int(ports, QUANTITY_DECIMAL_SI));
}

static void claim_usage(struct arena *a, struct usages *u, const struct json *pvc)
{
    struct quantity q;
    (void)a;
    use_one(u, STR("persistentvolumeclaims"));
    if (take_quantity(json_path(pvc, "spec.resources.requests"), STR("storage"), &q)) use(u, STR("requests.storage"), q);
}

static void object_usage(const struct admission_attrs *t, struct usages *u, const struct json *obj)
{
    static const struct { const char *resource; void (*add)(struct arena *, struct usages *, const struct json *); } evaluators[] = {
        { "pods", pod_usage }, { "services", service_usage }, { "persistentvolumeclaims", claim_usage },
    };
    static const char *const counted[] = { "configmaps", "secrets", "replicationcontrollers", "resourcequotas" };
    struct arena *a = t->r->a;
    use_one(u, t->group.n ? arena_strf(a, "count/" STR_FMT "." STR_FMT, STR_ARG(t->resource), STR_ARG(t->group))
            : arena_strf(a, "count/" STR_FMT, STR_ARG(t->resource)));
    if (t->group.n) return;
    for (size_t i = 0; i < ARRAY_LEN(evaluators); i++)
        if (str_eqc(t->resource, evaluators[i].resource)) evaluators[i].add(a, u, obj);
    for (size_t i = 0; i < ARRAY_LEN(counted); i++)
        if (str_eqc(t->resource, counted[i])) use_one(u, t->resource);
}

/* ---- scopes ---- */
static bool best_effort(const struct json *pod)
{
    static const char *const lists[] = { "containers", "initContainers" };
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        for (const struct json *c = json_first(json_get(json_get(pod, "spec"), lists[i])); c; c = json_next(c))
            if (json_len(json_path(c, "resources.requests")) || json_len(json_path(c, "resources.limits"))) return false;
    return true;
}

static bool in_scopes(const struct admission_attrs *t, const struct json *quota, const struct json *obj)
{
    for (const struct json *s = json_first(json_path(quota, "spec.scopes")); s; s = json_next(s)) {
        struct str scope = json_str(s);
        bool pod = !t->group.n && str_eqc(t->resource, "pods"), ends = json_path(obj, "spec.activeDeadlineSeconds") != NULL;
        bool fits = str_eqc(scope, "BestEffort") ? best_effort(obj) : str_eqc(scope, "NotBestEffort") ? !best_effort(obj)
                    : str_eqc(scope, "Terminating") ? ends
                  : str_eqc(scope, "NotTerminating") ? !ends : false;
        if (!pod || !fits) return false;
    }
    return true;
}

/* ---- one quota ---- */
struct tally { const struct admission_attrs *t; const struct json *quota; struct usages used; };

static bool visit_existing(void *ctx, struct str key, struct object *o)
{
    struct tally *y = ctx;
    (void)key;
    if (in_scopes(y->t, y->quota, object_json(o))) object_usage(y->t, &y->used, object_json(o));
    return true;
}

struct quotas { struct arena *a; struct json *list; };

static bool visit_quota(void *ctx, struct str key, struct object *o)
{
    struct quotas *q = ctx;
    (void)key;
    json_append(q->list, json_copy(q->a, object_json(o)));
    return true;
}

static int text_cmp(const void *x, const void *y) { return str_cmp(*(const struct str *)x, *(const struct str *)y); }

static struct str sorted(struct arena *a, struct str *v, size_t n)
{
    qsort(v, n, sizeof *v, text_cmp);
    return admission_join(a, v, n, ",");
}

/* Compute resources that a quota bounds must be asked for by every container. */
static bool must_specify(struct admission_attrs *t, const struct json *quota, const struct usages *delta, struct err *err)
{
    static const char *const compute[] = { "cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory" };
    struct str missing[ARRAY_LEN(compute)];
    size_t n = 0;
    if (t->group.n || !str_eqc(t->resource, "pods")) return true;
    for (size_t i = 0; i < ARRAY_LEN(compute); i++) {
        struct str kind, rest, bare = str_cut(str_c(compute[i]), '.', &kind, &rest) ? rest : kind;
        const char *list = str_starts(str_c(compute[i]), "limits.") ? "limits" : "requests";
        if (!json_get(json_path(quota, "spec.hard"), compute[i])) continue;
        bool lacks = !used(delta, str_c(compute[i]));
        for (const struct json *c = json_first(json_path(t->obj, "spec.containers")); c && !lacks; c = json_next(c))
            lacks = !json_getn(json_get(json_get(c, "resources"), list), bare);
        if (lacks) missing[n++] = str_c(compute[i]);
    }
    if (!n) return true;
    return admission_forbid(t, err, "failed quota: " STR_FMT ": must specify " STR_FMT, STR_ARG(meta_name(quota)),
                            STR_ARG(sorted(t->r->a, missing, n)));
}

static bool check_quota(struct admission_attrs *t, const struct json *quota, struct err *err)
{
    struct arena *a = t->r->a;
    struct usages delta = { .n = 0 };
    struct tally y = { t, quota, { .n = 0 } };
    struct str requested[64], have[64], limited[64];
    size_t n = 0;
    if (!in_scopes(t, quota, t->obj)) return true;
    object_usage(t, &delta, t->obj);
    if (!must_specify(t, quota, &delta, err)) return false;
    struct str group = t->group;
    struct str prefix = registry_key(a, group, t->resource, t->ns, STR(""));
    store_list(t->r->as->store, prefix, STR(""), visit_existing, &y);
    const struct json *hard = json_path(quota, "spec.hard");
    for (const struct json *h = json_first(hard); h && n < ARRAY_LEN(have); h = json_next(h)) {
        const struct usage *more = used(&delta, json_key(h)), *now = used(&y.used, json_key(h));
        struct quantity bound, total = more ? more->value : (struct quantity){ 0, QUANTITY_DECIMAL_SI };
        if (!more || !more->value.nano || !take_quantity(hard, json_key(h), &bound)) continue;
        if (now) total.nano += now->value.nano;
        if (quantity_cmp(total, bound) <= 0) continue;
        struct quantity zero = { 0, bound.format };
        requested[n] = arena_strf(a, STR_FMT "=" STR_FMT, STR_ARG(json_key(h)), STR_ARG(quantity_text(a, more->value)));
        have[n] = arena_strf(a, STR_FMT "=" STR_FMT, STR_ARG(json_key(h)), STR_ARG(quantity_text(a, now ? now->value : zero)));
        limited[n++] = arena_strf(a, STR_FMT "=" STR_FMT, STR_ARG(json_key(h)), STR_ARG(quantity_text(a, bound)));
    }
    if (!n) return true;
    return admission_forbid(t, err, "exceeded quota: " STR_FMT ", requested: " STR_FMT ", used: " STR_FMT ", limited: " STR_FMT,
                            STR_ARG(meta_name(quota)),
                            STR_ARG(sorted(a, requested, n)), STR_ARG(sorted(a, have, n)), STR_ARG(sorted(a, limited, n)));
}

bool resource_quota(struct admission_attrs *t, struct err *err)
{
    struct quotas q = { t->r->a, NULL };
    if (t->op != ADMIT_CREATE || t->sub.n || !t->ns.n || !t->obj || (!t->group.n && str_eqc(t->resource, "namespaces"))) return true;
    q.list = json_new_array(t->r->a);
    admission_list(t, "", "resourcequotas", t->ns, visit_quota, &q);
    for (const struct json *quota = json_first(q.list); quota; quota = json_next(quota))
        if (!check_quota(t, quota, err)) return false;
    return true;
}
