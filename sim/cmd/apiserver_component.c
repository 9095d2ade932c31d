/* sim/cmd/apiserver_component.c - kube-apiserver runs as its static pod says: with the flags of the manifest, for as long as the container does.
 *
 * A kubelet needs a live API to take over what ran before, and a cluster has to answer at once when it starts. So the machine's boot starts the server with what
 * the manifest says (apiserver_component_boot), and the container, when the kubelet starts it, adopts the server that runs with its own flags. From then on the
 * container's life is the server's: when it is killed, the server stops listening, inside and at the edge, and open connections are cut; the next container
 * starts another on the same store. Flags that are unknown or bad end the process with status 1 in upstream's words, hence the pod crash-loops.
 * A machine that sleeps (`down` and `up`) keeps its containers, hence the server. Upstream: cmd/kube-apiserver/app/server.go.
 */
#include "sim/cmd/apiserver_component.h"
#include "apiserver/flags.h"
#include "kubelet/app.h"
#include "sim/cmd/container_files.h"
#include "workloads/programs/programs.h"

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>

enum { START_MS = 2600 };              /* from the process's start until it listens */
#define MANIFESTS "/etc/kubernetes/manifests"

struct server_process {
    struct process *process;
    void           *daemon;            /* daemon_program's state: its load */
    struct arena   *arena;
    struct json    *flags;
    const struct json *mounts;
    struct timer    starting;
};
struct apiserver_component {
    struct apiserver_place place;
    struct arena   *arena;             /* of the server that runs */
    const struct json *flags, *mounts; /* its own */
    struct str      identity;          /* flags and mounts as text: who has the same may adopt */
    struct apiserver_config config;
    struct apiserver *server;          /* NULL: none */
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

static bool load(const struct apiserver_component *c, struct arena *a, const struct json *flags, const struct json *mounts, struct apiserver_config *out, struct err *err)
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
    apiserver_config_deinit(&c->config);
    arena_free(c->arena);
    c->arena = NULL;
    c->owner = NULL;
    c->held = false;
}

/* Port 6443 of the node is the edge's; a server on another one, or on an address that the node does not have, is not reached through it. */
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
    return err_set(err, ERR_IO, "failed to create listener: failed to listen on %s:%d: listen tcp %s:%d: bind: cannot assign requested address", o->bind_address, o->secure_port,
                   o->bind_address, o->secure_port);
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
    if (!bindable(c, &o, err) || !(c->server = apiserver_new(&o, err))) {
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

/* ---- the manifest, read at the machine's start ---- */
static int by_name(const void *x, const void *y) { return strcmp(*(char *const *)x, *(char *const *)y); }

static size_t manifest_names(const char *dir, struct arena *a, char ***names)
{
    DIR *d = opendir(dir);
    size_t n = 0, cap = 0;
    *names = NULL;
    for (struct dirent *e; d && (e = readdir(d));) {
        if (e->d_name[0] == '.')
            continue;
        if (n == cap) {
            *names = arena_realloc(a, *names, cap * sizeof **names, (cap * 2 + 8) * sizeof **names);
            cap = cap * 2 + 8;
        }
        (*names)[n++] = arena_strdup(a, e->d_name);
    }
    if (d)
        closedir(d);
    if (n)
        qsort(*names, n, sizeof **names, by_name);
    return n;
}

/* The container whose command is kube-apiserver, and its pod's spec; NULL: no manifest has one. */
static const struct json *manifest_find(const struct apiserver_component *c, struct arena *a, const struct json **pod_spec, struct err *err)
{
    const char *dir = node_path(a, c->place.root, MANIFESTS);
    char **names;
    size_t n = manifest_names(dir, a, &names);
    for (size_t i = 0; i < n; i++) {
        struct str text;
        struct err why = { 0 };
        struct json *pod = file_read(arena_printf(a, "%s/%s", dir, names[i]), LIMIT_YAML_BYTES, a, &text, &why) ? yaml_parse(a, text, &why) : NULL;
        if (!pod && strstr(names[i], "apiserver"))
            err_set(err, ERR_INVALID, MANIFESTS "/%s: %s", names[i], why.msg);
        err_clear(&why);
        *pod_spec = json_get(pod, "spec");
        for (const struct json *k = json_first(json_get(*pod_spec, "containers")); k; k = json_next(k)) {
            const struct json *first = json_first(json_get(k, "command"));
            if (first && strcmp(path_base(arena_cstr(a, json_str(first))), "kube-apiserver") == 0)
                return k;
        }
    }
    if (!err->code)
        err_set(err, ERR_NOT_FOUND, "no manifest in " MANIFESTS " runs kube-apiserver");
    return NULL;
}

static char **command_line(struct arena *a, const struct json *container)
{
    const struct json *lists[] = { json_get(container, "command"), json_get(container, "args") };
    char **argv = arena_zalloc(a, (json_len(lists[0]) + json_len(lists[1]) + 1) * sizeof *argv);
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        for (const struct json *w = json_first(lists[i]); w; w = json_next(w)) argv[n++] = arena_cstr(a, json_str(w));
    return argv;
}

bool apiserver_component_boot(struct apiserver_component *c, struct err *err)
{
    struct arena *a = arena_new();
    const struct json *spec = NULL, *container = manifest_find(c, a, &spec, err);
    struct json *flags = container ? apiserver_flags_parse(a, c->place.minor, command_line(a, container), NULL, err) : NULL;
    struct str image = json_get_str(container, "image");
    bool ok = flags && (c->place.bare || image_find(c->place.images, image) || err_set(err, ERR_NOT_FOUND, "image " STR_FMT " is not on the node", STR_ARG(image)));
    ok = ok && server_start(c, flags, kubelet_host_mounts(a, spec, container), err);
    if (ok && c->config.options.secure_port == 6443 && !c->place.listen(c->place.ctx, apiserver_http(c->server), err)) {
        server_stop(c);
        ok = false;
    }
    arena_free(a);
    return ok;
}

/* ---- --apiserver-arg ---- */
/* "    - --NAME=VALUE" among the words of a command; its indentation, its name. */
static bool flag_line(struct str line, struct str *indent, struct str *name)
{
    ptrdiff_t dash = str_find(line, STR("- --"));
    if (dash < 0 || str_trim(str_sub(line, 0, (size_t)dash)).n)
        return false;
    struct str value;
    *indent = str_sub(line, 0, (size_t)dash);
    str_cut(str_sub(line, (size_t)dash + 4, line.n), '=', name, &value);
    return true;
}

/* Lines, not a tree: what else the file says stays as it is written. The flag's place is the alphabet's, as kubeadm has it. */
bool apiserver_manifest_set(const char *root, const char *name_value, struct err *err)
{
    struct arena *a = arena_new();
    struct str text, rest, wanted, value, indent = STR("    "), line_indent, name;
    struct strbuf out;
    bool done = false, inside = false;
    const char *path = node_path(a, root, MANIFESTS "/kube-apiserver.yaml");
    strbuf_init(&out, LIMIT_YAML_BYTES);
    str_cut(str_c(name_value), '=', &wanted, &value);
    bool ok = file_read(path, LIMIT_YAML_BYTES, a, &text, err);
    for (rest = ok ? text : STR_NULL; rest.p && rest.n;) {
        struct str line = str_token(&rest, '\n');
        bool is_flag = flag_line(line, &line_indent, &name);
        inside |= is_flag;
        if (is_flag)
            indent = line_indent;
        if (inside && !done && (!is_flag || str_cmp(name, wanted) >= 0)) {
            strbuf_addf(&out, STR_FMT "- --%s\n", STR_ARG(indent), name_value);
            done = true;
            if (is_flag && str_eq(name, wanted))
                continue;
        }
        strbuf_addf(&out, STR_FMT "\n", STR_ARG(line));
    }
    ok = ok && (done || err_set(err, ERR_INVALID, "%s has no flags among which --%s could be put", path, name_value)) && file_write(path, strbuf_str(&out), 0600, err);
    strbuf_deinit(&out);
    arena_free(a);
    return ok;
}

/* ---- the program ---- */
static void log_line(struct server_process *s, char severity, const char *where, const char *text)
{
    struct arena *a = arena_new();
    process_printf(s->process, 2, "%c" STR_FMT "       1 %s] %s\n", severity, STR_ARG(time_klog(a, vtime_now(the->place.loop))), where, text);
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
    const char *address = o->bind_address ? arena_printf(a, "%s:%d", o->bind_address, o->secure_port) : arena_printf(a, "[::]:%d", o->secure_port);
    log_line(s, 'I', the->place.minor < 18 ? "secure_serving.go:123" : "secure_serving.go:197", arena_printf(a, "Serving securely on %s", address));
    arena_free(a);
}

static void on_starting(struct timer *t)
{
    struct server_process *s = container_of(t, struct server_process, starting);
    struct err err = { 0 };
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
    for (const struct json *d = json_first(deprecated); d && !the->held; d = json_next(d)) process_printf(s->process, 2, STR_FMT "\n", STR_ARG(json_str(d)));
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
        if (the->server && !the->owner) server_stop(the);                             /* the manifest changed while it was being started */
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

const struct program_ops apiserver_program = { .name = "kube-apiserver", .start = program_start, .signal = program_signal, .stop = program_stop };

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
    if (!c || !c->owner)
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
