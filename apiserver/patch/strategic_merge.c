/* apiserver/patch/strategic_merge.c - the merge that knows the types: lists of containers merge by name, lists of
 * arguments are replaced.
 *
 * Upstream: apimachinery pkg/util/strategicpatch/patch.go (StrategicMergeMapPatch), with the server's options: parallel
 * lists are merged and nulls without a counterpart are dropped. The directives, all inside of the patch:
 *   $patch: delete|replace in an object: empty it, or put the patch in its place; in an element of a merge list: drop
 *   the element
 *   $retainKeys: [..]               keys of this object that survive (unions such as a Deployment's strategy)
 *   $deleteFromPrimitiveList/x      values to drop from the list x
 *   $setElementOrder/x              the order the client wants for x; what only the server has is woven in by best effort
 * Order of reading: merge_object, merge_field, merge_list, weave. Simplified: a type's metadata ends at maps of objects
 * (no API type has a merge list below one).
 */
#include "apiserver/patch/patch_priv.h"

#include <stdlib.h>

#define DELETE_FROM "$deleteFromPrimitiveList"
#define SET_ORDER   "$setElementOrder"
#define RETAIN_KEYS "$retainKeys"
#define PATCH       "$patch"

enum { STRIP_MINOR = 27 };

struct merge {
    struct arena *a;
    struct err   *err;
    bool          whole;               /* what is new comes with its directives, as before v1.27 */
};
/* How a field is patched, from its declaration. */
struct how {
    const struct type *type;           /* of the object, or of the list's elements; NULL when unknown */
    const char        *merge_key;      /* "" for lists of scalars */
    bool               merge, replace;
};

static bool merge_object(struct merge *m, const struct type *t, struct json *original, struct json *patch, struct json **out);
static bool merge_list(struct merge *m, const struct how *h, struct json *original, struct json *patch, bool deletion,
                       struct json **out);

static bool fail(struct merge *m, const char *text) { return err_set(m->err, ERR_BAD_REQUEST, "%s", text); }
static bool fail_primitive_list(struct merge *m) { return fail(m, "invalid patch format of primitive list"); }
static bool fail_retain_keys(struct merge *m) { return fail(m, "invalid patch format of retainKeys"); }
static bool fail_order(struct merge *m) { return fail(m, "invalid patch format of setElementOrder list"); }

/* Errors that upstream does not classify leave the API server as 500. */
static bool fail_type(struct merge *m, const char *expected, const struct json *got)
{
    return err_set(m->err, ERR_IO, "expected a %s, but received a %s", expected, patch_go_type_name(got));
}

static bool fail_with_value(struct merge *m, const char *before, const struct json *value, const char *after)
{
    struct strbuf b;
    strbuf_init(&b, 1024);
    patch_go_print(&b, value);
    err_set(m->err, ERR_IO, "%s" STR_FMT "%s", before, STR_ARG(strbuf_str(&b)), after);
    strbuf_deinit(&b);
    return false;
}

static bool fail_no_key(struct merge *m, const struct json *map, const char *key)
{
    return fail_with_value(m, "map: ", map, arena_printf(m->a, " does not contain declared merge key: %s", key));
}

static bool fail_directive(struct merge *m, const struct json *directive, const struct json *map)
{
    return fail_with_value(m, arena_printf(m->a, "unknown patch type: " STR_FMT " in map: ", STR_ARG(json_str(directive))),
                           map, "");
}

struct json *patch_strategic(struct arena *a, int minor, const struct type *t, const struct json *original, const struct json *patch,
                             struct err *err)
{
    if (!json_is(patch, JSON_OBJECT)) {
        enum json_type k = json_type(patch);
        err_set(err, ERR_BAD_REQUEST, "json: cannot unmarshal %s into Go value of type map[string]interface {}",
                k == JSON_STRING ? "string" : k == JSON_ARRAY ? "array" : k == JSON_BOOL ? "bool" : "number");
        return NULL;
    }
    struct merge m = { a, err, minor < STRIP_MINOR };
    struct json *out;
    if (!t) {
        fail(&m, "strategic merge patch format is not supported");
        return NULL;
    }
    return merge_object(&m, t, json_copy(a, original), json_copy(a, patch), &out) ? out : NULL;
}

static struct how how_to(const struct type *t, struct str key)
{
    struct how h = { NULL, "", false, false };
    const struct field *f = t ? type_field(t, key) : NULL;
    if (!f)
        return h;
    h.type = f->kind == FIELD_MAP ? NULL : f->type;
    h.merge_key = f->patch_merge_key ? f->patch_merge_key : "";
    for (struct str rest = str_c(f->patch_strategy), s; rest.p;) {
        s = str_token(&rest, ',');
        h.merge |= str_eqc(s, "merge");
        h.replace |= str_eqc(s, "replace");
    }
    return h;
}

/* ---- directives --------------------------------------------------------------------------------------------- */

/* Take elements marked with $patch out of a value that is about to be put in as it is. False: the value itself is marked. */
static bool strip_directives(struct json *v)
{
    if (json_is(v, JSON_OBJECT) && json_get(v, PATCH))
        return false;
    if (json_is(v, JSON_OBJECT)) {
        for (struct json *c = json_first(v), *next; c; c = next) {
            next = json_next(c);
            if (!strip_directives(c))
                json_removen(v, json_key(c));
        }
    } else if (json_is(v, JSON_ARRAY)) {
        for (size_t i = 0; i < json_len(v);) {
            if (strip_directives(json_at(v, i)))
                i++;
            else
                json_remove_at(v, i);
        }
    }
    return true;
}

static void strip_nulls(struct json *v)
{
    for (struct json *c = json_first(v), *next; c; c = next) {
        next = json_next(c);
        if (json_is(v, JSON_OBJECT) && json_is(c, JSON_NULL))
            json_removen(v, json_key(c));
        else
            strip_nulls(c);
    }
}

/* Put a patch's value in whole. */
static void put(struct merge *m, struct json *original, struct str key, struct json *value)
{
    strip_nulls(value);
    if (m->whole || strip_directives(value))
        json_setn(m->a, original, key, json_copy(m->a, value));
    else
        json_removen(original, key);
}

static bool contains(const struct json *list, const struct json *value)
{
    for (const struct json *c = json_first(list); c; c = json_next(c))
        if (json_equal(c, value))
            return true;
    return false;
}

static bool contains_key(const struct json *list, struct str key)
{
    for (const struct json *c = json_first(list); c; c = json_next(c))
        if (json_is(c, JSON_STRING) && str_eq(json_str(c), key))
            return true;
    return false;
}

static bool apply_retain_keys(struct merge *m, struct json *original, struct json *patch)
{
    struct json *keep = json_remove(patch, RETAIN_KEYS);
    if (!keep)
        return true;
    if (!json_is(keep, JSON_ARRAY))
        return fail_retain_keys(m);
    for (const struct json *p = json_first(patch); p; p = json_next(p)) {
        struct str k = json_key(p);
        if (!json_is(p, JSON_NULL) && !str_starts(k, DELETE_FROM) && !str_starts(k, SET_ORDER) && !contains_key(keep, k))
            return fail_retain_keys(m);
    }
    for (struct json *c = json_first(original), *next; c; c = next) {
        next = json_next(c);
        if (!contains_key(keep, json_key(c)))
            json_removen(original, json_key(c));
    }
    return true;
}

/* ---- order of a merge list ------------------------------------------------------------------------------------ */

static const struct json *identity(const struct json *item, const char *merge_key)
{
    return *merge_key ? json_get(item, merge_key) : item;
}

static ptrdiff_t index_in(const struct nodes *order, const struct json *item, const char *merge_key)
{
    const struct json *id = identity(item, merge_key);
    for (size_t i = 0; i < order->n; i++)
        if (json_equal(identity(order->v[i], merge_key), id))
            return (ptrdiff_t)i;
    return -1;
}

/* Stable insertion sort by place in `order`; elements that have none move to the front, as Go's comparator there has it. */
static void sort_by(struct nodes *l, const struct nodes *order, const char *merge_key)
{
    ptrdiff_t *place = xcalloc(l->n + 1, sizeof *place);
    for (size_t i = 0; i < l->n; i++)
        place[i] = index_in(order, l->v[i], merge_key);
    for (size_t i = 1; i < l->n; i++) {
        for (size_t j = i; j > 0; j--) {
            bool before = place[j] < 0 || place[j - 1] < 0 || place[j] < place[j - 1];
            if (!before)
                break;
            struct json *n = l->v[j];
            ptrdiff_t p = place[j];
            l->v[j] = l->v[j - 1], place[j] = place[j - 1];
            l->v[j - 1] = n, place[j - 1] = p;
        }
    }
    free(place);
}

/* Weave what only the server has into what the patch orders: an element goes in before the first one that follows it on
 * the server. */
static struct json *weave(struct merge *m, const struct nodes *merged, const struct nodes *wanted,
                          const struct nodes *server, const char *merge_key)
{
    struct nodes patch_items = { NULL, 0, 0 }, server_only = { NULL, 0, 0 }, all = { NULL, 0, 0 };
    for (size_t i = 0; i < merged->n; i++)
        field_nodes_add(m->a, index_in(wanted, merged->v[i], merge_key) >= 0 ? &patch_items : &server_only, merged->v[i]);
    sort_by(&patch_items, wanted, merge_key);
    sort_by(&server_only, server, merge_key);
    size_t i = 0, j = 0;
    while (i < server_only.n || j < patch_items.n) {
        bool take_server = j == patch_items.n;
        if (i < server_only.n && j < patch_items.n) {
            ptrdiff_t s = index_in(server, server_only.v[i], merge_key), p = index_in(server, patch_items.v[j], merge_key);
            take_server = s >= 0 && p >= 0 && s < p;
        }
        field_nodes_add(m->a, &all, take_server ? server_only.v[i++] : patch_items.v[j++]);
    }
    return field_nodes_array(m->a, &all);
}

/* All elements are objects with the merge key, or all are scalars of one type. */
static bool check_elements(struct merge *m, const struct json *list, const char *merge_key)
{
    for (const struct json *c = json_first(list); c; c = json_next(c)) {
        if (*merge_key && !json_is(c, JSON_OBJECT))
            return fail_type(m, "map[string]interface {}", c);
        if (*merge_key && !json_get(c, merge_key))
            return fail_no_key(m, c, merge_key);
    }
    return true;
}

/* The elements that a patch brings must come in the order that it asks for. */
static bool check_order(struct merge *m, const struct json *patch, const struct json *order, const char *merge_key)
{
    if (!json_len(patch) || !json_len(order))
        return true;
    const struct json *p = json_first(patch), *o = json_first(order);
    while (p && o) {
        if (json_is(p, JSON_OBJECT) && json_get(p, PATCH)) {
            p = json_next(p);
            continue;
        }
        if (*merge_key && !json_get(p, merge_key))
            return fail_no_key(m, p, merge_key);
        if (json_equal(identity(p, merge_key), identity(o, merge_key)))
            p = json_next(p);
        o = json_next(o);
    }
    while (p && json_is(p, JSON_OBJECT) && json_get(p, PATCH))
        p = json_next(p);
    if (!p)
        return true;
    struct strbuf b;
    strbuf_init(&b, 1024);
    patch_go_print(&b, order);
    fail_with_value(m, "The order in patch list:\n", patch,
                    arena_printf(m->a, "\n doesn't match %s list:\n" STR_FMT "\n", SET_ORDER, STR_ARG(strbuf_str(&b))));
    strbuf_deinit(&b);
    return false;
}

static struct nodes borrow(struct arena *a, const struct json *list)
{
    struct nodes l = { NULL, 0, 0 };
    for (struct json *c = json_first(list); c; c = json_next(c))
        field_nodes_add(a, &l, c);
    return l;
}

static bool apply_order(struct merge *m, const struct type *t, struct json *original, struct json *patch,
                        struct json *order_field)
{
    struct str head, key;
    if (!str_cut(json_key(order_field), '/', &head, &key) || !str_eqc(head, SET_ORDER))
        return fail_order(m);
    struct json *order = json_removen(patch, json_key(order_field));
    if (!json_is(order, JSON_ARRAY))
        return fail_type(m, "[]interface {}", order);
    struct json *have = json_getn(original, key), *want = json_getn(patch, key);
    if (have && !json_is(have, JSON_ARRAY))
        return fail_type(m, "[]interface {}", have);
    if (want && !json_is(want, JSON_ARRAY))
        return fail_type(m, "[]interface {}", want);
    struct how h = how_to(t, key);
    if (!check_order(m, want, order, h.merge_key) || !check_elements(m, order, h.merge_key))
        return false;
    if (!have && !want)
        return true;
    struct nodes server = have ? field_nodes_take(m->a, json_copy(m->a, have)) : (struct nodes){ NULL, 0, 0 };
    struct json *merged = have;
    if (!have && (m->whole || strip_directives(want)))
        merged = want;
    else if (have && want && !merge_list(m, &h, have, want, false, &merged))
        return false;
    if (!check_elements(m, merged, h.merge_key))
        return false;
    struct nodes taken = field_nodes_take(m->a, merged), wanted = borrow(m->a, order);
    json_setn(m->a, original, key, weave(m, &taken, &wanted, &server, h.merge_key));
    json_removen(patch, key);
    return true;
}

static bool apply_orders(struct merge *m, const struct type *t, struct json *original, struct json *patch)
{
    for (struct json *p = json_first(patch); p;) {
        if (!str_starts(json_key(p), SET_ORDER)) {
            p = json_next(p);
            continue;
        }
        if (!apply_order(m, t, original, patch, p))
            return false;
        p = json_first(patch);                      /* both the directive and its list are gone: begin anew */
    }
    return true;
}

/* ---- objects and fields ----------------------------------------------------------------------------------------- */

static bool same_kind(const struct json *x, const struct json *y)
{
    return json_type(x) == json_type(y);
}

static bool merge_field(struct merge *m, const struct type *t, struct json *original, struct json *p)
{
    struct str key = json_key(p), head, rest;
    bool deletion = str_starts(key, DELETE_FROM);
    if (deletion) {
        if (!str_cut(key, '/', &head, &rest) || !str_eqc(head, DELETE_FROM))
            return fail_primitive_list(m);
        key = rest;
    }
    if (json_is(p, JSON_NULL)) {
        json_removen(original, key);
        return true;
    }
    struct json *o = json_getn(original, key), *out = NULL;
    if (!o || !same_kind(o, p)) {
        if (!deletion)
            put(m, original, key, p);
        return true;
    }
    struct how h = how_to(t, key);
    if (json_is(p, JSON_OBJECT) && !h.replace) {
        if (!merge_object(m, h.type, o, p, &out))
            return false;
    } else if (json_is(p, JSON_ARRAY) && (h.merge || deletion)) {
        if (!merge_list(m, &h, o, p, deletion, &out))
            return false;
    } else {
        put(m, original, key, p);
        return true;
    }
    if (out != o)
        json_setn(m->a, original, key, out);
    return true;
}

static bool merge_object(struct merge *m, const struct type *t, struct json *original, struct json *patch, struct json **out)
{
    const struct json *directive = json_get(patch, PATCH);
    if (directive) {
        if (str_eqc(json_str(directive), "replace")) {
            json_remove(patch, PATCH);
            *out = json_copy(m->a, patch);
        } else if (str_eqc(json_str(directive), "delete")) {
            *out = json_new_object(m->a);
        } else {
            return fail_directive(m, directive, patch);
        }
        return true;
    }
    if (!apply_retain_keys(m, original, patch) || !apply_orders(m, t, original, patch))
        return false;
    for (struct json *p = json_first(patch); p; p = json_next(p))
        if (!merge_field(m, t, original, p))
            return false;
    *out = original;
    return true;
}

/* ---- lists -------------------------------------------------------------------------------------------------------- */

static struct json *find_by(const struct json *list, const char *merge_key, const struct json *value)
{
    for (struct json *c = json_first(list); c; c = json_next(c))
        if (json_equal(json_get(c, merge_key), value))
            return c;
    return NULL;
}

static void drop(struct json *list, const struct json *item)
{
    for (size_t i = 0; i < json_len(list); i++) {
        if (json_at(list, i) == item) {
            json_remove_at(list, i);
            return;
        }
    }
}

/* Elements with $patch act on the list and leave the patch. *replace: the list becomes what the patch has besides. */
static bool apply_specials(struct merge *m, struct json *original, struct json *patch, const char *merge_key, bool *replace)
{
    for (struct json *p = json_first(patch), *next; p; p = next) {
        next = json_next(p);
        const struct json *directive = json_get(p, PATCH), *id = json_get(p, merge_key);
        if (!directive)
            continue;
        if (str_eqc(json_str(directive), "delete")) {
            if (!id)
                return fail_no_key(m, p, merge_key);
            for (struct json *o; (o = find_by(original, merge_key, id));)
                drop(original, o);
        } else if (str_eqc(json_str(directive), "replace")) {
            *replace = true;
        } else if (str_eqc(json_str(directive), "merge")) {
            return err_set(m->err, ERR_IO, "merging lists cannot yet be specified in the patch");
        } else {
            return fail_directive(m, directive, p);
        }
        drop(patch, p);
    }
    return true;
}

static bool merge_elements(struct merge *m, const struct how *h, struct json *original, struct json *patch)
{
    for (struct json *p = json_first(patch); p; p = json_next(p)) {
        const struct json *id = json_get(p, h->merge_key);
        if (!id)
            return fail_no_key(m, p, h->merge_key);
        struct json *o = find_by(original, h->merge_key, id), *out;
        if (!o)
            json_append(original, json_copy(m->a, p));
        else if (!merge_object(m, h->type, o, json_copy(m->a, p), &out))
            return false;
        else if (out != o)
            json_replace(original, o, out);
    }
    return true;
}

static bool check_scalars(struct merge *m, const struct json *original, const struct json *patch)
{
    const struct json *first = json_len(original) ? json_first(original) : json_first(patch);
    const struct json *lists[] = { original, patch };
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        for (const struct json *c = json_first(lists[i]); c; c = json_next(c)) {
            if (json_is(c, JSON_ARRAY))
                return patch_fail_unprocessable(m->err);       /* lists of lists are not supported */
            if (!same_kind(c, first))
                return fail_with_value(m, "list element types are not identical: [", original,
                                       arena_printf(m->a, " " STR_FMT "]", STR_ARG(json_text(m->a, patch))));
        }
    }
    return true;
}

static bool merge_scalars(struct merge *m, struct json *original, struct json *patch, bool deletion, struct json **out)
{
    struct nodes merged = { NULL, 0, 0 }, server = borrow(m->a, json_copy(m->a, original)), wanted = borrow(m->a, patch);
    struct nodes old = field_nodes_take(m->a, original);
    for (size_t i = 0; i < old.n; i++)
        if (!deletion || !contains(patch, old.v[i]))
            field_nodes_add(m->a, &merged, old.v[i]);
    if (deletion) {
        *out = field_nodes_array(m->a, &merged);
        return true;
    }
    for (const struct json *p = json_first(patch); p; p = json_next(p))
        if (index_in(&merged, p, "") < 0)
            field_nodes_add(m->a, &merged, json_copy(m->a, p));
    *out = weave(m, &merged, &wanted, &server, "");
    return true;
}

static bool merge_list(struct merge *m, const struct how *h, struct json *original, struct json *patch, bool deletion,
                       struct json **out)
{
    *out = original;
    if (!h->merge && !deletion) {
        *out = json_copy(m->a, patch);
        return true;
    }
    if (!json_len(original) && !json_len(patch))
        return true;
    if (!check_scalars(m, original, patch))
        return false;
    if (!json_is(json_len(original) ? json_first(original) : json_first(patch), JSON_OBJECT))
        return merge_scalars(m, original, patch, deletion, out);
    if (!*h->merge_key)
        return err_set(m->err, ERR_IO, "cannot merge lists without merge key for %s", h->type ? h->type->name : "");
    bool replace = false;
    if (!apply_specials(m, original, patch, h->merge_key, &replace))
        return false;
    if (replace) {
        *out = json_copy(m->a, patch);
        return true;
    }
    struct nodes server = borrow(m->a, json_copy(m->a, original)), wanted = borrow(m->a, patch);
    if (!merge_elements(m, h, original, patch) || !check_elements(m, original, h->merge_key))
        return false;
    struct nodes merged = field_nodes_take(m->a, original);
    *out = weave(m, &merged, &wanted, &server, h->merge_key);
    return true;
}
