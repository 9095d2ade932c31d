/* apiserver/admission/taint_nodes.c - a node is born not ready, and keeps pods away until its kubelet says otherwise
 * (plugin/pkg/admission/nodetaint). */
#include "apiserver/admission/admission_priv.h"

#define NOT_READY "node.kubernetes.io/not-ready"

bool taint_nodes_by_condition(struct admission_attrs *t, struct err *err)
{
    (void)err;
    if (t->op != ADMIT_CREATE || !attrs_are(t, "", "nodes", "")) return true;
    struct json *taints = json_ensure_array(t->r->a, json_ensure(t->r->a, t->obj, "spec"), "taints");
    for (const struct json *c = json_first(taints); c; c = json_next(c))
        if (str_eqc(json_get_str(c, "key"), NOT_READY) && str_eqc(json_get_str(c, "effect"), "NoSchedule")) return true;
    json_append(taints, json_buildf(t->r->a, "{'key': '" NOT_READY "', 'effect': 'NoSchedule'}"));
    return true;
}
