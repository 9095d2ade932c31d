/* apiserver/aggregator/aggregator.h - the aggregation layer: APIServices, their availability, and the proxy to them.
 * Upstream: kube-aggregator pkg/controllers/status/available_controller.go, pkg/apiserver/handler_proxy.go, handler_apis.go. */
#ifndef APISERVER_AGGREGATOR_AGGREGATOR_H
#define APISERVER_AGGREGATOR_AGGREGATOR_H

#include "apiserver/apiserver_priv.h"

struct aggregator *aggregator_new(struct apiserver *as);         /* watches apiservices, services, endpoints in the store */
void aggregator_free(struct aggregator *g);
/* an APIService for each group-version that we serve, with its priorities */
bool aggregator_register_local(struct apiserver *as, struct err *err);
/* The same for a group and version of custom resources: they come (there) and go. */
bool aggregator_register_custom(struct apiserver *as, struct str group, struct str version, bool there, struct err *err);
/* Take the request when its path belongs to an APIService with a spec.service: proxied, or 503. False: it is ours. Called after
 * authorization. */
bool aggregator_handle(struct request *r);
/* Group-versions of APIServices with a service, for /apis (regardless of availability): visited by priority. */
void aggregator_each(struct apiserver *as,
                     void (*visit)(void *ctx, struct str group, struct str version, int group_priority, int version_priority),
                     void *ctx);
/* Resources of an aggregated group-version as last learnt by its availability probe's discovery document; NULL when unknown (for
 * aggregated discovery v2). */
const struct json *aggregator_resources(struct apiserver *as, struct str group, struct str version);

#endif
