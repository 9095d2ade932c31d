/* sim/fault/fault.h - what may go wrong, as a catalogue, and what goes wrong at the moment, as rules that the mechanisms ask for.
 *
 * A fault in force is data: a type and its parameters. It does nothing by itself. The mechanism that it bends (a dial, a lookup, a
 * pull, a certificate that is shown) asks `fault_next` for the faults of its types each time, and acts; when none is in force that
 * is one look at an empty list. So a fault ends by not being there any more, several apply together, and nothing has to be put
 * back. Who has to be told at once of a change watches (fault_watch).
 *
 * The catalogue is what the API validates Fault objects by, what `kubelab fault list` prints, and what labs/faults.md explains.
 */
#ifndef SIM_FAULT_FAULT_H
#define SIM_FAULT_FAULT_H

#include "sim/base/base.h"
#include "sim/base/json.h"
#include "sim/loop/loop.h"

/* In the order of the catalogue; those of one mechanism stand together, since they are asked for as a range. */
enum fault_type {
    FAULT_DNS_STRANGER, FAULT_DNS_NXDOMAIN, FAULT_DNS_SERVFAIL, FAULT_DNS_SLOW,
    FAULT_CONNECTION_REFUSED, FAULT_CONNECTION_BLACKHOLE, FAULT_CONNECTION_SLOW, FAULT_CONNECTION_LOSSY,
    FAULT_CLOCK_SKEW, FAULT_CERTIFICATE_EXPIRED, FAULT_CERTIFICATE_WRONG,
    FAULT_RBAC_HOLE, FAULT_ENDPOINTS_MISSING,
    FAULT_KUBELET_NO_METRICS, FAULT_NODE_PRESSURE, FAULT_SLOW_PULL, FAULT_PULL_FAILURE, FAULT_CRASH_LOOP,
    FAULT_API_SLOW,
    FAULT_TYPES
};

/* ---- catalogue.c ---- */
enum fault_value { FAULT_TEXT, FAULT_ADDRESS /* IPv4 */,
                   FAULT_DURATION /* Go's notation; bounds in ns */, FAULT_NUMBER, FAULT_CHOICE };
struct fault_param {
    const char      *name;
    enum fault_value value;
    const char      *dflt;             /* NULL: has to be given */
    int64_t          min, max;         /* of a duration or a number */
    const char      *choices;          /* sorted, a comma between two */
    const char      *help;
};
enum { FAULT_PARAMS_MAX = 6, FAULT_TEXT_MAX = 253 };
struct fault_info {
    const char        *name;           /* "dns-stranger" */
    const char        *what;           /* one line */
    const char        *seen;           /* the words that a student will meet */
    struct fault_param params[FAULT_PARAMS_MAX];   /* up to the first without a name */
};
const struct fault_info *fault_info(enum fault_type type);
int  fault_type_find(struct str name); /* enum fault_type; -1: there is none */
const char *fault_type_names(void);    /* sorted, a comma between two */
const struct fault_param *fault_param_find(enum fault_type type, struct str name);       /* NULL: it has none of that name */
/* NULL: the value is in order; else what it has to be, in words ("must be a duration from 1ms to 10m0s"). */
const char *fault_value_wrong(struct arena *a, const struct fault_param *p, struct str value);
/* '*' stands for any number of characters, everything else for itself; "" for all. */
bool fault_glob(const char *pattern, struct str text);

/* ---- faults.c: those in force, of one cluster ---- */
struct faults;
struct fault {
    struct list     node;
    struct faults  *all;
    enum fault_type type;
    char           *name;              /* the object's */
    char           *values[FAULT_PARAMS_MAX];      /* in the catalogue's order, with the defaults */
    char            address[64];       /* where the parameter `host` leads,
        when that is a Service's name and its owner has found out; "" */
    struct rng      rng;               /* its own dice: "fault/NAME" */
    /* What a mechanism shows instead of its own, a certificate, is made by the fault's owner when it is first asked for, and kept
     * by who shows it. */
    void         *(*make)(void *ctx, struct fault *f, const char *key);
    void          (*unmake)(void *made);
    void           *make_ctx;
    struct map     *made;              /* key -> what make gave; NULL until there is one */
};
struct faults *faults_new(struct loop *l);
void faults_free(struct faults *fs);   /* with all that are in force; accepts NULL */
/* parameters: an object of strings that were found in order, or NULL. Watchers are told. */
struct fault *fault_begin(struct faults *fs, const char *name, enum fault_type type, const struct json *parameters);
void fault_end(struct fault *f);       /* watchers are told; accepts NULL */
void fault_changed(struct fault *f);   /* its address did: watchers are told */
/* The next in force of the types from first to last, in the order in which they began; after NULL: the first. NULL: there is no
 * more. */
struct fault *fault_next(const struct faults *fs, const struct fault *after, enum fault_type first, enum fault_type last);
const char *fault_text(const struct fault *f, const char *param);      /* "" when it was not given and has no default */
int64_t fault_number(const struct fault *f, const char *param);        /* a number, or a duration in ns; 0 when not given */
bool fault_matches(const struct fault *f, const char *param, struct str text);         /* fault_glob of the parameter */
void *fault_subject(struct fault *f, const char *key);                 /* borrowed; NULL: there is no maker, or it could not */
/* What the faults of certificates make `of` ("kubelet") on a node show instead of its own, which ought to be for `names`; NULL: its
 * own. */
void *fault_shown(const struct faults *fs, const char *of, struct str node, const char *names);
/* changed(w) at once, inside fault_begin and the like: it may look, and enqueue, but begin and end nothing. */
struct fault_watch { struct list node; void (*changed)(struct fault_watch *w); };
void fault_watch(struct faults *fs, struct fault_watch *w, void (*changed)(struct fault_watch *w));
void fault_unwatch(struct fault_watch *w);         /* legal when it does not watch (zeroed) */

#endif
