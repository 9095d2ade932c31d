/* sim/pki/identity.c - what one end of a TLS connection shows: a chain of certificates and the key of its first (Go's
 * tls.Certificate).
 *
 * Besides the chain of struct cert, which in-process connections pass around, it holds the same certificates as
 * mbedTLS' linked list for handshakes at the edge; made once here, so that a handshake parses nothing of its own side.
 */
#include "sim/pki/pki_priv.h"

#include <stdlib.h>

struct identity_priv *identity_of(struct identity *id)
{
    return container_of(id, struct identity_priv, pub);
}

/* Takes over the array and its references; takes a reference to the key. */
static struct identity *identity_make(struct cert **chain, size_t count, struct key *k)
{
    struct identity_priv *id = NEW(struct identity_priv);
    id->pub = (struct identity){ .chain = chain, .chain_count = count, .key = key_ref(k), .refs = 1 };
    mbedtls_x509_crt_init(&id->list);
    for (size_t i = 0; i < count; i++)   /* one that mbedTLS dislikes ends the list: a client then sees a shorter chain */
        if (mbedtls_x509_crt_parse_der(&id->list, (const unsigned char *)chain[i]->der.p, chain[i]->der.n) != 0)
            break;
    return &id->pub;
}

struct identity *identity_new(struct cert *leaf, struct key *k)
{
    ASSERT(key_is_private(k));
    ASSERT(key_same_public(cert_of(leaf)->key, k));
    struct cert **chain = xmalloc(sizeof *chain);
    chain[0] = cert_ref(leaf);
    return identity_make(chain, 1, k);
}

struct identity *identity_parse_pem(struct str cert_pem_text, struct str key_pem_text, struct err *err)
{
    struct cert **chain;
    size_t count;
    if (str_find(cert_pem_text, STR("-----BEGIN CERTIFICATE-----")) < 0) {
        err_set(err, ERR_PARSE, "tls: failed to find any PEM data in certificate input");
        return NULL;
    }
    if (!cert_parse_pem_all(cert_pem_text, &chain, &count, err))
        return NULL;
    struct identity *id = NULL;
    struct key *k = NULL;
    if (str_find(key_pem_text, STR("-----BEGIN ")) < 0)
        err_set(err, ERR_PARSE, "tls: failed to find any PEM data in key input");
    else if (!(k = key_parse_pem(key_pem_text, NULL)))
        err_set(err, ERR_PARSE, "tls: failed to parse private key");
    else if (!key_is_pair(cert_of(chain[0])->key, k))
        err_set(err, ERR_PARSE, "tls: private key does not match public key");
    else
        id = identity_make(chain, count, k);
    key_unref(k);
    if (!id)
        certs_free(chain, count);
    return id;
}

struct identity *identity_ref(struct identity *id)
{
    id->refs++;
    return id;
}

void identity_unref(struct identity *id)
{
    if (!id)
        return;
    ASSERT(id->refs > 0);
    if (--id->refs > 0)
        return;
    mbedtls_x509_crt_free(&identity_of(id)->list);
    certs_free(id->chain, id->chain_count);
    key_unref(id->key);
    free(identity_of(id));
}
