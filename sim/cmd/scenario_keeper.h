/* sim/cmd/scenario_keeper.h - Scenario objects played in a running cluster, in its virtual time. */
#ifndef SIM_CMD_SCENARIO_KEEPER_H
#define SIM_CMD_SCENARIO_KEEPER_H

#include "apiserver/store/store.h"
#include "sim/client/client.h"

struct looker;
struct scenario_keeper;
struct scenario_keeper_options {
    struct loop   *loop;
    struct store  *store;              /* where the objects are read */
    struct client *client;             /* as system:kubelab, from a host that faults spare: what the steps do, and statuses */
    struct looker *looker;             /* what conditions look at */
    const char    *lab;                /* the cluster's, or NULL */
};
/* Those that were being played when the last process ended are told to be Interrupted. */
struct scenario_keeper *scenario_keeper_new(const struct scenario_keeper_options *o);
/* before its client and its looker: what is played ends where it is. Accepts NULL. */
void scenario_keeper_free(struct scenario_keeper *k);

#endif
