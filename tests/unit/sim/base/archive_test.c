/* tests/unit/sim/base/archive_test.c - tar and gzip: what is written is read, damage is told, nothing larger than allowed comes
 * out. */
#include "sim/base/archive.h"

#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>

static struct tar_entry entry(const char *name, char type, struct str bytes)
{
    struct tar_entry e = { .type = type, .mode = 0640, .mtime_s = 1546300800, .bytes = bytes };
    snprintf(e.name, sizeof e.name, "%s", name);
    return e;
}

/* Two files and a folder; the second file fills its blocks. */
static void write_three(struct strbuf *out, const char *block)
{
    strbuf_init(out, 1 << 20);
    tar_add(out, &(struct tar_entry){ .name = "a/", .type = TAR_DIR, .mode = 0755 });
    struct tar_entry small = entry("a/small", TAR_FILE, STR("hello")),
                     full = entry("a/full", TAR_FILE, (struct str){ block, TAR_BLOCK_BYTES });
    tar_add(out, &small);
    tar_add(out, &full);
    tar_end(out);
}

static void test_round_trip(void **state)
{
    (void)state;
    char block[TAR_BLOCK_BYTES];
    struct strbuf out;
    struct tar_entry e;
    const char *why;
    memset(block, 'x', sizeof block);
    write_three(&out, block);
    struct str tar = strbuf_str(&out);
    assert_int_equal(tar.n, (3 + 1 + 1 + 2) * TAR_BLOCK_BYTES);
    assert_true(tar_next(&tar, &e, &why));
    assert_string_equal(e.name, "a/");
    assert_int_equal(e.type, TAR_DIR);
    assert_int_equal(e.mode, 0755);
    assert_true(tar_next(&tar, &e, &why));
    assert_string_equal(e.name, "a/small");
    assert_true(str_eqc(e.bytes, "hello"));
    assert_int_equal(e.mode, 0640);
    assert_int_equal(e.mtime_s, 1546300800);
    assert_true(tar_next(&tar, &e, &why));
    assert_int_equal(e.bytes.n, TAR_BLOCK_BYTES);
    assert_false(tar_next(&tar, &e, &why));
    assert_null(why);
    assert_int_equal(tar.n, 2 * TAR_BLOCK_BYTES);
    strbuf_deinit(&out);
}

/* Cut off at any byte it ends, or says that it is damaged; any changed byte of a header is noticed. */
static void test_damage(void **state)
{
    (void)state;
    char block[TAR_BLOCK_BYTES] = { 0 };
    struct strbuf out;
    struct tar_entry e;
    const char *why;
    write_three(&out, block);
    for (size_t n = 0; n < out.n; n++) {
        struct str tar = { out.p, n };
        while (tar_next(&tar, &e, &why))
            assert_true(e.bytes.n <= n);
        assert_true(why || n % TAR_BLOCK_BYTES == 0 || n > out.n - TAR_BLOCK_BYTES);     /* one closing block will do */
    }
    for (size_t i = 0; i < TAR_BLOCK_BYTES; i++) {
        struct str tar = strbuf_str(&out);
        if (i == 155)                                  /* behind the sum's own end: nobody reads that byte */
            continue;
        out.p[i] ^= 0x08;
        if (tar_next(&tar, &e, &why))
            fail_msg("byte %zu of a header was changed, and nobody noticed", i);
        assert_non_null(why);
        out.p[i] ^= 0x08;
    }
    strbuf_deinit(&out);
}

/* A file that claims to be longer than what there is, by its header's own right sum. */
static void test_too_long(void **state)
{
    (void)state;
    struct strbuf out;
    struct tar_entry e = entry("f", TAR_FILE, STR("0123456789")), got;
    const char *why;
    strbuf_init(&out, 1 << 20);
    tar_add(&out, &e);
    struct str tar = { out.p, TAR_BLOCK_BYTES + 10 };
    assert_false(tar_next(&tar, &got, &why));
    assert_string_equal(why, "a file is longer than the rest of it");
    strbuf_deinit(&out);
}

static void test_gzip(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct err err = { 0 };
    struct str back, text = str_c(arena_printf(a, "%0*d", 100000, 7)), packed = gzip_pack(a, text, 9);
    assert_true(packed.n < 1000);
    assert_true(gzip_unpack(a, packed, text.n, &back, &err));
    assert_true(str_eq(back, text));
    assert_false(gzip_unpack(a, packed, text.n - 1, &back, &err));
    assert_int_equal(err.code, ERR_TOO_LARGE);
    err_clear(&err);
    assert_false(gzip_unpack(a, str_sub(packed, 0, packed.n - 1), text.n, &back, &err));
    assert_int_equal(err.code, ERR_PARSE);
    err_clear(&err);
    assert_false(gzip_unpack(a, str_c(arena_printf(a, "no gzip")), text.n, &back, &err));
    err_clear(&err);
    char *longer = arena_alloc(a, packed.n + 1);
    memcpy(longer, packed.p, packed.n);
    longer[packed.n] = 0;
    assert_false(gzip_unpack(a, (struct str){ longer, packed.n + 1 }, text.n, &back, &err));
    assert_true(str_starts(str_c(err.msg), "something follows its gzip data"));
    err_clear(&err);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_damage), cmocka_unit_test(test_too_long), cmocka_unit_test(test_gzip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
