/* workloads/controllers/namespace.c - emptying a namespace that is being deleted (pkg/controller/namespace/deletion).
 *
 * The namespace is marked Terminating; every namespaced resource that the server knows has its objects deleted as a collection;
 * what remains is listed, and the namespace looked at again after half of the time that pods may take. When nothing remains the
 * finalizer "kubernetes" goes, and with it the namespace. Conditions say what stands in the way: an API group that does not
 * answer, objects, finalizers.
 */
#include "workloads/controllers/controllers_priv.h"

#include <stdlib.h>

struct namespaces { struct ctl ctl; struct ctl_watch namespaces; };
struct remaining { const struct api_resource *r; int64_t count; };
struct ns_job {
    struct json         *ns;
    struct api_resources all;
    int64_t              estimate_s;   /* until what remains may be gone */
    struct remaining    *left; size_t left_count;
    struct map          *finalizers;   /* name -> boxed count */
    const char          *delete_errors;
};

static struct namespaces *of(struct ctl *c) { return container_of(c, struct namespaces, ctl); }

static void seen(struct ctl *c, const struct json *old, const struct json *now)
{
    (void)old;
    if (now && meta_deleting(now))
        ctl_add_obj(c, now);
}

static const char *collection(struct sync *s, const struct api_resource *r)
{
    return client_path(s->a, r->api_version, r->resource, s->name, STR_NULL, NULL);
}

static bool is_pods(const struct api_resource *r) { return !*r->group && strcmp(r->resource, "pods") == 0; }

/* ---- conditions ---- */
static bool say(struct sync *s, const char *type, const char *bad_reason, const char *bad, const char *good_reason, const char *good)
{
    struct ns_job *job = s->data;
    struct json *conditions = json_ensure_array(s->a, json_ensure(s->a, job->ns, "status"), "conditions");
    return condition_set(s->a, conditions, type, bad ? "True" : "False", bad ? bad_reason : good_reason, bad ? bad : good,
                         vtime_now(s->c->loop));
}

static const char *content_left(struct sync *s)
{
    struct ns_job *job = s->data;
    const char *text = NULL;
    for (size_t i = 0; i < job->left_count; i++) {
        const struct api_resource *r = job->left[i].r;
        text = arena_printf(s->a, "%s%s%s.%s has %" PRId64 " resource instances", text ? text : "", text ? ", " : "", r->resource,
                            r->group, job->left[i].count);
    }
    return text ? arena_printf(s->a, "Some resources are remaining: %s", text) : NULL;
}

static const char *finalizers_left(struct sync *s)
{
    struct ns_job *job = s->data;
    const char *text = NULL;
    size_t cursor = 0;
    struct str name;
    void *count;
    while (map_next(job->finalizers, &cursor, &name, &count))
        text = arena_printf(s->a, "%s%s" STR_FMT " in %" PRId64 " resource instances", text ? text : "", text ? ", " : "",
                            STR_ARG(name), *(int64_t *)count);
    return text ? arena_printf(s->a, "Some content in the namespace has finalizers remaining: %s", text) : NULL;
}

static bool conditions_changed(struct sync *s)
{
    struct ns_job *job = s->data;
    const char *discovery = job->all.failed
                            ? arena_printf(s->a, "Discovery failed for some groups, %zu failing: unable to retrieve the complete "
                                                 "list of server APIs: %s",
                                                           job->all.failed_count, job->all.failed) : NULL;
    const char *deletion = job->delete_errors ? arena_printf(s->a, "Failed to delete all resource types, %s", job->delete_errors)
                           : NULL;
    bool changed = say(s, "NamespaceDeletionDiscoveryFailure", "DiscoveryFailed", discovery, "ResourcesDiscovered",
                       "All resources successfully discovered");
    changed = say(s, "NamespaceDeletionGroupVersionParsingFailure", "GroupVersionParsingFailed", NULL, "ParsedGroupVersions",
                  "All legacy kube types successfully parsed") || changed;
    changed = say(s, "NamespaceDeletionContentFailure", "ContentDeletionFailed", deletion, "ContentDeleted",
                  s->c->minor >= 17 ? "All content successfully deleted, may be waiting on finalization"
                  : "All content successfully deleted") || changed;
    if (s->c->minor < 17)
        return changed;
    changed = say(s, "NamespaceContentRemaining", "SomeResourcesRemain", content_left(s), "ContentRemoved",
                  "All content successfully removed") || changed;
    return say(s, "NamespaceFinalizersRemaining", "SomeFinalizersRemain", finalizers_left(s), "ContentHasNoFinalizers",
               "All content-preserving finalizers finished") || changed;
}

/* ---- the end ---- */
static void finalize(struct sync *s)
{
    struct ns_job *job = s->data;
    bool done = job->left_count == 0 && !job->all.failed && !job->delete_errors;
    if (!done || s->failed) {
        if (job->left_count)
            ctl_add_after(s->c, s->key, (job->estimate_s / 2 + 1) * SECOND);
        s->failed = s->failed || job->all.failed || job->delete_errors;
        sync_end(s);
        return;
    }
    struct json *list = json_path(job->ns, "spec.finalizers");
    for (size_t i = json_len(list); i-- > 0;)
        if (str_eqc(json_str(json_at(list, i)), "kubernetes"))
            json_remove_at(list, i);
    sync_update(s, client_path(s->a, "v1", "namespaces", STR_NULL, s->name, "finalize"), job->ns, NULL, NULL);
    sync_wait(s, sync_end);
}

static void status_written(struct op *op, const struct client_result *r, const struct err *err)
{
    struct ns_job *job = op->s->data;
    if (err->code == ERR_NONE)
        job->ns = json_copy(op->s->a, r->obj);
    else if (err->code != ERR_NOT_FOUND)
        sync_fail(op->s, err);
}

static void all_listed(struct sync *s)
{
    struct ns_job *job = s->data;
    if (conditions_changed(s))
        sync_update(s, client_path(s->a, "v1", "namespaces", STR_NULL, s->name, "status"), job->ns, status_written, NULL);
    sync_wait(s, finalize);
}

/* ---- content ---- */
static void count_finalizers(struct sync *s, const struct json *obj)
{
    struct ns_job *job = s->data;
    for (const struct json *f = json_first(json_path(obj, "metadata.finalizers")); f; f = json_next(f)) {
        int64_t *n = map_get(job->finalizers, json_str(f));
        if (!n) {
            n = ARENA_NEW(s->a, int64_t);
            map_put(job->finalizers, json_str(f), n);
        }
        ++*n;
    }
}

static void listed(struct op *op, const struct client_result *r, const struct err *err)
{
    struct sync *s = op->s;
    struct ns_job *job = s->data;
    const struct api_resource *res = op->arg;
    const struct json *items = json_get(r->obj, "items");
    if (err->code != ERR_NONE) {
        if (err->code != ERR_NOT_FOUND && err->code != ERR_METHOD_NOT_ALLOWED)
            job->delete_errors = arena_printf(s->a, "%s", err->msg);
        return;
    }
    if (json_len(items) == 0)
        return;
    job->left[job->left_count++] = (struct remaining){ res, (int64_t)json_len(items) };
    int64_t longest = is_pods(res) ? 0 : 15;
    for (const struct json *obj = json_first(items); obj; obj = json_next(obj)) {
        count_finalizers(s, obj);
        struct str phase = json_path_str(obj, "status.phase");
        int64_t grace = is_pods(res) && !str_eqc(phase, "Succeeded") && !str_eqc(phase, "Failed")
                        ? json_path_int(obj, "spec.terminationGracePeriodSeconds", 30) : 0;
        longest = grace > longest ? grace : longest;
    }
    job->estimate_s = longest > job->estimate_s ? longest : job->estimate_s;
}

static void all_deleted(struct sync *s)
{
    struct ns_job *job = s->data;
    job->left = arena_alloc(s->a, (job->all.n + 1) * sizeof *job->left);
    for (size_t i = 0; i < job->all.n; i++)
        if (job->all.v[i].namespaced && job->all.v[i].can_delete && job->all.v[i].can_list)
            sync_get(s, collection(s, &job->all.v[i]), listed, &job->all.v[i]);
    sync_wait(s, all_listed);
}

static void deleted(struct op *op, const struct client_result *r, const struct err *err)
{
    struct ns_job *job = op->s->data;
    (void)r;
    if (err->code != ERR_NONE && err->code != ERR_NOT_FOUND && err->code != ERR_METHOD_NOT_ALLOWED)
        job->delete_errors = arena_printf(op->s->a, "%s", err->msg);
}

static void delete_each(struct op *op, const struct client_result *r, const struct err *err)
{
    struct sync *s = op->s;
    const struct api_resource *res = op->arg;
    if (err->code != ERR_NONE)
        return;                        /* the second listing will tell */
    for (const struct json *obj = json_first(json_get(r->obj, "items")); obj; obj = json_next(obj))
        sync_delete(s, client_path(s->a, res->api_version, res->resource, s->name, meta_name(obj), NULL),
                    json_buildf(s->a, "{'propagationPolicy':'Background'}"), deleted, NULL);
}

static void discovered(struct sync *s)
{
    struct ns_job *job = s->data;
    for (size_t i = 0; i < job->all.n; i++) {
        const struct api_resource *r = &job->all.v[i];
        if (!r->namespaced || !r->can_delete)
            continue;
        if (r->can_delete_collection)
            sync_delete(s, collection(s, r),
                        json_buildf(s->a, "{'kind':'DeleteOptions','apiVersion':'v1','propagationPolicy':'Background'}"), deleted,
                        NULL);
        else
            sync_get(s, collection(s, r), delete_each, (void *)(uintptr_t)r);
    }
    sync_wait(s, all_deleted);
}

static void terminating(struct sync *s)
{
    struct ns_job *job = s->data;
    if (s->failed || !job->ns || json_len(json_path(job->ns, "spec.finalizers")) == 0)
        sync_end(s);
    else
        sync_discover(s, &job->all, discovered);
}

static void fetched(struct op *op, const struct client_result *r, const struct err *err)
{
    struct sync *s = op->s;
    struct ns_job *job = s->data;
    if (err->code != ERR_NONE || !meta_deleting(r->obj)) {
        if (err->code != ERR_NONE && err->code != ERR_NOT_FOUND)
            sync_fail(s, err);
        return;
    }
    job->ns = json_copy(s->a, r->obj);
    if (str_eqc(json_path_str(job->ns, "status.phase"), "Terminating"))
        return;
    json_set_strc(s->a, json_ensure(s->a, job->ns, "status"), "phase", "Terminating");
    sync_update(s, client_path(s->a, "v1", "namespaces", STR_NULL, s->name, "status"), job->ns, status_written, NULL);
}

static void drop_map(void *m) { map_free(m, NULL); }

static void sync_namespace(struct sync *s)
{
    struct ns_job *job = s->data = ARENA_NEW(s->a, struct ns_job);
    job->finalizers = map_new();
    arena_defer(s->a, drop_map, job->finalizers);
    if (ctl_get(&of(s->c)->namespaces, s->name))
        sync_get(s, client_path(s->a, "v1", "namespaces", STR_NULL, s->name, NULL), fetched, NULL);
    sync_wait(s, terminating);
}

static void *start(const struct controller_context *cc)
{
    struct namespaces *n = NEW(struct namespaces);
    ctl_init(&n->ctl, cc, "namespace", 10, sync_namespace);
    ctl_watch(&n->ctl, &n->namespaces, "v1", "namespaces", seen);
    return n;
}

static void stop(void *state)
{
    struct namespaces *n = state;
    ctl_deinit(&n->ctl);
    free(n);
}

const struct controller_ops namespace_controller = { "namespace", "namespace-controller", start, stop };
