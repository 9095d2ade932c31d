/* workloads/programs/daemon.c - containers whose work is done elsewhere in this process, or is only to be there: etcd,
 * the control plane, weave; and pause.
 *
 * They consume their named load profile, answer their probes on the node's network, and end on SIGTERM. What
 * kube-apiserver does is the room apiserver.
 */
#include "workloads/programs/programs_priv.h"

#include <signal.h>
#include <stdlib.h>

static const struct health_route etcd_routes[] = { { "/health", 200, "application/json", "{\"health\":\"true\"}", NULL }, { 0 } };
static const struct health_route component_routes[] = { { "/healthz", 200, "text/plain; charset=utf-8", "ok", NULL }, { 0 } };
static const struct health_route weave_routes[] = {
    { "/status", 200, "text/plain", "        Version: 2.6.0\n\n        Service: router\n       Protocol: weave 1..2\n",
      NULL },
    { 0 }
};

/* Which program listens where; the control plane's ports moved behind TLS in v1.17 to v1.20, and what runs is told by
 * the image's version. */
static const struct {
    const char *program;
    const char *image_part;
    int port;
    bool tls;
    const struct health_route *routes;
} listeners[] = {
    { "etcd", "", 2381, false, etcd_routes },
    { "kube-controller-manager", ":v1.16.", 10252, false, component_routes },
    { "kube-scheduler", ":v1.16.", 10251, false, component_routes },
    { "kube-controller-manager", "", 10257, true, component_routes },
    { "kube-scheduler", "", 10259, true, component_routes },
    { "launch.sh", "weave-kube", 6784, false, weave_routes },
};

/* The value of --name=VALUE on a command line; empty when it is not there. */
static struct str flag_of(char *const *argv, const char *name)
{
    for (; *argv; argv++) {
        struct str word, value;
        if (str_cut(str_c(*argv), '=', &word, &value) && str_starts(word, "--") && str_eqc(str_sub(word, 2, word.n), name))
            return value;
    }
    return STR("");
}

/* Where it listens, as its flags have it: --port (0: not at all) without TLS, --secure-port and --bind-address with. */
static bool place_of(const struct process_options *o, bool tls, const char **ip, int *port)
{
    struct str number = flag_of(o->argv, tls ? "secure-port" : "port"), address = flag_of(o->argv, "bind-address");
    int64_t n = *port;
    str_int(number, &n);
    *port = (int)n;
    if (tls && (str_eqc(address, "0.0.0.0") || str_eqc(address, "::")))
        *ip = NULL;
    else if (tls && address.n)
        *ip = address.p;               /* the end of a word of argv */
    return n > 0;
}

struct daemon_state { struct process *process; struct health_server *health; };

static void *daemon_start(struct process *p, struct err *err)
{
    const struct process_options *o = process_options(p);
    const char *name = path_base(o->argv[0]);
    struct str ref = json_get_str(o->image, "ref");
    struct daemon_state *d = NEW(struct daemon_state);
    d->process = p;
    process_load(p);
    for (size_t i = 0; i < ARRAY_LEN(listeners); i++) {
        if (strcmp(name, listeners[i].program) != 0 || str_find(ref, str_c(listeners[i].image_part)) < 0)
            continue;
        const char *ip = "127.0.0.1";
        int port = listeners[i].port;
        bool component = listeners[i].routes == component_routes;
        if (component && !place_of(o, listeners[i].tls, &ip, &port))
            continue;
        d->health = health_server_new(p, ip, port, listeners[i].tls, listeners[i].routes, d, err);
        if (!d->health) {
            free(d);
            return NULL;
        }
        break;
    }
    return d;
}

static void daemon_signal(void *state, int signo)
{
    struct daemon_state *d = state;
    if (signo == SIGTERM || signo == SIGINT)
        process_exit(d->process, 0);
}

static void daemon_stop(void *state)
{
    struct daemon_state *d = state;
    health_server_free(d->health);
    free(d);
}

const struct program_ops daemon_program = {
    .name = "daemon", .start = daemon_start, .signal = daemon_signal, .stop = daemon_stop
};
const struct program_ops pause_program = { .name = "pause", .start = daemon_start, .signal = daemon_signal, .stop = daemon_stop };
