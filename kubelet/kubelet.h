/* kubelet/kubelet.h - the node agent: pods from files and from the API, containers, status, probes, images, statistics, its HTTPS
 * server, kube-proxy. */
#ifndef KUBELET_KUBELET_H
#define KUBELET_KUBELET_H

#include "sim/client/client.h"
#include "sim/proc/proc.h"

struct kubelet;
struct klog;
struct kubelet_options {
    struct loop        *loop;
    struct vnet        *vnet;
    struct vnet_host   *node_net;              /* the node's network namespace */
    const char         *node_name;             /* "ubuntu" */
    const char         *node_ip;               /* 192.168.229.132 */
    const char         *pod_cidr_base;         /* "10.32.0.": weave's first range; pods get .2, .3, ... */
    unsigned            cores;                 /* 2 */
    int64_t             memory_bytes;          /* capacity, 4030184 KiB */
    int                 minor;
    const char         *version;               /* "v1.16.6" */
    struct client      *client;                /* as system:node:NAME */
    struct identity  *(*serving)(void *ctx); void *serving_ctx;    /* serving certificate; may return NULL */
    void            (*no_identity)(void *ctx, struct str remote);  /* told when it did and a handshake failed for it; may be NULL */
    const struct trust *client_ca;
    struct image_store *images;
    const char         *manifests_dir;         /* static pods, /etc/kubernetes/manifests of the node's files in the data folder */
    const char         *log_dir;               /* container logs are kept below it, to survive a restart; NULL: memory only */
    int                 port;                  /* 10250 inside the virtual network */
    int64_t             boot_ns;               /* when the machine started, virtual */
    const char         *cluster_dns, *cluster_domain;             /* NULL: 10.96.0.10, cluster.local */
    int64_t             max_pods;              /* 0: 110 */
    /* authentication.anonymous.enabled; authorization.mode AlwaysAllow */
    bool                anonymous, always_allow;
    bool                no_tokens;             /* authentication.webhook.enabled is false: nobody can say whose a token is */
    const char         *stream_prefix;         /* of its streams of randomness: "" or NULL on the first node, "worker1/" on another */
    const char         *etc_hosts;             /* further lines of the node's /etc/hosts, which pods on its network see; or NULL */
    bool                announce;              /* a start that shows: events of a start also on a node that is known */
    struct klog        *log;                   /* its own log, or NULL */
};
struct kubelet *kubelet_new(const struct kubelet_options *opt, struct err *err);
void kubelet_start(struct kubelet *k);
void kubelet_free(struct kubelet *k);
/* The agent ends and its containers go on, as under docker: no status is told, nothing is started again, port 10250 refuses. */
void kubelet_stop(struct kubelet *k);
/* A new agent takes over what a stopped one left; then kubelet_start. After an error the kubelet is stopped as before. */
bool kubelet_again(struct kubelet *k, const struct kubelet_options *opt, struct err *err);
struct kubelet_usage { uint64_t cpu_ns; int64_t memory_bytes; };
void kubelet_usage(struct kubelet *k, struct kubelet_usage *out);         /* of kubelet.service's cgroup, since the machine's start */
struct http_server *kubelet_http(struct kubelet *k);             /* for listen_edge on 127.0.0.1:10250 */
bool kubelet_node_ready(const struct kubelet *k);
/* Names of the files in a folder of manifests, in the order in which they are read; hidden ones are left out. dir NULL or
 * missing: none. */
size_t kubelet_manifests(struct arena *a, const char *dir, char ***names);
/* local.c: what the machine's runtime knows, also while the agent is stopped. Pods as the API would show them, an array of trees
 * in the arena. */
struct json *kubelet_pods(struct kubelet *k, struct arena *a);
/* The log of the container whose id begins with id (present or last instance); tail -1: all of it. False: no such container. */
bool kubelet_container_log(struct kubelet *k, struct str id, int64_t tail, struct strbuf *out);
/* How many requests the pod's running containers have answered since each began, as their programs count them; 0 for a pod that
 * is not here. */
uint64_t kubelet_pod_served(const struct kubelet *k, struct str uid);
/* Of a pod's spec and one of its containers: which hostPath volumes are mounted where, [{"path", "host"}]. Pure. */
struct json *kubelet_host_mounts(struct arena *a, const struct json *pod_spec, const struct json *container_spec);
/* The program of the kube-proxy image: watches Services and Endpoints as its service account and programs vip_set on its
 * process's network. */
extern const struct program_ops kube_proxy_program;

#endif
