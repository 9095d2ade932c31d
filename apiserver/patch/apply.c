/* apiserver/patch/apply.c - server-side apply: "these fields shall be so, and they are mine".
 *
 * Upstream: structured-merge-diff merge/update.go (Updater.Apply) under apimachinery pkg/util/managedfields. Steps:
 * merge what is applied into the live object; take out what this manager applied last time, does not name now, and
 * nobody else owns; see what that changes; whoever else owns a changed field is a conflict, or loses it when forced;
 * write down who owns what. Simplified: managers who wrote another version of the type are compared by path, without
 * converting.
 */
#include "apiserver/patch/fields_priv.h"

struct apply {
    struct arena     *a;
    struct place_type p;
    struct managers   managers;
    struct str        manager, api_version;
};

/* ---- merge ---- */

static void merge_value(struct arena *a, const struct place_type *p, struct json *live, const struct json *applied);

static bool both_have_parts(const struct place_type *p, const struct json *x, const struct json *y)
{
    bool list = p->rel == REL_LIST_MAP || p->rel == REL_LIST_SET;
    enum json_type t = list ? JSON_ARRAY : JSON_OBJECT;
    return p->rel != REL_LEAF && json_is(x, t) && json_is(y, t);
}

static void merge_items(struct arena *a, const struct place_type *p, struct json *live, const struct json *applied)
{
    struct place_type item = patch_place_of_item(p);
    for (const struct json *c = json_first(applied); c; c = json_next(c)) {
        struct json *have = patch_child_by_element(a, p, live, patch_element_of(a, p, c));
        if (!have)
            json_append(live, json_copy(a, c));
        else if (both_have_parts(&item, have, c))
            merge_value(a, &item, have, c);
        else
            json_replace(live, have, json_copy(a, c));
    }
}

static void merge_value(struct arena *a, const struct place_type *p, struct json *live, const struct json *applied)
{
    if (json_is(live, JSON_ARRAY)) {
        merge_items(a, p, live, applied);
        return;
    }
    for (const struct json *c = json_first(applied); c; c = json_next(c)) {
        struct place_type cp = patch_place_of_child(p, json_key(c));
        struct json *have = json_getn(live, json_key(c));
        if (have && both_have_parts(&cp, have, c))
            merge_value(a, &cp, have, c);
        else
            json_setn(a, live, json_key(c), json_copy(a, c));
    }
}

/* ---- prune ---- */

static void take_out(struct json *holder, const struct json *child)
{
    if (json_is(holder, JSON_OBJECT)) {
        json_removen(holder, json_key(child));
        return;
    }
    for (size_t i = 0; i < json_len(holder); i++) {
        if (json_at(holder, i) == child) {
            json_remove_at(holder, i);
            return;
        }
    }
}

/* Take out of value what is in `last` and not, in whole or in part, in `keep`. */
static void prune(struct arena *a, const struct place_type *p, struct json *value, const struct json *last,
                  const struct json *keep)
{
    for (const struct json *l = json_first(last); l; l = json_next(l)) {
        struct str element = json_key(l);
        struct json *child = str_eqc(element, ".") ? NULL : patch_child_by_element(a, p, value, element);
        const struct json *kept = json_getn(keep, element);
        if (!child)
            continue;
        if (!kept) {
            take_out(value, child);
            continue;
        }
        struct place_type cp = str_starts(element, "f:") ? patch_place_of_child(p, json_key(child)) : patch_place_of_item(p);
        if (both_have_parts(&cp, child, child))
            prune(a, &cp, child, l, kept);
    }
}

/* ---- conflicts ---- */

struct conflicts {
    struct arena *a;
    struct strbuf message;             /* "conflicts with "x" using v1:\n- .a\n- .b" */
    struct json  *causes;
    struct str    who, first_path;
    size_t        n;
};

static struct str print_manager(struct arena *a, const struct manager *m)
{
    struct strbuf b;
    strbuf_init(&b, 4096);
    json_write_string(&b, m->name);
    if (m->subresource.n) {
        strbuf_addc(&b, " with subresource ");
        json_write_string(&b, m->subresource);
    }
    if (str_eqc(m->operation, "Update"))
        strbuf_addf(&b, " using " STR_FMT, STR_ARG(m->api_version));
    struct str text = arena_str(a, strbuf_str(&b));
    strbuf_deinit(&b);
    return text;
}

static void add_conflict(void *ctx, struct str path)
{
    struct conflicts *c = ctx;
    if (!c->n++)
        c->first_path = path;
    strbuf_addf(&c->message, "\n- " STR_FMT, STR_ARG(path));
    struct str what = arena_strf(c->a, "conflict with " STR_FMT, STR_ARG(c->who));
    json_append(c->causes, json_buildf(c->a, "{'reason':'FieldManagerConflict','message':%S,'field':%S}", what, path));
}

/* Managers other than the one who applies, who own something of `changed`. */
static bool check_conflicts(struct apply *ap, const struct json *changed, struct err *err)
{
    struct conflicts c = { ap->a, { 0 }, json_new_array(ap->a), STR_NULL, STR_NULL, 0 };
    struct str first_who = STR_NULL;
    strbuf_init(&c.message, LIMIT_BODY_BYTES);
    for (size_t i = 0; i < ap->managers.n; i++) {
        struct manager *m = &ap->managers.v[i];
        struct json *theirs = field_set_intersection(ap->a, m->fields, changed);
        if ((str_eqc(m->operation, "Apply") && str_eq(m->name, ap->manager)) || field_set_is_empty(theirs))
            continue;
        field_set_sort(theirs);
        c.who = print_manager(ap->a, m);
        if (!c.n)
            first_who = c.who;
        strbuf_addf(&c.message, "%sconflicts with " STR_FMT ":", c.message.n ? "\n" : "", STR_ARG(c.who));
        field_set_each_path(ap->a, theirs, add_conflict, &c);
    }
    if (c.n == 1)
        err_set(err, ERR_CONFLICT, "Apply failed with 1 conflict: conflict with " STR_FMT ": " STR_FMT, STR_ARG(first_who),
                STR_ARG(c.first_path));
    else if (c.n)
        err_set(err, ERR_CONFLICT, "Apply failed with %zu conflicts: " STR_FMT, c.n, STR_ARG(strbuf_str(&c.message)));
    if (c.n && err)
        err_details(err, arena_cstr(ap->a, json_text(ap->a, json_buildf(ap->a, "{'causes':%j}", c.causes))));
    strbuf_deinit(&c.message);
    return c.n == 0;
}

/* ---- apply ---- */

static struct json *without_managed_fields(struct arena *a, const struct json *obj)
{
    struct json *copy = obj ? json_copy(a, obj) : json_new_object(a);
    json_remove(json_get(copy, "metadata"), "managedFields");
    return copy;
}

/* An object that nobody tracked belongs to whoever was before the first apply. */
static void track_from_now(struct apply *ap, const struct json *live, int64_t now_ns)
{
    struct json *changed = json_new_object(ap->a), *removed = json_new_object(ap->a);
    field_set_compare(ap->a, &ap->p, json_new_object(ap->a), live, changed, removed);
    field_managers_add(ap->a, &ap->managers,
                       (struct manager){ STR("before-first-apply"), STR("Update"), ap->api_version, STR_NULL,
                                         time_rfc3339(ap->a, now_ns), changed });
}

/* Everything that must stay: what is applied now, and what others own. */
static struct json *fields_to_keep(struct apply *ap, const struct manager *self, const struct json *applied_set)
{
    struct json *keep = json_copy(ap->a, applied_set);
    for (size_t i = 0; i < ap->managers.n; i++)
        if (&ap->managers.v[i] != self)
            field_set_union(ap->a, keep, ap->managers.v[i].fields);
    return keep;
}

static void hand_over(struct apply *ap, struct manager *self, struct json *applied_set, const struct json *changed,
                      const struct json *removed, int64_t now_ns)
{
    for (size_t i = 0; i < ap->managers.n; i++) {
        if (&ap->managers.v[i] == self)
            continue;
        field_set_subtract(ap->managers.v[i].fields, changed);
        field_set_subtract(ap->managers.v[i].fields, removed);
    }
    if (!self)
        self = field_managers_add(ap->a, &ap->managers,
                                  (struct manager){ ap->manager, STR("Apply"), ap->api_version, STR_NULL, STR_NULL, NULL });
    self->fields = applied_set;
    self->api_version = ap->api_version;
    self->time = time_rfc3339(ap->a, now_ns);
}

struct json *patch_apply(struct arena *a, const struct schema *s, const struct gvk *gvk, const struct json *live,
                         const struct json *applied, struct str manager, bool force, int64_t now_ns, struct err *err)
{
    if (!json_is(applied, JSON_OBJECT) || json_type(json_path(applied, "metadata.managedFields")) != JSON_NULL) {
        err_set(err, ERR_BAD_REQUEST, "metadata.managedFields must be nil");
        return NULL;
    }
    struct apply ap = { a, patch_place_of_kind(s, gvk), field_managers_read(a, live), manager,
                        gvk_api_version(a, gvk->group, gvk->version) };
    struct json *was = without_managed_fields(a, live), *merged = json_copy(a, was), *now = without_managed_fields(a, applied);
    if (live && !ap.managers.n)
        track_from_now(&ap, was, now_ns);
    struct manager *self = field_managers_find(&ap.managers, manager, "Apply", ap.api_version, STR_NULL);
    struct json *applied_set = field_set_of_value(a, &ap.p, now);
    merge_value(a, &ap.p, merged, now);
    if (self)
        prune(a, &ap.p, merged, self->fields, fields_to_keep(&ap, self, applied_set));
    struct json *changed = json_new_object(a), *removed = json_new_object(a);
    field_set_compare(a, &ap.p, was, merged, changed, removed);
    if (!force && !check_conflicts(&ap, changed, err))
        return NULL;
    if (live && self && field_set_is_empty(changed) && field_set_is_empty(removed) && json_equal(self->fields, applied_set))
        return json_copy(a, live);                               /* nothing new: not even the time changes */
    hand_over(&ap, self, applied_set, changed, removed, now_ns);
    field_managers_write(a, &ap.managers, merged);
    return merged;
}
