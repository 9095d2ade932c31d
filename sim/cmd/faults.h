/* sim/cmd/faults.h - Fault objects made true: who keeps the faults in force as the objects say. */
#ifndef SIM_CMD_FAULTS_H
#define SIM_CMD_FAULTS_H

#include "apiserver/store/store.h"
#include "sim/client/client.h"
#include "sim/cmd/kubeadm.h"

struct fault_keeper;
struct fault_keeper_options {
    struct loop   *loop;
    struct store  *store;              /* where the objects are read: no fault can hide from it that one has been deleted */
    struct vnet   *vnet;               /* whose faults it begins and ends */
    /* as system:kubelab, from a host that faults spare: statuses, and the objects that a fault changes */
    struct client *client;
    const struct kubeadm_pki *pki;     /* to make certificates that are wrong in one respect; outlives it */
};
/* Those that were active when the last process ended are in force when it returns; it goes on by the loop. */
struct fault_keeper *fault_keeper_new(const struct fault_keeper_options *o);
/* after its client, which has its calls; the faults end with the network. Accepts NULL. */
void fault_keeper_free(struct fault_keeper *k);

/* ---- fault_edit.c: faults that are a change of one field of an object, made through the API and taken back ---- */
/* The path of the object that a fault of such a type changes; NULL: its type changes none. */
const char *fault_edit_path(struct arena *a, enum fault_type type, const struct json *parameters);
const char *fault_edit_field(enum fault_type type, const struct json *parameters);       /* "spec.selector" */
/* What shall stand in the field instead of `before` (*after NULL: nothing). False with err: there is nothing to be changed. */
bool fault_edit_make(struct arena *a, enum fault_type type, const struct json *parameters, const struct json *before,
                     struct json **after, struct err *err);
/* Set the field of an object, or take it out (value NULL); the value is copied. */
void fault_edit_set(struct arena *a, struct json *obj, const char *field, const struct json *value);

/* ---- fault_identity.c: certificates that are wrong in one respect ---- */
/* What a fault of such a type shows instead of its subject's own certificate: a new reference, or NULL with err. names: what the
 * certificate ought to be for, names and addresses with commas between them. */
struct identity *fault_identity_make(const struct fault *f, const struct kubeadm_pki *pki, const char *names, int64_t now_ns,
                                     struct err *err);

#endif
