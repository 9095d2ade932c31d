/* apiserver/schema/go_value.h - objects as Go's structs, for messages that quote them; nobody outside of this room includes it. */
#ifndef APISERVER_SCHEMA_GO_VALUE_H
#define APISERVER_SCHEMA_GO_VALUE_H

#include "apiserver/schema/schema_priv.h"

enum go_kind { GO_LITERAL, GO_STRING, GO_STRUCT, GO_SLICE, GO_MAP, GO_POINTER };
struct go_value {                      /* all in one arena */
    enum go_kind     kind;
    bool             nil, zero;        /* nil: of slices, maps and pointers */
    bool             named_keys;       /* a map's keys have a type with a String method */
    struct str       type, name, text; /* Go's name of the type; field or key; what strings and literals are */
    struct go_value *first, *next;
    size_t           n;
};
/* obj as a struct of the type of this full name (io.k8s.api.core.v1.PodSpec); NULL when there is none of that name. */
struct go_value *go_value_of(struct arena *a, const struct schema *s, const char *type, const struct json *obj);

#endif
