/* apiserver/openapi/help.h - what types and fields are for, in our own words: `kubectl explain`. */
#ifndef APISERVER_OPENAPI_HELP_H
#define APISERVER_OPENAPI_HELP_H

#include "apiserver/schema/schema.h"

/* The texts of help/ *.help, as one table. */
struct help;
struct help *help_read(void);                      /* the caller's: help_free */
void help_free(struct help *h);                    /* accepts NULL */
/* One line of text, whole sentences; NULL: nobody has described it. A custom kind's are those of its definition. They live as long
 * as h and t. */
const char *help_of_type(const struct help *h, const struct type *t);
const char *help_of_field(const struct help *h, const struct type *t, const struct field *f);
/* Of all texts: another build that says something else has another one. */
uint64_t help_digest(void);
/* For tests: every text with its name ("io.k8s.api.apps.DeploymentSpec.replicas"), in no order of meaning; false at the end. */
bool help_each(const struct help *h, size_t *cursor, struct str *name, const char **text);

#endif
