/* sim/cmd/drive.c - a driven command, from the cluster's side: the clock stands while the command works, and steps while it
 * waits.
 *
 * The loop looks at the command's processes (quiescence.h) every few milliseconds of wall time, when it has nothing to do
 * itself. The command is at rest when two looks are the same, no byte was exchanged with any client from before the first until
 * after the second (edge_activity), and none is on its way. If then somebody waits for the cluster (edge_owed), time goes on to
 * the next timer that is due, and so on, until something has been sent: then it is the command's turn again. Nothing here
 * depends on how long anything took; the loop is one thread, so nothing is sent while it looks.
 *
 * Short timers. A client that polls its sockets with a short time-out goes on by itself in a moment, and is waited for: but for
 * a second at most, else a spinner would stop the clock. Where the kernel does not tell (Yama), every rest takes TIMER_SOON_MS
 * instead.
 *
 * The wall's own sleeps. When all are at rest and nobody waits for the cluster, or one of them is in a plain nanosleep, the
 * command waits for the wall (its own timer, a terminal, another machine). Then virtual time goes by at the wall's pace, in
 * whole seconds: a nap of n seconds is n seconds, +-0.5. Shorter ones take no time. A client with a time-out of its own
 * (kubectl wait --timeout) tells it (/clock/patience): time does not pass that point while it lives.
 */
#include "sim/cmd/drive.h"

#include "sim/cmd/cluster.h"
#include "sim/cmd/journal.h"
#include "sim/cmd/quiescence.h"

#include <stdlib.h>

enum { TICK_MS = 1, TICK_BUSY_MS = 4, BUSY_TICKS = 40 };
/* Who polls in short turns for longer than this without a word to us is at rest all the same. */
#define SOON_MAX_NS ((int64_t)NS_PER_S)

/* A client that waits for an instant: sleep (answered then), or with a patience (never answered; time does not pass it). */
struct sleeper {
    struct list           node;
    struct http_exchange *x;
    struct timer          timer;
    int64_t               due_ns;
};
/* an advance of ours; its drive is NULL once that is gone */
struct step { struct drive *drive; int64_t ns; struct input input; };
struct drive {
    struct loop       *loop;
    struct cluster    *cluster;
    struct wall_timer *tick;
    struct list        sleepers, patiences;
    struct stream     *command;        /* the connection of the command that is driven; NULL: none */
    pid_t              root;
    int64_t            budget_ns, deadline_ns;
    uint64_t           speed_before_milli;
    size_t             left_out;       /* open connections that wait for nothing */
    struct step       *step;           /* an advance is under way; NULL: none */
    unsigned           seen;           /* equal looks in a row with nothing exchanged since before the first: 2 are rest */
    unsigned           busy;           /* ticks since something happened */
    uint64_t           activity;
    int64_t            activity_wall_ns;               /* when it last changed */
    struct look        looks[2];       /* the last one is looks[which] */
    unsigned           which;
    uint64_t           nap;            /* who naps; 0: nobody */
    int64_t            nap_wall_ns, nap_began_ns;      /* since when on the wall, and where the clock stood */
};

static void on_tick(void *ctx);

/* ---- begin and end ---- */
struct drive *drive_new(struct cluster *c)
{
    struct drive *d = NEW(struct drive);
    d->cluster = c;
    d->loop = cluster_loop(c);
    d->tick = wall_timer_new(d->loop, on_tick, d);
    list_init(&d->sleepers);
    list_init(&d->patiences);
    return d;
}

static void set_speed(struct drive *d, uint64_t milli)
{
    journal_speed(cluster_journal(d->cluster), milli);
    loop_set_speed(d->loop, milli);
}

static void end_driving(struct drive *d)
{
    if (!d->command)
        return;
    stream_close(d->command);
    d->command = NULL;
    set_speed(d, d->speed_before_milli);
}

void drive_free(struct drive *d)
{
    if (!d)
        return;
    end_driving(d);
    if (d->step && !list_empty(&d->step->input.node)) {
        input_cancel(&d->step->input);
        free(d->step);
    } else if (d->step) {
        d->step->drive = NULL;
    }
    wall_timer_free(d->tick);
    look_deinit(&d->looks[0]);
    look_deinit(&d->looks[1]);
    free(d);
}

static void on_command_eof(void *ctx)
{
    end_driving(ctx);
}

static void on_command_close(void *ctx, const struct err *why)
{
    (void)why;
    end_driving(ctx);
}

static const struct stream_events command_events = { .on_eof = on_command_eof, .on_close = on_command_close };

static void begin_driving(struct drive *d, struct http_exchange *x, int64_t pid, int64_t budget_ns)
{
    d->root = (pid_t)pid;
    d->budget_ns = budget_ns;
    d->speed_before_milli = loop_speed_milli(d->loop);
    set_speed(d, 0);
    d->deadline_ns = vtime_now(d->loop) + budget_ns;
    d->seen = d->busy = 0;
    d->nap = 0;
    d->looks[0].n = d->looks[1].n = 0;
    d->command = http_upgrade(x, NULL);
    stream_attach(d->command, &command_events, d);
    wall_timer_start(d->tick, TICK_MS);
}

/* ---- moving time ---- */
/* The budget is used up: the command's side is told, and ends everything. */
static void used_up(struct drive *d)
{
    struct arena *a = arena_new();
    struct str line = arena_strf(a, "the command used up its budget of " STR_FMT " of virtual time and was ended",
                                 STR_ARG(duration_go(a, d->budget_ns)));
    stream_write(d->command, line);
    stream_shutdown(d->command);
    arena_free(a);
}

static int64_t patience_end(const struct drive *d)
{
    int64_t end = INT64_MAX;
    list_for(it, (struct list *)(uintptr_t)&d->patiences) {
        const struct sleeper *s = container_of(it, struct sleeper, node);
        end = s->due_ns < end ? s->due_ns : end;
    }
    return end;
}

static bool somebody_waits(const struct drive *d)
{
    size_t patient = 0;
    list_for(it, (struct list *)(uintptr_t)&d->patiences)
        patient++;
    return edge_owed(d->loop) > 1 + patient + d->left_out;     /* the command's own connection is one of them */
}

static void on_stepped(void *ctx)
{
    struct step *s = ctx;
    struct drive *d = s->drive;
    free(s);
    if (!d)
        return;
    d->step = NULL;
    on_tick(d);                                    /* nothing exchanged: the next step follows, without another look */
}

static void on_step(struct input *in)
{
    struct step *s = container_of(in, struct step, input);
    journal_step(cluster_journal(s->drive->cluster), s->ns);
    loop_advance(s->drive->loop, s->ns, on_stepped, s);
}

/* To the next event, or as far as is allowed. */
static void step(struct drive *d, int64_t until_ns)
{
    const struct timer *next = loop_next_timer(d->loop);
    int64_t now = vtime_now(d->loop), to = next && next->due_ns < until_ns ? next->due_ns : until_ns;
    d->step = NEW(struct step);
    d->step->drive = d;
    d->step->ns = to > now ? to - now : 0;
    input_init(&d->step->input, on_step);
    input_post(d->loop, &d->step->input);
}

/* How far the wall lets time go while the command naps; -1: it has not been noticed yet. */
static int64_t nap_allows(struct drive *d, uint64_t who)
{
    int64_t wall = wall_now_ns();
    if (d->nap != who) {
        d->nap = who;
        d->nap_wall_ns = wall;
        d->nap_began_ns = vtime_now(d->loop);
    }
    int64_t seconds = (wall - d->nap_wall_ns + (int64_t)NS_PER_S / 2) / (int64_t)NS_PER_S;
    return d->nap_began_ns + seconds * (int64_t)NS_PER_S;
}

/* The command is at rest. */
static void decide(struct drive *d)
{
    const struct look *l = &d->looks[d->which];
    int64_t now = vtime_now(d->loop), limit = d->deadline_ns, patience = patience_end(d);
    uint64_t naps = look_naps(l);
    bool waits = somebody_waits(d);
    if (now >= d->deadline_ns) {
        used_up(d);
        return;
    }
    if (waits && !naps)
        d->nap = 0;
    else
        limit = nap_allows(d, naps ? naps : look_digest(l));
    limit = limit < d->deadline_ns ? limit : d->deadline_ns;
    limit = limit < patience ? limit : patience;
    if (now < limit)
        step(d, limit);
    else
        wall_timer_start(d->tick, TICK_BUSY_MS);
}

static void look(struct drive *d)
{
    struct look *now = &d->looks[!d->which];
    if (look_take(now, d->root) == REST_AWAKE)
        d->seen = 0;
    else if (d->seen && look_same(now, &d->looks[d->which]))
        d->seen = quiescence_in_flight(now) ? 1 : 2;
    else
        d->seen = 1;
    d->which = !d->which;
}

/* Will the command go on by itself in a moment? */
static bool about_to_go_on(const struct drive *d)
{
    const struct look *l = &d->looks[d->which];
    int64_t since = wall_now_ns() - d->activity_wall_ns;
    return (l->soon && since < SOON_MAX_NS) || (l->untold && since < TIMER_SOON_MS * (int64_t)NS_PER_MS);
}

static void on_tick(void *ctx)
{
    struct drive *d = ctx;
    uint64_t activity = edge_activity(d->loop);
    if (!d->command || d->step)
        return;
    bool quiet = loop_idle(d->loop) && activity == d->activity;
    d->busy = activity == d->activity ? d->busy + 1 : 0;
    if (activity != d->activity)
        d->activity_wall_ns = wall_now_ns();
    d->activity = activity;
    if (!quiet) {
        d->seen = 0;
    } else if (d->seen == 2 && about_to_go_on(d)) {
        d->seen = 1;
    } else if (d->seen == 2) {                     /* the sockets were polled since the second look, and nothing came */
        decide(d);
        return;
    } else {
        look(d);
    }
    wall_timer_start(d->tick, d->seen || d->busy < BUSY_TICKS ? TICK_MS : TICK_BUSY_MS);
}

/* ---- requests ---- */
static void answer(struct http_exchange *x, int status, const char *text)
{
    http_respond(x, status, NULL, "text/plain", str_c(text));
}

static void post_drive(struct drive *d, struct http_exchange *x)
{
    int64_t pid, budget;
    struct err err = { 0 };
    if (!str_int(query_get(&x->query, "pid"), &pid) || pid <= 0 ||
        !duration_parse_go(query_get(&x->query, "budget"), &budget) || budget <= 0)
        answer(x, 400, "a budget is a duration like 90s, 5m or 1h30m\n");
    else if (!quiescence_supported(&err))
        answer(x, 409, arena_printf(x->arena, "the cluster's process: %s\n", err.msg));
    else if (!str_eqc(query_get(&x->query, "space"), quiescence_pid_space(x->arena)))
        answer(x, 409, "the cluster runs in another PID namespace than this command, and cannot see its processes: "
                       "start both in the same container\n");
    else if (d->command)
        answer(x, 409, arena_printf(x->arena, "another command is driven now (process %d): there is one clock, so one at a time\n",
                                    (int)d->root));
    else
        begin_driving(d, x, pid, budget);
    err_clear(&err);
}

static void sleeper_free(struct sleeper *s)
{
    timer_stop(&s->timer);
    list_remove(&s->node);
    free(s);
}

static void sleeper_gone(struct http_exchange *x)
{
    sleeper_free(x->ctx);
}

static void sleeper_due(struct timer *t)
{
    struct sleeper *s = container_of(t, struct sleeper, timer);
    struct http_exchange *x = s->x;
    sleeper_free(s);
    answer(x, 200, "ok\n");
}

static void post_sleep(struct drive *d, struct http_exchange *x, bool patience)
{
    int64_t ns;
    if (!duration_parse_go(str_trim(x->body), &ns) || ns < 0) {
        answer(x, 400, "a sleep is a duration like 90s, 5m or 1h30m\n");
        return;
    }
    struct sleeper *s = NEW(struct sleeper);
    s->x = x;
    x->ctx = s;
    x->on_gone = sleeper_gone;
    int64_t now = vtime_now(d->loop);
    s->due_ns = ns < INT64_MAX - now ? now + ns : INT64_MAX;
    timer_init(&s->timer, d->loop, sleeper_due);
    list_init(&s->node);
    list_push(patience ? &d->patiences : &d->sleepers, &s->node);
    if (patience)
        http_begin(x, 200, NULL, "text/plain");    /* ends when the client does */
    else
        timer_start_at(&s->timer, s->due_ns);
}

void drive_leave_out(struct drive *d, int more) { d->left_out = (size_t)((int64_t)d->left_out + more); }
bool drive_is_driving(const struct drive *d) { return d->command != NULL; }

uint64_t drive_speed_milli(const struct drive *d) { return d->command ? d->speed_before_milli : loop_speed_milli(d->loop); }

void drive_set_speed(struct drive *d, uint64_t milli)
{
    if (d->command)
        d->speed_before_milli = milli;
    else
        loop_set_speed(d->loop, milli);
}

int64_t drive_budget_left_ns(const struct drive *d)
{
    return d->command ? d->deadline_ns - vtime_now(d->loop) : INT64_MAX;
}

bool drive_route(struct drive *d, struct http_exchange *x)
{
    if (!str_eqc(x->method, "POST"))
        return false;
    if (str_eqc(x->path, "/drive"))
        post_drive(d, x);
    else if (str_eqc(x->path, "/clock/sleep"))
        post_sleep(d, x, false);
    else if (str_eqc(x->path, "/clock/patience"))
        post_sleep(d, x, true);
    else
        return false;
    return true;
}
