/* workloads/controllers/node_fit.c - whether a pod may be on a node: taints, node selectors, node affinity (pkg/apis/core/v1/helper).
 * The scheduler has its own; this is what the daemon set and the taint manager ask. */
#include "workloads/controllers/controllers_priv.h"

bool toleration_matches(const struct json *toleration, const struct json *taint)
{
    struct str effect = json_get_str(toleration, "effect"), key = json_get_str(toleration, "key"),
               op = json_get_str(toleration, "operator");
    if (effect.n && !str_eq(effect, json_get_str(taint, "effect")))
        return false;
    if (key.n && !str_eq(key, json_get_str(taint, "key")))
        return false;
    if (str_eqc(op, "Exists"))
        return true;
    return (op.n == 0 || str_eqc(op, "Equal")) && str_eq(json_get_str(toleration, "value"), json_get_str(taint, "value"));
}

const struct json *taint_untolerated(const struct json *taints, const struct json *tolerations, const char *const *effects)
{
    for (const struct json *taint = json_first(taints); taint; taint = json_next(taint)) {
        bool counts = false, tolerated = false;
        for (size_t i = 0; effects[i]; i++)
            counts = counts || str_eqc(json_get_str(taint, "effect"), effects[i]);
        for (const struct json *t = json_first(tolerations); counts && t && !tolerated; t = json_next(t))
            tolerated = toleration_matches(t, taint);
        if (counts && !tolerated)
            return taint;
    }
    return NULL;
}

/* In, NotIn, Exists, DoesNotExist, Gt, Lt on one value (n 0: absent). */
static bool requirement_holds(const struct json *r, bool there, struct str value)
{
    struct str op = json_get_str(r, "operator");
    bool in = false;
    for (const struct json *v = json_first(json_get(r, "values")); v; v = json_next(v))
        in = in || (there && str_eq(json_str(v), value));
    int64_t have, bound;
    if (str_eqc(op, "In"))
        return in;
    if (str_eqc(op, "NotIn"))
        return !in;
    if (str_eqc(op, "Exists"))
        return there;
    if (str_eqc(op, "DoesNotExist"))
        return !there;
    if (!there || !str_int(value, &have) || !str_int(json_str(json_first(json_get(r, "values"))), &bound))
        return false;
    return str_eqc(op, "Gt") ? have > bound : have < bound;
}

static bool term_matches(const struct json *term, const struct json *node)
{
    const struct json *expressions = json_get(term, "matchExpressions"), *fields = json_get(term, "matchFields");
    if (json_len(expressions) == 0 && json_len(fields) == 0)
        return false;                  /* an empty term selects nothing */
    for (const struct json *r = json_first(expressions); r; r = json_next(r)) {
        const struct json *label = json_getn(meta_labels(node), json_get_str(r, "key"));
        if (!requirement_holds(r, label != NULL, json_str(label)))
            return false;
    }
    for (const struct json *r = json_first(fields); r; r = json_next(r))
        if (!str_eqc(json_get_str(r, "key"), "metadata.name") || !requirement_holds(r, true, meta_name(node)))
            return false;
    return true;
}

bool node_selected(const struct json *spec, const struct json *node)
{
    for (const struct json *want = json_first(json_get(spec, "nodeSelector")); want; want = json_next(want)) {
        const struct json *label = json_getn(meta_labels(node), json_key(want));
        if (!label || !str_eq(json_str(label), json_str(want)))
            return false;
    }
    const struct json *required = json_path(spec, "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution");
    if (!required)
        return true;
    for (const struct json *term = json_first(json_get(required, "nodeSelectorTerms")); term; term = json_next(term))
        if (term_matches(term, node))
            return true;
    return false;
}

bool node_is_ready(const struct json *node) { return condition_is_true(node, "Ready"); }
