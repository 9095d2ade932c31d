/* sim/cmd/hpa_why.c - `kubelab hpa why NAMESPACE/NAME`: why the autoscaler did what it did at its last pass, or the last one at
 * or before --at.
 *
 * What is told is what the running autoscaler noted as it computed (hpa/note.c, kept by look_notes.c): nothing is computed here,
 * and nothing is guessed.
 */
#include "sim/cmd/host.h"

#include <stdio.h>

enum { GROUPS_MAX = 200 };

/* ---- when ---- */
/* RFC 3339, or a duration: so long ago. */
static bool read_at(struct arena *a, const struct options *o, int64_t *at_s, struct err *err)
{
    int64_t ns, now;
    struct control_reply reply;
    *at_s = INT64_MAX;
    if (!o->at)
        return true;
    if (time_parse_rfc3339(str_c(o->at), &ns)) {
        *at_s = ns / (int64_t)NS_PER_S;
        return true;
    }
    if (!duration_parse_go(str_c(o->at), &ns) || ns < 0)
        return err_set(err, ERR_USAGE, "--at is a time like 2020-01-24T23:04:30Z, or how long ago, like 90s: not \"%s\"", o->at);
    if (!control_call(a, o, "GET", "/status", STR_NULL, NULL, NULL, &reply, err))
        return false;
    if (!time_parse_rfc3339(json_path_str(json_parse(a, reply.body, NULL), "clock.now"), &now))
        return err_set(err, ERR_INTERNAL, "the cluster does not say what time it is");
    *at_s = (now - ns) / (int64_t)NS_PER_S;
    return true;
}

static struct json *read_note(struct arena *a, const struct options *o, const char *name, struct err *err)
{
    struct control_reply reply;
    int64_t at_s;
    if (!read_at(a, o, &at_s, err))
        return NULL;
    const char *at = o->at ? arena_printf(a, "&at=%" PRId64, at_s) : "";
    if (!control_call(a, o, "GET", arena_printf(a, "/hpa/why?name=" STR_FMT "%s", STR_ARG(percent_encode(a, str_c(name))), at),
                      STR_NULL, NULL, NULL, &reply, err))
        return NULL;
    struct json *note = json_parse(a, reply.body, NULL);
    if (json_is(note, JSON_OBJECT))
        return note;
    err_set(err, ERR_NOT_FOUND,
            "no pass over an autoscaler %s is known%s%s: 'kubectl get hpa -A' lists those there are; one is first looked at 15 s "
            "after it was made, and the last 2000 passes are kept",
            name, o->at ? " at or before " : "", o->at ? o->at : "");
    return NULL;
}

/* ---- what it saw ---- */
static struct str time_of_day(struct arena *a, int64_t seconds)
{
    return str_sub(time_rfc3339(a, seconds * (int64_t)NS_PER_S), strlen("2020-01-24T"), strlen("2020-01-24T23:04:30"));
}

static struct str milli_cell(struct arena *a, const struct json *n)
{
    return json_is(n, JSON_INT) ? arena_strf(a, "%" PRId64 "m", json_int(n, 0)) : STR("-");
}

static struct str sample_cell(struct arena *a, const struct json *pod)
{
    struct str at = json_get_str(pod, "sampled");
    int64_t window = json_get_int(pod, "windowSeconds", 0);
    if (!at.n)
        return STR("-");
    at = str_sub(at, strlen("2020-01-24T"), strlen("2020-01-24T23:04:30"));
    return window ? arena_strf(a, STR_FMT ", over %" PRId64 "s", STR_ARG(at), window) : at;
}

static void print_pods(struct arena *a, const struct json *pods)
{
    static const char *const heads[] = { "    POD", "USAGE", "REQUEST", "USE", "SAMPLED", "COUNTS" };
    struct host_table t = { .columns = ARRAY_LEN(heads) };
    for (size_t i = 0; i < ARRAY_LEN(heads); i++)
        host_table_add(a, &t, str_c(heads[i]));
    for (const struct json *p = json_first(pods); p; p = json_next(p)) {
        const struct json *percent = json_get(p, "percent");
        struct str state = json_get_str(p, "state"), because = json_get_str(p, "because");
        const struct str cells[] = {
            arena_strf(a, "    " STR_FMT, STR_ARG(json_get_str(p, "name"))), milli_cell(a, json_get(p, "usageMilli")),
                milli_cell(a, json_get(p, "requestMilli")),
            json_is(percent, JSON_INT) ? arena_strf(a, "%" PRId64 "%%", json_int(percent, 0)) : STR("-"), sample_cell(a, p),
            str_eqc(state, "counted") ? STR("yes") : arena_strf(a, "no, " STR_FMT ": " STR_FMT, STR_ARG(state), STR_ARG(because)),
        };
        for (size_t i = 0; i < ARRAY_LEN(cells); i++)
            host_table_add(a, &t, cells[i]);
    }
    if (json_len(pods))
        host_table_print(&t, 0, 3, false);
    else
        printf("    there are no pods\n");
}

static void print_metrics(struct arena *a, const struct json *metrics)
{
    size_t i = 0;
    for (const struct json *m = json_first(metrics); m; m = json_next(m)) {
        struct str type = json_get_str(m, "type"), resource = json_get_str(m, "resource"), error = json_get_str(m, "error");
        const struct json *target = json_get(m, "targetPercent");
        printf("\nMetric %zu: " STR_FMT "%s" STR_FMT, ++i, STR_ARG(type), resource.n ? " " : "", STR_ARG(resource));
        if (json_is(target, JSON_INT))
            printf(", to be %" PRId64 "%% of what the pods request", json_int(target, 0));
        printf("\n");
        if (error.n)
            printf("    no answer: " STR_FMT "\n", STR_ARG(error));
        if (json_get(m, "pods"))
            print_pods(a, json_get(m, "pods"));
        else if (json_get(m, "valueMilli"))
            printf("    its value: " STR_FMT "\n", STR_ARG(milli_cell(a, json_get(m, "valueMilli"))));
    }
}

/* ---- what it made of that ---- */
/* Runs of the same number in one line. */
static void print_recommendations(struct arena *a, const struct json *all)
{
    const struct json *first = json_first(all), *last = first;
    size_t n = 1, lines = 0;
    if (first)
        printf("\nRecommendations that count (the highest holds a scale-down back):\n");
    for (const struct json *r = first ? json_next(first) : NULL; first && lines < GROUPS_MAX; r = r ? json_next(r) : NULL) {
        int64_t replicas = json_get_int(first, "replicas", 0);
        if (r && json_get_int(r, "replicas", 0) == replicas) {
            last = r;
            n++;
            continue;
        }
        struct str from = time_of_day(a, json_get_int(first, "seconds", 0)), to = time_of_day(a, json_get_int(last, "seconds", 0));
        printf("    %3" PRId64 "   " STR_FMT, replicas, STR_ARG(from));
        if (n > 1)
            printf(" to " STR_FMT ", %zu times", STR_ARG(to), n);
        printf("\n");
        first = last = r;
        n = 1;
        lines++;
    }
}

static void print_lines(const char *title, const struct json *lines)
{
    printf("\n%s\n", title);
    for (const struct json *l = json_first(lines); l; l = json_next(l))
        printf("    " STR_FMT "\n", STR_ARG(json_str(l)));
}

static void print_conditions(struct arena *a, const struct json *conditions)
{
    struct host_table t = { .columns = 4 };
    static const char *const keys[] = { "type", "status", "reason", "message" };
    for (const struct json *c = json_first(conditions); c; c = json_next(c))
        for (size_t i = 0; i < ARRAY_LEN(keys); i++)
            host_table_add(a, &t, i ? json_get_str(c, keys[i]) : arena_strf(a, "    " STR_FMT, STR_ARG(json_get_str(c, keys[i]))));
    printf("\nConditions:\n");
    host_table_print(&t, 0, 3, false);
}

static const char *outcome(struct arena *a, const struct json *note)
{
    int64_t current = json_get_int(note, "current", 0), desired = json_get_int(note, "desired", 0);
    struct str error = json_get_str(note, "error"), reason = json_get_str(note, "reason");
    if (json_get_bool(note, "rescaled", false))
        return arena_printf(a, "scaled from %" PRId64 " to %" PRId64 ": " STR_FMT, current, desired, STR_ARG(reason));
    if (error.n)
        return arena_printf(a, "nothing was changed: " STR_FMT, STR_ARG(error));
    return arena_printf(a, "stayed at %" PRId64, current);
}

static void print_note(struct arena *a, const char *name, const struct json *note)
{
    printf("%s at " STR_FMT ": %s\n", name, STR_ARG(json_get_str(note, "time")), outcome(a, note));
    printf("    scales " STR_FMT " between %" PRId64 " and %" PRId64 "; it had %" PRId64 "; a ratio within %g of 1 changes "
                                                                                         "nothing\n", STR_ARG(json_get_str(note,
                                                                                                 "reference")),
           json_get_int(note, "min", 0), json_get_int(note, "max", 0), json_get_int(note, "current", 0),
           json_double(json_get(note, "tolerance"), 0));
    print_metrics(a, json_get(note, "metrics"));
    print_lines("Step by step:", json_get(note, "steps"));
    print_recommendations(a, json_get(note, "recommendations"));
    print_conditions(a, json_get(note, "conditions"));
}

static void print_json(const struct json *note)
{
    struct strbuf out;
    strbuf_init(&out, LIMIT_BODY_BYTES);
    json_write(&out, note, JSON_PRETTY | JSON_NO_HTML_ESCAPE);
    printf(STR_FMT "\n", STR_ARG(strbuf_str(&out)));
    strbuf_deinit(&out);
}

static bool is_name(const char *text)
{
    struct str ns, name;
    return str_cut(str_c(text), '/', &ns, &name) && ns.n && name.n && str_chr(name, '/') < 0;
}

int hpa_why(struct options *o)
{
    struct arena *a = arena_new();
    struct err err = { 0 };
    const char *name = o->arg_count == 2 ? o->args[1] : "";
    int status = EXIT_DONE;
    if (!is_name(name)) {
        arena_free(a);
        return command_misused("hpa");
    }
    const struct json *note = read_note(a, o, name, &err);
    if (!note)
        status = control_fail(&err);
    else if (o->json)
        print_json(note);
    else
        print_note(a, name, note);
    if (err.code == ERR_NOT_FOUND)
        status = EXIT_FAILED;
    err_clear(&err);
    arena_free(a);
    return status;
}
