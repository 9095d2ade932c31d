/* sim/cmd/kubeadm_join.c - what `kubeadm join` leaves on a worker: the cluster's CA, the bootstrap kubeconfig, and what the
 * kubelet is started with.
 *
 * Upstream: cmd/kubeadm/app/cmd/phases/join/kubelet.go of v1.16 to v1.20. Discovery is not played (the CA is at hand); the rest
 * is: with the token the kubelet asks for its client certificate, the controllers approve and sign it, and when it lies in its
 * place the bootstrap credentials are removed. DOC: kubeadm-join
 */
#include "sim/cmd/kubeadm.h"

#include <sys/stat.h>
#include <unistd.h>

static const char *bootstrap_path(struct arena *a, const struct kubeadm_options *o)
{
    return arena_printf(a, "%s/etc/kubernetes/bootstrap-kubelet.conf", o->root);
}

static bool has_certificate(struct arena *a, const struct kubeadm_options *o)
{
    struct stat st;
    return stat(arena_printf(a, "%s/var/lib/kubelet/pki/kubelet-client-current.pem", o->root), &st) == 0;
}

bool kubeadm_join_files(const struct kubeadm_options *o, struct str ca_pem, const char *server, const char *token, struct err *err)
{
    static const char *const dirs[] = { "etc/kubernetes/pki", "etc/kubernetes/manifests", "var/lib/kubelet/pki" };
    struct arena *a = arena_new();
    bool ok = true;
    for (size_t i = 0; i < ARRAY_LEN(dirs) && ok; i++)
        ok = dir_make(arena_printf(a, "%s/%s", o->root, dirs[i]), 0700, err);
    ok = ok && kubeadm_kubelet_files(o, err) && kubeadm_service_files(o, NULL, err) &&
         file_write(arena_printf(a, "%s/etc/kubernetes/pki/ca.crt", o->root), ca_pem, 0644, err);
    if (ok && !has_certificate(a, o))
        ok = file_write(bootstrap_path(a, o),
                        kubeadm_kubeconfig(a, ca_pem, server, "tls-bootstrap-token-user", arena_strf(a, "    token: %s\n", token)),
                        0600, err);
    arena_free(a);
    return ok;
}

bool kubeadm_join_finish(const struct kubeadm_options *o)
{
    struct arena *a = arena_new();
    struct stat st;
    const char *path = bootstrap_path(a, o);
    if (has_certificate(a, o))
        unlink(path);
    bool gone = stat(path, &st) != 0;
    arena_free(a);
    return gone;
}
