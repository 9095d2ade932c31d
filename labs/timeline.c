/* labs/timeline.c - what a scenario has seen: samples of each autoscaler at fixed virtual times, and the time line as JSON and CSV.
 *
 * A sample holds what an administrator could read at that moment (labs_ops.samples). `requests` is how many the target's pods
 * answered per second since the sample before. A figure that nobody could tell (no metrics yet, no sample before) is null, and an
 * empty field in the CSV.
 */
#include "labs/labs_priv.h"

static const struct json *sample_before(const struct timeline *t, struct str hpa)
{
    for (size_t i = json_len(t->samples); i-- > 0;)
        if (str_eq(json_get_str(json_at(t->samples, i), "hpa"), hpa))
            return json_at(t->samples, i);
    return NULL;
}

static void add_rate(struct arena *a, struct json *sample, const struct json *before)
{
    const struct json *now = json_get(sample, "served"), *then = json_get(before, "served");
    double seconds = json_double(json_get(sample, "t"), 0) - json_double(json_get(before, "t"), 0);
    int64_t n = json_int(now, 0) - json_int(then, 0);
    if (json_is(now, JSON_INT) && json_is(then, JSON_INT) && n >= 0 && seconds > 0)
        json_set(a, sample, "requests", json_new_double(a, (double)n / seconds));
}

bool sample_take(struct arena *a, struct arena *scratch, const struct labs_ops *ops, struct timeline *t, int64_t now_ns,
                 struct err *err)
{
    struct str text;
    if (!ops->samples(ops->ctx, scratch, &text, err))
        return false;
    const struct json *rows = json_get(json_parse(scratch, text, NULL), "samples");
    for (const struct json *r = json_first(rows); r; r = json_next(r)) {
        struct json *sample = json_copy(a, r);
        json_set(a, sample, "t", json_new_double(a, (double)now_ns / 1e9));
        add_rate(a, sample, sample_before(t, json_get_str(r, "hpa")));
        json_append(t->samples, sample);
    }
    return true;
}

/* ---- written ---- */
struct str timeline_json(const struct timeline *t)
{
    const struct scenario *sc = t->scenario;
    struct arena *a = t->a;
    const char *verdict = t->interrupted ? "interrupted" : t->failed ? "failed" : "passed";
    struct json *j = json_buildf(a,
                                 "{'scenario':%s,'lab':%s,'seed':%d,'begin':%S,'verdict':%s,'passed':%d,'failed':%d,'steps':%j,"
                                 "'samples':%j}", sc->name, sc->lab, sc->seed,
                                 time_rfc3339(a, t->begin_ns), verdict, (int64_t)t->passed, (int64_t)t->failed,
                                 json_copy(a, t->steps), json_copy(a, t->samples));
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
    static const char *const columns[] = { "t", "time", "hpa", "requests", "millicores", "usagePercent", "targetPercent",
                                           "current", "desired", "ready" };
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
