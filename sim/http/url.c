/* sim/http/url.c - absolute http(s) URLs, and query strings as Go's net/url reads them. */
#include "sim/http/http.h"

static bool url_fail(struct str text, struct err *err, const char *why)
{
    return err_set(err, ERR_BAD_REQUEST, "parse " STR_FMT ": %s", STR_ARG(text), why);
}

/* "host:port", "[::1]:port" or "host" into out. */
static bool parse_authority(struct arena *a, struct str text, struct str auth, struct url *out, struct err *err)
{
    struct str host = auth, port = STR_NULL;
    if (str_starts(auth, "[")) {
        ptrdiff_t end = str_chr(auth, ']');
        if (end < 0)
            return url_fail(text, err, "missing ']' in host");
        host = str_sub(auth, 1, (size_t)end);
        struct str rest = str_sub(auth, (size_t)end + 1, auth.n);
        if (rest.n > 0 && rest.p[0] != ':')
            return url_fail(text, err, "invalid port after host");
        port = str_sub(rest, 1, rest.n);
    } else {
        str_cut(auth, ':', &host, &port);
    }
    int64_t n = str_eqc(out->scheme, "https") ? 443 : 80;
    if (port.n > 0 && (!str_int(port, &n) || n < 0 || n > 65535 || port.p[0] == '-' || port.p[0] == '+'))
        return err_set(err, ERR_BAD_REQUEST, "parse " STR_FMT ": invalid port \":" STR_FMT "\" after host", STR_ARG(text),
                       STR_ARG(port));
    if (host.n == 0)
        return url_fail(text, err, "http: no Host in request URL");
    out->host = arena_str(a, host);
    out->port = (int)n;
    return true;
}

/* Views in out live in the arena. The path stays encoded and is at least "/"; a fragment and user info are dropped. */
bool url_parse(struct arena *a, struct str text, struct url *out, struct err *err)
{
    ptrdiff_t sep = str_find(text, STR("://"));
    *out = (struct url){ .port = 0 };
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] <= ' ' || text.p[i] == 0x7f)
            return url_fail(text, err, "net/url: invalid control character in URL");
    if (sep <= 0)
        return url_fail(text, err, "unsupported protocol scheme \"\"");
    out->scheme = arena_str(a, str_sub(text, 0, (size_t)sep));
    if (!str_eqc(out->scheme, "http") && !str_eqc(out->scheme, "https"))
        return err_set(err, ERR_BAD_REQUEST, "unsupported protocol scheme \"" STR_FMT "\"", STR_ARG(out->scheme));
    struct str rest = str_sub(text, (size_t)sep + 3, text.n), fragment;
    str_cut(rest, '#', &rest, &fragment);
    size_t end = 0;
    while (end < rest.n && rest.p[end] != '/' && rest.p[end] != '?')
        end++;
    struct str auth = str_sub(rest, 0, end), path, query, user;
    if (str_chr(auth, '@') >= 0)
        str_cut(auth, '@', &user, &auth);
    str_cut(str_sub(rest, end, rest.n), '?', &path, &query);
    out->path = path.n > 0 ? arena_str(a, path) : STR("/");
    out->query = arena_str(a, query);
    return parse_authority(a, text, auth, out, err);
}

void query_parse(struct arena *a, struct str text, struct query *out)
{
    size_t count = text.n > 0;
    for (size_t i = 0; i < text.n; i++)
        count += text.p[i] == '&';
    *out = (struct query){ .v = count > 0 ? arena_alloc(a, count * sizeof out->v[0]) : NULL };
    struct str rest = text;
    while (text.n > 0 && rest.p != NULL) {
        struct str piece = str_token(&rest, '&'), name, value;
        if (piece.n == 0)
            continue;
        str_cut(piece, '=', &name, &value);
        out->v[out->n++] = (struct http_header){ percent_decode(a, name, true), percent_decode(a, value, true) };
    }
}

struct str query_get(const struct query *q, const char *name)
{
    for (size_t i = 0; i < q->n; i++)
        if (str_eqc(q->v[i].name, name))
            return q->v[i].value;
    return STR_NULL;
}

bool query_has(const struct query *q, const char *name)
{
    for (size_t i = 0; i < q->n; i++)
        if (str_eqc(q->v[i].name, name))
            return true;
    return false;
}

/* apimachinery pkg/conversion/queryparams and runtime/converter.go: "false" and "0" are false, anything else that is
 * present is true. */
bool query_bool(const struct query *q, const char *name)
{
    struct str v = query_get(q, name);
    return query_has(q, name) && !str_eqi(v, STR("false")) && !str_eqc(v, "0");
}
