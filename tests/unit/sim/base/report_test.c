/* tests/unit/sim/base/report_test.c - err, log and ASSERT: what people and clients get to read. */
#include "sim/base/base.h"

#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_err(void **state)
{
    (void)state;
    struct err err = { 0 };
    assert_false(err_set(&err, ERR_NOT_FOUND, "%s \"%s\" not found", "pods", "web"));
    assert_string_equal(err.msg, "pods \"web\" not found");
    err_details(&err, "{}");
    assert_false(err_prefix(&err, "step %d: ", 3));
    assert_string_equal(err.msg, "step 3: pods \"web\" not found");
    assert_string_equal(err.details, "{}");
    err_set(&err, ERR_CONFLICT, "again: %s", err.msg);   /* its own text as argument; old details are gone */
    assert_string_equal(err.msg, "again: step 3: pods \"web\" not found");
    assert_null(err.details);
    err_details(&err, "{\"a\":1}");
    err_clear(&err);
    assert_int_equal(err.code, ERR_NONE);
    assert_false(err_set(NULL, ERR_IO, "x"));
    assert_false(err_prefix(NULL, "x"));
    err_details(NULL, "x");
    err_clear(NULL);
    assert_int_equal(err_http(ERR_INVALID), 422);
    assert_string_equal(err_reason(ERR_ALREADY_EXISTS), "AlreadyExists");
    assert_int_equal(err_http(ERR_USAGE), 400);
}

static void test_err_truncation(void **state)
{
    (void)state;
    for (size_t shift = 0; shift < 8; shift++) {
        struct strbuf b;
        struct err err = { 0 };
        strbuf_init(&b, 10000);
        strbuf_addf(&b, "%.*s", (int)shift, "aaaaaaaa");
        for (int i = 0; i < 600; i++)
            strbuf_addc(&b, i % 2 ? "\xf0\x9f\x98\x80" : "\xc3\xa9");
        err_set(&err, ERR_INVALID, "%s", b.p);
        assert_true(utf8_valid(str_c(err.msg)));
        assert_true(strlen(err.msg) >= sizeof err.msg - 4 && strlen(err.msg) < sizeof err.msg);
        err_prefix(&err, "%s", b.p);
        assert_true(utf8_valid(str_c(err.msg)));
        strbuf_deinit(&b);
    }
}

/* What fn writes to standard error, run in a child; *status as from waitpid. */
static struct str stderr_of(struct arena *a, void (*fn)(void), int *status)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(fds[1], STDERR_FILENO);
        fn();
        fflush(stderr);
        _exit(0);
    }
    close(fds[1]);
    char chunk[4096];
    struct strbuf b;
    strbuf_init(&b, 100000);
    for (ssize_t n; (n = read(fds[0], chunk, sizeof chunk)) > 0;)
        strbuf_add(&b, (struct str){ chunk, (size_t)n });
    close(fds[0]);
    waitpid(pid, status, 0);
    struct str out = arena_str(a, strbuf_str(&b));
    strbuf_deinit(&b);
    return out;
}

static uint64_t at_12350ms(void *ctx)
{
    (void)ctx;
    return 12350 * NS_PER_MS + 999;
}

static void log_some(void)
{
    log_set_level(LOG_INFO);
    log_msg(LOG_INFO, "early", "no clock yet");
    log_set_time(at_12350ms, NULL);
    log_msg(LOG_INFO, "hpa default/web1", "desired %d -> %d\n", 1, 4);
    log_msg(LOG_WARN, "metricsd", "two\nlines\x1b[31m");
    log_msg(LOG_DEBUG, "metricsd", "unseen");
}

static void log_from_environment(void)
{
    setenv("KUBELAB_LOG", "error", 1);
    log_msg(LOG_WARN, "x", "unseen");
    log_msg(LOG_ERROR, "x", "seen");
}

static void test_log(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    int status;
    assert_string_equal(stderr_of(a, log_some, &status).p, "[early] no clock yet\n"
                                                           "[12.350s hpa default/web1] desired 1 -> 4\n"
                                                           "[12.350s metricsd] warning: two\\nlines?[31m\n");
    assert_string_equal(stderr_of(a, log_from_environment, &status).p, "[x] error: seen\n");
    arena_free(a);
}

static void dump_trace(void *ctx)
{
    fprintf(stderr, "trace: %s\n", (const char *)ctx);
    ASSERT(!"a bug in the hook");
}

static void trip(void)
{
    assert_set_hook(dump_trace, "last events");
    int two = 2;
    ASSERT(two + two == 4);
    ASSERT(two + two == 5);
}

static void test_assert(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    int status;
    struct str out = stderr_of(a, trip, &status);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_true(str_find(out, STR("assertion failed: two + two == 5")) > 0);
    assert_true(str_find(out, STR("\ntrace: last events\n")) > 0);
    assert_int_equal(str_find(out, STR("== 4")), -1);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_err), cmocka_unit_test(test_err_truncation), cmocka_unit_test(test_log), cmocka_unit_test(test_assert),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
