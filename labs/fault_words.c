/* labs/fault_words.c - faults in few words; fault_words.h says which. What each type is, and which parameters it has, is the
 * catalogue's business. */
#include "labs/fault_words.h"
#include "sim/fault/fault.h"

enum { MAX_FAULTS = 32 };

struct fault_doc { const char *inject, *clear, *name; struct json *parameters; int64_t duration; };
#define FAULT(f) offsetof(struct fault_doc, f)
static const struct spec_field fault_fields[] = {
    { "inject", SPEC_TEXT, FAULT(inject), false },        { "clear", SPEC_TEXT, FAULT(clear), false },
    { "name", SPEC_TEXT, FAULT(name), false },            { "parameters", SPEC_ANY, FAULT(parameters), false },
    { "duration", SPEC_DURATION, FAULT(duration), false },
};
static const struct spec_field lab_fault_fields[] = {
    { "inject", SPEC_TEXT, FAULT(inject), true },
    { "name", SPEC_TEXT, FAULT(name), false },
    { "parameters", SPEC_ANY, FAULT(parameters), false },
};

struct json *json_as_text(struct arena *a, const struct json *v)
{
    return json_is(v, JSON_STRING) ? json_copy(a, v) : json_new_str(a, json_text(a, v));
}

static const char *param_names(struct arena *a, enum fault_type type)
{
    const char *names = "";
    const struct fault_param *end = fault_info(type)->params + FAULT_PARAMS_MAX;
    for (const struct fault_param *p = fault_info(type)->params; p < end && p->name; p++)
        names = arena_printf(a, "%s%s%s", names, *names ? ", " : "", p->name);
    return names;
}

/* The fault's parameters, as texts, into spec. where: what an error points at that is about none of them. */
static bool read_parameters(struct spec *s, const struct json *where, enum fault_type type, const struct json *given,
                            struct json *spec)
{
    if (given && !json_is(given, JSON_OBJECT))
        return spec_fail(s, given, "parameters is a mapping of names to values");
    for (const struct json *p = json_first(given); p; p = json_next(p)) {
        const struct fault_param *known = fault_param_find(type, json_key(p));
        struct json *text = json_as_text(s->a, p);
        if (!known)
            return spec_fail_key(s, p, "%s has no parameter \"" STR_FMT "\": it has %s", fault_info(type)->name, STR_ARG(json_key(p)),
                                 param_names(s->a, type));
        const char *why = fault_value_wrong(s->a, known, json_str(text));
        if (why)
            return spec_fail(s, p, "the parameter %s %s", known->name, why);
        json_setn(s->a, json_ensure(s->a, spec, "parameters"), json_key(p), text);
    }
    for (const struct fault_param *k = fault_info(type)->params; k < fault_info(type)->params + FAULT_PARAMS_MAX && k->name; k++)
        if (!k->dflt && !json_get(given, k->name))
            return spec_fail(s, where, "%s needs the parameter %s: %s", fault_info(type)->name, k->name, k->help);
    return true;
}

static bool read_spec(struct spec *s, const struct json *v, const struct fault_doc *d, struct fault_words *f)
{
    const struct json *inject = json_is(v, JSON_STRING) ? v : json_get(v, "inject");
    int type = fault_type_find(str_c(d->inject));
    if (type < 0)
        return spec_fail(s, inject, "there is no fault \"%s\": there are %s", d->inject, fault_type_names());
    f->name = d->name ? d->name : d->inject;
    f->spec = json_buildf(s->a, "{'type':%s}", d->inject);
    f->lasts_ns = d->duration;
    if (d->duration)
        json_set_str(s->a, f->spec, "duration", duration_go(s->a, d->duration));
    return read_parameters(s, v, (enum fault_type)type, d->parameters, f->spec);
}

bool fault_read(struct spec *s, const struct json *v, struct fault_words *f)
{
    struct fault_doc d = { 0 };
    if (!spec_read(s, v, "a fault", fault_fields, ARRAY_LEN(fault_fields), &d))
        return false;
    if (!d.inject == !d.clear || (d.clear && (d.name || d.parameters || d.duration)))
        return spec_fail(s, v, "a fault is {inject: TYPE, name, parameters, duration} or {clear: NAME}");
    if (d.inject)
        return read_spec(s, v, &d, f);
    *f = (struct fault_words){ .name = d.clear };
    return true;
}

static bool read_lab_fault(struct spec *s, const struct json *v, struct fault_words *f)
{
    struct fault_doc d = { 0 };
    if (json_is(v, JSON_STRING) && json_str(v).n)
        d.inject = arena_cstr(s->a, json_str(v));
    else if (!json_is(v, JSON_OBJECT))
        return spec_fail(s, v, "a fault is a type, or {inject: TYPE, name, parameters}");
    else if (!spec_read(s, v, "a lab's fault", lab_fault_fields, ARRAY_LEN(lab_fault_fields), &d))
        return false;
    return read_spec(s, v, &d, f);
}

static bool has_fault(const struct json *all, const char *name)
{
    for (const struct json *o = json_first(all); o; o = json_next(o))
        if (str_eqc(json_path_str(o, "metadata.name"), name))
            return true;
    return false;
}

struct json *faults_read(struct spec *s, const struct json *list, bool example)
{
    struct json *all = json_new_array(s->a);
    if (!list || (example && json_is(list, JSON_NULL)))
        return all;
    if (!json_is(list, JSON_ARRAY) || json_len(list) > MAX_FAULTS) {
        spec_fail(s, list, "faults is a list of at most %d faults", MAX_FAULTS);
        return NULL;
    }
    for (const struct json *v = json_first(list); v; v = json_next(v)) {
        struct fault_words f = { 0 };
        if (example && json_is(v, JSON_NULL))
            continue;
        if (!read_lab_fault(s, v, &f))
            return NULL;
        if (has_fault(all, f.name)) {
            spec_fail(s, v, "there is a fault \"%s\" already: give this one a name", f.name);
            return NULL;
        }
        struct json *fault = json_buildf(s->a, "{'apiVersion':'lab.kubelab.dev/v1','kind':'Fault'}");
        json_set(s->a, fault, "metadata", json_buildf(s->a, "{'name':%s}", f.name));
        json_set(s->a, fault, "spec", f.spec);
        json_append(all, fault);
    }
    return all;
}
