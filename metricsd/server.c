/* metricsd/server.c - the metrics server as a program: what it does from its first line to its last
 * (cmd/metrics-server/app/start.go, v0.3.6).
 *
 * Order: flags; in-cluster configuration; a self-signed certificate in --cert-dir unless one is there; the port; the
 * API server's client CAs from ConfigMap extension-apiserver-authentication (without the right to read it: the end);
 * the first, empty tick; serving; informers. A start that fails ends as the Go program does, with Error, usage and a
 * panic, and status 2.
 */
#include "metricsd/metricsd_priv.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { START_CPU_NS = 180 * 1000 * 1000 };         /* a Go program of 40 MB, its TLS key made: about a fifth of a second */
#define AUTH_CONFIG_PATH "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication"

static void serve(struct metricsd *m);

/* ---- log and CPU ---- */
void metricsd_klog(struct metricsd *m, char level, const char *place, const char *fmt, ...)
{
    struct arena *a = arena_new();
    struct strbuf line;
    strbuf_init(&line, 65536);
    strbuf_addf(&line, "%c" STR_FMT "       1 %s] ", level, STR_ARG(time_klog(a, vtime_now(m->loop))), place);
    va_list ap;
    va_start(ap, fmt);
    strbuf_vaddf(&line, fmt, ap);
    va_end(ap);
    strbuf_addch(&line, '\n');
    process_write(m->process, 2, strbuf_str(&line));
    strbuf_deinit(&line);
    arena_free(a);
}

static void spent(struct cpu_work *w)
{
    struct metricsd *m = container_of(w, struct metricsd, work);
    metricsd_spend(m, 0);
}

void metricsd_spend(struct metricsd *m, int64_t cpu_ns)
{
    m->owed_ns += cpu_ns;
    if (m->work.running || m->owed_ns == 0)
        return;
    int64_t ns = m->owed_ns;
    m->owed_ns = 0;
    process_cpu(m->process, &m->work, ns);
}

/* Error, usage, panic: what main.go:39 makes of any error at the start. */
static void die(struct metricsd *m, const char *why)
{
    struct strbuf out;
    strbuf_init(&out, 65536);
    strbuf_addf(&out, "Error: %s\n", why);
    metricsd_flags_usage(&out);
    strbuf_addf(
        &out,
        "\npanic: %s\n\ngoroutine 1 [running]:\nmain.main()\n"
        "\t/go/src/github.com/kubernetes-incubator/metrics-server/cmd/metrics-server/metrics-server.go:39 +0x13b\n",
        why);
    process_write(m->process, 2, strbuf_str(&out));
    strbuf_deinit(&out);
    process_exit(m->process, 2);
}

/* ---- certificate ---- */
static struct str bearer(void *ctx) { return ((struct metricsd *)ctx)->in.token; }
static struct identity *serving(void *ctx)
{
    struct metricsd *m = ctx;
    struct vnet_host *net = process_options(m->process)->net;
    struct identity *wrong = fault_shown(vnet_faults(vnet_host_net(net)), "metrics-server",
                                         str_c(process_options(m->process)->node_name),
                                         "metrics-server.kube-system.svc,localhost");
    return wrong ? wrong : m->identity;
}

static struct identity *make_pair(struct metricsd *m, struct err *err)
{
    int64_t now = vtime_now(m->loop);
    const char *dns[] = { "localhost", NULL }, *ips[] = { "127.0.0.1", NULL };
    struct cert_template ca = { .not_before_ns = now,
                                .not_after_ns = now + 365ll * 24 * 3600 * (int64_t)NS_PER_S,
                                .is_ca = true,
                                .serial_len = 8,
                                .key_usage = CERT_KU_DIGITAL_SIGNATURE | CERT_KU_KEY_ENCIPHERMENT | CERT_KU_CERT_SIGN };
    ca.cn = arena_printf(m->arena, "localhost-ca@%" PRId64, now / (int64_t)NS_PER_S);
    rng_bytes(&m->rng, ca.serial, 8);
    ca.serial[0] = (uint8_t)((ca.serial[0] & 0x7f) | 1);
    struct cert_template leaf = ca;
    leaf.cn = arena_printf(m->arena, "localhost@%" PRId64, now / (int64_t)NS_PER_S);
    leaf.is_ca = false;
    leaf.dns_names = dns;
    leaf.ips = ips;
    leaf.key_usage = CERT_KU_DIGITAL_SIGNATURE | CERT_KU_KEY_ENCIPHERMENT;
    leaf.ext_usage = CERT_EKU_SERVER;
    struct key *ca_key = key_generate_ec(&m->rng), *key = key_generate_ec(&m->rng);
    struct cert *ca_cert = cert_issue(&ca, ca_key, NULL, ca_key, err),
                *cert = ca_cert ? cert_issue(&leaf, key, ca_cert, ca_key, err) : NULL;
    struct identity *id = cert ? identity_new(cert, key) : NULL;
    cert_unref(cert);
    cert_unref(ca_cert);
    key_unref(key);
    key_unref(ca_key);
    return id;
}

static bool certificate(struct metricsd *m, struct err *err)
{
    struct vfs *files = process_options(m->process)->files;
    struct arena *a = m->arena;
    const char *slash = *m->flags.cert_dir == '/' ? "" : "/";
    const char *crt_path = arena_printf(a, "%s%s/apiserver.crt", slash, m->flags.cert_dir),
               *key_path = arena_printf(a, "%s%s/apiserver.key", slash, m->flags.cert_dir);
    struct str crt, key;
    if (vfs_read(files, crt_path, &crt) && vfs_read(files, key_path, &key)) {
        m->identity = identity_parse_pem(crt, key, err);
        return m->identity != NULL;
    }
    if (!(m->identity = make_pair(m, err)))
        return false;
    int64_t now = vtime_now(m->loop);
    if (!vfs_put(files, crt_path, cert_pem(a, m->identity->chain[0]), 0644, now) ||
        !vfs_put(files, key_path, key_pem(a, m->identity->key), 0600, now))
        return err_set(err, ERR_IO, "error creating self-signed certificates: mkdir %s: read-only file system",
                       m->flags.cert_dir);
    metricsd_klog(m, 'I', "serving.go:312", "Generated self-signed cert (%s/apiserver.crt, %s/apiserver.key)", m->flags.cert_dir,
                  m->flags.cert_dir);
    return true;
}

/* ---- the API server's word on whom to trust ---- */
static void warn_missing(struct metricsd *m, const char *key, const char *place, const char *what)
{
    metricsd_klog(
        m, 'W', place,
        "Cluster doesn't provide %s in configmap/extension-apiserver-authentication in kube-system, so %s won't work.", key,
        what);
}

static void use_config(struct metricsd *m, const struct json *data)
{
    struct str client = json_get_str(data, "client-ca-file"), proxy = json_get_str(data, "requestheader-client-ca-file");
    struct json *names = json_parse(m->arena, json_get_str(data, "requestheader-allowed-names"), NULL);
    const char **allowed = arena_zalloc(m->arena, (json_len(names) + 1) * sizeof *allowed);
    size_t n = 0;
    for (const struct json *name = json_first(names); name; name = json_next(name))
        allowed[n++] = arena_cstr(m->arena, json_str(name));
    m->client_ca = trust_new();
    m->proxy_ca = trust_new();
    if (client.n && trust_add_pem(m->client_ca, client, NULL))
        delegated_auth_set_client_ca(m->auth, m->client_ca);
    else
        warn_missing(m, "client-ca-file", "authentication.go:281", "client certificate authentication");
    if (proxy.n && trust_add_pem(m->proxy_ca, proxy, NULL))
        delegated_auth_set_requestheader(m->auth, m->proxy_ca, allowed, n);
    else
        warn_missing(m, "requestheader-client-ca-file", "authentication.go:296",
                     "request-header client certificate authentication");
}

static void config_read(void *ctx, const struct client_result *r, const struct err *err)
{
    struct metricsd *m = ctx;
    m->config_call = NULL;
    if (err->code != ERR_NONE && err->code != ERR_NOT_FOUND) {
        if (err->code == ERR_FORBIDDEN)
            metricsd_klog(
                m, 'W', "authentication.go:262",
                "Unable to get configmap/extension-apiserver-authentication in kube-system.  Usually fixed by "
                "'kubectl create rolebinding -n kube-system ROLEBINDING_NAME "
                "--role=extension-apiserver-authentication-reader --serviceaccount=YOUR_NS:YOUR_SA'");
        die(m, err->msg);
        return;
    }
    use_config(m, json_get(r->obj, "data"));
    serve(m);
}

/* ---- serving ---- */
static void list_failed(void *ctx, const char *what, const struct err *err)
{
    metricsd_klog(ctx, 'E', "reflector.go:126", "k8s.io/client-go/informers/factory.go:133: Failed to %s *v1.Node: %s", what,
                  err->msg);
}

static void pods_failed(void *ctx, const char *what, const struct err *err)
{
    metricsd_klog(ctx, 'E', "reflector.go:126", "k8s.io/client-go/informers/factory.go:133: Failed to %s *v1.Pod: %s", what,
                  err->msg);
}

static void serve(struct metricsd *m)
{
    m->scraper = scraper_new(m);
    m->ready = true;
    metricsd_klog(m, 'I', "secure_serving.go:116", "Serving securely on [::]:%" PRId64, m->flags.secure_port);
    m->nodes = informer_shared(m->client, "/api/v1/nodes", "");
    m->pods = informer_shared(m->client, "/api/v1/pods", "");
    informer_on_error(m->nodes, list_failed, m);
    informer_on_error(m->pods, pods_failed, m);
}

static void handle(void *ctx, struct http_exchange *x)
{
    struct metricsd *m = ctx;
    if (m->ready)
        metricsd_api_handle(m, x);
    else
        http_abort(x);                             /* bound, not yet serving */
}

static bool listen_port(struct metricsd *m, struct err *err)
{
    struct http_server_options so = { .loop = m->loop,
                                      .name = "metrics-server",
                                      .handler = handle,
                                      .ctx = m,
                                      .identity = serving,
                                      .identity_ctx = m,
                                      .request_client_cert = true };
    struct err why = { 0 };
    m->http = http_server_new(&so, err);
    if (!m->http)
        return false;
    static const char any[] = "0.0.0.0";
    int port = (int)m->flags.secure_port;
    if (process_may_bind(m->process, any, port, &why) &&
        http_server_listen_vnet(m->http, process_options(m->process)->net, any, port, &why))
        return true;
    err_set(err, ERR_IO, "failed to create listener: failed to listen on %s:%d: %s", any, port, why.msg);
    err_clear(&why);
    return false;
}

/* ---- start ---- */
static bool kubelet_trust(struct metricsd *m, struct err *err)
{
    struct str pem = m->in.ca_pem;
    if (m->flags.kubelet_ca_file && !vfs_read(process_options(m->process)->files, m->flags.kubelet_ca_file, &pem))
        return err_set(err, ERR_NOT_FOUND,
                       "unable to construct a client to connect to the kubelets: open %s: no such file or directory",
                       m->flags.kubelet_ca_file);
    m->cluster_roots = trust_new();
    m->kubelet_roots = trust_new();
    return trust_add_pem(m->cluster_roots, m->in.ca_pem, err) && trust_add_pem(m->kubelet_roots, pem, err);
}

static void auth_trouble(void *ctx, const char *text) { metricsd_klog(ctx, 'E', "authentication.go:65", "%s", text); }

static void clients_make(struct metricsd *m)
{
    const struct process_options *o = process_options(m->process);
    struct client_options co = { .from = o->net,
                                 .server = m->in.server,
                                 .roots = m->cluster_roots,
                                 .token = bearer,
                                 .token_ctx = m,
                                 .user_agent = "metrics-server/v0.0.0 (linux/amd64) kubernetes/$Format",
                                 .name = o->name };
    struct http_client_options ko = { .from = o->net,
                                      .roots = m->kubelet_roots,
                                      .insecure_skip_verify = m->flags.kubelet_insecure_tls,
                                      .user_agent = "Go-http-client/1.1" };
    m->client = client_new(&co);
    m->kubelets = http_client_new(&ko);
    struct delegated_auth_options ao = { .client = m->client,
                                         .review_version = "v1beta1",
                                         .anonymous = true,
                                         .token_ttl_ns = 10 * (int64_t)NS_PER_S,
                                         .allow_ttl_ns = 10 * (int64_t)NS_PER_S,
                                         .deny_ttl_ns = 10 * (int64_t)NS_PER_S,
                                         .trouble = auth_trouble,
                                         .trouble_ctx = m };
    m->auth = delegated_auth_new(&ao);
}

static bool begin(struct metricsd *m, struct err *err)
{
    const struct process_options *o = process_options(m->process);
    return metricsd_flags_parse(m->arena, o->argv, &m->flags, err) && process_in_cluster(m->process, m->arena, &m->in, err) &&
           kubelet_trust(m, err) && certificate(m, err) && (clients_make(m), true) && listen_port(m, err);
}

static void *metricsd_start(struct process *p, struct err *err)
{
    const struct process_options *o = process_options(p);
    struct metricsd *m = NEW(struct metricsd);
    struct err why = { 0 };
    (void)err;
    m->process = p;
    m->loop = o->loop;
    m->arena = arena_new();
    m->work.done = spent;
    list_init(&m->work.node);
    rng_init(&m->rng, m->loop, o->name);
    process_load(p);
    metricsd_spend(m, START_CPU_NS);
    if (begin(m, &why))
        m->config_call = client_get(m->client, AUTH_CONFIG_PATH, config_read, m);
    else
        die(m, why.msg);
    err_clear(&why);
    return m;
}

static void metricsd_stop(void *state)
{
    struct metricsd *m = state;
    const struct process_options *o = process_options(m->process);
    if (m->work.running)
        o->cpu->cancel(&m->work);
    scraper_free(m->scraper);
    delegated_auth_free(m->auth);
    http_server_free(m->http);
    http_client_free(m->kubelets);
    client_free(m->client);
    trust_free(m->cluster_roots);
    trust_free(m->kubelet_roots);
    trust_free(m->client_ca);
    trust_free(m->proxy_ca);
    identity_unref(m->identity);
    arena_free(m->arena);
    free(m);
}

static void metricsd_signal(void *state, int signo)
{
    struct metricsd *m = state;
    if (signo == SIGTERM || signo == SIGINT)
        process_exit(m->process, 0);
}

const struct program_ops metricsd_program = {
    .name = "metrics-server", .start = metricsd_start, .signal = metricsd_signal, .stop = metricsd_stop
};
