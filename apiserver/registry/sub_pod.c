/* apiserver/registry/sub_pod.c - pods/binding (the scheduler's word) and pods/eviction (a delete that asks the disruption budgets
 * first).
 *
 * Upstream: kubernetes pkg/registry/core/pod/storage/{storage.go,eviction.go}.
 */
#include "apiserver/auth/auth.h"
#include "apiserver/registry/registry.h"

static struct object *pod_get(struct request *r, struct str name, struct err *err)
{
    struct object *o = registry_get(r->as, STR(""), STR("pods"), r->info.namespace, name);
    if (!o) err_not_found(err, STR(""), STR("pods"), name);
    return o;
}

static bool bindable(struct request *r, const struct json *pod, struct str name, struct err *err)
{
    if (meta_deleting(pod))
        return err_conflict(err, STR(""), STR("pods/binding"), name,
                            arena_printf(r->a, "pod " STR_FMT " is being deleted, cannot be assigned to a host", STR_ARG(name)));
    struct str have = json_path_str(pod, "spec.nodeName");
    if (!have.n) return true;
    return err_conflict(err, STR(""), STR("pods/binding"), name,
                        arena_printf(r->a, "pod " STR_FMT " is already assigned to node \"" STR_FMT "\"", STR_ARG(name),
                                     STR_ARG(have)));
}

/* Sets spec.nodeName and the condition PodScheduled; annotations and labels of the binding are the pod's. */
static bool assign(struct request *r, struct object *old, struct json *binding, struct str node, struct err *err)
{
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

static bool binding_invalid(struct request *r, struct str name, const char *field, const char *text, struct err *err)
{
    struct field_errors e = { .a = r->a };
    field_error_add(&e, text[0] == 'R' ? "FieldValueRequired" : "FieldValueNotSupported", str_c(field), "%s", text);
    return err_invalid(err, STR(""), STR("Binding"), name, &e);
}

bool pod_bind(struct request *r, struct json *binding, struct str name, struct err *err)
{
    struct str node = json_path_str(binding, "target.name"), kind = json_path_str(binding, "target.kind"),
               uid = json_path_str(binding, "metadata.uid");
    if (kind.n && !str_eqc(kind, "Node"))
        return binding_invalid(r, name, "target.kind", "Unsupported value: \"...\": supported values: \"Node\", \"<empty>\"", err);
    if (!node.n) return binding_invalid(r, name, "target.name", "Required value", err);
    struct object *old = pod_get(r, name, err);
    if (!old) return false;
    const struct json *pod = object_json(old);
    bool ok = true;
    if (uid.n && !str_eq(uid, meta_uid(pod))) {
        const char *why = arena_printf(r->a, "Precondition failed: UID in precondition: " STR_FMT ", UID in object meta: " STR_FMT,
                                       STR_ARG(uid), STR_ARG(meta_uid(pod)));
        ok = err_conflict(err, STR(""), STR("pods/binding"), name, why);
    }
    ok = ok && bindable(r, pod, name, err) && assign(r, old, binding, node, err);
    object_unref(old);
    return ok;
}

/* ---- eviction ---- */
enum { DISRUPTED_PODS_MAX = 2000 };
struct budget { struct request *r; const struct json *pod; struct object *found; size_t count; };

static bool match_budget(void *ctx, struct str key, struct object *o)
{
    struct budget *b = ctx;
    struct err ignored = { 0 };
    (void)key;
    struct selector *s = selector_from_json(b->r->a, json_path(object_json(o), "spec.selector"), &ignored);
    err_clear(&ignored);
    if (!s || selector_empty(s) || !selector_matches(s, meta_labels(b->pod))) return true;
    b->count++;
    if (!b->found) b->found = object_ref(o);
    return true;
}

/* 429 with its cause; retry_s: what the client is told to wait, 0: it may think of something itself. */
static bool refuse_eviction(struct request *r, const char *cause, int64_t retry_s, struct err *err)
{
    struct json *details = json_buildf(r->a, "{'causes':[{'reason':'DisruptionBudget','message':%s}]}", cause);
    if (retry_s) json_set_int(r->a, details, "retryAfterSeconds", retry_s);
    err_set(err, ERR_TOO_MANY_REQUESTS, "Cannot evict pod as it would violate the pod's disruption budget.");
    err_details(err, arena_cstr(r->a, json_text(r->a, details)));
    return false;
}

static bool may_disrupt(struct request *r, const struct json *pdb, struct err *err)
{
    struct str name = meta_name(pdb);
    int64_t left = json_path_int(pdb, "status.disruptionsAllowed", 0);
    if (json_path_int(pdb, "status.observedGeneration", 0) < json_path_int(pdb, "metadata.generation", 0))
        return refuse_eviction(r,
                               arena_printf(r->a, "The disruption budget " STR_FMT " is still being processed by the server.",
                                            STR_ARG(name)),
                               r->as->opt.minor >= 21 ? 10 : 0, err);
    if (left < 0)
        return err_forbidden_object(err, STR("policy"), STR("poddisruptionbudget"), name, "pdb disruptions allowed is negative");
    if (json_len(json_path(pdb, "status.disruptedPods")) > DISRUPTED_PODS_MAX)
        return err_forbidden_object(err, STR("policy"), STR("poddisruptionbudget"), name,
                                    "DisruptedPods map too big - too many evictions not confirmed by PDB controller");
    if (left > 0) return true;
    return refuse_eviction(r,
                           arena_printf(r->a, "The disruption budget " STR_FMT " needs %" PRId64
                                              " healthy pods and has %" PRId64 " currently",
                                           STR_ARG(name), json_path_int(pdb, "status.desiredHealthy", 0),
                                           json_path_int(pdb, "status.currentHealthy", 0)), 0, err);
}

/* A budget that has none left refuses; one that has is charged (status.disruptedPods, disruptionsAllowed), though not by a dry run. */
static bool charge_budget(struct request *r, struct object *pdb, struct str pod, struct err *err)
{
    const struct resource *res = registry_find_any(r->as, STR("policy"), STR("poddisruptionbudgets"));
    if (!may_disrupt(r, object_json(pdb), err)) return false;
    struct json *obj = present_json(r->as, r->a, res, pdb), *status = json_ensure(r->a, obj, "status");
    int64_t left = json_get_int(status, "disruptionsAllowed", 0) - 1;
    json_set_int(r->a, status, "disruptionsAllowed", left);
    if (!left && r->as->opt.minor >= 21) disruption_condition_set(r->a, status, r->now_ns);
    json_setn(r->a, json_ensure(r->a, status, "disruptedPods"), pod, json_new_str(r->a, time_rfc3339(r->a, r->now_ns)));
    struct object *out = NULL;
    bool ok = write_commit(r, res, obj, pdb, &out, err);
    object_unref(out);
    return ok;
}

/* A pod that is not ready does no one any good: from v1.21 on it may go when enough others are ready, and always when the budget
 * says so. */
static bool is_idle(struct request *r, const struct json *pod, const struct json *pdb)
{
    int64_t desired = json_path_int(pdb, "status.desiredHealthy", 0);
    if (r->as->opt.minor < 21 || pod_is_ready(pod)) return false;
    return str_eqc(json_path_str(pdb, "spec.unhealthyPodEvictionPolicy"), "AlwaysAllow") ||
           (desired > 0 && json_path_int(pdb, "status.currentHealthy", 0) >= desired);
}

static bool budget_allows(struct request *r, const struct json *pod, struct err *err)
{
    struct budget b = { r, pod, NULL, 0 };
    struct str phase = json_path_str(pod, "status.phase"), name = meta_name(pod);
    if (str_eqc(phase, "Succeeded") || str_eqc(phase, "Failed") || str_eqc(phase, "Pending") || meta_deleting(pod)) return true;
    struct str prefix = arena_strf(r->a, "/registry/policy/poddisruptionbudgets/" STR_FMT "/", STR_ARG(r->info.namespace));
    store_list(r->as->store, prefix, STR_NULL, match_budget, &b);
    bool ok = true;
    if (b.count > 1)
        ok = err_set(err, ERR_INTERNAL,
                     "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.");
    else if (b.found && !is_idle(r, pod, object_json(b.found))) ok = charge_budget(r, b.found, name, err);
    object_unref(b.found);
    return ok;
}

/* From v1.26 on the pod says why it goes. *pod is the state before and after. */
static bool mark_disrupted(struct request *r, const struct resource *res, struct object **pod, struct err *err)
{
    if (r->as->opt.minor < 26 || meta_deleting(object_json(*pod))) return true;
    struct json *obj = present_json(r->as, r->a, res, *pod), *status = json_ensure(r->a, obj, "status");
    struct object *out = NULL;
    condition_set(r->a, json_ensure_array(r->a, status, "conditions"), "DisruptionTarget", "True", "EvictionByEvictionAPI",
                  "Eviction API: evicting", r->now_ns);
    if (!write_commit(r, res, obj, *pod, &out, err)) return false;
    if (r->dry_run) {
        object_unref(out);
        return true;
    }
    object_unref(*pod);
    *pod = out;
    return true;
}

bool pod_evict(struct request *r, struct json *eviction, struct str name, struct err *err)
{
    if (r->as->opt.minor >= 20 && !str_eq(name, meta_name(eviction)))
        return err_set(err, ERR_BAD_REQUEST, "name in URL does not match name in Eviction object");
    struct object *old = pod_get(r, name, err), *out = NULL;
    if (!old) return false;
    struct delete_options d = delete_options_from_json(r, json_get(eviction, "deleteOptions"));
    const struct resource *res = registry_find(r->as, STR(""), STR("v1"), STR("pods"), STR(""));
    bool gone, ok = budget_allows(r, object_json(old), err) && mark_disrupted(r, res, &old, err) &&
                    write_delete(r, res, old, &d, true, &out, &gone, err);
    object_unref(out);
    object_unref(old);
    return ok;
}
