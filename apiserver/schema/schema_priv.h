/* apiserver/schema/schema_priv.h - what the files of this room share; nobody outside includes it. */
#ifndef APISERVER_SCHEMA_SCHEMA_PRIV_H
#define APISERVER_SCHEMA_SCHEMA_PRIV_H

#include "apiserver/schema/schema.h"

enum { TYPE_FIELDS_MAX = 96 };         /* PersistentVolumeSpec and JSONSchemaProps have about 45 */

/* A type as loaded. The door's struct comes first, so that a `const struct type *` of this room is also one of these. */
struct type_rec {
    struct type  t;
    /* per field: "VolumeSource:v1.VolumeSource" where Go nests it in an embedded struct; NULL: nowhere */
    const char **embed;
};
struct kind_rec { struct gvk gvk; const struct type *t; };
struct schema {
    int              minor;
    bool             bare;
    struct arena    *a;
    struct type_rec *types;            /* sorted by name */
    size_t           types_n;
    struct kind_rec *kinds;            /* sorted by group, version, kind */
    size_t           kinds_n;
    struct custom_kind *customs;       /* newest first */
};
struct custom_type { struct type_rec rec; struct custom_type *next; };

/* load.c: fill types and kinds from the embedded text. */
void schema_load(struct schema *s);
const char *type_embed(const struct type *t, const struct field *f);

/* custom.c: objects of kinds that came at run time */
void custom_prune(const struct custom_kind *k, struct json *obj);
void custom_default(const struct custom_kind *k, struct arena *a, struct json *obj);
/* By number, from 0; NULL past the end. */
const struct type *custom_type_at(const struct schema *s, size_t i);
const struct custom_kind *custom_kind_at(const struct schema *s, size_t i);
void custom_sort(struct json *v);                                  /* keys, at every level */
struct check;
void validate_custom(struct check *c, const struct custom_kind *k, const struct json *obj, const struct json *old);

/* schema.c */
bool gvk_is(const struct gvk *g, const char *group, const char *kind);   /* any version */
bool field_is_pointer(const struct field *f);      /* Go's field is a pointer: nil and zero differ, zero is written */

/* canonical.c: keys in the type's order, and the empty values that Go's encoder writes or leaves out. */
void canonical_object(struct arena *a, const struct type *t, struct json *obj);

/* defaults*.c */
/* what depends on other fields */
void default_type(const struct schema *s, struct arena *a, const struct type *t, struct json *obj);
void default_hpa(const struct schema *s, struct arena *a, const struct gvk *gvk, struct json *obj);

/* spew.c: a quantity as ParseQuantity's fast path leaves it: digits as the value, the suffix as a power of ten or a shift */
struct quantity_parts { int64_t value; int scale; const char *format; struct str text; };
struct quantity_parts quantity_parts(struct str text);

/* go_value.c: %#v of an object of the type of this full name, in the internal types' words. go_diff.c: cmp.Diff of two. */
char *go_print(struct arena *a, const struct schema *s, const char *type, const struct json *obj);
/* of a list of them */
char *go_print_list(struct arena *a, const struct schema *s, const char *type, const struct json *list);
struct str go_diff(struct arena *a, const struct schema *s, const char *type, const struct json *x, const struct json *y);

/* field.c: values as Go prints them in messages */
struct str quote_go(struct arena *a, struct str text);             /* %q */
/* %#v of a slice of strings, type being Go's name of it: []string{"a", "b"}, or []string(nil) when it is empty */
char *go_list(struct arena *a, const char *type, const struct json *list);

/* A path to a field, printed on demand: spec.containers[0].ports[1].containerPort. Nodes live on the stack of their maker. */
struct fpath { const struct fpath *up; const char *name; struct str key; long index; };
#define FP_NAME(parent, n)    (&(struct fpath){ (parent), (n), STR_NULL, -1 })
#define FP_INDEX(parent, i)   (&(struct fpath){ (parent), NULL, STR_NULL, (long)(i) })
#define FP_KEY(parent, k)     (&(struct fpath){ (parent), NULL, (k), -1 })
struct str fpath_text(struct arena *a, const struct fpath *p);

/* validate.c: what every validator is given */
struct check {
    const struct schema *s;
    int minor;
    struct arena *a;
    struct field_errors *out;
};
/* detail "" prints `Required value` alone */
void check_required(struct check *c, const struct fpath *p, const char *detail);
/* value printed quoted */
void check_invalid_s(struct check *c, const struct fpath *p, struct str value, const char *fmt, ...) PRINTF(4, 5);
void check_invalid_i(struct check *c, const struct fpath *p, int64_t value, const char *fmt, ...) PRINTF(4, 5);
void check_invalid_raw(struct check *c, const struct fpath *p, const char *value, const char *fmt, ...) PRINTF(4, 5);
void check_forbidden(struct check *c, const struct fpath *p, const char *fmt, ...) PRINTF(3, 4);
void check_duplicate(struct check *c, const struct fpath *p, struct str value);
void check_unsupported(struct check *c, const struct fpath *p, struct str value, const char *sorted_list); /* list: comma separated */
void check_not_found(struct check *c, const struct fpath *p, struct str value);
void check_too_long(struct check *c, const struct fpath *p, size_t max);
void check_too_many(struct check *c, const struct fpath *p, size_t n, size_t max);
/* reports; returns whether it was in the list */
bool check_enum(struct check *c, const struct fpath *p, struct str value, const char *sorted_list);
bool in_list(struct str value, const char *list);
bool check_non_negative(struct check *c, const struct fpath *p, int64_t v);
bool check_immutable(struct check *c, const struct fpath *p, const struct json *v, const struct json *old, const char *go_type);

/* validate_meta.c */
enum name_rule { NAME_SUBDOMAIN, NAME_LABEL, NAME_1035, NAME_PATH, NAME_ANY };
void check_object_meta(struct check *c, const struct gvk *gvk, const struct json *obj, const struct json *old, enum name_rule rule);
void check_labels(struct check *c, const struct json *labels, const struct fpath *p);
/* "*." and a subdomain */
void check_wildcard_name(struct check *c, struct str name, const struct fpath *p);
void check_label_value(struct check *c, struct str value, const struct fpath *p);
void check_annotations(struct check *c, const struct json *annotations, const struct fpath *p);
/* One of matchExpressions: key, operator, how many values. compares: of nodes, where Gt and Lt are operators too. */
void check_requirement(struct check *c, const struct json *e, const struct fpath *p, bool compares);
void check_label_selector(struct check *c, const struct json *sel, const struct fpath *p);
void check_name(struct check *c, struct str name, enum name_rule rule, bool prefix, const struct fpath *p);
/* of the name in lower case: what annotations and provisioners are called */
void check_lower_qualified_name(struct check *c, struct str name, const struct fpath *p);
void check_qualified_name(struct check *c, struct str name, const struct fpath *p);
bool selector_matches_labels(struct check *c, const struct json *sel, const struct json *labels);

/* validate_pod.c, validate_containers.c, validate_volumes.c */
void check_pod_spec(struct check *c, const struct json *spec, const struct fpath *p);
void check_pod_template(struct check *c, const struct json *tmpl, const struct fpath *p);
/* volumes: those that are in order, hence may be mounted; check_volumes returns them. */
void check_containers(struct check *c, const struct json *spec, const struct json *volumes, const struct fpath *p);
const struct json *check_volumes(struct check *c, const struct json *volumes, const struct fpath *p);
/* names, users, gates: validate_pod_parts.c */
void check_pod_parts(struct check *c, const struct json *spec, const struct fpath *p);
void check_resources(struct check *c, const struct json *res, const struct fpath *p);
bool check_port_number(struct check *c, int64_t port, const struct fpath *p);
void check_port_name(struct check *c, struct str name, const struct fpath *p);

/* validate_network.c: addresses as Go's net package reads them */
struct ip_net { uint8_t ip[16]; size_t bytes; int bits; };           /* bytes: 4 or 16; bits: the length of its prefix */
bool ip_parse(struct arena *a, struct str text, struct ip_net *out);
bool cidr_parse(struct arena *a, struct str text, struct ip_net *out);
/* A place that is reached: neither unspecified nor loopback, link-local or link-local multicast. validate_core.c */
void check_special_ip(struct check *c, struct str ip, const struct fpath *p);

/* One kind's validator; old is NULL on create. Metadata has been checked. */
typedef void kind_check(struct check *c, const struct gvk *gvk, const struct json *obj, const struct json *old);
kind_check validate_pod, validate_service, validate_config_map, validate_secret, validate_namespace, validate_node,
    validate_resource_quota,
           validate_limit_range, validate_endpoints, validate_pvc, validate_pv, validate_event, validate_replication_controller,
           validate_pod_template,
           validate_deployment, validate_replica_set, validate_daemon_set, validate_stateful_set, validate_job, validate_cron_job,
           validate_hpa,
           validate_role, validate_role_binding, validate_csr, validate_api_service, validate_lease, validate_pdb,
           validate_storage_class,
           validate_priority_class, validate_scale, validate_crd, validate_ingress, validate_ingress_class,
           validate_network_policy, validate_endpoint_slice, validate_webhooks, validate_runtime_class,
           validate_load_profile, validate_fault,
           validate_clock, validate_scenario;

/* convert_*.c: bring obj from `from` to the shape of version `to` of its group; apiVersion is the caller's. */
#define CONVERTER(name) bool name(const struct schema *s, struct arena *a, struct json *obj, const struct gvk *from, struct str to,  \
                               struct err *err)
CONVERTER(convert_hpa);
CONVERTER(convert_csr);
CONVERTER(convert_ingress);
CONVERTER(convert_event);
CONVERTER(convert_endpoint_slice);
CONVERTER(convert_crd);
/* What all versions of a v1 definition have in common moves into its spec, as in v1beta1 and upstream's internal version. */
void crd_hoist(struct arena *a, struct json *obj);

#endif
