/* hpa/pod_reader.c - v1.Pod as the arithmetic sees it: phase, start, the Ready condition, and the requests of one resource. */
#include "hpa/hpa_priv.h"

static void read_containers(struct arena *a, const struct json *list, const char *resource, struct hpa_container **out, size_t *n)
{
    *out = arena_zalloc(a, (json_len(list) + 1) * sizeof **out);
    for (const struct json *c = json_first(list); c; c = json_next(c)) {
        const struct json *request = json_get(json_get(json_get(c, "resources"), "requests"), resource);
        bool has = request && !json_is(request, JSON_NULL);
        (*out)[(*n)++] = (struct hpa_container){ .name = arena_str(a, json_get_str(c, "name")), .has_request = has,
                                                 .restart_always = str_eqc(json_get_str(c, "restartPolicy"), "Always"),
                                                 .request_milli = has ? quantity_json_milli(request, 0) : 0 };
    }
}

static void read_ready(const struct json *pod, struct hpa_pod *out)
{
    const struct json *ready = condition_find(json_path(pod, "status.conditions"), "Ready");
    struct str status = json_get_str(ready, "status");
    out->ready_since_ns = INT64_MIN / 2;           /* no transition known: as good as forever */
    if (!ready)
        return;
    out->ready = str_eqc(status, "True") ? POD_READY_TRUE : str_eqc(status, "False") ? POD_READY_FALSE : POD_READY_UNKNOWN;
    time_parse_rfc3339(json_get_str(ready, "lastTransitionTime"), &out->ready_since_ns);
}

/* resource "" leaves the requests out of account. */
void pods_read(struct arena *a, const struct json *items, const char *resource, const struct hpa_pod **pods, size_t *n)
{
    struct hpa_pod *v = arena_zalloc(a, (json_len(items) + 1) * sizeof *v);
    *n = 0;
    for (const struct json *pod = json_first(items); pod; pod = json_next(pod)) {
        struct hpa_pod *p = &v[(*n)++];
        const struct json *spec = json_get(pod, "spec"), *requests = json_path(spec, "resources.requests"),
                          *own = json_get(requests, resource);
        p->name = arena_str(a, meta_name(pod));
        p->phase = arena_str(a, json_path_str(pod, "status.phase"));
        p->deleting = meta_deleting(pod);
        p->has_start = time_parse_rfc3339(json_path_str(pod, "status.startTime"), &p->start_ns);
        p->pod_level = json_len(requests) > 0;
        p->pod_level_has = own && !json_is(own, JSON_NULL);
        p->pod_level_milli = p->pod_level_has ? quantity_json_milli(own, 0) : 0;
        read_ready(pod, p);
        read_containers(a, json_get(spec, "containers"), resource, &p->containers, &p->container_count);
        read_containers(a, json_get(spec, "initContainers"), resource, &p->init, &p->init_count);
    }
    *pods = v;
}
