/* labs/fault_words.h - a fault in few words, as a scenario's step and a lab.yaml write it: read, and held against the catalogue
 * (sim/fault), so that a typing error is told with its place before anything starts.
 */
#ifndef LABS_FAULT_WORDS_H
#define LABS_FAULT_WORDS_H

#include "labs/spec.h"

struct fault_words {
    const char  *name;                 /* the object's */
    struct json *spec;                 /* as the object has it; NULL: the object of that name is to be cleared */
    int64_t      lasts_ns;             /* 0: until it is cleared */
};
/* {inject: TYPE, name, parameters, duration} or {clear: NAME}. False with err set. */
bool fault_read(struct spec *s, const struct json *v, struct fault_words *f);
/* A lab's `faults`: a list of types and of {inject: TYPE, name, parameters}, each of another name, into an array of Fault objects.
 * example: what depends on values that are not known yet (null) is left out. NULL with err set. */
struct json *faults_read(struct spec *s, const struct json *list, bool example);
/* A copy whose numbers are texts: what the API wants of a map of strings, and of a rate. */
struct json *json_as_text(struct arena *a, const struct json *v);

#endif
