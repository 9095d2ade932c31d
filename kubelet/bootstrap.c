/* kubelet/bootstrap.c - which credentials to begin with: kubelet.conf if it is of use, else the bootstrap kubeconfig and a
 * certificate request.
 *
 * Upstream: pkg/kubelet/certificate/bootstrap/bootstrap.go LoadClientConfig. When the bootstrap is needed, kubelet.conf is
 * written at once: it names the place where the certificate will lie. DOC: tls-bootstrap
 */
#include "kubelet/app_priv.h"

#include <sys/stat.h>

#define WHERE "bootstrap.go:264"

/* isClientConfigStillValid. False without err: there is nothing to be used, which is no error; the log says why if the file exists. */
static bool still_valid(struct arena *a, const char *root, const char *path, struct klog *log, int minor, int64_t now_ns,
                        struct rest_config *out)
{
    struct err err = { 0 };
    struct cert **certs = NULL;
    size_t n = 0;
    bool valid = false;
    const char *from = minor < 20 ? "" : arena_printf(a, " from %s", path),
               *read = minor < 20 ? "" : arena_printf(a, " read from %s", path);
    if (!kubeconfig_load(a, root, path, minor, out, &err)) {
        if (err.code != ERR_NOT_FOUND)
            klog_write(log, 'E', WHERE, "%s read existing bootstrap client config%s: %s", minor < 20 ? "Unable to" : "unable to",
                       from, err.msg);
    } else {
        struct identity *id = out->cert_pem.n || out->key_pem.n ? pair_from_pem(out->cert_pem, out->key_pem, &err) : NULL;
        if (!id && err.code != ERR_NONE)
            klog_write(log, 'E', WHERE, "%snable to load TLS configuration from existing bootstrap client config%s: %s",
                       minor < 20 ? "U" : "u", read, err.msg);
        else if (!cert_parse_pem_all(out->cert_pem, &certs, &n, NULL) || n == 0)
            klog_write(log, 'E', WHERE,
                       "%snable to load TLS certificates from existing bootstrap client config%s: data does not contain any valid "
                       "RSA or ECDSA certificates", minor < 20 ? "U" : "u", read);
        else
            valid = true;
        for (size_t i = 0; i < n && valid; i++)
            if (now_ns > certs[i]->not_after_ns) {
                struct str end = time_rfc3339(a, certs[i]->not_after_ns);
                const char *when = arena_printf(a, "%.10s %.8s +0000 UTC", end.p, end.p + 11);
                klog_write(log, 'E', WHERE,
                           minor < 20 ? "Part of the existing bootstrap client certificate is expired: %s%.0s"
                           : "part of the existing bootstrap client certificate in %s is expired: %s",
                           minor < 20 ? when : path, minor < 20 ? "" : when);
                valid = false;
            }
        certs_free(certs, n);
        identity_unref(id);
    }
    err_clear(&err);
    return valid;
}

/* clientcmd.WriteToFile: keys by name; a CA that was a file stays one. */
static bool write_kubeconfig(struct arena *a, const char *root, const char *path, const struct rest_config *boot,
                             const char *pem_path, struct err *err)
{
    const char *ca = boot->ca_file ? arena_printf(a, "    certificate-authority: %s\n", boot->ca_file) : "";
    if (!boot->ca_file && boot->ca_pem.n)
        ca = arena_printf(a, "    certificate-authority-data: " STR_FMT "\n", STR_ARG(base64_encode(a, boot->ca_pem)));
    struct str text = arena_strf(a,
        "apiVersion: v1\nclusters:\n- cluster:\n%s%s    server: %s\n  name: default-cluster\ncontexts:\n- context:\n    cluster: "
        "default-cluster\n    namespace: default\n"
        "    user: default-auth\n  name: default-context\ncurrent-context: default-context\nkind: Config\npreferences: "
        "{}\nusers:\n- name: default-auth\n  user:\n"
        "    client-certificate: %s\n    client-key: %s\n", ca, boot->insecure ? "    insecure-skip-tls-verify: true\n" : "",
        boot->server, pem_path, pem_path);
    const char *real = node_path(a, root, path), *slash = strrchr(real, '/');
    return dir_make(arena_printf(a, "%.*s", (int)(slash - real), real), 0755, err) && file_write(real, text, 0600, err);
}

bool bootstrap_load(struct arena *a, const char *root, const struct kubelet_flags *f, struct klog *log, int minor, int64_t now_ns,
                    struct bootstrap_result *out, struct err *err)
{
    const char *pem_path = arena_printf(a, "%s/kubelet-client-current.pem", f->cert_dir);
    *out = (struct bootstrap_result){ 0 };
    if (!f->bootstrap_kubeconfig || !*f->bootstrap_kubeconfig) {
        if (!kubeconfig_load(a, root, f->kubeconfig, minor, &out->user, err))
            return err_prefix(err, "unable to load kubeconfig: ");
        klog_v(log, 2, "bootstrap.go:65", "No bootstrapping requested, will use kubeconfig");
        out->request = out->user;
        return true;
    }
    if (still_valid(a, root, f->kubeconfig, log, minor, now_ns, &out->user)) {
        klog_v(log, 2, "bootstrap.go:83", "Current kubeconfig file contents are still valid, no bootstrap necessary");
        out->request = out->user;
        return true;
    }
    if (!kubeconfig_load(a, root, f->bootstrap_kubeconfig, minor, &out->request, err))
        return err_prefix(err, "unable to load bootstrap kubeconfig: ");
    out->user = out->request;
    out->user.token = out->user.cert_pem = out->user.key_pem = STR_NULL;
    out->bootstrapping = true;
    klog_v(log, 2, "bootstrap.go:99",
           "Use the bootstrap credentials to request a cert, and set kubeconfig to point to the certificate dir");
    return write_kubeconfig(a, root, f->kubeconfig, &out->request, pem_path, err);
}
