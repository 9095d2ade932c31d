/* sim/cmd/confine.c - the measures as a table, tried out and applied. See confine.h.
 *
 * A measure that the system refuses may leave a process half changed. So all are applied in a child that is thrown away; the
 * first that fails is taken out, and another child tries without it, until one arrives. What has been tried is exactly what is
 * done then.
 */
#include "sim/cmd/confine.h"

#ifdef __linux__
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

const char *const confine_names[MEASURE_COUNT] = { "namespaces", "user", "limits", "landlock", "ports", "scope", "seccomp" };

/* ---- another user ---- */
/* uid 0 that stays uid 0 has none of what makes it root. */
static bool drop_capabilities(void)
{
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct none[2] = { { 0 } };
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    for (unsigned long i = 0; i < 64; i++)
        prctl(PR_CAPBSET_DROP, i, 0, 0, 0);
    return syscall(SYS_capset, &head, none) == 0;
}

bool confine_has_capability(unsigned number)
{
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct have[2] = { { 0 } };
    return syscall(SYS_capget, &head, have) == 0 && (have[number / 32].effective & 1u << number % 32);
}

static bool can_become_another(void)
{
    return geteuid() == 0 && confine_has_capability(CAP_SETUID) && confine_has_capability(CAP_SETGID) &&
           confine_has_capability(CAP_CHOWN) &&
           confine_has_capability(CAP_KILL);
}

bool confine_become(uid_t uid)
{
    return setgroups(0, NULL) == 0 && setresgid(uid, uid, uid) == 0 && setresuid(uid, uid, uid) == 0;
}

uid_t sandbox_cluster_user(void)
{
    return can_become_another() && !confine_has_capability(CAP_SYS_PTRACE) ? confine_spare_user() : geteuid();
}

uid_t confine_spare_user(void)
{
    /* where distributions have nobody; by the process's number, so that graders beside each other differ */
    enum { FROM = 60100, COUNT = 4900 };
    return (uid_t)(FROM + getpid() % COUNT);
}

static bool other_user(const struct confinement *c, const char **why)
{
    char node[4200];
    struct stat st;
    *why = "only root can give it a user of its own";
    if (geteuid() != 0 && geteuid() != c->uid)
        return false;
    *why = "this root may not look at another user's processes, as driving them needs (CAP_SYS_PTRACE), and the cluster is root's, "
           "too";
    if (geteuid() == 0 && !confine_has_capability(CAP_SYS_PTRACE))
        return false;
    *why = "this root may not become another user (CAP_SETUID, CAP_SETGID, CAP_CHOWN, CAP_KILL)";
    if (geteuid() == 0 && (!can_become_another() || !confine_become(c->uid)))
        return false;
    *why = "its folders cannot be reached by another user";
    snprintf(node, sizeof node, "%s/node/etc", c->view);
    return access(c->box->home, R_OK | W_OK | X_OK) == 0 && access(c->view, W_OK | X_OK) == 0 &&
           (lstat(node, &st) == 0 || errno == ENOENT);
}

/* ---- limits ---- */
size_t confine_threads_of(uid_t uid)
{
    DIR *d = opendir("/proc");
    size_t n = 0;
    for (struct dirent *e; d && (e = readdir(d));) {
        char path[300];
        struct stat st;
        if (e->d_name[0] < '1' || e->d_name[0] > '9' || fstatat(dirfd(d), e->d_name, &st, 0) != 0 || st.st_uid != uid)
            continue;
        snprintf(path, sizeof path, "/proc/%s/task", e->d_name);
        n += stat(path, &st) == 0 && st.st_nlink > 2 ? (size_t)st.st_nlink - 2 : 1;
    }
    if (d)
        closedir(d);
    return n;
}

static bool limit(int what, uint64_t n)
{
    struct rlimit r;
    if (getrlimit((__rlimit_resource_t)what, &r) != 0)
        return false;
    r.rlim_max = n < r.rlim_max ? n : r.rlim_max;  /* what is less already stays so */
    r.rlim_cur = r.rlim_max;
    return setrlimit((__rlimit_resource_t)what, &r) == 0;
}

#ifdef __SANITIZE_ADDRESS__
#define SHADOW_MEMORY true             /* the lab's commands under the sanitizer: its shadow alone is terabytes */
#else
#define SHADOW_MEMORY false
#endif

static bool limits_enter(const struct confinement *c, const char **why)
{
    enum { FILES = 1024, SPARE_THREADS = 64 };     /* so that the watch sees who wants too many before they are refused */
    const struct sandbox_limits *l = c->limits;
    *why = "the system refuses limits";
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && limit(RLIMIT_CORE, 0) && limit(RLIMIT_CPU, l->cpu_s + 1) &&
           limit(RLIMIT_FSIZE, l->file_bytes) &&
           (SHADOW_MEMORY || limit(RLIMIT_DATA, l->memory_bytes)) && limit(RLIMIT_NOFILE, FILES) &&
           limit(RLIMIT_NPROC, c->threads_before + l->threads + SPARE_THREADS) &&
           limit(RLIMIT_MEMLOCK, 1 << 20) && limit(RLIMIT_MSGQUEUE, 0) && limit(RLIMIT_SIGPENDING, 1024);
}

/* The kernel counts no processes of uid 0. Where they have a namespace of their own all are ended at once; elsewhere a fork bomb
 * would be faster. */
static bool limits_and_rights(const struct confinement *c, const char **why)
{
    bool counted = geteuid() != 0 || c->on & 1u << MEASURE_NAMESPACES;
    if ((geteuid() == 0 && !drop_capabilities()) || !limits_enter(c, why))
        return false;
    *why = "the kernel does not count root's processes: have an ordinary user do this, or a root that may become one";
    return counted;
}

/* Ports and scope are parts of Landlock's set of rules; each needs a kernel of its day. */
static bool ports_enter(const struct confinement *c, const char **why)
{
    *why = "it needs Landlock of Linux 6.7";
    return c->on & 1u << MEASURE_LANDLOCK && landlock_version() >= 4;
}

static bool scope_enter(const struct confinement *c, const char **why)
{
    *why = "it needs Landlock of Linux 6.12";
    return c->on & 1u << MEASURE_LANDLOCK && landlock_version() >= 6;
}

static bool filter_enter(const struct confinement *c, const char **why)
{
    (void)c;
    return seccomp_enter(why);
}

/* In the order in which they are applied: what needs rights comes before they are given away. */
static const struct { enum sandbox_measure measure; bool (*enter)(const struct confinement *c, const char **why); } table[] = {
    { MEASURE_NAMESPACES, confine_namespaces }, { MEASURE_USER, other_user }, { MEASURE_LIMITS, limits_and_rights },
    { MEASURE_PORTS, ports_enter }, { MEASURE_SCOPE, scope_enter }, { MEASURE_LANDLOCK, landlock_enter },
    { MEASURE_SECCOMP, filter_enter },
};

/* ---- the first process of a process namespace ---- */
static pid_t script_pid;

static int exit_status(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

static _Noreturn void wait_for(pid_t pid)
{
    int status = 0;
    for (pid_t got; (got = waitpid(-1, &status, 0)) != pid;)
        if (got < 0 && errno != EINTR)
            _exit(127);
    _exit(exit_status(status));
}

/* A process that the script sees was forked from its grader, and would show the words of its command line: paths, a student, a
 * seed. */
static void forget_arguments(void)
{
    char words[65536];
    int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, words, sizeof words) : -1;
    if (n > 0 && memcmp(program_invocation_name, words, strlen(program_invocation_name) + 1) == 0)
        memset(program_invocation_name, 0, (size_t)n);
    close(fd);
}

/* Returns in the process that becomes the script; its parent collects orphans, and its parent's parent stays outside. */
static bool enter_processes(void)
{
    pid_t pid = fork();
    if (pid > 0)
        wait_for(pid);
    forget_arguments();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* where it may: there it sees itself alone */
    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, NULL);
    script_pid = pid == 0 ? fork() : -1;
    if (script_pid > 0)
        wait_for(script_pid);
    return script_pid == 0;
}

static enum sandbox_measure enter_all(const struct confinement *c, bool processes, const char **why)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        enum sandbox_measure m = table[i].measure;
        if (m == MEASURE_LIMITS && !(c->on & 1u << m))
            limits_and_rights(c, why);             /* as far as it goes */
        if (c->on & 1u << m && !table[i].enter(c, why))
            return m;
        *why = "no process could be made";
        if (m == MEASURE_NAMESPACES && processes && c->on & 1u << m && !enter_processes())
            return m;
    }
    return MEASURE_COUNT;
}

enum sandbox_measure confine_enter(const struct confinement *c, const char **why)
{
    return enter_all(c, true, why);
}

/* One child: MEASURE_COUNT, or the first that failed with why. A child that dies of a measure has failed the last. */
static enum sandbox_measure try_once(struct arena *a, const struct confinement *c, const char **why)
{
    int fds[2], status;
    char text[512];
    if (pipe(fds) != 0)
        return MEASURE_COUNT;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        const char *reason = "it cannot become the cluster's user";
        enum sandbox_measure m = c->cluster_is_anothers && !confine_become(c->uid) ? MEASURE_USER : enter_all(c, false, &reason);
        ssize_t n = write(fds[1], reason, m == MEASURE_COUNT ? 0 : strlen(reason));
        _exit(n < 0 ? MEASURE_COUNT : (int)m);
    }
    close(fds[1]);
    ssize_t n = read(fds[0], text, sizeof text);
    close(fds[0]);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    *why = n > 0 ? arena_cstr(a, (struct str){ text, (size_t)n }) : "it ends the process that tries it";
    return pid > 0 && WIFEXITED(status) ? (enum sandbox_measure)WEXITSTATUS(status) : MEASURE_SECCOMP;
}

void confine_try(struct arena *a, struct confinement *c)
{
    for (size_t i = 0; i < MEASURE_COUNT; i++) {
        const char *why;
        enum sandbox_measure m = try_once(a, c, &why);
        if (m >= MEASURE_COUNT)
            return;
        c->on &= ~(1u << m);
        c->why[m] = why;
    }
}
#else
const char *const confine_names[MEASURE_COUNT] = { "namespaces", "user", "limits", "landlock", "ports", "scope", "seccomp" };
size_t confine_threads_of(uid_t uid) { (void)uid; return 0; }
uid_t sandbox_cluster_user(void) { return geteuid(); }
uid_t confine_spare_user(void) { return geteuid(); }
bool confine_become(uid_t uid) { (void)uid; return false; }
void confine_try(struct arena *a, struct confinement *c) { (void)a; c->on = 0; }
enum sandbox_measure confine_enter(const struct confinement *c, const char **why) { (void)c; (void)why; return MEASURE_COUNT; }
#endif

/* ---- levels ---- */
static bool all_on(unsigned on, unsigned wanted) { return (on & wanted) == wanted; }

enum sandbox_level sandbox_level_of(unsigned on)
{
    const unsigned limits = 1u << MEASURE_LIMITS, files = 1u << MEASURE_LANDLOCK | 1u << MEASURE_SECCOMP, ports = 1u << MEASURE_PORTS;
    const unsigned alone = 1u << MEASURE_NAMESPACES | 1u << MEASURE_USER | 1u << MEASURE_SCOPE;
    if (!all_on(on, limits))
        return SANDBOX_NONE;
    if (!all_on(on, files))
        return SANDBOX_LIMITS;
    return all_on(on, ports) && on & alone ? SANDBOX_ISOLATED : SANDBOX_CONFINED;
}
