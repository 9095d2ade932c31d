/* workloads/controllers/clusterrole_aggregation.c - ClusterRoles that are the sum of others
 * (pkg/controller/clusterroleaggregation).
 *
 * admin, edit and view hold the rules of all ClusterRoles with their aggregation label, in the order of the roles' names, each
 * rule once.
 */
#include "workloads/controllers/controllers_priv.h"

#include <stdlib.h>

#define API "rbac.authorization.k8s.io/v1"

struct aggregation { struct ctl ctl; struct ctl_watch roles; };

static struct aggregation *of(struct ctl *c) { return container_of(c, struct aggregation, ctl); }

/* Any change may concern any sum. */
static void seen(struct ctl *c, const struct json *old, const struct json *now)
{
    if (old && now && json_equal(json_get(old, "rules"), json_get(now, "rules")) && json_equal(meta_labels(old), meta_labels(now)) &&
        json_equal(json_get(old, "aggregationRule"), json_get(now, "aggregationRule")))
        return;
    size_t cursor = 0;
    for (const struct json *role; ctl_next(&of(c)->roles, &cursor, &role);)
        if (json_get(role, "aggregationRule"))
            ctl_add_obj(c, role);
    if (now && json_get(now, "aggregationRule"))
        ctl_add_obj(c, now);
}

static void add_rules(struct sync *s, struct json *rules, const struct json *role)
{
    for (const struct json *rule = json_first(json_get(role, "rules")); rule; rule = json_next(rule)) {
        bool there = false;
        for (const struct json *r = json_first(rules); r && !there; r = json_next(r))
            there = json_equal(r, rule);
        if (!there)
            json_append(rules, json_copy(s->a, rule));
    }
}

static int cmp_names(const void *a, const void *b)
{
    return str_cmp(meta_name(*(const struct json *const *)a), meta_name(*(const struct json *const *)b));
}

static void sync_role(struct sync *s)
{
    struct ctl_watch *roles = &of(s->c)->roles;
    const struct json *sum = ctl_get(roles, s->key),
                      **match = arena_alloc(s->a, (informer_count(roles->informer) + 1) * sizeof *match);
    struct json *rules = json_new_array(s->a);
    if (!sum || !json_get(sum, "aggregationRule")) {
        sync_end(s);
        return;
    }
    for (const struct json *l = json_first(json_path(sum, "aggregationRule.clusterRoleSelectors")); l; l = json_next(l)) {
        struct selector *sel = selector_from_json(s->a, l, NULL);
        size_t cursor = 0, n = 0;
        for (const struct json *role; sel && ctl_next(roles, &cursor, &role);)
            if (!str_eq(meta_name(role), meta_name(sum)) && selector_matches(sel, meta_labels(role)))
                match[n++] = role;
        qsort(match, n, sizeof *match, cmp_names);
        for (size_t i = 0; i < n; i++)
            add_rules(s, rules, match[i]);
    }
    const struct json *have = json_get(sum, "rules");
    if (have && json_type(have) != JSON_NULL ? !json_equal(have, rules) : json_len(rules) > 0) {
        struct json *role = json_copy(s->a, sum);
        json_set(s->a, role, "rules", rules);
        sync_update(s, sync_path(s, API, "clusterroles", role, NULL), role, NULL, NULL);
    }
    sync_wait(s, sync_end);
}

static void *start(const struct controller_context *cc)
{
    struct aggregation *g = NEW(struct aggregation);
    ctl_init(&g->ctl, cc, "clusterrole-aggregation", 5, sync_role);
    ctl_watch(&g->ctl, &g->roles, API, "clusterroles", seen);
    return g;
}

static void stop(void *state)
{
    struct aggregation *g = state;
    ctl_deinit(&g->ctl);
    free(g);
}

const struct controller_ops clusterrole_aggregation_controller = { "clusterrole-aggregation", "clusterrole-aggregation-controller",
                                                                   start, stop };
