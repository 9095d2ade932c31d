/* apiserver/aggregator/aggregator_priv.h - an APIService as the aggregation layer knows it, shared by its controller and its proxy. */
#ifndef APISERVER_AGGREGATOR_AGGREGATOR_PRIV_H
#define APISERVER_AGGREGATOR_AGGREGATOR_PRIV_H

#include "apiserver/aggregator/aggregator.h"

enum { PROBE_ATTEMPTS = 5 };

struct probe {                         /* one GET of the discovery document */
    struct apiservice *of;
    struct http_call  *call;           /* NULL when it is over */
};
struct apiservice {
    struct aggregator *g;
    char        *name;                 /* "v1beta1.metrics.k8s.io" */
    struct arena *a;                   /* of the strings below, and of trust */
    struct str   group, version, svc_ns, svc_name;
    int          port, group_priority, version_priority;
    struct http_client *proxy;         /* NULL when its caBundle cannot be read; proxy_error says why */
    struct http_client *prober;
    char        *proxy_error;
    bool         available;
    char        *spec_text;            /* the spec that the above was made of */

    struct list  queued;               /* in aggregator.queue, or nowhere */
    struct timer retry;
    unsigned     failures;             /* in a row: what the back-off grows with */
    struct probe probes[PROBE_ATTEMPTS];
    unsigned     probing;              /* attempts that are not over */
    char        *probe_url;
    struct arena *doc_arena;           /* of the discovery document last seen */
    struct json *doc;
};
struct aggregator {
    struct apiserver *as;
    struct map   *services;            /* name -> struct apiservice; only those with a spec.service */
    struct store_watcher *watches[3];
    struct list   queue;
    struct task   work;
    struct timer  resync;
    struct list   proxied;             /* struct proxied (proxy.c): requests on their way */
    struct list   asks;                /* struct aggregated_ask (ask.c): kubelab's own questions */
    bool          listed;              /* the store has been read for the first time */
};

void apiservice_enqueue(struct apiservice *s);
void apiservice_sync(struct apiservice *s);                      /* available.c: check now, and write what came out */
void apiservice_stop_probes(struct apiservice *s);
/* Where the Service answers: ClusterIP:port. ERR_UNAVAILABLE when nowhere. */
bool service_url(struct apiservice *s, struct arena *a, struct str *out, struct err *err);
void proxied_cancel_all(struct aggregator *g, const struct apiservice *of);   /* proxy.c; NULL: of all */
void asks_end(struct aggregator *g, const struct apiservice *of);             /* ask.c: unanswered; NULL: all */

#endif
