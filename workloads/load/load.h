/* workloads/load/load.h - what makes LoadProfiles true: real requests to Services while the objects exist. */
#ifndef WORKLOADS_LOAD_LOAD_H
#define WORKLOADS_LOAD_LOAD_H
#include "sim/client/client.h"

struct load;
struct load_options {
    struct vnet         *net;
    struct vnet_host    *machine;      /* by whose Service rules the requests go; outlives the generator */
    const char          *server;       /* "https://192.168.229.132:6443" */
    const struct trust  *roots;        /* of the API server; borrowed */
    struct identity     *identity;     /* the generator's client certificate; referenced */
};
/* A machine at 192.168.229.1, beside the cluster's, that asks as the LoadProfiles say. Profiles that ran when it stopped go on. */
struct load *load_start(const struct load_options *o);
bool load_is_at(struct str ip);        /* is that its machine's address? */
void load_free(struct load *l);        /* accepts NULL; requests under way are cut */
#endif
