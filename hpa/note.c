/* hpa/note.c - what one pass saw, weighed and did, as one JSON object: what `kubelab hpa why` tells afterwards.
 *
 * Nothing here computes anew: pods are sorted by the functions that the pass itself uses, on the samples that it is about
 * to use; the steps are those of `hpa eval --explain`. Kept small (some 2 KB for five pods), since every pass makes one.
 */
#include "hpa/hpa_priv.h"

enum { NOTE_PODS_MAX = 100, NOTE_STEPS_MAX = 200 };

/* ---- one metric ---- */
static const char *find_because(const struct pod_set *set, const struct hpa_pod *p)
{
    for (size_t i = 0; i < set->n; i++)
        if (set->v[i] == p)
            return set->because[i];
    return NULL;
}

static const char *state_of(const struct pod_groups *g, const struct hpa_pod *p, const char **because)
{
    if ((*because = find_because(&g->ignored, p)))
        return "ignored";
    if ((*because = find_because(&g->unready, p)))
        return "unready";
    if ((*because = find_because(&g->missing, p)))
        return "missing";
    return "counted";
}

static struct json *maybe(struct arena *a, bool known, int64_t n) { return known ? json_new_int(a, n) : NULL; }

static struct json *note_pod(struct arena *a, const struct hpa_pod *p, const struct pod_groups *g, const struct sample *s,
                             const int64_t *request)
{
    const char *because, *state = state_of(g, p, &because);
    bool ratio = s && request && *request > 0;
    return json_buildf(a,
                       "{'name':%S,'state':%s,'because':%s,'usageMilli':%j,'requestMilli':%j,'percent':%j,'sampled':%j,"
                       "'windowSeconds':%j}",
                       p->name, state, because, maybe(a, s, s ? s->milli : 0), maybe(a, request, request ? *request : 0),
                       maybe(a, ratio, ratio ? s->milli * 100 / *request : 0),
                       s && s->at_ns ? json_new_str(a, time_rfc3339(a, s->at_ns)) : NULL,
                       maybe(a, s, s ? s->window_ns / SECOND_NS : 0));
}

static struct json *note_pods(struct arena *a, const struct question *q, const struct metric_call *c)
{
    struct json *pods = json_new_array(a);
    struct pod_groups g;
    struct requests req;
    struct err err = { 0 };
    struct question silent = *q;
    silent.why = NULL;
    pods_group(&silent, &c->samples, c->resource, &g);
    bool requests = c->kind == CALL_RESOURCE && requests_of_pods(&silent, c->resource, c->container, &req, &err);
    for (size_t i = 0; i < q->pod_count && i < NOTE_PODS_MAX; i++)
        json_append(pods, note_pod(a, &q->pods[i], &g, samples_find(&c->samples, q->pods[i].name), requests ? &req.v[i] : NULL));
    err_clear(&err);
    return pods;
}

void note_metric(struct reconcile *r, const struct question *q, const struct metric_call *c)
{
    if (!r->seen)
        return;
    bool per_pod = (c->kind == CALL_RESOURCE || c->kind == CALL_PODS) && !c->error;
    struct json *m = json_buildf(r->a, "{'type':%S,'resource':%s,'error':%s}", json_get_str(c->spec, "type"),
                                 *c->resource ? c->resource : NULL, c->error);
    const struct json *target = json_path(c->spec, "resource.target.averageUtilization");
    if (target)
        json_set(r->a, m, "targetPercent", json_copy(r->a, target));
    if (per_pod)
        json_set(r->a, m, "pods", note_pods(r->a, q, c));
    else if (c->kind == CALL_OBJECT && !c->error)
        json_set_int(r->a, m, "valueMilli", c->value);
    json_append(r->seen, m);
}

/* ---- the whole pass ---- */
/* Those that may still restrain: of the longest window that there is, oldest first as far as the memory is. */
static struct json *note_recommendations(const struct reconcile *r)
{
    struct json *all = json_new_array(r->a);
    int64_t window_ns = r->cfg->down_window_ns;
    if (r->has_behavior) {
        int64_t up_ns = r->behavior.up.window_s * SECOND_NS, down_ns = r->behavior.down.window_s * SECOND_NS;
        window_ns = up_ns > down_ns ? up_ns : down_ns;
    }
    for (size_t i = 0; i < r->memory->rec_count; i++) {
        const struct recommendation *v = &r->memory->recs[i];
        size_t at = json_len(all);
        if (v->at_ns < r->now_ns - window_ns)
            continue;
        while (at > 0 && json_get_int(json_at(all, at - 1), "seconds", 0) > v->at_ns / SECOND_NS)
            at--;
        json_insert(all, at, json_buildf(r->a, "{'seconds':%d,'replicas':%d}", v->at_ns / SECOND_NS, (int64_t)v->replicas));
    }
    return all;
}

static struct json *note_conditions(const struct reconcile *r)
{
    struct json *all = json_new_array(r->a);
    for (size_t i = 0; i < r->status.condition_count; i++) {
        const struct hpa_condition *c = &r->status.conditions[i];
        json_append(all, json_buildf(r->a, "{'type':%s,'status':%s,'reason':%s,'message':%s}", c->type, c->status, c->reason,
                                     c->message));
    }
    return all;
}

static struct json *note_steps(const struct reconcile *r)
{
    size_t n = 0;
    struct json *all = json_new_array(r->a);
    for (const struct json *s = r->why ? json_first(r->why->steps) : NULL; s && n < NOTE_STEPS_MAX; s = json_next(s), n++)
        json_append(all, json_copy(r->a, s));
    return all;
}

struct json *reconcile_note(const struct reconcile *r)
{
    struct arena *a = r->a;
    return json_buildf(a,
                       "{'time':%S,'seconds':%d,'reference':%s,'min':%d,'max':%d,'tolerance':%f,'current':%d,'desired':%d,"
                       "'rescaled':%b,'reason':%s,'error':%s,'metrics':%j,'steps':%j,'recommendations':%j,'conditions':%j}",
                       time_rfc3339(a, r->now_ns), r->now_ns / SECOND_NS, r->reference, (int64_t)r->min, (int64_t)r->max,
                       r->cfg->tolerance, (int64_t)r->spec_replicas, (int64_t)r->desired, (int)r->rescaled,
                       r->rescale ? r->reason : NULL, r->error, r->seen, note_steps(r), note_recommendations(r),
                       note_conditions(r));
}
