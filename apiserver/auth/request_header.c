/* apiserver/auth/request_header.c - the front proxy: a certificate of its own CA may say for whom it asks, in X-Remote-User,
 * -Group and -Extra-KEY.
 *
 * Upstream: apiserver pkg/authentication/request/headerrequest/requestheader.go, with what --requestheader-* say.
 */
#include "apiserver/auth/auth_priv.h"

static struct str extra_key(struct arena *a, struct str name, size_t prefix)
{
    struct str key = arena_str(a, str_sub(name, prefix, name.n));
    char *p = arena_cstr(a, key);
    for (size_t i = 0; i < key.n; i++)
        if (p[i] >= 'A' && p[i] <= 'Z') p[i] = (char)(p[i] + 32);
    return percent_decode(a, (struct str){ p, key.n }, false);
}

/* --requestheader-*: what the flags list, else what kubeadm writes. */
static struct word_list listed(const struct word_list *given, const struct str *usual)
{
    return given->n ? *given : (struct word_list){ usual, 1 };
}

static bool in_list(struct word_list l, struct str s, bool fold)
{
    for (size_t i = 0; i < l.n; i++)
        if (fold ? str_eqi(l.v[i], s) : str_eq(l.v[i], s)) return true;
    return false;
}

static size_t prefix_of(struct word_list l, struct str name)
{
    for (size_t i = 0; i < l.n; i++)
        if (name.n > l.v[i].n && str_eqi(str_sub(name, 0, l.v[i].n), l.v[i])) return l.v[i].n;
    return 0;
}

enum authn_result authn_front_proxy(struct authn *n, struct request *r, struct user *out, struct err *err)
{
    static const struct str usual[] = { { "front-proxy-client", 18 }, { "X-Remote-User", 13 }, { "X-Remote-Group", 14 },
                                        { "X-Remote-Extra-", 15 } };
    const struct apiserver_policy *p = &n->as->opt.policy;
    struct word_list users = listed(&p->user_headers, &usual[1]), groups = listed(&p->group_headers, &usual[2]),
                     extras = listed(&p->extra_prefixes, &usual[3]);
    if (!r->x->peer_count || !n->as->opt.requestheader_ca) return AUTHN_NONE;
    if (!chain_verify(n, TRUST_PROXY, r, err)) return AUTHN_BAD;
    struct str cn = r->x->peer_chain[0]->subject_cn, name = STR("");
    if (!p->proxy_any_name && !in_list(listed(&p->proxy_names, &usual[0]), cn, false)) {
        err_set(err, ERR_UNAUTHORIZED, "x509: subject with cn=" STR_FMT " is not in the allowed list", STR_ARG(cn));
        return AUTHN_BAD;
    }
    for (size_t i = 0; i < users.n && !name.n; i++) name = str_trim(http_headers_get(&r->x->headers, arena_cstr(r->a, users.v[i])));
    if (!name.n) return AUTHN_NONE;
    out->name = arena_str(r->a, name);
    for (size_t i = 0; i < r->x->headers.n; i++) {
        const struct http_header *h = &r->x->headers.v[i];
        size_t prefix = prefix_of(extras, h->name);
        if (in_list(groups, h->name, true)) user_add_group(r->a, out, h->value);
        else if (prefix) user_add_extra(r->a, out, arena_cstr(r->a, extra_key(r->a, h->name, prefix)), h->value);
    }
    return AUTHN_YES;
}
