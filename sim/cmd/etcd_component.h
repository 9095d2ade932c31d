/* sim/cmd/etcd_component.h - etcd as the program of its static pod: whether the store can be reached. */
#ifndef SIM_CMD_ETCD_COMPONENT_H
#define SIM_CMD_ETCD_COMPONENT_H

#include "sim/proc/proc.h"

/* One a process. root: DATA/node. lost(ctx): it runs no more. Before a boot nothing runs. */
void etcd_component_init(struct loop *l, const char *root, bool (*keys_pending)(void *ctx), void (*lost)(void *ctx), void *ctx);
/* At the machine's start: it runs at once if a manifest says so, and the container adopts it. always: a bare control plane's
 * store is simply there. */
void etcd_component_boot(bool always);
void etcd_component_hold(void);        /* the machine sleeps, or slept before this process: containers are let go, etcd is not */
/* Is there an etcd at one of these, "https://127.0.0.1:2379,..." (--etcd-servers)? */
bool etcd_component_serves(struct str servers);

extern const struct program_ops etcd_program;      /* "etcd" */

#endif
