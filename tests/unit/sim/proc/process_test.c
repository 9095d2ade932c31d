/* A process: its streams, its signals, its one end; and what it finds of its cluster. */
#include "tests/unit/sim/proc/proc_test.h"

/* A program that writes down what happens to it. */
struct echo { struct process *p; };
static struct strbuf told;
static bool refuse, exit_in_start;

static void *echo_start(struct process *p, struct err *err)
{
    if (refuse)
        return err_set(err, ERR_NOT_FOUND, "exec: \"%s\": executable file not found in $PATH", process_options(p)->argv[0]), NULL;
    struct echo *e = NEW(struct echo);
    e->p = p;
    process_printf(p, 1, "start %s", process_options(p)->argv[1]);
    if (exit_in_start)
        process_exit(p, 3);
    return e;
}

static void echo_input(void *state, struct str bytes)
{
    struct echo *e = state;
    process_write(e->p, 2, bytes);
    if (str_eqc(bytes, "quit"))
        process_exit(e->p, 5);
}

static void echo_eof(void *state) { process_write(((struct echo *)state)->p, 1, STR("eof")); }
static void echo_signal(void *state, int signo) { process_printf(((struct echo *)state)->p, 1, "signal %d", signo); }
static void echo_stop(void *state) { strbuf_addc(&told, "[stop]"); free(state); }
static const struct program_ops echo = { .name = "echo", .start = echo_start, .input = echo_input, .input_eof = echo_eof,
                                         .signal = echo_signal, .stop = echo_stop };
static const struct program_ops deaf = { .name = "deaf", .start = echo_start, .stop = echo_stop };

static void on_output(void *ctx, int fd, struct str bytes) { (void)ctx; strbuf_addf(&told, "%d:" STR_FMT " ", fd, STR_ARG(bytes)); }
static void on_exited(void *ctx, int status, int signal, const char *reason)
{
    strbuf_addf(&told, "[exited %d %d %s]", status, signal, reason);
    if (ctx)
        process_free(*(struct process **)ctx);
}

static const struct process_io io = { on_output, on_exited };

static struct process *start(struct loop *l, const struct program_ops *ops, bool tty, void *ctx, struct err *err)
{
    char *argv[] = { "echo", "hello", NULL }, *env[] = { "A=1", "AB=2", "A=3", NULL };
    strbuf_reset(&told);
    return process_start(ops,
                         &(struct process_options){ .loop = l, .name = "test", .argv = argv, .env = env, .stdin_open = true,
                                                    .tty = tty, .io = &io, .io_ctx = ctx }, err);
}

static void test_life(void **state)
{
    (void)state;
    struct loop *l = test_loop();
    struct process *p = start(l, &echo, false, NULL, NULL);
    assert_string_equal(process_getenv(p, "A"), "3");
    assert_string_equal(process_options(p)->cwd, "/");
    assert_null(process_getenv(p, "B"));
    process_input(p, STR("in"));
    process_kill(p, 15);
    process_input_eof(p);
    process_input(p, STR("late"));
    process_input_eof(p);
    process_exit(p, 256 + 4);
    assert_false(process_running(p));
    assert_non_null(process_state(p));                                    /* by task */
    process_kill(p, 9);
    test_advance(l, 1);
    assert_string_equal(told.p, "1:start hello 2:in 1:signal 15 1:eof [stop][exited 4 0 ]");
    process_free(p);

    p = start(l, &echo, true, &p, NULL);                                  /* freed inside of exited; a terminal has one way out */
    process_input(p, STR("quit"));
    test_advance(l, 1);
    assert_string_equal(told.p, "1:start hello 1:quit [stop][exited 5 0 ]");

    p = start(l, &deaf, false, &p, NULL);
    process_kill(p, 15);                                                  /* PID 1 without a handler */
    process_input(p, STR("x"));
    process_input_eof(p);
    assert_true(process_running(p));
    process_kill(p, 9);
    test_advance(l, 1);
    assert_string_equal(told.p, "1:start hello [stop][exited 137 9 ]");

    p = start(l, &deaf, false, &p, NULL);
    process_oom_kill(p);
    test_advance(l, 1);
    assert_string_equal(told.p, "1:start hello [stop][exited 137 9 OOMKilled]");

    p = start(l, &echo, false, NULL, NULL);
    process_free(p);                                                      /* abandoned without a word */
    assert_string_equal(told.p, "1:start hello [stop]");

    struct err err = { 0 };
    refuse = true;
    assert_null(start(l, &echo, false, NULL, &err));
    assert_string_equal(err.msg, "exec: \"echo\": executable file not found in $PATH");
    refuse = false;
    exit_in_start = true;
    p = start(l, &echo, false, &p, NULL);
    test_advance(l, 1);
    assert_string_equal(told.p, "1:start hello [stop][exited 3 0 ]");
    exit_in_start = false;
    strbuf_deinit(&told);
    loop_free(l);
}

static void test_in_cluster(void **state)
{
    (void)state;
    struct loop *l = test_loop();
    struct arena *a = arena_new();
    struct vfs *files = vfs_new();
    struct err err = { 0 };
    struct in_cluster c;
    char *argv[] = { "echo", "x", NULL }, *env[] = { "KUBERNETES_SERVICE_HOST=10.96.0.1", "KUBERNETES_SERVICE_PORT=443", NULL };
    struct process_options o = { .loop = l, .name = "t", .argv = argv, .files = files };
    strbuf_reset(&told);
    struct process *p = process_start(&echo, &o, NULL);
    assert_false(process_in_cluster(p, a, &c, &err));
    assert_string_equal(err.msg,
                        "unable to load in-cluster configuration, KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must be "
                        "defined");
    process_free(p);
    o.env = env;
    p = process_start(&echo, &o, NULL);
    assert_false(process_in_cluster(p, a, &c, &err));
    assert_string_equal(err.msg, "open /var/run/secrets/kubernetes.io/serviceaccount/token: no such file or directory");
    vfs_put(files, "/var/run/secrets/kubernetes.io/serviceaccount/token", STR("tok"), 0644, 0);
    vfs_put(files, "/var/run/secrets/kubernetes.io/serviceaccount/namespace", STR("kube-system"), 0644, 0);
    assert_true(process_in_cluster(p, a, &c, &err));
    assert_string_equal(c.server, "https://10.96.0.1:443");
    assert_true(str_eqc(c.token, "tok") && str_eqc(c.ns, "kube-system") && c.ca_pem.n == 0);
    process_free(p);
    vfs_free(files);
    arena_free(a);
    strbuf_deinit(&told);
    loop_free(l);
}

static void test_registry(void **state)
{
    (void)state;
    program_register(&echo);
    program_register(&echo);
    assert_ptr_equal(program_find(STR("echo")), &echo);
    assert_null(program_find(STR("ech")));
}

int main(void)
{
    strbuf_init(&told, 4096);
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_life), cmocka_unit_test(test_in_cluster),
                                        cmocka_unit_test(test_registry) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
