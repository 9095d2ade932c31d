/* apiserver/auth/request_header.c - the front proxy: a certificate of its own CA may say for whom it asks, in X-Remote-User, -Group and -Extra-KEY.
 *
 * Upstream: apiserver pkg/authentication/request/headerrequest/requestheader.go, with kubeadm's flags (--requestheader-allowed-names=front-proxy-client).
 */
#include "apiserver/auth/auth_priv.h"

static struct str extra_key(struct arena *a, struct str name, size_t prefix) {
    struct str key = arena_str(a, str_sub(name, prefix, name.n));
    char *p = arena_cstr(a, key);
    for (size_t i = 0; i < key.n; i++)
        if (p[i] >= 'A' && p[i] <= 'Z') p[i] = (char)(p[i] + 32);
    return percent_decode(a, (struct str){ p, key.n }, false);
}

enum authn_result authn_front_proxy(struct authn *n, struct request *r, struct user *out, struct err *err) {
    static const char extra[] = "X-Remote-Extra-";
    if (!r->x->peer_count || !n->as->opt.requestheader_ca) return AUTHN_NONE;
    if (!chain_verify(n, TRUST_PROXY, r, err)) return AUTHN_BAD;
    struct str cn = r->x->peer_chain[0]->subject_cn;
    if (!str_eqc(cn, "front-proxy-client")) {
        err_set(err, ERR_UNAUTHORIZED, "x509: subject with cn=" STR_FMT " is not in the allowed list", STR_ARG(cn));
        return AUTHN_BAD;
    }
    struct str name = str_trim(http_headers_get(&r->x->headers, "X-Remote-User"));
    if (!name.n) return AUTHN_NONE;
    out->name = arena_str(r->a, name);
    for (size_t i = 0; i < r->x->headers.n; i++) {
        const struct http_header *h = &r->x->headers.v[i];
        if (str_eqi(h->name, STR("X-Remote-Group"))) user_add_group(r->a, out, h->value);
        else if (h->name.n > sizeof extra - 1 && str_eqi(str_sub(h->name, 0, sizeof extra - 1), STR("X-Remote-Extra-")))
            user_add_extra(r->a, out, arena_cstr(r->a, extra_key(r->a, h->name, sizeof extra - 1)), h->value);
    }
    return AUTHN_YES;
}
