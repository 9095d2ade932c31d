/* sim/cmd/grade.h - between grade.c (one submission) and grade_roster.c (a class). */
#ifndef SIM_CMD_GRADE_H
#define SIM_CMD_GRADE_H

#include "labs/grade.h"
#include "sim/cmd/cmd.h"

enum { GRADE_CLUSTER_CPU_S = 300 };    /* CPU time of one submission's cluster */
struct grade_run;
struct grade_job {
    struct arena *a;
    const struct options *o;
    const struct lab *lab;             /* with the checks that a course adds */
    const struct report_format *format;
    const char *submission;            /* "": nothing was handed in */
    const char *student, *out;         /* out: the report's file; NULL: standard output */
    int64_t     timeout_ns;            /* wall time for all of it */
    bool        quiet;                 /* nothing on standard error */
    const char *shelf;                 /* where clusters are that several gradings begin with (shelf.c); NULL: none is shared */
    struct grade grade;                /* the result */
    struct grade_run *run;             /* while it is judged */
};
/* One submission on its way. */
struct grade_run {
    struct grade_job *j;
    struct arena *a;
    struct scenario *sc;
    struct stage stage;
    struct labs_ops *ops;
    bool        lab_broken;
    bool      (*stopped)(void *ctx);   /* ctx: this. Somebody wants an end, or the time is up */
};
/* Judge it and write the report. The command's exit status. */
int grade_one(struct grade_job *j);
/* The lab's expressions are compiled once for all gradings of this process and of those that it forks, as far as they have the same
 * values of its parameters (without a key). False: the lab, or the key, is wrong; j->student: one of those who are graded. */
bool grade_prepare(struct grade_job *j, struct err *err);
/* Every submission of o->roster, judged like j, into the folder o->out. */
int grade_roster(struct grade_job *j);

/* ---- grade_take.c ---- */
/* labs_grading.submit for a script: at its own home, driven and confined; what was in force goes into the grade. ctx: the grade of a
 * grade_job. */
bool grade_run_script(void *ctx, struct arena *a, const struct labs_ops *ops, bool *good, const char **what, struct err *err);
/* j->submission is a data folder: copied, and its cluster started as it is, the clock standing. ERR_NOT_FOUND, ERR_INVALID,
 * ERR_TOO_LARGE: what was handed in; ERR_IO: else. */
bool grade_take_data(struct grade_run *run, struct err *err);
/* j->submission is a journal: replayed, and its cluster left where the journal ends, the clock standing. *difference: it does not lead
 * where it led (journal.h, replay_kept); *pid: who is to be killed when the time is up. */
bool grade_take_journal(struct grade_run *run, volatile pid_t *pid, const char **difference, struct err *err);

#endif
