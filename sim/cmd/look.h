/* sim/cmd/look.h - how kubelab's own commands look at the cluster: at one virtual moment, without a request, and without moving
 * an object.
 *
 * GET /document[?history=0]      the document of checks and conditions (labs/README.md), but for what the asker knows better: its
 * lab, parameters and transcript GET /samples                   {"samples": [...]}: a row per autoscaler, as the history has them
 * GET /hpa/why?name=NS/NAME[&at=SECONDS]         what the autoscaler noted of its last pass at or before that time (look_notes.c,
 * hpa/note.c)
 */
#ifndef SIM_CMD_LOOK_H
#define SIM_CMD_LOOK_H

#include "sim/base/json.h"
#include "sim/http/http.h"

struct cluster;
struct store;

/* ---- look_ring.c: rows of text that outlive the process, the oldest of which give way ---- */
struct ring;
/* Rows PREFIX/SLOT in the store's meta. kept: also in memory, for ring_each to be cheap. */
struct ring *ring_new(struct store *s, const char *prefix, int64_t max, bool kept);
void ring_free(struct ring *r);        /* accepts NULL */
void ring_add(struct ring *r, struct str row);
/* Oldest first. */
void ring_each(const struct ring *r, void (*visit)(void *ctx, struct str row), void *ctx);

/* ---- look_notes.c: what the autoscaler noted (hpa/note.c), and what of it was a decision ---- */
struct notes;
struct notes *notes_new(struct store *s);
void notes_free(struct notes *n);
void notes_add(void *notes, struct str key, const struct json *note);            /* controller_context.note */
/* Appends the decisions of an autoscaler, oldest first: {"time":..,"seconds":..,"from":..,"to":..,"reason":..},... */
void notes_decisions(const struct notes *n, struct str key, struct strbuf *out);
/* The last note of it at or before at_s (INT64_MAX: the last there is); empty: none. */
struct str notes_find(const struct notes *n, struct arena *a, struct str key, int64_t at_s);

/* ---- look_audit.c: the audit trail in short ---- */
struct audit_short;
struct audit_short *audit_short_new(struct store *s);
void audit_short_free(struct audit_short *t);
/* Appends the rows, comma between them. How many older ones were left out, or are no longer in the trail. */
int64_t audit_short_write(struct audit_short *t, struct strbuf *out);
/* One row of one Event of audit.k8s.io/v1. Pure. */
void audit_short_row(struct arena *a, int64_t seq, struct str event, struct strbuf *out);

/* ---- look_sample.c: what is seen of the autoscalers and their targets at a moment ---- */
struct sampler;
struct sampler *sampler_new(struct cluster *c, int64_t began_ns);
void sampler_free(struct sampler *s);
/* Appends a row for each autoscaler, comma between them. hpas: [...] in autoscaling/v1; pod_metrics: items of the metrics API's
 * list, or empty. rate: requests per second since the last look that asked for it; else null. */
void sampler_write(struct sampler *s, const struct json *hpas, struct str pod_metrics, bool rate, struct strbuf *out);

/* ---- look.c ---- */
struct looker;
struct looker *looker_new(struct cluster *c);
void looker_free(struct looker *l);    /* looks under way end without a word; accepts NULL */
struct notes *looker_notes(struct looker *l);
/* as when nothing is left to do and time stands: looks end without what they wait for */
void looker_give_up(struct looker *l);
void looker_began(struct looker *l);   /* the cluster is up: for a fresh one, this is the document's clock.began */
/* The document, for who asks from inside: done once, never inside the call; empty: it is too large. */
struct look;
struct look *looker_ask(struct looker *l, bool history, void (*done)(void *ctx, struct str text), void *ctx);
void look_cancel(struct look *k);      /* done is not called */
bool look_route(struct looker *l, struct http_exchange *x);      /* false: not one of ours */

#endif
