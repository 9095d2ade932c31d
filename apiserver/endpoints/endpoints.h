/* apiserver/endpoints/endpoints.h - the HTTP side of the API server: from an exchange to an answer.
 *
 * chain.c takes the exchange through the filters; request_info.c says what is asked; negotiate.c in which form; body.c reads what
 * was sent; handle_*.c do it with the registry's help; response.c answers, for writes not before the turn's commit.
 */
#ifndef APISERVER_ENDPOINTS_ENDPOINTS_H
#define APISERVER_ENDPOINTS_ENDPOINTS_H

#include "apiserver/registry/registry.h"

/* ---- chain.c ---- */
void chain_handle(void *apiserver, struct http_exchange *x);     /* the http_handler of the server */

/* ---- request_info.c: fills r->info from the exchange's path, method and query ---- */
void request_info_parse(struct request *r);

/* ---- negotiate.c ---- */
enum media { MEDIA_JSON, MEDIA_YAML };
enum shape { SHAPE_OBJECT, SHAPE_TABLE, SHAPE_PARTIAL, SHAPE_PARTIAL_LIST };
/* meta_version: of meta.k8s.io, for shapes but the object's own */
struct negotiated { enum media media; enum shape shape; const char *meta_version; };
/* The first clause of Accept that we can serve. meta: may the client ask for tables and partial objects here? ERR_NOT_ACCEPTABLE. */
bool negotiate(struct request *r, bool meta, struct negotiated *out, struct err *err);
bool wants_pretty(const struct request *r);
/* JSON text indented by two spaces. Before 1.23 the server's encoder (json-iterator) breaks the line inside an empty object. */
void pretty_write(struct strbuf *out, struct str json, bool broken_empty);
void yaml_write(struct strbuf *out, const struct json *j);       /* as sigs.k8s.io/yaml prints: keys sorted, lists not indented */

/* ---- response.c (more in apiserver_priv.h) ---- */
/* After writes: kept until the turn is on disk; 500 if it could not be. Bytes are copied. */
void respond_committed(struct request *r, int status, struct str json_bytes);
void respond_text(struct request *r, int status, const char *content_type, struct str body);
/* 404 page not found, or in old versions for strange roots the index of paths */
void respond_not_found_page(struct request *r);
void respond_index(struct request *r, int status);                /* {"paths":[...]} */
bool err_no_resource(struct err *err);                           /* the server could not find the requested resource */
bool err_no_method(struct err *err);                             /* the server does not allow this method on the requested resource */
void pending_flush(struct apiserver *as, const struct err *why); /* after the commit; why: it failed */

/* ---- shape.c: objects in the shape that was negotiated ---- */
/* PartialObjectMetadata of an object's text */
struct str partial_metadata(struct arena *a, struct str object_text, const char *meta_version);
struct table {                         /* writes one Table, row by row */
    struct request *r;
    struct arena *a;                   /* for what a row needs; the request's unless changed */
    const struct resource *res;
    const struct printer *printer;
    const char *meta_version;
    enum { INCLUDE_NONE, INCLUDE_METADATA, INCLUDE_OBJECT } include;
    size_t rows;
};
bool table_init(struct table *t, struct request *r, const struct resource *res, const char *meta_version, struct err *err);
/* list_meta: JSON text of the list's metadata */
void table_begin(struct table *t, struct strbuf *out, struct str list_meta, bool columns);
void table_row(struct table *t, struct strbuf *out, struct object *o);
void table_end(struct table *t, struct strbuf *out);
/* One object, with its status code, in the negotiated shape; committed: through respond_committed. */
void respond_object(struct request *r, const struct resource *res, int status, struct object *o, bool committed);

/* ---- body.c ---- */
enum field_validation { VALIDATE_IGNORE, VALIDATE_WARN, VALIDATE_STRICT };
enum field_validation field_validation_of(const struct request *r);
/* The body as a tree of `want`, decoded but not defaulted. ERR_BAD_REQUEST, ERR_UNSUPPORTED_MEDIA_TYPE in upstream's words. */
struct json *body_decode(struct request *r, const struct gvk *want, struct err *err);
/* of any kind (DeleteOptions, Eviction): NULL without err for an empty body */
struct json *body_any(struct request *r, struct gvk *gvk, struct err *err);
/* the part after parsing, with fieldValidation */
bool decode_tree(struct request *r, const struct gvk *want, struct json *obj, struct str body, bool patch, struct err *err);
/* Why an object of kind got is none of kind want, in the scheme's words; empty when it is (perhaps in another version of its
 * group). */
struct str body_kind_mismatch(struct request *r, const struct gvk *got, const struct gvk *want);
/* The same of a patch's result; body and patch are those of schema_decode_patched. */
bool body_decode_patched(struct request *r, const struct gvk *want, struct json *obj, struct str body, struct str patch,
                         struct err *err);
void warn(struct request *r, const char *fmt, ...) PRINTF(2, 3); /* a Warning header on the answer */

/* ---- handlers ---- */
void handle_resource(struct request *r);
void handle_list(struct request *r);
/* of what nobody stores: selectors, shapes and pages as of other lists */
void respond_list(struct request *r, struct object *const *items, size_t n);
void handle_component_status(struct request *r);
void handle_watch(struct request *r);
/* ?resourceVersion= of a read, 0 when it is not there. False: it is no number, or the server is not as far yet. */
/* The rules of ?resourceVersionMatch, for a list or a watch. */
bool check_version_match(struct request *r, bool watching, struct err *err);
bool resource_version_of(struct request *r, int64_t *rv, struct err *err);
void handle_patch(struct request *r);
void handle_delete(struct request *r);
void handle_deletecollection(struct request *r);
/* pods/log, exec, attach, portforward, proxies: true when it took the request */
bool handle_connect(struct request *r);
void handle_discovery(struct request *r);                        /* /api, /apis and below */
void handle_openapi(struct request *r);
bool handle_health(struct request *r);                           /* healthz, livez, readyz, version, metrics, index */
bool delete_options_of(struct request *r, struct delete_options *out, struct err *err);
struct write_options write_options_of(struct request *r);
/* the body's name and namespace are the path's */
bool body_check_name(struct request *r, const struct json *obj, struct err *err);
/* What stays open: watches and relays. Freed before the server's connections are dropped. */
struct watch_set { struct list watches, relays; };
struct watch_set *watch_set_new(void);
void watch_set_free(struct watch_set *s);
void watches_end(struct watch_set *s);                           /* all of them, cleanly: clients ask again */
void watch_set_drop(struct watch_set *s, const struct resource *res);            /* ends the watches of a resource that goes */
/* A line for each that is open, oldest first: its user, path, selectors and agent, tabs between. */
void watches_each(const struct watch_set *s, struct strbuf *out);
void relay_drop_all(struct watch_set *s);                        /* connect.c */
/* The request goes on to that URL of a pod as it is; it is answered, then or when the pod has answered. upgrade: it asks for one. */
void relay_page(struct request *r, const char *url, bool upgrade);
/* Of pods or of services. False: err says why it has not begun. */
bool connect_proxy(struct request *r, struct err *err);
/* ---- forward.c ---- */
/* Adds what goes on of the request's headers, and X-Forwarded-For; nothing that says who the client is. */
void forward_request_headers(struct request *r, bool upgrade, struct http_headers *out);
/* Adds what goes back of the answer's, without those that the server makes itself: length, type, date. */
void forward_answer_headers(struct request *r, const struct http_response *resp, struct http_headers *out);
/* Why a call of that URL failed, without "Get URL: ", which is the client's word and not the transport's. */
const char *forward_why(const char *url, const char *msg);

#endif
