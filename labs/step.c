/* labs/step.c - one step of a scenario: what its YAML may say, by tables, and what it comes to. README.md lists the actions. */
#include "labs/fault_words.h"
#include "labs/labs_priv.h"
#include "sim/api/api.h"

/* As it stands in the file; a step's words about its action are looked at one by one. */
struct step_doc {
    struct scenario_step step;
    const char *when, *run;
    struct json *apply, *patch, *remove, *clock, *expect, *check, *build, *fault, *load;
    bool submit;
};

#define STEP(f) offsetof(struct step_doc, f)
static const struct spec_field step_fields[] = {
    { "name", SPEC_TEXT, STEP(step.name), false }, { "at", SPEC_DURATION, STEP(step.at_ns), false },
    { "when", SPEC_TEXT, STEP(when), false },
    { "timeout", SPEC_DURATION, STEP(step.timeout_ns), false }, { "every", SPEC_DURATION, STEP(step.every_ns), false },
    { "apply", SPEC_ANY, STEP(apply), false }, { "patch", SPEC_ANY, STEP(patch), false }, { "delete", SPEC_ANY, STEP(remove), false },
    { "clock", SPEC_ANY, STEP(clock), false }, { "expect", SPEC_ANY, STEP(expect), false }, { "check", SPEC_ANY, STEP(check), false },
    { "fault", SPEC_ANY, STEP(fault), false }, { "load", SPEC_ANY, STEP(load), false }, { "run", SPEC_TEXT, STEP(run), false },
    { "build", SPEC_ANY, STEP(build), false }, { "submit", SPEC_BOOL, STEP(submit), false },
};
static const struct { const char *key; enum action action; } actions[] = {
    { "apply", ACTION_APPLY }, { "patch", ACTION_PATCH }, { "delete", ACTION_DELETE }, { "clock", ACTION_CLOCK },
    { "expect", ACTION_EXPECT },
    { "check", ACTION_CHECK }, { "run", ACTION_RUN }, { "build", ACTION_BUILD }, { "submit", ACTION_SUBMIT },
    { "fault", ACTION_FAULT },
    { "load", ACTION_LOAD },
};
const char *action_name(enum action action)
{
    for (size_t i = 0; i < ARRAY_LEN(actions); i++)
        if (actions[i].action == action)
            return actions[i].key;
    return "";
}

/* ---- the actions that are more than a text ---- */
struct patch_doc { const char *api_version, *kind, *ns, *name, *type; struct json *patch; };
#define PATCH(f) offsetof(struct patch_doc, f)
static const struct spec_field patch_fields[] = {
    { "apiVersion", SPEC_TEXT, PATCH(api_version), true }, { "kind", SPEC_TEXT, PATCH(kind), true },
    { "namespace", SPEC_TEXT, PATCH(ns), false },
    { "name", SPEC_TEXT, PATCH(name), true }, { "type", SPEC_TEXT, PATCH(type), false }, { "patch", SPEC_ANY, PATCH(patch), true },
};

static bool read_patch(struct spec *s, const struct step_doc *d, struct scenario_step *step)
{
    static const char *const types[] = { "strategic", "merge", "json" };
    struct patch_doc p = { .type = "strategic" };
    if (!spec_read(s, d->patch, "a patch", patch_fields, ARRAY_LEN(patch_fields), &p))
        return false;
    bool known = false;
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        known = known || strcmp(p.type, types[i]) == 0;
    if (!known)
        return spec_fail(s, json_get(d->patch, "type"), "a patch is strategic, merge or json, not \"%s\"", p.type);
    if (json_is(p.patch, JSON_ARRAY) != (strcmp(p.type, "json") == 0) ||
        !(json_is(p.patch, JSON_ARRAY) || json_is(p.patch, JSON_OBJECT)))
        return spec_fail(s, p.patch, "a json patch is a list of operations; a strategic or merge patch is a mapping");
    step->patch_type = p.type;
    step->patch = p.patch;
    step->objects = json_new_array(s->a);
    json_append(step->objects,
                json_buildf(s->a, "{'apiVersion':%s,'kind':%s,'metadata':{'namespace':%s,'name':%s}}", p.api_version, p.kind, p.ns,
                            p.name));
    return true;
}

struct check_doc { const char *lab, *step; struct json *fails; };
#define CHECK(f) offsetof(struct check_doc, f)
static const struct spec_field check_fields[] = {
    { "lab", SPEC_TEXT, CHECK(lab), true }, { "step", SPEC_TEXT, CHECK(step), false }, { "fails", SPEC_NAMES, CHECK(fails), false },
};

static bool read_check(struct spec *s, const struct step_doc *d, struct scenario_step *step)
{
    struct check_doc c = { 0 };
    if (json_is(d->check, JSON_STRING))
        c.lab = arena_cstr(s->a, json_str(d->check));
    else if (!spec_read(s, d->check, "a check", check_fields, ARRAY_LEN(check_fields), &c))
        return false;
    const struct lab *lab = lab_find(c.lab);
    if (!lab)
        return spec_fail(s, d->check, "there is no lab \"%s\"", c.lab);
    if (c.step && !lab_step_find(lab, c.step))
        return spec_fail(s, json_get(d->check, "step"), "%s has no step \"%s\"", c.lab, c.step);
    step->text = c.lab;
    step->check_step = c.step;
    step->fails = c.fails;
    return true;
}

struct build_doc { const char *tag, *context; };
static const struct spec_field build_fields[] = {
    { "tag", SPEC_TEXT, offsetof(struct build_doc, tag), true }, { "context", SPEC_TEXT, offsetof(struct build_doc, context), true },
};

static bool read_build(struct spec *s, const struct step_doc *d, struct scenario_step *step)
{
    struct build_doc b = { 0 };
    if (!spec_read(s, d->build, "a build", build_fields, ARRAY_LEN(build_fields), &b))
        return false;
    if (b.tag[0] == '-' || b.context[0] == '-')
        return spec_fail(s, d->build, "neither tag nor context begins with a dash");
    step->text = b.tag;
    step->dir = b.context;
    return true;
}

/* One source, or several: a mapping is an object, a text of one line a file or folder, a longer one manifests. */
static bool read_sources(struct spec *s, struct json *v, struct scenario_step *step)
{
    struct json *list = json_is(v, JSON_ARRAY) ? v : NULL;
    for (const struct json *c = list ? json_first(list) : v; c; c = list ? json_next(c) : NULL)
        if (!json_is(c, JSON_OBJECT) && (!json_is(c, JSON_STRING) || !json_str(c).n))
            return spec_fail(s, c, "this is neither an object, nor a file's name, nor manifests");
    if (list && !json_len(list))
        return spec_fail(s, v, "the list is empty");
    step->objects = v;                 /* sources, until scenario_parse reads them */
    return true;
}

/* ---- objects of lab.kubelab.dev/v1 in few words ---- */
static void put_object(struct spec *s, struct scenario_step *step, const char *kind, const char *ns, const char *name,
                       struct json *spec)
{
    struct json *o = json_buildf(s->a, "{'apiVersion':'lab.kubelab.dev/v1','kind':%s,'metadata':{'name':%s}}", kind, name);
    if (ns)
        json_set_strc(s->a, json_get(o, "metadata"), "namespace", ns);
    if (spec)
        json_set(s->a, o, "spec", spec);
    step->objects = json_new_array(s->a);
    json_append(step->objects, o);
    step->text = name;
    step->clear = !spec;
}

static bool read_fault(struct spec *s, const struct step_doc *d, struct scenario_step *step)
{
    struct fault_words f = { 0 };
    if (!fault_read(s, d->fault, &f))
        return false;
    step->lasts_ns = f.lasts_ns;
    put_object(s, step, "Fault", NULL, f.name, f.spec);
    return true;
}

struct load_doc { const char *clear, *name, *ns, *service, *path; struct json *rate, *stages, *ramp; int64_t port, clients,
                  duration, timeout; };
#define LOAD(f) offsetof(struct load_doc, f)
static const struct spec_field load_fields[] = {
    { "clear", SPEC_TEXT, LOAD(clear), false }, { "name", SPEC_TEXT, LOAD(name), false }, { "namespace", SPEC_TEXT, LOAD(ns), false },
    { "service", SPEC_TEXT, LOAD(service), false }, { "port", SPEC_INT, LOAD(port), false }, { "path", SPEC_TEXT, LOAD(path), false },
    { "timeout", SPEC_DURATION, LOAD(timeout), false }, { "stages", SPEC_LIST, LOAD(stages), false },
    { "clients", SPEC_INT, LOAD(clients), false },
    { "requestsPerSecond", SPEC_ANY, LOAD(rate), false }, { "duration", SPEC_DURATION, LOAD(duration), false },
    { "ramp", SPEC_ANY, LOAD(ramp), false },
};

/* The stages as the object has them; what stands beside the service is its only one. */
static struct json *load_stages(struct spec *s, const struct load_doc *l, const struct json *load)
{
    struct json *all = json_new_array(s->a), *one = json_new_object(s->a);
    static const char *const keys[] = { "duration", "clients", "requestsPerSecond", "ramp" };
    for (size_t i = 0; i < ARRAY_LEN(keys) && !l->stages; i++)
        if (json_get(load, keys[i]))
            json_set(s->a, one, keys[i], json_copy(s->a, json_get(load, keys[i])));
    if (!l->stages)
        json_append(all, one);
    for (const struct json *c = json_first(l->stages); c; c = json_next(c))
        json_append(all, json_copy(s->a, c));
    for (struct json *c = json_first(all); c; c = json_next(c))
        if (json_get(c, "requestsPerSecond"))
            json_set(s->a, c, "requestsPerSecond", json_as_text(s->a, json_get(c, "requestsPerSecond")));
    return all;
}

static bool read_load(struct spec *s, const struct step_doc *d, struct scenario_step *step)
{
    struct load_doc l = { .clients = -1 };
    if (!spec_read(s, d->load, "a load", load_fields, ARRAY_LEN(load_fields), &l))
        return false;
    const char *ns = l.ns ? l.ns : "default";
    if (!l.clear == !l.service)
        return spec_fail(s, d->load, "a load is {service, stages} with the stages' words or {clear: NAME}");
    if (l.clear) {
        put_object(s, step, "LoadProfile", ns, l.clear, NULL);
        return true;
    }
    for (const struct json *c = l.stages ? json_first(l.stages) : d->load; c; c = l.stages ? json_next(c) : NULL) {
        const struct json *rate = json_get(c, "requestsPerSecond");
        if (rate && quantity_json_milli(rate, -1) < 0)
            return spec_fail(s, rate, "requestsPerSecond is a number from 0, such as 12.5");
    }
    if (!l.stages && !l.rate && l.clients < 0)
        return spec_fail(s, d->load, "a load needs clients, requestsPerSecond or stages");
    struct json *spec = json_buildf(s->a, "{'service':%s,'stages':%j}", l.service, load_stages(s, &l, d->load));
    static const char *const keys[] = { "port", "path", "timeout" };
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (json_get(d->load, keys[i]))
            json_set(s->a, spec, keys[i], json_copy(s->a, json_get(d->load, keys[i])));
    step->lasts_ns = l.duration;
    put_object(s, step, "LoadProfile", ns, l.name ? l.name : l.service, spec);
    return true;
}

/* ---- time and conditions ---- */
struct until_doc { const char *jq, *always, *until; int64_t within, lasts, timeout, every; };
#define UNTIL(f) offsetof(struct until_doc, f)
static const struct spec_field expect_fields[] = {
    { "jq", SPEC_TEXT, UNTIL(jq), false }, { "within", SPEC_DURATION, UNTIL(within), false },
    { "always", SPEC_TEXT, UNTIL(always), false },
    { "for", SPEC_DURATION, UNTIL(lasts), false }, { "every", SPEC_DURATION, UNTIL(every), false },
};
static const struct spec_field until_fields[] = {
    { "until", SPEC_TEXT, UNTIL(until), true }, { "timeout", SPEC_DURATION, UNTIL(timeout), false },
    { "every", SPEC_DURATION, UNTIL(every), false },
};

static bool set_every(struct spec *s, const struct json *v, int64_t every, struct scenario_step *step)
{
    if (every && every < (int64_t)NS_PER_S)
        return spec_fail(s, json_get(v, "every"), "every is at least 1s");
    step->look_ns = every ? every : 5 * (int64_t)NS_PER_S;
    return true;
}

static bool read_expect(struct spec *s, const struct step_doc *d, struct scenario_step *step)
{
    struct until_doc u = { 0 };
    if (json_is(d->expect, JSON_STRING) && json_str(d->expect).n) {
        step->expect_jq = arena_cstr(s->a, json_str(d->expect));
        return true;
    }
    if (!json_is(d->expect, JSON_OBJECT))
        return spec_fail(s, d->expect, "expect is a jq expression, {jq, within: 90s}, or {always: JQ, for: 5m}");
    if (!spec_read(s, d->expect, "an expectation", expect_fields, ARRAY_LEN(expect_fields), &u) ||
        !set_every(s, d->expect, u.every, step))
        return false;
    if (!u.jq == !u.always || (u.jq && u.lasts) || (u.always && (!u.lasts || u.within)))
        return spec_fail(s, d->expect, "expect is a jq expression, {jq, within: 90s}, or {always: JQ, for: 5m}");
    step->expect_jq = u.jq ? u.jq : u.always;
    step->within_ns = u.within;
    step->always_ns = u.lasts;
    return true;
}

static bool read_clock(struct spec *s, const struct step_doc *d, struct scenario_step *step)
{
    struct until_doc u = { .timeout = 300 * (int64_t)NS_PER_S };
    if (!json_is(d->clock, JSON_OBJECT)) {
        bool good = json_is(d->clock, JSON_STRING) && duration_parse_go(json_str(d->clock), &step->clock_ns) && step->clock_ns >= 0;
        return good || spec_fail(s, d->clock, "clock is a duration (90s, 5m or 1h30m), or {until: JQ, timeout: 5m}");
    }
    if (!spec_read(s, d->clock, "a clock", until_fields, ARRAY_LEN(until_fields), &u) || !set_every(s, d->clock, u.every, step))
        return false;
    step->expect_jq = u.until;
    step->within_ns = u.timeout;
    return true;
}

/* ---- steps ---- */
static bool read_action(struct spec *s, const struct json *j, struct step_doc *d)
{
    struct scenario_step *step = &d->step;
    switch (step->action) {
    case ACTION_APPLY:  return read_sources(s, d->apply, step);
    case ACTION_DELETE: return read_sources(s, d->remove, step);
    case ACTION_PATCH:  return read_patch(s, d, step);
    case ACTION_FAULT:  return read_fault(s, d, step);
    case ACTION_LOAD:   return read_load(s, d, step);
    case ACTION_CLOCK:  return read_clock(s, d, step);
    case ACTION_EXPECT: return read_expect(s, d, step);
    case ACTION_CHECK:  return read_check(s, d, step);
    case ACTION_RUN:    step->text = d->run; return true;
    case ACTION_BUILD:  return read_build(s, d, step);
    case ACTION_SUBMIT: return d->submit || spec_fail(s, json_get(j, "submit"), "submit is true, or is not there");
    }
    return false;
}

static bool choose_action(struct spec *s, const struct json *j, struct scenario_step *step)
{
    size_t found = 0;
    for (size_t i = 0; i < ARRAY_LEN(actions); i++)
        if (json_get(j, actions[i].key)) {
            if (found++)
                return spec_fail_key(s, json_get(j, actions[i].key), "a step does one thing: this is its second");
            step->action = actions[i].action;
        }
    return found || spec_fail(s, j,
                              "a step does something: apply, patch, delete, fault, load, clock, expect, check, run, build or submit");
}

/* ---- what a step is called that has no name: it stands below the plot ---- */
static const char *thing_name(struct arena *a, const struct json *thing)
{
    struct str kind = json_get_str(thing, "kind"), name = json_path_str(thing, "metadata.name");
    if (json_is(thing, JSON_STRING))
        return str_chr(json_str(thing), '\n') < 0 ? arena_cstr(a, json_str(thing)) : "manifests";
    return arena_printf(a, STR_FMT " " STR_FMT, STR_ARG(kind), STR_ARG(name));
}

static const char *usual_name(struct spec *s, const struct scenario_step *step)
{
    const char *action = action_name(step->action);
    const struct json *all = step->objects, *first = json_is(all, JSON_ARRAY) ? json_first(all) : all;
    size_t more = json_is(all, JSON_ARRAY) ? json_len(all) - 1 : 0;
    if (step->action == ACTION_FAULT || step->action == ACTION_LOAD)
        return arena_printf(s->a, "%s %s%s", action, step->text, step->clear ? " ends" : "");
    if (!first)
        return action;
    return arena_printf(s->a, "%s %s%s", action, thing_name(s->a, first), more ? arena_printf(s->a, " and %zu more", more) : "");
}

static bool read_step(struct spec *s, const struct json *j, struct step_doc *d, int64_t *last_at)
{
    struct scenario_step *step = &d->step;
    *step = (struct scenario_step){ .at_ns = -1, .timeout_ns = 300 * (int64_t)NS_PER_S, .every_ns = 5 * (int64_t)NS_PER_S,
                                    .line = yaml_mark(s->marks, j).line };
    if (!json_is(j, JSON_OBJECT))
        return spec_fail(s, j, "a step is a mapping of keys to values");
    if (!spec_read(s, j, "a step", step_fields, ARRAY_LEN(step_fields), d) || !choose_action(s, j, step))
        return false;
    if (json_get(j, "at") && d->when)
        return spec_fail_key(s, json_get(j, "when"), "a step begins at a time or when something holds, not both");
    if (!d->when && (json_get(j, "timeout") || json_get(j, "every")))
        return spec_fail(s, j, "timeout and every belong to when");
    if (step->every_ns < (int64_t)NS_PER_S)
        return spec_fail(s, json_get(j, "every"), "every is at least 1s");
    if (step->at_ns >= 0 && step->at_ns < *last_at)
        return spec_fail(s, json_get(j, "at"), "this is before the step above: steps are in order of time");
    *last_at = step->at_ns >= 0 ? step->at_ns : *last_at;
    step->when_jq = d->when;
    if (!read_action(s, j, d))
        return false;
    step->name = step->name ? step->name : usual_name(s, step);
    return true;
}

struct scenario_step *step_read(struct spec *s, const struct json *j, int64_t *last_at)
{
    struct step_doc *d = ARENA_NEW(s->a, struct step_doc);
    return read_step(s, j, d, last_at) ? &d->step : NULL;
}
