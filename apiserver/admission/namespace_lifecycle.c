/* apiserver/admission/namespace_lifecycle.c - nothing is made where there is no namespace or in one that goes; three namespaces
 * never go.
 *
 * Upstream: apiserver pkg/admission/plugin/namespace/lifecycle/admission.go.
 */
#include "apiserver/admission/admission_priv.h"

static bool immortal(struct str name)
{
    return str_eqc(name, "default") || str_eqc(name, "kube-system") || str_eqc(name, "kube-public");
}

static bool terminating(const struct admission_attrs *t, struct err *err)
{
    admission_forbid(t, err, "unable to create new content in namespace " STR_FMT " because it is being terminated", STR_ARG(t->ns));
    if (!err || !err->details) return false;
    struct arena *a = t->r->a;
    struct json *d = json_parse(a, str_c(err->details), NULL);
    json_append(json_ensure_array(a, d, "causes"),
                json_buildf(a, "{'reason': 'NamespaceTerminating', 'message': %S, 'field': 'metadata.namespace'}",
                                                                arena_strf(a, "namespace " STR_FMT " is being terminated",
                                                                           STR_ARG(t->ns))));
    err_details(err, arena_cstr(a, json_text(a, d)));
    return false;
}

bool namespace_lifecycle(struct admission_attrs *t, struct err *err)
{
    if (str_eqc(t->resource, "namespaces") && !t->group.n) {
        if (t->op == ADMIT_DELETE && immortal(t->name)) return admission_forbid(t, err, "this namespace may not be deleted");
        return true;
    }
    if (!t->ns.n || t->op == ADMIT_DELETE) return true;
    struct object *o = registry_get(t->r->as, STR(""), STR("namespaces"), STR(""), t->ns);
    if (!o) return err_not_found(err, STR(""), STR("namespaces"), t->ns);
    bool going = str_eqc(json_path_str(object_json(o), "status.phase"), "Terminating");
    object_unref(o);
    return t->op != ADMIT_CREATE || !going || terminating(t, err);
}
