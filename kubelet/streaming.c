/* kubelet/streaming.c - the answers that take time: logs that follow, exec, attach, run, port-forward.
 *
 * Upstream: pkg/kubelet/{kubelet_pods.go (validateContainerLogStatus), server/server.go, server/remotecommand,
 * server/portforward}, kuberuntime/logs. Each open answer is a session in the kubelet's list, so that all of them end with the
 * kubelet.
 */
#include "kubelet/kubelet_priv.h"
#include "sim/upgrade/upgrade.h"

#include <stdlib.h>

struct session {
    struct list           node;        /* kubelet->sessions */
    struct kubelet       *k;
    void                (*stop)(struct session *s);              /* end without a word, and free */
    struct task           over;        /* frees later, outside of the events of what it owns */
};

static void session_add(struct kubelet *k, struct session *s, void (*stop)(struct session *))
{
    s->k = k;
    s->stop = stop;
    list_init(&s->node);
    list_push(&k->sessions, &s->node);
}

void streaming_stop(struct kubelet *k)
{
    list_for(it, &k->sessions) {
        struct session *s = container_of(it, struct session, node);
        s->stop(s);
    }
}

static void on_over(struct task *t)
{
    struct session *s = container_of(t, struct session, over);
    s->stop(s);
}

static void session_end(struct session *s)
{
    task_post(s->k->o.loop, &s->over);
}

/* ---- logs ---- */
struct log_session {
    struct session       base;
    struct http_exchange *x;
    struct container_log *log;         /* NULL: it ended */
    struct log_follower   follower;
    struct log_query      q;
    uint64_t              next;        /* line, counted since the log began */
    int64_t               left;        /* bytes; -1 no limit */
};

static void log_stop(struct session *s)
{
    struct log_session *l = container_of(s, struct log_session, base);
    list_remove(&l->follower.node);
    list_remove(&s->node);
    task_cancel(&s->over);
    if (l->x) {
        l->x->on_gone = NULL;
        http_end(l->x);
    }
    free(l);
}

/* False when the byte limit has been reached. */
static bool log_send(struct log_session *l)
{
    struct strbuf out;
    strbuf_init(&out, 4 * LIMIT_LOG_FILE_BYTES);
    if (l->next < l->log->lines_dropped)
        l->next = l->log->lines_dropped;
    for (; l->next - l->log->lines_dropped < l->log->n && l->left != 0; l->next++) {
        size_t before = out.n;
        container_log_format(l->log, (size_t)(l->next - l->log->lines_dropped), l->q.timestamps, &out);
        size_t added = out.n - before;
        if (l->left >= 0 && (int64_t)added > l->left) {
            out.n = before + (size_t)l->left;
            added = (size_t)l->left;
        }
        l->left -= l->left >= 0 ? (int64_t)added : 0;
    }
    if (out.n)
        http_write(l->x, strbuf_str(&out));
    strbuf_deinit(&out);
    return l->left != 0;
}

static void log_line(struct log_follower *f)
{
    struct log_session *l = container_of(f, struct log_session, follower);
    if (!log_send(l)) {
        list_remove(&f->node);
        session_end(&l->base);
    }
}

static void log_end(struct log_follower *f)
{
    struct log_session *l = container_of(f, struct log_session, follower);
    l->log = NULL;
    session_end(&l->base);
}

static void log_gone(struct http_exchange *x)
{
    struct log_session *l = x->ctx;
    l->x = NULL;
    list_remove(&l->follower.node);
    session_end(&l->base);
}

static bool log_query_read(const struct http_exchange *x, int64_t now, struct log_query *q)
{
    struct str tail = query_get(&x->query, "tailLines"), limit = query_get(&x->query, "limitBytes"),
               seconds = query_get(&x->query, "sinceSeconds"), since = query_get(&x->query, "sinceTime");
    int64_t n = 0;
    *q = (struct log_query){ .follow = query_bool(&x->query, "follow"), .timestamps = query_bool(&x->query, "timestamps"),
                             .tail = -1, .limit_bytes = -1 };
    if (!tail.n)
        tail = query_get(&x->query, "tail");
    if (str_eqc(tail, "all"))
        tail = STR_NULL;
    if ((tail.n && !str_int(tail, &q->tail)) || (limit.n && !str_int(limit, &q->limit_bytes)) || (seconds.n && !str_int(seconds, &n)))
        return false;
    if (since.n && !time_parse_rfc3339(since, &q->since_ns))
        return false;
    if (seconds.n)
        q->since_ns = now - n * SECOND;
    return true;
}

/* Which log, or why there is none: validateContainerLogStatus. */
static struct container_log *log_choose(struct http_exchange *x, const struct pod_worker *p, struct container *c, bool previous)
{
    if (previous) {
        if (c->state == CONTAINER_WAITING && c->last.set && c->log && c->log->ended)
            return c->log;
        if (c->last.set && c->previous_log)
            return c->previous_log;
        reply_text(x, 400, "previous terminated container \"%s\" in pod \"%s\" not found", c->name, p->name);
        return NULL;
    }
    if (c->log && (c->state != CONTAINER_WAITING || c->last.set))
        return c->log;
    bool pull = c->wait_reason && strcmp(c->wait_reason, "ErrImagePull") == 0;
    if (c->state == CONTAINER_WAITING && c->wait_reason && strcmp(c->wait_reason, "ImagePullBackOff") == 0)
        reply_text(x, 400, "container \"%s\" in pod \"%s\" is waiting to start: trying and failing to pull image", c->name, p->name);
    else if (c->state == CONTAINER_WAITING && pull)
        reply_text(x, 400, "container \"%s\" in pod \"%s\" is waiting to start: image can't be pulled", c->name, p->name);
    else if (c->state == CONTAINER_WAITING)
        reply_text(x, 400, "container \"%s\" in pod \"%s\" is waiting to start: %s", c->name, p->name,
                   c->wait_reason ? c->wait_reason : "no logs yet");
    else
        reply_text(x, 400, "container \"%s\" in pod \"%s\" is not available", c->name, p->name);
    return NULL;
}

void serve_logs(struct kubelet *k, struct http_exchange *x, struct pod_worker *p, struct container *c)
{
    struct log_query q;
    if (!log_query_read(x, vtime_now(k->o.loop), &q)) {
        http_respond(x, 400, NULL, "application/json", STR("{\"message\": \"Unable to decode query.\"}"));
        return;
    }
    struct container_log *log = log_choose(x, p, c, query_bool(&x->query, "previous"));
    if (!log)
        return;
    struct log_session *l = NEW(struct log_session);
    l->x = x;
    l->log = log;
    l->q = q;
    l->left = q.limit_bytes;
    l->next = log->lines_dropped + container_log_first(log, &q);
    l->follower.on_line = log_line;
    l->follower.on_end = log_end;
    list_init(&l->follower.node);
    task_init(&l->base.over, on_over);
    session_add(k, &l->base, log_stop);
    x->ctx = l;
    x->on_gone = log_gone;
    http_begin(x, 200, NULL, "text/plain");
    if (log_send(l) && q.follow && !log->ended)
        list_push(&log->followers, &l->follower.node);
    else
        session_end(&l->base);
}

/* ---- exec and attach ---- */
struct command {
    struct session    base;
    struct remotecommand *remote;
    struct exec      *exec;            /* of exec */
    char             *uid, *name;      /* the pod and container meant, which may go before the streams are there */
    struct container *c;               /* of attach; NULL before it begins and once it has ended */
    struct attached   attached;
    char            **argv;
    struct arena     *arena;
    struct remotecommand_options opt;
    bool              done;
    struct http_exchange *run;         /* of /run: the answer, and its text */
    struct strbuf     text;
};

static void command_stop(struct session *s)
{
    struct command *m = container_of(s, struct command, base);
    list_remove(&s->node);
    task_cancel(&s->over);
    list_remove(&m->attached.node);
    exec_free(m->exec);
    remotecommand_free(m->remote);
    if (m->run) {
        m->run->on_gone = NULL;
        http_abort(m->run);
    }
    strbuf_deinit(&m->text);
    arena_free(m->arena);
    free(m);
}

static struct process *command_process(const struct command *m)
{
    return m->exec ? exec_process(m->exec) : m->c ? m->c->process : NULL;
}

static void on_stdin(void *ctx, struct str bytes)
{
    struct process *p = command_process(ctx);
    if (p)
        process_input(p, bytes);
}

static void on_stdin_eof(void *ctx)
{
    struct command *m = ctx;
    struct process *p = command_process(m);
    if (p && (m->exec || (m->c && json_get_bool(m->c->spec, "stdinOnce", false))))
        process_input_eof(p);
}

static void on_resize(void *ctx, int width, int height)
{
    struct process *p = command_process(ctx);
    if (p)
        process_resize(p, width, height);
}

static void on_gone(void *ctx, const struct err *why)
{
    struct command *m = ctx;
    (void)why;
    struct process *p = command_process(m);
    if (p && m->c && json_get_bool(m->c->spec, "stdinOnce", false) && m->opt.has_stdin)
        process_input_eof(p);          /* the first attach was the last */
    session_end(&m->base);
}

static struct container *command_container(const struct command *m)
{
    struct pod_worker *p = map_getc(m->base.k->workers, m->uid);
    struct container *c = p ? pod_container(p, str_c(m->name)) : NULL;
    return c && c->state == CONTAINER_RUNNING && c->process ? c : NULL;
}

/* ---- exec ---- */
static void exec_output(void *ctx, int fd, struct str bytes)
{
    struct command *m = ctx;
    if (m->remote)
        remotecommand_write(m->remote, fd, bytes);
    else
        strbuf_add(&m->text, bytes);
}

static void exec_exited(void *ctx, int status)
{
    struct command *m = ctx;
    if (m->remote)
        remotecommand_finish(m->remote, status, NULL);
    if (m->run) {
        struct http_exchange *x = m->run;
        m->run = NULL;
        x->on_gone = NULL;
        if (status)
            reply_text(x, 500, "command '%s' exited with %d: " STR_FMT, m->argv[0], status, STR_ARG(strbuf_str(&m->text)));
        else
            http_respond(x, 200, NULL, "text/plain", arena_str(x->arena, strbuf_str(&m->text)));
    }
    session_end(&m->base);
}

static const struct exec_events exec_events = { exec_output, exec_exited };

static void exec_ready(void *ctx)
{
    struct command *m = ctx;
    struct err err = { 0 };
    struct container *c = command_container(m);
    if (!c) {
        remotecommand_finish(m->remote, -1,
                             arena_printf(m->arena, "error executing command in container: container not found (\"%s\")", m->name));
        session_end(&m->base);
        return;
    }
    m->exec = exec_start(c, m->argv, m->opt.has_stdin, m->opt.tty, &exec_events, m, &err);
    if (m->exec)
        return;
    if (kubelet_docker(m->base.k)) {   /* docker's exec prints it and exits with 126 */
        remotecommand_write(m->remote, 1,
                            arena_strf(m->arena, "OCI runtime exec failed: exec failed: container_linux.go:349: starting container "
                                                 "process caused \"%s\": unknown\r\n", kubelet_quoted(m->arena, err.msg)));
        remotecommand_finish(m->remote, 126, NULL);
    } else {
        remotecommand_finish(m->remote, -1,
                             arena_printf(m->arena, "error executing command in container: failed to exec in container: failed to "
                                                    "start exec: OCI runtime exec failed: exec failed: unable to start container "
                                                    "process: %s: unknown", err.msg));
    }
    err_clear(&err);
    session_end(&m->base);
}

static const struct remotecommand_events exec_remote = { .on_ready = exec_ready, .on_stdin = on_stdin,
                                                         .on_stdin_eof = on_stdin_eof, .on_resize = on_resize, .on_gone = on_gone };

static struct command *command_new(struct kubelet *k, struct http_exchange *x, struct container *c)
{
    struct command *m = NEW(struct command);
    size_t n = 0;
    m->arena = arena_new();
    m->uid = arena_strdup(m->arena, c->pod->uid);
    m->name = arena_strdup(m->arena, c->name);
    m->opt.loop = k->o.loop;
    m->argv = arena_zalloc(m->arena, (x->query.n + 2) * sizeof *m->argv);
    for (size_t i = 0; i < x->query.n; i++)
        if (str_eqc(x->query.v[i].name, "command"))
            m->argv[n++] = arena_cstr(m->arena, x->query.v[i].value);
    list_init(&m->attached.node);
    strbuf_init(&m->text, LIMIT_LOG_FILE_BYTES);
    task_init(&m->base.over, on_over);
    session_add(k, &m->base, command_stop);
    return m;
}

static void remote_begin(struct command *m, struct http_exchange *x, const struct remotecommand_events *ev)
{
    struct err err = { 0 };
    if (!remotecommand_options_parse(&x->query, &m->opt, &err)) {
        reply_text(x, 400, "%s", err.msg);
    } else {
        m->opt.loop = m->base.k->o.loop;
        m->remote = remotecommand_new(x, &m->opt, ev, m, &err);
    }
    if (!m->remote)
        command_stop(&m->base);
    err_clear(&err);
}

void serve_exec(struct kubelet *k, struct http_exchange *x, struct pod_worker *p, struct container *c)
{
    (void)p;
    struct command *m = command_new(k, x, c);
    remote_begin(m, x, &exec_remote);
}

static void run_gone(struct http_exchange *x)
{
    struct command *m = x->ctx;
    m->run = NULL;
    session_end(&m->base);
}

void serve_run(struct kubelet *k, struct http_exchange *x, struct container *c)
{
    struct command *m = command_new(k, x, c);
    struct err err = { 0 };
    if (!m->argv[0]) {                 /* /run takes cmd=, split at blanks */
        struct str rest = query_get(&x->query, "cmd");
        m->argv = arena_zalloc(m->arena, (rest.n + 2) * sizeof *m->argv);
        for (size_t n = 0; rest.p && rest.n;)
            m->argv[n++] = arena_cstr(m->arena, str_token(&rest, ' '));
    }
    m->exec = exec_start(c, m->argv, false, false, &exec_events, m, &err);
    if (!m->exec) {
        reply_text(x, 500, "%s", err.msg);
        err_clear(&err);
        command_stop(&m->base);
        return;
    }
    m->run = x;
    x->ctx = m;
    x->on_gone = run_gone;
}

/* ---- attach ---- */
static void attach_output(struct attached *t, int fd, struct str bytes)
{
    struct command *m = container_of(t, struct command, attached);
    remotecommand_write(m->remote, fd, bytes);
}

static void attach_ended(struct attached *t, int status)
{
    struct command *m = container_of(t, struct command, attached);
    (void)status;
    m->c = NULL;
    remotecommand_finish(m->remote, 0, NULL);
    session_end(&m->base);
}

static void attach_ready(void *ctx)
{
    struct command *m = ctx;
    m->c = command_container(m);
    if (!m->c) {
        remotecommand_finish(m->remote, -1,
                             arena_printf(m->arena, "error attaching to container: container is not running (\"%s\")", m->name));
        session_end(&m->base);
        return;
    }
    m->attached.output = attach_output;
    m->attached.ended = attach_ended;
    list_push(&m->c->attached, &m->attached.node);
}

static const struct remotecommand_events attach_remote = { .on_ready = attach_ready, .on_stdin = on_stdin,
                                                           .on_stdin_eof = on_stdin_eof, .on_resize = on_resize, .on_gone = on_gone };

void serve_attach(struct kubelet *k, struct http_exchange *x, struct pod_worker *p, struct container *c)
{
    (void)p;
    struct command *m = command_new(k, x, c);
    remote_begin(m, x, &attach_remote);
}

/* ---- port-forward: pairs of streams, error and data, one pair per connection ---- */
struct forward {
    struct session     base;
    char              *uid;            /* of the pod, which may go first */
    struct portforward *door;
    struct http_client *http;          /* dials from the pod's network */
    struct list        pairs;          /* struct forward_pair */
};
struct forward_pair {
    struct list       node;
    struct forward   *f;
    int               port;
    struct stream    *error, *data;
    struct vnet_dial  dial;
    bool              dialing, connected, peer_eof;
    struct strbuf     in;              /* bytes of the client that are no whole request yet */
    struct http_call *call;
    bool              close_after;
};

static void pair_free(struct forward_pair *p)
{
    if (p->dialing)
        vnet_dial_cancel(&p->dial);
    if (p->call)
        http_call_cancel(p->call);
    stream_close(p->error);
    stream_close(p->data);
    strbuf_deinit(&p->in);
    list_remove(&p->node);
    free(p);
}

static void forward_stop(struct session *s)
{
    struct forward *f = container_of(s, struct forward, base);
    list_for(it, &f->pairs)
        pair_free(container_of(it, struct forward_pair, node));
    list_remove(&s->node);
    task_cancel(&s->over);
    portforward_free(f->door);
    if (f->http)
        http_client_free(f->http);
    free(f->uid);
    free(f);
}

static void pair_end(struct forward_pair *p)
{
    if (p->data)
        stream_shutdown(p->data);
    if (p->error)
        stream_shutdown(p->error);
}

/* What a listener hands out is an HTTP server, not a socket (sim/net): so the client's bytes are read as requests, and the
 * answers written as bytes. */
static void relay(struct forward_pair *p);

static void relayed(void *ctx, const struct http_result *r, const struct err *err)
{
    struct forward_pair *p = ctx;
    struct strbuf out;
    p->call = NULL;
    if (!r) {
        stream_write(p->error, str_c(err->msg));
        pair_end(p);
        return;
    }
    strbuf_init(&out, LIMIT_RESPONSE_BYTES);
    strbuf_addf(&out, "HTTP/1.1 %d " STR_FMT "\r\n", r->status, STR_ARG(http_status_text(r->status)));
    for (size_t i = 0; i < r->headers.n; i++)
        if (!str_eqi(r->headers.v[i].name, STR("Content-Length")) && !str_eqi(r->headers.v[i].name, STR("Transfer-Encoding")) &&
            !str_eqi(r->headers.v[i].name, STR("Connection")))
            strbuf_addf(&out, STR_FMT ": " STR_FMT "\r\n", STR_ARG(r->headers.v[i].name), STR_ARG(r->headers.v[i].value));
    strbuf_addf(&out, "Content-Length: %zu\r\n%s\r\n", r->body.n, p->close_after ? "Connection: close\r\n" : "");
    strbuf_add(&out, r->body);
    stream_write(p->data, strbuf_str(&out));
    strbuf_deinit(&out);
    if (p->close_after || p->peer_eof)
        pair_end(p);
    else
        relay(p);
}

static void relay(struct forward_pair *p)
{
    struct str in = strbuf_str(&p->in), line, rest, method, target, version;
    ptrdiff_t end = str_find(in, STR("\r\n\r\n"));
    if (p->call || end < 0 || !p->connected)
        return;
    struct arena *a = arena_new();
    struct http_headers h = { 0 };
    struct str head = str_sub(in, 0, (size_t)end);
    str_cut(head, '\n', &line, &rest);
    str_cut(str_trim(line), ' ', &method, &target);
    str_cut(target, ' ', &target, &version);
    while (rest.p && rest.n) {
        struct str one = str_token(&rest, '\n'), name, value;
        if (str_cut(one, ':', &name, &value))
            http_headers_add(a, &h, arena_cstr(a, str_trim(name)), str_trim(value));
    }
    int64_t length = 0;
    str_int(http_headers_get(&h, "Content-Length"), &length);
    size_t whole = (size_t)end + 4 + (size_t)(length > 0 ? length : 0);
    if (!str_starts(version, "HTTP/1.")) {
        stream_write(p->data, STR("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"));
        pair_end(p);
    } else if (in.n >= whole) {
        p->close_after = str_eqi(http_headers_get(&h, "Connection"), STR("close")) || str_eqc(str_trim(version), "HTTP/1.0");
        struct http_call_options o = { .method = arena_cstr(a, method),
                                       .url = arena_printf(a, "http://127.0.0.1:%d" STR_FMT, p->port, STR_ARG(target)), .headers = &h,
                                       .body = str_sub(in, (size_t)end + 4, whole) };
        p->call = http_fetch(p->f->http, &o, relayed, p);
        strbuf_consume(&p->in, whole);
    }
    arena_free(a);
}

static const struct stream_events forward_error_events = { .on_data = NULL };

static void forward_data(void *ctx, struct str bytes)
{
    struct forward_pair *p = ctx;
    strbuf_add(&p->in, bytes);
    relay(p);
}

static void forward_eof(void *ctx)
{
    struct forward_pair *p = ctx;
    p->peer_eof = true;
    if (!p->call)
        pair_end(p);
}

static const struct stream_events forward_events = { .on_data = forward_data, .on_eof = forward_eof };

static void forward_dialed(struct vnet_dial *d, const struct err *err)
{
    struct forward_pair *p = container_of(d, struct forward_pair, dial);
    struct arena *a = arena_new();
    p->dialing = false;
    p->connected = err == NULL;
    if (err) {
        stream_write(p->error, arena_strf(a,
                                          "error forwarding port %d to pod %s, uid : exit status 1: 2020/01/01 00:00:00 socat[1] E "
                                          "connect(5, AF=2 127.0.0.1:%d, 16): Connection refused\n", p->port,
                                          p->f->uid, p->port));
        pair_end(p);
    } else {
        relay(p);
    }
    arena_free(a);
}

static void on_pair(void *ctx, int port, struct stream *data, struct stream *error)
{
    struct forward *f = ctx;
    struct pod_worker *pod = map_getc(f->base.k->workers, f->uid);
    struct forward_pair *p = NEW(struct forward_pair);
    p->f = f;
    p->port = port;
    p->data = data;
    p->error = error;
    strbuf_init(&p->in, LIMIT_BODY_BYTES);
    list_push(&f->pairs, &p->node);
    stream_attach(error, &forward_error_events, p);
    stream_attach(data, &forward_events, p);
    if (!pod || !pod->net) {
        stream_write(error, STR("pod is not running"));
        pair_end(p);
        return;
    }
    p->dial = (struct vnet_dial){ .from = pod->net, .ip = "127.0.0.1", .port = port, .done = forward_dialed };
    p->dialing = true;
    vnet_dial_start(&p->dial);
}

static void forward_closed(void *ctx, const struct err *why)
{
    struct forward *f = ctx;
    (void)why;
    session_end(&f->base);
}

static const struct portforward_events forward_door = { on_pair, forward_closed };

void serve_port_forward(struct kubelet *k, struct http_exchange *x, struct pod_worker *p)
{
    if (!p->net) {
        reply_text(x, 500, "pod is not running");
        return;
    }
    struct http_client_options ho = { .from = p->net };
    struct forward *f = NEW(struct forward);
    f->uid = xstrdup(p->uid);
    f->http = http_client_new(&ho);
    list_init(&f->pairs);
    task_init(&f->base.over, on_over);
    session_add(k, &f->base, forward_stop);
    struct err err = { 0 };
    f->door = portforward_new(x, k->o.loop, &forward_door, f, &err);
    if (!f->door)
        forward_stop(&f->base);
    err_clear(&err);
}
