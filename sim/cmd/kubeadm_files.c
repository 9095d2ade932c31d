/* sim/cmd/kubeadm_files.c - what packages and kubeadm leave on a node beside the control plane: the kubelet's unit, its client
 * certificate, etcd's certificates.
 *
 * Upstream: build/debs of v1.16 (kubelet.service, 10-kubeadm.conf), cmd/kubeadm/app/phases/certs/certlist.go. Nothing in this
 * cluster speaks TLS to etcd, so etcd's certificates are made after the start, on another thread; they are there to be looked at,
 * and `kubeadm certs check-expiration` reads them.
 */
#include "sim/cmd/kubeadm.h"
#include "sim/client/client.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define YEAR_NS (365ll * 24 * 3600 * 1000000000ll)

static const char unit_text[] =
    "[Unit]\nDescription=kubelet: The Kubernetes Node Agent\nDocumentation=https://kubernetes.io/docs/home/\n\n"
    "[Service]\nExecStart=/usr/bin/kubelet\nRestart=always\nStartLimitInterval=0\nRestartSec=10\n\n"
    "[Install]\nWantedBy=multi-user.target\n";
static const char drop_in_text[] =
    "# How a kubelet of kubeadm's is started (kubeadm and kubelet 1.11 and later).\n"
    "[Service]\n"
    "Environment=\"KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf "
    "--kubeconfig=/etc/kubernetes/kubelet.conf\"\n"
    "Environment=\"KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml\"\n"
    "# Written by \"kubeadm init\" and \"kubeadm join\": it sets KUBELET_KUBEADM_ARGS.\n"
    "EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env\n"
    "# For the administrator's own flags, as a last resort: KUBELET_EXTRA_ARGS. NodeRegistration.KubeletExtraArgs is the better "
    "place.\n"
    "EnvironmentFile=-/etc/default/kubelet\n"
    "ExecStart=\n"
    "ExecStart=/usr/bin/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS\n";

static bool exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

/* The certificate manager's store: kubelet-client-<when>.pem, certificate and key in one, and a link to the current one. */
static bool client_pem(struct arena *a, const struct kubeadm_options *o, const struct identity *node, struct err *err)
{
    const char *dir = arena_printf(a, "%s/var/lib/kubelet/pki", o->root),
               *current = arena_printf(a, "%s/kubelet-client-current.pem", dir);
    int year, month, day, hour, minute, second, weekday;
    if (exists(current))
        return true;
    time_civil(o->now_ns / (int64_t)NS_PER_S, &year, &month, &day, &hour, &minute, &second, &weekday);
    const char *name = arena_printf(a, "kubelet-client-%04d-%02d-%02d-%02d-%02d-%02d.pem", year, month, day, hour, minute, second);
    struct str both = arena_strf(a, STR_FMT STR_FMT, STR_ARG(cert_pem(a, node->chain[0])), STR_ARG(key_pem(a, node->key)));
    if (!file_write(arena_printf(a, "%s/%s", dir, name), both, 0600, err))
        return false;
    return symlink(name, current) == 0 || err_set(err, ERR_IO, "cannot make %s", current);
}

bool kubeadm_service_files(const struct kubeadm_options *o, const struct identity *node, struct err *err)
{
    static const char *const dirs[] = { "etc/systemd/system/kubelet.service.d", "lib/systemd/system", "etc/default", "var/log/pods" };
    static const struct { const char *path, *text; } files[] = {
        { "lib/systemd/system/kubelet.service", unit_text }, { "etc/systemd/system/kubelet.service.d/10-kubeadm.conf", drop_in_text },
    };
    struct arena *a = arena_new();
    bool ok = true;
    for (size_t i = 0; i < ARRAY_LEN(dirs) && ok; i++)
        ok = dir_make(arena_printf(a, "%s/%s", o->root, dirs[i]), 0700, err);
    for (size_t i = 0; i < ARRAY_LEN(files) && ok; i++) {
        const char *path = arena_printf(a, "%s/%s", o->root, files[i].path);
        ok = exists(path) || file_write(path, str_c(files[i].text), 0644, err);
    }
    ok = ok && (!node || client_pem(a, o, node, err));
    arena_free(a);
    return ok;
}

/* ---- etcd ---- */
static const struct { const char *file, *cn, *org; unsigned usage; } etcd_leaves[] = {
    { "etcd/server", NULL, NULL, CERT_EKU_SERVER | CERT_EKU_CLIENT },        /* NULL: the node's name */
    { "etcd/peer", NULL, NULL, CERT_EKU_SERVER | CERT_EKU_CLIENT },
    { "etcd/healthcheck-client", "kube-etcd-healthcheck-client", "system:masters", CERT_EKU_CLIENT },
    { "apiserver-etcd-client", "kube-apiserver-etcd-client", "system:masters", CERT_EKU_CLIENT },
};

static struct cert_template template_of(const struct kubeadm_options *o, const char *cn, int years)
{
    struct cert_template t = { .cn = cn, .not_before_ns = o->now_ns, .not_after_ns = o->now_ns + years * YEAR_NS, .serial_len = 8,
                               .key_usage = CERT_KU_DIGITAL_SIGNATURE | CERT_KU_KEY_ENCIPHERMENT };
    rng_bytes(o->rng, t.serial, 8);
    t.serial[0] = (uint8_t)((t.serial[0] & 0x7f) | 0x01);
    return t;
}

static bool save(struct arena *a, const char *path, const struct cert *c, const struct key *k, struct err *err)
{
    return c && file_write(arena_printf(a, "%s.crt", path), cert_pem(a, c), 0644, err) &&
           file_write(arena_printf(a, "%s.key", path), key_pem(a, k), 0600, err);
}

bool kubeadm_etcd_pki(const struct kubeadm_options *o, struct err *err)
{
    struct arena *a = arena_new();
    const char *pki = arena_printf(a, "%s/etc/kubernetes/pki", o->root), *dns[] = { o->node_name, "localhost", NULL },
               *ips[] = { o->node_ip, "127.0.0.1", NULL };
    if (exists(arena_printf(a, "%s/etcd/ca.crt", pki)) || !dir_make(arena_printf(a, "%s/etcd", pki), 0700, err)) {
        arena_free(a);
        return err->code == ERR_NONE;
    }
    struct cert_template t = template_of(o, "etcd-ca", 10);
    t.is_ca = true;
    t.key_usage |= CERT_KU_CERT_SIGN;
    struct key *ca_key = key_generate_ec(o->rng);
    struct cert *ca = cert_issue(&t, ca_key, NULL, ca_key, err);
    bool ok = ca != NULL;
    for (size_t i = 0; i < ARRAY_LEN(etcd_leaves) && ok; i++) {
        const char *orgs[] = { etcd_leaves[i].org, NULL };
        t = template_of(o, etcd_leaves[i].cn ? etcd_leaves[i].cn : o->node_name, 1);
        t.orgs = orgs[0] ? orgs : NULL;
        t.ext_usage = etcd_leaves[i].usage;
        t.dns_names = etcd_leaves[i].cn ? NULL : dns;
        t.ips = etcd_leaves[i].cn ? NULL : ips;
        struct key *k = key_generate_ec(o->rng);
        struct cert *c = cert_issue(&t, k, ca, ca_key, err);
        ok = save(a, arena_printf(a, "%s/%s", pki, etcd_leaves[i].file), c, k, err);
        cert_unref(c);
        key_unref(k);
    }
    ok = ok && save(a, arena_printf(a, "%s/etcd/ca", pki), ca, ca_key, err);       /* last: what is there is whole */
    cert_unref(ca);
    key_unref(ca_key);
    arena_free(a);
    return ok;
}

/* ---- etcd's certificates on another thread: nobody waits for them ---- */
struct etcd_job { struct kubeadm_options o; struct rng rng; };

static void etcd_run(void *ctx)
{
    struct etcd_job *job = ctx;
    struct err err = { 0 };
    if (!kubeadm_etcd_pki(&job->o, &err))
        log_msg(LOG_ERROR, "cmd", "%s", err.msg);
    err_clear(&err);
}

void kubeadm_etcd_pki_begin(struct loop *l, const struct kubeadm_options *o)
{
    struct etcd_job *job = NEW(struct etcd_job);
    job->o = *o;
    job->o.rng = &job->rng;
    rng_init(&job->rng, l, "kubeadm-etcd");
    loop_work(l, etcd_run, free, job);
}

/* ---- where an object goes ---- */
/* Resource names of the kinds in our own data; the plural is all that a path needs. */
static const struct { const char *kind, *resource; bool cluster_scoped; } kinds[] = {
    { "ServiceAccount", "serviceaccounts", false }, { "ConfigMap", "configmaps", false }, { "Secret", "secrets", false },
    { "Service", "services", false },
    { "Deployment", "deployments", false }, { "DaemonSet", "daemonsets", false }, { "Role", "roles", false },
    { "RoleBinding", "rolebindings", false },
    { "ClusterRole", "clusterroles", true }, { "ClusterRoleBinding", "clusterrolebindings", true }, { "Fault", "faults", true },
};

const char *kubeadm_object_path(struct arena *a, const struct json *obj)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (str_eqc(json_get_str(obj, "kind"), kinds[i].kind))
            return client_path(a, arena_cstr(a, json_get_str(obj, "apiVersion")), kinds[i].resource,
                               kinds[i].cluster_scoped ? STR_NULL : meta_namespace(obj), STR_NULL, NULL);
    ASSERT(!"a kind that kubeadm's objects do not have");
    return NULL;
}
