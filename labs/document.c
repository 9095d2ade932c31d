/* labs/document.c - the one document that checks and conditions look at: what is, and what happened, as the API tells it.
 *
 * Everything that can be listed is found by discovery and listed once, each group in its preferred version, so a check sees what `kubectl get` would show
 * an administrator. Keys: a resource of the core group by its plural ("pods"), others with their group ("deployments.apps"). Lists are the API's,
 * in its order (by name). An API that does not answer (a metrics server that is down) is left out: a check sees null there.
 *
 * `audit` is an empty list: the cluster's trail (GET /audit on the control socket, in pages) is not wired to it yet. Whoever does that gives labs_ops a
 * function for it, fills it in sim/cmd/labs_ops.c, and calls it in document_make.
 */
#include "labs/labs.h"

struct maker {
    struct arena *a;
    const struct labs_ops *ops;
    struct json  *objects;
    struct err   *err;
};

/* The body of a GET, or NULL: the API said no (*ok stays true), or nobody answered (false). */
static struct json *ask(struct maker *m, const char *path, bool *ok)
{
    int status = 0;
    struct str reply;
    if (!*ok || !(*ok = m->ops->api(m->ops->ctx, m->a, "GET", path, NULL, NULL, &status, &reply, m->err)))
        return NULL;
    return status == 200 ? json_parse(m->a, reply, NULL) : NULL;
}

/* A collection's objects, or NULL. */
static struct json *items_of(struct maker *m, const char *path, bool *ok)
{
    struct json *list = ask(m, path, ok);
    return list ? json_remove(list, "items") : NULL;
}

static bool has_verb(const struct json *resource, const char *verb)
{
    for (const struct json *v = json_first(json_get(resource, "verbs")); v; v = json_next(v))
        if (str_eqc(json_str(v), verb))
            return true;
    return false;
}

/* Events have a place of their own, metrics too; the statuses of components are older than health checks, and no objects. */
static bool is_apart(struct str group, struct str resource)
{
    return str_eqc(group, "metrics.k8s.io") || str_eqc(group, "events.k8s.io") || str_eqc(resource, "events") || str_eqc(resource, "componentstatuses");
}

static bool add_group(struct maker *m, struct str group, struct str group_version)
{
    const char *base = group.n ? arena_printf(m->a, "/apis/" STR_FMT, STR_ARG(group_version)) : "/api/v1";
    bool ok = true;
    const struct json *list = ask(m, base, &ok);
    for (const struct json *r = json_first(json_get(list, "resources")); r && ok; r = json_next(r)) {
        struct str name = json_get_str(r, "name");
        if (is_apart(group, name) || str_chr(name, '/') >= 0 || !has_verb(r, "list"))
            continue;
        struct json *items = items_of(m, arena_printf(m->a, "%s/" STR_FMT, base, STR_ARG(name)), &ok);
        struct str key = group.n ? arena_strf(m->a, STR_FMT "." STR_FMT, STR_ARG(name), STR_ARG(group)) : name;
        if (items)
            json_setn(m->a, m->objects, key, items);
    }
    return ok;
}

static bool add_objects(struct maker *m)
{
    bool ok = add_group(m, STR_NULL, STR_NULL);
    const struct json *groups = json_get(ask(m, "/apis", &ok), "groups");
    for (const struct json *g = json_first(groups); g && ok; g = json_next(g))
        ok = add_group(m, json_get_str(g, "name"), json_path_str(g, "preferredVersion.groupVersion"));
    return ok;
}

/* ---- the autoscalers: what they want, and what they decided ---- */
/* "New size: 4; reason: cpu resource utilization (percentage of request) above target" */
static struct json *decision(struct arena *a, const struct json *event)
{
    struct str size, reason, message = json_get_str(event, "message");
    int64_t n;
    if (!str_eqc(json_get_str(event, "reason"), "SuccessfulRescale") || !str_starts(message, "New size: "))
        return NULL;
    str_cut(str_sub(message, strlen("New size: "), message.n), ';', &size, &reason);
    if (!str_int(size, &n))
        return NULL;
    if (str_starts(reason, " reason: "))
        reason = str_sub(reason, strlen(" reason: "), reason.n);
    return json_buildf(a, "{'first':%S,'last':%S,'count':%d,'size':%d,'reason':%S}", json_get_str(event, "firstTimestamp"), json_get_str(event, "lastTimestamp"),
                       json_get_int(event, "count", 1), n, reason);
}

static struct json *decisions_of(struct arena *a, const struct json *events, struct str ns, struct str name)
{
    struct json *all = json_new_array(a);
    for (const struct json *e = json_first(events); e; e = json_next(e)) {
        const struct json *about = json_get(e, "involvedObject");
        struct json *d = str_eqc(json_get_str(about, "kind"), "HorizontalPodAutoscaler") && str_eq(json_get_str(about, "namespace"), ns) &&
                         str_eq(json_get_str(about, "name"), name) ? decision(a, e) : NULL;
        size_t at = 0;                 /* events come in order of name: these are wanted in order of time */
        while (d && at < json_len(all) && str_cmp(json_get_str(json_at(all, at), "first"), json_get_str(d, "first")) <= 0)
            at++;
        if (d)
            json_insert(all, at, d);
    }
    return all;
}

static struct json *copy_or_null(struct arena *a, const struct json *j) { return j ? json_copy(a, j) : NULL; }

static struct json *autoscalers(struct maker *m, const struct json *events, bool *ok)
{
    struct json *all = json_new_array(m->a);
    const struct json *items = items_of(m, "/apis/autoscaling/v1/horizontalpodautoscalers", ok);
    for (const struct json *h = json_first(items); h; h = json_next(h)) {
        const struct json *spec = json_get(h, "spec"), *status = json_get(h, "status");
        struct str ns = json_path_str(h, "metadata.namespace"), name = json_path_str(h, "metadata.name");
        json_append(all, json_buildf(m->a, "{'namespace':%S,'name':%S,'kind':%S,'target':%S,'min':%d,'max':%d,'current':%d,'desired':%d,'targetPercent':%j,'usagePercent':%j,'decisions':%j}",
            ns, name, json_path_str(spec, "scaleTargetRef.kind"), json_path_str(spec, "scaleTargetRef.name"), json_get_int(spec, "minReplicas", 1),
            json_get_int(spec, "maxReplicas", 0), json_get_int(status, "currentReplicas", 0), json_get_int(status, "desiredReplicas", 0),
            copy_or_null(m->a, json_get(spec, "targetCPUUtilizationPercentage")), copy_or_null(m->a, json_get(status, "currentCPUUtilizationPercentage")),
            decisions_of(m->a, events, ns, name)));
    }
    return all;
}

struct json *document_make(struct arena *a, const struct labs_ops *ops, const char *lab, const struct json *history, struct err *err)
{
    struct maker m = { a, ops, json_new_object(a), err };
    int64_t now = 0;
    bool ok = ops->now(ops->ctx, &now, err) && add_objects(&m);
    struct json *events = items_of(&m, "/api/v1/events", &ok);
    struct json *pods = items_of(&m, "/apis/metrics.k8s.io/v1beta1/pods", &ok), *nodes = items_of(&m, "/apis/metrics.k8s.io/v1beta1/nodes", &ok);
    struct json *hpa = autoscalers(&m, events, &ok);
    if (!ok)
        return NULL;
    return json_buildf(a, "{'lab':%s,'clock':{'now':%S,'seconds':%d},'objects':%j,'events':%j,'metrics':{'pods':%j,'nodes':%j},'hpa':%j,'history':%j,'audit':[]}", lab,
                       time_rfc3339(a, now), now / (int64_t)NS_PER_S, m.objects, events, pods, nodes, hpa, history ? json_copy(a, history) : json_new_array(a));
}

/* ---- where an object of a scenario lives ---- */
const char *document_path(struct arena *a, const struct labs_ops *ops, struct str api_version, struct str kind, struct str ns, const char *name, struct err *err)
{
    struct maker m = { a, ops, NULL, err };
    bool ok = true;
    const char *base = arena_printf(a, str_chr(api_version, '/') >= 0 ? "/apis/" STR_FMT : "/api/" STR_FMT, STR_ARG(api_version));
    const struct json *list = ask(&m, base, &ok);
    if (!ok)
        return NULL;
    for (const struct json *r = json_first(json_get(list, "resources")); r; r = json_next(r)) {
        struct str resource = json_get_str(r, "name");
        if (!str_eq(json_get_str(r, "kind"), kind) || str_chr(resource, '/') >= 0)
            continue;
        const char *in = json_get_bool(r, "namespaced", false) ? arena_printf(a, "/namespaces/" STR_FMT, STR_ARG(percent_encode(a, ns.n ? ns : STR("default")))) : "";
        const char *one = name ? arena_printf(a, "/" STR_FMT, STR_ARG(percent_encode(a, str_c(name)))) : "";
        return arena_printf(a, "%s%s/" STR_FMT "%s", base, in, STR_ARG(resource), one);
    }
    err_set(err, ERR_NOT_FOUND, "no matches for kind \"" STR_FMT "\" in version \"" STR_FMT "\"", STR_ARG(kind), STR_ARG(api_version));
    return NULL;
}
