/* apiserver/patch/nodes.c - small tools of the patch room: arrays as vectors of nodes, and values in Go's notation.
 *
 * Upstream's patches work on map[string]interface{} and print such values into their errors with %v; both habits live here.
 */
#include "apiserver/patch/patch_priv.h"

#include <stdlib.h>

struct nodes field_nodes_take(struct arena *a, struct json *array)
{
    struct nodes l = { NULL, 0, 0 };
    size_t n = json_len(array);
    l.v = arena_alloc(a, (n + 1) * sizeof *l.v);
    l.cap = n + 1;
    for (; l.n < n; l.n++)
        l.v[l.n] = json_remove_at(array, 0);
    return l;
}

void field_nodes_add(struct arena *a, struct nodes *l, struct json *node)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 8;
        l->v = arena_realloc(a, l->v, l->cap * sizeof *l->v, cap * sizeof *l->v);
        l->cap = cap;
    }
    l->v[l->n++] = node;
}

struct json *field_nodes_array(struct arena *a, const struct nodes *l)
{
    struct json *array = json_new_array(a);
    for (size_t i = 0; i < l->n; i++)
        json_append(array, l->v[i]);
    return array;
}

static int by_key(const void *x, const void *y)
{
    return str_cmp(json_key(*(const struct json *const *)x), json_key(*(const struct json *const *)y));
}

static void print_map(struct strbuf *out, const struct json *j)
{
    size_t n = json_len(j), i = 0;
    const struct json **v = xcalloc(n + 1, sizeof *v);
    for (const struct json *c = json_first(j); c; c = json_next(c))
        v[i++] = c;
    qsort(v, n, sizeof *v, by_key);
    strbuf_addc(out, "map[");
    for (i = 0; i < n; i++) {
        if (i)
            strbuf_addch(out, ' ');
        strbuf_add(out, json_key(v[i]));
        strbuf_addch(out, ':');
        patch_go_print(out, v[i]);
    }
    strbuf_addch(out, ']');
    free(v);
}

void patch_go_print(struct strbuf *out, const struct json *j)
{
    switch (json_type(j)) {
    case JSON_NULL:   strbuf_addc(out, "<nil>"); break;
    case JSON_STRING: strbuf_add(out, json_str(j)); break;
    case JSON_OBJECT: print_map(out, j); break;
    case JSON_ARRAY:
        strbuf_addch(out, '[');
        for (const struct json *c = json_first(j); c; c = json_next(c)) {
            if (c != json_first(j))
                strbuf_addch(out, ' ');
            patch_go_print(out, c);
        }
        strbuf_addch(out, ']');
        break;
    case JSON_BOOL:
    case JSON_INT:
    case JSON_FLOAT:
    default:
        json_write(out, j, 0);
    }
}

const char *patch_go_type_name(const struct json *j)
{
    switch (json_type(j)) {
    case JSON_BOOL:   return "bool";
    case JSON_INT:    return "int64";
    case JSON_FLOAT:  return "float64";
    case JSON_STRING: return "string";
    case JSON_ARRAY:  return "[]interface {}";
    case JSON_OBJECT: return "map[string]interface {}";
    case JSON_NULL:
    default:          return "<nil>";
    }
}

bool patch_fail_unprocessable(struct err *err)
{
    err_set(err, ERR_INVALID, "the server rejected our request due to an error in our request");
    if (err)
        err_details(err, "{}");
    return false;
}
