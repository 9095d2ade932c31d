/* sim/cmd/components.c - kube-controller-manager and kube-scheduler as programs that the kubelet starts from
 * /etc/kubernetes/manifests.
 *
 * The code of both lives in this process, but whether and with which flags it runs is decided where it is in a cluster: by the
 * static pod. Change a flag in the manifest and the kubelet restarts the container, hence the component; take the file away and
 * nobody reconciles any more. A flag that does not exist ends the process with status 1, so the pod crash-loops and its log says
 * why. Upstream: cmd/kube-controller-manager/app/options, cmd/kube-scheduler/app/options.
 */
#include "sim/cmd/components.h"
#include "sim/proc/pflag.h"
#include "workloads/programs/programs.h"

#include <signal.h>
#include <stdlib.h>

/* one cluster a process: programs have no other way to their maker */
static struct { const struct components_ops *ops; void *ctx; const char *node; } root;

void components_init(const struct components_ops *ops, void *ctx, const char *node)
{
    root.node = node;
    root.ops = ops;
    root.ctx = ctx;
}

/* ---- flags ---- */
/* What each component takes: the flags that kubeadm writes, and those that a lab changes. Everything else is refused. */
static const struct pflag manager_flags[] = {
    { "allocate-node-cidrs", PFLAG_BOOL, NULL }, { "authentication-kubeconfig", PFLAG_STRING, NULL },
    { "authorization-kubeconfig", PFLAG_STRING, NULL }, { "bind-address", PFLAG_STRING, NULL },
    { "client-ca-file", PFLAG_STRING, NULL }, { "cluster-cidr", PFLAG_STRING, NULL }, { "cluster-name", PFLAG_STRING, NULL },
    { "cluster-signing-cert-file", PFLAG_STRING, NULL }, { "cluster-signing-key-file", PFLAG_STRING, NULL },
    { "controllers", PFLAG_LIST, NULL }, { "feature-gates", PFLAG_MAP, NULL },
    { "horizontal-pod-autoscaler-cpu-initialization-period", PFLAG_DURATION, NULL },
    { "horizontal-pod-autoscaler-downscale-stabilization", PFLAG_DURATION, NULL },
    { "horizontal-pod-autoscaler-initial-readiness-delay", PFLAG_DURATION, NULL },
    { "horizontal-pod-autoscaler-sync-period", PFLAG_DURATION, NULL },
    { "horizontal-pod-autoscaler-tolerance", PFLAG_FLOAT, NULL }, { "kubeconfig", PFLAG_STRING, NULL },
    { "leader-elect", PFLAG_BOOL, NULL }, { "node-cidr-mask-size", PFLAG_INT, NULL },
    { "node-monitor-grace-period", PFLAG_DURATION, NULL }, { "node-monitor-period", PFLAG_DURATION, NULL },
    { "pod-eviction-timeout", PFLAG_DURATION, NULL }, { "port", PFLAG_INT, NULL },
    { "requestheader-client-ca-file", PFLAG_STRING, NULL }, { "root-ca-file", PFLAG_STRING, NULL },
    { "secure-port", PFLAG_INT, NULL }, { "service-account-private-key-file", PFLAG_STRING, NULL },
    { "service-cluster-ip-range", PFLAG_STRING, NULL }, { "use-service-account-credentials", PFLAG_BOOL, NULL },
    { "v", PFLAG_INT, NULL },
};
static const struct pflag scheduler_flags[] = {
    { "authentication-kubeconfig", PFLAG_STRING, NULL }, { "authorization-kubeconfig", PFLAG_STRING, NULL },
    { "bind-address", PFLAG_STRING, NULL }, { "kubeconfig", PFLAG_STRING, NULL }, { "leader-elect", PFLAG_BOOL, NULL },
    { "port", PFLAG_INT, NULL }, { "secure-port", PFLAG_INT, NULL }, { "v", PFLAG_INT, NULL },
};
static const struct { const char *component; const struct pflag *flags; size_t count; } known[] = {
    { "kube-controller-manager", manager_flags, ARRAY_LEN(manager_flags) },
    { "kube-scheduler", scheduler_flags, ARRAY_LEN(scheduler_flags) },
};
struct parsing { struct arena *a; const char *component; struct json *flags; };

static const struct pflag *find(void *ctx, struct str name)
{
    const struct parsing *p = ctx;
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (strcmp(known[i].component, p->component) == 0)
            return pflag_find(known[i].flags, sizeof *known[i].flags, known[i].count, name);
    return NULL;
}

static bool keep(void *ctx, const struct pflag *f, struct str value, int64_t number, struct err *err)
{
    const struct parsing *p = ctx;
    (void)err;
    json_set_str(p->a, p->flags, f->name, f->type == PFLAG_BOOL ? number ? STR("true") : STR("false") : value);
    return true;
}

struct json *component_flags(struct arena *a, const char *component, char **argv, struct err *err)
{
    struct parsing p = { a, component, json_new_object(a) };
    const struct pflag_set set = { .find = find, .keep = keep, .ctx = &p };
    const char *stray;
    if (!pflag_parse(a, &set, argv, &stray, NULL, err))
        return NULL;
    if (!stray)
        return p.flags;
    err_set(err, ERR_USAGE, "unknown command \"%s\" for \"%s\"", stray, component);
    return NULL;
}

/* ---- the programs: a daemon with its probes and its load, and the component itself ---- */
struct component {
    struct process *process;
    void           *daemon;            /* daemon_program's state */
    struct arena   *arena;             /* of the flags */
    void          (*stop)(void *ctx);  /* NULL: it has not begun */
    struct component_host host;
    const char     *fatal_place;       /* where it says "leaderelection lost" */
    struct manager_files files;
};

static void component_log(void *ctx, char severity, const char *where, const char *text)
{
    struct component *c = ctx;
    struct arena *a = arena_new();
    process_printf(c->process, 2, "%c" STR_FMT "       1 %s] %s\n", severity,
                   STR_ARG(time_klog(a, vtime_now(process_options(c->process)->loop))), where, text);
    arena_free(a);
}

/* Who may no longer lead must not act: the process ends, and the kubelet starts another. */
static void component_lost(void *ctx)
{
    struct component *c = ctx;
    component_log(c, 'F', c->fatal_place, "leaderelection lost");
    process_exit(c->process, 255);
}

typedef void start_fn(void *ctx, const struct json *flags, const struct component_host *host);

static void *component_start(struct process *p, const char *name, const char *fatal_place, start_fn *start,
                             void (*stop)(void *ctx), struct err *err)
{
    struct component *c = NEW(struct component);
    struct err why = { 0 };
    c->process = p;
    c->arena = arena_new();
    const struct json *flags = component_flags(c->arena, name, process_options(p)->argv, &why);
    if (!flags) {
        process_printf(p, 2, "Error: %s\nUsage:\n  %s [flags]\n\n", why.msg, name);
        process_exit(p, 1);
        err_clear(&why);
        return c;
    }
    c->daemon = daemon_program.start(p, err);
    if (!c->daemon) {
        arena_free(c->arena);
        free(c);
        return NULL;
    }
    c->host = (struct component_host){ component_log, component_lost, c, &c->files, process_options(p)->id };
    c->fatal_place = fatal_place;
    const struct json *mounts = process_options(p)->mounts;
    if (start == root.ops->start_controller_manager &&
        !manager_files_load(c->arena, root.node, flags, mounts, root.ops->keys_pending(root.ctx), &c->files, &why)) {
        component_log(c, 'F', "controllermanager.go:235", why.msg);
        process_exit(p, 255);
        err_clear(&why);
        return c;
    }
    start(root.ctx, flags, &c->host);
    c->stop = stop;
    return c;
}

static void component_signal(void *state, int signo)
{
    struct component *c = state;
    if (signo == SIGTERM || signo == SIGINT)
        process_exit(c->process, 0);
}

static void component_stop(void *state)
{
    struct component *c = state;
    if (c->stop)
        c->stop(root.ctx);
    if (c->daemon)
        daemon_program.stop(c->daemon);
    manager_files_deinit(&c->files);
    arena_free(c->arena);
    free(c);
}

static void *manager_start(struct process *p, struct err *err)
{
    return component_start(p, "kube-controller-manager", "controllermanager.go:279", root.ops->start_controller_manager,
                           root.ops->stop_controller_manager, err);
}

static void *scheduler_begin(struct process *p, struct err *err)
{
    return component_start(p, "kube-scheduler", "server.go:264", root.ops->start_scheduler, root.ops->stop_scheduler, err);
}

const struct program_ops controller_manager_program = { .name = "kube-controller-manager", .start = manager_start,
                                                        .signal = component_signal, .stop = component_stop };
const struct program_ops scheduler_program = { .name = "kube-scheduler", .start = scheduler_begin, .signal = component_signal,
                                               .stop = component_stop };
