/* metricsd/decode.c - a kubelet's summary into metric points (pkg/sources/summary/summary.go).
 *
 * CPU is the kubelet's usageNanoCores, memory its workingSetBytes; the time is the CPU sample's, else the memory
 * sample's. A container without one of them costs its whole pod (a rate that leaves a container out would mislead the
 * autoscaler); a node without CPU is complained about and stored as zero all the same.
 */
#include "metricsd/metricsd_priv.h"

struct complaint { void (*fn)(void *ctx, const char *text); void *ctx; struct arena *a; };

static bool point_time(const struct json *cpu, const struct json *memory, int64_t *out)
{
    return time_parse_rfc3339(json_get_str(cpu, "time"), out) || time_parse_rfc3339(json_get_str(memory, "time"), out);
}

/* what: `container "c" in pod ns/p on node "address"` or `node "address"` */
static bool decode_point(const struct json *stats, const char *what, struct metrics_point *p, struct complaint *c)
{
    const struct json *cpu = json_get(stats, "cpu"), *memory = json_get(stats, "memory");
    const struct json *rate = json_get(cpu, "usageNanoCores"), *set = json_get(memory, "workingSetBytes");
    bool ok = true;
    *p = (struct metrics_point){ 0, json_int(rate, 0), json_int(set, 0) };
    if (!point_time(cpu, memory, &p->time_ns)) {
        c->fn(
            c->ctx,
            arena_printf(
                c->a,
                "unable to get a valid timestamp for metric point for %s, discarding data: no non-zero timestamp on "
                "either CPU or memory",
                what));
        return false;
    }
    if (!rate) {
        c->fn(c->ctx, arena_printf(c->a, "unable to get CPU for %s, discarding data: missing cpu usage metric", what));
        ok = false;
    }
    if (!set) {
        c->fn(c->ctx, arena_printf(c->a, "unable to get memory for %s, discarding data: missing memory usage metric", what));
        ok = false;
    }
    return ok;
}

static void decode_pod(struct batch *b, const struct json *stats, const char *address, struct complaint *c)
{
    const struct json *ref = json_get(stats, "podRef"), *containers = json_get(stats, "containers");
    struct str ns = json_get_str(ref, "namespace"), name = json_get_str(ref, "name");
    struct pod_point *p = ARENA_NEW(b->arena, struct pod_point);
    p->containers = arena_alloc(b->arena, (json_len(containers) + 1) * sizeof *p->containers);
    for (const struct json *k = json_first(containers); k; k = json_next(k)) {
        struct container_point *cp = &p->containers[p->count];
        struct str cname = json_get_str(k, "name");
        const char *what = arena_printf(c->a, "container \"" STR_FMT "\" in pod " STR_FMT "/" STR_FMT " on node \"%s\"",
                                        STR_ARG(cname), STR_ARG(ns), STR_ARG(name), address);
        if (!decode_point(k, what, &cp->point, c))
            return;
        cp->name = arena_str(b->arena, cname);
        if (p->count++ == 0 || cp->point.time_ns < p->time_ns)
            p->time_ns = cp->point.time_ns;
    }
    map_put(b->pods, arena_strf(c->a, STR_FMT "/" STR_FMT, STR_ARG(ns), STR_ARG(name)), p);
}

bool metricsd_decode_summary(struct batch *b, struct str body, const char *address, void (*complain)(void *ctx, const char *text),
                             void *ctx, struct err *err)
{
    struct complaint c = { complain, ctx, arena_new() };
    struct err why = { 0 };
    const struct json *summary = json_parse(c.a, body, &why), *node = json_get(summary, "node");
    bool ok = summary != NULL;
    if (!ok) {
        err_set(err, ERR_PARSE, "failed to parse output. Response: \"" STR_FMT "\". Error: %s",
                STR_ARG(str_sub(body, 0, 512)), why.msg);
    } else {
        struct metrics_point *p = ARENA_NEW(b->arena, struct metrics_point);
        decode_point(node, arena_printf(c.a, "node \"%s\"", address), p, &c);
        map_put(b->nodes, json_get_str(node, "nodeName"), p);
        for (const struct json *pod = json_first(json_get(summary, "pods")); pod; pod = json_next(pod))
            decode_pod(b, pod, address, &c);
    }
    err_clear(&why);
    arena_free(c.a);
    return ok;
}
