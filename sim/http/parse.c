/* sim/http/parse.c - bytes to a request: llhttp behind a small door, with the limits that Go's server and the API server have.
 *
 * llhttp calls back with pieces; they are put together in the message's arena. The parser stops at the end of each
 * message, so that a pipelined request is not looked at before the one in front of it is answered. Head and target are
 * bounded by their number of bytes (431), the body by LIMIT_BODY_BYTES, told from Content-Length when there is one
 * (413), so that a client that waits for 100 Continue never sends it.
 */
#include "sim/http/edge_priv.h"

#include <llhttp.h>
#include <stdlib.h>

struct http_parser {
    llhttp_t              ll;
    struct arena         *arena;
    enum parse_state      state;
    struct parsed_request req;
    struct strbuf         target, name, value, body;
    size_t                head_bytes;
    int                   status;                  /* of the failure */
    const char           *detail;
    bool                  expects_continue;
};

static int fail(struct http_parser *p, int status, const char *detail)
{
    p->state = PARSE_FAILED;
    p->status = status;
    p->detail = detail;
    return HPE_USER;
}

/* A piece of the head: small enough? */
static int collect(llhttp_t *ll, struct strbuf *b, const char *at, size_t n)
{
    struct http_parser *p = ll->data;
    if (p->state != PARSE_HEAD)
        return 0;                                  /* a trailer: read and dropped */
    strbuf_add(b, (struct str){ at, n });
    return b->overflow ? fail(p, 431, "") : 0;
}

static int on_url(llhttp_t *ll, const char *at, size_t n)
{
    return collect(ll, &((struct http_parser *)ll->data)->target, at, n);
}

static int on_name(llhttp_t *ll, const char *at, size_t n)
{
    return collect(ll, &((struct http_parser *)ll->data)->name, at, n);
}

static int on_value(llhttp_t *ll, const char *at, size_t n)
{
    return collect(ll, &((struct http_parser *)ll->data)->value, at, n);
}

/* RFC 7230 token; llhttp lets spaces inside a name pass. */
static bool name_ok(struct str name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!alnum && (c == '\0' || strchr("!#$%&'*+-.^_`|~", c) == NULL))
            return false;
    }
    return name.n > 0;
}

static int on_value_end(llhttp_t *ll)
{
    struct http_parser *p = ll->data;
    if (p->state == PARSE_HEAD) {
        if (!name_ok(strbuf_str(&p->name)))
            return fail(p, 400, "");
        strbuf_addch(&p->name, '\0');
        http_headers_add(p->arena, &p->req.headers, p->name.p, str_trim(strbuf_str(&p->value)));
    }
    strbuf_reset(&p->name);
    strbuf_reset(&p->value);
    return 0;
}

static bool target_ok(struct str t)
{
    for (size_t i = 0; i < t.n; i++)
        if ((unsigned char)t.p[i] <= ' ' || t.p[i] == 0x7f)
            return false;
    return t.n > 0;
}

static int on_head_end(llhttp_t *ll)
{
    struct http_parser *p = ll->data;
    struct parsed_request *r = &p->req;
    struct str expect = http_headers_get(&r->headers, "Expect");
    r->method = str_c(llhttp_method_name((llhttp_method_t)llhttp_get_method(ll)));
    r->target = arena_str(p->arena, strbuf_str(&p->target));
    r->minor = llhttp_get_http_minor(ll);
    r->keep_alive = llhttp_should_keep_alive(ll) != 0;
    if (llhttp_get_http_major(ll) != 1 || r->minor > 1)
        return fail(p, 505, ": unsupported protocol version");
    if (!target_ok(r->target))
        return fail(p, 400, "");
    if (r->minor == 1 && !http_headers_has(&r->headers, "Host"))
        return fail(p, 400, ": missing required Host header");
    if (expect.n > 0 && !str_eqi(expect, STR("100-continue")))
        return fail(p, 417, "");
    if ((ll->flags & F_CONTENT_LENGTH) && ll->content_length > LIMIT_BODY_BYTES)
        return fail(p, 413, "");
    p->expects_continue = expect.n > 0 && r->minor == 1;
    p->state = PARSE_BODY;
    return 0;
}

static int on_body(llhttp_t *ll, const char *at, size_t n)
{
    struct http_parser *p = ll->data;
    strbuf_add(&p->body, (struct str){ at, n });
    return p->body.overflow ? fail(p, 413, "") : 0;
}

static int on_end(llhttp_t *ll)
{
    struct http_parser *p = ll->data;
    p->state = PARSE_DONE;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_url = on_url, .on_header_field = on_name, .on_header_value = on_value, .on_header_value_complete = on_value_end,
    .on_headers_complete = on_head_end, .on_body = on_body, .on_message_complete = on_end,
};

struct http_parser *http_parser_new(void)
{
    struct http_parser *p = NEW(struct http_parser);
    strbuf_init(&p->target, LIMIT_TARGET_BYTES);
    strbuf_init(&p->name, LIMIT_HEADER_BYTES);
    strbuf_init(&p->value, LIMIT_HEADER_BYTES);
    strbuf_init(&p->body, LIMIT_BODY_BYTES);
    return p;
}

void http_parser_free(struct http_parser *p)
{
    if (p == NULL)
        return;
    strbuf_deinit(&p->target);
    strbuf_deinit(&p->name);
    strbuf_deinit(&p->value);
    strbuf_deinit(&p->body);
    free(p);
}

void http_parser_begin(struct http_parser *p, struct arena *a)
{
    llhttp_init(&p->ll, HTTP_REQUEST, &settings);
    p->ll.data = p;
    p->arena = a;
    p->state = PARSE_HEAD;
    p->req = (struct parsed_request){ .minor = 0 };
    p->head_bytes = 0;
    p->status = 0;
    p->detail = "";
    p->expects_continue = false;
    strbuf_reset(&p->target);
    strbuf_reset(&p->name);
    strbuf_reset(&p->value);
    strbuf_deinit(&p->body);
    strbuf_init(&p->body, LIMIT_BODY_BYTES);
}

static void free_body(void *body)
{
    free(body);
}

/* The body's bytes change owner: from the parser to the message's arena. */
static void take_body(struct http_parser *p)
{
    size_t n = 0;
    char *bytes = strbuf_detach(&p->body, &n);
    strbuf_init(&p->body, LIMIT_BODY_BYTES);
    if (bytes != NULL)
        arena_defer(p->arena, free_body, bytes);
    p->req.body = (struct str){ bytes, n };
}

size_t http_parser_feed(struct http_parser *p, struct str bytes)
{
    ASSERT(p->state == PARSE_HEAD || p->state == PARSE_BODY);
    bool in_head = p->state == PARSE_HEAD;
    llhttp_errno_t rc = llhttp_execute(&p->ll, bytes.p, bytes.n);
    size_t used = bytes.n;
    if (p->state == PARSE_FAILED)
        return used;
    if (p->state == PARSE_DONE) {
        used = (size_t)(llhttp_get_error_pos(&p->ll) - bytes.p);
        take_body(p);
    } else if (rc != HPE_OK) {
        /* an encoding that nobody knows; newer llhttps report one beside a length under the same name */
        bool unknown = rc == HPE_INVALID_TRANSFER_ENCODING && !(p->ll.flags & F_CONTENT_LENGTH);
        fail(p, unknown ? 501 : 400, "");
    } else if (in_head && (p->head_bytes += bytes.n) > LIMIT_HEADER_BYTES + LIMIT_TARGET_BYTES && p->state == PARSE_HEAD) {
        fail(p, 431, "");
    }
    return used;
}

enum parse_state http_parser_state(const struct http_parser *p)
{
    return p->state;
}

const struct parsed_request *http_parser_request(const struct http_parser *p)
{
    ASSERT(p->state == PARSE_DONE);
    return &p->req;
}

bool http_parser_expects_continue(const struct http_parser *p)
{
    return p->expects_continue;
}

int http_parser_failure(const struct http_parser *p, const char **detail)
{
    ASSERT(p->state == PARSE_FAILED);
    *detail = p->detail;
    return p->status;
}
