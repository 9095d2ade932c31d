/* sim/cmd/cmd.h - the composition root: the one room that knows every other. */
#ifndef SIM_CMD_CMD_H
#define SIM_CMD_CMD_H

#include "sim/base/base.h"
#include "sim/base/json.h"

#include <stdio.h>
#include <sys/types.h>

/* Exit statuses of every command (design.md, Commands). */
enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_UNREACHABLE = 3, EXIT_INTERNAL = 4 };

/* ---- options.c: flags as a table ---- */
struct options {
    const char *data;                  /* --data, else $KUBELAB_DATA, else $XDG_STATE_HOME/kubelab, else ~/.local/state/kubelab */
    bool        detach, bare, durable, all, drive;
    int         port, kubelet_port;    /* -1: not given (6443, 10250, or the next free) */
    bool        seed_given; uint64_t seed;
    const char *clock;                 /* "1", "N", "paused" */
    /* --start: where a fresh cluster's clock begins (RFC 3339); NULL: the wall's now. For runs that are to be the same. */
    const char *start;
    const char *lab;                   /* NULL: a plain cluster */
    int64_t     nodes;                 /* --nodes; 0: not given */
    const char *kubernetes_version;    /* "v1.20" or NULL */
    bool        json;                  /* -o json: what is printed is for a program */
    const char *format, *timeout, *budget, *node;
    const char *key;                   /* --key FILE, which holds the course's key: with --student, the student's variant of a lab */
    int64_t     seeds;                 /* --seeds N: of a lab's test; 0: not given */
    const char *set[64]; int set_count;            /* --set NAME=VALUE, in order: values of parameters */
    /* not a flag: all values of the lab's parameters, already drawn; NULL: they are drawn from the seed */
    const struct json *params;
    const char *step, *out;            /* of a lab; where a scenario's results go */
    const char *submission, *script, *student, *roster;       /* of a grading */
    bool        hidden;
    const char *checks;                /* a file of a course's own checks */
    const char *require_sandbox, *limits;          /* a level, and limits, of sandbox.h */
    const char *journal;               /* up: "true" or "false", else NULL; grade: a file of a student's */
    bool        keep;                  /* replay: the cluster stays */
    bool        explain, verbose;
    const char *at;                    /* --at: of which time */
    const char *apiserver_args[64]; int apiserver_arg_count;     /* --apiserver-arg NAME=VALUE, in order */
    char      **args; int arg_count;   /* what is left, and what follows "--" (rest) */
    char      **rest; int rest_count;
};
/* Parse argv after the command's name. False: a message has been printed (unknown flag, missing value). allowed: comma list of the
 * flags the command takes. */
bool options_parse(struct options *o, const char *command, const char *allowed, int argc, char **argv);
/* A line for each of those flags: what it is given, what it does. */
void options_help(struct strbuf *out, const char *allowed);

/* ---- commands.c: the commands as a table ---- */
enum { ANY_WORDS = 1000 };
struct command {
    const char *name;
    int       (*run)(struct options *o);
    const char *flags;                 /* what it takes, comma list */
    const char *usage, *help;          /* a line for each way to call it; the first line of help stands in the list */
    int         words;                 /* arguments at most; ANY_WORDS: it sees to that itself */
};
const struct command *command_find(const char *name);      /* NULL: there is none */
void commands_list(FILE *to);
void command_help(const struct command *c);                /* on standard output */
int command_misused(const char *name);                     /* its usage on standard error; EXIT_USAGE */
/* The command of that name with the words that follow it: an exit status, after a message where it was called wrongly. */
int command_run(const char *name, int argc, char **argv);

/* ---- page.c: text for people ---- */
/* Each line that is longer than width letters is folded at a space, and goes on below where its text began (behind a bullet, or in
 * the second column). width 0: as it is. markdown: code, and rows of tables, are left as they are. */
void page_fold(struct strbuf *out, struct str text, size_t width, bool markdown);
/* The same to a terminal, at its width; to anything else as it is. */
void page_put(FILE *to, struct str text, bool markdown);

/* ---- self.c ---- */
/* This program's file, links followed; NULL when it is gone. To be asked once before anything changes the working folder: main
 * does. */
const char *self_path(void);

/* ---- terminals.c ---- */
/* Can this program make pseudo-terminals? Mounts what they need where it is root and they are not there. False: no. */
bool terminals_begin(void);
void terminals_end(void);              /* undo it */

/* ---- scratch.c ---- */
/* a fresh folder below $TMPDIR, "kubelab-WHAT-..."; NULL with err set */
char *scratch_make(struct arena *a, const char *what, struct err *err);
void scratch_remove(const char *path); /* with all that is in it */
/* Where the clusters of gradings are another user's (sandbox.h), that one may pass through this folder to its own. */
void scratch_let_in(const char *path);

/* ---- copy.c ---- */
/* what: as messages call it ("the data folder"); mode: those bits of every mode are kept. At most so many files and bytes. */
struct copy_rules { const char *what; unsigned mode; size_t files, bytes; };
/* The folder open as `from` into the folder `to`, which does not exist. Links of a node are copied as they are; others, and what is
 * neither file nor folder, are left out. ERR_TOO_LARGE, ERR_INVALID (it cannot be read), ERR_IO. */
bool folder_copy(struct arena *a, int from, const char *to, const struct copy_rules *rules, struct err *err);

/* ---- shelf.c ---- */
/* A cluster of a lab, asleep, into up->data, which does not exist: a copy of the one on the shelf (a folder) that is as `up` says,
 * which boot(a, up, err) makes where there is none yet. The shelf need not exist; it lies in a scratch folder that lets clusters in.
 * May be called by several processes at once. */
bool shelf_take(struct arena *a, const char *shelf, const struct options *up,
                bool (*boot)(struct arena *a, const struct options *up, struct err *err), struct err *err);

/* ---- stage.c: a cluster of its own for a script, whose clock stands, gone afterwards ---- */
struct stage {
    const char *home, *data;           /* the scratch folder (where a shell's lines run) and, below it, the data folder */
    struct options cluster;            /* as commands reach it */
    const char *shelf;                 /* a folder for clusters that several stages of a command begin with; NULL: none is shared */
    pid_t pid;                         /* of the cluster; -1: it does not run */
    struct labs_ops *ops;              /* stage_play's */
};
struct scenario;
struct scenario_choice;
struct timeline;
struct labs_ops;
/* The scratch folder, "kubelab-WHAT-..."; st->shelf is the caller's to set before, all else is overwritten. */
bool stage_open(struct stage *st, struct arena *a, const char *what, struct err *err);
/* The cluster that the scenario wants, in it. False: ERR_INTERNAL and why it did not start. */
bool stage_begin(struct stage *st, struct arena *a, const struct scenario *sc, struct err *err);
/* All of it: the cluster, the lab's files in the home, and the scenario (scenario_run). The cluster runs on until stage_close. */
bool stage_play(struct stage *st, struct arena *a, const struct scenario *sc, void (*say)(void *ctx, const char *line), void *ctx,
                struct timeline *t, struct err *err);
/* The cluster is ended at once, since nobody wants its data any more, and the folder removed. Legal on a zeroed stage. */
void stage_close(struct stage *st);

/* ---- pool.c: jobs 0 to n - 1, each in a process of its own, as many at once as there are cores. job's value is its exit status;
 * done(ctx, i, status) is called here as they end, status 128 + the signal for one that was killed. word: what is said on a terminal,
 * "12 of 200 graded". False: it was interrupted, and not all were begun; those that ran have ended. */
bool pool_run(size_t n, const char *word, int (*job)(void *ctx, size_t i), void (*done)(void *ctx, size_t i, int status),
              void *ctx);

/* ---- paths.c ---- */
char *data_path(struct arena *a, const struct options *o, const char *name);   /* DATA/name */

/* ---- commands: each returns an exit status ---- */
int cmd_up(struct options *o);
/* up.c: a cluster in a child process that ends when this one does. *pid: its, or -1. False with err set; whether it runs all the same
 * is told by *pid. */
bool up_tied(struct arena *a, const struct options *o, pid_t *pid, struct err *err);
/* up.c: a fresh cluster of a lab with an age, booted until its machine sleeps and then stopped; who starts on its data wakes it. The
 * folder knows its seed, and nothing else of o. */
bool up_asleep(struct arena *a, const struct options *o, struct err *err);
int cmd_down(struct options *o);
int cmd_status(struct options *o);
int cmd_kubeconfig(struct options *o);
int cmd_clock(struct options *o);
int cmd_shell(struct options *o);
int cmd_lab(struct options *o);
int cmd_scenario(struct options *o);
struct scenario_plan;
int scenario_grid(struct arena *a, struct options *o, const char *file, struct str text, const struct scenario_choice *choice,
                  const struct scenario_plan *plan, struct err *err);          /* scenario_grid.c: all runs of it */
struct lab;
int lab_test(struct options *o, const struct lab *lab);
int lab_new(struct options *o);
int lab_pack_file(struct options *o, const struct lab *lab);
int cmd_grade(struct options *o);
int cmd_fault(struct options *o);
int cmd_docker(struct options *o);     /* the lab host's docker, run as `docker` inside the shell */
bool shell_make_bin(struct arena *a, const char *bin, struct err *err);   /* BIN/docker and BIN/kubelab: links to this program */
int lab_play(struct options *o, const char *name);     /* play.c: perform a lab with real clients, in virtual time */
int cmd_sandbox(struct options *o);
int cmd_hpa(struct options *o);
int hpa_why(struct options *o);
int clock_until(struct options *o);
int cmd_reset(struct options *o);
int cmd_journal(struct options *o);
int cmd_replay(struct options *o);
int cmd_debug(struct options *o);

/* up.c: run a cluster in this process until it is stopped. ready_fd: a pipe that is told "R" when it is up, or "E" and why not; -1:
 * the terminal is. */
struct cluster_options;
int up_run(const struct cluster_options *co, int ready_fd);

/* ---- control_client.c: speaking to the cluster over DATA/control.sock. Blocking. ---- */
struct control_reply { int status; struct str body; };
/* out: called with pieces of the body as they come, or NULL to collect them. ERR_REFUSED when no cluster answers. */
bool control_call(struct arena *a, const struct options *o, const char *method, const char *path, struct str body,
                  void (*out)(void *ctx, struct str piece), void *ctx, struct control_reply *reply, struct err *err);
/* The same in two halves, for who waits for other things meanwhile: send gives the socket (-1: failed), begun waits for the answer's
 * head and reads no further. False: it was refused, in the cluster's words. */
int control_send(struct arena *a, const struct options *o, const char *method, const char *path, struct str body, struct err *err);
bool control_begun(struct arena *a, int fd, struct err *err);
/* While a cluster has a door (control.c, POST /door) its socket answers only who shows the key; from now on this process does. */
#define CONTROL_KEY_HEADER "Kubelab-Key"
void control_key_set(struct str key);
/* labs_ops.c: the cluster of o's data folder, as the labs room wants it. home: where its shell's lines run, or NULL for none. */
struct labs_ops;
struct labs_ops *labs_ops_new(struct arena *a, const struct options *o, const char *home);
/* variant.c: what --seed, --student with --key, and --set say of parameters, into *c. False with ERR_USAGE. */
bool variant_choose(struct arena *a, const struct options *o, struct scenario_choice *c, struct err *err);
struct json *variant_set(struct arena *a, const struct options *o, struct err *err);       /* --set alone; NULL with ERR_USAGE */
int control_fail(const struct err *err);   /* print it, give the exit status */

#endif
