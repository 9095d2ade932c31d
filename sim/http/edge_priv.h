/* sim/http/edge_priv.h - one connection at the edge, as its files share it: parse.c (bytes to a request), edge.c (its
 * life), answer.c (what goes back), tunnel.c (what it becomes after an upgrade). */
#ifndef SIM_HTTP_EDGE_PRIV_H
#define SIM_HTTP_EDGE_PRIV_H

#include "sim/http/http_priv.h"

/* ---- parse.c ---- */
enum parse_state { PARSE_HEAD, PARSE_BODY, PARSE_DONE, PARSE_FAILED };
struct http_parser;
struct parsed_request {                            /* valid in PARSE_DONE; lives in the arena given to http_parser_begin */
    struct str method, target, body;
    struct http_headers headers;
    int  minor;                                    /* HTTP/1.minor */
    bool keep_alive;
};
struct http_parser *http_parser_new(void);
void http_parser_free(struct http_parser *p);      /* accepts NULL */
void http_parser_begin(struct http_parser *p, struct arena *a);
/* how many were used; less than given once DONE or FAILED */
size_t http_parser_feed(struct http_parser *p, struct str bytes);
enum parse_state http_parser_state(const struct http_parser *p);
const struct parsed_request *http_parser_request(const struct http_parser *p);
bool http_parser_expects_continue(const struct http_parser *p);                /* asked in PARSE_BODY */
/* status to answer, and what Go appends to its text */
int http_parser_failure(const struct http_parser *p, const char **detail);

/* ---- edge.c ---- */
struct edge_conn {
    struct list         node;                      /* in the server's list */
    struct http_server *server;
    struct loop        *loop;
    struct stream      *s;                         /* NULL once closed */
    struct tls_session *tls;                       /* NULL: plain */
    struct http_parser *parser;
    struct arena       *arena;                     /* of the request being parsed; NULL between requests */
    struct strbuf       in;                        /* plain bytes not parsed, or not read by the tunnel's owner */
    struct exchange    *exchange;                  /* under way */
    struct task         task;
    struct input        input;                     /* hands over what came: a request, its client's leaving, the tunnel's bytes */
    struct tap_sum      tunnel_tap;                /* of what the tunnel sent */
    char                peer[80];
    int64_t             time_shift_s;
    struct stream       tunnel;                    /* after an upgrade */
    struct err          why;                       /* of the end, told to the tunnel's owner */
    bool keep_alive, http10, chunked, bodiless, continued;                     /* of the request under way */
    bool any_input, established, tls_closed, eof;
    bool ready;                                    /* a request is parsed and waits for its turn among the inputs */
    bool gone;                                     /* its client has left, which the exchange will be told as an input */
    bool drained;                                  /* the tunnel's owner is to be told that it may write again */
    bool processing, upgraded, told_eof, told_close, dead;
};
void edge_conn_output(struct edge_conn *c, struct str plain);
void edge_conn_finish(struct edge_conn *c, bool drop);  /* close the socket; c is freed by its task */
void edge_conn_answered(struct edge_conn *c);           /* on to the next request, or the end */
void edge_conn_wake(struct edge_conn *c);               /* run the task */

/* ---- answer.c ---- */
extern const struct exchange_ops edge_ops;
/* Go's answer to what is no request; closes */
void edge_answer_failure(struct edge_conn *c, int status, const char *detail);

/* ---- tunnel.c ---- */
struct stream *tunnel_open(struct edge_conn *c, uint64_t tap_id);
void tunnel_wake(struct edge_conn *c);                 /* something may be due to its owner */
void tunnel_deliver(struct edge_conn *c);              /* as an input: one thing that is due */

#endif
