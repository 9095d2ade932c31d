/* sim/cmd/components.h - the control plane's components as programs of their static pods: what runs is what their manifests say. */
#ifndef SIM_CMD_COMPONENTS_H
#define SIM_CMD_COMPONENTS_H

#include "sim/client/client.h"
#include "sim/cmd/container_files.h"
#include "sim/proc/proc.h"

/* What a component has of its process: its log, and its end when it cannot go on ("leaderelection lost"). */
/* kube-controller-manager's */
struct component_host { client_log *log; void (*lost)(void *ctx); void *ctx; const struct manager_files *files;
                        const char *instance; /* of the process: its container's id */ };
/* What a component needs of the composition root to begin and to end. flags: name -> value, as on its command line; NULL when
 * there is none. host is NULL where there is no process (bare). */
struct components_ops {
    void (*start_controller_manager)(void *ctx, const struct json *flags, const struct component_host *host);
    void (*stop_controller_manager)(void *ctx);
    void (*start_scheduler)(void *ctx, const struct json *flags, const struct component_host *host);
    void (*stop_scheduler)(void *ctx);
    bool (*keys_pending)(void *ctx);   /* the service accounts' keys are still being made */
};
/* Before the kubelet starts; one cluster a process. ops must outlive it. */
void components_init(const struct components_ops *ops, void *ctx, const char *root /* DATA/node; outlives it */);
extern const struct program_ops controller_manager_program;    /* "kube-controller-manager" */
extern const struct program_ops scheduler_program;             /* "kube-scheduler" */

/* Parse argv[1..] of a component into an object of name -> value. Errors in pflag's words: "unknown flag: --foo"; one that
 * upstream knows and kubelab does not model is refused by name. Pure. */
struct json *component_flags(struct arena *a, const char *component, char **argv, struct err *err);

#endif
