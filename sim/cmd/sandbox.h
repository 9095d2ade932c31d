/* sim/cmd/sandbox.h - a student's script, run driven (drive.h) and confined with what the system allows.
 *
 * Nothing here needs to be root or to be allowed anything. What is to be had is tried in a child first, together, and what fails
 * there is left out; the result tells what was in force, and a caller that requires a level is refused before anything of the
 * student's has run.
 *
 *   struct sandbox box;                          a folder of its own, to which nothing of the grader's belongs
 *   sandbox_open(a, &box, &err);                 then: fill box.home (the lab's files, the submission)
 *   sandbox_run(a, &box, &job, &result, &err);   on a cluster whose clock stands
 *   sandbox_close(&box);
 */
#ifndef SIM_CMD_SANDBOX_H
#define SIM_CMD_SANDBOX_H

#include "sim/cmd/cmd.h"

#include <sys/types.h>

/* Each includes those before it. */
enum sandbox_level {
    SANDBOX_NONE,
    SANDBOX_LIMITS,                    /* rlimits, budgets, no new privileges */
    /* and: it writes nowhere but at home, reads nothing but the system's public files (Landlock), asks for no system call of the
     * table */
    SANDBOX_CONFINED,
    SANDBOX_ISOLATED,                  /* and: it reaches no process but its own, and no TCP port but the cluster's */
};
const char *sandbox_level_name(enum sandbox_level level);          /* "none", "limits", "confined", "isolated" */
bool sandbox_level_parse(struct str name, enum sandbox_level *level);

/* Of all of the script's processes together, unless said otherwise. */
struct sandbox_limits {
    int64_t  virtual_ns;
    unsigned wall_s, cpu_s;
    unsigned threads;                  /* at once, as the kernel counts (a kubectl has ten) */
    size_t   memory_bytes;             /* private memory; a single process may reserve as much */
    size_t   file_bytes, disk_bytes;   /* a single file; all below its folder */
    size_t   output_bytes, keep_bytes; /* more output than this ends it; this much of it is kept */
};
extern const struct sandbox_limits sandbox_limits_default;         /* 1 h of virtual time, 20 min of wall, 2 of CPU, ... */

struct sandbox { char *folder, *home; };           /* home: where the script runs, its HOME; below folder */

struct sandbox_job {
    const struct options *cluster;     /* its data folder; the cluster is this user's, and its clock stands */
    const char *script;                /* a file's path below home; with "#!" it is run by what stands there, else by bash */
    const struct sandbox_limits *limits;           /* NULL: the default */
    enum sandbox_level require;        /* SANDBOX_NONE: whatever there is */
    bool      (*stopped)(void *ctx); void *ctx;    /* somebody wants the work to end (SANDBOX_INTERRUPTED); may be NULL */
};

/* What ended it, when it was not the script itself. */
enum sandbox_end {
    SANDBOX_ENDED, SANDBOX_VIRTUAL, SANDBOX_WALL, SANDBOX_CPU, SANDBOX_THREADS, SANDBOX_MEMORY, SANDBOX_DISK, SANDBOX_OUTPUT,
        SANDBOX_INTERRUPTED,
    SANDBOX_BROKEN,                    /* its supervisor was killed, or the cluster is gone */
};
struct sandbox_result {
    int                status;         /* the script's exit status, 128 + N when signal N ended it; -1 when it was ended (end) */
    enum sandbox_end   end;
    const char        *why;            /* in words, "it used up its 1h0m0s of virtual time and was ended"; "" for SANDBOX_ENDED */
    /* both streams, as they came; the folder's path reads as /home/user, where the lab's user lives */
    struct str         output;
    bool               output_cut;     /* there was more */
    enum sandbox_level level;
    /* [{"name": "seccomp", "on": true}, {"name": "landlock", "on": false, "why": "..."}], in a fixed order */
    struct json       *measures;
};

/* A folder below $TMPDIR. False: ERR_IO. */
bool sandbox_open(struct arena *a, struct sandbox *box, struct err *err);
/* Also when the script made its files unreadable. */
void sandbox_close(struct sandbox *box);
/* What could be had here now, without running anything: the measures in r->measures and r->level. */
void sandbox_probe(struct arena *a, const struct sandbox *box, const struct sandbox_job *job, struct sandbox_result *r);
/* Waits for the script's end; nothing of it is left then. False: it did not run: ERR_FORBIDDEN, the level that is required cannot
 * be had (r is filled as by sandbox_probe); ERR_REFUSED, no cluster; ERR_USAGE, ERR_IO. Meanwhile the cluster's control socket
 * answers nobody but this process (POST /door). */
bool sandbox_run(struct arena *a, const struct sandbox *box, const struct sandbox_job *job, struct sandbox_result *r, struct err *err);

/* Whose a cluster is to be that scripts will be run on: this user's; or, for a root that may become another but not look at
 * another's processes (as in most containers), a user's who has nothing else. */
uid_t sandbox_cluster_user(void);
void sandbox_give(const char *path, uid_t uid);    /* with all below it; root can */

/* ---- pure, for tests ---- */
enum sandbox_measure { MEASURE_NAMESPACES, MEASURE_USER, MEASURE_LIMITS, MEASURE_LANDLOCK, MEASURE_PORTS, MEASURE_SCOPE,
                       MEASURE_SECCOMP, MEASURE_COUNT };
/* on: bits 1 << measure */
enum sandbox_level sandbox_level_of(unsigned on);
/* "time=2h,wall=30s,cpu=10s,threads=100,memory=256Mi,file=1Mi,disk=10Mi,output=1Mi,keep=4Ki": those that are named, the others
 * stay. ERR_USAGE names the wrong one. */
bool sandbox_limits_parse(struct str text, struct sandbox_limits *limits, struct err *err);
/* Control characters as ^X, what is no UTF-8 as U+FFFD, CR LF as a line's end. */
struct str sandbox_printable(struct arena *a, struct str text);
/* Without what real clients print of the machine they run on: the heads of their log lines, "E1128 13:15:36.200885      18
 * memcache.go:265] ...", have the wall's time and a process's number, which read as "E0101 00:00:00.000000       1
 * memcache.go:265] ...". */
struct str sandbox_steady(struct arena *a, struct str text);

#endif
