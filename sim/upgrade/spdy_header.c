/* sim/upgrade/spdy_header.c - header blocks of SPDY/3: length-prefixed pairs, compressed with a dictionary that both sides know.
 *
 * Upstream: github.com/moby/spdystream spdy/{read,write,dictionary}.go; the dictionary is that of
 * draft-mbelshe-httpbis-spdy-00, 2.6.10.1. The zlib stream of each direction lives as long as the connection, so every
 * block must be inflated, also one that is then refused: a block that is skipped would put the rest out of step.
 */
#include <ctype.h>
#include <stdlib.h>

#include "sim/upgrade/spdy_priv.h"

#include <zlib.h>

/* In the dictionary each of these is preceded by its length as four bytes ... */
static const char *const dictionary_words[] = {
    "options", "head", "post", "put", "delete", "trace", "accept", "accept-charset", "accept-encoding",
    "accept-language", "accept-ranges", "age", "allow", "authorization", "cache-control", "connection",
    "content-base", "content-encoding", "content-language", "content-length", "content-location", "content-md5",
    "content-range", "content-type", "date", "etag", "expect", "expires", "from", "host", "if-match",
    "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "last-modified", "location",
    "max-forwards", "pragma", "proxy-authenticate", "proxy-authorization", "range", "referer", "retry-after",
    "server", "te", "trailer", "transfer-encoding", "upgrade", "user-agent", "vary", "via", "warning",
    "www-authenticate", "method", "get", "status", "200 OK", "version", "HTTP/1.1", "url", "public",
    "set-cookie", "keep-alive", "origin",
};
/* ... and this follows as it is. */
static const char dictionary_text[] =
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 "
    "Forbidden404 Not Found"
    "500 Internal Server Error501 Not Implemented503 Service Unavailable"
    "Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT"
    "chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,"
    "publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.";

#define DICTIONARY_BYTES 1423u
#define DICTIONARY_ADLER 0xe3c6a7c2u

struct spdy_codec {
    z_stream in, out;
    char     dictionary[DICTIONARY_BYTES];
};

size_t spdy_dictionary(char *out, size_t size)
{
    ASSERT(size >= DICTIONARY_BYTES);
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(dictionary_words); i++) {
        size_t len = strlen(dictionary_words[i]);
        put_u32(out + n, (uint32_t)len);
        memcpy(out + n + 4, dictionary_words[i], len);
        n += 4 + len;
    }
    memcpy(out + n, dictionary_text, sizeof dictionary_text - 1);
    return n + sizeof dictionary_text - 1;
}

struct spdy_codec *spdy_codec_new(void)
{
    struct spdy_codec *c = NEW(struct spdy_codec);
    size_t n = spdy_dictionary(c->dictionary, sizeof c->dictionary);
    ASSERT(n == DICTIONARY_BYTES);
    ASSERT(adler32(adler32(0, NULL, 0), (const Bytef *)c->dictionary, (uInt)n) == DICTIONARY_ADLER);
    ASSERT(deflateInit(&c->out, Z_BEST_COMPRESSION) == Z_OK);
    ASSERT(deflateSetDictionary(&c->out, (const Bytef *)c->dictionary, (uInt)n) == Z_OK);
    ASSERT(inflateInit(&c->in) == Z_OK);
    return c;
}

void spdy_codec_free(struct spdy_codec *c)
{
    if (c == NULL)
        return;
    deflateEnd(&c->out);
    inflateEnd(&c->in);
    free(c);
}

/* ---- encode ---- */
static void add_u32(struct strbuf *b, size_t v)
{
    char bytes[4];
    put_u32(bytes, (uint32_t)v);
    strbuf_add(b, (struct str){ bytes, 4 });
}

static bool seen_before(const struct http_headers *h, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (str_eqi(h->v[j].name, h->v[i].name))
            return true;
    return false;
}

static void add_pair(struct strbuf *b, const struct http_headers *h, size_t i)
{
    size_t len = 0, count = 0;
    for (size_t j = i; j < h->n; j++)
        if (str_eqi(h->v[j].name, h->v[i].name))
            len += h->v[j].value.n + (count++ > 0);
    add_u32(b, h->v[i].name.n);
    for (size_t k = 0; k < h->v[i].name.n; k++)
        strbuf_addch(b, (char)tolower((unsigned char)h->v[i].name.p[k]));
    add_u32(b, len);
    count = 0;
    for (size_t j = i; j < h->n; j++)
        if (str_eqi(h->v[j].name, h->v[i].name)) {
            if (count++ > 0)
                strbuf_addch(b, '\0');
            strbuf_add(b, h->v[j].value);
        }
}

void spdy_encode(struct spdy_codec *c, const struct http_headers *h, struct strbuf *out)
{
    struct strbuf plain;
    strbuf_init(&plain, SPDY_BLOCK_BYTES_MAX);
    size_t names = 0;
    for (size_t i = 0; h != NULL && i < h->n; i++)
        names += !seen_before(h, i);
    add_u32(&plain, names);
    for (size_t i = 0; h != NULL && i < h->n; i++)
        if (!seen_before(h, i))
            add_pair(&plain, h, i);
    ASSERT(!plain.overflow);
    c->out.next_in = (Bytef *)plain.p;
    c->out.avail_in = (uInt)plain.n;
    do {
        char piece[1024];
        c->out.next_out = (Bytef *)piece;
        c->out.avail_out = sizeof piece;
        deflate(&c->out, Z_SYNC_FLUSH);
        strbuf_add(out, (struct str){ piece, sizeof piece - c->out.avail_out });
    } while (c->out.avail_out == 0);
    strbuf_deinit(&plain);
}

/* ---- decode ---- */
static bool inflate_block(struct spdy_codec *c, struct str block, struct strbuf *plain, struct err *err)
{
    char piece[4096];
    c->in.next_in = (Bytef *)(uintptr_t)block.p;
    c->in.avail_in = (uInt)block.n;
    for (;;) {
        c->in.next_out = (Bytef *)piece;
        c->in.avail_out = sizeof piece;
        int rc = inflate(&c->in, Z_SYNC_FLUSH);
        strbuf_add(plain, (struct str){ piece, sizeof piece - c->in.avail_out });
        if (rc == Z_NEED_DICT) {
            if (inflateSetDictionary(&c->in, (const Bytef *)c->dictionary, DICTIONARY_BYTES) != Z_OK)
                return err_set(err, ERR_PARSE, "spdy: zlib: invalid dictionary");
            continue;
        }
        if (plain->overflow)
            return err_set(err, ERR_PARSE, "spdy: header block too large");
        if (rc == Z_BUF_ERROR || (rc == Z_OK && c->in.avail_in == 0 && c->in.avail_out > 0))
            return true;                           /* all of it is read */
        if (rc != Z_OK)
            return err_set(err, ERR_PARSE, "spdy: zlib: invalid header block");
    }
}

static bool take_text(struct str *rest, struct str *out)
{
    if (rest->n < 4)
        return false;
    uint32_t n = get_u32(rest->p);
    if (n > rest->n - 4)
        return false;
    *out = str_sub(*rest, 4, 4 + (size_t)n);
    *rest = str_sub(*rest, 4 + (size_t)n, rest->n);
    return true;
}

static bool good_name(struct str name, const struct http_headers *have)
{
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] == '\0' || isupper((unsigned char)name.p[i]))
            return false;
    for (size_t i = 0; i < have->n; i++)
        if (str_eq(have->v[i].name, name))
            return false;                          /* a name may occur once; several values share it */
    return name.n > 0;
}

static enum spdy_decoded read_pairs(struct str plain, struct arena *a, struct http_headers *out, struct err *err)
{
    struct str rest = plain, name, value;
    if (rest.n < 4)
        return err_set(err, ERR_PARSE, "spdy: header block cut short"), SPDY_BLOCK_BAD;
    uint32_t count = get_u32(rest.p);
    rest = str_sub(rest, 4, rest.n);
    if (count > SPDY_HEADERS_MAX)
        return err_set(err, ERR_PARSE, "spdy: too many headers"), SPDY_BLOCK_BAD;
    for (uint32_t i = 0; i < count; i++) {
        if (!take_text(&rest, &name) || !take_text(&rest, &value))
            return err_set(err, ERR_PARSE, "spdy: header block cut short"), SPDY_BLOCK_BAD;
        if (!good_name(name, out))
            return err_set(err, ERR_PARSE, "spdy: bad header name"), SPDY_BLOCK_BAD;
        const char *cname = arena_cstr(a, name);
        struct str one;
        size_t first = out->n;
        do {
            one = str_token(&value, '\0');
            http_headers_add(a, out, cname, one);
        } while (value.p != NULL && out->n - first < SPDY_HEADERS_MAX);
    }
    if (rest.n > 0)
        return err_set(err, ERR_PARSE, "spdy: bytes after the headers"), SPDY_BLOCK_BAD;
    return SPDY_BLOCK_OK;
}

enum spdy_decoded spdy_decode(struct spdy_codec *c, struct str block, struct arena *a, struct http_headers *out, struct err *err)
{
    struct strbuf plain;
    strbuf_init(&plain, SPDY_BLOCK_BYTES_MAX);
    *out = (struct http_headers){ .v = NULL };
    enum spdy_decoded r = SPDY_BLOCK_BROKEN;
    if (inflate_block(c, block, &plain, err))
        r = read_pairs(strbuf_str(&plain), a, out, err);
    strbuf_deinit(&plain);
    return r;
}
