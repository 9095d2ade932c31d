/* tests/fuzz/der_fuzz.c - certificates as they come in a handshake, and what is done with one that parses. */
#include "sim/pki/pki.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct cert *c = cert_parse_der((struct str){ (const char *)data, n }, NULL);
    if (!c)
        return 0;
    struct trust *t = trust_new();
    struct trust_check check = { .now_ns = c->not_before_ns, .usage = CERT_EKU_SERVER, .server_name = STR("node1.lab") };
    trust_verify(t, &c, 1, &check, NULL);
    trust_add(t, c);
    check.server_name = c->dns_count > 0 ? c->dns_names[0] : c->ip_count > 0 ? c->ips[0] : STR_NULL;
    trust_verify(t, &c, 1, &check, NULL);
    struct arena *a = arena_new();
    struct cert *again = cert_parse_pem(cert_pem(a, c), NULL);
    if (again)
        cert_unref(again);
    arena_free(a);
    trust_free(t);
    cert_unref(c);
    return 0;
}
