/* workloads/scheduler/filters.c - may this pod run on that node? (v1.16 pkg/scheduler/algorithm/predicates, later
 * framework/plugins)
 *
 * Pure functions over JSON. Up to v1.17 resources, ports and node selector are one group of predicates, all of which
 * speak, and taints come after it; then each filter that refuses ends the matter. v1.23 asks in another order. The words
 * of a refusal are those of each version.
 */
#include "workloads/scheduler/scheduler_priv.h"

#define UNSCHEDULABLE "node(s) were unschedulable"

/* ---- resources ---- */
static void add_requests(struct resources *sum, const struct json *container)
{
    const struct json *requests = json_get(json_get(container, "resources"), "requests");
    sum->cpu_milli += quantity_json_milli(json_get(requests, "cpu"), 0);
    sum->memory_bytes += quantity_json_value(json_get(requests, "memory"), 0);
}

struct resources scheduler_resources_of_pod(const struct json *pod)
{
    struct resources sum = { 0, 0, 1 };
    const struct json *spec = json_get(pod, "spec");
    for (const struct json *c = json_first(json_get(spec, "containers")); c; c = json_next(c))
        add_requests(&sum, c);
    for (const struct json *c = json_first(json_get(spec, "initContainers")); c; c = json_next(c)) {
        struct resources one = { 0, 0, 0 };
        add_requests(&one, c);
        sum.cpu_milli = one.cpu_milli > sum.cpu_milli ? one.cpu_milli : sum.cpu_milli;
        sum.memory_bytes = one.memory_bytes > sum.memory_bytes ? one.memory_bytes : sum.memory_bytes;
    }
    return sum;
}

/* ---- host ports ---- */
static bool same_port(const struct json *a, const struct json *b)
{
    struct str pa = json_get_str(a, "protocol"), pb = json_get_str(b, "protocol"), ia = json_get_str(a, "hostIP"),
               ib = json_get_str(b, "hostIP");
    bool any_ip = !ia.n || !ib.n || str_eqc(ia, "0.0.0.0") || str_eqc(ib, "0.0.0.0") || str_eq(ia, ib);
    return json_get_int(a, "hostPort", 0) == json_get_int(b, "hostPort", 0) && any_ip &&
           str_eq(pa.n ? pa : STR("TCP"), pb.n ? pb : STR("TCP"));
}

static bool port_taken(const struct json *port, const struct node_state *n)
{
    for (size_t i = 0; i < n->pod_count; i++)
        for (const struct json *c = json_first(json_path(n->pods[i], "spec.containers")); c; c = json_next(c))
            for (const struct json *p = json_first(json_get(c, "ports")); p; p = json_next(p))
                if (json_get_int(p, "hostPort", 0) && same_port(port, p))
                    return true;
    return false;
}

static bool ports_free(const struct json *pod, const struct node_state *n)
{
    for (const struct json *c = json_first(json_path(pod, "spec.containers")); c; c = json_next(c))
        for (const struct json *p = json_first(json_get(c, "ports")); p; p = json_next(p))
            if (json_get_int(p, "hostPort", 0) && port_taken(p, n))
                return false;
    return true;
}

/* ---- node selector and node affinity ---- */
static bool value_in(const struct json *values, struct str v)
{
    for (const struct json *x = json_first(values); x; x = json_next(x))
        if (str_eq(json_str(x), v))
            return true;
    return false;
}

static bool requirement_holds(const struct json *req, const struct json *have)
{
    struct str op = json_get_str(req, "operator"), value = json_str(have);
    const struct json *values = json_get(req, "values");
    int64_t number, bound;
    if (str_eqc(op, "In"))
        return have && value_in(values, value);
    if (str_eqc(op, "NotIn"))
        return !have || !value_in(values, value);
    if (str_eqc(op, "Exists"))
        return have != NULL;
    if (str_eqc(op, "DoesNotExist"))
        return !have;
    if (!have || !str_int(value, &number) || !str_int(json_str(json_first(values)), &bound))
        return false;
    return str_eqc(op, "Gt") ? number > bound : str_eqc(op, "Lt") && number < bound;
}

bool scheduler_term_matches(const struct json *term, const struct node_state *n)
{
    const struct json *expressions = json_get(term, "matchExpressions"), *fields = json_get(term, "matchFields");
    if (json_len(expressions) + json_len(fields) == 0)
        return false;                              /* an empty term matches nothing */
    for (const struct json *e = json_first(expressions); e; e = json_next(e))
        if (!requirement_holds(e, json_getn(meta_labels(n->node), json_get_str(e, "key"))))
            return false;
    for (const struct json *f = json_first(fields); f; f = json_next(f))
        if (!str_eqc(json_get_str(f, "key"), "metadata.name") ||
            !requirement_holds(f, json_get(json_get(n->node, "metadata"), "name")))
            return false;
    return true;
}

static bool node_selected(const struct json *pod, const struct node_state *n)
{
    for (const struct json *want = json_first(json_path(pod, "spec.nodeSelector")); want; want = json_next(want))
        if (!json_equal(json_getn(meta_labels(n->node), json_key(want)), want))
            return false;
    const struct json *required = json_path(pod, "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution");
    if (!required)
        return true;
    for (const struct json *term = json_first(json_get(required, "nodeSelectorTerms")); term; term = json_next(term))
        if (scheduler_term_matches(term, n))
            return true;
    return false;
}

/* ---- taints ---- */
bool scheduler_toleration_tolerates(const struct json *tolerations, const struct json *taint)
{
    for (const struct json *t = json_first(tolerations); t; t = json_next(t)) {
        struct str effect = json_get_str(t, "effect"), key = json_get_str(t, "key"), op = json_get_str(t, "operator");
        if (effect.n && !str_eq(effect, json_get_str(taint, "effect")))
            continue;
        if (key.n && !str_eq(key, json_get_str(taint, "key")))
            continue;
        if (str_eqc(op, "Exists") || (key.n && str_eq(json_get_str(t, "value"), json_get_str(taint, "value"))))
            return true;
    }
    return false;
}

static const struct json *untolerated_taint(const struct json *pod, const struct node_state *n)
{
    for (const struct json *taint = json_first(json_path(n->node, "spec.taints")); taint; taint = json_next(taint)) {
        struct str effect = json_get_str(taint, "effect");
        bool matters = str_eqc(effect, "NoSchedule") || str_eqc(effect, "NoExecute");
        if (matters && !scheduler_toleration_tolerates(json_path(pod, "spec.tolerations"), taint))
            return taint;
    }
    return NULL;
}

static const char *taint_reason(struct arena *a, int minor, const struct json *taint)
{
    if (minor < 18)
        return "node(s) had taints that the pod didn't tolerate";
    struct str key = json_get_str(taint, "key"), value = json_get_str(taint, "value");
    if (minor < 24)
        return arena_printf(a, "node(s) had taint {" STR_FMT ": " STR_FMT "}, that the pod didn't tolerate", STR_ARG(key),
                            STR_ARG(value));
    return arena_printf(a, "node(s) had untolerated taint {" STR_FMT ": " STR_FMT "}", STR_ARG(key), STR_ARG(value));
}

static bool unschedulable(const struct json *pod, const struct node_state *n)
{
    if (!json_get_bool(json_get(n->node, "spec"), "unschedulable", false))
        return false;
    struct arena *a = arena_new();
    struct json *taint = json_buildf(a, "{'key':'node.kubernetes.io/unschedulable','effect':'NoSchedule'}");
    bool refused = !scheduler_toleration_tolerates(json_path(pod, "spec.tolerations"), taint);
    arena_free(a);
    return refused;
}

/* ---- what a pod may require and nobody here can judge ---- */
const char *scheduler_unknown_rule(const struct json *pod)
{
    static const char *const rules[] = {
        "spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution",
        "spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution",
    };
    for (size_t i = 0; i < ARRAY_LEN(rules); i++)
        if (json_len(json_path(pod, rules[i])))
            return rules[i];
    for (const struct json *c = json_first(json_path(pod, "spec.topologySpreadConstraints")); c; c = json_next(c))
        if (str_eqc(json_get_str(c, "whenUnsatisfiable"), "DoNotSchedule"))
            return "spec.topologySpreadConstraints";
    return NULL;
}

/* ---- the filters in their order ---- */
/* Appends why not, and says how many reasons that were. */
typedef size_t filter_fn(struct arena *a, int minor, const struct json *pod, const struct node_state *n, const char **out);

static size_t filter_resources(struct arena *a, int minor, const struct json *pod, const struct node_state *n, const char **out)
{
    (void)a;
    struct resources want = scheduler_resources_of_pod(pod);
    size_t count = 0;
    if (n->used.pods + 1 > n->allocatable.pods)
        out[count++] = minor < 18 ? "Insufficient pods" : "Too many pods";
    if (want.cpu_milli > 0 && n->used.cpu_milli + want.cpu_milli > n->allocatable.cpu_milli)
        out[count++] = "Insufficient cpu";
    if (want.memory_bytes > 0 && n->used.memory_bytes + want.memory_bytes > n->allocatable.memory_bytes)
        out[count++] = "Insufficient memory";
    return count;
}

static size_t filter_ports(struct arena *a, int minor, const struct json *pod, const struct node_state *n, const char **out)
{
    (void)a;
    (void)minor;
    if (ports_free(pod, n))
        return 0;
    *out = "node(s) didn't have free ports for the requested pod ports";
    return 1;
}

static size_t filter_selector(struct arena *a, int minor, const struct json *pod, const struct node_state *n, const char **out)
{
    (void)a;
    if (node_selected(pod, n))
        return 0;
    *out = minor < 20   ? "node(s) didn't match node selector"
           : minor < 21 ? "node(s) didn't match Pod's node affinity"
                        : "node(s) didn't match Pod's node affinity/selector";
    return 1;
}

static size_t filter_taints(struct arena *a, int minor, const struct json *pod, const struct node_state *n, const char **out)
{
    const struct json *taint = untolerated_taint(pod, n);
    if (!taint)
        return 0;
    *out = taint_reason(a, minor, taint);
    return 1;
}

static filter_fn *const early_order[] = { filter_resources, filter_ports, filter_selector, filter_taints };
static filter_fn *const late_order[] = { filter_taints, filter_selector, filter_ports, filter_resources };

size_t scheduler_filters_run(struct arena *a, int minor, const struct json *pod, const struct node_state *n, const char **reasons,
                             size_t max)
{
    ASSERT(max >= FIT_REASONS_MAX);
    if (unschedulable(pod, n))
        return reasons[0] = UNSCHEDULABLE, 1;
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_LEN(early_order); i++) {
        filter_fn *filter = (minor < 23 ? early_order : late_order)[i];
        if (count && (minor >= 18 || filter == filter_taints))
            break;
        count += filter(a, minor, pod, n, reasons + count);
    }
    return count;
}

/* ---- the sentence about failure ---- */
/* Counted reasons as upstream prints them: "2 Insufficient cpu, 1 node(s) ...", sorted as text. */
static void add_reasons(struct arena *a, struct strbuf *out, const char *const *reasons, const size_t *counts, size_t n)
{
    struct str lines[FIT_REASONS_MAX];
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        if (counts[i] == 0)
            continue;
        struct str line = arena_strf(a, "%zu %s", counts[i], reasons[i]);
        size_t at = used++;
        for (; at > 0 && str_cmp(lines[at - 1], line) > 0; at--)
            lines[at] = lines[at - 1];
        lines[at] = line;
    }
    for (size_t i = 0; i < used; i++)
        strbuf_addf(out, "%s" STR_FMT, i ? ", " : "", STR_ARG(lines[i]));
}

/* Whether a node that says this could be freed by evicting pods (framework.UnschedulableAndUnresolvable: no). */
static bool eviction_could_help(const char *reason)
{
    return str_starts(str_c(reason), "Insufficient ") || strcmp(reason, "Too many pods") == 0 || strstr(reason, "free ports");
}

struct str scheduler_fit_error(struct arena *a, int minor, size_t node_count, const char *const *reasons,
                               const size_t *counts, size_t n)
{
    if (node_count == 0)
        return STR("no nodes available to schedule pods");
    struct strbuf out;
    strbuf_init(&out, 4096);
    strbuf_addf(&out, "0/%zu nodes are available: ", node_count);
    add_reasons(a, &out, reasons, counts, n);
    strbuf_addc(&out, ".");
    if (minor >= 24) {
        static const char *const verdicts[] = { "No preemption victims found for incoming pod",
                                                "Preemption is not helpful for scheduling" };
        size_t hopeless = 0;
        for (size_t i = 0; i < n; i++)
            hopeless += eviction_could_help(reasons[i]) ? 0 : counts[i];
        hopeless = hopeless < node_count ? hopeless : node_count;
        strbuf_addf(&out, " preemption: 0/%zu nodes are available: ", node_count);
        add_reasons(a, &out, verdicts, (const size_t[]){ node_count - hopeless, hopeless }, 2);
        strbuf_addc(&out, ".");
    }
    struct str text = arena_str(a, strbuf_str(&out));
    strbuf_deinit(&out);
    return text;
}
