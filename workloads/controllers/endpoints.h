/* workloads/controllers/endpoints.h - subsets of a Service, apart from all plumbing; and what Endpoints and EndpointSlices share. */
#ifndef WORKLOADS_CONTROLLERS_ENDPOINTS_H
#define WORKLOADS_CONTROLLERS_ENDPOINTS_H

#include "workloads/controllers/controllers_priv.h"

/* The subsets as upstream writes them: addresses with the same ports together, addresses by IP, ports and subsets by the MD5 of
 * their dump. */
struct json *endpoints_subsets(struct arena *a, int minor, const struct json *svc, const struct json *const *pods, size_t n);
/* Port number of a Service's port on this pod; false when the pod has no port of that name. */
bool service_port_on_pod(const struct json *port, const struct json *pod, int64_t *number);
bool service_publishes_not_ready(const struct json *svc);
/* Pods that the Service selects, in the informer's order; out has room for all pods. */
size_t pods_of_service(struct arena *a, struct ctl_watch *pods, const struct json *svc, const struct json **out);
/* A pod has come (old is NULL), gone (now is NULL) or changed: the keys of the services that it concerns are added to c's queue. */
void services_pod_seen(struct ctl *c, struct ctl_watch *services, const struct json *old, const struct json *now);
void md5(struct str in, uint8_t out[16]);

#endif
