/* apiserver/schema/schema.h - one description of each type (design.md, rule 3), and everything that is read from it.
 *
 * A field is declared once, as data (apiserver/schema/types/): name, type, element, default, bounds, enum, merge key, list type,
 * since/until version, Go's field name and order. From it come decoding (pruning, type errors in Go's words,
 * canonical order), defaulting, validation, strategic merge, server-side apply, OpenAPI v2 and v3 and explain. A schema is the
 * view of one server version.
 */
#ifndef APISERVER_SCHEMA_SCHEMA_H
#define APISERVER_SCHEMA_SCHEMA_H

#include "sim/api/api.h"

enum field_kind { FIELD_STRING, FIELD_BOOL, FIELD_INT32, FIELD_INT64, FIELD_DOUBLE, FIELD_BYTES, FIELD_TIME, FIELD_MICROTIME,
                  FIELD_DURATION,
                  FIELD_QUANTITY, FIELD_INTSTR, FIELD_OBJECT /* of ->type */, FIELD_LIST, FIELD_MAP /* of string to ->elem */,
                  FIELD_ANY };
struct field {
    const char *name;                  /* JSON */
    enum field_kind kind, elem;        /* elem: of lists and maps */
    const struct type *type;           /* of FIELD_OBJECT, or of elem FIELD_OBJECT; NULL else */
    const char *type_name;             /* its name, e.g. "io.k8s.api.core.v1.Container" */
    const char *go_name, *go_type;     /* "TerminationGracePeriodSeconds", "*int64"; NULL where nobody needs them */
    bool        required;              /* in OpenAPI's sense */
    bool        omitempty;             /* false: written even when empty by Go ("status":{}) */
    const char *patch_strategy;        /* "merge", "replace", "merge,retainKeys", or NULL */
    const char *patch_merge_key;       /* "name", "containerPort", or NULL */
    const char *list_type;             /* "atomic", "set", "map", or NULL */
    const char *list_map_keys;         /* comma list, or NULL */
    const char *dflt;                  /* JSON text of the default, or NULL */
    const char *enums;                 /* comma list of permitted values, or NULL */
    /* of custom kinds: what their definition says, or NULL; what the others are for: apiserver/openapi/help */
    const char *help;
    /* protobuf field number in upstream's generated.proto; 0 unknown. JSON flattens embedded structs, protobuf does not: there it
     * is (number of the embedded message) << 16 | (number inside it), as for Volume's configMap 2<<16 | 19. */
    unsigned    proto;
};
struct type {
    const char *name;                  /* "io.k8s.api.core.v1.Pod" */
    const char *go_name;               /* "v1.Pod" */
    /* for types that are a string or number on the wire (Quantity, Time, IntOrString): "string" or "int-or-string"; else NULL */
    const char *scalar;
    const struct custom_kind *custom;  /* the kind that it belongs to, when a CustomResourceDefinition made it; NULL else */
    const char *help;                  /* as a field's */
    bool open;                         /* may hold anything besides: OpenAPI says nothing of its fields */
    struct field *fields; size_t count;/* in Go's order where known (metadata's and the pod template's are), else upstream's */
};
const struct field *type_field(const struct type *t, struct str name);   /* NULL when absent */

struct schema;
/* 16, 20 or 34; bare: exactly that version's kinds; else with those that newer clients insist on */
struct schema *schema_new(int minor, bool bare);
void schema_free(struct schema *s);
int schema_minor(const struct schema *s);
const struct type *schema_type(const struct schema *s, struct str name);           /* by full name; NULL when absent */
const struct type *schema_kind(const struct schema *s, struct str group, struct str version, struct str kind);
bool schema_each_kind(const struct schema *s, size_t *cursor, struct gvk *gvk, const struct type **t);
bool schema_each_type(const struct schema *s, size_t *cursor, const struct type **t);

/* Decode: check the JSON type of each value, drop what the type does not have, drop nulls (but those that Go itself writes), and
 * put keys into the type's order, in place. ERR_BAD_REQUEST in Go's words: `ConfigMap in version "v1" cannot be handled as a
 * ConfigMap: v1.ConfigMap.Data: ReadMapCB: expect { or n, but found [, error found in #9 byte of ...|{"data":[1,2],"kind":|...,
 * bigger context ...|` for the versions that use json-iterator (<= 1.22), and `json: cannot unmarshal array into Go struct field
 * ConfigMap.data of type map[string]string` for later ones. body is the text it came from (for the former). unknown, when not
 * NULL, receives the paths of the fields dropped (fieldValidation=Strict|Warn): `unknown field "spec.foo"`. */
struct str_list { struct str *v; size_t n; };
bool schema_decode(const struct schema *s, struct arena *a, const struct gvk *gvk, struct json *obj, struct str body,
                   struct str_list *unknown, struct err *err);
/* Of what a patch made: ` "" is invalid: patch: Invalid value: ...` (apiserver pkg/endpoints/handlers/patch.go). body is the
 * patched text; empty after a strategic merge, whose result Go does not parse but restores by reflection: then the patch itself,
 * in Go's notation, is quoted. */
bool schema_decode_patched(const struct schema *s, struct arena *a, const struct gvk *gvk, struct json *obj, struct str body,
                           struct str patch,
                           struct str_list *unknown, struct err *err);
/* Fill defaults in place, as pkg/apis/.../defaults.go of the version does. */
void schema_default(const struct schema *s, struct arena *a, const struct gvk *gvk, struct json *obj);
/* Validation: field errors in upstream's order and words. old is NULL on create. */
struct field_error { const char *type; /* "FieldValueInvalid", ... */ struct str field, message; };
                   /* message: `Invalid value: "x": must ...`, without the field */
struct field_errors { struct field_error *v; size_t n, cap; struct arena *a; };
void field_error_add(struct field_errors *e, const char *type, struct str field, const char *fmt, ...) PRINTF(4, 5);
void schema_validate(const struct schema *s, struct arena *a, const struct gvk *gvk, const struct json *obj,
                     const struct json *old, struct field_errors *out);
/* 422 of the collected errors: `Pod "x" is invalid: [a, b]` with details.causes; duplicates removed as utilerrors.Aggregate does.
 * Returns false. */
bool err_invalid(struct err *err, struct str group, struct str kind, struct str name, const struct field_errors *e);
/* Keys in the type's order and the empty values that Go's encoder writes or drops; schema_default ends with it. For those who
 * change an object later. */
void schema_canonical(const struct schema *s, struct arena *a, const struct gvk *gvk, struct json *obj);
/* Between versions of one group-kind, in place: sets apiVersion; shapes that differ (autoscaling, certificates, events, ingress)
 * are translated. to_version is "v1", or "networking.k8s.io/v1" and "/v1" (core) for kinds that two groups serve (Ingress,
 * Event). */
bool schema_convert(const struct schema *s, struct arena *a, struct json *obj, const struct gvk *from, struct str to_version,
                    struct err *err);
/* only apiVersion differs: bytes may be reused */
bool schema_same_shape(const struct schema *s, const struct gvk *from, struct str to_version);
/* the version objects are stored in */
struct str schema_storage_version(const struct schema *s, struct str group, struct str kind);

/* ---- kinds that arrive at run time (custom.c) ---- */
struct custom_kind {                   /* one version of a CustomResourceDefinition; the owner's, with the arena it lives in */
    struct gvk gvk;
    const struct json *schema;         /* openAPIV3Schema, or NULL */
    bool keep_unknown;                 /* spec.preserveUnknownFields: nothing is pruned, nothing filled in */
    const char *spec_replicas, *status_replicas, *label_selector;      /* paths of the scale subresource (".spec.replicas"), or NULL */
    struct custom_kind *next;          /* from here on private to the schema */
    struct schema *owner;
    const struct type *root;
    struct custom_type *types;
};
/* From now on schema_kind and its like know it. a: for its types. It must outlive its time in the schema. */
void schema_custom_add(struct schema *s, struct arena *a, struct custom_kind *k);
void schema_custom_remove(struct schema *s, struct custom_kind *k);
const struct custom_kind *schema_custom(const struct schema *s, const struct gvk *gvk);            /* NULL: none, or built in */

/* The text that pod-template-hash and controller-revision-hash are computed over: go-spew's dump of v1.PodTemplateSpec in the
 * structs of the server's version (facts: FNV-1a over `(v1.PodTemplateSpec){...}`). Appends to out. Used through the API? No:
 * controllers get it by linking this pure function; it interprets types, hence lives here. */
void schema_spew_pod_template(int minor, const struct json *template, struct strbuf *out);

#endif
