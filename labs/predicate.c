/* labs/predicate.c - a jq expression as a condition, evaluated where it can do no harm.
 *
 * libjq lives in a child process that compiles the expressions once, several of them into one program that a number chooses from: most of what compiling
 * costs are jq's own definitions. A document is read there once; for each evaluation the child forks again, and that grandchild evaluates under limits of
 * CPU, wall time, memory and output. An expression without end costs its limit and is said to have had none. The child knows no file, no environment and no
 * clock: `now` is the document's virtual time (seconds), and $document the whole document wherever one is in an expression.
 *
 * On the socket between parent and child: which expression (4 bytes), a document's length (8; SAME: the one before) and its bytes; an answer is a verdict
 * (1 byte), a length (4) and text.
 */
#include "labs/labs.h"

#include <errno.h>
#include <fcntl.h>
#include <jq.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

const struct predicate_limits predicate_limits_default = { .cpu_s = 2, .wall_s = 30, .memory_bytes = 512u << 20, .output_bytes = 64 * 1024 };

enum { MAX_OUTPUTS = 10000, MESSAGE_BYTES = 1024 };
#define SAME UINT64_MAX
#define PRELUDE ".[0] as $__which | .[1] | . as $document | (.params? // {}) as $params | def now: $document.clock.seconds; "

struct predicate {
    pid_t pid;
    int   fd;
    bool  read, ready;                 /* what the compiler said, and whether it was yes */
    char *why;                         /* what it said else */
    struct predicate_limits limits;
};

/* ---- bytes over a socket; false when the other end is gone ---- */
static bool put(int fd, const void *p, size_t n)
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

static bool get(int fd, void *p, size_t n)
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

static bool put_answer(int fd, enum predicate_verdict verdict, struct str text)
{
    unsigned char v = (unsigned char)verdict;
    uint32_t n = (uint32_t)text.n;
    return put(fd, &v, 1) && put(fd, &n, sizeof n) && put(fd, text.p, text.n);
}

/* ---- the grandchild: one evaluation ---- */
static void limit(int what, rlim_t n)
{
    struct rlimit r = { n, n };
    if (setrlimit((__rlimit_resource_t)what, &r) != 0)
        _exit(3);
}

static void limit_me(const struct predicate_limits *l)
{
    struct rlimit cpu = { l->cpu_s, l->cpu_s + 1 };
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setrlimit(RLIMIT_CPU, &cpu);
#ifndef __SANITIZE_ADDRESS__           /* the sanitizer's shadow alone is terabytes of address space */
    limit(RLIMIT_AS, l->memory_bytes);
#endif
    limit(RLIMIT_NOFILE, 0);
    limit(RLIMIT_FSIZE, 0);
    alarm(l->wall_s);
}

static void answer_output(int fd, enum predicate_verdict verdict, jv value)
{
    jv text = jv_dump_string(value, JV_PRINT_SORTED);
    struct str s = { jv_string_value(text), (size_t)jv_string_length_bytes(jv_copy(text)) };
    put_answer(fd, verdict, str_sub(s, 0, MESSAGE_BYTES));
    jv_free(text);
}

static void answer_error(int fd, jq_state *jq, jv message)
{
    if (jq_halted(jq)) {
        put_answer(fd, PREDICATE_ERROR, STR("halt has no place in a check"));
    } else if (jv_get_kind(message) == JV_KIND_STRING) {
        struct str s = { jv_string_value(message), (size_t)jv_string_length_bytes(jv_copy(message)) };
        put_answer(fd, PREDICATE_ERROR, str_sub(s, 0, MESSAGE_BYTES));
    } else {
        answer_output(fd, PREDICATE_ERROR, jv_copy(message));
    }
}

static bool is_invalid(jv v) { return jv_get_kind(v) == JV_KIND_INVALID; }
static bool is_no(jv v) { return jv_get_kind(v) == JV_KIND_FALSE || jv_get_kind(v) == JV_KIND_NULL; }

static _Noreturn void evaluate(jq_state *jq, int fd, uint32_t which, jv document, const struct predicate_limits *l)
{
    limit_me(l);
    jv last = jv_invalid();
    jq_start(jq, jv_array_set(jv_array_set(jv_array(), 0, jv_number(which)), 1, jv_copy(document)), 0);
    size_t outputs = 0;
    jv out;
    while (!is_invalid(out = jq_next(jq))) {
        jv_free(last);
        last = out;
        if (++outputs > MAX_OUTPUTS || is_no(last))
            break;
    }
    if (is_no(last)) {
        answer_output(fd, PREDICATE_FALSE, last);
    } else if (outputs > MAX_OUTPUTS) {
        put_answer(fd, PREDICATE_LIMIT, STR("it has more than 10000 outputs"));
    } else if (jq_halted(jq) || jv_invalid_has_msg(jv_copy(out))) {
        answer_error(fd, jq, jq_halted(jq) ? jv_null() : jv_invalid_get_msg(out));
    } else if (outputs == 0) {
        put_answer(fd, PREDICATE_FALSE, STR_NULL);
    } else {
        answer_output(fd, PREDICATE_TRUE, last);
    }
    _exit(0);
}

/* ---- the child ---- */
struct words { char text[MESSAGE_BYTES]; };

/* The first thing that jq says: "jq: error: syntax error, unexpected ... at <top-level>, line 1:" and then the expression again. */
static void note_error(void *ctx, jv message)
{
    struct words *w = ctx;
    if (!w->text[0] && jv_get_kind(message) == JV_KIND_STRING) {
        struct str line, rest;
        str_cut(str_c(jv_string_value(message)), '\n', &line, &rest);
        if (str_starts(line, "jq: error: "))
            line = str_sub(line, strlen("jq: error: "), line.n);
        ptrdiff_t quoting = str_find(line, STR(" (Unix shell quoting issues?)"));
        if (quoting >= 0)
            snprintf(w->text, sizeof w->text, STR_FMT STR_FMT, STR_ARG(str_sub(line, 0, (size_t)quoting)), STR_ARG(str_sub(line, (size_t)quoting + 29, line.n)));
        else
            snprintf(w->text, sizeof w->text, STR_FMT, STR_ARG(line));
        size_t n = strlen(w->text);
        if (n && w->text[n - 1] == ':')
            w->text[n - 1] = 0;
    }
    jv_free(message);
}

static void set_soft(int what, rlim_t n)
{
    struct rlimit r;
    getrlimit((__rlimit_resource_t)what, &r);
    r.rlim_cur = n < r.rlim_max ? n : r.rlim_max;
    setrlimit((__rlimit_resource_t)what, &r);
}

/* Nothing of the parent's stays: descriptors, environment, handlers. */
static int isolate(int fd)
{
    fd = fcntl(fd, F_DUPFD, 10);       /* it may stand where a closed standard stream was */
    int null_fd = open("/dev/null", O_RDWR);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int i = 0; i < 3; i++)
        dup2(null_fd, i);
    dup2(fd, 3);
    close_range(4, ~0u, 0);
    clearenv();
    setenv("TZ", "UTC", 1);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    limit(RLIMIT_CORE, 0);
    return 3;
}

/* No file can be opened meanwhile: an expression imports nothing. */
static bool compile(jq_state *jq, const char *text, const struct predicate_limits *l, struct words *w)
{
    jq_set_error_cb(jq, note_error, w);
    set_soft(RLIMIT_NOFILE, 0);
    set_soft(RLIMIT_CPU, l->cpu_s);
    bool ok = jq_compile(jq, text);
    set_soft(RLIMIT_CPU, RLIM_INFINITY);
    set_soft(RLIMIT_NOFILE, 64);
    return ok;
}

static void tell_death(int fd, int status, const struct predicate_limits *l)
{
    char text[128];
    int s = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    if (s == SIGXCPU || s == SIGKILL)
        snprintf(text, sizeof text, "it did not end within %u s of CPU", l->cpu_s);
    else if (s == SIGALRM)
        snprintf(text, sizeof text, "it did not end within %u s", l->wall_s);
    else
        snprintf(text, sizeof text, "it took more than %zu MB of memory, or recurses without end", l->memory_bytes >> 20);
    put_answer(fd, PREDICATE_LIMIT, str_c(text));
}

/* Evaluate in a process of its own. It answers on the socket itself, in one piece, and only as its last act: a death without an answer is told here. */
static void serve(jq_state *jq, int fd, uint32_t which, jv document, const struct predicate_limits *l)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0)
        evaluate(jq, fd, which, document, l);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (pid < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        tell_death(fd, status, l);
}

static bool get_document(int fd, uint64_t n, jv *document)
{
    char *text = malloc(n + 1);
    if (!text || !get(fd, text, n))
        return false;
    jv_free(*document);
    *document = jv_parse_sized(text, (int)n);
    free(text);
    return true;
}

static _Noreturn void child(int fd, const char *text, const struct predicate_limits *l)
{
    struct words w = { "" };
    fd = isolate(fd);
    jq_state *jq = jq_init();
    if (!jq || !compile(jq, text, l, &w)) {
        put_answer(fd, PREDICATE_ERROR, w.text[0] ? str_c(w.text) : STR("jq does not understand it"));
        _exit(1);
    }
    put_answer(fd, PREDICATE_TRUE, STR_NULL);
    jv document = jv_null();
    uint32_t which;
    for (uint64_t n; get(fd, &which, sizeof which) && get(fd, &n, sizeof n) && (n == SAME || get_document(fd, n, &document));) {
        if (is_invalid(jv_copy(document)))
            put_answer(fd, PREDICATE_ERROR, STR("the document is no JSON"));
        else
            serve(jq, fd, which, document, l);
    }
    _exit(0);
}

/* ---- the parent ---- */
static bool answer_read(struct predicate *p, enum predicate_verdict *verdict, char *text, size_t size)
{
    unsigned char v;
    uint32_t n;
    if (!get(p->fd, &v, 1) || !get(p->fd, &n, sizeof n) || n >= size || !get(p->fd, text, n))
        return false;
    text[n] = 0;
    *verdict = (enum predicate_verdict)v;
    return true;
}

/* A single one stands by itself, so that jq's complaints are about what was written. */
static const char *program(struct arena *a, const char *const *jq, size_t n)
{
    struct strbuf text;
    if (n == 1)
        return arena_printf(a, PRELUDE "%s", jq[0]);
    strbuf_init(&text, LIMIT_BODY_BYTES);
    strbuf_addc(&text, PRELUDE);
    for (size_t i = 0; i < n; i++)
        strbuf_addf(&text, "%s $__which == %zu then (%s\n) ", i ? "elif" : "if", i, jq[i]);
    strbuf_addc(&text, n ? "else null end" : "null");
    const char *copy = arena_cstr(a, strbuf_str(&text));
    strbuf_deinit(&text);
    return copy;
}

struct predicate *predicate_new(const char *jq, const struct predicate_limits *limits, struct err *err)
{
    return predicates_new(&jq, 1, limits, err);
}

struct predicate *predicates_new(const char *const *jq, size_t n, const struct predicate_limits *limits, struct err *err)
{
    int fds[2];
    struct predicate *p = NEW(struct predicate);
    p->limits = limits ? *limits : predicate_limits_default;
    struct arena *a = arena_new();
    const char *text = program(a, jq, n);
    fflush(NULL);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0 || (p->pid = fork()) < 0) {
        err_set(err, ERR_IO, "no process can be made for a jq expression: %s", strerror(errno));
        arena_free(a);
        free(p);
        return NULL;
    }
    if (p->pid == 0)
        child(fds[1], text, &p->limits);
    arena_free(a);
    close(fds[1]);
    p->fd = fds[0];
    return p;
}

bool predicate_ready(struct predicate *p, struct err *err)
{
    enum predicate_verdict verdict = PREDICATE_ERROR;
    char words[2 * MESSAGE_BYTES] = "jq took too long to read it, or ended";
    if (!p->read)
        p->ready = answer_read(p, &verdict, words, sizeof words) && verdict == PREDICATE_TRUE;
    if (!p->read && !p->ready)
        p->why = xstrdup(words);
    p->read = true;
    return p->ready || err_set(err, ERR_PARSE, "%s", p->why);
}

void predicate_eval(struct predicate *p, struct arena *a, struct str document, struct predicate_result *result)
{
    predicates_eval(p, 0, a, &document, result);
}

void predicates_eval(struct predicate *p, size_t which, struct arena *a, const struct str *document, struct predicate_result *result)
{
    uint64_t n = document ? document->n : SAME;
    uint32_t number = (uint32_t)which;
    char words[2 * MESSAGE_BYTES];
    struct err err = { 0 };
    *result = (struct predicate_result){ PREDICATE_ERROR, STR("the process that evaluates it is gone") };
    if (!predicate_ready(p, &err)) {
        result->text = arena_str(a, str_c(err.msg));
        return;
    }
    if (put(p->fd, &number, sizeof number) && put(p->fd, &n, sizeof n) && (!document || put(p->fd, document->p, document->n)) &&
        answer_read(p, &result->verdict, words, sizeof words))
        result->text = arena_str(a, str_c(words));
}

void predicate_free(struct predicate *p)
{
    if (!p)
        return;
    close(p->fd);
    kill(p->pid, SIGKILL);
    while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    free(p->why);
    free(p);
}
