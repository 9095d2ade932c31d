/* sim/pki/cert.c - X.509 certificates, read as Go's crypto/x509 reads them (src/crypto/x509/x509.go).
 *
 * A certificate is parsed once into a read-only view; what only verification needs (raw names, key ids, the signed
 * bytes) is in cert_priv. Extensions that nobody understands are remembered if critical, and fail verification rather
 * than parsing, as in Go. Name constraints count among them. Signatures: RSA PKCS#1 v1.5 and ECDSA with SHA-1 and
 * SHA-2. Order of use: cert_parse_*, read fields, cert_unref.
 */
#include "sim/pki/pki_priv.h"

#include <stdlib.h>

#define OID(bytes) { bytes, sizeof(bytes) - 1 }
const struct str oid_san = OID("\x55\x1d\x11"), oid_basic_constraints = OID("\x55\x1d\x13"), oid_key_usage = OID("\x55\x1d\x0f"),
                 oid_ext_usage = OID("\x55\x1d\x25"), oid_subject_key_id = OID("\x55\x1d\x0e"),
                 oid_authority_key_id = OID("\x55\x1d\x23");

const struct cert_priv *cert_of(const struct cert *c)
{
    return c->priv;
}

static bool malformed(struct err *err, const char *what)
{
    return err_set(err, ERR_PARSE, "x509: malformed %s", what);
}

/* ---- extensions: a table of readers ---- */
struct extension_reader {
    const struct str *oid;
    bool (*read)(struct cert_priv *c, struct x509_names *names, struct str value, struct err *err);
};

static bool read_san(struct cert_priv *c, struct x509_names *names, struct str value, struct err *err)
{
    c->has_san = true;
    c->san_raw = value;
    return x509_san_parse(c->mem, value, names, err);
}

static bool read_basic_constraints(struct cert_priv *c, struct x509_names *names, struct str value, struct err *err)
{
    (void)names;
    struct str seq, v;
    if (!der_take(&value, DER_SEQUENCE, &seq))
        return malformed(err, "basic constraints");
    c->has_basic = true;
    c->pub.is_ca = der_take(&seq, DER_BOOLEAN, &v) && v.n == 1 && v.p[0] != 0;
    if (der_take(&seq, DER_INTEGER, &v) && v.n == 1 && (v.p[0] & 0x80) == 0)
        c->path_len = v.p[0];
    return true;
}

static bool read_key_usage(struct cert_priv *c, struct x509_names *names, struct str value, struct err *err)
{
    static const struct { unsigned mask, usage; } bits[] = {
        { 0x80, CERT_KU_DIGITAL_SIGNATURE },
        { 0x20, CERT_KU_KEY_ENCIPHERMENT },
        { 0x04, CERT_KU_CERT_SIGN },
        { 0x02, CERT_KU_CRL_SIGN },
    };
    (void)names;
    struct str v;
    if (!der_take(&value, DER_BIT_STRING, &v) || v.n < 1)
        return malformed(err, "key usage");
    c->has_key_usage = true;
    for (size_t i = 0; i < ARRAY_LEN(bits) && v.n > 1; i++)
        if ((unsigned char)v.p[1] & bits[i].mask)
            c->pub.key_usage |= bits[i].usage;
    return true;
}

static bool read_ext_usage(struct cert_priv *c, struct x509_names *names, struct str value, struct err *err)
{
    static const struct { struct str oid; unsigned usage; } usages[] = {
        { OID("\x2b\x06\x01\x05\x05\x07\x03\x01"), CERT_EKU_SERVER },
        { OID("\x2b\x06\x01\x05\x05\x07\x03\x02"), CERT_EKU_CLIENT },
        { OID("\x55\x1d\x25\x00"), CERT_EKU_ANY },
    };
    (void)names;
    struct str seq, oid;
    if (!der_take(&value, DER_SEQUENCE, &seq))
        return malformed(err, "extended key usages");
    while (seq.n > 0) {
        if (!der_take(&seq, DER_OID, &oid))
            return malformed(err, "extended key usages");
        unsigned usage = CERT_EKU_OTHER;
        for (size_t i = 0; i < ARRAY_LEN(usages); i++)
            if (str_eq(oid, usages[i].oid))
                usage = usages[i].usage;
        c->pub.ext_usage |= usage;
    }
    return true;
}

static bool read_subject_key_id(struct cert_priv *c, struct x509_names *names, struct str value, struct err *err)
{
    (void)names;
    return der_take(&value, DER_OCTET_STRING, &c->subject_key_id) || malformed(err, "subject key identifier");
}

static bool read_authority_key_id(struct cert_priv *c, struct x509_names *names, struct str value, struct err *err)
{
    (void)names;
    struct str seq;
    if (!der_take(&value, DER_SEQUENCE, &seq))
        return malformed(err, "authority key identifier");
    der_take(&seq, DER_CONTEXT | 0, &c->authority_key_id);       /* may be absent */
    return true;
}

static bool read_nothing(struct cert_priv *c, struct x509_names *names, struct str value, struct err *err)
{
    (void)c; (void)names; (void)value; (void)err;
    return true;
}

static const struct str oid_policies = OID("\x55\x1d\x20"), oid_crl_points = OID("\x55\x1d\x1f");
static const struct extension_reader extension_readers[] = {
    { &oid_san, read_san }, { &oid_basic_constraints, read_basic_constraints }, { &oid_key_usage, read_key_usage },
    { &oid_ext_usage, read_ext_usage }, { &oid_subject_key_id, read_subject_key_id },
    { &oid_authority_key_id, read_authority_key_id }, { &oid_policies, read_nothing }, { &oid_crl_points, read_nothing },
};

static bool parse_extension(struct cert_priv *c, struct x509_names *names, struct str ext, struct err *err)
{
    struct str oid, critical = STR_NULL, value;
    if (!der_take(&ext, DER_OID, &oid))
        return malformed(err, "extension");
    der_take(&ext, DER_BOOLEAN, &critical);
    if (!der_take(&ext, DER_OCTET_STRING, &value) || ext.n > 0)
        return malformed(err, "extension");
    for (size_t i = 0; i < ARRAY_LEN(extension_readers); i++)
        if (str_eq(oid, *extension_readers[i].oid))
            return extension_readers[i].read(c, names, value, err);
    if (critical.n == 1 && critical.p[0] != 0)
        c->unhandled_critical = true;
    return true;
}

static bool parse_extensions(struct cert_priv *c, struct x509_names *names, struct str tbs, struct err *err)
{
    struct str wrapped, list, ext;
    der_take(&tbs, DER_CONTEXT | 1, &wrapped);                   /* unique ids of 1988: passed over */
    der_take(&tbs, DER_CONTEXT | 2, &wrapped);
    if (tbs.n == 0)
        return true;
    if (!der_take(&tbs, DER_CONTEXT | DER_CONSTRUCTED | 3, &wrapped) || tbs.n > 0 || !der_take(&wrapped, DER_SEQUENCE, &list))
        return malformed(err, "extensions");
    while (list.n > 0) {
        if (!der_take(&list, DER_SEQUENCE, &ext))
            return malformed(err, "extension");
        if (!parse_extension(c, names, ext, err))
            return false;
    }
    return true;
}

/* ---- the certificate ---- */
static bool parse_validity(struct cert_priv *c, struct str *tbs, struct err *err)
{
    struct str validity, t;
    unsigned tag;
    bool ok = der_take(tbs, DER_SEQUENCE, &validity) &&
              der_next(&validity, &tag, &t, NULL) && der_time(tag, t, &c->pub.not_before_ns) &&
              der_next(&validity, &tag, &t, NULL) && der_time(tag, t, &c->pub.not_after_ns);
    return ok ? true : malformed(err, "validity");
}

/* version, serial, algorithm, issuer, validity, subject, key, extensions; the algorithm is repeated outside, and must agree. */
static bool parse_tbs(struct cert_priv *c, struct str tbs, struct str outer_alg, struct err *err)
{
    struct str wrapped, v, alg, issuer, subject, spki;
    struct x509_names issuer_names = { 0 }, names = { 0 };
    unsigned tag;
    c->version = 1;
    if (der_take(&tbs, DER_CONTEXT | DER_CONSTRUCTED | 0, &wrapped)) {
        if (!der_take(&wrapped, DER_INTEGER, &v) || v.n != 1 || (unsigned char)v.p[0] > 2)
            return malformed(err, "version");
        c->version = v.p[0] + 1;
    }
    if (!der_take(&tbs, DER_INTEGER, &c->pub.serial))
        return malformed(err, "serial number");
    while (c->pub.serial.n > 1 && c->pub.serial.p[0] == 0)
        c->pub.serial = str_sub(c->pub.serial, 1, c->pub.serial.n);
    if (!der_next(&tbs, &tag, &v, &alg) || tag != DER_SEQUENCE || !str_eq(alg, outer_alg))
        return err_set(err, ERR_PARSE, "x509: inner and outer signature algorithm identifiers don't match");
    if (!der_next(&tbs, &tag, &issuer, &c->issuer_raw) || tag != DER_SEQUENCE ||
        !x509_subject_parse(c->mem, issuer, &issuer_names))
        return malformed(err, "issuer");
    if (!parse_validity(c, &tbs, err))
        return false;
    if (!der_next(&tbs, &tag, &subject, &c->subject_raw) || tag != DER_SEQUENCE || !x509_subject_parse(c->mem, subject, &names))
        return malformed(err, "subject");
    if (!der_next(&tbs, &tag, &v, &spki) || tag != DER_SEQUENCE)
        return malformed(err, "public key");
    if (!parse_extensions(c, &names, tbs, err))
        return false;
    c->key = key_parse_spki(spki, err);
    c->pub.issuer_cn = issuer_names.cn;
    c->pub.subject_cn = names.cn;
    c->pub.orgs = names.orgs;
    c->pub.org_count = names.org_count;
    c->pub.dns_names = names.san[SAN_DNS];
    c->pub.dns_count = names.san_count[SAN_DNS];
    c->pub.ips = names.san[SAN_IP];
    c->pub.ip_count = names.san_count[SAN_IP];
    c->pub.emails = names.san[SAN_EMAIL];
    c->pub.email_count = names.san_count[SAN_EMAIL];
    c->pub.uris = names.san[SAN_URI];
    c->pub.uri_count = names.san_count[SAN_URI];
    return c->key != NULL;
}

static bool parse_frame(struct cert_priv *c, struct err *err)
{
    struct str in = c->pub.der, frame, tbs, alg_body, alg, bits;
    unsigned tag;
    if (!der_take(&in, DER_SEQUENCE, &frame) || !der_next(&frame, &tag, &tbs, &c->tbs) || tag != DER_SEQUENCE)
        return malformed(err, "certificate");
    if (in.n > 0)
        return err_set(err, ERR_PARSE, "x509: trailing data");
    if (!der_next(&frame, &tag, &alg_body, &alg) || tag != DER_SEQUENCE || !der_take(&alg_body, DER_OID, &c->sig_alg))
        return malformed(err, "signature algorithm identifier");
    if (!der_take(&frame, DER_BIT_STRING, &bits) || bits.n < 1 || bits.p[0] != 0 || frame.n > 0)
        return malformed(err, "signature");
    c->sig = str_sub(bits, 1, bits.n);
    return parse_tbs(c, tbs, alg, err);
}

struct cert *cert_parse_der(struct str der, struct err *err)
{
    struct arena *mem = arena_new();
    struct cert_priv *c = ARENA_NEW(mem, struct cert_priv);
    c->mem = mem;
    c->path_len = -1;
    c->pub.refs = 1;
    c->pub.priv = c;
    c->pub.der = arena_str(mem, der);
    if (parse_frame(c, err))
        return &c->pub;
    cert_unref(&c->pub);
    return NULL;
}

bool cert_parse_pem_all(struct str pem, struct cert ***certs, size_t *count, struct err *err)
{
    struct arena *a = arena_new();
    struct pem_block block;
    struct cert **v = NULL;
    size_t n = 0;
    bool ok = true;
    while (ok && pem_next(a, &pem, &block)) {
        if (!str_eqc(block.type, "CERTIFICATE"))
            continue;
        struct cert *c = cert_parse_der(block.der, err);
        ok = c != NULL;
        if (ok) {
            v = xrealloc(v, (n + 1) * sizeof *v);
            v[n++] = c;
        }
    }
    arena_free(a);
    if (ok && n == 0)                  /* client-go util/cert */
        ok = err_set(err, ERR_PARSE, "data does not contain any valid RSA or ECDSA certificates");
    if (!ok) {
        certs_free(v, n);
        return false;
    }
    *certs = v;
    *count = n;
    return true;
}

struct cert *cert_parse_pem(struct str pem, struct err *err)
{
    struct arena *a = arena_new();
    struct pem_block block = { 0 };
    bool found = false;
    while (!found && pem_next(a, &pem, &block))
        found = str_eqc(block.type, "CERTIFICATE");
    struct cert *c = NULL;
    if (found)
        c = cert_parse_der(block.der, err);
    else
        err_set(err, ERR_PARSE, "data does not contain any valid RSA or ECDSA certificates");
    arena_free(a);
    return c;
}

void certs_free(struct cert **certs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        cert_unref(certs[i]);
    free(certs);
}

struct cert *cert_ref(struct cert *c)
{
    c->refs++;
    return c;
}

void cert_unref(struct cert *c)
{
    if (!c)
        return;
    ASSERT(c->refs > 0);
    if (--c->refs > 0)
        return;
    struct cert_priv *p = c->priv;
    key_unref(p->key);
    key_unref(p->verified_by);
    arena_free(p->mem);                /* p itself lives there */
}

struct str cert_pem(struct arena *a, const struct cert *c)
{
    return pem_encode(a, "CERTIFICATE", c->der);
}

struct key *cert_public_key(const struct cert *c)
{
    return key_ref(cert_of(c)->key);
}

/* ---- signatures ---- */
struct signature_algorithm {
    struct str        oid;
    mbedtls_md_type_t md;
    bool              rsa;
};
static const struct signature_algorithm algorithms[] = {
    { OID("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05"), MBEDTLS_MD_SHA1, true },
    { OID("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b"), MBEDTLS_MD_SHA256, true },
    { OID("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c"), MBEDTLS_MD_SHA384, true },
    { OID("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d"), MBEDTLS_MD_SHA512, true },
    { OID("\x2a\x86\x48\xce\x3d\x04\x01"), MBEDTLS_MD_SHA1, false },
    { OID("\x2a\x86\x48\xce\x3d\x04\x03\x02"), MBEDTLS_MD_SHA256, false },
    { OID("\x2a\x86\x48\xce\x3d\x04\x03\x03"), MBEDTLS_MD_SHA384, false },
    { OID("\x2a\x86\x48\xce\x3d\x04\x03\x04"), MBEDTLS_MD_SHA512, false },
};

const char *pki_signature_check(struct str sig_alg_oid, struct str tbs, struct str sig, const struct key *k)
{
    for (size_t i = 0; i < ARRAY_LEN(algorithms); i++) {
        const struct signature_algorithm *alg = &algorithms[i];
        if (!str_eq(alg->oid, sig_alg_oid))
            continue;
        if (alg->rsa != key_is_rsa(k))
            return alg->rsa
                       ? "x509: signature algorithm specifies an RSA public key, but have public key of type *ecdsa.PublicKey"
                       : "x509: signature algorithm specifies an ECDSA public key, but have public key of type *rsa.PublicKey";
        if (key_verify(k, alg->md, tbs, sig))
            return NULL;
        return alg->rsa ? "crypto/rsa: verification error" : "x509: ECDSA verification failure";
    }
    return "x509: cannot verify signature: algorithm unimplemented";
}

/* Certificate.CheckSignatureFrom. Who has signed never changes, so a good answer is remembered: in-process connections
 * verify the same few certificates thousands of times. */
const char *cert_check_signature(const struct cert *c, const struct cert *parent)
{
    struct cert_priv *child = c->priv;
    const struct cert_priv *p = cert_of(parent);
    bool may_sign = p->has_basic ? parent->is_ca : p->version < 3;
    if (p->has_key_usage && !(parent->key_usage & CERT_KU_CERT_SIGN))
        may_sign = false;
    if (!may_sign)
        return "x509: invalid signature: parent certificate cannot sign this kind of certificate";
    if (child->verified_by && key_same_public(child->verified_by, p->key))
        return NULL;
    const char *why = pki_signature_check(child->sig_alg, child->tbs, child->sig, p->key);
    if (!why) {
        key_unref(child->verified_by);
        child->verified_by = key_ref(p->key);
    }
    return why;
}
