/* kubelet/app_priv.h - inside the program around the kubelet: log, flags, configuration, kubeconfigs, certificates. */
#ifndef KUBELET_APP_PRIV_H
#define KUBELET_APP_PRIV_H

#include "kubelet/app.h"

/* ---- klog.c: k8s.io/klog ---- */
struct klog {
    struct loop *loop;
    int          pid, verbosity;
    void       (*line)(void *ctx, struct str line);
    void        *ctx;
    int64_t      last_ns;              /* of the line before: writing one takes a few microseconds */
};
/* One line, `I0124 16:19:02.434257  125944 server.go:410] text`; where is "server.go:410". log may be NULL. */
void klog_write(struct klog *log, char severity, const char *where, const char *fmt, ...) PRINTF(4, 5);
void klog_vwrite(struct klog *log, char severity, const char *where, const char *fmt, va_list ap) PRINTF(4, 0);
/* only with --v of at least level */
void klog_v(struct klog *log, int level, const char *where, const char *fmt, ...) PRINTF(4, 5);

/* ---- flags.c: what stands on the command line ---- */
struct kubelet_flags {
    const char *kubeconfig, *bootstrap_kubeconfig, *config, *cert_dir, *hostname_override, *node_ip;
    int         v;
    bool        help, version;
    struct json *overrides;            /* flags that stand for a field of the configuration: field -> value */
};
/* False: err has pflag's words; *deprecated is an array of the lines that pflag prints for flags that are on their way out. */
bool kubelet_flags_parse(struct arena *a, char **argv, struct kubelet_flags *out, struct json *deprecated, struct err *err);
void kubelet_flags_usage(struct strbuf *out);

/* ---- config.c: KubeletConfiguration ---- */
struct kubelet_config {
    bool        anonymous, webhook_authn, always_allow, rotate_certificates, server_tls_bootstrap;
    const char *client_ca_file, *static_pod_path, *cluster_dns, *cluster_domain, *tls_cert_file, *tls_key_file, *address;
    int64_t     max_pods, port;
};
/* Read `text` (the file's; STR_NULL: defaults alone) and put the flags' overrides on top. Errors in the words of
 * pkg/kubelet/kubeletconfig; *warning: a field was unknown and is passed over (from v1.18 on such a file is read a second time,
 * less strictly). */
bool kubelet_config_load(struct arena *a, struct str text, const struct json *overrides, int minor, struct kubelet_config *out,
                         const char **warning, struct err *err);

/* ---- kubeconfig.c: client-go tools/clientcmd, of one file ---- */
struct rest_config {
    const char *server;
    bool        insecure;
    const char *ca_file;               /* the node's path, or NULL when it was inline or absent */
    struct str  ca_pem, cert_pem, key_pem, token;
};
bool kubeconfig_load(struct arena *a, const char *root, const char *path, int minor, struct rest_config *out, struct err *err);

/* ---- bootstrap.c: pkg/kubelet/certificate/bootstrap ---- */
struct bootstrap_result { struct rest_config request /* for certificate requests before there is a certificate */, user;
                          bool bootstrapping; };
bool bootstrap_load(struct arena *a, const char *root, const struct kubelet_flags *f, struct klog *log, int minor, int64_t now_ns,
                    struct bootstrap_result *out, struct err *err);

/* ---- certificate_store.c: client-go util/certificate/certificate_store.go ---- */
struct cert_store { const char *root, *dir, *prefix; struct klog *log; struct loop *loop; };
/* The current pair: NULL with err->code ERR_NOT_FOUND when there is none, another code when it cannot be used. */
struct identity *cert_store_current(const struct cert_store *s, struct err *err);
struct identity *cert_store_update(const struct cert_store *s, struct str cert_pem, struct str key_pem, struct err *err);
struct identity *pair_from_pem(struct str cert_pem, struct str key_pem, struct err *err);       /* both may be one text */
/* The self-signed serving pair kubelet.crt and kubelet.key, made if they are missing. */
struct identity *self_signed_pair(const struct cert_store *s, const char *host, struct rng *r, struct err *err);

/* ---- certificate.c: client-go util/certificate/certificate_manager.go ---- */
struct cert_manager;
struct cert_manager_options {
    struct loop       *loop;
    struct rng        *rng;
    struct klog *log;
    int                minor;
    struct cert_store  store;
    const char        *signer, *usage;             /* "kubernetes.io/kubelet-serving", "server auth" */
    /* of a kubeconfig: used until the first rotation, which then comes at once; or empty */
    struct str         first_cert, first_key;
    bool               ignore_store;               /* bootstrapping: what lies in the store is of an identity that was given up */
    bool             (*tpl)(void *ctx, struct arena *a, struct cert_template *out);       /* false: nothing to ask for yet */
    struct client   *(*client)(void *ctx, struct identity *current);                      /* a new one, for one request */
    void             (*changed)(void *ctx);        /* another certificate is current */
    void              *ctx;
};
struct cert_manager *cert_manager_new(const struct cert_manager_options *opt, struct err *err);
void cert_manager_start(struct cert_manager *m);
void cert_manager_free(struct cert_manager *m);
struct identity *cert_manager_current(struct cert_manager *m);   /* borrowed; NULL: none, or expired */
bool cert_manager_server_healthy(const struct cert_manager *m);

#endif
