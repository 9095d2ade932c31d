/* labs/spec.h - reading a YAML file of this room into a struct by a table of fields, with errors that point at file, line and
 * column. */
#ifndef LABS_SPEC_H
#define LABS_SPEC_H

#include "labs/labs.h"

struct spec {
    struct arena *a;
    const char   *file;
    const struct yaml_marks *marks;
    const struct param_shift *shifts;  /* where values were put into the text (params.h), or NULL */
    const struct json *values;         /* to be put into the files that this one names, or NULL */
    struct err   *err;
};

enum spec_type {
    SPEC_TEXT,                         /* const char *, not empty */
    SPEC_BOOL,                         /* bool */
    SPEC_INT,                          /* int64_t, not negative */
    SPEC_DURATION,                     /* int64_t ns, as Go writes them, not negative */
    SPEC_TIME,                         /* int64_t ns since 1970 UTC, RFC 3339 */
    SPEC_VERSION,                      /* const char *, one that a cluster may be */
    SPEC_NAMES,                        /* struct json *, an array of strings */
    SPEC_LIST,                         /* struct json *, an array */
    SPEC_ANY,                          /* struct json * */
};
struct spec_field { const char *key; enum spec_type type; size_t offset; bool required; };

/* NULL with err "FILE:LINE:COLUMN: what" */
struct json *spec_open(struct spec *s, struct arena *a, const char *file, struct str text, struct err *err);
/* Read obj by its fields into the struct at out. what names it in errors ("a step"). A key that no field has is refused. */
bool spec_read(struct spec *s, const struct json *obj, const char *what, const struct spec_field *fields, size_t count, void *out);
/* Both return false with err set; the first points at a value, the second at its key. */
bool spec_fail(struct spec *s, const struct json *node, const char *fmt, ...) PRINTF(3, 4);
bool spec_fail_key(struct spec *s, const struct json *node, const char *fmt, ...) PRINTF(3, 4);

/* "FILE:LINE:COLUMN" of a value, "FILE" where that is not known. */
const char *spec_where(const struct spec *s, struct yaml_mark at);

/* The YAML parser's words without where they say they are, since that is said better by who knows the file. */
const char *spec_words(struct arena *a, const char *msg);

#endif
