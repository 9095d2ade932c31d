/* sim/cmd/etcd_component.c - etcd is the store's way in: while its static pod's container does not run, the API server has no
 * storage.
 *
 * The objects are this process's (apiserver/store) and stay; what the container decides is whether they can be reached. As with
 * kube-apiserver, the machine's boot starts what the manifest says and the container adopts it. Simplified: one member, one data
 * folder (another --data-dir would be an empty cluster, and is refused by name); certificates are read, so that a missing one ends
 * it, but not shown to anybody. Upstream: etcd 3.3 and 3.4, etcdmain/{config,etcd}.go.
 */
#include "sim/cmd/etcd_component.h"
#include "kubelet/kubelet.h"
#include "sim/cmd/container_files.h"
#include "sim/cmd/static_manifest.h"
#include "workloads/programs/programs.h"

#include <signal.h>
#include <stdlib.h>

enum { START_MS = 900, EXIT_FLAGS = 2 };

struct etcd_process {
    struct process *process;
    void           *daemon;            /* daemon_program's state: load and health */
    struct arena   *arena;
    struct json    *flags;
    struct timer    starting;
};
static struct {
    struct loop *loop;
    const char  *root;
    bool       (*keys_pending)(void *ctx);
    void       (*lost)(void *ctx);
    void        *ctx;
    bool         up, held;
    struct etcd_process *owner;        /* whose life it shares; NULL: boot's */
    char         identity[4096], urls[1024];
} the;                                 /* one cluster a process: programs have no other way to their maker */

/* ---- flags: Go's flag package, with one dash or two ---- */
static const char *const known[] = {
    "advertise-client-urls", "auth-token", "auto-compaction-mode", "auto-compaction-retention", "auto-tls", "bcrypt-cost",
        "cert-file", "cipher-suites", "client-cert-auth",
    "client-crl-file", "cors", "data-dir", "debug", "discovery", "discovery-fallback", "discovery-proxy", "discovery-srv",
        "election-timeout", "enable-grpc-gateway", "enable-pprof",
    "enable-v2", "experimental-backend-bbolt-freelist-type", "experimental-compact-hash-check-enabled",
        "experimental-initial-corrupt-check", "experimental-corrupt-check-time",
    "experimental-enable-lease-checkpoint", "experimental-enable-v2v3", "force-new-cluster", "grpc-keepalive-interval",
        "grpc-keepalive-min-time", "grpc-keepalive-timeout",
    "heartbeat-interval", "host-whitelist", "initial-advertise-peer-urls", "initial-cluster", "initial-cluster-state",
        "initial-cluster-token", "key-file", "listen-client-urls",
    "listen-metrics-urls", "listen-peer-urls", "log-level", "log-output", "log-outputs", "log-package-levels", "logger",
        "max-request-bytes", "max-snapshots", "max-txn-ops",
    "max-wals", "metrics", "name", "peer-auto-tls", "peer-cert-allowed-cn", "peer-cert-file", "peer-client-cert-auth",
        "peer-crl-file", "peer-key-file", "peer-trusted-ca-file",
    "pre-vote", "proxy", "quota-backend-bytes", "self-signed-cert-validity", "snapshot-count", "strict-reconfig-check",
        "trusted-ca-file", "unsafe-no-fsync", "v", "wal-dir",
};
static const char *const bools[] = { "auto-tls", "client-cert-auth", "debug", "enable-grpc-gateway", "enable-pprof", "enable-v2",
    "force-new-cluster", "peer-auto-tls",
                                     "peer-client-cert-auth", "pre-vote", "strict-reconfig-check", "unsafe-no-fsync",
                                         "experimental-initial-corrupt-check" };

static bool among(const char *const *list, size_t n, struct str name)
{
    for (size_t i = 0; i < n; i++)
        if (str_eqc(name, list[i]))
            return true;
    return false;
}

static struct json *parse(struct arena *a, char **argv, struct err *err)
{
    struct json *flags = json_new_object(a);
    for (char **word = argv[0] ? argv + 1 : argv; *word; word++) {
        struct str text = str_c(*word), name, value;
        if (!str_starts(text, "-")) {
            err_set(err, ERR_USAGE, "'%s' is not a valid flag", *word);
            return NULL;
        }
        bool given = str_cut(str_sub(text, str_starts(text, "--") ? 2 : 1, text.n), '=', &name, &value);
        if (!among(known, ARRAY_LEN(known), name)) {
            err_set(err, ERR_USAGE, "flag provided but not defined: -" STR_FMT, STR_ARG(name));
            return NULL;
        }
        bool truth = among(bools, ARRAY_LEN(bools), name);
        if (!given && !truth && !word[1]) {
            err_set(err, ERR_USAGE, "flag needs an argument: -" STR_FMT, STR_ARG(name));
            return NULL;
        }
        if (!given)
            value = truth ? STR("true") : str_c(*++word);
        json_setn(a, flags, name, json_new_str(a, value));
    }
    if (!str_eqc(json_get_str(flags, "data-dir"), "/var/lib/etcd")) {
        err_set(err, ERR_USAGE, "--data-dir="
            STR_FMT " is known but not modelled here: the cluster's data are those of /var/lib/etcd",
            STR_ARG(json_get_str(flags, "data-dir")));
        return NULL;
    }
    return flags;
}

/* Certificates and keys: there, or the end. */
static bool files_there(struct arena *a, const struct json *flags, const struct json *mounts, struct err *err)
{
    static const char *const names[] = { "cert-file", "key-file", "trusted-ca-file", "peer-cert-file", "peer-key-file",
        "peer-trusted-ca-file" };
    struct str text;
    for (size_t i = 0; i < ARRAY_LEN(names) && !the.keys_pending(the.ctx); i++) {
        struct str path = json_get_str(flags, names[i]);
        if (path.n && !container_read(a, the.root, mounts, arena_cstr(a, path), &text, err))
            return false;
    }
    return true;
}

/* ---- the store's availability ---- */
static void up(const struct json *flags, struct arena *a)
{
    struct str text = json_text(a, flags), urls = json_get_str(flags, "listen-client-urls");
    the.up = true;
    memcpy(the.identity, text.p, text.n < sizeof the.identity ? text.n : sizeof the.identity - 1);
    the.identity[text.n < sizeof the.identity ? text.n : sizeof the.identity - 1] = 0;
    memcpy(the.urls, urls.p ? urls.p : "", urls.n < sizeof the.urls ? urls.n : 0);
    the.urls[urls.n < sizeof the.urls ? urls.n : 0] = 0;
}

static void down(void)
{
    bool was = the.up;
    the.up = the.held = false;
    the.owner = NULL;
    if (was)
        the.lost(the.ctx);
}

bool etcd_component_serves(struct str servers)
{
    while (the.up && servers.p && servers.n) {
        struct str one = str_token(&servers, ','), rest = str_c(the.urls);
        while (one.n > 1 && one.p[one.n - 1] == '/')
            one.n--;
        while (rest.p && rest.n)
            if (str_eq(str_token(&rest, ','), one))
                return true;
    }
    return the.up && !the.urls[0];     /* a bare control plane's */
}

void etcd_component_init(struct loop *l, const char *root, bool (*keys_pending)(void *ctx), void (*lost)(void *ctx), void *ctx)
{
    memset(&the, 0, sizeof the);
    the.loop = l;
    the.root = root;
    the.keys_pending = keys_pending;
    the.lost = lost;
    the.ctx = ctx;
}

void etcd_component_boot(bool always)
{
    struct arena *a = arena_new();
    struct err err = { 0 };
    const struct json *spec = NULL, *container = always ? NULL : manifest_find(a, the.root, "etcd", &spec, &err);
    const struct json *flags = container ? parse(a, manifest_command(a, container), &err) : NULL;
    if (flags && files_there(a, flags, kubelet_host_mounts(a, spec, container), &err))
        up(flags, a);
    else if (always)
        the.up = true;
    else
        log_msg(LOG_WARN, "cmd", "etcd does not run: %s", err.msg);
    err_clear(&err);
    arena_free(a);
}

void etcd_component_hold(void)
{
    the.held = the.up;
    the.owner = NULL;
}

/* ---- the program ---- */
static void log_line(struct etcd_process *s, char severity, const char *text)
{
    struct arena *a = arena_new();
    struct str now = time_rfc3339_micro(a, vtime_now(the.loop));         /* capnslog: 2020-01-24 23:00:00.123456 I | etcdmain: ... */
    process_printf(s->process, 2, STR_FMT " " STR_FMT " %c | %s\n", STR_ARG(str_sub(now, 0, 10)),
        STR_ARG(str_sub(now, 11, now.n - 1)), severity, text);
    arena_free(a);
}

static void serving(struct etcd_process *s)
{
    struct str url = json_get_str(s->flags, "listen-client-urls"), host;
    str_cut(url, ',', &host, &url);
    log_line(s, 'I', "embed: ready to serve client requests");
    log_line(s, 'I', arena_printf(s->arena, "embed: serving client requests on " STR_FMT,
        STR_ARG(str_sub(host, str_starts(host, "https://") ? 8 : 7, host.n))));
}

static void on_starting(struct timer *t)
{
    struct etcd_process *s = container_of(t, struct etcd_process, starting);
    up(s->flags, s->arena);
    the.owner = s;
    serving(s);
}

static void fail(struct etcd_process *s, const struct err *err)
{
    if (err->code != ERR_USAGE) {
        log_line(s, 'C', arena_printf(s->arena, "etcdmain: %s", err->msg));
        process_exit(s->process, 1);
        return;
    }
    process_printf(s->process, 2, "%s\nUsage:\n\n  etcd [flags]\n    Start an etcd server.\n\n  etcd --version\n"
                   "    Show the version of etcd.\n\n  etcd -h | --help\n    Show the help information about etcd.\n\n", err->msg);
    process_exit(s->process, EXIT_FLAGS);
}

static bool begin(struct etcd_process *s, struct err *err)
{
    const struct process_options *o = process_options(s->process);
    struct err why = { 0 };
    s->flags = parse(s->arena, o->argv, &why);
    bool good = s->flags && files_there(s->arena, s->flags, o->mounts, &why);
    bool boots = the.up && !the.owner, same = good && boots && str_eqc(json_text(s->arena, s->flags), the.identity);
    if (boots && !same)
        down();
    if (!good)
        fail(s, &why);
    err_clear(&why);
    if (!good)
        return true;
    s->daemon = daemon_program.start(s->process, err);
    if (s->daemon && same) {
        if (!the.held)
            serving(s);
        the.owner = s;
        the.held = false;
    } else if (s->daemon) {
        timer_start(&s->starting, START_MS * (int64_t)NS_PER_MS);
    }
    return s->daemon != NULL;
}

static void *program_start(struct process *p, struct err *err)
{
    struct etcd_process *s = NEW(struct etcd_process);
    s->process = p;
    s->arena = arena_new();
    timer_init(&s->starting, process_options(p)->loop, on_starting);
    if (begin(s, err))
        return s;
    arena_free(s->arena);
    free(s);
    return NULL;
}

static void program_signal(void *state, int signo)
{
    struct etcd_process *s = state;
    if (signo == SIGTERM || signo == SIGINT)
        process_exit(s->process, 0);
}

static void program_stop(void *state)
{
    struct etcd_process *s = state;
    timer_stop(&s->starting);
    if (the.owner == s)
        down();
    if (s->daemon)
        daemon_program.stop(s->daemon);
    arena_free(s->arena);
    free(s);
}

const struct program_ops etcd_program = { .name = "etcd", .start = program_start, .signal = program_signal, .stop = program_stop };
