/* sim/pki/csr.c - certificate requests (PKCS#10), read as the API server and the CSR controllers do
 * (pkg/apis/certificates ParseCSR).
 *
 * Names come out by the same functions as a certificate's. The request's own signature is checked here, since nothing
 * may be said of a request whose sender does not hold the key. Attributes other than extensionRequest, and extensions
 * other than the names, are passed over.
 */
#include "sim/pki/pki_priv.h"

static const struct str oid_extension_request = { "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0e", 9 };

static bool read_extension_request(struct arena *a, struct str value_set, struct x509_names *names, struct err *err)
{
    struct str list, ext, oid, flag, value;
    if (!der_take(&value_set, DER_SEQUENCE, &list))
        return err_set(err, ERR_PARSE, "x509: malformed certificate request extensions");
    while (list.n > 0) {
        if (!der_take(&list, DER_SEQUENCE, &ext) || !der_take(&ext, DER_OID, &oid))
            return err_set(err, ERR_PARSE, "x509: malformed certificate request extensions");
        der_take(&ext, DER_BOOLEAN, &flag);
        if (!der_take(&ext, DER_OCTET_STRING, &value))
            return err_set(err, ERR_PARSE, "x509: malformed certificate request extensions");
        if (str_eq(oid, oid_san) && !x509_san_parse(a, value, names, err))
            return false;
    }
    return true;
}

static bool read_attributes(struct arena *a, struct str info, struct x509_names *names, struct err *err)
{
    struct str attributes, attribute, oid, set;
    if (info.n == 0)
        return true;
    if (!der_take(&info, DER_CONTEXT | DER_CONSTRUCTED | 0, &attributes))
        return err_set(err, ERR_PARSE, "x509: malformed certificate request attributes");
    while (attributes.n > 0) {
        if (!der_take(&attributes, DER_SEQUENCE, &attribute) || !der_take(&attribute, DER_OID, &oid) ||
            !der_take(&attribute, DER_SET, &set))
            return err_set(err, ERR_PARSE, "x509: malformed certificate request attributes");
        if (str_eq(oid, oid_extension_request) && !read_extension_request(a, set, names, err))
            return false;
    }
    return true;
}

/* The parts of a PKCS#10 request. Nothing is said yet about the key or the signature. */
struct csr_parts { struct x509_names names; struct str info_raw, spki, sig_alg, signature; };

static bool csr_read(struct arena *a, struct str der, struct csr_parts *p, struct err *err)
{
    struct str frame, info, v, subject, alg, bits;
    unsigned tag;
    *p = (struct csr_parts){ 0 };
    if (!der_take(&der, DER_SEQUENCE, &frame) || der.n > 0 || !der_next(&frame, &tag, &info, &p->info_raw) || tag != DER_SEQUENCE ||
        !der_take(&frame, DER_SEQUENCE, &alg) || !der_take(&alg, DER_OID, &p->sig_alg) ||
        !der_take(&frame, DER_BIT_STRING, &bits) || bits.n < 1)
        return err_set(err, ERR_PARSE, "x509: malformed certificate request");
    if (!der_take(&info, DER_INTEGER, &v) || !der_take(&info, DER_SEQUENCE, &subject) ||
        !x509_subject_parse(a, subject, &p->names) || !der_next(&info, &tag, &v, &p->spki) || tag != DER_SEQUENCE)
        return err_set(err, ERR_PARSE, "x509: malformed certificate request");
    p->signature = str_sub(bits, 1, bits.n);
    return read_attributes(a, info, &p->names, err);
}

static void unref_key(void *k)
{
    key_unref(k);
}

static bool csr_parse_der(struct arena *a, struct str der, struct csr *out, struct err *err)
{
    struct csr_parts p;
    if (!csr_read(a, der, &p, err))
        return false;
    struct key *k = key_parse_spki(p.spki, err);
    if (!k)
        return false;
    arena_defer(a, unref_key, k);
    const char *why = pki_signature_check(p.sig_alg, p.info_raw, p.signature, k);
    if (why)
        return err_set(err, ERR_PARSE, "%s", why);
    struct x509_names names = p.names;
    *out = (struct csr){
        .subject_cn = names.cn, .orgs = names.orgs, .org_count = names.org_count, .public_key = k,
        .dns_names = names.san[SAN_DNS], .dns_count = names.san_count[SAN_DNS],
        .ips = names.san[SAN_IP], .ip_count = names.san_count[SAN_IP],
        .emails = names.san[SAN_EMAIL], .email_count = names.san_count[SAN_EMAIL],
        .uris = names.san[SAN_URI], .uri_count = names.san_count[SAN_URI],
    };
    return true;
}

static bool csr_block(struct arena *a, struct str pem, struct pem_block *out, struct err *err)
{
    if (pem_next(a, &pem, out) && str_eqc(out->type, "CERTIFICATE REQUEST"))
        return true;
    return err_set(err, ERR_PARSE, "PEM block type must be CERTIFICATE REQUEST");
}

bool csr_parse_pem(struct arena *a, struct str pem, struct csr *out, struct err *err)
{
    struct pem_block block;
    return csr_block(a, pem, &block, err) && csr_parse_der(a, block.der, out, err);
}

bool csr_check_pem(struct arena *a, struct str pem, struct err *err)
{
    struct pem_block block;
    struct csr_parts parts;
    return csr_block(a, pem, &block, err) && csr_read(a, block.der, &parts, err);
}
