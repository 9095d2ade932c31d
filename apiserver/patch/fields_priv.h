/* apiserver/patch/fields_priv.h - sets of fields, and the managers that own them: what server-side apply and updates share. */
#ifndef APISERVER_PATCH_FIELDS_PRIV_H
#define APISERVER_PATCH_FIELDS_PRIV_H

#include "apiserver/patch/patch_priv.h"

/* How a value is made of parts that can be owned singly. */
enum relation {
    REL_LEAF,                          /* a scalar, or something that changes hands as a whole */
    REL_STRUCT,                        /* fields of ->type */
    REL_MAP,                           /* keys; each value is ->elem */
    REL_LIST_MAP,                      /* items known by the keys of ->field */
    REL_LIST_SET,                      /* items known by their value */
    REL_ANY,                           /* no type: objects are maps, the rest leaves */
};
struct place_type {
    enum relation       rel;
    const struct type  *type;
    const struct field *field;
    int                 minor;
};
struct place_type patch_place_of_kind(const struct schema *s, const struct gvk *gvk);
struct place_type patch_place_of_child(const struct place_type *p, struct str name);   /* of a struct's field, a map's value */
struct place_type patch_place_of_item(const struct place_type *p);                     /* of a list's items */
/* The path element of a child in fieldsV1's notation: f:name, k:{"name":"x"}, v:"x". */
struct str patch_element_of(struct arena *a, const struct place_type *p, const struct json *child);
struct json *patch_child_by_element(struct arena *a, const struct place_type *p, const struct json *value, struct str element);

/* A set is a JSON object in fieldsV1's own form: {} is a member without members below, "." marks a member with some.
 * The root is no member. */
void field_set_union(struct arena *a, struct json *into, const struct json *from);
void field_set_subtract(struct json *from, const struct json *what);                   /* exactly the members of what */
struct json *field_set_intersection(struct arena *a, const struct json *x, const struct json *y);
bool field_set_is_empty(const struct json *set);
void field_set_sort(struct json *set);
/* what somebody says who applies value */
struct json *field_set_of_value(struct arena *a, const struct place_type *p, const struct json *value);
/* What changed from old to new: members added or modified, and members removed. */
void field_set_compare(struct arena *a, const struct place_type *p, const struct json *old, const struct json *obj,
                       struct json *changed, struct json *removed);
void field_set_strip(struct json *set);                                                /* fields of metadata that nobody owns */
/* Each member's path in words: .spec.containers[name="c"].image */
void field_set_each_path(struct arena *a, const struct json *set, void (*fn)(void *ctx, struct str path), void *ctx);

struct manager {
    struct str   name, operation, api_version, subresource, time;
    struct json *fields;
};
struct managers {
    struct manager *v;
    size_t          n, cap;
};
struct managers field_managers_read(struct arena *a, const struct json *obj);          /* of metadata.managedFields */
struct manager *field_managers_find(struct managers *m, struct str name, const char *operation, struct str api_version,
                                    struct str subresource);
struct manager *field_managers_add(struct arena *a, struct managers *m, struct manager one);
void field_managers_write(struct arena *a, struct managers *m, struct json *obj);      /* drops the empty, sorts, caps */

#endif
