/* sim/cmd/sandbox_command.c - `kubelab sandbox [SCRIPT]`: a script run as a submission is, on the running cluster; without one,
 * what could be had here. */
#include "labs/labs.h"
#include "sim/cmd/sandbox.h"

#include <stdio.h>

static void print_measures(const struct sandbox_result *r, FILE *out)
{
    fprintf(out, "level       %s\n", sandbox_level_name(r->level));
    for (const struct json *m = json_first(r->measures); m; m = json_next(m)) {
        struct str name = json_get_str(m, "name"), why = json_get_str(m, "why");
        fprintf(out, "%-11.*s %s" STR_FMT "\n", STR_ARG(name), json_get_bool(m, "on", false) ? "on" : "off: ", STR_ARG(why));
    }
}

static void print_json(struct arena *a, const struct sandbox_result *r)
{
    static const char *const ends[] = { "", "virtual", "wall", "cpu", "threads", "memory", "disk", "output", "interrupted", "broken" };
    struct json *j = json_buildf(a, "{'status':%d,'endedBy':%s,'why':%s,'output':%S,'outputCut':%b,'level':%s,'measures':%j}",
                                 (int64_t)r->status, ends[r->end], r->why,
                                 r->output, r->output_cut, sandbox_level_name(r->level), r->measures);
    printf(STR_FMT "\n", STR_ARG(json_text(a, j)));
}

/* The script by its own name, and what the cluster's lab gives, as the student has it. */
static bool fill_home(struct arena *a, const struct sandbox *box, const struct options *o, const char *script, struct err *err)
{
    struct str text;
    struct control_reply reply;
    if (!file_read(script, LIMIT_BODY_BYTES, a, &text, err) ||
        !control_call(a, o, "GET", "/status", STR_NULL, NULL, NULL, &reply, err))
        return false;
    struct str lab = json_get_str(json_parse(a, reply.body, NULL), "lab");
    const struct lab *l = lab.n ? lab_find(arena_cstr(a, lab)) : NULL;
    return (!l || lab_files_write(l, box->home, true, err)) &&
           file_write(arena_printf(a, "%s/%s", box->home, path_base(script)), text, 0755, err);
}

static int conclude(const struct options *o, struct arena *a, const struct sandbox_result *r)
{
    if (o->json) {
        print_json(a, r);
    } else {
        fwrite(r->output.p, 1, r->output.n, stdout);
        fflush(stdout);
        if (r->output_cut)
            fprintf(stderr, "kubelab: it printed more than this\n");
        if (r->end != SANDBOX_ENDED)
            fprintf(stderr, "kubelab: %s\n", r->why);
    }
    return r->end == SANDBOX_BROKEN ? EXIT_INTERNAL : r->end != SANDBOX_ENDED ? EXIT_FAILED : r->status;
}

static int sandbox(struct arena *a, struct options *o, struct sandbox *box)
{
    struct err err = { 0 };
    struct sandbox_result r;
    struct sandbox_job job = { .cluster = o };
    struct sandbox_limits limits = sandbox_limits_default;
    if (o->require_sandbox && !sandbox_level_parse(str_c(o->require_sandbox), &job.require))
        err_set(&err, ERR_USAGE, "--require-sandbox is one of none, limits, confined and isolated, not \"%s\"", o->require_sandbox);
    else if (o->arg_count > 1)
        return command_misused("sandbox");
    else if (o->limits && !sandbox_limits_parse(str_c(o->limits), &limits, &err))
        return control_fail(&err);
    else if (!sandbox_open(a, box, &err))
        return control_fail(&err);
    if (err.code)
        return control_fail(&err);
    job.limits = &limits;
    if (o->arg_count == 0) {
        sandbox_probe(a, box, &job, &r);
        o->json ? print_json(a, &r) : print_measures(&r, stdout);
        return r.level >= job.require ? EXIT_DONE : EXIT_FAILED;
    }
    job.script = path_base(o->args[0]);
    if (fill_home(a, box, o, o->args[0], &err) && sandbox_run(a, box, &job, &r, &err))
        return conclude(o, a, &r);
    int status = err.code == ERR_NOT_FOUND ? EXIT_USAGE : control_fail(&err);
    if (err.code == ERR_NOT_FOUND)
        fprintf(stderr, "kubelab: %s\n", err.msg);
    return err.code == ERR_FORBIDDEN ? EXIT_FAILED : status;
}

int cmd_sandbox(struct options *o)
{
    struct arena *a = arena_new();
    struct sandbox box = { 0 };
    int status = sandbox(a, o, &box);
    sandbox_close(&box);
    arena_free(a);
    return status;
}
