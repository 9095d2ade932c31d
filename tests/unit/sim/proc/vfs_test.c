/* Files: paths, layers that share and do not disturb each other, mounts, limits. */
#include "tests/unit/sim/proc/proc_test.h"

static void put(struct vfs *v, const char *path, const char *text)
{
    assert_true(vfs_put(v, path, str_c(text), 0644, 7));
}

static void expect(const struct vfs *v, const char *path, const char *text)
{
    struct str bytes;
    bool there = vfs_read(v, path, &bytes);
    if (there != (text != NULL) || (there && !str_eqc(bytes, text)))
        fail_msg("%s: %s, not %s", path, there ? bytes.p : "absent", text ? text : "absent");
}

static void test_paths(void **state)
{
    (void)state;
    struct vfs *v = vfs_new();
    struct vfs_stat st;
    put(v, "/a/b/c.txt", "one");
    expect(v, "a//b/./c.txt", "one");
    expect(v, "/a/x/../b/c.txt", "one");
    expect(v, "/../../a/b/c.txt", "one");
    expect(v, "/a/b", NULL);
    expect(v, "/a/b/c.txt/d", NULL);
    assert_false(vfs_put(v, "/a/b/c.txt/d", STR("x"), 0644, 0));          /* a parent is a file */
    assert_false(vfs_put(v, "/a/b", STR("x"), 0644, 0));
    assert_false(vfs_put(v, "/", STR("x"), 0644, 0));
    assert_false(vfs_mkdir(v, "/a/b/c.txt", 0755));
    assert_true(vfs_mkdir(v, "/a/b", 0700));
    assert_true(vfs_stat(v, "/a/b/c.txt", &st) && !st.is_dir && st.size == 3 && st.mode == 0644 && st.mtime_ns == 7);
    assert_true(vfs_stat(v, "/a/b", &st) && st.is_dir && st.mode == 0755);
    assert_true(vfs_stat(v, "/", &st) && st.is_dir);
    struct str own;
    assert_true(vfs_read(v, "/a/b/c.txt", &own));
    assert_true(vfs_put(v, "/a/b/c.txt", own, 0600, 8));                  /* its own bytes */
    expect(v, "/a/b/c.txt", "one");
    assert_true(vfs_remove(v, "/a"));
    assert_false(vfs_remove(v, "/a"));
    assert_false(vfs_stat(v, "/a/b", NULL));
    char deep[4200];
    memset(deep, 'x', sizeof deep - 1);
    deep[sizeof deep - 1] = 0;
    assert_false(vfs_put(v, deep, STR("x"), 0644, 0));
    for (size_t i = 0; i < sizeof deep - 1; i += 2)
        deep[i] = '/';
    assert_false(vfs_put(v, deep, STR("x"), 0644, 0));
    vfs_free(v);
}

static void test_layers(void **state)
{
    (void)state;
    struct vfs *base = vfs_new();
    put(base, "/etc/passwd", "root");
    put(base, "/etc/hosts", "base");
    struct vfs *a = vfs_layered(base), *b = vfs_layered(base);
    put(a, "/etc/hosts", "a");
    assert_true(vfs_remove(b, "/etc/passwd"));
    put(b, "/b", "b");
    put(base, "/etc/late", "late");                                       /* layers see their base as it was */
    expect(base, "/etc/hosts", "base");
    expect(base, "/etc/passwd", "root");
    expect(a, "/etc/hosts", "a");
    expect(a, "/etc/passwd", "root");
    expect(a, "/b", NULL);
    expect(a, "/etc/late", NULL);
    expect(b, "/etc/passwd", NULL);
    expect(b, "/etc/hosts", "base");
    vfs_free(base);
    struct vfs *c = vfs_layered(b);
    vfs_free(b);
    expect(c, "/b", "b");
    expect(a, "/etc/passwd", "root");
    vfs_free(c);
    vfs_free(a);
}

static void collect(void *ctx, struct str path, struct str bytes, const struct vfs_stat *st)
{
    strbuf_addf(ctx, STR_FMT "%s=" STR_FMT " ", STR_ARG(path), st->is_dir ? "/" : "", STR_ARG(bytes));
}

static void test_mounts_and_order(void **state)
{
    (void)state;
    struct vfs *v = vfs_new(), *secret = vfs_new(), *data = vfs_new();
    put(secret, "/token", "t");
    put(v, "/z", "z");
    put(v, "/mnt/hidden", "h");
    vfs_mount(v, "/var/run/secret", secret, true);
    vfs_mount(v, "/mnt", data, false);
    expect(v, "/var/run/secret/token", "t");
    expect(v, "/mnt/hidden", NULL);
    assert_false(vfs_put(v, "/var/run/secret/token", STR("x"), 0644, 0));
    assert_false(vfs_remove(v, "/var/run/secret/token"));
    assert_false(vfs_remove(v, "/mnt"));
    put(v, "/mnt/new", "n");
    expect(data, "/new", "n");                                            /* a volume is shared */
    struct strbuf all;
    strbuf_init(&all, 4096);
    vfs_each(v, collect, &all);
    assert_string_equal(all.p, "/mnt/= /mnt/new=n /var/= /var/run/= /var/run/secret/= /var/run/secret/token=t /z=z ");
    strbuf_deinit(&all);
    size_t cursor = 0;
    struct str name;
    assert_true(vfs_next(v, "/", &cursor, &name) && str_eqc(name, "mnt"));
    assert_true(vfs_next(v, "/", &cursor, &name) && str_eqc(name, "var"));
    assert_true(vfs_next(v, "/", &cursor, &name) && str_eqc(name, "z"));
    assert_false(vfs_next(v, "/", &cursor, &name));
    vfs_free(data);
    vfs_free(secret);
    vfs_free(v);
}

static void test_limits(void **state)
{
    (void)state;
    struct vfs *v = vfs_new();
    size_t n = 33u << 20;
    char *big = xcalloc(1, n);
    assert_true(vfs_put(v, "/one", (struct str){ big, n }, 0644, 0));
    assert_false(vfs_put(v, "/two", (struct str){ big, n }, 0644, 0));
    assert_true(vfs_put(v, "/one", (struct str){ big, n }, 0644, 0));     /* in its place there is room */
    assert_true(vfs_remove(v, "/one"));
    assert_true(vfs_put(v, "/two", (struct str){ big, n }, 0644, 0));
    free(big);
    vfs_free(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_paths), cmocka_unit_test(test_layers),
                                        cmocka_unit_test(test_mounts_and_order), cmocka_unit_test(test_limits) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
