/* tests/unit/apiserver/store/disk_test.c - the store on disk: reopening, foreign and damaged files, a full disk, kill -9. */
#include "apiserver/store/store_priv.h"

#include <setjmp.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "disk.h"

static struct loop *new_loop(void)
{
    return loop_new(&(struct loop_options){ .start_vtime_ns = 1 });
}

static struct store *open_store(struct loop *l, struct err *err)
{
    return store_open(&(struct store_options){ .loop = l, .path = path }, err);
}

static bool put_n(struct store *s, const char *key, size_t value_n, struct err *err)
{
    char *value = xcalloc(1, value_n + 1);
    memset(value, 'v', value_n);
    struct object *o = object_new((struct str){ value, value_n });
    free(value);
    o->rv = store_next_revision(s);
    bool ok = store_put(s, str_c(key), o, -1, err);
    object_unref(o);
    return ok;
}

static bool has(struct store *s, const char *key, size_t value_n)
{
    struct object *o = store_get(s, str_c(key));
    bool ok = o && o->bytes.n == value_n;
    object_unref(o);
    return ok;
}

static void test_reopen(void **state)
{
    (void)state;
    struct loop *l = new_loop();
    struct store *s = open_store(l, NULL);
    assert_non_null(s);
    put_n(s, "/a", 10, NULL);
    put_n(s, "/b", 0, NULL);
    put_n(s, "/c", 7, NULL);
    store_meta_put(s, "clock", STR("12"));
    loop_turn(l);
    struct object *last = object_new(STR("{}"));
    last->rv = store_next_revision(s);
    assert_true(store_delete(s, STR("/c"), last, -1, NULL));     /* rev 5: no object bears it */
    object_unref(last);
    char before[65], after[65];
    store_digest(s, before);
    store_close(s);                                /* commits without a turn */
    s = open_store(l, NULL);
    store_digest(s, after);
    assert_string_equal(before, after);
    assert_int_equal(store_revision(s), 5);
    assert_true(has(s, "/a", 10) && has(s, "/b", 0) && store_count(s, STR("/")) == 2);
    struct err err = { 0 };
    assert_null(store_watch(s, STR("/"), 4, NULL, NULL, &err));
    assert_string_equal(err.msg, "too old resource version: 4 (5)");
    struct arena *a = arena_new();
    assert_true(str_eqc(store_meta_get(s, a, "clock"), "12"));
    arena_free(a);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);     /* it holds Secrets */
    store_close(s);
    loop_free(l);
}

static void test_in_use(void **state)
{
    (void)state;
    struct loop *l = new_loop();
    struct store *s = open_store(l, NULL);
    struct err err = { 0 };
    assert_null(open_store(l, &err));
    char want[200];
    snprintf(want, sizeof want, "data folder %s is in use by another kubelab (pid %d): 'kubelab down' stops it", dir, (int)getpid());
    assert_string_equal(err.msg, want);
    assert_int_equal(err.code, ERR_IO);
    put_n(s, "/a", 1, NULL);
    loop_turn(l);
    assert_true(store_healthy(s, NULL));
    store_close(s);
    s = open_store(l, NULL);
    assert_true(has(s, "/a", 1));
    store_close(s);
    loop_free(l);
}

/* ---- files that are not to be touched ---- */

static void write_file(struct str bytes)
{
    assert_true(file_write(path, bytes, 0600, NULL));
}

static struct str read_file(struct arena *a)
{
    struct str s = STR_NULL;
    assert_true(file_read(path, 1 << 26, a, &s, NULL));
    return s;
}

static void refuse(struct loop *l, const char *want)
{
    struct arena *a = arena_new();
    struct str before = read_file(a);
    struct err err = { 0 };
    assert_null(open_store(l, &err));
    if (str_find(str_c(err.msg), str_c(want)) < 0)
        fail_msg("%s", err.msg);
    assert_int_equal(err.code, ERR_IO);
    assert_true(str_eq(before, read_file(a)));
    arena_free(a);
}

static void test_foreign(void **state)
{
    (void)state;
    struct loop *l = new_loop();
    write_file(STR("my notes\n"));
    refuse(l, "is not a kubelab database; move it away or choose another data folder");
    char header[200] = "SQLite format 3";
    write_file((struct str){ header, sizeof header });           /* somebody else's database */
    refuse(l, "is not a kubelab database");
    memcpy(header + 68, "kube", 4);
    header[63] = 9;
    write_file((struct str){ header, sizeof header });
    refuse(l, "was written by a newer kubelab (format 9, this one reads 1)");
    loop_free(l);
    snprintf(path, sizeof path, "%s/none/store.db", dir);
    l = new_loop();
    struct err err = { 0 };
    assert_null(open_store(l, &err));
    assert_true(str_ends(str_c(err.msg), "/none/store.db.lock: No such file or directory"));
    snprintf(path, sizeof path, "%s/store.db", dir);
    loop_free(l);
}

static void test_damaged(void **state)
{
    (void)state;
    struct loop *l = new_loop();
    struct store *s = open_store(l, NULL);
    for (int i = 0; i < 50; i++) {
        char key[16];
        snprintf(key, sizeof key, "/%d", i);
        put_n(s, key, 2000, NULL);
    }
    store_close(s);
    struct arena *a = arena_new();
    struct str good = read_file(a);
    char *bad = arena_alloc(a, good.n);
    memcpy(bad, good.p, good.n);
    memset(bad + 4096, 0xee, 4096);                /* a page of the objects' tree */
    write_file((struct str){ bad, good.n });
    refuse(l, "is damaged: ");
    memcpy(bad, good.p, good.n);
    memset(bad + 100, 0xee, 3000);                 /* the schema */
    write_file((struct str){ bad, good.n });
    refuse(l, "is damaged: ");
    write_file(str_sub(good, 0, good.n / 2));      /* cut short */
    refuse(l, "is damaged: ");
    write_file(good);
    s = open_store(l, NULL);
    assert_int_equal(store_count(s, STR("/")), 50);
    store_close(s);
    arena_free(a);
    loop_free(l);
}

/* ---- a full disk ---- */

struct told { int ok, failed; char why[sizeof ((struct err *)0)->msg]; };

static void on_commit(void *ctx, bool ok, const struct err *why)
{
    struct told *t = ctx;
    *(ok ? &t->ok : &t->failed) += 1;
    snprintf(t->why, sizeof t->why, "%s", why ? why->msg : "");
}

static void test_full(void **state)
{
    (void)state;
    static const char full[] = "etcdserver: mvcc: database space exceeded";
    struct loop *l = new_loop();
    struct store *s = open_store(l, NULL);
    struct told told = { 0 };
    store_after_commit(s, on_commit, &told);
    put_n(s, "/kept", 100, NULL);
    put_n(s, "/gone", 100, NULL);
    loop_turn(l);
    loop_turn(l);
    assert_int_equal(told.ok, 1);                  /* once per turn with writes */
    disk_limit_pages(s->disk, 1);
    struct object *last = object_new(STR("{}"));
    last->rv = store_next_revision(s);
    assert_true(store_delete(s, STR("/gone"), last, -1, NULL));
    object_unref(last);
    assert_true(put_n(s, "/big", 200000, NULL));
    loop_turn(l);
    assert_int_equal(told.failed, 1);
    assert_string_equal(told.why, full);
    struct err err = { 0 };
    assert_false(store_healthy(s, &err));
    assert_string_equal(err.msg, full);
    assert_false(put_n(s, "/more", 1, &err));
    assert_int_equal(err.code, ERR_INTERNAL);
    assert_string_equal(err.msg, full);
    assert_true(has(s, "/big", 200000) && !has(s, "/more", 1));  /* reads go on; told as failed, yet it may become true */
    loop_turn(l);
    store_meta_put(s, "clock", STR("5"));          /* not refused, but not on disk either */
    loop_turn(l);
    assert_int_equal(told.failed, 2);
    disk_limit_pages(s->disk, 0);
    loop_advance(l, 1500000000, NULL, NULL);       /* the timer tries again */
    for (int i = 0; i < 5; i++)
        loop_turn(l);
    assert_true(store_healthy(s, NULL));
    disk_limit_pages(s->disk, 1);
    put_n(s, "/big2", 200000, NULL);
    loop_turn(l);
    assert_int_equal(told.failed, 3);
    disk_limit_pages(s->disk, 0);
    assert_true(put_n(s, "/more", 1, NULL));       /* a write tries again */
    assert_true(store_healthy(s, NULL));
    loop_turn(l);
    assert_int_equal(told.ok, 2);
    store_after_commit_cancel(s, on_commit, &told);
    int64_t rev = store_revision(s);
    store_close(s);
    s = open_store(l, NULL);
    assert_int_equal(store_revision(s), rev);
    assert_true(has(s, "/kept", 100) && has(s, "/big", 200000) && has(s, "/big2", 200000) && has(s, "/more", 1) &&
                !has(s, "/gone", 100));
    disk_limit_pages(s->disk, 1);
    put_n(s, "/lost", 200000, NULL);
    loop_turn(l);
    last = object_new(STR("{}"));
    last->rv = store_next_revision(s);
    assert_false(store_delete(s, STR("/kept"), last, -1, NULL));
    object_unref(last);
    store_close(s);                                /* full to the end */
    s = open_store(l, NULL);
    assert_int_equal(store_revision(s), rev);
    assert_true(has(s, "/kept", 100) && !has(s, "/lost", 200000));
    store_close(s);
    loop_free(l);
}

/* ---- kill -9 ---- */

struct writer { struct store *s; int fd; };

static void report(void *ctx, bool ok, const struct err *why)
{
    (void)why;
    struct writer *w = ctx;
    int64_t rev = store_revision(w->s);
    if (!ok || write(w->fd, &rev, sizeof rev) != sizeof rev)
        _exit(3);
}

/* Each revision R leaves /rev/R behind, so what was reported can be checked one by one. Some turns write several. */
static void write_for_ever(int fd)
{
    struct loop *l = new_loop();
    struct writer w = { open_store(l, NULL), fd };
    if (!w.s)
        _exit(2);
    store_after_commit(w.s, report, &w);
    for (;;) {
        for (int64_t i = store_revision(w.s) % 3; i >= 0; i--) {
            char key[40];
            snprintf(key, sizeof key, "/rev/%" PRId64, store_next_revision(w.s));
            put_n(w.s, key, 1500, NULL);
        }
        loop_turn(l);
    }
}

static int64_t run_and_kill(unsigned after_us)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    pid_t child = fork();
    if (child == 0) {
        close(fds[0]);
        write_for_ever(fds[1]);
    }
    close(fds[1]);
    usleep(after_us);
    kill(child, SIGKILL);
    int status;
    waitpid(child, &status, 0);
    assert_true(WIFSIGNALED(status));              /* not _exit: the database it found was good */
    int64_t acknowledged = 0, rev;
    while (read(fds[0], &rev, sizeof rev) == sizeof rev)
        acknowledged = rev;
    close(fds[0]);
    return acknowledged;
}

static void test_kill(void **state)
{
    (void)state;
    struct rng r;
    uint8_t seed[32] = { 9 };
    rng_init_seed(&r, seed, "kill");
    int64_t acknowledged = 1;
    for (int round = 0; round < 20; round++) {
        int64_t reported = run_and_kill((unsigned)(500 + rng_below(&r, 30000)));
        if (reported)
            acknowledged = reported;
        struct loop *l = new_loop();
        struct store *s = open_store(l, NULL);
        assert_non_null(s);
        assert_true(store_revision(s) >= acknowledged);
        assert_int_equal(store_count(s, STR("/rev/")), store_revision(s) - 1);   /* whole turns: no gap, nothing beyond the revision */
        for (int64_t rev = 2; rev <= acknowledged; rev++) {
            char key[40];
            snprintf(key, sizeof key, "/rev/%" PRId64, rev);
            assert_true(has(s, key, 1500));
        }
        acknowledged = store_revision(s);
        store_close(s);
        loop_free(l);
    }
    assert_true(acknowledged > 100);               /* it really wrote */
}

int main(void)
{
    log_set_level(LOG_ERROR + 1);                  /* the full disk is meant */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reopen, disk_make, disk_remove),
        cmocka_unit_test_setup_teardown(test_in_use, disk_make, disk_remove),
        cmocka_unit_test_setup_teardown(test_foreign, disk_make, disk_remove),
        cmocka_unit_test_setup_teardown(test_damaged, disk_make, disk_remove),
        cmocka_unit_test_setup_teardown(test_full, disk_make, disk_remove),
        cmocka_unit_test_setup_teardown(test_kill, disk_make, disk_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
