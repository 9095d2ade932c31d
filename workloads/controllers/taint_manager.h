/* workloads/controllers/taint_manager.h - deletes pods from nodes whose NoExecute taints they do not, or no longer, tolerate. */
#ifndef WORKLOADS_CONTROLLERS_TAINT_MANAGER_H
#define WORKLOADS_CONTROLLERS_TAINT_MANAGER_H

#include "workloads/controllers/controllers_priv.h"

struct taint_manager;
/* The watches are the node lifecycle controller's and outlive the manager. */
struct taint_manager *taint_manager_new(const struct controller_context *cc, struct ctl_watch *nodes, struct ctl_watch *pods);
void taint_manager_free(struct taint_manager *t);
void taint_manager_node(struct taint_manager *t, const struct json *old, const struct json *now);
void taint_manager_pod(struct taint_manager *t, const struct json *old, const struct json *now);

#endif
