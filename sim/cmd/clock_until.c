/* sim/cmd/clock_until.c - `kubelab clock until EXPRESSION`: the clock goes on, a virtual second at a time, until a jq expression
 * holds over the document that checks look at (labs/README.md), or for as long as --timeout says.
 */
#include "labs/labs.h"
#include "sim/cmd/cmd.h"

#include <stdio.h>

#define STEP_NS ((int64_t)NS_PER_S)
#define TIMEOUT_DEFAULT "10m"

struct until { struct arena *a; const struct labs_ops *ops; struct predicate_set *set; const char *lab; int64_t timeout_ns;
               struct predicate_result last; };

static const char *lab_name(struct arena *a, const struct options *o, struct err *err)
{
    struct control_reply reply;
    if (!control_call(a, o, "GET", "/status", STR_NULL, NULL, NULL, &reply, err))
        return NULL;
    struct str lab = json_get_str(json_parse(a, reply.body, NULL), "lab");
    return lab.n ? arena_cstr(a, lab) : NULL;
}

/* *holds at this moment? False: the cluster could not be asked. */
static bool look(struct until *u, bool *holds, struct err *err)
{
    struct arena *scratch = arena_new();
    struct document_of of = { .lab = u->lab };
    struct str document = document_make(scratch, u->ops, &of, err);
    if (document.n)
        u->last = predicate_set_eval_one(u->set, u->a, document, 0);
    *holds = u->last.verdict == PREDICATE_TRUE;
    arena_free(scratch);
    return document.n > 0;
}

static bool step_until(struct until *u, bool *holds, struct err *err)
{
    for (int64_t left = u->timeout_ns;; left -= STEP_NS) {
        if (!look(u, holds, err))
            return false;
        if (*holds || left <= 0 || u->last.verdict == PREDICATE_LIMIT)
            return true;
        if (!u->ops->advance(u->ops->ctx, left < STEP_NS ? left : STEP_NS, err))
            return false;
    }
}

static int tell(struct until *u, const char *text, bool holds, struct err *err)
{
    int64_t now;
    if (holds && u->ops->now(u->ops->ctx, &now, err)) {
        printf(STR_FMT "\n", STR_ARG(time_rfc3339(u->a, now)));
        return EXIT_DONE;
    }
    if (holds)
        return control_fail(err);
    if (u->last.verdict == PREDICATE_FALSE)
        fprintf(stderr, "kubelab: within " STR_FMT " it never held: %s\n", STR_ARG(duration_go(u->a, u->timeout_ns)), text);
    else
        fprintf(stderr, "kubelab: it could not be judged: " STR_FMT ": %s\n", STR_ARG(u->last.text), text);
    return EXIT_FAILED;
}

int clock_until(struct options *o)
{
    struct until u = { .a = arena_new() };
    struct err err = { 0 };
    const char *timeout = o->timeout ? o->timeout : TIMEOUT_DEFAULT, *text = o->arg_count == 2 ? o->args[1] : "";
    bool holds = false;
    int status;
    if (!*text) {
        status = command_misused("clock");
    } else if (!duration_parse_go(str_c(timeout), &u.timeout_ns) || u.timeout_ns < 0) {
        err_set(&err, ERR_USAGE, "--timeout is a duration like 90s or 10m, not \"%s\"", timeout);
        status = control_fail(&err);
    } else if (!(u.set = predicate_set_new(&text, 1, NULL, &err)) || !predicate_set_ready(u.set, NULL, &err)) {
        fprintf(stderr, "kubelab: this is no jq expression: %s\n", err.msg);
        status = err.code == ERR_PARSE ? EXIT_USAGE : EXIT_INTERNAL;
    } else {
        u.ops = labs_ops_new(u.a, o, NULL);
        u.lab = lab_name(u.a, o, &err);
        status = !err.code && step_until(&u, &holds, &err) ? tell(&u, text, holds, &err) : control_fail(&err);
    }
    predicate_set_free(u.set);
    err_clear(&err);
    arena_free(u.a);
    return status;
}
