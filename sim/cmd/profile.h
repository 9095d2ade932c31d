/* sim/cmd/profile.h - what kind of cluster a data folder holds (cluster.json): read, chosen and kept. */
#ifndef SIM_CMD_PROFILE_H
#define SIM_CMD_PROFILE_H

#include "labs/labs.h"
#include "sim/cmd/cmd.h"

struct profile {
    int  minor, nodes;
    bool bare;
    const struct lab *lab;             /* with the cluster's values; NULL: a plain cluster */
    const char *student;               /* whose variant it is, or NULL */
    bool to_begin;                     /* the lab's start has not been played yet */
};
/* False: there is no cluster.json. A lab that it names and that is not there any more (a folder that went away) is left NULL. */
bool profile_load(struct arena *a, const char *dir, struct profile *p);
bool profile_save(struct arena *a, const char *dir, const struct profile *p, struct err *err);
/* What o wants; where the folder is known, whether it holds that. False with ERR_USAGE. */
bool profile_choose(struct arena *a, struct profile *p, const struct options *o, bool known, struct err *err);
/* Draw the values of a fresh cluster's lab. */
bool profile_draw(struct arena *a, struct profile *p, const struct options *o, const uint8_t seed[32], struct err *err);

/* Play the start of a lab on the cluster of o, which is fresh and whose clock stands. False: ERR_INTERNAL with the step that
 * failed, ERR_REFUSED. */
bool lab_begin(struct arena *a, const struct options *o, const struct lab *lab, struct err *err);
/* The lab of the cluster in o's data folder, running or not, with its values; NULL: there is none. */
const struct lab *lab_of_cluster(struct arena *a, const struct options *o);

#endif
