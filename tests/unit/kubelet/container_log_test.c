/* Lines, rotation, selection, followers, and the way through a file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "kubelet/kubelet_priv.h"
#include "tests/unit/sim/net/net_test.h"

struct watcher { struct log_follower f; int lines, ends; };
static void on_line(struct log_follower *f) { container_of(f, struct watcher, f)->lines++; }
static void on_end(struct log_follower *f) { container_of(f, struct watcher, f)->ends++; }

static void test_lines(void **state)
{
    struct loop *l = test_loop();
    struct container_log *log = container_log_new(l);
    struct watcher w = { .f = { .on_line = on_line, .on_end = on_end } };
    struct strbuf out;
    (void)state;
    strbuf_init(&out, 4096);
    list_push(&log->followers, &w.f.node);
    container_log_write(log, 1, STR("one\ntw"));
    assert_int_equal(log->n, 1);
    container_log_write(log, 2, STR("err\n"));
    container_log_write(log, 1, STR("o\nthree"));
    assert_int_equal(log->n, 3);
    assert_true(str_eqc(container_log_text(log, 2), "two\n"));
    test_advance(l, 5 * SECOND);
    container_log_end(log);
    assert_int_equal(log->n, 4);
    assert_int_equal(w.lines, 4);
    assert_int_equal(w.ends, 1);
    struct log_query last2 = { .tail = 2 }, since = { .tail = -1, .since_ns = vtime_now(l) - SECOND }, none = { .tail = 0 };
    assert_int_equal(container_log_first(log, &last2), 2);
    assert_int_equal(container_log_first(log, &since), 3);
    assert_int_equal(container_log_first(log, &none), 4);
    container_log_format(log, 3, true, &out);
    assert_string_equal(out.p, "2020-01-25T00:00:05.000000000Z three");
    strbuf_deinit(&out);
    container_log_free(log);
    loop_free(l);
}

static void test_rotation_and_disk(void **state)
{
    struct loop *l = test_loop();
    struct container_log *log = container_log_new(l), *back;
    char path[] = "/tmp/kubelab-log-XXXXXX";
    (void)state;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    for (int i = 0; i < 30000; i++) {
        char line[64];
        snprintf(line, sizeof line, "%059d\n", i);
        container_log_write(log, 1, str_c(line));
    }
    assert_true(log->lines_dropped > 0 && log->text.n <= LIMIT_LOG_FILE_BYTES);
    assert_int_equal(log->lines_dropped + log->n, 30000);
    container_log_save(log, path);
    back = container_log_load(l, path);
    assert_non_null(back);
    assert_true(str_eq(container_log_text(back, back->n - 1), container_log_text(log, log->n - 1)));
    container_log_free(back);
    container_log_free(log);
    unlink(path);
    loop_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_lines), cmocka_unit_test(test_rotation_and_disk) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
