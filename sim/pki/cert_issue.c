/* sim/pki/cert_issue.c - making certificates, as x509.CreateCertificate of Go does for kubeadm, the CSR signer and the kubelet.
 *
 * The signed part is written by hand (der.c), because mbedTLS 2.28's writer knows no IP names. Order of extensions is
 * Go's: key usage, extended usage, basic constraints, subject key id, authority key id, alternative names. A subject
 * key id is given to CAs alone, and is the SHA-1 of the public key's bits; the authority key id is the issuer's, unless
 * that is the certificate itself.
 */
#include "sim/pki/pki_priv.h"

#define DER(bytes) { bytes, sizeof(bytes) - 1 }
const struct str der_alg_rsa_sha256 = DER("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00"),
                 der_alg_ecdsa_sha256 = DER("\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02");

static struct str algorithm_of(const struct key *k)
{
    return key_is_rsa(k) ? der_alg_rsa_sha256 : der_alg_ecdsa_sha256;
}

/* SHA-1 over the bits of the public key, without the algorithm round them (RFC 5280, 4.2.1.2, method 1). */
static void subject_key_id(const struct key *k, uint8_t id[20])
{
    struct str in = k->spki, seq, alg, bits;
    ASSERT(der_take(&in, DER_SEQUENCE, &seq) && der_take(&seq, DER_SEQUENCE, &alg) && der_take(&seq, DER_BIT_STRING, &bits));
    sha1(str_sub(bits, 1, bits.n), id);
}

static void write_key_usage(struct der_out *o, unsigned usage)
{
    static const struct { unsigned usage; uint8_t mask; } bits[] = {
        /* from the last bit of the BIT STRING to the first */
        { CERT_KU_CRL_SIGN, 0x02 },
        { CERT_KU_CERT_SIGN, 0x04 },
        { CERT_KU_KEY_ENCIPHERMENT, 0x20 },
        { CERT_KU_DIGITAL_SIGNATURE, 0x80 },
    };
    if (usage == 0)
        return;
    uint8_t byte = 0, unused = 0;
    for (size_t i = 0; i < ARRAY_LEN(bits); i++)
        byte = (uint8_t)(byte | (usage & bits[i].usage ? bits[i].mask : 0));
    ASSERT(byte != 0);
    while (!(byte >> unused & 1))
        unused++;
    size_t mark = o->at;
    der_put(o, (uint8_t[]){ unused, byte }, 2);
    der_close(o, DER_BIT_STRING, mark);
    x509_extension_write(o, oid_key_usage, true, mark);
}

static void write_ext_usage(struct der_out *o, unsigned usage)
{
    static const struct { unsigned usage; struct str oid; } usages[] = {
        { CERT_EKU_ANY, DER("\x55\x1d\x25\x00") },
        { CERT_EKU_CLIENT, DER("\x2b\x06\x01\x05\x05\x07\x03\x02") },
        { CERT_EKU_SERVER, DER("\x2b\x06\x01\x05\x05\x07\x03\x01") },
    };
    size_t mark = o->at;
    for (size_t i = 0; i < ARRAY_LEN(usages); i++) {
        if (!(usage & usages[i].usage))
            continue;
        size_t at = o->at;
        der_put_str(o, usages[i].oid);
        der_close(o, DER_OID, at);
    }
    if (o->at == mark)
        return;
    der_close(o, DER_SEQUENCE, mark);
    x509_extension_write(o, oid_ext_usage, false, mark);
}

static void write_basic_constraints(struct der_out *o, bool is_ca)
{
    size_t mark = o->at;
    if (is_ca)
        der_put(o, "\x01\x01\xff", 3);
    der_close(o, DER_SEQUENCE, mark);
    x509_extension_write(o, oid_basic_constraints, true, mark);
}

static void write_key_ids(struct der_out *o, const struct cert_template *tpl, const struct key *subject_key,
                          const struct cert *issuer)
{
    size_t mark = o->at;
    if (issuer && cert_of(issuer)->subject_key_id.n > 0) {
        der_put_str(o, cert_of(issuer)->subject_key_id);
        der_close(o, DER_CONTEXT | 0, mark);
        der_close(o, DER_SEQUENCE, mark);
        x509_extension_write(o, oid_authority_key_id, false, mark);
    }
    if (tpl->is_ca) {
        uint8_t id[20];
        subject_key_id(subject_key, id);
        mark = o->at;
        der_put(o, id, sizeof id);
        der_close(o, DER_OCTET_STRING, mark);
        x509_extension_write(o, oid_subject_key_id, false, mark);
    }
}

static bool write_extensions(struct der_out *o, const struct cert_template *tpl, const struct key *subject_key,
                             const struct cert *issuer, struct err *err)
{
    size_t mark = o->at;
    if (!x509_san_write(o, tpl, err))
        return false;
    write_key_ids(o, tpl, subject_key, issuer);
    write_basic_constraints(o, tpl->is_ca);
    write_ext_usage(o, tpl->ext_usage);
    write_key_usage(o, tpl->key_usage);
    der_close(o, DER_SEQUENCE, mark);
    der_close(o, DER_CONTEXT | DER_CONSTRUCTED | 3, mark);
    return true;
}

/* UTCTime until 2049 and GeneralizedTime from 2050 on (RFC 5280, 4.1.2.5), in whole seconds. */
static void write_time(struct der_out *o, struct arena *a, int64_t unix_ns)
{
    int year, mon, day, hour, min, sec, wday;
    int64_t s = unix_ns / (int64_t)NS_PER_S - (unix_ns % (int64_t)NS_PER_S < 0);
    time_civil(s, &year, &mon, &day, &hour, &min, &sec, &wday);
    size_t mark = o->at;
    bool utc = year >= 1950 && year < 2050;
    if (utc)
        der_put_str(o, arena_strf(a, "%02d%02d%02d%02d%02d%02dZ", year % 100, mon, day, hour, min, sec));
    else
        der_put_str(o, arena_strf(a, "%04d%02d%02d%02d%02d%02dZ", year, mon, day, hour, min, sec));
    der_close(o, utc ? DER_UTC_TIME : DER_GENERALIZED_TIME, mark);
}

static void write_serial(struct der_out *o, const uint8_t *serial, size_t n)
{
    size_t mark = o->at;
    while (n > 1 && serial[0] == 0) {
        serial++;
        n--;
    }
    ASSERT(n > 0 && (n > 1 || serial[0] != 0));
    der_put(o, serial, n);
    if (serial[0] & 0x80)              /* an INTEGER with its first bit set would be negative */
        der_put(o, "\0", 1);
    der_close(o, DER_INTEGER, mark);
}

static bool write_tbs(struct der_out *o, struct arena *a, const struct cert_template *tpl, const struct key *subject_key,
                      const struct cert *issuer, const struct key *issuer_key, struct err *err)
{
    size_t end = o->at;
    if (!write_extensions(o, tpl, subject_key, issuer, err))
        return false;
    der_put_str(o, subject_key->spki);
    x509_subject_write(o, tpl);
    size_t mark = o->at;
    write_time(o, a, tpl->not_after_ns);
    write_time(o, a, tpl->not_before_ns);
    der_close(o, DER_SEQUENCE, mark);
    if (issuer)
        der_put_str(o, cert_of(issuer)->subject_raw);
    else
        x509_subject_write(o, tpl);
    der_put_str(o, algorithm_of(issuer_key));
    write_serial(o, tpl->serial, tpl->serial_len);
    der_put(o, "\xa0\x03\x02\x01\x02", 5);                       /* [0] version 3 */
    der_close(o, DER_SEQUENCE, end);
    return true;
}

/* SEQUENCE { signed part, algorithm, signature }: the frame of certificates and requests. Uses `o` up. */
static bool sign_frame(struct arena *a, struct der_out *o, const struct key *k, struct str *der, struct err *err)
{
    uint8_t sig[PKI_SIGNATURE_MAX];
    size_t n = 0;
    struct str signed_part = der_out_str(o);
    if (!key_sign_sha256(k, signed_part, sig, &n, err))
        return false;
    struct der_out frame;
    der_out_init(&frame, a, signed_part.n + PKI_SIGNATURE_MAX + 64);
    size_t end = frame.at;
    der_put_bits(&frame, (struct str){ (const char *)sig, n });
    der_put_str(&frame, algorithm_of(k));
    der_put_str(&frame, signed_part);
    der_close(&frame, DER_SEQUENCE, end);
    *der = der_out_str(&frame);
    return true;
}

struct cert *cert_issue(const struct cert_template *tpl, const struct key *subject_key, const struct cert *issuer,
                        const struct key *issuer_key, struct err *err)
{
    ASSERT(key_is_private(issuer_key));
    ASSERT(tpl->serial_len > 0 && tpl->serial_len <= sizeof tpl->serial);
    if (!key_same_public(issuer ? cert_of(issuer)->key : subject_key, issuer_key)) {
        /* a ca.key that belongs to another ca.crt */
        err_set(err, ERR_INVALID, "x509: provided PrivateKey doesn't match parent's PublicKey");
        return NULL;
    }
    struct arena *a = arena_new();
    struct der_out o;
    struct str der;
    struct cert *c = NULL;
    size_t issuer_bytes = issuer ? cert_of(issuer)->subject_raw.n + cert_of(issuer)->subject_key_id.n : x509_template_bytes(tpl);
    der_out_init(&o, a, x509_template_bytes(tpl) + issuer_bytes + subject_key->spki.n + 512);
    if (write_tbs(&o, a, tpl, subject_key, issuer, issuer_key, err) && sign_frame(a, &o, issuer_key, &der, err))
        c = cert_parse_der(der, err);
    arena_free(a);
    return c;
}

/* ---- requests: the same writing, so they are made here and read in csr.c ---- */
struct str csr_make(struct arena *a, const struct key *k, const struct cert_template *tpl, struct err *err)
{
    static const struct str oid_extension_request = DER("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0e");
    struct arena *tmp = arena_new();
    struct str der, pem = STR_NULL;
    struct der_out o;
    der_out_init(&o, tmp, 2 * x509_template_bytes(tpl) + k->spki.n + 256);
    size_t end = o.at;
    if (x509_san_write(&o, tpl, err)) {
        if (o.at != end) {             /* attribute extensionRequest { Extensions { SAN } } */
            der_close(&o, DER_SEQUENCE, end);
            der_close(&o, DER_SET, end);
            size_t mark = o.at;
            der_put_str(&o, oid_extension_request);
            der_close(&o, DER_OID, mark);
            der_close(&o, DER_SEQUENCE, end);
        }
        der_close(&o, DER_CONTEXT | DER_CONSTRUCTED | 0, end);
        der_put_str(&o, k->spki);
        x509_subject_write(&o, tpl);
        der_put(&o, "\x02\x01\x00", 3);                          /* version 0 */
        der_close(&o, DER_SEQUENCE, end);
        if (sign_frame(tmp, &o, k, &der, err))
            pem = pem_encode(a, "CERTIFICATE REQUEST", der);
    }
    arena_free(tmp);
    return pem;
}
