/* tests/unit/sim/base/file_test.c - whole files, atomically, with Go's words when it goes wrong. */
#include "sim/base/base.h"

#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static char dir[] = "/tmp/kubelab-file-test-XXXXXX";

static const char *at(struct arena *a, const char *name)
{
    return arena_printf(a, "%s/%s", dir, name);
}

static void test_write_and_read(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct err err = { 0 };
    struct str out;
    struct stat st;
    const char *path = at(a, "f");
    assert_true(file_write(path, STR("one\0two"), 0640, &err));
    assert_true(file_read(path, 100, a, &out, &err));
    assert_true(str_eq(out, STR("one\0two")));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    char *large = xmalloc(100000);
    memset(large, 'x', 100000);
    assert_true(file_write(path, (struct str){ large, 100000 }, 0600, &err));
    assert_true(file_read(path, 100000, a, &out, &err));
    assert_true(str_eq(out, (struct str){ large, 100000 }));
    free(large);
    assert_false(file_read(path, 99999, a, &out, &err));
    assert_int_equal(err.code, ERR_TOO_LARGE);
    assert_true(file_write(path, STR_NULL, 0600, &err));
    assert_true(file_read(path, 0, a, &out, &err));
    assert_int_equal(out.n, 0);
    arena_free(a);
}

static void test_errors(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct err err = { 0 };
    struct str out;
    const char *missing = at(a, "no/such");
    assert_false(file_read(missing, 10, a, &out, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_string_equal(err.msg, arena_printf(a, "open %s: no such file or directory", missing));
    assert_false(file_write(missing, STR("x"), 0600, &err));
    assert_string_equal(err.msg, arena_printf(a, "open %s: no such file or directory", missing));
    assert_false(file_read(dir, 10, a, &out, &err));
    assert_string_equal(err.msg, arena_printf(a, "read %s: is a directory", dir));
    assert_false(file_write(dir, STR("x"), 0600, &err));       /* and the temporary file is gone: rmdir at the end proves it */
    assert_int_equal(err.code, ERR_IO);
    arena_free(a);
}

static void test_device(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct err err = { 0 };
    struct stat st;
    const char *path = at(a, "null");
    if (mknod(path, S_IFCHR | 0666, makedev(1, 3)) != 0) {      /* it takes root to make one, and to replace one */
        arena_free(a);
        skip();
    }
    assert_true(file_write(path, STR("gone"), 0600, &err));
    assert_int_equal(lstat(path, &st), 0);
    assert_true(S_ISCHR(st.st_mode));
    unlink(path);
    arena_free(a);
}

static void test_dir_make(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct err err = { 0 };
    struct stat st;
    assert_true(dir_make(at(a, "x/y//z/"), 0755, &err));
    assert_true(dir_make(at(a, "x/y/z"), 0755, &err));
    assert_int_equal(stat(at(a, "x/y/z"), &st), 0);
    assert_true(S_ISDIR(st.st_mode));
    assert_true(file_write(at(a, "x/file"), STR("1"), 0600, &err));
    assert_false(dir_make(at(a, "x/file"), 0755, &err));
    assert_string_equal(err.msg, arena_printf(a, "mkdir %s: not a directory", at(a, "x/file")));
    assert_false(dir_make(at(a, "x/file/below"), 0755, &err));
    assert_false(dir_make("", 0755, &err));
    arena_free(a);
}

static void test_path_base(void **state)
{
    (void)state;
    static const struct { const char *path, *want; } rows[] = {
        { "/usr/bin/sh", "sh" }, { "sh", "sh" }, { "a/", "" }, { "/", "" }, { "", "" }, { NULL, "" },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_string_equal(path_base(rows[i].path), rows[i].want);
}

static int setup(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    static const char *files[] = { "f", "x/file" }, *dirs[] = { "x/y/z", "x/y", "x" };
    struct arena *a = arena_new();
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        unlink(at(a, files[i]));
    for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
        rmdir(at(a, dirs[i]));
    arena_free(a);
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write_and_read), cmocka_unit_test(test_errors), cmocka_unit_test(test_device),
            cmocka_unit_test(test_dir_make), cmocka_unit_test(test_path_base),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
