/* workloads/load/profile.c - one LoadProfile at work: who asks when, what came of it, and what its status says.
 *
 * A closed loop is a row of clients; each has at most one request under way and asks again when it is answered. One that got no
 * good answer waits for a second, as people do, so that a dead Service is not asked as fast as it refuses. An open loop sends at
 * the plan's arrivals, whatever became of the requests before; only so many can be under way at once, as a machine has only so
 * many sockets, and one more fails on the spot.
 *
 * A request is a GET of http://SERVICE.NAMESPACE:PORT/PATH by the client that wget uses: the name is asked of the cluster's DNS,
 * the address goes through kube-proxy's rules. Any answer below 500 counts as one, a redirect too, which is not followed. What is
 * counted is written into the status at the end of every sample of 15 s; after `down` and `up` it goes on from there, at the
 * place in the stages that the clock says. The stages' own histograms begin anew.
 */
#include "workloads/load/load_priv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define SAMPLE_NS (15 * (int64_t)NS_PER_S)
#define PAUSE_NS  ((int64_t)NS_PER_S)              /* of a client whose request failed */
#define INSTANT_NS ((int64_t)NS_PER_MS)            /* and of one that was answered in no time at all: time has to go on */
enum { UNDER_WAY_MAX = 1000 };

enum phase { PHASE_RUNNING, PHASE_ENDING /* the stages are over, requests are still under way */, PHASE_DONE, PHASE_REFUSED };

struct counts { int64_t requests, answered, failed; };
struct stage_result { struct counts counts; struct load_times *times /* NULL: nothing was answered in this life */; };

struct request {                       /* under way */
    struct list          node;
    struct load_profile *p;
    struct http_call    *call;
    int64_t              begun_ns;
    size_t               stage;
    size_t               client;       /* SIZE_MAX: of an open loop */
    int                  status;       /* HTTP's; 0: none yet */
};
struct asker {                         /* a client of a closed loop */
    struct load_profile *p;
    struct timer         pause;
    bool                 busy;         /* has a request under way */
};

struct load_profile {
    const struct load_place *place;
    struct arena     *arena;           /* of the texts below */
    struct json      *ref;             /* for events: kind, apiVersion, metadata */
    const char       *path, *url;      /* of the status; of what is asked */
    struct str        uid;
    int64_t           generation;
    struct load_plan  plan;
    struct rng        rng;
    enum phase        phase;
    char              message[300];
    int64_t           start_ns;
    struct list       requests;
    size_t            under_way;
    struct asker     *askers; size_t asker_count;  /* as many as there are clients at most */
    struct timer      change, arrival, sample;
    struct counts     total;
    struct stage_result results[LOAD_STAGES_MAX];
    struct load_times *times;          /* of the sample under way */
    const char       *rate, *latency;  /* of the last whole one, or NULL */
    char              rate_text[32], latency_text[32];
    struct client_call *write;
    bool              unwritten;       /* the status has to be written (again) */
};

static int64_t now_ns(const struct load_profile *p) { return vtime_now(p->place->loop); }
static int64_t own_ns(const struct load_profile *p) { return now_ns(p) - p->start_ns; }

/* ---- the status ---- */
static struct json *counts_json(struct arena *a, const struct counts *c)
{
    return json_buildf(a, "{'requests':%d,'answered':%d,'failed':%d}", c->requests, c->answered, c->failed);
}

static struct json *stage_json(const struct load_profile *p, struct arena *a, size_t i)
{
    const struct load_stage *s = &p->plan.stages[i];
    const struct stage_result *r = &p->results[i];
    struct json *out = counts_json(a, &r->counts);
    int64_t end = own_ns(p) < s->end_ns ? own_ns(p) : s->end_ns;
    if (end > s->begin_ns)
        json_set_strc(a, out, "rate",
                      arena_printf(a, "%.1f", (double)r->counts.answered * (double)NS_PER_S / (double)(end - s->begin_ns)));
    if (r->times) {
        json_set_strc(a, out, "latency", load_times_text(a, load_times_quantile(r->times, 50)));
        json_set_strc(a, out, "latencyP95", load_times_text(a, load_times_quantile(r->times, 95)));
    }
    return out;
}

static struct json *status_json(const struct load_profile *p, struct arena *a)
{
    static const char *const phases[] = { "Running", "Running", "Done", "Refused" };
    struct json *s = counts_json(a, &p->total), *stages = json_new_array(a);
    json_set_strc(a, s, "phase", phases[p->phase]);
    json_set(a, s, "message", p->message[0] ? json_new_strc(a, p->message) : json_null(a));
    json_set_int(a, s, "observedGeneration", p->generation);
    json_set(a, s, "rate", p->rate ? json_new_strc(a, p->rate) : json_null(a));
    json_set(a, s, "latency", p->latency ? json_new_strc(a, p->latency) : json_null(a));
    if (p->phase == PHASE_REFUSED)
        return s;
    json_set_str(a, s, "startTime", time_rfc3339_micro(a, p->start_ns));
    for (size_t i = 0; i < p->plan.n && p->plan.stages[i].begin_ns <= own_ns(p); i++)
        json_append(stages, stage_json(p, a, i));
    json_set(a, s, "stages", stages);
    return s;
}

static void status_write(struct load_profile *p);

/* An object that is gone is soon announced as gone; anything else (no server, no right to) is tried again with the next sample. */
static void status_written(void *ctx, const struct client_result *r, const struct err *err)
{
    struct load_profile *p = ctx;
    (void)r;
    p->write = NULL;
    if (err->code != ERR_NONE && err->code != ERR_NOT_FOUND) {
        log_msg(LOG_INFO, "load", "%s: %s", p->path, err->msg);
        p->unwritten = true;
        if (!timer_active(&p->sample))
            timer_start(&p->sample, SAMPLE_NS);
    } else if (p->unwritten) {
        status_write(p);
    }
}

static void status_write(struct load_profile *p)
{
    p->unwritten = p->write != NULL;
    if (p->write)
        return;
    struct arena *a = arena_new();
    p->write = client_patch(p->place->client, p->path, PATCH_MERGE, json_buildf(a, "{'status':%j}", status_json(p, a)),
                            status_written, p);
    arena_free(a);
}

/* ---- the end ---- */
static void maybe_done(struct load_profile *p)
{
    if (p->phase != PHASE_ENDING || p->under_way)
        return;
    p->phase = PHASE_DONE;
    timer_stop(&p->sample);
    event_record(p->place->events, p->ref, NULL, "Normal", "LoadEnded",
                 "%" PRId64 " requests: %" PRId64 " answered, %" PRId64 " failed",
                 p->total.requests, p->total.answered, p->total.failed);
    status_write(p);
}

/* ---- a request ---- */
static void ask(struct load_profile *p, size_t client);

static void count(struct load_profile *p, size_t stage, bool answered, int64_t took_ns)
{
    struct stage_result *r = &p->results[stage];
    *(answered ? &p->total.answered : &p->total.failed) += 1;
    *(answered ? &r->counts.answered : &r->counts.failed) += 1;
    if (!answered)
        return;
    if (!r->times)
        r->times = NEW(struct load_times);
    load_times_add(r->times, took_ns);
    load_times_add(p->times, took_ns);
}

/* The client of a closed loop asks again, at once or after a pause, if the stage still has it. */
static void ask_again(struct load_profile *p, size_t client, int64_t pause_ns)
{
    struct asker *k = &p->askers[client];
    k->busy = false;
    if (p->phase != PHASE_RUNNING || client >= load_plan_clients(&p->plan, own_ns(p)))
        return;
    if (pause_ns)
        timer_start(&k->pause, pause_ns);
    else
        ask(p, client);
}

static void request_over(void *ctx, const struct err *err)
{
    struct request *r = ctx;
    struct load_profile *p = r->p;
    size_t client = r->client;
    int64_t took = now_ns(p) - r->begun_ns;
    bool answered = err->code == ERR_NONE && r->status < 500;
    if (err->code != ERR_NONE)
        snprintf(p->message, sizeof p->message, "%.299s", err->msg);
    else if (!answered)
        snprintf(p->message, sizeof p->message, "Get %.250s: status %d", p->url, r->status);
    count(p, r->stage, answered, took);
    list_remove(&r->node);
    p->under_way--;
    free(r);
    if (client != SIZE_MAX)
        ask_again(p, client, !answered ? PAUSE_NS : took == 0 ? INSTANT_NS : 0);
    maybe_done(p);
}

static void request_answered(void *ctx, const struct http_response *response) { ((struct request *)ctx)->status = response->status; }

/* client: the number of a closed loop's client; SIZE_MAX for an open loop. */
static void ask(struct load_profile *p, size_t client)
{
    static const struct http_call_events events = { .on_response = request_answered, .on_done = request_over };
    size_t stage = (size_t)(load_plan_at(&p->plan, own_ns(p)) - p->plan.stages);
    p->total.requests++;
    p->results[stage].counts.requests++;
    if (client == SIZE_MAX && p->under_way >= UNDER_WAY_MAX) {
        snprintf(p->message, sizeof p->message, "Get %.200s: %d requests wait for an answer, no more are sent", p->url, UNDER_WAY_MAX);
        count(p, stage, false, 0);
        return;
    }
    struct request *r = NEW(struct request);
    *r = (struct request){ .p = p, .begun_ns = now_ns(p), .stage = stage, .client = client };
    list_push(&p->requests, &r->node);
    p->under_way++;
    struct http_call_options o = { .url = p->url, .timeout_ns = p->plan.timeout_ns, .ev = &events, .ctx = r };
    r->call = http_call_start(p->place->http, &o);
    if (client != SIZE_MAX)
        p->askers[client].busy = true;
}

static void pause_over(struct timer *t)
{
    struct asker *k = container_of(t, struct asker, pause);
    size_t client = (size_t)(k - k->p->askers);
    if (client < load_plan_clients(&k->p->plan, own_ns(k->p)))
        ask(k->p, client);
}

/* ---- what the plan says ---- */
/* Another number of clients, another stage, or the end. Clients that are no more wanted finish what they have asked for. */
static void plan_changed(struct timer *t)
{
    struct load_profile *p = container_of(t, struct load_profile, change);
    int64_t own = own_ns(p), next = load_plan_change(&p->plan, own);
    if (!load_plan_at(&p->plan, own)) {
        p->phase = PHASE_ENDING;
        timer_stop(&p->arrival);
        maybe_done(p);
        return;
    }
    if (next != LOAD_FOREVER)
        timer_start_at(t, p->start_ns + next);
    size_t wanted = load_plan_clients(&p->plan, own);
    for (size_t i = 0; i < p->asker_count; i++) {
        if (i >= wanted)
            timer_stop(&p->askers[i].pause);
        else if (!p->askers[i].busy && !timer_active(&p->askers[i].pause))
            ask(p, i);
    }
}

static void next_arrival(struct load_profile *p)
{
    double need = p->plan.even ? 1 : -log(1 - rng_unit(&p->rng));
    int64_t then = load_plan_arrival(&p->plan, own_ns(p), need);
    if (then != LOAD_FOREVER)
        timer_start_at(&p->arrival, p->start_ns + then);
}

static void arrived(struct timer *t)
{
    struct load_profile *p = container_of(t, struct load_profile, arrival);
    ask(p, SIZE_MAX);
    next_arrival(p);
}

static void sample_over(struct timer *t)
{
    struct load_profile *p = container_of(t, struct load_profile, sample);
    struct arena *a = arena_new();
    uint64_t n = p->times ? p->times->n : 0;
    if (p->phase == PHASE_RUNNING || p->phase == PHASE_ENDING) {
        snprintf(p->rate_text, sizeof p->rate_text, "%.1f", (double)n * (double)NS_PER_S / (double)SAMPLE_NS);
        snprintf(p->latency_text, sizeof p->latency_text, "%s", load_times_text(a, load_times_quantile(p->times, 50)));
        p->rate = p->rate_text;
        p->latency = n ? p->latency_text : NULL;
        memset(p->times, 0, sizeof *p->times);
        timer_start(t, SAMPLE_NS);
    }
    arena_free(a);
    status_write(p);
}

/* ---- beginning ---- */
static void restore_counts(struct counts *c, const struct json *status)
{
    *c = (struct counts){ json_get_int(status, "requests", 0), json_get_int(status, "answered", 0),
                          json_get_int(status, "failed", 0) };
    c->requests = c->answered + c->failed;         /* what was under way is lost, and was nobody's fault */
}

/* True: it ran before, and this goes on. */
static bool restore(struct load_profile *p, const struct json *status)
{
    int64_t start;
    if (!str_eqc(json_get_str(status, "phase"), "Running") || !time_parse_rfc3339(json_get_str(status, "startTime"), &start))
        return false;
    p->start_ns = start;
    restore_counts(&p->total, status);
    size_t i = 0;
    for (const struct json *s = json_first(json_get(status, "stages")); s && i < p->plan.n; s = json_next(s), i++)
        restore_counts(&p->results[i].counts, s);
    return true;
}

static size_t most_clients(const struct load_plan *plan)
{
    int64_t most = 0;
    for (size_t i = 0; i < plan->n; i++) {
        const struct load_stage *s = &plan->stages[i];
        most = s->open ? most : s->from_milli > most ? s->from_milli : most;
        most = s->open ? most : s->to_milli > most ? s->to_milli : most;
    }
    return (size_t)most / 1000;
}

static void run(struct load_profile *p)
{
    p->phase = PHASE_RUNNING;
    p->times = NEW(struct load_times);
    p->asker_count = most_clients(&p->plan);
    p->askers = xcalloc(p->asker_count + 1, sizeof *p->askers);
    for (size_t i = 0; i < p->asker_count; i++) {
        p->askers[i].p = p;
        timer_init(&p->askers[i].pause, p->place->loop, pause_over);
    }
    int64_t past = own_ns(p) % SAMPLE_NS;
    timer_start(&p->sample, SAMPLE_NS - past);
    timer_start(&p->change, 0);
    next_arrival(p);
}

static void names_make(struct load_profile *p, const struct json *object)
{
    const struct json *spec = json_get(object, "spec");
    struct str ns = meta_namespace(object), name = meta_name(object), service = json_get_str(spec, "service"),
               path = json_get_str(spec, "path");
    struct arena *a = p->arena;
    p->ref = json_buildf(a, "{'kind':'LoadProfile','apiVersion':'lab.kubelab.dev/v1','metadata':{'name':%S,'namespace':%S,'uid':%S,"
                            "'resourceVersion':%S}}", name, ns,
                         meta_uid(object), json_path_str(object, "metadata.resourceVersion"));
    p->path = arena_strdup(a, client_path(a, "lab.kubelab.dev/v1", "loadprofiles", ns, name, "status"));
    p->url = arena_printf(a, "http://" STR_FMT "." STR_FMT ":%d" STR_FMT, STR_ARG(service), STR_ARG(ns),
                          (int)json_get_int(spec, "port", 80),
                          STR_ARG(path.n ? path : STR("/")));
    p->uid = arena_str(a, meta_uid(object));
    p->generation = json_path_int(object, "metadata.generation", 1);
    rng_init(&p->rng, p->place->loop, arena_printf(a, "load/" STR_FMT "/" STR_FMT, STR_ARG(ns), STR_ARG(name)));
}

struct load_profile *load_profile_new(const struct load_place *place, const struct json *object)
{
    struct load_profile *p = NEW(struct load_profile);
    const struct json *status = json_get(object, "status");
    bool seen = json_get_int(status, "observedGeneration", 0) == json_path_int(object, "metadata.generation", 1);
    struct err why = { 0 };
    p->place = place;
    p->arena = arena_new();
    list_init(&p->requests);
    timer_init(&p->change, place->loop, plan_changed);
    timer_init(&p->arrival, place->loop, arrived);
    timer_init(&p->sample, place->loop, sample_over);
    names_make(p, object);
    p->start_ns = now_ns(p) / (int64_t)NS_PER_US * (int64_t)NS_PER_US;     /* as exact as the status tells it */
    if (seen && !str_eqc(json_get_str(status, "phase"), "Running")) {
        p->phase = PHASE_DONE;
        return p;
    }
    if (!load_plan_read(json_get(object, "spec"), &p->plan, &why)) {
        p->phase = PHASE_REFUSED;
        snprintf(p->message, sizeof p->message, "%.299s", why.msg);
        status_write(p);
    } else if (seen && restore(p, status)) {
        run(p);
    } else {
        event_record(place->events, p->ref, NULL, "Normal", "LoadStarted", "Asking %s", p->url);
        run(p);
        status_write(p);
    }
    err_clear(&why);
    return p;
}

void load_profile_free(struct load_profile *p)
{
    list_for(it, &p->requests) {
        struct request *r = container_of(it, struct request, node);
        http_call_cancel(r->call);
        list_remove(it);
        free(r);
    }
    if (p->write)
        client_cancel(p->write);
    struct timer *timers[] = { &p->change, &p->arrival, &p->sample };
    for (size_t i = 0; i < ARRAY_LEN(timers); i++)
        timer_stop(timers[i]);
    for (size_t i = 0; i < p->asker_count; i++)
        timer_stop(&p->askers[i].pause);
    for (size_t i = 0; i < LOAD_STAGES_MAX; i++)
        free(p->results[i].times);
    free(p->askers);
    free(p->times);
    arena_free(p->arena);
    free(p);
}

bool load_profile_is(const struct load_profile *p, const struct json *object)
{
    return str_eq(p->uid, meta_uid(object)) && p->generation == json_path_int(object, "metadata.generation", 1);
}
