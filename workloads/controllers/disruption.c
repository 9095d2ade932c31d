/* workloads/controllers/disruption.c - how many pods of a PodDisruptionBudget may be evicted now (pkg/controller/disruption).
 *
 * A budget is counted anew when it or a pod that it selects changes. What its pods' controllers want to have comes from the
 * informers (ReplicationController, Deployment, ReplicaSet, StatefulSet) and of any other controller from its scale subresource.
 * Order of a sync: calculate, which ends it or asks for scales that are not known yet and comes again. Simplified: from v1.26 on
 * upstream also takes back a pod's condition DisruptionTarget when the pod was not deleted after all.
 */
#include "workloads/controllers/controllers_priv.h"
#include "workloads/controllers/disruption.h"

#include <stdlib.h>

struct disruption {
    struct ctl ctl;
    struct ctl_watch budgets, pods, controllers, replicasets, deployments, statefulsets;
    const char *api;                               /* of the budgets */
};

static struct disruption *of(struct ctl *c) { return container_of(c, struct disruption, ctl); }

/* ---- which budgets a change concerns ---- */
/* What spec.selector of v1beta1 says with {} is nobody, what policy/v1 says with it everybody. */
static bool selects(struct ctl *c, struct arena *a, const struct json *pdb, const struct json *pod)
{
    struct err ignored = { 0 };
    struct selector *sel = selector_from_json(a, json_path(pdb, "spec.selector"), &ignored);
    err_clear(&ignored);
    return sel && (c->minor >= 21 || !selector_empty(sel)) && str_eq(meta_namespace(pdb), meta_namespace(pod)) &&
           selector_matches(sel, meta_labels(pod));
}

/* Only the first of several budgets is told, as upstream's: what more than one budget selects is not supported. */
static void pod_seen(struct ctl *c, const struct json *old, const struct json *now)
{
    const struct json *pod = now ? now : old, *first = NULL;
    bool more = false;
    size_t cursor = 0;
    if (!informer_count(of(c)->budgets.informer))
        return;
    struct arena *a = arena_new();
    for (const struct json *pdb; ctl_next(&of(c)->budgets, &cursor, &pdb);) {
        if (!json_len(meta_labels(pod)) || !selects(c, a, pdb, pod))
            continue;
        more = first;
        first = first ? first : pdb;
    }
    if (more)
        event_record(c->events, pod, NULL, "Warning", "MultiplePodDisruptionBudgets",
                     "Pod \"" STR_FMT "\"/\"" STR_FMT "\" matches multiple PodDisruptionBudgets.  Chose \"" STR_FMT "\" arbitrarily.",
                     STR_ARG(meta_namespace(pod)), STR_ARG(meta_name(pod)), STR_ARG(meta_name(first)));
    if (first)
        ctl_add_obj(c, first);
    arena_free(a);
}

/* ---- scales that are asked for ---- */
struct scale {
    struct scale *next;
    struct str    uid, kind, name;                 /* of the controller */
    const char   *api_version, *path;              /* path: of its scale; NULL when it has none */
    bool          found;
    int64_t       replicas;
    const char   *failed;                          /* why nothing can be counted; NULL: nothing went wrong */
};
struct tally {                                     /* a sync's data */
    struct scale *scales;
    const struct json *pdb, **pods;
    size_t        n;
    const char   *failed;
};

static void scale_known(struct op *op, const struct client_result *r, const struct err *err)
{
    struct scale *sc = op->arg;
    if (err->code == ERR_NONE && str_eq(meta_uid(r->obj), sc->uid)) {
        sc->found = true;
        sc->replicas = json_path_int(r->obj, "spec.replicas", 0);
    } else if (err->code != ERR_NONE && err->code != ERR_NOT_FOUND) {
        sc->failed = arena_printf(op->s->a, "%s", err->msg);
    }
}

/* The resources of a group version: which one is of the controller's kind, and has it a scale? */
static void resources_known(struct op *op, const struct client_result *r, const struct err *err)
{
    struct scale *sc = op->arg;
    struct sync *s = op->s;
    struct str group = STR_NULL, version, resource = STR_NULL;
    for (const struct json *res = json_first(json_get(r->obj, "resources")); err->code == ERR_NONE && res; res = json_next(res))
        if (str_eq(json_get_str(res, "kind"), sc->kind) && str_chr(json_get_str(res, "name"), '/') < 0)
            resource = json_get_str(res, "name");
    if (!resource.n) {
        sc->failed = arena_printf(s->a, "no matches for kind \"" STR_FMT "\" in version \"%s\"", STR_ARG(sc->kind), sc->api_version);
        return;
    }
    if (!str_cut(str_c(sc->api_version), '/', &group, &version))
        group = STR_NULL;
    struct str scale = arena_strf(s->a, STR_FMT "/scale", STR_ARG(resource));
    for (const struct json *res = json_first(json_get(r->obj, "resources")); res; res = json_next(res))
        if (str_eq(json_get_str(res, "name"), scale))
            sc->path = client_path(s->a, sc->api_version, arena_cstr(s->a, resource), s->ns, sc->name, "scale");
    if (!sc->path && s->c->minor >= 21)
        sc->failed = arena_printf(s->a, STR_FMT "%s" STR_FMT " does not implement the scale subresource", STR_ARG(resource),
                                  group.n ? "." : "", STR_ARG(group));
}

static void calculate(struct sync *s);

static void ask_scales(struct sync *s)
{
    struct tally *t = s->data;
    for (struct scale *sc = t->scales; sc; sc = sc->next)
        if (sc->path && !sc->found && !sc->failed) {
            sync_get(s, sc->path, scale_known, sc);
            sc->path = NULL;
        }
    sync_wait(s, calculate);
}

/* The scale of a controller that no informer knows: NULL while it is being asked for. */
static struct scale *scale_of_other(struct sync *s, const struct json *ref)
{
    struct tally *t = s->data;
    for (struct scale *sc = t->scales; sc; sc = sc->next)
        if (str_eq(sc->uid, json_get_str(ref, "uid")))
            return sc;
    struct scale *sc = ARENA_NEW(s->a, struct scale);
    *sc = (struct scale){ .next = t->scales, .uid = arena_str(s->a, json_get_str(ref, "uid")),
                          .kind = arena_str(s->a, json_get_str(ref, "kind")), .name = arena_str(s->a, json_get_str(ref, "name")),
                          .api_version = arena_cstr(s->a, json_get_str(ref, "apiVersion")) };
    t->scales = sc;
    sync_get(s, arena_printf(s->a, strchr(sc->api_version, '/') ? "/apis/%s" : "/api/%s", sc->api_version), resources_known, sc);
    return NULL;
}

/* ---- what the controllers want to have ---- */
static const struct json *owner_in(struct ctl_watch *w, const char *kind, const char *groups, const struct json *obj)
{
    struct str group, version, api = json_get_str(meta_controller(obj), "apiVersion");
    if (!str_cut(api, '/', &group, &version))
        group = STR_NULL;
    bool right = *groups ? str_eqc(group, "apps") || str_eqc(group, groups) : !group.n;
    return right ? controller_of(w, kind, obj) : NULL;
}

/* The informers' object whose spec.replicas counts for this pod, or NULL. */
static const struct json *known_owner(struct disruption *d, const struct json *pod)
{
    const struct json *rc = owner_in(&d->controllers, "ReplicationController", "", pod);
    const struct json *rs = owner_in(&d->replicasets, "ReplicaSet", "extensions", pod);
    if (rc)
        return rc;
    if (rs) {
        const struct json *ref = meta_controller(rs);
        bool deployed = ref && str_eqc(json_get_str(ref, "kind"), "Deployment");
        return deployed ? owner_in(&d->deployments, "Deployment", "extensions", rs) : rs;
    }
    return owner_in(&d->statefulsets, "StatefulSet", "apps", pod);
}

struct sum { struct map *seen; int64_t replicas; bool unmanaged, asking; };

static void add_scale(struct sum *sum, struct str uid, int64_t replicas)
{
    if (!map_get(sum->seen, uid))
        sum->replicas += replicas;
    map_put(sum->seen, uid, sum);
}

static bool fail(struct sync *s, const char *reason, const char *why)
{
    struct tally *t = s->data;
    t->failed = why;
    if (reason && s->c->minor < 21)
        event_record(s->c->events, t->pdb, NULL, "Warning", reason, "%s", why);
    return false;
}

static bool add_pod(struct sync *s, struct sum *sum, const struct json *pod)
{
    const struct json *ref = meta_controller(pod), *owner;
    struct str name = meta_name(pod);
    if (!ref && s->c->minor < 21)
        return fail(s, "NoControllerRef", arena_printf(s->a, "found no controller ref for pod \"" STR_FMT "\"", STR_ARG(name)));
    if (!ref) {
        sum->unmanaged = true;
        return true;
    }
    if ((owner = known_owner(of(s->c), pod))) {
        add_scale(sum, meta_uid(owner), json_path_int(owner, "spec.replicas", 1));
        return true;
    }
    struct scale *sc = scale_of_other(s, ref);
    if (!sc) {
        sum->asking = true;
        return true;
    }
    if (sc->failed)
        return fail(s, NULL, sc->failed);
    if (!sc->found)
        return fail(s, "NoControllers", arena_printf(s->a, "found no controllers for pod \"" STR_FMT "\"", STR_ARG(name)));
    add_scale(sum, sc->uid, sc->replicas);
    return true;
}

static bool expected_scale(struct sync *s, struct sum *sum)
{
    struct tally *t = s->data;
    bool ok = true;
    sum->seen = map_new();
    for (size_t i = 0; ok && i < t->n; i++)
        ok = add_pod(s, sum, t->pods[i]);
    map_free(sum->seen, NULL);
    return ok;
}

/* ---- a sync ---- */
static void gather(struct sync *s)
{
    struct disruption *d = of(s->c);
    struct tally *t = s->data;
    size_t cursor = 0;
    t->n = 0;
    t->failed = NULL;
    t->pods = arena_alloc(s->a, (informer_count(d->pods.informer) + 1) * sizeof *t->pods);
    for (const struct json *pod; ctl_next(&d->pods, &cursor, &pod);)
        if (selects(s->c, s->a, t->pdb, pod))
            t->pods[t->n++] = pod;
}

/* Upstream gives the namespace twice, and the budget's name not at all. */
static void not_deleted(void *ctx, const struct json *pod)
{
    struct sync *s = ctx;
    event_record(s->c->events, pod, NULL, "Warning", "NotDeleted",
                 "Pod was expected by PDB " STR_FMT "/" STR_FMT " to be deleted but it wasn't", STR_ARG(s->ns), STR_ARG(s->ns));
}

static void write_status(struct sync *s, struct json *status)
{
    const struct json *pdb = ((struct tally *)s->data)->pdb;
    if (!json_equal(status, json_get(pdb, "status"))) {
        struct json *copy = json_copy(s->a, pdb);
        json_set(s->a, copy, "status", status);
        sync_update(s, sync_path(s, of(s->c)->api, "poddisruptionbudgets", copy, "status"), copy, NULL, NULL);
    }
    sync_wait(s, sync_end);
}

static void conclude(struct sync *s, struct budget_count *count)
{
    struct tally *t = s->data;
    int64_t now = vtime_now(s->c->loop), recheck;
    struct json *disrupted = budget_disrupted(s->a, t->pdb, t->pods, t->n, now, &recheck, not_deleted, s);
    count->healthy = budget_healthy(t->pods, t->n, disrupted);
    if (recheck)                                   /* not before it: what is given up is older than the time-out */
        ctl_add_after(s->c, s->key, recheck - now + SECOND / 200);
    write_status(s, budget_status(s->a, s->c->minor, t->pdb, count, disrupted, now));
}

static void give_up(struct sync *s)
{
    struct tally *t = s->data;
    event_record(s->c->events, t->pdb, NULL, "Warning", "CalculateExpectedPodCountFailed",
                 "Failed to calculate the number of expected pods: %s", t->failed);
    write_status(s, budget_failed_status(s->a, s->c->minor, t->pdb, t->failed, vtime_now(s->c->loop)));
}

static void calculate(struct sync *s)
{
    struct tally *t = s->data;
    t->pdb = ctl_get(&of(s->c)->budgets, s->key);
    if (!t->pdb) {
        sync_end(s);
        return;
    }
    const struct json *spec = json_get(t->pdb, "spec");
    struct budget_count count = { 0 };
    struct sum sum = { 0 };
    gather(s);
    bool ok = !budget_needs_scale(spec) || expected_scale(s, &sum);
    if (sum.asking) {
        sync_wait(s, ask_scales);
        return;
    }
    count.expected = budget_needs_scale(spec) ? sum.replicas : json_get(spec, "minAvailable") ? (int64_t)t->n : 0;
    if (!t->n)
        event_record(s->c->events, t->pdb, NULL, "Normal", "NoPods", "No matching pods found");
    if (ok && !budget_desired(spec, &count))
        ok = fail(s, NULL, "invalid value for IntOrString: invalid type: string is not a percentage");
    if (!ok) {
        give_up(s);
        return;
    }
    if (sum.unmanaged)
        event_record(s->c->events, t->pdb, NULL, "Warning", "UnmanagedPods",
                     "Pods selected by this PodDisruptionBudget (selector: %s) were found to be unmanaged. As a result, the status of "
                     "the PDB cannot be calculated correctly, which may result in undefined behavior. To account for these pods "
                     "please set \".spec.minAvailable\" field of the PDB to an integer value.",
                     label_selector_go(s->a, json_get(spec, "selector")));
    conclude(s, &count);
}

static void sync_budget(struct sync *s)
{
    s->data = ARENA_NEW(s->a, struct tally);
    calculate(s);
}

/* ---- life ---- */
static void *start(const struct controller_context *cc)
{
    struct disruption *d = NEW(struct disruption);
    d->api = cc->minor >= 21 ? "policy/v1" : "policy/v1beta1";
    ctl_init(&d->ctl, cc, "disruption", 1, sync_budget);
    ctl_events(&d->ctl, "controllermanager");
    ctl_watch(&d->ctl, &d->budgets, d->api, "poddisruptionbudgets", ctl_seen_enqueue);
    ctl_watch(&d->ctl, &d->controllers, "v1", "replicationcontrollers", NULL);
    ctl_watch(&d->ctl, &d->replicasets, "apps/v1", "replicasets", NULL);
    ctl_watch(&d->ctl, &d->deployments, "apps/v1", "deployments", NULL);
    ctl_watch(&d->ctl, &d->statefulsets, "apps/v1", "statefulsets", NULL);
    ctl_watch(&d->ctl, &d->pods, "v1", "pods", pod_seen);
    return d;
}

static void stop(void *state)
{
    struct disruption *d = state;
    ctl_deinit(&d->ctl);
    free(d);
}

const struct controller_ops disruption_controller = { "disruption", "disruption-controller", start, stop };
