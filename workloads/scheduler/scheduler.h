/* workloads/scheduler/scheduler.h - kube-scheduler: a queue of unbound pods, filters, scores, and a binding. */
#ifndef WORKLOADS_SCHEDULER_SCHEDULER_H
#define WORKLOADS_SCHEDULER_SCHEDULER_H
#include "sim/client/client.h"
struct scheduler;
/* As system:kube-scheduler. instance: with leader_elect, see leader_identity. lost(ctx): its lease could not be renewed, and
 * upstream exits; may be NULL. */
struct scheduler *scheduler_start(struct client *client, int minor, bool leader_elect, void (*lost)(void *ctx), void *ctx,
                                  const char *instance);
void scheduler_free(struct scheduler *s);
#endif
