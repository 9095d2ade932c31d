/* sim/http/headers.c - header fields, kept as they came and found without regard to case, and the names of the status codes. */
#include "sim/http/http.h"

/* One more, of bytes that live as long as the headers. */
static void append(struct arena *a, struct http_headers *h, struct str name, struct str value)
{
    if (h->n == h->cap) {
        size_t cap = h->cap == 0 ? 8 : h->cap * 2;
        h->v = arena_realloc(a, h->v, h->cap * sizeof h->v[0], cap * sizeof h->v[0]);
        h->cap = cap;
    }
    h->v[h->n++] = (struct http_header){ .name = name, .value = value };
}

void http_headers_add(struct arena *a, struct http_headers *h, const char *name, struct str value)
{
    append(a, h, arena_str(a, str_c(name)), arena_str(a, value));
}

void http_headers_view(struct arena *a, struct http_headers *h, const struct http_headers *from)
{
    for (size_t i = 0; from != NULL && i < from->n; i++)
        append(a, h, from->v[i].name, from->v[i].value);
}

void http_headers_copy(struct arena *a, struct http_headers *h, const struct http_headers *from)
{
    for (size_t i = 0; from != NULL && i < from->n; i++)
        append(a, h, arena_str(a, from->v[i].name), arena_str(a, from->v[i].value));
}

void http_headers_addf(struct arena *a, struct http_headers *h, const char *name, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct str value = arena_vstrf(a, fmt, ap);
    va_end(ap);
    append(a, h, arena_str(a, str_c(name)), str_sub(value, 0, LIMIT_HEADER_BYTES));
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
