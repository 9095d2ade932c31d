/* sim/cmd/clock_keeper.h - the Clock object: how fast virtual time goes, as something that kubectl reads and changes. */
#ifndef SIM_CMD_CLOCK_KEEPER_H
#define SIM_CMD_CLOCK_KEEPER_H

#include "apiserver/store/store.h"
#include "sim/client/client.h"

struct clock_keeper;
struct clock_keeper_options {
    struct loop   *loop;
    struct store  *store;              /* where the object is read */
    struct client *client;             /* as system:kubelab, from a host that faults spare */
    /* The speed in thousandths, apart from that a driven command has the clock stand. */
    uint64_t     (*get)(void *ctx);
    void         (*set)(void *ctx, uint64_t milli);
    void          *ctx;
};
/* The object is made to say the present speed, and from then on its word counts. */
struct clock_keeper *clock_keeper_new(const struct clock_keeper_options *o);
/* The speed has been set otherwise (`kubelab clock speed`): the object follows. Accepts NULL. */
void clock_keeper_told(struct clock_keeper *k);
/* after its client, which has its calls; accepts NULL */
void clock_keeper_free(struct clock_keeper *k);

#endif
