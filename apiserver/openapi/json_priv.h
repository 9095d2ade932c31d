/* apiserver/openapi/json_priv.h - writing the document as JSON, in either version. */
#ifndef APISERVER_OPENAPI_JSON_PRIV_H
#define APISERVER_OPENAPI_JSON_PRIV_H

#include "apiserver/openapi/help.h"
#include "apiserver/openapi/openapi_priv.h"

struct doc {
    const struct schema *s;
    struct arena        *a;            /* scratch, until the document is done */
    struct strbuf       *out;
    struct help         *help;         /* the owner's, as a */
    bool                 v3;
    size_t               paths;        /* written so far */
};
void json_model(struct doc *d, const struct type *t);            /* "name":{...} */
void json_path_item(void *doc, const struct path *p);            /* "/api/...":{...}, for paths_each */

#endif
