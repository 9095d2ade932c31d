/* sim/http/negotiate.c - which of the offered media types an Accept header admits.
 *
 * Upstream: apiserver pkg/endpoints/handlers/negotiation/negotiate.go. Clauses are tried in the order in which the
 * client wrote them; only the parameters that change what is served count (as, v, g: Table and friends, and aggregated
 * discovery), the others (charset, pretty, stream, version) are ignored. Simplified: q orders nothing, q=0 drops its
 * clause. No header at all admits everything, as in Go.
 */
#include "sim/http/http.h"

struct media { struct str type, sub, as, v, g; bool dropped; };

static struct str unquote(struct str s)
{
    return s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"' ? str_sub(s, 1, s.n - 1) : s;
}

/* "q=0", "q=0.0", "q=0.000" */
static bool is_zero(struct str q)
{
    for (size_t i = 0; i < q.n; i++)
        if (q.p[i] != '0' && q.p[i] != '.')
            return false;
    return q.n > 0;
}

static struct media media_parse(struct str text)
{
    struct media m = { .dropped = false };
    struct str rest = text, full = str_trim(str_token(&rest, ';'));
    str_cut(full, '/', &m.type, &m.sub);
    while (rest.p != NULL) {
        struct str name, value;
        str_cut(str_token(&rest, ';'), '=', &name, &value);
        name = str_trim(name);
        value = unquote(str_trim(value));
        if (str_eqi(name, STR("q")))
            m.dropped = is_zero(value);
        else if (str_eqi(name, STR("as")))
            m.as = value;
        else if (str_eqi(name, STR("v")))
            m.v = value;
        else if (str_eqi(name, STR("g")))
            m.g = value;
    }
    return m;
}

static bool admits(const struct media *clause, const struct media *offer)
{
    if (clause->dropped || !str_eq(clause->as, offer->as) || !str_eq(clause->v, offer->v) || !str_eq(clause->g, offer->g))
        return false;
    if (str_eqc(clause->type, "*"))
        return str_eqc(clause->sub, "*") || clause->sub.n == 0;
    return str_eqi(clause->type, offer->type) && (str_eqc(clause->sub, "*") || str_eqi(clause->sub, offer->sub));
}

int http_negotiate(struct str accept, const char *const *offered, size_t n)
{
    struct str rest = str_trim(accept).n > 0 ? accept : STR("*/*");
    while (rest.p != NULL) {
        struct media clause = media_parse(str_token(&rest, ','));
        for (size_t i = 0; i < n; i++) {
            struct media offer = media_parse(str_c(offered[i]));
            if (admits(&clause, &offer))
                return (int)i;
        }
    }
    return -1;
}
