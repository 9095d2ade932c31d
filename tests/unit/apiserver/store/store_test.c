/* tests/unit/apiserver/store/store_test.c - the store in memory: compare and swap, lists, watches, facts, the digest. */
#include "apiserver/store/store_priv.h"

#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>

struct fixture { struct loop *l; struct store *s; };

static struct store *open_memory(struct loop *l, size_t history)
{
    struct store *s = store_open(&(struct store_options){ .loop = l, .path = ":memory:", .history_max = history }, NULL);
    assert_non_null(s);
    return s;
}

static struct fixture set_up(size_t history)
{
    struct loop *l = loop_new(&(struct loop_options){ .start_vtime_ns = 1 });
    return (struct fixture){ l, open_memory(l, history) };
}

static void tear_down(struct fixture f)
{
    loop_turn(f.l);
    store_close(f.s);
    loop_free(f.l);
}

static bool put(struct store *s, const char *key, const char *value, int64_t expect, struct err *err)
{
    struct object *o = object_new(str_c(value));
    o->rv = store_next_revision(s);
    bool ok = store_put(s, str_c(key), o, expect, err);
    object_unref(o);
    return ok;
}

static bool del(struct store *s, const char *key, int64_t expect, struct err *err)
{
    struct object *o = object_new(STR("{\"gone\":true}"));
    o->rv = store_next_revision(s);
    bool ok = store_delete(s, str_c(key), o, expect, err);
    object_unref(o);
    return ok;
}

static void test_compare_and_swap(void **state)
{
    (void)state;
    struct fixture f = set_up(0);
    assert_int_equal(store_revision(f.s), 1);
    static const struct { const char *op, *key; int64_t expect; enum err_code want; int64_t rev; } steps[] = {
        { "put", "/a", 0, ERR_NONE, 2 },         { "put", "/a", 0, ERR_ALREADY_EXISTS, 2 }, { "put", "/a", 2, ERR_NONE, 3 },
        { "put", "/a", 2, ERR_CONFLICT, 3 },     { "put", "/b", 2, ERR_NOT_FOUND, 3 },      { "put", "/b", -1, ERR_NONE, 4 },
        { "put", "/b", -1, ERR_NONE, 5 },        { "del", "/c", -1, ERR_NOT_FOUND, 5 },     { "del", "/a", 2, ERR_CONFLICT, 5 },
        { "del", "/a", 3, ERR_NONE, 6 },         { "del", "/a", 3, ERR_NOT_FOUND, 6 },      { "put", "/a", 0, ERR_NONE, 7 },
        { "del", "/b", -1, ERR_NONE, 8 },
    };
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct err err = { 0 };
        bool ok = steps[i].op[0] == 'p' ? put(f.s, steps[i].key, "{}", steps[i].expect, &err)
                  : del(f.s, steps[i].key, steps[i].expect, &err);
        assert_int_equal(ok, steps[i].want == ERR_NONE);
        assert_int_equal(err.code, steps[i].want);
        assert_int_equal(store_revision(f.s), steps[i].rev);
        if (i % 3 == 0)
            loop_turn(f.l);                        /* the same with and without a commit in between */
    }
    assert_null(store_get(f.s, STR("/b")));
    struct object *o = store_get(f.s, STR("/a"));
    assert_int_equal(o->rv, 7);
    object_unref(o);
    tear_down(f);
}

struct listing { struct strbuf text; size_t max, n; };

static bool on_item(void *ctx, struct str key, struct object *o)
{
    struct listing *l = ctx;
    strbuf_addf(&l->text, STR_FMT "@%" PRId64 " ", STR_ARG(key), o->rv);
    return ++l->n < l->max;
}

static void check_list(struct store *s, const char *prefix, const char *after, size_t max, const char *want)
{
    struct listing l = { .max = max };
    strbuf_init(&l.text, 4096);
    store_list(s, str_c(prefix), str_c(after), on_item, &l);
    assert_string_equal(l.text.p ? l.text.p : "", want);
    strbuf_deinit(&l.text);
}

static void test_list(void **state)
{
    (void)state;
    struct fixture f = set_up(0);
    static const char *const keys[] = { "/r/b/2", "/r/a/1", "/r/b/1", "/r/c", "/r/b", "/r/b/10" };
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        assert_true(put(f.s, keys[i], "{}", 0, NULL));
    check_list(f.s, "/r/b/", "", 9, "/r/b/1@4 /r/b/10@7 /r/b/2@2 ");
    check_list(f.s, "/r/b/", "/r/b/1", 1, "/r/b/10@7 ");
    check_list(f.s, "/r/b/", "/r/b/1x", 9, "/r/b/2@2 ");
    check_list(f.s, "/r/b/", "/r/z", 9, "");
    check_list(f.s, "/r/b/", "/a", 1, "/r/b/1@4 ");
    check_list(f.s, "", "", 2, "/r/a/1@3 /r/b@6 ");
    assert_int_equal(store_count(f.s, STR("/r/b/")), 3);
    assert_int_equal(store_count(f.s, STR("/r/b")), 4);
    assert_int_equal(store_count(f.s, STR("")), 6);
    assert_int_equal(store_count(f.s, STR("/x")), 0);
    tear_down(f);
}

/* ---- watches ---- */

struct seen { struct store *s; struct store_watcher *w; struct strbuf text; int stop_after; bool write; };

static void on_event(void *ctx, const struct store_event *ev)
{
    struct seen *seen = ctx;
    strbuf_addf(&seen->text, "%c" STR_FMT "@%" PRId64 "%s ", "AMD"[ev->type], STR_ARG(ev->key), ev->rev, ev->prev ? "p" : "");
    assert_int_equal(ev->obj->rv, ev->rev);
    if (seen->write) {
        seen->write = false;
        assert_true(put(seen->s, "/a/from-callback", "{}", 0, NULL));
    }
    if (seen->stop_after && --seen->stop_after == 0) {
        store_watch_stop(seen->w);
        seen->w = NULL;
    }
}

static void start(struct seen *seen, struct store *s, const char *prefix, int64_t rev)
{
    *seen = (struct seen){ .s = s };
    strbuf_init(&seen->text, 1 << 20);
    seen->w = store_watch(s, str_c(prefix), rev, on_event, seen, NULL);
    assert_non_null(seen->w);
}

static void stop(struct seen *seen, const char *want)
{
    assert_string_equal(seen->text.p ? seen->text.p : "", want);
    if (seen->w)
        store_watch_stop(seen->w);
    strbuf_deinit(&seen->text);
}

static void test_watch(void **state)
{
    (void)state;
    struct fixture f = set_up(0);
    put(f.s, "/a/1", "{}", 0, NULL);
    put(f.s, "/b/1", "{}", 0, NULL);
    struct seen all, a, b, late, stopped, writer;
    start(&all, f.s, "", 1);
    start(&a, f.s, "/a/", 2);
    start(&b, f.s, "/b/", 1);
    start(&stopped, f.s, "/a/", 1);
    start(&writer, f.s, "/b/", 3);
    stopped.stop_after = 2;
    writer.write = true;
    assert_true(all.text.n == 0);                  /* nothing inside the call */
    loop_turn(f.l);
    put(f.s, "/a/1", "{}", -1, NULL);
    assert_true(a.text.n == 0);
    loop_turn(f.l);
    del(f.s, "/b/1", -1, NULL);
    loop_turn(f.l);
    start(&late, f.s, "/a/", store_revision(f.s));
    put(f.s, "/a/2", "{}", -1, NULL);
    stop(&late, "");                               /* woken, but stopped before it ran */
    loop_turn(f.l);
    stop(&all, "A/a/1@2 A/b/1@3 M/a/1@4p D/b/1@5p A/a/from-callback@6 A/a/2@7 ");
    stop(&a, "M/a/1@4p A/a/from-callback@6 A/a/2@7 ");
    stop(&b, "A/b/1@3 D/b/1@5p ");
    stop(&stopped, "A/a/1@2 M/a/1@4p ");
    stop(&writer, "D/b/1@5p ");
    tear_down(f);
}

static void test_window(void **state)
{
    (void)state;
    struct fixture f = set_up(4);
    struct seen burst;
    start(&burst, f.s, "/k", 1);
    for (int i = 0; i < 10; i++)
        put(f.s, "/k", "{}", -1, NULL);            /* more than the window in one turn: nothing is missed */
    loop_turn(f.l);
    stop(&burst, "A/k@2 M/k@3p M/k@4p M/k@5p M/k@6p M/k@7p M/k@8p M/k@9p M/k@10p M/k@11p ");
    struct err err = { 0 };
    assert_null(store_watch(f.s, STR("/"), 6, on_event, &burst, &err));
    assert_int_equal(err.code, ERR_EXPIRED);
    assert_string_equal(err.msg, "too old resource version: 6 (7)");
    assert_null(store_watch(f.s, STR("/"), 12, on_event, &burst, &err));
    assert_int_equal(err.code, ERR_TIMEOUT);
    assert_string_equal(err.msg, "Too large resource version: 12, current: 11");
    start(&burst, f.s, "/k", 7);
    loop_turn(f.l);
    stop(&burst, "M/k@8p M/k@9p M/k@10p M/k@11p ");
    tear_down(f);
}

static void test_trees(void **state)
{
    (void)state;
    struct fixture f = set_up(0);
    put(f.s, "/a", "{\"v\":1}", 0, NULL);
    put(f.s, "/b", "{\"v\":1}", 0, NULL);
    loop_turn(f.l);
    struct object *a = store_get(f.s, STR("/a")), *b = store_get(f.s, STR("/b"));
    object_json(a);
    object_json(b);
    put(f.s, "/a", "{\"v\":2}", -1, NULL);
    put(f.s, "/b", "{\"v\":2}", -1, NULL);
    object_unref(a);                               /* the history still holds it */
    assert_non_null(a->tree);
    loop_turn(f.l);
    assert_null(a->tree);
    assert_non_null(b->tree);                      /* somebody else may be looking */
    object_unref(b);
    tear_down(f);
}

/* ---- facts ---- */

static void on_meta(void *ctx, struct str name, struct str value)
{
    strbuf_addf(ctx, STR_FMT "=" STR_FMT " ", STR_ARG(name), STR_ARG(value));
}

static void check_meta(struct store *s, const char *prefix, const char *want)
{
    struct strbuf b;
    strbuf_init(&b, 4096);
    store_each_meta(s, prefix, on_meta, &b);
    assert_string_equal(b.p ? b.p : "", want);
    strbuf_deinit(&b);
}

static void test_meta(void **state)
{
    (void)state;
    struct fixture f = set_up(0);
    struct arena *a = arena_new();
    store_meta_put(f.s, "j/2", STR("two"));
    store_meta_put(f.s, "clock", STR("1"));
    loop_turn(f.l);
    store_meta_put(f.s, "j/1", STR("one"));
    store_meta_put(f.s, "j/3", STR(""));
    store_meta_put(f.s, "clock", STR("2"));
    for (int i = 0; i < 2; i++) {                  /* before and after the commit */
        check_meta(f.s, "j/", "j/1=one j/2=two j/3= ");
        check_meta(f.s, "", "clock=2 j/1=one j/2=two j/3= ");
        assert_true(str_eqc(store_meta_get(f.s, a, "clock"), "2"));
        loop_turn(f.l);
    }
    store_meta_remove(f.s, "j/2");
    for (int i = 0; i < 2; i++) {
        check_meta(f.s, "j/", "j/1=one j/3= ");
        assert_true(store_meta_get(f.s, a, "j/2").n == 0);
        loop_turn(f.l);
    }
    assert_int_equal(store_revision(f.s), 1);
    arena_free(a);
    tear_down(f);
}

static void test_digest(void **state)
{
    (void)state;
    struct fixture f = set_up(0);
    struct store *other = open_memory(f.l, 0);
    char one[65], two[65];
    put(f.s, "/a", "{}", 0, NULL);
    put(f.s, "/b", "{1}", 0, NULL);
    put(other, "/a", "{}", 0, NULL);
    store_digest(f.s, one);
    store_digest(other, two);
    assert_string_not_equal(one, two);
    loop_turn(f.l);
    put(other, "/b", "{1}", 0, NULL);
    store_digest(other, two);
    assert_string_equal(one, two);
    put(other, "/b", "{1}", -1, NULL);
    store_digest(other, two);
    assert_string_not_equal(one, two);
    loop_turn(f.l);
    store_close(other);
    tear_down(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compare_and_swap), cmocka_unit_test(test_list), cmocka_unit_test(test_watch),
            cmocka_unit_test(test_window),
        cmocka_unit_test(test_trees), cmocka_unit_test(test_meta), cmocka_unit_test(test_digest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
