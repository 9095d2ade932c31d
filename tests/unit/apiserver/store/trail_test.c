/* The audit trail's rows: numbered, bounded, in the turn's transaction, there again after a restart, and told while the disk
 * refuses. */
#include "apiserver/store/store_priv.h"

#include <setjmp.h>
#include <cmocka.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "disk.h"

static struct store *open_store(struct loop *l)
{
    struct err err = { 0 };
    struct store *s = store_open(&(struct store_options){ .loop = l, .path = path }, &err);
    if (!s)
        fail_msg("%s", err.msg);
    return s;
}

/* "1 a,2 b," of what lies behind `after`. */
struct rows_read { char text[512]; size_t n; int64_t first, last; size_t bytes; };

static void on_row(void *ctx, int64_t seq, struct str event)
{
    struct rows_read *r = ctx;
    size_t have = strlen(r->text);
    snprintf(r->text + have, sizeof r->text - have, "%d %.3s,", (int)seq, event.p);
    r->first = r->n++ ? r->first : seq;
    ASSERT(seq > r->last);
    r->last = seq;
    r->bytes += event.n;
}

static struct rows_read rows_of(struct store *s, int64_t after, size_t max)
{
    struct rows_read r = { .n = 0 };
    size_t n = store_audit_each(s, after, max, on_row, &r);
    assert_int_equal(n, r.n);
    return r;
}

static void test_rows(void **state)
{
    (void)state;
    struct loop *l = loop_new(&(struct loop_options){ .start_vtime_ns = 1 });
    struct store *s = open_store(l);
    assert_string_equal(rows_of(s, 0, 100).text, "");
    assert_int_equal(store_audit_put(s, STR("aaa")), 1);
    assert_int_equal(store_audit_put(s, STR("bbb")), 2);
    assert_string_equal(rows_of(s, 0, 100).text, "1 aaa,2 bbb,");          /* before any commit */
    assert_true(store_audit_amend(s, 1, STR("AAAA")));
    assert_string_equal(rows_of(s, 0, 100).text, "1 AAA,2 bbb,");
    loop_turn(l);
    assert_true(list_empty(&s->trail.pending.list));
    assert_false(store_audit_amend(s, 1, STR("x")));                       /* history is not rewritten */
    store_audit_put(s, STR("ccc"));
    assert_string_equal(rows_of(s, 0, 100).text, "1 AAA,2 bbb,3 ccc,");    /* some on disk, some not */
    assert_string_equal(rows_of(s, 1, 100).text, "2 bbb,3 ccc,");
    assert_string_equal(rows_of(s, 0, 2).text, "1 AAA,2 bbb,");
    assert_string_equal(rows_of(s, 3, 2).text, "");
    store_close(s);
    s = open_store(l);
    assert_string_equal(rows_of(s, 0, 100).text, "1 AAA,2 bbb,3 ccc,");
    assert_int_equal(store_audit_put(s, STR("ddd")), 4);
    assert_int_equal(s->trail.bytes, 13);
    store_close(s);
    loop_free(l);
}

static void put_many(struct loop *l, struct store *s, int n, struct str event)
{
    for (int i = 0; i < n; i++) {
        store_audit_put(s, event);
        if (i % 500 == 0)
            loop_turn(l);
    }
    loop_turn(l);
}

static void test_bounds(void **state)
{
    (void)state;
    struct loop *l = loop_new(&(struct loop_options){ .start_vtime_ns = 1 });
    struct store *s = open_store(l);
    put_many(l, s, LIMIT_AUDIT_ROWS + 750, STR("row"));
    struct rows_read r = rows_of(s, 0, SIZE_MAX / 4);
    assert_int_equal(r.n, LIMIT_AUDIT_ROWS);
    assert_int_equal(r.first, 751);
    store_audit_put(s, STR("one more"));                                   /* its trimming is not on disk yet, but told */
    r = rows_of(s, 0, SIZE_MAX / 4);
    assert_int_equal(r.n, LIMIT_AUDIT_ROWS);
    assert_int_equal(r.first, 752);
    store_close(s);
    s = open_store(l);
    r = rows_of(s, 0, SIZE_MAX / 4);
    assert_int_equal(r.n, LIMIT_AUDIT_ROWS);
    assert_int_equal(r.last, LIMIT_AUDIT_ROWS + 751);
    enum { BIG = 1024 * 1024 };
    char *big = xcalloc(1, BIG);
    memset(big, 'b', BIG);
    put_many(l, s, 40, (struct str){ big, BIG });
    r = rows_of(s, 0, SIZE_MAX / 4);
    assert_true(r.bytes <= LIMIT_AUDIT_BYTES && r.bytes > LIMIT_AUDIT_BYTES - BIG);
    assert_int_equal(r.bytes, s->trail.bytes);
    store_close(s);
    s = open_store(l);
    assert_int_equal(r.bytes, s->trail.bytes);
    assert_int_equal(rows_of(s, 0, 1).first, r.first);
    free(big);
    store_close(s);
    loop_free(l);
}

/* A folder of a kubelab that knew no trail gets one. */
static void test_older(void **state)
{
    (void)state;
    struct loop *l = loop_new(&(struct loop_options){ .start_vtime_ns = 1 });
    store_close(open_store(l));
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "DROP TABLE audit", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    struct store *s = open_store(l);
    assert_int_equal(store_audit_put(s, STR("aaa")), 1);
    store_close(s);
    s = open_store(l);
    assert_string_equal(rows_of(s, 0, 100).text, "1 aaa,");
    store_close(s);
    loop_free(l);
}

static void test_full(void **state)
{
    (void)state;
    struct loop *l = loop_new(&(struct loop_options){ .start_vtime_ns = 1 });
    struct store *s = open_store(l);
    enum { BIG = 256 * 1024 };
    char *big = xcalloc(1, BIG);
    memset(big, 'b', BIG);
    store_audit_put(s, STR("aaa"));
    loop_turn(l);
    disk_limit_pages(s->disk, 1);
    int64_t row = store_audit_put(s, (struct str){ big, BIG });
    loop_turn(l);
    assert_false(store_healthy(s, NULL));
    assert_string_equal(rows_of(s, 0, 100).text, "1 aaa,2 bbb,");
    assert_true(store_audit_amend(s, row, (struct str){ big, BIG - 1 }));  /* what it told of has become another thing */
    for (int i = 0; i < 40; i++)                                           /* 10 MB: more than may wait */
        store_audit_put(s, (struct str){ big, BIG });
    assert_true(s->trail.pending.bytes <= TRAIL_PENDING_BYTES);
    store_audit_put(s, STR("zzz"));
    disk_limit_pages(s->disk, 0);
    for (int i = 0; i < 5; i++) {
        loop_advance(l, 1500000000, NULL, NULL);
        loop_turn(l);
    }
    assert_true(store_healthy(s, NULL));
    store_close(s);
    s = open_store(l);
    struct rows_read r = rows_of(s, 0, 100);
    assert_true(r.n == 2 + TRAIL_PENDING_BYTES / BIG || r.n == 1 + TRAIL_PENDING_BYTES / BIG);
    assert_int_equal(r.first, 1);
    assert_int_equal(r.last, 43);
    free(big);
    store_close(s);
    loop_free(l);
}

int main(void)
{
    log_set_level(LOG_ERROR + 1);                  /* the full disk is meant */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rows, disk_make, disk_remove),
        cmocka_unit_test_setup_teardown(test_bounds, disk_make, disk_remove),
        cmocka_unit_test_setup_teardown(test_older, disk_make, disk_remove),
        cmocka_unit_test_setup_teardown(test_full, disk_make, disk_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
