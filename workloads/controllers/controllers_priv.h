/* workloads/controllers/controllers_priv.h - what the controllers of this room share.
 *
 * A controller is a `struct ctl`: informers whose changes become keys, a queue of keys, and a function that makes one key true.
 * Working on a key is a `struct sync`: it starts calls, waits for all of them, goes on with its next step, and ends. All that a
 * sync makes lives in its arena.
 */
#ifndef WORKLOADS_CONTROLLERS_CONTROLLERS_PRIV_H
#define WORKLOADS_CONTROLLERS_CONTROLLERS_PRIV_H

#include "workloads/controllers/controllers.h"

#define SECOND ((int64_t)NS_PER_S)

/* ---- what the manager hands to the controllers of this room (wraps the context that every controller gets) ---- */
struct kcm_context {
    struct controller_context cc;                  /* cc.client: the controller's own identity, for all that it writes */
    /* the manager's: informers list and watch through it, as upstream's shared-informers client */
    struct client            *shared;
    const struct controller_manager_options *opt;  /* keys and certificates; lives as long as the manager */
};
const struct kcm_context *kcm_of(const struct controller_context *cc);

/* ---- ctl: informers, a queue, calls ---- */
struct ctl;
struct sync;
struct ctl_watch {
    struct list             node;
    struct ctl             *c;
    struct informer        *informer;
    struct informer_handler handler;
    /* old NULL: new here; now NULL: gone */
    void                  (*seen)(struct ctl *c, const struct json *old, const struct json *now);
};
struct ctl {
    struct loop           *loop;
    struct client         *client;
    const struct kcm_context *kcm;
    int                    minor;
    struct workqueue      *queue;
    struct event_recorder *events;                 /* NULL until ctl_events */
    void                 (*sync)(struct sync *s);
    void                 (*on_ready)(struct ctl *c); /* optional: when every informer has synced */
    struct list            watches, syncs;
    struct map            *early;                  /* keys that came before all informers had synced */
    size_t                 holds;                  /* informers not yet synced, and what ctl_hold adds */
};
void ctl_init(struct ctl *c, const struct controller_context *cc, const char *name, size_t workers, void (*sync)(struct sync *s));
void ctl_deinit(struct ctl *c);                    /* cancels everything under way */
void ctl_events(struct ctl *c, const char *component);
/* Watch a collection through the shared client. Of the handlers only `seen` runs, from the first list on. */
void ctl_watch(struct ctl *c, struct ctl_watch *w, const char *api_version, const char *resource,
               void (*seen)(struct ctl *c, const struct json *old, const struct json *now));
void ctl_hold(struct ctl *c);                      /* no key is processed before the matching release */
void ctl_release(struct ctl *c);
void ctl_add(struct ctl *c, struct str key);
void ctl_add_after(struct ctl *c, struct str key, int64_t delay_ns);
void ctl_add_obj(struct ctl *c, const struct json *obj);         /* by its namespace/name */
void ctl_seen_enqueue(struct ctl *c, const struct json *old, const struct json *now);   /* a `seen` that adds the object itself */
const struct json *ctl_get(struct ctl_watch *w, struct str key); /* borrowed until the next turn, or NULL */
const struct json *ctl_lookup(struct ctl_watch *w, struct str ns, struct str name);
bool ctl_next(struct ctl_watch *w, size_t *cursor, const struct json **obj);

/* ---- sync: one key being worked on ---- */
struct op;
typedef void op_done(struct op *op, const struct client_result *r, const struct err *err);
struct op {                                        /* one call of a sync */
    struct list         node;
    struct sync        *s;
    struct client_call *call;
    op_done            *done;
    void               *arg;
};
struct sync {
    struct list   node;
    struct ctl   *c;
    struct str    key, ns, name;                   /* key split at the slash; ns empty for cluster-scoped objects */
    struct arena *a;
    struct list   ops;
    size_t        pending;
    bool          failed;                          /* the key is to be tried again with back-off */
    void        (*then)(struct sync *s);
    void         *data;                            /* the controller's, in a */
};
/* done NULL: an error marks the sync as failed (absence is no error for a delete). The result's object lives during done. */
void sync_get(struct sync *s, const char *path, op_done *done, void *arg);
void sync_create(struct sync *s, const char *path, const struct json *obj, op_done *done, void *arg);
void sync_update(struct sync *s, const char *path, const struct json *obj, op_done *done, void *arg);
void sync_patch(struct sync *s, const char *path, enum client_patch type, const struct json *patch, op_done *done, void *arg);
void sync_delete(struct sync *s, const char *path, const struct json *options, op_done *done, void *arg);
/* when all calls are done: at once when there is none. Nothing may follow it. */
void sync_wait(struct sync *s, void (*then)(struct sync *s));
void sync_end(struct sync *s);                     /* frees s */
void sync_fail(struct sync *s, const struct err *err);           /* mark as failed, with a line in the log */
/* of obj */
const char *sync_path(struct sync *s, const char *api_version, const char *resource, const struct json *obj, const char *subresource);

/* ---- references, selectors and pods (pkg/controller/controller_ref_manager.go and controller_utils.go) ---- */
/* What a controller does about an object that may be its own: keep it, leave it, adopt it or release it. */
enum claim { CLAIM_NO, CLAIM_MINE, CLAIM_ADOPT, CLAIM_RELEASE };
enum claim claim_of(const struct json *owner, const struct selector *sel, const struct json *obj);
void claim_adopt(struct sync *s, const char *api_version, const char *resource, const struct json *obj, const char *owner_api,
                 const char *owner_kind, const struct json *owner);
void claim_release(struct sync *s, const char *api_version, const char *resource, const struct json *obj, const struct json *owner);
/* The object whose controller reference is held by `obj`, if it is of this kind and uid. */
const struct json *controller_of(struct ctl_watch *owners, const char *kind, const struct json *obj);
/* Every object of `owners` in obj's namespace whose spec.selector matches obj's labels is added to the queue: an orphan's
 * possible owners. */
void add_matching(struct ctl *c, struct ctl_watch *owners, const struct json *obj);
bool pod_available(const struct json *pod, int64_t min_ready_s, int64_t now_ns);
bool pod_ready_since(const struct json *pod, int64_t *unix_ns);
/* The pod that a controller posts for its template: generateName, labels, annotations, finalizers, controller reference, spec. */
struct json *pod_from_template(struct arena *a, const struct json *template, const struct json *owner, const char *owner_api,
                               const char *owner_kind);
int64_t obj_created_ns(const struct json *obj);
bool is_namespace_terminating(const struct err *err);
/* {"preconditions":{"uid":...}} with an optional propagationPolicy. */
struct json *delete_options(struct arena *a, const struct json *obj, const char *propagation);
/* 32-bit FNV-1a of the template's dump, in the safe alphabet; collision_count < 0 when there is none (ComputeHash). */
const char *template_hash(struct arena *a, int minor, const struct json *template, int64_t collision_count);

/* Order of pods to be deleted first (ActivePods, ActivePodsWithRanks). */
struct victim { const struct json *pod; int64_t rank; size_t order; };
void victims_sort(struct victim *v, size_t n, int minor);

/* ---- pods and claims (volume_protection.c) ---- */
bool pod_mounts_claim(const struct json *pod, struct str name);
bool pod_is_over(const struct json *pod);          /* Succeeded or Failed */

/* ---- nodes and pods (node_fit.c) ---- */
/* The first taint with one of these effects ("NoSchedule", "NoExecute"; NULL-terminated) that nothing tolerates, or NULL. */
const struct json *taint_untolerated(const struct json *taints, const struct json *tolerations, const char *const *effects);
bool toleration_matches(const struct json *toleration, const struct json *taint);
/* nodeSelector and required node affinity of a pod's spec. */
bool node_selected(const struct json *pod_spec, const struct json *node);
bool node_is_ready(const struct json *node);

/* ---- discovery: every resource of the server, each in its preferred version ---- */
struct api_resource {
    const char *group, *api_version, *resource, *kind;
    int         rank;                              /* 0: preferred version */
    bool        namespaced, can_list, can_watch, can_delete, can_delete_collection;
};
struct api_resources {
    struct api_resource *v; size_t n, cap;
    /* "metrics.k8s.io/v1beta1: the server is currently unable to handle the request", joined by ", "; NULL: all answered */
    const char *failed;
    size_t failed_count;
};
/* Fills out (in s->a, zeroed by the caller) and goes on with then. A group that does not answer is one in failed. */
void sync_discover(struct sync *s, struct api_resources *out, void (*then)(struct sync *s));

/* ---- the controllers ---- */
extern const struct controller_ops tokens_controller, serviceaccount_controller, root_ca_controller, namespace_controller,
    replicaset_controller, replication_controller, deployment_controller, daemonset_controller, endpoints_controller,
    endpointslice_controller, garbage_collector, pod_gc_controller, node_lifecycle_controller, ttl_controller, job_controller,
    cronjob_controller, statefulset_controller, csr_controller, bootstrap_signer, token_cleaner, clusterrole_aggregation_controller,
    resourcequota_controller, disruption_controller, volume_binder, pvc_protection_controller, pv_protection_controller;
void tokens_key_arrived(void *state);              /* opt->sa_key is set now */

#endif
