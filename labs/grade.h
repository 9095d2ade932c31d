/* labs/grade.h - judging what somebody hands in: the submission, its grade, and the grade as the classroom tools read it.
 *
 * In order: submission_take, grade_new, then a scenario with grade_hooks (or grade_judge alone, for a cluster that is there
 * already), report_write.
 */
#ifndef LABS_GRADE_H
#define LABS_GRADE_H

#include "labs/labs.h"

/* ---- submission.c: what was handed in, copied; nothing of it is executed here ---- */
struct submission {
    const char *dir;                   /* the copy */
    const char *script;                /* to be run in the lab's shell, within dir; NULL: the manifests are applied */
    const char *context;               /* the folder nearest to the top that has a Dockerfile, or NULL */
    /* [{source, object}], in kubectl's order: folders and files by name; `source` is within the submission */
    struct json *objects;
    struct json *problems;             /* [{source, message}]: what is there and cannot be used */
};
/* Copy the file or folder at path into the folder `to`, which does not exist (an archive's files, unpacked in `to`.unpacked
 * first), and read its manifests. Links are not followed, special files not opened; both are problems. A file that is named *.sh
 * or begins with "#!" is a script; a folder has one only if `script` names it. False: ERR_NOT_FOUND, there is none;
 * ERR_TOO_LARGE, ERR_INVALID. */
bool submission_take(struct arena *a, const char *path, const char *script, const char *to, struct submission *s, struct err *err);

/* ---- grade.c ---- */
enum grade_status {
    GRADE_COMPLETE,
    GRADE_BROKEN,                      /* nothing that could be judged was handed in */
    GRADE_TIMEOUT, GRADE_INTERRUPTED,  /* what was judged until then counts */
    GRADE_DIVERGED,                    /* a journal that does not lead where it led */
    GRADE_ERROR,                       /* the grader's own fault */
};
enum grade_state { GRADE_PASSED, GRADE_FAILED, GRADE_BLOCKED /* what it depends on has not passed */,
                   GRADE_UNJUDGED /* no step came to it */ };
struct grade_check {
    const struct lab_step  *step;
    const struct lab_check *check;
    enum grade_state state;
    const char *message;               /* why it could not be judged, or NULL */
    int64_t     at_ns;                 /* since the beginning of the grading; of the last time that it was judged */
};
struct grade {
    struct arena *a;
    const struct lab *lab;
    const char *kind;                  /* "manifests", "script", "data", "journal" */
    const char *student;               /* NULL: not said */
    bool        show_hidden;           /* in what is written: as the instructor sees it */
    int64_t     seed, begin_ns, length_ns;         /* of the scenario; on the virtual clock; when it was last judged, since then */
    enum grade_status status;
    const char *message;               /* what went wrong, or NULL */
    struct submission submission;
    struct json *objects;              /* [{source, object, ok, message}]: how each was taken; [] until then */
    struct json *steps;                /* of the scenario, as in its time line; NULL: there was none */
    struct json *sandbox;              /* {level, measures}, of a script; else NULL */
    const char *output;                /* of a script, else NULL */
    struct grade_check *v; size_t n;   /* every check of the lab */
    struct labs_grading hooks;
};
/* submit: how a script is run (see labs_grading.submit; ctx is the grade), or NULL: manifests alone. */
void grade_begin(struct grade *g, struct arena *a, const struct lab *lab);
/* For labs_ops.grading: manifests are applied as `kubectl apply --server-side` would, each that is refused remembered. */
bool grade_apply(void *ctx, struct arena *a, const struct labs_ops *ops, bool *good, const char **what, struct err *err);
/* Judge the cluster as it is: for one that was handed in. */
bool grade_judge(struct grade *g, const struct labs_ops *ops, struct err *err);
struct grade_sum { size_t n, passed; int64_t points, max_points; };
/* Of the checks that are hidden, or of those that are not. */
struct grade_sum grade_sum(const struct grade *g, bool hidden);
bool grade_passed(const struct grade *g);          /* complete, and every check passed */
const char *grade_status_name(enum grade_status s);
const char *grade_state_name(enum grade_state s);
/* "7 of 9 visible checks pass; 2 hidden" */
const char *grade_headline(struct arena *a, const struct grade *g);

/* ---- report.c (text, JSON), report_tools.c (JUnit, Gradescope, PrairieLearn, Autolab, TAP) ---- */
struct report_format { const char *name, *extension; void (*write)(struct arena *a, const struct grade *g, struct strbuf *out); };
/* NULL: there is no such format */
const struct report_format *report_format_find(const char *name);
#define REPORT_FORMATS "text, json, junit, gradescope, prairielearn, autolab and tap"

#endif
