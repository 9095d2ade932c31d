/* labs/predicate_child.c - jq, where it can do no harm: the child compiles all expressions of a set as one program, since what
 * costs is jq's own library, and forks a worker, which keeps the documents' values from one to the next and evaluates under
 * limits of CPU, wall time and memory. An expression without end ends its worker and is said to have had none; the child forks
 * another, which begins with the next document.
 *
 * Neither knows a file, an environment or a clock: `now` is the document's virtual time (seconds), $document the whole document
 * wherever one is in an expression, $params its parameters.
 */
#include "labs/predicate_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <jq.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_OUTPUTS = 10000, MAX_DEPTH = 256 };
#define PRELUDE "($document.params? // {}) as $params | def now: $document.clock.seconds; "

struct words { char text[WORDS_BYTES]; };

struct kept {                          /* what a document's places hold, by number, and the document that they make */
    jv    *places;
    size_t n, cap;
    jv     document;                   /* invalid, with what jq says: it is no JSON */
};
struct child {
    int        fd;
    jq_state  *jq;
    size_t     n;                      /* expressions */
    struct kept kept;
    const struct predicate_limits *l;
    struct predicate_shared *shared;
};

/* What has an answer needs no limit of time any more: it must not be ended between telling it and noting that it did. */
static void end_time(void)
{
    struct itimerval none = { .it_value = { .tv_sec = 0 } };
    setitimer(ITIMER_PROF, &none, NULL);
    alarm(0);
}

static void put_answer(int fd, unsigned verdict, struct str text)
{
    char frame[5 + WORDS_BYTES];
    end_time();
    uint32_t n = (uint32_t)(text.n < WORDS_BYTES ? text.n : WORDS_BYTES);
    frame[0] = (char)verdict;
    memcpy(frame + 1, &n, sizeof n);
    memcpy(frame + 5, text.p ? text.p : "", n);
    frame_put(fd, frame, 5 + n);       /* in one piece: there is all of it or nothing */
}

/* ---- the worker ---- */
static void limit(int what, rlim_t n)
{
    struct rlimit r = { n, n };
    if (setrlimit((__rlimit_resource_t)what, &r) != 0)
        _exit(3);
}

static void limit_me(const struct predicate_limits *l)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
#ifndef __SANITIZE_ADDRESS__           /* the sanitizer's shadow alone is terabytes of address space */
    limit(RLIMIT_AS, l->memory_bytes);
#else
    (void)l;
#endif
    limit(RLIMIT_NOFILE, 0);
    limit(RLIMIT_FSIZE, 0);
}

/* Each expression has its own time. */
static void limit_time(const struct predicate_limits *l)
{
    struct itimerval cpu = { .it_value = { .tv_sec = (time_t)l->cpu_s } };
    setitimer(ITIMER_PROF, &cpu, NULL);
    alarm(l->wall_s);
}

static void answer_output(int fd, enum predicate_verdict verdict, jv value)
{
    jv text = jv_dump_string(value, JV_PRINT_SORTED);
    put_answer(fd, verdict, (struct str){ jv_string_value(text), (size_t)jv_string_length_bytes(jv_copy(text)) });
    jv_free(text);
}

static void answer_error(int fd, jq_state *jq, jv message)
{
    if (jq_halted(jq))
        put_answer(fd, PREDICATE_ERROR, STR("halt has no place in a check"));
    else if (jv_get_kind(message) == JV_KIND_STRING)
        put_answer(fd, PREDICATE_ERROR, (struct str){ jv_string_value(message), (size_t)jv_string_length_bytes(jv_copy(message)) });
    else
        answer_output(fd, PREDICATE_ERROR, jv_copy(message));
    jv_free(message);
}

static bool is_invalid(jv v) { return jv_get_kind(v) == JV_KIND_INVALID; }
static bool is_no(jv v) { return jv_get_kind(v) == JV_KIND_FALSE || jv_get_kind(v) == JV_KIND_NULL; }

static void evaluate(struct child *c, uint32_t index)
{
    jq_state *jq = c->jq;
    jv input = jv_object_set(jv_object_set(jv_object(), jv_string("i"), jv_number(index)), jv_string("document"),
                             jv_copy(c->kept.document)), last = jv_invalid(), out;
    size_t outputs = 0;
    jq_start(jq, input, 0);
    while (!is_invalid(out = jq_next(jq))) {
        jv_free(last);
        last = out;
        if (++outputs > MAX_OUTPUTS || is_no(last))
            break;
    }
    if (is_no(last)) {
        answer_output(c->fd, PREDICATE_FALSE, jv_copy(last));
    } else if (outputs > MAX_OUTPUTS) {
        put_answer(c->fd, PREDICATE_LIMIT, STR("it has more than 10000 outputs"));
    } else if (jq_halted(jq) || jv_invalid_has_msg(jv_copy(out))) {
        answer_error(c->fd, jq, jq_halted(jq) ? jv_null() : jv_invalid_get_msg(out));
    } else if (outputs == 0) {
        put_answer(c->fd, PREDICATE_FALSE, STR_NULL);
    } else {
        answer_output(c->fd, PREDICATE_TRUE, jv_copy(last));
    }
    jv_free(last);
}

static void answer_no_document(struct child *c)
{
    jv message = jv_invalid_get_msg(jv_copy(c->kept.document));
    answer_error(c->fd, c->jq, message);
}

/* ---- documents ---- */
struct reading {
    struct str  ops;
    struct kept now;
    jv          root, inner, key1, key2;           /* inner: the object of member key1, where that is one */
    jv          list, base;            /* an array on the way, and what its place held before */
    jv          wrong;                 /* invalid when something is no JSON */
    bool        any;                   /* a place was begun */
};

static uint32_t take_int(struct str *s, size_t bytes)
{
    uint32_t n = 0;
    memcpy(&n, s->p, bytes);
    *s = str_sub(*s, bytes, s->n);
    return n;
}

static struct str take_bytes(struct str *s, size_t n)
{
    struct str piece = str_sub(*s, 0, n);
    *s = str_sub(*s, n, s->n);
    return piece;
}

static bool is_array(jv v) { return jv_get_kind(v) == JV_KIND_ARRAY; }

/* What the place holds: kept, and put into the member, or the member's object. */
static void put_value(struct reading *r, jv v)
{
    struct kept *k = &r->now;
    if (k->n == k->cap) {
        k->cap = k->cap ? k->cap * 2 : 128;
        k->places = xrealloc(k->places, k->cap * sizeof *k->places);
    }
    k->places[k->n++] = jv_copy(v);
    if (jv_get_kind(r->key2) == JV_KIND_STRING)
        r->inner = jv_object_set(r->inner, jv_copy(r->key2), v);
    else
        r->root = jv_object_set(r->root, jv_copy(r->key1), v);
}

static void end_place(struct reading *r)
{
    if (is_array(r->list))
        put_value(r, r->list);
    r->list = jv_null();
    jv_free(r->base);
    r->base = jv_null();
}

static void end_member(struct reading *r)
{
    end_place(r);
    if (jv_get_kind(r->inner) == JV_KIND_OBJECT)
        r->root = jv_object_set(r->root, jv_copy(r->key1), r->inner);
    r->inner = jv_null();
}

static void begin_place(struct reading *r)
{
    struct str key = take_bytes(&r->ops, take_int(&r->ops, 2));
    jv key1 = jv_string_sized(key.p, (int)key.n);
    if (r->any && jv_equal(jv_copy(key1), jv_copy(r->key1)))
        end_place(r);
    else
        end_member(r);
    jv_free(r->key1);
    jv_free(r->key2);
    r->key1 = key1;
    uint32_t n = take_int(&r->ops, 2);
    key = take_bytes(&r->ops, n == NO_KEY ? 0 : n);
    r->key2 = n == NO_KEY ? jv_null() : jv_string_sized(key.p, (int)key.n);
    if (n != NO_KEY && jv_get_kind(r->inner) != JV_KIND_OBJECT)
        r->inner = jv_object();
    r->any = true;
}

/* What is no JSON is null, and makes the whole wrong: the other side goes on counting. */
static void add_text(struct reading *r, struct str text)
{
    jv v = jv_parse_sized(text.p, (int)text.n);
    if (is_invalid(v)) {
        jv_free(r->wrong);
        r->wrong = v;
        v = jv_null();
    }
    if (is_array(r->list))
        r->list = jv_array_append(r->list, v);
    else
        put_value(r, v);
}

static jv place_of(const struct kept *k, uint32_t n) { return n < k->n ? jv_copy(k->places[n]) : jv_null(); }

static void copy_elements(struct reading *r, uint32_t from, uint32_t n)
{
    int length = is_array(r->base) ? jv_array_length(jv_copy(r->base)) : 0;
    for (uint32_t i = from; i < from + n && (int)i < length; i++)
        r->list = jv_array_append(r->list, jv_array_get(jv_copy(r->base), (int)i));
}

static void read_op(struct reading *r, const struct kept *last)
{
    char op = *take_bytes(&r->ops, 1).p;
    if (op == 'P') {
        begin_place(r);
        return;
    }
    uint32_t n = take_int(&r->ops, 4);
    switch (op) {
    case 'S': put_value(r, place_of(last, n)); break;
    case 'A': r->list = jv_array(); r->base = place_of(last, n); break;
    case 'C': copy_elements(r, n, take_int(&r->ops, 4)); break;
    case 'V': add_text(r, take_bytes(&r->ops, n)); break;
    default:                           /* whole, and no object: there are no places */
        jv_free(r->root);
        r->root = jv_parse_sized(r->ops.p, (int)n);
        r->ops = STR_NULL;
    }
}

static void kept_free(struct kept *k)
{
    for (size_t i = 0; i < k->n; i++)
        jv_free(k->places[i]);
    free(k->places);
    jv_free(k->document);
}

static void read_document(struct child *c, struct str ops)
{
    struct reading r = { .ops = ops, .root = jv_object(), .inner = jv_null(), .key1 = jv_null(), .key2 = jv_null(),
                         .list = jv_null(), .base = jv_null(),
                         .wrong = jv_null() };
    while (r.ops.n)
        read_op(&r, &c->kept);
    end_member(&r);
    jv_free(r.key1);
    jv_free(r.key2);
    bool wrong = is_invalid(r.wrong);
    jv_free(wrong ? r.root : r.wrong);
    r.now.document = wrong ? r.wrong : r.root;
    kept_free(&c->kept);
    c->kept = r.now;
}

/* A question: how many expressions, which (4 bytes each); a length (8) and the ops of the document. The worker ends with the
 * parent. */
static bool serve(struct child *c)
{
    uint32_t n;
    uint64_t length;
    if (!frame_get(c->fd, &n, sizeof n))
        return false;
    uint32_t *which = xcalloc(n + 1, sizeof *which);
    bool ok = frame_get(c->fd, which, n * sizeof *which) && frame_get(c->fd, &length, sizeof length);
    char *ops = ok ? malloc(length + 1) : NULL;
    ok = ops && frame_get(c->fd, ops, length);
    limit_time(c->l);
    if (ok)
        read_document(c, (struct str){ ops, length });
    free(ops);
    for (uint32_t i = 0; i < n && ok; i++) {
        limit_time(c->l);
        if (is_invalid(c->kept.document))
            answer_no_document(c);
        else
            evaluate(c, which[i] < c->n ? which[i] : 0);
    }
    free(which);
    return ok;
}

static _Noreturn void worker(struct child *c)
{
    limit_me(c->l);
    while (serve(c))
        continue;
    _exit(0);
}

/* ---- compiling ---- */
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
            snprintf(w->text, sizeof w->text, STR_FMT STR_FMT, STR_ARG(str_sub(line, 0, (size_t)quoting)),
                     STR_ARG(str_sub(line, (size_t)quoting + 29, line.n)));
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

/* No file can be opened meanwhile: an expression imports nothing. NULL: w has the words. */
static jq_state *compile(const char *text, const struct predicate_limits *l, struct words *w)
{
    struct itimerval cpu = { .it_value = { .tv_sec = (time_t)l->cpu_s } }, none = { .it_value = { .tv_sec = 0 } };
    jq_state *jq = jq_init();
    if (!jq)
        return NULL;
    jq_set_error_cb(jq, note_error, w);
    set_soft(RLIMIT_NOFILE, 0);
    setitimer(ITIMER_PROF, &cpu, NULL);
    bool ok = jq_compile(jq, text);
    setitimer(ITIMER_PROF, &none, NULL);
    set_soft(RLIMIT_NOFILE, 64);
    if (ok)
        return jq;
    jq_teardown(&jq);
    return NULL;
}

/* Can it stand between brackets, as it can stand alone? Brackets outside of texts and comments are closed in order ("\(" within a
 * text opens one). */
static bool is_balanced(const char *p)
{
    char open[MAX_DEPTH];
    size_t n = 0;
    for (; *p; p++) {
        if (n && open[n - 1] == '"') {
            if (*p == '"')
                n--;
            else if (*p == '\\' && p[1] == '(' && n < MAX_DEPTH)
                open[n++] = *++p;
            else if (*p == '\\' && p[1])
                p++;
        } else if (*p == '#') {
            while (p[1] && p[1] != '\n')
                p++;
        } else if (strchr("([{\"", *p)) {
            if (n == MAX_DEPTH)
                return false;
            open[n++] = *p;
        } else if (strchr(")]}", *p)) {
            if (!n || open[n - 1] != (*p == ')' ? '(' : *p == ']' ? '[' : '{'))
                return false;
            n--;
        }
    }
    return n == 0;
}

const char *predicate_program(struct arena *a, const char *const *texts, size_t n)
{
    struct strbuf b;
    bool ok = true;
    strbuf_init(&b, LIMIT_BODY_BYTES);
    strbuf_addc(&b, ". as $__in | $__in.document as $document | " PRELUDE "\n");
    for (size_t i = 0; i < n && ok; i++) {
        ok = is_balanced(texts[i]);
        strbuf_addf(&b, "def __%zu: (%s\n);\n", i, texts[i]);
    }
    strbuf_addc(&b, "$document | if false then empty");
    for (size_t i = 0; i < n; i++)
        strbuf_addf(&b, " elif $__in.i == %zu then __%zu", i, i);
    strbuf_addc(&b, " else empty end");
    const char *program = ok && !b.overflow ? arena_cstr(a, strbuf_str(&b)) : NULL;
    strbuf_deinit(&b);
    return program;
}

/* ---- a program that is compiled before the child is made ---- */
static struct { char *program; jq_state *jq; } ready_made;

/* With the child's environment, not this process': $ENV is looked up when it is compiled. */
static bool compile_here(jq_state *jq, const char *program)
{
    static char zone[] = "TZ=UTC";
    char *childs[] = { zone, NULL }, **own = environ;
    environ = childs;
    bool ok = jq_compile(jq, program);
    environ = own;
    return ok;
}

void predicate_make_ready(const char *program)
{
    jq_state *jq = jq_init();
    if (!jq)
        return;
    if (compile_here(jq, program)) {
        free(ready_made.program);
        if (ready_made.jq)
            jq_teardown(&ready_made.jq);
        ready_made.program = xstrdup(program);
        ready_made.jq = jq;
    } else {
        jq_teardown(&jq);
    }
}

static jq_state *compile_all(const struct child *c, const char *const *texts)
{
    struct arena *a = arena_new();
    struct words ignored = { "" };
    const char *program = predicate_program(a, texts, c->n);
    bool ready = program && ready_made.program && strcmp(program, ready_made.program) == 0;
    jq_state *jq = ready ? ready_made.jq : program ? compile(program, c->l, &ignored) : NULL;
    arena_free(a);
    return jq;
}

/* Which of them is none, in jq's words. */
static void find_wrong(struct child *c, const char *const *texts, struct words *w)
{
    struct arena *a = arena_new();
    for (size_t i = 0; i < c->n; i++) {
        c->shared->compiling = i;
        jq_state *jq = compile(arena_printf(a, ". as $document | " PRELUDE "%s", texts[i]), c->l, w);
        if (!jq)
            break;
        jq_teardown(&jq);
    }
    arena_free(a);
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

/* ---- the child ---- */
static void tell_death(int fd, int status, const struct predicate_limits *l)
{
    char text[128];
    int s = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    if (s == SIGPROF)
        snprintf(text, sizeof text, "it did not end within %u s of CPU", l->cpu_s);
    else if (s == SIGALRM)
        snprintf(text, sizeof text, "it did not end within %u s", l->wall_s);
    else
        snprintf(text, sizeof text, "it took more than %zu MB of memory, or recurses without end", l->memory_bytes >> 20);
    put_answer(fd, PREDICATE_LIMIT | WORKER_ENDED, str_c(text));
}

_Noreturn void predicate_child(int fd, const char *const *texts, size_t n, const struct predicate_limits *l,
                               struct predicate_shared *shared)
{
    struct words w = { "" };
    struct child c = { .fd = isolate(fd), .n = n, .l = l, .shared = shared, .kept.document = jv_null() };
    c.jq = compile_all(&c, texts);
    if (!c.jq) {
        find_wrong(&c, texts, &w);
        put_answer(c.fd, PREDICATE_ERROR, w.text[0] ? str_c(w.text) : STR("jq does not understand it"));
        _exit(1);
    }
    put_answer(c.fd, PREDICATE_TRUE, STR_NULL);
    for (int status = -1; status != 0;) {
        pid_t pid = fork();
        if (pid == 0)
            worker(&c);
        while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
            continue;
        if (pid < 0)
            break;
        if (status != 0)
            tell_death(c.fd, status, c.l);
    }
    _exit(0);
}
