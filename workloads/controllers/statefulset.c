/* workloads/controllers/statefulset.c - pods with names of their own, one after the other (pkg/controller/statefulset).
 *
 * Pods are <name>-0, <name>-1, ...; with OrderedReady the next one is made when all before it run and are ready, and they go in
 * reverse order; with Parallel none waits. Each has its claims from volumeClaimTemplates. An update deletes pods from the highest
 * ordinal down to the partition, each when all above are healthy again; templates are kept as ControllerRevisions. Simplified:
 * failed pods are deleted at once, claims are never deleted (v1.23's retention policy).
 */
#include "workloads/controllers/controllers_priv.h"

#include <stdlib.h>

#define HASH_LABEL "controller-revision-hash"
#define NAME_LABEL "statefulset.kubernetes.io/pod-name"

struct statefulsets { struct ctl ctl; struct ctl_watch sets, pods, claims, revisions; };
struct set_job {
    struct json  *set;
    struct json **pods;                /* by ordinal; NULL where there is none */
    struct json **extra; size_t extra_count;       /* beyond the replicas, highest ordinal first */
    int64_t       replicas;
    struct str    update, current;     /* names of revisions */
    const struct json *current_template;
};

static struct statefulsets *of(struct ctl *c) { return container_of(c, struct statefulsets, ctl); }

static void pod_seen(struct ctl *c, const struct json *old, const struct json *now)
{
    const struct json *owner = controller_of(&of(c)->sets, "StatefulSet", now ? now : old);
    if (owner)
        ctl_add_obj(c, owner);
    else if (now && !meta_controller(now))
        add_matching(c, &of(c)->sets, now);
}

/* ---- names ---- */
static struct str pod_name(struct sync *s, int64_t ordinal)
{
    return arena_strf(s->a, STR_FMT "-%" PRId64, STR_ARG(s->name), ordinal);
}

static int64_t ordinal_of(struct sync *s, const struct json *pod)
{
    struct str name = meta_name(pod);
    int64_t n;
    if (name.n <= s->name.n + 1 || !str_eq(str_sub(name, 0, s->name.n), s->name) || name.p[s->name.n] != '-' ||
        !str_int(str_sub(name, s->name.n + 1, name.n), &n))
        return -1;
    return n;
}

/* ---- revisions ---- */
/* HashControllerRevision: FNV-1 (not 1a) of the data, in the safe alphabet. */
static const char *revision_hash(struct sync *s, struct str data, int64_t collisions)
{
    static const char safe[] = "bcdfghjklmnpqrstvwxz2456789";
    uint32_t h = 2166136261u;
    struct str tail = collisions >= 0 ? arena_strf(s->a, "%" PRId64, collisions) : STR_NULL;
    for (size_t i = 0; i < data.n + tail.n; i++)
        h = h * 16777619u ^ (uint8_t)(i < data.n ? data.p[i] : tail.p[i - data.n]);
    char *digits = arena_printf(s->a, "%" PRIu32, h);
    for (char *d = digits; *d; d++)
        *d = safe[(size_t)*d % (sizeof safe - 1)];
    return digits;
}

static struct json *patch_of(struct sync *s, const struct json *set)
{
    struct json *template = json_copy(s->a, json_path(set, "spec.template"));
    json_set_strc(s->a, template, "$patch", "replace");
    json_sort_keys(template);
    return json_buildf(s->a, "{'spec':{'template':%j}}", template);
}

static const struct json *find_revision(struct sync *s, struct str name)
{
    const struct json *r = ctl_lookup(&of(s->c)->revisions, s->ns, name);
    return r && meta_owned_by(r, meta_uid(((struct set_job *)s->data)->set)) ? r : NULL;
}

static void write_pods(struct sync *s);

static void revision_ready(struct sync *s)
{
    if (s->failed)
        sync_end(s);
    else
        write_pods(s);
}

static void ensure_revision(struct sync *s)
{
    struct set_job *job = s->data;
    struct json *patch = patch_of(s, job->set);
    const struct json *equal = NULL;
    int64_t most = 0;
    size_t cursor = 0;
    for (const struct json *r; ctl_next(&of(s->c)->revisions, &cursor, &r);) {
        if (!str_eq(meta_namespace(r), s->ns) || !meta_owned_by(r, meta_uid(job->set)))
            continue;
        int64_t number = json_get_int(r, "revision", 0);
        if (json_equal(json_get(r, "data"), patch) && (!equal || number > json_get_int(equal, "revision", 0)))
            equal = r;
        most = number > most ? number : most;
    }
    if (!equal) {
        const char *hash = revision_hash(s, json_text(s->a, patch), json_path_int(job->set, "status.collisionCount", -1));
        job->update = arena_strf(s->a, STR_FMT "-%s", STR_ARG(s->name), hash);
        struct json *labels = json_path(job->set, "spec.template.metadata.labels")
                              ? json_copy(s->a, json_path(job->set, "spec.template.metadata.labels")) : json_new_object(s->a);
        json_set_strc(s->a, labels, "controller.kubernetes.io/hash", hash);
        sync_create(s, client_path(s->a, "apps/v1", "controllerrevisions", s->ns, STR_NULL, NULL),
                    json_buildf(s->a, "{'kind':'ControllerRevision','apiVersion':'apps/v1','metadata':{'name':%S,'namespace':%S,"
                                      "'labels':%j,'ownerReferences':[%j]},'data':%j,'revision':%d}",
                                job->update, s->ns, labels,
                                meta_owner_ref(s->a, "apps/v1", "StatefulSet", s->name, meta_uid(job->set)), patch, most + 1),
                                NULL, NULL);
    } else {
        job->update = arena_str(s->a, meta_name(equal));
        if (json_get_int(equal, "revision", 0) < most) {
            struct json *r = json_copy(s->a, equal);
            json_set_int(s->a, r, "revision", most + 1);
            sync_update(s, sync_path(s, "apps/v1", "controllerrevisions", r, NULL), r, NULL, NULL);
        }
    }
    struct str current = json_path_str(job->set, "status.currentRevision");
    const struct json *known = current.n ? find_revision(s, current) : NULL;
    job->current = known ? arena_str(s->a, current) : job->update;
    job->current_template = known ? json_copy(s->a, json_path(known, "data.spec.template")) : json_path(job->set, "spec.template");
    sync_wait(s, revision_ready);
}

/* ---- pods ---- */
static bool is_running_and_ready(const struct json *pod)
{
    return str_eqc(json_path_str(pod, "status.phase"), "Running") && pod_is_ready(pod);
}

static bool is_healthy(const struct json *pod) { return pod && is_running_and_ready(pod) && !meta_deleting(pod); }

static void happened(struct op *op, const struct client_result *r, const struct err *err)
{
    struct sync *s = op->s;
    struct set_job *job = s->data;
    const char *verb = op->arg;        /* "create web-0", "delete web-1" */
    const char *name = strchr(verb, ' ') + 1;
    bool create = *verb == 'c';
    (void)r;
    if (err->code == ERR_NONE)
        event_record(s->c->events, job->set, NULL, "Normal", create ? "SuccessfulCreate" : "SuccessfulDelete",
                     "%s Pod %s in StatefulSet " STR_FMT " successful",
                     create ? "create" : "delete", name, STR_ARG(s->name));
    else if (err->code != ERR_ALREADY_EXISTS && err->code != ERR_NOT_FOUND && !is_namespace_terminating(err)) {
        sync_fail(s, err);
        event_record(s->c->events, job->set, NULL, "Warning", create ? "FailedCreate" : "FailedDelete",
                     "%s Pod %s in StatefulSet " STR_FMT " failed error: %s",
                     create ? "create" : "delete", name, STR_ARG(s->name), err->msg);
    }
}

static void claim_created(struct op *op, const struct client_result *r, const struct err *err)
{
    (void)r;
    if (err->code != ERR_NONE && err->code != ERR_ALREADY_EXISTS)
        sync_fail(op->s, err);
}

static void add_claims(struct sync *s, struct json *pod, int64_t ordinal)
{
    struct set_job *job = s->data;
    struct json *volumes = json_ensure_array(s->a, json_get(pod, "spec"), "volumes");
    for (const struct json *t = json_first(json_path(job->set, "spec.volumeClaimTemplates")); t; t = json_next(t)) {
        struct str claim = arena_strf(s->a, STR_FMT "-" STR_FMT "-%" PRId64, STR_ARG(meta_name(t)), STR_ARG(s->name), ordinal);
        for (size_t i = json_len(volumes); i-- > 0;)
            if (str_eq(json_get_str(json_at(volumes, i), "name"), meta_name(t)))
                json_remove_at(volumes, i);
        json_append(volumes, json_buildf(s->a, "{'name':%S,'persistentVolumeClaim':{'claimName':%S}}", meta_name(t), claim));
        if (ctl_lookup(&of(s->c)->claims, s->ns, claim))
            continue;
        struct json *pvc = json_copy(s->a, t), *meta = json_ensure(s->a, pvc, "metadata");
        const struct json *labels = json_path(job->set, "spec.selector.matchLabels");
        json_set_strc(s->a, pvc, "kind", "PersistentVolumeClaim");
        json_set_strc(s->a, pvc, "apiVersion", "v1");
        json_remove(pvc, "status");
        json_set_str(s->a, meta, "name", claim);
        json_set_str(s->a, meta, "namespace", s->ns);
        if (labels)
            json_set(s->a, meta, "labels", json_copy(s->a, labels));
        sync_create(s, client_path(s->a, "v1", "persistentvolumeclaims", s->ns, STR_NULL, NULL), pvc, claim_created, NULL);
    }
    if (json_len(volumes) == 0)
        json_remove(json_get(pod, "spec"), "volumes");
}

static void create_pod(struct sync *s, int64_t ordinal)
{
    struct set_job *job = s->data;
    int64_t partition = json_path_int(job->set, "spec.updateStrategy.rollingUpdate.partition", 0);
    bool old = ordinal < partition && !str_eq(job->current, job->update);
    struct str name = pod_name(s, ordinal), revision = old ? job->current : job->update;
    struct json *pod = pod_from_template(s->a, old ? job->current_template : json_path(job->set, "spec.template"), job->set,
                                         "apps/v1", "StatefulSet");
    struct json *meta = json_get(pod, "metadata"), *labels = json_ensure(s->a, meta, "labels"), *spec = json_get(pod, "spec");
    json_remove(meta, "generateName");
    json_set_str(s->a, meta, "name", name);
    json_set_str(s->a, labels, HASH_LABEL, revision);
    json_set_str(s->a, labels, NAME_LABEL, name);
    json_set_str(s->a, spec, "hostname", name);
    if (json_path_str(job->set, "spec.serviceName").n)
        json_set_str(s->a, spec, "subdomain", json_path_str(job->set, "spec.serviceName"));
    add_claims(s, pod, ordinal);
    sync_create(s, client_path(s->a, "v1", "pods", s->ns, STR_NULL, NULL), pod, happened,
                arena_printf(s->a, "create " STR_FMT, STR_ARG(name)));
}

static void delete_pod(struct sync *s, const struct json *pod)
{
    sync_delete(s, sync_path(s, "v1", "pods", pod, NULL), NULL, happened,
                arena_printf(s->a, "delete " STR_FMT, STR_ARG(meta_name(pod))));
}

/* ---- status ---- */
static void write_status(struct sync *s)
{
    struct set_job *job = s->data;
    int64_t replicas = 0, ready = 0, current = 0, updated = 0;
    for (int64_t i = 0; i < job->replicas + (int64_t)job->extra_count; i++) {
        const struct json *pod = i < job->replicas ? job->pods[i] : job->extra[i - job->replicas];
        if (!pod)
            continue;
        replicas++;
        ready += is_running_and_ready(pod);
        current += !meta_deleting(pod) && str_eq(meta_label(pod, HASH_LABEL), job->current);
        updated += !meta_deleting(pod) && str_eq(meta_label(pod, HASH_LABEL), job->update);
    }
    struct json *st = json_buildf(s->a, "{'observedGeneration':%d,'replicas':%d}",
                                  json_path_int(job->set, "metadata.generation", 0), replicas);
    if (updated == replicas && ready == replicas && replicas == job->replicas) {       /* the update is complete */
        job->current = job->update;
        current = updated;
    }
    if (ready)
        json_set_int(s->a, st, "readyReplicas", ready);
    if (current)
        json_set_int(s->a, st, "currentReplicas", current);
    if (updated)
        json_set_int(s->a, st, "updatedReplicas", updated);
    json_set_str(s->a, st, "currentRevision", job->current);
    json_set_str(s->a, st, "updateRevision", job->update);
    json_set_int(s->a, st, "collisionCount", json_path_int(job->set, "status.collisionCount", 0));
    if (s->c->minor >= 22)
        json_set_int(s->a, st, "availableReplicas", ready);
    if (!json_equal(st, json_get(job->set, "status"))) {
        struct json *set = json_copy(s->a, job->set);
        json_set(s->a, set, "status", st);
        sync_update(s, sync_path(s, "apps/v1", "statefulsets", set, "status"), set, NULL, NULL);
    }
    sync_wait(s, sync_end);
}

/* ---- one step ---- */
/* Whether everything up to here is in place; with OrderedReady the first that is not stops the walk. */
static bool fill(struct sync *s, bool ordered)
{
    struct set_job *job = s->data;
    for (int64_t i = 0; i < job->replicas; i++) {
        const struct json *pod = job->pods[i];
        struct str phase = json_path_str(pod, "status.phase");
        if (!pod)
            create_pod(s, i);
        else if ((str_eqc(phase, "Failed") || str_eqc(phase, "Succeeded")) && !meta_deleting(pod))
            delete_pod(s, pod);
        else if (is_healthy(pod))
            continue;
        if (ordered)
            return false;
    }
    return true;
}

static bool shrink(struct sync *s, bool ordered)
{
    struct set_job *job = s->data;
    for (size_t i = 0; i < job->extra_count; i++) {
        if (!meta_deleting(job->extra[i]))
            delete_pod(s, job->extra[i]);
        if (ordered)
            return false;
    }
    return job->extra_count == 0;
}

static void update(struct sync *s)
{
    struct set_job *job = s->data;
    int64_t partition = json_path_int(job->set, "spec.updateStrategy.rollingUpdate.partition", 0);
    for (int64_t i = job->replicas - 1; i >= partition; i--) {
        const struct json *pod = job->pods[i];
        if (pod && !meta_deleting(pod) && !str_eq(meta_label(pod, HASH_LABEL), job->update)) {
            delete_pod(s, pod);
            return;
        }
        if (!is_healthy(pod))
            return;
    }
}

static void write_pods(struct sync *s)
{
    struct set_job *job = s->data;
    bool ordered = !str_eqc(json_path_str(job->set, "spec.podManagementPolicy"), "Parallel");
    if (!meta_deleting(job->set) && fill(s, ordered) && shrink(s, ordered) &&
        !str_eqc(json_path_str(job->set, "spec.updateStrategy.type"), "OnDelete"))
        update(s);
    sync_wait(s, write_status);
}

static void claim_pods(struct sync *s, const struct selector *sel)
{
    struct statefulsets *x = of(s->c);
    struct set_job *job = s->data;
    job->pods = arena_zalloc(s->a, ((size_t)job->replicas + 1) * sizeof *job->pods);
    job->extra = arena_zalloc(s->a, (informer_count(x->pods.informer) + 1) * sizeof *job->extra);
    size_t cursor = 0;
    for (const struct json *pod; ctl_next(&x->pods, &cursor, &pod);) {
        int64_t ordinal = str_eq(meta_namespace(pod), s->ns) ? ordinal_of(s, pod) : -1;
        if (ordinal < 0)
            continue;
        enum claim claim = claim_of(job->set, sel, pod);
        if (claim == CLAIM_ADOPT)
            claim_adopt(s, "v1", "pods", pod, "apps/v1", "StatefulSet", job->set);
        else if (claim == CLAIM_RELEASE)
            claim_release(s, "v1", "pods", pod, job->set);
        if (claim != CLAIM_MINE && claim != CLAIM_ADOPT)
            continue;
        if (ordinal < job->replicas) {
            job->pods[ordinal] = json_copy(s->a, pod);
            continue;
        }
        size_t at = job->extra_count++;
        for (; at > 0 && ordinal_of(s, job->extra[at - 1]) < ordinal; at--)
            job->extra[at] = job->extra[at - 1];
        job->extra[at] = json_copy(s->a, pod);
    }
}

static void claimed(struct sync *s)
{
    if (s->failed)
        sync_end(s);
    else
        ensure_revision(s);
}

static void sync_set(struct sync *s)
{
    const struct json *set = ctl_get(&of(s->c)->sets, s->key);
    struct selector *sel = set ? selector_from_json(s->a, json_path(set, "spec.selector"), NULL) : NULL;
    if (!sel) {
        sync_end(s);
        return;
    }
    struct set_job *job = s->data = ARENA_NEW(s->a, struct set_job);
    job->set = json_copy(s->a, set);
    job->replicas = json_path_int(set, "spec.replicas", 1);
    claim_pods(s, sel);
    sync_wait(s, claimed);
}

static void *start(const struct controller_context *cc)
{
    struct statefulsets *x = NEW(struct statefulsets);
    ctl_init(&x->ctl, cc, "statefulset", 5, sync_set);
    ctl_events(&x->ctl, "statefulset-controller");
    ctl_watch(&x->ctl, &x->sets, "apps/v1", "statefulsets", ctl_seen_enqueue);
    ctl_watch(&x->ctl, &x->pods, "v1", "pods", pod_seen);
    ctl_watch(&x->ctl, &x->claims, "v1", "persistentvolumeclaims", NULL);
    ctl_watch(&x->ctl, &x->revisions, "apps/v1", "controllerrevisions", NULL);
    return x;
}

static void stop(void *state)
{
    struct statefulsets *x = state;
    ctl_deinit(&x->ctl);
    free(x);
}

const struct controller_ops statefulset_controller = { "statefulset", "statefulset-controller", start, stop };
