/* apiserver/openapi/openapi_priv.h - one reading of types and resources, for the three encodings of the document. */
#ifndef APISERVER_OPENAPI_OPENAPI_PRIV_H
#define APISERVER_OPENAPI_OPENAPI_PRIV_H

#include "apiserver/openapi/openapi.h"

/* What a value looks like: a reference to a definition, or a type with a format. */
struct shape {
    const char *ref;                   /* name of the definition, or NULL */
    const char *type, *format;         /* else; format may be NULL */
};
/* A property; the element's shape is of a list's items or of a map's values. */
struct property {
    struct shape        self, elem;
    bool                list, map, list_of_strings;  /* list_of_strings: the values of a map of lists */
    const struct field *field;
};
struct property property_of(const struct schema *s, const struct field *f);
/* of a type that is a scalar on the wire, or that has no fields */
struct shape scalar_shape(const struct type *t);
/* x-kubernetes-* of a property: name and, as JSON, the value. Returns how many. */
enum { EXTENSIONS_MAX = 4 };
struct extension { const char *name; struct str json; };
size_t property_extensions(struct arena *a, const struct field *f, struct extension v[EXTENSIONS_MAX]);
/* [{"group":"apps","version":"v1","kind":"Deployment"}] of every kind that is this type; empty when there is none. */
struct str type_gvks(const struct schema *s, struct arena *a, const struct type *t);

/* A path of the API and what can be done there. */
struct operation {
    const char *method;                /* "get", "post", "put", "patch", "delete" */
    /* x-kubernetes-action: "get", "list", "post", "put", "patch", "delete", "deletecollection" */
    const char *action;
    bool        writes, body;
};
struct path {
    const struct openapi_resource *r;
    struct str       path;
    bool             by_name, by_namespace;          /* has {name}, {namespace} */
    const struct type *type;           /* of its kind; NULL when the schema does not have it */
    struct str       gvk_json;         /* {"group":..,"version":..,"kind":..} */
    struct operation ops[5];
    size_t           count;
};
void paths_each(const struct schema *s, struct arena *a, const struct openapi_resource *r, size_t n,
                void (*fn)(void *ctx, const struct path *p), void *ctx);
/* Parameters of the query, in the order shown. */
struct query_parameter { const char *name, *type, *help; };
size_t operation_parameters(const struct operation *op, bool field_validation, const struct query_parameter *v[5]);
extern const char *const patch_media_types[];
extern const size_t patch_media_types_count;
const char *operation_id(struct arena *a, const struct path *p, const struct operation *op);
struct str group_version_path(struct arena *a, const char *group, const char *version);    /* "api/v1", "apis/apps/v1" */

#endif
