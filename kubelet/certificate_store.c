/* kubelet/certificate_store.c - certificates and keys on the node's disk.
 *
 * Upstream: client-go util/certificate/certificate_store.go: a file per pair, PREFIX-2020-01-23-15-45-28.pem, and the link
 * PREFIX-current.pem to the one in use. Simplified: the link is relative, so that it can also be followed where the node's root
 * is a folder.
 */
#include "kubelet/app_priv.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define YEAR_NS (365ll * 24 * 3600 * 1000000000ll)

struct identity *pair_from_pem(struct str cert_pem_text, struct str key_pem_text, struct err *err)
{
    ptrdiff_t at = str_find(key_pem_text, STR("-----BEGIN "));
    while (at >= 0) {                  /* of a file with both, the key's block */
        struct str rest = str_sub(key_pem_text, (size_t)at, key_pem_text.n);
        ptrdiff_t end = str_chr(rest, '\n');
        if (end > 0 && str_find(str_sub(rest, 0, (size_t)end), STR("PRIVATE KEY-----")) >= 0) {
            key_pem_text = rest;
            break;
        }
        ptrdiff_t next = end > 0 ? str_find(str_sub(rest, (size_t)end, rest.n), STR("-----BEGIN ")) : -1;
        at = next < 0 ? -1 : at + end + next;
    }
    return identity_parse_pem(cert_pem_text, key_pem_text, err);
}

struct identity *cert_store_current(const struct cert_store *s, struct err *err)
{
    struct arena *a = arena_new();
    struct err why = { 0 };
    const char *path = arena_printf(a, "%s/%s-current.pem", s->dir, s->prefix);
    struct str text;
    struct identity *id = NULL;
    if (!node_read(a, s->root, path, "open", &text, &why)) {
        if (why.code == ERR_NOT_FOUND)
            err_set(err, ERR_NOT_FOUND, "no cert/key files read at \"%s\", (\"\", \"\") or (\"%s\", \"%s\")", path, s->dir, s->dir);
        else
            err_set(err, ERR_IO, "%s", why.msg);
    } else {
        klog_write(s->log, 'I', "certificate_store.go:129", "Loading cert/key pair from \"%s\".", path);
        id = pair_from_pem(text, text, &why);
        if (!id)
            err_set(err, ERR_PARSE, "could not convert data from \"%s\" into cert/key pair: %s", path, why.msg);
    }
    err_clear(&why);
    arena_free(a);
    return id;
}

static bool link_current(struct arena *a, const struct cert_store *s, const char *file, struct err *err)
{
    const char *dir = node_path(a, s->root, s->dir);
    const char *current = arena_printf(a, "%s/%s-current.pem", dir, s->prefix),
               *updated = arena_printf(a, "%s/%s-updated.pem", dir, s->prefix);
    struct stat st;
    if (lstat(current, &st) == 0 && !S_ISLNK(st.st_mode))
        return err_set(err, ERR_IO, "expected \"%s/%s-current.pem\" to be a symlink but it is a file", s->dir, s->prefix);
    unlink(updated);
    if (symlink(file, updated) != 0 || rename(updated, current) != 0)
        return err_set(err, ERR_IO, "unable to create a symlink from \"%s/%s-updated.pem\" to \"%s\": %s", s->dir, s->prefix, file,
                       strerror(errno));
    return true;
}

struct identity *cert_store_update(const struct cert_store *s, struct str cert_pem_text, struct str key_pem_text, struct err *err)
{
    struct arena *a = arena_new();
    struct identity *id = pair_from_pem(cert_pem_text, key_pem_text, err);
    if (id) {
        struct str now = time_rfc3339(a, vtime_now(s->loop));    /* 2006-01-02T15:04:05Z */
        char *stamp = arena_printf(a, "%.19s", now.p);
        for (char *c = stamp; *c; c++)
            *c = *c == ':' || *c == 'T' ? '-' : *c;
        const char *file = arena_printf(a, "%s-%s.pem", s->prefix, stamp), *dir = node_path(a, s->root, s->dir);
        struct str both = arena_strf(a, STR_FMT STR_FMT, STR_ARG(cert_pem_text), STR_ARG(key_pem_text));
        if (!dir_make(dir, 0755, err) || !file_write(arena_printf(a, "%s/%s", dir, file), both, 0600, err) ||
            !link_current(a, s, file, err)) {
            identity_unref(id);
            id = NULL;
        }
    }
    arena_free(a);
    return id;
}

/* ---- the self-signed pair: certutil.GenerateSelfSignedCertKey(host, nil, nil) ---- */
static void template_of(struct cert_template *t, struct rng *r, const char *cn, int64_t now_ns)
{
    *t = (struct cert_template){ .cn = cn, .not_before_ns = now_ns, .not_after_ns = now_ns + YEAR_NS, .serial_len = 8 };
    rng_bytes(r, t->serial, 8);
    t->serial[0] = (uint8_t)((t->serial[0] & 0x7f) | 1);
}

static bool make_pair(struct arena *a, const char *crt, const char *key, const char *host, struct rng *r, int64_t now_ns,
                      struct err *err)
{
    const char *dns[] = { host, NULL };
    struct cert_template ca, leaf;
    int64_t unix_s = now_ns / (int64_t)NS_PER_S;
    template_of(&ca, r, arena_printf(a, "%s-ca@%" PRId64, host, unix_s), now_ns);
    ca.is_ca = true;
    ca.key_usage = CERT_KU_DIGITAL_SIGNATURE | CERT_KU_KEY_ENCIPHERMENT | CERT_KU_CERT_SIGN;
    template_of(&leaf, r, arena_printf(a, "%s@%" PRId64, host, unix_s), now_ns);
    leaf.dns_names = dns;
    leaf.key_usage = CERT_KU_DIGITAL_SIGNATURE | CERT_KU_KEY_ENCIPHERMENT;
    leaf.ext_usage = CERT_EKU_SERVER;
    struct key *ca_key = key_generate_ec(r), *leaf_key = key_generate_ec(r);
    struct cert *ca_cert = cert_issue(&ca, ca_key, NULL, ca_key, err),
                *cert = ca_cert ? cert_issue(&leaf, leaf_key, ca_cert, ca_key, err) : NULL;
    bool ok = cert && file_write(crt, arena_strf(a, STR_FMT STR_FMT, STR_ARG(cert_pem(a, cert)), STR_ARG(cert_pem(a, ca_cert))),
                                 0644, err) &&
              file_write(key, key_pem(a, leaf_key), 0600, err);
    cert_unref(cert);
    cert_unref(ca_cert);
    key_unref(ca_key);
    key_unref(leaf_key);
    return ok;
}

struct identity *self_signed_pair(const struct cert_store *s, const char *host, struct rng *r, struct err *err)
{
    struct arena *a = arena_new();
    const char *crt = node_path(a, s->root, arena_printf(a, "%s/kubelet.crt", s->dir)),
               *key = node_path(a, s->root, arena_printf(a, "%s/kubelet.key", s->dir));
    struct str crt_text, key_text;
    struct identity *id = NULL;
    bool there = file_read(crt, 65536, a, &crt_text, NULL) && file_read(key, 65536, a, &key_text, NULL);
    if (!there && dir_make(node_path(a, s->root, s->dir), 0755, err) && make_pair(a, crt, key, host, r, vtime_now(s->loop), err)) {
        klog_v(s->log, 4, "server.go:618", "Using self-signed cert (%s/kubelet.crt, %s/kubelet.key)", s->dir, s->dir);
        there = file_read(crt, 65536, a, &crt_text, err) && file_read(key, 65536, a, &key_text, err);
    }
    if (there)
        id = pair_from_pem(crt_text, key_text, err);
    arena_free(a);
    return id;
}
