/* apiserver/admission/runtime_class.c - a pod's RuntimeClass must exist; what it costs is put down as overhead
 * (plugin/pkg/admission/runtimeclass). */
#include "apiserver/admission/admission_priv.h"

bool runtime_class_admit(struct admission_attrs *t, struct err *err)
{
    struct str name = json_path_str(t->obj, "spec.runtimeClassName");
    if (!creates_pod(t) || !name.n) return true;
    struct object *o = registry_get(t->r->as, STR("node.k8s.io"), STR("runtimeclasses"), STR(""), name);
    if (!o) return admission_forbid(t, err, "pod rejected: RuntimeClass \"" STR_FMT "\" not found", STR_ARG(name));
    const struct json *overhead = json_path(object_json(o), "overhead.podFixed");
    struct json *spec = json_get(t->obj, "spec"), *given = json_get(spec, "overhead");
    bool ok = true;
    if (given && !json_equal(given, overhead))
        ok = admission_forbid(t, err, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead");
    else if (overhead && !given) json_set(t->r->a, spec, "overhead", json_copy(t->r->a, overhead));
    object_unref(o);
    return ok;
}
