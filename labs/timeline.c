/* labs/timeline.c - what a scenario has seen: samples of each autoscaler at fixed virtual times, and the time line as JSON and CSV.
 *
 * A sample holds what an administrator could read at that moment. `requests` is counted in the access logs of the target's pods: requests answered per second since
 * the last sample. A figure that nobody could tell (no metrics yet) is null, and an empty field in the CSV.
 */
#include "labs/labs_priv.h"
#include "sim/api/api.h"

struct sampler { struct arena *a; const struct labs_ops *ops; struct err *err; bool ok; };

static struct str fetch(struct sampler *s, const char *path)
{
    int status = 0;
    struct str reply;
    if (s->ok)
        s->ok = s->ops->api(s->ops->ctx, s->a, "GET", path, NULL, NULL, &status, &reply, s->err);
    return s->ok && status == 200 ? reply : STR_NULL;
}

static struct json *fetch_json(struct sampler *s, const char *path)
{
    struct str text = fetch(s, path);
    return text.n ? json_parse(s->a, text, NULL) : NULL;
}

/* "app=web1,tier=web", percent-encoded */
static const char *selector_query(struct arena *a, const struct json *labels)
{
    struct strbuf b;
    strbuf_init(&b, 4096);
    for (const struct json *l = json_first(labels); l; l = json_next(l))
        strbuf_addf(&b, "%s" STR_FMT "=" STR_FMT, b.n ? "," : "", STR_ARG(json_key(l)), STR_ARG(json_str(l)));
    const char *query = b.n ? arena_printf(a, "?labelSelector=" STR_FMT, STR_ARG(percent_encode(a, strbuf_str(&b)))) : NULL;
    strbuf_deinit(&b);
    return query;
}

static int64_t count_requests(struct str log)
{
    int64_t n = 0;
    while (log.p && log.n)
        n += str_find(str_token(&log, '\n'), STR("\"GET /")) >= 0;
    return n;
}

/* Millicores of all containers of the list; -1: there are no figures. */
static int64_t sum_usage(const struct json *metrics)
{
    int64_t nano = 0;
    const struct json *items = json_get(metrics, "items");
    for (const struct json *p = json_first(items); p; p = json_next(p))
        for (const struct json *c = json_first(json_get(p, "containers")); c; c = json_next(c)) {
            struct quantity q;
            if (quantity_parse(json_path_str(c, "usage.cpu"), &q, NULL))
                nano += (int64_t)q.nano;
        }
    return json_len(items) ? (nano + 500000) / 1000000 : -1;
}

/* The Deployment behind an autoscaler: how many pods are ready, what they use, what they have answered. */
static void add_target(struct sampler *s, struct arena *keep, struct json *sample, struct str ns, const struct json *ref, int64_t period_ns)
{
    if (!str_eqc(json_get_str(ref, "kind"), "Deployment"))
        return;
    const char *in = arena_printf(s->a, "/namespaces/" STR_FMT, STR_ARG(ns));
    const struct json *d = fetch_json(s, arena_printf(s->a, "/apis/apps/v1%s/deployments/" STR_FMT, in, STR_ARG(json_get_str(ref, "name"))));
    const char *query = selector_query(s->a, json_path(d, "spec.selector.matchLabels"));
    if (!query)
        return;
    json_set_int(keep, sample, "ready", json_int(json_path(d, "status.readyReplicas"), 0));
    int64_t usage = sum_usage(fetch_json(s, arena_printf(s->a, "/apis/metrics.k8s.io/v1beta1%s/pods%s", in, query))), requests = 0;
    if (usage >= 0)
        json_set_int(keep, sample, "millicores", usage);
    const struct json *pods = json_get(fetch_json(s, arena_printf(s->a, "/api/v1%s/pods%s", in, query)), "items");
    int64_t seconds = period_ns / (int64_t)NS_PER_S;
    for (const struct json *p = json_first(pods); p; p = json_next(p))
        requests += count_requests(fetch(s, arena_printf(s->a, "/api/v1%s/pods/" STR_FMT "/log?sinceSeconds=%" PRId64, in, STR_ARG(json_path_str(p, "metadata.name")), seconds)));
    json_set(keep, sample, "requests", json_new_double(keep, (double)requests / (double)seconds));
}

/* What is null here may be filled in by add_target; the order of keys is that of the CSV. */
static struct json *sample_make(struct arena *keep, const struct json *h, int64_t begin_ns, int64_t now_ns)
{
    const struct json *spec = json_get(h, "spec"), *status = json_get(h, "status"), *target = json_get(spec, "targetCPUUtilizationPercentage");
    const struct json *usage = json_get(status, "currentCPUUtilizationPercentage");
    return json_buildf(keep, "{'t':%f,'time':%S,'hpa':%S,'requests':null,'millicores':null,'usagePercent':%j,'targetPercent':%j,'current':%d,'desired':%d,'ready':null}",
                       (double)now_ns / 1e9, time_rfc3339(keep, begin_ns + now_ns), arena_strf(keep, STR_FMT "/" STR_FMT, STR_ARG(json_path_str(h, "metadata.namespace")),
                       STR_ARG(json_path_str(h, "metadata.name"))), usage ? json_copy(keep, usage) : NULL, target ? json_copy(keep, target) : NULL,
                       json_get_int(status, "currentReplicas", 0), json_get_int(status, "desiredReplicas", 0));
}

bool sample_take(struct arena *a, struct arena *scratch, const struct labs_ops *ops, int64_t period_ns, struct timeline *t, int64_t now_ns, struct err *err)
{
    struct sampler s = { scratch, ops, err, true };
    const struct json *list = json_get(fetch_json(&s, "/apis/autoscaling/v1/horizontalpodautoscalers"), "items");
    for (const struct json *h = json_first(list); h && s.ok; h = json_next(h)) {
        struct json *sample = sample_make(a, h, t->begin_ns, now_ns);
        add_target(&s, a, sample, json_path_str(h, "metadata.namespace"), json_path(h, "spec.scaleTargetRef"), period_ns);
        json_append(t->samples, sample);
    }
    return s.ok;
}

/* ---- written ---- */
struct str timeline_json(const struct timeline *t)
{
    const struct scenario *sc = t->scenario;
    struct arena *a = t->a;
    const char *verdict = t->interrupted ? "interrupted" : t->failed ? "failed" : "passed";
    struct json *j = json_buildf(a, "{'scenario':%s,'lab':%s,'seed':%d,'begin':%S,'verdict':%s,'passed':%d,'failed':%d,'steps':%j,'samples':%j}", sc->name, sc->lab, sc->seed,
                                 time_rfc3339(a, t->begin_ns), verdict, (int64_t)t->passed, (int64_t)t->failed, json_copy(a, t->steps), json_copy(a, t->samples));
    struct strbuf out;
    strbuf_init(&out, LIMIT_RESPONSE_BYTES);
    json_write(&out, j, JSON_PRETTY | JSON_NO_HTML_ESCAPE);
    strbuf_addch(&out, '\n');
    struct str text = arena_str(a, strbuf_str(&out));
    strbuf_deinit(&out);
    return text;
}

static void csv_value(struct strbuf *out, const struct json *v)
{
    switch (json_type(v)) {
    case JSON_INT:    strbuf_addf(out, "%" PRId64, json_int(v, 0)); break;
    case JSON_FLOAT:  strbuf_addf(out, "%.6g", json_double(v, 0)); break;
    case JSON_STRING: strbuf_addf(out, STR_FMT, STR_ARG(json_str(v))); break;     /* a time, or namespace/name: nothing to quote */
    case JSON_NULL:
    case JSON_BOOL:
    case JSON_ARRAY:
    case JSON_OBJECT: break;
    }
}

struct str timeline_csv(const struct timeline *t)
{
    static const char *const columns[] = { "t", "time", "hpa", "requests", "millicores", "usagePercent", "targetPercent", "current", "desired", "ready" };
    struct strbuf out;
    strbuf_init(&out, LIMIT_RESPONSE_BYTES);
    for (size_t i = 0; i < ARRAY_LEN(columns); i++)
        strbuf_addf(&out, "%s%s", i ? "," : "", columns[i]);
    strbuf_addch(&out, '\n');
    for (const struct json *s = json_first(t->samples); s; s = json_next(s)) {
        for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
            strbuf_addc(&out, i ? "," : "");
            csv_value(&out, json_get(s, columns[i]));
        }
        strbuf_addch(&out, '\n');
    }
    struct str text = arena_str(t->a, strbuf_str(&out));
    strbuf_deinit(&out);
    return text;
}
