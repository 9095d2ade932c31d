/* apiserver/auth/authn.c - who is asking: the union of all authenticators (kubernetes pkg/kubeapiserver/authenticator/config.go).
 *
 * Asked in turn, the first yes wins: the front proxy's headers, the client certificate, the bearer token. A credential that is
 * bad does not end the search, but when nobody says yes it makes the answer 401: bad credentials are not anonymous. With no
 * credentials at all the user is system:anonymous. Results of signature checks are kept, since every request of every component
 * passes here; all that can change (dates, Secrets, ServiceAccounts) is looked at each time, so a revoked token fails at once,
 * and not 10 s later as upstream's cache has it.
 */
#include <stdlib.h>

#include "apiserver/auth/auth_priv.h"

struct authn *authn_new(struct apiserver *as)
{
    struct authn *n = NEW(struct authn);
    n->as = as;
    n->tokens = map_new();
    n->secrets = parsed_cache_new(parse_secret);
    for (size_t i = 0; i < ARRAY_LEN(n->chains); i++) n->chains[i] = map_new();
    return n;
}

void authn_free(struct authn *n)
{
    if (!n) return;
    map_free(n->tokens, known_token_free);
    parsed_cache_free(n->secrets);
    for (size_t i = 0; i < ARRAY_LEN(n->chains); i++) map_free(n->chains[i], free);
    free(n);
}

struct str issuer_of(const struct apiserver *as) { return as->opt.policy.issuer.n ? as->opt.policy.issuer : STR(ISSUER_BOUND); }

struct strs api_audiences(const struct apiserver *as)
{
    static struct str issuer = { ISSUER_BOUND, sizeof ISSUER_BOUND - 1 };
    const struct apiserver_policy *p = &as->opt.policy;
    if (p->audiences.n) return (struct strs){ (struct str *)p->audiences.v, p->audiences.n };
    if (!as->opt.token_request) return (struct strs){ NULL, 0 };
    return (struct strs){ p->issuer.n ? (struct str *)&p->issuer : &issuer, 1 };
}

/* Audiences of what the token says and of what is wanted; none wanted: any will do (a server without an issuer). */
bool audiences_meet(const struct strs *have, const struct strs *want)
{
    for (size_t i = 0; i < want->n; i++)
        if (strs_have(have, want->v[i])) return true;
    return !want->n;
}

bool token_user(struct authn *n, struct arena *a, struct str token, struct user *out, struct strs *audiences, struct err *err)
{
    struct err why = { 0 };
    *audiences = (struct strs){ NULL, 0 };
    if (static_token(n, a, token, out) == AUTHN_YES) {
        *audiences = api_audiences(n->as);
        return true;
    }
    enum authn_result res = service_account_token(n, a, token, out, audiences, &why);
    if (res != AUTHN_YES && !n->as->opt.policy.no_bootstrap_tokens && bootstrap_token(n, a, token, out) == AUTHN_YES) {
        *audiences = api_audiences(n->as);
        res = AUTHN_YES;
    }
    if (res == AUTHN_BAD) err_set(err, ERR_UNAUTHORIZED, "[invalid bearer token, %s]", why.msg);
    if (res == AUTHN_NONE) err_set(err, ERR_UNAUTHORIZED, "invalid bearer token");
    err_clear(&why);
    return res == AUTHN_YES;
}

/* For requests to ourselves: the token must be meant for us. */
static bool own_token(struct authn *n, struct arena *a, struct str token, struct user *out, struct err *err)
{
    struct strs audiences, ours = api_audiences(n->as);
    if (!token_user(n, a, token, out, &audiences, err)) return false;
    return audiences_meet(&audiences, &ours) ||
           err_set(err, ERR_UNAUTHORIZED, "[invalid bearer token, token audiences are not those of this server]");
}

bool authn_token(struct apiserver *as, struct arena *a, struct str token, struct user *out, struct err *err)
{
    if (!own_token(as->authn, a, token, out, err)) return false;
    user_add_group(a, out, STR("system:authenticated"));
    return true;
}

/* "Authorization: Bearer TOKEN"; other schemes are nothing to us. Browsers, which cannot set it on a WebSocket, name a protocol
 * instead. */
static struct str bearer_of(struct request *r)
{
    static const char prefix[] = "base64url.bearer.authorization.k8s.io.";
    struct str scheme, token, value = str_trim(http_headers_get(&r->x->headers, "Authorization"));
    if (value.n) return str_cut(value, ' ', &scheme, &token) && str_eqi(scheme, STR("bearer")) ? token : STR("");
    struct str protocols = http_headers_get(&r->x->headers, "Sec-WebSocket-Protocol");
    while (protocols.n) {
        struct str p = str_trim(str_token(&protocols, ','));
        if (str_starts(p, prefix) && base64url_decode(r->a, str_sub(p, sizeof prefix - 1, p.n), &token)) return token;
    }
    return STR("");
}

enum authn_result authn_bearer(struct authn *n, struct request *r, struct user *out, struct err *err)
{
    struct str token = bearer_of(r);
    if (!token.n) return AUTHN_NONE;
    return own_token(n, r->a, token, out, err) ? AUTHN_YES : AUTHN_BAD;
}

bool authn_request(struct request *r, struct err *err)
{
    static enum authn_result (*const authenticators[])(struct authn *, struct request *, struct user *, struct err *) = {
        authn_front_proxy, authn_x509, authn_bearer,
    };
    bool bad = false;
    for (size_t i = 0; i < ARRAY_LEN(authenticators); i++) {
        struct err why = { 0 };
        struct user u = { 0 };
        enum authn_result res = authenticators[i](r->as->authn, r, &u, &why);
        if (res == AUTHN_BAD) log_msg(LOG_INFO, "apiserver", "Unable to authenticate the request due to an error: %s", why.msg);
        err_clear(&why);
        bad |= res == AUTHN_BAD;
        if (res != AUTHN_YES) continue;
        r->user = u;
        if (!user_in_group(&u, "system:authenticated")) user_add_group(r->a, &r->user, STR("system:authenticated"));
        return true;
    }
    if (bad || r->as->opt.policy.no_anonymous) return err_set(err, ERR_UNAUTHORIZED, "Unauthorized");
    r->user = (struct user){ .name = STR("system:anonymous") };
    user_add_group(r->a, &r->user, STR("system:unauthenticated"));
    return true;
}
