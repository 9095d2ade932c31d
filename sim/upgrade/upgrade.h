/* sim/upgrade/upgrade.h - what a connection becomes after 101 Switching Protocols: SPDY/3.1, and over it the protocols of
 * kubectl exec, attach and port-forward, from the kubelet's side.
 *
 * Three layers, each usable without the one above it:
 *   1. struct spdy           many streams over one connection; every SPDY stream is a struct stream (sim/net/net.h);
 *   2. struct remotecommand  the streams of one exec or attach by name, and its ending (exit code);
 *      struct portforward    streams in pairs, one pair per forwarded connection.
 * 2 takes an http_exchange, negotiates, and answers it in every case. A WebSocket layer could serve the same two doors;
 * it is not there, and kubectl falls back to SPDY when that upgrade is refused.
 */
#ifndef SIM_UPGRADE_UPGRADE_H
#define SIM_UPGRADE_UPGRADE_H

#include "sim/http/http.h"
#include "sim/loop/loop.h"
#include "sim/net/net.h"

/* ---- SPDY/3.1 ------------------------------------------------------------------------------------------------ */
enum {
    /* open at once on one connection; a further one is refused. kubectl port-forward uses 2 per forwarded connection */
    SPDY_STREAMS_MAX      = 1024,
    /* of one data frame that we send; what we receive may be of any size, since it is handed on in pieces */
    SPDY_DATA_BYTES_MAX   = 64 * 1024,
    SPDY_BLOCK_BYTES_MAX  = 16 * 1024,   /* a header block, compressed and also inflated */
    SPDY_HEADERS_MAX      = 64,          /* pairs in one header block */
};
/* Status codes of RST_STREAM that are of use outside. */
enum spdy_status {
    SPDY_PROTOCOL_ERROR = 1, SPDY_INVALID_STREAM = 2, SPDY_REFUSED_STREAM = 3, SPDY_CANCEL = 5,
    SPDY_INTERNAL_ERROR = 6, SPDY_STREAM_IN_USE = 8, SPDY_ALREADY_CLOSED = 9, SPDY_FRAME_TOO_LARGE = 11
};

struct spdy;
struct spdy_events {
    /* The peer opened a stream. headers live until it returns; names are lower case. Return true to take the stream (it
     * is the callee's from the call on: to be attached, and closed in the end; SYN_REPLY goes out before its first
     * data, at the latest when this returns); return false to refuse it (RST_STREAM CANCEL, as spdystream's Reset; the
     * stream must then be untouched). NULL: all are refused. */
    bool (*on_stream)(void *ctx, struct stream *sub, const struct http_headers *headers);
    /* All unsent output has left after congestion. Substreams get their own on_drain; this is for who watches the
     * connection as a whole. May be NULL. */
    void (*on_drain)(void *ctx);
    /* The connection is over: closed by the peer (ERR_NONE), cut (ERR_IO), malformed (ERR_PARSE), or the peer does not
     * read (ERR_TOO_LARGE, more than LIMIT_CONN_OUT_BYTES waited). Once, last. Substreams hear of it by their own
     * on_close (before that by on_eof if ERR_NONE), in a later task. spdy_free is still due and may be called inside.
     * */
    void (*on_close)(void *ctx, const struct err *why);
};
/* Speak SPDY over conn, which is owned from now on. server: the peer opens odd stream ids. ev must outlive it. */
struct spdy *spdy_new(struct loop *l, struct stream *conn, bool server, const struct spdy_events *ev, void *ctx);
/* Sends GOAWAY, delivers what was written, closes the connection; no event comes any more. Streams that are still open
 * become dead ends: they get on_close(ERR_CANCELED) in a later task, and their owners close them as ever. Legal inside
 * any event; accepts NULL. */
void spdy_free(struct spdy *s);
/* Open a stream towards the peer (a client: tests, the tunnel). NULL when the connection is over. Data may be written at once. */
struct stream *spdy_open(struct spdy *s, const struct http_headers *headers);
void spdy_ping(struct spdy *s);                                  /* the answer is swallowed */
size_t spdy_unsent(const struct spdy *s);                        /* bytes the peer has not taken, of the whole connection */
size_t spdy_streams(const struct spdy *s);                       /* open ones */
/* A substream obeys net.h: stream_write sends DATA frames, stream_shutdown an empty DATA with FIN, stream_close FIN if
 * none was sent (later input is dropped), stream_abort RST_STREAM CANCEL. It is congested when the connection is: SPDY
 * as Kubernetes uses it has no flow control of its own. A paused substream keeps what arrives; past LIMIT_STREAM_BYTES
 * the whole connection stops being read (as with spdystream: one reader that stalls, stalls all). RST_STREAM from the
 * peer comes as on_close(ERR_CANCELED "stream reset"). */
uint32_t spdy_stream_id(const struct stream *sub);
void spdy_stream_reset(struct stream *sub, enum spdy_status status);   /* as stream_abort with a status of one's own: frees sub */

/* ---- the handshake that all subprotocols share ------------------------------------------------------------------- */
/* Checks the upgrade headers and picks the first X-Stream-Protocol-Version of the client's that is in protocols;
 * answers 101 and returns the raw stream (the caller's). On failure answers x as the kubelet does (400 "unable to
 * upgrade: missing upgrade headers in request: ...",
 * 400 "unable to upgrade: X-Stream-Protocol-Version is required", 403 "unable to upgrade: unable to negotiate protocol:
 * client supports [..], server accepts [..]" with X-Accepted-Stream-Protocol-Versions) and returns NULL with err set to
 * the same text. x is gone in both cases. */
struct stream *upgrade_spdy(struct http_exchange *x, const char *const *protocols, size_t n, size_t *picked, struct err *err);

/* ---- exec and attach --------------------------------------------------------------------------------------------- */
struct remotecommand_options {
    struct loop *loop;
    bool has_stdin, has_stdout, has_stderr, tty;                 /* tty: no stderr stream, and a resize stream from v3 on */
};
/* From the query of /exec and /attach, in the kubelet's spelling (input, output, error, tty = 1) or the API's (stdin,
 * stdout, stderr, tty = true). tty drops stderr. ERR_BAD_REQUEST "you must specify at least 1 of stdin, stdout,
 * stderr". loop is left alone. */
bool remotecommand_options_parse(const struct query *q, struct remotecommand_options *out, struct err *err);

struct remotecommand;
struct remotecommand_events {
    /* all optional; none comes inside a call of this door; each may call remotecommand_free */
    /* once, first: every expected stream is there. Start the command, or attach, now */
    void (*on_ready)(void *ctx);
    void (*on_stdin)(void *ctx, struct str bytes);               /* bytes live until it returns */
    /* the client closed its stdin; also when it reset only that stream */
    void (*on_stdin_eof)(void *ctx);
    void (*on_resize)(void *ctx, int width, int height);         /* columns, rows */
    void (*on_drain)(void *ctx);                                 /* writable again after remotecommand_congested */
    /* Once, last, and never after remotecommand_finish: the client left (ERR_NONE, ERR_IO), did not open its streams
     * within 30 s of virtual time (ERR_TIMEOUT "timed out waiting for client to create streams"), was malformed, or did
     * not read (ERR_TOO_LARGE). A real kubelet's exec'd process goes on until it meets its closed stdin or stdout.
     * remotecommand_free is still due. */
    void (*on_gone)(void *ctx, const struct err *why);
};
/* Answer x, an upgrade request for exec or attach, and wait for the client's streams. NULL when the request was
 * refused: x is answered already (see upgrade_spdy) and err tells what it was told, for a log. x is gone in both cases.
 * Protocols: v4, v3, v2, v1 (channel.k8s.io). */
struct remotecommand *remotecommand_new(struct http_exchange *x, const struct remotecommand_options *opt,
                                        const struct remotecommand_events *ev, void *ctx, struct err *err);
/* Output. fd 1 or 2; with a tty both go to stdout. A stream that was not asked for, that the client reset, or that is
 * finished, swallows its bytes. Never blocks: a polite writer stops at remotecommand_congested until on_drain; a client
 * that lets LIMIT_CONN_OUT_BYTES wait is dropped (on_gone). */
void remotecommand_write(struct remotecommand *rc, int fd, struct str bytes);
bool remotecommand_congested(const struct remotecommand *rc);
/* hold on_stdin back while the command does not read */
void remotecommand_pause_stdin(struct remotecommand *rc, bool paused);
/* The end of the command, once, at any time after on_ready: the half-closed stdout and stderr, then the verdict on the
 * error stream, then its end.
 *   exit_code 0, message NULL      success
 *   exit_code > 0, message NULL "command terminated with non-zero exit code: exit status N" with cause ExitCode (137
 *   for a killed one, as runc tells)
 *   message no exit code is known: an InternalError with that text, e.g. "error executing command in container: ..."
 * No event comes afterwards. Follow with remotecommand_free. */
void remotecommand_finish(struct remotecommand *rc, int exit_code, const char *message);
/* Free, for its owner. Without finish the connection is closed, and the client sees it break off. After finish the
 * client is given 10 s of virtual time to read all of it and to close, as kubectl does at once; the memory goes with
 * the connection. Legal inside any event; accepts NULL. */
void remotecommand_free(struct remotecommand *rc);

/* ---- port-forward -------------------------------------------------------------------------------------------------- */
struct portforward;
struct portforward_events {
    /* One forwarded connection: both streams are the callee's, to be attached and closed. Bytes go both ways on data;
     * what is written on error before its end is the reason that kubectl prints ("error forwarding port 80 to pod <id>,
     * uid : ..."); closing both without is a clean end. */
    void (*on_pair)(void *ctx, int port, struct stream *data, struct stream *error);
    void (*on_gone)(void *ctx, const struct err *why);           /* once, last: the client left. portforward_free is still due */
};
/* Answer x, an upgrade request with protocol portforward.k8s.io. NULL as in remotecommand_new. Streams with bad headers
 * are reset; half a pair is reset after 30 s of virtual time. */
struct portforward *portforward_new(struct http_exchange *x, struct loop *l, const struct portforward_events *ev, void *ctx,
                                    struct err *err);
/* streams of pairs handed out hear on_close(ERR_CANCELED); accepts NULL; legal inside events */
void portforward_free(struct portforward *pf);

#endif
