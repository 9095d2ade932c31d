/* workloads/scheduler/scores.c - where a pod runs best: the default score plugins over the nodes that would have it.
 *
 * Upstream: pkg/scheduler/framework/plugins/{noderesources,nodeaffinity,tainttoleration,imagelocality,podtopologyspread,
 * selectorspread} of v1.20, pkg/scheduler/algorithm/priorities of v1.16, with their weights. A pod without requests counts
 * as 100m and 200 MB here, so that such pods spread, too.
 *
 * Simplified: pods are of one group when one ReplicaSet, ReplicationController or StatefulSet owns them, which is what
 * upstream's selectors come to; bare pods behind a Service are not spread by it. Zones do not exist. Inter-pod affinity is left
 * aside.
 */
#include "workloads/scheduler/scheduler_priv.h"

#include <math.h>

enum { SCORE_MAX = 100, DEFAULT_CPU_MILLI = 100, WEIGHTS = 6 };
#define MIB             (1024.0 * 1024.0)
#define DEFAULT_MEMORY  (200ll * 1024 * 1024)
#define IMAGE_MIN_BYTES (23.0 * MIB)
#define IMAGE_MAX_BYTES (1000.0 * MIB)             /* per container */

struct scoring {                       /* one pod, and the nodes that passed the filters */
    struct arena      *a;
    int                minor;
    const struct json *pod;
    const struct node_state *nodes;
    size_t             n, all;         /* all: nodes of the cluster */
};

/* ---- resources ---- */
struct resources scheduler_nonzero_resources(const struct json *pod)
{
    struct resources sum = { 0, 0, 1 };
    for (const struct json *c = json_first(json_path(pod, "spec.containers")); c; c = json_next(c)) {
        const struct json *requests = json_path(c, "resources.requests");
        sum.cpu_milli += quantity_json_milli(json_get(requests, "cpu"), DEFAULT_CPU_MILLI);
        sum.memory_bytes += quantity_json_value(json_get(requests, "memory"), DEFAULT_MEMORY);
    }
    return sum;
}

static int64_t free_share(int64_t used, int64_t capacity)
{
    return capacity <= 0 || used > capacity ? 0 : (capacity - used) * SCORE_MAX / capacity;
}

static void score_least_allocated(const struct scoring *s, int64_t *out)
{
    struct resources want = scheduler_nonzero_resources(s->pod);
    for (size_t i = 0; i < s->n; i++) {
        const struct node_state *n = &s->nodes[i];
        out[i] = (free_share(n->nonzero.cpu_milli + want.cpu_milli, n->allocatable.cpu_milli) +
                  free_share(n->nonzero.memory_bytes + want.memory_bytes, n->allocatable.memory_bytes)) / 2;
    }
}

static double fraction(int64_t used, int64_t capacity) { return capacity > 0 ? (double)used / (double)capacity : 1.0; }

/* Up to v1.22 the difference of the two shares counts, then their standard deviation, which for two is half of that. */
static void score_balanced(const struct scoring *s, int64_t *out)
{
    struct resources want = scheduler_nonzero_resources(s->pod);
    for (size_t i = 0; i < s->n; i++) {
        const struct node_state *n = &s->nodes[i];
        double cpu = fraction(n->nonzero.cpu_milli + want.cpu_milli, n->allocatable.cpu_milli);
        double memory = fraction(n->nonzero.memory_bytes + want.memory_bytes, n->allocatable.memory_bytes);
        bool newer = s->minor >= 23;
        if (newer)
            out[i] = (int64_t)((1.0 - fabs(fmin(cpu, 1.0) - fmin(memory, 1.0)) / 2.0) * SCORE_MAX);
        else
            out[i] = cpu >= 1.0 || memory >= 1.0 ? 0 : (int64_t)((1.0 - fabs(cpu - memory)) * SCORE_MAX);
    }
}

/* ---- preferences ---- */
/* The best gets 100 and the others their share of it; reverse: the best is the one with the least. */
static void normalize(int64_t *v, size_t n, bool reverse)
{
    int64_t max = 0;
    for (size_t i = 0; i < n; i++)
        max = v[i] > max ? v[i] : max;
    for (size_t i = 0; i < n; i++) {
        int64_t share = max ? v[i] * SCORE_MAX / max : 0;
        v[i] = reverse ? SCORE_MAX - share : share;
    }
}

static void score_node_affinity(const struct scoring *s, int64_t *out)
{
    const struct json *terms = json_path(s->pod, "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution");
    for (size_t i = 0; i < s->n; i++)
        for (const struct json *t = json_first(terms); t; t = json_next(t))
            if (scheduler_term_matches(json_get(t, "preference"), &s->nodes[i]))
                out[i] += json_get_int(t, "weight", 0);
    normalize(out, s->n, false);
}

static void score_taints(const struct scoring *s, int64_t *out)
{
    const struct json *tolerations = json_path(s->pod, "spec.tolerations");
    for (size_t i = 0; i < s->n; i++)
        for (const struct json *t = json_first(json_path(s->nodes[i].node, "spec.taints")); t; t = json_next(t))
            out[i] += str_eqc(json_get_str(t, "effect"), "PreferNoSchedule") && !scheduler_toleration_tolerates(tolerations, t);
    normalize(out, s->n, true);
}

/* ---- images ---- */
/* normalizedImageName: a tag unless there is one. */
static struct str with_tag(struct arena *a, struct str image)
{
    ptrdiff_t colon = -1, slash = -1;
    for (size_t i = 0; i < image.n; i++) {
        colon = image.p[i] == ':' ? (ptrdiff_t)i : colon;
        slash = image.p[i] == '/' ? (ptrdiff_t)i : slash;
    }
    return colon <= slash ? arena_strf(a, STR_FMT ":latest", STR_ARG(image)) : image;
}

/* The image's bytes on a node, 0 when it is not there. */
static int64_t image_bytes(const struct node_state *n, struct str image)
{
    for (const struct json *i = json_first(json_path(n->node, "status.images")); i; i = json_next(i))
        for (const struct json *name = json_first(json_get(i, "names")); name; name = json_next(name))
            if (str_eq(json_str(name), image))
                return json_get_int(i, "sizeBytes", 0);
    return 0;
}

/* Megabytes that need not be pulled, the less the fewer nodes have them: lest all go to the one that pulled first. */
static void score_images(const struct scoring *s, int64_t *out)
{
    const struct json *containers = json_path(s->pod, "spec.containers");
    double max = IMAGE_MAX_BYTES * (double)json_len(containers), *sums = arena_zalloc(s->a, (s->n + 1) * sizeof *sums);
    for (const struct json *c = json_first(containers); c; c = json_next(c)) {
        struct str image = with_tag(s->a, json_get_str(c, "image"));
        size_t have = 0;
        for (size_t i = 0; i < s->n; i++)
            have += image_bytes(&s->nodes[i], image) > 0;
        for (size_t i = 0; i < s->n; i++)
            sums[i] += floor((double)image_bytes(&s->nodes[i], image) * (double)have / (double)s->all);
    }
    for (size_t i = 0; i < s->n; i++)
        out[i] = (int64_t)(SCORE_MAX * (fmin(fmax(sums[i], IMAGE_MIN_BYTES), max) - IMAGE_MIN_BYTES) / (max - IMAGE_MIN_BYTES));
}

/* ---- spreading ---- */
static bool of_group(const struct json *pod, const struct json *owner)
{
    const struct json *other = meta_controller(pod);
    return other && !meta_deleting(pod) && str_eq(json_get_str(other, "uid"), json_get_str(owner, "uid"));
}

static size_t count_group(const struct node_state *n, const struct json *owner)
{
    size_t count = 0;
    for (size_t i = 0; i < n->pod_count; i++)
        count += of_group(n->pods[i], owner);
    return count;
}

/* From v1.20 on PodTopologySpread with its default constraint (host name, maxSkew 3); before, SelectorSpread. */
static void score_spread(const struct scoring *s, int64_t *out)
{
    static const char *const kinds[] = { "ReplicaSet", "ReplicationController", "StatefulSet" };
    const struct json *owner = meta_controller(s->pod);
    bool grouped = false, topology = s->minor >= 20;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        grouped = grouped || str_eqc(json_get_str(owner, "kind"), kinds[i]);
    int64_t min = INT64_MAX, max = 0;
    for (size_t i = 0; i < s->n && grouped; i++) {
        double count = (double)count_group(&s->nodes[i], owner);
        out[i] = topology ? (int64_t)(count * log((double)s->n + 2.0) + 2.0) : (int64_t)count;
        min = out[i] < min ? out[i] : min;
        max = out[i] > max ? out[i] : max;
    }
    for (size_t i = 0; i < s->n; i++) {
        if (!grouped)
            out[i] = topology ? 0 : SCORE_MAX;
        else
            out[i] = max == 0 ? SCORE_MAX : SCORE_MAX * (topology ? max + min - out[i] : max - out[i]) / max;
    }
}

/* ---- all of them ---- */
static void (*const plugins[WEIGHTS])(const struct scoring *s, int64_t *out) = {
    score_balanced, score_images, score_least_allocated, score_node_affinity, score_spread, score_taints,
};
static const struct { int from; int64_t weight[WEIGHTS]; } weights[] = {
    { 23, { 1, 1, 1, 2, 2, 3 } }, { 20, { 1, 1, 1, 1, 2, 1 } }, { 0, { 1, 1, 1, 1, 1, 1 } },
};

void scheduler_scores(int minor, const struct json *pod, const struct node_state *nodes, size_t n, size_t all, int64_t *out)
{
    struct arena *a = arena_new();
    struct scoring s = { a, minor, pod, nodes, n, all };
    size_t w = 0;
    while (minor < weights[w].from)
        w++;
    memset(out, 0, n * sizeof *out);
    for (size_t p = 0; p < ARRAY_LEN(plugins); p++) {
        int64_t *one = arena_zalloc(a, (n + 1) * sizeof *one);
        plugins[p](&s, one);
        for (size_t i = 0; i < n; i++)
            out[i] += one[i] * weights[w].weight[p];
    }
    arena_free(a);
}
