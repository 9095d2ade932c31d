/* sim/cmd/look_sample.c - what is seen of each autoscaler and its target at one moment: a row of the history, and of a scenario's
 * time line.
 *
 * What an administrator could read then, by what the API holds and the metrics API answers; and `served`, how many requests the
 * target's pods have answered since this process began to count, as their programs count them: a figure that only grows. A figure
 * that nobody could tell is null.
 */
#include "sim/cmd/look.h"

#include "sim/cmd/cluster.h"
#include "sim/cmd/node.h"
#include "sim/cmd/service.h"

#include <stdlib.h>

/* Per autoscaler: requests answered, and how far each pod's own count was at the last look. */
struct served { int64_t total, rated, rated_ns; struct map *pods; };
struct sampler { struct cluster *cluster; int64_t began_ns; struct map *served; };

static void served_free(void *p)
{
    struct served *s = p;
    map_free(s->pods, NULL);
    free(s);
}

struct sampler *sampler_new(struct cluster *c, int64_t began_ns)
{
    struct sampler *s = NEW(struct sampler);
    *s = (struct sampler){ .cluster = c, .began_ns = began_ns, .served = map_new() };
    return s;
}

void sampler_free(struct sampler *s)
{
    if (!s)
        return;
    map_free(s->served, served_free);
    free(s);
}

/* ---- the target ---- */
static const struct { const char *kind, *resource; } scaled[] = { { "Deployment", "deployments" }, { "ReplicaSet", "replicasets" },
                                                                  { "StatefulSet", "statefulsets" } };

struct target { struct object *object; const struct selector *selector; };

/* False: there is none, or it is of a kind that is not looked at. */
static bool target_find(struct sampler *s, struct arena *a, struct str ns, const struct json *ref, struct target *t)
{
    for (size_t i = 0; i < ARRAY_LEN(scaled); i++)
        if (str_eqc(json_get_str(ref, "kind"), scaled[i].kind)) {
            struct str key = arena_strf(a, "/registry/apps/%s/" STR_FMT "/" STR_FMT, scaled[i].resource, STR_ARG(ns),
                                        STR_ARG(json_get_str(ref, "name")));
            t->object = store_get(cluster_store(s->cluster), key);
            t->selector = t->object ? selector_from_json(a, json_path(object_json(t->object), "spec.selector"), NULL) : NULL;
            return t->object != NULL;
        }
    return false;
}

static uint64_t pod_served(struct sampler *s, struct str uid)
{
    uint64_t n = 0;
    for (int i = 0; i < cluster_node_count(s->cluster); i++) {
        struct node_place place;
        node_place(i, &place);
        const struct node *node = cluster_node(s->cluster, str_c(place.name));
        struct kubelet *k = node && node->services ? services_runtime(node->services) : NULL;
        n += k ? kubelet_pod_served(k, uid) : 0;
    }
    return n;
}

static struct served *served_of(struct sampler *s, struct str hpa)
{
    struct served *v = map_get(s->served, hpa);
    if (!v) {
        v = NEW(struct served);
        v->pods = map_new();
        map_put(s->served, hpa, v);
    }
    return v;
}

struct visit { struct sampler *s; const struct selector *selector; struct served *served; struct map *seen; struct map *names; };

static bool visit_pod(void *ctx, struct str key, struct object *o)
{
    struct visit *v = ctx;
    const struct json *pod = object_json(o);
    (void)key;
    if (!selector_matches(v->selector, meta_labels(pod)))
        return true;
    struct str uid = meta_uid(pod);
    uint64_t now = pod_served(v->s, uid), before = (uintptr_t)map_get(v->served->pods, uid);
    before -= before ? 1 : 0;          /* a map holds no zero: it holds one more */
    v->served->total += (int64_t)(now >= before ? now - before : now);             /* less: its container began anew */
    map_put(v->seen, uid, (void *)(uintptr_t)(now + 1));
    map_put(v->names, meta_name(pod), v);
    return true;
}

/* Millicores of those pods in the metrics API's list; -1: none of them has figures. */
static int64_t usage_of(struct arena *a, struct str ns, const struct map *names, struct str pod_metrics)
{
    struct json_walk w;
    struct str key, item;
    int64_t nano = 0;
    bool any = false;
    for (bool more = json_walk_begin(&w, pod_metrics); more && json_walk_next(&w, &key, &item);) {
        const struct json *m = json_parse(a, item, NULL);
        if (!str_eq(json_path_str(m, "metadata.namespace"), ns) || !map_get(names, json_path_str(m, "metadata.name")))
            continue;
        any = true;
        for (const struct json *c = json_first(json_get(m, "containers")); c; c = json_next(c)) {
            struct quantity q;
            if (quantity_parse(json_path_str(c, "usage.cpu"), &q, NULL))
                nano += (int64_t)q.nano;
        }
    }
    return any ? (nano + 500000) / 1000000 : -1;
}

static void add_rate(struct served *v, struct arena *a, int64_t now_ns, struct json *row)
{
    if (v->rated_ns && now_ns > v->rated_ns)
        json_set(a, row, "requests", json_new_double(a, (double)(v->total - v->rated) * 1e9 / (double)(now_ns - v->rated_ns)));
    v->rated = v->total;
    v->rated_ns = now_ns;
}

/* How many are ready, what they use, what they have answered. */
static void add_target(struct sampler *s, struct arena *a, struct served *served, struct str ns, const struct target *t,
                       struct str pod_metrics, struct json *row)
{
    struct visit v = { s, t->selector, served, map_new(), map_new() };
    json_set_int(a, row, "ready", json_path_int(object_json(t->object), "status.readyReplicas", 0));
    if (t->selector)
        store_list(cluster_store(s->cluster), arena_strf(a, "/registry/core/pods/" STR_FMT "/", STR_ARG(ns)), STR_NULL, visit_pod, &v);
    int64_t usage = usage_of(a, ns, v.names, pod_metrics);
    if (usage >= 0)
        json_set_int(a, row, "millicores", usage);
    json_set_int(a, row, "served", served->total);
    map_free(served->pods, NULL);
    served->pods = v.seen;
    map_free(v.names, NULL);
}

/* The order of keys is that of timeline.csv. */
static struct json *row_make(struct sampler *s, struct arena *a, struct str key, const struct json *hpa)
{
    const struct json *spec = json_get(hpa, "spec"), *status = json_get(hpa, "status"),
                      *target = json_get(spec, "targetCPUUtilizationPercentage");
    const struct json *usage = json_get(status, "currentCPUUtilizationPercentage");
    int64_t now = vtime_now(cluster_loop(s->cluster));
    return json_buildf(a, "{'t':%f,'time':%S,'hpa':%S,'requests':null,'millicores':null,'usagePercent':%j,'targetPercent':%j,"
                          "'current':%d,'desired':%d,'ready':null,'served':null}",
                       (double)(now - s->began_ns) / 1e9, time_rfc3339(a, now), key, usage ? json_copy(a, usage) : NULL,
                       target ? json_copy(a, target) : NULL,
                       json_get_int(status, "currentReplicas", 0), json_get_int(status, "desiredReplicas", 0));
}

void sampler_write(struct sampler *s, const struct json *hpas, struct str pod_metrics, bool rate, struct strbuf *out)
{
    size_t n = 0;
    for (const struct json *h = json_first(hpas); h; h = json_next(h), n++) {
        struct arena *a = arena_new();
        struct str ns = json_path_str(h, "metadata.namespace");
        struct str key = arena_strf(a, STR_FMT "/" STR_FMT, STR_ARG(ns), STR_ARG(json_path_str(h, "metadata.name")));
        struct json *row = row_make(s, a, key, h);
        struct target t;
        if (target_find(s, a, ns, json_path(h, "spec.scaleTargetRef"), &t)) {
            struct served *served = served_of(s, key);
            add_target(s, a, served, ns, &t, pod_metrics, row);
            if (rate)
                add_rate(served, a, vtime_now(cluster_loop(s->cluster)), row);
            object_unref(t.object);
        }
        strbuf_addc(out, n ? "," : "");
        json_write(out, row, JSON_NO_HTML_ESCAPE);
        arena_free(a);
    }
}
