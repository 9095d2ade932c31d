/* sim/cmd/journal.h - the journal of what comes from outside into a cluster: recording it, and letting it happen again. */
#ifndef SIM_CMD_JOURNAL_H
#define SIM_CMD_JOURNAL_H

#include <sys/types.h>

#include "sim/cmd/record.h"

struct loop;
struct store;
struct cluster;
struct cluster_options;
struct node;
struct replay;

/* ---- journal.c: recording ---- */
struct journal;
/* A life begins, the how manieth, on a loop that began at start_ns. What was recorded before and has no end gets one: that process was
 * killed. One journal at a time. */
struct journal *journal_new(struct loop *l, struct store *s, const struct cluster_options *o, int64_t life, int64_t start_ns);
/* Is such a request recorded? path: decoded, without its query */
bool journal_watches(const char *place, struct str method, struct str path);
/* A driven command lets the clock go on by ns, or sets its speed; the proxy dials from a node. To be called as an input, right
 * before it is done. Both accept NULL. */
void journal_step(struct journal *j, int64_t ns);
void journal_speed(struct journal *j, uint64_t milli);
void journal_idle(struct journal *j);              /* looks give up waiting (look.h) */
void journal_dial(struct journal *j, const struct node *from, const char *ip, int port);
void journal_stop(struct journal *j);              /* the life ends here; nothing is recorded after it. Accepts NULL */
void journal_free(struct journal *j);              /* accepts NULL */
/* The line that ends an export made now: where the run stands, and its digests. In a. */
struct str journal_end_line(struct arena *a, struct loop *l, struct store *s);

/* ---- journal_files.c: what others write into the nodes' folders ---- */
struct journal_files;
/* seen: somebody else wrote path (relative to the data folder), or it is gone (text.p NULL) */
struct journal_files *journal_files_new(const char *dir, void (*seen)(void *ctx, const char *path, unsigned mode, struct str text),
                                        void *ctx);
void journal_files_free(struct journal_files *f);
/* Every file of the nodes that components read, sorted; for a life that is not the first. */
void journal_files_all(struct journal_files *f, void (*visit)(void *ctx, const char *path, unsigned mode, struct str text), void *ctx);
bool journal_file_belongs(struct str path);        /* is it such a file's, relative to the data folder? */

/* ---- replay.c: one life of a journal on a cluster of its own ---- */
/* first: the index of the life's `up` in f; f is borrowed. done(ctx, difference, line) once: difference is NULL when everything
 * was the same until the life's end, else text (lines) that lives as long as the replay, and line the record it is about. After
 * it the cluster is an ordinary one, whose clock stands. */
struct replay *replay_new(const struct journal_file *f, size_t first,
                          void (*done)(void *ctx, const char *difference, unsigned line), void *ctx);
const struct record_line *replay_end(const struct replay *r);    /* the life's last record */
struct cluster *replay_cluster(const struct replay *r);
size_t replay_inputs(const struct replay *r);      /* how many have been met */
void replay_attach(struct replay *r, struct cluster *c);         /* right after the loop and the store are there */
void replay_free(struct replay *r);

/* ---- replay_command.c ---- */
struct journal_file;
/* Replay all of f's lives in dir, which is empty or not there. *difference: the first one in words, in a; NULL: it was the same.
 * *pid is the process of the life that is lived, and in the end of the cluster that stays there, its clock standing, as long as
 * this process lives; 0: the journal ends with its cluster stopped. False with err set: it cannot be replayed. */
bool replay_kept(struct arena *a, const struct journal_file *f, const char *dir, volatile pid_t *pid, const char **difference,
                 struct err *err);

#endif
