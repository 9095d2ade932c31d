/* workloads/load/plan.c - what a LoadProfile wants at which instant. Pure: no clock, no dice.
 *
 * A stage is a straight line from one level to another, both often the same. The number of clients of a closed loop is that line,
 * rounded. The arrivals of an open loop are counted by the area under it: the next request comes when the area since the last one
 * has grown by what the caller's dice say.
 */
#include "workloads/load/load_priv.h"

#include <math.h>

#define MILLI 1000

/* ---- reading ---- */
static bool read_level(const struct json *stage, size_t i, struct load_stage *s, struct err *err)
{
    const struct json *clients = json_get(stage, "clients"), *rate = json_get(stage, "requestsPerSecond");
    if (!clients == !rate)
        return err_set(err, ERR_INVALID, "stage %zu needs either clients or requestsPerSecond", i + 1);
    s->open = rate != NULL;
    s->to_milli = rate ? quantity_json_milli(rate, -1) : json_int(clients, -1);
    int64_t max = rate ? (int64_t)LOAD_RATE_MAX * MILLI : LOAD_CLIENTS_MAX;
    if (s->to_milli < 0 || s->to_milli > max)
        return err_set(err, ERR_INVALID, "stage %zu: from 0 to %d %s are possible", i + 1, rate ? LOAD_RATE_MAX : LOAD_CLIENTS_MAX,
                       rate ? "requests per second" : "clients");
    if (clients)
        s->to_milli *= MILLI;
    return true;
}

static bool read_stage(const struct json *stage, size_t i, struct load_plan *p, struct err *err)
{
    struct load_stage *s = &p->stages[i];
    const struct load_stage *before = i ? s - 1 : NULL;
    struct str duration = json_get_str(stage, "duration");
    int64_t ns = LOAD_FOREVER;
    if (!read_level(stage, i, s, err))
        return false;
    if (before && before->end_ns == LOAD_FOREVER)
        return err_set(err, ERR_INVALID, "stage %zu has no duration, and is not the last", i);
    if (duration.n && (!duration_parse_go(duration, &ns) || ns <= 0 || ns > 1000 * 3600 * (int64_t)NS_PER_S))
        return err_set(err, ERR_INVALID, "stage %zu: \"" STR_FMT "\" is no duration from 1ns to 1000h", i + 1, STR_ARG(duration));
    bool ramp = json_get_bool(stage, "ramp", false);
    if (ramp && !duration.n)
        return err_set(err, ERR_INVALID, "stage %zu: a ramp needs a duration", i + 1);
    s->begin_ns = before ? before->end_ns : 0;
    s->end_ns = duration.n ? s->begin_ns + ns : LOAD_FOREVER;
    s->from_milli = !ramp ? s->to_milli : before && before->open == s->open ? before->to_milli : 0;
    return true;
}

bool load_plan_read(const struct json *spec, struct load_plan *out, struct err *err)
{
    const struct json *stages = json_get(spec, "stages");
    struct str timeout = json_get_str(spec, "timeout");
    *out = (struct load_plan){ .n = json_len(stages), .even = str_eqc(json_get_str(spec, "arrivals"), "Even") };
    if (out->n == 0 || out->n > LOAD_STAGES_MAX)
        return err_set(err, ERR_INVALID, "%zu stages are not from 1 to %d", out->n, LOAD_STAGES_MAX);
    if (!duration_parse_go(timeout, &out->timeout_ns) || out->timeout_ns <= 0)
        return err_set(err, ERR_INVALID, "timeout: \"" STR_FMT "\" is no duration", STR_ARG(timeout));
    size_t i = 0;
    for (const struct json *s = json_first(stages); s; s = json_next(s), i++)
        if (!read_stage(s, i, out, err))
            return false;
    return true;
}

/* ---- the line ---- */
const struct load_stage *load_plan_at(const struct load_plan *p, int64_t t_ns)
{
    for (size_t i = 0; i < p->n; i++)
        if (t_ns < p->stages[i].end_ns)
            return &p->stages[i];
    return NULL;
}

/* Thousandths times nanoseconds of a month are more than 64 bits hold. */
static int64_t level_milli(const struct load_stage *s, int64_t t_ns)
{
    if (s->from_milli == s->to_milli)
        return s->to_milli;
    __int128 rise = (__int128)(s->to_milli - s->from_milli) * (t_ns - s->begin_ns);
    return s->from_milli + (int64_t)(rise / (s->end_ns - s->begin_ns));
}

static size_t clients_of(const struct load_stage *s, int64_t t_ns)
{
    return s->open ? 0 : (size_t)(level_milli(s, t_ns) + MILLI / 2) / MILLI;
}

size_t load_plan_clients(const struct load_plan *p, int64_t t_ns)
{
    const struct load_stage *s = load_plan_at(p, t_ns);
    return s ? clients_of(s, t_ns) : 0;
}

/* On a ramp the number changes at most as often as there are clients, and each number holds for one stretch of time: halve the
 * rest of the stage until the first instant of another number is found. */
int64_t load_plan_change(const struct load_plan *p, int64_t t_ns)
{
    const struct load_stage *s = load_plan_at(p, t_ns);
    if (!s)
        return LOAD_FOREVER;
    size_t now = clients_of(s, t_ns);
    int64_t low = t_ns, high = s->end_ns;          /* low: still as now; high: no more */
    if (s->open || s->from_milli == s->to_milli || clients_of(s, high - 1) == now)
        return high;
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (clients_of(s, middle) == now)
            low = middle;
        else
            high = middle;
    }
    return high;
}

/* ---- arrivals ---- */
int64_t load_plan_arrival(const struct load_plan *p, int64_t t_ns, double need)
{
    for (const struct load_stage *s = load_plan_at(p, t_ns); s; t_ns = s->end_ns, s = load_plan_at(p, t_ns)) {
        if (s->end_ns == LOAD_FOREVER && (!s->open || s->to_milli == 0))
            return LOAD_FOREVER;
        if (!s->open)
            continue;
        double at = (double)level_milli(s, t_ns) / MILLI, end = (double)s->to_milli / MILLI;
        double left = s->end_ns == LOAD_FOREVER ? HUGE_VAL : (double)(s->end_ns - t_ns) / (double)NS_PER_S;
        double slope = s->end_ns == LOAD_FOREVER ? 0 : (end - at) / left, area = (at + end) / 2 * left;
        if (need <= area) {            /* at*x + slope/2*x^2 = need, in the form that does not cancel */
            double root = at * at + 2 * slope * need, x = 2 * need / (at + sqrt(root > 0 ? root : 0));
            int64_t then = t_ns + (int64_t)(x * (double)NS_PER_S + 0.5);
            return then < s->end_ns ? then : s->end_ns - 1;
        }
        need -= area;
    }
    return LOAD_FOREVER;
}
