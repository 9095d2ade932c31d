/* labs/predicate.c - a set of jq expressions as conditions, compiled once and evaluated in a child process (predicate_child.c):
 * the parent's side.
 *
 * The document is sent as what has changed since the last one (predicate_diff.c): looks at the same cluster, seconds apart,
 * differ little, and parsing is what a look costs.
 */
#include "labs/predicate_priv.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

const struct predicate_limits predicate_limits_default = { .cpu_s = 2, .wall_s = 30, .memory_bytes = 512u << 20 };

struct predicate_set {
    pid_t  pid;
    int    fd;
    size_t n;
    bool   read, ready;                /* what the compiler said, and whether it was yes */
    size_t wrong;
    char  *why;                        /* what it said else */
    char  *program;                    /* NULL: these expressions make none */
    struct diff *diff;
    struct predicate_limits  limits;
    struct predicate_shared *shared;
};

/* ---- bytes over a socket; false when the other end is gone ---- */
bool frame_put(int fd, const void *p, size_t n)
{
    for (const char *at = p; n;) {
        ssize_t done = send(fd, at, n, MSG_NOSIGNAL);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        at += done;
        n -= (size_t)done;
    }
    return true;
}

bool frame_get(int fd, void *p, size_t n)
{
    for (char *at = p; n;) {
        ssize_t done = read(fd, at, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        at += done;
        n -= (size_t)done;
    }
    return true;
}

/* text: of WORDS_BYTES + 1. A worker that has ended takes with it what it knew of the last document. */
static bool answer_read(struct predicate_set *s, enum predicate_verdict *verdict, char *text, bool *ended)
{
    unsigned char v;
    uint32_t n;
    if (!frame_get(s->fd, &v, 1) || !frame_get(s->fd, &n, sizeof n) || n > WORDS_BYTES || !frame_get(s->fd, text, n))
        return false;
    text[n] = 0;
    *verdict = (enum predicate_verdict)(v & ~(unsigned)WORKER_ENDED);
    *ended = v & WORKER_ENDED;
    return true;
}

/* ---- life ---- */
static struct predicate_shared *shared_new(void)
{
    void *p = mmap(NULL, sizeof(struct predicate_shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

struct predicate_set *predicate_set_new(const char *const *texts, size_t n, const struct predicate_limits *limits, struct err *err)
{
    int fds[2];
    struct predicate_set *s = NEW(struct predicate_set);
    s->n = n;
    s->limits = limits ? *limits : predicate_limits_default;
    s->shared = shared_new();
    fflush(NULL);
    if (n > PREDICATES_MAX || !s->shared || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0 || (s->pid = fork()) < 0) {
        if (n > PREDICATES_MAX)
            err_set(err, ERR_PARSE, "these are more than %d expressions", PREDICATES_MAX);
        else
            err_set(err, ERR_IO, "no process can be made for jq expressions: %s", strerror(errno));
        if (s->shared)
            munmap(s->shared, sizeof *s->shared);
        free(s);
        return NULL;
    }
    if (s->pid == 0)
        predicate_child(fds[1], texts, n, &s->limits, s->shared);
    close(fds[1]);
    s->fd = fds[0];
    s->diff = diff_new();
    struct arena *a = arena_new();
    s->program = xstrdup(predicate_program(a, texts, n));
    arena_free(a);
    return s;
}

void predicate_set_free(struct predicate_set *s)
{
    if (!s)
        return;
    close(s->fd);
    kill(s->pid, SIGKILL);
    while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    munmap(s->shared, sizeof *s->shared);
    diff_free(s->diff);
    free(s->why);
    free(s->program);
    free(s);
}

bool predicate_set_ready(struct predicate_set *s, size_t *wrong, struct err *err)
{
    enum predicate_verdict verdict = PREDICATE_ERROR;
    char words[WORDS_BYTES + 1];
    if (!s->read) {
        bool ended, told = answer_read(s, &verdict, words, &ended);
        s->ready = told && verdict == PREDICATE_TRUE;
        s->wrong = s->shared->compiling;
        s->why = s->ready ? NULL : xstrdup(told ? words : "jq took too long to read it, or ended");
    }
    s->read = true;
    if (wrong)
        *wrong = s->wrong;
    return s->ready || err_set(err, ERR_PARSE, "%s", s->why);
}

void predicate_set_keep(struct predicate_set *s)
{
    if (predicate_set_ready(s, NULL, NULL) && s->program)
        predicate_make_ready(s->program);
}

/* ---- a question ---- */
static bool ask(struct predicate_set *s, struct str document, const size_t *which, size_t n)
{
    struct strbuf head, ops;
    uint32_t count = (uint32_t)n;
    strbuf_init(&head, 8 * (n + 2));
    strbuf_init(&ops, 2 * (size_t)LIMIT_RESPONSE_BYTES);
    diff_write(s->diff, document, &ops);
    uint64_t length = ops.n;
    strbuf_add(&head, (struct str){ (const char *)&count, sizeof count });
    for (size_t i = 0; i < n; i++) {
        uint32_t index = (uint32_t)which[i];
        strbuf_add(&head, (struct str){ (const char *)&index, sizeof index });
    }
    strbuf_add(&head, (struct str){ (const char *)&length, sizeof length });
    bool ok = !ops.overflow && frame_put(s->fd, head.p, head.n) && frame_put(s->fd, ops.p ? ops.p : "", ops.n);
    strbuf_deinit(&head);
    strbuf_deinit(&ops);
    return ok;
}

/* How many have been answered: all, or up to the one at which the worker ended. */
static size_t ask_some(struct predicate_set *s, struct arena *a, struct str document, const size_t *which, size_t n,
                       struct predicate_result *results)
{
    char words[WORDS_BYTES + 1];
    if (!ask(s, document, which, n))
        return 0;
    for (size_t i = 0; i < n; i++) {
        bool ended;
        if (!answer_read(s, &results[i].verdict, words, &ended))
            return i;
        results[i].text = arena_str(a, str_c(words));
        if (ended) {
            diff_free(s->diff);
            s->diff = diff_new();
            return i + 1;
        }
    }
    return n;
}

void predicate_set_eval(struct predicate_set *s, struct arena *a, struct str document, const size_t *which, size_t n,
                        struct predicate_result *results)
{
    struct err err = { 0 };
    bool ready = predicate_set_ready(s, NULL, &err);
    for (size_t i = 0; i < n; i++)
        results[i] = (struct predicate_result){ PREDICATE_ERROR,
                                                ready ? STR("the process that evaluates it is gone") : arena_str(a, str_c(err.msg)) };
    for (size_t done = 0, some; ready && done < n; done += some)
        if (!(some = ask_some(s, a, document, which + done, n - done, results + done)))
            break;
    err_clear(&err);
}

struct predicate_result predicate_set_eval_one(struct predicate_set *s, struct arena *a, struct str document, size_t which)
{
    struct predicate_result r;
    predicate_set_eval(s, a, document, &which, 1, &r);
    return r;
}
