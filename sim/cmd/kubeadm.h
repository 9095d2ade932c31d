/* sim/cmd/kubeadm.h - what `kubeadm init` would have done: keys and certificates, kubeconfigs, static pod manifests, add-on
 * objects. */
#ifndef SIM_CMD_KUBEADM_H
#define SIM_CMD_KUBEADM_H

#include "sim/loop/loop.h"
#include "sim/pki/pki.h"

struct kubeadm_options {
    const char *dir;                   /* the data folder */
    const char *root;                  /* the node's / on the disk: DIR/node */
    const char *node_name, *node_ip;
    int         minor;
    const char *git_version;
    int64_t     now_ns;                /* certificates are valid from here */
    struct rng *rng;
};
struct kubeadm_pki {
    struct cert     *ca, *front_proxy_ca;
    struct key      *ca_key, *front_proxy_ca_key;
    struct identity *apiserver, *kubelet_client /* apiserver's, to kubelets */, *front_proxy_client;
    struct identity *admin, *controller_manager, *scheduler, *node, *load_generator;
    struct identity *kubelet_serving;  /* self-signed, DNS name only: why metrics-server refuses it */
    struct trust    *trust_ca, *trust_front_proxy;
    struct str       ca_pem, front_proxy_ca_pem;   /* in the arena given */
};
/* Load from ROOT/etc/kubernetes/pki and .../var/lib/kubelet/pki, or make and write what is missing. */
bool kubeadm_pki_init(struct kubeadm_pki *p, const struct kubeadm_options *o, struct arena *a, struct err *err);
void kubeadm_pki_deinit(struct kubeadm_pki *p);
/* The RSA key of service-account tokens: read from sa.key, else NULL (make it off the loop with kubeadm_sa_key_make, then
 * kubeadm_sa_key_save). */
struct key *kubeadm_sa_key_load(const struct kubeadm_options *o);
bool kubeadm_sa_key_save(const struct kubeadm_options *o, const struct key *k, struct err *err);
/* DIR/admin.conf for the edge (127.0.0.1:port), and the node's own kubeconfigs (192.168.229.132:6443). */
bool kubeadm_kubeconfigs(const struct kubeadm_pki *p, const struct kubeadm_options *o, int edge_port, bool bare, struct err *err);
/* Static pod manifests and the kubelet's files below ROOT; existing ones are left alone (they belong to the node). */
bool kubeadm_node_files(const struct kubeadm_options *o, struct err *err);
/* kubeadm_files.c: the kubelet's unit and drop-in, and its client certificate (NULL: it has to ask for one) as the certificate
 * manager stores it. */
bool kubeadm_service_files(const struct kubeadm_options *o, const struct identity *node, struct err *err);
/* etcd's CA and certificates. Nothing of ours needs them: may be called from another thread, with a rng of its own. */
bool kubeadm_etcd_pki(const struct kubeadm_options *o, struct err *err);
/* the same on another thread, with a stream of its own; what o refers to must last */
void kubeadm_etcd_pki_begin(struct loop *l, const struct kubeadm_options *o);
/* The collection's path of one of kubeadm_objects, in a. */
const char *kubeadm_object_path(struct arena *a, const struct json *obj);
/* The objects of the add-on and upload-config phases, as an array of trees in the order of creation. */
struct json *kubeadm_objects(struct arena *a, const struct kubeadm_pki *p, const struct kubeadm_options *o, struct err *err);

/* The bootstrap token that `kubeadm init` makes, "abcdef.0123456789abcdef", from the start of the stream that kubeadm_objects is
 * given. */
void kubeadm_first_token(struct rng *r, char token[24]);
/* A kubeconfig of one user, as kubeadm writes it; credentials: indented lines of the user. */
struct str kubeadm_kubeconfig(struct arena *a, struct str ca_pem, const char *server, const char *user, struct str credentials);
/* What the kubelet finds of its configuration: config.yaml and kubeadm-flags.env. */
bool kubeadm_kubelet_files(const struct kubeadm_options *o, struct err *err);

/* ---- kubeadm_edge.c ---- */
/* Is the API server's pair good at now_ns (virtual), but not by the wall's clock? Then real clients are shown another, of the
 * same key and names, which is good on both. NULL with err set when it cannot be signed. */
bool kubeadm_edge_needed(const struct identity *serving, int64_t now_ns);
struct identity *kubeadm_edge_identity(const struct kubeadm_pki *p, const struct identity *serving, struct err *err);

/* ---- kubeadm_join.c: kubeadm join of a worker; o is of that node ---- */
/* Its files; with the token its kubelet asks for a certificate, unless it has one. server: "https://192.168.229.132:6443". */
bool kubeadm_join_files(const struct kubeadm_options *o, struct str ca_pem, const char *server, const char *token, struct err *err);
/* Once the kubelet has its certificate the bootstrap credentials go. True: they are gone. */
bool kubeadm_join_finish(const struct kubeadm_options *o);

#endif
