/* sim/http/headers.c - header fields, kept as they came and found without regard to case, and the names of the status codes. */
#include "sim/http/http.h"

void http_headers_add(struct arena *a, struct http_headers *h, const char *name, struct str value)
{
    if (h->n == h->cap) {
        size_t cap = h->cap == 0 ? 8 : h->cap * 2;
        h->v = arena_realloc(a, h->v, h->cap * sizeof h->v[0], cap * sizeof h->v[0]);
        h->cap = cap;
    }
    h->v[h->n++] = (struct http_header){ .name = arena_str(a, str_c(name)), .value = arena_str(a, value) };
}

void http_headers_addf(struct arena *a, struct http_headers *h, const char *name, const char *fmt, ...)
{
    struct strbuf b;
    va_list ap;
    strbuf_init(&b, LIMIT_HEADER_BYTES);
    va_start(ap, fmt);
    strbuf_vaddf(&b, fmt, ap);
    va_end(ap);
    http_headers_add(a, h, name, strbuf_str(&b));
    strbuf_deinit(&b);
}

struct str http_headers_get(const struct http_headers *h, const char *name)
{
    struct str want = str_c(name);
    for (size_t i = 0; i < h->n; i++)
        if (str_eqi(h->v[i].name, want))
            return h->v[i].value;
    return STR_NULL;
}

bool http_headers_has(const struct http_headers *h, const char *name)
{
    struct str want = str_c(name);
    for (size_t i = 0; i < h->n; i++)
        if (str_eqi(h->v[i].name, want))
            return true;
    return false;
}

/* Names as in Go's net/http/status.go; empty for an unknown code. */
struct str http_status_text(int status)
{
    static const struct { int code; const char *text; } names[] = {
        { 100, "Continue" },
        { 101, "Switching Protocols" },
        { 200, "OK" },
        { 201, "Created" },
        { 202, "Accepted" },
        { 204, "No Content" },
        { 206, "Partial Content" },
        { 301, "Moved Permanently" },
        { 302, "Found" },
        { 303, "See Other" },
        { 304, "Not Modified" },
        { 307, "Temporary Redirect" },
        { 308, "Permanent Redirect" },
        { 400, "Bad Request" },
        { 401, "Unauthorized" },
        { 403, "Forbidden" },
        { 404, "Not Found" },
        { 405, "Method Not Allowed" },
        { 406, "Not Acceptable" },
        { 408, "Request Timeout" },
        { 409, "Conflict" },
        { 410, "Gone" },
        { 411, "Length Required" },
        { 412, "Precondition Failed" },
        { 413, "Request Entity Too Large" },
        { 414, "Request URI Too Long" },
        { 415, "Unsupported Media Type" },
        { 416, "Requested Range Not Satisfiable" },
        { 417, "Expectation Failed" },
        { 422, "Unprocessable Entity" },
        { 426, "Upgrade Required" },
        { 429, "Too Many Requests" },
        { 431, "Request Header Fields Too Large" },
        { 500, "Internal Server Error" },
        { 501, "Not Implemented" },
        { 502, "Bad Gateway" },
        { 503, "Service Unavailable" },
        { 504, "Gateway Timeout" },
        { 505, "HTTP Version Not Supported" },
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (names[i].code == status)
            return str_c(names[i].text);
    return STR_NULL;
}
