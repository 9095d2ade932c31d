/* workloads/controllers/daemonset.h - what a DaemonSet's sync and its history share. */
#ifndef WORKLOADS_CONTROLLERS_DAEMONSET_H
#define WORKLOADS_CONTROLLERS_DAEMONSET_H

#include "workloads/controllers/controllers_priv.h"

struct daemon_job {                    /* one sync of one DaemonSet */
    struct json        *ds;
    const struct json **pods; size_t n;/* claimed */
    struct str          hash;          /* of the present template's revision; empty until known */
    void              (*after_history)(struct sync *s);
    struct str          current;       /* name of the present revision */
};
struct ctl_watch *daemon_revisions(struct ctl *c);

/* Find or create the ControllerRevision of the present template, set job->hash, and go on with then. */
void daemon_history(struct sync *s, void (*then)(struct sync *s));
/* Delete the oldest revisions that no pod has, beyond revisionHistoryLimit. */
void daemon_cleanup(struct sync *s);

#endif
