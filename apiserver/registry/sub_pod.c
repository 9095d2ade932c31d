/* apiserver/registry/sub_pod.c - pods/binding (the scheduler's word) and pods/eviction (a delete that asks the disruption budgets first).
 *
 * Upstream: kubernetes pkg/registry/core/pod/storage/{storage.go,eviction.go}.
 */
#include "apiserver/registry/registry.h"

static struct object *pod_get(struct request *r, struct str name, struct err *err) {
    struct object *o = registry_get(r->as, STR(""), STR("pods"), r->info.namespace, name);
    if (!o) err_not_found(err, STR(""), STR("pods"), name);
    return o;
}

static bool bindable(struct request *r, const struct json *pod, struct str name, struct err *err) {
    if (meta_deleting(pod))
        return err_conflict(err, STR(""), STR("pods/binding"), name, arena_printf(r->a, "pod " STR_FMT " is being deleted, cannot be assigned to a host", STR_ARG(name)));
    struct str have = json_path_str(pod, "spec.nodeName");
    if (!have.n) return true;
    return err_conflict(err, STR(""), STR("pods/binding"), name, arena_printf(r->a, "pod " STR_FMT " is already assigned to node \"" STR_FMT "\"", STR_ARG(name), STR_ARG(have)));
}

/* Sets spec.nodeName and the condition PodScheduled; annotations and labels of the binding are the pod's. */
static bool assign(struct request *r, struct object *old, struct json *binding, struct str node, struct err *err) {
    const struct resource *res = registry_find(r->as, STR(""), STR("v1"), STR("pods"), STR(""));
    struct json *pod = present_json(r->as, r->a, res, old), *status = json_ensure(r->a, pod, "status");
    json_set_str(r->a, json_ensure(r->a, pod, "spec"), "nodeName", node);
    struct json *annotations = json_path(binding, "metadata.annotations");
    for (const struct json *c = json_first(annotations); c; c = json_next(c))
        json_setn(r->a, json_ensure(r->a, json_ensure(r->a, pod, "metadata"), "annotations"), json_key(c), json_copy(r->a, c));
    condition_set(r->a, json_ensure_array(r->a, status, "conditions"), "PodScheduled", "True", NULL, NULL, r->now_ns);
    struct json *c = condition_find(json_get(status, "conditions"), "PodScheduled");
    if (c && !json_get(c, "lastProbeTime")) json_set(r->a, c, "lastProbeTime", json_null(r->a));
    struct object *out = NULL;
    bool ok = write_commit(r, res, pod, old, &out, err);
    object_unref(out);
    return ok;
}

static bool binding_invalid(struct request *r, struct str name, const char *field, const char *text, struct err *err) {
    struct field_errors e = { .a = r->a };
    field_error_add(&e, text[0] == 'R' ? "FieldValueRequired" : "FieldValueNotSupported", str_c(field), "%s", text);
    return err_invalid(err, STR(""), STR("Binding"), name, &e);
}

bool pod_bind(struct request *r, struct json *binding, struct str name, struct err *err) {
    struct str node = json_path_str(binding, "target.name"), kind = json_path_str(binding, "target.kind"), uid = json_path_str(binding, "metadata.uid");
    if (kind.n && !str_eqc(kind, "Node")) return binding_invalid(r, name, "target.kind", "Unsupported value: \"...\": supported values: \"Node\", \"<empty>\"", err);
    if (!node.n) return binding_invalid(r, name, "target.name", "Required value", err);
    struct object *old = pod_get(r, name, err);
    if (!old) return false;
    const struct json *pod = object_json(old);
    bool ok = true;
    if (uid.n && !str_eq(uid, meta_uid(pod))) {
        const char *why = arena_printf(r->a, "Precondition failed: UID in precondition: " STR_FMT ", UID in object meta: " STR_FMT, STR_ARG(uid), STR_ARG(meta_uid(pod)));
        ok = err_conflict(err, STR(""), STR("pods/binding"), name, why);
    }
    ok = ok && bindable(r, pod, name, err) && assign(r, old, binding, node, err);
    object_unref(old);
    return ok;
}

/* ---- eviction ---- */
struct budget { struct request *r; const struct json *pod; struct object *found; size_t count; };

static bool match_budget(void *ctx, struct str key, struct object *o) {
    struct budget *b = ctx;
    struct err ignored = { 0 };
    (void)key;
    struct selector *s = selector_from_json(b->r->a, json_path(object_json(o), "spec.selector"), &ignored);
    err_clear(&ignored);
    if (!s || !selector_matches(s, meta_labels(b->pod))) return true;
    b->count++;
    if (!b->found) b->found = object_ref(o);
    return true;
}

/* A budget that has none left refuses with 429; one that has is charged (status.disruptedPods, disruptionsAllowed). */
static bool charge_budget(struct request *r, struct object *pdb, struct str pod, struct err *err) {
    const struct resource *res = registry_find_any(r->as, STR("policy"), STR("poddisruptionbudgets"));
    const struct json *was = object_json(pdb);
    int64_t left = json_path_int(was, "status.disruptionsAllowed", 0);
    if (json_path_int(was, "status.observedGeneration", 0) < json_path_int(was, "metadata.generation", 0) || left <= 0) {
        err_set(err, ERR_TOO_MANY_REQUESTS, "Cannot evict pod as it would violate the pod's disruption budget.");
        struct str details = arena_strf(r->a, "{\"causes\":[{\"reason\":\"DisruptionBudget\",\"message\":\"The disruption budget " STR_FMT " needs %" PRId64
                                        " healthy pods and has %" PRId64 " currently\"}]}", STR_ARG(meta_name(was)),
                                        json_path_int(was, "status.desiredHealthy", 0), json_path_int(was, "status.currentHealthy", 0));
        err_details(err, details.p);
        return false;
    }
    struct json *obj = present_json(r->as, r->a, res, pdb), *status = json_ensure(r->a, obj, "status");
    json_set_int(r->a, status, "disruptionsAllowed", left - 1);
    json_setn(r->a, json_ensure(r->a, status, "disruptedPods"), pod, json_new_str(r->a, time_rfc3339(r->a, r->now_ns)));
    struct object *out = NULL;
    bool ok = write_commit(r, res, obj, pdb, &out, err);
    object_unref(out);
    return ok;
}

static bool budget_allows(struct request *r, const struct json *pod, struct err *err) {
    struct budget b = { r, pod, NULL, 0 };
    struct str phase = json_path_str(pod, "status.phase"), name = meta_name(pod);
    if (str_eqc(phase, "Succeeded") || str_eqc(phase, "Failed") || str_eqc(phase, "Pending") || meta_deleting(pod)) return true;
    struct str prefix = arena_strf(r->a, "/registry/policy/poddisruptionbudgets/" STR_FMT "/", STR_ARG(r->info.namespace));
    store_list(r->as->store, prefix, STR_NULL, match_budget, &b);
    bool ok = true;
    if (b.count > 1) ok = err_set(err, ERR_INTERNAL, "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.");
    else if (b.found) ok = charge_budget(r, b.found, name, err);
    object_unref(b.found);
    return ok;
}

bool pod_evict(struct request *r, struct json *eviction, struct str name, struct err *err) {
    struct object *old = pod_get(r, name, err), *out = NULL;
    if (!old) return false;
    struct delete_options d = delete_options_from_json(r, json_get(eviction, "deleteOptions"));
    const struct resource *res = registry_find(r->as, STR(""), STR("v1"), STR("pods"), STR(""));
    bool gone, ok = budget_allows(r, object_json(old), err) && write_delete(r, res, old, &d, true, &out, &gone, err);
    object_unref(out);
    object_unref(old);
    return ok;
}
