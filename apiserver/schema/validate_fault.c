/* apiserver/schema/validate_fault.c - Faults: their type and parameters, by the catalogue (sim/fault). In the words that the API has
 * for such errors. */
#include "apiserver/schema/schema_priv.h"
#include "sim/fault/fault.h"

static const char *param_names(struct arena *a, enum fault_type type)
{
    struct strbuf b;
    strbuf_init(&b, 4096);
    for (const struct fault_param *p = fault_info(type)->params; p < fault_info(type)->params + FAULT_PARAMS_MAX && p->name; p++)
        strbuf_addf(&b, "%s%s", b.n ? "," : "", p->name);
    const char *text = arena_cstr(a, strbuf_str(&b));
    strbuf_deinit(&b);
    return text;
}

static void check_parameters(struct check *c, enum fault_type type, const struct json *given, const struct fpath *p)
{
    for (const struct json *v = json_first(given); v; v = json_next(v)) {
        const struct fault_param *known = fault_param_find(type, json_key(v));
        const struct fpath *at = FP_KEY(p, json_key(v));
        const char *why = known ? fault_value_wrong(c->a, known, json_str(v)) : NULL;
        if (!known)
            check_unsupported(c, p, json_key(v), param_names(c->a, type));
        else if (known->value == FAULT_CHOICE)
            check_enum(c, at, json_str(v), known->choices);
        else if (why)
            check_invalid_s(c, at, json_str(v), "%s", why);
    }
    for (const struct fault_param *k = fault_info(type)->params; k < fault_info(type)->params + FAULT_PARAMS_MAX && k->name; k++)
        if (!k->dflt && !json_get(given, k->name))
            check_required(c, FP_KEY(p, str_c(k->name)), k->help);
    if (type == FAULT_RBAC_HOLE && str_eqc(json_get_str(given, "object"), "cluster-admin"))
        check_forbidden(c, FP_KEY(p, STR("object")), "without cluster-admin nobody could take the fault back");
}

void validate_fault(struct check *c, const struct gvk *gvk, const struct json *obj, const struct json *old)
{
    (void)gvk;
    (void)old;
    const struct json *spec = json_get(obj, "spec");
    const struct fpath *p = FP_NAME(NULL, "spec");
    struct str type = json_get_str(spec, "type"), duration = json_get_str(spec, "duration");
    int64_t ns;
    if (!type.n)
        check_required(c, FP_NAME(p, "type"), "");
    else if (check_enum(c, FP_NAME(p, "type"), type, fault_type_names()))
        check_parameters(c, (enum fault_type)fault_type_find(type), json_get(spec, "parameters"), FP_NAME(p, "parameters"));
    if (duration.n && (!duration_parse_go(duration, &ns) || ns <= 0))
        check_invalid_s(c, FP_NAME(p, "duration"), duration, "must be a duration of more than 0s, as 90s, 5m or 1h30m");
}
