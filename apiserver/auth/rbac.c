/* apiserver/auth/rbac.c - role-based access: which rules a user has, and whether one of them allows a request.
 *
 * Upstream: kubernetes plugin/pkg/auth/authorizer/rbac/rbac.go, pkg/registry/rbac/validation/rule.go,
 * pkg/apis/rbac/v1/evaluation_helpers.go. Bindings name subjects and a role; ClusterRoleBindings hold everywhere, RoleBindings in
 * their namespace. Rules only ever grant. Objects come straight from the store (parsed.c); which rules a user has in a namespace
 * is kept until an object of RBAC's is written.
 */
#include <stdlib.h>

#include "apiserver/auth/auth_priv.h"

enum { PARSED_MAX = 4096, GRANTS_MAX = 512 };

/* ---- parsing ---- */
void rules_of_json(struct arena *a, const struct json *rules, struct rules *out)
{
    *out = (struct rules){ arena_zalloc(a, (json_len(rules) + 1) * sizeof(struct rule)), 0 };
    for (const struct json *j = json_first(rules); j; j = json_next(j))
        out->v[out->n++] = (struct rule){ .verbs = strs_of_json(a, json_get(j, "verbs")),
                                          .groups = strs_of_json(a, json_get(j, "apiGroups")),
                                          .resources = strs_of_json(a, json_get(j, "resources")),
                                          .names = strs_of_json(a, json_get(j, "resourceNames")),
                                          .urls = strs_of_json(a, json_get(j, "nonResourceURLs")) };
}

static void *parse_role(struct arena *a, const struct json *obj)
{
    struct rules *out = ARENA_NEW(a, struct rules);
    rules_of_json(a, json_get(obj, "rules"), out);
    return out;
}

static void *parse_binding(struct arena *a, const struct json *obj)
{
    struct binding *b = ARENA_NEW(a, struct binding);
    const struct json *subjects = json_get(obj, "subjects");
    *b = (struct binding){ .name = meta_name(obj), .ns = meta_namespace(obj), .role_kind = json_path_str(obj, "roleRef.kind"),
                           .role_name = json_path_str(obj, "roleRef.name") };
    b->subjects = arena_zalloc(a, (json_len(subjects) + 1) * sizeof *b->subjects);
    for (const struct json *s = json_first(subjects); s; s = json_next(s)) {
        struct str kind = json_get_str(s, "kind");
        enum subject_kind k = str_eqc(kind, "Group") ? SUBJECT_GROUP : str_eqc(kind, "ServiceAccount") ? SUBJECT_SERVICE_ACCOUNT
                              : SUBJECT_USER;
        b->subjects[b->n++] = (struct subject){ k, json_get_str(s, "name"), json_get_str(s, "namespace") };
    }
    return b;
}

struct authz *authz_new(struct apiserver *as)
{
    struct authz *z = NEW(struct authz);
    z->as = as;
    z->a = arena_new();
    z->roles = parsed_cache_new(parse_role);
    z->bindings = parsed_cache_new(parse_binding);
    z->pods = parsed_cache_new(parse_pod);
    z->grants = map_new();
    z->grants_a = arena_new();
    policy_node_rules(as->opt.minor, z->a, &z->node_rules);
    return z;
}

void authz_free(struct authz *z)
{
    if (!z) return;
    parsed_cache_free(z->roles);
    parsed_cache_free(z->bindings);
    parsed_cache_free(z->pods);
    map_free(z->grants, NULL);
    arena_free(z->grants_a);
    arena_free(z->a);
    free(z);
}

/* ---- one rule ---- */
static bool has_or_star(const struct strs *s, struct str x)
{
    for (size_t i = 0; i < s->n; i++)
        if (str_eqc(s->v[i], "*") || str_eq(s->v[i], x)) return true;
    return false;
}

/* "pods", "pods/log", "*", and "* /scale" (without the blank) for the subresource of anything. */
static bool resource_matches(const struct rule *rule, struct str resource, struct str sub)
{
    for (size_t i = 0; i < rule->resources.n; i++) {
        struct str have = rule->resources.v[i], head, tail;
        if (str_eqc(have, "*")) return true;
        bool slash = str_cut(have, '/', &head, &tail);
        if (slash == (sub.n > 0) && str_eq(tail, sub) && (str_eq(head, resource) || (slash && str_eqc(head, "*")))) return true;
    }
    return false;
}

static bool path_matches(struct str pattern, struct str path)
{
    if (str_eqc(pattern, "*") || str_eq(pattern, path)) return true;
    if (!str_ends(pattern, "*")) return false;
    while (pattern.n && pattern.p[pattern.n - 1] == '*') pattern.n--;
    return path.n >= pattern.n && str_eq(str_sub(path, 0, pattern.n), pattern);
}

bool rule_allows(const struct rule *rule, const struct attributes *at)
{
    if (!has_or_star(&rule->verbs, at->verb)) return false;
    if (at->is_resource)
        return has_or_star(&rule->groups, at->group) && resource_matches(rule, at->resource, at->subresource) &&
               (!rule->names.n || strs_have(&rule->names, at->name));
    for (size_t i = 0; i < rule->urls.n; i++)
        if (path_matches(rule->urls.v[i], at->path)) return true;
    return false;
}

/* ---- whose ---- */
static bool subject_is(const struct subject *s, const struct user *u, struct str binding_ns)
{
    struct str ns, name, want = s->ns.n ? s->ns : binding_ns;
    if (s->kind == SUBJECT_USER) return str_eq(s->name, u->name);
    if (s->kind == SUBJECT_SERVICE_ACCOUNT)
        return want.n && service_account_split(u->name, &ns, &name) && str_eq(name, s->name) && str_eq(ns, want);
    for (size_t i = 0; i < u->group_count; i++)
        if (str_eq(u->groups[i], s->name)) return true;
    return false;
}

const struct rules *role_rules(struct authz *z, struct str kind, struct str ns, struct str name, struct arena *a, struct err *err)
{
    bool cluster = str_eqc(kind, "ClusterRole");
    struct str resource = cluster ? STR("clusterroles") : STR("roles"),
               key = registry_key(a, STR(RBAC), resource, cluster ? STR("") : ns, name);
    struct object *o = store_get(z->as->store, key);
    if (!o) {
        err_not_found(err, STR(RBAC), resource, name);
        return NULL;
    }
    const struct rules *rules = parsed_get(z->roles, key, o);
    object_unref(o);
    return rules;
}

/* What one user holds in one namespace, in the order of the bindings: rule by rule, with what gave it. rule is NULL where the
 * binding's role is missing. */
struct grant { const struct rule *rule; const struct binding *b; const struct subject *s; };
struct grants { struct grant *v; size_t n, cap; };
struct walk { struct authz *z; const struct user *u; struct grants *out; struct arena *a; };

static void grant_add(struct walk *w, struct grant g)
{
    struct grants *out = w->out;
    if (out->n == out->cap) {
        size_t cap = out->cap ? 2 * out->cap : 16;
        out->v = arena_realloc(w->z->grants_a, out->v, out->cap * sizeof *out->v, cap * sizeof *out->v);
        out->cap = cap;
    }
    out->v[out->n++] = g;
}

static bool visit_binding(void *ctx, struct str key, struct object *o)
{
    struct walk *w = ctx;
    const struct binding *b = parsed_get(w->z->bindings, key, o);
    const struct subject *s = NULL;
    for (size_t i = 0; i < b->n && !s; i++)
        if (subject_is(&b->subjects[i], w->u, b->ns)) s = &b->subjects[i];
    if (!s) return true;
    const struct rules *rules = role_rules(w->z, b->role_kind, b->ns, b->role_name, w->a, NULL);
    if (!rules) grant_add(w, (struct grant){ NULL, b, s });
    for (size_t i = 0; rules && i < rules->n; i++) grant_add(w, (struct grant){ &rules->v[i], b, s });
    return true;
}

/* Forgets what is no longer true, and everything when there is too much of it. */
static void refresh(struct authz *z)
{
    struct str rbac = STR("/registry/" RBAC "/");
    int64_t rev = store_revision(z->as->store);
    bool trimmed = parsed_trim(z->roles, PARSED_MAX) | parsed_trim(z->bindings, PARSED_MAX);
    if (trimmed || map_len(z->grants) > GRANTS_MAX || store_touched(z->as->store, rbac, z->grants_rev)) {
        map_free(z->grants, NULL);
        z->grants = map_new();
        arena_reset(z->grants_a);
    }
    z->grants_rev = rev;
}

/* Namespace, name and groups, each behind its length: whatever bytes are in them, two different askers never share a key. */
static struct str grants_key(const struct user *u, struct str ns, struct arena *a)
{
    struct strbuf b;
    strbuf_init(&b, SIZE_MAX / 2);
    strbuf_addf(&b, "%zu:%zu:", ns.n, u->name.n);
    strbuf_add(&b, ns);
    strbuf_add(&b, u->name);
    for (size_t i = 0; i < u->group_count; i++) {
        strbuf_addf(&b, "%zu:", u->groups[i].n);
        strbuf_add(&b, u->groups[i]);
    }
    struct str key = arena_str(a, strbuf_str(&b));
    strbuf_deinit(&b);
    return key;
}

static const struct grants *grants_of(struct authz *z, const struct user *u, struct str ns, struct arena *a)
{
    struct str key = grants_key(u, ns, a);
    struct grants *g = map_get(z->grants, key);
    if (g) return g;
    struct walk w = { z, u, g = ARENA_NEW(z->grants_a, struct grants), a };
    store_list(z->as->store, STR("/registry/" RBAC "/clusterrolebindings/"), STR(""), visit_binding, &w);
    if (ns.n)
        store_list(z->as->store, arena_strf(a, "/registry/" RBAC "/rolebindings/" STR_FMT "/", STR_ARG(ns)), STR(""),
                   visit_binding, &w);
    map_put(z->grants, key, g);
    return g;
}

void rules_visit(struct authz *z, const struct user *u, struct str ns, struct arena *a, rule_visitor *visit, void *ctx)
{
    refresh(z);
    const struct grants *g = grants_of(z, u, ns, a);
    for (size_t i = 0; i < g->n; i++)
        if (!visit(ctx, g->v[i].rule, g->v[i].b, g->v[i].s)) return;
}

/* ---- the authorizer ---- */
struct judge { const struct attributes *at; struct arena *a; bool allowed; struct str reason, *missing; size_t missing_n; };

static struct str describe(struct arena *a, const struct binding *b, const struct subject *s)
{
    static const char *const kinds[] = { "User", "Group", "ServiceAccount" };
    struct str ns = s->ns.n ? s->ns : b->ns,
               who = s->kind == SUBJECT_SERVICE_ACCOUNT ? arena_strf(a, STR_FMT "/" STR_FMT, STR_ARG(s->name), STR_ARG(ns)) : s->name;
    struct str name = b->ns.n ? arena_strf(a, STR_FMT "/" STR_FMT, STR_ARG(b->name), STR_ARG(b->ns)) : b->name;
    return arena_strf(a, "RBAC: allowed by %s \"" STR_FMT "\" of " STR_FMT " \"" STR_FMT "\" to %s \"" STR_FMT "\"",
                      b->ns.n ? "RoleBinding" : "ClusterRoleBinding",
                      STR_ARG(name), STR_ARG(b->role_kind), STR_ARG(b->role_name), kinds[s->kind], STR_ARG(who));
}

static bool judge_rule(void *ctx, const struct rule *rule, const struct binding *b, const struct subject *s)
{
    struct judge *j = ctx;
    if (!rule) {
        const char *resource = str_eqc(b->role_kind, "ClusterRole") ? "clusterrole" : "role";
        j->missing = arena_realloc(j->a, j->missing, j->missing_n * sizeof(struct str), (j->missing_n + 1) * sizeof(struct str));
        j->missing[j->missing_n++] = arena_strf(j->a, "%s." RBAC " \"" STR_FMT "\" not found", resource, STR_ARG(b->role_name));
        return true;
    }
    j->allowed = rule_allows(rule, j->at);
    if (j->allowed) j->reason = describe(j->a, b, s);
    return !j->allowed;
}

/* Roles that bindings name but nobody made are told with a refusal: "RBAC: role.rbac.authorization.k8s.io "x" not found". */
static struct str refusal(struct judge *j)
{
    if (!j->missing_n) return STR("");
    struct str list = j->missing[0];
    for (size_t i = 1; i < j->missing_n; i++) list = arena_strf(j->a, STR_FMT ", " STR_FMT, STR_ARG(list), STR_ARG(j->missing[i]));
    return arena_strf(j->a, j->missing_n > 1 ? "RBAC: [" STR_FMT "]" : "RBAC: " STR_FMT, STR_ARG(list));
}

bool rbac_allowed(struct authz *z, const struct attributes *at, struct arena *a, struct str *reason)
{
    struct judge j = { .at = at, .a = a };
    rules_visit(z, at->user, at->is_resource ? at->namespace : STR(""), a, judge_rule, &j);
    *reason = j.allowed ? j.reason : refusal(&j);
    return j.allowed;
}
