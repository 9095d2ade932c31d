/* workloads/scheduler/scheduler.h - kube-scheduler: a queue of unbound pods, filters, scores, and a binding. */
#ifndef WORKLOADS_SCHEDULER_SCHEDULER_H
#define WORKLOADS_SCHEDULER_SCHEDULER_H
#include "sim/client/client.h"
struct scheduler;
struct scheduler *scheduler_start(struct client *client, int minor, bool leader_elect);    /* as system:kube-scheduler */
void scheduler_free(struct scheduler *s);
#endif
