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
    client_log         *log;           /* NULL: nobody reads it */
    void               *log_ctx;
    int                 log_minor;
};
/* report.c */
void client_say(struct client *c, char severity, const char *where_old, const char *where_new,
                const char *fmt, ...) PRINTF(5, 6);
const char *kind_of_path(struct arena *a, const char *path);     /* "/apis/apps/v1/replicasets" -> "*v1.ReplicaSet" */

/* Authorization and Accept, as every request carries them. */
void client_headers(struct client *c, struct arena *a, struct http_headers *h);
void informer_free(struct informer *i);
struct informer *informer_of_node(struct list *node);

#endif
