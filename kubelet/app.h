/* kubelet/app.h - the kubelet as a program of the machine: a command line, files below the node's root, an identity, an end.
 *
 * Upstream: cmd/kubelet/app/server.go. It reads its flags and /var/lib/kubelet/config.yaml, finds its identity (kubelet.conf, or
 * the bootstrap kubeconfig and a certificate request), and runs a struct kubelet. It ends by itself when something it cannot do
 * without is missing: the reason is a line of the log, the status goes to `exited`. What it ran in containers is not ended with
 * it: that is handed on to the next one. Order of use: kubelet_app_start, ... , kubelet_app_stop (also after exited).
 */
#ifndef KUBELET_APP_H
#define KUBELET_APP_H

#include "kubelet/kubelet.h"

struct kubelet_app;
struct kubelet_app_options {
    /* the machine. Filled in by the app: client, serving, client_ca, manifests_dir, port, log, settings */
    struct kubelet_options node;
    const char     *root;              /* the node's / on the disk: DATA/node */
    char          **argv;              /* NULL-terminated, argv[0] "/usr/bin/kubelet" */
    int             pid;
    struct kubelet *previous;          /* what an earlier one left running, or NULL; owned by the app from now on */
    void          (*log)(void *ctx, struct str line);                        /* what it prints, line by line */
    /* The HTTPS server is there: open the edge for it. */
    bool          (*listen)(void *ctx, struct http_server *s, struct err *err);
    void          (*exited)(void *ctx, int status);                          /* it ended by itself: by task, once */
    void           *ctx;
};
/* Never fails: what is wrong shows in the log and in `exited`. */
struct kubelet_app *kubelet_app_start(const struct kubelet_app_options *opt);
struct kubelet *kubelet_app_kubelet(const struct kubelet_app *app);          /* borrowed; NULL while there is none */
/* End the program. What its containers run goes on; returns that, for `previous` or kubelet_free, or NULL. */
struct kubelet *kubelet_app_stop(struct kubelet_app *app);

/* kubeconfig.c: the node's files. Below root, DATA/node; texts of open(2) and stat(2) as Go tells them: "stat /etc/x: no such
 * file or directory". */
const char *node_path(struct arena *a, const char *root, const char *path);      /* on the disk, below root whatever `..` it has */
bool node_read(struct arena *a, const char *root, const char *path, const char *verb, struct str *out, struct err *err);

#endif
