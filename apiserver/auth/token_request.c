/* apiserver/auth/token_request.c - POST serviceaccounts/NAME/token: a token with an end and an audience, signed on the spot and
 * kept nowhere.
 *
 * Upstream: kubernetes pkg/registry/core/serviceaccount/storage/token.go, pkg/serviceaccount/claims.go,
 * pkg/apis/authentication/validation. A token may hang on a pod, Secret or (1.29) node, and is worth nothing once that is gone. A
 * kubelet's standard request (3607 s) is stretched to a year, as clients of old do not reload tokens.
 */
#include "apiserver/auth/auth_priv.h"

enum { MIN_S = 600, KUBELET_S = 3607, YEAR_S = 365 * 24 * 3600 };

static bool validate(struct request *r, const struct json *obj, struct err *err)
{
    int64_t s = json_path_int(obj, "spec.expirationSeconds", 3600);
    struct field_errors e = { .a = r->a };
    if (s < MIN_S)
        field_error_add(&e, "FieldValueInvalid", STR("spec.expirationSeconds"),
                        "Invalid value: %" PRId64 ": may not specify a duration less than 10 minutes", s);
    if (s > (int64_t)1 << 32)
        field_error_add(&e, "FieldValueInvalid", STR("spec.expirationSeconds"),
                        "Invalid value: %" PRId64 ": may not specify a duration larger than 2^32 seconds", s);
    return !e.n || err_invalid(err, STR("authentication.k8s.io"), STR("TokenRequest"), STR(""), &e);
}

/* The object that the token hangs on goes into the claims; a pod brings its node along. */
static bool bind(struct request *r, const struct json *ref, struct json *private, struct err *err)
{
    static const struct { const char *kind, *resource, *claim; bool cluster; int since; } kinds[] = {
        { "Pod", "pods", "pod", false, 0 }, { "Secret", "secrets", "secret", false, 0 }, { "Node", "nodes", "node", true, 29 },
    };
    struct str kind = json_get_str(ref, "kind"), name = json_get_str(ref, "name"), uid = json_get_str(ref, "uid");
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (!str_eqc(kind, kinds[i].kind) || r->as->opt.minor < kinds[i].since) continue;
        struct object *o = registry_get(r->as, STR(""), str_c(kinds[i].resource), kinds[i].cluster ? STR("") : r->info.namespace,
                                        name);
        if (!o) return err_not_found(err, STR(""), str_c(kinds[i].resource), name);
        struct str have = arena_str(r->a, meta_uid(object_json(o))),
                   sa = arena_str(r->a, json_path_str(object_json(o), "spec.serviceAccountName"));
        struct str node = arena_str(r->a, json_path_str(object_json(o), "spec.nodeName"));
        object_unref(o);
        if (!i && !str_eq(sa, r->info.name))
            return err_set(err, ERR_BAD_REQUEST,
                           "cannot bind token for serviceaccount " STR_FMT " to pod running with different serviceaccount name.",
                           STR_ARG(go_quoted(r->a, r->info.name)));
        if (uid.n && !str_eq(uid, have)) {
            const char *why = "the UID in the bound object reference (" STR_FMT ") does not match the UID in record. The object "
                                                                                "might have been deleted and then recreated";
            return err_conflict(err, STR(""), str_c(kinds[i].claim), name, arena_printf(r->a, why, STR_ARG(uid)));
        }
        json_set(r->a, private, kinds[i].claim, json_buildf(r->a, "{'name': %S, 'uid': %S}", name, have));
        if (i || !node.n || r->as->opt.minor < 30) return true;
        o = registry_get(r->as, STR(""), STR("nodes"), STR(""), node);
        if (o) json_set(r->a, private, "node", json_buildf(r->a, "{'name': %S, 'uid': %S}", node, meta_uid(object_json(o))));
        object_unref(o);
        return true;
    }
    return err_set(err, ERR_BAD_REQUEST, "cannot bind token to object of type " STR_FMT, STR_ARG(kind));
}

static struct json *claims_of(struct request *r, const struct json *spec, struct json *private)
{
    struct json *c = json_new_object(r->a);
    int64_t now = r->now_ns / (int64_t)NS_PER_S, s = json_get_int(spec, "expirationSeconds", 3600), exp = now + s;
    if (s == KUBELET_S && json_get(private, "pod") && r->as->opt.minor >= 21) {
        json_set_int(r->a, private, "warnafter", exp);
        exp = now + YEAR_S;
    }
    json_sort_keys(private);
    json_set(r->a, c, "aud", json_copy(r->a, json_get(spec, "audiences")));
    json_set_int(r->a, c, "exp", exp);
    json_set_int(r->a, c, "iat", now);
    json_set_str(r->a, c, "iss", issuer_of(r->as));
    if (r->as->opt.minor >= 30) {
        char jti[37];
        rng_uuid(&r->as->rng, jti);
        json_set_strc(r->a, c, "jti", jti);
    }
    json_set(r->a, c, "kubernetes.io", private);
    json_set_int(r->a, c, "nbf", now);
    json_set_str(r->a, c, "sub",
                 arena_strf(r->a, "system:serviceaccount:" STR_FMT ":" STR_FMT, STR_ARG(r->info.namespace), STR_ARG(r->info.name)));
    return c;
}

static bool account_uid(struct request *r, struct str *uid, struct err *err)
{
    struct object *o = registry_get(r->as, STR(""), STR("serviceaccounts"), r->info.namespace, r->info.name);
    if (!o) return err_not_found(err, STR(""), STR("serviceaccounts"), r->info.name);
    *uid = arena_str(r->a, meta_uid(object_json(o)));
    object_unref(o);
    return true;
}

static void fill_meta(struct request *r, struct json *obj)
{
    struct json *meta = json_ensure(r->a, obj, "metadata");
    if (r->as->opt.minor < 22) return;
    json_set_str(r->a, meta, "name", r->info.name);
    json_set_str(r->a, meta, "namespace", r->info.namespace);
    json_set_str(r->a, meta, "creationTimestamp", time_rfc3339(r->a, r->now_ns));
}

/* NodeRestriction: a kubelet gets tokens for its own pods, and only bound to them. */
static bool node_may(struct request *r, const struct json *ref, struct err *err)
{
    if (!user_in_group(&r->user, "system:nodes") || !str_starts(r->user.name, "system:node:")) return true;
    const char *why = NULL;
    if (!str_eqc(json_get_str(ref, "kind"), "Pod") || !json_get_str(ref, "name").n) why = "node requested token not bound to a pod";
    struct object *o = why ? NULL : registry_get(r->as, STR(""), STR("pods"), r->info.namespace, json_get_str(ref, "name"));
    struct str node = str_sub(r->user.name, strlen("system:node:"), r->user.name.n);
    if (o && !str_eq(json_path_str(object_json(o), "spec.nodeName"), node))
        why = "node requested token bound to a pod scheduled on a different node";
    object_unref(o);
    return !why || err_forbidden_object(err, STR(""), STR("serviceaccounts"), r->info.name, why);
}

bool token_request_create(struct request *r, struct json *obj, struct err *err)
{
    struct json *spec = json_ensure(r->a, obj, "spec"), *private = json_new_object(r->a);
    const struct json *given = json_get(spec, "boundObjectRef"), *ref = json_is(given, JSON_OBJECT) ? given : NULL;
    struct str uid;
    if (!r->as->opt.token_request) return err_set(err, ERR_NOT_FOUND, "the server could not find the requested resource");
    if (!node_may(r, ref, err) || !validate(r, obj, err) || !account_uid(r, &uid, err)) return false;
    json_set_str(r->a, private, "namespace", r->info.namespace);
    json_set(r->a, private, "serviceaccount", json_buildf(r->a, "{'name': %S, 'uid': %S}", r->info.name, uid));
    if (ref && !bind(r, ref, private, err)) return false;
    if (!r->as->sa_key) return err_set(err, ERR_INTERNAL, "failed to generate token: the signing key is not there yet");
    const struct strs own = api_audiences(r->as);
    for (size_t i = 0; i < own.n && json_len(json_get(spec, "audiences")) <= i; i++)
        json_append(json_ensure_array(r->a, spec, "audiences"), json_new_str(r->a, own.v[i]));
    if (!json_is(json_get(spec, "expirationSeconds"), JSON_INT)) json_set_int(r->a, spec, "expirationSeconds", 3600);
    int64_t max = r->as->opt.policy.token_max_s;
    if (max && json_get_int(spec, "expirationSeconds", 3600) > max) json_set_int(r->a, spec, "expirationSeconds", max);
    struct str token = jwt_sign_rs256(r->a, r->as->sa_key, json_text(r->a, claims_of(r, spec, private)));
    struct str until = time_rfc3339(r->a, r->now_ns + json_get_int(spec, "expirationSeconds", 3600) * (int64_t)NS_PER_S);
    fill_meta(r, obj);
    json_set(r->a, obj, "status", json_buildf(r->a, "{'token': %S, 'expirationTimestamp': %S}", token, until));
    return true;
}
