/* sim/cmd/look.c - one look: the metrics API is asked first, as an administrator would (apiserver_ask_aggregated), then all the
 * rest is read in one turn.
 *
 * A metrics API that does not answer leaves null: one that is not Available at once, one that would need time on a clock that
 * stands when nothing else is left to do, any other after ten virtual seconds. While somebody has an autoscaler, a sample every
 * 15 virtual seconds makes the history.
 *
 * Simplified: where the way to the metrics server is slow (a fault), it does not answer on a standing clock.
 */
#include "sim/cmd/look.h"

#include "labs/labs.h"
#include "sim/cmd/apiserver_component.h"
#include "sim/cmd/cluster.h"
#include "sim/cmd/journal.h"

#include <stdio.h>
#include <stdlib.h>

#define SAMPLE_NS (15 * (int64_t)NS_PER_S)
#define HPA_PREFIX "/registry/autoscaling/horizontalpodautoscalers/"
/* Nearly a day of one autoscaler. */
enum { HISTORY_ROWS = 5000 };

struct looker {
    struct cluster       *cluster;
    struct audit_short   *audit;
    struct notes         *notes;
    struct sampler       *sampler;
    struct ring          *history;
    struct store_watcher *hpas;
    struct timer          sample;
    struct hook           idle;
    struct input          give_up;
    struct list           looks;
    int64_t               began_ns;    /* when the cluster was first handed over */
};

enum { METRICS_PODS, METRICS_NODES, METRICS_COUNT };
struct look;
typedef void look_fn(struct look *k);
struct look {
    struct list           node;
    struct looker        *l;
    struct http_exchange *x;           /* NULL: the history's sample */
    struct arena         *a;
    look_fn              *take;        /* once what can answer has: the rest, in this turn */
    struct question { struct look *look; struct aggregated_ask *ask; struct str items; } metrics[METRICS_COUNT];
    unsigned              waiting;
    bool                  history;     /* the document has it */
    void                (*done)(void *ctx, struct str text); void *ctx;          /* who asks from inside; else x */
    struct task           task;
};

/* ---- the life of a look ---- */
static void look_free(struct look *k)
{
    for (size_t i = 0; i < METRICS_COUNT; i++)
        if (k->metrics[i].ask)
            apiserver_ask_cancel(k->metrics[i].ask);
    list_remove(&k->node);
    task_cancel(&k->task);
    arena_free(k->a);
    free(k);
}

static void on_gone(struct http_exchange *x) { look_free(x->ctx); }

static void take(struct task *t)
{
    struct look *k = container_of(t, struct look, task);
    if (k->x)
        k->x->on_gone = NULL;
    k->take(k);
    look_free(k);
}

static void answered(void *ctx, int status, struct str body)
{
    struct question *q = ctx;
    struct look *k = q->look;
    q->ask = NULL;
    if (status == 200)
        q->items = arena_str(k->a, json_walk_member(body, "items"));
    if (--k->waiting == 0)
        task_post(cluster_loop(k->l->cluster), &k->task);
}

void looker_give_up(struct looker *l)
{
    struct loop *loop = cluster_loop(l->cluster);
    list_for(it, &l->looks) {
        struct look *k = container_of(it, struct look, node);
        for (size_t i = 0; i < METRICS_COUNT; i++)
            if (k->metrics[i].ask)
                apiserver_ask_cancel(k->metrics[i].ask);
        k->metrics[METRICS_PODS].ask = k->metrics[METRICS_NODES].ask = NULL;
        task_post(loop, &k->task);
    }
}

static void on_give_up(struct input *in)
{
    struct looker *l = container_of(in, struct looker, give_up);
    journal_idle(cluster_journal(l->cluster));
    looker_give_up(l);
}

/* Nothing is left to do, and time stands: who has not answered will not. That it stands is the outside's doing: an input. */
static void on_idle(struct hook *h)
{
    struct looker *l = container_of(h, struct looker, idle);
    struct loop *loop = cluster_loop(l->cluster);
    if (!list_empty(&l->looks) && !loop_speed_milli(loop) && loop_idle(loop))
        input_post(loop, &l->give_up);
}

static struct look *look_begin(struct looker *l, struct http_exchange *x, look_fn *fn, size_t questions)
{
    static const char *const resources[] = { [METRICS_PODS] = "pods", [METRICS_NODES] = "nodes" };
    struct apiserver *as = cluster_apiserver(l->cluster);
    struct look *k = NEW(struct look);
    *k = (struct look){ .l = l, .x = x, .a = arena_new(), .take = fn };
    list_init(&k->node);
    list_push(&l->looks, &k->node);
    task_init(&k->task, take);
    if (x) {
        x->ctx = k;
        x->on_gone = on_gone;
    }
    for (size_t i = 0; i < questions && as; i++) {
        struct question *q = &k->metrics[i];
        q->look = k;
        q->ask = apiserver_ask_aggregated(as, "metrics.k8s.io", "v1beta1", resources[i], answered, q);
        k->waiting += q->ask ? 1 : 0;
    }
    if (!k->waiting)
        task_post(cluster_loop(l->cluster), &k->task);
    return k;
}

/* ---- what is there ---- */
static const struct json *autoscalers(struct look *k)
{
    struct apiserver *as = cluster_apiserver(k->l->cluster);
    struct strbuf text;
    strbuf_init(&text, LIMIT_RESPONSE_BYTES);
    const struct json *list = as && apiserver_snapshot_list(as, "autoscaling", "v1", "horizontalpodautoscalers", &text)
                                  ? json_parse(k->a, strbuf_str(&text), NULL) : NULL;
    strbuf_deinit(&text);
    return list;
}

static void add_or_null(struct strbuf *out, const char *before, struct str text)
{
    strbuf_addf(out, "%s", before);
    strbuf_add(out, text.n ? text : STR("null"));
}

static void add_hpas(struct look *k, struct strbuf *out)
{
    size_t n = 0;
    for (const struct json *h = json_first(autoscalers(k)); h; h = json_next(h), n++) {
        struct str key = arena_strf(k->a, STR_FMT "/" STR_FMT, STR_ARG(json_path_str(h, "metadata.namespace")),
                                    STR_ARG(json_path_str(h, "metadata.name")));
        struct strbuf decisions;
        strbuf_init(&decisions, LIMIT_RESPONSE_BYTES);
        notes_decisions(k->l->notes, key, &decisions);
        strbuf_addc(out, n ? "," : "");
        document_autoscaler(out, h, strbuf_str(&decisions));
        strbuf_deinit(&decisions);
    }
}

static void add_history_row(void *ctx, struct str row)
{
    struct strbuf *out = ctx;
    if (out->n && out->p[out->n - 1] != '[')
        strbuf_addch(out, ',');
    strbuf_add(out, row);
}

/* {"clock":..,"apiServer":..,"objects":..,"events":..,"metrics":..,"hpa":..,"audit":..,"auditLeftOut":..[,"history":..]} */
static void take_document(struct look *k)
{
    struct looker *l = k->l;
    struct apiserver *as = cluster_apiserver(l->cluster);
    struct strbuf out;
    int64_t now = vtime_now(cluster_loop(l->cluster));
    strbuf_init(&out, LIMIT_RESPONSE_BYTES);
    strbuf_addf(&out, "{\"clock\":{\"now\":\"" STR_FMT "\",\"seconds\":%" PRId64 ",\"began\":%" PRId64
                      "},\"apiServer\":\"%s\",\"objects\":", STR_ARG(time_rfc3339(k->a, now)), now / (int64_t)NS_PER_S,
                l->began_ns / (int64_t)NS_PER_S, as ? "running" : "down");
    if (as)
        apiserver_snapshot(as, &out);
    strbuf_addc(&out, as ? ",\"events\":" : "{},\"events\":");
    if (!as || !apiserver_snapshot_list(as, "", "v1", "events", &out))
        strbuf_addc(&out, "[]");
    add_or_null(&out, ",\"metrics\":{\"pods\":", k->metrics[METRICS_PODS].items);
    add_or_null(&out, ",\"nodes\":", k->metrics[METRICS_NODES].items);
    strbuf_addc(&out, "},\"hpa\":[");
    add_hpas(k, &out);
    strbuf_addc(&out, "],\"audit\":[");
    strbuf_addf(&out, "],\"auditLeftOut\":%" PRId64, audit_short_write(l->audit, &out));
    if (k->history) {
        strbuf_addc(&out, ",\"history\":[");
        ring_each(l->history, add_history_row, &out);
        strbuf_addch(&out, ']');
    }
    strbuf_addch(&out, '}');
    if (k->done)
        k->done(k->ctx, out.overflow ? STR_NULL : strbuf_str(&out));
    else if (out.overflow)
        http_respond(k->x, 500, NULL, "text/plain",
                     STR("the document is too large: there are more objects, or larger ones, than checks can look at\n"));
    else
        http_respond(k->x, 200, NULL, "application/json", strbuf_str(&out));
    strbuf_deinit(&out);
}

static void take_samples(struct look *k)
{
    struct strbuf out;
    strbuf_init(&out, LIMIT_RESPONSE_BYTES);
    strbuf_addc(&out, "{\"samples\":[");
    sampler_write(k->l->sampler, autoscalers(k), k->metrics[METRICS_PODS].items, false, &out);
    strbuf_addc(&out, "]}");
    http_respond(k->x, 200, NULL, "application/json", strbuf_str(&out));
    strbuf_deinit(&out);
}

/* ---- the history ---- */
static void take_history(struct look *k)
{
    struct strbuf out;
    struct json_walk w;
    struct str key, row;
    strbuf_init(&out, LIMIT_RESPONSE_BYTES);
    sampler_write(k->l->sampler, autoscalers(k), k->metrics[METRICS_PODS].items, true, &out);
    for (w = (struct json_walk){ .rest = strbuf_str(&out) }; json_walk_next(&w, &key, &row);)
        ring_add(k->l->history, row);
    strbuf_deinit(&out);
}

static void plan_sample(struct looker *l)
{
    int64_t now = vtime_now(cluster_loop(l->cluster));
    if (!timer_active(&l->sample) && store_count(cluster_store(l->cluster), STR(HPA_PREFIX)))
        timer_start_at(&l->sample, (now / SAMPLE_NS + 1) * SAMPLE_NS);
}

static void on_sample(struct timer *t)
{
    struct looker *l = container_of(t, struct looker, sample);
    look_begin(l, NULL, take_history, 1);
    plan_sample(l);
}

static void on_hpa(void *ctx, const struct store_event *ev)
{
    (void)ev;
    plan_sample(ctx);
}

/* ---- why ---- */
static void get_why(struct looker *l, struct http_exchange *x)
{
    struct str name = query_get(&x->query, "name"), at = query_get(&x->query, "at");
    int64_t at_s = INT64_MAX;
    if (at.n && !str_int(at, &at_s)) {
        http_respond(x, 400, NULL, "text/plain", STR("at is a time in seconds since 1970\n"));
        return;
    }
    struct str note = notes_find(l->notes, x->arena, name, at_s);
    http_respond(x, 200, NULL, "application/json", note.n ? note : STR("null"));
}

/* ---- life ---- */
/* The first life of the data begins when the cluster is up; before that, and with data of an older kubelab, the present is as
 * good as any. */
static int64_t began(struct looker *l)
{
    struct arena *a = arena_new();
    int64_t ns = vtime_now(cluster_loop(l->cluster));
    str_int(store_meta_get(cluster_store(l->cluster), a, "began"), &ns);
    arena_free(a);
    return ns;
}

struct looker *looker_new(struct cluster *c)
{
    struct looker *l = NEW(struct looker);
    struct store *store = cluster_store(c);
    l->cluster = c;
    l->began_ns = began(l);
    l->audit = audit_short_new(store);
    l->notes = notes_new(store);
    l->history = ring_new(store, "history", HISTORY_ROWS, true);
    l->sampler = sampler_new(c, l->began_ns);
    list_init(&l->looks);
    timer_init(&l->sample, cluster_loop(c), on_sample);
    loop_before_sleep(cluster_loop(c), &l->idle, on_idle);
    input_init(&l->give_up, on_give_up);
    l->hpas = store_watch(store, STR(HPA_PREFIX), store_revision(store), on_hpa, l, NULL);
    plan_sample(l);
    return l;
}

void looker_began(struct looker *l)
{
    char text[32];
    struct arena *a = arena_new();
    bool known = store_meta_get(cluster_store(l->cluster), a, "began").n > 0;
    arena_free(a);
    if (known)
        return;
    l->began_ns = vtime_now(cluster_loop(l->cluster));
    snprintf(text, sizeof text, "%" PRId64, l->began_ns);
    store_meta_put(cluster_store(l->cluster), "began", str_c(text));
    sampler_free(l->sampler);
    l->sampler = sampler_new(l->cluster, l->began_ns);
}

struct notes *looker_notes(struct looker *l) { return l->notes; }

void looker_free(struct looker *l)
{
    if (!l)
        return;
    hook_remove(&l->idle);
    input_cancel(&l->give_up);
    timer_stop(&l->sample);
    if (l->hpas)
        store_watch_stop(l->hpas);
    list_for(it, &l->looks) {
        struct look *k = container_of(it, struct look, node);
        if (k->x)
            k->x->on_gone = NULL;
        look_free(k);
    }
    sampler_free(l->sampler);
    ring_free(l->history);
    notes_free(l->notes);
    audit_short_free(l->audit);
    free(l);
}

struct look *looker_ask(struct looker *l, bool history, void (*done)(void *ctx, struct str text), void *ctx)
{
    struct look *k = look_begin(l, NULL, take_document, METRICS_COUNT);
    k->history = history;
    k->done = done;
    k->ctx = ctx;
    return k;
}

void look_cancel(struct look *k) { look_free(k); }

bool look_route(struct looker *l, struct http_exchange *x)
{
    if (!str_eqc(x->method, "GET"))
        return false;
    if (str_eqc(x->path, "/document"))
        look_begin(l, x, take_document, METRICS_COUNT)->history = !str_eqc(query_get(&x->query, "history"), "0");
    else if (str_eqc(x->path, "/samples"))
        look_begin(l, x, take_samples, 1);
    else if (str_eqc(x->path, "/hpa/why"))
        get_why(l, x);
    else
        return false;
    return true;
}
