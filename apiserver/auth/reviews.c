/* apiserver/auth/reviews.c - questions about tokens and rights, asked as objects that are never stored.
 *
 * TokenReview: who is it. SubjectAccessReview (anybody), SelfSubjectAccessReview (me), LocalSubjectAccessReview (in a namespace):
 * may they. SelfSubjectRulesReview: what may I. SelfSubjectReview: who am I. Upstream: kubernetes pkg/registry/authentication and
 * pkg/registry/authorization. This is how the kubelet and aggregated servers let the API server decide for them.
 */
#include "apiserver/auth/auth_priv.h"

#define AUTHZ_GROUP "authorization.k8s.io"

static struct json *fresh_status(struct request *r, struct json *obj)
{
    struct json *status = json_new_object(r->a);
    json_set(r->a, obj, "status", status);
    return status;
}

static bool invalid(struct request *r, const char *kind, const char *type, const char *field, const char *why, struct err *err)
{
    struct field_errors e = { .a = r->a };
    field_error_add(&e, type, str_c(field), "%s", why);
    (void)kind;                                  /* upstream asks the decoded object for it, which has lost it */
    return err_invalid(err, r->info.group, STR(""), STR(""), &e);
}

/* ---- who is it ---- */
static struct json *array_of(struct arena *a, const struct strs *s)
{
    struct json *out = json_new_array(a);
    for (size_t i = 0; i < s->n; i++) json_append(out, json_new_str(a, s->v[i]));
    return out;
}

static struct strs intersection(struct arena *a, const struct strs *want, const struct strs *have)
{
    struct strs out = { arena_alloc(a, (want->n + 1) * sizeof(struct str)), 0 };
    for (size_t i = 0; i < want->n; i++)
        if (strs_have(have, want->v[i])) out.v[out.n++] = want->v[i];
    return out;
}

static bool token_review(struct request *r, struct json *obj, struct err *err)
{
    struct str token = json_path_str(obj, "spec.token");
    struct strs want = strs_of_json(r->a, json_path(obj, "spec.audiences")), have;
    struct user u = { 0 };
    struct err why = { 0 };
    if (!token.n) return err_set(err, ERR_BAD_REQUEST, "token is required for TokenReview in authentication");
    if (!want.n) want = api_audiences(r->as);
    struct json *status = fresh_status(r, obj);
    bool known = token_user(r->as->authn, r->a, token, &u, &have, &why);
    if (known && !audiences_meet(&have, &want))
        known = err_set(&why, ERR_UNAUTHORIZED,
                        "[invalid bearer token, token audiences " STR_FMT " is invalid for the target audiences " STR_FMT "]",
                        STR_ARG(go_quoted_list(r->a, have.v, have.n)), STR_ARG(go_quoted_list(r->a, want.v, want.n)));
    if (known) {
        struct strs both = intersection(r->a, &want, &have);
        user_add_group(r->a, &u, STR("system:authenticated"));
        json_set_bool(r->a, status, "authenticated", true);
        json_set(r->a, status, "user", user_info_json(r->a, &u));
        if (both.n) json_set(r->a, status, "audiences", array_of(r->a, &both));
    } else {
        json_set(r->a, status, "user", json_new_object(r->a));
        json_set_strc(r->a, status, "error", why.msg);
    }
    err_clear(&why);
    return true;
}

static bool self_review(struct request *r, struct json *obj, struct err *err)
{
    (void)err;
    json_set(r->a, fresh_status(r, obj), "userInfo", user_info_json(r->a, &r->user));
    return true;
}

/* ---- may they ---- */
static void user_of_spec(struct arena *a, const struct json *spec, struct user *out)
{
    *out = (struct user){ .name = json_get_str(spec, "user"), .uid = json_get_str(spec, "uid") };
    const struct json *groups = json_get(spec, "groups");
    if (!groups) groups = json_get(spec, "group");     /* v1beta1 */
    for (const struct json *g = json_first(groups); g; g = json_next(g)) user_add_group(a, out, json_str(g));
    for (const struct json *e = json_first(json_get(spec, "extra")); e; e = json_next(e))
        for (const struct json *v = json_first(e); v; v = json_next(v))
            user_add_extra(a, out, arena_cstr(a, json_key(e)), json_str(v));
}

static void attributes_of_spec(const struct json *spec, const struct user *u, struct attributes *at)
{
    const struct json *res = json_get(spec, "resourceAttributes"), *path = json_get(spec, "nonResourceAttributes");
    *at = (struct attributes){ .user = u, .is_resource = res != NULL };
    at->verb = json_get_str(res ? res : path, "verb");
    at->path = json_get_str(path, "path");
    at->namespace = json_get_str(res, "namespace");
    at->group = json_get_str(res, "group");
    at->version = json_get_str(res, "version");
    at->resource = json_get_str(res, "resource");
    at->subresource = json_get_str(res, "subresource");
    at->name = json_get_str(res, "name");
}

static void decide(struct request *r, struct json *obj, const struct user *u)
{
    struct attributes at;
    struct str reason;
    attributes_of_spec(json_get(obj, "spec"), u, &at);
    bool allowed = authz_allowed(r->as, &at, r->a, &reason);
    struct json *status = fresh_status(r, obj);
    json_set_bool(r->a, status, "allowed", allowed);
    if (reason.n) json_set_str(r->a, status, "reason", reason);
}

static bool one_kind_of_attributes(struct request *r, const struct json *obj, const char *kind, struct err *err)
{
    const struct json *res = json_path(obj, "spec.resourceAttributes"), *path = json_path(obj, "spec.nonResourceAttributes");
    if (res && path)
        return invalid(r, kind, "FieldValueInvalid", "spec.nonResourceAttributes",
                       "Invalid value: \"null\": cannot be specified in combination with resourceAttributes", err);
    return res || path || invalid(r, kind, "FieldValueInvalid", "spec.resourceAttributes",
                                  "Invalid value: \"null\": exactly one of nonResourceAttributes or resourceAttributes must be "
                                  "specified", err);
}

static bool subject_review(struct request *r, struct json *obj, const char *kind, struct err *err)
{
    struct user u;
    if (!one_kind_of_attributes(r, obj, kind, err)) return false;
    user_of_spec(r->a, json_get(obj, "spec"), &u);
    if (!u.name.n && !u.group_count)
        return invalid(r, kind, "FieldValueInvalid", "spec.user",
                       "Invalid value: \"\": at least one of user or group must be specified", err);
    decide(r, obj, &u);
    return true;
}

static bool access_review(struct request *r, struct json *obj, struct err *err)
{
    return subject_review(r, obj, "SubjectAccessReview", err);
}

static bool local_access_review(struct request *r, struct json *obj, struct err *err)
{
    struct str ns = json_path_str(obj, "spec.resourceAttributes.namespace"), own = meta_namespace(obj);
    if (own.n && !str_eq(own, r->info.namespace)) return err_set(err, ERR_BAD_REQUEST, "namespace does not match the request's");
    if (!str_eq(ns, r->info.namespace))
        return err_set(err, ERR_BAD_REQUEST, "spec.resourceAttributes.namespace must match namespace: " STR_FMT,
                       STR_ARG(r->info.namespace));
    return subject_review(r, obj, "LocalSubjectAccessReview", err);
}

static bool self_access_review(struct request *r, struct json *obj, struct err *err)
{
    if (!one_kind_of_attributes(r, obj, "SelfSubjectAccessReview", err)) return false;
    decide(r, obj, &r->user);
    return true;
}

/* ---- what may I ---- */
struct listing { struct request *r; struct json *resources, *urls; };

static bool list_rule(void *ctx, const struct rule *rule, const struct binding *b, const struct subject *s)
{
    struct listing *l = ctx;
    struct arena *a = l->r->a;
    (void)b, (void)s;
    if (rule && rule->resources.n) {
        struct json *j = json_new_object(a);
        json_set(a, j, "verbs", array_of(a, &rule->verbs));
        json_set(a, j, "apiGroups", array_of(a, &rule->groups));
        json_set(a, j, "resources", array_of(a, &rule->resources));
        if (rule->names.n) json_set(a, j, "resourceNames", array_of(a, &rule->names));
        json_append(l->resources, j);
    }
    if (rule && rule->urls.n) {
        struct json *j = json_new_object(a);
        json_set(a, j, "verbs", array_of(a, &rule->verbs));
        json_set(a, j, "nonResourceURLs", array_of(a, &rule->urls));
        json_append(l->urls, j);
    }
    return true;
}

static bool rules_review(struct request *r, struct json *obj, struct err *err)
{
    struct str ns = json_path_str(obj, "spec.namespace");
    struct listing l = { r, json_new_array(r->a), json_new_array(r->a) };
    if (!ns.n) return err_set(err, ERR_BAD_REQUEST, "no namespace on request");
    rules_visit(r->as->authz, &r->user, ns, r->a, list_rule, &l);
    struct json *status = fresh_status(r, obj);
    bool node = str_starts(r->user.name, "system:node:") && user_in_group(&r->user, "system:nodes") && r->as->opt.minor >= 24;
    json_set(r->a, status, "resourceRules", l.resources);
    json_set(r->a, status, "nonResourceRules", l.urls);
    json_set_bool(r->a, status, "incomplete", node);
    if (node) json_set_strc(r->a, status, "evaluationError", "node authorizer does not support user rule resolution");
    return true;
}

static const struct { const char *group, *resource; bool (*create)(struct request *r, struct json *obj, struct err *err);
                      } reviews[] = {
    { "authentication.k8s.io", "tokenreviews", token_review }, { "authentication.k8s.io", "selfsubjectreviews", self_review },
    { AUTHZ_GROUP, "subjectaccessreviews", access_review }, { AUTHZ_GROUP, "selfsubjectaccessreviews", self_access_review },
    { AUTHZ_GROUP, "localsubjectaccessreviews", local_access_review }, { AUTHZ_GROUP, "selfsubjectrulesreviews", rules_review },
};

bool review_create(struct request *r, struct json *obj, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(reviews); i++)
        if (str_eqc(r->info.group, reviews[i].group) && str_eqc(r->info.resource, reviews[i].resource))
            return reviews[i].create(r, obj, err);
    return err_set(err, ERR_NOT_FOUND, "the server could not find the requested resource");
}
