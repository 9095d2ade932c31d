/* tests/fuzz/http_fuzz.c - bytes from a client, cut into pieces, through the edge's parser, the target's and query's reading, and
 * negotiation. The first byte is the size of the pieces; 0 is all at once. Requests follow one another on one connection, as in
 * edge.c. */
#include "sim/http/edge_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    static struct http_server server;
    list_init(&server.exchanges);
    size_t piece = data[0] == 0 ? size : data[0];
    struct http_parser *p = http_parser_new();
    struct strbuf in;
    strbuf_init(&in, 16 * 1024 * 1024);
    struct arena *a = arena_new();
    http_parser_begin(p, a);
    for (size_t at = 1; at < size; at += piece) {
        struct str rest = { (const char *)data + at, size - at };
        strbuf_add(&in, str_sub(rest, 0, piece));
        while (in.n > 0) {
            size_t used = http_parser_feed(p, strbuf_str(&in));
            ASSERT(used <= in.n);
            strbuf_consume(&in, used);
            enum parse_state state = http_parser_state(p);
            if (state == PARSE_FAILED)
                goto done;
            if (state != PARSE_DONE)
                break;
            ASSERT(used > 0 || http_parser_request(p)->body.n > 0);
            struct exchange *e = exchange_new(&server, a, &edge_ops, NULL);
            const struct parsed_request *r = http_parser_request(p);
            ASSERT(r->body.n <= LIMIT_BODY_BYTES);
            e->x.method = r->method;
            exchange_target(e, r->target);
            http_negotiate(http_headers_get(&r->headers, "Accept"), (const char *const[]){ "application/json", "text/plain;as=x" }, 2);
            list_remove(&e->node);
            arena_free(a);
            a = arena_new();
            http_parser_begin(p, a);
        }
    }
done:
    arena_free(a);
    http_parser_free(p);
    strbuf_deinit(&in);
    return 0;
}
