/* sim/cmd/quiescence.h - is a tree of processes asleep? The one place that asks the kernel about other processes (Linux's
 * /proc; elsewhere it refuses).
 *
 * A look is what was seen of every thread of the processes below `root`. Two looks that are the same prove that between the end
 * of the first and the beginning of the second no thread ran: each was asleep both times, and a thread that wakes and sleeps
 * again has one more context switch. For that instant the tree was at rest, however quick or slow it is otherwise; a stopped
 * process (SIGSTOP) is not at rest. What may still be on its way to it is bytes in the loopback's queues: quiescence_in_flight.
 */
#ifndef SIM_CMD_QUIESCENCE_H
#define SIM_CMD_QUIESCENCE_H

#include "sim/base/base.h"

#include <sys/types.h>

struct thread_seen {
    int      pid, tid;
    uint64_t switches;                 /* voluntary and involuntary */
    bool     polls;                    /* waits in one of the polls */
    bool     naps;                     /* in a plain sleep of its own (nanosleep): the wall's business */
};
struct look {
    struct thread_seen *v;
    size_t n, cap;
    bool   soon;                       /* somebody polls with a time-out of less than TIMER_SOON_MS: it is about to go on by itself */
    bool   untold;                     /* the kernel would not say with what time-out somebody polls (Yama) */
};
enum { TIMER_SOON_MS = 150 };
enum rest { REST_AWAKE, REST_ASLEEP };

bool quiescence_supported(struct err *err);        /* false: why not */
/* Look at all that lives below root (which is not looked at). AWAKE: somebody works, or is stopped, or nobody is there; the
 * look is then incomplete. */
enum rest look_take(struct look *l, pid_t root);
bool look_same(const struct look *a, const struct look *b);
/* Who is in a plain sleep, as a number that changes when one of them has run; 0: nobody. */
uint64_t look_naps(const struct look *l);
uint64_t look_digest(const struct look *l);        /* the same of all threads */
void look_deinit(struct look *l);
/* Are bytes, a connection or its end on their way between processes of the look, or between them and this one, sent but not
 * received? */
bool quiescence_in_flight(const struct look *l);

/* What all that lives below root uses: threads, CPU (of those that ended, too, once their parents know), memory that is not shared. */
struct tree_usage { size_t threads; uint64_t cpu_ms, memory_bytes; };
void tree_usage(pid_t root, struct tree_usage *u);

/* The command's side: children of children that lose their parent become ours. End all that lives below `root`; returns when
 * nothing does. */
void quiescence_adopt_orphans(void);
void quiescence_end_all(pid_t root);
const char *quiescence_pid_space(struct arena *a); /* names the PID namespace this process is in */

/* ---- pure, for tests ---- */
struct proc_stat { int pid, parent; char state; uint64_t threads, ticks; };      /* ticks: of CPU, its ended children's too */
bool proc_stat_parse(struct str line, struct proc_stat *out);                      /* /proc/PID/stat */
bool proc_status_parse(struct str text, char *state, uint64_t *switches);          /* /proc/PID/task/TID/status */
/* /proc/PID/task/TID/syscall: the time-out in ms of a poll or epoll_wait; -1: none, or another call; false: not told. */
bool proc_poll_timeout_parse(struct str text, int64_t *ms);
struct tcp_row { struct str local, remote; unsigned state; uint64_t tx, rx, inode; };
bool tcp_row_parse(struct str line, struct tcp_row *out);                          /* /proc/net/tcp */
/* ours: inodes, sorted. A row matters when it or its other end is ours. */
bool tcp_rows_in_flight(const struct tcp_row *rows, size_t n, const uint64_t *ours, size_t ours_n);
/* Which of the processes live below root, by their parents; marks[i] for all[i]. all is sorted by pid. */
void proc_mark_tree(const struct proc_stat *all, size_t n, int root, bool *marks);

#endif
