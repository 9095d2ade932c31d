/* hpa/horizontal.c - the controller: when, for whom, and in which order the API is asked
 * (pkg/controller/podautoscaler/horizontal.go, rate_limiters.go).
 *
 * Every autoscaler is a key in a queue whose limiter always says "in 15 seconds", and the earliest of several such
 * times counts. So a new autoscaler is first looked at 15 s after it appeared, then every 15 s; no change of pods,
 * metrics or spec makes it sooner, and no error later. A round is a chain of calls:
 *
 *     GET scale -> reconcile_begin -> LIST pods -> one call per metric -> reconcile_decide -> PUT scale ->
 *     reconcile_finish -> PUT status, events
 *
 * Simplified: upstream lists pods from a shared informer, we ask the server each round (the controller's role lets it
 * list them, not watch them, in v1.16).
 */
#include "hpa/hpa_priv.h"

#include <stdlib.h>

#define SYNC_PERIOD_NS      (15 * SECOND_NS)
#define CONFLICT_PAUSE_NS   (10 * (int64_t)NS_PER_MS)
enum { CONFLICT_TRIES = 5, FIRST_MINOR_WITH_V2 = 23, FIRST_MINOR_WITH_5_WORKERS = 26 };

struct horizontal {
    struct loop             *loop;
    struct client           *client;
    struct hpa_config        cfg;
    const char              *api_version;
    int64_t                  period_ns;
    struct informer         *informer;
    struct informer_handler  handler;
    struct workqueue        *queue;
    struct event_recorder   *events;
    struct scale_client     *scales;
    void                   (*note)(void *ctx, struct str key, const struct json *note);
    void                    *note_ctx;
    struct map              *memories; /* key -> struct hpa_memory */
    struct map              *selectors;/* key -> selector text, as last seen in its scale */
    struct list              rounds;
};

struct round {                         /* one reconcile under way */
    struct list           node;
    struct horizontal    *h;
    struct arena         *a;
    struct str            key;
    struct scale_target   target;
    struct json          *scale;
    struct json          *pods;        /* items of the PodList */
    struct reconcile      r;
    struct why            why;         /* the steps of r, where somebody notes them */
    size_t                next_call;
    int                   tries;
    struct timer          retry;
    /* at most one of these is under way */
    struct client_call   *call;
    struct scale_call    *scale_call;
    struct metrics_fetch *fetch;
};

static void round_put_scale(struct round *d);
static void round_finish(struct round *d, const char *update_error);

/* ---- life of a round ---- */
static void round_free(struct round *d)
{
    list_remove(&d->node);
    timer_stop(&d->retry);
    if (d->call)
        client_cancel(d->call);
    if (d->scale_call)
        scale_cancel(d->scale_call);
    if (d->fetch)
        metrics_fetch_cancel(d->fetch);
    arena_free(d->a);
    free(d);
}

static void enqueue(struct horizontal *h, struct str key) { workqueue_add_after(h->queue, key, h->period_ns); }

static void round_end(struct round *d)
{
    struct horizontal *h = d->h;
    enqueue(h, d->key);
    workqueue_done(h->queue, d->key);
    round_free(d);
}

static void send_events(struct round *d)
{
    for (size_t i = 0; i < d->r.event_count; i++)
        event_record(d->h->events, d->r.hpa, NULL, d->r.events[i].type, d->r.events[i].reason, "%s", d->r.events[i].message);
}

static void round_over(struct round *d)
{
    if (d->r.late_event)
        event_record(d->h->events, d->r.hpa, NULL, "Warning", "FailedComputeMetricsReplicas", "%s", d->r.late_event);
    if (d->r.error)
        log_msg(LOG_INFO, "hpa", STR_FMT ": %s", STR_ARG(d->key), d->r.error);
    if (d->h->note)
        d->h->note(d->h->note_ctx, d->key, reconcile_note(&d->r));
    round_end(d);
}

static void status_written(void *ctx, const struct client_result *res, const struct err *err)
{
    struct round *d = ctx;
    (void)res;
    d->call = NULL;
    if (err->code != ERR_NONE)
        event_record(d->h->events, d->r.hpa, NULL, "Warning", "FailedUpdateStatus", "%s", err->msg);
    round_over(d);
}

/* The last step: status if it differs, and what there is to say. */
static void round_report(struct round *d)
{
    struct horizontal *h = d->h;
    send_events(d);
    if (hpa_status_equal(&d->r.before, &d->r.status)) {
        round_over(d);
        return;
    }
    struct json *hpa = json_copy(d->a, d->r.hpa);
    json_set(d->a, hpa, "status", hpa_status_write(d->a, &d->r.status));
    d->call = client_update(
        h->client,
        client_path(d->a, h->api_version, "horizontalpodautoscalers", meta_namespace(hpa), meta_name(hpa), "status"), hpa,
        status_written, d);
}

/* ---- rescale ---- */
static void scale_refreshed(void *ctx, const struct json *scale, const char *error, const char *log_prefix, bool conflict)
{
    struct round *d = ctx;
    (void)log_prefix;
    (void)conflict;
    d->scale_call = NULL;
    if (error) {
        round_finish(d, arena_strdup(d->a, error));
        return;
    }
    d->scale = json_copy(d->a, scale);
    round_put_scale(d);
}

static void retry_now(struct timer *t)
{
    struct round *d = container_of(t, struct round, retry);
    d->scale_call = scale_get(d->h->scales, &d->target, scale_refreshed, d);
}

static void scale_put_done(void *ctx, const struct json *scale, const char *error, const char *log_prefix, bool conflict)
{
    struct round *d = ctx;
    (void)scale;
    (void)log_prefix;
    d->scale_call = NULL;
    if (conflict && d->h->cfg.minor >= 34 && ++d->tries < CONFLICT_TRIES) {
        timer_start(&d->retry, CONFLICT_PAUSE_NS);
        return;
    }
    round_finish(d, error ? arena_strdup(d->a, error) : NULL);
}

static void round_put_scale(struct round *d)
{
    json_set_int(d->a, json_ensure(d->a, d->scale, "spec"), "replicas", d->r.desired);
    d->scale_call = scale_put(d->h->scales, &d->target, d->scale, scale_put_done, d);
}

static void round_finish(struct round *d, const char *update_error)
{
    reconcile_finish(&d->r, update_error);
    round_report(d);
}

static void round_decide(struct round *d)
{
    if (!reconcile_decide(&d->r))
        round_report(d);
    else if (d->r.rescale)
        round_put_scale(d);
    else
        round_finish(d, NULL);
}

/* ---- metrics ---- */
static void round_next_metric(struct round *d);

static void metric_answered(void *ctx)
{
    struct round *d = ctx;
    d->fetch = NULL;
    round_next_metric(d);
}

static void round_next_metric(struct round *d)
{
    while (d->next_call < d->r.call_count) {
        struct metric_call *c = &d->r.calls[d->next_call++];
        pods_read(d->a, d->pods, c->resource, &c->pods, &c->pod_count);
        if (c->kind == CALL_NONE)
            continue;
        d->fetch = metrics_fetch_start(d->h->client, d->a, d->h->cfg.minor, d->target.ns, d->r.selector, c, metric_answered, d);
        return;
    }
    round_decide(d);
}

/* Which other autoscalers of the namespace govern a pod of ours (v1.26 and later); those whose selector has been learnt count. */
static const char *ambiguity(struct round *d)
{
    struct horizontal *h = d->h;
    struct strbuf names;
    strbuf_init(&names, 65536);
    size_t cursor = 0, count = 0;
    struct str key, ns, name;
    void *value;
    while (json_len(d->pods) && map_next(h->selectors, &cursor, &key, &value)) {
        if (!str_cut(key, '/', &ns, &name) || !str_eq(ns, d->target.ns))
            continue;
        struct selector *s = selector_parse(d->a, str_c(value), NULL);
        bool governs = false;
        for (const struct json *p = json_first(d->pods); p && !governs; p = json_next(p))
            governs = s && selector_matches(s, meta_labels(p));
        if (governs)
            strbuf_addf(&names, "%s" STR_FMT, count++ ? " " : "", STR_ARG(key));
    }
    const char *text = NULL;
    if (count > 1)
        text = arena_printf(d->a, "pods by selector " STR_FMT " are controlled by multiple HPAs: [" STR_FMT "]",
                            STR_ARG(d->r.selector), STR_ARG(strbuf_str(&names)));
    strbuf_deinit(&names);
    return text;
}

static void pods_listed(void *ctx, const struct client_result *res, const struct err *err)
{
    struct round *d = ctx;
    d->call = NULL;
    if (err->code != ERR_NONE) {                   /* upstream's lister cannot fail; without pods there is no number to give */
        d->r.error = arena_printf(d->a, "unable to get pods while calculating replica count: %s", err->msg);
        round_over(d);
        return;
    }
    d->pods = json_copy(d->a, json_get(res->obj, "items"));
    if (d->h->cfg.minor >= 26)
        d->r.ambiguous = ambiguity(d);
    round_next_metric(d);
}

static void learn_selector(struct round *d)
{
    free(map_put(d->h->selectors, d->key, xstrdup(arena_cstr(d->a, d->r.selector))));
}

static void round_ask_metrics(struct round *d)
{
    struct selector *s = d->r.selector.n ? selector_parse(d->a, d->r.selector, NULL) : NULL;
    if (!s) {                                      /* reconcile_decide says what is wrong with it */
        round_decide(d);
        return;
    }
    d->r.selector = selector_text(d->a, s);
    learn_selector(d);
    const char *path = client_path(d->a, "v1", "pods", d->target.ns, STR_NULL, NULL);
    d->call = client_get(d->h->client,
                         arena_printf(d->a, "%s?labelSelector=" STR_FMT, path, STR_ARG(percent_encode(d->a, d->r.selector))),
                         pods_listed, d);
}

/* ---- the beginning ---- */
static struct hpa_memory *memory_of(struct horizontal *h, struct str key)
{
    struct hpa_memory *m = map_get(h->memories, key);
    if (!m) {
        m = NEW(struct hpa_memory);
        map_put(h->memories, key, m);
    }
    return m;
}

static void scale_got(void *ctx, const struct json *scale, const char *error, const char *log_prefix, bool conflict)
{
    struct round *d = ctx;
    (void)conflict;
    d->scale_call = NULL;
    d->r.now_ns = vtime_now(d->h->loop);
    if (error) {
        reconcile_scale_failed(&d->r, error, log_prefix);
        round_report(d);
        return;
    }
    d->scale = json_copy(d->a, scale);
    d->r.spec_replicas = (int32_t)json_path_int(scale, "spec.replicas", 0);
    d->r.status_replicas = (int32_t)json_path_int(scale, "status.replicas", 0);
    d->r.selector = arena_str(d->a, json_path_str(scale, "status.selector"));
    reconcile_begin(&d->r);
    if (d->r.wants_metrics)
        round_ask_metrics(d);
    else
        round_decide(d);
}

static void memory_free(void *p)
{
    hpa_memory_deinit(p);
    free(p);
}

static void forget(struct horizontal *h, struct str key)
{
    struct hpa_memory *m = map_take(h->memories, key);
    if (m)
        memory_free(m);
    free(map_take(h->selectors, key));
}

static void process(void *ctx, struct str key)
{
    struct horizontal *h = ctx;
    struct object *o = informer_get(h->informer, key);
    if (!o) {
        forget(h, key);
        workqueue_done(h->queue, key);
        return;
    }
    struct round *d = NEW(struct round);
    list_init(&d->node);
    list_push(&h->rounds, &d->node);
    d->h = h;
    d->a = arena_new();
    d->key = arena_str(d->a, key);
    timer_init(&d->retry, h->loop, retry_now);
    const struct json *hpa = json_copy(d->a, object_json(o)), *ref = json_path(hpa, "spec.scaleTargetRef");
    d->target = (struct scale_target){ meta_namespace(hpa), json_get_str(ref, "name"), json_get_str(ref, "kind"),
                                       json_get_str(ref, "apiVersion") };
    d->r = (struct reconcile){ .a = d->a, .cfg = &h->cfg, .memory = memory_of(h, key), .hpa = hpa, .now_ns = vtime_now(h->loop) };
    if (h->note) {
        d->why = (struct why){ d->a, json_new_array(d->a), NULL };
        d->r.why = &d->why;
        d->r.seen = json_new_array(d->a);
    }
    hpa_status_read(d->a, json_get(hpa, "status"), &d->r.before);
    reconcile_init(&d->r);
    d->scale_call = scale_get(h->scales, &d->target, scale_got, d);
}

/* ---- what wakes it ---- */
static void hpa_seen(void *ctx, struct object *o)
{
    struct arena *a = arena_new();
    enqueue(ctx, meta_key(a, object_json(o)));
    arena_free(a);
}

static void hpa_updated(void *ctx, struct object *old, struct object *o)
{
    (void)old;
    hpa_seen(ctx, o);
}

/* The memory goes when the key's turn comes; the selector at once, so that nobody is held ambiguous by a ghost. */
static void hpa_gone(void *ctx, struct object *o)
{
    struct horizontal *h = ctx;
    struct arena *a = arena_new();
    free(map_take(h->selectors, meta_key(a, object_json(o))));
    arena_free(a);
}

static int64_t flag_duration(const struct json *flags, const char *name, int64_t dflt)
{
    int64_t ns;
    return duration_parse_go(json_get_str(flags, name), &ns) ? ns : dflt;
}

/* --feature-gates=HPAConfigurableTolerance=true: alpha in v1.33 and v1.34. */
static bool gate_on(const struct json *flags, const char *gate)
{
    struct str list = json_get_str(flags, "feature-gates"), name, value;
    while (list.n) {
        struct str one = str_token(&list, ',');
        if (str_cut(one, '=', &name, &value) && str_eqc(name, gate))
            return str_eqc(value, "true");
    }
    return false;
}

static double flag_double(const struct json *flags, const char *name, double dflt)
{
    char text[64], *end;
    struct str s = json_get_str(flags, name);
    if (s.n == 0 || s.n >= sizeof text)
        return dflt;
    memcpy(text, s.p, s.n);
    text[s.n] = 0;
    double v = strtod(text, &end);
    return *end ? dflt : v;
}

static void *start(const struct controller_context *cc)
{
    struct horizontal *h = NEW(struct horizontal);
    h->loop = cc->loop;
    h->client = cc->client;
    h->api_version = cc->minor >= FIRST_MINOR_WITH_V2 ? "autoscaling/v2" : "autoscaling/v2beta2";
    h->cfg = (struct hpa_config){
        .minor = cc->minor,
        .up_factor = 2,
        .tolerance = flag_double(cc->flags, "horizontal-pod-autoscaler-tolerance", 0.1),
        .cpu_init_ns = flag_duration(cc->flags, "horizontal-pod-autoscaler-cpu-initialization-period", 300 * SECOND_NS),
        .ready_delay_ns = flag_duration(cc->flags, "horizontal-pod-autoscaler-initial-readiness-delay", 30 * SECOND_NS),
        .down_window_ns = flag_duration(cc->flags, "horizontal-pod-autoscaler-downscale-stabilization", 300 * SECOND_NS),
        .pod_level_resources = cc->minor >= 34,
        .tolerance_gate = cc->minor >= 33 && gate_on(cc->flags, "HPAConfigurableTolerance")
    };
    h->period_ns = flag_duration(cc->flags, "horizontal-pod-autoscaler-sync-period", SYNC_PERIOD_NS);
    h->memories = map_new();
    h->selectors = map_new();
    list_init(&h->rounds);
    h->queue = workqueue_new(h->loop, "horizontalpodautoscaler", cc->minor >= FIRST_MINOR_WITH_5_WORKERS ? 5 : 1, process, h);
    h->events = event_recorder_new(h->client, "horizontal-pod-autoscaler", NULL);
    h->scales = scale_client_new(h->client);
    h->note = cc->note;
    h->note_ctx = cc->note_ctx;
    struct arena *a = arena_new();
    h->informer = informer_shared(h->client,
                                  client_path(a, h->api_version, "horizontalpodautoscalers", STR_NULL, STR_NULL, NULL), "");
    arena_free(a);
    h->handler = (struct informer_handler){ .on_add = hpa_seen, .on_update = hpa_updated, .on_delete = hpa_gone, .ctx = h };
    informer_set_resync(h->informer, h->period_ns);
    informer_add_handler(h->informer, &h->handler);
    return h;
}

static void stop(void *state)
{
    struct horizontal *h = state;
    if (!h)
        return;
    informer_remove_handler(h->informer, &h->handler);
    list_for(it, &h->rounds)
        round_free(container_of(it, struct round, node));
    workqueue_free(h->queue);
    event_recorder_free(h->events);
    scale_client_free(h->scales);
    map_free(h->memories, memory_free);
    map_free(h->selectors, free);
    free(h);
}

const struct controller_ops hpa_controller = {
    .name = "horizontalpodautoscaling", .service_account = "horizontal-pod-autoscaler", .start = start, .stop = stop
};
