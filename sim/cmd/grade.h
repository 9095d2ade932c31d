/* sim/cmd/grade.h - between grade.c (one submission) and grade_roster.c (a class). */
#ifndef SIM_CMD_GRADE_H
#define SIM_CMD_GRADE_H

#include "labs/grade.h"
#include "sim/cmd/cmd.h"

struct grade_job {
    struct arena *a;
    const struct options *o;
    const struct lab *lab;             /* with the checks that a course adds */
    const struct report_format *format;
    const char *submission, *student, *out;        /* out: the report's file; NULL: standard output. submission "": nothing was handed in */
    int64_t     timeout_ns;            /* wall time for all of it */
    bool        quiet;                 /* nothing on standard error */
    struct grade grade;                /* the result */
};
/* Judge it and write the report. The command's exit status. */
int grade_one(struct grade_job *j);
/* Every submission of o->roster, judged like j, into the folder o->out. */
int grade_roster(const struct grade_job *j);

#endif
