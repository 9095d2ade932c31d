/* workloads/controllers/common.c - what several controllers do alike: claiming objects by controller reference, pods from
 * templates, template hashes.
 *
 * Upstream: pkg/controller/controller_ref_manager.go, controller_utils.go, pkg/util/hash. An object belongs to a controller when
 * its controller reference says so; it is released when its labels no longer match, and an orphan that matches is adopted.
 */
#include "workloads/controllers/controllers_priv.h"
#include "apiserver/schema/schema.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- claiming ---- */
enum claim claim_of(const struct json *owner, const struct selector *sel, const struct json *obj)
{
    bool matches = selector_matches(sel, meta_labels(obj));
    if (meta_controller(obj)) {
        if (!meta_owned_by(obj, meta_uid(owner)))
            return CLAIM_NO;
        return matches ? CLAIM_MINE : meta_deleting(owner) ? CLAIM_NO : CLAIM_RELEASE;
    }
    return matches && !meta_deleting(owner) && !meta_deleting(obj) ? CLAIM_ADOPT : CLAIM_NO;
}

void claim_adopt(struct sync *s, const char *api_version, const char *resource, const struct json *obj, const char *owner_api,
                 const char *owner_kind, const struct json *owner)
{
    struct json *ref = meta_owner_ref(s->a, owner_api, owner_kind, meta_name(owner), meta_uid(owner));
    sync_patch(s, sync_path(s, api_version, resource, obj, NULL), PATCH_STRATEGIC,
               json_buildf(s->a, "{'metadata':{'ownerReferences':[%j],'uid':%S}}", ref, meta_uid(obj)), NULL, NULL);
}

static void released(struct op *op, const struct client_result *r, const struct err *err)
{
    (void)r;                                       /* gone, or its reference is gone already (Invalid): as good as released */
    if (err->code != ERR_NONE && err->code != ERR_NOT_FOUND && err->code != ERR_INVALID)
        sync_fail(op->s, err);
}

void claim_release(struct sync *s, const char *api_version, const char *resource, const struct json *obj, const struct json *owner)
{
    sync_patch(s, sync_path(s, api_version, resource, obj, NULL), PATCH_STRATEGIC,
               json_buildf(s->a, "{'metadata':{'ownerReferences':[{'$patch':'delete','uid':%S}],'uid':%S}}", meta_uid(owner),
                           meta_uid(obj)), released, NULL);
}

const struct json *controller_of(struct ctl_watch *owners, const char *kind, const struct json *obj)
{
    const struct json *ref = meta_controller(obj);
    if (!ref || !str_eqc(json_get_str(ref, "kind"), kind))
        return NULL;
    const struct json *owner = ctl_lookup(owners, meta_namespace(obj), json_get_str(ref, "name"));
    return owner && str_eq(meta_uid(owner), json_get_str(ref, "uid")) ? owner : NULL;
}

void add_matching(struct ctl *c, struct ctl_watch *owners, const struct json *obj)
{
    if (!meta_labels(obj))
        return;
    size_t cursor = 0;
    for (const struct json *owner; ctl_next(owners, &cursor, &owner);) {
        if (!str_eq(meta_namespace(owner), meta_namespace(obj)))
            continue;
        struct arena *a = arena_new();
        const struct json *spec = json_path(owner, "spec.selector");
        bool plain = str_eqc(json_get_str(owner, "kind"), "ReplicationController");
        struct selector *sel = plain ? selector_from_map(a, spec) : selector_from_json(a, spec, NULL);
        if (sel && !selector_empty(sel) && selector_matches(sel, meta_labels(obj)))
            ctl_add_obj(c, owner);
        arena_free(a);
    }
}

/* ---- pods ---- */
bool pod_ready_since(const struct json *pod, int64_t *unix_ns)
{
    const struct json *ready = condition_find(json_path(pod, "status.conditions"), "Ready");
    *unix_ns = 0;
    if (!str_eqc(json_get_str(ready, "status"), "True"))
        return false;
    time_parse_rfc3339(json_get_str(ready, "lastTransitionTime"), unix_ns);
    return true;
}

bool pod_available(const struct json *pod, int64_t min_ready_s, int64_t now_ns)
{
    int64_t since;
    return pod_ready_since(pod, &since) && (min_ready_s == 0 || since + min_ready_s * SECOND <= now_ns);
}

struct json *pod_from_template(struct arena *a, const struct json *template, const struct json *owner, const char *owner_api,
                               const char *owner_kind)
{
    const struct json *meta = json_get(template, "metadata");
    struct json *pod = json_buildf(a,
                                   "{'kind':'Pod','apiVersion':'v1','metadata':{'generateName':%S,'ownerReferences':[%j]},'spec':%j}",
                                   arena_strf(a, STR_FMT "-", STR_ARG(meta_name(owner))),
                                   meta_owner_ref(a, owner_api, owner_kind, meta_name(owner), meta_uid(owner)),
                                   json_copy(a, json_get(template, "spec")));
    static const char *const copied[] = { "labels", "annotations", "finalizers" };
    for (size_t i = 0; i < ARRAY_LEN(copied); i++)
        if (json_len(json_get(meta, copied[i])))
            json_set(a, json_get(pod, "metadata"), copied[i], json_copy(a, json_get(meta, copied[i])));
    return pod;
}

int64_t obj_created_ns(const struct json *obj)
{
    int64_t ns = 0;
    meta_created_ns(obj, &ns);
    return ns;
}

bool is_namespace_terminating(const struct err *err)
{
    return err->code == ERR_FORBIDDEN && strstr(err->msg, "because it is being terminated");
}

struct json *delete_options(struct arena *a, const struct json *obj, const char *propagation)
{
    struct json *o = json_buildf(a, "{'kind':'DeleteOptions','apiVersion':'v1','preconditions':{'uid':%S}}", meta_uid(obj));
    if (propagation)
        json_set_strc(a, o, "propagationPolicy", propagation);
    return o;
}

/* ---- hashes ---- */
static uint32_t fnv1a(uint32_t h, const void *bytes, size_t n)
{
    const uint8_t *p = bytes;
    for (size_t i = 0; i < n; i++)
        h = (h ^ p[i]) * 16777619u;
    return h;
}

/* DOC: pod-template-hash - the dump of the template as the server's Go structs, FNV-1a, decimal digits in an alphabet without
 * vowels. */
const char *template_hash(struct arena *a, int minor, const struct json *template, int64_t collision_count)
{
    static const char safe[] = "bcdfghjklmnpqrstvwxz2456789";
    struct strbuf text;
    strbuf_init(&text, LIMIT_BODY_BYTES);
    schema_spew_pod_template(minor, template, &text);
    uint32_t h = fnv1a(2166136261u, text.p, text.n);
    strbuf_deinit(&text);
    if (collision_count >= 0) {
        uint8_t le[8] = { (uint8_t)collision_count, (uint8_t)(collision_count >> 8), (uint8_t)(collision_count >> 16),
                          (uint8_t)(collision_count >> 24) };
        h = fnv1a(h, le, sizeof le);
    }
    char *digits = arena_printf(a, "%" PRIu32, h);
    for (char *d = digits; *d; d++)
        *d = safe[(size_t)*d % (sizeof safe - 1)];
    return digits;
}

/* ---- who goes first ---- */
static int phase_rank(const struct json *pod)
{
    struct str phase = json_path_str(pod, "status.phase");
    return str_eqc(phase, "Pending") ? 0 : str_eqc(phase, "Unknown") ? 1 : 2;
}

static int64_t deletion_cost(const struct json *pod)
{
    int64_t cost = 0;
    return str_int(meta_annotation(pod, "controller.kubernetes.io/pod-deletion-cost"), &cost) ? cost : 0;
}

static int64_t restarts(const struct json *pod)
{
    int64_t most = 0;
    for (const struct json *st = json_first(json_path(pod, "status.containerStatuses")); st; st = json_next(st)) {
        int64_t n = json_get_int(st, "restartCount", 0);
        most = n > most ? n : most;
    }
    return most;
}

struct victim_key { int64_t v[8]; };

/* Smaller goes first; the versions differ in two of the criteria. Unused ones stay 0 for all. */
static struct victim_key victim_key(const struct victim *v, int minor)
{
    int64_t since;
    bool ready = pod_ready_since(v->pod, &since);
    return (struct victim_key){ {
        json_path_str(v->pod, "spec.nodeName").n > 0, phase_rank(v->pod), ready, minor >= 21 ? deletion_cost(v->pod) : 0,
            minor >= 20 ? -v->rank : 0,
        ready ? -since : 0, -restarts(v->pod), -obj_created_ns(v->pod) } };
}

static int victim_minor;

static int cmp_victims(const void *a, const void *b)
{
    const struct victim *x = a, *y = b;
    struct victim_key kx = victim_key(x, victim_minor), ky = victim_key(y, victim_minor);
    for (size_t i = 0; i < ARRAY_LEN(kx.v); i++)
        if (kx.v[i] != ky.v[i])
            return kx.v[i] < ky.v[i] ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

void victims_sort(struct victim *v, size_t n, int minor)
{
    victim_minor = minor;
    for (size_t i = 0; i < n; i++)
        v[i].order = i;
    qsort(v, n, sizeof *v, cmp_victims);
}
