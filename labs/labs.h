/* labs/labs.h - labs as data, checks of what is and what happened, and scenarios on the virtual clock.
 *
 * This room speaks to a cluster as anybody does: by requests to its API, and by what the commands can do besides (move the clock,
 * run a line in the lab's shell, build an image). Both are given to it as `struct labs_ops`; sim/cmd fills them in.
 */
#ifndef LABS_LABS_H
#define LABS_LABS_H

#include "sim/base/base.h"
#include "sim/base/json.h"

/* ---- the world, as the commands give it ----
 * Each returns false with err set when the cluster cannot be reached (ERR_REFUSED) or when it refused. */
struct labs_ops {
    void *ctx;
    /* One request as kubernetes-admin. type: of a patch ("json", "merge", "strategic", "apply"), else NULL. *status is HTTP's; an
     * error of the API is no failure of the call. ERR_UNAVAILABLE: the cluster has no API server that would answer. */
    bool (*api)(void *ctx, struct arena *a, const char *method, const char *path, const char *type, const struct json *body,
                int *status, struct str *reply, struct err *err);
    /* The cluster's part of the document (document.c), JSON, made at one moment and leaving no trace; history: with that of the
     * cluster itself. */
    bool (*document)(void *ctx, struct arena *a, bool history, struct str *text, struct err *err);
    /* {"samples": [{t, time, hpa, served, millicores, usagePercent, targetPercent, current, desired, ready}]}: each autoscaler at
     * this moment */
    /* NULL: none are taken, and the document has the cluster's own history */
    bool (*samples)(void *ctx, struct arena *a, struct str *text, struct err *err);
    bool (*now)(void *ctx, int64_t *unix_ns, struct err *err);                 /* the virtual clock */
    bool (*advance)(void *ctx, int64_t ns, struct err *err);
    /* A line in the lab's shell, driven: the clock goes on while it waits, and is somewhere else afterwards. output: what it
     * printed, bounded. */
    bool (*shell)(void *ctx, struct arena *a, const char *line, int *status, struct str *output, struct err *err);
    /* docker image build -t tag, the clock moving second by second until it is done. The context is at `beside` or else at `dir`
     * in the shell's home. */
    bool (*build)(void *ctx, const char *beside, const char *dir, const char *tag, struct err *err);
    bool (*stopped)(void *ctx);                                                /* somebody wants the work to end */
    /* of a submission that is being graded; NULL: there is none */
    const struct labs_grading *grading;
};

/* ---- catalog.c, lab.c, source.c: labs, of the binary and from folders and packs ---- */
struct lab_source;
struct param;
struct lab_check {
    const char *name, *jq;
    const char *rationale, *help;      /* why it matters; what to look at when it fails. Either may be NULL. */
    const char *depends;               /* the name of a check that has to pass first, or NULL */
    const char *where;                 /* FILE:LINE:COLUMN of its expression */
    int64_t     points;
    bool        hidden;                /* a student is told how many there are, not what they are */
    struct lab_check *next;
};
struct lab_step {
    const char *id, *title, *section;  /* section: the heading of the guide that it belongs to, or NULL */
    struct lab_check *checks;
    struct json *hints;                /* of strings, from gentle to plain */
    struct lab_step *next;
};
/* fails: names of the checks that have to fail */
struct lab_wrong { const char *name, *scenario; struct json *fails; struct lab_wrong *next; };
struct lab {
    const char *name, *label, *title, *version;     /* "lab8", "Lab 8", one line, "v1.16" */
    const char *guide, *play, *solution;    /* files of the lab's folder, or NULL */
    /* scenarios: what is done to the cluster before the student comes; how a submission is led and judged. Or NULL */
    const char *start, *grade;
    const char *explanation;           /* what is said once all checks pass, or NULL */
    int64_t     age_ns;                /* how old its cluster is when it begins */
    struct json *faults;               /* an array of Fault objects: what is wrong from the start */
    struct json *given, *student;      /* folders below files/: what the lab gives, and what the student writes */
    struct json *steers;               /* resources of lab.kubelab.dev that a script may write although it is graded */
    struct lab_step *steps;
    struct lab_wrong *wrong;
    const struct param *parameters;    /* declared (params.h) */
    const struct json *params;         /* their values, which stand in all texts above */
    const struct lab_source *source;
};

/* The lab of that name, as this process sees it; NULL: there is none. A lab of the binary that cannot be read is a bug and asserts. */
const struct lab *lab_find(const char *name);
/* A lab by its name, or by a folder with a lab.yaml or a pack (what has a slash, or is no lab's name). Such a one takes the place
 * of one of its name for as long as this process lives. NULL with ERR_PARSE or ERR_USAGE. */
const struct lab *lab_open(const char *what, struct err *err);
/* From now on this process sees the lab with these values of its parameters: in every text of it, and in what lab_find gives.
 * Until then they are examples, drawn from nothing. The lab given stays valid. NULL with err set: a value is missing. */
const struct lab *lab_choose(const struct lab *lab, const struct json *values, struct err *err);
/* From now on this process sees the lab with the checks of that file besides: a mapping of `steps`, as in lab.yaml, and `checks`,
 * of a step of their own; hidden unless they say otherwise. NULL with ERR_PARSE "FILE:LINE:COLUMN: what" or ERR_USAGE. */
const struct lab *lab_add_checks(const struct lab *lab, const char *file, struct err *err);
/* Where it was opened from, absolute; NULL: the binary */
const char *lab_from(const struct lab *lab);
/* small letters, digits and -, a letter first, at most 40 */
bool lab_name_ok(const char *name);
/* cursor from 0; NULL after the last */
const struct lab *lab_next(size_t *cursor);
const struct lab_step *lab_step_find(const struct lab *lab, const char *id);
/* "lab8", "play.txt" -> its bytes as they are written; empty when it is not there */
struct str lab_file(const char *lab, const char *path);
/* Its files below a folder ("files/hpa"; "" all), in order of path: the path within the lab, valid forever; NULL after the last.
 * cursor from 0. */
const char *lab_file_next(struct arena *a, const char *lab, const char *folder, size_t *cursor, struct str *bytes);
/* Such bytes with the lab's values in the place of `${name}`; where it has no parameters, and where they are no text, as they are. */
bool lab_text(struct arena *a, const struct lab *lab, const char *path, struct str bytes, struct str *text, struct err *err);
/* Write what the lab gives below dir; all: the student's own files too. ERR_USAGE: a file is there that is not as the lab gives it;
 * it stays as it is. */
bool lab_files_write(const struct lab *lab, const char *dir, bool all, struct err *err);
/* The lab as one file that lab_open opens. all: also its solution, its wrong ones and its grading, which are not for students.
 * digest: of its manifest, hex. */
bool lab_pack(struct arena *a, const struct lab *lab, bool all, struct str *pack, struct str *digest, struct err *err);
/* Parse a lab.yaml, with examples for its parameters (derived ones are null): file names it in errors, "FILE:LINE:COLUMN: what". */
struct lab *lab_parse(struct arena *a, const char *file, struct str text, struct err *err);

/* ---- predicate.c: jq expressions, compiled once in a child process and evaluated there under limits ---- */
struct predicate_set;
struct predicate_limits { unsigned cpu_s, wall_s; size_t memory_bytes; };        /* of each expression */
extern const struct predicate_limits predicate_limits_default;
enum { PREDICATES_MAX = 512 };
enum predicate_verdict { PREDICATE_TRUE, PREDICATE_FALSE, PREDICATE_ERROR, PREDICATE_LIMIT };
struct predicate_result {
    enum predicate_verdict verdict;    /* TRUE: every output is neither false nor null, and there is at least one */
    /* TRUE, FALSE: the last output, JSON ("" when there was none); ERROR, LIMIT: what was wrong, in words */
    struct str text;
};
/* One child for n expressions. Begins to compile, and does not wait: several sets do it at once. NULL with ERR_IO when no process
 * can be made, ERR_PARSE when they are more than PREDICATES_MAX. limits: NULL for the default. */
struct predicate_set *predicate_set_new(const char *const *texts, size_t n, const struct predicate_limits *limits, struct err *err);
/* Waits for the compiler. False with ERR_PARSE and jq's words: the expression of index *wrong is no jq. wrong may be NULL. */
bool predicate_set_ready(struct predicate_set *s, size_t *wrong, struct err *err);
/* Sets of the same expressions that this process, or one that it forks, makes from now on are ready at once: they are compiled here as
 * well, now that the child has done it within its limits. One such program at a time; nothing happens when the set is not ready. */
void predicate_set_keep(struct predicate_set *s);
/* The expressions of these indices over one document (JSON), each under its own limits: results has n places. */
void predicate_set_eval(struct predicate_set *s, struct arena *a, struct str document, const size_t *which, size_t n,
                        struct predicate_result *results);
struct predicate_result predicate_set_eval_one(struct predicate_set *s, struct arena *a, struct str document, size_t which);
void predicate_set_free(struct predicate_set *s);                /* accepts NULL */

/* ---- document.c: what checks and conditions look at ---- */
struct document_of {                   /* what the asker adds to what the cluster tells; each may be NULL */
    const char *lab;
    const struct json *history;        /* what a scenario has sampled so far; NULL: the cluster's own */
    const struct json *params;         /* an object */
    const struct json *transcript;     /* an array of {t, line, status, output}: what was typed in the lab's shell, and printed */
};
/* The text of {lab, params, transcript, history, clock, apiServer, objects, events, metrics, hpa, audit, auditLeftOut}; README.md
 * tells what is in it. Empty with err set when the cluster does not answer. */
struct str document_make(struct arena *a, const struct labs_ops *ops, const struct document_of *of, struct err *err);
/* The pure half: from what the cluster told, an object's text. */
struct str document_complete(struct arena *a, const struct document_of *of, struct str from_cluster);
/* For who makes the cluster's part: one element of `hpa`. hpa: in autoscaling/v1; decisions: texts of its decisions, comma
 * between them. */
void document_autoscaler(struct strbuf *out, const struct json *hpa, struct str decisions);
/* The path of a resource by discovery: name NULL for the collection. NULL with err set when the server has no such kind. */
const char *document_path(struct arena *a, const struct labs_ops *ops, struct str api_version, struct str kind, struct str ns,
                          const char *name, struct err *err);

/* ---- check.c ---- */
enum check_state { CHECK_PASSED, CHECK_FAILED, CHECK_BLOCKED /* what it depends on has not passed */ };
struct check_outcome { const struct lab_step *step; const struct lab_check *check; enum check_state state; const char *message; };
struct check_report { const struct lab *lab; struct check_outcome *v; size_t n, passed; int64_t points, max_points; };
/* A lab's expressions in a set, from index first on, in the order of its steps and checks. */
struct checks_compiled { const struct lab *lab; struct predicate_set *set; size_t first; };
size_t checks_count(const struct lab *lab);
void checks_texts(const struct lab *lab, const char **texts);    /* checks_count of them */
/* Is each expression jq? False: ERR_PARSE, with where the first one stands that is not. */
bool checks_compile(const struct lab *lab, struct err *err);
/* compiled: NULL, or of another lab: they are compiled for this once. step: NULL for all. of: NULL when there is nothing to add
 * but the lab's name. False with err set when the cluster could not be asked. */
bool checks_run(struct arena *a, const struct labs_ops *ops, const struct lab *lab, const struct checks_compiled *compiled,
                const char *step,
                const struct document_of *of, struct check_report *r, struct err *err);
/* What is unlike what was to be expected, in words; nothing when fails fail, those that depend on them may go unjudged, and all
 * others pass. fails: NULL: none. */
void check_report_differs(const struct check_report *r, const struct json *fails, struct strbuf *out);
void check_report_text(const struct check_report *r, struct strbuf *out);
struct json *check_report_json(struct arena *a, const struct check_report *r);

/* What a scenario that judges a submission is given beside the world: grade.c fills it in. */
struct labs_grading {
    void *ctx;
    const struct lab *lab;             /* its checks, and those that a course adds */
    const char *context;               /* the folder that `build` with the context "submission" builds; NULL: it holds no Dockerfile */
    /* Apply it, or run it (the clock may move). *good, *what: how that went, in words. False with err set: the cluster could not
     * be reached. */
    bool (*submit)(void *ctx, struct arena *a, const struct labs_ops *ops, bool *good, const char **what, struct err *err);
    /* by submit, for the transcript: a script's text, how it ended (-1: it was ended); line NULL: none */
    struct { const char *line; int status; struct str output; } ran;
    void (*judged)(void *ctx, const struct check_report *r, int64_t since_begin_ns);     /* every step `check`; the report dies soon */
};

/* ---- scenario.c: a script of what happens when ---- */
enum action { ACTION_SUBMIT, ACTION_APPLY, ACTION_PATCH, ACTION_DELETE, ACTION_CLOCK, ACTION_EXPECT, ACTION_CHECK, ACTION_RUN,
              ACTION_BUILD,
              ACTION_FAULT, ACTION_LOAD };
struct scenario_step {
    enum action action;
    unsigned    line;
    int64_t     at_ns;                 /* from the beginning; -1: at once, or when `when` holds */
    const char *name, *when_jq;        /* name: what the time line calls it */
    int64_t     timeout_ns, every_ns;  /* of when; how long to wait, and how often to look */
    struct json *objects;              /* APPLY, DELETE, FAULT, LOAD: an array */
    bool        clear;                 /* FAULT, LOAD: the object is deleted */
    int64_t     lasts_ns;              /* FAULT, LOAD: 0: until it is cleared */
    const char *patch_type; struct json *patch;    /* PATCH; its one object is in objects */
    int64_t     clock_ns;
    const char *text;                  /* CHECK: the lab; RUN: the line; BUILD: the tag; FAULT, LOAD: the object's name */
    const char *expect_jq;             /* EXPECT; CLOCK until it holds */
    /* of these: it has to hold within so long, or all the time for so long; how often to look */
    int64_t     within_ns, always_ns, look_ns;
    const char *dir;                   /* BUILD */
    const char *check_step;
    struct json *fails;                /* CHECK: names of checks that have to fail, all others to pass; NULL: all have to pass */
    size_t when, expect;               /* their indices in the scenario's set, where there are such */
    struct checks_compiled compiled;   /* CHECK: its lab's expressions are in that set too */
    struct scenario_step *next;
};
struct scenario {
    const char *name, *lab, *version;  /* lab, version: NULL when not said */
    const char *file, *dir;            /* where relative files are sought */
    int64_t     seed;                  /* the one that was chosen, else the file's, else 1 */
    const struct json *params;         /* the values of its parameters and its lab's, by name */
    int64_t     start_ns, duration_ns, sample_ns;  /* the beginning on the virtual clock; at least so long it lasts; between samples */
    const char *plot_hpa;              /* "namespace/name"; NULL: the first there is */
    struct scenario_step *steps;
    struct predicate_set *set;         /* all of its expressions; NULL: it has none, or was read without compiling */
};
/* How to read one. All may be empty: then its own seed decides its values. */
struct scenario_choice {
    bool        seed_given; int64_t seed;
    /* the seed of a student's variant (params_variant) takes the place of any other; NULL: none */
    const char *student; struct str key;
    const struct json *set;            /* values given by hand (params_draw), or NULL */
    const struct json *values;         /* all of them, as they are: those of a cluster that runs; else NULL */
    const struct lab *lab;             /* of this lab, whatever it says; NULL: the one that it names */
    bool        dry;                   /* files are not read, and nothing is evaluated */
};
/* NULL with err "FILE:LINE:COLUMN: what", or ERR_USAGE for what was chosen. The expressions are compiled, and live until
 * scenario_close. Its lab is from then on seen with the scenario's values (lab_choose). */
struct scenario *scenario_parse_with(struct arena *a, const char *file, struct str text, const struct scenario_choice *choice,
                                     struct err *err);
struct scenario *scenario_parse(struct arena *a, const char *file, struct str text, struct err *err);      /* as it is written */
/* A scenario that is played more than once: for each combination of its `grid` and each of its `seeds`. */
struct scenario_plan {
    bool        many;                  /* it has a grid or seeds */
    const char *name, *plot_hpa;       /* as they are written; plot_hpa may be NULL */
    struct json *combinations;         /* an array of objects, names to values: one, empty, without a grid */
    struct json *seeds;                /* an array of numbers, at least one */
    size_t      columns;               /* how many values the grid's last name has; 0: there is no grid */
};
bool scenario_plan(struct arena *a, const char *file, struct str text, struct scenario_plan *plan, struct err *err);
/* The same without reading the files that it names and without compiling anything: for fuzzing. */
struct scenario *scenario_read(struct arena *a, const char *file, struct str text, struct err *err);
/* Of the steps of a Scenario object, in a cluster of that lab (or NULL): no files, no shell and no builds. Errors say
 * "spec.steps[3]: what". */
struct scenario *scenario_of_object(struct arena *a, const char *name, const char *lab, const struct json *steps, struct err *err);
void scenario_close(struct scenario *s);

/* ---- run.c, timeline.c, plot.c ---- */
struct timeline {
    struct arena *a;
    const struct scenario *scenario;
    int64_t     begin_ns;              /* virtual, unix */
    struct json *steps, *samples;
    size_t      passed, failed;
    bool        interrupted;
};
/* say(ctx, line): progress as it happens, or NULL. The time line is filled also when it fails. False: the cluster could not be
 * reached; else see failed. */
bool scenario_run(struct arena *a, const struct scenario *s, const struct labs_ops *ops, void (*say)(void *ctx, const char *line),
                  void *ctx, struct timeline *t, struct err *err);
struct str timeline_json(const struct timeline *t);
struct str timeline_csv(const struct timeline *t);
/* One slide: load, usage and target, replicas, over the same time axis. */
struct str timeline_svg(const struct timeline *t);
/* The text itself, or as much of it as leaves room for three dots within so many letters. */
struct str plot_short(struct arena *a, struct str s, size_t letters);
/* A <text> of a slide, escaped. anchor: which of its ends is at x, "start", "middle" or "end". size: in pixels. */
void plot_text(struct strbuf *out, double x, double y, const char *anchor, int size, const char *colour, const char *weight,
               struct str text);

/* ---- compare.c: many runs ---- */
/* {verdict, failedSteps, peakPods, podMinutes, scalings, meanUsagePercent, peakUsagePercent, requests} of a time line as
 * timeline_json writes it (NULL: of none), of one autoscaler (NULL: the first). */
struct json *timeline_summary(struct arena *a, const struct json *timeline, const char *plot_hpa);
/* rows: an array of objects with the same keys, which are the heads of the columns. */
void compare_text(struct arena *a, const struct json *rows, struct strbuf *out);
void compare_csv(struct arena *a, const struct json *rows, struct strbuf *out);
/* runs: an array of {label, row, column, first (of its picture), seeds (how many lie in a picture), hpa, verdict, samples} */
struct str compare_svg(struct arena *a, const char *title, const struct json *runs);

#endif
