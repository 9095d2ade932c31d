/* kubelet/app.c - the kubelet from its command line to its running parts, and its end.
 *
 * Upstream: cmd/kubelet/app/server.go (NewKubeletCommand, run, buildKubeletClientConfig, InitializeTLS) and
 * pkg/kubelet/certificate/{kubelet,transport}.go. flags -> configuration -> identity (bootstrap.c) -> certificate managers
 * (certificate.c) -> struct kubelet (kubelet.c). A certificate that is issued later is taken up by the client and by the server
 * without a restart. What goes wrong before the parts run is a fatal line and exit status 255.
 */
#include "kubelet/app_priv.h"
#include "kubelet/kubelet_priv.h"

#include <stdio.h>
#include <stdlib.h>

enum { EXIT_FATAL = 255, EXIT_AFTER_S = 300 };

struct kubelet_app {
    struct kubelet_app_options o;
    struct arena     *arena;
    struct klog       log;
    struct rng        rng;
    struct kubelet_flags flags;
    struct kubelet_config config;
    const char       *node_name, *node_ip;
    struct bootstrap_result identity;
    struct trust     *request_roots, *user_roots, *client_ca;
    struct identity  *fixed;           /* without rotation: what the kubeconfig says */
    struct client    *client;
    struct cert_manager *client_certs, *server_certs;
    struct identity  *serving;         /* a pair that is not rotated */
    struct kubelet   *kubelet;
    struct timer      watchdog;        /* UpdateTransport's look at the client certificate */
    int64_t           last_valid_ns;
    struct task       exit_task;
    bool              stopped;
    int               status;
};

/* ---- the end ---- */
static void on_exit_task(struct task *t)
{
    struct kubelet_app *app = container_of(t, struct kubelet_app, exit_task);
    app->o.exited(app->o.ctx, app->status);        /* may call kubelet_app_stop */
}

static void finish(struct kubelet_app *app, int status)
{
    app->status = status;
    task_post(app->o.node.loop, &app->exit_task);
}

static bool fatal(struct kubelet_app *app, const char *where, const char *fmt, ...) PRINTF(3, 4);
static bool fatal(struct kubelet_app *app, const char *where, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    klog_vwrite(&app->log, 'F', where, fmt, ap);
    va_end(ap);
    finish(app, EXIT_FATAL);
    return false;
}

static void say(struct kubelet_app *app, struct str text)
{
    while (text.p && text.n)
        app->o.log(app->o.ctx, str_token(&text, '\n'));
}

/* ---- flags and configuration ---- */
static bool read_flags(struct kubelet_app *app)
{
    struct err err = { 0 };
    struct json *deprecated = json_new_array(app->arena);
    bool ok = kubelet_flags_parse(app->arena, app->o.argv, &app->flags, deprecated, &err);
    app->log.verbosity = app->flags.v;
    for (const struct json *line = json_first(deprecated); line; line = json_next(line))
        say(app, json_str(line));
    if (!ok || app->flags.help) {
        struct strbuf usage;
        strbuf_init(&usage, 64 * 1024);
        kubelet_flags_usage(&usage);
        say(app, strbuf_str(&usage));
        strbuf_deinit(&usage);
    }
    if (!ok)
        fatal(app, "server.go:156", "%s", err.msg);
    else if (app->flags.help || app->flags.version) {
        if (app->flags.version)
            say(app, arena_strf(app->arena, "Kubernetes %s", app->o.node.version));
        finish(app, 0);
        ok = false;
    }
    err_clear(&err);
    return ok;
}

static bool read_config(struct kubelet_app *app)
{
    struct err err = { 0 };
    const char *path = app->flags.config, *warning = NULL, *word = app->o.node.minor < 20 ? ", error" : ", error";
    struct str text = STR_NULL;
    bool ok = true;
    if (path && *path && !node_read(app->arena, app->o.root, path, "open", &text, &err)) {
        ok = fatal(app, "server.go:198",
                   "failed to load Kubelet config file %s%s failed to read kubelet config file \"%s\", error: %s", path, word,
                   path, err.msg);
    } else if (path && *path && !text.n) {
        ok = fatal(app, "server.go:198", "failed to load Kubelet config file %s%s kubelet config file \"%s\" was empty", path,
                   word, path);
    } else if (!kubelet_config_load(app->arena, path && *path ? text : STR_NULL, app->flags.overrides, app->o.node.minor,
                                    &app->config, &warning, &err)) {
        bool file = err.code == ERR_PARSE;
        ok = file ? fatal(app, "server.go:198", "failed to load Kubelet config file %s%s %s", path, word, err.msg)
                  : fatal(app, "server.go:206", "failed to validate kubelet configuration, error: %s, path: %s", err.msg,
                          path ? path : "");
    }
    if (ok && warning)
        klog_write(&app->log, 'W', "codec.go:109", "%s", warning);
    err_clear(&err);
    return ok;
}

static void client_trouble(void *ctx, char severity, const char *where, const char *text)
{
    klog_write(&((struct kubelet_app *)ctx)->log, severity, where, "%s", text);
}

/* ---- identity ---- */
static struct client *client_of(struct kubelet_app *app, const struct rest_config *rc, const struct trust *roots,
                                struct identity *id, const char *name);

static struct str token_of(void *ctx) { return ((const struct rest_config *)ctx)->token; }

static struct client *client_of(struct kubelet_app *app, const struct rest_config *rc, const struct trust *roots,
                                struct identity *id, const char *name)
{
    struct client_options o = { .from = app->o.node.node_net, .server = rc->server, .roots = roots, .insecure = rc->insecure,
                                .identity = id,
                                .name = app->o.node.stream_prefix
                                ? arena_printf(app->arena, "%s%s", app->o.node.stream_prefix, name) : name,
                                .token = rc->token.n ? token_of : NULL, .token_ctx = (void *)rc,
                                .user_agent = arena_printf(app->arena, "kubelet/%s (linux/amd64) kubernetes/72c30166",
                                                           app->o.node.version) };
    struct client *c = client_new(&o);
    http_client_quote_urls(client_http(c), app->o.node.minor >= 19);
    return c;
}

static struct trust *roots_of(const struct rest_config *rc)
{
    struct trust *t = trust_new();     /* without a CA: the system's roots, among which no cluster's is */
    if (rc->ca_pem.n)
        trust_add_pem(t, rc->ca_pem, NULL);
    return t;
}

static bool node_template(void *ctx, struct arena *a, struct cert_template *out)
{
    struct kubelet_app *app = ctx;
    const char **orgs = arena_zalloc(a, 2 * sizeof *orgs);
    orgs[0] = "system:nodes";
    out->cn = arena_printf(a, "system:node:%s", app->node_name);
    out->orgs = orgs;
    return true;
}

/* The server's has the node's names and addresses; there are none before the node's status has been computed once. */
static bool server_template(void *ctx, struct arena *a, struct cert_template *out)
{
    struct kubelet_app *app = ctx;
    const char **names = arena_zalloc(a, 2 * sizeof *names), **ips = arena_zalloc(a, 2 * sizeof *ips);
    names[0] = app->node_name;
    ips[0] = app->node_ip;
    out->dns_names = names;
    out->ips = ips;
    return node_template(ctx, a, out);
}

static struct client *request_client(void *ctx, struct identity *current)
{
    struct kubelet_app *app = ctx;
    return current ? client_of(app, &app->identity.user, app->user_roots, current, "kubelet-csr") :
           client_of(app, &app->identity.request, app->request_roots, app->fixed, "kubelet-csr");
}

static struct client *server_request_client(void *ctx, struct identity *current)
{
    struct kubelet_app *app = ctx;
    (void)current;
    return client_of(app, &app->identity.user, app->user_roots,
                     app->client_certs ? cert_manager_current(app->client_certs) : app->fixed, "kubelet-serving-csr");
}

static void client_changed(void *ctx)
{
    struct kubelet_app *app = ctx;
    klog_v(&app->log, 2, "transport.go:132",
           "certificate rotation detected, shutting down client connections to start using new credentials");
    client_set_identity(app->client, cert_manager_current(app->client_certs));
}

static void server_changed(void *ctx) { (void)ctx; }        /* asked for at each handshake */

static struct cert_manager_options manager_options(struct kubelet_app *app, const char *prefix)
{
    return (struct cert_manager_options){ .loop = app->o.node.loop, .rng = &app->rng, .log = &app->log, .minor = app->o.node.minor,
                                          .ctx = app,
                                          .store = { .root = app->o.root, .dir = app->flags.cert_dir, .prefix = prefix,
                                                     .log = &app->log, .loop = app->o.node.loop } };
}

static bool client_manager(struct kubelet_app *app, struct err *err)
{
    struct cert_manager_options o = manager_options(app, "kubelet-client");
    o.signer = "kubernetes.io/kube-apiserver-client-kubelet";
    o.usage = "client auth";
    o.first_cert = app->identity.bootstrapping ? STR_NULL : app->identity.user.cert_pem;
    o.first_key = app->identity.bootstrapping ? STR_NULL : app->identity.user.key_pem;
    o.ignore_store = app->identity.bootstrapping;
    o.tpl = node_template;
    o.client = request_client;
    o.changed = client_changed;
    app->client_certs = cert_manager_new(&o, err);
    return app->client_certs || err_prefix(err, "failed to initialize client certificate manager: ");
}

/* UpdateTransport: after five minutes without a usable certificate a kubelet gives up, if the server is there: a new start may
 * find new credentials. */
static void on_watchdog(struct timer *t)
{
    struct kubelet_app *app = container_of(t, struct kubelet_app, watchdog);
    int64_t now = vtime_now(app->o.node.loop);
    struct identity *current = cert_manager_current(app->client_certs);
    timer_start(t, 10 * SECOND);
    client_set_identity(app->client, current);
    if (current)
        app->last_valid_ns = now;
    else if (now > app->last_valid_ns + EXIT_AFTER_S * SECOND && cert_manager_server_healthy(app->client_certs))
        fatal(app, "transport.go:106", "It has been 5m0s since a valid client cert was found and the server is responsive, exiting.");
    else if (now > app->last_valid_ns + EXIT_AFTER_S * SECOND)
        klog_write(&app->log, 'E', "transport.go:108",
                   "It has been 5m0s since a valid client cert was found, but the server is not responsive. A restart may be "
                   "necessary to retrieve new initial credentials.");
}

static bool make_client(struct kubelet_app *app, struct err *err)
{
    if (!app->flags.kubeconfig || !*app->flags.kubeconfig) {
        klog_write(&app->log, 'W', "server.go:564", "standalone mode, no API client");
        return err_set(err, ERR_USAGE, "no --kubeconfig: a kubelet without an API server is not simulated");
    }
    if (app->config.rotate_certificates)
        klog_write(&app->log, 'I', "server.go:773", "Client rotation is on, will bootstrap in background");
    if (!bootstrap_load(app->arena, app->o.root, &app->flags, &app->log, app->o.node.minor, vtime_now(app->o.node.loop),
                        &app->identity, err))
        return false;
    app->request_roots = roots_of(&app->identity.request);
    app->user_roots = roots_of(&app->identity.user);
    if (app->identity.request.cert_pem.n &&
        !(app->fixed = pair_from_pem(app->identity.request.cert_pem, app->identity.request.key_pem, err)))
        return false;
    if (app->config.rotate_certificates && !client_manager(app, err))
        return false;
    app->client = client_of(app, &app->identity.user, app->user_roots,
                            app->client_certs ? cert_manager_current(app->client_certs) : app->fixed, "kubelet");
    client_set_log(app->client, app->o.node.minor, client_trouble, app);
    return true;
}

/* ---- serving ---- */
static struct identity *serving(void *ctx)
{
    struct kubelet_app *app = ctx;
    char names[256];
    text_format(names, sizeof names, "%s,%s", app->o.node.node_name, app->o.node.node_ip);
    struct identity *wrong = fault_shown(vnet_faults(app->o.node.vnet), "kubelet", str_c(app->o.node.node_name), names);
    return wrong ? wrong : app->server_certs ? cert_manager_current(app->server_certs) : app->serving;
}

static void no_identity(void *ctx, struct str remote)
{
    struct kubelet_app *app = ctx;
    klog_write(&app->log, 'I', app->o.node.minor < 18 ? "log.go:172" : "log.go:181",
               "http: TLS handshake error from " STR_FMT ": no serving certificate available for the kubelet", STR_ARG(remote));
}

static bool fixed_pair(struct kubelet_app *app, struct err *err)
{
    struct str crt, key;
    if (!node_read(app->arena, app->o.root, app->config.tls_cert_file, "open", &crt, err) ||
        !node_read(app->arena, app->o.root, app->config.tls_key_file ? app->config.tls_key_file : app->config.tls_cert_file,
                   "open", &key, err))
        return false;
    app->serving = pair_from_pem(crt, key, err);
    return app->serving != NULL;
}

static bool make_serving(struct kubelet_app *app, struct err *err)
{
    struct cert_manager_options o = manager_options(app, "kubelet-server");
    if (app->config.tls_cert_file)
        return fixed_pair(app, err);
    if (!app->config.server_tls_bootstrap) {
        app->serving = self_signed_pair(&o.store, app->node_name, &app->rng, err);
        return app->serving != NULL;
    }
    klog_write(&app->log, 'I', "server.go:1006", "Starting server certificate rotation.");
    o.signer = "kubernetes.io/kubelet-serving";
    o.usage = "server auth";
    o.tpl = server_template;
    o.client = server_request_client;
    o.changed = server_changed;
    app->server_certs = cert_manager_new(&o, err);
    return app->server_certs || err_prefix(err, "failed to initialize server certificate manager: ");
}

static bool read_client_ca(struct kubelet_app *app, struct err *err)
{
    struct str pem;
    struct err why = { 0 };
    app->client_ca = trust_new();
    if (!app->config.client_ca_file)
        return true;
    bool ok = node_read(app->arena, app->o.root, app->config.client_ca_file, "open", &pem, &why);
    if (ok && !trust_add_pem(app->client_ca, pem, NULL))
        ok = err_set(&why, ERR_PARSE, "error reading %s: data does not contain any valid RSA or ECDSA certificates",
                     app->config.client_ca_file);
    if (!ok)
        err_set(err, why.code, "unable to load client CA file %s: %s", app->config.client_ca_file, why.msg);
    err_clear(&why);
    return ok;
}

/* ---- the parts ---- */
static bool make_kubelet(struct kubelet_app *app, struct err *err)
{
    struct kubelet_options o = app->o.node;
    o.node_name = app->node_name;
    o.node_ip = app->node_ip;
    o.client = app->client;
    o.serving = serving;
    o.no_identity = no_identity;
    o.serving_ctx = app;
    o.client_ca = app->client_ca;
    o.port = (int)app->config.port;
    o.manifests_dir = app->config.static_pod_path ? node_path(app->arena, app->o.root, app->config.static_pod_path) : NULL;
    o.cluster_dns = app->config.cluster_dns;
    o.cluster_domain = app->config.cluster_domain;
    o.max_pods = app->config.max_pods;
    o.anonymous = app->config.anonymous;
    o.no_tokens = !app->config.webhook_authn;
    o.always_allow = app->config.always_allow;
    o.log = &app->log;
    struct kubelet *previous = app->o.previous;
    app->o.previous = NULL;
    app->kubelet = previous;           /* ours now, also when it cannot go on */
    if (previous)
        return kubelet_again(previous, &o, err);
    app->kubelet = kubelet_new(&o, err);
    return app->kubelet != NULL;
}

static bool run(struct kubelet_app *app, struct err *err)
{
    klog_write(&app->log, 'I', "server.go:410", "Version: %s", app->o.node.version);
    klog_write(&app->log, 'I', "plugins.go:100", "No cloud provider specified.");
    app->node_name = app->flags.hostname_override && *app->flags.hostname_override ? app->flags.hostname_override
                     : app->o.node.node_name;
    app->node_ip = app->o.node.node_ip;
    if (!make_client(app, err) || !read_client_ca(app, err) || !make_serving(app, err))
        return false;
    klog_write(&app->log, 'I', "server.go:644", "--cgroups-per-qos enabled, but --cgroup-root was not specified.  defaulting to /");
    if (!make_kubelet(app, err) || !app->o.listen(app->o.ctx, kubelet_http(app->kubelet), err))
        return false;
    if (app->config.static_pod_path)
        klog_write(&app->log, 'I', "kubelet.go:287", "Adding pod path: %s", app->config.static_pod_path);
    klog_write(&app->log, 'I', "kubelet.go:312", "Watching apiserver");
    klog_write(&app->log, 'I', "server.go:1065", "Started kubelet");
    klog_write(&app->log, 'I', "server.go:145", "Starting to listen on %s:%" PRId64, app->config.address, app->config.port);
    kubelet_start(app->kubelet);
    if (app->client_certs) {
        cert_manager_start(app->client_certs);
        app->last_valid_ns = vtime_now(app->o.node.loop);
        timer_start(&app->watchdog, 10 * SECOND);
    }
    if (app->server_certs)
        cert_manager_start(app->server_certs);
    return true;
}

/* ---- life ---- */
struct kubelet_app *kubelet_app_start(const struct kubelet_app_options *opt)
{
    struct kubelet_app *app = NEW(struct kubelet_app);
    struct err err = { 0 };
    app->arena = arena_new();
    app->o = *opt;
    app->o.root = arena_strdup(app->arena, opt->root);
    size_t n = 0;
    while (opt->argv[n])
        n++;
    app->o.argv = arena_zalloc(app->arena, (n + 1) * sizeof *app->o.argv);
    for (size_t i = 0; i < n; i++)
        app->o.argv[i] = arena_strdup(app->arena, opt->argv[i]);
    app->log = (struct klog){ .loop = opt->node.loop, .pid = opt->pid, .line = opt->log, .ctx = opt->ctx };
    rng_init(&app->rng, opt->node.loop,
             arena_printf(app->arena, "%skubelet/certificates/%d", opt->node.stream_prefix ? opt->node.stream_prefix : "", opt->pid));
    task_init(&app->exit_task, on_exit_task);
    timer_init(&app->watchdog, opt->node.loop, on_watchdog);
    if (read_flags(app) && read_config(app) && !run(app, &err))
        fatal(app, "server.go:273", "failed to run Kubelet: %s", err.msg);
    err_clear(&err);
    return app;
}

struct kubelet *kubelet_app_kubelet(const struct kubelet_app *app) { return app ? app->kubelet : NULL; }

struct kubelet *kubelet_app_stop(struct kubelet_app *app)
{
    if (!app)
        return NULL;
    struct kubelet *left = app->kubelet ? app->kubelet : app->o.previous;
    task_cancel(&app->exit_task);
    timer_stop(&app->watchdog);
    if (app->kubelet)
        kubelet_stop(app->kubelet);
    cert_manager_free(app->client_certs);
    cert_manager_free(app->server_certs);
    client_free(app->client);
    identity_unref(app->serving);
    identity_unref(app->fixed);
    trust_free(app->request_roots);
    trust_free(app->user_roots);
    trust_free(app->client_ca);
    arena_free(app->arena);
    free(app);
    return left;
}
