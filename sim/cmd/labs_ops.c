/* sim/cmd/labs_ops.c - what the labs room asks of a cluster (struct labs_ops), over the control socket and by commands on the
 * lab's host. */
#include "labs/labs.h"
#include "sim/cmd/cluster.h"
#include "sim/cmd/cmd.h"
#include "sim/loop/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A line in the shell gets so much virtual time, and so much of the wall's; so much of what it prints is kept. */
#define SHELL_BUDGET "1h"
enum { SHELL_WALL_MS = 60 * 1000, SHELL_OUTPUT_BYTES = 64 * 1024, BUILD_VIRTUAL_S = 900 };

struct host { const struct options *o; const char *home; struct labs_ops ops; };

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signo)
{
    (void)signo;
    interrupted = 1;
}

static bool call_api(void *ctx, struct arena *a, const char *method, const char *path, const char *type, const struct json *body,
                     int *status, struct str *reply, struct err *err)
{
    struct host *h = ctx;
    struct control_reply r = { 0 };
    struct str at = percent_encode(a, str_c(path)), head;
    const char *url = arena_printf(a, "/host/api?outside&method=%s&path=" STR_FMT "%s%s", method, STR_ARG(at),
                                   type ? "&type=" : "", type ? type : "");
    int64_t n = 0;
    if (!control_call(a, h->o, "POST", url, body ? json_text(a, body) : STR_NULL, NULL, NULL, &r, err))
        return false;
    str_cut(r.body, '\n', &head, reply);
    str_int(head, &n);
    *status = (int)n;
    return n != 0 || err_set(err, ERR_UNAVAILABLE, "the API server does not answer: " STR_FMT, STR_ARG(*reply));
}

static bool get(struct host *h, struct arena *a, const char *path, struct str *text, struct err *err)
{
    struct control_reply r;
    bool ok = control_call(a, h->o, "GET", path, STR_NULL, NULL, NULL, &r, err);
    *text = ok ? r.body : STR_NULL;
    return ok;
}

static bool read_document(void *ctx, struct arena *a, bool history, struct str *text, struct err *err)
{
    return get(ctx, a, history ? "/document" : "/document?history=0", text, err);
}

static bool read_samples(void *ctx, struct arena *a, struct str *text, struct err *err) { return get(ctx, a, "/samples", text, err); }

static bool read_now(void *ctx, int64_t *unix_ns, struct err *err)
{
    struct host *h = ctx;
    struct arena *a = arena_new();
    struct control_reply r;
    bool ok = control_call(a, h->o, "GET", "/status", STR_NULL, NULL, NULL, &r, err);
    if (ok && !time_parse_rfc3339(json_path_str(json_parse(a, r.body, NULL), "clock.now"), unix_ns))
        ok = err_set(err, ERR_INTERNAL, "the cluster does not say what time it is");
    arena_free(a);
    return ok;
}

static bool advance(void *ctx, int64_t ns, struct err *err)
{
    struct host *h = ctx;
    struct arena *a = arena_new();
    struct control_reply r;
    bool ok = control_call(a, h->o, "POST", "/clock/advance", duration_go(a, ns), NULL, NULL, &r, err);
    arena_free(a);
    return ok;
}

/* ---- the shell ---- */
/* The child: a process group of its own, in the scratch home, its output in one pipe. The line is driven: what waits for virtual
 * time gets it. */
static _Noreturn void exec_line(const struct host *h, const char *line, int out)
{
    const char *const argv[] = { "kubelab", "shell", "--data", h->o->data, "--drive", "--budget", SHELL_BUDGET, "--", "bash", "-c",
                                 line, NULL };
    int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    setpgid(0, 0);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    dup2(null_fd, 0);
    dup2(out, 1);
    dup2(out, 2);
    if (chdir(h->home) != 0)
        _exit(126);
    execv(self_path(), (char *const *)(uintptr_t)argv);
    _exit(127);
}

/* False: it did not end in time. */
static bool collect(int fd, struct strbuf *out)
{
    struct pollfd pf = { .fd = fd, .events = POLLIN };
    char chunk[8192];
    for (int64_t began = wall_now_ns(); wall_now_ns() - began < SHELL_WALL_MS * (int64_t)NS_PER_MS && !interrupted;) {
        if (poll(&pf, 1, 100) <= 0)
            continue;
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n == 0)
            return true;
        if (n > 0)
            strbuf_add(out, (struct str){ chunk, (size_t)n });
    }
    return false;
}

static bool run_line(void *ctx, struct arena *a, const char *line, int *status, struct str *output, struct err *err)
{
    struct host *h = ctx;
    int fds[2], code = 0;
    if (!h->home)
        return err_set(err, ERR_USAGE, "there is no shell here");
    if (pipe2(fds, O_CLOEXEC) != 0)
        return err_set(err, ERR_IO, "pipe: %s", strerror(errno));
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        exec_line(h, line, fds[1]);
    close(fds[1]);
    struct strbuf out;
    strbuf_init(&out, SHELL_OUTPUT_BYTES);
    bool ended = pid > 0 && collect(fds[0], &out);
    close(fds[0]);
    if (!ended && pid > 0)
        kill(pid, SIGTERM);                        /* it ends all that is left of the line, and then itself */
    while (pid > 0 && waitpid(pid, &code, 0) < 0 && errno == EINTR)
        continue;
    *output = arena_str(a, strbuf_str(&out));
    strbuf_deinit(&out);
    *status = WIFEXITED(code) ? WEXITSTATUS(code) : 128 + WTERMSIG(code);
    if (!ended)
        return err_set(err, ERR_TIMEOUT, "it was still working after %d s of the wall's time, and was ended", SHELL_WALL_MS / 1000);
    return true;
}

/* ---- an image ---- */
/* Does the node build something still? */
static bool is_building(struct host *h, struct err *err)
{
    struct arena *a = arena_new();
    struct control_reply r;
    bool yes = control_call(a, h->o, "GET", "/images", STR_NULL, NULL, NULL, &r, err) &&
               json_get_int(json_parse(a, r.body, NULL), "building", 0) > 0;
    arena_free(a);
    return yes;
}

/* The lines of a build that has ended: what follows the byte 4 is its outcome, "0" or the error. */
static bool read_outcome(struct arena *a, int fd, struct err *err)
{
    struct strbuf out;
    char chunk[4096];
    ssize_t n;
    strbuf_init(&out, LIMIT_BODY_BYTES);
    while (!str_ends(strbuf_str(&out), "\r\n0\r\n\r\n") && ((n = read(fd, chunk, sizeof chunk)) > 0 || (n < 0 && errno == EINTR)))
        if (n > 0)
            strbuf_add(&out, (struct str){ chunk, (size_t)n });
    struct str text = arena_str(a, strbuf_str(&out)), said;
    strbuf_deinit(&out);
    ptrdiff_t mark = str_chr(text, 4);
    if (mark < 0)
        return err_set(err, ERR_REFUSED, "the cluster stopped while it built an image");
    str_cut(str_sub(text, (size_t)mark + 1, text.n), '\r', &said, &text);
    return str_eqc(said, "0") || err_set(err, ERR_INVALID, "docker image build: " STR_FMT, STR_ARG(said));
}

/* As `docker image build` does it, without a process for it. The end is asked of the cluster after each second: so it does not
 * depend on how fast anything is. */
static bool build_image(void *ctx, const char *beside, const char *dir, const char *tag, struct err *err)
{
    struct host *h = ctx;
    struct arena *a = arena_new();
    struct stat st;
    bool here = stat(beside, &st) == 0 && S_ISDIR(st.st_mode);
    const char *context = here ? beside : arena_printf(a, "%s/%s", h->home ? h->home : ".", dir);
    struct strbuf tar;
    strbuf_init(&tar, LIMIT_BODY_BYTES);
    int fd = -1;
    bool ok = build_context_write(context, &tar, err) &&
              (!tar.overflow || err_set(err, ERR_TOO_LARGE, "the build's context is larger than %d MB", LIMIT_BODY_BYTES >> 20));
    if (ok)
        fd = control_send(a, h->o, "POST", arena_printf(a, "/images/build?t=" STR_FMT, STR_ARG(percent_encode(a, str_c(tag)))),
                          strbuf_str(&tar), err);
    ok = ok && fd >= 0 && control_begun(a, fd, err);
    for (int s = 0; s < BUILD_VIRTUAL_S && ok && !interrupted && is_building(h, err); s++)
        ok = advance(h, NS_PER_S, err);
    ok = ok && err->code == ERR_NONE && !interrupted && read_outcome(a, fd, err);
    if (fd >= 0)
        close(fd);
    strbuf_deinit(&tar);
    arena_free(a);
    return ok;
}

static bool is_stopped(void *ctx)
{
    (void)ctx;
    return interrupted != 0;
}

struct labs_ops *labs_ops_new(struct arena *a, const struct options *o, const char *home)
{
    struct host *h = ARENA_NEW(a, struct host);
    h->o = o;
    h->home = home;
    h->ops = (struct labs_ops){ .ctx = h, .api = call_api, .document = read_document, .samples = read_samples, .now = read_now,
                                .advance = advance, .shell = run_line, .build = build_image, .stopped = is_stopped };
    if (home) {                        /* a script with a cluster of its own cleans up behind itself */
        struct sigaction sa = { .sa_handler = on_interrupt };
        sigaction(SIGINT, &sa, NULL);
        sigaction(SIGTERM, &sa, NULL);
        signal(SIGPIPE, SIG_IGN);
    }
    return &h->ops;
}
