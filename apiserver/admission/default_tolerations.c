/* apiserver/admission/default_tolerations.c - a pod stays for five minutes on a node that is lost
 * (plugin/pkg/admission/defaulttolerationseconds). */
#include "apiserver/admission/admission_priv.h"

static bool tolerates(const struct json *tolerations, const char *key)
{
    for (const struct json *t = json_first(tolerations); t; t = json_next(t)) {
        struct str k = json_get_str(t, "key"), effect = json_get_str(t, "effect");
        if ((!k.n || str_eqc(k, key)) && (!effect.n || str_eqc(effect, "NoExecute"))) return true;
    }
    return false;
}

bool default_tolerations(struct admission_attrs *t, struct err *err)
{
    static const char *const keys[] = { "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable" };
    (void)err;
    bool writes = t->op == ADMIT_CREATE || t->op == ADMIT_UPDATE;
    if (!writes || !attrs_are(t, "", "pods", "")) return true;
    struct arena *a = t->r->a;
    const struct apiserver_policy *p = &t->r->as->opt.policy;
    const int64_t seconds[] = { p->not_ready_s ? p->not_ready_s : 300, p->unreachable_s ? p->unreachable_s : 300 };
    struct json *spec = json_ensure(a, t->obj, "spec");
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (!tolerates(json_get(spec, "tolerations"), keys[i]))
            json_append(json_ensure_array(a, spec, "tolerations"),
                        json_buildf(a, "{'key': %s, 'operator': 'Exists', 'effect': 'NoExecute', 'tolerationSeconds': %d}",
                                    keys[i], seconds[i]));
    return true;
}
