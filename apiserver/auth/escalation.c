/* apiserver/auth/escalation.c - nobody grants what they do not hold: RBAC's guard on writing roles and bindings.
 *
 * Upstream: kubernetes pkg/registry/rbac/{escalation_check.go,clusterrole/policybased,clusterrolebinding/policybased,...},
 * component-helpers auth/rbac/validation/{rule,policy_comparator,policy_compact}.go. Verb escalate on the role, or bind on the
 * role that a binding names, lifts the guard.
 */
#include <stdlib.h>

#include "apiserver/auth/auth_priv.h"

struct rule_list { struct arena *a; struct rule *v; size_t n, cap; };

static void rule_push(struct rule_list *l, struct rule r)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 16;
        l->v = arena_realloc(l->a, l->v, l->cap * sizeof r, cap * sizeof r);
        l->cap = cap;
    }
    l->v[l->n++] = r;
}

/* ---- does what the owner has cover what is wanted? ---- */
static bool all_or_star(const struct strs *have, const struct strs *want)
{
    if (strs_have(have, STR("*"))) return true;
    for (size_t i = 0; i < want->n; i++)
        if (!strs_have(have, want->v[i])) return false;
    return true;
}

static bool resources_cover(struct arena *a, const struct strs *have, const struct strs *want)
{
    if (all_or_star(have, want)) return true;
    for (size_t i = 0; i < want->n; i++) {
        struct str head, sub;
        if (strs_have(have, want->v[i])) continue;
        if (!str_cut(want->v[i], '/', &head, &sub) || !strs_have(have, arena_strf(a, "*/" STR_FMT, STR_ARG(sub)))) return false;
    }
    return true;
}

static bool url_covers(struct str have, struct str want)
{
    if (str_eq(have, want)) return true;
    if (!str_ends(have, "*")) return false;
    while (have.n && have.p[have.n - 1] == '*') have.n--;
    return want.n >= have.n && str_eq(str_sub(want, 0, have.n), have);
}

static bool urls_cover(const struct strs *have, const struct strs *want)
{
    for (size_t i = 0; i < want->n; i++) {
        bool found = false;
        for (size_t k = 0; k < have->n && !found; k++) found = url_covers(have->v[k], want->v[i]);
        if (!found) return false;
    }
    return true;
}

static bool names_cover(const struct strs *have, const struct strs *want)
{
    if (!have->n) return true;
    for (size_t i = 0; i < want->n; i++)
        if (!strs_have(have, want->v[i])) return false;
    return want->n > 0;
}

static bool rule_covers(struct arena *a, const struct rule *have, const struct rule *want)
{
    return all_or_star(&have->verbs, &want->verbs) && all_or_star(&have->groups, &want->groups) &&
           resources_cover(a, &have->resources, &want->resources) &&
           urls_cover(&have->urls, &want->urls) && names_cover(&have->names, &want->names);
}

/* ---- a rule taken apart: one verb, one group, one resource, at most one name ---- */
static struct strs one(struct str *s) { return (struct strs){ s, 1 }; }

static void break_down(const struct rule *r, struct rule_list *out)
{
    for (size_t g = 0; g < r->groups.n; g++)
        for (size_t s = 0; s < r->resources.n; s++)
            for (size_t v = 0; v < r->verbs.n; v++) {
                struct rule single = { .verbs = one(&r->verbs.v[v]), .groups = one(&r->groups.v[g]),
                                       .resources = one(&r->resources.v[s]) };
                if (!r->names.n) rule_push(out, single);
                for (size_t k = 0; k < r->names.n; k++) {
                    single.names = one(&r->names.v[k]);
                    rule_push(out, single);
                }
            }
    for (size_t u = 0; u < r->urls.n; u++)
        for (size_t v = 0; v < r->verbs.n; v++)
            rule_push(out, (struct rule){ .verbs = one(&r->verbs.v[v]), .urls = one(&r->urls.v[u]) });
}

/* ---- the missing ones, put together again and told ---- */
static bool same_target(const struct rule *a, const struct rule *b)
{
    return !a->urls.n && !b->urls.n && str_eq(a->groups.v[0], b->groups.v[0]) && str_eq(a->resources.v[0], b->resources.v[0]) &&
           a->names.n == b->names.n &&
           (!a->names.n || str_eq(a->names.v[0], b->names.v[0]));
}

static void compact_add(struct rule_list *out, const struct rule *r)
{
    for (size_t i = 0; i < out->n; i++) {
        struct rule *have = &out->v[i];
        if (!same_target(have, r)) continue;
        struct str *v = arena_alloc(out->a, (have->verbs.n + 1) * sizeof *v);
        memcpy(v, have->verbs.v, have->verbs.n * sizeof *v);
        v[have->verbs.n] = r->verbs.v[0];
        have->verbs = (struct strs){ v, have->verbs.n + 1 };
        return;
    }
    rule_push(out, *r);
}

static struct str rule_text(struct arena *a, const struct rule *r)
{
    const struct { const char *name; const struct strs *list; } parts[] = {
        { "APIGroups", &r->groups }, { "Resources", &r->resources }, { "NonResourceURLs", &r->urls },
        { "ResourceNames", &r->names }, { "Verbs", &r->verbs },
    };
    struct str out = STR("{");
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (parts[i].list->n)
            out = arena_strf(a, STR_FMT "%s%s:" STR_FMT, STR_ARG(out), out.n > 1 ? ", " : "", parts[i].name,
                             STR_ARG(go_quoted_list(a, parts[i].list->v, parts[i].list->n)));
    return arena_strf(a, STR_FMT "}", STR_ARG(out));
}

static int text_cmp(const void *x, const void *y) { return str_cmp(*(const struct str *)x, *(const struct str *)y); }

static struct str missing_text(struct request *r, const struct rule_list *missing)
{
    struct rule_list compact = { .a = r->a };
    for (size_t i = 0; i < missing->n; i++) compact_add(&compact, &missing->v[i]);
    struct str *texts = arena_alloc(r->a, (compact.n + 1) * sizeof *texts);
    for (size_t i = 0; i < compact.n; i++) texts[i] = rule_text(r->a, &compact.v[i]);
    qsort(texts, compact.n, sizeof *texts, text_cmp);
    struct strbuf b;
    strbuf_init(&b, LIMIT_BODY_BYTES);
    strbuf_addf(&b, "user " STR_FMT " (groups=" STR_FMT ") is attempting to grant RBAC permissions not currently held:",
                STR_ARG(go_quoted(r->a, r->user.name)),
                STR_ARG(go_quoted_list(r->a, r->user.groups, r->user.group_count)));
    for (size_t i = 0; i < compact.n; i++)
        if (!i || !str_eq(texts[i], texts[i - 1])) strbuf_addf(&b, "\n" STR_FMT, STR_ARG(texts[i]));
    struct str out = arena_str(r->a, strbuf_str(&b));
    strbuf_deinit(&b);
    return out;
}

static bool collect(void *ctx, const struct rule *rule, const struct binding *b, const struct subject *s)
{
    (void)b, (void)s;
    if (rule) rule_push(ctx, *rule);
    return true;
}

/* Each of want must be covered by a rule that the user has in ns. */
static bool holds(struct request *r, struct str ns, const struct rules *want, struct str resource, struct str name, struct err *err)
{
    struct rule_list owned = { .a = r->a }, singles = { .a = r->a }, missing = { .a = r->a };
    rules_visit(r->as->authz, &r->user, ns, r->a, collect, &owned);
    for (size_t i = 0; i < want->n; i++) break_down(&want->v[i], &singles);
    for (size_t i = 0; i < singles.n; i++) {
        bool covered = false;
        for (size_t k = 0; k < owned.n && !covered; k++) covered = rule_covers(r->a, &owned.v[k], &singles.v[i]);
        if (!covered) rule_push(&missing, singles.v[i]);
    }
    if (!missing.n) return true;
    return err_forbidden_object(err, STR(RBAC), resource, name, arena_cstr(r->a, missing_text(r, &missing)));
}

static bool may(struct request *r, const char *verb, struct str resource, struct str ns, struct str name)
{
    struct attributes at = { .user = &r->user, .is_resource = true, .verb = str_c(verb), .group = STR(RBAC), .version = STR("*"),
                             .resource = resource, .namespace = ns, .name = name };
    return authz_allowed(r->as, &at, r->a, NULL);
}

static struct rules everything_rules(void)
{
    static struct str star = { "*", 1 };
    static struct rule v[2] = { { .verbs = { &star, 1 }, .groups = { &star, 1 }, .resources = { &star, 1 } },
                                { .verbs = { &star, 1 }, .urls = { &star, 1 } } };
    return (struct rules){ v, 2 };
}

static bool check_role(struct request *r, const struct json *obj, const struct json *old, struct err *err)
{
    struct rules rules;
    const struct json *aggregation = json_get(obj, "aggregationRule");
    if (old && json_equal(json_get(obj, "rules"), json_get(old, "rules")) && json_equal(aggregation, json_get(old, "aggregationRule")))
        return true;
    if (may(r, "escalate", r->info.resource, r->info.namespace, r->info.name)) return true;
    rules_of_json(r->a, json_get(obj, "rules"), &rules);
    if (!holds(r, r->info.namespace, &rules, r->info.resource, meta_name(obj), err)) return false;
    if (!json_len(json_get(aggregation, "clusterRoleSelectors"))) return true;
    rules = everything_rules();
    struct err all = { 0 };
    bool ok = holds(r, r->info.namespace, &rules, r->info.resource, meta_name(obj), &all);
    err_clear(&all);
    return ok || err_forbidden_object(err, STR(RBAC), r->info.resource, meta_name(obj),
                                      "must have cluster-admin privileges to use the aggregationRule");
}

static bool check_binding(struct request *r, const struct json *obj, const struct json *old, struct err *err)
{
    struct str kind = json_path_str(obj, "roleRef.kind"), name = json_path_str(obj, "roleRef.name"), ns = r->info.namespace;
    bool cluster = str_eqc(kind, "ClusterRole");
    if (old && json_equal(json_get(obj, "roleRef"), json_get(old, "roleRef")) &&
        json_equal(json_get(obj, "subjects"), json_get(old, "subjects")))
        return true;
    if (may(r, "bind", cluster ? STR("clusterroles") : STR("roles"), ns, name)) return true;
    const struct rules *rules = role_rules(r->as->authz, kind, ns, name, r->a, err);
    return rules && holds(r, ns, rules, r->info.resource, meta_name(obj), err);
}

bool authz_check_escalation(struct request *r, const struct json *obj, const struct json *old, struct err *err)
{
    if (user_in_group(&r->user, "system:masters")) return true;
    bool binding = str_ends(r->info.resource, "bindings");
    return binding ? check_binding(r, obj, old, err) : check_role(r, obj, old, err);
}
