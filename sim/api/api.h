/* sim/api/api.h - what every speaker of the API shares (apimachinery): objects, metadata, quantities, selectors, Status.
 *
 * An object is its JSON text, encoded once; the tree exists while somebody looks (parsed on first use, kept with the object).
 * Components treat objects as JSON, as clients in another language would; only apiserver/schema interprets types.
 */
#ifndef SIM_API_API_H
#define SIM_API_API_H

#include "sim/base/base.h"
#include "sim/base/json.h"
#include "sim/loop/loop.h"

/* ---- object: refcounted, immutable once published ---- */
struct object {
    struct str bytes;                  /* compact JSON, as it is listed, watched and stored */
    int64_t    rv;                     /* metadata.resourceVersion as a number; 0 unless the store set it */
    unsigned   refs;                   /* private, as all that follows */
    struct arena *arena;               /* of the lazily parsed tree */
    struct json  *tree;
    struct object *next;               /* of a shared one: in the bucket of its hash */
    uint64_t   hash;
    bool       shared;
};
/* Each gives one reference, the caller's. */
struct object *object_new(struct str bytes);                     /* copies; an object of its own */
/* The same object for the same bytes for as long as anybody holds it. They must tell the revision, as all that the API sends do:
 * so what the store keeps, what every informer was told, and the tree that one of them parsed exist once. */
struct object *object_shared(struct str bytes);
struct object *object_from_json(const struct json *j);           /* writes j; shared */
struct object *object_ref(struct object *o);
void object_unref(struct object *o);                             /* accepts NULL */
/* never NULL for an object that the API made; do not change it: json_copy */
const struct json *object_json(struct object *o);
bool object_parsed(const struct object *o);                      /* object_json costs nothing: somebody has looked */
void object_forget_tree(struct object *o);                       /* drop the parsed tree (memory) */

/* ---- metadata, of an object's tree ---- */
struct str meta_name(const struct json *obj);
struct str meta_namespace(const struct json *obj);
struct str meta_uid(const struct json *obj);
int64_t    meta_rv(const struct json *obj);
/* "ns/name", or "name" when cluster-scoped: client-go's MetaNamespaceKey */
struct str meta_key(struct arena *a, const struct json *obj);
const struct json *meta_labels(const struct json *obj);          /* object or NULL */
struct str meta_label(const struct json *obj, const char *key);
struct str meta_annotation(const struct json *obj, const char *key);
bool meta_deleting(const struct json *obj);                      /* deletionTimestamp set */
bool meta_created_ns(const struct json *obj, int64_t *unix_ns);
const struct json *meta_controller(const struct json *obj);      /* the ownerReference with controller: true, or NULL */
bool meta_owned_by(const struct json *obj, struct str owner_uid);/* controller's uid matches */
/* controller, blockOwnerDeletion true */
struct json *meta_owner_ref(struct arena *a, const char *api_version, const char *kind, struct str name, struct str uid);

/* ---- group, version, kind ---- */
struct gvk { struct str group, version, kind; };
void gvk_parse(struct str api_version, struct str kind, struct gvk *out);          /* "apps/v1" -> apps, v1; "v1" -> "", v1 */
struct str gvk_api_version(struct arena *a, struct str group, struct str version); /* "apps/v1", "v1" */

/* ---- conditions: status.conditions[] ---- */
struct json *condition_find(const struct json *conditions, const char *type);      /* borrowed or NULL */
bool condition_is_true(const struct json *obj, const char *type);                  /* of obj.status.conditions */
/* Set in place (lastTransitionTime changes only with status) or append. Returns whether anything changed. Key order as
 * upstream's structs: type, status, lastTransitionTime, reason, message; an empty or NULL reason or message is left
 * out. Pointers to the old condition dangle. */
bool condition_set(struct arena *a, struct json *conditions, const char *type, const char *status, const char *reason,
                   const char *message, int64_t now_ns);
/* The same with one more time before lastTransitionTime: "lastUpdateTime", "lastProbeTime" (null when extra_ns < 0),
 * "lastHeartbeatTime". It is written when anything else changes, and alone does not count as a change. */
bool condition_set_ext(struct arena *a, struct json *conditions, const char *type, const char *status, const char *reason,
                       const char *message, int64_t now_ns, const char *extra_time_key, int64_t extra_ns);
/* A metav1.Condition (apimachinery's SetStatusCondition): observedGeneration stands before lastTransitionTime unless it is 0, and
 * reason and message are always there. */
void condition_set_observed(struct arena *a, struct json *conditions, const char *type, const char *status, int64_t generation,
                            const char *reason, const char *message, int64_t now_ns);
/* A disruption budget's condition DisruptionAllowed, as its status.disruptionsAllowed has it (from v1.21 on); status is changed. */
void disruption_condition_set(struct arena *a, struct json *status, int64_t now_ns);

/* ---- pods: what several components ask ---- */
bool pod_is_ready(const struct json *pod);
bool pod_is_active(const struct json *pod);                      /* not Succeeded, not Failed, not being deleted */

/* ---- quantities: apimachinery pkg/api/resource ---- */
enum quantity_format { QUANTITY_DECIMAL_SI, QUANTITY_BINARY_SI, QUANTITY_DECIMAL_EXPONENT };
struct quantity { __int128 nano; enum quantity_format format; };  /* exact to 1e-9 as upstream (finer values round up) */
/* "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'" */
bool quantity_parse(struct str text, struct quantity *out, struct err *err);
struct str quantity_text(struct arena *a, struct quantity q);    /* canonical form: "200m", "170Mi", "1500u" */
/* What a server makes of a client's text (a string's or number's) when it stores it: mostly the canonical form, but
 * upstream keeps some spellings as they came ("1.500", "+1"). Errors as quantity_parse. */
bool quantity_stored_text(struct arena *a, struct str text, struct str *out, struct err *err);
int64_t quantity_milli(struct quantity q);                       /* rounded away from zero, as MilliValue; clamped to int64 */
int64_t quantity_value(struct quantity q);                       /* rounded away from zero, as Value; clamped to int64 */
struct quantity quantity_from_nano(int64_t nano, enum quantity_format f);
struct quantity quantity_from_milli(int64_t milli, enum quantity_format f);
struct quantity quantity_from_int(int64_t v, enum quantity_format f);
int quantity_cmp(struct quantity a, struct quantity b);
int64_t quantity_json_milli(const struct json *j, int64_t dflt); /* of a string or number node */
int64_t quantity_json_value(const struct json *j, int64_t dflt);

/* ---- int-or-string: "25%" or 3 ---- */
bool intstr_scaled(const struct json *j, int64_t total, bool round_up, int64_t *out);  /* GetScaledValueFromIntOrPercent */

/* ---- selectors ---- */
struct selector;                                                 /* lives in an arena; NULL selects everything */
/* "a=b,c in (d,e),!f"; ERR_BAD_REQUEST, words of labels.Parse; empty text selects everything (returns non-NULL) */
struct selector *selector_parse(struct arena *a, struct str text, struct err *err);
/* metav1.LabelSelector; an empty one selects everything, NULL (or null) selects nothing; NULL on error */
struct selector *selector_from_json(struct arena *a, const struct json *label_selector, struct err *err);
struct selector *selector_from_map(struct arena *a, const struct json *labels);        /* v1 Service/RC selectors */
bool selector_matches(const struct selector *s, const struct json *labels);            /* labels may be NULL */
bool selector_empty(const struct selector *s);
/* canonical, keys sorted: "app=web1,x in (a,b)" */
struct str selector_text(struct arena *a, const struct selector *s);
/* A LabelSelector as Go prints a pointer to one, with keys sorted, as its generated String does; of none: "nil". In a. */
const char *label_selector_go(struct arena *a, const struct json *label_selector);
struct field_term { struct str key, value; bool not_equal; };
struct field_selector { struct field_term *v; size_t n; };
bool field_selector_parse(struct arena *a, struct str text, struct field_selector *out, struct err *err);

/* ---- Status and names ---- */
/* {"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":..,"reason":..,"details":{..},"code":N} */
struct str status_text(struct arena *a, const struct err *err);
/* The reverse: what a client gets from an answer that is not 2xx. A body that is no Status becomes what client-go makes
 * of it ("the server could not find the requested resource (get pods.metrics.k8s.io)"...): what is "get
 * nodes.metrics.k8s.io", may be empty. */
void status_to_err(int http_status, struct str body, const char *what, struct err *err);
/* Common API errors, worded as apimachinery pkg/api/errors; they fill details {name, group, kind} too. */
/* pods "x" not found; deployments.apps "x" not found */
bool err_not_found(struct err *err, struct str group, struct str resource, struct str name);
bool err_already_exists(struct err *err, struct str group, struct str resource, struct str name);
/* Operation cannot be fulfilled on ...: why */
bool err_conflict(struct err *err, struct str group, struct str resource, struct str name, const char *why);
/* conflict: the object has been modified; please apply your changes to the latest version and try again */
bool err_object_modified(struct err *err, struct str group, struct str resource, struct str name);
struct str name_generate(struct arena *a, struct rng *r, struct str base);             /* base cut to 58 + 5 random */
bool name_is_dns1123_subdomain(struct str s);
bool name_is_dns1123_label(struct str s);
bool name_is_dns1035_label(struct str s);
bool name_is_qualified(struct str s);                            /* label key: prefix/name */
bool name_is_qualified_part(struct str s);                       /* the shape of its name, and of a label's value; of any length */
bool label_value_valid(struct str s);

/* ---- version.c: the versions of Kubernetes that a cluster may be ---- */
int  version_minor(const char *text);              /* "v1.20", "v1.20.2" -> 20; -1 when it is none of ours */
const char *version_git(int minor);                /* "v1.16.6" */
#define KUBERNETES_VERSIONS "v1.16, v1.20 and v1.34"

#endif
