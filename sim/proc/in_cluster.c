/* sim/proc/in_cluster.c - how a program in a pod finds the API server and its own name.
 *
 * Models client-go rest/config.go InClusterConfig: the kubernetes Service from the environment, the service account's
 * token and CA from the mounted secret. As there, a missing token is an error and a missing ca.crt is not (the
 * connection fails to verify later).
 */
#include "sim/proc/proc_priv.h"

#define ACCOUNT_DIR "/var/run/secrets/kubernetes.io/serviceaccount"

static struct str account_file(const struct process *p, struct arena *a, const char *name, bool *found)
{
    struct str bytes = STR_NULL;
    struct vfs *files = process_options(p)->files;
    *found = files && vfs_read(files, arena_printf(a, ACCOUNT_DIR "/%s", name), &bytes);
    return *found ? arena_str(a, bytes) : STR_NULL;
}

bool process_in_cluster(const struct process *p, struct arena *a, struct in_cluster *out, struct err *err)
{
    const char *host = process_getenv(p, "KUBERNETES_SERVICE_HOST"), *port = process_getenv(p, "KUBERNETES_SERVICE_PORT");
    bool found;
    if (!host || !*host || !port || !*port)
        return err_set(
            err, ERR_NOT_FOUND,
            "unable to load in-cluster configuration, KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must be defined");
    struct str token = account_file(p, a, "token", &found);
    if (!found)
        return err_set(err, ERR_NOT_FOUND, "open " ACCOUNT_DIR "/token: no such file or directory");
    out->server = strchr(host, ':') ? arena_printf(a, "https://[%s]:%s", host, port)
                                    : arena_printf(a, "https://%s:%s", host, port);
    out->token = token;
    out->ca_pem = account_file(p, a, "ca.crt", &found);
    out->ns = account_file(p, a, "namespace", &found);
    return true;
}
