/* apiserver/registry/read.c - from the store's text to what a reader of one API version is shown; selectors.
 *
 * Stored text begins with a fixed head ({"kind":..,"apiVersion":..,), so that a list item is the text without its head and
 * another version of the same shape is the text with another head: nothing is parsed. Only versions that differ in shape, and
 * connections on a shifted clock, cost a tree. Upstream: apiserver pkg/storage/selection_predicate.go; kubernetes
 * pkg/apis/core/v1/conversion.go (field labels).
 */
#include "apiserver/registry/registry.h"


struct str registry_key(struct arena *a, struct str group, struct str resource, struct str ns, struct str name)
{
    if (!group.n) group = STR("core");
    if (!ns.n) ns = STR("-");
    return arena_strf(a, "/registry/" STR_FMT "/" STR_FMT "/" STR_FMT "/" STR_FMT, STR_ARG(group), STR_ARG(resource), STR_ARG(ns),
                      STR_ARG(name));
}

struct str resource_prefix(struct arena *a, const struct resource *res, struct str ns)
{
    struct str group = res->stored.group.n ? res->stored.group : STR("core");
    if (!res->namespaced || !ns.n) return arena_strf(a, "/registry/" STR_FMT "/" STR_FMT "/", STR_ARG(group), STR_ARG(res->name));
    return arena_strf(a, "/registry/" STR_FMT "/" STR_FMT "/" STR_FMT "/", STR_ARG(group), STR_ARG(res->name), STR_ARG(ns));
}

struct object *registry_get(struct apiserver *as, struct str group, struct str resource, struct str ns, struct str name)
{
    struct arena *a = arena_new();
    struct object *o = store_get(as->store, registry_key(a, group, resource, ns, name));
    arena_free(a);
    return o;
}

/* ---- presentation ---- */
static void shift_time(struct arena *a, struct json *parent, struct json *node, enum field_kind kind, int64_t shift_s)
{
    int64_t ns;
    if (!json_is(node, JSON_STRING) || !time_parse_rfc3339(json_str(node), &ns)) return;
    ns += shift_s * (int64_t)NS_PER_S;
    struct str text = kind == FIELD_TIME ? time_rfc3339(a, ns) : time_rfc3339_micro(a, ns);
    json_replace(parent, node, json_new_str(a, text));
}

static void shift_fields(struct arena *a, const struct type *t, struct json *obj, int64_t shift_s);

static void shift_elems(struct arena *a, const struct field *f, struct json *coll, int64_t shift_s)
{
    for (struct json *c = json_first(coll), *next; c; c = next) {
        next = json_next(c);
        if (f->elem == FIELD_OBJECT) shift_fields(a, f->type, c, shift_s);
        else shift_time(a, coll, c, f->elem, shift_s);
    }
}

static void shift_fields(struct arena *a, const struct type *t, struct json *obj, int64_t shift_s)
{
    if (!t || !json_is(obj, JSON_OBJECT)) return;
    for (size_t i = 0; i < t->count; i++) {
        const struct field *f = &t->fields[i];
        struct json *v = json_get(obj, f->name);
        if (!v) continue;
        bool timed = f->kind == FIELD_TIME || f->kind == FIELD_MICROTIME, elems = f->kind == FIELD_LIST || f->kind == FIELD_MAP;
        if (timed) shift_time(a, obj, v, f->kind, shift_s);
        else if (f->kind == FIELD_OBJECT) shift_fields(a, f->type, v, shift_s);
        else if (elems && (f->elem == FIELD_OBJECT || f->elem == FIELD_TIME || f->elem == FIELD_MICROTIME))
            shift_elems(a, f, v, shift_s);
    }
}

void times_shift(struct apiserver *as, struct arena *a, const struct gvk *gvk, struct json *obj, int64_t shift_s)
{
    if (shift_s) shift_fields(a, schema_kind(as->schema, gvk->group, gvk->version, gvk->kind), obj, shift_s);
}

struct str convert_target(struct arena *a, const struct gvk *from, const struct gvk *to)
{
    return str_eq(from->group, to->group) ? to->version : arena_strf(a, STR_FMT "/" STR_FMT, STR_ARG(to->group), STR_ARG(to->version));
}

struct json *present_json(struct apiserver *as, struct arena *a, const struct resource *res, struct object *o)
{
    struct json *j = json_copy(a, object_json(o));
    const struct gvk *k = &res->main->kind;
    if (!str_eq(k->version, res->stored.version) || !str_eq(k->group, res->stored.group)) {
        struct err err = { 0 };
        if (!schema_convert(as->schema, a, j, &res->stored, convert_target(a, &res->stored, k), &err))
            log_msg(LOG_WARN, "apiserver", "conversion: %s", err.msg);
        err_clear(&err);
    }
    return j;
}

struct str present(struct apiserver *as, struct arena *a, const struct resource *res, struct object *o, int64_t shift_s)
{
    bool headed = o->bytes.n > res->stored_head.n && !memcmp(o->bytes.p, res->stored_head.p, res->stored_head.n);
    if (res->same_shape && !shift_s && headed) {
        if (str_eq(res->head, res->stored_head)) return o->bytes;
        return arena_strf(a, STR_FMT STR_FMT, STR_ARG(res->head), STR_ARG(str_sub(o->bytes, res->stored_head.n, o->bytes.n)));
    }
    struct json *j = present_json(as, a, res, o);
    times_shift(as, a, &res->main->kind, j, shift_s);
    return json_text(a, j);
}

struct str present_item(struct apiserver *as, struct arena *a, const struct resource *res, struct object *o, int64_t shift_s)
{
    struct str text = present(as, a, res, o, shift_s);
    if (res->list_kind.n) return text;           /* items of unstructured lists say what they are */
    if (text.n <= res->head.n || memcmp(text.p, res->head.p, res->head.n)) return text;
    return arena_strf(a, "{" STR_FMT, STR_ARG(str_sub(text, res->head.n, text.n)));
}

/* ---- selectors ---- */
/* The path that a field label selects, or NULL. Strategies list "label" or "label=path". */
static const char *label_path(struct arena *a, const struct resource *res, struct str label)
{
    if (str_eqc(label, "metadata.name") || str_eqc(label, "metadata.namespace")) return arena_cstr(a, label);
    struct str list = str_c(res->strategy->fields);
    while (list.p && list.n) {
        struct str item = str_token(&list, ','), name, path;
        if (!str_cut(item, '=', &name, &path)) path = name;
        if (str_eq(name, label)) return arena_cstr(a, path);
    }
    return NULL;
}

static bool bad_label(const struct resource *res, struct str label, struct err *err)
{
    const char *fmt = res->strategy->bad_label, *at = fmt ? strstr(fmt, "%s") : NULL;
    if (!fmt)
        return err_set(err, ERR_BAD_REQUEST,
                       "\"" STR_FMT "\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\"",
                       STR_ARG(label));
    if (!at) return err_set(err, ERR_BAD_REQUEST, "%s", fmt);
    return err_set(err, ERR_BAD_REQUEST, "%.*s" STR_FMT "%s", (int)(at - fmt), fmt, STR_ARG(label), at + 2);
}

bool filter_parse(struct arena *a, const struct resource *res, struct str labels, struct str fields, struct filter *out,
                  struct err *err)
{
    *out = (struct filter){ .res = res };
    if (labels.n && !(out->labels = selector_parse(a, labels, err))) return false;
    if (fields.n && !field_selector_parse(a, fields, &out->fields, err)) return false;
    for (size_t i = 0; i < out->fields.n; i++) {
        const char *path = label_path(a, res, out->fields.v[i].key);
        if (!path) return bad_label(res, out->fields.v[i].key, err);
        out->fields.v[i].key = str_c(path);
    }
    return true;
}

bool filter_empty(const struct filter *f) { return !f->labels && !f->fields.n; }

/* A node's value as the field set has it: booleans and numbers as text, absent as empty (false for booleans that default to it). */
static struct str field_text(struct arena *a, const struct json *obj, const char *path)
{
    const struct json *v = json_path(obj, path);
    if (!v && str_ends(str_c(path), "unschedulable")) return STR("false");
    if (!v && str_ends(str_c(path), "replicas")) return STR("0");
    if (!v || json_is(v, JSON_STRING)) return json_str(v);
    return json_text(a, v);
}

static bool fields_match(const struct filter *f, const struct json *obj)
{
    struct arena *a = arena_new();
    bool ok = true;
    for (size_t i = 0; ok && i < f->fields.n; i++) {
        const struct field_term *t = &f->fields.v[i];
        struct str path = str_trim(t->key), first, second;
        struct str v = STR_NULL;
        /* "a|b": the first that is there, as for an Event's source, which is its component or the reporting one. */
        str_cut(path, '|', &first, &second);
        v = field_text(a, obj, arena_cstr(a, first));
        if (!v.n && second.n) v = field_text(a, obj, arena_cstr(a, second));
        ok = str_eq(v, t->value) != t->not_equal;
    }
    arena_free(a);
    return ok;
}

bool filter_matches(const struct filter *f, struct object *o)
{
    if (filter_empty(f)) return true;
    const struct json *obj = object_json(o);
    if (f->labels && !selector_matches(f->labels, meta_labels(obj))) return false;
    return !f->fields.n || fields_match(f, obj);
}
