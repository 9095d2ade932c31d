/* sim/client/client_priv.h - inside the API client. */
#ifndef SIM_CLIENT_CLIENT_PRIV_H
#define SIM_CLIENT_CLIENT_PRIV_H

#include "sim/client/client.h"

struct client {
    struct loop        *loop;
    struct http_client *http;
    char               *server, *name;
    struct str        (*token)(void *ctx);
    void               *token_ctx;
    struct list         calls;         /* struct client_call */
    struct list         informers;     /* shared ones, freed with the client */
};

/* Authorization and Accept, as every request carries them. */
void client_headers(struct client *c, struct arena *a, struct http_headers *h);
void informer_free(struct informer *i);
struct informer *informer_of_node(struct list *node);

#endif
