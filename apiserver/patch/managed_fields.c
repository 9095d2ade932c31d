/* apiserver/patch/managed_fields.c - metadata.managedFields: who last set which field, and what an update does to that.
 *
 * Upstream: apimachinery pkg/util/managedfields (fieldManager, capManagers, buildManagerInfo) and structured-merge-diff
 * merge/update.go. An update takes what it changed from everybody else, gives it to the manager who made it, and takes
 * what it removed from all.
 */
#include "apiserver/patch/fields_priv.h"

#include <stdlib.h>

enum { UPDATERS_MAX = 10 };            /* DefaultMaxUpdateManagers: past it the oldest are merged into one */

/* Clients may send anything as fieldsV1: what is no object becomes a plain member. */
static struct json *clean(struct arena *a, const struct json *fields)
{
    struct json *set = json_new_object(a);
    for (const struct json *c = json_is(fields, JSON_OBJECT) ? json_first(fields) : NULL; c; c = json_next(c))
        json_setn(a, set, json_key(c), clean(a, c));
    return set;
}

struct managers field_managers_read(struct arena *a, const struct json *obj)
{
    struct managers m = { NULL, 0, 0 };
    for (const struct json *e = json_first(json_path(obj, "metadata.managedFields")); e; e = json_next(e)) {
        if (!json_get_str(e, "operation").n)
            continue;                                            /* [{}] asks for a reset */
        field_managers_add(a, &m,
                           (struct manager){ json_get_str(e, "manager"), json_get_str(e, "operation"),
                                             json_get_str(e, "apiVersion"), json_get_str(e, "subresource"),
                                             json_get_str(e, "time"), clean(a, json_get(e, "fieldsV1")) });
    }
    return m;
}

struct manager *field_managers_add(struct arena *a, struct managers *m, struct manager one)
{
    if (m->n == m->cap) {
        size_t cap = m->cap ? m->cap * 2 : 8;
        m->v = arena_realloc(a, m->v, m->cap * sizeof *m->v, cap * sizeof *m->v);
        m->cap = cap;
    }
    m->v[m->n] = one;
    return &m->v[m->n++];
}

/* Who applies is known by name alone, who updates by the version written too. */
struct manager *field_managers_find(struct managers *m, struct str name, const char *operation, struct str api_version,
                                    struct str subresource)
{
    for (size_t i = 0; i < m->n; i++) {
        struct manager *c = &m->v[i];
        bool apply = str_eqc(c->operation, "Apply");
        if (str_eq(c->name, name) && str_eqc(c->operation, operation) && str_eq(c->subresource, subresource) &&
            (apply || str_eq(c->api_version, api_version)))
            return c;
    }
    return NULL;
}

static int in_order(const void *x, const void *y)
{
    const struct manager *p = x, *q = y;
    int r = str_cmp(p->operation, q->operation);
    if (!r)
        r = str_cmp(p->time, q->time);                           /* RFC 3339 in UTC sorts as text */
    if (!r)
        r = str_cmp(p->name, q->name);
    if (!r)
        r = str_cmp(p->api_version, q->api_version);
    return r ? r : str_cmp(p->subresource, q->subresource);
}

static void drop_at(struct managers *m, size_t i)
{
    memmove(&m->v[i], &m->v[i + 1], (m->n - i - 1) * sizeof *m->v);
    m->n--;
}

static size_t count_updaters(const struct managers *m)
{
    size_t n = 0;
    for (size_t i = 0; i < m->n; i++)
        n += str_eqc(m->v[i].operation, "Update");
    return n;
}

/* Merge the oldest updater into the next oldest of its version, as "ancient-changes". The list is sorted. */
static bool merge_oldest(struct arena *a, struct managers *m)
{
    for (size_t i = 0; i < m->n; i++) {
        for (size_t j = i + 1; str_eqc(m->v[i].operation, "Update") && j < m->n; j++) {
            if (!str_eq(m->v[i].api_version, m->v[j].api_version))
                continue;
            field_set_union(a, m->v[j].fields, m->v[i].fields);
            m->v[j].name = STR("ancient-changes");
            m->v[j].subresource = STR_NULL;
            drop_at(m, i);
            return true;
        }
    }
    return false;
}

static struct json *entry(struct arena *a, const struct manager *c)
{
    struct json *e = json_new_object(a);
    field_set_sort(c->fields);
    json_set_str(a, e, "manager", c->name);
    json_set_str(a, e, "operation", c->operation);
    json_set_str(a, e, "apiVersion", c->api_version);
    if (c->time.n)
        json_set_str(a, e, "time", c->time);
    json_set_strc(a, e, "fieldsType", "FieldsV1");
    json_set(a, e, "fieldsV1", json_copy(a, c->fields));
    if (c->subresource.n)
        json_set_str(a, e, "subresource", c->subresource);
    return e;
}

void field_managers_write(struct arena *a, struct managers *m, struct json *obj)
{
    for (size_t i = m->n; i-- > 0;)
        if (field_set_is_empty(m->v[i].fields))
            drop_at(m, i);
    if (m->n)
        qsort(m->v, m->n, sizeof *m->v, in_order);
    while (count_updaters(m) > UPDATERS_MAX && merge_oldest(a, m)) {
    }
    struct json *meta = json_ensure(a, obj, "metadata");
    if (!m->n) {
        json_remove(meta, "managedFields");
        return;
    }
    struct json *list = json_new_array(a);
    for (size_t i = 0; i < m->n; i++)
        json_append(list, entry(a, &m->v[i]));
    json_set(a, meta, "managedFields", list);
}

/* A client that does not know managedFields must not lose them for us. */
static bool keep_old_list(struct arena *a, const struct json *old, struct json *obj)
{
    const struct json *was = json_path(old, "metadata.managedFields");
    if (json_len(json_path(obj, "metadata.managedFields")))
        return true;
    if (json_len(was))
        json_set(a, json_ensure(a, obj, "metadata"), "managedFields", json_copy(a, was));
    return json_len(was) > 0;
}

void managed_fields_update(struct arena *a, const struct schema *s, const struct gvk *gvk, const struct json *old,
                           struct json *obj, struct str manager, const char *subresource, int64_t now_ns)
{
    int minor = schema_minor(s);
    bool tracked = keep_old_list(a, old, obj);
    if (!tracked && (old || minor < 18))
        /* made before anybody kept track, or in a version that does so for applied objects alone */
        return;
    struct managers m = field_managers_read(a, obj);
    if (tracked && !m.n) {
        json_remove(json_get(obj, "metadata"), "managedFields"); /* a reset */
        return;
    }
    struct place_type p = patch_place_of_kind(s, gvk);
    struct json *changed = json_new_object(a), *removed = json_new_object(a);
    field_set_compare(a, &p, old ? old : json_new_object(a), obj, changed, removed);
    if (field_set_is_empty(changed) && field_set_is_empty(removed))
        return;
    struct str version = gvk_api_version(a, gvk->group, gvk->version), sub = minor >= 22 ? str_c(subresource) : STR_NULL;
    struct manager *self = field_managers_find(&m, manager, "Update", version, sub);
    for (size_t i = 0; i < m.n; i++) {
        field_set_subtract(m.v[i].fields, removed);
        if (&m.v[i] != self)
            field_set_subtract(m.v[i].fields, changed);
    }
    if (!field_set_is_empty(changed)) {
        if (!self)
            self = field_managers_add(
                a, &m, (struct manager){ manager, STR("Update"), version, sub, STR_NULL, json_new_object(a) });
        field_set_union(a, self->fields, changed);
        self->time = time_rfc3339(a, now_ns);
    }
    field_managers_write(a, &m, obj);
}
