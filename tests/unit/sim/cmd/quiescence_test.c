/* Whether a tree of processes is at rest: what the kernel writes, read; who belongs to the tree; what is still in the
 * loopback's queues. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim/cmd/drive.h"
#include "sim/cmd/quiescence.h"

static void stat_lines(void **state)
{
    (void)state;
    static const struct { const char *line; int pid, parent; char state; } cases[] = {
        { "4912 (bash) S 4911 4912 4912 0 -1", 4912, 4911, 'S' },
        { "7 (a) b) R 1 (x) Z 2 7 7", 7, 2, 'Z' },             /* a name may look like the rest of the line */
        { "8 () T 1 8", 8, 1, 'T' },
        { "", 0, 0, 0 }, { "9 (half", 0, 0, 0 }, { "9 (x) S", 0, 0, 0 }, { "x (x) S 1 2", 0, 0, 0 }, { "9 (x) SS 1 2", 0, 0, 0 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct proc_stat st = { 0 };
        assert_int_equal(proc_stat_parse(str_c(cases[i].line), &st), cases[i].state != 0);
        assert_int_equal(st.pid, cases[i].pid);
        assert_int_equal(st.parent, cases[i].parent);
        assert_int_equal(st.state, cases[i].state);
    }
    struct proc_stat whole = { 0 };
    assert_true(proc_stat_parse(STR("31 (kubectl) S 30 30 30 0 -1 4194304 1500 20 3 0 17 5 2 1 20 0 11 0 123456 1300000000 9000"),
                                &whole));
    assert_int_equal(whole.ticks, 17 + 5 + 2 + 1);
    assert_int_equal(whole.threads, 11);
}

static void status_files(void **state)
{
    (void)state;
    char st = 0;
    uint64_t n = 0;
    assert_true(proc_status_parse(STR("Name:\tx\nState:\tS "
                                      "(sleeping)\nThreads:\t1\nvoluntary_ctxt_switches:\t40\nnonvoluntary_ctxt_switches:\t2\n"),
                                      &st, &n));
    assert_int_equal(st, 'S');
    assert_int_equal(n, 42);
    assert_false(proc_status_parse(STR("Name:\tx\nState:\tS (sleeping)\n"), &st, &n));
    assert_false(proc_status_parse(STR_NULL, &st, &n));
}

static void poll_timeouts(void **state)
{
    (void)state;
    char text[100];
    int64_t ms = 0;
    assert_true(proc_poll_timeout_parse(STR("0 0x3 0x7ffd 0x1 0x64 0x0 0x0 0x7ffd 0x7f\n"), &ms));       /* read */
    assert_int_equal(ms, -1);
    assert_false(proc_poll_timeout_parse(STR("running\n"), &ms));
    assert_false(proc_poll_timeout_parse(STR_NULL, &ms));
    snprintf(text, sizeof text, "%d 0x4 0x7ffd 0x80 0x64 0x0 0x0 0x7ffd 0x7f\n", (int)SYS_epoll_pwait);
    assert_true(proc_poll_timeout_parse(str_c(text), &ms));
    assert_int_equal(ms, 100);
    snprintf(text, sizeof text, "%d 0x4 0x7ffd 0x80 0xffffffff 0x0 0x0 0x7ffd 0x7f\n", (int)SYS_epoll_pwait);
    assert_true(proc_poll_timeout_parse(str_c(text), &ms));
    assert_int_equal(ms, -1);
}

static void trees(void **state)
{
    (void)state;
    /* 10 is the root; 30's parent has the greater number */
    static const struct proc_stat all[] = { { 1, 0, 'S', 0, 0 }, { 10, 1, 'S', 0, 0 }, { 11, 10, 'S', 0, 0 }, { 12, 1, 'S', 0, 0 },
                                            { 30, 40, 'S', 0, 0 },
                                            { 40, 11, 'S', 0, 0 }, { 50, 12, 'S', 0, 0 } };
    static const bool want[] = { false, false, true, false, true, true, false };
    bool marks[ARRAY_LEN(all)];
    proc_mark_tree(all, ARRAY_LEN(all), 10, marks);
    assert_memory_equal(marks, want, sizeof want);
    proc_mark_tree(all, 0, 10, marks);
}

/* Rows as /proc/net/tcp has them; ours is the inode 7. */
static void queues(void **state)
{
    (void)state;
    static const struct { const char *what, *rows[2]; bool in_flight; } cases[] = {
        { "all was taken", { "0: A:1 B:2 01 00000000:00000000 00:0 0 0 0 7 1", "1: B:2 A:1 01 00000000:00000000 00:0 0 0 0 8 1" },
          false },
        { "sent, not there yet",
          { "0: A:1 B:2 01 00000005:00000000 00:0 0 0 0 7 1", "1: B:2 A:1 01 00000000:00000000 00:0 0 0 0 8 1" }, true },
        { "to us, not there yet",
          { "0: A:1 B:2 01 00000000:00000000 00:0 0 0 0 7 1", "1: B:2 A:1 01 00000001:00000000 00:0 0 0 0 8 1" }, true },
        { "there, and not read: it waits for something else",
          { "0: A:1 B:2 01 00000005:00000000 00:0 0 0 0 7 1", "1: B:2 A:1 01 00000000:00000005 00:0 0 0 0 8 1" }, false },
        { "strangers", { "0: A:1 B:2 01 00000005:00000000 00:0 0 0 0 9 1", "1: B:2 A:1 01 00000000:00000000 00:0 0 0 0 8 1" }, false },
        { "to another machine", { "0: A:1 C:2 01 00000005:00000000 00:0 0 0 0 7 1",
                                  "1: B:2 A:1 01 00000000:00000000 00:0 0 0 0 8 1" }, false },
        { "a connection being made",
          { "0: B:2 0:0 0A 00000000:00000000 00:0 0 0 0 7 1", "1: A:1 B:2 02 00000001:00000000 00:0 0 0 0 8 1" }, true },
        { "its end", { "0: A:1 B:2 01 00000000:00000000 00:0 0 0 0 7 1", "1: B:2 A:1 04 00000001:00000000 00:0 0 0 0 0 1" }, true },
    };
    static const uint64_t ours[] = { 7 };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct tcp_row rows[2];
        for (size_t k = 0; k < 2; k++)
            assert_true(tcp_row_parse(str_c(cases[i].rows[k]), &rows[k]));
        if (tcp_rows_in_flight(rows, 2, ours, 1) != cases[i].in_flight)
            fail_msg("%s", cases[i].what);
    }
    struct tcp_row r;
    assert_true(tcp_row_parse(STR("  12: 0100007F:192B 0100007F:A0F2 01 0000001A:0000000B 02:000A7214 00000000  1000        0 "
                                  "123456 2 0000000000000000 20 4 30 10 -1"), &r));
    assert_int_equal(r.tx, 0x1a);
    assert_int_equal(r.rx, 0xb);
    assert_int_equal(r.inode, 123456);
    assert_false(tcp_row_parse(STR("  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
                                   "inode"), &r));
    assert_false(tcp_row_parse(STR_NULL, &r));
}

/* Real processes: a tree that sleeps is at rest, and twice the same; one that is stopped is not, nor one whose end is still
 * to be heard of. */
static enum rest soon(struct look *l, pid_t root, enum rest want)
{
    enum rest r = !want;
    for (int i = 0; i < 3000 && (r = look_take(l, root)) != want; i++)
        usleep(1000);
    return r;
}

static void processes(void **state)
{
    (void)state;
    struct err err = { 0 };
    struct look a = { 0 }, b = { 0 };
    if (!quiescence_supported(&err))
        skip();
    pid_t root = fork();
    if (root == 0) {
        if (fork() == 0)
            pause();
        pause();
        _exit(0);
    }
    assert_int_equal(soon(&a, root, REST_ASLEEP), REST_ASLEEP);
    assert_int_equal(a.n, 1);
    assert_int_equal(soon(&b, root, REST_ASLEEP), REST_ASLEEP);
    assert_true(look_same(&a, &b));
    pid_t sleeper = a.v[0].pid;
    kill(sleeper, SIGSTOP);
    assert_int_equal(soon(&b, root, REST_AWAKE), REST_AWAKE);
    for (int i = 0; i < 20; i++, usleep(1000))
        assert_int_equal(look_take(&b, root), REST_AWAKE);
    kill(sleeper, SIGCONT);
    assert_int_equal(soon(&b, root, REST_ASLEEP), REST_ASLEEP);
    assert_false(look_same(&a, &b));               /* it ran in between, if only to stop */
    assert_false(quiescence_in_flight(&b));
    kill(sleeper, SIGKILL);
    assert_int_equal(soon(&b, root, REST_AWAKE), REST_AWAKE);
    kill(root, SIGKILL);
    assert_int_equal(waitpid(root, NULL, 0), root);
    look_deinit(&a);
    look_deinit(&b);
}

static void same_looks(void **state)
{
    (void)state;
    struct thread_seen one[] = { { .pid = 5, .tid = 5, .switches = 10 }, { .pid = 5, .tid = 6, .switches = 3 } },
                       two[] = { { .pid = 5, .tid = 5, .switches = 10 }, { .pid = 5, .tid = 6, .switches = 4, .naps = true } };
    struct look a = { .v = one, .n = 2 }, b = { .v = two, .n = 2 }, shorter = { .v = one, .n = 1 };
    assert_true(look_same(&a, &a));
    assert_false(look_same(&a, &b));
    assert_false(look_same(&a, &shorter));
    assert_int_equal(look_naps(&a), 0);
    assert_int_not_equal(look_naps(&b), 0);
    assert_int_not_equal(look_digest(&a), look_digest(&b));
}

static void seconds(void **state)
{
    (void)state;
    static const struct { const char *word; int64_t ms; } cases[] = {
        { "15", 15000 }, { "0.5", 500 }, { "2m", 120000 }, { "1h", 3600000 }, { "1d", 86400000 }, { "3s", 3000 }, { "0", 0 },
        { "", -1 }, { "x", -1 }, { "-1", -1 }, { "1x", -1 }, { "1mm", -1 }, { "nan", -1 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t ns = -1;
        assert_int_equal(drive_seconds_parse(str_c(cases[i].word), &ns), cases[i].ms >= 0);
        if (cases[i].ms >= 0)
            assert_int_equal(ns, cases[i].ms * 1000000);
    }
    int64_t ns = 0;
    assert_true(drive_seconds_parse(STR("infinity"), &ns));
    assert_true(ns > INT64_MAX / 4);
}

static void patience(void **state)
{
    (void)state;
    static const struct { const char *argv[8]; int64_t seconds; } cases[] = {
        { { "kubectl", "get", "pods" }, 0 },
        { { "kubectl", "wait", "--for=delete", "pod/x" }, 30 },
        { { "kubectl", "wait", "--timeout=60s", "pod/x" }, 60 },
        { { "kubectl", "-n", "wait", "get", "pods", "-w" }, 0 },
        { { "kubectl", "-n", "x", "wait", "pod/x" }, 30 },
        { { "kubectl", "rollout", "status", "deploy/x", "--timeout", "2m" }, 120 },
        { { "kubectl", "get", "pods", "-w", "--request-timeout=10" }, 10 },
        { { "kubectl", "delete", "pod/x", "--timeout=0" }, 0 },
        { { "kubectl", "wait", "pod/x", "--timeout=-1s" }, 0 },
        { { "kubectl", "exec", "x", "--", "wget", "--timeout=5" }, 0 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int argc = 0;
        while (argc < 8 && cases[i].argv[argc])
            argc++;
        assert_int_equal(drive_patience_of(argc, (char **)(uintptr_t)cases[i].argv) / 1000000000, cases[i].seconds);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stat_lines), cmocka_unit_test(status_files), cmocka_unit_test(poll_timeouts), cmocka_unit_test(trees),
            cmocka_unit_test(queues), cmocka_unit_test(processes),
        cmocka_unit_test(same_looks), cmocka_unit_test(seconds), cmocka_unit_test(patience),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
