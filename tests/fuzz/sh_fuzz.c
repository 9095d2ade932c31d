/* tests/fuzz/sh_fuzz.c - any bytes as a script (first byte even) or as keys on a terminal (odd), in a world without files whose
 * operations are answered one at a time: the shell never crashes, and can be freed wherever it stands. */
#include "workloads/programs/sh.h"

#include <errno.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEPS_MAX = 60 };
struct world { struct sh *sh; sh_token token; int kind; size_t written; };
static void w_write(void *ctx, int fd, struct str b)
{
    ASSERT(fd == 1 || fd == 2);
    ((struct world *)ctx)->written += b.n;
}

static void w_exited(void *ctx, int status)
{
    (void)ctx;
    ASSERT(status >= 0 && status <= 255);
}

static int64_t w_now(void *ctx)
{
    (void)ctx;
    return 1579910573 * (int64_t)NS_PER_S;
}

static void started(void *ctx, sh_token t, int kind)
{
    struct world *w = ctx;
    if (w->token)                                  /* the older one is never answered */
        return;
    w->token = t;
    w->kind = kind;
}

static void w_time(void *ctx, sh_token t, uint64_t ns)
{
    (void)ns;
    started(ctx, t, 0);
}

static void w_wget(void *ctx, sh_token t, const struct sh_wget *req)
{
    ASSERT(req->port > 0 && req->target[0] == '/');
    started(ctx, t, 1);
}

static void w_lookup(void *ctx, sh_token t, const char *name, const char *server)
{
    (void)server;
    ASSERT(name);
    started(ctx, t, 2);
}

static void w_cancel(void *ctx, sh_token t)
{
    struct world *w = ctx;
    if (w->token == t)
        w->token = 0;
}

static int v_stat(void *ctx, const char *path, struct sh_stat *out)
{
    (void)ctx, (void)out;
    ASSERT(path[0] == '/');
    return ENOENT;
}

static int v_list(void *ctx, const char *path, void (*each)(void *, const char *), void *each_ctx)
{
    (void)ctx;
    if (strcmp(path, "/") == 0)
        each(each_ctx, "bin");
    return 0;
}

static int v_read(void *ctx, const char *path, struct arena *a, struct str *out)
{
    (void)ctx, (void)path, (void)a, (void)out;
    return ENOENT;
}

static int v_write(void *ctx, const char *path, struct str b, bool append)
{
    (void)ctx, (void)path, (void)b, (void)append;
    return 0;
}

static int v_path(void *ctx, const char *path)
{
    (void)ctx, (void)path;
    return 0;
}

static const struct sh_ops OPS = {
    .write = w_write, .exited = w_exited, .now_ns = w_now, .cpu = w_time, .sleep = w_time, .wget = w_wget, .lookup = w_lookup,
        .cancel = w_cancel,
    .vfs = { v_stat, v_list, v_read, v_write, v_path, v_path },
};
static void answer(struct world *w)
{
    sh_token t = w->token;
    w->token = 0;
    if (w->kind == 0)
        sh_complete(w->sh, t);
    else if (w->kind == 2)
        sh_lookup_done(w->sh, t, &(struct sh_lookup){ .server = "10.96.0.10", .name = "x", .nxdomain = true });
    else
        sh_wget_event(w->sh, t, &(struct sh_wget_event){ .stage = SH_WGET_FAILED, .failure = SH_NET_REFUSED, .ip = "10.0.0.1",
                                                         .port = 80 });
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || memchr(data, '\0', size))
        return 0;
    bool tty = data[0] & 1;
    struct arena *a = arena_new();
    struct world w = { 0 };
    const char *argv[] = { "sh", "-c", arena_cstr(a, (struct str){ (const char *)data + 1, size - 1 }) };
    w.sh = sh_new(&(struct sh_options){ .ops = &OPS, .ctx = &w, .argv = argv, .argc = tty ? 1 : 3, .hostname = "h", .pid = 1,
                                        .tty = tty, .stdin_open = tty });
    sh_start(w.sh);
    if (tty)
        sh_input(w.sh, (struct str){ (const char *)data + 1, size - 1 });
    for (int i = 0; i < STEPS_MAX && w.token; i++)
        answer(&w);
    if (data[0] & 2)
        sh_signal(w.sh, SH_SIGINT);
    sh_free(w.sh);
    arena_free(a);
    return 0;
}
