/* labs/roster.h - a class: who handed in what. */
#ifndef LABS_ROSTER_H
#define LABS_ROSTER_H

#include "sim/base/base.h"

enum { ROSTER_ROWS_MAX = 10000, ROSTER_BYTES_MAX = 4 * 1024 * 1024 };

struct roster_row {
    const char *student;               /* as it stands in the roster */
    /* the same as a file's name, one for each student: what is not a letter, a digit or one of -._~ is %XX, and so is a leading dot */
    const char *name;
    const char *submission;            /* as it stands there; may be empty: nothing was handed in */
    unsigned    line;                  /* 0: it is a file of a folder */
};
struct roster { struct roster_row *v; size_t n; };

/* A table with commas (RFC 4180: quotes, line ends of both kinds, a byte order mark), whose first line names its columns:
 * student, submission, and any others. A student stands in it once. False with err "FILE:LINE: what". */
bool roster_parse(struct arena *a, const char *file, struct str text, struct roster *r, struct err *err);
/* Every file and folder of a folder is a submission; a file's student is its name without .yaml, .yml, .json or .sh. Hidden ones
 * are left out. */
bool roster_folder(struct arena *a, const char *dir, struct roster *r, struct err *err);
/* A field of such a table, in quotes where it needs them. */
void roster_csv_field(struct strbuf *out, struct str field);

#endif
