/* sim/cmd/lab.c - `kubelab lab`: the labs of the binary (labs/catalog.c): their list, files, checks and hints, and beginning one. */
#include "labs/params.h"
#include "sim/cmd/profile.h"
#include "sim/loop/loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int lab_list(struct options *o, const struct lab *lab)
{
    (void)o;
    (void)lab;
    size_t cursor = 0;
    for (const struct lab *l; (l = lab_next(&cursor));)
        printf("%-9s %s\n", l->name, l->title);
    return EXIT_DONE;
}

static int lab_files(struct options *o, const struct lab *lab)
{
    struct err err = { 0 };
    return lab_files_write(lab, o->args[2], o->all, &err) ? EXIT_DONE : control_fail(&err);
}

/* The guide, or another page that lies beside it and that it leads to. */
static int lab_guide(struct options *o, const struct lab *lab)
{
    struct arena *a = arena_new();
    struct err err = { 0 };
    struct str text = STR_NULL;
    const char *page = o->arg_count > 2 ? o->args[2] : lab->guide;
    bool there = page && (page == lab->guide || str_ends(str_c(page), ".md")) && lab_file(lab->name, page).p;
    int status = EXIT_DONE;
    if (!page)
        err_set(&err, ERR_NOT_FOUND, "%s has no guide", lab->name);
    else if (!there)
        err_set(&err, ERR_USAGE, "the guide of %s has no page \"%s\"", lab->name, page);
    if (!there || !lab_text(a, lab, page, lab_file(lab->name, page), &text, &err))
        status = err.code == ERR_NOT_FOUND ? (control_fail(&err), EXIT_FAILED) : control_fail(&err);
    page_put(stdout, text, true);
    err_clear(&err);
    arena_free(a);
    return status;
}

static bool runs_here(struct arena *a, const struct options *o, const char *lab, bool *other)
{
    struct err err = { 0 };
    struct control_reply reply;
    bool runs = control_call(a, o, "GET", "/status", STR_NULL, NULL, NULL, &reply, &err);
    *other = runs && !str_eqc(json_get_str(json_parse(a, reply.body, NULL), "lab"), lab);
    err_clear(&err);
    return runs;
}

static void lab_say_ready(struct arena *a, const struct lab *lab)
{
    static const struct { const char *words, *what; } next[] = {
        { "shell %s", "a shell on the lab's host" }, { "lab guide %s", "what to do" }, { "lab files %s DIR", "what the lab gives" },
        { "lab check %s", "what is done, and what is not" }, { "lab hint %s", "a hint for the first step that is not" },
    };
    struct strbuf out;
    strbuf_init(&out, LIMIT_BODY_BYTES);
    struct str title = str_c(lab->title), label = str_c(lab->label);
    if (str_starts(title, lab->label) && str_starts(str_sub(title, label.n, title.n), ": "))       /* "Repair: ..." */
        title = str_sub(title, label.n + 2, title.n);
    strbuf_addf(&out, "%s is ready: " STR_FMT "\n", lab->label, STR_ARG(title));
    for (size_t i = 0; i < ARRAY_LEN(next); i++) {
        struct str before, after;
        str_cut(str_c(next[i].words), '%', &before, &after);
        const char *words = arena_printf(a, STR_FMT "%s" STR_FMT, STR_ARG(before), lab->name, STR_ARG(str_sub(after, 1, after.n)));
        strbuf_addf(&out, "  kubelab %-24s %s\n", words, next[i].what);
    }
    page_put(stdout, strbuf_str(&out), false);
    strbuf_deinit(&out);
}

static int lab_start(struct options *o, const struct lab *lab)
{
    struct options up = *o;
    struct arena *a = arena_new();
    struct scenario_choice choice;
    struct err err = { 0 };
    int status = EXIT_DONE;
    bool other;
    up.detach = true;
    up.arg_count = 0;
    up.lab = o->args[1];
    if (!variant_choose(a, o, &choice, &err)) {
        status = control_fail(&err);
    } else if (!runs_here(a, o, lab->name, &other)) {
        if (choice.student) {
            up.seed_given = true;
            up.seed = (uint64_t)params_variant(choice.key, choice.student, lab->name);
        }
        status = cmd_up(&up);
    } else if (other) {
        fprintf(stderr, "kubelab: another cluster runs in this data folder: stop it with 'kubelab down', or name another folder "
                        "with --data\n");
        status = EXIT_FAILED;
    }
    const struct lab *here = status == EXIT_DONE ? lab_of_cluster(a, o) : NULL;    /* with its values */
    lab = here ? here : lab;
    if (status == EXIT_DONE)
        lab_say_ready(a, lab);
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

/* The exit status for err, after its message; where no cluster runs also how this lab's is started. */
static int fail(const struct lab *lab, const struct err *err)
{
    int status = control_fail(err);
    if (status == EXIT_UNREACHABLE)
        fprintf(stderr, "For this lab that is: kubelab lab start %s\n", lab->name);
    return status;
}

/* False after a message: the data folder's cluster is of another lab, so that its state says nothing of this one's checks. A plain
 * cluster may be checked: a lab can be done on it. */
static bool cluster_may_be_of(struct arena *a, const struct options *o, const struct lab *lab)
{
    const struct lab *here = lab_of_cluster(a, o);
    if (!here || strcmp(here->name, lab->name) == 0)
        return true;
    fprintf(stderr, "kubelab: the cluster of this data folder is of %s, not of %s: name %s, or another folder with --data\n",
            here->name, lab->name, here->name);
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
    if (step_known(lab, o->step) && cluster_may_be_of(a, o, lab)) {
        bool ok = checks_run(a, labs_ops_new(a, o, NULL), lab, NULL, o->step, NULL, &r, &err);
        status = !ok ? fail(lab, &err) : r.passed == r.n ? EXIT_DONE : EXIT_FAILED;
        if (ok && o->json) {
            json_write(&out, check_report_json(a, &r), JSON_PRETTY | JSON_NO_HTML_ESCAPE);
            strbuf_addch(&out, '\n');
        } else if (ok) {
            check_report_text(&r, &out);
            if (lab->explanation && !o->step && r.passed == r.n)
                strbuf_addf(&out, "%s\n", lab->explanation);
        }
    }
    page_put(stdout, strbuf_str(&out), false);
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
        printf("%s: there is no hint for \"%s\"; 'kubelab lab check %s --step %s' says what is missing\n", step->id, step->title,
               lab->name, step->id);
        return;
    }
    struct str hint = json_str(json_at(step->hints, (size_t)n));
    struct str line = arena_strf(a, "%s, hint %" PRId64 " of %" PRId64 ": " STR_FMT "\n", step->id, n + 1, all, STR_ARG(hint));
    page_put(stdout, line, false);
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
    if (!step_known(lab, o->step) || !cluster_may_be_of(a, o, lab))
        status = EXIT_USAGE;
    else if (!step && !checks_run(a, labs_ops_new(a, o, NULL), lab, NULL, NULL, NULL, &r, &err))
        status = fail(lab, &err);
    else if (!step && !(step = first_unfinished(&r)))
        printf("every check of %s passes: there is nothing to hint at\n", lab->name);
    else
        give_hint(a, o, lab, step);
    err_clear(&err);
    arena_free(a);
    return status;
}

static int lab_perform(struct options *o, const struct lab *lab) { return lab_play(o, lab->name); }

enum values { VALUES_NONE, VALUES_DRAWN, VALUES_OF_CLUSTER };
static const struct verb {
    const char *name;
    int words, words_max;              /* with the verb itself */
    enum values values;
    int (*run)(struct options *o, const struct lab *lab);
} verbs[] = {
    { "list", 1, 1, VALUES_NONE, lab_list }, { "start", 2, 2, VALUES_NONE, lab_start }, { "files", 3, 3, VALUES_DRAWN, lab_files },
    { "guide", 2, 3, VALUES_DRAWN, lab_guide }, { "check", 2, 2, VALUES_OF_CLUSTER, lab_check },
    { "hint", 2, 2, VALUES_OF_CLUSTER, lab_hint }, { "play", 2, 2, VALUES_NONE, lab_perform },
    { "test", 2, 2, VALUES_NONE, lab_test }, { "pack", 2, 2, VALUES_NONE, lab_pack_file },
};

static const struct lab *draw_values(struct arena *a, const struct options *o, const struct lab *lab, struct err *err)
{
    struct scenario_choice choice;
    struct json *values;
    uint8_t seed[32];
    if (!variant_choose(a, o, &choice, err))
        return NULL;
    loop_seed_from_int(seed, (uint64_t)(choice.student ? params_variant(choice.key, choice.student, lab->name) : choice.seed));
    return params_draw(a, true, lab->parameters, seed, choice.set, &values, err) ? lab_choose(lab, values, err) : NULL;
}

/* The lab that a word names, with the values that belong to it: those of its cluster, where the data folder holds one; else, for
 * what needs no cluster, those of the seed or the student that are given. NULL with err set. */
static const struct lab *lab_wanted(struct arena *a, const struct options *o, const char *word, enum values values, struct err *err)
{
    const struct lab *here = values == VALUES_NONE ? NULL : lab_of_cluster(a, o);
    bool chosen = o->seed_given || o->student || o->key || o->set_count;
    if (here && strcmp(here->name, word) == 0 && !chosen)
        return here;
    const struct lab *lab = lab_open(word, err);
    if (!lab || !lab->parameters || values == VALUES_NONE)
        return lab;
    if (here && strcmp(here->name, lab->name) == 0 && !chosen)
        return lab_choose(lab, here->params, err);
    if (values == VALUES_DRAWN && chosen)
        return draw_values(a, o, lab, err);
    err_set(err, ERR_USAGE, "%s is different for everyone, and the data folder holds no cluster of it: start it with 'kubelab lab "
                            "start %s'%s", lab->name, word,
            values == VALUES_DRAWN ? ", or say whose it is: --student ID --key FILE, or --seed N" : "");
    return NULL;
}

static int run_verb(struct options *o, const struct verb *v)
{
    struct arena *a = arena_new();
    struct err err = { 0 };
    const struct lab *lab = v->words > 1 ? lab_wanted(a, o, o->args[1], v->values, &err) : NULL;
    if (err.code)
        fprintf(stderr, "kubelab: %s\n", err.msg);
    int status = err.code ? EXIT_USAGE : v->run(o, lab);
    err_clear(&err);
    arena_free(a);
    return status;
}

int cmd_lab(struct options *o)
{
    const char *verb = o->arg_count ? o->args[0] : "";
    if (strcmp(verb, "new") == 0 && (o->arg_count == 2 || o->arg_count == 3))
        return lab_new(o);
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (strcmp(verb, verbs[i].name) == 0 && o->arg_count >= verbs[i].words && o->arg_count <= verbs[i].words_max)
            return run_verb(o, &verbs[i]);
    return command_misused("lab");
}
