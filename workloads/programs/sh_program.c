/* workloads/programs/sh_program.c - busybox as a process: the shell's operations (sh.h) carried out by the process's
 * CPU, clock, network and files. */
#include "workloads/programs/programs_priv.h"
#include "workloads/programs/sh.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

/* Large beside an operation, and most of these only consume CPU. */
struct name_query { struct dns_lookup lookup; struct op *op; };

/* One started operation: of one kind, but small enough that they share a struct. */
struct op {
    struct list        node;
    struct sh_process *sp;
    sh_token           token;
    bool               burning, sleeping, looking, resolving;
    struct cpu_work    work;
    struct timer       sleep;
    struct name_query *query;          /* for wget's host, or nslookup's name: in the arena */
    struct http_call  *call;
    struct arena      *arena;          /* wget, nslookup; with the request, kept until it is sent */
    struct sh_wget     req;
    char               ip[64];
};

struct sh_process {
    struct process     *process;
    struct sh          *sh;
    struct http_client *http;
    struct list         ops;
    struct rng          rng;
    struct task         exit_task;     /* sh must not be freed from inside its own ops */
    int                 status;
};

/* ---- operations ---- */
static struct op *op_new(struct sh_process *sp, sh_token t)
{
    struct op *op = NEW(struct op);
    list_init(&op->node);
    list_push(&sp->ops, &op->node);
    op->sp = sp;
    op->token = t;
    list_init(&op->work.node);
    return op;
}

static void op_free(struct op *op)
{
    const struct process_options *o = process_options(op->sp->process);
    if (op->burning)
        o->cpu->cancel(&op->work);
    if (op->sleeping)
        timer_stop(&op->sleep);
    if (op->looking || op->resolving)
        dns_lookup_cancel(&op->query->lookup);
    if (op->call)
        http_call_cancel(op->call);
    arena_free(op->arena);
    list_remove(&op->node);
    free(op);
}

/* The operation is over: forget it, then tell the shell, which may start the next. */
static void op_complete(struct op *op)
{
    struct sh *sh = op->sp->sh;
    sh_token t = op->token;
    op_free(op);
    sh_complete(sh, t);
}

static void do_cancel(void *ctx, sh_token t)
{
    struct sh_process *sp = ctx;
    list_for(it, &sp->ops) {
        struct op *op = container_of(it, struct op, node);
        if (op->token == t) {
            op_free(op);
            return;
        }
    }
}

static void burnt(struct cpu_work *w)
{
    struct op *op = container_of(w, struct op, work);
    op->burning = false;
    op_complete(op);
}

/* What the image's record says of an idle shell, and what its processes hold beyond that. A program that grows has to
 * pay for CPU too: it is seen here. */
static void account_memory(struct sh_process *sp)
{
    int64_t idle = json_path_int(process_options(sp->process)->image, "load.memory_bytes", 1024 * 1024);
    int64_t now = sp->sh ? (int64_t)sh_memory_bytes(sp->sh) : 0;
    process_set_memory(sp->process, now > idle ? now : idle);
}

static void do_cpu(void *ctx, sh_token t, uint64_t ns)
{
    struct sh_process *sp = ctx;
    struct op *op = op_new(sp, t);
    op->burning = true;
    op->work.done = burnt;
    account_memory(sp);
    process_cpu(sp->process, &op->work, (int64_t)ns);
}

static void slept(struct timer *t)
{
    struct op *op = container_of(t, struct op, sleep);
    op->sleeping = false;
    op_complete(op);
}

static void do_sleep(void *ctx, sh_token t, uint64_t ns)
{
    struct sh_process *sp = ctx;
    struct op *op = op_new(sp, t);
    op->sleeping = true;
    timer_init(&op->sleep, process_options(sp->process)->loop, slept);
    timer_start(&op->sleep, ns > INT64_MAX ? INT64_MAX : (int64_t)ns);
}

static void op_look_up(struct op *op, const char *name, void (*done)(struct dns_lookup *q, const struct err *err))
{
    struct name_query *n = op->query = ARENA_NEW(op->arena, struct name_query);
    n->op = op;
    n->lookup.from = process_options(op->sp->process)->net;
    n->lookup.done = done;
    text_copy(n->lookup.name, sizeof n->lookup.name, name);
    dns_lookup_start(&n->lookup);
}

/* ---- wget: name, connection, answer ---- */
static void wget_event(struct op *op, struct sh_wget_event *ev)
{
    sh_wget_event(op->sp->sh, op->token, ev);
}

static void wget_failed(struct op *op, enum sh_net_failure why)
{
    struct sh_wget_event ev = {
        .stage = SH_WGET_FAILED, .failure = why, .ip = op->ip[0] ? op->ip : NULL, .port = op->req.port, .content_length = -1
    };
    struct sh *sh = op->sp->sh;
    sh_token t = op->token;
    char ip[64];
    memcpy(ip, op->ip, sizeof ip);
    if (ev.ip)
        ev.ip = ip;
    op_free(op);
    sh_wget_event(sh, t, &ev);
}

static enum sh_net_failure failure_of(struct str msg)
{
    static const struct { const char *text; enum sh_net_failure why; } table[] = {
        { "no such host", SH_NET_BAD_ADDRESS },
        { "server misbehaving", SH_NET_BAD_ADDRESS },
        { "connection refused", SH_NET_REFUSED },
        { "no route to host", SH_NET_NO_ROUTE },
        { "i/o timeout", SH_NET_TIMED_OUT },
        { "Client.Timeout", SH_NET_TIMED_OUT },
        { "EOF", SH_NET_EARLY_EOF },
        { "tls:", SH_NET_TLS },
        { "x509:", SH_NET_TLS },
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (str_find(msg, str_c(table[i].text)) >= 0)
            return table[i].why;
    return SH_NET_RESET;
}

static void wget_response(void *ctx, const struct http_response *r)
{
    struct op *op = ctx;
    struct strbuf lines;
    strbuf_init(&lines, LIMIT_HEADER_BYTES);
    for (size_t i = 0; op->req.show_headers && i < r->headers.n; i++)
        strbuf_addf(&lines, STR_FMT ": " STR_FMT "\r\n", STR_ARG(r->headers.v[i].name), STR_ARG(r->headers.v[i].value));
    int64_t length = -1;
    str_int(http_headers_get(&r->headers, "Content-Length"), &length);
    struct sh_wget_event ev = { .stage = SH_WGET_HEAD,
                                .status = r->status,
                                .reason = http_status_text(r->status),
                                .location = http_headers_get(&r->headers, "Location"),
                                .headers = strbuf_str(&lines),
                                .content_length = length };
    wget_event(op, &ev);
    strbuf_deinit(&lines);
}

static void wget_data(void *ctx, struct str bytes)
{
    struct sh_wget_event ev = { .stage = SH_WGET_BODY, .bytes = bytes, .content_length = -1 };
    wget_event(ctx, &ev);
}

static void wget_done(void *ctx, const struct err *err)
{
    struct op *op = ctx;
    op->call = NULL;
    if (err->code != ERR_NONE) {
        wget_failed(op, failure_of(str_c(err->msg)));
        return;
    }
    struct sh_wget_event ev = { .stage = SH_WGET_END, .content_length = -1 };
    struct sh *sh = op->sp->sh;
    sh_token t = op->token;
    op_free(op);
    sh_wget_event(sh, t, &ev);
}

static void wget_send(struct op *op)
{
    static const struct http_call_events events = { .on_response = wget_response, .on_data = wget_data, .on_done = wget_done };
    struct http_headers h = { 0 };
    struct str rest = str_c(op->req.headers);
    while (rest.p && rest.n) {
        struct str line = str_trim(str_token(&rest, '\n')), name, value;
        if (line.n && str_cut(line, ':', &name, &value))
            http_headers_add(op->arena, &h, arena_cstr(op->arena, name), str_trim(value));
    }
    struct http_call_options o = { .method = op->req.method,
                                   .headers = &h,
                                   .body = op->req.body,
                                   .timeout_ns = (int64_t)op->req.timeout_ns,
                                   .ev = &events,
                                   .ctx = op,
                                   .url = arena_printf(op->arena, "%s://%s:%d%s", op->req.tls ? "https" : "http", op->ip,
                                                       op->req.port, op->req.target) };
    op->call = http_call_start(op->sp->http, &o);
}

static void wget_resolved(struct dns_lookup *q, const struct err *err)
{
    struct op *op = container_of(q, struct name_query, lookup)->op;
    op->resolving = false;
    if (err && err->code != ERR_NONE) {
        wget_failed(op, SH_NET_BAD_ADDRESS);
        return;
    }
    memcpy(op->ip, q->ips[0], sizeof op->ip);
    struct sh_wget_event ev = { .stage = SH_WGET_CONNECTED, .ip = op->ip, .port = op->req.port, .content_length = -1 };
    sh_token t = op->token;
    struct sh_process *sp = op->sp;
    wget_event(op, &ev);
    list_for(it, &sp->ops)                         /* the shell may have dropped it meanwhile */
        if (container_of(it, struct op, node)->token == t)
            wget_send(op);
}

static void do_wget(void *ctx, sh_token t, const struct sh_wget *req)
{
    struct sh_process *sp = ctx;
    struct op *op = op_new(sp, t);
    op->arena = arena_new();
    op->req = *req;
    op->req.host = arena_strdup(op->arena, req->host);
    op->req.target = arena_strdup(op->arena, req->target);
    op->req.method = arena_strdup(op->arena, req->method);
    op->req.headers = arena_strdup(op->arena, req->headers ? req->headers : "");
    op->req.body = arena_str(op->arena, req->body);
    op->resolving = true;
    op_look_up(op, req->host, wget_resolved);
}

/* ---- nslookup ---- */
static void looked_up(struct dns_lookup *q, const struct err *err)
{
    struct op *op = container_of(q, struct name_query, lookup)->op;
    struct str msg = err ? str_c(err->msg) : STR_NULL;
    const char *ips[8];
    struct sh *sh = op->sp->sh;
    sh_token t = op->token;
    struct dns_lookup answer = *q;
    op->looking = false;
    op_free(op);
    for (size_t i = 0; i < answer.ip_count; i++)
        ips[i] = answer.ips[i];
    struct sh_lookup l = { .server = "10.96.0.10",
                           .name = answer.name,
                           .ips = ips,
                           .ip_count = answer.ip_count,
                           .nxdomain = str_ends(msg, "no such host"),
                           .servfail = str_ends(msg, "server misbehaving"),
                           .timed_out = str_ends(msg, "i/o timeout") || str_ends(msg, "refused") };
    sh_lookup_done(sh, t, &l);
}

static void do_lookup(void *ctx, sh_token t, const char *name, const char *server)
{
    struct sh_process *sp = ctx;
    struct op *op = op_new(sp, t);
    (void)server;                                  /* the pod's only name server, see README */
    op->looking = true;
    op->arena = arena_new();
    op_look_up(op, name, looked_up);
}

/* ---- at once ---- */
static void do_write(void *ctx, int fd, struct str bytes) { process_write(((struct sh_process *)ctx)->process, fd, bytes); }
static int64_t do_now(void *ctx) { return vnet_host_now(process_options(((struct sh_process *)ctx)->process)->net); }
static uint64_t do_random(void *ctx) { return rng_u64(&((struct sh_process *)ctx)->rng); }

static void exit_now(struct task *t)
{
    struct sh_process *sp = container_of(t, struct sh_process, exit_task);
    process_exit(sp->process, sp->status);
}

static void do_exited(void *ctx, int status)
{
    struct sh_process *sp = ctx;
    sp->status = status;
    task_post(process_options(sp->process)->loop, &sp->exit_task);
}

/* ---- files ---- */
static struct vfs *files_of(void *ctx) { return process_options(((struct sh_process *)ctx)->process)->files; }

static int file_stat(void *ctx, const char *path, struct sh_stat *out)
{
    struct vfs_stat st;
    if (!vfs_stat(files_of(ctx), path, &st))
        return ENOENT;
    *out = (struct sh_stat){ st.is_dir ? SH_FILE_DIR : SH_FILE_REGULAR, st.size, st.mode, st.mtime_ns };
    return 0;
}

static int file_list(void *ctx, const char *path, void (*each)(void *each_ctx, const char *name), void *each_ctx)
{
    struct vfs_stat st;
    struct arena *a = arena_new();
    struct str name;
    size_t cursor = 0;
    int rc = !vfs_stat(files_of(ctx), path, &st) ? ENOENT : !st.is_dir ? ENOTDIR : 0;
    while (rc == 0 && vfs_next(files_of(ctx), path, &cursor, &name))
        each(each_ctx, arena_cstr(a, name));
    arena_free(a);
    return rc;
}

static int file_read_all(void *ctx, const char *path, struct arena *a, struct str *out)
{
    struct vfs_stat st;
    struct str bytes;
    if (!vfs_stat(files_of(ctx), path, &st))
        return ENOENT;
    if (st.is_dir)
        return EISDIR;
    if (!vfs_read(files_of(ctx), path, &bytes))
        return EIO;
    *out = arena_str(a, bytes);
    return 0;
}

enum { DISK_FILE_MAX = 8 * 1024 * 1024 };                             /* one file of a container; beyond it the disk is full */

static int file_write_all(void *ctx, const char *path, struct str bytes, bool append)
{
    struct vfs_stat st;
    struct arena *a = arena_new();
    struct str old = STR_NULL;
    bool exists = vfs_stat(files_of(ctx), path, &st);
    int rc = exists && st.is_dir ? EISDIR : bytes.n + (append && exists ? (uint64_t)st.size : 0) > DISK_FILE_MAX ? ENOSPC : 0;
    if (rc == 0 && append && exists)
        vfs_read(files_of(ctx), path, &old);
    if (rc == 0 && old.n)
        bytes = arena_strf(a, STR_FMT STR_FMT, STR_ARG(old), STR_ARG(bytes));
    if (rc == 0 && !vfs_put(files_of(ctx), path, bytes, exists ? st.mode : 0644, do_now(ctx)))
        rc = EROFS;
    arena_free(a);
    return rc;
}

static int file_remove(void *ctx, const char *path)
{
    struct vfs_stat st;
    if (!vfs_stat(files_of(ctx), path, &st))
        return ENOENT;
    return vfs_remove(files_of(ctx), path) ? 0 : st.is_dir ? ENOTEMPTY : EROFS;
}

static int file_mkdir(void *ctx, const char *path)
{
    struct vfs_stat st;
    if (vfs_stat(files_of(ctx), path, &st))
        return EEXIST;
    return vfs_mkdir(files_of(ctx), path, 0755) ? 0 : EROFS;
}

static int file_chmod(void *ctx, const char *path, unsigned mode)
{
    struct vfs_stat st;
    if (!vfs_stat(files_of(ctx), path, &st))
        return ENOENT;
    return vfs_chmod(files_of(ctx), path, mode) ? 0 : EROFS;
}

/* ---- the program ---- */
static const struct sh_ops ops = {
    .write = do_write,
    .exited = do_exited,
    .now_ns = do_now,
    .random_u64 = do_random,
    .cpu = do_cpu,
    .sleep = do_sleep,
    .wget = do_wget,
    .lookup = do_lookup,
    .cancel = do_cancel,
    .vfs = { file_stat, file_list, file_read_all, file_write_all, file_remove, file_mkdir, file_chmod },
};

static void sh_stop(void *state)
{
    struct sh_process *sp = state;
    task_cancel(&sp->exit_task);
    sh_free(sp->sh);
    list_for(it, &sp->ops)
        op_free(container_of(it, struct op, node));
    http_client_free(sp->http);
    free(sp);
}

static size_t count_words(char **v)
{
    size_t n = 0;
    while (v && v[n])
        n++;
    return n;
}

static void *sh_program_start(struct process *p, struct err *err)
{
    const struct process_options *o = process_options(p);
    if (!sh_knows(o->argv[0])) {
        err_set(err, ERR_NOT_FOUND, "exec: \"%s\": executable file not found in $PATH", o->argv[0]);
        return NULL;
    }
    struct sh_process *sp = NEW(struct sh_process);
    sp->process = p;
    list_init(&sp->ops);
    task_init(&sp->exit_task, exit_now);
    rng_init(&sp->rng, o->loop, o->name);
    struct http_client_options ho = { .from = o->net, .insecure_skip_verify = true };
    sp->http = http_client_new(&ho);
    struct sh_options so = { .ops = &ops,
                             .ctx = sp,
                             .argv = (const char *const *)o->argv,
                             .argc = count_words(o->argv),
                             .env = (const char *const *)o->env,
                             .env_count = count_words(o->env),
                             .cwd = o->cwd,
                             .hostname = o->hostname,
                             .user = o->user,
                             .uid = o->uid,
                             .gid = o->gid,
                             .pid = 1,
                             .tty = o->tty,
                             .stdin_open = o->stdin_open };
    sp->sh = sh_new(&so);
    process_load(p);
    sh_start(sp->sh);
    return sp;
}

static void sh_program_input(void *state, struct str bytes) { sh_input(((struct sh_process *)state)->sh, bytes); }
static void sh_program_eof(void *state) { sh_input_eof(((struct sh_process *)state)->sh); }
static void sh_program_resize(void *state, int w, int h) { sh_resize(((struct sh_process *)state)->sh, w, h); }
static void sh_program_signal(void *state, int signo) { sh_signal(((struct sh_process *)state)->sh, signo); }

const struct program_ops sh_program = { .name = "sh",
                                        .start = sh_program_start,
                                        .input = sh_program_input,
                                        .input_eof = sh_program_eof,
                                        .resize = sh_program_resize,
                                        .signal = sh_program_signal,
                                        .stop = sh_stop };
