/* sim/client/client.h - client-go in small: REST calls, reflectors and informers, work queues, controllers, events, leases.
 *
 * Every component is a client under the identity it has in a real cluster; nothing here knows types. Calls never call
 * back inside the call.
 */
#ifndef SIM_CLIENT_CLIENT_H
#define SIM_CLIENT_CLIENT_H

#include "sim/api/api.h"
#include "sim/http/http.h"

/* ---- REST ---- */
struct client;
struct client_options {
    struct vnet_host   *from;
    const char         *server;                    /* "https://192.168.229.132:6443" */
    const struct trust *roots;                     /* borrowed */
    bool                insecure;                  /* insecure-skip-tls-verify */
    struct identity    *identity;                  /* client certificate, or NULL */
    struct str        (*token)(void *ctx); void *token_ctx;   /* bearer token, asked at each call, or NULL */
    const char         *user_agent;                /* "kube-controller-manager/v1.16.6 (linux/amd64) kubernetes/..." */
    const char         *name;                      /* for logs and rng streams */
};
struct client *client_new(const struct client_options *opt);
void client_set_identity(struct client *c, struct identity *id);  /* another client certificate from the next call on */
void client_free(struct client *c);                /* cancels what is under way (no callbacks) */
struct loop *client_loop(struct client *c);
/* Where what goes wrong in the background (reflectors, leader election) is said, in client-go's words of that minor
 * version: severity 'I', 'W', 'E' or 'F', and the place in klog's form, "reflector.go:123". */
typedef void client_log(void *ctx, char severity, const char *where, const char *text);
void client_set_log(struct client *c, int minor, client_log *line, void *ctx);
struct http_client *client_http(struct client *c);

struct client_result {                             /* lives during the callback */
    int                http_status;                /* 0 when the server was not reached */
    struct str         body;
    struct json       *obj;                        /* parsed body of a 2xx JSON answer, else NULL; done may change it */
    struct arena      *arena;
};
/* err->code ERR_NONE for 2xx; else what the server's Status says (status_to_err), or the transport's error. */
typedef void client_done(void *ctx, const struct client_result *r, const struct err *err);
struct client_call;                                /* a handle, valid until done or cancel */
enum client_patch { PATCH_JSON, PATCH_MERGE, PATCH_STRATEGIC, PATCH_APPLY };
struct client_call *client_get(struct client *c, const char *path, client_done *done, void *ctx);
struct client_call *client_create(struct client *c, const char *path, const struct json *obj, client_done *done, void *ctx);
struct client_call *client_update(struct client *c, const char *path, const struct json *obj, client_done *done, void *ctx);
struct client_call *client_patch(struct client *c, const char *path, enum client_patch type, const struct json *patch,
                                 client_done *done, void *ctx);
/* done wants to know whether the call succeeded and no more: the answer is not parsed, obj is NULL. */
void client_answer_unread(struct client_call *call);
struct client_call *client_delete(struct client *c, const char *path, const struct json *options /* NULL */,
                                  client_done *done, void *ctx);
void client_cancel(struct client_call *call);
/* The one that HTTP's method names: POST with a body creates, PUT updates, PATCH patches (type: "json", "merge",
 * "strategic" or "apply"), DELETE deletes, everything else gets. */
struct client_call *client_call_method(struct client *c, const char *method, const char *path, const char *type,
                                       const struct json *body, client_done *done, void *ctx);
bool client_patch_type(struct str name, enum client_patch *type);     /* false: it is none of these */
/* "/api/v1/namespaces/NS/pods/NAME", "/apis/apps/v1/..."; ns or name empty leaves the part out */
const char *client_path(struct arena *a, const char *api_version, const char *resource, struct str ns, struct str name,
                        const char *subresource);

/* ---- informer: reflector (list, watch, relist on 410 with back-off) + store + handlers ---- */
struct informer;                                   /* shared: one per (client, path, query) through informer_shared */
struct informer_handler {
    struct list node;                              /* private */
    void (*on_add)(void *ctx, struct object *o);
    void (*on_update)(void *ctx, struct object *old, struct object *o);       /* also on resync, with old == o */
    void (*on_delete)(void *ctx, struct object *o);
    void *ctx;
};
/* path of the collection, e.g. "/api/v1/pods"; query e.g. "fieldSelector=spec.nodeName%3Dubuntu" or "". Asking twice
 * gives the same informer. */
struct informer *informer_shared(struct client *c, const char *path, const char *query);
void informer_add_handler(struct informer *i, struct informer_handler *h);     /* objects already known are announced by task */
void informer_remove_handler(struct informer *i, struct informer_handler *h);
void informer_set_resync(struct informer *i, int64_t period_ns);
bool informer_synced(const struct informer *i);
/* once, when synced (by task, also when it already is) */
void informer_on_sync(struct informer *i, void (*fn)(void *ctx), void *ctx);
/* "list" or "watch" failed: for logs in klog form */
void informer_on_error(struct informer *i, void (*fn)(void *ctx, const char *what, const struct err *err), void *ctx);
struct object *informer_get(struct informer *i, struct str key);               /* borrowed or NULL; key as meta_key */
/* borrowed, in order of first sight; do not add or remove meanwhile (single-threaded: within one callback) */
bool informer_next(struct informer *i, size_t *cursor, struct object **o);
size_t informer_count(const struct informer *i);

/* ---- work queue: keys, each processed by one worker at a time ---- */
/* Rate-limited re-adds come after 5 ms * 2^n, at most 1000 s, as client-go's default. */
struct workqueue;
/* process(key) must end with workqueue_done(q, key) now or later. */
struct workqueue *workqueue_new(struct loop *l, const char *name, size_t workers, void (*process)(void *ctx, struct str key),
                                void *ctx);
void workqueue_free(struct workqueue *q);
void workqueue_add(struct workqueue *q, struct str key);
void workqueue_add_after(struct workqueue *q, struct str key, int64_t delay_ns);       /* keeps the earliest of several */
void workqueue_add_rate_limited(struct workqueue *q, struct str key);
void workqueue_forget(struct workqueue *q, struct str key);                             /* resets the back-off */
int  workqueue_requeues(const struct workqueue *q, struct str key);
void workqueue_done(struct workqueue *q, struct str key);
size_t workqueue_len(const struct workqueue *q);

/* ---- events: client-go tools/record with aggregation, counting and spam filter ---- */
struct event_recorder;                             /* event_record takes NULL: nobody records */
struct event_recorder *event_recorder_new(struct client *c, const char *component, const char *host /* or NULL */);
void event_recorder_free(struct event_recorder *r);
/* regarding: the involved object's tree, or a hand-made reference with kind, apiVersion and metadata. field_path:
 * "spec.containers{web}" or NULL. type: "Normal", "Warning" */
void event_record(struct event_recorder *r, const struct json *regarding, const char *field_path, const char *type,
                  const char *reason, const char *fmt, ...) PRINTF(6, 7);

/* ---- expectations: what a controller has asked for and not yet seen (pkg/controller/controller_utils.go) ---- */
struct expectations;
struct expectations *expectations_new(struct loop *l);
void expectations_free(struct expectations *e);
void expectations_set(struct expectations *e, struct str key, int adds, int dels);
void expectations_observe_add(struct expectations *e, struct str key);
void expectations_observe_del(struct expectations *e, struct str key);
bool expectations_satisfied(struct expectations *e, struct str key);                     /* also true after 5 minutes */
void expectations_forget(struct expectations *e, struct str key);

/* ---- leader election: renew a lock (Endpoints annotation in v1.16, Lease from v1.20) every 2 s; on_started once elected,
 * on_stopped when it could not be renewed for 10 s (upstream's components end themselves then) ---- */
struct leader_election;
/* "host_uuid", one uuid for each instance (a container's id): a process that went on after its machine slept is who it was
 * before, and goes on leading at once; a new one waits until the lease of the other has run out. */
enum { LEADER_IDENTITY_MAX = 64 };
void leader_identity(const char *host, const char *instance, char out[LEADER_IDENTITY_MAX]);
struct leader_election *leader_election_new(struct client *c, const char *name, const char *identity, bool use_lease,
                                            void (*on_started)(void *ctx), void (*on_stopped)(void *ctx), void *ctx);
void leader_election_free(struct leader_election *e);

/* ---- delegated authentication and authorization: how a kubelet and an extension server ask the API server ---- */
struct delegated_auth;
struct delegated_auth_options {
    struct client *client;
    const char    *review_version;                 /* "v1beta1" or "v1" */
    bool           anonymous;                      /* else 401 */
    bool           no_tokens;                      /* bearer tokens are not looked at: who shows one is as who shows nothing */
    int64_t        token_ttl_ns, allow_ttl_ns, deny_ttl_ns;    /* caches */
    void         (*trouble)(void *ctx, const char *text); void *trouble_ctx;   /* a line for the server's log; NULL: it has none */
};
struct delegated_auth *delegated_auth_new(const struct delegated_auth_options *opt);
void delegated_auth_free(struct delegated_auth *d);             /* accepts NULL; exchanges that are being judged are cut */
/* borrowed; NULL none */
void delegated_auth_set_client_ca(struct delegated_auth *d, const struct trust *ca);
void delegated_auth_set_requestheader(struct delegated_auth *d, const struct trust *ca, const char *const *allowed_names,
                                      size_t n);
struct delegated_user { struct str name, uid; struct str *groups; size_t group_count; };
/* Authenticate an exchange (front proxy, client certificate, bearer via TokenReview, anonymous), then authorize the
 * attributes that `describe` gives for the user by SubjectAccessReview. done(x, user or NULL, http status
 * 200|401|403|500, reason); the exchange may have gone: then done is not called. */
struct delegated_attributes { bool is_resource; const char *verb, *ns, *group, *version, *resource, *subresource, *name, *path; };
void delegated_auth_check(struct delegated_auth *d, struct http_exchange *x, const struct delegated_attributes *at,
                          void (*done)(void *ctx, struct http_exchange *x, const struct delegated_user *u, int status,
                                       const char *reason),
                          void *ctx);

/* ---- controllers: what a controller manager runs ---- */
struct controller_context {
    struct loop   *loop;
    /* the controller's own, as its service account where --use-service-account-credentials */
    struct client *client;
    int            minor;
    const struct json *flags;                      /* of the manager's process: name -> value */
    /* Where it notes what it computed for an object ("namespace/name"), for who explains it later; NULL: nobody does. */
    void         (*note)(void *ctx, struct str key, const struct json *note); void *note_ctx;
};
struct controller_ops {
    const char *name;                              /* "deployment" */
    const char *service_account;                   /* "deployment-controller": the client's identity */
    void *(*start)(const struct controller_context *cc);
    void  (*stop)(void *state);
};

#endif
