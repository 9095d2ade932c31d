/* sim/http/http.h - HTTP/1.1: a server with one handler interface for real sockets and for callers inside the process,
 * and a client for use inside the process.
 *
 * At the edge a request is parsed by llhttp from a (TLS) socket. Inside, the client resolves the name, dials through
 * the virtual network, verifies the server's certificate as Go would, and hands the request's fields to the server's
 * handler directly: no ciphering, no parsing (design.md, "direct transport"). Handlers cannot tell the two apart.
 */
#ifndef SIM_HTTP_HTTP_H
#define SIM_HTTP_HTTP_H

#include "sim/net/net.h"
#include "sim/pki/pki.h"

/* ---- messages ---- */
struct http_header { struct str name, value; };
struct http_headers { struct http_header *v; size_t n, cap; };   /* lives in an arena */
void http_headers_add(struct arena *a, struct http_headers *h, const char *name, struct str value);    /* copies */
/* Add all of from (NULL: nothing); a view shares its bytes, which must live as long as h. */
void http_headers_copy(struct arena *a, struct http_headers *h, const struct http_headers *from);
void http_headers_view(struct arena *a, struct http_headers *h, const struct http_headers *from);
void http_headers_addf(struct arena *a, struct http_headers *h, const char *name, const char *fmt, ...) PRINTF(4, 5);
/* first value, case-insensitive; empty if absent */
struct str http_headers_get(const struct http_headers *h, const char *name);
bool http_headers_has(const struct http_headers *h, const char *name);

/* ---- URL and query ---- */
struct url { struct str scheme, host, path, query; int port; };  /* host without brackets; port defaulted from scheme */
bool url_parse(struct arena *a, struct str text, struct url *out, struct err *err);
struct query { struct http_header *v; size_t n; };               /* decoded pairs in order */
void query_parse(struct arena *a, struct str text, struct query *out);
struct str query_get(const struct query *q, const char *name);   /* first; empty if absent */
bool query_has(const struct query *q, const char *name);
/* "1", "true", and present-without-value count, as apiserver's conversion does */
bool query_bool(const struct query *q, const char *name);

/* ---- server: one request and its answer ---- */
/* Somebody beside the handler who is told of the answer, whoever gives it (Go: a http.ResponseWriter that wraps another). */
enum http_end { HTTP_ENDED, HTTP_UPGRADED, HTTP_ABORTED, HTTP_GONE };          /* GONE: the client left, or the server ends */
struct http_observer {
    void (*on_begin)(void *ctx, int status);                     /* once, before its first byte leaves the handler */
    /* Once, last; the exchange still lives. For HTTP_UPGRADED the connection goes on as a stream. */
    void (*on_end)(void *ctx, enum http_end how);
};
struct http_exchange {
    /* read-only for handlers, but for `ctx` and through the functions below */
    struct arena       *arena;                                   /* dies with the exchange */
    struct str          method, target, path, query_text;        /* path is percent-decoded */
    struct query        query;
    struct http_headers headers;
    /* whole; at most LIMIT_BODY_BYTES (the server answers 413 itself) */
    struct str          body;
    struct str          remote_addr;                             /* "127.0.0.1:41234" */
    /* the client's certificates, unverified beyond possession; 0 if none */
    struct cert       **peer_chain; size_t peer_count;
    bool                tls, edge;                               /* edge: came through a real socket */
    /* edge: seconds to add to Time fields on the way out (design.md, Time); 0 inside */
    int64_t             time_shift_s;
    void               *ctx;                                     /* the handler's */
    /* set by the handler: the client left before the end. Called once; afterwards the exchange must not be used */
    void              (*on_gone)(struct http_exchange *x);
    const struct http_observer *observer; void *observer_ctx;    /* set by the handler, or NULL */
    void               *priv;                                    /* private */
};
/* must answer now or later: exactly one of respond, begin..end, upgrade, abort */
typedef void http_handler(void *ctx, struct http_exchange *x);
/* A whole answer. Content-Length, Date and (at the edge) connection headers are added; gzip at the edge when accepted
 * and over 128 KiB. A HEAD's body is dropped. After it returns x is gone (its memory may live until the turn ends). */
void http_respond(struct http_exchange *x, int status, const struct http_headers *extra, const char *content_type,
                  struct str body);
/* A streamed answer: chunked at the edge. Write may be called until end; each write is one chunk, sent when the turn ends. */
void http_begin(struct http_exchange *x, int status, const struct http_headers *extra, const char *content_type);
void http_write(struct http_exchange *x, struct str bytes);
/* bytes the client has not taken: what a watch drops its client by */
size_t http_unsent(const struct http_exchange *x);
void http_end(struct http_exchange *x);
void http_abort(struct http_exchange *x);                        /* cut the connection */
/* 101 Switching Protocols: the connection becomes a stream of bytes; the caller owns it. Bytes that followed the
 * request are delivered first. */
struct stream *http_upgrade(struct http_exchange *x, const struct http_headers *extra);

struct http_server;
struct http_server_options {
    struct loop   *loop;
    const char    *name;                                         /* for logs */
    http_handler  *handler; void *ctx;
    struct identity *(*identity)(void *ctx); void *identity_ctx; /* NULL function: plain HTTP */
    /* Shown instead of it to those who come from outside of the process; NULL function: the same. With identity_ctx. */
    struct identity *(*edge_identity)(void *ctx);
    bool           request_client_cert;
    /* Told when a handshake ends for want of an identity (crypto/tls: GetCertificate failed); optional, with identity_ctx. */
    void         (*no_identity)(void *ctx, struct str remote_addr);
    int64_t      (*time_shift_s)(void *ctx); void *shift_ctx;    /* asked once per edge connection; NULL: 0 */
};
struct http_server *http_server_new(const struct http_server_options *opt, struct err *err);
void http_server_free(struct http_server *s);                    /* drops connections, closes listeners */
bool http_server_listen_edge(struct http_server *s, const char *addr, int port, int *bound_port, struct err *err);
/* several times if wanted */
extern const char http_direct_kind;                              /* the kind of vnet_endpoint whose server is a struct http_server */
bool http_server_listen_vnet(struct http_server *s, struct vnet_host *h, const char *ip, int port, struct err *err);
bool http_server_listen_unix(struct http_server *s, const char *path, struct err *err);    /* plain, mode 0600 */
size_t http_server_connections(const struct http_server *s);

/* "192.168.229.132:6443": its first listener in the virtual network; its name when it has none. */
void http_server_place(const struct http_server *s, char out[80]);

/* ---- the edge's tap: who keeps a journal of what comes from outside ----
 * Requests and what follows them reach handlers as inputs of the loop (loop.h), one at a time; the tap is told right
 * before. A request has an id, which the tap gives; 0: not watched, and nothing more is told of it. The tap counts events. */
enum http_tap_what { HTTP_TAP_GONE, HTTP_TAP_DATA, HTTP_TAP_EOF, HTTP_TAP_DRAIN, HTTP_TAP_CLOSE };
/* What was answered. sum: SHA-256 in hex of the body as the handler wrote it, or of what a tunnel sent. how: "ended",
 * "aborted", "gone" (the client left, or the server ended, before the end), "upgraded" (what its tunnel sent is an answer of
 * its own), "tunnel". */
struct http_answer { const char *how; int status; uint64_t bytes; char sum[65]; };
struct http_tap {
    uint64_t (*request)(void *ctx, const struct http_server *s, const struct http_exchange *x);
    /* bytes: of DATA; why: of CLOSE */
    void (*input)(void *ctx, uint64_t id, enum http_tap_what what, struct str bytes, const struct err *why);
    void (*answer)(void *ctx, uint64_t id, const struct http_answer *a);
};
void http_tap_set(const struct http_tap *tap, void *ctx);        /* of the process; borrowed; NULL: none */

/* ---- replay: a request that comes from a journal and not from a socket; handlers cannot tell ---- */
struct http_replay;
struct http_replay_request {
    uint64_t    id;                                              /* the tap's; not 0 */
    struct str  method, target, body, remote_addr;
    struct http_headers headers;                                 /* names and values are copied, as are all bytes */
    struct cert *const *peer_chain; size_t peer_count;
    int64_t     time_shift_s;
};
/* Calls the handler, at once. */
struct http_replay *http_replay_request(struct http_server *s, const struct http_replay_request *req);
/* What the client did next. False: it is over, or has no tunnel, so that this cannot be. */
bool http_replay_input(struct http_replay *r, enum http_tap_what what, struct str bytes, const struct err *why);
void http_replay_free(struct http_replay *r);                    /* the client is gone, if it is not yet; accepts NULL */

/* ---- client: inside the process ---- */
struct http_client_options {
    struct vnet_host    *from;                                   /* whose resolver and routes are used */
    const struct trust  *roots;                                  /* to verify servers with; borrowed */
    bool                 insecure_skip_verify;
    const char          *server_name;                            /* overrides the URL's host in verification; NULL */
    struct identity     *identity;                               /* client certificate or NULL; referenced */
    const char          *user_agent;
};
struct http_client;
struct http_client *http_client_new(const struct http_client_options *opt);
void http_client_free(struct http_client *c);                    /* cancels its calls: their done gets ERR_CANCELED, now */
struct http_response { int status; struct http_headers headers; };
struct http_call;
struct http_call_events {
    void (*on_response)(void *ctx, const struct http_response *r);             /* headers arrived (also 101) */
    void (*on_data)(void *ctx, struct str bytes);
    void (*on_upgrade)(void *ctx, struct stream *s);                           /* after a 101: the stream is the callee's */
    void (*on_done)(void *ctx, const struct err *err);                         /* last, once; err->code ERR_NONE on success */
};
struct http_call_options {
    const char *method;
    const char *url;                                             /* http(s)://host:port/path?query */
    const struct http_headers *headers;                          /* copied */
    struct str  body;                                            /* copied */
    int64_t     timeout_ns;                                      /* virtual, for the whole call; 0: none */
    bool        want_upgrade;
    const struct http_call_events *ev; void *ctx;
};
/* Never calls back inside the call. Errors carry Go's url.Error words: `Get https://ubuntu:10250/x: dial tcp
 * 66.96.162.149:10250: connect: connection refused` (unquoted URL, Go < 1.14: http_client_quote_urls(true) for clusters
 * from v1.19 on quotes it), `...: x509: ...`, `...: net/http: request canceled (Client.Timeout exceeded while awaiting
 * headers)`, `...: remote error: tls: internal error`, `...: EOF`. */
struct http_call *http_call_start(struct http_client *c, const struct http_call_options *opt);
void http_call_cancel(struct http_call *call);                   /* no more events; frees. on_done is not called. */
void http_client_quote_urls(struct http_client *c, bool quote);
/* Another client certificate from the next call on (NULL: none): certificates are rotated while their owner runs. */
void http_client_set_identity(struct http_client *c, struct identity *id);
/* The whole answer at once: body in an arena that lives during done. */
struct http_result { int status; struct http_headers headers; struct str body; struct arena *arena; };
struct http_call *http_fetch(struct http_client *c, const struct http_call_options *opt,
                             /* r NULL on error; opt->ev unused */
                             void (*done)(void *ctx, const struct http_result *r, const struct err *err), void *ctx);

/* ---- small helpers that servers share ---- */
struct str http_status_text(int status);
/* Pick the first media type of `offered` (full types with parameters allowed) that an Accept header admits, by its
 * order; -1: none. Parses q only to drop q=0. */
int http_negotiate(struct str accept, const char *const *offered, size_t n);

#endif
