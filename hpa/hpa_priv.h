/* hpa/hpa_priv.h - what the files of this room share. Reading order: README.md.
 *
 * Two halves. The arithmetic (pod_filter, utilization, replica_calculator, stabilization, behavior, hpa_normalize,
 * conditions, metrics, reconcile) is pure: it is handed pods, samples and a time, and answers. The plumbing
 * (scale_client, metrics_client, horizontal) asks the API for them; eval.c reads them from records. Units: replicas are
 * int32 as in the API; quantities int64 milli-units; times int64 nanoseconds; ratios double, computed in upstream's
 * order of operations.
 */
#ifndef HPA_HPA_PRIV_H
#define HPA_HPA_PRIV_H

#include "hpa/hpa.h"

#ifdef __clang__
/* a fused multiply-add would round differently from upstream on amd64; gcc -std=c11 does not fuse */
#pragma STDC FP_CONTRACT OFF
#endif

#define SECOND_NS ((int64_t)NS_PER_S)

/* ---- why: the steps that led to an answer, for --explain; a NULL receiver costs nothing ---- */
struct why { struct arena *a; struct json *steps; const char *prefix; };
void hpa_why_add(struct why *w, const char *fmt, ...) PRINTF(2, 3);
const char *hpa_number(struct why *w, double v);       /* in as few digits as tell it from all others, for hpa_why_add; "" for NULL */

/* ---- Go's conversions on amd64 ---- */
int32_t hpa_go_int32(double v);                        /* out of range and NaN give INT32_MIN */
int64_t hpa_go_int64(double v);                        /* ... INT64_MIN */
int64_t hpa_go_add(int64_t a, int64_t b);              /* wraps around */
int64_t hpa_go_mul(int64_t a, int64_t b);

/* ---- pods and samples, as far as the arithmetic looks at them ---- */
enum pod_ready { POD_READY_UNSET, POD_READY_TRUE, POD_READY_FALSE, POD_READY_UNKNOWN };
struct hpa_container { struct str name; bool has_request, restart_always; int64_t request_milli; };
struct hpa_pod {
    struct str            name, phase;
    bool                  deleting, has_start;
    int64_t               start_ns, ready_since_ns;
    enum pod_ready        ready;
    struct hpa_container *containers, *init;
    size_t                container_count, init_count;
    /* spec.resources.requests is set; and names the resource in question */
    bool                  pod_level, pod_level_has;
    int64_t               pod_level_milli;
};
struct sample { struct str pod; int64_t milli, at_ns, window_ns; bool removed; };
/* One sample per pod: upstream's PodMetricsInfo, a map from name to metric. Lives in an arena. */
struct samples { struct arena *a; struct sample *v; size_t n, cap, live; struct map *index; };
void samples_init(struct samples *s, struct arena *a);
void samples_put(struct samples *s, struct str pod, int64_t milli, int64_t at_ns, int64_t window_ns);   /* replaces */
void samples_remove(struct samples *s, struct str pod);
const struct sample *samples_find(const struct samples *s, struct str pod);

/* ---- pod_filter.c: who counts ---- */
struct pod_set { const struct hpa_pod **v; const char **because; size_t n; };
struct pod_groups { size_t ready; struct pod_set unready, missing, ignored; };
struct question {                                  /* what every calculation is handed */
    struct arena         *a;
    struct why           *why;
    int                   minor;
    int64_t               now_ns, cpu_init_ns, ready_delay_ns;
    double                tolerance_down, tolerance_up;
    bool                  pod_level_resources;     /* the feature gate */
    const struct hpa_pod *pods; size_t pod_count;  /* all that the scale's selector selects, in the lister's order */
};
void pods_group(const struct question *q, const struct samples *metrics, const char *resource /* "" for other metrics */,
                struct pod_groups *out);
size_t pods_ready_count(const struct question *q);         /* Running and Ready */

/* ---- utilization.c: usage against requests, usage against a target ---- */
struct requests { int64_t *v; struct map *index; };        /* by position in q->pods; index: pod name -> position + 1 */
bool requests_of_pods(const struct question *q, const char *resource, struct str container, struct requests *out,
                      struct err *err);
struct ratio { double ratio; int32_t percent; int64_t average_milli; };
bool ratio_to_requests(const struct samples *s, const struct requests *r, int32_t target_percent, struct ratio *out,
                       struct err *err);
void ratio_to_target(const struct samples *s, int64_t target_milli, struct ratio *out);

/* ---- replica_calculator.c: how many replicas one metric asks for ---- */
/* current is spec.replicas, in the per-pod functions status.replicas. */
struct calculated { int32_t replicas, percent; int64_t raw; };
bool calc_utilization(const struct question *q, int32_t current, int32_t target_percent, const char *resource,
                      struct str container, struct samples *s, struct calculated *out, struct err *err);
bool calc_plain(const struct question *q, int32_t current, int64_t target_milli, const char *resource, struct samples *s,
                struct calculated *out, struct err *err);
bool calc_object(const struct question *q, int32_t current, int64_t target_milli, int64_t value_milli,
                 struct calculated *out, struct err *err);
void calc_object_per_pod(const struct question *q, int32_t status_replicas, int64_t target_milli, int64_t value_milli,
                         struct calculated *out);
bool calc_external(const struct question *q, int32_t current, int64_t target_milli, const int64_t *values, size_t n,
                   struct calculated *out, struct err *err);
void calc_external_per_pod(const struct question *q, int32_t status_replicas, int64_t target_milli, const int64_t *values,
                           size_t n, struct calculated *out);

/* ---- stabilization.c: what the controller remembers of one autoscaler ---- */
struct recommendation { int64_t at_ns; int32_t replicas; };
struct scale_event { int64_t at_ns; int32_t change; bool outdated; };
struct scale_events { struct scale_event *v; size_t n, cap; };
struct hpa_memory {
    struct recommendation *recs; size_t rec_count, rec_cap;
    struct scale_events    up, down;
};
void hpa_memory_deinit(struct hpa_memory *m);
void hpa_memory_seed(struct hpa_memory *m, int32_t replicas, int64_t now_ns);     /* the first recommendation, if there is none */
void hpa_memory_store(struct hpa_memory *m, size_t reuse /* index or SIZE_MAX */, int32_t replicas, int64_t now_ns);
int32_t stabilize_plain(struct hpa_memory *m, int32_t desired, int64_t now_ns, int64_t window_ns, struct why *why);
int32_t stabilize_behavior(struct hpa_memory *m, int minor, int32_t current, int32_t desired, int64_t now_ns,
                           int64_t up_window_s, int64_t down_window_s, struct why *why);

/* ---- behavior.c: scaling policies ---- */
enum select_policy { SELECT_MAX, SELECT_MIN, SELECT_DISABLED };
struct policy { bool percent; int32_t value; int64_t period_s; };
struct rules { int64_t window_s; enum select_policy select; struct policy *v; size_t n; };
struct behavior { struct rules up, down; };
/* spec.behavior after the API's defaulting; a scaleDown without a window takes default_down_window_s. false: not set. */
bool behavior_read(struct arena *a, const struct json *spec_behavior, int64_t default_down_window_s, struct behavior *out);
int32_t behavior_up_limit(const struct hpa_memory *m, const struct behavior *b, int minor, int32_t current, int64_t now_ns,
                          struct why *why);
int32_t behavior_down_limit(const struct hpa_memory *m, const struct behavior *b, int minor, int32_t current, int64_t now_ns,
                            struct why *why);
void behavior_store_event(struct hpa_memory *m, const struct behavior *b, int32_t old_replicas, int32_t new_replicas,
                          int64_t now_ns);

/* ---- conditions.c: status, in memory ---- */
enum { CONDITIONS_MAX = 8 };
struct hpa_condition { const char *type, *status, *reason, *message; int64_t at_ns; };
struct hpa_status {
    int32_t              current, desired;
    struct json         *metrics;                  /* status.currentMetrics, or NULL */
    struct hpa_condition conditions[CONDITIONS_MAX];
    size_t               condition_count;
    bool                 has_last_scale;
    int64_t              last_scale_ns;
};
void hpa_condition_put(struct arena *a, struct hpa_status *s, const char *type, const char *status, const char *reason,
                       const char *message, int64_t now_ns);
bool hpa_status_equal(const struct hpa_status *x, const struct hpa_status *y);
void hpa_status_read(struct arena *a, const struct json *hpa_status, struct hpa_status *out);      /* of an API object */
struct json *hpa_status_write(struct arena *a, const struct hpa_status *s);

/* ---- normalize.c: a wish becomes a permitted number ---- */
struct limits { int32_t min, max; double up_factor; int64_t down_window_ns; };
int32_t hpa_normalize(struct arena *a, struct hpa_memory *m, struct hpa_status *st, const struct limits *lim,
                      const struct behavior *behavior /* or NULL */, int minor, int32_t current, int32_t desired, int64_t now_ns,
                      struct why *why);

/* ---- metrics.c: what each metric of the spec proposes ---- */
struct metric_call {                               /* a question to a metrics API, and its answer */
    enum metric_call_kind { CALL_NONE, CALL_RESOURCE, CALL_PODS, CALL_OBJECT, CALL_EXTERNAL } kind;
    const struct json    *spec;                    /* of spec.metrics[] */
    const char           *resource;                /* "cpu"; "" when not CALL_RESOURCE */
    struct str            container;
    const char           *error;                   /* as the metrics client words it, or NULL */
    struct samples        samples;
    int64_t               value, *values; size_t value_count;
    const struct hpa_pod *pods; size_t pod_count;  /* read for this resource */
};
/* what will be asked; kind NONE: nothing */
void metric_call_of_spec(struct arena *a, const struct json *spec, int minor, struct metric_call *out);
/* What became of a call that brought nothing: "unable to get metrics for resource cpu: ERROR" and its like. Always false. */
struct metric_name { const char *name; struct str ns, object_kind, object_name; const char *selector; };
bool metric_unavailable(struct err *err, enum metric_call_kind kind, const struct metric_name *m, const char *error);

/* ---- reconcile.c: one pass over one autoscaler ---- */
struct hpa_config {
    int minor;
    double tolerance, up_factor;
    int64_t cpu_init_ns, ready_delay_ns, down_window_ns;
    bool tolerance_gate, pod_level_resources;
};
struct hpa_event { const char *type, *reason, *message; };
struct reconcile {
    /* in */
    struct arena            *a;
    const struct hpa_config *cfg;
    struct hpa_memory       *memory;
    const struct json       *hpa;                  /* v2 or v2beta2 */
    int64_t                  now_ns;
    struct why              *why;
    struct json             *seen;                 /* an array, to which note.c adds what each metric saw; or NULL */
    int32_t                  spec_replicas, status_replicas;   /* of the scale */
    struct str               selector;
    struct metric_call      *calls; size_t call_count;         /* one per spec.metrics[], answered between begin and decide */
    const char              *ambiguous;            /* text of AmbiguousSelector, or NULL */
    /* out */
    struct hpa_status        before, status;
    struct hpa_event        *events; size_t event_count, event_cap;
    const char              *error;                /* what the controller would log, or NULL */
    bool                     rescale, rescaled;    /* is to be; and the scale was written */
    int32_t                  desired;
    /* private */
    const char              *reason, *reference, *late_event;
    int32_t                  min, max;
    struct json             *metric_statuses;
    bool                     wants_metrics;
    struct behavior          behavior; bool has_behavior;
    struct selector         *parsed_selector;
};
/* Order of use: init; scale_failed, or: begin, [answer r->calls if r->wants_metrics,] decide, [PUT if r->rescale,]
 * finish. Then write status if it differs from before, then, in order, the events and late_event. */
void reconcile_init(struct reconcile *r);
void reconcile_scale_failed(struct reconcile *r, const char *message, const char *log_prefix);
void reconcile_begin(struct reconcile *r);
bool reconcile_decide(struct reconcile *r);        /* false: over, without a number */
void reconcile_finish(struct reconcile *r, const char *update_error /* or NULL */);
void reconcile_event(struct reconcile *r, const char *type, const char *reason, const char *message);
/* metrics.c; false: no number */
bool reconcile_metrics(struct reconcile *r, int32_t *replicas, const char **metric_name, const char **error);

/* ---- note.c: what one pass saw and did, for `kubelab hpa why` ---- */
/* One metric as the calculation is about to see it, added to r->seen: before q's samples are changed by assumptions. */
void note_metric(struct reconcile *r, const struct question *q, const struct metric_call *c);
/* The whole pass, after it: {time, seconds, reference, min, max, tolerance, current, desired, rescaled, reason, error, metrics,
 * steps, recommendations, conditions}. */
struct json *reconcile_note(const struct reconcile *r);

/* ---- plumbing ---- */
/* A kind's resource by discovery, then GET and PUT of its scale (scale_client.c). Calls answer later; cancel with
 * scale_cancel. */
struct scale_client;
struct scale_target { struct str ns, name, kind, api_version; };
/* error NULL: fine; scale lives during the call */
typedef void scale_done(void *ctx, const struct json *scale, const char *error, const char *log_prefix, bool conflict);
struct scale_client *scale_client_new(struct client *c);
void scale_client_free(struct scale_client *s);
struct scale_call;
struct scale_call *scale_get(struct scale_client *s, const struct scale_target *t, scale_done *done, void *ctx);
struct scale_call *scale_put(struct scale_client *s, const struct scale_target *t, const struct json *scale,
                             scale_done *done, void *ctx);
void scale_cancel(struct scale_call *c);
/* Answers call (all but its pods) from metrics.k8s.io, custom.metrics.k8s.io or external.metrics.k8s.io (metrics_client.c). */
struct metrics_fetch;
struct metrics_fetch *metrics_fetch_start(struct client *c, struct arena *a, int minor, struct str ns, struct str selector,
                                          struct metric_call *call, void (*done)(void *ctx), void *ctx);
void metrics_fetch_cancel(struct metrics_fetch *f);
/* Samples of one resource as the metrics API gives them, per container; samples_from_raw makes samples per pod of them,
 * or *error as the client words it. */
struct raw_container { struct str name; bool has; int64_t milli; };
struct raw_metrics { struct str ns, pod; int64_t at_ns, window_ns; struct raw_container *v; size_t n; };
void samples_from_raw(struct arena *a, int minor, const struct raw_metrics *raw, size_t n, struct str container,
                      struct samples *out, const char **error);
/* of a PodList */
void pods_read(struct arena *a, const struct json *items, const char *resource, const struct hpa_pod **pods, size_t *n);

/* ---- eval.c, eval_read.c, eval_controller.c: records instead of a cluster ---- */
/* Times of a record are seconds relative to now. */
int64_t eval_time(const struct json *seconds, int64_t now_ns);
bool eval_pods(struct arena *a, const struct json *list, int64_t now_ns, const struct hpa_pod **out, size_t *n);
bool eval_samples(struct arena *a, int minor, const struct json *metrics, struct str container, int64_t now_ns,
                  struct samples *out, const char **error);
bool eval_values(struct arena *a, const struct json *list, int64_t **out, size_t *n);
/* "ticks"; NULL: not such a record */
struct json *eval_controller(struct arena *a, int minor, const struct json *record, struct why *why, struct err *err);
struct json *behavior_defaults(struct arena *a, const struct json *spec_behavior);

#endif
