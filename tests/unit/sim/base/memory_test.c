/* tests/unit/sim/base/memory_test.c - xalloc, arena, strbuf: alignment, growth, reuse, limits, order of deferred calls. */
#include "sim/base/base.h"

#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>

static void test_alignment_and_content(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    static const size_t sizes[] = { 0, 1, 15, 16, 17, 100, 900, 1024, 5000, 65536, 300000, 3, 8 };
    unsigned char *p[ARRAY_LEN(sizes) * 20];
    size_t total = 0;
    for (size_t i = 0; i < ARRAY_LEN(p); i++) {
        size_t n = sizes[i % ARRAY_LEN(sizes)];
        p[i] = arena_alloc(a, n);
        assert_int_equal((uintptr_t)p[i] % 16, 0);
        memset(p[i], (int)i & 255, n);
        total += n;
    }
    for (size_t i = 0; i < ARRAY_LEN(p); i++)
        for (size_t k = 0; k < sizes[i % ARRAY_LEN(sizes)]; k++)
            assert_int_equal(p[i][k], i & 255);
    assert_int_equal(arena_used(a), total);
    arena_free(a);
    arena_free(NULL);
}

static void test_zalloc_after_reset(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    for (int round = 0; round < 3; round++) {
        char *first = arena_zalloc(a, 200);
        for (size_t i = 0; i < 200; i++)
            assert_int_equal(first[i], 0);
        memset(first, 0xff, 200);
        memset(arena_alloc(a, 20000), 1, 20000);
        arena_reset(a);
        assert_int_equal(arena_used(a), 0);
    }
    arena_free(a);
}

/* What another arena has had is as good as new: of all sizes, also more of it than is kept. */
static void test_arena_reuse(void **state)
{
    (void)state;
    struct arena *many[400];
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < 400; i++) {
            many[i] = arena_new();
            for (size_t n = 100 * (i % 5 + 1), k = 0; k < i % 40; k++) {
                const char *p = arena_zalloc(many[i], n);
                assert_true(p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
                memset(arena_alloc(many[i], n), 0xff, n);
            }
        }
        for (size_t i = 0; i < 400; i++)
            arena_free(many[i]);
    }
    arena_thread_ends();
}

static void test_arena_realloc(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    char *p = arena_alloc(a, 10);
    memcpy(p, "abcdefghi", 10);
    char *grown = arena_realloc(a, p, 10, 100);
    assert_ptr_equal(grown, p);                    /* the latest one grows in place */
    arena_alloc(a, 1);
    char *moved = arena_realloc(a, grown, 100, 4000);
    assert_ptr_not_equal(moved, grown);
    assert_string_equal(moved, "abcdefghi");
    moved = arena_realloc(a, moved, 4000, 10);
    assert_string_equal(moved, "abcdefghi");
    char *fresh = arena_realloc(a, NULL, 0, 5);
    assert_non_null(fresh);
    size_t n = 0;
    char *digits = NULL;
    for (size_t next = 1; next < 200000; n = next, next *= 2) {
        digits = arena_realloc(a, digits, n, next);
        memset(digits + n, '7', next - n);
    }
    for (size_t i = 0; i < n; i++)
        assert_int_equal(digits[i], '7');
    arena_free(a);
}

static void test_arena_text(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    assert_string_equal(arena_printf(a, "%s-%d", "web", 7), "web-7");
    struct str s = arena_strf(a, "%0500d", 1);
    assert_int_equal(s.n, 500);
    assert_int_equal(s.p[499], '1');
    assert_int_equal(s.p[500], '\0');
    assert_string_equal(arena_str(a, str_sub(STR("abcdef"), 1, 3)).p, "bc");
    assert_string_equal(arena_cstr(a, STR_NULL), "");
    assert_null(arena_strdup(a, NULL));
    assert_string_equal(arena_strdup(a, "x"), "x");
    arena_free(a);
}

static char order[8];
static void note(void *arg)
{
    strncat(order, arg, 1);
}

static void free_it(void *p)
{
    free(p);
}

static void test_defer(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    order[0] = '\0';
    arena_defer(a, note, "a");
    arena_defer(a, note, "b");
    arena_defer(a, free_it, xmalloc(10));
    arena_reset(a);
    assert_string_equal(order, "ba");
    arena_defer(a, note, "c");
    arena_free(a);
    assert_string_equal(order, "bac");
}

static void test_strbuf(void **state)
{
    (void)state;
    struct strbuf b;
    strbuf_init(&b, 1000);
    assert_int_equal(strbuf_str(&b).n, 0);
    for (int i = 0; i < 100; i++)
        strbuf_addf(&b, "%d,", i % 10);
    assert_int_equal(b.n, 200);
    strbuf_consume(&b, 198);
    assert_string_equal(b.p, "9,");
    strbuf_add(&b, strbuf_str(&b));                /* repeats itself, also when that makes it move */
    for (int i = 0; i < 6; i++)
        strbuf_add(&b, strbuf_str(&b));
    assert_int_equal(b.n, 256);
    assert_memory_equal(b.p + 250, "9,9,9,", 7);
    strbuf_reset(&b);
    strbuf_addc(&b, "x");
    strbuf_addch(&b, 'y');
    size_t n;
    char *p = strbuf_detach(&b, &n);
    assert_string_equal(p, "xy");
    assert_int_equal(n, 2);
    free(p);
    p = strbuf_detach(&b, NULL);
    assert_string_equal(p, "");
    free(p);
    strbuf_deinit(&b);
    strbuf_deinit(&b);
}

static void test_strbuf_max(void **state)
{
    (void)state;
    struct strbuf b;
    strbuf_init(&b, 5);
    strbuf_addc(&b, "abc");
    assert_false(b.overflow);
    strbuf_addf(&b, "%0600d", 0);
    assert_true(b.overflow);
    assert_string_equal(b.p, "abc00");
    strbuf_consume(&b, 3);
    strbuf_addc(&b, "z");                          /* after an overflow nothing is added: it stays a prefix */
    assert_string_equal(b.p, "00");
    strbuf_reset(&b);
    strbuf_addc(&b, "12345");
    assert_false(b.overflow);
    assert_int_equal(b.n, 5);
    strbuf_deinit(&b);
    struct strbuf zeroed = { 0 };
    strbuf_deinit(&zeroed);
}

static void test_xalloc(void **state)
{
    (void)state;
    assert_null(xstrdup(NULL));
    char *p = xrealloc(xmalloc(0), 0), *s = xstrdup("hi"), *z = xcalloc(3, 5);
    assert_string_equal(s, "hi");
    for (size_t i = 0; i < 15; i++)
        assert_int_equal(z[i], 0);
    free(p);
    free(s);
    free(z);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alignment_and_content), cmocka_unit_test(test_zalloc_after_reset), cmocka_unit_test(test_arena_reuse),
        cmocka_unit_test(test_arena_realloc),
        cmocka_unit_test(test_arena_text), cmocka_unit_test(test_defer), cmocka_unit_test(test_strbuf),
        cmocka_unit_test(test_strbuf_max), cmocka_unit_test(test_xalloc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
