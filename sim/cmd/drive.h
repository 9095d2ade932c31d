/* sim/cmd/drive.h - driven commands (`kubelab shell --drive -- CMD`): the cluster's side in drive.c, the command's in
 * drive_command.c. */
#ifndef SIM_CMD_DRIVE_H
#define SIM_CMD_DRIVE_H

#include "sim/cmd/cmd.h"

struct cluster;
struct http_exchange;

/* ---- the cluster's side: one command at a time is driven ---- */
struct drive;
struct drive *drive_new(struct cluster *c);
void drive_free(struct drive *d);                  /* accepts NULL; who is driven is told by the connection's end */
/* So many more of the open connections wait for nothing. */
void drive_leave_out(struct drive *d, int more);
bool drive_is_driving(const struct drive *d);
/* How fast the clock goes while no command is driven, in thousandths: a driven one has it stand, and sets it again when it has
 * ended. */
uint64_t drive_speed_milli(const struct drive *d);
void drive_set_speed(struct drive *d, uint64_t milli);
/* How far the clock may still be moved: what is left of the driven command's budget; INT64_MAX while none is driven. */
int64_t drive_budget_left_ns(const struct drive *d);
bool drive_route(struct drive *d, struct http_exchange *x);    /* POST /drive, /clock/sleep, /clock/patience; false: not one of ours */

/* ---- the command's side ---- */
struct drive_job {
    char      **argv;                  /* NULL-terminated */
    const char *budget;                /* of virtual time, "90s", "1h30m"; NULL: an hour */
    void      (*enter)(void *ctx); void *ctx;      /* in the child, before it becomes argv */
};
struct drive_outcome {
    /* the command's exit status; 128 + N: a signal ended it, or this process was told to end it by one; 1: used_up */
    int  status;
    char used_up[256];                 /* what the cluster says when the budget is used up; "" otherwise */
    bool lost;                         /* the cluster went away meanwhile */
};
/* Run it driven; returns when nothing of it is left. This process has no other children. False: it did not run. */
bool drive_run(struct arena *a, const struct options *o, const struct drive_job *job, struct drive_outcome *out, struct err *err);
/* The same as a command: its exit status is ours, and what went wrong is said on stderr. */
int drive_command(struct arena *a, const struct options *o, const struct drive_job *job);
/* What DATA/bin/driven has links for: commands that take virtual time. */
extern const char *const drive_command_names[];    /* NULL-terminated */
int drive_sleep(struct arena *a, int argc, char **argv);
int drive_watch(struct arena *a, int argc, char **argv);
int drive_timeout(struct arena *a, int argc, char **argv);
/* "1.5", "2m", "3h", "4d", as sleep and timeout take them (coreutils). False: it is none. */
bool drive_seconds_parse(struct str word, int64_t *ns);
/* kubectl's own --timeout (wait, rollout, delete, drain) and --request-timeout, in a driven shell: the cluster is told, and
 * lets no more virtual time than that pass while this process lives, so that its timer, which is the wall's, ends what it
 * should end. Without a time-out, or not driven: nothing. */
void drive_patience(struct arena *a, int argc, char **argv);
/* The shortest time-out on a kubectl command line, in ns; 0: none (pure). */
int64_t drive_patience_of(int argc, char **argv);

#endif
