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
bool drive_route(struct drive *d, struct http_exchange *x);    /* POST /drive, /clock/sleep, /clock/patience; false: not one of ours */

/* ---- the command's side ---- */
/* Run argv (NULL-terminated) driven; enter() is called in the child before it begins. The command's exit status, or 1 when
 * the budget is used up. */
int drive_command(struct arena *a, const struct options *o, char **argv, bool (*enter)(struct arena *a, const char *data),
                  const char *data);
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
