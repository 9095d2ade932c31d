/* sim/cmd/components.h - the control plane's components as programs of their static pods: what runs is what their manifests say. */
#ifndef SIM_CMD_COMPONENTS_H
#define SIM_CMD_COMPONENTS_H

#include "sim/proc/proc.h"

/* What a component needs of the composition root to begin and to end. flags: name -> value, as on its command line; NULL when there is none. */
struct components_ops {
    void (*start_controller_manager)(void *ctx, const struct json *flags);
    void (*stop_controller_manager)(void *ctx);
    void (*start_scheduler)(void *ctx, const struct json *flags);
    void (*stop_scheduler)(void *ctx);
};
/* Before the kubelet starts; one cluster a process. ops must outlive it. */
void components_init(const struct components_ops *ops, void *ctx);
extern const struct program_ops controller_manager_program;    /* "kube-controller-manager" */
extern const struct program_ops scheduler_program;             /* "kube-scheduler" */

/* Parse argv[1..] of a component into an object of name -> value. Errors in pflag's words: "unknown flag: --foo"; one that upstream knows and kubelab does
 * not model is refused by name. Pure. */
struct json *component_flags(struct arena *a, const char *component, char **argv, struct err *err);

#endif
