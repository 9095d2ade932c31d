/* apiserver/admission/priority.c - a pod's class becomes a number (kubernetes plugin/pkg/admission/priority/admission.go). */
#include "apiserver/admission/admission_priv.h"

#define SCHEDULING "scheduling.k8s.io"

struct class_search { struct arena *a; struct str name, policy; int64_t value; bool found; struct str except; };

static bool visit_default(void *ctx, struct str key, struct object *o)
{
    struct class_search *s = ctx;
    const struct json *pc = object_json(o);
    (void)key;
    if (!json_get_bool(pc, "globalDefault", false) || str_eq(meta_name(pc), s->except)) return true;
    int64_t value = json_get_int(pc, "value", 0);
    if (s->found && s->value <= value) return true;          /* of several, the one that weighs least */
    s->found = true;
    s->value = value;
    s->name = arena_str(s->a, meta_name(pc));
    s->policy = arena_str(s->a, json_get_str(pc, "preemptionPolicy"));
    return true;
}

static bool named_class(struct admission_attrs *t, struct str name, struct class_search *s, struct err *err)
{
    bool system = str_starts(name, "system-");
    if (t->r->as->opt.minor < 17 && system && !str_eqc(t->ns, "kube-system"))
        return admission_forbid(t, err, "pods with " STR_FMT " priorityClass is not permitted in " STR_FMT " namespace",
                                STR_ARG(name), STR_ARG(t->ns));
    struct object *o = registry_get(t->r->as, STR(SCHEDULING), STR("priorityclasses"), STR(""), name);
    if (!o) return admission_forbid(t, err, "no PriorityClass with name " STR_FMT " was found", STR_ARG(name));
    s->value = json_get_int(object_json(o), "value", 0);
    s->policy = arena_str(s->a, json_get_str(object_json(o), "preemptionPolicy"));
    object_unref(o);
    return true;
}

static bool policy_of(struct admission_attrs *t, struct json *spec, struct str computed, struct err *err)
{
    struct str given = json_get_str(spec, "preemptionPolicy");
    if (t->r->as->opt.minor < 19) return true;     /* alpha, off */
    if (!computed.n) computed = STR("PreemptLowerPriority");
    if (given.n && !str_eq(given, computed))
        return admission_forbid(t, err,
                                "the string value of PreemptionPolicy (" STR_FMT ") must not be provided in pod spec; priority "
                                                                                 "admission controller computed " STR_FMT
                                " from the given PriorityClass name", STR_ARG(given), STR_ARG(computed));
    json_set_str(t->r->a, spec, "preemptionPolicy", computed);
    return true;
}

static bool update_pod(struct admission_attrs *t)
{
    const struct json *was = json_path(t->old, "spec.priority");
    struct json *spec = json_get(t->obj, "spec");
    if (spec && was && !json_get(spec, "priority")) json_set(t->r->a, spec, "priority", json_copy(t->r->a, was));
    return true;
}

bool priority_admit(struct admission_attrs *t, struct err *err)
{
    if (t->op == ADMIT_UPDATE && attrs_are(t, "", "pods", "")) return update_pod(t);
    if (!creates_pod(t)) return true;
    struct arena *a = t->r->a;
    struct json *spec = json_ensure(a, t->obj, "spec"), *given = json_get(spec, "priority");
    struct class_search s = { .a = a };
    struct str name = json_get_str(spec, "priorityClassName");
    if (name.n) {
        if (!named_class(t, name, &s, err)) return false;
    } else {
        admission_list(t, SCHEDULING, "priorityclasses", STR(""), visit_default, &s);
        if (s.found) json_set_str(a, spec, "priorityClassName", s.name);
    }
    if (given && json_int(given, 0) != s.value)
        return admission_forbid(t, err,
                                "the integer value of priority (%" PRId64 ") must not be provided in pod spec; priority admission "
                                                                          "controller computed %" PRId64
                                " from the given PriorityClass name", json_int(given, 0), s.value);
    json_set_int(a, spec, "priority", s.value);
    return policy_of(t, spec, s.policy, err);
}

bool priority_validate(struct admission_attrs *t, struct err *err)
{
    bool writes = t->op == ADMIT_CREATE || t->op == ADMIT_UPDATE;
    if (!writes || !attrs_are(t, SCHEDULING, "priorityclasses", "") || !json_get_bool(t->obj, "globalDefault", false)) return true;
    struct class_search s = { .a = t->r->a, .except = t->op == ADMIT_UPDATE ? t->name : STR("") };
    admission_list(t, SCHEDULING, "priorityclasses", STR(""), visit_default, &s);
    return !s.found || admission_forbid(t, err,
                                        "PriorityClass " STR_FMT " is already marked as default. Only one default can exist",
                                        STR_ARG(s.name));
}
