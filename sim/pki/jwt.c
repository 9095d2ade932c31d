/* sim/pki/jwt.c - JSON web tokens: RS256 for service accounts, HS256 detached for the bootstrap signer.
 *
 * Upstream: pkg/serviceaccount/jwt.go, with go-jose's words for errors; the kid is the base64url of SHA-256 over the
 * public key's DER (keyIDFromPublicKey). The signed text is what was received, byte for byte; nothing is written anew
 * before it is verified.
 */
#include "sim/pki/pki_priv.h"

static struct str b64_json_header(struct arena *a, const char *alg, struct str kid)
{
    struct strbuf b;
    strbuf_init(&b, LIMIT_HEADER_BYTES);
    strbuf_addf(&b, "{\"alg\":\"%s\",\"kid\":", alg);
    json_write_string(&b, kid);
    strbuf_addch(&b, '}');
    struct str out = base64url_encode(a, strbuf_str(&b));
    strbuf_deinit(&b);
    return out;
}

static struct str key_id(struct arena *a, const struct key *k)
{
    uint8_t sum[32];
    sha256(k->spki, sum);
    return base64url_encode(a, (struct str){ (const char *)sum, sizeof sum });
}

struct str jwt_sign_rs256(struct arena *a, const struct key *k, struct str claims_json)
{
    ASSERT(key_is_rsa(k) && key_is_private(k));
    struct str header = b64_json_header(a, "RS256", key_id(a, k)), claims = base64url_encode(a, claims_json);
    struct str input = arena_strf(a, STR_FMT "." STR_FMT, STR_ARG(header), STR_ARG(claims));
    uint8_t sig[PKI_SIGNATURE_MAX];
    size_t n = 0;
    ASSERT(key_sign_sha256(k, input, sig, &n, NULL));
    struct str sig64 = base64url_encode(a, (struct str){ (const char *)sig, n });
    return arena_strf(a, STR_FMT "." STR_FMT, STR_ARG(input), STR_ARG(sig64));
}

static struct json *part_json(struct arena *a, struct str part)
{
    struct str text;
    if (!base64url_decode(a, part, &text))
        return NULL;
    struct json *j = json_parse(a, text, NULL);
    return json_is(j, JSON_OBJECT) ? j : NULL;
}

bool jwt_verify_rs256(struct arena *a, const struct key *k, struct str token, struct json **claims, struct err *err)
{
    struct str rest = token, header64, claims64, sig64, sig;
    if (!str_cut(rest, '.', &header64, &rest) || !str_cut(rest, '.', &claims64, &sig64) || str_chr(sig64, '.') >= 0)
        return err_set(err, ERR_UNAUTHORIZED, "square/go-jose: compact JWS format must have three parts");
    struct json *header = part_json(a, header64);
    if (!header || !base64url_decode(a, sig64, &sig))
        return err_set(err, ERR_UNAUTHORIZED, "square/go-jose: malformed token");
    if (!str_eqc(json_get_str(header, "alg"), "RS256") || json_get(header, "crit") || !key_is_rsa(k))
        return err_set(err, ERR_UNAUTHORIZED, "square/go-jose: unsupported key type/format");
    struct str input = { token.p, header64.n + 1 + claims64.n };
    if (!key_verify(k, MBEDTLS_MD_SHA256, input, sig))
        return err_set(err, ERR_UNAUTHORIZED, "square/go-jose: error in cryptographic primitive");
    struct json *body = part_json(a, claims64);
    if (!body)
        return err_set(err, ERR_UNAUTHORIZED, "square/go-jose: malformed token");
    *claims = body;
    return true;
}

/* cluster-bootstrap/token/jws ComputeDetachedSignature: the payload is signed but left out, as the reader has it
 * (cluster-info's kubeconfig). */
struct str jws_detached_hs256(struct arena *a, struct str key_id_text, struct str secret, struct str payload)
{
    struct str header = b64_json_header(a, "HS256", key_id_text), body = base64url_encode(a, payload);
    struct str input = arena_strf(a, STR_FMT "." STR_FMT, STR_ARG(header), STR_ARG(body));
    uint8_t mac[32];
    hmac_sha256(secret, input, mac);
    struct str mac64 = base64url_encode(a, (struct str){ (const char *)mac, sizeof mac });
    return arena_strf(a, STR_FMT ".." STR_FMT, STR_ARG(header), STR_ARG(mac64));
}
