/* apiserver/apiserver_priv.h - what the rooms inside apiserver share: one request on its way through the chain, and who provides
 * what.
 *
 * chain (endpoints/chain.c): panic guard, request info, audit, authentication, impersonation, authorization, then the mux:
 * aggregated APIs, discovery, OpenAPI, health, version, and the resource handlers of the registry. As kube-apiserver's
 * DefaultBuildHandlerChain (apiserver pkg/server/config.go). Whence the options come: flags.c (the command line), config.c (files
 * and values).
 */
#ifndef APISERVER_APISERVER_PRIV_H
#define APISERVER_APISERVER_PRIV_H

#include "apiserver/apiserver.h"
#include "apiserver/schema/schema.h"

/* ---- who ---- */
struct user {
    struct str  name, uid;
    struct str *groups; size_t group_count;
    struct user_extra { struct str key; struct str *values; size_t n; } *extra; size_t extra_count;
};
bool user_in_group(const struct user *u, const char *group);

/* ---- what (apiserver pkg/endpoints/request/requestinfo.go) ---- */
struct request_info {
    bool is_resource;                  /* /api/v1/... or /apis/GROUP/VERSION/... below the version */
    /* verb: get list watch create update patch delete deletecollection; for non-resources the method in lower case */
    struct str path, verb;
    struct str api_prefix, group, version, namespace, resource, subresource, name;
};
struct attributes {                    /* what an authorizer judges (authorizer.AttributesRecord) */
    const struct user *user;
    bool is_resource;
    struct str verb, namespace, group, version, resource, subresource, name, path;
};
void attributes_of(const struct request_info *info, const struct user *u, struct attributes *out);

struct resource;                       /* apiserver/registry/registry.h */
struct request {
    struct http_exchange  *x;
    struct arena          *a;          /* x->arena */
    struct apiserver      *as;
    struct request_info    info;
    struct user            user;       /* after impersonation */
    struct user           *impersonator; /* NULL without impersonation */
    const struct resource *res;        /* of resource requests that we serve; NULL otherwise */
    int64_t                now_ns;
    bool                   dry_run;    /* ?dryRun=All: everything but the write */
    struct list            node;       /* private to endpoints: in the list of answers that wait for the commit */
    struct http_headers    headers;    /* extra headers of the answer (warnings, Retry-After) */
    struct audit_context  *audit;      /* endpoints/audit.h; NULL for requests of the server itself */
    void                  *open;       /* private to endpoints: the watch or relay that this became */
    int64_t                start_rev;  /* the store's revision when it came in: was something written? */
    int                    answer_status; struct str answer;   /* private to endpoints: the answer that waits */
    struct timer           late;       /* private to endpoints: a fault's delay */
};

struct apiserver {
    struct apiserver_options opt;
    struct loop       *loop;
    struct store      *store;
    struct schema     *schema;
    struct http_server *http;
    struct key        *sa_key;         /* signs tokens; NULL until set */
    struct key        *sa_verify[8]; size_t sa_verify_count;     /* --service-account-key-file, as often as it is given */
    struct rng         rng;            /* names, uids, cluster addresses, node ports */
    struct registry   *registry;
    struct authn      *authn;
    struct authz      *authz;
    struct admission  *admission;
    struct aggregator *aggregator;
    struct http_client *kubelet_client; /* insecure_skip_verify, as kubeadm's apiserver has no --kubelet-certificate-authority */
    struct http_client *pod_client;    /* of proxied pages: no certificate of ours, none of theirs is verified */
    struct audit       *audit;         /* who did what (endpoints/audit.h) */
    struct customs    *customs;        /* custom resources (apiserver/custom) */
    struct watch_set   *watches;       /* open watches and relays (endpoints/) */
    struct start_hooks *hooks;         /* what runs after the start, and again (start.c) */
    /* revisions below are too old to watch from: the watch cache of a server begins with the server */
    int64_t            watch_floor;
    bool               ready;
};
bool apiserver_storage_up(const struct apiserver *as);
struct start_hooks *start_hooks_new(struct apiserver *as);       /* start.c: runs them, and keeps them running */
void start_hooks_free(struct start_hooks *h);

/* ---- answers (endpoints/response.c) ---- */
/* metav1.Status, pretty for curl and browsers, Retry-After where due */
void respond_error(struct request *r, const struct err *err);
/* negotiated (JSON or YAML), pretty when asked or by a curl */
void respond_json(struct request *r, int status, const struct json *j);
void respond_bytes(struct request *r, int status, struct str json_bytes);        /* the same for text that is there already */

/* ---- writing as the server itself (registry): no authentication, authorization or admission; defaults, validation,
 * strategy and revision as for any write. obj is in group/version; created when absent; with update, replaced when different. */
bool registry_ensure(struct apiserver *as, const char *group, const char *version, const char *resource, struct json *obj,
                     bool update, struct arena *a, struct err *err);
/* reference or NULL, straight from the store */
struct object *registry_get(struct apiserver *as, struct str group, struct str resource, struct str ns, struct str name);
/* the store's key */
struct str registry_key(struct arena *a, struct str group, struct str resource, struct str ns, struct str name);

#endif
