/* apiserver/schema/validate_webhooks.c - configurations of admission webhooks.
 *
 * Models pkg/apis/admissionregistration/validation and apiserver's pkg/util/webhook/validation.go. What v1 asks for and v1beta1 does
 * not: names that differ, and webhooks without side effects. */
#include "apiserver/schema/schema_priv.h"

enum { REVIEW_V1_MINOR = 17, WEBHOOK_SECONDS_MAX = 30, NAME_SEGMENTS_MIN = 3 };

static bool has_string(const struct json *list, const char *text)
{
    for (const struct json *v = json_first(list); v; v = json_next(v))
        if (str_eqc(json_str(v), text))
            return true;
    return false;
}

static void check_hook_name(struct check *c, struct str name, const struct fpath *p)
{
    size_t before = c->out->n, segments = 1;
    if (name.n == 0) {
        check_required(c, p, "");
        return;
    }
    check_name(c, name, NAME_SUBDOMAIN, false, p);
    for (size_t i = 0; i < name.n; i++)
        segments += name.p[i] == '.';
    if (c->out->n == before && segments < NAME_SEGMENTS_MIN)
        check_invalid_s(c, p, name, "should be a domain with at least three segments separated by dots");
}

/* A resource with all its subresources is not named beside one of them; what stands for every resource stands alone. */
static void check_hook_resources(struct check *c, const struct json *list, const struct fpath *p)
{
    bool whole = false, plain = false;
    size_t i = 0;
    if (json_len(list) == 0)
        check_required(c, p, "");
    for (const struct json *v = json_first(list); v; v = json_next(v), i++) {
        struct str text = json_str(v), resource, sub;
        if (text.n == 0)
            check_required(c, FP_INDEX(p, i), "");
        whole = whole || str_eqc(text, "*");
        if (text.n == 0 || !str_cut(text, '/', &resource, &sub)) {
            plain = text.n ? !str_eqc(text, "*") : plain;
            continue;
        }
        for (const struct json *e = json_first(list); e != v; e = json_next(e)) {
            if (str_eq(json_str(e), arena_strf(c->a, STR_FMT "/*", STR_ARG(resource))))
                check_invalid_s(c, FP_INDEX(p, i), text, "if '" STR_FMT "/*' is present, must not specify " STR_FMT,
                                STR_ARG(resource), STR_ARG(text));
            if (str_eq(json_str(e), arena_strf(c->a, "*/" STR_FMT, STR_ARG(sub))))
                check_invalid_s(c, FP_INDEX(p, i), text, "if '*/" STR_FMT "' is present, must not specify " STR_FMT, STR_ARG(sub),
                                STR_ARG(text));
        }
    }
    if (json_len(list) > 1 && has_string(list, "*/*"))
        check_invalid_raw(c, p, go_list(c->a, "[]string", list), "if '*/*' is present, must not specify other resources");
    if (whole && plain)
        check_invalid_raw(c, p, go_list(c->a, "[]string", list),
                          "if '*' is present, must not specify other resources without subresources");
}

static void check_wild_list(struct check *c, const struct json *list, const char *type, const char *what, const struct fpath *p)
{
    if (json_len(list) == 0)
        check_required(c, p, "");
    if (json_len(list) > 1 && has_string(list, "*"))
        check_invalid_raw(c, p, go_list(c->a, type, list), "if '*' is present, must not specify other %s", what);
}

static void check_hook_rule(struct check *c, const struct json *r, const struct fpath *p)
{
    const struct json *operations = json_get(r, "operations"), *versions = json_get(r, "apiVersions");
    size_t i = 0;
    check_wild_list(c, operations, "[]admissionregistration.OperationType", "operations", FP_NAME(p, "operations"));
    for (const struct json *o = json_first(operations); o; o = json_next(o), i++)
        check_enum(c, FP_INDEX(FP_NAME(p, "operations"), i), json_str(o), "*,CONNECT,CREATE,DELETE,UPDATE");
    check_wild_list(c, json_get(r, "apiGroups"), "[]string", "API groups", FP_NAME(p, "apiGroups"));
    check_wild_list(c, versions, "[]string", "API versions", FP_NAME(p, "apiVersions"));
    i = 0;
    for (const struct json *v = json_first(versions); v; v = json_next(v), i++)
        if (json_str(v).n == 0)
            check_required(c, FP_INDEX(FP_NAME(p, "apiVersions"), i), "");
    check_hook_resources(c, json_get(r, "resources"), FP_NAME(p, "resources"));
    if (json_get(r, "scope"))
        check_enum(c, FP_NAME(p, "scope"), json_get_str(r, "scope"), "*,Cluster,Namespaced");
}

#define URL_FORM "; desired format: https://host[/path]"

static void check_hook_url(struct check *c, struct str url, const struct fpath *p)
{
    struct str scheme = STR_NULL, rest = url, fragment = STR_NULL, query = STR_NULL, user = STR_NULL;
    ptrdiff_t at = str_find(url, STR("://"));
    if (at > 0) {
        scheme = str_sub(url, 0, (size_t)at);
        rest = str_sub(url, (size_t)at + 3, url.n);
    }
    struct str before = rest, host;
    if (str_cut(rest, '#', &before, &fragment))
        rest = before;
    if (str_cut(rest, '?', &before, &query))
        rest = before;
    host = at > 0 && str_cut(rest, '/', &before, &(struct str){ 0 }) ? before : at > 0 ? rest : STR_NULL;
    str_cut(host, '@', &user, &host);
    if (!str_eqc(scheme, "https"))
        check_invalid_s(c, p, scheme, "'https' is the only allowed URL scheme" URL_FORM);
    if (host.n == 0)
        check_invalid_s(c, p, host, "host must be provided" URL_FORM);
    if (user.n)
        check_invalid_s(c, p, user, "user information is not permitted in the URL");
    if (fragment.n)
        check_invalid_s(c, p, fragment, "fragments are not permitted in the URL");
    if (query.n)
        check_invalid_s(c, p, query, "query parameters are not permitted in the URL");
}

static void check_hook_path(struct check *c, struct str path, const struct fpath *p)
{
    if (path.n == 0 || str_eqc(path, "/"))
        return;
    if (!str_starts(path, "/"))
        check_invalid_s(c, p, path, "must start with a '/'");
    struct str rest = str_sub(path, 1, path.n - (path.n > 2 && str_ends(path, "/")));
    for (size_t i = 0; rest.p; i++) {
        struct str step = str_token(&rest, '/');
        struct field_errors faults = { .a = c->a };
        struct check inner = { .s = c->s, .minor = c->minor, .a = c->a, .out = &faults };
        if (step.n == 0)
            check_invalid_s(c, p, path, "segment[%zu] may not be empty", i);
        else
            check_name(&inner, step, NAME_SUBDOMAIN, false, p);
        for (size_t j = 0; j < faults.n; j++) {
            ptrdiff_t said = str_find(faults.v[j].message, STR("\": "));
            struct str why = said < 0 ? faults.v[j].message
                             : str_sub(faults.v[j].message, (size_t)said + 3, faults.v[j].message.n);
            check_invalid_s(c, p, path, "segment[%zu]: " STR_FMT, i, STR_ARG(why));
        }
    }
}

/* Upstream hands name and namespace over in the wrong order, so each is missed under the other's name. */
static void check_hook_service(struct check *c, const struct json *s, const struct fpath *p)
{
    int64_t port = json_get_int(s, "port", 0);
    if (json_get_str(s, "namespace").n == 0)
        check_required(c, FP_NAME(p, "name"), "service name is required");
    if (json_get_str(s, "name").n == 0)
        check_required(c, FP_NAME(p, "namespace"), "service namespace is required");
    if (port < 1 || port > UINT16_MAX)
        check_invalid_i(c, FP_NAME(p, "port"), port, "port is not valid: must be between 1 and 65535, inclusive");
    check_hook_path(c, json_get_str(s, "path"), FP_NAME(p, "path"));
}

static void check_hook(struct check *c, const struct json *h, bool v1, const struct fpath *p)
{
    static const struct { const char *field, *values; } enums[] = {
        { "failurePolicy", "Fail,Ignore" }, { "matchPolicy", "Equivalent,Exact" }, { "reinvocationPolicy", "IfNeeded,Never" },
    };
    const char *effects = v1 ? "None,NoneOnDryRun" : "None,NoneOnDryRun,Some,Unknown";
    size_t i = 0;
    check_hook_name(c, json_get_str(h, "name"), FP_NAME(p, "name"));
    for (const struct json *r = json_first(json_get(h, "rules")); r; r = json_next(r), i++)
        check_hook_rule(c, r, FP_INDEX(FP_NAME(p, "rules"), i));
    for (i = 0; i < ARRAY_LEN(enums); i++)
        if (json_get(h, enums[i].field))
            check_enum(c, FP_NAME(p, enums[i].field), json_get_str(h, enums[i].field), enums[i].values);
    if (!json_get(h, "sideEffects"))
        check_required(c, FP_NAME(p, "sideEffects"), v1 ? "must specify one of None, NoneOnDryRun"
                                                        : "must specify one of None, NoneOnDryRun, Some, Unknown");
    else
        check_enum(c, FP_NAME(p, "sideEffects"), json_get_str(h, "sideEffects"), effects);
    int64_t seconds = json_get_int(h, "timeoutSeconds", 1);
    if (seconds < 1 || seconds > WEBHOOK_SECONDS_MAX)
        check_invalid_i(c, FP_NAME(p, "timeoutSeconds"), seconds, "the timeout value must be between 1 and 30 seconds");
    check_label_selector(c, json_get(h, "namespaceSelector"), FP_NAME(p, "namespaceSelector"));
    check_label_selector(c, json_get(h, "objectSelector"), FP_NAME(p, "objectSelector"));
    const struct json *url = json_path(h, "clientConfig.url"), *service = json_path(h, "clientConfig.service");
    const struct fpath *cp = FP_NAME(p, "clientConfig");
    if (!url == !service)
        check_required(c, cp, "exactly one of url or service is required");
    else if (url)
        check_hook_url(c, json_str(url), FP_NAME(cp, "url"));
    else
        check_hook_service(c, service, FP_NAME(cp, "service"));
}

static void check_review_versions(struct check *c, const struct json *list, const struct fpath *p)
{
    const char *known = c->minor >= REVIEW_V1_MINOR ? "v1, v1beta1" : "v1beta1";
    bool accepted = has_string(list, "v1beta1") || (c->minor >= REVIEW_V1_MINOR && has_string(list, "v1"));
    size_t i = 0;
    if (json_len(list) == 0) {
        check_required(c, p, arena_printf(c->a, "must specify one of %s", known));
        return;
    }
    for (const struct json *v = json_first(list); v; v = json_next(v), i++) {
        const struct json *e = json_first(list);
        while (e != v && !str_eq(json_str(e), json_str(v)))
            e = json_next(e);
        if (e != v)
            check_invalid_s(c, FP_INDEX(p, i), json_str(v), "duplicate version");
        else
            check_name(c, json_str(v), NAME_1035, false, FP_INDEX(p, i));
    }
    if (!accepted)
        check_invalid_raw(c, p, go_list(c->a, "[]string", list), "must include at least one of %s", known);
}

void validate_webhooks(struct check *c, const struct gvk *gvk, const struct json *obj, const struct json *old)
{
    (void)old;
    bool v1 = str_eqc(gvk->version, "v1");
    const struct json *hooks = json_get(obj, "webhooks");
    size_t i = 0;
    for (const struct json *h = json_first(hooks); h; h = json_next(h), i++) {
        const struct fpath *p = FP_INDEX(FP_NAME(NULL, "webhooks"), i);
        struct str name = json_get_str(h, "name");
        check_hook(c, h, v1, p);
        check_review_versions(c, json_get(h, "admissionReviewVersions"), FP_NAME(p, "admissionReviewVersions"));
        for (const struct json *e = json_first(hooks); v1 && name.n && e != h; e = json_next(e))
            if (str_eq(json_get_str(e, "name"), name)) {
                check_duplicate(c, FP_NAME(p, "name"), name);
                break;
            }
    }
}
