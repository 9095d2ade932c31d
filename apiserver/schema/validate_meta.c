/* apiserver/schema/validate_meta.c - names, labels, annotations, owners, finalizers, selectors.
 *
 * Models apimachinery pkg/api/validation/objectmeta.go, pkg/apis/meta/v1/validation and pkg/util/validation. Maps are visited in
 * key order, where upstream's order is random. What only the registry can know (is the kind namespaced, does the path agree) is
 * checked there.
 */
#include "apiserver/schema/schema_priv.h"

enum { SUBDOMAIN_MAX = 253, LABEL_MAX = 63, ANNOTATIONS_MAX = 256 * 1024, RFC_WORDING_MINOR = 19 };

static const char qualified_regex[] = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";

static struct str max_length(struct check *c, int max)
{
    return arena_strf(c->a, "must be no more than %d characters", max);
}

static const char *rfc_words(struct check *c)
{
    return c->minor >= RFC_WORDING_MINOR ? "lowercase RFC 1123" : "DNS-1123";
}

static struct str subdomain_message(struct check *c)
{
    return arena_strf(c->a, "a %s subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end "
                            "with an alphanumeric "
                      "character (e.g. 'example.com', regex used for validation is "
                      "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
                      rfc_words(c));
}

static struct str label_message(struct check *c)
{
    return arena_strf(c->a, "a %s label must consist of lower case alphanumeric characters or '-', and must start and end with an "
                            "alphanumeric character "
                      "(e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')", rfc_words(c));
}

/* [a-z0-9]([-a-z0-9]*[a-z0-9])?, joined by dots when dots is set; the first character a letter when alpha is set. */
static bool dns_shape(struct str s, bool dots, bool alpha)
{
    bool start = true;
    for (size_t i = 0; i < s.n; i++) {
        char ch = s.p[i];
        bool letter = ch >= 'a' && ch <= 'z', alnum = letter || (ch >= '0' && ch <= '9');
        bool last = i + 1 == s.n || (dots && s.p[i + 1] == '.');
        if (dots && ch == '.') {
            if (start)
                return false;
            start = true;
            continue;
        }
        if (!alnum && !(ch == '-' && !start && !last))
            return false;
        if (start && alpha && !letter)
            return false;
        start = false;
    }
    return !start;
}

/* A prefix (generateName) may end in a dash: upstream masks it. */
void check_name(struct check *c, struct str name, enum name_rule rule, bool prefix, const struct fpath *p)
{
    if (rule == NAME_ANY)
        return;
    if (rule == NAME_PATH) {
        if (str_eqc(name, ".") || str_eqc(name, "..")) {
            check_invalid_s(c, p, name, "may not be '" STR_FMT "'", STR_ARG(name));
            return;
        }
        if (str_chr(name, '/') >= 0)
            check_invalid_s(c, p, name, "may not contain '/'");
        if (str_chr(name, '%') >= 0)
            check_invalid_s(c, p, name, "may not contain '%%'");
        return;
    }
    struct str shape = name;
    if (prefix && str_ends(name, "-")) {
        char *copy = arena_cstr(c->a, name);
        copy[name.n - 1] = 'a';
        shape = str_c(copy);
    }
    int max = rule == NAME_SUBDOMAIN ? SUBDOMAIN_MAX : LABEL_MAX;
    if (name.n > (size_t)max)
        check_invalid_s(c, p, name, STR_FMT, STR_ARG(max_length(c, max)));
    if (rule == NAME_SUBDOMAIN && !dns_shape(shape, true, false))
        check_invalid_s(c, p, name, STR_FMT, STR_ARG(subdomain_message(c)));
    else if (rule == NAME_LABEL && !dns_shape(shape, false, false))
        check_invalid_s(c, p, name, STR_FMT, STR_ARG(label_message(c)));
    else if (rule == NAME_1035 && !dns_shape(shape, false, true))
        check_invalid_s(c, p, name,
                        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic "
                        "character, and "
                        "end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is "
                        "'[a-z]([-a-z0-9]*[a-z0-9])?')");
}

void check_wildcard_name(struct check *c, struct str name, const struct fpath *p)
{
    if (name.n > SUBDOMAIN_MAX)
        check_invalid_s(c, p, name, STR_FMT, STR_ARG(max_length(c, SUBDOMAIN_MAX)));
    if (!str_starts(name, "*.") || !dns_shape(str_sub(name, 2, name.n), true, false))
        check_invalid_s(c, p, name,
                        "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist "
                        "of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. "
                        "'*.example.com', regex used for validation is "
                        "'\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')");
}

void check_qualified_name(struct check *c, struct str name, const struct fpath *p)
{
    struct str prefix = STR_NULL, part = name, rest;
    if (str_cut(name, '/', &prefix, &rest)) {
        part = rest;
        if (str_chr(rest, '/') >= 0) {
            check_invalid_s(c, p, name,
                            "a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end "
                            "with an alphanumeric "
                            "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '%s') with an "
                            "optional DNS subdomain prefix "
                            "and '/' (e.g. 'example.com/MyName')", qualified_regex);
            return;
        }
        if (prefix.n == 0)
            check_invalid_s(c, p, name, "prefix part must be non-empty");
        else if (prefix.n > SUBDOMAIN_MAX)
            check_invalid_s(c, p, name, "prefix part " STR_FMT, STR_ARG(max_length(c, SUBDOMAIN_MAX)));
        else if (!dns_shape(prefix, true, false))
            check_invalid_s(c, p, name, "prefix part " STR_FMT, STR_ARG(subdomain_message(c)));
    }
    if (part.n == 0)
        check_invalid_s(c, p, name, "name part must be non-empty");
    else if (part.n > LABEL_MAX)
        check_invalid_s(c, p, name, "name part " STR_FMT, STR_ARG(max_length(c, LABEL_MAX)));
    if (!name_is_qualified_part(part))
        check_invalid_s(c, p, name,
                        "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
                        "alphanumeric character "
                        "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '%s')", qualified_regex);
}

void check_label_value(struct check *c, struct str v, const struct fpath *p)
{
    if (v.n > LABEL_MAX)
        check_invalid_s(c, p, v, STR_FMT, STR_ARG(max_length(c, LABEL_MAX)));
    if (v.n && !name_is_qualified_part(v))
        check_invalid_s(c, p, v,
                        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must "
                        "start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for "
                        "validation is '(%s)?')", qualified_regex);
}

void check_labels(struct check *c, const struct json *labels, const struct fpath *p)
{
    for (const struct json *l = json_first(labels); l; l = json_next(l)) {
        check_qualified_name(c, json_key(l), p);
        check_label_value(c, json_str(l), p);
    }
}

void check_lower_qualified_name(struct check *c, struct str name, const struct fpath *p)
{
    char *lower = arena_cstr(c->a, name);
    for (char *q = lower; *q; q++)
        if (*q >= 'A' && *q <= 'Z')
            *q = (char)(*q - 'A' + 'a');
    check_qualified_name(c, str_c(lower), p);
}

void check_annotations(struct check *c, const struct json *annotations, const struct fpath *p)
{
    size_t total = 0;
    for (const struct json *v = json_first(annotations); v; v = json_next(v)) {
        check_lower_qualified_name(c, json_key(v), p);
        total += json_key(v).n + json_str(v).n;
    }
    if (total > ANNOTATIONS_MAX)
        check_too_long(c, p, ANNOTATIONS_MAX);
}

#define OWNER_TYPE "io.k8s.apimachinery.pkg.apis.meta.v1.OwnerReference"

static void check_owner(struct check *c, const struct json *o, const struct fpath *p)
{
    struct str group, version, api = json_get_str(o, "apiVersion");
    if (!str_cut(api, '/', &group, &version))
        version = api;
    if (version.n == 0)
        check_invalid_s(c, FP_NAME(p, "apiVersion"), api, "version must not be empty");
    static const char *const needed[] = { "kind", "name", "uid" };
    for (size_t i = 0; i < ARRAY_LEN(needed); i++)
        if (json_get_str(o, needed[i]).n == 0)
            check_invalid_s(c, FP_NAME(p, needed[i]), STR_NULL, "%s must not be empty", needed[i]);
    if (str_eqc(json_get_str(o, "kind"), "Event") && str_eqc(api, "v1"))
        check_invalid_raw(c, p, go_print(c->a, c->s, OWNER_TYPE, o), "/v1, Kind=Event is disallowed from being an owner");
}

static void check_owners(struct check *c, const struct json *owners, const struct fpath *p)
{
    const struct json *controller = NULL;
    size_t i = 0;
    for (const struct json *o = json_first(owners); o; o = json_next(o), i++) {
        check_owner(c, o, FP_INDEX(p, i));
        if (!json_get_bool(o, "controller", false))
            continue;
        struct str name = json_get_str(o, "name"), first = json_get_str(controller, "name");
        if (controller)
            check_invalid_raw(c, p, go_print_list(c->a, c->s, OWNER_TYPE, owners),
                              "Only one reference can have Controller set to true. Found \"true\" in references for "
                              STR_FMT " and " STR_FMT, STR_ARG(first), STR_ARG(name));
        controller = controller ? controller : o;
    }
}

static void check_finalizers(struct check *c, const struct gvk *gvk, const struct json *list, const struct fpath *p)
{
    for (const struct json *f = json_first(list); f; f = json_next(f)) {
        struct str name = json_str(f);
        size_t before = c->out->n;
        check_qualified_name(c, name, p);
        bool standard = in_list(name, "kubernetes,orphan,foregroundDeletion");
        if (gvk->group.n == 0 && c->out->n == before && str_chr(name, '/') < 0 && !standard)
            check_invalid_s(c, p, name, "name is neither a standard finalizer name nor is it fully qualified");
    }
}

static bool has_string(const struct json *list, struct str s)
{
    for (const struct json *v = json_first(list); v; v = json_next(v))
        if (str_eq(json_str(v), s))
            return true;
    return false;
}

static void check_meta_update(struct check *c, const struct json *meta, const struct json *old, const struct fpath *p)
{
    static const char *const fixed[] = { "name", "namespace", "uid" };
    if (json_get(old, "deletionTimestamp"))
        for (const struct json *f = json_first(json_get(meta, "finalizers")); f; f = json_next(f))
            if (!has_string(json_get(old, "finalizers"), json_str(f)))
                check_forbidden(c, FP_NAME(p, "finalizers"),
                                "no new finalizers can be added if the object is being deleted, found new finalizers "
                                "[]string{" STR_FMT "}",
                                STR_ARG(quote_go(c->a, json_str(f))));
    for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
        if (!str_eq(json_get_str(meta, fixed[i]), json_get_str(old, fixed[i])))
            check_invalid_s(c, FP_NAME(p, fixed[i]), json_get_str(meta, fixed[i]), "field is immutable");
}

void check_object_meta(struct check *c, const struct gvk *gvk, const struct json *obj, const struct json *old, enum name_rule rule)
{
    const struct json *meta = json_get(obj, "metadata");
    const struct fpath *p = FP_NAME(NULL, "metadata");
    struct str name = json_get_str(meta, "name"), generate = json_get_str(meta, "generateName"), ns = json_get_str(meta, "namespace");
    if (!old) {
        if (generate.n)
            check_name(c, generate, rule, true, FP_NAME(p, "generateName"));
        if (name.n == 0)
            check_required(c, FP_NAME(p, "name"), "name or generateName is required");
        else
            check_name(c, name, rule, false, FP_NAME(p, "name"));
        if (ns.n)
            check_name(c, ns, NAME_LABEL, false, FP_NAME(p, "namespace"));
    }
    if (json_get_int(meta, "generation", 0) < 0)
        check_invalid_i(c, FP_NAME(p, "generation"), json_get_int(meta, "generation", 0), "must be greater than or equal to 0");
    check_labels(c, json_get(meta, "labels"), FP_NAME(p, "labels"));
    check_annotations(c, json_get(meta, "annotations"), FP_NAME(p, "annotations"));
    check_owners(c, json_get(meta, "ownerReferences"), FP_NAME(p, "ownerReferences"));
    check_finalizers(c, gvk, json_get(meta, "finalizers"), FP_NAME(p, "finalizers"));
    if (old)
        check_meta_update(c, meta, json_get(old, "metadata"), p);
}

/* ---- selectors ---- */

void check_requirement(struct check *c, const struct json *e, const struct fpath *p, bool compares)
{
    struct str op = json_get_str(e, "operator");
    size_t n = json_len(json_get(e, "values"));
    if (in_list(op, "In,NotIn")) {
        if (n == 0)
            check_required(c, FP_NAME(p, "values"), "must be specified when `operator` is 'In' or 'NotIn'");
    } else if (in_list(op, "Exists,DoesNotExist")) {
        if (n)
            check_forbidden(c, FP_NAME(p, "values"), "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
    } else if (compares && in_list(op, "Gt,Lt")) {
        if (n != 1)
            check_required(c, FP_NAME(p, "values"), "must be specified single value when `operator` is 'Lt' or 'Gt'");
    } else {
        check_invalid_s(c, FP_NAME(p, "operator"), op, "not a valid selector operator");
    }
    check_qualified_name(c, json_get_str(e, "key"), FP_NAME(p, "key"));
}

void check_label_selector(struct check *c, const struct json *sel, const struct fpath *p)
{
    check_labels(c, json_get(sel, "matchLabels"), FP_NAME(p, "matchLabels"));
    size_t i = 0;
    for (const struct json *e = json_first(json_get(sel, "matchExpressions")); e; e = json_next(e), i++) {
        const struct fpath *ep = FP_INDEX(FP_NAME(p, "matchExpressions"), i);
        check_requirement(c, e, ep, false);
        size_t j = 0;
        for (const struct json *v = json_first(json_get(e, "values")); v && c->minor >= 27; v = json_next(v), j++)
            check_label_value(c, json_str(v), FP_INDEX(FP_NAME(ep, "values"), j));
    }
}

bool selector_matches_labels(struct check *c, const struct json *sel, const struct json *labels)
{
    struct selector *s = selector_from_json(c->a, sel, NULL);
    return s && selector_matches(s, labels);
}
