/* apiserver/schema/validate_pod_parts.c - what a pod says of its names, its users and when it is ready.
 *
 * Models validatePodDNSConfig, ValidateHostAliases, ValidatePodSecurityContext, validateReadinessGates and preferred node affinity of
 * pkg/apis/core/validation/validation.go.
 */
#include "apiserver/schema/schema_priv.h"

enum { SERVERS_MAX = 3, SEARCHES_MAX = 6, SEARCH_CHARS_MAX = 256, SYSCTL_MAX = 253 };

static void check_dns_config(struct check *c, const struct json *config, const struct fpath *p)
{
    const struct json *servers = json_get(config, "nameservers"), *searches = json_get(config, "searches");
    const struct fpath *np = FP_NAME(p, "nameservers"), *sp = FP_NAME(p, "searches");
    struct ip_net ip;
    size_t i = 0, chars = json_len(searches) ? json_len(searches) - 1 : 0;
    if (json_len(servers) > SERVERS_MAX)
        check_invalid_raw(c, np, go_list(c->a, "[]string", servers), "must not have more than %d nameservers", SERVERS_MAX);
    for (const struct json *s = json_first(servers); s; s = json_next(s), i++)
        if (!ip_parse(c->a, json_str(s), &ip))
            check_invalid_s(c, FP_INDEX(np, i), json_str(s), "must be valid IP address");
    for (const struct json *s = json_first(searches); s; s = json_next(s))
        chars += json_str(s).n;
    if (json_len(searches) > SEARCHES_MAX && c->minor < 28)
        check_invalid_raw(c, sp, go_list(c->a, "[]string", searches), "must not have more than %d search paths", SEARCHES_MAX);
    if (chars > SEARCH_CHARS_MAX && c->minor < 28)
        check_invalid_raw(c, sp, go_list(c->a, "[]string", searches),
                          "must not have more than %d characters (including spaces) in the search list", SEARCH_CHARS_MAX);
    i = 0;
    for (const struct json *s = json_first(searches); s; s = json_next(s), i++)
        check_name(c, str_ends(json_str(s), ".") ? str_sub(json_str(s), 0, json_str(s).n - 1) : json_str(s), NAME_SUBDOMAIN, false,
                   FP_INDEX(sp, i));
    i = 0;
    for (const struct json *o = json_first(json_get(config, "options")); o; o = json_next(o), i++)
        if (json_get_str(o, "name").n == 0)
            check_required(c, FP_INDEX(FP_NAME(p, "options"), i), "must not be empty");
}

/* Upstream does not say which of them. */
static void check_host_aliases(struct check *c, const struct json *aliases, const struct fpath *p)
{
    struct ip_net ip;
    for (const struct json *a = json_first(aliases); a; a = json_next(a)) {
        if (!ip_parse(c->a, json_get_str(a, "ip"), &ip))
            check_invalid_s(c, FP_NAME(p, "ip"), json_get_str(a, "ip"), "must be valid IP address");
        for (const struct json *h = json_first(json_get(a, "hostnames")); h; h = json_next(h))
            check_name(c, json_str(h), NAME_SUBDOMAIN, false, FP_NAME(p, "hostnames"));
    }
}

static bool sysctl_shape(struct str name)
{
    bool start = true;
    for (size_t i = 0; i < name.n; i++) {
        char ch = name.p[i];
        bool alnum = (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9');
        if (ch == '.' && start)
            return false;
        if (ch != '.' && !alnum && ((ch != '-' && ch != '_') || start || i + 1 == name.n || name.p[i + 1] == '.'))
            return false;
        start = ch == '.';
    }
    return !start;
}

static void check_sysctls(struct check *c, const struct json *list, const struct fpath *lp)
{
    size_t i = 0;
    for (const struct json *s = json_first(list); s; s = json_next(s), i++) {
        const struct fpath *p = FP_NAME(FP_INDEX(lp, i), "name");
        struct str name = json_get_str(s, "name");
        if (name.n == 0)
            check_required(c, p, "");
        else if (name.n > SYSCTL_MAX || !sysctl_shape(name))
            check_invalid_s(c, p, name, "must have at most %d characters and match regex "
                                        "([a-z0-9]([-_a-z0-9]*[a-z0-9])?\\.)*[a-z0-9]([-_a-z0-9]*[a-z0-9])?", SYSCTL_MAX);
        for (const struct json *e = json_first(list); e != s; e = json_next(e))
            if (str_eq(json_get_str(e, "name"), name)) {
                check_duplicate(c, p, name);
                break;
            }
    }
}

static void check_id(struct check *c, const struct json *v, const struct fpath *p)
{
    if (v && (json_int(v, 0) < 0 || json_int(v, 0) > INT32_MAX))
        check_invalid_i(c, p, json_int(v, 0), "must be between 0 and 2147483647, inclusive");
}

static void check_pod_security(struct check *c, const struct json *sc, const struct fpath *p)
{
    static const char *const ids[] = { "fsGroup", "runAsUser", "runAsGroup" };
    size_t i = 0;
    for (size_t k = 0; k < ARRAY_LEN(ids); k++)
        check_id(c, json_get(sc, ids[k]), FP_NAME(p, ids[k]));
    for (const struct json *g = json_first(json_get(sc, "supplementalGroups")); g; g = json_next(g), i++)
        check_id(c, g, FP_INDEX(FP_NAME(p, "supplementalGroups"), i));
    check_sysctls(c, json_get(sc, "sysctls"), FP_NAME(p, "sysctls"));
}

void check_pod_parts(struct check *c, const struct json *spec, const struct fpath *p)
{
    size_t i = 0;
    if (json_get(spec, "dnsConfig"))
        check_dns_config(c, json_get(spec, "dnsConfig"), FP_NAME(p, "dnsConfig"));
    check_host_aliases(c, json_get(spec, "hostAliases"), FP_NAME(p, "hostAliases"));
    check_pod_security(c, json_get(spec, "securityContext"), FP_NAME(p, "securityContext"));
    for (const struct json *g = json_first(json_get(spec, "readinessGates")); g; g = json_next(g), i++)
        check_qualified_name(c, json_get_str(g, "conditionType"),
                             FP_NAME(FP_INDEX(FP_NAME(p, "readinessGates"), i), "conditionType"));
}
