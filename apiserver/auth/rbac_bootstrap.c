/* apiserver/auth/rbac_bootstrap.c - the policy that a cluster is born with, and that every start of the server restores.
 *
 * Upstream: kubernetes pkg/registry/rbac/rest/storage_rbac.go (post-start hook rbac/bootstrap-roles), reconciliation in
 * component-helpers auth/rbac/reconciliation: what is missing is made; an object with annotation autoupdate "true" gets missing
 * rules and subjects added, while what an administrator added stays. The data (policy/bootstrap.tsv) is upstream's for three
 * versions in one file.
 */
#include "apiserver/auth/auth_priv.h"

EMBED(bootstrap_tsv, "apiserver/auth/policy/bootstrap.tsv")

#define AUTOUPDATE "rbac.authorization.kubernetes.io/autoupdate"

static bool minor_in(struct str list, int minor)
{
    int64_t n;
    while (list.n)
        if (str_int(str_token(&list, ','), &n) && n == minor) return true;
    return false;
}

static struct json *json_of_list(struct arena *a, struct str list)
{
    struct json *array = json_new_array(a);
    while (list.n) {
        struct str item = str_token(&list, ',');
        json_append(array, json_new_str(a, str_eqc(item, "core") ? STR("") : item));
    }
    return array;
}

static void add_list(struct arena *a, struct json *obj, const char *key, struct str list)
{
    json_set(a, obj, key, json_of_list(a, list));
}

/* ---- the lines of an object ---- */
static void line_rule(struct arena *a, struct json *obj, struct str *col)
{
    struct json *rule = json_new_object(a);
    add_list(a, rule, "verbs", col[0]);
    add_list(a, rule, "apiGroups", col[1]);
    add_list(a, rule, "resources", col[2]);
    if (col[3].n) add_list(a, rule, "resourceNames", col[3]);
    json_append(json_ensure_array(a, obj, "rules"), rule);
}

static void line_url(struct arena *a, struct json *obj, struct str *col)
{
    struct json *rule = json_new_object(a);
    add_list(a, rule, "verbs", col[0]);
    add_list(a, rule, "nonResourceURLs", col[1]);
    json_append(json_ensure_array(a, obj, "rules"), rule);
}

static void line_label(struct arena *a, struct json *obj, struct str *col)
{
    json_setn(a, json_ensure(a, json_get(obj, "metadata"), "labels"), col[0], json_new_str(a, col[1]));
}

static void line_aggregate(struct arena *a, struct json *obj, struct str *col)
{
    struct json *selector = json_new_object(a);
    json_setn(a, json_ensure(a, selector, "matchLabels"), col[0], json_new_str(a, col[1]));
    json_append(json_ensure_array(a, json_ensure(a, obj, "aggregationRule"), "clusterRoleSelectors"), selector);
}

static void line_role(struct arena *a, struct json *obj, struct str *col)
{
    json_set(a, obj, "roleRef", json_buildf(a, "{'apiGroup': '" RBAC "', 'kind': %S, 'name': %S}", col[0], col[1]));
}

static void line_subject(struct arena *a, struct json *obj, struct str *col)
{
    struct json *s = col[2].n ? json_buildf(a, "{'kind': %S, 'name': %S, 'namespace': %S}", col[0], col[1], col[2])
                              : json_buildf(a, "{'kind': %S, 'apiGroup': '" RBAC "', 'name': %S}", col[0], col[1]);
    json_append(json_ensure_array(a, obj, "subjects"), s);
}

static const struct { const char *word; void (*add)(struct arena *, struct json *, struct str *); } lines[] = {
    { "rule", line_rule }, { "url", line_url }, { "label", line_label }, { "aggregate", line_aggregate }, { "role", line_role },
    { "subject", line_subject },
};

static void add_line(struct arena *a, struct json *obj, struct str line, int minor)
{
    struct str word = str_token(&line, '\t'), minors = str_token(&line, '\t'), col[4] = { { 0 } };
    if (minors.n && !minor_in(minors, minor)) return;
    for (size_t i = 0; i < ARRAY_LEN(col) && line.p; i++) col[i] = str_token(&line, '\t');
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        if (str_eqc(word, lines[i].word)) lines[i].add(a, obj, col);
}

/* ---- the file: visit each object of the version, the line's kind being a resource's name without its last s ---- */
static const struct { const char *word, *kind; const char *resource; } kinds[] = {
    { "clusterrole", "ClusterRole", "clusterroles" }, { "clusterrolebinding", "ClusterRoleBinding", "clusterrolebindings" },
    { "role", "Role", "roles" }, { "rolebinding", "RoleBinding", "rolebindings" },
};

static const char *resource_of(struct str word, const char **kind)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (str_eqc(word, kinds[i].word)) {
            *kind = kinds[i].kind;
            return kinds[i].resource;
        }
    ASSERT(!"a kind that the policy file may name");
    return NULL;
}

static struct json *new_object(struct arena *a, const char *kind, struct str name, struct str ns)
{
    struct json *obj = json_buildf(a, "{'kind': %s, 'apiVersion': '" RBAC "/v1', 'metadata': {'name': %S}}", kind, name);
    struct json *meta = json_get(obj, "metadata");
    if (ns.n) json_set_str(a, meta, "namespace", ns);
    json_set_strc(a, json_ensure(a, meta, "labels"), "kubernetes.io/bootstrapping", "rbac-defaults");
    json_set_strc(a, json_ensure(a, meta, "annotations"), AUTOUPDATE, "true");
    return obj;
}

static bool policy_next(struct str *rest, int minor, struct arena *a, const char **resource, struct json **obj)
{
    *obj = NULL;
    while (rest->n) {
        struct str before = *rest, line = str_token(rest, '\n');
        bool begins = line.n && line.p[0] != '\t' && line.p[0] != '#';
        if (begins && *obj) {
            *rest = before;
            return true;
        }
        if (!begins) {
            if (*obj && line.n && line.p[0] == '\t') add_line(a, *obj, str_sub(line, 1, line.n), minor);
            continue;
        }
        const char *kind;
        struct str word = str_token(&line, '\t'), minors = str_token(&line, '\t'), name = str_token(&line, '\t');
        *resource = resource_of(word, &kind);
        if (minor_in(minors, minor)) *obj = new_object(a, kind, name, line);
    }
    return *obj != NULL;
}

void policy_node_rules(int minor, struct arena *a, struct rules *out)
{
    struct str rest = bootstrap_tsv();
    struct json *obj;
    const char *resource;
    *out = (struct rules){ NULL, 0 };
    while (policy_next(&rest, minor, a, &resource, &obj))
        if (!strcmp(resource, "clusterroles") && str_eqc(meta_name(obj), "system:node")) rules_of_json(a, json_get(obj, "rules"), out);
}

/* ---- reconciliation ---- */
static bool in_array(const struct json *array, const struct json *x)
{
    for (const struct json *c = json_first(array); c; c = json_next(c))
        if (json_equal(c, x)) return true;
    return false;
}

/* Append to have's array what only want's has; true when something was missing. */
static bool union_array(struct arena *a, struct json *have, const struct json *want, const char *key)
{
    bool changed = false;
    for (const struct json *c = json_first(json_get(want, key)); c; c = json_next(c)) {
        if (in_array(json_get(have, key), c)) continue;
        json_append(json_ensure_array(a, have, key), json_copy(a, c));
        changed = true;
    }
    return changed;
}

/* Labels and annotations that are missing; what is there keeps its value. */
static bool union_map(struct arena *a, struct json *have, const struct json *want, const char *key)
{
    bool changed = false;
    for (const struct json *c = json_first(json_path(want, key)); c; c = json_next(c)) {
        struct json *map = json_ensure(a, json_get(have, "metadata"), key + strlen("metadata."));
        if (json_getn(map, json_key(c))) continue;
        json_setn(a, map, json_key(c), json_copy(a, c));
        changed = true;
    }
    return changed;
}

static bool reconcile(struct apiserver *as, const char *resource, struct json *want, struct object *old, struct arena *a,
                      struct err *err)
{
    struct json *have = json_copy(a, object_json(old));
    if (!str_eqc(meta_annotation(have, AUTOUPDATE), "true")) return true;
    bool changed = union_map(a, have, want, "metadata.labels") | union_map(a, have, want, "metadata.annotations");
    /* else they are the aggregation controller's */
    if (!json_get(want, "aggregationRule")) changed |= union_array(a, have, want, "rules");
    changed |= union_array(a, have, want, "subjects");
    return !changed || registry_ensure(as, RBAC, "v1", resource, have, true, a, err);
}

static bool restore(struct apiserver *as, const char *resource, struct json *want, struct arena *a, struct err *err)
{
    struct object *old = registry_get(as, STR(RBAC), str_c(resource), meta_namespace(want), meta_name(want));
    if (!old) return registry_ensure(as, RBAC, "v1", resource, want, false, a, err);
    bool ok = reconcile(as, resource, want, old, a, err);
    object_unref(old);
    return ok;
}

bool authz_bootstrap(struct apiserver *as, struct err *err)
{
    struct str rest = bootstrap_tsv();
    struct arena *a = arena_new();
    struct json *obj;
    const char *resource;
    bool ok = true;
    while (ok && policy_next(&rest, as->opt.minor, a, &resource, &obj)) {
        ok = restore(as, resource, obj, a, err);
        arena_reset(a);
    }
    arena_free(a);
    return ok;
}
