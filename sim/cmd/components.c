/* sim/cmd/components.c - kube-controller-manager and kube-scheduler as programs that the kubelet starts from /etc/kubernetes/manifests.
 *
 * The code of both lives in this process, but whether and with which flags it runs is decided where it is in a cluster: by the static pod. Change a flag in the
 * manifest and the kubelet restarts the container, hence the component; take the file away and nobody reconciles any more. A flag that does not exist ends
 * the process with status 1, so the pod crash-loops and its log says why. Upstream: cmd/kube-controller-manager/app/options, cmd/kube-scheduler/app/options.
 */
#include "sim/cmd/components.h"
#include "workloads/programs/programs.h"

#include <signal.h>
#include <stdlib.h>

static struct { const struct components_ops *ops; void *ctx; const char *node; } root;   /* one cluster a process: programs have no other way to their maker */

void components_init(const struct components_ops *ops, void *ctx, const char *node)
{
    root.node = node;
    root.ops = ops;
    root.ctx = ctx;
}

/* ---- flags ---- */
/* What each component takes: the flags that kubeadm writes, and those that a lab changes. Everything else is refused. */
static const char *const manager_flags[] = {
    "allocate-node-cidrs", "authentication-kubeconfig", "authorization-kubeconfig", "bind-address", "client-ca-file", "cluster-cidr", "cluster-name",
    "cluster-signing-cert-file", "cluster-signing-key-file", "controllers", "feature-gates", "horizontal-pod-autoscaler-cpu-initialization-period",
    "horizontal-pod-autoscaler-downscale-stabilization", "horizontal-pod-autoscaler-initial-readiness-delay", "horizontal-pod-autoscaler-sync-period",
    "horizontal-pod-autoscaler-tolerance", "kubeconfig", "leader-elect", "node-cidr-mask-size", "node-monitor-grace-period", "node-monitor-period", "pod-eviction-timeout",
    "port", "requestheader-client-ca-file", "root-ca-file", "secure-port", "service-account-private-key-file", "service-cluster-ip-range", "use-service-account-credentials", "v", NULL,
};
static const char *const scheduler_flags[] = { "authentication-kubeconfig", "authorization-kubeconfig", "bind-address", "kubeconfig", "leader-elect", "port", "secure-port", "v", NULL };
static const struct { const char *component; const char *const *flags; } known[] = {
    { "kube-controller-manager", manager_flags }, { "kube-scheduler", scheduler_flags },
};
/* Durations and numbers are read when the component starts; a value that is none is the end of it, as with pflag. */
static const struct { const char *part; bool duration; } typed[] = {
    { "-period", true }, { "-stabilization", true }, { "-delay", true }, { "-tolerance", false }, { "-timeout", true },
};

static bool is_known(const char *component, struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        for (const char *const *f = strcmp(known[i].component, component) == 0 ? known[i].flags : NULL; f && *f; f++)
            if (str_eqc(name, *f))
                return true;
    return false;
}

static bool value_valid(struct arena *a, struct str name, struct str value, struct err *err)
{
    int64_t ns;
    for (size_t i = 0; i < ARRAY_LEN(typed); i++) {
        if (!str_ends(name, typed[i].part))
            continue;
        char *end = NULL;
        const char *text = arena_cstr(a, value);
        if (typed[i].duration ? duration_parse_go(value, &ns) : (strtod(text, &end), end != text && *end == 0))
            continue;
        return err_set(err, ERR_USAGE, "invalid argument \"%s\" for \"--" STR_FMT "\" flag: %s", text, STR_ARG(name),
                       typed[i].duration ? arena_printf(a, "time: invalid duration %s", text) : arena_printf(a, "strconv.ParseFloat: parsing \"%s\": invalid syntax", text));
    }
    return true;
}

struct json *component_flags(struct arena *a, const char *component, char **argv, struct err *err)
{
    struct json *flags = json_new_object(a);
    for (char **word = argv[0] ? argv + 1 : argv; *word; word++) {
        struct str text = str_c(*word), name, value;
        if (!str_starts(text, "--")) {
            err_set(err, ERR_USAGE, "unknown command \"%s\" for \"%s\"", *word, component);
            return NULL;
        }
        bool given = str_cut(str_sub(text, 2, text.n), '=', &name, &value);
        if (!is_known(component, name)) {
            err_set(err, ERR_USAGE, "unknown flag: --" STR_FMT, STR_ARG(name));
            return NULL;
        }
        if (!given && word[1] && word[1][0] != '-')
            value = str_c(*++word);
        else if (!given)
            value = STR("true");
        if (!value_valid(a, name, value, err))
            return NULL;
        json_setn(a, flags, name, json_new_str(a, value));
    }
    return flags;
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
    process_printf(c->process, 2, "%c" STR_FMT "       1 %s] %s\n", severity, STR_ARG(time_klog(a, vtime_now(process_options(c->process)->loop))), where, text);
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

static void *component_start(struct process *p, const char *name, const char *fatal_place, start_fn *start, void (*stop)(void *ctx), struct err *err)
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
    if (start == root.ops->start_controller_manager && !manager_files_load(c->arena, root.node, flags, mounts, root.ops->keys_pending(root.ctx), &c->files, &why)) {
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
    return component_start(p, "kube-controller-manager", "controllermanager.go:279", root.ops->start_controller_manager, root.ops->stop_controller_manager, err);
}

static void *scheduler_begin(struct process *p, struct err *err)
{
    return component_start(p, "kube-scheduler", "server.go:264", root.ops->start_scheduler, root.ops->stop_scheduler, err);
}

const struct program_ops controller_manager_program = { .name = "kube-controller-manager", .start = manager_start, .signal = component_signal, .stop = component_stop };
const struct program_ops scheduler_program = { .name = "kube-scheduler", .start = scheduler_begin, .signal = component_signal, .stop = component_stop };
