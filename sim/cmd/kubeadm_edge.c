/* sim/cmd/kubeadm_edge.c - what the API server shows to real clients when the cluster's time is not the wall's.
 *
 * kubectl, curl and their like judge a certificate by the wall's clock. A cluster that began in 2020 has one that ended years ago
 * by it. They are shown another one, of the same names, usages and key, signed by the same authority, that is good on both
 * clocks. It is never stored, and nobody inside sees it.
 */
#include "sim/cmd/kubeadm.h"

#define DAY_NS (24ll * 3600 * 1000000000ll)

static bool is_current(const struct cert *c, int64_t now_ns) { return c->not_before_ns <= now_ns && now_ns <= c->not_after_ns; }

bool kubeadm_edge_needed(const struct identity *serving, int64_t now_ns)
{
    const struct cert *leaf = serving && serving->chain_count ? serving->chain[0] : NULL;
    return leaf && is_current(leaf, now_ns) && !is_current(leaf, wall_now_ns());
}

static const char **texts(struct arena *a, const struct str *v, size_t n)
{
    const char **out = arena_zalloc(a, (n + 1) * sizeof *out);
    for (size_t i = 0; i < n; i++)
        out[i] = arena_cstr(a, v[i]);
    return out;
}

struct identity *kubeadm_edge_identity(const struct kubeadm_pki *p, const struct identity *serving, struct err *err)
{
    const struct cert *leaf = serving->chain[0];
    struct arena *a = arena_new();
    int64_t wall = wall_now_ns(), from = wall - DAY_NS, until = wall + 365 * DAY_NS;
    struct cert_template t = {
        .cn = arena_cstr(a, leaf->subject_cn), .orgs = texts(a, leaf->orgs, leaf->org_count),
            .dns_names = texts(a, leaf->dns_names, leaf->dns_count),
        .ips = texts(a, leaf->ips, leaf->ip_count), .not_before_ns = leaf->not_before_ns < from ? leaf->not_before_ns : from,
        .not_after_ns = leaf->not_after_ns > until ? leaf->not_after_ns : until, .key_usage = leaf->key_usage,
        .ext_usage = leaf->ext_usage,
    };
    uint8_t digest[32];                /* a serial of its own: no authority gives one twice */
    sha256(leaf->der, digest);
    t.serial_len = 8;
    memcpy(t.serial, digest, t.serial_len);
    t.serial[0] = (uint8_t)((t.serial[0] & 0x7f) | 0x01);
    struct cert *c = cert_issue(&t, serving->key, p->ca, p->ca_key, err);
    struct identity *id = c ? identity_new(c, serving->key) : NULL;
    cert_unref(c);
    arena_free(a);
    return id;
}
