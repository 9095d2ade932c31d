/* sim/cmd/fault_identity.c - certificates that are wrong in one respect: out of date, of a stranger, for another name. */
#include "sim/cmd/faults.h"

#include <arpa/inet.h>

#define DAY_NS (24 * 3600 * (int64_t)NS_PER_S)

enum { NAMES_MAX = 8 };

/* "ubuntu,192.168.229.132": names to the one list, addresses to the other. */
static void names_split(struct arena *a, const char *names, const char **dns, const char **ips)
{
    struct in_addr address;
    size_t dns_count = 0, ip_count = 0;
    struct str rest = str_c(names);
    while (rest.p && dns_count + ip_count < NAMES_MAX) {
        const char *name = arena_cstr(a, str_token(&rest, ','));
        if (inet_pton(AF_INET, name, &address) == 1)
            ips[ip_count++] = name;
        else
            dns[dns_count++] = name;
    }
}

struct identity *fault_identity_make(const struct fault *f, const struct kubeadm_pki *pki, const char *names, int64_t now_ns,
                                     struct err *err)
{
    bool expired = f->type == FAULT_CERTIFICATE_EXPIRED, stranger = !expired && strcmp(fault_text(f, "how"), "authority") == 0;
    struct rng rng = f->rng;           /* the same each time it is asked for */
    struct arena *a = arena_new();
    const char *dns[NAMES_MAX + 1] = { NULL }, *ips[NAMES_MAX + 1] = { NULL };
    names_split(a, expired || stranger ? names : "elsewhere.example,192.0.2.1", dns, ips);
    struct cert_template t = { .cn = dns[0] ? dns[0] : ips[0], .dns_names = dns, .ips = ips, .not_before_ns = now_ns - 366 * DAY_NS,
                               .not_after_ns = expired ? now_ns - DAY_NS : now_ns + 365 * DAY_NS,
                                   .key_usage = CERT_KU_DIGITAL_SIGNATURE | CERT_KU_KEY_ENCIPHERMENT,
                               .ext_usage = CERT_EKU_SERVER, .serial_len = 8 };
    rng_bytes(&rng, t.serial, t.serial_len);
    t.serial[0] = (uint8_t)((t.serial[0] & 0x7f) | 0x40);
    struct key *key = key_generate_ec(&rng);
    struct cert *cert = stranger ? cert_issue(&t, key, NULL, key, err) : cert_issue(&t, key, pki->ca, pki->ca_key, err);
    struct identity *id = cert ? identity_new(cert, key) : NULL;
    cert_unref(cert);
    key_unref(key);
    arena_free(a);
    return id;
}
