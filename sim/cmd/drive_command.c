/* sim/cmd/drive_command.c - a driven command, from its own side: it is run, its budget watched over, and what it leaves behind
 * is ended.
 *
 * The command is this process's child with our streams as they are. Orphans of it come to us (PR_SET_CHILD_SUBREAPER), so that
 * everything it starts stays in sight of the cluster (drive.c), which looks below this process. The connection to the cluster
 * is what says that a command is driven: it ends with us.
 */
#include "sim/cmd/drive.h"

#include "sim/cmd/quiescence.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define BUDGET_DEFAULT "1h"

/* ---- signals become bytes in a pipe ---- */
static int signal_pipe[2] = { -1, -1 };

static void on_signal(int sig)
{
    int before = errno;
    unsigned char byte = (unsigned char)sig;
    if (write(signal_pipe[1], &byte, 1) < 0)
        errno = before;                            /* full: there is one to be read */
    errno = before;
}

static bool signals_begin(const int *signals, size_t n)
{
    struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
    sigemptyset(&sa.sa_mask);
    if (pipe2(signal_pipe, O_CLOEXEC | O_NONBLOCK) != 0)
        return false;
    for (size_t i = 0; i < n; i++)
        sigaction(signals[i], &sa, NULL);
    return true;
}

/* In a child, before it becomes another program. */
static void signals_end(const int *signals, size_t n)
{
    for (size_t i = 0; i < n; i++)
        signal(signals[i], SIG_DFL);
}

static int status_of(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static _Noreturn void become(char **argv, const char *who)
{
    execvp(argv[0], argv);
    int why = errno;
    fprintf(stderr, "%s: %s: %s\n", who, argv[0], why == ENOENT ? "command not found" : strerror(why));
    _exit(why == ENOENT ? 127 : 126);
}

/* ---- the command ---- */
static const int drive_signals[] = { SIGCHLD, SIGTERM, SIGHUP };

struct driven { pid_t pid; int cluster; bool ended; struct drive_outcome *out; };

/* Collect whoever has ended: the command, and orphans that came to us. */
static void collect(struct driven *v)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        if (pid == v->pid) {
            v->ended = true;
            v->out->status = status_of(status);
        }
}

static void take_signals(struct driven *v)
{
    unsigned char sig;
    while (read(signal_pipe[0], &sig, 1) == 1)
        if (sig != SIGCHLD && !v->ended) {
            v->ended = true;
            v->out->status = 128 + sig;
        }
    if (!v->ended)
        collect(v);
}

/* What the cluster says unasked is that the budget is used up. Its end without a word is the cluster's: the command is left
 * to find out. */
static void take_word(struct driven *v)
{
    ssize_t n = recv(v->cluster, v->out->used_up, sizeof v->out->used_up - 1, 0);
    if (n > 0) {
        v->ended = true;
        v->out->status = EXIT_FAILED;
        return;
    }
    v->out->lost = true;
    close(v->cluster);
    v->cluster = -1;
}

static void wait_for_end(struct driven *v)
{
    while (!v->ended) {
        struct pollfd p[2] = { { .fd = signal_pipe[0], .events = POLLIN }, { .fd = v->cluster, .events = POLLIN } };
        if (poll(p, 2, -1) < 0)
            continue;
        if (p[0].revents)
            take_signals(v);
        if (!v->ended && p[1].revents)
            take_word(v);
    }
}

/* The clock goes on as before once the cluster has closed, too: who comes next finds it so. */
static void let_go(struct driven *v)
{
    char rest[256];
    if (v->cluster < 0)
        return;
    shutdown(v->cluster, SHUT_WR);
    while (recv(v->cluster, rest, sizeof rest, 0) > 0)
        continue;
    close(v->cluster);
}

bool drive_run(struct arena *a, const struct options *o, const struct drive_job *job, struct drive_outcome *out, struct err *err)
{
    struct driven v = { .cluster = -1, .out = out };
    struct str budget = percent_encode(a, str_c(job->budget ? job->budget : BUDGET_DEFAULT));
    struct str space = percent_encode(a, str_c(quiescence_pid_space(a)));
    const char *path = arena_printf(a, "/drive?pid=%d&budget=" STR_FMT "&space=" STR_FMT, (int)getpid(),
                                    STR_ARG(budget), STR_ARG(space));
    *out = (struct drive_outcome){ 0 };
    if (!quiescence_supported(err))
        return false;
    v.cluster = control_send(a, o, "POST", path, STR_NULL, err);
    if (v.cluster < 0 || !control_begun(a, v.cluster, err))
        return false;
    quiescence_adopt_orphans();
    if (!signals_begin(drive_signals, ARRAY_LEN(drive_signals)))
        return err_set(err, ERR_IO, "pipe: %s", strerror(errno));
    fflush(NULL);
    v.pid = fork();
    if (v.pid == 0) {
        signals_end(drive_signals, ARRAY_LEN(drive_signals));
        job->enter(job->ctx);
        become(job->argv, "kubelab");
    }
    signal(SIGINT, SIG_IGN);                       /* ^C is the command's to heed */
    signal(SIGQUIT, SIG_IGN);
    if (v.pid > 0)
        wait_for_end(&v);
    else
        err_set(err, ERR_IO, "fork: %s", strerror(errno));
    quiescence_end_all(getpid());
    let_go(&v);
    return v.pid > 0;
}

int drive_command(struct arena *a, const struct options *o, const struct drive_job *job)
{
    struct err err = { 0 };
    struct drive_outcome out;
    if (!drive_run(a, o, job, &out, &err))
        return control_fail(&err);
    if (out.used_up[0])
        fprintf(stderr, "kubelab: %s; --budget gives it another one\n", out.used_up);
    return out.status;
}

/* ---- sleep ---- */
bool drive_seconds_parse(struct str word, int64_t *ns)
{
    static const struct { char unit; double seconds; } units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
    double seconds = 1, limit = (double)INT64_MAX / 2 / (double)NS_PER_S, n = 0;
    char text[64], *end = text;
    if (word.n == 0 || word.n >= sizeof text)
        return false;
    memcpy(text, word.p, word.n);
    text[word.n] = 0;
    n = strtod(text, &end);
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (*end == units[i].unit && !end[1]) {
            seconds = units[i].seconds;
            end++;
        }
    if (end == text || *end || !(n >= 0))
        return false;
    n *= seconds;
    *ns = n < limit ? (int64_t)(n * (double)NS_PER_S) : (int64_t)(INT64_MAX / 2);
    return true;
}

static int clock_sleep(struct arena *a, const char *who, int64_t ns)
{
    struct options o = { 0 };
    struct err err = { 0 };
    struct control_reply reply;
    if (control_call(a, &o, "POST", "/clock/sleep", arena_strf(a, "%" PRId64 "ns", ns), NULL, NULL, &reply, &err))
        return 0;
    fprintf(stderr, "%s: %s\n", who, err.msg);
    return 1;
}

int drive_sleep(struct arena *a, int argc, char **argv)
{
    int64_t sum = 0, one;
    if (argc < 2) {
        fprintf(stderr, "sleep: missing operand\nTry 'sleep --help' for more information.\n");
        return 1;
    }
    for (int i = 1; i < argc; i++) {
        if (!drive_seconds_parse(str_c(argv[i]), &one)) {
            fprintf(stderr, "sleep: invalid time interval '%s'\nTry 'sleep --help' for more information.\n", argv[i]);
            return 1;
        }
        sum = one < INT64_MAX / 2 - sum ? sum + one : INT64_MAX / 2;
    }
    return clock_sleep(a, "sleep", sum);
}

/* ---- watch ---- */
struct watch_flags { int64_t interval_ns; bool no_title, until_change, direct; int first; };

static bool watch_parse(struct watch_flags *f, int argc, char **argv)
{
    *f = (struct watch_flags){ .interval_ns = 2 * (int64_t)NS_PER_S };
    int i = 1;
    for (; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
        const char *w = argv[i], *value = NULL;
        if (strcmp(w, "-t") == 0 || strcmp(w, "--no-title") == 0)
            f->no_title = true;
        else if (strcmp(w, "-g") == 0 || strcmp(w, "--chgexit") == 0)
            f->until_change = true;
        else if (strcmp(w, "-x") == 0 || strcmp(w, "--exec") == 0)
            f->direct = true;
        else if (strcmp(w, "-n") == 0 || strcmp(w, "--interval") == 0)
            value = i + 1 < argc ? argv[++i] : "";
        else if (strncmp(w, "--interval=", 11) == 0 || strncmp(w, "-n", 2) == 0)
            value = w + (w[1] == '-' ? 11 : 2);
        else if (strcmp(w, "-d") != 0 && strncmp(w, "--differences", 13) != 0 && strcmp(w, "-c") != 0 && strcmp(w, "--color") != 0) {
            fprintf(stderr, "watch: invalid option -- '%s'\n", w + strspn(w, "-"));
            return false;
        }
        if (value && !drive_seconds_parse(str_c(value), &f->interval_ns)) {
            fprintf(stderr, "watch: failed to parse argument: '%s'\n", value);
            return false;
        }
    }
    f->first = i;
    if (f->interval_ns < (int64_t)NS_PER_S / 10)
        f->interval_ns = (int64_t)NS_PER_S / 10;
    if (i >= argc)
        fprintf(stderr, "Usage: watch [options] command\n");
    return i < argc;
}

/* One round: the command's output goes into out. */
static void watch_round(const struct watch_flags *f, char **argv, const char *line, struct strbuf *out)
{
    int fds[2];
    char chunk[8192];
    if (pipe2(fds, O_CLOEXEC) != 0)
        return;
    pid_t pid = fork();
    if (pid == 0) {
        dup2(fds[1], 1);
        dup2(fds[1], 2);
        char *shell[] = { "sh", "-c", (char *)(uintptr_t)line, NULL };
        become(f->direct ? argv + f->first : shell, "watch");
    }
    close(fds[1]);
    for (ssize_t n; (n = read(fds[0], chunk, sizeof chunk)) > 0 || (n < 0 && errno == EINTR);)
        if (n > 0)
            strbuf_add(out, (struct str){ chunk, (size_t)n });
    close(fds[0]);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
}

int drive_watch(struct arena *a, int argc, char **argv)
{
    struct watch_flags f;
    if (!watch_parse(&f, argc, argv))
        return 1;
    const char *line = argv[f.first];
    for (int i = f.first + 1; i < argc; i++)
        line = arena_printf(a, "%s %s", line, argv[i]);
    struct strbuf out, before;
    strbuf_init(&out, LIMIT_RESPONSE_BYTES);
    strbuf_init(&before, LIMIT_RESPONSE_BYTES);
    int status = 0;
    for (bool first = true; !status; first = false) {
        strbuf_reset(&out);
        watch_round(&f, argv, line, &out);
        if (isatty(1))
            fputs("\033[H\033[2J", stdout);
        if (!f.no_title)
            printf("Every %.1fs: %s\n\n", (double)f.interval_ns / (double)NS_PER_S, line);
        fwrite(out.p ? out.p : "", 1, out.n, stdout);
        fflush(stdout);
        if (f.until_change && !first && !str_eq(strbuf_str(&out), strbuf_str(&before)))
            break;
        strbuf_reset(&before);
        strbuf_add(&before, strbuf_str(&out));
        status = clock_sleep(a, "watch", f.interval_ns);
    }
    strbuf_deinit(&out);
    strbuf_deinit(&before);
    return status;
}

/* ---- timeout ---- */
struct timeout_flags { int64_t ns, kill_ns; int signal, first; bool preserve, foreground; };
enum { TIMEOUT_TIMED_OUT = 124, TIMEOUT_FAILED = 125 };

static int signal_parse(const char *word)
{
    static const struct { const char *name; int number; } names[] = {
        { "HUP", SIGHUP }, { "INT", SIGINT }, { "QUIT", SIGQUIT }, { "KILL", SIGKILL },
        { "TERM", SIGTERM }, { "USR1", SIGUSR1 }, { "USR2", SIGUSR2 }, { "STOP", SIGSTOP },
    };
    int64_t number;
    if (str_int(str_c(word), &number))
        return number > 0 && number < 65 ? (int)number : 0;
    word += strncmp(word, "SIG", 3) == 0 ? 3 : 0;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(word, names[i].name) == 0)
            return names[i].number;
    return 0;
}

static bool timeout_parse(struct timeout_flags *f, int argc, char **argv)
{
    *f = (struct timeout_flags){ .signal = SIGTERM };
    int i = 1;
    for (; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
        const char *w = argv[i], *value = w;
        bool kill_after = strncmp(w, "-k", 2) == 0 || strncmp(w, "--kill-after", 12) == 0;
        bool sig = strncmp(w, "-s", 2) == 0 || strncmp(w, "--signal", 8) == 0;
        if (kill_after || sig) {
            value = strchr(w, '=') ? strchr(w, '=') + 1 : w[1] != '-' && w[2] ? w + 2 : i + 1 < argc ? argv[++i] : "";
            f->signal = sig ? signal_parse(value) : f->signal;
            if (f->signal == 0 || (kill_after && !drive_seconds_parse(str_c(value), &f->kill_ns))) {
                fprintf(stderr, sig ? "timeout: '%s': invalid signal\n" : "timeout: invalid time interval '%s'\n", value);
                return false;
            }
        } else if (strcmp(w, "--preserve-status") == 0) {
            f->preserve = true;
        } else if (strcmp(w, "--foreground") == 0) {
            f->foreground = true;
        } else if (strcmp(w, "-v") != 0 && strcmp(w, "--verbose") != 0) {
            fprintf(stderr, "timeout: unrecognized option '%s'\nTry 'timeout --help' for more information.\n", w);
            return false;
        }
    }
    f->first = i + 1;
    if (i + 1 >= argc)
        fprintf(stderr, "timeout: missing operand\nTry 'timeout --help' for more information.\n");
    else if (!drive_seconds_parse(str_c(argv[i]), &f->ns))
        fprintf(stderr, "timeout: invalid time interval '%s'\nTry 'timeout --help' for more information.\n", argv[i]);
    else
        return true;
    return false;
}

/* Wait for the child or for ns of virtual time (0: for ever). True: the child ended, *status is how. */
static bool wait_child(struct arena *a, pid_t pid, int64_t ns, int *status)
{
    struct options o = { 0 };
    struct err err = { 0 };
    unsigned char sig;
    int fd = ns ? control_send(a, &o, "POST", "/clock/sleep", arena_strf(a, "%" PRId64 "ns", ns), &err) : -1, code;
    bool ended;
    while (!(ended = waitpid(pid, &code, WNOHANG) == pid)) {
        struct pollfd p[2] = { { .fd = signal_pipe[0], .events = POLLIN }, { .fd = fd, .events = POLLIN } };
        if (poll(p, 2, -1) > 0 && p[1].revents)
            break;
        while (read(signal_pipe[0], &sig, 1) == 1)
            if (sig != SIGCHLD)
                kill(pid, sig);
    }
    if (ended)
        *status = status_of(code);
    if (fd >= 0)
        close(fd);
    return ended;
}

static void signal_all(const struct timeout_flags *f, pid_t pid, int sig)
{
    kill(pid, sig);
    if (f->foreground)
        return;
    signal(sig, SIG_IGN);
    kill(0, sig);
    if (sig != SIGKILL)
        kill(0, SIGCONT);
}

/* coreutils' timeout, of virtual time. */
int drive_timeout(struct arena *a, int argc, char **argv)
{
    static const int signals[] = { SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT };
    struct timeout_flags f;
    int status = 0;
    if (!timeout_parse(&f, argc, argv) || !signals_begin(signals, ARRAY_LEN(signals)))
        return TIMEOUT_FAILED;
    if (!f.foreground)
        setpgid(0, 0);
    pid_t pid = fork();
    if (pid == 0) {
        signals_end(signals, ARRAY_LEN(signals));
        become(argv + f.first, "timeout");
    }
    if (wait_child(a, pid, f.ns, &status))
        return status;
    signal_all(&f, pid, f.signal);
    if (!wait_child(a, pid, f.kill_ns, &status)) {
        signal_all(&f, pid, SIGKILL);
        waitpid(pid, NULL, 0);
        return 128 + SIGKILL;
    }
    return f.preserve ? status : TIMEOUT_TIMED_OUT;
}

/* ---- a client's own time-out ---- */
int64_t drive_patience_of(int argc, char **argv)
{
    static const char *const flags[] = { "--timeout", "--request-timeout" };
    int64_t shortest = 0, ns;
    bool own = false, waits = false;
    const char *verb = NULL;
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (!verb && argv[i][0] != '-' && (i == 1 || argv[i - 1][0] != '-' || strchr(argv[i - 1], '='))) {
            verb = argv[i];
            waits = strcmp(verb, "wait") == 0;
        }
        for (size_t k = 0; k < ARRAY_LEN(flags); k++) {
            size_t n = strlen(flags[k]);
            if (strncmp(argv[i], flags[k], n) != 0 || (argv[i][n] && argv[i][n] != '='))
                continue;
            const char *value = argv[i][n] ? argv[i] + n + 1 : i + 1 < argc ? argv[i + 1] : "";
            own = own || k == 0;
            if ((duration_parse_go(str_c(value), &ns) || drive_seconds_parse(str_c(value), &ns)) && ns > 0)
                shortest = shortest && shortest < ns ? shortest : ns;
        }
    }
    int64_t usual = 30 * (int64_t)NS_PER_S;        /* kubectl/pkg/cmd/wait/wait.go, NewWaitFlags */
    return waits && !own && (!shortest || shortest > usual) ? usual : shortest;
}

void drive_patience(struct arena *a, int argc, char **argv)
{
    struct options o = { 0 };
    struct err err = { 0 };
    int64_t ns = getenv("KUBELAB_DRIVEN") ? drive_patience_of(argc, argv) : 0;
    int fd = ns ? control_send(a, &o, "POST", "/clock/patience", arena_strf(a, "%" PRId64 "ns", ns), &err) : -1;
    if (fd >= 0 && control_begun(a, fd, &err))
        fcntl(fd, F_SETFD, 0);                     /* kubectl inherits it, and lets go of it when it ends */
    err_clear(&err);
}
