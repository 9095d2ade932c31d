/* workloads/programs/programs_priv.h - what the programs share. */
#ifndef WORKLOADS_PROGRAMS_PROGRAMS_PRIV_H
#define WORKLOADS_PROGRAMS_PROGRAMS_PRIV_H

#include "sim/http/http.h"
#include "workloads/programs/programs.h"


/* A plain answer server on a port of the process's network: path -> status, type and body; NULL path ends the table; a
 * body function may say "not yet". */
struct health_route { const char *path; int status; const char *type, *body; bool (*ok)(void *ctx); };
struct health_server;
struct health_server *health_server_new(struct process *p, const char *ip, int port, bool tls,
                                        const struct health_route *routes, void *ctx, struct err *err);
void health_server_free(struct health_server *h);

#endif
