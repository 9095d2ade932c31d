/* apiserver/registry/registry.h - what is served, and what happens when it is written: resources, their strategies, and the store
 * behind them.
 *
 * A `struct resource` is one resource (or subresource) in one served API version; all versions of a resource share one place in
 * the store and one strategy (kubernetes pkg/registry/...: PrepareForCreate, PrepareForUpdate, Validate). An object is stored as
 * text in its storage version; a reader of another version gets it converted. Handlers (endpoints/) decode and present; this room
 * decides and stores.
 */
#ifndef APISERVER_REGISTRY_REGISTRY_H
#define APISERVER_REGISTRY_REGISTRY_H

#include "apiserver/apiserver_priv.h"

enum { VERB_CREATE = 1, VERB_DELETE = 2, VERB_DELETECOLLECTION = 4, VERB_GET = 8, VERB_LIST = 16, VERB_PATCH = 32,
       VERB_UPDATE = 64, VERB_WATCH = 128 };

struct strategy {                      /* all hooks optional; obj is in the request's version */
    const char *group, *resource;      /* "" for core */
    unsigned    flags;                 /* STRATEGY_* */
    /* comma list of selectable field labels beyond metadata.name and metadata.namespace; "a=b" selects b under label a */
    const char *fields;
    const char *bad_label;             /* printf format of the refusal of another label (one %s); NULL: apimachinery's default */
    bool (*create)(struct request *r, struct json *obj, struct err *err);
    bool (*update)(struct request *r, struct json *obj, const struct json *old, struct err *err);
    void (*validate)(struct request *r, const struct json *obj, const struct json *old, struct field_errors *e);
    /* Just before it is stored, for what must not happen when the write is refused (allocations); undone by `removed`. */
    bool (*store)(struct request *r, struct json *obj, const struct json *old, struct err *err);
    void (*removed)(struct apiserver *as, const struct json *obj);
};
enum {
    STRATEGY_GENERATION = 1,           /* metadata.generation counts changes of spec */
    STRATEGY_GENERATION_ALL = 2,       /* ... of anything beyond metadata */
    STRATEGY_KEEP_STATUS = 4,          /* a create may carry a status */
    STRATEGY_UPSERT = 8,               /* PUT of what is not there creates it (AllowCreateOnUpdate) */
    STRATEGY_CONDITIONAL = 16,         /* PUT must carry the resourceVersion (no AllowUnconditionalUpdate) */
    STRATEGY_FINALIZE = 32,            /* has spec.finalizers: deletion waits for them (namespaces) */
    STRATEGY_BARE_STATUS = 128,        /* a create leaves no status at all, and the writer of a status carries nothing else */
    STRATEGY_CLEANUP = 256,            /* a definition: its deletion waits for its instances */
    STRATEGY_GRACEFUL = 64,            /* has a grace period (pods) */
};
struct resource {
    struct str group, version, name, subresource;    /* subresource is empty for the resource itself */
    struct gvk kind;                   /* of its bodies: of deployments/scale it is autoscaling/v1 Scale */
    struct str singular;
    bool       namespaced, has_status; /* has_status: there is a status subresource */
    struct str short_names, categories;/* comma lists */
    unsigned   verbs;
    const struct resource *main;       /* itself, or what this is a subresource of */
    const struct strategy *strategy;   /* of the main resource; never NULL */
    struct gvk stored;                 /* how objects of it are stored: Events and Ingresses of two groups are the same objects */
    struct str head, stored_head;      /* {"kind":"Pod","apiVersion":"v1", - how the text of its objects begins */
    struct str list_kind;              /* of custom resources, whose texts have sorted keys; empty: kind + List */
    bool       terminating;            /* its definition is being deleted: nothing new */
    const struct printer *printer;     /* of a custom resource; NULL: the tables have one */
    struct str deprecation;            /* what its users are warned of; empty: nothing */
    bool       same_shape;             /* stored text serves for this version but for its head */
};
struct printer;                        /* apiserver/printers */
struct registry {
    struct arena    *a;
    struct resource *v; size_t n;      /* in the order of the data: by group (core first), resource; versions in /apis order */
    /* those that came at run time (apiserver/custom), in the order of their coming */
    struct resource **custom; size_t custom_n, custom_cap;
    struct map      *index;            /* "group/version/name/sub" -> struct resource */
    struct map      *groups;           /* group -> struct api_group, in the order of /apis */
    struct alloc    *alloc;            /* cluster addresses and node ports */
    struct event_ttl *event_ttl;       /* events.c */
    struct list      pending;          /* answers that wait for the turn's commit (endpoints/response.c) */
};
struct api_group { struct str name; struct str *versions; size_t n; };            /* versions[0] is preferred */

/* All that is served: built in, then custom. Start with *cursor 0; NULL at the end. */
const struct resource *registry_each(const struct apiserver *as, size_t *cursor);
/* The groups in the order of /apis: those of the data, then those of custom resources by name. */
struct api_group *registry_groups(const struct apiserver *as, struct arena *a, size_t *n);
/* complete, but for main and has_status; the caller's until removed */
void registry_add(struct apiserver *as, struct resource *res);
void registry_remove(struct apiserver *as, struct resource *res);
void registry_link(struct apiserver *as, struct resource *res);  /* main and has_status, after all of a definition are added */
/* apiserver/custom: the finalizer and the condition of a definition that goes */
void crd_mark_deleted(struct request *r, struct json *crd);
struct registry *registry_new(struct apiserver *as);
void registry_free(struct registry *g, struct apiserver *as);
/* NULL when it is not served. */
const struct resource *registry_find(const struct apiserver *as, struct str group, struct str version, struct str resource,
                                     struct str subresource);
/* in the preferred version that has it */
const struct resource *registry_find_any(const struct apiserver *as, struct str group, struct str resource);
bool registry_serves_version(const struct apiserver *as, struct str group, struct str version);
const struct strategy *strategy_find(struct str group, struct str resource);
unsigned verb_bit(struct str verb);

/* ---- reading (read.c) ---- */
/* of the store's keys; empty ns: everywhere */
struct str resource_prefix(struct arena *a, const struct resource *res, struct str ns);
/* The object's text in res's version; shift_s is added to its times. The result may be the object's own bytes. */
struct str present(struct apiserver *as, struct arena *a, const struct resource *res, struct object *o, int64_t shift_s);
/* without its kind and apiVersion, as in a list */
struct str present_item(struct apiserver *as, struct arena *a, const struct resource *res, struct object *o, int64_t shift_s);
/* a tree of its own, to be changed */
struct json *present_json(struct apiserver *as, struct arena *a, const struct resource *res, struct object *o);
/* what schema_convert calls the version */
struct str convert_target(struct arena *a, const struct gvk *from, const struct gvk *to);
struct filter { const struct selector *labels; struct field_selector fields; const struct resource *res; };
/* From labelSelector and fieldSelector; ERR_BAD_REQUEST in the resource's words. */
bool filter_parse(struct arena *a, const struct resource *res, struct str labels, struct str fields, struct filter *out,
                  struct err *err);
bool filter_empty(const struct filter *f);
bool filter_matches(const struct filter *f, struct object *o);
void times_shift(struct apiserver *as, struct arena *a, const struct gvk *gvk, struct json *obj, int64_t shift_s);

/* ---- writing (write.c, delete.c). On success *out is a new reference to the stored state (with dryRun: to what would be). ---- */
struct write_options {
    struct str  manager;               /* field manager */
    bool        apply;                 /* managedFields were settled by patch_apply */
    bool        untracked;             /* managedFields stay as they are */
    bool        admit;                 /* go through admission (false for the server itself) */
};
bool write_create(struct request *r, const struct resource *res, struct json *obj, const struct write_options *o,
                  struct object **out, struct err *err);
/* old: the state that was read (obj may carry its resourceVersion). res may be a subresource status. */
bool write_update(struct request *r, const struct resource *res, struct json *obj, struct object *old,
                  const struct write_options *o, struct object **out, struct err *err);
struct delete_options {
    int64_t grace;                     /* -1: not given */
    struct str uid, rv;                /* preconditions */
    struct str propagation;            /* Background, Foreground, Orphan or empty */
};
/* Of a DeleteOptions, whether it is a request's body or rides in an Eviction; its dryRun becomes the request's. */
struct delete_options delete_options_from_json(struct request *r, const struct json *j);
/* *gone: it is removed now; else it waits (grace, finalizers) and *out is the state with deletionTimestamp. */
bool write_delete(struct request *r, const struct resource *res, struct object *old, const struct delete_options *d, bool admit,
                  struct object **out, bool *gone, struct err *err);
/* Store tree (in res's version) over old (NULL: create): canonical order, storage version, resourceVersion, text. Nothing is
 * checked any more. */
bool write_commit(struct request *r, const struct resource *res, struct json *obj, struct object *old, struct object **out,
                  struct err *err);
bool write_remove(struct request *r, const struct resource *res, struct object *old, struct object **out, struct err *err);
/* A request of the server itself, for the functions above; lives in a. */
struct request *request_internal(struct apiserver *as, struct arena *a);

/* ---- subresources that are not the object itself ---- */
struct json *scale_of(struct apiserver *as, struct arena *a, const struct resource *res, struct object *o, struct err *err);
bool scale_update(struct request *r, const struct resource *res, struct json *scale, struct object *old,
                  const struct write_options *o, struct object **out, struct err *err);
bool pod_bind(struct request *r, struct json *binding, struct str pod, struct err *err);
bool pod_evict(struct request *r, struct json *eviction, struct str pod, struct err *err);

/* ---- addresses (alloc.c) ---- */
struct alloc *alloc_new(struct apiserver *as);         /* learns from the Services in the store */
void alloc_free(struct alloc *al);
/* want empty: any. ERR_ALREADY_EXISTS, ERR_BAD_REQUEST, ERR_INTERNAL (full) */
bool alloc_ip(struct alloc *al, struct str want, struct arena *a, struct str *out, struct err *err);
void alloc_ip_release(struct alloc *al, struct str ip);
bool alloc_port(struct alloc *al, int64_t want, int64_t *out, struct err *err);
void alloc_port_release(struct alloc *al, int64_t port);
struct str alloc_first_ip(const struct alloc *al, struct arena *a);   /* 10.96.0.1, the kubernetes Service's */

/* ---- strategies that are spread over files ---- */
extern const struct strategy strategies_core[], strategies_apps[], strategies_other[];            /* each ends with a resource NULL */
void event_expiry_start(struct apiserver *as);         /* Events live for an hour */
int64_t event_ttl_ns(const struct apiserver *as);      /* --event-ttl */
void event_expiry_add(struct apiserver *as, struct str key, int64_t at_ns);
void event_expiry_free(struct registry *g);

#endif
