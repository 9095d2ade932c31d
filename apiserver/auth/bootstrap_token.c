/* apiserver/auth/bootstrap_token.c - the tokens of kubeadm join: ID.SECRET, kept in Secret kube-system/bootstrap-token-ID.
 *
 * Upstream: kubernetes plugin/pkg/auth/authenticator/token/bootstrap/bootstrap.go. Whatever is wrong with the Secret, the token
 * is simply unknown.
 */
#include "apiserver/auth/auth_priv.h"

static bool token_chars(struct str s, size_t n)
{
    for (size_t i = 0; i < s.n; i++)
        if (!(s.p[i] >= 'a' && s.p[i] <= 'z') && !(s.p[i] >= '0' && s.p[i] <= '9')) return false;
    return s.n == n;
}

static struct str datum(struct arena *a, const struct json *secret, const char *key)
{
    struct str out;
    return base64_decode(a, json_get_str(json_get(secret, "data"), key), &out) ? out : STR("");
}

static bool extra_groups(struct arena *a, struct str list, struct user *out)
{
    while (list.n) {
        struct str g = str_trim(str_token(&list, ','));
        if (!str_starts(g, "system:bootstrappers:") || g.n == strlen("system:bootstrappers:")) return false;
        user_add_group(a, out, g);
    }
    return true;
}

static bool judge(struct authn *n, struct arena *a, const struct json *secret, struct str id, struct str word, struct user *out)
{
    struct str expires = datum(a, secret, "expiration");
    int64_t at = 0;
    if (meta_deleting(secret) || !str_eqc(json_get_str(secret, "type"), "bootstrap.kubernetes.io/token")) return false;
    if (!crypto_equal(datum(a, secret, "token-secret"), word) || !str_eq(datum(a, secret, "token-id"), id)) return false;
    if (expires.n && (!time_parse_rfc3339(expires, &at) || at <= vtime_now(n->as->loop))) return false;
    if (!str_eqc(datum(a, secret, "usage-bootstrap-authentication"), "true")) return false;
    *out = (struct user){ .name = arena_strf(a, "system:bootstrap:" STR_FMT, STR_ARG(id)) };
    user_add_group(a, out, STR("system:bootstrappers"));
    return extra_groups(a, datum(a, secret, "auth-extra-groups"), out);
}

enum authn_result bootstrap_token(struct authn *n, struct arena *a, struct str token, struct user *out)
{
    struct str id, word;
    if (!str_cut(token, '.', &id, &word) || !token_chars(id, 6) || !token_chars(word, 16)) return AUTHN_NONE;
    struct object *o = registry_get(n->as, STR(""), STR("secrets"), STR("kube-system"),
                                    arena_strf(a, "bootstrap-token-" STR_FMT, STR_ARG(id)));
    bool good = o && judge(n, a, object_json(o), id, word, out);
    object_unref(o);
    return good ? AUTHN_YES : AUTHN_NONE;
}
