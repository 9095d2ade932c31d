/* sim/upgrade/handshake.c - from an HTTP request to a SPDY connection: what both sides say before the first frame.
 *
 * Upstream: apimachinery pkg/util/httpstream/httpstream.go (Handshake) and spdy/upgrade.go (UpgradeResponse), v0.20.
 * The client lists the subprotocols that it speaks, best first, in X-Stream-Protocol-Version, one per line or
 * comma-separated; the answer names the chosen one. Simplified: the upgrade headers are checked before the subprotocol
 * (so a WebSocket client learns that it is not served, and falls back), and a refusal carries its text once, where Go's
 * double write repeats it.
 */
#include <ctype.h>

#include "sim/upgrade/upgrade.h"

static const char protocol_header[] = "X-Stream-Protocol-Version";

/* Go's %#v of an http.Header: canonical names in order, values quoted. */
static struct str go_headers(struct arena *a, const struct http_headers *h)
{
    struct strbuf b;
    strbuf_init(&b, LIMIT_HEADER_BYTES * 4);
    strbuf_addc(&b, "http.Header{");
    const struct http_header *last = NULL;
    for (;;) {
        const struct http_header *next = NULL;
        for (size_t i = 0; i < h->n; i++)
            if ((last == NULL || str_cmp(h->v[i].name, last->name) > 0) &&
                (next == NULL || str_cmp(h->v[i].name, next->name) < 0) && !str_eqi(h->v[i].name, STR("Host")))
                next = &h->v[i];
        if (next == NULL)
            break;
        strbuf_addf(&b, "%s\"" STR_FMT "\":[]string{", last != NULL ? ", " : "", STR_ARG(next->name));
        size_t n = 0;
        for (size_t i = 0; i < h->n; i++)
            if (str_eqi(h->v[i].name, next->name))
                strbuf_addf(&b, "%s\"" STR_FMT "\"", n++ > 0 ? ", " : "", STR_ARG(h->v[i].value));
        strbuf_addch(&b, '}');
        last = next;
    }
    strbuf_addch(&b, '}');
    struct str out = arena_str(a, strbuf_str(&b));
    strbuf_deinit(&b);
    return out;
}

static bool contains_word(struct arena *a, struct str value, const char *word)
{
    char *low = arena_cstr(a, value);
    for (char *p = low; *p != '\0'; p++)
        *p = (char)tolower((unsigned char)*p);
    return strstr(low, word) != NULL;
}

static struct stream *refuse(struct http_exchange *x, int status, const struct http_headers *extra, struct str text,
                             struct err *err)
{
    err_set(err, status == 403 ? ERR_FORBIDDEN : ERR_BAD_REQUEST, STR_FMT, STR_ARG(text));
    http_respond(x, status, extra, "text/plain; charset=utf-8", arena_strf(x->arena, STR_FMT "\n", STR_ARG(text)));
    return NULL;
}

/* Every protocol the client names, in its order, "[a b]" into list; the first that is ours into picked. */
static bool negotiate(const struct http_exchange *x, const char *const *protocols, size_t n, size_t *picked, struct strbuf *list)
{
    bool found = false;
    for (size_t i = 0; i < x->headers.n; i++) {
        struct str rest = x->headers.v[i].value;
        if (!str_eqi(x->headers.v[i].name, str_c(protocol_header)))
            continue;
        do {
            struct str one = str_trim(str_token(&rest, ','));
            strbuf_addf(list, "%s" STR_FMT, list->n > 0 ? " " : "", STR_ARG(one));
            for (size_t p = 0; p < n && !found; p++)
                if (str_eqc(one, protocols[p])) {
                    *picked = p;
                    found = true;
                }
        } while (rest.p != NULL);
    }
    return found;
}

static struct stream *refuse_protocols(struct http_exchange *x, struct str wanted, const char *const *protocols, size_t n,
                                       struct err *err)
{
    struct arena *a = x->arena;
    struct http_headers extra = { .v = NULL };
    struct str ours = STR_NULL;
    for (size_t i = 0; i < n; i++) {
        http_headers_add(a, &extra, "X-Accepted-Stream-Protocol-Versions", str_c(protocols[i]));
        ours = arena_strf(a, STR_FMT "%s%s", STR_ARG(ours), i > 0 ? " " : "", protocols[i]);
    }
    return refuse(x, 403, &extra,
                  arena_strf(a,
                             "unable to upgrade: unable to negotiate protocol: client supports [" STR_FMT
                             "], server accepts [" STR_FMT "]",
                             STR_ARG(wanted), STR_ARG(ours)),
                  err);
}

struct stream *upgrade_spdy(struct http_exchange *x, const char *const *protocols, size_t n, size_t *picked, struct err *err)
{
    struct arena *a = x->arena;
    if (!contains_word(a, http_headers_get(&x->headers, "Connection"), "upgrade") ||
        !contains_word(a, http_headers_get(&x->headers, "Upgrade"), "spdy/3.1"))
        return refuse(x, 400, NULL, arena_strf(a, "unable to upgrade: missing upgrade headers in request: " STR_FMT,
                                               STR_ARG(go_headers(a, &x->headers))), err);
    if (!http_headers_has(&x->headers, protocol_header))
        return refuse(x, 400, NULL, arena_strf(a, "unable to upgrade: %s is required", protocol_header), err);
    struct strbuf wanted;
    strbuf_init(&wanted, LIMIT_HEADER_BYTES);
    bool found = negotiate(x, protocols, n, picked, &wanted);
    struct str list = arena_str(a, strbuf_str(&wanted));
    strbuf_deinit(&wanted);
    if (!found)
        return refuse_protocols(x, list, protocols, n, err);
    struct http_headers extra = { .v = NULL };
    http_headers_add(a, &extra, "Connection", STR("Upgrade"));
    http_headers_add(a, &extra, "Upgrade", STR("SPDY/3.1"));
    http_headers_add(a, &extra, protocol_header, str_c(protocols[*picked]));
    return http_upgrade(x, &extra);
}
