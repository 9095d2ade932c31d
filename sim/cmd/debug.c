/* sim/cmd/debug.c - debug: what a running cluster tells of itself that kubectl cannot ask: the digest of its state, the audit
 * trail, the last events, what the store holds, who watches what.
 *
 * The trail is fetched in pages over the control socket. With -o json each row goes out as it is, one Event of audit.k8s.io/v1 a
 * line, for jq; else as a table in kubectl's manner, whose widths are known only at the end.
 */
#include "sim/cmd/host.h"

#include <stdio.h>

/* ---- a row of the table ---- */
static struct str or_none(struct str s)
{
    return s.n ? s : STR("<none>");
}

/* Who acted, and for whom: "kubernetes-admin as jane". */
static struct str user_cell(struct arena *a, const struct json *event)
{
    struct str name = or_none(json_path_str(event, "user.username")), as = json_path_str(event, "impersonatedUser.username");
    return as.n ? arena_strf(a, STR_FMT " as " STR_FMT, STR_ARG(name), STR_ARG(as)) : name;
}

/* "deployments.apps/scale"; of what is no resource, the path. */
static struct str resource_cell(struct arena *a, const struct json *event)
{
    const struct json *ref = json_get(event, "objectRef");
    struct str group = json_get_str(ref, "apiGroup"), sub = json_get_str(ref, "subresource"), path = json_get_str(event, "requestURI");
    if (!ref)
        return str_token(&path, '?');
    return arena_strf(a, STR_FMT "%s" STR_FMT "%s" STR_FMT, STR_ARG(json_get_str(ref, "resource")), group.n ? "." : "", STR_ARG(group),
                      sub.n ? "/" : "", STR_ARG(sub));
}

/* "default/web1"; of several a star in the place of the name. */
static struct str name_cell(struct arena *a, const struct json *event)
{
    const struct json *ref = json_get(event, "objectRef");
    struct str ns = json_get_str(ref, "namespace"), name = json_get_str(ref, "name");
    if (!ref)
        return STR("<none>");
    if (!name.n)
        name = STR("*");
    if (!ns.n || str_eqc(json_get_str(ref, "resource"), "namespaces"))     /* whose requests name it twice */
        return name;
    return arena_strf(a, STR_FMT "/" STR_FMT, STR_ARG(ns), STR_ARG(name));
}

/* ---- the trail ---- */
struct trail {
    struct arena     *a;
    struct host_table table;
    bool              json;
    int64_t           last;            /* number of the last row seen */
    size_t            rows;            /* of the page */
};

static void add_row(struct trail *t, struct str event)
{
    struct arena *scratch = arena_new();
    const struct json *j = json_parse(scratch, event, NULL);
    struct str time = json_get_str(j, "requestReceivedTimestamp");
    struct str code = arena_strf(scratch, "%" PRId64, json_path_int(j, "responseStatus.code", 0));
    time = arena_strf(scratch, STR_FMT "Z", STR_ARG(str_sub(time, 0, strlen("2020-01-24T23:49:33"))));
    const struct str cells[] = { time, user_cell(scratch, j), json_get_str(j, "verb"), resource_cell(scratch, j),
                                 name_cell(scratch, j), code };
    for (size_t i = 0; i < ARRAY_LEN(cells); i++)
        host_table_add(t->a, &t->table, arena_str(t->a, cells[i]));
    arena_free(scratch);
}

static void add_page(struct trail *t, struct str page)
{
    for (t->rows = 0; page.n; t->rows++) {
        struct str line = str_token(&page, '\n'), number, event;
        str_cut(line, ' ', &number, &event);
        str_int(number, &t->last);
        if (t->json)
            printf(STR_FMT "\n", STR_ARG(event));
        else
            add_row(t, event);
    }
}

static bool debug_audit(struct arena *a, struct options *o, struct err *err)
{
    static const char *const heads[] = { "TIME", "USER", "VERB", "RESOURCE", "NAME", "CODE" };
    struct trail t = { .a = a, .table.columns = ARRAY_LEN(heads), .json = o->json };
    for (size_t i = 0; i < ARRAY_LEN(heads); i++)
        host_table_add(a, &t.table, str_c(heads[i]));
    do {
        struct arena *page = arena_new();
        struct control_reply reply = { 0 };
        bool ok = control_call(page, o, "GET", arena_printf(page, "/audit?after=%" PRId64, t.last), STR_NULL, NULL, NULL, &reply, err);
        if (ok)
            add_page(&t, reply.body);
        arena_free(page);
        if (!ok)
            return false;
    } while (t.rows);
    if (!t.json)
        host_table_print(&t.table, 0, 3, false);
    return true;
}

static bool debug_digest(struct arena *a, struct options *o, struct err *err)
{
    struct control_reply reply = { 0 };
    if (!control_call(a, o, "GET", "/digest", STR_NULL, NULL, NULL, &reply, err))
        return false;
    printf(STR_FMT, STR_ARG(reply.body));
    return true;
}

/* What comes as lines of cells with tabs between, as a table. */
static bool debug_table(struct arena *a, struct options *o, struct err *err)
{
    struct control_reply reply = { 0 };
    struct host_table table = { 0 };
    if (o->json)
        return err_set(err, ERR_USAGE, "debug %s prints a table; there is no -o json", o->args[0]);
    if (!control_call(a, o, "GET", arena_printf(a, "/debug/%s", o->args[0]), STR_NULL, NULL, NULL, &reply, err))
        return false;
    for (struct str rest = reply.body; rest.n;) {
        struct str line = str_token(&rest, '\n');
        size_t cells = 0;
        for (; line.p; cells++)
            host_table_add(a, &table, str_token(&line, '\t'));
        table.columns = cells;
    }
    host_table_print(&table, 0, 3, false);
    return true;
}

static const struct { const char *name; bool (*run)(struct arena *a, struct options *o, struct err *err); } subjects[] = {
    { "digest", debug_digest }, { "audit", debug_audit }, { "trace", debug_table }, { "objects", debug_table },
    { "watchers", debug_table },
};

int cmd_debug(struct options *o)
{
    struct arena *a = arena_new();
    struct err err = { 0 };
    size_t i = 0;
    while (i < ARRAY_LEN(subjects) && !(o->arg_count == 1 && strcmp(o->args[0], subjects[i].name) == 0))
        i++;
    int status = i == ARRAY_LEN(subjects) ? command_misused("debug") : subjects[i].run(a, o, &err) ? EXIT_DONE : control_fail(&err);
    arena_free(a);
    return status;
}
