/* workloads/controllers/volume_binder.c - which volume is whose: PersistentVolumeClaims and PersistentVolumes find each other.
 *
 * Upstream: pkg/controller/volume/persistentvolume/{pv_controller,index}.go. A sync takes one step (the volume's reference to the
 * claim, the volume's phase, the claim's reference to the volume, the claim's phase), and what it wrote wakes it for the next.
 * A claim without a volume is looked at again every 15 seconds, as by upstream's resync: that is also when it finds a volume that came
 * later. Keys: NAMESPACE/NAME is a claim, NAME a volume.
 *
 * Simplified: volumes are provisioned by nobody, since the plugins of clouds are not here (their classes get the event that upstream's
 * gets for a plugin it does not know); reclaiming with Delete removes hostPath volumes and fails for the others; Recycle does nothing.
 */
#include "workloads/controllers/controllers_priv.h"

#include <stdlib.h>

#define RESYNC            (15 * SECOND)
#define BIND_COMPLETED    "pv.kubernetes.io/bind-completed"
#define BOUND_BY_US       "pv.kubernetes.io/bound-by-controller"
#define CLASS_BETA        "volume.beta.kubernetes.io/storage-class"
#define PROVISIONER_BETA  "volume.beta.kubernetes.io/storage-provisioner"
#define PROVISIONER       "volume.kubernetes.io/storage-provisioner"
#define SELECTED_NODE     "volume.kubernetes.io/selected-node"

enum { PROVISIONER_GA_MINOR = 23, PLUGIN_NAMED_MINOR = 19 };

struct binder { struct ctl ctl; struct ctl_watch claims, volumes, classes, pods; };

static struct binder *of(struct ctl *c) { return container_of(c, struct binder, ctl); }

/* ---- reading ---- */

static struct str class_of(const struct json *obj)
{
    struct str beta = meta_annotation(obj, CLASS_BETA);
    return beta.n ? beta : json_path_str(obj, "spec.storageClassName");
}

static bool bound_to(const struct json *volume, const struct json *claim)
{
    const struct json *ref = json_path(volume, "spec.claimRef");
    struct str uid = json_get_str(ref, "uid");
    return ref && str_eq(json_get_str(ref, "name"), meta_name(claim)) &&
           str_eq(json_get_str(ref, "namespace"), meta_namespace(claim)) && (uid.n == 0 || str_eq(uid, meta_uid(claim)));
}

static bool is_delayed(struct binder *b, const struct json *claim)
{
    const struct json *class = ctl_get(&b->classes, class_of(claim));
    return class && str_eqc(json_get_str(class, "volumeBindingMode"), "WaitForFirstConsumer") &&
           meta_annotation(claim, SELECTED_NODE).n == 0;
}

static bool is_large_enough(const struct json *volume, const struct json *claim)
{
    struct quantity have, want;
    return quantity_parse(json_str(json_path(volume, "spec.capacity.storage")), &have, NULL) &&
           quantity_parse(json_str(json_path(claim, "spec.resources.requests.storage")), &want, NULL) && quantity_cmp(have, want) >= 0;
}

static bool same_mode(const struct json *volume, const struct json *claim)
{
    struct str v = json_path_str(volume, "spec.volumeMode"), c = json_path_str(claim, "spec.volumeMode");
    return str_eq(v.n ? v : STR("Filesystem"), c.n ? c : STR("Filesystem"));
}

static bool offers_modes(const struct json *volume, const struct json *claim)
{
    for (const struct json *m = json_first(json_path(claim, "spec.accessModes")); m; m = json_next(m)) {
        const struct json *o = json_first(json_path(volume, "spec.accessModes"));
        while (o && !str_eq(json_str(o), json_str(m)))
            o = json_next(o);
        if (!o)
            return false;
    }
    return true;
}

static bool is_candidate(struct arena *a, const struct json *volume, const struct json *claim)
{
    const struct json *selector = json_path(claim, "spec.selector");
    if (!str_eqc(json_path_str(volume, "status.phase"), "Available") || json_path(volume, "spec.claimRef") ||
        !str_eq(class_of(volume), class_of(claim)))
        return false;
    struct selector *sel = selector ? selector_from_json(a, selector, NULL) : NULL;
    return !selector || (sel && selector_matches(sel, json_path(volume, "metadata.labels")));
}

/* One with fewer access modes is better, then the smaller one. */
static bool is_better(const struct json *volume, const struct json *best)
{
    size_t v = json_len(json_path(volume, "spec.accessModes")), b = json_len(json_path(best, "spec.accessModes"));
    struct quantity qv, qb;
    if (!best || v != b)
        return !best || v < b;
    return quantity_parse(json_str(json_path(volume, "spec.capacity.storage")), &qv, NULL) &&
           quantity_parse(json_str(json_path(best, "spec.capacity.storage")), &qb, NULL) && quantity_cmp(qv, qb) < 0;
}

static const struct json *best_match(struct sync *s, const struct json *claim, bool delayed)
{
    const struct json *best = NULL;
    size_t cursor = 0;
    for (const struct json *volume; ctl_next(&of(s->c)->volumes, &cursor, &volume);) {
        if (!same_mode(volume, claim) || !offers_modes(volume, claim) || meta_deleting(volume) || !is_large_enough(volume, claim))
            continue;
        if (bound_to(volume, claim))
            return volume;
        if (!delayed && is_candidate(s->a, volume, claim) && is_better(volume, best))
            best = volume;
    }
    return best;
}

/* ---- writing ---- */

static void annotate(struct arena *a, struct json *obj, const char *key, struct str value)
{
    json_set_str(a, json_ensure(a, json_get(obj, "metadata"), "annotations"), key, value);
}

/* True: a call is under way, and what it changes wakes the sync again. */
static bool set_phase(struct sync *s, const char *resource, const struct json *obj, const char *phase, const char *reason,
                      const char *message)
{
    if (str_eqc(json_path_str(obj, "status.phase"), phase))
        return false;
    struct json *copy = json_copy(s->a, obj), *status = json_buildf(s->a, "{'phase':%s}", phase);
    if (message)
        json_set_strc(s->a, status, "message", message);
    if (reason)
        json_set_strc(s->a, status, "reason", reason);
    json_set(s->a, copy, "status", status);
    sync_update(s, sync_path(s, "v1", resource, obj, "status"), copy, NULL, NULL);
    return true;
}

static bool set_volume_phase(struct sync *s, const struct json *volume, const char *phase)
{
    return set_phase(s, "persistentvolumes", volume, phase, NULL, NULL);
}

static bool bind_volume(struct sync *s, const struct json *volume, const struct json *claim)
{
    if (bound_to(volume, claim) && json_path_str(volume, "spec.claimRef.uid").n)
        return false;
    struct json *copy = json_copy(s->a, volume);
    struct str ns = meta_namespace(claim), name = meta_name(claim), uid = meta_uid(claim),
               version = json_path_str(claim, "metadata.resourceVersion");
    if (!json_path(volume, "spec.claimRef"))
        annotate(s->a, copy, BOUND_BY_US, STR("yes"));
    json_set(s->a, json_get(copy, "spec"), "claimRef",
             json_buildf(s->a, "{'kind':'PersistentVolumeClaim','namespace':%S,'name':%S,'uid':%S,'apiVersion':'v1',"
                               "'resourceVersion':%S}", ns, name, uid, version));
    sync_update(s, sync_path(s, "v1", "persistentvolumes", volume, NULL), copy, NULL, NULL);
    return true;
}

static bool bind_claim(struct sync *s, const struct json *claim, const struct json *volume)
{
    bool named = str_eq(json_path_str(claim, "spec.volumeName"), meta_name(volume));
    if (named && meta_annotation(claim, BIND_COMPLETED).n)
        return false;
    struct json *copy = json_copy(s->a, claim);
    if (!named) {
        json_set_str(s->a, json_get(copy, "spec"), "volumeName", meta_name(volume));
        annotate(s->a, copy, BOUND_BY_US, STR("yes"));
    }
    annotate(s->a, copy, BIND_COMPLETED, STR("yes"));
    sync_update(s, sync_path(s, "v1", "persistentvolumeclaims", claim, NULL), copy, NULL, NULL);
    return true;
}

static void bound_status(struct sync *s, const struct json *claim, const struct json *volume)
{
    const struct json *modes = json_path(volume, "spec.accessModes"), *capacity = json_path(volume, "spec.capacity");
    if (str_eqc(json_path_str(claim, "status.phase"), "Bound"))
        return;
    struct json *copy = json_copy(s->a, claim), *status = json_buildf(s->a, "{'phase':'Bound'}");
    json_set(s->a, status, "accessModes", json_copy(s->a, modes));
    json_set(s->a, status, "capacity", json_copy(s->a, capacity));
    json_set(s->a, copy, "status", status);
    sync_update(s, sync_path(s, "v1", "persistentvolumeclaims", claim, "status"), copy, NULL, NULL);
}

static void bind(struct sync *s, const struct json *volume, const struct json *claim)
{
    if (!bind_volume(s, volume, claim) && !set_volume_phase(s, volume, "Bound") && !bind_claim(s, claim, volume))
        bound_status(s, claim, volume);
}

/* ---- claims ---- */

static void say_waiting(struct sync *s, const struct json *claim)
{
    struct str names = STR_NULL;
    size_t cursor = 0, n = 0;
    for (const struct json *pod; ctl_next(&of(s->c)->pods, &cursor, &pod);) {
        if (!str_eq(meta_namespace(pod), s->ns) || json_path_str(pod, "spec.nodeName").n || pod_is_over(pod) ||
            !pod_mounts_claim(pod, s->name))
            continue;
        struct str name = meta_name(pod);
        names = arena_strf(s->a, STR_FMT "%s" STR_FMT, STR_ARG(names), n++ ? "," : "", STR_ARG(name));
    }
    if (n == 0)
        event_record(s->c->events, claim, NULL, "Normal", "WaitForFirstConsumer",
                     "waiting for first consumer to be created before binding");
    else
        event_record(s->c->events, claim, NULL, "Normal", "WaitForPodScheduled", "waiting for pod%s " STR_FMT " to be scheduled",
                     n > 1 ? "s" : "", STR_ARG(names));
}

/* A provisioner of its own is told by an annotation; one of ours there is none. */
static void provision(struct sync *s, const struct json *claim)
{
    struct str class_name = class_of(claim);
    const struct json *class = ctl_get(&of(s->c)->classes, class_name);
    struct str provisioner = json_get_str(class, "provisioner");
    if (!class) {
        event_record(s->c->events, claim, NULL, "Warning", "ProvisioningFailed",
                     "storageclass.storage.k8s.io \"" STR_FMT "\" not found", STR_ARG(class_name));
        return;
    }
    if (str_starts(provisioner, "kubernetes.io/")) {
        struct str named = s->c->minor >= PLUGIN_NAMED_MINOR ? arena_strf(s->a, " name: " STR_FMT, STR_ARG(provisioner)) : STR("");
        event_record(s->c->events, claim, NULL, "Warning", "ProvisioningFailed", "no volume plugin matched" STR_FMT, STR_ARG(named));
        return;
    }
    if (!str_eq(meta_annotation(claim, PROVISIONER_BETA), provisioner)) {
        struct json *copy = json_copy(s->a, claim);
        annotate(s->a, copy, PROVISIONER_BETA, provisioner);
        if (s->c->minor >= PROVISIONER_GA_MINOR)
            annotate(s->a, copy, PROVISIONER, provisioner);
        sync_update(s, sync_path(s, "v1", "persistentvolumeclaims", claim, NULL), copy, NULL, NULL);
        return;                                    /* told once it is written */
    }
    event_record(s->c->events, claim, NULL, "Normal", "ExternalProvisioning",
                 s->c->minor >= 28 ? "Waiting for a volume to be created either by the external provisioner '" STR_FMT "' or manually "
                                     "by the system administrator. If volume creation is delayed, please verify that the "
                                     "provisioner is running and correctly registered."
                                   : "waiting for a volume to be created, either by external provisioner \"" STR_FMT "\" or manually "
                                     "created by system administrator", STR_ARG(provisioner));
}

static void find_volume(struct sync *s, const struct json *claim)
{
    bool delayed = is_delayed(of(s->c), claim);
    const struct json *volume = best_match(s, claim, delayed);
    if (volume)
        bind(s, volume, claim);
    else if (delayed)
        say_waiting(s, claim);
    else if (class_of(claim).n)
        provision(s, claim);
    else
        event_record(s->c->events, claim, NULL, "Normal", "FailedBinding",
                     "no persistent volumes available for this claim and no storage class is set");
}

/* The user named a volume. */
static void take_volume(struct sync *s, const struct json *claim, const struct json *volume)
{
    struct str name = json_path_str(claim, "spec.volumeName");
    if (!volume)
        return;
    if (json_path(volume, "spec.claimRef") && !bound_to(volume, claim)) {
        event_record(s->c->events, claim, NULL, "Warning", "FailedBinding",
                     "volume \"" STR_FMT "\" already bound to a different claim.", STR_ARG(name));
        return;
    }
    const char *wrong = !is_large_enough(volume, claim) ? "requested PV is too small" :
                        !str_eq(class_of(volume), class_of(claim)) ? "storageClassName does not match" :
                        !same_mode(volume, claim) ? "incompatible volumeMode" :
                        !offers_modes(volume, claim) ? "incompatible accessMode" : NULL;
    if (wrong && !json_path(volume, "spec.claimRef"))
        event_record(s->c->events, claim, NULL, "Warning", "VolumeMismatch", "Cannot bind to requested volume \"" STR_FMT "\": %s",
                     STR_ARG(name), wrong);
    else
        bind(s, volume, claim);
}

static void lose(struct sync *s, const struct json *claim, const char *reason, const char *message)
{
    if (set_phase(s, "persistentvolumeclaims", claim, "Lost", NULL, NULL))
        event_record(s->c->events, claim, NULL, "Warning", reason, "%s", message);
}

static void keep_bound(struct sync *s, const struct json *claim, const struct json *volume)
{
    if (json_path_str(claim, "spec.volumeName").n == 0)
        lose(s, claim, "ClaimLost", "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!");
    else if (!volume)
        lose(s, claim, "ClaimLost", "Bound claim has lost its PersistentVolume. Data on the volume is lost!");
    else if (!json_path(volume, "spec.claimRef") || bound_to(volume, claim))
        bind(s, volume, claim);
    else
        lose(s, claim, "ClaimMisbound", "Two claims are bound to the same volume, this one is bound incorrectly");
}

static void sync_claim(struct sync *s)
{
    struct binder *b = of(s->c);
    const struct json *claim = ctl_get(&b->claims, s->key);
    struct str name = json_path_str(claim, "spec.volumeName");
    const struct json *volume = name.n ? ctl_get(&b->volumes, name) : NULL;
    if (claim && meta_annotation(claim, BIND_COMPLETED).n)
        keep_bound(s, claim, volume);
    else if (claim && name.n)
        take_volume(s, claim, volume);
    else if (claim)
        find_volume(s, claim);
    if (claim && !str_eqc(json_path_str(claim, "status.phase"), "Bound"))
        ctl_add_after(s->c, s->key, RESYNC);
}

/* ---- volumes ---- */

static void fail_delete(struct sync *s, const struct json *volume, const char *why)
{
    if (set_phase(s, "persistentvolumes", volume, "Failed", NULL, why))
        event_record(s->c->events, volume, NULL, "Warning", "VolumeFailedDelete", "%s", why);
}

static void reclaim(struct sync *s, const struct json *volume)
{
    struct str path = json_path_str(volume, "spec.hostPath.path"), name = meta_name(volume);
    if (!str_eqc(json_path_str(volume, "spec.persistentVolumeReclaimPolicy"), "Delete") || meta_deleting(volume))
        return;
    if (!json_path(volume, "spec.hostPath"))
        fail_delete(s, volume, arena_printf(s->a, "error getting deleter volume plugin for volume \"" STR_FMT
                                                  "\": no deletable volume plugin matched", STR_ARG(name)));
    else if (!str_starts(path, "/tmp/") || path.n <= 5)
        fail_delete(s, volume, arena_printf(s->a, "host_path deleter only supports /tmp/.+ but received provided " STR_FMT,
                                            STR_ARG(path)));
    else
        sync_delete(s, sync_path(s, "v1", "persistentvolumes", volume, NULL), delete_options(s->a, volume, NULL), NULL, NULL);
}

/* The claim went to another volume: this one is free again. */
static void unbind(struct sync *s, const struct json *volume)
{
    struct json *copy = json_copy(s->a, volume);
    if (meta_annotation(volume, BOUND_BY_US).n) {
        json_remove(json_path(copy, "metadata.annotations"), BOUND_BY_US);
        json_remove(json_get(copy, "spec"), "claimRef");
    } else {
        json_remove(json_path(copy, "spec.claimRef"), "uid");
    }
    sync_update(s, sync_path(s, "v1", "persistentvolumes", volume, NULL), copy, NULL, NULL);
}

static void sync_volume(struct sync *s)
{
    struct binder *b = of(s->c);
    const struct json *volume = ctl_get(&b->volumes, s->key), *ref = json_path(volume, "spec.claimRef");
    if (!volume)
        return;
    if (json_get_str(ref, "uid").n == 0) {                 /* free, or set aside for a claim that is to come */
        set_volume_phase(s, volume, "Available");
        return;
    }
    const struct json *claim = ctl_lookup(&b->claims, json_get_str(ref, "namespace"), json_get_str(ref, "name"));
    struct str phase = json_path_str(volume, "status.phase");
    if (!claim || !str_eq(meta_uid(claim), json_get_str(ref, "uid"))) {
        if (str_eqc(phase, "Released") || str_eqc(phase, "Failed") || !set_volume_phase(s, volume, "Released"))
            reclaim(s, volume);
    } else if (str_eq(json_path_str(claim, "spec.volumeName"), s->key)) {
        set_volume_phase(s, volume, "Bound");
    } else if (json_path_str(claim, "spec.volumeName").n == 0) {
        ctl_add_obj(s->c, claim);
    } else {
        unbind(s, volume);
    }
}

static void sync_any(struct sync *s)
{
    if (s->ns.n)
        sync_claim(s);
    else
        sync_volume(s);
    sync_wait(s, sync_end);
}

/* ---- what wakes it ---- */

static void claim_seen(struct ctl *c, const struct json *old, const struct json *now)
{
    struct str volume = json_path_str(now ? now : old, "spec.volumeName");
    if (now)
        ctl_add_obj(c, now);
    if (volume.n)
        ctl_add(c, volume);
}

/* Of the claims only the one that the volume is for is told. */
static void volume_seen(struct ctl *c, const struct json *old, const struct json *now)
{
    const struct json *ref = json_path(now ? now : old, "spec.claimRef");
    if (now)
        ctl_add_obj(c, now);
    if (!ref)
        return;
    struct arena *a = arena_new();
    struct str ns = json_get_str(ref, "namespace"), name = json_get_str(ref, "name");
    ctl_add(c, arena_strf(a, STR_FMT "/" STR_FMT, STR_ARG(ns), STR_ARG(name)));
    arena_free(a);
}

static void nothing_seen(struct ctl *c, const struct json *old, const struct json *now)
{
    (void)c; (void)old; (void)now;
}

static void *start(const struct controller_context *cc)
{
    struct binder *b = NEW(struct binder);
    ctl_init(&b->ctl, cc, "persistentvolume-binder", 1, sync_any);
    ctl_events(&b->ctl, "persistentvolume-controller");
    ctl_watch(&b->ctl, &b->volumes, "v1", "persistentvolumes", volume_seen);
    ctl_watch(&b->ctl, &b->claims, "v1", "persistentvolumeclaims", claim_seen);
    ctl_watch(&b->ctl, &b->classes, "storage.k8s.io/v1", "storageclasses", nothing_seen);
    ctl_watch(&b->ctl, &b->pods, "v1", "pods", nothing_seen);
    return b;
}

static void stop(void *state)
{
    struct binder *b = state;
    ctl_deinit(&b->ctl);
    free(b);
}

const struct controller_ops volume_binder = { "persistentvolume-binder", "persistent-volume-binder", start, stop };
