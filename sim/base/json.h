/* sim/base/json.h - JSON trees (cJSON behind this door) and their text, and YAML read into the same trees.
 *
 * A tree lives in an arena and dies with it; nothing is freed singly. Nodes of one tree must come from arenas that live at least
 * as long. Integers are exact int64; key comparison is case-sensitive; order of keys is kept. Readers accept NULL for "no such
 * node" and give the empty value, so that json_get_str(json_get(pod, "spec"), "nodeName") needs no checks.
 * Not thread-safe (a current-arena variable is set around cJSON's calls): loop thread only.
 */
#ifndef SIM_BASE_JSON_H
#define SIM_BASE_JSON_H

#include "sim/base/base.h"

struct json;
enum json_type { JSON_NULL, JSON_BOOL, JSON_INT, JSON_FLOAT, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* -- parse and write. Errors are ERR_PARSE with Go's encoding/json words where a client would see them. -- */
/* NULL on error; one value, white space around it */
struct json *json_parse(struct arena *a, struct str text, struct err *err);
struct json *json_parse_prefix(struct arena *a, struct str text, size_t *used, struct err *err); /* one value, then anything */
/* pretty: two spaces, as apiserver's ?pretty; Go escapes < > & as \u003c.. unless told not to */
enum { JSON_PRETTY = 1, JSON_NO_HTML_ESCAPE = 2 };
/* compact unless JSON_PRETTY; no trailing newline */
void json_write(struct strbuf *out, const struct json *j, unsigned flags);
struct str json_text(struct arena *a, const struct json *j);                         /* compact */
/* quoted and escaped as Go does; bad UTF-8 becomes U+FFFD */
void json_write_string(struct strbuf *out, struct str s);

/* YAML 1.1 as sigs.k8s.io/yaml reads it: implicit types, anchors refused past LIMIT_YAML_BYTES of expansion, keys
 * become strings. */
/* first document; error if there is a second */
struct json *yaml_parse(struct arena *a, struct str text, struct err *err);
/* The same, keeping where every value stands, for errors that point at it. *marks is set also on error, lives in the arena, and is
 * searched linearly: for errors, not for work. Lines and columns count from 1; 0: not known (a value that an alias copied deep
 * inside). */
struct yaml_marks;
struct yaml_mark { unsigned line, column; };
struct json *yaml_parse_marked(struct arena *a, struct str text, const struct yaml_marks **marks, struct err *err);
bool yaml_parse_all_marked(struct arena *a, struct str text, const struct yaml_marks **marks, struct json **docs_array,
                           struct err *err);
struct yaml_mark yaml_mark(const struct yaml_marks *marks, const struct json *node);
/* of its key, where it has one */
struct yaml_mark yaml_key_mark(const struct yaml_marks *marks, const struct json *node);
/* where reading failed */
struct yaml_mark yaml_wrong(const struct yaml_marks *marks);
/* a JSON array of the non-empty documents */
bool yaml_parse_all(struct arena *a, struct str text, struct json **docs_array, struct err *err);

/* -- read -- */
enum json_type json_type(const struct json *j);      /* JSON_NULL for NULL */
bool json_is(const struct json *j, enum json_type t);/* false for NULL pointer, also with JSON_NULL */
struct json *json_getn(const struct json *obj, struct str key);                      /* borrowed or NULL */
static inline struct json *json_get(const struct json *obj, const char *key)
{
    return json_getn(obj, str_c(key));
}

/* "spec.template.metadata.labels", array index by number; keys with dots cannot be reached */
struct json *json_path(const struct json *j, const char *path);
struct str json_str(const struct json *j);           /* of a string node, else empty */
static inline struct str json_get_str(const struct json *obj, const char *key)
{
    return json_str(json_get(obj, key));
}

struct str json_path_str(const struct json *obj, const char *path);
int64_t json_int(const struct json *j, int64_t dflt);/* JSON_INT, or JSON_FLOAT with no fraction; else dflt */
int64_t json_get_int(const struct json *obj, const char *key, int64_t dflt);
int64_t json_path_int(const struct json *obj, const char *path, int64_t dflt);
double  json_double(const struct json *j, double dflt);
bool json_bool(const struct json *j, bool dflt);
bool json_get_bool(const struct json *obj, const char *key, bool dflt);
size_t json_len(const struct json *j);               /* children of an array or object, else 0 */
struct json *json_at(const struct json *arr, size_t i);                              /* NULL past the end */
struct json *json_first(const struct json *j);       /* children of an array or object in order: */
struct json *json_next(const struct json *child);    /*   for (c = json_first(j); c; c = json_next(c)) */
struct str json_key(const struct json *child);       /* its name in its object; empty in an array */
/* order of keys does not matter; 1 equals 1.0 */
bool json_equal(const struct json *a, const struct json *b);

/* -- the text of an object or array member by member, without a tree (json_walk.c). For text that is known to be JSON. -- */
struct json_walk { struct str rest; bool object; };
bool json_walk_begin(struct json_walk *w, struct str text);                          /* false: it is neither */
/* key: as it is written, without quotes (empty in an array); value: its text. False after the last, or where it is no JSON. */
bool json_walk_next(struct json_walk *w, struct str *key, struct str *value);
/* The same in two halves: to a member's value, and over it; between them an inner walk may begin at rest. */
bool json_walk_key(struct json_walk *w, struct str *key);
bool json_walk_value(struct json_walk *w, struct str *value);
/* Does it stand before its closing bracket: has it seen all? rest: what is behind that. */
bool json_walk_end(const struct json_walk *w, struct str *rest);
struct str json_walk_member(struct str object, const char *key);                     /* the last of that name; empty: none */

/* -- make and change; `val` passes to the parent -- */
struct json *json_null(struct arena *a);
struct json *json_new_bool(struct arena *a, bool v);
struct json *json_new_int(struct arena *a, int64_t v);
struct json *json_new_double(struct arena *a, double v);
struct json *json_new_str(struct arena *a, struct str s);
struct json *json_new_strc(struct arena *a, const char *s);
struct json *json_new_array(struct arena *a);
struct json *json_new_object(struct arena *a);
struct json *json_copy(struct arena *a, const struct json *j);                       /* deep */
void json_setn(struct arena *a, struct json *obj, struct str key, struct json *val); /* replaces in place or appends */
static inline void json_set(struct arena *a, struct json *obj, const char *key, struct json *val)
{
    json_setn(a, obj, str_c(key), val);
}

void json_set_str(struct arena *a, struct json *obj, const char *key, struct str s);
void json_set_strc(struct arena *a, struct json *obj, const char *key, const char *s);
void json_set_int(struct arena *a, struct json *obj, const char *key, int64_t v);
void json_set_bool(struct arena *a, struct json *obj, const char *key, bool v);
/* the object under key, made if absent or null */
struct json *json_ensure(struct arena *a, struct json *obj, const char *key);
struct json *json_ensure_array(struct arena *a, struct json *obj, const char *key);
struct json *json_removen(struct json *obj, struct str key);                         /* detached child or NULL */
static inline struct json *json_remove(struct json *obj, const char *key)
{
    return json_removen(obj, str_c(key));
}

void json_append(struct json *arr, struct json *val);
void json_insert(struct json *arr, size_t i, struct json *val);                      /* i == len appends */
struct json *json_remove_at(struct json *arr, size_t i);
void json_replace(struct json *parent, struct json *old_child, struct json *new_child); /* keeps place and, in an object, key */
void json_sort_keys(struct json *obj);               /* bytewise by key, this object only */

/* json_buildf(a, "{'kind': %s, 'n': %d, 'ok': %b, 'spec': %j, 'name': %S, %k: 1}", cstr, int64, int, node, str, cstr)
 * JSON text in which ' may stand for ". %s C string (NULL writes null), %S struct str, %d int64_t, %f double, %b bool (int),
 * %j struct json * (moved in, not copied; NULL writes null), %k a C string as an object key. Anything else in the text
 * is literal. A format that is not JSON is a bug and ASSERTs. */
struct json *json_buildf(struct arena *a, const char *fmt, ...);

#endif
