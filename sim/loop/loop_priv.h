/* sim/loop/loop_priv.h - the inside of a loop, shared by the files of this room. */
#ifndef SIM_LOOP_LOOP_PRIV_H
#define SIM_LOOP_LOOP_PRIV_H

#include "sim/loop/loop.h"

#include <uv.h>

/* The clock. `vtime` is what callbacks see. `target` is how far time may go in this turn: it follows the wall (or an
 * advance), and vtime follows it from event to event. Invariant: vtime <= target, and no timer in the heap is due
 * before vtime. */
struct clock {
    int64_t  vtime, target;
    uint64_t wall_ns;                              /* monotonic, when target was last brought forward */
    uint64_t speed_milli;
    unsigned holds;
    bool     sampled;                              /* the wall was looked at since the last turn's end */
};

struct advance {                                   /* one call of loop_advance */
    struct list node;
    int64_t     ns;
    void      (*done)(void *ctx);
    void       *ctx;
};

enum { TRACE_RING = 64, TRACE_TEXT = 160 };
struct trace_entry {
    int64_t vtime;
    char    text[TRACE_TEXT];
};
struct trace {
    struct trace_entry ring[TRACE_RING];
    uint64_t           count;                      /* events so far; the next goes to ring[count % TRACE_RING] */
    uint64_t           lane[2];                    /* the digest */
};

struct loop {
    uv_loop_t    uv;
    uv_prepare_t prepare;                          /* a turn happens here, just before the poll */
    /* active while there is work that needs no waiting: the poll returns at once */
    uv_idle_t    idle;
    uv_timer_t   wake;                             /* armed for the next timer, at the present speed */
    struct clock clock;
    int64_t      start_vtime;                      /* log lines count from here */
    struct heap  timers;
    struct list  tasks, inputs, hooks, works;
    uint64_t     events;                           /* the number of the last event */
    const struct loop_script *script;              /* followed; NULL: none */
    void        *script_ctx;
    struct list  advances;                         /* first is the one that runs */
    /* arrived: nothing is left to do on the way, done may be called in the next turn */
    bool         advance_running, advance_arrived;
    bool         stopping;
    uint8_t      seed[32], life_seed[32];          /* as given; and of the present life, which streams are made of */
    struct trace trace;
};

/* clock.c */
void loop_clock_init(struct loop *l, const struct loop_options *opt);
void loop_clock_sample(struct loop *l);                 /* look at the wall: bring target forward */
void loop_clock_settle(struct loop *l);                 /* no event lies before target any more: let target be seen */
void loop_clock_release_sample(struct loop *l);         /* the next vtime_now samples again */
int64_t loop_clock_wall_delay_ns(const struct loop *l, int64_t due_ns); /* how long until vtime is due_ns; -1: never by itself */

/* timer.c */
struct timer *timer_of_node(struct heap_node *n);

/* task.c */
bool task_drain(struct loop *l, unsigned *budget); /* true: none is left */

/* input.c */
bool loop_input_due(const struct loop *l);
bool loop_input_run(struct loop *l);                    /* the next one, if it is its turn */
void loop_script_check(struct loop *l);

/* work.c */
void loop_work_report(struct loop *l);                  /* tell who waits, if nothing else is to be done at this instant */
bool loop_work_finished(const struct loop *l);

/* trace.c */
void trace_install(struct loop *l);
void trace_uninstall(struct loop *l);

#endif
