/* apiserver/registry/delete.c - deletion: preconditions, grace, finalizers, propagation.
 *
 * An object goes at once, unless a pod's grace period runs, a finalizer stands, or it is a namespace with content: then it is
 * marked (deletionTimestamp) and its end is another write. Propagation is written down as a finalizer for the garbage collector.
 * Upstream: apiserver pkg/registry/rest/delete.go (BeforeDelete), pkg/registry/generic/registry/store.go
 * (deletionFinalizersForGarbageCollection), kubernetes pkg/registry/core/namespace/storage.
 */
#include "apiserver/admission/admission.h"
#include "apiserver/registry/registry.h"

static bool check_preconditions(struct request *r, const struct resource *res, const struct json *obj,
                                const struct delete_options *d, struct err *err)
{
    struct str uid = meta_uid(obj), rv = json_path_str(obj, "metadata.resourceVersion");
    const char *why = NULL;
    if (d->uid.n && !str_eq(d->uid, uid))
        why = arena_printf(r->a,
                           "the UID in the precondition (" STR_FMT ") does not match the UID in record (" STR_FMT
                           "). The object might have been deleted and then recreated",
                           STR_ARG(d->uid), STR_ARG(uid));
    else if (d->rv.n && !str_eq(d->rv, rv))
        why = arena_printf(r->a,
                           "the ResourceVersion in the precondition (" STR_FMT
                           ") does not match the ResourceVersion in record (" STR_FMT
                           "). The object might have been modified",
                           STR_ARG(d->rv), STR_ARG(rv));
    return !why || err_conflict(err, res->group, res->main->kind.kind, meta_name(obj), why);    /* upstream names the kind here */
}

/* Seconds of grace for a pod, as its strategy's CheckGracefulDelete: none when nothing runs that could use it. */
static int64_t pod_grace(const struct json *pod, const struct delete_options *d)
{
    struct str phase = json_path_str(pod, "status.phase");
    int64_t grace = d->grace >= 0 ? d->grace : json_path_int(pod, "spec.terminationGracePeriodSeconds", 30);
    if (!json_path_str(pod, "spec.nodeName").n || str_eqc(phase, "Succeeded") || str_eqc(phase, "Failed")) grace = 0;
    return grace;
}

static bool has_finalizer(const struct json *obj, const char *name)
{
    for (const struct json *f = json_first(json_path(obj, "metadata.finalizers")); f; f = json_next(f))
        if (str_eqc(json_str(f), name)) return true;
    return false;
}

static void set_finalizer(struct arena *a, struct json *obj, const char *name, bool want)
{
    struct json *list = json_ensure_array(a, json_ensure(a, obj, "metadata"), "finalizers");
    if (want && !has_finalizer(obj, name)) json_append(list, json_new_strc(a, name));
    for (size_t i = 0; !want && i < json_len(list); i++)
        if (str_eqc(json_str(json_at(list, i)), name)) json_remove_at(list, i--);
    if (!json_len(list)) json_remove(json_get(obj, "metadata"), "finalizers");
}

/* Without a word from the client, these two leave their pods behind (DefaultGarbageCollectionPolicy). */
static struct str propagation_of(const struct resource *res, const struct json *obj, const struct delete_options *d)
{
    if (d->propagation.n) return d->propagation;
    if (has_finalizer(obj, "orphan")) return STR("Orphan");
    if (has_finalizer(obj, "foregroundDeletion")) return STR("Foreground");
    bool orphans = (!res->group.n && str_eqc(res->name, "replicationcontrollers")) ||
                   (str_eqc(res->group, "batch") && str_eqc(res->name, "jobs"));
    return orphans ? STR("Orphan") : STR("Background");
}

static void mark_deleting(struct request *r, struct json *obj, int64_t grace)
{
    struct json *meta = json_ensure(r->a, obj, "metadata");
    json_set_str(r->a, meta, "deletionTimestamp", time_rfc3339(r->a, r->now_ns + grace * (int64_t)NS_PER_S));
    json_set_int(r->a, meta, "deletionGracePeriodSeconds", grace);
    if (json_get(meta, "generation")) json_set_int(r->a, meta, "generation", json_get_int(meta, "generation", 0) + 1);
}

static bool keep_marked(struct request *r, const struct resource *res, struct json *obj, struct object *old, struct object **out,
                        bool *gone, struct err *err)
{
    *gone = false;
    return write_commit(r, res, obj, old, out, err);
}

static bool delete_namespace(struct request *r, const struct resource *res, struct json *obj, struct object *old,
                             struct object **out, bool *gone, struct err *err)
{
    if (!meta_deleting(obj)) {
        mark_deleting(r, obj, 0);
        json_remove(json_get(obj, "metadata"), "deletionGracePeriodSeconds");
        json_set_strc(r->a, json_ensure(r->a, obj, "status"), "phase", "Terminating");
        return keep_marked(r, res, obj, old, out, gone, err);
    }
    if (json_len(json_path(obj, "spec.finalizers"))) {
        if (r->as->opt.minor < 18)
            return err_conflict(err, STR(""), STR("namespaces"), meta_name(obj),
                                "The system is ensuring all content is removed from this namespace.  "
                                "Upon completion, this namespace will automatically be purged by the system.");
        *gone = false;
        *out = object_ref(old);
        return true;
    }
    *gone = !json_len(json_path(obj, "metadata.finalizers"));
    if (*gone) return write_remove(r, res, old, out, err);
    *out = object_ref(old);
    return true;
}

/* A pod that is already going: a shorter grace counts, a longer one does not. */
static bool delete_again(struct request *r, const struct resource *res, struct json *obj, struct object *old, int64_t grace,
                         struct object **out, bool *gone, struct err *err)
{
    int64_t now_grace = json_path_int(obj, "metadata.deletionGracePeriodSeconds", 0);
    if (grace >= now_grace && now_grace > 0) {
        *gone = false;
        *out = object_ref(old);
        return true;
    }
    int64_t marked = 0;
    time_parse_rfc3339(json_path_str(obj, "metadata.deletionTimestamp"), &marked);
    struct json *meta = json_get(obj, "metadata");
    json_set_str(r->a, meta, "deletionTimestamp", time_rfc3339(r->a, marked - (now_grace - grace) * (int64_t)NS_PER_S));
    json_set_int(r->a, meta, "deletionGracePeriodSeconds", grace);
    return keep_marked(r, res, obj, old, out, gone, err);
}

struct delete_options delete_options_from_json(struct request *r, const struct json *j)
{
    for (const struct json *v = json_first(json_get(j, "dryRun")); v; v = json_next(v))
        r->dry_run = r->dry_run || str_eqc(json_str(v), "All");
    return (struct delete_options){ .grace = json_get_int(j, "gracePeriodSeconds", -1), .uid = json_path_str(j, "preconditions.uid"),
                                    .rv = json_path_str(j, "preconditions.resourceVersion"),
                                    .propagation = json_get_str(j, "propagationPolicy") };
}

bool write_delete(struct request *r, const struct resource *res, struct object *old, const struct delete_options *d, bool admit,
                  struct object **out, bool *gone, struct err *err)
{
    struct json *obj = present_json(r->as, r->a, res, old);
    if (admit && !(admission_mutate(r, ADMIT_DELETE, NULL, obj, err) && admission_validate(r, ADMIT_DELETE, NULL, obj, err)))
        return false;
    if (!check_preconditions(r, res, obj, d, err)) return false;
    if (res->strategy->flags & STRATEGY_FINALIZE) return delete_namespace(r, res, obj, old, out, gone, err);
    if ((res->strategy->flags & STRATEGY_CLEANUP) && !meta_deleting(obj)) crd_mark_deleted(r, obj);
    struct str how = propagation_of(res, obj, d);
    bool had = has_finalizer(obj, "orphan") || has_finalizer(obj, "foregroundDeletion");
    set_finalizer(r->a, obj, "orphan", str_eqc(how, "Orphan"));
    set_finalizer(r->a, obj, "foregroundDeletion", str_eqc(how, "Foreground"));
    bool changed = had || has_finalizer(obj, "orphan") || has_finalizer(obj, "foregroundDeletion");
    bool finalizers = json_len(json_path(obj, "metadata.finalizers")) > 0, deleting = meta_deleting(obj);
    int64_t grace = res->strategy->flags & STRATEGY_GRACEFUL ? pod_grace(obj, d) : 0;
    if (deleting && grace > 0) return delete_again(r, res, obj, old, grace, out, gone, err);
    if (!deleting && (grace > 0 || finalizers)) {
        mark_deleting(r, obj, grace);
        return keep_marked(r, res, obj, old, out, gone, err);
    }
    if (finalizers) {
        if (json_path_int(obj, "metadata.deletionGracePeriodSeconds", 0) > grace)
            return delete_again(r, res, obj, old, grace, out, gone, err);
        if (changed) return keep_marked(r, res, obj, old, out, gone, err);
        *gone = false;
        *out = object_ref(old);
        return true;
    }
    *gone = true;
    return write_remove(r, res, old, out, err);
}
