/* kubelet/prober.c - startup, liveness and readiness probes: pkg/kubelet/prober/{prober,worker}.go, pkg/probe/{http,tcp,exec}.
 *
 * One timer per probe of a running container; the first look comes after a random part of the period, none before
 * initialDelaySeconds. While a startup probe has not succeeded the others wait. A result counts when it has come failureThreshold
 * or successThreshold times in a row.
 */
#include "kubelet/kubelet_priv.h"

#include <stdlib.h>

static const struct { const char *field, *word; } kinds[PROBE_KINDS] = { { "startupProbe", "Startup" },
                                                                         { "livenessProbe", "Liveness" },
                                                                         { "readinessProbe", "Readiness" } };

static void on_period(struct timer *t);

static int64_t number(const struct probe *b, const char *key, int64_t dflt)
{
    int64_t v = json_get_int(b->spec, key, dflt);
    return v > 0 ? v : dflt;
}

static void next_period(struct probe *b) { timer_start(&b->timer, number(b, "periodSeconds", 10) * SECOND); }

static void ready_changed(struct container *c)
{
    const struct probe *ready = &c->probes[PROBE_READINESS], *startup = &c->probes[PROBE_STARTUP];
    bool was_ready = c->ready, was_started = c->started;
    c->started = c->state == CONTAINER_RUNNING && (!startup->spec || (startup->have_result && startup->result));
    c->ready = c->started && (!ready->spec || (ready->have_result && ready->result));
    if (c->ready != was_ready || c->started != was_started)
        pod_status_changed(c->pod);
}

static void stop_one(struct probe *b)
{
    timer_stop(&b->timer);
    timer_stop(&b->timeout);
    if (b->call)
        http_call_cancel(b->call);
    b->call = NULL;
    if (b->dialing)
        vnet_dial_cancel(&b->dial);
    b->dialing = false;
    exec_free(b->exec);
    b->exec = NULL;
    strbuf_deinit(&b->output);
}

void probes_stop(struct container *c)
{
    for (int i = 0; i < PROBE_KINDS; i++)
        if (c->probes[i].spec)
            stop_one(&c->probes[i]);
}

/* A verdict that changes things. */
static void settled(struct probe *b)
{
    struct container *c = b->c;
    if (b->kind != PROBE_READINESS && !b->result) {
        struct arena *a = arena_new();
        const char *what = b->kind == PROBE_LIVENESS ? "liveness" : "startup";
        container_kill(c, pod_grace_s(c->pod) * SECOND,
                       arena_printf(a, "Container %s failed %s probe, will be restarted", c->name, what), NULL);
        arena_free(a);
        return;                        /* it stops the probes, and with them the memory of this verdict */
    }
    ready_changed(c);
}

static void outcome(struct probe *b, bool ok, const char *text)
{
    struct container *c = b->c;
    timer_stop(&b->timeout);
    if (!ok) {
        struct arena *a = arena_new();
        event_record(c->pod->k->events, c->pod->pod, arena_printf(a, "spec.containers{%s}", c->name), "Warning", "Unhealthy",
                     "%s probe failed: %s", kinds[b->kind].word, text);
        arena_free(a);
    }
    b->run = b->run && ok == b->last ? b->run + 1 : 1;
    b->last = ok;
    next_period(b);
    if (b->run < number(b, ok ? "successThreshold" : "failureThreshold", ok ? 1 : 3) ||
        (b->have_result && b->result == ok && (ok || b->kind == PROBE_READINESS)))
        return;
    b->result = ok;
    b->have_result = true;
    settled(b);
}

/* ---- http ---- */
static void http_done(void *ctx, const struct http_result *r, const struct err *err)
{
    struct probe *b = ctx;
    b->call = NULL;
    struct arena *a = arena_new();
    if (!r)
        outcome(b, false, err->msg);
    else if (r->status >= 200 && r->status < 400)
        outcome(b, true, "");
    else
        outcome(b, false, arena_printf(a, "HTTP probe failed with statuscode: %d", r->status));
    arena_free(a);
}

static int port_number(const struct container *c, const struct json *port)
{
    if (json_is(port, JSON_STRING)) {
        for (const struct json *p = json_first(json_get(c->spec, "ports")); p; p = json_next(p))
            if (str_eq(json_get_str(p, "name"), json_str(port)))
                return (int)json_get_int(p, "containerPort", 0);
        int64_t n = 0;
        return str_int(json_str(port), &n) ? (int)n : 0;
    }
    return (int)json_int(port, 0);
}

static void http_begin_probe(struct probe *b, const struct json *get)
{
    struct container *c = b->c;
    struct kubelet *k = c->pod->k;
    struct arena *a = arena_new();
    struct str host = json_get_str(get, "host"), path = json_get_str(get, "path"), scheme = json_get_str(get, "scheme");
    bool https = str_eqc(scheme, "HTTPS");
    struct http_headers h = { 0 };
    http_headers_addf(a, &h, "User-Agent", "kube-probe/1.%d", k->o.minor);
    for (const struct json *x = json_first(json_get(get, "httpHeaders")); x; x = json_next(x))
        http_headers_add(a, &h, arena_cstr(a, json_get_str(x, "name")), json_get_str(x, "value"));
    struct http_call_options o = {
        .method = "GET", .headers = &h, .timeout_ns = number(b, "timeoutSeconds", 1) * SECOND,
        .url = arena_printf(a, "%s://" STR_FMT ":%d%s" STR_FMT, https ? "https" : "http",
                            STR_ARG(host.n ? host : str_c(c->pod->ip)), port_number(c, json_get(get, "port")),
                            str_starts(path, "/") ? "" : "/", STR_ARG(path)),
    };
    b->call = http_fetch(k->probe_http, &o, http_done, b);
    arena_free(a);
}

/* ---- tcp ---- */
static void dialed(struct vnet_dial *d, const struct err *err)
{
    struct probe *b = container_of(d, struct probe, dial);
    b->dialing = false;
    outcome(b, err == NULL, err ? err->msg : "");
}

static void tcp_begin_probe(struct probe *b, const struct json *tcp)
{
    struct str host = json_get_str(tcp, "host");
    struct arena *a = arena_new();
    b->dial = (struct vnet_dial){ .from = b->c->pod->k->o.node_net, .port = port_number(b->c, json_get(tcp, "port")), .done = dialed };
    kubelet_copy(b->dial.ip, sizeof b->dial.ip, host.n ? arena_cstr(a, host) : b->c->pod->ip);
    arena_free(a);
    b->dialing = true;
    vnet_dial_start(&b->dial);
}

/* ---- exec ---- */
static void exec_output(void *ctx, int fd, struct str bytes)
{
    struct probe *b = ctx;
    (void)fd;
    strbuf_add(&b->output, bytes);
}

static void exec_done(void *ctx, int status)
{
    struct probe *b = ctx;
    exec_free(b->exec);
    b->exec = NULL;
    struct arena *a = arena_new();
    const char *text = arena_cstr(a, strbuf_str(&b->output));
    strbuf_deinit(&b->output);
    outcome(b, status == 0, text);
    arena_free(a);
}

static const struct exec_events exec_events = { exec_output, exec_done };

static void on_timeout(struct timer *t)
{
    struct probe *b = container_of(t, struct probe, timeout);
    exec_free(b->exec);
    b->exec = NULL;
    strbuf_deinit(&b->output);
    if (b->dialing)
        vnet_dial_cancel(&b->dial);
    b->dialing = false;
    outcome(b, false, "command timed out");
}

static void exec_begin_probe(struct probe *b, const struct json *command)
{
    struct arena *a = arena_new();
    char **argv = arena_zalloc(a, (json_len(command) + 1) * sizeof *argv);
    size_t n = 0;
    struct err err = { 0 };
    for (const struct json *w = json_first(command); w; w = json_next(w))
        argv[n++] = arena_cstr(a, json_str(w));
    strbuf_init(&b->output, 10 * 1024);
    b->exec = exec_start(b->c, argv, false, false, &exec_events, b, &err);
    if (!b->exec)
        outcome(b, false, arena_printf(a,
                                       "OCI runtime exec failed: exec failed: container_linux.go:349: starting container process "
                                       "caused \"%s\": unknown", kubelet_quoted(a, err.msg)));
    else
        timer_start(&b->timeout, number(b, "timeoutSeconds", 1) * SECOND);
    err_clear(&err);
    arena_free(a);
}

/* ---- the worker ---- */
static void on_period(struct timer *t)
{
    struct probe *b = container_of(t, struct probe, timer);
    struct container *c = b->c;
    int64_t delay = json_get_int(b->spec, "initialDelaySeconds", 0) * SECOND, age = vtime_now(c->pod->k->o.loop) - c->started_ns;
    bool waiting = b->kind == PROBE_STARTUP ? c->started : !c->started;
    if (b->kind == PROBE_STARTUP && c->started)
        return;                        /* once is enough */
    if (age < delay || waiting) {
        next_period(b);
        return;
    }
    const struct json *get = json_get(b->spec, "httpGet"), *tcp = json_get(b->spec, "tcpSocket"),
                      *exec = json_path(b->spec, "exec.command");
    if (get)
        http_begin_probe(b, get);
    else if (tcp)
        tcp_begin_probe(b, tcp);
    else if (exec)
        exec_begin_probe(b, exec);
    else
        outcome(b, true, "");
}

void probes_start(struct container *c, bool adopted)
{
    struct kubelet *k = c->pod->k;
    for (int i = 0; i < PROBE_KINDS && !c->init; i++) {
        struct probe *b = &c->probes[i];
        *b = (struct probe){ .c = c, .kind = (enum probe_kind)i, .spec = json_get(c->spec, kinds[i].field) };
        if (!b->spec)
            continue;
        timer_init(&b->timer, k->o.loop, on_period);
        timer_init(&b->timeout, k->o.loop, on_timeout);
        b->have_result = adopted || i == PROBE_LIVENESS;         /* a container lives until the contrary is shown */
        b->result = i == PROBE_LIVENESS ? true : i == PROBE_STARTUP ? c->started : c->ready;
        timer_start(&b->timer, kubelet_jitter(k, 0, number(b, "periodSeconds", 10) * SECOND));
    }
    if (!adopted)
        c->ready = c->started = false;
    ready_changed(c);
}
