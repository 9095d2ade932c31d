/* sim/pki/names.c - subjects and subject alternative names, read and written alike for certificates and requests.
 *
 * Kubernetes keeps its users in subjects: CN is the user's name, each O a group
 * (apiserver/pkg/authentication/request/x509). Written as Go does (crypto/x509/pkix): O before CN, one attribute to a
 * set, PrintableString where the characters allow it and UTF8String elsewhere. Read: CN and O alone; DNS, IP, e-mail
 * and URI names; other kinds are passed over.
 */
#include "sim/pki/pki_priv.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static const struct str oid_common_name = { "\x55\x04\x03", 3 }, oid_organization = { "\x55\x04\x0a", 3 };

/* Append to an array that lives in an arena; its capacity is the next power of two. */
static void strs_push(struct arena *a, struct str **v, size_t *n, struct str s)
{
    if ((*n & (*n - 1)) == 0) {
        size_t cap = *n == 0 ? 1 : *n * 2;
        *v = arena_realloc(a, *v, *n * sizeof **v, cap * sizeof **v);
    }
    (*v)[(*n)++] = s;
}

bool x509_subject_parse(struct arena *a, struct str name_body, struct x509_names *out)
{
    struct str set, attribute, oid, value;
    unsigned tag;
    while (name_body.n > 0) {
        if (!der_take(&name_body, DER_SET, &set))
            return false;
        while (set.n > 0) {
            if (!der_take(&set, DER_SEQUENCE, &attribute) || !der_take(&attribute, DER_OID, &oid) ||
                !der_next(&attribute, &tag, &value, NULL))
                return false;
            if (str_eq(oid, oid_common_name))
                out->cn = arena_str(a, value);
            else if (str_eq(oid, oid_organization))
                strs_push(a, &out->orgs, &out->org_count, arena_str(a, value));
        }
    }
    return true;
}

bool x509_san_parse(struct arena *a, struct str ext_value, struct x509_names *out, struct err *err)
{
    static const struct { unsigned tag; enum san_kind kind; } kinds[] = {
        { DER_CONTEXT | 1, SAN_EMAIL }, { DER_CONTEXT | 2, SAN_DNS }, { DER_CONTEXT | 6, SAN_URI }, { DER_CONTEXT | 7, SAN_IP },
    };
    struct str names, value;
    unsigned tag;
    if (!der_take(&ext_value, DER_SEQUENCE, &names) || ext_value.n > 0)
        return err_set(err, ERR_PARSE, "x509: invalid subject alternative names");
    out->has_san = true;
    while (names.n > 0) {
        if (!der_next(&names, &tag, &value, NULL))
            return err_set(err, ERR_PARSE, "x509: invalid subject alternative name");
        for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
            if (kinds[i].tag != tag)
                continue;
            enum san_kind kind = kinds[i].kind;
            if (kind == SAN_IP && value.n != 4 && value.n != 16)
                return err_set(err, ERR_PARSE, "x509: cannot parse IP address of length %zu", value.n);
            struct str text = kind == SAN_IP ? pki_ip_text(a, (const uint8_t *)value.p, value.n) : arena_str(a, value);
            strs_push(a, &out->san[kind], &out->san_count[kind], text);
        }
    }
    return true;
}

bool pki_ip_parse(struct str text, uint8_t out[16], size_t *n)
{
    char buf[INET6_ADDRSTRLEN + 1];
    if (text.n >= sizeof buf || memchr(text.p ? text.p : "", 0, text.n))
        return false;
    if (text.n > 0)
        memcpy(buf, text.p, text.n);
    buf[text.n] = '\0';
    if (inet_pton(AF_INET, buf, out) == 1) {
        *n = 4;
        return true;
    }
    *n = 16;
    return inet_pton(AF_INET6, buf, out) == 1;
}

struct str pki_ip_text(struct arena *a, const uint8_t *ip, size_t n)
{
    static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
    if (n == 16 && memcmp(ip, mapped, sizeof mapped) == 0) {
        ip += 12;
        n = 4;
    }
    char buf[INET6_ADDRSTRLEN];
    ASSERT(inet_ntop(n == 4 ? AF_INET : AF_INET6, ip, buf, sizeof buf) != NULL);
    return arena_str(a, str_c(buf));
}

/* asn1.isPrintable of Go, without the lenience that is for reading alone. */
static bool is_printable(const char *s)
{
    for (; *s; s++)
        if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9') || strchr(" '()+,-./:=?", *s)))
            return false;
    return true;
}

static void write_attribute(struct der_out *o, struct str oid, const char *value)
{
    size_t set = o->at;
    der_put_str(o, str_c(value));
    der_close(o, is_printable(value) ? DER_PRINTABLE_STRING : DER_UTF8_STRING, set);
    size_t mark = o->at;
    der_put_str(o, oid);
    der_close(o, DER_OID, mark);
    der_close(o, DER_SEQUENCE, set);
    der_close(o, DER_SET, set);
}

static size_t names_count(const char **v)
{
    size_t n = 0;
    while (v && v[n])
        n++;
    return n;
}

void x509_subject_write(struct der_out *o, const struct cert_template *tpl)
{
    size_t mark = o->at;
    if (tpl->cn && *tpl->cn)
        write_attribute(o, oid_common_name, tpl->cn);
    /* Go has one set of several values here; a set each reads the same */
    for (size_t i = names_count(tpl->orgs); i > 0; i--)
        write_attribute(o, oid_organization, tpl->orgs[i - 1]);
    der_close(o, DER_SEQUENCE, mark);
}

bool x509_san_write(struct der_out *o, const struct cert_template *tpl, struct err *err)
{
    size_t dns = names_count(tpl->dns_names), ips = names_count(tpl->ips), mark = o->at;
    if (dns + ips == 0)
        return true;
    for (size_t i = ips; i > 0; i--) {
        uint8_t ip[16];
        size_t n, at = o->at;
        if (!pki_ip_parse(str_c(tpl->ips[i - 1]), ip, &n))
            return err_set(err, ERR_PARSE, "invalid IP address: %s", tpl->ips[i - 1]);
        der_put(o, ip, n);
        der_close(o, DER_CONTEXT | 7, at);
    }
    for (size_t i = dns; i > 0; i--) {
        size_t at = o->at;
        der_put_str(o, str_c(tpl->dns_names[i - 1]));
        der_close(o, DER_CONTEXT | 2, at);
    }
    der_close(o, DER_SEQUENCE, mark);
    x509_extension_write(o, oid_san, false, mark);
    return true;
}

/* Wrap the value written since mark. Critical is written only when true, as DER wants of a default. */
void x509_extension_write(struct der_out *o, struct str oid, bool critical, size_t mark)
{
    der_close(o, DER_OCTET_STRING, mark);
    if (critical)
        der_put(o, "\x01\x01\xff", 3);
    size_t at = o->at;
    der_put_str(o, oid);
    der_close(o, DER_OID, at);
    der_close(o, DER_SEQUENCE, mark);
}

size_t x509_template_bytes(const struct cert_template *tpl)
{
    enum { FRAME = 32 };               /* tags, lengths and OIDs round one name */
    size_t n = FRAME + (tpl->cn ? strlen(tpl->cn) : 0);
    const char **lists[] = { tpl->orgs, tpl->dns_names, tpl->ips };
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        for (size_t j = 0; lists[i] && lists[i][j]; j++)
            n += FRAME + strlen(lists[i][j]);
    return n;
}
