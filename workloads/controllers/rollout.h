/* workloads/controllers/rollout.h - the arithmetic of a Deployment's rollout, apart from all plumbing
 * (pkg/controller/deployment/util/deployment_util.go, rolling.go, sync.go). Everything is counts; nothing is written here. */
#ifndef WORKLOADS_CONTROLLERS_ROLLOUT_H
#define WORKLOADS_CONTROLLERS_ROLLOUT_H

#include "sim/api/api.h"

struct rollout_rs {
    int64_t replicas, actual, ready, available;    /* spec.replicas; status.replicas, readyReplicas, availableReplicas */
    int64_t desired, max;                          /* annotations deployment.kubernetes.io/desired-replicas, max-replicas; -1 absent */
    int64_t created_ns;
    struct str name;
};
struct rollout {
    int64_t replicas, surge, unavailable;          /* surge and unavailable resolved to pods */
    bool    rolling;                               /* else Recreate */
    int64_t status_replicas;                       /* of the Deployment */
    struct rollout_rs *rs; size_t n;               /* all of its ReplicaSets */
    size_t  newest;                                /* index of the one with the present template; SIZE_MAX: there is none yet */
};
struct rollout_step { size_t rs; int64_t replicas; };             /* scale this one to that */

/* spec -> replicas, rolling, surge, unavailable. Both zero: unavailable 1. Surge rounds up, unavailable down. */
void rollout_resolve(const struct json *deployment_spec, struct rollout *out);
int64_t rollout_total(const struct rollout *r);                   /* sum of spec.replicas */
/* What the newest ReplicaSet should have: desired, but never more pods in all than desired + surge. newest may be SIZE_MAX: of
 * one to be created. */
int64_t rollout_new_replicas(const struct rollout *r);
/* Steps down of old ReplicaSets: unhealthy ones first, then as availability permits. steps has room for 2 n; returns how many. */
size_t rollout_old_steps(const struct rollout *r, struct rollout_step *steps);
/* Steps after spec.replicas changed in mid-rollout: proportionally. steps has room for n. */
size_t rollout_scale_steps(const struct rollout *r, struct rollout_step *steps);

#endif
