/* metricsd/scraper.c - the tick: every --metric-resolution, ask every node's kubelet for its summary, then replace what
 * is known (pkg/manager/manager.go, pkg/sources/manager.go, v0.3.6).
 *
 * The first tick comes before the informers have seen a node: it finds nothing, and that counts as success; so the
 * first figures appear one whole resolution after the start. Each node is asked after a random moment (8 ms a node, at
 * most 4 s), so that a large cluster is not asked all at once. A node that fails is missing from the new batch: nothing
 * old is kept.
 */
#include "metricsd/metricsd_priv.h"

#include <stdlib.h>

enum { SCRAPE_CPU_NS = 4 * 1000 * 1000, SPREAD_PER_NODE_NS = 8 * 1000 * 1000 };
#define SPREAD_MAX_NS (4 * (int64_t)NS_PER_S)

struct source {                        /* one node in one tick */
    struct list       node;
    struct scraper   *scraper;
    struct arena     *arena;
    struct str        name, address;
    struct timer      start;
    struct http_call *call;
};

struct scraper {
    struct metricsd *m;
    struct batch    *current, *next;   /* what is served; what this tick collects */
    struct list      sources;          /* still under way */
    struct timer     tick;
    struct map      *errors;           /* distinct messages of this tick, in order */
    size_t           asked, answered;
    int64_t          last_tick_ns;
    bool             last_ok;
    int64_t          successes, failures;
};

const struct batch *scraper_batch(const struct scraper *s) { return s->current; }

const struct json *scraper_counters(const struct scraper *s, struct arena *a)
{
    return json_buildf(a, "{'success':%d,'failure':%d,'last_ns':%d}", s->successes, s->failures, s->last_tick_ns);
}

/* ---- the end of a tick ---- */
static void report(struct scraper *s)
{
    struct strbuf text;
    size_t cursor = 0, n = map_len(s->errors);
    struct str message;
    void *value;
    if (n == 0)
        return;
    strbuf_init(&text, 65536);
    while (map_next(s->errors, &cursor, &message, &value))
        strbuf_addf(&text, "%s" STR_FMT, text.n ? ", " : "", STR_ARG(message));
    metricsd_klog(s->m, 'E', "manager.go:111",
                  n > 1 ? "unable to fully collect metrics: [" STR_FMT "]" : "unable to fully collect metrics: " STR_FMT,
                  STR_ARG(strbuf_str(&text)));
    strbuf_deinit(&text);
}

static void finish(struct scraper *s)
{
    report(s);
    s->last_ok = s->asked == 0 || s->answered > 0;
    metricsd_batch_free(s->current);
    s->current = s->next;
    s->next = NULL;
}

static void complain(struct scraper *s, const char *text)
{
    map_put(s->errors, str_c(text), s);
}

static void source_free(struct source *src)
{
    timer_stop(&src->start);
    if (src->call)
        http_call_cancel(src->call);
    list_remove(&src->node);
    arena_free(src->arena);
    free(src);
}

static void source_end(struct source *src, const char *error)
{
    struct scraper *s = src->scraper;
    if (error) {
        struct str name = src->name;
        complain(s, arena_printf(src->arena, "unable to fully scrape metrics from source kubelet_summary:" STR_FMT ": %s",
                                 STR_ARG(name), error));
        s->failures++;
    } else {
        s->answered++;
        s->successes++;
    }
    source_free(src);
    if (list_empty(&s->sources) && s->next)
        finish(s);
}

/* ---- one node ---- */
struct complaints { struct source *src; struct strbuf text; size_t n; };

static void add_complaint(void *ctx, const char *text)
{
    struct complaints *c = ctx;
    strbuf_addf(&c->text, "%s%s", c->n++ ? ", " : "", text);
}

static void decoded(struct source *src, struct str body)
{
    struct complaints c = { .src = src };
    struct err err = { 0 };
    const char *address = arena_cstr(src->arena, src->address), *error = NULL;
    strbuf_init(&c.text, 65536);
    if (!metricsd_decode_summary(src->scraper->next, body, address, add_complaint, &c, &err))
        error = arena_printf(src->arena, "unable to fetch metrics from Kubelet " STR_FMT " (%s): %s", STR_ARG(src->name),
                             address, err.msg);
    else if (c.n)
        error = arena_printf(src->arena, c.n > 1 ? "[" STR_FMT "]" : STR_FMT, STR_ARG(strbuf_str(&c.text)));
    strbuf_deinit(&c.text);
    err_clear(&err);
    source_end(src, error);
}

static void answered(void *ctx, const struct http_result *r, const struct err *err)
{
    struct source *src = ctx;
    struct arena *a = src->arena;
    src->call = NULL;
    metricsd_spend(src->scraper->m, SCRAPE_CPU_NS);
    if (r && r->status == 200) {
        decoded(src, r->body);
        return;
    }
    const char *why = !r ? err->msg
                         : arena_printf(a, "request failed - \"%d " STR_FMT "\", response: \"" STR_FMT "\"", r->status,
                                        STR_ARG(http_status_text(r->status)), STR_ARG(r->body));
    source_end(src, arena_printf(a, "unable to fetch metrics from Kubelet " STR_FMT " (" STR_FMT "): %s", STR_ARG(src->name),
                                 STR_ARG(src->address), why));
}

static void ask(struct timer *t)
{
    struct source *src = container_of(t, struct source, start);
    struct metricsd *m = src->scraper->m;
    const struct metricsd_flags *f = &m->flags;
    struct http_headers h = { 0 };
    if (!f->completely_insecure)
        http_headers_addf(src->arena, &h, "Authorization", "Bearer " STR_FMT, STR_ARG(m->in.token));
    struct http_call_options o = { .method = "GET",
                                   .headers = &h,
                                   .timeout_ns = f->metric_resolution_ns * 9 / 10,
                                   .url = arena_printf(
                                       src->arena, "%s://" STR_FMT ":%" PRId64 "/stats/summary?only_cpu_and_memory=true",
                                       f->completely_insecure ? "http" : "https", STR_ARG(src->address), f->kubelet_port) };
    src->call = http_fetch(m->kubelets, &o, answered, src);
}

static void source_start(struct scraper *s, const struct json *node)
{
    struct err err = { 0 };
    struct str address;
    s->asked++;
    if (!metricsd_resolve_address(&s->m->flags, node, &address, &err)) {
        complain(s, err.msg);
        s->failures++;
        err_clear(&err);
        return;
    }
    int64_t spread = (int64_t)informer_count(s->m->nodes) * SPREAD_PER_NODE_NS;
    struct source *src = NEW(struct source);
    list_init(&src->node);
    list_push(&s->sources, &src->node);
    src->scraper = s;
    src->arena = arena_new();
    src->name = arena_str(src->arena, meta_name(node));
    src->address = arena_str(src->arena, address);
    timer_init(&src->start, s->m->loop, ask);
    timer_start(&src->start, (int64_t)rng_below(&s->m->rng, (uint64_t)(spread < SPREAD_MAX_NS ? spread : SPREAD_MAX_NS)));
}

/* ---- the tick ---- */
static void tick(struct timer *t)
{
    struct scraper *s = container_of(t, struct scraper, tick);
    timer_start(t, s->m->flags.metric_resolution_ns);
    list_for(it, &s->sources)                      /* of the tick before: its time is over */
        source_free(container_of(it, struct source, node));
    metricsd_batch_free(s->next);
    map_free(s->errors, NULL);
    s->errors = map_new();
    s->next = metricsd_batch_new();
    s->asked = s->answered = 0;
    s->last_tick_ns = vtime_now(s->m->loop);
    size_t cursor = 0;
    for (struct object *o; s->m->nodes && informer_next(s->m->nodes, &cursor, &o);)
        source_start(s, object_json(o));
    if (list_empty(&s->sources))
        finish(s);
}

bool scraper_healthy(const struct scraper *s, const char **why)
{
    int64_t age = vtime_now(s->m->loop) - s->last_tick_ns, limit = s->m->flags.metric_resolution_ns * 11 / 10;
    *why = !s->last_ok    ? "there was an error collecting or saving metrics in the last collection tick"
           : age > limit ? "time since last tick was greater than expected metrics resolution"
                         : NULL;
    return *why == NULL;
}

struct scraper *scraper_new(struct metricsd *m)
{
    struct scraper *s = NEW(struct scraper);
    s->m = m;
    s->current = metricsd_batch_new();
    s->errors = map_new();
    list_init(&s->sources);
    timer_init(&s->tick, m->loop, tick);
    tick(&s->tick);
    return s;
}

void scraper_free(struct scraper *s)
{
    if (!s)
        return;
    timer_stop(&s->tick);
    list_for(it, &s->sources)
        source_free(container_of(it, struct source, node));
    metricsd_batch_free(s->current);
    metricsd_batch_free(s->next);
    map_free(s->errors, NULL);
    free(s);
}
