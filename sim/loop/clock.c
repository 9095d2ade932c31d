/* sim/loop/clock.c - virtual time, and the only reader of the wall's.
 *
 * Every component of a cluster reads one clock, as machines of a real one agree through NTP. It starts where the wall stood and
 * runs at `speed`. Two numbers: target is how far the wall (or an advance) allows time to go; vtime is what is seen,
 * and moves from event to event up to target. So a timer sees exactly the time it was due at, however late the CPU came
 * to it, and what happens does not depend on how quick the machine is.
 *
 * The wall may leave us far behind (a suspended laptop, a stopped VM, a debugger, a speed that the CPU cannot follow).
 * Then virtual time is late for good and does not leap: more than WALL_STEP_MAX of backlog is forgotten. The loop wakes
 * at least twice in that time.
 */
#include "sim/loop/loop_priv.h"

#include <time.h>

enum { WALL_STEP_MAX_NS = 1000 * 1000 * 1000 };

int64_t wall_now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * (int64_t)NS_PER_S + ts.tv_nsec;
}

/* a * b / c without overflow on the way; clamped to int64. */
static int64_t scale(int64_t a, uint64_t b, uint64_t c)
{
    unsigned __int128 v = (unsigned __int128)(uint64_t)a * b / c;
    return v > INT64_MAX / 4 ? INT64_MAX / 4 : (int64_t)v;
}

void loop_clock_init(struct loop *l, const struct loop_options *opt)
{
    struct clock *c = &l->clock;
    c->vtime = c->target = opt->start_vtime_ns ? opt->start_vtime_ns : wall_now_ns();
    c->speed_milli = opt->speed_milli;
    c->wall_ns = uv_hrtime();
    ASSERT(c->vtime >= 0);
}

static struct timer *next_timer(const struct loop *l)
{
    struct heap_node *n = heap_min(&l->timers);
    return n ? timer_of_node(n) : NULL;
}

/* Nothing but the passing of time lies between vtime and the next event: let it be seen. */
static void settle(struct loop *l)
{
    struct clock *c = &l->clock;
    const struct timer *next = next_timer(l);
    if (!list_empty(&l->tasks))
        return;                                    /* they belong to the event before */
    int64_t seen = next && next->due_ns < c->target ? next->due_ns : c->target;
    if (seen > c->vtime)
        c->vtime = seen;
}

void loop_clock_sample(struct loop *l)
{
    struct clock *c = &l->clock;
    uint64_t wall = uv_hrtime();
    c->sampled = true;
    uint64_t step = wall - c->wall_ns;
    c->wall_ns = wall;
    if (c->holds || l->advance_running || c->speed_milli == 0 || l->script)
        return;
    if (step > WALL_STEP_MAX_NS)
        step = WALL_STEP_MAX_NS;
    c->target += scale((int64_t)step, c->speed_milli, 1000);
    int64_t latest = c->vtime + scale(WALL_STEP_MAX_NS, c->speed_milli, 1000);
    if (c->target > latest)
        c->target = latest;
    settle(l);
}

void loop_clock_settle(struct loop *l)
{
    if (!l->advance_running && !l->clock.holds && !l->script)
        settle(l);
}

void loop_clock_release_sample(struct loop *l)
{
    l->clock.sampled = false;
}

int64_t loop_clock_wall_delay_ns(const struct loop *l, int64_t due_ns)
{
    const struct clock *c = &l->clock;
    if (c->holds)
        return -1;
    if (due_ns <= c->target)
        return 0;
    if (l->advance_running || c->speed_milli == 0 || l->script)
        return -1;
    int64_t delay = scale(due_ns - c->target, 1000, c->speed_milli);
    return delay < WALL_STEP_MAX_NS / 2 ? delay + 1 : WALL_STEP_MAX_NS / 2;
}

/* Callbacks of sockets come between two turns, after a sleep of any length; the first of them to ask makes the clock look. */
int64_t vtime_now(const struct loop *l)
{
    if (!l->clock.sampled)
        loop_clock_sample((struct loop *)(uintptr_t)l);
    return l->clock.vtime;
}

uint64_t loop_speed_milli(const struct loop *l)
{
    return l->clock.speed_milli;
}

void loop_set_speed(struct loop *l, uint64_t speed_milli)
{
    vtime_now(l);                      /* what has passed, has passed at the old speed; an event under way keeps its time */
    if (!l->advance_running)
        l->clock.target = l->clock.vtime;          /* a backlog is not carried over: pausing takes effect at once */
    l->clock.speed_milli = speed_milli;
}

void loop_jump(struct loop *l, int64_t vtime_ns)
{
    ASSERT(!l->advance_running);
    if (vtime_ns > l->clock.vtime)
        l->clock.vtime = l->clock.target = vtime_ns;
}

void loop_hold(struct loop *l)
{
    vtime_now(l);
    l->clock.holds++;
}

void loop_release(struct loop *l)
{
    ASSERT(l->clock.holds > 0);
    if (--l->clock.holds == 0)
        l->clock.wall_ns = uv_hrtime();            /* the time it took does not count */
}
