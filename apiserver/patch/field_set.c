/* apiserver/patch/field_set.c - sets of field paths, in the very notation of metadata.managedFields.
 *
 * Upstream: sigs.k8s.io/structured-merge-diff (fieldpath.Set, typed.ToFieldSet, typed.Compare), and kube-openapi's
 * schemaconv, which decides from OpenAPI extensions what is atomic. A set here is the JSON that it is stored as, so
 * nothing is converted on the way in or out. On creation upstream compares with an empty Go struct: parts that Go
 * writes even when empty are there already, so they get no "." of their own. That is why a field's omitempty matters
 * below.
 */
#include "apiserver/patch/fields_priv.h"

#include <stdlib.h>

/* ---- types ---- */

/* Structs that change hands as a whole (x-kubernetes-map-type: atomic), with the first version that says so. */
static const struct { const char *suffix; int since; } atomic_types[] = {
    { ".meta.v1.LabelSelector", 19 },
    { ".meta.v1.OwnerReference", 21 },
    { ".core.v1.ConfigMapKeySelector", 21 },
    { ".core.v1.SecretKeySelector", 21 },
    { ".core.v1.LocalObjectReference", 21 },
    { ".core.v1.ObjectReference", 21 },
    { ".core.v1.ObjectFieldSelector", 21 },
    { ".core.v1.ResourceFieldSelector", 21 },
    { ".core.v1.NodeSelector", 21 },
    { ".core.v1.NodeSelectorTerm", 21 },
    { ".core.v1.ScopeSelector", 21 },
    { ".core.v1.SecretReference", 21 },
    { ".core.v1.TopologySelectorTerm", 21 },
    { ".core.v1.TypedLocalObjectReference", 21 },
    { ".core.v1.EndpointAddress", 21 },
    { ".core.v1.EndpointPort", 21 },
    { ".rbac.v1.RoleRef", 21 },
    { ".rbac.v1.Subject", 21 },
    { ".CrossVersionObjectReference", 21 },
    { ".networking.v1.ServiceBackendPort", 21 },
};
/* Maps likewise: field and the type it is in. */
static const struct { const char *field, *suffix; } atomic_maps[] = {
    { "selector", ".core.v1.ServiceSpec" },
    { "selector", ".core.v1.ReplicationControllerSpec" },
    { "nodeSelector", ".core.v1.PodSpec" },
    { "nodeSelector", ".node.v1.Scheduling" },
};

static bool is_atomic_type(const struct type *t, int minor)
{
    for (size_t i = 0; i < ARRAY_LEN(atomic_types); i++)
        if (minor >= atomic_types[i].since && str_ends(str_c(t->name), atomic_types[i].suffix))
            return true;
    return false;
}

static bool is_atomic_map(const struct type *in, const struct field *f, int minor)
{
    if (f->list_type && strstr(f->list_type, "atomic"))
        return true;
    for (size_t i = 0; minor >= 21 && in && i < ARRAY_LEN(atomic_maps); i++)
        if (!strcmp(f->name, atomic_maps[i].field) && str_ends(str_c(in->name), atomic_maps[i].suffix))
            return true;
    return false;
}

static struct place_type place_of_type(const struct type *t, int minor)
{
    struct place_type p = { REL_LEAF, t, NULL, minor };
    if (t && !t->scalar && t->count && !is_atomic_type(t, minor))
        p.rel = REL_STRUCT;
    return p;
}

static bool merges(const struct field *f)
{
    return f->patch_strategy && !strncmp(f->patch_strategy, "merge", 5);
}

static enum relation list_relation(const struct field *f)
{
    if (f->list_type)
        return !strcmp(f->list_type, "map") ? REL_LIST_MAP : !strcmp(f->list_type, "set") ? REL_LIST_SET : REL_LEAF;
    if (!merges(f))
        return REL_LEAF;
    return f->patch_merge_key ? REL_LIST_MAP : REL_LIST_SET;
}

struct place_type patch_place_of_kind(const struct schema *s, const struct gvk *gvk)
{
    const struct type *t = schema_kind(s, gvk->group, gvk->version, gvk->kind);
    struct place_type p = place_of_type(t, schema_minor(s));
    if (!t)
        p.rel = REL_ANY;
    return p;
}

struct place_type patch_place_of_child(const struct place_type *p, struct str name)
{
    struct place_type child = { REL_LEAF, NULL, NULL, p->minor };
    if (p->rel == REL_ANY)
        child.rel = REL_ANY;
    if (p->rel == REL_MAP)
        return p->field->elem == FIELD_OBJECT ? place_of_type(p->field->type, p->minor) : child;
    const struct field *f = p->rel == REL_STRUCT ? type_field(p->type, name) : NULL;
    if (!f)
        return child;
    if (f->kind == FIELD_OBJECT)
        child = place_of_type(f->type, p->minor);
    else if (f->kind == FIELD_MAP && !is_atomic_map(p->type, f, p->minor))
        child.rel = REL_MAP;
    else if (f->kind == FIELD_LIST)
        child.rel = list_relation(f);
    child.field = f;
    return child;
}

struct place_type patch_place_of_item(const struct place_type *p)
{
    if (p->field && p->field->elem == FIELD_OBJECT)
        return place_of_type(p->field->type, p->minor);
    return (struct place_type){ REL_LEAF, NULL, NULL, p->minor };
}

/* ---- path elements ---- */

static int by_text(const void *x, const void *y)
{
    return str_cmp(*(const struct str *)x, *(const struct str *)y);
}

/* k:{"containerPort":80,"protocol":"TCP"}: keys sorted, defaults filled in. */
static struct str key_element(struct arena *a, const struct field *f, const struct json *item)
{
    struct str keys[8], rest = str_c(f->list_map_keys ? f->list_map_keys : f->patch_merge_key);
    size_t n = 0;
    while (rest.p && n < ARRAY_LEN(keys))
        keys[n++] = str_token(&rest, ',');
    qsort(keys, n, sizeof *keys, by_text);
    struct strbuf b;
    strbuf_init(&b, LIMIT_BODY_BYTES);
    strbuf_addc(&b, "k:{");
    for (size_t i = 0, written = 0; i < n; i++) {
        const struct json *v = json_getn(item, keys[i]);
        const struct field *key_field = f->type ? type_field(f->type, keys[i]) : NULL;
        if (!v && !(key_field && key_field->dflt))
            continue;
        if (written++)
            strbuf_addch(&b, ',');
        json_write_string(&b, keys[i]);
        strbuf_addch(&b, ':');
        if (v)
            json_write(&b, v, JSON_NO_HTML_ESCAPE);
        else
            strbuf_addc(&b, key_field->dflt);
    }
    strbuf_addch(&b, '}');
    struct str text = arena_str(a, strbuf_str(&b));
    strbuf_deinit(&b);
    return text;
}

struct str patch_element_of(struct arena *a, const struct place_type *p, const struct json *child)
{
    if (p->rel == REL_LIST_MAP)
        return key_element(a, p->field, child);
    if (p->rel == REL_LIST_SET)
        return arena_strf(a, "v:" STR_FMT, STR_ARG(json_text(a, child)));
    return arena_strf(a, "f:" STR_FMT, STR_ARG(json_key(child)));
}

struct json *patch_child_by_element(struct arena *a, const struct place_type *p, const struct json *value, struct str element)
{
    if (str_starts(element, "f:"))
        return json_is(value, JSON_OBJECT) ? json_getn(value, str_sub(element, 2, element.n)) : NULL;
    for (struct json *c = json_is(value, JSON_ARRAY) ? json_first(value) : NULL; c; c = json_next(c))
        if ((p->rel == REL_LIST_MAP || p->rel == REL_LIST_SET) && str_eq(patch_element_of(a, p, c), element))
            return c;
    return NULL;
}

/* ---- sets ---- */

static bool is_member(const struct json *node)
{
    return !json_len(node) || json_get(node, ".");
}

static bool is_dot(const struct json *node)
{
    return str_eqc(json_key(node), ".");
}

bool field_set_is_empty(const struct json *set)
{
    return json_len(set) == 0;
}

static void put_dot(struct arena *a, struct json *node)
{
    if (!json_get(node, "."))
        json_set(a, node, ".", json_new_object(a));
}

void field_set_union(struct arena *a, struct json *into, const struct json *from)
{
    for (const struct json *f = json_first(from); f; f = json_next(f)) {
        struct json *have = json_getn(into, json_key(f));
        if (!have) {
            json_setn(a, into, json_key(f), json_copy(a, f));
            continue;
        }
        if (is_dot(f))
            continue;
        bool member = is_member(have) || is_member(f);
        field_set_union(a, have, f);
        if (member && json_len(have))
            put_dot(a, have);
    }
}

void field_set_subtract(struct json *from, const struct json *what)
{
    for (const struct json *w = json_first(what); w; w = json_next(w)) {
        struct json *have = json_getn(from, json_key(w));
        if (!have || is_dot(w))
            continue;
        bool member = is_member(have) && !is_member(w);
        bool leaf = !json_len(have);
        field_set_subtract(have, w);
        if (!member)
            json_remove(have, ".");
        else if (!leaf && json_len(have) == 1 && json_get(have, "."))
            json_remove(have, ".");                              /* a member with nothing below is {} */
        if (!json_len(have) && !member)
            json_removen(from, json_key(w));
    }
}

struct json *field_set_intersection(struct arena *a, const struct json *x, const struct json *y)
{
    struct json *both = json_new_object(a);
    for (const struct json *cx = json_first(x); cx; cx = json_next(cx)) {
        const struct json *cy = json_getn(y, json_key(cx));
        if (!cy || is_dot(cx))
            continue;
        bool member = is_member(cx) && is_member(cy);
        struct json *below = field_set_intersection(a, cx, cy);
        if (member && json_len(below))
            put_dot(a, below);
        if (member || json_len(below))
            json_setn(a, both, json_key(cx), below);
    }
    return both;
}

void field_set_sort(struct json *set)
{
    json_sort_keys(set);
    for (struct json *c = json_first(set); c; c = json_next(c))
        field_set_sort(c);
}

void field_set_strip(struct json *set)
{
    static const char *const unowned[] = {
        "f:name",        "f:namespace",  "f:creationTimestamp", "f:selfLink",        "f:uid",
        "f:clusterName", "f:generation", "f:managedFields",     "f:resourceVersion", "."
    };
    json_remove(set, "f:apiVersion");
    json_remove(set, "f:kind");
    struct json *meta = json_get(set, "f:metadata");
    for (size_t i = 0; meta && i < ARRAY_LEN(unowned); i++)
        json_remove(meta, unowned[i]);
    if (meta && !json_len(meta))
        json_remove(set, "f:metadata");
}

static bool has_parts(const struct place_type *p, const struct json *value)
{
    if (p->rel == REL_LEAF || !json_len(value))
        return false;
    bool list = p->rel == REL_LIST_MAP || p->rel == REL_LIST_SET;
    return json_is(value, list ? JSON_ARRAY : JSON_OBJECT);
}

static struct place_type place_of_part(const struct place_type *p, const struct json *child)
{
    return p->rel == REL_LIST_MAP || p->rel == REL_LIST_SET ? patch_place_of_item(p) : patch_place_of_child(p, json_key(child));
}

/* Members for a value and all below it. all: containers are members too (they are new); else only map entries and list
 * items are. */
static void add_parts(struct arena *a, struct json *set, const struct place_type *p, const struct json *value, bool all)
{
    for (const struct json *c = json_first(value); c; c = json_next(c)) {
        struct place_type cp = place_of_part(p, c);
        struct json *node = json_new_object(a);
        bool entry = p->rel != REL_STRUCT;
        if (has_parts(&cp, c)) {
            add_parts(a, node, &cp, c, all);
            if ((all || entry) && json_len(node))
                put_dot(a, node);
        }
        json_setn(a, set, patch_element_of(a, p, c), node);
    }
}

struct json *field_set_of_value(struct arena *a, const struct place_type *p, const struct json *value)
{
    struct json *set = json_new_object(a);
    if (has_parts(p, value))
        add_parts(a, set, p, value, false);
    field_set_strip(set);
    return set;
}

/* ---- comparison ---- */

static void compare_parts(struct arena *a, const struct place_type *p, const struct json *old, const struct json *obj,
                          struct json *changed, struct json *removed);

static struct json *everything(struct arena *a, const struct place_type *p, const struct json *value)
{
    struct json *node = json_new_object(a);
    if (has_parts(p, value)) {
        add_parts(a, node, p, value, true);
        put_dot(a, node);
    }
    return node;
}

static void compare_child(struct arena *a, const struct place_type *cp, const struct json *old, const struct json *obj,
                          struct str element, struct json *changed, struct json *removed)
{
    if (!has_parts(cp, old) && !has_parts(cp, obj)) {
        if (!json_equal(old, obj))
            json_setn(a, changed, element, json_new_object(a));
        return;
    }
    struct json *c = json_new_object(a), *r = json_new_object(a);
    compare_parts(a, cp, old, obj, c, r);
    if (json_len(c))
        json_setn(a, changed, element, c);
    if (json_len(r))
        json_setn(a, removed, element, r);
}

static bool is_zero(const struct json *v)
{
    switch (json_type(v)) {
    case JSON_NULL:   return true;
    case JSON_STRING: return !json_str(v).n;
    case JSON_INT:    return json_int(v, 1) == 0;
    case JSON_BOOL:   return !json_bool(v, true);
    case JSON_FLOAT:
    case JSON_ARRAY:
    case JSON_OBJECT:
    default:          return false;
    }
}

/* What Go has where nothing was set: nothing, unless the field is written even when empty; then its zero value. */
static const struct json *go_empty(struct arena *a, const struct place_type *cp, const struct json *now)
{
    if (!cp->field || cp->field->omitempty)
        return NULL;
    if (cp->rel == REL_LEAF)
        return is_zero(now) ? now : json_null(a);
    return json_new_object(a);
}

/* A list's items by their path elements, the first of equals; NULL for what is no list. Writing each item's element once
 * keeps the comparison of two long lists from being quadratic. Free with map_free. */
static struct map *index_items(struct arena *a, const struct place_type *p, const struct json *value)
{
    if ((p->rel != REL_LIST_MAP && p->rel != REL_LIST_SET) || !json_is(value, JSON_ARRAY))
        return NULL;
    struct map *items = map_new();
    for (struct json *c = json_first(value); c; c = json_next(c)) {
        struct str element = patch_element_of(a, p, c);
        if (!map_get(items, element))
            map_put(items, element, c);
    }
    return items;
}

static const struct json *find_child(struct arena *a, const struct place_type *p, const struct json *value,
                                     const struct map *items, struct str element)
{
    return items ? map_get(items, element) : patch_child_by_element(a, p, value, element);
}

static void compare_parts(struct arena *a, const struct place_type *p, const struct json *old, const struct json *obj,
                          struct json *changed, struct json *removed)
{
    struct map *old_items = index_items(a, p, old), *items = index_items(a, p, obj);
    for (const struct json *n = json_first(obj); n; n = json_next(n)) {
        struct str element = patch_element_of(a, p, n);
        struct place_type cp = place_of_part(p, n);
        const struct json *o = find_child(a, p, old, old_items, element);
        if (!o && p->rel == REL_STRUCT)
            o = go_empty(a, &cp, n);
        if (o)
            compare_child(a, &cp, o, n, element, changed, removed);
        else
            json_setn(a, changed, element, everything(a, &cp, n));
    }
    for (const struct json *o = json_first(old); o; o = json_next(o)) {
        struct str element = patch_element_of(a, p, o);
        struct place_type cp = place_of_part(p, o);
        if (!find_child(a, p, obj, items, element))
            json_setn(a, removed, element, everything(a, &cp, o));
    }
    map_free(old_items, NULL);
    map_free(items, NULL);
}

void field_set_compare(struct arena *a, const struct place_type *p, const struct json *old, const struct json *obj,
                       struct json *changed, struct json *removed)
{
    compare_parts(a, p, old, obj, changed, removed);
    field_set_strip(changed);
    field_set_strip(removed);
}

/* ---- in words ---- */

static void add_element(struct arena *a, struct strbuf *b, struct str element)
{
    struct str body = str_sub(element, 2, element.n);
    if (element.n && element.p[0] == 'f') {
        strbuf_addf(b, "." STR_FMT, STR_ARG(body));
    } else if (element.n && element.p[0] == 'v') {
        strbuf_addf(b, "[=" STR_FMT "]", STR_ARG(body));
    } else {
        const struct json *keys = json_parse(a, body, NULL);
        strbuf_addch(b, '[');
        for (const struct json *k = json_first(keys); k; k = json_next(k))
            strbuf_addf(b, "%s" STR_FMT "=" STR_FMT, k == json_first(keys) ? "" : ",", STR_ARG(json_key(k)),
                        STR_ARG(json_text(a, k)));
        strbuf_addch(b, ']');
    }
}

static void each_path(struct arena *a, const struct json *set, struct str path, void (*fn)(void *ctx, struct str path), void *ctx)
{
    for (const struct json *c = json_first(set); c; c = json_next(c)) {
        if (is_dot(c))
            continue;
        struct strbuf b;
        strbuf_init(&b, 64 * 1024);
        strbuf_add(&b, path);
        add_element(a, &b, json_key(c));
        struct str mine = arena_str(a, strbuf_str(&b));
        strbuf_deinit(&b);
        if (is_member(c))
            fn(ctx, mine);
        each_path(a, c, mine, fn, ctx);
    }
}

void field_set_each_path(struct arena *a, const struct json *set, void (*fn)(void *ctx, struct str path), void *ctx)
{
    each_path(a, set, STR(""), fn, ctx);
}
