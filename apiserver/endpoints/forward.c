/* apiserver/endpoints/forward.c - a request that goes on to somebody else: which of its headers, and of the answer's, go with it.
 *
 * Upstream: apimachinery pkg/util/proxy/upgradeaware.go on top of Go's net/http/httputil.ReverseProxy.
 */
#include "apiserver/endpoints/endpoints.h"

static bool hop_by_hop(struct str name)
{
    static const char *const names[] = { "Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate",
                                         "Proxy-Authorization", "Te", "Trailer", "Transfer-Encoding", "Upgrade" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eqi(name, str_c(names[i]))) return true;
    return false;
}

static bool in_names(struct str name, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_eqi(name, str_c(names[i]))) return true;
    return false;
}

/* Nothing that says who the client is goes on, but what we say ourselves. */
static bool goes_on(struct str name, bool upgrade)
{
    static const char *const dropped[] = { "Host", "Content-Length", "Authorization", "X-Remote-User", "X-Remote-Group",
                                           "Accept-Encoding",
                                           "Impersonate-User", "Impersonate-Group", "Impersonate-Uid" };
    if (in_names(name, dropped, ARRAY_LEN(dropped))) return false;
    if (name.n >= 15 && (str_eqi(str_sub(name, 0, 15), STR("X-Remote-Extra-")) ||
                         (name.n >= 18 && str_eqi(str_sub(name, 0, 18), STR("Impersonate-Extra-")))))
        return false;
    return upgrade || !hop_by_hop(name);
}

static void forwarded_for(struct request *r, struct http_headers *h)
{
    struct str addr = r->x->remote_addr;
    size_t n = addr.n;
    while (n && addr.p[n - 1] != ':') n--;
    if (n) http_headers_add(r->a, h, "X-Forwarded-For", str_sub(addr, 0, n - 1));
}

void forward_request_headers(struct request *r, bool upgrade, struct http_headers *out)
{
    for (size_t i = 0; i < r->x->headers.n; i++) {
        const struct http_header *f = &r->x->headers.v[i];
        if (goes_on(f->name, upgrade)) http_headers_add(r->a, out, arena_cstr(r->a, f->name), f->value);
    }
    forwarded_for(r, out);
}

void forward_answer_headers(struct request *r, const struct http_response *resp, struct http_headers *out)
{
    static const char *const ours[] = { "Content-Length", "Content-Type", "Date", "Connection" };
    for (size_t i = 0; i < resp->headers.n; i++) {
        const struct http_header *f = &resp->headers.v[i];
        if (!in_names(f->name, ours, ARRAY_LEN(ours)) && (resp->status == 101 || !hop_by_hop(f->name)))
            http_headers_add(r->a, out, arena_cstr(r->a, f->name), f->value);
    }
}

const char *forward_why(const char *url, const char *msg)
{
    const char *at = strstr(msg, url);
    if (!at) return msg;
    at += strlen(url);
    if (*at == '"') at++;
    return strncmp(at, ": ", 2) ? msg : at + 2;
}
