/* workloads/load/load_priv.h - the pure half of the load generator: what a profile wants when, and how long answers took. */
#ifndef WORKLOADS_LOAD_LOAD_PRIV_H
#define WORKLOADS_LOAD_LOAD_PRIV_H
#include "sim/api/api.h"
#include "workloads/load/load.h"

/* ---- plan.c: a profile's stages on its own time, which is nanoseconds since the first of them began ---- */
/* Bounds that the API server holds profiles to (apiserver/schema/validate_lab.c); a plan made of anything beyond them is refused. */
enum { LOAD_STAGES_MAX = 32, LOAD_CLIENTS_MAX = 1000, LOAD_RATE_MAX = 1000 };
#define LOAD_FOREVER INT64_MAX

struct load_stage {
    int64_t begin_ns, end_ns;          /* end: LOAD_FOREVER for a last stage without a duration */
    bool    open;                      /* requests per second; else clients */
    int64_t from_milli, to_milli;      /* thousandths of a client or of a request per second, when it begins and when it ends */
};
struct load_plan {
    struct load_stage stages[LOAD_STAGES_MAX];
    size_t            n;
    int64_t           timeout_ns;
    bool              even;            /* arrivals of an open loop at equal distances */
};
/* Of a LoadProfile's spec, defaults filled in. False, ERR_INVALID: what is wrong with it. */
bool load_plan_read(const struct json *spec, struct load_plan *out, struct err *err);
/* The stage at t_ns (>= 0); NULL: all of them are over. */
const struct load_stage *load_plan_at(const struct load_plan *p, int64_t t_ns);
/* How many clients ask at t_ns. On a ramp the line is rounded to the nearest. */
size_t load_plan_clients(const struct load_plan *p, int64_t t_ns);
/* The first instant after t_ns at which a stage begins or ends, or the number of clients changes; LOAD_FOREVER: never. */
int64_t load_plan_change(const struct load_plan *p, int64_t t_ns);
/* The instant after t_ns by which the open loops have made `need` (> 0, of one request) more arrivals; LOAD_FOREVER: never. With
 * need = 1 each time they are evenly spaced, with an exponential variable of mean 1 they come at random. */
int64_t load_plan_arrival(const struct load_plan *p, int64_t t_ns, double need);

/* ---- times.c: a histogram of latencies, whose buckets are at most 0.8% wide ---- */
struct load_times { uint64_t n; uint32_t buckets[25 * 128]; };
void load_times_add(struct load_times *t, int64_t ns);           /* 0 to half an hour; longer ones count as that */
int64_t load_times_quantile(const struct load_times *t, unsigned percent);       /* ns; 50: the median. Of none at all: 0 */
/* "85ms", "0.31ms": three digits at most below a second, always in milliseconds. */
const char *load_times_text(struct arena *a, int64_t ns);

/* ---- profile.c: one LoadProfile at work ---- */
struct load_place {                    /* what profiles have in common; outlives them */
    struct loop          *loop;
    struct client        *client;      /* of the API */
    struct http_client   *http;        /* from the generator's machine */
    struct event_recorder *events;
};
struct load_profile;
/* Begins, or goes on where the object's status says, or only keeps in mind that it is over. */
struct load_profile *load_profile_new(const struct load_place *place, const struct json *object);
void load_profile_free(struct load_profile *p);
/* False: the object that it works for is another one by now, or its spec has changed. */
bool load_profile_is(const struct load_profile *p, const struct json *object);
#endif
