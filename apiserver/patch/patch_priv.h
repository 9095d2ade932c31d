/* apiserver/patch/patch_priv.h - what the files of this room share. */
#ifndef APISERVER_PATCH_PATCH_PRIV_H
#define APISERVER_PATCH_PATCH_PRIV_H

#include "apiserver/patch/patch.h"

/* The nodes of an array, taken out of it so that they can be sorted, dropped and put into another. */
struct nodes {
    struct json **v;
    size_t        n, cap;
};
struct nodes nodes_take(struct arena *a, struct json *array);        /* leaves the array empty; NULL gives none */
void nodes_add(struct arena *a, struct nodes *l, struct json *node);
struct json *nodes_array(struct arena *a, const struct nodes *l);    /* a new array of them */

/* Go's %v and %s of a decoded JSON value: map[a:1 b:[x y]], <nil>. Upstream's errors are full of it. */
void go_print(struct strbuf *out, const struct json *j);
/* "map[string]interface {}", "[]interface {}", "string", ... */
const char *go_type_name(const struct json *j);

/* the 422 without words that a patch which cannot be applied gets */
bool fail_unprocessable(struct err *err);

#endif
