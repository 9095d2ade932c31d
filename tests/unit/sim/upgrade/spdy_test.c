/* SPDY over a pair of streams: kubectl's own bytes in pieces of every size, bytes that nobody should send, and two of ours talking. */
#include "tests/unit/sim/net/net_test.h"

#include <stdio.h>
#include <stdlib.h>

#include "sim/upgrade/spdy_priv.h"

#include <zlib.h>

/* ---- one stream's owner, that writes down what happens ---- */
struct record {
    struct stream *s;
    char   seen[256];                              /* "streamtype: data; EOF; CLOSE code" in order */
    size_t bytes;
    bool   pause, close_on_data;
    int    drains;
};
static void note(struct record *r, const char *fmt, ...)
{
    va_list ap;
    size_t n = strlen(r->seen);
    va_start(ap, fmt);
    vsnprintf(r->seen + n, sizeof r->seen - n, fmt, ap);
    va_end(ap);
}

static void rec_data(void *ctx, struct str b)
{
    struct record *r = ctx;
    r->bytes += b.n;
    if (b.n < 64)
        note(r, STR_FMT, STR_ARG(b));
    if (r->close_on_data) {
        stream_close(r->s);
        r->s = NULL;
    }
}

static void rec_eof(void *ctx) { note(ctx, "|EOF"); }
static void rec_drain(void *ctx) { ((struct record *)ctx)->drains++; }
static void rec_close(void *ctx, const struct err *why)
{
    struct record *r = ctx;
    note(r, "|CLOSE %d", why->code == ERR_NONE ? 0 : why->code == ERR_CANCELED ? 1 : 2);
    stream_close(r->s);
    r->s = NULL;
}

static const struct stream_events rec_events = { rec_data, rec_eof, rec_drain, rec_close };

/* ---- a SPDY connection's owner ---- */
struct side {
    struct spdy *spdy;
    struct record rec[SPDY_STREAMS_MAX + 8];
    size_t count;
    bool   refuse, write_early, free_in_stream, free_in_close, paused, close_in_stream;
    int    closes;
    struct err why;
};
static bool on_stream(void *ctx, struct stream *sub, const struct http_headers *h)
{
    struct side *d = ctx;
    if (d->refuse)
        return false;
    struct record *r = &d->rec[d->count++];
    r->s = sub;
    note(r, STR_FMT ":", STR_ARG(http_headers_get(h, "streamtype")));
    if (d->paused)
        stream_pause(sub);
    stream_attach(sub, &rec_events, r);
    if (d->write_early)
        stream_write(sub, STR("early"));
    if (d->close_in_stream) {
        stream_close(sub);
        r->s = NULL;
    }
    if (d->free_in_stream) {
        spdy_free(d->spdy);
        d->spdy = NULL;
    }
    return true;
}

static void on_close(void *ctx, const struct err *why)
{
    struct side *d = ctx;
    d->closes++;
    d->why = *why;
    if (d->free_in_close) {
        spdy_free(d->spdy);
        d->spdy = NULL;
    }
}

static const struct spdy_events side_events = { .on_stream = on_stream, .on_close = on_close };

/* ---- the world: a server side, and the raw client end of its connection ---- */
struct world {
    struct loop   *l;
    struct stream *raw;                            /* NULL when a client side owns it */
    struct strbuf  got;                            /* what the server sent to raw */
    int            raw_closed;
    struct side    server, client;
};
static void raw_data(void *ctx, struct str b) { strbuf_add(&((struct world *)ctx)->got, b); }
static void raw_close(void *ctx, const struct err *why)
{
    struct world *w = ctx;
    w->raw_closed = why->code == ERR_NONE ? 1 : 2;
}

static const struct stream_events raw_events = { .on_data = raw_data, .on_close = raw_close };

static struct world *world_new(bool with_client)
{
    struct world *w = NEW(struct world);
    struct stream *end;
    w->l = test_loop();
    strbuf_init(&w->got, 64 << 20);
    stream_pair(w->l, &end, &w->raw);
    w->server.spdy = spdy_new(w->l, end, true, &side_events, &w->server);
    if (with_client) {
        w->client.spdy = spdy_new(w->l, w->raw, false, &side_events, &w->client);
        w->raw = NULL;
    } else {
        stream_attach(w->raw, &raw_events, w);
    }
    return w;
}

static void side_close(struct side *d)
{
    spdy_free(d->spdy);
    for (size_t i = 0; i < d->count; i++)
        stream_close(d->rec[i].s);
}

static void world_free(struct world *w)
{
    side_close(&w->server);
    side_close(&w->client);
    stream_close(w->raw);
    test_turns(w->l, 3);
    strbuf_deinit(&w->got);
    loop_free(w->l);
    free(w);
}

static struct record *open_stream(struct side *d, const char *type)
{
    struct arena *a = arena_new();
    struct http_headers h = { .v = NULL };
    http_headers_add(a, &h, "streamType", str_c(type));
    struct record *r = &d->rec[d->count++];
    r->s = spdy_open(d->spdy, &h);
    arena_free(a);
    assert_non_null(r->s);
    stream_attach(r->s, &rec_events, r);
    return r;
}

static void send_hex(struct world *w, const char *hex, size_t piece)
{
    struct arena *a = arena_new();
    struct str bytes;
    char packed[4096];
    size_t n = 0;
    for (const char *p = hex; *p != '\0'; p++)
        if (*p != ' ')
            packed[n++] = *p;
    assert_true(hex_decode(a, (struct str){ packed, n }, &bytes));
    for (size_t at = 0; at < bytes.n; at += piece) {
        stream_write(w->raw, str_sub(bytes, at, at + piece));
        test_turns(w->l, 1);
    }
    test_turns(w->l, 2);
    arena_free(a);
}

static void assert_got(struct world *w, const char *hex)
{
    struct arena *a = arena_new();
    assert_string_equal(hex_encode(a, strbuf_str(&w->got)).p, hex);
    strbuf_reset(&w->got);
    arena_free(a);
}

/* ---- tests ---- */
/* What kubectl 1.20.2 exec -i sends: four streams, "typed\n" and the end of stdin, a ping, and how it parts. */
static const char kubectl_syns[] =
    "80030001 00000029 00000001 00000000 0000 78f9e3c6a7c26260606004a7b392a2d4c45c6851c29a0a0a6800000000ffff"
    "80030001 00000017 00000003 00000000 0000 c22e555c92929907000000ffff"
    "80030001 00000019 00000005 00000000 0000 c22ac5565c92925f5a02000000ffff"
    "80030001 00000015 00000007 00000000 0000 c229975a5404000000ffff";
static const char kubectl_rest[] =
    "00000003 00000006 74797065640a 00000003 01000000 80030006 00000004 00000001 80030006 00000004 00000002"
    "80030003 00000008 00000001 00000005 80030007 00000008 00000000 00000000";

static void kubectl_in_pieces(void **state)
{
    (void)state;
    static const size_t pieces[] = { 1, 2, 3, 5, 7, 8, 9, 13, 31, 4096 };
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        struct world *w = world_new(false);
        send_hex(w, kubectl_syns, pieces[i]);
        assert_int_equal(w->server.count, 4);
        assert_int_equal(spdy_streams(w->server.spdy), 4);
        assert_int_equal(spdy_stream_id(w->server.rec[3].s), 7);
        assert_memory_equal(w->got.p, "\x80\x03\x00\x02\x00\x00\x00", 7);
        assert_memory_equal(w->got.p + 8, "\x00\x00\x00\x01\x78\xf9\xe3\xc6\xa7\xc2", 10);
        strbuf_reset(&w->got);
        send_hex(w, kubectl_rest, pieces[i]);
        assert_got(w, "800300060000000400000001");               /* its own ping; 2 would be ours */
        assert_string_equal(w->server.rec[0].seen, "error:|CLOSE 1");
        assert_string_equal(w->server.rec[1].seen, "stdin:typed\n|EOF");
        assert_string_equal(w->server.rec[2].seen, "stdout:");
        stream_write(w->server.rec[2].s, STR("ok"));
        stream_shutdown(w->server.rec[2].s);
        test_turns(w->l, 2);
        assert_got(w, "00000005000000026f6b0000000501000000");
        stream_close(w->raw);
        w->raw = NULL;
        test_turns(w->l, 3);
        assert_int_equal(w->server.closes, 1);
        assert_int_equal(w->server.why.code, ERR_NONE);
        assert_string_equal(w->server.rec[1].seen, "stdin:typed\n|EOF|CLOSE 0");
        assert_string_equal(w->server.rec[2].seen, "stdout:|EOF|CLOSE 0");
        world_free(w);
    }
}

/* Our SYN_REPLYs, inflated by zlib alone with the dictionary of the specification, hold no header each. */
static void our_blocks_are_zlib(void **state)
{
    (void)state;
    struct world *w = world_new(false);
    send_hex(w, kubectl_syns, 4096);
    char dictionary[1500], plain[16];
    size_t n = spdy_dictionary(dictionary, sizeof dictionary);
    assert_int_equal(n, 1423);
    z_stream z = { 0 };
    inflateInit(&z);
    size_t at = 0, frames = 0;
    for (; at < w->got.n; frames++) {
        size_t length = get_u32(w->got.p + at + 4);
        assert_int_equal(get_u32(w->got.p + at), 0x80030002);
        assert_int_equal(get_u32(w->got.p + at + 8), 1 + 2 * frames);
        z.next_in = (Bytef *)w->got.p + at + 12;
        z.avail_in = (uInt)length - 4;
        z.next_out = (Bytef *)plain;
        z.avail_out = sizeof plain;
        if (inflate(&z, Z_SYNC_FLUSH) == Z_NEED_DICT) {
            assert_int_equal(inflateSetDictionary(&z, (Bytef *)dictionary, (uInt)n), Z_OK);
            inflate(&z, Z_SYNC_FLUSH);
        }
        assert_int_equal(sizeof plain - z.avail_out, 4);
        assert_int_equal(get_u32(plain), 0);
        at += 8 + length;
    }
    assert_int_equal(frames, 4);
    inflateEnd(&z);
    world_free(w);
}

static void malformed(void **state)
{
    (void)state;
    static const struct { const char *name, *hex; } cases[] = {
        { "version 2", "80020006 00000004 00000001" },
        { "unknown type", "80030005 00000000" },
        { "type 0", "80030000 00000000" },
        { "type 65535", "8003ffff 00000000" },
        { "SYN_STREAM too short", "80030001 00000009 00000001 00000000 00" },
        { "SYN_STREAM of stream 0",
          "80030001 00000029 00000000 00000000 0000 78f9e3c6a7c26260606004a7b392a2d4c45c6851c29a0a0a6800000000ffff" },
        { "no zlib", "80030001 0000000e 00000001 00000000 0000 61626364" },
        { "wrong dictionary", "80030001 00000010 00000001 00000000 0000 78f9e3c6a7c3" },
        { "PING of 3 bytes", "80030006 00000003 000001" },
        { "RST of 4 bytes", "80030003 00000004 00000001" },
        { "GOAWAY of 4 bytes", "80030007 00000004 00000001" },
        { "control frame of 16 MiB", "80030001 00ffffff" },
        { "data of stream 0", "00000000 00000001 61" },
        { "HTTP", "474554202f20485454502f312e310d0a0d0a" },
        { "TLS", "16030102000100" "01fc0303" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world *w = world_new(false);
        send_hex(w, cases[i].hex, 4096);
        bool http = str_eqc(str_c(cases[i].name), "HTTP") || str_eqc(str_c(cases[i].name), "TLS");
        if (http) {                                    /* reads as data of a stream that is not there: harmless, and dropped */
            assert_int_equal(w->server.closes, 0);
        } else {
            if (w->server.closes != 1)
                fail_msg("%s: not closed", cases[i].name);
            assert_int_equal(w->server.why.code, ERR_PARSE);
            assert_int_equal(w->raw_closed, 2);
        }
        assert_int_equal(w->server.count, 0);
        world_free(w);
    }
}

/* A block made by zlib as kubectl's would be, around any plain bytes. */
static void send_syn(struct world *w, z_stream *z, uint32_t id, unsigned flags, struct str plain)
{
    static char block[1 << 20];
    char frame[18] = { (char)0x80, 3, 0, 1 };
    z->next_in = (Bytef *)(uintptr_t)plain.p;
    z->avail_in = (uInt)plain.n;
    z->next_out = (Bytef *)block;
    z->avail_out = sizeof block;
    deflate(z, Z_SYNC_FLUSH);
    size_t n = sizeof block - z->avail_out;
    put_u32(frame + 4, (uint32_t)(flags << 24 | (n + 10)));
    put_u32(frame + 8, id);
    stream_write(w->raw, (struct str){ frame, 18 });
    stream_write(w->raw, (struct str){ block, n });
    test_turns(w->l, 2);
}

static void z_init(z_stream *z)
{
    char dictionary[1500];
    size_t n = spdy_dictionary(dictionary, sizeof dictionary);
    *z = (z_stream){ 0 };
    deflateInit(z, 9);
    deflateSetDictionary(z, (Bytef *)dictionary, (uInt)n);
}

#define GOOD "\0\0\0\1" "\0\0\0\12" "streamtype" "\0\0\0\5" "stdin"
static void bad_streams_are_reset(void **state)
{
    (void)state;
    static const struct { const char *name; uint32_t id; struct str plain; const char *got; } cases[] = {
        { "upper case", 1, { "\0\0\0\1" "\0\0\0\1" "A" "\0\0\0\1" "b", 14 }, "80030003000000080000000100000001" },
        { "twice", 3, { "\0\0\0\2" "\0\0\0\1" "a" "\0\0\0\1" "b" "\0\0\0\1" "a" "\0\0\0\1" "c", 24 },
          "80030003000000080000000300000001" },
        { "count too high", 5, { "\0\0\0\2" "\0\0\0\1" "a" "\0\0\0\1" "b", 14 }, "80030003000000080000000500000001" },
        { "huge count", 7, { "\177\377\377\377", 4 }, "80030003000000080000000700000001" },
        { "huge length", 9, { "\0\0\0\1" "\377\377\377\377" "a", 9 }, "80030003000000080000000900000001" },
        { "empty name", 11, { "\0\0\0\1" "\0\0\0\0" "\0\0\0\0", 12 }, "80030003000000080000000b00000001" },
        { "more behind", 13, { "\0\0\0\0x", 5 }, "80030003000000080000000d00000001" },
        { "even id", 14, { GOOD, sizeof GOOD - 1 }, "80030003000000080000000e00000001" },
        { "good", 21, { GOOD, sizeof GOOD - 1 }, NULL },
        { "id again", 21, { GOOD, sizeof GOOD - 1 }, "80030003000000080000001500000001" },
        { "id smaller", 15, { GOOD, sizeof GOOD - 1 }, "80030003000000080000000f00000001" },
        { "still good", 23, { GOOD, sizeof GOOD - 1 }, NULL },
    };
    struct world *w = world_new(false);
    z_stream z;
    z_init(&z);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        send_syn(w, &z, cases[i].id, 0, cases[i].plain);
        assert_int_equal(w->server.closes, 0);
        if (cases[i].got != NULL)
            assert_got(w, cases[i].got);
        strbuf_reset(&w->got);
    }
    assert_int_equal(w->server.count, 2);
    w->server.refuse = true;                           /* the owner's no is CANCEL, as spdystream's Reset */
    send_syn(w, &z, 25, 0, STR(GOOD));
    assert_got(w, "80030003000000080000001900000005");
    w->server.refuse = false;
    send_syn(w, &z, 27, SPDY_FLAG_FIN, STR(GOOD));     /* half-closed from birth */
    assert_string_equal(w->server.rec[2].seen, "stdin:|EOF");
    strbuf_reset(&w->got);
    spdy_stream_reset(w->server.rec[2].s, SPDY_INTERNAL_ERROR);
    w->server.rec[2].s = NULL;
    test_turns(w->l, 1);
    assert_got(w, "80030003000000080000001b00000006");
    deflateEnd(&z);
    world_free(w);
}

static void bomb(void **state)
{
    (void)state;
    struct world *w = world_new(false);
    z_stream z;
    z_init(&z);
    char *zeros = xcalloc(1, 8 << 20);
    send_syn(w, &z, 1, 0, (struct str){ zeros, 8 << 20 });
    assert_int_equal(w->server.closes, 1);
    assert_string_equal(w->server.why.msg, "spdy: header block too large");
    free(zeros);
    deflateEnd(&z);
    world_free(w);
}

static void talk(void **state)
{
    (void)state;
    struct world *w = world_new(true);
    w->server.write_early = true;                      /* before SYN_REPLY could have been sent by itself */
    struct record *c = open_stream(&w->client, "data");
    stream_write(c->s, STR("ping"));
    test_turns(w->l, 3);
    assert_string_equal(w->server.rec[0].seen, "data:ping");
    assert_string_equal(c->seen, "early");
    stream_shutdown(c->s);
    test_turns(w->l, 3);
    assert_string_equal(w->server.rec[0].seen, "data:ping|EOF");
    stream_write(w->server.rec[0].s, STR("pong"));
    stream_shutdown(w->server.rec[0].s);
    test_turns(w->l, 3);
    assert_string_equal(c->seen, "earlypong|EOF|CLOSE 0");
    assert_string_equal(w->server.rec[0].seen, "data:ping|EOF|CLOSE 0");
    assert_int_equal(spdy_streams(w->server.spdy), 0);
    spdy_ping(w->client.spdy);
    spdy_ping(w->server.spdy);
    test_turns(w->l, 3);
    assert_int_equal(w->server.closes + w->client.closes, 0);
    world_free(w);
}

static void many_streams(void **state)
{
    (void)state;
    struct world *w = world_new(true);
    for (int i = 0; i < SPDY_STREAMS_MAX + 2; i++) {
        struct record *r = open_stream(&w->client, "data");
        stream_write(r->s, STR("x"));
    }
    test_turns(w->l, 4);
    assert_int_equal(w->server.count, SPDY_STREAMS_MAX);
    assert_string_equal(w->client.rec[SPDY_STREAMS_MAX + 1].seen, "|CLOSE 1");
    for (int i = 0; i < SPDY_STREAMS_MAX; i++) {
        assert_string_equal(w->server.rec[i].seen, "data:x");
        stream_write(w->server.rec[i].s, STR("y"));
        stream_close(w->server.rec[i].s);
        w->server.rec[i].s = NULL;
    }
    test_turns(w->l, 4);
    for (int i = 0; i < SPDY_STREAMS_MAX; i++)
        assert_string_equal(w->client.rec[i].seen, "y|EOF");
    assert_int_equal(spdy_streams(w->server.spdy), 0);
    open_stream(&w->client, "again");                  /* there is room again */
    test_turns(w->l, 4);
    assert_string_equal(w->server.rec[SPDY_STREAMS_MAX].seen, "again:");
    world_free(w);
}

static void paused_reader_stops_the_connection(void **state)
{
    (void)state;
    enum { PIECE = 64 * 1024, PIECES = 20 };
    static char bytes[PIECE];
    struct world *w = world_new(true);
    w->server.paused = true;
    struct record *c = open_stream(&w->client, "stdin");
    test_turns(w->l, 3);
    for (int i = 0; i < PIECES; i++) {
        stream_write(c->s, (struct str){ bytes, PIECE });
        test_turns(w->l, 2);
    }
    assert_true(w->server.spdy->held > LIMIT_STREAM_BYTES && w->server.spdy->held < LIMIT_STREAM_BYTES + 2 * PIECE);
    assert_true(spdy_unsent(w->client.spdy) > LIMIT_STREAM_BYTES);
    assert_true(stream_congested(c->s));
    assert_int_equal(w->server.rec[0].bytes, 0);
    stream_shutdown(c->s);
    stream_resume(w->server.rec[0].s);
    test_turns(w->l, 6);
    assert_int_equal(w->server.rec[0].bytes, PIECE * PIECES);
    assert_string_equal(w->server.rec[0].seen, "stdin:|EOF");
    assert_int_equal(w->server.spdy->held, 0);
    assert_int_equal(c->drains, 1);
    /* an owner that closes what it holds gives the room back */
    struct record *d = open_stream(&w->client, "stdin");
    for (int i = 0; i < PIECES; i++)
        stream_write(d->s, (struct str){ bytes, PIECE });
    test_turns(w->l, 3);
    assert_true(w->server.spdy->held > 0);
    stream_close(w->server.rec[1].s);
    w->server.rec[1].s = NULL;
    test_turns(w->l, 4);
    assert_int_equal(w->server.spdy->held, 0);
    assert_int_equal(spdy_unsent(w->client.spdy), 0);
    world_free(w);
}

static void slow_reader_is_dropped(void **state)
{
    (void)state;
    static char bytes[1 << 20];
    struct world *w = world_new(false);
    send_hex(w, kubectl_syns, 4096);
    stream_pause(w->raw);
    struct stream *out = w->server.rec[2].s;
    int n = 0;
    for (; n < 100 && w->server.closes == 0; n++) {
        stream_write(out, (struct str){ bytes, sizeof bytes });
        if (n == 3)
            assert_true(stream_congested(out));
        test_turns(w->l, 2);
    }
    assert_int_equal(n, LIMIT_CONN_OUT_BYTES / sizeof bytes);
    assert_int_equal(w->server.why.code, ERR_TOO_LARGE);
    assert_string_equal(w->server.rec[2].seen, "stdout:|CLOSE 2");
    test_turns(w->l, 2);
    assert_int_equal(w->raw_closed, 2);
    world_free(w);
}

static void a_flood_of_pings_is_dropped_too(void **state)
{
    (void)state;
    struct world *w = world_new(false);
    struct strbuf b;
    strbuf_init(&b, 16 << 20);
    for (int i = 0; i < 100000; i++)
        strbuf_add(&b, (struct str){ "\x80\x03\x00\x06\0\0\0\4\0\0\0\1", 12 });
    stream_pause(w->raw);
    for (int i = 0; i < 20 && w->server.closes == 0; i++) {
        stream_write(w->raw, strbuf_str(&b));
        test_turns(w->l, 2);
    }
    assert_int_equal(w->server.why.code, ERR_TOO_LARGE);
    strbuf_deinit(&b);
    world_free(w);
}

static void partings(void **state)
{
    (void)state;
    struct world *w = world_new(false);                /* the server frees: GOAWAY, then the end; open streams hear of it */
    send_hex(w, kubectl_syns, 4096);
    strbuf_reset(&w->got);
    spdy_free(w->server.spdy);
    w->server.spdy = NULL;
    stream_write(w->server.rec[2].s, STR("into the void"));
    test_turns(w->l, 3);
    assert_got(w, "80030007000000080000000700000000");
    assert_int_equal(w->raw_closed, 1);
    assert_int_equal(w->server.closes, 0);
    assert_string_equal(w->server.rec[2].seen, "stdout:|CLOSE 1");
    world_free(w);

    w = world_new(false);                              /* freed inside on_stream, with more streams in the same bytes */
    w->server.free_in_stream = true;
    send_hex(w, kubectl_syns, 4096);
    assert_int_equal(w->server.count, 1);
    assert_int_equal(w->raw_closed, 1);
    world_free(w);

    w = world_new(false);                              /* freed inside on_close */
    w->server.free_in_close = true;
    send_hex(w, "80020006 00000004 00000001", 4096);
    assert_int_equal(w->server.closes, 1);
    assert_null(w->server.spdy);
    world_free(w);

    w = world_new(false);                              /* freed between the end and its event */
    stream_abort(w->raw);
    w->raw = NULL;
    spdy_free(w->server.spdy);
    w->server.spdy = NULL;
    test_turns(w->l, 3);
    assert_int_equal(w->server.closes, 0);
    world_free(w);

    w = world_new(false);                              /* a stream closed inside on_stream and inside on_data */
    w->server.close_in_stream = true;
    send_hex(w, kubectl_syns, 4096);
    assert_int_equal(spdy_streams(w->server.spdy), 0);
    send_hex(w, kubectl_rest, 4096);
    assert_int_equal(w->server.closes, 0);
    world_free(w);

    w = world_new(false);
    send_hex(w, kubectl_syns, 4096);
    w->server.rec[1].close_on_data = true;
    send_hex(w, kubectl_rest, 4096);
    assert_string_equal(w->server.rec[1].seen, "stdin:typed\n");
    stream_abort(w->raw);                              /* cut */
    w->raw = NULL;
    test_turns(w->l, 3);
    assert_int_equal(w->server.why.code, ERR_IO);
    assert_string_equal(w->server.rec[2].seen, "stdout:|CLOSE 2");
    world_free(w);
}

static void after_goaway(void **state)
{
    (void)state;
    struct world *w = world_new(false);
    send_hex(w, "80030007 00000008 00000000 00000000", 4096);
    send_hex(w, kubectl_syns, 4096);
    assert_int_equal(w->server.count, 0);
    assert_memory_equal(w->got.p, "\x80\x03\x00\x03\0\0\0\x8\0\0\0\1\0\0\0\3", 16);
    assert_null(spdy_open(w->server.spdy, NULL));
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kubectl_in_pieces), cmocka_unit_test(our_blocks_are_zlib), cmocka_unit_test(malformed),
            cmocka_unit_test(bad_streams_are_reset),
        cmocka_unit_test(bomb), cmocka_unit_test(talk), cmocka_unit_test(many_streams),
        cmocka_unit_test(paused_reader_stops_the_connection),
        cmocka_unit_test(slow_reader_is_dropped), cmocka_unit_test(a_flood_of_pings_is_dropped_too), cmocka_unit_test(partings),
        cmocka_unit_test(after_goaway),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
