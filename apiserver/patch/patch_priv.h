/* apiserver/patch/patch_priv.h - what the files of this room share. */
#ifndef APISERVER_PATCH_PATCH_PRIV_H
#define APISERVER_PATCH_PATCH_PRIV_H

#include "apiserver/patch/patch.h"

/* The nodes of an array, taken out of it so that they can be sorted, dropped and put into another. */
struct nodes {
    struct json **v;
    size_t        n, cap;
};
struct nodes field_nodes_take(struct arena *a, struct json *array);        /* leaves the array empty; NULL gives none */
void field_nodes_add(struct arena *a, struct nodes *l, struct json *node);
struct json *field_nodes_array(struct arena *a, const struct nodes *l);    /* a new array of them */

/* "map[string]interface {}", "[]interface {}", "string", ... */
const char *patch_go_type_name(const struct json *j);

/* the 422 without words that a patch which cannot be applied gets */
bool patch_fail_unprocessable(struct err *err);

#endif
