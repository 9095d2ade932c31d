/* workloads/controllers/controllers.h - kube-controller-manager: the loops that make the world what the objects say. */
#ifndef WORKLOADS_CONTROLLERS_CONTROLLERS_H
#define WORKLOADS_CONTROLLERS_CONTROLLERS_H

#include "sim/client/client.h"

struct controller_manager;
struct controller_manager_options {
    struct loop *loop;
    int          minor;
    bool         leader_elect;
    const char  *instance;                         /* with leader_elect: what tells this process from others, see leader_identity */
    struct client *client;                         /* as system:kube-controller-manager */
    /* Make a client that presents this bearer token (a service account's). The manager creates the controller's ServiceAccount
     * with its own client, waits for the token secret that its tokens controller makes, and only then starts that controller: as
     * SAControllerClientBuilder does. Owned by the manager. */
    struct client *(*client_with_token)(void *ctx, const char *service_account, struct str token); void *ctx;
    const struct controller_ops *const *extra;     /* controllers of other rooms (hpa), NULL-terminated */
    struct key  *sa_key;                           /* signs service-account tokens (root CA goes with them) */
    struct str   root_ca_pem;
    struct key  *ca_key; struct cert *ca_cert;     /* CSR signer; NULL: off */
    void       (*lost)(void *ctx); void *lost_ctx; /* its lease could not be renewed: upstream exits; NULL: nothing happens */
    const struct json *flags;                      /* name -> value as strings, of the component's command line */
    /* of controllers that note what they computed */
    void       (*note)(void *ctx, struct str key, const struct json *note); void *note_ctx;
};
struct controller_manager *controller_manager_start(const struct controller_manager_options *opt);
/* later than start, when it is made off the start path */
void controller_manager_set_sa_key(struct controller_manager *m, struct key *k);
void controller_manager_free(struct controller_manager *m);
#endif
