/* sim/pki/trust.c - a pool of roots and x509.Certificate.Verify, as Go 1.12 does it and says it (src/crypto/x509/verify.go).
 *
 * Done here and not by mbedtls_x509_crt_verify for three reasons: dates are judged on virtual time, IP names are judged
 * at all, and the words are those that students search for. Order of checks: dates of the leaf, its names, the chain
 * (roots before intermediates, parents found by key id, else by name), usages. The first error wins, with Go's hint
 * when a CA of the right name has another key, which is what a student sees who runs `kubeadm init` again with an old
 * kubeconfig.
 *
 * Simplified: no name constraints, no system roots, and a chain is at most CHAIN_MAX long.
 */
#include "sim/pki/pki_priv.h"

#include <stdlib.h>

enum { CHAIN_MAX = 8, SIGNATURE_CHECKS_MAX = 100 };   /* the second is Go's own bound against costly piles of certificates */

struct trust {
    struct cert **roots;
    size_t        count;
};

struct trust *trust_new(void)
{
    return NEW(struct trust);
}

void trust_free(struct trust *t)
{
    if (!t)
        return;
    certs_free(t->roots, t->count);
    free(t);
}

void trust_add(struct trust *t, struct cert *c)
{
    for (size_t i = 0; i < t->count; i++)
        if (str_eq(t->roots[i]->der, c->der))
            return;
    t->roots = xrealloc(t->roots, (t->count + 1) * sizeof(struct cert *));
    t->roots[t->count++] = cert_ref(c);
}

bool trust_add_pem(struct trust *t, struct str pem, struct err *err)
{
    struct cert **certs;
    size_t n;
    if (!cert_parse_pem_all(pem, &certs, &n, err))
        return false;
    for (size_t i = 0; i < n; i++)
        trust_add(t, certs[i]);
    certs_free(certs, n);
    return true;
}

size_t trust_count(const struct trust *t)
{
    return t->count;
}

const struct cert *trust_root(const struct trust *t, size_t i)
{
    ASSERT(i < t->count);
    return t->roots[i];
}

/* ---- names (VerifyHostname) ---- */
static struct str without_dot(struct str s)
{
    return str_ends(s, ".") ? str_sub(s, 0, s.n - 1) : s;
}

static bool label_is_valid(struct str label)
{
    for (size_t i = 0; i < label.n; i++) {
        char c = label.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && !(c == '-' && i != 0) && c != '_' && c != ':')
            return false;
    }
    return label.n > 0;
}

static bool hostname_is_valid(struct str host)
{
    struct str rest = without_dot(host);
    if (rest.n == 0)
        return false;
    for (bool first = true; rest.p; first = false) {
        struct str label = str_token(&rest, '.');
        if (!(first && str_eqc(label, "*")) && !label_is_valid(label))
            return false;
    }
    return true;
}

/* A `*` stands for one whole label, the leftmost. */
static bool hostname_matches(struct str pattern, struct str host)
{
    pattern = without_dot(pattern);
    host = without_dot(host);
    if (pattern.n == 0 || host.n == 0)
        return false;
    for (bool first = true; pattern.p && host.p; first = false) {
        struct str want = str_token(&pattern, '.'), have = str_token(&host, '.');
        if (!(first && str_eqc(want, "*")) && !str_eqi(want, have))
            return false;
    }
    return !pattern.p && !host.p;      /* as many labels in one as in the other */
}

static bool join_names(struct strbuf *out, const struct str *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        strbuf_addc(out, i ? ", " : "");
        strbuf_add(out, v[i]);
    }
    return out->n > 0;
}

static bool names_error(struct str host, const struct str *v, size_t n, struct err *err)
{
    struct strbuf valid;
    strbuf_init(&valid, sizeof err->msg);
    if (join_names(&valid, v, n))
        err_set(err, ERR_TLS, "x509: certificate is valid for " STR_FMT ", not " STR_FMT, STR_ARG(strbuf_str(&valid)),
                STR_ARG(host));
    else
        err_set(err, ERR_TLS, "x509: certificate is not valid for any names, but wanted to match " STR_FMT, STR_ARG(host));
    strbuf_deinit(&valid);
    return false;
}

static bool verify_ip(const struct cert *leaf, struct str text, const uint8_t *ip, size_t n, struct err *err)
{
    struct arena *a = arena_new();
    struct str canonical = pki_ip_text(a, ip, n);
    bool found = false;
    for (size_t i = 0; i < leaf->ip_count && !found; i++)
        found = str_eq(leaf->ips[i], canonical);
    arena_free(a);
    if (found)
        return true;
    if (leaf->ip_count == 0)
        return err_set(err, ERR_TLS,
                       "x509: cannot validate certificate for " STR_FMT " because it doesn't contain any IP SANs",
                       STR_ARG(text));
    return names_error(text, leaf->ips, leaf->ip_count, err);
}

static bool verify_hostname(const struct cert *leaf, struct str host, struct err *err)
{
    struct str ip_candidate = host.n >= 3 && host.p[0] == '[' && str_ends(host, "]") ? str_sub(host, 1, host.n - 1) : host;
    uint8_t ip[16];
    size_t n;
    if (pki_ip_parse(ip_candidate, ip, &n))
        return verify_ip(leaf, ip_candidate, ip, n, err);
    const struct str *names = leaf->dns_names;
    size_t count = leaf->dns_count;
    if (!cert_of(leaf)->has_san) {     /* before Go 1.15 the common name counted where there were no alternative names at all */
        if (!hostname_is_valid(leaf->subject_cn) && hostname_matches(leaf->subject_cn, host))
            return err_set(err, ERR_TLS, "x509: Common Name is not a valid hostname: " STR_FMT, STR_ARG(leaf->subject_cn));
        names = &leaf->subject_cn;
        count = hostname_is_valid(leaf->subject_cn) ? 1 : 0;
    }
    for (size_t i = 0; i < count; i++)
        if (hostname_matches(names[i], host))
            return true;
    return names_error(host, names, count, err);
}

/* ---- the chain (buildChains) ---- */
enum place { PLACE_LEAF, PLACE_INTERMEDIATE, PLACE_ROOT };

struct walk {
    const struct trust       *trust;
    struct cert *const       *extra;   /* intermediates that the peer sent */
    size_t                    extra_count;
    const struct trust_check *check;
    const struct cert        *chain[CHAIN_MAX];
    size_t                    depth;   /* certificates in chain */
    unsigned                  signature_checks;
    bool                      usage_failed;  /* a chain was found, but not for this use */
};

/* Certificate.isValid: a certificate taken by itself, at its place above `depth` others. NULL or the reason why not. */
static const char *invalid_reason(const struct cert *c, enum place place, const struct walk *w)
{
    const struct cert_priv *p = cert_of(c);
    if (p->unhandled_critical)
        return "x509: unhandled critical extension";
    if (w->depth > 0 && !str_eq(cert_of(w->chain[w->depth - 1])->issuer_raw, p->subject_raw))
        return "x509: issuer name does not match subject from issuing certificate";
    if (w->check->now_ns < c->not_before_ns || w->check->now_ns > c->not_after_ns)
        return "x509: certificate has expired or is not yet valid";
    if (place == PLACE_INTERMEDIATE && !(p->has_basic && c->is_ca))
        return "x509: certificate is not authorized to sign other certificates";
    if (p->has_basic && p->path_len >= 0 && w->depth > 0 && w->depth - 1 > (size_t)p->path_len)
        return "x509: too many intermediates for path length constraint";
    return NULL;
}

/* checkChainForKeyUsage: every certificate with extended usages must allow this one, roots included. */
static bool chain_allows_usage(const struct walk *w)
{
    for (size_t i = 0; i < w->depth; i++) {
        unsigned usage = w->chain[i]->ext_usage;
        if (usage != 0 && !(usage & (CERT_EKU_ANY | w->check->usage)))
            return false;
    }
    return true;
}

/* findVerifiedParents looks by key id first, and by name only if no certificate of the pool has that id. */
static bool pool_has_key_id(struct cert *const *pool, size_t n, struct str id)
{
    for (size_t i = 0; id.n > 0 && i < n; i++)
        if (str_eq(cert_of(pool[i])->subject_key_id, id))
            return true;
    return false;
}

static bool in_chain(const struct walk *w, const struct cert *c)
{
    for (size_t i = 0; i < w->depth; i++)
        if (str_eq(w->chain[i]->der, c->der))
            return true;
    return false;
}

struct hint { const char *why; const struct cert *cert; };
static bool build_chains(struct walk *w, struct err *err);

/* Try each certificate of one pool as parent of the chain's last. True when a chain to a root is complete. `reason`
 * gets the last reason why a parent with a good signature would not do. */
static bool try_pool(struct walk *w, enum place place, struct cert *const *pool, size_t n, struct hint *hint, struct err *reason)
{
    const struct cert *child = w->chain[w->depth - 1];
    struct str key_id = cert_of(child)->authority_key_id;
    bool by_id = pool_has_key_id(pool, n, key_id);
    for (size_t i = 0; i < n; i++) {
        const struct cert_priv *p = cert_of(pool[i]);
        bool candidate = by_id ? str_eq(p->subject_key_id, key_id) : str_eq(p->subject_raw, cert_of(child)->issuer_raw);
        if (!candidate || in_chain(w, pool[i]))
            continue;
        if (w->depth == CHAIN_MAX || ++w->signature_checks > SIGNATURE_CHECKS_MAX)
            return err_set(reason, ERR_TLS, "x509: signature check attempts limit reached while verifying certificate chain");
        const char *why = cert_check_signature(child, pool[i]);
        if (why) {
            if (!hint->why)
                *hint = (struct hint){ why, pool[i] };
            continue;
        }
        if ((why = invalid_reason(pool[i], place, w)) != NULL) {
            err_set(reason, ERR_TLS, "%s", why);
            continue;
        }
        w->chain[w->depth++] = pool[i];
        bool done = place == PLACE_ROOT ? chain_allows_usage(w) : build_chains(w, reason);
        if (place == PLACE_ROOT && !done)
            w->usage_failed = true;
        w->depth--;
        if (done)
            return true;
    }
    return false;
}

static struct str hint_name(const struct cert *c, char serial[64])
{
    if (c->subject_cn.n > 0)
        return c->subject_cn;
    if (c->org_count > 0)
        return c->orgs[0];
    size_t n = 0;                      /* Go prints it in decimal; 64 bits of it are enough to tell one from another */
    uint64_t v = 0;
    for (size_t i = 0; i < c->serial.n; i++)
        v = v << 8 | (unsigned char)c->serial.p[i];
    char digits[20];
    do
        digits[n++] = (char)('0' + v % 10);
    while ((v /= 10) > 0);
    memcpy(serial, "serial:", 7);
    for (size_t i = 0; i < n; i++)
        serial[7 + i] = digits[n - 1 - i];
    return (struct str){ serial, 7 + n };
}

static bool unknown_authority(const struct hint *hint, struct err *err)
{
    static const char text[] = "x509: certificate signed by unknown authority";
    char serial[64];
    if (!hint->why)
        return err_set(err, ERR_TLS, "%s", text);
    struct str name = hint_name(hint->cert, serial);
    return err_set(err, ERR_TLS,
                   "%s (possibly because of \"%s\" while trying to verify candidate authority certificate \"" STR_FMT "\")",
                   text, hint->why, STR_ARG(name));
}

static bool build_chains(struct walk *w, struct err *err)
{
    struct hint hint = { 0 };
    struct err reason = { 0 };
    bool ok = try_pool(w, PLACE_ROOT, w->trust->roots, w->trust->count, &hint, &reason) ||
              try_pool(w, PLACE_INTERMEDIATE, w->extra, w->extra_count, &hint, &reason);
    if (!ok && reason.code != ERR_NONE)
        err_set(err, reason.code, "%s", reason.msg);
    else if (!ok)
        unknown_authority(&hint, err);
    err_clear(&reason);
    return ok;
}

static bool is_root(const struct trust *t, const struct cert *c)
{
    for (size_t i = 0; i < t->count; i++)
        if (str_eq(t->roots[i]->der, c->der))
            return true;
    return false;
}

bool trust_verify(const struct trust *t, struct cert *const *chain, size_t count, const struct trust_check *check,
                  struct err *err)
{
    ASSERT(count > 0);
    struct walk w = { .trust = t, .extra = chain + 1, .extra_count = count - 1, .check = check };
    const char *why = invalid_reason(chain[0], PLACE_LEAF, &w);
    if (why)
        return err_set(err, ERR_TLS, "%s", why);
    if (check->server_name.n > 0 && !verify_hostname(chain[0], check->server_name, err))
        return false;
    w.chain[w.depth++] = chain[0];
    bool ok;
    struct err reason = { 0 };
    if (is_root(t, chain[0])) {
        ok = chain_allows_usage(&w);
        w.usage_failed = !ok;
    } else {
        ok = build_chains(&w, &reason);
    }
    if (w.usage_failed && !ok)
        err_set(err, ERR_TLS, "x509: certificate specifies an incompatible key usage");
    else if (!ok)
        err_set(err, reason.code, "%s", reason.msg);
    err_clear(&reason);
    return ok;
}
