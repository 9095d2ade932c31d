/* sim/base/json.c - JSON trees: reading, comparing and changing them.
 *
 * Models the part that k8s.io/apimachinery/pkg/apis/meta/v1/unstructured plays in Go: an object as a tree, with
 * accessors that forgive what is missing. cJSON gives the node and the linking of children; what it cannot do is made
 * up for here and in json_priv.h: exact int64 (cJSON has doubles only), case-sensitive keys, strings with NUL bytes,
 * arena memory without a global allocator.
 *
 * cJSON's list of children: next ends in NULL, but the first child's prev points to the last child, which makes appending O(1).
 *
 * Neighbours: json_parse.c (text to tree), json_write.c (tree to text), json_build.c (json_buildf), yaml.c (YAML to tree).
 */
#include "sim/base/json_priv.h"

#include <limits.h>
#include <math.h>

/* ---- nodes ---- */

struct json *json_node_new(struct arena *a, int cjson_type)
{
    struct json *j = arena_zalloc(a, sizeof *j);
    j->c.type = cjson_type;
    return j;
}

void json_node_set_key(struct arena *a, struct json *child, struct str key)
{
    ASSERT(key.n < UINT32_MAX);
    child->c.string = arena_cstr(a, key);
    child->key_len = (uint32_t)key.n;
}

void json_node_link(struct json *parent, struct json *child)
{
    ASSERT(node_is_container(parent));
    ASSERT(child && child != parent);
    ASSERT(!child->c.next && !child->c.prev);      /* a child of something else: copy or remove it first */
    cJSON *first = parent->c.child, *c = &child->c;
    if (!first) {
        parent->c.child = c->prev = c;
        return;
    }
    c->prev = first->prev;
    first->prev = first->prev->next = c;
}

static void unlink_child(struct json *parent, struct json *child)
{
    cJSON_DetachItemViaPointer(&parent->c, &child->c);
    child->c.next = child->c.prev = NULL;
}

void json_node_drop_duplicates(struct json *obj, size_t count)
{
    enum { FEW = 24 };                             /* below this, comparing all pairs is quicker than hashing */
    struct map *seen = count > FEW ? map_new() : NULL;
    struct json *next;
    for (struct json *c = node_first(obj); c; c = next) {
        next = node_next(c);
        if (seen) {
            struct json *older = map_put(seen, node_key(c), c);
            if (older)
                unlink_child(obj, older);
            continue;
        }
        for (struct json *later = next; later; later = node_next(later)) {
            if (str_eq(node_key(later), node_key(c))) {
                unlink_child(obj, c);
                break;
            }
        }
    }
    map_free(seen, NULL);
}

/* ---- read ---- */

enum json_type json_type(const struct json *j)
{
    if (!j)
        return JSON_NULL;
    switch (node_kind(j)) {
    case cJSON_True:
    case cJSON_False:  return JSON_BOOL;
    case cJSON_Number: return j->c.type & NODE_INTEGER ? JSON_INT : JSON_FLOAT;
    case cJSON_String: return JSON_STRING;
    case cJSON_Array:  return JSON_ARRAY;
    case cJSON_Object: return JSON_OBJECT;
    default:           return JSON_NULL;
    }
}

bool json_is(const struct json *j, enum json_type t)
{
    return j && json_type(j) == t;
}

struct json *json_getn(const struct json *obj, struct str key)
{
    if (!obj || node_kind(obj) != cJSON_Object)
        return NULL;
    for (const cJSON *c = obj->c.child; c; c = c->next) {
        const struct json *j = node_of(c);
        if (j->key_len == key.n && (key.n == 0 || (*c->string == *key.p && memcmp(c->string, key.p, key.n) == 0)))
            return node_of(c);
    }
    return NULL;
}

struct json *json_path(const struct json *j, const char *path)
{
    struct str rest = str_c(path);
    while (j && rest.p) {
        struct str step = str_token(&rest, '.');
        int64_t index;
        if (node_kind(j) == cJSON_Array)
            j = str_int(step, &index) && index >= 0 ? json_at(j, (size_t)index) : NULL;
        else
            j = json_getn(j, step);
    }
    return node_of(j ? &j->c : NULL);
}

struct str json_str(const struct json *j)
{
    if (!json_is(j, JSON_STRING))
        return STR_NULL;
    return (struct str){ j->c.valuestring, j->str_len };
}

struct str json_path_str(const struct json *obj, const char *path)
{
    return json_str(json_path(obj, path));
}

int64_t json_int(const struct json *j, int64_t dflt)
{
    if (!j || node_kind(j) != cJSON_Number)
        return dflt;
    if (j->c.type & NODE_INTEGER)
        return j->integer;
    double v = j->c.valuedouble;
    if (v >= -9223372036854775808.0 && v < 9223372036854775808.0 && (double)(int64_t)v >= v && (double)(int64_t)v <= v)
        return (int64_t)v;
    return dflt;
}

int64_t json_get_int(const struct json *obj, const char *key, int64_t dflt)
{
    return json_int(json_get(obj, key), dflt);
}

int64_t json_path_int(const struct json *obj, const char *path, int64_t dflt)
{
    return json_int(json_path(obj, path), dflt);
}

double json_double(const struct json *j, double dflt)
{
    return j && node_kind(j) == cJSON_Number ? j->c.valuedouble : dflt;
}

bool json_bool(const struct json *j, bool dflt)
{
    return json_is(j, JSON_BOOL) ? node_kind(j) == cJSON_True : dflt;
}

bool json_get_bool(const struct json *obj, const char *key, bool dflt)
{
    return json_bool(json_get(obj, key), dflt);
}

size_t json_len(const struct json *j)
{
    return node_is_container(j) ? (size_t)cJSON_GetArraySize(&j->c) : 0;
}

struct json *json_at(const struct json *arr, size_t i)
{
    if (!json_is(arr, JSON_ARRAY) || i > INT_MAX)
        return NULL;
    return node_of(cJSON_GetArrayItem(&arr->c, (int)i));
}

struct json *json_first(const struct json *j)
{
    return node_is_container(j) ? node_of(j->c.child) : NULL;
}

struct json *json_next(const struct json *child)
{
    return child ? node_of(child->c.next) : NULL;
}

struct str json_key(const struct json *child)
{
    return child && child->c.string ? node_key(child) : STR_NULL;
}

static bool equal_children(const struct json *a, const struct json *b)
{
    if (json_len(a) != json_len(b))
        return false;
    bool object = node_kind(a) == cJSON_Object;
    const struct json *cb = json_first(b);
    for (const struct json *ca = json_first(a); ca; ca = json_next(ca), cb = json_next(cb)) {
        const struct json *other = cb;             /* usually the keys come in the same order, and no search is needed */
        if (object && !str_eq(node_key(ca), node_key(cb)))
            other = json_getn(b, node_key(ca));
        if (!other || !json_equal(ca, other))
            return false;
    }
    return true;
}

static bool same_double(const struct json *a, const struct json *b)
{
    return a->c.valuedouble >= b->c.valuedouble && a->c.valuedouble <= b->c.valuedouble;
}

bool json_equal(const struct json *a, const struct json *b)
{
    enum json_type ta = json_type(a), tb = json_type(b);
    bool numbers = (ta == JSON_INT || ta == JSON_FLOAT) && (tb == JSON_INT || tb == JSON_FLOAT);
    if (ta != tb && !numbers)
        return false;
    switch (ta) {
    case JSON_BOOL:   return node_kind(a) == node_kind(b);
    case JSON_INT:
        if (tb == JSON_INT)
            return a->integer == b->integer;
        return same_double(a, b);
    case JSON_FLOAT:  return same_double(a, b);
    case JSON_STRING: return str_eq(json_str(a), json_str(b));
    case JSON_ARRAY:
    case JSON_OBJECT: return equal_children(a, b);
    case JSON_NULL:   break;
    }
    return true;
}

/* ---- make ---- */

struct json *json_null(struct arena *a)
{
    return json_node_new(a, cJSON_NULL);
}

struct json *json_new_bool(struct arena *a, bool v)
{
    return json_node_new(a, v ? cJSON_True : cJSON_False);
}

struct json *json_new_int(struct arena *a, int64_t v)
{
    struct json *j = json_node_new(a, cJSON_Number | NODE_INTEGER);
    j->integer = v;
    j->c.valuedouble = (double)v;
    return j;
}

struct json *json_new_double(struct arena *a, double v)
{
    ASSERT(isfinite(v));                           /* JSON has no notation for the others */
    struct json *j = json_node_new(a, cJSON_Number);
    j->c.valuedouble = v;
    return j;
}

struct json *json_new_str(struct arena *a, struct str s)
{
    ASSERT(s.n < UINT32_MAX);
    struct json *j = json_node_new(a, cJSON_String);
    j->c.valuestring = arena_cstr(a, s);
    j->str_len = (uint32_t)s.n;
    return j;
}

struct json *json_new_strc(struct arena *a, const char *s)
{
    return json_new_str(a, str_c(s));
}

struct json *json_new_array(struct arena *a)
{
    return json_node_new(a, cJSON_Array);
}

struct json *json_new_object(struct arena *a)
{
    return json_node_new(a, cJSON_Object);
}

struct json *json_copy(struct arena *a, const struct json *j)
{
    if (!j)
        return NULL;
    struct json *copy = json_node_new(a, j->c.type);
    copy->integer = j->integer;
    copy->c.valuedouble = j->c.valuedouble;
    if (j->c.valuestring) {
        copy->c.valuestring = arena_cstr(a, json_str(j));
        copy->str_len = j->str_len;
    }
    for (const struct json *c = node_first(j); c; c = node_next(c)) {
        struct json *child = json_copy(a, c);
        if (c->c.string)
            json_node_set_key(a, child, node_key(c));
        json_node_link(copy, child);
    }
    return copy;
}

/* ---- change ---- */

void json_replace(struct json *parent, struct json *old_child, struct json *new_child)
{
    ASSERT(node_is_container(parent));
    ASSERT(old_child && new_child);
    if (old_child == new_child)
        return;
    ASSERT(!new_child->c.next && !new_child->c.prev);
    new_child->c.string = old_child->c.string;
    new_child->key_len = old_child->key_len;
    cJSON *o = &old_child->c, *n = &new_child->c;  /* cJSON_ReplaceItemViaPointer would free the old one */
    bool only = parent->c.child == o && !o->next;
    n->next = o->next;
    n->prev = only ? n : o->prev;
    if (n->next)
        n->next->prev = n;
    else
        parent->c.child->prev = n;                 /* it is the last now */
    if (parent->c.child == o)
        parent->c.child = n;
    else
        n->prev->next = n;
    o->next = o->prev = NULL;
}

void json_setn(struct arena *a, struct json *obj, struct str key, struct json *val)
{
    ASSERT(json_is(obj, JSON_OBJECT));
    ASSERT(val);
    struct json *old = json_getn(obj, key);
    if (old) {
        json_replace(obj, old, val);
        return;
    }
    json_node_set_key(a, val, key);
    json_node_link(obj, val);
}

void json_set_str(struct arena *a, struct json *obj, const char *key, struct str s)
{
    json_set(a, obj, key, json_new_str(a, s));
}

void json_set_strc(struct arena *a, struct json *obj, const char *key, const char *s)
{
    json_set(a, obj, key, json_new_strc(a, s));
}

void json_set_int(struct arena *a, struct json *obj, const char *key, int64_t v)
{
    json_set(a, obj, key, json_new_int(a, v));
}

void json_set_bool(struct arena *a, struct json *obj, const char *key, bool v)
{
    json_set(a, obj, key, json_new_bool(a, v));
}

static struct json *ensure(struct arena *a, struct json *obj, const char *key, enum json_type type)
{
    struct json *child = json_get(obj, key);
    if (child && json_type(child) != JSON_NULL)
        return child;
    child = json_node_new(a, type == JSON_ARRAY ? cJSON_Array : cJSON_Object);
    json_set(a, obj, key, child);
    return child;
}

struct json *json_ensure(struct arena *a, struct json *obj, const char *key)
{
    return ensure(a, obj, key, JSON_OBJECT);
}

struct json *json_ensure_array(struct arena *a, struct json *obj, const char *key)
{
    return ensure(a, obj, key, JSON_ARRAY);
}

struct json *json_removen(struct json *obj, struct str key)
{
    struct json *child = json_getn(obj, key);
    if (child)
        unlink_child(obj, child);
    return child;
}

void json_append(struct json *arr, struct json *val)
{
    ASSERT(json_is(arr, JSON_ARRAY));
    ASSERT(val);
    val->c.string = NULL;                          /* it may have been a field before */
    val->key_len = 0;
    json_node_link(arr, val);
}

void json_insert(struct json *arr, size_t i, struct json *val)
{
    struct json *after = json_at(arr, i);
    if (!after) {
        ASSERT(i == json_len(arr));
        json_append(arr, val);
        return;
    }
    ASSERT(val && !val->c.next && !val->c.prev);
    val->c.string = NULL;
    val->key_len = 0;
    cJSON *a = &after->c, *v = &val->c;            /* by hand: cJSON_InsertItemInArray would walk the list once more */
    v->next = a;
    v->prev = a->prev;
    a->prev = v;
    if (arr->c.child == a)
        arr->c.child = v;
    else
        v->prev->next = v;
}

struct json *json_remove_at(struct json *arr, size_t i)
{
    struct json *child = json_at(arr, i);
    if (child)
        unlink_child(arr, child);
    return child;
}

/* Merge sort on the singly linked `next` chain: stable, no memory, no recursion deeper than log n. */
static cJSON *sort_chain(cJSON *head)
{
    if (!head || !head->next)
        return head;
    cJSON *slow = head, *fast = head->next;
    while (fast && fast->next) {
        slow = slow->next;
        fast = fast->next->next;
    }
    cJSON *right = sort_chain(slow->next);
    slow->next = NULL;
    cJSON *left = sort_chain(head), *sorted = NULL, **tail = &sorted;
    while (left && right) {
        cJSON **smaller = str_cmp(node_key(node_of(left)), node_key(node_of(right))) <= 0 ? &left : &right;
        *tail = *smaller;
        tail = &(*tail)->next;
        *smaller = *tail;
    }
    *tail = left ? left : right;
    return sorted;
}

void json_sort_keys(struct json *obj)
{
    ASSERT(json_is(obj, JSON_OBJECT));
    cJSON *first = sort_chain(obj->c.child), *prev = NULL;
    obj->c.child = first;
    for (cJSON *c = first; c; prev = c, c = c->next)
        c->prev = prev;
    if (first)
        first->prev = prev;
}
