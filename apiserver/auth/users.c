/* apiserver/auth/users.c - users as values: groups and extras added, copied, told; and Go's way to quote names in messages.
 *
 * Upstream: apiserver pkg/authentication/user/user.go, pkg/authentication/serviceaccount/util.go.
 */
#include "apiserver/auth/auth_priv.h"

bool strs_have(const struct strs *s, struct str x)
{
    for (size_t i = 0; i < s->n; i++)
        if (str_eq(s->v[i], x)) return true;
    return false;
}

struct strs strs_of_json(struct arena *a, const struct json *array)
{
    struct strs out = { arena_alloc(a, (json_len(array) + 1) * sizeof(struct str)), 0 };
    for (const struct json *c = json_first(array); c; c = json_next(c)) out.v[out.n++] = arena_str(a, json_str(c));
    return out;
}

void user_add_group(struct arena *a, struct user *u, struct str group)
{
    struct str *v = arena_alloc(a, (u->group_count + 1) * sizeof *v);
    if (u->group_count) memcpy(v, u->groups, u->group_count * sizeof *v);
    v[u->group_count++] = arena_str(a, group);
    u->groups = v;
}

void user_add_extra(struct arena *a, struct user *u, const char *key, struct str value)
{
    struct user_extra *e = NULL;
    for (size_t i = 0; i < u->extra_count && !e; i++)
        if (str_eqc(u->extra[i].key, key)) e = &u->extra[i];
    if (!e) {
        u->extra = arena_realloc(a, u->extra, u->extra_count * sizeof *e, (u->extra_count + 1) * sizeof *e);
        e = &u->extra[u->extra_count++];
        *e = (struct user_extra){ .key = arena_str(a, str_c(key)) };
    }
    e->values = arena_realloc(a, e->values, e->n * sizeof(struct str), (e->n + 1) * sizeof(struct str));
    e->values[e->n++] = arena_str(a, value);
}

void user_copy(struct arena *a, struct user *to, const struct user *from)
{
    *to = (struct user){ .name = arena_str(a, from->name), .uid = arena_str(a, from->uid) };
    for (size_t i = 0; i < from->group_count; i++) user_add_group(a, to, from->groups[i]);
    for (size_t i = 0; i < from->extra_count; i++)
        for (size_t k = 0; k < from->extra[i].n; k++)
            user_add_extra(a, to, arena_cstr(a, from->extra[i].key), from->extra[i].values[k]);
}

static struct json *array_of(struct arena *a, const struct str *v, size_t n)
{
    struct json *array = json_new_array(a);
    for (size_t i = 0; i < n; i++) json_append(array, json_new_str(a, v[i]));
    return array;
}

struct json *user_info_json(struct arena *a, const struct user *u)
{
    struct json *info = json_new_object(a);
    json_set_str(a, info, "username", u->name);
    if (u->uid.n) json_set_str(a, info, "uid", u->uid);
    if (u->group_count) json_set(a, info, "groups", array_of(a, u->groups, u->group_count));
    for (size_t i = 0; i < u->extra_count; i++)
        json_setn(a, json_ensure(a, info, "extra"), u->extra[i].key, array_of(a, u->extra[i].values, u->extra[i].n));
    return info;
}

struct str go_quoted(struct arena *a, struct str s)
{
    struct strbuf b;
    strbuf_init(&b, LIMIT_BODY_BYTES);
    strbuf_addch(&b, '"');
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '"' || c == '\\') strbuf_addf(&b, "\\%c", c);
        else if (c == '\n') strbuf_addc(&b, "\\n");
        else if (c == '\t') strbuf_addc(&b, "\\t");
        else if (c < 0x20 || c == 0x7f) strbuf_addf(&b, "\\x%02x", c);
        else strbuf_addch(&b, (char)c);
    }
    strbuf_addch(&b, '"');
    struct str out = arena_str(a, strbuf_str(&b));
    strbuf_deinit(&b);
    return out;
}

struct str go_quoted_list(struct arena *a, const struct str *v, size_t n)
{
    struct str out = STR("[");
    for (size_t i = 0; i < n; i++) out = arena_strf(a, STR_FMT "%s" STR_FMT, STR_ARG(out), i ? " " : "", STR_ARG(go_quoted(a, v[i])));
    return arena_strf(a, STR_FMT "]", STR_ARG(out));
}

bool service_account_split(struct str username, struct str *ns, struct str *name)
{
    if (!str_starts(username, "system:serviceaccount:")) return false;
    struct str rest = str_sub(username, strlen("system:serviceaccount:"), username.n);
    return str_cut(rest, ':', ns, name) && name_is_dns1123_label(*ns) && name_is_dns1123_subdomain(*name);
}

void service_account_groups(struct arena *a, struct user *u, struct str ns)
{
    user_add_group(a, u, STR("system:serviceaccounts"));
    user_add_group(a, u, arena_strf(a, "system:serviceaccounts:" STR_FMT, STR_ARG(ns)));
}
