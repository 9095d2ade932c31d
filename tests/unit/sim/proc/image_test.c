/* Names of images, the catalog, the store, and pulling. */
#include "tests/unit/sim/proc/proc_test.h"

static const struct { const char *ref, *key, *shown; } names[] = {
    { "busybox", "docker.io/library/busybox:latest", "busybox:latest" },
    { "busybox:1.31", "docker.io/library/busybox:1.31", "busybox:1.31" },
    { "docker.io/library/busybox:1.31", "docker.io/library/busybox:1.31", "busybox:1.31" },
    { "index.docker.io/busybox", "docker.io/library/busybox:latest", "busybox:latest" },
    { "weaveworks/weave-kube:2.6.0", "docker.io/weaveworks/weave-kube:2.6.0", "weaveworks/weave-kube:2.6.0" },
    { "k8s.gcr.io/pause:3.1", "k8s.gcr.io/pause:3.1", "k8s.gcr.io/pause:3.1" },
    { "localhost:5000/a/b", "localhost:5000/a/b:latest", "localhost:5000/a/b:latest" },
    { "a@sha256:12", "docker.io/library/a@sha256:12", "a@sha256:12" },
};
static const struct { const char *ref, *error; } checks[] = {
    { "target", NULL }, { "k8s.gcr.io/metrics-server/metrics-server:v0.3.7", NULL }, { "a__b/c-d:T_1", NULL },
    { "localhost:5000/x", NULL },
    { "Target", "invalid reference format: repository name must be lowercase" }, { "", "invalid reference format" },
    { "a:", "invalid reference format" },
    { "a b", "invalid reference format" }, { "a//b", "invalid reference format" }, { ":x", "invalid reference format" },
    { "a:-x", "invalid reference format" },
};

static void test_names(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_string_equal(image_normalize(a, str_c(names[i].ref)), names[i].key);
        assert_string_equal(image_display(a, str_c(names[i].ref)), names[i].shown);
    }
    for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
        struct err err = { 0 };
        assert_int_equal(image_ref_check(str_c(checks[i].ref), &err), checks[i].error == NULL);
        if (checks[i].error)
            assert_string_equal(err.msg, checks[i].error);
    }
    arena_free(a);
}

/* Each record has what the kubelet needs. */
static void test_catalog(void **state)
{
    (void)state;
    static const struct { const char *ref, *program; } want[] = {
        { "k8s.gcr.io/kube-apiserver:v1.16.6", "kube-apiserver" },
        { "k8s.gcr.io/kube-controller-manager:v1.20.2", "kube-controller-manager" },
        { "registry.k8s.io/kube-scheduler:v1.34.1", "kube-scheduler" },
        { "k8s.gcr.io/kube-proxy:v1.16.6", "kube-proxy" }, { "k8s.gcr.io/etcd:3.3.15-0", "etcd" },
        { "k8s.gcr.io/etcd:3.4.13-0", "etcd" }, { "k8s.gcr.io/coredns:1.6.2", "coredns" },
        { "k8s.gcr.io/coredns:1.7.0", "coredns" }, { "k8s.gcr.io/pause:3.1", "pause" }, { "k8s.gcr.io/pause:3.2", "pause" },
        { "weaveworks/weave-kube:2.6.0", "daemon" },
        { "weaveworks/weave-npc:2.6.0", "daemon" }, { "k8s.gcr.io/metrics-server-amd64:v0.3.6", "metrics-server" },
        { "k8s.gcr.io/metrics-server/metrics-server:v0.3.7", "metrics-server" },
        { "busybox", "sh" }, { "php:5-apache", "httpd" }, { "php:8-apache", "httpd" }, { "nginx", "httpd" }, { "httpd", "httpd" },
        { "alpine", "sh" }, { "k8s.gcr.io/hpa-example", "httpd" },
    };
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        const struct json *r = image_catalog_find(str_c(want[i].ref));
        int64_t created;
        if (!r || !str_eqc(json_get_str(r, "program"), want[i].program) || json_get_str(r, "id").n != 71 ||
            json_get_str(r, "digest").n != 71 || json_get_int(r, "size", 0) < 1000 ||
            json_len(json_get(r, "layers")) == 0 || !time_parse_rfc3339(json_get_str(r, "created"), &created) ||
            !json_path(r, "load.mean_nanocores"))
            fail_msg("record of %s", want[i].ref);
    }
    assert_null(image_catalog_find(STR("target")));
    assert_null(image_catalog_find(STR("busybox:9")));
    assert_true(str_starts(json_get_str(image_catalog_find(STR("php:5-apache")), "id"), "sha256:24c791995c1e"));
    assert_ptr_equal(image_catalog_find(STR("php@sha256:0a40fd273961b99d8afe69a61a68c73c04bc0caa9de384d3b2dd9e7986eec86d")),
                     image_catalog_find(STR("php:5-apache")));
}

struct result { int64_t at; int calls; const struct json *record; char error[300]; };
static struct loop *the_loop;

static void on_pulled(void *ctx, const struct json *record, const struct err *err)
{
    struct result *r = ctx;
    r->calls++;
    r->at = vtime_now(the_loop);
    r->record = record;
    if (err)
        memcpy(r->error, err->msg, sizeof r->error - 1);
}

static char saved[4096];

static void on_save(void *ctx, const char *ref, struct str record, const struct vfs *files)
{
    (void)ctx;
    (void)files;
    size_t n = strlen(saved);
    snprintf(saved + n, sizeof saved - n, "%s%s ", record.p ? "" : "-", ref);
}

static void test_pull(void **state)
{
    (void)state;
    static const struct { const char *ref, *error; } wrong[] = {
        { "target", "Error response from daemon: pull access denied for target, repository does not exist or may require 'docker "
                    "login': denied: requested access to the resource is denied" },
        { "busybox:9", "Error response from daemon: manifest for busybox:9 not found: manifest unknown: manifest unknown" },
        { "k8s.gcr.io/foo:1", "Error response from daemon: manifest for k8s.gcr.io/foo:1 not found: manifest unknown: Failed to "
                              "fetch \"1\" from request \"/v2/foo/manifests/1\"." },
        { "reg.example/a", "Error response from daemon: Get https://reg.example/v2/: dial tcp: lookup reg.example: no such host" },
    };
    struct loop *l = the_loop = test_loop();
    struct image_store *s = image_store_new(l, &(struct image_store_ops){ .save = on_save });
    struct result r[3] = { 0 };
    int64_t start = vtime_now(l);
    saved[0] = 0;
    image_pull(s, STR("busybox"), on_pulled, &r[0]);
    image_pull(s, STR("php:5-apache"), on_pulled, &r[1]);                 /* waits for its turn */
    image_pull(s, STR("busybox"), on_pulled, &r[2]);
    assert_int_equal(r[0].calls, 0);
    assert_null(image_find(s, STR("busybox")));
    test_advance(l, 20 * (int64_t)NS_PER_S);
    assert_int_equal(r[0].at - start, 512200000);
    assert_in_range(r[1].at - r[0].at, 4049990000, 4050000000);
    assert_int_equal(r[2].at - r[1].at, 500000000);
    assert_string_equal(saved, "docker.io/library/busybox:latest docker.io/library/php:5-apache ");
    assert_ptr_equal(image_find(s, STR("busybox:latest")), r[0].record);
    assert_ptr_equal(image_find(s, STR("24c791995c1e")), r[1].record);
    assert_ptr_equal(image_find(s, json_get_str(r[1].record, "id")), r[1].record);
    struct vfs_stat st;
    assert_true(vfs_stat(image_files(s, STR("php:5-apache")), "/var/www/html", &st) && st.is_dir && st.mode == 0777);
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct result w = { 0 };
        image_pull(s, str_c(wrong[i].ref), on_pulled, &w);
        test_advance(l, NS_PER_S);
        assert_true(w.calls == 1 && !w.record);
        assert_string_equal(w.error, wrong[i].error);
    }
    image_pull(s, STR("nginx"), on_pulled, &r[0]);                        /* under way when the store goes */
    test_advance(l, NS_PER_S);
    image_store_free(s);
    loop_free(l);
}

static void test_store(void **state)
{
    (void)state;
    struct loop *l = test_loop();
    struct arena *a = arena_new();
    struct image_store *s = image_store_new(l, &(struct image_store_ops){ .save = on_save });
    struct vfs *files = vfs_new();
    saved[0] = 0;
    vfs_put(files, "/x", STR("x"), 0644, 0);
    image_put(s, STR("target"), json_buildf(a, "{'id':'sha256:0123456789abcdef','program':'httpd'}"), files);
    vfs_free(files);
    const struct json *first = image_find(s, STR("target:latest")), *found;
    assert_true(str_eqc(json_get_str(first, "ref"), "target:latest"));
    image_put(s, STR("target"), json_buildf(a, "{'id':'sha256:1123456789abcdef','program':'httpd'}"), NULL);
    assert_true(str_eqc(json_get_str(first, "program"), "httpd"));        /* a process may still hold it */
    assert_false(vfs_stat(image_files(s, STR("target")), "/x", NULL));
    assert_null(image_find(s, STR("0123456789ab")));
    size_t cursor = 0;
    assert_true(image_next(s, &cursor, &found) && found == image_find(s, STR("target")));
    assert_false(image_next(s, &cursor, &found));
    assert_true(image_remove(s, STR("target")));
    assert_false(image_remove(s, STR("target")));
    assert_string_equal(saved, "-docker.io/library/target:latest ");
    image_store_free(s);
    arena_free(a);
    loop_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_names), cmocka_unit_test(test_catalog), cmocka_unit_test(test_pull),
                                        cmocka_unit_test(test_store) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
