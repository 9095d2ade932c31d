/* apiserver/auth/authz.c - may they: the union of authorizers (--authorization-mode, kubeadm's Node,RBAC), and how a refusal is
 * worded.
 *
 * Upstream: apiserver pkg/authorization/union/union.go, pkg/endpoints/handlers/responsewriters/errors.go, apimachinery api/errors
 * NewForbidden.
 */
#include "apiserver/auth/auth_priv.h"

/* One mode's word: true is a yes; else *why may say something. Asked in the flag's order, the first yes counts. */
static bool mode_allows(struct apiserver *as, uint8_t mode, const struct attributes *at, struct arena *a, struct str *why)
{
    switch (mode) {
    case AUTHZ_NODE: return node_allowed(as->authz, at, a, why);
    case AUTHZ_RBAC: return rbac_allowed(as->authz, at, a, why);
    case AUTHZ_ALWAYS_ALLOW: return true;
    case AUTHZ_ALWAYS_DENY: *why = STR("Everything is forbidden."); return false;
    default: return false;
    }
}

bool authz_allowed(struct apiserver *as, const struct attributes *at, struct arena *a, struct str *reason)
{
    static const uint8_t usual[] = { AUTHZ_NODE, AUTHZ_RBAC, AUTHZ_END };
    const uint8_t *mode = as->opt.policy.authorization[0] ? as->opt.policy.authorization : usual;
    if (reason) *reason = STR("");
    if (user_in_group(at->user, "system:masters")) return true;
    for (; *mode; mode++) {
        struct str why = STR("");
        if (mode_allows(as, *mode, at, a, &why)) {
            if (reason) *reason = why;
            return true;
        }
        if (reason && why.n) *reason = reason->n ? arena_strf(a, STR_FMT "\n" STR_FMT, STR_ARG(*reason), STR_ARG(why)) : why;
    }
    return false;
}

/* What a browser could take for markup is escaped. */
static struct str sanitized(struct arena *a, struct str s)
{
    struct strbuf b;
    strbuf_init(&b, LIMIT_BODY_BYTES);
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '&') strbuf_addc(&b, "&amp;");
        else if (s.p[i] == '<') strbuf_addc(&b, "&lt;");
        else if (s.p[i] == '>') strbuf_addc(&b, "&gt;");
        else strbuf_addch(&b, s.p[i]);
    }
    struct str out = arena_str(a, strbuf_str(&b));
    strbuf_deinit(&b);
    return out;
}

static struct str who_cannot_what(struct arena *a, const struct attributes *at)
{
    struct str user = go_quoted(a, at->user->name), resource = at->resource;
    if (!at->is_resource)
        return arena_strf(a, "User " STR_FMT " cannot " STR_FMT " path " STR_FMT, STR_ARG(user), STR_ARG(at->verb),
                          STR_ARG(go_quoted(a, at->path)));
    if (at->subresource.n) resource = arena_strf(a, STR_FMT "/" STR_FMT, STR_ARG(resource), STR_ARG(at->subresource));
    struct str what = arena_strf(a, "User " STR_FMT " cannot " STR_FMT " resource " STR_FMT " in API group \"" STR_FMT "\"",
                                 STR_ARG(user), STR_ARG(at->verb),
                                 STR_ARG(go_quoted(a, resource)), STR_ARG(at->group));
    if (!at->namespace.n) return arena_strf(a, STR_FMT " at the cluster scope", STR_ARG(what));
    return arena_strf(a, STR_FMT " in the namespace " STR_FMT, STR_ARG(what), STR_ARG(go_quoted(a, at->namespace)));
}

bool err_forbidden_object(struct err *err, struct str group, struct str resource, struct str name, const char *why)
{
    if (!err) return false;
    struct arena *a = arena_new();
    struct str full = group.n && resource.n ? arena_strf(a, STR_FMT "." STR_FMT, STR_ARG(resource), STR_ARG(group)) : resource;
    struct str text = arena_str(a, str_c(why));    /* why may be err->msg */
    if (!full.n) err_set(err, ERR_FORBIDDEN, "forbidden: " STR_FMT, STR_ARG(text));
    else if (!name.n) err_set(err, ERR_FORBIDDEN, STR_FMT " is forbidden: " STR_FMT, STR_ARG(full), STR_ARG(text));
    else
        err_set(err, ERR_FORBIDDEN, STR_FMT " " STR_FMT " is forbidden: " STR_FMT, STR_ARG(full), STR_ARG(go_quoted(a, name)),
                STR_ARG(text));
    struct json *d = json_new_object(a);
    if (name.n) json_set_str(a, d, "name", name);
    if (group.n) json_set_str(a, d, "group", group);
    if (resource.n) json_set_str(a, d, "kind", resource);
    err_details(err, arena_cstr(a, json_text(a, d)));
    arena_free(a);
    return false;
}

bool err_forbidden(struct err *err, const struct attributes *at, struct str reason)
{
    struct arena *a = arena_new();
    struct str text = sanitized(a, who_cannot_what(a, at));
    if (reason.n) text = arena_strf(a, STR_FMT ": " STR_FMT, STR_ARG(text), STR_ARG(reason));
    struct str none = STR("");
    err_forbidden_object(err, at->is_resource ? at->group : none, at->is_resource ? at->resource : none,
                         at->is_resource ? at->name : none, arena_cstr(a, text));
    arena_free(a);
    return false;
}
