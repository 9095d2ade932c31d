/* hpa/conditions.c - the status of an autoscaler in memory: conditions, and its way from and to JSON (horizontal.go:
 * setConditionInList, setStatus).
 *
 * A condition's lastTransitionTime moves only when its status (True, False) does. setStatus builds a status anew and
 * leaves observedGeneration out.
 */
#include "hpa/hpa_priv.h"

void hpa_condition_put(struct arena *a, struct hpa_status *s, const char *type, const char *status, const char *reason,
                       const char *message, int64_t now_ns)
{
    struct hpa_condition *c = NULL;
    for (size_t i = 0; i < s->condition_count && !c; i++)
        if (strcmp(s->conditions[i].type, type) == 0)
            c = &s->conditions[i];
    if (!c) {
        if (s->condition_count == CONDITIONS_MAX)
            return;
        c = &s->conditions[s->condition_count++];
        *c = (struct hpa_condition){ .type = type, .status = "" };
    }
    if (strcmp(c->status, status) != 0)
        c->at_ns = now_ns;
    c->status = status;
    c->reason = reason;
    c->message = arena_strdup(a, message);
}

bool hpa_status_equal(const struct hpa_status *x, const struct hpa_status *y)
{
    if (x->current != y->current || x->desired != y->desired || x->condition_count != y->condition_count ||
        x->has_last_scale != y->has_last_scale || (x->has_last_scale && x->last_scale_ns != y->last_scale_ns))
        return false;
    for (size_t i = 0; i < x->condition_count; i++) {
        const struct hpa_condition *a = &x->conditions[i], *b = &y->conditions[i];
        if (strcmp(a->type, b->type) != 0 || strcmp(a->status, b->status) != 0 || strcmp(a->reason, b->reason) != 0 ||
            strcmp(a->message, b->message) != 0 || a->at_ns != b->at_ns)
            return false;
    }
    if (json_len(x->metrics) == 0 || json_len(y->metrics) == 0)
        return json_len(x->metrics) == json_len(y->metrics);
    return json_equal(x->metrics, y->metrics);
}

static const char *text_of(struct arena *a, const struct json *j, const char *key) { return arena_cstr(a, json_get_str(j, key)); }

void hpa_status_read(struct arena *a, const struct json *hpa_status, struct hpa_status *out)
{
    *out = (struct hpa_status){
        .current = (int32_t)json_get_int(hpa_status, "currentReplicas", 0),
        .desired = (int32_t)json_get_int(hpa_status, "desiredReplicas", 0),
    };
    const struct json *metrics = json_get(hpa_status, "currentMetrics"), *conditions = json_get(hpa_status, "conditions");
    if (json_len(metrics))
        out->metrics = json_copy(a, metrics);
    for (const struct json *c = json_first(conditions); c && out->condition_count < CONDITIONS_MAX; c = json_next(c)) {
        struct hpa_condition *put = &out->conditions[out->condition_count++];
        *put = (struct hpa_condition){
            text_of(a, c, "type"), text_of(a, c, "status"), text_of(a, c, "reason"), text_of(a, c, "message"), 0
        };
        time_parse_rfc3339(json_get_str(c, "lastTransitionTime"), &put->at_ns);
    }
    out->has_last_scale = time_parse_rfc3339(json_get_str(hpa_status, "lastScaleTime"), &out->last_scale_ns);
}

struct json *hpa_status_write(struct arena *a, const struct hpa_status *s)
{
    struct json *out = json_new_object(a), *conditions = json_new_array(a);
    if (s->has_last_scale)
        json_set_str(a, out, "lastScaleTime", time_rfc3339(a, s->last_scale_ns));
    json_set_int(a, out, "currentReplicas", s->current);
    json_set_int(a, out, "desiredReplicas", s->desired);
    json_set(a, out, "currentMetrics", json_len(s->metrics) ? json_copy(a, s->metrics) : json_null(a));
    for (size_t i = 0; i < s->condition_count; i++) {
        const struct hpa_condition *c = &s->conditions[i];
        json_append(conditions, json_buildf(a, "{'type':%s,'status':%s,'lastTransitionTime':%S,'reason':%s,'message':%s}",
                                            c->type, c->status, time_rfc3339(a, c->at_ns), c->reason, c->message));
    }
    json_set(a, out, "conditions", conditions);
    return out;
}
