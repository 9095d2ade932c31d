/* workloads/controllers/deployment.h - what the steps of a Deployment's sync and its status share. */
#ifndef WORKLOADS_CONTROLLERS_DEPLOYMENT_H
#define WORKLOADS_CONTROLLERS_DEPLOYMENT_H

#include "workloads/controllers/controllers_priv.h"
#include "workloads/controllers/rollout.h"

struct deploy_job {                    /* one sync of one Deployment */
    struct json       *d;
    struct json      **sets;           /* its ReplicaSets, in the order of the informer */
    struct rollout_rs *views;          /* the same, as counts */
    struct rollout     r;              /* r.rs is views */
    struct rollout_step *steps; size_t step, step_count;
    void             (*after_steps)(struct sync *s), (*after_newest)(struct sync *s);
    bool               scaled, adopted;
};

/* The status as it should be, conditions included; rollout: with Progressing judged (syncRolloutStatus), else without
 * (syncDeploymentStatus). */
struct json *deploy_status(struct sync *s, const struct deploy_job *job, bool rollout);
bool deploy_complete(const struct deploy_job *job, const struct json *status);
/* When nothing else wakes a rollout that hangs: delay until its deadline can be judged, or -1. */
int64_t deploy_requeue_ns(const struct deploy_job *job, const struct json *status, int64_t now_ns);
/* SetDeploymentCondition: nothing happens when status and reason are the same; else it moves to the end. since:
 * lastTransitionTime to keep, or NULL. */
void deploy_condition_set(struct arena *a, struct json *status, const char *type, const char *value, const char *reason,
                          const char *message, int64_t now_ns, const struct json *since);

#endif
