/* apiserver/auth/impersonate.c - kubectl --as: acting as somebody else, for those who hold verb impersonate on them.
 *
 * Upstream: apiserver pkg/endpoints/filters/impersonation.go. Each of user, groups, extras and uid is a right of its own.
 */
#include "apiserver/auth/auth_priv.h"

#define AUTHN_GROUP "authentication.k8s.io"

static bool may(struct request *r, struct str group, const char *resource, struct str sub, struct str ns, struct str name,
                struct err *err)
{
    struct attributes at = { .user = &r->user, .is_resource = true, .verb = STR("impersonate"), .group = group,
                             .version = STR("v1"), .resource = str_c(resource),
                             .subresource = sub, .namespace = ns, .name = name, .path = r->info.path };
    struct str reason;
    return authz_allowed(r->as, &at, r->a, &reason) || err_forbidden(err, &at, reason);
}

static bool header_is_extra(struct request *r, const struct http_header *h, struct str *key)
{
    static const char prefix[] = "Impersonate-Extra-";
    if (h->name.n < sizeof prefix || !str_eqi(str_sub(h->name, 0, sizeof prefix - 1), STR("Impersonate-Extra-"))) return false;
    char *p = arena_cstr(r->a, str_sub(h->name, sizeof prefix - 1, h->name.n));
    for (char *c = p; *c; c++)
        if (*c >= 'A' && *c <= 'Z') *c = (char)(*c + 32);
    *key = percent_decode(r->a, str_c(p), false);
    return true;
}

static bool take_user(struct request *r, struct str name, struct user *to, struct err *err)
{
    struct str ns, sa;
    to->name = arena_str(r->a, name);
    if (service_account_split(name, &ns, &sa)) return may(r, STR(""), "serviceaccounts", STR(""), ns, sa, err);
    return may(r, STR(""), "users", STR(""), STR(""), name, err);
}

static bool take_headers(struct request *r, struct user *to, struct err *err)
{
    struct str key;
    for (size_t i = 0; i < r->x->headers.n; i++) {
        const struct http_header *h = &r->x->headers.v[i];
        if (str_eqi(h->name, STR("Impersonate-Group"))) {
            if (!may(r, STR(""), "groups", STR(""), STR(""), h->value, err)) return false;
            user_add_group(r->a, to, h->value);
        } else if (header_is_extra(r, h, &key)) {
            if (!may(r, STR(AUTHN_GROUP), "userextras", key, STR(""), h->value, err)) return false;
            user_add_extra(r->a, to, arena_cstr(r->a, key), h->value);
        } else if (r->as->opt.minor >= 22 && str_eqi(h->name, STR("Impersonate-Uid"))) {
            if (!may(r, STR(AUTHN_GROUP), "uids", STR(""), STR(""), h->value, err)) return false;
            to->uid = arena_str(r->a, h->value);
        }
    }
    return true;
}

static bool has_others(struct request *r)
{
    struct str key;
    for (size_t i = 0; i < r->x->headers.n; i++)
        if (str_eqi(r->x->headers.v[i].name, STR("Impersonate-Group")) || header_is_extra(r, &r->x->headers.v[i], &key)) return true;
    return false;
}

bool authn_impersonate(struct request *r, struct err *err)
{
    struct str name = http_headers_get(&r->x->headers, "Impersonate-User"), ns, sa;
    struct user to = { 0 };
    if (!name.n && !has_others(r)) return true;
    if (!name.n) return err_set(err, ERR_INTERNAL, "requested groups or extras without impersonating a user");
    if (!take_user(r, name, &to, err) || !take_headers(r, &to, err)) return false;
    if (!to.group_count && service_account_split(name, &ns, &sa)) service_account_groups(r->a, &to, ns);
    bool anonymous = str_eqc(name, "system:anonymous"), said = user_in_group(&to, "system:unauthenticated");
    if (!anonymous && !said && !user_in_group(&to, "system:authenticated")) user_add_group(r->a, &to, STR("system:authenticated"));
    if (anonymous && !said) user_add_group(r->a, &to, STR("system:unauthenticated"));
    r->impersonator = ARENA_NEW(r->a, struct user);
    *r->impersonator = r->user;
    r->user = to;
    return true;
}
