/* labs/predicate_priv.h - between the files of the predicates: predicate.c (the parent), predicate_child.c (jq), predicate_diff.c
 * (what passes between them). */
#ifndef LABS_PREDICATE_PRIV_H
#define LABS_PREDICATE_PRIV_H

#include "labs/labs.h"

/* ---- the frames: to the child a length (8 bytes) and ops; back a verdict (1 byte), a length (4) and words ---- */
bool frame_put(int fd, const void *p, size_t n);       /* false: the other end is gone */
bool frame_get(int fd, void *p, size_t n);
enum { WORDS_BYTES = 1024 };           /* at most, of an answer */
enum { WORKER_ENDED = 0x80 };          /* with a verdict: the worker that knew the last document is gone */

/* ---- a document on its way: only what has changed since the last one ----
 * A document's members, and those of members that are objects, are places, numbered in their order; a place holds one value, or
 * an array. Numbers are 4 bytes.
 *   'P' KEY1 KEY2      from here on, this place: keys are a length (2 bytes) and bytes; KEY2's length NO_KEY: the member itself
 *   'S' PLACE          it holds what that place of the last document held
 *   'V' N BYTES        a value, or an array's next element: its length and text
 *   'A' PLACE          it holds an array, whose elements follow: values, and
 *   'C' FROM N           n elements from number `from` on that this place of the last document had
 * A text that is no object of JSON goes whole: 'X' N BYTES. */
enum { NO_KEY = 0xffff };
struct diff;
struct diff *diff_new(void);
void diff_free(struct diff *d);        /* accepts NULL */
/* Appends the ops that lead from the last document to this one. Pure but for what it remembers. */
void diff_write(struct diff *d, struct str document, struct strbuf *ops);

/* ---- the child ---- */
/* One program, which evaluates the .i-th of the expressions over .document. NULL: one of them cannot stand in it. */
const char *predicate_program(struct arena *a, const char *const *texts, size_t n);
/* Compile it here, for children that are to compile the same. */
void predicate_make_ready(const char *program);
/* in memory that both sides have: which expression is being looked at */
struct predicate_shared { size_t compiling; };
_Noreturn void predicate_child(int fd, const char *const *texts, size_t n, const struct predicate_limits *l,
                               struct predicate_shared *shared);

#endif
