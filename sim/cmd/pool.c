/* sim/cmd/pool.c - jobs side by side, each in a process of its own. */
#include "sim/cmd/cmd.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_AT_ONCE = 64 };

static volatile sig_atomic_t stopped;
static void on_stop(int signo) { stopped = signo; }

static pid_t begin_job(size_t i, int (*job)(void *ctx, size_t i), void *ctx)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    int status = job(ctx, i);
    fflush(NULL);
    _exit(status);
}

static size_t find_pid(const pid_t *pids, size_t n, pid_t pid)
{
    for (size_t i = 0; i < n; i++)
        if (pids[i] == pid)
            return i;
    return n;
}

/* How far it is, on a terminal; gone before anybody else writes. */
static void show_progress(const char *word, size_t ended, size_t n)
{
    if (isatty(2))
        fprintf(stderr, "\r%zu of %zu %s", ended, n, word);
}

static void hide_progress(void)
{
    if (isatty(2))
        fputs("\r\033[K", stderr);
}

/* Wait for one; false: there is none. An interrupt is handed on to all that run. */
static bool end_job(pid_t *pids, size_t begun, void (*done)(void *ctx, size_t i, int status), void *ctx)
{
    int code = 0;
    pid_t pid = waitpid(-1, &code, 0);
    for (size_t i = 0; pid < 0 && errno == EINTR && i < begun; i++)
        if (pids[i] > 0)
            kill(pids[i], SIGTERM);
    if (pid < 0)
        return errno == EINTR;
    size_t i = find_pid(pids, begun, pid);
    if (i == begun)
        return true;                   /* somebody else's child */
    pids[i] = 0;
    hide_progress();
    done(ctx, i, WIFEXITED(code) ? WEXITSTATUS(code) : 128 + WTERMSIG(code));
    return true;
}

/* Those that this process may use. */
static size_t cores(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return n < 1 ? 1 : n > MAX_AT_ONCE ? MAX_AT_ONCE : (size_t)n;
}

bool pool_run(size_t n, const char *word, int (*job)(void *ctx, size_t i), void (*done)(void *ctx, size_t i, int status), void *ctx)
{
    size_t most = cores(), begun = 0, running = 0;
    pid_t *pids = xcalloc(n + 1, sizeof *pids);
    struct sigaction sa = { .sa_handler = on_stop }, old[2];
    stopped = 0;
    sigaction(SIGINT, &sa, &old[0]);
    sigaction(SIGTERM, &sa, &old[1]);
    while ((begun < n && !stopped) || running) {
        if (begun < n && !stopped && running < most) {
            pids[begun] = begin_job(begun, job, ctx);
            running += pids[begun] > 0;
            if (pids[begun] < 0)
                done(ctx, begun, 128);
            begun++;
            continue;
        }
        if (!end_job(pids, begun, done, ctx))
            break;
        running = 0;
        for (size_t i = 0; i < begun; i++)
            running += pids[i] > 0;
        show_progress(word, begun - running, n);
    }
    hide_progress();
    sigaction(SIGINT, &old[0], NULL);
    sigaction(SIGTERM, &old[1], NULL);
    free(pids);
    return begun == n && !stopped;
}
