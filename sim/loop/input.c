/* sim/loop/input.c - what comes from outside, in its place among the events, and a script that lets it come there once more.
 *
 * Events are numbered from 1 in the order in which they happen: a timer that fires, a work or an advance that is done, an
 * input that its owner counts. Between two of them every task is run, so a number says exactly where in a run something came:
 * same seed, same inputs at the same numbers, same run. A run at speed 60 and its replay as fast as the CPU allows differ in
 * nothing else.
 *
 * A script (sim/cmd/replay.c) has for each of its inputs the number and the virtual time. While it is followed, the wall moves
 * nothing and real inputs wait; timers fire up to the time of the script's next input, which runs when its number is the next.
 */
#include "sim/loop/loop_priv.h"

void input_init(struct input *in, void (*fn)(struct input *in))
{
    ASSERT(fn);
    list_init(&in->node);
    in->fn = fn;
}

void input_post(struct loop *l, struct input *in)
{
    ASSERT(in->fn);
    vtime_now(l);                                  /* as of a task: it meets the present, not the sleep's begin */
    if (list_empty(&in->node))
        list_push(&l->inputs, &in->node);
}

void input_cancel(struct input *in)
{
    list_remove(&in->node);
}

uint64_t loop_events(const struct loop *l)
{
    return l->events;
}

uint64_t loop_event_begin(struct loop *l)
{
    l->events++;
    if (l->script)
        l->script->event(l->script_ctx, l->events);
    return l->events;
}

/* ---- the next input ---- */
bool loop_input_due(const struct loop *l)
{
    uint64_t number;
    int64_t vtime;
    if (!l->script)
        return !list_empty(&l->inputs);
    return l->script->next(l->script_ctx, &number, &vtime) && number == l->events + 1;
}

static bool script_run(struct loop *l)
{
    struct clock *c = &l->clock;
    uint64_t number;
    int64_t vtime;
    if (!l->script->next(l->script_ctx, &number, &vtime))
        return false;
    if (vtime > c->target && !l->advance_running && !c->holds)
        c->target = vtime;                         /* timers up to there may fire */
    if (number != l->events + 1)
        return false;
    const struct timer *next = loop_next_timer(l);
    if (vtime > c->vtime && !(next && next->due_ns < vtime))
        c->vtime = vtime;                          /* else the script sees that it is another time */
    l->script->run(l->script_ctx);
    return true;
}

bool loop_input_run(struct loop *l)
{
    if (l->script)
        return script_run(l);
    if (list_empty(&l->inputs))
        return false;
    struct input *in = container_of(l->inputs.next, struct input, node);
    list_remove(&in->node);
    in->fn(in);
    return true;
}

/* ---- the script ---- */
void loop_follow(struct loop *l, const struct loop_script *script, void *ctx)
{
    l->script = script;
    l->script_ctx = ctx;
    if (!script)
        l->clock.target = l->clock.vtime;          /* the clock goes on from here, as it is told */
}

/* At the end of a turn: nothing can happen any more, and the script's next input is not due. */
void loop_script_check(struct loop *l)
{
    uint64_t number;
    int64_t vtime;
    bool more = !list_empty(&l->tasks) || !list_empty(&l->works) || l->clock.holds || l->advance_running || l->stopping;
    if (!l->script || more || !l->script->next(l->script_ctx, &number, &vtime) || number == l->events + 1)
        return;
    const struct timer *next = loop_next_timer(l);
    if (number <= l->events || !next || next->due_ns > vtime)
        l->script->lost(l->script_ctx);
}
