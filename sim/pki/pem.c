/* sim/pki/pem.c - PEM armour, read as leniently as Go's encoding/pem does: anything may stand between blocks, a broken
 * block is skipped.
 *
 * The kubelet's kubelet-client-current.pem holds a certificate and a key in one file, and openssl writes "EC
 * PARAMETERS" ahead of a key; so callers walk over all blocks and take those of a type they want. Headers (encrypted
 * keys) make a block unusable, and it is skipped.
 */
#include "sim/pki/pki_priv.h"

static bool pem_line(struct str *rest, struct str *line)
{
    if (rest->n == 0)
        return false;
    str_cut(*rest, '\n', line, rest);
    *line = str_trim(*line);
    return true;
}

static bool pem_marker(struct str line, const char *prefix, struct str *type)
{
    if (!str_starts(line, prefix) || !str_ends(line, "-----") || line.n < strlen(prefix) + 5)
        return false;
    *type = str_sub(line, strlen(prefix), line.n - 5);
    return true;
}

/* Read up to the END line. False: the block has headers, does not end, or is not base64. */
static bool pem_body(struct arena *a, struct str *rest, struct pem_block *out)
{
    struct strbuf text;
    strbuf_init(&text, PKI_PEM_FILE_MAX);
    struct str line, end_type;
    bool ended = false, ok = true;
    while (ok && !ended) {
        struct str before = *rest;
        if (!pem_line(rest, &line))
            break;
        if (pem_marker(line, "-----END ", &end_type)) {
            ended = true;
        } else if (str_starts(line, "-----BEGIN ")) {
            *rest = before;            /* the block never ended; the next one begins here */
            ok = false;
        } else if (str_chr(line, ':') >= 0) {
            ok = false;
        } else {
            strbuf_add(&text, line);
        }
    }
    ok = ok && ended && str_eq(end_type, out->type) && !text.overflow && base64_decode(a, strbuf_str(&text), &out->der);
    strbuf_deinit(&text);
    return ok;
}

bool pem_next(struct arena *a, struct str *rest, struct pem_block *out)
{
    struct str line;
    while (pem_line(rest, &line)) {
        if (pem_marker(line, "-----BEGIN ", &out->type) && pem_body(a, rest, out))
            return true;
    }
    return false;
}

struct str pem_encode(struct arena *a, const char *type, struct str der)
{
    struct str b64 = base64_encode(a, der);
    struct strbuf out;
    strbuf_init(&out, PKI_PEM_FILE_MAX);
    strbuf_addf(&out, "-----BEGIN %s-----\n", type);
    for (size_t i = 0; i < b64.n; i += 64) {
        strbuf_add(&out, str_sub(b64, i, i + 64));
        strbuf_addch(&out, '\n');
    }
    strbuf_addf(&out, "-----END %s-----\n", type);
    ASSERT(!out.overflow);
    struct str text = arena_str(a, strbuf_str(&out));
    strbuf_deinit(&out);
    return text;
}
