/* workloads/controllers/cron.h - cron schedules, pure (robfig/cron's standard parser, as CronJobs use it). */
#ifndef WORKLOADS_CONTROLLERS_CRON_H
#define WORKLOADS_CONTROLLERS_CRON_H

#include "sim/base/base.h"

struct cron {
    uint64_t minute, hour, day, month, weekday;    /* bit n: value n is meant */
    bool     any_day, any_weekday;                 /* the field was a star */
    int64_t  every_ns;                             /* "@every 1h": a fixed period instead; else 0 */
};
bool cron_parse(struct str text, struct cron *out);              /* "*\/5 0-6,12 * jan mon-fri", "@hourly"; false: not a schedule */
/* first time later than that (UTC), in ns; -1: none within five years */
int64_t cron_next(const struct cron *c, int64_t after_ns);

#endif
