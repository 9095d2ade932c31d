/* The metrics server as a process in a pod, with an API server and a kubelet that a test scripts.
 *
 * The API server knows nodes and pods as text, every token and may everything, unless told otherwise; the kubelet speaks plain HTTP
 * (--deprecated-kubelet-completely-insecure), since what TLS refuses is tested in sim/http. */
#ifndef TESTS_METRICSD_BED_H
#define TESTS_METRICSD_BED_H

#include "tests/unit/sim/net/net_test.h"

#include <stdio.h>
#include <stdlib.h>

#include "metricsd/metricsd.h"

#define S (int64_t)NS_PER_S
#define T_START ((int64_t)1579910400 * S)

struct bed {
    struct loop *l;
    struct vnet *v;
    struct vnet_host *node, *pod;
    struct identity *id;
    struct trust *roots;
    struct http_server *api, *kubelet;
    struct vfs *files;
    struct process *p;
    struct strbuf out;                 /* what the process has written */
    int exit_status;                   /* -1 while it runs */
    const char *nodes, *pods;          /* items of the lists */
    int config_status;
    bool denied;                       /* by SubjectAccessReview */
    int kubelet_status;
    const char *summary;               /* NULL: the kubelet says nothing */
    char asked[256];                   /* of the kubelet, last */
    int scrapes;
};

/* An exchange that is kept open ends with its client. */
static inline void bed_left(struct http_exchange *x) { (void)x; }

/* ---- the API server ---- */
static inline void bed_api(void *ctx, struct http_exchange *x)
{
    struct bed *b = ctx;
    struct arena *a = x->arena;
    const char *body = "{}";
    int status = 200;
    if (query_has(&x->query, "watch")) {
        x->on_gone = bed_left;
        http_begin(x, 200, NULL, "application/json");
        return;
    }
    if (str_ends(x->path, "extension-apiserver-authentication")) {
        status = b->config_status;
        body = status == 200 ? "{\"data\":{}}"
                             : "{\"kind\":\"Status\",\"status\":\"Failure\",\"message\":\"configmaps is forbidden\","
                               "\"reason\":\"Forbidden\",\"code\":403}";
    } else if (str_ends(x->path, "/nodes")) {
        body = arena_printf(a, "{\"kind\":\"NodeList\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"1\"},"
                               "\"items\":[%s]}", b->nodes);
    } else if (str_ends(x->path, "/pods")) {
        body = arena_printf(a, "{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"1\"},"
                               "\"items\":[%s]}", b->pods);
    } else if (str_ends(x->path, "/subjectaccessreviews")) {
        body = b->denied ? "{\"status\":{\"allowed\":false}}" : "{\"status\":{\"allowed\":true}}";
        status = 201;
    }
    http_respond(x, status, NULL, "application/json", str_c(body));
}

/* ---- the kubelet ---- */
static inline void bed_kubelet(void *ctx, struct http_exchange *x)
{
    struct bed *b = ctx;
    b->scrapes++;
    snprintf(b->asked, sizeof b->asked, STR_FMT, STR_ARG(x->target));
    x->on_gone = bed_left;
    if (b->summary)
        http_respond(x, b->kubelet_status, NULL, "application/json", str_c(b->summary));
}

static inline struct identity *bed_identity(void *ctx) { return ((struct bed *)ctx)->id; }

static inline struct identity *bed_issue(struct loop *l)
{
    struct rng r;
    rng_init(&r, l, "api");
    struct key *k = key_generate_ec(&r);
    const char *ips[] = { "192.168.229.132", NULL };
    struct cert_template t = { .cn = "kube-apiserver", .ips = ips, .not_before_ns = T_START - S, .not_after_ns = T_START + 864000 * S,
                               .key_usage = CERT_KU_DIGITAL_SIGNATURE, .ext_usage = CERT_EKU_SERVER, .serial = { 7 },
                               .serial_len = 1 };
    struct cert *c = cert_issue(&t, k, NULL, k, NULL);
    struct identity *id = identity_new(c, k);
    cert_unref(c);
    key_unref(k);
    return id;
}

/* ---- CPU is not what is tested: work begins and never ends ---- */
static inline void bed_run(struct cgroup *g, struct cpu_work *w, int64_t ns) { (void)g; (void)ns; w->running = true; }
static inline void bed_cancel(struct cpu_work *w) { w->running = false; }
static inline void bed_memory(struct cgroup *g, int64_t bytes) { (void)g; (void)bytes; }
static inline void bed_profile(struct cgroup *g, const char *name, int64_t mean) { (void)g; (void)name; (void)mean; }

static inline void bed_output(void *ctx, int fd, struct str bytes) { (void)fd; strbuf_add(&((struct bed *)ctx)->out, bytes); }

static inline void bed_exited(void *ctx, int status, int sig, const char *reason)
{
    (void)sig;
    (void)reason;
    ((struct bed *)ctx)->exit_status = status;
}

static inline int bed_setup(void **state)
{
    struct bed *b = NEW(struct bed);
    log_set_level(LOG_ERROR);
    *b = (struct bed){ .l = test_loop(), .exit_status = -1, .nodes = "", .pods = "", .config_status = 200, .kubelet_status = 200 };
    b->v = vnet_new(b->l);
    b->node = vnet_host_new(b->v, "ubuntu");
    b->pod = vnet_host_new(b->v, "metrics-server");
    vnet_host_add_addr(b->node, "192.168.229.132");
    vnet_host_add_addr(b->pod, "10.32.0.4");
    vnet_host_add_hosts(b->node, "10.32.0.4", "localhost");    /* the name in its certificate */
    b->id = bed_issue(b->l);
    struct http_server_options so = { .loop = b->l, .name = "api", .handler = bed_api, .ctx = b, .identity = bed_identity,
                                      .identity_ctx = b };
    b->api = http_server_new(&so, NULL);
    assert_true(http_server_listen_vnet(b->api, b->node, NULL, 6443, NULL));
    struct http_server_options ko = { .loop = b->l, .name = "kubelet", .handler = bed_kubelet, .ctx = b };
    b->kubelet = http_server_new(&ko, NULL);
    assert_true(http_server_listen_vnet(b->kubelet, b->node, NULL, 10255, NULL));
    b->files = vfs_new();
    struct arena *a = arena_new();
    vfs_put(b->files, "/var/run/secrets/kubernetes.io/serviceaccount/token", STR("token"), 0644, T_START);
    vfs_put(b->files, "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt", cert_pem(a, b->id->chain[0]), 0644, T_START);
    arena_free(a);
    strbuf_init(&b->out, 1 << 20);
    *state = b;
    return 0;
}

static inline void bed_start(struct bed *b, const char *flag)
{
    static const struct cpu_ops cpu = { bed_run, bed_cancel, bed_memory, bed_profile };
    static const struct process_io io = { bed_output, bed_exited };
    static char group;                             /* an address is all that the functions above need of one */
    char *argv[] = { "/metrics-server", "--deprecated-kubelet-completely-insecure", "--kubelet-port=10255",
                     "--kubelet-preferred-address-types=InternalIP",
                     (char *)(uintptr_t)flag, NULL };
    char *env[] = { "KUBERNETES_SERVICE_HOST=192.168.229.132", "KUBERNETES_SERVICE_PORT=6443", NULL };
    struct process_options po = { .loop = b->l, .name = "metrics-server", .argv = argv, .env = env, .net = b->pod, .cpu = &cpu,
                                  .cgroup = (struct cgroup *)(void *)&group, .files = b->files,
                                  .io = &io, .io_ctx = b };
    b->p = process_start(&metricsd_program, &po, NULL);
    assert_non_null(b->p);
    test_advance(b->l, S / 10);
}

static inline int bed_teardown(void **state)
{
    struct bed *b = *state;
    process_free(b->p);
    test_turns(b->l, 4);
    http_server_free(b->api);
    http_server_free(b->kubelet);
    test_turns(b->l, 4);
    vfs_free(b->files);
    vnet_host_free(b->pod);
    vnet_host_free(b->node);
    vnet_free(b->v);
    identity_unref(b->id);
    strbuf_deinit(&b->out);
    loop_free(b->l);
    free(b);
    return 0;
}

/* ---- asking the metrics server ---- */
struct bed_answer { int status; char body[8192]; };

static inline void bed_on_answer(void *ctx, const struct http_result *r, const struct err *err)
{
    struct bed_answer *w = ctx;
    w->status = r ? r->status : 0;
    snprintf(w->body, sizeof w->body, STR_FMT, STR_ARG(r ? r->body : str_c(err->msg)));
}

static inline struct bed_answer bed_ask(struct bed *b, const char *method, const char *path)
{
    struct bed_answer w = { .status = -1 };
    struct trust *none = trust_new();
    struct http_client_options co = { .from = b->node, .roots = none, .insecure_skip_verify = true };
    struct http_client *c = http_client_new(&co);
    struct arena *a = arena_new();
    struct http_call_options o = { .method = method, .url = arena_printf(a, "https://localhost:443%s", path) };
    http_fetch(c, &o, bed_on_answer, &w);
    test_advance(b->l, S / 20);
    http_client_free(c);
    trust_free(none);
    arena_free(a);
    return w;
}

#define NODE(name, ip) "{\"metadata\":{\"name\":\"" name "\",\"resourceVersion\":\"1\",\"labels\":{\"l\":\"" name "\"}},\"status\":{\"addresses\":[{\"type\":\"InternalIP\",\"address\":\"" ip "\"}]}}"
#define POD(ns, name, phase) "{\"metadata\":{\"name\":\"" name "\",\"namespace\":\"" ns "\",\"resourceVersion\":\"1\",\"labels\":{\"app\":\"" name "\"}},\"status\":{\"phase\":\"" phase "\"}}"
#define FIGURES(cpu, memory) "\"cpu\":{\"time\":\"2020-01-25T00:01:00Z\",\"usageNanoCores\":" cpu "},\"memory\":{\"time\":\"2020-01-25T00:01:00Z\",\"workingSetBytes\":" memory "}"
#define POD_FIGURES(ns, name, cpu, memory) "{\"podRef\":{\"name\":\"" name "\",\"namespace\":\"" ns "\"},\"containers\":[{\"name\":\"c\"," FIGURES(cpu, memory) "}]}"
#define SUMMARY(node, pods) "{\"node\":{\"nodeName\":\"" node "\"," FIGURES("250000000", "1048576") "},\"pods\":[" pods "]}"
#define BED_TEST(f) cmocka_unit_test_setup_teardown(f, bed_setup, bed_teardown)
#endif
