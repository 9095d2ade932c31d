/* sim/cmd/fault_edit.c - faults that are a change of one field of an object: what is changed, and into what (pure).
 *
 * A binding loses its subjects, a role its rules or one resource of them, a Service's selector asks for labels that no pod has. The
 * objects themselves stay, with their names and ages: what is missing is in the field, where a student will find it, and where it
 * is put back.
 */
#include "sim/cmd/faults.h"

static bool is_role(const struct json *parameters) { return str_ends(json_get_str(parameters, "kind"), "Role"); }

static const char *rbac_path(struct arena *a, const struct json *parameters)
{
    static const struct { const char *kind, *resource; bool namespaced; } kinds[] = {
        { "ClusterRole", "clusterroles", false }, { "Role", "roles", true }, { "RoleBinding", "rolebindings", true },
    };
    struct str kind = json_get_str(parameters, "kind"), ns = json_get_str(parameters, "namespace"),
        name = json_get_str(parameters, "object");
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (str_eqc(kind, kinds[i].kind))
            return client_path(a, "rbac.authorization.k8s.io/v1", kinds[i].resource, kinds[i].namespaced ? (ns.n ? ns : STR("default"))
                               : STR_NULL, name, NULL);
    return client_path(a, "rbac.authorization.k8s.io/v1", "clusterrolebindings", STR_NULL, name, NULL);
}

const char *fault_edit_path(struct arena *a, enum fault_type type, const struct json *parameters)
{
    struct str ns = json_get_str(parameters, "namespace");
    if (type == FAULT_RBAC_HOLE)
        return rbac_path(a, parameters);
    if (type == FAULT_ENDPOINTS_MISSING)
        return client_path(a, "v1", "services", ns.n ? ns : STR("default"), json_get_str(parameters, "service"), NULL);
    return NULL;
}

const char *fault_edit_field(enum fault_type type, const struct json *parameters)
{
    return type == FAULT_ENDPOINTS_MISSING ? "spec.selector" : is_role(parameters) ? "rules" : "subjects";
}

/* The rules without one resource; a rule that was about nothing else goes. */
static struct json *rules_without(struct arena *a, const struct json *rules, struct str resource, bool *found)
{
    struct json *all = json_new_array(a);
    for (const struct json *r = json_first(rules); r; r = json_next(r)) {
        struct json *rule = json_copy(a, r), *resources = json_get(rule, "resources");
        bool hit = false;
        for (size_t i = json_len(resources); i-- > 0;)
            if (str_eq(json_str(json_at(resources, i)), resource)) {
                json_remove_at(resources, i);
                hit = true;
            }
        *found = *found || hit;
        if (!hit || json_len(resources))
            json_append(all, rule);
    }
    return all;
}

static struct json *selector_of_nobody(struct arena *a, const struct json *selector)
{
    struct json *other = json_new_object(a);
    for (const struct json *s = json_first(selector); s; s = json_next(s))
        json_setn(a, other, json_key(s), json_new_str(a, arena_strf(a, "%.*s-old", (int)(json_str(s).n < 59 ? json_str(s).n : 59),
                                                                    json_str(s).p)));
    return other;
}

bool fault_edit_make(struct arena *a, enum fault_type type, const struct json *parameters, const struct json *before,
                     struct json **after, struct err *err)
{
    struct str resource = json_get_str(parameters, "resource");
    bool found = false;
    *after = NULL;
    if (json_len(before) == 0)
        return err_set(err, ERR_NOT_FOUND, "there is nothing in its %s to be taken out", fault_edit_field(type, parameters));
    if (type == FAULT_ENDPOINTS_MISSING)
        *after = selector_of_nobody(a, before);
    else if (is_role(parameters) && !resource.n)
        *after = json_new_array(a);
    else if (is_role(parameters))
        *after = rules_without(a, before, resource, &found);
    return !is_role(parameters) || !resource.n || found || err_set(err, ERR_NOT_FOUND, "none of its rules is about " STR_FMT,
                                                                   STR_ARG(resource));
}

void fault_edit_set(struct arena *a, struct json *obj, const char *field, const struct json *value)
{
    struct str rest = str_c(field), name = str_token(&rest, '.');
    while (rest.p) {
        obj = json_ensure(a, obj, arena_cstr(a, name));
        name = str_token(&rest, '.');
    }
    if (json_type(value) == JSON_NULL)
        json_removen(obj, name);
    else
        json_setn(a, obj, name, json_copy(a, value));
}
