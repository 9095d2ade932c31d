/* tests/fuzz/spdy_fuzz.c - bytes from a client, cut into pieces, through SPDY, by an owner who echoes, pauses, closes and frees
 * at odd times. First byte: the size of the pieces, 0 is all at once. Second byte: bits that tell what the owner does with its
 * streams. A block of headers made of random bytes hardly ever passes zlib, so a frame of the invalid type 0xff stands for
 * "SYN_STREAM with this plain block, compressed here". */
#include "sim/upgrade/spdy_priv.h"

#include <zlib.h>

enum { ECHO = 1, CLOSE_EARLY = 2, PAUSE = 4, REFUSE_SOME = 8, FREE_EARLY = 16, ABORT = 32, SHUT = 64 };
enum { STREAMS = 2048 };

struct owner {
    struct spdy   *spdy;
    unsigned       what;
    struct stream *streams[STREAMS];
    size_t         count, seen;
};

static struct stream **place_of(struct owner *o, size_t i) { return &o->streams[i % STREAMS]; }
struct one { struct owner *o; size_t i; };
static struct one ones[STREAMS];

static void on_data(void *ctx, struct str b)
{
    struct one *n = ctx;
    struct stream **s = place_of(n->o, n->i);
    if (n->o->what & ECHO)
        stream_write(*s, b);
    if (n->o->what & SHUT)
        stream_shutdown(*s);
    if (n->o->what & ABORT) {
        stream_abort(*s);
        *s = NULL;
    }
}

static void on_stream_close(void *ctx, const struct err *why)
{
    struct one *n = ctx;
    (void)why;
    stream_close(*place_of(n->o, n->i));
    *place_of(n->o, n->i) = NULL;
}

static const struct stream_events stream_events = { .on_data = on_data, .on_close = on_stream_close };

static bool on_stream(void *ctx, struct stream *sub, const struct http_headers *h)
{
    struct owner *o = ctx;
    for (size_t i = 0; i < h->n; i++)
        o->seen += h->v[i].value.n;
    if (o->count >= STREAMS || ((o->what & REFUSE_SOME) && o->count % 3 == 2))
        return false;
    size_t i = o->count++;
    ones[i] = (struct one){ o, i };
    *place_of(o, i) = sub;
    if ((o->what & PAUSE) && i % 2 == 0)
        stream_pause(sub);
    stream_attach(sub, &stream_events, &ones[i]);
    if (o->what & CLOSE_EARLY) {
        stream_close(sub);
        *place_of(o, i) = NULL;
    }
    if ((o->what & FREE_EARLY) && i == 2) {
        spdy_free(o->spdy);
        o->spdy = NULL;
    }
    return true;
}

static const struct spdy_events spdy_events = { .on_stream = on_stream };

/* Replace frames 0xff.. by a compressed SYN_STREAM; everything else stays. */
static void expand(const uint8_t *data, size_t size, struct strbuf *out)
{
    char dictionary[1500], block[8192], frame[18];
    size_t n = spdy_dictionary(dictionary, sizeof dictionary);
    z_stream z = { 0 };
    deflateInit(&z, 9);
    deflateSetDictionary(&z, (Bytef *)dictionary, (uInt)n);
    for (size_t at = 0; at < size;) {
        if (data[at] != 0xff || size - at < 4) {
            strbuf_addch(out, (char)data[at++]);
            continue;
        }
        size_t len = data[at + 3] < size - at - 4 ? data[at + 3] : size - at - 4;
        z.next_in = (Bytef *)(uintptr_t)(data + at + 4);
        z.avail_in = (uInt)len;
        z.next_out = (Bytef *)block;
        z.avail_out = sizeof block;
        deflate(&z, Z_SYNC_FLUSH);
        size_t made = sizeof block - z.avail_out;
        memcpy(frame, "\x80\x03\0\1", 4);
        put_u32(frame + 4, (uint32_t)(made + 10) | (uint32_t)(data[at + 1] & 3) << 24);
        put_u32(frame + 8, data[at + 2]);
        memset(frame + 12, 0, 6);
        strbuf_add(out, (struct str){ frame, 18 });
        strbuf_add(out, (struct str){ block, made });
        at += 4 + len;
    }
    deflateEnd(&z);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    struct loop_options opt = { .start_vtime_ns = (int64_t)NS_PER_S };
    struct loop *l = loop_new(&opt);
    struct owner o = { .what = data[1] };
    struct stream *raw, *end;
    struct strbuf bytes;
    strbuf_init(&bytes, 16 << 20);
    expand(data + 2, size - 2, &bytes);
    stream_pair(l, &raw, &end);
    o.spdy = spdy_new(l, end, true, &spdy_events, &o);
    size_t piece = data[0] == 0 ? bytes.n : data[0];
    for (size_t at = 0; at < bytes.n; at += piece) {
        stream_write(raw, str_sub(strbuf_str(&bytes), at, at + piece));
        loop_turn(l);
    }
    for (size_t i = 0; i < STREAMS; i++)
        if (o.streams[i] != NULL)
            stream_resume(o.streams[i]);
    loop_turn(l);
    if (o.spdy != NULL)
        ASSERT(spdy_streams(o.spdy) <= o.count);
    spdy_free(o.spdy);
    for (size_t i = 0; i < STREAMS; i++)
        stream_close(o.streams[i]);
    stream_close(raw);
    loop_turn(l);
    loop_turn(l);
    strbuf_deinit(&bytes);
    loop_free(l);
    return 0;
}
