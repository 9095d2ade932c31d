/* sim/cmd/lab.c - `kubelab lab`: the labs of the binary (labs/catalog.c): their list, files, checks and hints, and beginning one. */
#include "labs/labs.h"
#include "sim/cmd/cmd.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int lab_list(struct options *o, const struct lab *lab)
{
    (void)o;
    (void)lab;
    size_t cursor = 0;
    for (const struct lab *l; (l = lab_next(&cursor));)
        printf("%-7s %s\n", l->name, l->title);
    return EXIT_DONE;
}

static int lab_files(struct options *o, const struct lab *lab)
{
    struct err err = { 0 };
    return lab_files_write(lab, o->args[2], o->all, &err) ? EXIT_DONE : control_fail(&err);
}

static int lab_start(struct options *o, const struct lab *lab)
{
    struct options up = { .data = o->data, .detach = true, .port = -1, .kubelet_port = -1, .lab = lab->name };
    struct arena *a = arena_new();
    struct err err = { 0 };
    struct control_reply reply;
    int status = EXIT_DONE;
    if (!control_call(a, o, "GET", "/status", STR_NULL, NULL, NULL, &reply, &err)) {
        status = cmd_up(&up);
    } else if (!str_eqc(json_get_str(json_parse(a, reply.body, NULL), "lab"), lab->name)) {
        fprintf(stderr, "kubelab: another cluster runs in this data folder: stop it with 'kubelab down', or name another folder with --data\n");
        status = EXIT_FAILED;
    }
    if (status == EXIT_DONE)
        printf("%s is ready: %s\n  kubelab shell %s            a shell on the lab's host\n  kubelab lab files %s DIR    what the lab gives\n"
               "  kubelab lab check %s        what is done, and what is not\n  kubelab lab hint %s         a hint for the first step that is not\n",
               lab->label, lab->title, lab->name, lab->name, lab->name, lab->name);
    err_clear(&err);
    arena_free(a);
    return status;
}

static bool step_known(const struct lab *lab, const char *step)
{
    if (!step || lab_step_find(lab, step))
        return true;
    fprintf(stderr, "kubelab: %s has no step \"%s\"; it has", lab->name, step);
    for (const struct lab_step *st = lab->steps; st; st = st->next)
        fprintf(stderr, " %s", st->id);
    fprintf(stderr, "\n");
    return false;
}

static int lab_check(struct options *o, const struct lab *lab)
{
    struct arena *a = arena_new();
    struct err err = { 0 };
    struct check_report r;
    struct strbuf out;
    strbuf_init(&out, LIMIT_BODY_BYTES);
    int status = EXIT_USAGE;
    if (step_known(lab, o->step)) {
        bool ok = checks_run(a, labs_ops_new(a, o, NULL), lab, o->step, NULL, &r, &err);
        status = !ok ? control_fail(&err) : r.passed == r.n ? EXIT_DONE : EXIT_FAILED;
        if (ok && o->output && strcmp(o->output, "json") == 0) {
            json_write(&out, check_report_json(a, &r), JSON_PRETTY | JSON_NO_HTML_ESCAPE);
            strbuf_addch(&out, '\n');
        } else if (ok) {
            check_report_text(&r, &out);
        }
    }
    fwrite(out.p ? out.p : "", 1, out.n, stdout);
    strbuf_deinit(&out);
    err_clear(&err);
    arena_free(a);
    return status;
}

/* ---- hints: one at a time, the next at the next question. How many were given of each step is kept in the data folder. ---- */
static const struct lab_step *first_unfinished(const struct check_report *r)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->v[i].state != CHECK_PASSED)
            return r->v[i].step;
    return NULL;
}

static void give_hint(struct arena *a, const struct options *o, const struct lab *lab, const struct lab_step *step)
{
    const char *path = data_path(a, o, "hints.json"), *key = arena_printf(a, "%s/%s", lab->name, step->id);
    struct str text = STR_NULL;
    struct json *given = file_read(path, 65536, a, &text, NULL) ? json_parse(a, text, NULL) : NULL;
    if (!json_is(given, JSON_OBJECT))
        given = json_new_object(a);
    int64_t n = json_get_int(given, key, 0), all = (int64_t)json_len(step->hints);
    if (n < 0 || n >= all)
        n = all ? all - 1 : 0;
    if (!all) {
        printf("%s: there is no hint for \"%s\"; 'kubelab lab check %s --step %s' says what is missing\n", step->id, step->title, lab->name, step->id);
        return;
    }
    struct str hint = json_str(json_at(step->hints, (size_t)n));
    printf("%s, hint %" PRId64 " of %" PRId64 ": " STR_FMT "\n", step->id, n + 1, all, STR_ARG(hint));
    struct err err = { 0 };
    json_set_int(a, given, key, n + 1);
    if (!file_write(path, json_text(a, given), 0600, &err))    /* it will be given again: no reason to fail */
        log_msg(LOG_WARN, "lab", "%s", err.msg);
    err_clear(&err);
}

static int lab_hint(struct options *o, const struct lab *lab)
{
    struct arena *a = arena_new();
    struct err err = { 0 };
    struct check_report r;
    int status = EXIT_DONE;
    const struct lab_step *step = o->step ? lab_step_find(lab, o->step) : NULL;
    if (!step_known(lab, o->step))
        status = EXIT_USAGE;
    else if (!step && !checks_run(a, labs_ops_new(a, o, NULL), lab, NULL, NULL, &r, &err))
        status = control_fail(&err);
    else if (!step && !(step = first_unfinished(&r)))
        printf("every check of %s passes: there is nothing to hint at\n", lab->name);
    else
        give_hint(a, o, lab, step);
    err_clear(&err);
    arena_free(a);
    return status;
}

static int lab_perform(struct options *o, const struct lab *lab) { return lab_play(o, lab->name); }

static const struct verb { const char *name; int words; int (*run)(struct options *o, const struct lab *lab); } verbs[] = {
    { "list", 1, lab_list }, { "start", 2, lab_start }, { "files", 3, lab_files }, { "check", 2, lab_check }, { "hint", 2, lab_hint }, { "play", 2, lab_perform },
};

int cmd_lab(struct options *o)
{
    const char *verb = o->arg_count ? o->args[0] : "", *name = o->arg_count > 1 ? o->args[1] : "";
    const struct lab *lab = lab_find(name);
    if (*name && !lab) {
        fprintf(stderr, "kubelab: there is no lab \"%s\"; 'kubelab lab list' names them\n", name);
        return EXIT_USAGE;
    }
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (strcmp(verb, verbs[i].name) == 0 && o->arg_count == verbs[i].words)
            return verbs[i].run(o, lab);
    fprintf(stderr, "usage: kubelab lab list | start NAME | files NAME DIR [--all] | check NAME [--step S] [-o json] | hint NAME [--step S] | play NAME\n");
    return EXIT_USAGE;
}
