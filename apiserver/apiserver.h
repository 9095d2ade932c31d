/* apiserver/apiserver.h - a miniature kube-apiserver with its aggregation layer: what the composition root starts. */
#ifndef APISERVER_APISERVER_H
#define APISERVER_APISERVER_H

#include "apiserver/store/store.h"
#include "sim/http/http.h"

struct apiserver;
enum authz_mode { AUTHZ_END, AUTHZ_NODE, AUTHZ_RBAC, AUTHZ_ALWAYS_ALLOW, AUTHZ_ALWAYS_DENY };
struct word_list { const struct str *v; size_t n; };
/* What flags decide beyond files and addresses (config.c). Zeroed is what kubeadm writes; what it points to outlives the server. */
struct apiserver_policy {
    uint8_t  authorization[5];         /* --authorization-mode, in order, ended by AUTHZ_END; none: Node,RBAC */
    bool     no_anonymous, no_bootstrap_tokens, aggregator_routing;
    bool     proxy_any_name;           /* --requestheader-allowed-names= */
    /* --enable-admission-plugins beyond the version's own (NULL: NodeRestriction), and --disable- */
    struct word_list plugins_on, plugins_off;
    struct str issuer;                 /* --service-account-issuer; empty: kubeadm's */
    struct word_list audiences;        /* --api-audiences; none: the issuer */
    struct word_list proxy_names, user_headers, group_headers, extra_prefixes;   /* --requestheader-*; none: kubeadm's */
    struct word_list address_types;    /* --kubelet-preferred-address-types; none: kubeadm's */
    const struct trust *kubelet_ca;    /* --kubelet-certificate-authority; NULL: kubelets are not verified */
    const struct static_tokens *tokens;                          /* --token-auth-file (auth/auth.h); NULL: none */
    struct word_list apis_off;         /* --runtime-config: "apps/v1" of "apps/v1=false" */
    uint32_t service_ip; unsigned service_bits;                  /* --service-cluster-ip-range; 0: 10.96.0.0/12 */
    int      port_first, port_count;   /* --service-node-port-range; 0: 30000-32767 */
    int64_t  event_ttl_ns;             /* --event-ttl; 0: 1 h */
    int64_t  token_max_s;              /* --service-account-max-token-expiration; 0: none */
    int64_t  not_ready_s, unreachable_s;                         /* --default-*-toleration-seconds; 0: 300 */
};
struct apiserver_options {
    struct loop      *loop;
    struct store     *store;
    /* the network namespace it lives in (the node's); it listens there and dials kubelets and Services from there */
    struct vnet_host *node;
    int               minor;           /* 16, 20 or 34: which version it is */
    bool              bare;            /* exactly that version: nothing that newer clients would like */
    const char       *git_version;     /* "v1.16.6" */
    const char       *advertise_ip;    /* 192.168.229.132 (bare: 127.0.0.1's stand-in, the same) */
    int               secure_port;     /* inside the virtual network, 6443 */
    struct identity  *serving;         /* CN=kube-apiserver; referenced */
    /* what is shown in its place to clients from outside of the process, whose clock is the wall's; NULL: the same */
    struct identity *(*edge_serving)(void *ctx, struct identity *serving); void *edge_serving_ctx;
    const struct trust *client_ca;     /* x509 client certificates; borrowed */
    const struct trust *requestheader_ca; /* front proxy; borrowed */
    struct identity  *kubelet_client;  /* to kubelets (logs, attach, exec); referenced; NULL in bare */
    struct identity  *proxy_client;    /* to aggregated servers; referenced */
    struct str        client_ca_pem, requestheader_ca_pem;   /* for ConfigMap extension-apiserver-authentication */
    bool              token_request;   /* serve serviceaccounts/token (kubeadm: from v1.20 on) */
    const char       *bind_address;    /* NULL: every address of the node */
    bool            (*storage_up)(void *ctx); void *storage_ctx; /* can etcd be reached? NULL: always */
    /* May who asks from that address write this resource of lab.kubelab.dev? Asked after RBAC has allowed it. NULL: yes. */
    bool            (*may_steer)(void *ctx, struct str ip, struct str resource, struct str subresource); void *steer_ctx;
    struct apiserver_policy policy;
};
struct apiserver *apiserver_new(const struct apiserver_options *opt, struct err *err);
/* Post-start hooks: default namespaces, the kubernetes Service and its Endpoints (kept by a loop), RBAC bootstrap policy,
 * priority classes, local APIServices, ConfigMap extension-apiserver-authentication. Writes as the loopback client
 * (system:apiserver). Idempotent: also at a restart. */
void apiserver_start(struct apiserver *as);
void apiserver_free(struct apiserver *as);
/* The key that signs and verifies service-account tokens. Until it is set (it is made off the start path), tokens answer 401. */
void apiserver_set_sa_key(struct apiserver *as, struct key *k);
/* The same where they differ: signing (or NULL) makes tokens, any of the n others proves one. */
void apiserver_set_sa_keys(struct apiserver *as, struct key *signing, struct key *const *verify, size_t n);
/* storage_up is false from now on: watches end, as the watch cache ends them */
void apiserver_storage_lost(struct apiserver *as);
/* The audit log of --audit-policy-file and --audit-log-path, beside the trail that kubelab always keeps (endpoints/audit.h). */
struct apiserver_audit_log {
    struct str policy;                 /* the policy file's text; empty: nothing is logged, as with a path alone */
    /* One Event of audit.k8s.io/v1 a call, as JSON with its newline; must not block. endpoints/audit_log.c writes a file. */
    void     (*write)(void *ctx, struct str line);
    void      *ctx;
};
/* From the next request on, in place of what was set before; NULL: no log. ERR_INVALID "loading audit policy file: ...", and the
 * old one stays. */
bool apiserver_set_audit_log(struct apiserver *as, const struct apiserver_audit_log *sink, struct err *err);
/* A writer for it: appends to the file, 0600, at the end of each turn. max_bytes: a full file is renamed as lumberjack does
 * (PATH-less-.log-TIME.log), of which max_backups are kept; 0: 100 MB, and all. NULL and ERR_IO when it cannot be opened. */
struct audit_file;
struct audit_file *audit_file_open(struct loop *l, const char *path, int64_t max_bytes, int max_backups, struct err *err);
void audit_file_write(void *audit_file, struct str line);
void audit_file_close(struct audit_file *f);           /* accepts NULL */
struct http_server *apiserver_http(struct apiserver *as);        /* for listen_edge */
bool apiserver_ready(const struct apiserver *as);                /* start's hooks have all run */

/* ---- for kubelab's own looks at the cluster: no request passes the chain, nothing is written, no audit has a row ---- */
/* Appends {"pods": [...], "deployments.apps": [...], ...}: what an administrator's lists of all namespaces show at this moment,
 * items as lists have them, of every resource that can be listed but Events, in the first version of its group that has it.
 * endpoints/snapshot.c. */
void apiserver_snapshot(struct apiserver *as, struct strbuf *out);
/* For `kubelab debug`, lines of cells with tabs between, the first of which are headings: how many objects of which resource there
 * are, and their size; who watches what. endpoints/look.c. */
void apiserver_look_objects(struct apiserver *as, struct strbuf *out);
void apiserver_look_watchers(struct apiserver *as, struct strbuf *out);
/* One list, [...], in this version; false, and nothing, when it is not served. group: "" for core. */
bool apiserver_snapshot_list(struct apiserver *as, const char *group, const char *version, const char *resource, struct strbuf *out);
/* GET /apis/GROUP/VERSION/RESOURCE of an aggregated API as kubernetes-admin, by the aggregation proxy's way (aggregator/ask.c).
 * done once, never inside the call: HTTP's status, 0: it was not reached. NULL: it is not Available, and done will not be called. */
struct aggregated_ask;
struct aggregated_ask *apiserver_ask_aggregated(struct apiserver *as, const char *group, const char *version, const char *resource,
                                                void (*done)(void *ctx, int status, struct str body), void *ctx);
void apiserver_ask_cancel(struct aggregated_ask *q);             /* done is not called */

#endif
