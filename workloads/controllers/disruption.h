/* workloads/controllers/disruption.h - the arithmetic of a PodDisruptionBudget, without the calls (pure; disruption.c makes them). */
#ifndef WORKLOADS_CONTROLLERS_DISRUPTION_H
#define WORKLOADS_CONTROLLERS_DISRUPTION_H

#include "sim/api/api.h"

/* How long the eviction handler's word that a pod will go is believed (upstream's DeletionTimeout). */
#define DISRUPTION_DELETION_TIMEOUT_NS ((int64_t)120 * (int64_t)NS_PER_S)

struct budget_count { int64_t healthy, desired, expected; };      /* pods */

/* Whether a budget's spec counts what the pods' controllers want to have (a percentage, or maxUnavailable) rather than the pods. */
bool budget_needs_scale(const struct json *spec);
/* desired of out, from spec and out->expected. False: minAvailable or maxUnavailable is neither a number nor a percentage. */
bool budget_desired(const struct json *spec, struct budget_count *out);
/* Those of status.disruptedPods that are still believed to go: {"pod": time}. pods[0..n): what the budget selects. *recheck_ns: when
 * the first of them is given up, or 0. late, if it is not NULL, is called with each pod that should have gone by now_ns. */
struct json *budget_disrupted(struct arena *a, const struct json *pdb, const struct json *const *pods, size_t n, int64_t now_ns,
                              int64_t *recheck_ns, void (*late)(void *ctx, const struct json *pod), void *ctx);
int64_t budget_healthy(const struct json *const *pods, size_t n, const struct json *disrupted);
/* The status that follows; from v1.21 on with its condition, whose time stands still while its status does. In a. */
struct json *budget_status(struct arena *a, int minor, const struct json *pdb, const struct budget_count *count,
                           const struct json *disrupted, int64_t now_ns);
/* The status after a sync that failed for the reason why: nothing may be disrupted. In a. */
struct json *budget_failed_status(struct arena *a, int minor, const struct json *pdb, const char *why, int64_t now_ns);
#endif
