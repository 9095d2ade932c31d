/* hpa/eval_read.c - the compact pods, samples and values of a record. Readers answer false for what is not of that shape. */
#include "hpa/hpa_priv.h"

#define FOREVER_NS (INT64_MAX / 4)     /* what Go's zero time comes to: longer ago than anything */

int64_t eval_time(const struct json *seconds, int64_t now_ns)
{
    double s = json_double(seconds, 0);
    if (s >= 2e9)
        return FOREVER_NS;
    if (s <= -2e9)
        return -FOREVER_NS;
    int64_t whole = (int64_t)s;
    return now_ns + whole * SECOND_NS + (int64_t)((s - (double)whole) * 1e9);
}

static bool is_number(const struct json *j) { return json_is(j, JSON_INT) || json_is(j, JSON_FLOAT); }

static bool read_containers(struct arena *a, const struct json *list, struct hpa_container **out, size_t *n)
{
    *out = arena_zalloc(a, (json_len(list) + 1) * sizeof **out);
    if (list && !json_is(list, JSON_ARRAY) && !json_is(list, JSON_NULL))
        return false;
    for (const struct json *c = json_first(list); c; c = json_next(c)) {
        const struct json *req = json_get(c, "req");
        if (!json_is(json_get(c, "n"), JSON_STRING))
            return false;
        (*out)[(*n)++] = (struct hpa_container){ .name = json_get_str(c, "n"),
                                                 .has_request = is_number(req),
                                                 .request_milli = json_int(req, 0),
                                                 .restart_always = json_get_bool(c, "restart_always", false) };
    }
    return true;
}

static bool read_pod(struct arena *a, const struct json *j, int64_t now_ns, struct hpa_pod *p)
{
    const struct json *ready = json_get(j, "ready"), *whole = json_get(j, "pod_req");
    if (!json_is(json_get(j, "n"), JSON_STRING))
        return false;
    *p = (struct hpa_pod){ .name = json_get_str(j, "n"),
                           .phase = json_get_str(j, "phase"),
                           .deleting = json_get_bool(j, "del", false),
                           .has_start = is_number(json_get(j, "start")),
                           .start_ns = eval_time(json_get(j, "start"), now_ns),
                           .ready_since_ns = eval_time(json_get(j, "ready_lt"), now_ns),
                           .pod_level = whole != NULL,
                           .pod_level_has = is_number(whole),
                           .pod_level_milli = json_int(whole, 0) };
    if (json_is(ready, JSON_STRING))
        p->ready = str_eqc(json_str(ready), "True")    ? POD_READY_TRUE
                   : str_eqc(json_str(ready), "False") ? POD_READY_FALSE
                                                       : POD_READY_UNKNOWN;
    return read_containers(a, json_get(j, "c"), &p->containers, &p->container_count) &&
           read_containers(a, json_get(j, "ic"), &p->init, &p->init_count);
}

bool eval_pods(struct arena *a, const struct json *list, int64_t now_ns, const struct hpa_pod **out, size_t *n)
{
    struct hpa_pod *v = arena_zalloc(a, (json_len(list) + 1) * sizeof *v);
    *n = 0;
    *out = v;
    if (list && !json_is(list, JSON_ARRAY) && !json_is(list, JSON_NULL))
        return false;
    for (const struct json *j = json_first(list); j; j = json_next(j))
        if (!read_pod(a, j, now_ns, &v[(*n)++]))
            return false;
    return true;
}

static bool read_raw(struct arena *a, const struct json *list, int64_t now_ns, struct raw_metrics **out, size_t *n)
{
    *out = arena_zalloc(a, (json_len(list) + 1) * sizeof **out);
    for (const struct json *j = json_first(list); j; j = json_next(j)) {
        struct raw_metrics *m = &(*out)[(*n)++];
        const struct json *containers = json_get(j, "c");
        if (!json_is(json_get(j, "pod"), JSON_STRING))
            return false;
        *m = (struct raw_metrics){ .ns = STR("ns"), .pod = json_get_str(j, "pod"), .at_ns = eval_time(json_get(j, "ts"), now_ns),
                                   .window_ns = eval_time(json_get(j, "window"), 0) };
        m->v = arena_zalloc(a, (json_len(containers) + 1) * sizeof *m->v);
        for (const struct json *c = json_first(containers); c; c = json_next(c))
            m->v[m->n++] = (struct raw_container){ json_get_str(c, "n"), is_number(json_get(c, "v")), json_get_int(c, "v", 0) };
    }
    return true;
}

/* metrics: {call, pod_metrics_list, api_error} or {call, pod_metrics, error}. */
bool eval_samples(struct arena *a, int minor, const struct json *metrics, struct str container, int64_t now_ns,
                  struct samples *out, const char **error)
{
    const struct json *raw = json_get(metrics, "pod_metrics_list"), *by_pod = json_get(metrics, "pod_metrics");
    struct str api_error = json_get_str(metrics, "api_error"), text = json_get_str(metrics, "error");
    samples_init(out, a);
    if (text.n) {
        *error = arena_cstr(a, text);
        return true;
    }
    if (api_error.n) {
        *error = arena_printf(a, "unable to fetch metrics from resource metrics API: " STR_FMT, STR_ARG(api_error));
        return true;
    }
    if (raw || json_get(metrics, "api_error")) {
        struct raw_metrics *list;
        size_t n = 0;
        if ((raw && !json_is(raw, JSON_ARRAY) && !json_is(raw, JSON_NULL)) || !read_raw(a, raw, now_ns, &list, &n))
            return false;
        samples_from_raw(a, minor, list, n, container, out, error);
        return true;
    }
    if (!json_is(by_pod, JSON_OBJECT))
        return json_is(by_pod, JSON_NULL);
    for (const struct json *s = json_first(by_pod); s; s = json_next(s))
        samples_put(out, json_key(s), json_get_int(s, "v", 0), eval_time(json_get(s, "ts"), now_ns),
                    eval_time(json_get(s, "window"), 0));
    return true;
}

bool eval_values(struct arena *a, const struct json *list, int64_t **out, size_t *n)
{
    *out = arena_zalloc(a, (json_len(list) + 1) * sizeof **out);
    *n = 0;
    if (list && !json_is(list, JSON_ARRAY) && !json_is(list, JSON_NULL))
        return false;
    for (const struct json *v = json_first(list); v; v = json_next(v))
        (*out)[(*n)++] = json_int(v, 0);
    return true;
}
