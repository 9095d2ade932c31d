/* sim/cmd/confine.h - what a process can be forbidden, each measure in turn: the inside of the sandbox (sandbox.h). Linux alone. */
#ifndef SIM_CMD_CONFINE_H
#define SIM_CMD_CONFINE_H

#include "sim/cmd/sandbox.h"

#include <sys/types.h>

enum { CONFINE_PORTS_MAX = 64, CONFINE_PATHS_MAX = 64 };
struct confinement {
    const struct sandbox *box;
    const struct sandbox_limits *limits;
    const char *data;                  /* the cluster's folder, absolute; of it the script sees node/ and nodes/ */
    const char *view;                  /* the script's KUBELAB_DATA, below box->folder */
    const char *tmp;                   /* its /tmp, or at least its TMPDIR */
    const char *readable[CONFINE_PATHS_MAX]; size_t readable_n;      /* beside the system's folders: PATH's, and this program */
    uint16_t    ports[CONFINE_PORTS_MAX]; size_t port_n;             /* where its TCP connections may lead */
    bool        own_ports;             /* the machine's two for its own programs are among them: it may listen there */
    uid_t       uid;                   /* MEASURE_USER: whose it is to be */
    /* the cluster is uid's, too (sandbox_cluster_user): its supervisor is as well, from the beginning */
    bool        cluster_is_anothers;
    size_t      threads_before;        /* its user's, which RLIMIT_NPROC counts, too */
    unsigned    on;                    /* 1 << enum sandbox_measure */
    const char *why[MEASURE_COUNT];    /* why a measure is off; in the arena */
};
size_t confine_threads_of(uid_t uid);
uid_t confine_spare_user(void);
bool confine_become(uid_t uid);
bool confine_has_capability(unsigned number);
extern const char *const confine_names[MEASURE_COUNT];

/* Try the measures in a child, together; those that fail there are taken out of c->on, with their reasons. */
void confine_try(struct arena *a, struct confinement *c);
/* In the child that becomes the script: all of c->on. MEASURE_COUNT: done, else which failed, and *why. Where there is a process
 * namespace it returns in a grandchild, and the child ends as that does. */
enum sandbox_measure confine_enter(const struct confinement *c, const char **why);

/* sandbox_ports.c: does a file below that folder name the machine's ports for a script's own programs, or what listens there? And
 * to have them: until the descriptor is closed; waits for who has them. -1: it was stopped meanwhile, or there are no sockets. */
enum { PORT_KUBECTL_PROXY = 8001, PORT_USUAL = 8080 };
bool sandbox_ports_named(const char *home);
int  sandbox_ports_take(bool (*stopped)(void *ctx), void *ctx);

/* ---- one file each ---- */
int  landlock_version(void);           /* of the kernel's interface; 0: there is none */
bool landlock_enter(const struct confinement *c, const char **why);
bool seccomp_enter(const char **why);  /* needs no_new_privs */
bool confine_namespaces(const struct confinement *c, const char **why);

#endif
