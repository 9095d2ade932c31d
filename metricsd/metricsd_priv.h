/* metricsd/metricsd_priv.h - inside the metrics server: one program, its flags, its scraper, its store, its API. Models
 * v0.3.6. */
#ifndef METRICSD_METRICSD_PRIV_H
#define METRICSD_METRICSD_PRIV_H

#include "metricsd/metricsd.h"

/* ---- flags.c ---- */
enum { ADDRESS_TYPES_MAX = 8 };
struct metricsd_flags {
    int64_t     metric_resolution_ns;  /* --metric-resolution, 1m0s */
    bool        kubelet_insecure_tls, completely_insecure;
    int64_t     kubelet_port, secure_port;
    const char *cert_dir, *kubelet_ca_file;
    struct str  address_types[ADDRESS_TYPES_MAX]; size_t address_type_count;
};
/* Parse argv[1..]; false with Go's words ("unknown flag: --foo"). Positional words are ignored, as by the real program. */
bool metricsd_flags_parse(struct arena *a, char **argv, struct metricsd_flags *out, struct err *err);
void metricsd_flags_usage(struct strbuf *out);

/* ---- storage.c: the batch of the last tick; each tick replaces it whole ---- */
struct metrics_point { int64_t time_ns; int64_t cpu_nanocores, memory_bytes; };
struct container_point { struct str name; struct metrics_point point; };
struct pod_point { struct container_point *containers; size_t count; int64_t time_ns; /* the earliest container's */ };
struct batch {                         /* lives in an arena of its own */
    struct arena *arena;
    struct map   *nodes;               /* name -> struct metrics_point */
    struct map   *pods;                /* "ns/name" -> struct pod_point */
    size_t        errors;
};
struct batch *metricsd_batch_new(void);
void metricsd_batch_free(struct batch *b);

/* ---- decode.c ---- */
/* A kubelet's /stats/summary into the batch. What is missing is told to complain, one message at a time. */
bool metricsd_decode_summary(struct batch *b, struct str body, const char *address, void (*complain)(void *ctx, const char *text),
                             void *ctx, struct err *err);

/* ---- address_resolver.c ---- */
bool metricsd_resolve_address(const struct metricsd_flags *f, const struct json *node, struct str *address, struct err *err);

struct metricsd;

/* ---- scraper.c: a tick asks every node, each in its own time, and then stores ---- */
struct scraper;
struct scraper *scraper_new(struct metricsd *m);
void scraper_free(struct scraper *s);
bool scraper_healthy(const struct scraper *s, const char **why);
const struct batch *scraper_batch(const struct scraper *s);     /* borrowed; never NULL */
const struct json *scraper_counters(const struct scraper *s, struct arena *a); /* {"success":n,"failure":n,"last_ns":n} */

/* ---- api.c, api_node.c, api_pod.c ---- */
void metricsd_api_handle(void *ctx, struct http_exchange *x);
struct api_request {
    struct http_exchange *x;
    struct metricsd *m;
    struct str ns, name;
    struct selector *labels;
    struct field_selector fields;
};
void metricsd_api_node_list(struct api_request *r);
void metricsd_api_node_get(struct api_request *r);
void metricsd_api_pod_list(struct api_request *r);
void metricsd_api_pod_get(struct api_request *r);
void metricsd_api_respond(struct api_request *r, int status, const struct json *j);
void metricsd_api_error(struct api_request *r, const struct err *err);
/* label and field selectors against the object's own metadata */
bool metricsd_api_selected(const struct api_request *r, const struct json *meta);
struct json *metricsd_api_usage(struct arena *a, int64_t cpu_nanocores, int64_t memory_bytes);

/* ---- server.c ---- */
struct metricsd {
    struct process        *process;
    struct loop           *loop;
    struct arena          *arena;      /* what lives as long as the program */
    struct metricsd_flags  flags;
    struct in_cluster      in;
    struct trust          *cluster_roots, *kubelet_roots, *client_ca, *proxy_ca;
    struct client         *client;
    struct http_client    *kubelets;
    struct client_call    *config_call;
    struct delegated_auth *auth;
    struct identity       *identity;
    struct http_server    *http;
    struct informer       *nodes, *pods;
    struct scraper        *scraper;
    struct rng             rng;
    struct cpu_work        work;       /* CPU of scrapes and requests, added up while one is consumed */
    int64_t                owed_ns;
    bool                   ready;      /* serving */
};
/* klog lines of the process: "E0124 23:50:45.557373       1 manager.go:111] text" on standard error. */
void metricsd_klog(struct metricsd *m, char level, const char *place, const char *fmt, ...) PRINTF(4, 5);
void metricsd_spend(struct metricsd *m, int64_t cpu_ns);

#endif
