/* labs/labs_priv.h - between the files of this room. */
#ifndef LABS_LABS_PRIV_H
#define LABS_LABS_PRIV_H

#include "labs/labs.h"

/* run.c: an object of a manifest sent to where it lives. *wrong: why it was refused, in the API server's words, or NULL. False: nobody answers. */
struct object_request { const char *method, *type, *query; const struct json *body; };
bool object_send(struct arena *a, const struct labs_ops *ops, const struct json *o, const struct object_request *q, const char **wrong, struct err *err);

const char *action_name(enum action action);       /* scenario.c: "apply" */
/* timeline.c: what the autoscalers see at this moment, appended to t->samples. False when nobody answers. */
bool sample_take(struct arena *a, struct arena *scratch, const struct labs_ops *ops, struct timeline *t, int64_t now_ns, struct err *err);

#endif
