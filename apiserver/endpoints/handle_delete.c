/* apiserver/endpoints/handle_delete.c - DELETE of one object: options from the body or the query, and what is answered.
 *
 * Upstream: apiserver pkg/endpoints/handlers/delete.go; most resources answer a Status with the uid of what went, some the object
 * itself (ReturnDeletedObject in their storage).
 */
#include "apiserver/endpoints/audit.h"
#include "apiserver/endpoints/endpoints.h"

static bool valid_propagation(struct request *r, struct str policy, bool has_orphan, struct err *err)
{
    struct field_errors e = { .a = r->a };
    if (policy.n && !str_eqc(policy, "Foreground") && !str_eqc(policy, "Background") && !str_eqc(policy, "Orphan"))
        field_error_add(&e, "FieldValueNotSupported", STR("propagationPolicy"),
                        "Unsupported value: \"" STR_FMT "\": supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\"",
                        STR_ARG(policy));
    else if (policy.n && has_orphan)
        field_error_add(&e, "FieldValueInvalid", STR("propagationPolicy"),
                        "Invalid value: \"" STR_FMT "\": orphanDependents and deletionPropagation cannot be both set",
                        STR_ARG(policy));
    return !e.n || err_invalid(err, STR("meta.k8s.io"), STR("DeleteOptions"), STR(""), &e);
}

static void from_body(struct request *r, const struct json *j, struct delete_options *d, struct str *orphan)
{
    *d = delete_options_from_json(r, j);
    if (json_get(j, "orphanDependents"))
        *orphan = json_get_bool(j, "orphanDependents", false) ? STR("true") : STR("false");
}

bool delete_options_of(struct request *r, struct delete_options *out, struct err *err)
{
    const struct query *q = &r->x->query;
    struct str orphan = query_get(q, "orphanDependents"), grace = query_get(q, "gracePeriodSeconds");
    struct gvk gvk;
    struct err bad = { 0 };
    *out = (struct delete_options){ .grace = -1, .propagation = query_get(q, "propagationPolicy") };
    if (grace.n && !str_int(grace, &out->grace))
        return err_set(err, ERR_BAD_REQUEST, "strconv.ParseInt: parsing \"" STR_FMT "\": invalid syntax", STR_ARG(grace));
    struct json *j = body_any(r, &gvk, &bad);
    if (bad.code != ERR_NONE) {
        if (err) *err = bad;
        return false;
    }
    audit_request_object(r, j);
    if (j) from_body(r, j, out, &orphan);
    if (!valid_propagation(r, out->propagation, orphan.n, err)) return false;
    if (orphan.n) out->propagation = str_eqc(orphan, "true") || str_eqc(orphan, "1") ? STR("Orphan") : STR("Background");
    return true;
}

static bool returns_object(const struct resource *res)
{
    static const char *const names[] = { "pods", "serviceaccounts", "podtemplates", "resourcequotas", "persistentvolumes",
                                         "persistentvolumeclaims" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (!res->group.n && str_eqc(res->name, names[i])) return true;
    return str_eqc(res->name, "podsecuritypolicies");
}

static void respond_success(struct request *r, const struct json *gone)
{
    const struct resource *res = r->res;
    struct json *j = json_buildf(r->a,
                                 "{'kind':'Status','apiVersion':'v1','metadata':{},'status':'Success','details':{'name':%S}}",
                                 meta_name(gone));
    struct json *details = json_get(j, "details");
    if (res->group.n) json_set_str(r->a, details, "group", res->group);
    json_set_str(r->a, details, "kind", res->name);
    json_set_str(r->a, details, "uid", meta_uid(gone));
    respond_committed(r, 200, json_text(r->a, j));
}

void handle_delete(struct request *r)
{
    struct err err = { 0 };
    struct delete_options d;
    struct object *old = NULL, *out = NULL;
    bool gone = false;
    if (!delete_options_of(r, &d, &err)) goto done;
    old = registry_get(r->as, r->res->stored.group, r->res->name, r->res->namespaced ? r->info.namespace : STR(""), r->info.name);
    if (!old) err_not_found(&err, r->res->group, r->res->name, r->info.name);
    else write_delete(r, r->res, old, &d, true, &out, &gone, &err);
done:
    if (!out) respond_error(r, &err);
    else if (gone && !returns_object(r->res)) respond_success(r, object_json(old));
    else respond_object(r, r->res, 200, out, true);
    err_clear(&err);
    object_unref(old);
    object_unref(out);
}
