/* apiserver/openapi/openapi.h - what the server says about its types, and protobuf, the other encoding that kubectl speaks. */
#ifndef APISERVER_OPENAPI_OPENAPI_H
#define APISERVER_OPENAPI_OPENAPI_H

#include "apiserver/schema/schema.h"

/* One served resource, as the document's paths need it. The registry hands the list over; strings outlive the call. */
struct openapi_resource {
    const char *group, *version, *resource /* "pods" or "pods/status" */, *kind, *verbs /* comma list */;
    const char *kind_group, *kind_version; /* of the kind, when it differs (scale: autoscaling v1) */
    bool namespaced;
};
/* OpenAPI v2 (swagger 2.0), as compact JSON. kubectl 1.20 validates and patches with it; PATCH operations carry dryRun
 * parameters. */
void openapi_v2_json(const struct schema *s, const struct openapi_resource *r, size_t n, struct strbuf *out);
/* The same document as gnostic's openapi_v2.Document in protobuf: com.github.proto-openapi.spec.v2@v1.0+protobuf. */
void openapi_v2_protobuf(const struct schema *s, const struct openapi_resource *r, size_t n, struct strbuf *out);
/* OpenAPI v3: the index ({"paths":{"apis/apps/v1":{"serverRelativeURL":"/openapi/v3/apis/apps/v1?hash=..."}}}) and one
 * group-version's document. PATCH operations carry fieldValidation and dryRun; models carry x-kubernetes-patch-* and
 * group-version-kind. */
void openapi_v3_index(const struct schema *s, const struct openapi_resource *r, size_t n, struct strbuf *out);
bool openapi_v3_document(const struct schema *s, const struct openapi_resource *r, size_t n, struct str group,
                         struct str version, struct strbuf *out);
/* Decode a request body `k8s\0` + runtime.Unknown into the JSON tree of its kind; numbers of fields from the type
 * tables. ERR_BAD_REQUEST on malformed input, ERR_UNSUPPORTED_MEDIA_TYPE for a kind whose numbers we do not have. gvk
 * is filled from the envelope. */
struct json *protobuf_decode(const struct schema *s, struct arena *a, struct str body, struct gvk *gvk, struct err *err);

#endif
