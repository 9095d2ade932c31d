/* apiserver/auth/static_token.c - --token-auth-file: lines of token,user,uid,"group1,group2", read once when the server starts.
 *
 * Upstream: apiserver pkg/authentication/token/tokenfile/tokenfile.go. A line without a token is passed over, of a token given
 * twice the last line counts.
 */
#include "apiserver/auth/auth_priv.h"

enum { COLUMNS = 4 };

/* One field of a CSV line; quotes around it keep its commas, and a doubled quote is one. */
static struct str field(struct arena *a, struct str *rest)
{
    struct str s = str_trim(*rest);
    if (!s.n || s.p[0] != '"') return str_trim(str_token(rest, ','));
    struct strbuf out;
    size_t i = 1;
    strbuf_init(&out, LIMIT_YAML_BYTES);
    for (; i < s.n && (s.p[i] != '"' || (i + 1 < s.n && s.p[i + 1] == '"')); i++) {
        i += s.p[i] == '"';
        strbuf_addch(&out, s.p[i]);
    }
    struct str value = arena_str(a, strbuf_str(&out));
    strbuf_deinit(&out);
    *rest = str_sub(s, i + 1, s.n);
    if (rest->n) str_token(rest, ',');
    else *rest = STR_NULL;
    return value;
}

bool static_tokens_parse(struct arena *a, const char *path, struct str text, struct static_tokens *out, struct err *err)
{
    size_t lines = 1;
    for (size_t i = 0; i < text.n; i++) lines += text.p[i] == '\n';
    struct static_token *v = arena_zalloc(a, lines * sizeof *v);
    *out = (struct static_tokens){ v, 0 };
    while (text.p && text.n) {
        struct str line = str_trim(str_token(&text, '\n')), columns[COLUMNS] = { { NULL, 0 } };
        size_t n = 0;
        if (!line.n || line.p[0] == '#') continue;
        while (line.p && n < COLUMNS) columns[n++] = field(a, &line);
        if (n < 3)
            return err_set(err, ERR_INVALID,
                           "token file '%s' must have at least 3 columns (token, user name, user uid), found %zu", path, n);
        if (!columns[0].n) continue;
        struct static_token *t = &v[out->n++];
        t->token = columns[0];
        t->user = (struct user){ .name = columns[1], .uid = columns[2] };
        while (columns[3].p && columns[3].n) user_add_group(a, &t->user, str_trim(str_token(&columns[3], ',')));
    }
    return true;
}

enum authn_result static_token(const struct authn *n, struct arena *a, struct str token, struct user *out)
{
    const struct static_tokens *all = n->as->opt.policy.tokens;
    for (size_t i = all ? all->n : 0; i > 0; i--)
        if (crypto_equal(all->v[i - 1].token, token)) {
            user_copy(a, out, &all->v[i - 1].user);
            return AUTHN_YES;
        }
    return AUTHN_NONE;
}
