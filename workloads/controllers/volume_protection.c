/* workloads/controllers/volume_protection.c - claims and volumes that are in use stay until they are not.
 *
 * Upstream: pkg/controller/volume/{pvcprotection,pvprotection}. The admission plugin StorageObjectInUseProtection gives each a
 * finalizer; here it is taken off one that is being deleted as soon as no bound pod mounts the claim, no claim is bound to the volume;
 * and given to one that came without it.
 */
#include "workloads/controllers/controllers_priv.h"

#include <stdlib.h>

#define CLAIM_FINALIZER  "kubernetes.io/pvc-protection"
#define VOLUME_FINALIZER "kubernetes.io/pv-protection"

struct protection { struct ctl ctl; struct ctl_watch objects, pods; };

static struct protection *of(struct ctl *c) { return container_of(c, struct protection, ctl); }

bool pod_mounts_claim(const struct json *pod, struct str name)
{
    for (const struct json *v = json_first(json_path(pod, "spec.volumes")); v; v = json_next(v))
        if (str_eq(json_path_str(v, "persistentVolumeClaim.claimName"), name))
            return true;
    return false;
}

bool pod_is_over(const struct json *pod)
{
    struct str phase = json_path_str(pod, "status.phase");
    return str_eqc(phase, "Succeeded") || str_eqc(phase, "Failed");
}

/* A pod that nobody has bound to a node will not start with a claim that is going. */
static bool claim_in_use(struct protection *p, const struct json *claim)
{
    size_t cursor = 0;
    for (const struct json *pod; ctl_next(&p->pods, &cursor, &pod);)
        if (str_eq(meta_namespace(pod), meta_namespace(claim)) && json_path_str(pod, "spec.nodeName").n && !pod_is_over(pod) &&
            pod_mounts_claim(pod, meta_name(claim)))
            return true;
    return false;
}

static bool has_finalizer(const struct json *obj, const char *name)
{
    for (const struct json *f = json_first(json_path(obj, "metadata.finalizers")); f; f = json_next(f))
        if (str_eqc(json_str(f), name))
            return true;
    return false;
}

static struct json *with_finalizer(struct arena *a, const struct json *obj, const char *name, bool wanted)
{
    struct json *copy = json_copy(a, obj), *list = json_new_array(a);
    for (const struct json *f = json_first(json_path(obj, "metadata.finalizers")); f; f = json_next(f))
        if (!str_eqc(json_str(f), name))
            json_append(list, json_copy(a, f));
    if (wanted)
        json_append(list, json_new_strc(a, name));
    json_set(a, json_get(copy, "metadata"), "finalizers", list);
    return copy;
}

/* Somebody else's change since is another sync's business. */
static void written(struct op *op, const struct client_result *r, const struct err *err)
{
    (void)r;
    if (err->code != ERR_NONE && err->code != ERR_NOT_FOUND)
        sync_fail(op->s, err);
}

static void protect(struct sync *s, const struct json *obj, const char *resource, const char *finalizer, bool in_use)
{
    bool has = obj && has_finalizer(obj, finalizer), going = obj && meta_deleting(obj);
    if (obj && ((going && has && !in_use) || (!going && !has)))
        sync_update(s, sync_path(s, "v1", resource, obj, NULL), with_finalizer(s->a, obj, finalizer, !going), written, NULL);
    sync_wait(s, sync_end);
}

static void sync_claim(struct sync *s)
{
    const struct json *claim = ctl_get(&of(s->c)->objects, s->key);
    protect(s, claim, "persistentvolumeclaims", CLAIM_FINALIZER, claim && meta_deleting(claim) && claim_in_use(of(s->c), claim));
}

static void sync_volume(struct sync *s)
{
    const struct json *volume = ctl_get(&of(s->c)->objects, s->key);
    protect(s, volume, "persistentvolumes", VOLUME_FINALIZER, str_eqc(json_path_str(volume, "status.phase"), "Bound"));
}

static void object_seen(struct ctl *c, const struct json *old, const struct json *now)
{
    (void)old;
    if (now)
        ctl_add_obj(c, now);
}

static void pod_seen(struct ctl *c, const struct json *old, const struct json *now)
{
    const struct json *pod = now ? now : old;
    if (now && !pod_is_over(now))
        return;
    struct arena *a = arena_new();
    for (const struct json *v = json_first(json_path(pod, "spec.volumes")); v; v = json_next(v)) {
        struct str claim = json_path_str(v, "persistentVolumeClaim.claimName"), ns = meta_namespace(pod);
        if (claim.n)
            ctl_add(c, arena_strf(a, STR_FMT "/" STR_FMT, STR_ARG(ns), STR_ARG(claim)));
    }
    arena_free(a);
}

static void *start_claims(const struct controller_context *cc)
{
    struct protection *p = NEW(struct protection);
    ctl_init(&p->ctl, cc, "pvcprotection", 1, sync_claim);
    ctl_watch(&p->ctl, &p->objects, "v1", "persistentvolumeclaims", object_seen);
    ctl_watch(&p->ctl, &p->pods, "v1", "pods", pod_seen);
    return p;
}

static void *start_volumes(const struct controller_context *cc)
{
    struct protection *p = NEW(struct protection);
    ctl_init(&p->ctl, cc, "pvprotection", 1, sync_volume);
    ctl_watch(&p->ctl, &p->objects, "v1", "persistentvolumes", object_seen);
    return p;
}

static void stop(void *state)
{
    struct protection *p = state;
    ctl_deinit(&p->ctl);
    free(p);
}

const struct controller_ops pvc_protection_controller = { "pvc-protection", "pvc-protection-controller", start_claims, stop };
const struct controller_ops pv_protection_controller = { "pv-protection", "pv-protection-controller", start_volumes, stop };
