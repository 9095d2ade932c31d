/* hpa/behavior.c - spec.behavior: how fast (horizontal.go: calculateScaleUpLimitWithScalingRules and its fellows; since v1.18).
 *
 * Each successful rescale is remembered as an event. A policy says how far the size may move from where it stood a
 * period ago; where it stood is the present size with the period's events undone (both directions since v1.26; only the
 * policy's own before). Of several policies one is selected: Max is the one that allows the greatest change, Min the
 * smallest, Disabled forbids the direction.
 */
#include "hpa/hpa_priv.h"

#include <math.h>

/* ---- reading ---- */
static enum select_policy read_select(struct str s)
{
    return str_eqc(s, "Min") ? SELECT_MIN : str_eqc(s, "Disabled") ? SELECT_DISABLED : SELECT_MAX;
}

static void read_rules(struct arena *a, const struct json *j, int64_t default_window_s, struct rules *out)
{
    const struct json *policies = json_get(j, "policies");
    *out = (struct rules){
        .window_s = json_get_int(j, "stabilizationWindowSeconds", default_window_s),
        .select = read_select(json_get_str(j, "selectPolicy")),
    };
    out->v = arena_zalloc(a, (json_len(policies) + 1) * sizeof *out->v);
    for (const struct json *p = json_first(policies); p; p = json_next(p))
        out->v[out->n++] = (struct policy){ .percent = str_eqc(json_get_str(p, "type"), "Percent"),
                                            .value = (int32_t)json_get_int(p, "value", 0),
                                            .period_s = json_get_int(p, "periodSeconds", 0) };
}

bool behavior_read(struct arena *a, const struct json *spec_behavior, int64_t default_down_window_s, struct behavior *out)
{
    if (!json_is(spec_behavior, JSON_OBJECT))
        return false;
    read_rules(a, json_get(spec_behavior, "scaleUp"), 0, &out->up);
    read_rules(a, json_get(spec_behavior, "scaleDown"), default_down_window_s, &out->down);
    return true;
}

/* What the API server fills in (pkg/apis/autoscaling/v2/defaults.go): only the directions of a behavior that is set at all. */
struct json *behavior_defaults(struct arena *a, const struct json *spec_behavior)
{
    if (!json_is(spec_behavior, JSON_OBJECT))
        return NULL;
    struct json *out = json_copy(a, spec_behavior), *up = json_ensure(a, out, "scaleUp"),
                *down = json_ensure(a, out, "scaleDown");
    if (!json_is(json_get(up, "stabilizationWindowSeconds"), JSON_INT))
        json_set_int(a, up, "stabilizationWindowSeconds", 0);
    if (!json_is(json_get(up, "policies"), JSON_ARRAY))
        json_set(a, up, "policies",
                 json_buildf(
                     a, "[{'type':'Pods','value':4,'periodSeconds':15},{'type':'Percent','value':100,'periodSeconds':15}]"));
    if (!json_is(json_get(down, "policies"), JSON_ARRAY))
        json_set(a, down, "policies", json_buildf(a, "[{'type':'Percent','value':100,'periodSeconds':15}]"));
    return out;
}

/* ---- limits ---- */
static int32_t wrap32(int64_t v) { return (int32_t)(uint32_t)(uint64_t)v; }

static int32_t changed_since(const struct scale_events *e, int64_t now_ns, int64_t period_s)
{
    int64_t cutoff = hpa_go_add(now_ns, hpa_go_mul(period_s, -SECOND_NS));
    int32_t sum = 0;
    for (size_t i = 0; i < e->n; i++)
        if (e->v[i].at_ns > cutoff)
            sum = wrap32((int64_t)sum + e->v[i].change);
    return sum;
}

int32_t behavior_up_limit(const struct hpa_memory *m, const struct behavior *b, int minor, int32_t current, int64_t now_ns,
                          struct why *why)
{
    const struct rules *r = &b->up;
    if (r->select == SELECT_DISABLED)
        return current;
    int32_t limit = r->select == SELECT_MIN ? INT32_MAX : INT32_MIN;
    for (size_t i = 0; i < r->n; i++) {
        const struct policy *p = &r->v[i];
        int64_t undone = minor >= 26 ? changed_since(&m->down, now_ns, p->period_s) : 0;
        int32_t start = wrap32((int64_t)current - changed_since(&m->up, now_ns, p->period_s) + undone);
        int32_t proposed = p->percent ? hpa_go_int32(ceil((double)start * (1 + (double)p->value / 100)))
                                      : wrap32((int64_t)start + p->value);
        hpa_why_add(why, "up policy %s %d in %" PRId64 " s: from %d to at most %d", p->percent ? "Percent" : "Pods", p->value,
                    p->period_s, start, proposed);
        if (r->select == SELECT_MIN ? proposed < limit : proposed > limit)
            limit = proposed;
    }
    return limit;
}

int32_t behavior_down_limit(const struct hpa_memory *m, const struct behavior *b, int minor, int32_t current, int64_t now_ns,
                            struct why *why)
{
    const struct rules *r = &b->down;
    if (r->select == SELECT_DISABLED)
        return current;
    int32_t limit = r->select == SELECT_MIN ? INT32_MIN : INT32_MAX;
    for (size_t i = 0; i < r->n; i++) {
        const struct policy *p = &r->v[i];
        int64_t undone = minor >= 26 ? changed_since(&m->up, now_ns, p->period_s) : 0;
        int32_t start = wrap32((int64_t)current - undone + changed_since(&m->down, now_ns, p->period_s));
        int32_t proposed = p->percent ? hpa_go_int32((double)start * (1 - (double)p->value / 100))
                                      : wrap32((int64_t)start - p->value);
        hpa_why_add(why, "down policy %s %d in %" PRId64 " s: from %d to at least %d", p->percent ? "Percent" : "Pods", p->value,
                    p->period_s, start, proposed);
        if (r->select == SELECT_MIN ? proposed > limit : proposed < limit)
            limit = proposed;
    }
    return limit;
}

/* ---- events ---- */
/* Entries older than the longest period are of no use to any policy; the last of them makes room. */
static size_t mark_outdated(struct scale_events *e, const struct rules *r, int64_t now_ns)
{
    int64_t longest_s = 0;
    size_t last = SIZE_MAX;
    for (size_t i = 0; i < r->n; i++)
        longest_s = r->v[i].period_s > longest_s ? r->v[i].period_s : longest_s;
    for (size_t i = 0; i < e->n; i++) {
        if (e->v[i].at_ns < hpa_go_add(now_ns, hpa_go_mul(longest_s, -SECOND_NS)))
            e->v[i].outdated = true;
        if (e->v[i].outdated)
            last = i;
    }
    return last;
}

void behavior_store_event(struct hpa_memory *m, const struct behavior *b, int32_t old_replicas, int32_t new_replicas,
                          int64_t now_ns)
{
    bool up = new_replicas > old_replicas;
    struct scale_events *e = up ? &m->up : &m->down;
    struct scale_event event = { now_ns,
                                 wrap32(up ? (int64_t)new_replicas - old_replicas : (int64_t)old_replicas - new_replicas),
                                 false };
    size_t reuse = mark_outdated(e, up ? &b->up : &b->down, now_ns);
    if (reuse != SIZE_MAX) {
        e->v[reuse] = event;
        return;
    }
    if (e->n == e->cap) {
        e->cap = e->cap ? e->cap * 2 : 16;
        e->v = xrealloc(e->v, e->cap * sizeof *e->v);
    }
    e->v[e->n++] = event;
}
