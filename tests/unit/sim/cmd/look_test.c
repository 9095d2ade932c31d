/* tests/unit/sim/cmd/look_test.c - what looks are made of: rings of rows that survive the process, and the audit trail in short. */
#include "apiserver/store/store.h"
#include "sim/cmd/look.h"

#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/apiserver/store/disk.h"

static struct store *open_store(struct loop *l)
{
    struct err err = { 0 };
    struct store *s = store_open(&(struct store_options){ .loop = l, .path = path }, &err);
    if (!s)
        fail_msg("%s", err.msg);
    return s;
}

static void on_row(void *ctx, struct str row)
{
    struct strbuf *out = ctx;
    strbuf_add(out, row);
    strbuf_addch(out, ' ');
}

static void expect_rows(const struct ring *r, const char *want)
{
    struct strbuf out;
    strbuf_init(&out, 1 << 16);
    ring_each(r, on_row, &out);
    strbuf_addch(&out, 0);
    assert_string_equal(out.p, want);
    strbuf_deinit(&out);
}

static void add_rows(struct ring *r, int from, int to)
{
    char text[16];
    for (int i = from; i <= to; i++) {
        snprintf(text, sizeof text, "r%d", i);
        ring_add(r, str_c(text));
    }
}

/* The newest `max` in their order, in memory or on disk alone, at any place of the slots, also after a restart. */
static void test_ring(void **state)
{
    (void)state;
    struct loop *l = loop_new(&(struct loop_options){ .start_vtime_ns = 1 });
    struct store *s = open_store(l);
    struct ring *kept = ring_new(s, "kept", 4, true), *lean = ring_new(s, "lean", 4, false);
    expect_rows(kept, "");
    add_rows(kept, 1, 3);
    add_rows(lean, 1, 3);
    expect_rows(kept, "r1 r2 r3 ");
    add_rows(kept, 4, 6);
    add_rows(lean, 4, 8);
    loop_turn(l);
    expect_rows(kept, "r3 r4 r5 r6 ");
    expect_rows(lean, "r5 r6 r7 r8 ");
    ring_free(kept);
    ring_free(lean);
    store_close(s);
    s = open_store(l);
    kept = ring_new(s, "kept", 4, true);
    lean = ring_new(s, "lean", 4, false);
    expect_rows(kept, "r3 r4 r5 r6 ");
    add_rows(kept, 7, 7);
    add_rows(lean, 9, 9);
    loop_turn(l);
    expect_rows(kept, "r4 r5 r6 r7 ");
    expect_rows(lean, "r6 r7 r8 r9 ");
    ring_free(kept);
    ring_free(lean);
    store_close(s);
    loop_free(l);
}

/* ---- the audit trail ---- */
static const struct { const char *event, *row; } audit_cases[] = {
    { "{\"requestURI\":\"/api/v1/namespaces/default/pods/a?x=1\",\"verb\":\"delete\",\"user\":{\"username\":\"ada\","
      "\"groups\":[\"g\"]},"
      "\"userAgent\":\"kubectl/v1\",\"objectRef\":{\"resource\":\"pods\",\"namespace\":\"default\",\"name\":\"a\"},"
      "\"responseStatus\":{\"code\":200},\"requestReceivedTimestamp\":\"2020-01-25T00:00:00.250000Z\"}",
      "{\"seq\":7,\"time\":\"2020-01-25T00:00:00.250000Z\",\"seconds\":1579910400.25,\"user\":\"ada\",\"groups\":[\"g\"],"
      "\"verb\":\"delete\","
      "\"resource\":\"pods\",\"namespace\":\"default\",\"name\":\"a\",\"code\":200,\"userAgent\":\"kubectl/v1\"}" },
    { "{\"requestURI\":\"/healthz?verbose\",\"verb\":\"get\",\"user\":{\"username\":\"system:anonymous\"},"
      "\"impersonatedUser\":{\"username\":\"bob\"},\"responseStatus\":{\"code\":403},"
      "\"requestReceivedTimestamp\":\"2020-01-25T00:00:01Z\"}",
      "{\"seq\":7,\"time\":\"2020-01-25T00:00:01Z\",\"seconds\":1579910401,\"user\":\"system:anonymous\",\"as\":\"bob\","
      "\"verb\":\"get\","
      "\"path\":\"/healthz\",\"code\":403}" },
    { "{}", "{\"seq\":7,\"time\":\"\",\"seconds\":0,\"code\":0}" },
};

static void test_audit_row(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(audit_cases); i++) {
        struct arena *a = arena_new();
        struct strbuf out;
        strbuf_init(&out, 1 << 16);
        audit_short_row(a, 7, str_c(audit_cases[i].event), &out);
        strbuf_addch(&out, 0);
        assert_string_equal(out.p, audit_cases[i].row);
        strbuf_deinit(&out);
        arena_free(a);
    }
}

/* Past 5000 rows the oldest 1000 go at once, and how many went is told. */
static void test_audit_bound(void **state)
{
    (void)state;
    struct loop *l = loop_new(&(struct loop_options){ .start_vtime_ns = 1 });
    struct store *s = open_store(l);
    struct audit_short *t = audit_short_new(s);
    struct strbuf out;
    strbuf_init(&out, LIMIT_RESPONSE_BYTES);
    for (int i = 0; i < 5000; i++)
        store_audit_put(s, STR("{\"verb\":\"get\"}"));
    assert_int_equal(audit_short_write(t, &out), 0);
    assert_true(str_starts(strbuf_str(&out), "{\"seq\":1,"));
    out.n = 0;
    store_audit_put(s, STR("{\"verb\":\"list\"}"));
    assert_int_equal(audit_short_write(t, &out), 1000);
    assert_true(str_starts(strbuf_str(&out), "{\"seq\":1001,"));
    assert_true(str_ends(strbuf_str(&out), "\"verb\":\"list\",\"code\":0}"));
    strbuf_deinit(&out);
    audit_short_free(t);
    store_close(s);
    loop_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_ring, disk_make, disk_remove),
        cmocka_unit_test(test_audit_row),
        cmocka_unit_test_setup_teardown(test_audit_bound, disk_make, disk_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
