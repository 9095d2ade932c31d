/* apiserver/store/digest.c - one number for everything that is stored: two runs with the same seed and inputs have the same.
 *
 * SHA-256 chained over the objects in order of key: each link is the digest so far, the lengths, the key and the bytes.
 * The revision comes last. */
#include "apiserver/store/store_priv.h"

#include "sim/pki/pki.h"

struct chain {
    uint8_t       sum[32];
    struct strbuf link;
};

static void add_link(struct chain *c, struct str key, int64_t number, struct str bytes)
{
    strbuf_reset(&c->link);
    strbuf_add(&c->link, (struct str){ (const char *)c->sum, sizeof c->sum });
    strbuf_addf(&c->link, "%zu %" PRId64 " %zu ", key.n, number, bytes.n);
    strbuf_add(&c->link, key);
    strbuf_add(&c->link, bytes);
    ASSERT(!c->link.overflow);
    sha256(strbuf_str(&c->link), c->sum);
}

static bool add_object(void *ctx, struct str key, struct object *o)
{
    add_link(ctx, key, o->rv, o->bytes);
    return true;
}

void store_digest(struct store *s, char out_hex[65])
{
    struct chain c = { 0 };
    strbuf_init(&c.link, LIMIT_RESPONSE_BYTES);
    store_list(s, STR_NULL, STR_NULL, add_object, &c);
    add_link(&c, STR_NULL, s->revision, STR_NULL);
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < sizeof c.sum; i++) {
        out_hex[2 * i] = digits[c.sum[i] >> 4];
        out_hex[2 * i + 1] = digits[c.sum[i] & 15];
    }
    out_hex[64] = '\0';
    strbuf_deinit(&c.link);
}
