/* labs/labs_priv.h - between the files of this room. */
#ifndef LABS_LABS_PRIV_H
#define LABS_LABS_PRIV_H

#include "labs/labs.h"

/* run.c: an object of a manifest sent to where it lives. *wrong: why it was refused, in the API server's words, or NULL. False:
 * nobody answers. */
struct object_request { const char *method, *type, *query; const struct json *body; };
bool object_send(struct arena *a, const struct labs_ops *ops, const struct json *o, const struct object_request *q,
                 const char **wrong, struct err *err);

/* Where a lab's files are from: the binary, a folder or a pack. */
struct lab_bytes { const char *path; struct str bytes; };
struct lab_source {
    const char *from;                  /* the folder or pack it was opened from, absolute; NULL: the binary */
    const char *where;                 /* what stands before a file's path in errors */
    bool        pack;                  /* then what is not for students may be left out */
    struct lab_bytes *v; size_t n;     /* in order of path; never a lab.yaml's folder above */
    struct lab_bytes more;             /* a course's own checks, beside those of lab.yaml; path NULL: none */
};
/* source.c: what is a folder with a lab.yaml, or a pack. NULL with err set. */
struct lab_source *source_open(struct arena *a, const char *what, struct err *err);
/* pack.c: a pack's bytes. NULL with ERR_PARSE: it is none, or was changed. */
struct lab_source *pack_read(struct arena *a, const char *what, struct str bytes, struct err *err);
/* lab.c: its lab.yaml read, and the `${name}` of its other files checked. values: of its parameters, or NULL for examples. */
const struct lab *lab_of_source(struct arena *a, const struct lab_source *s, const struct json *values, struct err *err);

const char *action_name(enum action action);       /* step.c: "apply" */
/* step.c: read a step; the sources of apply and delete are not resolved yet. last_at: the time of the last step that had one.
 * NULL with err set. */
struct spec;
struct scenario_step *step_read(struct spec *s, const struct json *j, int64_t *last_at);
/* timeline.c: what the autoscalers see at this moment, appended to t->samples. False when nobody answers. */
bool sample_take(struct arena *a, struct arena *scratch, const struct labs_ops *ops, struct timeline *t, int64_t now_ns,
                 struct err *err);

#endif
