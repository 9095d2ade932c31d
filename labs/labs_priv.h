/* labs/labs_priv.h - between the files of this room. */
#ifndef LABS_LABS_PRIV_H
#define LABS_LABS_PRIV_H

#include "labs/labs.h"

const char *action_name(enum action action);       /* scenario.c: "apply" */
/* timeline.c: what the autoscalers see at this moment, appended to t->samples. period: the time since the last sample. False when nobody answers. */
bool sample_take(struct arena *a, struct arena *scratch, const struct labs_ops *ops, int64_t period_ns, struct timeline *t, int64_t now_ns, struct err *err);

#endif
