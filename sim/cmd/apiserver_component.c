/* sim/cmd/apiserver_component.c - kube-apiserver runs as its static pod says: with the flags of the manifest, for as long as the
 * container does.
 *
 * A kubelet needs a live API to take over what ran before, and a cluster has to answer at once when it starts. So the machine's
 * boot starts the server with what the manifest says (apiserver_component_boot), and the container, when the kubelet starts it,
 * adopts the server that runs with its own flags. From then on the container's life is the server's: when it is killed, the server
 * stops listening, inside and at the edge, and open connections are cut; the next container starts another on the same store.
 * Flags that are unknown or bad end the process with status 1 in upstream's words, hence the pod crash-loops. A machine that
 * sleeps (`down` and `up`) keeps its containers, hence the server. Upstream: cmd/kube-apiserver/app/server.go.
 */
#include "sim/cmd/apiserver_component.h"
#include "apiserver/flags.h"
#include "kubelet/app.h"
#include "sim/cmd/container_files.h"
#include "sim/cmd/etcd_component.h"
#include "sim/cmd/static_manifest.h"
#include "workloads/programs/programs.h"

#include <signal.h>
#include <stdlib.h>

enum { START_MS = 2600, DIAL_S = 20 }; /* from the process's start until it listens; how long it waits for etcd */

struct server_process {
    struct process *process;
    void           *daemon;            /* daemon_program's state: its load */
    struct arena   *arena;
    struct json    *flags;
    const struct json *mounts;
    struct timer    starting;
    int             dials;             /* for etcd, in vain */
};
struct apiserver_component {
    struct apiserver_place place;
    struct arena   *arena;             /* of the server that runs */
    const struct json *flags, *mounts; /* its own */
    struct str      identity;          /* flags and mounts as text: who has the same may adopt */
    struct apiserver_config config;
    struct apiserver *server;          /* NULL: none */
    struct audit_file *audit;          /* of --audit-log-path; NULL: none */
    struct server_process *owner;      /* whose life it shares; NULL: boot's, until a container comes */
    bool            held;              /* its container was let go by a machine that sleeps */
    struct timer    edge_retry;
};
static struct apiserver_component *the;            /* one cluster a process: programs have no other way to their maker */

/* ---- files, as the container sees them ---- */
struct file_view { const struct apiserver_component *c; const struct json *mounts; };

static bool view_read(void *ctx, struct arena *a, const char *path, struct str *text, struct err *err)
{
    const struct file_view *v = ctx;
    return container_read(a, v->c->place.root, v->mounts, path, text, err);
}

static bool load(const struct apiserver_component *c, struct arena *a, const struct json *flags, const struct json *mounts,
    struct apiserver_config *out, struct err *err)
{
    struct file_view view = { c, mounts };
    struct apiserver_files files = { .read = view_read, .ctx = &view, .keys_pending = c->place.keys_pending(c->place.ctx) };
    return apiserver_config_load(a, flags, c->place.minor, c->place.node_ip, &files, out, err);
}

static struct str identity_of(struct arena *a, const struct json *flags, const struct json *mounts)
{
    return arena_strf(a, STR_FMT STR_FMT, STR_ARG(json_text(a, flags)), STR_ARG(json_text(a, mounts)));
}

/* ---- the server ---- */
static void server_stop(struct apiserver_component *c)
{
    timer_stop(&c->edge_retry);
    apiserver_free(c->server);
    c->server = NULL;
    audit_file_close(c->audit);
    c->audit = NULL;
    apiserver_config_deinit(&c->config);
    arena_free(c->arena);
    c->arena = NULL;
    c->owner = NULL;
    c->held = false;
}

/* Port 6443 of the node is the edge's; a server on another one, or on an address that the node does not have, is not reached
 * through it. */
static void edge_open(struct timer *t)
{
    struct apiserver_component *c = container_of(t, struct apiserver_component, edge_retry);
    struct err err = { 0 };
    if (c->config.options.secure_port != 6443 || c->place.listen(c->place.ctx, apiserver_http(c->server), &err))
        return;
    log_msg(LOG_WARN, "cmd", "the API server is not reached from outside: %s; trying again in 5 s", err.msg);
    err_clear(&err);
    timer_start(t, 5 * (int64_t)NS_PER_S);
}

static bool bindable(const struct apiserver_component *c, const struct apiserver_options *o, struct err *err)
{
    if (!o->bind_address || strcmp(o->bind_address, "127.0.0.1") == 0 || strcmp(o->bind_address, c->place.node_ip) == 0)
        return true;
    return err_set(err, ERR_IO, "failed to create listener: failed to listen on %s:%d: listen tcp %s:%d: "
                   "bind: cannot assign requested address", o->bind_address, o->secure_port,
                   o->bind_address, o->secure_port);
}

static bool storage_up(void *ctx)
{
    const struct apiserver_component *c = ctx;
    return etcd_component_serves(apiserver_flag(c->flags, "etcd-servers"));
}

void apiserver_component_storage_lost(struct apiserver_component *c)
{
    if (c && c->server)
        apiserver_storage_lost(c->server);
}

/* ---- the audit log: --audit-policy-file and --audit-log-path ---- */
static void audit_to_stdout(void *ctx, struct str line)
{
    const struct apiserver_component *c = ctx;
    if (c->owner)
        process_write(c->owner->process, 1, line);
}

static int64_t whole(const struct json *flags, const char *name)
{
    int64_t n = 0;
    str_int(apiserver_flag(flags, name), &n);
    return n;
}

/* The file lies on the node where the container has it from there; in the container's own layer nobody would find it again, hence
 * nothing is written. */
static bool audit_open(struct apiserver_component *c, struct apiserver_audit_log *log, struct err *err)
{
    const char *path = arena_cstr(c->arena, apiserver_flag(c->flags, "audit-log-path"));
    const char *host = container_host_path(c->arena, c->mounts, path);
    if (strcmp(path, "-") == 0) {
        *log = (struct apiserver_audit_log){ .policy = log->policy, .write = audit_to_stdout, .ctx = c };
        return true;
    }
    if (!host || strstr(host, ".."))
        return true;
    c->audit = audit_file_open(c->place.loop, arena_printf(c->arena, "%s%s", c->place.root, host),
                               whole(c->flags, "audit-log-maxsize") * 1024 * 1024, (int)whole(c->flags, "audit-log-maxbackup"), err);
    *log = (struct apiserver_audit_log){ .policy = log->policy, .write = audit_file_write, .ctx = c->audit };
    return c->audit != NULL;
}

static bool audit_start(struct apiserver_component *c, struct err *err)
{
    struct file_view view = { c, c->mounts };
    struct apiserver_audit_log log = { 0 };
    const char *file = arena_cstr(c->arena, apiserver_flag(c->flags, "audit-policy-file"));
    if (*file && !view_read(&view, c->arena, file, &log.policy, err))
        return err_prefix(err, "loading audit policy file: failed to read file path \"%s\": ", file);
    if (!*file || !apiserver_flag(c->flags, "audit-log-path").n)
        return true;
    return audit_open(c, &log, err) && (!log.write || apiserver_set_audit_log(c->server, &log, err));
}

static bool server_start(struct apiserver_component *c, const struct json *flags, const struct json *mounts, struct err *err)
{
    const struct apiserver_place *p = &c->place;
    c->arena = arena_new();
    c->flags = json_copy(c->arena, flags);
    c->mounts = json_copy(c->arena, mounts);
    c->identity = identity_of(c->arena, c->flags, c->mounts);
    if (!load(c, c->arena, c->flags, c->mounts, &c->config, err)) {
        server_stop(c);
        return false;
    }
    struct apiserver_options o = c->config.options;
    o.loop = p->loop;
    o.store = p->store;
    o.node = p->node;
    o.minor = p->minor;
    o.bare = p->bare;
    o.git_version = p->git_version;
    o.storage_up = storage_up;
    o.storage_ctx = c;
    o.edge_serving = p->edge_serving;
    o.edge_serving_ctx = o.steer_ctx = p->ctx;
    o.may_steer = p->may_steer;
    if (!bindable(c, &o, err) || !(c->server = apiserver_new(&o, err)) || !audit_start(c, err)) {
        server_stop(c);
        return false;
    }
    apiserver_set_sa_keys(c->server, c->config.signing, c->config.verify, c->config.verify_count);
    apiserver_start(c->server);
    return true;
}

void apiserver_component_keys(struct apiserver_component *c)
{
    struct arena *a = arena_new();
    struct apiserver_config again = { 0 };
    struct err err = { 0 };
    if (c->server && !c->config.verify_count) {
        if (load(c, a, c->flags, c->mounts, &again, &err))
            apiserver_set_sa_keys(c->server, again.signing, again.verify, again.verify_count);
        else
            log_msg(LOG_WARN, "cmd", "the service accounts' keys: %s", err.msg);
    }
    apiserver_config_deinit(&again);
    err_clear(&err);
    arena_free(a);
}

/* ---- the machine's start ---- */
bool apiserver_component_boot(struct apiserver_component *c, struct err *err)
{
    struct arena *a = arena_new();
    const struct json *spec = NULL, *container = manifest_find(a, c->place.root, "kube-apiserver", &spec, err);
    struct json *flags = container ? apiserver_flags_parse(a, c->place.minor, manifest_command(a, container), NULL, err) : NULL;
    struct str image = json_get_str(container, "image");
    bool ok = flags && (c->place.bare || image_find(c->place.images, image) ||
        err_set(err, ERR_NOT_FOUND, "image " STR_FMT " is not on the node", STR_ARG(image)));
    ok = ok && (etcd_component_serves(apiserver_flag(flags, "etcd-servers")) || err_set(err, ERR_UNAVAILABLE, "etcd is not reached"));
    ok = ok && server_start(c, flags, kubelet_host_mounts(a, spec, container), err);
    if (ok && c->config.options.secure_port == 6443 && !c->place.listen(c->place.ctx, apiserver_http(c->server), err)) {
        server_stop(c);
        ok = false;
    }
    arena_free(a);
    return ok;
}

/* ---- the program ---- */
static void log_line(struct server_process *s, char severity, const char *where, const char *text)
{
    struct arena *a = arena_new();
    process_printf(s->process, 2, "%c" STR_FMT "       1 %s] %s\n", severity, STR_ARG(time_klog(a, vtime_now(the->place.loop))),
        where, text);
    arena_free(a);
}

static void fail(struct server_process *s, const struct err *err)
{
    struct strbuf usage;
    strbuf_init(&usage, 64 * 1024);
    if (the->place.minor < 19) apiserver_flags_usage(the->place.minor, &usage);        /* from v1.19 on it keeps that to itself */
    process_printf(s->process, 2, "Error: %s\n", err->msg);
    process_write(s->process, 2, strbuf_str(&usage));
    strbuf_deinit(&usage);
    process_exit(s->process, 1);
}

static void serving(struct server_process *s)
{
    struct arena *a = arena_new();
    const struct apiserver_options *o = &the->config.options;
    const char *address = o->bind_address ? arena_printf(a, "%s:%d", o->bind_address, o->secure_port)
        : arena_printf(a, "[::]:%d", o->secure_port);
    log_line(s, 'I', the->place.minor < 18 ? "secure_serving.go:123" : "secure_serving.go:197",
        arena_printf(a, "Serving securely on %s", address));
    arena_free(a);
}

/* Its client dials for 20 s; then the server gives up: a fatal line up to v1.16, an error from then on. */
static void wait_for_etcd(struct server_process *s)
{
    struct str servers = apiserver_flag(s->flags, "etcd-servers");
    struct err err = { 0 };
    const char *dial = "transport: Error while dialing dial tcp 127.0.0.1:2379: connect: connection refused";
    log_line(s, 'W', "clientconn.go:1251", arena_printf(s->arena, "grpc: addrConn.createTransport failed to connect to {"
        STR_FMT " 0  <nil>}. Err :connection error: desc = \"%s\". Reconnecting...",
                                                        STR_ARG(servers), dial));
    if (++s->dials < DIAL_S) {
        timer_start(&s->starting, (int64_t)NS_PER_S);
    } else if (the->place.minor < 17) {
        log_line(s, 'F', "storage_decorator.go:57", arena_printf(s->arena,
            "Unable to create storage backend: config (&{ /registry {[" STR_FMT "] " STR_FMT " " STR_FMT " " STR_FMT
                 "} false true 0 <nil> <nil> 5m0s 1m0s}), err (context deadline exceeded)", STR_ARG(servers),
                     STR_ARG(apiserver_flag(s->flags, "etcd-keyfile")),
                 STR_ARG(apiserver_flag(s->flags, "etcd-certfile")), STR_ARG(apiserver_flag(s->flags, "etcd-cafile"))));
        process_exit(s->process, 255);
    } else {
        err_set(&err, ERR_TIMEOUT, "context deadline exceeded");
        fail(s, &err);
        err_clear(&err);
    }
}

static void on_starting(struct timer *t)
{
    struct server_process *s = container_of(t, struct server_process, starting);
    struct err err = { 0 };
    if (!etcd_component_serves(apiserver_flag(s->flags, "etcd-servers"))) {
        wait_for_etcd(s);
        return;
    }
    if (server_start(the, s->flags, s->mounts, &err)) {
        the->owner = s;
        edge_open(&the->edge_retry);
        serving(s);
    } else {
        fail(s, &err);
    }
    err_clear(&err);
}

/* Flags and files are judged at once; what runs with the very same is taken over. */
static void process_begin(struct server_process *s)
{
    struct err err = { 0 };
    struct apiserver_config checked = { 0 };
    struct json *deprecated = json_new_array(s->arena);
    s->flags = apiserver_flags_parse(s->arena, the->place.minor, process_options(s->process)->argv, deprecated, &err);
    for (const struct json *d = json_first(deprecated); d && !the->held; d = json_next(d)) process_printf(s->process, 2,
        STR_FMT "\n", STR_ARG(json_str(d)));
    bool same = s->flags && the->server && !the->owner && str_eq(the->identity, identity_of(s->arena, s->flags, s->mounts));
    if (same) {
        if (!the->held)
            serving(s);
        the->owner = s;
        the->held = false;
    } else if (!s->flags || !load(the, s->arena, s->flags, s->mounts, &checked, &err)) {
        if (the->server && !the->owner)
            server_stop(the);
        fail(s, &err);
    } else {
        /* the manifest changed while it was being started */
        if (the->server && !the->owner) server_stop(the);
        log_line(s, 'I', "server.go:149", arena_printf(s->arena, "Version: %s", the->place.git_version));
        timer_start(&s->starting, START_MS * (int64_t)NS_PER_MS);
    }
    apiserver_config_deinit(&checked);
    err_clear(&err);
}

static void *program_start(struct process *p, struct err *err)
{
    struct server_process *s = NEW(struct server_process);
    s->process = p;
    s->daemon = daemon_program.start(p, err);
    if (!s->daemon) {
        free(s);
        return NULL;
    }
    s->arena = arena_new();
    s->mounts = process_options(p)->mounts ? process_options(p)->mounts : json_new_array(s->arena);
    timer_init(&s->starting, process_options(p)->loop, on_starting);
    process_begin(s);
    return s;
}

static void program_signal(void *state, int signo)
{
    struct server_process *s = state;
    if (signo == SIGTERM || signo == SIGINT)
        process_exit(s->process, 0);
}

static void program_stop(void *state)
{
    struct server_process *s = state;
    timer_stop(&s->starting);
    if (the && the->owner == s)
        server_stop(the);
    daemon_program.stop(s->daemon);
    arena_free(s->arena);
    free(s);
}

const struct program_ops apiserver_program = { .name = "kube-apiserver", .start = program_start, .signal = program_signal,
    .stop = program_stop };

/* ---- life ---- */
struct apiserver_component *apiserver_component_new(const struct apiserver_place *place)
{
    struct apiserver_component *c = NEW(struct apiserver_component);
    c->place = *place;
    timer_init(&c->edge_retry, place->loop, edge_open);
    the = c;
    return c;
}

void apiserver_component_hold(struct apiserver_component *c)
{
    if (!c || !c->server)
        return;
    c->owner = NULL;
    c->held = true;
}

void apiserver_component_free(struct apiserver_component *c)
{
    if (!c)
        return;
    server_stop(c);
    the = NULL;
    free(c);
}

struct apiserver *apiserver_component_server(struct apiserver_component *c) { return c ? c->server : NULL; }
