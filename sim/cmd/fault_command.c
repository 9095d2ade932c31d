/* sim/cmd/fault_command.c - `kubelab fault`: the catalogue with what is wrong at the moment, and Fault objects made and deleted. */
#include "labs/labs.h"
#include "sim/cmd/cmd.h"
#include "sim/cmd/host.h"
#include "sim/fault/fault.h"

#include <stdio.h>

#define FAULTS "/apis/lab.kubelab.dev/v1/faults"

/* What the API says of a request that it refused: the message of its Status. */
static int refused(struct arena *a, int status, struct str reply)
{
    struct str text = json_get_str(json_parse(a, reply, NULL), "message");
    text = text.n ? text : reply;
    fprintf(stderr, "kubelab: " STR_FMT "\n", STR_ARG(text));
    return status == 400 || status == 422 ? EXIT_USAGE : EXIT_FAILED;
}

/* ---- list ---- */
static struct json *catalogue_json(struct arena *a)
{
    static const char *const values[] = { "text", "address", "duration", "number", "choice" };
    struct json *all = json_new_array(a);
    for (int t = 0; t < FAULT_TYPES; t++) {
        const struct fault_info *i = fault_info((enum fault_type)t);
        struct json *params = json_new_array(a);
        for (const struct fault_param *p = i->params; p < i->params + FAULT_PARAMS_MAX && p->name; p++)
            json_append(params, json_buildf(a, "{'name':%s,'value':%s,'default':%s,'choices':%s,'help':%s}", p->name, values[p->value],
                                            p->dflt, p->choices, p->help));
        json_append(all, json_buildf(a, "{'type':%s,'what':%s,'seen':%s,'parameters':%j}", i->name, i->what, i->seen, params));
    }
    return all;
}

static void add_param(struct strbuf *out, struct arena *a, const struct fault_param *p)
{
    const char *shown = arena_printf(a, "%s=%s", p->name, p->dflt ? p->dflt : "...");
    strbuf_addf(out, "    %-22s %s%s%s%s\n", shown, p->help, p->choices ? ": " : "", p->choices ? p->choices : "",
                p->dflt ? "" : " (wanted)");
}

static void print_catalogue(struct arena *a)
{
    struct strbuf out;
    strbuf_init(&out, LIMIT_BODY_BYTES);
    for (int t = 0; t < FAULT_TYPES; t++) {
        const struct fault_info *i = fault_info((enum fault_type)t);
        strbuf_addf(&out, "%-21s %s\n", i->name, i->what);
        for (const struct fault_param *p = i->params; p < i->params + FAULT_PARAMS_MAX && p->name; p++)
            add_param(&out, a, p);
        strbuf_addf(&out, "    seen: %s\n", i->seen);
    }
    page_put(stdout, strbuf_str(&out), false);
    strbuf_deinit(&out);
}

static const char *spec_text(struct arena *a, const struct json *fault)
{
    const char *text = "";
    for (const struct json *p = json_first(json_path(fault, "spec.parameters")); p; p = json_next(p))
        text = arena_printf(a, "%s%s" STR_FMT "=" STR_FMT, text, *text ? " " : "", STR_ARG(json_key(p)), STR_ARG(json_str(p)));
    struct str duration = json_path_str(fault, "spec.duration");
    return duration.n ? arena_printf(a, "%s%sduration=" STR_FMT, text, *text ? " " : "", STR_ARG(duration)) : text;
}

static void print_faults(struct arena *a, const struct json *items)
{
    static const char *const heads[] = { "NAME", "TYPE", "PHASE", "SINCE", "PARAMETERS" };
    struct host_table t = { .columns = ARRAY_LEN(heads) };
    for (size_t i = 0; i < ARRAY_LEN(heads); i++)
        host_table_add(a, &t, str_c(heads[i]));
    for (const struct json *f = json_first(items); f; f = json_next(f)) {
        host_table_add(a, &t, json_path_str(f, "metadata.name"));
        host_table_add(a, &t, json_path_str(f, "spec.type"));
        host_table_add(a, &t, json_path_str(f, "status.phase"));
        host_table_add(a, &t, json_path_str(f, "status.since"));
        host_table_add(a, &t, str_c(spec_text(a, f)));
    }
    if (json_len(items))
        host_table_print(&t, 0, 3, false);
    else
        printf("No faults.\n");
    printf("\nWhat there is to inject, with its parameters and their defaults:\n\n");
}

/* The catalogue is the program's; whether a cluster runs decides only whether its faults can be told. */
static int fault_list(struct arena *a, struct options *o, const struct labs_ops *ops)
{
    int status = 0;
    struct str reply = STR_NULL;
    struct err err = { 0 };
    bool reached = ops->api(ops->ctx, a, "GET", FAULTS, NULL, NULL, &status, &reply, &err);
    struct json *items = reached && status == 200 ? json_get(json_parse(a, reply, NULL), "items") : NULL;
    if (o->json) {
        struct json *all = json_buildf(a, "{'catalogue':%j,'faults':%j}", catalogue_json(a), items ? json_copy(a, items) : NULL);
        struct strbuf out;
        strbuf_init(&out, LIMIT_RESPONSE_BYTES);
        json_write(&out, all, JSON_PRETTY);
        printf(STR_FMT "\n", STR_ARG(strbuf_str(&out)));
        strbuf_deinit(&out);
        return EXIT_DONE;
    }
    if (items)
        print_faults(a, items);
    print_catalogue(a);
    err_clear(&err);
    return EXIT_DONE;
}

/* ---- inject ---- */
static bool fault_words(struct arena *a, struct options *o, struct json *fault, struct err *err)
{
    struct json *spec = json_ensure(a, fault, "spec"), *meta = json_ensure(a, fault, "metadata");
    for (int i = 2; i < o->arg_count; i++) {
        struct str key, value;
        if (!str_cut(str_c(o->args[i]), '=', &key, &value) || !key.n)
            return err_set(err, ERR_USAGE, "\"%s\" is no parameter: write it as NAME=VALUE", o->args[i]);
        if (str_eqc(key, "name"))
            json_set_str(a, meta, "name", value);
        else if (str_eqc(key, "duration"))
            json_set_str(a, spec, "duration", value);
        else
            json_setn(a, json_ensure(a, spec, "parameters"), key, json_new_str(a, value));
    }
    return true;
}

static int fault_inject(struct arena *a, struct options *o, const struct labs_ops *ops)
{
    struct err err = { 0 };
    struct str reply;
    int status;
    struct json *fault = json_buildf(a, "{'apiVersion':'lab.kubelab.dev/v1','kind':'Fault','metadata':{'name':%s},'spec':{'type':%s}}",
                                     o->args[1], o->args[1]);
    if (!fault_words(a, o, fault, &err) || !ops->api(ops->ctx, a, "POST", FAULTS, NULL, fault, &status, &reply, &err))
        return control_fail(&err);
    if (status != 201)
        return refused(a, status, reply);
    struct str name = json_path_str(fault, "metadata.name");
    printf("fault " STR_FMT " injected; it is taken back by: kubelab fault clear " STR_FMT "\n", STR_ARG(name), STR_ARG(name));
    return EXIT_DONE;
}

/* ---- clear ---- */
static int fault_clear(struct arena *a, struct options *o, const struct labs_ops *ops)
{
    struct err err = { 0 };
    struct str reply;
    int status;
    for (int i = 1; i < o->arg_count; i++) {
        const char *path = arena_printf(a, FAULTS "/" STR_FMT, STR_ARG(percent_encode(a, str_c(o->args[i]))));
        if (!ops->api(ops->ctx, a, "DELETE", path, NULL, NULL, &status, &reply, &err))
            return control_fail(&err);
        if (status != 200)
            return refused(a, status, reply);
        printf("fault %s cleared\n", o->args[i]);
    }
    return EXIT_DONE;
}

static const struct { const char *verb; int words, words_max; int (*run)(struct arena *a, struct options *o,
                                                                         const struct labs_ops *ops); } verbs[] = {
    { "list", 1, 1, fault_list }, { "inject", 2, 64, fault_inject }, { "clear", 2, 64, fault_clear },
};

int cmd_fault(struct options *o)
{
    struct arena *a = arena_new();
    const char *verb = o->arg_count ? o->args[0] : "list";
    int status = EXIT_USAGE, words = o->arg_count ? o->arg_count : 1;
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (strcmp(verb, verbs[i].verb) == 0 && words >= verbs[i].words && words <= verbs[i].words_max) {
            status = verbs[i].run(a, o, labs_ops_new(a, o, NULL));
            arena_free(a);
            return status;
        }
    arena_free(a);
    return command_misused("fault");
}
