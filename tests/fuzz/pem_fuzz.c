/* tests/fuzz/pem_fuzz.c - files that a student may edit: certificates, keys and requests in PEM. */
#include "sim/pki/pki.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str in = { (const char *)data, n };
    struct cert **certs;
    size_t count;
    if (cert_parse_pem_all(in, &certs, &count, NULL))
        certs_free(certs, count);
    struct key *k = key_parse_pem(in, NULL);
    struct arena *a = arena_new();
    if (k && key_is_private(k))
        key_pem(a, k);
    key_unref(k);
    struct csr csr;
    csr_parse_pem(a, in, &csr, NULL);
    identity_unref(identity_parse_pem(in, in, NULL));
    arena_free(a);
    return 0;
}
