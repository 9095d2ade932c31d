/* apiserver/schema/validate_crd.c - CustomResourceDefinitions: names, versions, columns, subresources, and whether their schemas
 * are structural.
 *
 * Upstream: apiextensions-apiserver pkg/apis/apiextensions/validation/validation.go, pkg/apiserver/schema/validation.go and
 * schema/defaulting. Upstream validates its internal version, where what all versions have in common stands in the spec itself
 * (spec.validation rather than spec.versions[0].schema); so does this, and paths in errors are as there. Webhook conversion is
 * refused: nobody would be called. Of the rules that upstream loosens for objects that broke them before (ratcheting), schemas
 * that are missing and preserveUnknownFields are.
 */
#include "apiserver/schema/structural.h"

#define VERSION_TYPE "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionVersion"

#include <stdlib.h>

#define API_APPROVED "api-approved.kubernetes.io"

struct crd_check {
    struct check *c;
    bool v1, structural;               /* structural: schemas must be */
    bool loose;                        /* what is there has versions without schemas: they are not asked for now */
    const char *no_defaults;           /* why defaults may not be set here; NULL: they may */
};

static bool has_schema(const struct json *holder) { return json_is(json_get(holder, "openAPIV3Schema"), JSON_OBJECT); }

/* ---- names ---- */
static void check_1035(struct check *c, const struct json *from, const char *name, const struct fpath *p, bool mixed)
{
    struct str v = json_get_str(from, name), lower = v;
    struct field_errors e = { .a = c->a };
    struct check probe = *c;
    if (!v.n)
        return;
    if (mixed) {
        char *text = arena_cstr(c->a, v);
        for (char *q = text; *q; q++)
            if (*q >= 'A' && *q <= 'Z')
                *q = (char)(*q + 32);
        lower = str_c(text);
    }
    probe.out = &e;
    check_name(&probe, lower, NAME_1035, false, p);
    struct str all = STR_NULL;
    for (size_t i = 0; i < e.n; i++) {           /* `Invalid value: "x": why` */
        ptrdiff_t at = str_find(e.v[i].message, STR("\": "));
        all = arena_strf(c->a, STR_FMT "%s" STR_FMT, STR_ARG(all), all.n ? "," : "",
                         STR_ARG(str_sub(e.v[i].message, (size_t)at + 3, e.v[i].message.n)));
    }
    if (all.n)
        check_invalid_s(c, FP_NAME(p, name), v, "%s" STR_FMT, mixed ? "may have mixed case, but should otherwise match: " : "",
                        STR_ARG(all));
}

static void check_each_1035(struct check *c, const struct json *list, const struct fpath *p)
{
    size_t i = 0;
    for (const struct json *n = json_first(list); n; n = json_next(n), i++)
        check_name(c, json_str(n), NAME_1035, false, FP_INDEX(p, i));
}

static void check_names(struct check *c, const struct json *names, const struct fpath *p)
{
    struct str kind = json_get_str(names, "kind");
    check_1035(c, names, "plural", p, false);
    check_1035(c, names, "singular", p, false);
    check_1035(c, names, "kind", p, true);
    check_1035(c, names, "listKind", p, true);
    check_each_1035(c, json_get(names, "shortNames"), FP_NAME(p, "shortNames"));
    if (kind.n && str_eq(kind, json_get_str(names, "listKind")))
        check_invalid_s(c, FP_NAME(p, "listKind"), kind, "kind and listKind may not be the same");
    check_each_1035(c, json_get(names, "categories"), FP_NAME(p, "categories"));
}

static void check_group(struct check *c, struct str group, const struct fpath *p)
{
    if (!group.n)
        check_required(c, p, "");
    else if (str_chr(group, '.') < 0)
        check_invalid_s(c, p, group, "should be a domain with at least one dot");
    else
        check_name(c, group, NAME_SUBDOMAIN, false, p);
}

/* Groups of the project itself want a word from its reviewers. */
static void check_approval(struct crd_check *k, const struct json *obj, struct str group)
{
    struct str value = json_getn(json_path(obj, "metadata.annotations"), STR(API_APPROVED))
                       ? json_str(json_getn(json_path(obj, "metadata.annotations"), STR(API_APPROVED))) : STR_NULL;
    bool protected = str_eqc(group, "k8s.io") || str_ends(group, ".k8s.io") || str_eqc(group, "kubernetes.io") ||
                     str_ends(group, ".kubernetes.io");
    const struct fpath *p = FP_KEY(FP_NAME(FP_NAME(NULL, "metadata"), "annotations"), STR(API_APPROVED));
    if (!protected || !k->v1 || str_starts(value, "unapproved") || str_starts(value, "https://"))
        return;
    if (!value.n)
        check_required(k->c, p, "protected groups must have approval annotation \"" API_APPROVED "\", see "
                       "https://github.com/kubernetes/enhancements/pull/1111");
    else
        check_invalid_s(k->c, p, value,
                        "protected groups must have approval annotation \"" API_APPROVED "\" with either a URL or a reason "
                                                                                         "starting with \"unapproved\", "
                        "see https://github.com/kubernetes/enhancements/pull/1111");
}

/* ---- what one schema may say ---- */
static void check_node(struct crd_check *k, const struct json *s, const struct fpath *p, bool root, bool in_meta);

static void check_subschema(struct crd_check *k, const struct json *s, const struct fpath *p, bool in_meta)
{
    if (json_is(s, JSON_OBJECT))
        check_node(k, s, p, false, in_meta);
}

static void check_unsupported_words(struct crd_check *k, const struct json *s, const struct fpath *p, bool in_meta)
{
    static const char *const words[] = { "id", "additionalItems", "patternProperties", "definitions", "dependencies", "$ref" };
    struct str type = json_get_str(s, "type");
    if (k->v1 && type.n && !in_list(type, "array,boolean,integer,number,object,string"))
        check_unsupported(k->c, FP_NAME(p, "type"), type, "array,boolean,integer,number,object,string");
    if (json_get(s, "default") && k->no_defaults)
        check_forbidden(k->c, FP_NAME(p, "default"), "must not be set %s", k->no_defaults);
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (json_get(s, words[i]))
            check_forbidden(k->c, FP_NAME(p, words[i]), "%s is not supported", words[i]);
    if (str_eqc(type, "null"))
        check_forbidden(k->c, FP_NAME(p, "type"), "type cannot be set to null, use nullable as an alternative");
    if (json_is(json_get(s, "items"), JSON_ARRAY))
        check_forbidden(k->c, FP_NAME(p, "items"), "items must be a schema object and not an array");
    if (in_meta && json_get_bool(s, "x-kubernetes-embedded-resource", false))
        check_forbidden(k->c, FP_NAME(p, "x-kubernetes-embedded-resource"), "must not be used inside of resource meta");
}

static void check_map_keys(struct crd_check *k, const struct json *s, const struct fpath *p)
{
    const struct json *items = json_get(s, "items"), *props = json_get(items, "properties"),
                      *keys = json_get(s, "x-kubernetes-list-map-keys");
    const struct fpath *kp = FP_NAME(p, "x-kubernetes-list-map-keys"), *ip = FP_NAME(p, "items");
    if (!json_len(keys))
        check_required(k->c, kp, "must not be empty if x-kubernetes-list-type is map");
    if (!items)
        check_required(k->c, ip, "must have a schema if x-kubernetes-list-type is map");
    else if (!str_eqc(json_get_str(items, "type"), "object"))
        check_invalid_s(k->c, FP_NAME(ip, "type"), json_get_str(items, "type"),
                        "must be object if parent array's x-kubernetes-list-type is map");
    for (const struct json *key = json_first(keys); key && items; key = json_next(key)) {
        const struct json *prop = json_getn(props, json_str(key));
        const struct fpath *pp = FP_KEY(FP_NAME(ip, "properties"), json_str(key));
        bool required = false;
        for (const struct json *r = json_first(json_get(items, "required")); r; r = json_next(r))
            required |= json_equal(r, key);
        if (!prop)
            check_invalid_raw(k->c, kp, arena_cstr(k->c->a, json_text(k->c->a, keys)), "entries must all be names of item properties");
        else if (!required && !json_get(prop, "default"))
            check_required(k->c, FP_NAME(pp, "default"),
                           "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property");
    }
}

static void check_list_kind(struct crd_check *k, const struct json *s, const struct fpath *p)
{
    struct str list = json_get_str(s, "x-kubernetes-list-type"), map = json_get_str(s, "x-kubernetes-map-type"),
               type = json_get_str(s, "type");
    const struct fpath *tp = FP_NAME(p, "type"), *lp = FP_NAME(p, "x-kubernetes-list-type");
    static const char object_word[] = "must be object if x-kubernetes-map-type is specified",
                      array_word[] = "must be array if x-kubernetes-list-type is specified";
    if (map.n && !type.n) check_required(k->c, tp, object_word);
    else if (map.n && !str_eqc(type, "object")) check_invalid_s(k->c, tp, type, object_word);
    if (map.n) check_enum(k->c, FP_NAME(p, "x-kubernetes-map-type"), map, "atomic,granular");
    if (list.n && !type.n) check_required(k->c, tp, array_word);
    else if (list.n && !str_eqc(type, "array")) check_invalid_s(k->c, tp, type, array_word);
    if (list.n) check_enum(k->c, lp, list, "atomic,set,map");
    if (json_len(json_get(s, "x-kubernetes-list-map-keys")) && !list.n)
        check_required(k->c, lp, "must be map if x-kubernetes-list-map-keys is non-empty");
    else if (json_len(json_get(s, "x-kubernetes-list-map-keys")) && !str_eqc(list, "map"))
        check_invalid_s(k->c, lp, list, "must be map if x-kubernetes-list-map-keys is non-empty");
    if (str_eqc(list, "map")) check_map_keys(k, s, p);
}

static bool is_meta(struct str key) { return in_list(key, "metadata,kind,apiVersion"); }

static void check_properties(struct crd_check *k, const struct json *s, const struct fpath *p, bool root, bool in_meta)
{
    bool resource = root || json_get_bool(s, "x-kubernetes-embedded-resource", false);
    for (const struct json *f = json_first(json_get(s, "properties")); f; f = json_next(f)) {
        struct crd_check sub = *k;
        bool meta = resource && is_meta(json_key(f));
        if (meta && root)
            sub.no_defaults = arena_printf(k->c->a, "in top-level " STR_FMT, STR_ARG(json_key(f)));
        check_subschema(&sub, f, FP_KEY(FP_NAME(p, "properties"), json_key(f)), in_meta || meta);
    }
}

static void check_node(struct crd_check *k, const struct json *s, const struct fpath *p, bool root, bool in_meta)
{
    static const char *const lists[] = { "allOf", "oneOf", "anyOf" };
    const struct json *more = json_get(s, "additionalProperties"), *preserve = json_get(s, "x-kubernetes-preserve-unknown-fields");
    check_unsupported_words(k, s, p, in_meta);
    if (json_get_bool(s, "uniqueItems", false))
        check_forbidden(k->c, FP_NAME(p, "uniqueItems"),
                        "uniqueItems cannot be set to true since the runtime complexity becomes quadratic");
    if (more && json_len(json_get(s, "properties")) && !json_bool(more, false))
        check_forbidden(k->c, FP_NAME(p, "additionalProperties"), "additionalProperties and properties are mutual exclusive");
    check_subschema(k, more, FP_NAME(p, "additionalProperties"), in_meta);
    check_properties(k, s, p, root, in_meta);
    check_subschema(k, json_get(s, "not"), FP_NAME(p, "not"), in_meta);
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        size_t n = 0;
        for (const struct json *e = json_first(json_get(s, lists[i])); e; e = json_next(e), n++)
            check_subschema(k, e, FP_INDEX(FP_NAME(p, lists[i]), n), in_meta);
    }
    check_subschema(k, json_get(s, "items"), FP_NAME(p, "items"), in_meta);
    if (preserve && !json_bool(preserve, true))
        check_invalid_raw(k->c, FP_NAME(p, "x-kubernetes-preserve-unknown-fields"), "false", "must be true or undefined");
    check_list_kind(k, s, p);
}

/* ---- structural schemas: upstream sorts these errors, since it walks maps ---- */
enum level { LEVEL_ROOT, LEVEL_ITEM, LEVEL_FIELD };

static bool is_int_or_string(const struct json *any)
{
    return json_len(any) == 2 && json_len(json_at(any, 0)) == 1 && json_len(json_at(any, 1)) == 1 &&
           str_eqc(json_get_str(json_at(any, 0), "type"), "integer") &&
           str_eqc(json_get_str(json_at(any, 1), "type"), "string");
}

static void check_nested(struct check *c, const struct json *v, bool skip_any, const struct fpath *p);

/* Junctors and the pattern. */
static void check_values(struct check *c, const struct json *s, bool skip_any, bool skip_first, const struct fpath *p)
{
    static const char *const lists[] = { "anyOf", "allOf", "oneOf" };
    struct str pattern = json_get_str(s, "pattern"), why = pattern.n ? pattern_error(c->a, pattern) : STR_NULL;
    for (size_t l = skip_any; l < ARRAY_LEN(lists); l++) {
        size_t i = 0;
        for (const struct json *e = json_first(json_get(s, lists[l])); e; e = json_next(e), i++)
            check_nested(c, e, l == 1 && !i && skip_first, FP_INDEX(FP_NAME(p, lists[l]), i));
    }
    if (json_get(s, "not"))
        check_nested(c, json_get(s, "not"), false, FP_NAME(p, "not"));
    if (why.n)
        check_invalid_s(c, FP_NAME(p, "pattern"), pattern, "must be a valid regular expression, but isn't: " STR_FMT, STR_ARG(why));
}

/* Below a junctor only values may be judged, nothing declared. */
static void check_nested(struct check *c, const struct json *v, bool skip_any, const struct fpath *p)
{
    static const struct { const char *word, *must; } forbidden[] = {
        { "type", "empty" }, { "additionalProperties", "undefined" }, { "default", "undefined" }, { "title", "empty" },
        { "description", "empty" },
        { "nullable", "false" }, { "x-kubernetes-preserve-unknown-fields", "false" }, { "x-kubernetes-embedded-resource", "false" },
        { "x-kubernetes-int-or-string", "false" }, { "x-kubernetes-list-map-keys", "empty" },
        { "x-kubernetes-list-type", "undefined" },
        { "x-kubernetes-map-type", "undefined" },
    };
    check_values(c, v, skip_any, false, p);
    if (json_is(json_get(v, "items"), JSON_OBJECT))
        check_nested(c, json_get(v, "items"), false, FP_NAME(p, "items"));
    for (const struct json *f = json_first(json_get(v, "properties")); f; f = json_next(f))
        check_nested(c, f, false, FP_KEY(FP_NAME(p, "properties"), json_key(f)));
    for (size_t i = 0; i < ARRAY_LEN(forbidden); i++)
        if (json_get(v, forbidden[i].word))
            check_forbidden(c, FP_NAME(p, forbidden[i].word), "must be %s to be structural", forbidden[i].must);
    if (json_path(v, "properties.metadata"))
        check_forbidden(c, FP_KEY(FP_NAME(p, "properties"), STR("metadata")), "must not be specified in a nested context");
}

/* An object of its own has apiVersion, kind and metadata whether declared or not. */
static void check_resource_meta(struct check *c, const struct json *s, enum level level, const struct fpath *p)
{
    static const struct { const char *name, *type; } fields[] = { { "kind", "string" }, { "apiVersion", "string" },
                                                                  { "metadata", "object" } };
    const struct json *props = json_get(s, "properties"), *meta = json_get(props, "metadata");
    const struct fpath *pp = FP_NAME(p, "properties");
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        const struct json *f = json_get(props, fields[i].name);
        if (f && !str_eqc(json_get_str(f, "type"), fields[i].type))
            check_invalid_s(c, FP_NAME(FP_KEY(pp, str_c(fields[i].name)), "type"), json_get_str(f, "type"), "must be %s",
                            fields[i].type);
    }
    bool more = false;
    for (const struct json *m = json_first(meta); m; m = json_next(m)) {
        bool names_only = str_eqc(json_key(m), "properties");
        for (const struct json *n = names_only ? json_first(m) : NULL; n; n = json_next(n))
            names_only &= in_list(json_key(n), "name,generateName");
        more |= !str_eqc(json_key(m), "type") && !str_eqc(json_key(m), "default") && !names_only;
    }
    if (level == LEVEL_ROOT && more)
        check_forbidden(c, FP_KEY(pp, STR("metadata")),
                        "must not specify anything other than name and generateName, but metadata is implicitly specified");
}

static void check_structural_type(struct check *c, const struct json *s, enum level level, const struct fpath *p)
{
    static const char *const empty[] = { "must not be empty at the root", "must not be empty for specified array items",
                                         "must not be empty for specified object fields" };
    struct str type = json_get_str(s, "type");
    bool embedded = json_get_bool(s, "x-kubernetes-embedded-resource", false),
         keep = json_get_bool(s, "x-kubernetes-preserve-unknown-fields", false);
    bool int_or_string = json_get_bool(s, "x-kubernetes-int-or-string", false);
    const struct fpath *tp = FP_NAME(p, "type");
    if (embedded && !type.n) check_required(c, tp, "must be object if x-kubernetes-embedded-resource is true");
    else if (embedded && !str_eqc(type, "object"))
        check_invalid_s(c, tp, type, "must be object if x-kubernetes-embedded-resource is true");
    else if (!type.n && !int_or_string && !keep) check_required(c, tp, empty[level]);
    if (embedded && json_get(s, "additionalProperties"))
        check_forbidden(c, FP_NAME(p, "additionalProperties"), "must not be used if x-kubernetes-embedded-resource is set");
    if (level == LEVEL_ROOT && type.n && !str_eqc(type, "object")) check_invalid_s(c, tp, type, "must be object at the root");
    if (int_or_string && keep)
        check_invalid_raw(c, FP_NAME(p, "x-kubernetes-preserve-unknown-fields"), "true",
                          "must be false if x-kubernetes-int-or-string is true");
    if (embedded && !keep && !json_len(json_get(s, "properties")))
        check_required(c, FP_NAME(p, "properties"),
                       "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields");
}

static void check_structural(struct check *c, const struct json *s, enum level level, const struct fpath *p)
{
    const struct json *items = json_get(s, "items"), *more = json_get(s, "additionalProperties"),
                      *first_all = json_at(json_get(s, "allOf"), 0);
    if (str_eqc(json_get_str(s, "type"), "array") && !items)
        check_required(c, FP_NAME(p, "items"), "must be specified");
    if (json_is(items, JSON_OBJECT))
        check_structural(c, items, LEVEL_ITEM, FP_NAME(p, "items"));
    for (const struct json *f = json_first(json_get(s, "properties")); f; f = json_next(f))
        check_structural(c, f, LEVEL_FIELD, FP_KEY(FP_NAME(p, "properties"), json_key(f)));
    if (more && level == LEVEL_ROOT)
        check_forbidden(c, FP_NAME(p, "additionalProperties"), "must not be used at the root");
    if (json_is(more, JSON_OBJECT))
        check_structural(c, more, LEVEL_FIELD, FP_NAME(p, "additionalProperties"));
    check_values(c, s, is_int_or_string(json_get(s, "anyOf")), is_int_or_string(json_get(first_all, "anyOf")), p);
    check_structural_type(c, s, level, p);
    if (level == LEVEL_ROOT || json_get_bool(s, "x-kubernetes-embedded-resource", false))
        check_resource_meta(c, s, level, p);
}

/* What a junctor looks at must be declared outside of it, too. Upstream: schema/complete.go. */
static void check_complete(struct check *c, const struct json *s, const struct json *v, const struct fpath *sp,
                           const struct fpath *vp);

static void check_complete_field(struct check *c, const struct json *s, const struct json *v, const struct fpath *sp,
                                 const struct fpath *vp)
{
    if (!s)
        check_required(c, sp, arena_printf(c->a, "because it is defined in " STR_FMT, STR_ARG(fpath_text(c->a, vp))));
    else
        check_complete(c, s, v, sp, vp);
}

static void check_complete(struct check *c, const struct json *s, const struct json *v, const struct fpath *sp, const struct fpath *vp)
{
    static const char *const lists[] = { "anyOf", "allOf", "oneOf" };
    const struct json *props = json_get(s, "properties"), *more = json_get(s, "additionalProperties");
    for (const struct json *f = json_first(v == s ? NULL : json_get(v, "properties")); f; f = json_next(f)) {
        const struct json *to = json_getn(props, json_key(f));
        check_complete_field(c, to ? to : json_is(more, JSON_OBJECT) ? more : NULL, f, FP_KEY(FP_NAME(sp, "properties"), json_key(f)),
                             FP_KEY(FP_NAME(vp, "properties"), json_key(f)));
    }
    if (v != s && json_get(v, "items"))
        check_complete_field(c, json_get(s, "items"), json_get(v, "items"), FP_NAME(sp, "items"), FP_NAME(vp, "items"));
    for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
        size_t i = 0;
        for (const struct json *e = json_first(json_get(v, lists[l])); e; e = json_next(e), i++)
            check_complete(c, s, e, sp, FP_INDEX(FP_NAME(vp, lists[l]), i));
    }
    if (json_get(v, "not"))
        check_complete(c, s, json_get(v, "not"), sp, FP_NAME(vp, "not"));
    if (v != s)
        return;
    for (const struct json *f = json_first(props); f; f = json_next(f)) {
        const struct fpath *p = FP_KEY(FP_NAME(sp, "properties"), json_key(f));
        check_complete(c, f, f, p, p);
    }
    if (json_is(json_get(s, "items"), JSON_OBJECT))
        check_complete(c, json_get(s, "items"), json_get(s, "items"), FP_NAME(sp, "items"), FP_NAME(sp, "items"));
    if (json_is(more, JSON_OBJECT))
        check_complete(c, more, more, FP_NAME(sp, "additionalProperties"), FP_NAME(sp, "additionalProperties"));
}

static int by_text(const void *x, const void *y)
{
    const struct field_error *a = x, *b = y;
    int r = str_cmp(a->field, b->field);
    return r ? r : str_cmp(a->message, b->message);
}

/* A default is a value of its schema. */
static void check_defaults(struct check *c, const struct json *s, const struct fpath *p)
{
    const struct json *dflt = json_get(s, "default");
    if (dflt) {
        struct field_errors e = { .a = c->a };
        struct check probe = *c;
        struct json *pruned = json_copy(c->a, dflt);
        const struct fpath *dp = FP_NAME(p, "default");
        struct str at = fpath_text(c->a, dp);
        structural_prune(s, pruned, false);
        if (!json_equal(pruned, dflt))
            check_invalid_raw(c, dp, arena_cstr(c->a, json_text(c->a, dflt)), "must not have unknown fields");
        probe.out = &e;
        structural_validate(&probe, s, dflt);
        for (size_t i = 0; i < e.n; i++)
            field_error_add(c->out, e.v[i].type,
                            str_eqc(e.v[i].field, "<nil>") ? at
                            : arena_strf(c->a, STR_FMT "." STR_FMT, STR_ARG(at), STR_ARG(e.v[i].field)),
                            STR_FMT, STR_ARG(e.v[i].message));
    }
    if (json_is(json_get(s, "items"), JSON_OBJECT))
        check_defaults(c, json_get(s, "items"), FP_NAME(p, "items"));
    for (const struct json *f = json_first(json_get(s, "properties")); f; f = json_next(f))
        check_defaults(c, f, FP_KEY(FP_NAME(p, "properties"), json_key(f)));
}

static void check_is_structural(struct check *c, const struct json *s, const struct fpath *p)
{
    struct field_errors e = { .a = c->a };
    struct check probe = *c;
    probe.out = &e;
    check_structural(&probe, s, LEVEL_ROOT, p);
    check_complete(&probe, s, s, p, p);
    if (e.n)
        qsort(e.v, e.n, sizeof e.v[0], by_text);
    for (size_t i = 0; i < e.n; i++)
        field_error_add(c->out, e.v[i].type, e.v[i].field, STR_FMT, STR_ARG(e.v[i].message));
    if (!e.n)
        check_defaults(c, s, p);
}

static void check_validation(struct crd_check *k, const struct json *validation, const struct fpath *p)
{
    const struct json *s = json_get(validation, "openAPIV3Schema");
    const struct fpath *sp = FP_NAME(p, "openAPIV3Schema");
    if (!json_is(s, JSON_OBJECT))
        return;
    if (json_get_bool(s, "nullable", false))
        check_forbidden(k->c, FP_NAME(p, "openAPIV3Schema.nullable"), "nullable cannot be true at the root");
    check_node(k, s, sp, true, false);
    if (k->structural)
        check_is_structural(k->c, s, sp);
}

/* ---- subresources and columns ---- */
static void check_path(struct check *c, struct str path, const struct fpath *p, bool optional, const char *under, const char *words)
{
    if (!path.n && !optional) check_required(c, p, "");
    else if (path.n && path.p[0] != '.') check_invalid_s(c, p, path, "must be a simple json path starting with .");
    else if (path.n && under && !str_starts(path, under) && !(optional && str_starts(path, ".spec.")))
        check_invalid_s(c, p, path, "should be a json path under %s", words);
}

static void check_subresources(struct check *c, const struct json *sub, const struct fpath *p)
{
    const struct json *scale = json_get(sub, "scale");
    if (!scale)
        return;
    check_path(c, json_get_str(scale, "specReplicasPath"), FP_NAME(p, "scale.specReplicasPath"), false, ".spec.", ".spec");
    check_path(c, json_get_str(scale, "statusReplicasPath"), FP_NAME(p, "scale.statusReplicasPath"), false, ".status.", ".status");
    check_path(c, json_get_str(scale, "labelSelectorPath"), FP_NAME(p, "scale.labelSelectorPath"), true, ".status.",
               "either .spec or .status");
}

static void check_columns(struct check *c, const struct json *columns, const struct fpath *list)
{
    static const char types[] = "boolean,date,integer,number,string",
                      formats[] = "byte,date,date-time,double,float,int32,int64,password";
    size_t i = 0;
    for (const struct json *col = json_first(columns); col; col = json_next(col), i++) {
        const struct fpath *p = FP_INDEX(list, i);
        struct str type = json_get_str(col, "type"), format = json_get_str(col, "format");
        if (!json_get_str(col, "name").n) check_required(c, FP_NAME(p, "name"), "");
        if (!type.n) check_required(c, FP_NAME(p, "type"), arena_printf(c->a, "must be one of %s", types));
        else if (!in_list(type, types)) check_invalid_s(c, FP_NAME(p, "type"), type, "must be one of %s", types);
        if (format.n && !in_list(format, formats)) check_invalid_s(c, FP_NAME(p, "format"), format, "must be one of %s", formats);
        check_path(c, json_get_str(col, "JSONPath"), FP_NAME(p, "JSONPath"), false, NULL, NULL);
    }
}

/* ---- the whole ---- */
static void check_versions(struct crd_check *k, const struct json *spec, const struct fpath *p)
{
    const struct json *versions = json_get(spec, "versions");
    const struct fpath *list = FP_NAME(p, "versions");
    size_t i = 0, stored = 0;
    bool unique = true;
    for (const struct json *v = json_first(versions); v; v = json_next(v), i++) {
        const struct fpath *vp = FP_INDEX(list, i);
        stored += json_get_bool(v, "storage", false);
        for (const struct json *u = json_first(versions); u != v; u = json_next(u))
            unique &= !str_eq(json_get_str(u, "name"), json_get_str(v, "name"));
        check_name(k->c, json_get_str(v, "name"), NAME_1035, false, FP_NAME(vp, "name"));
        if (json_get(v, "deprecationWarning") && !json_get_bool(v, "deprecated", false))
            check_invalid_s(k->c, FP_NAME(vp, "deprecationWarning"), json_get_str(v, "deprecationWarning"),
                            "can only be set for deprecated versions");
        check_validation(k, json_get(v, "schema"), FP_NAME(vp, "schema"));
        check_subresources(k->c, json_get(v, "subresources"), FP_NAME(vp, "subresources"));
        check_columns(k->c, json_get(v, "additionalPrinterColumns"), FP_NAME(vp, "additionalPrinterColumns"));
    }
    const char *shown = unique && stored == 1 ? "" : go_print_list(k->c->a, k->c->s, VERSION_TYPE, versions);
    if (!unique) check_invalid_raw(k->c, list, shown, "must contain unique version names");
    if (stored != 1) check_invalid_raw(k->c, list, shown, "must have exactly one version marked as storage version");
}

static void check_schemas_given(struct crd_check *k, const struct json *spec, const struct fpath *p)
{
    size_t i = 0;
    if (has_schema(json_get(spec, "validation")))
        return;
    for (const struct json *v = json_first(json_get(spec, "versions")); v; v = json_next(v), i++) {
        const struct fpath *vp = FP_NAME(FP_NAME(FP_INDEX(FP_NAME(p, "versions"), i), "schema"), "openAPIV3Schema");
        if (has_schema(json_get(v, "schema"))) continue;
        if (k->v1 && !k->loose) check_required(k->c, vp, "schemas are required");
        else if (k->structural && json_get_bool(v, "served", false))
            check_required(k->c, vp, "because otherwise all fields are pruned");
    }
}

static void check_needed_names(struct check *c, const struct json *names, const struct fpath *p)
{
    static const char *const needed[] = { "plural", "singular", "kind", "listKind" };
    for (size_t i = 0; i < ARRAY_LEN(needed); i++)
        if (!json_get_str(names, needed[i]).n)
            check_required(c, FP_NAME(p, needed[i]), "");
}

static void check_conversion(struct check *c, const struct json *conversion, const struct fpath *p)
{
    struct str strategy = json_get_str(conversion, "strategy");
    if (check_enum(c, FP_NAME(p, "strategy"), strategy, "None,Webhook") && str_eqc(strategy, "Webhook"))
        check_invalid_s(c, FP_NAME(p, "strategy"), strategy, "webhook conversion is not modelled");
}

static void check_spec(struct crd_check *k, const struct json *spec, const struct fpath *p)
{
    struct check *c = k->c;
    struct str scope = json_get_str(spec, "scope");
    check_group(c, json_get_str(spec, "group"), FP_NAME(p, "group"));
    if (!scope.n) check_required(c, FP_NAME(p, "scope"), "");
    else check_enum(c, FP_NAME(p, "scope"), scope, "Cluster,Namespaced");
    check_schemas_given(k, spec, p);
    check_versions(k, spec, p);
    check_needed_names(c, json_get(spec, "names"), FP_NAME(p, "names"));
    check_names(c, json_get(spec, "names"), FP_NAME(p, "names"));
    check_validation(k, json_get(spec, "validation"), FP_NAME(p, "validation"));
    check_subresources(c, json_get(spec, "subresources"), FP_NAME(p, "subresources"));
    check_columns(c, json_get(spec, "additionalPrinterColumns"), FP_NAME(p, "additionalPrinterColumns"));
    check_conversion(c, json_get(spec, "conversion"), FP_NAME(p, "conversion"));
}

static bool is_established(const struct json *crd)
{
    for (const struct json *cond = json_first(json_path(crd, "status.conditions")); cond; cond = json_next(cond))
        if (str_eqc(json_get_str(cond, "type"), "Established"))
            return str_eqc(json_get_str(cond, "status"), "True");
    return false;
}

static void check_kept(struct check *c, const struct json *spec, const struct json *old, const char *path, const struct fpath *p)
{
    struct str v = json_path_str(spec, path);
    if (!str_eq(v, json_path_str(old, path)))
        check_invalid_s(c, p, v, "field is immutable");
}

static void check_update(struct check *c, const struct json *obj, const struct json *old)
{
    const struct json *spec = json_get(obj, "spec"), *was = json_get(old, "spec");
    const struct fpath *p = FP_NAME(NULL, "spec"), *names = FP_NAME(p, "names");
    if (is_established(old)) {
        check_kept(c, spec, was, "scope", FP_NAME(p, "scope"));
        check_kept(c, spec, was, "names.kind", FP_NAME(names, "kind"));
    }
    check_kept(c, spec, was, "group", FP_NAME(p, "group"));
    check_kept(c, spec, was, "names.plural", FP_NAME(names, "plural"));
}

static bool all_have_schemas(const struct json *spec)
{
    bool all = true;
    for (const struct json *v = json_first(json_get(spec, "versions")); v; v = json_next(v))
        all &= has_schema(json_get(v, "schema"));
    return all || has_schema(json_get(spec, "validation"));
}

void validate_crd(struct check *c, const struct gvk *gvk, const struct json *obj, const struct json *old)
{
    struct json *in = json_copy(c->a, obj);
    struct str group = json_path_str(obj, "spec.group"), name = meta_name(obj);
    bool v1 = str_eqc(gvk->version, "v1"), keep = json_get_bool(json_get(obj, "spec"), "preserveUnknownFields", false);
    struct crd_check k = { c, v1, v1 || !keep, false,
                           v1 ? NULL : "(cannot set default values in apiextensions.k8s.io/v1beta1 CRDs, must use "
                                       "apiextensions.k8s.io/v1)" };
    if (!old && !str_eq(name, arena_strf(c->a, STR_FMT "." STR_FMT, STR_ARG(json_path_str(obj, "spec.names.plural")), STR_ARG(group))))
        check_invalid_s(c, FP_NAME(FP_NAME(NULL, "metadata"), "name"), name, "must be spec.names.plural+\".\"+spec.group");
    k.loose = old && !all_have_schemas(json_get(old, "spec"));
    crd_hoist(c->a, in);
    /* a write of the status does not judge the spec again */
    if (!old || !json_equal(json_get(obj, "spec"), json_get(old, "spec")))
        check_spec(&k, json_get(in, "spec"), FP_NAME(NULL, "spec"));
    if (old)
        check_update(c, obj, old);
    check_names(c, json_path(obj, "status.acceptedNames"), FP_NAME(FP_NAME(NULL, "status"), "acceptedNames"));
    check_approval(&k, obj, group);
    if (v1 && keep && !json_get_bool(json_get(old, "spec"), "preserveUnknownFields", false))
        check_invalid_raw(c, FP_NAME(FP_NAME(NULL, "spec"), "preserveUnknownFields"), "true",
                          "cannot set to true, set x-preserve-unknown-fields to true in spec.versions[*].schema instead");
}
