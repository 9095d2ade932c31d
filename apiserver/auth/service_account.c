/* apiserver/auth/service_account.c - service-account tokens: JWTs that the cluster's own key signed.
 *
 * Two kinds (kubernetes pkg/serviceaccount/{jwt,legacy,claims}.go): legacy ones live as long as their Secret and never expire;
 * bound ones come from TokenRequest, carry an audience and an end, and may hang on a pod or Secret. A signature that once fitted
 * is not computed again (authn.c).
 */
#include "apiserver/auth/auth_priv.h"

enum { TOKENS_MAX = 512, LEEWAY_S = 60 };          /* go-jose's leeway for dates */

static struct json *claims_unverified(struct arena *a, struct str token)
{
    struct str header, rest, payload, signature, text;
    struct err ignored = { 0 };
    if (!str_cut(token, '.', &header, &rest) || !str_cut(rest, '.', &payload, &signature) || !base64url_decode(a, payload, &text))
        return NULL;
    struct json *j = json_parse(a, text, &ignored);
    err_clear(&ignored);
    return json_is(j, JSON_OBJECT) ? j : NULL;
}

/* A token whose signature fitted: by which key, and what it claims. */
struct known_token { struct arena *a; struct key *key; const struct json *claims; };

void known_token_free(void *p)
{
    struct known_token *t = p;
    if (!t) return;
    key_unref(t->key);
    arena_free(t->a);                              /* it lives there */
}

static void remember(struct authn *n, struct str token, struct key *key)
{
    if (map_len(n->tokens) >= TOKENS_MAX) {
        map_free(n->tokens, known_token_free);
        n->tokens = map_new();
    }
    struct arena *a = arena_new();
    struct known_token *t = ARENA_NEW(a, struct known_token);
    *t = (struct known_token){ a, key_ref(key), claims_unverified(a, token) };
    known_token_free(map_put(n->tokens, token, t));
}

/* NULL also when the key is no longer one of the cluster's. */
static const struct known_token *known_token(const struct authn *n, struct str token)
{
    const struct known_token *t = map_get(n->tokens, token);
    for (size_t i = 0; t && i < n->as->sa_verify_count; i++)
        if (t->key == n->as->sa_verify[i]) return t;
    return NULL;
}

static bool signature_fits(struct authn *n, struct arena *a, struct str token, struct err *err)
{
    struct apiserver *as = n->as;
    struct key *key = NULL;
    struct json *claims;
    if (!as->sa_verify_count) return err_set(err, ERR_UNAUTHORIZED, "no key to verify tokens with");
    for (size_t i = 0; !key && i < as->sa_verify_count; i++) {
        err_clear(err);
        if (jwt_verify_rs256(a, as->sa_verify[i], token, &claims, err)) key = as->sa_verify[i];
    }
    if (!key) return false;
    remember(n, token, key);
    return true;
}

static bool is_deleting_or_other(const struct json *obj, struct str uid)
{
    return meta_deleting(obj) || (uid.n && !str_eq(meta_uid(obj), uid));
}

/* The ServiceAccount as it was when the token was made: same name, same uid. */
static bool account_lives(struct authn *n, struct str ns, struct str name, struct str uid, struct err *err)
{
    struct object *o = registry_get(n->as, STR(""), STR("serviceaccounts"), ns, name);
    bool same = o && str_eq(meta_uid(object_json(o)), uid) && !meta_deleting(object_json(o));
    if (!o) err_not_found(err, STR(""), STR("serviceaccounts"), name);
    else if (!same)
        err_set(err, ERR_UNAUTHORIZED, "service account UID (" STR_FMT ") does not match claim (" STR_FMT ")",
                STR_ARG(meta_uid(object_json(o))), STR_ARG(uid));
    object_unref(o);
    return same;
}

static void account_user(struct arena *a, struct user *out, struct str ns, struct str name, struct str uid)
{
    *out = (struct user){ .name = arena_strf(a, "system:serviceaccount:" STR_FMT ":" STR_FMT, STR_ARG(ns), STR_ARG(name)),
                          .uid = arena_str(a, uid) };
    service_account_groups(a, out, ns);
}

/* ---- tokens of Secrets ---- */
struct secret_token { bool good; struct str token; };

void *parse_secret(struct arena *a, const struct json *obj)
{
    struct secret_token *s = ARENA_NEW(a, struct secret_token);
    s->good = !meta_deleting(obj) && base64_decode(a, json_path_str(obj, "data.token"), &s->token);
    return s;
}

static bool secret_has_token(struct authn *n, struct arena *a, struct str ns, struct str name, struct str token, struct err *err)
{
    struct object *o = registry_get(n->as, STR(""), STR("secrets"), ns, name);
    parsed_trim(n->secrets, TOKENS_MAX);
    const struct secret_token *s = o ? parsed_get(n->secrets, registry_key(a, STR(""), STR("secrets"), ns, name), o) : NULL;
    bool good = s && s->good && crypto_equal(s->token, token);
    object_unref(o);
    return good || err_set(err, ERR_UNAUTHORIZED, "Token has been invalidated");
}

static bool legacy(struct authn *n, struct arena *a, const struct json *claims, struct str token, struct user *out, struct err *err)
{
    struct str ns = json_get_str(claims, "kubernetes.io/serviceaccount/namespace"),
               secret = json_get_str(claims, "kubernetes.io/serviceaccount/secret.name");
    struct str name = json_get_str(claims, "kubernetes.io/serviceaccount/service-account.name");
    struct str uid = json_get_str(claims, "kubernetes.io/serviceaccount/service-account.uid"), sub = json_get_str(claims, "sub");
    if (!ns.n || !secret.n || !name.n || !uid.n)
        return err_set(err, ERR_UNAUTHORIZED, "claims of a service account token are missing");
    if (!str_eq(sub, arena_strf(a, "system:serviceaccount:" STR_FMT ":" STR_FMT, STR_ARG(ns), STR_ARG(name))))
        return err_set(err, ERR_UNAUTHORIZED, "sub claim is not the service account");
    if (!secret_has_token(n, a, ns, secret, token, err) || !account_lives(n, ns, name, uid, err)) return false;
    account_user(a, out, ns, name, uid);
    return true;
}

/* ---- bound tokens ---- */
static bool dates_hold(struct authn *n, const struct json *claims, struct err *err)
{
    int64_t now = vtime_now(n->as->loop) / (int64_t)NS_PER_S;
    if (now - LEEWAY_S > json_get_int(claims, "exp", 0)) return err_set(err, ERR_UNAUTHORIZED, "service account token has expired");
    if (now + LEEWAY_S < json_get_int(claims, "nbf", 0))
        return err_set(err, ERR_UNAUTHORIZED, "service account token is not valid yet");
    return true;
}

static bool bound_object_lives(struct authn *n, const struct json *ref, const char *resource, struct str ns, struct err *err)
{
    if (!ref) return true;
    struct object *o = registry_get(n->as, STR(""), str_c(resource), ns, json_get_str(ref, "name"));
    bool good = o && !is_deleting_or_other(object_json(o), json_get_str(ref, "uid"));
    object_unref(o);
    return good || err_set(err, ERR_UNAUTHORIZED, "service account token has been invalidated");
}

static void bound_extras(struct authn *n, struct arena *a, const struct json *claims, struct user *out)
{
    const struct json *k = json_get(claims, "kubernetes.io"), *pod = json_get(k, "pod"), *node = json_get(k, "node");
    struct str jti = json_get_str(claims, "jti");
    if (jti.n && n->as->opt.minor >= 30)
        user_add_extra(a, out, "authentication.kubernetes.io/credential-id", arena_strf(a, "JTI=" STR_FMT, STR_ARG(jti)));
    if (node) {
        user_add_extra(a, out, "authentication.kubernetes.io/node-name", json_get_str(node, "name"));
        user_add_extra(a, out, "authentication.kubernetes.io/node-uid", json_get_str(node, "uid"));
    }
    if (!pod) return;
    user_add_extra(a, out, "authentication.kubernetes.io/pod-name", json_get_str(pod, "name"));
    user_add_extra(a, out, "authentication.kubernetes.io/pod-uid", json_get_str(pod, "uid"));
}

static bool bound(struct authn *n, struct arena *a, const struct json *claims, struct user *out, struct strs *audiences,
                  struct err *err)
{
    const struct json *k = json_get(claims, "kubernetes.io"), *sa = json_get(k, "serviceaccount"), *pod = json_get(k, "pod");
    struct str ns = json_get_str(k, "namespace"), name = json_get_str(sa, "name"), uid = json_get_str(sa, "uid");
    *audiences = strs_of_json(a, json_get(claims, "aud"));
    if (!dates_hold(n, claims, err) || !account_lives(n, ns, name, uid, err)) return false;
    if (!bound_object_lives(n, json_get(k, "secret"), "secrets", ns, err) || !bound_object_lives(n, pod, "pods", ns, err))
        return false;
    if (!pod && !bound_object_lives(n, json_get(k, "node"), "nodes", STR(""), err)) return false;
    account_user(a, out, ns, name, uid);
    bound_extras(n, a, claims, out);
    return true;
}

enum authn_result service_account_token(struct authn *n, struct arena *a, struct str token, struct user *out,
                                        struct strs *audiences, struct err *err)
{
    const struct known_token *known = known_token(n, token);
    const struct json *claims = known ? known->claims : claims_unverified(a, token);
    struct str iss = json_get_str(claims, "iss");
    bool is_bound = n->as->opt.token_request && str_eq(iss, issuer_of(n->as));
    if (!claims || (!is_bound && !str_eqc(iss, ISSUER_LEGACY))) return AUTHN_NONE;       /* not one of ours to judge */
    if (!known && !signature_fits(n, a, token, err)) return AUTHN_BAD;
    if (!is_bound) {
        *audiences = api_audiences(n->as);
        return legacy(n, a, claims, token, out, err) ? AUTHN_YES : AUTHN_BAD;
    }
    return bound(n, a, claims, out, audiences, err) ? AUTHN_YES : AUTHN_BAD;
}
