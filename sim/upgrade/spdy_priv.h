/* sim/upgrade/spdy_priv.h - what the three SPDY files share: the header codec, the connection and its streams. */
#ifndef SIM_UPGRADE_SPDY_PRIV_H
#define SIM_UPGRADE_SPDY_PRIV_H

#include "sim/upgrade/upgrade.h"

/* ---- spdy_header.c: header blocks. One codec per connection, one zlib stream per direction. ---- */
struct spdy_codec;
struct spdy_codec *spdy_codec_new(void);
void spdy_codec_free(struct spdy_codec *c);
size_t spdy_dictionary(char *out, size_t size);    /* the preset dictionary, 1423 bytes; returns its length */
/* Compressed block of h into out. Names are lowered, values of one name joined by NUL. */
void spdy_encode(struct spdy_codec *c, const struct http_headers *h, struct strbuf *out);
enum spdy_decoded {
    SPDY_BLOCK_OK,
    /* readable but not acceptable: the stream is refused, the connection goes on */
    SPDY_BLOCK_BAD,
    SPDY_BLOCK_BROKEN,                             /* the compression is out of step: the connection cannot go on */
};
enum spdy_decoded spdy_decode(struct spdy_codec *c, struct str block, struct arena *a, struct http_headers *out, struct err *err);

/* ---- spdy.c: the connection ---- */
enum spdy_frame_type {
    SPDY_SYN_STREAM = 1, SPDY_SYN_REPLY, SPDY_RST_STREAM, SPDY_SETTINGS, SPDY_PING = 6, SPDY_GOAWAY,
    SPDY_HEADERS, SPDY_WINDOW_UPDATE
};
enum { SPDY_FLAG_FIN = 1, SPDY_FLAG_UNIDIRECTIONAL = 2 };

struct spdy {
    struct loop              *loop;
    struct stream            *conn;                /* NULL when over */
    const struct spdy_events *ev;
    void                     *ctx;
    bool                      server;
    /* by its owner, inside one of our events: memory goes when the parser is left */
    bool                      freed;
    bool                      goaway;              /* the peer opens and takes no further streams */
    int                       busy;                /* the parser is on the stack */
    struct strbuf             in;                  /* a control frame or frame header that is not whole yet */
    uint32_t                  data_id, data_left;  /* the data frame being received */
    bool                      data_fin;
    uint32_t                  peer_id, next_id;    /* the peer's last stream; our next */
    uint32_t                  next_ping;
    /* bytes that streams keep for their owners; past LIMIT_STREAM_BYTES we stop reading */
    size_t                    held;
    struct spdy_codec        *codec;
    struct list               streams;             /* struct spdy_stream.node, in the order of opening */
    size_t                    stream_count;
    struct err                why;
    struct task               task;                /* brings on_close */
};

void spdy_send_control(struct spdy *s, enum spdy_frame_type type, unsigned flags, struct str body);
void spdy_send_data(struct spdy *s, uint32_t id, struct str bytes, bool fin);
void spdy_send_headers(struct spdy *s, enum spdy_frame_type type, uint32_t id, const struct http_headers *h);
void spdy_send_reset(struct spdy *s, uint32_t id, enum spdy_status status);
void spdy_hold(struct spdy *s, size_t more, size_t less);      /* account for bytes kept; pauses and resumes the connection */

/* ---- spdy_stream.c: one stream of it ---- */
struct spdy_stream {
    struct stream    s;
    struct spdy     *spdy;                         /* NULL once ended: by both halves, reset, close, or with the connection */
    struct loop     *loop;
    uint32_t         id;
    struct list      node;
    struct task      task;                         /* delivers events; after close frees the memory */
    struct strbuf    in;                           /* kept for the owner */
    bool             replied;                      /* SYN_REPLY is out; nothing may be sent before it */
    bool             eof, told_eof;                /* the peer's FIN */
    bool             ended, told_close;            /* on_close is due */
    bool             drained;                      /* on_drain is due */
    enum spdy_status reset_status;                 /* what abort sends */
    struct err       why;
};
struct spdy_stream *spdy_stream_new(struct spdy *s, uint32_t id);
struct spdy_stream *spdy_stream_find(struct spdy *s, uint32_t id);
void spdy_stream_reply(struct spdy_stream *st);
void spdy_stream_data(struct spdy_stream *st, struct str bytes);
void spdy_stream_fin(struct spdy_stream *st);
/* takes it off the connection; ERR_NONE: what came before is still delivered */
void spdy_stream_end(struct spdy_stream *st, const struct err *why);
void spdy_stream_refuse(struct spdy_stream *st);                      /* nobody took it: free */
void spdy_stream_drain(struct spdy_stream *st);

static inline uint32_t get_u32(const char *p)
{
    const unsigned char *b = (const unsigned char *)p;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static inline void put_u32(char *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (char)(v >> (24 - 8 * i));
}

#endif
