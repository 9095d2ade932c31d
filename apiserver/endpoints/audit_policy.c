/* apiserver/endpoints/audit_policy.c - Policy of audit.k8s.io: which requests make events, at which level, with which stages
 * left out.
 *
 * Read by hand rather than through the schema, since it is a file and no object of the API. Upstream: apiserver
 * pkg/audit/policy/{reader,checker}.go, pkg/apis/audit/validation/validation.go; the words of refusals are those. A rule's
 * users, groups and verbs all have to match; then its resources and namespaces, or its paths; the first rule that does decides.
 */
#include <stdlib.h>

#include "apiserver/endpoints/audit.h"

const char *const audit_levels[4] = { "None", "Metadata", "Request", "RequestResponse" };
const char *const audit_stages[STAGE_COUNT] = { "RequestReceived", "ResponseStarted", "ResponseComplete", "Panic" };

struct words { struct str *v; size_t n; };
struct group_resources { struct str group; struct words resources, names; };
struct policy_rule {
    struct audit_choice choice;
    struct words users, groups, verbs, namespaces, urls;
    struct group_resources *resources; size_t resource_count;
};
struct audit_policy {
    struct arena *a;
    struct policy_rule *rules; size_t n;
};

/* ---- reading ---- */
struct reader { struct arena *a; struct field_errors bad; struct err *err; };

static struct words words_of(struct reader *rd, const struct json *list)
{
    struct words w = { arena_alloc(rd->a, (json_len(list) + 1) * sizeof(struct str)), 0 };
    for (const struct json *c = json_first(list); c; c = json_next(c)) w.v[w.n++] = arena_str(rd->a, json_str(c));
    return w;
}

static int index_of(const char *const *names, size_t n, struct str s)
{
    for (size_t i = 0; i < n; i++)
        if (str_eqc(s, names[i])) return (int)i;
    return -1;
}

/* As Go shows a string, or a slice of them. */
static struct str quoted(struct arena *a, struct str s) { return arena_strf(a, "\"" STR_FMT "\"", STR_ARG(s)); }

static struct str quoted_list(struct arena *a, const struct words *w)
{
    struct str out = STR("[]string{");
    for (size_t i = 0; i < w->n; i++)
        out = arena_strf(a, STR_FMT "%s" STR_FMT, STR_ARG(out), i ? ", " : "", STR_ARG(quoted(a, w->v[i])));
    return arena_strf(a, STR_FMT "}", STR_ARG(out));
}

static void invalid(struct reader *rd, struct str field, struct str value, const char *why)
{
    field_error_add(&rd->bad, "FieldValueInvalid", field, "Invalid value: " STR_FMT ": %s", STR_ARG(value), why);
}

static unsigned stages_of(struct reader *rd, const struct json *list, const char *path)
{
    static const char allowed[] = "allowed stages are RequestReceived,ResponseStarted,ResponseComplete,Panic";
    unsigned omit = 0;
    int64_t i = 0;
    for (const struct json *c = json_first(list); c; c = json_next(c), i++) {
        int stage = index_of(audit_stages, STAGE_COUNT, json_str(c));
        if (stage >= 0) omit |= 1u << stage;
        else invalid(rd, arena_strf(rd->a, "%s[%" PRId64 "]", path, i), quoted(rd->a, json_str(c)), allowed);
    }
    return omit;
}

static enum audit_level level_of(struct reader *rd, struct str text, const char *path)
{
    static const char supported[] = "\"None\", \"Metadata\", \"Request\", \"RequestResponse\"";
    int level = index_of(audit_levels, ARRAY_LEN(audit_levels), text);
    if (level >= 0) return (enum audit_level)level;
    struct str field = arena_strf(rd->a, "%s.level", path);
    if (!text.n) field_error_add(&rd->bad, "FieldValueRequired", field, "Required value");
    else field_error_add(&rd->bad, "FieldValueNotSupported", field, "Unsupported value: \"" STR_FMT "\": supported values: %s",
                         STR_ARG(text), supported);
    return AUDIT_NONE;
}

static void check_urls(struct reader *rd, const struct words *urls, const char *path)
{
    for (size_t i = 0; i < urls->n; i++) {
        struct str url = urls->v[i], field = arena_strf(rd->a, "%s.nonResourceURLs[%zu]", path, i), value = quoted(rd->a, url);
        if (str_eqc(url, "*")) continue;
        if (!str_starts(url, "/")) invalid(rd, field, value, "non-resource URL rules must begin with a '/' character");
        if (url.n && str_chr(str_sub(url, 0, url.n - 1), '*') >= 0)
            invalid(rd, field, value, "non-resource URL wildcards '*' must be the final character of the rule");
    }
}

static void check_resources(struct reader *rd, const struct group_resources *g, const char *path)
{
    static const char subdomain[] =
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with "
        "an alphanumeric character (e.g. 'example.com', regex used for validation is "
        "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
    if (g->group.n && !name_is_dns1123_subdomain(g->group))
        invalid(rd, arena_strf(rd->a, "%s.resources.group", path), quoted(rd->a, g->group), subdomain);
    if (g->names.n && !g->resources.n)
        invalid(rd, arena_strf(rd->a, "%s.resources.resourceNames", path), quoted_list(rd->a, &g->names),
                "using resourceNames requires at least one resource");
}

static void read_resources(struct reader *rd, const struct json *list, const char *path, struct policy_rule *rule)
{
    rule->resources = arena_zalloc(rd->a, (json_len(list) + 1) * sizeof *rule->resources);
    for (const struct json *c = json_first(list); c; c = json_next(c)) {
        struct group_resources *g = &rule->resources[rule->resource_count++];
        g->group = arena_str(rd->a, json_get_str(c, "group"));
        g->resources = words_of(rd, json_get(c, "resources"));
        g->names = words_of(rd, json_get(c, "resourceNames"));
        check_resources(rd, g, path);
    }
}

static void read_rule(struct reader *rd, const struct json *j, size_t i, const struct audit_choice *all, struct policy_rule *rule)
{
    const char *path = arena_printf(rd->a, "rules[%zu]", i);
    rule->choice.level = level_of(rd, json_get_str(j, "level"), path);
    rule->users = words_of(rd, json_get(j, "users"));
    rule->groups = words_of(rd, json_get(j, "userGroups"));
    rule->verbs = words_of(rd, json_get(j, "verbs"));
    rule->namespaces = words_of(rd, json_get(j, "namespaces"));
    rule->urls = words_of(rd, json_get(j, "nonResourceURLs"));
    check_urls(rd, &rule->urls, path);
    read_resources(rd, json_get(j, "resources"), path, rule);
    rule->choice.omit = all->omit | stages_of(rd, json_get(j, "omitStages"), arena_printf(rd->a, "%s.omitStages", path));
    rule->choice.omit_managed_fields = json_get_bool(j, "omitManagedFields", all->omit_managed_fields);
    if (rule->urls.n && (rule->resource_count || rule->namespaces.n))
        invalid(rd, arena_strf(rd->a, "%s.nonResourceURLs", path), quoted_list(rd->a, &rule->urls),
                "rules cannot apply to both regular resources and non-resource URLs");
}

/* One error as it is; several in brackets, as upstream's aggregate. */
static bool check(struct reader *rd)
{
    if (!rd->bad.n) return true;
    struct strbuf text;
    strbuf_init(&text, 1400);
    for (size_t i = 0; i < rd->bad.n; i++)
        strbuf_addf(&text, "%s" STR_FMT ": " STR_FMT, i ? ", " : "", STR_ARG(rd->bad.v[i].field), STR_ARG(rd->bad.v[i].message));
    err_set(rd->err, ERR_INVALID, rd->bad.n > 1 ? "[" STR_FMT "]" : STR_FMT, STR_ARG(strbuf_str(&text)));
    strbuf_deinit(&text);
    return false;
}

/* ---- shape: what a strict decoder of the type would refuse ---- */
enum shape_kind { TEXT, TEXTS, FLAG, ANY, RULES, RESOURCES };
struct shape_field { const char *name; enum shape_kind kind; };
static const struct shape_field policy_fields[] = {
    { "apiVersion", TEXT }, { "kind", TEXT }, { "metadata", ANY }, { "rules", RULES }, { "omitStages", TEXTS },
    { "omitManagedFields", FLAG }, { NULL, ANY },
};
static const struct shape_field rule_fields[] = {
    { "level", TEXT }, { "users", TEXTS }, { "userGroups", TEXTS }, { "verbs", TEXTS }, { "resources", RESOURCES },
    { "namespaces", TEXTS }, { "nonResourceURLs", TEXTS }, { "omitStages", TEXTS }, { "omitManagedFields", FLAG }, { NULL, ANY },
};
static const struct shape_field resource_fields[] = {
    { "group", TEXT }, { "resources", TEXTS }, { "resourceNames", TEXTS }, { NULL, ANY },
};
static const struct { const char *go; const struct shape_field *fields; const char *type; } lists[] = {
    [TEXTS] = { "[]string", NULL, NULL },
    [RULES] = { "[]v1.PolicyRule", rule_fields, "PolicyRule" },
    [RESOURCES] = { "[]v1.GroupResources", resource_fields, "GroupResources" },
};

static const char *go_kind(const struct json *j)
{
    static const char *const names[] = {
        [JSON_NULL] = "null", [JSON_BOOL] = "bool", [JSON_INT] = "number", [JSON_FLOAT] = "number", [JSON_STRING] = "string",
        [JSON_ARRAY] = "array", [JSON_OBJECT] = "object",
    };
    return names[json_type(j)];
}

static bool refuse(struct reader *rd, const char *why, const char *detail)
{
    return err_set(rd->err, ERR_INVALID, "failed decoding: %s%s", why, detail);
}

static bool bad_type(struct reader *rd, const char *path, const char *want, const struct json *j)
{
    const char *words = arena_printf(rd->a, "%s into Go struct field %s of type %s", go_kind(j), path, want);
    return refuse(rd, "json: cannot unmarshal ", words);
}

static bool shape_fits(struct reader *rd, const struct json *obj, const struct shape_field *fields, const char *type);

static bool list_fits(struct reader *rd, const struct json *list, const char *path, enum shape_kind kind)
{
    const struct shape_field *fields = lists[kind].fields;
    if (!json_is(list, JSON_ARRAY)) return bad_type(rd, path, lists[kind].go, list);
    for (const struct json *c = json_first(list); c; c = json_next(c)) {
        if (!json_is(c, fields ? JSON_OBJECT : JSON_STRING)) return bad_type(rd, path, lists[kind].go + strlen("[]"), c);
        if (fields && !shape_fits(rd, c, fields, lists[kind].type)) return false;
    }
    return true;
}

static bool shape_fits(struct reader *rd, const struct json *obj, const struct shape_field *fields, const char *type)
{
    for (const struct json *c = json_first(obj); c; c = json_next(c)) {
        const struct shape_field *f = fields;
        while (f->name && !str_eqc(json_key(c), f->name)) f++;
        if (!f->name) return refuse(rd, "strict decoding error: unknown field ", arena_cstr(rd->a, quoted(rd->a, json_key(c))));
        if (json_is(c, JSON_NULL) || f->kind == ANY) continue;
        const char *path = arena_printf(rd->a, "%s.%s", type, f->name);
        if (f->kind == TEXT && !json_is(c, JSON_STRING)) return bad_type(rd, path, "string", c);
        if (f->kind == FLAG && !json_is(c, JSON_BOOL)) return bad_type(rd, path, "bool", c);
        if (f->kind != TEXT && f->kind != FLAG && !list_fits(rd, c, path, f->kind)) return false;
    }
    return true;
}

static bool read_head(struct reader *rd, const struct json *j)
{
    static const char no_object[] = " into Go value of type struct { APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; "
                                    "Kind string \"json:\\\"kind,omitempty\\\"\" }";
    struct str gv = json_get_str(j, "apiVersion"), kind = json_get_str(j, "kind"), group, version;
    if (!json_is(j, JSON_OBJECT))
        return refuse(rd, "couldn't get version/kind; json parse error: json: cannot unmarshal ",
                      arena_printf(rd->a, "%s%s", go_kind(j), no_object));
    struct str text = str_sub(json_text(rd->a, j), 0, 400);
    if (!kind.n) return refuse(rd, "Object 'Kind' is missing in ", arena_printf(rd->a, "'" STR_FMT "'", STR_ARG(text)));
    if (!gv.n) return refuse(rd, "Object 'apiVersion' is missing in ", arena_printf(rd->a, "'" STR_FMT "'", STR_ARG(text)));
    bool ours = str_cut(gv, '/', &group, &version) && str_eqc(group, "audit.k8s.io") && str_eqc(kind, "Policy");
    if (ours && (str_eqc(version, "v1") || str_eqc(version, "v1beta1") || str_eqc(version, "v1alpha1"))) return true;
    return refuse(rd, "no kind ", arena_printf(rd->a, "\"" STR_FMT "\" is registered for version \"" STR_FMT "\" in scheme "
                                               "\"k8s.io/apiserver/pkg/audit/scheme.go:27\"", STR_ARG(kind), STR_ARG(gv)));
}

static const struct json *read_text(struct reader *rd, struct str text)
{
    struct err bad = { 0 };
    if (text.n > LIMIT_AUDIT_POLICY_BYTES) {
        refuse(rd, "the policy has ", arena_printf(rd->a, "%zu bytes; at most %d are read", text.n, LIMIT_AUDIT_POLICY_BYTES));
        return NULL;
    }
    const struct json *j = yaml_parse(rd->a, text, &bad);
    if (bad.code != ERR_NONE) refuse(rd, "couldn't get version/kind; json parse error: ", bad.msg);
    bool fits = bad.code == ERR_NONE && read_head(rd, j) && shape_fits(rd, j, policy_fields, "Policy");
    err_clear(&bad);
    return fits ? j : NULL;
}

static struct audit_policy *read_policy(struct reader *rd, struct str text)
{
    const struct json *j = read_text(rd, text), *rules = json_get(j, "rules");
    if (!j) return NULL;
    struct audit_policy *p = ARENA_NEW(rd->a, struct audit_policy);
    struct audit_choice all = { .omit = stages_of(rd, json_get(j, "omitStages"), "omitStages"),
                                .omit_managed_fields = json_get_bool(j, "omitManagedFields", false) };
    p->a = rd->a;
    p->rules = arena_zalloc(rd->a, (json_len(rules) + 1) * sizeof *p->rules);
    for (const struct json *c = json_first(rules); c; c = json_next(c), p->n++) read_rule(rd, c, p->n, &all, &p->rules[p->n]);
    if (!check(rd)) return NULL;
    if (!p->n) err_set(rd->err, ERR_INVALID, "loaded illegal policy with 0 rules");
    return p->n ? p : NULL;
}

struct audit_policy *audit_policy_parse(struct str text, struct err *err)
{
    struct reader rd = { .a = arena_new(), .err = err };
    rd.bad.a = rd.a;
    struct audit_policy *p = read_policy(&rd, text);
    if (!p) arena_free(rd.a);
    return p;
}

void audit_policy_free(struct audit_policy *p)
{
    if (p) arena_free(p->a);
}

/* ---- matching ---- */
static bool has(const struct words *w, struct str s)
{
    for (size_t i = 0; i < w->n; i++)
        if (str_eq(w->v[i], s)) return true;
    return false;
}

/* "*", "pods", "pods/log", "pods/ *" and "* /log" (without the blanks). */
static bool resource_fits(struct str pattern, struct str resource, struct str sub)
{
    struct str head, tail;
    if (str_eqc(pattern, "*")) return true;
    if (!str_cut(pattern, '/', &head, &tail)) return !sub.n && str_eq(pattern, resource);
    if (str_eqc(tail, "*")) return str_eq(head, resource);
    return sub.n && str_eq(tail, sub) && (str_eqc(head, "*") || str_eq(head, resource));
}

static bool group_fits(const struct group_resources *g, const struct attributes *at)
{
    if (!str_eq(g->group, at->group)) return false;
    if (!g->resources.n) return true;
    if (g->names.n && !has(&g->names, at->name)) return false;
    for (size_t i = 0; i < g->resources.n; i++)
        if (resource_fits(g->resources.v[i], at->resource, at->subresource)) return true;
    return false;
}

static bool object_fits(const struct policy_rule *rule, const struct attributes *at)
{
    if (!at->is_resource) return false;
    if (rule->namespaces.n && !has(&rule->namespaces, at->namespace)) return false;      /* what is in none: "" */
    for (size_t i = 0; i < rule->resource_count; i++)
        if (group_fits(&rule->resources[i], at)) return true;
    return !rule->resource_count;
}

static bool path_fits(const struct words *urls, const struct attributes *at)
{
    for (size_t i = 0; !at->is_resource && i < urls->n; i++) {
        struct str spec = urls->v[i];
        if (str_eqc(spec, "*") || str_eq(spec, at->path)) return true;
        if (!str_ends(spec, "*")) continue;
        spec = str_sub(spec, 0, spec.n - 1);
        if (at->path.n >= spec.n && str_eq(str_sub(at->path, 0, spec.n), spec)) return true;
    }
    return false;
}

static bool user_fits(const struct policy_rule *rule, const struct user *u)
{
    if (rule->users.n && (!u || !has(&rule->users, u->name))) return false;
    for (size_t i = 0; rule->groups.n && u && i < u->group_count; i++)
        if (has(&rule->groups, u->groups[i])) return true;
    return !rule->groups.n;
}

static bool rule_fits(const struct policy_rule *rule, const struct attributes *at)
{
    if (!user_fits(rule, at->user) || (rule->verbs.n && !has(&rule->verbs, at->verb))) return false;
    if (rule->namespaces.n || rule->resource_count) return object_fits(rule, at);
    return !rule->urls.n || path_fits(&rule->urls, at);
}

struct audit_choice audit_policy_choose(const struct audit_policy *p, const struct attributes *at)
{
    for (size_t i = 0; p && i < p->n; i++)
        if (rule_fits(&p->rules[i], at)) return p->rules[i].choice;
    return (struct audit_choice){ .level = AUDIT_NONE };
}
