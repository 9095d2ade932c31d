/* apiserver/auth/x509.c - client certificates: CN is the user, each O a group (apiserver pkg/authentication/request/x509/x509.go).
 *
 * Chains are verified against the cluster's CA with the client's usage. That costs about a millisecond, and a component shows the
 * same certificate with every request, so a leaf that led to a root is remembered until the first date on its way runs out; its
 * own dates are looked at each time.
 */
#include <stdlib.h>

#include "apiserver/auth/auth_priv.h"

enum { CHAINS_MAX = 256 };
struct verified { int64_t from, to; };

static void remember(struct map *m, const struct cert *leaf)
{
    struct verified *v = NEW(struct verified);
    *v = (struct verified){ leaf->not_before_ns, leaf->not_after_ns };
    free(map_put(m, leaf->der, v));
}

static bool remembered(struct map *m, const struct cert *leaf, int64_t now)
{
    const struct verified *v = map_get(m, leaf->der);
    return v && now >= v->from && now <= v->to;
}

bool chain_verify(struct authn *n, enum authn_trust which, struct request *r, struct err *err)
{
    const struct trust *roots = which == TRUST_CLIENT ? n->as->opt.client_ca : n->as->opt.requestheader_ca;
    struct trust_check check = { .now_ns = r->now_ns, .usage = CERT_EKU_CLIENT };
    bool alone = r->x->peer_count == 1;            /* intermediates would have to be part of the key */
    if (alone && remembered(n->chains[which], r->x->peer_chain[0], r->now_ns)) return true;
    if (!trust_verify(roots, r->x->peer_chain, r->x->peer_count, &check, err)) return false;
    if (map_len(n->chains[which]) >= CHAINS_MAX) {
        map_free(n->chains[which], free);
        n->chains[which] = map_new();
    }
    if (alone) remember(n->chains[which], r->x->peer_chain[0]);
    return true;
}

enum authn_result authn_x509(struct authn *n, struct request *r, struct user *out, struct err *err)
{
    if (!r->x->peer_count || !n->as->opt.client_ca) return AUTHN_NONE;
    if (!chain_verify(n, TRUST_CLIENT, r, err)) return AUTHN_BAD;
    const struct cert *leaf = r->x->peer_chain[0];
    if (!leaf->subject_cn.n) return AUTHN_NONE;
    out->name = arena_str(r->a, leaf->subject_cn);
    for (size_t i = 0; i < leaf->org_count; i++) user_add_group(r->a, out, leaf->orgs[i]);
    if (n->as->opt.minor >= 32)
        user_add_extra(r->a, out, "authentication.kubernetes.io/credential-id",
                       arena_strf(r->a, "X509SHA256=" STR_FMT, STR_ARG(sha256_hex(r->a, leaf->der))));
    return AUTHN_YES;
}
