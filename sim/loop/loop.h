/* sim/loop/loop.h - the one loop, the one clock, the one dice.
 *
 * All time is virtual: nanoseconds since 1970 UTC on a clock that starts where the wall stood and then runs at `speed`, stands
 * (speed 0), or is moved by loop_advance. The wall clock is read in clock.c alone. Timers are a heap on virtual time;
 * those due at the same instant fire in the order in which they were started. One libuv timer is armed for the next
 * deadline at the present speed.
 *
 * A turn: due timers and polled sockets run their callbacks, which only enqueue; then tasks run until none is left (or
 * LIMIT_TASKS_PER_TURN); inputs from outside run one by one between timers, when no task is left; then the before-sleep
 * hooks, in the order of registration (the store's commit first, then the edge's flush). So an answer leaves only after
 * what it acknowledges is on disk.
 */
#ifndef SIM_LOOP_LOOP_H
#define SIM_LOOP_LOOP_H

#include "sim/base/base.h"

struct loop;
struct uv_loop_s;

struct loop_options {
    int64_t  start_vtime_ns;           /* 0: the wall's now */
    uint64_t speed_milli;              /* 1000 is real time, 0 paused */
    uint8_t  seed[32];                 /* of all randomness (256 bits); loop_seed_* fill it */
};
struct loop *loop_new(const struct loop_options *opt);
void loop_free(struct loop *l);                        /* everything must be closed: ASSERTs that uv_loop_close succeeds */
struct uv_loop_s *loop_uv(struct loop *l);             /* for sim/net and other owners of handles */
void loop_run(struct loop *l);                         /* until loop_stop */
void loop_stop(struct loop *l);
void loop_turn(struct loop *l);                        /* one non-blocking turn; for tests */

/* -- clock -- */
int64_t  vtime_now(const struct loop *l);              /* virtual ns since 1970 UTC; constant within a callback */
/* the one other reader of the wall: edge offsets and progress on a terminal */
int64_t  wall_now_ns(void);
uint64_t loop_speed_milli(const struct loop *l);
void loop_set_speed(struct loop *l, uint64_t speed_milli);
/* Move a clock by ns, running everything due on the way, in order, as fast as the CPU allows. done(ctx) is called in
 * the turn after the last of it has happened (tasks drained, hooks run). A further advance while one runs is queued.
 * Sockets are polled between events. */
void loop_advance(struct loop *l, int64_t ns, void (*done)(void *ctx), void *ctx);
/* The advance with that ctx ends where the clock is now, or never begins. Its done is not called. */
void loop_advance_cancel(struct loop *l, const void *ctx);
bool loop_advancing(const struct loop *l);
/* Nothing is left to do at this instant: no task, no timer due, no work on another thread, no advance. */
bool loop_idle(struct loop *l);
/* The clock goes on while nothing happens, as for a machine that slept: not backwards, and not while an advance runs.
 * Timers that fell due meanwhile fire now, late. */
void loop_jump(struct loop *l, int64_t vtime_ns);
/* Work on another thread holds virtual time still: between hold and release no timer fires (keys being made, files
 * being built). */
void loop_hold(struct loop *l);
void loop_release(struct loop *l);

/* -- timers: embedded; init once, then start, stop and restart at will -- */
struct timer {
    struct heap_node node;             /* private */
    struct loop     *loop;
    void           (*fn)(struct timer *t);
    int64_t          due_ns;           /* read-only: when it fires, or -1 */
};
void timer_init(struct timer *t, struct loop *l, void (*fn)(struct timer *t));
void timer_start(struct timer *t, int64_t delay_ns);   /* from now; a negative delay counts as 0; restarts if running */
void timer_start_at(struct timer *t, int64_t due_vtime_ns);
void timer_stop(struct timer *t);                      /* legal when not running */
bool timer_active(const struct timer *t);
struct timer *loop_next_timer(struct loop *l);         /* borrowed or NULL */

/* -- timers on the wall, for watching real clients: fn(ctx) once, ms from now; never part of the simulation -- */
struct wall_timer;
struct wall_timer *wall_timer_new(struct loop *l, void (*fn)(void *ctx), void *ctx);
void wall_timer_start(struct wall_timer *w, unsigned ms);    /* restarts if running */
void wall_timer_free(struct wall_timer *w);            /* accepts NULL; legal inside fn, as the last thing */

/* -- tasks: run later in this turn, or in the next; first in, first out -- */
struct task {
    struct list  node;                 /* private */
    void       (*fn)(struct task *t);
};
void task_init(struct task *t, void (*fn)(struct task *t));
void task_post(struct loop *l, struct task *t);        /* no-op when already posted */
void task_cancel(struct task *t);
bool task_posted(const struct task *t);

/* -- inputs: what comes from outside. fn runs when no task is left, before the next timer, each with all that comes of it;
 * first in, first out. -- */
struct input {
    struct list  node;                 /* private */
    void       (*fn)(struct input *in);
};
void input_init(struct input *in, void (*fn)(struct input *in));
void input_post(struct loop *l, struct input *in);     /* no-op when already posted */
void input_cancel(struct input *in);
/* Events are numbered from 1: every timer that fires, every work and advance that is done, and what an input's fn counts by
 * loop_event_begin before it changes anything. loop_events: the number of the last that began. */
uint64_t loop_events(const struct loop *l);
uint64_t loop_event_begin(struct loop *l);
/* A script gives inputs in the place of the outside (a replay). While it is followed the wall moves no time, and posted inputs
 * wait. */
struct loop_script {
    /* The number that the next input has, or would have if it counted, and its virtual time. False: none is left. Asked often. */
    bool (*next)(void *ctx, uint64_t *number, int64_t *vtime_ns);
    /* It is its turn: no task is left, the number is the next; vtime_now differs if that time was impossible. */
    void (*run)(void *ctx);
    void (*event)(void *ctx, uint64_t number);         /* any event is about to happen; must not touch the loop */
    /* Nothing is left that could happen before the next input, and yet its number has not come, or has passed. */
    void (*lost)(void *ctx);
};
/* Borrowed; NULL: the outside is the outside again, and the clock stands where it is or goes on at its speed. */
void loop_follow(struct loop *l, const struct loop_script *script, void *ctx);

/* -- hooks: before the loop sleeps. Order is the order of registration. -- */
struct hook {
    struct list  node;
    void       (*fn)(struct hook *h);
};
void loop_before_sleep(struct loop *l, struct hook *h, void (*fn)(struct hook *h));
void hook_remove(struct hook *h);

/* -- work off the loop: run(ctx) on another thread, then done(ctx) on the loop. Virtual time is held meanwhile. -- */
void loop_work(struct loop *l, void (*run)(void *ctx), void (*done)(void *ctx), void *ctx);
void loop_work_wait(struct loop *l);                   /* before an end: run the loop until all such work is done */

/* -- dice: a stream per consumer, by name; streams of different names are independent of each other's use. -- */
struct rng {                                           /* ChaCha20 under a key made of seed and name; fields are private */
    uint32_t key[8], used;
    uint64_t counter;
    uint8_t  block[64];
};
void rng_init(struct rng *r, const struct loop *l, const char *name);
void rng_init_seed(struct rng *r, const uint8_t seed[32], const char *name);          /* without a loop: threads, tests */
uint64_t rng_u64(struct rng *r);
uint64_t rng_below(struct rng *r, uint64_t n);         /* uniform in [0, n); n > 0 */
double rng_unit(struct rng *r);                        /* [0, 1) */
double rng_normal(struct rng *r);                      /* mean 0, deviation 1 */
void rng_bytes(struct rng *r, void *out, size_t n);
/* n characters of bcdfghjklmnpqrstvwxz2456789 and a NUL; apimachinery rand.String */
void rng_suffix(struct rng *r, char *out, size_t n);
void rng_uuid(struct rng *r, char out[37]);            /* version 4 */
/* Streams initialised from now on are those of the n-th life on the same data: a cluster that starts again must not
 * draw the names, UIDs and tokens of its last life once more. Life 0 is the seed itself. */
void loop_begin_life(struct loop *l, uint64_t n);
void loop_seed_from_int(uint8_t seed[32], uint64_t n); /* an explicit --seed */
bool loop_seed_from_system(uint8_t seed[32], struct err *err);

/* -- trace: a ring of the last events for assertion dumps, and a running digest of all of them (the determinism test). -- */
void trace_event(struct loop *l, const char *component, const char *fmt, ...) PRINTF(3, 4);
void trace_digest(const struct loop *l, char out_hex[33]);   /* 128-bit digest of every traced event and its virtual time */
/* The ring, oldest first: the virtual time and "component: text". */
void trace_each(const struct loop *l, void (*visit)(void *ctx, int64_t vtime_ns, const char *text), void *ctx);
void trace_dump(const struct loop *l);                 /* the ring, to standard error */

#endif
