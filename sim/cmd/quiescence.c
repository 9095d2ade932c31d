/* sim/cmd/quiescence.c - see quiescence.h. Costs a millisecond with some hundred processes on the machine; a look at a busy
 * tree ends at the first thread that runs. */
#include "sim/cmd/quiescence.h"

#include <stdlib.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif

enum { NET_FILE_MAX = 8 << 20 };
enum { TCP_SYN_SENT = 2, TCP_LISTEN = 10 };

/* ---- what the kernel writes, as values ---- */
bool proc_stat_parse(struct str line, struct proc_stat *out)
{
    ptrdiff_t close = -1;
    int64_t pid, parent;
    for (size_t i = 0; i < line.n; i++)            /* a command's name may hold anything: its end is the last parenthesis */
        close = line.p[i] == ')' ? (ptrdiff_t)i : close;
    struct str head, rest = close < 0 ? STR_NULL : str_sub(line, (size_t)close + 1, line.n), name, state, word;
    str_cut(line, ' ', &head, &name);
    rest = str_trim(rest);
    str_cut(rest, ' ', &state, &rest);
    str_cut(rest, ' ', &word, &rest);
    if (state.n != 1 || !str_int(head, &pid) || !str_int(word, &parent))
        return false;
    *out = (struct proc_stat){ .pid = (int)pid, .parent = (int)parent, .state = state.p[0] };
    /* utime, stime, cutime, cstime are the 14th to 17th, threads the 20th */
    for (int field = 5; field <= 20 && rest.n; field++) {
        int64_t n = 0;
        str_cut(rest, ' ', &word, &rest);
        if (!str_int(word, &n) || n < 0)
            continue;
        out->ticks += field >= 14 && field <= 17 ? (uint64_t)n : 0;
        out->threads = field == 20 ? (uint64_t)n : 0;
    }
    return true;
}

bool proc_status_parse(struct str text, char *state, uint64_t *switches)
{
    int found = 0;
    *switches = 0;
    while (text.p && text.n) {
        struct str line = str_token(&text, '\n'), name, value;
        int64_t n;
        str_cut(line, ':', &name, &value);
        value = str_trim(value);
        if (str_eqc(name, "State") && value.n) {
            *state = value.p[0];
            found++;
        } else if (str_ends(name, "voluntary_ctxt_switches") && str_int(value, &n)) {
            *switches += (uint64_t)n;
            found++;
        }
    }
    return found == 3;
}

static uint64_t number(struct str s, unsigned base)
{
    uint64_t v = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i] >= 'a' && s.p[i] <= 'f' ? (char)(s.p[i] - 'a' + 'A') : s.p[i];
        unsigned digit = c >= '0' && c <= '9' ? (unsigned)(c - '0') : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A' + 10) : base;
        if (digit >= base)
            break;
        v = v * base + digit;
    }
    return v;
}

/* The calls that wait for sockets with a time-out in ms, and which argument that is. Those that point to theirs (ppoll,
 * select, futex) are not read. */
static const struct { int64_t number; unsigned argument; } polls[] = {
#ifdef SYS_epoll_wait
    { SYS_epoll_wait, 3 },
#endif
#ifdef SYS_epoll_pwait
    { SYS_epoll_pwait, 3 },
#endif
#ifdef SYS_poll
    { SYS_poll, 2 },
#endif
    { -1, 0 },
};

bool proc_poll_timeout_parse(struct str text, int64_t *ms)
{
    struct str call, rest, word = STR_NULL;
    int64_t n;
    *ms = -1;
    str_cut(str_trim(text), ' ', &call, &rest);
    if (!str_int(call, &n))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(polls); i++)
        if (polls[i].number == n && n >= 0) {
            for (unsigned k = 0; k <= polls[i].argument; k++)
                word = str_token(&rest, ' ');
            *ms = (int32_t)(uint32_t)number(str_sub(word, 2, word.n), 16);
        }
    return true;
}

/* "  0: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 12345 1 ..." */
bool tcp_row_parse(struct str line, struct tcp_row *out)
{
    enum { SLOT, LOCAL, REMOTE, STATE, QUEUES, TIMER, RETRANSMITS, UID, TIMEOUT, INODE, FIELDS };
    struct str f[FIELDS], tx, rx;
    size_t n = 0;
    while (line.p && n < FIELDS) {
        struct str word = str_trim(str_token(&line, ' '));
        if (word.n)
            f[n++] = word;
    }
    if (n < FIELDS || !str_ends(f[SLOT], ":"))
        return false;
    str_cut(f[QUEUES], ':', &tx, &rx);
    *out = (struct tcp_row){ .local = f[LOCAL], .remote = f[REMOTE], .state = (unsigned)number(f[STATE], 16),
                            .tx = number(tx, 16), .rx = number(rx, 16), .inode = number(f[INODE], 10) };
    return true;
}

static int by_inode(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static bool is_ours(uint64_t inode, const uint64_t *ours, size_t n)
{
    return inode && n && bsearch(&inode, ours, n, sizeof *ours, by_inode);
}

/* Sent and not acknowledged counts only while the other end has nothing unread: who does not read is not waited for. (An
 * acknowledgement may be delayed by 40 ms, and the answer is "yes" so long.) */
bool tcp_rows_in_flight(const struct tcp_row *rows, size_t n, const uint64_t *ours, size_t ours_n)
{
    for (size_t i = 0; i < n; i++) {
        const struct tcp_row *r = &rows[i], *other = NULL;
        if (r->state == TCP_LISTEN || (r->tx == 0 && r->state != TCP_SYN_SENT))
            continue;
        for (size_t k = 0; k < n && !other; k++)
            if (str_eq(rows[k].local, r->remote) && (str_eq(rows[k].remote, r->local) || rows[k].state == TCP_LISTEN))
                other = &rows[k];
        bool untaken = r->state == TCP_SYN_SENT || (other && (other->state == TCP_LISTEN || other->rx == 0));
        if (other && untaken && (is_ours(r->inode, ours, ours_n) || is_ours(other->inode, ours, ours_n)))
            return true;
    }
    return false;
}

static int by_pid(const void *a, const void *b)
{
    return ((const struct proc_stat *)a)->pid - ((const struct proc_stat *)b)->pid;
}

void proc_mark_tree(const struct proc_stat *all, size_t n, int root, bool *marks)
{
    memset(marks, 0, n * sizeof *marks);
    for (bool more = true; more;) {                /* a parent may have the greater number: again until nothing is new */
        more = false;
        for (size_t i = 0; i < n; i++) {
            struct proc_stat key = { .pid = all[i].parent };
            const struct proc_stat *parent = marks[i] ? NULL : bsearch(&key, all, n, sizeof *all, by_pid);
            if (!marks[i] && (all[i].parent == root || (parent && marks[parent - all])))
                more = marks[i] = true;
        }
    }
}

bool look_same(const struct look *a, const struct look *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (a->v[i].tid != b->v[i].tid || a->v[i].switches != b->v[i].switches)
            return false;
    return true;
}

static uint64_t digest(const struct look *l, bool only_naps)
{
    uint64_t h = 0;
    for (size_t i = 0; i < l->n; i++)
        if (l->v[i].naps || !only_naps)
            h = (h ^ ((uint64_t)l->v[i].tid << 32 ^ l->v[i].switches)) * 0x100000001b3u + 1;
    return h;
}

uint64_t look_naps(const struct look *l) { return digest(l, true); }
uint64_t look_digest(const struct look *l) { return digest(l, false); }

void look_deinit(struct look *l)
{
    free(l->v);
    *l = (struct look){ 0 };
}

/* ---- Linux ---- */
#ifdef __linux__
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

static struct str read_proc(const char *path, char *buf, size_t max)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t n = 0;
    for (ssize_t got; fd >= 0 && n < max && (got = read(fd, buf + n, max - n)) > 0;)
        n += (size_t)got;
    if (fd >= 0)
        close(fd);
    return (struct str){ buf, n };
}

bool quiescence_supported(struct err *err)
{
    char buf[4096];
    struct proc_stat st;
    if (!proc_stat_parse(read_proc("/proc/self/stat", buf, sizeof buf), &st))
        return err_set(err, ERR_IO, "--drive looks at its command's processes in /proc, which is not there: "
                                    "mount it (mount -t proc proc /proc)");
    if (st.pid != (int)getpid())
        return err_set(err, ERR_IO, "--drive looks at its command's processes in /proc, which is of another PID namespace: "
                                    "mount this one's (mount -t proc proc /proc)");
    return true;
}

struct table { struct proc_stat *v; size_t n, cap; };

static void table_add(struct table *t, int pid)
{
    char path[100], buf[4096];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    if (t->n == t->cap) {
        t->cap = t->cap ? 2 * t->cap : 256;
        t->v = xrealloc(t->v, t->cap * sizeof *t->v);
    }
    t->n += proc_stat_parse(read_proc(path, buf, sizeof buf), &t->v[t->n]);
}

static void table_sort(struct table *t)
{
    if (t->n)
        qsort(t->v, t->n, sizeof *t->v, by_pid);
}

/* Every process there is. */
static void table_read(struct table *t)
{
    DIR *d = opendir("/proc");
    t->n = 0;
    for (struct dirent *e; d && (e = readdir(d));)
        if (e->d_name[0] >= '1' && e->d_name[0] <= '9')
            table_add(t, atoi(e->d_name));
    if (d)
        closedir(d);
    table_sort(t);
}

/* ---- a tree that is known already ----
 * The kernel numbers processes and threads in turn, and says which number was the last. So who has come to a tree since it was
 * seen has a number after the last of then: on a machine with many processes it is much cheaper to try those than to read all. */
static struct { pid_t root; int *v; size_t n, cap; int last; } known;

static int last_number(void)
{
    char buf[256];
    struct str text = str_trim(read_proc("/proc/loadavg", buf, sizeof buf)), word = STR_NULL;
    int64_t n = 0;
    while (text.p && text.n)
        word = str_token(&text, ' ');
    return str_int(word, &n) && n > 0 && n < INT32_MAX ? (int)n : 0;
}

static void *nothing(void *arg) { return arg; }

/* Some containers are shown another machine's figures there: then the file is of another file system, or a thread's birth does
 * not show. */
static bool numbers_tell(void)
{
    static enum { UNKNOWN, YES, NO } tell;
    struct stat loadavg, stat_file;
    pthread_t t;
    if (tell != UNKNOWN)
        return tell == YES;
    int before = last_number();
    bool made = pthread_create(&t, NULL, nothing, NULL) == 0 && pthread_join(t, NULL) == 0;
    bool same = stat("/proc/loadavg", &loadavg) == 0 && stat("/proc/self/stat", &stat_file) == 0 && loadavg.st_dev == stat_file.st_dev;
    tell = made && same && before > 0 && last_number() > before ? YES : NO;
    return tell == YES;
}

/* A thread's number answers, too: is it a process's? */
static bool is_process(int pid)
{
    char path[100], buf[8192];
    int64_t n;
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    struct str text = read_proc(path, buf, sizeof buf), name, value;
    while (text.p && text.n) {
        str_cut(str_token(&text, '\n'), ':', &name, &value);
        if (str_eqc(name, "Tgid"))
            return str_int(str_trim(value), &n) && n == pid;
    }
    return false;
}

/* Those who may live below root, and perhaps others. */
static void table_read_near(struct table *t, pid_t root)
{
    enum { TRY_MAX = 256 };
    int last = numbers_tell() ? last_number() : 0;
    if (last == 0 || known.root != root || last < known.last || last - known.last > TRY_MAX) {
        table_read(t);
    } else {
        for (size_t i = 0; i < known.n; i++)
            table_add(t, known.v[i]);
        for (int pid = known.last + 1; pid <= last; pid++)
            if (is_process(pid))
                table_add(t, pid);
        table_sort(t);
    }
    known.root = root;
    known.last = last;                             /* as it was before: who came while it was read is tried the next time */
}

static void know_tree(const struct table *t, const bool *marks)
{
    known.n = 0;
    for (size_t i = 0; i < t->n; i++) {
        if (!marks[i])
            continue;
        if (known.n == known.cap) {
            known.cap = known.cap ? 2 * known.cap : 64;
            known.v = xrealloc(known.v, known.cap * sizeof *known.v);
        }
        known.v[known.n++] = t->v[i].pid;
    }
}

/* The kernel's function that a thread waits in, "0" for one that has the CPU or waits for it. The state alone is no proof:
 * who is about to sleep is "S" already (set_current_state before schedule), and may be preempted there for milliseconds,
 * about to find that it need not. Kernels before 5.16, or without symbols, do not tell. */
static struct str waits_in(int pid, int tid, char *buf, size_t max)
{
    char path[100];
    snprintf(path, sizeof path, "/proc/%d/task/%d/wchan", pid, tid);
    return read_proc(path, buf, max);
}

/* Root sleeps nearly always: when it is never told where, the kernel does not tell, and states have to do. */
static bool kernel_tells(pid_t root, bool *sleeps)
{
    enum { SILENT_MAX = 250 };
    static unsigned silent;
    char buf[128];
    struct str where = waits_in((int)root, (int)root, buf, sizeof buf);
    *sleeps = where.n > 0 && !str_eqc(where, "0");
    silent = *sleeps ? 0 : silent < SILENT_MAX ? silent + 1 : silent;
    return silent < SILENT_MAX;
}

/* A program with a timer of its own polls no longer than until then (a Go program's netpoller does): WaitForCacheSync of
 * client-go looks again every 100 ms. */
static void see_timeout(struct look *l, int pid, int tid)
{
    char path[100], buf[512];
    int64_t ms;
    snprintf(path, sizeof path, "/proc/%d/task/%d/syscall", pid, tid);
    bool told = proc_poll_timeout_parse(read_proc(path, buf, sizeof buf), &ms);
    l->untold = l->untold || !told;
    l->soon = l->soon || (told && ms >= 0 && ms < TIMER_SOON_MS);
}

enum seen { SEEN_GONE, SEEN_AWAKE, SEEN_ASLEEP };

static enum seen see_thread(int pid, int tid, bool told, struct thread_seen *out)
{
    char path[100], buf[8192], state = 0;
    *out = (struct thread_seen){ .pid = pid, .tid = tid };
    snprintf(path, sizeof path, "/proc/%d/task/%d/status", pid, tid);
    if (!proc_status_parse(read_proc(path, buf, sizeof buf), &state, &out->switches))
        return SEEN_GONE;
    if (state != 'S')
        return state == 'Z' ? SEEN_ASLEEP : SEEN_AWAKE;
    struct str where = waits_in(pid, tid, buf, sizeof buf);
    out->naps = str_find(where, STR("nanosleep")) >= 0;
    out->polls = str_find(where, STR("poll")) >= 0;
    return told && str_eqc(where, "0") ? SEEN_AWAKE : SEEN_ASLEEP;
}

static bool see_process(struct look *l, int pid, bool told)
{
    char path[100];
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *d = opendir(path);
    bool asleep = d != NULL;
    for (struct dirent *e; asleep && (e = readdir(d));) {
        int tid = atoi(e->d_name);
        if (tid <= 0)
            continue;
        if (l->n == l->cap) {
            l->cap = l->cap ? 2 * l->cap : 64;
            l->v = xrealloc(l->v, l->cap * sizeof *l->v);
        }
        struct thread_seen *seen = &l->v[l->n++];
        asleep = see_thread(pid, tid, told, seen) == SEEN_ASLEEP;
        if (asleep && seen->polls)
            see_timeout(l, pid, tid);
    }
    if (d)
        closedir(d);
    return asleep;
}

/* Those that were seen last time, first: of a tree that works, one of them mostly runs, and that is cheaply known. */
static bool known_are_asleep(struct look *l, bool told)
{
    struct thread_seen now;
    for (size_t i = l->n; i-- > 0;) {
        enum seen seen = see_thread(l->v[i].pid, l->v[i].tid, told, &now);
        struct thread_seen last = l->v[l->n - 1];
        if (seen == SEEN_ASLEEP)
            continue;
        l->v[l->n - 1] = l->v[i];                  /* who runs is asked first the next time, who is gone no more */
        l->v[i] = last;
        if (seen == SEEN_AWAKE)
            return false;
        l->n--;
    }
    return true;
}

enum rest look_take(struct look *l, pid_t root)
{
    bool sleeps, told = kernel_tells(root, &sleeps);
    if ((told && !sleeps) || !known_are_asleep(l, told))
        return REST_AWAKE;
    struct table t = { 0 };
    table_read_near(&t, root);
    bool *marks = xcalloc(t.n + 1, sizeof *marks), asleep = true;
    proc_mark_tree(t.v, t.n, (int)root, marks);
    know_tree(&t, marks);
    l->n = 0;
    l->soon = l->untold = false;
    for (size_t i = 0; i < t.n && asleep; i++) {
        if (!marks[i])
            continue;
        /* root is about to collect its own; of another's zombie the other threads may still be ending, and the parent not told yet */
        asleep = !(t.v[i].state == 'Z' && t.v[i].parent == (int)root) && see_process(l, t.v[i].pid, told);
    }
    free(marks);
    free(t.v);
    return asleep && l->n ? REST_ASLEEP : REST_AWAKE;
}

/* ---- the loopback's queues ---- */
struct inodes { uint64_t *v; size_t n, cap; bool tcp, tcp6; };     /* tcp, tcp6: there are connections of that family */

/* What kind of socket it is stands in its name; where that is not told it may be either. Our own that only listen do not count. */
static void see_kind(struct inodes *out, int folder, const char *name, bool own)
{
    char path[320], kind[32];
    int listens = 0;
    socklen_t n = sizeof listens;
    if (own && getsockopt(atoi(name), SOL_SOCKET, SO_ACCEPTCONN, &listens, &n) == 0 && listens)
        return;
    snprintf(path, sizeof path, "/proc/self/fd/%d/%s", folder, name);
    ssize_t got = getxattr(path, "system.sockprotoname", kind, sizeof kind - 1);
    struct str word = { kind, got > 0 ? (size_t)got : 0 };
    word.n = word.n && kind[word.n - 1] == 0 ? word.n - 1 : word.n;
    out->tcp = out->tcp || word.n == 0 || str_eqc(word, "TCP");
    out->tcp6 = out->tcp6 || word.n == 0 || str_eqc(word, "TCPv6");
}

static void sockets_of(struct inodes *out, const char *folder, bool own)
{
    DIR *d = opendir(folder);
    struct stat st;
    for (struct dirent *e; d && (e = readdir(d));) {
        if (e->d_name[0] == '.' || fstatat(dirfd(d), e->d_name, &st, 0) != 0 || !S_ISSOCK(st.st_mode))
            continue;
        if (out->n == out->cap) {
            out->cap = out->cap ? 2 * out->cap : 64;
            out->v = xrealloc(out->v, out->cap * sizeof *out->v);
        }
        out->v[out->n++] = st.st_ino;
        see_kind(out, dirfd(d), e->d_name, own);
    }
    if (d)
        closedir(d);
}

static bool family_in_flight(const char *path, const struct inodes *ours)
{
    char *buf = xmalloc(NET_FILE_MAX);
    struct str text = read_proc(path, buf, NET_FILE_MAX);
    size_t n = 0, cap = 1;
    for (size_t i = 0; i < text.n; i++)
        cap += text.p[i] == '\n';
    struct tcp_row *rows = xcalloc(cap, sizeof *rows);
    while (text.p && text.n && n < cap)
        n += tcp_row_parse(str_token(&text, '\n'), &rows[n]);
    bool found = tcp_rows_in_flight(rows, n, ours->v, ours->n);
    free(rows);
    free(buf);
    return found;
}

bool quiescence_in_flight(const struct look *l)
{
    struct inodes ours = { 0 };
    char path[100];
    sockets_of(&ours, "/proc/self/fd", true);
    for (size_t i = 0; i < l->n; i++)
        if (i == 0 || l->v[i].pid != l->v[i - 1].pid) {
            snprintf(path, sizeof path, "/proc/%d/fd", l->v[i].pid);
            sockets_of(&ours, path, false);
        }
    if (ours.n)
        qsort(ours.v, ours.n, sizeof *ours.v, by_inode);
    /* the kernel walks a table as large as the machine's memory wants it for either file: only where it can tell something */
    bool found = (ours.tcp && family_in_flight("/proc/self/net/tcp", &ours)) ||
                 (ours.tcp6 && family_in_flight("/proc/self/net/tcp6", &ours));
    free(ours.v);
    return found;
}

/* ---- the command's side ---- */
void quiescence_adopt_orphans(void)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

/* What is resident and not shared with files or other processes' mappings of them. */
static uint64_t private_bytes(int pid)
{
    char path[100], buf[256];
    int64_t resident = 0, shared = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", pid);
    struct str text = read_proc(path, buf, sizeof buf);
    str_token(&text, ' ');
    bool ok = str_int(str_token(&text, ' '), &resident) && str_int(str_token(&text, ' '), &shared);
    return ok && resident > shared ? (uint64_t)(resident - shared) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

void tree_usage(pid_t root, struct tree_usage *u)
{
    struct table t = { 0 };
    uint64_t ticks = 0;
    table_read(&t);
    bool *marks = xcalloc(t.n + 1, sizeof *marks);
    proc_mark_tree(t.v, t.n, (int)root, marks);
    *u = (struct tree_usage){ 0 };
    for (size_t i = 0; i < t.n; i++) {
        if (!marks[i] && t.v[i].pid != (int)root)
            continue;
        ticks += t.v[i].ticks;
        u->threads += marks[i] ? t.v[i].threads : 0;
        u->memory_bytes += marks[i] ? private_bytes(t.v[i].pid) : 0;
    }
    u->cpu_ms = ticks * 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
    free(marks);
    free(t.v);
}

/* Send to all of the tree; how many there were. A zombie counts, too: it is ours to collect once its parent is gone. */
static size_t signal_tree(pid_t root, int sig)
{
    struct table t = { 0 };
    size_t n = 0;
    table_read(&t);
    bool *marks = xcalloc(t.n + 1, sizeof *marks);
    proc_mark_tree(t.v, t.n, (int)root, marks);
    for (size_t i = 0; i < t.n; i++)
        if (marks[i] && !(sig == SIGSTOP && strchr("TZ", t.v[i].state))) {
            n++;
            kill(t.v[i].pid, sig);
        }
    free(marks);
    free(t.v);
    return n;
}

/* Stopped first, until nobody is left that could make others: killed one by one, those that fork are never all there is. */
void quiescence_end_all(pid_t root)
{
    enum { STOP_ROUNDS_MAX = 200 };
    size_t alive = signal_tree(root, SIGKILL);
    for (int i = 0; i < STOP_ROUNDS_MAX && alive > 1 && signal_tree(root, SIGSTOP); i++)
        continue;
    while (alive) {
        alive = signal_tree(root, SIGKILL);
        while (waitpid(-1, NULL, WNOHANG) > 0)
            continue;
        if (alive)
            usleep(1000);                          /* processes of the machine end in their own time */
    }
}

const char *quiescence_pid_space(struct arena *a)
{
    char name[256];
    ssize_t n = readlink("/proc/self/ns/pid", name, sizeof name);
    return n > 0 ? arena_cstr(a, (struct str){ name, (size_t)n }) : "";
}
#else
void tree_usage(pid_t root, struct tree_usage *u) { (void)root; *u = (struct tree_usage){ 0 }; }
bool quiescence_supported(struct err *err)
{
    return err_set(err, ERR_IO, "--drive looks at its command's processes in Linux's /proc, and this is no Linux: "
                                "pause the clock and use 'kubelab clock advance'");
}

enum rest look_take(struct look *l, pid_t root) { (void)l; (void)root; return REST_AWAKE; }
bool quiescence_in_flight(const struct look *l) { (void)l; return false; }
void quiescence_adopt_orphans(void) { }
void quiescence_end_all(pid_t root) { (void)root; }
const char *quiescence_pid_space(struct arena *a) { (void)a; return ""; }
#endif
