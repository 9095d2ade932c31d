/* sim/cmd/reset.c - kubelab reset: the data folder's cluster goes back to what it was before its first `up`.
 *
 * It is stopped if it runs, and what it has lived through is removed: objects, nodes' files, images, audit trail, journal, log.
 * What it is stays: kind, lab and the values of its parameters (cluster.json), whose start is to be played again, and the seed, so
 * that it comes up with the same keys and names. A folder that is not a cluster's is left alone.
 */
#include "apiserver/store/store.h"
#include "sim/cmd/profile.h"

#include <stdio.h>
#include <unistd.h>

enum { PATIENCE_MS = 10000 };

static bool stop(struct arena *a, struct options *o, struct err *err)
{
    struct control_reply reply = { 0 };
    if (!control_call(a, o, "POST", "/down", STR_NULL, NULL, NULL, &reply, err)) {
        if (err->code != ERR_REFUSED)
            return false;
        err_clear(err);                            /* it does not run */
    }
    return store_released(data_path(a, o, "kubelab.db"), PATIENCE_MS) ||
           err_set(err, ERR_INTERNAL, "the cluster has not ended: its data folder is still in use; see %s", data_path(a, o, "log"));
}

int cmd_reset(struct options *o)
{
    static const char *const lived[] = { "kubelab.db", "kubelab.db-wal", "kubelab.db-shm", "node", "nodes", "pki", "admin.conf",
                                         "log", "control.sock" };
    struct arena *a = arena_new();
    struct err err = { 0 };
    struct profile p = { 0 };
    const char *dir = data_path(a, o, "");
    bool ok = profile_load(a, dir, &p) ||
              err_set(&err, ERR_REFUSED, "no cluster has been started in this data folder (%s): there is nothing to reset", dir);
    ok = ok && stop(a, o, &err);
    for (size_t i = 0; ok && i < ARRAY_LEN(lived); i++)
        scratch_remove(data_path(a, o, lived[i]));
    p.to_begin = p.lab && p.lab->start;
    ok = ok && (!p.to_begin || profile_save(a, dir, &p, &err));
    if (ok && isatty(2))
        fprintf(stderr, "kubelab: the cluster is as it was before its first start; 'kubelab up' starts it\n");
    int status = ok ? EXIT_DONE : control_fail(&err);
    err_clear(&err);
    arena_free(a);
    return status;
}
