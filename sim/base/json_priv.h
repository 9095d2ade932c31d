/* sim/base/json_priv.h - what a `struct json` is, for the four files that make up sim/base/json.h and no other.
 *
 * A node is a cJSON node with three numbers behind it that cJSON has no room for. So cJSON's own linking functions work
 * on our trees, while integers stay exact and strings may hold NUL bytes. Consequence: nodes are always made here,
 * never by cJSON_Create* or cJSON_Parse (which would allocate a shorter one), and cJSON_Delete is never called: the
 * arena owns everything.
 */
#ifndef SIM_BASE_JSON_PRIV_H
#define SIM_BASE_JSON_PRIV_H

#include "sim/base/json.h"

#include <cjson/cJSON.h>

/* beside cJSON_Number in cJSON.type: `integer` holds the value. cJSON looks at the low 8 bits only */
enum { NODE_INTEGER = 1 << 16 };

struct json {
    cJSON    c;                                    /* must be first: children are linked as cJSON and cast back */
    uint32_t key_len;                              /* bytes of c.string */
    uint32_t str_len;                              /* bytes of c.valuestring */
    /* exact value when c.type has NODE_INTEGER; c.valuedouble is then its nearest double */
    int64_t  integer;
};

static inline struct json *node_of(const cJSON *c)
{
    return (struct json *)(uintptr_t)c;
}

static inline int node_kind(const struct json *j)
{
    return j->c.type & 0xff;
}

static inline bool node_is_container(const struct json *j)
{
    return j && (node_kind(j) == cJSON_Array || node_kind(j) == cJSON_Object);
}

static inline struct json *node_first(const struct json *container)
{
    return node_of(container->c.child);
}

static inline struct json *node_next(const struct json *child)
{
    return node_of(child->c.next);
}

static inline struct str node_key(const struct json *j)
{
    return (struct str){ j->c.string, j->key_len };
}

struct json *json_node_new(struct arena *a, int cjson_type);
/* appends in O(1); the child's key is set already, or none in arrays */
void json_node_link(struct json *parent, struct json *child);
void json_node_set_key(struct arena *a, struct json *child, struct str key);
/* of children with the same key only the last stays, as in Go's decoder */
void json_node_drop_duplicates(struct json *obj, size_t count);

/* Text of a double as Go's encoding/json writes it (shortest that reads back the same; exponent form outside 1e-6..1e21).
 * buf has at least 40 bytes; returns the length. */
size_t json_format_double(double v, char *buf, size_t size);

#endif
